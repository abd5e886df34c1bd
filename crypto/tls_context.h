/* SPDX-License-Identifier: MIT */
/* What the connections of a node share. Only tls_*.c look inside. */
#ifndef CRYPTO_TLS_CONTEXT_H
#define CRYPTO_TLS_CONTEXT_H

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include "crypto/tls_cookie.h"
#include "crypto/tls_engine.h"

#define TLS_SCRATCH 65536 /* bytes */

struct tls_context {
	SSL_CTX *stream;
	SSL_CTX *datagram;
	BIO_METHOD *method;            /* of the engines' BIOs (tls_bio.c) */
	BIO_ADDR *address;             /* DTLSv1_listen asks for one */
	struct provider *provider;     /* borrowed */
	int keylog;                    /* descriptor, or -1 */
	size_t mtu;                    /* bytes of a handshake datagram */
	struct tls_cookie cookie;
	struct tls_engine *listening;  /* owned; judges first datagrams, becomes a connection's engine */
	uint8_t *scratch;              /* TLS_SCRATCH bytes: plaintext on its way in or out */
	bool scratch_taken;
};

/* One connection. */
struct tls_engine {
	struct tls_context *context; /* borrowed */
	SSL *ssl;
	tls_send_fn *send;
	void *ctx;
	struct slice input;   /* ciphertext not read yet; only during a call */
	bool peek;            /* reads leave the input in place (DTLSv1_listen) */
	bool datagram;
	bool established;
	bool closed;          /* a close_notify came */
	bool listened;        /* the last datagram carried a valid cookie */
	size_t answer_max;    /* bytes that may be sent; SIZE_MAX but while listening */
	struct address from;  /* what the cookie is bound to */
	struct walltime wall; /* when certificates are judged */
	struct instant deadline;
	uint8_t *plaintext;   /* owned: what was decrypted and not read yet, or NULL */
	size_t plaintext_len;
	size_t plaintext_at;
	uint8_t *certificate; /* owned DER of the other end, or NULL */
	size_t certificate_len;
	int err;              /* why the connection is dead; 0 while it is not */
	char detail[120];
};

/* The engines' BIO: reads come from the input slice, writes go straight to `send`. */
BIO_METHOD *tls_bio_new_method(void);

/* Verification of the other end's certificate, for SSL_CTX_set_cert_verify_callback. */
int tls_engine_on_certificate(X509_STORE_CTX *store, void *ctx);

/* Cookie callbacks for SSL_CTX_set_cookie_*_cb. */
int tls_engine_on_cookie_make(SSL *ssl, unsigned char *cookie, unsigned int *len);
int tls_engine_on_cookie_check(SSL *ssl, const unsigned char *cookie, unsigned int len);

#endif
