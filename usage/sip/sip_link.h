/* SPDX-License-Identifier: MIT */
/* Direct SIP connections to other proxies (RFC 7904 5.1): made by AppAttach for application 5060, one for
 * each Node-ID, kept while used. An overlay link is never used for SIP. */
#ifndef USAGE_SIP_SIP_LINK_H
#define USAGE_SIP_SIP_LINK_H

#include "usage/sip/sip_internal.h"

#define SIP_LINKS_MAX 256
#define SIP_LINK_PENDING_MAX 32            /* messages that wait for a connection */
#define SIP_LINK_PENDING_BYTES_MAX 262144
#define SIP_LINK_IDLE_S 300                /* without a message in either direction: closed */
#define SIP_LINK_OPEN_S 20                 /* for an AppAttach that is never answered */

/* Sends now, or when the connection is there. `route` (NULL: the Node-ID alone) is how to get there.
 * ERR_LIMIT, ERR_NO_ROUTE, ERR_NOT_JOINED. */
int MUST_CHECK sip_link_send(struct sip_usage *s, struct now now, const struct node_id *node,
			     const struct sip_route *route, struct slice bytes);

/* A connection to `node` is there (either side asked for it), or gone. */
void sip_link_up(struct sip_usage *s, struct now now, uint64_t stream, const struct node_id *node);
void sip_link_down(struct sip_usage *s, struct now now, uint64_t stream, const struct node_id *node);
/* A message came on it. */
void sip_link_used(struct sip_usage *s, struct now now, const struct node_id *node);

void sip_links_free(struct sip_usage *s);

#endif
