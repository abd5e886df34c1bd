/* SPDX-License-Identifier: MIT */
/* Fragmentation and reassembly (RFC 6940 6.7). */
#include "overlay/fragment.h"
#include "overlay/wire/method.h"
#include "test/unit/core/core.h"
#include "test/unit/run.h"

static struct core *c;
static struct remote a, b;
static size_t handled;
static size_t handled_len;

static void on_request(void *ctx, struct now now, const struct incoming *request)
{
	(void)ctx;
	(void)now;
	handled++;
	handled_len = request->body.len;
}

static void setup_with(uint32_t reliability_timer_ms)
{
	struct core_options o = { .first = true,
				  .datagram = true,
				  .reliability_timer_ms = reliability_timer_ms };

	c = core_new(&o);
	remote_init(&a, 0x10, 1);
	remote_init(&b, 0x20, 1);
	ck_assert(core_accept(c, &a) != 0);
	ck_assert(core_accept(c, &b) != 0);
	transport_set_handler(c->peer, METHOD_STORE, on_request, NULL);
	handled = 0;
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

/* A StoreReq of `body_len` bytes to `to`, whole. */
static struct slice store(uint64_t transaction_id, size_t body_len, struct slice to)
{
	struct forwarding_header h = core_header(c, transaction_id, to);
	static uint8_t body[8000];

	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (uint8_t)(i * 7);
	return core_message(c, &a, &h, method_request_code(METHOD_STORE), slice_of(body, body_len));
}

/* Bytes [from, from+len) behind the header of `whole`, as a fragment. */
static struct slice piece(struct slice whole, size_t from, size_t len)
{
	struct reader r = reader_of(whole);
	struct forwarding_header h;
	struct slice tail;
	struct writer w = writer_of(arena_alloc(&c->arena, 8192), 8192);

	forwarding_header_get(&r, &h);
	tail = reader_bytes(&r, reader_left(&r));
	if (len > tail.len - from)
		len = tail.len - from;
	h.fragment = FRAGMENT_ALWAYS | (uint32_t)from;
	if (from + len == tail.len)
		h.fragment |= FRAGMENT_LAST;
	h.length = (uint32_t)(forwarding_header_size(&h) + len);
	forwarding_header_put(&w, &h);
	writer_bytes(&w, slice_of(tail.data + from, len));
	return writer_slice(&w);
}

START_TEST(fragment_piece_is_equal_and_large_enough)
{
	/* Fits: not cut. */
	ck_assert_uint_eq(fragment_piece(100, 900, 1000), 0);
	ck_assert_uint_eq(fragment_piece(100, 901, 1000), 451);
	ck_assert_uint_eq(fragment_piece(100, 3600, 1000), 900);
	/* A header that leaves less than 256 bytes: left to IP. */
	ck_assert_uint_eq(fragment_piece(800, 900, 1000), 0);
	ck_assert_uint_eq(fragment_piece(1000, 900, 1000), 0);
}
END_TEST

START_TEST(fragment_reassembles_in_any_order)
{
	static const size_t ORDERS[][4] = {
		{ 0, 1, 2, 3 }, { 3, 2, 1, 0 }, { 2, 0, 3, 1 }, { 1, 3, 0, 2 }
	};

	setup();
	for (size_t i = 0; i < 4; i++) {
		struct slice whole = store(10 + i, 3000, core_to_self(c));

		for (size_t k = 0; k < 4; k++) {
			ck_assert_uint_eq(handled, i);
			core_receive(c, &a, piece(whole, ORDERS[i][k] * 900, 900));
		}
		ck_assert_uint_eq(handled, i + 1);
		ck_assert_uint_eq(handled_len, 3000);
	}
	teardown();
}
END_TEST

START_TEST(fragment_takes_doubles_and_overlaps)
{
	struct slice whole;

	setup();
	whole = store(10, 3000, core_to_self(c));
	core_receive(c, &a, piece(whole, 0, 900));
	core_receive(c, &a, piece(whole, 0, 900));
	core_receive(c, &a, piece(whole, 1800, 900));
	core_receive(c, &a, piece(whole, 600, 900));
	core_receive(c, &a, piece(whole, 1200, 700));
	ck_assert_uint_eq(handled, 0);
	core_receive(c, &a, piece(whole, 2500, 900));
	ck_assert_uint_eq(handled, 1);
	teardown();
}
END_TEST

START_TEST(fragment_gives_up_after_the_request_lifetime)
{
	struct slice whole;

	setup();
	whole = store(10, 1500, core_to_self(c));
	core_receive(c, &a, piece(whole, 0, 900));
	core_advance(c, 14000);
	a.link = core_accept(c, &a); /* the link itself was not acknowledged and may be gone */
	core_advance(c, 1001);
	ck_assert_uint_eq(peer_counters(c->peer)->dropped_fragment, 1);
	core_receive(c, &a, piece(whole, 900, 900));
	ck_assert_uint_eq(handled, 0);
	teardown();
}
END_TEST

START_TEST(fragment_gives_up_after_five_reliability_timers)
{
	struct slice whole;

	setup_with(1000);
	whole = store(10, 1500, core_to_self(c));
	core_receive(c, &a, piece(whole, 0, 900));
	core_advance(c, 4999);
	ck_assert_uint_eq(peer_counters(c->peer)->dropped_fragment, 0);
	core_advance(c, 2);
	ck_assert_uint_eq(peer_counters(c->peer)->dropped_fragment, 1);
	teardown();
}
END_TEST

START_TEST(fragment_refuses_what_does_not_fit)
{
	struct slice whole;

	setup();
	whole = store(10, 3000, core_to_self(c));
	core_receive(c, &a, piece(whole, 2700, 900));
	/* A second last fragment, elsewhere. */
	core_receive(c, &a, piece(store(10, 1000, core_to_self(c)), 900, 900));
	ck_assert_uint_eq(peer_counters(c->peer)->dropped_fragment, 1);
	/* Beyond max-message-size. */
	core_receive(c, &a, piece(store(11, 7000, core_to_self(c)), 4900, 900));
	ck_assert_uint_eq(peer_counters(c->peer)->dropped_fragment, 2);
	ck_assert_uint_eq(handled, 0);
	teardown();
}
END_TEST

START_TEST(fragment_bounds_the_bytes_of_a_link)
{
	setup();
	for (uint64_t i = 0; i < 30; i++)
		core_receive(c, &a, piece(store(100 + i, 4000, core_to_self(c)), 3000, 900));
	/* 64 KiB are 16 such messages. */
	ck_assert_uint_ge(peer_counters(c->peer)->dropped_fragment, 10);
	/* Another link has room of its own. */
	core_receive(c, &b, piece(store(200, 1500, core_to_self(c)), 0, 900));
	core_receive(c, &b, piece(store(200, 1500, core_to_self(c)), 900, 900));
	ck_assert_uint_eq(handled, 1);
	teardown();
}
END_TEST

START_TEST(fragment_splits_what_is_larger_than_a_datagram)
{
	uint32_t expected = 0;
	struct slice whole;
	struct frame f;
	size_t pieces = 0;
	bool last = false;

	setup();
	whole = store(10, 3000, core_nodes(c, &b.id, 1));
	core_receive(c, &a, whole);
	while (core_take_frame(c, &b, &f)) {
		struct reader r = reader_of(f.message);
		struct forwarding_header h;

		ck_assert_uint_le(f.message.len + FRAME_DATA_HEADER, 1200);
		forwarding_header_get(&r, &h);
		ck_assert_int_eq(r.err, 0);
		ck_assert_uint_eq(h.length, f.message.len);
		ck_assert_uint_eq(h.fragment & FRAGMENT_OFFSET, expected);
		ck_assert_uint_eq(h.via_list.len, 18);
		ck_assert_uint_ge(reader_left(&r), 256);
		expected += (uint32_t)reader_left(&r);
		last = (h.fragment & FRAGMENT_LAST) != 0;
		pieces++;
	}
	ck_assert_uint_eq(pieces, 3);
	ck_assert(last);
	teardown();
}
END_TEST

START_TEST(fragment_passes_through_untouched_and_is_split_again)
{
	struct slice whole, part;
	struct frame f;
	uint32_t expected = 1000;
	size_t pieces = 0;

	setup();
	whole = store(10, 3000, core_nodes(c, &b.id, 1));
	part = piece(whole, 900, 900);
	core_receive(c, &a, part);
	ck_assert(core_take_frame(c, &b, &f));
	ck_assert_uint_eq(f.message.len, part.len + 18);
	ck_assert_mem_eq(f.message.data + f.message.len - 900, part.data + part.len - 900, 900);
	ck_assert_uint_eq(handled, 0);
	/* A fragment too large for the next link is cut once more; its offsets go on from its own.
	 */
	core_receive(c, &a, piece(whole, 1000, 1500));
	while (core_take_frame(c, &b, &f)) {
		struct reader r = reader_of(f.message);
		struct forwarding_header h;

		forwarding_header_get(&r, &h);
		ck_assert_uint_eq(h.fragment & FRAGMENT_OFFSET, expected);
		ck_assert_uint_eq(h.fragment & FRAGMENT_LAST, 0);
		expected += (uint32_t)reader_left(&r);
		pieces++;
	}
	ck_assert_uint_eq(pieces, 2);
	ck_assert_uint_eq(expected, 2500);
	teardown();
}
END_TEST

int main(void)
{
	return RUN_TESTS("fragment", fragment_piece_is_equal_and_large_enough,
			 fragment_reassembles_in_any_order, fragment_takes_doubles_and_overlaps,
			 fragment_gives_up_after_the_request_lifetime,
			 fragment_gives_up_after_five_reliability_timers,
			 fragment_refuses_what_does_not_fit, fragment_bounds_the_bytes_of_a_link,
			 fragment_splits_what_is_larger_than_a_datagram,
			 fragment_passes_through_untouched_and_is_split_again);
}
