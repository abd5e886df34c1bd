/* SPDX-License-Identifier: MIT */
/* Access control policies (RFC 6940 7.3, RFC 7904 3.3), used by the storing peer and again by the reader. */
#ifndef OVERLAY_ACCESS_H
#define OVERLAY_ACCESS_H

#include "overlay/configuration.h"
#include "overlay/kind.h"
#include "overlay/security.h"

/* Whether `signer` may write `value` of `kind` under `resource`. 0 or ERR_FORBIDDEN. For
 * DATA_MODEL_DICTIONARY with USER-NODE-MATCH the key must be the signer's Node-ID. The user name is hashed
 * without scheme and after %-decoding (RFC 7904 section 7).
 *
 * ACCESS_HIT_MATCH: a dictionary whose key is the signer's Node-ID; the value is a struct hip_record whose HIT is the
 * Resource Name, whose last destination is the signer, and one of: the HIT is that of the signer's certificate; the
 * proof is an I2 or UPDATE with REG_REQUEST to the HIT of the signer's certificate, with a signature by the HIT's own
 * key, and the record lives no longer than was asked for; or there is no proof and the record says so
 * (HIP_RECORD_PLAIN): edge-vouched. The signer may remove its entry. */
int MUST_CHECK access_check(const struct security *s, const struct kind *kind,
			    const struct resource_id *resource, const struct identity *signer,
			    const struct stored_data_value *value);

/* The Resource-ID that belongs to a user name: hashed as access_check does. */
struct resource_id access_user_resource(const struct security *s, const char *user);

/* Whether the AOR `user` belongs to the namespaces that the Kind's domain-restriction allows in this
 * overlay (RFC 7904 3.3, 3.4). 0 or ERR_FORBIDDEN. Patterns match the whole domain, in any case. */
int MUST_CHECK access_check_domain(const struct configuration *c, const struct kind *kind,
				   const char *user);

/* How far ahead of our clock a storage_time may be. */
#define STORAGE_TIME_AHEAD_MAX_MS (5u * 60 * 1000)

/* All that the storing peer asks of one value before it keeps it, and the reader before it believes it:
 * size, time, signature, certificate, policy, domain. `bucket` may be NULL. On success *signer is filled
 * and *certificate (may be NULL) is borrowed until the next call of the security port. ERR_DATA_TOO_LARGE,
 * ERR_FROM_THE_FUTURE, ERR_FORBIDDEN, ERR_LIMIT, and those of security_ops.verify. */
int MUST_CHECK access_verify_value(const struct security *s, const struct configuration *c,
				   struct walltime now, const struct kind *kind,
				   const struct resource_id *resource, const struct stored_data *data,
				   const struct certificate_list *bucket, struct arena *arena,
				   struct identity *signer, struct slice *certificate);

/* `pattern` is a POSIX extended regular expression. Asked when a configuration is read. */
bool access_domain_pattern_is_valid(const char *pattern);

/* What the data signature covers before SignerIdentity (7.1): Resource-ID bytes, Kind, storage time, the
 * encoded value (array index 0). Writes into `buffer` from the arena. ERR_LIMIT. */
int MUST_CHECK access_signed_data(const struct resource_id *resource, uint32_t kind,
				  const struct stored_data *data, struct arena *arena, struct slice *out);

#endif
