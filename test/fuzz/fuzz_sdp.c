/* SPDX-License-Identifier: MIT */
/* Session descriptions: an edit of nothing gives the same bytes; one that takes everything gives a description that
 * reads as it was meant and that the same edit leaves alone. */
#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "usage/media/sdp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_taken(const struct sdp *before, const struct sdp *after, const struct sdp_edit *edit)
{
	invariant(after->media_count == before->media_count);
	invariant(after->hit_count == 1 && hit_equal(&after->hits[0].hit, edit->insert));
	for (size_t i = 0; i < after->media_count; i++) {
		const struct sdp_media *m = &after->media[i];

		invariant(m->hit_count == 0 && m->rtcp_mux == before->media[i].rtcp_mux);
		invariant(m->port == (edit->media[i].take ? edit->media[i].port : before->media[i].port));
		invariant(!edit->media[i].take || address_is_any(&m->connection) ||
			  memcmp(m->connection.bytes, edit->connection.bytes, 16) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct hit own = { { 0x20, 0x01, 0x00, 0x24, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 } };
	struct sdp_edit nothing = { 0 }, all = { .connection = { .type = ADDRESS_IPV4, .bytes = { 127, 0, 0, 1 } },
						 .strip_host_identities = true, .insert = &own, .strip_ice = true };
	struct sip_text first = { 0 }, second = { 0 };
	struct sdp *s = memory_alloc(sizeof(*s)), *again = memory_alloc(sizeof(*again));

	if (sdp_parse(slice_of(data, size), s, NULL, NULL) == 0) {
		invariant(sdp_write(s, &nothing, &first) == 0);
		invariant(slice_equal(sip_text_slice(&first), slice_of(data, size)));
		first.len = 0;
		for (size_t i = 0; i < s->media_count; i++)
			all.media[i] = (struct sdp_media_edit){ s->media[i].port != 0, (uint16_t)(30000 + 2 * i) };
		if (sdp_write(s, &all, &first) == 0) {
			invariant(sdp_parse(sip_text_slice(&first), again, NULL, NULL) == 0);
			check_taken(s, again, &all);
			invariant(sdp_write(again, &all, &second) == 0);
			invariant(slice_equal(sip_text_slice(&first), sip_text_slice(&second)));
		}
	}
	sip_text_free(&first);
	sip_text_free(&second);
	free(s);
	free(again);
	return 0;
}
