/* SPDX-License-Identifier: MIT */
/* An overlay's certificate authority: the root certificate, PKCS#10 requests and the end-entity
 * certificates made from them (RFC 6940 11.3). Its key lives in a keystore like a node's. */
#ifndef CRYPTO_CERTIFICATE_AUTHORITY_H
#define CRYPTO_CERTIFICATE_AUTHORITY_H

#include "overlay/security.h"

struct keystore;
struct certificate_request;

#define CERTIFICATE_REQUEST_MAX 16384 /* bytes of DER */

/* Makes a self-signed root certificate (BasicConstraints CA, pathlen 0) for the keystore's key and keeps
 * it there. `name` becomes the subject's common name, at most 64 bytes. ERR_CERTIFICATE, ERR_KEY, ERR_IO. */
int MUST_CHECK certificate_authority_create(struct keystore *authority, const char *name,
					    struct walltime not_before, struct walltime not_after,
					    char *detail, size_t detail_size);

#define CERTIFICATE_PERMITTED_MAX 16 /* names of one authority */

/* The same for an authority that can only name users of `domains`: the certificate holds name constraints (RFC 5280
 * 4.2.1.10), which whoever verifies a chain to it honours. Each is "example.org", "*.example.org" (all below it, but
 * not itself) or a single user's name; none: no constraints. ERR_CONFIG: one of them is none of these, or there are
 * more than CERTIFICATE_PERMITTED_MAX. */
int MUST_CHECK certificate_authority_create_for(struct keystore *authority, const char *name,
						const char *const *domains, size_t domain_count,
						struct walltime not_before, struct walltime not_after, char *detail,
						size_t detail_size);

/* False: nobody would accept a certificate that this authority issued to `user`. */
bool certificate_authority_permits(const struct keystore *authority, const char *user);

/* Parses a request and checks that it is signed by the key in it and that the key is acceptable (P-256,
 * or RSA of 2,048 to 4,096 bits). ERR_CERTIFICATE (bad_CSR); `detail` may be NULL. */
int MUST_CHECK certificate_request_parse(struct certificate_request **out, struct slice der, char *detail,
					 size_t detail_size);
void certificate_request_free(struct certificate_request *r);

/* The one rfc822Name the request asks for; "" when it names none. Borrowed. */
const char *certificate_request_user(const struct certificate_request *r);

/* SHA-256 of the request's SubjectPublicKeyInfo: by it an enrollment server knows a key again. */
void certificate_request_key_hash(const struct certificate_request *r, uint8_t hash[32]);

/* What is to be certified. Borrowed. */
struct certificate_order {
	const struct certificate_request *request; /* only its public key is used */
	const char *overlay_name;
	const char *user; /* rfc822Name */
	const struct node_id *node_ids;
	size_t node_id_count; /* 1 to IDENTITY_NODE_IDS_MAX */
	struct walltime not_before;
	struct walltime not_after; /* cut to the root certificate's */
};

/* Issues a certificate: empty subject, the names of the order, random serial number, for use as client and
 * server. *der is malloc'ed. ERR_KEY: the keystore holds no authority; ERR_CERTIFICATE: the order names
 * something a certificate must not hold. */
int MUST_CHECK certificate_authority_issue(const struct keystore *authority,
					   const struct certificate_order *order, uint8_t **der,
					   size_t *len, char *detail, size_t detail_size);

#endif
