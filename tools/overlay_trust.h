/* SPDX-License-Identifier: MIT */
/* What a configuration document says about which certificates to trust, as crypto/ takes it. */
#ifndef TOOLS_OVERLAY_TRUST_H
#define TOOLS_OVERLAY_TRUST_H

#include "crypto/provider.h"
#include "node/configuration_document.h"

/* Borrows from the document. */
struct provider_trust overlay_trust_of(const struct configuration_document *d);

/* The wall clock. */
struct walltime overlay_now(void);

/* "2026-11-20 18:57:35 UTC". `out` has room for OVERLAY_TIME_SIZE. Returns out. */
#define OVERLAY_TIME_SIZE 32
const char *overlay_time_text(struct walltime t, char *out);

#endif
