/* SPDX-License-Identifier: MIT */
/* Key and certificate of the HTTPS server. */
#include "tools/enroll_tls.h"

#include <arpa/inet.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/private_file.h"

#define PEM_MAX 65536
#define DAY_S 86400
#define LIFETIME_DAYS 397 /* what browsers accept at most */
#define RENEW_DAYS 30
#define SERIAL_LENGTH 16

struct making {
	const struct enroll_tls_order *order;
	char host[256];
	gnutls_x509_privkey_t root_key;
	gnutls_x509_crt_t root;
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t crt;
	char *detail;
	size_t detail_size;
};

int enroll_url_host(const char *url, char *host, size_t size)
{
	const char *from = url + 8;
	size_t len;

	if (strncmp(url, "https://", 8) != 0)
		return ERR_MALFORMED;
	if (*from == '[') {
		from++;
		len = strcspn(from, "]");
		if (from[len] != ']')
			return ERR_MALFORMED;
	} else {
		len = strcspn(from, ":/?#@");
	}
	if (len == 0 || len >= size || from[len] == '@')
		return ERR_MALFORMED;
	memcpy(host, from, len);
	host[len] = '\0';
	return 0;
}

static int making_fail(struct making *m, const char *what, int rc, int err)
{
	snprintf(m->detail, m->detail_size, "%s: %s", what, gnutls_strerror(rc));
	return err;
}

static int read_key(struct making *m, const char *path, gnutls_x509_privkey_t *key)
{
	uint8_t *bytes;
	size_t len;
	int rc;
	int err = private_file_read(path, PEM_MAX, &bytes, &len, m->detail, m->detail_size);

	if (err != 0)
		return err;
	rc = gnutls_x509_privkey_init(key);
	if (rc == 0)
		rc = gnutls_x509_privkey_import(*key, &(gnutls_datum_t){ bytes, (unsigned)len },
						GNUTLS_X509_FMT_PEM);
	private_file_free(bytes, len);
	return rc == 0 ? 0 : making_fail(m, path, rc, ERR_KEY);
}

/* The first certificate of a PEM file. */
static int read_certificate(struct making *m, const char *path, gnutls_x509_crt_t *crt)
{
	uint8_t *bytes;
	size_t len;
	int rc;
	int err = private_file_read(path, PEM_MAX, &bytes, &len, m->detail, m->detail_size);

	if (err != 0)
		return err;
	rc = gnutls_x509_crt_init(crt);
	if (rc == 0)
		rc = gnutls_x509_crt_import(*crt, &(gnutls_datum_t){ bytes, (unsigned)len },
					    GNUTLS_X509_FMT_PEM);
	private_file_free(bytes, len);
	return rc == 0 ? 0 : making_fail(m, path, rc, ERR_CERTIFICATE);
}

/* Loads the server's key; makes and writes it first when there is none. */
static int making_key(struct making *m)
{
	gnutls_datum_t pem = { 0 };
	int rc;
	int err = read_key(m, m->order->key, &m->key);

	if (err != ERR_NOT_FOUND)
		return err;
	rc = gnutls_x509_privkey_init(&m->key);
	if (rc == 0)
		rc = gnutls_x509_privkey_generate(m->key, GNUTLS_PK_ECDSA,
						  GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
	if (rc == 0)
		rc = gnutls_x509_privkey_export2_pkcs8(m->key, GNUTLS_X509_FMT_PEM, NULL,
						       GNUTLS_PKCS_PLAIN, &pem);
	if (rc != 0)
		return making_fail(m, m->order->key, rc, ERR_KEY);
	err = private_file_write(m->order->key, slice_of(pem.data, pem.size), false, m->detail,
				 m->detail_size);
	gnutls_memset(pem.data, 0, pem.size);
	gnutls_free(pem.data);
	return err;
}

static int set_names(struct making *m)
{
	uint8_t ip[16];
	int rc;

	if (inet_pton(AF_INET, m->host, ip) == 1)
		rc = gnutls_x509_crt_set_subject_alt_name(m->crt, GNUTLS_SAN_IPADDRESS, ip, 4,
							  GNUTLS_FSAN_SET);
	else if (inet_pton(AF_INET6, m->host, ip) == 1)
		rc = gnutls_x509_crt_set_subject_alt_name(m->crt, GNUTLS_SAN_IPADDRESS, ip, 16,
							  GNUTLS_FSAN_SET);
	else
		rc = gnutls_x509_crt_set_subject_alt_name(m->crt, GNUTLS_SAN_DNSNAME, m->host,
							  (unsigned)strlen(m->host), GNUTLS_FSAN_SET);
	if (rc == 0 && strcmp(m->host, m->order->overlay_name) != 0)
		rc = gnutls_x509_crt_set_subject_alt_name(m->crt, GNUTLS_SAN_DNSNAME,
							  m->order->overlay_name,
							  (unsigned)strlen(m->order->overlay_name),
							  GNUTLS_FSAN_APPEND);
	return rc;
}

/* Fills in and signs m->crt. */
static int making_certificate(struct making *m, struct walltime now)
{
	time_t start = (time_t)(now.ms / 1000) - 300;
	uint8_t serial[SERIAL_LENGTH], key_id[64];
	size_t key_id_len = sizeof(key_id);
	int rc = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof(serial));

	serial[0] = (uint8_t)((serial[0] & 0x7f) | 0x40); /* positive, and never shorter */
	if (rc == 0)
		rc = gnutls_x509_crt_init(&m->crt);
	if (rc == 0)
		rc = gnutls_x509_crt_set_version(m->crt, 3);
	if (rc == 0)
		rc = gnutls_x509_crt_set_serial(m->crt, serial, sizeof(serial));
	if (rc == 0)
		rc = gnutls_x509_crt_set_activation_time(m->crt, start);
	if (rc == 0)
		rc = gnutls_x509_crt_set_expiration_time(m->crt, start + LIFETIME_DAYS * DAY_S);
	if (rc == 0)
		rc = gnutls_x509_crt_set_dn_by_oid(m->crt, GNUTLS_OID_X520_COMMON_NAME, 0,
						   "Peal enrollment server", 22);
	if (rc == 0)
		rc = set_names(m);
	if (rc == 0)
		rc = gnutls_x509_crt_set_basic_constraints(m->crt, 0, -1);
	if (rc == 0)
		rc = gnutls_x509_crt_set_key_usage(m->crt, GNUTLS_KEY_DIGITAL_SIGNATURE);
	if (rc == 0)
		rc = gnutls_x509_crt_set_key_purpose_oid(m->crt, GNUTLS_KP_TLS_WWW_SERVER, 0);
	if (rc == 0)
		rc = gnutls_x509_crt_set_key(m->crt, m->key);
	if (rc == 0 && gnutls_x509_crt_get_subject_key_id(m->root, key_id, &key_id_len, NULL) == 0)
		rc = gnutls_x509_crt_set_authority_key_id(m->crt, key_id, key_id_len);
	if (rc == 0)
		rc = gnutls_x509_crt_sign2(m->crt, m->root, m->root_key, GNUTLS_DIG_SHA256, 0);
	return rc == 0 ? 0 : making_fail(m, "making the server's certificate", rc, ERR_CERTIFICATE);
}

static int making_write(struct making *m)
{
	gnutls_datum_t own = { 0 }, root = { 0 };
	char *chain = NULL;
	int len = -1;
	int err = ERR_INTERNAL;

	if (gnutls_x509_crt_export2(m->crt, GNUTLS_X509_FMT_PEM, &own) == 0 &&
	    gnutls_x509_crt_export2(m->root, GNUTLS_X509_FMT_PEM, &root) == 0)
		len = asprintf(&chain, "%.*s%.*s", (int)own.size, (const char *)own.data, (int)root.size,
			       (const char *)root.data);
	if (len > 0)
		err = private_file_write(m->order->certificate, slice_of(chain, (size_t)len), true,
					 m->detail, m->detail_size);
	gnutls_free(own.data);
	gnutls_free(root.data);
	free(chain);
	return err;
}

/* True when the certificate on disk is for this host and key and has time left. */
static bool is_current(struct making *m, struct walltime now)
{
	gnutls_x509_crt_t old = NULL;
	uint8_t id[64], key_id[64];
	size_t id_len = sizeof(id), key_id_len = sizeof(key_id);
	bool current = read_certificate(m, m->order->certificate, &old) == 0 &&
		       gnutls_x509_crt_get_expiration_time(old) >
			       (time_t)(now.ms / 1000) + RENEW_DAYS * DAY_S &&
		       gnutls_x509_crt_check_hostname(old, m->host) != 0 &&
		       gnutls_x509_crt_get_key_id(old, 0, id, &id_len) == 0 &&
		       gnutls_x509_privkey_get_key_id(m->key, 0, key_id, &key_id_len) == 0 &&
		       slice_equal(slice_of(id, id_len), slice_of(key_id, key_id_len));

	gnutls_x509_crt_deinit(old);
	return current;
}

int enroll_tls_prepare(const struct enroll_tls_order *order, struct walltime now, bool *made, char *detail,
		       size_t detail_size)
{
	struct making m = { .order = order, .detail = detail, .detail_size = detail_size };
	int err = enroll_url_host(order->url, m.host, sizeof(m.host));

	*made = false;
	if (err != 0) {
		snprintf(detail, detail_size, "%s: not an https URL with a host", order->url);
		return err;
	}
	err = making_key(&m);
	if (err == 0 && !is_current(&m, now)) {
		err = read_key(&m, order->authority_key, &m.root_key);
		if (err == 0)
			err = read_certificate(&m, order->authority_certificate, &m.root);
		if (err == 0)
			err = making_certificate(&m, now);
		if (err == 0)
			err = making_write(&m);
		*made = err == 0;
	}
	gnutls_x509_privkey_deinit(m.root_key);
	gnutls_x509_crt_deinit(m.root);
	gnutls_x509_privkey_deinit(m.key);
	gnutls_x509_crt_deinit(m.crt);
	return err;
}
