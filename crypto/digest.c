/* SPDX-License-Identifier: MIT */
/* SHA-1 and SHA-256 with fetched algorithms and one reused context: in OpenSSL 3 the look-up costs more
 * than hashing a short message. */
#include "crypto/digest.h"

#include <openssl/evp.h>

#include "overlay/base/invariant.h"

void digest_init(struct digest *d)
{
	d->sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
	d->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	d->ctx = EVP_MD_CTX_new();
	invariant(d->sha1 != NULL && d->sha256 != NULL && d->ctx != NULL);
}

void digest_free(struct digest *d)
{
	EVP_MD_CTX_free(d->ctx);
	EVP_MD_free(d->sha1);
	EVP_MD_free(d->sha256);
	*d = (struct digest){ 0 };
}

size_t digest_length(unsigned algorithm)
{
	switch (algorithm) {
	case HASH_SHA1:
		return 20;
	case HASH_SHA256:
		return 32;
	default:
		return 0;
	}
}

void digest_parts(struct digest *d, unsigned algorithm, const struct slice *parts, size_t count, uint8_t *out)
{
	digest_parts_and(d, algorithm, parts, count, SLICE_EMPTY, out);
}

void digest_parts_and(struct digest *d, unsigned algorithm, const struct slice *parts, size_t count,
		      struct slice last, uint8_t *out)
{
	const EVP_MD *md = algorithm == HASH_SHA1 ? d->sha1 : d->sha256;
	unsigned len = 0;

	invariant(digest_length(algorithm) != 0);
	invariant(EVP_DigestInit_ex2(d->ctx, md, NULL) == 1);
	for (size_t i = 0; i < count; i++)
		if (parts[i].len > 0)
			invariant(EVP_DigestUpdate(d->ctx, parts[i].data, parts[i].len) == 1);
	if (last.len > 0)
		invariant(EVP_DigestUpdate(d->ctx, last.data, last.len) == 1);
	invariant(EVP_DigestFinal_ex(d->ctx, out, &len) == 1);
	invariant(len == digest_length(algorithm));
}
