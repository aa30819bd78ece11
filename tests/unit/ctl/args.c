/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "ctl/args.c"
#include "ctl/command.c"
#include "ctl/help.c"
#include "ctl/units.c"
#include "tests/unit/test.h"

static struct {
	bool flag;
	const char *word;
	uint64_t number, size, ms;
} got;

static int
run_nothing(struct ctl *ctl, int argc, char **argv)
{
	return CTL_OK;
}

static const struct ctl_option options[] = {
	{ "flag", 'f', CTL_OPT_FLAG, &got.flag, NULL, "a flag" },
	{ "word", 'w', CTL_OPT_STRING, &got.word, "WORD", "a word\nof two lines" },
	{ "number", 'q', CTL_OPT_NUMBER, &got.number, "N", "a number" },
	{ "size", 'o', CTL_OPT_SIZE, &got.size, "BYTES", "a size" },
	{ "time", 't', CTL_OPT_SECONDS, &got.ms, "S", "seconds" },
	{ 0 },
};

static struct ctl_command perf = {
	.name = "perf",
	.args = "BDEV",
	.summary = "run I/O",
	.group = CTL_GROUP_ACT,
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.run = run_nothing,
};
static struct ctl_command list = {
	.name = "service list",
	.summary = "list",
	.group = CTL_GROUP_INSTANCE,
	.run = run_nothing,
};
CTL_COMMAND_REGISTER(perf)
CTL_COMMAND_REGISTER(list)

static struct ctl ctl;
static char err[256];
static int first;
static bool version;

#define PARSE(command_, ...)                             \
	parse(command_, (char *[]){ __VA_ARGS__, NULL }, \
	      (int)(sizeof((char *[]){ __VA_ARGS__ }) / sizeof(char *)))

static int
parse(const struct ctl_command *command, char **argv, int argc)
{
	memset(&got, 0, sizeof(got));
	memset(&ctl, 0, sizeof(ctl));
	version = false;
	err[0] = '\0';
	return ctl_args_parse(&ctl, command, argc, argv, &first, &version, err, sizeof(err));
}

static void
options_of_every_type_before_and_after_the_arguments(void)
{
	CHECK_EQ(PARSE(&perf, "perf", "-w", "randrw", "Malloc0", "-q", "32", "--size=4k", "-t0.5",
	               "--flag"),
	         0);
	CHECK_EQ(first, 8);
	CHECK_STR(got.word, "randrw");
	CHECK_EQ(got.number, 32);
	CHECK_EQ(got.size, 4096);
	CHECK_EQ(got.ms, 500);
	CHECK(got.flag);
}

static void
what_every_command_takes(void)
{
	CHECK_EQ(PARSE(&perf, "perf", "Malloc0", "--json", "-i", "7"), 0);
	CHECK(ctl.json);
	CHECK_EQ(ctl.instance, 7);
	CHECK_EQ(PARSE(&perf, "perf", "--help"), CTL_ARGS_HELP);
	CHECK_EQ(PARSE(&perf, "perf", "-h"), CTL_ARGS_HELP);
}

static void
calctls_own_options_end_at_the_command(void)
{
	CHECK_EQ(PARSE(NULL, "calctl", "-i", "3", "--json", "perf", "-q", "3"), 0);
	CHECK_EQ(first, 4);
	CHECK_EQ(ctl.instance, 3);
	CHECK(ctl.json);
	CHECK_EQ(PARSE(NULL, "calctl", "--version"), 0);
	CHECK(version);
	CHECK_EQ(PARSE(NULL, "calctl", "--help"), CTL_ARGS_HELP);
}

static void
each_mistake_has_its_sentence(void)
{
	CHECK_EQ(PARSE(&perf, "perf", "Malloc0", "--frob"), -EINVAL);
	CHECK_STR(err, "there is no option '--frob'");
	CHECK_EQ(PARSE(&perf, "perf", "Malloc0", "-x"), -EINVAL);
	CHECK_STR(err, "there is no option '-x'");
	CHECK_EQ(PARSE(&perf, "perf", "Malloc0", "-q"), -EINVAL);
	CHECK_STR(err, "option '-q' needs an argument");
	CHECK_EQ(PARSE(&perf, "perf", "Malloc0", "--flag=1"), -EINVAL);
	CHECK_STR(err, "option '--flag=1' takes no argument");
	CHECK_EQ(PARSE(&perf, "perf", "Malloc0", "-q", "many"), -EINVAL);
	CHECK_STR(err, "--number wants a number, not 'many'");
	CHECK_EQ(PARSE(&perf, "perf", "Malloc0", "-t", "-1"), -EINVAL);
	CHECK_STR(err, "--time wants seconds, such as 10 or 0.5, not '-1'");
	CHECK_EQ(PARSE(&perf, "perf"), -EINVAL);
	CHECK_STR(err, "perf needs BDEV");
	CHECK_EQ(PARSE(&perf, "perf", "a", "b"), -EINVAL);
	CHECK_STR(err, "perf takes BDEV, so what is 'b'?");
	CHECK_EQ(PARSE(&list, "list", "rpcd"), -EINVAL);
	CHECK_STR(err, "service list takes no argument, so what is 'rpcd'?");
	CHECK_EQ(PARSE(NULL, "calctl", "-i", "-1"), -EINVAL);
	CHECK(strstr(err, "not '-1'") != NULL);
	CHECK_EQ(PARSE(NULL, "calctl", "-i", "4294967296"), -EINVAL);
	CHECK_EQ(PARSE(NULL, "calctl", "-Z"), -EINVAL);
}

static void
commands_are_found_by_one_word_or_two(void)
{
	int words = 0;

	CHECK(ctl_command_find(2, (char *[]){ "perf", "x" }, &words) == &perf);
	CHECK_EQ(words, 1);
	CHECK(ctl_command_find(2, (char *[]){ "service", "list" }, &words) == &list);
	CHECK_EQ(words, 2);
	CHECK(ctl_command_find(1, (char *[]){ "service" }, &words) == NULL);
	CHECK(ctl_command_find(1, (char *[]){ "per" }, &words) == NULL);
	CHECK(ctl_command_find(1, (char *[]){ "perfx" }, &words) == NULL);
	CHECK(ctl_command_find(0, (char *[]){ NULL }, &words) == NULL);
	/* By group, whatever the order of registration. */
	CHECK(ctl_command_first() == &list);
}

static char *
help_of(const struct ctl_command *command)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (command != NULL) {
		ctl_args_help_command(out, command);
	} else {
		ctl_args_help(out, NULL);
	}
	fclose(out);
	return text;
}

static void
help_names_everything_and_fits_80_columns(void)
{
	char *all = help_of(NULL), *one = help_of(&perf), *line, *next;

	CHECK(strstr(all, "\n  perf              run I/O\n") != NULL);
	CHECK(strstr(all, "\n  service list      list\n") != NULL);
	CHECK(strstr(all, "--version") != NULL);
	CHECK(strstr(one, "perf [OPTION]… BDEV") != NULL);
	CHECK(strstr(one, "  -w, --word WORD       a word\n"
	                  "                        of two lines\n") != NULL);
	for (line = all; *line != '\0'; line = next) {
		next = strchrnul(line, '\n');
		CHECK(next - line <= 82); /* bytes: `…` has three */
		next += *next != '\0';
	}
	free(all);
	free(one);
}

static const struct test_case cases[] = {
	TEST(options_of_every_type_before_and_after_the_arguments),
	TEST(what_every_command_takes),
	TEST(calctls_own_options_end_at_the_command),
	TEST(each_mistake_has_its_sentence),
	TEST(commands_are_found_by_one_word_or_two),
	TEST(help_names_everything_and_fits_80_columns),
};
TEST_MAIN("ctl/args", cases)
