/* SPDX-License-Identifier: MIT */
/* The access control policy HIT-MATCH, an extension (access.h says what it allows). */
#ifndef OVERLAY_ACCESS_HIT_H
#define OVERLAY_ACCESS_HIT_H

#include "overlay/security.h"
#include "overlay/wire/body_data.h"
#include "overlay/wire/hip_record.h"

/* Destinations that a record may name: the edge, and a way to it. More would only make room for junk. */
#define ACCESS_HIT_DESTINATIONS_MAX 4

/* Whether `signer` may write this dictionary entry under `resource`. */
bool access_hit_matches(const struct security *s, const struct resource_id *resource, const struct identity *signer,
			const struct stored_data_value *value);

/* A value for which no HIT gave its word: an edge-vouched record, or a removal. Anybody may write one for any HIT, so
 * that a storing peer keeps room for the others. */
static inline bool access_hit_is_unproven(const struct stored_data_value *value)
{
	struct reader r = reader_of(value->data.value);

	if (!value->data.exists)
		return true;
	/* struct hip_record begins with its version, the HIT and the flags. */
	(void)reader_u8(&r);
	(void)reader_bytes(&r, HIT_LENGTH);
	return (reader_u8(&r) & HIP_RECORD_PLAIN) != 0;
}

#endif
