/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Long random sequences against simple models. The seed is printed; $CAL_TEST_SEED repeats one. */

#include "tests/unit/fake_env.h"
#include "tests/unit/seed.h"
#include "tests/unit/test.h"

#include "core/thread/thread_internal.h"

#define STEPS 100000

/* --- pollers ---------------------------------------------------------------------------------- */

#define POLLERS 64

/* What the model knows of a poller. */
static struct model {
	struct spdk_poller *poller;
	enum { ABSENT, RUNS, RESTS } state;
	uint64_t period;
	uint64_t due;
	uint32_t ran;  /* in this turn */
	bool touched;  /* something was done to it in this turn */
	bool must_run; /* it could run when the turn began */
	uint64_t total;
} g_models[POLLERS];

static struct spdk_thread *g_thread;
static uint64_t g_turn_now;
static bool g_in_turn;
static struct model *g_running;

static int model_run(void *arg);

static void
model_register(struct model *m)
{
	static const uint64_t periods[] = { 0, 0, 1, 10, 100, 1000 };

	m->period = periods[pick(SPDK_COUNTOF(periods))];
	m->poller = SPDK_POLLER_REGISTER(model_run, m, m->period);
	REQUIRE(m->poller != NULL);
	m->state = RUNS;
	m->due = spdk_get_ticks() + m->period;
	m->touched = true;
	m->ran = 0;
	m->must_run = false;
}

/* Do something at random to a poller at random, to both it and its model. */
static void
model_act(void)
{
	struct model *m = &g_models[pick(POLLERS)];

	switch (m->state) {
	case ABSENT:
		/* In a turn a new one must not run before the next. */
		model_register(m);
		m->ran = g_in_turn ? 1 : 0;
		return;
	case RUNS:
		m->touched = true;
		if (pick(3) == 0) {
			spdk_poller_unregister(&m->poller);
			m->state = ABSENT;
			CHECK(m->poller == NULL);
		} else if (pick(2) == 0) {
			spdk_poller_pause(m->poller);
			m->state = RESTS;
		} else {
			spdk_poller_resume(m->poller);
		}
		return;
	case RESTS:
		m->touched = true;
		if (pick(3) == 0) {
			spdk_poller_unregister(&m->poller);
			m->state = ABSENT;
		} else if (pick(4) == 0) {
			spdk_poller_pause(m->poller);
		} else {
			spdk_poller_resume(m->poller);
			m->state = RUNS;
			/* One that paused itself just now was never out of its place. */
			if (m != g_running) {
				m->due = spdk_get_ticks() + m->period;
			}
		}
		return;
	}
}

static int
model_run(void *arg)
{
	struct model *m = arg;
	uint32_t acts;

	CHECK(g_in_turn);
	CHECK_EQ(m->state, RUNS);
	CHECK(m->period == 0 || m->due <= g_turn_now);
	CHECK(m->ran == 0 || m->touched);
	m->ran++;
	m->total++;
	g_running = m;
	for (acts = pick(8) == 0 ? pick(4) : 0; acts > 0; acts--) {
		model_act();
	}
	g_running = NULL;
	if (m->period != 0) {
		m->due = g_turn_now + m->period;
	}
	return (int)pick(2);
}

static void
model_turn(void)
{
	bool pollers = false;
	int i;

	for (i = 0; i < POLLERS; i++) {
		g_models[i].ran = 0;
		g_models[i].touched = false;
		g_models[i].must_run =
			g_models[i].state == RUNS &&
			(g_models[i].period == 0 || g_models[i].due <= spdk_get_ticks());
	}
	g_turn_now = spdk_get_ticks();
	g_in_turn = true;
	spdk_thread_poll(g_thread, 0, 0);
	g_in_turn = false;
	for (i = 0; i < POLLERS; i++) {
		pollers |= g_models[i].state != ABSENT;
		if (!g_models[i].touched) {
			CHECK_EQ(g_models[i].ran, g_models[i].must_run ? 1 : 0);
		}
	}
	CHECK_EQ(spdk_thread_has_pollers(g_thread), pollers);
}

static void
pollers_follow_their_model(void)
{
	uint64_t total = 0;
	int i;

	seed_begin("pollers");
	spdk_thread_lib_init(NULL, 0);
	g_thread = fake_thread("model");
	spdk_set_thread(g_thread);
	memset(g_models, 0, sizeof(g_models));
	for (i = 0; i < STEPS; i++) {
		switch (pick(4)) {
		case 0:
			model_act();
			break;
		case 1:
			fake_delay_us(pick(300));
			break;
		default:
			model_turn();
			break;
		}
	}
	for (i = 0; i < POLLERS; i++) {
		total += g_models[i].total;
		spdk_poller_unregister(&g_models[i].poller);
	}
	CHECK(total > STEPS);
	fake_thread_end(g_thread);
	spdk_thread_lib_fini();
}

/* --- messages --------------------------------------------------------------------------------- */

/* Senders number what they send to each target; targets expect each sender's next number. Each
 * sends from one of a few made-up cores, the last of which has no lanes, and moves between them at
 * random. Targets send to each other from within, in their own name. */

#define TARGETS 3
#define SENDERS 6 /* the first TARGETS are the targets themselves */
#define CORES   5

static struct target {
	struct spdk_thread *thread;
	uint64_t sent[SENDERS];
	uint64_t seen[SENDERS];
} g_targets[TARGETS];

static struct msg_sender g_cores[CORES];
static uint32_t g_core_of[SENDERS];
static uint64_t g_wrong, g_sent, g_seen, g_forward, g_core_moves;

static void model_receive(void *arg);

static void
model_send(uint32_t sender, uint32_t target)
{
	/* All of it fits into the argument. */
	uintptr_t arg = (uintptr_t)(target | sender << 4 | g_targets[target].sent[sender]++ << 8);
	struct msg_sender self = thread_this_os.sender;

	g_sent++;
	thread_this_os.sender = g_cores[g_core_of[sender]];
	spdk_thread_send_msg(g_targets[target].thread, model_receive, (void *)arg);
	thread_this_os.sender = self;
}

static void
model_move(uint32_t sender, uint32_t core)
{
	if (core != g_core_of[sender]) {
		msg_sender_new_epoch(&g_cores[core]);
		g_core_of[sender] = core;
		g_core_moves++;
	}
}

static void
model_receive(void *arg)
{
	uint32_t target = (uintptr_t)arg & 15, sender = (uintptr_t)arg >> 4 & 15;

	g_seen++;
	g_wrong += spdk_get_thread() != g_targets[target].thread;
	g_wrong += g_targets[target].seen[sender]++ != (uintptr_t)arg >> 8;
	if (g_forward > 0 && pick(3) == 0) {
		g_forward--;
		model_send(target, pick(TARGETS));
	}
}

static void
messages_follow_their_model(void)
{
	uint32_t step, target, sender, n;
	uint64_t spilled = 0;
	char name[8];

	seed_begin("messages");
	spdk_thread_lib_init(NULL, 0);
	memset(g_targets, 0, sizeof(g_targets));
	g_wrong = g_sent = g_seen = 0;
	g_forward = 200000;
	for (n = 0; n < CORES; n++) {
		/* The indices of OS threads that there are not. */
		g_cores[n].registered = true;
		g_cores[n].index = n + 1 < CORES ? MSG_LANES - 1 - n : MSG_LANES;
	}
	for (target = 0; target < TARGETS; target++) {
		snprintf(name, sizeof(name), "t%u", target);
		g_targets[target].thread = fake_thread(name);
	}
	for (step = 0; step < STEPS; step++) {
		target = pick(TARGETS);
		switch (pick(10)) {
		case 0:
			model_move(pick(SENDERS), pick(CORES));
			break;
		case 1:
		case 2:
		case 3:
			sender = TARGETS + pick(SENDERS - TARGETS);
			/* Now and then more than fits into the ring. */
			n = pick(1000) == 0 ? 7000 : pick(12);
			while (n-- > 0) {
				model_send(sender, target);
			}
			break;
		default:
			spdk_thread_poll(g_targets[target].thread, pick(20), 0);
			break;
		}
	}
	while (g_seen < g_sent) {
		for (target = 0; target < TARGETS; target++) {
			spdk_thread_poll(g_targets[target].thread, 0, 0);
		}
	}
	CHECK_EQ(g_wrong, 0);
	for (target = 0; target < TARGETS; target++) {
		spilled += msg_queue_spilled(&g_targets[target].thread->msgs);
	}
	CHECK(spilled > 0);
	CHECK(g_core_moves > STEPS / 50);
	for (target = 0; target < TARGETS; target++) {
		for (sender = 0; sender < SENDERS; sender++) {
			CHECK_EQ(g_targets[target].sent[sender], g_targets[target].seen[sender]);
		}
	}
	while (target-- > 0) {
		fake_thread_end(g_targets[target].thread);
	}
	spdk_thread_lib_fini();
}

static const struct test_case cases[] = {
	TEST(pollers_follow_their_model),
	TEST(messages_follow_their_model),
};

TEST_MAIN("thread/model", cases)
