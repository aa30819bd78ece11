/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "ctl/args.h"
#include "ctl/units.h"

#define MAX_OPTIONS 24

enum { ID = 256, JSON, HELP, VERSION, FIRST_OWN };

/* What getopt_long() is given, and which of the command's options each letter is. */
struct tables {
	struct option longs[MAX_OPTIONS + 5];
	char shorts[2 * MAX_OPTIONS + 16];
	size_t num_longs;
	size_t num_shorts;
};

static void
tables_add(struct tables *t, const char *name, char letter, bool has_arg, int value)
{
	t->longs[t->num_longs++] = (struct option){
		.name = name,
		.has_arg = has_arg ? required_argument : no_argument,
		.val = value,
	};
	if (letter != 0) {
		t->shorts[t->num_shorts++] = letter;
	}
	if (letter != 0 && has_arg) {
		t->shorts[t->num_shorts++] = ':';
	}
}

static void
tables_build(struct tables *t, const struct ctl_command *command)
{
	size_t i;

	memset(t, 0, sizeof(*t));
	/* '+': calctl's own options end where the command begins. ':' tells a missing argument from
	 * an unknown option. */
	if (command == NULL) {
		t->shorts[t->num_shorts++] = '+';
	}
	t->shorts[t->num_shorts++] = ':';
	tables_add(t, "id", 'i', true, ID);
	tables_add(t, "json", 0, false, JSON);
	tables_add(t, "help", 'h', false, HELP);
	if (command == NULL) {
		tables_add(t, "version", 'v', false, VERSION);
		return;
	}
	for (i = 0; command->options != NULL && command->options[i].name != NULL; i++) {
		const struct ctl_option *o = &command->options[i];

		if (i < MAX_OPTIONS) {
			tables_add(t, o->name, o->letter, o->type != CTL_OPT_FLAG,
			           FIRST_OWN + (int)i);
		}
	}
}

/* A short option comes as its letter: make it what its long form is. */
static int
canonical(const struct ctl_command *command, int opt)
{
	int i;

	switch (opt) {
	case 'i':
		return ID;
	case 'h':
		return HELP;
	case 'v':
		if (command == NULL) {
			return VERSION;
		}
		break;
	}
	if (command == NULL || command->options == NULL || opt >= ID) {
		return opt;
	}
	for (i = 0; command->options[i].name != NULL; i++) {
		if (command->options[i].letter == opt) {
			return FIRST_OWN + i;
		}
	}
	return opt;
}

static int
set_value(const struct ctl_option *o, const char *arg, char *err, size_t err_size)
{
	const char *wanted;
	int rc;

	switch (o->type) {
	case CTL_OPT_FLAG:
		*(bool *)o->value = true;
		return 0;
	case CTL_OPT_STRING:
		*(const char **)o->value = arg;
		return 0;
	case CTL_OPT_NUMBER:
		rc = ctl_units_parse_number(arg, o->value);
		wanted = "a number";
		break;
	case CTL_OPT_SIZE:
		rc = ctl_units_parse_size(arg, o->value);
		wanted = "a size in bytes, such as 4096 or 4k";
		break;
	case CTL_OPT_SECONDS:
		rc = ctl_units_parse_seconds(arg, o->value);
		wanted = "seconds, such as 10 or 0.5";
		break;
	default:
		return -EINVAL;
	}
	if (rc != 0) {
		snprintf(err, err_size, "--%s wants %s, not '%s'", o->name, wanted, arg);
	}
	return rc;
}

static int
set_instance(struct ctl *ctl, const char *arg, char *err, size_t err_size)
{
	uint64_t id;

	if (ctl_units_parse_number(arg, &id) != 0 || id > INT_MAX) {
		snprintf(err, err_size, "-i wants the id of an instance (0, 1, …), not '%s'", arg);
		return -EINVAL;
	}
	ctl->instance = (int)id;
	return 0;
}

static int
unknown(char **argv, bool missing_arg, char *err, size_t err_size)
{
	/* getopt_long() leaves optopt 0 for a long option that does not exist. */
	const char *word = argv[optind - 1];

	if (missing_arg) {
		snprintf(err, err_size, "option '%s' needs an argument", word);
	} else if (strncmp(word, "--", 2) == 0 || optopt == 0) {
		snprintf(err, err_size,
		         optopt >= ID ? "option '%s' takes no argument" : "there is no option '%s'",
		         word);
	} else {
		snprintf(err, err_size, "there is no option '-%c'", optopt);
	}
	return -EINVAL;
}

static int
check_count(const struct ctl_command *command, int count, const char *extra, char *err,
            size_t err_size)
{
	if (count < command->min_args) {
		snprintf(err, err_size, "%s needs %s", command->name, command->args);
		return -EINVAL;
	}
	if (count > command->max_args) {
		snprintf(err, err_size, "%s takes %s, so what is '%s'?", command->name,
		         command->args != NULL ? command->args : "no argument", extra);
		return -EINVAL;
	}
	return 0;
}

int
ctl_args_parse(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv,
               int *first, bool *version, char *err, size_t err_size)
{
	struct tables t;
	int opt, rc = 0;

	tables_build(&t, command);
	optind = 0; /* glibc: start anew */
	opterr = 0;
	while (rc == 0 && (opt = getopt_long(argc, argv, t.shorts, t.longs, NULL)) != -1) {
		opt = canonical(command, opt);
		switch (opt) {
		case ID:
			rc = set_instance(ctl, optarg, err, err_size);
			break;
		case JSON:
			ctl->json = true;
			break;
		case HELP:
			return CTL_ARGS_HELP;
		case VERSION:
			*version = true;
			break;
		case '?':
		case ':':
			rc = unknown(argv, opt == ':', err, err_size);
			break;
		default:
			rc = command == NULL ? -EINVAL
			                     : set_value(&command->options[opt - FIRST_OWN], optarg,
			                                 err, err_size);
			break;
		}
	}
	*first = optind;
	if (rc == 0 && command != NULL) {
		int over = optind + command->max_args;

		rc = check_count(command, argc - optind, over < argc ? argv[over] : "", err,
		                 err_size);
	}
	return rc;
}
