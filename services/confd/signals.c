/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* SIGTERM and SIGINT end this process at once, wherever it is: what the configuration has come to
 * is in the primary. Only a snapshot that is being written is finished, so that those who wait for
 * its answers need not wait for a successor's. */

#include "services/confd/confd.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

static volatile sig_atomic_t g_put_off, g_asked;

static void
on_end(int signo)
{
	if (g_put_off) {
		g_asked = 1;
	} else {
		_exit(0);
	}
}

void
signals_init(void)
{
	const struct sigaction end = { .sa_handler = on_end, .sa_flags = SA_RESTART };

	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGINT, &end, NULL);
}

void
signals_put_off(void)
{
	g_put_off = 1;
}

void
signals_allow(void)
{
	g_put_off = 0;
	if (g_asked) {
		_exit(0);
	}
}

bool
signals_die_with(pid_t primary)
{
	if (getppid() != primary) {
		return true;
	}
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	return getppid() == primary;
}
