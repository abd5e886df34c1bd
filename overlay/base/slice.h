/* SPDX-License-Identifier: MIT */
/* A run of bytes that somebody else owns. */
#ifndef OVERLAY_BASE_SLICE_H
#define OVERLAY_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Borrowed, never freed through a slice. `data` may be NULL only when `len` is 0. */
struct slice {
	const uint8_t *data;
	size_t len;
};

#define SLICE_EMPTY ((struct slice){ NULL, 0 })

static inline struct slice slice_of(const void *data, size_t len)
{
	return (struct slice){ data, len };
}

/* The bytes of a NUL-terminated text, without the NUL. */
static inline struct slice slice_text(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

static inline bool slice_equal(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

#endif
