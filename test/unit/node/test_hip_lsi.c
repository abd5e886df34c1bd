/* SPDX-License-Identifier: MIT */
/* Tests of hip_lsi.c: two hosts' translators back to back, every checksum computed by hand. */
#include "node/hip_lsi.h"

#include <netinet/in.h>

#include "test/unit/run.h"

static struct hit hit_of(const char *text)
{
	struct hit hit;

	ck_assert_int_eq(hit_parse(text, &hit), 0);
	return hit;
}

static uint32_t sum(const uint8_t *bytes, size_t len, uint32_t s)
{
	for (size_t i = 0; i < len; i++)
		s += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
	return s;
}

/* 0xffff for a checksum that is right. */
static uint16_t total(const uint8_t *a, const uint8_t *b, size_t width, uint8_t protocol, const uint8_t *payload,
		      size_t len)
{
	uint32_t s = sum(payload, len, width == 0 ? 0 : (uint32_t)len + protocol);

	s = sum(a, width, sum(b, width, s));
	while (s > 0xffff)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)s;
}

static void put16(uint8_t *at, size_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

/* An IPv4 packet of `from` to `to` with a payload whose checksum at `place` is made. */
static size_t ipv4_make(uint8_t *out, const struct address *from, const struct address *to, uint8_t protocol,
			const uint8_t *payload, size_t len, size_t place, bool pseudo)
{
	memset(out, 0, 20);
	out[0] = 0x45;
	put16(out + 2, 20 + len);
	out[8] = 64;
	out[9] = protocol;
	memcpy(out + 12, from->bytes, 4);
	memcpy(out + 16, to->bytes, 4);
	put16(out + 10, (uint16_t)~total(NULL, NULL, 0, 0, out, 20));
	memcpy(out + 20, payload, len);
	put16(out + 20 + place, 0);
	put16(out + 20 + place, (uint16_t)~total(from->bytes, to->bytes, pseudo ? 4 : 0, protocol, out + 20, len));
	return 20 + len;
}

static struct hit alice, bob;
static struct hip_lsi *at_alice, *at_bob;

static void setup(void)
{
	alice = hit_of("2001:22:1111:2222:3333:4444:5500:0a01");
	bob = hit_of("2001:22:9999:8888:7777:6666:5500:0b02");
	at_alice = hip_lsi_new(&alice, 1);
	at_bob = hip_lsi_new(&bob, 2);
}

static void teardown(void)
{
	hip_lsi_free(at_alice);
	hip_lsi_free(at_bob);
}

START_TEST(names_are_made_of_the_hit_and_differ)
{
	struct hit twin, found, none = hit_of("2001:22::ff:0000"), ones = hit_of("2001:22::ffff:ffff");
	struct address name, other;
	char text[ADDRESS_TEXT_SIZE];

	setup();
	none.bytes[13] = 0;
	name = hip_lsi_of(at_alice, &bob);
	ck_assert_str_eq(address_text(&name, text), "1.0.11.2:0");
	ck_assert(hip_lsi_find(at_alice, name.bytes, &found) && hit_equal(&found, &bob));
	twin = bob;
	twin.bytes[5]++;
	other = hip_lsi_of(at_alice, &twin);
	ck_assert_str_eq(address_text(&other, text), "1.0.11.3:0");
	other = hip_lsi_of(at_alice, &bob);
	ck_assert(address_equal(&other, &name));
	other = hip_lsi_of(at_alice, &none);
	ck_assert_str_eq(address_text(&other, text), "1.0.0.1:0");
	other = hip_lsi_of(at_alice, &ones);
	ck_assert_str_eq(address_text(&other, text), "1.0.0.2:0");
	/* Our own name is never another's. */
	twin = alice;
	twin.bytes[5]++;
	name = hip_lsi_own(at_alice);
	other = hip_lsi_of(at_alice, &twin);
	ck_assert(!address_equal(&other, &name));
	teardown();
}
END_TEST

START_TEST(names_are_bounded)
{
	struct hit hit = bob, first = bob, found;
	struct address name;

	setup();
	name = hip_lsi_of(at_alice, &first);
	for (unsigned i = 1; i <= HIP_LSI_MAX; i++) {
		hit.bytes[13] = 0x77;
		hit.bytes[14] = (uint8_t)(i >> 8);
		hit.bytes[15] = (uint8_t)i;
		(void)hip_lsi_of(at_alice, &hit);
	}
	ck_assert(!hip_lsi_find(at_alice, name.bytes, &found) || !hit_equal(&found, &first));
	teardown();
}
END_TEST

/* alice's program speaks IPv4, bob's gets IPv6 and answers so, alice's gets IPv4: all checksums hold. */
static void both_ways(uint8_t protocol, const uint8_t *payload, size_t len, size_t place)
{
	struct address own = hip_lsi_own(at_alice), name = hip_lsi_of(at_alice, &bob);
	uint8_t packet[HIP_INNER_MAX], there[HIP_INNER_MAX], back[HIP_INNER_MAX], answer[40 + 100];
	size_t n = ipv4_make(packet, &own, &name, protocol, payload, len, place, true);
	struct hip_inner inner;

	ck_assert_int_eq(hip_lsi_outwards(at_alice, packet, n, &inner), 0);
	ck_assert(hit_equal(&inner.to, &bob));
	ck_assert_uint_eq(inner.next_header, protocol);
	ck_assert_uint_eq(total(alice.bytes, bob.bytes, 16, protocol, inner.payload.data, len), 0xffff);
	n = hip_lsi_inwards(at_bob, &alice, protocol, inner.payload, there);
	ck_assert_uint_eq(n, 40 + len);
	ck_assert_int_eq(memcmp(there + 8, alice.bytes, 16), 0);
	ck_assert_int_eq(memcmp(there + 24, bob.bytes, 16), 0);
	ck_assert_uint_eq(total(alice.bytes, bob.bytes, 16, protocol, there + 40, len), 0xffff);
	/* The answer: addresses and ports the other way round leave the checksum right. */
	memcpy(answer, there, n);
	memcpy(answer + 8, bob.bytes, 16);
	memcpy(answer + 24, alice.bytes, 16);
	memcpy(answer + 40, there + 42, 2);
	memcpy(answer + 42, there + 40, 2);
	ck_assert_int_eq(hip_lsi_outwards(at_bob, answer, n, &inner), 0);
	ck_assert(hit_equal(&inner.to, &alice));
	n = hip_lsi_inwards(at_alice, &bob, protocol, inner.payload, back);
	ck_assert_uint_eq(n, 20 + len);
	ck_assert_uint_eq(total(NULL, NULL, 0, 0, back, 20), 0xffff);
	ck_assert_int_eq(memcmp(back + 12, name.bytes, 4), 0);
	ck_assert_int_eq(memcmp(back + 16, own.bytes, 4), 0);
	ck_assert_uint_eq(back[9], protocol);
	ck_assert_uint_eq(total(name.bytes, own.bytes, 4, protocol, back + 20, len), 0xffff);
}

START_TEST(udp_and_tcp_cross_with_right_checksums)
{
	const uint8_t udp[] = { 0x13, 0xc4, 0x13, 0xc5, 0, 13, 0, 0, 'h', 'e', 'l', 'l', 'o' };
	uint8_t tcp[27] = { 0x04, 0xd2, 0x00, 0x50, 1, 2, 3, 4, 5, 6, 7, 8, 0x50, 0x18, 1, 0, 0, 0, 0, 0, 'o', 'd' };

	setup();
	both_ways(IPPROTO_UDP, udp, sizeof(udp), 6);
	both_ways(IPPROTO_TCP, tcp, sizeof(tcp), 16);
	teardown();
}
END_TEST

START_TEST(udp_without_checksum_gets_one_for_ipv6)
{
	const uint8_t udp[] = { 0x13, 0xc4, 0x13, 0xc5, 0, 9, 0, 0, 'x' };
	struct address own, name;
	uint8_t packet[HIP_INNER_MAX];
	struct hip_inner inner;
	size_t n;

	setup();
	own = hip_lsi_own(at_alice);
	name = hip_lsi_of(at_alice, &bob);
	n = ipv4_make(packet, &own, &name, IPPROTO_UDP, udp, sizeof(udp), 6, true);
	put16(packet + 26, 0);
	ck_assert_int_eq(hip_lsi_outwards(at_alice, packet, n, &inner), 0);
	ck_assert_uint_eq(total(alice.bytes, bob.bytes, 16, IPPROTO_UDP, inner.payload.data, sizeof(udp)), 0xffff);
	/* As media has it within ESP: none. */
	n = hip_lsi_inwards(at_bob, &alice, IPPROTO_UDP, slice_of(udp, sizeof(udp)), packet);
	ck_assert_uint_eq(n, 40 + sizeof(udp));
	ck_assert_uint_eq(total(alice.bytes, bob.bytes, 16, IPPROTO_UDP, packet + 40, sizeof(udp)), 0xffff);
	teardown();
}
END_TEST

START_TEST(echo_becomes_icmpv6_and_back)
{
	const uint8_t echo[] = { 8, 0, 0, 0, 0x12, 0x34, 0, 1, 'a', 'b', 'c' };
	struct address own, name;
	uint8_t packet[HIP_INNER_MAX], there[HIP_INNER_MAX], back[HIP_INNER_MAX];
	struct hip_inner inner;
	size_t n;

	setup();
	own = hip_lsi_own(at_alice);
	name = hip_lsi_of(at_alice, &bob);
	n = ipv4_make(packet, &own, &name, IPPROTO_ICMP, echo, sizeof(echo), 2, false);
	ck_assert_int_eq(hip_lsi_outwards(at_alice, packet, n, &inner), 0);
	ck_assert_uint_eq(inner.next_header, IPPROTO_ICMPV6);
	ck_assert_uint_eq(inner.payload.data[0], 128);
	ck_assert_uint_eq(total(alice.bytes, bob.bytes, 16, IPPROTO_ICMPV6, inner.payload.data, sizeof(echo)), 0xffff);
	/* bob's kernel answers. */
	memcpy(there, inner.payload.data, inner.payload.len);
	there[0] = 129;
	put16(there + 2, 0);
	put16(there + 2, (uint16_t)~total(bob.bytes, alice.bytes, 16, IPPROTO_ICMPV6, there, sizeof(echo)));
	n = hip_lsi_inwards(at_alice, &bob, IPPROTO_ICMPV6, slice_of(there, sizeof(echo)), back);
	ck_assert_uint_eq(n, 20 + sizeof(echo));
	ck_assert_uint_eq(back[9], IPPROTO_ICMP);
	ck_assert_uint_eq(back[20], 0);
	ck_assert_uint_eq(total(NULL, NULL, 0, 0, back + 20, sizeof(echo)), 0xffff);
	teardown();
}
END_TEST

START_TEST(what_was_not_asked_for_over_ipv4_arrives_as_ipv6)
{
	const uint8_t udp[] = { 0x13, 0xc4, 0x13, 0xc5, 0, 9, 0, 0, 'x' };
	uint8_t packet[HIP_INNER_MAX];

	setup();
	(void)hip_lsi_of(at_bob, &alice);
	ck_assert_uint_eq(hip_lsi_inwards(at_bob, &alice, IPPROTO_UDP, slice_of(udp, sizeof(udp)), packet),
			  40 + sizeof(udp));
	ck_assert_uint_eq(packet[0] >> 4, 6);
	teardown();
}
END_TEST

START_TEST(a_damaged_packet_stays_damaged)
{
	const uint8_t udp[] = { 0x13, 0xc4, 0x13, 0xc5, 0, 9, 0, 0, 'x' };
	struct address own, name;
	uint8_t packet[HIP_INNER_MAX];
	struct hip_inner inner;
	size_t n;

	setup();
	own = hip_lsi_own(at_alice);
	name = hip_lsi_of(at_alice, &bob);
	n = ipv4_make(packet, &own, &name, IPPROTO_UDP, udp, sizeof(udp), 6, true);
	packet[n - 1] ^= 1;
	ck_assert_int_eq(hip_lsi_outwards(at_alice, packet, n, &inner), 0);
	ck_assert_uint_ne(total(alice.bytes, bob.bytes, 16, IPPROTO_UDP, inner.payload.data, sizeof(udp)), 0xffff);
	teardown();
}
END_TEST

START_TEST(wrong_packets_are_refused)
{
	const uint8_t udp[] = { 0x13, 0xc4, 0x13, 0xc5, 0, 9, 0, 0, 'x' };
	struct address own, name, stranger = { .type = ADDRESS_IPV4, .bytes = { 1, 9, 9, 9 } };
	uint8_t good[HIP_INNER_MAX], packet[HIP_INNER_MAX], ipv6[48] = { 0x60 };
	struct hip_inner inner;
	size_t n;

	setup();
	own = hip_lsi_own(at_alice);
	name = hip_lsi_of(at_alice, &bob);
	n = ipv4_make(good, &own, &name, IPPROTO_UDP, udp, sizeof(udp), 6, true);
	for (size_t len = 0; len < n; len++) {
		memcpy(packet, good, n);
		ck_assert_int_lt(hip_lsi_outwards(at_alice, packet, len, &inner), 0);
	}
	memcpy(packet, good, n);
	packet[6] = 0x20; /* a fragment */
	ck_assert_int_eq(hip_lsi_outwards(at_alice, packet, n, &inner), ERR_UNSUPPORTED);
	memcpy(packet, good, n);
	packet[9] = 132;
	ck_assert_int_eq(hip_lsi_outwards(at_alice, packet, n, &inner), ERR_UNSUPPORTED);
	memcpy(packet, good, n);
	memcpy(packet + 16, stranger.bytes, 4);
	ck_assert_int_eq(hip_lsi_outwards(at_alice, packet, n, &inner), ERR_NOT_FOUND);
	memcpy(packet, good, n);
	memcpy(packet + 12, stranger.bytes, 4); /* not from us */
	ck_assert_int_eq(hip_lsi_outwards(at_alice, packet, n, &inner), ERR_UNSUPPORTED);
	/* Neighbour discovery of the kernel. */
	ipv6[5] = 8;
	memcpy(ipv6 + 8, alice.bytes, 16);
	ipv6[24] = 0xff;
	ipv6[25] = 2;
	ck_assert_int_eq(hip_lsi_outwards(at_alice, ipv6, sizeof(ipv6), &inner), ERR_UNSUPPORTED);
	ipv6[5] = 9;
	ck_assert_int_eq(hip_lsi_outwards(at_alice, ipv6, sizeof(ipv6), &inner), ERR_MALFORMED);
	teardown();
}
END_TEST

START_TEST(payloads_of_any_length_are_bounded)
{
	static const uint8_t large[HIP_INNER_MAX];
	uint8_t packet[HIP_INNER_MAX];

	setup();
	for (size_t len = 0; len < 64; len++)
		ck_assert_uint_eq(hip_lsi_inwards(at_alice, &bob, IPPROTO_UDP, slice_of(large, len), packet), 40 + len);
	ck_assert_uint_eq(hip_lsi_inwards(at_alice, &bob, IPPROTO_UDP, slice_of(large, sizeof(large) - 39), packet), 0);
	teardown();
}
END_TEST

int main(void)
{
	return RUN_TESTS("hip_lsi", names_are_made_of_the_hit_and_differ, names_are_bounded,
			 udp_and_tcp_cross_with_right_checksums, udp_without_checksum_gets_one_for_ipv6,
			 echo_becomes_icmpv6_and_back, what_was_not_asked_for_over_ipv4_arrives_as_ipv6,
			 a_damaged_packet_stays_damaged, wrong_packets_are_refused, payloads_of_any_length_are_bounded);
}
