/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* A subcommand's options and arguments, by getopt_long, and the help that is made of the same
 * table. */

#ifndef CAL_CTL_ARGS_H
#define CAL_CTL_ARGS_H

#include <stdio.h>

#include "ctl/ctl.h"

#define CTL_ARGS_HELP 1 /* --help was asked for */

/** Parse argv (argv[0] is skipped) after calctl's own options or a command's. The options in
 *  `command` are set, -i, --json and --help are taken in both places. Arguments are permuted to the
 *  end: *first is the first of them. With `command` NULL parsing ends at the first argument and
 *  --version is taken too (*version is set). Returns 0, CTL_ARGS_HELP, or -EINVAL with a sentence
 * in `err`. */
int ctl_args_parse(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv,
                   int *first, bool *version, char *err, size_t err_size);

/** `calctl --help`: every command. `only`, if not NULL, is a first word to restrict it to. */
void ctl_args_help(FILE *out, const char *only);
/** `calctl COMMAND --help`. */
void ctl_args_help_command(FILE *out, const struct ctl_command *command);

#endif
