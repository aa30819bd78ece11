/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The lines that waited for their writer when the process crashed are the ones that tell why. They
 * are written with nothing but write(): the time is left out, since it takes libc's locks. */

#include "core/util/log_internal.h"

#include "spdk/stdinc.h"
#include "spdk/util.h"

static const int g_signals[] = { SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE };

static void
on_crash(int signal, siginfo_t *info, void *context)
{
	static const char mark[] = "(just before the crash) ";
	struct log_line line;

	while (log_ring_get(&line)) {
		if (write(STDERR_FILENO, mark, sizeof(mark) - 1) < 0 ||
		    write(STDERR_FILENO, line.text, line.len) < 0) {
			return;
		}
	}
	/* The handler is gone by now: the fault comes again and ends the process as it would have.
	 * One that somebody has sent (a watchdog, say) does not by itself. */
	if (info->si_code <= 0) {
		(void)raise(signal);
	}
}

void
log_crash_init(void)
{
	struct sigaction ours = { .sa_sigaction = on_crash,
		                  .sa_flags = (int)(SA_RESETHAND | SA_SIGINFO) },
			 theirs;
	size_t i;

	for (i = 0; i < SPDK_COUNTOF(g_signals); i++) {
		/* Not over a handler of the application's. */
		if (sigaction(g_signals[i], NULL, &theirs) == 0 &&
		    (theirs.sa_flags & SA_SIGINFO) == 0 && theirs.sa_handler == SIG_DFL) {
			sigaction(g_signals[i], &ours, NULL);
		}
	}
}
