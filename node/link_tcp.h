/* SPDX-License-Identifier: MIT */
/* TLS over TCP: listening, connecting, reading and writing; overlay links and application links alike. */
#ifndef NODE_LINK_TCP_H
#define NODE_LINK_TCP_H

#include "node/node.h"

/* Listens for links of one purpose. ERR_IO; `detail` says why. */
int MUST_CHECK link_tcp_listen(struct node *n, const struct address *address, enum link_purpose purpose,
			       char *detail, size_t detail_size);
void link_tcp_close_listeners(struct node *n);

/* Connects; what goes wrong comes back as a lost link. */
void link_tcp_open(struct node *n, link_id link, const struct address *address,
		   enum link_purpose purpose);

#endif
