/* SPDX-License-Identifier: MIT */
/* The HTTPS server's certificate, issued by the overlay's root so that a client needs to know one thing
 * only. GnuTLS makes it because GnuTLS serves with it. */
#ifndef TOOLS_ENROLL_TLS_H
#define TOOLS_ENROLL_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include "overlay/base/error.h"
#include "overlay/base/instant.h"

struct enroll_tls_order {
	const char *authority_key;         /* paths of PEM files */
	const char *authority_certificate;
	const char *key;                   /* made when it is not there */
	const char *certificate;           /* written: the server's, then the root's */
	const char *url;                   /* its host becomes a name of the certificate */
	const char *overlay_name;          /* another name: RFC 6940 11.2, 11.3 let clients ask for it */
};

/* Makes key and certificate, or a new certificate when the old one has less than 30 days left or lacks the
 * host of the URL. *made: it did. ERR_KEY, ERR_CERTIFICATE, ERR_IO, ERR_MALFORMED (the URL). */
int MUST_CHECK enroll_tls_prepare(const struct enroll_tls_order *order, struct walltime now, bool *made,
				  char *detail, size_t detail_size);

/* The host of "https://host[:port][/...]" without brackets. ERR_MALFORMED. */
int MUST_CHECK enroll_url_host(const char *url, char *host, size_t size);

#endif
