/* SPDX-License-Identifier: MIT */
/* Application links in use: bytes between a usage and its connection, past the peer (RFC 6940 6.5.2). */
#ifndef NODE_APP_LINK_H
#define NODE_APP_LINK_H

#include "node/node.h"

#define APPLICATION_SIP 5060
#define APPLICATION_SIPS 5061

/* EFFECT_APP_LINK_READY. */
void app_link_ready(struct node *n, struct now now, const struct effect *e);
void app_link_receive(struct connection *c, struct now now, struct slice bytes);
void app_link_closed(struct connection *c, struct now now);

/* What a usage wants sent or closed; a link that is gone is ignored. */
void app_link_send(struct node *n, link_id link, struct slice bytes);
void app_link_close(struct node *n, link_id link);

#endif
