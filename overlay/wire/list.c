/* SPDX-License-Identifier: MIT */
/* Counting a list before it is decoded. */
#include "overlay/wire/list.h"

void *list_room(struct reader *list, struct arena *a, size_t limit, list_skip_fn *skip, size_t size,
		size_t *count)
{
	struct reader ahead = *list;
	size_t n = 0;
	void *room;

	*count = 0;
	while (reader_more(&ahead)) {
		if (n++ == limit)
			reader_fail(&ahead, ERR_LIMIT);
		else
			skip(&ahead);
	}
	if (ahead.err != 0)
		*list = ahead;
	if (list->err != 0 || n == 0)
		return NULL;
	room = arena_array(a, n, size);
	if (room == NULL)
		reader_fail(list, ERR_LIMIT);
	else
		*count = n;
	return room;
}
