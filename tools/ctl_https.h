/* SPDX-License-Identifier: MIT */
/* HTTPS as a client: GET of a configuration document, POST of an enrollment request. Certificates are
 * always verified; redirects are not followed. */
#ifndef TOOLS_CTL_HTTPS_H
#define TOOLS_CTL_HTTPS_H

#include "overlay/base/error.h"
#include "overlay/base/slice.h"

#define HTTPS_ANSWER_MAX (1024 * 1024) /* bytes of a body */
#define HTTPS_TYPE_SIZE 128

struct https_call {
	const char *url;
	const char *ca;         /* file with the certificates to trust; NULL: the system's */
	const char *connect_to; /* "HOST:PORT" to connect to instead (found by SRV); NULL: what the URL says */
};

struct https_answer {
	long status;
	char content_type[HTTPS_TYPE_SIZE]; /* without parameters */
	long retry_after_s;                 /* 0: not told */
	uint8_t *body;                      /* owned; a NUL follows */
	size_t len;
};

/* The parameters of RFC 6940 11.3; 0 leaves a number out. */
struct https_enrollment {
	const char *user;
	const char *password;
	struct slice csr;
	unsigned node_ids;
	unsigned device;
};

/* ERR_LINK: no answer, `detail` says why; ERR_CERTIFICATE: the server's certificate is not acceptable;
 * ERR_LIMIT: too long an answer; ERR_PERMISSION: the CA file cannot be read. Any HTTP status is 0. */
int MUST_CHECK https_get(const struct https_call *call, struct https_answer *out, char *detail,
			 size_t detail_size);
int MUST_CHECK https_enroll(const struct https_call *call, const struct https_enrollment *enrollment,
			    struct https_answer *out, char *detail, size_t detail_size);
void https_answer_free(struct https_answer *a);

/* RFC 6940 11.2: the SRV record _reload-config._tcp of an overlay, as "host:port". ERR_NOT_FOUND. */
int MUST_CHECK https_discover(const char *overlay, char *host_port, size_t size);

#endif
