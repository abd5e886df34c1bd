/* SPDX-License-Identifier: MIT */
/* The phones' side of the node: UDP and TCP sockets for SIP. */
#ifndef NODE_SIP_LISTENER_H
#define NODE_SIP_LISTENER_H

#include "node/node.h"

#define SIP_STREAMS_MAX 256 /* TCP connections of phones */

/* Listens on every address of sip-listen, UDP and TCP. ERR_IO; `detail` says which and why. */
int MUST_CHECK sip_listener_open(struct node *n, char *detail, size_t detail_size);
void sip_listener_close(struct node *n);
/* Closes the phones' connections; the sockets go on listening. */
void sip_listener_drop_streams(struct node *n);

/* Carries out one effect of the SIP usage. */
void sip_listener_effect(struct node *n, struct now now, const struct sip_effect *e);

/* Tells the SIP usage of one lost TCP connection; false when there was none. */
bool sip_listener_report_failed(struct node *n, struct now now);

#endif
