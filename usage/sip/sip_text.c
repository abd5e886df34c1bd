/* SPDX-License-Identifier: MIT */
/* Text as SIP has it. */
#include "usage/sip/sip_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "overlay/base/invariant.h"

#define SIP_TEXT_ROOM_FIRST 512 /* bytes */

static void sip_text_reserve(struct sip_text *t, size_t more)
{
	size_t room = t->room == 0 ? SIP_TEXT_ROOM_FIRST : t->room;

	while (room - t->len < more)
		room *= 2;
	if (room == t->room)
		return;
	t->data = memory_resize(t->data, room);
	t->room = room;
}

void sip_text_bytes(struct sip_text *t, struct slice bytes)
{
	sip_text_reserve(t, bytes.len);
	if (bytes.len > 0)
		memcpy(t->data + t->len, bytes.data, bytes.len);
	t->len += bytes.len;
}

void sip_text_add(struct sip_text *t, const char *format, ...)
{
	va_list arguments;
	int len;

	va_start(arguments, format);
	len = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	invariant(len >= 0);
	sip_text_reserve(t, (size_t)len + 1);
	va_start(arguments, format);
	vsnprintf((char *)t->data + t->len, (size_t)len + 1, format, arguments);
	va_end(arguments);
	t->len += (size_t)len;
}

void sip_text_free(struct sip_text *t)
{
	free(t->data);
	*t = (struct sip_text){ 0 };
}

void sip_text_set(struct sip_text *t, struct slice bytes)
{
	t->len = 0;
	sip_text_bytes(t, bytes);
}

static uint8_t sip_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

bool sip_slice_equal_nocase(struct slice a, struct slice b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (sip_lower(a.data[i]) != sip_lower(b.data[i]))
			return false;
	return true;
}

bool sip_is(struct slice s, const char *text)
{
	return sip_slice_equal_nocase(s, slice_text(text));
}

static bool sip_is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct slice sip_trim(struct slice s)
{
	while (s.len > 0 && sip_is_blank(s.data[0])) {
		s.data++;
		s.len--;
	}
	while (s.len > 0 && sip_is_blank(s.data[s.len - 1]))
		s.len--;
	return s;
}

struct slice sip_cut(struct slice s, char separator, struct slice *rest)
{
	bool quoted = false, angled = false;

	for (size_t i = 0; i < s.len; i++) {
		char c = (char)s.data[i];

		if (quoted) {
			if (c == '\\')
				i++;
			else if (c == '"')
				quoted = false;
		} else if (c == separator && !angled) {
			*rest = slice_of(s.data + i + 1, s.len - i - 1);
			return slice_of(s.data, i);
		} else if (c == '"') {
			quoted = true;
		} else if (c == '<') {
			angled = true;
		} else if (c == '>') {
			angled = false;
		}
	}
	*rest = SLICE_EMPTY;
	return s;
}

bool sip_next_element(struct slice *rest, struct slice *element)
{
	while (rest->len > 0) {
		*element = sip_trim(sip_cut(*rest, ',', rest));
		if (element->len > 0)
			return true;
	}
	return false;
}

bool sip_param(struct slice params, const char *name, struct slice *value)
{
	struct slice rest = params;

	while (rest.len > 0) {
		struct slice item = sip_cut(rest, ';', &rest);
		struct slice right;
		struct slice left = sip_trim(sip_cut(item, '=', &right));

		if (sip_is(left, name)) {
			*value = sip_trim(right);
			return true;
		}
	}
	*value = SLICE_EMPTY;
	return false;
}

bool sip_number(struct slice s, uint64_t max, uint64_t *value)
{
	uint64_t v = 0;

	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] < '0' || s.data[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(s.data[i] - '0');
		if (v > max)
			return false;
	}
	*value = v;
	return true;
}

char *sip_copy(char *out, size_t size, struct slice s)
{
	size_t len = s.len < size ? s.len : size - 1;

	for (size_t i = 0; i < len; i++)
		out[i] = (char)(s.data[i] < 0x20 || s.data[i] == 0x7f ? '?' : s.data[i]);
	out[len] = '\0';
	return out;
}

void sip_hex(const uint8_t *bytes, size_t count, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < count; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * count] = '\0';
}

struct slice sip_unquote(struct slice s)
{
	s = sip_trim(s);
	if (s.len >= 2 && s.data[0] == '"' && s.data[s.len - 1] == '"')
		return slice_of(s.data + 1, s.len - 2);
	return s;
}

static int sip_base64_value(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int sip_base64(struct slice text, uint8_t *out, size_t size, size_t *len)
{
	uint32_t bits = 0;
	size_t filled = 0;

	*len = 0;
	for (size_t i = 0; i < text.len; i++) {
		int v = sip_base64_value(text.data[i]);

		if (v < 0)
			return ERR_MALFORMED;
		bits = bits << 6 | (uint32_t)v;
		filled += 6;
		if (filled < 8)
			continue;
		if (*len == size)
			return ERR_MALFORMED;
		filled -= 8;
		out[(*len)++] = (uint8_t)(bits >> filled);
	}
	return 0;
}
