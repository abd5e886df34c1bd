/* SPDX-License-Identifier: MIT */
/* Which issuers are trusted for which user names: where an overlay has the certificates of several organisations, each
 * one's own names count, and not those that it gives to others' people. */
#ifndef CRYPTO_ISSUER_RULE_H
#define CRYPTO_ISSUER_RULE_H

#include "overlay/security.h"

#define ISSUER_DOMAINS_MAX 16
#define ISSUER_DOMAIN_SIZE 256 /* bytes, the NUL included */

/* A root certificate, and the domains that its users' names may have: "example.org", "*.example.org" (any name below
 * it, but not itself) or "*". */
struct issuer_rule {
	uint8_t fingerprint[CERTIFICATE_HASH_LENGTH]; /* SHA-256 of the DER */
	size_t domain_count;
	char domains[ISSUER_DOMAINS_MAX][ISSUER_DOMAIN_SIZE];
};

/* "FINGERPRINT=domain[,domain...]". The fingerprint is 64 hex digits, with or without ':' between pairs, or the path of
 * the certificate in PEM. ERR_CONFIG; `detail` says what is wrong. */
int MUST_CHECK issuer_rule_parse(const char *text, struct issuer_rule *out, char *detail, size_t detail_size);

/* True when one of the domains fits the user's, case aside. */
bool issuer_rule_covers(const struct issuer_rule *rule, const char *user);

/* Whether a certificate that a root issued to `user` is vouched for: always when there are no rules; else when a rule
 * of just that root covers the name. */
bool issuer_rules_vouch(const struct issuer_rule *rules, size_t count,
			const uint8_t fingerprint[CERTIFICATE_HASH_LENGTH], const char *user);

#endif
