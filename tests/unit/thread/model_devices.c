/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Devices, channels, walks and exits over several threads: a long random sequence of calls, each
 * of which a simple model foretells. Messages are run one by one, so that everything happens in the
 * middle of everything else. */

#include "tests/unit/fake_env.h"
#include "tests/unit/seed.h"
#include "tests/unit/test.h"

#include "core/thread/thread_internal.h"
#include "spdk/log.h"
#include "spdk_internal/thread.h"

#define STEPS    200000
#define THREADS  5
#define KEYS     4
#define CHANNELS 256 /* that live at once */
#define WALKS    16  /* under way at once */

/* What was registered under a key. A key may have several: the old ones still have channels. */
struct device {
	int key;
	bool unregistering;
	uint32_t channels, walks;
	int owed_to; /* thread slot, -1: nobody */
	TAILQ_ENTRY(device) link;
};

struct thread {
	struct spdk_thread *thread; /* NULL: an empty slot */
	uint64_t since, exit_since; /* steps; 0: not asked to */
	uint32_t channels, walks, visitors, owed;
	uint32_t generation;
};

struct channel {
	struct spdk_io_channel *ch; /* NULL: an empty slot */
	struct device *dev;
	int thread;
	uint32_t ref;
	uint64_t since;
	uint32_t serial;
};

struct walk {
	enum { NO_WALK, OVER_THREADS, OVER_CHANNELS } kind;
	struct device *dev; /* NULL: completes with -ENODEV */
	int origin;
	uint64_t since;
	int status;
	struct spdk_io_channel_iter *held;
	int held_at;
	uint32_t visited[CHANNELS]; /* serial of the channel, by slot */
	uint32_t visits[THREADS];
	uint32_t generation[THREADS];
};

static int g_keys[KEYS];
static struct device *g_now[KEYS]; /* what a call would find */
static TAILQ_HEAD(, device) g_devices = TAILQ_HEAD_INITIALIZER(g_devices);
static struct thread g_threads[THREADS];
static struct channel g_channels[CHANNELS];
static struct walk g_walks[WALKS];
static uint64_t g_step;
static uint32_t g_serial, g_generation;
static bool g_create_fails;
static struct channel *g_created; /* by the call under way */
static struct {
	uint64_t made, failed, refused, walks, stopped, nodev, exits, again, callbacks;
} g_count;

static int
slot_here(void)
{
	int i;

	for (i = 0; i < THREADS; i++) {
		if (g_threads[i].thread != NULL && g_threads[i].thread == spdk_get_thread()) {
			return i;
		}
	}
	CHECK(!"on a thread of the model");
	return 0;
}

/* --- callbacks -------------------------------------------------------------------------------- */

static int
channel_create(void *key, void *ctx)
{
	struct channel *c = NULL;
	int i;

	CHECK(g_created == NULL);
	for (i = 0; i < CHANNELS && c == NULL; i++) {
		c = g_channels[i].ch == NULL ? &g_channels[i] : NULL;
	}
	REQUIRE(c != NULL);
	if (g_create_fails) {
		return -ENOMEM;
	}
	memset(c, 0, sizeof(*c));
	c->ch = spdk_io_channel_from_ctx(ctx);
	c->dev = g_now[(int *)key - g_keys];
	c->thread = slot_here();
	c->ref = 1;
	c->since = g_step;
	c->serial = ++g_serial;
	c->dev->channels++;
	g_threads[c->thread].channels++;
	*(struct channel **)ctx = c;
	g_created = c;
	return 0;
}

static void
channel_destroy(void *key, void *ctx)
{
	struct channel *c = *(struct channel **)ctx;

	CHECK(c->ch == spdk_io_channel_from_ctx(ctx));
	CHECK_EQ(c->ref, 0);
	CHECK(c->dev->key == (int *)key - g_keys);
	CHECK_EQ(c->thread, slot_here());
	c->dev->channels--;
	g_threads[c->thread].channels--;
	c->ch = NULL;
}

static void
device_free(struct device *dev)
{
	TAILQ_REMOVE(&g_devices, dev, link);
	free(dev);
}

/* Several of one key may be due: which of them is not to be seen from outside. */
static void
device_gone(void *key)
{
	struct device *dev;
	int here = slot_here();

	TAILQ_FOREACH (dev, &g_devices, link) {
		if (dev->key == (int *)key - g_keys && dev->unregistering && dev->owed_to == here &&
		    dev->channels == 0 && dev->walks == 0) {
			break;
		}
	}
	REQUIRE(dev != NULL);
	g_threads[here].owed--;
	g_count.callbacks++;
	device_free(dev);
}

static void
walk_over(struct walk *walk)
{
	g_threads[walk->origin].walks--;
	walk->kind = NO_WALK;
	g_count.walks++;
}

static void
channel_visit(struct spdk_io_channel_iter *i)
{
	struct walk *walk = spdk_io_channel_iter_get_ctx(i);
	struct spdk_io_channel *ch = spdk_io_channel_iter_get_channel(i);
	struct channel *c = *(struct channel **)spdk_io_channel_get_ctx(ch);
	int here = slot_here();

	CHECK(walk->kind == OVER_CHANNELS && walk->held == NULL && walk->status == 0);
	CHECK(spdk_io_channel_iter_get_io_device(i) == &g_keys[walk->dev->key]);
	CHECK(c->ch == ch && c->dev == walk->dev && c->thread == here);
	CHECK(walk->visited[c - g_channels] != c->serial);
	walk->visited[c - g_channels] = c->serial;
	/* One channel of a thread, whatever became of it. */
	CHECK(walk->generation[here] != g_threads[here].generation);
	walk->generation[here] = g_threads[here].generation;
	switch (pick(8)) {
	case 0:
		walk->status = -EIO;
		g_count.stopped++;
		spdk_for_each_channel_continue(i, -EIO);
		break;
	case 1:
	case 2:
	case 3:
		walk->held = i;
		walk->held_at = here;
		g_threads[here].visitors++;
		break;
	default:
		spdk_for_each_channel_continue(i, 0);
		break;
	}
}

static void
channel_walk_done(struct spdk_io_channel_iter *i, int status)
{
	struct walk *walk = spdk_io_channel_iter_get_ctx(i);
	int j;

	CHECK(walk->kind == OVER_CHANNELS && walk->held == NULL);
	CHECK_EQ(walk->origin, slot_here());
	CHECK_EQ(status, walk->dev != NULL ? walk->status : -ENODEV);
	/* Unless it was stopped, who was there all the time was visited. */
	for (j = 0; j < CHANNELS && walk->dev != NULL && status == 0; j++) {
		if (g_channels[j].ch != NULL && g_channels[j].dev == walk->dev &&
		    g_channels[j].since <= walk->since) {
			CHECK_EQ(walk->visited[j], g_channels[j].serial);
		}
	}
	if (walk->dev != NULL) {
		walk->dev->walks--;
		if (walk->dev->walks == 0 && walk->dev->unregistering) {
			g_now[walk->dev->key] = NULL;
			if (walk->dev->channels == 0 && walk->dev->owed_to < 0) {
				device_free(walk->dev);
			}
		}
	} else {
		g_count.nodev++;
	}
	walk_over(walk);
}

static void
thread_visit(void *arg)
{
	struct walk *walk = arg;
	int here = slot_here();

	CHECK(walk->kind == OVER_THREADS);
	if (walk->generation[here] != g_threads[here].generation) {
		walk->generation[here] = g_threads[here].generation;
		walk->visits[here] = 0;
	}
	CHECK_EQ(walk->visits[here]++, 0);
}

static void
thread_walk_done(void *arg)
{
	struct walk *walk = arg;
	int i;

	CHECK(walk->kind == OVER_THREADS);
	CHECK_EQ(walk->origin, slot_here());
	for (i = 0; i < THREADS; i++) {
		if (g_threads[i].thread != NULL && g_threads[i].since <= walk->since &&
		    g_threads[i].exit_since == 0) {
			CHECK(walk->generation[i] == g_threads[i].generation &&
			      walk->visits[i] == 1);
		}
	}
	walk_over(walk);
}

/* --- what is done, each on a thread ----------------------------------------------------------- */

static void
do_register(int key)
{
	struct device *dev;

	if (g_now[key] == NULL) {
		dev = calloc(1, sizeof(*dev));
		REQUIRE(dev != NULL);
		dev->key = key;
		dev->owed_to = -1;
		TAILQ_FOREACH (g_now[key], &g_devices, link) {
			if (g_now[key]->key == key) {
				g_count.again++;
				break;
			}
		}
		g_now[key] = dev;
		TAILQ_INSERT_TAIL(&g_devices, dev, link);
	} else {
		g_count.refused++;
	}
	spdk_io_device_register(&g_keys[key], channel_create, channel_destroy,
	                        sizeof(struct channel *), "device");
}

static void
do_unregister(int t, int key)
{
	struct device *dev = g_now[key];
	bool callback = pick(4) != 0;

	if (dev != NULL && !dev->unregistering) {
		dev->unregistering = true;
		if (callback) {
			dev->owed_to = t;
			g_threads[t].owed++;
		}
		if (dev->walks == 0) {
			g_now[key] = NULL;
			if (dev->channels == 0 && !callback) {
				device_free(dev);
			}
		}
	} else {
		g_count.refused++;
	}
	spdk_io_device_unregister(&g_keys[key], callback ? device_gone : NULL);
}

static void
do_get(int t, int key)
{
	struct device *dev = g_now[key];
	struct channel *have = NULL;
	struct spdk_io_channel *ch;
	int i;

	for (i = 0; i < CHANNELS; i++) {
		if (g_channels[i].ch != NULL && g_channels[i].thread == t &&
		    g_channels[i].dev == dev) {
			CHECK(have == NULL);
			have = &g_channels[i];
		}
	}
	g_create_fails = pick(10) == 0;
	g_created = NULL;
	ch = spdk_get_io_channel(&g_keys[key]);
	if (dev == NULL || dev->unregistering) {
		CHECK(ch == NULL && g_created == NULL);
		g_count.refused++;
	} else if (have != NULL) {
		CHECK(ch == have->ch && g_created == NULL);
		have->ref++;
	} else if (g_create_fails) {
		CHECK(ch == NULL && g_created == NULL);
		g_count.failed++;
	} else {
		REQUIRE(g_created != NULL);
		CHECK(ch == g_created->ch && g_created->thread == t);
		g_count.made++;
	}
	g_created = NULL;
}

/* Something to one of the thread's channels, if it has any with a reference. */
static void
do_channel(int t)
{
	uint32_t first = pick(CHANNELS), i;
	struct channel *c;

	for (i = 0; i < CHANNELS; i++) {
		c = &g_channels[(first + i) % CHANNELS];
		if (c->ch == NULL || c->thread != t || c->ref == 0) {
			continue;
		}
		CHECK_EQ((uint32_t)spdk_io_channel_get_ref_count(c->ch), c->ref);
		if (g_threads[t].exit_since == 0 && pick(3) == 0) {
			CHECK(spdk_io_channel_ref(c->ch) == c->ch);
			c->ref++;
		} else {
			c->ref--;
			spdk_put_io_channel(c->ch);
		}
		return;
	}
}

static void
do_walk(int t, int key)
{
	struct walk *walk;
	int i;

	for (i = 0; i < WALKS && g_walks[i].kind != NO_WALK; i++) {
	}
	if (i == WALKS) {
		return;
	}
	walk = &g_walks[i];
	memset(walk, 0, sizeof(*walk));
	walk->origin = t;
	walk->since = g_step;
	g_threads[t].walks++;
	if (pick(3) == 0) {
		walk->kind = OVER_THREADS;
		spdk_for_each_thread(thread_visit, walk, thread_walk_done);
		return;
	}
	walk->kind = OVER_CHANNELS;
	if (g_now[key] != NULL && !g_now[key]->unregistering) {
		walk->dev = g_now[key];
		walk->dev->walks++;
	}
	spdk_for_each_channel(&g_keys[key], channel_visit, walk, channel_walk_done);
}

static void
do_continue(int t)
{
	struct spdk_io_channel_iter *held;
	int i;

	for (i = 0; i < WALKS; i++) {
		if (g_walks[i].kind == OVER_CHANNELS && g_walks[i].held != NULL &&
		    g_walks[i].held_at == t) {
			held = g_walks[i].held;
			g_walks[i].held = NULL;
			g_walks[i].status = pick(10) == 0 ? -EIO : 0;
			g_threads[t].visitors--;
			spdk_for_each_channel_continue(held, g_walks[i].status);
			return;
		}
	}
}

static void
do_thread(int t)
{
	struct thread *th = &g_threads[t];

	if (th->thread == NULL) {
		th->thread = fake_thread("model");
		th->since = g_step;
		th->exit_since = 0;
		th->generation = ++g_generation;
		CHECK(th->channels == 0 && th->walks == 0 && th->visitors == 0 && th->owed == 0);
	} else if (t > 0 && th->exit_since == 0) {
		spdk_set_thread(th->thread);
		spdk_thread_exit(th->thread);
		th->exit_since = g_step;
	} else if (spdk_thread_is_exited(th->thread)) {
		spdk_thread_destroy(th->thread);
		th->thread = NULL;
		g_count.exits++;
	}
	spdk_set_thread(NULL);
}

static void
act(int t)
{
	struct thread *th = &g_threads[t];
	int key = (int)pick(KEYS);

	if (th->thread == NULL || spdk_thread_is_exited(th->thread)) {
		return;
	}
	spdk_set_thread(th->thread);
	/* One that exits only lets go. */
	switch (pick(th->exit_since == 0 ? 16 : 7)) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
	case 5:
		do_channel(t);
		break;
	case 6:
	case 7:
		do_continue(t);
		break;
	case 8:
	case 9:
		do_register(key);
		break;
	case 10:
		do_unregister(t, key);
		break;
	case 11:
		do_walk(t, key);
		break;
	default:
		do_get(t, key);
		break;
	}
	spdk_set_thread(NULL);
}

/* --- the sequence ----------------------------------------------------------------------------- */

static bool
model_holds(const struct thread *th)
{
	return th->channels > 0 || th->walks > 0 || th->visitors > 0 || th->owed > 0;
}

static int
turn(int t, uint32_t max)
{
	struct thread *th = &g_threads[t];
	int busy;

	if (th->thread == NULL) {
		return 0;
	}
	busy = spdk_thread_poll(th->thread, max, 0);
	if (spdk_thread_is_exited(th->thread)) {
		CHECK(th->exit_since != 0 && !model_holds(th));
	}
	return busy;
}

static void
devices_free_unowed(void)
{
	struct device *dev, *next;

	/* Those that went without a word, with their last channel. */
	TAILQ_FOREACH_SAFE (dev, &g_devices, link, next) {
		if (dev->unregistering && dev->owed_to < 0 && dev->channels == 0 &&
		    dev->walks == 0) {
			device_free(dev);
		}
	}
}

/* Run every message: then nothing is owed but what calls must release. */
static void
settle(void)
{
	struct device *dev;
	bool busy = true;
	int i;

	while (busy) {
		for (busy = false, i = 0; i < THREADS; i++) {
			busy |= turn(i, 0) > 0;
		}
	}
	devices_free_unowed();
	for (i = 0; i < CHANNELS; i++) {
		CHECK(g_channels[i].ch == NULL || g_channels[i].ref > 0);
	}
	for (i = 0; i < WALKS; i++) {
		CHECK(g_walks[i].kind == NO_WALK || g_walks[i].held != NULL);
	}
	TAILQ_FOREACH (dev, &g_devices, link) {
		CHECK(!dev->unregistering || dev->channels > 0 || dev->walks > 0);
	}
	for (i = 0; i < THREADS; i++) {
		if (g_threads[i].thread != NULL) {
			CHECK_EQ(spdk_thread_is_exited(g_threads[i].thread),
			         g_threads[i].exit_since != 0 && !model_holds(&g_threads[i]));
		}
	}
}

/* Release everything; then all must end. */
static void
wind_up(void)
{
	int t, i;

	for (t = THREADS - 1; t >= 0; t--) {
		if (g_threads[t].thread == NULL || spdk_thread_is_exited(g_threads[t].thread)) {
			continue;
		}
		spdk_set_thread(g_threads[t].thread);
		for (i = 0; t == 0 && i < KEYS; i++) {
			do_unregister(0, i);
		}
		if (g_threads[t].exit_since == 0) {
			spdk_thread_exit(g_threads[t].thread);
			g_threads[t].exit_since = g_step;
		}
	}
	for (i = 0; i < 100 * CHANNELS; i++) {
		t = i % THREADS;
		if (g_threads[t].thread != NULL && !spdk_thread_is_exited(g_threads[t].thread)) {
			spdk_set_thread(g_threads[t].thread);
			do_channel(t);
			do_continue(t);
			spdk_set_thread(NULL);
		}
		turn(t, 0);
	}
	settle();
	CHECK(TAILQ_EMPTY(&g_devices));
	for (t = THREADS - 1; t >= 0; t--) {
		if (g_threads[t].thread != NULL) {
			REQUIRE(spdk_thread_is_exited(g_threads[t].thread));
			spdk_thread_destroy(g_threads[t].thread);
			g_threads[t].thread = NULL;
		}
	}
}

static void
no_log(int level, const char *file, const int line, const char *func, const char *format,
       va_list args)
{
	CHECK(strcmp(func, "thread_exit_step") != 0 && strcmp(func, "thread_free") != 0);
}

static void
devices_follow_their_model(void)
{
	uint32_t steps = test_under_valgrind() ? STEPS / 20 : STEPS;

	seed_begin("devices");
	spdk_log_open(no_log);
	spdk_thread_lib_init(NULL, 0);
	do_thread(0);
	for (g_step = 1; g_step <= steps; g_step++) {
		switch (pick(8)) {
		case 0:
		case 1:
		case 2:
			turn((int)pick(THREADS), 1 + pick(3));
			break;
		case 3:
			if (pick(6) == 0) {
				do_thread((int)pick(THREADS));
			}
			break;
		default:
			act((int)pick(THREADS));
			break;
		}
		devices_free_unowed();
		if (pick(300) == 0) {
			settle();
		}
	}
	wind_up();
	spdk_log_close();
	spdk_thread_lib_fini();
	printf("(%llu channels, %llu failed, %llu refused, %llu callbacks, %llu registered over "
	       "old ones, %llu walks, %llu stopped, %llu without a device, %llu exits) ",
	       (unsigned long long)g_count.made, (unsigned long long)g_count.failed,
	       (unsigned long long)g_count.refused, (unsigned long long)g_count.callbacks,
	       (unsigned long long)g_count.again, (unsigned long long)g_count.walks,
	       (unsigned long long)g_count.stopped, (unsigned long long)g_count.nodev,
	       (unsigned long long)g_count.exits);
	if (steps == STEPS) {
		CHECK(g_count.made > 1000 && g_count.failed > 100 && g_count.callbacks > 100);
		CHECK(g_count.again > 100 && g_count.walks > 1000 && g_count.stopped > 10);
		CHECK(g_count.nodev > 100 && g_count.exits > 10);
	}
}

static const struct test_case cases[] = {
	TEST(devices_follow_their_model),
};

TEST_MAIN("thread/model_devices", cases)
