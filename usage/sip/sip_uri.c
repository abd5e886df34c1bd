/* SPDX-License-Identifier: MIT */
/* SIP URIs and Addresses-of-Record. libosip2's URI parser has the second say on syntax, but its result is
 * not used: it decodes escapes, and a NUL among them cuts the user short. */
#include "usage/sip/sip_uri.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

#include <osipparser2/osip_uri.h>

#include "overlay/base/hex.h"
#include "usage/sip/sip_text.h"

/* The byte at *i, an escape decoded; *i moves past it. -1: a broken escape. */
static int sip_unescape_next(struct slice s, size_t *i)
{
	uint8_t c = s.data[(*i)++];
	int high, low;

	if (c != '%')
		return c;
	if (s.len - *i < 2)
		return -1;
	high = hex_digit(s.data[*i]);
	low = hex_digit(s.data[*i + 1]);
	*i += 2;
	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* No control characters or blanks, raw or escaped, and no broken escapes. */
static bool sip_uri_is_clean(struct slice text)
{
	for (size_t i = 0; i < text.len;) {
		bool raw = text.data[i] != '%';
		int c = sip_unescape_next(text, &i);

		if (c < 0x20 || c == 0x7f || (raw && (c == ' ' || c == '<' || c == '>' || c == '"')))
			return false;
	}
	return true;
}

static bool sip_host_is_clean(struct slice host)
{
	bool bracketed = host.len > 2 && host.data[0] == '[' && host.data[host.len - 1] == ']';

	if (host.len == 0 || host.len > 255)
		return false;
	for (size_t i = bracketed ? 1 : 0; i < host.len - (bracketed ? 1 : 0); i++) {
		uint8_t c = host.data[i];
		bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		if (!alnum && c != '.' && c != '-' && c != '_' && !(bracketed && c == ':'))
			return false;
	}
	return true;
}

/* Splits "host", "host:port", "[v6]:port". */
static int sip_hostport(struct slice s, struct slice *host, uint16_t *port)
{
	uint64_t number;
	size_t i = 0;

	if (s.len > 0 && s.data[0] == '[')
		while (i < s.len && s.data[i] != ']')
			i++;
	while (i < s.len && s.data[i] != ':')
		i++;
	*host = slice_of(s.data, i);
	*port = 0;
	if (!sip_host_is_clean(*host))
		return ERR_MALFORMED;
	if (i == s.len)
		return 0;
	if (!sip_number(slice_of(s.data + i + 1, s.len - i - 1), 65535, &number) || number == 0)
		return ERR_MALFORMED;
	*port = (uint16_t)number;
	return 0;
}

/* libosip2 must find the text acceptable too. */
static bool sip_uri_osip_agrees(struct slice text)
{
	char copy[SIP_URI_MAX + 1];
	osip_uri_t *uri = NULL;
	bool ok;

	memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	if (osip_uri_init(&uri) != 0)
		return false;
	ok = osip_uri_parse(uri, copy) == 0 && uri->host != NULL;
	osip_uri_free(uri);
	return ok;
}

static size_t sip_find(struct slice s, size_t from, const char *any)
{
	while (from < s.len && (s.data[from] == '\0' || strchr(any, s.data[from]) == NULL))
		from++;
	return from;
}

int sip_uri_parse(struct slice text, struct sip_uri *u)
{
	struct slice rest;
	size_t colon = sip_find(text, 0, ":"), at, end;

	*u = (struct sip_uri){ .text = text };
	if (text.len > SIP_URI_MAX)
		return ERR_LIMIT;
	if (colon == 0 || colon == text.len || !sip_uri_is_clean(text))
		return ERR_MALFORMED;
	u->is_sips = sip_is(slice_of(text.data, colon), "sips");
	if (!u->is_sips && !sip_is(slice_of(text.data, colon), "sip"))
		return ERR_UNSUPPORTED;
	rest = slice_of(text.data + colon + 1, text.len - colon - 1);
	/* A user part may hold ';' and '?' but never '@' unescaped. */
	at = sip_find(rest, 0, "@");
	if (at < rest.len) {
		size_t secret = sip_find(slice_of(rest.data, at), 0, ":");

		u->user = slice_of(rest.data, secret);
		if (secret < at)
			u->password = slice_of(rest.data + secret + 1, at - secret - 1);
		if (u->user.len == 0)
			return ERR_MALFORMED;
		rest = slice_of(rest.data + at + 1, rest.len - at - 1);
		if (sip_find(rest, 0, "@") < rest.len)
			return ERR_MALFORMED;
	}
	end = sip_find(rest, 0, "?");
	if (end < rest.len)
		u->headers = slice_of(rest.data + end + 1, rest.len - end - 1);
	rest.len = end;
	end = sip_find(rest, 0, ";");
	u->params = slice_of(rest.data + end, rest.len - end);
	rest.len = end;
	if (sip_hostport(rest, &u->host, &u->port) != 0 || !sip_uri_osip_agrees(text))
		return ERR_MALFORMED;
	return 0;
}

int sip_name_addr_parse(struct slice text, struct sip_name_addr *n)
{
	struct slice behind, before, uri;

	text = sip_trim(text);
	*n = (struct sip_name_addr){ .text = text };
	if (text.len == 0)
		return ERR_MALFORMED;
	/* The parameters' ';' is the first one outside of quotes and brackets. */
	uri = sip_cut(text, ';', &behind);
	if (uri.len < text.len)
		n->params = slice_of(text.data + uri.len, text.len - uri.len);
	uri = sip_trim(uri);
	before = sip_cut(uri, '<', &behind);
	if (before.len == uri.len) {
		n->uri = uri; /* addr-spec: parameters are the header's (20.10) */
		return uri.len > 0 ? 0 : ERR_MALFORMED;
	}
	behind = sip_trim(behind);
	if (behind.len < 2 || behind.data[behind.len - 1] != '>')
		return ERR_MALFORMED;
	n->uri = slice_of(behind.data, behind.len - 1);
	return sip_find(n->uri, 0, "<>") == n->uri.len ? 0 : ERR_MALFORMED;
}

/* Compares two user parts, parameters or values: escaped and plain characters are the same. */
static bool sip_escaped_equal(struct slice a, struct slice b, bool fold)
{
	size_t i = 0, j = 0;

	while (i < a.len && j < b.len) {
		int x = sip_unescape_next(a, &i), y = sip_unescape_next(b, &j);

		if (fold && x >= 'A' && x <= 'Z')
			x += 'a' - 'A';
		if (fold && y >= 'A' && y <= 'Z')
			y += 'a' - 'A';
		if (x < 0 || x != y)
			return false;
	}
	return i == a.len && j == b.len;
}

/* Each parameter of `a` that is also in `b` must match; the five named ones must be in both or none. */
static bool sip_uri_params_match(struct slice a, struct slice b)
{
	static const char *const strict[] = { "user", "ttl", "method", "maddr", "transport" };
	struct slice rest = a, x, y;

	for (size_t i = 0; i < sizeof(strict) / sizeof(strict[0]); i++)
		if (sip_param(a, strict[i], &x) != sip_param(b, strict[i], &y))
			return false;
	while (rest.len > 0) {
		struct slice value;
		char name[64];
		struct slice item = sip_cut(sip_cut(rest, ';', &rest), '=', &value);

		if (item.len == 0 || item.len >= sizeof(name))
			continue;
		sip_copy(name, sizeof(name), item);
		if (sip_param(b, name, &y) && !sip_escaped_equal(value, y, true))
			return false;
	}
	return true;
}

bool sip_uri_equal(const struct sip_uri *a, const struct sip_uri *b)
{
	return a->is_sips == b->is_sips && sip_escaped_equal(a->user, b->user, false) &&
	       sip_escaped_equal(a->password, b->password, false) &&
	       sip_slice_equal_nocase(a->host, b->host) && a->port == b->port &&
	       sip_uri_params_match(a->params, b->params) && sip_uri_params_match(b->params, a->params) &&
	       sip_escaped_equal(a->headers, b->headers, true);
}

bool sip_host_address(struct slice host, uint16_t port, struct address *a)
{
	char text[ADDRESS_TEXT_SIZE + 8];

	if (host.len == 0 || host.len >= ADDRESS_TEXT_SIZE - 8)
		return false;
	snprintf(text, sizeof(text), "%.*s:%u", (int)host.len, (const char *)host.data, port);
	return address_parse(text, port, a) == 0;
}

bool sip_uri_address(const struct sip_uri *u, uint16_t default_port, struct address *a)
{
	return sip_host_address(u->host, u->port != 0 ? u->port : default_port, a);
}

/* Puts user (escapes decoded) @ host (lower case). */
static int sip_aor_put(struct slice user, struct slice host, char aor[SIP_AOR_SIZE])
{
	size_t len = 0;

	if (user.len == 0 || !sip_host_is_clean(host))
		return ERR_MALFORMED;
	for (size_t i = 0; i < user.len;) {
		int c = sip_unescape_next(user, &i);

		if (c <= 0x20 || c == 0x7f || c == '@' || len >= USER_NAME_MAX)
			return ERR_MALFORMED;
		aor[len++] = (char)c;
	}
	if (len + 1 + host.len > USER_NAME_MAX)
		return ERR_MALFORMED;
	aor[len++] = '@';
	for (size_t i = 0; i < host.len; i++) {
		char c = (char)host.data[i];

		aor[len++] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
	}
	aor[len] = '\0';
	return 0;
}

int sip_aor_of_uri(const struct sip_uri *u, char aor[SIP_AOR_SIZE])
{
	return sip_aor_put(u->user, u->host, aor);
}

int sip_aor_normalise(struct slice text, char aor[SIP_AOR_SIZE])
{
	size_t at;

	if (text.len > 4 && sip_is(slice_of(text.data, 4), "sip:"))
		text = slice_of(text.data + 4, text.len - 4);
	else if (text.len > 5 && sip_is(slice_of(text.data, 5), "sips:"))
		text = slice_of(text.data + 5, text.len - 5);
	at = sip_find(text, 0, "@");
	if (at == text.len)
		return ERR_MALFORMED;
	return sip_aor_put(slice_of(text.data, at), slice_of(text.data + at + 1, text.len - at - 1), aor);
}

const char *sip_aor_domain(const char *aor)
{
	const char *at = strrchr(aor, '@');

	return at == NULL ? "" : at + 1;
}

void sip_aor_put_uri(struct sip_text *out, const char *aor)
{
	/* RFC 3261 25.1: unreserved and user-unreserved may stand as they are. */
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "-_.!~*'()&=+$,;?/";
	const char *domain = sip_aor_domain(aor);

	sip_text_add(out, "sip:");
	for (const char *c = aor; c + 1 < domain; c++) {
		if (strchr(plain, *c) != NULL)
			sip_text_add(out, "%c", *c);
		else
			sip_text_add(out, "%%%02X", (unsigned)(uint8_t)*c);
	}
	sip_text_add(out, "@%s", domain);
}

bool sip_domain_is_admitted(const struct kind *kind, const char *overlay_name, const char *domain)
{
	char pattern[KIND_DOMAIN_PATTERN_MAX + 8];
	bool found = false;

	if (kind == NULL || kind->domain_restriction == DOMAIN_RESTRICTION_ABSENT)
		return true;
	if (kind->domain_restriction == DOMAIN_RESTRICTION_OVERLAY)
		return sip_is(slice_text(overlay_name), domain);
	for (size_t i = 0; i < kind->domain_pattern_count && !found; i++) {
		regex_t compiled;

		snprintf(pattern, sizeof(pattern), "^(%s)$", kind->domain_patterns[i]);
		if (regcomp(&compiled, pattern, REG_EXTENDED | REG_ICASE | REG_NOSUB) != 0)
			continue;
		found = regexec(&compiled, domain, 0, NULL, 0) == 0;
		regfree(&compiled);
	}
	return found;
}
