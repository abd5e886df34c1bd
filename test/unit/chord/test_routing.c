/* SPDX-License-Identifier: MIT */
/* Routing: every message gets where it should, without loops and in few hops; clients; fingers. */
#include "test/unit/chord/ring.h"

static struct node_id random_point(struct prng *prng)
{
	struct node_id id;

	for (size_t i = 0; i < NODE_ID_LENGTH; i++)
		id.bytes[i] = (uint8_t)prng_next(prng);
	return id;
}

/* Follows next_hop from peer to peer. SIZE_MAX when it loops. */
static size_t hops_to_owner(struct net *n, size_t from, const struct node_id *point)
{
	size_t at = from;

	for (size_t hops = 0; hops <= net_count(n); hops++) {
		const struct topology *t = ring_topology(n, at);
		struct node_id hop;

		if (t->ops->is_responsible(t->ctx, point))
			return at == net_owner(n, point) ? hops : SIZE_MAX;
		if (!t->ops->next_hop(t->ctx, point, &hop))
			return SIZE_MAX;
		at = net_find(n, &hop);
	}
	return SIZE_MAX;
}

START_TEST(route_is_short_and_ends_at_owner)
{
	struct net *n = ring_new(64, 41);
	struct prng prng;
	size_t total = 0;

	net_start_all(n);
	(void)ring_wait(n, 60);
	net_run(n, duration_s(10));
	prng_seed(&prng, 42);
	for (int k = 0; k < 2000; k++) {
		struct node_id point = random_point(&prng);
		size_t hops = hops_to_owner(n, prng_below(&prng, 64), &point);

		ck_assert_uint_ne(hops, SIZE_MAX);
		ck_assert_uint_le(hops, 12);
		total += hops;
	}
	/* Better than log2 N on average. */
	ck_assert_uint_le(total, 2000 * 4);
	net_free(n);
}
END_TEST

struct pinged {
	size_t count;
	size_t wrong;
	struct net *net;
	size_t owner;
};

static void pinged_answer(void *ctx, struct now now, const struct response *response)
{
	struct pinged *p = ctx;

	(void)now;
	p->count++;
	if (response->err != 0 ||
	    !node_id_equal(&response->signer.node_id, net_node_id(p->net, p->owner)))
		p->wrong++;
}

static void ping_all_over(struct net *n, size_t from, size_t tries, uint64_t seed)
{
	struct prng prng;

	prng_seed(&prng, seed);
	for (size_t k = 0; k < tries; k++) {
		struct node_id point = random_point(&prng);
		struct resource_id resource = resource_id_from_node_id(&point);
		struct pinged p = { .net = n, .owner = net_owner(n, &point) };
		const uint8_t body[2] = { 0, 0 };

		if (p.owner == from)
			continue;
		ck_assert_int_eq(transport_request_resource(net_peer(n, from), net_now(n), METHOD_PING,
							    slice_of(body, 2), &resource,
							    pinged_answer, &p),
				 0);
		net_flush(n, from);
		net_run(n, duration_s(2));
		ck_assert_uint_eq(p.count, 1);
		ck_assert_uint_eq(p.wrong, 0);
	}
}

START_TEST(ping_reaches_owner_from_everywhere)
{
	struct net *n = ring_form(24, 43, 200);

	for (size_t from = 0; from < 24; from += 5)
		ping_all_over(n, from, 20, from);
	net_free(n);
}
END_TEST

START_TEST(client_attaches_and_reaches_owners)
{
	struct net *n = ring_form(10, 44, 200);
	const struct net_node_options o = { .client = true };
	size_t client = net_add(n, &o);

	net_start(n, client);
	net_run(n, duration_s(2));
	ck_assert_int_eq(peer_state(net_peer(n, client)), PEER_JOINED);
	ck_assert(!ring_topology(n, client)->ops->is_responsible(ring_topology(n, client)->ctx,
								 net_node_id(n, client)));
	ping_all_over(n, client, 20, 1);
	/* Nobody routes through it. */
	ck_assert_str_eq(net_ring_fault(n), "");
	net_free(n);
}
END_TEST

START_TEST(client_moves_when_its_peer_dies)
{
	struct net *n = ring_form(10, 45, 200);
	const struct net_node_options o = { .client = true };
	size_t client = net_add(n, &o);

	net_start(n, client);
	net_run(n, duration_s(2));
	for (int k = 0; k < 2; k++) {
		struct node_id next = node_id_next(net_node_id(n, client));

		net_kill(n, net_owner(n, &next), false);
		net_run(n, duration_s(10));
		ping_all_over(n, client, 5, (uint64_t)k);
	}
	net_free(n);
}
END_TEST

START_TEST(client_follows_responsibility)
{
	struct net *n = ring_form(6, 46, 200);
	struct net_node_options o = { .client = true };
	size_t client = net_add(n, &o);
	struct node_id next = node_id_next(net_node_id(n, client));
	struct node_id near = node_id_add_power(net_node_id(n, client), 90);
	size_t closer;

	net_start(n, client);
	net_run(n, duration_s(2));
	o = (struct net_node_options){ .id = &near };
	closer = net_add(n, &o);
	net_start(n, closer);
	(void)ring_wait(n, 20);
	ck_assert_uint_eq(net_owner(n, &next), closer);
	net_run(n, duration_s(60));
	ck_assert_uint_ne(link_find_node(net_peer(n, client), net_node_id(n, closer)), 0);
	net_free(n);
}
END_TEST

START_TEST(fingers_lie_in_their_intervals)
{
	struct net *n = ring_new(64, 47);
	struct topology_view view;

	net_start_all(n);
	(void)ring_wait(n, 60);
	net_run(n, duration_s(20));
	for (size_t i = 0; i < 64; i++) {
		const struct topology *t = ring_topology(n, i);

		t->ops->view(t->ctx, &view);
		ck_assert_uint_ge(view.finger_count, 16);
		for (size_t k = 0; k < view.finger_count; k++) {
			struct node_id first = node_id_add_power(net_node_id(n, i),
								 (unsigned)(127 - k));
			struct node_id distance = node_id_subtract(&first, net_node_id(n, i));
			struct node_id offset = node_id_subtract(&view.fingers[k], &first);

			if (!node_id_is_zero(&view.fingers[k]))
				ck_assert_int_lt(node_id_compare(&offset, &distance), 0);
		}
		/* With 64 peers the widest intervals are never empty. */
		for (size_t k = 0; k < 3; k++)
			ck_assert_msg(!node_id_is_zero(&view.fingers[k]), "node %zu finger %zu", i, k);
	}
	net_free(n);
}
END_TEST

START_TEST(answer_from_far_node_is_not_accepted)
{
	struct net *n = ring_form(12, 48, 200);
	const struct topology *t = ring_topology(n, 3);
	struct topology_view view;

	net_run(n, duration_s(40));
	ping_all_over(n, 3, 1, 5);
	t->ops->view(t->ctx, &view);
	/* For a point just behind our first successor: the second one owns it, the third is too far. */
	{
		struct node_id point = node_id_next(&view.successors[0]);

		ck_assert(t->ops->accepts_answer(t->ctx, &point, &view.successors[1]));
		ck_assert(!t->ops->accepts_answer(t->ctx, &point, &view.successors[2]));
	}
	net_free(n);
}
END_TEST

/* Updates that all peers sent in `seconds` of a quiet ring whose chord-update-interval is `interval_s`. */
static uint64_t updates_sent(uint32_t interval_s, uint64_t seconds)
{
	struct configuration *configuration = calloc(1, sizeof(*configuration));
	struct net_options o = { .seed = 71, .configuration = configuration };
	uint64_t sent = 0;
	struct net *n;

	configuration_init(configuration);
	configuration->chord_update_interval_s = interval_s;
	n = ring_new_with(7, &o);
	for (size_t i = 0; i < 7; i++) {
		net_start(n, i);
		net_run(n, duration_ms(300));
	}
	(void)ring_wait(n, 60);
	net_run(n, duration_s(60));
	for (size_t i = 0; i < 7; i++)
		sent -= peer_counters(net_peer(n, i))->requests_out[METHOD_UPDATE];
	net_run(n, duration_s(seconds));
	for (size_t i = 0; i < 7; i++)
		sent += peer_counters(net_peer(n, i))->requests_out[METHOD_UPDATE];
	net_free(n);
	free(configuration);
	return sent;
}

/* 10.7.4.1: in a ring where nothing happens each neighbour gets an Update an interval. All seven are neighbours of
 * each other; the answers to RouteQueries that stabilization asks for come besides. */
START_TEST(updates_go_to_all_neighbors_periodically)
{
	uint64_t none = updates_sent(86400, 600);
	uint64_t often = updates_sent(40, 600);

	/* Stabilization goes no slower than every 30 s, whatever the interval. */
	ck_assert_uint_ge(often - none, 7 * 6 * 600 / 40 * 8 / 10);
	ck_assert_uint_le(often - none, 7 * 6 * 600 / 40 * 13 / 10);
}
END_TEST

int main(void)
{
	return RUN_TESTS("chord_routing", route_is_short_and_ends_at_owner,
			 ping_reaches_owner_from_everywhere, client_attaches_and_reaches_owners,
			 client_moves_when_its_peer_dies, client_follows_responsibility,
			 fingers_lie_in_their_intervals, answer_from_far_node_is_not_accepted,
			 updates_go_to_all_neighbors_periodically);
}
