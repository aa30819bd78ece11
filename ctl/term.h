/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What stdout is, colour, and the line that is overwritten while something lasts. */

#ifndef CAL_CTL_TERM_H
#define CAL_CTL_TERM_H

#include <stdbool.h>
#include <stdio.h>

enum ctl_colour { CTL_PLAIN = 0, CTL_BOLD, CTL_DIM, CTL_GREEN, CTL_YELLOW, CTL_RED };

struct ctl_term {
	bool is_terminal;
	bool colour;    /* a terminal, TERM is not dumb, NO_COLOR is not set */
	unsigned width; /* columns; 0 when it is no terminal: no limit */
};

/** Look at stdout, once. */
const struct ctl_term *ctl_term(void);

/** The escape sequences around coloured text; "" without colour. */
const char *ctl_term_begin(const struct ctl_term *term, enum ctl_colour colour);
const char *ctl_term_end(const struct ctl_term *term, enum ctl_colour colour);

/** Overwrite the progress line. Prints nothing when stdout is no terminal. */
void ctl_progress(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/** Remove it, before anything else is printed. */
void ctl_progress_end(void);

#endif
