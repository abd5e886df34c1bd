/* SPDX-License-Identifier: MIT */
/* Direct SIP connections to other proxies. */
#include "usage/sip/sip_link.h"

#include <stdlib.h>

#include "overlay/attach.h"
#include "overlay/base/arena.h"
#include "overlay/base/invariant.h"
#include "usage/sip/sip_stream.h"
#include "usage/sip/sip_transaction.h"

struct sip_link {
	struct sip_usage *usage;
	struct node_id node;
	uint64_t stream; /* 0: not connected */
	bool attaching;  /* an AppAttach is under way: `app_attach_start` holds a pointer to this */
	struct sip_text pending[SIP_LINK_PENDING_MAX];
	size_t pending_count, pending_bytes;
	struct timer timer; /* idle when connected, else the end of patience */
};

static struct sip_link *sip_link_find(struct sip_usage *s, const struct node_id *node)
{
	return map_find(s->links, slice_of(node->bytes, NODE_ID_LENGTH));
}

static void sip_link_drop_pending(struct sip_link *link)
{
	for (size_t i = 0; i < link->pending_count; i++)
		sip_text_free(&link->pending[i]);
	link->pending_count = 0;
	link->pending_bytes = 0;
}

static void sip_link_free(struct sip_link *link)
{
	struct sip_usage *s = link->usage;

	timer_disarm(&s->timers, &link->timer);
	sip_link_drop_pending(link);
	map_remove(s->links, slice_of(link->node.bytes, NODE_ID_LENGTH));
	free(link);
}

static void sip_link_fail(struct sip_link *link, struct now now, const char *reason)
{
	struct sip_usage *s = link->usage;
	struct node_id node = link->node;
	char text[NODE_ID_TEXT_SIZE];

	log_info(s->log, "sip.link.failed", "node=%s reason=%s waiting=%zu", node_id_text(&node, text),
		 reason, link->pending_count);
	sip_counters(s)->sip_lost += link->pending_count;
	sip_link_drop_pending(link);
	if (!link->attaching)
		sip_link_free(link);
	sip_clients_fail_node(s, now, &node);
}

static void sip_link_on_timer(void *ctx, struct now now)
{
	struct sip_link *link = ctx;
	struct sip_usage *s = link->usage;
	uint64_t stream = link->stream;

	if (stream == 0) {
		sip_link_fail(link, now, "REQUEST_TIMEOUT");
		return;
	}
	log_debug(s->log, "sip.link.idle", "stream=%llu", (unsigned long long)stream);
	sip_stream_close(s, now, stream);
}

static void sip_link_wait(struct sip_link *link, struct now now, uint64_t seconds)
{
	timer_arm(&link->usage->timers, &link->timer, instant_add(now.mono, duration_s(seconds)),
		  sip_link_on_timer, link);
}

/* Success is taken from sip_link_up: only then may bytes be sent. */
static void sip_link_on_attached(void *ctx, struct now now, int err, const struct node_id *node, link_id id)
{
	struct sip_link *link = ctx;

	(void)id;
	link->attaching = false;
	if (err == 0 && !node_id_equal(node, &link->node))
		err = ERR_NODE_ID_MISMATCH; /* RFC 7904 5.1: must not be used */
	if (err != 0 && link->stream == 0)
		sip_link_fail(link, now, error_name(err));
}

static int sip_link_open(struct sip_link *link, struct now now, const struct sip_route *route)
{
	struct destination alone = destination_of_node(&link->node);
	struct destination_list list = { &alone, 1 };
	struct arena arena;
	int err = 0;

	if (peer_state(link->usage->peer) != PEER_JOINED)
		return ERR_NOT_JOINED;
	arena_init(&arena, 65536);
	if (route != NULL && route->len > 0)
		err = destination_list_get(slice_of(route->bytes, route->len), &arena, &list);
	if (err == 0) {
		link->attaching = true;
		err = app_attach_start(link->usage->peer, now, SIP_PORT, list.items, list.count,
				       sip_link_on_attached, link);
	}
	if (err != 0)
		link->attaching = false;
	arena_free(&arena);
	return err;
}

static struct sip_link *sip_link_new(struct sip_usage *s, const struct node_id *node)
{
	struct sip_link *link;

	if (map_count(s->links) >= SIP_LINKS_MAX) {
		sip_limit_met(s, "links", SIP_LINKS_MAX);
		return NULL;
	}
	link = memory_alloc(sizeof(*link));
	link->usage = s;
	link->node = *node;
	map_put(s->links, slice_of(node->bytes, NODE_ID_LENGTH), link);
	return link;
}

static void sip_link_write(struct sip_link *link, struct slice bytes)
{
	struct sip_flow flow = { .transport = SIP_OVERLAY, .stream = link->stream };

	sip_output_send(link->usage, &flow, bytes);
}

int sip_link_send(struct sip_usage *s, struct now now, const struct node_id *node,
		  const struct sip_route *route, struct slice bytes)
{
	struct sip_link *link = sip_link_find(s, node);
	int err;

	if (link == NULL) {
		link = sip_link_new(s, node);
		if (link == NULL)
			return ERR_LIMIT;
	}
	if (link->stream != 0) {
		sip_link_write(link, bytes);
		sip_link_wait(link, now, SIP_LINK_IDLE_S);
		return 0;
	}
	if (!link->attaching && link->pending_count == 0) {
		err = sip_link_open(link, now, route);
		if (err != 0) {
			sip_link_free(link);
			return err;
		}
		sip_link_wait(link, now, SIP_LINK_OPEN_S);
	}
	if (link->pending_count == SIP_LINK_PENDING_MAX ||
	    link->pending_bytes + bytes.len > SIP_LINK_PENDING_BYTES_MAX) {
		sip_limit_met(s, "pending", SIP_LINK_PENDING_MAX);
		return ERR_LIMIT;
	}
	link->pending[link->pending_count] = (struct sip_text){ 0 };
	sip_text_set(&link->pending[link->pending_count++], bytes);
	link->pending_bytes += bytes.len;
	return 0;
}

void sip_link_up(struct sip_usage *s, struct now now, uint64_t stream, const struct node_id *node)
{
	struct sip_link *link = sip_link_find(s, node);

	if (link == NULL)
		link = sip_link_new(s, node);
	if (link == NULL)
		return; /* it can still bring requests; answers go back on it by its stream's idle life */
	/* Both sides may have asked at once: the newer one is written to, the older one still read. */
	link->stream = stream;
	for (size_t i = 0; i < link->pending_count; i++)
		sip_link_write(link, sip_text_slice(&link->pending[i]));
	sip_link_drop_pending(link);
	sip_link_wait(link, now, SIP_LINK_IDLE_S);
}

void sip_link_down(struct sip_usage *s, struct now now, uint64_t stream, const struct node_id *node)
{
	struct sip_link *link = sip_link_find(s, node);

	if (link == NULL || link->stream != stream)
		return;
	link->stream = sip_stream_of_node(s, node);
	if (link->stream != 0)
		return;
	/* What was sent and not answered has failed; the next message opens a new connection. */
	timer_disarm(&s->timers, &link->timer);
	if (!link->attaching)
		sip_link_free(link);
	else
		sip_link_wait(link, now, SIP_LINK_OPEN_S);
	sip_clients_fail_node(s, now, node);
}

void sip_link_used(struct sip_usage *s, struct now now, const struct node_id *node)
{
	struct sip_link *link = sip_link_find(s, node);

	if (link != NULL && link->stream != 0)
		sip_link_wait(link, now, SIP_LINK_IDLE_S);
}

void sip_links_free(struct sip_usage *s)
{
	size_t cursor = 0;
	void *value;

	while (map_next(s->links, &cursor, NULL, &value))
		sip_link_free(value);
}
