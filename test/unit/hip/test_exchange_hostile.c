/* SPDX-License-Identifier: MIT */
/* What a base exchange refuses: forged, replayed, weakened and misbuilt packets. */
#include "test/unit/hip/hip_fixture.h"
#include "test/unit/run.h"

static struct fixture fixture;

/* Two hosts, the first calls the second; the hook loses the packets of `lost`. */
static uint8_t lost;

static unsigned lose_type(void *ctx, struct fixture *f, struct fixture_datagram *d)
{
	size_t packet;

	(void)ctx, (void)f;
	return fixture_type(d, &packet) == lost ? 0 : 1;
}

static struct fixture *pair_begin(uint8_t lose)
{
	struct fixture *f = &fixture;

	fixture_begin(f);
	lost = lose;
	f->hook = lose_type;
	fixture_add(f, HIT_SUITE_ECDSA, NULL);
	fixture_add(f, HIT_SUITE_ECDSA, NULL);
	return f;
}

/* A packet of `from`, copied for mischief. */
static size_t take(const struct fixture *f, size_t from, uint8_t type, uint8_t packet[HIP_PACKET_MAX])
{
	struct slice bytes = fixture_sent(f, from, type);

	memcpy(packet, bytes.data, bytes.len);
	return bytes.len;
}

/* Up to the end of the signature; what pads it is nobody's. */
static size_t covered(uint8_t *packet, size_t len)
{
	size_t size;
	uint8_t *signature = fixture_parameter(packet, len, HIP_PARAMETER_HIP_SIGNATURE, &size);

	return (size_t)(signature - packet) + size;
}

static void put(struct fixture *f, size_t to, const uint8_t *packet, size_t len)
{
	fixture_inject(f, to, &f->hosts[1 - to].at, slice_of(packet, len));
}

/* ---- R1 ---- */

/* Fields of an R1 that its signature leaves out, or that only look different. */
static bool is_covered(const struct hip_packet *p, size_t at)
{
	struct hip_parameter parameter;

	if (at == 4 || at == 5 || (at >= 24 && at < 40))
		return false; /* checksum, receiver */
	if (!hip_parameter_find(p, HIP_PARAMETER_PUZZLE, &parameter) ||
	    (at >= parameter.at + 6 && at < parameter.at + 4 + parameter.contents.len))
		return false; /* opaque, I */
	return !hip_parameter_find(p, HIP_PARAMETER_HIP_SIGNATURE_2, &parameter) ||
	       at < parameter.at + 4 + parameter.contents.len;
}

START_TEST(r1_with_any_byte_changed_is_refused)
{
	struct fixture *f = pair_begin(HIP_R1);
	uint8_t packet[HIP_PACKET_MAX];
	struct hip_packet p;
	size_t len;

	fixture_connect(f, 0, 1);
	fixture_run(f, 100);
	len = take(f, 1, HIP_R1, packet);
	ck_assert_int_eq(hip_packet_get(slice_of(packet, len), &p), 0);
	for (size_t at = 0; at < len; at++) {
		if (!is_covered(&p, at))
			continue;
		packet[at] ^= 0x10;
		put(f, 0, packet, len);
		ck_assert_int_eq(fixture_state(f, 0, 1), HIP_I1_SENT);
		packet[at] ^= 0x10;
		if (at % 50 == 0)
			f->now.mono.us += 1000000; /* the limit on forged ones is another test */
	}
	put(f, 0, packet, len);
	fixture_run(f, 200); /* the puzzle takes some steps */
	ck_assert_int_eq(fixture_state(f, 0, 1), HIP_ESTABLISHED);
	fixture_end(f);
}
END_TEST

START_TEST(forged_r1s_are_limited_and_the_good_one_is_taken)
{
	struct fixture *f = pair_begin(HIP_R1);
	uint8_t packet[HIP_PACKET_MAX];
	size_t len, signature_len;
	uint8_t *signature;

	fixture_connect(f, 0, 1);
	fixture_run(f, 20);
	len = take(f, 1, HIP_R1, packet);
	signature = fixture_parameter(packet, len, HIP_PARAMETER_HIP_SIGNATURE_2, &signature_len);
	signature[10] ^= 1;
	for (size_t i = 0; i < 1000; i++)
		put(f, 0, packet, len);
	ck_assert_uint_lt(f->hosts[0].counters.hip_signature, 100);
	ck_assert_uint_gt(f->hosts[0].counters.hip_limit, 900);
	signature[10] ^= 1;
	f->now.mono.us += 1000000;
	put(f, 0, packet, len);
	fixture_run(f, 200); /* the puzzle takes some steps */
	ck_assert_int_eq(fixture_state(f, 0, 1), HIP_ESTABLISHED);
	fixture_end(f);
}
END_TEST

/* Anybody can have a good R1, and send it on with #I as he likes: it is not signed, nor is the receiver. */
static void misguide(struct fixture *f, uint8_t packet[HIP_PACKET_MAX], size_t len, unsigned n, bool spoofed)
{
	struct address from = f->hosts[1].at;
	size_t puzzle_len;
	uint8_t *puzzle = fixture_parameter(packet, len, HIP_PARAMETER_PUZZLE, &puzzle_len);

	puzzle[puzzle_len - 1] ^= (uint8_t)(n + 1);
	if (!spoofed)
		from.bytes[3] ^= (uint8_t)(n + 1);
	fixture_inject(f, 0, &from, slice_of(packet, len));
	puzzle[puzzle_len - 1] ^= (uint8_t)(n + 1);
}

START_TEST(r1_with_another_puzzle_does_not_end_the_exchange)
{
	for (unsigned round = 0; round < 4; round++) {
		struct fixture *f = pair_begin(HIP_R1);
		unsigned before = round < 2 ? 1 : 3;
		bool spoofed = round % 2 == 1;
		uint8_t packet[HIP_PACKET_MAX];
		size_t len;

		fixture_connect(f, 0, 1);
		fixture_run(f, 20);
		len = take(f, 1, HIP_R1, packet);
		for (unsigned n = 0; n < before; n++)
			misguide(f, packet, len, n, spoofed);
		put(f, 0, packet, len);
		/* And one that comes too late, as often as it likes. */
		for (unsigned n = 0; n < 20; n++)
			misguide(f, packet, len, before, spoofed);
		fixture_run(f, 200);
		ck_assert_int_eq(fixture_state(f, 0, 1), HIP_I2_SENT);
		ck_assert(fixture_run_until_established(f, 0, 1, before * 1500));
		ck_assert_uint_eq(fixture_logged_times(f, 0, "hip.r1.turn"), before);
		ck_assert_uint_eq(f->hosts[0].counters.hip_failed, 0);
		fixture_end(f);
	}
}
END_TEST

START_TEST(misguided_exchange_ends_in_time_when_there_is_no_better_r1)
{
	struct fixture *f = pair_begin(HIP_R1);
	uint8_t packet[HIP_PACKET_MAX];
	size_t len;

	fixture_connect(f, 0, 1);
	fixture_run(f, 20);
	len = take(f, 1, HIP_R1, packet);
	for (unsigned n = 0; n < 20; n++)
		misguide(f, packet, len, n, false);
	fixture_run(f, 60000);
	ck_assert_int_ne(fixture_state(f, 0, 1), HIP_I2_SENT);
	ck_assert_uint_eq(f->hosts[0].counters.hip_failed, 1);
	ck_assert_uint_eq(fixture_logged_times(f, 0, "hip.r1.turn"), 8);
	fixture_end(f);
}
END_TEST

START_TEST(r1_of_another_host_is_refused)
{
	struct fixture *f = pair_begin(HIP_R1);
	size_t c = fixture_add(f, HIT_SUITE_ECDSA, NULL);
	uint8_t packet[HIP_PACKET_MAX];
	size_t len;

	fixture_connect(f, 0, 1);
	fixture_connect(f, 0, c);
	fixture_run(f, 20);
	/* Another host's R1 under the expected HIT: well signed, by the wrong key. */
	len = take(f, c, HIP_R1, packet);
	memcpy(packet + 8, f->hosts[1].hit.bytes, HIT_LENGTH);
	put(f, 0, packet, len);
	ck_assert_int_eq(fixture_state(f, 0, 1), HIP_I1_SENT);
	ck_assert_uint_eq(f->hosts[0].counters.hip_identity, 1);
	/* One that nobody asked for. */
	memcpy(packet + 8, f->hosts[c].hit.bytes, HIT_LENGTH);
	put(f, 1, packet, len);
	ck_assert_uint_ge(f->hosts[1].counters.hip_stray, 1);
	fixture_end(f);
}
END_TEST

static unsigned weaken_i1(void *ctx, struct fixture *f, struct fixture_datagram *d)
{
	size_t packet, len;
	uint8_t *groups;

	(void)ctx, (void)f;
	if (fixture_type(d, &packet) != HIP_I1)
		return 1;
	groups = fixture_parameter(d->bytes + packet, d->len - packet, HIP_PARAMETER_DH_GROUP_LIST, &len);
	memset(groups, HOST_DH_MODP_1536, len);
	return 1;
}

START_TEST(group_list_changed_on_the_way_is_noticed)
{
	struct fixture *f = pair_begin(0);

	f->hook = weaken_i1;
	fixture_connect(f, 0, 1);
	ck_assert(!fixture_run_until_established(f, 0, 1, 3000));
	ck_assert_uint_eq(f->hosts[0].sent[HIP_I2], 0);
	ck_assert_uint_ge(f->hosts[0].counters.hip_downgrade, 1);
	/* The next I1 gets through. */
	f->hook = NULL;
	ck_assert(fixture_run_until_established(f, 0, 1, 20000));
	fixture_end(f);
}
END_TEST

START_TEST(r1_without_our_suite_is_refused)
{
	struct fixture *f = pair_begin(HIP_R1);
	uint8_t packet[HIP_PACKET_MAX], *suites;
	size_t len, count;

	fixture_connect(f, 0, 1);
	fixture_run(f, 20);
	len = take(f, 1, HIP_R1, packet);
	suites = fixture_parameter(packet, len, HIP_PARAMETER_HIT_SUITE_LIST, &count);
	memset(suites, HIT_SUITE_RSA << 4, count);
	len = fixture_reseal(f, 1, 0, packet, len);
	put(f, 0, packet, len);
	ck_assert_int_eq(fixture_state(f, 0, 1), HIP_I1_SENT);
	ck_assert_uint_eq(f->hosts[0].counters.hip_downgrade, 1);
	fixture_end(f);
}
END_TEST

START_TEST(r1_with_only_the_null_cipher_is_refused)
{
	struct fixture *f = pair_begin(HIP_R1);
	uint8_t packet[HIP_PACKET_MAX], *ciphers;
	size_t len, size;

	fixture_connect(f, 0, 1);
	fixture_run(f, 20);
	len = take(f, 1, HIP_R1, packet);
	ciphers = fixture_parameter(packet, len, HIP_PARAMETER_HIP_CIPHER, &size);
	for (size_t i = 0; i + 1 < size; i += 2)
		ciphers[i + 1] = HOST_CIPHER_NULL;
	len = fixture_reseal(f, 1, 0, packet, len);
	put(f, 0, packet, len);
	ck_assert_int_eq(fixture_state(f, 0, 1), HIP_I1_SENT);
	ck_assert(fixture_logged(f, 0, "why=cipher"));
	fixture_end(f);
}
END_TEST

START_TEST(r1_with_an_unknown_critical_parameter_is_dropped)
{
	struct fixture *f = pair_begin(HIP_R1);
	uint8_t packet[HIP_PACKET_MAX], *list;
	size_t len, size;

	fixture_connect(f, 0, 1);
	fixture_run(f, 20);
	len = take(f, 1, HIP_R1, packet);
	list = fixture_parameter(packet, len, HIP_PARAMETER_TRANSPORT_FORMAT_LIST, &size);
	list[-4] = 0x0b; /* 2049 becomes 2817, odd and unknown */
	len = fixture_reseal(f, 1, 0, packet, len);
	put(f, 0, packet, len);
	ck_assert_int_eq(fixture_state(f, 0, 1), HIP_I1_SENT);
	ck_assert(fixture_logged(f, 0, "critical-parameter"));
	ck_assert_uint_eq(f->hosts[0].sent[HIP_NOTIFY], 0);
	fixture_end(f);
}
END_TEST

/* ---- I2 ---- */

/* The I2 of an exchange that waits for it. */
static size_t i2_begin(struct fixture *f, uint8_t packet[HIP_PACKET_MAX])
{
	fixture_connect(f, 0, 1);
	fixture_run(f, 100);
	ck_assert_int_eq(fixture_state(f, 0, 1), HIP_I2_SENT);
	return take(f, 0, HIP_I2, packet);
}

START_TEST(replayed_i2_changes_nothing)
{
	struct fixture *f = pair_begin(0);
	uint8_t packet[HIP_PACKET_MAX];
	uint32_t spi;
	size_t len;

	fixture_join(f, 0, 1);
	len = take(f, 0, HIP_I2, packet);
	spi = fixture_association(f, 1, 0)->in.spi;
	/* While the R2 may be missing it is answered with the very same one. */
	put(f, 1, packet, len);
	ck_assert_uint_eq(f->hosts[1].sent[HIP_R2], 2);
	ck_assert_uint_eq(fixture_association(f, 1, 0)->in.spi, spi);
	ck_assert_uint_eq(f->hosts[1].counters.hip_exchanges, 1);
	/* Within the generation, after the association is over: not again. */
	hip_host_close(f->hosts[1].h, f->now, &f->hosts[0].hit);
	fixture_run(f, 65000);
	ck_assert_int_eq(fixture_state(f, 1, 0), HIP_UNASSOCIATED);
	put(f, 1, packet, len);
	ck_assert_int_eq(fixture_state(f, 1, 0), HIP_UNASSOCIATED);
	ck_assert_uint_eq(f->hosts[1].sent[HIP_R2], 2);
	ck_assert(fixture_logged(f, 1, "why=replayed"));
	fixture_end(f);
}
END_TEST

START_TEST(i2_of_an_older_generation_is_taken_and_of_an_old_one_not)
{
	struct fixture *f = pair_begin(HIP_I2);
	uint8_t packet[HIP_PACKET_MAX];
	size_t len = i2_begin(f, packet);

	fixture_run(f, 140000); /* one rotation: the previous generation */
	put(f, 1, packet, len);
	ck_assert_int_eq(fixture_state(f, 1, 0), HIP_R2_SENT);
	fixture_end(f);

	f = pair_begin(HIP_I2);
	len = i2_begin(f, packet);
	fixture_run(f, 300000);
	put(f, 1, packet, len);
	ck_assert_int_eq(fixture_state(f, 1, 0), HIP_UNASSOCIATED);
	ck_assert_uint_eq(f->hosts[1].counters.hip_replayed, 1);
	fixture_end(f);
}
END_TEST

START_TEST(i2_after_a_restart_is_refused)
{
	struct fixture *f = pair_begin(HIP_I2);
	uint8_t packet[HIP_PACKET_MAX];
	size_t len = i2_begin(f, packet);

	fixture_restart(f, 1);
	f->now.wall.ms += 1000;
	put(f, 1, packet, len);
	ck_assert_int_eq(fixture_state(f, 1, 0), HIP_UNASSOCIATED);
	fixture_end(f);
}
END_TEST

/* Changes an I2's SOLUTION at an offset and expects the puzzle to be blamed. */
static void solution_changed(size_t offset, uint8_t change)
{
	struct fixture *f = pair_begin(HIP_I2);
	uint8_t packet[HIP_PACKET_MAX], *solution;
	size_t len = i2_begin(f, packet), size;

	solution = fixture_parameter(packet, len, HIP_PARAMETER_SOLUTION, &size);
	ck_assert_uint_lt(offset, size);
	solution[offset] ^= change;
	len = fixture_reseal(f, 0, 1, packet, len);
	put(f, 1, packet, len);
	ck_assert_int_eq(fixture_state(f, 1, 0), HIP_UNASSOCIATED);
	ck_assert_uint_eq(f->hosts[1].counters.hip_puzzle, 1);
	ck_assert_uint_eq(f->hosts[1].sent[HIP_NOTIFY], 0); /* who has not solved it is told nothing */
	fixture_end(f);
}

START_TEST(i2_with_a_wrong_solution_is_refused)
{
	solution_changed(0, 14);     /* K: 0 instead of 14 */
	solution_changed(0, 1);
	solution_changed(3, 1);      /* opaque */
	solution_changed(4, 1);      /* I */
	solution_changed(4 + 48, 1); /* J */
	solution_changed(4 + 95, 1);
}
END_TEST

START_TEST(i2_from_another_address_is_refused)
{
	struct fixture *f = pair_begin(HIP_I2);
	uint8_t packet[HIP_PACKET_MAX];
	size_t len = i2_begin(f, packet);
	struct address elsewhere;

	ck_assert_int_eq(address_parse("198.51.100.7:10500", 0, &elsewhere), 0);
	fixture_inject(f, 1, &elsewhere, slice_of(packet, len));
	ck_assert_int_eq(fixture_state(f, 1, 0), HIP_UNASSOCIATED);
	ck_assert_uint_eq(f->hosts[1].counters.hip_puzzle, 1);
	fixture_end(f);
}
END_TEST

START_TEST(i2_with_any_byte_changed_is_refused)
{
	struct fixture *f = pair_begin(HIP_I2);
	uint8_t packet[HIP_PACKET_MAX];
	size_t len = i2_begin(f, packet);

	for (size_t at = 0, end = covered(packet, len); at < end; at++) {
		if (at == 4 || at == 5)
			continue; /* the checksum, which UDP has none of */
		packet[at] ^= 0x04;
		put(f, 1, packet, len);
		ck_assert_int_eq(fixture_state(f, 1, 0), HIP_UNASSOCIATED);
		packet[at] ^= 0x04;
		f->now.mono.us += 100000; /* I2s are limited */
	}
	put(f, 1, packet, len);
	ck_assert_int_eq(fixture_state(f, 1, 0), HIP_R2_SENT);
	fixture_end(f);
}
END_TEST

/* Changes one byte of a parameter, seals the I2 again, and expects it to be refused for `why`. */
static struct fixture *choice_changed(uint16_t type, size_t offset, uint8_t value, const char *why)
{
	struct fixture *f = pair_begin(HIP_I2);
	uint8_t packet[HIP_PACKET_MAX], *contents;
	size_t len = i2_begin(f, packet), size;

	contents = fixture_parameter(packet, len, type, &size);
	ck_assert_uint_lt(offset, size);
	contents[offset] = value;
	len = fixture_reseal(f, 0, 1, packet, len);
	put(f, 1, packet, len);
	ck_assert_int_eq(fixture_state(f, 1, 0), HIP_UNASSOCIATED);
	ck_assert_msg(fixture_logged(f, 1, why), "%s\n%s", why, f->hosts[1].text);
	return f;
}

START_TEST(i2_with_a_choice_that_was_not_offered_is_refused)
{
	struct fixture *f = choice_changed(HIP_PARAMETER_HIP_CIPHER, 1, HOST_CIPHER_NULL, "why=cipher");

	ck_assert_uint_eq(f->hosts[1].counters.hip_downgrade, 1);
	ck_assert_uint_eq(f->hosts[1].sent[HIP_NOTIFY], 1);
	fixture_end(f);
	f = choice_changed(HIP_PARAMETER_ESP_TRANSFORM, 3, HOST_ESP_NULL_SHA256, "why=esp-transform");
	ck_assert_uint_eq(f->hosts[1].counters.hip_downgrade, 1);
	fixture_end(f);
	f = choice_changed(HIP_PARAMETER_TRANSPORT_FORMAT_LIST, 1, 77, "why=transport-format");
	fixture_end(f);
	f = choice_changed(HIP_PARAMETER_DIFFIE_HELLMAN, 0, HOST_DH_P384, "why=puzzle");
	fixture_end(f);
	f = choice_changed(HIP_PARAMETER_DIFFIE_HELLMAN, 10, 0x5a, "why=public-value"); /* not on the curve */
	fixture_end(f);
}
END_TEST

START_TEST(i2_with_an_unknown_critical_parameter_is_told)
{
	struct fixture *f = pair_begin(HIP_I2);
	uint8_t packet[HIP_PACKET_MAX], *list;
	size_t len = i2_begin(f, packet), size;

	list = fixture_parameter(packet, len, HIP_PARAMETER_TRANSPORT_FORMAT_LIST, &size);
	list[-4] = 0x0b;
	len = fixture_reseal(f, 0, 1, packet, len);
	put(f, 1, packet, len);
	ck_assert_int_eq(fixture_state(f, 1, 0), HIP_UNASSOCIATED);
	ck_assert_uint_eq(f->hosts[1].sent[HIP_NOTIFY], 1);
	fixture_run(f, 50);
	ck_assert(fixture_logged(f, 0, "hip.notification"));
	ck_assert(fixture_logged(f, 0, "type=1 error=1 signed=1"));
	ck_assert_int_eq(fixture_state(f, 0, 1), HIP_I2_SENT); /* a NOTIFY changes no state */
	fixture_end(f);
}
END_TEST

START_TEST(i2_of_a_hit_with_another_key_is_refused)
{
	struct fixture *f = pair_begin(HIP_I2);
	size_t c = fixture_add(f, HIT_SUITE_ECDSA, NULL);
	struct hip_association *a;
	struct hip_host *h = f->hosts[0].h;
	uint8_t packet[HIP_PACKET_MAX];
	struct hit own = h->hit;
	size_t len;

	/* The first host calls under the third one's HIT, with its own key. */
	h->hit = f->hosts[c].hit;
	len = i2_begin(f, packet);
	a = fixture_association(f, 0, 1);
	ck_assert_ptr_nonnull(a);
	put(f, 1, packet, len);
	ck_assert_uint_eq(f->hosts[1].counters.hip_identity, 1);
	ck_assert_int_eq(fixture_state(f, 1, c), HIP_UNASSOCIATED);
	h->hit = own;
	fixture_end(f);
}
END_TEST

START_TEST(i2_with_a_plain_host_id_is_taken)
{
	struct hip_host_options options = { .allow_null_cipher = true };
	struct fixture *f = &fixture;
	uint8_t packet[HIP_PACKET_MAX], *ciphers;
	size_t len, size;

	fixture_begin(f);
	lost = HIP_R1;
	f->hook = lose_type;
	fixture_add(f, HIT_SUITE_ECDSA, &options);
	fixture_add(f, HIT_SUITE_ECDSA, &options);
	fixture_connect(f, 0, 1);
	fixture_run(f, 20);
	/* Only NULL is left of what the R1 offers. */
	len = take(f, 1, HIP_R1, packet);
	ciphers = fixture_parameter(packet, len, HIP_PARAMETER_HIP_CIPHER, &size);
	for (size_t i = 0; i + 1 < size; i += 2)
		ciphers[i + 1] = HOST_CIPHER_NULL;
	len = fixture_reseal(f, 1, 0, packet, len);
	put(f, 0, packet, len);
	ck_assert(fixture_run_until_established(f, 0, 1, 1000));
	ck_assert_int_eq(fixture_association(f, 1, 0)->keys.cipher, HOST_CIPHER_NULL);
	fixture_end(f);
}
END_TEST

/* ---- R2 ---- */

START_TEST(r2_with_any_byte_changed_is_refused)
{
	struct fixture *f = pair_begin(HIP_R2);
	uint8_t packet[HIP_PACKET_MAX];
	size_t len;

	fixture_connect(f, 0, 1);
	fixture_run(f, 100);
	len = take(f, 1, HIP_R2, packet);
	for (size_t at = 0, end = covered(packet, len); at < end; at++) {
		if (at == 4 || at == 5)
			continue;
		packet[at] ^= 0x80;
		put(f, 0, packet, len);
		ck_assert_int_eq(fixture_state(f, 0, 1), HIP_I2_SENT);
		packet[at] ^= 0x80;
	}
	put(f, 0, packet, len);
	ck_assert_int_eq(fixture_state(f, 0, 1), HIP_ESTABLISHED);
	/* Again: dropped. */
	put(f, 0, packet, len);
	ck_assert_uint_ge(f->hosts[0].counters.hip_stray, 1);
	fixture_end(f);
}
END_TEST

int main(void)
{
	return RUN_TESTS("hip exchange hostile", r1_with_any_byte_changed_is_refused,
			 forged_r1s_are_limited_and_the_good_one_is_taken,
			 r1_with_another_puzzle_does_not_end_the_exchange,
			 misguided_exchange_ends_in_time_when_there_is_no_better_r1, r1_of_another_host_is_refused,
			 group_list_changed_on_the_way_is_noticed, r1_without_our_suite_is_refused,
			 r1_with_only_the_null_cipher_is_refused, r1_with_an_unknown_critical_parameter_is_dropped,
			 replayed_i2_changes_nothing, i2_of_an_older_generation_is_taken_and_of_an_old_one_not,
			 i2_after_a_restart_is_refused, i2_with_a_wrong_solution_is_refused,
			 i2_from_another_address_is_refused, i2_with_any_byte_changed_is_refused,
			 i2_with_a_choice_that_was_not_offered_is_refused,
			 i2_with_an_unknown_critical_parameter_is_told, i2_of_a_hit_with_another_key_is_refused,
			 i2_with_a_plain_host_id_is_taken, r2_with_any_byte_changed_is_refused);
}
