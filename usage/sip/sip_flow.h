/* SPDX-License-Identifier: MIT */
/* Flow tokens: what this proxy writes into Record-Route so that a request in the dialog finds the phone's
 * flow again (the idea of RFC 5626 5.3.1). A token names transport and addresses and bears a keyed hash:
 * nobody but this proxy can make one, so a far proxy cannot use us to send to any address it likes. */
#ifndef USAGE_SIP_SIP_FLOW_H
#define USAGE_SIP_SIP_FLOW_H

#include "usage/sip/sip_internal.h"

/* The Record-Route URI for one side: "sip:<token>@<listen>;lr" towards a phone,
 * "sip:<Node-ID>@<overlay>;lr;peal-node" towards other proxies. */
void sip_flow_record_route(struct sip_usage *s, const struct sip_hop *hop, char *uri, size_t size);

enum sip_route_kind {
	SIP_ROUTE_OWN,      /* ours, without a flow: a preloaded outbound proxy, or our Node-ID */
	SIP_ROUTE_OWN_FLOW, /* ours, and names a flow */
	SIP_ROUTE_NODE,     /* another Peal proxy */
	SIP_ROUTE_FOREIGN
};

/* What a Route's URI points to; `hop` is filled for OWN_FLOW and NODE. */
enum sip_route_kind sip_flow_classify(struct sip_usage *s, const struct sip_uri *uri, struct sip_hop *hop);

#endif
