/* SPDX-License-Identifier: MIT */
/* tools/ctl_ring and ctl_ring_json: order and consistency of made-up rings. */
#include "tools/ctl_ring.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "test/unit/run.h"
#include "tools/ctl_ring_json.h"

#define FINDINGS 16

static struct ring_finding findings[FINDINGS];

/* The point `n` / 16 of the ring. */
static struct node_id point(unsigned n)
{
	struct node_id id = { { 0 } };

	id.bytes[0] = (uint8_t)(n << 4);
	id.bytes[15] = 1;
	return id;
}

static struct ring_peer *add(struct ring *r, unsigned at, unsigned predecessor, unsigned successor)
{
	struct ring_peer *p = ring_add(r);

	p->id = point(at);
	p->has_predecessor = p->has_successor = true;
	p->predecessor = point(predecessor);
	p->successor = point(successor);
	return p;
}

/* Four peers at 1, 5, 9, 13, added out of order; consistent. */
static void add_four(struct ring *r)
{
	ring_init(r);
	add(r, 9, 5, 13);
	add(r, 1, 13, 5);
	add(r, 13, 9, 1);
	add(r, 5, 1, 9);
	ring_sort(r);
}

START_TEST(ring_sort_orders_by_node_id)
{
	struct ring r;

	add_four(&r);
	for (size_t i = 1; i < r.count; i++)
		ck_assert_int_lt(node_id_compare(&r.peers[i - 1].id, &r.peers[i].id), 0);
	ring_free(&r);
}
END_TEST

START_TEST(ring_check_accepts_consistent_ring)
{
	struct ring r;

	add_four(&r);
	ck_assert_uint_eq(ring_check(&r, findings, FINDINGS), 0);
	ring_free(&r);
	ring_init(&r);
	ck_assert_uint_eq(ring_check(&r, findings, FINDINGS), 0);
	add(&r, 3, 3, 3);
	ck_assert_uint_eq(ring_check(&r, findings, FINDINGS), 0);
	ring_free(&r);
}
END_TEST

START_TEST(ring_check_finds_gap)
{
	struct ring r;

	add_four(&r);
	r.peers[2].predecessor = point(7); /* 9 answers from 7 on; nobody for 5..7 */
	ck_assert_uint_eq(ring_check(&r, findings, FINDINGS), 1);
	ck_assert_int_eq(findings[0].type, RING_GAP);
	ck_assert_uint_eq(findings[0].place, 2);
	ck_assert_ptr_nonnull(strstr(findings[0].text, "50000000..70000000"));
	ring_free(&r);
}
END_TEST

START_TEST(ring_check_finds_overlap)
{
	struct ring r;

	add_four(&r);
	r.peers[2].predecessor = point(1); /* 9 answers from 1 on, and so does 5 */
	ck_assert_uint_eq(ring_check(&r, findings, FINDINGS), 1);
	ck_assert_int_eq(findings[0].type, RING_OVERLAP);
	ck_assert_uint_eq(findings[0].place, 2);
	/* Across zero. */
	r.peers[2].predecessor = point(5);
	r.peers[0].predecessor = point(9);
	ck_assert_uint_eq(ring_check(&r, findings, FINDINGS), 1);
	ck_assert_int_eq(findings[0].type, RING_OVERLAP);
	ck_assert_uint_eq(findings[0].place, 0);
	ring_free(&r);
}
END_TEST

START_TEST(ring_check_finds_disagreement)
{
	struct ring r;

	add_four(&r);
	r.peers[0].successor = point(9); /* has not heard of 5 */
	r.peers[3].successor = point(15); /* knows one that was not found */
	ck_assert_uint_eq(ring_check(&r, findings, FINDINGS), 2);
	ck_assert_int_eq(findings[0].type, RING_DISAGREEMENT);
	ck_assert_uint_eq(findings[0].place, 0);
	ck_assert_ptr_nonnull(strstr(findings[0].text, "not yet learned"));
	ck_assert_int_eq(findings[1].type, RING_DISAGREEMENT);
	ck_assert_uint_eq(findings[1].place, 3);
	ck_assert_ptr_nonnull(strstr(findings[1].text, "did not find"));
	ring_free(&r);
}
END_TEST

START_TEST(ring_check_finds_duplicate_and_unreachable)
{
	struct ring r;

	add_four(&r);
	add(&r, 5, 1, 9);
	add(&r, 7, 0, 0)->unreachable = true; /* takes no part in who follows whom */
	ring_sort(&r);
	ck_assert_uint_eq(ring_check(&r, findings, FINDINGS), 2);
	ck_assert_int_eq(findings[0].type, RING_DUPLICATE);
	ck_assert_int_eq(findings[1].type, RING_UNREACHABLE);
	r.peers[3].unreachable = false;
	r.peers[3].outside = true; /* joining: no fault of the ring */
	ck_assert_uint_eq(ring_check(&r, findings, FINDINGS), 1);
	ring_free(&r);
}
END_TEST

START_TEST(ring_check_compares_shares_without_neighbors)
{
	struct ring r;

	add_four(&r);
	for (size_t i = 0; i < r.count; i++) {
		r.peers[i].has_predecessor = r.peers[i].has_successor = false;
		r.peers[i].has_share = true;
		r.peers[i].share_ppb = 250000000;
	}
	ck_assert_uint_eq(ring_check(&r, findings, FINDINGS), 0);
	r.peers[1].share_ppb = 125000000;
	r.peers[2].share_ppb = 375000000;
	ck_assert_uint_eq(ring_check(&r, findings, FINDINGS), 2);
	ck_assert_int_eq(findings[0].type, RING_GAP);
	ck_assert_int_eq(findings[1].type, RING_OVERLAP);
	ring_free(&r);
}
END_TEST

START_TEST(ring_check_counts_findings_that_do_not_fit)
{
	struct ring r;

	add_four(&r);
	for (size_t i = 0; i < r.count; i++)
		r.peers[i].successor = point(2);
	ck_assert_uint_eq(ring_check(&r, findings, 1), 4);
	ring_free(&r);
}
END_TEST

START_TEST(ring_item_is_read_from_json)
{
	json_t *item = json_pack("{s:s, s:s, s:s, s:b, s:i, s:i, s:i, s:i, s:[s,s], s:s}", "node_id",
				 "10000000000000000000000000000001", "user", "alice@example.org", "address",
				 "192.0.2.1:6084", "self", 0, "uptime_s", 77, "share_ppb", 250000000,
				 "records", 3, "rtt_us", 1500, "successors",
				 "50000000000000000000000000000001", "90000000000000000000000000000001",
				 "predecessor", "d0000000000000000000000000000001");
	struct ring r;

	ring_init(&r);
	ck_assert(ring_add_json(&r, item));
	ck_assert(node_id_equal(&r.peers[0].id, &(struct node_id){ { 0x10, [15] = 1 } }));
	ck_assert_str_eq(r.peers[0].user, "alice@example.org");
	ck_assert(!r.peers[0].is_self && !r.peers[0].unreachable && !r.peers[0].outside);
	ck_assert_uint_eq(r.peers[0].uptime_s, 77);
	ck_assert_uint_eq(r.peers[0].rtt_us, 1500);
	ck_assert(r.peers[0].has_successor && r.peers[0].successor.bytes[0] == 0x50);
	ck_assert(r.peers[0].has_predecessor && r.peers[0].predecessor.bytes[0] == 0xd0);
	json_object_set_new(item, "node_id", json_string("not hex"));
	ck_assert(!ring_add_json(&r, item));
	json_decref(item);
	ring_free(&r);
}
END_TEST

int main(void)
{
	return RUN_TESTS("ctl_ring", ring_sort_orders_by_node_id, ring_check_accepts_consistent_ring,
			 ring_check_finds_gap, ring_check_finds_overlap, ring_check_finds_disagreement,
			 ring_check_finds_duplicate_and_unreachable,
			 ring_check_compares_shares_without_neighbors,
			 ring_check_counts_findings_that_do_not_fit, ring_item_is_read_from_json);
}
