/* SPDX-License-Identifier: MIT */
/* Hostile peers: what they do to messages on their way. What they say themselves is in attacker_lies.c. */
#include "tools/sim/attacker.h"

#include <stdlib.h>
#include <string.h>

#include "overlay/base/invariant.h"
#include "overlay/peer_state.h"
#include "overlay/wire/frame.h"
#include "tools/sim/attacker_state.h"

#define ATTACKER_PERIOD_S 60
#define ATTACKER_SLEEP_S 300
#define ATTACKER_LIE_INTERVAL_S 5

const char *attacker_name(enum attacker_behaviour b)
{
	static const char *const names[ATTACKER_COUNT] = {
#define X(id, word, meaning) [ATTACKER_##id] = word,
		ATTACKER_MAP(X)
#undef X
	};

	return b < ATTACKER_COUNT ? names[b] : "unknown";
}

enum attacker_behaviour attacker_named(const char *word)
{
	for (unsigned b = 0; b < ATTACKER_COUNT; b++)
		if (strcmp(attacker_name((enum attacker_behaviour)b), word) == 0)
			return (enum attacker_behaviour)b;
	return ATTACKER_COUNT;
}

struct attacker *attacker_new(struct net *n, const struct attacker_options *options)
{
	struct attacker *a = memory_alloc(sizeof(*a));

	a->net = n;
	if (options != NULL)
		a->options = *options;
	if (a->options.period.us == 0)
		a->options.period = duration_s(ATTACKER_PERIOD_S);
	if (a->options.sleep.us == 0)
		a->options.sleep = duration_s(ATTACKER_SLEEP_S);
	if (a->options.lie_interval.us == 0)
		a->options.lie_interval = duration_s(ATTACKER_LIE_INTERVAL_S);
	arena_init(&a->arena, 1u << 24);
	return a;
}

void attacker_free(struct attacker *a)
{
	if (a == NULL)
		return;
	for (size_t i = 0; i < a->room; i++) {
		if (a->nodes[i] == NULL)
			continue;
		hostile_forget(a->nodes[i]);
		free(a->nodes[i]);
	}
	arena_free(&a->arena);
	free(a->nodes);
	free(a->bytes);
	free(a);
}

static struct hostile *attacker_find(const struct attacker *a, size_t node)
{
	return node < a->room ? a->nodes[node] : NULL;
}

void attacker_set(struct attacker *a, size_t node, enum attacker_behaviour behaviour)
{
	struct hostile *h = attacker_find(a, node);

	if (h == NULL && behaviour == ATTACKER_HONEST)
		return;
	if (node >= a->room) {
		size_t room = node + 64;

		a->nodes = memory_resize(a->nodes, room * sizeof(a->nodes[0]));
		memset(a->nodes + a->room, 0, (room - a->room) * sizeof(a->nodes[0]));
		a->room = room;
	}
	if (h == NULL) {
		h = a->nodes[node] = memory_alloc(sizeof(*h));
		h->attacker = a;
		h->node = node;
	}
	h->behaviour = behaviour;
	h->since = net_now(a->net).mono;
	h->lies_at = h->since;
	hostile_hook(h);
}

enum attacker_behaviour attacker_of(const struct attacker *a, size_t node)
{
	const struct hostile *h = attacker_find(a, node);

	return h == NULL ? ATTACKER_HONEST : h->behaviour;
}

enum attacker_behaviour hostile_acts(const struct hostile *h)
{
	uint64_t us = instant_since(net_now(h->attacker->net).mono, h->since).us;

	switch (h->behaviour) {
	case ATTACKER_ON_OFF:
		return us / h->attacker->options.period.us % 2 == 0 ? ATTACKER_MISROUTE : ATTACKER_HONEST;
	case ATTACKER_SLEEPER:
		return us < h->attacker->options.sleep.us ? ATTACKER_HONEST : ATTACKER_MISROUTE;
	default:
		return h->behaviour;
	}
}

size_t attacker_set_cluster(struct attacker *a, const struct node_id *point, size_t count,
			    enum attacker_behaviour behaviour)
{
	size_t done = 0;

	for (; done < count; done++) {
		struct node_id least = NODE_ID_WILDCARD;
		size_t best = SIZE_MAX;

		for (size_t i = 0; i < net_count(a->net); i++) {
			struct node_id after = node_id_subtract(net_node_id(a->net, i), point);
			struct node_id before = node_id_subtract(point, net_node_id(a->net, i));
			const struct node_id *near = node_id_compare(&after, &before) < 0 ? &after : &before;

			if (!net_is_running(a->net, i) || attacker_of(a, i) != ATTACKER_HONEST ||
			    node_id_compare(near, &least) >= 0)
				continue;
			best = i;
			least = *near;
		}
		if (best == SIZE_MAX)
			break;
		attacker_set(a, best, behaviour);
	}
	return done;
}

void attacker_totals(const struct attacker *a, struct attacker_totals *out)
{
	*out = a->totals;
}

/* ---- Messages on their way ---- */

enum attacker_role { ROLE_PASSES, ROLE_IS_MEANT };

/* Whether the node is to pass the message on, as its own topology plug-in sees it. */
static enum attacker_role hostile_role(const struct hostile *h, const struct forwarding_header *header)
{
	const struct peer *p = net_peer(h->attacker->net, h->node);
	struct resource_id resource;
	struct destination first;
	struct node_id point;
	struct slice rest;

	if (destination_list_first(header->destination_list, &first, &rest) != 0)
		return ROLE_IS_MEANT;
	if (first.type == DESTINATION_NODE) {
		bool is_own = node_id_equal(&first.id.node, &p->node_id) || node_id_is_wildcard(&first.id.node);

		return is_own && rest.len == 0 ? ROLE_IS_MEANT : ROLE_PASSES;
	}
	if (first.type != DESTINATION_RESOURCE || resource_id_from_slice(first.id.bytes, &resource) != 0 ||
	    node_id_from_resource_id(&resource, &point) != 0 ||
	    p->topology.ops->is_responsible(p->topology.ctx, &point))
		return ROLE_IS_MEANT;
	return ROLE_PASSES;
}

static bool attacker_is_data(uint16_t code)
{
	enum method method = method_of_code(code);

	return method == METHOD_FETCH || method == METHOD_STAT || method == METHOD_FIND;
}

/* The request as if it were addressed to the node itself: the signature does not cover where a message goes. */
static struct slice hostile_capture(struct hostile *h, struct forwarding_header *header, struct slice tail)
{
	struct destination own = destination_of_node(net_node_id(h->attacker->net, h->node));
	size_t room = FORWARDING_HEADER_FIXED + header->via_list.len + header->options.len + DESTINATION_WIRE_MAX +
		      tail.len;
	struct writer list = writer_of(arena_alloc(&h->attacker->arena, DESTINATION_WIRE_MAX), DESTINATION_WIRE_MAX);
	struct writer w = writer_of(arena_alloc(&h->attacker->arena, room), room);

	destination_put(&list, &own);
	header->destination_list = writer_slice(&list);
	header->length = (uint32_t)(forwarding_header_size(header) + tail.len);
	forwarding_header_put(&w, header);
	writer_bytes(&w, tail);
	invariant(w.err == 0);
	h->attacker->totals.impersonations++;
	return writer_slice(&w);
}

/* What is left of a message: all, nothing (its sender still gets the link's acknowledgement), or another. */
static struct slice hostile_take(struct hostile *h, enum attacker_behaviour acts, struct slice message)
{
	struct reader r = reader_of(message);
	struct forwarding_header header;
	struct slice tail;
	enum attacker_role role;
	uint16_t code;

	forwarding_header_get(&r, &header);
	if (r.err != 0 || (header.fragment & FRAGMENT_OFFSET) != 0)
		return message;
	tail = slice_of(message.data + (message.len - reader_left(&r)), reader_left(&r));
	code = reader_u16(&r);
	if (r.err != 0 || !message_code_is_request(code))
		return message;
	role = hostile_role(h, &header);
	if (acts == ATTACKER_IMPOSTOR)
		return role == ROLE_PASSES && method_of_code(code) == METHOD_FETCH
			       ? hostile_capture(h, &header, tail)
			       : message;
	if (role == ROLE_IS_MEANT && !attacker_is_data(code))
		return message;
	h->attacker->totals.dropped++;
	return SLICE_EMPTY;
}

static void attacker_put(struct attacker *a, struct slice bytes)
{
	if (a->len + bytes.len > a->bytes_room) {
		a->bytes_room = 2 * (a->len + bytes.len);
		a->bytes = memory_resize(a->bytes, a->bytes_room);
	}
	if (bytes.len > 0)
		memcpy(a->bytes + a->len, bytes.data, bytes.len);
	a->len += bytes.len;
}

bool attacker_intercept(struct attacker *a, size_t node, size_t from, struct slice *bytes)
{
	struct hostile *h = attacker_find(a, node);
	enum attacker_behaviour acts;
	struct slice rest = *bytes;
	struct frame frame;
	size_t taken;

	(void)from;
	if (h == NULL || net_peer(a->net, node) == NULL)
		return true;
	acts = hostile_acts(h);
	if (acts == ATTACKER_LIAR)
		hostile_spread_lies(h);
	if (acts != ATTACKER_DROP && acts != ATTACKER_MISROUTE && acts != ATTACKER_IMPOSTOR)
		return true;
	a->len = 0;
	arena_reset(&a->arena);
	while (rest.len > 0 && frame_cut(rest, SIZE_MAX >> 1, &frame, &taken) == 1) {
		if (frame.type == FRAME_DATA && frame.message.len > 0) {
			uint8_t header[FRAME_DATA_HEADER];
			struct writer w = writer_of(header, sizeof(header));
			struct slice message = hostile_take(h, acts, frame.message);

			frame_data_header_put(&w, frame.sequence, message.len);
			attacker_put(a, writer_slice(&w));
			attacker_put(a, message);
		} else {
			attacker_put(a, slice_of(rest.data, taken));
		}
		rest = slice_of(rest.data + taken, rest.len - taken);
	}
	attacker_put(a, rest);
	*bytes = slice_of(a->bytes, a->len);
	return true;
}
