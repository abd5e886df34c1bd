/* SPDX-License-Identifier: MIT */
/* Finding out that the overlay has come apart (RFC 6940 10.7.4.4): now and then, and when all successors are
 * lost, a Ping for the identifier after ours goes through a bootstrap node. Whoever answers is our successor
 * there. When it is not our successor here, an Attach and the Updates that follow let both rings close up. */
#include "overlay/chord/chord_state.h"
#include "overlay/transport.h"
#include "overlay/wire/body_misc.h"

static void partition_fire(void *ctx, struct now now);

static void partition_arm(struct chord *c, struct now now)
{
	timer_arm(peer_timers(c->peer), &c->partition_timer,
		  chord_jittered(c, now, CHORD_PARTITION_CHECK_MS), partition_fire, c);
}

static void partition_answered(void *ctx, struct now now, const struct response *response)
{
	struct chord *c = ctx;
	const struct node_id *found = &response->signer.node_id;
	link_id link = c->partition_link;
	char text[NODE_ID_TEXT_SIZE];

	c->now_hint = now.mono;
	c->partition_link = 0;
	if (response->err != 0 || !c->is_member || c->leaving.is_active ||
	    node_id_equal(found, &c->self))
		return;
	/* Known to us, or farther than our successor: the same ring, or one of two views of a change that
	 * is under way. */
	if (chord_tables_is_ready(c, found))
		return;
	if (chord_attach_partition(c, now, found, link, &c->partition_bootstrap))
		log_warning(peer_log(c->peer), "partition.found", "foreign=%s",
			    node_id_text(found, text));
}

void partition_check(struct chord *c, struct now now, link_id link, const struct node_id *bootstrap)
{
	const struct ping_req ping = { SLICE_EMPTY };
	struct node_id next = node_id_next(&c->self);
	struct resource_id resource = resource_id_from_node_id(&next);
	const struct destination path[] = { destination_of_node(bootstrap),
					    destination_of_resource(&resource) };
	struct request request = { .method = METHOD_PING,
				   .destinations = path,
				   .destination_count = 2,
				   .link = link,
				   .done = partition_answered,
				   .ctx = c };
	uint8_t buffer[8];
	struct writer w = writer_of(buffer, sizeof(buffer));

	/* One question at a time. */
	if (c->partition_link != 0)
		return;
	ping_req_put(&w, &ping);
	request.body = writer_slice(&w);
	c->partition_link = link;
	c->partition_bootstrap = *bootstrap;
	if (transport_request(c->peer, now, &request, NULL) != 0)
		c->partition_link = 0;
}

static void partition_opened(void *ctx, struct now now, int err, link_id link,
			     const struct node_id *bootstrap)
{
	struct chord *c = ctx;

	c->now_hint = now.mono;
	if (err == 0 && c->is_member)
		partition_check(c, now, link, bootstrap);
}

static void partition_fire(void *ctx, struct now now)
{
	struct chord *c = ctx;
	int err;

	c->now_hint = now.mono;
	err = peer_bootstrap_open(c->peer, now, partition_opened, c);
	if (err != 0)
		log_debug(peer_log(c->peer), "partition.not_checked", "error=%s", error_name(err));
	partition_arm(c, now);
}

void partition_begin(struct chord *c, struct now now)
{
	partition_arm(c, now);
}

void partition_soon(struct chord *c, struct now now)
{
	struct instant at = chord_jittered(c, now, CHORD_PARTITION_SOON_MS);

	if (timer_is_armed(&c->partition_timer) && instant_before(at, c->partition_timer.at))
		timer_arm(peer_timers(c->peer), &c->partition_timer, at, partition_fire, c);
}

void partition_stop(struct chord *c)
{
	timer_disarm(peer_timers(c->peer), &c->partition_timer);
}
