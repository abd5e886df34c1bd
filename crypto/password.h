/* SPDX-License-Identifier: MIT */
/* Account passwords of the enrollment server, kept as "$scrypt$ln=15,r=8,p=1$<salt>$<hash>" (base64
 * without padding). A hash takes about 50 ms and 32 MiB. */
#ifndef CRYPTO_PASSWORD_H
#define CRYPTO_PASSWORD_H

#include <stddef.h>

#include "overlay/base/error.h"

#define PASSWORD_HASH_SIZE 128 /* bytes, with NUL */
#define PASSWORD_MAX 1024      /* bytes */

/* `out` has room for PASSWORD_HASH_SIZE. ERR_LIMIT: empty or longer than PASSWORD_MAX. */
int MUST_CHECK password_hash(const char *password, char *out);

/* 0: it is the password; ERR_FORBIDDEN: it is not; ERR_MALFORMED: `hash` is not such a text. */
int MUST_CHECK password_verify(const char *password, const char *hash);

/* As much work as password_verify, for an account that does not exist: the time taken tells nothing. */
void password_verify_nothing(const char *password);

#endif
