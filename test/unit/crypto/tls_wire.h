/* SPDX-License-Identifier: MIT */
/* Two engines in memory with a wire between them that can lose datagrams, on a clock that only the test moves:
 * gettimeofday is replaced, because OpenSSL asks it for its DTLS timers. */
#ifndef TEST_UNIT_CRYPTO_TLS_WIRE_H
#define TEST_UNIT_CRYPTO_TLS_WIRE_H

#include "crypto/tls_context.h"
#include "test/unit/crypto/fixture.h"

#define QUEUE_MAX 4096

/* What one end sent and the other has not got yet. */
struct queue {
	struct slice items[QUEUE_MAX];
	size_t first, end;
	size_t sent, bytes;
	unsigned lose; /* bit n: the n-th datagram sent is lost */
};

/* One end. */
struct side {
	struct keystore *keys;
	struct provider *provider;
	struct tls_context *context;
	struct tls_engine *engine;
	struct queue out;
	int err; /* the first that tls_engine_receive returned */
};

struct wire {
	struct keystore *authority;
	struct side client, server;
};

extern struct wire wire; /* large; one test runs at a time */
extern uint64_t virtual_us;

struct now test_now(void);

/* The engines' send; ctx is a queue. */
void queue_send(void *ctx, struct slice bytes);
bool queue_take(struct queue *q, struct slice *bytes);
void queue_clear(struct queue *q);

/* Provider and context for one end; takes `keys` over. */
void side_open(struct side *s, struct keystore *authority, struct keystore *keys, const char *keylog);

/* Two ends of one overlay without engines, then a client and a server engine, then the end of all. */
void wire_open(enum key_algorithm algorithm);
void wire_engines(enum tls_transport transport);
void wire_close(void);

/* Delivers what `from` sent. True when there was something. */
bool deliver(struct side *from, struct side *to);
/* Delivers until nobody sends. */
void pump(void);
/* The client starts, then pump(). */
void shake_hands(void);

void expect_established(void);
void expect_text(struct side *s, const char *text);
void expect_nothing(struct side *s);
/* Some text both ways. */
void exchange_text(enum tls_transport transport);

#endif
