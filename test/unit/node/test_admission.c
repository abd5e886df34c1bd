/* SPDX-License-Identifier: MIT */
/* Tests of admission.c: slots, and the rate of one source. */
#include "node/admission.h"

#include "test/unit/run.h"

static struct address source_of(const char *text)
{
	struct address a;

	ck_assert_int_eq(address_parse(text, 1000, &a), 0);
	return a;
}

static struct instant at_s(uint64_t s) { return (struct instant){ s * 1000000 }; }

START_TEST(admission_refuses_beyond_its_slots)
{
	static struct admission a;
	struct address here = source_of("127.0.0.1");

	admission_init(&a, 2, 50, 1);
	ck_assert(admission_take(&a, at_s(1), &here));
	ck_assert(admission_take(&a, at_s(1), &here));
	ck_assert(!admission_take(&a, at_s(1), &here));
	admission_release(&a);
	ck_assert(admission_take(&a, at_s(1), &here));
}
END_TEST

START_TEST(admission_bounds_a_source_prefix_by_the_minute)
{
	static struct admission a;
	struct address one = source_of("192.0.2.1"), near = source_of("192.0.2.200");
	struct address far = source_of("192.0.3.1");

	admission_init(&a, 1000, 3, 7);
	ck_assert(admission_take(&a, at_s(1), &one));
	ck_assert(admission_take(&a, at_s(1), &near));
	ck_assert(admission_take(&a, at_s(1), &one));
	ck_assert(!admission_take(&a, at_s(1), &near));
	ck_assert(admission_take(&a, at_s(1), &far));
	/* A third of a minute gives one back. */
	ck_assert(admission_take(&a, at_s(21), &near));
	ck_assert(!admission_take(&a, at_s(21), &one));
	/* And no more than the burst in a long time. */
	for (int i = 0; i < 3; i++)
		ck_assert(admission_take(&a, at_s(100000), &one));
	ck_assert(!admission_take(&a, at_s(100000), &one));
}
END_TEST

START_TEST(admission_takes_a_v6_source_by_its_64)
{
	static struct admission a;
	struct address one = source_of("[2001:db8::1]:5"), near = source_of("[2001:db8::ffff:1]:6");
	struct address far = source_of("[2001:db8:0:1::1]:5");

	admission_init(&a, 1000, 1, 7);
	ck_assert(admission_take(&a, at_s(1), &one));
	ck_assert(!admission_take(&a, at_s(1), &near));
	ck_assert(admission_take(&a, at_s(1), &far));
}
END_TEST

START_TEST(admission_never_limits_loopback_by_rate)
{
	static struct admission a;
	struct address here = source_of("127.3.2.1");

	admission_init(&a, 1000, 1, 7);
	for (int i = 0; i < 100; i++)
		ck_assert(admission_take(&a, at_s(1), &here));
}
END_TEST

int main(void)
{
	return RUN_TESTS("admission", admission_refuses_beyond_its_slots,
			 admission_bounds_a_source_prefix_by_the_minute, admission_takes_a_v6_source_by_its_64,
			 admission_never_limits_loopback_by_rate);
}
