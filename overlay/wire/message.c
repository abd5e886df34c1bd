/* SPDX-License-Identifier: MIT */
/* MessageContents, whole messages, the Error body. */
#include "overlay/wire/message.h"

#include "overlay/wire/list.h"
#include "overlay/wire/method.h"

#define MESSAGE_LENGTH_PLACE 16 /* of the forwarding header's length field, in bytes from its start */

static void message_extension_skip(struct reader *r)
{
	reader_u16(r);
	reader_u8(r);
	reader_opaque32(r);
}

static bool message_code_is_valid(uint16_t code)
{
	return code == MESSAGE_CODE_ERROR || (code > 0 && code < 0x8000);
}

/* struct { MessageExtensionType type; Boolean critical; opaque extension_contents<0..2^32-1>; }
 *   MessageExtension;
 * struct { uint16 message_code; opaque message_body<0..2^32-1>; MessageExtension extensions<0..2^32-1>; }
 *   MessageContents; */
int message_contents_get(struct reader *r, struct arena *a, struct message_contents *c)
{
	struct reader list;

	c->code = reader_u16(r);
	c->body = reader_opaque32(r);
	list = reader_sub32(r);
	c->extensions = list_room(&list, a, MESSAGE_EXTENSIONS_MAX, message_extension_skip,
				  sizeof(struct message_extension), &c->extension_count);
	for (size_t i = 0; i < c->extension_count; i++) {
		struct message_extension *e = &c->extensions[i];

		e->type = reader_u16(&list);
		e->critical = reader_bool(&list);
		e->contents = reader_opaque32(&list);
	}
	reader_join(r, &list);
	if (!message_code_is_valid(c->code))
		reader_fail(r, ERR_MALFORMED);
	return r->err;
}

void message_contents_put(struct writer *w, const struct message_contents *c)
{
	size_t place;

	if (!message_code_is_valid(c->code))
		writer_fail(w, ERR_MALFORMED);
	writer_u16(w, c->code);
	writer_opaque32(w, c->body);
	place = writer_begin32(w);
	for (size_t i = 0; i < c->extension_count; i++) {
		const struct message_extension *e = &c->extensions[i];

		writer_u16(w, e->type);
		writer_bool(w, e->critical);
		writer_opaque32(w, e->contents);
	}
	writer_end32(w, place);
}

/* What was read between `from` and `r`, two readers of the same bytes. */
static struct slice message_bytes_between(struct reader from, const struct reader *r)
{
	return reader_bytes(&from, reader_left(&from) - reader_left(r));
}

int message_get(struct slice bytes, struct arena *a, struct message *m)
{
	struct reader r = reader_of(bytes);
	struct reader start = r;

	forwarding_header_get(&r, &m->header);
	m->header_bytes = message_bytes_between(start, &r);
	if (r.err == 0 && m->header.length != bytes.len)
		reader_fail(&r, ERR_MALFORMED);
	start = r;
	message_contents_get(&r, a, &m->contents);
	m->contents_bytes = message_bytes_between(start, &r);
	security_block_get(&r, a, &m->security);
	return reader_finish(&r);
}

void message_put(struct writer *w, const struct message *m)
{
	size_t start = w->len;

	forwarding_header_put(w, &m->header);
	message_contents_put(w, &m->contents);
	security_block_put(w, &m->security);
	if (w->len - start > UINT32_MAX)
		writer_fail(w, ERR_LIMIT);
	writer_patch_u32(w, start + MESSAGE_LENGTH_PLACE, (uint32_t)(w->len - start));
}

/* struct { uint16 error_code; opaque error_info<0..2^16-1>; } ErrorResponse; */
void error_response_get(struct reader *r, struct error_response *e)
{
	e->code = reader_u16(r);
	e->info = reader_opaque16(r);
}

void error_response_put(struct writer *w, const struct error_response *e)
{
	writer_u16(w, e->code);
	writer_opaque16(w, e->info);
}

static void kind_id_skip(struct reader *r)
{
	reader_u32(r);
}

/* typedef uint32 KindId; KindId kinds<0..2^8-1>; */
int kind_id_list_get(struct reader *r, struct arena *a, uint32_t **kinds, size_t *count)
{
	struct reader list = reader_sub8(r);

	*kinds = list_room(&list, a, UINT8_MAX / sizeof(uint32_t), kind_id_skip, sizeof(uint32_t), count);
	for (size_t i = 0; i < *count; i++)
		(*kinds)[i] = reader_u32(&list);
	reader_join(r, &list);
	return r->err;
}

void kind_id_list_put(struct writer *w, const uint32_t *kinds, size_t count)
{
	size_t place = writer_begin8(w);

	for (size_t i = 0; i < count; i++)
		writer_u32(w, kinds[i]);
	writer_end8(w, place);
}
