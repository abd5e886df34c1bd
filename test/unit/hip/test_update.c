/* SPDX-License-Identifier: MIT */
/* UPDATE between two hosts: order, repetition, forgery, and new SAs under traffic. */
#include <stdio.h>

#include "test/unit/hip/hip_fixture.h"
#include "test/unit/run.h"
#include "usage/hip/hip_update.h"

static struct fixture fixture;

/* What the wire does to UPDATEs. */
struct wire {
	unsigned lose;      /* so many of the next ones */
	unsigned copies;    /* of each other one; 0: one */
	size_t seen;
	bool loses_all;
	struct fixture_datagram last[2]; /* the last one sent by each host */
};
static struct wire wire;

static unsigned wire_hook(void *ctx, struct fixture *f, struct fixture_datagram *d)
{
	size_t packet;

	(void)ctx;
	(void)f;
	if (fixture_type(d, &packet) != HIP_UPDATE)
		return 1;
	wire.seen++;
	wire.last[d->from] = *d;
	if (wire.loses_all)
		return 0;
	if (wire.lose > 0) {
		wire.lose--;
		return 0;
	}
	return wire.copies == 0 ? 1 : wire.copies;
}

static void pair_begin(struct fixture *f)
{
	fixture_begin(f);
	wire = (struct wire){ 0 };
	fixture_add(f, HIT_SUITE_ECDSA, NULL);
	fixture_add(f, HIT_SUITE_ECDSA, NULL);
	fixture_join(f, 0, 1);
	fixture_run(f, 12000); /* R2-SENT is over */
	ck_assert_int_eq(fixture_state(f, 1, 0), HIP_ESTABLISHED);
	f->hook = wire_hook;
}

static struct hip_association *end_of(struct fixture *f, size_t i)
{
	return fixture_association(f, i, 1 - i);
}

/* 50 packets a second both ways. */
static size_t talk(struct fixture *f, unsigned ms)
{
	static const uint8_t voice[172];
	struct slice part = slice_of(voice, sizeof(voice));
	size_t count = 0;

	for (unsigned t = 0; t < ms; t += 20, count++) {
		for (size_t i = 0; i < 2; i++)
			ck_assert_int_eq(hip_host_send(f->hosts[i].h, f->now, &f->hosts[1 - i].hit, 17, &part, 1), 0);
		fixture_drain(f);
		fixture_run(f, 20);
	}
	return count;
}

static void ck_rekeyed(struct fixture *f, uint32_t times)
{
	const struct hip_association *x = end_of(f, 0), *y = end_of(f, 1);

	ck_assert_uint_eq(x->rekeys, times);
	ck_assert_uint_eq(y->rekeys, times);
	ck_assert_uint_eq(x->in.spi, y->out.spi);
	ck_assert_uint_eq(y->in.spi, x->out.spi);
	ck_assert(!x->update->rekey.is_busy && !y->update->rekey.is_busy);
	ck_assert(x->update->sent == NULL && y->update->sent == NULL);
	ck_assert_mem_eq(x->keys.keymat, y->keys.keymat, sizeof(x->keys.keymat));
	ck_assert_uint_eq(x->keys.keymat_used, y->keys.keymat_used);
}

static void rekey_with(bool with_dh, unsigned both, unsigned lose, unsigned copies)
{
	struct fixture *f = &fixture;
	uint32_t spi_in, spi_out;
	size_t sent;

	pair_begin(f);
	spi_in = end_of(f, 0)->in.spi;
	spi_out = end_of(f, 0)->out.spi;
	wire.lose = lose;
	wire.copies = copies;
	sent = talk(f, 100);
	hip_rekey_begin(end_of(f, 0), f->now, with_dh);
	if (both > 0)
		hip_rekey_begin(end_of(f, 1), f->now, both > 1);
	sent += talk(f, 6000);
	fixture_run(f, 100);
	ck_rekeyed(f, 1);
	ck_assert_uint_ne(end_of(f, 0)->in.spi, spi_in);
	ck_assert_uint_ne(end_of(f, 0)->out.spi, spi_out);
	for (size_t i = 0; i < 2; i++) {
		ck_assert_uint_eq(f->hosts[i].payloads, sent);
		if (copies == 0)
			ck_assert_uint_eq(f->hosts[i].counters.hip_stray, 0);
		ck_assert_uint_eq(f->hosts[i].counters.esp_refused, 0);
		ck_assert(end_of(f, i)->in_old.key == NULL);
		ck_assert_uint_eq(map_count(f->hosts[i].h->spis), 1);
	}
	fixture_end(f);
}

START_TEST(rekey_loses_nothing_under_traffic)
{
	rekey_with(true, 0, 0, 0);
	rekey_with(false, 0, 0, 0);
}
END_TEST

START_TEST(rekey_from_both_ends_at_once_is_one)
{
	rekey_with(true, 2, 0, 0);
	rekey_with(false, 1, 0, 0);
}
END_TEST

START_TEST(rekey_survives_losses_and_repetitions)
{
	for (unsigned lose = 1; lose < 4; lose++) {
		rekey_with(true, 0, lose, 0);
		rekey_with(false, 1, lose, 2);
	}
	rekey_with(true, 0, 0, 3);
}
END_TEST

START_TEST(rekeys_follow_one_another_beyond_keymat)
{
	struct fixture *f = &fixture;

	pair_begin(f);
	for (uint32_t i = 1; i <= 30; i++) {
		hip_rekey_begin(end_of(f, i % 2), f->now, i % 7 == 0);
		(void)talk(f, 400);
		ck_rekeyed(f, i);
		/* Who asks all the time is not always answered. */
		fixture_run(f, 1000 * HIP_REKEY_ANSWERS_S);
	}
	fixture_end(f);
}
END_TEST

START_TEST(rekeys_asked_for_without_end_are_limited)
{
	struct fixture *f = &fixture;
	size_t heard;

	pair_begin(f);
	for (int i = 0; i < HIP_REKEY_ANSWERS_MAX; i++) {
		hip_rekey_begin(end_of(f, 0), f->now, false);
		(void)talk(f, 400);
	}
	ck_rekeyed(f, HIP_REKEY_ANSWERS_MAX);
	ck_assert_uint_eq(f->hosts[1].counters.hip_limit, 0);
	hip_rekey_begin(end_of(f, 0), f->now, false);
	heard = f->hosts[1].payloads;
	heard += talk(f, 400);
	ck_assert_uint_eq(end_of(f, 1)->rekeys, HIP_REKEY_ANSWERS_MAX);
	ck_assert_uint_ge(f->hosts[1].counters.hip_limit, 1);
	ck_assert_uint_eq(f->hosts[1].payloads, heard);
	fixture_end(f);
}
END_TEST

START_TEST(rekey_begins_before_the_sequence_ends)
{
	struct fixture *f = &fixture;
	size_t sent;

	pair_begin(f);
	end_of(f, 0)->out.sequence = ESP_SEQUENCE_REKEY - 10;
	end_of(f, 1)->in.sequence = ESP_SEQUENCE_REKEY - 10;
	sent = talk(f, 1000);
	fixture_run(f, 100);
	ck_rekeyed(f, 1);
	ck_assert_uint_eq(f->hosts[1].payloads, sent);
	ck_assert_uint_lt(end_of(f, 0)->out.sequence, 100);
	fixture_end(f);
}
END_TEST

START_TEST(one_new_value_makes_a_keymat_with_the_old_one)
{
	struct fixture *f = &fixture;
	struct hip_association *a;

	/* The Initiator keeps its value: it asks without, the other end answers without, though one of them is new. */
	pair_begin(f);
	a = end_of(f, 0);
	ck_assert_ptr_nonnull(a->dh);
	ck_assert_uint_gt(a->peer_dh_len, 0);
	ck_assert_uint_gt(end_of(f, 1)->peer_dh_len, 0);
	/* Crossing requests, of which only the Responder's has a value. */
	hip_rekey_begin(end_of(f, 0), f->now, false);
	hip_rekey_begin(end_of(f, 1), f->now, true);
	(void)talk(f, 1000);
	ck_rekeyed(f, 1);
	fixture_end(f);
}
END_TEST

START_TEST(repeated_updates_are_acknowledged_but_not_handled_again)
{
	struct fixture *f = &fixture;
	size_t before;

	pair_begin(f);
	hip_update_readdress(end_of(f, 0), f->now);
	fixture_run(f, 1000);
	ck_assert(end_of(f, 0)->update->sent == NULL);
	before = f->hosts[1].sent[HIP_UPDATE];
	for (int i = 0; i < 30; i++) {
		struct fixture_datagram *d = &wire.last[0];

		hip_host_datagram(f->hosts[1].h, f->now, &d->path, false, slice_of(d->bytes, d->len));
		fixture_drain(f);
	}
	/* Within bounds (6.12.1 step 2). */
	ck_assert_uint_eq(f->hosts[1].sent[HIP_UPDATE] - before, HIP_UPDATE_AGAIN_MAX);
	ck_assert_uint_eq(f->hosts[1].counters.hip_replayed, 30);
	ck_assert_uint_eq(end_of(f, 1)->update->peer_next, 1);
	fixture_end(f);
}
END_TEST

START_TEST(update_ids_are_taken_out_of_order_and_around_the_end)
{
	struct fixture *f = &fixture;

	pair_begin(f);
	hip_update_of(end_of(f, 0))->next_id = UINT32_MAX - 3;
	hip_update_of(end_of(f, 1))->peer_next = UINT32_MAX - 3;
	for (int i = 0; i < 10; i++) {
		hip_update_readdress(end_of(f, 0), f->now);
		fixture_run(f, 200);
		ck_assert(end_of(f, 0)->update->sent == NULL);
	}
	ck_assert_uint_eq(end_of(f, 1)->update->peer_next, 6);
	/* Far beyond the window: dropped. */
	end_of(f, 0)->update->next_id = 6 + HIP_UPDATE_WINDOW;
	hip_update_readdress(end_of(f, 0), f->now);
	fixture_run(f, 100);
	ck_assert_uint_eq(end_of(f, 1)->update->peer_next, 6);
	ck_assert_uint_gt(f->hosts[1].counters.hip_stray, 0);
	fixture_end(f);
}
END_TEST

static void ck_update_refused(struct fixture *f, size_t at, uint8_t bit, const char *why)
{
	struct fixture_datagram d = wire.last[0];
	struct hip_association before = *end_of(f, 1);
	uint32_t next = end_of(f, 1)->update->peer_next;

	d.bytes[at] ^= bit;
	hip_host_datagram(f->hosts[1].h, f->now, &d.path, false, slice_of(d.bytes, d.len));
	fixture_drain(f);
	ck_assert(why == NULL || fixture_logged(f, 1, why));
	ck_assert_msg(end_of(f, 1)->update->peer_next == next, "byte %zu", at);
	ck_assert(hip_path_equal(&end_of(f, 1)->data, &before.data));
	ck_assert(hip_path_equal(&end_of(f, 1)->control, &before.control));
	ck_assert_uint_eq(end_of(f, 1)->in.spi, before.in.spi);
	ck_assert(!end_of(f, 1)->update->rekey.is_busy);
}

START_TEST(false_updates_change_nothing)
{
	struct fixture *f = &fixture;
	struct hip_packet p;
	struct hip_parameter x;
	struct fixture_datagram *d = &wire.last[0];

	pair_begin(f);
	wire.loses_all = true;
	hip_rekey_begin(end_of(f, 0), f->now, true);
	fixture_drain(f);
	ck_assert_int_eq(hip_packet_get(slice_of(d->bytes + 4, d->len - 4), &p), 0);
	(void)hip_update_of(end_of(f, 1));
	ck_assert(hip_parameter_find(&p, HIP_PARAMETER_HIP_MAC, &x));
	ck_update_refused(f, 4 + x.at + 10, 1, "why=mac");
	ck_assert(hip_parameter_find(&p, HIP_PARAMETER_ESP_INFO, &x));
	ck_update_refused(f, 4 + x.at + 9, 1, NULL);
	ck_assert(hip_parameter_find(&p, HIP_PARAMETER_HIP_SIGNATURE, &x));
	ck_update_refused(f, 4 + x.at + 20, 1, "why=signature");
	ck_assert_uint_gt(f->hosts[1].counters.hip_signature + f->hosts[1].counters.errors[ERR_INDEX_SIGNATURE], 0);
	for (size_t at = 4; at < 4 + x.at + 4 + x.contents.len; at++) /* up to the last padding */
		if (at != 8 && at != 9) /* the checksum, which UDP has of its own */
			ck_update_refused(f, at, 0x80, NULL);
	wire.loses_all = false;
	(void)talk(f, 2000);
	ck_rekeyed(f, 1);
	fixture_end(f);
}
END_TEST

START_TEST(association_without_answers_is_closed)
{
	struct fixture *f = &fixture;

	pair_begin(f);
	wire.loses_all = true;
	hip_update_readdress(end_of(f, 0), f->now);
	fixture_run(f, 20000);
	ck_assert_int_eq(fixture_state(f, 0, 1), HIP_ESTABLISHED);
	fixture_run(f, 15000);
	ck_assert_int_ne(fixture_state(f, 0, 1), HIP_ESTABLISHED);
	ck_assert(fixture_logged(f, 0, "hip.update.failed"));
	fixture_end(f);
}
END_TEST

START_TEST(rekey_that_nobody_answers_is_given_up)
{
	struct fixture *f = &fixture;

	pair_begin(f);
	/* The other end acknowledges but says nothing of its own (7402 6.8 step 5). */
	hip_rekey_begin(end_of(f, 0), f->now, false);
	hip_update_drop(end_of(f, 0)->update, end_of(f, 0)->update->sent);
	while (f->hosts[0].h->first != NULL)
		(void)hip_host_next_effect(f->hosts[0].h);
	(void)hip_host_next_effect(f->hosts[0].h);
	hip_rekey_acked(end_of(f, 0), f->now);
	(void)talk(f, 6000);
	ck_assert(fixture_logged(f, 0, "hip.rekey.failed"));
	ck_assert(!end_of(f, 0)->update->rekey.is_busy);
	hip_rekey_begin(end_of(f, 0), f->now, false);
	(void)talk(f, 1000);
	ck_rekeyed(f, 1);
	fixture_end(f);
}
END_TEST

int main(void)
{
	return RUN_TESTS("hip update", rekey_loses_nothing_under_traffic, rekey_from_both_ends_at_once_is_one,
			 rekey_survives_losses_and_repetitions, rekeys_follow_one_another_beyond_keymat,
			 rekeys_asked_for_without_end_are_limited,
			 rekey_begins_before_the_sequence_ends, one_new_value_makes_a_keymat_with_the_old_one,
			 repeated_updates_are_acknowledged_but_not_handled_again,
			 update_ids_are_taken_out_of_order_and_around_the_end, false_updates_change_nothing,
			 association_without_answers_is_closed, rekey_that_nobody_answers_is_given_up);
}
