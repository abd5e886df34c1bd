/* SPDX-License-Identifier: MIT */
/* Golden traces: what a few peers say to each other and log, in order, read like sequence diagrams. Each
 * trace is compared with test/sim/golden/<name>.txt; PEAL_GOLDEN_WRITE=1 in the environment writes them anew,
 * for a change that is meant. Only the methods and events that a trace is about are in it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "overlay/access.h"
#include "overlay/base/arena.h"
#include "overlay/base/invariant.h"
#include "overlay/wire/frame.h"
#include "overlay/wire/message.h"
#include "tools/sim/world.h"
#include "test/unit/run.h"

#define GOLDEN_TEXT_MAX (256 * 1024)
#define GOLDEN_LINE_MAX 512
#define GOLDEN_WANTED_MAX 16

struct golden {
	const char *name;
	const char *methods[GOLDEN_WANTED_MAX]; /* beginnings of message names */
	const char *events[GOLDEN_WANTED_MAX];  /* beginnings of event names */
	struct world *world;
	struct arena arena;
	uint64_t start_ms;
	bool is_on;
	char text[GOLDEN_TEXT_MAX];
	size_t len;
};

static bool golden_wants(const char *const *wanted, const char *name)
{
	for (size_t i = 0; i < GOLDEN_WANTED_MAX && wanted[i] != NULL; i++)
		if (strncmp(name, wanted[i], strlen(wanted[i])) == 0)
			return true;
	return false;
}

/* The line without spaces at its end. */
static void golden_line(struct golden *g, const char *line)
{
	size_t len = strlen(line);

	while (len > 0 && line[len - 1] == ' ')
		len--;
	ck_assert_uint_lt(g->len + len + 1, GOLDEN_TEXT_MAX);
	memcpy(g->text + g->len, line, len);
	g->len += len;
	g->text[g->len++] = '\n';
	g->text[g->len] = 0;
}

/* Copies `text` with Node-IDs as the names of their nodes, "n3"; those of no node as "R" and four digits. */
static void golden_names(struct golden *g, char *out, size_t size, const char *text)
{
	size_t at = 0;

	while (*text != 0 && at + 16 < size) {
		size_t digits = strspn(text, "0123456789abcdef");
		struct node_id id = { { 0 } };

		if (digits < 2 * NODE_ID_LENGTH) {
			size_t take = digits > 0 ? digits : 1;

			for (; take > 0 && at + 16 < size; take--)
				out[at++] = *text++;
			continue;
		}
		for (size_t i = 0; i < NODE_ID_LENGTH; i++) {
			unsigned byte = 0;

			ck_assert_int_eq(sscanf(text + 2 * i, "%2x", &byte), 1);
			id.bytes[i] = (uint8_t)byte;
		}
		if (net_find(world_net(g->world), &id) != SIZE_MAX)
			at += (size_t)snprintf(out + at, size - at, "n%zu",
					       net_find(world_net(g->world), &id));
		else
			at += (size_t)snprintf(out + at, size - at, "R%.4s", text);
		text += digits;
	}
	out[at] = 0;
}

static double golden_seconds(const struct golden *g, struct now now)
{
	return (double)(now.mono.us - 1000 * g->start_ms) / 1e6;
}

static void golden_log(void *ctx, struct now now, size_t node, enum log_level level, const char *event,
		       const char *text)
{
	struct golden *g = ctx;
	char line[GOLDEN_LINE_MAX];
	int head;

	(void)level;
	if (!g->is_on || !golden_wants(g->events, event))
		return;
	head = snprintf(line, sizeof(line), "%8.3f  n%zu: %s ", golden_seconds(g, now), node, event);
	golden_names(g, line + head, sizeof(line) - (size_t)head, text);
	golden_line(g, line);
}

static void golden_message(struct golden *g, size_t from, size_t to, struct slice bytes)
{
	struct message m;
	struct error_response error;
	struct reader body;
	char line[GOLDEN_LINE_MAX];
	int len;

	arena_reset(&g->arena);
	if (message_get(bytes, &g->arena, &m) != 0 ||
	    !golden_wants(g->methods, message_code_name(m.contents.code)))
		return;
	len = snprintf(line, sizeof(line), "%8.3f  n%zu -> n%zu  %s ",
		       golden_seconds(g, world_now(g->world)), from, to,
		       message_code_name(m.contents.code));
	if (m.contents.code == MESSAGE_CODE_ERROR) {
		body = reader_of(m.contents.body);
		error_response_get(&body, &error);
		snprintf(line + len, sizeof(line) - (size_t)len, "%u \"%.*s\"", error.code,
			 (int)error.info.len, (const char *)error.info.data);
	}
	golden_line(g, line);
}

static bool golden_intercept(void *ctx, struct world *w, size_t node, size_t from, struct slice *bytes)
{
	struct golden *g = ctx;
	struct slice rest = *bytes;
	struct frame f;
	size_t taken;

	(void)w;
	while (g->is_on && frame_cut(rest, 1u << 20, &f, &taken) == 1) {
		if (f.type == FRAME_DATA && f.message.len > 0)
			golden_message(g, from, node, f.message);
		rest = slice_of(rest.data + taken, rest.len - taken);
	}
	return true;
}

/* Documents of one byte: their sequence. */
static int golden_update(void *ctx, struct now now, struct slice document, struct configuration *out)
{
	struct golden *g = ctx;

	(void)now;
	if (document.len != 1)
		return ERR_CONFIG;
	*out = *peer_configuration(net_peer(world_net(g->world), 0));
	out->sequence = document.data[0];
	return 0;
}

static int golden_update_kind(void *ctx, struct now now, struct slice block, struct configuration *out)
{
	(void)ctx;
	(void)now;
	(void)block;
	(void)out;
	return ERR_UNSUPPORTED;
}

static struct slice golden_document(void *ctx)
{
	static const uint8_t newest = 9;

	(void)ctx;
	return slice_of(&newest, 1);
}

static const struct configuration_ops GOLDEN_DOCUMENTS = { golden_update, golden_update_kind, golden_document };

/* A world of `count` peers that have formed their ring. The trace is off until golden_begin. */
static struct golden *golden_new(const struct golden *what, size_t count)
{
	struct golden *g = memory_alloc(sizeof(*g));
	struct world_options o = { .seed = 77,
				   .disk = DISK_MEMORY,
				   .log_level = LOG_INFO,
				   .log = golden_log,
				   .intercept = golden_intercept,
				   .no_certificates = true,
				   .configuration_ops = &GOLDEN_DOCUMENTS,
				   .configuration_ctx = g,
				   .ctx = g };

	memcpy(g->methods, what->methods, sizeof(g->methods));
	memcpy(g->events, what->events, sizeof(g->events));
	g->name = what->name;
	arena_init(&g->arena, 1u << 20);
	g->world = world_new(&o);
	world_add_peers(g->world, count);
	return g;
}

static bool golden_is_ideal(struct world *w, void *ctx)
{
	(void)ctx;
	return net_ring_is_ideal(world_net(w), NULL);
}

static void golden_form(struct golden *g)
{
	for (size_t i = 0; i < world_count(g->world); i++) {
		world_start(g->world, i);
		world_run(g->world, duration_ms(500));
	}
	ck_assert(world_run_until(g->world, golden_is_ideal, NULL, duration_s(60)));
	/* Until nothing more comes of the joins. */
	world_run(g->world, duration_s(40));
}

static void golden_begin(struct golden *g, const char *what)
{
	char line[GOLDEN_LINE_MAX];

	if (g->len > 0)
		golden_line(g, "");
	snprintf(line, sizeof(line), "# %s", what);
	golden_line(g, line);
	g->start_ms = world_now(g->world).mono.us / 1000;
	g->is_on = true;
}

/* Compares, or writes, and frees. */
static void golden_end(struct golden *g)
{
	char path[1024];
	char *wanted = memory_alloc(GOLDEN_TEXT_MAX);
	FILE *f;
	size_t len;

	snprintf(path, sizeof(path), "%s/%s.txt", GOLDEN_FOLDER, g->name);
	if (getenv("PEAL_GOLDEN_WRITE") != NULL) {
		f = fopen(path, "w");
		ck_assert_msg(f != NULL && fwrite(g->text, 1, g->len, f) == g->len, "%s", path);
		ck_assert_int_eq(fclose(f), 0);
	}
	f = fopen(path, "r");
	ck_assert_msg(f != NULL, "%s", path);
	len = fread(wanted, 1, GOLDEN_TEXT_MAX - 1, f);
	wanted[len] = 0;
	fclose(f);
	ck_assert_msg(strcmp(wanted, g->text) == 0, "%s differs; what came:\n%s", path, g->text);
	free(wanted);
	world_free(g->world);
	arena_free(&g->arena);
	free(g);
}

/* Who ought to own the first record. */
static size_t golden_owner(struct golden *g)
{
	struct node_id point;

	ck_assert_int_eq(node_id_from_resource_id(&world_record(g->world, 0)->resource, &point), 0);
	return net_owner(world_net(g->world), &point);
}

START_TEST(join_reads_as_its_diagram)
{
	const struct golden what = { .name = "join",
				     .methods = { "attach", "join", "store", "update_req" },
				     .events = { "join.", "neighbors.changed", "peer.state" } };
	struct golden *g = golden_new(&what, 3);

	for (size_t i = 0; i < 2; i++) {
		world_start(g->world, i);
		world_run(g->world, duration_s(20));
	}
	/* A record that the third one will own or keep a copy of. */
	world_register(g->world, 0, 3600);
	world_run(g->world, duration_s(20));
	golden_begin(g, "n2 joins n0 and n1, where n0 has a record");
	world_start(g->world, 2);
	world_run(g->world, duration_s(3));
	golden_end(g);
}
END_TEST

START_TEST(leave_reads_as_its_diagram)
{
	const struct golden what = { .name = "leave",
				     .methods = { "leave", "store", "update_req" },
				     .events = { "leave.", "neighbors.changed", "peer.state" } };
	struct golden *g = golden_new(&what, 5);

	golden_form(g);
	world_register(g->world, 0, 3600);
	world_run(g->world, duration_s(20));
	golden_begin(g, "the owner of n0's record leaves a ring of five");
	world_leave(g->world, golden_owner(g));
	world_run(g->world, duration_s(3));
	golden_end(g);
}
END_TEST

START_TEST(crash_reads_as_its_diagram)
{
	const struct golden what = { .name = "crash",
				     .methods = { "store" },
				     .events = { "link.suspect", "neighbors.changed", "neighbor.",
						 "store." } };
	struct golden *g = golden_new(&what, 5);

	golden_form(g);
	world_register(g->world, 0, 3600);
	world_run(g->world, duration_s(20));
	golden_begin(g, "the owner of n0's record loses power in a ring of five");
	world_kill(g->world, golden_owner(g), true);
	world_run(g->world, duration_s(15));
	golden_end(g);
}
END_TEST

START_TEST(partition_and_heal_read_as_their_diagram)
{
	const struct golden what = { .name = "partition",
				     .methods = { "join", "leave" },
				     .events = { "partition.", "neighbors.changed", "ring.", "link.suspect" } };
	struct golden *g = golden_new(&what, 6);

	golden_form(g);
	golden_begin(g, "n3, n4 and n5 are cut off from n0, n1 and n2");
	for (size_t i = 3; i < 6; i++)
		net_set_group(world_net(g->world), i, 1);
	world_run(g->world, duration_s(60));
	golden_begin(g, "the cut ends");
	for (size_t i = 3; i < 6; i++)
		net_set_group(world_net(g->world), i, 0);
	ck_assert(world_run_until(g->world, golden_is_ideal, NULL, duration_s(300)));
	golden_end(g);
}
END_TEST

/* The body of a Store that removes n0's registration, as if the Kind's generation were still `generation`. */
static struct slice golden_stale_body(struct golden *g, const struct resource_id *resource,
				      uint64_t generation)
{
	struct peer *p = net_peer(world_net(g->world), 0);
	const struct security *s = peer_security(p);
	struct stored_data data = {
		.storage_time = world_now(g->world).wall.ms,
		.lifetime = 60,
		.value = { .model = DATA_MODEL_DICTIONARY,
			   .key = slice_of(peer_node_id(p)->bytes, NODE_ID_LENGTH) },
	};
	struct writer w = writer_of(arena_alloc(&g->arena, 4096), 4096);
	struct store_kind_data kind = { KIND_SIP_REGISTRATION, generation, SLICE_EMPTY };
	struct store_req req = { .resource = *resource, .kinds = &kind, .kind_count = 1 };
	struct slice covered;

	ck_assert_int_eq(access_signed_data(resource, kind.kind, &data, &g->arena, &covered), 0);
	ck_assert_int_eq(s->ops->sign(s->ctx, &covered, 1, &g->arena, &data.signature), 0);
	stored_data_put(&w, &data);
	kind.values = writer_slice(&w);
	w = writer_of(arena_alloc(&g->arena, 4096), 4096);
	store_req_put(&w, &req);
	ck_assert_int_eq(w.err, 0);
	return writer_slice(&w);
}

static void golden_refused(void *ctx, struct now now, const struct response *response)
{
	(void)now;
	*(int *)ctx = response->err;
}

START_TEST(stale_generation_reads_as_its_diagram)
{
	const struct golden what = { .name = "stale-generation",
				     .methods = { "store", "error" },
				     .events = { "store." } };
	struct golden *g = golden_new(&what, 4);
	struct resource_id resource;
	int err = 0;

	golden_form(g);
	golden_begin(g, "n0 stores its registration twice");
	world_register(g->world, 0, 3600);
	world_run(g->world, duration_s(2));
	world_register(g->world, 0, 3600);
	world_run(g->world, duration_s(2));
	resource = world_record(g->world, 0)->resource;
	golden_begin(g, "a writer who has read the first generation only is refused");
	arena_reset(&g->arena);
	ck_assert_int_eq(transport_request_resource(net_peer(world_net(g->world), 0), world_now(g->world),
						    METHOD_STORE, golden_stale_body(g, &resource, 1), &resource,
						    golden_refused, &err),
			 0);
	net_flush(world_net(g->world), 0);
	world_run(g->world, duration_s(2));
	ck_assert_int_eq(err, ERR_GENERATION_COUNTER_TOO_LOW);
	golden_end(g);
}
END_TEST

START_TEST(config_update_reads_as_its_diagram)
{
	const struct golden what = { .name = "config-update",
				     .methods = { "config_update", "error" },
				     .events = { "config_update.", "configuration." } };
	struct golden *g = golden_new(&what, 4);
	struct configuration *newer = memory_alloc(sizeof(*newer));

	golden_form(g);
	*newer = *peer_configuration(net_peer(world_net(g->world), 0));
	newer->sequence = 9;
	golden_begin(g, "n0 fetched configuration 9; whoever hears from it, or it from them, learns of it");
	peer_configure(net_peer(world_net(g->world), 0), world_now(g->world), newer);
	net_flush(world_net(g->world), 0);
	free(newer);
	world_run(g->world, duration_s(60));
	for (size_t i = 0; i < 4; i++)
		ck_assert_uint_eq(peer_configuration(net_peer(world_net(g->world), i))->sequence, 9);
	golden_end(g);
}
END_TEST

int main(void)
{
	return RUN_TESTS("sim_golden", join_reads_as_its_diagram, leave_reads_as_its_diagram,
			 crash_reads_as_its_diagram, partition_and_heal_read_as_their_diagram,
			 stale_generation_reads_as_its_diagram, config_update_reads_as_its_diagram);
}
