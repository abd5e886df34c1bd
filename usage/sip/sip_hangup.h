/* SPDX-License-Identifier: MIT */
/* Ends a call that was answered but must not be (its media cannot be protected): the proxy acknowledges the 2xx and
 * says BYE in the caller's stead, who is told of a failure. */
#ifndef USAGE_SIP_SIP_HANGUP_H
#define USAGE_SIP_SIP_HANGUP_H

#include "usage/sip/sip_internal.h"

/* `invite` as this proxy sent it to `hop`, `response` the 2xx as it came. The ACK is sent for each repetition of the
 * 2xx, the BYE when `bye` says so. */
void sip_hangup(struct sip_usage *s, struct now now, const struct sip_hop *hop, struct slice invite,
		const struct sip_message *response, bool bye);

#endif
