/* SPDX-License-Identifier: MIT */
/* From a node's certificate to one of the overlay's roots: by the root itself, or by authorities between them that came
 * along or came before. */
#ifndef CRYPTO_CERTIFICATE_CHAIN_H
#define CRYPTO_CERTIFICATE_CHAIN_H

#include "crypto/issuer_rule.h"

struct provider_trust;
struct stack_st_X509;
struct x509_st;
struct x509_store_st;

/* All zeroes before the first certificate_chain_trust. */
struct certificate_chain {
	struct x509_store_st *roots;         /* owned */
	struct stack_st_X509 *intermediates; /* owned; each was part of a chain that held */
	struct issuer_rule *rules;           /* owned */
	size_t rule_count;
};

/* Takes the root certificates and the rules of issuers. ERR_CERTIFICATE: a root cannot be used, the old trust stays. */
int MUST_CHECK certificate_chain_trust(struct certificate_chain *c, const struct provider_trust *trust);
void certificate_chain_free(struct certificate_chain *c);

/* Verifies the chain, name constraints of the authorities (RFC 5280 4.2.1.10) included, but not its dates: the
 * identity's are narrowed to those in which all of it is valid. Sets identity->is_vouched by the rules, and `issuer` to
 * the SHA-256 of the root certificate. Authorities in `bucket` (may be NULL) may be part of the chain. ERR_CERTIFICATE;
 * `detail` (may be NULL) says why. */
int MUST_CHECK certificate_chain_verify(struct certificate_chain *c, struct x509_st *x509,
					const struct certificate_list *bucket, struct identity *identity,
					uint8_t issuer[CERTIFICATE_HASH_LENGTH], char *detail, size_t size);

#endif
