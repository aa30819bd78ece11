/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What stress.c's threads do to each other: messages, walks, devices, and threads that live for a
 * day. Everything is counted. */

#ifndef CAL_TESTS_UNIT_THREAD_STRESS_WORLD_H
#define CAL_TESTS_UNIT_THREAD_STRESS_WORLD_H

#include "tests/unit/reactor/fake_cores.h"
#include "tests/unit/test.h"

#include "core/reactor/reactor_internal.h"
#include "core/thread/thread_internal.h"
#include "spdk/event.h"
#include "spdk/log.h"

#define ACTORS  64
#define SENDERS (ACTORS + 1) /* the last one is the OS thread */
#define DEVICES 16           /* the first actors own one each */
#define POLLERS 3            /* extra ones, of each actor */
#define BACKLOG 50           /* messages that wait at an actor: no more are sent to it then */
#define SLOW    60           /* a second of the library's: on a loaded machine nobody may be late */
#define STUCK_S 60           /* until all must have come to rest */

static const uint32_t g_two[] = { 0, 1 };

/* What must not be, with the line that saw it. */
static uint64_t g_wrong;
#define MUST(expr)                                                                         \
	do {                                                                               \
		if (!(expr)) {                                                             \
			if (__atomic_fetch_add(&g_wrong, 1, __ATOMIC_RELAXED) < 20) {      \
				fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #expr); \
			}                                                                  \
		}                                                                          \
	} while (0)

#define COUNT(counter) __atomic_fetch_add(&g_count.counter, 1, __ATOMIC_RELAXED)
/* Both halves of a pair must be equal in the end. */
static struct {
	uint64_t moves, locked;
	uint64_t walks_begun, walks_done;
	uint64_t ch_walks_begun, ch_walks_done, ch_visits;
	uint64_t channels_made, channels_gone;
	uint64_t devices_made, devices_gone;
	uint64_t mayflies_born, mayflies_gone;
	uint64_t critical_sent, critical_run;
	uint64_t events_sent, events_run;
	uint64_t modes_begun, modes_done;
	uint64_t polls;
} g_count;

struct device {
	bool registered; /* by its owner; a hint to others */
	uint32_t channels;
};

struct extra {
	struct spdk_poller *poller;
	bool paused;
	struct actor *actor;
};

/* One a lightweight thread; used on it only, unless it is said otherwise. */
static struct actor {
	struct spdk_thread *thread;
	struct spdk_poller *poller, *mover;
	struct extra extras[POLLERS];
	uint64_t rand;
	uint64_t sent[ACTORS];  /* by it */
	uint64_t seen[SENDERS]; /* by it */
	struct spdk_io_channel *channels[DEVICES];
	uint32_t busy; /* walks begun and threads created that have not come back */
	bool device_busy, mayfly;
} g_actors[ACTORS];

static struct device g_devices[DEVICES];
static struct spdk_spinlock g_lock;
static uint64_t g_locked; /* under the lock */
static uint64_t g_os_sent[ACTORS];
static bool g_stop_os, g_stop_all;
static pthread_t g_os_thread;
static uint32_t g_backlog[ACTORS];
static uint64_t g_deadline;
static uint32_t g_quiet;

static uint32_t
pick(uint64_t *state, uint32_t n)
{
	return (uint32_t)(spdk_rand_xorshift64(state) >> 20) % n;
}

static struct actor *
actor_here(void)
{
	uintptr_t i;

	for (i = 0; i < ACTORS; i++) {
		if (g_actors[i].thread == spdk_get_thread()) {
			return &g_actors[i];
		}
	}
	return NULL;
}

/* --- messages --------------------------------------------------------------------------------- */

static void
receive(void *arg)
{
	uintptr_t target = (uintptr_t)arg & 255, sender = (uintptr_t)arg >> 8 & 255;
	struct actor *actor = &g_actors[target];

	MUST(spdk_get_thread() == actor->thread);
	MUST(actor->seen[sender] == (uintptr_t)arg >> 16);
	actor->seen[sender] = ((uintptr_t)arg >> 16) + 1;
	__atomic_fetch_sub(&g_backlog[target], 1, __ATOMIC_RELAXED);
}

/* The reactors' loads differ, and so may the rates at which messages come and are run. */
static void
send_numbers(uintptr_t sender, uintptr_t target, uint64_t *counter, uint32_t n)
{
	if (__atomic_load_n(&g_backlog[target], __ATOMIC_RELAXED) > BACKLOG) {
		return;
	}
	__atomic_fetch_add(&g_backlog[target], n, __ATOMIC_RELAXED);
	while (n-- > 0) {
		MUST(spdk_thread_send_msg(g_actors[target].thread, receive,
		                          (void *)(target | sender << 8 | (*counter)++ << 16)) ==
		     0);
	}
}

static void
critical(void *arg)
{
	MUST(arg == NULL && actor_here() != NULL);
	COUNT(critical_run);
}

static void *
os_thread(void *arg)
{
	uint32_t target = 0;

	while (!__atomic_load_n(&g_stop_os, __ATOMIC_RELAXED)) {
		send_numbers(ACTORS, target, &g_os_sent[target], 20);
		if (spdk_thread_send_critical_msg(g_actors[target].thread, critical) == 0) {
			COUNT(critical_sent);
		}
		target = (target + 1) % ACTORS;
		usleep(20);
	}
	return NULL;
}

static void
event(void *arg1, void *arg2)
{
	MUST(spdk_get_thread() == NULL && arg1 == &g_count && arg2 == NULL);
	COUNT(events_run);
}

/* --- walks ------------------------------------------------------------------------------------ */

struct stroll {
	struct actor *actor;
	struct spdk_thread *origin;
	uint8_t visits[ACTORS];
	bool over;
	int status; /* to be continued with, at the last visit */
	uint32_t device;
};

static void
stroll_visit(void *arg)
{
	struct stroll *stroll = arg;
	struct actor *actor = actor_here();

	MUST(!stroll->over);
	if (actor != NULL) {
		stroll->visits[actor - g_actors]++;
	}
}

static void
stroll_done(void *arg)
{
	struct stroll *stroll = arg;
	int i;

	MUST(spdk_get_thread() == stroll->origin);
	for (i = 0; i < ACTORS; i++) {
		MUST(stroll->visits[i] == 1);
	}
	stroll->over = true;
	stroll->actor->busy--;
	COUNT(walks_done);
	free(stroll);
}

static struct stroll *
stroll_new(struct actor *actor)
{
	struct stroll *stroll = calloc(1, sizeof(*stroll));

	if (stroll == NULL) {
		abort();
	}
	stroll->actor = actor;
	stroll->origin = spdk_get_thread();
	actor->busy++;
	return stroll;
}

static void
go_on(void *arg)
{
	struct stroll *stroll = spdk_io_channel_iter_get_ctx(arg);

	spdk_for_each_channel_continue(arg, stroll->status);
}

static void
channel_visit(struct spdk_io_channel_iter *i)
{
	struct stroll *stroll = spdk_io_channel_iter_get_ctx(i);
	struct spdk_io_channel *ch = spdk_io_channel_iter_get_channel(i);
	struct actor *actor = actor_here();
	struct device *dev = spdk_io_channel_iter_get_io_device(i);

	COUNT(ch_visits);
	MUST(!stroll->over && stroll->status == 0);
	MUST(spdk_io_channel_get_thread(ch) == spdk_get_thread());
	MUST(dev == &g_devices[stroll->device]);
	MUST(*(void **)spdk_io_channel_get_ctx(ch) == (void *)spdk_get_thread());
	MUST(__atomic_load_n(&dev->channels, __ATOMIC_RELAXED) > 0);
	if (actor == NULL) { /* a mayfly */
		spdk_for_each_channel_continue(i, 0);
		return;
	}
	MUST(stroll->visits[actor - g_actors]++ == 0);
	if (pick(&actor->rand, 50) == 0) {
		stroll->status = -EIO;
	}
	/* At once, or later: it may have gone elsewhere, or put its channel, until then. */
	if (pick(&actor->rand, 3) != 0) {
		go_on(i);
	} else {
		spdk_thread_send_msg(spdk_get_thread(), go_on, i);
	}
}

static void
channel_walk_done(struct spdk_io_channel_iter *i, int status)
{
	struct stroll *stroll = spdk_io_channel_iter_get_ctx(i);

	MUST(spdk_get_thread() == stroll->origin);
	MUST(status == stroll->status || status == -ENODEV);
	stroll->over = true;
	stroll->actor->busy--;
	COUNT(ch_walks_done);
	free(stroll);
}

/* --- devices and channels --------------------------------------------------------------------- */

static int
channel_create(void *io_device, void *ctx)
{
	struct actor *actor = actor_here();

	MUST(*(void **)ctx == NULL);
	if (actor != NULL && pick(&actor->rand, 20) == 0) {
		return -ENOMEM;
	}
	*(void **)ctx = (void *)spdk_get_thread();
	__atomic_fetch_add(&((struct device *)io_device)->channels, 1, __ATOMIC_RELAXED);
	COUNT(channels_made);
	return 0;
}

static void
channel_destroy(void *io_device, void *ctx)
{
	MUST(*(void **)ctx == (void *)spdk_get_thread());
	__atomic_fetch_sub(&((struct device *)io_device)->channels, 1, __ATOMIC_RELAXED);
	COUNT(channels_gone);
}

static void
device_start(struct device *dev)
{
	spdk_io_device_register(dev, channel_create, channel_destroy, sizeof(void *), "device");
	__atomic_store_n(&dev->registered, true, __ATOMIC_RELAXED);
	COUNT(devices_made);
}

static void
device_gone(void *io_device)
{
	struct device *dev = io_device;
	struct actor *actor = actor_here();

	MUST(actor - g_actors == dev - g_devices);
	MUST(__atomic_load_n(&dev->channels, __ATOMIC_RELAXED) == 0);
	actor->device_busy = false;
	COUNT(devices_gone);
}

static void
device_toggle(struct actor *actor)
{
	struct device *dev = &g_devices[actor - g_actors];

	if (actor->device_busy) {
		return;
	}
	if (!dev->registered) {
		device_start(dev);
		return;
	}
	__atomic_store_n(&dev->registered, false, __ATOMIC_RELAXED);
	actor->device_busy = true;
	spdk_io_device_unregister(dev, device_gone);
}

static void
channel_toggle(struct actor *actor, uint32_t device)
{
	struct spdk_io_channel *ch = actor->channels[device];

	if (ch != NULL) {
		actor->channels[device] = NULL;
		spdk_put_io_channel(ch);
		/* Once more before it has gone. */
		if (pick(&actor->rand, 4) == 0) {
			actor->channels[device] = spdk_get_io_channel(&g_devices[device]);
		}
	} else if (__atomic_load_n(&g_devices[device].registered, __ATOMIC_RELAXED)) {
		actor->channels[device] = spdk_get_io_channel(&g_devices[device]);
	}
}

/* --- threads that live for a day -------------------------------------------------------------- */

/* Made by an actor, which alone sends to it: numbers, the last of which tells it to go. It goes
 * with a walk under way and a device of its own whose end is owed to it. */
#define MAYFLY_MESSAGES 200

struct mayfly {
	struct device dev; /* first: the key of its device */
	struct actor *parent;
	struct spdk_thread *thread;
	struct spdk_poller *poller;
	struct spdk_io_channel *ch, *own;
	uint64_t period;
	uintptr_t expected;
	uint32_t left; /* things to happen before it is gone */
};

static void
mayfly_buried(void *arg)
{
	struct mayfly *fly = arg;

	MUST(actor_here() == fly->parent);
	fly->parent->busy--;
	fly->parent->mayfly = false;
	COUNT(mayflies_gone);
	free(fly);
}

static void
mayfly_step(struct mayfly *fly)
{
	MUST(spdk_get_thread() == fly->thread);
	if (--fly->left == 0) {
		MUST(spdk_thread_send_msg(fly->parent->thread, mayfly_buried, fly) == 0);
	}
}

static int
mayfly_poll(void *arg)
{
	struct mayfly *fly = arg;

	MUST(spdk_get_thread() == fly->thread && fly->poller != NULL);
	return 0;
}

static void
mayfly_seen(void *arg)
{
}

static void
mayfly_walked(void *arg)
{
	mayfly_step(arg);
}

static void
mayfly_device_gone(void *arg)
{
	mayfly_step(arg);
}

static void
mayfly_born(void *arg)
{
	struct mayfly *fly = arg;

	MUST(spdk_get_thread() == fly->thread && fly->expected == 0);
	fly->poller = SPDK_POLLER_REGISTER(mayfly_poll, fly, fly->period);
	fly->ch = spdk_get_io_channel(&g_devices[fly->parent - g_actors < DEVICES ? 0 : 1]);
	spdk_io_device_register(fly, channel_create, channel_destroy, sizeof(void *), "mayfly");
	fly->own = spdk_get_io_channel(fly);
	MUST(fly->own != NULL);
}

static void
mayfly_number(void *arg)
{
	struct mayfly *fly = arg;

	MUST(spdk_get_thread() == fly->thread);
	if (++fly->expected < MAYFLY_MESSAGES) {
		return;
	}
	spdk_for_each_thread(mayfly_seen, fly, mayfly_walked);
	spdk_io_device_unregister(fly, mayfly_device_gone);
	spdk_put_io_channel(fly->own);
	if (fly->ch != NULL) {
		spdk_put_io_channel(fly->ch);
	}
	spdk_poller_unregister(&fly->poller);
	spdk_thread_exit(fly->thread);
	mayfly_step(fly);
}

static void
mayfly_create(struct actor *actor)
{
	struct mayfly *fly = calloc(1, sizeof(*fly));
	int i;

	if (fly == NULL) {
		abort();
	}
	fly->parent = actor;
	fly->left = 3;
	fly->period = pick(&actor->rand, 2);
	fly->thread = spdk_thread_create("mayfly", NULL);
	MUST(fly->thread != NULL);
	actor->busy++;
	actor->mayfly = true;
	COUNT(mayflies_born);
	spdk_thread_send_msg(fly->thread, mayfly_born, fly);
	for (i = 0; i < MAYFLY_MESSAGES; i++) {
		spdk_thread_send_msg(fly->thread, mayfly_number, fly);
	}
}

#endif
