/* SPDX-License-Identifier: MIT */
/* Text as SIP has it: runs of bytes compared without case, cut at separators, and a growing buffer that
 * messages are written into. */
#ifndef USAGE_SIP_SIP_TEXT_H
#define USAGE_SIP_SIP_TEXT_H

#include "overlay/base/error.h"
#include "overlay/base/slice.h"

/* A growing run of bytes. Owned. */
struct sip_text {
	uint8_t *data;
	size_t len;
	size_t room;
};

void sip_text_bytes(struct sip_text *t, struct slice bytes);
void sip_text_add(struct sip_text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sip_text_free(struct sip_text *t);
static inline struct slice sip_text_slice(const struct sip_text *t) { return slice_of(t->data, t->len); }
/* A copy of `bytes`; replaces what `t` held. */
void sip_text_set(struct sip_text *t, struct slice bytes);

/* Equal without regard to ASCII case. */
bool sip_is(struct slice s, const char *text);
bool sip_slice_equal_nocase(struct slice a, struct slice b);

/* Without blanks, tabs and line ends at both sides. */
struct slice sip_trim(struct slice s);

/* What comes before the first `separator` outside quotes and angle brackets; `rest` is what follows it,
 * or empty. */
struct slice sip_cut(struct slice s, char separator, struct slice *rest);

/* The next element of a comma-separated header value; false at the end. */
bool sip_next_element(struct slice *rest, struct slice *element);

/* The value of ";name=value" in `params` (which starts with ';' or is empty). True when the name is there;
 * the value is empty for a bare name. Quotes around a value are kept. */
bool sip_param(struct slice params, const char *name, struct slice *value);

/* Decimal digits only, at most `max`. */
bool sip_number(struct slice s, uint64_t max, uint64_t *value);

/* Copies with a NUL, cutting to `size` - 1 bytes; control characters become '?'. Returns `out`. */
char *sip_copy(char *out, size_t size, struct slice s);

/* Lower-case hex of `bytes`; `out` has room for twice the bytes and NUL. */
void sip_hex(const uint8_t *bytes, size_t count, char *out);

/* Content without one pair of double quotes around it. */
struct slice sip_unquote(struct slice s);

/* Decodes base 64 (RFC 4648 table 1) without its padding. ERR_MALFORMED: another character, or more than `size`
 * bytes. */
int MUST_CHECK sip_base64(struct slice text, uint8_t *out, size_t size, size_t *len);

#endif
