/* SPDX-License-Identifier: MIT */
/* ConfigUpdate (RFC 6940 6.5.4) and configuration sequences (6.3.2.1): a node seen with an older
 * document is sent ours, a newer one is taken over. */
#ifndef OVERLAY_CONFIG_UPDATE_H
#define OVERLAY_CONFIG_UPDATE_H

#include "overlay/effect.h"

#define CONFIG_UPDATE_SEQUENCE \
	65535 /* of a ConfigUpdate, accepted by everybody; never a document's */

struct peer;

void config_update_new(struct peer *p);
void config_update_free(struct peer *p);

/* Sends our document to `node`, unless that was done a moment ago. It goes the way that a message of
 * the node's came, over `link` with `via_list` (empty for an answer): one of the two may not have joined,
 * and routing leads nowhere then. Routed when `link` is 0. */
void config_update_send(struct peer *p, struct now now, const struct node_id *node, link_id link,
			struct slice via_list);

/* A message of `node`, which came so, carried `sequence`: sends ours when that is older. 0, or what a
 * request gets as its answer: ERR_CONFIG_TOO_OLD, ERR_CONFIG_TOO_NEW. */
int config_update_compare(struct peer *p, struct now now, const struct node_id *node, link_id link,
			  struct slice via_list, uint16_t sequence);

#endif
