/* SPDX-License-Identifier: MIT */
/* Parses multipart/form-data out of one buffer: delimiter, header lines, blank line, content, delimiter. */
#include "tools/enroll_form.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define BOUNDARY_MAX 70 /* RFC 2046 5.1.1 */
#define HEADERS_MAX 8

static bool is_boundary_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c != '\0' && strchr("'()+_,-./:=?", c) != NULL);
}

/* The first place of `what` in `in` at or after `from`; in.len when there is none. */
static size_t slice_find(struct slice in, size_t from, struct slice what)
{
	const uint8_t *at = from <= in.len && what.len > 0 ?
			    memmem(in.data + from, in.len - from, what.data, what.len) : NULL;

	return at == NULL ? in.len : (size_t)(at - in.data);
}

static bool slice_has(struct slice in, size_t at, struct slice what)
{
	return at <= in.len && what.len <= in.len - at && memcmp(in.data + at, what.data, what.len) == 0;
}

static struct slice slice_range(struct slice in, size_t from, size_t end)
{
	return slice_of(in.data + from, end - from);
}

static struct slice slice_trim(struct slice s)
{
	size_t from = 0, end = s.len;

	while (from < end && (s.data[from] == ' ' || s.data[from] == '\t'))
		from++;
	while (end > from && (s.data[end - 1] == ' ' || s.data[end - 1] == '\t'))
		end--;
	return slice_range(s, from, end);
}

static bool slice_is_word(struct slice s, const char *word)
{
	return s.len == strlen(word) && strncasecmp((const char *)s.data, word, s.len) == 0;
}

/* Cuts "a; b; c" at a semicolon outside quotes: returns the first piece, leaves the rest. */
static struct slice next_parameter(struct slice *rest)
{
	struct slice piece;
	bool quoted = false;
	size_t i;

	for (i = 0; i < rest->len && (quoted || rest->data[i] != ';'); i++)
		if (rest->data[i] == '"')
			quoted = !quoted;
	piece = slice_trim(slice_range(*rest, 0, i));
	*rest = slice_range(*rest, i < rest->len ? i + 1 : i, rest->len);
	return piece;
}

/* The value of `name=value` or `name="value"` among the parameters. False: not there. A backslash in a
 * quoted value is taken as it is: no name of ours has one. */
static bool find_parameter(struct slice parameters, const char *name, struct slice *value)
{
	while (parameters.len > 0) {
		struct slice piece = next_parameter(&parameters);
		size_t equals = slice_find(piece, 0, slice_text("="));

		if (equals == piece.len || !slice_is_word(slice_trim(slice_range(piece, 0, equals)), name))
			continue;
		*value = slice_trim(slice_range(piece, equals + 1, piece.len));
		if (value->len >= 2 && value->data[0] == '"' && value->data[value->len - 1] == '"')
			*value = slice_range(*value, 1, value->len - 1);
		return true;
	}
	return false;
}

int form_boundary(const char *content_type, struct slice *boundary)
{
	struct slice rest = slice_text(content_type == NULL ? "" : content_type);

	if (!slice_is_word(next_parameter(&rest), "multipart/form-data"))
		return ERR_UNSUPPORTED;
	if (!find_parameter(rest, "boundary", boundary))
		return ERR_MALFORMED;
	if (boundary->len == 0 || boundary->len > BOUNDARY_MAX)
		return ERR_MALFORMED;
	for (size_t i = 0; i < boundary->len; i++)
		if (!is_boundary_char((char)boundary->data[i]))
			return ERR_MALFORMED;
	return 0;
}

/* A part's headers as far as they matter to us. */
struct part {
	struct slice name;
	struct slice type; /* empty: none given */
	struct slice content;
};

static int part_header(struct slice line, struct part *part)
{
	size_t colon = slice_find(line, 0, slice_text(":"));
	struct slice name, value;

	if (colon == line.len)
		return ERR_MALFORMED;
	name = slice_trim(slice_range(line, 0, colon));
	value = slice_trim(slice_range(line, colon + 1, line.len));
	if (slice_is_word(name, "content-type")) {
		part->type = next_parameter(&value);
	} else if (slice_is_word(name, "content-disposition")) {
		if (!slice_is_word(next_parameter(&value), "form-data") ||
		    !find_parameter(value, "name", &part->name))
			return ERR_MALFORMED;
	} else if (slice_is_word(name, "content-transfer-encoding")) {
		/* RFC 7578 4.7 deprecates it; bytes come as they are. */
		if (!slice_is_word(value, "binary") && !slice_is_word(value, "8bit") &&
		    !slice_is_word(value, "7bit"))
			return ERR_UNSUPPORTED;
	}
	return 0;
}

/* Header lines up to the blank line; the rest is the content. */
static int part_parse(struct slice bytes, struct part *part)
{
	size_t at = 0;

	memset(part, 0, sizeof(*part));
	for (unsigned i = 0; i < HEADERS_MAX; i++) {
		size_t end = slice_find(bytes, at, slice_text("\r\n"));
		int err;

		if (end == bytes.len)
			return ERR_MALFORMED;
		if (end == at) {
			part->content = slice_range(bytes, end + 2, bytes.len);
			return part->name.len == 0 ? ERR_MALFORMED : 0;
		}
		err = part_header(slice_range(bytes, at, end), part);
		if (err != 0)
			return err;
		at = end + 2;
	}
	return ERR_LIMIT;
}

/* A text without NUL into `out`. `seen` guards against a second one. */
static int take_text(struct slice content, char *out, size_t size, bool *seen)
{
	if (*seen || (content.len > 0 && memchr(content.data, '\0', content.len) != NULL))
		return ERR_MALFORMED;
	if (content.len >= size)
		return ERR_LIMIT;
	if (content.len > 0)
		memcpy(out, content.data, content.len);
	out[content.len] = '\0';
	*seen = true;
	return 0;
}

/* A decimal number from 1 to 999. */
static int take_number(struct slice content, unsigned *out)
{
	unsigned value = 0;

	if (*out != 0 || content.len == 0 || content.len > 3)
		return ERR_MALFORMED;
	for (size_t i = 0; i < content.len; i++) {
		if (content.data[i] < '0' || content.data[i] > '9')
			return ERR_MALFORMED;
		value = value * 10 + (unsigned)(content.data[i] - '0');
	}
	*out = value;
	return value == 0 ? ERR_MALFORMED : 0;
}

static int form_take(struct enroll_form *form, const struct part *part)
{
	if (slice_is_word(part->name, "username"))
		return take_text(part->content, form->username, sizeof(form->username),
				 &form->has_username);
	if (slice_is_word(part->name, "password"))
		return take_text(part->content, form->password, sizeof(form->password),
				 &form->has_password);
	if (slice_is_word(part->name, "nodeids"))
		return take_number(part->content, &form->node_ids);
	if (slice_is_word(part->name, "device"))
		return take_number(part->content, &form->device);
	if (slice_is_word(part->name, "csr")) {
		if (form->csr.data != NULL)
			return ERR_MALFORMED;
		form->csr = part->content;
		form->csr_has_type = slice_is_word(part->type, "application/pkcs10");
	}
	return 0;
}

int form_parse(struct slice body, struct slice boundary, struct enroll_form *form)
{
	char text[BOUNDARY_MAX + 5];
	struct slice delimiter;
	size_t at;

	memset(form, 0, sizeof(*form));
	if (body.len > FORM_BODY_MAX || boundary.len > BOUNDARY_MAX)
		return ERR_LIMIT;
	snprintf(text, sizeof(text), "\r\n--%.*s", (int)boundary.len, (const char *)boundary.data);
	delimiter = slice_text(text);
	/* The first delimiter may stand at the very start, without its line end (RFC 2046 5.1.1). */
	if (slice_has(body, 0, slice_text(text + 2)))
		at = delimiter.len - 2;
	else
		at = slice_find(body, 0, delimiter) + delimiter.len;
	for (unsigned parts = 0; parts <= FORM_PARTS_MAX; parts++) {
		struct part part;
		size_t end;
		int err;

		if (slice_has(body, at, slice_text("--")))
			return 0;
		if (!slice_has(body, at, slice_text("\r\n")))
			return ERR_MALFORMED;
		end = slice_find(body, at + 2, delimiter);
		if (end == body.len)
			return ERR_MALFORMED;
		err = part_parse(slice_range(body, at + 2, end), &part);
		if (err == 0)
			err = form_take(form, &part);
		if (err != 0)
			return err;
		at = end + delimiter.len;
	}
	return ERR_LIMIT;
}

bool form_accepts(const char *accept, const char *type)
{
	struct slice rest = slice_text(accept == NULL ? "*/*" : accept);
	size_t major = strcspn(type, "/") + 1;

	while (rest.len > 0) {
		size_t comma = slice_find(rest, 0, slice_text(","));
		struct slice entry = slice_range(rest, 0, comma);
		struct slice range = next_parameter(&entry);

		if (slice_is_word(range, type) || slice_is_word(range, "*/*") ||
		    (range.len == major + 1 && range.data[major] == '*' &&
		     strncasecmp((const char *)range.data, type, major) == 0))
			return true;
		rest = slice_range(rest, comma < rest.len ? comma + 1 : comma, rest.len);
	}
	return false;
}
