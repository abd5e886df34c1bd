/* SPDX-License-Identifier: MIT */
/* HIP as IP protocol 139 and ESP as protocol 50, for hosts that do not use UDP (RFC 7401 5.1, RFC 7402). */
#ifndef NODE_HIP_RAW_H
#define NODE_HIP_RAW_H

#include "node/node.h"

/* Raw sockets on every address of hip-listen, beside the UDP ones. ERR_IO; `detail` says what to do. */
int MUST_CHECK hip_raw_open(struct node *n, char *detail, size_t detail_size);

/* The address that the kernel would send from to `remote`. ERR_NO_ROUTE. */
int MUST_CHECK hip_raw_source(const struct address *remote, struct address *source);
/* A control packet that leaves from no address in particular has no checksum yet that holds: sets the source in `path`
 * and the checksum in `packet`. False: nothing was changed, since there is a source, or no way. */
bool hip_raw_dress(struct hip_path *path, uint8_t *packet, size_t len);

#endif
