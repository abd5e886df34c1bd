/* SPDX-License-Identifier: MIT */
/* Base 64 with blanks allowed on input and wrapped lines on output. */
#include "node/base64.h"

#include <stdlib.h>

#include "overlay/base/invariant.h"

#define LINE_CHARACTERS 64

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int base64_digit(uint8_t c)
{
	const char *at = c == 0 ? NULL : strchr(ALPHABET, c);

	return at == NULL ? -1 : (int)(at - ALPHABET);
}

static bool is_blank(uint8_t c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

int base64_decode(struct slice text, uint8_t **out, size_t *len)
{
	uint8_t *bytes = memory_alloc(text.len / 4 * 3 + 3);
	uint32_t bits = 0;
	size_t n = 0, digits = 0, padding = 0;

	for (size_t i = 0; i < text.len; i++) {
		int digit;

		if (is_blank(text.data[i]))
			continue;
		digits++;
		if (text.data[i] == '=') {
			padding++;
			bits <<= 6;
		} else {
			digit = base64_digit(text.data[i]);
			if (digit < 0 || padding > 0)
				goto malformed;
			bits = bits << 6 | (uint32_t)digit;
		}
		if (digits % 4 != 0)
			continue;
		if (padding > 2)
			goto malformed;
		bytes[n++] = (uint8_t)(bits >> 16);
		if (padding < 2)
			bytes[n++] = (uint8_t)(bits >> 8);
		if (padding < 1)
			bytes[n++] = (uint8_t)bits;
		bits = 0;
	}
	if (digits % 4 != 0)
		goto malformed;
	*out = bytes;
	*len = n;
	return 0;
malformed:
	free(bytes);
	return ERR_MALFORMED;
}

char *base64_encode(struct slice bytes)
{
	size_t characters = (bytes.len + 2) / 3 * 4;
	char *text = memory_alloc(characters + characters / LINE_CHARACTERS + 1);
	size_t n = 0, column = 0;

	for (size_t i = 0; i < bytes.len; i += 3) {
		size_t left = bytes.len - i;
		uint32_t bits = (uint32_t)bytes.data[i] << 16;

		if (left > 1)
			bits |= (uint32_t)bytes.data[i + 1] << 8;
		if (left > 2)
			bits |= bytes.data[i + 2];
		if (column == LINE_CHARACTERS) {
			text[n++] = '\n';
			column = 0;
		}
		text[n++] = ALPHABET[bits >> 18 & 63];
		text[n++] = ALPHABET[bits >> 12 & 63];
		text[n++] = left > 1 ? ALPHABET[bits >> 6 & 63] : '=';
		text[n++] = left > 2 ? ALPHABET[bits & 63] : '=';
		column += 4;
	}
	text[n] = '\0';
	return text;
}
