/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "spdk/stdinc.h"
#include "spdk/notify.h"

#include <pthread.h>

#include "tests/unit/test.h"

#define KEPT       1024
#define NAMES_SIZE 256

struct seen {
	uint64_t first, last, count;
	uint64_t stop_after;
	struct spdk_notify_event event;
};

static int
see(uint64_t idx, const struct spdk_notify_event *event, void *ctx)
{
	struct seen *seen = ctx;

	if (seen->count == 0) {
		seen->first = idx;
	} else {
		CHECK_EQ(idx, seen->last + 1);
	}
	seen->last = idx;
	seen->event = *event;
	return ++seen->count == seen->stop_after ? -1 : 0;
}

static uint64_t
look(uint64_t start, uint64_t max, struct seen *seen)
{
	uint64_t stop_after = seen->stop_after, calls;

	memset(seen, 0, sizeof(*seen));
	seen->stop_after = stop_after;
	calls = spdk_notify_foreach_event(start, max, see, seen);
	CHECK_EQ(calls, seen->count);
	return calls;
}

static int
collect_types(const struct spdk_notify_type *type, void *ctx)
{
	char *names = ctx;

	size_t len = strlen(names);

	snprintf(names + len, NAMES_SIZE - len, "%s ", spdk_notify_type_get_name(type));
	return strcmp(spdk_notify_type_get_name(type), "stop") == 0;
}

static void
types(void)
{
	struct spdk_notify_type *one = spdk_notify_type_register("one");
	char names[NAMES_SIZE] = "", name[SPDK_NOTIFY_MAX_NAME_SIZE + 1];

	CHECK_STR(spdk_notify_type_get_name(one), "one");
	CHECK(spdk_notify_type_register("two") != one);
	CHECK(spdk_notify_type_register("one") == one);
	CHECK(spdk_notify_type_register("") == NULL);
	CHECK(spdk_notify_type_register(NULL) == NULL);
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	CHECK(spdk_notify_type_register(name) == NULL);
	spdk_notify_foreach_type(collect_types, names);
	CHECK_STR(names, "one two ");
	spdk_notify_type_register("stop");
	spdk_notify_type_register("after");
	names[0] = '\0';
	spdk_notify_foreach_type(collect_types, names);
	CHECK_STR(names, "one two stop ");
}

static void
the_last_are_kept(void)
{
	struct seen seen = { 0 };
	uint64_t i, base = spdk_notify_send("one", "first");

	CHECK_EQ(look(base, 10, &seen), 1);
	CHECK_STR(seen.event.type, "one");
	CHECK_STR(seen.event.ctx, "first");
	CHECK_EQ(look(base + 1, UINT64_MAX, &seen), 0);
	CHECK_EQ(look(UINT64_MAX, UINT64_MAX, &seen), 0);
	for (i = 1; i < KEPT; i++) {
		CHECK_EQ(spdk_notify_send("two", "more"), base + i);
	}
	CHECK_EQ(look(base, UINT64_MAX, &seen), KEPT);
	CHECK_EQ(seen.first, base);
	spdk_notify_send("two", "over");
	CHECK_EQ(look(base, UINT64_MAX, &seen), KEPT);
	CHECK_EQ(seen.first, base + 1);
	CHECK_STR(seen.event.ctx, "over");
	CHECK_EQ(look(0, 5, &seen), 5);
	CHECK_EQ(seen.first, base + 1);
	CHECK_EQ(look(base + KEPT - 1, 100, &seen), 2);
	CHECK_EQ(look(base, 0, &seen), 0);
	seen.stop_after = 3;
	CHECK_EQ(look(base, 100, &seen), 3);
}

/* A cut within a character would make the event unfit for JSON. */
static void
long_ones_are_cut_between_characters(void)
{
	struct seen seen = { 0 };
	char text[400], want[SPDK_NOTIFY_MAX_CTX_SIZE];
	unsigned lead;

	for (lead = 0; lead < 8; lead++) {
		unsigned i, fits = (SPDK_NOTIFY_MAX_CTX_SIZE - 1 - lead) / 3;
		uint64_t id;

		memset(text, 0, sizeof(text));
		memset(text, 'a', lead);
		for (i = 0; i < 100; i++) {
			text[lead + 3 * i] = '\xe2';
			text[lead + 3 * i + 1] = '\x82';
			text[lead + 3 * i + 2] = '\xac';
		}
		snprintf(want, sizeof(want), "%.*s", (int)(lead + 3 * fits), text);
		id = spdk_notify_send(text, text);
		CHECK_EQ(look(id, 1, &seen), 1);
		CHECK_STR(seen.event.type, want);
		CHECK_STR(seen.event.ctx, want);
	}
}

#define SENDERS 4u
#define SENDS   5000u

static void *
send_many(void *arg)
{
	unsigned i;

	for (i = 0; i < SENDS; i++) {
		spdk_notify_send("many", arg);
	}
	return NULL;
}

static void
from_many_threads(void)
{
	static char names[SENDERS][2] = { "a", "b", "c", "d" };
	uint64_t base = spdk_notify_send("many", "begin");
	pthread_t threads[SENDERS];
	struct seen seen = { 0 };
	unsigned i;

	for (i = 0; i < SENDERS; i++) {
		REQUIRE(pthread_create(&threads[i], NULL, send_many, names[i]) == 0);
	}
	for (i = 0; i < 100; i++) {
		CHECK(look(base, 64, &seen) <= 64);
		CHECK_STR(seen.event.type, "many");
	}
	for (i = 0; i < SENDERS; i++) {
		pthread_join(threads[i], NULL);
	}
	CHECK_EQ(spdk_notify_send("many", "end"), base + (uint64_t)SENDERS * SENDS + 1);
}

static const struct test_case cases[] = {
	TEST(types),
	TEST(the_last_are_kept),
	TEST(long_ones_are_cut_between_characters),
	TEST(from_many_threads),
};
TEST_MAIN("util/notify", cases)
