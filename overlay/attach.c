/* SPDX-License-Identifier: MIT */
/* Attach and AppAttach: the table, the requester's side, and links coming up. */
#include "overlay/attach.h"

#include <stdlib.h>

#include "overlay/attach_table.h"
#include "overlay/base/invariant.h"
#include "overlay/link_table.h"
#include "overlay/peer_state.h"
#include "overlay/transport.h"

void attach_new(struct peer *p)
{
	p->attaches = memory_alloc(sizeof(*p->attaches));
	transport_set_handler(p, METHOD_ATTACH, attach_requested, p);
	transport_set_handler(p, METHOD_APP_ATTACH, app_attach_requested, p);
}

void attach_free(struct peer *p)
{
	struct attachment *a = p->attaches->first;

	while (a != NULL) {
		struct attachment *next = a->next;

		timer_disarm(&p->timers, &a->timer);
		free(a);
		a = next;
	}
	free(p->attaches);
}

struct attachment *attachment_new(struct peer *p, enum link_purpose purpose,
				  enum attach_state state)
{
	struct attach_table *t = p->attaches;
	struct attachment *a;

	if (t->count >= ATTACH_PENDING_MAX)
		return NULL;
	a = memory_alloc(sizeof(*a));
	a->peer = p;
	a->purpose = purpose;
	a->state = state;
	a->is_initiator = state == ATTACH_REQUESTED;
	a->next = t->first;
	t->first = a;
	t->count++;
	return a;
}

void attachment_finish(struct attachment *a, struct now now, int err, link_id link)
{
	struct peer *p = a->peer;
	struct attachment **at = &p->attaches->first;
	struct link *opening = link_of_id(p, a->opening);
	char node[NODE_ID_TEXT_SIZE];

	while (*at != a)
		at = &(*at)->next;
	*at = a->next;
	p->attaches->count--;
	timer_disarm(&p->timers, &a->timer);
	if (a->state == ATTACH_REQUESTED)
		transport_cancel(p, a->transaction_id);
	if (opening != NULL && opening->state == LINK_OPENING) {
		opening->opened = NULL;
		link_close(p, now, opening, err);
	}
	log_debug(p->log, "attach.done", "node=%s application=%u result=%s",
		  node_id_text(&a->node, node), a->application, error_name(err));
	if (a->done != NULL)
		a->done(a->ctx, now, err, &a->node, link);
	free(a);
}

struct attachment *attachment_of_node(const struct peer *p, const struct node_id *node)
{
	struct attachment *a = p->attaches->first;

	while (a != NULL &&
	       !(a->purpose == LINK_OVERLAY && a->is_node_known && node_id_equal(&a->node, node)))
		a = a->next;
	return a;
}

bool attach_is_pending(const struct peer *p, const struct node_id *node)
{
	return attachment_of_node(p, node) != NULL;
}

static void attachment_timed_out(void *ctx, struct now now)
{
	struct attachment *a = ctx;

	attachment_finish(a, now, ERR_LINK, 0);
}

/* No link has come, as when the other end takes one for good that has died here: it waits for nothing then. */
static void attachment_impatient(void *ctx, struct now now)
{
	struct attachment *a = ctx;

	timer_arm(&a->peer->timers, &a->timer,
		  instant_add(now.mono, duration_s(ATTACH_TIMEOUT_S - ATTACH_PATIENCE_S)), attachment_timed_out, a);
	attachment_connect(a, now);
}

void attachment_await(struct attachment *a, struct now now)
{
	bool may_connect = a->purpose == LINK_OVERLAY && a->way_count > 0;

	a->state = ATTACH_AWAITING;
	timer_arm(&a->peer->timers, &a->timer,
		  instant_add(now.mono, duration_s(may_connect ? ATTACH_PATIENCE_S : ATTACH_TIMEOUT_S)),
		  may_connect ? attachment_impatient : attachment_timed_out, a);
}

void attachment_attach(struct attachment *a, struct now now, struct link *l)
{
	if (a->way_count > 0)
		l->listens_at = a->ways[0].address;
	const struct link *routed;

	/* Told once, or anew when an Update is asked for. */
	if (l->state != LINK_ATTACHED || a->send_update)
		link_attach(a->peer, now, l, &a->node, a->send_update);
	routed = link_of_node(a->peer, &a->node);
	attachment_finish(a, now, 0, routed != NULL ? routed->id : l->id);
}

/* ---- The requester ---- */

/* An AttachAns or AppAttachAns: both ends with a role and candidates. */
static int attach_answer_read(struct attachment *a, struct slice body)
{
	struct peer *p = a->peer;
	struct reader r = reader_of(body);
	struct app_attach app = { 0 };
	struct attach overlay = { 0 };
	struct slice role;
	int err;

	if (a->purpose == LINK_OVERLAY) {
		err = attach_get(&r, peer_arena(p), &overlay);
		role = overlay.role;
	} else {
		err = app_attach_get(&r, peer_arena(p), &app);
		role = app.role;
	}
	if (err == 0)
		err = reader_finish(&r);
	if (err == 0 && !slice_equal(role, slice_text("active")))
		err = ERR_INVALID_MESSAGE;
	if (err == 0 && a->purpose == LINK_APPLICATION && app.application != a->application)
		err = ERR_INVALID_MESSAGE;
	a->send_update = overlay.send_update;
	attachment_take_ways(a, overlay.candidates, overlay.candidate_count);
	return err;
}

static void attach_answered(void *ctx, struct now now, const struct response *response)
{
	struct attachment *a = ctx;
	struct peer *p = a->peer;
	struct link *l;
	int err = response->err;

	/* The transaction is over: attachment_finish has nothing to cancel. */
	a->state = ATTACH_AWAITING;
	if (err == 0)
		err = attach_answer_read(a, response->body);
	if (err != 0 && err != ERR_IN_PROGRESS) {
		attachment_finish(a, now, err, 0);
		return;
	}
	a->node = response->signer.node_id;
	a->is_node_known = true;
	a->has_yielded = err == ERR_IN_PROGRESS;
	l = a->purpose == LINK_OVERLAY ? link_of_node(p, &a->node) : NULL;
	if (l != NULL)
		attachment_attach(a, now, l);
	else
		attachment_await(a, now);
}

/* Nothing to ask for: the link is attached already. */
static void attach_found(void *ctx, struct now now)
{
	struct attachment *a = ctx;
	const struct link *l = link_of_node(a->peer, &a->node);

	attachment_finish(a, now, l == NULL ? ERR_LINK : 0, l == NULL ? 0 : l->id);
}

static int attach_request(struct attachment *a, struct now now, enum method method,
			  struct slice body, const struct destination *destinations, size_t count,
			  link_id via)
{
	struct request request = { .method = method,
				   .body = body,
				   .destinations = destinations,
				   .destination_count = count,
				   .link = via,
				   .done = attach_answered,
				   .ctx = a };
	int err = body.len == 0 ? ERR_LIMIT : 0;

	if (err == 0)
		err = transport_request(a->peer, now, &request, &a->transaction_id);
	if (err != 0) {
		/* The caller hears of it by the return value alone. */
		a->done = NULL;
		a->state = ATTACH_AWAITING;
		attachment_finish(a, now, err, 0);
	}
	return err;
}

int attach_start(struct peer *p, struct now now, const struct destination *destinations,
		 size_t count, link_id via, bool send_update, attach_done_fn *done, void *ctx)
{
	const struct destination *last = &destinations[count - 1];
	bool is_node = last->type == DESTINATION_NODE && !node_id_is_wildcard(&last->id.node);
	const struct link *l = is_node ? link_of_node(p, &last->id.node) : NULL;
	struct attachment *a;

	if (is_node && attach_is_pending(p, &last->id.node))
		return ERR_IN_PROGRESS;
	a = attachment_new(p, LINK_OVERLAY, ATTACH_REQUESTED);
	if (a == NULL)
		return ERR_LIMIT;
	a->done = done;
	a->ctx = ctx;
	a->is_node_known = is_node;
	if (is_node)
		a->node = last->id.node;
	if (l != NULL && l->state == LINK_ATTACHED && !send_update) {
		a->state = ATTACH_AWAITING;
		timer_arm(&p->timers, &a->timer, now.mono, attach_found, a);
		return 0;
	}
	return attach_request(a, now, METHOD_ATTACH, attach_body(p, "passive", send_update),
			      destinations, count, via);
}

int app_attach_start(struct peer *p, struct now now, uint16_t application,
		     const struct destination *destinations, size_t count, attach_done_fn *done,
		     void *ctx)
{
	const struct destination *last = &destinations[count - 1];
	struct attachment *a = attachment_new(p, LINK_APPLICATION, ATTACH_REQUESTED);

	if (a == NULL)
		return ERR_LIMIT;
	a->application = application;
	a->done = done;
	a->ctx = ctx;
	a->is_node_known = last->type == DESTINATION_NODE && !node_id_is_wildcard(&last->id.node);
	if (a->is_node_known)
		a->node = last->id.node;
	return attach_request(a, now, METHOD_APP_ATTACH, app_attach_body(p, "passive", application),
			      destinations, count, 0);
}

void app_attach_offer(struct peer *p, uint16_t application, bool offered)
{
	struct attach_table *t = p->attaches;
	size_t i = 0;

	while (i < t->application_count && t->applications[i] != application)
		i++;
	if (offered && i == t->application_count && i < ATTACH_APPLICATIONS_MAX)
		t->applications[t->application_count++] = application;
	else if (!offered && i < t->application_count)
		t->applications[i] = t->applications[--t->application_count];
}

/* ---- The answerer opens the link ---- */

static bool attach_offers_type(const struct peer *p, enum link_purpose purpose, unsigned type)
{
	const struct ice_candidate *own =
		purpose == LINK_OVERLAY ? p->candidates : p->app_candidates;
	size_t count = purpose == LINK_OVERLAY ? p->candidate_count : p->app_candidate_count;

	for (size_t i = 0; i < count; i++)
		if (own[i].overlay_link == type)
			return true;
	/* A client that cannot be reached opens what it knows. */
	return count == 0 && type == OVERLAY_LINK_TLS_TCP_FH_NO_ICE;
}

static void attachment_take_ways_of(struct attachment *a, enum overlay_link_type type,
				    const struct ice_candidate *candidates, size_t count)
{
	if (!attach_offers_type(a->peer, a->purpose, type))
		return;
	for (size_t i = 0; i < count && a->way_count < CANDIDATES_MAX; i++)
		if (candidates[i].overlay_link == type &&
		    candidates[i].address.type != ADDRESS_NONE)
			a->ways[a->way_count++] =
				(struct attach_way){ candidates[i].address, type };
}

void attachment_take_ways(struct attachment *a, const struct ice_candidate *candidates,
			  size_t count)
{
	a->way_count = a->way_next = 0;
	attachment_take_ways_of(a, OVERLAY_LINK_TLS_TCP_FH_NO_ICE, candidates, count);
	attachment_take_ways_of(a, OVERLAY_LINK_DTLS_UDP_SR_NO_ICE, candidates, count);
}

static void attachment_ready(struct attachment *a, struct now now, struct link *l)
{
	struct peer *p = a->peer;

	peer_queue_effect(p, &(struct effect){ .type = EFFECT_APP_LINK_READY,
					       .link = l->id,
					       .application = a->application,
					       .initiator = a->is_initiator,
					       .node_id = a->node,
					       .hit = l->identity->hit,
					       .user = link_user(l),
					       .user_is_vouched = l->identity->is_vouched });
	link_release(p, l);
	attachment_finish(a, now, 0, l->id);
}

static void attachment_opened(void *ctx, struct now now, struct link *l, int err)
{
	struct attachment *a = ctx;

	a->opening = 0;
	if (err == 0 && !link_has_node_id(l, &a->node)) {
		/* Not the node that sent the Attach (6.5.1.11). */
		a->peer->counters.links_refused++;
		counter_error(&a->peer->counters, ERR_NODE_ID_MISMATCH);
		link_close(a->peer, now, l, ERR_NODE_ID_MISMATCH);
		err = ERR_NODE_ID_MISMATCH;
	}
	if (err != 0) {
		if (a->way_next < a->way_count)
			attachment_connect(a, now);
		else if (!a->is_initiator)
			attachment_finish(a, now, err, 0);
		/* Else the link may still come from the other end. */
	} else if (a->purpose == LINK_OVERLAY) {
		attachment_attach(a, now, l);
	} else {
		attachment_ready(a, now, l);
	}
}

void attachment_connect(struct attachment *a, struct now now)
{
	const struct attach_way *way = &a->ways[a->way_next++];
	struct link *l =
		link_open(a->peer, now, &way->address, way->type, a->purpose, attachment_opened, a);

	/* Who asked goes on waiting besides. */
	if (!a->is_initiator)
		a->state = ATTACH_CONNECTING;
	if (!timer_is_armed(&a->timer))
		timer_arm(&a->peer->timers, &a->timer,
			  instant_add(now.mono, duration_s(ATTACH_TIMEOUT_S)), attachment_timed_out,
			  a);
	if (l == NULL)
		attachment_finish(a, now, ERR_LIMIT, 0);
	else
		a->opening = l->id;
}

/* ---- Links coming up ---- */

static bool attachment_fits(const struct attachment *a, enum link_purpose purpose,
			    const struct node_id *ids, size_t id_count)
{
	bool is_waiting = a->purpose == purpose && a->is_initiator && a->is_node_known &&
			  (a->state == ATTACH_AWAITING || a->state == ATTACH_REQUESTED);

	for (size_t i = 0; is_waiting && i < id_count; i++)
		if (node_id_equal(&ids[i], &a->node))
			return true;
	return false;
}

/* The oldest that waits for such a link, from the owner of these Node-IDs. */
static struct attachment *attachment_for(const struct peer *p, enum link_purpose purpose,
					 const struct node_id *ids, size_t id_count)
{
	struct attachment *found = NULL;

	for (struct attachment *a = p->attaches->first; a != NULL; a = a->next)
		if (attachment_fits(a, purpose, ids, id_count))
			found = a;
	return found;
}

bool attach_expects_app_link(const struct peer *p, const struct identity *identity)
{
	return attachment_for(p, LINK_APPLICATION, identity->node_ids, identity->node_id_count) != NULL;
}

void attach_name_link(const struct peer *p, struct link *l)
{
	const struct attachment *a = NULL;

	if (l->identity->node_id_count == 1)
		return;
	if (!l->outgoing)
		a = attachment_for(p, l->purpose, l->identity->node_ids,
				   l->identity->node_id_count);
	for (const struct attachment *at = p->attaches->first; at != NULL && l->outgoing;
	     at = at->next)
		if (at->opening == l->id && link_has_node_id(l, &at->node))
			a = at;
	if (a != NULL)
		l->node_id = a->node;
}

void attach_link_accepted(struct peer *p, struct now now, struct link *l)
{
	struct attachment *a = attachment_for(p, l->purpose, l->identity->node_ids,
					      l->identity->node_id_count);

	if (a == NULL)
		return;
	if (l->purpose == LINK_APPLICATION) {
		attachment_ready(a, now, l);
		return;
	}
	if (a->state == ATTACH_AWAITING) {
		attachment_attach(a, now, l);
		return;
	}
	/* The link was faster than the answer, which is still to come: the other end may already
	 * send over it what needs an attached link. */
	link_attach(p, now, l, &a->node, false);
}
