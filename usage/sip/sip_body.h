/* SPDX-License-Identifier: MIT */
/* Where in a message's body a session description stands (RFC 3261 7.4, RFC 2046 5.1). */
#ifndef USAGE_SIP_SIP_BODY_H
#define USAGE_SIP_SIP_BODY_H

#include "usage/sip/sip_message.h"

enum sip_body_kind {
	SIP_BODY_OTHER,       /* no session description */
	SIP_BODY_DESCRIPTION, /* one, and it is readable */
	SIP_BODY_OPAQUE       /* one or more, but not to be read here: encoded, signed, several of them */
};

/* `description` is a part of m->body, set for SIP_BODY_DESCRIPTION. */
enum sip_body_kind sip_body_find(const struct sip_message *m, struct slice *description);

#endif
