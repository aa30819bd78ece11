/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include <stdio.h>
#include <string.h>

#include "calandria/version.h"
#include "ctl/args.h"
#include "ctl/call.h"
#include "ctl/ctl.h"

static int
usage_error(const char *sentence, const char *command)
{
	ctl_error("%s; see `calctl %s%s--help`", sentence, command != NULL ? command : "",
	          command != NULL ? " " : "");
	return CTL_USAGE;
}

/* Whether `word` is the first of commands of two words. */
static bool
is_family(const char *word)
{
	const struct ctl_command *command;
	size_t len = strlen(word);

	for (command = ctl_command_first(); command != NULL; command = command->next) {
		if (strncmp(command->name, word, len) == 0 && command->name[len] == ' ') {
			return true;
		}
	}
	return false;
}

static int
no_such_command(int argc, char **argv)
{
	char sentence[256];
	int i;

	if (!is_family(argv[0])) {
		snprintf(sentence, sizeof(sentence), "there is no command '%s'", argv[0]);
		return usage_error(sentence, NULL);
	}
	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			ctl_args_help(stdout, argv[0]);
			return CTL_OK;
		}
	}
	if (argc > 1) {
		snprintf(sentence, sizeof(sentence), "there is no command '%s %s'", argv[0],
		         argv[1]);
	} else {
		snprintf(sentence, sizeof(sentence), "'%s' needs a second word", argv[0]);
	}
	return usage_error(sentence, argv[0]);
}

/* `help [COMMAND]` */
static int
help(int argc, char **argv)
{
	const struct ctl_command *command;
	int words;

	if (argc == 0) {
		ctl_args_help(stdout, NULL);
		return CTL_OK;
	}
	command = ctl_command_find(argc, argv, &words);
	if (command != NULL) {
		ctl_args_help_command(stdout, command);
		return CTL_OK;
	}
	if (argc == 1 && is_family(argv[0])) {
		ctl_args_help(stdout, argv[0]);
		return CTL_OK;
	}
	return no_such_command(argc, argv);
}

static int
run_command(struct ctl *ctl, int argc, char **argv)
{
	const struct ctl_command *command;
	int words, first, rc;
	char err[256];

	command = ctl_command_find(argc, argv, &words);
	if (command == NULL) {
		return no_such_command(argc, argv);
	}
	ctl->command = command;
	/* The last word of the name stands where getopt_long() expects the program's. */
	argc -= words - 1;
	argv += words - 1;
	rc = ctl_args_parse(ctl, command, argc, argv, &first, NULL, err, sizeof(err));
	if (rc == CTL_ARGS_HELP) {
		ctl_args_help_command(stdout, command);
		return CTL_OK;
	}
	if (rc != 0) {
		return usage_error(err, command->name);
	}
	return command->run(ctl, argc - first, argv + first);
}

int
main(int argc, char **argv)
{
	struct ctl ctl = { 0 };
	bool version = false;
	char err[256];
	int first, rc;

	/* A line is one write: the primary may print on the same terminal. */
	setvbuf(stderr, NULL, _IOLBF, 0);
	rc = ctl_args_parse(&ctl, NULL, argc, argv, &first, &version, err, sizeof(err));
	if (rc == CTL_ARGS_HELP) {
		ctl_args_help(stdout, NULL);
		return CTL_OK;
	}
	if (rc != 0) {
		return usage_error(err, NULL);
	}
	if (version) {
		printf("calctl %s\n", CAL_VERSION_STRING);
		return CTL_OK;
	}
	if (first == argc) {
		return usage_error("which command?", NULL);
	}
	if (strcmp(argv[first], "help") == 0) {
		rc = help(argc - first - 1, argv + first + 1);
	} else {
		rc = run_command(&ctl, argc - first, argv + first);
		ctl_detach(&ctl);
	}
	if (fflush(stdout) != 0 || ferror(stdout)) {
		ctl_error("cannot write the output: %m");
		return rc != CTL_OK ? rc : CTL_FAILED;
	}
	return rc;
}
