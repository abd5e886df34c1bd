/* SPDX-License-Identifier: MIT */
/* The SIP-REGISTRATION record of this node's user in the overlay (RFC 7904 section 3): there while at least
 * one phone is registered, refreshed before its lifetime ends, removed after the last one went. */
#ifndef USAGE_SIP_SIP_RECORD_H
#define USAGE_SIP_SIP_RECORD_H

#include "usage/sip/sip_media_pass.h"

#define SIP_RECORD_RETRY_FIRST_S 5
#define SIP_RECORD_RETRY_MAX_S 60
#define SIP_RECORD_LOOK_S 15 /* how often it is looked whether the record still says what holds */

struct sip_record {
	struct sip_usage *usage;
	bool wanted;   /* phones are registered */
	bool stored;   /* acknowledged and, as far as we know, still there */
	bool busy;     /* a Store is under way */
	bool busy_exists;
	uint32_t lifetime_s;
	struct instant expires;
	struct instant refresh; /* when it is stored again at the latest */
	char prefs[SIP_MEDIA_PREFS_MAX]; /* the feature tags that were stored last */
	struct timer timer; /* refresh, or retry */
	uint64_t retry_s;
};

void sip_record_init(struct sip_record *record, struct sip_usage *s, uint32_t lifetime_s);

/* What should be. True when it is so already (and will be for a while); false: a Store was begun or is
 * under way, sip_registration_record_settled will be called. */
bool sip_record_want(struct sip_record *record, struct now now, bool wanted);

/* Stores again whatever was known (after joining anew). */
void sip_record_renew(struct sip_record *record, struct now now);

void sip_record_end(struct sip_record *record);

#endif
