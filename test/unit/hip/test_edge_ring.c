/* SPDX-License-Identifier: MIT */
/* The edge on the overlay itself: a registration becomes a record that storing peers accept and readers trust, and a
 * foreign host's I1 and the R1 that answers it pass through HIP_CARRY. */
#include "test/unit/run.h"

#include "test/unit/hip/hip_world.h"
#include "usage/hip/hip_registrant.h"

#define PEERS 6

struct asked {
	bool done;
	size_t count;
	struct hip_located found[HIP_LOCATED_MAX];
};

static void on_located(void *ctx, struct now now, int err, const struct hip_located *found, size_t count)
{
	struct asked *x = ctx;

	(void)now;
	ck_assert_int_eq(err, 0);
	x->done = true;
	x->count = count;
	for (size_t i = 0; i < count; i++)
		x->found[i] = found[i];
}

static struct asked locate(struct hip_world *x, size_t node, const struct hit *hit)
{
	struct asked asked = { 0 };

	ck_assert_int_eq(hip_locate(hip_world_host(x, node), hip_world_now(x, node), hit, on_located, &asked), 0);
	hip_world_run(x, 3000);
	ck_assert(asked.done);
	return asked;
}

static void register_at(struct hip_world *x, size_t client, size_t server, uint8_t type, uint32_t lifetime_s)
{
	struct address at = hip_world_address(x, server);

	ck_assert_int_eq(hip_host_register(hip_world_host(x, client), hip_world_now(x, client),
					   hip_world_hit(x, server), &at, type, lifetime_s), 0);
	hip_world_run(x, 10000);
}

START_TEST(registration_is_stored_with_its_proof_and_removed_with_it)
{
	struct hip_host_options options = { .edge = true };
	struct hip_world *x = hip_world_new(PEERS, WORLD_HOSTS_DIRECT, &options, NULL);
	struct asked asked;
	size_t proven = 0;

	register_at(x, 3, 2, 2, 600);
	ck_assert_uint_eq(hip_world_logged(x, 2, "hip.registered", "service=relay"), 1);
	ck_assert(hip_is_published(hip_world_host(x, 2), hip_world_hit(x, 3)));
	asked = locate(x, 5, hip_world_hit(x, 3));
	for (size_t i = 0; i < asked.count; i++)
		proven += asked.found[i].proof == HIP_PROOF_REGISTRATION &&
			  (asked.found[i].flags & HIP_RECORD_RELAY) != 0;
	ck_assert_uint_eq(proven, 1);
	register_at(x, 3, 2, 2, 0);
	hip_world_run(x, 60000);
	asked = locate(x, 4, hip_world_hit(x, 3));
	for (size_t i = 0; i < asked.count; i++)
		ck_assert_uint_ne(asked.found[i].proof, HIP_PROOF_REGISTRATION);
	hip_world_free(x);
}
END_TEST

START_TEST(foreign_i1_gets_its_r1_through_the_ring)
{
	struct hip_host_options options = { .edge = true };
	struct hip_world *x = hip_world_new(PEERS, WORLD_HOSTS_DIRECT, &options, NULL);
	struct hit foreign = { { 0x20, 0x01, 0x00, 0x22, 1, 2, 3 } };
	struct hip_path path = { .channel = HIP_CHANNEL_UDP, .local = hip_world_address(x, 0),
				 .remote = { .type = ADDRESS_IPV4, .bytes = { 203, 0, 113, 9 }, .port = 10500 } };
	struct hip_list groups = { { 7, 8 }, 2 };
	uint8_t bytes[HIP_PACKET_MAX] = { 0 };
	struct writer w = writer_of(bytes + 4, sizeof(bytes) - 4);
	uint64_t before = hip_world_counters(x, 0)->hip_carried;

	hip_packet_begin(&w, HIP_I1, 0, &foreign, hip_world_hit(x, 3));
	hip_dh_group_list_put(&w, &groups);
	hip_packet_end(&w);
	hip_host_datagram(hip_world_host(x, 0), hip_world_now(x, 0), &path, false, slice_of(bytes, w.len + 4));
	hip_world_run(x, 2000);
	/* The I1 into the ring, the R1 out of it. */
	ck_assert_uint_eq(hip_world_counters(x, 0)->hip_carried, before + 2);
	ck_assert_uint_eq(hip_world_counters(x, 0)->hip_lost, 0);
	/* The same for a HIT that nobody has. */
	w.len = 0;
	hip_packet_begin(&w, HIP_I1, 0, &foreign, &(struct hit){ { 0x20, 0x01, 0x00, 0x22, 9 } });
	hip_dh_group_list_put(&w, &groups);
	hip_packet_end(&w);
	hip_host_datagram(hip_world_host(x, 0), hip_world_now(x, 0), &path, false, slice_of(bytes, w.len + 4));
	hip_world_run(x, 3000);
	ck_assert_uint_eq(hip_world_counters(x, 0)->hip_lost, 1);
	ck_assert_uint_eq(hip_world_logged(x, 0, "hip.edge.lost", "reason=not-found"), 1);
	hip_world_free(x);
}
END_TEST

int main(void)
{
	return RUN_TESTS("hip edge on the ring", registration_is_stored_with_its_proof_and_removed_with_it,
			 foreign_i1_gets_its_r1_through_the_ring);
}
