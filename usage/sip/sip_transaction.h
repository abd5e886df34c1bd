/* SPDX-License-Identifier: MIT */
/* Client and server transactions (RFC 3261 section 17, RFC 6026), on virtual time. */
#ifndef USAGE_SIP_SIP_TRANSACTION_H
#define USAGE_SIP_SIP_TRANSACTION_H

#include "usage/sip/sip_internal.h"

enum sip_state {
	SIP_CALLING,    /* client: nothing heard yet. Server: Trying */
	SIP_PROCEEDING,
	SIP_COMPLETED,
	SIP_CONFIRMED,  /* INVITE server: the ACK came */
	SIP_ACCEPTED,   /* INVITE: a 2xx passed (RFC 6026) */
	SIP_TERMINATED
};

#define SIP_TAG_SIZE 17

struct sip_server {
	struct sip_usage *usage;
	struct sip_text key;
	struct sip_hop source;
	struct sip_text request; /* as received */
	bool is_invite;
	enum sip_state state;
	struct sip_text response; /* the last one sent */
	int status;
	char to_tag[SIP_TAG_SIZE];
	struct timer retransmit, timeout;
	uint64_t interval_ms;
	struct sip_fork *fork; /* owned; NULL: answered without forwarding */
	void (*paced)(struct sip_server *server, struct now now); /* see sip_server_answer_later */
	int paced_status;
};

/* The transaction `m` belongs to, taking its method for `method` (ACK and CANCEL look for INVITE). */
struct sip_server *sip_server_find(struct sip_usage *s, const struct sip_message *m,
				   const struct sip_hop *source, const char *method);
/* NULL at SIP_SERVERS_MAX. */
struct sip_server *sip_server_new(struct sip_usage *s, struct now now, const struct sip_message *m,
				  const struct sip_hop *source);
/* The same request came again. */
void sip_server_repeat(struct sip_server *server, struct now now);
/* An ACK for this INVITE came. True when it is absorbed; false: it acknowledges a 2xx and is to be routed. */
bool sip_server_ack(struct sip_server *server, struct now now);
/* Sends a response whose bytes are ready. */
void sip_server_respond(struct sip_server *server, struct now now, int status, struct slice bytes);
/* Makes and sends one. `extra`: whole header lines or "". `reason` NULL: the usual one. */
void sip_server_answer(struct sip_server *server, struct now now, int status, const char *reason,
		       const char *extra);
/* The same after `delay`, for phones that would otherwise ask again at once. */
void sip_server_answer_later(struct sip_server *server, struct now now, struct duration delay, int status);
/* No final response to a request other than INVITE will be sent (RFC 4320 4.2). Repetitions of the request
 * are swallowed for a while. */
void sip_server_abandon(struct sip_server *server, struct now now);

/* `response` is NULL when the transaction is over: `status` then says how it failed (408 no answer, 480 no
 * connection), or is 0 when an accepted INVITE has served its time; the client is gone in either case.
 * Otherwise `response`, borrowed, is a provisional or final one. After a final response other than a 2xx to
 * an INVITE there is no further call. */
struct sip_client;
typedef void sip_client_fn(void *ctx, struct now now, const struct sip_message *response, int status);

struct sip_client {
	struct sip_usage *usage;
	struct sip_text key;
	struct sip_hop hop;
	struct sip_text request; /* as sent */
	bool is_invite;
	enum sip_state state;
	bool cancel_wanted; /* sent once a provisional response came (9.1) */
	bool cancel_sent;
	int failure;        /* status to report when `timeout` fires early */
	struct timer retransmit, timeout;
	uint64_t interval_ms;
	sip_client_fn *done; /* NULL: nobody listens any more */
	void *ctx;
};

/* Sends `request` (copied), whose topmost Via has `branch`. NULL at SIP_CLIENTS_MAX. Failures are reported
 * later, never from within. */
struct sip_client *sip_client_new(struct sip_usage *s, struct now now, const struct sip_hop *hop,
				  const struct sip_route *route, struct slice request, const char *branch,
				  const char *method, sip_client_fn *done, void *ctx);
/* A response came; false when no transaction waits for it. */
bool sip_client_receive(struct sip_usage *s, struct now now, const struct sip_message *m);
void sip_client_cancel(struct sip_client *client, struct now now);
/* The owner of `ctx` goes away. */
void sip_client_forget(struct sip_client *client);

/* The stream to a phone closed, or no connection to a proxy could be made: what waits there has failed. */
void sip_clients_fail_stream(struct sip_usage *s, struct now now, uint64_t stream);
/* The connection that a phone's requests were to be sent on is there, by this number. */
void sip_clients_adopt_stream(struct sip_usage *s, const struct sip_flow *flow);
void sip_clients_fail_node(struct sip_usage *s, struct now now, const struct node_id *node);

void sip_transactions_free(struct sip_usage *s);

#endif
