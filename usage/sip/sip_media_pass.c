/* SPDX-License-Identifier: MIT */
/* Messages shown to the media port. */
#include "usage/sip/sip_media_pass.h"

#include "usage/sip/sip_body.h"
#include "usage/sip/sip_stream.h"

void sip_usage_set_media(struct sip_usage *s, const struct sip_media *media)
{
	s->media = *media;
}

static bool sip_way_is_outwards(const struct sip_way *way)
{
	return way->from->flow.transport != SIP_OVERLAY && way->to->flow.transport == SIP_OVERLAY;
}

static bool sip_way_is_inwards(const struct sip_way *way)
{
	return way->from->flow.transport == SIP_OVERLAY && way->to->flow.transport != SIP_OVERLAY;
}

void sip_media_leg(const struct sip_usage *s, const struct sip_hop *hop, char leg[SIP_LEG_SIZE])
{
	struct address said = hop->flow.remote;

	leg[0] = '\0';
	if (hop->flow.transport == SIP_OVERLAY)
		return;
	/* A phone's next TCP connection comes from another port, but its Via stays as it is. */
	if (hop->flow.transport == SIP_TCP)
		sip_stream_advertised(s, hop->flow.stream, &said);
	address_text(&said, leg);
}

/* Methods that carry offers and answers (RFC 3264, RFC 6337 2.2); a failure's description binds nobody. */
static bool sip_media_matters(const struct sip_message *m)
{
	if (!m->is_request && (m->status <= 100 || m->status >= 300))
		return false;
	return sip_message_is(m, "INVITE") || sip_message_is(m, "ACK") || sip_message_is(m, "PRACK") ||
	       sip_message_is(m, "UPDATE");
}

/* The party at the other node: requests from there and responses to there have it in From. */
static const struct sip_name_addr *sip_way_remote(const struct sip_message *m, const struct sip_way *way,
						  struct slice *tag)
{
	bool is_from = m->is_request == sip_way_is_inwards(way);

	*tag = is_from ? m->from_tag : m->to_tag;
	return is_from ? &m->from : &m->to;
}

int sip_media_status(int err)
{
	return err == ERR_LIMIT ? 503 : err == ERR_MALFORMED ? 400 : 488;
}

static int sip_media_ask(struct sip_usage *s, struct now now, const struct sip_message *m, const struct sip_way *way,
			 struct slice description, struct sip_text *out, char *reason)
{
	bool outwards = sip_way_is_outwards(way);
	const struct sip_hop *phone = outwards ? way->from : way->to;
	const struct sip_hop *other = outwards ? way->to : way->from;
	struct sip_media_message x = {
		.direction = outwards ? SIP_MEDIA_OUTWARDS : SIP_MEDIA_INWARDS,
		.call_id = m->call_id,
		.phone = slice_text(way->leg),
		.node = other->node,
		.node_user = "",
		.record_prefs = way->prefs,
		.phone_side = sip_listen_for(s, &phone->flow.remote),
		.phone_at = &phone->flow.remote,
		.is_request = m->is_request,
		.is_invite = sip_message_is(m, "INVITE"),
		.is_update = sip_message_is(m, "UPDATE"),
		.in_dialog = way->in_dialog,
		.status = m->status,
		.body = description,
	};
	const struct sip_name_addr *remote = sip_way_remote(m, way, &x.remote_tag);
	char aor[SIP_AOR_SIZE] = "", user[SIP_AOR_SIZE], call_id[128], node[NODE_ID_TEXT_SIZE];
	struct sip_node known;
	struct sip_uri uri;
	int err;

	if (way->node != NULL || sip_stream_identity(s, &other->node, &known)) {
		if (way->node != NULL)
			known = *way->node;
		x.node_hit = known.hit;
		/* In the form that AORs are compared in. */
		x.node_user = sip_aor_normalise(slice_text(known.user), user) == 0 ? user : known.user;
		x.node_user_is_vouched = known.user_is_vouched;
	}
	if (sip_uri_parse(remote->uri, &uri) == 0 && sip_aor_of_uri(&uri, aor) != 0)
		aor[0] = '\0';
	x.remote_aor = slice_text(aor);
	err = s->media.ops->rewrite(s->media.ctx, now, &x, out, reason, SIP_MEDIA_REASON_SIZE);
	if (err != 0)
		log_warning(s->log, "sip.media.refused", "call_id=\"%s\" node=%s direction=%s err=%s reason=\"%s\"",
			    sip_copy(call_id, sizeof(call_id), m->call_id), node_id_text(&other->node, node),
			    outwards ? "out" : "in", error_name(err), reason);
	return err;
}

static void sip_media_answered(struct sip_usage *s, const struct sip_message *m, const struct sip_way *way)
{
	const struct sip_media_end call = { .call_id = m->call_id, .node = way->to->node,
					    .phone = slice_text(way->leg) };

	if (s->media.ops->answered != NULL && sip_message_is(m, "INVITE") && sip_way_is_outwards(way))
		s->media.ops->answered(s->media.ctx, &call);
}

int sip_media_pass(struct sip_usage *s, struct now now, const struct sip_message *m, const struct sip_way *way,
		   struct sip_text *body, char reason[SIP_MEDIA_REASON_SIZE])
{
	struct slice description = SLICE_EMPTY;
	struct sip_text changed = { 0 };
	enum sip_body_kind kind;
	char call_id[128];
	size_t at;
	int err;

	reason[0] = '\0';
	if (s->media.ops == NULL || !sip_media_matters(m) || !(sip_way_is_outwards(way) || sip_way_is_inwards(way)))
		return 0;
	kind = sip_body_find(m, &description);
	if (kind == SIP_BODY_OTHER) {
		if (!m->is_request && m->status >= 200)
			sip_media_answered(s, m, way);
		return 0;
	}
	if (kind == SIP_BODY_OPAQUE) {
		log_info(s->log, "sip.media.opaque", "call_id=\"%s\"", sip_copy(call_id, sizeof(call_id), m->call_id));
		description = SLICE_EMPTY;
	}
	err = sip_media_ask(s, now, m, way, description, &changed, reason);
	if (err == 0 && changed.len > 0 && kind == SIP_BODY_DESCRIPTION) {
		at = (size_t)(description.data - m->body.data);
		sip_text_bytes(body, slice_of(m->body.data, at));
		sip_text_bytes(body, sip_text_slice(&changed));
		at += description.len;
		sip_text_bytes(body, slice_of(m->body.data + at, m->body.len - at));
	}
	sip_text_free(&changed);
	return err;
}

void sip_media_over(struct sip_usage *s, struct now now, const struct sip_message *m, const struct sip_way *way,
		    bool whole)
{
	bool outwards = sip_way_is_outwards(way);
	struct sip_media_end end = { .call_id = m->call_id, .phone = slice_text(way->leg) };

	if (s->media.ops == NULL || !(outwards || sip_way_is_inwards(way)))
		return;
	end.node = outwards ? way->to->node : way->from->node;
	sip_way_remote(m, way, &end.remote_tag);
	if (whole)
		end.remote_tag = SLICE_EMPTY;
	s->media.ops->ended(s->media.ctx, now, &end);
}

const char *sip_media_prefs(const struct sip_usage *s, char text[SIP_MEDIA_PREFS_MAX])
{
	text[0] = '\0';
	return s->media.ops == NULL ? text
				    : s->media.ops->record_prefs(s->media.ctx, text, SIP_MEDIA_PREFS_MAX);
}
