/* SPDX-License-Identifier: MIT */
/* ConfigUpdate: sending, receiving, taking over. */
#include "overlay/config_update.h"

#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "overlay/link_table.h"
#include "overlay/peer_state.h"
#include "overlay/transport.h"
#include "overlay/wire/body_misc.h"

#define CONFIG_UPDATE_RECENT 64 /* nodes remembered */
#define CONFIG_UPDATE_AGAIN_S 5 /* the same node is not sent another before */
#define CONFIG_UPDATE_HEADER 16 /* bytes around the document */

struct config_update_sent {
	struct node_id node;
	struct instant at;
};

struct config_update {
	struct config_update_sent *recent; /* owned, CONFIG_UPDATE_RECENT of them; NULL: none was sent */
	size_t next;
};

void config_update_free(struct peer *p)
{
	free(p->config_update->recent);
	free(p->config_update);
}

/* Remembers that `node` is sent an update. False: it has just been. */
static bool config_update_note(struct peer *p, struct now now, const struct node_id *node)
{
	struct config_update *c = p->config_update;

	if (c->recent == NULL)
		c->recent = memory_alloc(CONFIG_UPDATE_RECENT * sizeof(*c->recent));
	for (size_t i = 0; i < CONFIG_UPDATE_RECENT; i++)
		if (node_id_equal(&c->recent[i].node, node) &&
		    instant_before(now.mono,
				   instant_add(c->recent[i].at, duration_s(CONFIG_UPDATE_AGAIN_S))))
			return false;
	c->recent[c->next++ % CONFIG_UPDATE_RECENT] =
		(struct config_update_sent){ *node, now.mono };
	return true;
}

/* The request's body over the reversed Via List, or to the node alone. */
static int config_update_request(struct peer *p, struct now now, struct slice body,
				 const struct node_id *node, link_id link, struct slice via_list)
{
	struct destination alone = destination_of_node(node);
	struct destination *path = &alone;
	struct destination_list via;
	struct request request = { .method = METHOD_CONFIG_UPDATE, .body = body, .link = link };
	int err = destination_list_get(via_list, peer_arena(p), &via);

	if (err != 0)
		return err;
	request.destination_count = via.count > 0 ? via.count : 1;
	if (via.count > 0)
		path = arena_array(peer_arena(p), via.count, sizeof(*path));
	if (path == NULL)
		return ERR_LIMIT;
	for (size_t i = 0; i < via.count; i++)
		path[i] = via.items[via.count - 1 - i];
	request.destinations = path;
	return transport_request(p, now, &request, NULL);
}

void config_update_send(struct peer *p, struct now now, const struct node_id *node, link_id link,
			struct slice via_list)
{
	struct config_update_req req = { .type = CONFIG_UPDATE_CONFIG };
	char text[NODE_ID_TEXT_SIZE];
	struct writer w;
	size_t room;
	int err;

	if (p->configuration_ops == NULL || node_id_equal(node, &p->node_id))
		return;
	req.config_data = p->configuration_ops->document(p->configuration_ctx);
	if (req.config_data.len == 0 || !config_update_note(p, now, node))
		return;
	room = req.config_data.len + CONFIG_UPDATE_HEADER;
	w = writer_of(arena_alloc(peer_arena(p), room), room);
	if (w.data == NULL)
		return;
	config_update_req_put(&w, &req);
	err = w.err;
	if (err == 0)
		err = config_update_request(p, now, writer_slice(&w), node, link, via_list);
	log_info(p->log, "config_update.sent", "node=%s sequence=%u result=%s",
		 node_id_text(node, text), p->configuration->sequence, error_name(err));
}

int config_update_compare(struct peer *p, struct now now, const struct node_id *node, link_id link,
			  struct slice via_list, uint16_t sequence)
{
	if (sequence == p->configuration->sequence || sequence == CONFIG_UPDATE_SEQUENCE)
		return 0;
	if (configuration_sequence_newer(sequence, p->configuration->sequence))
		return ERR_CONFIG_TOO_NEW;
	config_update_send(p, now, node, link, via_list);
	return ERR_CONFIG_TOO_OLD;
}

void peer_configure(struct peer *p, struct now now, const struct configuration *configuration)
{
	/* Written over when it is there: whoever holds the pointer sees the new one. */
	if (p->configuration_own == NULL)
		p->configuration_own = memory_alloc(sizeof(*p->configuration_own));
	*p->configuration_own = *configuration;
	p->configuration = p->configuration_own;
	log_info(p->log, "configuration.changed", "sequence=%u", p->configuration->sequence);
	peer_queue_effect(p, &(struct effect){ .type = EFFECT_CONFIGURATION });
	p->topology.ops->configure(p->topology.ctx, now);
	link_close_bad(p, now);
}

static int config_update_apply(struct peer *p, struct now now, const struct config_update_req *req)
{
	const struct configuration_ops *ops = p->configuration_ops;
	struct configuration *fresh;
	int err = 0;

	if (ops == NULL)
		return ERR_FORBIDDEN;
	fresh = memory_alloc(sizeof(*fresh)); /* too large for the stack */
	switch (req->type) {
	case CONFIG_UPDATE_CONFIG:
		err = ops->update(p->configuration_ctx, now, req->config_data, fresh);
		if (err == 0)
			peer_configure(p, now, fresh);
		else if (err == ERR_UNSUPPORTED)
			peer_queue_effect(p, &(struct effect){ .type = EFFECT_CONFIGURATION, .reason = err });
		break;
	case CONFIG_UPDATE_KIND:
		for (size_t i = 0; i < req->kind_count && err == 0; i++) {
			err = ops->update_kind(p->configuration_ctx, now, req->kinds[i], fresh);
			if (err == 0)
				peer_configure(p, now, fresh);
		}
		break;
	default:
		err = ERR_INVALID_MESSAGE;
		break;
	}
	free(fresh);
	return err;
}

/* The Error that answers a refused document: none of the local reasons has a code of its own. */
static int config_update_error(int err)
{
	if (err == ERR_SIGNATURE || err == ERR_CERTIFICATE || err == ERR_CERTIFICATE_UNKNOWN ||
	    err == ERR_CERTIFICATE_EXPIRED)
		return ERR_FORBIDDEN;
	return error_reload_code(err) == 0 ? ERR_INVALID_MESSAGE : err;
}

static void config_update_requested(void *ctx, struct now now, const struct incoming *request)
{
	struct peer *p = ctx;
	struct reader r = reader_of(request->body);
	struct config_update_req req;
	char text[NODE_ID_TEXT_SIZE];
	int err = config_update_req_get(&r, peer_arena(p), &req);

	if (err == 0)
		err = reader_finish(&r);
	if (err == 0)
		err = config_update_apply(p, now, &req);
	log_info(p->log, "config_update.received", "node=%s type=%u result=%s",
		 node_id_text(&request->signer.node_id, text), req.type, error_name(err));
	if (err == 0)
		transport_answer(p, now, request->handle, SLICE_EMPTY, NULL, 0);
	else
		transport_answer_error(p, now, request->handle, config_update_error(err),
				       SLICE_EMPTY);
}

void config_update_new(struct peer *p)
{
	p->config_update = memory_alloc(sizeof(*p->config_update));
	transport_set_handler(p, METHOD_CONFIG_UPDATE, config_update_requested, p);
}
