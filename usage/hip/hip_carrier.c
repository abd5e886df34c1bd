/* SPDX-License-Identifier: MIT */
/* HIP packets carried through the ring: RELOAD's experimental method exp_a, request and answer by symmetric recursive
 * routing as any other. What a request claims to be the source of the packet is told on, but never an address that
 * this node would send to: answers go back to the Node-ID that signed. */
#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "overlay/peer.h"
#include "overlay/transport.h"
#include "usage/hip/hip_internal.h"

#define CARRIES_MAX 1024       /* requests that wait for their answers */
#define CARRY_TRANSMISSIONS 2  /* HIP sends again by itself */
#define CARRY_NONCES 1024      /* journeys remembered */
#define CARRY_NONCE_S 120
#define CARRY_BODY_MAX (HIP_PACKET_MAX + 64)
#define CARRY_HOPS 1           /* the edge that serves the HIT, and no other */

/* A request that waits for its answer. */
struct carry {
	struct hip_carrier *carrier;
	struct carry *next, **link;
	uint64_t transaction;
	struct node_id edge;
	hip_carry_fn *done; /* NULL: nobody asks */
	void *ctx;
};

/* A journey that ended here. */
struct carry_seen {
	uint64_t nonce;
	struct node_id signer;
	struct instant forgotten; /* 0: none */
};

struct hip_carrier {
	struct hip_host *host;
	struct carry *carries;
	size_t count;
	struct carry_seen seen[CARRY_NONCES];
	size_t next_seen;
};

/* ---- Requests to this node ---- */

static bool carry_is_repeated(struct hip_carrier *c, struct now now, const struct node_id *signer, uint64_t nonce)
{
	for (size_t i = 0; i < CARRY_NONCES; i++)
		if (c->seen[i].nonce == nonce && instant_before(now.mono, c->seen[i].forgotten) &&
		    node_id_equal(&c->seen[i].signer, signer))
			return true;
	c->seen[c->next_seen] = (struct carry_seen){
		nonce, *signer, instant_add(now.mono, duration_s(CARRY_NONCE_S))
	};
	c->next_seen = (c->next_seen + 1) % CARRY_NONCES;
	return false;
}

/* Takes the packet, or says why not. */
static enum hip_carry_outcome carry_take(struct hip_carrier *c, struct now now, const struct incoming *request,
					 const struct hip_carry *carry)
{
	struct hip_path path = { .channel = HIP_CHANNEL_OVERLAY, .node = request->signer.node_id };
	struct hip_host *h = c->host;

	if (!hip_limit_take(h, now, HIP_LIMIT_CARRY_SOURCE, &path, NULL))
		return HIP_CARRY_REFUSED;
	if (carry->hops == 0 || carry_is_repeated(c, now, &path.node, carry->nonce)) {
		h->counters->hip_replayed++;
		return HIP_CARRY_SUPPRESSED;
	}
	return (enum hip_carry_outcome)hip_input_packet(h, now, &path, carry->packet, carry);
}

static void carry_on_request(void *ctx, struct now now, const struct incoming *request)
{
	struct hip_carrier *c = ctx;
	struct reader r = reader_of(request->body);
	struct hip_carry carry = { 0 };
	enum hip_carry_outcome outcome;
	char text[NODE_ID_TEXT_SIZE];
	uint8_t bytes[8];
	struct writer w = writer_of(bytes, sizeof(bytes));
	int err = hip_carry_get(&r, &carry);

	if (err == 0)
		err = reader_finish(&r);
	if (err != 0) {
		c->host->counters->hip_malformed++;
		log_info(c->host->log, "hip.carry.malformed", "node=%s reason=%s",
			 node_id_text(&request->signer.node_id, text), error_name(err));
		transport_answer_error(c->host->peer, now, request->handle, ERR_INVALID_MESSAGE, SLICE_EMPTY);
		return;
	}
	outcome = carry_take(c, now, request, &carry);
	hip_carry_answer_put(&w, (uint8_t)outcome);
	invariant(w.err == 0);
	transport_answer(c->host->peer, now, request->handle, writer_slice(&w), NULL, 0);
}

/* ---- Requests of this node ---- */

static void carry_free(struct carry *carry)
{
	*carry->link = carry->next;
	if (carry->next != NULL)
		carry->next->link = carry->link;
	carry->carrier->count--;
	free(carry);
}

static void carry_on_response(void *ctx, struct now now, const struct response *response)
{
	struct carry *carry = ctx;
	struct hip_host *h = carry->carrier->host;
	hip_carry_fn *done = carry->done;
	void *done_ctx = carry->ctx;
	struct reader r = reader_of(response->body);
	char text[NODE_ID_TEXT_SIZE];
	uint8_t outcome = 0;
	int err = response->err;

	if (err == 0)
		err = hip_carry_answer_get(&r, &outcome);
	if (err == 0)
		err = reader_finish(&r);
	if (err != 0 || outcome == HIP_CARRY_NOT_SERVED || outcome == HIP_CARRY_REFUSED) {
		h->counters->hip_lost++;
		log_info(h->log, "hip.carry.lost", "node=%s reason=%s", node_id_text(&carry->edge, text),
			 err != 0			     ? error_name(err)
			 : outcome == HIP_CARRY_NOT_SERVED ? "NOT_SERVED"
							     : "REFUSED");
	}
	carry_free(carry);
	if (done != NULL)
		done(done_ctx, now, err, outcome);
}

static int carry_body(struct hip_host *h, uint8_t protocol, const struct address *source, struct slice packet,
		      struct writer *w)
{
	struct hip_carry carry = { .hops = CARRY_HOPS, .protocol = protocol, .packet = packet };
	uint8_t copy[HIP_PACKET_MAX];
	uint8_t nonce[8];

	if (packet.len < HIP_HEADER_LENGTH || packet.len > sizeof(copy))
		return ERR_LIMIT;
	memcpy(copy, packet.data, packet.len);
	hip_checksum_set(copy, 0);
	carry.packet = slice_of(copy, packet.len);
	if (source != NULL)
		carry.source = *source;
	h->security.ops->random(h->security.ctx, nonce, sizeof(nonce));
	for (size_t i = 0; i < sizeof(nonce); i++)
		carry.nonce = carry.nonce << 8 | nonce[i];
	hip_carry_put(w, &carry);
	return w->err;
}

int hip_carry_send(struct hip_host *h, struct now now, const struct node_id *edge, uint8_t protocol,
		   const struct address *source, struct slice packet, hip_carry_fn *done, void *ctx)
{
	struct destination to = destination_of_node(edge);
	struct hip_carrier *c = h->carrier;
	uint8_t body[CARRY_BODY_MAX];
	struct writer w = writer_of(body, sizeof(body));
	struct request request = {
		.method = METHOD_EXP_A,
		.destinations = &to,
		.destination_count = 1,
		.transmissions_max = CARRY_TRANSMISSIONS,
		.done = carry_on_response,
	};
	struct carry *carry;
	int err;

	if (c == NULL || peer_state(h->peer) != PEER_JOINED)
		return ERR_NO_ROUTE;
	if (c->count == CARRIES_MAX)
		return ERR_LIMIT;
	err = carry_body(h, protocol, source, packet, &w);
	if (err != 0)
		return err;
	carry = memory_alloc(sizeof(*carry));
	request.body = writer_slice(&w);
	request.ctx = carry;
	err = transport_request(h->peer, now, &request, &carry->transaction);
	if (err != 0) {
		free(carry);
		return err == ERR_LIMIT ? err : ERR_NO_ROUTE;
	}
	carry->carrier = c;
	carry->edge = *edge;
	carry->done = done;
	carry->ctx = ctx;
	carry->link = &c->carries;
	carry->next = c->carries;
	if (carry->next != NULL)
		carry->next->link = &carry->next;
	c->carries = carry;
	c->count++;
	/* Of another host: protocol 0 is our own. */
	h->counters->hip_carried += protocol != 0;
	return 0;
}

void hip_carry_cancel(struct hip_host *h, void *ctx)
{
	for (struct carry *carry = h->carrier == NULL ? NULL : h->carrier->carries; carry != NULL; carry = carry->next)
		if (carry->ctx == ctx)
			carry->done = NULL;
}

struct hip_carrier *hip_carrier_new(struct hip_host *h)
{
	struct hip_carrier *c = memory_alloc(sizeof(*c));

	c->host = h;
	transport_set_handler(h->peer, METHOD_EXP_A, carry_on_request, c);
	return c;
}

void hip_carrier_free(struct hip_carrier *c)
{
	if (c == NULL)
		return;
	transport_set_handler(c->host->peer, METHOD_EXP_A, NULL, NULL);
	while (c->carries != NULL) {
		transport_cancel(c->host->peer, c->carries->transaction);
		carry_free(c->carries);
	}
	free(c);
}
