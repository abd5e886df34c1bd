/* SPDX-License-Identifier: MIT */
/* UDP ports for phones' media: pairs of the range media-ports, RTP on the even one and RTCP on the next, bound on every
 * address of sip-listen. They are opened ahead and lent to usage/media. */
#ifndef NODE_MEDIA_PORT_H
#define NODE_MEDIA_PORT_H

#include "node/node.h"

/* Makes the table; no port is opened yet. */
void media_port_init(struct node *n);
/* Closes all ports; they are not usage/media's any more. */
void media_port_close_all(struct node *n);
/* The same, and frees the table. */
void media_port_close(struct node *n);

/* Carries out one effect of usage/media. */
void media_port_effect(struct node *n, const struct media_effect *e);

#endif
