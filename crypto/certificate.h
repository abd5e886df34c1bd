/* SPDX-License-Identifier: MIT */
/* An end-entity certificate of an overlay (RFC 6940 11.3, 14.15): what it must look like, whom it speaks
 * for, and whether a Node-ID fits its user name. Chain and dates are provider.c's. */
#ifndef CRYPTO_CERTIFICATE_H
#define CRYPTO_CERTIFICATE_H

#include "overlay/security.h"

struct x509_st;
struct evp_pkey_st;

#define CERTIFICATE_DER_MAX 65535 /* bytes: what a GenericCertificate can carry */
#define CERTIFICATE_URI_MAX 320   /* "reload://", 36 hex digits, '@', overlay name, '/', NUL */

/* What an overlay asks of its certificates. Borrowed. */
struct certificate_rule {
	const char *overlay_name;
	uint8_t node_id_bits; /* high bits derived from the user name (AOR), at most 128; 0: random Node-IDs */
	uint8_t node_id_slots;
};

/* Parses one DER certificate, with nothing behind it. ERR_CERTIFICATE. Freed with certificate_free. */
int MUST_CHECK certificate_parse(struct slice der, struct x509_st **out);
void certificate_free(struct x509_st *x509);

/* Whom the certificate speaks for: subject empty; subjectAltName made of exactly one rfc822Name and one
 * to IDENTITY_NODE_IDS_MAX RELOAD URIs of this overlay, nothing else; an acceptable public key; Node-IDs
 * that fit the user name. `identity` is filled but for certificate_hash and is_vouched. ERR_CERTIFICATE,
 * ERR_NODE_ID_MISMATCH; `detail` (may be NULL) says what is wrong. */
int MUST_CHECK certificate_identity(struct x509_st *x509, const struct certificate_rule *rule,
				    struct identity *identity, char *detail, size_t detail_size);

/* When it is valid, in milliseconds; a date that cannot be read makes it valid never. */
void certificate_dates(const struct x509_st *x509, struct walltime *not_before, struct walltime *not_after);

/* P-256, or RSA of 2,048 to 4,096 bits. */
bool certificate_key_is_acceptable(const struct evp_pkey_st *key);

/* Overwrites the high `bits` of *id with those of SHA-256(overlay name, 0x00, AOR, 0x00, slot), `slot`
 * being one byte; the low bits stay as they are (random, from the enrollment server). */
void certificate_node_id_prefix(const char *overlay_name, const char *aor, uint8_t slot, uint8_t bits,
				struct node_id *id);

/* True when `id` has the prefix of one of the slots, or the rule asks for none. */
bool certificate_node_id_fits(const struct certificate_rule *rule, const char *aor,
			      const struct node_id *id);

/* A user name that may stand as rfc822Name: local part, '@', domain; printable ASCII without blanks,
 * '*' or control characters; at most USER_NAME_MAX bytes. */
bool certificate_user_is_acceptable(struct slice user);

/* "reload://0110<32 hex digits>@<overlay>/". `uri` has room for CERTIFICATE_URI_MAX. Returns uri. */
const char *certificate_uri(const struct node_id *id, const char *overlay_name, char *uri);

/* The Node-ID of such a URI. ERR_CERTIFICATE: not a RELOAD URI of one node; ERR_NODE_ID_MISMATCH: of
 * another overlay, or a Node-ID that no node can have. */
int MUST_CHECK certificate_uri_parse(struct slice uri, const char *overlay_name, struct node_id *id);

#endif
