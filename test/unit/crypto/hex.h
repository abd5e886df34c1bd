/* SPDX-License-Identifier: MIT */
/* Test vectors as they are printed. */
#ifndef TEST_UNIT_CRYPTO_HEX_H
#define TEST_UNIT_CRYPTO_HEX_H

#include <check.h>
#include <stdio.h>

#include "overlay/base/slice.h"

struct hex_bytes {
	uint8_t bytes[512];
	size_t len;
};

/* The bytes of pairs of hex digits; blanks between pairs are skipped. */
static inline struct hex_bytes hex(const char *text)
{
	struct hex_bytes out = { 0 };

	while (*text != '\0') {
		unsigned value;

		if (*text == ' ') {
			text++;
			continue;
		}
		ck_assert_uint_lt(out.len, sizeof(out.bytes));
		ck_assert_int_eq(sscanf(text, "%2x", &value), 1);
		out.bytes[out.len++] = (uint8_t)value;
		text += 2;
	}
	return out;
}

static inline struct slice hex_slice(const struct hex_bytes *x)
{
	return slice_of(x->bytes, x->len);
}

#endif
