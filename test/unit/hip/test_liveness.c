/* SPDX-License-Identifier: MIT */
/* A host that lost its state is found out and spoken to anew; one that is merely silent, or of which somebody
 * says that it lost its state, keeps its association. */
#include "test/unit/hip/hip_fixture.h"
#include "test/unit/run.h"
#include "usage/hip/hip_update.h"

#define TICK_MS 20

static struct fixture fixture;

static void pair_begin(struct fixture *f)
{
	fixture_begin(f);
	fixture_add(f, HIT_SUITE_ECDSA, NULL);
	fixture_add(f, HIT_SUITE_ECDSA, NULL);
	fixture_join(f, 0, 1);
}

static int media_send(struct fixture *f, size_t from, size_t to)
{
	static const uint8_t bytes[172];
	const struct slice part = slice_of(bytes, sizeof(bytes));
	int err = hip_host_send(f->hosts[from].h, f->now, &f->hosts[to].hit, 17, &part, 1);

	fixture_drain(f);
	return err;
}

/* Media for so long, or until host `until` has had a payload since. Returns the milliseconds. */
static uint64_t media_run(struct fixture *f, bool both, uint64_t ms, size_t until)
{
	size_t before = until < f->count ? f->hosts[until].payloads : 0;
	uint64_t at = 0;

	for (; at < ms; at += TICK_MS) {
		(void)media_send(f, 0, 1);
		if (both)
			(void)media_send(f, 1, 0);
		fixture_run(f, TICK_MS);
		if (until < f->count && f->hosts[until].payloads > before)
			break;
	}
	return at;
}

/* Loses NOTIFYs, as if the other end did not know of them. */
static unsigned lose_notify(void *ctx, struct fixture *f, struct fixture_datagram *d)
{
	size_t packet;

	(void)ctx;
	(void)f;
	return fixture_type(d, &packet) == HIP_NOTIFY ? 0 : 1;
}

START_TEST(one_way_stream_goes_on_after_a_restart_without_a_hint)
{
	struct fixture *f = &fixture;
	uint64_t ms;

	pair_begin(f);
	f->hook = lose_notify;
	media_run(f, false, 5000, 2);
	ck_assert_uint_gt(f->hosts[1].payloads, 200);
	fixture_restart(f, 1);
	ms = media_run(f, false, 20000, 1);
	ck_assert_uint_ge(ms, 3000);
	ck_assert_uint_lt(ms, 10000);
	ck_assert(fixture_logged(f, 0, "next=exchange"));
	media_run(f, false, 2000, 2);
	ck_assert_int_eq(fixture_state(f, 0, 1), HIP_ESTABLISHED);
	ck_assert_int_eq(fixture_state(f, 1, 0), HIP_ESTABLISHED);
	fixture_end(f);
}
END_TEST

START_TEST(one_way_stream_goes_on_sooner_with_a_hint)
{
	struct fixture *f = &fixture;

	pair_begin(f);
	media_run(f, false, 5000, 2);
	fixture_restart(f, 1);
	ck_assert_uint_lt(media_run(f, false, 20000, 1), 6500);
	/* Told of, but within bounds. */
	ck_assert_uint_le(f->hosts[1].sent[HIP_NOTIFY], 20);
	fixture_end(f);
}
END_TEST

START_TEST(two_way_stream_goes_on_after_a_restart)
{
	struct fixture *f = &fixture;
	size_t updates;

	pair_begin(f);
	updates = f->hosts[0].sent[HIP_UPDATE] + f->hosts[1].sent[HIP_UPDATE];
	media_run(f, true, 20000, 2);
	ck_assert_uint_eq(f->hosts[0].sent[HIP_UPDATE] + f->hosts[1].sent[HIP_UPDATE], updates);
	fixture_restart(f, 1);
	/* It has nobody's address: what it wants to send makes nothing. */
	ck_assert_uint_lt(media_run(f, true, 20000, 1), 6000);
	ck_assert_uint_lt(media_run(f, true, 20000, 0), 1000);
	media_run(f, true, 1000, 2);
	ck_assert_int_eq(fixture_state(f, 0, 1), HIP_ESTABLISHED);
	fixture_end(f);
}
END_TEST

START_TEST(payloads_wait_for_the_new_exchange_and_no_more_than_32)
{
	struct fixture *f = &fixture;
	size_t before;

	pair_begin(f);
	media_run(f, false, 1000, 2);
	fixture_restart(f, 1);
	f->hosts[1].payloads = 0;
	while (fixture_state(f, 0, 1) == HIP_ESTABLISHED)
		media_run(f, false, TICK_MS, 2);
	ck_assert_int_eq(fixture_state(f, 0, 1), HIP_I1_SENT);
	for (int i = 0; i < 40; i++)
		(void)media_send(f, 0, 1);
	ck_assert_uint_eq(fixture_association(f, 0, 1)->waiting_count, HIP_WAITING_MAX);
	before = f->hosts[1].payloads;
	fixture_run(f, 2000);
	ck_assert_uint_eq(f->hosts[1].payloads, before + HIP_WAITING_MAX);
	fixture_end(f);
}
END_TEST

struct pinged {
	int err, count;
};

static void ping_done(void *ctx, struct now now, int err, struct duration round_trip, struct duration exchange)
{
	struct pinged *p = ctx;

	(void)now;
	(void)round_trip;
	(void)exchange;
	p->err = err;
	p->count++;
}

static void ping_after(struct fixture *f, uint64_t ms, bool hints)
{
	struct pinged done = { 0 };

	pair_begin(f);
	f->hook = hints ? NULL : lose_notify;
	fixture_restart(f, 1);
	fixture_run(f, ms);
	ck_assert_int_eq(hip_host_ping(f->hosts[0].h, f->now, &f->hosts[1].hit, ping_done, &done), 0);
	fixture_run(f, hints ? 6000 : 10000);
	ck_assert_int_eq(done.count, 1);
	ck_assert_int_eq(done.err, 0);
	ck_assert_int_eq(fixture_state(f, 1, 0), HIP_ESTABLISHED);
	fixture_end(f);
}

START_TEST(ping_is_answered_after_a_restart)
{
	ping_after(&fixture, 1000, false);
	ping_after(&fixture, 60000, false);
	ping_after(&fixture, 1000, true);
	ping_after(&fixture, 60000, true);
}
END_TEST

static int connected, connected_err;

static void on_connected(void *ctx, struct now now, const struct hit *hit, int err)
{
	(void)ctx;
	(void)now;
	(void)hit;
	connected++;
	connected_err = err;
}

START_TEST(connecting_asks_an_association_that_was_idle_for_long)
{
	struct fixture *f = &fixture;
	size_t updates;

	connected = 0;
	pair_begin(f);
	fixture_run(f, 10000);
	updates = f->hosts[0].sent[HIP_UPDATE];
	ck_assert_int_eq(hip_host_connect(f->hosts[0].h, f->now, &f->hosts[1].hit, NULL, on_connected, NULL), 0);
	fixture_run(f, 1000);
	ck_assert_int_eq(connected, 1);
	ck_assert_uint_eq(f->hosts[0].sent[HIP_UPDATE], updates); /* heard of lately */
	fixture_run(f, 40000);
	ck_assert_int_eq(hip_host_connect(f->hosts[0].h, f->now, &f->hosts[1].hit, NULL, on_connected, NULL), 0);
	fixture_run(f, 1000);
	ck_assert_int_eq(connected, 2);
	ck_assert_uint_eq(f->hosts[0].sent[HIP_UPDATE], updates + 1);
	fixture_restart(f, 1);
	fixture_run(f, 40000);
	ck_assert_int_eq(hip_host_connect(f->hosts[0].h, f->now, &f->hosts[1].hit, NULL, on_connected, NULL), 0);
	ck_assert_int_eq(connected, 3); /* told at once */
	ck_assert_int_eq(connected_err, 0);
	fixture_run(f, 6000);
	ck_assert_int_eq(fixture_state(f, 0, 1), HIP_ESTABLISHED);
	ck_assert(fixture_state(f, 1, 0) == HIP_ESTABLISHED || fixture_state(f, 1, 0) == HIP_R2_SENT);
	fixture_end(f);
}
END_TEST

START_TEST(one_that_only_listens_is_asked_now_and_then_and_never_given_up)
{
	struct fixture *f = &fixture;
	struct hip_association *a;
	size_t updates, exchanges;

	pair_begin(f);
	a = fixture_association(f, 0, 1);
	updates = f->hosts[0].sent[HIP_UPDATE];
	exchanges = f->hosts[0].counters.hip_exchanges;
	media_run(f, false, 120000, 2);
	ck_assert_uint_le(f->hosts[0].sent[HIP_UPDATE] - updates, 120 / HIP_SILENCE_S);
	ck_assert_uint_ge(f->hosts[0].sent[HIP_UPDATE] - updates, 20);
	ck_assert_uint_eq(f->hosts[1].payloads, 120000 / TICK_MS);
	/* On hold, nobody says anything. */
	updates = f->hosts[0].sent[HIP_UPDATE];
	fixture_run(f, 300000);
	ck_assert_uint_eq(f->hosts[0].sent[HIP_UPDATE], updates);
	ck_assert_ptr_eq(fixture_association(f, 0, 1), a);
	ck_assert_uint_eq(f->hosts[0].counters.hip_exchanges, exchanges);
	ck_assert(!fixture_logged(f, 0, "hip.gone"));
	fixture_end(f);
}
END_TEST

/* Every third HIP packet is lost. */
static unsigned lose_some(void *ctx, struct fixture *f, struct fixture_datagram *d)
{
	unsigned *count = ctx;
	size_t packet;

	(void)f;
	return fixture_type(d, &packet) == 0 ? 1 : (*count)++ % 3 != 0;
}

START_TEST(losses_do_not_end_an_association)
{
	struct fixture *f = &fixture;
	unsigned count = 0;

	pair_begin(f);
	f->hook = lose_some;
	f->hook_ctx = &count;
	media_run(f, false, 60000, 2);
	ck_assert(!fixture_logged(f, 0, "hip.gone"));
	ck_assert_uint_eq(f->hosts[1].payloads, 60000 / TICK_MS);
	fixture_end(f);
}
END_TEST

/* The other end's UPDATEs are lost, its ESP is not. */
static unsigned lose_updates(void *ctx, struct fixture *f, struct fixture_datagram *d)
{
	size_t packet;

	(void)ctx;
	(void)f;
	return fixture_type(d, &packet) == HIP_UPDATE ? 0 : 1;
}

START_TEST(esp_is_a_sign_of_life_while_the_question_is_out)
{
	struct fixture *f = &fixture;

	pair_begin(f);
	f->hook = lose_updates;
	media_run(f, false, 4000, 2);
	ck_assert(hip_liveness_is_asking(fixture_association(f, 0, 1)));
	media_run(f, true, 30000, 2);
	ck_assert(!fixture_logged(f, 0, "hip.gone"));
	ck_assert_uint_eq(f->hosts[1].payloads, 34000 / TICK_MS);
	fixture_end(f);
}
END_TEST

START_TEST(one_that_is_gone_and_that_nobody_wants_is_forgotten)
{
	struct fixture *f = &fixture;

	pair_begin(f);
	fixture_restart(f, 1);
	media_run(f, false, 200, 2); /* the hint comes after the second since the exchange was heard of */
	fixture_run(f, 2000);
	ck_assert_int_eq(media_send(f, 0, 1), 0);
	fixture_run(f, 10000);
	ck_assert(fixture_logged(f, 0, "next=end"));
	ck_assert_int_eq(fixture_state(f, 0, 1), HIP_UNASSOCIATED);
	ck_assert_uint_eq(map_count(f->hosts[0].h->spis), 0);
	fixture_end(f);
}
END_TEST

START_TEST(one_that_is_only_reached_through_the_ring_is_asked_there)
{
	struct fixture *f = &fixture;
	struct hip_association *a;

	pair_begin(f);
	fixture_run(f, 60000);
	a = fixture_association(f, 0, 1);
	a->data = (struct hip_path){ .channel = HIP_CHANNEL_NONE };
	a->control = (struct hip_path){ .channel = HIP_CHANNEL_OVERLAY };
	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(hip_host_connect(f->hosts[0].h, f->now, &f->hosts[1].hit, NULL, NULL, NULL), 0);
		ck_assert(hip_liveness_is_asking(a));
	}
	fixture_run(f, 6000); /* this host has no ring */
	ck_assert_uint_eq(fixture_logged_times(f, 0, "path=\"overlay"), 2 * HIP_ASK_TRIES_MAX + 2);
	ck_assert(fixture_logged(f, 0, "next=exchange"));
	ck_assert_int_eq(fixture_state(f, 0, 1), HIP_ESTABLISHED);
	fixture_end(f);
}
END_TEST

/* ---- Attacks ---- */

static struct slice hint_from(struct fixture *f, size_t from, uint32_t spi, uint8_t buffer[HIP_PACKET_MAX])
{
	static const struct hit whoever;
	struct writer w = writer_of(buffer, HIP_PACKET_MAX);
	const uint8_t data[4] = { (uint8_t)(spi >> 24), (uint8_t)(spi >> 16), (uint8_t)(spi >> 8), (uint8_t)spi };

	hip_packet_begin(&w, HIP_NOTIFY, 0, &f->hosts[from].hit, &whoever);
	hip_notification_put(&w, &(struct hip_notification){ HIP_UNKNOWN_SPI, slice_of(data, sizeof(data)) });
	hip_packet_end(&w);
	return writer_slice(&w);
}

START_TEST(forged_hints_make_us_ask_once_a_second_at_most)
{
	struct fixture *f = &fixture;
	uint8_t buffer[HIP_PACKET_MAX];
	struct hip_association *a;
	size_t updates;

	pair_begin(f);
	a = fixture_association(f, 0, 1);
	fixture_run(f, 5000);
	updates = f->hosts[0].sent[HIP_UPDATE];
	/* By who saw our SPI on the wire, from everywhere. */
	for (int i = 0; i < 1000; i++) {
		struct address from = { .type = ADDRESS_IPV4, .port = 10500, .bytes = { 198, 51, (uint8_t)i, 7 } };

		fixture_inject(f, 0, &from, hint_from(f, 1, a->out.spi, buffer));
		fixture_run(f, 10);
	}
	ck_assert_uint_ge(f->hosts[0].sent[HIP_UPDATE] - updates, 2);
	ck_assert_uint_le(f->hosts[0].sent[HIP_UPDATE] - updates, 11);
	ck_assert_ptr_eq(fixture_association(f, 0, 1), a);
	ck_assert_int_eq(a->state, HIP_ESTABLISHED);
	ck_assert(!fixture_logged(f, 0, "hip.gone"));
	fixture_end(f);
}
END_TEST

START_TEST(hints_that_do_not_know_the_spi_do_nothing)
{
	struct fixture *f = &fixture;
	uint8_t buffer[HIP_PACKET_MAX];
	struct hip_association *a;
	size_t updates;

	pair_begin(f);
	a = fixture_association(f, 0, 1);
	fixture_run(f, 5000);
	updates = f->hosts[0].sent[HIP_UPDATE];
	fixture_inject(f, 0, &f->hosts[1].at, hint_from(f, 1, a->out.spi + 1, buffer));
	fixture_inject(f, 0, &f->hosts[1].at, hint_from(f, 1, a->in.spi, buffer));
	fixture_run(f, 1000);
	ck_assert_uint_eq(f->hosts[0].sent[HIP_UPDATE], updates);
	fixture_end(f);
}
END_TEST

START_TEST(hints_are_not_heeded_while_the_other_end_is_heard)
{
	struct fixture *f = &fixture;
	uint8_t buffer[HIP_PACKET_MAX];
	size_t updates;

	pair_begin(f);
	media_run(f, true, 2000, 2);
	updates = f->hosts[0].sent[HIP_UPDATE];
	for (int i = 0; i < 100; i++) {
		fixture_inject(f, 0, &f->hosts[1].at,
			       hint_from(f, 1, fixture_association(f, 0, 1)->out.spi, buffer));
		media_run(f, true, 100, 2);
	}
	ck_assert_uint_eq(f->hosts[0].sent[HIP_UPDATE], updates);
	fixture_end(f);
}
END_TEST

START_TEST(stray_esp_is_answered_with_less_and_seldom)
{
	struct fixture *f = &fixture;
	const struct address from = { .type = ADDRESS_IPV4, .port = 10500, .bytes = { 198, 51, 100, 7 } };
	struct hip_path path = { .channel = HIP_CHANNEL_UDP, .remote = from };
	const struct hip_host_options refuses = { .unknown = HIP_UNKNOWN_REFUSE };
	uint8_t esp[200] = { 1, 2, 3, 4 };

	fixture_begin(f);
	fixture_add(f, HIT_SUITE_ECDSA, NULL);
	fixture_add(f, HIT_SUITE_ECDSA, &refuses);
	hip_host_datagram(f->hosts[1].h, f->now, &path, true, slice_of(esp, sizeof(esp)));
	fixture_drain(f);
	ck_assert_uint_eq(f->hosts[1].sent[HIP_NOTIFY], 0);
	path.local = f->hosts[0].at;
	hip_host_datagram(f->hosts[0].h, f->now, &path, true, slice_of(esp, 59));
	fixture_drain(f);
	ck_assert_uint_eq(f->hosts[0].sent[HIP_NOTIFY], 0);
	hip_host_datagram(f->hosts[0].h, f->now, &path, true, slice_of(esp, 60));
	fixture_drain(f);
	ck_assert_uint_eq(f->hosts[0].sent[HIP_NOTIFY], 1);
	ck_assert_uint_le(f->hosts[0].last[HIP_NOTIFY].len, 60);
	for (int i = 0; i < 1000; i++)
		hip_host_datagram(f->hosts[0].h, f->now, &path, true, slice_of(esp, sizeof(esp)));
	fixture_drain(f);
	ck_assert_uint_le(f->hosts[0].sent[HIP_NOTIFY], 10);
	ck_assert_uint_eq(f->hosts[0].counters.hip_stray, 1002);
	fixture_end(f);
}
END_TEST

START_TEST(replayed_answers_are_no_sign_of_life)
{
	struct fixture *f = &fixture;
	uint8_t buffer[HIP_PACKET_MAX];
	struct slice answer;
	uint64_t ms;

	pair_begin(f);
	media_run(f, false, 5000, 2);
	answer = fixture_sent(f, 1, HIP_UPDATE);
	memcpy(buffer, answer.data, answer.len);
	fixture_restart(f, 1);
	for (ms = 0; ms < 10000 && !fixture_logged(f, 0, "hip.gone"); ms += 100) {
		fixture_inject(f, 0, &f->hosts[1].at, slice_of(buffer, answer.len));
		media_run(f, false, 100, 2);
	}
	ck_assert_uint_lt(ms, 10000);
	fixture_end(f);
}
END_TEST

int main(void)
{
	return RUN_TESTS("hip liveness", one_way_stream_goes_on_after_a_restart_without_a_hint,
			 one_way_stream_goes_on_sooner_with_a_hint, two_way_stream_goes_on_after_a_restart,
			 payloads_wait_for_the_new_exchange_and_no_more_than_32, ping_is_answered_after_a_restart,
			 connecting_asks_an_association_that_was_idle_for_long,
			 one_that_only_listens_is_asked_now_and_then_and_never_given_up,
			 losses_do_not_end_an_association, esp_is_a_sign_of_life_while_the_question_is_out,
			 one_that_is_gone_and_that_nobody_wants_is_forgotten,
			 one_that_is_only_reached_through_the_ring_is_asked_there,
			 forged_hints_make_us_ask_once_a_second_at_most, hints_that_do_not_know_the_spi_do_nothing,
			 hints_are_not_heeded_while_the_other_end_is_heard, stray_esp_is_answered_with_less_and_seldom,
			 replayed_answers_are_no_sign_of_life);
}
