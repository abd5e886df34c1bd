/* SPDX-License-Identifier: MIT */
/* A small world with checks on it, for the tests that break things on purpose. */
#ifndef TEST_UNIT_SIM_CHECKED_H
#define TEST_UNIT_SIM_CHECKED_H

#include "overlay/chord/chord_state.h"
#include "storage/storage_state.h"
#include "test/unit/run.h"
#include "tools/sim/check.h"

struct checked {
	struct world *w;
	struct check *c;
};

static inline void checked_stepped(void *ctx, struct world *w, size_t node)
{
	struct checked *k = ctx;

	(void)w;
	if (k->c != NULL)
		check_stepped(k->c, node);
}

static inline void checked_run(struct checked *k, unsigned seconds)
{
	for (unsigned i = 0; i < seconds; i++) {
		world_run(k->w, duration_s(1));
		check_second(k->c);
	}
}

/* `count` peers whose ring is ideal, each with a registration; transient states may last 2 s. */
static inline void checked_new(struct checked *k, size_t count, uint64_t seed)
{
	struct world_options o = { .seed = seed, .no_certificates = true, .stepped = checked_stepped, .ctx = k };
	struct check_options co = { .settle = duration_s(2), .every_event = true };

	k->c = NULL;
	k->w = world_new(&o);
	world_add_peers(k->w, count);
	k->c = check_new(k->w, &co);
	for (size_t i = 0; i < count; i++) {
		world_start(k->w, i);
		checked_run(k, 1);
	}
	checked_run(k, 20);
	ck_assert_msg(net_ring_is_ideal(world_net(k->w), NULL), "%s", net_ring_fault(world_net(k->w)));
	for (size_t i = 0; i < count; i++)
		world_register(k->w, i, 3600);
	checked_run(k, 10);
	ck_assert_uint_eq(check_violation_count(k->c), 0);
}

/* From here on with the patience that silent failures need. */
static inline void checked_be_patient(struct checked *k, bool every_event)
{
	struct check_options co = { .every_event = every_event };

	check_free(k->c);
	k->c = check_new(k->w, &co);
	check_second(k->c);
}

static inline void checked_free(struct checked *k)
{
	check_free(k->c);
	k->c = NULL;
	world_free(k->w);
}

static inline const struct violation *checked_find(const struct checked *k, enum check_id id)
{
	for (size_t i = 0; i < check_violation_count(k->c); i++)
		if (check_violation(k->c, i)->check == id)
			return check_violation(k->c, i);
	return NULL;
}

static inline void checked_expect_none(const struct checked *k)
{
	for (size_t i = 0; i < check_violation_count(k->c); i++)
		ck_abort_msg("%s: %s", check_name(check_violation(k->c, i)->check), check_violation(k->c, i)->text);
}

static inline void checked_expect(const struct checked *k, enum check_id id, const char *words)
{
	const struct violation *v = checked_find(k, id);

	ck_assert_msg(v != NULL, "no violation of %s", check_name(id));
	ck_assert_msg(strstr(v->text, words) != NULL, "%s", v->text);
}

/* The node `steps` behind another on the ring. */
static inline size_t checked_after(const struct checked *k, size_t node, unsigned steps)
{
	while (steps-- > 0) {
		struct node_id next = node_id_next(net_node_id(world_net(k->w), node));

		node = net_owner(world_net(k->w), &next);
	}
	return node;
}

static inline const struct node_id *checked_id(const struct checked *k, size_t node)
{
	return net_node_id(world_net(k->w), node);
}

static inline struct chord *checked_chord(const struct checked *k, size_t node)
{
	return peer_topology(net_peer(world_net(k->w), node))->ctx;
}

/* The `number`th of the three that hold the record of a node: 0 is the owner. */
static inline size_t checked_holder(const struct checked *k, size_t record, unsigned number)
{
	struct node_id point;

	ck_assert_int_eq(node_id_from_resource_id(&world_record(k->w, record)->resource, &point), 0);
	return checked_after(k, net_owner(world_net(k->w), &point), number);
}

static inline struct stored_resource *checked_resource(const struct checked *k, size_t record, size_t node)
{
	struct node_id point;

	ck_assert_int_eq(node_id_from_resource_id(&world_record(k->w, record)->resource, &point), 0);
	return store_resource(&world_storage(k->w, node)->store, &point);
}

#endif
