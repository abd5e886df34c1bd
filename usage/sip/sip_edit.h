/* SPDX-License-Identifier: MIT */
/* Edits of a message's bytes: only the headers a proxy owns change, all other bytes stay as they were
 * received (a serializer would rename headers, decode escapes and break signed bodies). An edit is a list
 * of places to cut and to insert, applied in one pass. */
#ifndef USAGE_SIP_SIP_EDIT_H
#define USAGE_SIP_SIP_EDIT_H

#include "usage/sip/sip_message.h"
#include "usage/sip/sip_text.h"

#define SIP_EDITS_MAX 64

struct sip_edit_place {
	size_t at;      /* in the message's bytes */
	size_t removed; /* bytes */
	size_t text_at; /* in `text` */
	size_t text_len;
};

struct sip_edit {
	const struct sip_message *message; /* borrowed */
	struct sip_text text; /* what is inserted */
	struct sip_edit_place places[SIP_EDITS_MAX];
	size_t count;
	bool failed; /* more than SIP_EDITS_MAX */
};

void sip_edit_begin(struct sip_edit *e, const struct sip_message *m);

/* Requests. */
void sip_edit_request_uri(struct sip_edit *e, struct slice uri);
void sip_edit_push_via(struct sip_edit *e, const char *via);
/* Where the request really came from, noted in the topmost Via (18.2.1, RFC 3581). */
void sip_edit_received(struct sip_edit *e, const struct address *from);
void sip_edit_push_record_route(struct sip_edit *e, const char *uri);
/* Takes away the first `count` Route elements. */
void sip_edit_pop_routes(struct sip_edit *e, size_t count);
/* Takes away the last Route element (strict routers, 16.4). */
void sip_edit_drop_last_route(struct sip_edit *e);
/* One less, or 70 when there was none (16.6 step 3). */
void sip_edit_max_forwards(struct sip_edit *e);
/* Takes away credentials meant for this proxy. */
void sip_edit_drop_credentials(struct sip_edit *e, const char *realm);

/* Responses. */
void sip_edit_pop_via(struct sip_edit *e);

/* Both: a message from a datagram may have none, a stream needs it (18.3). */
void sip_edit_content_length(struct sip_edit *e);
/* Another body, with its Content-Length; instead of sip_edit_content_length. */
void sip_edit_body(struct sip_edit *e, struct slice body);

/* Writes the edited message behind what `out` holds and frees the edit. ERR_LIMIT. */
int MUST_CHECK sip_edit_finish(struct sip_edit *e, struct sip_text *out);

/* A response of our own to `m` (8.2.6). `extra` are whole header lines or "". `to_tag` is added unless To
 * has one; NULL: none. `from`: where the request came from, or NULL. */
void sip_response_put(struct sip_text *out, const struct sip_message *m, const struct address *from,
		      int status, const char *reason, const char *to_tag, const char *extra);

/* The ACK for a final response other than 2xx (17.1.1.3), and the CANCEL (9.1) of the request `m` as this
 * proxy sent it. */
void sip_ack_put(struct sip_text *out, const struct sip_message *m, const struct sip_message *response);
void sip_cancel_put(struct sip_text *out, const struct sip_message *m);

/* The usual reason phrase. */
const char *sip_reason(int status);

#endif
