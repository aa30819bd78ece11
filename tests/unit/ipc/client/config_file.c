/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* libs: -ljson-c */

#include "ipc/client/json.c"
#include "ipc/client/json_print.c"
#include "ipc/client/json_scan.c"
#include "ipc/client/config_file.c"

#include "tests/unit/test.h"

static char g_err[512];

static int
parse(struct config *config, const char *text)
{
	char *copy = strdup(text);
	int rc;

	g_err[0] = '\0';
	rc = config_parse(config, "x.json", copy, strlen(copy), g_err, sizeof(g_err));
	free(copy);
	return rc;
}

static const char good[] =
	"/* a comment */\n"
	"{ \"other\": {\"config\": [{\"x\": [1]}], \"subsystems\": []},\n"
	"  \"subsystems\": [ // another\n"
	"    { \"config\": [\n"
	"      { \"method\": \"one\" },\n"
	"      { \"params\": {\"a\": [{\"b\": {}}]}, \"method\": \"two\" },\n"
	"      [ { \"method\": \"three\" },\n"
	"        { \"method\": \"four\", \"params\": null } ],\n"
	"      [ { \"method\": \"five\" } ]\n"
	"    ], \"subsystem\": \"s1\" },\n"
	"    { \"subsystem\": \"s2\", \"config\": null },\n"
	"    { \"subsystem\": \"s3\", \"config\": [ { \"method\": \"six\" } ] }\n"
	"  ]\n"
	"}\n";

static void
good_file(void)
{
	static const struct {
		const char *subsystem, *method;
		unsigned line, batch;
		bool params;
	} want[] = {
		{ "s1", "one", 5, 0, false },   { "s1", "two", 6, 0, true },
		{ "s1", "three", 7, 1, false }, { "s1", "four", 8, 1, false },
		{ "s1", "five", 9, 2, false },  { "s3", "six", 12, 0, false },
	};
	struct config config;
	size_t i;

	CHECK_EQ(parse(&config, good), 0);
	CHECK_STR(g_err, "");
	REQUIRE(config.num_entries == 6 && config.entries != NULL);
	if (config.entries == NULL) { /* for the analyzer: REQUIRE does not return */
		return;
	}
	for (i = 0; i < 6; i++) {
		CHECK_STR(config.entries[i].subsystem, want[i].subsystem);
		CHECK_STR(config.entries[i].method, want[i].method);
		CHECK_EQ(config.entries[i].line, want[i].line);
		CHECK_EQ(config.entries[i].batch, want[i].batch);
		CHECK_EQ(config.entries[i].params != NULL, want[i].params);
	}
	CHECK_STR(config.path, "x.json");
	config_free(&config);

	CHECK_EQ(parse(&config, "{}"), 0);
	CHECK_EQ(config.num_entries, 0);
	config_free(&config);
	CHECK_EQ(parse(&config, "{\"subsystems\":[]}"), 0);
	config_free(&config);
}

#define SUB(entries) "{\"subsystems\":[\n{\"subsystem\":\"s\",\"config\":[\n" entries "]}]}"

static void
bad_files(void)
{
	static const struct {
		const char *text, *err;
	} bad[] = {
		{ "", "x.json:1:1: there is no configuration in this file" },
		{ " // nothing\n", "x.json:2:1: there is no configuration in this file" },
		{ "{\n  \"subsystems\": [\n    }", "x.json:3:5: a value was expected here" },
		{ "{\n\"subsystems\": [1,]}", "x.json:2:18: a value was expected here" },
		{ "{\"subsystems\":", "x.json:1:15: the text ends in the middle of a value" },
		{ "{'a':1}", "x.json:1:2: a name in double quotes was expected here" },
		{ "{} /* no end", "x.json:1:3: something follows the end of the configuration" },
		{ "{}\n{}", "x.json:1:3: something follows the end of the configuration" },
		{ "{\"a\":NaN}", "x.json:1:6: a value was expected here" },
		{ "{\"subsystems\":[],\n\"subsystems\":[]}",
		  "x.json:2:1: this name stands in its object twice" },
		{ SUB("{\"method\":\"m\",\"params\":{\"a\":1,\"a\":2}}"),
		  "x.json:3:31: this name stands in its object twice" },
		{ SUB("{\"method\":\"m\",\"params\":{\"a\":18446744073709551616}}"),
		  "x.json:3:29: this integer does not fit into 64 bits" },
		{ "[]", "x.json:1: the configuration must be an object" },
		{ "3", "x.json:1: the configuration must be an object" },
		{ "null", "x.json:1: the configuration must be an object" },
		{ "{\"subsystems\":{}}", "x.json: 'subsystems' must be an array" },
		{ "{\"subsystems\":null}", "x.json: 'subsystems' must be an array" },
		{ "{\"subsystems\":[1]}",
		  "x.json: an element of 'subsystems' is not an object with "
		  "'subsystem' and 'config'" },
		{ "{\"subsystems\":[\n{\"config\":[]}]}",
		  "x.json:2: this subsystem has no 'subsystem'" },
		{ "{\"subsystems\":[\n{\"subsystem\":\"s\"}]}",
		  "x.json:2: this subsystem has no 'config'" },
		{ "{\"subsystems\":[\n{\"subsystem\":1,\"config\":[]}]}",
		  "x.json:2: 'subsystem' must be a string" },
		{ "{\"subsystems\":[\n{\"subsystem\":\"s\",\"config\":{}}]}",
		  "x.json:2: 'config' of subsystem 's' must be an array or null" },
		{ "{\"subsystems\":[\n{\"subsystem\":\"s\",\"config\":[],\"x\":1}]}",
		  "x.json:2: a subsystem has 'subsystem' and 'config' only, not 'x'" },
		{ SUB("{}"), "x.json:3: this entry has no 'method'" },
		{ SUB("{\"method\":\"a\"},\n{\"method\":1}"),
		  "x.json:4: 'method' must be a string" },
		{ SUB("{\"method\":\"a\",\"params\":[]}"), "x.json:3: 'params' must be an object" },
		{ SUB("[{\"method\":\"a\"},\n\n{\"method\":\"a\",\"id\":1}]"),
		  "x.json:5: an entry has 'method' and 'params' only, not 'id'" },
		{ SUB("1"),
		  "x.json: an entry of subsystem 's' is neither an object with 'method' and "
		  "'params' nor an array of such objects" },
		{ SUB("[[{\"method\":\"a\"}]]"),
		  "x.json: an entry of subsystem 's' is neither an object "
		  "with 'method' and 'params' nor an array of such objects" },
	};
	struct config config;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK(parse(&config, bad[i].text) < 0);
		if (strcmp(g_err, bad[i].err) != 0) {
			fprintf(stderr, "\n    got  %s\n    want %s\n", g_err, bad[i].err);
		}
		CHECK_STR(g_err, bad[i].err);
		CHECK(config.root == NULL && config.entries == NULL);
	}
}

static void
from_the_disk(void)
{
	char path[] = "/tmp/cal-confd-test.XXXXXX";
	struct config config;
	char *pad;
	int fd = mkstemp(path);

	REQUIRE(fd >= 0);
	/* Longer than the first piece it is read in. */
	pad = malloc(200000);
	memset(pad, ' ', 200000);
	CHECK(write(fd, pad, 200000) == 200000);
	CHECK(write(fd, good, sizeof(good) - 1) == sizeof(good) - 1);
	CHECK_EQ(config_read(&config, path, "do something", g_err, sizeof(g_err)), 0);
	CHECK_EQ(config.num_entries, 6);
	config_free(&config);
	close(fd);
	unlink(path);
	free(pad);

	CHECK_EQ(config_read(&config, "/nowhere/x.json", "do something", g_err, sizeof(g_err)),
	         -ENOENT);
	CHECK_STR(g_err,
	          "cannot read the configuration /nowhere/x.json: No such file or directory; "
	          "do something");
	CHECK_EQ(config_read(&config, "/tmp", "do something", g_err, sizeof(g_err)), -EISDIR);
}

static const struct test_case cases[] = { TEST(good_file), TEST(bad_files), TEST(from_the_disk) };
TEST_MAIN("ipc/client/config_file", cases)
