/* SPDX-License-Identifier: MIT */
/* One datagram at the proxy, from another phone than the registered one, then once more (a retransmission).
 * The registered one answers an INVITE that comes of it: by the last byte's lowest bits with any of 180, 200, 486. */
#include "overlay/base/invariant.h"
#include "test/fuzz/sip_fixture.h"
#include "usage/sip/sip_edit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void phone_answer(struct sip_usage *s, struct slice invite, unsigned choice)
{
	static const int statuses[] = { 180, 200, 486 };
	struct address phone = sip_fixture_phone();

	for (unsigned i = 0; i < 3; i++) {
		struct sip_text out = { 0 };
		struct sip_message m;

		if ((choice & 1u << i) == 0)
			continue;
		/* What the proxy sends is well-formed whatever it got. */
		invariant(sip_message_parse(&m, invite, false) == 0);
		sip_response_put(&out, &m, NULL, statuses[i], "Phone says", "t", "");
		sip_usage_datagram(s, net_now(sip_fixture_net()), &phone, sip_text_slice(&out));
		sip_text_free(&out);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sip_usage *s = sip_fixture_open();
	struct address caller = sip_fixture_phone();
	struct sip_text invite = { 0 };
	const struct sip_effect *e;

	caller.port++;

	for (unsigned i = 0; i < 2; i++) {
		sip_usage_datagram(s, net_now(sip_fixture_net()), &caller, slice_of(data, size));
		while ((e = sip_usage_next_effect(s)) != NULL)
			if (e->bytes.len > 7 && memcmp(e->bytes.data, "INVITE ", 7) == 0)
				sip_text_set(&invite, e->bytes);
		sip_fixture_drain(s);
	}
	if (invite.len > 0)
		phone_answer(s, sip_text_slice(&invite), data[size - 1] & 7);
	sip_text_free(&invite);
	sip_fixture_close(s);
	return 0;
}
