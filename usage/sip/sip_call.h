/* SPDX-License-Identifier: MIT */
/* The calls this proxy has seen, for pealctl and the log. Only a view: nothing is decided by it. */
#ifndef USAGE_SIP_SIP_CALL_H
#define USAGE_SIP_SIP_CALL_H

#include "usage/sip/sip_internal.h"

#define SIP_CALLS_MAX 256      /* the oldest gives way */
#define SIP_CALLS_AGE_S 3600   /* ended ones are forgotten */

struct sip_calls *sip_calls_new(struct sip_usage *s);
void sip_calls_free(struct sip_calls *calls);

/* An INVITE outside of a dialog. The call lives in a ring that may reuse it: its functions then do no harm,
 * as they only note. */
struct sip_call *sip_call_start(struct sip_usage *s, struct now now, const struct sip_message *m,
				const struct sip_hop *source);
void sip_call_ringing(struct sip_call *call, struct now now, int status);
/* A final response. */
void sip_call_answered(struct sip_call *call, struct now now, int status);
/* A BYE passed. */
void sip_call_ended(struct sip_usage *s, struct now now, const struct sip_message *m);

#endif
