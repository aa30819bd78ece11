/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Every order of pausing, resuming and unregistering up to three steps long, done to a poller that
 * waits or is paused, active or timed, from everywhere that it can be done from; what must come of
 * it is worked out by a model of a few lines. */

#include "tests/unit/fake_env.h"
#include "tests/unit/test.h"

#include "spdk_internal/thread.h"

#define PERIOD 100

enum where { OUTSIDE, MESSAGE, ITSELF, POST_HANDLER, EARLIER, LATER };
enum kind { ACTIVE, TIMED, OTHER_PERIOD };

static const char *const g_where[] = {
	"outside of a turn", "a message",          "itself",
	"its post handler",  "one called earlier", "one called later"
};

struct scene {
	enum where where;
	enum kind subject, actor; /* the actor: who does it, where that is a poller */
};

/* An active poller is called before a timed one, hence not all that could be written down. */
static const struct scene g_scenes[] = {
	{ OUTSIDE, ACTIVE, ACTIVE },      { OUTSIDE, TIMED, ACTIVE },
	{ MESSAGE, ACTIVE, ACTIVE },      { MESSAGE, TIMED, ACTIVE },
	{ ITSELF, ACTIVE, ACTIVE },       { ITSELF, TIMED, ACTIVE },
	{ POST_HANDLER, ACTIVE, ACTIVE }, { POST_HANDLER, TIMED, ACTIVE },
	{ EARLIER, ACTIVE, ACTIVE },      { EARLIER, TIMED, ACTIVE },
	{ EARLIER, TIMED, TIMED },        { EARLIER, TIMED, OTHER_PERIOD },
	{ LATER, ACTIVE, ACTIVE },        { LATER, ACTIVE, TIMED },
	{ LATER, TIMED, TIMED },          { LATER, TIMED, OTHER_PERIOD },
};

/* The steps: P pause, R resume, U unregister, which is the last. */
static char g_orders[64][4];
static int g_num_orders;

static struct spdk_thread *g_thread;
static struct spdk_poller *g_subject, *g_actor;
static const struct scene *g_scene;
static const char *g_order;
static int g_runs, g_actor_runs;
static bool g_armed; /* to be done yet */

/* The model. */
static enum { WAITS, PAUSED, GONE } g_state;
static bool g_moved;

static const char *const g_state_names[] = { "waiting", "paused" };

static void
orders_make(char *order, int len)
{
	const char *step;

	for (step = "PRU"; *step != '\0'; step++) {
		order[len] = *step;
		order[len + 1] = '\0';
		memcpy(g_orders[g_num_orders++], order, 4);
		if (*step != 'U' && len < 2) {
			orders_make(order, len + 1);
		}
	}
	order[len] = '\0';
}

static bool
in_its_place(void)
{
	return g_scene->where == ITSELF || g_scene->where == POST_HANDLER;
}

static void
do_steps(void)
{
	const char *step;

	g_armed = false;
	for (step = g_order; *step != '\0'; step++) {
		switch (*step) {
		case 'P':
			g_moved |= g_state == WAITS && !in_its_place();
			g_state = PAUSED;
			spdk_poller_pause(g_subject);
			break;
		case 'R':
			g_state = WAITS;
			spdk_poller_resume(g_subject);
			break;
		default:
			g_state = GONE;
			spdk_poller_unregister(&g_subject);
			CHECK(g_subject == NULL);
			return;
		}
		if (in_its_place()) {
			CHECK_STR(spdk_poller_get_state_str(g_subject),
			          g_state == WAITS ? "running" : "pausing");
		} else {
			CHECK_STR(spdk_poller_get_state_str(g_subject), g_state_names[g_state]);
		}
	}
}

static void
do_steps_in_callback(void *arg)
{
	do_steps();
}

static int
subject_run(void *arg)
{
	g_runs++;
	if (g_armed && g_scene->where == ITSELF) {
		do_steps();
	} else if (g_armed && g_scene->where == POST_HANDLER) {
		spdk_thread_register_post_poller_handler(do_steps_in_callback, NULL);
	}
	return 0;
}

static int
actor_run(void *arg)
{
	g_actor_runs++;
	if (g_armed) {
		do_steps();
	}
	return 0;
}

static void
actor_start(void)
{
	static const uint64_t periods[] = { 0, PERIOD, PERIOD - 10 };

	g_actor = SPDK_POLLER_REGISTER(actor_run, NULL, periods[g_scene->actor]);
}

/* To the turn in which it is done: both are there, and all timed ones are due. */
static void
begin(bool paused)
{
	bool poller_acts = g_scene->where == EARLIER || g_scene->where == LATER;
	/* Active pollers are called from the newest to the oldest, timed ones as they are due. */
	bool actor_first =
		g_scene->actor == ACTIVE ? g_scene->where == LATER : g_scene->where == EARLIER;

	g_runs = g_actor_runs = 0;
	g_moved = false;
	if (poller_acts && actor_first) {
		actor_start();
	}
	g_subject =
		SPDK_POLLER_REGISTER(subject_run, NULL, g_scene->subject == ACTIVE ? 0 : PERIOD);
	fake_delay_us(20);
	if (poller_acts && !actor_first) {
		actor_start();
	}
	g_state = WAITS;
	if (paused) {
		spdk_poller_pause(g_subject);
		g_state = PAUSED;
	}
	fake_delay_us(PERIOD);
}

static int
walk_count(enum kind kind)
{
	struct spdk_poller *p;
	int n = 0;

	if (kind == ACTIVE) {
		for (p = spdk_thread_get_first_active_poller(g_thread); p != NULL;
		     p = spdk_thread_get_next_active_poller(p)) {
			n += p == g_subject;
		}
	} else {
		for (p = spdk_thread_get_first_timed_poller(g_thread); p != NULL;
		     p = spdk_thread_get_next_timed_poller(p)) {
			n += p == g_subject;
		}
	}
	return n;
}

static int
walk_paused(void)
{
	struct spdk_poller *p;
	int n = 0;

	for (p = spdk_thread_get_first_paused_poller(g_thread); p != NULL;
	     p = spdk_thread_get_next_paused_poller(p)) {
		n += p == g_subject;
	}
	return n;
}

/* Whether it must be called in the turn, by what the model knows after it. */
static bool
must_have_run(bool was_paused)
{
	switch (g_scene->where) {
	case ITSELF:
	case POST_HANDLER:
		return true;
	case LATER:
		return !was_paused;
	case OUTSIDE:
	case MESSAGE:
		/* Before the pollers' turn; but a timed one waits for its period again. */
		return g_state == WAITS &&
		       (g_scene->subject == ACTIVE || (!was_paused && !g_moved));
	default:
		return g_state == WAITS && !was_paused && !g_moved;
	}
}

static void
one(bool paused)
{
	bool ran;

	begin(paused);
	g_armed = true;
	if (g_scene->where == OUTSIDE) {
		do_steps();
	} else if (g_scene->where == MESSAGE) {
		spdk_thread_send_msg(g_thread, do_steps_in_callback, NULL);
	}
	spdk_thread_poll(g_thread, 0, 0);
	REQUIRE(!g_armed);
	ran = must_have_run(paused);
	if (g_runs != ran) {
		fprintf(stderr, "%s %s poller, %s by %s: called %d times in that turn\n",
		        paused ? "a paused" : "a waiting",
		        g_scene->subject == ACTIVE ? "active" : "timed", g_order,
		        g_where[g_scene->where], g_runs);
	}
	CHECK_EQ(g_runs, ran);

	if (g_state != GONE) {
		CHECK_STR(spdk_poller_get_state_str(g_subject), g_state_names[g_state]);
		CHECK_EQ(walk_count(g_scene->subject), g_state == WAITS);
		CHECK_EQ(walk_paused(), g_state == PAUSED);
	}
	CHECK_EQ(spdk_thread_has_pollers(g_thread), g_state != GONE || g_actor != NULL);

	/* A period later it is called once more, or is not. */
	g_runs = 0;
	if (g_scene->subject != ACTIVE) {
		fake_delay_us(PERIOD - 1);
		spdk_thread_poll(g_thread, 0, 0);
		CHECK_EQ(g_runs, 0);
		fake_delay_us(1);
	}
	spdk_thread_poll(g_thread, 0, 0);
	CHECK_EQ(g_runs, g_state == WAITS);

	spdk_poller_unregister(&g_subject);
	spdk_poller_unregister(&g_actor);
	spdk_thread_poll(g_thread, 0, 0);
	CHECK(!spdk_thread_has_pollers(g_thread));
	CHECK_EQ(g_runs, g_state == WAITS);
}

static void
all_orders(bool paused)
{
	size_t i;
	int k;

	for (i = 0; i < SPDK_COUNTOF(g_scenes); i++) {
		g_scene = &g_scenes[i];
		if (paused && in_its_place()) {
			continue;
		}
		for (k = 0; k < g_num_orders; k++) {
			g_order = g_orders[k];
			one(paused);
		}
	}
}

static void
one_that_waits(void)
{
	all_orders(false);
}

static void
one_that_is_paused(void)
{
	all_orders(true);
}

/* The whole of it again in company: before, between and behind there are others of its kind, and
 * they must not notice. */
static int g_others_runs;

static int
other_run(void *arg)
{
	g_others_runs++;
	return 0;
}

static void
others_do_not_notice(void)
{
	struct spdk_poller *others[6];
	struct spdk_poller_stats stats[6], now;
	uint64_t period;
	size_t i, n;
	int k;

	for (i = 0; i < SPDK_COUNTOF(g_scenes); i++) {
		g_scene = &g_scenes[i];
		period = g_scene->subject == ACTIVE ? 0 : PERIOD;
		for (k = 0; k < g_num_orders; k++) {
			g_order = g_orders[k];
			for (n = 0; n < 3; n++) {
				others[n] = SPDK_POLLER_REGISTER(other_run, NULL, period);
			}
			begin(false);
			for (; n < 6; n++) {
				others[n] = SPDK_POLLER_REGISTER(other_run, NULL, period);
			}
			fake_delay_us(PERIOD);
			g_armed = true;
			if (g_scene->where == OUTSIDE) {
				do_steps();
			} else if (g_scene->where == MESSAGE) {
				spdk_thread_send_msg(g_thread, do_steps_in_callback, NULL);
			}
			spdk_thread_poll(g_thread, 0, 0);
			for (n = 0; n < 6; n++) {
				spdk_poller_get_stats(others[n], &stats[n]);
				CHECK_EQ(stats[n].run_count, 1);
			}
			fake_delay_us(PERIOD);
			spdk_thread_poll(g_thread, 0, 0);
			for (n = 0; n < 6; n++) {
				spdk_poller_get_stats(others[n], &now);
				CHECK_EQ(now.run_count, 2);
				spdk_poller_unregister(&others[n]);
			}
			spdk_poller_unregister(&g_subject);
			spdk_poller_unregister(&g_actor);
			spdk_thread_poll(g_thread, 0, 0);
			CHECK(!spdk_thread_has_pollers(g_thread));
		}
	}
}

static int
setup(void)
{
	char order[4] = "";
	int rc = spdk_thread_lib_init(NULL, 0);

	orders_make(order, 0);
	g_thread = fake_thread("states");
	spdk_set_thread(g_thread);
	return rc != 0 || g_num_orders != 21;
}

static int
teardown(void)
{
	fake_thread_end(g_thread);
	spdk_thread_lib_fini();
	return 0;
}

static const struct test_case cases[] = {
	TEST(one_that_waits),
	TEST(one_that_is_paused),
	TEST(others_do_not_notice),
};

TEST_MAIN_WITH("thread/poller_states", cases, setup, teardown)
