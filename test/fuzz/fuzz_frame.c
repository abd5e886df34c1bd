/* SPDX-License-Identifier: MIT */
/* A stream of frames: whatever frame_cut takes off, frame_put writes the same. */
#include "overlay/wire/frame.h"

#include "test/fuzz/round_trip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_of(slice_of(data, size));
	uint8_t *buffer = memory_alloc(size + 16);

	while (reader_more(&r)) {
		struct reader rest = r;
		struct writer w = writer_of(buffer, size + 16);
		struct frame f;
		size_t taken = 0;

		if (frame_cut(reader_bytes(&rest, reader_left(&rest)), 5000, &f, &taken) != 1)
			break;
		invariant(taken > 0 && taken <= reader_left(&r));
		frame_put(&w, &f);
		invariant(w.err == 0 && slice_equal(writer_slice(&w), reader_bytes(&r, taken)));
	}
	free(buffer);
	return 0;
}
