/* SPDX-License-Identifier: MIT */
/* Client and server transactions. */
#include "usage/sip/sip_transaction.h"

#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "usage/sip/sip_edit.h"
#include "usage/sip/sip_fork.h"
#include "usage/sip/sip_stream.h"

static void sip_after(struct sip_usage *s, struct now now, struct timer *t, uint64_t ms, timer_fn *fire,
		      void *ctx)
{
	timer_arm(&s->timers, t, instant_add(now.mono, duration_ms(ms)), fire, ctx);
}

/* ---- Servers ---- */

/* 17.2.3: branch, sent-by and method; without the magic cookie what RFC 2543 compared. Messages from
 * different proxies and from phones never meet in one transaction. */
static void sip_server_key(struct sip_text *key, const struct sip_message *m, const struct sip_hop *source,
			   const char *method)
{
	const struct sip_via *via = &m->via;

	if (source->flow.transport == SIP_OVERLAY)
		sip_text_bytes(key, slice_of(source->node.bytes, NODE_ID_LENGTH));
	sip_text_add(key, "|%s|", method);
	if (via->branch.len > 7 && memcmp(via->branch.data, "z9hG4bK", 7) == 0) {
		sip_text_bytes(key, via->branch);
		sip_text_add(key, "|%u|", via->port);
		for (size_t i = 0; i < via->host.len; i++)
			sip_text_add(key, "%c", via->host.data[i] | 0x20);
		return;
	}
	sip_text_bytes(key, via->element);
	sip_text_bytes(key, m->call_id);
	sip_text_add(key, "|%u|", m->cseq);
	sip_text_bytes(key, m->from_tag);
}

static const char *sip_method_text(const struct sip_message *m, char text[32])
{
	return sip_copy(text, 32, m->method);
}

struct sip_server *sip_server_find(struct sip_usage *s, const struct sip_message *m,
				   const struct sip_hop *source, const char *method)
{
	struct sip_text key = { 0 };
	struct sip_server *server;

	sip_server_key(&key, m, source, method);
	server = map_find(s->servers, sip_text_slice(&key));
	sip_text_free(&key);
	return server;
}

static void sip_server_free(struct sip_server *server)
{
	struct sip_usage *s = server->usage;

	map_remove(s->servers, sip_text_slice(&server->key));
	timer_disarm(&s->timers, &server->retransmit);
	timer_disarm(&s->timers, &server->timeout);
	if (server->fork != NULL)
		sip_fork_free(server->fork);
	sip_text_free(&server->key);
	sip_text_free(&server->request);
	sip_text_free(&server->response);
	free(server);
}

struct sip_server *sip_server_new(struct sip_usage *s, struct now now, const struct sip_message *m,
				  const struct sip_hop *source)
{
	struct sip_server *server;
	char method[32];

	(void)now;
	if (map_count(s->servers) >= SIP_SERVERS_MAX)
		return NULL;
	server = memory_alloc(sizeof(*server));
	server->usage = s;
	server->source = *source;
	server->is_invite = sip_message_is(m, "INVITE");
	server->state = server->is_invite ? SIP_PROCEEDING : SIP_CALLING;
	sip_text_set(&server->request, m->bytes);
	sip_random_hex(s, 8, server->to_tag);
	sip_server_key(&server->key, m, source, sip_method_text(m, method));
	invariant(map_put(s->servers, sip_text_slice(&server->key), server) == NULL);
	return server;
}

/* 18.2.2: the connection that a request came on is gone. Its phone is answered on another one that it has
 * made meanwhile, else on one to the address the request came from, at the port that its Via names. */
static void sip_server_reconnect(struct sip_server *server)
{
	struct sip_usage *s = server->usage;
	struct sip_flow *flow = &server->source.flow;
	struct sip_message m;

	if (sip_message_parse(&m, sip_text_slice(&server->request), false) != 0)
		return;
	flow->remote.port = m.via.port != 0 ? m.via.port : SIP_PORT;
	flow->stream = sip_stream_of_phone(s, &flow->remote);
	log_info(s->log, "sip.response.reconnect", "stream=%llu", (unsigned long long)flow->stream);
}

static void sip_server_send(struct sip_server *server, struct now now)
{
	struct sip_usage *s = server->usage;
	const struct sip_flow *flow = &server->source.flow;
	int err;

	if (server->response.len == 0)
		return;
	if (flow->transport == SIP_TCP && flow->stream != 0 && !sip_stream_is_open(s, flow->stream))
		sip_server_reconnect(server);
	err = sip_hop_send(s, now, &server->source, NULL, sip_text_slice(&server->response));
	if (err == 0)
		return;
	sip_counters(s)->sip_lost++;
	log_info(s->log, "sip.response.lost", "status=%d reason=%s", server->status, error_name(err));
}

static void sip_server_on_timeout(void *ctx, struct now now)
{
	struct sip_server *server = ctx;

	if (server->paced != NULL) {
		void (*paced)(struct sip_server *, struct now) = server->paced;

		server->paced = NULL;
		paced(server, now);
		return;
	}
	if (server->state == SIP_COMPLETED && server->is_invite)
		log_debug(server->usage->log, "sip.ack.missing", "status=%d", server->status);
	if (server->fork != NULL)
		sip_fork_end_media(server->fork, now);
	sip_server_free(server);
}

static void sip_server_on_retransmit(void *ctx, struct now now)
{
	struct sip_server *server = ctx;

	sip_server_send(server, now);
	server->interval_ms = server->interval_ms * 2 > SIP_T2 ? SIP_T2 : server->interval_ms * 2;
	sip_after(server->usage, now, &server->retransmit, server->interval_ms, sip_server_on_retransmit,
		  server);
}

void sip_server_repeat(struct sip_server *server, struct now now)
{
	if (server->state == SIP_PROCEEDING || server->state == SIP_COMPLETED)
		sip_server_send(server, now);
}

bool sip_server_ack(struct sip_server *server, struct now now)
{
	if (server->state == SIP_ACCEPTED)
		return false;
	if (server->state == SIP_COMPLETED) {
		server->state = SIP_CONFIRMED;
		timer_disarm(&server->usage->timers, &server->retransmit);
		sip_after(server->usage, now, &server->timeout,
			  sip_hop_is_datagram(&server->source) ? SIP_T4 : 0, sip_server_on_timeout, server);
	}
	return true;
}

void sip_server_respond(struct sip_server *server, struct now now, int status, struct slice bytes)
{
	struct sip_usage *s = server->usage;
	bool datagram = sip_hop_is_datagram(&server->source);

	/* After a final response only further 2xx to an INVITE may pass. */
	if (server->state >= SIP_COMPLETED &&
	    !(server->state == SIP_ACCEPTED && status >= 200 && status < 300))
		return;
	server->status = status;
	sip_text_set(&server->response, bytes);
	sip_server_send(server, now);
	if (status < 200) {
		server->state = SIP_PROCEEDING;
		return;
	}
	if (server->is_invite && status < 300) {
		if (server->state != SIP_ACCEPTED)
			sip_after(s, now, &server->timeout, SIP_64_T1, sip_server_on_timeout, server);
		server->state = SIP_ACCEPTED;
		return;
	}
	server->state = SIP_COMPLETED;
	if (server->is_invite && datagram) {
		server->interval_ms = SIP_T1;
		sip_after(s, now, &server->retransmit, SIP_T1, sip_server_on_retransmit, server);
	}
	/* Timer H waits for the ACK on any transport, timer J only for repetitions. */
	sip_after(s, now, &server->timeout, server->is_invite || datagram ? SIP_64_T1 : 0,
		  sip_server_on_timeout, server);
}

void sip_server_abandon(struct sip_server *server, struct now now)
{
	invariant(!server->is_invite && server->state < SIP_COMPLETED);
	server->state = SIP_COMPLETED;
	server->response.len = 0;
	sip_after(server->usage, now, &server->timeout, SIP_64_T1, sip_server_on_timeout, server);
}

void sip_server_answer(struct sip_server *server, struct now now, int status, const char *reason,
		       const char *extra)
{
	const struct sip_flow *flow = &server->source.flow;
	struct sip_text out = { 0 };
	struct sip_message m;
	int err = sip_message_parse(&m, sip_text_slice(&server->request), false);

	/* It parsed when it came in; a malformed one has what a response needs. */
	(void)err;
	/* A challenge is no refusal: most requests begin with one. */
	if (status >= 400 && status != 401 && status != 407)
		sip_counters(server->usage)->sip_refused++;
	sip_response_put(&out, &m, flow->transport == SIP_OVERLAY ? NULL : &flow->remote, status,
			 reason != NULL ? reason : sip_reason(status), server->to_tag, extra);
	sip_server_respond(server, now, status, sip_text_slice(&out));
	sip_text_free(&out);
}

static void sip_server_answer_paced(struct sip_server *server, struct now now)
{
	sip_server_answer(server, now, server->paced_status, NULL, "");
}

void sip_server_answer_later(struct sip_server *server, struct now now, struct duration delay, int status)
{
	server->paced = sip_server_answer_paced;
	server->paced_status = status;
	timer_arm(&server->usage->timers, &server->timeout, instant_add(now.mono, delay),
		  sip_server_on_timeout, server);
}

/* ---- Clients ---- */

static void sip_client_key(struct sip_text *key, struct slice branch, const char *method)
{
	/* A CANCEL bears the INVITE's branch and has a transaction of its own. */
	sip_text_bytes(key, branch);
	sip_text_add(key, "|%s", method);
}

static void sip_client_free(struct sip_client *client)
{
	struct sip_usage *s = client->usage;

	map_remove(s->clients, sip_text_slice(&client->key));
	timer_disarm(&s->timers, &client->retransmit);
	timer_disarm(&s->timers, &client->timeout);
	sip_text_free(&client->key);
	sip_text_free(&client->request);
	free(client);
}

static void sip_client_on_timeout(void *ctx, struct now now)
{
	struct sip_client *client = ctx;
	sip_client_fn *done = client->done;
	void *done_ctx = client->ctx;
	int status = client->failure;
	bool is_failure = client->state == SIP_CALLING || client->state == SIP_PROCEEDING;

	sip_client_free(client);
	if (done != NULL)
		done(done_ctx, now, NULL, is_failure ? status : 0);
}

static void sip_client_on_retransmit(void *ctx, struct now now)
{
	struct sip_client *client = ctx;

	client->interval_ms *= 2;
	if (!client->is_invite && (client->interval_ms > SIP_T2 || client->state == SIP_PROCEEDING))
		client->interval_ms = SIP_T2;
	sip_after(client->usage, now, &client->retransmit, client->interval_ms, sip_client_on_retransmit,
		  client);
	if (sip_hop_send(client->usage, now, &client->hop, NULL, sip_text_slice(&client->request)) != 0) {
		sip_counters(client->usage)->sip_lost++;
		log_debug(client->usage->log, "sip.retransmit.lost", "%s", "");
	}
}

/* Ends a client that has not been answered, from the timer heap and so never from within a caller. */
static void sip_client_fail(struct sip_client *client, struct now now, int status)
{
	if (client->state != SIP_CALLING && client->state != SIP_PROCEEDING)
		return;
	client->failure = status;
	timer_disarm(&client->usage->timers, &client->retransmit);
	sip_after(client->usage, now, &client->timeout, 0, sip_client_on_timeout, client);
}

struct sip_client *sip_client_new(struct sip_usage *s, struct now now, const struct sip_hop *hop,
				  const struct sip_route *route, struct slice request, const char *branch,
				  const char *method, sip_client_fn *done, void *ctx)
{
	struct sip_client *client;
	int err;

	if (map_count(s->clients) >= SIP_CLIENTS_MAX)
		return NULL;
	client = memory_alloc(sizeof(*client));
	client->usage = s;
	client->hop = *hop;
	client->is_invite = strcmp(method, "INVITE") == 0;
	client->state = SIP_CALLING;
	client->done = done;
	client->ctx = ctx;
	client->failure = 408;
	client->interval_ms = SIP_T1;
	sip_text_set(&client->request, request);
	sip_client_key(&client->key, slice_text(branch), method);
	invariant(map_put(s->clients, sip_text_slice(&client->key), client) == NULL);
	sip_after(s, now, &client->timeout, SIP_64_T1, sip_client_on_timeout, client);
	if (sip_hop_is_datagram(hop))
		sip_after(s, now, &client->retransmit, SIP_T1, sip_client_on_retransmit, client);
	err = sip_hop_send(s, now, hop, route, request);
	if (err != 0) {
		sip_counters(s)->sip_lost++;
		log_info(s->log, "sip.request.unsent", "method=%s reason=%s", method, error_name(err));
		sip_client_fail(client, now, 480);
	}
	return client;
}

void sip_client_cancel(struct sip_client *client, struct now now)
{
	struct sip_text cancel = { 0 };
	struct sip_message m;
	char branch[SIP_BRANCH_MAX + 1];

	if (!client->is_invite || client->cancel_sent)
		return;
	client->cancel_wanted = true;
	if (client->state != SIP_PROCEEDING)
		return;
	client->cancel_sent = true;
	if (sip_message_parse(&m, sip_text_slice(&client->request), false) != 0)
		return;
	sip_cancel_put(&cancel, &m);
	sip_copy(branch, sizeof(branch), m.via.branch);
	if (sip_client_new(client->usage, now, &client->hop, NULL, sip_text_slice(&cancel), branch,
			   "CANCEL", NULL, NULL) == NULL)
		sip_limit_met(client->usage, "clients", SIP_CLIENTS_MAX);
	sip_text_free(&cancel);
	/* 9.1: a phone that never answers the INVITE then is given up. */
	client->failure = 487;
	sip_after(client->usage, now, &client->timeout, SIP_64_T1, sip_client_on_timeout, client);
}

void sip_client_forget(struct sip_client *client)
{
	client->done = NULL;
	client->ctx = NULL;
	/* One that rings for ever would stay: nobody is left to run timer C for it. */
	if (client->state == SIP_PROCEEDING && !timer_is_armed(&client->timeout))
		timer_arm(&client->usage->timers, &client->timeout, (struct instant){ 0 },
			  sip_client_on_timeout, client);
}

static void sip_client_ack(struct sip_client *client, struct now now, const struct sip_message *response)
{
	struct sip_text ack = { 0 };
	struct sip_message m;

	if (sip_message_parse(&m, sip_text_slice(&client->request), false) == 0) {
		sip_ack_put(&ack, &m, response);
		if (sip_hop_send(client->usage, now, &client->hop, NULL, sip_text_slice(&ack)) != 0) {
			sip_counters(client->usage)->sip_lost++;
			log_debug(client->usage->log, "sip.ack.lost", "%s", "");
		}
	}
	sip_text_free(&ack);
}

/* The final response's effect on the client itself; true when it is to be told. */
static bool sip_client_final(struct sip_client *client, struct now now, const struct sip_message *m)
{
	struct sip_usage *s = client->usage;
	bool datagram = sip_hop_is_datagram(&client->hop);
	bool first = client->state == SIP_CALLING || client->state == SIP_PROCEEDING;

	timer_disarm(&s->timers, &client->retransmit);
	if (client->is_invite && m->status < 300) {
		if (client->state == SIP_COMPLETED)
			return false;
		if (first)
			sip_after(s, now, &client->timeout, SIP_64_T1, sip_client_on_timeout, client);
		client->state = SIP_ACCEPTED;
		return true;
	}
	if (client->state == SIP_ACCEPTED)
		return false;
	if (client->is_invite)
		sip_client_ack(client, now, m);
	if (!first)
		return false;
	client->state = SIP_COMPLETED;
	sip_after(s, now, &client->timeout, !datagram ? 0 : client->is_invite ? SIP_64_T1 : SIP_T4,
		  sip_client_on_timeout, client);
	return true;
}

bool sip_client_receive(struct sip_usage *s, struct now now, const struct sip_message *m)
{
	struct sip_client *client;
	struct sip_text key = { 0 };
	sip_client_fn *done;
	char method[32];
	bool tell = true;

	sip_client_key(&key, m->via.branch, sip_method_text(m, method));
	client = map_find(s->clients, sip_text_slice(&key));
	sip_text_free(&key);
	if (client == NULL)
		return false;
	if (m->status < 200) {
		if (client->state != SIP_CALLING && client->state != SIP_PROCEEDING)
			return true;
		client->state = SIP_PROCEEDING;
		if (client->is_invite) {
			timer_disarm(&s->timers, &client->retransmit);
			if (!client->cancel_sent)
				timer_disarm(&s->timers, &client->timeout); /* timer C takes over */
			if (client->cancel_wanted)
				sip_client_cancel(client, now);
		}
	} else {
		tell = sip_client_final(client, now, m);
	}
	done = client->done;
	if (!tell || done == NULL)
		return true;
	/* Nothing follows but for an accepted INVITE: its owner may be gone before the client is. */
	if (client->state == SIP_COMPLETED)
		client->done = NULL;
	done(client->ctx, now, m, m->status);
	return true;
}

void sip_clients_fail_stream(struct sip_usage *s, struct now now, uint64_t stream)
{
	struct sip_client *client;
	size_t cursor = 0;
	void *value;

	while (map_next(s->clients, &cursor, NULL, &value)) {
		client = value;
		if (client->hop.flow.transport == SIP_TCP && client->hop.flow.stream == stream)
			sip_client_fail(client, now, 480);
	}
}

void sip_clients_adopt_stream(struct sip_usage *s, const struct sip_flow *flow)
{
	size_t cursor = 0;
	void *value;

	while (map_next(s->clients, &cursor, NULL, &value)) {
		struct sip_flow *mine = &((struct sip_client *)value)->hop.flow;

		if (mine->transport == SIP_TCP && mine->stream == 0 &&
		    address_equal(&mine->remote, &flow->remote))
			mine->stream = flow->stream;
	}
}

void sip_clients_fail_node(struct sip_usage *s, struct now now, const struct node_id *node)
{
	struct sip_client *client;
	size_t cursor = 0;
	void *value;

	while (map_next(s->clients, &cursor, NULL, &value)) {
		client = value;
		if (client->hop.flow.transport == SIP_OVERLAY && node_id_equal(&client->hop.node, node))
			sip_client_fail(client, now, 480);
	}
}

void sip_transactions_free(struct sip_usage *s)
{
	size_t cursor = 0;
	void *value;

	while (map_next(s->servers, &cursor, NULL, &value))
		sip_server_free(value);
	cursor = 0;
	while (map_next(s->clients, &cursor, NULL, &value))
		sip_client_free(value);
}
