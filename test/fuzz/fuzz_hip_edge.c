/* SPDX-License-Identifier: MIT */
/* An edge with hosts of each mode, and whoever sends to it. The input is a row of packets: first a byte of what the
 * edge is, then for each packet how and by whom it comes, who it says it is from and for, its type, the time since
 * the one before, and its parameters. Whatever comes, what leaves can be read, fits, and never goes to an address
 * that was only claimed; tables stay bounded. */
#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "tools/sim/fake_host_security.h"
#include "usage/hip/hip_edge.h"
#include "usage/hip/hip_limit.h"
#include "usage/hip/hip_transparent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HITS 6 /* 0: RVS client, 1: relay client, 2: both, 3: transparent, 4 and 5: strangers */
#define CLAIMED 77

struct fuzz {
	struct now now;
	struct fake_host *key;
	struct counters counters;
	struct hip_host *h;
	struct hit hits[HITS];
};

static struct address address_of(uint8_t last)
{
	return (struct address){ ADDRESS_IPV4, { 192, 0, 2, last }, HIP_UDP_PORT };
}

static struct hip_path path_of(enum hip_channel channel, uint8_t last)
{
	struct hip_path p = { .channel = channel };

	if (channel == HIP_CHANNEL_OVERLAY) {
		p.node.bytes[0] = last;
		return p;
	}
	p.local = address_of(1);
	p.remote = address_of(last);
	if (channel == HIP_CHANNEL_RAW)
		p.local.port = p.remote.port = 0;
	return p;
}

static void drain(struct fuzz *f)
{
	const struct hip_effect *e;

	while ((e = hip_host_next_effect(f->h)) != NULL) {
		size_t marker = e->path.channel == HIP_CHANNEL_UDP ? 4 : 0;
		struct hip_packet p;

		if (e->type != HIP_EFFECT_SEND)
			continue;
		invariant(e->path.remote.bytes[3] != CLAIMED);
		invariant(e->bytes.len >= marker + HIP_HEADER_LENGTH && e->bytes.len <= marker + HIP_PACKET_MAX);
		invariant(hip_packet_peek(slice_of(e->bytes.data + marker, e->bytes.len - marker), &p) == 0);
		if (e->path.channel == HIP_CHANNEL_RAW)
			invariant(hip_checksum(&e->path.local, &e->path.remote, p.bytes) == p.checksum);
	}
}

/* An association with a client, and what it asks for; as an UPDATE has it. */
static void ask(struct fuzz *f, size_t client, struct slice parameters)
{
	struct hip_association *a = hip_association_make(f->h, f->now, &f->hits[client]);
	uint8_t asked[HIP_PACKET_MAX], answer[HIP_PACKET_MAX];
	struct writer in = writer_of(asked, sizeof(asked)), out = writer_of(answer, sizeof(answer));
	struct hip_packet p;

	invariant(a != NULL);
	a->keys.rhash = HIT_SUITE_ECDSA;
	a->keys.mac_len = 48;
	a->control = path_of(HIP_CHANNEL_UDP, (uint8_t)(10 + client));
	hip_packet_begin(&in, HIP_UPDATE, 0, &f->hits[client], &f->h->hit);
	writer_bytes(&in, parameters);
	if (in.err < 0 || in.len % 8 != 0)
		return;
	hip_packet_end(&in);
	if (in.err < 0 || hip_packet_get(writer_slice(&in), &p) < 0)
		return;
	hip_packet_begin(&out, HIP_UPDATE, 0, &f->h->hit, &f->hits[client]);
	hip_edge_register(a, f->now, &a->control, &p, &out);
	hip_packet_end(&out);
	invariant(out.err == 0 && hip_packet_get(writer_slice(&out), &p) == 0);
}

static void fuzz_begin(struct fuzz *f, uint8_t choice)
{
	struct hip_registration request = { .lifetime = 150 };
	struct hip_host_options o = { .counters = &f->counters, .seed = 3, .raw = true, .edge = true,
				      .edge_transparent = true, .transparent_first = address_of(0),
				      .edge_lenient = (choice & 1) != 0, .registrations_max = 4,
				      .listen = { address_of(1) }, .listen_count = 1 };
	struct hip_path path = path_of((choice & 2) != 0 ? HIP_CHANNEL_RAW : HIP_CHANNEL_UDP, 13);
	uint8_t bytes[64];

	f->now = (struct now){ { 1000000 }, { UINT64_C(1760000000000) } };
	f->key = fake_host_new(1, slice_text("edge"));
	o.security = fake_host_port(f->key);
	o.transparent_first.bytes[0] = 198;
	invariant(hip_host_new(&f->h, &o) == 0);
	for (size_t i = 0; i < HITS; i++)
		f->hits[i] = (struct hit){ { 0x20, 0x01, 0x00, 0x22, 1, [15] = (uint8_t)i } };
	for (size_t i = 0; i < 3; i++) {
		struct writer w = writer_of(bytes, sizeof(bytes));

		request.types = (struct hip_list){ { (uint16_t)(i == 1 ? 2 : 1), 2 }, i == 2 ? 2 : 1 };
		hip_reg_request_put(&w, &request);
		ask(f, i, writer_slice(&w));
		invariant(hip_edge_is_registered(f->h, f->now, &f->hits[i]));
	}
	invariant(hip_host_serve(f->h, f->now, &f->hits[3], &path) == 0);
}

static void arrive(struct fuzz *f, const uint8_t *op, struct slice parameters)
{
	static const enum hip_channel channels[] = { HIP_CHANNEL_UDP, HIP_CHANNEL_RAW, HIP_CHANNEL_OVERLAY };
	struct hip_path path = path_of(channels[op[0] % 3], (uint8_t)(10 + op[1] % HITS));
	struct hip_carry carry = { .hops = op[0] >> 4 & 1, .protocol = 17, .source = address_of(CLAIMED) };
	uint8_t bytes[HIP_PACKET_MAX], *exact;
	struct writer w = writer_of(bytes, sizeof(bytes));
	static const uint8_t zeroes[8];

	hip_packet_begin(&w, op[3] % 20, 0, &f->hits[op[2] % HITS], &f->hits[op[2] / HITS % HITS]);
	writer_bytes(&w, parameters);
	writer_bytes(&w, slice_of(zeroes, (8 - parameters.len % 8) % 8));
	hip_packet_end(&w);
	if (w.err < 0)
		return;
	if ((op[0] & 0x40) != 0)
		bytes[3] = 0x11;
	if (path.channel == HIP_CHANNEL_RAW)
		hip_checksum_set(bytes, hip_checksum(&path.remote, &path.local, writer_slice(&w)));
	exact = malloc(w.len);
	invariant(exact != NULL);
	memcpy(exact, bytes, w.len);
	(void)hip_input_packet(f->h, f->now, &path, slice_of(exact, w.len),
			       path.channel == HIP_CHANNEL_OVERLAY ? &carry : NULL);
	free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz f = { .counters = { 0 } };
	struct usage port;
	size_t at = 1;

	if (size < 1)
		return 0;
	fuzz_begin(&f, data[0]);
	port = hip_host_port(f.h);
	while (size - at >= 6) {
		const uint8_t *op = data + at;
		size_t len = op[5] < size - at - 6 ? op[5] : size - at - 6;

		f.now.mono.us += (uint64_t)op[4] * op[4] * 1000;
		port.ops->expire(port.ctx, f.now);
		if ((op[0] & 0x80) != 0)
			ask(&f, op[1] % 3, slice_of(op + 6, len));
		else
			arrive(&f, op, slice_of(op + 6, len));
		drain(&f);
		invariant(hip_pairs_count(f.h->edge->pairs) <= HITS * HITS);
		invariant(map_count(f.h->edge->clients) <= 2 * 4);
		at += 6 + len;
	}
	hip_host_free(f.h);
	fake_host_free(f.key);
	return 0;
}
