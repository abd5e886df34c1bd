/* SPDX-License-Identifier: MIT */
/* Message Transport: retransmission, matching and checking answers, repeats (RFC 6940 6.2, 6.3.4).
 */
#include "overlay/wire/method.h"
#include "test/unit/core/core.h"
#include "test/unit/run.h"

static struct core *c;
static struct remote a, b;
static size_t done_count;
static int done_err;
static struct node_id done_signer;
static struct duration done_round_trip;
static size_t handled;
static uint64_t handle;
static struct incoming last;

static void setup_with(uint32_t reliability_timer_ms)
{
	struct core_options o = { .first = true, .reliability_timer_ms = reliability_timer_ms };

	c = core_new(&o);
	remote_init(&a, 0x10, 1);
	remote_init(&b, 0x20, 1);
	ck_assert(core_accept(c, &a) != 0);
	ck_assert(core_accept(c, &b) != 0);
	done_count = handled = 0;
	done_err = 1;
}

static void setup(void)
{
	setup_with(0);
}

static void teardown(void)
{
	remote_free(&a);
	remote_free(&b);
	core_free(c);
}

static void on_response(void *ctx, struct now now, const struct response *response)
{
	(void)ctx;
	(void)now;
	done_count++;
	done_err = response->err;
	done_signer = response->signer.node_id;
	done_round_trip = response->round_trip;
}

/* Keeps the request; the test answers it. */
static void on_request(void *ctx, struct now now, const struct incoming *request)
{
	(void)ctx;
	(void)now;
	handled++;
	handle = request->handle;
	last = *request;
}

static void ask(const struct node_id *to)
{
	ck_assert_int_eq(transport_request_node(c->peer, c->now, METHOD_PING, slice_text("x"), to,
						on_response, NULL),
			 0);
	core_drain(c);
}

/* r answers the request with this transaction id. */
static void answer(struct remote *over, struct remote *signer, uint64_t transaction_id,
		   uint16_t code, struct slice body)
{
	struct forwarding_header h = core_header(c, transaction_id, core_to_self(c));

	core_receive(c, over, core_message(c, signer, &h, code, body));
}

static void store_from(struct remote *r, uint64_t transaction_id)
{
	struct forwarding_header h = core_header(c, transaction_id, core_to_self(c));

	core_receive(c, r,
		     core_message(c, r, &h, method_request_code(METHOD_STORE), slice_text("body")));
}

START_TEST(transport_matches_an_answer)
{
	struct message m;

	setup();
	ask(&a.id);
	ck_assert(core_take(c, &a, &m));
	ck_assert_uint_eq(m.contents.code, method_request_code(METHOD_PING));
	ck_assert_uint_eq(m.header.ttl, 100);
	ck_assert_uint_eq(m.security.certificates.count, 1);
	core_advance(c, 20);
	answer(&a, &a, m.header.transaction_id, method_answer_code(METHOD_PING), SLICE_EMPTY);
	ck_assert_uint_eq(done_count, 1);
	ck_assert_int_eq(done_err, 0);
	ck_assert(node_id_equal(&done_signer, &a.id));
	ck_assert_uint_eq(done_round_trip.us, 20000);
	/* Once only. */
	answer(&a, &a, m.header.transaction_id, method_answer_code(METHOD_PING), SLICE_EMPTY);
	ck_assert_uint_eq(done_count, 1);
	teardown();
}
END_TEST

START_TEST(transport_retransmits_five_times_then_fails)
{
	static const uint64_t AT_MS[] = { 3000, 6000, 9000, 12000 };
	uint64_t first, at = 0;
	struct message m;

	setup();
	ask(&a.id);
	ck_assert(core_take(c, &a, &m));
	first = m.header.transaction_id;
	for (size_t i = 0; i < 4; i++) {
		/* The link itself answers, so that only the request is missing. */
		for (; at + 1000 < AT_MS[i]; at += 1000) {
			core_advance(c, 1000);
			core_receive_ack(c, &a, 100, 0);
		}
		core_advance(c, AT_MS[i] - 1 - at);
		ck_assert(!core_take(c, &a, &m));
		core_advance(c, 1);
		core_receive_ack(c, &a, 100, 0);
		at = AT_MS[i];
		ck_assert(core_take(c, &a, &m));
		ck_assert_uint_eq(m.header.transaction_id, first);
	}
	ck_assert_uint_eq(done_count, 0);
	for (; at < 15000; at += 1000) {
		core_advance(c, 1000);
		core_receive_ack(c, &a, 100, 0);
	}
	ck_assert_uint_eq(done_count, 1);
	ck_assert_int_eq(done_err, ERR_REQUEST_TIMEOUT);
	ck_assert_uint_eq(peer_counters(c->peer)->retransmissions, 4);
	teardown();
}
END_TEST

START_TEST(transport_reports_an_error_answer)
{
	static const uint8_t BODY[] = { 0, 3, 0, 2, 'n', 'o' };
	struct message m;

	setup();
	ask(&a.id);
	ck_assert(core_take(c, &a, &m));
	answer(&a, &a, m.header.transaction_id, MESSAGE_CODE_ERROR, slice_of(BODY, sizeof(BODY)));
	ck_assert_int_eq(done_err, ERR_NOT_FOUND);
	teardown();
}
END_TEST

START_TEST(transport_drops_an_answer_of_the_wrong_node)
{
	struct message m;

	setup();
	ask(&a.id);
	ck_assert(core_take(c, &a, &m));
	answer(&a, &b, m.header.transaction_id, method_answer_code(METHOD_PING), SLICE_EMPTY);
	ck_assert_uint_eq(done_count, 0);
	ck_assert_uint_eq(peer_counters(c->peer)->dropped_answer, 1);
	/* Another method's answer is none either. */
	answer(&a, &a, m.header.transaction_id, method_answer_code(METHOD_STORE), SLICE_EMPTY);
	ck_assert_uint_eq(done_count, 0);
	answer(&a, &a, m.header.transaction_id, method_answer_code(METHOD_PING), SLICE_EMPTY);
	ck_assert_uint_eq(done_count, 1);
	teardown();
}
END_TEST

START_TEST(transport_takes_ttl_exceeded_of_a_node_on_the_way)
{
	static const uint8_t SPENT[] = { 0, 0xa, 0, 0 };
	struct message m;

	setup();
	ask(&a.id);
	ck_assert(core_take(c, &a, &m));
	answer(&a, &b, m.header.transaction_id, MESSAGE_CODE_ERROR, slice_of(SPENT, sizeof(SPENT)));
	/* It goes again at once, as the first one may have had less than the whole initial-ttl. */
	ck_assert_uint_eq(done_count, 0);
	core_advance(c, 0);
	ck_assert(core_take(c, &a, &m));
	ck_assert_uint_eq(m.header.ttl, 100);
	answer(&a, &b, m.header.transaction_id, MESSAGE_CODE_ERROR, slice_of(SPENT, sizeof(SPENT)));
	ck_assert_int_eq(done_err, ERR_TTL_EXCEEDED);
	teardown();
}
END_TEST

START_TEST(transport_repeats_and_answers_with_the_whole_ttl)
{
	struct message m;

	setup();
	c->population = 100;
	ask(&a.id);
	ck_assert(core_take(c, &a, &m));
	ck_assert_uint_eq(m.header.ttl, 16);
	core_advance(c, 3000);
	ck_assert(core_take(c, &a, &m));
	ck_assert_uint_eq(m.header.ttl, 100);
	transport_set_handler(c->peer, METHOD_STORE, on_request, NULL);
	store_from(&a, 5);
	transport_answer(c->peer, c->now, handle, SLICE_EMPTY, NULL, 0);
	core_drain(c);
	ck_assert(core_take(c, &a, &m));
	ck_assert_uint_eq(m.header.ttl, 100);
	teardown();
}
END_TEST

START_TEST(transport_checks_who_answers_for_a_resource)
{
	struct node_id point = core_node_id(0x11);
	struct resource_id resource = resource_id_from_node_id(&point);
	struct message m;

	setup();
	c->has_hop = true;
	c->hop = a.id;
	c->accepts_answer = false;
	ck_assert_int_eq(transport_request_resource(c->peer, c->now, METHOD_FETCH, SLICE_EMPTY,
						    &resource, on_response, NULL),
			 0);
	core_drain(c);
	ck_assert(core_take(c, &a, &m));
	answer(&a, &b, m.header.transaction_id, method_answer_code(METHOD_FETCH), SLICE_EMPTY);
	ck_assert_uint_eq(done_count, 0);
	c->accepts_answer = true;
	answer(&a, &b, m.header.transaction_id, method_answer_code(METHOD_FETCH), SLICE_EMPTY);
	ck_assert_uint_eq(done_count, 1);
	teardown();
}
END_TEST

START_TEST(transport_drops_a_forged_message)
{
	struct slice message;
	uint8_t bytes[4096];
	struct message m;

	setup();
	transport_set_handler(c->peer, METHOD_STORE, on_request, NULL);
	message = core_message(c, &a, NULL, method_request_code(METHOD_STORE), slice_text("body"));
	memcpy(bytes, message.data, message.len);
	bytes[38 + 18 + 6] ^= 1; /* a byte of the body */
	core_receive(c, &a, slice_of(bytes, message.len));
	ck_assert_uint_eq(handled, 0);
	ck_assert_uint_eq(peer_counters(c->peer)->dropped_signature, 1);
	ck_assert(!core_take(c, &a, &m));
	teardown();
}
END_TEST

START_TEST(transport_answers_repeats_from_the_cache)
{
	struct message first, second;

	setup();
	transport_set_handler(c->peer, METHOD_STORE, on_request, NULL);
	store_from(&a, 5);
	ck_assert_uint_eq(handled, 1);
	/* Not answered yet: a repeat waits with it. */
	store_from(&a, 5);
	ck_assert_uint_eq(handled, 1);
	ck_assert(!core_take(c, &a, &first));
	transport_answer(c->peer, c->now, handle, slice_text("done"), NULL, 0);
	core_drain(c);
	ck_assert(core_take(c, &a, &first));
	store_from(&a, 5);
	ck_assert_uint_eq(handled, 1);
	ck_assert(core_take(c, &a, &second));
	ck_assert(slice_equal(first.contents_bytes, second.contents_bytes));
	ck_assert_uint_eq(peer_counters(c->peer)->duplicates, 1);
	/* The same number of another node is another request. */
	store_from(&b, 5);
	ck_assert_uint_eq(handled, 2);
	/* After the Maximum Request Lifetime it is a new one. */
	core_advance(c, 15001);
	store_from(&a, 5);
	ck_assert_uint_eq(handled, 3);
	teardown();
}
END_TEST

START_TEST(transport_keeps_answers_for_five_reliability_timers)
{
	struct message m;

	setup_with(1000);
	transport_set_handler(c->peer, METHOD_STORE, on_request, NULL);
	store_from(&a, 5);
	transport_answer(c->peer, c->now, handle, slice_text("done"), NULL, 0);
	core_drain(c);
	ck_assert(core_take(c, &a, &m));
	core_advance(c, 4999);
	store_from(&a, 5);
	ck_assert_uint_eq(handled, 1);
	core_advance(c, 2);
	store_from(&a, 5);
	ck_assert_uint_eq(handled, 2);
	teardown();
}
END_TEST

START_TEST(transport_ignores_a_second_answer)
{
	struct message m;

	setup();
	transport_set_handler(c->peer, METHOD_STORE, on_request, NULL);
	store_from(&a, 5);
	transport_answer(c->peer, c->now, handle, slice_text("one"), NULL, 0);
	transport_answer(c->peer, c->now, handle, slice_text("two"), NULL, 0);
	transport_answer_error(c->peer, c->now, handle, ERR_FORBIDDEN, SLICE_EMPTY);
	core_drain(c);
	ck_assert(core_take(c, &a, &m));
	ck_assert(slice_equal(m.contents.body, slice_text("one")));
	ck_assert(!core_take(c, &a, &m));
	teardown();
}
END_TEST

START_TEST(transport_tells_what_came_how)
{
	struct node_id via = core_node_id(0x55);
	struct forwarding_header h;

	setup();
	transport_set_handler(c->peer, METHOD_STORE, on_request, NULL);
	store_from(&a, 5);
	ck_assert(last.direct);
	ck_assert(node_id_equal(&last.signer.node_id, &a.id));
	ck_assert(node_id_equal(&last.previous_hop, &a.id));
	h = core_header(c, 6, core_to_self(c));
	h.via_list = core_nodes(c, &via, 1);
	core_receive(c, &a,
		     core_message(c, &b, &h, method_request_code(METHOD_STORE), SLICE_EMPTY));
	ck_assert(!last.direct);
	ck_assert(node_id_equal(&last.signer.node_id, &b.id));
	ck_assert(node_id_equal(&last.previous_hop, &a.id));
	teardown();
}
END_TEST

START_TEST(transport_answers_along_the_reversed_via_list)
{
	struct node_id via[2] = { core_node_id(0x51), core_node_id(0x52) };
	struct node_id back[3];
	struct forwarding_header h;
	struct message m;

	setup();
	transport_set_handler(c->peer, METHOD_STORE, on_request, NULL);
	h = core_header(c, 6, core_to_self(c));
	h.via_list = core_nodes(c, via, 2);
	core_receive(c, &a,
		     core_message(c, &b, &h, method_request_code(METHOD_STORE), SLICE_EMPTY));
	transport_answer(c->peer, c->now, handle, SLICE_EMPTY, NULL, 0);
	core_drain(c);
	ck_assert(core_take(c, &a, &m));
	back[0] = a.id;
	back[1] = via[1];
	back[2] = via[0];
	ck_assert(slice_equal(m.header.destination_list, core_nodes(c, back, 3)));
	teardown();
}
END_TEST

START_TEST(transport_keeps_to_max_response_length)
{
	uint8_t body[1000] = { 0 };
	struct forwarding_header h;
	struct message m;

	setup();
	transport_set_handler(c->peer, METHOD_STORE, on_request, NULL);
	h = core_header(c, 6, core_to_self(c));
	h.max_response_length = 900;
	core_receive(c, &a,
		     core_message(c, &a, &h, method_request_code(METHOD_STORE), SLICE_EMPTY));
	transport_answer(c->peer, c->now, handle, slice_of(body, sizeof(body)), NULL, 0);
	core_drain(c);
	ck_assert(core_take(c, &a, &m));
	ck_assert_uint_eq(core_error_code(&m), 0xe);
	teardown();
}
END_TEST

START_TEST(transport_refuses_unhandled_and_unknown_methods)
{
	struct forwarding_header h;
	struct message m;

	setup();
	h = core_header(c, 6, core_to_self(c));
	core_receive(c, &a,
		     core_message(c, &a, &h, method_request_code(METHOD_STORE), SLICE_EMPTY));
	ck_assert(core_take(c, &a, &m));
	ck_assert_uint_eq(core_error_code(&m), 0x14);
	h.transaction_id++;
	core_receive(c, &a, core_message(c, &a, &h, 0x7001, SLICE_EMPTY));
	ck_assert(core_take(c, &a, &m));
	ck_assert_uint_eq(core_error_code(&m), 0x14);
	teardown();
}
END_TEST

START_TEST(transport_refuses_destination_critical_option)
{
	static const uint8_t OPTION[] = { 9, DESTINATION_CRITICAL, 0, 0 };
	struct forwarding_header h;
	struct message m;

	setup();
	h = core_header(c, 6, core_to_self(c));
	h.options = slice_of(OPTION, sizeof(OPTION));
	core_receive(c, &a, core_message(c, &a, &h, method_request_code(METHOD_PING), SLICE_EMPTY));
	ck_assert(core_take(c, &a, &m));
	ck_assert_uint_eq(core_error_code(&m), 7);
	teardown();
}
END_TEST

START_TEST(transport_answers_its_own_requests)
{
	struct message m;

	setup();
	ask(&CORE_SELF);
	/* Not from within the call. */
	ck_assert_uint_eq(done_count, 0);
	core_advance(c, 0);
	ck_assert_uint_eq(done_count, 1);
	ck_assert_int_eq(done_err, ERR_INVALID_MESSAGE); /* the body is no PingReq */
	ck_assert(node_id_equal(&done_signer, &CORE_SELF));
	transport_set_handler(c->peer, METHOD_PING, on_request, NULL);
	ask(&CORE_SELF);
	core_advance(c, 0);
	ck_assert_uint_eq(handled, 1);
	ck_assert(last.direct);
	ck_assert(node_id_equal(&last.signer.node_id, &CORE_SELF));
	ck_assert_uint_eq(last.certificates.count, 1);
	transport_answer(c->peer, c->now, handle, SLICE_EMPTY, NULL, 0);
	ck_assert_uint_eq(done_count, 1);
	core_advance(c, 0);
	ck_assert_uint_eq(done_count, 2);
	ck_assert_int_eq(done_err, 0);
	ck_assert(!core_take(c, &a, &m));
	teardown();
}
END_TEST

START_TEST(transport_takes_another_way_when_a_link_goes)
{
	struct node_id far = core_node_id(0x44);
	struct message first, second;

	setup();
	c->has_hop = true;
	c->hop = a.id;
	ask(&far);
	ck_assert(core_take(c, &a, &first));
	c->hop = b.id;
	peer_link_down(c->peer, c->now, a.link, ERR_LINK);
	core_drain(c);
	core_advance(c, 0);
	ck_assert(core_take(c, &b, &second));
	ck_assert_uint_eq(first.header.transaction_id, second.header.transaction_id);
	teardown();
}
END_TEST

START_TEST(transport_fails_when_a_forced_link_goes)
{
	struct node_id far = core_node_id(0x44);
	struct destination d = destination_of_node(&far);
	struct request request = { .method = METHOD_PING,
				   .destinations = &d,
				   .destination_count = 1,
				   .done = on_response };
	struct message m;

	setup();
	request.link = a.link;
	ck_assert_int_eq(transport_request(c->peer, c->now, &request, NULL), 0);
	core_drain(c);
	ck_assert(core_take(c, &a, &m));
	peer_link_down(c->peer, c->now, a.link, ERR_LINK);
	core_drain(c);
	core_advance(c, 0);
	ck_assert_uint_eq(done_count, 1);
	ck_assert_int_eq(done_err, ERR_LINK);
	request.link = 12345;
	ck_assert_int_eq(transport_request(c->peer, c->now, &request, NULL), ERR_NO_ROUTE);
	teardown();
}
END_TEST

START_TEST(transport_refuses_without_route_and_beyond_limits)
{
	struct node_id far = core_node_id(0x44);
	static uint8_t large[6000];
	size_t i = 0;

	setup();
	ck_assert_int_eq(transport_request_node(c->peer, c->now, METHOD_PING, SLICE_EMPTY, &far,
						on_response, NULL),
			 ERR_NO_ROUTE);
	ck_assert_int_eq(transport_request_node(c->peer, c->now, METHOD_PING,
						slice_of(large, sizeof(large)), &a.id, on_response,
						NULL),
			 ERR_MESSAGE_TOO_LARGE);
	while (transport_request_node(c->peer, c->now, METHOD_PING, SLICE_EMPTY, &a.id, NULL,
				      NULL) == 0 &&
	       i < 5000) {
		i++;
		core_drain(c);
		core_forget_sent(c);
	}
	ck_assert_uint_eq(i, 4096);
	ck_assert_uint_eq(done_count, 0);
	teardown();
}
END_TEST

START_TEST(transport_cancel_ends_a_request)
{
	struct destination d = destination_of_node(&a.id);
	struct request request = { .method = METHOD_PING,
				   .destinations = &d,
				   .destination_count = 1,
				   .done = on_response };
	struct message m;
	uint64_t id;

	setup();
	d = destination_of_node(&a.id);
	ck_assert_int_eq(transport_request(c->peer, c->now, &request, &id), 0);
	core_drain(c);
	ck_assert(core_take(c, &a, &m));
	ck_assert_uint_eq(m.header.transaction_id, id);
	transport_cancel(c->peer, id);
	answer(&a, &a, id, method_answer_code(METHOD_PING), SLICE_EMPTY);
	core_advance(c, 20000);
	ck_assert_uint_eq(done_count, 0);
	teardown();
}
END_TEST

START_TEST(transport_forgets_the_oldest_beyond_its_limit)
{
	setup();
	transport_set_handler(c->peer, METHOD_STORE, on_request, NULL);
	for (uint64_t i = 0; i < 8200; i++) {
		store_from(&a, 1000 + i);
		arena_reset(&c->arena);
		core_forget_sent(c);
	}
	ck_assert_uint_eq(handled, 8200);
	store_from(&a, 1000 + 8199);
	ck_assert_uint_eq(handled, 8200);
	store_from(&a, 1000);
	ck_assert_uint_eq(handled, 8201);
	teardown();
}
END_TEST

int main(void)
{
	return RUN_TESTS(
		"transport", transport_matches_an_answer,
		transport_retransmits_five_times_then_fails, transport_reports_an_error_answer,
		transport_drops_an_answer_of_the_wrong_node,
		transport_takes_ttl_exceeded_of_a_node_on_the_way,
		transport_repeats_and_answers_with_the_whole_ttl,
		transport_checks_who_answers_for_a_resource, transport_drops_a_forged_message,
		transport_answers_repeats_from_the_cache,
		transport_keeps_answers_for_five_reliability_timers, transport_ignores_a_second_answer,
		transport_tells_what_came_how, transport_answers_along_the_reversed_via_list,
		transport_keeps_to_max_response_length,
		transport_refuses_unhandled_and_unknown_methods,
		transport_refuses_destination_critical_option, transport_answers_its_own_requests,
		transport_takes_another_way_when_a_link_goes,
		transport_fails_when_a_forced_link_goes,
		transport_refuses_without_route_and_beyond_limits, transport_cancel_ends_a_request,
		transport_forgets_the_oldest_beyond_its_limit);
}
