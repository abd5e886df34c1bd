/* SPDX-License-Identifier: MIT */
/* One SIP message, validated: where its headers stand in the received bytes, and the values a proxy needs.
 * libosip2's parser has the second say on the headers used here; what it accepts though it must not (see
 * docs) is refused before it is asked. Bodies and other headers are never looked at. */
#ifndef USAGE_SIP_SIP_MESSAGE_H
#define USAGE_SIP_SIP_MESSAGE_H

#include "usage/sip/sip_uri.h"

#define SIP_MESSAGE_MAX 65535 /* bytes of one message */
#define SIP_HEADERS_MAX 128   /* header lines */
#define SIP_HEAD_MAX 16384    /* bytes before the body */
#define SIP_BRANCH_MAX 200    /* bytes of a Via branch */
#define SIP_MAX_FORWARDS 70

enum sip_header_id {
	SIP_HEADER_OTHER,
	SIP_HEADER_VIA,
	SIP_HEADER_FROM,
	SIP_HEADER_TO,
	SIP_HEADER_CALL_ID,
	SIP_HEADER_CSEQ,
	SIP_HEADER_CONTACT,
	SIP_HEADER_ROUTE,
	SIP_HEADER_RECORD_ROUTE,
	SIP_HEADER_MAX_FORWARDS,
	SIP_HEADER_CONTENT_LENGTH,
	SIP_HEADER_EXPIRES,
	SIP_HEADER_EVENT,
	SIP_HEADER_REQUIRE,
	SIP_HEADER_PROXY_REQUIRE,
	SIP_HEADER_AUTHORIZATION,
	SIP_HEADER_PROXY_AUTHORIZATION,
	SIP_HEADER_CONTENT_TYPE,
	SIP_HEADER_CONTENT_ENCODING,
	SIP_HEADER_COUNT
};

struct sip_header {
	enum sip_header_id id;
	struct slice line;  /* with its CRLF and folded lines */
	struct slice value; /* trimmed; folds kept */
};

struct sip_via {
	struct slice element; /* of its header's value */
	struct slice transport;
	struct slice host;
	uint16_t port; /* 0: none given */
	struct slice params;
	struct slice branch;
	bool has_rport;
};

/* Borrows from the bytes it was parsed from. */
struct sip_message {
	struct slice bytes; /* all, without what lies behind the body */
	struct slice start_line; /* without CRLF */
	struct slice body;
	bool is_request;
	struct slice method;    /* of a request; of a response CSeq's */
	struct slice uri_text;
	struct sip_uri uri;     /* only when uri_err == 0 */
	int uri_err;            /* ERR_UNSUPPORTED: a scheme that is not served (416) */
	int status;
	struct sip_header headers[SIP_HEADERS_MAX];
	size_t header_count;
	size_t head_len;        /* bytes before the body */
	struct sip_via via;     /* the topmost */
	struct sip_name_addr from, to;
	struct slice from_tag, to_tag, call_id;
	uint32_t cseq;
	int max_forwards;       /* -1: none */
	int64_t expires;        /* -1: none */
	int64_t content_length; /* -1: none */
	bool is_answerable;     /* a malformed request that a response can be made for */
	int reject_status;      /* what to answer a malformed request with */
	const char *reject_reason;
};

/* `on_stream`: Content-Length is then required. ERR_MALFORMED: see is_answerable; a malformed response or
 * an unanswerable request is to be dropped. */
int MUST_CHECK sip_message_parse(struct sip_message *m, struct slice bytes, bool on_stream);

/* The next header line of `id` at or after *index, which moves behind it; NULL at the end. */
const struct sip_header *sip_message_next(const struct sip_message *m, enum sip_header_id id, size_t *index);
const struct sip_header *sip_message_first(const struct sip_message *m, enum sip_header_id id);

/* Walks the elements of all lines of a comma-separated header. Zeroed before first use. */
struct sip_walk {
	size_t index;
	struct slice rest;
};
bool sip_message_walk(const struct sip_message *m, enum sip_header_id id, struct sip_walk *walk,
		      struct slice *element);

bool sip_message_is(const struct sip_message *m, const char *method);
int MUST_CHECK sip_via_parse(struct slice element, struct sip_via *via);

/* For stream cutting: the length of the first message in `bytes`, 0 when more is needed, or ERR_MALFORMED
 * (no or a bad Content-Length) or ERR_LIMIT (a head over SIP_HEAD_MAX, a message over SIP_MESSAGE_MAX). */
int64_t sip_message_length(struct slice bytes);

/* Once per process is enough: silences libosip2, which prints to stdout otherwise. */
void sip_message_setup(void);

#endif
