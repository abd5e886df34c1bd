/* SPDX-License-Identifier: MIT */
/* The SIP-REGISTRATION record of this node's user in the overlay. */
#include "usage/sip/sip_record.h"

#include <stdio.h>

#include "overlay/resource.h"
#include "overlay/wire/sip_registration.h"
#include "usage/sip/sip_registration.h"

static void sip_record_on_timer(void *ctx, struct now now);

void sip_record_init(struct sip_record *record, struct sip_usage *s, uint32_t lifetime_s)
{
	*record = (struct sip_record){ .usage = s, .lifetime_s = lifetime_s };
	record->retry_s = SIP_RECORD_RETRY_FIRST_S;
}

static void sip_record_wait(struct sip_record *record, struct now now, uint64_t seconds)
{
	timer_arm(&record->usage->timers, &record->timer, instant_add(now.mono, duration_s(seconds)),
		  sip_record_on_timer, record);
}

/* Waits for the refresh; with a media port for less, as what it tells of this node may change. */
static void sip_record_look(struct sip_record *record, struct now now)
{
	struct instant at = record->refresh;

	if (record->usage->media.ops != NULL)
		at = instant_min(at, instant_add(now.mono, duration_s(SIP_RECORD_LOOK_S)));
	timer_arm(&record->usage->timers, &record->timer, at, sip_record_on_timer, record);
}

static void sip_record_on_stored(void *ctx, struct now now, const struct resource_store_result *result)
{
	struct sip_record *record = ctx;
	struct sip_usage *s = record->usage;
	bool exists = record->busy_exists;

	record->busy = false;
	if (result->err != 0) {
		log_warning(s->log, exists ? "sip.record.failed" : "sip.record.remove.failed",
			    "aor=%s reason=%s", s->aor, error_name(result->err));
		/* Phones that are registered stay so: the record is tried again. */
		if (record->wanted || record->stored)
			sip_record_wait(record, now, record->retry_s);
		record->retry_s = record->retry_s * 2 > SIP_RECORD_RETRY_MAX_S ? SIP_RECORD_RETRY_MAX_S
									       : record->retry_s * 2;
	} else {
		log_info(s->log, exists ? "sip.record.stored" : "sip.record.removed",
			 "aor=%s replicas=%zu rtt_us=%llu", s->aor, result->replica_count,
			 (unsigned long long)result->round_trip.us);
		record->stored = exists;
		record->retry_s = SIP_RECORD_RETRY_FIRST_S;
		record->expires = instant_add(now.mono, duration_s(record->lifetime_s));
		timer_disarm(&s->timers, &record->timer);
		record->refresh = instant_add(now.mono, duration_s((uint64_t)record->lifetime_s * 3 / 4));
		if (exists)
			sip_record_look(record, now);
	}
	sip_registration_record_settled(s, now, result->err);
}

/* route type, contact_prefs, our own Node-ID: "form a connection with this peer" (RFC 7904 3.2). What the media port
 * tells stands beside the scheme (RFC 2533 4.1). */
static void sip_record_value(struct sip_record *record, struct writer *w)
{
	struct destination own = destination_of_node(peer_node_id(record->usage->peer));
	struct sip_registration registration = {
		.type = SIP_REGISTRATION_ROUTE,
		.contact_prefs = slice_text("(sip.schemes=SIP)"),
		.destinations = { &own, 1 },
	};
	char prefs[SIP_MEDIA_PREFS_MAX + 32];

	sip_media_prefs(record->usage, record->prefs);
	if (record->prefs[0] != '\0') {
		snprintf(prefs, sizeof(prefs), "(& (sip.schemes=SIP) %s)", record->prefs);
		registration.contact_prefs = slice_text(prefs);
	}
	sip_registration_put(w, &registration);
}

static int sip_record_store(struct sip_record *record, struct now now, bool exists)
{
	struct sip_usage *s = record->usage;
	struct resource_id id = security_resource_id(peer_security(s->peer), slice_text(s->aor));
	uint8_t bytes[SIP_MEDIA_PREFS_MAX + 160];
	struct writer w = writer_of(bytes, sizeof(bytes));
	struct resource_value value = {
		.key = slice_of(peer_node_id(s->peer)->bytes, NODE_ID_LENGTH),
		.exists = exists,
		.lifetime_s = record->lifetime_s,
	};
	int err;

	if (peer_state(s->peer) != PEER_JOINED)
		return ERR_NOT_JOINED;
	sip_record_value(record, &w);
	if (exists)
		value.value = writer_slice(&w);
	err = resource_store(s->peer, now, &id, KIND_SIP_REGISTRATION, &value, 1, sip_record_on_stored,
			     record);
	if (err == 0) {
		record->busy = true;
		record->busy_exists = exists;
	}
	return err;
}

static void sip_record_begin(struct sip_record *record, struct now now, bool exists)
{
	struct resource_store_result failure = { .err = sip_record_store(record, now, exists) };

	if (failure.err == 0)
		return;
	record->busy_exists = exists;
	sip_record_on_stored(record, now, &failure);
}

static void sip_record_on_timer(void *ctx, struct now now)
{
	struct sip_record *record = ctx;
	char prefs[SIP_MEDIA_PREFS_MAX];

	if (instant_due(record->expires, now.mono))
		record->stored = false;
	if (record->stored && record->wanted && !record->busy && !instant_due(record->refresh, now.mono) &&
	    strcmp(sip_media_prefs(record->usage, prefs), record->prefs) == 0) {
		sip_record_look(record, now);
		return;
	}
	if (!record->busy && (record->wanted || record->stored))
		sip_record_begin(record, now, record->wanted);
}

bool sip_record_want(struct sip_record *record, struct now now, bool wanted)
{
	record->wanted = wanted;
	if (record->busy)
		return false;
	if (record->stored && instant_due(record->expires, now.mono))
		record->stored = false;
	if (record->stored == wanted)
		return true;
	sip_record_begin(record, now, wanted);
	return false;
}

void sip_record_renew(struct sip_record *record, struct now now)
{
	if (record->wanted && !record->busy)
		sip_record_begin(record, now, true);
}

void sip_record_end(struct sip_record *record)
{
	timer_disarm(&record->usage->timers, &record->timer);
}
