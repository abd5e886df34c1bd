/* SPDX-License-Identifier: MIT */
/* tools/enroll_form: multipart/form-data of RFC 6940 11.3. */
#include "tools/enroll_form.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "test/unit/run.h"

static const char BODY[] =
	"--XyZ\r\nContent-Disposition: form-data; name=\"username\"\r\n\r\nalice@example.org\r\n"
	"--XyZ\r\ncontent-disposition:form-data;name=password\r\n\r\np;w\"\r\n--Xy\r\n"
	"--XyZ\r\nContent-Disposition: form-data; name=\"nodeids\"\r\n\r\n2\r\n"
	"--XyZ\r\nContent-Type: application/pkcs10\r\n"
	"Content-Disposition: form-data; filename=\"a;b\"; name=\"csr\"\r\n\r\n\x30\x03\r\n\x01\r\n--XyZ--\r\n";

static int parse(const char *body, size_t len, struct enroll_form *form)
{
	return form_parse(slice_of(body, len), slice_text("XyZ"), form);
}

START_TEST(form_gives_all_parameters)
{
	struct enroll_form f;

	ck_assert_int_eq(parse(BODY, sizeof(BODY) - 1, &f), 0);
	ck_assert_str_eq(f.username, "alice@example.org");
	ck_assert_str_eq(f.password, "p;w\"\r\n--Xy");
	ck_assert_uint_eq(f.node_ids, 2);
	ck_assert_uint_eq(f.device, 0);
	ck_assert(f.csr_has_type);
	ck_assert(slice_equal(f.csr, slice_of("\x30\x03\r\n\x01", 5)));
}
END_TEST

START_TEST(form_refuses_each_truncation)
{
	struct enroll_form f;
	size_t end = sizeof(BODY) - 1 - 2; /* what follows the closing delimiter is not needed */

	for (size_t len = 0; len < end; len++) {
		char *copy = malloc(len + 1); /* so that a sanitizer sees a step too far */

		memcpy(copy, BODY, len);
		ck_assert_msg(parse(copy, len, &f) != 0, "%zu bytes were taken", len);
		free(copy);
	}
	ck_assert_int_eq(parse(BODY, end, &f), 0);
}
END_TEST

static int parse_part(const char *headers, const char *content, struct enroll_form *form)
{
	char body[4096];
	int len = snprintf(body, sizeof(body), "--XyZ\r\n%s\r\n\r\n%s\r\n--XyZ--", headers, content);

	return parse(body, (size_t)len, form);
}

#define NAMED(name) "Content-Disposition: form-data; name=\"" name "\""

START_TEST(form_refuses_bad_parts)
{
	struct enroll_form f;
	char many[600];

	ck_assert_int_eq(parse_part(NAMED("nodeids"), "0", &f), ERR_MALFORMED);
	ck_assert_int_eq(parse_part(NAMED("nodeids"), "2x", &f), ERR_MALFORMED);
	ck_assert_int_eq(parse_part(NAMED("nodeids"), "", &f), ERR_MALFORMED);
	ck_assert_int_eq(parse_part(NAMED("device"), "1000", &f), ERR_MALFORMED);
	ck_assert_int_eq(parse_part("Content-Disposition: attachment; name=x", "1", &f), ERR_MALFORMED);
	ck_assert_int_eq(parse_part("Content-Type: text/plain", "1", &f), ERR_MALFORMED);
	ck_assert_int_eq(parse_part("nonsense", "1", &f), ERR_MALFORMED);
	ck_assert_int_eq(parse_part(NAMED("csr") "\r\nContent-Transfer-Encoding: base64", "x", &f),
			 ERR_UNSUPPORTED);
	ck_assert_int_eq(parse_part(NAMED("username"), "a\r\n--XyZ\r\n" NAMED("username") "\r\n\r\nb", &f),
			 ERR_MALFORMED);
	ck_assert_int_eq(parse_part(NAMED("csr"), "a\r\n--XyZ\r\n" NAMED("csr") "\r\n\r\nb", &f),
			 ERR_MALFORMED);
	memset(many, 'a', sizeof(many) - 1);
	many[sizeof(many) - 1] = '\0';
	ck_assert_int_eq(parse_part(NAMED("username"), many, &f), ERR_LIMIT);
	ck_assert_int_eq(parse_part(NAMED("unknown"), many, &f), 0);
	ck_assert_int_eq(parse("--XyZ\r\n" NAMED("username") "\r\n\r\na\0b\r\n--XyZ--",
			       sizeof("--XyZ\r\n" NAMED("username") "\r\n\r\na\0b\r\n--XyZ--") - 1, &f),
			 ERR_MALFORMED);
}
END_TEST

START_TEST(form_refuses_too_many_parts_and_headers)
{
	static const char part[] = "--XyZ\r\n" NAMED("x") "\r\n\r\n\r\n", header[] = "A: b\r\n";
	char body[8192];
	struct enroll_form f;
	size_t len = 0;

	for (int i = 0; i < FORM_PARTS_MAX + 1; i++)
		len += (size_t)snprintf(body + len, sizeof(body) - len, "%s", part);
	len += (size_t)snprintf(body + len, sizeof(body) - len, "--XyZ--");
	ck_assert_int_eq(parse(body, len, &f), ERR_LIMIT);
	len = (size_t)snprintf(body, sizeof(body), "--XyZ\r\n");
	for (int i = 0; i < 20; i++)
		len += (size_t)snprintf(body + len, sizeof(body) - len, "%s", header);
	len += (size_t)snprintf(body + len, sizeof(body) - len, "\r\n\r\n--XyZ--");
	ck_assert_int_eq(parse(body, len, &f), ERR_LIMIT);
}
END_TEST

START_TEST(boundary_comes_from_content_type)
{
	struct slice b;

	ck_assert_int_eq(form_boundary("multipart/form-data; boundary=abc", &b), 0);
	ck_assert(slice_equal(b, slice_text("abc")));
	ck_assert_int_eq(form_boundary("Multipart/Form-Data; charset=x; Boundary=\"a b\"", &b), ERR_MALFORMED);
	ck_assert_int_eq(form_boundary("multipart/form-data; boundary=\"a:c\"; x=y", &b), 0);
	ck_assert(slice_equal(b, slice_text("a:c")));
	ck_assert_int_eq(form_boundary("multipart/form-data", &b), ERR_MALFORMED);
	ck_assert_int_eq(form_boundary("multipart/form-data; boundary=", &b), ERR_MALFORMED);
	ck_assert_int_eq(form_boundary("multipart/form-data; boundary="
				       "0123456789012345678901234567890123456789012345678901234567890123456789x",
				       &b), ERR_MALFORMED);
	ck_assert_int_eq(form_boundary("application/x-www-form-urlencoded", &b), ERR_UNSUPPORTED);
	ck_assert_int_eq(form_boundary(NULL, &b), ERR_UNSUPPORTED);
}
END_TEST

START_TEST(accept_names_the_type_or_a_range)
{
	ck_assert(form_accepts(NULL, "application/pkix-cert"));
	ck_assert(form_accepts("application/pkix-cert", "application/pkix-cert"));
	ck_assert(form_accepts("text/html, Application/PKIX-cert;q=0.5", "application/pkix-cert"));
	ck_assert(form_accepts("text/html,application/*", "application/pkix-cert"));
	ck_assert(form_accepts("*/*", "application/pkix-cert"));
	ck_assert(!form_accepts("text/html", "application/pkix-cert"));
	ck_assert(!form_accepts("application/pkix", "application/pkix-cert"));
	ck_assert(!form_accepts("text/*", "application/pkix-cert"));
	ck_assert(!form_accepts("", "application/pkix-cert"));
}
END_TEST

int main(void)
{
	return RUN_TESTS("enroll_form", form_gives_all_parameters, form_refuses_each_truncation,
			 form_refuses_bad_parts, form_refuses_too_many_parts_and_headers,
			 boundary_comes_from_content_type, accept_names_the_type_or_a_range);
}
