/* SPDX-License-Identifier: MIT */
/* Node-ID, Resource-ID and arithmetic on the ring of 2^128 points. */
#include "overlay/wire/node_id.h"

#include <endian.h>

#include "overlay/base/hex.h"
#include "overlay/base/invariant.h"

__extension__ typedef unsigned __int128 node_id_number;

const struct node_id NODE_ID_WILDCARD = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
					    0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };

static inline node_id_number node_id_load(const struct node_id *id)
{
	uint64_t half[2];

	memcpy(half, id->bytes, sizeof(half));
	return (node_id_number)be64toh(half[0]) << 64 | be64toh(half[1]);
}

static inline struct node_id node_id_store(node_id_number v)
{
	uint64_t half[2] = { htobe64((uint64_t)(v >> 64)), htobe64((uint64_t)v) };
	struct node_id id;

	memcpy(id.bytes, half, sizeof(half));
	return id;
}

/* typedef opaque NodeId[NodeIdLength]; */
void node_id_get(struct reader *r, struct node_id *id)
{
	reader_copy(r, id->bytes, NODE_ID_LENGTH);
	if (node_id_is_zero(id))
		reader_fail(r, ERR_MALFORMED);
}

void node_id_put(struct writer *w, const struct node_id *id)
{
	if (node_id_is_zero(id))
		writer_fail(w, ERR_MALFORMED);
	writer_bytes(w, slice_of(id->bytes, NODE_ID_LENGTH));
}

int node_id_list_get(struct reader *r, struct arena *a, struct node_id **ids, size_t *count)
{
	struct reader list = reader_sub16(r);
	size_t n = reader_left(&list) / NODE_ID_LENGTH;

	*ids = NULL;
	*count = 0;
	if (n > 0) {
		*ids = arena_array(a, n, sizeof(struct node_id));
		if (*ids == NULL)
			return reader_fail(r, ERR_LIMIT);
	}
	/* A remainder of less than a Node-ID is left over and found by the join. */
	for (size_t i = 0; i < n; i++)
		node_id_get(&list, &(*ids)[i]);
	reader_join(r, &list);
	*count = n;
	return r->err;
}

void node_id_list_put(struct writer *w, const struct node_id *ids, size_t count)
{
	size_t place = writer_begin16(w);

	for (size_t i = 0; i < count; i++)
		node_id_put(w, &ids[i]);
	writer_end16(w, place);
}

/* typedef opaque ResourceId<0..2^8-1>; */
void resource_id_get(struct reader *r, struct resource_id *id)
{
	struct slice bytes = reader_opaque8(r);

	id->length = 0;
	if (r->err == 0 && resource_id_from_slice(bytes, id) != 0)
		reader_fail(r, ERR_MALFORMED);
}

void resource_id_put(struct writer *w, const struct resource_id *id)
{
	if (id->length == 0 || id->length > RESOURCE_ID_MAX)
		writer_fail(w, ERR_MALFORMED);
	else
		writer_opaque8(w, resource_id_slice(id));
}

bool node_id_equal(const struct node_id *a, const struct node_id *b)
{
	return node_id_load(a) == node_id_load(b);
}

bool node_id_is_zero(const struct node_id *id)
{
	return node_id_load(id) == 0;
}

bool node_id_is_wildcard(const struct node_id *id)
{
	return node_id_load(id) == ~(node_id_number)0;
}

int node_id_compare(const struct node_id *a, const struct node_id *b)
{
	node_id_number x = node_id_load(a), y = node_id_load(b);

	return (x > y) - (x < y);
}

bool resource_id_equal(const struct resource_id *a, const struct resource_id *b)
{
	return slice_equal(resource_id_slice(a), resource_id_slice(b));
}

int resource_id_from_slice(struct slice bytes, struct resource_id *id)
{
	if (bytes.len == 0 || bytes.len > RESOURCE_ID_MAX)
		return ERR_MALFORMED;
	id->length = (uint8_t)bytes.len;
	memcpy(id->bytes, bytes.data, bytes.len);
	return 0;
}

int node_id_from_resource_id(const struct resource_id *id, struct node_id *point)
{
	if (id->length != NODE_ID_LENGTH)
		return ERR_MALFORMED;
	memcpy(point->bytes, id->bytes, NODE_ID_LENGTH);
	return 0;
}

struct resource_id resource_id_from_node_id(const struct node_id *id)
{
	struct resource_id resource = { .length = NODE_ID_LENGTH };

	memcpy(resource.bytes, id->bytes, NODE_ID_LENGTH);
	return resource;
}

struct node_id node_id_add_power(const struct node_id *id, unsigned bit)
{
	invariant(bit < 8 * NODE_ID_LENGTH);
	return node_id_store(node_id_load(id) + ((node_id_number)1 << bit));
}

struct node_id node_id_next(const struct node_id *id)
{
	return node_id_store(node_id_load(id) + 1);
}

struct node_id node_id_subtract(const struct node_id *a, const struct node_id *b)
{
	return node_id_store(node_id_load(a) - node_id_load(b));
}

bool node_id_in_range(const struct node_id *x, const struct node_id *after, const struct node_id *upto)
{
	node_id_number start = node_id_load(after);
	/* Distances from `after`, less one: so x == after is the farthest, and equal ends span all. */
	node_id_number to_x = node_id_load(x) - start - 1;
	node_id_number to_end = node_id_load(upto) - start - 1;

	return to_x <= to_end;
}

bool node_id_between(const struct node_id *x, const struct node_id *after, const struct node_id *before)
{
	node_id_number start = node_id_load(after);
	node_id_number to_x = node_id_load(x) - start - 1;
	node_id_number to_end = node_id_load(before) - start - 1;

	return to_x < to_end;
}

uint32_t node_id_share_ppb(const struct node_id *after, const struct node_id *upto)
{
	const uint64_t whole = 1000000000;
	node_id_number span = node_id_load(upto) - node_id_load(after);
	node_id_number high, low;

	if (span == 0)
		return (uint32_t)whole;
	/* span * 10^9 / 2^128 in two halves, as the product needs 158 bits. */
	low = (span & UINT64_MAX) * whole;
	high = (span >> 64) * whole + (low >> 64);
	return (uint32_t)(high >> 64);
}

/* Lower-case hex of `len` bytes and a NUL. */
static void node_id_hex(const uint8_t *bytes, size_t len, char *text)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 0xf];
	}
	text[2 * len] = '\0';
}

const char *node_id_text(const struct node_id *id, char *text)
{
	node_id_hex(id->bytes, NODE_ID_LENGTH, text);
	return text;
}

const char *resource_id_text(const struct resource_id *id, char *text)
{
	node_id_hex(id->bytes, id->length, text);
	return text;
}

int node_id_parse(const char *text, struct node_id *id)
{
	struct node_id parsed;

	for (size_t i = 0; i < NODE_ID_LENGTH; i++) {
		int high = hex_digit(text[2 * i]);
		int low = high < 0 ? -1 : hex_digit(text[2 * i + 1]);

		if (low < 0)
			return ERR_MALFORMED;
		parsed.bytes[i] = (uint8_t)(high << 4 | low);
	}
	if (text[2 * NODE_ID_LENGTH] != '\0')
		return ERR_MALFORMED;
	*id = parsed;
	return 0;
}
