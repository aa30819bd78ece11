/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What every unit test ends with: a table of cases and TEST_MAIN. One argument runs one case. */

#ifndef CAL_TESTS_UNIT_TEST_H
#define CAL_TESTS_UNIT_TEST_H

#include <CUnit/Basic.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

struct test_case {
	const char *name;
	void (*fn)(void);
};

#define TEST(fn_)         \
	{                 \
#fn_, fn_ \
	}
/* CUnit counts without a lock, and some cases check in two threads. This lock is of relaxed atomics
 * on purpose: an order between the threads would hide races from ThreadSanitizer and helgrind. */
static inline CU_BOOL
test_assert(CU_BOOL value, unsigned line, const char *condition, const char *file,
            const char *function, CU_BOOL fatal)
{
	static bool locked;
	CU_BOOL passed;

	if (fatal && !value) { /* it does not return */
		return CU_assertImplementation(value, line, condition, file, function, fatal);
	}
	while (__atomic_exchange_n(&locked, true, __ATOMIC_RELAXED)) {
	}
	passed = CU_assertImplementation(value, line, condition, file, function, fatal);
	__atomic_store_n(&locked, false, __ATOMIC_RELAXED);
	return passed;
}
#define CU_assertImplementation test_assert

#define CHECK(expr)     CU_ASSERT(expr)
#define CHECK_EQ(a, b)  CU_ASSERT_EQUAL(a, b)
#define CHECK_STR(a, b) CU_ASSERT_STRING_EQUAL(a, b)
/* Ends the case: what follows could not run without it. */
#ifdef __clang_analyzer__
/* It does not know that CUnit jumps out of the case. */
#define REQUIRE(expr) ((expr) ? (void)0 : abort())
#else
#define REQUIRE(expr) CU_ASSERT_FATAL(expr)
#endif

static inline int
test_main(int argc, char **argv, const char *suite_name, const struct test_case *cases, size_t n,
          int (*setup)(void), int (*teardown)(void))
{
	CU_pSuite suite;
	unsigned failures;
	size_t i, added = 0;

	if (CU_initialize_registry() != CUE_SUCCESS) {
		return 1;
	}
	suite = CU_add_suite(suite_name, setup, teardown);
	if (suite == NULL) {
		return 1;
	}
	for (i = 0; i < n; i++) {
		if (argc > 1 && strcmp(argv[1], cases[i].name) != 0) {
			continue;
		}
		if (CU_add_test(suite, cases[i].name, cases[i].fn) == NULL) {
			return 1;
		}
		added++;
	}
	if (added == 0) {
		fprintf(stderr, "no case named %s\n", argc > 1 ? argv[1] : "?");
		return 1;
	}
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	/* Failures of set-up count too: a suite that could not start has proved nothing. */
	failures = CU_get_number_of_failures() + CU_get_number_of_suites_failed();
	CU_cleanup_registry();
	return failures == 0 ? 0 : 1;
}

/* For a suite's main() or set-up: what needs pidfds cannot run where there are none, and that is
 * the case under valgrind 3.19, which does not know the system call. */
static inline void
test_needs_pidfd(void)
{
	int fd = pidfd_open(getpid(), 0);

	if (fd < 0 && errno == ENOSYS) {
		printf("there is no pidfd_open() here: an old kernel, or valgrind\n");
		exit(77);
	}
	close(fd);
}

/** Whether a pidfd tells of a process's end: not what `make helgrind` has in place of one. */
static inline bool
test_has_pidfd(void)
{
#ifdef CAL_HELGRIND
	return false;
#else
	return true;
#endif
}

/** Whether the test runs under valgrind, where time means little. */
static inline bool
test_under_valgrind(void)
{
	const char *how = getenv("CAL_SAN");

	return how != NULL && strcmp(how, "valgrind") == 0;
}

#define TEST_MAIN_WITH(name_, cases_, setup_, teardown_)                                          \
	int main(int argc, char **argv)                                                           \
	{                                                                                         \
		return test_main(argc, argv, name_, cases_, sizeof(cases_) / sizeof((cases_)[0]), \
		                 setup_, teardown_);                                              \
	}
#define TEST_MAIN(name_, cases_) TEST_MAIN_WITH(name_, cases_, NULL, NULL)

#endif
