/* SPDX-License-Identifier: MIT */
/* Token buckets: what a source may do, and what its flood costs others. */
#include "test/unit/run.h"

#include <time.h>

#include "overlay/base/invariant.h"
#include "usage/hip/hip_internal.h"
#include "usage/hip/hip_limit.h"

struct world {
	struct hip_host host;
	struct counters counters;
	struct now now;
};

static struct world world_new(void)
{
	struct world w = { .now = { .mono = { 1000000 } } };

	w.host.limits = hip_limits_new(7);
	return w;
}

static bool take(struct world *w, enum hip_limit limit, const struct hip_path *path, const struct hit *hit)
{
	w->host.counters = &w->counters;
	return hip_limit_take(&w->host, w->now, limit, path, hit);
}

static struct hip_path from_v4(uint32_t address)
{
	struct hip_path p = { .channel = HIP_CHANNEL_UDP, .remote = { .type = ADDRESS_IPV4, .port = 10500 } };

	for (int i = 0; i < 4; i++)
		p.remote.bytes[i] = (uint8_t)(address >> (24 - 8 * i));
	return p;
}

static struct hip_path from_node(uint32_t number)
{
	struct hip_path p = { .channel = HIP_CHANNEL_OVERLAY };

	memcpy(p.node.bytes, &number, sizeof(number));
	return p;
}

START_TEST(source_has_burst_then_rate)
{
	struct world w = world_new();
	struct hip_path path = from_v4(0xc0000201);
	unsigned taken = 0;

	for (unsigned i = 0; i < 1000; i++)
		taken += take(&w, HIP_LIMIT_I1_SOURCE, &path, NULL);
	ck_assert_uint_eq(taken, HIP_I1_SOURCE_BURST);
	ck_assert_uint_eq(w.counters.hip_limit, 1000 - HIP_I1_SOURCE_BURST);
	w.now.mono.us += 1000000;
	for (unsigned i = taken = 0; i < 1000; i++)
		taken += take(&w, HIP_LIMIT_I1_SOURCE, &path, NULL);
	ck_assert_uint_eq(taken, HIP_I1_SOURCE_PER_S);
	w.now.mono.us += UINT64_C(1000000000000);
	for (unsigned i = taken = 0; i < 1000; i++)
		taken += take(&w, HIP_LIMIT_I1_SOURCE, &path, NULL);
	ck_assert_uint_eq(taken, HIP_I1_SOURCE_BURST);
	hip_limits_free(w.host.limits);
}
END_TEST

START_TEST(rate_is_kept_when_asked_often)
{
	struct world w = world_new();
	struct hip_path path = from_v4(0xc0000201);
	unsigned taken = 0;

	/* Ten seconds, 10,000 a second: tokens that come by fractions are not lost. */
	for (unsigned i = 0; i < 100000; i++) {
		taken += take(&w, HIP_LIMIT_NOTIFY, &path, NULL);
		w.now.mono.us += 100;
	}
	ck_assert_uint_ge(taken, HIP_NOTIFY_BURST + 10 * HIP_NOTIFY_PER_S - 1);
	ck_assert_uint_le(taken, HIP_NOTIFY_BURST + 10 * HIP_NOTIFY_PER_S);
	hip_limits_free(w.host.limits);
}
END_TEST

START_TEST(sources_are_networks)
{
	struct world w = world_new();
	struct hip_path a = { .channel = HIP_CHANNEL_UDP, .remote = { .type = ADDRESS_IPV6, .port = 1 } }, b = a, c = a;
	struct hip_path x = from_v4(0x0a000001), y = from_v4(0x0a000001), z = from_v4(0x0a000002);

	b.remote.bytes[15] = 9;
	b.remote.port = 2;
	c.remote.bytes[7] = 1;
	y.remote.port = 77;
	y.channel = HIP_CHANNEL_RAW;
	for (unsigned i = 0; i < HIP_I2_SOURCE_BURST; i++) {
		ck_assert(take(&w, HIP_LIMIT_I2_SOURCE, &a, NULL));
		ck_assert(take(&w, HIP_LIMIT_I2_SOURCE, &x, NULL));
	}
	ck_assert(!take(&w, HIP_LIMIT_I2_SOURCE, &b, NULL));
	ck_assert(take(&w, HIP_LIMIT_I2_SOURCE, &c, NULL));
	ck_assert(!take(&w, HIP_LIMIT_I2_SOURCE, &y, NULL));
	ck_assert(take(&w, HIP_LIMIT_I2_SOURCE, &z, NULL));
	/* Kinds do not share. */
	ck_assert(take(&w, HIP_LIMIT_I1_SOURCE, &a, NULL));
	hip_limits_free(w.host.limits);
}
END_TEST

START_TEST(flood_of_one_edge_leaves_others_alone)
{
	struct world w = world_new();
	struct hip_path bad = from_node(1), good = from_node(2);
	struct hit hit = { { 0x20, 0x01, 0x00, 0x21, 1 } };
	unsigned admitted = 0;
	struct timespec begin, end;

	/* Five seconds of 10,000 I1/s; an honest I1 every 100 ms beside it. */
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
	for (unsigned i = 0; i < 50000; i++) {
		if (take(&w, HIP_LIMIT_I1_SOURCE, &bad, NULL))
			admitted += take(&w, HIP_LIMIT_I1_HIT, &bad, &hit);
		if (i % 1000 == 0) {
			ck_assert(take(&w, HIP_LIMIT_I1_SOURCE, &good, NULL));
			ck_assert(take(&w, HIP_LIMIT_I1_HIT, &good, &hit));
		}
		w.now.mono.us += 100;
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	ck_assert_uint_le(admitted, HIP_I1_SOURCE_BURST + 5 * HIP_I1_SOURCE_PER_S);
	/* Generous: tens of nanoseconds are usual. */
	ck_assert((end.tv_sec - begin.tv_sec) * 1000000000L + end.tv_nsec - begin.tv_nsec < 50000 * 20000L);
	hip_limits_free(w.host.limits);
}
END_TEST

START_TEST(tables_are_bounded_and_flooder_keeps_its_bucket)
{
	struct world w = world_new();
	struct hip_path bad = from_v4(0x01010101);
	unsigned admitted = 0;

	/* A source that floods while it also forges others to wash its own bucket out of the table. */
	for (uint32_t i = 0; i < 4 * HIP_LIMIT_BUCKETS_MAX; i++) {
		struct hip_path forged = from_v4(0x0b000000 + i);

		ck_assert(take(&w, HIP_LIMIT_I1_SOURCE, &forged, NULL));
		admitted += take(&w, HIP_LIMIT_I1_SOURCE, &bad, NULL);
	}
	ck_assert_uint_eq(admitted, HIP_I1_SOURCE_BURST);
	hip_limits_free(w.host.limits);
}
END_TEST

int main(void)
{
	return RUN_TESTS("hip limit", source_has_burst_then_rate, rate_is_kept_when_asked_often, sources_are_networks,
			 flood_of_one_edge_leaves_others_alone, tables_are_bounded_and_flooder_keeps_its_bucket);
}
