/* SPDX-License-Identifier: MIT */
/* DTLS over UDP. An incoming link is known by its remote address on a listening socket, after a cookie; an
 * outgoing one has a connected socket of its own, so that two nodes which call each other never mix. */
#ifndef NODE_LINK_UDP_H
#define NODE_LINK_UDP_H

#include "node/node.h"

/* ERR_IO; `detail` says why. */
int MUST_CHECK link_udp_listen(struct node *n, const struct address *address, char *detail,
			       size_t detail_size);
void link_udp_close_listeners(struct node *n);

/* What goes wrong comes back as a lost link. */
void link_udp_open(struct node *n, link_id link, const struct address *address, enum link_purpose purpose);

#endif
