/* SPDX-License-Identifier: MIT */
/* The wire between two engines. */
#include "test/unit/crypto/tls_wire.h"

#include <check.h>
#include <sys/time.h>

#include "overlay/base/invariant.h"

uint64_t virtual_us;

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	(void)zone;
	now->tv_sec = (time_t)(FIXTURE_NOW_MS / 1000 + virtual_us / 1000000);
	now->tv_usec = (suseconds_t)(virtual_us % 1000000);
	return 0;
}

struct now test_now(void)
{
	return (struct now){ { virtual_us }, { FIXTURE_NOW_MS + virtual_us / 1000 } };
}

void queue_send(void *ctx, struct slice bytes)
{
	struct queue *q = ctx;
	uint8_t *copy;
	size_t number = q->sent++;

	q->bytes += bytes.len;
	if (number < 32 && (q->lose >> number & 1) != 0)
		return;
	copy = memory_alloc(bytes.len);
	memcpy(copy, bytes.data, bytes.len);
	ck_assert_uint_lt(q->end, QUEUE_MAX);
	q->items[q->end++] = slice_of(copy, bytes.len);
}

bool queue_take(struct queue *q, struct slice *bytes)
{
	if (q->first == q->end)
		return false;
	*bytes = q->items[q->first++];
	return true;
}

void queue_clear(struct queue *q)
{
	struct slice bytes;

	while (queue_take(q, &bytes))
		free((void *)(uintptr_t)bytes.data);
	*q = (struct queue){ 0 };
}

struct wire wire;

void side_open(struct side *s, struct keystore *authority, struct keystore *keys, const char *keylog)
{
	struct tls_context_options options = { .keylog_path = keylog };

	s->keys = keys;
	s->provider = fixture_provider(authority, NULL);
	options.keys = keys;
	options.provider = s->provider;
	ck_assert_int_eq(tls_context_new(&s->context, &options), 0);
}

void wire_engines(enum tls_transport transport)
{
	ck_assert_int_eq(tls_engine_new(&wire.client.engine, wire.client.context, transport, false, queue_send,
					&wire.client.out), 0);
	ck_assert_int_eq(tls_engine_new(&wire.server.engine, wire.server.context, transport, true, queue_send,
					&wire.server.out), 0);
}

void wire_open(enum key_algorithm algorithm)
{
	memset(&wire, 0, sizeof(wire));
	virtual_us = 0;
	wire.authority = fixture_authority(algorithm);
	side_open(&wire.client, wire.authority,
		  fixture_node(wire.authority, algorithm, FIXTURE_OVERLAY, FIXTURE_USER, 1, 1), NULL);
	side_open(&wire.server, wire.authority,
		  fixture_node(wire.authority, algorithm, FIXTURE_OVERLAY, "bob@overlay.example", 2, 1), NULL);
}

static void side_close(struct side *s)
{
	tls_engine_free(s->engine);
	tls_context_free(s->context);
	provider_free(s->provider);
	keystore_free(s->keys);
	queue_clear(&s->out);
}

void wire_close(void)
{
	side_close(&wire.client);
	side_close(&wire.server);
	keystore_free(wire.authority);
}

bool deliver(struct side *from, struct side *to)
{
	struct slice bytes;
	bool any = false;

	while (queue_take(&from->out, &bytes)) {
		int err = tls_engine_receive(to->engine, test_now(), bytes);

		any = true;
		if (to->err == 0)
			to->err = err;
		free((void *)(uintptr_t)bytes.data);
	}
	return any;
}

void pump(void)
{
	while (deliver(&wire.client, &wire.server) || deliver(&wire.server, &wire.client))
		;
}

void shake_hands(void)
{
	ck_assert_int_eq(tls_engine_start(wire.client.engine, test_now()), 0);
	pump();
}

void expect_established(void)
{
	ck_assert_msg(tls_engine_is_established(wire.client.engine), "%s", tls_engine_error(wire.client.engine));
	ck_assert_msg(tls_engine_is_established(wire.server.engine), "%s", tls_engine_error(wire.server.engine));
	ck_assert(slice_equal(tls_engine_peer_certificate(wire.client.engine),
			      keystore_certificate(wire.server.keys)));
	ck_assert(slice_equal(tls_engine_peer_certificate(wire.server.engine),
			      keystore_certificate(wire.client.keys)));
}

void expect_text(struct side *s, const char *text)
{
	struct slice plaintext;

	ck_assert_int_eq(tls_engine_read(s->engine, &plaintext), 1);
	ck_assert(slice_equal(plaintext, slice_text(text)));
}

void expect_nothing(struct side *s)
{
	struct slice plaintext;

	ck_assert_int_eq(tls_engine_read(s->engine, &plaintext), 0);
}

void exchange_text(enum tls_transport transport)
{
	const struct slice parts[] = { slice_text("one "), slice_text("two "), slice_text("three") };
	size_t sent = wire.client.out.sent;

	ck_assert_int_eq(tls_engine_write(wire.client.engine, parts, 3), 0);
	ck_assert_uint_eq(wire.client.out.sent, sent + 1);
	ck_assert_int_eq(tls_engine_write(wire.client.engine, parts, 1), 0);
	ck_assert_int_eq(tls_engine_write(wire.server.engine, parts + 2, 1), 0);
	pump();
	if (transport == TLS_STREAM) {
		expect_text(&wire.server, "one two threeone ");
	} else {
		expect_text(&wire.server, "one two three");
		expect_text(&wire.server, "one ");
	}
	expect_nothing(&wire.server);
	expect_text(&wire.client, "three");
	expect_nothing(&wire.client);
}
