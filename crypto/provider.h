/* SPDX-License-Identifier: MIT */
/* The security port of overlay/security.h on OpenSSL. Certificates and chains are cached by SHA-256 of
 * their DER, so that a certificate seen before costs no parsing and no chain verification. */
#ifndef CRYPTO_PROVIDER_H
#define CRYPTO_PROVIDER_H

#include "crypto/issuer_rule.h"
#include "overlay/configuration.h"
#include "overlay/security.h"

struct keystore;
struct provider;

/* What decides whether a certificate is acceptable, besides its dates. Copied. */
struct provider_trust {
	const struct slice *root_certs; /* DER; borrowed until the call returns */
	size_t root_cert_count;
	const char *overlay_name; /* the RELOAD URIs must name it */
	uint8_t node_id_bits;     /* aor-derived-node-ids; 0: any Node-ID */
	uint8_t node_id_slots;
	const struct node_id *bad_nodes;
	size_t bad_node_count;
	const struct issuer_rule *issuer_rules; /* decide about identity.is_vouched only */
	size_t issuer_rule_count;
};

/* `keys` holds the node's key and certificate, borrowed for the provider's life; NULL: verify only.
 * ERR_CERTIFICATE, ERR_KEY, ERR_NODE_ID_MISMATCH: the own certificate does not fit; `detail` says why. */
int MUST_CHECK provider_new(struct provider **out, const struct keystore *keys,
			    const struct provider_trust *trust, char *detail, size_t detail_size);
void provider_free(struct provider *p);

/* New trust (the configuration changed): caches are dropped. ERR_CERTIFICATE, ERR_CONFIG: a root
 * certificate or a value cannot be used, the old trust stays. Whether the own certificate still fits is
 * asked with provider_identify. */
int MUST_CHECK provider_set_trust(struct provider *p, const struct provider_trust *trust);

struct security provider_security(struct provider *p);

/* SHA-256 of the root certificate that vouches for a certificate which was acceptable before. False: unknown. */
bool provider_issuer(struct provider *p, struct slice certificate, uint8_t fingerprint[CERTIFICATE_HASH_LENGTH]);

/* The same check a link's certificate gets; for tools. `detail` (may be NULL) says what is wrong. *out is also filled
 * with ERR_CERTIFICATE_EXPIRED. */
int MUST_CHECK provider_identify(struct provider *p, struct walltime now, struct slice certificate,
				 struct identity *out, char *detail, size_t detail_size);

/* The same with what came along in a TLS handshake: authorities between the certificate and a root may be among
 * it. The other certificates of `chain` (may be NULL) are not trusted for being there. */
int MUST_CHECK provider_identify_chain(struct provider *p, struct walltime now, struct slice certificate,
				       const struct certificate_list *chain, struct identity *out, char *detail,
				       size_t detail_size);

#endif
