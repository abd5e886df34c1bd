/* SPDX-License-Identifier: MIT */
/* A ring without an overlay. */
#include "test/unit/hip/hip_ring.h"

#include <check.h>
#include <stdlib.h>

#include "overlay/base/invariant.h"

#define RING_MARKER 4

static struct ring *ring_now; /* the one of the test that runs */

static size_t ring_index(const struct hip_host *h)
{
	for (size_t i = 0; i < ring_now->f.count; i++)
		if (ring_now->f.hosts[i].h == h)
			return i;
	return FIXTURE_HOSTS_MAX;
}

struct node_id ring_node(size_t host)
{
	struct node_id id = { { 0x40 } };

	id.bytes[1] = (uint8_t)host;
	return id;
}

/* ---- hip_carrier.c ---- */

struct hip_carrier *hip_carrier_new(struct hip_host *h)
{
	(void)h;
	return NULL;
}

void hip_carrier_free(struct hip_carrier *c)
{
	(void)c;
}

int ring_carry(struct ring *r, size_t edge, const struct node_id *from, const struct address *source,
	       struct slice packet)
{
	struct hip_path path = { .channel = HIP_CHANNEL_OVERLAY, .node = *from };
	struct hip_carry carry = { .hops = 1, .nonce = r->carried, .packet = packet };
	struct hip_host *h = r->f.hosts[edge].h;

	r->carried++;
	carry.protocol = source != NULL ? 17 : 0;
	if (source != NULL)
		carry.source = *source;
	if (!hip_limit_take(h, r->f.now, HIP_LIMIT_CARRY_SOURCE, &path, NULL))
		return HIP_CARRY_REFUSED;
	return hip_input_packet(h, r->f.now, &path, packet, &carry);
}

int hip_carry_send(struct hip_host *h, struct now now, const struct node_id *edge, uint8_t protocol,
		   const struct address *source, struct slice packet, hip_carry_fn *done, void *ctx)
{
	struct node_id from = ring_node(ring_index(h));
	uint8_t copy[HIP_PACKET_MAX];
	int outcome;

	(void)protocol;
	for (size_t i = 0; i < ring_now->record_count; i++)
		if (ring_now->records[i].is_false && node_id_equal(&ring_now->records[i].edge, edge)) {
			if (done != NULL)
				done(ctx, now, 0, HIP_CARRY_DELIVERED);
			return 0;
		}
	if (edge->bytes[1] >= ring_now->f.count)
		return ERR_NO_ROUTE;
	memcpy(copy, packet.data, packet.len);
	hip_checksum_set(copy, 0);
	outcome = ring_carry(ring_now, edge->bytes[1], &from, source, slice_of(copy, packet.len));
	if (done != NULL)
		done(ctx, now, 0, outcome);
	return 0;
}

void hip_carry_cancel(struct hip_host *h, void *ctx)
{
	(void)h;
	(void)ctx;
}

/* ---- hip_locate.c, hip_publish.c ---- */

struct hip_locator_cache *hip_locate_new(struct hip_host *h)
{
	(void)h;
	return NULL;
}

void hip_locate_free(struct hip_locator_cache *c)
{
	(void)c;
}

int hip_locate(struct hip_host *h, struct now now, const struct hit *hit, hip_located_fn *done, void *ctx)
{
	struct hip_located found[HIP_LOCATED_MAX] = { 0 };
	size_t count = 0;

	(void)h;
	for (size_t i = 0; i < ring_now->record_count; i++)
		if (hit_equal(&ring_now->records[i].hit, hit))
			found[count++].edge = ring_now->records[i].edge;
	done(ctx, now, 0, found, count);
	return 0;
}

void hip_locate_cancel(struct hip_host *h, void *ctx)
{
	(void)h;
	(void)ctx;
}

void hip_locate_forget(struct hip_host *h, const struct hit *hit)
{
	(void)h;
	(void)hit;
}

void hip_locate_joined(struct hip_host *h, struct now now)
{
	(void)h;
	(void)now;
}

void hip_locate_stop(struct hip_host *h, struct now now, void (*done)(void *ctx, struct now now), void *ctx)
{
	(void)h;
	done(ctx, now);
}

void hip_unpublish(struct hip_host *h, struct now now, const struct hit *hit)
{
	struct node_id edge = ring_node(ring_index(h));

	(void)now;
	for (size_t i = 0; i < ring_now->record_count; i++)
		if (hit_equal(&ring_now->records[i].hit, hit) && node_id_equal(&ring_now->records[i].edge, &edge))
			ring_now->records[i--] = ring_now->records[--ring_now->record_count];
}

int hip_publish(struct hip_host *h, struct now now, const struct hit *hit, uint8_t flags, uint32_t lifetime_s,
		const struct address *locators, size_t locator_count, struct slice proof_host_id,
		struct slice proof_packet)
{
	struct ring_record *x;

	(void)locators;
	(void)locator_count;
	hip_unpublish(h, now, hit);
	ck_assert_uint_lt(ring_now->record_count, RING_RECORDS_MAX);
	x = &ring_now->records[ring_now->record_count++];
	*x = (struct ring_record){ .hit = *hit, .edge = ring_node(ring_index(h)), .flags = flags,
				   .lifetime_s = lifetime_s };
	x->host_id_len = proof_host_id.len;
	x->packet_len = proof_packet.len;
	if (proof_host_id.len > 0)
		memcpy(x->host_id, proof_host_id.data, proof_host_id.len);
	if (proof_packet.len > 0)
		memcpy(x->packet, proof_packet.data, proof_packet.len);
	return 0;
}

const struct ring_record *ring_find(const struct ring *r, const struct hit *hit)
{
	for (size_t i = 0; i < r->record_count; i++)
		if (hit_equal(&r->records[i].hit, hit))
			return &r->records[i];
	return NULL;
}

bool hip_is_published(const struct hip_host *h, const struct hit *hit)
{
	(void)h;
	return ring_find(ring_now, hit) != NULL;
}

/* ---- Wires ---- */

static bool ring_is_edge(size_t host)
{
	return host == RING_EDGE_A || host == RING_EDGE_B;
}

/* Addresses of 198.18.0.0/15 are synthetic: each edge has them towards its own host. */
static bool ring_is_synthetic(const struct address *a)
{
	return a->type == ADDRESS_IPV4 && a->bytes[0] == 198 && (a->bytes[1] & 0xfe) == 18;
}

static void ring_note(struct ring *r, const struct fixture_datagram *d, size_t host, bool sent)
{
	struct ring_seen *s = &r->seen[r->seen_count];
	size_t at;
	uint8_t type = fixture_type(d, &at);

	if (type == 0 || host >= RING_EDGE_A || r->seen_count == RING_SEEN_MAX)
		return;
	r->seen_count++;
	*s = (struct ring_seen){ .host = host, .sent = sent, .type = type, .len = d->len - at };
	s->other = sent ? d->path.local : d->path.remote;
	memcpy(s->bytes, d->bytes + at, s->len);
}

/* A daemon on protocol 139 is a host here whose datagrams lose or get their UDP between it and the edge. */
static void ring_to_raw(struct fixture_datagram *d)
{
	uint16_t sum;

	d->len -= RING_MARKER;
	memmove(d->bytes, d->bytes + RING_MARKER, d->len);
	d->path.channel = HIP_CHANNEL_RAW;
	d->path.local.port = d->path.remote.port = 0;
	sum = hip_checksum(&d->path.remote, &d->path.local, slice_of(d->bytes, d->len));
	hip_checksum_set(d->bytes, sum);
}

static void ring_from_raw(struct ring *r, struct fixture_datagram *d)
{
	uint16_t sum = hip_checksum(&d->path.remote, &d->path.local, slice_of(d->bytes, d->len));

	r->bad_checksum |= d->bytes[4] != sum >> 8 || d->bytes[5] != (sum & 0xff);
	memmove(d->bytes + RING_MARKER, d->bytes, d->len);
	memset(d->bytes, 0, RING_MARKER);
	d->len += RING_MARKER;
	hip_checksum_set(d->bytes + RING_MARKER, 0);
	d->path.channel = HIP_CHANNEL_UDP;
	d->path.local.port = d->path.remote.port = HIP_UDP_PORT;
}

static unsigned ring_hook(void *ctx, struct fixture *f, struct fixture_datagram *d)
{
	struct ring *r = ctx;
	size_t at;

	(void)f;
	if (address_equal(&d->path.local, &r->victim)) {
		r->victim_packets++;
		r->victim_bytes += d->len;
	}
	if (ring_is_synthetic(&d->path.local))
		d->to = d->from == RING_A ? RING_EDGE_A : RING_EDGE_B;
	if (r->strip != 0 && fixture_type(d, &at) == r->strip && d->to < RING_EDGE_A)
		return 0;
	if (r->cut && !ring_is_edge(d->from) && !ring_is_edge(d->to))
		return 0;
	if (d->from < RING_EDGE_A)
		ring_note(r, d, d->from, true);
	if (r->raw && !d->is_esp && d->from < RING_EDGE_A && ring_is_edge(d->to))
		ring_to_raw(d);
	else if (d->path.channel == HIP_CHANNEL_RAW && d->to < RING_EDGE_A)
		ring_from_raw(r, d);
	if (d->to < RING_EDGE_A)
		ring_note(r, d, d->to, false);
	return 1;
}

void ring_begin(struct ring *r, const struct hip_host_options *edge)
{
	struct hip_host_options options = *edge, plain = { .puzzle_k = 1, .puzzle_k_unknown = 1 };

	memset(r, 0, sizeof(*r));
	ring_now = r;
	fixture_begin(&r->f);
	r->f.hook = ring_hook;
	r->f.hook_ctx = r;
	options.edge = true;
	options.puzzle_k = options.puzzle_k_unknown = 1;
	(void)fixture_add(&r->f, HIT_SUITE_ECDSA, &plain);
	(void)fixture_add(&r->f, HIT_SUITE_ECDSA, &plain);
	for (size_t i = RING_EDGE_A; i <= RING_EDGE_B; i++) {
		if (options.edge_transparent)
			ck_assert_int_eq(address_parse(i == RING_EDGE_A ? "198.18.0.0" : "198.19.0.0", 0,
						       &options.transparent_first), 0);
		(void)fixture_add(&r->f, HIT_SUITE_ECDSA, &options);
		/* Never looked into: the functions above stand in their places. */
		r->f.hosts[i].h->carrier = (struct hip_carrier *)r;
		r->f.hosts[i].h->records = (struct hip_locator_cache *)r;
	}
}

void ring_end(struct ring *r)
{
	fixture_end(&r->f);
}

void ring_register(struct ring *r, uint8_t type, uint32_t lifetime_s)
{
	struct fixture_host *b = &r->f.hosts[RING_B], *edge = &r->f.hosts[RING_EDGE_B];
	struct hip_registrant_info info;
	size_t cursor = 0;

	ck_assert_int_eq(hip_host_register(b->h, r->f.now, &edge->hit, &edge->at, type, lifetime_s), 0);
	fixture_run(&r->f, 3000);
	ck_assert(hip_host_next_registrant(b->h, r->f.now, &cursor, &info));
	ck_assert(info.registered);
}

bool ring_call(struct ring *r, const struct address *at, uint64_t ms)
{
	struct hip_hint hint = { .locators = { *at }, .locator_count = 1 };

	r->seen_count = 0;
	ck_assert_int_eq(hip_host_connect(r->f.hosts[RING_A].h, r->f.now, &r->f.hosts[RING_B].hit, &hint, NULL, NULL),
			 0);
	return fixture_run_until_established(&r->f, RING_A, RING_B, ms);
}

const struct ring_seen *ring_seen(const struct ring *r, size_t host, bool sent, uint8_t type)
{
	for (size_t i = 0; i < r->seen_count; i++)
		if (r->seen[i].host == host && r->seen[i].sent == sent && r->seen[i].type == type)
			return &r->seen[i];
	return NULL;
}
