/* SPDX-License-Identifier: MIT */
/* The base exchange between two hosts with real cryptography. */
#include "test/unit/hip/hip_fixture.h"
#include "test/unit/run.h"

static struct fixture fixture;

static void exchange_between(enum hit_suite initiator, enum hit_suite responder)
{
	struct fixture *f = &fixture;
	size_t a, b;

	fixture_begin(f);
	a = fixture_add(f, initiator, NULL);
	b = fixture_add(f, responder, NULL);
	fixture_join(f, a, b);
	ck_assert_int_eq(fixture_state(f, a, b), HIP_ESTABLISHED);
	ck_assert(fixture_logged(f, a, "hip.established"));
	ck_assert(fixture_logged(f, b, "hip.established"));
	fixture_end(f);
}

START_TEST(exchange_completes_between_ecdsa_hosts)
{
	exchange_between(HIT_SUITE_ECDSA, HIT_SUITE_ECDSA);
}
END_TEST

int main(void)
{
	return RUN_TESTS("hip exchange", exchange_completes_between_ecdsa_hosts);
}
