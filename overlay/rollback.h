/* SPDX-License-Identifier: MIT */
/* What a reader remembers of the values it fetched, so that it notices when an older one is served in
 * their place (RFC 6940 13.5.3). */
#ifndef OVERLAY_ROLLBACK_H
#define OVERLAY_ROLLBACK_H

#include "overlay/base/instant.h"
#include "overlay/wire/body_data.h"

struct peer;

#define ROLLBACK_ENTRIES_MAX 1024 /* values remembered; those not seen for longest go first */

void rollback_new(struct peer *p);
void rollback_free(struct peer *p);

/* True when a later value of `signer` was fetched from the same place (index or key) of the Resource and
 * could still be alive; else `data`, which has been verified, is remembered until its lifetime ends. */
bool rollback_found(struct peer *p, struct now now, const struct resource_id *resource, uint32_t kind,
		    const struct stored_data *data, const struct node_id *signer);

/* True when a value that existed was fetched from the Resource and could still be alive. */
bool rollback_expects(const struct peer *p, struct now now, const struct resource_id *resource, uint32_t kind);

#endif
