/* SPDX-License-Identifier: MIT */
/* Writes the seed corpora of the codec targets: one input per structure and method.
 *
 * usage: fuzz_seeds CORPUS_FOLDER (test/fuzz/corpus) */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "overlay/base/invariant.h"
#include "overlay/wire/body_data.h"
#include "overlay/wire/frame.h"
#include "overlay/wire/method.h"
#include "test/fuzz/seeds_hip.h"
#include "test/unit/wire/sample.h"

/* `choice` >= 0 goes before the bytes: the structure that the target is to choose. */
static void seed_write(const char *corpus, const char *target, const char *name, int choice,
		       struct slice bytes)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", corpus, target);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/%s/%s", corpus, target, name);
	file = fopen(path, "wb");
	if (file == NULL) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	if (choice >= 0)
		fputc(choice, file);
	fwrite(bytes.data, 1, bytes.len, file);
	if (fclose(file) != 0) {
		perror(path);
		exit(EXIT_FAILURE);
	}
}

/* Which structure of which target a message code's body is; the order is that of the targets' tables. */
static const struct {
	uint16_t code;
	const char *target;
	int choice;
} seed_bodies[] = {
	{ 0x03, "body_routing", 1 }, { 0x1d, "body_routing", 2 }, { 0x0f, "body_routing", 3 },
	{ 0x10, "body_routing", 4 }, { 0x11, "body_routing", 5 }, { 0x15, "body_routing", 6 },
	{ 0x16, "body_routing", 7 }, { 0x13, "body_routing", 8 }, { 0x17, "body_misc", 0 },
	{ 0x18, "body_misc", 1 },    { 0x01, "body_misc", 2 },	  { 0x02, "body_misc", 3 },
	{ 0x21, "body_misc", 4 },    { 0x26, "body_misc", 5 },	  { 0x07, "body_data", 0 },
	{ 0x08, "body_data", 1 },    { 0x09, "body_data", 2 },	  { 0x0a, "body_data", 3 },
	{ 0x0d, "body_data", 4 },    { 0x0e, "body_data", 5 },	  { 0x1a, "body_data", 3 },
};

/* The value lists of a FetchAns or StatAns, as inputs of their own from structure `choice` on. */
static void seed_values(const char *corpus, struct sample *s, struct slice body, const char *kind, int choice)
{
	struct reader r = reader_of(body);
	struct fetch_ans x;

	if (fetch_ans_get(&r, &s->arena, &x) != 0)
		return;
	for (size_t i = 0; i < x.kind_count; i++) {
		/* Kind 1 is a dictionary, 2 a single value, 3 an array; the target's order differs. */
		static const int model[] = { 2, 0, 1 };
		char name[64];

		snprintf(name, sizeof(name), "%s_values_%u", kind, x.kinds[i].kind);
		if (x.kinds[i].values.len > 0)
			seed_write(corpus, "body_data", name, choice + model[x.kinds[i].kind - 1],
				   x.kinds[i].values);
	}
}

static void seed_method(const char *corpus, uint16_t code)
{
	struct sample s;
	struct slice message;
	struct message m;
	uint8_t *frame;
	struct writer w;

	sample_init(&s, 1000u + code);
	/* The largest of some samples has the most in it. */
	m = sample_message(&s, code);
	for (int i = 0; i < 12; i++) {
		struct message other = sample_message(&s, code);

		if (other.contents.body.len > m.contents.body.len && other.contents.body.len < 900)
			m = other;
	}
	frame = arena_alloc(&s.arena, 70000);
	w = writer_of(frame, 70000);
	message_put(&w, &m);
	message = writer_slice(&w);
	seed_write(corpus, "message", message_code_name(code), -1, message);
	for (size_t i = 0; i < sizeof(seed_bodies) / sizeof(seed_bodies[0]); i++)
		if (seed_bodies[i].code == code)
			seed_write(corpus, seed_bodies[i].target, message_code_name(code),
				   seed_bodies[i].choice, m.contents.body);
	if (code == 0x0a)
		seed_values(corpus, &s, m.contents.body, "stored", 6);
	if (code == 0x1a)
		seed_values(corpus, &s, m.contents.body, "meta", 9);
	if (code == 0x01) {
		seed_write(corpus, "forwarding_header", "probe_req", -1, message);
		w = writer_of(frame, 70000);
		message = sample_message_bytes(&s, code);
		frame_put(&w, &(struct frame){ .type = FRAME_DATA, .sequence = 5, .message = message });
		frame_put(&w, &(struct frame){ .type = FRAME_ACK, .sequence = 4, .received = 0xf });
		seed_write(corpus, "frame", "data_and_ack", -1, writer_slice(&w));
		seed_write(corpus, "dump", "frames", -1, writer_slice(&w));
	}
	sample_free(&s);
}

static void seed_constants(const char *corpus)
{
	static const uint8_t leave[] = { 1, 0, 16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
	static const uint8_t ranges[] = { 0, 16, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 7, 0xff, 0xff, 0xff, 0xff };
	static const uint8_t keys[] = { 0, 7, 0, 1, 'k', 0, 2, 'a', 'b' };
	static const uint8_t turn[] = { 3, 1, 6, 192, 0, 2, 1, 0x0d, 0x96 };
	static const uint8_t candidate[] = { 1, 6, 192, 0, 2, 1, 0x17, 0xc4, 4, 1, '1', 0,
					     0, 0, 1,   2, 1, 6, 10,   0,    0, 1, 0,   9, 0, 0 };
	static const uint8_t uri[] = { 1, 0, 7, 0, 5, 'a', '@', 'b', '.', 'c' };
	static const uint8_t route[] = { 2, 0, 11, 0, 0, 0, 7, 2, 3, 2, 'o', 'k', 0x80, 1 };

	seed_write(corpus, "body_routing", "chord_leave", 9, slice_of(leave, sizeof(leave)));
	seed_write(corpus, "body_routing", "ice_candidate", 0, slice_of(candidate, sizeof(candidate)));
	seed_write(corpus, "body_data", "array_ranges", 12, slice_of(ranges, sizeof(ranges)));
	seed_write(corpus, "body_data", "dictionary_keys", 13, slice_of(keys, sizeof(keys)));
	seed_write(corpus, "body_misc", "turn_server", 6, slice_of(turn, sizeof(turn)));
	seed_write(corpus, "sip_registration", "uri", -1, slice_of(uri, sizeof(uri)));
	seed_write(corpus, "sip_registration", "route", -1, slice_of(route, sizeof(route)));
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fputs("usage: fuzz_seeds CORPUS_FOLDER\n", stderr);
		return 2;
	}
	for (int m = 0; m < METHOD_COUNT; m++) {
		seed_method(argv[1], method_request_code((enum method)m));
		seed_method(argv[1], method_answer_code((enum method)m));
	}
	seed_method(argv[1], MESSAGE_CODE_ERROR);
	seed_constants(argv[1]);
	seeds_hip_write(argv[1], seed_write);
	return EXIT_SUCCESS;
}
