/* SPDX-License-Identifier: MIT */
/* UPDATEs of a peer that lies: the parameters are the input's, HIP_MAC and HIP_SIGNATURE are right. Steps, each behind
 * its length (2 bytes): an UPDATE's parameters; with the top bit set, that many milliseconds instead, after the other
 * host has said something. What the two hosts send arrives at once. */
#include "overlay/base/invariant.h"
#include "tools/sim/fake_host_security.h"
#include "usage/hip/hip_update.h"

#define STEPS_MAX 32
#define TURNS_MAX 64 /* of what the two say to each other at one moment */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LIAR, LISTENER };

static struct pair {
	struct now now;
	struct hip_host *hosts[2];
	struct fake_host *fakes[2];
	struct address at[2];
	struct counters counters[2];
} pair;

/* What one host sends, to the other one when it is meant. */
static bool carry(size_t from)
{
	const struct hip_effect *e;
	bool any = false;

	while ((e = hip_host_next_effect(pair.hosts[from])) != NULL) {
		struct hip_path path = e->path;

		if (e->type != HIP_EFFECT_SEND || !address_equal(&path.remote, &pair.at[1 - from]))
			continue;
		path.local = e->path.remote;
		path.remote = e->path.local;
		hip_host_datagram(pair.hosts[1 - from], pair.now, &path, e->is_esp, e->bytes);
		any = true;
	}
	return any;
}

static void settle(void)
{
	for (int turn = 0; turn < TURNS_MAX; turn++) {
		bool any = carry(LIAR);

		if (!carry(LISTENER) && !any)
			break;
	}
}

static void pass(uint64_t ms)
{
	struct instant end = instant_add(pair.now.mono, duration_ms(ms));

	for (int events = 0; events < 1000; events++) {
		struct instant next = end;

		settle();
		for (size_t i = 0; i < 2; i++)
			next = instant_min(next, timer_heap_deadline(&pair.hosts[i]->timers));
		if (instant_before(pair.now.mono, next))
			pair.now.mono = next;
		if (instant_due(end, pair.now.mono))
			break;
		for (size_t i = 0; i < 2; i++)
			timer_heap_expire(&pair.hosts[i]->timers, pair.now);
	}
	settle();
}

static void say(size_t from)
{
	struct slice part = slice_text("payload");

	(void)!hip_host_send(pair.hosts[from], pair.now, hip_host_hit(pair.hosts[1 - from]), 17, &part, 1);
}

static void begin(void)
{
	static const char *const names[2] = { "liar", "listener" };
	struct hip_hint hint = { .locator_count = 1 };

	pair = (struct pair){ .now = { { 1000000 }, { UINT64_C(1760000000000) } } };
	for (size_t i = 0; i < 2; i++) {
		/* What comes before the UPDATE is to be cheap. */
		struct hip_host_options options = { .seed = i + 1, .listen_count = 1, .locator_count = 1,
						    .puzzle_k = 1, .puzzle_k_unknown = 1,
						    .dh_groups = { HOST_DH_P256 } };

		pair.at[i] = (struct address){ ADDRESS_IPV4, { 192, 0, 2, (uint8_t)(i + 1) }, HIP_UDP_PORT };
		pair.fakes[i] = fake_host_new(i + 1, slice_text(names[i]));
		options.security = fake_host_port(pair.fakes[i]);
		options.listen[0] = options.locators[0] = pair.at[i];
		options.counters = &pair.counters[i];
		invariant(hip_host_new(&pair.hosts[i], &options) == 0);
	}
	hint.locators[0] = pair.at[LISTENER];
	invariant(hip_host_connect(pair.hosts[LIAR], pair.now, hip_host_hit(pair.hosts[LISTENER]), &hint, NULL,
				   NULL) == 0);
	pass(200);
	say(LIAR);
	say(LISTENER);
	pass(200);
	invariant(hip_host_is_established(pair.hosts[LISTENER], hip_host_hit(pair.hosts[LIAR])));
	invariant(pair.counters[LISTENER].esp_in == 1);
}

static void lie(struct slice parameters)
{
	struct hip_host *liar = pair.hosts[LIAR];
	const struct hip_association *a = hip_association_find(liar, hip_host_hit(pair.hosts[LISTENER]));
	const struct hip_path path = { .channel = HIP_CHANNEL_UDP, .local = pair.at[LISTENER],
				       .remote = pair.at[LIAR] };
	uint8_t packet[HIP_PACKET_MAX];
	struct writer w = writer_of(packet, sizeof(packet));
	struct hip_packet p;

	if (a == NULL || a->keys.mac_len == 0)
		return;
	hip_packet_begin(&w, HIP_UPDATE, 0, &liar->hit, &a->peer);
	writer_bytes(&w, parameters);
	hip_packet_end(&w);
	/* The walk has to hold before anything can be sealed. */
	if (w.err < 0 || hip_packet_get(writer_slice(&w), &p) < 0)
		return;
	hip_seal_mac(a, &w);
	if (hip_seal_signature(liar, &w) < 0 || w.err < 0)
		return;
	(void)hip_input_packet(pair.hosts[LISTENER], pair.now, &path, writer_slice(&w), NULL);
	settle();
}

static void check(void)
{
	const struct hip_host *h = pair.hosts[LISTENER];
	const struct hip_association *a = hip_association_find(h, hip_host_hit(pair.hosts[LIAR]));

	if (a == NULL || a->update == NULL)
		return;
	invariant(a->waiting_count <= HIP_WAITING_MAX);
	invariant(a->update->wanted_count <= HIP_CHECKS_MAX);
	invariant(map_count(h->spis) <= 2);
	if (a->state == HIP_ESTABLISHED)
		invariant(a->in.key != NULL && a->out.key != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_of(slice_of(data, size));

	begin();
	for (int step = 0; step < STEPS_MAX && reader_more(&r); step++) {
		uint16_t head = reader_u16(&r);

		if ((head & 0x8000u) == 0) {
			lie(reader_bytes(&r, head < reader_left(&r) ? head : reader_left(&r)));
		} else {
			say(LISTENER);
			pass(head & 0x7fffu);
		}
		check();
	}
	for (size_t i = 0; i < 2; i++) {
		hip_host_free(pair.hosts[i]);
		fake_host_free(pair.fakes[i]);
	}
	return 0;
}
