/* SPDX-License-Identifier: MIT */
/* key.pem (PKCS#8) and certificate.pem in a private folder. The key is read once and stays in memory;
 * buffers that held it are wiped. */
#include "crypto/keystore.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>

#include "crypto/certificate.h"
#include "crypto/private_file.h"
#include "overlay/base/invariant.h"

#define KEYSTORE_PATH_MAX 4096        /* bytes */
#define KEYSTORE_FILE_MAX 65536       /* bytes of key.pem or certificate.pem */
#define KEYSTORE_PKCS12_MAX 262144    /* bytes */
#define KEYSTORE_SECURE_HEAP (1 << 20) /* bytes; a power of two */
#define KEYSTORE_SECURE_MINIMUM 64     /* bytes of the smallest piece */

struct keystore {
	char *folder; /* owned; NULL: in memory only */
	EVP_PKEY *key;
	uint8_t *certificate; /* owned DER, or NULL */
	size_t certificate_len;
};

static int keystore_refuse(int err, char *detail, size_t size, const char *folder, const char *why)
{
	ERR_clear_error();
	if (detail != NULL)
		snprintf(detail, size, "%s%s%s", folder == NULL ? "" : folder, folder == NULL ? "" : ": ", why);
	return err;
}

static int keystore_path(const char *folder, const char *name, char *path, char *detail, size_t size)
{
	if ((size_t)snprintf(path, KEYSTORE_PATH_MAX, "%s/%s", folder, name) < KEYSTORE_PATH_MAX)
		return 0;
	return keystore_refuse(ERR_IO, detail, size, NULL, "the folder's path is too long");
}

void keystore_protect_memory(void)
{
	/* Failure (no locked memory allowed) leaves the ordinary heap in use. */
	if (!CRYPTO_secure_malloc_initialized())
		(void)CRYPTO_secure_malloc_init(KEYSTORE_SECURE_HEAP, KEYSTORE_SECURE_MINIMUM);
}

static struct keystore *keystore_new(const char *folder, EVP_PKEY *key)
{
	struct keystore *k = memory_alloc(sizeof(*k));

	if (folder != NULL) {
		k->folder = strdup(folder);
		invariant(k->folder != NULL);
	}
	k->key = key;
	return k;
}

void keystore_free(struct keystore *k)
{
	if (k == NULL)
		return;
	EVP_PKEY_free(k->key);
	free(k->certificate);
	free(k->folder);
	free(k);
}

/* An encrypted key.pem is refused instead of asking at a terminal. */
static int keystore_no_passphrase(char *buffer, int size, int writing, void *ctx)
{
	(void)buffer;
	(void)size;
	(void)writing;
	(void)ctx;
	return -1;
}

static int keystore_read_key(const char *folder, EVP_PKEY **key, char *detail, size_t size)
{
	char path[KEYSTORE_PATH_MAX];
	uint8_t *pem;
	size_t len;
	BIO *bio;
	int err = keystore_path(folder, "key.pem", path, detail, size);

	if (err != 0)
		return err;
	err = private_file_read(path, KEYSTORE_FILE_MAX, &pem, &len, detail, size);
	if (err == ERR_NOT_FOUND)
		return keystore_refuse(ERR_IO, detail, size, folder, "there is no key.pem: make a key first");
	if (err != 0)
		return err == ERR_LIMIT ? ERR_KEY : err;
	bio = BIO_new_mem_buf(pem, (int)len);
	invariant(bio != NULL);
	*key = PEM_read_bio_PrivateKey(bio, NULL, keystore_no_passphrase, NULL);
	BIO_free(bio);
	private_file_free(pem, len);
	if (*key == NULL)
		return keystore_refuse(ERR_KEY, detail, size, path, "not a private key in PEM without passphrase");
	if (!certificate_key_is_acceptable(*key)) {
		EVP_PKEY_free(*key);
		*key = NULL;
		return keystore_refuse(ERR_KEY, detail, size, path,
				       "the key is neither P-256 nor RSA of 2,048 to 4,096 bits");
	}
	return 0;
}

/* Takes `x509` as the key's certificate, or says why not. */
static int keystore_take(struct keystore *k, X509 *x509, char *detail, size_t size)
{
	uint8_t *der = NULL;
	int len;

	if (X509_check_private_key(x509, k->key) != 1)
		return keystore_refuse(ERR_CERTIFICATE, detail, size, k->folder,
				       "the certificate is for another key");
	len = i2d_X509(x509, &der);
	if (len <= 0 || len > CERTIFICATE_DER_MAX) {
		OPENSSL_free(der);
		return keystore_refuse(ERR_CERTIFICATE, detail, size, k->folder, "the certificate is too long");
	}
	free(k->certificate);
	k->certificate = memory_alloc((size_t)len);
	memcpy(k->certificate, der, (size_t)len);
	k->certificate_len = (size_t)len;
	OPENSSL_free(der);
	return 0;
}

static int keystore_read_certificate(struct keystore *k, char *detail, size_t size)
{
	char path[KEYSTORE_PATH_MAX];
	uint8_t *pem;
	size_t len;
	BIO *bio;
	X509 *x509;
	int err = keystore_path(k->folder, "certificate.pem", path, detail, size);

	if (err != 0)
		return err;
	err = private_file_read(path, KEYSTORE_FILE_MAX, &pem, &len, detail, size);
	if (err != 0)
		return err == ERR_LIMIT ? ERR_CERTIFICATE : err;
	bio = BIO_new_mem_buf(pem, (int)len);
	invariant(bio != NULL);
	x509 = PEM_read_bio_X509(bio, NULL, keystore_no_passphrase, NULL);
	BIO_free(bio);
	private_file_free(pem, len);
	if (x509 == NULL)
		return keystore_refuse(ERR_CERTIFICATE, detail, size, path, "not a certificate in PEM");
	err = keystore_take(k, x509, detail, size);
	X509_free(x509);
	return err;
}

int keystore_open(struct keystore **out, const char *folder, char *detail, size_t detail_size)
{
	EVP_PKEY *key = NULL;
	int err;

	*out = NULL;
	err = private_folder_check(folder, detail, detail_size);
	if (err == 0)
		err = keystore_read_key(folder, &key, detail, detail_size);
	if (err != 0)
		return err == ERR_NOT_FOUND ? ERR_IO : err;
	*out = keystore_new(folder, key);
	err = keystore_read_certificate(*out, detail, detail_size);
	if (err != 0 && err != ERR_NOT_FOUND) {
		keystore_free(*out);
		*out = NULL;
	}
	return err;
}

static EVP_PKEY *keystore_generate(enum key_algorithm algorithm)
{
	EVP_PKEY *key = algorithm == KEY_RSA2048 ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048)
						 : EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");

	invariant(key != NULL);
	return key;
}

static int keystore_write_key(const struct keystore *k, char *detail, size_t size)
{
	char path[KEYSTORE_PATH_MAX];
	BIO *bio;
	char *pem = NULL;
	long len;
	int err = keystore_path(k->folder, "key.pem", path, detail, size);

	if (err != 0)
		return err;
	bio = BIO_new(BIO_s_secmem());
	invariant(bio != NULL && PEM_write_bio_PKCS8PrivateKey(bio, k->key, NULL, NULL, 0, NULL, NULL) == 1);
	len = BIO_get_mem_data(bio, &pem);
	err = private_file_write(path, slice_of(pem, (size_t)len), false, detail, size);
	OPENSSL_cleanse(pem, (size_t)len);
	BIO_free(bio);
	return err;
}

int keystore_create(struct keystore **out, const char *folder, enum key_algorithm algorithm, char *detail,
		    size_t detail_size)
{
	struct keystore *k;
	int err;

	*out = NULL;
	err = private_folder_create(folder, detail, detail_size);
	if (err != 0)
		return err == ERR_NOT_FOUND ? ERR_IO : err;
	k = keystore_new(folder, keystore_generate(algorithm));
	err = keystore_write_key(k, detail, detail_size);
	if (err != 0) {
		keystore_free(k);
		return err;
	}
	*out = k;
	return 0;
}

int keystore_create_in_memory(struct keystore **out, enum key_algorithm algorithm)
{
	*out = keystore_new(NULL, keystore_generate(algorithm));
	return 0;
}

/* OpenSSL's buffer as one that free() takes. */
static uint8_t *keystore_own(uint8_t *bytes, size_t len)
{
	uint8_t *copy = memory_alloc(len);

	memcpy(copy, bytes, len);
	OPENSSL_clear_free(bytes, len);
	return copy;
}

int keystore_make_csr(const struct keystore *k, uint8_t **der, size_t *len)
{
	X509_REQ *request = X509_REQ_new();
	uint8_t *encoded = NULL;
	int encoded_len = -1;

	*der = NULL;
	*len = 0;
	invariant(request != NULL);
	if (X509_REQ_set_version(request, X509_REQ_VERSION_1) == 1 &&
	    X509_REQ_set_pubkey(request, k->key) == 1 && X509_REQ_sign(request, k->key, EVP_sha256()) > 0)
		encoded_len = i2d_X509_REQ(request, &encoded);
	X509_REQ_free(request);
	ERR_clear_error();
	if (encoded_len <= 0)
		return ERR_KEY;
	*der = keystore_own(encoded, (size_t)encoded_len);
	*len = (size_t)encoded_len;
	return 0;
}

static int keystore_write_certificate(const struct keystore *k, X509 *x509, char *detail, size_t size)
{
	char path[KEYSTORE_PATH_MAX];
	BIO *bio;
	char *pem = NULL;
	long len;
	int err = keystore_path(k->folder, "certificate.pem", path, detail, size);

	if (err != 0)
		return err;
	bio = BIO_new(BIO_s_mem());
	invariant(bio != NULL && PEM_write_bio_X509(bio, x509) == 1);
	len = BIO_get_mem_data(bio, &pem);
	err = private_file_write(path, slice_of(pem, (size_t)len), true, detail, size);
	BIO_free(bio);
	return err == 0 || err == ERR_PERMISSION ? err : ERR_IO;
}

int keystore_set_certificate(struct keystore *k, struct slice certificate, char *detail, size_t detail_size)
{
	X509 *x509;
	int err = certificate_parse(certificate, &x509);

	if (err != 0)
		return keystore_refuse(err, detail, detail_size, k->folder, "not a certificate in DER");
	if (X509_check_private_key(x509, k->key) != 1)
		err = keystore_refuse(ERR_CERTIFICATE, detail, detail_size, k->folder,
				      "the certificate is for another key");
	if (err == 0 && k->folder != NULL)
		err = keystore_write_certificate(k, x509, detail, detail_size);
	if (err == 0)
		err = keystore_take(k, x509, detail, detail_size);
	certificate_free(x509);
	return err;
}

struct slice keystore_certificate(const struct keystore *k)
{
	return slice_of(k->certificate, k->certificate_len);
}

struct evp_pkey_st *keystore_private_key(const struct keystore *k)
{
	return k->key;
}

int keystore_export(const struct keystore *k, const char *passphrase, uint8_t **der, size_t *len)
{
	PKCS12 *both;
	X509 *x509;
	uint8_t *encoded = NULL;
	int encoded_len = -1;

	*der = NULL;
	*len = 0;
	if (k->certificate == NULL)
		return ERR_NOT_FOUND;
	if (certificate_parse(keystore_certificate(k), &x509) != 0)
		return ERR_CERTIFICATE;
	both = PKCS12_create(passphrase, "RELOAD node", k->key, x509, NULL, 0, 0, 0, 0, 0);
	certificate_free(x509);
	if (both != NULL)
		encoded_len = i2d_PKCS12(both, &encoded);
	PKCS12_free(both);
	ERR_clear_error();
	if (encoded_len <= 0)
		return ERR_KEY;
	*der = keystore_own(encoded, (size_t)encoded_len);
	*len = (size_t)encoded_len;
	return 0;
}

/* The key and the certificate of a PKCS#12, both owned by the caller on success. */
static int keystore_parse_pkcs12(struct slice pkcs12, const char *passphrase, EVP_PKEY **key, X509 **x509,
				 char *detail, size_t size)
{
	const unsigned char *at = pkcs12.data;
	PKCS12 *both = pkcs12.len > KEYSTORE_PKCS12_MAX ? NULL : d2i_PKCS12(NULL, &at, (long)pkcs12.len);
	int parsed;

	if (both == NULL)
		return keystore_refuse(ERR_KEY, detail, size, NULL, "not a PKCS#12 in DER");
	parsed = PKCS12_parse(both, passphrase, key, x509, NULL);
	PKCS12_free(both);
	if (parsed != 1)
		return keystore_refuse(ERR_KEY, detail, size, NULL,
				       "wrong passphrase, or an encryption that OpenSSL 3 no longer takes");
	if (*key != NULL && *x509 != NULL && certificate_key_is_acceptable(*key))
		return 0;
	EVP_PKEY_free(*key);
	X509_free(*x509);
	return keystore_refuse(ERR_KEY, detail, size, NULL,
			       "the PKCS#12 does not hold both an acceptable key and its certificate");
}

/* The certificate is written first: a key.pem is there only when all is, so that a broken import can be
 * made again. */
int keystore_import(struct keystore **out, const char *folder, struct slice pkcs12, const char *passphrase,
		    char *detail, size_t detail_size)
{
	EVP_PKEY *key = NULL;
	X509 *x509 = NULL;
	struct keystore *k;
	char path[KEYSTORE_PATH_MAX];
	int err;

	*out = NULL;
	err = keystore_parse_pkcs12(pkcs12, passphrase, &key, &x509, detail, detail_size);
	if (err != 0)
		return err;
	k = keystore_new(folder, key);
	err = private_folder_create(folder, detail, detail_size);
	if (err == 0)
		err = keystore_path(folder, "key.pem", path, detail, detail_size);
	if (err == 0 && private_file_check(path, detail, detail_size) != ERR_NOT_FOUND)
		err = keystore_refuse(ERR_DUPLICATE, detail, detail_size, folder, "there is a key already");
	if (err == 0)
		err = keystore_take(k, x509, detail, detail_size);
	if (err == 0)
		err = keystore_write_certificate(k, x509, detail, detail_size);
	if (err == 0)
		err = keystore_write_key(k, detail, detail_size);
	X509_free(x509);
	if (err != 0) {
		keystore_free(k);
		return err == ERR_NOT_FOUND ? ERR_IO : err;
	}
	*out = k;
	return 0;
}
