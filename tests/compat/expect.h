/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#ifndef CAL_TESTS_COMPAT_EXPECT_H
#define CAL_TESTS_COMPAT_EXPECT_H

#include <stdio.h>
#include <stdlib.h>

/** Ends the program with the line at which something is not as SPDK's headers say. */
#define EXPECT(condition)                                                               \
	do {                                                                            \
		if (!(condition)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			exit(1);                                                        \
		}                                                                       \
	} while (0)

#endif
