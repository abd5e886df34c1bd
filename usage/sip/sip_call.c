/* SPDX-License-Identifier: MIT */
/* The calls this proxy has seen. */
#include "usage/sip/sip_call.h"

#include <stdlib.h>

#include "overlay/base/invariant.h"

struct sip_call {
	struct sip_usage *usage;
	struct sip_call_info info;
	struct instant started, changed;
	bool is_used;
};

struct sip_calls {
	struct sip_call items[SIP_CALLS_MAX];
	size_t next;
};

struct sip_calls *sip_calls_new(struct sip_usage *s)
{
	struct sip_calls *calls = memory_alloc(sizeof(*calls));

	for (size_t i = 0; i < SIP_CALLS_MAX; i++)
		calls->items[i].usage = s;
	return calls;
}

void sip_calls_free(struct sip_calls *calls)
{
	free(calls);
}

static void sip_party_text(struct slice uri_text, char out[SIP_AOR_SIZE])
{
	struct sip_uri uri;

	if (sip_uri_parse(uri_text, &uri) != 0 || sip_aor_of_uri(&uri, out) != 0)
		sip_copy(out, SIP_AOR_SIZE, uri_text);
}

struct sip_call *sip_call_start(struct sip_usage *s, struct now now, const struct sip_message *m,
				const struct sip_hop *source)
{
	struct sip_call *call = &s->calls->items[s->calls->next];
	char hop[ADDRESS_TEXT_SIZE + 8];

	s->calls->next = (s->calls->next + 1) % SIP_CALLS_MAX;
	memset(&call->info, 0, sizeof(call->info));
	sip_copy(call->info.call_id, sizeof(call->info.call_id), m->call_id);
	sip_party_text(m->from.uri, call->info.from);
	sip_party_text(m->to.uri, call->info.to);
	call->info.state = "trying";
	call->info.media = call->info.media_vouched = "";
	call->started = call->changed = now.mono;
	call->is_used = true;
	log_info(s->log, "sip.call.start", "call_id=\"%s\" from=%s to=%s source=%s", call->info.call_id,
		 call->info.from, call->info.to, sip_hop_text(source, hop));
	return call;
}

/* What the media port knows of it; false: there is no port. */
static bool sip_call_media(const struct sip_call *call, struct sip_call_info *out)
{
	const struct sip_media *media = &call->usage->media;
	struct hit hit = { 0 };
	const char *vouched = "";
	bool is_protected;

	if (media->ops == NULL)
		return false;
	is_protected = media->ops->protection(media->ctx, slice_text(out->call_id), &hit, &vouched);
	out->media = is_protected ? "hip" : "none";
	out->media_hit = is_protected ? hit : (struct hit){ 0 };
	out->media_vouched = is_protected ? vouched : "";
	return true;
}

static void sip_call_log_media(struct sip_call *call)
{
	char hit[HIT_TEXT_SIZE];

	if (sip_call_media(call, &call->info))
		log_info(call->usage->log, "sip.call.media", "call_id=\"%s\" media=%s hit=%s vouched=%s",
			 call->info.call_id, call->info.media,
			 call->info.media[0] == 'h' ? hit_text(&call->info.media_hit, hit) : "-",
			 call->info.media_vouched[0] != '\0' ? call->info.media_vouched : "-");
}

void sip_call_ringing(struct sip_call *call, struct now now, int status)
{
	if (strcmp(call->info.state, "trying") != 0)
		return;
	call->info.state = "ringing";
	call->info.status = status;
	call->changed = now.mono;
	log_info(call->usage->log, "sip.call.ringing", "call_id=\"%s\" status=%d",
		 call->info.call_id, status);
}

void sip_call_answered(struct sip_call *call, struct now now, int status)
{
	bool is_up = status >= 200 && status < 300;

	if (call->info.state[0] == 'e')
		return; /* established or ended already: another fork's answer */
	call->info.state = is_up ? "established" : "failed";
	call->info.status = status;
	call->changed = now.mono;
	log_info(call->usage->log, is_up ? "sip.call.answered" : "sip.call.failed",
		 "call_id=\"%s\" status=%d after_ms=%llu", call->info.call_id, status,
		 (unsigned long long)(instant_since(now.mono, call->started).us / 1000));
	if (is_up)
		sip_call_log_media(call);
}

void sip_call_ended(struct sip_usage *s, struct now now, const struct sip_message *m)
{
	char call_id[sizeof(s->calls->items[0].info.call_id)];

	sip_copy(call_id, sizeof(call_id), m->call_id);
	for (size_t i = 0; i < SIP_CALLS_MAX; i++) {
		struct sip_call *call = &s->calls->items[i];

		if (!call->is_used || strcmp(call->info.call_id, call_id) != 0 ||
		    strcmp(call->info.state, "established") != 0)
			continue;
		call->info.state = "ended";
		call->changed = now.mono;
		log_info(s->log, "sip.call.ended", "call_id=\"%s\" after_ms=%llu", call_id,
			 (unsigned long long)(instant_since(now.mono, call->started).us / 1000));
	}
}

bool sip_usage_next_call(const struct sip_usage *s, struct now now, size_t *cursor,
			 struct sip_call_info *out)
{
	while (*cursor < SIP_CALLS_MAX) {
		/* Newest first. */
		size_t i = (s->calls->next + 2 * SIP_CALLS_MAX - 1 - (*cursor)++) % SIP_CALLS_MAX;
		const struct sip_call *call = &s->calls->items[i];
		bool is_live = call->is_used && strcmp(call->info.state, "established") == 0;

		if (!call->is_used ||
		    (!is_live && instant_since(now.mono, call->changed).us > duration_s(SIP_CALLS_AGE_S).us))
			continue;
		*out = call->info;
		/* An answer may come as late as in the ACK, and media may change with every re-INVITE. */
		if (is_live)
			(void)sip_call_media(call, out);
		out->age_s = (uint32_t)(instant_since(now.mono, call->started).us / 1000000);
		return true;
	}
	return false;
}
