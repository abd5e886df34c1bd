/* SPDX-License-Identifier: MIT */
/* Ping, Probe and Inspect: what this node tells about itself. */
#include "overlay/probe.h"

#include "overlay/peer_state.h"
#include "overlay/wire/body_misc.h"

#define PROBE_ANSWER_ROOM 2048       /* bytes; each byte of a ProbeReq is answered by six */
#define PROBE_WHOLE_RING 1000000000u /* parts per 10^9 */
#define PROBE_ADDRESSES 4

/* Sends what was written, or says why not. */
static void probe_answer(struct peer *p, struct now now, uint64_t handle, const struct writer *w)
{
	if (w->err != 0)
		transport_answer_error(p, now, handle, w->err, SLICE_EMPTY);
	else
		transport_answer(p, now, handle, writer_slice(w), NULL, 0);
}

static void probe_pinged(void *ctx, struct now now, const struct incoming *request)
{
	struct peer *p = ctx;
	struct reader r = reader_of(request->body);
	uint8_t buffer[16];
	struct writer w = writer_of(buffer, sizeof(buffer));
	struct ping_ans ans = { .time = now.wall.ms };
	struct ping_req req;
	int err = ping_req_get(&r, peer_arena(p), &req);

	if (err == 0)
		err = reader_finish(&r);
	if (err != 0) {
		transport_answer_error(p, now, request->handle, err, SLICE_EMPTY);
		return;
	}
	p->security.ops->random(p->security.ctx, &ans.response_id, sizeof(ans.response_id));
	ping_ans_put(&w, &ans);
	probe_answer(p, now, request->handle, &w);
}

static struct storage_statistics probe_statistics(const struct peer *p)
{
	struct storage_statistics s = { 0 };

	p->storage.ops->statistics(p->storage.ctx, &s);
	return s;
}

/* Share of the ring in parts per 10^9. */
static uint32_t probe_responsible_set(const struct peer *p)
{
	struct topology_view view = { 0 };

	if (p->client || p->state != PEER_JOINED)
		return 0;
	p->topology.ops->view(p->topology.ctx, &view);
	if (view.predecessor_count == 0)
		return PROBE_WHOLE_RING;
	return node_id_share_ppb(&view.predecessors[0], &p->node_id);
}

static void probe_probed(void *ctx, struct now now, const struct incoming *request)
{
	struct peer *p = ctx;
	struct reader r = reader_of(request->body);
	uint8_t buffer[PROBE_ANSWER_ROOM];
	struct writer w = writer_of(buffer, sizeof(buffer));
	struct probe_ans ans = { 0 };
	struct probe_req req;
	int err = probe_req_get(&r, peer_arena(p), &req);

	if (err == 0)
		err = reader_finish(&r);
	if (err == 0) {
		ans.items = arena_array(peer_arena(p), req.requested_info.len + 1, sizeof(*ans.items));
		err = ans.items == NULL ? ERR_LIMIT : 0;
	}
	if (err != 0) {
		transport_answer_error(p, now, request->handle, err, SLICE_EMPTY);
		return;
	}
	for (size_t i = 0; i < req.requested_info.len; i++) {
		struct probe_information item = { .type = req.requested_info.data[i] };

		switch (item.type) {
		case PROBE_RESPONSIBLE_SET:
			item.value = probe_responsible_set(p);
			break;
		case PROBE_NUM_RESOURCES:
			item.value = probe_statistics(p).resources;
			break;
		case PROBE_UPTIME:
			item.value = peer_uptime_s(p, now);
			break;
		default:
			continue; /* not known: left out (6.4.2.5.2) */
		}
		ans.items[ans.count++] = item;
	}
	probe_ans_put(&w, &ans);
	probe_answer(p, now, request->handle, &w);
}

/* The addresses overlay links reach us at, each once. */
static void probe_addresses(const struct peer *p, struct inspect_ans *ans)
{
	for (size_t i = 0; i < p->candidate_count && ans->address_count < PROBE_ADDRESSES; i++) {
		bool is_known = false;

		for (size_t j = 0; j < ans->address_count; j++)
			is_known |= address_equal(&ans->addresses[j], &p->candidates[i].address);
		if (!is_known)
			ans->addresses[ans->address_count++] = p->candidates[i].address;
	}
}

static void probe_inspected(void *ctx, struct now now, const struct incoming *request)
{
	struct peer *p = ctx;
	uint8_t buffer[PROBE_ANSWER_ROOM];
	struct writer w = writer_of(buffer, sizeof(buffer));
	struct storage_statistics stored = probe_statistics(p);
	struct topology_view view = { 0 };
	struct inspect_ans ans = { .uptime = peer_uptime_s(p, now),
				   .resources = stored.resources,
				   .values = stored.values,
				   .joined = p->state == PEER_JOINED,
				   .version = slice_text("peald " PEAL_VERSION) };

	if (request->body.len != 0) {
		transport_answer_error(p, now, request->handle, ERR_TRAILING, SLICE_EMPTY);
		return;
	}
	p->topology.ops->view(p->topology.ctx, &view);
	ans.predecessors = view.predecessors;
	ans.predecessor_count = view.predecessor_count;
	ans.successors = view.successors;
	ans.successor_count = view.successor_count;
	probe_addresses(p, &ans);
	inspect_ans_put(&w, &ans);
	probe_answer(p, now, request->handle, &w);
}

void probe_new(struct peer *p)
{
	transport_set_handler(p, METHOD_PING, probe_pinged, p);
	transport_set_handler(p, METHOD_PROBE, probe_probed, p);
	transport_set_handler(p, METHOD_EXP_B, probe_inspected, p);
}
