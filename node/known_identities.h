/* SPDX-License-Identifier: MIT */
/* The file known-identities: which key was first seen for each user name, as SSH keeps known hosts. One line each:
 * when it was first seen (milliseconds since 1970), its HIT, the HIT of a changed key that waits for the operator or -,
 * and the user name, in which blanks, control bytes and % stand as %XX. */
#ifndef NODE_KNOWN_IDENTITIES_H
#define NODE_KNOWN_IDENTITIES_H

#include "usage/hip/hip_known.h"

#define KNOWN_IDENTITIES_FILE "known-identities"

/* Puts what the file remembers into the pool; no file is an empty one. ERR_CONFIG, ERR_PERMISSION, ERR_IO; `detail` is
 * "file:line: what is wrong". */
int MUST_CHECK known_identities_read(const char *path, struct hip_pool *pool, char *detail, size_t detail_size);

/* Writes the pool's first uses, mode 0600; after a crash the old or the new file is there. ERR_IO, ERR_PERMISSION. */
int MUST_CHECK known_identities_write(const char *path, const struct hip_pool *pool, char *detail,
				      size_t detail_size);

#endif
