/* SPDX-License-Identifier: MIT */
/* Single parameters of the base exchange, and what a host does when a part of it is missing or of no use. */
#include "test/unit/hip/hip_fixture.h"
#include "test/unit/run.h"

static struct fixture fixture;
static uint8_t lost;

static unsigned lose_type(void *ctx, struct fixture *f, struct fixture_datagram *d)
{
	size_t packet;

	(void)ctx, (void)f;
	return fixture_type(d, &packet) == lost ? 0 : 1;
}

static struct fixture *pair_begin(const struct hip_host_options *initiator, const struct hip_host_options *responder,
				  uint8_t lose)
{
	struct fixture *f = &fixture;

	fixture_begin(f);
	lost = lose;
	f->hook = lose_type;
	fixture_add(f, HIT_SUITE_ECDSA, initiator);
	fixture_add(f, HIT_SUITE_ECDSA, responder);
	return f;
}

/* A packet of `from` with one parameter more, or without one, sealed again. `contents` empty: without. */
static size_t rebuild(struct fixture *f, size_t from, uint8_t packet_type, uint16_t type, struct slice contents,
		      uint8_t out[HIP_PACKET_MAX])
{
	struct writer w = writer_of(out, HIP_PACKET_MAX);
	struct hip_parameter parameter;
	struct hip_packet p;
	size_t cursor = 0;
	bool is_in = contents.len == 0;

	ck_assert_int_eq(hip_packet_get(fixture_sent(f, from, packet_type), &p), 0);
	writer_bytes(&w, slice_of(p.bytes.data, HIP_HEADER_LENGTH));
	while (hip_parameter_next(&p, &cursor, &parameter) && parameter.type < HIP_PARAMETER_HIP_MAC) {
		if (!is_in && parameter.type >= type) {
			hip_bytes_put(&w, type, contents);
			is_in = true;
		}
		if (parameter.type != type)
			writer_bytes(&w, parameter.whole);
	}
	if (!is_in)
		hip_bytes_put(&w, type, contents);
	hip_packet_end(&w);
	ck_assert_int_eq(w.err, 0);
	return fixture_reseal(f, from, 1 - from, out, w.len);
}

static void put(struct fixture *f, size_t to, const uint8_t *packet, size_t len)
{
	fixture_inject(f, to, &f->hosts[1 - to].at, slice_of(packet, len));
}

static bool sent_parameter(const struct fixture *f, size_t from, uint8_t packet_type, uint16_t type,
			   struct slice *contents)
{
	struct hip_parameter parameter;
	struct hip_packet p;

	ck_assert_int_eq(hip_packet_get(fixture_sent(f, from, packet_type), &p), 0);
	if (!hip_parameter_find(&p, type, &parameter))
		return false;
	*contents = parameter.contents;
	return true;
}

/* ---- R1 ---- */

START_TEST(echo_requests_of_r1_are_echoed_in_i2)
{
	struct fixture *f = pair_begin(NULL, NULL, HIP_R1);
	uint8_t packet[HIP_PACKET_MAX];
	struct slice contents;
	struct writer w;

	fixture_connect(f, 0, 1);
	fixture_run(f, 20);
	w = writer_of(packet, sizeof(packet));
	w.len = rebuild(f, 1, HIP_R1, HIP_PARAMETER_ECHO_REQUEST_SIGNED, slice_text("signed"), packet);
	/* Anybody on the way may put in unsigned ones. */
	hip_bytes_put(&w, HIP_PARAMETER_ECHO_REQUEST_UNSIGNED, slice_text("first"));
	hip_bytes_put(&w, HIP_PARAMETER_ECHO_REQUEST_UNSIGNED, slice_text("second"));
	hip_packet_end(&w);
	put(f, 0, packet, w.len);
	ck_assert(fixture_run_until_established(f, 0, 1, 2000));
	ck_assert(sent_parameter(f, 0, HIP_I2, HIP_PARAMETER_ECHO_RESPONSE_SIGNED, &contents));
	ck_assert(slice_equal(contents, slice_text("signed")));
	ck_assert(sent_parameter(f, 0, HIP_I2, HIP_PARAMETER_ECHO_RESPONSE_UNSIGNED, &contents));
	ck_assert(slice_equal(contents, slice_text("first")));
	ck_assert_ptr_nonnull(memmem(fixture_sent(f, 0, HIP_I2).data, fixture_sent(f, 0, HIP_I2).len, "second", 6));
	fixture_end(f);
}
END_TEST

START_TEST(edge_offers_udp_encapsulation_and_gets_it)
{
	const struct hip_host_options edge = { .edge = true };
	struct fixture *f = pair_begin(NULL, &edge, 0);
	struct slice contents;

	fixture_join(f, 0, 1);
	ck_assert(sent_parameter(f, 1, HIP_R1, HIP_PARAMETER_NAT_TRAVERSAL_MODE, &contents));
	ck_assert(sent_parameter(f, 1, HIP_R1, HIP_PARAMETER_REG_INFO, &contents));
	ck_assert(sent_parameter(f, 0, HIP_I2, HIP_PARAMETER_NAT_TRAVERSAL_MODE, &contents));
	ck_assert_uint_eq(contents.len, 4);
	ck_assert_uint_eq(contents.data[3], 1);
	fixture_end(f);
	f = pair_begin(NULL, NULL, 0);
	fixture_join(f, 0, 1);
	ck_assert(!sent_parameter(f, 1, HIP_R1, HIP_PARAMETER_NAT_TRAVERSAL_MODE, &contents));
	ck_assert(!sent_parameter(f, 0, HIP_I2, HIP_PARAMETER_NAT_TRAVERSAL_MODE, &contents));
	fixture_end(f);
}
END_TEST

START_TEST(r1_without_a_part_is_dropped)
{
	static const uint16_t types[] = { HIP_PARAMETER_PUZZLE, HIP_PARAMETER_DH_GROUP_LIST,
					  HIP_PARAMETER_DIFFIE_HELLMAN, HIP_PARAMETER_HIP_CIPHER,
					  HIP_PARAMETER_HOST_ID, HIP_PARAMETER_HIT_SUITE_LIST,
					  HIP_PARAMETER_TRANSPORT_FORMAT_LIST, HIP_PARAMETER_ESP_TRANSFORM };
	struct fixture *f = pair_begin(NULL, NULL, HIP_R1);
	uint8_t packet[HIP_PACKET_MAX];
	size_t len;

	fixture_connect(f, 0, 1);
	fixture_run(f, 20);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		len = rebuild(f, 1, HIP_R1, types[i], SLICE_EMPTY, packet);
		put(f, 0, packet, len);
		fixture_run(f, 100);
		ck_assert_int_eq(fixture_state(f, 0, 1), HIP_I1_SENT);
	}
	/* R1_COUNTER need not be there. */
	len = rebuild(f, 1, HIP_R1, HIP_PARAMETER_R1_COUNTER, SLICE_EMPTY, packet);
	put(f, 0, packet, len);
	ck_assert(fixture_run_until_established(f, 0, 1, 1000));
	fixture_end(f);
}
END_TEST

START_TEST(r1_of_a_newer_generation_is_answered_anew)
{
	struct fixture *f = pair_begin(NULL, NULL, HIP_I2);
	const struct hip_association *a;
	size_t sent;

	fixture_connect(f, 0, 1);
	fixture_run(f, 100);
	ck_assert_int_eq(fixture_state(f, 0, 1), HIP_I2_SENT);
	a = fixture_association(f, 0, 1);
	sent = f->hosts[0].sent[HIP_I2];
	/* The same one once more: nothing. */
	put(f, 0, fixture_sent(f, 1, HIP_R1).data, fixture_sent(f, 1, HIP_R1).len);
	ck_assert_uint_eq(f->hosts[0].sent[HIP_I2], sent);
	/* The responder restarts; its R1, asked for by the I1 once more, is newer. */
	fixture_restart(f, 1);
	f->now.wall.ms += 5000;
	fixture_inject(f, 1, &f->hosts[0].at, fixture_sent(f, 0, HIP_I1));
	lost = 0;
	fixture_run(f, 100);
	ck_assert_int_eq(a->state, HIP_ESTABLISHED);
	fixture_end(f);
}
END_TEST

START_TEST(group_that_is_missing_is_not_offered_again)
{
	const struct hip_host_options options = { .dh_groups = { 42, HOST_DH_P256 } };
	struct fixture *f = pair_begin(&options, &options, 0);

	fixture_connect(f, 0, 1);
	ck_assert(fixture_run_until_established(f, 0, 1, 20000));
	ck_assert(fixture_logged(f, 1, "hip.group.missing group=42"));
	ck_assert_uint_eq(f->hosts[1].h->options.dh_groups[0], HOST_DH_P256);
	fixture_end(f);
}
END_TEST

START_TEST(puzzle_is_given_up_after_its_lifetime)
{
	struct hip_host_options patient = { .puzzle_k_max = 255 }, hard = { .puzzle_k_unknown = 120 };
	struct fixture *f = pair_begin(&patient, &hard, HIP_R1);
	uint8_t packet[HIP_PACKET_MAX], *puzzle;
	size_t len, size;

	fixture_connect(f, 0, 1);
	fixture_run(f, 20);
	memcpy(packet, fixture_sent(f, 1, HIP_R1).data, fixture_sent(f, 1, HIP_R1).len);
	len = fixture_sent(f, 1, HIP_R1).len;
	puzzle = fixture_parameter(packet, len, HIP_PARAMETER_PUZZLE, &size);
	puzzle[1] = 20; /* less than a second */
	len = fixture_reseal(f, 1, 0, packet, len);
	put(f, 0, packet, len);
	ck_assert_int_eq(fixture_state(f, 0, 1), HIP_I1_SENT);
	/* The time between two steps is all that passes on this clock: some steps suffice. */
	f->now.mono.us += 1100000;
	fixture_run(f, 10);
	ck_assert_int_eq(fixture_state(f, 0, 1), HIP_E_FAILED);
	ck_assert(fixture_logged(f, 0, "why=puzzle-lifetime"));
	fixture_end(f);
}
END_TEST

/* ---- I2 ---- */

START_TEST(i2_without_a_part_is_refused)
{
	static const uint16_t types[] = { HIP_PARAMETER_ESP_INFO, HIP_PARAMETER_SOLUTION, HIP_PARAMETER_DIFFIE_HELLMAN,
					  HIP_PARAMETER_HIP_CIPHER, HIP_PARAMETER_ENCRYPTED,
					  HIP_PARAMETER_TRANSPORT_FORMAT_LIST, HIP_PARAMETER_ESP_TRANSFORM };
	struct fixture *f = pair_begin(NULL, NULL, HIP_I2);
	uint8_t packet[HIP_PACKET_MAX];
	size_t len;

	fixture_connect(f, 0, 1);
	fixture_run(f, 100);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		len = rebuild(f, 0, HIP_I2, types[i], SLICE_EMPTY, packet);
		put(f, 1, packet, len);
		ck_assert_int_eq(fixture_state(f, 1, 0), HIP_UNASSOCIATED);
	}
	/* Without R1_COUNTER both generations are tried. */
	len = rebuild(f, 0, HIP_I2, HIP_PARAMETER_R1_COUNTER, SLICE_EMPTY, packet);
	put(f, 1, packet, len);
	ck_assert_int_eq(fixture_state(f, 1, 0), HIP_R2_SENT);
	fixture_end(f);
}
END_TEST

START_TEST(i2_with_another_nat_mode_is_told)
{
	static const uint8_t ice[] = { 0, 0, 0, 3 };
	struct fixture *f = pair_begin(NULL, NULL, HIP_I2);
	uint8_t packet[HIP_PACKET_MAX];
	size_t len;

	fixture_connect(f, 0, 1);
	fixture_run(f, 100);
	len = rebuild(f, 0, HIP_I2, HIP_PARAMETER_NAT_TRAVERSAL_MODE, slice_of(ice, sizeof(ice)), packet);
	put(f, 1, packet, len);
	fixture_run(f, 50);
	ck_assert_int_eq(fixture_state(f, 1, 0), HIP_UNASSOCIATED);
	ck_assert(fixture_logged(f, 0, "type=60 error=1 signed=1"));
	fixture_end(f);
}
END_TEST

START_TEST(i2_with_an_encrypted_something_is_refused)
{
	struct fixture *f = pair_begin(NULL, NULL, HIP_I2);
	uint8_t packet[HIP_PACKET_MAX], *encrypted;
	size_t len, size;

	fixture_connect(f, 0, 1);
	fixture_run(f, 100);
	len = fixture_sent(f, 0, HIP_I2).len;
	memcpy(packet, fixture_sent(f, 0, HIP_I2).data, len);
	encrypted = fixture_parameter(packet, len, HIP_PARAMETER_ENCRYPTED, &size);
	encrypted[4] ^= 0x40; /* IV: another type inside */
	len = fixture_reseal(f, 0, 1, packet, len);
	put(f, 1, packet, len);
	ck_assert_int_eq(fixture_state(f, 1, 0), HIP_UNASSOCIATED);
	ck_assert(fixture_logged(f, 1, "why=host-id"));
	fixture_end(f);
}
END_TEST

/* ---- R2 ---- */

START_TEST(r2_without_esp_info_is_refused)
{
	struct fixture *f = pair_begin(NULL, NULL, HIP_R2);
	struct hip_host *h;
	uint8_t packet[HIP_PACKET_MAX], identity[HOST_IDENTITY_MAX];
	struct writer w = writer_of(packet, sizeof(packet)), host_id = writer_of(identity, sizeof(identity));

	fixture_connect(f, 0, 1);
	fixture_run(f, 100);
	h = f->hosts[1].h;
	hip_packet_begin(&w, HIP_R2, 0, &h->hit, &f->hosts[0].hit);
	hip_put_host_id(h, &host_id);
	hip_seal_mac_2(fixture_association(f, 1, 0), &w, writer_slice(&host_id));
	ck_assert_int_eq(hip_seal_signature(h, &w), 0);
	put(f, 0, packet, w.len);
	ck_assert_int_eq(fixture_state(f, 0, 1), HIP_I2_SENT);
	ck_assert(fixture_logged(f, 0, "why=esp-info"));
	ck_assert_uint_eq(f->hosts[0].sent[HIP_NOTIFY], 1);
	fixture_end(f);
}
END_TEST

/* ---- CLOSE ---- */

START_TEST(close_that_nobody_answers_ends_all_the_same)
{
	struct fixture *f = pair_begin(NULL, NULL, HIP_CLOSE);

	fixture_join(f, 0, 1);
	hip_host_close(f->hosts[0].h, f->now, &f->hosts[1].hit);
	fixture_run(f, 40000);
	ck_assert_uint_eq(f->hosts[0].sent[HIP_CLOSE], 5);
	ck_assert_int_eq(fixture_state(f, 0, 1), HIP_UNASSOCIATED);
	fixture_end(f);
}
END_TEST

START_TEST(close_without_an_echo_is_told)
{
	struct fixture *f = pair_begin(NULL, NULL, HIP_CLOSE);
	uint8_t packet[HIP_PACKET_MAX];
	size_t len;

	fixture_join(f, 0, 1);
	hip_host_close(f->hosts[0].h, f->now, &f->hosts[1].hit);
	fixture_drain(f);
	len = rebuild(f, 0, HIP_CLOSE, HIP_PARAMETER_ECHO_REQUEST_SIGNED, SLICE_EMPTY, packet);
	put(f, 1, packet, len);
	ck_assert(hip_host_is_established(f->hosts[1].h, &f->hosts[0].hit));
	ck_assert_uint_eq(f->hosts[1].sent[HIP_NOTIFY], 1);
	fixture_end(f);
}
END_TEST

START_TEST(closing_what_is_only_begun_tells_who_waits)
{
	struct fixture *f = pair_begin(NULL, NULL, HIP_I1);

	fixture_connect(f, 0, 1);
	hip_host_close(f->hosts[0].h, f->now, &f->hosts[1].hit);
	ck_assert_int_eq(fixture_state(f, 0, 1), HIP_UNASSOCIATED);
	ck_assert_uint_eq(map_count(f->hosts[0].h->associations), 0);
	fixture_run(f, 10000);
	ck_assert_uint_eq(f->hosts[0].sent[HIP_I1], 1);
	fixture_end(f);
}
END_TEST

/* ---- The rest ---- */

static size_t captured[2];

static void on_packet(void *ctx, struct now now, const struct hip_path *path, bool sent, struct slice packet)
{
	(void)ctx, (void)now;
	ck_assert_int_eq(path->channel, HIP_CHANNEL_UDP);
	ck_assert_uint_ge(packet.len, HIP_HEADER_LENGTH);
	ck_assert_uint_eq(packet.data[0], HIP_NEXT_HEADER_NONE);
	captured[sent]++;
}

START_TEST(capture_sees_each_packet_once)
{
	struct fixture *f = pair_begin(NULL, NULL, 0);

	captured[0] = captured[1] = 0;
	hip_host_capture(f->hosts[0].h, on_packet, NULL);
	fixture_join(f, 0, 1);
	ck_assert_uint_eq(captured[0], 2);
	ck_assert_uint_eq(captured[1], 2);
	fixture_end(f);
}
END_TEST

START_TEST(path_texts_say_the_channel)
{
	char text[HIP_PATH_TEXT_SIZE];
	struct hip_path path = { .channel = HIP_CHANNEL_UDP };
	struct hip_path other;

	ck_assert_int_eq(address_parse("192.0.2.1:10500", 0, &path.remote), 0);
	ck_assert_str_eq(hip_path_text(&path, text), "udp 192.0.2.1:10500");
	other = path;
	ck_assert(hip_path_equal(&path, &other));
	other.local = path.remote; /* an unknown local address is any */
	ck_assert(hip_path_equal(&path, &other));
	other.remote.port = 1;
	ck_assert(!hip_path_equal(&path, &other));
	path.channel = HIP_CHANNEL_OVERLAY;
	ck_assert_str_eq(hip_path_text(&path, text), "overlay 00000000000000000000000000000000");
	path.channel = HIP_CHANNEL_NONE;
	ck_assert_str_eq(hip_path_text(&path, text), "none");
}
END_TEST

START_TEST(hmac_of_a_registration_covers_all_before_it)
{
	struct fixture *f = pair_begin(NULL, NULL, 0);
	static const uint8_t key[32] = { [31] = 7 };
	struct hip_host *h = f->hosts[0].h;
	uint8_t packet[HIP_PACKET_MAX];
	struct writer w = writer_of(packet, sizeof(packet));
	struct hip_packet p;

	hip_packet_begin(&w, HIP_I1, 0, &h->hit, &f->hosts[1].hit);
	hip_from_put(&w, &f->hosts[1].at);
	hip_seal_hmac(h, &w, HIP_PARAMETER_RVS_HMAC, HIT_SUITE_ECDSA, slice_of(key, 32));
	ck_assert_int_eq(hip_packet_get(writer_slice(&w), &p), 0);
	ck_assert_int_eq(hip_check_hmac(h, &p, HIP_PARAMETER_RVS_HMAC, HIT_SUITE_ECDSA, slice_of(key, 32)), 0);
	ck_assert_int_eq(hip_check_hmac(h, &p, HIP_PARAMETER_RVS_HMAC, HIT_SUITE_ECDSA, slice_of(key, 31)),
			 ERR_SIGNATURE);
	ck_assert_int_eq(hip_check_hmac(h, &p, HIP_PARAMETER_RELAY_HMAC, HIT_SUITE_ECDSA, slice_of(key, 32)),
			 ERR_NOT_FOUND);
	packet[50] ^= 1;
	ck_assert_int_eq(hip_check_hmac(h, &p, HIP_PARAMETER_RVS_HMAC, HIT_SUITE_ECDSA, slice_of(key, 32)),
			 ERR_SIGNATURE);
	fixture_end(f);
}
END_TEST

int main(void)
{
	return RUN_TESTS("hip exchange parts", echo_requests_of_r1_are_echoed_in_i2,
			 edge_offers_udp_encapsulation_and_gets_it, r1_without_a_part_is_dropped,
			 r1_of_a_newer_generation_is_answered_anew, group_that_is_missing_is_not_offered_again,
			 puzzle_is_given_up_after_its_lifetime, i2_without_a_part_is_refused,
			 i2_with_another_nat_mode_is_told, i2_with_an_encrypted_something_is_refused,
			 r2_without_esp_info_is_refused, close_that_nobody_answers_ends_all_the_same,
			 close_without_an_echo_is_told, closing_what_is_only_begun_tells_who_waits,
			 capture_sees_each_packet_once, path_texts_say_the_channel,
			 hmac_of_a_registration_covers_all_before_it);
}
