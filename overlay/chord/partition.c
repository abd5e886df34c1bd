/* SPDX-License-Identifier: MIT */
/* Finding out that the overlay has come apart (RFC 6940 10.7.4.4): now and then, and when all successors are
 * lost, a Ping for the identifier after ours goes through a bootstrap node. Whoever answers is our successor
 * there. When it is not our successor here, an Attach and the Updates that follow let both rings close up. */
#include "overlay/chord/chord_state.h"
#include "overlay/transport.h"
#include "overlay/wire/body_misc.h"

#define PARTITION_PEER_MS 250 /* all peers together look so often, that bootstrap nodes are not overrun */
#define PARTITION_MIN_MS 25000
#define PARTITION_MAX_MS 600000
/* Sooner when a peer was lost: it may be on the other side of a cut. */
#define PARTITION_SOON_MS 8000

static void partition_fire(void *ctx, struct now now);

/* Where two rings touch they close up from neighbour to neighbour, so it is enough that a few of many look. */
static uint64_t partition_interval_ms(const struct chord *c)
{
	uint64_t ms = (uint64_t)PARTITION_PEER_MS * chord_tables_population(c);

	if (ms < PARTITION_MIN_MS)
		return PARTITION_MIN_MS;
	return ms < PARTITION_MAX_MS ? ms : PARTITION_MAX_MS;
}

static void partition_arm(struct chord *c, struct now now)
{
	timer_arm(peer_timers(c->peer), &c->partition_timer,
		  chord_jittered(c, now, partition_interval_ms(c)), partition_fire, c);
}

/* A link that was made to look over the fence only. An Attach under way may just have been told to use it. */
static void partition_drop_link(struct chord *c, struct now now)
{
	if (link_find_node(c->peer, &c->partition_bootstrap) == c->partition_link &&
	    chord_tables_find(c, &c->partition_bootstrap) == NULL &&
	    !attach_is_pending(c->peer, &c->partition_bootstrap))
		link_let_go(c->peer, now, &c->partition_bootstrap);
}

static void partition_answered(void *ctx, struct now now, const struct response *response)
{
	struct chord *c = ctx;
	const struct node_id *found = &response->signer.node_id;
	link_id link = c->partition_link;
	char text[NODE_ID_TEXT_SIZE];

	c->now_hint = now.mono;
	/* It lives, whatever happened to its link. */
	if (response->err == 0)
		quarantine_remove(c, found);
	/* Known to us: the same ring. */
	if (response->err != 0 || !c->is_member || c->leaving.is_active ||
	    node_id_equal(found, &c->self) || chord_tables_is_ready(c, found))
		partition_drop_link(c, now);
	else if (chord_attach_partition(c, now, found, link, &c->partition_bootstrap))
		log_warning(peer_log(c->peer), "partition.found", "foreign=%s",
			    node_id_text(found, text));
	c->partition_link = 0;
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

bool partition_is_asked(const struct chord *c, const struct node_id *target)
{
	struct node_id next = node_id_next(&c->self);

	return c->is_member && c->partition_link != 0 && node_id_equal(target, &next);
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
	uint64_t quarter_ms = partition_interval_ms(c) / 4;
	struct instant at = chord_jittered(c, now, quarter_ms > PARTITION_SOON_MS ? quarter_ms :
										    PARTITION_SOON_MS);

	if (timer_is_armed(&c->partition_timer) && instant_before(at, c->partition_timer.at))
		timer_arm(peer_timers(c->peer), &c->partition_timer, at, partition_fire, c);
}

void partition_stop(struct chord *c)
{
	timer_disarm(peer_timers(c->peer), &c->partition_timer);
}
