/* SPDX-License-Identifier: MIT */
/* The base exchange between two hosts with real cryptography. */
#include "test/unit/hip/hip_fixture.h"
#include "test/unit/run.h"

static struct fixture fixture;

static void exchange_between(enum hit_suite initiator, enum hit_suite responder)
{
	struct fixture *f = &fixture;
	struct hip_association_info info;
	size_t a, b, cursor = 0;

	fixture_begin(f);
	a = fixture_add(f, initiator, NULL);
	b = fixture_add(f, responder, NULL);
	fixture_join(f, a, b);
	ck_assert_int_eq(fixture_state(f, a, b), HIP_ESTABLISHED);
	ck_assert(fixture_logged(f, a, "hip.established"));
	ck_assert(fixture_logged(f, b, "hip.established"));
	ck_assert_uint_eq(f->hosts[a].counters.hip_exchanges, 1);
	ck_assert_uint_eq(f->hosts[b].counters.hip_exchanges, 1);
	ck_assert(hip_host_next_association(f->hosts[a].h, f->now, &cursor, &info));
	ck_assert(hit_equal(&info.hit, &f->hosts[b].hit));
	ck_assert(info.initiator);
	ck_assert_uint_eq(info.esp_suite, HOST_ESP_AES_GCM_16);
	ck_assert_uint_eq(info.hip_cipher, HOST_CIPHER_AES_128_CBC);
	ck_assert_uint_eq(info.race_count, 1);
	ck_assert_int_eq(info.data.channel, HIP_CHANNEL_UDP);
	ck_assert(info.i1.us <= info.r1.us && info.r1.us <= info.i2.us && info.i2.us < info.r2.us);
	ck_assert(!hip_host_next_association(f->hosts[a].h, f->now, &cursor, &info));
	cursor = 0;
	ck_assert(hip_host_next_association(f->hosts[b].h, f->now, &cursor, &info));
	ck_assert(!info.initiator);
	fixture_end(f);
}

START_TEST(exchange_completes_between_ecdsa_hosts)
{
	exchange_between(HIT_SUITE_ECDSA, HIT_SUITE_ECDSA);
}
END_TEST

START_TEST(exchange_completes_between_rsa_hosts)
{
	exchange_between(HIT_SUITE_RSA, HIT_SUITE_RSA);
}
END_TEST

START_TEST(exchange_completes_between_ecdsa_and_rsa)
{
	exchange_between(HIT_SUITE_ECDSA, HIT_SUITE_RSA);
	exchange_between(HIT_SUITE_RSA, HIT_SUITE_ECDSA);
}
END_TEST

START_TEST(exchange_completes_with_each_group)
{
	static const uint8_t groups[] = { HOST_DH_MODP_1536, HOST_DH_MODP_3072, HOST_DH_P256, HOST_DH_P384,
					  HOST_DH_P521, HOST_DH_SECP160R1 };
	struct fixture *f = &fixture;
	struct hip_host_options options = { 0 };
	size_t a, b;

	for (size_t i = 0; i < sizeof(groups); i++) {
		fixture_begin(f);
		options.dh_groups[0] = groups[i];
		a = fixture_add(f, HIT_SUITE_ECDSA, NULL);
		b = fixture_add(f, HIT_SUITE_ECDSA, &options);
		fixture_join(f, a, b);
		ck_assert_uint_eq(fixture_association(f, a, b)->dh_group, groups[i]);
		ck_assert_uint_eq(fixture_association(f, b, a)->dh_group, groups[i]);
		fixture_end(f);
	}
}
END_TEST

START_TEST(exchange_takes_the_responders_first_common_group)
{
	struct hip_host_options mine = { .dh_groups = { HOST_DH_P256, HOST_DH_P384 } };
	struct hip_host_options theirs = { .dh_groups = { HOST_DH_P521, HOST_DH_P384, HOST_DH_P256 } };
	struct fixture *f = &fixture;
	size_t a, b;

	fixture_begin(f);
	a = fixture_add(f, HIT_SUITE_ECDSA, &mine);
	b = fixture_add(f, HIT_SUITE_ECDSA, &theirs);
	fixture_join(f, a, b);
	ck_assert_uint_eq(fixture_association(f, a, b)->dh_group, HOST_DH_P384);
	fixture_end(f);
}
END_TEST

START_TEST(exchange_fails_without_a_common_group)
{
	struct hip_host_options mine = { .dh_groups = { HOST_DH_P256 } };
	struct hip_host_options theirs = { .dh_groups = { HOST_DH_P384 } };
	struct fixture *f = &fixture;
	size_t a, b;

	fixture_begin(f);
	a = fixture_add(f, HIT_SUITE_ECDSA, &mine);
	b = fixture_add(f, HIT_SUITE_ECDSA, &theirs);
	fixture_connect(f, a, b);
	ck_assert(!fixture_run_until_established(f, a, b, 60000));
	ck_assert_uint_gt(f->hosts[a].counters.hip_downgrade, 0);
	ck_assert_uint_eq(f->hosts[a].sent[HIP_I2], 0);
	fixture_end(f);
}
END_TEST

/* Loses the first `times` packets of a type. */
struct loss {
	uint8_t type;
	unsigned times;
};

static unsigned lose(void *ctx, struct fixture *f, struct fixture_datagram *d)
{
	struct loss *loss = ctx;
	size_t packet;

	(void)f;
	if (fixture_type(d, &packet) != loss->type || loss->times == 0)
		return 1;
	loss->times--;
	return 0;
}

START_TEST(exchange_recovers_from_every_lost_packet)
{
	struct fixture *f = &fixture;
	struct loss loss;
	size_t a, b;

	for (uint8_t type = HIP_I1; type <= HIP_R2; type++)
		for (unsigned times = 1; times <= 3; times++) {
			fixture_begin(f);
			f->hook = lose;
			f->hook_ctx = &loss;
			loss = (struct loss){ type, times };
			a = fixture_add(f, HIT_SUITE_ECDSA, NULL);
			b = fixture_add(f, HIT_SUITE_ECDSA, NULL);
			fixture_connect(f, a, b);
			/* What R2-SENT is to B is not yet established to A. */
			ck_assert(fixture_run_until_established(f, a, b, 30000));
			ck_assert_uint_eq(f->hosts[a].counters.hip_exchanges, 1);
			ck_assert_uint_eq(f->hosts[b].counters.hip_exchanges, 1);
			ck_assert(f->hosts[a].sent[HIP_I1] > 0 && f->hosts[a].counters.hip_failed == 0);
			fixture_end(f);
		}
}
END_TEST

static unsigned twice(void *ctx, struct fixture *f, struct fixture_datagram *d)
{
	(void)ctx, (void)f, (void)d;
	return 2;
}

START_TEST(exchange_survives_doubled_packets)
{
	struct fixture *f = &fixture;
	size_t a, b;

	fixture_begin(f);
	f->hook = twice;
	a = fixture_add(f, HIT_SUITE_ECDSA, NULL);
	b = fixture_add(f, HIT_SUITE_ECDSA, NULL);
	fixture_join(f, a, b);
	ck_assert_uint_eq(f->hosts[a].counters.hip_exchanges, 1);
	ck_assert_uint_eq(f->hosts[b].counters.hip_exchanges, 1);
	ck_assert_int_eq(fixture_state(f, a, b), HIP_ESTABLISHED);
	fixture_end(f);
}
END_TEST

static int told, told_err;

static void on_connected(void *ctx, struct now now, const struct hit *hit, int err)
{
	(void)ctx, (void)now, (void)hit;
	told++;
	told_err = err;
}

START_TEST(exchange_gives_up_when_nobody_answers)
{
	struct loss loss = { HIP_I1, 1000 };
	struct fixture *f = &fixture;
	struct hip_hint hint = { .locator_count = 1 };
	size_t a, b;

	fixture_begin(f);
	f->hook = lose;
	f->hook_ctx = &loss;
	a = fixture_add(f, HIT_SUITE_ECDSA, NULL);
	b = fixture_add(f, HIT_SUITE_ECDSA, NULL);
	hint.locators[0] = f->hosts[b].at;
	told = 0;
	ck_assert_int_eq(hip_host_connect(f->hosts[a].h, f->now, &f->hosts[b].hit, &hint, on_connected, f), 0);
	ck_assert_int_eq(told, 0);
	fixture_run(f, 120000);
	ck_assert_int_eq(told, 1);
	ck_assert_int_eq(told_err, ERR_REQUEST_TIMEOUT);
	ck_assert_int_eq(fixture_state(f, a, b), HIP_UNASSOCIATED);
	ck_assert_uint_ge(f->hosts[a].sent[HIP_I1], 3);
	ck_assert_uint_le(f->hosts[a].sent[HIP_I1], 1 + HIP_I1_RETRIES_MAX);
	ck_assert_uint_eq(f->hosts[a].counters.hip_failed, 1);
	/* And again, once it is over. */
	loss.times = 0;
	fixture_join(f, a, b);
	fixture_end(f);
}
END_TEST

START_TEST(exchange_gives_up_when_i2_is_not_answered)
{
	struct loss loss = { HIP_I2, 1000 };
	struct fixture *f = &fixture;
	struct hip_hint hint = { .locator_count = 1 };
	size_t a, b;

	fixture_begin(f);
	f->hook = lose;
	f->hook_ctx = &loss;
	a = fixture_add(f, HIT_SUITE_ECDSA, NULL);
	b = fixture_add(f, HIT_SUITE_ECDSA, NULL);
	hint.locators[0] = f->hosts[b].at;
	told = 0;
	ck_assert_int_eq(hip_host_connect(f->hosts[a].h, f->now, &f->hosts[b].hit, &hint, on_connected, f), 0);
	fixture_run(f, 100);
	ck_assert_int_eq(fixture_state(f, a, b), HIP_I2_SENT);
	fixture_run(f, 35000);
	ck_assert_int_eq(fixture_state(f, a, b), HIP_E_FAILED);
	ck_assert_int_eq(told_err, ERR_REQUEST_TIMEOUT);
	ck_assert_uint_eq(f->hosts[a].sent[HIP_I2], HIP_I2_RETRIES_MAX);
	ck_assert_int_eq(fixture_state(f, b, a), HIP_UNASSOCIATED);
	fixture_run(f, HIP_FAILED_S * 1000 + 1);
	ck_assert_int_eq(fixture_state(f, a, b), HIP_UNASSOCIATED);
	fixture_end(f);
}
END_TEST

START_TEST(connect_tells_at_once_what_is_there)
{
	struct fixture *f = &fixture;
	size_t a, b;

	fixture_begin(f);
	a = fixture_add(f, HIT_SUITE_ECDSA, NULL);
	b = fixture_add(f, HIT_SUITE_ECDSA, NULL);
	fixture_join(f, a, b);
	told = 0;
	ck_assert_int_eq(hip_host_connect(f->hosts[b].h, f->now, &f->hosts[a].hit, NULL, on_connected, f), 0);
	ck_assert_int_eq(told, 1);
	ck_assert_int_eq(told_err, 0);
	fixture_end(f);
}
END_TEST

START_TEST(connect_refuses_what_is_no_peer)
{
	static const struct hit none;
	struct fixture *f = &fixture;
	struct hit hit;
	size_t a;

	fixture_begin(f);
	a = fixture_add(f, HIT_SUITE_ECDSA, NULL);
	ck_assert_int_eq(hip_host_connect(f->hosts[a].h, f->now, &none, NULL, NULL, NULL), ERR_MALFORMED);
	ck_assert_int_eq(hip_host_connect(f->hosts[a].h, f->now, &f->hosts[a].hit, NULL, NULL, NULL), ERR_MALFORMED);
	ck_assert_int_eq(hit_parse("2001:10::1", &hit), 0);
	ck_assert_int_eq(hip_host_connect(f->hosts[a].h, f->now, &hit, NULL, NULL, NULL), ERR_MALFORMED);
	/* Somebody, but no way there. */
	ck_assert_int_eq(hit_parse("2001:22::1", &hit), 0);
	told = 0;
	ck_assert_int_eq(hip_host_connect(f->hosts[a].h, f->now, &hit, NULL, on_connected, f), 0);
	fixture_run(f, 1000);
	ck_assert_int_eq(told, 1);
	ck_assert_int_eq(told_err, ERR_NOT_FOUND);
	fixture_end(f);
}
END_TEST

START_TEST(forgotten_callers_are_not_called)
{
	struct fixture *f = &fixture;
	struct hip_hint hint = { .locator_count = 1 };
	size_t a, b;

	fixture_begin(f);
	a = fixture_add(f, HIT_SUITE_ECDSA, NULL);
	b = fixture_add(f, HIT_SUITE_ECDSA, NULL);
	hint.locators[0] = f->hosts[b].at;
	told = 0;
	ck_assert_int_eq(hip_host_connect(f->hosts[a].h, f->now, &f->hosts[b].hit, &hint, on_connected, f), 0);
	ck_assert_int_eq(hip_host_connect(f->hosts[a].h, f->now, &f->hosts[b].hit, &hint, on_connected, &told), 0);
	hip_host_forget(f->hosts[a].h, &told);
	fixture_run(f, 1000);
	ck_assert_int_eq(told, 1);
	fixture_end(f);
}
END_TEST

/* Forgets the next one, closes, and calls anew: all from within the call. */
static void on_failed(void *ctx, struct now now, const struct hit *hit, int err)
{
	struct fixture *f = ctx;
	struct hit whom = *hit;

	told++;
	told_err = err;
	hip_host_forget(f->hosts[0].h, &told);
	hip_host_close(f->hosts[0].h, now, &whom);
	ck_assert_int_eq(hip_host_connect(f->hosts[0].h, now, &whom, &(struct hip_hint){
		.locators = { f->hosts[1].at }, .locator_count = 1 }, on_connected, f), 0);
}

START_TEST(callers_may_do_anything_when_told)
{
	struct loss loss = { HIP_I2, 1000 };
	struct fixture *f = &fixture;
	struct hip_hint hint = { .locator_count = 1 };
	size_t a, b;

	fixture_begin(f);
	f->hook = lose;
	f->hook_ctx = &loss;
	a = fixture_add(f, HIT_SUITE_ECDSA, NULL);
	b = fixture_add(f, HIT_SUITE_ECDSA, NULL);
	hint.locators[0] = f->hosts[b].at;
	told = 0;
	ck_assert_int_eq(hip_host_connect(f->hosts[a].h, f->now, &f->hosts[b].hit, &hint, on_failed, f), 0);
	ck_assert_int_eq(hip_host_connect(f->hosts[a].h, f->now, &f->hosts[b].hit, &hint, on_connected, &told), 0);
	fixture_run(f, 35000);
	ck_assert_int_eq(told, 1);
	ck_assert_int_eq(told_err, ERR_REQUEST_TIMEOUT);
	loss.times = 0;
	ck_assert(fixture_run_until_established(f, a, b, 10000));
	ck_assert_int_eq(told, 2);
	ck_assert_int_eq(told_err, 0);
	fixture_end(f);
}
END_TEST

static bool contains(struct slice bytes, struct slice part)
{
	return memmem(bytes.data, bytes.len, part.data, part.len) != NULL;
}

START_TEST(i2_hides_who_calls)
{
	struct fixture *f = &fixture;
	struct slice identity;
	size_t a, b;

	fixture_begin(f);
	a = fixture_add(f, HIT_SUITE_ECDSA, NULL);
	b = fixture_add(f, HIT_SUITE_ECDSA, NULL);
	fixture_join(f, a, b);
	identity = f->hosts[a].h->identity;
	ck_assert(!contains(fixture_sent(f, a, HIP_I2), slice_of(identity.data + 8, 32)));
	identity = f->hosts[b].h->identity;
	ck_assert(contains(fixture_sent(f, b, HIP_R1), slice_of(identity.data + 8, 32)));
	fixture_end(f);
}
END_TEST

START_TEST(both_ends_hold_the_same_keys)
{
	struct fixture *f = &fixture;
	const struct hip_association *x, *y;
	size_t a, b;

	fixture_begin(f);
	a = fixture_add(f, HIT_SUITE_ECDSA, NULL);
	b = fixture_add(f, HIT_SUITE_RSA, NULL);
	fixture_join(f, a, b);
	x = fixture_association(f, a, b);
	y = fixture_association(f, b, a);
	ck_assert_uint_eq(x->keys.mac_len, 32); /* RHASH is that of the Responder's HIT */
	ck_assert_int_eq(x->keys.rhash, HIT_SUITE_RSA);
	ck_assert_mem_eq(x->keys.mac_out, y->keys.mac_in, 32);
	ck_assert_mem_eq(x->keys.mac_in, y->keys.mac_out, 32);
	ck_assert_mem_eq(x->keys.cipher_out, y->keys.cipher_in, 16);
	ck_assert_mem_eq(x->keys.keymat, y->keys.keymat, HIP_KEYMAT_MAX);
	ck_assert_uint_eq(x->in.spi, y->out.spi);
	ck_assert_uint_eq(x->out.spi, y->in.spi);
	ck_assert_uint_ge(x->keys.keymat_used, 2 * (16 + 32));
	fixture_end(f);
}
END_TEST

START_TEST(hard_puzzles_are_solved_in_steps)
{
	struct hip_host_options options = { .puzzle_k_unknown = 16 };
	struct fixture *f = &fixture;
	size_t a, b;

	fixture_begin(f);
	a = fixture_add(f, HIT_SUITE_ECDSA, NULL);
	b = fixture_add(f, HIT_SUITE_ECDSA, &options);
	fixture_join(f, a, b);
	fixture_end(f);
}
END_TEST

START_TEST(puzzles_beyond_the_limit_are_not_solved)
{
	struct hip_host_options options = { .puzzle_k_unknown = 60 };
	struct fixture *f = &fixture;
	size_t a, b;

	fixture_begin(f);
	a = fixture_add(f, HIT_SUITE_ECDSA, NULL);
	b = fixture_add(f, HIT_SUITE_ECDSA, &options);
	fixture_connect(f, a, b);
	fixture_run(f, 500);
	ck_assert_int_eq(fixture_state(f, a, b), HIP_I1_SENT);
	ck_assert(fixture_logged(f, a, "puzzle-too-hard"));
	ck_assert_uint_eq(f->hosts[a].sent[HIP_I2], 0);
	fixture_end(f);
}
END_TEST

int main(void)
{
	return RUN_TESTS("hip exchange", exchange_completes_between_ecdsa_hosts, exchange_completes_between_rsa_hosts,
			 exchange_completes_between_ecdsa_and_rsa, exchange_completes_with_each_group,
			 exchange_takes_the_responders_first_common_group, exchange_fails_without_a_common_group,
			 exchange_recovers_from_every_lost_packet, exchange_survives_doubled_packets,
			 exchange_gives_up_when_nobody_answers, exchange_gives_up_when_i2_is_not_answered,
			 connect_tells_at_once_what_is_there, connect_refuses_what_is_no_peer,
			 forgotten_callers_are_not_called, callers_may_do_anything_when_told,
			 i2_hides_who_calls, both_ends_hold_the_same_keys,
			 hard_puzzles_are_solved_in_steps, puzzles_beyond_the_limit_are_not_solved);
}
