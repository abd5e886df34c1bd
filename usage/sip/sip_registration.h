/* SPDX-License-Identifier: MIT */
/* The registrar (RFC 3261 section 10) for the one AOR of this node's certificate: contacts of its phones
 * are kept here, the overlay's record (sip_record.h) only says that they are to be asked for here. */
#ifndef USAGE_SIP_SIP_REGISTRATION_H
#define USAGE_SIP_SIP_REGISTRATION_H

#include "usage/sip/sip_fork.h"

#define SIP_CONTACT_MAX 1023

struct sip_registrar *sip_registrar_new(struct sip_usage *s);
void sip_registrar_free(struct sip_registrar *r);

/* A REGISTER that is authenticated and for our domain. Answered now or when the overlay has answered. */
void sip_registration_request(struct sip_usage *s, struct now now, struct sip_server *server,
			      const struct sip_message *m);

size_t sip_registration_count(const struct sip_usage *s);

/* Adds every registered phone to the fork, but the one the request came from. */
void sip_registration_add_targets(struct sip_fork *fork, struct now now);

/* The hop to the phone that registered this very contact. False: none did. */
bool sip_registration_find_contact(struct sip_usage *s, const struct sip_uri *uri, struct sip_hop *hop);

/* A phone's TCP connection opened or is gone. */
void sip_registration_stream_gone(struct sip_usage *s, uint64_t stream);
void sip_registration_stream_open(struct sip_usage *s, const struct sip_flow *flow);

/* The overlay's record is `stored` or not, or the attempt failed: REGISTERs that wait are answered. */
void sip_registration_record_settled(struct sip_usage *s, struct now now, int err);

/* The peer joined again: the record is stored anew. */
void sip_registration_joined(struct sip_usage *s, struct now now);
/* Removes the record; `done` once, after 3 s at most. */
void sip_registration_stop(struct sip_usage *s, struct now now, void (*done)(void *ctx, struct now now),
			   void *ctx);

#endif
