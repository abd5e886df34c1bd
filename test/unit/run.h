/* SPDX-License-Identifier: MIT */
/* Runs one file's tests: RUN_TESTS(name, test, test, ...) is the whole of its main. */
#ifndef TEST_UNIT_RUN_H
#define TEST_UNIT_RUN_H

#include <check.h>
#include <stdlib.h>

static inline int run_tests(const char *name, const TTest *const *tests, size_t count)
{
	Suite *suite = suite_create(name);
	TCase *group = tcase_create(name);
	SRunner *runner;
	int failed;

	for (size_t i = 0; i < count; i++)
		tcase_add_test(group, tests[i]);
	suite_add_tcase(suite, group);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#define RUN_TESTS(name, ...)                                                                       \
	run_tests(name, (const TTest *const[]){ __VA_ARGS__ },                                     \
		  sizeof((const TTest *const[]){ __VA_ARGS__ }) / sizeof(const TTest *))

#endif
