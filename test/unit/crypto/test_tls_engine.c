/* SPDX-License-Identifier: MIT */
/* Tests of tls_engine.c over both transports: who may connect, and what goes through. */
#include "crypto/tls_engine.h"

#include <openssl/ssl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/certificate.h"
#include "test/unit/crypto/tls_wire.h"
#include "test/unit/run.h"

static void connect_and_talk(enum key_algorithm algorithm, enum tls_transport transport)
{
	const struct slice early = slice_text("too early");

	wire_open(algorithm);
	wire_engines(transport);
	ck_assert_int_eq(tls_engine_write(wire.client.engine, &early, 1), ERR_LINK);
	shake_hands();
	expect_established();
	exchange_text(transport);
	ck_assert(instant_is_never(tls_engine_deadline(wire.client.engine)));
	ck_assert(instant_is_never(tls_engine_deadline(wire.server.engine)));
	wire_close();
}

START_TEST(tls_engine_connects_over_streams)
{
	connect_and_talk(KEY_P256, TLS_STREAM);
	connect_and_talk(KEY_RSA2048, TLS_STREAM);
}
END_TEST

START_TEST(tls_engine_connects_over_datagrams)
{
	connect_and_talk(KEY_P256, TLS_DATAGRAM);
	connect_and_talk(KEY_RSA2048, TLS_DATAGRAM);
}
END_TEST

START_TEST(tls_engine_takes_a_stream_byte_by_byte)
{
	const struct slice text = slice_text("hello");
	struct slice bytes;

	wire_open(KEY_P256);
	wire_engines(TLS_STREAM);
	ck_assert_int_eq(tls_engine_start(wire.client.engine, test_now()), 0);
	for (int round = 0; round < 4; round++) {
		for (int way = 0; way < 2; way++) {
			struct side *from = way == 0 ? &wire.client : &wire.server;
			struct side *to = way == 0 ? &wire.server : &wire.client;

			while (queue_take(&from->out, &bytes)) {
				for (size_t i = 0; i < bytes.len; i++)
					ck_assert_int_eq(tls_engine_receive(to->engine, test_now(),
									    slice_of(bytes.data + i, 1)), 0);
				free((void *)(uintptr_t)bytes.data);
			}
		}
		if (round == 2) {
			expect_established();
			ck_assert_int_eq(tls_engine_write(wire.client.engine, &text, 1), 0);
		}
	}
	expect_text(&wire.server, "hello");
	wire_close();
}
END_TEST

static void transfer(enum tls_transport transport, size_t total)
{
	uint8_t *bytes = malloc(total);
	struct slice parts[2], plaintext;
	size_t got = 0;

	for (size_t i = 0; i < total; i++)
		bytes[i] = (uint8_t)(i * 31 + i / 251);
	parts[0] = slice_of(bytes, total / 3);
	parts[1] = slice_of(bytes + total / 3, total - total / 3);
	wire_open(KEY_P256);
	wire_engines(transport);
	shake_hands();
	ck_assert_int_eq(tls_engine_write(wire.client.engine, parts, 2), 0);
	pump();
	while (tls_engine_read(wire.server.engine, &plaintext) == 1) {
		ck_assert_uint_le(got + plaintext.len, total);
		ck_assert_mem_eq(plaintext.data, bytes + got, plaintext.len);
		got += plaintext.len;
	}
	ck_assert_uint_eq(got, total);
	wire_close();
	free(bytes);
}

START_TEST(tls_engine_transfers_more_than_a_record)
{
	transfer(TLS_STREAM, 5000);
	transfer(TLS_STREAM, 50000);
	transfer(TLS_STREAM, 900000);
	transfer(TLS_DATAGRAM, 16384);
}
END_TEST

START_TEST(tls_engine_refuses_datagram_too_large)
{
	static uint8_t bytes[16385];
	const struct slice all = slice_of(bytes, sizeof(bytes));

	wire_open(KEY_P256);
	wire_engines(TLS_DATAGRAM);
	shake_hands();
	ck_assert_int_eq(tls_engine_write(wire.client.engine, &all, 1), ERR_LIMIT);
	ck_assert(tls_engine_is_established(wire.client.engine));
	wire_close();
}
END_TEST

/* The server's verdict on a client with the keys given. */
static int judge_client(enum tls_transport transport, struct keystore *keys, uint64_t at_us)
{
	struct keystore *own;
	int err;

	wire_open(KEY_P256);
	virtual_us = at_us;
	own = wire.client.keys;
	tls_context_free(wire.client.context);
	provider_free(wire.client.provider);
	side_open(&wire.client, wire.authority, keys, NULL);
	wire_engines(transport);
	shake_hands();
	ck_assert(!tls_engine_is_established(wire.server.engine));
	/* TLS 1.3 lets the client finish first; the alert then ends its connection. */
	ck_assert(!tls_engine_is_established(wire.client.engine));
	ck_assert_int_eq(wire.client.err, ERR_LINK);
	ck_assert_str_ne(tls_engine_error(wire.server.engine), "");
	err = wire.server.err;
	keystore_free(own);
	wire_close();
	return err;
}

START_TEST(tls_engine_refuses_certificates_as_the_provider_does)
{
	for (int transport = TLS_STREAM; transport <= TLS_DATAGRAM; transport++) {
		struct keystore *stranger = fixture_authority(KEY_P256);
		struct keystore *keys =
			fixture_node(stranger, KEY_P256, FIXTURE_OVERLAY, FIXTURE_USER, 1, 1);

		ck_assert_int_eq(judge_client((enum tls_transport)transport, keys, 0), ERR_CERTIFICATE);
		keystore_free(stranger);
	}
}
END_TEST

/* A client whose certificate an authority below another root issued, which it sends along or not. */
static int judge_below(enum tls_transport transport, bool sends_chain)
{
	const struct fixture_certificate above = { .subject = "Above", .is_authority = true };
	const struct fixture_certificate authority = { .subject = "Below", .is_authority = true };
	const struct fixture_name names[] = {
		{ 1, FIXTURE_USER, sizeof(FIXTURE_USER) - 1 },
		{ 6, "reload://011005050505050505050505050505050505@" FIXTURE_OVERLAY "/", 62 },
	};
	const struct fixture_certificate member = { .names = names, .name_count = 2 };
	struct keystore *root = fixture_forge(NULL, &above), *below = fixture_forge(root, &authority);
	struct tls_context_options options = { .keys = NULL };
	struct provider_trust trust;
	struct slice roots[2];
	X509 *x509;
	int err;

	wire_open(KEY_P256);
	keystore_free(wire.client.keys);
	tls_context_free(wire.client.context);
	provider_free(wire.client.provider);
	roots[0] = keystore_certificate(wire.authority);
	roots[1] = keystore_certificate(below);
	trust = fixture_trust(roots);
	trust.root_cert_count = 2;
	options.keys = wire.client.keys = fixture_forge(below, &member);
	ck_assert_int_eq(provider_new(&wire.client.provider, options.keys, &trust, NULL, 0), 0);
	options.provider = wire.client.provider;
	ck_assert_int_eq(tls_context_new(&wire.client.context, &options), 0);
	roots[1] = keystore_certificate(root);
	ck_assert_int_eq(provider_set_trust(wire.server.provider, &trust), 0);
	ck_assert_int_eq(certificate_parse(keystore_certificate(below), &x509), 0);
	if (sends_chain)
		ck_assert_int_eq(SSL_CTX_add1_chain_cert(transport == TLS_STREAM ? wire.client.context->stream
										 : wire.client.context->datagram,
							 x509), 1);
	certificate_free(x509);
	wire_engines(transport);
	shake_hands();
	err = wire.server.err;
	ck_assert_int_eq(tls_engine_is_established(wire.server.engine), err == 0);
	wire_close();
	keystore_free(below);
	keystore_free(root);
	return err;
}

START_TEST(tls_engine_follows_the_chain_that_was_sent)
{
	for (int transport = TLS_STREAM; transport <= TLS_DATAGRAM; transport++) {
		ck_assert_int_eq(judge_below((enum tls_transport)transport, true), 0);
		ck_assert_int_eq(judge_below((enum tls_transport)transport, false), ERR_CERTIFICATE);
	}
}
END_TEST

/* A client of the same authority, with another overlay's name or at another time. */
static int judge_member(enum tls_transport transport, const char *overlay_name, uint64_t valid_ms)
{
	struct node_id id = fixture_node_id(1);
	int err;

	wire_open(KEY_P256);
	keystore_free(wire.client.keys);
	tls_context_free(wire.client.context);
	provider_free(wire.client.provider);
	side_open(&wire.client, wire.authority,
		  fixture_node_with(wire.authority, KEY_P256, overlay_name, FIXTURE_USER, &id, 1,
				    FIXTURE_NOW_MS - FIXTURE_DAY_MS, FIXTURE_NOW_MS + valid_ms), NULL);
	virtual_us = 10000000;
	wire_engines(transport);
	shake_hands();
	err = wire.server.err;
	ck_assert_int_eq(tls_engine_is_established(wire.server.engine), err == 0);
	ck_assert_int_eq(tls_engine_is_established(wire.client.engine), err == 0);
	wire_close();
	return err;
}

START_TEST(tls_engine_refuses_other_overlay_and_expired)
{
	for (int transport = TLS_STREAM; transport <= TLS_DATAGRAM; transport++) {
		ck_assert_int_eq(judge_member((enum tls_transport)transport, FIXTURE_OVERLAY, 11000), 0);
		ck_assert_int_eq(judge_member((enum tls_transport)transport, FIXTURE_OVERLAY, 9000),
				 ERR_CERTIFICATE_EXPIRED);
		ck_assert_int_eq(judge_member((enum tls_transport)transport, "other.example", 11000),
				 ERR_NODE_ID_MISMATCH);
	}
}
END_TEST

START_TEST(tls_engine_refuses_client_without_certificate)
{
	for (int transport = TLS_STREAM; transport <= TLS_DATAGRAM; transport++) {
		SSL_CTX *bare;

		wire_open(KEY_P256);
		/* A client of our own whose context lost its certificate. */
		bare = transport == TLS_STREAM ? wire.client.context->stream : wire.client.context->datagram;
		SSL_CTX_set_cert_cb(bare, NULL, NULL);
		wire_engines((enum tls_transport)transport);
		SSL_certs_clear(wire.client.engine->ssl);
		shake_hands();
		ck_assert_int_eq(wire.server.err, ERR_CERTIFICATE);
		ck_assert_str_eq(tls_engine_error(wire.server.engine), "the other end sent no certificate");
		ck_assert(!tls_engine_is_established(wire.client.engine));
		wire_close();
	}
}
END_TEST

START_TEST(tls_engine_refuses_old_protocols_and_suites)
{
	for (int round = 0; round < 2; round++) {
		wire_open(KEY_RSA2048);
		wire_engines(TLS_STREAM);
		if (round == 0) {
			SSL_set_security_level(wire.client.engine->ssl, 0);
			ck_assert_int_eq(SSL_set_min_proto_version(wire.client.engine->ssl, TLS1_1_VERSION), 1);
			ck_assert_int_eq(SSL_set_max_proto_version(wire.client.engine->ssl, TLS1_1_VERSION), 1);
			ck_assert_int_eq(SSL_set_cipher_list(wire.client.engine->ssl, "ALL:@SECLEVEL=0"), 1);
		} else {
			ck_assert_int_eq(SSL_set_max_proto_version(wire.client.engine->ssl, TLS1_2_VERSION), 1);
			ck_assert_int_eq(SSL_set_cipher_list(wire.client.engine->ssl, "AES128-GCM-SHA256"), 1);
		}
		shake_hands();
		ck_assert_int_eq(wire.server.err, ERR_LINK);
		wire_close();
	}
}
END_TEST

START_TEST(tls_engine_speaks_tls_1_2)
{
	wire_open(KEY_P256);
	wire_engines(TLS_STREAM);
	ck_assert_int_eq(SSL_set_max_proto_version(wire.client.engine->ssl, TLS1_2_VERSION), 1);
	shake_hands();
	expect_established();
	ck_assert_str_eq(SSL_get_cipher_name(wire.client.engine->ssl), "ECDHE-ECDSA-AES128-GCM-SHA256");
	exchange_text(TLS_STREAM);
	/* No renegotiation. */
	ck_assert_int_eq(SSL_renegotiate(wire.client.engine->ssl), 0);
	wire_close();
}
END_TEST

START_TEST(tls_engine_tells_of_close)
{
	const struct slice text = slice_text("last words");
	struct slice plaintext;

	for (int transport = TLS_STREAM; transport <= TLS_DATAGRAM; transport++) {
		wire_open(KEY_P256);
		wire_engines((enum tls_transport)transport);
		shake_hands();
		ck_assert_int_eq(tls_engine_write(wire.client.engine, &text, 1), 0);
		tls_engine_close(wire.client.engine);
		pump();
		ck_assert_int_eq(wire.server.err, 0);
		expect_text(&wire.server, "last words");
		ck_assert_int_eq(tls_engine_read(wire.server.engine, &plaintext), ERR_LINK);
		ck_assert_int_eq(tls_engine_write(wire.server.engine, &text, 1), ERR_LINK);
		wire_close();
	}
}
END_TEST

START_TEST(tls_engine_dies_of_damage_in_streams_only)
{
	const struct slice text = slice_text("text");
	struct slice bytes;

	for (int transport = TLS_STREAM; transport <= TLS_DATAGRAM; transport++) {
		int err;

		wire_open(KEY_P256);
		wire_engines((enum tls_transport)transport);
		shake_hands();
		ck_assert_int_eq(tls_engine_write(wire.client.engine, &text, 1), 0);
		ck_assert(queue_take(&wire.client.out, &bytes));
		((uint8_t *)(uintptr_t)bytes.data)[bytes.len - 1] ^= 1;
		err = tls_engine_receive(wire.server.engine, test_now(), bytes);
		free((void *)(uintptr_t)bytes.data);
		ck_assert_int_eq(err, transport == TLS_STREAM ? ERR_LINK : 0);
		expect_nothing(transport == TLS_STREAM ? &wire.client : &wire.server);
		wire_close();
	}
}
END_TEST

START_TEST(tls_context_logs_keys_only_when_asked)
{
	char path[] = "/tmp/peal-keylog-XXXXXX";
	int fd = mkstemp(path);
	struct stat st;
	struct tls_context_options options = { .keylog_path = "/nonexistent/keylog" };
	struct tls_context *none;

	ck_assert_int_ge(fd, 0);
	wire_open(KEY_P256);
	ck_assert_ptr_null((void *)(uintptr_t)SSL_CTX_get_keylog_callback(wire.client.context->stream));
	ck_assert_ptr_null((void *)(uintptr_t)SSL_CTX_get_keylog_callback(wire.client.context->datagram));
	tls_context_free(wire.client.context);
	provider_free(wire.client.provider);
	side_open(&wire.client, wire.authority, wire.client.keys, path);
	wire_engines(TLS_STREAM);
	shake_hands();
	expect_established();
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_gt(st.st_size, 100);
	close(fd);
	unlink(path);
	options.keys = wire.client.keys;
	options.provider = wire.client.provider;
	ck_assert_int_eq(tls_context_new(&none, &options), ERR_IO);
	wire_close();
}
END_TEST

int main(void)
{
	return RUN_TESTS("tls_engine", tls_engine_connects_over_streams,
			 tls_engine_connects_over_datagrams, tls_engine_takes_a_stream_byte_by_byte,
			 tls_engine_transfers_more_than_a_record,
			 tls_engine_refuses_datagram_too_large,
			 tls_engine_refuses_certificates_as_the_provider_does,
			 tls_engine_follows_the_chain_that_was_sent,
			 tls_engine_refuses_other_overlay_and_expired,
			 tls_engine_refuses_client_without_certificate,
			 tls_engine_refuses_old_protocols_and_suites, tls_engine_speaks_tls_1_2,
			 tls_engine_tells_of_close, tls_engine_dies_of_damage_in_streams_only,
			 tls_context_logs_keys_only_when_asked);
}
