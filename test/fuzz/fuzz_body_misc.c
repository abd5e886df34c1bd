/* SPDX-License-Identifier: MIT */
/* Ping, Probe, ConfigUpdate, Inspect and TurnServer. */
#include "overlay/wire/body_misc.h"

#include "test/fuzz/round_trip.h"

ROUND_TRIP(ping_req)
ROUND_TRIP(ping_ans)
ROUND_TRIP(probe_req)
ROUND_TRIP(probe_ans)
ROUND_TRIP(config_update_req)
ROUND_TRIP(inspect_ans)
ROUND_TRIP(turn_server)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct round_trip codecs[] = {
		ROUND_TRIP_ROW(ping_req, true),
		ROUND_TRIP_ROW(ping_ans, true),
		ROUND_TRIP_ROW(probe_req, true),
		ROUND_TRIP_ROW(probe_ans, true),
		ROUND_TRIP_ROW(config_update_req, true),
		ROUND_TRIP_ROW(inspect_ans, false),
		ROUND_TRIP_ROW(turn_server, false),
	};

	return round_trip_choose(codecs, sizeof(codecs) / sizeof(codecs[0]), data, size);
}
