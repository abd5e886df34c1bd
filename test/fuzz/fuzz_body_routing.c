/* SPDX-License-Identifier: MIT */
/* Attach, AppAttach, Join, Leave, Update and RouteQuery. Unknown address types make three ambiguous. */
#include "overlay/wire/body_routing.h"

#include "test/fuzz/round_trip.h"

ROUND_TRIP(ice_candidate)
ROUND_TRIP(attach)
ROUND_TRIP(app_attach)
ROUND_TRIP(join_req)
ROUND_TRIP(join_ans)
ROUND_TRIP(leave_req)
ROUND_TRIP(route_query_req)
ROUND_TRIP(route_query_ans)
ROUND_TRIP(chord_update)
ROUND_TRIP(chord_leave)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct round_trip codecs[] = {
		ROUND_TRIP_ROW(ice_candidate, false),
		ROUND_TRIP_ROW(attach, false),
		ROUND_TRIP_ROW(app_attach, false),
		ROUND_TRIP_ROW(join_req, true),
		ROUND_TRIP_ROW(join_ans, true),
		ROUND_TRIP_ROW(leave_req, true),
		ROUND_TRIP_ROW(route_query_req, true),
		ROUND_TRIP_ROW(route_query_ans, true),
		ROUND_TRIP_ROW(chord_update, true),
		ROUND_TRIP_ROW(chord_leave, true),
	};

	return round_trip_choose(codecs, sizeof(codecs) / sizeof(codecs[0]), data, size);
}
