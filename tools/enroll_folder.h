/* SPDX-License-Identifier: MIT */
/* An overlay's folder on the enrollment server: everything `peal-enroll create` makes.
 *
 *   authority/            root key and certificate
 *   signer/               key and certificate of the configuration-signer, a node of the overlay
 *   tls-key.pem           key of the HTTPS server
 *   tls-certificate.pem   its certificate and the root's: what clients give to --ca
 *   configuration.xml     the signed configuration document
 *   state.sqlite          accounts, devices, Node-IDs */
#ifndef TOOLS_ENROLL_FOLDER_H
#define TOOLS_ENROLL_FOLDER_H

#include "crypto/certificate_authority.h"
#include "node/configuration_document.h"
#include "tools/enroll_issue.h"

#define ENROLL_PATH_MAX 1024
#define ENROLL_DETAIL_SIZE 512
#define ENROLL_SIGNER "configuration-signer" /* local part of the signer's user name: reserved */

struct enroll_folder {
	char path[ENROLL_PATH_MAX];
	struct configuration_document *document; /* owned */
	struct keystore *authority;              /* owned */
	struct keystore *signer;                 /* owned */
	struct enroll_overlay overlay;           /* its state is owned */
	char url[ENROLL_SETTING_MAX + 1];        /* https://host:port, without a path */
	unsigned quota;                          /* Node-IDs of a new user */
};

struct enroll_create {
	const char *folder;
	const char *url;
	struct configuration configuration; /* name, bootstrap nodes, Kinds, Node-ID rule ...; signers are set */
	unsigned quota;
	uint32_t certificate_days;
	uint32_t root_days;
	const char *names[CERTIFICATE_PERMITTED_MAX - 1]; /* domains whose users the root may name; none: all */
	size_t name_count;
};

/* `name` below the folder. Returns out (room for ENROLL_PATH_MAX + 64). */
const char *enroll_path(const char *folder, const char *name, char *out);
#define ENROLL_FILE_SIZE (ENROLL_PATH_MAX + 64)

/* Makes the overlay. ERR_DUPLICATE when the folder holds one, or anything else. What was made before an
 * error stays, so that nothing is deleted that might be wanted. */
int MUST_CHECK enroll_folder_create(const struct enroll_create *options, struct walltime now, char *detail,
				    size_t detail_size);

/* Opens and checks: keys fit certificates, the document verifies, the state is readable. */
int MUST_CHECK enroll_folder_open(struct enroll_folder *f, const char *path, struct walltime now,
				  char *detail, size_t detail_size);
void enroll_folder_close(struct enroll_folder *f);

/* The document as bytes to serve; malloc'ed. */
int MUST_CHECK enroll_folder_document(const struct enroll_folder *f, uint8_t **bytes, size_t *len,
				      char *detail, size_t detail_size);

/* Signs `document` (f->document with its sequence raised, or another one) and, after parsing and verifying
 * what was written, puts it in the place of the old one, which is freed. ERR_CONFIG: among others, it does not fit
 * into a message of its own max-message-size. */
int MUST_CHECK enroll_folder_set_document(struct enroll_folder *f, struct configuration_document *document,
					  struct walltime now, char *detail, size_t detail_size);

#endif
