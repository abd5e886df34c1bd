/* SPDX-License-Identifier: MIT */
/* Host Identities in session descriptions: checked against each other, and put into the pool of known HITs with how
 * each was vouched for (draft-tschofenig-hiprg-host-identities 3, 4). */
#include "usage/media/media_internal.h"

#include <stdio.h>

#define MEDIA_KNOWN_S 86400       /* how long what was learnt stays in the pool */
#define MEDIA_KNOWN_FAITH_S 3600  /* when anybody on the way could have said it */

/* Algorithm (2 bytes) and Host Identity, as HOST_ID has them (RFC 7401 5.2.9). */
static int media_identity_hash(struct media_relay *r, struct slice base64, struct hit *hit)
{
	const struct host_security *security = hip_host_security(r->host);
	uint8_t bytes[SDP_IDENTITY_MAX];
	size_t len;
	int err;

	while (base64.len > 0 && base64.data[base64.len - 1] == '=')
		base64.len--;
	err = sip_base64(base64, bytes, sizeof(bytes), &len);
	if (err != 0)
		return err;
	return host_hit(security, slice_of(bytes, len), hit);
}

static bool media_identity_listed(const struct sdp_host_identity *list, size_t count, const struct hit *hit)
{
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		if (list[i].identity.len > 0)
			continue;
		if (hit_equal(&list[i].hit, hit))
			return true;
		any = true;
	}
	return !any;
}

/* Every Host Identity of a list gives a HIT that stands beside it, if any does; `first` is the first HIT told. */
static int media_identity_check_list(struct media_relay *r, const struct sdp_host_identity *list, size_t count,
				     struct hit *first)
{
	struct hit hit;

	for (size_t i = 0; i < count; i++) {
		int err;

		hit = list[i].hit;
		if (list[i].identity.len > 0) {
			err = media_identity_hash(r, list[i].identity, &hit);
			if (err == ERR_UNSUPPORTED)
				continue; /* of a suite that is not spoken here */
			if (err != 0 || !media_identity_listed(list, count, &hit)) {
				r->counters->hip_identity++;
				return ERR_FORBIDDEN;
			}
		}
		if (hit_is_zero(first))
			*first = hit;
	}
	return 0;
}

static struct hit media_hit_of_address(const struct address *a)
{
	struct hit hit = { 0 };

	if (a->type == ADDRESS_IPV6)
		memcpy(hit.bytes, a->bytes, HIT_LENGTH);
	if (hit_suite(&hit) == 0)
		hit = (struct hit){ 0 };
	return hit;
}

bool media_identity_is_told(const struct sdp *s)
{
	bool told = s->hit_count > 0;

	for (size_t i = 0; i < s->media_count; i++) {
		struct hit hit = media_hit_of_address(&s->media[i].connection);

		told = told || s->media[i].hit_count > 0 || (s->media[i].port != 0 && !hit_is_zero(&hit));
	}
	return told;
}

int media_identity_read(struct media_relay *r, const struct sdp *s, struct media_claim *out, char *reason,
			size_t reason_size)
{
	struct hit told = { 0 };
	int err;

	*out = (struct media_claim){ 0 };
	err = media_identity_check_list(r, s->hits, s->hit_count, &told);
	for (size_t i = 0; err == 0 && i < s->media_count; i++) {
		const struct sdp_media *m = &s->media[i];
		struct hit hit = media_hit_of_address(&m->connection);
		bool is_listed = m->hit_count > 0 ? media_identity_listed(m->hits, m->hit_count, &hit)
						  : media_identity_listed(s->hits, s->hit_count, &hit);

		err = media_identity_check_list(r, m->hits, m->hit_count, &told);
		if (m->port == 0)
			continue;
		if (hit_is_zero(&hit)) {
			out->active += m->connection.type == ADDRESS_NONE || !address_is_any(&m->connection);
			continue;
		}
		/* One end, one key: a second one has no business here. */
		if (!is_listed || (out->is_hip && !hit_equal(&hit, &out->hit)))
			err = ERR_FORBIDDEN;
		out->is_hip = true;
		out->hit = hit;
	}
	if (!out->is_hip)
		out->hit = told;
	if (err == 0 && out->is_hip && hit_equal(&out->hit, &r->hit))
		err = ERR_FORBIDDEN;
	if (err != 0)
		snprintf(reason, reason_size, "Host Identity and HIT do not fit");
	return err;
}

/* Nobody's AOR, as RFC 3323 4.1 has it: no key can be bound to it. */
static bool media_is_anonymous(const char *aor)
{
	const char *at = strrchr(aor, '@');

	return at == NULL || strcmp(at, "@anonymous.invalid") == 0;
}

static int media_identity_pool(struct media_relay *r, struct now now, const struct hip_known *known, char *reason,
			       size_t reason_size)
{
	int err = hip_pool_learn(hip_host_pool(r->host), now, known);
	char hit[HIT_TEXT_SIZE];

	if (err == 0)
		log_debug(r->log, "media.hit.learnt", "user=%s hit=%s vouched=%s", known->user,
			  hit_text(&known->hit, hit), hip_vouched_name(known->vouched));
	else
		snprintf(reason, reason_size, err == ERR_FORBIDDEN ? "Host Identity of %.48s has changed"
								   : "No room to remember the Host Identity of %.32s",
			 known->user);
	return err;
}

void media_identity_learn_node(struct media_relay *r, struct now now, const struct sip_media_message *m)
{
	struct hip_known known = { .hit = m->node_hit, .vouched = HIP_VOUCHED_CERTIFICATE,
				   .expires = instant_add(now.mono, duration_s(MEDIA_KNOWN_S)) };
	char reason[80];

	if (hit_is_zero(&m->node_hit) || !m->node_user_is_vouched || m->node_user[0] == '\0')
		return;
	snprintf(known.user, sizeof(known.user), "%s", m->node_user);
	sip_copy(known.dialog, sizeof(known.dialog), m->call_id);
	if (media_identity_pool(r, now, &known, reason, sizeof(reason)) != 0)
		log_info(r->log, "media.hit.strange", "why=\"%s\"", reason);
}

int media_identity_learn(struct media_call *call, struct now now, const struct sip_media_message *m,
			 const struct hit *hit, char *reason, size_t reason_size)
{
	struct hip_known known = { .hit = *hit, .vouched = HIP_VOUCHED_LINK };
	bool is_own_key = hit_equal(hit, &m->node_hit) && m->node_user_is_vouched && m->node_user[0] != '\0';
	int err;

	/* Within a dialog only the node itself may come with another key, and only its own one. */
	if ((!hit_is_zero(&call->hit) && !hit_equal(&call->hit, hit) && !hit_equal(hit, &m->node_hit)) ||
	    (hit_is_zero(&call->hit) && !hit_is_zero(&call->record_hit) && !hit_equal(hit, &call->record_hit) &&
	     !hit_equal(hit, &m->node_hit))) {
		snprintf(reason, reason_size, "Host Identity changed within the call");
		return ERR_FORBIDDEN;
	}
	sip_copy(known.user, sizeof(known.user), m->remote_aor);
	if (media_is_anonymous(known.user))
		snprintf(known.user, sizeof(known.user), "%s", m->node_user);
	sip_copy(known.dialog, sizeof(known.dialog), m->call_id);
	if (is_own_key && strcmp(known.user, m->node_user) == 0) {
		known.vouched = HIP_VOUCHED_CERTIFICATE;
	} else if (call->record_is_vouched && hit_equal(hit, &call->record_hit)) {
		/* The record's signer, whom the call may have been redirected to. */
		known.vouched = HIP_VOUCHED_RECORD;
		memcpy(known.user, call->user, sizeof(known.user));
	}
	known.expires = instant_add(now.mono, duration_s(MEDIA_KNOWN_S));
	err = media_identity_pool(call->relay, now, &known, reason, reason_size);
	if (err != 0)
		return err;
	call->hit = *hit;
	call->vouched = known.vouched;
	memcpy(call->user, known.user, sizeof(call->user));
	return 0;
}

static int media_identity_learn_list(struct media_relay *r, struct now now, struct hip_known *known,
				     const struct sdp_host_identity *list, size_t count, char *reason,
				     size_t reason_size)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < count; i++) {
		known->hit = list[i].hit;
		if (list[i].identity.len == 0 ||
		    media_identity_hash(r, list[i].identity, &known->hit) == 0)
			err = media_identity_pool(r, now, known, reason, reason_size);
	}
	return err;
}

int media_identity_learn_phones(struct media_relay *r, struct now now, const struct sip_media_message *m,
				const struct sdp *s, char *reason, size_t reason_size)
{
	struct hip_known known = { .vouched = HIP_VOUCHED_SDP };
	int err;

	/* Whose key it is that a phone here tells is known to the phone alone. */
	if (m->direction == SIP_MEDIA_INWARDS) {
		sip_copy(known.user, sizeof(known.user), m->remote_aor);
		if (media_is_anonymous(known.user))
			known.user[0] = '\0';
	}
	sip_copy(known.dialog, sizeof(known.dialog), m->call_id);
	known.expires = instant_add(now.mono, duration_s(MEDIA_KNOWN_FAITH_S));
	err = media_identity_learn_list(r, now, &known, s->hits, s->hit_count, reason, reason_size);
	for (size_t i = 0; err == 0 && i < s->media_count; i++)
		err = media_identity_learn_list(r, now, &known, s->media[i].hits, s->media[i].hit_count, reason,
						reason_size);
	return err;
}
