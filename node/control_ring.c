/* SPDX-License-Identifier: MIT */
/* Walks the whole ring: Inspect is sent to each peer that some neighbour list names, several at a time, until
 * nobody new turns up; then the peers are put in order and neighbours are compared. */
#include <stdio.h>
#include <stdlib.h>

#include "node/control_call.h"
#include "overlay/base/invariant.h"
#include "overlay/wire/body_misc.h"

#define ASKED_AT_ONCE 16
#define PEERS_MAX 65536
#define PROGRESS_EVERY 16 /* answers */
#define ANSWER_ARENA 65536 /* bytes for decoding one answer */

enum ring_answer { RING_NOT_ASKED, RING_ASKED, RING_ANSWERED, RING_REFUSED, RING_SILENT };

/* One peer met on the walk. */
struct ring_node {
	struct node_id id;
	enum ring_answer answer;
	char user[USER_NAME_MAX + 1];
	struct address addresses[4];
	size_t address_count;
	uint32_t uptime_s, resources, values;
	bool joined;
	struct node_id predecessor, successor; /* nearest; zero: none */
	struct duration rtt;
	char version[32];
};

struct ring_walk {
	struct ring_node **nodes; /* owned */
	size_t count, room;
	struct map *by_id;
	size_t next; /* the first not asked */
	size_t asked, answered;
	struct instant started;
};

/* The context of one outstanding Inspect. */
struct ring_question {
	struct control_call *call;
	size_t index;
};

static void walk_release(struct control_call *call)
{
	struct ring_walk *walk = call->state;

	for (size_t i = 0; i < walk->count; i++)
		free(walk->nodes[i]);
	free(walk->nodes);
	map_free(walk->by_id);
}

static struct ring_node *walk_add(struct ring_walk *walk, const struct node_id *id)
{
	struct slice key = slice_of(id->bytes, NODE_ID_LENGTH);
	struct ring_node *node = map_find(walk->by_id, key);

	if (node != NULL || walk->count == PEERS_MAX || node_id_is_zero(id))
		return node;
	if (walk->count == walk->room) {
		walk->room = walk->room == 0 ? 64 : walk->room * 2;
		walk->nodes = memory_resize(walk->nodes, walk->room * sizeof(struct ring_node *));
	}
	node = memory_alloc(sizeof(*node));
	node->id = *id;
	walk->nodes[walk->count++] = node;
	(void)map_put(walk->by_id, key, node);
	return node;
}

static void lists_add(struct ring_walk *walk, struct ring_node *node, const struct node_id *predecessors,
		      size_t predecessor_count, const struct node_id *successors, size_t successor_count)
{
	if (predecessor_count > 0)
		node->predecessor = predecessors[0];
	if (successor_count > 0)
		node->successor = successors[0];
	for (size_t i = 0; i < successor_count; i++)
		(void)walk_add(walk, &successors[i]);
	for (size_t i = 0; i < predecessor_count; i++)
		(void)walk_add(walk, &predecessors[i]);
}

/* This node, which need not be asked. */
static void self_add(struct control_call *call, struct now now)
{
	const struct node *n = call->node;
	struct ring_walk *walk = call->state;
	const struct security *security = peer_security(n->peer);
	const struct storage_port *storage = peer_storage(n->peer);
	const struct topology *topology = peer_topology(n->peer);
	struct topology_view *view = memory_alloc(sizeof(*view));
	struct ring_node *self = walk_add(walk, peer_node_id(n->peer));
	struct storage_statistics held = { 0 };

	topology->ops->view(topology->ctx, view);
	storage->ops->statistics(storage->ctx, &held);
	self->answer = peer_is_client(n->peer) ? RING_REFUSED : RING_ANSWERED;
	self->joined = peer_state(n->peer) == PEER_JOINED && !peer_is_client(n->peer);
	(void)snprintf(self->user, sizeof(self->user), "%s",
		       security->ops->own_identity(security->ctx)->user);
	(void)snprintf(self->version, sizeof(self->version), "peald " PEAL_VERSION);
	self->addresses[0] = n->candidates[0].address;
	self->address_count = 1;
	self->uptime_s = peer_uptime_s(n->peer, now);
	self->resources = held.resources;
	self->values = held.values;
	lists_add(walk, self, view->predecessors, view->predecessor_count, view->successors,
		  view->successor_count);
	free(view);
}

static bool answer_read(struct ring_walk *walk, struct ring_node *node, const struct response *response)
{
	struct reader r = reader_of(response->body);
	struct inspect_ans x;
	struct arena arena;
	bool ok;

	arena_init(&arena, ANSWER_ARENA);
	ok = inspect_ans_get(&r, &arena, &x) == 0 && reader_finish(&r) == 0;
	if (ok) {
		node->uptime_s = x.uptime;
		node->resources = x.resources;
		node->values = x.values;
		node->joined = x.joined != 0;
		node->address_count = x.address_count < 4 ? x.address_count : 4;
		memcpy(node->addresses, x.addresses, sizeof(node->addresses));
		(void)snprintf(node->version, sizeof(node->version), "%.*s", (int)x.version.len,
			       x.version.data == NULL ? "" : (const char *)x.version.data);
		lists_add(walk, node, x.predecessors, x.predecessor_count, x.successors, x.successor_count);
	}
	arena_free(&arena);
	return ok;
}

/* ---- What the walk found ---- */

static int node_compare(const void *a, const void *b)
{
	return node_id_compare(&(*(struct ring_node *const *)a)->id, &(*(struct ring_node *const *)b)->id);
}

/* In ring order, this node first. */
static void nodes_order(struct ring_walk *walk, const struct node_id *self)
{
	struct ring_node **ordered = memory_alloc((walk->count + 1) * sizeof(struct ring_node *));
	size_t first = 0;

	qsort(walk->nodes, walk->count, sizeof(struct ring_node *), node_compare);
	while (first < walk->count && !node_id_equal(&walk->nodes[first]->id, self))
		first++;
	for (size_t i = 0; i < walk->count; i++)
		ordered[i] = walk->nodes[(first + i) % walk->count];
	free(walk->nodes);
	walk->nodes = ordered;
	walk->room = walk->count;
}

/* The nearest member before (step count - 1) or after (step 1) in order. */
static const struct ring_node *member_near(const struct ring_walk *walk, size_t at, size_t step)
{
	size_t i = at;

	do {
		i = (i + step) % walk->count;
	} while (i != at && !(walk->nodes[i]->answer == RING_ANSWERED && walk->nodes[i]->joined));
	return walk->nodes[i];
}

struct ring_findings {
	size_t members, gaps, overlaps, disagreements, unreachable;
};

static void flag(json_t *flags, const char *name, size_t *count)
{
	(void)json_array_append_new(flags, json_string(name));
	*count += 1;
}

/* Compares what a peer takes for its neighbours with those that really stand there. Responsibility is from the
 * predecessor to the peer (10.1): one too near leaves a gap, one too far overlaps with another peer. */
static json_t *flags_of(const struct ring_walk *walk, size_t at, struct ring_findings *f)
{
	const struct ring_node *node = walk->nodes[at];
	json_t *flags = json_array();
	const struct ring_node *before, *after;
	bool alone;

	if (node->answer == RING_SILENT) {
		flag(flags, "unreachable", &f->unreachable);
		return flags;
	}
	if (node->answer != RING_ANSWERED || !node->joined) {
		(void)json_array_append_new(flags, json_string(node->answer == RING_REFUSED ? "not inspected"
											    : "joining"));
		return flags;
	}
	f->members++;
	before = member_near(walk, at, walk->count - 1);
	after = member_near(walk, at, 1);
	alone = before == node;
	if (alone ? !node_id_is_zero(&node->predecessor) : !node_id_equal(&node->predecessor, &before->id)) {
		if (!alone && !node_id_is_zero(&node->predecessor) &&
		    node_id_between(&node->predecessor, &before->id, &node->id))
			flag(flags, "gap", &f->gaps);
		else
			flag(flags, "overlap", &f->overlaps);
	}
	if (alone ? !node_id_is_zero(&node->successor) : !node_id_equal(&node->successor, &after->id))
		flag(flags, "disagreement", &f->disagreements);
	return flags;
}

static void put_id(json_t *item, const char *name, const struct node_id *id)
{
	(void)json_object_set_new(item, name, node_id_is_zero(id) ? json_null() : control_node_id(id));
}

static json_t *node_json(const struct ring_walk *walk, size_t at, struct ring_findings *f)
{
	const struct ring_node *node = walk->nodes[at];
	json_t *item = json_object();
	json_t *addresses = json_array();
	uint32_t share;

	put_id(item, "node_id", &node->id);
	(void)json_object_set_new(item, "user", json_string(node->user));
	for (size_t i = 0; i < node->address_count; i++)
		(void)json_array_append_new(addresses, control_address(&node->addresses[i]));
	(void)json_object_set_new(item, "addresses", addresses);
	(void)json_object_set_new(item, "self", json_boolean(at == 0));
	(void)json_object_set_new(item, "flags", flags_of(walk, at, f));
	if (node->answer != RING_ANSWERED) {
		(void)json_object_set_new(item, "unreachable", json_boolean(node->answer == RING_SILENT));
		return item;
	}
	share = node_id_is_zero(&node->predecessor) ? 1000000000
						    : node_id_share_ppb(&node->predecessor, &node->id);
	(void)json_object_set_new(item, "address",
				  node->address_count > 0 ? control_address(&node->addresses[0]) : json_string(""));
	(void)json_object_set_new(item, "uptime_s", json_integer(node->uptime_s));
	(void)json_object_set_new(item, "share_ppb", json_integer(node->joined ? share : 0));
	(void)json_object_set_new(item, "resources", json_integer(node->resources));
	(void)json_object_set_new(item, "records", json_integer(node->values));
	(void)json_object_set_new(item, "rtt_us", control_microseconds(node->rtt));
	put_id(item, "predecessor", &node->predecessor);
	put_id(item, "successor", &node->successor);
	(void)json_object_set_new(item, "version", json_string(node->version));
	(void)json_object_set_new(item, "unreachable", json_false());
	return item;
}

static void walk_end(struct control_call *call, struct now now)
{
	struct ring_walk *walk = call->state;
	struct ring_findings f = { 0 };
	json_t *result = json_object();
	bool consistent;

	nodes_order(walk, peer_node_id(call->node->peer));
	for (size_t i = 0; i < walk->count; i++) {
		/* A client looks at the ring from outside. */
		if (i == 0 && peer_is_client(call->node->peer))
			continue;
		control_item(call, node_json(walk, i, &f));
	}
	consistent = f.members > 0 && f.gaps + f.overlaps + f.disagreements + f.unreachable == 0;
	(void)json_object_set_new(result, "peers", json_integer((json_int_t)f.members));
	(void)json_object_set_new(result, "consistent", json_boolean(consistent));
	(void)json_object_set_new(result, "gaps", json_integer((json_int_t)f.gaps));
	(void)json_object_set_new(result, "overlaps", json_integer((json_int_t)f.overlaps));
	(void)json_object_set_new(result, "disagreements", json_integer((json_int_t)f.disagreements));
	(void)json_object_set_new(result, "unreachable", json_integer((json_int_t)f.unreachable));
	(void)json_object_set_new(result, "took_us",
				  control_microseconds(instant_since(now.mono, walk->started)));
	control_result(call, result);
}

static void walk_ask(struct control_call *call, struct now now);

static void on_inspected(void *ctx, struct now now, const struct response *response)
{
	struct ring_question *question = ctx;
	struct control_call *call = question->call;
	size_t index = question->index;
	struct ring_walk *walk = call->state;
	struct ring_node *node;

	free(question);
	if (!control_arrived(call))
		return;
	node = walk->nodes[index];
	walk->asked--;
	walk->answered++;
	node->rtt = response->round_trip;
	(void)snprintf(node->user, sizeof(node->user), "%s", response->signer.user);
	if (response->err == 0)
		node->answer = answer_read(walk, node, response) ? RING_ANSWERED : RING_REFUSED;
	else if (!node_id_is_zero(&response->signer.node_id))
		node->answer = RING_REFUSED; /* somebody is there who does not know Inspect */
	else
		node->answer = RING_SILENT;
	if (walk->answered % PROGRESS_EVERY == 0)
		control_progress(call, json_pack("{s:I, s:I}", "peers", (json_int_t)walk->count, "asked",
						 (json_int_t)walk->answered));
	walk_ask(call, now);
}

/* Asks as many as may be asked at once; ends the walk when nobody is left. */
static void walk_ask(struct control_call *call, struct now now)
{
	struct ring_walk *walk = call->state;

	while (walk->asked < ASKED_AT_ONCE && walk->next < walk->count) {
		struct ring_node *node = walk->nodes[walk->next];
		struct destination to = destination_of_node(&node->id);
		struct request request = { .method = METHOD_EXP_B, .destinations = &to, .destination_count = 1,
					   .transmissions_max = 1, .done = on_inspected };
		struct ring_question *question;

		if (node->answer != RING_NOT_ASKED) {
			walk->next++;
			continue;
		}
		question = memory_alloc(sizeof(*question));
		*question = (struct ring_question){ call, walk->next++ };
		request.ctx = question;
		node->answer = RING_ASKED;
		walk->asked++;
		control_expect(call);
		if (transport_request(call->node->peer, now, &request, NULL) != 0) {
			control_unexpect(call);
			walk->asked--;
			node->answer = RING_SILENT;
			free(question);
		}
	}
	if (walk->asked == 0)
		walk_end(call, now);
}

void control_ring(struct control_call *call, struct now now)
{
	struct ring_walk *walk;

	if (peer_state(call->node->peer) != PEER_JOINED) {
		control_overlay_error(call, ERR_NOT_JOINED, "ring");
		return;
	}
	walk = memory_alloc(sizeof(*walk));
	walk->by_id = map_new(prng_next(peer_prng(call->node->peer)));
	walk->started = now.mono;
	call->state = walk;
	call->release = walk_release;
	self_add(call, now);
	walk_ask(call, now);
}
