/* SPDX-License-Identifier: MIT */
/* Packets of other hosts. A packet comes from a wire or from another edge by HIP_CARRY; it goes to a host
 * served here in that host's mode, back to a host that was heard here, or (from a wire only) into the ring. A
 * carried packet leaves the ring here or nowhere, so no packet can circle. An address that was only claimed in
 * a HIP_CARRY is never sent to. */
#include "usage/hip/hip_edge.h"

#include <stdlib.h>

#include "overlay/base/invariant.h"

struct hip_edge *hip_edge_new(struct hip_host *h)
{
	struct hip_edge *e = memory_alloc(sizeof(*e));

	e->host = h;
	e->clients = map_new(h->options.seed ^ 0x65646765u);
	e->pairs = hip_pairs_new(h->options.seed ^ 0x70616972u);
	e->synthetic_hits = map_new(h->options.seed ^ 0x73796e68u);
	e->synthetic_places = map_new(h->options.seed ^ 0x73796e70u);
	return e;
}

void hip_edge_free(struct hip_edge *e)
{
	if (e == NULL)
		return;
	hip_journeys_free(e);
	hip_clients_free(e);
	hip_synthetics_free(e);
	hip_pairs_free(e->pairs);
	map_free(e->clients);
	map_free(e->synthetic_hits);
	map_free(e->synthetic_places);
	free(e);
}

/* ---- What the modes share ---- */

int hip_passage_drop(const struct hip_passage *x, uint64_t *counter, const char *reason, int outcome)
{
	char sender[HIT_TEXT_SIZE], receiver[HIT_TEXT_SIZE], path[HIP_PATH_TEXT_SIZE];

	(*counter)++;
	if (log_enabled(x->host->log, LOG_INFO))
		log_info(x->host->log, "hip.edge.drop", "reason=%s type=%s sender=%s receiver=%s path=\"%s\"", reason,
			 hip_packet_type_name(x->packet->type), hit_text(&x->packet->sender, sender),
			 hit_text(&x->packet->receiver, receiver), hip_path_text(x->path, path));
	return outcome;
}

int hip_passage_send(const struct hip_passage *x, struct hip_client *client, const struct hip_path *path,
		     struct slice bytes)
{
	char sender[HIT_TEXT_SIZE], receiver[HIT_TEXT_SIZE], text[HIP_PATH_TEXT_SIZE];

	hip_output_packet(x->host, x->now, path, bytes);
	x->host->counters->hip_carried++;
	if (client != NULL)
		client->carried_in++;
	log_debug(x->host->log, "hip.edge.carry", "type=%s sender=%s receiver=%s path=\"%s\"",
		  hip_packet_type_name(x->packet->type), hit_text(&x->packet->sender, sender),
		  hit_text(&x->packet->receiver, receiver), hip_path_text(path, text));
	return HIP_CARRY_DELIVERED;
}

int hip_passage_protect(const struct hip_passage *x, const struct hip_client *client, struct slice parameter,
			uint16_t hmac, struct writer *w)
{
	struct hip_association *a = hip_association_find(x->host, &client->hit);
	uint16_t type = (uint16_t)(parameter.data[0] << 8 | parameter.data[1]);
	bool is_put = false, is_sealed = false;
	struct hip_parameter old;
	struct hip_packet p;
	size_t cursor = 0;
	int err = hip_packet_get(x->packet->bytes, &p);

	if (err < 0)
		return ERR_MALFORMED;
	if (a == NULL || a->keys.mac_len == 0)
		return ERR_NOT_FOUND;
	writer_bytes(w, slice_of(p.bytes.data, HIP_HEADER_LENGTH));
	while (hip_parameter_next(&p, &cursor, &old)) {
		/* Types ascend: behind what is there of the same type (RFC 8004 4.2.2), and the HMAC before one
		 * that another server left. */
		if (!is_put && old.type > type) {
			writer_bytes(w, parameter);
			is_put = true;
		}
		if (!is_sealed && old.type >= hmac) {
			hip_seal_hmac(x->host, w, hmac, a->keys.rhash, slice_of(a->keys.mac_out, a->keys.mac_len));
			is_sealed = true;
		}
		writer_bytes(w, old.whole);
	}
	if (!is_put)
		writer_bytes(w, parameter);
	if (!is_sealed)
		hip_seal_hmac(x->host, w, hmac, a->keys.rhash, slice_of(a->keys.mac_out, a->keys.mac_len));
	hip_packet_end(w);
	a->last_used = x->now.mono;
	return w->err;
}

struct hip_path hip_client_path(const struct hip_client *c)
{
	const struct hip_association *a = hip_association_find(c->edge->host, &c->hit);

	/* A host that moved told so by an UPDATE in its association with us (RFC 8046 3.2.3). */
	if (a != NULL && (a->control.channel == HIP_CHANNEL_UDP || a->control.channel == HIP_CHANNEL_RAW))
		return a->control;
	return c->path;
}

struct address hip_client_local(const struct hip_client *c)
{
	const struct hip_host_options *o = &c->edge->host->options;
	struct hip_path path = hip_client_path(c);

	for (size_t i = 0; i < o->locator_count; i++)
		if ((path.local.type == ADDRESS_NONE || address_is_any(&path.local))
		    && o->locators[i].type == path.remote.type)
			return o->locators[i];
	return path.local;
}

/* ---- Who may send what ---- */

/* What a source may have carried, and what it claims in a HIP_CARRY to be the source of an I1. 0: admitted. */
static int hip_edge_limits(const struct hip_passage *x)
{
	struct hip_path claimed = { .channel = HIP_CHANNEL_UDP };

	/* What an edge may send at all hip_carrier has seen to. */
	if (x->carry == NULL && !hip_limit_take(x->host, x->now, HIP_LIMIT_CARRY_SOURCE, x->path, NULL))
		return HIP_CARRY_REFUSED;
	if (x->packet->type == HIP_I2 && !hip_limit_take(x->host, x->now, HIP_LIMIT_I2_SOURCE, x->path, NULL))
		return HIP_CARRY_REFUSED;
	if (x->packet->type != HIP_I1)
		return 0;
	/* First the host behind the edge, so that the edge's other hosts do not pay for it; that an edge may claim
	 * what it likes is what its own bucket is for. */
	if (x->carry != NULL && x->carry->source.type != ADDRESS_NONE) {
		claimed.remote = x->carry->source;
		if (!hip_limit_take(x->host, x->now, HIP_LIMIT_I1_SOURCE, &claimed, NULL))
			return HIP_CARRY_REFUSED;
	}
	return hip_limit_take(x->host, x->now, HIP_LIMIT_I1_SOURCE, x->path, NULL) ? 0 : HIP_CARRY_REFUSED;
}

/* What needs no state. 0: admitted. */
static int hip_edge_admit(const struct hip_passage *x)
{
	const struct hip_packet *p = x->packet;

	if (x->carry != NULL && x->carry->hops == 0)
		return hip_passage_drop(x, &x->host->counters->hip_lost, "hops", HIP_CARRY_REFUSED);
	/* An opportunistic I1 is never relayed (RFC 8004 4.3.2), and from a wire nobody but us sends as us. */
	if (hit_is_zero(&p->receiver) || hit_is_zero(&p->sender) || hit_equal(&p->sender, &p->receiver)
	    || (x->carry == NULL && hit_equal(&p->sender, &x->host->hit)))
		return hip_passage_drop(x, &x->host->counters->hip_forbidden, "hit", HIP_CARRY_REFUSED);
	return hip_edge_limits(x);
}

/* Whether the pair admits the packet, and what it remembers of it. 0: admitted. */
static int hip_edge_note(const struct hip_passage *x)
{
	uint8_t type = x->packet->type;

	if (type == HIP_I1 && !hip_pair_admit_i1(x->pair, x->now, &x->packet->sender, x->path))
		return hip_passage_drop(x, &x->host->counters->hip_suppressed, "repeated", HIP_CARRY_SUPPRESSED);
	if (type == HIP_I1 && !hip_limit_take(x->host, x->now, HIP_LIMIT_I1_HIT, x->path, &x->packet->receiver))
		return HIP_CARRY_REFUSED;
	if (type == HIP_R1 && x->carry != NULL && !hip_pair_was_asked(x->pair, &x->path->node))
		return hip_passage_drop(x, &x->host->counters->hip_stray, "unasked", HIP_CARRY_REFUSED);
	if (type == HIP_R1)
		x->pair->answered = true;
	/* A NOTIFY proves nothing and asks for nothing: it does not move the replies. */
	if (type == HIP_NOTIFY && x->from->path.channel != HIP_CHANNEL_NONE)
		return 0;
	if (!hip_path_equal(&x->from->path, x->path)) {
		x->from->path = *x->path;
		x->from->r1_credit = 0;
		x->from->spoke = false;
	}
	if (type == HIP_I1 && x->from->r1_credit < HIP_R1_CREDIT_MAX)
		x->from->r1_credit++;
	if (type != HIP_I1 && type != HIP_NOTIFY)
		x->from->spoke = true;
	return 0;
}

/* To a host that is not served here but was heard here: it must have asked. */
static int hip_edge_reply(const struct hip_passage *x)
{
	struct hip_end *to = x->to;

	if (x->packet->type == HIP_R1 || !to->spoke) {
		if (to->r1_credit == 0 || (x->packet->type != HIP_R1 && x->packet->type != HIP_NOTIFY))
			return hip_passage_drop(x, &x->host->counters->hip_reflection, "unasked", HIP_CARRY_REFUSED);
		to->r1_credit--;
	}
	return hip_passage_send(x, NULL, &to->path, x->packet->bytes);
}

static bool hip_is_on_wire(const struct hip_path *path)
{
	return path->channel == HIP_CHANNEL_UDP || path->channel == HIP_CHANNEL_RAW;
}

static int hip_edge_deliver(const struct hip_passage *x, struct hip_client *sender, struct hip_client *receiver)
{
	struct hip_path to;

	if ((receiver != NULL && hip_client_has(receiver, x->now, HIP_SERVICE_RELAY))
	    || (x->carry == NULL && sender != NULL && hip_client_has(sender, x->now, HIP_SERVICE_RELAY)))
		if (!hip_relay_admits(x))
			return HIP_CARRY_REFUSED;
	if (receiver != NULL && hip_client_has(receiver, x->now, HIP_SERVICE_RELAY))
		return hip_relay_deliver(x, receiver);
	if (receiver != NULL && hip_client_has(receiver, x->now, HIP_SERVICE_RVS))
		return hip_rendezvous_deliver(x, receiver);
	if (receiver != NULL)
		return hip_transparent_deliver(x, receiver);
	if (hip_is_on_wire(&x->to->path))
		return hip_edge_reply(x);
	if (x->to->path.channel == HIP_CHANNEL_NONE && sender != NULL && hip_relay_to(x, sender, &to))
		return hip_passage_send(x, NULL, &to, x->packet->bytes);
	return hip_journey_begin(x);
}

int hip_edge_packet(struct hip_host *h, struct now now, const struct hip_path *path, const struct hip_packet *p,
		    const struct hip_carry *carry)
{
	struct hip_passage x = { .edge = h->edge, .host = h, .now = now, .path = path, .packet = p, .carry = carry };
	struct hip_client *sender, *receiver;
	int outcome;

	if (h->edge == NULL)
		return hip_passage_drop(&x, &h->counters->hip_stray, "no-edge", HIP_CARRY_NOT_SERVED);
	outcome = hip_edge_admit(&x);
	if (outcome != 0)
		return outcome;
	receiver = hip_client_find(h->edge, &p->receiver);
	x.pair = hip_pair_find(h->edge->pairs, now, &p->sender, &p->receiver);
	if (carry != NULL && receiver == NULL
	    && (x.pair == NULL || !hip_is_on_wire(&hip_pair_end(x.pair, &p->receiver)->path)))
		return hip_passage_drop(&x, &h->counters->hip_lost, "not-served", HIP_CARRY_NOT_SERVED);
	x.pair = hip_pair_touch(h->edge->pairs, now, &p->sender, &p->receiver, path);
	x.from = hip_pair_end(x.pair, &p->sender);
	x.to = hip_pair_end(x.pair, &p->receiver);
	outcome = hip_edge_note(&x);
	if (outcome != 0)
		return outcome;
	sender = hip_client_find(h->edge, &p->sender);
	if (carry == NULL && (sender == NULL || hip_client_has(sender, now, HIP_SERVICE_TRANSPARENT)))
		hip_transparent_heard(&x);
	if (carry == NULL && sender != NULL)
		sender->carried_out++;
	return hip_edge_deliver(&x, sender, receiver);
}
