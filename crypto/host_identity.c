/* SPDX-License-Identifier: MIT */
/* RSA Host Identities are the public key field of RFC 3110: length of the exponent, exponent, modulus. ECDSA ones are a
 * curve label and the point as 04|x|y. For the point RFC 7401 names RFC 6090, which knows coordinates as octet strings
 * but no point as one; those who came before took the uncompressed form of SEC 1, so it is the one that is made here.
 * x|y alone is read as well (it is what RFC 8005 has in the DNS). */
#include "crypto/host_identity.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "crypto/host_provider.h"
#include "overlay/base/invariant.h"
#include "overlay/base/reader.h"
#include "overlay/base/writer.h"

#define HOST_RSA_MIN 2048        /* bits: 112 bits of security (5.2.9) */
#define HOST_RSA_MAX 4096
#define HOST_RSA_EXPONENT_MAX 8  /* bytes */
#define HOST_RSA_SALT 32         /* bytes of PSS salt: as long as the hash */
#define HOST_COORDINATE_MAX 48
#define HOST_POINT_UNCOMPRESSED 0x04
#define HOST_DER_MAX 128         /* bytes of an ECDSA signature of P-384 in DER */

static const struct host_curve {
	const char *name;
	uint16_t label; /* 5.2.9 */
	uint8_t coordinate;
} host_curves[] = {
	{ SN_X9_62_prime256v1, 1, 32 },
	{ SN_secp384r1, 2, 48 },
};

static const struct host_curve *host_curve_of_key(const EVP_PKEY *key)
{
	char group[64];
	size_t len = 0;

	if (EVP_PKEY_is_a(key, "EC") != 1 || EVP_PKEY_get_group_name(key, group, sizeof(group), &len) != 1)
		return NULL;
	for (size_t i = 0; i < sizeof(host_curves) / sizeof(host_curves[0]); i++)
		if (strcmp(host_curves[i].name, group) == 0)
			return &host_curves[i];
	return NULL;
}

size_t host_identity_coordinate(const struct evp_pkey_st *key)
{
	const struct host_curve *curve = host_curve_of_key(key);

	return curve == NULL ? 0 : curve->coordinate;
}

static void host_identity_put_integer(struct writer *w, const BIGNUM *number, size_t len)
{
	uint8_t bytes[HOST_RSA_MAX / 8];

	invariant(len <= sizeof(bytes) && BN_bn2binpad(number, bytes, (int)len) == (int)len);
	writer_bytes(w, slice_of(bytes, len));
}

static int host_identity_put_rsa(struct writer *w, const EVP_PKEY *key)
{
	BIGNUM *n = NULL, *e = NULL;
	int err = ERR_UNSUPPORTED;

	if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
	    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1 && BN_num_bits(n) >= HOST_RSA_MIN &&
	    BN_num_bits(n) <= HOST_RSA_MAX && BN_num_bytes(e) <= HOST_RSA_EXPONENT_MAX) {
		writer_u16(w, HOST_ALGORITHM_RSA);
		writer_u8(w, (uint8_t)BN_num_bytes(e));
		host_identity_put_integer(w, e, (size_t)BN_num_bytes(e));
		host_identity_put_integer(w, n, (size_t)BN_num_bytes(n));
		err = w->err;
	}
	BN_free(n);
	BN_free(e);
	return err;
}

static int host_identity_put_ecdsa(struct writer *w, const EVP_PKEY *key, const struct host_curve *curve)
{
	BIGNUM *x = NULL, *y = NULL;
	int err = ERR_UNSUPPORTED;

	if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_X, &x) == 1 &&
	    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_Y, &y) == 1) {
		writer_u16(w, HOST_ALGORITHM_ECDSA);
		writer_u16(w, curve->label);
		writer_u8(w, HOST_POINT_UNCOMPRESSED);
		host_identity_put_integer(w, x, curve->coordinate);
		host_identity_put_integer(w, y, curve->coordinate);
		err = w->err;
	}
	BN_free(x);
	BN_free(y);
	return err;
}

int host_identity_of_key(const struct evp_pkey_st *key, uint8_t *out, size_t *len)
{
	struct writer w = writer_of(out, HOST_IDENTITY_MAX);
	const struct host_curve *curve = host_curve_of_key(key);
	int err = ERR_UNSUPPORTED;

	if (curve != NULL)
		err = host_identity_put_ecdsa(&w, key, curve);
	else if (EVP_PKEY_is_a(key, "RSA") == 1)
		err = host_identity_put_rsa(&w, key);
	ERR_clear_error();
	*len = err == 0 ? w.len : 0;
	return err;
}

/* A public key of OpenSSL from its numbers. */
static int host_identity_make(const char *type, OSSL_PARAM_BLD *build, EVP_PKEY **out)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	bool done;

	invariant(params != NULL && ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1);
	done = EVP_PKEY_fromdata(ctx, out, EVP_PKEY_PUBLIC_KEY, params) == 1;
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	ERR_clear_error();
	return done ? 0 : ERR_MALFORMED;
}

static int host_identity_parse_rsa(struct reader *r, EVP_PKEY **out)
{
	/* An exponent length of 0 announces one of more than 255 bytes (RFC 3110 2): nobody verifies with those. */
	size_t exponent_len = reader_u8(r);
	struct slice exponent = reader_bytes(r, exponent_len);
	struct slice modulus = reader_bytes(r, reader_left(r));
	OSSL_PARAM_BLD *build;
	BIGNUM *n, *e;
	int err;

	if (reader_finish(r) != 0 || exponent.len == 0 || modulus.len == 0)
		return ERR_MALFORMED;
	/* "Leading zero octets are prohibited in the exponent and modulus." An even number is no prime's multiple. */
	if (exponent.data[0] == 0 || modulus.data[0] == 0 || (exponent.data[exponent.len - 1] & 1) == 0 ||
	    (modulus.data[modulus.len - 1] & 1) == 0)
		return ERR_MALFORMED;
	if (exponent.len > HOST_RSA_EXPONENT_MAX || modulus.len > HOST_RSA_MAX / 8)
		return ERR_UNSUPPORTED;
	n = BN_bin2bn(modulus.data, (int)modulus.len, NULL);
	e = BN_bin2bn(exponent.data, (int)exponent.len, NULL);
	build = OSSL_PARAM_BLD_new();
	invariant(n != NULL && e != NULL && build != NULL);
	if (BN_num_bits(n) < HOST_RSA_MIN)
		err = ERR_UNSUPPORTED;
	else if (BN_is_one(e))
		err = ERR_MALFORMED;
	else if (OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) != 1 ||
		 OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) != 1)
		err = ERR_KEY;
	else
		err = host_identity_make("RSA", build, out);
	OSSL_PARAM_BLD_free(build);
	BN_free(n);
	BN_free(e);
	return err;
}

static int host_identity_parse_ecdsa(struct reader *r, EVP_PKEY **out)
{
	uint8_t point[1 + 2 * HOST_COORDINATE_MAX] = { HOST_POINT_UNCOMPRESSED };
	uint16_t label = reader_u16(r);
	struct slice value = reader_bytes(r, reader_left(r));
	const struct host_curve *curve = NULL;
	OSSL_PARAM_BLD *build;
	int err = ERR_KEY;

	if (reader_finish(r) != 0)
		return ERR_MALFORMED;
	for (size_t i = 0; i < sizeof(host_curves) / sizeof(host_curves[0]); i++)
		if (host_curves[i].label == label)
			curve = &host_curves[i];
	if (curve == NULL)
		return ERR_UNSUPPORTED;
	if (value.len == 1 + 2 * (size_t)curve->coordinate && value.data[0] == HOST_POINT_UNCOMPRESSED)
		value = slice_of(value.data + 1, value.len - 1);
	if (value.len != 2 * (size_t)curve->coordinate)
		return ERR_MALFORMED;
	memcpy(point + 1, value.data, value.len);
	build = OSSL_PARAM_BLD_new();
	invariant(build != NULL);
	/* OpenSSL refuses a point that is not on the curve. */
	if (OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, curve->name, 0) == 1 &&
	    OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + value.len) == 1)
		err = host_identity_make("EC", build, out);
	OSSL_PARAM_BLD_free(build);
	return err;
}

int host_identity_parse(struct slice identity, struct evp_pkey_st **out)
{
	struct reader r = reader_of(identity);
	uint16_t algorithm = reader_u16(&r);

	*out = NULL;
	if (identity.len <= 2 || identity.len > HOST_IDENTITY_MAX)
		return ERR_MALFORMED;
	switch (algorithm) {
	case HOST_ALGORITHM_RSA:
		return host_identity_parse_rsa(&r, out);
	case HOST_ALGORITHM_ECDSA:
		return host_identity_parse_ecdsa(&r, out);
	default:
		return ERR_UNSUPPORTED;
	}
}

/* r|s as DER, which is what OpenSSL verifies. Returns its length; 0: not a signature of such a key. */
static size_t host_signature_to_der(struct slice raw, size_t coordinate, uint8_t der[HOST_DER_MAX])
{
	ECDSA_SIG *sig;
	BIGNUM *r, *s;
	int len;

	if (raw.len != 2 * coordinate)
		return 0;
	sig = ECDSA_SIG_new();
	r = BN_bin2bn(raw.data, (int)coordinate, NULL);
	s = BN_bin2bn(raw.data + coordinate, (int)coordinate, NULL);
	invariant(sig != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(sig, r, s) == 1);
	len = i2d_ECDSA_SIG(sig, NULL);
	invariant(len > 0 && len <= HOST_DER_MAX);
	len = i2d_ECDSA_SIG(sig, &der);
	ECDSA_SIG_free(sig);
	return (size_t)len;
}

static void host_signature_to_raw(const uint8_t *der, size_t der_len, size_t coordinate, uint8_t *out)
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)der_len);

	invariant(sig != NULL);
	invariant(BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, (int)coordinate) == (int)coordinate &&
		  BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + coordinate, (int)coordinate) == (int)coordinate);
	ECDSA_SIG_free(sig);
}

int host_identity_verify(struct slice identity, const struct slice *parts, size_t count, struct slice signature)
{
	uint8_t der[HOST_DER_MAX];
	EVP_PKEY_CTX *options = NULL;
	EVP_MD_CTX *ctx;
	EVP_PKEY *key;
	size_t coordinate;
	bool good;
	int err = host_identity_parse(identity, &key);

	if (err != 0)
		return err;
	coordinate = host_identity_coordinate(key);
	ctx = EVP_MD_CTX_new();
	invariant(ctx != NULL);
	good = EVP_DigestVerifyInit_ex(ctx, &options, coordinate > 0 ? "SHA2-384" : "SHA2-256", NULL, NULL, key,
				       NULL) == 1;
	/* The RFC does not say how long the salt is: any will do. */
	if (good && coordinate == 0)
		good = EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
		       EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_AUTO) == 1;
	if (good && coordinate > 0)
		signature = slice_of(der, host_signature_to_der(signature, coordinate, der));
	good = good && signature.len > 0;
	for (size_t i = 0; good && i < count; i++)
		if (parts[i].len > 0)
			good = EVP_DigestVerifyUpdate(ctx, parts[i].data, parts[i].len) == 1;
	good = good && EVP_DigestVerifyFinal(ctx, signature.data, signature.len) == 1;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return good ? 0 : ERR_SIGNATURE;
}

static size_t host_identity_digest(void *ctx, enum hit_suite suite, const struct slice *parts, size_t count,
				   uint8_t out[HOST_DIGEST_MAX])
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	unsigned len = 0;

	(void)ctx;
	invariant(md != NULL);
	invariant(EVP_DigestInit_ex2(md, suite == HIT_SUITE_RSA ? EVP_sha256() : EVP_sha384(), NULL) == 1);
	for (size_t i = 0; i < count; i++)
		invariant(EVP_DigestUpdate(md, parts[i].data, parts[i].len) == 1);
	invariant(EVP_DigestFinal_ex(md, out, &len) == 1);
	EVP_MD_CTX_free(md);
	return len;
}

int host_identity_hit(struct slice identity, struct hit *out)
{
	static const struct host_security_ops ops = { .digest = host_identity_digest };
	const struct host_security security = { &ops, NULL };

	return host_hit(&security, identity, out);
}

void host_identity_hit_of_key(const struct evp_pkey_st *key, struct hit *out)
{
	uint8_t identity[HOST_IDENTITY_MAX];
	size_t len;

	*out = (struct hit){ 0 };
	if (key != NULL && host_identity_of_key(key, identity, &len) == 0 &&
	    host_identity_hit(slice_of(identity, len), out) != 0)
		*out = (struct hit){ 0 };
}

struct evp_pkey_ctx_st *host_identity_signer(struct evp_pkey_st *key)
{
	bool is_rsa = EVP_PKEY_is_a(key, "RSA") == 1;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);

	invariant(ctx != NULL && EVP_PKEY_sign_init(ctx) == 1);
	if (is_rsa)
		invariant(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
			  EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1 &&
			  EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, HOST_RSA_SALT) == 1);
	else
		invariant(EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha384()) == 1);
	return ctx;
}

int host_identity_sign(struct evp_pkey_ctx_st *signer, size_t coordinate, struct slice digest,
		       uint8_t out[HOST_SIGNATURE_MAX], size_t *len)
{
	uint8_t value[HOST_SIGNATURE_MAX];
	size_t value_len = sizeof(value);

	if (EVP_PKEY_sign(signer, value, &value_len, digest.data, digest.len) != 1) {
		ERR_clear_error();
		return ERR_KEY;
	}
	if (coordinate == 0) {
		memcpy(out, value, value_len);
		*len = value_len;
	} else {
		host_signature_to_raw(value, value_len, coordinate, out);
		*len = 2 * coordinate;
	}
	return 0;
}
