/* SPDX-License-Identifier: MIT */
/* Ping, Probe, ConfigUpdate, Inspect and TurnServer as text. */
#include "overlay/wire/body_misc.h"
#include "overlay/wire/dump_body.h"

static const char *dump_probe_name(uint8_t type)
{
	switch (type) {
	case PROBE_RESPONSIBLE_SET:
		return "responsible_set";
	case PROBE_NUM_RESOURCES:
		return "num_resources";
	case PROBE_UPTIME:
		return "uptime";
	default:
		return "unknown";
	}
}

void dump_ping_req(struct dump *d, struct reader *r)
{
	struct ping_req x;

	if (ping_req_get(r, d->arena, &x) != 0 || reader_finish(r) != 0)
		return;
	dump_bytes(d, "padding", x.padding);
}

void dump_ping_ans(struct dump *d, struct reader *r)
{
	struct ping_ans x;

	if (ping_ans_get(r, d->arena, &x) != 0 || reader_finish(r) != 0)
		return;
	dump_line(d, "response_id: 0x%016llx", (unsigned long long)x.response_id);
	dump_time(d, "time", x.time);
}

void dump_probe_req(struct dump *d, struct reader *r)
{
	struct probe_req x;
	struct reader info;

	if (probe_req_get(r, d->arena, &x) != 0 || reader_finish(r) != 0)
		return;
	dump_line(d, "requested_info: %zu", x.requested_info.len);
	d->depth++;
	info = reader_of(x.requested_info);
	while (reader_more(&info)) {
		uint8_t type = reader_u8(&info);

		dump_line(d, "%u %s", type, dump_probe_name(type));
	}
	d->depth--;
}

void dump_probe_ans(struct dump *d, struct reader *r)
{
	struct probe_ans x;

	if (probe_ans_get(r, d->arena, &x) != 0 || reader_finish(r) != 0)
		return;
	dump_line(d, "probe_info: %zu", x.count);
	d->depth++;
	for (size_t i = 0; i < x.count; i++) {
		const struct probe_information *item = &x.items[i];

		switch (item->type) {
		case PROBE_RESPONSIBLE_SET:
			dump_line(d, "responsible_ppb: %u", item->value);
			break;
		case PROBE_NUM_RESOURCES:
		case PROBE_UPTIME:
			dump_line(d, "%s: %u", dump_probe_name(item->type), item->value);
			break;
		default:
			dump_line(d, "type: %u unknown", item->type);
			dump_bytes(d, "value", item->unknown);
			break;
		}
	}
	d->depth--;
}

void dump_config_update_req(struct dump *d, struct reader *r)
{
	struct config_update_req x;

	if (config_update_req_get(r, d->arena, &x) != 0 || reader_finish(r) != 0)
		return;
	switch (x.type) {
	case CONFIG_UPDATE_CONFIG:
		dump_line(d, "type: 1 config");
		dump_text(d, "config_data", x.config_data);
		break;
	case CONFIG_UPDATE_KIND:
		dump_line(d, "type: 2 kind");
		dump_line(d, "kinds: %zu", x.kind_count);
		d->depth++;
		for (size_t i = 0; i < x.kind_count; i++)
			dump_text(d, "kind", x.kinds[i]);
		d->depth--;
		break;
	default:
		dump_line(d, "type: %u unknown", x.type);
		dump_bytes(d, "data", x.config_data);
		break;
	}
}

void dump_inspect_ans(struct dump *d, struct reader *r)
{
	struct inspect_ans x;

	if (inspect_ans_get(r, d->arena, &x) != 0 || reader_finish(r) != 0)
		return;
	dump_line(d, "uptime: %u", x.uptime);
	dump_line(d, "resources: %u", x.resources);
	dump_line(d, "values: %u", x.values);
	dump_bool(d, "joined", x.joined != 0);
	for (size_t i = 0; i < x.address_count; i++)
		dump_address(d, "address", &x.addresses[i]);
	dump_node_ids(d, "predecessors", x.predecessors, x.predecessor_count);
	dump_node_ids(d, "successors", x.successors, x.successor_count);
	dump_text(d, "version", x.version);
}

void dump_turn_server(struct dump *d, struct reader *r)
{
	struct turn_server x;

	if (turn_server_get(r, d->arena, &x) != 0 || reader_finish(r) != 0)
		return;
	dump_line(d, "iteration: %u", x.iteration);
	dump_address(d, "server_address", &x.address);
}
