/* SPDX-License-Identifier: MIT */
/* The scanner, the checks, and libosip2's second opinion. */
#include "usage/sip/sip_message.h"

#include <stdio.h>
#include <stdlib.h>

#include <osipparser2/osip_parser.h>

#include "overlay/base/invariant.h"
#include "usage/sip/sip_text.h"

/* Header names, long and compact (RFC 3261 7.3.3). */
static const struct {
	enum sip_header_id id;
	const char *name;
	const char *compact;
} sip_header_names[] = {
	{ SIP_HEADER_VIA, "Via", "v" },
	{ SIP_HEADER_FROM, "From", "f" },
	{ SIP_HEADER_TO, "To", "t" },
	{ SIP_HEADER_CALL_ID, "Call-ID", "i" },
	{ SIP_HEADER_CSEQ, "CSeq", "" },
	{ SIP_HEADER_CONTACT, "Contact", "m" },
	{ SIP_HEADER_ROUTE, "Route", "" },
	{ SIP_HEADER_RECORD_ROUTE, "Record-Route", "" },
	{ SIP_HEADER_MAX_FORWARDS, "Max-Forwards", "" },
	{ SIP_HEADER_CONTENT_LENGTH, "Content-Length", "l" },
	{ SIP_HEADER_EXPIRES, "Expires", "" },
	{ SIP_HEADER_EVENT, "Event", "o" },
	{ SIP_HEADER_REQUIRE, "Require", "" },
	{ SIP_HEADER_PROXY_REQUIRE, "Proxy-Require", "" },
	{ SIP_HEADER_AUTHORIZATION, "Authorization", "" },
	{ SIP_HEADER_PROXY_AUTHORIZATION, "Proxy-Authorization", "" },
	{ SIP_HEADER_CONTENT_TYPE, "Content-Type", "c" },
	{ SIP_HEADER_CONTENT_ENCODING, "Content-Encoding", "e" },
};

/* What libosip2 is shown: headers whose structure matters here. The rest passes as bytes. */
#define SIP_SHOWN_MASK                                                                             \
	(1u << SIP_HEADER_VIA | 1u << SIP_HEADER_FROM | 1u << SIP_HEADER_TO |                       \
	 1u << SIP_HEADER_CALL_ID | 1u << SIP_HEADER_CSEQ | 1u << SIP_HEADER_CONTACT |              \
	 1u << SIP_HEADER_ROUTE | 1u << SIP_HEADER_RECORD_ROUTE)

/* At most once in a message (7.3.1). */
#define SIP_SINGLE_MASK                                                                            \
	(1u << SIP_HEADER_FROM | 1u << SIP_HEADER_TO | 1u << SIP_HEADER_CALL_ID |                   \
	 1u << SIP_HEADER_CSEQ | 1u << SIP_HEADER_MAX_FORWARDS | 1u << SIP_HEADER_CONTENT_LENGTH |  \
	 1u << SIP_HEADER_EXPIRES | 1u << SIP_HEADER_CONTENT_TYPE)

/* What a response is made of (8.2.6.2). */
#define SIP_ANSWER_MASK                                                                            \
	(1u << SIP_HEADER_VIA | 1u << SIP_HEADER_FROM | 1u << SIP_HEADER_TO |                       \
	 1u << SIP_HEADER_CALL_ID | 1u << SIP_HEADER_CSEQ)

static void sip_trace_nothing(const char *file, int line, osip_trace_level_t level, const char *format,
			      va_list arguments)
{
	(void)file, (void)line, (void)level, (void)format, (void)arguments;
}

void sip_message_setup(void)
{
	osip_trace_initialize_func(END_TRACE_LEVEL, sip_trace_nothing);
	for (int level = OSIP_FATAL; level < (int)END_TRACE_LEVEL; level++)
		osip_trace_disable_level((osip_trace_level_t)level);
	parser_init();
}

static int sip_reject(struct sip_message *m, int status, const char *reason)
{
	if (m->reject_reason == NULL) { /* the first thing wrong is what is said */
		m->reject_status = status;
		m->reject_reason = reason;
	}
	return ERR_MALFORMED;
}

static enum sip_header_id sip_header_of(struct slice name)
{
	for (size_t i = 0; i < sizeof(sip_header_names) / sizeof(sip_header_names[0]); i++)
		if (sip_is(name, sip_header_names[i].name) ||
		    (name.len == 1 && sip_is(name, sip_header_names[i].compact)))
			return sip_header_names[i].id;
	return SIP_HEADER_OTHER;
}

static bool sip_is_token(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.data[i] <= ' ' || s.data[i] >= 0x7f || strchr("()<>@,;:\\\"/[]?={}", s.data[i]) != NULL)
			return false;
	return s.len > 0;
}

/* The position behind the head's empty line, or 0. */
static size_t sip_head_length(struct slice bytes)
{
	for (size_t i = 0; i + 3 < bytes.len; i++)
		if (memcmp(bytes.data + i, "\r\n\r\n", 4) == 0)
			return i + 4;
	return 0;
}

/* The end of the line that begins at `at`, behind its CRLF. */
static size_t sip_line_end(struct slice head, size_t at)
{
	while (at + 1 < head.len && !(head.data[at] == '\r' && head.data[at + 1] == '\n'))
		at++;
	return at + 2;
}

/* No control character but tabs and line ends in pairs. */
static bool sip_head_is_clean(struct slice head)
{
	for (size_t i = 0; i < head.len; i++) {
		uint8_t c = head.data[i];

		if (c == '\r' && i + 1 < head.len && head.data[i + 1] == '\n')
			i++;
		else if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

/* An escaped control character anywhere in a line that holds URIs. */
static bool sip_has_escaped_control(struct slice value)
{
	for (size_t i = 0; i + 2 < value.len; i++)
		if (value.data[i] == '%' &&
		    (value.data[i + 1] == '0' || value.data[i + 1] == '1' ||
		     (value.data[i + 1] == '7' && (value.data[i + 2] | 0x20) == 'f')))
			return true;
	return false;
}

/* What is wrong with one header line; the scan goes on, so that it can be answered. */
static int sip_check_header(struct sip_message *m, const struct sip_header *h, unsigned *seen)
{
	if (h->id == SIP_HEADER_OTHER)
		return 0;
	if ((*seen & SIP_SINGLE_MASK & 1u << h->id) != 0)
		return sip_reject(m, 400, "Header repeated");
	*seen |= 1u << h->id;
	if ((SIP_SHOWN_MASK & 1u << h->id) != 0 && sip_has_escaped_control(h->value))
		return sip_reject(m, 400, "Escaped control character");
	return 0;
}

static int sip_scan_headers(struct sip_message *m, struct slice head, size_t at, unsigned *seen)
{
	int err = 0;

	while (at + 2 < head.len) {
		size_t end = sip_line_end(head, at), colon = at;
		struct sip_header *h;
		struct slice name;

		while (end < head.len && (head.data[end] == ' ' || head.data[end] == '\t'))
			end = sip_line_end(head, end);
		while (colon < end && head.data[colon] != ':')
			colon++;
		name = sip_trim(slice_of(head.data + at, colon - at));
		if (colon == end || !sip_is_token(name) || head.data[at] == ' ') {
			err = sip_reject(m, 400, "Malformed header line");
			at = end;
			continue;
		}
		if (m->header_count == SIP_HEADERS_MAX)
			return sip_reject(m, 513, "Too many header lines");
		h = &m->headers[m->header_count++];
		h->id = sip_header_of(name);
		h->line = slice_of(head.data + at, end - at);
		h->value = sip_trim(slice_of(head.data + colon + 1, end - colon - 1));
		if (sip_check_header(m, h, seen) != 0)
			err = ERR_MALFORMED;
		at = end;
	}
	return err;
}

static int sip_scan_start_line(struct sip_message *m, struct slice line)
{
	struct slice first, second, third;
	uint64_t status;

	m->start_line = line;
	first = sip_cut(line, ' ', &second);
	if (first.len == 7 && sip_is(first, "SIP/2.0")) {
		third = sip_cut(second, ' ', &second);
		if (third.len != 3 || !sip_number(third, 699, &status) || status < 100 || line.len > 1024)
			return sip_reject(m, 400, "Malformed status line");
		m->status = (int)status;
		return 0;
	}
	m->is_request = true;
	m->method = first;
	/* Not sip_cut: quotes and brackets mean nothing here. */
	third = SLICE_EMPTY;
	for (size_t i = 0; i < second.len; i++)
		if (second.data[i] == ' ') {
			third = slice_of(second.data + i + 1, second.len - i - 1);
			second.len = i;
			break;
		}
	m->uri_text = second;
	if (!sip_is_token(first) || first.len > 31 || second.len == 0 || third.len == 0)
		return sip_reject(m, 400, "Malformed request line");
	if (!sip_is(third, "SIP/2.0"))
		return sip_reject(m, third.len > 4 && sip_is(slice_of(third.data, 4), "SIP/") ? 505 : 400,
				  "Version not supported");
	if (sip_has_escaped_control(second))
		return sip_reject(m, 400, "Escaped control character");
	return 0;
}

/* Each ';' is followed by something: what is added behind must not make an empty parameter. */
static bool sip_params_are_full(struct slice params)
{
	struct slice rest, item = sip_cut(params, ';', &rest);

	if (params.len == 0)
		return true;
	do
		item = sip_trim(sip_cut(rest, ';', &rest));
	while (item.len > 0 && rest.len > 0);
	return item.len > 0 && params.data[params.len - 1] != ';';
}

int sip_via_parse(struct slice element, struct sip_via *via)
{
	struct slice params, value, behind, sent_by = sip_cut(element, ';', &params);
	size_t i, slashes = 0;
	struct sip_uri uri;
	char text[300];

	*via = (struct sip_via){ .element = element };
	if (sent_by.len < element.len)
		via->params = slice_of(element.data + sent_by.len, element.len - sent_by.len);
	if (!sip_params_are_full(via->params))
		return ERR_MALFORMED;
	sent_by = sip_trim(sent_by);
	for (i = 0; i < sent_by.len && !(slashes == 2 && sent_by.data[i] == ' '); i++)
		slashes += sent_by.data[i] == '/';
	if (slashes != 2 || i + 1 >= sent_by.len || !sip_is(slice_of(sent_by.data, 8), "SIP/2.0/"))
		return ERR_MALFORMED;
	via->transport = sip_trim(slice_of(sent_by.data + 8, i - 8));
	behind = sip_trim(slice_of(sent_by.data + i, sent_by.len - i));
	if (!sip_is_token(via->transport) || via->transport.len > 15 || behind.len > 280)
		return ERR_MALFORMED;
	/* host[:port] is checked as part of a URI, then pointed to in the message. */
	snprintf(text, sizeof(text), "sip:%.*s", (int)behind.len, (const char *)behind.data);
	if (sip_uri_parse(slice_text(text), &uri) != 0 || uri.user.len > 0 || uri.params.len > 0)
		return ERR_MALFORMED;
	via->host = slice_of(behind.data, uri.host.len);
	via->port = uri.port;
	if (sip_param(via->params, "branch", &value))
		via->branch = value;
	via->has_rport = sip_param(via->params, "rport", &value);
	return via->branch.len <= SIP_BRANCH_MAX ? 0 : ERR_LIMIT;
}

static int sip_parse_cseq(struct sip_message *m, struct slice value)
{
	struct slice method, number = sip_cut(value, ' ', &method);
	uint64_t v;

	method = sip_trim(method);
	if (!sip_number(sip_trim(number), 0x7fffffff, &v) || !sip_is_token(method))
		return sip_reject(m, 400, "Malformed CSeq");
	m->cseq = (uint32_t)v;
	if (!m->is_request)
		m->method = method;
	else if (!slice_equal(m->method, method))
		return sip_reject(m, 400, "CSeq method does not match");
	return 0;
}

static int sip_parse_party(struct sip_message *m, struct slice value, struct sip_name_addr *party,
			   struct slice *tag)
{
	struct slice uri_scheme, rest;

	if (sip_name_addr_parse(value, party) != 0)
		return sip_reject(m, 400, "Malformed From or To");
	uri_scheme = sip_cut(party->uri, ':', &rest);
	if (!sip_is_token(uri_scheme) || rest.len == 0 || party->uri.len > SIP_URI_MAX)
		return sip_reject(m, 400, "Malformed URI in From or To");
	sip_param(party->params, "tag", tag);
	if (tag->len > 255)
		return sip_reject(m, 400, "Tag too long");
	return 0;
}

static int sip_parse_number(struct sip_message *m, const struct sip_header *h)
{
	uint64_t v;

	switch (h->id) {
	case SIP_HEADER_MAX_FORWARDS:
		if (!sip_number(h->value, 255, &v))
			return sip_reject(m, 400, "Malformed Max-Forwards");
		m->max_forwards = (int)v;
		return 0;
	case SIP_HEADER_EXPIRES:
		if (!sip_number(h->value, UINT32_MAX, &v))
			return sip_reject(m, 400, "Malformed Expires");
		m->expires = (int64_t)v;
		return 0;
	case SIP_HEADER_CONTENT_LENGTH:
		if (!sip_number(h->value, UINT32_MAX, &v))
			return sip_reject(m, 400, "Malformed Content-Length");
		if (v > SIP_MESSAGE_MAX)
			return sip_reject(m, 513, "Message too large");
		m->content_length = (int64_t)v;
		return 0;
	default:
		return 0;
	}
}

static int sip_parse_values(struct sip_message *m)
{
	bool has_via = false;
	int err = 0;

	for (size_t i = 0; i < m->header_count && err == 0; i++) {
		const struct sip_header *h = &m->headers[i];
		struct slice rest = h->value, element;

		switch (h->id) {
		case SIP_HEADER_VIA:
			if (has_via)
				break;
			has_via = true;
			if (!sip_next_element(&rest, &element) || sip_via_parse(element, &m->via) != 0)
				err = sip_reject(m, 400, "Malformed Via");
			break;
		case SIP_HEADER_FROM:
			err = sip_parse_party(m, h->value, &m->from, &m->from_tag);
			break;
		case SIP_HEADER_TO:
			err = sip_parse_party(m, h->value, &m->to, &m->to_tag);
			break;
		case SIP_HEADER_CALL_ID:
			m->call_id = h->value;
			if (h->value.len == 0 || h->value.len > 255)
				err = sip_reject(m, 400, "Malformed Call-ID");
			break;
		case SIP_HEADER_CSEQ:
			err = sip_parse_cseq(m, h->value);
			break;
		default:
			err = sip_parse_number(m, h);
			break;
		}
	}
	return err;
}

/* Shows libosip2 the start line and the headers that matter, unfolded, and compares what it counted. */
static int sip_osip_agrees(struct sip_message *m)
{
	size_t size = m->head_len + 64;
	char *copy = memory_alloc(size);
	int counts[SIP_HEADER_COUNT] = { 0 };
	osip_message_t *osip = NULL;
	bool ok = false;
	size_t len;

	/* The Request-URI was judged by sip_uri_parse; a scheme that libosip2 does not know must not keep it
	 * from the rest. */
	if (m->is_request)
		len = (size_t)snprintf(copy, size, "%.*s sip:x@y.invalid SIP/2.0\r\n", (int)m->method.len,
				       (const char *)m->method.data);
	else
		len = (size_t)snprintf(copy, size, "SIP/2.0 %d x\r\n", m->status);
	for (size_t i = 0; i < m->header_count; i++) {
		const struct sip_header *h = &m->headers[i];
		struct slice rest = h->value, element;

		if ((SIP_SHOWN_MASK & 1u << h->id) == 0)
			continue;
		memcpy(copy + len, h->line.data, h->line.len);
		len += h->line.len;
		while (sip_next_element(&rest, &element))
			counts[h->id]++;
	}
	memcpy(copy + len, "\r\n", 3);
	len += 2;
	if (osip_message_init(&osip) == 0) {
		ok = osip_message_parse(osip, copy, len) == 0 && osip->from != NULL && osip->to != NULL &&
		     osip->call_id != NULL && osip->cseq != NULL &&
		     osip_list_size(&osip->vias) == counts[SIP_HEADER_VIA] &&
		     osip_list_size(&osip->routes) == counts[SIP_HEADER_ROUTE] &&
		     osip_list_size(&osip->record_routes) == counts[SIP_HEADER_RECORD_ROUTE] &&
		     osip_list_size(&osip->contacts) == counts[SIP_HEADER_CONTACT];
		osip_message_free(osip);
	}
	free(copy);
	return ok ? 0 : sip_reject(m, 400, "Malformed header");
}

/* Content-Length against the bytes there are (18.3). */
static int sip_parse_body(struct sip_message *m, struct slice bytes, bool on_stream)
{
	size_t left = bytes.len - m->head_len;

	if (m->content_length < 0) {
		if (on_stream)
			return sip_reject(m, 400, "Content-Length is needed on a stream");
		m->body = slice_of(bytes.data + m->head_len, left);
	} else {
		if ((size_t)m->content_length > left)
			return sip_reject(m, 400, "Body shorter than Content-Length");
		m->body = slice_of(bytes.data + m->head_len, (size_t)m->content_length);
	}
	m->bytes = slice_of(bytes.data, m->head_len + m->body.len);
	return 0;
}

int sip_message_parse(struct sip_message *m, struct slice bytes, bool on_stream)
{
	struct slice head;
	unsigned seen = 0;
	size_t first;
	int err;

	memset(m, 0, sizeof(*m));
	m->max_forwards = -1;
	m->expires = -1;
	m->content_length = -1;
	m->reject_status = 400;
	m->bytes = bytes;
	if (bytes.len > SIP_MESSAGE_MAX)
		return sip_reject(m, 513, "Message too large");
	m->head_len = sip_head_length(bytes);
	if (m->head_len == 0 || m->head_len > SIP_HEAD_MAX)
		return sip_reject(m, 400, "No end of the headers");
	head = slice_of(bytes.data, m->head_len);
	if (!sip_head_is_clean(head))
		return sip_reject(m, 400, "Control character in the headers");
	first = sip_line_end(head, 0);
	err = sip_scan_start_line(m, slice_of(head.data, first - 2));
	/* The headers are looked at even then: a bad version or URI is answered. */
	if (sip_scan_headers(m, head, first, &seen) != 0)
		err = ERR_MALFORMED;
	if ((seen & SIP_ANSWER_MASK) != SIP_ANSWER_MASK)
		return sip_reject(m, 400, "Via, From, To, Call-ID or CSeq missing");
	m->is_answerable = m->is_request && !sip_is(m->method, "ACK");
	if (err == 0)
		err = sip_parse_values(m);
	if (err == 0)
		err = sip_parse_body(m, bytes, on_stream);
	if (err == 0)
		err = sip_osip_agrees(m);
	if (err != 0 || !m->is_request)
		return err;
	m->uri_err = sip_uri_parse(m->uri_text, &m->uri);
	if (m->uri_err != 0 && m->uri_err != ERR_UNSUPPORTED)
		return sip_reject(m, m->uri_err == ERR_LIMIT ? 414 : 400, "Malformed Request-URI");
	return 0;
}

const struct sip_header *sip_message_next(const struct sip_message *m, enum sip_header_id id, size_t *index)
{
	while (*index < m->header_count)
		if (m->headers[(*index)++].id == id)
			return &m->headers[*index - 1];
	return NULL;
}

const struct sip_header *sip_message_first(const struct sip_message *m, enum sip_header_id id)
{
	size_t index = 0;

	return sip_message_next(m, id, &index);
}

bool sip_message_walk(const struct sip_message *m, enum sip_header_id id, struct sip_walk *walk,
		      struct slice *element)
{
	while (!sip_next_element(&walk->rest, element)) {
		const struct sip_header *h = sip_message_next(m, id, &walk->index);

		if (h == NULL)
			return false;
		walk->rest = h->value;
	}
	return true;
}

bool sip_message_is(const struct sip_message *m, const char *method)
{
	return slice_equal(m->method, slice_text(method));
}

int64_t sip_message_length(struct slice bytes)
{
	size_t head_len = sip_head_length(bytes), at, end;
	struct slice head = slice_of(bytes.data, head_len);
	uint64_t length = 0;
	bool found = false;

	if (head_len == 0)
		return bytes.len >= SIP_HEAD_MAX ? ERR_LIMIT : 0;
	if (head_len > SIP_HEAD_MAX)
		return ERR_LIMIT;
	for (at = sip_line_end(head, 0); at + 2 < head.len; at = end) {
		struct slice value, name;

		end = sip_line_end(head, at);
		name = sip_trim(sip_cut(slice_of(head.data + at, end - at), ':', &value));
		if (sip_header_of(name) != SIP_HEADER_CONTENT_LENGTH)
			continue;
		if (found || !sip_number(sip_trim(value), UINT32_MAX, &length))
			return ERR_MALFORMED;
		found = true;
	}
	if (!found)
		return ERR_MALFORMED;
	if (head_len + length > SIP_MESSAGE_MAX)
		return ERR_LIMIT;
	return head_len + length > bytes.len ? 0 : (int64_t)(head_len + length);
}
