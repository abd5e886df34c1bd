/* SPDX-License-Identifier: MIT */
/* Tests of method.c. */
#include "overlay/wire/method.h"

#include <stdio.h>

#include "test/unit/run.h"

START_TEST(method_codes_and_names_agree)
{
	for (int i = 0; i < METHOD_COUNT; i++) {
		enum method m = (enum method)i;
		uint16_t request = method_request_code(m), answer = method_answer_code(m);
		char name[64];

		ck_assert_uint_eq(answer, request + 1u);
		ck_assert(message_code_is_request(request));
		ck_assert(!message_code_is_request(answer));
		ck_assert_int_eq(method_of_code(request), i);
		ck_assert_int_eq(method_of_code(answer), i);
		snprintf(name, sizeof(name), "%s_req", method_name(m));
		ck_assert_str_eq(message_code_name(request), name);
		snprintf(name, sizeof(name), "%s_ans", method_name(m));
		ck_assert_str_eq(message_code_name(answer), name);
	}
}
END_TEST

START_TEST(method_codes_are_those_of_the_registry)
{
	/* RFC 6940 14.8 */
	ck_assert_int_eq(method_of_code(0x1), METHOD_PROBE);
	ck_assert_int_eq(method_of_code(0x4), METHOD_ATTACH);
	ck_assert_int_eq(method_of_code(0x7), METHOD_STORE);
	ck_assert_int_eq(method_of_code(0xa), METHOD_FETCH);
	ck_assert_int_eq(method_of_code(0xd), METHOD_FIND);
	ck_assert_int_eq(method_of_code(0x10), METHOD_JOIN);
	ck_assert_int_eq(method_of_code(0x11), METHOD_LEAVE);
	ck_assert_int_eq(method_of_code(0x14), METHOD_UPDATE);
	ck_assert_int_eq(method_of_code(0x15), METHOD_ROUTE_QUERY);
	ck_assert_int_eq(method_of_code(0x18), METHOD_PING);
	ck_assert_int_eq(method_of_code(0x19), METHOD_STAT);
	ck_assert_int_eq(method_of_code(0x1e), METHOD_APP_ATTACH);
	ck_assert_int_eq(method_of_code(0x21), METHOD_CONFIG_UPDATE);
	/* Removed, unassigned, reserved, error. */
	ck_assert_int_eq(method_of_code(0xb), METHOD_COUNT);
	ck_assert_int_eq(method_of_code(0x5), METHOD_COUNT);
	ck_assert_int_eq(method_of_code(0), METHOD_COUNT);
	ck_assert_int_eq(method_of_code(0x8001), METHOD_COUNT);
	ck_assert_int_eq(method_of_code(MESSAGE_CODE_ERROR), METHOD_COUNT);
}
END_TEST

START_TEST(method_names_of_other_codes_are_told_apart)
{
	ck_assert_str_eq(message_code_name(MESSAGE_CODE_ERROR), "error");
	ck_assert_str_eq(message_code_name(0x5), "unknown");
	ck_assert_str_eq(method_name(METHOD_COUNT), "unknown");
	ck_assert(!message_code_is_request(MESSAGE_CODE_ERROR));
	ck_assert(!message_code_is_request(0x8001));
	ck_assert(!message_code_is_request(0));
	ck_assert(message_code_is_request(0x7fff));
}
END_TEST

int main(void)
{
	return RUN_TESTS("method", method_codes_and_names_agree, method_codes_are_those_of_the_registry,
			 method_names_of_other_codes_are_told_apart);
}
