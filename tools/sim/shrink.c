/* SPDX-License-Identifier: MIT */
/* Delta debugging: pieces of ever smaller size are left out for good when the failure stays without them. */
#include "tools/sim/shrink.h"

#include <stdlib.h>
#include <string.h>

#include "overlay/base/invariant.h"

static size_t kept_count(const bool *keep, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		kept += keep[i];
	return kept;
}

/* Drops the next `size` kept ones from `from` on. */
static void piece_drop(bool *out, size_t from, size_t size, size_t count)
{
	size_t dropped = 0;

	for (size_t at = from; at < count && dropped < size; at++) {
		dropped += out[at];
		out[at] = false;
	}
}

/* Tries each piece of that size once, the latest first: what comes late is least often a cause. True when
 * something was left out. */
static bool pieces_try(const struct shrink_options *o, bool *keep, size_t count, size_t size, size_t *tries)
{
	bool *without = memory_alloc(count);
	size_t kept = kept_count(keep, count), pieces = (kept + size - 1) / size;
	bool is_smaller = false;

	for (size_t piece = pieces; piece-- > 0;) {
		size_t from = 0;

		if (o->tries_max != 0 && *tries >= o->tries_max)
			break;
		memcpy(without, keep, count);
		for (size_t skip = piece * size; skip > 0; from++)
			skip -= keep[from];
		piece_drop(without, from, size, count);
		(*tries)++;
		if (o->fails(o->ctx, without, count)) {
			memcpy(keep, without, count);
			is_smaller = true;
		}
		if (o->progress != NULL)
			o->progress(o->ctx, *tries, kept_count(keep, count));
	}
	free(without);
	return is_smaller;
}

size_t shrink(const struct shrink_options *options, bool *keep, size_t count)
{
	size_t tries = 0, size = (kept_count(keep, count) + 1) / 2;

	while (size > 0 && kept_count(keep, count) > 0 &&
	       (options->tries_max == 0 || tries < options->tries_max)) {
		bool is_smaller = pieces_try(options, keep, count, size, &tries);

		if (size == 1 && !is_smaller)
			break;
		if (size > 1)
			size /= 2;
	}
	return kept_count(keep, count);
}
