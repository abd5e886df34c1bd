/* SPDX-License-Identifier: MIT */
/* At which addresses others reach the HIP sockets, now and as the machine's addresses change. */
#ifndef NODE_HIP_ADDRESS_WATCH_H
#define NODE_HIP_ADDRESS_WATCH_H

#include "node/node.h"

/* What is told to other hosts. Returns how many. */
size_t hip_address_locators(const struct node *n, struct address out[HIP_LISTEN_MAX]);

/* Follows the machine's addresses where locators depend on them: the HIP usage is told of each change. Without the
 * kernel's notices (netlink) it looks every second. */
void hip_address_watch(struct node *n);
void hip_address_unwatch(struct node *n);

#endif
