/* SPDX-License-Identifier: MIT */
/* The state machine beyond one plain exchange (RFC 7401 4.4.3): crossing packets, lost state, CLOSE, NOTIFY, and every
 * packet in every state. */
#include "test/unit/hip/hip_fixture.h"
#include "test/unit/run.h"

static struct fixture fixture;
static uint8_t lost;

static unsigned lose_type(void *ctx, struct fixture *f, struct fixture_datagram *d)
{
	size_t packet;

	(void)ctx, (void)f;
	return fixture_type(d, &packet) == lost ? 0 : 1;
}

/* Two hosts; the first has the smaller HIT. */
static struct fixture *pair_begin(void)
{
	struct fixture *f = &fixture;
	struct fixture_host x;

	fixture_begin(f);
	lost = 0xff;
	f->hook = lose_type;
	fixture_add(f, HIT_SUITE_ECDSA, NULL);
	fixture_add(f, HIT_SUITE_ECDSA, NULL);
	if (hit_compare(&f->hosts[0].hit, &f->hosts[1].hit) < 0)
		return f;
	/* The keys change places. */
	hip_host_free(f->hosts[0].h);
	hip_host_free(f->hosts[1].h);
	x = f->hosts[0];
	f->hosts[0].provider = f->hosts[1].provider;
	f->hosts[1].provider = x.provider;
	for (size_t i = 0; i < 2; i++) {
		f->hosts[i].options.security = host_provider_port(f->hosts[i].provider);
		ck_assert_int_eq(hip_host_new(&f->hosts[i].h, &f->hosts[i].options), 0);
		f->hosts[i].hit = *hip_host_hit(f->hosts[i].h);
	}
	return f;
}

static size_t take(const struct fixture *f, size_t from, uint8_t type, uint8_t packet[HIP_PACKET_MAX])
{
	struct slice bytes = fixture_sent(f, from, type);

	memcpy(packet, bytes.data, bytes.len);
	return bytes.len;
}

static void put(struct fixture *f, size_t to, const uint8_t *packet, size_t len)
{
	fixture_inject(f, to, &f->hosts[1 - to].at, slice_of(packet, len));
}

/* ---- Crossing ---- */

START_TEST(crossing_i1s_make_one_association)
{
	struct fixture *f = pair_begin();
	const struct hip_association *x, *y;

	fixture_connect(f, 0, 1);
	fixture_connect(f, 1, 0);
	ck_assert(fixture_run_until_established(f, 0, 1, 10000));
	fixture_run(f, 20000);
	x = fixture_association(f, 0, 1);
	y = fixture_association(f, 1, 0);
	/* The smaller HIT dropped the other's I1, the greater one answered. */
	ck_assert_uint_eq(f->hosts[0].sent[HIP_R1], 0);
	ck_assert(x->initiator && !y->initiator);
	ck_assert_int_eq(x->state, HIP_ESTABLISHED);
	ck_assert_int_eq(y->state, HIP_ESTABLISHED);
	ck_assert_uint_eq(x->in.spi, y->out.spi);
	ck_assert_mem_eq(x->keys.keymat, y->keys.keymat, HIP_KEYMAT_MAX);
	fixture_end(f);
}
END_TEST

START_TEST(crossing_i2s_are_settled_by_comparison)
{
	struct fixture *f = pair_begin();
	const struct hip_association *x, *y;

	/* The greater HIT gets its R1 before the smaller one calls: both come to I2-SENT. */
	lost = HIP_I2;
	fixture_connect(f, 1, 0);
	fixture_run(f, 100);
	ck_assert_int_eq(fixture_state(f, 1, 0), HIP_I2_SENT);
	fixture_connect(f, 0, 1);
	fixture_run(f, 100);
	ck_assert_int_eq(fixture_state(f, 0, 1), HIP_I2_SENT);
	ck_assert_int_eq(fixture_state(f, 1, 0), HIP_I2_SENT);
	lost = 0xff;
	ck_assert(fixture_run_until_established(f, 0, 1, 10000));
	fixture_run(f, 20000);
	x = fixture_association(f, 0, 1);
	y = fixture_association(f, 1, 0);
	ck_assert_uint_eq(f->hosts[0].sent[HIP_R2], 0);
	ck_assert(x->initiator && !y->initiator);
	ck_assert_uint_eq(x->in.spi, y->out.spi);
	ck_assert_uint_eq(x->out.spi, y->in.spi);
	ck_assert_mem_eq(x->keys.keymat, y->keys.keymat, HIP_KEYMAT_MAX);
	fixture_end(f);
}
END_TEST

START_TEST(i2_ends_the_waiting_for_an_r1)
{
	struct fixture *f = pair_begin();

	/* The second one's I1s get lost; the first one calls it all the same. */
	lost = HIP_I1;
	fixture_connect(f, 1, 0);
	fixture_run(f, 100);
	ck_assert_int_eq(fixture_state(f, 1, 0), HIP_I1_SENT);
	lost = 0xff;
	fixture_connect(f, 0, 1);
	ck_assert(fixture_run_until_established(f, 0, 1, 500));
	fixture_run(f, 30000);
	ck_assert_uint_eq(f->hosts[1].sent[HIP_I1], 1);
	ck_assert(!fixture_association(f, 1, 0)->initiator);
	fixture_end(f);
}
END_TEST

/* ---- Lost state ---- */

START_TEST(restarted_initiator_gets_a_new_association)
{
	struct fixture *f = pair_begin();
	uint32_t spi;

	fixture_join(f, 0, 1);
	spi = fixture_association(f, 1, 0)->in.spi;
	fixture_restart(f, 0);
	fixture_run(f, 2000);
	ck_assert_int_eq(fixture_state(f, 1, 0), HIP_R2_SENT);
	/* The old association stays until a good I2 comes (4.5.4). */
	lost = HIP_I2;
	fixture_connect(f, 0, 1);
	fixture_run(f, 200);
	ck_assert_uint_eq(fixture_association(f, 1, 0)->in.spi, spi);
	lost = 0xff;
	ck_assert(fixture_run_until_established(f, 0, 1, 10000));
	fixture_run(f, 20000);
	ck_assert_uint_ne(fixture_association(f, 1, 0)->in.spi, spi);
	ck_assert_uint_eq(fixture_association(f, 1, 0)->in.spi, fixture_association(f, 0, 1)->out.spi);
	ck_assert_uint_eq(f->hosts[1].counters.hip_exchanges, 2);
	fixture_end(f);
}
END_TEST

START_TEST(restarted_responder_is_called_anew)
{
	struct fixture *f = pair_begin();

	fixture_join(f, 0, 1);
	fixture_restart(f, 1);
	/* It calls; the one with state answers, and renews at its I2. */
	fixture_join(f, 1, 0);
	fixture_run(f, 20000);
	ck_assert_uint_eq(fixture_association(f, 1, 0)->in.spi, fixture_association(f, 0, 1)->out.spi);
	ck_assert(!fixture_association(f, 0, 1)->initiator);
	fixture_end(f);
}
END_TEST

/* ---- CLOSE ---- */

static void close_by(size_t closer)
{
	struct fixture *f = pair_begin();
	size_t other = 1 - closer;

	fixture_join(f, 0, 1);
	hip_host_close(f->hosts[closer].h, f->now, &f->hosts[other].hit);
	ck_assert_int_eq(fixture_state(f, closer, other), HIP_CLOSING);
	ck_assert(!hip_host_is_established(f->hosts[closer].h, &f->hosts[other].hit));
	fixture_run(f, 50);
	ck_assert_int_eq(fixture_state(f, closer, other), HIP_UNASSOCIATED);
	ck_assert_int_eq(fixture_state(f, other, closer), HIP_CLOSED);
	ck_assert_uint_eq(map_count(f->hosts[other].h->spis), 0);
	fixture_run(f, HIP_CLOSED_S * 1000 + 1);
	ck_assert_int_eq(fixture_state(f, other, closer), HIP_UNASSOCIATED);
	fixture_end(f);
}

START_TEST(close_ends_both_ends)
{
	close_by(0);
	close_by(1);
}
END_TEST

START_TEST(close_is_repeated_and_answered_again)
{
	struct fixture *f = pair_begin();

	fixture_join(f, 0, 1);
	lost = HIP_CLOSE_ACK;
	hip_host_close(f->hosts[0].h, f->now, &f->hosts[1].hit);
	fixture_run(f, 5000);
	ck_assert_uint_ge(f->hosts[0].sent[HIP_CLOSE], 3);
	ck_assert_uint_eq(f->hosts[0].sent[HIP_CLOSE], f->hosts[1].sent[HIP_CLOSE_ACK]);
	ck_assert_int_eq(fixture_state(f, 0, 1), HIP_CLOSING);
	lost = 0xff;
	fixture_run(f, 10000);
	ck_assert_int_eq(fixture_state(f, 0, 1), HIP_UNASSOCIATED);
	fixture_end(f);
}
END_TEST

START_TEST(crossing_closes_end_both)
{
	struct fixture *f = pair_begin();

	fixture_join(f, 0, 1);
	hip_host_close(f->hosts[0].h, f->now, &f->hosts[1].hit);
	hip_host_close(f->hosts[1].h, f->now, &f->hosts[0].hit);
	fixture_run(f, 15);
	ck_assert_int_eq(fixture_state(f, 0, 1), HIP_CLOSED);
	ck_assert_int_eq(fixture_state(f, 1, 0), HIP_CLOSED);
	fixture_run(f, 50);
	ck_assert_int_eq(fixture_state(f, 0, 1), HIP_UNASSOCIATED);
	ck_assert_int_eq(fixture_state(f, 1, 0), HIP_UNASSOCIATED);
	fixture_end(f);
}
END_TEST

START_TEST(close_that_is_forged_or_old_ends_nothing)
{
	struct fixture *f = pair_begin();
	uint8_t packet[HIP_PACKET_MAX];
	size_t len;

	fixture_join(f, 0, 1);
	lost = HIP_CLOSE;
	hip_host_close(f->hosts[0].h, f->now, &f->hosts[1].hit);
	fixture_drain(f);
	len = take(f, 0, HIP_CLOSE, packet);
	for (size_t at = HIP_HEADER_LENGTH; at < len - 2; at++) {
		packet[at] ^= 1;
		put(f, 1, packet, len);
		ck_assert(hip_host_is_established(f->hosts[1].h, &f->hosts[0].hit));
		packet[at] ^= 1;
	}
	/* After a new exchange, the old one's CLOSE has no key any more. */
	fixture_restart(f, 0);
	lost = 0xff;
	fixture_join(f, 0, 1);
	put(f, 1, packet, len);
	ck_assert(hip_host_is_established(f->hosts[1].h, &f->hosts[0].hit));
	fixture_end(f);
}
END_TEST

START_TEST(close_ack_has_to_echo)
{
	struct fixture *f = pair_begin();
	uint8_t packet[HIP_PACKET_MAX], *echo;
	size_t len, size;

	fixture_join(f, 0, 1);
	lost = HIP_CLOSE_ACK;
	hip_host_close(f->hosts[0].h, f->now, &f->hosts[1].hit);
	fixture_run(f, 50);
	len = take(f, 1, HIP_CLOSE_ACK, packet);
	echo = fixture_parameter(packet, len, HIP_PARAMETER_ECHO_RESPONSE_SIGNED, &size);
	echo[0] ^= 1;
	len = fixture_reseal(f, 1, 0, packet, len);
	put(f, 0, packet, len);
	ck_assert_int_eq(fixture_state(f, 0, 1), HIP_CLOSING);
	ck_assert(fixture_logged(f, 0, "why=echo"));
	fixture_end(f);
}
END_TEST

START_TEST(unused_association_is_closed)
{
	struct fixture *f = pair_begin();

	fixture_join(f, 0, 1);
	fixture_run(f, 890 * 1000);
	ck_assert_int_eq(fixture_state(f, 0, 1), HIP_ESTABLISHED);
	fixture_run(f, 30 * 1000);
	ck_assert(!hip_host_is_established(f->hosts[0].h, &f->hosts[1].hit));
	ck_assert(!hip_host_is_established(f->hosts[1].h, &f->hosts[0].hit));
	fixture_run(f, 100 * 1000);
	ck_assert_int_eq(fixture_state(f, 0, 1), HIP_UNASSOCIATED);
	ck_assert_int_eq(fixture_state(f, 1, 0), HIP_UNASSOCIATED);
	fixture_end(f);
}
END_TEST

START_TEST(closed_and_closing_begin_anew)
{
	struct fixture *f = pair_begin();

	fixture_join(f, 0, 1);
	lost = HIP_CLOSE_ACK;
	hip_host_close(f->hosts[0].h, f->now, &f->hosts[1].hit);
	fixture_run(f, 50);
	ck_assert_int_eq(fixture_state(f, 0, 1), HIP_CLOSING);
	ck_assert_int_eq(fixture_state(f, 1, 0), HIP_CLOSED);
	lost = 0xff;
	/* CLOSED: stays so until the R1 (table 8). */
	fixture_connect(f, 1, 0);
	ck_assert_int_eq(fixture_state(f, 1, 0), HIP_CLOSED);
	ck_assert(fixture_run_until_established(f, 0, 1, 5000));
	fixture_run(f, 1000);
	/* CLOSING: I1-SENT at once (table 7). */
	lost = HIP_CLOSE;
	hip_host_close(f->hosts[0].h, f->now, &f->hosts[1].hit);
	fixture_connect(f, 0, 1);
	ck_assert_int_eq(fixture_state(f, 0, 1), HIP_I1_SENT);
	ck_assert(fixture_run_until_established(f, 0, 1, 5000));
	fixture_end(f);
}
END_TEST

START_TEST(stopping_host_closes_all)
{
	struct fixture *f = pair_begin();
	struct usage port = hip_host_port(f->hosts[0].h);

	fixture_join(f, 0, 1);
	port.ops->stop(port.ctx, f->now, NULL, NULL);
	fixture_run(f, 100);
	ck_assert_int_eq(fixture_state(f, 0, 1), HIP_UNASSOCIATED);
	ck_assert_int_eq(fixture_state(f, 1, 0), HIP_CLOSED);
	fixture_end(f);
}
END_TEST

/* ---- NOTIFY ---- */

START_TEST(notify_changes_no_state)
{
	static const uint16_t types[] = { HIP_INVALID_SYNTAX, HIP_NO_DH_PROPOSAL_CHOSEN, HIP_AUTHENTICATION_FAILED,
					  HIP_BLOCKED_BY_POLICY, HIP_RESPONDER_BUSY_PLEASE_RETRY,
					  HIP_I2_ACKNOWLEDGEMENT, HIP_NAT_KEEPALIVE, 9999, 55555 };
	struct hip_path path = { .channel = HIP_CHANNEL_UDP };
	struct fixture *f = pair_begin();
	enum hip_state state;

	fixture_connect(f, 0, 1);
	for (unsigned round = 0; round < 3; round++) {
		state = fixture_state(f, 0, 1);
		path.remote = f->hosts[0].at;
		for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
			hip_notify(f->hosts[1].h, f->now, &path, &f->hosts[0].hit, types[i], SLICE_EMPTY);
			fixture_drain(f);
			put(f, 0, f->hosts[1].last[HIP_NOTIFY].bytes + 4, f->hosts[1].last[HIP_NOTIFY].len - 4);
			ck_assert_int_eq(fixture_state(f, 0, 1), state);
		}
		fixture_run(f, round == 0 ? 20 : 1000);
	}
	ck_assert_int_eq(fixture_state(f, 0, 1), HIP_ESTABLISHED);
	ck_assert(fixture_logged(f, 0, "signed=1"));
	fixture_end(f);
}
END_TEST

START_TEST(notifies_are_limited)
{
	struct hip_path path = { .channel = HIP_CHANNEL_UDP };
	struct fixture *f = pair_begin();

	path.remote = f->hosts[1].at;
	for (size_t i = 0; i < 1000; i++)
		hip_notify(f->hosts[0].h, f->now, &path, &f->hosts[1].hit, HIP_INVALID_SYNTAX, SLICE_EMPTY);
	fixture_drain(f);
	ck_assert_uint_le(f->hosts[0].sent[HIP_NOTIFY], 10);
	ck_assert_uint_ge(f->hosts[0].counters.hip_limit, 990);
	fixture_end(f);
}
END_TEST

/* ---- Every packet in every state ---- */

/* Brings the first host to a state against the second. */
static struct fixture *state_begin(enum hip_state state)
{
	struct fixture *f = pair_begin();

	switch (state) {
	case HIP_I1_SENT:
		lost = HIP_R1;
		fixture_connect(f, 0, 1);
		fixture_run(f, 50);
		break;
	case HIP_I2_SENT:
		lost = HIP_R2;
		fixture_connect(f, 0, 1);
		fixture_run(f, 100);
		break;
	case HIP_R2_SENT:
		fixture_connect(f, 1, 0);
		fixture_run(f, 100);
		break;
	case HIP_ESTABLISHED:
		fixture_join(f, 0, 1);
		break;
	case HIP_CLOSING:
		fixture_join(f, 0, 1);
		lost = HIP_CLOSE;
		hip_host_close(f->hosts[0].h, f->now, &f->hosts[1].hit);
		fixture_run(f, 50);
		break;
	case HIP_CLOSED:
		fixture_join(f, 0, 1);
		lost = HIP_CLOSE_ACK;
		hip_host_close(f->hosts[1].h, f->now, &f->hosts[0].hit);
		fixture_run(f, 50);
		break;
	case HIP_E_FAILED:
		lost = HIP_I2;
		fixture_connect(f, 0, 1);
		fixture_run(f, 35000);
		break;
	default:
		break;
	}
	ck_assert_int_eq(fixture_state(f, 0, 1), state);
	return f;
}

/* A packet without right keys: header, and the bare minimum that its handler looks at first. */
static size_t bare(const struct fixture *f, uint8_t type, uint8_t packet[HIP_PACKET_MAX])
{
	static const uint8_t zeroes[48];
	struct writer w = writer_of(packet, HIP_PACKET_MAX);
	const struct hip_signature signature = { HOST_ALGORITHM_ECDSA, slice_of(zeroes, sizeof(zeroes)) };
	const struct hip_list groups = { { HOST_DH_P256 }, 1 };

	hip_packet_begin(&w, type, 0, &f->hosts[1].hit, &f->hosts[0].hit);
	if (type == HIP_I1)
		hip_dh_group_list_put(&w, &groups);
	else if (type == HIP_R1)
		hip_put_host_id(f->hosts[1].h, &w);
	else
		hip_bytes_put(&w, type == HIP_R2 ? HIP_PARAMETER_HIP_MAC_2 : HIP_PARAMETER_HIP_MAC,
			      slice_of(zeroes, sizeof(zeroes)));
	if (type != HIP_I1)
		hip_signature_put(&w, type == HIP_R1 ? HIP_PARAMETER_HIP_SIGNATURE_2 : HIP_PARAMETER_HIP_SIGNATURE,
				  &signature);
	hip_packet_end(&w);
	ck_assert_int_eq(w.err, 0);
	return w.len;
}

START_TEST(packets_without_keys_move_no_state)
{
	static const uint8_t types[] = { HIP_I1, HIP_R1, HIP_I2, HIP_R2, HIP_UPDATE, HIP_NOTIFY, HIP_CLOSE,
					 HIP_CLOSE_ACK, 99 };
	uint8_t packet[HIP_PACKET_MAX];
	struct fixture *f;
	size_t sent;

	for (enum hip_state state = HIP_UNASSOCIATED; state <= HIP_E_FAILED; state++) {
		f = state_begin(state);
		for (size_t i = 0; i < sizeof(types); i++) {
			sent = f->hosts[0].sent[HIP_R1];
			put(f, 0, packet, bare(f, types[i], packet));
			ck_assert_int_eq(fixture_state(f, 0, 1), state);
			if (types[i] != HIP_I1)
				continue;
			/* An I1 is answered in every state but I1-SENT with the smaller HIT; to the unknown only when
			 * it is as long as the R1. */
			if (state == HIP_I1_SENT || state == HIP_UNASSOCIATED || state == HIP_E_FAILED)
				ck_assert_uint_eq(f->hosts[0].sent[HIP_R1], sent);
			else
				ck_assert_uint_eq(f->hosts[0].sent[HIP_R1], sent + 1);
		}
		fixture_end(f);
	}
}
END_TEST

START_TEST(good_i2_is_taken_in_every_state_but_one)
{
	struct fixture *f;

	for (enum hip_state state = HIP_UNASSOCIATED; state <= HIP_E_FAILED; state++) {
		if (state == HIP_I2_SENT)
			continue; /* crossing_i2s_are_settled_by_comparison */
		f = state_begin(state);
		fixture_restart(f, 1);
		lost = 0xff;
		fixture_lose(f);
		fixture_connect(f, 1, 0);
		if (state == HIP_I1_SENT) {
			/* Both call: the greater HIT's I1 is dropped, and the smaller one's exchange is the one. */
			ck_assert(fixture_run_until_established(f, 0, 1, 30000));
			ck_assert_uint_eq(f->hosts[0].sent[HIP_R2], 0);
		} else {
			fixture_run(f, 200);
			ck_assert_int_eq(fixture_state(f, 0, 1), HIP_R2_SENT);
			ck_assert_int_eq(fixture_state(f, 1, 0), HIP_ESTABLISHED);
		}
		fixture_run(f, 12000);
		ck_assert_int_eq(fixture_state(f, 0, 1), HIP_ESTABLISHED);
		ck_assert_uint_eq(fixture_association(f, 0, 1)->in.spi, fixture_association(f, 1, 0)->out.spi);
		fixture_end(f);
	}
}
END_TEST

START_TEST(close_is_answered_where_there_are_keys)
{
	/* I2-SENT, R2-SENT, ESTABLISHED and CLOSING become CLOSED; in CLOSED it is answered again. */
	struct fixture *f;

	for (enum hip_state state = HIP_I2_SENT; state <= HIP_CLOSED; state++) {
		f = state_begin(state);
		lost = HIP_CLOSE_ACK;
		if (state != HIP_CLOSED)
			hip_close_start(fixture_association(f, 1, 0), f->now);
		else
			fixture_run(f, 2000); /* its repetition */
		fixture_run(f, 50);
		ck_assert_int_eq(fixture_state(f, 0, 1), HIP_CLOSED);
		ck_assert_uint_ge(f->hosts[0].sent[HIP_CLOSE_ACK], 1);
		fixture_end(f);
	}
}
END_TEST

int main(void)
{
	return RUN_TESTS("hip state", crossing_i1s_make_one_association, crossing_i2s_are_settled_by_comparison,
			 i2_ends_the_waiting_for_an_r1, restarted_initiator_gets_a_new_association,
			 restarted_responder_is_called_anew, close_ends_both_ends,
			 close_is_repeated_and_answered_again, crossing_closes_end_both,
			 close_that_is_forged_or_old_ends_nothing, close_ack_has_to_echo, unused_association_is_closed,
			 closed_and_closing_begin_anew, stopping_host_closes_all, notify_changes_no_state,
			 notifies_are_limited, packets_without_keys_move_no_state,
			 good_i2_is_taken_in_every_state_but_one, close_is_answered_where_there_are_keys);
}
