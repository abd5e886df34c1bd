/* SPDX-License-Identifier: MIT */
/* From JSON to struct ring_peer. */
#include "tools/ctl_ring_json.h"

#include <stdio.h>
#include <string.h>

static bool node_id_of(json_t *value, struct node_id *id)
{
	return json_is_string(value) && node_id_parse(json_string_value(value), id) == 0;
}

static void text_of(json_t *item, const char *name, char *out, size_t size)
{
	const char *text = json_string_value(json_object_get(item, name));

	snprintf(out, size, "%s", text == NULL ? "" : text);
}

static bool number_of(json_t *item, const char *name, uint64_t *out)
{
	json_t *value = json_object_get(item, name);

	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return false;
	*out = (uint64_t)json_integer_value(value);
	return true;
}

static bool has_flag(json_t *item, const char *name)
{
	json_t *flag;
	size_t i;

	json_array_foreach(json_object_get(item, "flags"), i, flag) {
		const char *text = json_string_value(flag);

		if (text != NULL && strcmp(text, name) == 0)
			return true;
	}
	return false;
}

bool ring_add_json(struct ring *r, json_t *item)
{
	struct ring_peer *p;
	struct node_id id;
	uint64_t share;

	if (!node_id_of(json_object_get(item, "node_id"), &id))
		return false;
	p = ring_add(r);
	p->id = id;
	text_of(item, "user", p->user, sizeof(p->user));
	text_of(item, "address", p->address, sizeof(p->address));
	p->is_self = json_is_true(json_object_get(item, "self"));
	p->unreachable = json_is_true(json_object_get(item, "unreachable"));
	p->outside = has_flag(item, "joining") || has_flag(item, "not inspected");
	/* A list of neighbors begins with the nearest one. */
	p->has_predecessor = node_id_of(json_object_get(item, "predecessor"), &p->predecessor) ||
			     node_id_of(json_array_get(json_object_get(item, "predecessors"), 0),
					&p->predecessor);
	p->has_successor = node_id_of(json_object_get(item, "successor"), &p->successor) ||
			   node_id_of(json_array_get(json_object_get(item, "successors"), 0),
				      &p->successor);
	p->has_share = number_of(item, "share_ppb", &share) && share <= 1000000000;
	p->share_ppb = p->has_share ? (uint32_t)share : 0;
	p->has_uptime = number_of(item, "uptime_s", &p->uptime_s);
	p->has_records = number_of(item, "records", &p->records);
	p->has_rtt = !p->is_self && number_of(item, "rtt_us", &p->rtt_us);
	return true;
}
