/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Pollers and channels are met once each, whatever comes, goes and runs between two looks. */

#include "core/thread/thread_walk.h"
#include "spdk_internal/thread.h"
#include "tests/unit/fake_env.h"
#include "tests/unit/seed.h"
#include "tests/unit/test.h"

#define SLOTS 60

struct slot {
	struct spdk_poller *poller;
	bool paused;
	bool timed;
	bool stayed; /* since the walk began */
	bool met;
};

static struct slot g_slots[SLOTS];
static struct spdk_thread *g_thread;

static int
run(void *arg)
{
	return SPDK_POLLER_BUSY;
}

static void
change(void)
{
	struct slot *slot = &g_slots[pick(SLOTS)];

	switch (pick(4)) {
	case 0:
		if (slot->poller != NULL) {
			spdk_poller_unregister(&slot->poller);
			slot->stayed = false;
		} else {
			slot->timed = pick(2) == 0;
			slot->poller = spdk_poller_register_named(
				run, slot, slot->timed ? 1 + pick(5) * 100 : 0, "slot");
			REQUIRE(slot->poller != NULL);
			slot->paused = slot->stayed = false;
			slot->met = false;
		}
		break;
	case 1:
		if (slot->poller != NULL && !slot->paused) {
			spdk_poller_pause(slot->poller);
			slot->paused = true;
		}
		break;
	case 2:
		if (slot->poller != NULL && slot->paused) {
			spdk_poller_resume(slot->poller);
			slot->paused = false;
		}
		break;
	default:
		fake_delay_us(pick(300));
		spdk_thread_poll(g_thread, 0, 0);
		spdk_set_thread(g_thread);
	}
}

static struct slot *
slot_of(struct spdk_poller *poller)
{
	unsigned i;

	for (i = 0; i < SLOTS; i++) {
		if (g_slots[i].poller == poller) {
			return &g_slots[i];
		}
	}
	return NULL;
}

static enum poller_kind
kind_of(const struct slot *slot)
{
	if (slot->paused) {
		return POLLER_IS_PAUSED;
	}
	return slot->timed ? POLLER_IS_TIMED : POLLER_IS_ACTIVE;
}

static void
one_walk(void)
{
	struct spdk_poller *poller;
	uint64_t position = 0;
	struct slot *slot;
	unsigned i;

	for (i = 0; i < SLOTS; i++) {
		g_slots[i].stayed = g_slots[i].poller != NULL;
		g_slots[i].met = false;
	}
	while ((poller = thread_walk_poller(g_thread, &position)) != NULL) {
		slot = slot_of(poller);
		REQUIRE(slot != NULL);
		CHECK(!slot->met);
		CHECK_EQ(poller_get_kind(poller), kind_of(slot));
		slot->met = true;
		for (i = pick(4); i > 0; i--) {
			change();
		}
	}
	for (i = 0; i < SLOTS; i++) {
		CHECK(!g_slots[i].stayed || g_slots[i].met);
	}
}

static void
pollers(void)
{
	unsigned n;

	seed_begin("pollers");
	spdk_thread_lib_init(NULL, 0);
	g_thread = fake_thread("walked");
	spdk_set_thread(g_thread);
	for (n = 0; n < 300; n++) {
		one_walk();
	}
	for (n = 0; n < SLOTS; n++) {
		spdk_poller_unregister(&g_slots[n].poller);
	}
	spdk_thread_poll(g_thread, 0, 0);
	spdk_set_thread(g_thread);
	spdk_thread_exit(g_thread);
	while (!spdk_thread_is_exited(g_thread)) {
		spdk_thread_poll(g_thread, 0, 0);
	}
	spdk_thread_destroy(g_thread);
	spdk_thread_lib_fini();
}

static int
created(void *io_device, void *ctx)
{
	return 0;
}

static void
destroyed(void *io_device, void *ctx)
{
}

static void
channels(void)
{
	static char devices[20];
	struct spdk_io_channel *held[20] = { NULL }, *ch;
	bool met[20] = { false };
	uint64_t position = 0;
	unsigned i, n = 0;

	spdk_thread_lib_init(NULL, 0);
	g_thread = fake_thread("walked");
	spdk_set_thread(g_thread);
	for (i = 0; i < 20; i++) {
		spdk_io_device_register(&devices[i], created, destroyed, 0, "device");
		held[i] = spdk_get_io_channel(&devices[i]);
	}
	while ((ch = thread_walk_channel(g_thread, &position)) != NULL) {
		for (i = 0; i < 20 && held[i] != ch; i++) {
		}
		REQUIRE(i < 20);
		CHECK(!met[i]);
		met[i] = true;
		n++;
		/* It goes before the next look. */
		if (n % 3 == 0) {
			spdk_put_io_channel(held[i]);
			spdk_thread_poll(g_thread, 0, 0);
			spdk_set_thread(g_thread);
			held[i] = NULL;
		}
	}
	CHECK_EQ(n, 20);
	for (i = 0; i < 20; i++) {
		if (held[i] != NULL) {
			spdk_put_io_channel(held[i]);
		}
		spdk_io_device_unregister(&devices[i], NULL);
	}
	spdk_thread_exit(g_thread);
	while (!spdk_thread_is_exited(g_thread)) {
		spdk_thread_poll(g_thread, 0, 0);
	}
	spdk_thread_destroy(g_thread);
	spdk_thread_lib_fini();
}

static const struct test_case cases[] = { TEST(pollers), TEST(channels) };
TEST_MAIN("thread/thread_walk", cases)
