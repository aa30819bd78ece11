/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include <stdlib.h>

#include "ctl/table.c"
#include "ctl/term.c"
#include "tests/unit/test.h"

static const struct ctl_column columns[] = {
	{ "NAME", .elastic = true },
	{ "N", .right = true },
	{ "TAIL" },
};

static char *
print(struct ctl_table *table, const struct ctl_term *term, unsigned indent)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	CHECK_EQ(ctl_table_print(table, out, term, indent), 0);
	fclose(out);
	return text;
}

static void
fill(struct ctl_table *table, const char *name)
{
	ctl_table_init(table, columns, 3);
	ctl_table_add(table, CTL_PLAIN, "%s", name);
	ctl_table_add(table, CTL_PLAIN, "%d", 7);
	ctl_table_add(table, CTL_GREEN, "ok");
	ctl_table_add(table, CTL_PLAIN, "b");
	ctl_table_add(table, CTL_PLAIN, "%d", 1234);
	ctl_table_add(table, CTL_PLAIN, "-");
}

static void
columns_are_aligned_and_lines_have_no_trailing_space(void)
{
	struct ctl_term term = { 0 };
	struct ctl_table table;
	char *text;

	fill(&table, "Malloc0");
	text = print(&table, &term, 2);
	CHECK_STR(text, "  NAME        N  TAIL\n"
	                "  Malloc0     7  ok\n"
	                "  b        1234  -\n");
	free(text);
	ctl_table_free(&table);
}

static void
a_narrow_terminal_cuts_the_elastic_column(void)
{
	struct ctl_term term = { .is_terminal = true, .width = 22 };
	struct ctl_table table;
	char *text;

	fill(&table, "a-very-long-name-of-a-bdev");
	text = print(&table, &term, 0);
	CHECK(strstr(text, "a-very-lo…     7  ok\n") != NULL);
	free(text);
	/* Without a terminal nothing is cut. */
	term = (struct ctl_term){ 0 };
	text = print(&table, &term, 0);
	CHECK(strstr(text, "a-very-long-name-of-a-bdev") != NULL);
	free(text);
	ctl_table_free(&table);
}

static void
utf8_counts_characters(void)
{
	struct ctl_term term = { 0 };
	struct ctl_table table;
	char *text;

	CHECK_EQ(ctl_table_text_width("Zürich"), 6);
	fill(&table, "Zürich");
	text = print(&table, &term, 0);
	CHECK(strstr(text, "Zürich     7  ok\n") != NULL);
	free(text);
	ctl_table_free(&table);
}

static void
colour_does_not_change_the_alignment(void)
{
	struct ctl_term term = { .is_terminal = true, .colour = true, .width = 80 };
	struct ctl_table table;
	char *text;

	fill(&table, "a");
	text = print(&table, &term, 0);
	CHECK(strstr(text, "\033[32mok\033[0m\n") != NULL);
	CHECK(strstr(text, "a        7  \033[32m") != NULL);
	free(text);
	ctl_table_free(&table);
}

static void
names_cannot_drive_the_terminal(void)
{
	struct ctl_term term = { 0 };
	struct ctl_table table;
	char *text;

	fill(&table, "\033[2Jx\ny");
	text = print(&table, &term, 0);
	CHECK(strstr(text, "?[2Jx?y") != NULL);
	CHECK(strchr(text, '\033') == NULL);
	free(text);
	ctl_table_free(&table);
}

static void
a_table_without_rows_is_its_head(void)
{
	struct ctl_term term = { 0 };
	struct ctl_table table;
	char *text;

	ctl_table_init(&table, columns, 3);
	text = print(&table, &term, 0);
	CHECK_STR(text, "NAME  N  TAIL\n");
	free(text);
	ctl_table_free(&table);
}

static const struct test_case cases[] = {
	TEST(columns_are_aligned_and_lines_have_no_trailing_space),
	TEST(a_narrow_terminal_cuts_the_elastic_column),
	TEST(utf8_counts_characters),
	TEST(colour_does_not_change_the_alignment),
	TEST(names_cannot_drive_the_terminal),
	TEST(a_table_without_rows_is_its_head),
};
TEST_MAIN("ctl/table", cases)
