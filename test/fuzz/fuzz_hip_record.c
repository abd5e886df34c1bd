/* SPDX-License-Identifier: MIT */
/* The value of Kind HIP-RVS. */
#include "overlay/wire/hip_record.h"

#include "test/fuzz/round_trip.h"

ROUND_TRIP(hip_record)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct round_trip codec = ROUND_TRIP_ROW(hip_record, false);

	round_trip_run(&codec, slice_of(data, size));
	return 0;
}
