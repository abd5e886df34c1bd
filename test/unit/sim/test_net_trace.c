/* SPDX-License-Identifier: MIT */
/* One seed, one run: whatever the weather and the faults, on any machine and with any compiler. The hash is printed,
 * so that builds can be compared. */
#include <stdio.h>
#include <time.h>

#include "test/unit/run.h"
#include "tools/sim/net.h"

#define TRACE_PEERS 24

static const struct net_weather BAD = { .jitter = { 7000 },
					.loss_ppm = 20000,
					.duplicate_ppm = 10000,
					.reorder_ppm = 10000,
					.flip_ppm = 1000,
					.bytes_per_s = 1000000,
					.mtu = 1300 };

/* A fault drawn from the seed. */
static void trace_fault(struct net *n)
{
	struct prng *chance = net_chance(n, NET_CHANCE_FAULTS);
	size_t node = prng_below(chance, net_count(n));
	size_t other = prng_below(chance, net_count(n));
	bool is_so = prng_below(chance, 2) == 0;

	switch (prng_below(chance, 8)) {
	case 0:
		net_kill(n, node, is_so);
		break;
	case 1:
		if (net_is_running(n, node) && !net_is_paused(n, node))
			net_leave(n, node);
		break;
	case 2:
		net_cut(n, node, other, is_so);
		break;
	case 3:
		if (net_is_paused(n, node))
			net_resume(n, node);
		else
			net_pause(n, node);
		break;
	case 4:
		net_set_clock(n, node, (int64_t)prng_below(chance, 20000) - 10000, is_so ? 500 : -500);
		break;
	case 5:
		net_set_slowness(n, node, duration_ms(is_so ? 2 : 0));
		break;
	case 6:
		net_break_link(n, node, other);
		break;
	default:
		net_set_group(n, node, is_so);
		break;
	}
	if (!net_is_running(n, other))
		net_start(n, other);
}

static uint64_t trace_run(uint64_t seed, bool datagrams, uint64_t *events)
{
	const struct net_options o = { .seed = seed,
				       .weather = BAD,
				       .link_type = datagrams ? OVERLAY_LINK_DTLS_UDP_SR_NO_ICE : 0 };
	struct net *n = net_new(&o);
	uint64_t hash;

	net_add_peers(n, TRACE_PEERS);
	for (size_t i = 0; i < TRACE_PEERS; i++) {
		net_start(n, i);
		net_run(n, duration_ms(100));
	}
	for (size_t i = 0; i < 150; i++) {
		trace_fault(n);
		net_run(n, duration_ms(700));
	}
	hash = net_trace_hash(n);
	*events = net_event_count(n);
	net_free(n);
	return hash;
}

static void trace_check(bool datagrams)
{
	uint64_t events[3];
	uint64_t first = trace_run(1, datagrams, &events[0]);
	uint64_t second = trace_run(1, datagrams, &events[1]);
	uint64_t other = trace_run(2, datagrams, &events[2]);

	ck_assert_uint_eq(first, second);
	ck_assert_uint_eq(events[0], events[1]);
	ck_assert_uint_ne(first, other);
	ck_assert_uint_gt(events[0], 10000);
	printf("trace %s %016llx events %llu\n", datagrams ? "datagrams" : "streams", (unsigned long long)first,
	       (unsigned long long)events[0]);
}

START_TEST(run_is_the_same_when_seed_is_the_same)
{
	trace_check(false);
}
END_TEST

START_TEST(run_over_datagrams_is_the_same_when_seed_is_the_same)
{
	trace_check(true);
}
END_TEST

struct smoke {
	uint64_t events_max;
};

static bool smoke_is_over(struct net *n, void *ctx)
{
	return net_event_count(n) >= ((struct smoke *)ctx)->events_max;
}

/* The beginning of an overlay of 2,000 peers, all at once: only so many events, as the test shall be short. */
START_TEST(net_stays_small_when_two_thousand_peers_begin)
{
	struct smoke s = { 300000 };
	struct net *n = net_new(&(struct net_options){ .seed = 3, .bootstrap_count = 20 });
	struct net_statistics stats;
	struct timespec from, to;
	double seconds;

	net_add_peers(n, 2000);
	ck_assert_uint_lt(net_memory(n) / 2000, 500);
	clock_gettime(CLOCK_MONOTONIC, &from);
	net_start_all(n);
	ck_assert(net_run_until(n, smoke_is_over, &s, duration_s(600)));
	clock_gettime(CLOCK_MONOTONIC, &to);
	net_statistics(n, &stats);
	seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
	printf("2,000 peers: %llu events, %.0f per second, %zu bytes of the net per peer, %llu links opened\n",
	       (unsigned long long)net_event_count(n), (double)net_event_count(n) / seconds, net_memory(n) / 2000,
	       (unsigned long long)stats.links_opened);
	ck_assert_uint_gt(stats.links_opened, 2000);
	ck_assert_uint_lt(net_memory(n), 2000 * 8192);
	net_free(n);
}
END_TEST

int main(void)
{
	return RUN_TESTS("net trace", run_is_the_same_when_seed_is_the_same,
			 run_over_datagrams_is_the_same_when_seed_is_the_same,
			 net_stays_small_when_two_thousand_peers_begin);
}
