/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Real OS threads, everything at once: 64 lightweight threads (actors) that move between two
 * reactors and send each other numbered messages in bursts, walk over threads and over channels,
 * register and unregister devices and pollers, take spinlocks, and create threads that exit in the
 * middle of things, while the reactors enter and leave interrupt mode; and an OS thread of no
 * reactor that sends to them. Everything is counted, and what each sender sends to each thread must
 * arrive once and in order. $CAL_STRESS_S is how long (2 s), $CAL_TEST_SEED the seed of the actors'
 * choices (the kernel's are not repeatable). */

#include "tests/unit/thread/stress_world.h"

/* --- an actor --------------------------------------------------------------------------------- */

static int
extra_poll(void *arg)
{
	struct extra *extra = arg;

	MUST(spdk_get_thread() == extra->actor->thread);
	MUST(extra->poller != NULL && !extra->paused);
	COUNT(polls);
	if (pick(&extra->actor->rand, 20) == 0) {
		spdk_poller_unregister(&extra->poller);
	} else if (pick(&extra->actor->rand, 20) == 0) {
		spdk_poller_pause(extra->poller);
		extra->paused = true;
	}
	return 0;
}

static void
extra_act(struct extra *extra)
{
	if (extra->poller == NULL) {
		extra->paused = false;
		extra->poller =
			SPDK_POLLER_REGISTER(extra_poll, extra, pick(&extra->actor->rand, 3));
	} else if (pick(&extra->actor->rand, 3) == 0) {
		spdk_poller_unregister(&extra->poller);
	} else {
		extra->paused = !extra->paused;
		if (extra->paused) {
			spdk_poller_pause(extra->poller);
		} else {
			spdk_poller_resume(extra->poller);
		}
	}
}

static void
send_burst(struct actor *actor)
{
	uintptr_t self = (uintptr_t)(actor - g_actors), target = pick(&actor->rand, ACTORS);
	/* Rarely one that fills whatever a queue is made of. */
	uint32_t n = pick(&actor->rand, 20000) == 0 ? 6000 : pick(&actor->rand, 8);

	send_numbers(self, target, &actor->sent[target], n);
}

static void
walk_begin(struct actor *actor)
{
	struct stroll *stroll = stroll_new(actor);

	if (pick(&actor->rand, 2) == 0) {
		COUNT(walks_begun);
		spdk_for_each_thread(stroll_visit, stroll, stroll_done);
	} else {
		COUNT(ch_walks_begun);
		stroll->device = pick(&actor->rand, DEVICES);
		spdk_for_each_channel(&g_devices[stroll->device], channel_visit, stroll,
		                      channel_walk_done);
	}
}

static void
lock_and_count(void)
{
	spdk_spin_lock(&g_lock);
	g_locked++;
	spdk_spin_unlock(&g_lock);
	COUNT(locked);
}

static void
send_event(struct actor *actor)
{
	struct spdk_event *ev = spdk_event_allocate(pick(&actor->rand, 2), event, &g_count, NULL);

	MUST(ev != NULL);
	COUNT(events_sent);
	spdk_event_call(ev);
}

static void
act_at_random(struct actor *actor)
{
	switch (pick(&actor->rand, 48)) {
	case 0:
		extra_act(&actor->extras[pick(&actor->rand, POLLERS)]);
		break;
	case 1:
	case 2:
		channel_toggle(actor, pick(&actor->rand, DEVICES));
		break;
	case 3:
		if (actor->busy < 2) {
			walk_begin(actor);
		}
		break;
	case 4:
		if (!actor->mayfly && pick(&actor->rand, 8) == 0) {
			mayfly_create(actor);
		}
		break;
	case 5:
		if (actor - g_actors < DEVICES && pick(&actor->rand, 3) == 0) {
			device_toggle(actor);
		}
		break;
	case 6:
		lock_and_count();
		break;
	case 7:
		send_event(actor);
		break;
	case 8:
		spdk_thread_bind(actor->thread, pick(&actor->rand, 4) == 0);
		break;
	default:
		break;
	}
}

/* Give everything back. Returns whether nothing is left, nor under way. */
static bool
act_quietly(struct actor *actor)
{
	uint32_t i;

	for (i = 0; i < POLLERS; i++) {
		spdk_poller_unregister(&actor->extras[i].poller);
	}
	for (i = 0; i < DEVICES; i++) {
		if (actor->channels[i] != NULL) {
			spdk_put_io_channel(actor->channels[i]);
			actor->channels[i] = NULL;
		}
	}
	i = (uint32_t)(actor - g_actors);
	if (i < DEVICES && g_devices[i].registered) {
		device_toggle(actor);
	}
	return actor->busy == 0 && !actor->device_busy;
}

static int
act(void *arg)
{
	struct actor *actor = arg;

	if (!__atomic_load_n(&g_stop_all, __ATOMIC_RELAXED)) {
		send_burst(actor);
		act_at_random(actor);
		return 1;
	}
	if (act_quietly(actor)) {
		spdk_poller_unregister(&actor->poller);
		spdk_poller_unregister(&actor->mover);
		__atomic_fetch_add(&g_quiet, 1, __ATOMIC_RELEASE);
	}
	return 1;
}

static int
move(void *arg)
{
	struct actor *actor = arg;
	struct spdk_cpuset mask;
	uint32_t core = pick(&actor->rand, 2);
	bool bound = spdk_thread_is_bound(actor->thread);
	int rc;

	if (pick(&actor->rand, 8) == 0) {
		spdk_cpuset_zero(&mask);
		spdk_cpuset_set_cpu(&mask, core, true);
		MUST(spdk_thread_set_cpumask(&mask) == 0);
		return 1;
	}
	rc = reactor_thread_move(actor->thread, core);
	MUST(rc == 0 || bound);
	if (rc == 0) {
		COUNT(moves);
	}
	return 1;
}

static void
begin(void *arg)
{
	struct actor *actor = arg;
	int i;

	for (i = 0; i < POLLERS; i++) {
		actor->extras[i].actor = actor;
	}
	if (actor - g_actors < DEVICES) {
		device_start(&g_devices[actor - g_actors]);
	}
	actor->poller = SPDK_POLLER_REGISTER(act, actor, 0);
	actor->mover = SPDK_POLLER_REGISTER(move, actor, 10);
}

static void
leave(void *arg)
{
	spdk_thread_exit(spdk_get_thread());
}

/* What nobody waits for ends here, with what can be seen from here. */
static void
check_stuck(void)
{
	int i;

	if (spdk_get_ticks() < g_deadline + STUCK_S * 1000000000ull) {
		return;
	}
	fprintf(stderr, "no rest after %d s: %u of %d actors quiet, %u threads left\n", STUCK_S,
	        g_quiet, ACTORS, spdk_thread_get_count());
	for (i = 0; i < ACTORS; i++) {
		fprintf(stderr, "actor%d: busy %u mayfly %d device %d backlog %u\n", i,
		        g_actors[i].busy, g_actors[i].mayfly, g_actors[i].device_busy,
		        g_backlog[i]);
	}
	abort();
}

static void
mode_changed(void *arg, int rc)
{
	MUST(rc == 0 && spdk_thread_is_app_thread(NULL));
	COUNT(modes_done);
}

/* Reactors go to sleep and come back, each of them for itself. */
static void
change_mode(void)
{
	static uint64_t rand = 0x2545f4914f6cdd1d;
	int rc;

	if (pick(&rand, 4) == 0) {
		rc = reactor_set_interrupt_mode(pick(&rand, 2), pick(&rand, 2), mode_changed, NULL);
		MUST(rc == 0 || rc == -EBUSY);
		if (rc == 0) {
			COUNT(modes_begun);
		}
	}
}

/* On the app thread: when the time is up everybody falls silent; then each is told to go, by a
 * message that comes behind all others; and when all have gone, it goes. */
static int
watch(void *arg)
{
	struct spdk_poller **self = arg;
	static bool told;
	int i;

	if (spdk_get_ticks() < g_deadline) {
		change_mode();
		return 0;
	}
	if (!g_stop_all) {
		__atomic_store_n(&g_stop_os, true, __ATOMIC_RELAXED);
		pthread_join(g_os_thread, NULL);
		__atomic_store_n(&g_stop_all, true, __ATOMIC_RELAXED);
	}
	if (__atomic_load_n(&g_quiet, __ATOMIC_ACQUIRE) < ACTORS || spdk_thread_get_count() > 1) {
		check_stuck();
	}
	if (__atomic_load_n(&g_quiet, __ATOMIC_ACQUIRE) < ACTORS) {
		return 0;
	}
	if (!told) {
		told = true;
		for (i = 0; i < ACTORS; i++) {
			spdk_thread_send_msg(g_actors[i].thread, leave, NULL);
		}
	}
	if (spdk_thread_get_count() > 1) {
		return 0;
	}
	spdk_poller_unregister(self);
	spdk_thread_exit(spdk_get_thread());
	reactors_stop();
	return 0;
}

static void
start(void *arg)
{
	static struct spdk_poller *watcher;
	char name[16];
	int i;

	for (i = 0; i < ACTORS; i++) {
		snprintf(name, sizeof(name), "actor%d", i);
		g_actors[i].thread = spdk_thread_create(name, NULL);
	}
	for (i = 0; i < ACTORS; i++) {
		spdk_thread_send_msg(g_actors[i].thread, begin, &g_actors[i]);
	}
	pthread_create(&g_os_thread, NULL, os_thread, NULL);
	watcher = SPDK_POLLER_REGISTER(watch, &watcher, 20);
}

/* --- the test --------------------------------------------------------------------------------- */

/* What is refused because somebody else was faster is no mistake; any other line is one. */
static void
log_line(int level, const char *file, const int line, const char *func, const char *format,
         va_list args)
{
	if (level > SPDK_LOG_WARN || strcmp(func, "spdk_get_io_channel") == 0 ||
	    strcmp(func, "spdk_for_each_channel") == 0) {
		return;
	}
	vfprintf(stderr, format, args);
	MUST(level > SPDK_LOG_WARN);
}

static void
seed_begin(void)
{
	const char *given = getenv("CAL_TEST_SEED");
	uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : spdk_get_ticks();
	int i;

	for (i = 0; i < ACTORS; i++) {
		g_actors[i].rand = ((uint64_t)(i + 1) * 0x9e3779b97f4a7c15u ^ seed) | 1;
	}
	printf("(seed %llu) ", (unsigned long long)seed);
	fflush(stdout);
}

static uint64_t
check_messages(void)
{
	uint64_t total = 0;
	int i, j;

	for (i = 0; i < ACTORS; i++) {
		for (j = 0; j < SENDERS; j++) {
			CHECK_EQ(g_actors[i].seen[j],
			         j < ACTORS ? g_actors[j].sent[i] : g_os_sent[i]);
			total += g_actors[i].seen[j];
		}
	}
	return total;
}

static void
nothing_is_lost_or_overtaken(void)
{
	const char *seconds = getenv("CAL_STRESS_S");
	struct spdk_thread *app;
	uint64_t total;

	fake_cores(2, g_two);
	g_fake_hz *= SLOW;
	REQUIRE(reactors_init() == 0);
	seed_begin();
	spdk_log_open(log_line);
	spdk_spin_init(&g_lock);
	app = spdk_thread_create("app_thread", NULL);
	REQUIRE(app != NULL);
	g_deadline = spdk_get_ticks() +
	             strtoull(seconds != NULL ? seconds : "2", NULL, 10) * 1000000000ull;
	spdk_thread_send_msg(app, start, NULL);
	CHECK_EQ(reactors_start(), 0);
	reactors_fini();
	spdk_log_close();
	total = check_messages();
	printf("(%llu messages, %llu moves, %llu walks, %llu channel walks with %llu visits, "
	       "%llu channels, %llu devices, %llu threads, %llu polls, %llu critical, %llu "
	       "events, %llu changes of mode) ",
	       (unsigned long long)total, (unsigned long long)g_count.moves,
	       (unsigned long long)g_count.walks_done, (unsigned long long)g_count.ch_walks_done,
	       (unsigned long long)g_count.ch_visits, (unsigned long long)g_count.channels_gone,
	       (unsigned long long)g_count.devices_gone, (unsigned long long)g_count.mayflies_gone,
	       (unsigned long long)g_count.polls, (unsigned long long)g_count.critical_run,
	       (unsigned long long)g_count.events_run, (unsigned long long)g_count.modes_done);
	CHECK_EQ(g_wrong, 0);
	CHECK_EQ(g_locked, g_count.locked);
	CHECK_EQ(g_count.walks_begun, g_count.walks_done);
	CHECK_EQ(g_count.ch_walks_begun, g_count.ch_walks_done);
	CHECK_EQ(g_count.channels_made, g_count.channels_gone);
	CHECK_EQ(g_count.devices_made, g_count.devices_gone);
	CHECK_EQ(g_count.mayflies_born, g_count.mayflies_gone);
	CHECK_EQ(g_count.critical_sent, g_count.critical_run);
	CHECK_EQ(g_count.events_sent, g_count.events_run);
	CHECK_EQ(g_count.modes_begun, g_count.modes_done);
	/* All of it did happen. */
	if (!test_under_valgrind()) {
		CHECK(total > 10000 && g_count.moves > 10);
		CHECK(g_count.walks_done > 0 && g_count.ch_visits > 0 && g_count.modes_done > 2);
		CHECK(g_count.mayflies_gone > 0 && g_count.devices_gone >= DEVICES);
	}
}

static const struct test_case cases[] = {
	TEST(nothing_is_lost_or_overtaken),
};

TEST_MAIN("thread/stress", cases)
