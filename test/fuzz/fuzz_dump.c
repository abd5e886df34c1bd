/* SPDX-License-Identifier: MIT */
/* Dump of whatever comes: every line ends, and only as a line; what message_get refuses is refused. */
#include "overlay/wire/dump.h"

#include "overlay/wire/message.h"
#include "test/fuzz/round_trip.h"

static void check_line(void *ctx, const char *text)
{
	size_t *lines = ctx;
	size_t len = strlen(text);

	invariant(len > 0 && text[len - 1] == '\n' && memchr(text, '\n', len - 1) == NULL);
	(*lines)++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice bytes = slice_of(data, size);
	struct message m;
	struct arena a;
	size_t lines = 0;
	int err;

	err = dump_message(bytes, NULL, check_line, &lines);
	invariant(lines > 0);
	arena_init(&a, ROUND_TRIP_ARENA_CAP);
	/* A fragment is printed as such, so that only a whole message can be compared. */
	if (err == 0 && message_get(bytes, &a, &m) != 0) {
		struct reader r = reader_of(bytes);
		struct forwarding_header h;

		forwarding_header_get(&r, &h);
		invariant((h.fragment & (FRAGMENT_LAST | FRAGMENT_OFFSET)) != FRAGMENT_LAST);
	}
	arena_free(&a);
	dump_frames(bytes, NULL, check_line, &lines);
	return 0;
}
