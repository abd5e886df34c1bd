/* SPDX-License-Identifier: MIT */
/* Tests of tls_engine.c and tls_cookie.c over datagrams: loss, time-outs, cookies. */
#include "crypto/tls_engine.h"

#include "crypto/tls_cookie.h"
#include "test/unit/crypto/tls_wire.h"
#include "test/unit/run.h"

START_TEST(tls_engine_survives_any_lost_datagram)
{
	for (unsigned lost = 0; lost < 8; lost++) {
		for (int way = 0; way < 2; way++) {
			wire_open(KEY_P256);
			wire_engines(TLS_DATAGRAM);
			(way == 0 ? &wire.client : &wire.server)->out.lose = 1u << lost | 4u << lost;
			shake_hands();
			for (int round = 0; round < 8; round++) {
				struct instant due = instant_min(tls_engine_deadline(wire.client.engine),
								 tls_engine_deadline(wire.server.engine));

				if (instant_is_never(due))
					break;
				/* Too early: nothing happens. */
				ck_assert_int_eq(tls_engine_expire(wire.client.engine, test_now()), 0);
				virtual_us = due.us;
				ck_assert_int_eq(tls_engine_expire(wire.client.engine, test_now()), 0);
				ck_assert_int_eq(tls_engine_expire(wire.server.engine, test_now()), 0);
				pump();
			}
			expect_established();
			wire.client.out.lose = 0;
			wire.server.out.lose = 0;
			exchange_text(TLS_DATAGRAM);
			wire_close();
		}
	}
}
END_TEST

START_TEST(tls_engine_gives_up_without_answers)
{
	int err = 0;

	wire_open(KEY_P256);
	wire_engines(TLS_DATAGRAM);
	ck_assert_int_eq(tls_engine_start(wire.client.engine, test_now()), 0);
	ck_assert(!instant_is_never(tls_engine_deadline(wire.client.engine)));
	for (int round = 0; round < 40 && err == 0; round++) {
		virtual_us = tls_engine_deadline(wire.client.engine).us;
		err = tls_engine_expire(wire.client.engine, test_now());
	}
	ck_assert_int_eq(err, ERR_LINK);
	ck_assert(instant_is_never(tls_engine_deadline(wire.client.engine)));
	wire_close();
}
END_TEST

START_TEST(tls_engine_keeps_handshake_within_mtu)
{
	struct slice bytes;

	wire_open(KEY_RSA2048);
	wire_engines(TLS_DATAGRAM);
	ck_assert_int_eq(tls_engine_start(wire.client.engine, test_now()), 0);
	for (int round = 0; round < 6; round++)
		for (int way = 0; way < 2; way++) {
			struct side *from = way == 0 ? &wire.client : &wire.server;
			struct side *to = way == 0 ? &wire.server : &wire.client;

			while (queue_take(&from->out, &bytes)) {
				ck_assert_uint_le(bytes.len, 1200);
				ck_assert_int_eq(tls_engine_receive(to->engine, test_now(), bytes), 0);
				free((void *)(uintptr_t)bytes.data);
			}
		}
	expect_established();
	wire_close();
}
END_TEST

/* Passes datagrams to the listener until one has a valid cookie; returns how many were answered. */
static unsigned listen_until_cookie(const struct address *from, struct slice *hello)
{
	unsigned answers = 0;

	while (queue_take(&wire.client.out, hello)) {
		size_t before = wire.server.out.bytes;
		int result = tls_datagram_listen(wire.server.context, from, *hello, queue_send, &wire.server.out);

		if (result == 1)
			return answers;
		ck_assert_uint_le(wire.server.out.bytes - before, hello->len);
		answers += wire.server.out.bytes > before ? 1 : 0;
		free((void *)(uintptr_t)hello->data);
		(void)deliver(&wire.server, &wire.client);
	}
	*hello = SLICE_EMPTY;
	return answers;
}

START_TEST(tls_datagram_listen_asks_for_a_cookie_first)
{
	struct address from = { .type = ADDRESS_IPV4, .bytes = { 192, 0, 2, 1 }, .port = 6084 };
	struct address other = { .type = ADDRESS_IPV4, .bytes = { 192, 0, 2, 2 }, .port = 6084 };
	struct tls_engine *none;
	struct slice hello;

	wire_open(KEY_P256);
	ck_assert_int_eq(tls_engine_new(&wire.client.engine, wire.client.context, TLS_DATAGRAM, false, queue_send,
					&wire.client.out), 0);
	ck_assert_int_eq(tls_engine_start(wire.client.engine, test_now()), 0);
	ck_assert_uint_eq(listen_until_cookie(&from, &hello), 1);
	ck_assert_uint_gt(hello.len, 0);
	/* The cookie is good for this address only. */
	ck_assert_int_eq(tls_engine_new_from_cookie(&none, wire.server.context, &other, queue_send, NULL),
			 ERR_INTERNAL);
	ck_assert_int_eq(tls_datagram_listen(wire.server.context, &other, hello, queue_send, &wire.server.out), 0);
	ck_assert_int_eq(tls_engine_new_from_cookie(&none, wire.server.context, &other, queue_send, NULL),
			 ERR_INTERNAL);
	queue_clear(&wire.server.out);
	ck_assert_int_eq(tls_datagram_listen(wire.server.context, &from, hello, queue_send, &wire.server.out), 1);
	ck_assert_int_eq(tls_engine_new_from_cookie(&wire.server.engine, wire.server.context, &from, queue_send,
						    &wire.server.out), 0);
	ck_assert_int_eq(tls_engine_receive(wire.server.engine, test_now(), hello), 0);
	free((void *)(uintptr_t)hello.data);
	pump();
	expect_established();
	exchange_text(TLS_DATAGRAM);
	wire_close();
}
END_TEST

START_TEST(tls_datagram_listen_drops_what_is_no_hello)
{
	struct address from = { .type = ADDRESS_IPV4, .bytes = { 192, 0, 2, 1 }, .port = 6084 };
	struct slice hello;

	wire_open(KEY_P256);
	ck_assert_int_eq(tls_engine_new(&wire.client.engine, wire.client.context, TLS_DATAGRAM, false, queue_send,
					&wire.client.out), 0);
	ck_assert_int_eq(tls_engine_start(wire.client.engine, test_now()), 0);
	ck_assert(queue_take(&wire.client.out, &hello));
	for (size_t len = 0; len < hello.len; len++) {
		size_t before = wire.server.out.bytes;

		ck_assert_int_eq(tls_datagram_listen(wire.server.context, &from, slice_of(hello.data, len),
						     queue_send, &wire.server.out), 0);
		ck_assert_uint_le(wire.server.out.bytes - before, len);
	}
	ck_assert_int_eq(tls_datagram_listen(wire.server.context, &from, slice_text("OPTIONS sip:x SIP/2.0\r\n\r\n  "),
					     queue_send, &wire.server.out), 0);
	free((void *)(uintptr_t)hello.data);
	wire_close();
}
END_TEST

START_TEST(tls_cookie_outlives_one_renewal)
{
	struct address from = { .type = ADDRESS_IPV6, .bytes = { 0x20, 1, 13, 0xb8 }, .port = 1 };
	struct address other = from;
	struct tls_cookie c;
	uint8_t cookie[TLS_COOKIE_LENGTH];
	struct slice text = slice_of(cookie, sizeof(cookie));

	tls_cookie_init(&c);
	tls_cookie_make(&c, &from, cookie);
	other.port = 2;
	ck_assert(tls_cookie_is_valid(&c, &from, text));
	ck_assert(!tls_cookie_is_valid(&c, &other, text));
	ck_assert(!tls_cookie_is_valid(&c, &from, slice_of(cookie, 15)));
	tls_cookie_renew(&c, (struct instant){ 59999999 });
	tls_cookie_renew(&c, (struct instant){ 60000000 });
	ck_assert(tls_cookie_is_valid(&c, &from, text));
	tls_cookie_renew(&c, (struct instant){ 119999999 });
	ck_assert(tls_cookie_is_valid(&c, &from, text));
	tls_cookie_renew(&c, (struct instant){ 120000000 });
	ck_assert(!tls_cookie_is_valid(&c, &from, text));
}
END_TEST

int main(void)
{
	return RUN_TESTS("tls_datagram", tls_engine_survives_any_lost_datagram,
			 tls_engine_gives_up_without_answers, tls_engine_keeps_handshake_within_mtu,
			 tls_datagram_listen_asks_for_a_cookie_first,
			 tls_datagram_listen_drops_what_is_no_hello,
			 tls_cookie_outlives_one_renewal);
}
