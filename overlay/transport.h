/* SPDX-License-Identifier: MIT */
/* Message Transport (RFC 6940 1.2.2, 6.2): requests and answers between nodes. Originates, retransmits end
 * to end, matches and verifies answers (6.3.4), suppresses repeats, signs what this node sends. */
#ifndef OVERLAY_TRANSPORT_H
#define OVERLAY_TRANSPORT_H

#include "overlay/effect.h"
#include "overlay/wire/message.h"
#include "overlay/wire/method.h"

struct peer;

/* An answer, or the end of waiting for one. All slices are borrowed until the callback returns. */
struct response {
	int err; /* 0, or ERR_*: the Error answered, ERR_REQUEST_TIMEOUT, ERR_NO_ROUTE, ERR_LINK */
	struct slice body;       /* err == 0: the answer's body */
	struct slice error_info; /* an Error answer's info */
	struct identity signer;  /* of the answer; zeroed when there was none */
	struct certificate_list certificates; /* that came with the answer */
	link_id link;            /* it arrived on */
	struct duration round_trip;
};

/* Called exactly once for each request accepted by transport_request. It may make requests and queue
 * effects; it must not call peer inputs. */
typedef void response_fn(void *ctx, struct now now, const struct response *response);

struct request {
	enum method method;
	struct slice body;
	const struct destination *destinations; /* at least one; the last may be a Resource-ID */
	size_t destination_count;
	link_id link; /* 0: routed; else the first hop is forced to this link (bootstrap, 10.6) */
	const struct slice *certificates; /* further certificates that inner objects need; DER */
	size_t certificate_count;
	uint32_t transmissions_max; /* 0: RFC 6940's five */
	response_fn *done;          /* may be NULL */
	void *ctx;
};

/* Signs and sends. *transaction_id (may be NULL) names it for transport_cancel. ERR_NO_ROUTE, ERR_LIMIT
 * (4,096 outstanding), ERR_MESSAGE_TOO_LARGE, ERR_KEY: `done` is then not called. */
int MUST_CHECK transport_request(struct peer *p, struct now now, const struct request *request,
				 uint64_t *transaction_id);

/* The Maximum Request Lifetime (RFC 6940 3): the overlay's reliability timer for each transmission of a
 * request; 15 s unless the configuration says otherwise. Answers, fragments and handles are kept so long. */
struct duration transport_lifetime(const struct peer *p);

/* Convenience: one destination. */
int MUST_CHECK transport_request_node(struct peer *p, struct now now, enum method method,
				      struct slice body, const struct node_id *to, response_fn *done,
				      void *ctx);
int MUST_CHECK transport_request_resource(struct peer *p, struct now now, enum method method,
					  struct slice body, const struct resource_id *to,
					  response_fn *done, void *ctx);

/* `done` will not be called. No effect when the transaction is over. */
void transport_cancel(struct peer *p, uint64_t transaction_id);

/* A verified request for this node. Borrowed until the handler returns, but for `handle`. */
struct incoming {
	uint64_t handle; /* answers it, now or within the Maximum Request Lifetime */
	enum method method;
	struct slice body;
	struct identity signer;
	struct certificate_list certificates;
	struct slice signer_certificate;
	struct destination destination; /* what it was addressed to: our Node-ID, wildcard, Resource-ID */
	link_id link;                   /* it arrived on */
	struct node_id previous_hop;
	bool direct; /* the signer is the other end of that link: no hop lies between */
	uint32_t max_response_length;
};

typedef void request_fn(void *ctx, struct now now, const struct incoming *request);

/* Sets who handles a method's requests. A method without handler is answered Error_Invalid_Message. */
void transport_set_handler(struct peer *p, enum method method, request_fn *handler, void *ctx);

/* Answers; each handle once, a second answer or an outlived handle is ignored. */
void transport_answer(struct peer *p, struct now now, uint64_t handle, struct slice body,
		      const struct slice *certificates, size_t certificate_count);

/* Answers with the Error that stands for `err`; an err that is never answered drops the request. `info`
 * may be empty: then the error's text. */
void transport_answer_error(struct peer *p, struct now now, uint64_t handle, int err, struct slice info);

#endif
