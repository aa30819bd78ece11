/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ctl/term.h"

#define DEFAULT_WIDTH 80

static size_t progress_len;

const struct ctl_term *
ctl_term(void)
{
	static struct ctl_term term;
	static bool known;
	const char *name = getenv("TERM"), *no_colour = getenv("NO_COLOR");
	struct winsize size;

	if (known) {
		return &term;
	}
	known = true;
	term.is_terminal = isatty(STDOUT_FILENO);
	if (term.is_terminal) {
		term.width = DEFAULT_WIDTH;
		if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20) {
			term.width = size.ws_col;
		}
		term.colour = (no_colour == NULL || no_colour[0] == '\0') &&
		              (name == NULL || strcmp(name, "dumb") != 0);
	}
	return &term;
}

const char *
ctl_term_begin(const struct ctl_term *term, enum ctl_colour colour)
{
	static const char *const sequences[] = {
		[CTL_PLAIN] = "",         [CTL_BOLD] = "\033[1m",    [CTL_DIM] = "\033[2m",
		[CTL_GREEN] = "\033[32m", [CTL_YELLOW] = "\033[33m", [CTL_RED] = "\033[31m",
	};

	return term->colour ? sequences[colour] : "";
}

const char *
ctl_term_end(const struct ctl_term *term, enum ctl_colour colour)
{
	return term->colour && colour != CTL_PLAIN ? "\033[0m" : "";
}

/* A job behind a shell's prompt would write over what is typed. */
static bool
is_in_background(void)
{
	pid_t foreground = tcgetpgrp(STDOUT_FILENO);

	return foreground > 0 && foreground != getpgrp();
}

void
ctl_progress(const char *fmt, ...)
{
	const struct ctl_term *term = ctl_term();
	char line[512];
	size_t len;
	va_list ap;

	if (!term->is_terminal || is_in_background()) {
		return;
	}
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	/* A line that wraps could not be overwritten. */
	len = strnlen(line, term->width - 1 < sizeof(line) ? term->width - 1 : sizeof(line) - 1);
	/* Spaces rather than an escape sequence erase the rest: that works on any terminal. */
	printf("\r%.*s%*s", (int)len, line, progress_len > len ? (int)(progress_len - len) : 0, "");
	fflush(stdout);
	progress_len = len;
}

void
ctl_progress_end(void)
{
	size_t width = ctl_term()->width;

	if (progress_len > 0) {
		/* The terminal may have put a ^C behind it. */
		progress_len = progress_len + 3 < width ? progress_len + 2 : width - 1;
		printf("\r%*s\r", (int)progress_len, "");
		fflush(stdout);
		progress_len = 0;
	}
}
