/* SPDX-License-Identifier: MIT */
/* The security port on OpenSSL. What does not depend on the time (chain, names, bad-nodes) is verified
 * once per certificate and cached; dates are compared on every use. */
#include "crypto/provider.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>

#include "crypto/certificate.h"
#include "crypto/certificate_cache.h"
#include "crypto/certificate_chain.h"
#include "crypto/digest.h"
#include "crypto/host_identity.h"
#include "crypto/keystore.h"
#include "crypto/signature_cache.h"
#include "overlay/base/invariant.h"

#define PROVIDER_CERTIFICATES_MAX 4096 /* certificates remembered */
#define PROVIDER_EARLY_MS 300000       /* a certificate from a clock ahead of ours is taken */
#define PROVIDER_IDENTITY_MAX 260      /* bytes of an encoded SignerIdentity */

struct provider {
	char overlay_name[OVERLAY_NAME_MAX + 1];
	struct certificate_rule rule;
	struct node_id *bad_nodes; /* owned */
	size_t bad_node_count;
	struct certificate_chain chain;
	struct digest digest;
	struct certificate_cache *certificates;
	struct signature_cache signatures;
	/* The own side; `signer` is NULL when this provider only verifies. */
	struct identity own;
	uint8_t *own_der; /* owned */
	size_t own_der_len;
	uint8_t own_hash[CERTIFICATE_HASH_LENGTH]; /* what the SignerIdentity carries */
	struct signer_identity own_signer;
	uint8_t own_algorithm;
	EVP_PKEY_CTX *signer;
	size_t signature_max; /* bytes */
};

static int provider_refuse(int err, char *detail, size_t size, const char *why)
{
	ERR_clear_error();
	if (detail != NULL)
		snprintf(detail, size, "%s", why);
	return err;
}

static bool provider_is_bad(const struct provider *p, const struct identity *identity)
{
	for (size_t i = 0; i < p->bad_node_count; i++)
		if (identity_has_node_id(identity, &p->bad_nodes[i]))
			return true;
	return false;
}

/* All that is checked once: names, Node-ID rule, chain, bad-nodes. */
static int provider_admit(struct provider *p, struct slice der, const struct certificate_list *bucket,
			  struct certificate_entry **out, char *detail, size_t size)
{
	uint8_t issuer[CERTIFICATE_HASH_LENGTH];
	struct identity identity;
	X509 *x509;
	int err = certificate_parse(der, &x509);

	if (err != 0)
		return provider_refuse(err, detail, size, "not a certificate in DER");
	err = certificate_identity(x509, &p->rule, &identity, detail, size);
	if (err == 0)
		err = certificate_chain_verify(&p->chain, x509, bucket, &identity, issuer, detail, size);
	if (err == 0 && provider_is_bad(p, &identity))
		err = provider_refuse(ERR_BAD_NODE, detail, size, "a Node-ID listed as bad-node");
	if (err == 0) {
		*out = certificate_cache_add(p->certificates, &p->digest, der, &identity,
					     X509_get0_pubkey(x509));
		memcpy((*out)->issuer, issuer, CERTIFICATE_HASH_LENGTH);
	}
	certificate_free(x509);
	ERR_clear_error();
	return err;
}

/* The certificate from the cache, or into it. */
static int provider_lookup(struct provider *p, struct slice der, const struct certificate_list *chain,
			   struct certificate_entry **out, char *detail, size_t size)
{
	uint8_t hash[CERTIFICATE_HASH_LENGTH];

	if (der.len == 0 || der.len > CERTIFICATE_DER_MAX)
		return provider_refuse(ERR_CERTIFICATE, detail, size, "no certificate");
	digest_parts(&p->digest, HASH_SHA256, &der, 1, hash);
	*out = certificate_cache_find_der(p->certificates, hash);
	return *out != NULL ? 0 : provider_admit(p, der, chain, out, detail, size);
}

static int provider_check_dates(const struct identity *identity, struct walltime now, char *detail, size_t size)
{
	if (identity->not_before.ms > PROVIDER_EARLY_MS && now.ms < identity->not_before.ms - PROVIDER_EARLY_MS)
		return provider_refuse(ERR_CERTIFICATE_EXPIRED, detail, size, "not yet valid");
	if (now.ms > identity->not_after.ms)
		return provider_refuse(ERR_CERTIFICATE_EXPIRED, detail, size, "expired");
	return 0;
}

int provider_identify_chain(struct provider *p, struct walltime now, struct slice certificate,
			    const struct certificate_list *chain, struct identity *out, char *detail,
			    size_t detail_size)
{
	struct certificate_entry *entry;
	int err = provider_lookup(p, certificate, chain, &entry, detail, detail_size);

	if (err != 0)
		return err;
	*out = entry->identity;
	return provider_check_dates(&entry->identity, now, detail, detail_size);
}

bool provider_issuer(struct provider *p, struct slice certificate, uint8_t fingerprint[CERTIFICATE_HASH_LENGTH])
{
	struct certificate_entry *entry;

	if (provider_lookup(p, certificate, NULL, &entry, NULL, 0) != 0)
		return false;
	memcpy(fingerprint, entry->issuer, CERTIFICATE_HASH_LENGTH);
	return true;
}

int provider_identify(struct provider *p, struct walltime now, struct slice certificate, struct identity *out,
		      char *detail, size_t detail_size)
{
	return provider_identify_chain(p, now, certificate, NULL, out, detail, detail_size);
}

/* True when `der`, not seen before, is what the SignerIdentity names. */
static bool provider_is_named(struct provider *p, struct slice der, const struct signer_identity *signer)
{
	uint8_t hash[DIGEST_MAX];
	struct identity identity;
	X509 *x509;
	bool found = false;

	if (signer->type == SIGNER_CERT_HASH) {
		digest_parts(&p->digest, signer->hash_alg, &der, 1, hash);
		return memcmp(hash, signer->hash.data, signer->hash.len) == 0;
	}
	if (certificate_parse(der, &x509) != 0)
		return false;
	/* Also when the names are not acceptable, the Node-IDs read so far are compared: provider_admit then
	 * tells the error. */
	if (certificate_identity(x509, &p->rule, &identity, NULL, 0) != 0 && identity.node_id_count == 0) {
		certificate_free(x509);
		return false;
	}
	certificate_free(x509);
	for (size_t i = 0; i < identity.node_id_count && !found; i++) {
		struct slice id = slice_of(identity.node_ids[i].bytes, NODE_ID_LENGTH);

		digest_parts_and(&p->digest, signer->hash_alg, &id, 1, der, hash);
		found = memcmp(hash, signer->hash.data, signer->hash.len) == 0;
	}
	return found;
}

/* The signer's certificate: among those seen before, then in the message's bucket. */
static int provider_find_signer(struct provider *p, const struct signer_identity *signer,
				const struct certificate_list *bucket, struct certificate_entry **entry,
				size_t *node_id_index)
{
	*node_id_index = 0;
	if (digest_length(signer->hash_alg) == 0 || signer->hash.len != digest_length(signer->hash_alg))
		return ERR_CERTIFICATE_UNKNOWN;
	*entry = certificate_cache_find(p->certificates, signer, node_id_index);
	for (size_t i = 0; *entry == NULL && bucket != NULL && i < bucket->count; i++) {
		int err;

		if (!provider_is_named(p, bucket->items[i], signer))
			continue;
		err = provider_admit(p, bucket->items[i], bucket, entry, NULL, 0);
		if (err != 0)
			return err;
		*entry = certificate_cache_find(p->certificates, signer, node_id_index);
		invariant(*entry != NULL);
	}
	if (*entry == NULL)
		return ERR_CERTIFICATE_UNKNOWN;
	/* RFC 6940 6.3.4: with several Node-IDs the identity must tell which one signed. */
	if (signer->type == SIGNER_CERT_HASH && (*entry)->identity.node_id_count > 1)
		return ERR_NODE_ID_MISMATCH;
	return 0;
}

static EVP_PKEY_CTX *provider_new_context(struct provider *p, EVP_PKEY *key, bool is_rsa,
					  int (*init)(EVP_PKEY_CTX *))
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);

	invariant(ctx != NULL && init(ctx) == 1);
	if (is_rsa)
		invariant(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1);
	invariant(EVP_PKEY_CTX_set_signature_md(ctx, p->digest.sha256) == 1);
	return ctx;
}

/* Verifies a digest, unless just that verified before. */
static int provider_verify_digest(struct provider *p, struct certificate_entry *entry,
				  const struct signature *signature, const uint8_t *digest)
{
	uint8_t name[SIGNATURE_CACHE_NAME];
	const struct slice parts[] = {
		slice_of(digest, DIGEST_MAX),
		slice_of(entry->identity.certificate_hash, CERTIFICATE_HASH_LENGTH),
		signature->value,
	};

	if (signature->hash != HASH_SHA256 ||
	    signature->algorithm != (entry->is_rsa ? SIGNATURE_RSA : SIGNATURE_ECDSA))
		return ERR_SIGNATURE;
	digest_parts(&p->digest, HASH_SHA256, parts, sizeof(parts) / sizeof(parts[0]), name);
	if (signature_cache_has(&p->signatures, name))
		return 0;
	if (entry->verifier == NULL)
		entry->verifier = provider_new_context(p, entry->key, entry->is_rsa, EVP_PKEY_verify_init);
	if (EVP_PKEY_verify(entry->verifier, signature->value.data, signature->value.len, digest, DIGEST_MAX) != 1) {
		ERR_clear_error();
		return ERR_SIGNATURE;
	}
	signature_cache_add(&p->signatures, name);
	return 0;
}

/* Digest of the parts and the encoded SignerIdentity behind them. */
static int provider_digest_signed(struct provider *p, const struct slice *parts, size_t count,
				  const struct signer_identity *signer, uint8_t *digest)
{
	uint8_t encoded[PROVIDER_IDENTITY_MAX];
	struct writer w = writer_of(encoded, sizeof(encoded));

	signer_identity_put(&w, signer);
	if (w.err != 0)
		return w.err;
	digest_parts_and(&p->digest, HASH_SHA256, parts, count, writer_slice(&w), digest);
	return 0;
}

static int provider_op_verify(void *ctx, struct walltime now, const struct slice *parts, size_t count,
			      const struct signature *signature, const struct certificate_list *bucket,
			      struct identity *signer, struct slice *certificate)
{
	struct provider *p = ctx;
	struct certificate_entry *entry;
	uint8_t digest[DIGEST_MAX];
	size_t node_id_index;
	int err;

	if (signature->identity.type == SIGNER_NONE || signature->algorithm == SIGNATURE_ANONYMOUS ||
	    signature->hash == HASH_NONE)
		return ERR_FORBIDDEN;
	err = provider_find_signer(p, &signature->identity, bucket, &entry, &node_id_index);
	if (err == 0)
		err = provider_check_dates(&entry->identity, now, NULL, 0);
	if (err == 0)
		err = provider_digest_signed(p, parts, count, &signature->identity, digest);
	if (err == 0)
		err = provider_verify_digest(p, entry, signature, digest);
	if (err != 0)
		return err;
	*signer = entry->identity;
	signer->node_id = entry->identity.node_ids[node_id_index];
	if (certificate != NULL)
		*certificate = entry->der;
	return 0;
}

static int provider_op_sign(void *ctx, const struct slice *parts, size_t count, struct arena *arena,
			    struct signature *out)
{
	struct provider *p = ctx;
	uint8_t digest[DIGEST_MAX];
	size_t len = p->signature_max;
	uint8_t *value;
	int err;

	if (p->signer == NULL)
		return ERR_KEY;
	err = provider_digest_signed(p, parts, count, &p->own_signer, digest);
	if (err != 0)
		return err;
	value = arena_alloc(arena, len);
	*out = (struct signature){
		.hash = HASH_SHA256,
		.algorithm = p->own_algorithm,
		.identity = p->own_signer,
	};
	/* The signature must outlive the provider's own copy of the hash: both go to the arena. */
	out->identity.hash = arena_copy(arena, p->own_signer.hash);
	if (value == NULL || out->identity.hash.data == NULL)
		return ERR_LIMIT;
	if (EVP_PKEY_sign(p->signer, value, &len, digest, sizeof(digest)) != 1) {
		ERR_clear_error();
		return ERR_KEY;
	}
	out->value = slice_of(value, len);
	return 0;
}

static void provider_op_random(void *ctx, void *out, size_t len)
{
	(void)ctx;
	invariant(len <= INT32_MAX && RAND_bytes(out, (int)len) == 1);
}

static void provider_op_digest(void *ctx, enum hash_algorithm algorithm, const struct slice *parts,
			       size_t count, uint8_t *out)
{
	struct provider *p = ctx;

	digest_parts(&p->digest, algorithm, parts, count, out);
}

static const struct identity *provider_op_own_identity(void *ctx)
{
	struct provider *p = ctx;

	return &p->own;
}

static struct slice provider_op_own_certificate(void *ctx)
{
	struct provider *p = ctx;

	return slice_of(p->own_der, p->own_der_len);
}

static int provider_op_identify(void *ctx, struct walltime now, struct slice certificate, struct identity *out)
{
	return provider_identify(ctx, now, certificate, out, NULL, 0);
}

static int provider_op_host_hit(void *ctx, struct slice identity, struct hit *out)
{
	(void)ctx;
	return host_identity_hit(identity, out);
}

static int provider_op_host_verify(void *ctx, struct slice identity, const struct slice *parts, size_t count,
				   struct slice signature)
{
	(void)ctx;
	return host_identity_verify(identity, parts, count, signature);
}

struct security provider_security(struct provider *p)
{
	static const struct security_ops ops = {
		.random = provider_op_random,
		.digest = provider_op_digest,
		.own_identity = provider_op_own_identity,
		.own_certificate = provider_op_own_certificate,
		.sign = provider_op_sign,
		.verify = provider_op_verify,
		.identify = provider_op_identify,
		.host_hit = provider_op_host_hit,
		.host_verify = provider_op_host_verify,
	};

	return (struct security){ &ops, p };
}

int provider_set_trust(struct provider *p, const struct provider_trust *trust)
{
	int err;

	if (strlen(trust->overlay_name) > OVERLAY_NAME_MAX || trust->node_id_bits > 8 * NODE_ID_LENGTH)
		return ERR_CONFIG;
	err = certificate_chain_trust(&p->chain, trust);
	if (err != 0)
		return err;
	snprintf(p->overlay_name, sizeof(p->overlay_name), "%s", trust->overlay_name);
	p->rule = (struct certificate_rule){
		.overlay_name = p->overlay_name,
		.node_id_bits = trust->node_id_bits,
		.node_id_slots = trust->node_id_slots,
	};
	free(p->bad_nodes);
	p->bad_node_count = trust->bad_node_count;
	p->bad_nodes = memory_alloc(trust->bad_node_count * sizeof(*p->bad_nodes));
	if (trust->bad_node_count > 0)
		memcpy(p->bad_nodes, trust->bad_nodes, trust->bad_node_count * sizeof(*p->bad_nodes));
	certificate_cache_clear(p->certificates);
	signature_cache_clear(&p->signatures);
	return 0;
}

/* The own certificate must be what others will accept; its dates are for whoever knows the time. */
static int provider_take_keys(struct provider *p, const struct keystore *keys, char *detail, size_t size)
{
	EVP_PKEY *key = keystore_private_key(keys);
	struct certificate_entry *entry;
	int err = provider_lookup(p, keystore_certificate(keys), NULL, &entry, detail, size);
	struct slice parts[2];

	if (err != 0)
		return err;
	if (EVP_PKEY_eq(entry->key, key) != 1)
		return provider_refuse(ERR_KEY, detail, size, "the certificate is for another key");
	p->own = entry->identity;
	p->own_der = memory_alloc(entry->der.len);
	memcpy(p->own_der, entry->der.data, entry->der.len);
	p->own_der_len = entry->der.len;
	p->own_signer = (struct signer_identity){
		.type = p->own.node_id_count == 1 ? SIGNER_CERT_HASH : SIGNER_CERT_HASH_NODE_ID,
		.hash_alg = HASH_SHA256,
		.hash = slice_of(p->own_hash, sizeof(p->own_hash)),
	};
	parts[0] = p->own.node_id_count == 1 ? SLICE_EMPTY : slice_of(p->own.node_id.bytes, NODE_ID_LENGTH);
	parts[1] = slice_of(p->own_der, p->own_der_len);
	digest_parts(&p->digest, HASH_SHA256, parts, 2, p->own_hash);
	p->own_algorithm = entry->is_rsa ? SIGNATURE_RSA : SIGNATURE_ECDSA;
	p->signer = provider_new_context(p, key, entry->is_rsa, EVP_PKEY_sign_init);
	p->signature_max = (size_t)EVP_PKEY_get_size(key);
	return 0;
}

int provider_new(struct provider **out, const struct keystore *keys, const struct provider_trust *trust,
		 char *detail, size_t detail_size)
{
	struct provider *p = memory_alloc(sizeof(*p));
	int err;

	*out = NULL;
	digest_init(&p->digest);
	p->certificates = certificate_cache_new(PROVIDER_CERTIFICATES_MAX);
	signature_cache_init(&p->signatures);
	err = provider_set_trust(p, trust);
	if (err != 0)
		err = provider_refuse(err, detail, detail_size,
				      "a root certificate is not an authority's, or the overlay's name or "
				      "aor-derived-node-ids are out of range");
	if (err == 0 && keys != NULL)
		err = provider_take_keys(p, keys, detail, detail_size);
	if (err != 0) {
		provider_free(p);
		return err;
	}
	*out = p;
	return 0;
}

void provider_free(struct provider *p)
{
	if (p == NULL)
		return;
	EVP_PKEY_CTX_free(p->signer);
	free(p->own_der);
	signature_cache_free(&p->signatures);
	certificate_cache_free(p->certificates);
	digest_free(&p->digest);
	certificate_chain_free(&p->chain);
	free(p->bad_nodes);
	free(p);
}
