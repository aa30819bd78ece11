/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* libs: -ljson-c */

#include <unistd.h>

#include "ctl/json.c"
#include "ctl/file.c"
#include "tests/unit/test.h"

static char err[256];

static int
parse(const char *text, struct json_object **out)
{
	err[0] = '\0';
	return ctl_json_parse(text, strlen(text), out, err, sizeof(err));
}

static void
any_json_value_is_taken(void)
{
	static const char *const texts[] = { "{\"a\": 1}", "[]",    " 17 ", "17",
		                             "true",       "\"x\"", "-1.5", "{} \n\t" };
	struct json_object *value;
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		CHECK_EQ(parse(texts[i], &value), 0);
		CHECK(value != NULL);
		json_object_put(value);
	}
	CHECK_EQ(parse("null", &value), 0);
	CHECK(value == NULL);
	CHECK_EQ(parse("{ /* why */ \"a\": 1 }", &value), 0);
	CHECK_EQ(ctl_json_u64(value, "a"), 1);
	json_object_put(value);
}

static void
mistakes_have_line_and_column(void)
{
	struct json_object *value;

	CHECK_EQ(parse("{\n  \"a\": 1,\n  oops\n}", &value), -EINVAL);
	CHECK(strncmp(err, "line 3, column 3: ", 18) == 0);
	CHECK_EQ(parse("{\"a\": ", &value), -EINVAL);
	CHECK(strncmp(err, "line 1, column ", 15) == 0);
	CHECK_EQ(parse("", &value), -EINVAL);
	CHECK_EQ(parse("{} {}", &value), -EINVAL);
	CHECK(strstr(err, "column 4: something follows") != NULL);
	CHECK_EQ(parse("nul", &value), -EINVAL);
}

static void
nesting_is_limited(void)
{
	struct json_object *value;
	char text[202];

	memset(text, '[', 100);
	memset(text + 100, ']', 100);
	text[200] = '\0';
	CHECK_EQ(parse(text, &value), -EINVAL);
	CHECK(value == NULL);
}

static void
members_are_read_leniently(void)
{
	struct json_object *o;

	REQUIRE(parse("{\"u\": 18446744073709551615, \"d\": 1.5, \"s\": \"x\", \"b\": true, "
	              "\"a\": [1, 2], \"n\": null}",
	              &o) == 0);
	CHECK_EQ(ctl_json_u64(o, "u"), UINT64_MAX);
	CHECK_EQ(ctl_json_u64(o, "s"), 0);
	CHECK_EQ(ctl_json_u64(o, "none"), 0);
	CHECK_EQ(ctl_json_double(o, "d"), 1.5);
	CHECK_STR(ctl_json_str(o, "s"), "x");
	CHECK_STR(ctl_json_str(o, "n"), "");
	CHECK(ctl_json_bool(o, "b"));
	CHECK(!ctl_json_bool(o, "u"));
	CHECK_EQ(ctl_json_len(ctl_json_get(o, "a")), 2);
	CHECK_EQ(ctl_json_len(ctl_json_get(o, "s")), 0);
	CHECK(ctl_json_at(ctl_json_get(o, "a"), 2) == NULL);
	CHECK_EQ(ctl_json_u64(NULL, "u"), 0);
	CHECK_STR(ctl_json_str(ctl_json_get(o, "a"), "s"), "");
	json_object_put(o);
}

static void
doubles_print_with_their_decimals(void)
{
	struct json_object *o = json_object_new_object();

	ctl_json_put(o, "a", ctl_json_new_double(0.1, 1));
	ctl_json_put(o, "b", ctl_json_new_double(2.0 / 3, 3));
	ctl_json_put(o, "c", ctl_json_new_double(0.0 / 0.0, 2));
	CHECK_STR(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN),
	          "{\"a\":0.1,\"b\":0.667,\"c\":0.00}");
	json_object_put(o);
}

static void
pretty_is_what_python_prints_with_indent_2(void)
{
	static const char text[] = "{\n"
				   "  \"a\": 1,\n"
				   "  \"b/c\": [\n"
				   "    [],\n"
				   "    {},\n"
				   "    null,\n"
				   "    \"x\\ny\"\n"
				   "  ],\n"
				   "  \"d\": {\n"
				   "    \"e\": 1.5\n"
				   "  }\n"
				   "}\n";
	struct json_object *value;
	char printed[256] = "";
	FILE *out = fmemopen(printed, sizeof(printed), "w");

	CHECK(out != NULL);
	if (out != NULL && parse(text, &value) == 0) {
		ctl_json_print_pretty(out, value);
		fclose(out);
		json_object_put(value);
	}
	CHECK_STR(printed, text);
}

static void
files_are_written_whole_and_read_back(void)
{
	char folder[] = "/tmp/ctl-json-XXXXXX", path[64], *text = NULL;
	size_t len;

	REQUIRE(mkdtemp(folder) != NULL);
	snprintf(path, sizeof(path), "%s/config", folder);
	CHECK_EQ(ctl_file_write(path, "first", err, sizeof(err)), 0);
	CHECK_EQ(ctl_file_write(path, "second", err, sizeof(err)), 0);
	REQUIRE(ctl_file_read(path, &text, &len, err, sizeof(err)) == 0);
	CHECK_STR(text != NULL ? text : "", "second");
	CHECK_EQ(len, 6);
	free(text);
	CHECK_EQ(unlink(path), 0);
	CHECK_EQ(ctl_file_read(path, &text, &len, err, sizeof(err)), -ENOENT);
	CHECK(strstr(err, "cannot read") != NULL);
	/* Nothing but the file itself was left behind. */
	CHECK_EQ(rmdir(folder), 0);
	CHECK_EQ(ctl_file_write(path, "x", err, sizeof(err)), -ENOENT);
}

static const struct test_case cases[] = {
	TEST(any_json_value_is_taken),
	TEST(mistakes_have_line_and_column),
	TEST(nesting_is_limited),
	TEST(members_are_read_leniently),
	TEST(doubles_print_with_their_decimals),
	TEST(pretty_is_what_python_prints_with_indent_2),
	TEST(files_are_written_whole_and_read_back),
};
TEST_MAIN("ctl/json", cases)
