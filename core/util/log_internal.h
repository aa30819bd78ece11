/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Lines of a reactor must not make it wait for a pipe that nobody reads. They go through a bounded
 * lock-free ring (log_ring.c) that another thread empties; when it is full a line is lost, counted,
 * and the number said later. Until a writer is set, and on threads that did not ask for it, a line
 * is written to stderr at once. */

#ifndef CAL_CORE_UTIL_LOG_INTERNAL_H
#define CAL_CORE_UTIL_LOG_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/** How to have `fn(arg)` called soon on a thread that may block: control_post(). Must not block
 *  itself. */
typedef int (*log_post_fn)(void (*fn)(void *arg), void *arg);

/** Have the lines of deferring threads written by way of `post`; NULL: at once again (what waits is
 *  written first). Main thread, while no reactor runs. */
void log_set_writer(log_post_fn post);

/** Whether lines of the calling OS thread are deferred. A reactor says true when it starts. */
void log_defer_on_this_thread(bool defer);

/** Write what waits. Any thread that may block; before an abort, and at exit. */
void log_flush(void);

/** From now on a crash writes what waits. Once, by log_set_writer(). */
void log_crash_init(void);

/** Lines lost since the start. */
uint64_t log_lost(void);

/* --- the ring, for log.c and its test --------------------------------------------------------- */

#define LOG_LINE_MAX 464

struct log_line {
	struct timespec time;
	uint32_t len;
	bool timed; /* begins with the time */
	char text[LOG_LINE_MAX];
};

/** Copy a line into the ring. False when it is full. Any thread, never waits. */
bool log_ring_put(const struct log_line *line);
/** Take the oldest. False when there is none (or the next one is still being put). Any thread. */
bool log_ring_get(struct log_line *line);

#endif
