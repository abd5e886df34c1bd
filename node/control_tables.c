/* SPDX-License-Identifier: MIT */
/* Commands that show tables of this node: an item a row. */
#include <stdlib.h>

#include "node/control_call.h"
#include "node/control_value.h"
#include "overlay/base/invariant.h"
#include "overlay/link.h"

void control_peers(struct control_call *call, struct now now)
{
	struct link_info link;
	size_t cursor = 0, count = 0;

	while (link_next(call->node->peer, &cursor, &link)) {
		json_t *item = json_object();

		(void)json_object_set_new(item, "node_id", control_node_id(&link.node_id));
		(void)json_object_set_new(item, "user", json_string(link.user));
		(void)json_object_set_new(item, "address", control_address(&link.address));
		(void)json_object_set_new(item, "type", json_string(overlay_link_type_name(link.type)));
		(void)json_object_set_new(item, "state", json_string(link_state_name(link.state)));
		(void)json_object_set_new(item, "outgoing", json_boolean(link.outgoing));
		(void)json_object_set_new(item, "client", json_boolean(link.is_client));
		(void)json_object_set_new(
			item, "age_s",
			json_integer((json_int_t)(instant_since(now.mono, link.since).us / 1000000)));
		(void)json_object_set_new(item, "rtt_us", control_microseconds(link.smoothed_rtt));
		(void)json_object_set_new(item, "messages_in", json_integer((json_int_t)link.messages_in));
		(void)json_object_set_new(item, "messages_out", json_integer((json_int_t)link.messages_out));
		(void)json_object_set_new(item, "bytes_in", json_integer((json_int_t)link.bytes_in));
		(void)json_object_set_new(item, "bytes_out", json_integer((json_int_t)link.bytes_out));
		(void)json_object_set_new(item, "unacknowledged",
					  json_integer((json_int_t)link.unacknowledged));
		control_item(call, item);
		count++;
	}
	control_result(call, json_pack("{s:I}", "links", (json_int_t)count));
}

static void neighbors_show(struct control_call *call, const char *table, const struct node_id *ids, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (node_id_is_zero(&ids[i]))
			continue;
		control_item(call, json_pack("{s:s, s:I, s:o, s:b}", "table", table, "index", (json_int_t)i,
					     "node_id", control_node_id(&ids[i]), "connected",
					     link_find_node(call->node->peer, &ids[i]) != 0));
	}
}

void control_fingers(struct control_call *call, struct now now)
{
	const struct topology *topology = peer_topology(call->node->peer);
	struct topology_view *view = memory_alloc(sizeof(*view));
	size_t valid = 0;

	(void)now;
	topology->ops->view(topology->ctx, view);
	neighbors_show(call, "predecessor", view->predecessors, view->predecessor_count);
	neighbors_show(call, "successor", view->successors, view->successor_count);
	neighbors_show(call, "finger", view->fingers, view->finger_count);
	for (size_t i = 0; i < view->finger_count; i++)
		valid += !node_id_is_zero(&view->fingers[i]);
	control_result(call, json_pack("{s:I, s:I, s:I}", "predecessors", (json_int_t)view->predecessor_count,
				       "successors", (json_int_t)view->successor_count, "fingers",
				       (json_int_t)valid));
	free(view);
}

static const char *transport_name(enum sip_transport transport)
{
	static const char *const names[] = { "udp", "tcp", "overlay" };

	return names[transport];
}

/* Stored registrations this peer holds, its own or others'. */
static size_t stored_registrations(struct control_call *call, struct now now)
{
	struct storage_row row;
	size_t cursor = 0, count = 0;

	while (storage_next(call->node->storage, now, &cursor, &row)) {
		if (row.kind != KIND_SIP_REGISTRATION || !row.data.value.data.exists)
			continue;
		control_item(call, json_pack("{s:s, s:s, s:o, s:o, s:I, s:b}", "where", "held", "aor", row.user,
					     "node_id", control_node_id(&row.signer), "value",
					     control_value(call->node, now, row.kind, row.data.value.data.value),
					     "remaining_s", (json_int_t)row.remaining_s, "owned", row.owned));
		count++;
	}
	return count;
}

void control_registrations(struct control_call *call, struct now now)
{
	struct sip_registration_info r;
	size_t cursor = 0, local = 0, held;

	while (call->node->sip != NULL &&
	       sip_usage_next_registration(call->node->sip, now, &cursor, &r)) {
		control_item(call, json_pack("{s:s, s:s, s:s, s:s, s:o, s:I, s:b}", "where", "phone", "aor", r.aor,
					     "contact", r.contact, "transport",
					     transport_name(r.flow.transport), "remote",
					     control_address(&r.flow.remote), "remaining_s",
					     (json_int_t)r.remaining_s, "stored", r.stored));
		local++;
	}
	held = stored_registrations(call, now);
	control_result(call, json_pack("{s:I, s:I}", "phones", (json_int_t)local, "held", (json_int_t)held));
}

void control_records(struct control_call *call, struct now now)
{
	struct storage_row row;
	size_t cursor = 0, count = 0;

	while (storage_next(call->node->storage, now, &cursor, &row)) {
		json_t *item = json_object();

		(void)json_object_set_new(item, "resource", control_resource_id(&row.resource));
		(void)json_object_set_new(item, "kind", control_kind_name(call->node, row.kind));
		(void)json_object_set_new(item, "user", json_string(row.user));
		(void)json_object_set_new(item, "signer", control_node_id(&row.signer));
		(void)json_object_set_new(item, "entry", control_entry(&row.data.value));
		(void)json_object_set_new(item, "exists", json_boolean(row.data.value.data.exists));
		(void)json_object_set_new(item, "value_bytes",
					  json_integer((json_int_t)row.data.value.data.value.len));
		(void)json_object_set_new(item, "generation", json_integer((json_int_t)row.generation));
		(void)json_object_set_new(item, "storage_time_ms",
					  json_integer((json_int_t)row.data.storage_time));
		(void)json_object_set_new(item, "remaining_s", json_integer(row.remaining_s));
		(void)json_object_set_new(item, "owned", json_boolean(row.owned));
		control_item(call, item);
		count++;
	}
	control_result(call, json_pack("{s:I}", "values", (json_int_t)count));
}
