/* SPDX-License-Identifier: MIT */
/* Registrations at an edge (RFC 8003): lifetimes, refresh, cancelling, refusals, and what ends them. */
#include "test/unit/run.h"

#include "test/unit/hip/hip_ring.h"

static bool registered(struct ring *r, uint8_t type, struct hip_registration_info *out)
{
	size_t cursor = 0;

	while (hip_host_next_registration(r->f.hosts[RING_EDGE_B].h, r->f.now, &cursor, out))
		if (hit_equal(&out->hit, &r->f.hosts[RING_B].hit) && out->type == type)
			return true;
	return false;
}

static struct hip_registrant_info registrant(struct ring *r)
{
	struct hip_registrant_info info = { .failure = 255 };
	size_t cursor = 0;

	(void)hip_host_next_registrant(r->f.hosts[RING_B].h, r->f.now, &cursor, &info);
	return info;
}

static int ask(struct ring *r, uint8_t type, uint32_t lifetime_s)
{
	struct fixture_host *edge = &r->f.hosts[RING_EDGE_B];
	int err = hip_host_register(r->f.hosts[RING_B].h, r->f.now, &edge->hit, &edge->at, type, lifetime_s);

	fixture_run(&r->f, 3000);
	return err;
}

START_TEST(client_registers_in_i2_and_learns_its_address)
{
	struct hip_registration_info info;
	struct address seen;
	struct ring r;

	ring_begin(&r, &(struct hip_host_options){ 0 });
	ck_assert_int_eq(ask(&r, 2, 600), 0);
	ck_assert(registered(&r, 2, &info));
	ck_assert_uint_ge(info.remaining_s, 540);
	ck_assert_uint_le(info.remaining_s, 600);
	ck_assert_uint_eq(r.f.hosts[RING_B].sent[HIP_UPDATE], 0);
	seen = registrant(&r).seen;
	ck_assert(address_equal(&seen, &r.f.hosts[RING_B].at));
	ck_assert(fixture_logged(&r.f, RING_EDGE_B, "hip.registered hit="));
	ring_end(&r);
}
END_TEST

START_TEST(second_type_is_asked_by_update)
{
	struct hip_registration_info info;
	struct ring r;

	ring_begin(&r, &(struct hip_host_options){ 0 });
	ck_assert_int_eq(ask(&r, 1, 600), 0);
	ck_assert_int_eq(ask(&r, 2, 300), 0);
	ck_assert(registered(&r, 1, &info));
	ck_assert_uint_gt(info.remaining_s, 500); /* what is not listed is left alone */
	ck_assert(registered(&r, 2, &info));
	ck_assert_uint_le(info.remaining_s, 301);
	ck_assert_uint_eq(ring_find(&r, &r.f.hosts[RING_B].hit)->flags, HIP_RECORD_RVS | HIP_RECORD_RELAY);
	/* Its proof is the second packet, which asked for less. */
	ck_assert_uint_le(ring_find(&r, &r.f.hosts[RING_B].hit)->lifetime_s, 300);
	ring_end(&r);
}
END_TEST

START_TEST(lifetimes_are_bounded)
{
	struct hip_registration_info info;
	struct ring r;

	ring_begin(&r, &(struct hip_host_options){ 0 });
	ck_assert_int_eq(ask(&r, 1, 1000000), 0);
	ck_assert(registered(&r, 1, &info));
	ck_assert_uint_le(info.remaining_s, HIP_REGISTRATION_MAX_S);
	ck_assert_uint_le(registrant(&r).remaining_s, HIP_REGISTRATION_MAX_S);
	ring_end(&r);
	ring_begin(&r, &(struct hip_host_options){ 0 });
	ck_assert_int_eq(ask(&r, 1, 1), 0);
	ck_assert(registered(&r, 1, &info));
	ck_assert_uint_ge(info.remaining_s, HIP_REGISTRATION_MIN_S - 5);
	ring_end(&r);
}
END_TEST

START_TEST(registration_is_refreshed_in_time)
{
	struct hip_registration_info info;
	struct ring r;

	ring_begin(&r, &(struct hip_host_options){ 0 });
	ck_assert_int_eq(ask(&r, 2, 120), 0);
	for (unsigned minute = 0; minute < 20; minute++) {
		fixture_run(&r.f, 60000);
		ck_assert(registered(&r, 2, &info));
		ck_assert_ptr_nonnull(ring_find(&r, &r.f.hosts[RING_B].hit));
	}
	ck_assert_uint_eq(r.f.hosts[RING_EDGE_B].counters.hip_exchanges, 1);
	ring_end(&r);
}
END_TEST

START_TEST(registration_expires_with_its_record)
{
	struct hip_registration_info info;
	struct ring r;

	ring_begin(&r, &(struct hip_host_options){ 0 });
	ck_assert_int_eq(ask(&r, 1, 60), 0);
	r.cut = true;
	r.f.hook = NULL;
	r.f.hosts[RING_EDGE_B].h->options.listen_count = 0; /* nothing reaches the edge any more */
	fixture_run(&r.f, 62000);
	ck_assert(!registered(&r, 1, &info));
	ck_assert_ptr_null(ring_find(&r, &r.f.hosts[RING_B].hit));
	ck_assert(fixture_logged(&r.f, RING_EDGE_B, "hip.unregistered"));
	ring_end(&r);
}
END_TEST

START_TEST(registration_outlives_silence_of_its_association)
{
	struct hip_registration_info info;
	struct ring r;

	ring_begin(&r, &(struct hip_host_options){ .unused_s = 100 });
	ck_assert_int_eq(ask(&r, 1, 600), 0);
	r.f.hosts[RING_EDGE_B].h->options.listen_count = 0; /* nothing reaches the edge any more */
	fixture_run(&r.f, 500000);
	ck_assert(registered(&r, 1, &info));
	fixture_run(&r.f, 110000);
	ck_assert(!registered(&r, 1, &info));
	ring_end(&r);
}
END_TEST

START_TEST(client_cancels)
{
	struct hip_registration_info info;
	struct ring r;

	ring_begin(&r, &(struct hip_host_options){ 0 });
	ck_assert_int_eq(ask(&r, 1, 0), ERR_NOT_FOUND);
	ck_assert_int_eq(ask(&r, 1, 600), 0);
	ck_assert_int_eq(ask(&r, 1, 0), 0);
	ck_assert(!registered(&r, 1, &info));
	ck_assert_ptr_null(ring_find(&r, &r.f.hosts[RING_B].hit));
	ck_assert_uint_eq(registrant(&r).type, 0); /* forgotten */
	ring_end(&r);
}
END_TEST

START_TEST(end_of_association_ends_registration)
{
	struct hip_registration_info info;
	struct ring r;

	ring_begin(&r, &(struct hip_host_options){ 0 });
	ck_assert_int_eq(ask(&r, 1, 600), 0);
	hip_host_close(r.f.hosts[RING_EDGE_B].h, r.f.now, &r.f.hosts[RING_B].hit);
	fixture_run(&r.f, 2000);
	ck_assert(!registered(&r, 1, &info));
	ck_assert_ptr_null(ring_find(&r, &r.f.hosts[RING_B].hit));
	/* The client sees it and comes back. */
	fixture_run(&r.f, 90000);
	ck_assert(registered(&r, 1, &info));
	ring_end(&r);
}
END_TEST

START_TEST(full_registrar_says_so_and_says_why)
{
	struct hip_registration_info info;
	struct fixture_host *a, *edge;
	struct ring r;

	/* The R1 was made while there was room, so the client asks. */
	ring_begin(&r, &(struct hip_host_options){ .registrations_max = 1 });
	a = &r.f.hosts[RING_A];
	edge = &r.f.hosts[RING_EDGE_B];
	ck_assert_int_eq(hip_host_register(a->h, r.f.now, &edge->hit, &edge->at, 1, 600), 0);
	fixture_run(&r.f, 3000);
	ck_assert_int_eq(ask(&r, 1, 600), 0);
	ck_assert(!registered(&r, 1, &info));
	ck_assert_uint_eq(registrant(&r).failure, 2);
	ck_assert(hip_host_is_established(edge->h, &r.f.hosts[RING_B].hit));
	ck_assert_uint_eq(edge->counters.hip_limit, 1);
	ring_end(&r);
}
END_TEST

START_TEST(answer_names_each_failure)
{
	struct hip_list types = { { 1, 2, 3, 99 }, 4 };
	struct hip_registration request = { .lifetime = 150, .types = types }, response;
	uint8_t asked[HIP_PACKET_MAX], answer[HIP_PACKET_MAX];
	struct writer in = writer_of(asked, sizeof(asked)), out = writer_of(answer, sizeof(answer));
	struct hip_association *a;
	struct hip_parameter x;
	struct hip_reg_failed failed;
	struct hip_packet p;
	struct reader reader;
	struct hip_host *h;
	struct ring r;

	ring_begin(&r, &(struct hip_host_options){ .unknown = HIP_UNKNOWN_HARDER });
	fixture_join(&r.f, RING_B, RING_EDGE_B);
	h = r.f.hosts[RING_EDGE_B].h;
	a = fixture_association(&r.f, RING_EDGE_B, RING_B);
	hip_packet_begin(&in, HIP_UPDATE, 0, &a->peer, &h->hit);
	hip_reg_request_put(&in, &request);
	hip_packet_end(&in);
	ck_assert_int_eq(hip_packet_get(writer_slice(&in), &p), 0);
	hip_packet_begin(&out, HIP_UPDATE, 0, &h->hit, &a->peer);
	hip_edge_register(a, r.f.now, &a->control, &p, &out);
	hip_packet_end(&out);
	ck_assert_int_eq(hip_packet_get(writer_slice(&out), &p), 0);
	ck_assert(hip_parameter_find(&p, HIP_PARAMETER_REG_RESPONSE, &x));
	reader = reader_of(x.contents);
	hip_reg_response_get(&reader, &response);
	ck_assert_uint_eq(response.lifetime, 150);
	ck_assert_uint_eq(response.types.count, 2);
	ck_assert(hip_parameter_find(&p, HIP_PARAMETER_REG_FAILED, &x));
	reader = reader_of(x.contents);
	hip_reg_failed_get(&reader, &failed);
	ck_assert_uint_eq(failed.failure, 1);
	ck_assert(failed.types.count == 2 && failed.types.items[0] == 3 && failed.types.items[1] == 99);
	ck_assert(hip_parameter_find(&p, HIP_PARAMETER_REG_FROM, &x));
	/* Policy: the unknown need credentials. */
	h->options.unknown = HIP_UNKNOWN_REFUSE;
	out = writer_of(answer, sizeof(answer));
	ck_assert_int_eq(hip_packet_get(writer_slice(&in), &p), 0);
	hip_packet_begin(&out, HIP_UPDATE, 0, &h->hit, &a->peer);
	hip_edge_register(a, r.f.now, &a->control, &p, &out);
	hip_packet_end(&out);
	ck_assert_int_eq(hip_packet_get(writer_slice(&out), &p), 0);
	ck_assert(!hip_parameter_find(&p, HIP_PARAMETER_REG_RESPONSE, &x));
	ck_assert(hip_parameter_find(&p, HIP_PARAMETER_REG_FAILED, &x));
	ck_assert_uint_eq(x.contents.data[0], 0);
	ring_end(&r);
}
END_TEST

START_TEST(host_that_is_no_edge_offers_nothing)
{
	struct ring r;

	ring_begin(&r, &(struct hip_host_options){ 0 });
	ck_assert_int_eq(hip_host_register(r.f.hosts[RING_A].h, r.f.now, &r.f.hosts[RING_B].hit,
					   &r.f.hosts[RING_B].at, 1, 600), 0);
	fixture_run(&r.f, 5000);
	ck_assert(hip_host_is_established(r.f.hosts[RING_A].h, &r.f.hosts[RING_B].hit));
	ck_assert_uint_eq(r.f.hosts[RING_A].sent[HIP_UPDATE], 0); /* what is not offered is not asked for */
	ck_assert(fixture_logged(&r.f, RING_A, "hip.register.refused"));
	ring_end(&r);
}
END_TEST

int main(void)
{
	return RUN_TESTS("hip registrar", client_registers_in_i2_and_learns_its_address,
			 second_type_is_asked_by_update, lifetimes_are_bounded, registration_is_refreshed_in_time,
			 registration_expires_with_its_record, registration_outlives_silence_of_its_association,
			 client_cancels, end_of_association_ends_registration, full_registrar_says_so_and_says_why,
			 answer_names_each_failure, host_that_is_no_edge_offers_nothing);
}
