/* SPDX-License-Identifier: MIT */
/* Destination, Destination List and Via List. */
#include "overlay/wire/destination.h"

#include "overlay/wire/list.h"

#define DESTINATION_LIST_MAX 256    /* entries */
#define DESTINATION_COMPACT_BIT 0x80 /* of the first byte */
#define DESTINATION_TYPE_MAX 127

/* What follows the type byte. */
static void destination_data_get(struct reader *r, struct destination *d)
{
	struct reader data = reader_sub8(r);

	switch (d->type) {
	case 0: /* invalidDestinationType */
		reader_fail(&data, ERR_MALFORMED);
		break;
	case DESTINATION_NODE:
		node_id_get(&data, &d->id.node);
		break;
	case DESTINATION_RESOURCE:
		d->id.bytes = reader_opaque8(&data);
		if (d->id.bytes.len == 0 || d->id.bytes.len > RESOURCE_ID_MAX)
			reader_fail(&data, ERR_MALFORMED);
		break;
	case DESTINATION_OPAQUE:
		d->id.bytes = reader_opaque8(&data);
		break;
	default:
		d->id.bytes = reader_bytes(&data, reader_left(&data));
		break;
	}
	/* A wrong inner length is a malformed Destination, not a message that ended early. */
	if (reader_finish(&data) != 0)
		data.err = ERR_MALFORMED;
	reader_join(r, &data);
}

/* struct { DestinationType type; uint8 length; DestinationData destination_data; } Destination;
 * struct { uint16 opaque_id; -- top bit MUST be 1 -- } Destination; */
void destination_get(struct reader *r, struct destination *d)
{
	uint8_t first = reader_u8(r);

	if (r->err == 0 && (first & DESTINATION_COMPACT_BIT) != 0) {
		d->type = DESTINATION_COMPACT;
		d->id.compact = (uint16_t)(first << 8 | reader_u8(r));
		return;
	}
	d->type = first;
	destination_data_get(r, d);
}

void destination_put(struct writer *w, const struct destination *d)
{
	size_t place;

	if (d->type == DESTINATION_COMPACT) {
		if ((d->id.compact & DESTINATION_COMPACT_BIT << 8) == 0)
			writer_fail(w, ERR_MALFORMED);
		writer_u16(w, d->id.compact);
		return;
	}
	if (d->type == 0 || d->type > DESTINATION_TYPE_MAX) {
		writer_fail(w, ERR_MALFORMED);
		return;
	}
	writer_u8(w, (uint8_t)d->type);
	place = writer_begin8(w);
	switch (d->type) {
	case DESTINATION_NODE:
		node_id_put(w, &d->id.node);
		break;
	case DESTINATION_RESOURCE:
		if (d->id.bytes.len == 0 || d->id.bytes.len > RESOURCE_ID_MAX)
			writer_fail(w, ERR_MALFORMED);
		writer_opaque8(w, d->id.bytes);
		break;
	case DESTINATION_OPAQUE:
		writer_opaque8(w, d->id.bytes);
		break;
	default:
		writer_bytes(w, d->id.bytes);
		break;
	}
	writer_end8(w, place);
}

static void destination_skip(struct reader *r)
{
	uint8_t first = reader_u8(r);

	if ((first & DESTINATION_COMPACT_BIT) != 0)
		reader_u8(r);
	else
		reader_opaque8(r);
}

int destination_list_get(struct slice bytes, struct arena *a, struct destination_list *list)
{
	struct reader r = reader_of(bytes);

	list->items = list_room(&r, a, DESTINATION_LIST_MAX, destination_skip, sizeof(struct destination),
				&list->count);
	for (size_t i = 0; i < list->count; i++)
		destination_get(&r, &list->items[i]);
	return reader_finish(&r);
}

void destination_list_put(struct writer *w, const struct destination_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		destination_put(w, &list->items[i]);
}

int destination_list_first(struct slice bytes, struct destination *first, struct slice *rest)
{
	struct reader r = reader_of(bytes);

	destination_get(&r, first);
	*rest = reader_bytes(&r, reader_left(&r));
	return r.err;
}

bool destination_list_has_duplicates(const struct destination_list *list)
{
	for (size_t i = 1; i < list->count; i++)
		for (size_t j = 0; j < i; j++)
			if (destination_equal(&list->items[i], &list->items[j]))
				return true;
	return false;
}

/* A two-byte opaque ID stands for the full form of the same bytes (RFC 6940 6.3.2.2). */
static bool destination_is_compact_of(const struct destination *compact, const struct destination *full)
{
	return compact->type == DESTINATION_COMPACT && full->type == DESTINATION_OPAQUE &&
	       full->id.bytes.len == 2 && full->id.bytes.data[0] == compact->id.compact >> 8 &&
	       full->id.bytes.data[1] == (compact->id.compact & 0xff);
}

bool destination_equal(const struct destination *a, const struct destination *b)
{
	if (a->type != b->type)
		return destination_is_compact_of(a, b) || destination_is_compact_of(b, a);
	if (a->type == DESTINATION_COMPACT)
		return a->id.compact == b->id.compact;
	if (a->type == DESTINATION_NODE)
		return node_id_equal(&a->id.node, &b->id.node);
	return slice_equal(a->id.bytes, b->id.bytes);
}

struct destination destination_of_node(const struct node_id *id)
{
	return (struct destination){ .type = DESTINATION_NODE, .id.node = *id };
}

struct destination destination_of_resource(const struct resource_id *id)
{
	return (struct destination){ .type = DESTINATION_RESOURCE, .id.bytes = resource_id_slice(id) };
}
