/* SPDX-License-Identifier: MIT */
/* Digest authentication of phones (RFC 3261 section 22, RFC 7616, RFC 8760): qop=auth with MD5 or SHA-256.
 * MD5 is what phones know; it is libosip2's. */
#ifndef USAGE_SIP_SIP_DIGEST_H
#define USAGE_SIP_SIP_DIGEST_H

#include "usage/sip/sip_internal.h"

#define SIP_NONCES_MAX 64    /* the oldest gives way: its phone is asked again */
#define SIP_NONCE_AGE_S 300
#define SIP_DIGEST_TEXT_SIZE 65

enum sip_digest_result {
	SIP_DIGEST_OK,
	SIP_DIGEST_NONE,  /* no credentials for this realm */
	SIP_DIGEST_STALE, /* right, but for a nonce that is old or was used */
	SIP_DIGEST_WRONG
};

struct sip_digest *sip_digest_new(void);
void sip_digest_free(struct sip_digest *d);

/* Judges the credentials in Authorization or Proxy-Authorization lines. */
enum sip_digest_result sip_digest_check(struct sip_usage *s, struct now now, const struct sip_message *m,
					enum sip_header_id id);

/* Header lines of a challenge with a new nonce. */
void sip_digest_challenge(struct sip_usage *s, struct now now, enum sip_header_id id, bool stale,
			  struct sip_text *out);

/* The fields of one Digest credential, borrowed. */
struct sip_credentials {
	struct slice username, realm, nonce, uri, response, algorithm, cnonce, nc, qop;
};

/* What `response` must be (RFC 7616 3.4.1). */
void sip_digest_response(struct sip_usage *s, const struct sip_credentials *c, struct slice method,
			 const char *password, char out[SIP_DIGEST_TEXT_SIZE]);

/* H(parts) as hex: MD5 unless `sha256`. */
void sip_digest_hash(struct sip_usage *s, bool sha256, const struct slice *parts, size_t count,
		     char out[SIP_DIGEST_TEXT_SIZE]);

#endif
