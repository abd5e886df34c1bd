/* SPDX-License-Identifier: MIT */
/* The security port without cryptography, for simulations: certificates are a few plain bytes, digests and
 * signatures a fast keyed hash. It keeps every rule of the port (unknown certificate, dates, wrong signer,
 * changed bytes), so that what is refused in the field is refused here, and it costs a microsecond. */
#ifndef TOOLS_SIM_FAKE_SECURITY_H
#define TOOLS_SIM_FAKE_SECURITY_H

#include "overlay/security.h"

#define FAKE_CERTIFICATE_MAX 512 /* bytes */
#define FAKE_CERTIFICATE_NAME_MAX (NODE_ID_LENGTH + USER_NAME_MAX)

struct fake_security;
struct fake_certificates;

/* A certificate for these Node-IDs and this user, as bytes; `out` has room for FAKE_CERTIFICATE_MAX. */
size_t fake_certificate_put(uint8_t *out, const struct node_id *ids, size_t count, const char *user,
			    struct walltime not_before, struct walltime not_after);

/* The HIT of the certificate's key, 2001:22::, and that key's name for fake_host_new(): the same for every certificate
 * of this user and first Node-ID. Zero, empty: these bytes are no certificate. */
struct hit fake_certificate_hit(struct slice certificate);
struct slice fake_certificate_key_name(struct slice certificate, uint8_t out[FAKE_CERTIFICATE_NAME_MAX]);

/* The certificates that exist, each once for all providers that share them. What a provider has seen of them, and
 * so can verify signatures with, is its own affair. */
struct fake_certificates *fake_certificates_new(void);
void fake_certificates_free(struct fake_certificates *c);
/* Puts a certificate that fake_certificate_put made, and returns the copy, which lives as long as `c`. */
struct slice fake_certificates_add(struct fake_certificates *c, struct slice certificate);

/* A provider that holds one node's identity. Owned by the caller. The certificate is copied; it must be one
 * that fake_certificate_put made. `shared` must outlive the provider; NULL: certificates of its own. */
struct fake_security *fake_security_new_shared(struct fake_certificates *shared, uint64_t seed,
					       struct slice certificate);
struct fake_security *fake_security_new(uint64_t seed, struct slice certificate);
void fake_security_free(struct fake_security *f);

/* The port; `f` must outlive it. */
struct security fake_security_port(struct fake_security *f);

#endif
