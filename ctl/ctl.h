/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What a subcommand of calctl is. One file each, ending in a struct ctl_command that registers
 * itself: adding a subcommand touches no other file. */

#ifndef CAL_CTL_CTL_H
#define CAL_CTL_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cal_client;

/* Exit statuses: a contract with scripts. */
enum ctl_exit {
	CTL_OK = 0,
	CTL_FAILED = 1,     /* the method failed, or what was checked is bad */
	CTL_USAGE = 2,      /* a flag, command or argument that does not exist */
	CTL_NO_PRIMARY = 3, /* nobody to attach to */
};

struct ctl {
	int instance;
	bool json;
	const struct ctl_command *command;
	struct cal_client *client; /* NULL until the first call */
};

enum ctl_option_type {
	CTL_OPT_FLAG,    /* bool */
	CTL_OPT_STRING,  /* const char * */
	CTL_OPT_NUMBER,  /* uint64_t */
	CTL_OPT_SIZE,    /* uint64_t, bytes: 4096, 4k, 1M */
	CTL_OPT_SECONDS, /* uint64_t, milliseconds: 10, 0.5 */
};

struct ctl_option {
	const char *name;
	char letter; /* 0 for none */
	enum ctl_option_type type;
	void *value;      /* of that type; holds the default */
	const char *arg;  /* what its argument is called; NULL for a flag */
	const char *help; /* at most 54 columns a line */
};

enum ctl_group { CTL_GROUP_INSTANCE = 0, CTL_GROUP_INSIDE, CTL_GROUP_ACT, CTL_NUM_GROUPS };

struct ctl_command {
	const char *name;    /* one word, or two: "service list" */
	const char *args;    /* what stands after its options in the usage line; NULL for nothing */
	const char *summary; /* at most 54 columns */
	const char *details; /* for COMMAND --help; may be NULL */
	enum ctl_group group;
	const struct ctl_option *options; /* ends with an entry without name; may be NULL */
	int min_args;
	int max_args;
	/** argv holds the positional arguments. Returns an exit status. */
	int (*run)(struct ctl *ctl, int argc, char **argv);
	struct ctl_command *next;
};

void ctl_command_register(struct ctl_command *command);
/** The commands, by group and in the order of their names. */
const struct ctl_command *ctl_command_first(void);

#define CTL_COMMAND_REGISTER(command_)                                     \
	static void __attribute__((constructor)) register_##command_(void) \
	{                                                                  \
		ctl_command_register(&(command_));                         \
	}

/** Find the command that argv begins with; *words is how many of argv its name takes. NULL when
 *  there is none. */
const struct ctl_command *ctl_command_find(int argc, char **argv, int *words);

/** `calctl: ` and the sentence on stderr. */
void ctl_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
