/* SPDX-License-Identifier: MIT */
/* The two SSL_CTX of a node: TLS 1.2 and 1.3, DTLS 1.2; only AEAD suites with ephemeral keys, no tickets, no
 * sessions, no compression, no renegotiation, certificates from both ends. */
#include "crypto/tls_context.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "crypto/certificate.h"
#include "crypto/keystore.h"
#include "overlay/base/invariant.h"

#define TLS_MTU_DEFAULT 1200 /* bytes of a UDP payload */
#define TLS_MTU_MIN 512
#define TLS_MTU_MAX 4096 /* the handshake's write buffer inside OpenSSL */
#define TLS_CHAIN_MAX 16384 /* bytes of certificates that the other end may send */
#define TLS_SECURITY_LEVEL 2

static const char tls_suites_12[] =
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";
static const char tls_suites_13[] =
	"TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384";

static void tls_context_on_keylog(const SSL *ssl, const char *line)
{
	struct tls_context *c = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	struct iovec parts[] = {
		{ (void *)(uintptr_t)line, strlen(line) },
		{ (void *)(uintptr_t)"\n", 1 },
	};

	/* A debugging aid: a full disk must not end a connection. */
	if (writev(c->keylog, parts, 2) < 0)
		return;
}

static int tls_context_use_keys(SSL_CTX *ssl, const struct keystore *keys)
{
	X509 *x509;
	int err = certificate_parse(keystore_certificate(keys), &x509);

	if (err != 0)
		return err;
	if (SSL_CTX_use_certificate(ssl, x509) != 1)
		err = ERR_CERTIFICATE;
	else if (SSL_CTX_use_PrivateKey(ssl, keystore_private_key(keys)) != 1)
		err = ERR_KEY;
	certificate_free(x509);
	ERR_clear_error();
	return err;
}

static int tls_context_open(struct tls_context *c, enum tls_transport transport, const struct keystore *keys,
			    SSL_CTX **out)
{
	bool stream = transport == TLS_STREAM;
	SSL_CTX *ssl = SSL_CTX_new(stream ? TLS_method() : DTLS_method());

	invariant(ssl != NULL);
	*out = ssl;
	SSL_CTX_set_app_data(ssl, c);
	SSL_CTX_set_security_level(ssl, TLS_SECURITY_LEVEL);
	invariant(SSL_CTX_set_min_proto_version(ssl, stream ? TLS1_2_VERSION : DTLS1_2_VERSION) == 1);
	invariant(SSL_CTX_set_max_proto_version(ssl, stream ? TLS1_3_VERSION : DTLS1_2_VERSION) == 1);
	invariant(SSL_CTX_set_cipher_list(ssl, tls_suites_12) == 1);
	invariant(SSL_CTX_set_ciphersuites(ssl, tls_suites_13) == 1);
	invariant(SSL_CTX_set1_groups_list(ssl, "X25519:P-256") == 1);
	SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
					 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_QUERY_MTU |
					 SSL_OP_COOKIE_EXCHANGE);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	invariant(SSL_CTX_set_num_tickets(ssl, 0) == 1);
	SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_max_cert_list(ssl, TLS_CHAIN_MAX);
	SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_cert_verify_callback(ssl, tls_engine_on_certificate, c);
	if (!stream) {
		SSL_CTX_set_cookie_generate_cb(ssl, tls_engine_on_cookie_make);
		SSL_CTX_set_cookie_verify_cb(ssl, tls_engine_on_cookie_check);
	}
	if (c->keylog >= 0)
		SSL_CTX_set_keylog_callback(ssl, tls_context_on_keylog);
	return tls_context_use_keys(ssl, keys);
}

static size_t tls_context_mtu(size_t asked)
{
	if (asked == 0)
		return TLS_MTU_DEFAULT;
	if (asked < TLS_MTU_MIN)
		return TLS_MTU_MIN;
	return asked > TLS_MTU_MAX ? TLS_MTU_MAX : asked;
}

int tls_context_new(struct tls_context **out, const struct tls_context_options *options)
{
	struct tls_context *c = memory_alloc(sizeof(*c));
	int err = 0;

	*out = NULL;
	c->provider = options->provider;
	c->mtu = tls_context_mtu(options->datagram_mtu);
	c->scratch = memory_alloc(TLS_SCRATCH);
	c->method = tls_bio_new_method();
	c->address = BIO_ADDR_new();
	invariant(c->address != NULL);
	tls_cookie_init(&c->cookie);
	c->keylog = -1;
	if (options->keylog_path != NULL) {
		c->keylog = open(options->keylog_path,
				 O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		err = c->keylog < 0 ? ERR_IO : 0;
	}
	if (err == 0)
		err = tls_context_open(c, TLS_STREAM, options->keys, &c->stream);
	if (err == 0)
		err = tls_context_open(c, TLS_DATAGRAM, options->keys, &c->datagram);
	if (err != 0) {
		tls_context_free(c);
		return err;
	}
	*out = c;
	return 0;
}

void tls_context_free(struct tls_context *c)
{
	if (c == NULL)
		return;
	tls_engine_free(c->listening);
	SSL_CTX_free(c->stream);
	SSL_CTX_free(c->datagram);
	BIO_meth_free(c->method);
	BIO_ADDR_free(c->address);
	if (c->keylog >= 0)
		close(c->keylog);
	OPENSSL_cleanse(&c->cookie, sizeof(c->cookie));
	OPENSSL_cleanse(c->scratch, TLS_SCRATCH);
	free(c->scratch);
	free(c);
}
