/* SPDX-License-Identifier: MIT */
/* Filling the Finger Table (RFC 6940 10.5, 10.7.4.2, 10.7.4.3).
 *
 * Fingers are looked for one after another when we have joined and again when the overlay has grown to twice
 * its size; single ones every chord-ping-interval, and at once when one was lost. RFC 6940 has a fixed point
 * for the first search and a random one of the interval later. An interval whose first identifier is owned by
 * a neighbour needs no search. */
#include "overlay/chord/chord_state.h"
#include "overlay/transport.h"
#include "overlay/wire/body_misc.h"

#define FINGERS_FILL_MS 50    /* between two searches of one filling */
#define FINGERS_SETTLE_MS 2000 /* a filling waits until a burst of joins is over */
#define FINGERS_RETRY_MS 20000 /* when a search got no answer */

/* The first identifiers of the interval lie before our last successor: what is there is known. */
static bool fingers_is_near(const struct chord *c, size_t index)
{
	struct node_id first;
	struct node_id last;

	if (c->successor_count == 0 || c->routable_count <= c->reach)
		return true;
	chord_tables_finger_range(c, index, &first, &last);
	return node_id_in_range(&first, &c->self, &c->successors[c->successor_count - 1]);
}

/* Uniform in the interval of finger `index`. */
static struct node_id fingers_random_point(struct chord *c, size_t index)
{
	struct node_id offset = { { 0 } };
	size_t bits = CHORD_FINGERS_MAX - 1 - index; /* the interval has 2^bits identifiers */
	struct node_id first;
	struct node_id last;
	struct node_id zero = { { 0 } };
	struct node_id negative;

	chord_tables_finger_range(c, index, &first, &last);
	for (size_t bit = 0; bit < bits; bit++)
		if ((prng_next(peer_prng(c->peer)) & 1) != 0)
			offset.bytes[NODE_ID_LENGTH - 1 - bit / 8] |= (uint8_t)(1u << bit % 8);
	/* first + offset */
	negative = node_id_subtract(&zero, &offset);
	return node_id_subtract(&first, &negative);
}

static void fingers_fill_soon(struct chord *c, struct now now, uint64_t ms);

/* A Ping found who owns a point of the interval: attach to it when it lies inside. */
static void fingers_pinged(struct chord *c, struct now now, size_t index, const struct node_id *id)
{
	if (chord_tables_finger_of(c, id) == index && chord_tables_find(c, id) == NULL)
		(void)chord_attach_finger(c, now, index, id);
}

static void fingers_answered(void *ctx, struct now now, const struct response *response)
{
	struct fingers_search *search = ctx;
	struct chord *c = search->chord;
	size_t index = search->index;

	search->chord = NULL;
	c->now_hint = now.mono;
	if (!c->is_member || c->leaving.is_active)
		return;
	if (response->err == 0 && index < c->finger_count)
		fingers_pinged(c, now, index, &response->signer.node_id);
	else if (response->err != 0 && !timer_is_armed(&c->fill_timer))
		fingers_fill_soon(c, now, FINGERS_RETRY_MS);
}

void fingers_on_attached(struct chord *c, struct now now, size_t finger, int err,
			 const struct node_id *node)
{
	char text[NODE_ID_TEXT_SIZE];

	(void)now;
	if (err == 0)
		log_debug(peer_log(c->peer), "finger.found", "index=%zu node=%s", finger,
			  node_id_text(node, text));
}

static bool fingers_can_search(const struct chord *c)
{
	for (size_t i = 0; i < FINGERS_SEARCHES_MAX; i++)
		if (c->searches[i].chord == NULL)
			return true;
	return false;
}

static void fingers_search(struct chord *c, struct now now, size_t index, const struct node_id *point)
{
	const struct ping_req ping = { SLICE_EMPTY };
	struct resource_id resource = resource_id_from_node_id(point);
	struct fingers_search *search = NULL;
	uint8_t buffer[8];
	struct writer w = writer_of(buffer, sizeof(buffer));

	for (size_t i = 0; i < FINGERS_SEARCHES_MAX && search == NULL; i++)
		if (c->searches[i].chord == NULL)
			search = &c->searches[i];
	if (search == NULL)
		return;
	*search = (struct fingers_search){ c, index };
	ping_req_put(&w, &ping);
	if (transport_request_resource(c->peer, now, METHOD_PING, writer_slice(&w), &resource,
				       fingers_answered, search) != 0)
		search->chord = NULL;
}

/* One finger of a filling; then the next a moment later. */
static void fingers_fill(void *ctx, struct now now)
{
	struct chord *c = ctx;

	c->now_hint = now.mono;
	while (fingers_can_search(c) && c->fill_next < c->finger_count) {
		size_t index = c->fill_next++;
		struct node_id first;
		struct node_id last;

		if (!node_id_is_zero(&c->fingers[index].id) || fingers_is_near(c, index))
			continue;
		chord_tables_finger_range(c, index, &first, &last);
		fingers_search(c, now, index, &first);
		timer_arm(peer_timers(c->peer), &c->fill_timer,
			  instant_add(now.mono, duration_ms(FINGERS_FILL_MS)), fingers_fill, c);
		return;
	}
	if (c->fill_next < c->finger_count) {
		/* So many are under way: the next one when there is room. */
		timer_arm(peer_timers(c->peer), &c->fill_timer,
			  instant_add(now.mono, duration_ms(FINGERS_FILL_MS)), fingers_fill, c);
		return;
	}
	c->finger_population = chord_tables_population(c);
}

static void fingers_fill_soon(struct chord *c, struct now now, uint64_t ms)
{
	c->fill_next = 0;
	timer_arm(peer_timers(c->peer), &c->fill_timer, chord_jittered(c, now, ms), fingers_fill, c);
}

/* Alternative 1 of 10.7.4.2: from the first on, each invalid finger with probability one half. */
static void fingers_fire(void *ctx, struct now now)
{
	struct chord *c = ctx;
	uint64_t interval = peer_configuration(c->peer)->chord_ping_interval_s;

	c->now_hint = now.mono;
	for (size_t i = 0; i < c->finger_count; i++) {
		struct node_id point;

		if (!node_id_is_zero(&c->fingers[i].id) || fingers_is_near(c, i) ||
		    (prng_next(peer_prng(c->peer)) & 1) == 0)
			continue;
		point = fingers_random_point(c, i);
		fingers_search(c, now, i, &point);
		break;
	}
	timer_arm(peer_timers(c->peer), &c->finger_timer, chord_jittered(c, now, interval * 1000),
		  fingers_fire, c);
}

void fingers_begin(struct chord *c, struct now now)
{
	uint64_t interval = peer_configuration(c->peer)->chord_ping_interval_s;

	c->finger_population = chord_tables_population(c);
	timer_arm(peer_timers(c->peer), &c->finger_timer, chord_jittered(c, now, interval * 1000),
		  fingers_fire, c);
	fingers_fill_soon(c, now, FINGERS_FILL_MS);
}

void fingers_refresh(struct chord *c, struct now now)
{
	size_t missing = 0;

	if (!c->is_member || timer_is_armed(&c->fill_timer))
		return;
	/* A lost finger (reactive recovery, 10.7.2): one that was there and has no replacement. */
	for (size_t i = 0; i < c->finger_count; i++)
		missing += node_id_is_zero(&c->fingers[i].id) && c->fingers[i].was_found &&
			   !fingers_is_near(c, i);
	for (size_t i = 0; i < c->finger_count; i++)
		c->fingers[i].was_found = !node_id_is_zero(&c->fingers[i].id);
	if (chord_tables_population(c) >= 2 * c->finger_population)
		fingers_fill_soon(c, now, FINGERS_SETTLE_MS);
	else if (missing > 0 && peer_configuration(c->peer)->chord_reactive)
		fingers_fill_soon(c, now, FINGERS_SETTLE_MS);
}

void fingers_stop(struct chord *c)
{
	timer_disarm(peer_timers(c->peer), &c->finger_timer);
	timer_disarm(peer_timers(c->peer), &c->fill_timer);
}
