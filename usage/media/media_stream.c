/* SPDX-License-Identifier: MIT */
/* Datagrams between a phone and the other end's HIT. Between HITs they are UDP with a checksum over the HITs
 * (RFC 8200 8.1; RFC 7401 4.5.1); one port number serves on both sides. */
#include "usage/media/media_internal.h"

#include <stdlib.h>

#include "overlay/base/invariant.h"

#define UDP_HEADER 8

struct media_stream *media_stream_new(struct media_call *call, struct slice kind)
{
	struct media_relay *r = call->relay;
	uint16_t port = media_port_take(r);
	struct media_stream *stream;

	if (port == 0)
		return NULL;
	stream = memory_alloc(sizeof(*stream));
	stream->call = call;
	stream->port = port;
	sip_copy(stream->kind, sizeof(stream->kind), kind);
	r->streams[port / 2] = stream;
	return stream;
}

void media_stream_free(struct media_stream *stream)
{
	struct media_relay *r = stream->call->relay;

	r->streams[stream->port / 2] = NULL;
	media_port_give_back(r, stream->port);
	free(stream);
}

/* ---- Where the phone is ---- */

static bool media_is_same_host(const struct address *a, const struct address *b)
{
	return a->type == b->type && a->type != ADDRESS_NONE && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

/* 0.0.0.0 and port 0 ask for nothing; a name cannot be looked up here, so it counts as where the phone speaks from. */
static struct address media_phone_address(const struct media_call *call, const struct address *said, uint16_t port)
{
	struct address a = said->type == ADDRESS_NONE ? call->phone_at : *said;

	a.port = port;
	if (port == 0 || address_is_any(&a))
		a = (struct address){ 0 };
	return a;
}

void media_stream_set_phone(struct media_stream *stream, const struct sdp_media *m, bool pending)
{
	struct address *to = stream->offered;

	to[MEDIA_RTP] = media_phone_address(stream->call, &m->connection, m->port);
	to[MEDIA_RTCP] = media_phone_address(stream->call, &m->rtcp, m->rtcp_port);
	stream->has_offered = true;
	if (!pending)
		media_stream_settle(stream);
}

void media_stream_settle(struct media_stream *stream)
{
	if (!stream->has_offered)
		return;
	stream->has_offered = false;
	memcpy(stream->phone, stream->offered, sizeof(stream->phone));
}

/* The phone sends from `from`. It may be behind a NAT, or use another port than it said: then that is where it is
 * answered (RFC 4961), but only within the phone's own address. */
static bool media_latch(struct media_stream *stream, enum media_half half, const struct address *from)
{
	const struct media_call *call = stream->call;
	struct address *at = &stream->phone[half];
	bool is_said = media_is_same_host(from, at) || media_is_same_host(from, &stream->phone[MEDIA_RTP]) ||
		       (stream->has_offered && media_is_same_host(from, &stream->offered[half]));

	if (!is_said && !media_is_same_host(from, &call->phone_at))
		return false;
	/* On hold the phone may still send (music), and yet wants nothing. */
	if (at->type != ADDRESS_NONE && !address_equal(at, from))
		*at = *from;
	return true;
}

/* ---- The checksum ---- */

/* One's complement sum of 32-bit words in the machine's own order; folding makes it the sum of 16-bit words. */
static uint64_t media_sum(uint64_t sum, const uint8_t *bytes, size_t len)
{
	uint32_t word;

	for (; len >= 4; bytes += 4, len -= 4) {
		memcpy(&word, bytes, 4);
		sum += word;
	}
	if (len > 0) {
		word = 0;
		memcpy(&word, bytes, len);
		sum += word;
	}
	return sum;
}

/* Over pseudo-header, UDP header and data; in network order when stored as bytes. */
static uint16_t media_checksum(const struct hit *from, const struct hit *to, const uint8_t header[UDP_HEADER],
			       struct slice data)
{
	uint32_t len = (uint32_t)(UDP_HEADER + data.len);
	uint8_t pseudo[8] = { (uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len, 0, 0, 0,
			      MEDIA_NEXT_HEADER_UDP };
	uint64_t sum = media_sum(0, from->bytes, HIT_LENGTH);

	sum = media_sum(sum, to->bytes, HIT_LENGTH);
	sum = media_sum(sum, pseudo, sizeof(pseudo));
	sum = media_sum(sum, header, UDP_HEADER);
	sum = media_sum(sum, data.data, data.len);
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void media_header_put(uint8_t header[UDP_HEADER], uint16_t from, uint16_t to, size_t len)
{
	struct writer w = writer_of(header, UDP_HEADER);

	writer_u16(&w, from);
	writer_u16(&w, to);
	writer_u16(&w, (uint16_t)(UDP_HEADER + len));
	writer_u16(&w, 0);
}

/* ---- Both ways ---- */

static void media_drop(struct media_relay *r, struct media_stream *stream)
{
	r->counters->media_lost++;
	if (stream != NULL)
		stream->dropped++;
}

void media_stream_from_phone(struct media_relay *r, struct now now, uint16_t port, const struct address *from,
			     struct slice bytes)
{
	struct media_stream *stream = r->streams[port / 2];
	enum media_half half = port % 2 == 0 ? MEDIA_RTP : MEDIA_RTCP;
	uint8_t header[UDP_HEADER];
	struct slice parts[2] = { slice_of(header, UDP_HEADER), bytes };
	struct media_call *call;
	uint16_t sum;

	if (stream == NULL || bytes.len > UINT16_MAX - UDP_HEADER || !media_latch(stream, half, from)) {
		media_drop(r, stream);
		return;
	}
	call = stream->call;
	if (hit_is_zero(&call->hit) || stream->remote[half] == 0) {
		media_drop(r, stream);
		return;
	}
	call->last = now.mono;
	media_header_put(header, port, stream->remote[half], bytes.len);
	sum = media_checksum(&r->hit, &call->hit, header, bytes);
	if (sum == 0)
		sum = 0xffff;
	memcpy(header + 6, &sum, 2);
	if (hip_host_send(r->host, now, &call->hit, MEDIA_NEXT_HEADER_UDP, parts, 2) != 0) {
		media_drop(r, stream);
		return;
	}
	stream->packets_out++;
	r->counters->media_out++;
}

/* Where a datagram of the other end goes. Media may overtake the answer to its offer, and the offerer takes it from
 * then on (RFC 3264 5.1): it comes from the host that is expected to answer. */
static const struct address *media_stream_target(const struct media_stream *stream, const struct hit *from,
						 enum media_half half)
{
	const struct media_call *call = stream->call;
	bool is_early = hit_is_zero(&call->hit) && !hit_is_zero(from) && hit_equal(from, &call->record_hit);
	const struct address *to = &stream->phone[half];

	if (!is_early && !hit_equal(from, &call->hit))
		return NULL;
	if (to->type == ADDRESS_NONE && stream->has_offered)
		to = &stream->offered[half];
	return to->type == ADDRESS_NONE ? NULL : to;
}

bool media_stream_from_host(void *ctx, struct now now, const struct hit *from, uint8_t next_header, uint8_t *bytes,
			    size_t len)
{
	struct media_relay *r = ctx;
	struct reader reader = reader_of(slice_of(bytes, len));
	struct media_effect effect = { .type = MEDIA_EFFECT_SEND };
	const struct address *to;
	struct media_stream *stream;
	enum media_half half;
	uint16_t udp_len;

	if (next_header != MEDIA_NEXT_HEADER_UDP || len < UDP_HEADER)
		return false;
	(void)reader_u16(&reader); /* whoever has the HIT may send from any port */
	effect.port = reader_u16(&reader);
	udp_len = reader_u16(&reader);
	if (!r->lent[effect.port / 2])
		return false;
	stream = r->streams[effect.port / 2];
	half = effect.port % 2 == 0 ? MEDIA_RTP : MEDIA_RTCP;
	to = stream == NULL ? NULL : media_stream_target(stream, from, half);
	/* Without a checksum it is no UDP over IPv6 (RFC 8200 8.1). */
	if (to == NULL || udp_len != len || (bytes[6] == 0 && bytes[7] == 0) ||
	    media_checksum(from, &r->hit, bytes, slice_of(bytes + UDP_HEADER, len - UDP_HEADER)) != 0) {
		media_drop(r, stream);
		return true;
	}
	stream->call->last = now.mono;
	effect.local = stream->call->phone_side;
	effect.remote = *to;
	effect.bytes = slice_of(bytes + UDP_HEADER, len - UDP_HEADER);
	media_output_add(r, &effect);
	stream->packets_in++;
	r->counters->media_in++;
	return true;
}
