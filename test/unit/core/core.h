/* SPDX-License-Identifier: MIT */
/* One peer under test, with a topology plug-in that does as told, and the nodes around it, which
 * are no more than identities that sign messages. What the peer sends is kept until the test takes
 * it. */
#ifndef TEST_UNIT_CORE_CORE_H
#define TEST_UNIT_CORE_CORE_H

#include "overlay/attach.h"
#include "overlay/base/invariant.h"
#include "overlay/link.h"
#include "overlay/peer.h"
#include "overlay/wire/frame.h"
#include "overlay/wire/message.h"
#include "tools/sim/fake_security.h"

#define CORE_SENT_MAX 4096

/* The peer under test is this Node-ID: 0x80 and zeroes. */
extern const struct node_id CORE_SELF;

struct core_options {
	bool client;
	bool first;
	bool idle;     /* do not call peer_start */
	bool datagram; /* candidates and links are DTLS */
	size_t links_max;
	size_t datagram_mtu;
	size_t bootstrap_count; /* addresses 10.9.0.1 ... in the configuration */
	const struct configuration_ops *configuration_ops;
	void *configuration_ctx;
	uint16_t sequence;
	uint32_t reliability_timer_ms; /* 0: the default */
	uint8_t initial_ttl; /* 0: the usual */
};

/* A node beside the peer. */
struct remote {
	struct node_id id;
	uint8_t certificate[FAKE_CERTIFICATE_MAX];
	size_t certificate_len;
	struct fake_security *security;
	struct security port;
	link_id link;
	uint32_t sequence; /* of its next data frame */
};

/* A frame the peer sent. */
struct sent {
	link_id link;
	uint8_t *bytes; /* owned; as it went over the wire, one effect */
	size_t len;
	bool is_taken;
};

struct core {
	struct peer *peer;
	struct configuration configuration;
	struct fake_security *security;
	struct now now;
	struct arena arena; /* what the test decodes and encodes */
	enum overlay_link_type link_type;

	/* The topology plug-in. */
	bool is_responsible;
	bool has_hop;
	struct node_id hop;
	bool accepts_answer;
	size_t population; /* 0: not known */
	size_t ups, downs, closes, joins, forms, leaves, configures;
	struct node_id last_up, last_down;
	bool last_send_update;
	link_id joined_over;

	struct sent sent[CORE_SENT_MAX];
	size_t sent_count;
	struct effect opened[64]; /* LINK_OPEN */
	size_t opened_count;
	struct effect closed[64]; /* LINK_CLOSE */
	size_t closed_count;
	struct effect ready[16]; /* APP_LINK_READY */
	size_t ready_count;
	enum peer_state state;
	size_t unsupported; /* CONFIGURATION with ERR_UNSUPPORTED */
};

struct core *core_new(const struct core_options *options);
void core_free(struct core *c);

/* A node whose Node-ID is `byte` and zeroes; with `count` > 1 its certificate holds more. */
void remote_init(struct remote *r, uint8_t byte, size_t count);
void remote_free(struct remote *r);
struct node_id core_node_id(uint8_t byte);

/* Its link comes in; stored in r->link, 0 when refused. */
link_id core_accept(struct core *c, struct remote *r);
link_id core_accept_as(struct core *c, struct remote *r, enum link_purpose purpose);
/* The link that the peer asked for last is up, to r. */
void core_link_up(struct core *c, struct remote *r);

/* Takes what the peer wants done. */
void core_drain(struct core *c);
/* Time passes; every deadline is met on the way. */
void core_advance(struct core *c, uint64_t ms);

/* A whole message of r, in the arena. `h` may change the header (NULL: an ordinary one to the
 * peer). */
struct slice core_message(struct core *c, struct remote *r, const struct forwarding_header *h,
			  uint16_t code, struct slice body);
/* The same with extensions and all. */
struct slice core_message_of(struct core *c, struct remote *r, const struct forwarding_header *h,
			     const struct message_contents *what);
/* An ordinary header for a request to `destinations`. */
struct forwarding_header core_header(struct core *c, uint64_t transaction_id,
				     struct slice destinations);
/* Lists in the arena. */
struct slice core_nodes(struct core *c, const struct node_id *ids, size_t count);
struct slice core_to_self(struct core *c);
struct slice core_to_resource(struct core *c, const struct node_id *point);

/* Sends it in a data frame. */
void core_receive(struct core *c, struct remote *r, struct slice message);
void core_receive_raw(struct core *c, struct remote *r, struct slice bytes);
void core_receive_ack(struct core *c, struct remote *r, uint32_t sequence, uint32_t received);

/* The next data frame sent on r's link that was not taken yet, decoded; false when there is none.
 */
bool core_take(struct core *c, const struct remote *r, struct message *m);
/* The same without decoding beyond the frame: one for each frame, acks included. */
bool core_take_frame(struct core *c, const struct remote *r, struct frame *f);
void core_forget_sent(struct core *c);
/* The error code of an Error message; 0 when it is none. */
uint16_t core_error_code(const struct message *m);

#endif
