/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What SPDK's unit tests end with. -DNOT_RUN='"name,name"' leaves tests out. */

#include "spdk/stdinc.h"

#include <CUnit/Basic.h>

struct spdk_ut_opts;
int spdk_ut_run_tests(int argc, char **argv, const struct spdk_ut_opts *opts);

#ifndef NOT_RUN
#define NOT_RUN ""
#endif

static bool
is_left_out(const char *name)
{
	char list[] = "," NOT_RUN ",", word[128];

	snprintf(word, sizeof(word), ",%s,", name);
	return strstr(list, word) != NULL;
}

int
spdk_ut_run_tests(int argc, char **argv, const struct spdk_ut_opts *opts)
{
	CU_pSuite suite;
	CU_pTest test;

	CU_set_fail_on_inactive(CU_FALSE);
	for (suite = CU_get_registry()->pSuite; suite != NULL; suite = suite->pNext) {
		for (test = suite->pTest; test != NULL; test = test->pNext) {
			CU_set_test_active(test, is_left_out(test->pName) ? CU_FALSE : CU_TRUE);
		}
	}
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	return (int)CU_get_number_of_failures();
}
