/* SPDX-License-Identifier: MIT */
/* Base 64 (RFC 4648 section 4), as the configuration document carries certificates and signatures. */
#ifndef NODE_BASE64_H
#define NODE_BASE64_H

#include "overlay/base/error.h"
#include "overlay/base/slice.h"

/* Decodes `text`, in which blanks and line ends may stand anywhere. *out is malloc'ed (also when empty).
 * ERR_MALFORMED. */
int MUST_CHECK base64_decode(struct slice text, uint8_t **out, size_t *len);

/* NUL-terminated text, malloc'ed, with a line end after every 64 characters and none at the end. */
char *base64_encode(struct slice bytes);

#endif
