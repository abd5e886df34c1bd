/* SPDX-License-Identifier: MIT */
/* Checksums are changed by what changed (RFC 1624), so that a packet that was damaged stays so. Conversations that
 * began over IPv4 are remembered: only their answers become IPv4. */
#include "node/hip_lsi.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "overlay/base/map.h"
#include "overlay/base/writer.h"

#define IPV4_HEADER 20
#define IPV6_HEADER 40
#define HOP_LIMIT 64
#define LSI_NET 1 /* 1.0.0.0/8 */
#define ECHO_REQUEST 8
#define ECHO_REPLY 0
#define ECHO_REQUEST_6 128
#define ECHO_REPLY_6 129
#define FLOW_KEY 9

struct lsi_entry {
	struct hit hit;
	uint8_t name[4];
};

struct hip_lsi {
	struct hit own;
	uint8_t own_name[4];
	struct map *by_hit, *by_name; /* struct lsi_entry, owned by by_hit */
	struct map *flows;            /* FLOW_KEY to the table itself */
};

/* ---- Names ---- */

static struct slice hit_key(const struct hit *hit) { return slice_of(hit->bytes, HIT_LENGTH); }

static struct slice name_key(const uint8_t name[4]) { return slice_of(name, 4); }

/* The next name after a taken one. */
static void name_step(uint8_t name[4])
{
	for (int i = 3; i > 0; i--)
		if (++name[i] != 0)
			return;
}

static bool name_is_usable(const uint8_t name[4])
{
	bool zeroes = name[1] == 0 && name[2] == 0 && name[3] == 0;
	bool ones = name[1] == 255 && name[2] == 255 && name[3] == 255;

	return !zeroes && !ones;
}

static void name_forget_first(struct hip_lsi *l)
{
	size_t cursor = 0;
	struct slice key;
	void *entry;

	if (!map_next(l->by_hit, &cursor, &key, &entry))
		return;
	(void)map_remove(l->by_name, name_key(((struct lsi_entry *)entry)->name));
	(void)map_remove(l->by_hit, hit_key(&((struct lsi_entry *)entry)->hit));
	free(entry);
}

struct hip_lsi *hip_lsi_new(const struct hit *own, uint64_t seed)
{
	struct hip_lsi *l = memory_alloc(sizeof(*l));

	l->own = *own;
	l->own_name[0] = LSI_NET;
	memcpy(l->own_name + 1, own->bytes + HIT_LENGTH - 3, 3);
	while (!name_is_usable(l->own_name))
		name_step(l->own_name);
	l->by_hit = map_new(seed);
	l->by_name = map_new(seed);
	l->flows = map_new(seed);
	return l;
}

void hip_lsi_free(struct hip_lsi *l)
{
	while (map_count(l->by_hit) > 0)
		name_forget_first(l);
	map_free(l->by_hit);
	map_free(l->by_name);
	map_free(l->flows);
	free(l);
}

static struct address name_address(const uint8_t name[4])
{
	struct address a = { .type = ADDRESS_IPV4 };

	memcpy(a.bytes, name, 4);
	return a;
}

struct address hip_lsi_own(const struct hip_lsi *l) { return name_address(l->own_name); }

struct address hip_lsi_of(struct hip_lsi *l, const struct hit *hit)
{
	struct lsi_entry *e;

	if (hit_equal(hit, &l->own))
		return hip_lsi_own(l);
	e = map_find(l->by_hit, hit_key(hit));
	if (e != NULL)
		return name_address(e->name);
	if (map_count(l->by_hit) == HIP_LSI_MAX)
		name_forget_first(l);
	e = memory_alloc(sizeof(*e));
	e->hit = *hit;
	e->name[0] = LSI_NET;
	memcpy(e->name + 1, hit->bytes + HIT_LENGTH - 3, 3);
	while (!name_is_usable(e->name) || memcmp(e->name, l->own_name, 4) == 0 ||
	       map_find(l->by_name, name_key(e->name)) != NULL)
		name_step(e->name);
	(void)map_put(l->by_hit, hit_key(hit), e);
	(void)map_put(l->by_name, name_key(e->name), e);
	return name_address(e->name);
}

bool hip_lsi_find(const struct hip_lsi *l, const uint8_t ipv4[4], struct hit *out)
{
	const struct lsi_entry *e = map_find(l->by_name, name_key(ipv4));

	if (e != NULL)
		*out = e->hit;
	return e != NULL;
}

/* ---- Conversations ---- */

/* Protocol, our port and theirs (of echoes the identifier), their name. False: it has none. */
static bool flow_key(uint8_t next_header, struct slice payload, bool outwards, const uint8_t name[4],
		     uint8_t key[FLOW_KEY])
{
	memset(key, 0, FLOW_KEY);
	key[0] = next_header;
	memcpy(key + 5, name, 4);
	if (next_header == IPPROTO_ICMPV6) {
		if (payload.len < 8)
			return false;
		memcpy(key + 1, payload.data + 4, 2);
		return true;
	}
	if (payload.len < 8)
		return false;
	memcpy(key + 1, payload.data + (outwards ? 0 : 2), 2);
	memcpy(key + 3, payload.data + (outwards ? 2 : 0), 2);
	return true;
}

static void flow_note(struct hip_lsi *l, uint8_t next_header, struct slice payload, const uint8_t name[4])
{
	uint8_t key[FLOW_KEY];
	size_t cursor = 0;
	struct slice oldest;
	void *value;

	if (!flow_key(next_header, payload, true, name, key) || map_find(l->flows, slice_of(key, FLOW_KEY)) != NULL)
		return;
	if (map_count(l->flows) == HIP_LSI_FLOWS_MAX && map_next(l->flows, &cursor, &oldest, &value)) {
		uint8_t copy[FLOW_KEY];

		memcpy(copy, oldest.data, FLOW_KEY);
		(void)map_remove(l->flows, slice_of(copy, FLOW_KEY));
	}
	(void)map_put(l->flows, slice_of(key, FLOW_KEY), l);
}

static bool flow_is_ipv4(const struct hip_lsi *l, const struct hit *from, uint8_t next_header, struct slice payload,
			 uint8_t name[4])
{
	const struct lsi_entry *e = map_find(l->by_hit, hit_key(from));
	uint8_t key[FLOW_KEY];

	if (e == NULL || !flow_key(next_header, payload, false, e->name, key))
		return false;
	memcpy(name, e->name, 4);
	return map_find(l->flows, slice_of(key, FLOW_KEY)) != NULL;
}

/* ---- Checksums ---- */

static uint32_t sum_of(struct slice bytes, uint32_t sum)
{
	for (size_t i = 0; i + 1 < bytes.len; i += 2)
		sum += (uint32_t)(bytes.data[i] << 8 | bytes.data[i + 1]);
	if (bytes.len % 2 == 1)
		sum += (uint32_t)bytes.data[bytes.len - 1] << 8;
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static uint16_t field_get(const uint8_t *at) { return (uint16_t)(at[0] << 8 | at[1]); }

static void field_put(uint8_t *at, uint16_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

/* The addresses, length and protocol that a checksum covers besides the payload. */
static uint16_t pseudo_hits(const struct hit *a, const struct hit *b, uint8_t next_header, size_t len)
{
	return fold(sum_of(hit_key(b), sum_of(hit_key(a), (uint32_t)len + next_header)));
}

static uint16_t pseudo_names(const uint8_t a[4], const uint8_t b[4], uint8_t next_header, size_t len)
{
	return fold(sum_of(name_key(b), sum_of(name_key(a), (uint32_t)len + next_header)));
}

/* Where the checksum stands; 0: nothing that is known here. */
static size_t checksum_place(uint8_t next_header, size_t len)
{
	size_t place = next_header == IPPROTO_TCP ? 16 : next_header == IPPROTO_UDP ? 6 : 2;

	if (next_header != IPPROTO_TCP && next_header != IPPROTO_UDP && next_header != IPPROTO_ICMPV6)
		return 0;
	return len >= place + 2 ? place : 0;
}

/* What the checksum covers changed by `before` and `after`. */
static void checksum_change(uint8_t *at, uint16_t before, uint16_t after)
{
	field_put(at, (uint16_t)~fold((uint32_t)(uint16_t)~field_get(at) + (uint16_t)~before + after));
}

/* The same for TCP and UDP: of UDP, zero means that there is none. */
static void transport_change(uint8_t *at, uint8_t protocol, uint16_t before, uint16_t after)
{
	checksum_change(at, before, after);
	if (protocol == IPPROTO_UDP && field_get(at) == 0)
		field_put(at, 0xffff);
}

/* UDP may go without one over IPv4 and within ESP; over IPv6 it may not. */
static void checksum_make(uint8_t *payload, size_t len, size_t place, uint16_t pseudo)
{
	uint16_t sum = (uint16_t)~fold(sum_of(slice_of(payload, len), pseudo));

	field_put(payload + place, sum == 0 ? 0xffff : sum);
}

/* ---- Outwards ---- */

static int outwards_ipv6(const struct hip_lsi *l, uint8_t *packet, size_t len, struct hip_inner *out)
{
	size_t payload = len >= IPV6_HEADER ? field_get(packet + 4) : 0;

	if (len < IPV6_HEADER || payload + IPV6_HEADER > len)
		return ERR_MALFORMED;
	memcpy(out->to.bytes, packet + 24, HIT_LENGTH);
	if (memcmp(packet + 8, l->own.bytes, HIT_LENGTH) != 0 ||
	    (hit_suite(&out->to) == 0 && !hit_is_version_1(&out->to)))
		return ERR_UNSUPPORTED;
	out->next_header = packet[6];
	out->payload = slice_of(packet + IPV6_HEADER, payload);
	return 0;
}

/* An ICMP echo and its ICMPv6 twin, whose checksum also covers the addresses. */
static int echo_outwards(const struct hip_lsi *l, uint8_t *payload, size_t len, const struct hit *to)
{
	uint16_t before, pseudo = pseudo_hits(&l->own, to, IPPROTO_ICMPV6, len);

	if (len < 8 || (payload[0] != ECHO_REQUEST && payload[0] != ECHO_REPLY) || payload[1] != 0)
		return ERR_UNSUPPORTED;
	before = field_get(payload);
	payload[0] = payload[0] == ECHO_REQUEST ? ECHO_REQUEST_6 : ECHO_REPLY_6;
	checksum_change(payload + 2, before, fold((uint32_t)field_get(payload) + pseudo));
	return 0;
}

static int outwards_ipv4(struct hip_lsi *l, uint8_t *packet, size_t len, struct hip_inner *out)
{
	size_t header = (size_t)(packet[0] & 0x0f) * 4, total, place;
	uint8_t *payload = packet + header;
	int err = 0;

	if (len < IPV4_HEADER || header < IPV4_HEADER || header > len)
		return ERR_MALFORMED;
	total = field_get(packet + 2);
	if (total < header || total > len)
		return ERR_MALFORMED;
	if ((field_get(packet + 6) & 0x3fff) != 0 || packet[16] != LSI_NET || memcmp(packet + 12, l->own_name, 4) != 0)
		return ERR_UNSUPPORTED;
	if (!hip_lsi_find(l, packet + 16, &out->to))
		return ERR_NOT_FOUND;
	len = total - header;
	out->next_header = packet[9] == IPPROTO_ICMP ? IPPROTO_ICMPV6 : packet[9];
	out->payload = slice_of(payload, len);
	place = checksum_place(out->next_header, len);
	if (place == 0 || packet[9] == IPPROTO_ICMPV6)
		return ERR_UNSUPPORTED;
	if (packet[9] == IPPROTO_ICMP)
		err = echo_outwards(l, payload, len, &out->to);
	else if (packet[9] == IPPROTO_UDP && field_get(payload + place) == 0)
		checksum_make(payload, len, place, pseudo_hits(&l->own, &out->to, packet[9], len));
	else
		transport_change(payload + place, packet[9], pseudo_names(l->own_name, packet + 16, packet[9], len),
				 pseudo_hits(&l->own, &out->to, packet[9], len));
	if (err == 0)
		flow_note(l, out->next_header, out->payload, packet + 16);
	return err;
}

int hip_lsi_outwards(struct hip_lsi *l, uint8_t *packet, size_t len, struct hip_inner *out)
{
	if (len > 0 && packet[0] >> 4 == 6)
		return outwards_ipv6(l, packet, len, out);
	if (len > 0 && packet[0] >> 4 == 4)
		return outwards_ipv4(l, packet, len, out);
	return ERR_UNSUPPORTED;
}

/* ---- Inwards ---- */

static size_t inwards_ipv6(const struct hip_lsi *l, const struct hit *from, uint8_t next_header, struct slice payload,
			   uint8_t out[HIP_INNER_MAX])
{
	struct writer w = writer_of(out, HIP_INNER_MAX);
	size_t place = checksum_place(next_header, payload.len);

	writer_u32(&w, 6u << 28);
	writer_u16(&w, (uint16_t)payload.len);
	writer_u8(&w, next_header);
	writer_u8(&w, HOP_LIMIT);
	writer_bytes(&w, hit_key(from));
	writer_bytes(&w, hit_key(&l->own));
	writer_bytes(&w, payload);
	if (w.err == 0 && next_header == IPPROTO_UDP && place > 0 && field_get(out + IPV6_HEADER + place) == 0)
		checksum_make(out + IPV6_HEADER, payload.len, place,
			      pseudo_hits(from, &l->own, next_header, payload.len));
	return w.err == 0 ? w.len : 0;
}

static bool echo_inwards(const struct hip_lsi *l, uint8_t *payload, size_t len, const struct hit *from)
{
	uint16_t before = field_get(payload), pseudo = pseudo_hits(from, &l->own, IPPROTO_ICMPV6, len);

	if ((payload[0] != ECHO_REQUEST_6 && payload[0] != ECHO_REPLY_6) || payload[1] != 0)
		return false;
	payload[0] = payload[0] == ECHO_REQUEST_6 ? ECHO_REQUEST : ECHO_REPLY;
	checksum_change(payload + 2, fold((uint32_t)before + pseudo), field_get(payload));
	return true;
}

static size_t inwards_ipv4(const struct hip_lsi *l, const struct hit *from, const uint8_t name[4], uint8_t next_header,
			   struct slice payload, uint8_t out[HIP_INNER_MAX])
{
	struct writer w = writer_of(out, HIP_INNER_MAX);
	size_t place = checksum_place(next_header, payload.len);
	uint8_t *body = out + IPV4_HEADER;
	uint8_t protocol = next_header == IPPROTO_ICMPV6 ? IPPROTO_ICMP : next_header;

	writer_u16(&w, 0x4500);
	writer_u16(&w, (uint16_t)(IPV4_HEADER + payload.len));
	writer_u32(&w, 0x4000); /* no identification; not to be fragmented */
	writer_u8(&w, HOP_LIMIT);
	writer_u8(&w, protocol);
	writer_u16(&w, 0);
	writer_bytes(&w, name_key(name));
	writer_bytes(&w, name_key(l->own_name));
	writer_bytes(&w, payload);
	if (w.err != 0 || place == 0)
		return 0;
	field_put(out + 10, (uint16_t)~fold(sum_of(slice_of(out, IPV4_HEADER), 0)));
	if (protocol == IPPROTO_ICMP)
		return echo_inwards(l, body, payload.len, from) ? w.len : 0;
	if (protocol != IPPROTO_UDP || field_get(body + place) != 0)
		transport_change(body + place, protocol, pseudo_hits(from, &l->own, protocol, payload.len),
				 pseudo_names(name, l->own_name, protocol, payload.len));
	return w.len;
}

size_t hip_lsi_inwards(struct hip_lsi *l, const struct hit *from, uint8_t next_header, struct slice payload,
		       uint8_t out[HIP_INNER_MAX])
{
	uint8_t name[4];

	if (flow_is_ipv4(l, from, next_header, payload, name))
		return inwards_ipv4(l, from, name, next_header, payload, out);
	return inwards_ipv6(l, from, next_header, payload, out);
}
