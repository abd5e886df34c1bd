/* SPDX-License-Identifier: MIT */
/* The pool of known HITs and the first uses. */
#include "test/unit/run.h"
#include "usage/hip/hip_known.h"

#include <stdio.h>

static struct now now = { { 1000000 }, { 1760000000000 } };

static struct hit hit_of(unsigned number)
{
	char text[HIT_TEXT_SIZE];
	struct hit hit;

	snprintf(text, sizeof(text), "2001:22::%x", number);
	ck_assert_int_eq(hit_parse(text, &hit), 0);
	return hit;
}

static struct hip_known known_of(unsigned number, const char *user, enum hip_vouched vouched, uint64_t seconds)
{
	struct hip_known known = { .hit = hit_of(number), .vouched = vouched,
				   .expires = instant_add(now.mono, duration_s(seconds)) };

	snprintf(known.user, sizeof(known.user), "%s", user);
	return known;
}

static int learn(struct hip_pool *pool, unsigned number, const char *user, enum hip_vouched vouched, uint64_t seconds)
{
	struct hip_known known = known_of(number, user, vouched, seconds);

	return hip_pool_learn(pool, now, &known);
}

static const struct hip_known *find(const struct hip_pool *pool, unsigned number)
{
	struct hit hit = hit_of(number);

	return hip_pool_find(pool, now, &hit);
}

static bool first_use(const struct hip_pool *pool, const char *user, struct hip_first_use *out)
{
	size_t cursor = 0;

	while (hip_pool_next_first_use(pool, &cursor, out))
		if (strcmp(out->user, user) == 0)
			return true;
	return false;
}

START_TEST(learnt_hit_is_found_until_it_expires)
{
	struct hip_pool *pool = hip_pool_new(1, NULL);
	struct now later = now;

	ck_assert_ptr_null(find(pool, 1));
	ck_assert_int_eq(learn(pool, 1, "anna@example.net", HIP_VOUCHED_RECORD, 60), 0);
	ck_assert_str_eq(find(pool, 1)->user, "anna@example.net");
	later.mono.us += 61000000;
	ck_assert_ptr_null(hip_pool_find(pool, later, &find(pool, 1)->hit));
	hip_pool_free(pool);
}
END_TEST

START_TEST(strongest_voucher_stays)
{
	struct hip_pool *pool = hip_pool_new(1, NULL);

	ck_assert_int_eq(learn(pool, 1, "anna@example.net", HIP_VOUCHED_SDP, 600), 0);
	ck_assert_int_eq(find(pool, 1)->vouched, HIP_VOUCHED_SDP);
	ck_assert_int_eq(learn(pool, 1, "anna@example.net", HIP_VOUCHED_CERTIFICATE, 60), 0);
	ck_assert_int_eq(find(pool, 1)->vouched, HIP_VOUCHED_CERTIFICATE);
	ck_assert_int_eq(learn(pool, 1, "anna@example.net", HIP_VOUCHED_SDP, 600), 0);
	ck_assert_int_eq(find(pool, 1)->vouched, HIP_VOUCHED_CERTIFICATE);
	/* A weak word does not make a strong one last longer. */
	ck_assert_uint_eq(find(pool, 1)->expires.us, now.mono.us + 60000000);
	hip_pool_free(pool);
}
END_TEST

START_TEST(one_hit_may_have_two_users)
{
	struct hip_pool *pool = hip_pool_new(1, NULL);
	struct hip_known known;
	size_t cursor = 0, count = 0;

	ck_assert_int_eq(learn(pool, 1, "office@example.net", HIP_VOUCHED_LINK, 60), 0);
	ck_assert_int_eq(learn(pool, 1, "anna@example.net", HIP_VOUCHED_RECORD, 60), 0);
	ck_assert_str_eq(find(pool, 1)->user, "anna@example.net");
	while (hip_pool_next(pool, &cursor, &known))
		count++;
	ck_assert_uint_eq(count, 2);
	hip_pool_free(pool);
}
END_TEST

static unsigned changes;

static void on_log(void *ctx, enum log_level level, const char *event, const char *text)
{
	(void)ctx, (void)level, (void)text;
	changes += strcmp(event, "identity.changed") == 0;
}

START_TEST(changed_key_is_refused_and_waits_for_the_operator)
{
	const struct log log = { on_log, NULL, LOG_DEBUG };
	struct hip_pool *pool = hip_pool_new(1, &log);
	struct hit second = hit_of(2);
	struct hip_first_use use;
	uint64_t version;

	changes = 0;
	ck_assert_int_eq(learn(pool, 1, "anna@example.net", HIP_VOUCHED_SDP, 60), 0);
	ck_assert_uint_eq(hip_pool_version(pool), 1);
	ck_assert_int_eq(learn(pool, 2, "anna@example.net", HIP_VOUCHED_LINK, 60), ERR_FORBIDDEN);
	ck_assert_uint_eq(changes, 1);
	ck_assert_ptr_null(find(pool, 2));
	ck_assert(first_use(pool, "anna@example.net", &use));
	ck_assert(hit_equal(&use.pending, &second));
	ck_assert_uint_eq(use.seen_ms, now.wall.ms);
	version = hip_pool_version(pool);
	ck_assert_int_eq(learn(pool, 2, "anna@example.net", HIP_VOUCHED_LINK, 60), ERR_FORBIDDEN);
	ck_assert_uint_eq(hip_pool_version(pool), version); /* nothing new to write */
	ck_assert_int_eq(hip_pool_trust(pool, now, "anna@example.net", NULL), 0);
	ck_assert_uint_gt(hip_pool_version(pool), version);
	ck_assert_int_eq(learn(pool, 2, "anna@example.net", HIP_VOUCHED_LINK, 60), 0);
	ck_assert_int_eq(learn(pool, 1, "anna@example.net", HIP_VOUCHED_SDP, 60), ERR_FORBIDDEN);
	ck_assert_int_eq(hip_pool_trust(pool, now, "bob@example.net", NULL), ERR_NOT_FOUND);
	hip_pool_free(pool);
}
END_TEST

START_TEST(certificate_and_record_bind_whatever_was_before)
{
	struct hip_pool *pool = hip_pool_new(1, NULL);
	struct hit second = hit_of(2);
	struct hip_first_use use;

	ck_assert_int_eq(learn(pool, 1, "anna@example.net", HIP_VOUCHED_SDP, 60), 0);
	ck_assert_int_eq(learn(pool, 2, "anna@example.net", HIP_VOUCHED_RECORD, 60), 0);
	ck_assert(first_use(pool, "anna@example.net", &use));
	ck_assert(hit_equal(&use.hit, &second));
	ck_assert_int_eq(learn(pool, 1, "anna@example.net", HIP_VOUCHED_SDP, 60), ERR_FORBIDDEN);
	ck_assert_int_eq(learn(pool, 3, "anna@example.net", HIP_VOUCHED_CERTIFICATE, 60), 0);
	/* What was proven cannot be taken with less afterwards. */
	ck_assert_int_eq(learn(pool, 4, "bob@example.net", HIP_VOUCHED_CERTIFICATE, 60), 0);
	ck_assert(first_use(pool, "bob@example.net", &use));
	ck_assert_int_eq(learn(pool, 5, "bob@example.net", HIP_VOUCHED_LINK, 60), ERR_FORBIDDEN);
	ck_assert_int_eq(learn(pool, 4, "bob@example.net", HIP_VOUCHED_LINK, 60), 0);
	hip_pool_free(pool);
}
END_TEST

START_TEST(first_uses_are_restored_and_forgotten)
{
	struct hip_pool *pool = hip_pool_new(1, NULL);
	struct hip_first_use use = { .user = "anna@example.net", .hit = hit_of(1), .pending = hit_of(9), .seen_ms = 7 };
	struct hip_first_use found;
	struct hit chosen = hit_of(5);

	ck_assert_int_eq(hip_pool_restore(pool, &use), 0);
	ck_assert_uint_eq(hip_pool_version(pool), 0);
	ck_assert_int_eq(hip_pool_restore(pool, &use), ERR_DUPLICATE);
	ck_assert_int_eq(learn(pool, 2, "anna@example.net", HIP_VOUCHED_SDP, 60), ERR_FORBIDDEN);
	ck_assert_int_eq(learn(pool, 1, "anna@example.net", HIP_VOUCHED_SDP, 60), 0);
	ck_assert_int_eq(hip_pool_trust(pool, now, "anna@example.net", &chosen), 0);
	ck_assert(first_use(pool, "anna@example.net", &found));
	ck_assert(hit_equal(&found.hit, &chosen));
	ck_assert_uint_eq(found.seen_ms, 7);
	ck_assert_int_eq(hip_pool_forget(pool, "anna@example.net"), 0);
	ck_assert_int_eq(hip_pool_forget(pool, "anna@example.net"), ERR_NOT_FOUND);
	ck_assert_int_eq(learn(pool, 2, "anna@example.net", HIP_VOUCHED_SDP, 60), 0);
	hip_pool_free(pool);
}
END_TEST

START_TEST(pool_is_bounded_and_the_first_to_expire_gives_way)
{
	struct hip_pool *pool = hip_pool_new(1, NULL);
	char user[32];

	for (unsigned i = 0; i < HIP_KNOWN_MAX; i++) {
		snprintf(user, sizeof(user), "u%u@example.net", i);
		ck_assert_int_eq(learn(pool, i, user, HIP_VOUCHED_RECORD, i == 77 ? 10 : 60), 0);
	}
	ck_assert_ptr_nonnull(find(pool, 77));
	ck_assert_int_eq(learn(pool, HIP_KNOWN_MAX, "one@example.net", HIP_VOUCHED_RECORD, 60), 0);
	ck_assert_ptr_null(find(pool, 77));
	ck_assert_ptr_nonnull(find(pool, 78));
	ck_assert_ptr_nonnull(find(pool, HIP_KNOWN_MAX));
	hip_pool_free(pool);
}
END_TEST

START_TEST(first_uses_are_bounded)
{
	struct hip_pool *pool = hip_pool_new(1, NULL);
	struct hip_first_use use = { .hit = hit_of(1) };

	for (unsigned i = 0; i < HIP_FIRST_USES_MAX; i++) {
		snprintf(use.user, sizeof(use.user), "u%u@example.net", i);
		ck_assert_int_eq(hip_pool_restore(pool, &use), 0);
	}
	snprintf(use.user, sizeof(use.user), "more@example.net");
	ck_assert_int_eq(hip_pool_restore(pool, &use), ERR_LIMIT);
	ck_assert_int_eq(learn(pool, 1, "more@example.net", HIP_VOUCHED_SDP, 60), ERR_LIMIT);
	ck_assert_int_eq(learn(pool, 1, "more@example.net", HIP_VOUCHED_RECORD, 60), 0);
	hip_pool_free(pool);
}
END_TEST

START_TEST(key_told_again_is_first_use)
{
	struct hip_pool *pool = hip_pool_new(1, NULL);

	ck_assert_int_eq(learn(pool, 1, "anna@example.net", HIP_VOUCHED_SDP, 600), 0);
	ck_assert_int_eq(find(pool, 1)->vouched, HIP_VOUCHED_SDP);
	ck_assert_int_eq(learn(pool, 1, "anna@example.net", HIP_VOUCHED_SDP, 600), 0);
	ck_assert_int_eq(find(pool, 1)->vouched, HIP_VOUCHED_FIRST_USE);
	ck_assert_int_eq(learn(pool, 2, "anna@example.net", HIP_VOUCHED_SDP, 600), ERR_FORBIDDEN);
	hip_pool_free(pool);
}
END_TEST

START_TEST(vouchers_have_names)
{
	ck_assert_str_eq(hip_vouched_name(HIP_VOUCHED_CERTIFICATE), "certificate");
	ck_assert_str_eq(hip_vouched_name(HIP_VOUCHED_SDP), "sdp");
	ck_assert_str_eq(hip_vouched_name((enum hip_vouched)77), "unknown");
}
END_TEST

int main(void)
{
	return RUN_TESTS("hip known", learnt_hit_is_found_until_it_expires, strongest_voucher_stays,
			 one_hit_may_have_two_users, changed_key_is_refused_and_waits_for_the_operator,
			 certificate_and_record_bind_whatever_was_before, first_uses_are_restored_and_forgotten,
			 pool_is_bounded_and_the_first_to_expire_gives_way, first_uses_are_bounded,
			 key_told_again_is_first_use, vouchers_have_names);
}
