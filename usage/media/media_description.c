/* SPDX-License-Identifier: MIT */
/* Offers and answers (RFC 3264) between a phone and another node: what they mean for the call, and what the other side
 * is shown in their place. */
#include "usage/media/media_description.h"

#include <stdio.h>

/* One description on its way. */
struct media_passage {
	struct media_relay *relay;
	struct now now;
	const struct sip_media_message *m;
	const struct sdp *sdp;
	struct media_call *call; /* NULL: none yet */
	bool is_offer;
	char *reason;
	size_t reason_size;
};

static int media_refuse(struct media_passage *p, int err, const char *reason)
{
	snprintf(p->reason, p->reason_size, "%s", reason);
	return err;
}

static bool media_is_required(const struct media_passage *p)
{
	return p->relay->options.policy == MEDIA_HIP_REQUIRE;
}

/* Only what goes by UDP, with one pair of ports, to one address can be carried. */
static bool media_is_carried(const struct sdp_media *m)
{
	static const char *const starts[] = { "RTP/", "SRTP", "UDP", "DTLS/" };
	const struct address *a = &m->connection;
	bool is_group = a->type == ADDRESS_IPV4 ? a->bytes[0] >= 224 && a->bytes[0] < 240
						: a->type == ADDRESS_IPV6 && a->bytes[0] == 0xff;

	if (m->port_count != 1 || is_group)
		return false;
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
		if (m->protocol.len >= strlen(starts[i]) &&
		    sip_is(slice_of(m->protocol.data, strlen(starts[i])), starts[i]))
			return true;
	return false;
}

static int media_begin(struct media_passage *p, enum media_mode mode)
{
	if (p->call == NULL)
		p->call = media_call_new(p->relay, p->now, p->m);
	if (p->call == NULL) /* of what is not touched nothing need be remembered */
		return mode != MEDIA_HIP ? 0 : media_refuse(p, ERR_LIMIT, "Too many calls with protected media");
	p->call->last = p->now.mono;
	if (p->call->mode == MEDIA_UNDECIDED)
		p->call->mode = mode;
	p->call->phone_side = *p->m->phone_side;
	p->call->phone_at = *p->m->phone_at;
	p->call->phone_side.port = p->call->phone_at.port = 0;
	return 0;
}

/* ---- The association ---- */

static void media_on_connected(void *ctx, struct now now, const struct hit *hit, int err)
{
	struct media_call *call = ctx;
	char call_id[128], text[HIT_TEXT_SIZE];

	(void)now;
	call->is_connecting = false;
	log_info(call->relay->log, err == 0 ? "media.connected" : "media.unconnected",
		 "call_id=\"%s\" hit=%s vouched=%s err=%s",
		 sip_copy(call_id, sizeof(call_id), sip_text_slice(&call->call_id)), hit_text(hit, text),
		 hit_equal(hit, &call->hit) ? hip_vouched_name(call->vouched) : "-", error_name(err));
}

/* Begun with the offer, so that keys are there when the phone is answered. */
static void media_connect(struct media_passage *p, const struct hit *hit)
{
	struct hip_hint hint = { .edge = p->m->node };
	int err;

	if (hit_is_zero(hit) || p->call->is_connecting || hip_host_is_established(p->relay->host, hit))
		return;
	if (hit_equal(hit, &p->m->node_hit))
		media_identity_learn_node(p->relay, p->now, p->m);
	media_prefs_hint(p->m->record_prefs, &hint);
	p->call->is_connecting = true;
	err = hip_host_connect(p->relay->host, p->now, hit, &hint, media_on_connected, p->call);
	if (err != 0)
		media_on_connected(p->call, p->now, hit, err);
}

/* ---- The m= lines ---- */

/* A port pair for each m= line that is wanted and can be carried; others are disabled in what goes on. */
static int media_take_lines(struct media_passage *p, struct sdp_edit *edit)
{
	struct media_call *call = p->call;

	for (size_t i = 0; i < p->sdp->media_count; i++) {
		const struct sdp_media *m = &p->sdp->media[i];

		if (m->port == 0)
			continue;
		edit->media[i].take = true;
		if (!media_is_carried(m)) {
			log_info(p->relay->log, "media.line.disabled", "line=%zu protocol=%.*s", i,
				 (int)(m->protocol.len < 32 ? m->protocol.len : 32), (const char *)m->protocol.data);
			continue;
		}
		if (call->streams[i] == NULL && media_call_is_crowded(call))
			return media_refuse(p, ERR_LIMIT, "Too many calls are ringing");
		if (call->streams[i] == NULL)
			call->streams[i] = media_stream_new(call, m->kind);
		if (call->streams[i] == NULL)
			return media_refuse(p, ERR_LIMIT, "No media port left");
		edit->media[i].port = call->streams[i]->port;
	}
	return 0;
}

/* An answer within a dialog that refuses a line frees its ports. (Before that another phone may still take it.) */
static void media_drop_lines(struct media_passage *p)
{
	for (size_t i = 0; i < p->sdp->media_count; i++)
		if (p->sdp->media[i].port == 0 && !p->is_offer && p->m->in_dialog && p->call->streams[i] != NULL) {
			media_stream_free(p->call->streams[i]);
			p->call->streams[i] = NULL;
		}
}

static int media_write(struct media_passage *p, struct sdp_edit *edit, struct sip_text *out)
{
	edit->strip_ice = true;
	edit->strip_host_identities = true;
	if (sdp_write(p->sdp, edit, out) != 0)
		return media_refuse(p, ERR_LIMIT, "Session description too long");
	return 0;
}

/* ---- From a phone here ---- */

static void media_phone_lines(struct media_passage *p)
{
	for (size_t i = 0; i < p->sdp->media_count; i++) {
		struct media_stream *stream = p->call->streams[i];
		bool is_known = stream != NULL && (stream->phone[MEDIA_RTP].type != ADDRESS_NONE);

		/* Of a new offer the old one holds until it is answered (RFC 3264 8.3.1). */
		if (stream != NULL && p->sdp->media[i].port != 0)
			media_stream_set_phone(stream, &p->sdp->media[i], p->is_offer && p->m->in_dialog && is_known);
	}
}

static int media_outwards_hip(struct media_passage *p, struct sip_text *out)
{
	struct media_relay *r = p->relay;
	struct sdp_edit edit = { .insert = &r->hit, .connection = { .type = ADDRESS_IPV6 } };
	bool is_new = p->call == NULL;
	int err = media_begin(p, MEDIA_HIP);

	if (err == 0)
		err = media_take_lines(p, &edit);
	memcpy(edit.connection.bytes, r->hit.bytes, HIT_LENGTH);
	if (err == 0)
		err = media_write(p, &edit, out);
	if (err != 0) {
		if (is_new && p->call != NULL)
			media_call_free(p->call, "refused");
		return err;
	}
	media_dialog_note(p->call, p->m);
	media_phone_lines(p);
	media_drop_lines(p);
	media_connect(p, !hit_is_zero(&p->call->hit) ? &p->call->hit : &p->call->record_hit);
	return 0;
}

/* Whether the other node is known to take media to its HIT. *hit: the one to speak to, zero when it is yet to be
 * told. */
static bool media_other_can(struct media_passage *p, struct hit *hit)
{
	const struct sip_media_message *m = p->m;
	bool has_record = m->record_prefs.len > 0;

	*hit = (struct hit){ 0 };
	if (p->relay->options.policy == MEDIA_HIP_OFF)
		return false;
	if (has_record)
		return media_prefs_hit(m->record_prefs, hit);
	if (hit_is_zero(&m->node_hit))
		return false;
	/* No record led here (an offer in a response, a GRUU): it did so before, or it must. */
	*hit = m->node_hit;
	return media_is_required(p) || hip_host_is_established(p->relay->host, hit) ||
	       hip_pool_find(hip_host_pool(p->relay->host), p->now, hit) != NULL;
}

static int media_outwards_new(struct media_passage *p, struct sip_text *out)
{
	struct hit hit;
	int err;

	/* A phone that knows HIP looks after itself. */
	if (media_identity_is_told(p->sdp)) {
		err = media_begin(p, MEDIA_PHONES);
		if (err == 0)
			err = media_identity_learn_phones(p->relay, p->now, p->m, p->sdp, p->reason, p->reason_size);
		return err;
	}
	if (!media_other_can(p, &hit)) {
		if (media_is_required(p))
			return media_refuse(p, ERR_FORBIDDEN, "The other node cannot protect media");
		return media_begin(p, MEDIA_PLAIN);
	}
	err = media_begin(p, MEDIA_HIP);
	if (err != 0)
		return err;
	/* Who signed the record is believed about its own key when its issuer may speak for its name. */
	p->call->record_hit = hit;
	p->call->record_is_vouched = p->m->record_prefs.len > 0 && p->m->node_user_is_vouched &&
				     p->m->node_user[0] != '\0';
	if (p->call->record_is_vouched)
		snprintf(p->call->user, sizeof(p->call->user), "%s", p->m->node_user);
	err = media_outwards_hip(p, out);
	if (err != 0)
		media_call_free(p->call, "refused");
	return err;
}

static int media_outwards(struct media_passage *p, struct sip_text *out)
{
	if (p->call == NULL || p->call->mode == MEDIA_UNDECIDED)
		return media_outwards_new(p, out);
	if (p->call->mode == MEDIA_HIP)
		return media_outwards_hip(p, out);
	p->call->last = p->now.mono;
	return 0;
}

/* ---- From another node ---- */

/* Its ports, for the call and for the dialog it belongs to. */
static void media_remote_lines(struct media_passage *p, struct media_dialog *dialog)
{
	for (size_t i = 0; i < p->sdp->media_count; i++) {
		const struct sdp_media *m = &p->sdp->media[i];
		struct media_stream *stream = p->call->streams[i];

		if (stream == NULL)
			continue;
		stream->remote[MEDIA_RTP] = m->port;
		stream->remote[MEDIA_RTCP] = m->port == 0 ? 0 : m->rtcp_port;
		if (dialog != NULL)
			memcpy(dialog->remote[i], stream->remote, sizeof(stream->remote));
		/* What the phone offered is answered. */
		if (!p->is_offer)
			media_stream_settle(stream);
	}
}

static int media_inwards_hip(struct media_passage *p, const struct hit *hit, struct sip_text *out)
{
	struct sdp_edit edit = { .connection = *p->m->phone_side };
	bool is_new = p->call == NULL;
	struct media_dialog *dialog;
	int err = media_begin(p, MEDIA_HIP);

	if (err == 0 && !hit_is_zero(hit))
		err = media_identity_learn(p->call, p->now, p->m, hit, p->reason, p->reason_size);
	if (err == 0)
		err = media_take_lines(p, &edit);
	if (err == 0)
		err = media_write(p, &edit, out);
	if (err != 0) {
		if (is_new && p->call != NULL)
			media_call_free(p->call, "refused");
		return err;
	}
	dialog = media_dialog_note(p->call, p->m);
	media_remote_lines(p, dialog);
	media_drop_lines(p);
	if (!p->is_offer)
		media_connect(p, &p->call->hit);
	return 0;
}

/* No HIT as address: the phones speak to each other, or media would leave its protection. */
static int media_inwards_plain(struct media_passage *p)
{
	bool is_told = media_identity_is_told(p->sdp);
	int err;

	if (p->call != NULL && p->call->mode == MEDIA_HIP)
		return media_refuse(p, ERR_FORBIDDEN, "Media without a Host Identity, though it was offered with one");
	if (media_is_required(p) && !(is_told && p->call != NULL && p->call->mode == MEDIA_PHONES))
		return media_refuse(p, ERR_FORBIDDEN, "Media must be protected by HIP");
	err = media_begin(p, is_told ? MEDIA_PHONES : MEDIA_PLAIN);
	if (err == 0 && is_told)
		err = media_identity_learn_phones(p->relay, p->now, p->m, p->sdp, p->reason, p->reason_size);
	return err;
}

static bool media_is_node_told(const struct media_passage *p, const struct media_claim *claim)
{
	return p->call == NULL && p->sdp->media_count > 0 && !hit_is_zero(&claim->hit) &&
	       hit_equal(&claim->hit, &p->m->node_hit) && p->relay->options.policy != MEDIA_HIP_OFF;
}

static int media_inwards(struct media_passage *p, struct sip_text *out)
{
	bool is_hip_call = p->call != NULL && p->call->mode == MEDIA_HIP;
	struct media_claim claim;
	int err;

	if (media_call_is_elsewhere(p->relay, p->m) && p->call == NULL)
		return media_refuse(p, ERR_FORBIDDEN, "The call is with another node");
	err = media_identity_read(p->relay, p->sdp, &claim, p->reason, p->reason_size);
	if (err != 0)
		return err;
	/* Some lines at a HIT and others not is what nobody here writes, and would take media out of its protection. */
	if (claim.is_hip && claim.active > 0)
		return media_refuse(p, ERR_FORBIDDEN, "Media partly without a Host Identity");
	if (claim.is_hip && p->call != NULL && p->call->mode == MEDIA_PHONES)
		return 0;
	if (claim.is_hip && p->relay->options.policy == MEDIA_HIP_OFF)
		return media_refuse(p, ERR_FORBIDDEN, "Media over HIP is not served here");
	if (claim.is_hip && p->call != NULL && p->call->mode == MEDIA_PLAIN) {
		if (!p->is_offer)
			return media_refuse(p, ERR_FORBIDDEN, "Media with a Host Identity, though offered without one");
		p->call->mode = MEDIA_HIP;
	}
	/* Held, or all refused: there is no address to tell by, but what its node says of itself. */
	if (claim.is_hip || (claim.active == 0 && (is_hip_call || media_is_node_told(p, &claim))))
		return media_inwards_hip(p, &claim.hit, out);
	return media_inwards_plain(p);
}

/* ---- Both ---- */

/* An offer comes with INVITE and UPDATE; a response or an ACK or PRACK holds one when it does not answer one that went
 * the other way. */
static bool media_is_offer(const struct media_passage *p)
{
	const struct sip_media_message *m = p->m;

	if (m->is_request && (m->is_invite || m->is_update))
		return true;
	return p->call == NULL || !p->call->has_offer || p->call->offer == m->direction;
}

int media_call_rewrite(struct media_relay *r, struct now now, const struct sip_media_message *m, struct sip_text *out,
		       char *reason, size_t reason_size)
{
	struct media_passage p = { .relay = r, .now = now, .m = m, .reason = reason, .reason_size = reason_size };
	unsigned line, strange = 0;
	struct sdp sdp;
	int err;

	if (m->body.len == 0)
		return media_is_required(&p) ? media_refuse(&p, ERR_FORBIDDEN, "Description cannot be read") : 0;
	err = sdp_parse(m->body, &sdp, &line, &strange);
	if (err != 0) {
		log_info(r->log, "media.description.malformed", "line=%u err=%s", line, error_name(err));
		/* Whoever is meant to read it says better what is wrong. */
		return media_is_required(&p) ? media_refuse(&p, ERR_MALFORMED, "Malformed description") : 0;
	}
	if (strange > 0)
		log_info(r->log, "media.hit.strange", "count=%u", strange);
	p.sdp = &sdp;
	p.call = media_call_find(r, m);
	p.is_offer = media_is_offer(&p);
	err = m->direction == SIP_MEDIA_OUTWARDS ? media_outwards(&p, out) : media_inwards(&p, out);
	/* Only the phone's own word counts: the other node can say much in a dialog that is not confirmed. */
	if (err == 0 && p.call != NULL && m->direction == SIP_MEDIA_OUTWARDS && m->is_invite && m->status >= 200)
		p.call->is_answered = true;
	if (err == 0 && p.call != NULL && p.is_offer) {
		p.call->has_offer = true;
		p.call->offer = m->direction;
	}
	return err;
}
