/* SPDX-License-Identifier: MIT */
/* SecurityBlock, Signature, SignerIdentity, GenericCertificate (RFC 6940 6.3.4). */
#ifndef OVERLAY_WIRE_SECURITY_BLOCK_H
#define OVERLAY_WIRE_SECURITY_BLOCK_H

#include "overlay/base/arena.h"
#include "overlay/base/reader.h"
#include "overlay/base/writer.h"

/* TLS 1.2 code points (RFC 5246 7.4.1.4.1). */
enum hash_algorithm { HASH_NONE = 0, HASH_SHA1 = 2, HASH_SHA256 = 4, HASH_SHA384 = 5, HASH_SHA512 = 6 };
enum signature_algorithm { SIGNATURE_ANONYMOUS = 0, SIGNATURE_RSA = 1, SIGNATURE_ECDSA = 3 };

enum certificate_type { CERTIFICATE_X509 = 0 };

enum signer_identity_type {
	SIGNER_CERT_HASH = 1,
	SIGNER_CERT_HASH_NODE_ID = 2,
	SIGNER_NONE = 3
};

#define SECURITY_BLOCK_CERTIFICATES_MAX 64

struct signer_identity {
	uint8_t type;    /* enum signer_identity_type; unknown types are ERR_MALFORMED */
	uint8_t hash_alg; /* enum hash_algorithm; 0 with SIGNER_NONE */
	struct slice hash; /* of the certificate, or of Node-ID and certificate; borrowed */
};

struct signature {
	uint8_t hash;      /* enum hash_algorithm */
	uint8_t algorithm; /* enum signature_algorithm */
	struct signer_identity identity;
	struct slice value; /* borrowed */
};

struct certificate_list {
	struct slice *items; /* X.509 DER, arena */
	size_t count;
};

struct security_block {
	struct certificate_list certificates;
	struct signature signature;
};

void signer_identity_get(struct reader *r, struct signer_identity *s);
void signer_identity_put(struct writer *w, const struct signer_identity *s);

void signature_get(struct reader *r, struct signature *s);
void signature_put(struct writer *w, const struct signature *s);

/* GenericCertificates of another type than X.509 are skipped. ERR_LIMIT beyond
 * SECURITY_BLOCK_CERTIFICATES_MAX. */
int security_block_get(struct reader *r, struct arena *a, struct security_block *b);
void security_block_put(struct writer *w, const struct security_block *b);

/* The signature that stands under a synthetic non-existent value: identity none, algorithm {0,0}, empty
 * (RFC 6940 7.4.2.2). */
struct signature signature_none(void);
bool signature_is_none(const struct signature *s);

#endif
