/* SPDX-License-Identifier: MIT */
/* Bounded big-endian input with a sticky error. */
#include "overlay/base/reader.h"

#include <endian.h>

static int reader_fail_at(struct reader *r, int err, const uint8_t *stopped)
{
	if (r->err == 0) {
		r->err = err;
		r->stopped = stopped;
	}
	r->at = r->end;
	return r->err;
}

int reader_fail(struct reader *r, int err)
{
	return reader_fail_at(r, err, r->at);
}

/* The next `len` bytes, moved past; NULL when there are fewer. */
static const uint8_t *reader_take(struct reader *r, size_t len)
{
	const uint8_t *at = r->at;

	if (reader_left(r) < len) {
		reader_fail(r, ERR_TRUNCATED);
		return NULL;
	}
	/* Adding even 0 to NULL is undefined, and an empty input may have no address. */
	if (len != 0)
		r->at += len;
	return at;
}

uint8_t reader_u8(struct reader *r)
{
	const uint8_t *p = reader_take(r, 1);

	return p == NULL ? 0 : p[0];
}

uint16_t reader_u16(struct reader *r)
{
	const uint8_t *p = reader_take(r, 2);
	uint16_t v;

	if (p == NULL)
		return 0;
	memcpy(&v, p, sizeof(v));
	return be16toh(v);
}

uint32_t reader_u24(struct reader *r)
{
	const uint8_t *p = reader_take(r, 3);

	return p == NULL ? 0 : (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

uint32_t reader_u32(struct reader *r)
{
	const uint8_t *p = reader_take(r, 4);
	uint32_t v;

	if (p == NULL)
		return 0;
	memcpy(&v, p, sizeof(v));
	return be32toh(v);
}

uint64_t reader_u64(struct reader *r)
{
	const uint8_t *p = reader_take(r, 8);
	uint64_t v;

	if (p == NULL)
		return 0;
	memcpy(&v, p, sizeof(v));
	return be64toh(v);
}

bool reader_bool(struct reader *r)
{
	uint8_t v = reader_u8(r);

	if (v > 1)
		reader_fail(r, ERR_MALFORMED);
	return v == 1;
}

struct slice reader_bytes(struct reader *r, size_t len)
{
	const uint8_t *p = reader_take(r, len);

	return p == NULL ? SLICE_EMPTY : slice_of(p, len);
}

void reader_copy(struct reader *r, void *out, size_t len)
{
	const uint8_t *p = reader_take(r, len);

	if (len == 0)
		return;
	if (p == NULL)
		memset(out, 0, len);
	else
		memcpy(out, p, len);
}

struct slice reader_opaque8(struct reader *r)
{
	size_t len = reader_u8(r);

	return reader_bytes(r, len);
}

struct slice reader_opaque16(struct reader *r)
{
	size_t len = reader_u16(r);

	return reader_bytes(r, len);
}

struct slice reader_opaque24(struct reader *r)
{
	size_t len = reader_u24(r);

	return reader_bytes(r, len);
}

struct slice reader_opaque32(struct reader *r)
{
	size_t len = reader_u32(r);

	return reader_bytes(r, len);
}

/* The inner reader over `bytes`, which were just read from `outer`. */
static struct reader reader_sub(const struct reader *outer, struct slice bytes)
{
	struct reader inner = reader_of(bytes);

	inner.err = outer->err;
	inner.stopped = outer->stopped;
	return inner;
}

struct reader reader_sub8(struct reader *r)
{
	struct slice bytes = reader_opaque8(r);

	return reader_sub(r, bytes);
}

struct reader reader_sub16(struct reader *r)
{
	struct slice bytes = reader_opaque16(r);

	return reader_sub(r, bytes);
}

struct reader reader_sub24(struct reader *r)
{
	struct slice bytes = reader_opaque24(r);

	return reader_sub(r, bytes);
}

struct reader reader_sub32(struct reader *r)
{
	struct slice bytes = reader_opaque32(r);

	return reader_sub(r, bytes);
}

void reader_join(struct reader *outer, struct reader *inner)
{
	int err = reader_finish(inner);

	if (err != 0)
		reader_fail_at(outer, err, inner->stopped);
}

int reader_finish(struct reader *r)
{
	if (reader_more(r))
		return reader_fail(r, ERR_TRAILING);
	return r->err;
}
