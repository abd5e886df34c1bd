/* SPDX-License-Identifier: MIT */
/* Session descriptions, line by line. What is read here is only noted; sdp_write walks the same lines again. */
#include "usage/media/sdp.h"

#include <stdio.h>

#include "overlay/base/invariant.h"

enum sdp_line_type {
	SDP_OTHER,
	SDP_MEDIA,        /* m= */
	SDP_CONNECTION,   /* c= */
	SDP_TITLE,        /* i=, which stands between m= and c= */
	SDP_RTCP,         /* a=rtcp: */
	SDP_RTCP_MUX,     /* a=rtcp-mux */
	SDP_ICE,
	SDP_HOST_IDENTITY /* k=host-identity..., a=key-mgmt:host-identity... */
};

struct sdp_line {
	struct slice text; /* without its end */
	struct slice end;  /* CRLF, LF or, of the last line, less */
	enum sdp_line_type type;
	struct slice value; /* behind the name that makes the type */
};

static bool sdp_begins(struct slice text, const char *start, struct slice *rest)
{
	size_t len = strlen(start);

	if (text.len < len || !sip_is(slice_of(text.data, len), start))
		return false;
	*rest = slice_of(text.data + len, text.len - len);
	return true;
}

static void sdp_classify(struct sdp_line *l)
{
	static const struct {
		const char *start;
		enum sdp_line_type type;
		bool is_whole; /* nothing may follow */
	} types[] = {
		{ "m=", SDP_MEDIA, false },
		{ "c=", SDP_CONNECTION, false },
		{ "i=", SDP_TITLE, false },
		{ "a=rtcp:", SDP_RTCP, false },
		{ "a=rtcp-mux", SDP_RTCP_MUX, true },
		{ "a=candidate:", SDP_ICE, false },
		{ "a=ice-", SDP_ICE, false },
		{ "a=remote-candidates:", SDP_ICE, false },
		{ "a=end-of-candidates", SDP_ICE, true },
		{ "k=host-identity", SDP_HOST_IDENTITY, false },
		{ "a=key-mgmt:host-identity", SDP_HOST_IDENTITY, false },
	};

	l->type = SDP_OTHER;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (sdp_begins(l->text, types[i].start, &l->value) && (!types[i].is_whole || l->value.len == 0)) {
			l->type = types[i].type;
			return;
		}
}

static bool sdp_next_line(struct slice *rest, struct sdp_line *l)
{
	const uint8_t *feed;
	size_t len;

	if (rest->len == 0)
		return false;
	feed = memchr(rest->data, '\n', rest->len);
	len = feed == NULL ? rest->len : (size_t)(feed - rest->data);
	l->text = slice_of(rest->data, len > 0 && rest->data[len - 1] == '\r' ? len - 1 : len);
	l->end = slice_of(rest->data + l->text.len, (feed == NULL ? len : len + 1) - l->text.len);
	len = l->text.len + l->end.len;
	*rest = slice_of(rest->data + len, rest->len - len);
	sdp_classify(l);
	return true;
}

/* The next word and the blanks behind it. */
static struct slice sdp_word(struct slice *rest)
{
	struct slice word = { rest->data, 0 };

	while (word.len < rest->len && rest->data[word.len] != ' ')
		word.len++;
	*rest = slice_of(rest->data + word.len, rest->len - word.len);
	while (rest->len > 0 && rest->data[0] == ' ')
		*rest = slice_of(rest->data + 1, rest->len - 1);
	return word;
}

/* ---- Reading ---- */

/* "IN IP4 192.0.2.1/127": ADDRESS_NONE for a name, another network or a group of addresses. */
static int sdp_address(struct slice value, struct address *out)
{
	struct slice net = sdp_word(&value), type = sdp_word(&value), host = sdp_word(&value);
	char text[64];
	size_t len = 0;
	bool is_v6 = sip_is(type, "IP6");

	*out = (struct address){ 0 };
	if (net.len == 0 || type.len == 0 || host.len == 0)
		return ERR_MALFORMED;
	while (len < host.len && host.data[len] != '/')
		len++;
	if (!sip_is(net, "IN") || !(is_v6 || sip_is(type, "IP4")) || len == 0 || len > 45)
		return 0;
	if ((memchr(host.data, ':', len) != NULL) != is_v6)
		return 0;
	snprintf(text, sizeof(text), is_v6 ? "[%.*s]" : "%.*s", (int)len, (const char *)host.data);
	if (address_parse(text, 0, out) != 0)
		*out = (struct address){ 0 };
	return 0;
}

static int sdp_read_media(struct slice value, struct sdp_media *m)
{
	struct slice kind = sdp_word(&value), port = sdp_word(&value), protocol = sdp_word(&value), count;
	uint64_t number;

	m->kind = kind;
	m->protocol = protocol;
	m->port_count = 1;
	port = sip_cut(port, '/', &count);
	if (kind.len == 0 || protocol.len == 0 || !sip_number(port, UINT16_MAX, &number))
		return ERR_MALFORMED;
	m->port = (uint16_t)number;
	if (count.len > 0) {
		if (!sip_number(count, UINT16_MAX, &number) || number == 0)
			return ERR_MALFORMED;
		m->port_count = (uint16_t)number;
	}
	m->rtcp_port = m->port == UINT16_MAX ? 0 : (uint16_t)(m->port + (m->port != 0));
	return 0;
}

/* RFC 3605. A line that is none is passed over, as any unknown attribute. */
static void sdp_read_rtcp(struct slice value, struct sdp_media *m)
{
	struct slice port = sdp_word(&value);
	uint64_t number;

	if (!sip_number(port, UINT16_MAX, &number))
		return;
	m->rtcp_port = (uint16_t)number;
	if (value.len > 0 && sdp_address(value, &m->rtcp) != 0)
		m->rtcp = (struct address){ 0 };
}

static bool sdp_is_base64(struct slice text)
{
	size_t pad = 0;

	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.data[i];
		bool is_digit = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
				c == '+' || c == '/';

		pad += c == '=';
		if (!(is_digit && pad == 0) && c != '=')
			return false;
	}
	return text.len > 0 && text.len <= SDP_IDENTITY_MAX && pad <= 2;
}

/* "-tag 7214..." or " base64", with ':' for the blank as in k=. False: no Host Identity that can be used. */
static bool sdp_read_identity(const struct sdp_line *l, struct sdp_host_identity *out)
{
	struct slice value = l->value;
	bool is_tag = sdp_begins(value, "-tag", &value);
	char text[HIT_TEXT_SIZE];

	*out = (struct sdp_host_identity){ .is_key_line = (l->text.data[0] | 0x20) == 'k' };
	if (value.len == 0 || (value.data[0] != ':' && value.data[0] != ' '))
		return false;
	value = sip_trim(slice_of(value.data + 1, value.len - 1));
	if (!is_tag) {
		out->identity = value;
		return sdp_is_base64(value);
	}
	if (value.len >= sizeof(text))
		return false;
	return hit_parse(sip_copy(text, sizeof(text), value), &out->hit) == 0 && hit_suite(&out->hit) != 0;
}

static int sdp_add_identity(struct sdp *s, const struct sdp_line *l, unsigned *strange)
{
	struct sdp_media *m = s->media_count > 0 ? &s->media[s->media_count - 1] : NULL;
	struct sdp_host_identity *list = m != NULL ? m->hits : s->hits;
	size_t *count = m != NULL ? &m->hit_count : &s->hit_count;
	struct sdp_host_identity read;

	if (!sdp_read_identity(l, &read)) {
		(*strange)++;
		return 0;
	}
	if (*count == SDP_HITS_MAX)
		return ERR_LIMIT;
	list[(*count)++] = read;
	return 0;
}

static int sdp_read_line(struct sdp *s, const struct sdp_line *l, unsigned *strange)
{
	struct sdp_media *m = s->media_count > 0 ? &s->media[s->media_count - 1] : NULL;

	switch (l->type) {
	case SDP_MEDIA:
		if (s->media_count == SDP_MEDIA_MAX)
			return ERR_LIMIT;
		return sdp_read_media(l->value, &s->media[s->media_count++]);
	case SDP_CONNECTION:
		if (m == NULL) {
			s->has_connection = true;
			return sdp_address(l->value, &s->connection);
		}
		if (m->has_connection)
			return 0; /* further addresses of a layered group: the first one counts */
		m->has_connection = true;
		return sdp_address(l->value, &m->connection);
	case SDP_RTCP:
		if (m != NULL)
			sdp_read_rtcp(l->value, m);
		return 0;
	case SDP_RTCP_MUX:
		if (m != NULL)
			m->rtcp_mux = true;
		return 0;
	case SDP_HOST_IDENTITY:
		return sdp_add_identity(s, l, strange);
	default:
		return 0;
	}
}

int sdp_parse(struct slice bytes, struct sdp *out, unsigned *line, unsigned *strange_hits)
{
	unsigned number = 1, strange = 0;
	struct slice rest = bytes;
	struct sdp_line l;
	int err = 0;

	memset(out, 0, sizeof(*out));
	out->bytes = bytes;
	if (bytes.len > SDP_BYTES_MAX)
		err = ERR_LIMIT;
	else if (!sdp_next_line(&rest, &l) || !slice_equal(l.text, slice_text("v=0")))
		err = ERR_MALFORMED;
	while (err == 0 && sdp_next_line(&rest, &l)) {
		number++;
		err = sdp_read_line(out, &l, &strange);
	}
	for (size_t i = 0; i < out->media_count; i++) {
		struct sdp_media *m = &out->media[i];

		if (!m->has_connection)
			m->connection = out->connection;
		if (m->rtcp.type == ADDRESS_NONE)
			m->rtcp = m->connection;
		m->connection.port = m->port;
		m->rtcp.port = m->rtcp_port;
	}
	if (line != NULL)
		*line = number;
	if (strange_hits != NULL)
		*strange_hits = strange;
	return err;
}

/* ---- Writing ---- */

struct sdp_writing {
	const struct sdp *sdp;
	const struct sdp_edit *edit;
	struct sip_text *out;
	struct slice end;   /* how lines end here */
	size_t begin;       /* what `out` held before */
	size_t media;       /* m= lines met */
	bool takes_any;
	bool owes_connection; /* a taken m= line without any address: c= goes behind it and its i= */
	bool is_inserted;
};

static void sdp_put_end(struct sdp_writing *w, struct slice end)
{
	sip_text_bytes(w->out, end.len > 0 && end.data[end.len - 1] == '\n' ? end : w->end);
}

/* "IN IP4 192.0.2.1" */
static void sdp_put_address(struct sdp_writing *w)
{
	const struct address *a = &w->edit->connection;
	struct address bare = *a;
	char text[ADDRESS_TEXT_SIZE], *host = text, *end;

	bare.port = 0;
	address_text(&bare, text);
	end = strrchr(text, ':');
	if (end != NULL)
		*end = '\0';
	if (host[0] == '[') {
		host++;
		host[strlen(host) - 1] = '\0';
	}
	sip_text_add(w->out, "IN %s %s", a->type == ADDRESS_IPV6 ? "IP6" : "IP4", host);
}

/* What was written last may have been the last line, which need not have an end. */
static void sdp_end_line(struct sdp_writing *w)
{
	struct sip_text *out = w->out;

	if (out->len > w->begin && out->data[out->len - 1] == '\r')
		sip_text_add(out, "\n");
	else if (out->len > w->begin && out->data[out->len - 1] != '\n')
		sdp_put_end(w, SLICE_EMPTY);
}

static void sdp_put_connection(struct sdp_writing *w, struct slice end)
{
	sdp_end_line(w);
	sip_text_add(w->out, "c=");
	sdp_put_address(w);
	sdp_put_end(w, end);
	w->owes_connection = false;
}

static void sdp_put_line(struct sdp_writing *w, const struct sdp_line *l)
{
	sip_text_bytes(w->out, l->text);
	sip_text_bytes(w->out, l->end);
}

/* The session part ends: a= lines are its last. */
static void sdp_end_session(struct sdp_writing *w)
{
	const struct hit *hit = w->edit->insert;
	char text[2 * HIT_LENGTH + 1];

	if (hit == NULL || w->is_inserted)
		return;
	w->is_inserted = true;
	sdp_end_line(w);
	sip_hex(hit->bytes, HIT_LENGTH, text);
	sip_text_add(w->out, "a=key-mgmt:host-identity-tag %s", text);
	sdp_put_end(w, SLICE_EMPTY);
}

static void sdp_write_media(struct sdp_writing *w, const struct sdp_line *l)
{
	const struct sdp_media *m = &w->sdp->media[w->media];
	const struct sdp_media_edit *e = &w->edit->media[w->media++];
	struct slice rest = l->value, port;

	if (!e->take) {
		sdp_put_line(w, l);
		return;
	}
	sdp_word(&rest);
	port = sdp_word(&rest);
	sip_text_bytes(w->out, slice_of(l->text.data, (size_t)(port.data - l->text.data)));
	sip_text_add(w->out, "%u", e->port);
	sip_text_bytes(w->out, slice_of(port.data + port.len,
					(size_t)(l->text.data + l->text.len - (port.data + port.len))));
	w->owes_connection = !m->has_connection && !w->sdp->has_connection;
	sip_text_bytes(w->out, l->end);
}

static void sdp_write_rtcp(struct sdp_writing *w, const struct sdp_line *l)
{
	const struct sdp_media *m = &w->sdp->media[w->media - 1];
	const struct sdp_media_edit *e = &w->edit->media[w->media - 1];
	struct slice rest = l->value, port = sdp_word(&rest);
	uint64_t number;

	if (!sip_number(port, UINT16_MAX, &number)) {
		sdp_put_line(w, l);
		return;
	}
	/* One port for both is said by naming the same one (RFC 5761 5.1.3); else this is where RTCP falls back to. */
	sip_text_add(w->out, "a=rtcp:%u", e->port + (m->rtcp_mux && number == m->port ? 0u : 1u));
	if (rest.len > 0) {
		sip_text_add(w->out, " ");
		sdp_put_address(w);
	}
	sip_text_bytes(w->out, l->end);
}

/* "Send me nothing" (RFC 3264 8.4) stays so. */
static bool sdp_is_hold(const struct sdp_line *l)
{
	struct address a;

	return sdp_address(l->value, &a) == 0 && a.type != ADDRESS_NONE && address_is_any(&a);
}

static void sdp_write_line(struct sdp_writing *w, const struct sdp_line *l)
{
	bool takes = w->media == 0 ? w->takes_any : w->edit->media[w->media - 1].take;

	if (w->owes_connection && l->type != SDP_TITLE && l->type != SDP_MEDIA)
		sdp_put_connection(w, SLICE_EMPTY);
	switch (l->type) {
	case SDP_MEDIA:
		if (w->owes_connection)
			sdp_put_connection(w, SLICE_EMPTY);
		sdp_end_session(w);
		sdp_write_media(w, l);
		return;
	case SDP_CONNECTION:
		if (!w->takes_any || sdp_is_hold(l))
			break;
		sdp_put_connection(w, l->end);
		return;
	case SDP_RTCP:
		if (!takes || w->media == 0)
			break;
		sdp_write_rtcp(w, l);
		return;
	case SDP_ICE:
		if (!takes || !w->edit->strip_ice)
			break;
		return;
	case SDP_HOST_IDENTITY:
		if (!w->edit->strip_host_identities)
			break;
		return;
	default:
		break;
	}
	sdp_put_line(w, l);
}

int sdp_write(const struct sdp *s, const struct sdp_edit *edit, struct sip_text *out)
{
	struct sdp_writing w = { .sdp = s, .edit = edit, .out = out, .end = slice_text("\r\n"), .begin = out->len };
	struct slice rest = s->bytes;
	struct sdp_line l;

	for (size_t i = 0; i < s->media_count; i++)
		w.takes_any = w.takes_any || edit->media[i].take;
	invariant(!w.takes_any || edit->connection.type != ADDRESS_NONE);
	while (sdp_next_line(&rest, &l)) {
		if (l.text.data == s->bytes.data && l.end.len > 0 && l.end.data[l.end.len - 1] == '\n')
			w.end = l.end;
		sdp_write_line(&w, &l);
	}
	if (w.owes_connection)
		sdp_put_connection(&w, SLICE_EMPTY);
	sdp_end_session(&w);
	return out->len - w.begin > SDP_BYTES_MAX ? ERR_LIMIT : 0;
}
