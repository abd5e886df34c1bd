/* SPDX-License-Identifier: MIT */
/* Who may send which Store, and what a replica's counter is worth (RFC 6940 7.4.1.1). The requests carry no values:
 * who sends them is judged first. */
#include "overlay/transport.h"
#include "overlay/wire/body_data.h"
#include "test/unit/storage/stored_net.h"

#define PEERS 16

struct heard {
	bool called;
	int err;
};

static void on_answer(void *ctx, struct now now, const struct response *response)
{
	struct heard *heard = ctx;

	(void)now;
	heard->called = true;
	heard->err = response->err;
}

/* `from` sends `to` a Store for H(user of `of`). */
static int store_at(struct stored_net *s, size_t from, size_t to, size_t of, uint8_t replica_number,
		    uint64_t generation)
{
	struct store_kind_data kind = { .kind = STORED_NET_KIND, .generation_counter = generation };
	struct store_req req = { .resource = stored_net_resource(s, of),
				 .replica_number = replica_number,
				 .kinds = &kind,
				 .kind_count = 1 };
	struct heard heard = { .called = false };
	uint8_t body[128];
	struct writer w = writer_of(body, sizeof(body));

	store_req_put(&w, &req);
	ck_assert_int_eq(w.err, 0);
	ck_assert_int_eq(transport_request_node(net_peer(s->n, from), net_now(s->n), METHOD_STORE, writer_slice(&w),
						net_node_id(s->n, to), on_answer, &heard), 0);
	net_flush(s->n, from);
	net_run(s->n, duration_s(3));
	ck_assert(heard.called);
	return heard.err;
}

/* The peer `steps` after the owner of H(user of `of`), clockwise. */
static size_t after_owner(struct stored_net *s, size_t of, size_t steps)
{
	struct node_id point = stored_net_point(s, of);
	size_t node = net_owner(s->n, &point);

	for (; steps > 0; steps--) {
		point = node_id_next(net_node_id(s->n, node));
		node = net_owner(s->n, &point);
	}
	return node;
}

/* The counter of what `node` holds for `of`; 0: it holds nothing. */
static uint64_t generation_at(struct stored_net *s, size_t node, size_t of)
{
	struct resource_id resource = stored_net_resource(s, of);
	struct storage_row row;
	size_t cursor = 0;

	while (storage_next(net_storage(s->n, node), net_now(s->n), &cursor, &row))
		if (resource_id_equal(&row.resource, &resource) && row.kind == STORED_NET_KIND)
			return row.generation;
	return 0;
}

START_TEST(replica_0_goes_to_the_owner_only)
{
	struct stored_net *s = stored_net_new(PEERS, 41);
	uint64_t refused;

	for (size_t steps = 1; steps < PEERS; steps++) {
		size_t to = after_owner(s, 0, steps);

		refused = peer_counters(net_peer(s->n, to))->stores_refused;
		ck_assert_int_eq(store_at(s, after_owner(s, 0, 0), to, 0, 0, 0), ERR_NOT_FOUND);
		ck_assert_uint_eq(peer_counters(net_peer(s->n, to))->stores_refused, refused + 1);
	}
	ck_assert_int_eq(store_at(s, after_owner(s, 0, 3), after_owner(s, 0, 0), 0, 0, 0), 0);
	stored_net_free(s);
}
END_TEST

/* The owner's place in the ring is before the replica's; who stands behind it, or far before, has no business. */
START_TEST(replica_of_an_implausible_sender_is_forbidden)
{
	struct stored_net *s = stored_net_new(PEERS, 42);
	size_t owner = after_owner(s, 0, 0);

	ck_assert_int_eq(store_at(s, owner, after_owner(s, 0, 1), 0, 1, 1), 0);
	ck_assert_int_eq(store_at(s, owner, after_owner(s, 0, 2), 0, 2, 1), 0);
	/* Behind the replica; far before it; and for a point that lies behind the sender. */
	ck_assert_int_eq(store_at(s, after_owner(s, 0, 2), after_owner(s, 0, 1), 0, 1, 1), ERR_FORBIDDEN);
	ck_assert_int_eq(store_at(s, owner, after_owner(s, 0, PEERS / 2), 0, 1, 1), ERR_FORBIDDEN);
	ck_assert_int_eq(store_at(s, after_owner(s, 0, PEERS - 1), after_owner(s, 0, 4), 0, 1, 1), ERR_FORBIDDEN);
	stored_net_free(s);
}
END_TEST

/* Who comes back from a partition, or from another neighbourhood, has a place far away; its counter is not
 * believed. A successor of the owner was in the replica set. */
START_TEST(owner_takes_replicas_from_anybody)
{
	struct stored_net *s = stored_net_new(PEERS, 44);
	size_t owner = after_owner(s, 0, 0);

	ck_assert_int_eq(stored_net_store(s, 0, "value", 3600).err, 0);
	ck_assert_int_eq(store_at(s, after_owner(s, 0, PEERS / 2), owner, 0, 1, 1000), 0);
	ck_assert_uint_eq(generation_at(s, owner, 0), 1);
	ck_assert_int_eq(store_at(s, after_owner(s, 0, 1), owner, 0, 1, 1000), 0);
	ck_assert_uint_eq(generation_at(s, owner, 0), 1000);
	stored_net_free(s);
}
END_TEST

START_TEST(counter_of_a_replica_is_taken_unchecked_and_never_falls)
{
	struct stored_net *s = stored_net_new(PEERS, 43);
	size_t owner = after_owner(s, 0, 0), first = after_owner(s, 0, 1);

	ck_assert_int_eq(stored_net_store(s, 0, "value", 3600).err, 0);
	ck_assert_uint_eq(generation_at(s, owner, 0), 1);
	ck_assert_uint_eq(generation_at(s, first, 0), 1);
	/* Higher and lower: an owner that knows less than its replica does not let an old counter fit again. */
	ck_assert_int_eq(store_at(s, owner, first, 0, 1, 77), 0);
	ck_assert_uint_eq(generation_at(s, first, 0), 77);
	ck_assert_int_eq(store_at(s, owner, first, 0, 1, 5), 0);
	ck_assert_uint_eq(generation_at(s, first, 0), 77);
	/* 0 would say that nothing is stored. */
	ck_assert_int_eq(store_at(s, owner, first, 0, 1, 0), ERR_INVALID_MESSAGE);
	ck_assert_uint_eq(generation_at(s, first, 0), 77);
	/* An owner checks the counter of replica 0. */
	ck_assert_int_eq(store_at(s, first, owner, 0, 0, 77), ERR_GENERATION_COUNTER_TOO_LOW);
	stored_net_free(s);
}
END_TEST

int main(void)
{
	return RUN_TESTS("replica", replica_0_goes_to_the_owner_only, replica_of_an_implausible_sender_is_forbidden,
			 owner_takes_replicas_from_anybody,
			 counter_of_a_replica_is_taken_unchecked_and_never_falls);
}
