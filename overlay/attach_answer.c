/* SPDX-License-Identifier: MIT */
/* Attach and AppAttach: requests of other nodes (RFC 6940 6.5.1.2, 6.5.2.2). */
#include "overlay/attach_table.h"
#include "overlay/link_table.h"
#include "overlay/peer_state.h"
#include "overlay/transport.h"

#define ATTACH_BODY_ROOM 4096 /* bytes */

struct slice attach_body(struct peer *p, const char *role, bool send_update)
{
	struct writer w = writer_of(arena_alloc(peer_arena(p), ATTACH_BODY_ROOM), ATTACH_BODY_ROOM);
	struct attach body = { .role = slice_text(role),
			       .candidates = p->candidates,
			       .candidate_count = p->candidate_count,
			       .send_update = send_update };

	if (w.data == NULL)
		return SLICE_EMPTY;
	attach_put(&w, &body);
	return writer_slice(&w);
}

struct slice app_attach_body(struct peer *p, const char *role, uint16_t application)
{
	struct writer w = writer_of(arena_alloc(peer_arena(p), ATTACH_BODY_ROOM), ATTACH_BODY_ROOM);
	struct app_attach body = { .application = application,
				   .role = slice_text(role),
				   .candidates = p->app_candidates,
				   .candidate_count = p->app_candidate_count };

	if (w.data == NULL)
		return SLICE_EMPTY;
	app_attach_put(&w, &body);
	return writer_slice(&w);
}

/* ---- Attach ---- */

/* The tie-breaker of 6.5.1.2. 0: the request is processed, by *own when it takes the place of ours.
 */
static int attach_glare(struct peer *p, const struct node_id *from, struct attachment **own)
{
	struct attachment *a = attachment_of_node(p, from);

	*own = a;
	if (a == NULL)
		return 0;
	if (a->state == ATTACH_CONNECTING || (a->state == ATTACH_AWAITING && !a->has_yielded))
		return ERR_IN_PROGRESS;
	if (a->state == ATTACH_REQUESTED && node_id_compare(&p->node_id, from) > 0)
		return ERR_IN_PROGRESS;
	return 0;
}

static int attach_request_read(struct peer *p, const struct incoming *request, struct attach *body)
{
	struct reader r = reader_of(request->body);
	int err = attach_get(&r, peer_arena(p), body);

	if (err == 0)
		err = reader_finish(&r);
	if (err == 0 && !slice_equal(body->role, slice_text("passive")))
		err = ERR_INVALID_MESSAGE;
	if (err == 0 && node_id_equal(&request->signer.node_id, &p->node_id))
		err = ERR_INVALID_MESSAGE;
	return err;
}

static void attach_answer(struct peer *p, struct now now, const struct incoming *request)
{
	struct slice body = attach_body(p, "active", false);

	if (body.len == 0)
		transport_answer_error(p, now, request->handle, ERR_LIMIT, SLICE_EMPTY);
	else
		transport_answer(p, now, request->handle, body, NULL, 0);
}

/* There is a link already: both ends just take it for attached. */
static void attach_existing(struct peer *p, struct now now, const struct incoming *request,
			    struct attachment *own, struct link *l, bool send_update)
{
	attach_answer(p, now, request);
	if (l->state != LINK_ATTACHED || send_update)
		link_attach(p, now, l, &request->signer.node_id, send_update);
	if (own != NULL)
		attachment_finish(own, now, 0, l->id);
}

/* The overlay link to the requester: of a certificate with several Node-IDs the one it came over.
 */
static struct link *attach_link(struct peer *p, const struct incoming *request)
{
	struct link *l = link_of_node(p, &request->signer.node_id);

	if (l == NULL && request->direct)
		l = link_of_id(p, request->link);
	return l;
}

void attach_requested(void *ctx, struct now now, const struct incoming *request)
{
	struct peer *p = ctx;
	const struct node_id *from = &request->signer.node_id;
	struct attachment *a = NULL;
	struct attach body;
	struct link *l;
	int err = attach_request_read(p, request, &body);

	if (err == 0)
		err = attach_glare(p, from, &a);
	if (err != 0) {
		transport_answer_error(p, now, request->handle, err, SLICE_EMPTY);
		return;
	}
	l = attach_link(p, request);
	if (l != NULL) {
		for (size_t i = 0; i < body.candidate_count && l->listens_at.type == ADDRESS_NONE;
		     i++)
			if (body.candidates[i].overlay_link == l->type)
				l->listens_at = body.candidates[i].address;
		attach_existing(p, now, request, a, l, body.send_update);
		return;
	}
	if (a != NULL && a->state == ATTACH_REQUESTED)
		transport_cancel(p, a->transaction_id);
	if (a == NULL)
		a = attachment_new(p, LINK_OVERLAY, ATTACH_CONNECTING);
	if (a == NULL) {
		transport_answer_error(p, now, request->handle, ERR_LIMIT, SLICE_EMPTY);
		return;
	}
	a->state = ATTACH_CONNECTING;
	a->is_initiator = false;
	a->is_node_known = true;
	a->node = *from;
	a->send_update = body.send_update;
	attachment_take_ways(a, body.candidates, body.candidate_count);
	if (a->way_count == 0) {
		transport_answer_error(
			p, now, request->handle, ERR_UNSUPPORTED,
			slice_text("no candidate of a link type that is spoken here"));
		attachment_finish(a, now, ERR_UNSUPPORTED, 0);
		return;
	}
	attach_answer(p, now, request);
	attachment_connect(a, now);
}

/* ---- AppAttach ---- */

static int app_attach_request_read(struct peer *p, const struct incoming *request,
				   struct app_attach *body)
{
	struct reader r = reader_of(request->body);
	int err = app_attach_get(&r, peer_arena(p), body);

	if (err == 0)
		err = reader_finish(&r);
	if (err == 0 && !slice_equal(body->role, slice_text("passive")))
		err = ERR_INVALID_MESSAGE;
	if (err != 0)
		return err;
	for (size_t i = 0; i < p->attaches->application_count; i++)
		if (p->attaches->applications[i] == body->application)
			return node_id_equal(&request->signer.node_id, &p->node_id)
				       ? ERR_INVALID_MESSAGE
				       : 0;
	return ERR_NOT_FOUND;
}

void app_attach_requested(void *ctx, struct now now, const struct incoming *request)
{
	struct peer *p = ctx;
	struct attachment *a = NULL;
	struct app_attach body;
	struct slice answer;
	int err = app_attach_request_read(p, request, &body);

	if (err == 0) {
		a = attachment_new(p, LINK_APPLICATION, ATTACH_CONNECTING);
		err = a == NULL ? ERR_LIMIT : 0;
	}
	if (err != 0) {
		transport_answer_error(p, now, request->handle, err, SLICE_EMPTY);
		return;
	}
	a->application = body.application;
	a->is_node_known = true;
	a->node = request->signer.node_id;
	attachment_take_ways(a, body.candidates, body.candidate_count);
	answer = app_attach_body(p, "active", body.application);
	if (a->way_count == 0 || answer.len == 0) {
		transport_answer_error(p, now, request->handle, ERR_UNSUPPORTED, SLICE_EMPTY);
		attachment_finish(a, now, ERR_UNSUPPORTED, 0);
		return;
	}
	transport_answer(p, now, request->handle, answer, NULL, 0);
	attachment_connect(a, now);
}
