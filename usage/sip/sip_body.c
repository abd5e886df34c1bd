/* SPDX-License-Identifier: MIT */
/* Session descriptions in bodies, alone or as one part of a multipart/mixed. */
#include "usage/sip/sip_body.h"

#include "usage/sip/sip_text.h"

#define SIP_BOUNDARY_MAX 70 /* RFC 2046 5.1.1 */

static bool sip_is_description(struct slice content_type)
{
	struct slice params;

	return sip_is(sip_trim(sip_cut(content_type, ';', &params)), "application/sdp");
}

/* The delimiter line "--boundary" at or after `at`: true with its place, its end and whether it is the last. */
static bool sip_delimiter_find(struct slice body, struct slice boundary, size_t at, size_t *begin, size_t *end,
			       bool *is_last)
{
	for (; at + 2 + boundary.len <= body.len; at++) {
		size_t i = at + 2 + boundary.len;

		if (memcmp(body.data + at, "--", 2) != 0 ||
		    memcmp(body.data + at + 2, boundary.data, boundary.len) != 0 ||
		    (at > 0 && (at < 2 || memcmp(body.data + at - 2, "\r\n", 2) != 0)))
			continue;
		*begin = at;
		*is_last = body.len - i >= 2 && memcmp(body.data + i, "--", 2) == 0;
		*end = body.len;
		if (*is_last)
			return true;
		while (i < body.len && (body.data[i] == ' ' || body.data[i] == '\t'))
			i++;
		if (body.len - i < 2 || memcmp(body.data + i, "\r\n", 2) != 0)
			continue;
		*end = i + 2;
		return true;
	}
	return false;
}

/* Reads one part: headers, an empty line, content. `*kind` is OPAQUE when it holds a description that is encoded or has
 * a length of its own; false: no part. */
static bool sip_part_read(struct slice part, enum sip_body_kind *kind, struct slice *content)
{
	bool is_description = false, is_plain = true;
	size_t at = 0;

	*kind = SIP_BODY_OTHER;
	for (;;) {
		struct slice line, name, value;
		size_t end = at;

		while (end + 1 < part.len && !(part.data[end] == '\r' && part.data[end + 1] == '\n'))
			end++;
		if (end + 1 >= part.len)
			return false;
		line = slice_of(part.data + at, end - at);
		at = end + 2;
		if (line.len == 0)
			break;
		name = sip_trim(sip_cut(line, ':', &value));
		value = sip_trim(value);
		if (line.data[0] == ' ' || line.data[0] == '\t')
			is_plain = false;
		else if (sip_is(name, "Content-Type") || sip_is(name, "c"))
			is_description = sip_is_description(value);
		else if (sip_is(name, "Content-Transfer-Encoding"))
			is_plain = is_plain && (sip_is(value, "binary") || sip_is(value, "8bit") ||
						sip_is(value, "7bit"));
		else if (sip_is(name, "Content-Encoding") || sip_is(name, "e") || sip_is(name, "Content-Length") ||
			 sip_is(name, "l"))
			is_plain = false;
	}
	if (is_description)
		*kind = is_plain ? SIP_BODY_DESCRIPTION : SIP_BODY_OPAQUE;
	*content = slice_of(part.data + at, part.len - at);
	return true;
}

static enum sip_body_kind sip_multipart_find(struct slice body, struct slice boundary, struct slice *description)
{
	enum sip_body_kind found = SIP_BODY_OTHER, kind;
	size_t begin, end, next_begin, next_end;
	struct slice content;
	bool is_last;

	if (!sip_delimiter_find(body, boundary, 0, &begin, &end, &is_last))
		return SIP_BODY_OTHER;
	while (!is_last) {
		if (!sip_delimiter_find(body, boundary, end, &next_begin, &next_end, &is_last) ||
		    next_begin - end < 2)
			return SIP_BODY_OPAQUE;
		if (!sip_part_read(slice_of(body.data + end, next_begin - end - 2), &kind, &content))
			return SIP_BODY_OPAQUE;
		if (kind != SIP_BODY_OTHER) {
			if (found != SIP_BODY_OTHER || kind == SIP_BODY_OPAQUE)
				return SIP_BODY_OPAQUE;
			found = kind;
			*description = content;
		}
		end = next_end;
	}
	return found;
}

/* Somewhere in a body that is not taken apart a description is announced. */
static bool sip_mentions_description(struct slice body)
{
	static const char text[] = "application/sdp";

	for (size_t i = 0; i + sizeof(text) - 1 <= body.len; i++)
		if (sip_is(slice_of(body.data + i, sizeof(text) - 1), text))
			return true;
	return false;
}

enum sip_body_kind sip_body_find(const struct sip_message *m, struct slice *description)
{
	const struct sip_header *type = sip_message_first(m, SIP_HEADER_CONTENT_TYPE);
	const struct sip_header *encoding = sip_message_first(m, SIP_HEADER_CONTENT_ENCODING);
	bool is_encoded = encoding != NULL && !sip_is(encoding->value, "identity");
	struct slice params, boundary, media_type;

	if (type == NULL || m->body.len == 0)
		return SIP_BODY_OTHER;
	if (sip_is_description(type->value)) {
		*description = m->body;
		return is_encoded ? SIP_BODY_OPAQUE : SIP_BODY_DESCRIPTION;
	}
	media_type = sip_trim(sip_cut(type->value, ';', &params));
	if (media_type.len < 10 || !sip_is(slice_of(media_type.data, 10), "multipart/"))
		return SIP_BODY_OTHER;
	if (!sip_is(media_type, "multipart/mixed") || is_encoded || !sip_param(params, "boundary", &boundary))
		return is_encoded || sip_mentions_description(m->body) ? SIP_BODY_OPAQUE : SIP_BODY_OTHER;
	boundary = sip_unquote(boundary);
	if (boundary.len == 0 || boundary.len > SIP_BOUNDARY_MAX)
		return SIP_BODY_OPAQUE;
	return sip_multipart_find(m->body, boundary, description);
}
