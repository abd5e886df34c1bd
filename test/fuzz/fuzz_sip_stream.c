/* SPDX-License-Identifier: MIT */
/* A stream at the proxy. The first byte's lowest bit says whether a phone or another proxy sends it, the
 * rest of it how it is cut into pieces. */
#include "test/fuzz/sip_fixture.h"

#define STREAM (1ull << 63 | 1)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct now now = net_now(sip_fixture_net());
	struct sip_flow flow = { .transport = SIP_TCP, .stream = STREAM, .remote = sip_fixture_phone() };
	struct sip_node far = { .id = { .bytes = { 1, 2, 3 } }, .user = "" };
	struct sip_usage *s;
	size_t piece;

	if (size == 0)
		return 0;
	s = sip_fixture_open();
	now = net_now(sip_fixture_net());
	piece = data[0] >> 1 == 0 ? size : (size_t)(data[0] >> 1);
	if ((data[0] & 1) != 0)
		sip_usage_app_link(s, now, STREAM, &far, false);
	else
		sip_usage_stream_open(s, now, &flow);
	for (size_t at = 1; at < size; at += piece) {
		size_t len = size - at < piece ? size - at : piece;

		sip_usage_stream_bytes(s, now, STREAM, slice_of(data + at, len));
		sip_fixture_drain(s);
	}
	sip_usage_stream_closed(s, now, STREAM);
	sip_fixture_close(s);
	return 0;
}
