/* SPDX-License-Identifier: MIT */
/* The security port without cryptography: plain certificates and keyed hashes. */
#include "tools/sim/fake_security.h"

#include <stdlib.h>
#include <string.h>

#include "overlay/base/invariant.h"
#include "overlay/base/prng.h"
#include "overlay/base/reader.h"
#include "overlay/base/writer.h"
#include "tools/sim/fake_hash.h"
#include "tools/sim/fake_host_security.h"

#define FAKE_MAGIC 0x46414b45u        /* "FAKE" */
#define FAKE_CERTIFICATES_MAX (1u << 20) /* that exist at once */
#define FAKE_SEEN_MAX 4096u           /* certificates remembered by one provider, as crypto/ does */
#define FAKE_NONE UINT32_MAX

struct fake_certificate {
	struct identity identity;
	size_t len;
	uint8_t bytes[];
};

struct fake_certificates {
	struct fake_certificate **items; /* owned; in order of coming */
	uint32_t count;
	uint32_t room;
	uint32_t *index; /* items by the beginning of their hash; FAKE_NONE: free */
	uint32_t index_room; /* a power of two, more than twice the count */
};

struct fake_security {
	struct prng prng;
	struct fake_certificates *certificates;
	struct fake_certificates *own_certificates; /* owned; NULL: they are shared */
	uint32_t own;       /* place of the own certificate */
	uint32_t seen_count;
	uint32_t seen_room; /* a power of two, more than twice the count */
	uint32_t *seen;     /* places of the certificates seen, by hash of the place; FAKE_NONE: free */
};

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

/* The name of a certificate's key: the same for every certificate of this user and Node-ID. */
static struct slice fake_key_name(const struct identity *identity, uint8_t out[FAKE_CERTIFICATE_NAME_MAX])
{
	struct writer w = writer_of(out, FAKE_CERTIFICATE_NAME_MAX);

	writer_bytes(&w, slice_of(identity->node_id.bytes, NODE_ID_LENGTH));
	writer_bytes(&w, slice_text(identity->user));
	invariant(w.err == 0);
	return writer_slice(&w);
}

static void fake_hit(const struct identity *identity, struct hit *out)
{
	uint8_t name[FAKE_CERTIFICATE_NAME_MAX], host_identity[FAKE_HOST_IDENTITY];
	int err = fake_host_hit(fake_host_identity(fake_key_name(identity, name), host_identity), out);

	invariant(err == 0);
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
	fake_hit(&id, &id.hit);
	id.is_vouched = true;
	*out = id;
	return 0;
}

struct hit fake_certificate_hit(struct slice certificate)
{
	struct identity identity = { 0 };

	return fake_certificate_get(certificate, &identity) == 0 ? identity.hit : (struct hit){ 0 };
}

struct slice fake_certificate_key_name(struct slice certificate, uint8_t out[FAKE_CERTIFICATE_NAME_MAX])
{
	struct identity identity = { 0 };

	return fake_certificate_get(certificate, &identity) == 0 ? fake_key_name(&identity, out) : SLICE_EMPTY;
}

/* ---- The certificates that exist ---- */

struct fake_certificates *fake_certificates_new(void)
{
	return memory_alloc(sizeof(struct fake_certificates));
}

void fake_certificates_free(struct fake_certificates *c)
{
	if (c == NULL)
		return;
	for (uint32_t i = 0; i < c->count; i++)
		free(c->items[i]);
	free(c->items);
	free(c->index);
	free(c);
}

static uint32_t *fake_index_slot(const struct fake_certificates *c, const uint8_t *hash)
{
	uint32_t slot = (uint32_t)fake_hash_load(hash) & (c->index_room - 1);

	while (c->index[slot] != FAKE_NONE &&
	       memcmp(c->items[c->index[slot]]->identity.certificate_hash, hash, FAKE_DIGEST) != 0)
		slot = (slot + 1) & (c->index_room - 1);
	return &c->index[slot];
}

static uint32_t fake_certificates_find(const struct fake_certificates *c, const uint8_t *hash)
{
	return c->index_room == 0 ? FAKE_NONE : *fake_index_slot(c, hash);
}

static uint32_t *fake_slots_new(uint32_t room)
{
	uint32_t *slots = memory_alloc(room * sizeof(*slots));

	memset(slots, 0xff, room * sizeof(*slots));
	return slots;
}

static void fake_certificates_grow(struct fake_certificates *c)
{
	c->room = c->room == 0 ? 4 : 2 * c->room;
	c->items = memory_resize(c->items, c->room * sizeof(*c->items));
	free(c->index);
	c->index_room = 4 * c->room;
	c->index = fake_slots_new(c->index_room);
	for (uint32_t i = 0; i < c->count; i++)
		*fake_index_slot(c, c->items[i]->identity.certificate_hash) = i;
}

/* The place of a certificate, be it new or not. FAKE_NONE: it is none, or there are too many. */
static uint32_t fake_certificates_put(struct fake_certificates *c, struct slice der)
{
	struct fake_certificate *item;
	struct identity identity;
	uint8_t hash[FAKE_DIGEST];
	uint32_t place;

	fake_digest_of(der, hash);
	place = fake_certificates_find(c, hash);
	if (place != FAKE_NONE)
		return place;
	if (c->count == FAKE_CERTIFICATES_MAX || fake_certificate_get(der, &identity) != 0)
		return FAKE_NONE;
	if (c->count == c->room)
		fake_certificates_grow(c);
	item = memory_alloc(sizeof(*item) + der.len);
	item->identity = identity;
	item->len = der.len;
	memcpy(item->bytes, der.data, der.len);
	c->items[c->count] = item;
	*fake_index_slot(c, hash) = c->count;
	return c->count++;
}

static struct slice fake_certificate_der(const struct fake_certificate *item)
{
	return slice_of(item->bytes, item->len);
}

struct slice fake_certificates_add(struct fake_certificates *c, struct slice certificate)
{
	uint32_t place = fake_certificates_put(c, certificate);

	invariant(place != FAKE_NONE);
	return fake_certificate_der(c->items[place]);
}

/* ---- What one provider has seen of them ---- */

static uint32_t *fake_seen_slot(const struct fake_security *f, uint32_t place)
{
	uint32_t slot = (place * 0x9e3779b1u) >> 8 & (f->seen_room - 1);

	while (f->seen[slot] != FAKE_NONE && f->seen[slot] != place)
		slot = (slot + 1) & (f->seen_room - 1);
	return &f->seen[slot];
}

static void fake_remember(struct fake_security *f, uint32_t place)
{
	uint32_t *old = f->seen;
	uint32_t old_room = f->seen_room;

	if (*fake_seen_slot(f, place) == place)
		return;
	/* Full: begins anew, which is the same for every run. */
	if (f->seen_count == FAKE_SEEN_MAX) {
		memset(f->seen, 0xff, f->seen_room * sizeof(*f->seen));
		f->seen_count = 1;
		*fake_seen_slot(f, f->own) = f->own;
	}
	if (2 * (f->seen_count + 1) > f->seen_room) {
		f->seen_room *= 2;
		f->seen = fake_slots_new(f->seen_room);
		for (uint32_t i = 0; i < old_room; i++)
			if (old[i] != FAKE_NONE)
				*fake_seen_slot(f, old[i]) = old[i];
		free(old);
	}
	*fake_seen_slot(f, place) = place;
	f->seen_count++;
}

/* ---- The port ---- */

static void fake_random(void *ctx, void *out, size_t len)
{
	struct fake_security *f = ctx;
	uint8_t *at = out;

	for (size_t i = 0; i < len; i += 8) {
		uint64_t word = prng_next(&f->prng);

		for (size_t k = i; k < len && k < i + 8; k++, word >>= 8)
			at[k] = (uint8_t)word;
	}
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

static const struct fake_certificate *fake_own(const struct fake_security *f)
{
	return f->certificates->items[f->own];
}

static const struct identity *fake_own_identity(void *ctx)
{
	return &fake_own(ctx)->identity;
}

static struct slice fake_own_certificate(void *ctx)
{
	return fake_certificate_der(fake_own(ctx));
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
	struct slice hash = slice_of(fake_own(f)->identity.certificate_hash, FAKE_DIGEST);
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

/* The same for a certificate of this place. */
static int fake_identify_place(struct fake_security *f, struct walltime now, uint32_t place, struct identity *out)
{
	const struct identity *id = &f->certificates->items[place]->identity;

	if (now.ms < id->not_before.ms || now.ms > id->not_after.ms)
		return ERR_CERTIFICATE_EXPIRED;
	fake_remember(f, place);
	*out = *id;
	return 0;
}

static int fake_identify(void *ctx, struct walltime now, struct slice certificate, struct identity *out)
{
	struct fake_security *f = ctx;
	uint32_t place = fake_certificates_put(f->certificates, certificate);

	return place == FAKE_NONE ? ERR_CERTIFICATE : fake_identify_place(f, now, place, out);
}

/* The certificate with this hash, when the provider has seen it or it came along. */
static int fake_signer(struct fake_security *f, struct slice hash, const struct certificate_list *bucket,
		       uint32_t *place)
{
	uint8_t digest[FAKE_DIGEST];

	if (hash.len != FAKE_DIGEST)
		return ERR_CERTIFICATE_UNKNOWN;
	*place = fake_certificates_find(f->certificates, hash.data);
	if (*place != FAKE_NONE && *fake_seen_slot(f, *place) == *place)
		return 0;
	for (size_t i = 0; bucket != NULL && i < bucket->count; i++) {
		fake_digest_of(bucket->items[i], digest);
		if (!slice_equal(slice_of(digest, sizeof(digest)), hash))
			continue;
		*place = fake_certificates_put(f->certificates, bucket->items[i]);
		return *place == FAKE_NONE ? ERR_CERTIFICATE : 0;
	}
	return ERR_CERTIFICATE_UNKNOWN;
}

static int fake_verify(void *ctx, struct walltime now, const struct slice *parts, size_t count,
		       const struct signature *signature, const struct certificate_list *bucket,
		       struct identity *signer, struct slice *certificate)
{
	struct fake_security *f = ctx;
	uint8_t value[FAKE_DIGEST];
	uint32_t place;
	int err;

	if (signature->identity.type == SIGNER_NONE || signature->algorithm == SIGNATURE_ANONYMOUS)
		return ERR_FORBIDDEN;
	err = fake_signer(f, signature->identity.hash, bucket, &place);
	if (err != 0)
		return err;
	err = fake_value(signature->identity.hash, parts, count, &signature->identity, value);
	if (err != 0 || !slice_equal(slice_of(value, sizeof(value)), signature->value))
		return ERR_SIGNATURE;
	err = fake_identify_place(f, now, place, signer);
	if (err != 0)
		return err;
	if (certificate != NULL)
		*certificate = fake_certificate_der(f->certificates->items[place]);
	return 0;
}

static int fake_identity_hit(void *ctx, struct slice identity, struct hit *out)
{
	(void)ctx;
	return fake_host_hit(identity, out);
}

static int fake_identity_verify(void *ctx, struct slice identity, const struct slice *parts, size_t count,
				struct slice signature)
{
	(void)ctx;
	return fake_host_verify(identity, parts, count, signature);
}

struct fake_security *fake_security_new_shared(struct fake_certificates *shared, uint64_t seed,
					       struct slice certificate)
{
	struct fake_security *f = memory_alloc(sizeof(*f));

	prng_seed(&f->prng, seed);
	f->own_certificates = shared == NULL ? fake_certificates_new() : NULL;
	f->certificates = shared == NULL ? f->own_certificates : shared;
	f->own = fake_certificates_put(f->certificates, certificate);
	invariant(f->own != FAKE_NONE);
	f->seen_room = 16;
	f->seen = fake_slots_new(f->seen_room);
	fake_remember(f, f->own);
	return f;
}

struct fake_security *fake_security_new(uint64_t seed, struct slice certificate)
{
	return fake_security_new_shared(NULL, seed, certificate);
}

void fake_security_free(struct fake_security *f)
{
	if (f == NULL)
		return;
	fake_certificates_free(f->own_certificates);
	free(f->seen);
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
		.host_hit = fake_identity_hit,
		.host_verify = fake_identity_verify,
	};

	return (struct security){ &OPS, f };
}
