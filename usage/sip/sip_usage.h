/* SPDX-License-Identifier: MIT */
/* The SIP usage (RFC 7904): registrar and proxy for the phones of this node's user. Bytes and time in,
 * effects and a deadline out, like the peer: sockets belong to node/. Flows are named by the node: a UDP
 * flow is (local socket, remote address), a stream flow is one TCP connection or application link. */
#ifndef USAGE_SIP_SIP_USAGE_H
#define USAGE_SIP_SIP_USAGE_H

#include "overlay/peer.h"
#include "overlay/usage.h"

struct sip_usage;

enum sip_transport { SIP_UDP, SIP_TCP, SIP_OVERLAY /* an application link: TLS between two proxies */ };

/* Where bytes come from and go to. Numbers of TCP streams are the node's to choose, never 0 and apart from
 * link ids (for instance with the top bit set). */
struct sip_flow {
	enum sip_transport transport;
	uint64_t stream;        /* SIP_TCP, SIP_OVERLAY: the connection's number; 0 for UDP */
	struct address remote;  /* UDP, TCP */
};

struct sip_usage_options {
	struct address listen[4]; /* what phones use as proxy; put into Via and Record-Route */
	size_t listen_count;
	/* Digest authentication of phones: 0 none (loopback only), else required. The HA1 secrets come from
	 * `password_of`: returns false for an unknown user; writes at most `size` bytes with NUL. */
	bool require_digest;
	bool (*password_of)(void *ctx, const char *user, char *password, size_t size);
	void *password_ctx;
	/* What is offered: MD5 unless digest_no_md5, SHA-256 with digest_sha256 (first). Some phones give up
	 * at the first algorithm they do not know, so SHA-256 is not offered by default. */
	bool digest_sha256;
	bool digest_no_md5;
	uint32_t registration_default_s; /* 0: 3600 */
	uint32_t registration_min_s;     /* 0: 60; shorter is answered 423 */
	uint32_t registration_max_s;     /* 0: 7200 */
	uint32_t registrations_max;      /* contacts held at most; 0: 64 */
};

/* Registers its handlers on `p` (app_attach_offer(5060)). Owned by the caller, freed before the peer; the
 * peer is not driven any more after that, for answers to our requests may be under way in it.
 * ERR_MALFORMED: the certificate's user name is no Address-of-Record. */
int MUST_CHECK sip_usage_new(struct sip_usage **out, struct peer *p,
			     const struct sip_usage_options *options);
void sip_usage_free(struct sip_usage *s);
struct usage sip_usage_port(struct sip_usage *s);

/* Inputs. A UDP datagram is one message; a stream is cut by Content-Length (RFC 3261 18.3). */
void sip_usage_datagram(struct sip_usage *s, struct now now, const struct address *remote, struct slice bytes);
void sip_usage_stream_open(struct sip_usage *s, struct now now, const struct sip_flow *flow);
void sip_usage_stream_bytes(struct sip_usage *s, struct now now, uint64_t stream, struct slice bytes);
void sip_usage_stream_closed(struct sip_usage *s, struct now now, uint64_t stream);
/* Another proxy, as its verified certificate has it. */
struct sip_node {
	struct node_id id;
	struct hit hit;       /* zero: none */
	const char *user;     /* borrowed; "" */
	bool user_is_vouched; /* struct identity */
};
/* EFFECT_APP_LINK_READY for application 5060: `stream` is the link id; `node` the verified other end, copied. */
void sip_usage_app_link(struct sip_usage *s, struct now now, link_id link, const struct sip_node *node,
			bool initiator);

/* Effects, drained by node after each input and after each peer input. */
enum sip_effect_type {
	SIP_EFFECT_SEND,   /* write `bytes` on `flow` (TCP: connect first when flow.stream is 0) */
	SIP_EFFECT_CLOSE   /* close flow.stream */
};
struct sip_effect {
	enum sip_effect_type type;
	struct sip_flow flow;
	struct slice bytes; /* borrowed until the next input */
};
const struct sip_effect *sip_usage_next_effect(struct sip_usage *s);

/* For pealctl registrations: local phones and what is stored for them. */
struct sip_registration_info {
	char aor[USER_NAME_MAX + 1];
	char contact[256];
	uint32_t remaining_s;
	struct sip_flow flow;
	bool stored; /* acknowledged by the overlay */
};
bool sip_usage_next_registration(const struct sip_usage *s, struct now now, size_t *cursor,
				 struct sip_registration_info *out);

/* For pealctl calls: dialogs seen by this proxy, for the last hour. */
struct sip_call_info {
	char call_id[128];
	char from[USER_NAME_MAX + 1];
	char to[USER_NAME_MAX + 1];
	const char *state; /* "trying", "ringing", "established", "ended", "failed" */
	uint32_t age_s;
	int status; /* last response code */
	const char *media; /* how its media is protected: "hip", "none"; "": not known, or not ours to know */
	struct hit media_hit;      /* with whom, when it is "hip" */
	const char *media_vouched; /* and how that was vouched for; "" */
};
bool sip_usage_next_call(const struct sip_usage *s, struct now now, size_t *cursor,
			 struct sip_call_info *out);

#endif
