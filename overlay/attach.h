/* SPDX-License-Identifier: MIT */
/* Attach and AppAttach without ICE (RFC 6940 6.5.1.11, 6.5.2), both sides. */
#ifndef OVERLAY_ATTACH_H
#define OVERLAY_ATTACH_H

#include "overlay/effect.h"
#include "overlay/wire/destination.h"

struct peer;

/* `node` is who answered and is now connected (err == 0). Errors: those of transport, ERR_LINK,
 * ERR_NODE_ID_MISMATCH, ERR_IN_PROGRESS. An Attach that finds a link already there succeeds. */
typedef void attach_done_fn(void *ctx, struct now now, int err, const struct node_id *node, link_id link);

/* Attaches to the last destination (a Node-ID, or a Resource-ID: whoever is responsible). `via` (0: routed)
 * forces the first hop. The topology's link_up is told as well. ERR_NO_ROUTE, ERR_LIMIT. */
int MUST_CHECK attach_start(struct peer *p, struct now now, const struct destination *destinations,
			    size_t count, link_id via, bool send_update, attach_done_fn *done, void *ctx);

/* True while an Attach to this Node-ID is under way. */
bool attach_is_pending(const struct peer *p, const struct node_id *node);

/* AppAttach for `application` (5060 SIP). On success EFFECT_APP_LINK_READY comes too; `link` names it. The
 * answerer's certificate must hold the last destination's Node-ID (RFC 7904 5.1). */
int MUST_CHECK app_attach_start(struct peer *p, struct now now, uint16_t application,
				const struct destination *destinations, size_t count,
				attach_done_fn *done, void *ctx);

/* Whether requests for `application` are answered; others get Error_Not_Found. */
void app_attach_offer(struct peer *p, uint16_t application, bool offered);

#endif
