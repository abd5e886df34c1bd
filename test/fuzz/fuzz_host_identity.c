/* SPDX-License-Identifier: MIT */
/* Host Identities and signatures as strangers send them. Input: length of the Host Identity (2 bytes), algorithm and
 * Host Identity, signature. */
#include <openssl/evp.h>

#include "crypto/host_identity.h"
#include "crypto/host_provider.h"
#include "overlay/base/invariant.h"
#include "overlay/base/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever can be read can be written, and is then the same key, with a HIT. */
static void check_key(EVP_PKEY *key)
{
	uint8_t identity[HOST_IDENTITY_MAX];
	struct hit hit, again;
	EVP_PKEY *read;
	size_t len;

	invariant(host_identity_of_key(key, identity, &len) == 0);
	invariant(host_identity_parse(slice_of(identity, len), &read) == 0 && EVP_PKEY_eq(key, read) == 1);
	host_identity_hit_of_key(key, &hit);
	invariant(host_identity_hit(slice_of(identity, len), &again) == 0 && hit_equal(&hit, &again));
	EVP_PKEY_free(read);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct slice part = slice_text("signed");
	struct reader r = reader_of(slice_of(data, size));
	struct slice identity = reader_opaque16(&r);
	struct slice signature = reader_bytes(&r, reader_left(&r));
	EVP_PKEY *key = NULL;
	struct hit hit;
	int err, verdict;

	if (reader_finish(&r) != 0)
		return 0;
	err = host_identity_parse(identity, &key);
	verdict = host_identity_verify(identity, &part, 1, signature);
	invariant((err == 0) == (key != NULL));
	if (err == 0) {
		invariant(verdict == 0 || verdict == ERR_SIGNATURE);
		invariant(host_identity_hit(identity, &hit) == 0);
		check_key(key);
	} else {
		invariant((err == ERR_MALFORMED || err == ERR_UNSUPPORTED) && verdict == err);
		(void)!host_identity_hit(identity, &hit);
	}
	EVP_PKEY_free(key);
	return 0;
}
