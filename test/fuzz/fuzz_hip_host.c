/* SPDX-License-Identifier: MIT */
/* Two HIP hosts and whoever is on the way between them. The input is what that one and the hosts' users do: packets
 * pass, are lost, doubled, held back, changed, or changed by a host that signs what it changed; foreign bytes come
 * by any channel; hosts call, close, send, restart and move. First byte: options. Whatever happens, what a host
 * sends can be read, and what it keeps is bounded. */
#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "tools/sim/fake_host_security.h"
#include "usage/hip/hip_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define QUEUE_MAX 64
#define OPS_MAX 400
#define MARKER 4

struct flight {
	size_t to;
	struct hip_path path; /* as the receiver sees it */
	bool is_esp;
	size_t len;
	uint8_t bytes[HIP_PACKET_MAX + 512];
};

struct fuzz {
	struct now now;
	struct fake_host *keys[2];
	struct hip_host_options options[2];
	struct hip_host *hosts[2];
	struct counters counters[2];
	struct flight queue[QUEUE_MAX]; /* also what was sent before: a ring */
	size_t first, count;
};

static struct address address_of(size_t host, uint8_t last)
{
	return (struct address){ ADDRESS_IPV4, { 192, 0, 2, (uint8_t)(last + 10 * host) }, HIP_UDP_PORT };
}

static void host_start(struct fuzz *f, size_t i)
{
	invariant(hip_host_new(&f->hosts[i], &f->options[i]) == 0);
}

static void fuzz_begin(struct fuzz *f, uint8_t choice)
{
	static const char *const names[] = { "one", "two" };

	f->now = (struct now){ { 1000000 }, { UINT64_C(1760000000000) } };
	for (size_t i = 0; i < 2; i++) {
		f->keys[i] = fake_host_new(i + 1, slice_text(names[i]));
		f->options[i] = (struct hip_host_options){
			.security = fake_host_port(f->keys[i]), .counters = &f->counters[i], .seed = i + 1,
			.puzzle_k = 1, .puzzle_k_unknown = 2, .raw = true, .associations_max = 4, .unused_s = 30,
			.edge = i == 1 && (choice & 1) != 0, .edge_lenient = true,
			.allow_null_cipher = (choice & 2) != 0,
			.unknown = (choice & 4) != 0 ? HIP_UNKNOWN_ADMIT : HIP_UNKNOWN_HARDER,
			.listen = { address_of(i, 1) }, .listen_count = 1,
			.locators = { address_of(i, 1) }, .locator_count = 1,
		};
		host_start(f, i);
	}
}

/* What a host sends is well formed. */
static void sent_check(const struct hip_effect *e)
{
	size_t marker = e->path.channel == HIP_CHANNEL_UDP ? MARKER : 0;
	struct hip_packet p;

	if (e->is_esp) {
		invariant(e->bytes.len >= ESP_HEADER_LENGTH);
		return;
	}
	invariant(e->bytes.len >= marker + HIP_HEADER_LENGTH);
	invariant(hip_packet_peek(slice_of(e->bytes.data + marker, e->bytes.len - marker), &p) == 0);
	if (p.version == 2)
		invariant(hip_packet_get(p.bytes, &p) == 0);
}

static void drain(struct fuzz *f)
{
	const struct hip_effect *e;
	struct flight *x;

	for (size_t i = 0; i < 2; i++) {
		while ((e = hip_host_next_effect(f->hosts[i])) != NULL) {
			if (e->type != HIP_EFFECT_SEND)
				continue;
			sent_check(e);
			if (f->count == QUEUE_MAX || e->bytes.len > sizeof(x->bytes))
				continue;
			x = &f->queue[(f->first + f->count++) % QUEUE_MAX];
			x->to = 1 - i;
			x->path = e->path;
			x->path.local = e->path.remote;
			x->path.remote = e->path.local;
			x->is_esp = e->is_esp;
			x->len = e->bytes.len;
			memcpy(x->bytes, e->bytes.data, e->bytes.len);
		}
		invariant(map_count(f->hosts[i]->associations) <= f->options[i].associations_max);
		invariant(map_count(f->hosts[i]->spis) <= 2 * f->options[i].associations_max);
	}
}

static void deliver(struct fuzz *f, const struct flight *x)
{
	uint8_t *exact = malloc(x->len == 0 ? 1 : x->len);

	invariant(exact != NULL);
	memcpy(exact, x->bytes, x->len);
	hip_host_datagram(f->hosts[x->to], f->now, &x->path, x->is_esp, slice_of(exact, x->len));
	free(exact);
	drain(f);
}

/* The next packet on its way leaves the queue. */
static bool next(struct fuzz *f, struct flight *out)
{
	if (f->count == 0)
		return false;
	*out = f->queue[f->first];
	f->first = (f->first + 1) % QUEUE_MAX;
	f->count--;
	return true;
}

/* The sender itself says something else: one byte changed or a parameter put in, and all of it sealed again. */
static void reseal(struct fuzz *f, struct flight *x, struct reader *r)
{
	struct hip_host *h = f->hosts[1 - x->to];
	const struct hip_association *a = hip_association_find(h, hip_host_hit(f->hosts[x->to]));
	uint8_t packet[HIP_PACKET_MAX];
	struct writer w = writer_of(packet, sizeof(packet));
	uint16_t at = reader_u16(r), type = reader_u16(r);
	uint8_t change = reader_u8(r), len = reader_u8(r) & 63;
	struct slice contents = reader_bytes(r, len);
	struct hip_parameter parameter;
	struct hip_packet p;
	size_t cursor = 0;
	bool is_in = type == 0;

	if (x->is_esp || x->path.channel != HIP_CHANNEL_UDP ||
	    hip_packet_get(slice_of(x->bytes + MARKER, x->len - MARKER), &p) < 0)
		return;
	writer_bytes(&w, slice_of(p.bytes.data, HIP_HEADER_LENGTH));
	while (hip_parameter_next(&p, &cursor, &parameter) && parameter.type < HIP_PARAMETER_HIP_MAC) {
		if (!is_in && type < parameter.type) {
			hip_bytes_put(&w, type, contents);
			is_in = true;
		}
		writer_bytes(&w, parameter.whole);
	}
	if (w.len > HIP_HEADER_LENGTH && w.err == 0)
		packet[HIP_HEADER_LENGTH + at % (w.len - HIP_HEADER_LENGTH)] ^= change;
	if (p.type == HIP_R1) {
		if (hip_seal_signature_2(h, &w) < 0)
			return;
	} else if (p.type != HIP_I1) {
		if (a != NULL && a->keys.mac_len > 0 && p.type == HIP_R2)
			hip_seal_mac_2(a, &w, SLICE_EMPTY); /* without HOST_ID: never right */
		else if (a != NULL && a->keys.mac_len > 0)
			hip_seal_mac(a, &w);
		if (w.err < 0 || hip_seal_signature(h, &w) < 0)
			return;
	}
	hip_packet_end(&w);
	if (w.err < 0)
		return;
	memcpy(x->bytes + MARKER, packet, w.len);
	x->len = MARKER + w.len;
}

/* Bytes from anywhere. With `dressed` they get a header that brings them to a handler. */
static void inject(struct fuzz *f, struct reader *r)
{
	uint8_t how = reader_u8(r), type = reader_u8(r);
	size_t len = reader_u16(r) % 1024, to = how & 1;
	struct slice bytes = reader_bytes(r, reader_left(r) < len ? reader_left(r) : len);
	struct flight x = { .to = to, .is_esp = (how & 2) != 0 };
	struct writer w = writer_of(x.bytes, sizeof(x.bytes));

	x.path.channel = (how & 4) != 0 ? HIP_CHANNEL_RAW : HIP_CHANNEL_UDP;
	x.path.local = address_of(to, 1);
	x.path.remote = address_of(1 - to, (how & 8) != 0 ? 7 : 1);
	if (x.path.channel == HIP_CHANNEL_UDP && !x.is_esp)
		writer_u32(&w, 0);
	if ((how & 16) != 0 && !x.is_esp) {
		struct writer p = writer_of(x.bytes + w.len, HIP_PACKET_MAX);

		hip_packet_begin(&p, type, 0, hip_host_hit(f->hosts[1 - to]), hip_host_hit(f->hosts[to]));
		writer_bytes(&p, slice_of(bytes.data, bytes.len & ~(size_t)7));
		hip_packet_end(&p);
		if (x.path.channel == HIP_CHANNEL_RAW)
			hip_checksum_set(p.data, hip_checksum(&x.path.remote, &x.path.local, writer_slice(&p)));
		x.len = w.len + p.len;
	} else {
		writer_bytes(&w, bytes);
		x.len = w.len;
	}
	if ((how & 32) != 0) {
		struct hip_path ring = { .channel = HIP_CHANNEL_OVERLAY, .node = { { type } } };
		size_t marker = x.path.channel == HIP_CHANNEL_UDP && !x.is_esp ? MARKER : 0;

		(void)hip_input_packet(f->hosts[to], f->now, &ring, slice_of(x.bytes + marker, x.len - marker), NULL);
		drain(f);
	} else {
		deliver(f, &x);
	}
}

static void pass_time(struct fuzz *f, uint64_t ms)
{
	f->now.mono.us += ms * 1000;
	f->now.wall.ms += ms;
	for (size_t i = 0; i < 2; i++) {
		struct usage port = hip_host_port(f->hosts[i]);

		port.ops->expire(port.ctx, f->now);
	}
	drain(f);
}

static void use(struct fuzz *f, unsigned what, size_t i, struct reader *r)
{
	static const uint8_t payload[] = { 0x13, 0x88, 0x13, 0x88, 0, 12, 0, 0, 'h', 'e', 'y', 0 };
	const struct slice part = slice_of(payload, sizeof(payload));
	const struct hit *other = hip_host_hit(f->hosts[1 - i]);
	struct hip_hint hint = { .locators = { f->hosts[1 - i]->options.listen[0] }, .locator_count = 1 };
	struct address moved;
	struct usage port = hip_host_port(f->hosts[i]);
	int err = 0;

	switch (what) {
	case 0:
		err = hip_host_connect(f->hosts[i], f->now, other, &hint, NULL, NULL);
		break;
	case 1:
		err = hip_host_send(f->hosts[i], f->now, other, 17, &part, 1);
		break;
	case 2:
		hip_host_close(f->hosts[i], f->now, other);
		break;
	case 3:
		hip_host_free(f->hosts[i]);
		host_start(f, i);
		break;
	case 4:
		moved = address_of(i, (uint8_t)(1 + (reader_u8(r) & 3)));
		hip_host_readdress(f->hosts[i], f->now, &moved, 1, &moved, 1);
		break;
	case 5:
		if (hip_association_find(f->hosts[i], other) != NULL &&
		    hip_host_is_established(f->hosts[i], other))
			hip_update_rekey(hip_association_find(f->hosts[i], other), f->now);
		break;
	default:
		port.ops->joined(port.ctx, f->now);
	}
	invariant(err == 0 || err == ERR_LIMIT || err == ERR_NOT_JOINED);
	drain(f);
}

static void step(struct fuzz *f, struct reader *r)
{
	uint8_t op = reader_u8(r);
	struct flight x;

	switch (op & 15) {
	case 0:
	case 1:
	case 2:
		for (unsigned n = 0; n <= (unsigned)op >> 4 && next(f, &x); n++)
			deliver(f, &x);
		break;
	case 3:
		(void)next(f, &x);
		break;
	case 4:
		if (next(f, &x)) {
			deliver(f, &x);
			deliver(f, &x);
		}
		break;
	case 5:
		if (next(f, &x)) {
			size_t at = reader_u16(r);

			x.bytes[at % x.len] ^= reader_u8(r);
			deliver(f, &x);
		}
		break;
	case 6:
		if (next(f, &x)) {
			reseal(f, &x, r);
			deliver(f, &x);
		}
		break;
	case 7: /* one that was sent before: what the ring still holds */
		x = f->queue[(op >> 4 | (reader_u8(r) & 3) << 4) % QUEUE_MAX];
		if (x.len > 0)
			deliver(f, &x);
		break;
	case 8:
		if (f->count > 1 && f->count < QUEUE_MAX && next(f, &x)) /* held back */
			f->queue[(f->first + f->count++) % QUEUE_MAX] = x;
		break;
	case 9:
		pass_time(f, (uint64_t)reader_u8(r) * 50);
		break;
	case 10:
		pass_time(f, (uint64_t)reader_u8(r) * 5000);
		break;
	case 11:
		inject(f, r);
		break;
	default:
		use(f, op >> 4 & 7, op & 1, r);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_of(slice_of(data, size));
	struct fuzz *f = memory_alloc(sizeof(*f));

	fuzz_begin(f, reader_u8(&r));
	for (unsigned n = 0; n < OPS_MAX && reader_more(&r); n++)
		step(f, &r);
	for (size_t i = 0; i < 2; i++) {
		hip_host_free(f->hosts[i]);
		fake_host_free(f->keys[i]);
	}
	free(f);
	return 0;
}
