/* SPDX-License-Identifier: MIT */
/* Configuration documents for tests: the sample of RFC 6940 11.1 adapted to what Peal has, and signed ones. */
#ifndef TEST_UNIT_NODE_DOCUMENT_H
#define TEST_UNIT_NODE_DOCUMENT_H

#include "crypto/keystore.h"
#include "node/configuration_document.h"

/* `%s` once: further elements of the configuration. */
extern const char document_sample[];

/* document_sample with `elements` before the end; malloc'ed. */
char *document_text(const char *elements);

/* A document of FIXTURE_OVERLAY, sequence `sequence`, signed by `node`, which is listed as signer of
 * configurations and Kinds; malloc'ed. */
char *document_signed(const struct keystore *authority, const struct keystore *node, uint16_t sequence);

#endif
