/* SPDX-License-Identifier: MIT */
/* HIP's part of the core: the Host Identity, the HIP usage, media over it, and what belongs to them outside. */
#ifndef NODE_HIP_CORE_H
#define NODE_HIP_CORE_H

#include "node/node.h"

/* Opens the sockets, once for the node's life. Errors as hip_socket_open. */
int MUST_CHECK hip_core_open(struct node *n, char *detail, size_t detail_size);

/* Makes the HIP usage on the peer; without a key that can be a Host Identity HIP stays off, which is logged. ERR_*;
 * `detail` says what to do. */
int MUST_CHECK hip_core_new(struct node *n, char *detail, size_t detail_size);
/* Puts calls' media on top, when there is a SIP usage. */
void hip_core_media(struct node *n);
/* Frees media, then the usage. */
void hip_core_free_media(struct node *n);
void hip_core_free(struct node *n);

/* Closes sockets, ports and device; what uses them is freed later. */
void hip_core_close(struct node *n);

/* Writes known-identities when it has changed. ERR_IO, ERR_PERMISSION: logged. */
int hip_core_remember(struct node *n);

#endif
