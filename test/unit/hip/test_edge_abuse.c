/* SPDX-License-Identifier: MIT */
/* What hostile hosts and hostile edges get from an edge: floods, reflection, forged and unasked packets, and what
 * the rules of the modes refuse. */
#include "test/unit/run.h"

#include <stdio.h>
#include <time.h>

#include "test/unit/hip/hip_ring.h"

#define FLOOD_PER_MS 10 /* 10,000 in a second */

static struct hit stranger(uint32_t number)
{
	struct hit hit = { { 0x20, 0x01, 0x00, 0x22, 9 } };

	for (int i = 0; i < 4; i++)
		hit.bytes[12 + i] = (uint8_t)(number >> (24 - 8 * i));
	return hit;
}

static struct address v4(uint32_t number)
{
	struct address a = { .type = ADDRESS_IPV4, .port = HIP_UDP_PORT };

	for (int i = 0; i < 4; i++)
		a.bytes[i] = (uint8_t)(number >> (24 - 8 * i));
	return a;
}

/* A short I1, or another packet with nothing in it. */
static struct slice packet_of(uint8_t type, const struct hit *from, const struct hit *to, struct writer *w)
{
	static const uint8_t groups[] = { 7, 8 };
	struct hip_list list = { { groups[0], groups[1] }, 2 };

	w->len = 0;
	hip_packet_begin(w, type, 0, from, to);
	if (type == HIP_I1)
		hip_dh_group_list_put(w, &list);
	hip_packet_end(w);
	return writer_slice(w);
}

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Virtual time that the call takes, beside `flood` packets a millisecond from one edge; and CPU for each of those. */
static uint64_t call_time(unsigned flood, uint64_t *ns)
{
	uint8_t bytes[HIP_PACKET_MAX];
	struct writer w = writer_of(bytes, sizeof(bytes));
	struct node_id bad = ring_node(99);
	struct hip_hint hint = { .locator_count = 1 };
	uint64_t spent = 0, count = 0, began = 0, took = 0;
	struct ring r;

	ring_begin(&r, &(struct hip_host_options){ 0 });
	r.cut = true;
	ring_register(&r, HIP_SERVICE_RELAY, 600);
	hint.locators[0] = r.f.hosts[RING_EDGE_A].at;
	for (unsigned ms = 0; ms < 3000; ms++) {
		for (unsigned i = 0; i < flood; i++, count++) {
			struct hit forged = stranger((uint32_t)count);
			struct address source = v4(0x0b000000 + (uint32_t)count);
			uint64_t at = cpu_ns();

			(void)ring_carry(&r, RING_EDGE_B, &bad, &source,
					 packet_of(HIP_I1, &forged, &r.f.hosts[RING_B].hit, &w));
			spent += cpu_ns() - at;
		}
		if (ms == 1000) {
			began = r.f.now.mono.us;
			ck_assert_int_eq(hip_host_connect(r.f.hosts[RING_A].h, r.f.now, &r.f.hosts[RING_B].hit, &hint,
							  NULL, NULL), 0);
		}
		fixture_run(&r.f, 1);
		if (took == 0 && ms >= 1000
		    && hip_host_is_established(r.f.hosts[RING_A].h, &r.f.hosts[RING_B].hit))
			took = r.f.now.mono.us - began;
	}
	ck_assert_uint_gt(took, 0);
	if (flood > 0) {
		/* All but what one source may send is refused and counted; B saw no more. */
		uint64_t allowed = HIP_I1_SOURCE_BURST + 3 * HIP_I1_SOURCE_PER_S + 1;

		ck_assert_uint_ge(r.f.hosts[RING_EDGE_B].counters.hip_limit, count - allowed);
		ck_assert_uint_le(r.f.hosts[RING_EDGE_B].sent[HIP_I1], allowed + 2);
		*ns = spent / count;
	}
	ring_end(&r);
	return took;
}

START_TEST(flood_of_one_edge_does_not_slow_a_call)
{
	uint64_t ns = 0, quiet = call_time(0, &ns), loud = call_time(FLOOD_PER_MS, &ns);

	printf("quiet %llu us, beside 10,000 I1/s %llu us, %llu ns CPU for each flood packet\n",
	       (unsigned long long)quiet, (unsigned long long)loud, (unsigned long long)ns);
	ck_assert_uint_lt(loud, 2 * quiet);
	ck_assert_uint_lt(ns, 50000); /* a few hundred without sanitizers */
}
END_TEST

START_TEST(forged_source_gains_one_r1_for_one_i1_within_its_bucket)
{
	uint8_t bytes[HIP_PACKET_MAX];
	struct writer w = writer_of(bytes, sizeof(bytes));
	struct ring r;

	ring_begin(&r, &(struct hip_host_options){ 0 });
	ring_register(&r, HIP_SERVICE_RELAY, 600);
	r.victim = v4(0xcb007105);
	for (uint32_t i = 0; i < 2000; i++) {
		struct hit forged = stranger(i);

		fixture_inject(&r.f, RING_EDGE_A, &r.victim, packet_of(HIP_I1, &forged, &r.f.hosts[RING_B].hit, &w));
		fixture_run(&r.f, 1);
	}
	fixture_run(&r.f, 500);
	ck_assert_uint_gt(r.victim_packets, 0);
	ck_assert_uint_le(r.victim_packets, HIP_I1_SOURCE_BURST + 2 * HIP_I1_SOURCE_PER_S + 1);
	ck_assert_uint_gt(r.f.hosts[RING_EDGE_A].counters.hip_limit, 1800);
	ring_end(&r);
}
END_TEST

START_TEST(claimed_source_is_never_sent_to)
{
	uint8_t bytes[HIP_PACKET_MAX];
	struct writer w = writer_of(bytes, sizeof(bytes));
	struct node_id bad = ring_node(99);
	struct ring r;

	ring_begin(&r, &(struct hip_host_options){ 0 });
	ring_register(&r, HIP_SERVICE_RELAY, 600);
	r.victim = v4(0xcb007105);
	for (uint32_t i = 0; i < 300; i++) {
		struct hit forged = stranger(i);

		(void)ring_carry(&r, RING_EDGE_B, &bad, &r.victim,
				 packet_of(i % 2 == 0 ? HIP_I1 : HIP_UPDATE, &forged, &r.f.hosts[RING_B].hit, &w));
		fixture_run(&r.f, 100);
	}
	ck_assert_uint_gt(r.f.hosts[RING_EDGE_B].sent[HIP_I1], 0);
	ck_assert_uint_eq(r.victim_packets, 0);
	ring_end(&r);
}
END_TEST

START_TEST(claimed_source_of_rvs_i1s_has_one_bucket_over_all_edges)
{
	uint8_t bytes[HIP_PACKET_MAX];
	struct writer w = writer_of(bytes, sizeof(bytes));
	struct ring r;

	ring_begin(&r, &(struct hip_host_options){ 0 });
	ring_register(&r, HIP_SERVICE_RVS, 600);
	r.victim = v4(0xcb007105);
	for (uint32_t i = 0; i < 500; i++) {
		struct hit forged = stranger(i);
		struct node_id bad = ring_node(50 + i % 100);

		(void)ring_carry(&r, RING_EDGE_B, &bad, &r.victim,
				 packet_of(HIP_I1, &forged, &r.f.hosts[RING_B].hit, &w));
		fixture_run(&r.f, 1);
	}
	fixture_run(&r.f, 100);
	ck_assert_uint_le(r.victim_packets, HIP_I1_SOURCE_BURST + HIP_I1_SOURCE_PER_S);
	ring_end(&r);
}
END_TEST

START_TEST(unasked_packets_do_not_leave_the_ring)
{
	uint8_t bytes[HIP_PACKET_MAX];
	struct writer w = writer_of(bytes, sizeof(bytes));
	struct node_id bad = ring_node(99);
	struct hip_host *edge;
	struct hit a, b;
	struct ring r;

	ring_begin(&r, &(struct hip_host_options){ 0 });
	ring_register(&r, HIP_SERVICE_RELAY, 600);
	r.victim = r.f.hosts[RING_A].at;
	edge = r.f.hosts[RING_EDGE_A].h;
	a = r.f.hosts[RING_A].hit;
	b = r.f.hosts[RING_B].hit;
	/* Nobody was heard: not served. */
	ck_assert_int_eq(ring_carry(&r, RING_EDGE_A, &bad, NULL, packet_of(HIP_R1, &b, &a, &w)), HIP_CARRY_NOT_SERVED);
	/* A sent an I1; then an R1 from an edge that was not asked, an R2, and a second R1 from the one that was. */
	r.strip = HIP_I1; /* does not reach B */
	fixture_inject(&r.f, RING_EDGE_A, &r.victim, packet_of(HIP_I1, &a, &b, &w));
	ck_assert_int_eq(ring_carry(&r, RING_EDGE_A, &bad, NULL, packet_of(HIP_R1, &b, &a, &w)), HIP_CARRY_REFUSED);
	ck_assert_uint_eq(edge->counters->hip_stray, 1);
	bad = ring_node(RING_EDGE_B);
	ck_assert_int_eq(ring_carry(&r, RING_EDGE_A, &bad, NULL, packet_of(HIP_R2, &b, &a, &w)), HIP_CARRY_REFUSED);
	ck_assert_uint_eq(edge->counters->hip_reflection, 1);
	ck_assert_int_eq(ring_carry(&r, RING_EDGE_A, &bad, NULL, packet_of(HIP_R1, &b, &a, &w)), HIP_CARRY_DELIVERED);
	ck_assert_int_eq(ring_carry(&r, RING_EDGE_A, &bad, NULL, packet_of(HIP_R1, &b, &a, &w)), HIP_CARRY_REFUSED);
	fixture_run(&r.f, 100);
	ck_assert_uint_eq(r.victim_packets, 1);
	ring_end(&r);
}
END_TEST

START_TEST(false_i2s_reach_nobody_beyond_their_bucket)
{
	uint8_t bytes[HIP_PACKET_MAX];
	struct writer w = writer_of(bytes, sizeof(bytes));
	struct node_id bad = ring_node(99);
	struct ring r;

	ring_begin(&r, &(struct hip_host_options){ .edge_lenient = true });
	ring_register(&r, HIP_SERVICE_RELAY, 600);
	for (uint32_t i = 0; i < 1000; i++) {
		struct hit forged = stranger(i);
		struct address source = v4(0x0b000000 + i);

		(void)ring_carry(&r, RING_EDGE_B, &bad, &source,
				 packet_of(HIP_I2, &forged, &r.f.hosts[RING_B].hit, &w));
		fixture_run(&r.f, 1);
	}
	ck_assert_uint_gt(r.f.hosts[RING_EDGE_B].sent[HIP_I2], 0);
	ck_assert_uint_le(r.f.hosts[RING_EDGE_B].sent[HIP_I2], HIP_I2_SOURCE_BURST + HIP_I2_SOURCE_PER_S);
	ck_assert_uint_ge(r.f.hosts[RING_EDGE_B].counters.hip_limit, 900);
	ring_end(&r);
}
END_TEST

START_TEST(packets_for_nobody_and_spent_ones_are_refused)
{
	uint8_t bytes[HIP_PACKET_MAX];
	struct writer w = writer_of(bytes, sizeof(bytes));
	struct hip_path path = { .channel = HIP_CHANNEL_OVERLAY, .node = ring_node(99) };
	struct hip_carry carry = { .hops = 0, .protocol = 17 };
	static const struct hit null;
	struct hip_packet p;
	struct hip_host *h;
	struct hit a;
	struct ring r;

	ring_begin(&r, &(struct hip_host_options){ 0 });
	ring_register(&r, HIP_SERVICE_RVS, 600);
	h = r.f.hosts[RING_EDGE_B].h;
	a = stranger(1);
	ck_assert_int_eq(hip_packet_get(packet_of(HIP_I1, &a, &r.f.hosts[RING_B].hit, &w), &p), 0);
	ck_assert_int_eq(hip_edge_packet(h, r.f.now, &path, &p, &carry), HIP_CARRY_REFUSED);
	carry.hops = 1;
	ck_assert_int_eq(hip_packet_get(packet_of(HIP_I1, &a, &null, &w), &p), 0);
	ck_assert_int_eq(hip_edge_packet(h, r.f.now, &path, &p, &carry), HIP_CARRY_REFUSED);
	ck_assert_int_eq(hip_packet_get(packet_of(HIP_I1, &null, &r.f.hosts[RING_B].hit, &w), &p), 0);
	ck_assert_int_eq(hip_edge_packet(h, r.f.now, &path, &p, &carry), HIP_CARRY_REFUSED);
	ck_assert_uint_eq(h->counters->hip_forbidden, 2);
	/* A carried packet never goes back into the ring. */
	r.records[0].edge = ring_node(RING_EDGE_A);
	a = stranger(2);
	ck_assert_int_eq(hip_packet_get(packet_of(HIP_I1, &r.f.hosts[RING_A].hit, &a, &w), &p), 0);
	ck_assert_int_eq(hip_edge_packet(h, r.f.now, &path, &p, &carry), HIP_CARRY_NOT_SERVED);
	fixture_run(&r.f, 100);
	ck_assert_uint_eq(r.f.hosts[RING_EDGE_B].sent[HIP_I1], 0);
	ring_end(&r);
}
END_TEST

START_TEST(repeated_i1_by_another_channel_is_suppressed)
{
	uint8_t bytes[HIP_PACKET_MAX];
	struct writer w = writer_of(bytes, sizeof(bytes));
	struct node_id other = ring_node(RING_EDGE_A);
	struct slice i1;
	struct hit a;
	struct ring r;

	ring_begin(&r, &(struct hip_host_options){ 0 });
	ring_register(&r, HIP_SERVICE_RELAY, 600);
	a = stranger(1);
	i1 = packet_of(HIP_I1, &a, &r.f.hosts[RING_B].hit, &w);
	fixture_inject(&r.f, RING_EDGE_B, &r.f.hosts[RING_A].at, i1);
	fixture_run(&r.f, 30);
	ck_assert_int_eq(ring_carry(&r, RING_EDGE_B, &other, &r.f.hosts[RING_A].at, i1), HIP_CARRY_SUPPRESSED);
	fixture_run(&r.f, 1000);
	ck_assert_uint_eq(r.f.hosts[RING_EDGE_B].sent[HIP_I1], 1);
	ck_assert_uint_eq(r.f.hosts[RING_EDGE_B].counters.hip_suppressed, 1);
	ck_assert_int_eq(ring_carry(&r, RING_EDGE_B, &other, &r.f.hosts[RING_A].at, i1), HIP_CARRY_DELIVERED);
	ring_end(&r);
}
END_TEST

static size_t relay_without_mode(bool lenient, struct counters *c)
{
	uint8_t bytes[HIP_PACKET_MAX];
	struct writer w = writer_of(bytes, sizeof(bytes));
	struct hit a = stranger(1);
	struct ring r;
	size_t sent;

	ring_begin(&r, &(struct hip_host_options){ .edge_lenient = lenient });
	ring_register(&r, HIP_SERVICE_RELAY, 600);
	fixture_inject(&r.f, RING_EDGE_B, &r.f.hosts[RING_A].at, packet_of(HIP_I2, &a, &r.f.hosts[RING_B].hit, &w));
	fixture_run(&r.f, 100);
	sent = r.f.hosts[RING_EDGE_B].sent[HIP_I2];
	*c = r.f.hosts[RING_EDGE_B].counters;
	ck_assert_uint_eq(r.f.hosts[RING_EDGE_B].sent[HIP_NOTIFY], lenient ? 0 : 1);
	ring_end(&r);
	return sent;
}

START_TEST(relay_wants_nat_traversal_mode_unless_lenient)
{
	struct counters c;

	ck_assert_uint_eq(relay_without_mode(false, &c), 0);
	ck_assert_uint_eq(c.hip_forbidden, 1);
	ck_assert_uint_eq(relay_without_mode(true, &c), 1);
	ck_assert_uint_eq(c.hip_forbidden, 0);
}
END_TEST

/* What an attacker who knows the address of an RVS client can do with FROM of its own. */
START_TEST(client_drops_what_its_server_did_not_vouch_for)
{
	uint8_t bytes[HIP_PACKET_MAX], zeroes[48] = { 0 };
	struct writer w = writer_of(bytes, sizeof(bytes));
	struct hip_transport_address relayed = { 17, v4(0xcb007105) };
	struct hip_list groups = { { 7 }, 1 };
	struct fixture_host *b;
	struct hit a = stranger(1);
	struct ring r;

	ring_begin(&r, &(struct hip_host_options){ 0 });
	ring_register(&r, HIP_SERVICE_RVS, 600);
	b = &r.f.hosts[RING_B];
	r.victim = v4(0xcb007105);
	for (unsigned i = 0; i < 3; i++) {
		w.len = 0;
		hip_packet_begin(&w, HIP_I1, 0, &a, &b->hit);
		hip_dh_group_list_put(&w, &groups);
		if (i == 2)
			hip_transport_address_put(&w, HIP_PARAMETER_RELAY_FROM, &relayed);
		else
			hip_from_put(&w, &r.victim);
		if (i == 1)
			hip_bytes_put(&w, HIP_PARAMETER_RVS_HMAC, slice_of(zeroes, sizeof(zeroes)));
		hip_packet_end(&w);
		fixture_inject(&r.f, RING_B, &r.f.hosts[RING_EDGE_B].at, writer_slice(&w));
	}
	fixture_run(&r.f, 100);
	ck_assert_uint_eq(b->counters.hip_signature, 3);
	ck_assert_uint_eq(b->sent[HIP_R1], 0);
	ck_assert_uint_eq(r.victim_packets, 0);
	ring_end(&r);
}
END_TEST

START_TEST(from_of_the_initiators_own_making_is_not_followed)
{
	uint8_t bytes[HIP_PACKET_MAX], zeroes[48] = { 0 };
	struct writer w = writer_of(bytes, sizeof(bytes));
	struct hip_list groups = { { 7 }, 1 };
	struct hip_via_rvs via = { .count = 1 };
	const struct ring_seen *seen;
	uint16_t types[8] = { 0 };
	struct hip_parameter x;
	struct hip_packet p;
	size_t cursor = 0;
	struct hit a = stranger(1);
	struct ring r;

	ring_begin(&r, &(struct hip_host_options){ 0 });
	ring_register(&r, HIP_SERVICE_RVS, 600);
	r.victim = v4(0xcb007105);
	via.items[0] = r.victim;
	hip_packet_begin(&w, HIP_I1, 0, &a, &r.f.hosts[RING_B].hit);
	hip_dh_group_list_put(&w, &groups);
	hip_from_put(&w, &r.victim);
	hip_bytes_put(&w, HIP_PARAMETER_RVS_HMAC, slice_of(zeroes, sizeof(zeroes)));
	hip_via_rvs_put(&w, &via);
	hip_packet_end(&w);
	r.seen_count = 0;
	fixture_inject(&r.f, RING_EDGE_B, &r.f.hosts[RING_A].at, writer_slice(&w));
	fixture_run(&r.f, 100);
	/* Ours behind theirs, our HMAC before theirs, all else as it was (RFC 8004 4.2.2). */
	seen = ring_seen(&r, RING_B, false, HIP_I1);
	ck_assert_ptr_nonnull(seen);
	ck_assert_int_eq(hip_packet_get(slice_of(seen->bytes, seen->len), &p), 0);
	for (size_t i = 0; i < 8 && hip_parameter_next(&p, &cursor, &x); i++)
		types[i] = x.type;
	ck_assert_uint_eq(types[0], HIP_PARAMETER_DH_GROUP_LIST);
	ck_assert_uint_eq(types[1], HIP_PARAMETER_FROM);
	ck_assert_uint_eq(types[2], HIP_PARAMETER_FROM);
	ck_assert_uint_eq(types[3], HIP_PARAMETER_RVS_HMAC);
	ck_assert_uint_eq(types[4], HIP_PARAMETER_RVS_HMAC);
	ck_assert_uint_eq(types[5], HIP_PARAMETER_VIA_RVS);
	ck_assert_uint_eq(r.f.hosts[RING_B].sent[HIP_R1], 1);
	ck_assert_uint_eq(r.victim_packets, 0);
	ring_end(&r);
}
END_TEST

START_TEST(version_1_is_carried_unread)
{
	uint8_t bytes[HIP_PACKET_MAX];
	struct writer w = writer_of(bytes, sizeof(bytes));
	struct hip_path path = { .channel = HIP_CHANNEL_UDP };
	struct hit a = { { 0x20, 0x01, 0x00, 0x11, 1 } }, b = { { 0x20, 0x01, 0x00, 0x12, 2 } };
	const struct ring_seen *seen;
	struct slice i1;
	struct ring r;

	ring_begin(&r, &(struct hip_host_options){ .edge_transparent = true });
	path.remote = r.f.hosts[RING_B].at;
	path.local = r.f.hosts[RING_EDGE_B].at;
	ck_assert_int_eq(hip_host_serve(r.f.hosts[RING_EDGE_B].h, r.f.now, &b, &path), 0);
	i1 = packet_of(HIP_I1, &a, &b, &w);
	bytes[3] = 0x11;
	bytes[41] = 3; /* parameters out of order, or of no length that fits: nobody looks */
	fixture_inject(&r.f, RING_EDGE_A, &r.f.hosts[RING_A].at, i1);
	fixture_run(&r.f, 100);
	seen = ring_seen(&r, RING_B, false, HIP_I1);
	ck_assert_ptr_nonnull(seen);
	ck_assert(slice_equal(slice_of(seen->bytes, seen->len), i1));
	ring_end(&r);
}
END_TEST

START_TEST(synthetic_locators_are_distinct_bounded_and_stable)
{
	struct address first, again, other;
	struct hit a = stranger(1), b;
	struct ring r;

	ring_begin(&r, &(struct hip_host_options){ .edge_transparent = true });
	ck_assert_int_eq(hip_host_synthetic(r.f.hosts[RING_EDGE_A].h, &a, &first), 0);
	for (uint32_t i = 2; i < HIP_SYNTHETIC_MAX; i++) {
		b = stranger(i);
		ck_assert_int_eq(hip_host_synthetic(r.f.hosts[RING_EDGE_A].h, &b, &other), 0);
		ck_assert(!address_equal(&first, &other));
		ck_assert(other.bytes[0] == 198 && other.bytes[1] == 18);
	}
	ck_assert_int_eq(hip_host_synthetic(r.f.hosts[RING_EDGE_A].h, &a, &again), 0);
	ck_assert(address_equal(&first, &again));
	for (uint32_t i = 0; i < 2 * HIP_SYNTHETIC_MAX; i++) {
		b = stranger(100000 + i);
		ck_assert_int_eq(hip_host_synthetic(r.f.hosts[RING_EDGE_A].h, &b, &other), 0);
	}
	ck_assert_uint_eq(map_count(r.f.hosts[RING_EDGE_A].h->edge->synthetic_hits), HIP_SYNTHETIC_MAX);
	ck_assert_int_eq(hip_host_synthetic(r.f.hosts[RING_A].h, &b, &other), ERR_UNSUPPORTED);
	ring_end(&r);
}
END_TEST

int main(void)
{
	return RUN_TESTS("hip edge abuse", flood_of_one_edge_does_not_slow_a_call,
			 forged_source_gains_one_r1_for_one_i1_within_its_bucket, claimed_source_is_never_sent_to,
			 claimed_source_of_rvs_i1s_has_one_bucket_over_all_edges, unasked_packets_do_not_leave_the_ring,
			 false_i2s_reach_nobody_beyond_their_bucket, packets_for_nobody_and_spent_ones_are_refused,
			 repeated_i1_by_another_channel_is_suppressed, relay_wants_nat_traversal_mode_unless_lenient,
			 client_drops_what_its_server_did_not_vouch_for,
			 from_of_the_initiators_own_making_is_not_followed,
			 version_1_is_carried_unread, synthetic_locators_are_distinct_bounded_and_stable);
}
