/* SPDX-License-Identifier: MIT */
/* Receipt and forwarding (RFC 6940 6.1): what is ours, what is passed on, what is refused. Nothing
 * is decoded beyond the forwarding header, nothing is copied. */
#ifndef OVERLAY_FORWARDING_H
#define OVERLAY_FORWARDING_H

#include "overlay/link.h"
#include "overlay/wire/forwarding_header.h"

struct peer;
struct link;

enum forwarding_way {
	FORWARDING_NONE,  /* no route */
	FORWARDING_LOCAL, /* this node is the destination */
	FORWARDING_LINK
};

void forwarding_new(struct peer *p);
void forwarding_free(struct peer *p);

/* A message from the link. */
void forwarding_receive(struct peer *p, struct now now, struct link *l, struct slice message);

/* Where a message of this node's own goes next. Takes entries that name this node off
 * *destinations. */
enum forwarding_way forwarding_route(struct peer *p, struct slice *destinations, struct link **hop);

/* The header of a message of this node's own; lists and length are the caller's to fill in. */
struct forwarding_header forwarding_header_own(const struct peer *p, uint64_t transaction_id);

/* The TTL of a request's first transmission: log2 of the peers' number and 5, for what circles because
 * tables disagree should end soon; at most the configuration's initial-ttl, which is right where the number
 * is not known, for answers (they follow their list and cannot circle), and for repeats. */
uint8_t forwarding_first_ttl(const struct peer *p);

/* The Destination List of an answer to a request that came from `previous_hop` with `via_list`:
 * both in reverse (6.1.2, 6.2.2). Encoded in the arena. ERR_MALFORMED, ERR_LIMIT. */
int MUST_CHECK forwarding_return_path(struct peer *p, const struct node_id *previous_hop,
				      struct slice via_list, struct slice *destinations);

/* Answers a request that is not passed on with an Error, when it is a request, its beginning is
 * there
 * (`rest` stands behind the header) and not too many were answered lately. Counts and logs in any
 * case. */
void forwarding_refuse(struct peer *p, struct now now, struct link *l,
		       const struct forwarding_header *h, struct reader rest, int err);

/* ERR_UNSUPPORTED_FORWARDING_OPTION when an option carries one of `flags`, as this node knows none;
 * ERR_MALFORMED. */
int MUST_CHECK forwarding_options_check(struct slice options, uint8_t flags);

#endif
