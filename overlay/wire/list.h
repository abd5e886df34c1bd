/* SPDX-License-Identifier: MIT */
/* Lists of entries of varying size: counted before room is made for them, so that memory follows what is
 * really there and never what a length field claims. For the codecs of this folder only. */
#ifndef OVERLAY_WIRE_LIST_H
#define OVERLAY_WIRE_LIST_H

#include "overlay/base/arena.h"
#include "overlay/base/reader.h"

/* Moves past one entry; takes at least one byte or fails. */
typedef void list_skip_fn(struct reader *r);

/* Room in `a` for the entries in all that is left of `list`, whose position does not change. NULL with
 * *count == 0 for an empty list, and after a failure of `list`: ERR_LIMIT for more than `limit` entries or a
 * full arena, or what `skip` met. */
void *list_room(struct reader *list, struct arena *a, size_t limit, list_skip_fn *skip, size_t size,
		size_t *count);

#endif
