/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Notifications: types once, events in a ring. */

#include "tests/unit/test.h"

#include "spdk/notify.h"

static uint64_t g_first, g_last;
static unsigned g_stop_at;
static char g_types[256];

static int
type(const struct spdk_notify_type *t, void *ctx)
{
	snprintf(g_types + strlen(g_types), sizeof(g_types) - strlen(g_types), "%s",
	         spdk_notify_type_get_name(t));
	return 0;
}

static void
types(void)
{
	CHECK(spdk_notify_type_register("one") != NULL);
	CHECK(spdk_notify_type_register("two") != NULL);
	CHECK(spdk_notify_type_register("one") != NULL);
	CHECK(spdk_notify_type_register("") == NULL);
	CHECK(spdk_notify_type_register(NULL) == NULL);
	spdk_notify_foreach_type(type, NULL);
	CHECK_STR(g_types, "onetwo");
}

static int
event(uint64_t id, const struct spdk_notify_event *e, void *ctx)
{
	char wanted[32];

	snprintf(wanted, sizeof(wanted), "%llu", (unsigned long long)id);
	CHECK_STR(e->ctx, wanted);
	if (g_first == UINT64_MAX) {
		g_first = id;
	}
	g_last = id;
	return g_stop_at != 0 && --g_stop_at == 0;
}

static uint64_t
walk(uint64_t from, uint64_t max)
{
	g_first = UINT64_MAX;
	return spdk_notify_foreach_event(from, max, event, NULL);
}

static void
events(void)
{
	char ctx[32];
	uint64_t i;

	CHECK_EQ(walk(0, 10), 0);
	for (i = 0; i < 1500; i++) {
		snprintf(ctx, sizeof(ctx), "%llu", (unsigned long long)i);
		CHECK_EQ(spdk_notify_send("one", ctx), i);
	}
	/* The last 1024. */
	CHECK_EQ(walk(0, UINT64_MAX), 1024);
	CHECK(g_first == 1500 - 1024 && g_last == 1499);
	CHECK_EQ(walk(1490, 3), 3);
	CHECK(g_first == 1490 && g_last == 1492);
	CHECK_EQ(walk(1500, 10), 0);
	CHECK_EQ(walk(UINT64_MAX, 10), 0);
	g_stop_at = 2;
	CHECK_EQ(walk(1000, 10), 2);
	CHECK_EQ(g_last, 1001);
}

static const struct test_case cases[] = { TEST(types), TEST(events) };
TEST_MAIN("bdev/notify", cases)
