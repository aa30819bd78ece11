/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include <signal.h>
#include <stddef.h>

#include "ctl/signals.h"

static volatile sig_atomic_t caught;

static void
on_signal(int number)
{
	caught = 1;
}

void
ctl_signals_catch(void)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

bool
ctl_signals_caught(void)
{
	return caught != 0;
}
