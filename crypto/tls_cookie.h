/* SPDX-License-Identifier: MIT */
/* DTLS cookies (RFC 6347 4.2.1): an HMAC over the sender's address, so that nothing is kept for an address
 * that has not shown that it can be reached. */
#ifndef CRYPTO_TLS_COOKIE_H
#define CRYPTO_TLS_COOKIE_H

#include "overlay/base/instant.h"
#include "overlay/wire/address.h"

#define TLS_COOKIE_LENGTH 16 /* bytes: a HelloVerifyRequest stays shorter than any ClientHello */
#define TLS_COOKIE_SECRET 32 /* bytes */

struct tls_cookie {
	uint8_t secrets[2][TLS_COOKIE_SECRET]; /* the current and the one before */
	struct instant renewed;
};

void tls_cookie_init(struct tls_cookie *c);

/* A new secret when the current one is a minute old. Cookies of the one before are still good. */
void tls_cookie_renew(struct tls_cookie *c, struct instant now);

void tls_cookie_make(const struct tls_cookie *c, const struct address *from,
		     uint8_t cookie[TLS_COOKIE_LENGTH]);
bool tls_cookie_is_valid(const struct tls_cookie *c, const struct address *from, struct slice cookie);

#endif
