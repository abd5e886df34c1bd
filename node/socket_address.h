/* SPDX-License-Identifier: MIT */
/* struct address to struct sockaddr and back. */
#ifndef NODE_SOCKET_ADDRESS_H
#define NODE_SOCKET_ADDRESS_H

#include <sys/socket.h>

#include "overlay/wire/address.h"

/* Another family than IPv4 and IPv6 leaves ADDRESS_NONE. */
void address_from_socket(const struct sockaddr *from, struct address *out);
void address_to_socket(const struct address *a, struct sockaddr_storage *out);

#endif
