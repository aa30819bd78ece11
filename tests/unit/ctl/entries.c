/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* libs: -ljson-c */

#include "ctl/entries.c"
#include "ctl/json.c"
#include "tests/unit/test.h"

static char err[512];
static struct ctl_entries entries;
static struct json_object *root;

static int
read_text(const char *text)
{
	REQUIRE(ctl_json_parse(text, strlen(text), &root, err, sizeof(err)) == 0);
	err[0] = '\0';
	return ctl_entries_read(&entries, root, err, sizeof(err));
}

static void
drop(void)
{
	ctl_entries_free(&entries);
	json_object_put(root);
	root = NULL;
}

static void
entries_keep_the_files_order_and_batches_are_flat(void)
{
	CHECK_EQ(read_text("{\"other\": 1, \"subsystems\": ["
	                   " {\"subsystem\": \"scsi\", \"config\": null},"
	                   " {\"subsystem\": \"iobuf\", \"config\": [{\"method\": \"a\"}]},"
	                   " {\"subsystem\": \"bdev\", \"config\": ["
	                   "   {\"method\": \"b\", \"params\": {\"x\": 1}},"
	                   "   [{\"method\": \"c\"}, {\"method\": \"d\"}], []]}]}"),
	         0);
	REQUIRE(entries.count == 4);
	CHECK_STR(entries.list[0].method, "a");
	CHECK_STR(entries.list[0].subsystem, "iobuf");
	CHECK(entries.list[0].params == NULL);
	CHECK_STR(entries.list[1].method, "b");
	CHECK_EQ(ctl_json_u64(entries.list[1].params, "x"), 1);
	CHECK_STR(entries.list[2].method, "c");
	CHECK_STR(entries.list[3].method, "d");
	CHECK_STR(entries.list[3].subsystem, "bdev");
	drop();
}

static void
what_is_no_configuration_is_refused(void)
{
#define BDEV "{\"subsystems\": [{\"subsystem\": \"b\", \"config\": "
	static const char *const texts[] = {
		"[]",
		"{}",
		"{\"subsystems\": {}}",
		"{\"subsystems\": [1]}",
		"{\"subsystems\": [{\"config\": []}]}",
		BDEV "{}}]}",
		BDEV "[1]}]}",
		BDEV "[{\"params\": {}}]}]}",
		BDEV "[{\"method\": 1}]}]}",
		BDEV "[{\"method\": \"m\", \"params\": []}]}]}",
		BDEV "[{\"method\": \"m\", \"id\": 1}]}]}",
		BDEV "[[[]]]}]}",
	};
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		CHECK_EQ(read_text(texts[i]), -EINVAL);
		CHECK(err[0] != '\0');
		CHECK_EQ(entries.count, 0);
		drop();
	}
}

static void
names_are_looked_up_whole(void)
{
	struct json_object *names;

	REQUIRE(ctl_json_parse("[\"a\", 1, \"bc\"]", 14, &names, err, sizeof(err)) == 0);
	CHECK(ctl_entries_has_name(names, "bc"));
	CHECK(!ctl_entries_has_name(names, "b"));
	CHECK(!ctl_entries_has_name(NULL, "a"));
	json_object_put(names);
}

static const struct test_case cases[] = {
	TEST(entries_keep_the_files_order_and_batches_are_flat),
	TEST(what_is_no_configuration_is_refused),
	TEST(names_are_looked_up_whole),
};
TEST_MAIN("ctl/entries", cases)
