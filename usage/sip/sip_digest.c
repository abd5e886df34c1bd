/* SPDX-License-Identifier: MIT */
/* Digest authentication of phones. */
#include "usage/sip/sip_digest.h"

#include <stdlib.h>

#include <osipparser2/osip_port.h>
/* libosip2's MD5 comes with prototypes only when asked for. */
#define PROTOTYPES 1
#include <osipparser2/osip_md5.h>

#include "overlay/base/invariant.h"

#define SIP_NONCE_BYTES 16
#define SIP_PASSWORD_SIZE 256

struct sip_nonce {
	char text[2 * SIP_NONCE_BYTES + 1];
	struct instant issued;
	uint64_t count; /* the highest nc seen */
};

struct sip_digest {
	struct sip_nonce nonces[SIP_NONCES_MAX];
	size_t next;
};

struct sip_digest *sip_digest_new(void)
{
	return memory_alloc(sizeof(struct sip_digest));
}

void sip_digest_free(struct sip_digest *d)
{
	free(d);
}

void sip_digest_hash(struct sip_usage *s, bool sha256, const struct slice *parts, size_t count,
		     char out[SIP_DIGEST_TEXT_SIZE])
{
	const struct security *security = peer_security(s->peer);
	uint8_t bytes[32];
	osip_MD5_CTX md5;

	if (sha256) {
		security->ops->digest(security->ctx, HASH_SHA256, parts, count, bytes);
		sip_hex(bytes, 32, out);
		return;
	}
	osip_MD5Init(&md5);
	for (size_t i = 0; i < count; i++)
		osip_MD5Update(&md5, (unsigned char *)(uintptr_t)parts[i].data, (unsigned)parts[i].len);
	osip_MD5Final(bytes, &md5);
	sip_hex(bytes, 16, out);
}

static bool sip_credentials_parse(struct slice value, struct sip_credentials *c)
{
	struct slice rest, item, field;

	*c = (struct sip_credentials){ 0 };
	if (!sip_is(sip_cut(value, ' ', &rest), "Digest"))
		return false;
	while (sip_next_element(&rest, &item)) {
		struct slice name = sip_trim(sip_cut(item, '=', &field));
		struct slice text = sip_unquote(field);

		if (sip_is(name, "username"))
			c->username = text;
		else if (sip_is(name, "realm"))
			c->realm = text;
		else if (sip_is(name, "nonce"))
			c->nonce = text;
		else if (sip_is(name, "uri"))
			c->uri = text;
		else if (sip_is(name, "response"))
			c->response = text;
		else if (sip_is(name, "algorithm"))
			c->algorithm = text;
		else if (sip_is(name, "cnonce"))
			c->cnonce = text;
		else if (sip_is(name, "nc"))
			c->nc = text;
		else if (sip_is(name, "qop"))
			c->qop = text;
	}
	return true;
}

static bool sip_digest_is_sha256(struct slice algorithm)
{
	return sip_is(algorithm, "SHA-256");
}

void sip_digest_response(struct sip_usage *s, const struct sip_credentials *c, struct slice method,
			 const char *password, char out[SIP_DIGEST_TEXT_SIZE])
{
	bool sha256 = sip_digest_is_sha256(c->algorithm);
	char ha1[SIP_DIGEST_TEXT_SIZE], ha2[SIP_DIGEST_TEXT_SIZE];
	struct slice colon = slice_text(":");
	struct slice a1[] = { c->username, colon, c->realm, colon, slice_text(password) };
	struct slice a2[] = { method, colon, c->uri };

	sip_digest_hash(s, sha256, a1, 5, ha1);
	sip_digest_hash(s, sha256, a2, 3, ha2);
	struct slice all[] = { slice_text(ha1), colon, c->nonce, colon, c->nc, colon, c->cnonce, colon,
			       c->qop, colon, slice_text(ha2) };
	sip_digest_hash(s, sha256, all, 11, out);
}

/* Without a difference in time that would tell how much is right. */
static bool sip_digest_equal(struct slice given, const char *expected)
{
	uint8_t difference = 0;

	if (given.len != strlen(expected))
		return false;
	for (size_t i = 0; i < given.len; i++)
		difference |= (uint8_t)((given.data[i] | 0x20) ^ ((uint8_t)expected[i] | 0x20));
	return difference == 0;
}

/* Whether the nonce is ours, fresh, and this count was not used with it. */
static bool sip_nonce_take(struct sip_digest *d, struct now now, struct slice nonce, struct slice nc)
{
	uint64_t count = 0;

	if (nc.len != 8)
		return false;
	for (size_t i = 0; i < 8; i++) {
		uint8_t c = nc.data[i];
		uint8_t letter = c | 0x20;

		if (c >= '0' && c <= '9')
			count = count << 4 | (uint64_t)(c - '0');
		else if (letter >= 'a' && letter <= 'f')
			count = count << 4 | (uint64_t)(letter - 'a' + 10);
		else
			return false;
	}
	for (size_t i = 0; i < SIP_NONCES_MAX; i++) {
		struct sip_nonce *n = &d->nonces[i];

		if (n->text[0] == '\0' || !slice_equal(nonce, slice_text(n->text)))
			continue;
		if (count <= n->count ||
		    instant_since(now.mono, n->issued).us > duration_s(SIP_NONCE_AGE_S).us)
			return false;
		n->count = count;
		return true;
	}
	return false;
}

static bool sip_digest_password(struct sip_usage *s, struct slice username, char *password)
{
	char user[SIP_AOR_SIZE];

	sip_copy(user, sizeof(user), username);
	return s->options.password_of != NULL &&
	       s->options.password_of(s->options.password_ctx, user, password, SIP_PASSWORD_SIZE);
}

static enum sip_digest_result sip_credentials_check(struct sip_usage *s, struct now now,
						    const struct sip_message *m,
						    const struct sip_credentials *c)
{
	char password[SIP_PASSWORD_SIZE] = "", expected[SIP_DIGEST_TEXT_SIZE];
	bool offered = sip_digest_is_sha256(c->algorithm) ? s->options.digest_sha256
							  : !s->options.digest_no_md5;
	bool ok;

	if (!offered || (c->algorithm.len > 0 && !sip_digest_is_sha256(c->algorithm) &&
			 !sip_is(c->algorithm, "MD5")))
		return SIP_DIGEST_WRONG;
	if (!sip_is(c->qop, "auth") || c->cnonce.len == 0 || !slice_equal(c->uri, m->uri_text))
		return SIP_DIGEST_WRONG;
	if (!sip_digest_password(s, c->username, password))
		return SIP_DIGEST_WRONG;
	sip_digest_response(s, c, m->method, password, expected);
	explicit_bzero(password, sizeof(password));
	ok = sip_digest_equal(c->response, expected);
	if (!ok)
		return SIP_DIGEST_WRONG;
	return sip_nonce_take(s->digest, now, c->nonce, c->nc) ? SIP_DIGEST_OK : SIP_DIGEST_STALE;
}

enum sip_digest_result sip_digest_check(struct sip_usage *s, struct now now, const struct sip_message *m,
					enum sip_header_id id)
{
	struct slice realm = slice_text(peer_configuration(s->peer)->overlay_name);
	enum sip_digest_result result = SIP_DIGEST_NONE;
	const struct sip_header *h;
	size_t index = 0;

	while ((h = sip_message_next(m, id, &index)) != NULL && result != SIP_DIGEST_OK) {
		struct sip_credentials c;

		if (sip_credentials_parse(h->value, &c) && slice_equal(c.realm, realm))
			result = sip_credentials_check(s, now, m, &c);
	}
	return result;
}

static void sip_challenge_line(const struct sip_usage *s, const char *header, const char *algorithm,
			       const char *nonce, bool stale, struct sip_text *out)
{
	sip_text_add(out, "%s: Digest realm=\"%s\", nonce=\"%s\", algorithm=%s, qop=\"auth\"%s\r\n", header,
		     peer_configuration(s->peer)->overlay_name, nonce, algorithm,
		     stale ? ", stale=TRUE" : "");
}

void sip_digest_challenge(struct sip_usage *s, struct now now, enum sip_header_id id, bool stale,
			  struct sip_text *out)
{
	const char *header = id == SIP_HEADER_AUTHORIZATION ? "WWW-Authenticate" : "Proxy-Authenticate";
	struct sip_nonce *n = &s->digest->nonces[s->digest->next];

	s->digest->next = (s->digest->next + 1) % SIP_NONCES_MAX;
	sip_random_hex(s, SIP_NONCE_BYTES, n->text);
	n->issued = now.mono;
	n->count = 0;
	/* RFC 8760 2.3: the preferred one first. */
	if (s->options.digest_sha256)
		sip_challenge_line(s, header, "SHA-256", n->text, stale, out);
	if (!s->options.digest_no_md5)
		sip_challenge_line(s, header, "MD5", n->text, stale, out);
}
