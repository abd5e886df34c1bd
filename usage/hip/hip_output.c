/* SPDX-License-Identifier: MIT */
/* Effects, and how a packet gets its clothes for the channel it goes by. */
#include "usage/hip/hip_exchange.h"

#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "usage/hip/hip_registrant.h"

#define HIP_MARKER 4 /* zero bytes before a HIP packet in UDP (RFC 9028 5.1) */

struct hip_output *hip_output_new(struct hip_host *h, enum hip_effect_type type, size_t len)
{
	struct hip_output *o = memory_alloc(sizeof(*o) + len);

	o->effect.type = type;
	o->len = len;
	o->effect.bytes = slice_of(o->bytes, len);
	if (h->last != NULL)
		h->last->next = o;
	else
		h->first = o;
	h->last = o;
	return o;
}

const struct hip_effect *hip_host_next_effect(struct hip_host *h)
{
	free(h->drained);
	h->drained = h->first;
	if (h->first == NULL)
		return NULL;
	h->first = h->drained->next;
	if (h->first == NULL)
		h->last = NULL;
	return &h->drained->effect;
}

const struct address *hip_listen_for(const struct hip_host *h, const struct address *remote)
{
	bool loopback = address_is_loopback(remote);

	for (size_t i = 0; i < h->options.listen_count; i++) {
		const struct address *own = &h->options.listen[i];

		if (own->type == remote->type && (address_is_any(own) || address_is_loopback(own) == loopback))
			return own;
	}
	return NULL;
}

/* Where it leaves from. False: this host has no such place. */
static bool hip_output_path(const struct hip_host *h, const struct hip_path *path, struct hip_path *out)
{
	const struct address *own;

	*out = *path;
	if (path->remote.type == ADDRESS_NONE || address_is_any(&path->remote))
		return false;
	if (path->local.type != ADDRESS_NONE)
		return true;
	own = hip_listen_for(h, &path->remote);
	if (own == NULL)
		return path->channel == HIP_CHANNEL_RAW;
	out->local = *own;
	if (path->channel == HIP_CHANNEL_RAW)
		out->local.port = 0;
	return true;
}

static void hip_output_lost(struct hip_host *h, const struct hip_path *path, const struct hip_packet *p, int err)
{
	char text[HIP_PATH_TEXT_SIZE], peer[HIT_TEXT_SIZE];

	h->counters->hip_lost++;
	log_info(h->log, "hip.lost", "type=%s peer=%s path=\"%s\" why=%s", hip_packet_type_name(p->type),
		 hit_text(&p->receiver, peer), hip_path_text(path, text), error_name(err));
}

static void hip_output_wire(struct hip_host *h, const struct hip_path *path, struct slice packet)
{
	size_t marker = path->channel == HIP_CHANNEL_UDP ? HIP_MARKER : 0;
	struct hip_output *o = hip_output_new(h, HIP_EFFECT_SEND, marker + packet.len);
	bool raw = path->channel == HIP_CHANNEL_RAW && path->local.type == path->remote.type;

	o->effect.path = *path;
	memcpy(o->bytes + marker, packet.data, packet.len);
	hip_checksum_set(o->bytes + marker, raw ? hip_checksum(&path->local, &path->remote, packet) : 0);
}

void hip_output_packet(struct hip_host *h, struct now now, const struct hip_path *path, struct slice packet)
{
	uint8_t plain[HIP_PACKET_MAX], dressed[HIP_PACKET_MAX];
	struct writer w = writer_of(dressed, sizeof(dressed));
	struct hip_path used = *path;
	struct hip_packet p;
	int err;

	if (packet.len > sizeof(plain) || hip_packet_peek(packet, &p) < 0) {
		h->counters->hip_lost++;
		return;
	}
	if (hit_equal(&p.sender, &h->hit)) {
		hip_log_packet(h, now, "sent", path, p.type, &p.receiver);
		packet = hip_registrant_dress(h, now, path, packet, &w);
	}
	if (path->channel == HIP_CHANNEL_OVERLAY) {
		memcpy(plain, packet.data, packet.len);
		hip_checksum_set(plain, 0);
		packet = slice_of(plain, packet.len);
		err = h->carrier == NULL ? ERR_NO_ROUTE
					 : hip_carry_send(h, now, &path->node, 0, NULL, packet, NULL, NULL);
	} else {
		err = path->channel != HIP_CHANNEL_NONE && hip_output_path(h, path, &used) ? 0 : ERR_NO_ROUTE;
		if (err == 0)
			hip_output_wire(h, &used, packet);
	}
	if (err < 0)
		hip_output_lost(h, path, &p, err);
	else if (h->capture != NULL)
		h->capture(h->capture_ctx, now, &used, true, packet);
}

void hip_output_esp(struct hip_host *h, const struct hip_path *path, struct slice packet)
{
	struct hip_path used;
	struct hip_output *o;

	if ((path->channel != HIP_CHANNEL_UDP && path->channel != HIP_CHANNEL_RAW) ||
	    !hip_output_path(h, path, &used)) {
		h->counters->hip_lost++;
		return;
	}
	o = hip_output_new(h, HIP_EFFECT_SEND, packet.len);
	o->effect.path = used;
	o->effect.is_esp = true;
	memcpy(o->bytes, packet.data, packet.len);
}
