/* SPDX-License-Identifier: MIT */
/* What a peer at rest costs, what peers of one process share, and how links are let go. */
#include <malloc.h>
#include <stdlib.h>

#include "overlay/link_table.h"
#include "overlay/workspace.h"
#include "test/unit/core/core.h"
#include "test/unit/run.h"

#define PEERS 64
#define LINKS 3
#define LINK_BYTES_MAX 320
#define PEER_BYTES_MAX 5120 /* measured: about 4,000, most of it counters and tables that are empty */

static struct core *c;
static struct remote a, b;

static void setup(void)
{
	struct core_options o = { .first = true };

	c = core_new(&o);
	remote_init(&a, 0x10, 1);
	remote_init(&b, 0x20, 3);
}

static void teardown(void)
{
	core_free(c);
	remote_free(&a);
	remote_free(&b);
}

static struct peer *lean_peer(struct core *like, struct workspace *w)
{
	struct peer_options *o = memory_alloc(sizeof(*o));
	struct peer *p;

	o->configuration = &like->configuration;
	o->security = fake_security_port(like->security);
	o->workspace = w;
	o->first = true;
	p = peer_new(o);
	free(o);
	peer_start(p, like->now, NULL, 0, like->link_type);
	return p;
}

static void drain(struct peer *p)
{
	while (peer_next_effect(p) != NULL)
		;
}

START_TEST(link_stays_small)
{
	ck_assert_uint_le(sizeof(struct link), LINK_BYTES_MAX);
}
END_TEST

START_TEST(peer_at_rest_costs_little)
{
	struct workspace *w = workspace_new();
	struct peer *peers[PEERS];
	struct remote others[LINKS];
	size_t before;

	setup();
	for (size_t i = 0; i < LINKS; i++)
		remote_init(&others[i], (uint8_t)(i + 1), 1);
	/* What is shared is not counted. */
	peers[0] = lean_peer(c, w);
	drain(peers[0]);
	peer_free(peers[0]);
	before = mallinfo2().uordblks;
	for (size_t i = 0; i < PEERS; i++) {
		peers[i] = lean_peer(c, w);
		for (size_t k = 0; k < LINKS; k++)
			ck_assert_uint_ne(peer_link_accept(peers[i], c->now, LINK_OVERLAY, c->link_type,
							   &(struct address){ .type = ADDRESS_IPV4 },
							   slice_of(others[k].certificate,
								    others[k].certificate_len)),
					  0);
		drain(peers[i]);
	}
	/* Nothing is counted where the allocator is another one. */
	if (mallinfo2().uordblks > before)
		ck_assert_uint_le((mallinfo2().uordblks - before) / PEERS, PEER_BYTES_MAX);
	for (size_t i = 0; i < PEERS; i++)
		peer_free(peers[i]);
	for (size_t i = 0; i < LINKS; i++)
		remote_free(&others[i]);
	teardown();
	workspace_free(w);
}
END_TEST

START_TEST(workspace_serves_peers_within_their_turns)
{
	struct workspace *w = workspace_new();
	struct peer *first, *second;
	const struct effect *e;
	uint8_t *bytes;

	setup();
	first = lean_peer(c, w);
	drain(first);
	second = lean_peer(c, w);
	drain(second);
	/* Both are in the middle of a turn: neither sees the other's memory. */
	bytes = arena_alloc(peer_arena(first), 16);
	bytes[0] = 1;
	peer_queue_effect(first, &(struct effect){ .type = EFFECT_LINK_CLOSE, .link = 1 });
	arena_alloc(peer_arena(second), 16);
	peer_queue_effect(second, &(struct effect){ .type = EFFECT_LINK_CLOSE, .link = 2 });
	ck_assert_uint_eq(bytes[0], 1);
	e = peer_next_effect(first);
	ck_assert_uint_eq(e->link, 1);
	ck_assert_ptr_null(peer_next_effect(first));
	e = peer_next_effect(second);
	ck_assert_uint_eq(e->link, 2);
	ck_assert_ptr_null(peer_next_effect(second));
	/* A peer may go within its turn. */
	peer_queue_effect(first, &(struct effect){ .type = EFFECT_LINK_CLOSE, .link = 3 });
	peer_free(first);
	peer_free(second);
	workspace_free(w);
	teardown();
}
END_TEST

START_TEST(configuration_is_borrowed_until_a_newer_one_comes)
{
	struct configuration *newer = memory_alloc(sizeof(*newer));

	setup();
	ck_assert_ptr_eq(peer_configuration(c->peer), &c->configuration);
	*newer = c->configuration;
	newer->sequence++;
	peer_configure(c->peer, c->now, newer);
	newer->sequence++;
	ck_assert_uint_eq(peer_configuration(c->peer)->sequence, c->configuration.sequence + 1);
	peer_configure(c->peer, c->now, newer);
	ck_assert_uint_eq(peer_configuration(c->peer)->sequence, c->configuration.sequence + 2);
	core_drain(c);
	teardown();
	free(newer);
}
END_TEST

START_TEST(link_let_go_is_no_loss)
{
	setup();
	core_accept(c, &a);
	link_attach(c->peer, c->now, link_of_id(c->peer, a.link), &a.id, false);
	link_let_go(c->peer, c->now, &a.id);
	core_drain(c);
	ck_assert_uint_eq(link_count(c->peer), 0);
	ck_assert_uint_eq(c->downs + c->closes, 0);
	ck_assert_uint_eq(c->closed_count, 1);
	ck_assert_uint_eq(c->closed[0].link, a.link);
	ck_assert_int_eq(c->closed[0].reason, 0);
	/* Nothing happens without a link. */
	link_let_go(c->peer, c->now, &a.id);
	link_set_watch(c->peer, &a.id, true);
	teardown();
}
END_TEST

/* Of two links to a node the first was quiet for a while, and the second let go before the plug-in knew of it: the
 * first, attached long ago, is announced anew, and its end is told. */
START_TEST(link_that_takes_over_is_announced)
{
	struct link *first, *second;

	setup();
	core_accept(c, &a);
	first = link_of_id(c->peer, a.link);
	link_attach(c->peer, c->now, first, &a.id, false);
	link_suspect(c->peer, c->now, first);
	ck_assert_uint_eq(c->downs, 1);
	core_accept(c, &a);
	second = link_of_node(c->peer, &a.id);
	ck_assert_ptr_ne(second, first);
	ck_assert_uint_eq(c->ups, 1);
	/* The other end has had it attached all the time. */
	link_recover(c->peer, c->now, first);
	ck_assert_uint_eq(c->ups, 2);
	ck_assert_int_eq(second->state, LINK_ATTACHED);
	link_let_go(c->peer, c->now, &a.id);
	ck_assert_ptr_eq(link_of_node(c->peer, &a.id), first);
	link_is_peer(c->peer, c->now, first);
	ck_assert_uint_eq(c->ups, 3);
	peer_link_down(c->peer, c->now, first->id, ERR_LINK);
	ck_assert_uint_eq(c->downs, 2);
	core_drain(c);
	teardown();
}
END_TEST

/* The plug-in may know a node by what came over a link that was never attached. */
START_TEST(end_of_unattached_link_is_told)
{
	setup();
	core_accept(c, &a);
	peer_link_down(c->peer, c->now, a.link, ERR_LINK);
	ck_assert_uint_eq(c->downs, 1);
	core_drain(c);
	teardown();
}
END_TEST

START_TEST(link_closed_by_the_other_end_is_no_failure)
{
	setup();
	core_accept(c, &a);
	link_attach(c->peer, c->now, link_of_id(c->peer, a.link), &a.id, false);
	peer_link_down(c->peer, c->now, a.link, 0);
	core_drain(c);
	ck_assert_uint_eq(c->closes, 1);
	ck_assert_uint_eq(c->downs, 0);
	/* With a frame of ours not acknowledged nobody knows what became of it. */
	core_accept(c, &a);
	link_attach(c->peer, c->now, link_of_id(c->peer, a.link), &a.id, false);
	core_advance(c, 30000);
	peer_link_down(c->peer, c->now, a.link, 0);
	core_drain(c);
	ck_assert_uint_eq(c->closes, 1);
	ck_assert_uint_eq(c->downs, 1);
	/* And a reset is a failure anyway. */
	core_accept(c, &a);
	link_attach(c->peer, c->now, link_of_id(c->peer, a.link), &a.id, false);
	peer_link_down(c->peer, c->now, a.link, ERR_LINK);
	ck_assert_uint_eq(c->downs, 2);
	core_drain(c);
	teardown();
}
END_TEST

START_TEST(link_index_finds_links_among_many)
{
	struct link links[100] = { 0 };
	struct link_index x = { 0 };
	size_t cursor = 0;

	for (size_t i = 0; i < 100; i++) {
		links[i].id = 2 * i + 1;
		links[i].node_id = core_node_id((uint8_t)(i * 37 % 101));
		link_index_add(&x, &links[i]);
		link_index_route(&x, &links[i]);
	}
	for (size_t i = 0; i < 100; i++) {
		ck_assert_ptr_eq(link_index_find(&x, 2 * i + 1), &links[i]);
		ck_assert_ptr_null(link_index_find(&x, 2 * i));
		ck_assert_ptr_eq(link_index_find_node(&x, &links[i].node_id), &links[i]);
	}
	/* Links go while they are walked over. */
	for (size_t i = 0; i < 100; i++) {
		ck_assert_ptr_eq(link_index_next(&x, &cursor), &links[i]);
		link_index_unroute(&x, &links[i].node_id);
		ck_assert_ptr_null(link_index_find_node(&x, &links[i].node_id));
		link_index_remove(&x, &links[i]);
		link_index_remove(&x, &links[i]);
		ck_assert_ptr_null(link_index_find(&x, links[i].id));
	}
	ck_assert_ptr_null(link_index_next(&x, &cursor));
	ck_assert_uint_eq(x.by_id.count + x.by_node.count, 0);
	ck_assert_uint_lt(x.by_id.room, 50);
	link_index_free(&x);
}
END_TEST

int main(void)
{
	return RUN_TESTS("footprint", link_stays_small, peer_at_rest_costs_little,
			 workspace_serves_peers_within_their_turns,
			 configuration_is_borrowed_until_a_newer_one_comes, link_let_go_is_no_loss,
			 link_that_takes_over_is_announced, end_of_unattached_link_is_told,
			 link_closed_by_the_other_end_is_no_failure, link_index_finds_links_among_many);
}
