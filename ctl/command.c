/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ctl/ctl.h"

static struct ctl_command *commands;

static bool
comes_before(const struct ctl_command *a, const struct ctl_command *b)
{
	return a->group != b->group ? a->group < b->group : strcmp(a->name, b->name) < 0;
}

void
ctl_command_register(struct ctl_command *command)
{
	struct ctl_command **place = &commands;

	while (*place != NULL && comes_before(*place, command)) {
		place = &(*place)->next;
	}
	command->next = *place;
	*place = command;
}

const struct ctl_command *
ctl_command_first(void)
{
	return commands;
}

const struct ctl_command *
ctl_command_find(int argc, char **argv, int *words)
{
	const struct ctl_command *command;

	for (command = commands; command != NULL && argc > 0; command = command->next) {
		const char *second = strchr(command->name, ' ');
		size_t len =
			second != NULL ? (size_t)(second - command->name) : strlen(command->name);

		if (strlen(argv[0]) != len || strncmp(argv[0], command->name, len) != 0) {
			continue;
		}
		if (second == NULL) {
			*words = 1;
			return command;
		}
		if (argc > 1 && strcmp(argv[1], second + 1) == 0) {
			*words = 2;
			return command;
		}
	}
	return NULL;
}

void
ctl_error(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("calctl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}
