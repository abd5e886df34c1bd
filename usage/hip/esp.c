/* SPDX-License-Identifier: MIT */
/* Packets of one direction of an SA (RFC 4303 2, 3.3, 3.4). The sequence number's high half is not sent: the receiver
 * takes the one that puts the packet nearest to its window (Appendix A2). */
#include "usage/hip/esp.h"

#include "overlay/base/invariant.h"

#define ESP_NEXT_HEADER_DUMMY 59 /* 2.6: discarded without a word */
#define ESP_TRAILER 2            /* pad length and next header */

int esp_sa_init(struct esp_sa *sa, const struct host_security *security, enum host_esp_suite suite, uint32_t spi,
		struct slice key, struct slice authentication, bool seals)
{
	struct esp_sa made = { .security = security, .spi = spi };
	int err;

	if (!host_esp_shape(suite, &made.shape))
		return ERR_UNSUPPORTED;
	if (key.len != made.shape.key || authentication.len != made.shape.authentication)
		return ERR_KEY;
	invariant(made.shape.block >= 4 && made.shape.block <= 16 && made.shape.iv <= 16 && made.shape.icv <= 16);
	err = security->ops->esp_key_new(security->ctx, suite, key, authentication, seals, &made.key);
	if (err == 0)
		*sa = made;
	return err;
}

void esp_sa_free(struct esp_sa *sa)
{
	if (sa->key != NULL)
		sa->security->ops->esp_key_free(sa->security->ctx, sa->key);
	*sa = (struct esp_sa){ 0 };
}

bool esp_sa_wants_rekey(const struct esp_sa *sa)
{
	return sa->key != NULL && (sa->sequence >= ESP_SEQUENCE_REKEY || sa->bytes >= ESP_BYTES_REKEY);
}

static void esp_header(uint8_t header[ESP_HEADER_LENGTH], uint32_t spi, uint64_t sequence)
{
	struct writer w = writer_of(header, ESP_HEADER_LENGTH);

	writer_u32(&w, spi);
	writer_u32(&w, (uint32_t)sequence);
}

/* ---- Sending ---- */

int esp_seal(struct esp_sa *sa, uint8_t next_header, const struct slice *parts, size_t count, struct writer *out)
{
	const struct host_esp_shape *shape = &sa->shape;
	size_t len = 0, padding, whole;
	uint8_t *header, *iv, *data, *at;
	int err;

	invariant(sa->key != NULL);
	for (size_t i = 0; i < count; i++) {
		if (parts[i].len > ESP_PAYLOAD_MAX - len)
			return ERR_LIMIT;
		len += parts[i].len;
	}
	padding = (shape->block - (len + ESP_TRAILER) % shape->block) % shape->block;
	whole = ESP_HEADER_LENGTH + shape->iv + len + padding + ESP_TRAILER + shape->icv;
	if (sa->sequence == UINT64_MAX || out->err != 0 || out->cap - out->len < whole)
		return ERR_LIMIT;
	header = out->data + out->len;
	iv = header + ESP_HEADER_LENGTH;
	data = at = iv + shape->iv;
	esp_header(header, sa->spi, sa->sequence + 1);
	for (size_t i = 0; i < count; at += parts[i++].len)
		if (parts[i].len > 0)
			memcpy(at, parts[i].data, parts[i].len);
	for (uint8_t i = 1; i <= padding; i++)
		*at++ = i;
	*at++ = (uint8_t)padding;
	*at++ = next_header;
	/* The number is used up even when sealing fails: a nonce is never used twice. */
	sa->sequence++;
	err = sa->security->ops->esp_seal(sa->security->ctx, sa->key, header, (uint32_t)(sa->sequence >> 32), iv, data,
					  (size_t)(at - data), at);
	if (err != 0)
		return err;
	out->len += whole;
	sa->packets++;
	sa->bytes += len;
	return 0;
}

/* ---- Receiving ---- */

/* Appendix A2.2: the number with these low bits that is in the window, or else the next above it. False: none. */
static bool esp_infer(const struct esp_sa *sa, uint32_t low, uint64_t *sequence)
{
	uint32_t top = (uint32_t)sa->sequence, high = (uint32_t)(sa->sequence >> 32);
	uint32_t bottom = top - (ESP_REPLAY_WINDOW - 1); /* wraps when the window spans two subspaces */

	if (top >= ESP_REPLAY_WINDOW - 1) {
		if (low < bottom && high++ == UINT32_MAX)
			return false;
	} else if (low >= bottom && high-- == 0) {
		return false;
	}
	*sequence = (uint64_t)high << 32 | low;
	return *sequence != 0;
}

static bool esp_is_seen(const struct esp_sa *sa, uint64_t sequence)
{
	size_t bit = sequence % ESP_REPLAY_WINDOW;

	if (sequence > sa->sequence)
		return false;
	return sa->sequence - sequence >= ESP_REPLAY_WINDOW || (sa->window[bit / 64] >> bit % 64 & 1) != 0;
}

/* A ring of bits: what comes into the window is cleared first. */
static void esp_see(struct esp_sa *sa, uint64_t sequence)
{
	size_t bit = sequence % ESP_REPLAY_WINDOW;

	if (sequence > sa->sequence && sequence - sa->sequence >= ESP_REPLAY_WINDOW)
		memset(sa->window, 0, sizeof(sa->window));
	else
		for (uint64_t i = sa->sequence + 1; i < sequence; i++)
			sa->window[i % ESP_REPLAY_WINDOW / 64] &= ~(UINT64_C(1) << i % 64);
	if (sequence > sa->sequence)
		sa->sequence = sequence;
	sa->window[bit / 64] |= UINT64_C(1) << bit % 64;
}

/* 2.4: the padding says what it should. A dummy packet's contents mean nothing. */
static int esp_unpad(const uint8_t *data, size_t len, uint8_t *next_header, struct slice *payload)
{
	size_t padding = data[len - 2];

	*next_header = data[len - 1];
	*payload = slice_of(data, 0);
	if (*next_header == ESP_NEXT_HEADER_DUMMY)
		return 0;
	if (padding > len - ESP_TRAILER)
		return ERR_MALFORMED;
	len -= ESP_TRAILER + padding;
	for (size_t i = 0; i < padding; i++)
		if (data[len + i] != i + 1)
			return ERR_MALFORMED;
	*payload = slice_of(data, len);
	return 0;
}

int esp_open(struct esp_sa *sa, uint8_t *packet, size_t len, uint8_t *next_header, struct slice *payload)
{
	const struct host_esp_shape *shape = &sa->shape;
	size_t fixed = ESP_HEADER_LENGTH + (size_t)shape->iv + shape->icv, inner;
	struct reader r = reader_of(slice_of(packet, len));
	uint8_t *data = packet + ESP_HEADER_LENGTH + shape->iv;
	uint64_t sequence;
	int err;

	invariant(sa->key != NULL);
	if (len < fixed + shape->block)
		return ERR_TRUNCATED;
	inner = len - fixed;
	if (inner % shape->block != 0)
		return ERR_MALFORMED;
	reader_u32(&r);
	if (!esp_infer(sa, reader_u32(&r), &sequence) || esp_is_seen(sa, sequence)) {
		sa->replayed++;
		return ERR_DUPLICATE;
	}
	err = sa->security->ops->esp_open(sa->security->ctx, sa->key, packet, (uint32_t)(sequence >> 32),
					  packet + ESP_HEADER_LENGTH, data, inner, data + inner);
	if (err != 0) {
		sa->refused++;
		return err;
	}
	esp_see(sa, sequence);
	sa->packets++;
	err = esp_unpad(data, inner, next_header, payload);
	if (err != 0)
		sa->refused++;
	else
		sa->bytes += payload->len;
	return err;
}
