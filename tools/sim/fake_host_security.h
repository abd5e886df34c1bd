/* SPDX-License-Identifier: MIT */
/* The port to HIP's cryptography without any: identities, signatures and keys are plain bytes and a keyed hash. Every
 * rule of the port holds (whose key, changed bytes, a wrong group, bad padding), so that what is refused in the
 * field is refused here; each call costs about a microsecond, and the seed decides all that is drawn. */
#ifndef TOOLS_SIM_FAKE_HOST_SECURITY_H
#define TOOLS_SIM_FAKE_HOST_SECURITY_H

#include "overlay/host_security.h"

#define FAKE_HOST_IDENTITY 68 /* bytes: algorithm (ECDSA), curve (P-256) and what stands for the key */

struct fake_host;

/* The Host Identity that belongs to a name, whatever bytes that is. */
struct slice fake_host_identity(struct slice name, uint8_t out[FAKE_HOST_IDENTITY]);
/* Its HIT. ERR_UNSUPPORTED, ERR_MALFORMED. */
int MUST_CHECK fake_host_hit(struct slice identity, struct hit *out);
/* A signature made with it. As host_security_ops.verify. */
int MUST_CHECK fake_host_verify(struct slice identity, const struct slice *parts, size_t count, struct slice signature);

/* A port that holds the Host Identity of a name. Owned by the caller. */
struct fake_host *fake_host_new(uint64_t seed, struct slice name);
void fake_host_free(struct fake_host *f);
struct host_security fake_host_port(struct fake_host *f);

#endif
