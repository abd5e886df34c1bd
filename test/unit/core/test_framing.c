/* SPDX-License-Identifier: MIT */
/* Framing on streams (RFC 6940 6.6.2, 6.6.5): cutting, acks, liveness. */
#include "overlay/framing.h"
#include "overlay/link_table.h"
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

/* `count` Pings in data frames, back to back, in the arena. */
static struct slice pings(size_t count)
{
	static const uint8_t BODY[] = { 0, 0 };
	size_t room = count * 600;
	struct writer w = writer_of(arena_alloc(&c->arena, room), room);

	for (size_t i = 0; i < count; i++) {
		struct forwarding_header h = core_header(c, 100 + a.sequence, core_to_self(c));
		struct frame f = { .type = FRAME_DATA, .sequence = a.sequence++ };

		f.message = core_message(c, &a, &h, method_request_code(METHOD_PING),
					 slice_of(BODY, sizeof(BODY)));
		frame_put(&w, &f);
	}
	ck_assert_int_eq(w.err, 0);
	return writer_slice(&w);
}

static void expect_answers(size_t count)
{
	struct message m;

	for (size_t i = 0; i < count; i++)
		ck_assert(core_take(c, &a, &m));
	ck_assert(!core_take(c, &a, &m));
	core_forget_sent(c);
}

static size_t count_acks(void)
{
	size_t acks = 0;
	struct frame f;

	while (core_take_frame(c, &a, &f))
		acks += f.type == FRAME_ACK;
	core_forget_sent(c);
	return acks;
}

static struct link_info info(void)
{
	struct link_info i = { 0 };
	size_t cursor = 0;

	ck_assert(link_next(c->peer, &cursor, &i));
	return i;
}

START_TEST(framing_cuts_a_stream_at_every_place)
{
	struct slice bytes;

	setup();
	for (size_t at = 0; at < 600; at += 7) {
		bytes = pings(3);
		core_receive_raw(c, &a, slice_of(bytes.data, at));
		core_receive_raw(c, &a, slice_of(bytes.data + at, bytes.len - at));
		expect_answers(3);
	}
	bytes = pings(2);
	for (size_t i = 0; i < bytes.len; i++)
		core_receive_raw(c, &a, slice_of(bytes.data + i, 1));
	expect_answers(2);
	teardown();
}
END_TEST

START_TEST(framing_acknowledges_each_frame_in_one_write)
{
	struct slice bytes;
	size_t writes = 0;

	setup();
	bytes = pings(10);
	core_receive_raw(c, &a, bytes);
	for (size_t i = 0; i < c->sent_count; i++)
		writes += c->sent[i].bytes[0] == FRAME_ACK;
	ck_assert_uint_eq(writes, 1);
	ck_assert_uint_eq(count_acks(), 10);
	teardown();
}
END_TEST

START_TEST(framing_mask_shows_what_was_received)
{
	struct framing f = { 0 };

	/* Nothing yet. */
	ck_assert_uint_eq(framing_received_mask(&f, 7), 0);
	/* N-1, N-2 and N-5; bit 0 stands for N-1. */
	framing_note(&f, 99);
	framing_note(&f, 98);
	framing_note(&f, 95);
	ck_assert_uint_eq(framing_received_mask(&f, 100), 0x13);
	/* N-31 is the last that counts (N-32 < M < N); later ones do not. */
	f = (struct framing){ 0 };
	framing_note(&f, 69);
	framing_note(&f, 68);
	framing_note(&f, 101);
	ck_assert_uint_eq(framing_received_mask(&f, 100), 0x40000000);
	/* Across the wrap. */
	f = (struct framing){ 0 };
	framing_note(&f, UINT32_MAX);
	framing_note(&f, 0);
	ck_assert_uint_eq(framing_received_mask(&f, 1), 3);
	ck_assert(framing_is_noted(&f, UINT32_MAX));
	/* A number that came late takes its place. */
	framing_note(&f, 64);
	framing_note(&f, 34);
	ck_assert_uint_eq(framing_received_mask(&f, 65), 0x40000001);
	ck_assert_uint_eq(framing_received_mask(&f, 64), 0x20000000);
	ck_assert(framing_is_noted(&f, 0));
	/* Numbers from elsewhere: the other end counts anew. */
	framing_note(&f, 1000);
	ck_assert(!framing_is_noted(&f, 64));
	ck_assert_uint_eq(framing_received_mask(&f, 1001), 1);
	framing_note(&f, 3);
	ck_assert(framing_is_noted(&f, 3));
	ck_assert_uint_eq(framing_received_mask(&f, 4), 1);
}
END_TEST

START_TEST(framing_ack_carries_the_mask)
{
	struct frame f, last = { 0 };

	setup();
	core_receive_raw(c, &a, pings(3));
	while (core_take_frame(c, &a, &f))
		if (f.type == FRAME_ACK)
			last = f;
	ck_assert_uint_eq(last.sequence, 2);
	ck_assert_uint_eq(last.received, 3);
	teardown();
}
END_TEST

START_TEST(framing_measures_the_round_trip)
{
	struct message m;

	setup();
	core_receive_raw(c, &a, pings(1));
	ck_assert(core_take(c, &a, &m));
	core_advance(c, 40);
	core_receive_ack(c, &a, 0, 0);
	ck_assert_uint_eq(info().smoothed_rtt.us, 40000);
	ck_assert_uint_eq(info().unacknowledged, 0);
	teardown();
}
END_TEST

START_TEST(framing_closes_on_an_unknown_frame)
{
	static const uint8_t BYTES[] = { 130, 0, 0, 0, 0 };

	setup();
	core_receive_raw(c, &a, slice_of(BYTES, sizeof(BYTES)));
	ck_assert_uint_eq(c->closed_count, 1);
	ck_assert_uint_eq(link_count(c->peer), 0);
	/* The driver may still report what it had read. */
	core_receive_raw(c, &a, slice_of(BYTES, sizeof(BYTES)));
	peer_link_down(c->peer, c->now, a.link, ERR_LINK);
	teardown();
}
END_TEST

START_TEST(framing_answers_a_message_too_large_then_closes)
{
	static uint8_t body[6000];
	struct slice message;
	uint8_t head[8];
	struct writer w = writer_of(head, sizeof(head));
	struct message m;

	setup();
	message = core_message(c, &a, NULL, method_request_code(METHOD_PING),
			       slice_of(body, sizeof(body)));
	frame_data_header_put(&w, 0, message.len);
	core_receive_raw(c, &a, writer_slice(&w));
	ck_assert_uint_eq(c->closed_count, 0);
	/* The forwarding header in pieces. */
	core_receive_raw(c, &a, slice_of(message.data, 20));
	ck_assert_uint_eq(c->closed_count, 0);
	core_receive_raw(c, &a, slice_of(message.data + 20, 100));
	ck_assert_uint_eq(c->closed_count, 1);
	ck_assert(core_take(c, &a, &m));
	ck_assert_uint_eq(core_error_code(&m), 0xb);
	teardown();
}
END_TEST

START_TEST(framing_closes_on_a_header_too_large_without_answer)
{
	static uint8_t bytes[70000];
	struct forwarding_header h;
	struct writer w;
	struct message m;

	setup();
	h = core_header(c, 1, slice_of(bytes, 60000));
	w = writer_of(memory_alloc(70000), 70000);
	frame_data_header_put(&w, 0, 60038);
	forwarding_header_put(&w, &h);
	core_receive_raw(c, &a, slice_of(w.data, 4000));
	ck_assert_uint_eq(c->closed_count, 0);
	core_receive_raw(c, &a, slice_of(w.data + 4000, 4000));
	ck_assert_uint_eq(c->closed_count, 1);
	ck_assert(!core_take(c, &a, &m));
	free(w.data);
	teardown();
}
END_TEST

START_TEST(framing_suspects_and_recovers_a_silent_link)
{
	struct message m;

	setup();
	/* Attached, so that the topology plug-in has to know. */
	core_receive_raw(c, &a, pings(1));
	ck_assert_uint_eq(info().state, LINK_UP);
	ck_assert(core_take(c, &a, &m));
	core_advance(c, 1900);
	ck_assert_uint_eq(info().state, LINK_UP);
	core_advance(c, 3200);
	ck_assert_uint_eq(info().state, LINK_SUSPECT);
	ck_assert_uint_eq(link_find_node(c->peer, &a.id), 0);
	core_receive_ack(c, &a, 0, 0);
	ck_assert_uint_eq(info().state, LINK_UP);
	ck_assert(link_find_node(c->peer, &a.id) == a.link);
	teardown();
}
END_TEST

START_TEST(framing_keeps_alive_and_gives_up)
{
	struct frame f;

	setup();
	link_set_watch(c->peer, &a.id, true);
	/* The other end opened the link, so it may ask first. */
	core_advance(c, 5999);
	ck_assert(!core_take_frame(c, &a, &f));
	core_advance(c, 1);
	ck_assert(core_take_frame(c, &a, &f));
	ck_assert_uint_eq(f.type, FRAME_DATA);
	ck_assert_uint_eq(f.message.len, 0);
	core_receive_ack(c, &a, f.sequence, 0);
	core_advance(c, 6000);
	ck_assert(core_take_frame(c, &a, &f));
	/* Not acknowledged: suspect, and after 30 s gone. */
	core_advance(c, 5000);
	ck_assert_uint_eq(info().state, LINK_SUSPECT);
	core_advance(c, 26000);
	ck_assert_uint_eq(link_count(c->peer), 0);
	ck_assert_uint_eq(c->closed_count, 1);
	teardown();
}
END_TEST

START_TEST(framing_asks_seldom_where_nobody_watches)
{
	struct frame f;

	setup();
	core_advance(c, 29999);
	ck_assert(!core_take_frame(c, &a, &f));
	core_advance(c, 1);
	ck_assert(core_take_frame(c, &a, &f));
	/* While that waits for its ack the link is watched like any other. */
	core_advance(c, 5000);
	ck_assert_uint_eq(info().state, LINK_SUSPECT);
	core_receive_ack(c, &a, f.sequence, 0);
	ck_assert_uint_eq(info().state, LINK_UP);
	core_forget_sent(c);
	/* Whatever comes from there spares the question. */
	core_advance(c, 20000);
	core_receive(c, &a, SLICE_EMPTY);
	core_forget_sent(c);
	core_advance(c, 29999);
	ck_assert(!core_take_frame(c, &a, &f));
	/* Watched closely from now on: the silence so far counts. */
	link_set_watch(c->peer, &a.id, true);
	core_advance(c, 0);
	ck_assert(core_take_frame(c, &a, &f));
	teardown();
}
END_TEST

static void open_link(struct remote *r, uint8_t byte)
{
	struct address address = { .type = ADDRESS_IPV4, .bytes = { 10, 0, 0, byte }, .port = 6084 };

	remote_init(r, byte, 1);
	ck_assert_ptr_nonnull(link_open(c->peer, c->now, &address, c->link_type, LINK_OVERLAY, NULL, NULL));
	core_drain(c);
	core_link_up(c, r);
}

START_TEST(framing_asks_first_at_the_end_that_opened)
{
	struct core_options o = { 0 };
	struct remote first, second;
	struct frame f;

	c = core_new(&o);
	open_link(&first, 0x10);
	core_advance(c, 3000);
	open_link(&second, 0x20);
	core_forget_sent(c);
	core_advance(c, 21999);
	ck_assert(!core_take_frame(c, &first, &f));
	/* The other one would be asked three seconds later: both questions go at once. */
	core_advance(c, 1);
	ck_assert(core_take_frame(c, &first, &f));
	ck_assert(core_take_frame(c, &second, &f));
	core_free(c);
	remote_free(&first);
	remote_free(&second);
}
END_TEST

START_TEST(framing_blames_nobody_for_its_own_standstill)
{
	setup();
	core_receive_raw(c, &a, pings(1));
	/* The process was stopped for a minute; timers run before the sockets are read. */
	c->now.mono = instant_add(c->now.mono, duration_s(60));
	peer_expire(c->peer, c->now);
	core_drain(c);
	ck_assert_uint_eq(info().state, LINK_UP);
	core_receive_ack(c, &a, 0, 0);
	core_advance(c, 4000);
	ck_assert_uint_eq(info().state, LINK_UP);
	teardown();
}
END_TEST

START_TEST(framing_takes_an_empty_message_for_a_keepalive)
{
	struct message m;

	setup();
	core_receive(c, &a, SLICE_EMPTY);
	ck_assert(!core_take(c, &a, &m));
	ck_assert_uint_eq(peer_counters(c->peer)->dropped_malformed, 0);
	ck_assert_uint_eq(c->sent_count, 1); /* its ack */
	teardown();
}
END_TEST

START_TEST(round_trip_follows_rfc_6298)
{
	struct round_trip r;

	round_trip_init(&r);
	ck_assert_uint_eq(round_trip_timeout(&r).us, 500000);
	round_trip_add(&r, duration_ms(200));
	ck_assert_uint_eq(r.smoothed_us, 200000);
	ck_assert_uint_eq(r.variation_us, 100000);
	ck_assert_uint_eq(round_trip_timeout(&r).us, 600000);
	round_trip_add(&r, duration_ms(280));
	ck_assert_uint_eq(r.variation_us, 95000);
	ck_assert_uint_eq(r.smoothed_us, 210000);
	ck_assert_uint_eq(round_trip_timeout(&r).us, 590000);
	for (size_t i = 0; i < 100; i++)
		round_trip_add(&r, duration_us(50));
	ck_assert_uint_eq(round_trip_timeout(&r).us, 100000);
}
END_TEST

int main(void)
{
	return RUN_TESTS(
		"framing", framing_cuts_a_stream_at_every_place,
		framing_acknowledges_each_frame_in_one_write, framing_mask_shows_what_was_received,
		framing_ack_carries_the_mask, framing_measures_the_round_trip,
		framing_closes_on_an_unknown_frame, framing_answers_a_message_too_large_then_closes,
		framing_closes_on_a_header_too_large_without_answer,
		framing_suspects_and_recovers_a_silent_link, framing_keeps_alive_and_gives_up,
		framing_asks_seldom_where_nobody_watches,
		framing_asks_first_at_the_end_that_opened,
		framing_blames_nobody_for_its_own_standstill,
		framing_takes_an_empty_message_for_a_keepalive, round_trip_follows_rfc_6298);
}
