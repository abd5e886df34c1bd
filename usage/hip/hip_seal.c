/* SPDX-License-Identifier: MIT */
/* MACs and signatures of HIP packets (RFC 7401 6.4). They cover the bytes as they are or came, up to the parameter that
 * holds them, with the header's length cut to that point and its checksum zero. */
#include "overlay/base/invariant.h"
#include "usage/hip/hip_internal.h"

#define HIP_LENGTH_AT 1
#define HIP_CHECKSUM_AT 4
#define HIP_RECEIVER_AT 24
#define HIP_PUZZLE_OPAQUE_AT 6 /* in the whole parameter: type, length, K, lifetime */

/* The header as it is hashed, for a packet of `len` bytes. */
static void hip_seal_header(const uint8_t *packet, size_t len, uint8_t out[HIP_HEADER_LENGTH])
{
	memcpy(out, packet, HIP_HEADER_LENGTH);
	out[HIP_LENGTH_AT] = (uint8_t)(len / 8 - 1);
	out[HIP_CHECKSUM_AT] = out[HIP_CHECKSUM_AT + 1] = 0;
}

static bool hip_seal_equal(struct slice a, struct slice b)
{
	uint8_t difference = 0;

	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		difference |= (uint8_t)(a.data[i] ^ b.data[i]);
	return difference == 0;
}

static size_t hip_seal_hash(const struct hip_host *h, enum hit_suite rhash, struct slice key, const uint8_t *packet,
			    size_t len, struct slice host_id, uint8_t out[HOST_DIGEST_MAX])
{
	uint8_t header[HIP_HEADER_LENGTH];
	const struct slice parts[] = { slice_of(header, sizeof(header)),
				       slice_of(packet + HIP_HEADER_LENGTH, len - HIP_HEADER_LENGTH), host_id };

	hip_seal_header(packet, len + host_id.len, header);
	return h->security.ops->mac(h->security.ctx, rhash, key, parts, 3, out);
}

static void hip_seal_put_mac(const struct hip_host *h, struct writer *w, uint16_t type, enum hit_suite rhash,
			     struct slice key, struct slice host_id)
{
	uint8_t mac[HOST_DIGEST_MAX];
	size_t len;

	hip_packet_end(w);
	if (w->err < 0)
		return;
	len = hip_seal_hash(h, rhash, key, w->data, w->len, host_id, mac);
	hip_bytes_put(w, type, slice_of(mac, len));
	hip_packet_end(w);
}

void hip_seal_mac(const struct hip_association *a, struct writer *w)
{
	hip_seal_put_mac(a->host, w, HIP_PARAMETER_HIP_MAC, a->keys.rhash,
			 slice_of(a->keys.mac_out, a->keys.mac_len), SLICE_EMPTY);
}

void hip_seal_mac_2(const struct hip_association *a, struct writer *w, struct slice host_id)
{
	hip_seal_put_mac(a->host, w, HIP_PARAMETER_HIP_MAC_2, a->keys.rhash,
			 slice_of(a->keys.mac_out, a->keys.mac_len), host_id);
}

void hip_seal_hmac(struct hip_host *h, struct writer *w, uint16_t type, enum hit_suite rhash, struct slice key)
{
	hip_seal_put_mac(h, w, type, rhash, key, SLICE_EMPTY);
}

static int hip_check_bytes(struct hip_host *h, const struct hip_packet *p, uint16_t type, enum hit_suite rhash,
			   struct slice key, struct slice host_id)
{
	struct hip_parameter parameter;
	uint8_t mac[HOST_DIGEST_MAX];
	size_t len;

	if (!hip_parameter_find(p, type, &parameter))
		return ERR_NOT_FOUND;
	len = hip_seal_hash(h, rhash, key, p->bytes.data, parameter.at, host_id, mac);
	if (len > 0 && key.len > 0 && hip_seal_equal(parameter.contents, slice_of(mac, len)))
		return 0;
	h->counters->hip_signature++;
	return ERR_SIGNATURE;
}

int hip_check_mac(const struct hip_association *a, const struct hip_packet *p)
{
	return hip_check_bytes(a->host, p, HIP_PARAMETER_HIP_MAC, a->keys.rhash,
			       slice_of(a->keys.mac_in, a->keys.mac_len), SLICE_EMPTY);
}

int hip_check_mac_2(const struct hip_association *a, const struct hip_packet *p, struct slice host_id)
{
	return hip_check_bytes(a->host, p, HIP_PARAMETER_HIP_MAC_2, a->keys.rhash,
			       slice_of(a->keys.mac_in, a->keys.mac_len), host_id);
}

int hip_check_hmac(struct hip_host *h, const struct hip_packet *p, uint16_t type, enum hit_suite rhash,
		   struct slice key)
{
	return hip_check_bytes(h, p, type, rhash, key, SLICE_EMPTY);
}

/* What SIGNATURE_2 covers besides: the receiver's HIT and the puzzle's I and opaque as zeroes (5.2.15). */
static void hip_seal_zero(uint8_t *packet, size_t len)
{
	uint8_t *at = packet + HIP_HEADER_LENGTH;

	memset(packet + HIP_RECEIVER_AT, 0, HIT_LENGTH);
	while (at + 4 <= packet + len) {
		unsigned type = (unsigned)at[0] << 8 | at[1];
		size_t contents = (size_t)at[2] << 8 | at[3];

		if (contents > (size_t)(packet + len - at) - 4)
			return;
		if (type == HIP_PARAMETER_PUZZLE && contents >= 4)
			memset(at + HIP_PUZZLE_OPAQUE_AT, 0, contents + 4 - HIP_PUZZLE_OPAQUE_AT);
		at += (contents + 4 + 7) / 8 * 8;
	}
}

static void hip_seal_covered(const uint8_t *packet, size_t len, uint16_t type, uint8_t out[HIP_PACKET_MAX])
{
	invariant(len >= HIP_HEADER_LENGTH && len <= HIP_PACKET_MAX);
	memcpy(out, packet, len);
	hip_seal_header(packet, len, out);
	if (type == HIP_PARAMETER_HIP_SIGNATURE_2)
		hip_seal_zero(out, len);
}

static int hip_seal_put_signature(struct hip_host *h, struct writer *w, uint16_t type)
{
	uint8_t covered[HIP_PACKET_MAX], signature[HOST_SIGNATURE_MAX];
	struct hip_signature x;
	struct slice part;
	size_t len;
	int err;

	hip_packet_end(w);
	if (w->err < 0)
		return w->err;
	hip_seal_covered(w->data, w->len, type, covered);
	part = slice_of(covered, w->len);
	err = h->security.ops->sign(h->security.ctx, &part, 1, signature, &len);
	if (err < 0)
		return err;
	x.algorithm = (uint16_t)(h->identity.data[0] << 8 | h->identity.data[1]);
	x.signature = slice_of(signature, len);
	hip_signature_put(w, type, &x);
	hip_packet_end(w);
	return w->err;
}

int hip_seal_signature(struct hip_host *h, struct writer *w)
{
	return hip_seal_put_signature(h, w, HIP_PARAMETER_HIP_SIGNATURE);
}

int hip_seal_signature_2(struct hip_host *h, struct writer *w)
{
	return hip_seal_put_signature(h, w, HIP_PARAMETER_HIP_SIGNATURE_2);
}

static int hip_check_signed(struct hip_host *h, const struct hip_packet *p, uint16_t type, struct slice identity)
{
	uint8_t covered[HIP_PACKET_MAX];
	struct hip_parameter parameter;
	struct hip_signature x;
	struct reader r;
	struct slice part;

	if (!hip_parameter_find(p, type, &parameter))
		return ERR_NOT_FOUND;
	r = reader_of(parameter.contents);
	hip_signature_get(&r, &x);
	hip_seal_covered(p->bytes.data, parameter.at, type, covered);
	part = slice_of(covered, parameter.at);
	if (reader_finish(&r) == 0 && identity.len > 2 &&
	    x.algorithm == (unsigned)(identity.data[0] << 8 | identity.data[1]) &&
	    h->security.ops->verify(h->security.ctx, identity, &part, 1, x.signature) == 0)
		return 0;
	h->counters->hip_signature++;
	return ERR_SIGNATURE;
}

int hip_check_signature(struct hip_host *h, const struct hip_packet *p, struct slice identity)
{
	return hip_check_signed(h, p, HIP_PARAMETER_HIP_SIGNATURE, identity);
}

int hip_check_signature_2(struct hip_host *h, const struct hip_packet *p, struct slice identity)
{
	return hip_check_signed(h, p, HIP_PARAMETER_HIP_SIGNATURE_2, identity);
}

void hip_put_host_id(struct hip_host *h, struct writer *w)
{
	const struct hip_host_id x = {
		.algorithm = (uint16_t)(h->identity.data[0] << 8 | h->identity.data[1]),
		.identity = h->identity,
	};

	hip_host_id_put(w, &x);
}
