/* SPDX-License-Identifier: MIT */
/* Passwords of phone accounts for Digest authentication: a private file with "user password" lines. */
#ifndef NODE_SIP_PASSWORDS_H
#define NODE_SIP_PASSWORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "overlay/base/error.h"

/* Checks that the file is there, well-formed and closed to others. ERR_IO, ERR_PERMISSION, ERR_CONFIG. */
int MUST_CHECK sip_passwords_check(const char *path, char *detail, size_t detail_size);

/* For struct sip_usage_options; ctx is the path. The file is read anew each time, so that a change needs no
 * restart; requests that get here are those of phones that already answered a challenge. */
bool sip_passwords_find(void *ctx, const char *user, char *password, size_t size);

#endif
