/* SPDX-License-Identifier: MIT */
/* Foreign hosts at two edges: base exchanges by RVS, relay and transparent mode, on UDP and protocol 139. */
#include "test/unit/run.h"

#include "test/unit/hip/hip_ring.h"
#include "usage/hip/hip_update.h"

static struct hip_parameter parameter_of(const struct ring_seen *s, uint16_t type)
{
	struct hip_parameter x = { 0 };
	struct hip_packet p;

	ck_assert_ptr_nonnull(s);
	ck_assert_int_eq(hip_packet_get(slice_of(s->bytes, s->len), &p), 0);
	if (!hip_parameter_find(&p, type, &x))
		x.type = 0;
	return x;
}

static struct hip_registration_info registration(struct ring *r, size_t edge)
{
	struct hip_registration_info info = { 0 };
	size_t cursor = 0;

	(void)hip_host_next_registration(r->f.hosts[edge].h, r->f.now, &cursor, &info);
	return info;
}

/* The record's proof is what an access policy will check: B's signature over its REG_REQUEST to this edge. */
static void assert_proof(struct ring *r)
{
	const struct ring_record *x = ring_find(r, &r->f.hosts[RING_B].hit);
	struct hip_host *h = r->f.hosts[RING_EDGE_B].h;
	struct hip_host_id id;
	struct hip_packet p;
	struct reader reader;
	struct hit hit;

	ck_assert_ptr_nonnull(x);
	reader = reader_of(slice_of(x->host_id, x->host_id_len));
	hip_host_id_get(&reader, &id);
	ck_assert_int_eq(reader_finish(&reader), 0);
	ck_assert_int_eq(host_hit(&h->security, id.identity, &hit), 0);
	ck_assert(hit_equal(&hit, &r->f.hosts[RING_B].hit));
	ck_assert_int_eq(hip_packet_get(slice_of(x->packet, x->packet_len), &p), 0);
	ck_assert(hit_equal(&p.receiver, &r->f.hosts[RING_EDGE_B].hit));
	ck_assert_int_eq(hip_check_signature(h, &p, id.identity), 0);
}

START_TEST(rvs_client_answers_initiator_directly)
{
	struct ring r;

	ring_begin(&r, &(struct hip_host_options){ 0 });
	ring_register(&r, HIP_SERVICE_RVS, 600);
	assert_proof(&r);
	ck_assert_uint_eq(ring_find(&r, &r.f.hosts[RING_B].hit)->flags, HIP_RECORD_RVS);
	ck_assert(ring_call(&r, &r.f.hosts[RING_EDGE_A].at, 900));
	ck_assert_uint_eq(r.carried, 1);
	ck_assert_uint_ne(parameter_of(ring_seen(&r, RING_B, false, HIP_I1), HIP_PARAMETER_FROM).type, 0);
	ck_assert(address_equal(&ring_seen(&r, RING_B, true, HIP_R1)->other, &r.f.hosts[RING_A].at));
	ck_assert_uint_ne(parameter_of(ring_seen(&r, RING_A, false, HIP_R1), HIP_PARAMETER_VIA_RVS).type, 0);
	ck_assert_uint_eq(registration(&r, RING_EDGE_B).carried_in, 1);
	ck_assert_uint_eq(registration(&r, RING_EDGE_B).type, HIP_SERVICE_RVS);
	ck_assert(registration(&r, RING_EDGE_B).stored);
	ring_end(&r);
}
END_TEST

START_TEST(rvs_of_one_edge_serves_its_own_initiators)
{
	struct ring r;

	ring_begin(&r, &(struct hip_host_options){ 0 });
	ring_register(&r, HIP_SERVICE_RVS, 600);
	ck_assert(ring_call(&r, &r.f.hosts[RING_EDGE_B].at, 900));
	ck_assert_uint_eq(r.carried, 0);
	ck_assert(address_equal(&ring_seen(&r, RING_B, true, HIP_R1)->other, &r.f.hosts[RING_A].at));
	ring_end(&r);
}
END_TEST

START_TEST(rvs_client_cut_off_goes_through_the_ring)
{
	struct ring r;

	ring_begin(&r, &(struct hip_host_options){ 0 });
	r.cut = true;
	ring_register(&r, HIP_SERVICE_RVS, 600);
	ck_assert(ring_call(&r, &r.f.hosts[RING_EDGE_A].at, 4000));
	ck_assert_uint_ge(r.carried, 4);
	ring_end(&r);
}
END_TEST

START_TEST(relay_client_is_reached_through_its_relay_only)
{
	struct ring r;

	ring_begin(&r, &(struct hip_host_options){ 0 });
	r.cut = true;
	ring_register(&r, HIP_SERVICE_RELAY, 600);
	assert_proof(&r);
	ck_assert_uint_eq(ring_find(&r, &r.f.hosts[RING_B].hit)->flags, HIP_RECORD_RELAY);
	ck_assert(ring_call(&r, &r.f.hosts[RING_EDGE_A].at, 900));
	for (uint8_t type = HIP_I1; type <= HIP_R2; type++) {
		bool in = type == HIP_I1 || type == HIP_I2;
		const struct ring_seen *s = ring_seen(&r, RING_B, !in, type);

		ck_assert_uint_ne(parameter_of(s, in ? HIP_PARAMETER_RELAY_FROM : HIP_PARAMETER_RELAY_TO).type, 0);
		ck_assert(address_equal(&s->other, &r.f.hosts[RING_EDGE_B].at));
	}
	ck_assert_uint_eq(registration(&r, RING_EDGE_B).carried_in, 2);
	ck_assert_uint_ge(registration(&r, RING_EDGE_B).carried_out, 2);
	/* CLOSE goes the same way. */
	hip_host_close(r.f.hosts[RING_B].h, r.f.now, &r.f.hosts[RING_A].hit);
	fixture_run(&r.f, 1000);
	ck_assert_uint_ne(parameter_of(ring_seen(&r, RING_B, true, HIP_CLOSE), HIP_PARAMETER_RELAY_TO).type, 0);
	ck_assert(!hip_host_is_established(r.f.hosts[RING_A].h, &r.f.hosts[RING_B].hit));
	ring_end(&r);
}
END_TEST

START_TEST(data_leaves_the_relay_when_there_is_a_direct_path)
{
	struct hip_association *a, *b;
	struct ring r;

	ring_begin(&r, &(struct hip_host_options){ 0 });
	ring_register(&r, HIP_SERVICE_RELAY, 600);
	ck_assert(ring_call(&r, &r.f.hosts[RING_EDGE_A].at, 900));
	a = fixture_association(&r.f, RING_A, RING_B);
	b = fixture_association(&r.f, RING_B, RING_A);
	ck_assert(a->data.channel == HIP_CHANNEL_NONE || !address_equal(&a->data.remote, &r.f.hosts[RING_EDGE_A].at));
	fixture_run(&r.f, 1000);
	ck_assert(address_equal(&a->data.remote, &r.f.hosts[RING_B].at));
	ck_assert(address_equal(&b->data.remote, &r.f.hosts[RING_A].at));
	ck_assert(address_equal(&b->control.remote, &r.f.hosts[RING_A].at));
	ring_end(&r);
}
END_TEST

/* RFC 8046 3.2.3: A moved, and knows no other address of B than its RVS. */
START_TEST(update_goes_through_the_rvs)
{
	uint8_t bytes[HIP_PACKET_MAX];
	struct writer w = writer_of(bytes, sizeof(bytes));
	struct hip_association *a;
	struct ring r;

	ring_begin(&r, &(struct hip_host_options){ 0 });
	ring_register(&r, HIP_SERVICE_RVS, 600);
	ck_assert(ring_call(&r, &r.f.hosts[RING_EDGE_A].at, 900));
	fixture_run(&r.f, 1000);
	r.seen_count = 0;
	a = fixture_association(&r.f, RING_A, RING_B);
	hip_packet_begin(&w, HIP_UPDATE, 0, &r.f.hosts[RING_A].hit, &r.f.hosts[RING_B].hit);
	hip_seq_put(&w, hip_update_of(a)->next_id);
	hip_seal_mac(a, &w);
	ck_assert_int_eq(hip_seal_signature(a->host, &w), 0);
	fixture_inject(&r.f, RING_EDGE_B, &r.f.hosts[RING_A].at, writer_slice(&w));
	fixture_run(&r.f, 1000);
	ck_assert_uint_ne(parameter_of(ring_seen(&r, RING_B, false, HIP_UPDATE), HIP_PARAMETER_FROM).type, 0);
	ck_assert_uint_ne(parameter_of(ring_seen(&r, RING_B, false, HIP_UPDATE), HIP_PARAMETER_RVS_HMAC).type, 0);
	ck_assert_uint_ne(parameter_of(ring_seen(&r, RING_A, false, HIP_UPDATE), HIP_PARAMETER_ACK).type, 0);
	ck_assert_uint_ne(parameter_of(ring_seen(&r, RING_A, false, HIP_UPDATE), HIP_PARAMETER_VIA_RVS).type, 0);
	ring_end(&r);
}
END_TEST

START_TEST(relay_of_one_edge_serves_its_own_initiators)
{
	struct ring r;

	ring_begin(&r, &(struct hip_host_options){ 0 });
	r.cut = true;
	ring_register(&r, HIP_SERVICE_RELAY, 600);
	ck_assert(ring_call(&r, &r.f.hosts[RING_EDGE_B].at, 900));
	ck_assert_uint_eq(r.carried, 0);
	ring_end(&r);
}
END_TEST

static void transparent(bool raw)
{
	struct hip_path path = { .channel = raw ? HIP_CHANNEL_RAW : HIP_CHANNEL_UDP };
	struct hip_registration_info served;
	struct address at;
	struct ring r;

	ring_begin(&r, &(struct hip_host_options){ .edge_transparent = true });
	r.cut = true;
	r.raw = raw;
	path.local = r.f.hosts[RING_EDGE_B].at;
	path.remote = r.f.hosts[RING_B].at;
	if (raw)
		path.local.port = path.remote.port = 0;
	ck_assert_int_eq(hip_host_serve(r.f.hosts[RING_EDGE_B].h, r.f.now, &r.f.hosts[RING_B].hit, &path), 0);
	ck_assert_uint_eq(ring_find(&r, &r.f.hosts[RING_B].hit)->flags, HIP_RECORD_PLAIN);
	ck_assert_int_eq(hip_host_synthetic(r.f.hosts[RING_EDGE_A].h, &r.f.hosts[RING_B].hit, &at), 0);
	ck_assert(ring_call(&r, &at, 900));
	ck_assert(!r.bad_checksum);
	/* Not a byte changes on the way; each host hears the other from a synthetic locator. */
	for (uint8_t type = HIP_I1; type <= HIP_R2; type++) {
		bool in = type == HIP_I1 || type == HIP_I2;
		const struct ring_seen *from = ring_seen(&r, in ? RING_A : RING_B, true, type);
		const struct ring_seen *to = ring_seen(&r, in ? RING_B : RING_A, false, type);

		ck_assert_ptr_nonnull(from);
		ck_assert_ptr_nonnull(to);
		ck_assert(slice_equal(slice_of(from->bytes, from->len), slice_of(to->bytes, to->len)));
		ck_assert_uint_eq(from->other.bytes[0], 198);
		ck_assert_uint_eq(to->other.bytes[0], 198);
	}
	/* A got its R1, so it is served too from now on. */
	ck_assert_uint_eq(registration(&r, RING_EDGE_A).type, HIP_SERVICE_TRANSPARENT);
	served = registration(&r, RING_EDGE_A);
	ck_assert(hit_equal(&served.hit, &r.f.hosts[RING_A].hit));
	ck_assert_ptr_nonnull(ring_find(&r, &r.f.hosts[RING_A].hit));
	ring_end(&r);
}

START_TEST(transparent_hosts_speak_over_udp)
{
	transparent(false);
}
END_TEST

START_TEST(transparent_hosts_speak_over_protocol_139)
{
	transparent(true);
}
END_TEST

/* The other two modes with an initiator on protocol 139; the relay client itself is on UDP, as RFC 9028 has it. */
START_TEST(raw_initiator_reaches_rvs_client)
{
	struct ring r;

	ring_begin(&r, &(struct hip_host_options){ 0 });
	r.cut = true;
	r.raw = true;
	ring_register(&r, HIP_SERVICE_RVS, 600);
	ck_assert_int_eq(registration(&r, RING_EDGE_B).path.channel, HIP_CHANNEL_RAW);
	ck_assert(ring_call(&r, &r.f.hosts[RING_EDGE_A].at, 4000));
	ck_assert(!r.bad_checksum);
	ck_assert_uint_eq(r.f.hosts[RING_EDGE_B].counters.hip_checksum, 0);
	ring_end(&r);
}
END_TEST

START_TEST(raw_initiator_reaches_relay_client)
{
	struct ring r;

	ring_begin(&r, &(struct hip_host_options){ 0 });
	r.cut = true;
	ring_register(&r, HIP_SERVICE_RELAY, 600);
	r.raw = true;
	ck_assert(ring_call(&r, &r.f.hosts[RING_EDGE_A].at, 900));
	ck_assert(!r.bad_checksum);
	ring_end(&r);
}
END_TEST

START_TEST(both_ends_may_be_relay_clients)
{
	struct fixture_host *a, *edge;
	struct ring r;

	ring_begin(&r, &(struct hip_host_options){ 0 });
	r.cut = true;
	ring_register(&r, HIP_SERVICE_RELAY, 600);
	a = &r.f.hosts[RING_A];
	edge = &r.f.hosts[RING_EDGE_A];
	ck_assert_int_eq(hip_host_register(a->h, r.f.now, &edge->hit, &edge->at, 2, 600), 0);
	fixture_run(&r.f, 3000);
	ck_assert(registration(&r, RING_EDGE_A).stored);
	ck_assert(ring_call(&r, &edge->at, 900));
	ck_assert_uint_eq(parameter_of(ring_seen(&r, RING_A, false, HIP_R1), HIP_PARAMETER_RELAY_FROM).type, 0);
	ring_end(&r);
}
END_TEST

START_TEST(squatter_costs_one_retransmission)
{
	struct ring_record *x;
	struct ring r;

	ring_begin(&r, &(struct hip_host_options){ 0 });
	r.cut = true;
	ring_register(&r, HIP_SERVICE_RELAY, 600);
	r.records[1] = r.records[0];
	x = &r.records[0];
	*x = (struct ring_record){ .hit = r.f.hosts[RING_B].hit, .edge = ring_node(77), .flags = HIP_RECORD_PLAIN,
				   .is_false = true };
	r.record_count = 2;
	ck_assert(ring_call(&r, &r.f.hosts[RING_EDGE_A].at, 2500));
	ring_end(&r);
}
END_TEST

START_TEST(stale_edge_is_passed_over)
{
	struct ring r;

	ring_begin(&r, &(struct hip_host_options){ 0 });
	r.cut = true;
	ring_register(&r, HIP_SERVICE_RELAY, 600);
	r.records[1] = r.records[0];
	r.records[0].edge = ring_node(RING_EDGE_A); /* says it does not serve B */
	r.record_count = 2;
	ck_assert(ring_call(&r, &r.f.hosts[RING_EDGE_A].at, 900));
	ring_end(&r);
}
END_TEST

START_TEST(unknown_receiver_is_dropped_and_counted)
{
	struct ring r;

	ring_begin(&r, &(struct hip_host_options){ 0 });
	ck_assert(!ring_call(&r, &r.f.hosts[RING_EDGE_A].at, 500));
	ck_assert_uint_eq(r.f.hosts[RING_EDGE_A].counters.hip_lost, 1);
	ck_assert(fixture_logged(&r.f, RING_EDGE_A, "hip.edge.lost reason=not-found"));
	ck_assert_uint_eq(r.f.hosts[RING_EDGE_A].bytes_out, 0);
	ring_end(&r);
}
END_TEST

int main(void)
{
	return RUN_TESTS("hip edge", rvs_client_answers_initiator_directly,
			 rvs_of_one_edge_serves_its_own_initiators, rvs_client_cut_off_goes_through_the_ring,
			 data_leaves_the_relay_when_there_is_a_direct_path, update_goes_through_the_rvs,
			 relay_client_is_reached_through_its_relay_only,
			 relay_of_one_edge_serves_its_own_initiators, transparent_hosts_speak_over_udp,
			 transparent_hosts_speak_over_protocol_139, raw_initiator_reaches_rvs_client,
			 raw_initiator_reaches_relay_client, both_ends_may_be_relay_clients,
			 squatter_costs_one_retransmission, stale_edge_is_passed_over,
			 unknown_receiver_is_dropped_and_counted);
}
