/* SPDX-License-Identifier: MIT */
/* What another host sends through ESP to the TUN device, and packets of programs here. */
#include "node/hip_lsi.h"
#include "overlay/base/invariant.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct hit own = { { 0x20, 0x01, 0x00, 0x22, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x44, 0x55, 0x66 } };
static const struct hit other = { { 0x20, 0x01, 0x00, 0x22, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0x77, 0x88, 0x99 } };

/* The answer to what went out: ports the other way round. */
static void answer(struct hip_lsi *l, const struct hip_inner *inner)
{
	uint8_t bytes[HIP_INNER_MAX], out[HIP_INNER_MAX];
	size_t len = inner->payload.len;

	if (len < 8 || len > sizeof(bytes))
		return;
	memcpy(bytes, inner->payload.data, len);
	memcpy(bytes, inner->payload.data + 2, 2);
	memcpy(bytes + 2, inner->payload.data, 2);
	invariant(hip_lsi_inwards(l, &inner->to, inner->next_header, slice_of(bytes, len), out) <= sizeof(out));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hip_lsi *l = hip_lsi_new(&own, 1);
	uint8_t packet[HIP_INNER_MAX], out[HIP_INNER_MAX];
	struct hip_inner inner;

	(void)hip_lsi_of(l, &other);
	if (size >= 2 && size - 2 <= sizeof(packet)) {
		memcpy(packet, data + 2, size - 2);
		if (data[0] % 2 == 0 && hip_lsi_outwards(l, packet, size - 2, &inner) == 0)
			answer(l, &inner);
		else if (data[0] % 2 == 1)
			invariant(hip_lsi_inwards(l, &other, data[1], slice_of(packet, size - 2), out) <= sizeof(out));
	}
	hip_lsi_free(l);
	return 0;
}
