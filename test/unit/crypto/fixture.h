/* SPDX-License-Identifier: MIT */
/* An authority, nodes with certificates of it, and certificates that nobody should issue. */
#ifndef TEST_UNIT_CRYPTO_FIXTURE_H
#define TEST_UNIT_CRYPTO_FIXTURE_H

#include "crypto/certificate_authority.h"
#include "crypto/keystore.h"
#include "crypto/provider.h"

#define FIXTURE_OVERLAY "overlay.example"
#define FIXTURE_USER "alice@overlay.example"
#define FIXTURE_NOW_MS 1800000000000u /* 2027-01-15 */
#define FIXTURE_DAY_MS 86400000u

/* A keystore in memory with a root certificate, valid for ten years around FIXTURE_NOW_MS. */
struct keystore *fixture_authority(enum key_algorithm algorithm);

/* A Node-ID made of one repeated byte. */
struct node_id fixture_node_id(uint8_t byte);

/* A keystore in memory, certified for `count` Node-IDs (first, first + 1 ...), valid from a day before
 * to 30 days after FIXTURE_NOW_MS. */
struct keystore *fixture_node(const struct keystore *authority, enum key_algorithm algorithm,
			      const char *overlay_name, const char *user, uint8_t first, size_t count);

/* The same for given Node-IDs and dates. */
struct keystore *fixture_node_with(const struct keystore *authority, enum key_algorithm algorithm,
				   const char *overlay_name, const char *user, const struct node_id *ids,
				   size_t count, uint64_t not_before_ms, uint64_t not_after_ms);

struct provider_trust fixture_trust(const struct slice *root);
struct walltime fixture_now(void);

/* A provider that trusts `authority`; `node` may be NULL. */
struct provider *fixture_provider(const struct keystore *authority, const struct keystore *node);

/* One name of a subjectAltName as it shall stand there, NULs and all. */
struct fixture_name {
	int type; /* GEN_* of OpenSSL */
	const char *text;
	size_t len;
};

/* What the certificate authority itself refuses to make. */
struct fixture_certificate {
	const struct fixture_name *names;
	size_t name_count;
	const char *subject;      /* common name; NULL: empty subject */
	bool is_authority;        /* BasicConstraints CA */
	const char *purpose;      /* extendedKeyUsage; NULL: client and server */
	int version;              /* 0: version 3 */
};

/* A keystore in memory with such a certificate, signed by `authority` (NULL: by itself). */
struct keystore *fixture_forge(const struct keystore *authority, const struct fixture_certificate *what);

#endif
