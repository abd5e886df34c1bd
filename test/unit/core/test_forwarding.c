/* SPDX-License-Identifier: MIT */
/* Receipt and forwarding (RFC 6940 6.1, 6.3.2), rule by rule. */
#include "overlay/forwarding.h"

#include "overlay/wire/method.h"
#include "test/unit/core/core.h"
#include "test/unit/run.h"

static struct core *c;
static struct remote a, b;

static void setup_with(const struct core_options *o)
{
	c = core_new(o);
	remote_init(&a, 0x10, 1);
	remote_init(&b, 0x20, 1);
	ck_assert(core_accept(c, &a) != 0);
	ck_assert(core_accept(c, &b) != 0);
}

static void setup_as(bool client)
{
	struct core_options o = { .first = !client, .client = client };

	setup_with(&o);
}

static void setup(void)
{
	setup_as(false);
}

static void teardown(void)
{
	remote_free(&a);
	remote_free(&b);
	core_free(c);
}

static const struct counters *counts(void)
{
	return peer_counters(c->peer);
}

static struct slice ping_body(void)
{
	static const uint8_t BODY[] = { 0, 0 };

	return slice_of(BODY, sizeof(BODY));
}

static void send_ping(const struct forwarding_header *h)
{
	core_receive(c, &a, core_message(c, &a, h, method_request_code(METHOD_PING), ping_body()));
}

/* What came back to a: the error code, or 0 for none. */
static uint16_t answered(void)
{
	struct message m;

	return core_take(c, &a, &m) ? core_error_code(&m) : 0;
}

START_TEST(forwarding_delivers_ping_to_own_node_id)
{
	struct forwarding_header h;
	struct message m;

	setup();
	h = core_header(c, 7, core_to_self(c));
	send_ping(&h);
	ck_assert(core_take(c, &a, &m));
	ck_assert_uint_eq(m.contents.code, method_answer_code(METHOD_PING));
	ck_assert_uint_eq(m.header.transaction_id, 7);
	ck_assert_uint_eq(m.header.max_response_length, 0);
	ck_assert(slice_equal(m.header.destination_list, core_nodes(c, &a.id, 1)));
	ck_assert_uint_eq(counts()->messages_delivered, 1);
	teardown();
}
END_TEST

START_TEST(forwarding_drops_wrong_header_silently)
{
	struct forwarding_header good, h;

	setup();
	good = core_header(c, 7, core_to_self(c));
	h = good;
	h.relo_token++;
	send_ping(&h);
	h = good;
	h.overlay++;
	send_ping(&h);
	h = good;
	h.version = 1;
	send_ping(&h);
	h = good;
	h.fragment &= ~FRAGMENT_ALWAYS;
	send_ping(&h);
	ck_assert_uint_eq(counts()->dropped_header, 4);
	ck_assert_uint_eq(counts()->messages_delivered, 0);
	ck_assert_uint_eq(answered(), 0);
	teardown();
}
END_TEST

START_TEST(forwarding_drops_wrong_length)
{
	struct slice message;
	uint8_t longer[4096];

	setup();
	message = core_message(c, &a, NULL, method_request_code(METHOD_PING), ping_body());
	memcpy(longer, message.data, message.len);
	longer[message.len] = 0;
	core_receive(c, &a, slice_of(longer, message.len + 1));
	core_receive(c, &a, slice_of(longer, 20));
	ck_assert_uint_eq(counts()->dropped_header, 1);
	ck_assert_uint_eq(counts()->dropped_malformed, 1);
	teardown();
}
END_TEST

START_TEST(forwarding_answers_ttl_above_initial)
{
	struct forwarding_header h;

	setup();
	h = core_header(c, 7, core_to_self(c));
	h.ttl = 101;
	send_ping(&h);
	ck_assert_uint_eq(answered(), 0xa);
	teardown();
}
END_TEST

/* A document that lowers initial-ttl must not cut off those who have not got it yet. */
START_TEST(forwarding_takes_an_older_configurations_ttl)
{
	struct core_options o = { .first = true, .sequence = 5, .initial_ttl = 10 };
	struct forwarding_header h;

	setup_with(&o);
	h = core_header(c, 7, core_nodes(c, &b.id, 1));
	h.ttl = 11;
	send_ping(&h);
	ck_assert_uint_eq(answered(), 0xa);
	h.configuration_sequence = 4;
	h.ttl = 101;
	send_ping(&h);
	ck_assert_uint_eq(answered(), 0xa);
	ck_assert_uint_eq(counts()->messages_forwarded, 0);
	h.ttl = 100;
	send_ping(&h);
	h.configuration_sequence = 65535; /* ConfigUpdate's */
	send_ping(&h);
	ck_assert_uint_eq(answered(), 0);
	ck_assert_uint_eq(counts()->messages_forwarded, 2);
	teardown();
}
END_TEST

START_TEST(forwarding_refuses_spent_ttl_unless_ours)
{
	struct forwarding_header h;
	struct message m;

	setup();
	h = core_header(c, 7, core_nodes(c, &b.id, 1));
	h.ttl = 0;
	send_ping(&h);
	ck_assert_uint_eq(answered(), 0xa);
	ck_assert(!core_take(c, &b, &m));
	h = core_header(c, 8, core_to_self(c));
	h.ttl = 0;
	send_ping(&h);
	ck_assert(core_take(c, &a, &m));
	ck_assert_uint_eq(m.contents.code, method_answer_code(METHOD_PING));
	teardown();
}
END_TEST

START_TEST(forwarding_passes_on_with_via_and_ttl)
{
	struct node_id far = core_node_id(0x44);
	struct forwarding_header h;
	struct node_id via[2];
	struct slice sent;
	struct message m;

	setup();
	c->has_hop = true;
	c->hop = b.id;
	h = core_header(c, 7, core_nodes(c, &far, 1));
	via[0] = core_node_id(0x99);
	h.via_list = core_nodes(c, via, 1);
	sent = core_message(c, &a, &h, method_request_code(METHOD_PING), ping_body());
	core_receive(c, &a, sent);
	ck_assert(core_take(c, &b, &m));
	via[1] = a.id;
	ck_assert(slice_equal(m.header.via_list, core_nodes(c, via, 2)));
	ck_assert(slice_equal(m.header.destination_list, h.destination_list));
	ck_assert_uint_eq(m.header.ttl, h.ttl - 1);
	/* The tail went through untouched. */
	ck_assert_mem_eq(m.contents_bytes.data, sent.data + (sent.len - (m.header.length - 92)),
			 m.contents_bytes.len);
	ck_assert_uint_eq(counts()->messages_forwarded, 1);
	teardown();
}
END_TEST

START_TEST(forwarding_keeps_via_of_an_answer)
{
	struct forwarding_header h;
	struct message m;

	setup();
	h = core_header(c, 7, core_nodes(c, &b.id, 1));
	core_receive(c, &a, core_message(c, &a, &h, method_answer_code(METHOD_PING), ping_body()));
	ck_assert(core_take(c, &b, &m));
	ck_assert_uint_eq(m.header.via_list.len, 0);
	teardown();
}
END_TEST

START_TEST(forwarding_cuts_a_loop_out_of_the_via_list)
{
	struct node_id via[3] = { core_node_id(0x99), CORE_SELF, core_node_id(0x77) };
	struct forwarding_header h;
	struct message m;

	setup();
	h = core_header(c, 7, core_nodes(c, &b.id, 1));
	h.via_list = core_nodes(c, via, 3);
	send_ping(&h);
	ck_assert(core_take(c, &b, &m));
	ck_assert(slice_equal(m.header.via_list, core_nodes(c, via, 1)));
	teardown();
}
END_TEST

START_TEST(forwarding_pops_own_entry_and_goes_on)
{
	struct node_id path[2];
	struct forwarding_header h;
	struct message m;

	setup();
	path[0] = CORE_SELF;
	path[1] = b.id;
	h = core_header(c, 7, core_nodes(c, path, 2));
	send_ping(&h);
	ck_assert(core_take(c, &b, &m));
	ck_assert(slice_equal(m.header.destination_list, core_nodes(c, &b.id, 1)));
	teardown();
}
END_TEST

START_TEST(forwarding_consumes_the_wildcard)
{
	struct node_id path[2];
	struct forwarding_header h;
	struct message m;

	setup();
	path[0] = NODE_ID_WILDCARD;
	path[1] = b.id;
	h = core_header(c, 7, core_nodes(c, path, 2));
	send_ping(&h);
	ck_assert(core_take(c, &a, &m));
	ck_assert_uint_eq(m.contents.code, method_answer_code(METHOD_PING));
	ck_assert(!core_take(c, &b, &m));
	teardown();
}
END_TEST

START_TEST(forwarding_drops_node_id_in_own_range)
{
	struct node_id nobody = core_node_id(0x7f);
	struct forwarding_header h;

	setup();
	c->is_responsible = true;
	c->has_hop = true;
	c->hop = b.id;
	h = core_header(c, 7, core_nodes(c, &nobody, 1));
	send_ping(&h);
	ck_assert_uint_eq(counts()->dropped_no_route, 1);
	ck_assert_uint_eq(counts()->messages_forwarded, 0);
	/* A connected node (a client) is reached all the same. */
	h = core_header(c, 8, core_nodes(c, &b.id, 1));
	send_ping(&h);
	ck_assert_uint_eq(counts()->messages_forwarded, 1);
	teardown();
}
END_TEST

START_TEST(forwarding_delivers_resource_when_responsible)
{
	struct node_id point = core_node_id(0x7f);
	struct forwarding_header h;
	struct message m;

	setup();
	h = core_header(c, 7, core_to_resource(c, &point));
	send_ping(&h);
	ck_assert_uint_eq(counts()->dropped_no_route, 1);
	c->is_responsible = true;
	send_ping(&h);
	ck_assert(core_take(c, &a, &m));
	ck_assert_uint_eq(m.contents.code, method_answer_code(METHOD_PING));
	teardown();
}
END_TEST

START_TEST(forwarding_drops_resource_that_is_not_last)
{
	struct node_id point = core_node_id(0x7f);
	struct slice resource, node;
	struct forwarding_header h;
	uint8_t list[64];

	setup();
	c->is_responsible = true;
	resource = core_to_resource(c, &point);
	node = core_nodes(c, &b.id, 1);
	memcpy(list, resource.data, resource.len);
	memcpy(list + resource.len, node.data, node.len);
	h = core_header(c, 7, slice_of(list, resource.len + node.len));
	send_ping(&h);
	ck_assert_uint_eq(counts()->dropped_no_route, 1);
	ck_assert_uint_eq(answered(), 0);
	teardown();
}
END_TEST

START_TEST(forwarding_refuses_duplicate_destinations)
{
	struct node_id path[3];
	struct forwarding_header h;

	setup();
	path[0] = b.id;
	path[1] = core_node_id(0x44);
	path[2] = b.id;
	h = core_header(c, 7, core_nodes(c, path, 3));
	send_ping(&h);
	ck_assert_uint_eq(answered(), 0x14);
	ck_assert_uint_eq(counts()->messages_forwarded, 0);
	h = core_header(c, 8, SLICE_EMPTY);
	send_ping(&h);
	ck_assert_uint_eq(answered(), 0x14);
	teardown();
}
END_TEST

START_TEST(forwarding_drops_opaque_id)
{
	static const uint8_t OPAQUE[] = { 0x80, 0x01 };
	struct forwarding_header h;

	setup();
	h = core_header(c, 7, slice_of(OPAQUE, sizeof(OPAQUE)));
	send_ping(&h);
	ck_assert_uint_eq(counts()->dropped_no_route, 1);
	ck_assert_uint_eq(answered(), 0);
	teardown();
}
END_TEST

START_TEST(forwarding_refuses_unknown_critical_option)
{
	static const uint8_t CRITICAL[] = { 9, FORWARD_CRITICAL, 0, 0 };
	static const uint8_t HARMLESS[] = { 9, RESPONSE_COPY, 0, 1, 0x55 };
	static const uint8_t COPIED[] = { 9, 0, 0, 1, 0x55 };
	struct forwarding_header h;
	struct message m;

	setup();
	h = core_header(c, 7, core_nodes(c, &b.id, 1));
	h.options = slice_of(CRITICAL, sizeof(CRITICAL));
	send_ping(&h);
	ck_assert_uint_eq(answered(), 7);
	h.options = slice_of(HARMLESS, sizeof(HARMLESS));
	send_ping(&h);
	ck_assert(core_take(c, &b, &m));
	ck_assert(slice_equal(m.header.options, slice_of(HARMLESS, sizeof(HARMLESS))));
	/* At the destination it is copied into the answer, without its flags. */
	h.destination_list = core_to_self(c);
	send_ping(&h);
	ck_assert(core_take(c, &a, &m));
	ck_assert(slice_equal(m.header.options, slice_of(COPIED, sizeof(COPIED))));
	teardown();
}
END_TEST

START_TEST(forwarding_never_answers_an_answer)
{
	struct forwarding_header h;

	setup();
	h = core_header(c, 7, core_nodes(c, &b.id, 1));
	h.ttl = 0;
	core_receive(c, &a, core_message(c, &a, &h, method_answer_code(METHOD_PING), ping_body()));
	core_receive(c, &a, core_message(c, &a, &h, MESSAGE_CODE_ERROR, ping_body()));
	ck_assert_uint_eq(answered(), 0);
	teardown();
}
END_TEST

START_TEST(forwarding_rations_errors)
{
	struct forwarding_header h;
	size_t answers = 0;
	struct message m;

	setup();
	h = core_header(c, 7, core_nodes(c, &b.id, 1));
	h.ttl = 0;
	for (size_t i = 0; i < 200; i++)
		send_ping(&h);
	while (core_take(c, &a, &m))
		answers++;
	ck_assert_uint_gt(answers, 10);
	ck_assert_uint_lt(answers, 100);
	teardown();
}
END_TEST

START_TEST(forwarding_forbids_all_but_ping_and_attach_to_many_node_ids)
{
	struct forwarding_header h;
	struct remote many;
	struct message m;

	setup();
	remote_init(&many, 0x30, 3);
	ck_assert(core_accept(c, &many) != 0);
	h = core_header(c, 7, core_nodes(c, &b.id, 1));
	core_receive(c, &many,
		     core_message(c, &many, &h, method_request_code(METHOD_FETCH), ping_body()));
	ck_assert(core_take(c, &many, &m));
	ck_assert_uint_eq(core_error_code(&m), 2);
	core_receive(c, &many,
		     core_message(c, &many, &h, method_request_code(METHOD_PING), ping_body()));
	ck_assert(core_take(c, &b, &m));
	remote_free(&many);
	teardown();
}
END_TEST

START_TEST(forwarding_of_a_client_passes_nothing_on_by_range)
{
	struct node_id far = core_node_id(0x44);
	struct forwarding_header h;

	setup_as(true);
	h = core_header(c, 7, core_nodes(c, &far, 1));
	send_ping(&h);
	ck_assert_uint_eq(counts()->dropped_no_route, 1);
	teardown();
}
END_TEST

START_TEST(forwarding_first_ttl_follows_the_overlays_size)
{
	/* Population and TTL; an unknown one gives the whole of the default. */
	static const size_t CASES[][2] = { { 0, 100 },   { 1, 16 },        { 1024, 16 },    { 2048, 16 },
					   { 2049, 17 }, { 1000000, 25 }, { SIZE_MAX, 69 } };

	setup();
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		c->population = CASES[i][0];
		ck_assert_uint_eq(forwarding_first_ttl(c->peer), CASES[i][1]);
	}
	teardown();
}
END_TEST

int main(void)
{
	return RUN_TESTS(
		"forwarding", forwarding_delivers_ping_to_own_node_id,
		forwarding_drops_wrong_header_silently, forwarding_drops_wrong_length,
		forwarding_answers_ttl_above_initial, forwarding_takes_an_older_configurations_ttl,
		forwarding_refuses_spent_ttl_unless_ours,
		forwarding_passes_on_with_via_and_ttl, forwarding_keeps_via_of_an_answer,
		forwarding_cuts_a_loop_out_of_the_via_list, forwarding_pops_own_entry_and_goes_on,
		forwarding_consumes_the_wildcard, forwarding_drops_node_id_in_own_range,
		forwarding_delivers_resource_when_responsible,
		forwarding_drops_resource_that_is_not_last,
		forwarding_refuses_duplicate_destinations, forwarding_drops_opaque_id,
		forwarding_refuses_unknown_critical_option, forwarding_never_answers_an_answer,
		forwarding_rations_errors,
		forwarding_forbids_all_but_ping_and_attach_to_many_node_ids,
		forwarding_of_a_client_passes_nothing_on_by_range,
		forwarding_first_ttl_follows_the_overlays_size);
}
