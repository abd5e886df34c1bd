/* SPDX-License-Identifier: MIT */
/* Response contexts. */
#include "usage/sip/sip_fork.h"

#include <stdio.h>
#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "usage/sip/sip_call.h"
#include "usage/sip/sip_edit.h"
#include "usage/sip/sip_flow.h"
#include "usage/sip/sip_hangup.h"
#include "usage/sip/sip_resolve.h"
#include "usage/sip/sip_stream.h"

void sip_loop_hash(struct sip_usage *s, const struct sip_message *m, char out[17])
{
	const struct security *security = peer_security(s->peer);
	struct slice parts[16];
	struct sip_walk walk = { 0 };
	struct slice route;
	char cseq[16];
	uint8_t digest[32];
	size_t n = 0;

	snprintf(cseq, sizeof(cseq), "|%u|", m->cseq);
	parts[n++] = slice_of(s->secret, sizeof(s->secret));
	parts[n++] = m->uri_text;
	parts[n++] = slice_text(cseq);
	parts[n++] = m->method;
	parts[n++] = m->from_tag;
	parts[n++] = slice_text("|");
	parts[n++] = m->to_tag;
	parts[n++] = slice_text("|");
	parts[n++] = m->call_id;
	while (n < 16 && sip_message_walk(m, SIP_HEADER_ROUTE, &walk, &route))
		parts[n++] = route;
	security->ops->digest(security->ctx, HASH_SHA256, parts, n, digest);
	sip_hex(digest, 8, out);
}

/* A request that may begin a dialog: then later requests must come this way again (16.6 step 4). */
static bool sip_wants_record_route(const struct sip_message *m)
{
	static const char *const methods[] = { "INVITE", "SUBSCRIBE", "REFER", "NOTIFY" };

	if (m->to_tag.len > 0)
		return false;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (sip_message_is(m, methods[i]))
			return true;
	return false;
}

static void sip_via_text(struct sip_usage *s, const struct sip_hop *hop, const char *branch, char *via,
			 size_t size)
{
	char text[ADDRESS_TEXT_SIZE];

	if (hop->flow.transport == SIP_OVERLAY)
		snprintf(via, size, "SIP/2.0/TLS %s;branch=%s", s->host, branch);
	else
		snprintf(via, size, "SIP/2.0/%s %s;branch=%s%s",
			 hop->flow.transport == SIP_UDP ? "UDP" : "TCP",
			 address_text(sip_listen_for(s, &hop->flow.remote), text), branch,
			 hop->flow.transport == SIP_UDP ? ";rport" : "");
}

int sip_request_put(struct sip_usage *s, const struct sip_message *m, const struct sip_hop *source,
		    const struct sip_target *target, struct slice body, char *branch, struct sip_text *out)
{
	char via[512], uri[512], hash[17], random[17];
	struct sip_edit edit;

	sip_loop_hash(s, m, hash);
	sip_random_hex(s, 8, random);
	snprintf(branch, SIP_BRANCH_MAX + 1, "z9hG4bK%s.%s", random, hash);
	sip_edit_begin(&edit, m);
	if (target->request_uri.len > 0)
		sip_edit_request_uri(&edit, target->request_uri);
	if (target->drop_last_route)
		sip_edit_drop_last_route(&edit);
	sip_edit_pop_routes(&edit, target->pop_routes);
	/* The side it leaves by is the topmost (RFC 5658): each side has an address that the other end of
	 * that side can reach. */
	if (sip_wants_record_route(m)) {
		sip_flow_record_route(s, &target->hop, uri, sizeof(uri));
		sip_edit_push_record_route(&edit, uri);
		sip_flow_record_route(s, source, uri, sizeof(uri));
		sip_edit_push_record_route(&edit, uri);
	}
	sip_via_text(s, &target->hop, branch, via, sizeof(via));
	sip_edit_push_via(&edit, via);
	if (source->flow.transport != SIP_OVERLAY)
		sip_edit_received(&edit, &source->flow.remote);
	sip_edit_max_forwards(&edit);
	sip_edit_drop_credentials(&edit, peer_configuration(s->peer)->overlay_name);
	if (body.len > 0)
		sip_edit_body(&edit, body);
	else
		sip_edit_content_length(&edit);
	return sip_edit_finish(&edit, out);
}

struct sip_fork *sip_fork_new(struct sip_server *server)
{
	struct sip_fork *fork = memory_alloc(sizeof(*fork));

	fork->usage = server->usage;
	fork->server = server;
	server->fork = fork;
	sip_media_leg(fork->usage, &server->source, fork->leg);
	return fork;
}

void sip_fork_free(struct sip_fork *fork)
{
	if (fork->resolution != NULL)
		sip_resolution_abandon(fork->resolution);
	for (size_t i = 0; i < fork->branch_count; i++) {
		timer_disarm(&fork->usage->timers, &fork->branches[i].timer_c);
		if (fork->branches[i].client != NULL)
			sip_client_forget(fork->branches[i].client);
	}
	sip_text_free(&fork->best);
	free(fork);
}

static bool sip_fork_is_invite(const struct sip_fork *fork)
{
	return fork->server->is_invite;
}

/* Lower is better (16.7 step 6). Responses that say how to go on are preferred, and what a phone said to
 * what was found out here. */
static int sip_response_rank(int status, bool is_local)
{
	int rank = status / 100 * 100;

	if (status >= 600)
		return 0;
	switch (status) {
	case 401: case 407: case 415: case 420: case 484:
		return rank;
	case 404: case 408: case 480: case 487: case 503:
		return rank + (is_local ? 40 : 30);
	default:
		return rank + (is_local ? 20 : 10);
	}
}

static bool sip_fork_is_better(const struct sip_fork *fork, int status, bool is_local)
{
	return fork->best_status == 0 || sip_response_rank(status, is_local) <
						 sip_response_rank(fork->best_status, fork->best_is_local);
}

void sip_fork_note(struct sip_fork *fork, int status)
{
	/* A refusal says more than what else was met here. */
	if (fork->reason[0] != '\0' || !sip_fork_is_better(fork, status, true))
		return;
	fork->best_status = status;
	fork->best_is_local = true;
	fork->best.len = 0;
}

void sip_fork_refuse(struct sip_fork *fork, int status, const char *reason)
{
	fork->reason[0] = '\0';
	if (fork->best_is_local)
		fork->best_status = 0;
	sip_fork_note(fork, status);
	if (fork->best_status == status && fork->best_is_local)
		snprintf(fork->reason, sizeof(fork->reason), "%s", reason);
}

static void sip_fork_cancel_branches(struct sip_fork *fork, struct now now)
{
	for (size_t i = 0; i < fork->branch_count; i++) {
		timer_disarm(&fork->usage->timers, &fork->branches[i].timer_c);
		if (fork->branches[i].client != NULL)
			sip_client_cancel(fork->branches[i].client, now);
	}
}

void sip_fork_settle(struct sip_fork *fork, struct now now)
{
	struct sip_server *server = fork->server;
	int status = fork->best_status;

	if (fork->final_sent || fork->lookups > 0)
		return;
	for (size_t i = 0; i < fork->branch_count; i++)
		if (fork->branches[i].client != NULL && !fork->branches[i].is_refused)
			return;
	fork->final_sent = true;
	if (status == 0)
		status = 480;
	if (fork->cancelled && (fork->best.len == 0 || status < 200))
		status = 487;
	if (fork->call != NULL)
		sip_call_answered(fork->call, now, status);
	if (status == 408 && !sip_fork_is_invite(fork)) {
		/* RFC 4320 4.2: the caller's own timer has run out, a late 408 would only hurt. */
		log_info(fork->usage->log, "sip.request.timeout", "status=408");
		sip_server_abandon(server, now);
		return;
	}
	if (fork->best.len > 0 && status != 503) {
		sip_server_respond(server, now, status, sip_text_slice(&fork->best));
		return;
	}
	/* 16.7 step 6: another proxy's 503 is not ours to pass on; our own is. */
	if (status == 503 && !fork->best_is_local)
		status = 500;
	sip_server_answer(server, now, status,
			  fork->reason[0] != '\0' && status == fork->best_status ? fork->reason : NULL,
			  status == 503 ? "Retry-After: 10\r\n" : "");
}

static void sip_branch_on_timer_c(void *ctx, struct now now)
{
	struct sip_branch *branch = ctx;

	log_info(branch->fork->usage->log, "sip.timer_c", "branch=%zu",
		 (size_t)(branch - branch->fork->branches));
	sip_fork_note(branch->fork, 408);
	if (branch->client != NULL)
		sip_client_cancel(branch->client, now);
}

/* ---- Media ---- */

/* The way of a branch's requests, or, turned round, of its responses. */
static struct sip_way sip_branch_way(const struct sip_fork *fork, const struct sip_branch *branch, bool is_response)
{
	return (struct sip_way){
		.from = is_response ? &branch->hop : &fork->server->source,
		.to = is_response ? &fork->server->source : &branch->hop,
		.leg = fork->leg[0] != '\0' ? fork->leg : branch->leg,
		.in_dialog = fork->in_dialog,
	};
}

/* A branch of an INVITE that begins a call came to nothing, or the BYE that ends a dialog had its answer. */
static void sip_branch_over(const struct sip_branch *branch, struct now now)
{
	struct sip_fork *fork = branch->fork;
	struct sip_way way = sip_branch_way(fork, branch, false);
	struct sip_message m;

	if (fork->usage->media.ops == NULL || !(fork->is_bye || (fork->server->is_invite && !fork->in_dialog)) ||
	    sip_message_parse(&m, sip_text_slice(&fork->server->request), false) != 0)
		return;
	sip_media_over(fork->usage, now, &m, &way, !fork->is_bye);
}

void sip_fork_end_media(struct sip_fork *fork, struct now now)
{
	for (size_t i = 0; i < fork->branch_count; i++)
		if (fork->branches[i].client != NULL && fork->branches[i].client->state < SIP_COMPLETED)
			sip_branch_over(&fork->branches[i], now);
}

/* The port is told at once: of the BYE that follows from the other phone it may never hear. */
static void sip_fork_end_dialog(const struct sip_branch *branch, struct now now, const struct sip_message *m)
{
	struct sip_way way = sip_branch_way(branch->fork, branch, true);
	char call_id[128];

	log_warning(branch->fork->usage->log, "sip.dialog.ended", "call_id=\"%s\" why=media",
		    sip_copy(call_id, sizeof(call_id), m->call_id));
	sip_media_over(branch->fork->usage, now, m, &way, false);
}

/* A response whose description must not pass: the branch has failed, and who sent it is told. */
static void sip_branch_refuse(struct sip_branch *branch, struct now now, const struct sip_message *m)
{
	struct sip_fork *fork = branch->fork;
	struct sip_client *client = branch->client;

	branch->is_refused = true;
	if (client == NULL) /* its last response was not to an INVITE */
		return;
	if (m->status < 200) {
		sip_client_cancel(client, now);
		return;
	}
	/* A 2xx may come again when the ACK is lost, and may have crossed the CANCEL. Within a dialog its sender has
	 * changed over to what the other phone must not have: the dialog ends. */
	sip_hangup(fork->usage, now, &branch->hop, sip_text_slice(&client->request), m, !branch->is_hung_up);
	if (fork->in_dialog && !branch->is_hung_up)
		sip_fork_end_dialog(branch, now, m);
	branch->is_hung_up = true;
}

/* Shows a response to the media port. False: it must not go upstream, and the branch was refused. */
static bool sip_branch_media(struct sip_branch *branch, struct now now, const struct sip_message *m,
			     struct sip_text *body)
{
	struct sip_fork *fork = branch->fork;
	struct sip_way way = sip_branch_way(fork, branch, true);
	char reason[SIP_MEDIA_REASON_SIZE];
	int err;

	if (!branch->is_refused) {
		err = sip_media_pass(fork->usage, now, m, &way, body, reason);
		if (err == 0)
			return true;
		/* 481 ends the dialog at who asked (RFC 3261 12.2.1.2), as the BYE does at who answered; the offer of
		 * an INVITE that was only being thought about just fails. */
		sip_fork_refuse(fork, fork->in_dialog && m->status >= 200 ? 481 : sip_media_status(err), reason);
		sip_branch_over(branch, now);
	}
	sip_branch_refuse(branch, now, m);
	return false;
}

/* Passes a phone's response on, without our Via. */
static int sip_fork_upstream(struct sip_fork *fork, const struct sip_message *m, struct slice body,
			     struct sip_text *out)
{
	struct sip_edit edit;
	int err;

	sip_edit_begin(&edit, m);
	sip_edit_pop_via(&edit);
	if (body.len > 0)
		sip_edit_body(&edit, body);
	else
		sip_edit_content_length(&edit);
	err = sip_edit_finish(&edit, out);
	if (err != 0)
		sip_counters(fork->usage)->sip_lost++;
	return err;
}

static void sip_fork_provisional(struct sip_branch *branch, struct now now, const struct sip_message *m)
{
	struct sip_fork *fork = branch->fork;
	struct sip_text out = { 0 }, body = { 0 };

	if (m->status == 100 || fork->final_sent || fork->cancelled)
		return;
	if (sip_fork_is_invite(fork))
		timer_arm(&fork->usage->timers, &branch->timer_c,
			  instant_add(now.mono, duration_s(SIP_TIMER_C_S)), sip_branch_on_timer_c, branch);
	if (!sip_branch_media(branch, now, m, &body)) {
		sip_fork_settle(fork, now);
		return;
	}
	if (fork->call != NULL)
		sip_call_ringing(fork->call, now, m->status);
	if (sip_fork_upstream(fork, m, sip_text_slice(&body), &out) == 0)
		sip_server_respond(fork->server, now, m->status, sip_text_slice(&out));
	sip_text_free(&body);
	sip_text_free(&out);
}

static void sip_branch_success(struct sip_branch *branch, struct now now, const struct sip_message *m)
{
	struct sip_fork *fork = branch->fork;
	struct sip_text out = { 0 }, body = { 0 };

	/* Each 2xx to an INVITE goes upstream, its repetitions too (16.7 step 5); else only the first. */
	if (fork->final_sent && !sip_fork_is_invite(fork))
		return;
	if (!sip_branch_media(branch, now, m, &body)) {
		sip_fork_settle(fork, now);
		return;
	}
	if (!fork->final_sent && fork->call != NULL)
		sip_call_answered(fork->call, now, m->status);
	fork->final_sent = true;
	if (sip_fork_upstream(fork, m, sip_text_slice(&body), &out) == 0)
		sip_server_respond(fork->server, now, m->status, sip_text_slice(&out));
	sip_text_free(&body);
	sip_text_free(&out);
	sip_fork_cancel_branches(fork, now);
}

/* Called by a branch's client. */
static void sip_branch_on_response(void *ctx, struct now now, const struct sip_message *m, int status)
{
	struct sip_branch *branch = ctx;
	struct sip_fork *fork = branch->fork;
	bool is_success = status >= 200 && status < 300;

	if (m != NULL && status < 200) {
		sip_fork_provisional(branch, now, m);
		return;
	}
	if (m == NULL && status == 0) {
		branch->client = NULL;
		return;
	}
	timer_disarm(&fork->usage->timers, &branch->timer_c);
	/* An accepted INVITE's client stays, for repetitions of its 2xx. */
	if (!(is_success && sip_fork_is_invite(fork)))
		branch->client = NULL;
	/* A BYE that is challenged is said again. */
	if (fork->is_bye ? status != 401 && status != 407 : !is_success)
		sip_branch_over(branch, now);
	if (is_success) {
		sip_branch_success(branch, now, m);
		return;
	}
	if (fork->final_sent)
		return;
	if (m == NULL) {
		sip_fork_note(fork, status);
	} else if (sip_fork_is_better(fork, status, false)) {
		fork->best_status = status;
		fork->best_is_local = false;
		fork->best.len = 0;
		fork->reason[0] = '\0';
		if (sip_fork_upstream(fork, m, SLICE_EMPTY, &fork->best) != 0)
			fork->best.len = 0;
	}
	if (status >= 600)
		sip_fork_cancel_branches(fork, now);
	sip_fork_settle(fork, now);
}

static void sip_target_hash(struct sip_usage *s, const struct sip_target *target, char out[17])
{
	const struct security *security = peer_security(s->peer);
	uint8_t digest[32];

	security->ops->digest(security->ctx, HASH_SHA256, &target->request_uri, 1, digest);
	sip_hex(digest, 8, out);
}

/* The request for one target, in `out`; a phone that has a TCP connection gets a large one there. */
static int sip_fork_build(struct sip_fork *fork, struct sip_target *target, const struct sip_message *m,
			  struct slice body, char *id, struct sip_text *out)
{
	struct sip_usage *s = fork->usage;
	uint64_t stream;
	int err = sip_request_put(s, m, &fork->server->source, target, body, id, out);

	if (err != 0 || target->hop.flow.transport != SIP_UDP || out->len <= SIP_UDP_SAFE_MAX)
		return err;
	stream = sip_stream_of_phone(s, &target->hop.flow.remote);
	if (stream == 0)
		return 0;
	target->hop.flow.transport = SIP_TCP;
	target->hop.flow.stream = stream;
	out->len = 0;
	return sip_request_put(s, m, &fork->server->source, target, body, id, out);
}

static bool sip_fork_has(const struct sip_fork *fork, const struct sip_hop *hop, const char *hash)
{
	for (size_t i = 0; i < fork->branch_count; i++)
		if (sip_hop_equal(&fork->branches[i].hop, hop) &&
		    strcmp(fork->branches[i].uri_hash, hash) == 0)
			return true;
	return false;
}

static int sip_branch_start(struct sip_fork *fork, struct now now, const struct sip_target *target,
			    const struct sip_message *m, struct slice request, const char *id)
{
	struct sip_usage *s = fork->usage;
	struct sip_branch *branch = &fork->branches[fork->branch_count];
	char method[32];

	branch->fork = fork;
	branch->hop = target->hop;
	branch->client = sip_client_new(s, now, &target->hop, target->route, request, id,
					sip_copy(method, sizeof(method), m->method),
					sip_branch_on_response, branch);
	if (branch->client == NULL) {
		sip_limit_met(s, "clients", SIP_CLIENTS_MAX);
		return ERR_LIMIT;
	}
	fork->branch_count++;
	if (fork->server->is_invite)
		timer_arm(&s->timers, &branch->timer_c, instant_add(now.mono, duration_s(SIP_TIMER_C_S)),
			  sip_branch_on_timer_c, branch);
	return 0;
}

/* Shows the request to the media port, builds it and sends it. */
static int sip_fork_start(struct sip_fork *fork, struct now now, struct sip_target *target, const char *hash)
{
	struct sip_usage *s = fork->usage;
	struct sip_branch *branch = &fork->branches[fork->branch_count];
	struct sip_text out = { 0 }, body = { 0 };
	char id[SIP_BRANCH_MAX + 1], reason[SIP_MEDIA_REASON_SIZE];
	struct sip_message m;
	struct sip_way way;
	int err = sip_message_parse(&m, sip_text_slice(&fork->server->request), false);

	if (err != 0)
		return err;
	fork->in_dialog = m.to_tag.len > 0;
	fork->is_bye = sip_message_is(&m, "BYE");
	memset(branch, 0, sizeof(*branch));
	branch->hop = target->hop;
	sip_media_leg(s, &target->hop, branch->leg);
	way = sip_branch_way(fork, branch, false);
	way.node = target->node;
	way.prefs = target->prefs;
	err = sip_media_pass(s, now, &m, &way, &body, reason);
	if (err != 0) {
		sip_fork_refuse(fork, sip_media_status(err), reason);
		return err;
	}
	err = sip_fork_build(fork, target, &m, sip_text_slice(&body), id, &out);
	if (err == 0)
		err = sip_branch_start(fork, now, target, &m, sip_text_slice(&out), id);
	if (err == 0)
		memcpy(branch->uri_hash, hash, sizeof(branch->uri_hash));
	else if (s->media.ops != NULL && fork->server->is_invite && !fork->in_dialog)
		sip_media_over(s, now, &m, &way, true);
	sip_text_free(&body);
	sip_text_free(&out);
	return err;
}

int sip_fork_add(struct sip_fork *fork, struct now now, const struct sip_target *target)
{
	struct sip_usage *s = fork->usage;
	struct sip_target changed = *target;
	char hash[17];

	if (fork->cancelled || fork->final_sent)
		return ERR_CANCELLED;
	sip_target_hash(s, target, hash);
	if (sip_fork_has(fork, &target->hop, hash))
		return ERR_DUPLICATE;
	if (fork->branch_count == SIP_FORKS_MAX) {
		sip_limit_met(s, "forks", SIP_FORKS_MAX);
		return ERR_LIMIT;
	}
	changed.pop_routes += fork->pop_routes;
	return sip_fork_start(fork, now, &changed, hash);
}

void sip_fork_cancel(struct sip_fork *fork, struct now now)
{
	if (fork->final_sent || fork->cancelled)
		return;
	fork->cancelled = true;
	if (fork->resolution != NULL) {
		sip_resolution_abandon(fork->resolution);
		fork->resolution = NULL;
		fork->lookups = 0;
	}
	sip_fork_cancel_branches(fork, now);
	if (fork->branch_count == 0)
		sip_fork_note(fork, 487);
	sip_fork_settle(fork, now);
}
