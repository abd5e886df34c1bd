/* SPDX-License-Identifier: MIT */
/* The overlay configuration document (RFC 6940 11.1): XML in and out, signature over its exact bytes. */
#ifndef NODE_CONFIGURATION_DOCUMENT_H
#define NODE_CONFIGURATION_DOCUMENT_H

#include "crypto/provider.h"
#include "overlay/configuration.h"

#define ROOT_CERTS_MAX 8
#define ENROLLMENT_SERVERS_MAX 8
#define URL_MAX 511

struct keystore;

/* A kind-block as it stood in the document. Its signature is checked over its own bytes. */
struct configuration_kind_block {
	struct kind kind;
	struct slice signed_bytes; /* `<kind` .. `</kind>`, within the document's bytes */
	struct slice signature;    /* decoded SecurityBlock; empty when there is none; owned */
	long line;                 /* of the kind element */
	struct node_id signer;     /* who signed it; known once it is verified */
};

/* A parsed document. Owned; free with configuration_document_free. */
struct configuration_document {
	struct configuration configuration;
	struct slice root_certs[ROOT_CERTS_MAX]; /* DER, owned by the document */
	size_t root_cert_count;
	char enrollment_servers[ENROLLMENT_SERVERS_MAX][URL_MAX + 1];
	size_t enrollment_server_count;
	struct configuration_kind_block *kind_blocks; /* owned */
	size_t kind_block_count;
	struct slice signed_bytes; /* `<configuration` .. `</configuration>`, within `bytes` */
	struct slice signature;    /* decoded SecurityBlock; empty when unsigned; owned */
	struct slice bytes;        /* the whole document as received; owned */
};

/* Parses; `detail` names element, line and what is wrong. A document that holds several configuration
 * elements gives the one of `overlay_name` (NULL: the first). ERR_CONFIG, ERR_UNSUPPORTED (a mandatory
 * extension, another topology plug-in). Does not check the signature. */
int MUST_CHECK configuration_document_parse(struct configuration_document **out, struct slice bytes,
					    const char *overlay_name, char *detail, size_t detail_size);

/* The same without the elements: name, sequence and signature alone. Whether a document that asks for something
 * unsupported is genuine can still be told by it. ERR_CONFIG. */
int MUST_CHECK configuration_document_outline(struct configuration_document **out, struct slice bytes,
					      const char *overlay_name, char *detail, size_t detail_size);
void configuration_document_free(struct configuration_document *d);

/* Whom the document makes acceptable; borrows from it. */
struct provider_trust configuration_document_trust(const struct configuration_document *d);

/* Checks the document's signature and those of its kind-blocks: by its root certificates and a
 * configuration-signer listed in `signers` (for a first document, which was got over HTTPS or by hand, pass
 * its own). ERR_SIGNATURE. */
int MUST_CHECK configuration_document_verify(const struct configuration_document *d, struct walltime now,
					     const struct node_id *signers, size_t signer_count,
					     char *detail, size_t detail_size);

/* The same for a document that follows `previous`: the root certificates and configuration-signers that
 * count are those of the previous document, else a forger could bring his own. ERR_SIGNATURE. */
int MUST_CHECK configuration_document_verify_update(const struct configuration_document *d,
						    const struct configuration_document *previous,
						    struct walltime now, char *detail, size_t detail_size);

/* One kind-block by itself (6.5.4): parsed, and its signature checked by a kind-signer of `current`.
 * *signer is the Node-ID that signed. ERR_CONFIG, ERR_SIGNATURE. */
int MUST_CHECK configuration_document_kind(const struct configuration_document *current,
					   struct walltime now, struct slice kind_block, struct kind *out,
					   struct node_id *signer, char *detail, size_t detail_size);

/* Writes a document from values (configuration, root certificates, enrollment servers), and signs it and
 * each of its Kinds with `signer` (a keystore with a certificate of this overlay, whose Node-ID should be
 * among the configuration- and kind-signers). *text is malloc'ed, NUL-terminated. */
int MUST_CHECK configuration_document_write(const struct configuration_document *d,
					    const struct keystore *signer, char **text, char *detail,
					    size_t detail_size);

#endif
