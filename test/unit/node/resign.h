/* SPDX-License-Identifier: MIT */
/* Documents that no writer of ours makes, rightly signed. */
#ifndef TEST_UNIT_NODE_RESIGN_H
#define TEST_UNIT_NODE_RESIGN_H

#include "crypto/keystore.h"
#include "node/configuration_document.h"

/* `text` with its sequence replaced, `element` put in at the end of the configuration element, and signed anew by
 * `signer`. malloc'ed; NULL when that cannot be done. */
char *document_resigned(const char *text, const struct keystore *signer, uint16_t sequence, const char *element);

#endif
