/* SPDX-License-Identifier: MIT */
/* Fragmentation and reassembly (RFC 6940 6.7). Any hop may split a message; only its destination
 * puts it together again. */
#ifndef OVERLAY_FRAGMENT_H
#define OVERLAY_FRAGMENT_H

#include "overlay/base/instant.h"
#include "overlay/link.h"
#include "overlay/wire/forwarding_header.h"

#define FRAGMENT_BODY_MIN 256         /* bytes of body each fragment carries at least */
#define FRAGMENT_GROWTH 32            /* bytes left for the Via List to grow */
#define FRAGMENT_LINK_BYTES_MAX 65536 /* held for one link */
#define FRAGMENT_MESSAGES_MAX 512     /* being put together at once */
#define FRAGMENT_RANGES_MAX 32        /* separate runs of bytes of one message */

struct peer;
struct link;

void fragment_table_new(struct peer *p);
void fragment_table_free(struct peer *p);

static inline bool fragment_is_whole(const struct forwarding_header *h)
{
	return (h->fragment & (FRAGMENT_LAST | FRAGMENT_OFFSET)) == FRAGMENT_LAST;
}

/* How a body of `body_len` bytes behind a header of `header_len` is cut for `room` bytes a message:
 * bytes of each piece, equal but for the last one. 0: not to be cut, as a piece would be too small.
 */
size_t fragment_piece(size_t header_len, size_t body_len, size_t room);

/* Sends a message that is too large for one datagram of the link. ERR_LIMIT. */
int MUST_CHECK fragment_send(struct peer *p, struct now now, struct link *l,
			     const struct forwarding_header *h, struct slice tail);

/* Takes in a fragment that came over `link`. 1: the message is complete, *whole is header and body
 * (arena); 0: more are missing; ERR_LIMIT, ERR_MALFORMED: it was dropped. */
int MUST_CHECK fragment_add(struct peer *p, struct now now, link_id link,
			    const struct forwarding_header *h, struct slice body,
			    struct slice *whole);

#endif
