/* SPDX-License-Identifier: MIT */
/* Bootstrap, states, configuration sequences, ConfigUpdate, Ping, Probe, Inspect, counters. */
#include <stdio.h>

#include "overlay/wire/body_misc.h"
#include "overlay/wire/method.h"
#include "test/unit/core/core.h"
#include "test/unit/run.h"

static struct core *c;
static struct remote a, b;
static struct configuration updated;
static int update_err;
static size_t updates;

static int fake_update(void *ctx, struct now now, struct slice document, struct configuration *out)
{
	(void)ctx;
	(void)now;
	updates++;
	ck_assert(slice_equal(document, slice_text("new document")));
	*out = updated;
	return update_err;
}

static int fake_update_kind(void *ctx, struct now now, struct slice kind_block,
			    struct configuration *out)
{
	(void)ctx;
	(void)now;
	(void)kind_block;
	(void)out;
	return ERR_FORBIDDEN;
}

static struct slice fake_document(void *ctx)
{
	(void)ctx;
	return slice_text("our document");
}

static const struct configuration_ops FAKE_CONFIGURATION = { fake_update, fake_update_kind,
							     fake_document };

static void setup_with(const struct core_options *o)
{
	c = core_new(o);
	remote_init(&a, 0x10, 1);
	remote_init(&b, 0x20, 1);
	updates = 0;
	update_err = 0;
}

static void setup(void)
{
	struct core_options o = { .first = true,
				  .sequence = 10,
				  .configuration_ops = &FAKE_CONFIGURATION };

	setup_with(&o);
	ck_assert(core_accept(c, &a) != 0);
}

static void teardown(void)
{
	remote_free(&a);
	remote_free(&b);
	core_free(c);
}

static struct message ask(enum method method, struct slice body)
{
	static uint64_t transaction_id = 100;
	struct forwarding_header h = core_header(c, transaction_id++, core_to_self(c));
	struct message m = { 0 };

	core_receive(c, &a, core_message(c, &a, &h, method_request_code(method), body));
	ck_assert(core_take(c, &a, &m));
	return m;
}

static void bootstrap_fails(void)
{
	size_t count = c->opened_count;

	for (size_t i = 0; i < count; i++)
		peer_link_down(c->peer, c->now, c->opened[i].link, ERR_LINK);
	core_drain(c);
}

START_TEST(peer_first_forms_the_overlay)
{
	setup();
	ck_assert_uint_eq(c->forms, 1);
	ck_assert_int_eq(c->state, PEER_JOINED);
	ck_assert_uint_eq(c->opened_count, 0);
	teardown();
}
END_TEST

START_TEST(bootstrap_tries_three_at_once_and_joins_over_the_first)
{
	struct core_options o = { .bootstrap_count = 5 };

	setup_with(&o);
	ck_assert_int_eq(c->state, PEER_CONNECTING);
	ck_assert_uint_eq(c->opened_count, 3);
	peer_link_down(c->peer, c->now, c->opened[0].link, ERR_LINK);
	core_drain(c);
	ck_assert_uint_eq(c->opened_count, 4);
	core_link_up(c, &a);
	ck_assert_uint_eq(c->joins, 1);
	ck_assert(c->joined_over == a.link);
	ck_assert_int_eq(c->state, PEER_JOINING);
	/* The others are given up. */
	ck_assert_uint_eq(c->closed_count, 2);
	ck_assert_uint_eq(link_count(c->peer), 1);
	teardown();
}
END_TEST

START_TEST(bootstrap_backs_off_and_tries_for_ever)
{
	struct core_options o = { .bootstrap_count = 2 };
	uint64_t waited = 0;

	setup_with(&o);
	ck_assert_uint_eq(c->opened_count, 2);
	for (size_t round = 0; round < 8; round++) {
		uint64_t most = 1000ull << round > 30000 ? 30000 : 1000ull << round;

		bootstrap_fails();
		c->opened_count = 0;
		for (waited = 0; c->opened_count == 0; waited += 50) {
			core_advance(c, 50);
			ck_assert_uint_le(waited, most + 50);
		}
		ck_assert_uint_ge(waited + 50, most / 2);
	}
	teardown();
}
END_TEST

START_TEST(bootstrap_begins_again_when_the_last_link_goes)
{
	struct core_options o = { .bootstrap_count = 1 };

	setup_with(&o);
	core_link_up(c, &a);
	ck_assert_uint_eq(c->joins, 1);
	peer_link_down(c->peer, c->now, a.link, ERR_LINK);
	core_drain(c);
	ck_assert_int_eq(c->state, PEER_CONNECTING);
	core_advance(c, 2000);
	ck_assert_uint_eq(c->opened_count, 2);
	core_link_up(c, &a);
	ck_assert_uint_eq(c->joins, 2);
	teardown();
}
END_TEST

START_TEST(bootstrap_gives_up_on_a_handshake_without_end)
{
	struct core_options o = { .bootstrap_count = 1 };

	setup_with(&o);
	core_advance(c, 5000);
	ck_assert_uint_eq(c->closed_count, 1);
	core_advance(c, 1000);
	ck_assert_uint_eq(c->opened_count, 2);
	teardown();
}
END_TEST

static size_t looked;
static int looked_err;

static void on_look(void *ctx, struct now now, int err, link_id link, const struct node_id *node)
{
	(void)ctx;
	(void)now;
	(void)link;
	(void)node;
	looked++;
	looked_err = err;
}

START_TEST(bootstrap_open_gives_a_link_to_look_with)
{
	struct core_options o = { .first = true, .bootstrap_count = 3 };

	looked = 0;
	setup_with(&o);
	ck_assert_int_eq(peer_bootstrap_open(c->peer, c->now, on_look, NULL), 0);
	ck_assert_int_eq(peer_bootstrap_open(c->peer, c->now, on_look, NULL), ERR_IN_PROGRESS);
	core_drain(c);
	ck_assert_uint_eq(c->opened_count, 1);
	core_link_up(c, &a);
	ck_assert_uint_eq(looked, 1);
	ck_assert_int_eq(looked_err, 0);
	ck_assert_uint_eq(c->joins, 0);
	/* Not used for anything: closed before long. */
	for (size_t i = 0; i < 70; i++) {
		struct frame f;

		core_advance(c, 1000);
		while (core_take_frame(c, &a, &f))
			if (f.type == FRAME_DATA)
				core_receive_ack(c, &a, f.sequence, 0);
	}
	ck_assert_uint_eq(link_count(c->peer), 0);
	teardown();
}
END_TEST

START_TEST(peer_leaves_after_thirteen_seconds_at_the_latest)
{
	setup();
	peer_leave(c->peer, c->now);
	core_drain(c);
	ck_assert_int_eq(c->state, PEER_LEAVING);
	ck_assert_uint_eq(c->leaves, 1);
	core_advance(c, 12999);
	ck_assert_int_eq(c->state, PEER_LEAVING);
	core_advance(c, 1);
	ck_assert_int_eq(c->state, PEER_LEFT);
	ck_assert_uint_eq(link_count(c->peer), 0);
	ck_assert_uint_eq(core_accept(c, &b), 0);
	core_advance(c, 60000);
	ck_assert_uint_eq(c->opened_count, 0);
	teardown();
}
END_TEST

START_TEST(config_older_request_is_refused_and_updated)
{
	struct config_update_req req;
	struct forwarding_header h;
	struct message m;
	struct reader r;

	setup();
	h = core_header(c, 5, core_to_self(c));
	h.configuration_sequence = 9;
	core_receive(c, &a,
		     core_message(c, &a, &h, method_request_code(METHOD_PING), slice_of("\0", 2)));
	ck_assert(core_take(c, &a, &m));
	ck_assert_uint_eq(m.contents.code, method_request_code(METHOD_CONFIG_UPDATE));
	ck_assert_uint_eq(m.header.configuration_sequence, 65535);
	r = reader_of(m.contents.body);
	ck_assert_int_eq(config_update_req_get(&r, &c->arena, &req), 0);
	ck_assert(slice_equal(req.config_data, slice_text("our document")));
	ck_assert(core_take(c, &a, &m));
	ck_assert_uint_eq(core_error_code(&m), 0xf);
	/* Not again at once. */
	core_receive(c, &a,
		     core_message(c, &a, &h, method_request_code(METHOD_PING), slice_of("\0", 2)));
	ck_assert(core_take(c, &a, &m));
	ck_assert_uint_eq(core_error_code(&m), 0xf);
	h.configuration_sequence = 11;
	core_receive(c, &a,
		     core_message(c, &a, &h, method_request_code(METHOD_PING), slice_of("\0", 2)));
	ck_assert(core_take(c, &a, &m));
	ck_assert_uint_eq(core_error_code(&m), 0x10);
	teardown();
}
END_TEST

static void receive_update(const char *document)
{
	struct config_update_req req = { .type = CONFIG_UPDATE_CONFIG,
					 .config_data = slice_text(document) };
	struct forwarding_header h = core_header(c, 77 + updates, core_to_self(c));
	uint8_t body[256];
	struct writer w = writer_of(body, sizeof(body));

	config_update_req_put(&w, &req);
	h.configuration_sequence = 65535;
	core_receive(c, &a,
		     core_message(c, &a, &h, method_request_code(METHOD_CONFIG_UPDATE),
				  writer_slice(&w)));
}

START_TEST(config_update_is_taken_over)
{
	struct message m;

	setup();
	ck_assert(core_accept(c, &b) != 0);
	updated = *peer_configuration(c->peer);
	updated.sequence = 11;
	updated.bad_nodes[0] = b.id;
	updated.bad_node_count = 1;
	receive_update("new document");
	ck_assert(core_take(c, &a, &m));
	ck_assert_uint_eq(m.contents.code, method_answer_code(METHOD_CONFIG_UPDATE));
	ck_assert_uint_eq(m.header.configuration_sequence, 11);
	ck_assert_uint_eq(peer_configuration(c->peer)->sequence, 11);
	ck_assert_uint_eq(c->configures, 1);
	/* Who is a bad node now is out. */
	ck_assert_uint_eq(link_find_node(c->peer, &b.id), 0);
	ck_assert_uint_eq(core_accept(c, &b), 0);
	update_err = ERR_SIGNATURE;
	receive_update("new document");
	ck_assert(core_take(c, &a, &m));
	ck_assert_uint_eq(core_error_code(&m), 2);
	ck_assert_uint_eq(c->configures, 1);
	teardown();
}
END_TEST

START_TEST(config_update_that_cannot_be_followed_is_told)
{
	struct message m;

	setup();
	update_err = ERR_SIGNATURE;
	receive_update("new document");
	ck_assert_uint_eq(c->unsupported, 0);
	update_err = ERR_UNSUPPORTED;
	receive_update("new document");
	ck_assert_uint_eq(c->unsupported, 1);
	ck_assert_uint_eq(c->configures, 0);
	ck_assert_uint_eq(peer_configuration(c->peer)->sequence, 10);
	ck_assert(core_take(c, &a, &m));
	ck_assert(core_take(c, &a, &m));
	ck_assert_uint_eq(core_error_code(&m), 3);
	teardown();
}
END_TEST

/* Who asks may not have joined: routing would not lead to it. */
START_TEST(config_update_goes_the_way_the_request_came)
{
	struct forwarding_header h;
	struct message m;

	setup();
	h = core_header(c, 5, core_to_self(c));
	h.configuration_sequence = 9;
	h.via_list = core_nodes(c, &b.id, 1);
	core_receive(c, &a,
		     core_message(c, &b, &h, method_request_code(METHOD_PING), slice_of("\0", 2)));
	ck_assert(core_take(c, &a, &m));
	ck_assert_uint_eq(m.contents.code, method_request_code(METHOD_CONFIG_UPDATE));
	ck_assert(slice_equal(m.header.destination_list, core_nodes(c, &b.id, 1)));
	teardown();
}
END_TEST

START_TEST(config_error_makes_the_request_go_again)
{
	static const uint8_t TOO_NEW[] = { 0, 0x10, 0, 0 };
	struct forwarding_header h;
	struct message m, update, again;

	setup();
	ck_assert_int_eq(transport_request_node(c->peer, c->now, METHOD_PING, SLICE_EMPTY, &a.id,
						NULL, NULL),
			 0);
	core_drain(c);
	ck_assert(core_take(c, &a, &m));
	h = core_header(c, m.header.transaction_id, core_to_self(c));
	h.configuration_sequence = 9;
	core_receive(
		c, &a,
		core_message(c, &a, &h, MESSAGE_CODE_ERROR, slice_of(TOO_NEW, sizeof(TOO_NEW))));
	ck_assert(core_take(c, &a, &update));
	ck_assert_uint_eq(update.contents.code, method_request_code(METHOD_CONFIG_UPDATE));
	core_advance(c, 300);
	ck_assert(core_take(c, &a, &again));
	ck_assert_uint_eq(again.header.transaction_id, m.header.transaction_id);
	teardown();
}
END_TEST

START_TEST(probe_answers_what_was_asked_in_order)
{
	static const uint8_t BODY[] = { 4, PROBE_UPTIME, 99, PROBE_RESPONSIBLE_SET,
					PROBE_NUM_RESOURCES };
	struct probe_ans ans;
	struct message m;
	struct reader r;

	setup();
	core_advance(c, 3500);
	m = ask(METHOD_PROBE, slice_of(BODY, sizeof(BODY)));
	r = reader_of(m.contents.body);
	ck_assert_int_eq(probe_ans_get(&r, &c->arena, &ans), 0);
	ck_assert_uint_eq(ans.count, 3);
	ck_assert_uint_eq(ans.items[0].type, PROBE_UPTIME);
	ck_assert_uint_eq(ans.items[0].value, 3);
	ck_assert_uint_eq(ans.items[1].type, PROBE_RESPONSIBLE_SET);
	ck_assert_uint_eq(ans.items[1].value, 1000000000);
	ck_assert_uint_eq(ans.items[2].type, PROBE_NUM_RESOURCES);
	teardown();
}
END_TEST

START_TEST(probe_ping_carries_the_time)
{
	struct ping_ans first, second;
	struct message m;
	struct reader r;

	setup();
	m = ask(METHOD_PING, slice_of("\0", 2));
	r = reader_of(m.contents.body);
	ck_assert_int_eq(ping_ans_get(&r, &c->arena, &first), 0);
	ck_assert_uint_eq(first.time, c->now.wall.ms);
	m = ask(METHOD_PING, slice_of("\0", 2));
	r = reader_of(m.contents.body);
	ck_assert_int_eq(ping_ans_get(&r, &c->arena, &second), 0);
	ck_assert(first.response_id != second.response_id);
	m = ask(METHOD_PING, slice_text("too long"));
	ck_assert_uint_eq(core_error_code(&m), 0x14);
	teardown();
}
END_TEST

START_TEST(probe_inspect_tells_version_and_addresses)
{
	struct inspect_ans ans;
	struct message m;
	struct reader r;

	setup();
	m = ask(METHOD_EXP_B, SLICE_EMPTY);
	r = reader_of(m.contents.body);
	ck_assert_int_eq(inspect_ans_get(&r, &c->arena, &ans), 0);
	ck_assert_uint_eq(ans.joined, 1);
	ck_assert_uint_eq(ans.address_count, 1);
	ck_assert_uint_eq(ans.addresses[0].port, 6084);
	ck_assert(slice_equal(ans.version, slice_text("peald " PEAL_VERSION)));
	teardown();
}
END_TEST

START_TEST(counter_walk_names_every_counter)
{
	struct counters counters = { .messages_in = 3 };
	const char *name, *meaning;
	size_t cursor = 0, count = 0;
	uint64_t value, sum = 0;

	counter_error(&counters, ERR_FORBIDDEN);
	counter_error(&counters, 5); /* no error: not counted */
	counters.requests_in[METHOD_PING] = 2;
	while (counter_next(&counters, &cursor, &name, &meaning, &value)) {
		ck_assert(name[0] != 0 && meaning[0] != 0);
		sum += value;
		count++;
	}
	ck_assert_uint_eq(sum, 6);
	ck_assert_uint_eq(count, sizeof(counters) / sizeof(uint64_t) - 1); /* errors has an OK */
}
END_TEST

int main(void)
{
	return RUN_TESTS("peer", peer_first_forms_the_overlay,
			 bootstrap_tries_three_at_once_and_joins_over_the_first,
			 bootstrap_backs_off_and_tries_for_ever,
			 bootstrap_begins_again_when_the_last_link_goes,
			 bootstrap_gives_up_on_a_handshake_without_end,
			 bootstrap_open_gives_a_link_to_look_with,
			 peer_leaves_after_thirteen_seconds_at_the_latest,
			 config_older_request_is_refused_and_updated, config_update_is_taken_over,
			 config_update_that_cannot_be_followed_is_told,
			 config_update_goes_the_way_the_request_came,
			 config_error_makes_the_request_go_again,
			 probe_answers_what_was_asked_in_order, probe_ping_carries_the_time,
			 probe_inspect_tells_version_and_addresses,
			 counter_walk_names_every_counter);
}
