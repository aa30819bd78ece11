/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What the kernel says of each CPU in /proc/stat. Reading a file may block, so the control pthread
 * does it. */

#ifndef CAL_CORE_RPC_CPU_TIMES_H
#define CAL_CORE_RPC_CPU_TIMES_H

#include <stddef.h>
#include <stdint.h>

/* In clock ticks of the kernel (USER_HZ). */
struct cpu_times {
	uint64_t user;
	uint64_t system;
	uint64_t irq;
};

/** Take the readings that all later ones are differences to. App thread; returns at once. */
void cpu_times_begin(void);

/** Call `fn(ctx)` on the app thread when fresh readings are there (or when there is no way to get
 *  any: they are zeros then). App thread. Returns 0 or -ENOMEM. */
int cpu_times_refresh(void (*fn)(void *ctx), void *ctx);

/** The last readings of a CPU, since cpu_times_begin(). Zeros for a CPU that is not known. App
 *  thread. */
struct cpu_times cpu_times_get(unsigned cpu);

/** Read the lines of `text` (terminated) into `times`, at most `max` CPUs. */
void cpu_times_parse(const char *text, struct cpu_times *times, size_t max);

#endif
