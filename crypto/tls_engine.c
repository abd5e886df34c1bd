/* SPDX-License-Identifier: MIT */
/* One TLS or DTLS connection on memory. `send` must not call back into the engine that is sending. */
#include "crypto/tls_engine.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

#include "crypto/provider.h"
#include "crypto/tls_context.h"
#include "overlay/base/invariant.h"

#define TLS_RECORD_MAX 16384        /* bytes of plaintext: also the largest datagram */
#define TLS_PLAINTEXT_MAX (1 << 20) /* bytes that may wait for tls_engine_read */
#define TLS_DEADLINE_MAX_S 60       /* OpenSSL counts on the wall clock, which may be set back */
#define TLS_HELLO_MIN 25            /* bytes: record and handshake header (RFC 6347 4.2.2) */
#define TLS_HANDSHAKE 22            /* ContentType */
#define TLS_CHAIN_COUNT 8           /* certificates of the other end's chain that are looked at */

int tls_engine_new(struct tls_engine **out, struct tls_context *c, enum tls_transport transport, bool server,
		   tls_send_fn *send, void *ctx)
{
	struct tls_engine *e = memory_alloc(sizeof(*e));
	BIO *bio = BIO_new(c->method);

	e->context = c;
	e->datagram = transport == TLS_DATAGRAM;
	e->send = send;
	e->ctx = ctx;
	e->answer_max = SIZE_MAX;
	e->deadline = INSTANT_NEVER;
	e->ssl = SSL_new(e->datagram ? c->datagram : c->stream);
	invariant(bio != NULL && e->ssl != NULL);
	BIO_set_data(bio, e);
	SSL_set_bio(e->ssl, bio, bio);
	SSL_set_app_data(e->ssl, e);
	if (e->datagram)
		invariant(SSL_set_mtu(e->ssl, (long)c->mtu) > 0);
	if (server)
		SSL_set_accept_state(e->ssl);
	else
		SSL_set_connect_state(e->ssl);
	*out = e;
	return 0;
}

void tls_engine_free(struct tls_engine *e)
{
	if (e == NULL)
		return;
	SSL_free(e->ssl);
	free(e->plaintext);
	free(e->certificate);
	free(e);
}

static int tls_engine_fail(struct tls_engine *e, int err, const char *why)
{
	/* What the certificate's check said is more telling than OpenSSL's "certificate verify failed". */
	if (e->err == 0) {
		e->err = err;
		snprintf(e->detail, sizeof(e->detail), "%s", why);
	}
	e->deadline = INSTANT_NEVER;
	ERR_clear_error();
	return e->err;
}

/* The certificates that the other end sent besides its own, as DER in `items` (to be freed with OPENSSL_free). */
static size_t tls_engine_chain(X509_STORE_CTX *store, struct slice items[TLS_CHAIN_COUNT])
{
	STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(store);
	size_t count = 0;

	for (int i = 0; i < sk_X509_num(sent) && count < TLS_CHAIN_COUNT; i++) {
		uint8_t *der = NULL;
		int len = i2d_X509(sk_X509_value(sent, i), &der);

		if (len > 0)
			items[count++] = slice_of(der, (size_t)len);
	}
	ERR_clear_error();
	return count;
}

static int tls_engine_identify(struct tls_engine *e, X509_STORE_CTX *store, struct slice der,
			       char *why, size_t size)
{
	struct slice items[TLS_CHAIN_COUNT];
	struct certificate_list chain = { items, tls_engine_chain(store, items) };
	struct identity identity;
	int err = provider_identify_chain(e->context->provider, e->wall, der, &chain, &identity, why, size);

	for (size_t i = 0; i < chain.count; i++)
		OPENSSL_free((void *)(uintptr_t)items[i].data);
	return err;
}

/* The certificate is judged by the provider alone: OpenSSL's own chain building would do it twice. */
int tls_engine_on_certificate(X509_STORE_CTX *store, void *ctx)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls_engine *e = SSL_get_app_data(ssl);
	uint8_t *der = NULL;
	int len = i2d_X509(X509_STORE_CTX_get0_cert(store), &der);
	char why[sizeof(e->detail)];
	int err;

	(void)ctx;
	if (len <= 0) {
		X509_STORE_CTX_set_error(store, X509_V_ERR_UNSPECIFIED);
		return 0;
	}
	err = tls_engine_identify(e, store, slice_of(der, (size_t)len), why, sizeof(why));
	if (err == 0) {
		free(e->certificate);
		e->certificate = memory_alloc((size_t)len);
		memcpy(e->certificate, der, (size_t)len);
		e->certificate_len = (size_t)len;
		X509_STORE_CTX_set_error(store, X509_V_OK);
	} else {
		/* Chooses the alert: certificate_expired, certificate_revoked, unknown_ca. */
		X509_STORE_CTX_set_error(store, err == ERR_CERTIFICATE_EXPIRED ? X509_V_ERR_CERT_HAS_EXPIRED
						: err == ERR_BAD_NODE ? X509_V_ERR_CERT_REVOKED
								      : X509_V_ERR_CERT_UNTRUSTED);
		e->err = err;
		snprintf(e->detail, sizeof(e->detail), "%s", why);
	}
	OPENSSL_free(der);
	return err == 0;
}

int tls_engine_on_cookie_make(SSL *ssl, unsigned char *cookie, unsigned int *len)
{
	struct tls_engine *e = SSL_get_app_data(ssl);

	tls_cookie_make(&e->context->cookie, &e->from, cookie);
	*len = TLS_COOKIE_LENGTH;
	return 1;
}

int tls_engine_on_cookie_check(SSL *ssl, const unsigned char *cookie, unsigned int len)
{
	struct tls_engine *e = SSL_get_app_data(ssl);

	return tls_cookie_is_valid(&e->context->cookie, &e->from, slice_of(cookie, len));
}

/* OpenSSL keeps 32 KiB of record buffers for each DTLS connection; an idle one gives them back here. TLS
 * connections do so by themselves (SSL_MODE_RELEASE_BUFFERS). */
static void tls_engine_release(struct tls_engine *e)
{
	if (e->datagram && e->established)
		(void)SSL_free_buffers(e->ssl);
}

static void tls_engine_reserve(struct tls_engine *e)
{
	if (e->datagram && e->established)
		invariant(SSL_alloc_buffers(e->ssl) == 1);
}

/* 0 when OpenSSL only waits for more bytes. */
static int tls_engine_judge(struct tls_engine *e, int result)
{
	unsigned long reason;

	switch (SSL_get_error(e->ssl, result)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		ERR_clear_error();
		return 0;
	case SSL_ERROR_ZERO_RETURN:
		e->closed = true;
		e->deadline = INSTANT_NEVER;
		return 0;
	default:
		reason = ERR_peek_error();
		if (ERR_GET_LIB(reason) == ERR_LIB_SSL &&
		    ERR_GET_REASON(reason) == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)
			return tls_engine_fail(e, ERR_CERTIFICATE, "the other end sent no certificate");
		return tls_engine_fail(e, ERR_LINK, reason == 0 ? "the connection broke off"
								: ERR_reason_error_string(reason));
	}
}

/* Keeps decrypted bytes until they are read; of datagrams also where each one ends. */
static int tls_engine_keep(struct tls_engine *e, struct slice bytes)
{
	uint8_t prefix[2];
	struct writer w = writer_of(prefix, sizeof(prefix));

	if (e->plaintext_len + bytes.len > TLS_PLAINTEXT_MAX)
		return tls_engine_fail(e, ERR_LIMIT, "too many bytes wait to be read");
	if (e->datagram)
		writer_u16(&w, (uint16_t)bytes.len);
	e->plaintext = memory_resize(e->plaintext, e->plaintext_len + w.len + bytes.len);
	memcpy(e->plaintext + e->plaintext_len, prefix, w.len);
	memcpy(e->plaintext + e->plaintext_len + w.len, bytes.data, bytes.len);
	e->plaintext_len += w.len + bytes.len;
	return 0;
}

/* Decrypts all that came, so that the input need not be kept. */
static int tls_engine_drain(struct tls_engine *e)
{
	struct tls_context *c = e->context;
	uint8_t *own = c->scratch_taken ? memory_alloc(TLS_RECORD_MAX) : NULL;
	uint8_t *buffer = own == NULL ? c->scratch : own;
	int err = 0;

	c->scratch_taken = true;
	while (err == 0) {
		size_t n = 0;
		int result;

		ERR_clear_error();
		result = SSL_read_ex(e->ssl, buffer, TLS_RECORD_MAX, &n);
		if (result != 1) {
			err = tls_engine_judge(e, result);
			break;
		}
		err = tls_engine_keep(e, slice_of(buffer, n));
	}
	if (own == NULL)
		c->scratch_taken = false;
	free(own);
	return err;
}

static void tls_engine_update_deadline(struct tls_engine *e, struct now now)
{
	struct timeval left;
	struct duration wait;

	e->deadline = INSTANT_NEVER;
	if (!e->datagram || e->err != 0 || e->closed || DTLSv1_get_timeout(e->ssl, &left) != 1)
		return;
	wait = left.tv_sec >= TLS_DEADLINE_MAX_S
		       ? duration_s(TLS_DEADLINE_MAX_S)
		       : duration_us((uint64_t)left.tv_sec * 1000000 + (uint64_t)left.tv_usec);
	e->deadline = instant_add(now.mono, wait);
}

/* Handshake as far as the input goes, then the data behind it. */
static int tls_engine_advance(struct tls_engine *e, struct now now)
{
	int err = 0;

	e->wall = now.wall;
	tls_engine_reserve(e);
	tls_cookie_renew(&e->context->cookie, now.mono);
	if (!e->established) {
		int result;

		ERR_clear_error();
		result = SSL_do_handshake(e->ssl);
		if (result == 1)
			e->established = true;
		else
			err = tls_engine_judge(e, result);
	}
	if (err == 0 && e->established)
		err = tls_engine_drain(e);
	tls_engine_release(e);
	e->input = SLICE_EMPTY;
	if (err == 0)
		tls_engine_update_deadline(e, now);
	return err;
}

int tls_engine_start(struct tls_engine *e, struct now now)
{
	return e->err != 0 ? e->err : tls_engine_advance(e, now);
}

int tls_engine_receive(struct tls_engine *e, struct now now, struct slice bytes)
{
	if (e->err != 0)
		return e->err;
	if (e->closed)
		return 0; /* nothing counts after close_notify; tls_engine_read tells that it came */
	e->input = bytes;
	return tls_engine_advance(e, now);
}

int tls_engine_read(struct tls_engine *e, struct slice *plaintext)
{
	struct reader r = reader_of(slice_of(e->plaintext, e->plaintext_len));

	*plaintext = SLICE_EMPTY;
	(void)reader_bytes(&r, e->plaintext_at);
	if (!reader_more(&r)) {
		/* An idle connection holds no buffer. */
		free(e->plaintext);
		e->plaintext = NULL;
		e->plaintext_len = 0;
		e->plaintext_at = 0;
		if (e->err == 0 && e->closed)
			return tls_engine_fail(e, ERR_LINK, "closed by the other end");
		return e->err;
	}
	*plaintext = e->datagram ? reader_opaque16(&r) : reader_bytes(&r, reader_left(&r));
	e->plaintext_at = e->plaintext_len - reader_left(&r);
	return 1;
}

static int tls_engine_write_bytes(struct tls_engine *e, struct slice bytes)
{
	size_t n = 0;
	int result;

	ERR_clear_error();
	tls_engine_reserve(e);
	/* The BIO takes everything: a partial write cannot happen. */
	result = SSL_write_ex(e->ssl, bytes.data, bytes.len, &n);
	tls_engine_release(e);
	if (result == 1)
		return 0;
	result = tls_engine_judge(e, result);
	return result != 0 ? result : tls_engine_fail(e, ERR_LINK, "the connection takes no data");
}

int tls_engine_write(struct tls_engine *e, const struct slice *parts, size_t count)
{
	struct tls_context *c = e->context;
	size_t total = 0;
	uint8_t *own, *buffer;
	struct writer w;
	int err;

	if (e->err != 0 || !e->established || e->closed)
		return e->err != 0 ? e->err : ERR_LINK;
	for (size_t i = 0; i < count; i++)
		total += parts[i].len;
	if (e->datagram && total > TLS_RECORD_MAX)
		return ERR_LIMIT;
	if (total == 0)
		return 0;
	if (count == 1)
		return tls_engine_write_bytes(e, parts[0]);
	own = c->scratch_taken || total > TLS_SCRATCH ? memory_alloc(total) : NULL;
	buffer = own == NULL ? c->scratch : own;
	w = writer_of(buffer, total);
	for (size_t i = 0; i < count; i++)
		writer_bytes(&w, parts[i]);
	if (own == NULL)
		c->scratch_taken = true;
	err = tls_engine_write_bytes(e, writer_slice(&w));
	if (own == NULL)
		c->scratch_taken = false;
	free(own);
	return err;
}

bool tls_engine_is_closed(const struct tls_engine *e)
{
	return e->closed;
}

bool tls_engine_is_established(const struct tls_engine *e)
{
	return e->established && e->err == 0;
}

struct slice tls_engine_peer_certificate(const struct tls_engine *e)
{
	return e->established ? slice_of(e->certificate, e->certificate_len) : SLICE_EMPTY;
}

struct instant tls_engine_deadline(const struct tls_engine *e)
{
	return e->deadline;
}

int tls_engine_expire(struct tls_engine *e, struct now now)
{
	if (e->err != 0 || !e->datagram || !instant_due(e->deadline, now.mono))
		return e->err;
	ERR_clear_error();
	tls_engine_reserve(e);
	/* 0 when OpenSSL's clock says that it is too early: the new deadline tells when it is not. */
	if (DTLSv1_handle_timeout(e->ssl) < 0)
		return tls_engine_fail(e, ERR_LINK, "no answer in the handshake");
	tls_engine_update_deadline(e, now);
	return 0;
}

void tls_engine_close(struct tls_engine *e)
{
	if (e->err != 0 || !e->established)
		return;
	ERR_clear_error();
	tls_engine_reserve(e);
	/* 0 means that the other end has not closed yet, which nobody waits for. */
	if (SSL_shutdown(e->ssl) < 0)
		ERR_clear_error();
}

const char *tls_engine_error(const struct tls_engine *e)
{
	return e->detail[0] != '\0' ? e->detail : error_text(e->err);
}

int tls_datagram_listen(struct tls_context *c, const struct address *from, struct slice datagram,
			tls_send_fn *send, void *ctx)
{
	struct tls_engine *e;
	int result;

	if (datagram.len < TLS_HELLO_MIN || datagram.data[0] != TLS_HANDSHAKE)
		return 0;
	if (c->listening == NULL && tls_engine_new(&c->listening, c, TLS_DATAGRAM, true, send, ctx) != 0)
		return 0;
	e = c->listening;
	e->send = send;
	e->ctx = ctx;
	e->from = *from;
	e->input = datagram;
	e->answer_max = datagram.len;
	ERR_clear_error();
	result = DTLSv1_listen(e->ssl, c->address);
	ERR_clear_error();
	e->listened = result > 0;
	e->peek = false;
	e->input = SLICE_EMPTY;
	return e->listened ? 1 : 0;
}

int tls_engine_new_from_cookie(struct tls_engine **out, struct tls_context *c, const struct address *from,
			       tls_send_fn *send, void *ctx)
{
	struct tls_engine *e = c->listening;

	*out = NULL;
	if (e == NULL || !e->listened || !address_equal(&e->from, from))
		return ERR_INTERNAL;
	c->listening = NULL;
	e->send = send;
	e->ctx = ctx;
	e->answer_max = SIZE_MAX;
	*out = e;
	return 0;
}
