/* SPDX-License-Identifier: MIT */
/* The plug-in in a client (RFC 6940 4.2.1, 4.3): Attached to the peer that is responsible for its Node-ID,
 * which keeps its place when peers come and go. It sends no Update and no Join, so nobody routes through it. */
#include "overlay/chord/chord_state.h"
#include "overlay/transport.h"
#include "overlay/wire/body_routing.h"

#define CLIENT_CHECK_MS 30000 /* between two looks whether responsibility has moved */
#define CLIENT_RETRY_MS 1000

static void client_fire(void *ctx, struct now now);

static void client_arm(struct chord *c, struct now now, uint64_t ms)
{
	timer_arm(peer_timers(c->peer), &c->join.timer, chord_jittered(c, now, ms), client_fire, c);
}

/* Through the peer that served us so far, or any bootstrap link. */
static void client_find(struct chord *c, struct now now)
{
	link_id via = c->join.bootstrap;
	link_id current = 0;

	if (!node_id_is_zero(&c->join.admitting))
		current = link_find_node(c->peer, &c->join.admitting);
	if (current != 0)
		via = current;
	c->join.state = JOIN_FIND;
	if (chord_attach_admitting(c, now, via, 0) == 0) {
		client_arm(c, now, CLIENT_CHECK_MS);
		return;
	}
	c->join.state = JOIN_WAIT;
	client_arm(c, now, CLIENT_RETRY_MS);
}

static void client_fire(void *ctx, struct now now)
{
	struct chord *c = ctx;

	c->now_hint = now.mono;
	client_find(c, now);
}

void client_join(struct chord *c, struct now now, link_id bootstrap)
{
	c->join.bootstrap = bootstrap;
	c->join.failures = 0;
	if (c->join.state == JOIN_FIND)
		return;
	c->join.started = now.mono;
	if (peer_state(c->peer) != PEER_JOINED)
		peer_set_state(c->peer, now, PEER_JOINING);
	log_info(peer_log(c->peer), "join.start", "client=1");
	client_find(c, now);
}

void client_on_attached(struct chord *c, struct now now, int err, const struct node_id *node)
{
	char text[NODE_ID_TEXT_SIZE];

	if (c->join.state != JOIN_FIND)
		return;
	if (err != 0) {
		c->join.state = JOIN_WAIT;
		if (++c->join.failures < 4) {
			client_arm(c, now, CLIENT_RETRY_MS);
			return;
		}
		c->join.failures = 0;
		timer_disarm(peer_timers(c->peer), &c->join.timer);
		peer_rejoin(c->peer, now);
		return;
	}
	c->join.failures = 0;
	c->join.state = JOIN_NONE;
	client_arm(c, now, CLIENT_CHECK_MS);
	if (!node_id_equal(&c->join.admitting, node)) {
		c->join.admitting = *node;
		log_info(peer_log(c->peer), "join.done", "client=1 peer=%s took_ms=%llu",
			 node_id_text(node, text),
			 (unsigned long long)(instant_since(now.mono, c->join.started).us / 1000));
	}
	if (peer_state(c->peer) != PEER_JOINED)
		peer_set_state(c->peer, now, PEER_JOINED);
}

void client_on_update(struct chord *c, struct now now, const struct node_id *from,
		      const struct chord_update *u)
{
	if (c->join.state == JOIN_FIND || !node_id_equal(from, &c->join.admitting))
		return;
	/* A peer between us and the one that serves us is responsible now. */
	for (size_t i = 0; i < u->predecessor_count && i < TOPOLOGY_NEIGHBORS_MAX; i++) {
		if (node_id_between(&u->predecessors[i], &c->self, from)) {
			client_find(c, now);
			return;
		}
	}
}

void client_on_link_down(struct chord *c, struct now now, const struct node_id *node)
{
	if (!node_id_equal(node, &c->join.admitting))
		return;
	c->join.admitting = (struct node_id){ { 0 } };
	c->join.state = JOIN_NONE;
	log_info(peer_log(c->peer), "client.peer_lost", "neighbors=0");
	/* Another peer to which a link is up can lead us to the new one. */
	for (size_t i = 0; i < c->node_count; i++) {
		link_id link = link_find_node(c->peer, &c->nodes[i].id);

		if (c->nodes[i].is_attached && !c->nodes[i].has_left && link != 0) {
			client_join(c, now, link);
			return;
		}
	}
	timer_disarm(peer_timers(c->peer), &c->join.timer);
	peer_rejoin(c->peer, now);
}

void client_stop(struct chord *c)
{
	if (c->is_client)
		timer_disarm(peer_timers(c->peer), &c->join.timer);
}
