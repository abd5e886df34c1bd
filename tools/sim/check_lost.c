/* SPDX-License-Identifier: MIT */
/* An acknowledged record that nobody holds any more: whether the faults explain it, or a bug has to. */
#include <stdio.h>

#include "tools/sim/check_internal.h"

/* Peers of the part of the overlay that ought to have got a copy by now, without those that are just stopping. */
static size_t lost_seasoned(const struct check *c, const struct check_record *known)
{
	size_t count = 0;

	for (size_t i = 0; i < c->count; i++) {
		const struct check_node *n = &c->nodes[i];

		count += world_storage(c->world, i) != NULL && n->group == known->failed_group && n->joined_ms != 0 &&
			 check_now_ms(c) - n->joined_ms > c->settle_ms;
	}
	for (uint32_t i = 0; i < known->holder_count; i++) {
		size_t node = known->holders[i].node;

		count -= count > 0 && !known->holders[i].is_running && world_storage(c->world, node) != NULL &&
			 c->nodes[node].group == known->failed_group;
	}
	return count;
}

/* How many of the three whose task it is to hold the record cannot be counted on: hostile ones, and those whose
 * disks failed so that they could not take it. */
static void lost_place_doubt(const struct check *c, const struct record *r, size_t *hostile, size_t *failing)
{
	const struct check_part *part = &c->parts[c->nodes[r->node].group];
	struct node_id point;
	size_t place;

	*hostile = *failing = 0;
	if (part->count == 0 || node_id_from_resource_id(&r->resource, &point) != 0)
		return;
	place = check_place(c, part, &point);
	for (size_t i = 0; i < CHECK_COPIES && i < part->count; i++) {
		const struct check_node *n = &c->nodes[part->members[(place + i) % part->count]];

		*hostile += n->is_hostile;
		*failing += n->disk_ms != 0 && check_now_ms(c) - n->disk_ms <= c->window_ms;
	}
}

/* The stopped nodes whose disks have it. */
static void lost_list_stopped(const struct check_record *known, uint64_t serial, char *text, size_t size)
{
	size_t len = 0;

	snprintf(text, size, "none");
	for (uint32_t i = 0; i < known->holder_count && len + 12 < size; i++)
		if (!known->holders[i].is_running && known->holders[i].serial >= serial)
			len += (size_t)snprintf(text + len, size - len, "%s%u", len == 0 ? "" : " ",
						known->holders[i].node);
}

void check_lost(struct check *c, struct record *r, const struct check_record *known, uint64_t serial)
{
	uint64_t now_ms = check_now_ms(c);
	size_t failures, hostile, seasoned, needed;
	char stopped[60];

	lost_place_doubt(c, r, &hostile, &failures);
	for (size_t i = 0; i < CHECK_COPIES; i++)
		failures += known->failed_ms[i] != 0 && now_ms - known->failed_ms[i] <= c->window_ms;
	seasoned = failures + lost_seasoned(c, known);
	needed = seasoned < CHECK_COPIES ? seasoned : CHECK_COPIES;
	lost_list_stopped(known, serial, stopped, sizeof(stopped));
	r->is_excused = true;
	if ((failures > 0 && failures >= needed) || hostile > 0) {
		c->excused[CHECK_NOT_LOST]++;
		return;
	}
	check_violate(c, CHECK_NOT_LOST, r->node,
		      "the record of user%zu stored by node %zu, content %llu, acknowledged with two replicas "
		      "%llu s ago and good for %llu s more, is held by no running node; %zu of its holders failed "
		      "within the last %llu s; stopped nodes whose disks have it: %s",
		      r->user, r->node, (unsigned long long)serial,
		      (unsigned long long)(world_now(c->world).wall.ms - r->acknowledged_ms) / 1000,
		      (unsigned long long)(r->protected_expires_ms - world_now(c->world).wall.ms) / 1000, failures,
		      (unsigned long long)c->window_ms / 1000, stopped);
}
