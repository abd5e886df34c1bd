/* SPDX-License-Identifier: MIT */
/* From an AOR to the proxies that serve it: Fetch of SIP-REGISTRATION, followed through entries that name
 * another AOR (RFC 7904 4.2), bounded; GRUUs are used directly (section 6). */
#ifndef USAGE_SIP_SIP_RESOLVE_H
#define USAGE_SIP_SIP_RESOLVE_H

#include "usage/sip/sip_fork.h"

#define SIP_RESOLVE_DEPTH_MAX 4   /* AOR that names an AOR that names ... */
#define SIP_RESOLVE_AORS_MAX 16   /* different AORs asked for one request */

struct sip_resolution;

/* Begins for the fork's request to `aor`; targets are added as they are found, and sip_fork_settle is
 * called at the end. ERR_NOT_JOINED, ERR_NO_ROUTE, ERR_LIMIT: nothing was begun. */
int MUST_CHECK sip_resolve(struct sip_fork *fork, struct now now, const char *aor);

/* The fork goes away or wants no more targets. */
void sip_resolution_abandon(struct sip_resolution *r);

void sip_resolutions_free(struct sip_usage *s);

/* The Destination List in a GRUU's "gr" parameter. ERR_MALFORMED when it does not end in a Node-ID. */
int MUST_CHECK sip_gruu_route(struct slice gr, struct sip_route *route);

#endif
