/* SPDX-License-Identifier: MIT */
/* Streams: TCP connections of phones and application links, cut into messages (RFC 3261 18.3, RFC 5626
 * 4.4.1 keep-alives). */
#ifndef USAGE_SIP_SIP_STREAM_H
#define USAGE_SIP_SIP_STREAM_H

#include "usage/sip/sip_internal.h"

#define SIP_STREAM_IDLE_S 14400 /* a phone's connection without any byte: closed */

/* False: refused, SIP_STREAMS_MAX are open. */
bool sip_stream_add(struct sip_usage *s, struct now now, const struct sip_hop *hop);
bool sip_stream_is_open(const struct sip_usage *s, uint64_t stream);
void sip_stream_bytes(struct sip_usage *s, struct now now, uint64_t stream, struct slice bytes);
/* We end it: an effect is queued. */
void sip_stream_close(struct sip_usage *s, struct now now, uint64_t stream);
/* It ended. */
void sip_stream_gone(struct sip_usage *s, struct now now, uint64_t stream);

/* An open stream to that proxy, 0: none. */
uint64_t sip_stream_of_node(const struct sip_usage *s, const struct node_id *node);
/* An open TCP stream of the phone that says it is reached at `address`, 0: none. */
uint64_t sip_stream_of_phone(const struct sip_usage *s, const struct address *address);
/* Notes what the phone's Via says. */
void sip_stream_advertise(struct sip_usage *s, uint64_t stream, const struct address *address);
/* That, in `address`; untouched when the phone's Via said nothing yet. */
void sip_stream_advertised(const struct sip_usage *s, uint64_t stream, struct address *address);

/* Notes who is at the other end of an application link, and tells who `node` is as a link to it said; false: no
 * link to it is open. `out` borrows from the link. */
void sip_stream_identify(struct sip_usage *s, uint64_t stream, const struct sip_node *node);
bool sip_stream_identity(const struct sip_usage *s, const struct node_id *node, struct sip_node *out);

void sip_streams_free(struct sip_usage *s);

#endif
