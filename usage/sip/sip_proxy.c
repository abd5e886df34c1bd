/* SPDX-License-Identifier: MIT */
/* What to do with a message: checks in the order of RFC 3261 16.3, then where it goes (16.4 to 16.6). */
#include <stdio.h>
#include <stdlib.h>

#include "usage/sip/sip_call.h"
#include "usage/sip/sip_digest.h"
#include "usage/sip/sip_edit.h"
#include "usage/sip/sip_flow.h"
#include "usage/sip/sip_registration.h"
#include "usage/sip/sip_resolve.h"
#include "usage/sip/sip_stream.h"

#define SIP_PACE_S 2 /* before an answer that some phones react to by asking again at once */
/* What a proxy adds to a request at most: one that would pass a limit then is refused at once. */
#define SIP_ADDED_LINES 8
#define SIP_ADDED_BYTES 2048
#define SIP_ALLOW                                                                                  \
	"Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, MESSAGE, SUBSCRIBE, NOTIFY, INFO, "   \
	"UPDATE, PRACK, REFER\r\n"

/* A request on its way through the checks. */
struct sip_passage {
	struct sip_usage *usage;
	const struct sip_message *m;
	struct sip_hop from;
	struct sip_server *server;  /* NULL for an ACK */
	struct sip_target target;   /* what Routes and Request-URI say */
	struct sip_uri uri;         /* the Request-URI, or the last Route after a strict router */
	bool has_own_flow;          /* the last own Route named a flow: target.hop */
	bool has_next;              /* another proxy's Route follows: target.hop */
};

static bool sip_is_phone(const struct sip_hop *hop)
{
	return hop->flow.transport != SIP_OVERLAY;
}

/* ---- Answers without a transaction ---- */

static void sip_reply_stateless(struct sip_usage *s, struct now now, const struct sip_hop *from,
				const struct sip_message *m, int status, const char *reason,
				const char *extra)
{
	struct sip_text out = { 0 };
	char tag[SIP_TAG_SIZE];

	sip_random_hex(s, 8, tag);
	sip_response_put(&out, m, sip_is_phone(from) ? &from->flow.remote : NULL, status, reason, tag, extra);
	if (sip_hop_send(s, now, from, NULL, sip_text_slice(&out)) != 0) {
		sip_counters(s)->sip_lost++;
		log_debug(s->log, "sip.response.lost", "status=%d", status);
	}
	sip_text_free(&out);
}

static void sip_proxy_malformed(struct sip_usage *s, struct now now, const struct sip_hop *from,
				const struct sip_message *m)
{
	char hop[ADDRESS_TEXT_SIZE + 8];

	sip_counters(s)->sip_malformed++;
	log_info(s->log, "sip.malformed", "source=%s status=%d reason=\"%s\" answered=%d",
		 sip_hop_text(from, hop), m->reject_status, m->reject_reason, m->is_answerable);
	if (m->is_answerable)
		sip_reply_stateless(s, now, from, m, m->reject_status, m->reject_reason, "");
}

/* ---- Responses ---- */

static void sip_proxy_response(struct sip_usage *s, struct now now, const struct sip_hop *from,
			       const struct sip_message *m)
{
	char hop[ADDRESS_TEXT_SIZE + 8];

	if (sip_client_receive(s, now, m))
		return;
	sip_counters(s)->sip_stray++;
	log_debug(s->log, "sip.response.stray", "source=%s status=%d", sip_hop_text(from, hop), m->status);
}

/* ---- Checks (16.3) ---- */

static bool sip_has_looped(struct sip_usage *s, const struct sip_message *m)
{
	struct sip_walk walk = { 0 };
	struct slice element;
	struct sip_via via;
	char hash[17];

	sip_loop_hash(s, m, hash);
	while (sip_message_walk(m, SIP_HEADER_VIA, &walk, &element)) {
		if (sip_via_parse(element, &via) != 0 || via.branch.len < 17)
			continue;
		if ((sip_is(via.host, s->host) || sip_is_own_address(s, via.host, via.port)) &&
		    sip_is(slice_of(via.branch.data + via.branch.len - 16, 16), hash))
			return true;
	}
	return false;
}

static void sip_refuse_extensions(struct sip_passage *p, struct now now, enum sip_header_id id)
{
	struct sip_text extra = { 0 };
	struct sip_walk walk = { 0 };
	struct slice element;

	while (sip_message_walk(p->m, id, &walk, &element))
		sip_text_add(&extra, "Unsupported: %.*s\r\n", (int)element.len, (const char *)element.data);
	sip_server_answer(p->server, now, 420, NULL, extra.len > 0 ? (const char *)extra.data : "");
	sip_text_free(&extra);
}

/* False: it was refused and answered. An ACK is refused in silence. */
static bool sip_check_request(struct sip_passage *p, struct now now)
{
	struct sip_usage *s = p->usage;
	const struct sip_message *m = p->m;
	int status = 0;

	if (m->header_count + SIP_ADDED_LINES > SIP_HEADERS_MAX ||
	    m->head_len + SIP_ADDED_BYTES > SIP_HEAD_MAX || m->bytes.len + SIP_ADDED_BYTES > SIP_MESSAGE_MAX)
		status = 513;
	else if (m->uri_err == ERR_UNSUPPORTED || (m->uri_err == 0 && m->uri.is_sips))
		status = 416;
	else if (m->max_forwards == 0 && !sip_message_is(m, "OPTIONS"))
		status = 483;
	else if (sip_message_is(m, "OPTIONS") && m->max_forwards == 0)
		status = 200; /* 11: the proxy answers for itself */
	else if (sip_has_looped(s, m))
		status = 482;
	if (status != 0) {
		log_info(s->log, "sip.request.refused", "method=%.*s status=%d", (int)m->method.len,
			 (const char *)m->method.data, status);
		if (p->server != NULL)
			sip_server_answer(p->server, now, status, NULL, status == 200 ? SIP_ALLOW : "");
		else
			sip_counters(s)->sip_refused++;
		return false;
	}
	if (p->server != NULL && sip_message_first(m, SIP_HEADER_PROXY_REQUIRE) != NULL) {
		sip_refuse_extensions(p, now, SIP_HEADER_PROXY_REQUIRE);
		return false;
	}
	return true;
}

/* Phones only: other proxies are known by their certificates. */
static bool sip_check_credentials(struct sip_passage *p, struct now now)
{
	struct sip_usage *s = p->usage;
	bool is_register = sip_message_is(p->m, "REGISTER");
	enum sip_header_id id = is_register ? SIP_HEADER_AUTHORIZATION : SIP_HEADER_PROXY_AUTHORIZATION;
	struct sip_text challenge = { 0 };
	enum sip_digest_result result;
	char hop[ADDRESS_TEXT_SIZE + 8];

	if (!s->options.require_digest || !sip_is_phone(&p->from) || p->server == NULL)
		return true;
	result = sip_digest_check(s, now, p->m, id);
	if (result == SIP_DIGEST_OK)
		return true;
	if (result == SIP_DIGEST_WRONG) {
		sip_counters(s)->sip_refused++;
		log_warning(s->log, "sip.credentials.wrong", "source=%s", sip_hop_text(&p->from, hop));
	}
	sip_digest_challenge(s, now, id, result == SIP_DIGEST_STALE, &challenge);
	sip_server_answer(p->server, now, is_register ? 401 : 407, NULL, (const char *)challenge.data);
	sip_text_free(&challenge);
	return false;
}

/* ---- Where to (16.4, 16.5) ---- */

/* Takes own Routes off the top; notes the flow the last of them names, or the proxy that follows. */
static int sip_take_routes(struct sip_passage *p)
{
	bool is_dialog = p->m->to_tag.len > 0;
	struct sip_walk walk = { 0 };
	struct sip_name_addr name;
	struct slice element;
	struct sip_hop hop;
	struct sip_uri uri;
	size_t count = 0;

	while (sip_message_walk(p->m, SIP_HEADER_ROUTE, &walk, &element))
		count++;
	if (p->target.drop_last_route)
		count--; /* it is the Request-URI now */
	memset(&walk, 0, sizeof(walk));
	while (count-- > 0 && sip_message_walk(p->m, SIP_HEADER_ROUTE, &walk, &element)) {
		enum sip_route_kind kind = SIP_ROUTE_FOREIGN;

		if (sip_name_addr_parse(element, &name) != 0)
			return ERR_MALFORMED;
		if (sip_uri_parse(name.uri, &uri) == 0)
			kind = sip_flow_classify(p->usage, &uri, &hop);
		/* What a phone preloads is its outbound proxy: us, under whatever name it knows us by. */
		if (!is_dialog && sip_is_phone(&p->from) && kind == SIP_ROUTE_FOREIGN)
			kind = SIP_ROUTE_OWN;
		if (kind == SIP_ROUTE_FOREIGN)
			return ERR_NO_ROUTE;
		if (kind == SIP_ROUTE_NODE) {
			p->has_next = true;
			p->target.hop = hop;
			return 0;
		}
		p->target.pop_routes++;
		if (kind == SIP_ROUTE_OWN_FLOW) {
			p->has_own_flow = true;
			p->target.hop = hop;
		}
	}
	return 0;
}

/* 16.4: a strict router put our Record-Route URI into the Request-URI; what it should have held is the
 * last Route. */
static void sip_undo_strict_routing(struct sip_passage *p)
{
	struct sip_walk walk = { 0 };
	struct slice element, last = SLICE_EMPTY;
	struct sip_name_addr name;
	struct sip_hop hop;

	p->uri = p->m->uri;
	if (sip_flow_classify(p->usage, &p->uri, &hop) != SIP_ROUTE_OWN_FLOW)
		return;
	while (sip_message_walk(p->m, SIP_HEADER_ROUTE, &walk, &element))
		last = element;
	if (last.len == 0 || sip_name_addr_parse(last, &name) != 0 || sip_uri_parse(name.uri, &p->uri) != 0)
		return;
	p->target.request_uri = name.uri;
	p->target.drop_last_route = true;
	p->target.hop = hop;
	p->has_own_flow = true;
}

static void sip_refuse(struct sip_passage *p, struct now now, int status, const char *reason)
{
	struct sip_usage *s = p->usage;

	log_info(s->log, "sip.request.refused", "method=%.*s status=%d reason=\"%s\"", (int)p->m->method.len,
		 (const char *)p->m->method.data, status, reason != NULL ? reason : sip_reason(status));
	if (p->server != NULL)
		sip_server_answer(p->server, now, status, reason, status == 503 ? "Retry-After: 10\r\n" : "");
	else
		sip_counters(s)->sip_refused++;
}

/* An ACK has no transaction: it just goes on. */
static void sip_forward_ack(struct sip_passage *p, struct now now)
{
	struct sip_way way = { .from = &p->from, .to = &p->target.hop, .in_dialog = true };
	char branch[SIP_BRANCH_MAX + 1], leg[SIP_LEG_SIZE], reason[SIP_MEDIA_REASON_SIZE];
	struct sip_text out = { 0 }, body = { 0 };
	int err;

	sip_media_leg(p->usage, sip_is_phone(&p->from) ? &p->from : &p->target.hop, leg);
	way.leg = leg;
	err = sip_media_pass(p->usage, now, p->m, &way, &body, reason);
	if (err == 0)
		err = sip_request_put(p->usage, p->m, &p->from, &p->target, sip_text_slice(&body), branch, &out);
	if (err == 0)
		err = sip_hop_send(p->usage, now, &p->target.hop, p->target.route, sip_text_slice(&out));
	if (err != 0) {
		sip_counters(p->usage)->sip_lost++;
		log_info(p->usage->log, "sip.ack.lost", "reason=%s", error_name(err));
	}
	sip_text_free(&body);
	sip_text_free(&out);
}

/* One target that Routes or the Request-URI named. */
static void sip_forward_to(struct sip_passage *p, struct now now)
{
	struct sip_fork *fork;
	int err;

	if (p->server == NULL) {
		sip_forward_ack(p, now);
		return;
	}
	fork = sip_fork_new(p->server);
	err = sip_fork_add(fork, now, &p->target);
	if (err != 0)
		sip_fork_note(fork, err == ERR_LIMIT ? 503 : 400);
	sip_fork_settle(fork, now);
}

/* An AOR: our phones, and what the overlay knows. */
static void sip_forward_to_aor(struct sip_passage *p, struct now now, const char *aor)
{
	struct sip_usage *s = p->usage;
	bool is_own = strcmp(aor, s->aor) == 0;
	struct sip_fork *fork;
	int err = 0;

	if (p->server == NULL) {
		sip_counters(s)->sip_stray++;
		log_debug(s->log, "sip.ack.stray", "aor=%s", aor);
		return;
	}
	fork = sip_fork_new(p->server);
	if (p->m->to_tag.len == 0 && p->server->is_invite)
		fork->call = sip_call_start(s, now, p->m, &p->from);
	fork->pop_routes = p->target.pop_routes;
	if (is_own) {
		sip_registration_add_targets(fork, now);
		if (fork->branch_count == 0)
			sip_fork_note(fork, 480);
	}
	/* A far proxy asks us because of our record; for a phone the user's other nodes are asked too. */
	if (sip_is_phone(&p->from))
		err = sip_resolve(fork, now, aor);
	if (err != 0 && fork->branch_count == 0) {
		log_info(s->log, "sip.lookup.failed", "aor=%s reason=%s", aor, error_name(err));
		sip_fork_note(fork, err == ERR_FORBIDDEN ? 404 : 503);
	}
	sip_fork_settle(fork, now);
}

/* The rest of 16.5, when no Route decides. */
static void sip_route_by_uri(struct sip_passage *p, struct now now)
{
	struct sip_usage *s = p->usage;
	const struct configuration *c = peer_configuration(s->peer);
	char aor[SIP_AOR_SIZE];
	struct slice gr;
	struct sip_route route;

	if (sip_registration_find_contact(s, &p->uri, &p->target.hop)) {
		sip_forward_to(p, now);
		return;
	}
	if (sip_aor_of_uri(&p->uri, aor) != 0) {
		sip_refuse(p, now, 404, NULL);
		return;
	}
	if (!sip_is_phone(&p->from) && strcmp(aor, s->aor) != 0) {
		/* Never a relay from one proxy to another. */
		sip_refuse(p, now, 404, "Not this node's user");
		return;
	}
	if (sip_is_phone(&p->from) && sip_param(p->uri.params, "gr", &gr) &&
	    sip_gruu_route(gr, &route) == 0 && !node_id_equal(&route.node, peer_node_id(s->peer))) {
		p->target.hop.flow.transport = SIP_OVERLAY;
		p->target.hop.node = route.node;
		p->target.route = &route;
		sip_forward_to(p, now);
		return;
	}
	if (strcmp(aor, s->aor) != 0 &&
	    (sip_uri_address(&p->uri, SIP_PORT, &(struct address){ 0 }) ||
	     !sip_domain_is_admitted(kind_find(&c->kinds, KIND_SIP_REGISTRATION), c->overlay_name,
				     sip_aor_domain(aor)))) {
		sip_refuse(p, now, 404, "Domain not served by this overlay");
		return;
	}
	sip_forward_to_aor(p, now, aor);
}

/* Requests for this proxy itself, and those it answers in a phone's stead. True: answered. */
static bool sip_answer_here(struct sip_passage *p, struct now now)
{
	struct sip_usage *s = p->usage;
	const struct sip_message *m = p->m;
	const struct sip_header *event = sip_message_first(m, SIP_HEADER_EVENT);
	const char *domain = sip_aor_domain(s->aor);
	bool is_ours = sip_is_own_address(s, p->uri.host, p->uri.port) || sip_is(p->uri.host, domain) ||
		       sip_is(p->uri.host, peer_configuration(s->peer)->overlay_name);
	struct slice rest;
	char aor[SIP_AOR_SIZE];

	if (p->server == NULL)
		return false;
	if (sip_message_is(m, "REGISTER")) {
		if (!sip_is_phone(&p->from))
			sip_refuse(p, now, 405, NULL);
		else if (!is_ours)
			sip_refuse(p, now, 404, "Domain not served here");
		else if (sip_message_first(m, SIP_HEADER_REQUIRE) != NULL)
			sip_refuse_extensions(p, now, SIP_HEADER_REQUIRE);
		else
			sip_registration_request(s, now, p->server, m);
		return true;
	}
	if (is_ours && p->uri.user.len == 0 && m->to_tag.len == 0) {
		if (sip_message_is(m, "OPTIONS"))
			sip_server_answer(p->server, now, 200, NULL, SIP_ALLOW);
		else
			sip_server_answer(p->server, now, 405, NULL, "Allow: OPTIONS, REGISTER\r\n");
		return true;
	}
	if (sip_aor_of_uri(&p->uri, aor) != 0 || strcmp(aor, s->aor) != 0 || !sip_is_phone(&p->from))
		return false;
	/* What a server would keep for the user, and we do not. */
	if (sip_message_is(m, "SUBSCRIBE") && event != NULL && m->to_tag.len == 0 &&
	    sip_is(sip_trim(sip_cut(event->value, ';', &rest)), "message-summary")) {
		sip_server_answer_later(p->server, now, duration_s(SIP_PACE_S), 489);
		return true;
	}
	if (sip_message_is(m, "PUBLISH")) {
		sip_server_answer(p->server, now, 405, NULL, SIP_ALLOW);
		return true;
	}
	return false;
}

static void sip_route_request(struct sip_passage *p, struct now now)
{
	int err;

	sip_undo_strict_routing(p);
	err = sip_take_routes(p);
	if (err != 0) {
		sip_refuse(p, now, err == ERR_NO_ROUTE ? 404 : 400, "Route not served here");
		return;
	}
	if (sip_message_is(p->m, "BYE"))
		sip_call_ended(p->usage, now, p->m);
	if (p->has_next) {
		if (!sip_is_phone(&p->from))
			sip_refuse(p, now, 403, "Not a relay between proxies");
		else
			sip_forward_to(p, now);
		return;
	}
	if (p->has_own_flow) {
		/* The phone's TCP connection is another one by now: its registration knows. */
		if (p->target.hop.flow.transport == SIP_TCP &&
		    !sip_stream_is_open(p->usage, p->target.hop.flow.stream) &&
		    !sip_registration_find_contact(p->usage, &p->uri, &p->target.hop))
			p->target.hop.flow.stream = 0;
		sip_forward_to(p, now);
		return;
	}
	if (!sip_answer_here(p, now))
		sip_route_by_uri(p, now);
}

/* ---- CANCEL and ACK ---- */

static void sip_proxy_cancel(struct sip_usage *s, struct now now, const struct sip_hop *from,
			     const struct sip_message *m)
{
	struct sip_server *invite = sip_server_find(s, m, from, "INVITE");
	struct sip_server *server = sip_server_new(s, now, m, from);

	if (server == NULL) {
		sip_limit_met(s, "servers", SIP_SERVERS_MAX);
		return;
	}
	sip_server_answer(server, now, invite == NULL ? 481 : 200, NULL, "");
	if (invite == NULL || invite->state != SIP_PROCEEDING)
		return;
	if (invite->fork != NULL)
		sip_fork_cancel(invite->fork, now);
}

static void sip_proxy_request(struct sip_usage *s, struct now now, const struct sip_hop *from,
			      const struct sip_message *m)
{
	struct sip_passage p = { .usage = s, .m = m, .from = *from };
	bool is_ack = sip_message_is(m, "ACK");
	char method[32];
	struct sip_server *known;

	known = sip_server_find(s, m, from, is_ack ? "INVITE" : sip_copy(method, sizeof(method), m->method));
	if (is_ack && known != NULL && sip_server_ack(known, now))
		return;
	if (!is_ack && known != NULL) {
		sip_server_repeat(known, now);
		return;
	}
	if (sip_message_is(m, "CANCEL")) {
		sip_proxy_cancel(s, now, from, m);
		return;
	}
	if (!is_ack) {
		p.server = sip_server_new(s, now, m, from);
		if (p.server == NULL) {
			sip_limit_met(s, "servers", SIP_SERVERS_MAX);
			sip_reply_stateless(s, now, from, m, 503, sip_reason(503), "Retry-After: 5\r\n");
			return;
		}
	}
	if (!sip_check_request(&p, now) || !sip_check_credentials(&p, now))
		return;
	if (s->stopping && p.server != NULL && m->to_tag.len == 0 && !sip_message_is(m, "REGISTER")) {
		sip_refuse(&p, now, 503, NULL);
		return;
	}
	if (p.server != NULL && p.server->is_invite)
		sip_server_answer(p.server, now, 100, NULL, "");
	sip_route_request(&p, now);
}

/* What the far side says about itself is not proven by its Node-ID: it is only noted. */
static void sip_note_arrival(struct sip_usage *s, const struct sip_hop *from, const struct sip_message *m)
{
	char hop[ADDRESS_TEXT_SIZE + 8], party[SIP_AOR_SIZE];

	if (!log_enabled(s->log, LOG_DEBUG))
		return;
	log_debug(s->log, "sip.message", "source=%s %s=%.*s cseq=%u from=%s", sip_hop_text(from, hop),
		  m->is_request ? "request" : "response_to", (int)m->method.len, (const char *)m->method.data,
		  m->cseq, sip_copy(party, sizeof(party), m->from.uri));
}

void sip_proxy_message(struct sip_usage *s, struct now now, const struct sip_hop *from, struct slice bytes)
{
	struct sip_message m;
	struct address said;

	if (sip_message_parse(&m, bytes, from->flow.transport != SIP_UDP) != 0) {
		sip_proxy_malformed(s, now, from, &m);
		return;
	}
	sip_note_arrival(s, from, &m);
	if (!m.is_request) {
		sip_proxy_response(s, now, from, &m);
		return;
	}
	if (from->flow.transport == SIP_TCP &&
	    sip_host_address(m.via.host, m.via.port != 0 ? m.via.port : SIP_PORT, &said))
		sip_stream_advertise(s, from->flow.stream, &said);
	sip_proxy_request(s, now, from, &m);
}
