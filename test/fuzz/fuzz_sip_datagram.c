/* SPDX-License-Identifier: MIT */
/* One datagram at the proxy, from its phone's address; then once more (a retransmission). */
#include "test/fuzz/sip_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sip_usage *s = sip_fixture_open();
	struct address phone = sip_fixture_phone();

	for (unsigned i = 0; i < 2; i++) {
		sip_usage_datagram(s, net_now(sip_fixture_net()), &phone, slice_of(data, size));
		sip_fixture_drain(s);
	}
	sip_fixture_close(s);
	return 0;
}
