/* SPDX-License-Identifier: MIT */
/* The forwarding header, its lists and its options. */
#include "overlay/wire/forwarding_header.h"

#include "test/fuzz/round_trip.h"

#define ROOM 300000 /* bytes: three lists of 65,535 and the fixed part */

static void lists_run(const struct forwarding_header *h, struct arena *a, uint8_t *buffer)
{
	struct writer w = writer_of(buffer, ROOM);
	struct reader r = reader_of(h->options);
	struct destination first;
	struct destination_list list;
	struct slice rest;

	if (destination_list_get(h->destination_list, a, &list) == 0) {
		destination_list_put(&w, &list);
		invariant(w.err == 0 && slice_equal(writer_slice(&w), h->destination_list));
		destination_list_has_duplicates(&list);
		if (list.count > 0) {
			invariant(destination_list_first(h->destination_list, &first, &rest) == 0);
			invariant(destination_equal(&first, &list.items[0]));
		}
	}
	w = writer_of(buffer, ROOM);
	while (reader_more(&r)) {
		struct forwarding_option o;

		forwarding_option_get(&r, &o);
		forwarding_option_put(&w, &o);
	}
	invariant(r.err != 0 || slice_equal(writer_slice(&w), h->options));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_of(slice_of(data, size));
	struct forwarding_header h;
	struct arena a;

	forwarding_header_get(&r, &h);
	if (r.err == 0) {
		uint8_t *buffer = memory_alloc(ROOM);
		struct writer w = writer_of(buffer, ROOM);

		forwarding_header_put(&w, &h);
		invariant(w.err == 0 && w.len == forwarding_header_size(&h));
		invariant(slice_equal(writer_slice(&w), slice_of(data, size - reader_left(&r))));
		arena_init(&a, ROUND_TRIP_ARENA_CAP);
		lists_run(&h, &a, buffer);
		arena_free(&a);
		free(buffer);
	}
	return 0;
}
