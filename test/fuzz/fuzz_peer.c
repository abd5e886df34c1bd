/* SPDX-License-Identifier: MIT */
/* A joined peer and three nodes beside it, driven by a program of small steps: raw bytes on a link,
 * signed messages with any code and body, fragments, acks, links that come and go, time that
 * passes. Whatever happens, the peer goes on. */
#include <stdio.h>
#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "overlay/chord/chord.h"
#include "overlay/link.h"
#include "overlay/wire/frame.h"
#include "overlay/wire/message.h"
#include "tools/sim/fake_security.h"

#define NODES 3
#define STEPS_MAX 200
#define WALL 1800000000000ull /* ms */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz_node {
	struct node_id id;
	uint8_t certificate[FAKE_CERTIFICATE_MAX];
	size_t certificate_len;
	struct fake_security *security;
	link_id link;
	uint32_t sequence;
	uint64_t last_request; /* transaction id the peer used last towards it */
};

struct fuzz {
	struct configuration configuration; /* the peer borrows it */
	struct peer *peer;
	struct chord *chord;
	struct fake_security *security;
	struct now now;
	enum overlay_link_type type;
	struct fuzz_node nodes[NODES];
	link_id opened; /* asked for by the peer */
	struct arena arena;
};

static size_t fuzz_certificate(uint8_t *out, const struct node_id *id, size_t count)
{
	struct node_id ids[3] = { *id, *id, *id };

	for (size_t i = 1; i < count; i++)
		ids[i].bytes[15] = (uint8_t)i;
	return fake_certificate_put(out, ids, count, "user@example.org", (struct walltime){ 0 },
				    (struct walltime){ 2 * WALL });
}

/* Remembers transaction ids, so that steps can answer. */
static void fuzz_sent(struct fuzz *f, const struct effect *e)
{
	uint8_t bytes[64];
	struct writer w = writer_of(bytes, sizeof(bytes));
	struct forwarding_header h;
	struct reader r;

	for (size_t i = 0; i < e->part_count; i++) {
		size_t left = sizeof(bytes) - w.len;

		writer_bytes(&w, slice_of(e->parts[i].data,
					  e->parts[i].len < left ? e->parts[i].len : left));
	}
	r = reader_of(writer_slice(&w));
	if (reader_u8(&r) != FRAME_DATA)
		return;
	reader_bytes(&r, FRAME_DATA_HEADER - 1);
	forwarding_header_get(&r, &h);
	for (size_t i = 0; i < NODES; i++)
		if (f->nodes[i].link == e->link)
			f->nodes[i].last_request = h.transaction_id;
}

static void fuzz_drain(struct fuzz *f)
{
	const struct effect *e;

	while ((e = peer_next_effect(f->peer)) != NULL) {
		if (e->type == EFFECT_SEND)
			fuzz_sent(f, e);
		else if (e->type == EFFECT_LINK_OPEN)
			f->opened = e->link;
	}
}

static void fuzz_accept(struct fuzz *f, struct fuzz_node *n)
{
	struct address from = { .type = ADDRESS_IPV4, .bytes = { 10, 0, 0, 9 }, .port = 9 };

	n->sequence = 0;
	n->link = peer_link_accept(f->peer, f->now, LINK_OVERLAY, f->type, &from,
				   slice_of(n->certificate, n->certificate_len));
	fuzz_drain(f);
}

static void fuzz_begin(struct fuzz *f, bool is_datagram)
{
	struct peer_options *o = memory_alloc(sizeof(*o));
	struct configuration *c = &f->configuration;
	struct node_id self = { { 0x80 } };
	uint8_t certificate[FAKE_CERTIFICATE_MAX];
	size_t len = fuzz_certificate(certificate, &self, 1);

	configuration_init(c);
	snprintf(c->overlay_name, sizeof(c->overlay_name), "overlay.example.org");
	f->type = is_datagram ? OVERLAY_LINK_DTLS_UDP_SR_NO_ICE : OVERLAY_LINK_TLS_TCP_FH_NO_ICE;
	f->now = (struct now){ { 1000000 }, { WALL } };
	f->security = fake_security_new(1, slice_of(certificate, len));
	o->configuration = c;
	o->security = fake_security_port(f->security);
	o->first = true;
	o->candidates[0] = (struct ice_candidate){
		.address = { .type = ADDRESS_IPV4, .bytes = { 10, 0, 0, 1 }, .port = 1 },
		.overlay_link = (uint8_t)f->type,
		.type = CANDIDATE_HOST
	};
	o->candidate_count = 1;
	f->peer = peer_new(o);
	f->chord = chord_new(f->peer);
	peer_start(f->peer, f->now, NULL, 0, f->type);
	fuzz_drain(f);
	arena_init(&f->arena, 1u << 24);
	for (size_t i = 0; i < NODES; i++) {
		struct fuzz_node *n = &f->nodes[i];

		n->id.bytes[0] = (uint8_t)(0x40 * (i + 1) + 1);
		n->certificate_len = fuzz_certificate(n->certificate, &n->id, i == 2 ? 3 : 1);
		n->security =
			fake_security_new(i + 2, slice_of(n->certificate, n->certificate_len));
		fuzz_accept(f, n);
	}
	free(o);
}

static void fuzz_end(struct fuzz *f)
{
	chord_free(f->chord);
	peer_free(f->peer);
	fake_security_free(f->security);
	for (size_t i = 0; i < NODES; i++)
		fake_security_free(f->nodes[i].security);
	arena_free(&f->arena);
}

static void fuzz_frame(struct fuzz *f, struct fuzz_node *n, struct slice message)
{
	struct frame frame = { .type = FRAME_DATA, .sequence = n->sequence++, .message = message };
	size_t room = message.len + FRAME_DATA_HEADER;
	struct writer w = writer_of(arena_alloc(&f->arena, room), room);

	frame_put(&w, &frame);
	peer_receive(f->peer, f->now, n->link, writer_slice(&w));
	fuzz_drain(f);
}

/* A destination by one byte: the peer, the wildcard, a node, a point of the ring. */
static void fuzz_destination(uint8_t choice, struct writer *w)
{
	struct node_id id = { { choice } };
	struct resource_id resource = resource_id_from_node_id(&id);
	struct destination d = destination_of_node(&id);

	if (choice == 0)
		d.id.node = NODE_ID_WILDCARD;
	else if ((choice & 0x20) != 0)
		d = destination_of_resource(&resource);
	destination_put(w, &d);
}

/* The overlay's hash as the fake digest gives it. */
static uint32_t fuzz_overlay(const struct fuzz *f)
{
	struct security s = fake_security_port(f->security);
	struct slice name = slice_text("overlay.example.org");
	uint8_t digest[20];
	struct reader r = reader_of(slice_of(digest + 16, 4));

	s.ops->digest(s.ctx, HASH_SHA1, &name, 1, digest);
	return reader_u32(&r);
}

/* Signs contents that are put together from the input, and sends them whole or in two fragments. */
static void fuzz_message(struct fuzz *f, struct fuzz_node *n, struct reader *in)
{
	struct security s = fake_security_port(n->security);
	struct slice certificate = slice_of(n->certificate, n->certificate_len);
	struct message m = { .header = { .relo_token = RELO_TOKEN, .overlay = fuzz_overlay(f) } };
	uint8_t lists[64], prefix[12];
	struct writer to = writer_of(lists, sizeof(lists));
	struct writer p = writer_of(prefix, sizeof(prefix));
	size_t room = 16384;
	struct writer contents = writer_of(arena_alloc(&f->arena, room), room);
	struct writer w = writer_of(arena_alloc(&f->arena, room), room);
	uint8_t flags = reader_u8(in);
	struct slice parts[2];
	size_t cut;

	m.header.version = RELOAD_VERSION;
	m.header.ttl = reader_u8(in) & 0x7f;
	m.header.fragment = FRAGMENT_WHOLE;
	m.header.transaction_id = (flags & 1) != 0 ? n->last_request : reader_u8(in);
	m.header.configuration_sequence = (flags & 2) != 0 ? 65535 : 0;
	fuzz_destination((flags & 4) != 0 ? 0x80 : reader_u8(in), &to);
	if ((flags & 8) != 0)
		fuzz_destination(reader_u8(in), &to);
	m.header.destination_list = writer_slice(&to);
	m.header.via_list = (flags & 16) != 0 ? reader_opaque8(in) : SLICE_EMPTY;
	m.header.options = (flags & 32) != 0 ? reader_opaque8(in) : SLICE_EMPTY;
	m.contents.code = (flags & 64) != 0 ? 0xffff : 1 + reader_u8(in) % 0x26;
	m.contents.body = reader_opaque16(in);
	message_contents_put(&contents, &m.contents);
	writer_u32(&p, m.header.overlay);
	writer_u64(&p, m.header.transaction_id);
	parts[0] = writer_slice(&p);
	parts[1] = writer_slice(&contents);
	if (contents.err != 0 ||
	    s.ops->sign(s.ctx, parts, 2, &f->arena, &m.security.signature) != 0)
		return;
	m.security.certificates = (struct certificate_list){ &certificate, 1 };
	message_put(&w, &m);
	cut = forwarding_header_size(&m.header);
	if (w.err != 0 || (flags & 128) == 0 || w.len < cut + 2) {
		fuzz_frame(f, n, writer_slice(&w));
		return;
	}
	for (size_t i = 0; i < 2; i++) {
		size_t half = (w.len - cut) / 2;
		size_t from = i * half;
		size_t len = i == 0 ? half : w.len - cut - half;
		struct writer part = writer_of(arena_alloc(&f->arena, room), room);

		m.header.fragment = FRAGMENT_ALWAYS | (i == 1 ? FRAGMENT_LAST : 0) | (uint32_t)from;
		m.header.length = (uint32_t)(cut + len);
		forwarding_header_put(&part, &m.header);
		writer_bytes(&part, slice_of(w.data + cut + from, len));
		fuzz_frame(f, n, writer_slice(&part));
	}
}

static void fuzz_step(struct fuzz *f, struct reader *in)
{
	uint8_t op = reader_u8(in);
	struct fuzz_node *n = &f->nodes[(op >> 4) % NODES];
	uint64_t ms;

	switch (op & 0x0f) {
	case 0:
		peer_receive(f->peer, f->now, n->link, reader_opaque16(in));
		break;
	case 1:
		fuzz_frame(f, n, reader_opaque16(in));
		break;
	case 2:
		ms = reader_u16(in);
		f->now.mono = instant_add(f->now.mono, duration_ms(ms));
		f->now.wall.ms += ms;
		break;
	case 3:
		peer_link_down(f->peer, f->now, n->link, ERR_LINK);
		break;
	case 4:
		fuzz_accept(f, n);
		break;
	case 5:
		peer_link_up(f->peer, f->now, f->opened,
			     slice_of(n->certificate, n->certificate_len));
		n->link = f->opened;
		break;
	case 6:
		peer_link_down(f->peer, f->now, f->opened, ERR_LINK);
		break;
	default:
		fuzz_message(f, n, in);
		break;
	}
	fuzz_drain(f);
	peer_expire(f->peer, f->now);
	fuzz_drain(f);
	arena_reset(&f->arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader in = reader_of(slice_of(data, size));
	struct fuzz *f = memory_alloc(sizeof(*f));
	size_t steps = 0;

	fuzz_begin(f, (reader_u8(&in) & 1) != 0);
	while (reader_more(&in) && steps++ < STEPS_MAX)
		fuzz_step(f, &in);
	/* It still answers to time, and ends cleanly. */
	f->now.mono = instant_add(f->now.mono, duration_s(60));
	peer_expire(f->peer, f->now);
	fuzz_drain(f);
	fuzz_end(f);
	free(f);
	return 0;
}
