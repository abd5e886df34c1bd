/* SPDX-License-Identifier: MIT */
/* SIP URIs and Addresses-of-Record. An AOR is a Resource Name in RELOAD, so two spellings of one AOR must
 * give the same bytes and two AORs never may (RFC 3261 19.1.4, RFC 7904 section 2). */
#ifndef USAGE_SIP_SIP_URI_H
#define USAGE_SIP_SIP_URI_H

#include "overlay/base/error.h"
#include "overlay/kind.h"
#include "overlay/security.h"
#include "overlay/wire/address.h"

#define SIP_AOR_SIZE (USER_NAME_MAX + 1) /* user@domain and NUL */
#define SIP_URI_MAX 1024                 /* bytes of one URI */

/* Borrowed from the text it was parsed from. */
struct sip_uri {
	struct slice text;
	bool is_sips;
	struct slice user;     /* as written, escapes kept, without password; empty: none */
	struct slice password;
	struct slice host;     /* an IPv6 reference with its brackets */
	uint16_t port;         /* 0: none given */
	struct slice params;   /* from the first ';', or empty */
	struct slice headers;  /* behind '?', or empty */
};

/* A name-addr or addr-spec with its header parameters. */
struct sip_name_addr {
	struct slice text;   /* the whole element */
	struct slice uri;    /* without angle brackets */
	struct slice params; /* header parameters, from the first ';', or empty */
};

/* ERR_MALFORMED; ERR_UNSUPPORTED for a scheme that is neither sip nor sips; ERR_LIMIT. */
int MUST_CHECK sip_uri_parse(struct slice text, struct sip_uri *u);

int MUST_CHECK sip_name_addr_parse(struct slice text, struct sip_name_addr *n);

/* RFC 3261 19.1.4. */
bool sip_uri_equal(const struct sip_uri *a, const struct sip_uri *b);

/* Numeric host and port (`default_port` when none) as an address; false for a host name. */
bool sip_uri_address(const struct sip_uri *u, uint16_t default_port, struct address *a);
bool sip_host_address(struct slice host, uint16_t port, struct address *a);

/* user@domain: escapes decoded, domain in lower case, without scheme, port, password and parameters. The
 * case of the user is kept. ERR_MALFORMED without a user, or when it decodes to a control character. */
int MUST_CHECK sip_aor_of_uri(const struct sip_uri *u, char aor[SIP_AOR_SIZE]);

/* The same for an AOR as it stands in certificates and records ("alice@Example.test", perhaps "sip:...").
 * ERR_MALFORMED. */
int MUST_CHECK sip_aor_normalise(struct slice text, char aor[SIP_AOR_SIZE]);

/* The part behind the last '@'. */
const char *sip_aor_domain(const char *aor);

/* Writes the AOR as a URI; characters that may not stand in a user part are escaped. */
struct sip_text;
void sip_aor_put_uri(struct sip_text *out, const char *aor);

/* Whether AORs of `domain` (lower case) belong to this overlay by the Kind's domain restriction (RFC 7904
 * 3.4); without one every domain does. */
bool sip_domain_is_admitted(const struct kind *kind, const char *overlay_name, const char *domain);

#endif
