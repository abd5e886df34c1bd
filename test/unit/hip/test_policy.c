/* SPDX-License-Identifier: MIT */
/* Who is answered, and at what price: unknown initiators, reflection, floods, opportunistic I1s, checksums. */
#include "test/unit/hip/hip_fixture.h"
#include "test/unit/run.h"

static struct fixture fixture;

static struct fixture *pair_begin(const struct hip_host_options *responder)
{
	struct fixture *f = &fixture;

	fixture_begin(f);
	fixture_add(f, HIT_SUITE_ECDSA, NULL);
	fixture_add(f, HIT_SUITE_ECDSA, responder);
	return f;
}

static void learn(struct fixture *f, size_t host, size_t whom)
{
	struct hip_known known = { .hit = f->hosts[whom].hit, .user = "anna@example.net",
				   .vouched = HIP_VOUCHED_CERTIFICATE, .expires = INSTANT_NEVER };

	ck_assert_int_eq(hip_pool_learn(hip_host_pool(f->hosts[host].h), f->now, &known), 0);
}

/* K of the puzzle in the R1 that a host sent last. */
static uint8_t puzzle_k(const struct fixture *f, size_t host)
{
	struct slice bytes = fixture_sent(f, host, HIP_R1);
	uint8_t packet[HIP_PACKET_MAX];
	size_t len;

	memcpy(packet, bytes.data, bytes.len);
	return fixture_parameter(packet, bytes.len, HIP_PARAMETER_PUZZLE, &len)[0];
}

/* ---- Unknown initiators ---- */

START_TEST(unknown_initiator_gets_a_harder_puzzle)
{
	struct fixture *f = pair_begin(NULL);

	fixture_join(f, 0, 1);
	ck_assert_uint_eq(puzzle_k(f, 1), 14);
	fixture_end(f);
	f = pair_begin(NULL);
	learn(f, 1, 0);
	fixture_join(f, 0, 1);
	ck_assert_uint_eq(puzzle_k(f, 1), 8);
	fixture_end(f);
}
END_TEST

START_TEST(unknown_initiator_is_refused_by_policy)
{
	const struct hip_host_options options = { .unknown = HIP_UNKNOWN_REFUSE };
	struct fixture *f = pair_begin(&options);

	fixture_connect(f, 0, 1);
	ck_assert(!fixture_run_until_established(f, 0, 1, 3000));
	ck_assert_uint_eq(f->hosts[1].sent[HIP_R1], 0);
	ck_assert_uint_ge(f->hosts[1].counters.hip_forbidden, 1);
	ck_assert(fixture_logged(f, 1, "why=unknown"));
	/* Once it is known, its next I1 is answered. */
	learn(f, 1, 0);
	ck_assert(fixture_run_until_established(f, 0, 1, 20000));
	fixture_end(f);
}
END_TEST

START_TEST(refusing_host_may_call_and_is_called_back)
{
	const struct hip_host_options options = { .unknown = HIP_UNKNOWN_REFUSE };
	struct fixture *f = pair_begin(&options);

	fixture_join(f, 1, 0);
	/* Whom we have met may come back: its state is lost, ours is not. */
	fixture_restart(f, 0);
	fixture_join(f, 0, 1);
	fixture_end(f);
}
END_TEST

START_TEST(unknown_initiator_is_admitted_by_policy)
{
	const struct hip_host_options options = { .unknown = HIP_UNKNOWN_ADMIT };
	struct fixture *f = pair_begin(&options);

	fixture_join(f, 0, 1);
	ck_assert_uint_eq(puzzle_k(f, 1), 8);
	fixture_end(f);
}
END_TEST

START_TEST(known_of_the_pool_expires)
{
	struct hip_known known = { .user = "anna@example.net", .vouched = HIP_VOUCHED_RECORD };
	struct fixture *f = pair_begin(NULL);

	known.hit = f->hosts[0].hit;
	known.expires = instant_add(f->now.mono, duration_s(5));
	ck_assert_int_eq(hip_pool_learn(hip_host_pool(f->hosts[1].h), f->now, &known), 0);
	fixture_run(f, 6000);
	fixture_join(f, 0, 1);
	ck_assert_uint_eq(puzzle_k(f, 1), 14);
	fixture_end(f);
}
END_TEST

/* ---- I1s from nowhere ---- */

/* An I1 of a made-up HIT, `len` bytes at least. */
static struct slice i1_of(uint32_t number, const struct hit *receiver, size_t len, uint8_t packet[HIP_PACKET_MAX])
{
	const struct hip_list groups = { { HOST_DH_P256 }, 1 };
	struct writer w = writer_of(packet, HIP_PACKET_MAX);
	struct hit hit;

	ck_assert_int_eq(hit_parse("2001:22:aaaa::", &hit), 0);
	memcpy(hit.bytes + 12, &number, 4);
	hip_packet_begin(&w, HIP_I1, 0, &hit, receiver);
	hip_dh_group_list_put(&w, &groups);
	if (w.len + 4 < len)
		hip_padding_put(&w, len - w.len - 4);
	hip_packet_end(&w);
	return writer_slice(&w);
}

START_TEST(short_i1_of_a_stranger_is_not_answered)
{
	struct fixture *f = pair_begin(NULL);
	uint8_t packet[HIP_PACKET_MAX];
	struct address from;
	size_t len;

	ck_assert_int_eq(address_parse("198.51.100.7:4000", 0, &from), 0);
	fixture_inject(f, 1, &from, i1_of(1, &f->hosts[1].hit, 0, packet));
	ck_assert_uint_eq(f->hosts[1].sent[HIP_R1], 0);
	ck_assert_uint_eq(f->hosts[1].counters.hip_reflection, 1);
	/* Whatever its length: never more out than in. */
	for (len = 56; len <= HIP_I1_PADDED; len += 8)
		fixture_inject(f, 1, &from, i1_of(1, &f->hosts[1].hit, len, packet));
	ck_assert_uint_gt(f->hosts[1].sent[HIP_R1], 0);
	ck_assert_uint_le(f->hosts[1].bytes_out, f->hosts[1].bytes_in);
	ck_assert_uint_ge(f->hosts[1].counters.hip_reflection, 2);
	fixture_end(f);
}
END_TEST

START_TEST(r1_is_never_longer_than_our_own_i1)
{
	static const uint8_t groups[] = { HOST_DH_P256, HOST_DH_P384, HOST_DH_P521, HOST_DH_MODP_3072 };
	struct hip_host_options options = { 0 };
	struct fixture *f;

	for (size_t i = 0; i < sizeof(groups); i++) {
		options.dh_groups[0] = groups[i];
		f = pair_begin(&options);
		fixture_join(f, 0, 1);
		ck_assert_uint_eq(fixture_sent(f, 0, HIP_I1).len, HIP_I1_PADDED);
		ck_assert_uint_le(fixture_sent(f, 1, HIP_R1).len, HIP_I1_PADDED);
		fixture_end(f);
	}
}
END_TEST

START_TEST(short_i1_in_a_known_name_is_not_answered_just_anywhere)
{
	struct fixture *f = pair_begin(NULL);
	uint8_t packet[HIP_PACKET_MAX];
	struct slice i1 = i1_of(1, &f->hosts[1].hit, 0, packet);
	struct hip_known known = { .user = "anna@example.net", .vouched = HIP_VOUCHED_SDP, .expires = INSTANT_NEVER };

	memcpy(known.hit.bytes, packet + 8, HIT_LENGTH);
	ck_assert_int_eq(hip_pool_learn(hip_host_pool(f->hosts[1].h), f->now, &known), 0);
	fixture_inject(f, 1, &f->hosts[0].at, i1);
	/* Nothing proves that it is who it says it is, or where. */
	ck_assert_uint_eq(f->hosts[1].sent[HIP_R1], 0);
	ck_assert_uint_eq(f->hosts[1].counters.hip_reflection, 1);
	fixture_end(f);
}
END_TEST

START_TEST(flood_of_i1s_leaves_nothing_behind)
{
	struct fixture *f = pair_begin(NULL);
	struct hip_host *h = f->hosts[1].h;
	uint8_t packet[HIP_PACKET_MAX];
	struct address from;
	size_t deadlines = h->timers.count;

	ck_assert_int_eq(address_parse("198.51.100.7:4000", 0, &from), 0);
	for (uint32_t i = 0; i < 10000; i++) {
		from.bytes[1] = (uint8_t)(i >> 16);
		from.bytes[2] = (uint8_t)(i >> 8);
		from.bytes[3] = (uint8_t)i;
		fixture_inject(f, 1, &from, i1_of(i, &h->hit, HIP_I1_PADDED, packet));
		if (i % 100 == 0)
			f->now.mono.us += 1000000;
	}
	ck_assert_uint_gt(f->hosts[1].sent[HIP_R1], 1000);
	ck_assert_uint_eq(map_count(h->associations), 0);
	ck_assert_uint_eq(map_count(h->spis), 0);
	ck_assert_uint_eq(h->timers.count, deadlines);
	ck_assert_uint_le(f->hosts[1].bytes_out, f->hosts[1].bytes_in);
	/* A host that is called in the middle of it is still reached. */
	fixture_lose(f);
	fixture_join(f, 0, 1);
	fixture_end(f);
}
END_TEST

START_TEST(source_gets_only_so_many_r1s)
{
	struct fixture *f = pair_begin(NULL);
	uint8_t packet[HIP_PACKET_MAX];
	struct address from;

	ck_assert_int_eq(address_parse("198.51.100.7:4000", 0, &from), 0);
	for (uint32_t i = 0; i < 1000; i++)
		fixture_inject(f, 1, &from, i1_of(i, &f->hosts[1].hit, HIP_I1_PADDED, packet));
	ck_assert_uint_lt(f->hosts[1].sent[HIP_R1], 100);
	ck_assert_uint_gt(f->hosts[1].counters.hip_limit, 900);
	fixture_end(f);
}
END_TEST

START_TEST(null_hit_is_answered_only_directly)
{
	static const struct hit nobody;
	struct fixture *f = pair_begin(NULL);
	struct hip_path ring = { .channel = HIP_CHANNEL_OVERLAY, .node = { { 1 } } };
	uint8_t packet[HIP_PACKET_MAX];
	struct slice i1 = i1_of(1, &nobody, HIP_I1_PADDED, packet);

	fixture_inject(f, 1, &f->hosts[0].at, i1);
	ck_assert_uint_eq(f->hosts[1].sent[HIP_R1], 1);
	ck_assert_mem_eq(fixture_sent(f, 1, HIP_R1).data + 8, f->hosts[1].hit.bytes, HIT_LENGTH);
	ck_assert_int_eq(hip_input_packet(f->hosts[1].h, f->now, &ring, i1, NULL), HIP_CARRY_REFUSED);
	ck_assert(fixture_logged(f, 1, "why=opportunistic"));
	fixture_end(f);
}
END_TEST

START_TEST(i1_that_claims_a_rendezvous_is_dropped)
{
	struct fixture *f = pair_begin(NULL);
	uint8_t packet[HIP_PACKET_MAX];
	struct writer w = writer_of(packet, sizeof(packet));

	w.len = i1_of(1, &f->hosts[1].hit, HIP_I1_PADDED, packet).len;
	hip_from_put(&w, &f->hosts[0].at);
	hip_packet_end(&w);
	fixture_inject(f, 1, &f->hosts[0].at, writer_slice(&w));
	ck_assert_uint_eq(f->hosts[1].sent[HIP_R1], 0);
	fixture_end(f);
}
END_TEST

START_TEST(own_hit_as_sender_is_refused)
{
	struct fixture *f = pair_begin(NULL);
	uint8_t packet[HIP_PACKET_MAX];
	struct slice i1 = i1_of(1, &f->hosts[1].hit, HIP_I1_PADDED, packet);

	memcpy(packet + 8, f->hosts[1].hit.bytes, HIT_LENGTH);
	fixture_inject(f, 1, &f->hosts[0].at, i1);
	memset(packet + 8, 0, HIT_LENGTH);
	fixture_inject(f, 1, &f->hosts[0].at, i1);
	ck_assert_uint_eq(f->hosts[1].sent[HIP_R1], 0);
	ck_assert_uint_eq(f->hosts[1].counters.hip_malformed, 2);
	fixture_end(f);
}
END_TEST

/* ---- Channels ---- */

START_TEST(packet_of_protocol_139_needs_its_checksum)
{
	struct fixture *f = pair_begin(NULL);
	struct hip_host *h = f->hosts[1].h;
	struct hip_path path = { .channel = HIP_CHANNEL_RAW, .local = f->hosts[1].at, .remote = f->hosts[0].at };
	uint8_t packet[HIP_PACKET_MAX];
	struct slice i1 = i1_of(1, &h->hit, HIP_I1_PADDED, packet);
	const struct hip_effect *e;
	struct hip_packet p;

	path.local.port = path.remote.port = 0;
	hip_host_datagram(h, f->now, &path, false, i1);
	ck_assert_uint_eq(f->hosts[1].counters.hip_checksum, 1);
	hip_checksum_set(packet, hip_checksum(&path.remote, &path.local, i1));
	hip_host_datagram(h, f->now, &path, false, i1);
	ck_assert_uint_eq(f->hosts[1].counters.hip_checksum, 1);
	e = hip_host_next_effect(h);
	ck_assert_ptr_nonnull(e);
	ck_assert_int_eq(e->type, HIP_EFFECT_SEND);
	ck_assert(!e->is_esp);
	ck_assert(hip_path_equal(&e->path, &path));
	ck_assert_int_eq(hip_packet_get(e->bytes, &p), 0);
	ck_assert_int_eq(p.type, HIP_R1);
	ck_assert_uint_eq(p.checksum, hip_checksum(&path.local, &path.remote, e->bytes));
	fixture_end(f);
}
END_TEST

START_TEST(keepalives_and_scraps_are_taken_calmly)
{
	static const uint8_t bytes[] = { 0, 0, 0, 0, 59, 4, 1, 0x21 };
	struct fixture *f = pair_begin(NULL);
	struct hip_path path = { .channel = HIP_CHANNEL_UDP, .local = f->hosts[1].at, .remote = f->hosts[0].at };
	uint8_t keepalive = 0xff;

	hip_host_datagram(f->hosts[1].h, f->now, &path, false, slice_of(&keepalive, 1));
	ck_assert_uint_eq(f->hosts[1].counters.hip_malformed, 0);
	for (size_t len = 0; len <= sizeof(bytes); len++)
		hip_host_datagram(f->hosts[1].h, f->now, &path, false, slice_of(bytes, len));
	ck_assert_uint_eq(f->hosts[1].counters.hip_malformed, sizeof(bytes) + 1);
	fixture_end(f);
}
END_TEST

START_TEST(readdressed_host_says_so_in_its_r1s)
{
	struct fixture *f = pair_begin(NULL);
	struct address now_at;
	struct hip_locator_set set;
	struct hip_parameter parameter;
	struct hip_packet p;
	struct reader r;

	fixture_join(f, 0, 1);
	ck_assert_int_eq(address_parse("192.0.2.77:10500", 0, &now_at), 0);
	hip_host_readdress(f->hosts[1].h, f->now, &now_at, 1, &now_at, 1);
	fixture_restart(f, 0);
	fixture_connect(f, 0, 1);
	fixture_run(f, 100);
	ck_assert_int_eq(hip_packet_get(fixture_sent(f, 1, HIP_R1), &p), 0);
	ck_assert(hip_parameter_find(&p, HIP_PARAMETER_LOCATOR_SET, &parameter));
	r = reader_of(parameter.contents);
	hip_locator_set_get(&r, &set);
	ck_assert_int_eq(reader_finish(&r), 0);
	ck_assert_uint_eq(set.count, 1);
	ck_assert(fixture_run_until_established(f, 0, 1, 5000));
	fixture_end(f);
}
END_TEST

START_TEST(associations_are_limited_and_what_is_over_gives_way)
{
	const struct hip_host_options options = { .associations_max = 1 };
	struct fixture *f = pair_begin(&options);
	size_t c = fixture_add(f, HIT_SUITE_ECDSA, NULL);

	fixture_join(f, 0, 1);
	fixture_connect(f, c, 1);
	ck_assert(!fixture_run_until_established(f, c, 1, 500));
	ck_assert_uint_ge(f->hosts[1].counters.hip_limit, 1);
	ck_assert(hip_host_is_established(f->hosts[1].h, &f->hosts[0].hit));
	hip_host_close(f->hosts[0].h, f->now, &f->hosts[1].hit);
	ck_assert(fixture_run_until_established(f, c, 1, 20000));
	fixture_end(f);
}
END_TEST

int main(void)
{
	return RUN_TESTS("hip policy", unknown_initiator_gets_a_harder_puzzle, unknown_initiator_is_refused_by_policy,
			 refusing_host_may_call_and_is_called_back, unknown_initiator_is_admitted_by_policy,
			 known_of_the_pool_expires, short_i1_of_a_stranger_is_not_answered,
			 r1_is_never_longer_than_our_own_i1, short_i1_in_a_known_name_is_not_answered_just_anywhere,
			 flood_of_i1s_leaves_nothing_behind, source_gets_only_so_many_r1s,
			 null_hit_is_answered_only_directly, i1_that_claims_a_rendezvous_is_dropped,
			 own_hit_as_sender_is_refused, packet_of_protocol_139_needs_its_checksum,
			 keepalives_and_scraps_are_taken_calmly, readdressed_host_says_so_in_its_r1s,
			 associations_are_limited_and_what_is_over_gives_way);
}
