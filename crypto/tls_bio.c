/* SPDX-License-Identifier: MIT */
/* A BIO without memory: OpenSSL reads what tls_engine_receive was given and writes to `send`. OpenSSL's
 * own memory BIOs would keep a growing buffer for each direction of each connection. */
#include <limits.h>
#include <string.h>

#include "crypto/tls_context.h"
#include "overlay/base/invariant.h"

static int tls_bio_read(BIO *bio, char *out, int len)
{
	struct tls_engine *e = BIO_get_data(bio);
	size_t n;

	BIO_clear_retry_flags(bio);
	if (e->input.len == 0 || len <= 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	n = e->input.len < (size_t)len ? e->input.len : (size_t)len;
	memcpy(out, e->input.data, n);
	if (e->peek)
		return (int)n;
	/* What does not fit of a datagram is lost, as with a socket. */
	e->input = e->datagram ? SLICE_EMPTY : slice_of(e->input.data + n, e->input.len - n);
	return (int)n;
}

static int tls_bio_write(BIO *bio, const char *bytes, int len)
{
	struct tls_engine *e = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (len > 0 && (size_t)len <= e->answer_max)
		e->send(e->ctx, slice_of(bytes, (size_t)len));
	return len;
}

static long tls_bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
	struct tls_engine *e = BIO_get_data(bio);

	(void)pointer;
	switch (command) {
	case BIO_CTRL_FLUSH:
		return 1;
	case BIO_CTRL_PENDING:
		return e->input.len > LONG_MAX ? LONG_MAX : (long)e->input.len;
	case BIO_CTRL_DGRAM_SET_PEEK_MODE:
		e->peek = number != 0;
		return 1;
	case BIO_CTRL_DGRAM_QUERY_MTU:
	case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
		return (long)e->context->mtu;
	default:
		return 0;
	}
}

static int tls_bio_create(BIO *bio)
{
	BIO_set_init(bio, 1);
	return 1;
}

BIO_METHOD *tls_bio_new_method(void)
{
	BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "peal engine");

	invariant(method != NULL && BIO_meth_set_read(method, tls_bio_read) == 1 &&
		  BIO_meth_set_write(method, tls_bio_write) == 1 &&
		  BIO_meth_set_ctrl(method, tls_bio_ctrl) == 1 &&
		  BIO_meth_set_create(method, tls_bio_create) == 1);
	return method;
}
