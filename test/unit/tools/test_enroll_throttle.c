/* SPDX-License-Identifier: MIT */
/* tools/enroll_throttle: failed log-ins by user and address, on made-up time. */
#include "tools/enroll_throttle.h"

#include <check.h>
#include <stdio.h>

#include "test/unit/run.h"

static const struct address here = { ADDRESS_IPV4, { 192, 0, 2, 1 }, 1000 };
static const struct address same_host = { ADDRESS_IPV4, { 192, 0, 2, 1 }, 2000 };
static const struct address there = { ADDRESS_IPV4, { 192, 0, 2, 2 }, 1000 };

static struct instant at(uint64_t seconds)
{
	return (struct instant){ 1000000 + seconds * 1000000 };
}

START_TEST(throttle_refuses_after_failures_of_one_user)
{
	struct throttle *t = throttle_new(1);

	for (int i = 0; i < THROTTLE_USER_MAX; i++) {
		ck_assert_uint_eq(throttle_wait(t, at(0), "alice", &here), 0);
		throttle_failed(t, at(0), "alice", &here);
	}
	ck_assert_uint_eq(throttle_wait(t, at(0), "alice", &same_host), THROTTLE_WINDOW_S + 1);
	ck_assert_uint_eq(throttle_wait(t, at(100), "alice", &here), THROTTLE_WINDOW_S - 100 + 1);
	ck_assert_uint_eq(throttle_wait(t, at(0), "bob", &here), 0);
	ck_assert_uint_eq(throttle_wait(t, at(0), "alice", &there), 0);
	ck_assert_uint_eq(throttle_wait(t, at(THROTTLE_WINDOW_S), "alice", &here), 0);
	throttle_failed(t, at(THROTTLE_WINDOW_S), "alice", &here);
	ck_assert_uint_eq(throttle_wait(t, at(THROTTLE_WINDOW_S), "alice", &here), 0);
	throttle_free(t);
}
END_TEST

START_TEST(throttle_forgets_user_after_success)
{
	struct throttle *t = throttle_new(2);

	for (int i = 0; i < THROTTLE_USER_MAX - 1; i++)
		throttle_failed(t, at(0), "alice", &here);
	throttle_succeeded(t, "alice", &here);
	throttle_failed(t, at(0), "alice", &here);
	ck_assert_uint_eq(throttle_wait(t, at(0), "alice", &here), 0);
	throttle_free(t);
}
END_TEST

START_TEST(throttle_refuses_address_that_tries_many_users)
{
	struct throttle *t = throttle_new(3);
	char user[32];

	for (int i = 0; i < THROTTLE_ADDRESS_MAX; i++) {
		snprintf(user, sizeof(user), "user%d", i);
		ck_assert_uint_eq(throttle_wait(t, at(0), user, &here), 0);
		throttle_failed(t, at(0), user, &here);
	}
	ck_assert_uint_gt(throttle_wait(t, at(0), "another", &here), 0);
	ck_assert_uint_eq(throttle_wait(t, at(0), "another", &there), 0);
	throttle_free(t);
}
END_TEST

START_TEST(throttle_counts_ipv6_by_network)
{
	struct address one = { ADDRESS_IPV6, { 0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, [15] = 1 }, 1 };
	struct address other = one, elsewhere = one;
	struct throttle *t = throttle_new(4);

	other.bytes[15] = 99;
	elsewhere.bytes[7] = 2;
	for (int i = 0; i < THROTTLE_USER_MAX; i++)
		throttle_failed(t, at(0), "alice", &one);
	ck_assert_uint_gt(throttle_wait(t, at(0), "alice", &other), 0);
	ck_assert_uint_eq(throttle_wait(t, at(0), "alice", &elsewhere), 0);
	throttle_free(t);
}
END_TEST

int main(void)
{
	return RUN_TESTS("enroll_throttle", throttle_refuses_after_failures_of_one_user,
			 throttle_forgets_user_after_success, throttle_refuses_address_that_tries_many_users,
			 throttle_counts_ipv6_by_network);
}
