/* SPDX-License-Identifier: MIT */
/* Tests of timer.c. */
#include "overlay/base/timer.h"

#include "overlay/base/prng.h"
#include "test/unit/run.h"

#define MANY 1000

static struct timer timers[MANY];
static struct timer *fired[2 * MANY];
static size_t fired_count;
static struct timer_heap heap;

static struct now at(uint64_t us)
{
	return (struct now){ .mono = { us } };
}

static void note(void *ctx, struct now now)
{
	(void)now;
	fired[fired_count++] = ctx;
}

static void arm(struct timer *t, uint64_t us)
{
	timer_arm(&heap, t, (struct instant){ us }, note, t);
}

START_TEST(timer_fires_in_order_of_instant_then_of_arming)
{
	struct prng p;

	prng_seed(&p, 5);
	timer_heap_init(&heap);
	for (int i = 0; i < MANY; i++)
		arm(&timers[i], prng_below(&p, 50));
	timer_heap_expire(&heap, at(49));
	ck_assert_uint_eq(fired_count, MANY);
	for (size_t i = 1; i < fired_count; i++) {
		ck_assert_uint_le(fired[i - 1]->at.us, fired[i]->at.us);
		if (fired[i - 1]->at.us == fired[i]->at.us)
			ck_assert_uint_lt(fired[i - 1]->sequence, fired[i]->sequence);
	}
	ck_assert(instant_is_never(timer_heap_deadline(&heap)));
	timer_heap_free(&heap);
}
END_TEST

START_TEST(timer_heap_fires_only_what_is_due)
{
	timer_heap_init(&heap);
	arm(&timers[0], 20);
	arm(&timers[1], 10);
	ck_assert_uint_eq(timer_heap_deadline(&heap).us, 10);
	timer_heap_expire(&heap, at(9));
	ck_assert_uint_eq(fired_count, 0);
	timer_heap_expire(&heap, at(10));
	ck_assert_uint_eq(fired_count, 1);
	ck_assert_ptr_eq(fired[0], &timers[1]);
	ck_assert(!timer_is_armed(&timers[1]));
	ck_assert(timer_is_armed(&timers[0]));
	timer_heap_free(&heap);
	ck_assert(!timer_is_armed(&timers[0]));
}
END_TEST

START_TEST(timer_rearmed_or_disarmed_keeps_the_heap_in_order)
{
	struct prng p;
	size_t armed = 0;

	prng_seed(&p, 6);
	timer_heap_init(&heap);
	for (int i = 0; i < MANY; i++)
		arm(&timers[i], prng_below(&p, 100000));
	for (int i = 0; i < MANY; i++) {
		if (i % 3 == 0)
			timer_disarm(&heap, &timers[i]);
		else if (i % 3 == 1)
			arm(&timers[i], prng_below(&p, 100000));
	}
	timer_disarm(&heap, &timers[0]);
	for (int i = 0; i < MANY; i++)
		armed += timer_is_armed(&timers[i]);
	ck_assert_uint_eq(heap.count, armed);
	timer_heap_expire(&heap, at(100000));
	ck_assert_uint_eq(fired_count, armed);
	for (size_t i = 1; i < fired_count; i++)
		ck_assert_uint_le(fired[i - 1]->at.us, fired[i]->at.us);
	timer_heap_free(&heap);
}
END_TEST

static void rearm(void *ctx, struct now now)
{
	note(ctx, now);
	timer_arm(&heap, ctx, now.mono, rearm, ctx);
}

START_TEST(timer_armed_for_now_while_firing_waits_for_the_next_call)
{
	timer_heap_init(&heap);
	timer_arm(&heap, &timers[0], (struct instant){ 1 }, rearm, &timers[0]);
	arm(&timers[1], 3);
	timer_heap_expire(&heap, at(5));
	ck_assert_uint_eq(fired_count, 2);
	ck_assert_uint_eq(timer_heap_deadline(&heap).us, 5);
	timer_heap_expire(&heap, at(5));
	ck_assert_uint_eq(fired_count, 3);
	timer_heap_free(&heap);
}
END_TEST

static void disarm_other(void *ctx, struct now now)
{
	note(&timers[0], now);
	timer_disarm(&heap, ctx);
}

START_TEST(timer_disarmed_by_another_that_fires_does_not_fire)
{
	timer_heap_init(&heap);
	timer_arm(&heap, &timers[0], (struct instant){ 1 }, disarm_other, &timers[1]);
	arm(&timers[1], 1);
	arm(&timers[2], 1);
	timer_heap_expire(&heap, at(1));
	ck_assert_uint_eq(fired_count, 2);
	ck_assert_ptr_eq(fired[1], &timers[2]);
	timer_heap_free(&heap);
}
END_TEST

int main(void)
{
	return RUN_TESTS("timer", timer_fires_in_order_of_instant_then_of_arming,
			 timer_heap_fires_only_what_is_due,
			 timer_rearmed_or_disarmed_keeps_the_heap_in_order,
			 timer_armed_for_now_while_firing_waits_for_the_next_call,
			 timer_disarmed_by_another_that_fires_does_not_fire);
}
