/* SPDX-License-Identifier: MIT */
/* A packet's way through the ring: the HIP-RVS record of its receiver, then HIP_CARRY to the edges in it, one
 * after the other, until one has delivered it. A pair keeps to the edge that answered. Until an R1 has come
 * back, each new I1 begins with the next edge of the record: an edge that says it serves a HIT and does not
 * costs a retransmission, no more. */
#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "usage/hip/hip_edge.h"

#define HIP_PROTOCOL_UDP 17

struct hip_journey {
	struct hip_journey *next, **link;
	struct hip_edge *edge;
	struct hit sender, receiver;
	uint8_t type;
	uint8_t protocol;
	struct address source;
	bool looked_up;
	struct node_id edges[HIP_LOCATED_MAX];
	size_t count, first, tried;
	size_t len;
	uint8_t packet[];
};

static void hip_journey_free(struct hip_journey *j)
{
	*j->link = j->next;
	if (j->next != NULL)
		j->next->link = j->link;
	j->edge->journey_count--;
	free(j);
}

void hip_journeys_free(struct hip_edge *e)
{
	while (e->journeys != NULL) {
		hip_carry_cancel(e->host, e->journeys);
		hip_locate_cancel(e->host, e->journeys);
		hip_journey_free(e->journeys);
	}
}

static void hip_journey_lose(struct hip_journey *j, const char *reason)
{
	char sender[HIT_TEXT_SIZE], receiver[HIT_TEXT_SIZE];
	struct hip_host *h = j->edge->host;

	/* A rendezvous server drops what it knows no receiver for (RFC 8004 4.3.2). */
	h->counters->hip_lost++;
	log_info(h->log, "hip.edge.lost", "reason=%s type=%s sender=%s receiver=%s edges=%zu", reason,
		 hip_packet_type_name(j->type), hit_text(&j->sender, sender), hit_text(&j->receiver, receiver),
		 j->count);
	hip_journey_free(j);
}

static struct hip_pair *hip_journey_pair(struct hip_journey *j, struct now now)
{
	return hip_pair_find(j->edge->pairs, now, &j->sender, &j->receiver);
}

static void hip_journey_locate(struct hip_journey *j, struct now now);
static void hip_journey_done(void *ctx, struct now now, int err, int outcome);

/* To the next edge. The journey may be over when this returns. */
static void hip_journey_go(struct hip_journey *j, struct now now)
{
	struct hip_host *h = j->edge->host;

	while (j->tried < j->count) {
		const struct node_id *edge = &j->edges[(j->first + j->tried++) % j->count];
		struct hip_pair *pair = hip_journey_pair(j, now);

		if (pair != NULL && j->type == HIP_I1)
			hip_pair_asked(pair, edge);
		if (hip_carry_send(h, now, edge, j->protocol, &j->source, slice_of(j->packet, j->len),
				   hip_journey_done, j) == 0)
			return;
	}
	if (j->looked_up)
		hip_journey_lose(j, "edges");
	else
		hip_journey_locate(j, now); /* the edge that the pair kept to is gone */
}

static void hip_journey_done(void *ctx, struct now now, int err, int outcome)
{
	struct hip_journey *j = ctx;
	struct node_id edge = j->edges[(j->first + j->tried - 1) % j->count];
	struct hip_pair *pair = hip_journey_pair(j, now);
	struct hip_end *to = pair == NULL ? NULL : hip_pair_end(pair, &j->receiver);

	if (err == 0 && (outcome == HIP_CARRY_DELIVERED || outcome == HIP_CARRY_SUPPRESSED)) {
		if (to != NULL && (to->path.channel == HIP_CHANNEL_NONE
				   || (to->path.channel == HIP_CHANNEL_OVERLAY && !pair->answered)))
			to->path = (struct hip_path){ .channel = HIP_CHANNEL_OVERLAY, .node = edge };
		hip_journey_free(j);
		return;
	}
	if (err != 0 || outcome == HIP_CARRY_NOT_SERVED) {
		hip_locate_forget(j->edge->host, &j->receiver);
		if (to != NULL && to->path.channel == HIP_CHANNEL_OVERLAY && node_id_equal(&to->path.node, &edge)) {
			to->path.channel = HIP_CHANNEL_NONE;
			pair->answered = false;
		}
	}
	hip_journey_go(j, now);
}

static void hip_journey_located(void *ctx, struct now now, int err, const struct hip_located *found, size_t count)
{
	struct hip_journey *j = ctx;
	struct hip_pair *pair = hip_journey_pair(j, now);

	if (err < 0 || count == 0) {
		hip_journey_lose(j, err < 0 ? error_name(err) : "not-found");
		return;
	}
	j->count = count < HIP_LOCATED_MAX ? count : HIP_LOCATED_MAX;
	for (size_t i = 0; i < j->count; i++)
		j->edges[i] = found[i].edge;
	j->tried = 0;
	j->first = pair == NULL ? 0 : pair->rounds % j->count;
	if (pair != NULL && j->type == HIP_I1)
		pair->rounds++;
	hip_journey_go(j, now);
}

static void hip_journey_locate(struct hip_journey *j, struct now now)
{
	int err;

	j->looked_up = true;
	err = hip_locate(j->edge->host, now, &j->receiver, hip_journey_located, j);
	if (err < 0)
		hip_journey_lose(j, error_name(err));
}

int hip_journey_begin(const struct hip_passage *x)
{
	struct hip_edge *e = x->edge;
	struct slice bytes = x->packet->bytes;
	struct hip_journey *j;

	/* A carried packet leaves the ring here or nowhere. */
	if (x->carry != NULL || x->host->carrier == NULL || x->host->records == NULL)
		return hip_passage_drop(x, &x->host->counters->hip_lost, "not-served", HIP_CARRY_NOT_SERVED);
	if (e->journey_count >= HIP_JOURNEYS_MAX)
		return hip_passage_drop(x, &x->host->counters->hip_limit, "journeys", HIP_CARRY_REFUSED);
	j = memory_alloc(sizeof(*j) + bytes.len);
	j->edge = e;
	j->sender = x->packet->sender;
	j->receiver = x->packet->receiver;
	j->type = x->packet->type;
	j->protocol = x->path->channel == HIP_CHANNEL_UDP ? HIP_PROTOCOL_UDP : HIP_PROTOCOL;
	j->source = x->path->remote;
	j->len = bytes.len;
	memcpy(j->packet, bytes.data, bytes.len);
	j->link = &e->journeys;
	j->next = e->journeys;
	if (j->next != NULL)
		j->next->link = &j->next;
	e->journeys = j;
	e->journey_count++;
	if (x->to->path.channel == HIP_CHANNEL_OVERLAY && (x->packet->type != HIP_I1 || x->pair->answered)) {
		j->edges[j->count++] = x->to->path.node;
		hip_journey_go(j, x->now);
	} else {
		hip_journey_locate(j, x->now);
	}
	return HIP_CARRY_DELIVERED;
}
