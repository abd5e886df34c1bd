/* SPDX-License-Identifier: MIT */
/* The overlay configuration document (RFC 6940 11.1): XML in and out, signature over its exact bytes. */
#ifndef NODE_CONFIGURATION_DOCUMENT_H
#define NODE_CONFIGURATION_DOCUMENT_H

#include "overlay/configuration.h"

#define ROOT_CERTS_MAX 8
#define ENROLLMENT_SERVERS_MAX 8
#define URL_MAX 511

struct keystore;

/* A parsed document. Owned; free with configuration_document_free. */
struct configuration_document {
	struct configuration configuration;
	struct slice root_certs[ROOT_CERTS_MAX]; /* DER, owned by the document */
	size_t root_cert_count;
	char enrollment_servers[ENROLLMENT_SERVERS_MAX][URL_MAX + 1];
	size_t enrollment_server_count;
	struct slice signed_bytes; /* `<configuration` .. `</configuration>`, within `bytes` */
	struct slice signature;    /* decoded SecurityBlock; empty when unsigned; owned */
	struct slice bytes;        /* the whole document as received; owned */
};

/* Parses; `detail` names element, line and what is wrong. A document that holds several configuration
 * elements gives the one of `overlay_name` (NULL: the first). ERR_CONFIG, ERR_UNSUPPORTED (a mandatory
 * extension, another topology plug-in). Does not check the signature. */
int MUST_CHECK configuration_document_parse(struct configuration_document **out, struct slice bytes,
					    const char *overlay_name, char *detail, size_t detail_size);
void configuration_document_free(struct configuration_document *d);

/* Checks the document's signature: by its root certificates and a configuration-signer listed in
 * `signers` (the previous document's; for a first document, pass its own). ERR_SIGNATURE. */
int MUST_CHECK configuration_document_verify(const struct configuration_document *d, struct walltime now,
					     const struct node_id *signers, size_t signer_count,
					     char *detail, size_t detail_size);

/* Writes a document from values, and signs it with `signer` (a keystore with a certificate of this
 * overlay). *text is malloc'ed, NUL-terminated. */
int MUST_CHECK configuration_document_write(const struct configuration_document *d,
					    const struct keystore *signer, char **text, char *detail,
					    size_t detail_size);

#endif
