/* SPDX-License-Identifier: MIT */
/* SipRegistration. */
#include "overlay/wire/sip_registration.h"

#include "test/fuzz/round_trip.h"

ROUND_TRIP(sip_registration)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct round_trip codec = ROUND_TRIP_ROW(sip_registration, true);

	round_trip_run(&codec, slice_of(data, size));
	return 0;
}
