/* SPDX-License-Identifier: MIT */
/* The security port without cryptography: plain certificates and keyed hashes. */
#include "tools/sim/fake_security.h"

#include <stdlib.h>
#include <string.h>

#include "overlay/base/invariant.h"
#include "overlay/base/map.h"
#include "overlay/base/prng.h"
#include "overlay/base/reader.h"
#include "overlay/base/writer.h"

#define FAKE_MAGIC 0x46414b45u /* "FAKE" */
#define FAKE_SEEN_MAX 8192     /* certificates remembered by one provider */
#define FAKE_DIGEST 32         /* bytes */

struct fake_seen {
	uint8_t hash[FAKE_DIGEST];
	size_t len;
	uint8_t bytes[];
};

struct fake_security {
	struct prng prng;
	struct identity identity;
	uint8_t certificate[FAKE_CERTIFICATE_MAX];
	size_t certificate_len;
	struct map *seen; /* hash -> struct fake_seen, owned */
};

/* Four lanes of multiply and rotate: enough to notice any changed byte. */
struct fake_hash {
	uint64_t lane[4];
	uint64_t len;
};

static void fake_hash_byte(struct fake_hash *h, uint8_t byte)
{
	uint64_t *lane = &h->lane[h->len & 3];

	*lane = (*lane ^ byte) * 0x9e3779b97f4a7c15ull;
	*lane = *lane << 29 | *lane >> 35;
	h->len++;
}

static void fake_hash_add(struct fake_hash *h, struct slice bytes)
{
	for (size_t i = 0; i < bytes.len; i++)
		fake_hash_byte(h, bytes.data[i]);
}

static struct fake_hash fake_hash_start(uint64_t key)
{
	struct fake_hash h = { { key, key ^ 0x243f6a8885a308d3ull, ~key, key * 0xff51afd7ed558ccdull },
			       0 };

	return h;
}

static void fake_hash_end(const struct fake_hash *h, uint8_t out[FAKE_DIGEST])
{
	uint64_t mix = h->len;

	for (size_t round = 0; round < 8; round++) {
		mix ^= h->lane[round & 3];
		mix ^= mix >> 33;
		mix *= 0xff51afd7ed558ccdull;
		mix ^= mix >> 29;
		if (round >= 4)
			for (size_t i = 0; i < 8; i++)
				out[(round - 4) * 8 + i] = (uint8_t)(mix >> (8 * i));
	}
}

static void fake_digest_of(struct slice bytes, uint8_t out[FAKE_DIGEST])
{
	struct fake_hash h = fake_hash_start(HASH_SHA256);

	fake_hash_add(&h, bytes);
	fake_hash_end(&h, out);
}

size_t fake_certificate_put(uint8_t *out, const struct node_id *ids, size_t count, const char *user,
			    struct walltime not_before, struct walltime not_after)
{
	struct writer w = writer_of(out, FAKE_CERTIFICATE_MAX);

	writer_u32(&w, FAKE_MAGIC);
	node_id_list_put(&w, ids, count);
	writer_opaque8(&w, slice_text(user));
	writer_u64(&w, not_before.ms);
	writer_u64(&w, not_after.ms);
	invariant(w.err == 0);
	return w.len;
}

/* Reads a certificate; the dates are left to the caller. */
static int fake_certificate_get(struct slice der, struct identity *out)
{
	struct identity id = { 0 };
	struct reader r = reader_of(der);
	struct reader ids;
	struct slice user;

	if (reader_u32(&r) != FAKE_MAGIC)
		return ERR_CERTIFICATE;
	ids = reader_sub16(&r);
	while (reader_more(&ids) && id.node_id_count < IDENTITY_NODE_IDS_MAX)
		node_id_get(&ids, &id.node_ids[id.node_id_count++]);
	reader_join(&r, &ids);
	user = reader_opaque8(&r);
	id.not_before.ms = reader_u64(&r);
	id.not_after.ms = reader_u64(&r);
	if (reader_finish(&r) != 0 || id.node_id_count == 0 || user.len > USER_NAME_MAX)
		return ERR_CERTIFICATE;
	memcpy(id.user, user.data, user.len);
	id.node_id = id.node_ids[0];
	fake_digest_of(der, id.certificate_hash);
	*out = id;
	return 0;
}

static const struct fake_seen *fake_find(const struct fake_security *f, struct slice hash)
{
	return map_find(f->seen, hash);
}

static void fake_remember(struct fake_security *f, struct slice der)
{
	struct fake_seen *seen;
	uint8_t hash[FAKE_DIGEST];

	fake_digest_of(der, hash);
	if (map_count(f->seen) >= FAKE_SEEN_MAX || fake_find(f, slice_of(hash, sizeof(hash))) != NULL)
		return;
	seen = memory_alloc(sizeof(*seen) + der.len);
	memcpy(seen->hash, hash, sizeof(hash));
	seen->len = der.len;
	memcpy(seen->bytes, der.data, der.len);
	map_put(f->seen, slice_of(seen->hash, sizeof(seen->hash)), seen);
}

static void fake_random(void *ctx, void *out, size_t len)
{
	struct fake_security *f = ctx;
	uint8_t *at = out;

	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)prng_next(&f->prng);
}

static void fake_digest(void *ctx, enum hash_algorithm algorithm, const struct slice *parts, size_t count,
			uint8_t *out)
{
	struct fake_hash h = fake_hash_start(algorithm);
	uint8_t digest[FAKE_DIGEST];

	(void)ctx;
	for (size_t i = 0; i < count; i++)
		fake_hash_add(&h, parts[i]);
	fake_hash_end(&h, digest);
	memcpy(out, digest, algorithm == HASH_SHA1 ? 20 : FAKE_DIGEST);
}

static const struct identity *fake_own_identity(void *ctx)
{
	return &((struct fake_security *)ctx)->identity;
}

static struct slice fake_own_certificate(void *ctx)
{
	struct fake_security *f = ctx;

	return slice_of(f->certificate, f->certificate_len);
}

/* The value of a signature by the holder of the certificate with this hash. */
static int fake_value(struct slice certificate_hash, const struct slice *parts, size_t count,
		      const struct signer_identity *identity, uint8_t out[FAKE_DIGEST])
{
	struct fake_hash h = fake_hash_start(FAKE_MAGIC);
	uint8_t buffer[300];
	struct writer w = writer_of(buffer, sizeof(buffer));

	fake_hash_add(&h, certificate_hash);
	for (size_t i = 0; i < count; i++)
		fake_hash_add(&h, parts[i]);
	signer_identity_put(&w, identity);
	if (w.err != 0)
		return ERR_LIMIT;
	fake_hash_add(&h, writer_slice(&w));
	fake_hash_end(&h, out);
	return 0;
}

static int fake_sign(void *ctx, const struct slice *parts, size_t count, struct arena *arena,
		     struct signature *out)
{
	struct fake_security *f = ctx;
	struct slice hash = slice_of(f->identity.certificate_hash, CERTIFICATE_HASH_LENGTH);
	uint8_t value[FAKE_DIGEST];
	int err;

	out->hash = HASH_SHA256;
	out->algorithm = SIGNATURE_ECDSA;
	out->identity = (struct signer_identity){ SIGNER_CERT_HASH, HASH_SHA256, hash };
	err = fake_value(hash, parts, count, &out->identity, value);
	if (err != 0)
		return err;
	out->value = arena_copy(arena, slice_of(value, sizeof(value)));
	return out->value.data == NULL ? ERR_LIMIT : 0;
}

static int fake_identify(void *ctx, struct walltime now, struct slice certificate, struct identity *out)
{
	struct fake_security *f = ctx;
	struct identity id;
	int err = fake_certificate_get(certificate, &id);

	if (err != 0)
		return err;
	if (now.ms < id.not_before.ms || now.ms > id.not_after.ms)
		return ERR_CERTIFICATE_EXPIRED;
	fake_remember(f, certificate);
	*out = id;
	return 0;
}

static int fake_verify(void *ctx, struct walltime now, const struct slice *parts, size_t count,
		       const struct signature *signature, const struct certificate_list *bucket,
		       struct identity *signer, struct slice *certificate)
{
	struct fake_security *f = ctx;
	const struct fake_seen *seen;
	struct slice der = SLICE_EMPTY;
	uint8_t value[FAKE_DIGEST];
	int err;

	if (signature->identity.type == SIGNER_NONE || signature->algorithm == SIGNATURE_ANONYMOUS)
		return ERR_FORBIDDEN;
	for (size_t i = 0; bucket != NULL && i < bucket->count; i++) {
		fake_digest_of(bucket->items[i], value);
		if (slice_equal(slice_of(value, sizeof(value)), signature->identity.hash))
			der = bucket->items[i];
	}
	seen = fake_find(f, signature->identity.hash);
	if (seen != NULL)
		der = slice_of(seen->bytes, seen->len);
	if (der.len == 0)
		return ERR_CERTIFICATE_UNKNOWN;
	err = fake_value(signature->identity.hash, parts, count, &signature->identity, value);
	if (err != 0 || !slice_equal(slice_of(value, sizeof(value)), signature->value))
		return ERR_SIGNATURE;
	err = fake_identify(f, now, der, signer);
	if (err != 0)
		return err;
	if (certificate != NULL)
		*certificate = der;
	return 0;
}

struct fake_security *fake_security_new(uint64_t seed, struct slice certificate)
{
	struct fake_security *f = memory_alloc(sizeof(*f));

	prng_seed(&f->prng, seed);
	f->seen = map_new(seed);
	invariant(certificate.len <= sizeof(f->certificate));
	memcpy(f->certificate, certificate.data, certificate.len);
	f->certificate_len = certificate.len;
	invariant(fake_certificate_get(certificate, &f->identity) == 0);
	fake_remember(f, certificate);
	return f;
}

void fake_security_free(struct fake_security *f)
{
	struct slice key;
	size_t cursor = 0;
	void *value;

	if (f == NULL)
		return;
	while (map_next(f->seen, &cursor, &key, &value))
		free(value);
	map_free(f->seen);
	free(f);
}

struct security fake_security_port(struct fake_security *f)
{
	static const struct security_ops OPS = {
		.random = fake_random,
		.digest = fake_digest,
		.own_identity = fake_own_identity,
		.own_certificate = fake_own_certificate,
		.sign = fake_sign,
		.verify = fake_verify,
		.identify = fake_identify,
	};

	return (struct security){ &OPS, f };
}
