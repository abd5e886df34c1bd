/* SPDX-License-Identifier: MIT */
/* Attach, AppAttach, Join, Leave, Update and RouteQuery as text. */
#include "overlay/wire/body_routing.h"
#include "overlay/wire/dump_body.h"

static const char *dump_candidate_name(uint8_t type)
{
	switch (type) {
	case CANDIDATE_HOST:
		return "host";
	case CANDIDATE_SRFLX:
		return "srflx";
	case CANDIDATE_RELAY:
		return "relay";
	default:
		return "reserved";
	}
}

static void dump_candidates(struct dump *d, const struct ice_candidate *candidates, size_t count)
{
	dump_line(d, "candidates: %zu", count);
	d->depth++;
	for (size_t i = 0; i < count; i++) {
		const struct ice_candidate *c = &candidates[i];

		dump_address(d, "addr_port", &c->address);
		d->depth++;
		dump_line(d, "overlay_link: %u %s", c->overlay_link, overlay_link_type_name(c->overlay_link));
		dump_text(d, "foundation", c->foundation);
		dump_line(d, "priority: %u", c->priority);
		dump_line(d, "type: %u %s", c->type, dump_candidate_name(c->type));
		if (c->type != CANDIDATE_HOST)
			dump_address(d, "rel_addr_port", &c->related);
		for (size_t j = 0; j < c->extension_count; j++) {
			dump_text(d, "extension name", c->extensions[j].name);
			dump_text(d, "extension value", c->extensions[j].value);
		}
		d->depth--;
	}
	d->depth--;
}

void dump_attach(struct dump *d, struct reader *r)
{
	struct attach x;

	if (attach_get(r, d->arena, &x) != 0 || reader_finish(r) != 0)
		return;
	dump_text(d, "ufrag", x.ufrag);
	/* Short-term credentials are no business of a log's reader. */
	dump_line(d, "password: %zu bytes, not shown", x.password.len);
	dump_text(d, "role", x.role);
	dump_candidates(d, x.candidates, x.candidate_count);
	dump_bool(d, "send_update", x.send_update);
}

void dump_app_attach(struct dump *d, struct reader *r)
{
	struct app_attach x;

	if (app_attach_get(r, d->arena, &x) != 0 || reader_finish(r) != 0)
		return;
	dump_text(d, "ufrag", x.ufrag);
	dump_line(d, "password: %zu bytes, not shown", x.password.len);
	dump_line(d, "application: %u", x.application);
	dump_text(d, "role", x.role);
	dump_candidates(d, x.candidates, x.candidate_count);
}

void dump_join_req(struct dump *d, struct reader *r)
{
	struct join_req x;

	if (join_req_get(r, d->arena, &x) != 0 || reader_finish(r) != 0)
		return;
	dump_node_id(d, "joining_peer_id", &x.joining_peer_id);
	dump_bytes(d, "overlay_specific_data", x.overlay_specific_data);
}

void dump_join_ans(struct dump *d, struct reader *r)
{
	struct join_ans x;

	if (join_ans_get(r, d->arena, &x) != 0 || reader_finish(r) != 0)
		return;
	dump_bytes(d, "overlay_specific_data", x.overlay_specific_data);
}

void dump_leave_req(struct dump *d, struct reader *r)
{
	struct leave_req x;
	struct chord_leave leave;
	struct reader data;

	if (leave_req_get(r, d->arena, &x) != 0 || reader_finish(r) != 0)
		return;
	dump_node_id(d, "leaving_peer_id", &x.leaving_peer_id);
	data = reader_of(x.overlay_specific_data);
	if (chord_leave_get(&data, d->arena, &leave) != 0 || reader_finish(&data) != 0) {
		dump_bytes(d, "overlay_specific_data", x.overlay_specific_data);
		return;
	}
	dump_open(d, "ChordLeaveData");
	dump_line(d, "type: %u %s", leave.type, leave.type == CHORD_FROM_SUCC ? "from_succ" : "from_pred");
	dump_node_ids(d, leave.type == CHORD_FROM_SUCC ? "successors" : "predecessors", leave.nodes,
		      leave.count);
	dump_close(d);
}

void dump_chord_update(struct dump *d, struct reader *r)
{
	static const char *const types[] = {
		[CHORD_PEER_READY] = "peer_ready",
		[CHORD_NEIGHBORS] = "neighbors",
		[CHORD_FULL] = "full",
	};
	struct chord_update x;

	if (chord_update_get(r, d->arena, &x) != 0 || reader_finish(r) != 0)
		return;
	dump_line(d, "uptime: %u", x.uptime);
	dump_line(d, "type: %u %s", x.type, types[x.type]);
	if (x.type == CHORD_PEER_READY)
		return;
	dump_node_ids(d, "predecessors", x.predecessors, x.predecessor_count);
	dump_node_ids(d, "successors", x.successors, x.successor_count);
	if (x.type == CHORD_FULL)
		dump_node_ids(d, "fingers", x.fingers, x.finger_count);
}

void dump_route_query_req(struct dump *d, struct reader *r)
{
	struct route_query_req x;

	if (route_query_req_get(r, d->arena, &x) != 0 || reader_finish(r) != 0)
		return;
	dump_bool(d, "send_update", x.send_update);
	dump_destination(d, "destination", &x.destination);
	dump_bytes(d, "overlay_specific_data", x.overlay_specific_data);
}

void dump_route_query_ans(struct dump *d, struct reader *r)
{
	struct route_query_ans x;

	if (route_query_ans_get(r, d->arena, &x) != 0 || reader_finish(r) != 0)
		return;
	dump_node_id(d, "next_peer", &x.next_peer);
}
