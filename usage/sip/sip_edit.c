/* SPDX-License-Identifier: MIT */
/* Edits of a message's bytes, and the few messages that a proxy writes itself. */
#include "usage/sip/sip_edit.h"

#include <stdio.h>
#include <stdlib.h>

#include "overlay/base/error.h"

void sip_edit_begin(struct sip_edit *e, const struct sip_message *m)
{
	memset(e, 0, sizeof(*e));
	e->message = m;
}

/* Replaces `removed` bytes at `at` (a pointer into the message). */
static void sip_edit_place_bytes(struct sip_edit *e, const uint8_t *at, size_t removed, struct slice text)
{
	struct sip_edit_place *p;
	size_t i;

	if (e->count == SIP_EDITS_MAX) {
		e->failed = true;
		return;
	}
	/* Kept in order; places at the same byte in the order they were asked for. */
	for (i = e->count++; i > 0 && e->places[i - 1].at > (size_t)(at - e->message->bytes.data); i--)
		e->places[i] = e->places[i - 1];
	p = &e->places[i];
	p->at = (size_t)(at - e->message->bytes.data);
	p->removed = removed;
	p->text_at = e->text.len;
	sip_text_bytes(&e->text, text);
	p->text_len = e->text.len - p->text_at;
}

static void sip_edit_place(struct sip_edit *e, const uint8_t *at, size_t removed, const char *text)
{
	sip_edit_place_bytes(e, at, removed, slice_text(text));
}

static void sip_edit_remove(struct sip_edit *e, struct slice what)
{
	sip_edit_place(e, what.data, what.len, "");
}

static const uint8_t *sip_edit_first_line(const struct sip_edit *e)
{
	const struct sip_message *m = e->message;

	return m->header_count > 0 ? m->headers[0].line.data : m->bytes.data + m->head_len - 2;
}

void sip_edit_request_uri(struct sip_edit *e, struct slice uri)
{
	char text[SIP_URI_MAX + 1];

	if (uri.len > SIP_URI_MAX) {
		e->failed = true;
		return;
	}
	memcpy(text, uri.data, uri.len);
	text[uri.len] = '\0';
	sip_edit_place(e, e->message->uri_text.data, e->message->uri_text.len, text);
}

void sip_edit_push_via(struct sip_edit *e, const char *via)
{
	const struct sip_header *h = sip_message_first(e->message, SIP_HEADER_VIA);
	char line[640];

	snprintf(line, sizeof(line), "Via: %s\r\n", via);
	sip_edit_place(e, h->line.data, 0, line);
}

/* The end of the parameter called `name` that has no value, or NULL. */
static const uint8_t *sip_bare_param_end(struct slice params, const char *name)
{
	struct slice rest = params;

	while (rest.len > 0) {
		struct slice item = sip_trim(sip_cut(rest, ';', &rest));

		if (sip_is(item, name))
			return item.data + item.len;
	}
	return NULL;
}

static void sip_received_text(const struct address *from, char *text, size_t size)
{
	char numeric[ADDRESS_TEXT_SIZE], *host = numeric, *end;

	address_text(from, numeric);
	end = strrchr(numeric, ':');
	if (end != NULL)
		*end = '\0';
	if (host[0] == '[') { /* received takes the address without brackets (25.1) */
		host++;
		host[strlen(host) - 1] = '\0';
	}
	snprintf(text, size, ";received=%s", host);
}

void sip_edit_received(struct sip_edit *e, const struct address *from)
{
	const struct sip_via *via = &e->message->via;
	const uint8_t *rport = sip_bare_param_end(via->params, "rport");
	char text[ADDRESS_TEXT_SIZE + 16];
	struct slice value;

	if (rport != NULL) {
		snprintf(text, sizeof(text), "=%u", from->port);
		sip_edit_place(e, rport, 0, text);
	}
	if (sip_param(via->params, "received", &value))
		return;
	sip_received_text(from, text, sizeof(text));
	sip_edit_place(e, via->element.data + via->element.len, 0, text);
}

void sip_edit_push_record_route(struct sip_edit *e, const char *uri)
{
	const struct sip_header *h = sip_message_first(e->message, SIP_HEADER_RECORD_ROUTE);
	char line[SIP_URI_MAX];

	snprintf(line, sizeof(line), "Record-Route: <%s>\r\n", uri);
	sip_edit_place(e, h != NULL ? h->line.data : sip_edit_first_line(e), 0, line);
}

/* Takes the first `count` elements away from a header line; returns how many it had, up to `count`. */
static size_t sip_edit_pop_elements(struct sip_edit *e, const struct sip_header *h, size_t count)
{
	struct slice rest = h->value, element;
	size_t popped = 0;

	while (popped < count && sip_next_element(&rest, &element))
		popped++;
	if (!sip_next_element(&rest, &element))
		sip_edit_remove(e, h->line);
	else
		sip_edit_remove(e, slice_of(h->value.data, (size_t)(element.data - h->value.data)));
	return popped;
}

void sip_edit_pop_routes(struct sip_edit *e, size_t count)
{
	const struct sip_header *h;
	size_t index = 0;

	while (count > 0 && (h = sip_message_next(e->message, SIP_HEADER_ROUTE, &index)) != NULL)
		count -= sip_edit_pop_elements(e, h, count);
}

void sip_edit_drop_last_route(struct sip_edit *e)
{
	const struct sip_header *h, *last = NULL;
	struct slice rest, element, before = SLICE_EMPTY, end = SLICE_EMPTY;
	size_t index = 0;

	while ((h = sip_message_next(e->message, SIP_HEADER_ROUTE, &index)) != NULL)
		last = h;
	if (last == NULL)
		return;
	rest = last->value;
	while (sip_next_element(&rest, &element)) {
		before = end;
		end = element;
	}
	if (before.len == 0) {
		sip_edit_remove(e, last->line);
		return;
	}
	sip_edit_remove(e, slice_of(before.data + before.len,
				    (size_t)(end.data + end.len - (before.data + before.len))));
}

void sip_edit_max_forwards(struct sip_edit *e)
{
	const struct sip_header *h = sip_message_first(e->message, SIP_HEADER_MAX_FORWARDS);
	char text[40];

	if (h == NULL) {
		snprintf(text, sizeof(text), "Max-Forwards: %d\r\n", SIP_MAX_FORWARDS);
		sip_edit_place(e, sip_edit_first_line(e), 0, text);
		return;
	}
	snprintf(text, sizeof(text), "%d", e->message->max_forwards - 1);
	sip_edit_place(e, h->value.data, h->value.len, text);
}

void sip_edit_drop_credentials(struct sip_edit *e, const char *realm)
{
	static const enum sip_header_id ids[] = { SIP_HEADER_AUTHORIZATION, SIP_HEADER_PROXY_AUTHORIZATION };

	for (size_t i = 0; i < 2; i++) {
		const struct sip_header *h;
		size_t index = 0;

		while ((h = sip_message_next(e->message, ids[i], &index)) != NULL) {
			struct slice scheme, rest, item, value;
			bool ours = false;

			scheme = sip_cut(h->value, ' ', &rest);
			while (sip_is(scheme, "Digest") && sip_next_element(&rest, &item))
				ours = ours || (sip_is(sip_trim(sip_cut(item, '=', &value)), "realm") &&
						slice_equal(sip_unquote(value), slice_text(realm)));
			if (ours)
				sip_edit_remove(e, h->line);
		}
	}
}

void sip_edit_pop_via(struct sip_edit *e)
{
	sip_edit_pop_elements(e, sip_message_first(e->message, SIP_HEADER_VIA), 1);
}

void sip_edit_content_length(struct sip_edit *e)
{
	char text[40];

	if (e->message->content_length >= 0)
		return;
	snprintf(text, sizeof(text), "Content-Length: %zu\r\n", e->message->body.len);
	sip_edit_place(e, e->message->bytes.data + e->message->head_len - 2, 0, text);
}

void sip_edit_body(struct sip_edit *e, struct slice body)
{
	const struct sip_message *m = e->message;
	const struct sip_header *h = sip_message_first(m, SIP_HEADER_CONTENT_LENGTH);
	char text[40];

	snprintf(text, sizeof(text), h != NULL ? "%zu" : "Content-Length: %zu\r\n", body.len);
	if (h != NULL)
		sip_edit_place(e, h->value.data, h->value.len, text);
	else
		sip_edit_place(e, m->bytes.data + m->head_len - 2, 0, text);
	sip_edit_place_bytes(e, m->bytes.data + m->head_len, m->body.len, body);
}

int sip_edit_finish(struct sip_edit *e, struct sip_text *out)
{
	struct slice bytes = e->message->bytes;
	bool failed = e->failed;
	size_t at = 0;

	for (size_t i = 0; i < e->count && !failed; i++) {
		const struct sip_edit_place *p = &e->places[i];

		if (p->at < at) {
			failed = true; /* two edits overlap: a message made to confuse */
			break;
		}
		sip_text_bytes(out, slice_of(bytes.data + at, p->at - at));
		if (p->text_len > 0)
			sip_text_bytes(out, slice_of(e->text.data + p->text_at, p->text_len));
		at = p->at + p->removed;
	}
	if (!failed)
		sip_text_bytes(out, slice_of(bytes.data + at, bytes.len - at));
	sip_text_free(&e->text);
	return failed ? ERR_LIMIT : 0;
}

static void sip_line_put(struct sip_text *out, const struct sip_message *m, enum sip_header_id id)
{
	const struct sip_header *h = sip_message_first(m, id);

	sip_text_bytes(out, h->line);
}

/* All Via lines, the topmost with received and rport. */
static void sip_vias_put(struct sip_text *out, const struct sip_message *m, const struct address *from)
{
	const struct sip_header *h;
	struct sip_edit edit;
	size_t index = 0, base = 0;
	bool first = true;

	sip_edit_begin(&edit, m);
	if (from != NULL && from->type != ADDRESS_NONE && m->via.element.len > 0)
		sip_edit_received(&edit, from);
	while ((h = sip_message_next(m, SIP_HEADER_VIA, &index)) != NULL) {
		const uint8_t *at = h->line.data;

		base = (size_t)(at - m->bytes.data);
		for (size_t i = 0; first && i < edit.count; i++) {
			const struct sip_edit_place *p = &edit.places[i];

			sip_text_bytes(out, slice_of(at, p->at - base));
			sip_text_bytes(out, slice_of(edit.text.data + p->text_at, p->text_len));
			at = m->bytes.data + p->at;
			base = p->at;
		}
		first = false;
		sip_text_bytes(out, slice_of(at, (size_t)(h->line.data + h->line.len - at)));
	}
	sip_text_free(&edit.text);
}

void sip_response_put(struct sip_text *out, const struct sip_message *m, const struct address *from,
		      int status, const char *reason, const char *to_tag, const char *extra)
{
	const struct sip_header *to = sip_message_first(m, SIP_HEADER_TO);
	struct sip_name_addr party;
	struct slice tag;
	/* Asked of the header itself: a malformed request was perhaps not read that far. */
	bool has_tag = sip_name_addr_parse(to->value, &party) == 0 && sip_param(party.params, "tag", &tag);

	sip_text_add(out, "SIP/2.0 %d %s\r\n", status, reason);
	sip_vias_put(out, m, from);
	sip_line_put(out, m, SIP_HEADER_FROM);
	sip_text_add(out, "To: ");
	sip_text_bytes(out, to->value);
	if (to_tag != NULL && !has_tag && status != 100)
		sip_text_add(out, ";tag=%s", to_tag);
	sip_text_add(out, "\r\n");
	sip_line_put(out, m, SIP_HEADER_CALL_ID);
	sip_line_put(out, m, SIP_HEADER_CSEQ);
	sip_text_add(out, "%sServer: peal\r\nContent-Length: 0\r\n\r\n", extra);
}

/* The request line, the topmost Via, Routes, From, To of `to`, Call-ID and CSeq of a request that belongs
 * to `m`'s transaction. */
static void sip_related_put(struct sip_text *out, const struct sip_message *m, const struct sip_message *to,
			    const char *method)
{
	const struct sip_header *h;
	size_t index = 0;

	sip_text_add(out, "%s ", method);
	sip_text_bytes(out, m->uri_text);
	sip_text_add(out, " SIP/2.0\r\nVia: ");
	sip_text_bytes(out, m->via.element);
	sip_text_add(out, "\r\nMax-Forwards: %d\r\n", SIP_MAX_FORWARDS);
	while ((h = sip_message_next(m, SIP_HEADER_ROUTE, &index)) != NULL)
		sip_text_bytes(out, h->line);
	sip_line_put(out, m, SIP_HEADER_FROM);
	sip_line_put(out, to, SIP_HEADER_TO);
	sip_line_put(out, m, SIP_HEADER_CALL_ID);
	sip_text_add(out, "CSeq: %u %s\r\nContent-Length: 0\r\n\r\n", m->cseq, method);
}

void sip_ack_put(struct sip_text *out, const struct sip_message *m, const struct sip_message *response)
{
	sip_related_put(out, m, response, "ACK");
}

void sip_cancel_put(struct sip_text *out, const struct sip_message *m)
{
	sip_related_put(out, m, m, "CANCEL");
}

const char *sip_reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} reasons[] = {
		{ 100, "Trying" }, { 200, "OK" }, { 400, "Bad Request" }, { 401, "Unauthorized" },
		{ 403, "Forbidden" }, { 404, "Not Found" }, { 405, "Method Not Allowed" },
		{ 407, "Proxy Authentication Required" }, { 408, "Request Timeout" },
		{ 413, "Request Entity Too Large" }, { 414, "Request-URI Too Long" },
		{ 416, "Unsupported URI Scheme" }, { 420, "Bad Extension" }, { 423, "Interval Too Brief" },
		{ 480, "Temporarily Unavailable" }, { 481, "Call/Transaction Does Not Exist" },
		{ 482, "Loop Detected" }, { 483, "Too Many Hops" }, { 487, "Request Terminated" },
		{ 488, "Not Acceptable Here" },
		{ 489, "Bad Event" }, { 500, "Server Internal Error" }, { 501, "Not Implemented" },
		{ 503, "Service Unavailable" }, { 504, "Server Time-out" },
		{ 505, "Version Not Supported" }, { 513, "Message Too Large" },
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Unknown";
}
