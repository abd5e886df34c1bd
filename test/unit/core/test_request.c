/* SPDX-License-Identifier: MIT */
/* What the destination of a request looks at besides its method (RFC 6940 6.3.2, 6.3.3). */
#include "overlay/wire/method.h"
#include "test/unit/core/core.h"
#include "test/unit/run.h"

static struct core *c;
static struct remote a;

static void setup(void)
{
	struct core_options o = { .first = true };

	c = core_new(&o);
	remote_init(&a, 0x10, 1);
	ck_assert(core_accept(c, &a) != 0);
}

static void teardown(void)
{
	remote_free(&a);
	core_free(c);
}

static const struct counters *counts(void)
{
	return peer_counters(c->peer);
}

static struct message_contents ping(void)
{
	static const uint8_t BODY[] = { 0, 0 };

	return (struct message_contents){ .code = method_request_code(METHOD_PING),
					  .body = slice_of(BODY, sizeof(BODY)) };
}

static void send(const struct forwarding_header *h, const struct message_contents *what)
{
	core_receive(c, &a, core_message_of(c, &a, h, what));
}

static void send_ping(const struct forwarding_header *h)
{
	struct message_contents what = ping();

	send(h, &what);
}

START_TEST(request_of_another_overlay_is_dropped)
{
	struct forwarding_header h;
	struct message m;

	setup();
	h = core_header(c, 7, core_to_self(c));
	for (unsigned bit = 0; bit < 32; bit++) {
		struct forwarding_header other = h;

		other.overlay ^= 1u << bit;
		send_ping(&other);
	}
	ck_assert(!core_take(c, &a, &m));
	ck_assert_uint_eq(counts()->dropped_header, 32);
	ck_assert_uint_eq(counts()->errors[-ERR_INCOMPATIBLE_WITH_OVERLAY], 32);
	ck_assert_uint_eq(counts()->messages_delivered, 0);
	send_ping(&h);
	ck_assert(core_take(c, &a, &m));
	ck_assert_uint_eq(m.header.overlay, h.overlay);
	teardown();
}
END_TEST

/* 6.3.2.2: an answer goes back by Node-IDs only. */
START_TEST(request_with_a_resource_in_its_via_list_is_not_answered)
{
	struct node_id point = core_node_id(0x7f);
	struct slice resource, node;
	struct forwarding_header h;
	uint8_t list[64];
	struct message m;

	setup();
	resource = core_to_resource(c, &point);
	node = core_nodes(c, &a.id, 1);
	h = core_header(c, 7, core_to_self(c));
	h.via_list = resource;
	send_ping(&h);
	memcpy(list, node.data, node.len);
	memcpy(list + node.len, resource.data, resource.len);
	h.transaction_id = 8;
	h.via_list = slice_of(list, node.len + resource.len);
	send_ping(&h);
	memcpy(list, resource.data, resource.len);
	memcpy(list + resource.len, node.data, node.len);
	h.transaction_id = 9;
	send_ping(&h);
	ck_assert(!core_take(c, &a, &m));
	ck_assert_uint_eq(counts()->messages_sent, 0);
	ck_assert_uint_eq(counts()->errors[-ERR_MALFORMED], 3);
	/* Nor is an Error about such a request sent anywhere. */
	h.destination_list = SLICE_EMPTY;
	send_ping(&h);
	ck_assert(!core_take(c, &a, &m));
	teardown();
}
END_TEST

START_TEST(request_with_an_unknown_critical_extension_is_refused)
{
	struct message_extension extensions[2] = {
		{ .type = 0x7001, .critical = false, .contents = slice_text("may be ignored") },
		{ .type = 0x7002, .critical = true, .contents = slice_text("must be understood") },
	};
	struct message_contents what = ping();
	struct forwarding_header h;
	struct message m;

	setup();
	h = core_header(c, 7, core_to_self(c));
	what.extensions = extensions;
	what.extension_count = 2;
	send(&h, &what);
	ck_assert(core_take(c, &a, &m));
	ck_assert_uint_eq(m.header.transaction_id, 7);
	ck_assert_uint_eq(core_error_code(&m), 0xd);
	ck_assert_uint_eq(counts()->requests_in[METHOD_PING], 0);
	h.transaction_id = 8;
	what.extension_count = 1;
	send(&h, &what);
	ck_assert(core_take(c, &a, &m));
	ck_assert_uint_eq(m.contents.code, method_answer_code(METHOD_PING));
	ck_assert_uint_eq(m.contents.extension_count, 0);
	teardown();
}
END_TEST

/* 6.3.2.3: the responder copies what asks for it, and clears all its flags. */
START_TEST(request_options_go_into_the_answer_with_flags_cleared)
{
	static const uint8_t ASKED[] = {
		0x81, RESPONSE_COPY | 0x80, 0, 2, 0x11, 0x22, /* copied */
		0x82, 0, 0, 1, 0x33,                                                      /* not asked for */
		0x83, RESPONSE_COPY, 0, 0,                                                /* copied, empty */
	};
	static const uint8_t COPIED[] = { 0x81, 0, 0, 2, 0x11, 0x22, 0x83, 0, 0, 0 };
	struct forwarding_header h;
	struct message m;

	setup();
	h = core_header(c, 7, core_to_self(c));
	h.options = slice_of(ASKED, sizeof(ASKED));
	send_ping(&h);
	ck_assert(core_take(c, &a, &m));
	ck_assert_uint_eq(m.contents.code, method_answer_code(METHOD_PING));
	ck_assert(slice_equal(m.header.options, slice_of(COPIED, sizeof(COPIED))));
	teardown();
}
END_TEST

int main(void)
{
	return RUN_TESTS("request", request_of_another_overlay_is_dropped,
			 request_with_a_resource_in_its_via_list_is_not_answered,
			 request_with_an_unknown_critical_extension_is_refused,
			 request_options_go_into_the_answer_with_flags_cleared);
}
