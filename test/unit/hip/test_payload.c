/* SPDX-License-Identifier: MIT */
/* What ESP carries between two hosts: payloads, echoes, keepalives. */
#include <stdio.h>

#include "test/unit/hip/hip_fixture.h"
#include "test/unit/run.h"
#include "usage/hip/hip_update.h"

static struct fixture fixture;

static int payload_send(struct fixture *f, size_t from, size_t to, const char *text)
{
	struct slice parts[2] = { slice_of(text, strlen(text) / 2),
				  slice_of(text + strlen(text) / 2, strlen(text) - strlen(text) / 2) };
	int err = hip_host_send(f->hosts[from].h, f->now, &f->hosts[to].hit, 17, parts, 2);

	fixture_drain(f);
	return err;
}

static bool payload_is(const struct fixture *f, size_t host, const char *text)
{
	const struct fixture_host *x = &f->hosts[host];

	return x->next_header == 17 && x->payload_len == strlen(text) && memcmp(x->payload, text, x->payload_len) == 0;
}

static void pair_begin(struct fixture *f, const struct hip_host_options *options)
{
	fixture_begin(f);
	fixture_add(f, HIT_SUITE_ECDSA, options);
	fixture_add(f, HIT_SUITE_ECDSA, options);
}

START_TEST(payloads_pass_both_ways)
{
	struct fixture *f = &fixture;

	pair_begin(f, NULL);
	fixture_join(f, 0, 1);
	ck_assert_int_eq(payload_send(f, 0, 1, "there"), 0);
	fixture_run(f, 50);
	ck_assert(payload_is(f, 1, "there"));
	ck_assert_int_eq(payload_send(f, 1, 0, "and back again"), 0);
	fixture_run(f, 50);
	ck_assert(payload_is(f, 0, "and back again"));
	ck_assert_uint_eq(f->hosts[0].counters.esp_in, 1);
	ck_assert_uint_eq(f->hosts[0].counters.esp_out, 1);
	ck_assert_int_eq(payload_send(f, 0, 1, ""), 0);
	fixture_run(f, 50);
	ck_assert_uint_eq(f->hosts[1].payloads, 2);
	fixture_end(f);
}
END_TEST

START_TEST(payloads_wait_for_the_exchange_and_no_more_than_32)
{
	struct fixture *f = &fixture;
	char text[16];

	pair_begin(f, NULL);
	fixture_connect(f, 0, 1);
	for (int i = 0; i < 40; i++) {
		snprintf(text, sizeof(text), "number %d", i);
		ck_assert_int_eq(payload_send(f, 0, 1, text), i < 32 ? 0 : ERR_LIMIT);
	}
	fixture_run(f, 1000);
	ck_assert_uint_eq(f->hosts[1].payloads, 32);
	ck_assert(payload_is(f, 1, "number 31"));
	ck_assert_int_eq(fixture_state(f, 1, 0), HIP_ESTABLISHED);
	ck_assert_int_eq(payload_send(f, 0, 1, "after"), 0);
	fixture_run(f, 50);
	ck_assert(payload_is(f, 1, "after"));
	fixture_end(f);
}
END_TEST

START_TEST(first_payload_establishes_the_responder)
{
	struct fixture *f = &fixture;

	pair_begin(f, NULL);
	fixture_connect(f, 0, 1);
	for (int ms = 0; ms < 2000 && fixture_state(f, 0, 1) != HIP_ESTABLISHED; ms++)
		fixture_run(f, 1);
	ck_assert_int_eq(fixture_state(f, 0, 1), HIP_ESTABLISHED);
	ck_assert_int_eq(fixture_state(f, 1, 0), HIP_R2_SENT);
	ck_assert_int_eq(payload_send(f, 0, 1, "first"), 0);
	fixture_run(f, 20);
	ck_assert_int_eq(fixture_state(f, 1, 0), HIP_ESTABLISHED);
	fixture_end(f);
}
END_TEST

static struct slice esp_seen;
static uint8_t esp_bytes[3000];
static struct hip_path esp_path;

static unsigned esp_keep(void *ctx, struct fixture *f, struct fixture_datagram *d)
{
	size_t packet;

	(void)ctx;
	(void)f;
	if (fixture_type(d, &packet) == 0) {
		memcpy(esp_bytes, d->bytes, d->len);
		esp_seen = slice_of(esp_bytes, d->len);
		esp_path = d->path;
	}
	return 1;
}

START_TEST(strays_repetitions_and_forgeries_are_counted_and_dropped)
{
	struct fixture *f = &fixture;
	uint8_t forged[3000];
	static const uint8_t keepalive = 0xff;

	pair_begin(f, NULL);
	fixture_join(f, 0, 1);
	f->hook = esp_keep;
	ck_assert_int_eq(payload_send(f, 0, 1, "once"), 0);
	fixture_run(f, 50);
	ck_assert_uint_eq(f->hosts[1].payloads, 1);
	hip_host_datagram(f->hosts[1].h, f->now, &esp_path, true, esp_seen);
	ck_assert_uint_eq(f->hosts[1].counters.hip_replayed, 1);
	memcpy(forged, esp_seen.data, esp_seen.len);
	forged[7] += 1;
	hip_host_datagram(f->hosts[1].h, f->now, &esp_path, true, slice_of(forged, esp_seen.len));
	ck_assert_uint_eq(f->hosts[1].counters.esp_refused, 1);
	forged[0] ^= 1;
	hip_host_datagram(f->hosts[1].h, f->now, &esp_path, true, slice_of(forged, esp_seen.len));
	ck_assert_uint_eq(f->hosts[1].counters.hip_stray, 1);
	hip_host_datagram(f->hosts[1].h, f->now, &esp_path, true, slice_of(&keepalive, 1));
	fixture_drain(f);
	ck_assert_uint_eq(f->hosts[1].payloads, 1);
	ck_assert_uint_eq(f->hosts[1].counters.hip_malformed, 0);
	fixture_end(f);
}
END_TEST

static bool payload_swallow(void *ctx, struct now now, const struct hit *from, uint8_t next_header, uint8_t *bytes,
			    size_t len)
{
	struct fixture *f = ctx;

	(void)now;
	ck_assert(hit_equal(from, &f->hosts[0].hit));
	return next_header == 17 && len > 0 && bytes[0] == 'x';
}

START_TEST(payloads_go_first_to_who_takes_them)
{
	struct fixture *f = &fixture;

	pair_begin(f, NULL);
	fixture_join(f, 0, 1);
	hip_host_take_payloads(f->hosts[1].h, payload_swallow, f);
	ck_assert_int_eq(payload_send(f, 0, 1, "xyz"), 0);
	ck_assert_int_eq(payload_send(f, 0, 1, "zyx"), 0);
	fixture_run(f, 50);
	ck_assert_uint_eq(f->hosts[1].payloads, 1);
	ck_assert(payload_is(f, 1, "zyx"));
	fixture_end(f);
}
END_TEST

struct pinged {
	int err, count;
	struct duration round_trip, exchange;
};

static void ping_done(void *ctx, struct now now, int err, struct duration round_trip, struct duration exchange)
{
	struct pinged *p = ctx;

	(void)now;
	p->err = err;
	p->count++;
	p->round_trip = round_trip;
	p->exchange = exchange;
}

START_TEST(ping_tells_round_trip_and_exchange)
{
	struct fixture *f = &fixture;
	struct pinged first = { 0 }, second = { 0 };

	pair_begin(f, NULL);
	fixture_connect(f, 0, 1);
	ck_assert_int_eq(hip_host_ping(f->hosts[0].h, f->now, &f->hosts[1].hit, ping_done, &first), 0);
	fixture_run(f, 1000);
	ck_assert_int_eq(first.count, 1);
	ck_assert_int_eq(first.err, 0);
	ck_assert_uint_eq(first.round_trip.us, 20000);
	ck_assert_uint_ge(first.exchange.us, 40000);
	ck_assert_uint_le(first.exchange.us, 900000); /* the puzzle */
	ck_assert_int_eq(hip_host_ping(f->hosts[1].h, f->now, &f->hosts[0].hit, ping_done, &second), 0);
	fixture_run(f, 1000);
	ck_assert_int_eq(second.count, 1);
	ck_assert_uint_eq(second.round_trip.us, 20000);
	ck_assert_uint_eq(second.exchange.us, 0);
	ck_assert_uint_eq(f->hosts[0].payloads + f->hosts[1].payloads, 0);
	fixture_end(f);
}
END_TEST

static unsigned esp_lose(void *ctx, struct fixture *f, struct fixture_datagram *d)
{
	int *left = ctx;
	size_t packet;

	(void)f;
	return fixture_type(d, &packet) == 0 && (*left)-- > 0 ? 0 : 1;
}

START_TEST(ping_tries_again_and_gives_up)
{
	struct fixture *f = &fixture;
	struct pinged done = { 0 };
	int left = 2;

	pair_begin(f, NULL);
	fixture_join(f, 0, 1);
	f->hook = esp_lose;
	f->hook_ctx = &left;
	ck_assert_int_eq(hip_host_ping(f->hosts[0].h, f->now, &f->hosts[1].hit, ping_done, &done), 0);
	fixture_run(f, 5000);
	ck_assert_int_eq(done.count, 1);
	ck_assert_int_eq(done.err, 0);
	ck_assert_uint_eq(done.round_trip.us, 20000);
	left = 1000;
	ck_assert_int_eq(hip_host_ping(f->hosts[0].h, f->now, &f->hosts[1].hit, ping_done, &done), 0);
	fixture_run(f, 5000);
	ck_assert_int_eq(done.count, 2);
	ck_assert_int_eq(done.err, ERR_REQUEST_TIMEOUT);
	fixture_end(f);
}
END_TEST

/* While the exchange runs, and while the answer is on its way. */
START_TEST(forgotten_pings_are_not_answered)
{
	struct fixture *f = &fixture;
	struct pinged kept = { 0 }, early = { 0 }, late = { 0 };

	pair_begin(f, NULL);
	fixture_connect(f, 0, 1);
	ck_assert_int_eq(hip_host_ping(f->hosts[0].h, f->now, &f->hosts[1].hit, ping_done, &early), 0);
	ck_assert_int_eq(hip_host_ping(f->hosts[0].h, f->now, &f->hosts[1].hit, ping_done, &kept), 0);
	ck_assert_int_eq(hip_host_ping(f->hosts[0].h, f->now, &f->hosts[1].hit, ping_done, &early), 0);
	hip_host_forget(f->hosts[0].h, &early);
	fixture_run(f, 1000);
	ck_assert_int_eq(kept.count, 1);
	ck_assert_int_eq(kept.err, 0);
	ck_assert_int_eq(early.count, 0);
	/* The answer is here in 20 ms. */
	ck_assert_int_eq(hip_host_ping(f->hosts[0].h, f->now, &f->hosts[1].hit, ping_done, &late), 0);
	fixture_run(f, 5);
	hip_host_forget(f->hosts[0].h, &late);
	fixture_run(f, 5000);
	ck_assert_int_eq(late.count, 0);
	ck_assert_ptr_null(f->hosts[0].h->pings);
	/* Its place is free again. */
	ck_assert_int_eq(hip_host_ping(f->hosts[0].h, f->now, &f->hosts[1].hit, ping_done, &kept), 0);
	fixture_run(f, 1000);
	ck_assert_int_eq(kept.count, 2);
	fixture_end(f);
}
END_TEST

/* Forgets the other one that waits for the same exchange. */
static void ping_forgets(void *ctx, struct now now, int err, struct duration round_trip, struct duration exchange)
{
	(void)now, (void)err, (void)round_trip, (void)exchange;
	((struct pinged *)ctx)->count++;
	hip_host_forget(fixture.hosts[0].h, (struct pinged *)ctx + 1);
}

START_TEST(pings_may_be_forgotten_when_another_is_told)
{
	static struct pinged pings[3];
	struct hip_hint hint = { .locators = { { ADDRESS_IPV4, { 192, 0, 2, 99 }, 10500 } }, .locator_count = 1 };
	struct fixture *f = &fixture;
	struct hit nobody;

	pair_begin(f, NULL);
	ck_assert_int_eq(hit_parse("2001:22::1", &nobody), 0);
	/* All fail at once when nothing answers. */
	ck_assert_int_eq(hip_host_connect(f->hosts[0].h, f->now, &nobody, &hint, NULL, NULL), 0);
	for (size_t i = 0; i < 3; i++)
		ck_assert_int_eq(hip_host_ping(f->hosts[0].h, f->now, &nobody, ping_forgets, &pings[i]), 0);
	fixture_run(f, 120000);
	ck_assert_int_eq(pings[0].count, 1);
	ck_assert_int_eq(pings[1].count, 0);
	ck_assert_int_eq(pings[2].count, 1);
	ck_assert_ptr_null(f->hosts[0].h->pings);
	fixture_end(f);
}
END_TEST

START_TEST(echoes_are_the_kernel_s_with_a_tun_device)
{
	struct fixture *f = &fixture;
	struct hip_host_options options = { .tun = true };
	struct pinged done = { 0 };
	struct slice part;
	uint32_t sum;

	pair_begin(f, &options);
	fixture_join(f, 0, 1);
	ck_assert_int_eq(hip_host_ping(f->hosts[0].h, f->now, &f->hosts[1].hit, ping_done, &done), 0);
	fixture_run(f, 500);
	ck_assert_uint_eq(f->hosts[1].payloads, 1);
	ck_assert_uint_eq(f->hosts[1].next_header, 58);
	ck_assert_uint_eq(f->hosts[1].payload[0], 128);
	/* What a kernel would answer: the same with another type, and a checksum that is 256 more. */
	f->hosts[1].payload[0] = 129;
	part = slice_of(f->hosts[1].payload, f->hosts[1].payload_len);
	sum = (uint32_t)(part.data[2] << 8 | part.data[3]) + 0xfeff;
	sum = (sum & 0xffff) + (sum >> 16);
	f->hosts[1].payload[2] = (uint8_t)(sum >> 8);
	f->hosts[1].payload[3] = (uint8_t)sum;
	ck_assert_int_eq(hip_host_send(f->hosts[1].h, f->now, &f->hosts[0].hit, 58, &part, 1), 0);
	fixture_run(f, 100);
	ck_assert_int_eq(done.count, 1);
	ck_assert_int_eq(done.err, 0);
	ck_assert_uint_eq(f->hosts[0].payloads, 0);
	fixture_end(f);
}
END_TEST

START_TEST(silence_is_filled_with_keepalives_and_ends_with_close)
{
	struct fixture *f = &fixture;
	struct hip_host_options options = { .unused_s = 100 };
	size_t notifies;

	pair_begin(f, &options);
	fixture_join(f, 0, 1);
	fixture_run(f, 61000);
	notifies = f->hosts[0].sent[HIP_NOTIFY];
	ck_assert_uint_ge(notifies, 3);
	ck_assert_uint_le(notifies, 5);
	ck_assert_int_eq(fixture_state(f, 0, 1), HIP_ESTABLISHED);
	/* Traffic needs none. */
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(payload_send(f, 0, 1, "tick"), 0);
		fixture_run(f, 5000);
	}
	ck_assert_uint_eq(f->hosts[0].sent[HIP_NOTIFY], notifies);
	fixture_run(f, 300000);
	ck_assert_int_eq(fixture_state(f, 0, 1), HIP_UNASSOCIATED);
	ck_assert_uint_eq(map_count(f->hosts[0].h->spis), 0);
	ck_assert_uint_eq(map_count(f->hosts[1].h->spis), 0);
	fixture_end(f);
}
END_TEST

int main(void)
{
	return RUN_TESTS("hip payload", payloads_pass_both_ways, payloads_wait_for_the_exchange_and_no_more_than_32,
			 first_payload_establishes_the_responder,
			 strays_repetitions_and_forgeries_are_counted_and_dropped, payloads_go_first_to_who_takes_them,
			 ping_tells_round_trip_and_exchange, ping_tries_again_and_gives_up,
			 forgotten_pings_are_not_answered, pings_may_be_forgotten_when_another_is_told,
			 echoes_are_the_kernel_s_with_a_tun_device,
			 silence_is_filled_with_keepalives_and_ends_with_close);
}
