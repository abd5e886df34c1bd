/* SPDX-License-Identifier: MIT */
/* usage/hip: HIP-RVS records kept in the overlay and looked up there, true ones and false ones. */
#include "test/unit/hip/hip_world.h"
#include "test/unit/run.h"

#define PEERS 10

static struct hip_world *x;

/* The latest answer, and how many there were. */
static struct {
	size_t answers, count;
	int err;
	struct hip_located found[HIP_LOCATED_MAX];
} got;

static void on_located(void *ctx, struct now now, int err, const struct hip_located *found, size_t count)
{
	(void)ctx, (void)now;
	got.answers++;
	got.err = err;
	got.count = count;
	for (size_t i = 0; i < count; i++)
		got.found[i] = found[i];
}

static void begin(void)
{
	memset(&got, 0, sizeof(got));
	x = hip_world_new(PEERS, WORLD_HOSTS_OVERLAY, NULL, NULL);
}

static void end(void)
{
	hip_world_free(x);
}

static int ask(size_t node, const struct hit *hit)
{
	int err = hip_locate(hip_world_host(x, node), hip_world_now(x, node), hit, on_located, &got);

	world_host_flush(x->w, node);
	return err;
}

/* Asks and waits. */
static void locate(size_t node, const struct hit *hit)
{
	size_t before = got.answers;

	ck_assert_int_eq(ask(node, hit), 0);
	for (int i = 0; i < 200 && got.answers == before; i++)
		hip_world_run(x, 100);
	ck_assert_uint_eq(got.answers, before + 1);
}

static void publish(size_t node, const struct hit *hit, uint8_t flags)
{
	struct address at = hip_world_address(x, node);

	ck_assert_int_eq(hip_publish(hip_world_host(x, node), hip_world_now(x, node), hit, flags, 600, &at, 1,
				     SLICE_EMPTY, SLICE_EMPTY),
			 0);
	world_host_flush(x->w, node);
}

START_TEST(own_record_is_found_with_all_that_it_says)
{
	struct address at;

	begin();
	locate(3, hip_world_hit(x, 5));
	ck_assert_int_eq(got.err, 0);
	ck_assert_uint_eq(got.count, 1);
	ck_assert(node_id_equal(&got.found[0].edge, net_node_id(world_net(x->w), 5)));
	ck_assert(got.found[0].is_own);
	ck_assert(got.found[0].user_is_vouched);
	ck_assert_int_eq(got.found[0].proof, HIP_PROOF_CERTIFICATE);
	ck_assert_str_eq(got.found[0].user, "user5@example.org");
	at = hip_world_address(x, 5);
	ck_assert_uint_eq(got.found[0].locator_count, 1);
	ck_assert(address_equal(&got.found[0].locators[0], &at));
	end();
}
END_TEST

START_TEST(many_who_ask_share_one_fetch_and_its_result)
{
	begin();
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(ask(3, hip_world_hit(x, 5)), 0);
	ck_assert_uint_eq(got.answers, 0);
	hip_world_run(x, 2000);
	ck_assert_uint_eq(got.answers, 20);
	ck_assert_uint_eq(hip_world_logged(x, 3, "hip.located", ""), 1);
	/* Remembered for 30 s: answered before the call returns. */
	hip_world_run(x, 27000);
	ck_assert_int_eq(ask(3, hip_world_hit(x, 5)), 0);
	ck_assert_uint_eq(got.answers, 21);
	hip_world_run(x, 4000);
	ck_assert_int_eq(ask(3, hip_world_hit(x, 5)), 0);
	ck_assert_uint_eq(got.answers, 21);
	hip_world_run(x, 2000);
	ck_assert_uint_eq(hip_world_logged(x, 3, "hip.located", ""), 2);
	/* What turned out wrong is forgotten. */
	hip_locate_forget(hip_world_host(x, 3), hip_world_hit(x, 5));
	locate(3, hip_world_hit(x, 5));
	ck_assert_uint_eq(hip_world_logged(x, 3, "hip.located", ""), 3);
	end();
}
END_TEST

START_TEST(missing_record_is_remembered_for_a_while)
{
	struct hit nobody = { { 0x20, 1, 0, 0x22, 9 } };

	begin();
	locate(3, &nobody);
	ck_assert_int_eq(got.err, 0);
	ck_assert_uint_eq(got.count, 0);
	hip_world_run(x, 3000);
	locate(3, &nobody);
	ck_assert_uint_eq(hip_world_logged(x, 3, "hip.located", ""), 1);
	hip_world_run(x, 3000);
	locate(3, &nobody);
	ck_assert_uint_eq(hip_world_logged(x, 3, "hip.located", ""), 2);
	end();
}
END_TEST

START_TEST(cancelled_question_is_not_answered)
{
	begin();
	ck_assert_int_eq(ask(3, hip_world_hit(x, 5)), 0);
	hip_locate_cancel(hip_world_host(x, 3), &got);
	hip_world_run(x, 3000);
	ck_assert_uint_eq(got.answers, 0);
	end();
}
END_TEST

START_TEST(questions_are_bounded)
{
	struct hit hit = { { 0x20, 1, 0, 0x22 } };
	int err = 0, asked = 0;

	begin();
	while (err == 0 && asked < 1000) {
		hit.bytes[14] = (uint8_t)(asked >> 8);
		hit.bytes[15] = (uint8_t)asked;
		err = ask(3, &hit);
		asked += err == 0;
	}
	ck_assert_int_eq(err, ERR_LIMIT);
	ck_assert_int_lt(asked, 100);
	hip_world_run(x, 15000);
	ck_assert_uint_eq(got.answers, (size_t)asked);
	/* What is remembered is bounded too: the oldest goes. */
	for (int i = 0; i < 1100; i += 50) {
		for (int k = i; k < i + 50; k++) {
			hit.bytes[13] = 1;
			hit.bytes[14] = (uint8_t)(k >> 8);
			hit.bytes[15] = (uint8_t)k;
			ck_assert_int_eq(ask(3, &hit), 0);
		}
		hip_world_run(x, 100);
	}
	end();
}
END_TEST

START_TEST(record_is_renewed_before_it_ends)
{
	begin();
	publish(5, hip_world_hit(x, 5), HIP_RECORD_OWN); /* lives for 600 s */
	hip_world_run(x, 2000);
	ck_assert_uint_eq(hip_world_logged(x, 5, "hip.record.stored", ""), 1);
	hip_world_run(x, 1800 * 1000);
	ck_assert_uint_ge(hip_world_logged(x, 5, "hip.record.stored", ""), 4);
	locate(3, hip_world_hit(x, 5));
	ck_assert_uint_eq(got.count, 1);
	end();
}
END_TEST

START_TEST(removed_record_is_gone)
{
	struct hit hit;

	begin();
	hit = *hip_world_hit(x, 5);
	hip_unpublish(hip_world_host(x, 5), hip_world_now(x, 5), &hit);
	world_host_flush(x->w, 5);
	ck_assert(!hip_is_published(hip_world_host(x, 5), &hit));
	hip_world_run(x, 2000);
	ck_assert_uint_eq(hip_world_logged(x, 5, "hip.record.removed", ""), 1);
	locate(3, &hit);
	ck_assert_int_eq(got.err, 0);
	ck_assert_uint_eq(got.count, 0);
	end();
}
END_TEST

static void on_stopped(void *ctx, struct now now)
{
	(void)now;
	++*(unsigned *)ctx;
}

START_TEST(stopping_takes_all_records_away)
{
	struct hit hit, other = { { 0x20, 1, 0, 0x22, 1 } };
	unsigned stopped = 0;

	begin();
	hit = *hip_world_hit(x, 5);
	publish(5, &other, HIP_RECORD_PLAIN);
	hip_world_run(x, 1000);
	hip_locate_stop(hip_world_host(x, 5), hip_world_now(x, 5), on_stopped, &stopped);
	world_host_flush(x->w, 5);
	hip_world_run(x, 2900);
	ck_assert_uint_eq(stopped, 1);
	ck_assert_uint_eq(hip_world_logged(x, 5, "hip.record.removed", ""), 2);
	locate(3, &hit);
	ck_assert_uint_eq(got.count, 0);
	hip_world_run(x, 5000);
	ck_assert_uint_eq(stopped, 1);
	end();
}
END_TEST

START_TEST(stopping_ends_in_time_when_nobody_answers)
{
	unsigned stopped = 0;

	begin();
	for (size_t i = 0; i < PEERS; i++)
		if (i != 5)
			net_pause(world_net(x->w), i);
	hip_locate_stop(hip_world_host(x, 5), hip_world_now(x, 5), on_stopped, &stopped);
	world_host_flush(x->w, 5);
	hip_world_run(x, 3100);
	ck_assert_uint_eq(stopped, 1);
	end();
}
END_TEST

START_TEST(false_record_is_refused_by_who_would_store_it)
{
	begin();
	publish(2, hip_world_hit(x, 5), HIP_RECORD_OWN);
	hip_world_run(x, 2000);
	ck_assert_uint_eq(hip_world_logged(x, 2, "hip.record.failed", "FORBIDDEN"), 1);
	ck_assert(!hip_is_published(hip_world_host(x, 2), hip_world_hit(x, 5)));
	locate(3, hip_world_hit(x, 5));
	ck_assert_uint_eq(got.count, 1);
	ck_assert(node_id_equal(&got.found[0].edge, net_node_id(world_net(x->w), 5)));
	end();
}
END_TEST

START_TEST(edge_vouched_records_come_last_and_crowd_nobody_out)
{
	struct resource_id point;
	struct node_id place;
	struct hit hit;
	size_t refused = 0, owner, asker;

	begin();
	hit = *hip_world_hit(x, 5);
	/* The host itself is not there yet. */
	hip_unpublish(hip_world_host(x, 5), hip_world_now(x, 5), &hit);
	world_host_flush(x->w, 5);
	hip_world_run(x, 2000);
	for (size_t i = 0; i < PEERS; i++)
		if (i != 5)
			publish(i, &hit, HIP_RECORD_PLAIN);
	hip_world_run(x, 3000);
	for (size_t i = 0; i < PEERS; i++)
		refused += hip_world_logged(x, i, "hip.record.failed", "DATA_TOO_LARGE") > 0;
	/* Half of the room, less the removed record's entry. */
	ck_assert_uint_eq(refused, PEERS - 1 - 3);
	publish(5, &hit, HIP_RECORD_OWN);
	hip_world_run(x, 2000);
	ck_assert(hip_is_published(hip_world_host(x, 5), &hit));
	locate(3, &hit);
	ck_assert_uint_eq(got.count, 1 + 3);
	ck_assert(got.found[0].is_own);
	/* A removed record of its own is one more entry without proof: with all of them the next owner begins. */
	hip_unpublish(hip_world_host(x, 5), hip_world_now(x, 5), &hit);
	world_host_flush(x->w, 5);
	hip_world_run(x, 2000);
	point = security_resource_id(peer_security(net_peer(world_net(x->w), 3)), slice_of(hit.bytes, HIT_LENGTH));
	ck_assert_int_eq(node_id_from_resource_id(&point, &place), 0);
	owner = net_owner(world_net(x->w), &place);
	world_leave(x->w, owner);
	hip_world_run(x, 30000);
	asker = owner == 3 ? 4 : 3;
	hip_locate_forget(hip_world_host(x, asker), &hit);
	locate(asker, &hit);
	ck_assert_uint_ge(got.count, 2);
	for (size_t i = 0; i < got.count; i++) {
		ck_assert(!got.found[i].is_own);
		ck_assert_int_eq(got.found[i].proof, HIP_PROOF_NONE);
		ck_assert((got.found[i].flags & HIP_RECORD_PLAIN) != 0);
	}
	end();
}
END_TEST

START_TEST(ring_part_is_off_without_the_kind)
{
	struct configuration *c = calloc(1, sizeof(*c));

	memset(&got, 0, sizeof(got));
	configuration_init(c);
	x = hip_world_new(3, WORLD_HOSTS_OVERLAY, NULL, c);
	free(c);
	ck_assert_int_eq(ask(1, hip_world_hit(x, 2)), ERR_NOT_JOINED);
	ck_assert(!hip_is_published(hip_world_host(x, 1), hip_world_hit(x, 1)));
	hip_world_run(x, 100000);
	ck_assert_int_eq(ask(1, hip_world_hit(x, 2)), ERR_NOT_JOINED);
	/* Said once, when it joined. */
	ck_assert_uint_eq(hip_world_logged(x, SIZE_MAX, "hip.ring.off", ""), 0);
	end();
}
END_TEST

int main(void)
{
	return RUN_TESTS("locate", own_record_is_found_with_all_that_it_says,
			 many_who_ask_share_one_fetch_and_its_result, missing_record_is_remembered_for_a_while,
			 cancelled_question_is_not_answered, questions_are_bounded, record_is_renewed_before_it_ends,
			 removed_record_is_gone, stopping_takes_all_records_away,
			 stopping_ends_in_time_when_nobody_answers, false_record_is_refused_by_who_would_store_it,
			 edge_vouched_records_come_last_and_crowd_nobody_out, ring_part_is_off_without_the_kind);
}
