/* SPDX-License-Identifier: MIT */
/* What comes in: whether it is HIP or ESP, and for whom. */
#include "usage/hip/hip_exchange.h"
#include "usage/hip/hip_registrant.h"

#define HIP_MARKER 4
#define HIP_ESP_MAX (ESP_PAYLOAD_MAX + ESP_OVERHEAD_MAX)

static void hip_input_malformed(struct hip_host *h, const struct hip_path *path, size_t len, int err)
{
	char text[HIP_PATH_TEXT_SIZE];

	h->counters->hip_malformed++;
	log_info(h->log, "hip.malformed", "path=\"%s\" length=%zu why=%s", hip_path_text(path, text), len,
		 error_name(err));
}

/* Only RAW has a checksum: UDP has its own, and what came through the ring was signed by its edge (RFC 9028 5.1). */
static bool hip_input_checksum(struct hip_host *h, const struct hip_path *path, const struct hip_packet *p)
{
	if (path->channel != HIP_CHANNEL_RAW || path->local.type == ADDRESS_NONE ||
	    path->local.type != path->remote.type ||
	    hip_checksum(&path->remote, &path->local, p->bytes) == p->checksum)
		return true;
	h->counters->hip_checksum++;
	log_info(h->log, "hip.checksum", "type=%s", hip_packet_type_name(p->type));
	return false;
}

/* The NULL HIT is "whoever is there": never through a rendezvous or the ring, where "there" means nothing (4.1.8). */
static bool hip_input_is_own(const struct hip_host *h, const struct hip_path *path, const struct hip_packet *p)
{
	if (hit_equal(&p->receiver, &h->hit))
		return true;
	return hit_is_zero(&p->receiver) && (p->type == HIP_I1 || p->type == HIP_NOTIFY) &&
	       path->channel != HIP_CHANNEL_OVERLAY;
}

int hip_input_packet(struct hip_host *h, struct now now, const struct hip_path *path, struct slice packet,
		     const struct hip_carry *carry)
{
	struct hip_path back;
	struct hip_packet p;
	int err = hip_packet_get(packet, &p);

	/* An edge carries unread what its hosts understand among themselves: other versions, another order of
	 * parameters. */
	if (err < 0 && hip_packet_peek(packet, &p) == 0 && !hit_equal(&p.receiver, &h->hit) &&
	    !hit_is_zero(&p.receiver))
		err = 0;
	if (err < 0) {
		hip_input_malformed(h, path, packet.len, err);
		return HIP_CARRY_REFUSED;
	}
	if (!hip_input_checksum(h, path, &p))
		return HIP_CARRY_REFUSED;
	if (h->capture != NULL)
		h->capture(h->capture_ctx, now, path, false, packet);
	if (hip_input_is_own(h, path, &p) && p.version == 2) {
		/* A rendezvous server or relay says who sent it, if it is ours. */
		if (hip_registrant_check_from(h, now, path, &p, &back) < 0)
			return HIP_CARRY_REFUSED;
		hip_exchange_receive(h, now, &back, &p, carry);
		return HIP_CARRY_DELIVERED;
	}
	if (hit_is_zero(&p.receiver)) {
		hip_refused(h, &h->counters->hip_forbidden, path, &p.sender, "opportunistic");
		return HIP_CARRY_REFUSED;
	}
	if (h->edge != NULL)
		return hip_edge_packet(h, now, path, &p, carry);
	hip_refused(h, &h->counters->hip_stray, path, &p.sender, "not-ours");
	return HIP_CARRY_NOT_SERVED;
}

static void hip_input_esp(struct hip_host *h, struct now now, const struct hip_path *path, struct slice bytes)
{
	uint8_t packet[HIP_ESP_MAX];

	if (bytes.len < ESP_HEADER_LENGTH || bytes.len > sizeof(packet)) {
		hip_input_malformed(h, path, bytes.len, bytes.len < sizeof(packet) ? ERR_TRUNCATED : ERR_LIMIT);
		return;
	}
	memcpy(packet, bytes.data, bytes.len);
	hip_payload_receive(h, now, path, packet, bytes.len);
}

void hip_host_datagram(struct hip_host *h, struct now now, const struct hip_path *path, bool is_esp, struct slice bytes)
{
	static const uint8_t marker[HIP_MARKER];

	if (path->channel != HIP_CHANNEL_UDP) {
		if (is_esp)
			hip_input_esp(h, now, path, bytes);
		else
			(void)hip_input_packet(h, now, path, bytes, NULL);
		return;
	}
	if (bytes.len == 1 && bytes.data[0] == 0xff)
		return; /* a NAT keepalive (RFC 3948 4) */
	if (bytes.len >= HIP_MARKER && memcmp(bytes.data, marker, HIP_MARKER) == 0)
		(void)hip_input_packet(h, now, path, slice_of(bytes.data + HIP_MARKER, bytes.len - HIP_MARKER), NULL);
	else
		hip_input_esp(h, now, path, bytes);
}
