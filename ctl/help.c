/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The help pages, made of the tables that are parsed. At most 80 columns. */

#include <ctype.h>
#include <string.h>

#include "ctl/args.h"

static const char *const group_titles[CTL_NUM_GROUPS] = {
	[CTL_GROUP_INSTANCE] = "An instance and its services",
	[CTL_GROUP_INSIDE] = "What is inside a running one",
	[CTL_GROUP_ACT] = "Doing something with it",
};

static const char common_options[] = "  -i, --id ID           the instance (default 0)\n"
				     "      --json            one line of JSON in place of text\n"
				     "  -h, --help            this text, or a command's\n";

void
ctl_args_help(FILE *out, const char *only)
{
	const struct ctl_command *command;
	int group = -1;
	size_t len = only != NULL ? strlen(only) : 0;

	fprintf(out, "Usage: calctl [-i ID] [--json] %s [OPTION]… [ARGUMENT]…\n",
	        only != NULL ? only : "COMMAND");
	for (command = ctl_command_first(); command != NULL; command = command->next) {
		if (only != NULL &&
		    (strncmp(command->name, only, len) != 0 || command->name[len] != ' ')) {
			continue;
		}
		if ((int)command->group != group) {
			group = command->group;
			fprintf(out, "\n%s:\n", group_titles[group]);
		}
		fprintf(out, "  %-16s  %s\n", command->name, command->summary);
	}
	fprintf(out, "\nOptions:\n%s", common_options);
	if (only == NULL) {
		fprintf(out,
		        "  -v, --version         the version of calctl\n"
		        "\n`calctl COMMAND --help` says more. Exit status: 0 done, 1 the method "
		        "failed,\n2 wrong usage, 3 no primary to attach to.\n");
	}
}

static void
print_option(FILE *out, const struct ctl_option *o)
{
	char head[48], letter[8] = "   ";
	const char *line, *end;

	if (o->letter != 0) {
		snprintf(letter, sizeof(letter), "-%c,", o->letter);
	}
	snprintf(head, sizeof(head), "  %s --%s%s%s", letter, o->name, o->arg != NULL ? " " : "",
	         o->arg != NULL ? o->arg : "");
	for (line = o->help; line != NULL; line = *end != '\0' ? end + 1 : NULL) {
		end = strchrnul(line, '\n');
		fprintf(out, "%-23s %.*s\n", line == o->help ? head : "", (int)(end - line), line);
	}
}

void
ctl_args_help_command(FILE *out, const struct ctl_command *command)
{
	const struct ctl_option *o;

	fprintf(out, "Usage: calctl [-i ID] [--json] %s%s%s%s\n\n%c%s.\n", command->name,
	        command->options != NULL ? " [OPTION]…" : "", command->args != NULL ? " " : "",
	        command->args != NULL ? command->args : "", toupper(command->summary[0]),
	        command->summary + 1);
	if (command->details != NULL) {
		fprintf(out, "\n%s\n", command->details);
	}
	fprintf(out, "\nOptions:\n");
	for (o = command->options; o != NULL && o->name != NULL; o++) {
		print_option(out, o);
	}
	fputs(common_options, out);
}
