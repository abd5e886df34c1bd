/* SPDX-License-Identifier: MIT */
/* Tests of password.c. */
#include "crypto/password.h"

#include <stdio.h>
#include <string.h>

#include "test/unit/run.h"

/* RFC 7914 section 12 has no salt of 16 bytes; this one was made with another scrypt (N = 1024, r = 8, p = 1,
 * password "pleaseletmein", salt "SodiumChlorideXY"). */
static const char foreign[] = "$scrypt$ln=10,r=8,p=1$"
			      "U29kaXVtQ2hsb3JpZGVYWQ$lgJICDI03J7e91K6Gs7LTMSPi+nkHXB+YFPNiGPZkeg";

START_TEST(password_verifies_what_it_hashed)
{
	char one[PASSWORD_HASH_SIZE], two[PASSWORD_HASH_SIZE];

	ck_assert_int_eq(password_hash("correct horse", one), 0);
	ck_assert_int_eq(password_hash("correct horse", two), 0);
	ck_assert_str_ne(one, two);
	ck_assert_int_eq(strncmp(one, "$scrypt$ln=15,r=8,p=1$", 22), 0);
	ck_assert_int_eq(password_verify("correct horse", one), 0);
	ck_assert_int_eq(password_verify("correct horsf", one), ERR_FORBIDDEN);
	ck_assert_int_eq(password_verify("", one), ERR_FORBIDDEN);
	password_verify_nothing("correct horse");
}
END_TEST

START_TEST(password_verifies_hash_of_other_program)
{
	ck_assert_int_eq(password_verify("pleaseletmein", foreign), 0);
	ck_assert_int_eq(password_verify("pleaseletmeIn", foreign), ERR_FORBIDDEN);
}
END_TEST

START_TEST(password_refuses_damaged_hash)
{
	char hash[PASSWORD_HASH_SIZE];

	for (size_t len = 0; len < strlen(foreign); len++) {
		memcpy(hash, foreign, len);
		hash[len] = '\0';
		ck_assert_int_eq(password_verify("pleaseletmein", hash), ERR_MALFORMED);
	}
	ck_assert_int_eq(password_verify("x", "$scrypt$ln=31,r=8,p=1$U29kaXVtQ2hsb3JpZGVYWQ$"),
			 ERR_MALFORMED);
	snprintf(hash, sizeof(hash), "%sA", foreign);
	ck_assert_int_eq(password_verify("pleaseletmein", hash), ERR_MALFORMED);
}
END_TEST

START_TEST(password_refuses_empty_and_endless)
{
	char endless[PASSWORD_MAX + 2], hash[PASSWORD_HASH_SIZE];

	memset(endless, 'a', sizeof(endless) - 1);
	endless[sizeof(endless) - 1] = '\0';
	ck_assert_int_eq(password_hash("", hash), ERR_LIMIT);
	ck_assert_int_eq(password_hash(endless, hash), ERR_LIMIT);
	ck_assert_int_eq(password_verify(endless, foreign), ERR_FORBIDDEN);
}
END_TEST

int main(void)
{
	return RUN_TESTS("password", password_verifies_what_it_hashed, password_verifies_hash_of_other_program,
			 password_refuses_damaged_hash, password_refuses_empty_and_endless);
}
