/* SPDX-License-Identifier: MIT */
/* Streams, cut into messages. */
#include "usage/sip/sip_stream.h"

#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "usage/sip/sip_link.h"
#include "usage/sip/sip_registration.h"
#include "usage/sip/sip_transaction.h"

struct sip_stream {
	struct sip_usage *usage;
	uint64_t number;
	struct sip_hop hop;
	struct address advertised;
	struct sip_node identity; /* application links; its user is owned */
	struct sip_text buffer;
	struct timer idle; /* TCP; application links are closed by sip_link */
};

static struct slice sip_stream_key(const uint64_t *number)
{
	return slice_of(number, sizeof(*number));
}

static struct sip_stream *sip_stream_find(const struct sip_usage *s, uint64_t number)
{
	return map_find(s->streams, sip_stream_key(&number));
}

static void sip_stream_free(struct sip_stream *stream)
{
	struct sip_usage *s = stream->usage;

	map_remove(s->streams, sip_stream_key(&stream->number));
	timer_disarm(&s->timers, &stream->idle);
	sip_text_free(&stream->buffer);
	free((char *)stream->identity.user);
	free(stream);
}

static void sip_stream_on_idle(void *ctx, struct now now)
{
	struct sip_stream *stream = ctx;

	sip_stream_close(stream->usage, now, stream->number);
}

static void sip_stream_touch(struct sip_stream *stream, struct now now)
{
	struct sip_usage *s = stream->usage;

	if (stream->hop.flow.transport == SIP_OVERLAY)
		sip_link_used(s, now, &stream->hop.node);
	else
		timer_arm(&s->timers, &stream->idle,
			  instant_add(now.mono, duration_s(SIP_STREAM_IDLE_S)), sip_stream_on_idle, stream);
}

bool sip_stream_add(struct sip_usage *s, struct now now, const struct sip_hop *hop)
{
	struct sip_stream *stream;

	if (map_count(s->streams) >= SIP_STREAMS_MAX) {
		sip_limit_met(s, "streams", SIP_STREAMS_MAX);
		sip_output_close(s, &hop->flow);
		return false;
	}
	if (sip_stream_find(s, hop->flow.stream) != NULL)
		return false;
	stream = memory_alloc(sizeof(*stream));
	stream->usage = s;
	stream->number = hop->flow.stream;
	stream->hop = *hop;
	map_put(s->streams, sip_stream_key(&stream->number), stream);
	sip_stream_touch(stream, now);
	return true;
}

bool sip_stream_is_open(const struct sip_usage *s, uint64_t stream)
{
	return sip_stream_find(s, stream) != NULL;
}

void sip_stream_advertised(const struct sip_usage *s, uint64_t number, struct address *address)
{
	const struct sip_stream *stream = sip_stream_find(s, number);

	if (stream != NULL && stream->advertised.type != ADDRESS_NONE)
		*address = stream->advertised;
}

/* Takes line ends before a message away; two in a row are a ping and are answered by one. */
static size_t sip_stream_skip(struct sip_stream *stream, size_t at)
{
	struct sip_text *b = &stream->buffer;

	while (b->len - at >= 2 && memcmp(b->data + at, "\r\n", 2) == 0) {
		at += 2;
		if (b->len - at >= 2 && memcmp(b->data + at, "\r\n", 2) == 0) {
			at += 2;
			sip_output_send(stream->usage, &stream->hop.flow, slice_text("\r\n"));
		}
	}
	return at;
}

/* The next message in the buffer from *at on; an empty slice when there is none yet. */
static int sip_stream_cut(struct sip_stream *stream, size_t *at, struct slice *message)
{
	int64_t length;

	*at = sip_stream_skip(stream, *at);
	*message = SLICE_EMPTY;
	length = sip_message_length(slice_of(stream->buffer.data + *at, stream->buffer.len - *at));
	if (length < 0)
		return (int)length;
	*message = slice_of(stream->buffer.data + *at, (size_t)length);
	*at += (size_t)length;
	return 0;
}

void sip_stream_bytes(struct sip_usage *s, struct now now, uint64_t number, struct slice bytes)
{
	struct sip_stream *stream = sip_stream_find(s, number);
	struct sip_text lent;
	struct slice message;
	struct sip_hop hop;
	size_t at = 0;
	int err;

	if (stream == NULL) {
		sip_counters(s)->sip_stray++;
		return;
	}
	sip_stream_touch(stream, now);
	sip_text_bytes(&stream->buffer, bytes);
	hop = stream->hop;
	/* Handling a message may close the stream: the buffer is ours meanwhile. */
	for (;;) {
		err = sip_stream_cut(stream, &at, &message);
		if (err != 0 || message.len == 0)
			break;
		lent = stream->buffer;
		stream->buffer = (struct sip_text){ 0 };
		sip_proxy_message(s, now, &hop, message);
		stream = sip_stream_find(s, number);
		if (stream == NULL) {
			sip_text_free(&lent);
			return;
		}
		stream->buffer = lent;
	}
	if (err == 0 && stream->buffer.len - at > SIP_MESSAGE_MAX + 4)
		err = ERR_LIMIT;
	if (err != 0) {
		/* 18.3: where the next message begins is not known any more. */
		log_info(s->log, "sip.stream.garbage", "stream=%llu reason=%s", (unsigned long long)number,
			 error_name(err));
		if (err == ERR_LIMIT || err == ERR_MALFORMED)
			sip_proxy_message(s, now, &hop, slice_of(stream->buffer.data + at,
								 stream->buffer.len - at));
		sip_stream_close(s, now, number);
		return;
	}
	memmove(stream->buffer.data, stream->buffer.data + at, stream->buffer.len - at);
	stream->buffer.len -= at;
}

void sip_stream_gone(struct sip_usage *s, struct now now, uint64_t number)
{
	struct sip_stream *stream = sip_stream_find(s, number);
	struct sip_hop hop;

	if (stream == NULL)
		return;
	hop = stream->hop;
	sip_stream_free(stream);
	if (hop.flow.transport == SIP_OVERLAY) {
		sip_link_down(s, now, number, &hop.node);
		return;
	}
	sip_registration_stream_gone(s, number);
	sip_clients_fail_stream(s, now, number);
}

void sip_stream_close(struct sip_usage *s, struct now now, uint64_t number)
{
	struct sip_stream *stream = sip_stream_find(s, number);

	if (stream == NULL)
		return;
	sip_output_close(s, &stream->hop.flow);
	sip_stream_gone(s, now, number);
}

uint64_t sip_stream_of_node(const struct sip_usage *s, const struct node_id *node)
{
	size_t cursor = 0;
	void *value;

	while (map_next(s->streams, &cursor, NULL, &value)) {
		const struct sip_stream *stream = value;

		if (stream->hop.flow.transport == SIP_OVERLAY && node_id_equal(&stream->hop.node, node))
			return stream->number;
	}
	return 0;
}

uint64_t sip_stream_of_phone(const struct sip_usage *s, const struct address *address)
{
	size_t cursor = 0;
	void *value;

	while (map_next(s->streams, &cursor, NULL, &value)) {
		const struct sip_stream *stream = value;

		if (stream->hop.flow.transport == SIP_TCP &&
		    (address_equal(&stream->advertised, address) ||
		     address_equal(&stream->hop.flow.remote, address)))
			return stream->number;
	}
	return 0;
}

void sip_stream_advertise(struct sip_usage *s, uint64_t number, const struct address *address)
{
	struct sip_stream *stream = sip_stream_find(s, number);

	if (stream != NULL)
		stream->advertised = *address;
}

void sip_stream_identify(struct sip_usage *s, uint64_t number, const struct sip_node *node)
{
	struct sip_stream *stream = sip_stream_find(s, number);
	size_t size = strlen(node->user) + 1;
	char *user;

	if (stream == NULL)
		return;
	user = memory_alloc(size);
	memcpy(user, node->user, size);
	free((char *)stream->identity.user);
	stream->identity = *node;
	stream->identity.user = user;
}

bool sip_stream_identity(const struct sip_usage *s, const struct node_id *node, struct sip_node *out)
{
	const struct sip_stream *stream = sip_stream_find(s, sip_stream_of_node(s, node));

	if (stream == NULL || stream->identity.user == NULL)
		return false;
	*out = stream->identity;
	return true;
}

void sip_streams_free(struct sip_usage *s)
{
	size_t cursor = 0;
	void *value;

	while (map_next(s->streams, &cursor, NULL, &value))
		sip_stream_free(value);
}
