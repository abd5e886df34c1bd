/* SPDX-License-Identifier: MIT */
/* Values of the configuration document by name, for --set on the command line. */
#ifndef TOOLS_ENROLL_DOCUMENT_H
#define TOOLS_ENROLL_DOCUMENT_H

#include <stdio.h>

#include "overlay/configuration.h"

/* Applies "NAME=VALUE": an element of RFC 6940 11.1 such as "max-message-size=8000", or
 * "KIND.max-count=20", "KIND.max-size=2048" of a registered Kind. ERR_CONFIG with what is allowed. */
int MUST_CHECK document_set(struct configuration *c, const char *assignment, char *detail,
			    size_t detail_size);

/* Adds or removes "address[:port]". ERR_CONFIG. */
int MUST_CHECK document_add_bootstrap(struct configuration *c, const char *address, char *detail,
				      size_t detail_size);
int MUST_CHECK document_remove_bootstrap(struct configuration *c, const char *address, char *detail,
					 size_t detail_size);

/* Adds or removes a bad-node. ERR_CONFIG. */
int MUST_CHECK document_add_bad_node(struct configuration *c, const char *id, char *detail,
				     size_t detail_size);
int MUST_CHECK document_remove_bad_node(struct configuration *c, const char *id, char *detail,
					size_t detail_size);

/* The sequence that follows (6.3.2.1: 65534 is followed by 0). */
uint16_t document_next_sequence(uint16_t sequence);

/* What --set takes: name, range, unit and current value, a line each. */
void document_print_settings(const struct configuration *c, FILE *out);

#endif
