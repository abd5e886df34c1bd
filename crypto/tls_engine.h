/* SPDX-License-Identifier: MIT */
/* TLS 1.2/1.3 and DTLS 1.2 on memory: bytes in, bytes out, no socket. Mutual certificates always. The
 * chain, dates and Node-ID of the other end are checked through the security port's `identify`. */
#ifndef CRYPTO_TLS_ENGINE_H
#define CRYPTO_TLS_ENGINE_H

#include "overlay/base/error.h"
#include "overlay/base/instant.h"
#include "overlay/base/slice.h"
#include "overlay/wire/address.h"

struct keystore;
struct provider;

/* Shared by all connections of a node. */
struct tls_context;
/* One connection. */
struct tls_engine;

enum tls_transport { TLS_STREAM, TLS_DATAGRAM };

struct tls_context_options {
	const struct keystore *keys;   /* borrowed for the context's life */
	struct provider *provider;     /* borrowed for the context's life */
	const char *keylog_path;       /* append SSLKEYLOGFILE lines; NULL: never. Insecure by design. */
	size_t datagram_mtu;           /* bytes of a UDP payload; 0: 1,200 */
};

int MUST_CHECK tls_context_new(struct tls_context **out, const struct tls_context_options *options);
void tls_context_free(struct tls_context *c);

/* Output is handed to `send` at once: a run of stream bytes, or one datagram. */
typedef void tls_send_fn(void *ctx, struct slice bytes);

/* A client or server connection. `now` is the wall time at which certificates are judged; it is refreshed
 * by each input. */
int MUST_CHECK tls_engine_new(struct tls_engine **out, struct tls_context *c, enum tls_transport transport,
			      bool server, tls_send_fn *send, void *ctx);
void tls_engine_free(struct tls_engine *e);

/* DTLS server side: decides without state whether a first datagram carries a valid cookie. 1: it does,
 * make a server engine with tls_engine_new_from_cookie and feed it the same datagram; 0: an answer with a
 * cookie was sent through `send`, or the datagram was not a ClientHello (dropped). No answer is longer than
 * its question. */
int tls_datagram_listen(struct tls_context *c, const struct address *from, struct slice datagram,
			tls_send_fn *send, void *ctx);
int MUST_CHECK tls_engine_new_from_cookie(struct tls_engine **out, struct tls_context *c,
					  const struct address *from, tls_send_fn *send, void *ctx);

/* Starts a client's handshake. */
int MUST_CHECK tls_engine_start(struct tls_engine *e, struct now now);

/* Ciphertext in. 0, or ERR_LINK / ERR_CERTIFICATE* / ERR_NODE_ID_MISMATCH: the connection is dead (an
 * alert was sent). */
int MUST_CHECK tls_engine_receive(struct tls_engine *e, struct now now, struct slice bytes);

/* The next plaintext: stream bytes, or one datagram. Borrowed until the next call. 1: got some; 0: none;
 * ERR_CLOSED is not an error code here: a close_notify gives ERR_LINK. */
int MUST_CHECK tls_engine_read(struct tls_engine *e, struct slice *plaintext);

/* Plaintext out: the parts in a row, as one datagram or as stream bytes (coalesced into one record where
 * they fit). Before the handshake is done: ERR_LINK. */
int MUST_CHECK tls_engine_write(struct tls_engine *e, const struct slice *parts, size_t count);

bool tls_engine_is_established(const struct tls_engine *e);
/* DER of the other end once established; borrowed for the engine's life. */
struct slice tls_engine_peer_certificate(const struct tls_engine *e);

/* DTLS handshake retransmission: when to call tls_engine_expire. INSTANT_NEVER for TLS. */
struct instant tls_engine_deadline(const struct tls_engine *e);
int MUST_CHECK tls_engine_expire(struct tls_engine *e, struct now now);

/* The other end's close_notify came: it ended the connection in good order. */
bool tls_engine_is_closed(const struct tls_engine *e);

/* Sends close_notify. */
void tls_engine_close(struct tls_engine *e);

/* Why the last call failed, for the log; never NULL. */
const char *tls_engine_error(const struct tls_engine *e);

#endif
