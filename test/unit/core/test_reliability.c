/* SPDX-License-Identifier: MIT */
/* Simple Reliability (RFC 6940 6.6.3) on a datagram link: timers, the window, loss, duplicates,
 * limits. */
#include "overlay/wire/method.h"
#include "test/unit/core/core.h"
#include "test/unit/run.h"

static struct core *c;
static struct remote a;
static const uint8_t EMPTY_PING[] = { 0, 0 };

static void setup(void)
{
	struct core_options o = { .first = true, .datagram = true };

	c = core_new(&o);
	remote_init(&a, 0x10, 1);
	ck_assert(core_accept(c, &a) != 0);
}

static void teardown(void)
{
	remote_free(&a);
	core_free(c);
}

static void ask(void)
{
	ck_assert_int_eq(transport_request_node(c->peer, c->now, METHOD_PING, SLICE_EMPTY, &a.id,
						NULL, NULL),
			 0);
	core_drain(c);
}

/* Data frames sent since the last look; the last one's number in *sequence. */
static size_t frames(uint32_t *sequence)
{
	size_t count = 0;
	struct frame f;

	while (core_take_frame(c, &a, &f)) {
		if (f.type != FRAME_DATA)
			continue;
		count++;
		if (sequence != NULL)
			*sequence = f.sequence;
	}
	return count;
}

static struct link_info info(void)
{
	struct link_info i = { 0 };
	size_t cursor = 0;

	ck_assert(link_next(c->peer, &cursor, &i));
	return i;
}

START_TEST(reliability_retransmits_with_doubling_and_new_numbers)
{
	static const uint64_t GAP_MS[] = { 500, 1000, 2000, 4000 };
	uint32_t sequence;

	setup();
	ask();
	ck_assert_uint_eq(frames(&sequence), 1);
	ck_assert_uint_eq(sequence, 0);
	for (uint32_t i = 0; i < 4; i++) {
		core_advance(c, GAP_MS[i] - 1);
		frames(NULL); /* nothing but, later, the transport's own repeats, which wait in the
				 queue */
		core_advance(c, 1);
		ck_assert_uint_eq(frames(&sequence), 1);
		ck_assert_uint_eq(sequence, i + 1);
		/* The third retransmission unanswered: out of routing (6.6.3.1). */
		ck_assert_int_eq(info().state == LINK_SUSPECT, i >= 2);
	}
	core_advance(c, 3999);
	ck_assert_uint_eq(c->closed_count, 0);
	core_advance(c, 1);
	ck_assert_uint_eq(c->closed_count, 1);
	ck_assert_uint_eq(link_count(c->peer), 0);
	teardown();
}
END_TEST

START_TEST(reliability_stops_when_any_transmission_is_acknowledged)
{
	setup();
	ask();
	core_advance(c, 500);
	ck_assert_uint_eq(frames(NULL), 2);
	/* The first one's ack, late. */
	core_receive_ack(c, &a, 0, 0);
	ck_assert_uint_eq(info().unacknowledged, 0);
	core_advance(c, 2000);
	ck_assert_uint_eq(frames(NULL), 0);
	/* The second one's changes nothing. */
	core_receive_ack(c, &a, 1, 1);
	ck_assert_uint_eq(info().unacknowledged, 0);
	teardown();
}
END_TEST

START_TEST(reliability_window_opens_with_acks)
{
	uint32_t sequence = 0;

	setup();
	for (size_t i = 0; i < 20; i++)
		ask();
	ck_assert_uint_eq(frames(NULL), 4);
	/* One ack for all four, by its mask: slow start doubles the window. */
	core_receive_ack(c, &a, 3, 7);
	ck_assert_uint_eq(frames(&sequence), 8);
	ck_assert_uint_eq(sequence, 11);
	ck_assert_uint_eq(info().unacknowledged, 8);
	core_receive_ack(c, &a, 11, 0x7f);
	ck_assert_uint_eq(frames(NULL), 8);
	teardown();
}
END_TEST

START_TEST(reliability_finds_a_loss_by_the_mask)
{
	uint32_t sequence = 0;

	setup();
	for (size_t i = 0; i < 4; i++)
		ask();
	ck_assert_uint_eq(frames(NULL), 4);
	/* Number 0 is missing while 1, 2 and 3 arrived: it is sent again at once. */
	core_receive_ack(c, &a, 3, 3);
	ck_assert_uint_eq(frames(&sequence), 1);
	ck_assert_uint_eq(sequence, 4);
	ck_assert_uint_eq(peer_counters(c->peer)->frames_retransmitted, 1);
	ck_assert_uint_eq(info().unacknowledged, 1);
	core_receive_ack(c, &a, 4, 7);
	ck_assert_uint_eq(info().unacknowledged, 0);
	teardown();
}
END_TEST

START_TEST(reliability_timeout_closes_the_window)
{
	setup();
	for (size_t i = 0; i < 20; i++)
		ask();
	ck_assert_uint_eq(frames(NULL), 4);
	core_advance(c, 500);
	ck_assert_uint_eq(frames(NULL), 1);
	/* Its ack opens the window by one. */
	core_receive_ack(c, &a, 4, 0);
	ck_assert_uint_eq(frames(NULL), 2);
	teardown();
}
END_TEST

START_TEST(reliability_ignores_acks_of_nothing)
{
	setup();
	core_receive_ack(c, &a, 77, 0xffffffff);
	ask();
	core_receive_ack(c, &a, 1, 0xffffffff);
	ck_assert_uint_eq(info().unacknowledged, 1);
	core_receive_ack(c, &a, 0, 0xffffffff);
	ck_assert_uint_eq(info().unacknowledged, 0);
	teardown();
}
END_TEST

START_TEST(reliability_bounds_its_queue)
{
	setup();
	for (size_t i = 0; i < 400; i++)
		ask();
	ck_assert_uint_eq(frames(NULL), 4);
	ck_assert_uint_eq(link_count(c->peer), 1);
	teardown();
}
END_TEST

START_TEST(reliability_acknowledges_reordered_and_doubled_frames_once_delivered)
{
	struct forwarding_header h;
	struct slice message;
	struct message m;
	struct frame f;
	size_t acks = 0;

	setup();
	h = core_header(c, 9, core_to_self(c));
	message = core_message(c, &a, &h, method_request_code(METHOD_PING),
			       slice_of(EMPTY_PING, sizeof(EMPTY_PING)));
	a.sequence = 5;
	core_receive(c, &a, message);
	ck_assert(core_take(c, &a, &m));
	a.sequence = 5; /* doubled by the network */
	core_receive(c, &a, message);
	ck_assert(!core_take(c, &a, &m));
	h.transaction_id = 10;
	a.sequence = 3; /* overtaken */
	core_receive(c, &a,
		     core_message(c, &a, &h, method_request_code(METHOD_PING),
				  slice_of(EMPTY_PING, sizeof(EMPTY_PING))));
	for (size_t i = 0; i < c->sent_count; i++) {
		c->sent[i].is_taken = false;
	}
	while (core_take_frame(c, &a, &f))
		acks += f.type == FRAME_ACK;
	ck_assert_uint_eq(acks, 3);
	ck_assert_uint_eq(peer_counters(c->peer)->messages_delivered, 2);
	teardown();
}
END_TEST

START_TEST(reliability_survives_garbage)
{
	static const uint8_t GARBAGE[] = { 1, 2, 3 };

	setup();
	core_receive_raw(c, &a, slice_of(GARBAGE, sizeof(GARBAGE)));
	ck_assert_uint_eq(link_count(c->peer), 1);
	ck_assert_uint_eq(peer_counters(c->peer)->dropped_malformed, 1);
	teardown();
}
END_TEST

START_TEST(reliability_keeps_an_idle_link_alive)
{
	struct frame f;

	setup();
	link_set_watch(c->peer, &a.id, true);
	core_advance(c, 6000);
	ck_assert(core_take_frame(c, &a, &f));
	ck_assert_uint_eq(f.message.len, 0);
	core_receive_ack(c, &a, f.sequence, 0);
	core_advance(c, 6000);
	ck_assert(core_take_frame(c, &a, &f));
	core_advance(c, 16000);
	ck_assert_uint_eq(link_count(c->peer), 0);
	teardown();
}
END_TEST

int main(void)
{
	return RUN_TESTS("reliability", reliability_retransmits_with_doubling_and_new_numbers,
			 reliability_stops_when_any_transmission_is_acknowledged,
			 reliability_window_opens_with_acks, reliability_finds_a_loss_by_the_mask,
			 reliability_timeout_closes_the_window, reliability_ignores_acks_of_nothing,
			 reliability_bounds_its_queue,
			 reliability_acknowledges_reordered_and_doubled_frames_once_delivered,
			 reliability_survives_garbage, reliability_keeps_an_idle_link_alive);
}
