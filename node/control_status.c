/* SPDX-License-Identifier: MIT */
/* Commands about this node itself: status, counters, config, log, leave, shutdown. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "node/control.h"
#include "node/control_call.h"
#include "node/log_file.h"
#include "node/settings_schema.h"
#include "overlay/base/invariant.h"
#include "overlay/link.h"

static const char *state_name(enum peer_state state)
{
	static const char *const names[] = { "idle", "connecting", "joining", "joined", "leaving", "left" };

	return names[state];
}

static const char *role_name(int role)
{
	static const char *const names[] = { "peer", "bootstrap", "client" };

	return names[role];
}

/* Memory of this process in bytes: all of it, and what it shares with nobody. */
static void memory_read(uint64_t *resident, uint64_t *private)
{
	FILE *file = fopen("/proc/self/smaps_rollup", "re");
	char line[128];
	uint64_t kib;

	*resident = *private = 0;
	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		if (sscanf(line, "Rss: %" SCNu64, &kib) == 1)
			*resident = kib * 1024;
		else if (sscanf(line, "Private_Clean: %" SCNu64, &kib) == 1 ||
			 sscanf(line, "Private_Dirty: %" SCNu64, &kib) == 1)
			*private += kib * 1024;
	}
	if (file != NULL)
		(void)fclose(file);
}

static json_t *addresses_of(const struct node *n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n->candidate_count; i++)
		(void)json_array_append_new(
			list, json_pack("{s:s, s:o}", "type",
					overlay_link_type_name(n->candidates[i].overlay_link), "address",
					control_address(&n->candidates[i].address)));
	return list;
}

static void put_ring(const struct node *n, json_t *status)
{
	struct topology_view *view = memory_alloc(sizeof(*view));
	const struct topology *topology = peer_topology(n->peer);
	uint32_t share = 0;

	topology->ops->view(topology->ctx, view);
	if (peer_state(n->peer) == PEER_JOINED && !peer_is_client(n->peer))
		share = view->predecessor_count == 0
				? 1000000000
				: node_id_share_ppb(&view->predecessors[0], peer_node_id(n->peer));
	(void)json_object_set_new(status, "share_ppb", json_integer(share));
	(void)json_object_set_new(status, "predecessors", json_integer((json_int_t)view->predecessor_count));
	(void)json_object_set_new(status, "successors", json_integer((json_int_t)view->successor_count));
	free(view);
}

static void put_counts(const struct node *n, json_t *status)
{
	const struct storage_port *storage = peer_storage(n->peer);
	struct storage_statistics held = { 0 };
	uint64_t resident, private;

	storage->ops->statistics(storage->ctx, &held);
	memory_read(&resident, &private);
	(void)json_object_set_new(status, "links", json_integer((json_int_t)link_count(n->peer)));
	(void)json_object_set_new(status, "resources", json_integer(held.resources));
	(void)json_object_set_new(status, "values", json_integer(held.values));
	(void)json_object_set_new(status, "value_bytes", json_integer((json_int_t)held.bytes));
	(void)json_object_set_new(status, "rss_bytes", json_integer((json_int_t)resident));
	(void)json_object_set_new(status, "private_bytes", json_integer((json_int_t)private));
	(void)json_object_set_new(status, "turns", json_integer((json_int_t)n->driver.turns));
	(void)json_object_set_new(status, "effects", json_integer((json_int_t)n->driver.effects));
}

void control_status(struct control_call *call, struct now now)
{
	const struct node *n = call->node;
	const struct security *security = peer_security(n->peer);
	const struct identity *own = security->ops->own_identity(security->ctx);
	const struct configuration *c = peer_configuration(n->peer);
	json_t *status = json_object();
	char hit[HIT_TEXT_SIZE];

	(void)json_object_set_new(status, "node_id", control_node_id(peer_node_id(n->peer)));
	(void)json_object_set_new(status, "user", json_string(own->user));
	(void)json_object_set_new(status, "hit",
				  n->hip == NULL ? json_null() : json_string(hit_text(hip_host_hit(n->hip), hit)));
	(void)json_object_set_new(status, "overlay", json_string(c->overlay_name));
	(void)json_object_set_new(status, "state", json_string(state_name(peer_state(n->peer))));
	(void)json_object_set_new(status, "role", json_string(role_name(n->settings.role)));
	(void)json_object_set_new(status, "uptime_s", json_integer(peer_uptime_s(n->peer, now)));
	(void)json_object_set_new(status, "version", json_string(PEAL_VERSION));
	(void)json_object_set_new(status, "pid", json_integer(getpid()));
	(void)json_object_set_new(status, "addresses", addresses_of(n));
	(void)json_object_set_new(status, "config_sequence", json_integer(c->sequence));
	(void)json_object_set_new(status, "certificate_until_ms",
				  json_integer((json_int_t)own->not_after.ms));
	put_ring(n, status);
	put_counts(n, status);
	control_result(call, status);
}

void control_counters(struct control_call *call, struct now now)
{
	const struct counters *counters = peer_counters(call->node->peer);
	json_t *result = json_object();
	const char *name, *meaning;
	uint64_t value;
	size_t cursor = 0;

	(void)now;
	while (counter_next(counters, &cursor, &name, &meaning, &value))
		(void)json_object_set_new(result, name, json_integer((json_int_t)value));
	control_result(call, result);
}

static json_t *kinds_of(const struct kind_table *kinds)
{
	json_t *list = json_array();

	for (size_t i = 0; i < kinds->count; i++) {
		const struct kind *k = &kinds->items[i];

		(void)json_array_append_new(
			list, json_pack("{s:I, s:s, s:s, s:s, s:I, s:I}", "id", (json_int_t)k->id, "name",
					k->name, "data_model", data_model_name(k->model), "access",
					access_policy_name(k->access), "max_count", (json_int_t)k->max_count,
					"max_size", (json_int_t)k->max_size));
	}
	return list;
}

static json_t *overlay_of(const struct configuration *c)
{
	json_t *o = json_object();
	json_t *bootstrap = json_array();

	for (size_t i = 0; i < c->bootstrap_node_count; i++)
		(void)json_array_append_new(bootstrap, control_address(&c->bootstrap_nodes[i]));
	(void)json_object_set_new(o, "name", json_string(c->overlay_name));
	(void)json_object_set_new(o, "sequence", json_integer(c->sequence));
	(void)json_object_set_new(o, "expiration_ms", json_integer((json_int_t)c->expiration.ms));
	(void)json_object_set_new(o, "bootstrap_nodes", bootstrap);
	(void)json_object_set_new(o, "clients_permitted", json_boolean(c->clients_permitted));
	(void)json_object_set_new(o, "no_ice", json_boolean(c->no_ice));
	(void)json_object_set_new(o, "chord_update_interval_s", json_integer(c->chord_update_interval_s));
	(void)json_object_set_new(o, "chord_ping_interval_s", json_integer(c->chord_ping_interval_s));
	(void)json_object_set_new(o, "chord_reactive", json_boolean(c->chord_reactive));
	(void)json_object_set_new(o, "max_message_size", json_integer(c->max_message_size));
	(void)json_object_set_new(o, "initial_ttl", json_integer(c->initial_ttl));
	(void)json_object_set_new(o, "overlay_reliability_timer_ms",
				  json_integer(c->overlay_reliability_timer_ms));
	(void)json_object_set_new(o, "bad_nodes", json_integer((json_int_t)c->bad_node_count));
	(void)json_object_set_new(o, "node_id_bits", json_integer(c->node_id_bits));
	(void)json_object_set_new(o, "node_id_slots", json_integer(c->node_id_slots));
	(void)json_object_set_new(o, "kinds", kinds_of(&c->kinds));
	return o;
}

void control_config(struct control_call *call, struct now now)
{
	json_t *settings = json_object();
	char value[1024];

	(void)now;
	for (size_t i = 0; i < settings_schema_count; i++) {
		settings_value_text(&call->node->settings, &settings_schema[i], value, sizeof(value));
		(void)json_object_set_new(settings, settings_schema[i].name, json_string(value));
	}
	control_result(call, json_pack("{s:o, s:o}", "overlay",
				       overlay_of(peer_configuration(call->node->peer)), "settings", settings));
}

/* ---- log: follows until the client goes away ---- */

static void on_log_event(void *ctx, enum log_level level, const char *time, const char *event, const char *text)
{
	struct control_call *call = ctx;
	json_t *item = log_event_json(level, time, event, text);
	char line[1400];

	(void)snprintf(line, sizeof(line), "%s %s %s %s", time, log_level_name(level), event, text);
	if (item != NULL)
		(void)json_object_set_new(item, "line", json_string(line));
	control_item(call, item != NULL ? item : json_object());
}

static void log_release(struct control_call *call)
{
	log_file_unfollow(call->node->log_file, call->state);
}

void control_log(struct control_call *call, struct now now)
{
	const char *name = control_text(call, "level");
	struct log_follower *follower;
	enum log_level level = LOG_ERROR;

	(void)now;
	if (name == NULL)
		name = "info";
	while (level <= LOG_DEBUG && strcmp(log_level_name(level), name) != 0)
		level++;
	if (level > LOG_DEBUG) {
		control_error(call, ERR_MALFORMED, "levels are error, warning, info and debug",
			      "there is no log level \"%.40s\"", name);
		return;
	}
	follower = memory_alloc(sizeof(*follower));
	follower->event = on_log_event;
	follower->ctx = call;
	follower->level = level;
	call->state = follower;
	call->release = log_release;
	log_file_follow(call->node->log_file, follower);
}

/* ---- the end ---- */

static void leave(struct control_call *call, bool stay)
{
	struct node *n = call->node;

	control_result(call, json_pack("{s:s}", "state", "leaving"));
	n->stay = stay;
	n->leave_wanted = true;
}

void control_leave(struct control_call *call, struct now now)
{
	(void)now;
	leave(call, true);
}

void control_shutdown(struct control_call *call, struct now now)
{
	(void)now;
	leave(call, false);
}
