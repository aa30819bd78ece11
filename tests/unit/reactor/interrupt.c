/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Reactors that sleep. Each test is told by an OS thread that is none of the reactors', so that
 * whatever it asks for has to wake them; an answer that does not come within 20 s ends the test. */

#include "tests/unit/reactor/fake_cores.h"
#include "tests/unit/test.h"
#include "tests/unit/ways.h"

#include "core/reactor/reactor_private.h"
#include "core/thread/thread_internal.h"
#include "spdk/event.h"
#include "spdk/log.h"
#include "spdk/scheduler.h"

#include <semaphore.h>

#define PATIENCE_S 20
#define MS         1000000ull /* ticks */

static const uint32_t g_one[] = { 0 };
static const uint32_t g_two[] = { 1, 3 };

static struct spdk_thread *g_app;
static void (*g_body)(void);

/* --- asking ----------------------------------------------------------------------------------- */

static void
wait_for(sem_t *sem, const char *what)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_S;
	while (sem_timedwait(sem, &until) != 0) {
		if (errno != EINTR) {
			fprintf(stderr, "%s did not happen: a reactor oversleeps\n", what);
			abort();
		}
	}
}

struct call {
	spdk_msg_fn fn;
	void *arg;
	sem_t done;
};

static void
call_run(void *arg)
{
	struct call *call = arg;

	if (call->fn != NULL) {
		call->fn(call->arg);
	}
	sem_post(&call->done);
}

static void
call_event(void *arg1, void *arg2)
{
	call_run(arg1);
}

/* Have fn(arg) called on a thread and wait for it. */
static void
call_on(struct spdk_thread *thread, spdk_msg_fn fn, void *arg)
{
	struct call call = { fn, arg };

	sem_init(&call.done, 0, 0);
	CHECK_EQ(spdk_thread_send_msg(thread, call_run, &call), 0);
	wait_for(&call.done, "a message");
	sem_destroy(&call.done);
}

/* The same as an event of a core. */
static void
call_core(uint32_t lcore, spdk_msg_fn fn, void *arg)
{
	struct call call = { fn, arg };

	sem_init(&call.done, 0, 0);
	spdk_event_call(spdk_event_allocate(lcore, call_event, &call, NULL));
	wait_for(&call.done, "an event");
	sem_destroy(&call.done);
}

struct mode {
	uint32_t lcore;
	bool enable;
	int rc;
	sem_t done;
};

static void
mode_is_set(void *arg, int rc)
{
	struct mode *mode = arg;

	CHECK(spdk_get_thread() == g_app);
	mode->rc = rc;
	sem_post(&mode->done);
}

static void
mode_set(void *arg)
{
	struct mode *mode = arg;

	CHECK_EQ(reactor_set_interrupt_mode(mode->lcore, mode->enable, mode_is_set, mode), 0);
}

static void
set_mode(uint32_t lcore, bool enable)
{
	struct mode mode = { .lcore = lcore, .enable = enable, .rc = -1 };

	sem_init(&mode.done, 0, 0);
	CHECK_EQ(spdk_thread_send_msg(g_app, mode_set, &mode), 0);
	wait_for(&mode.done, "a change of mode");
	sem_destroy(&mode.done);
	CHECK_EQ(mode.rc, 0);
	CHECK_EQ(reactor_in_interrupt(reactor_get(lcore)), enable);
}

static void
sleep_ms(unsigned ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	nanosleep(&ts, NULL);
}

/* What the stats segment says of the core's reactor. */
static struct cal_stats_reactor *
slot_of(uint32_t lcore)
{
	uint32_t i;

	for (i = 0; g_fake_cores[i] != lcore; i++) {
	}
	return cal_stats_reactor(i);
}

static uint64_t
iterations(uint32_t lcore)
{
	return __atomic_load_n(&slot_of(lcore)->iterations, __ATOMIC_RELAXED);
}

/* Whether the reactor comes to rest: it does not turn for 20 ms. */
static bool
is_asleep(uint32_t lcore)
{
	uint64_t before;
	int i;

	for (i = 0; i < 200; i++) {
		before = iterations(lcore);
		sleep_ms(20);
		if (iterations(lcore) == before) {
			return __atomic_load_n(&slot_of(lcore)->running_what, __ATOMIC_RELAXED) ==
			       CAL_RUNNING_NOTHING;
		}
	}
	return false;
}

/* Whether it turns all the time: 10,000 times a second at least, for a moment. */
static bool
polls(uint32_t lcore)
{
	uint64_t before;
	int i;

	for (i = 0; i < 200; i++) {
		before = iterations(lcore);
		sleep_ms(20);
		if (iterations(lcore) > before + 200) {
			return true;
		}
	}
	return false;
}

/* --- the run ---------------------------------------------------------------------------------- */

static void
leave(void *arg)
{
	spdk_thread_exit(g_app);
	reactors_stop();
}

static void *
drive(void *arg)
{
	g_body();
	spdk_thread_send_msg(g_app, leave, NULL);
	return NULL;
}

static void
begin(uint32_t count, const uint32_t *cores)
{
	struct spdk_cpuset main_only = { .cpus = { 0 } };

	fake_cores(count, cores);
	REQUIRE(reactors_init() == 0);
	spdk_cpuset_set_cpu(&main_only, cores[0], true);
	g_app = spdk_thread_create("app_thread", &main_only);
	REQUIRE(g_app != NULL);
}

static void
end(void)
{
	CHECK_EQ(reactors_start(), 0);
	CHECK_EQ(spdk_thread_get_count(), 0);
	reactors_fini();
}

static void
run(uint32_t count, const uint32_t *cores, void (*body)(void))
{
	pthread_t driver;

	begin(count, cores);
	g_body = body;
	REQUIRE(pthread_create(&driver, NULL, drive, NULL) == 0);
	CHECK_EQ(reactors_start(), 0);
	pthread_join(driver, NULL);
	CHECK_EQ(spdk_thread_get_count(), 0);
	reactors_fini();
}

/* A thread on a core, made by the app thread. */
struct birth {
	const char *name;
	uint32_t lcore;
	struct spdk_thread *thread;
};

static void
thread_make(void *arg)
{
	struct birth *birth = arg;
	struct spdk_cpuset mask = { .cpus = { 0 } };

	spdk_cpuset_set_cpu(&mask, birth->lcore, true);
	birth->thread = spdk_thread_create(birth->name, &mask);
}

static struct spdk_thread *
make_thread(const char *name, uint32_t lcore)
{
	struct birth birth = { name, lcore, NULL };

	call_on(g_app, thread_make, &birth);
	REQUIRE(birth.thread != NULL);
	return birth.thread;
}

static void
thread_leave(void *arg)
{
	spdk_thread_exit(spdk_get_thread());
}

static void
threads_come_to(uint32_t lcore, uint32_t count)
{
	int i;

	for (i = 0; i < 500 && reactor_get_thread_count(reactor_get(lcore)) != count; i++) {
		sleep_ms(10);
	}
	CHECK_EQ(reactor_get_thread_count(reactor_get(lcore)), count);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void
on_core(void *arg)
{
	*(uint32_t *)arg = reactor_get_lcore(reactor_current());
}

static void
woken_by_everything(void)
{
	struct spdk_thread *thread;
	uint32_t lcore = 99;
	int i;

	CHECK(polls(3) && polls(1));
	set_mode(3, true);
	CHECK(is_asleep(3));
	CHECK(polls(1));
	call_core(3, on_core, &lcore);
	CHECK_EQ(lcore, 3);
	CHECK(is_asleep(3));

	/* A thread arrives, gets messages, leaves. */
	thread = make_thread("guest", 3);
	for (i = 0; i < 100; i++) {
		lcore = 99;
		call_on(thread, on_core, &lcore);
		CHECK_EQ(lcore, 3);
	}
	CHECK(is_asleep(3));
	call_on(thread, thread_leave, NULL);
	threads_come_to(3, 0);
	CHECK(is_asleep(3));

	/* The app thread's too. */
	set_mode(1, true);
	CHECK(is_asleep(1));
	call_on(g_app, on_core, &lcore);
	CHECK_EQ(lcore, 1);
	call_core(1, on_core, &lcore);
	CHECK(is_asleep(1) && is_asleep(3));
	set_mode(3, false);
	CHECK(polls(3) && is_asleep(1));
	set_mode(1, false);
	CHECK(polls(1));
}

static void
wakes(void)
{
	run(2, g_two, woken_by_everything);
}

/* Setting what is set already is done too; what is wrong is said. */
static int g_asked[6];

static void
nothing(void *arg, int rc)
{
}

static void
ask_wrongly(void *arg)
{
	g_asked[0] = reactor_set_interrupt_mode(2, true, nothing, NULL);
	g_asked[1] = reactor_set_interrupt_mode(99, true, nothing, NULL);
	g_asked[2] = reactor_set_interrupt_mode(3, true, NULL, NULL);
	g_asked[3] = reactor_set_interrupt_mode(3, false, nothing, NULL);
	g_asked[4] = spdk_reactor_set_interrupt_mode(3, false, NULL, NULL);
}

static void
spdk_is_set(void *arg1, void *arg2)
{
	CHECK(arg2 == NULL && spdk_get_thread() == g_app);
	sem_post(arg1);
}

static void
ask_as_spdk(void *arg)
{
	CHECK_EQ(spdk_reactor_set_interrupt_mode(1, true, spdk_is_set, arg), 0);
}

/* SPDK's programs ask by an event on the scheduling core. */
static void
event_is_set(void *arg1, void *arg2)
{
	CHECK(arg2 == NULL && spdk_get_thread() == NULL);
	CHECK_EQ(reactor_current()->lcore, spdk_scheduler_get_scheduling_lcore());
	sem_post(arg1);
}

static void
ask_by_event(void *arg1, void *arg2)
{
	CHECK_EQ(spdk_reactor_set_interrupt_mode(1, false, event_is_set, arg1),
	         (int)(intptr_t)arg2);
	if (arg2 != NULL) {
		sem_post(arg1);
	}
}

static void
by_event(uint32_t core, int expected)
{
	sem_t done;

	sem_init(&done, 0, 0);
	spdk_event_call(spdk_event_allocate(core, ask_by_event, &done, (void *)(intptr_t)expected));
	sem_wait(&done);
	sem_destroy(&done);
}

static void
errors_body(void)
{
	sem_t done;

	g_asked[5] = reactor_set_interrupt_mode(3, true, nothing, NULL);
	CHECK_EQ(g_asked[5], -EPERM);
	call_on(g_app, ask_wrongly, NULL);
	CHECK_EQ(g_asked[0], -EINVAL);
	CHECK_EQ(g_asked[1], -EINVAL);
	CHECK_EQ(g_asked[2], 0);
	CHECK_EQ(g_asked[3], -EBUSY);
	CHECK_EQ(g_asked[4], -EBUSY);
	CHECK(is_asleep(3));
	set_mode(3, true);
	set_mode(3, false);
	set_mode(3, false);
	sem_init(&done, 0, 0);
	call_on(g_app, ask_as_spdk, &done);
	wait_for(&done, "SPDK's callback");
	CHECK(reactor_in_interrupt(reactor_get(1)));
	CHECK(spdk_reactor_get(1) == reactor_get(1));
	by_event(spdk_scheduler_get_scheduling_lcore(), 0);
	by_event(spdk_scheduler_get_scheduling_lcore() == 1 ? 3 : 1, -EPERM);
}

static void
errors(void)
{
	run(2, g_two, errors_body);
}

/* --- pollers ---------------------------------------------------------------------------------- */

static struct {
	struct spdk_poller *poller;
	uint32_t runs;
} g_tick;

static int
tick(void *arg)
{
	__atomic_fetch_add(&g_tick.runs, 1, __ATOMIC_RELAXED);
	return SPDK_POLLER_BUSY;
}

static void
tick_start(void *arg)
{
	g_tick.poller = spdk_poller_register(tick, NULL, *(uint64_t *)arg);
}

static void
tick_stop(void *arg)
{
	spdk_poller_unregister(&g_tick.poller);
}

static bool
ticks(void)
{
	uint32_t before = __atomic_load_n(&g_tick.runs, __ATOMIC_RELAXED);
	int i;

	for (i = 0; i < 200; i++) {
		sleep_ms(10);
		if (__atomic_load_n(&g_tick.runs, __ATOMIC_RELAXED) >= before + 3) {
			return true;
		}
	}
	return false;
}

static void
own_mode(void *arg)
{
	spdk_thread_set_interrupt_mode(*(bool *)arg);
}

/* Timed and active ones run on a reactor that sleeps; with a thread that polls it does not sleep.
 */
static void
pollers_body(void)
{
	uint64_t period = 3000;
	struct spdk_thread *thread;
	bool mode;

	set_mode(3, true);
	thread = make_thread("ticker", 3);
	call_on(thread, tick_start, &period);
	CHECK(ticks());
	set_mode(3, false);
	CHECK(ticks());
	set_mode(3, true);
	CHECK(ticks());
	CHECK(!polls(3));
	call_on(thread, tick_stop, NULL);
	CHECK(is_asleep(3));

	period = 0;
	call_on(thread, tick_start, &period);
	CHECK(ticks());
	call_on(thread, tick_stop, NULL);
	CHECK(is_asleep(3));

	mode = false;
	call_on(thread, own_mode, &mode);
	CHECK(polls(3));
	call_on(thread, tick_start, &period);
	CHECK(ticks());
	call_on(thread, tick_stop, NULL);
	CHECK(polls(3));
	mode = true;
	call_on(thread, own_mode, &mode);
	CHECK(is_asleep(3));
	/* Both ways again, and away with it while it polls. */
	mode = false;
	call_on(thread, own_mode, &mode);
	CHECK(polls(3));
	call_on(thread, thread_leave, NULL);
	threads_come_to(3, 0);
	CHECK(is_asleep(3));
}

static void
pollers(void)
{
	run(2, g_two, pollers_body);
}

/* --- where the time goes ---------------------------------------------------------------------- */

static void
spend(void *arg)
{
	uint64_t until = spdk_get_ticks() + 20 * MS;

	while (spdk_get_ticks() < until) {
	}
}

static void
time_body(void)
{
	struct spdk_reactor *reactor = reactor_get(3);
	uint64_t began, total, busy, idle, heartbeat;

	set_mode(3, true);
	began = spdk_get_ticks();
	busy = reactor_get_busy_tsc(reactor);
	idle = reactor_get_idle_tsc(reactor);
	sleep_ms(200);
	heartbeat = __atomic_load_n(&slot_of(3)->heartbeat_tsc, __ATOMIC_RELAXED);
	CHECK(heartbeat <= spdk_get_ticks() - 50 * MS);
	call_core(3, spend, NULL);
	call_core(3, NULL, NULL);
	sleep_ms(20);
	total = spdk_get_ticks() - began;
	busy = reactor_get_busy_tsc(reactor) - busy;
	idle = reactor_get_idle_tsc(reactor) - idle;
	CHECK(busy >= 20 * MS);
	CHECK(idle >= 150 * MS);
	/* All but the sleep that goes on. */
	CHECK(busy + idle >= 200 * MS && busy + idle <= total + 50 * MS);
	CHECK(__atomic_load_n(&slot_of(3)->heartbeat_tsc, __ATOMIC_RELAXED) > heartbeat);
	CHECK_EQ(__atomic_load_n(&slot_of(3)->in_interrupt, __ATOMIC_RELAXED), 1);
}

static void
sleep_is_idle_time(void)
{
	run(2, g_two, time_body);
}

/* --- nothing is lost -------------------------------------------------------------------------- */

#define FLIGHTS 20000

static struct {
	struct spdk_thread *thread;
	uint32_t events;
	uint32_t messages;
	uint32_t wrong;
	struct call last_event; /* behind all others of their sender */
	struct call last_message;
} g_flight;

static void
flight_event(void *arg1, void *arg2)
{
	g_flight.wrong += (uintptr_t)arg1 != g_flight.events;
	g_flight.events++;
}

static void
flight_message(void *arg)
{
	g_flight.wrong += (uintptr_t)arg != g_flight.messages;
	g_flight.messages++;
}

/* On the app thread: as much as can be under way at once, with changes of mode in the middle. */
static void
flight_send(void *arg)
{
	uintptr_t i;

	for (i = 0; i < FLIGHTS; i++) {
		spdk_event_call(spdk_event_allocate(3, flight_event, (void *)i, NULL));
		spdk_thread_send_msg(g_flight.thread, flight_message, (void *)i);
		if (i % 1000 == 0) {
			(void)reactor_set_interrupt_mode(3, i / 1000 % 2 == 0, NULL, NULL);
		}
	}
	spdk_event_call(spdk_event_allocate(3, call_event, &g_flight.last_event, NULL));
	spdk_thread_send_msg(g_flight.thread, call_run, &g_flight.last_message);
}

static void
flight_body(void)
{
	int round;

	g_flight.thread = make_thread("target", 3);
	sem_init(&g_flight.last_event.done, 0, 0);
	sem_init(&g_flight.last_message.done, 0, 0);
	for (round = 0; round < 3; round++) {
		g_flight.events = g_flight.messages = g_flight.wrong = 0;
		if (round == 1) {
			set_mode(1, true);
		}
		call_on(g_app, flight_send, NULL);
		wait_for(&g_flight.last_event.done, "the last event");
		wait_for(&g_flight.last_message.done, "the last message");
		CHECK_EQ(g_flight.events, FLIGHTS);
		CHECK_EQ(g_flight.messages, FLIGHTS);
		CHECK_EQ(g_flight.wrong, 0);
	}
	call_on(g_flight.thread, thread_leave, NULL);
}

static void
nothing_is_lost(void)
{
	run(2, g_two, flight_body);
}

/* --- the end ---------------------------------------------------------------------------------- */

static void *
stop_soon(void *arg)
{
	/* Before they run there is nothing to stop. */
	while (reactors_get_state() != SPDK_REACTOR_STATE_RUNNING) {
		sched_yield();
	}
	sleep_ms(*(unsigned *)arg);
	reactors_stop();
	return NULL;
}

static void
both_to_sleep(void *arg)
{
	CHECK_EQ(reactor_set_interrupt_mode(1, true, NULL, NULL), 0);
	CHECK_EQ(reactor_set_interrupt_mode(3, true, NULL, NULL), 0);
}

/* Stopped by another OS thread, asleep or on the way there, with threads that nobody told. */
static void
stopped_while_asleep(void)
{
	unsigned delays[] = { 0, 1, 2, 3, 50 }, i;
	struct timespec from, to;
	struct spdk_cpuset mask;
	pthread_t other;

	spdk_log_set_print_level(SPDK_LOG_ERROR);
	for (i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
		begin(2, g_two);
		spdk_cpuset_zero(&mask);
		spdk_cpuset_set_cpu(&mask, 3, true);
		REQUIRE(spdk_thread_create("left behind", &mask) != NULL);
		REQUIRE(spdk_thread_create("left too", &mask) != NULL);
		spdk_thread_send_msg(g_app, both_to_sleep, NULL);
		clock_gettime(CLOCK_MONOTONIC, &from);
		REQUIRE(pthread_create(&other, NULL, stop_soon, &delays[i]) == 0);
		end();
		clock_gettime(CLOCK_MONOTONIC, &to);
		CHECK(to.tv_sec - from.tv_sec <= 2 || test_under_valgrind());
		pthread_join(other, NULL);
	}
	spdk_log_set_print_level(SPDK_LOG_NOTICE);
}

/* --- at random -------------------------------------------------------------------------------- */

#define CROWD 12

static struct {
	struct spdk_thread *threads[CROWD];
	unsigned seed[CROWD];
	uint64_t sent;     /* relaxed atomics */
	uint64_t received; /* likewise */
	uint64_t budget;
	int stop;
	unsigned switches;
} g_crowd;

static void crowd_message(void *arg);

static void
crowd_event(void *arg1, void *arg2)
{
	__atomic_fetch_add(&g_crowd.received, 1, __ATOMIC_RELAXED);
}

/* On any of the threads: pass something on, and move now and then. */
static void
crowd_act(uintptr_t me)
{
	unsigned *seed = &g_crowd.seed[me], dice = (unsigned)rand_r(seed);
	uintptr_t to = dice % CROWD;

	if (__atomic_load_n(&g_crowd.stop, __ATOMIC_RELAXED)) {
		return;
	}
	__atomic_fetch_add(&g_crowd.sent, 1, __ATOMIC_RELAXED);
	spdk_thread_send_msg(g_crowd.threads[to], crowd_message, (void *)to);
	if (dice / CROWD % 4 == 0) {
		__atomic_fetch_add(&g_crowd.sent, 1, __ATOMIC_RELAXED);
		spdk_event_call(spdk_event_allocate(dice % 8 < 4 ? 1 : 3, crowd_event, NULL, NULL));
	}
	if (dice / CROWD % 64 == 1) {
		reactor_thread_move(spdk_get_thread(), dice % 128 < 64 ? 1 : 3);
	}
}

static void
crowd_message(void *arg)
{
	CHECK(spdk_get_thread() == g_crowd.threads[(uintptr_t)arg]);
	__atomic_fetch_add(&g_crowd.received, 1, __ATOMIC_RELAXED);
	crowd_act((uintptr_t)arg);
}

static void
crowd_body(void)
{
	const char *seconds = getenv("CAL_STRESS_S");
	time_t until = time(NULL) + (seconds != NULL ? atoi(seconds) : 2);
	unsigned seed = 1, dice;
	uint64_t received;
	uintptr_t i;

	g_crowd.sent = g_crowd.received = 0;
	g_crowd.stop = 0;
	for (i = 0; i < CROWD; i++) {
		g_crowd.seed[i] = (unsigned)i + 1;
		g_crowd.threads[i] = make_thread("one of many", i % 2 == 0 ? 1 : 3);
	}
	while (time(NULL) < until) {
		dice = (unsigned)rand_r(&seed);
		set_mode(dice % 2 == 0 ? 1 : 3, dice / 2 % 2 == 0);
		g_crowd.switches++;
		/* Let it die down now and then, so that they sleep; and begin again. */
		if (dice / 4 % 8 == 0) {
			__atomic_store_n(&g_crowd.stop, 1, __ATOMIC_RELAXED);
			sleep_ms(5);
			__atomic_store_n(&g_crowd.stop, 0, __ATOMIC_RELAXED);
		}
		i = dice / 32 % CROWD;
		__atomic_fetch_add(&g_crowd.sent, 1, __ATOMIC_RELAXED);
		spdk_thread_send_msg(g_crowd.threads[i], crowd_message, (void *)i);
	}
	__atomic_store_n(&g_crowd.stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < 2000; i++) {
		if (__atomic_load_n(&g_crowd.sent, __ATOMIC_RELAXED) ==
		    __atomic_load_n(&g_crowd.received, __ATOMIC_RELAXED)) {
			break;
		}
		sleep_ms(10);
	}
	received = __atomic_load_n(&g_crowd.received, __ATOMIC_RELAXED);
	CHECK_EQ(__atomic_load_n(&g_crowd.sent, __ATOMIC_RELAXED), received);
	CHECK(received > 1000 && g_crowd.switches > 20);
	printf("(%u switches, %llu received) ", g_crowd.switches, (unsigned long long)received);
	set_mode(1, true);
	set_mode(3, true);
	CHECK(is_asleep(1) && is_asleep(3));
	for (i = 0; i < CROWD; i++) {
		call_on(g_crowd.threads[i], thread_leave, NULL);
	}
}

static void
switching_at_random(void)
{
	run(2, g_two, crowd_body);
}

/* --- from the start: the last one, since nothing takes the wish back -------------------------- */

static void
born_asleep_body(void)
{
	struct spdk_thread *thread;
	uint32_t lcore = 99;

	CHECK(spdk_interrupt_mode_is_enabled());
	call_on(g_app, on_core, &lcore);
	CHECK_EQ(lcore, g_fake_cores[0]);
	CHECK(is_asleep(g_fake_cores[0]));
	CHECK(reactor_in_interrupt(reactor_get(g_fake_cores[0])));
	if (g_fake_num_cores > 1) {
		CHECK(is_asleep(3) && reactor_in_interrupt(reactor_get(3)));
		thread = make_thread("born asleep", 3);
		call_on(thread, on_core, &lcore);
		CHECK_EQ(lcore, 3);
		set_mode(3, false);
		call_on(thread, on_core, &lcore);
		CHECK(polls(3));
		call_on(thread, thread_leave, NULL);
	}
}

static void
asleep_from_the_start(void)
{
	REQUIRE(spdk_interrupt_mode_enable() == 0);
	run(1, g_one, born_asleep_body);
	CHECK(!spdk_interrupt_mode_is_enabled());
	REQUIRE(spdk_interrupt_mode_enable() == 0);
	run(2, g_two, born_asleep_body);
}

/* --- who cannot be waited for ----------------------------------------------------------------- */

static int
shared_ready(void *arg)
{
	return 0;
}

static struct {
	int fd;
	struct spdk_interrupt *intr;
} g_shared;

static void
shared_watch(void *arg)
{
	g_shared.intr = spdk_interrupt_register(g_shared.fd, shared_ready, NULL, "shared");
	CHECK(g_shared.intr != NULL);
}

static void
shared_leave(void *arg)
{
	spdk_interrupt_unregister(&g_shared.intr);
	spdk_thread_exit(spdk_get_thread());
}

static void
shared_body(void)
{
	struct spdk_thread *thread = make_thread("shares", 3);
	struct ways ways;
	uint32_t lcore = 99;

	call_on(thread, shared_watch, NULL);
	set_mode(3, true);
	CHECK(is_asleep(3));
	set_mode(3, false);
	CHECK_EQ(ways_take(&ways, g_shared.fd), 500);
	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	set_mode(3, true);
	CHECK(polls(3));
	call_on(thread, on_core, &lcore);
	CHECK_EQ(lcore, 3);
	sleep_ms(1500);
	CHECK(polls(3));
	/* Nobody has to do anything for it. */
	ways_give_back(&ways);
	CHECK(is_asleep(3));
	spdk_log_set_print_level(SPDK_LOG_NOTICE);
	call_on(thread, on_core, &lcore);
	call_on(thread, shared_leave, NULL);
	threads_come_to(3, 0);
	CHECK(is_asleep(3));
}

static void
is_tried_again(void)
{
	g_shared.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	run(2, g_two, shared_body);
	close(g_shared.fd);
}

static const struct test_case cases[] = {
	TEST(wakes),
	TEST(errors),
	TEST(pollers),
	TEST(sleep_is_idle_time),
	TEST(nothing_is_lost),
	TEST(stopped_while_asleep),
	TEST(switching_at_random),
	TEST(is_tried_again),
	TEST(asleep_from_the_start),
};

TEST_MAIN("reactor/interrupt", cases)
