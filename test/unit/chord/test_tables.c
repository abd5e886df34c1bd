/* SPDX-License-Identifier: MIT */
/* The tables and their arithmetic, on a plug-in whose nodes are put in by hand. */
#include "overlay/chord/chord_state.h"
#include "test/unit/chord/ring.h"

/* A Node-ID whose first byte is `high`: places on a clock of 256. */
static struct node_id at(uint8_t high)
{
	return (struct node_id){ { high } };
}

struct bench {
	struct net *net;
	struct chord *chord;
	struct now now;
};

/* A peer at 0x80 that is no member of any ring. */
static struct bench bench_new(void)
{
	struct node_id self = at(0x80);
	const struct net_options options = { .seed = 1 };
	const struct net_node_options first = { .first = true };
	const struct net_node_options o = { .id = &self };
	struct bench b = { .net = net_new(&options) };

	net_add(b.net, &first);
	net_add(b.net, &o);
	net_start(b.net, 1);
	b.chord = peer_topology(net_peer(b.net, 1))->ctx;
	b.now = net_now(b.net);
	return b;
}

static void bench_add(struct bench *b, uint8_t high, bool ready)
{
	struct node_id id = at(high);

	chord_tables_add(b->chord, &id)->is_attached = true;
	(void)chord_tables_set_ready(b->chord, b->now, &id, ready);
}

static void expect_list(const struct node_id *list, size_t count, const uint8_t *highs, size_t wanted)
{
	ck_assert_uint_eq(count, wanted);
	for (size_t i = 0; i < count; i++)
		ck_assert_uint_eq(list[i].bytes[0], highs[i]);
}

START_TEST(neighbors_are_nearest_ready_nodes)
{
	struct bench b = bench_new();
	const uint8_t places[] = { 0x10, 0x90, 0xf0, 0x70, 0x81, 0x7f, 0x20, 0xc0 };

	for (size_t i = 0; i < sizeof(places); i++)
		bench_add(&b, places[i], true);
	bench_add(&b, 0x82, false);
	ck_assert_uint_ge(b.chord->reach, 3);
	expect_list(b.chord->successors, 3, (const uint8_t[]){ 0x81, 0x90, 0xc0 }, 3);
	expect_list(b.chord->predecessors, 3, (const uint8_t[]){ 0x7f, 0x70, 0x20 }, 3);
	net_free(b.net);
}
END_TEST

START_TEST(small_ring_lists_everybody_both_ways)
{
	struct bench b = bench_new();

	bench_add(&b, 0x10, true);
	bench_add(&b, 0x90, true);
	expect_list(b.chord->successors, b.chord->successor_count, (const uint8_t[]){ 0x90, 0x10 }, 2);
	expect_list(b.chord->predecessors, b.chord->predecessor_count,
		    (const uint8_t[]){ 0x10, 0x90 }, 2);
	net_free(b.net);
}
END_TEST

START_TEST(removed_node_is_replaced)
{
	struct bench b = bench_new();
	struct node_id gone = at(0x90);

	for (uint8_t i = 1; i < 8; i++)
		bench_add(&b, (uint8_t)(0x80 + 0x10 * i), true);
	chord_tables_remove(b.chord, &gone);
	chord_tables_recompute(b.chord, b.now);
	ck_assert_uint_eq(b.chord->successors[0].bytes[0], 0xa0);
	ck_assert_ptr_null(chord_tables_find(b.chord, &gone));
	net_free(b.net);
}
END_TEST

START_TEST(own_id_is_never_listed)
{
	struct bench b = bench_new();
	struct node_id self = at(0x80);

	ck_assert_ptr_null(chord_tables_add(b.chord, &self));
	net_free(b.net);
}
END_TEST

START_TEST(finger_ranges_halve)
{
	struct bench b = bench_new();
	struct node_id first, last, id;

	chord_tables_finger_range(b.chord, 0, &first, &last);
	ck_assert_uint_eq(first.bytes[0], 0x00);
	ck_assert_uint_eq(last.bytes[0], 0x7f);
	ck_assert_uint_eq(last.bytes[15], 0xff);
	chord_tables_finger_range(b.chord, 1, &first, &last);
	ck_assert_uint_eq(first.bytes[0], 0xc0);
	ck_assert_uint_eq(last.bytes[0], 0xff);
	for (size_t i = 0; i < CHORD_FINGERS_MAX; i++) {
		chord_tables_finger_range(b.chord, i, &first, &last);
		ck_assert_uint_eq(chord_tables_finger_of(b.chord, &first), i);
		ck_assert_uint_eq(chord_tables_finger_of(b.chord, &last), i);
	}
	id = at(0x80);
	ck_assert_uint_eq(chord_tables_finger_of(b.chord, &id), CHORD_FINGERS_MAX);
	net_free(b.net);
}
END_TEST

START_TEST(population_follows_spacing)
{
	struct bench b = bench_new();

	ck_assert_uint_eq(chord_tables_population(b.chord), 1);
	/* Neighbours one 256th apart on both sides, and one far node so that the ends do not meet. */
	bench_add(&b, 0x00, true);
	for (uint8_t i = 1; i <= 20; i++) {
		bench_add(&b, (uint8_t)(0x80 + i), true);
		bench_add(&b, (uint8_t)(0x80 - i), true);
	}
	ck_assert_uint_ge(chord_tables_population(b.chord), 200);
	ck_assert_uint_le(chord_tables_population(b.chord), 300);
	ck_assert_uint_ge(b.chord->reach, 8);
	ck_assert_uint_le(b.chord->reach, 9);
	net_free(b.net);
}
END_TEST

START_TEST(would_be_neighbor_counts_both_sides)
{
	struct bench b = bench_new();
	struct node_id near = at(0x85), far = at(0x00);

	for (uint8_t i = 1; i <= 6; i++) {
		bench_add(&b, (uint8_t)(0x80 + 0x10 * i), true);
		bench_add(&b, (uint8_t)(0x80 - 0x10 * i), true);
	}
	ck_assert(chord_tables_would_be_neighbor(b.chord, &near, 3));
	ck_assert(!chord_tables_would_be_neighbor(b.chord, &far, 3));
	net_free(b.net);
}
END_TEST

START_TEST(quarantine_ends)
{
	struct bench b = bench_new();
	struct node_id dead = at(0x33);
	struct now later = b.now;

	quarantine_add(b.chord, b.now, &dead);
	ck_assert(quarantine_has(b.chord, b.now, &dead));
	later.mono = instant_add(later.mono, duration_ms(CHORD_QUARANTINE_MS));
	ck_assert(!quarantine_has(b.chord, later, &dead));
	quarantine_add(b.chord, b.now, &dead);
	quarantine_remove(b.chord, &dead);
	ck_assert(!quarantine_has(b.chord, b.now, &dead));
	/* The list has room for the latest ones only, and does not run over. */
	for (unsigned i = 1; i < 3 * CHORD_QUARANTINE_MAX; i++) {
		dead = at((uint8_t)i);
		dead.bytes[1] = (uint8_t)(i >> 8);
		quarantine_add(b.chord, b.now, &dead);
	}
	ck_assert(quarantine_has(b.chord, b.now, &dead));
	net_free(b.net);
}
END_TEST

START_TEST(nodes_have_a_limit)
{
	struct bench b = bench_new();
	struct node_id id = at(0x01);

	for (unsigned i = 0; i < CHORD_NODES_MAX; i++) {
		id.bytes[14] = (uint8_t)(i >> 8);
		id.bytes[15] = (uint8_t)i;
		ck_assert_ptr_nonnull(chord_tables_add(b.chord, &id));
	}
	id.bytes[1] = 1;
	ck_assert_ptr_null(chord_tables_add(b.chord, &id));
	net_free(b.net);
}
END_TEST

int main(void)
{
	return RUN_TESTS("chord_tables", neighbors_are_nearest_ready_nodes,
			 small_ring_lists_everybody_both_ways, removed_node_is_replaced,
			 own_id_is_never_listed, finger_ranges_halve, population_follows_spacing,
			 would_be_neighbor_counts_both_sides, quarantine_ends, nodes_have_a_limit);
}
