/* SPDX-License-Identifier: MIT */
/* Key pairs and shared values. A public value is checked before it is used: for MODP groups that it lies in the
 * subgroup that the generator spans, for curves that it is a point of the curve (all of them have cofactor 1). */
#include "crypto/host_dh.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/dh.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <stdlib.h>

#include "overlay/base/invariant.h"

#define HOST_POINT_UNCOMPRESSED 0x04

struct host_dh_shape {
	enum host_dh_group group;
	const char *name; /* OpenSSL's */
	uint16_t size;    /* bytes of the prime */
	bool is_curve;
};

static const struct host_dh_shape host_dh_shapes[HOST_DH_GROUP_COUNT] = {
	{ HOST_DH_MODP_1536, "modp_1536", 192, false },
	{ HOST_DH_MODP_3072, "modp_3072", 384, false },
	{ HOST_DH_P256, "P-256", 32, true },
	{ HOST_DH_P384, "P-384", 48, true },
	{ HOST_DH_P521, "P-521", 66, true },
	{ HOST_DH_SECP160R1, "secp160r1", 20, true },
};

struct host_dh {
	const struct host_dh_shape *shape;
	EVP_PKEY *key; /* owned */
};

static const struct host_dh_shape *host_dh_shape_of(enum host_dh_group group)
{
	for (size_t i = 0; i < HOST_DH_GROUP_COUNT; i++)
		if (host_dh_shapes[i].group == group)
			return &host_dh_shapes[i];
	return NULL;
}

void host_dh_maker_free(struct host_dh_maker *m)
{
	for (size_t i = 0; i < HOST_DH_GROUP_COUNT; i++)
		EVP_PKEY_CTX_free(m->makers[i]);
	*m = (struct host_dh_maker){ 0 };
}

/* NULL: this OpenSSL does not know the group. */
static EVP_PKEY_CTX *host_dh_maker_of(struct host_dh_maker *m, const struct host_dh_shape *shape)
{
	EVP_PKEY_CTX **maker = &m->makers[shape - host_dh_shapes];

	if (*maker != NULL)
		return *maker;
	*maker = EVP_PKEY_CTX_new_from_name(NULL, shape->is_curve ? "EC" : "DH", NULL);
	if (*maker == NULL || EVP_PKEY_keygen_init(*maker) != 1 ||
	    EVP_PKEY_CTX_set_group_name(*maker, shape->name) != 1) {
		EVP_PKEY_CTX_free(*maker);
		*maker = NULL;
	}
	return *maker;
}

/* The public value as it stands in DIFFIE_HELLMAN: a number as long as the prime, or x|y. */
static bool host_dh_public(const struct host_dh *dh, uint8_t public[HOST_DH_PUBLIC_MAX], size_t *public_len)
{
	unsigned char *encoded = NULL;
	size_t len = EVP_PKEY_get1_encoded_public_key(dh->key, &encoded);
	size_t skip = dh->shape->is_curve ? 1 : 0;
	size_t want = dh->shape->is_curve ? 2 * (size_t)dh->shape->size : dh->shape->size;
	bool good = encoded != NULL && len == want + skip;

	if (good) {
		memcpy(public, encoded + skip, want);
		*public_len = want;
	}
	OPENSSL_free(encoded);
	return good;
}

int host_dh_new(struct host_dh_maker *m, enum host_dh_group group, struct host_dh **out,
		uint8_t public[HOST_DH_PUBLIC_MAX], size_t *public_len)
{
	const struct host_dh_shape *shape = host_dh_shape_of(group);
	EVP_PKEY_CTX *maker = shape == NULL ? NULL : host_dh_maker_of(m, shape);
	struct host_dh *dh;

	*out = NULL;
	*public_len = 0;
	if (maker == NULL) {
		ERR_clear_error();
		return ERR_UNSUPPORTED;
	}
	dh = memory_alloc(sizeof(*dh));
	dh->shape = shape;
	if (EVP_PKEY_generate(maker, &dh->key) != 1 || !host_dh_public(dh, public, public_len)) {
		ERR_clear_error();
		host_dh_free(dh);
		return ERR_KEY;
	}
	*out = dh;
	return 0;
}

void host_dh_free(struct host_dh *dh)
{
	if (dh == NULL)
		return;
	EVP_PKEY_free(dh->key); /* wipes the private number */
	free(dh);
}

/* 1 < y < p - 1 and y a square. The primes are safe ones, p = 2q + 1, so that the squares are just the subgroup of
 * order q, in which the generator 2 lies; the Jacobi symbol tells it without an exponentiation. */
static bool host_dh_is_element(const EVP_PKEY *key, struct slice value)
{
	BIGNUM *p = NULL, *y = BN_bin2bn(value.data, (int)value.len, NULL), *last = NULL;
	BN_CTX *ctx = BN_CTX_new();
	bool good = false;

	invariant(y != NULL && ctx != NULL);
	if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_FFC_P, &p) == 1) {
		last = BN_dup(p);
		invariant(last != NULL && BN_sub_word(last, 1) == 1);
		good = !BN_is_zero(y) && !BN_is_one(y) && BN_cmp(y, last) < 0 && BN_kronecker(y, p, ctx) == 1;
	}
	BN_free(last);
	BN_free(y);
	BN_free(p);
	BN_CTX_free(ctx);
	return good;
}

/* The other end's value as a key of the same group. */
static int host_dh_peer(const struct host_dh *dh, struct slice other, EVP_PKEY **out)
{
	uint8_t encoded[1 + HOST_DH_PUBLIC_MAX];
	size_t skip = dh->shape->is_curve ? 1 : 0;
	size_t want = dh->shape->is_curve ? 2 * (size_t)dh->shape->size : dh->shape->size;
	EVP_PKEY *peer;

	/* A number may come without the zeroes in front. */
	if (other.len == 0 || other.len > want || (dh->shape->is_curve && other.len != want))
		return ERR_MALFORMED;
	if (!dh->shape->is_curve && !host_dh_is_element(dh->key, other))
		return ERR_MALFORMED;
	memset(encoded, 0, sizeof(encoded));
	if (dh->shape->is_curve)
		encoded[0] = HOST_POINT_UNCOMPRESSED;
	memcpy(encoded + skip + want - other.len, other.data, other.len);
	peer = EVP_PKEY_new();
	invariant(peer != NULL);
	if (EVP_PKEY_copy_parameters(peer, dh->key) != 1 ||
	    EVP_PKEY_set1_encoded_public_key(peer, encoded, skip + want) != 1) {
		EVP_PKEY_free(peer);
		return ERR_MALFORMED;
	}
	*out = peer;
	return 0;
}

int host_dh_shared(const struct host_dh *dh, struct slice other, uint8_t out[HOST_DH_SHARED_MAX], size_t *len)
{
	EVP_PKEY *peer = NULL;
	EVP_PKEY_CTX *ctx;
	int err = host_dh_peer(dh, other, &peer);

	*len = HOST_DH_SHARED_MAX;
	if (err != 0) {
		ERR_clear_error();
		return err;
	}
	ctx = EVP_PKEY_CTX_new(dh->key, NULL);
	invariant(ctx != NULL);
	/* RFC 7401 6.5 leaves open whether leading zeroes of Kij count: they do, as in RFC 2631 2.1.2, whatever the
	 * group. The value was checked above; OpenSSL's own check would cost a second exponentiation. */
	if (EVP_PKEY_derive_init(ctx) != 1 ||
	    (!dh->shape->is_curve && EVP_PKEY_CTX_set_dh_pad(ctx, 1) != 1) ||
	    EVP_PKEY_derive_set_peer_ex(ctx, peer, 0) != 1 || EVP_PKEY_derive(ctx, out, len) != 1 ||
	    *len != dh->shape->size)
		err = ERR_MALFORMED;
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(peer);
	ERR_clear_error();
	return err;
}

static bool host_dh_push(OSSL_PARAM_BLD *build, const struct host_dh_shape *shape, const BIGNUM *number,
			 const BIGNUM *element, struct slice point)
{
	return OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, shape->name, 0) == 1 &&
	       OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, number) == 1 &&
	       (shape->is_curve ? OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point.data,
								   point.len) :
				  OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PUB_KEY, element)) == 1;
}

int host_dh_import(enum host_dh_group group, struct slice private, struct slice public, struct host_dh **out)
{
	const struct host_dh_shape *shape = host_dh_shape_of(group);
	uint8_t point[1 + HOST_DH_PUBLIC_MAX] = { HOST_POINT_UNCOMPRESSED };
	OSSL_PARAM *params = NULL;
	OSSL_PARAM_BLD *build;
	BIGNUM *number, *element;
	EVP_PKEY_CTX *ctx;
	EVP_PKEY *key = NULL;

	*out = NULL;
	if (shape == NULL)
		return ERR_UNSUPPORTED;
	if (private.len == 0 || private.len > shape->size || public.len == 0 || public.len > HOST_DH_PUBLIC_MAX)
		return ERR_MALFORMED;
	memcpy(point + 1, public.data, public.len);
	number = BN_bin2bn(private.data, (int)private.len, NULL);
	element = BN_bin2bn(public.data, (int)public.len, NULL);
	build = OSSL_PARAM_BLD_new();
	ctx = EVP_PKEY_CTX_new_from_name(NULL, shape->is_curve ? "EC" : "DH", NULL);
	invariant(number != NULL && element != NULL && build != NULL && ctx != NULL);
	if (host_dh_push(build, shape, number, element, slice_of(point, 1 + public.len)))
		params = OSSL_PARAM_BLD_to_param(build);
	if (params != NULL && EVP_PKEY_fromdata_init(ctx) == 1 &&
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) == 1) {
		*out = memory_alloc(sizeof(**out));
		(*out)->shape = shape;
		(*out)->key = key;
	}
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	BN_clear_free(number);
	BN_free(element);
	ERR_clear_error();
	return *out != NULL ? 0 : ERR_KEY;
}
