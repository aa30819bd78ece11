/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Ctrl-C for subcommands that have something to end properly. */

#ifndef CAL_CTL_SIGNALS_H
#define CAL_CTL_SIGNALS_H

#include <stdbool.h>

/** From now on the first SIGINT, SIGTERM or SIGHUP is only remembered; the second one kills. System
 *  calls are interrupted. */
void ctl_signals_catch(void);

bool ctl_signals_caught(void);

#endif
