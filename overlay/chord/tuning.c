/* SPDX-License-Identifier: MIT */
/* How often to look after the ring, from what the overlay is like (RFC 7363 section 6): its size from the spacing of
 * our neighbours, the rate of failures from those we saw, the rate of joins from the ages that Updates carry. All
 * of it from our own table; sharing estimates needs the message extension of another topology plug-in. */
#include "overlay/chord/chord_state.h"

#define TUNING_AGES_MAX 64 /* nodes looked at for the median */

static uint32_t tuning_second(struct now now)
{
	return (uint32_t)(now.mono.us / 1000000);
}

/* K of RFC 7363 6.3: a quarter of the routing table. */
static size_t tuning_history(const struct chord *c)
{
	size_t k = c->routable_count / 4;

	if (k < 2)
		return 2;
	return k < TUNING_FAILURES_MAX ? k : TUNING_FAILURES_MAX;
}

void tuning_failed(struct chord *c, struct now now)
{
	struct tuning *t = &c->tuning;

	t->failures_s[t->failure_next] = tuning_second(now);
	t->failure_next = (t->failure_next + 1) % TUNING_FAILURES_MAX;
	if (t->failure_count < TUNING_FAILURES_MAX)
		t->failure_count++;
}

/* 1/(2U) in seconds: M * Tk / (2k), counted as if a node failed now. */
static uint64_t tuning_half_life_s(const struct chord *c, struct now now)
{
	const struct tuning *t = &c->tuning;
	size_t k = tuning_history(c);
	uint64_t m = c->routable_count;
	uint32_t first = (uint32_t)(c->join.started.us / 1000000);
	uint64_t span;

	if (k > t->failure_count)
		k = t->failure_count;
	if (k > 0)
		first = t->failures_s[(t->failure_next + TUNING_FAILURES_MAX - k) % TUNING_FAILURES_MAX];
	span = tuning_second(now) > first ? tuning_second(now) - first : 1;
	return m * span / (2 * (k + 1)) + 1;
}

/* N/L in seconds: the median age of the nodes in our table. */
static uint64_t tuning_median_age_s(const struct chord *c, struct now now)
{
	uint32_t ages[TUNING_AGES_MAX];
	size_t count = 0;

	for (size_t i = 0; i < c->node_count && count < TUNING_AGES_MAX; i++) {
		const struct chord_node *n = &c->nodes[i];
		uint32_t age = tuning_second(now) > n->born_s ? tuning_second(now) - n->born_s : 0;
		size_t at = count;

		if (!n->is_ready || n->born_s == 0)
			continue;
		for (; at > 0 && ages[at - 1] > age; at--)
			ages[at] = ages[at - 1];
		ages[at] = age;
		count++;
	}
	return count == 0 ? UINT32_MAX : ages[count / 2];
}

uint64_t tuning_interval_ms(const struct chord *c, struct now now)
{
	uint64_t longest = 1000ull * peer_configuration(c->peer)->chord_update_interval_s;
	uint64_t failing = tuning_half_life_s(c, now);
	uint64_t joining = tuning_median_age_s(c, now);
	uint64_t ms = 1000 * (failing < joining ? failing : joining);
	size_t population = chord_tables_population(c);
	uint64_t bits = 1;

	while (((size_t)1 << bits) < population)
		bits++;
	ms /= bits * bits;
	if (ms < CHORD_TUNED_MIN_MS)
		ms = CHORD_TUNED_MIN_MS;
	return ms < longest ? ms : longest;
}
