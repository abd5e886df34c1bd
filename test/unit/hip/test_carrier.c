/* SPDX-License-Identifier: MIT */
/* usage/hip: HIP packets carried through the ring, and what hostile ones meet there. */
#include "overlay/transport.h"
#include "test/unit/hip/hip_world.h"
#include "test/unit/run.h"

#define PEERS 5

static struct hip_world *x;

static struct {
	size_t answers;
	int err, outcome;
} got;

static void begin(void)
{
	memset(&got, 0, sizeof(got));
	x = hip_world_new(PEERS, WORLD_HOSTS_DIRECT, NULL, NULL);
}

static void end(void)
{
	hip_world_free(x);
}

static void on_carried(void *ctx, struct now now, int err, int outcome)
{
	(void)ctx, (void)now;
	got.answers++;
	got.err = err;
	got.outcome = outcome;
}

/* An I1 as a host sends it. */
static struct slice make_i1(const struct hit *from, const struct hit *to)
{
	static uint8_t bytes[HIP_PACKET_MAX];
	struct writer w = writer_of(bytes, sizeof(bytes));
	struct hip_list groups = { { HOST_DH_P256 }, 1 };

	hip_packet_begin(&w, HIP_I1, 0, from, to);
	hip_dh_group_list_put(&w, &groups);
	hip_packet_end(&w);
	ck_assert_int_eq(w.err, 0);
	hip_checksum_set(bytes, 0x1234);
	return writer_slice(&w);
}

static int carry(size_t from, size_t to, struct slice packet)
{
	int err = hip_carry_send(hip_world_host(x, from), hip_world_now(x, from), net_node_id(world_net(x->w), to), 0,
				 NULL, packet, on_carried, &got);

	world_host_flush(x->w, from);
	return err;
}

/* A HIP_CARRY as a foreign edge might send it. */
static void on_response(void *ctx, struct now now, const struct response *response)
{
	struct reader r = reader_of(response->body);
	uint8_t outcome = 0;

	(void)ctx, (void)now;
	got.answers++;
	got.err = response->err;
	if (response->err == 0) {
		ck_assert_int_eq(hip_carry_answer_get(&r, &outcome), 0);
		ck_assert_int_eq(reader_finish(&r), 0);
	}
	got.outcome = outcome;
}

static void request(size_t from, size_t to, struct slice body)
{
	ck_assert_int_eq(transport_request_node(net_peer(world_net(x->w), from), hip_world_now(x, from), METHOD_EXP_A,
						body, net_node_id(world_net(x->w), to), on_response, NULL),
			 0);
	net_flush(world_net(x->w), from);
	hip_world_run(x, 1000);
}

static void request_carry(size_t from, size_t to, const struct hip_carry *c)
{
	uint8_t bytes[HIP_PACKET_MAX + 64];
	struct writer w = writer_of(bytes, sizeof(bytes));

	hip_carry_put(&w, c);
	ck_assert_int_eq(w.err, 0);
	request(from, to, writer_slice(&w));
}

/* What a host sees of its control packets. */
struct seen {
	size_t received[256], sent[256];
	struct hip_path last;
	uint16_t checksum;
};

static void on_packet(void *ctx, struct now now, const struct hip_path *path, bool sent, struct slice packet)
{
	struct seen *s = ctx;
	struct hip_packet p;

	(void)now;
	ck_assert_int_eq(hip_packet_peek(packet, &p), 0);
	if (sent)
		s->sent[p.type]++;
	else
		s->received[p.type]++;
	s->last = *path;
	s->checksum = p.checksum;
}

START_TEST(packet_reaches_its_edge_and_the_answer_comes_back)
{
	struct seen at1 = { 0 }, at3 = { 0 };
	struct hit *to;

	begin();
	to = (struct hit *)hip_world_hit(x, 3);
	hip_host_capture(hip_world_host(x, 1), on_packet, &at1);
	hip_host_capture(hip_world_host(x, 3), on_packet, &at3);
	ck_assert_int_eq(carry(1, 3, make_i1(hip_world_hit(x, 1), to)), 0);
	hip_world_run(x, 1000);
	ck_assert_uint_eq(got.answers, 1);
	ck_assert_int_eq(got.err, 0);
	ck_assert_int_eq(got.outcome, HIP_CARRY_DELIVERED);
	ck_assert_uint_eq(at3.received[HIP_I1], 1);
	ck_assert_uint_eq(at3.sent[HIP_R1], 1);
	ck_assert_uint_eq(at1.received[HIP_R1], 1);
	ck_assert_int_eq(at1.last.channel, HIP_CHANNEL_OVERLAY);
	ck_assert(node_id_equal(&at1.last.node, net_node_id(world_net(x->w), 3)));
	/* Nobody between can say that the checksum was another one. */
	ck_assert_uint_eq(at1.checksum, 0);
	end();
}
END_TEST

START_TEST(packet_for_a_hit_that_is_not_served_is_told_so)
{
	struct hit nobody = { { 0x20, 1, 0, 0x22, 7 } };

	begin();
	ck_assert_int_eq(carry(1, 3, make_i1(hip_world_hit(x, 1), &nobody)), 0);
	hip_world_run(x, 1000);
	ck_assert_int_eq(got.err, 0);
	ck_assert_int_eq(got.outcome, HIP_CARRY_NOT_SERVED);
	ck_assert_uint_eq(hip_world_logged(x, 1, "hip.carry.lost", "NOT_SERVED"), 1);
	ck_assert_uint_eq(hip_world_counters(x, 1)->hip_lost, 1);
	end();
}
END_TEST

START_TEST(packet_to_nobody_is_lost)
{
	struct node_id nobody = { { 1, 2, 3 } };

	begin();
	ck_assert_int_eq(hip_carry_send(hip_world_host(x, 1), hip_world_now(x, 1), &nobody, 0, NULL,
					make_i1(hip_world_hit(x, 1), hip_world_hit(x, 3)), on_carried, &got),
			 0);
	world_host_flush(x->w, 1);
	hip_world_run(x, 20000);
	ck_assert_uint_eq(got.answers, 1);
	ck_assert_int_ne(got.err, 0);
	end();
}
END_TEST

START_TEST(repeated_journey_is_suppressed)
{
	struct seen at3 = { 0 };
	struct hip_carry c = { .hops = 1, .nonce = 77 };

	begin();
	hip_host_capture(hip_world_host(x, 3), on_packet, &at3);
	c.packet = make_i1(hip_world_hit(x, 1), hip_world_hit(x, 3));
	request_carry(1, 3, &c);
	ck_assert_int_eq(got.outcome, HIP_CARRY_DELIVERED);
	request_carry(1, 3, &c);
	ck_assert_int_eq(got.outcome, HIP_CARRY_SUPPRESSED);
	ck_assert_uint_eq(at3.received[HIP_I1], 1);
	ck_assert_uint_eq(hip_world_counters(x, 3)->hip_replayed, 1);
	/* Another edge's journeys are its own. */
	request_carry(2, 3, &c);
	ck_assert_int_eq(got.outcome, HIP_CARRY_DELIVERED);
	/* None is left to pass. */
	c.nonce++;
	c.hops = 0;
	request_carry(1, 3, &c);
	ck_assert_int_eq(got.outcome, HIP_CARRY_SUPPRESSED);
	/* After a while it could be new. */
	hip_world_run(x, 121000);
	c.hops = 1;
	c.nonce = 77;
	request_carry(1, 3, &c);
	ck_assert_int_eq(got.outcome, HIP_CARRY_DELIVERED);
	end();
}
END_TEST

START_TEST(malformed_bodies_are_refused)
{
	uint8_t bytes[128];
	struct hip_carry c = { .hops = 1, .nonce = 5 };
	struct writer w = writer_of(bytes, sizeof(bytes));
	size_t count = 0;

	begin();
	c.packet = make_i1(hip_world_hit(x, 1), hip_world_hit(x, 3));
	hip_carry_put(&w, &c);
	for (size_t len = 0; len < w.len; len += 7, count++) {
		request(1, 3, slice_of(bytes, len));
		ck_assert_int_eq(got.err, ERR_INVALID_MESSAGE);
	}
	ck_assert_uint_eq(hip_world_counters(x, 3)->hip_malformed, count);
	bytes[0]++; /* another version */
	request(1, 3, writer_slice(&w));
	ck_assert_int_eq(got.err, ERR_INVALID_MESSAGE);
	/* The envelope is right, the packet is not. */
	bytes[0]--;
	bytes[w.len - c.packet.len + 1]++;
	request(1, 3, writer_slice(&w));
	ck_assert_int_eq(got.err, 0);
	ck_assert_int_eq(got.outcome, HIP_CARRY_REFUSED);
	end();
}
END_TEST

/* The address in a HIP_CARRY is what somebody says: nothing is sent there, be it somebody's or nobody's. */
START_TEST(claimed_source_is_sent_nothing)
{
	static const uint8_t types[] = { HIP_I1, HIP_R1, HIP_I2, HIP_R2, HIP_UPDATE, HIP_NOTIFY, HIP_CLOSE,
					 HIP_CLOSE_ACK };
	struct hip_carry c = { .hops = 1, .protocol = 17 };
	struct seen victim = { 0 }, at1 = { 0 };
	struct hit stranger = { { 0x20, 1, 0, 0x22, 7 } };
	struct address nowhere;
	uint64_t lost;

	begin();
	ck_assert_int_eq(address_parse("203.0.113.9:10500", 0, &nowhere), 0);
	lost = world_host_lost(x->w);
	hip_host_capture(hip_world_host(x, 2), on_packet, &victim);
	hip_host_capture(hip_world_host(x, 1), on_packet, &at1);
	for (size_t i = 0; i < sizeof(types); i++) {
		uint8_t bytes[HIP_PACKET_MAX];
		struct slice i1 = make_i1(&stranger, hip_world_hit(x, 3));

		memcpy(bytes, i1.data, i1.len);
		bytes[2] = types[i];
		c.packet = slice_of(bytes, i1.len);
		for (int k = 0; k < 4; k++) {
			c.source = k % 2 == 0 ? hip_world_address(x, 2) : nowhere;
			c.protocol = k < 2 ? 17 : 139;
			c.nonce++;
			request_carry(1, 3, &c);
		}
	}
	hip_world_run(x, 5000);
	for (int i = 0; i < 256; i++)
		ck_assert_uint_eq(victim.received[i], 0);
	ck_assert_uint_eq(world_host_lost(x->w), lost);
	/* Who carried the I1s has the R1s, and nobody else. */
	ck_assert_uint_ge(at1.received[HIP_R1] + hip_world_counters(x, 1)->hip_stray, 1);
	end();
}
END_TEST

START_TEST(one_source_cannot_have_carried_without_end)
{
	struct hit nobody = { { 0x20, 1, 0, 0x22, 7 } };
	size_t sent = 0;

	begin();
	/* So many wait for their answers at once. */
	while (carry(1, 3, make_i1(hip_world_hit(x, 1), &nobody)) == 0 && sent < 5000)
		sent++;
	ck_assert_uint_eq(sent, 1024);
	ck_assert_int_eq(carry(1, 3, make_i1(hip_world_hit(x, 1), &nobody)), ERR_LIMIT);
	hip_world_run(x, 100);
	for (size_t i = 0; i < 500; i++)
		if (carry(1, 3, make_i1(hip_world_hit(x, 1), &nobody)) == 0)
			sent++;
	hip_world_run(x, 10000);
	ck_assert_uint_eq(got.answers, sent);
	ck_assert_uint_gt(hip_world_counters(x, 3)->hip_limit, 100);
	/* Others are served. */
	ck_assert_int_eq(carry(2, 3, make_i1(hip_world_hit(x, 2), hip_world_hit(x, 3))), 0);
	hip_world_run(x, 1000);
	ck_assert_int_eq(got.outcome, HIP_CARRY_DELIVERED);
	end();
}
END_TEST

START_TEST(cancelled_carry_is_not_told)
{
	begin();
	ck_assert_int_eq(carry(1, 3, make_i1(hip_world_hit(x, 1), hip_world_hit(x, 3))), 0);
	hip_carry_cancel(hip_world_host(x, 1), &got);
	hip_world_run(x, 1000);
	ck_assert_uint_eq(got.answers, 0);
	/* Too short and too long ones go nowhere. */
	ck_assert_int_eq(carry(1, 3, slice_text("short")), ERR_LIMIT);
	end();
}
END_TEST

/* Its own edge is an edge as any other. */
START_TEST(packet_to_oneself_is_delivered)
{
	struct hit nobody = { { 0x20, 1, 0, 0x22, 7 } };

	begin();
	ck_assert_int_eq(carry(1, 1, make_i1(&nobody, hip_world_hit(x, 1))), 0);
	hip_world_run(x, 1000);
	ck_assert_uint_eq(got.answers, 1);
	ck_assert_int_eq(got.err, 0);
	ck_assert_int_eq(got.outcome, HIP_CARRY_DELIVERED);
	end();
}
END_TEST

int main(void)
{
	return RUN_TESTS("carrier", packet_reaches_its_edge_and_the_answer_comes_back,
			 packet_for_a_hit_that_is_not_served_is_told_so, packet_to_nobody_is_lost,
			 repeated_journey_is_suppressed, malformed_bodies_are_refused, claimed_source_is_sent_nothing,
			 one_source_cannot_have_carried_without_end, cancelled_carry_is_not_told,
			 packet_to_oneself_is_delivered);
}
