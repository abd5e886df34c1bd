/* SPDX-License-Identifier: MIT */
/* Tests of error.c. */
#include "overlay/base/error.h"

#include <string.h>

#include "test/unit/run.h"

START_TEST(error_codes_map_back_to_rfc_errors)
{
	/* RFC 6940 section 14.9: 0x2 to 0x14 are assigned. */
	for (uint16_t code = 0x2; code <= 0x14; code++) {
		int err = error_from_reload_code(code);

		ck_assert_int_lt(err, 0);
		ck_assert_uint_eq(error_reload_code(err), code);
	}
	ck_assert_int_eq(error_from_reload_code(0x2), ERR_FORBIDDEN);
	ck_assert_int_eq(error_from_reload_code(0xc), ERR_UNKNOWN_KIND);
}
END_TEST

START_TEST(error_from_unknown_code_is_invalid_message)
{
	ck_assert_int_eq(error_from_reload_code(0), ERR_INVALID_MESSAGE);
	ck_assert_int_eq(error_from_reload_code(1), ERR_INVALID_MESSAGE);
	ck_assert_int_eq(error_from_reload_code(0x15), ERR_INVALID_MESSAGE);
	ck_assert_int_eq(error_from_reload_code(0xffff), ERR_INVALID_MESSAGE);
}
END_TEST

START_TEST(error_names_and_texts_exist_for_every_number)
{
	for (int err = 0; err > -(int)ERR_INDEX_COUNT; err--) {
		ck_assert_uint_gt(strlen(error_name(err)), 0);
		ck_assert_uint_gt(strlen(error_text(err)), 0);
		ck_assert_str_ne(error_name(err), "UNKNOWN");
	}
	ck_assert_str_eq(error_name(0), "OK");
	ck_assert_str_eq(error_text(0), "success");
	ck_assert_str_eq(error_name(ERR_TTL_EXCEEDED), "TTL_EXCEEDED");
	ck_assert_str_eq(error_name(1), "UNKNOWN");
	ck_assert_str_eq(error_name(-1000), "UNKNOWN");
	ck_assert_str_eq(error_text(-1000), "unknown error");
	ck_assert_str_eq(error_name(INT32_MIN), "UNKNOWN");
}
END_TEST

START_TEST(error_of_a_bad_signature_is_not_answered)
{
	ck_assert_uint_eq(error_reload_code(ERR_SIGNATURE), 0);
	ck_assert_uint_eq(error_reload_code(ERR_DUPLICATE), 0);
	ck_assert_uint_eq(error_reload_code(0), 0);
	ck_assert_uint_eq(error_reload_code(-1000), 0);
}
END_TEST

int main(void)
{
	return RUN_TESTS("error", error_codes_map_back_to_rfc_errors,
			 error_from_unknown_code_is_invalid_message,
			 error_names_and_texts_exist_for_every_number,
			 error_of_a_bad_signature_is_not_answered);
}
