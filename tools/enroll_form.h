/* SPDX-License-Identifier: MIT */
/* The body of an enrollment request: multipart/form-data (RFC 2388, RFC 7578) with the parameters of
 * RFC 6940 11.3. The whole body is there when it is parsed, so nothing is kept between calls. */
#ifndef TOOLS_ENROLL_FORM_H
#define TOOLS_ENROLL_FORM_H

#include "crypto/password.h"
#include "overlay/base/error.h"
#include "overlay/base/slice.h"
#include "overlay/security.h"

#define FORM_BODY_MAX 32768 /* bytes: a request with a 4,096-bit RSA key needs 2 KiB */
#define FORM_PARTS_MAX 16

/* Slices borrow from the body. */
struct enroll_form {
	struct slice csr;
	bool csr_has_type; /* its Content-Type is application/pkcs10 */
	bool has_username;
	bool has_password;
	char username[USER_NAME_MAX + 1];
	char password[PASSWORD_MAX + 1];
	unsigned node_ids; /* 0: not given */
	unsigned device;   /* our extension, 0: not given */
};

/* The boundary of a Content-Type "multipart/form-data; boundary=...". ERR_UNSUPPORTED: another type;
 * ERR_MALFORMED: no boundary, or one that RFC 2046 5.1.1 does not allow. */
int MUST_CHECK form_boundary(const char *content_type, struct slice *boundary);

/* Parses a body. Unknown parameters are ignored, one given twice is ERR_MALFORMED, as are a missing end
 * and a number that is none. ERR_LIMIT: too many parts, or a name or password too long. */
int MUST_CHECK form_parse(struct slice body, struct slice boundary, struct enroll_form *form);

/* True when an Accept header (NULL: none was sent, which accepts anything) lets us answer with `type`. */
bool form_accepts(const char *accept, const char *type);

#endif
