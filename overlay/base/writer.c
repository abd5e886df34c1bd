/* SPDX-License-Identifier: MIT */
/* Bounded big-endian output with a sticky error and length prefixes filled in afterwards. */
#include "overlay/base/writer.h"

#include <endian.h>

#include "overlay/base/invariant.h"

void writer_fail(struct writer *w, int err)
{
	if (w->err == 0)
		w->err = err;
}

/* The place for `len` more bytes, counted as written; NULL when they do not fit or writing failed. */
static uint8_t *writer_take(struct writer *w, size_t len)
{
	uint8_t *at;

	if (w->err != 0)
		return NULL;
	if (w->cap - w->len < len) {
		w->err = ERR_LIMIT;
		return NULL;
	}
	at = w->data + w->len;
	w->len += len;
	return at;
}

/* The low `width` bytes of `v`, most significant first. */
static void writer_store(uint8_t *at, uint64_t v, size_t width)
{
	uint64_t big = htobe64(v);

	memcpy(at, (const uint8_t *)&big + sizeof(big) - width, width);
}

static void writer_number(struct writer *w, uint64_t v, size_t width)
{
	uint8_t *at = writer_take(w, width);

	if (at != NULL)
		writer_store(at, v, width);
}

void writer_u8(struct writer *w, uint8_t v)
{
	uint8_t *at = writer_take(w, 1);

	if (at != NULL)
		*at = v;
}

void writer_u16(struct writer *w, uint16_t v)
{
	writer_number(w, v, 2);
}

void writer_u24(struct writer *w, uint32_t v)
{
	if (v > 0xffffff)
		writer_fail(w, ERR_LIMIT);
	writer_number(w, v, 3);
}

void writer_u32(struct writer *w, uint32_t v)
{
	writer_number(w, v, 4);
}

void writer_u64(struct writer *w, uint64_t v)
{
	writer_number(w, v, 8);
}

void writer_bool(struct writer *w, bool v)
{
	writer_u8(w, v ? 1 : 0);
}

void writer_bytes(struct writer *w, struct slice bytes)
{
	uint8_t *at;

	if (bytes.len == 0)
		return;
	at = writer_take(w, bytes.len);
	if (at != NULL)
		memcpy(at, bytes.data, bytes.len);
}

static void writer_opaque(struct writer *w, struct slice bytes, size_t width)
{
	if (bytes.len >> (8 * width) != 0) {
		writer_fail(w, ERR_LIMIT);
		return;
	}
	writer_number(w, bytes.len, width);
	writer_bytes(w, bytes);
}

void writer_opaque8(struct writer *w, struct slice bytes)
{
	writer_opaque(w, bytes, 1);
}

void writer_opaque16(struct writer *w, struct slice bytes)
{
	writer_opaque(w, bytes, 2);
}

void writer_opaque24(struct writer *w, struct slice bytes)
{
	writer_opaque(w, bytes, 3);
}

void writer_opaque32(struct writer *w, struct slice bytes)
{
	writer_opaque(w, bytes, 4);
}

static size_t writer_begin(struct writer *w, size_t width)
{
	size_t place = w->len;

	writer_number(w, 0, width);
	return place;
}

static void writer_end(struct writer *w, size_t place, size_t width)
{
	size_t len;

	if (w->err != 0)
		return;
	invariant(place <= w->len && w->len - place >= width);
	len = w->len - place - width;
	if (len >> (8 * width) != 0)
		writer_fail(w, ERR_LIMIT);
	else
		writer_store(w->data + place, len, width);
}

size_t writer_begin8(struct writer *w)
{
	return writer_begin(w, 1);
}

size_t writer_begin16(struct writer *w)
{
	return writer_begin(w, 2);
}

size_t writer_begin24(struct writer *w)
{
	return writer_begin(w, 3);
}

size_t writer_begin32(struct writer *w)
{
	return writer_begin(w, 4);
}

void writer_end8(struct writer *w, size_t place)
{
	writer_end(w, place, 1);
}

void writer_end16(struct writer *w, size_t place)
{
	writer_end(w, place, 2);
}

void writer_end24(struct writer *w, size_t place)
{
	writer_end(w, place, 3);
}

void writer_end32(struct writer *w, size_t place)
{
	writer_end(w, place, 4);
}

void writer_patch_u32(struct writer *w, size_t place, uint32_t v)
{
	if (w->err != 0)
		return;
	invariant(place <= w->len && w->len - place >= sizeof(v));
	writer_store(w->data + place, v, sizeof(v));
}
