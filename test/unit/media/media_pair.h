/* SPDX-License-Identifier: MIT */
/* Nodes with HIP hosts (real cryptography, virtual time) and media relays: descriptions are handed from one to the
 * other as the proxies would, and phones' datagrams likewise. */
#ifndef TEST_UNIT_MEDIA_MEDIA_PAIR_H
#define TEST_UNIT_MEDIA_MEDIA_PAIR_H

#include "test/unit/hip/hip_fixture.h"
#include "usage/media/media_relay.h"

#define PAIR_NODES 3
#define PAIR_TEXT 4096

struct media_node {
	struct fixture_host *host;
	struct media_relay *relay;
	struct sip_media sip;
	struct node_id id;
	const char *user;
	bool is_vouched;
	struct address phone_side, phone; /* ours; the phone's, where its signalling comes from */
	uint16_t next_port;               /* to lend */
	size_t lent, returned;
	bool no_ports;
	/* What was sent to the phone last. */
	size_t sent;
	struct media_effect last;
	char payload[2048];
};

struct media_pair {
	struct fixture fixture;
	struct media_node nodes[PAIR_NODES]; /* alice, bob, mallory */
	char reason[SIP_MEDIA_REASON_SIZE];
	char out[PAIR_TEXT]; /* the last description written, or the same as came */
};

/* Of the message; the rest is made up from the nodes. */
struct media_said {
	const char *call_id, *tag, *aor; /* NULL: "c1", "", the other node's user */
	const char *prefs;               /* NULL: those of the other node, when it is an offer that begins a call */
	bool in_dialog, update;
	int status;                      /* 0: a request */
	bool no_hit;                     /* the other node's HIT is not known */
};

void media_pair_begin(struct media_pair *p, enum media_policy policy);
void media_pair_begin_with(struct media_pair *p, const struct media_relay_options *options);
void media_pair_end(struct media_pair *p);
void media_pair_drain(struct media_pair *p);
void media_pair_run(struct media_pair *p, uint64_t ms);

/* A description of `from`'s phone leaves towards `to`, or comes in at `from` from `to`. The result is in p->out. */
int media_out(struct media_pair *p, size_t from, size_t to, const char *body, struct media_said said);
int media_in(struct media_pair *p, size_t at, size_t from, const char *body, struct media_said said);
/* Both, asserted: what the phone at `to` sees. */
const char *media_pass(struct media_pair *p, size_t from, size_t to, const char *body, struct media_said said);
void media_over(struct media_pair *p, size_t at, size_t other, const char *call_id, const char *tag);

/* The n-th m= line's port in a description. */
uint16_t media_port_of(const char *description, unsigned n);
/* A datagram of `node`'s phone from a port of its own, or from anywhere. */
void media_send(struct media_pair *p, size_t node, uint16_t from_port, uint16_t to_port, const char *text);
void media_send_from(struct media_pair *p, size_t node, const char *from, uint16_t to_port, const char *text);

#endif
