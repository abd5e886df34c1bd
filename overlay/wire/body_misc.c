/* SPDX-License-Identifier: MIT */
/* Bodies of Ping, Probe, ConfigUpdate and Inspect; TurnServer. */
#include "overlay/wire/body_misc.h"

#include "overlay/base/invariant.h"
#include "overlay/wire/list.h"

#define PROBE_INFORMATION_MAX 255 /* as many as a request can ask for */
#define CONFIG_UPDATE_KINDS_MAX 256
#define INSPECT_ADDRESSES_MAX 4 /* of those told, more are passed over */

/* struct { opaque<0..2^16-1> padding; } PingReq; */
int ping_req_get(struct reader *r, struct arena *a, struct ping_req *x)
{
	(void)a;
	x->padding = reader_opaque16(r);
	return r->err;
}

void ping_req_put(struct writer *w, const struct ping_req *x)
{
	writer_opaque16(w, x->padding);
}

/* struct { uint64 response_id; uint64 time; } PingAns; */
int ping_ans_get(struct reader *r, struct arena *a, struct ping_ans *x)
{
	(void)a;
	x->response_id = reader_u64(r);
	x->time = reader_u64(r);
	return r->err;
}

void ping_ans_put(struct writer *w, const struct ping_ans *x)
{
	writer_u64(w, x->response_id);
	writer_u64(w, x->time);
}

/* struct { ProbeInformationType requested_info<0..2^8-1>; } ProbeReq; */
int probe_req_get(struct reader *r, struct arena *a, struct probe_req *x)
{
	(void)a;
	x->requested_info = reader_opaque8(r);
	return r->err;
}

void probe_req_put(struct writer *w, const struct probe_req *x)
{
	writer_opaque8(w, x->requested_info);
}

static bool probe_type_is_known(uint8_t type)
{
	return type >= PROBE_RESPONSIBLE_SET && type <= PROBE_UPTIME;
}

static void probe_information_skip(struct reader *r)
{
	reader_u8(r);
	reader_opaque8(r);
}

/* struct { ProbeInformationType type; uint8 length; ProbeInformationData value; } ProbeInformation;
 * struct { ProbeInformation probe_info<0..2^16-1>; } ProbeAns; every known value is a uint32 */
int probe_ans_get(struct reader *r, struct arena *a, struct probe_ans *x)
{
	struct reader list = reader_sub16(r);

	x->items = list_room(&list, a, PROBE_INFORMATION_MAX, probe_information_skip,
			     sizeof(struct probe_information), &x->count);
	for (size_t i = 0; i < x->count; i++) {
		struct probe_information *item = &x->items[i];
		struct reader value;

		item->type = reader_u8(&list);
		value = reader_sub8(&list);
		if (probe_type_is_known(item->type))
			item->value = reader_u32(&value);
		else
			item->unknown = reader_bytes(&value, reader_left(&value));
		reader_join(&list, &value);
	}
	reader_join(r, &list);
	return r->err;
}

void probe_ans_put(struct writer *w, const struct probe_ans *x)
{
	size_t place = writer_begin16(w);

	for (size_t i = 0; i < x->count; i++) {
		const struct probe_information *item = &x->items[i];
		size_t value;

		writer_u8(w, item->type);
		value = writer_begin8(w);
		if (probe_type_is_known(item->type))
			writer_u32(w, item->value);
		else
			writer_bytes(w, item->unknown);
		writer_end8(w, value);
	}
	writer_end16(w, place);
}

static void kind_description_skip(struct reader *r)
{
	reader_opaque16(r);
}

static void config_update_kinds_get(struct reader *r, struct arena *a, struct config_update_req *x)
{
	struct reader list = reader_sub24(r);

	x->kinds = list_room(&list, a, CONFIG_UPDATE_KINDS_MAX, kind_description_skip,
			     sizeof(struct slice), &x->kind_count);
	for (size_t i = 0; i < x->kind_count; i++)
		x->kinds[i] = reader_opaque16(&list);
	reader_join(r, &list);
}

/* struct { ConfigUpdateType type; uint32 length; select (type) {
 *   case config: opaque config_data<0..2^24-1>;
 *   case kind: KindDescription kinds<0..2^24-1>; -- opaque KindDescription<0..2^16-1>
 * }; } ConfigUpdateReq; */
int config_update_req_get(struct reader *r, struct arena *a, struct config_update_req *x)
{
	struct reader rest;

	*x = (struct config_update_req){ .type = reader_u8(r) };
	rest = reader_sub32(r);
	switch (x->type) {
	case CONFIG_UPDATE_CONFIG:
		x->config_data = reader_opaque24(&rest);
		break;
	case CONFIG_UPDATE_KIND:
		config_update_kinds_get(&rest, a, x);
		break;
	default:
		x->config_data = reader_bytes(&rest, reader_left(&rest));
		break;
	}
	reader_join(r, &rest);
	return r->err;
}

void config_update_req_put(struct writer *w, const struct config_update_req *x)
{
	size_t rest, list;

	writer_u8(w, x->type);
	rest = writer_begin32(w);
	switch (x->type) {
	case CONFIG_UPDATE_CONFIG:
		writer_opaque24(w, x->config_data);
		break;
	case CONFIG_UPDATE_KIND:
		list = writer_begin24(w);
		for (size_t i = 0; i < x->kind_count; i++)
			writer_opaque16(w, x->kinds[i]);
		writer_end24(w, list);
		break;
	default:
		writer_bytes(w, x->config_data);
		break;
	}
	writer_end32(w, rest);
}

static void address_skip(struct reader *r)
{
	reader_u8(r);
	reader_opaque8(r);
}

/* Ours, in the manner of RFC 6940:
 * struct { uint32 uptime; uint32 resources; uint32 values; Boolean joined; IpAddressPort addresses<0..2^8-1>;
 *   NodeId predecessors<0..2^16-1>; NodeId successors<0..2^16-1>; opaque version<0..2^8-1>; } InspectAns; */
int inspect_ans_get(struct reader *r, struct arena *a, struct inspect_ans *x)
{
	struct reader list;

	x->uptime = reader_u32(r);
	x->resources = reader_u32(r);
	x->values = reader_u32(r);
	x->joined = reader_bool(r);
	x->address_count = 0;
	list = reader_sub8(r);
	while (reader_more(&list)) {
		if (x->address_count < INSPECT_ADDRESSES_MAX)
			address_get(&list, &x->addresses[x->address_count++]);
		else
			address_skip(&list);
	}
	reader_join(r, &list);
	node_id_list_get(r, a, &x->predecessors, &x->predecessor_count);
	node_id_list_get(r, a, &x->successors, &x->successor_count);
	x->version = reader_opaque8(r);
	return r->err;
}

void inspect_ans_put(struct writer *w, const struct inspect_ans *x)
{
	size_t place;

	invariant(x->address_count <= INSPECT_ADDRESSES_MAX);
	writer_u32(w, x->uptime);
	writer_u32(w, x->resources);
	writer_u32(w, x->values);
	writer_bool(w, x->joined != 0);
	place = writer_begin8(w);
	for (size_t i = 0; i < x->address_count; i++)
		address_put(w, &x->addresses[i]);
	writer_end8(w, place);
	node_id_list_put(w, x->predecessors, x->predecessor_count);
	node_id_list_put(w, x->successors, x->successor_count);
	writer_opaque8(w, x->version);
}

/* struct { uint8 iteration; IpAddressPort server_address; } TurnServer; */
int turn_server_get(struct reader *r, struct arena *a, struct turn_server *x)
{
	(void)a;
	x->iteration = reader_u8(r);
	address_get(r, &x->address);
	return r->err;
}

void turn_server_put(struct writer *w, const struct turn_server *x)
{
	writer_u8(w, x->iteration);
	address_put(w, &x->address);
}
