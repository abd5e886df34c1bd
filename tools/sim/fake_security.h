/* SPDX-License-Identifier: MIT */
/* The security port without cryptography, for simulations: certificates are a few plain bytes, digests and
 * signatures a fast keyed hash. It keeps every rule of the port (unknown certificate, dates, wrong signer,
 * changed bytes), so that what is refused in the field is refused here, and it costs a microsecond. */
#ifndef TOOLS_SIM_FAKE_SECURITY_H
#define TOOLS_SIM_FAKE_SECURITY_H

#include "overlay/security.h"

#define FAKE_CERTIFICATE_MAX 512 /* bytes */

struct fake_security;

/* A certificate for these Node-IDs and this user, as bytes; `out` has room for FAKE_CERTIFICATE_MAX. */
size_t fake_certificate_put(uint8_t *out, const struct node_id *ids, size_t count, const char *user,
			    struct walltime not_before, struct walltime not_after);

/* A provider that holds one node's identity. Owned by the caller. The certificate is copied; it must be one
 * that fake_certificate_put made. */
struct fake_security *fake_security_new(uint64_t seed, struct slice certificate);
void fake_security_free(struct fake_security *f);

/* The port; `f` must outlive it. */
struct security fake_security_port(struct fake_security *f);

#endif
