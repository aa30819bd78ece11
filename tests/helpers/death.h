/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What death.c looks for in the program that it follows, and death_client.c does: a system call
 * that nobody else makes, with what it means in place of an argument. */

#ifndef CAL_TESTS_HELPERS_DEATH_H
#define CAL_TESTS_HELPERS_DEATH_H

#include <sys/syscall.h>

#define DEATH_MARK_CALL SYS_getpgid

enum {
	DEATH_MARK_ATTACHED = 0x43414c0, /* from here on it has a link that it knows of */
	DEATH_MARK_BEGIN,                /* follow instructions from here … */
	DEATH_MARK_END,                  /* … to here */
};

#endif
