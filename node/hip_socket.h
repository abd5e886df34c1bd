/* SPDX-License-Identifier: MIT */
/* The sockets of HIP and ESP: UDP on every address of hip-listen, and with hip-raw IP protocols 139 and 50. What
 * arrives is handed to the HIP usage as it came. */
#ifndef NODE_HIP_SOCKET_H
#define NODE_HIP_SOCKET_H

#include "node/node.h"

#define ESP_PROTOCOL 50 /* of IP */

/* Opens the UDP sockets. ERR_IO; `detail` says which and why. */
int MUST_CHECK hip_socket_open(struct node *n, char *detail, size_t detail_size);
void hip_socket_close(struct node *n);

/* One more socket; `protocol` 0: UDP. A negative errno. */
int MUST_CHECK hip_socket_add(struct node *n, const struct address *at, int protocol);

/* HIP_EFFECT_SEND: sent at the end of the turn. */
void hip_socket_send(struct node *n, const struct hip_effect *e);
void hip_socket_flush(struct node *n);

#endif
