/* SPDX-License-Identifier: MIT */
/* The table of calls: found, begun, ended. What descriptions do to them is in media_description.c. */
#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "usage/media/media_description.h"
#include "usage/sip/sip_usage.h"

static void media_call_key(struct sip_text *key, struct slice call_id, const struct node_id *node, struct slice phone)
{
	sip_text_bytes(key, slice_of(node->bytes, NODE_ID_LENGTH));
	sip_text_bytes(key, phone);
	sip_text_add(key, "|");
	sip_text_bytes(key, call_id);
}

/* Call-IDs are told apart by what is kept of them elsewhere (struct sip_call_info), too. */
static bool media_call_is(const struct media_call *call, struct slice call_id)
{
	const size_t kept = sizeof(((struct sip_call_info *)NULL)->call_id) - 1;

	return slice_equal(sip_text_slice(&call->call_id), call_id) ||
	       (call_id.len == kept && call->call_id.len > kept && memcmp(call->call_id.data, call_id.data, kept) == 0);
}

/* The only call of that Call-ID with the node; NULL when there are several. */
static struct media_call *media_call_only(struct media_relay *r, struct slice call_id, const struct node_id *node)
{
	struct media_call *found = NULL;
	size_t cursor = 0;
	void *value;

	while (map_next(r->calls, &cursor, NULL, &value)) {
		struct media_call *call = value;

		if (call->is_over || !node_id_equal(&call->node, node) || !media_call_is(call, call_id))
			continue;
		if (found != NULL)
			return NULL;
		found = call;
	}
	return found;
}

struct media_call *media_call_find(struct media_relay *r, const struct sip_media_message *m)
{
	struct sip_text key = { 0 };
	struct media_call *call;

	media_call_key(&key, m->call_id, &m->node, m->phone);
	call = map_find(r->calls, sip_text_slice(&key));
	sip_text_free(&key);
	if (call != NULL && call->is_over) {
		media_call_free(call, "over");
		call = NULL;
	}
	/* A phone may come from elsewhere than where it was called. */
	if (call == NULL && m->in_dialog)
		call = media_call_only(r, m->call_id, &m->node);
	return call;
}

/* Streams in calls of the other node that nobody has answered; a call without any counts as well. */
static size_t media_call_ringing(struct media_relay *r, const struct node_id *node)
{
	size_t cursor = 0, count = 0;
	void *value;

	while (map_next(r->calls, &cursor, NULL, &value)) {
		const struct media_call *call = value;
		size_t streams = 0;

		if (!call->is_theirs || call->is_answered || !node_id_equal(&call->node, node))
			continue;
		for (size_t i = 0; i < SDP_MEDIA_MAX; i++)
			streams += call->streams[i] != NULL;
		count += streams > 0 ? streams : 1;
	}
	return count;
}

/* To ring costs a caller nothing, so that one node could take all ports. */
static bool media_call_is_over_share(struct media_relay *r, const struct node_id *node)
{
	char text[NODE_ID_TEXT_SIZE];

	if (media_call_ringing(r, node) < MEDIA_RINGING_MAX)
		return false;
	log_warning(r->log, "media.limit", "node=%s ringing_max=%d", node_id_text(node, text), MEDIA_RINGING_MAX);
	return true;
}

bool media_call_is_crowded(const struct media_call *call)
{
	bool has_stream = false;

	for (size_t i = 0; i < SDP_MEDIA_MAX; i++)
		has_stream = has_stream || call->streams[i] != NULL;
	/* The first stream is what the call itself was counted as. */
	return has_stream && call->is_theirs && !call->is_answered &&
	       media_call_is_over_share(call->relay, &call->node);
}

struct media_call *media_call_new(struct media_relay *r, struct now now, const struct sip_media_message *m)
{
	bool is_theirs = !m->in_dialog && (m->direction == SIP_MEDIA_INWARDS) == m->is_request;
	struct media_call *call;

	if (map_count(r->calls) >= r->options.streams_max || (is_theirs && media_call_is_over_share(r, &m->node)))
		return NULL;
	call = memory_alloc(sizeof(*call));
	call->relay = r;
	call->node = m->node;
	call->last = now.mono;
	call->is_theirs = is_theirs;
	sip_text_set(&call->call_id, m->call_id);
	sip_text_set(&call->phone, m->phone);
	media_call_key(&call->key, m->call_id, &m->node, m->phone);
	invariant(map_put(r->calls, sip_text_slice(&call->key), call) == NULL);
	return call;
}

void media_call_free(struct media_call *call, const char *why)
{
	struct media_relay *r = call->relay;
	uint64_t in = 0, out = 0, dropped = 0;
	char call_id[128];

	for (size_t i = 0; i < SDP_MEDIA_MAX; i++) {
		if (call->streams[i] == NULL)
			continue;
		in += call->streams[i]->packets_in;
		out += call->streams[i]->packets_out;
		dropped += call->streams[i]->dropped;
		media_stream_free(call->streams[i]);
	}
	if (call->mode == MEDIA_HIP)
		log_info(r->log, "media.ended", "call_id=\"%s\" why=%s in=%llu out=%llu dropped=%llu",
			 sip_copy(call_id, sizeof(call_id), sip_text_slice(&call->call_id)), why,
			 (unsigned long long)in, (unsigned long long)out, (unsigned long long)dropped);
	timer_disarm(&r->timers, &call->linger);
	hip_host_forget(r->host, call);
	map_remove(r->calls, sip_text_slice(&call->key));
	sip_text_free(&call->key);
	sip_text_free(&call->call_id);
	sip_text_free(&call->phone);
	free(call);
}

/* ---- Dialogs ---- */

static struct media_dialog *media_dialog_find(struct media_call *call, struct slice tag)
{
	char text[MEDIA_TAG_SIZE];

	sip_copy(text, sizeof(text), tag);
	for (size_t i = 0; i < call->dialog_count; i++)
		if (strcmp(call->dialogs[i].tag, text) == 0)
			return &call->dialogs[i];
	return NULL;
}

struct media_dialog *media_dialog_note(struct media_call *call, const struct sip_media_message *m)
{
	struct media_dialog *d;

	if (m->remote_tag.len == 0)
		return NULL;
	d = media_dialog_find(call, m->remote_tag);
	if (d == NULL && call->dialog_count < MEDIA_TAGS_MAX) {
		d = &call->dialogs[call->dialog_count++];
		*d = (struct media_dialog){ 0 };
		sip_copy(d->tag, sizeof(d->tag), m->remote_tag);
	}
	if (d != NULL)
		d->is_confirmed = d->is_confirmed || m->in_dialog || (!m->is_request && m->status >= 200);
	return d;
}

/* One dialog of the call is over; the ports of one that is left are used again. True: none is left. */
static bool media_dialog_end(struct media_call *call, struct slice tag)
{
	struct media_dialog *d = tag.len > 0 ? media_dialog_find(call, tag) : NULL;
	struct media_dialog *left = NULL;

	if (d != NULL)
		*d = call->dialogs[--call->dialog_count];
	for (size_t i = 0; i < call->dialog_count; i++)
		if (call->dialogs[i].is_confirmed)
			left = &call->dialogs[i];
	for (size_t i = 0; left != NULL && d != NULL && i < SDP_MEDIA_MAX; i++)
		if (call->streams[i] != NULL)
			memcpy(call->streams[i]->remote, left->remote[i], sizeof(left->remote[i]));
	return left == NULL;
}

static void media_call_on_linger(void *ctx, struct now now)
{
	(void)now;
	media_call_free(ctx, "over");
}

/* A call that was up gives what is on its way the time to arrive. */
static void media_call_end(struct media_call *call, struct now now, bool was_up)
{
	if (!was_up || call->mode != MEDIA_HIP) {
		media_call_free(call, "over");
		return;
	}
	call->is_over = true;
	timer_arm(&call->relay->timers, &call->linger, instant_add(now.mono, duration_ms(MEDIA_LINGER_MS)),
		  media_call_on_linger, call);
}

void media_call_ended(struct media_relay *r, struct now now, const struct sip_media_end *end)
{
	struct media_call *moved = NULL;
	bool is_any = node_id_is_zero(&end->node), found = false;
	size_t cursor = 0;
	void *value;

	if (!is_any && end->phone.len > 0)
		moved = media_call_only(r, end->call_id, &end->node);
	while (map_next(r->calls, &cursor, NULL, &value)) {
		struct media_call *call = value;

		if (call->is_over || !media_call_is(call, end->call_id) ||
		    (!is_any && !node_id_equal(&call->node, &end->node)) ||
		    (end->phone.len > 0 && !slice_equal(sip_text_slice(&call->phone), end->phone)))
			continue;
		found = true;
		if (media_dialog_end(call, end->remote_tag))
			media_call_end(call, now, end->remote_tag.len > 0);
	}
	/* A BYE of a phone that comes from elsewhere now. */
	if (!found && moved != NULL && end->remote_tag.len > 0 && media_dialog_end(moved, end->remote_tag))
		media_call_end(moved, now, true);
}

void media_call_answered(struct media_relay *r, const struct sip_media_end *answered)
{
	size_t cursor = 0;
	void *value;

	while (map_next(r->calls, &cursor, NULL, &value)) {
		struct media_call *call = value;

		if (media_call_is(call, answered->call_id) && node_id_equal(&call->node, &answered->node) &&
		    slice_equal(sip_text_slice(&call->phone), answered->phone))
			call->is_answered = true;
	}
}

const struct media_call *media_call_protected(const struct media_relay *r, struct slice call_id)
{
	size_t cursor = 0;
	void *value;

	while (map_next(r->calls, &cursor, NULL, &value)) {
		const struct media_call *call = value;

		if (!call->is_over && call->mode == MEDIA_HIP && !hit_is_zero(&call->hit) &&
		    media_call_is(call, call_id))
			return call;
	}
	return NULL;
}

/* A request within a dialog comes from another node than the one the call is with, and there is a HIT to defend. */
bool media_call_is_elsewhere(struct media_relay *r, const struct sip_media_message *m)
{
	const struct media_call *call = m->in_dialog ? media_call_protected(r, m->call_id) : NULL;

	return call != NULL && !node_id_equal(&call->node, &m->node) &&
	       slice_equal(sip_text_slice(&call->phone), m->phone);
}
