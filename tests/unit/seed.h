/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Choices at random for tests against models: the seed is printed, $CAL_TEST_SEED repeats one. */

#ifndef CAL_TESTS_UNIT_SEED_H
#define CAL_TESTS_UNIT_SEED_H

#include "spdk/util.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint64_t g_seed = 1;

/** One of 0 to n - 1. */
static inline uint32_t
pick(uint32_t n)
{
	return (uint32_t)(spdk_rand_xorshift64(&g_seed) >> 16) % n;
}

static inline void
seed_begin(const char *what)
{
	const char *given = getenv("CAL_TEST_SEED");
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	g_seed = given != NULL ? strtoull(given, NULL, 0)
	                       : (uint64_t)now.tv_nsec * 2654435761u + (uint64_t)now.tv_sec;
	g_seed |= 1;
	printf("(%s: seed %llu) ", what, (unsigned long long)g_seed);
	fflush(stdout);
}

#endif
