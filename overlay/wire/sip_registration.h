/* SPDX-License-Identifier: MIT */
/* SipRegistration, the value of Kind SIP-REGISTRATION (RFC 7904 3.2). */
#ifndef OVERLAY_WIRE_SIP_REGISTRATION_H
#define OVERLAY_WIRE_SIP_REGISTRATION_H

#include "overlay/wire/destination.h"

enum sip_registration_type { SIP_REGISTRATION_URI = 1, SIP_REGISTRATION_ROUTE = 2 };

struct sip_registration {
	uint8_t type;     /* enum sip_registration_type, or unknown (then only `unknown` is set) */
	struct slice uri; /* SIP_REGISTRATION_URI: another AOR; borrowed */
	struct slice contact_prefs; /* SIP_REGISTRATION_ROUTE: RFC 2533 predicate; borrowed */
	struct destination_list destinations; /* SIP_REGISTRATION_ROUTE: not empty; arena */
	struct slice unknown;
};

int sip_registration_get(struct reader *r, struct arena *a, struct sip_registration *x);
void sip_registration_put(struct writer *w, const struct sip_registration *x);

#endif
