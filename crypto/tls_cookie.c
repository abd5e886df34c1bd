/* SPDX-License-Identifier: MIT */
/* Stateless DTLS cookies. */
#include "crypto/tls_cookie.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "overlay/base/invariant.h"

#define TLS_COOKIE_RENEW_S 60

void tls_cookie_init(struct tls_cookie *c)
{
	*c = (struct tls_cookie){ 0 };
	invariant(RAND_bytes(c->secrets[0], sizeof(c->secrets[0])) == 1);
	invariant(RAND_bytes(c->secrets[1], sizeof(c->secrets[1])) == 1);
}

void tls_cookie_renew(struct tls_cookie *c, struct instant now)
{
	if (instant_since(now, c->renewed).us < duration_s(TLS_COOKIE_RENEW_S).us)
		return;
	memcpy(c->secrets[1], c->secrets[0], sizeof(c->secrets[1]));
	invariant(RAND_bytes(c->secrets[0], sizeof(c->secrets[0])) == 1);
	c->renewed = now;
}

static void tls_cookie_compute(const uint8_t secret[TLS_COOKIE_SECRET], const struct address *from,
			       uint8_t cookie[TLS_COOKIE_LENGTH])
{
	uint8_t text[1 + sizeof(from->bytes) + 2], mac[EVP_MAX_MD_SIZE];
	struct writer w = writer_of(text, sizeof(text));

	writer_u8(&w, from->type);
	writer_bytes(&w, slice_of(from->bytes, sizeof(from->bytes)));
	writer_u16(&w, from->port);
	invariant(w.err == 0 && HMAC(EVP_sha256(), secret, TLS_COOKIE_SECRET, text, w.len, mac, NULL) != NULL);
	memcpy(cookie, mac, TLS_COOKIE_LENGTH);
}

void tls_cookie_make(const struct tls_cookie *c, const struct address *from, uint8_t cookie[TLS_COOKIE_LENGTH])
{
	tls_cookie_compute(c->secrets[0], from, cookie);
}

bool tls_cookie_is_valid(const struct tls_cookie *c, const struct address *from, struct slice cookie)
{
	uint8_t expected[TLS_COOKIE_LENGTH];

	if (cookie.len != TLS_COOKIE_LENGTH)
		return false;
	for (size_t i = 0; i < 2; i++) {
		tls_cookie_compute(c->secrets[i], from, expected);
		if (CRYPTO_memcmp(cookie.data, expected, TLS_COOKIE_LENGTH) == 0)
			return true;
	}
	return false;
}
