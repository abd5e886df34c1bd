/* SPDX-License-Identifier: MIT */
/* What passes between a phone and another node is shown to the media port (sip_media.h), which may put another session
 * description in its place; and the port is told what is over. */
#ifndef USAGE_SIP_SIP_MEDIA_PASS_H
#define USAGE_SIP_SIP_MEDIA_PASS_H

#include "usage/sip/sip_internal.h"

#define SIP_LEG_SIZE ADDRESS_TEXT_SIZE

/* Which way a message goes. */
struct sip_way {
	const struct sip_hop *from, *to;
	const char *leg;             /* of the phone, by sip_media_leg */
	const struct sip_node *node; /* the other node as its record has it; NULL: as its link does */
	struct slice prefs;          /* contact_prefs of that record */
	bool in_dialog;
};

/* Names a phone's leg for as long as the phone stays where it is; "" when the hop is no phone. */
void sip_media_leg(const struct sip_usage *s, const struct sip_hop *hop, char leg[SIP_LEG_SIZE]);

/* A message on its way: with `body->len` > 0 that is to be its new body. ERR_FORBIDDEN, ERR_LIMIT, ERR_MALFORMED: it
 * must not pass, as `reason` says. */
int MUST_CHECK sip_media_pass(struct sip_usage *s, struct now now, const struct sip_message *m,
			      const struct sip_way *way, struct sip_text *body, char reason[SIP_MEDIA_REASON_SIZE]);
/* The status that answers such a failure. */
int sip_media_status(int err);

/* The dialog that `m` belongs to is over (`whole`: the call on this leg is, with all its dialogs). `m` is a message
 * along `way`. */
void sip_media_over(struct sip_usage *s, struct now now, const struct sip_message *m, const struct sip_way *way,
		    bool whole);

/* The feature tags of the registration record: "" for none. Returns text. */
const char *sip_media_prefs(const struct sip_usage *s, char text[SIP_MEDIA_PREFS_MAX]);

#endif
