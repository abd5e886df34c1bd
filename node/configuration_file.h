/* SPDX-License-Identifier: MIT */
/* The current configuration document on disk, and what the core asks about newer ones (overlay's
 * configuration_ops): the highest sequence is kept, written to a temporary file and renamed. */
#ifndef NODE_CONFIGURATION_FILE_H
#define NODE_CONFIGURATION_FILE_H

#include "node/configuration_document.h"

struct configuration_file;

/* Reads `path` and checks the document by its own signers. `overlay_name` may be NULL. ERR_IO, ERR_CONFIG,
 * ERR_UNSUPPORTED, ERR_SIGNATURE; `detail` says which file and what is wrong. */
int MUST_CHECK configuration_file_open(struct configuration_file **out, const char *path,
				       const char *overlay_name, struct walltime now, char *detail,
				       size_t detail_size);
void configuration_file_free(struct configuration_file *f);

/* The current document; changes with each accepted update. Borrowed. */
const struct configuration_document *configuration_file_document(const struct configuration_file *f);

/* After ERR_UNSUPPORTED of an update: what the newer document asks for. Empty before. */
const char *configuration_file_unsupported(const struct configuration_file *f);

/* For struct peer_options; ctx is the configuration_file. */
extern const struct configuration_ops configuration_file_ops;

#endif
