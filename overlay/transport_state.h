/* SPDX-License-Identifier: MIT */
/* Message Transport from inside: transport.c keeps this node's requests, transport_answer.c those
 * of others, transport_seal.c signs and verifies. */
#ifndef OVERLAY_TRANSPORT_STATE_H
#define OVERLAY_TRANSPORT_STATE_H

#include "overlay/base/map.h"
#include "overlay/base/timer.h"
#include "overlay/transport.h"

#define TRANSPORT_OUTSTANDING_MAX 4096 /* requests of this node waiting for their answers */
#define TRANSPORT_TRANSMISSIONS 5      /* of one request, end to end (6.2.1) */
#define TRANSPORT_INBOUND_MAX 8192     /* requests of others remembered */
#define TRANSPORT_INBOUND_BYTES (8u << 20) /* their answers */

struct link;

struct request_handler {
	request_fn *fn;
	void *ctx;
};

/* Copies of a body and of certificates that belong to it. */
struct parcel {
	uint8_t *bytes; /* owned: all of it */
	struct slice body;
	struct certificate_list certificates; /* items owned */
};

/* A message between this node and itself, delivered when the turn's own work is done. */
struct local_message {
	struct local_message *next;
	uint64_t transaction_id;
	bool is_answer;
	int err; /* of an answer */
	struct parcel parcel;
};

struct transport {
	struct map *outstanding; /* transaction id -> struct outstanding, owned */
	struct request_handler handlers[METHOD_COUNT];
	struct map *inbound; /* signer and transaction id -> struct inbound, owned; oldest first */
	struct map *handles; /* handle -> struct inbound, of those not answered yet */
	uint64_t last_handle;
	size_t inbound_bytes;
	struct timer inbound_timer;
	struct local_message *local_first; /* owned */
	struct local_message **local_last;
	struct timer local_timer;
	bool is_running_local;
};

void transport_new(struct peer *p);
void transport_free(struct peer *p);

/* A whole message for this node. */
void transport_receive(struct peer *p, struct now now, struct link *l,
		       const struct destination *destination, struct slice message);

/* Answers the request with header `h` with the Error for `err`, straight over `l`. */
void transport_refuse(struct peer *p, struct now now, struct link *l,
		      const struct forwarding_header *h, int err);

/* Requests sent over this link take another way at once, or fail when they had to take it. */
void transport_link_lost(struct peer *p, struct now now, link_id link);

/* Delivers what this node sent itself; at the end of every input. */
void transport_run_local(struct peer *p, struct now now);

/* ---- Between the files of Message Transport ---- */

/* Contents and security block of a message, signed, in the arena. ERR_KEY, ERR_LIMIT. */
int MUST_CHECK transport_seal(struct peer *p, uint64_t transaction_id, uint16_t code,
			      struct slice body, const struct slice *certificates,
			      size_t certificate_count, struct slice *tail);
/* The body of an Error for `err`, in the arena; empty when such a failure is not answered. */
struct slice transport_error_body(struct peer *p, int err, struct slice info);
int MUST_CHECK transport_verify(struct peer *p, struct now now, const struct message *m,
				struct identity *signer, struct slice *certificate);

struct parcel parcel_new(struct slice body, const struct slice *certificates, size_t count);
void parcel_free(struct parcel *parcel);
void transport_queue_local(struct peer *p, struct now now, uint64_t transaction_id, bool is_answer,
			   int err, struct parcel parcel);

/* transport.c: an answer came in, from the network or from this node itself. */
void transport_answered(struct peer *p, struct now now, struct link *l, const struct message *m);
void transport_answered_locally(struct peer *p, struct now now, const struct local_message *answer);
/* The method of an outstanding request of this node's to itself; false when it is over. */
bool transport_local_request(struct peer *p, uint64_t transaction_id, enum method *method,
			     struct destination *destination);

/* transport_answer.c */
void transport_requested(struct peer *p, struct now now, struct link *l,
			 const struct destination *destination, const struct message *m);
void transport_requested_locally(struct peer *p, struct now now,
				 const struct local_message *request);
void transport_inbound_free(struct peer *p);

#endif
