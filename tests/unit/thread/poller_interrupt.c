/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "tests/unit/fake_env.h"
#include "tests/unit/test.h"
#include "tests/unit/thread/interrupt.h"

#include "spdk_internal/thread.h"

static struct spdk_thread *g_thread;

/* A poller, and what its callback heard. */
struct quiet {
	struct spdk_poller *poller;
	int runs;
	char heard[32]; /* '1' for true, '0' for false */
	void (*on_callback)(struct quiet *self);
	void (*on_run)(struct quiet *self);
	struct quiet *other;
};

static int
setup(void)
{
	return spdk_thread_lib_init(NULL, 0);
}

static int
teardown(void)
{
	spdk_thread_lib_fini();
	return 0;
}

static void
begin(void)
{
	g_thread = fake_thread("quiet");
	spdk_set_thread(g_thread);
}

static void
end(void)
{
	fake_thread_end(g_thread);
}

static void
turns(int n)
{
	while (n-- > 0) {
		fake_delay_us(1000);
		spdk_thread_poll(g_thread, 0, 0);
	}
}

static int
quiet_run(void *arg)
{
	struct quiet *q = arg;

	q->runs++;
	if (q->on_run != NULL) {
		q->on_run(q);
	}
	return SPDK_POLLER_BUSY;
}

static void
quiet_callback(struct spdk_poller *poller, void *arg, bool interrupt_mode)
{
	struct quiet *q = arg;
	size_t len = strlen(q->heard);

	CHECK(poller == q->poller);
	CHECK(spdk_get_thread() == g_thread);
	CHECK(len < sizeof(q->heard) - 1);
	q->heard[len] = interrupt_mode ? '1' : '0';
	q->heard[len + 1] = '\0';
	if (q->on_callback != NULL) {
		q->on_callback(q);
	}
}

static void
quiet_start(struct quiet *q, uint64_t period_us)
{
	memset(q, 0, sizeof(*q));
	q->poller = spdk_poller_register(quiet_run, q, period_us);
	REQUIRE(q->poller != NULL);
}

static void
quiet_register(struct quiet *q)
{
	spdk_poller_register_interrupt(q->poller, quiet_callback, q);
}

static void
interrupt_mode(bool on)
{
	spdk_thread_set_interrupt_mode(on);
	CHECK_EQ(thread_in_interrupt(g_thread), on);
}

static void
not_called_in_interrupt_mode(void)
{
	static const uint64_t periods[] = { 0, 1000 };
	struct quiet q;
	size_t i;

	for (i = 0; i < 2; i++) {
		begin();
		quiet_start(&q, periods[i]);
		quiet_register(&q);
		CHECK_STR(q.heard, "");
		turns(2);
		CHECK_EQ(q.runs, 2);
		interrupt_mode(true);
		CHECK_STR(q.heard, "1");
		CHECK(intr_settle(g_thread) >= 1);
		turns(3);
		CHECK(!intr_ready_in(g_thread, 3));
		CHECK_EQ(intr_timer_us(g_thread), 0);
		CHECK_EQ(q.runs, 2);
		interrupt_mode(false);
		CHECK_STR(q.heard, "10");
		turns(2);
		CHECK_EQ(q.runs, 4);
		spdk_poller_unregister(&q.poller);
		end();
	}
}

static void
without_a_callback_likewise(void)
{
	struct quiet active, timed;

	begin();
	quiet_start(&active, 0);
	quiet_start(&timed, 1000);
	spdk_poller_register_interrupt(active.poller, NULL, NULL);
	spdk_poller_register_interrupt(timed.poller, NULL, NULL);
	interrupt_mode(true);
	CHECK(intr_settle(g_thread) >= 1);
	turns(3);
	CHECK_EQ(active.runs + timed.runs, 0);
	interrupt_mode(false);
	turns(1);
	CHECK_EQ(active.runs, 1);
	CHECK_EQ(timed.runs, 1);
	spdk_poller_unregister(&active.poller);
	spdk_poller_unregister(&timed.poller);
	end();
}

static void
registered_in_interrupt_mode(void)
{
	struct quiet q;

	begin();
	interrupt_mode(true);
	quiet_start(&q, 0);
	turns(1);
	CHECK_EQ(q.runs, 1);
	quiet_register(&q);
	CHECK_STR(q.heard, "1");
	CHECK(intr_settle(g_thread) >= 1);
	CHECK_EQ(q.runs, 1);
	/* Given again: the new one hears. */
	memset(q.heard, 0, sizeof(q.heard));
	spdk_poller_register_interrupt(q.poller, NULL, NULL);
	interrupt_mode(false);
	CHECK_STR(q.heard, "");
	quiet_register(&q);
	interrupt_mode(true);
	CHECK_STR(q.heard, "1");
	spdk_poller_unregister(&q.poller);
	interrupt_mode(false);
	CHECK_STR(q.heard, "1");
	end();
}

static void
paused(void)
{
	struct quiet q;

	begin();
	quiet_start(&q, 0);
	quiet_register(&q);
	spdk_poller_pause(q.poller);
	interrupt_mode(true);
	interrupt_mode(false);
	CHECK_STR(q.heard, "10");
	turns(2);
	CHECK_EQ(q.runs, 0);
	CHECK_STR(spdk_poller_get_state_str(q.poller), "paused");
	/* Resumed in interrupt mode it is quiet, and paused there it is paused. */
	interrupt_mode(true);
	spdk_poller_resume(q.poller);
	CHECK(intr_settle(g_thread) >= 1);
	CHECK_EQ(q.runs, 0);
	CHECK_STR(spdk_poller_get_state_str(q.poller), "waiting");
	spdk_poller_pause(q.poller);
	CHECK_STR(spdk_poller_get_state_str(q.poller), "paused");
	interrupt_mode(false);
	turns(2);
	CHECK_EQ(q.runs, 0);
	spdk_poller_resume(q.poller);
	turns(1);
	CHECK_EQ(q.runs, 1);
	spdk_poller_unregister(&q.poller);
	end();
}

static void
resume_it(void *arg)
{
	struct quiet *q = arg;

	spdk_poller_resume(q->poller);
}

static void
ask_for_it(void *arg)
{
	quiet_register(arg);
}

static void
resume_other(struct quiet *self)
{
	spdk_poller_resume(self->other->poller);
}

/* A turn runs messages first, then pollers: not even there. */
static void
not_called_in_the_turn_that_resumes_it(void)
{
	static const uint64_t periods[] = { 0, 1000 };
	struct quiet q, loud;
	size_t i;

	for (i = 0; i < 2; i++) {
		begin();
		interrupt_mode(true);
		quiet_start(&q, periods[i]);
		quiet_register(&q);
		spdk_poller_pause(q.poller);
		intr_settle(g_thread);
		spdk_thread_send_msg(g_thread, resume_it, &q);
		CHECK(intr_settle(g_thread) >= 1);
		CHECK_EQ(q.runs, 0);
		/* By another poller, which runs before it would. */
		spdk_poller_pause(q.poller);
		quiet_start(&loud, 0);
		loud.on_run = resume_other;
		loud.other = &q;
		turns(3);
		CHECK_EQ(q.runs, 0);
		CHECK_EQ(loud.runs, 3);
		spdk_poller_unregister(&loud.poller);
		spdk_poller_unregister(&q.poller);
		/* Nor in the one in which it is asked for. */
		intr_settle(g_thread);
		spdk_thread_send_msg(g_thread, ask_for_it, &q);
		quiet_start(&q, 0);
		CHECK(intr_settle(g_thread) >= 1);
		CHECK_EQ(q.runs, 0);
		CHECK_STR(q.heard, "1");
		spdk_poller_unregister(&q.poller);
		end();
	}
}

static int
count_listed(void)
{
	struct spdk_poller *poller;
	int n = 0;

	for (poller = spdk_thread_get_first_active_poller(g_thread); poller != NULL;
	     poller = spdk_thread_get_next_active_poller(poller)) {
		CHECK_EQ(spdk_poller_get_period_ticks(poller), 0);
		n += 1;
	}
	for (poller = spdk_thread_get_first_timed_poller(g_thread); poller != NULL;
	     poller = spdk_thread_get_next_timed_poller(poller)) {
		CHECK(spdk_poller_get_period_ticks(poller) != 0);
		n += 10;
	}
	return n;
}

static void
still_listed(void)
{
	struct quiet q[6];
	int i;

	begin();
	interrupt_mode(true);
	for (i = 0; i < 6; i++) {
		quiet_start(&q[i], i % 2 == 0 ? 0 : 1000);
		if (i < 4) {
			quiet_register(&q[i]);
		}
	}
	turns(2);
	CHECK_EQ(count_listed(), 33);
	for (i = 4; i < 6; i++) {
		spdk_poller_unregister(&q[i].poller);
	}
	turns(1);
	CHECK_EQ(count_listed(), 22);
	CHECK(spdk_thread_has_pollers(g_thread));
	CHECK(spdk_thread_has_active_pollers(g_thread));
	CHECK(spdk_thread_is_idle(g_thread));
	CHECK_EQ(intr_settle(g_thread), 0);
	spdk_poller_unregister(&q[0].poller);
	spdk_poller_unregister(&q[2].poller);
	CHECK(!spdk_thread_has_active_pollers(g_thread));
	CHECK(spdk_thread_has_pollers(g_thread));
	spdk_poller_unregister(&q[1].poller);
	spdk_poller_unregister(&q[3].poller);
	CHECK(!spdk_thread_has_pollers(g_thread));
	end();
}

static void
unregister_self_and_other(struct quiet *self)
{
	spdk_poller_unregister(&self->poller);
	if (self->other != NULL) {
		spdk_poller_unregister(&self->other->poller);
	}
}

static void
unregistered_by_callbacks(void)
{
	struct quiet a, b, c;
	bool on;

	for (on = true;; on = false) {
		begin();
		quiet_start(&a, 0);
		quiet_start(&b, 1000);
		quiet_start(&c, 0);
		quiet_register(&a);
		quiet_register(&b);
		quiet_register(&c);
		if (!on) {
			interrupt_mode(true);
			turns(2);
		}
		a.on_callback = unregister_self_and_other;
		a.other = &b;
		interrupt_mode(on);
		CHECK_STR(b.heard, on ? "" : "1");
		CHECK_STR(c.heard, on ? "1" : "10");
		turns(3);
		CHECK_EQ(a.runs + b.runs, 0);
		CHECK_EQ(c.runs, on ? 0 : 3);
		spdk_poller_unregister(&c.poller);
		end();
		if (!on) {
			break;
		}
	}
}

static void
become_quiet(struct quiet *self)
{
	quiet_register(self);
}

static void
a_poller_asks_for_itself(void)
{
	static const uint64_t periods[] = { 0, 1000 };
	struct quiet q;
	size_t i;

	for (i = 0; i < 2; i++) {
		begin();
		interrupt_mode(true);
		quiet_start(&q, periods[i]);
		q.on_run = become_quiet;
		turns(3);
		CHECK_EQ(q.runs, 1);
		CHECK_STR(q.heard, "1");
		CHECK_EQ(intr_settle(g_thread), 0);
		spdk_poller_unregister(&q.poller);
		end();
	}
}

static void
pause_self(struct quiet *self)
{
	quiet_register(self);
	spdk_poller_pause(self->poller);
}

static void
a_poller_asks_for_itself_and_pauses(void)
{
	struct quiet q;

	begin();
	interrupt_mode(true);
	quiet_start(&q, 0);
	q.on_run = pause_self;
	CHECK(intr_settle(g_thread) >= 1);
	CHECK_EQ(q.runs, 1);
	CHECK_STR(spdk_poller_get_state_str(q.poller), "paused");
	spdk_poller_unregister(&q.poller);
	end();
}

static void
unregister_after_asking(struct quiet *self)
{
	struct spdk_poller *poller = self->poller;

	spdk_poller_unregister(&self->poller);
	/* Too late to ask, and no harm. */
	spdk_poller_register_interrupt(poller, quiet_callback, self);
}

static void
asking_for_one_that_is_gone(void)
{
	struct quiet q;

	begin();
	interrupt_mode(true);
	quiet_start(&q, 0);
	q.on_run = unregister_after_asking;
	CHECK(intr_settle(g_thread) >= 1);
	CHECK_EQ(q.runs, 1);
	CHECK_STR(q.heard, "");
	interrupt_mode(false);
	end();
}

static void
switch_mode(struct quiet *self)
{
	spdk_thread_set_interrupt_mode(self->runs % 2 == 1);
}

/* The poller that changes the mode has a callback itself, and so has one that runs after it. */
static void
modes_change_in_a_poller(void)
{
	struct quiet first, second;

	begin();
	quiet_start(&first, 0);
	quiet_start(&second, 0); /* the newest runs first */
	quiet_register(&first);
	quiet_register(&second);
	second.on_run = switch_mode;
	turns(1);
	CHECK(thread_in_interrupt(g_thread));
	CHECK_EQ(second.runs, 1);
	CHECK_EQ(first.runs, 0);
	CHECK_STR(first.heard, "1");
	CHECK_STR(second.heard, "1");
	CHECK(intr_settle(g_thread) >= 1);
	CHECK_EQ(first.runs + second.runs, 1);
	interrupt_mode(false);
	turns(2);
	CHECK_EQ(second.runs, 3);
	CHECK(thread_in_interrupt(g_thread));
	CHECK_STR(first.heard, "101");
	spdk_poller_unregister(&first.poller);
	spdk_poller_unregister(&second.poller);
	interrupt_mode(false);
	end();
}

static void
leave(struct quiet *self)
{
	spdk_thread_set_interrupt_mode(false);
}

static void
left_in_a_poller(void)
{
	struct quiet loud, q;

	begin();
	quiet_start(&loud, 0);
	quiet_start(&q, 0);
	quiet_register(&q);
	interrupt_mode(true);
	loud.on_run = leave;
	turns(2);
	CHECK(!thread_in_interrupt(g_thread));
	CHECK_STR(q.heard, "10");
	loud.on_run = NULL;
	q.runs = 0;
	turns(3);
	CHECK_EQ(q.runs, 3);
	spdk_poller_unregister(&loud.poller);
	spdk_poller_unregister(&q.poller);
	end();
}

static void
exit_with_quiet_ones(void)
{
	struct quiet q;

	begin();
	quiet_start(&q, 0);
	quiet_register(&q);
	interrupt_mode(true);
	spdk_thread_exit(g_thread);
	turns(10);
	CHECK(!spdk_thread_is_exited(g_thread));
	fake_delay_us(5000000);
	CHECK(intr_ready_in(g_thread, 2000));
	turns(1);
	CHECK(spdk_thread_is_exited(g_thread));
	spdk_thread_destroy(g_thread);
	spdk_set_thread(NULL);
}

static void
wrong_thread(void *arg)
{
	spdk_set_thread(NULL);
	spdk_poller_register_interrupt(arg, NULL, NULL);
}

static void
on_its_thread_only(void)
{
	struct quiet q;

	begin();
	quiet_start(&q, 0);
	CHECK(fake_aborts(wrong_thread, q.poller, "spdk_poller_register_interrupt"));
	spdk_poller_unregister(&q.poller);
	end();
}

/* Random steps against a model: what runs is what is neither paused nor, in interrupt mode, quiet;
 * and there the timer is set, and the thread ready, if and only if something that runs needs it.
 * The clock is moved by a minute at a time, so that real timers do not fire. */
#define MODEL_POLLERS 8
#define MODEL_PERIOD  60000000
#define MODEL_STEPS   (test_under_valgrind() ? 2000 : 100000)

static void
random_steps(void)
{
	static struct quiet q[MODEL_POLLERS];
	static struct {
		bool paused, registered;
	} m[MODEL_POLLERS];
	const char *env = getenv("CAL_TEST_SEED");
	uint64_t rand =
		env != NULL ? strtoull(env, NULL, 0) : (uint64_t)time(NULL) * 2654435761u | 1;
	int step, i, before[MODEL_POLLERS], wrong = 0;
	bool on = false, called, any[2];

	printf("(seed %#llx) ", (unsigned long long)rand);
	begin();
	for (i = 0; i < MODEL_POLLERS; i++) {
		quiet_start(&q[i], i % 2 == 0 ? 0 : MODEL_PERIOD);
		memset(&m[i], 0, sizeof(m[i]));
	}
	for (step = 0; step < MODEL_STEPS && wrong == 0; step++) {
		i = (int)(spdk_rand_xorshift64(&rand) >> 33) % MODEL_POLLERS;
		switch (spdk_rand_xorshift64(&rand) >> 33 & 7) {
		case 0:
			on = !on;
			interrupt_mode(on);
			break;
		case 1:
		case 2:
			spdk_poller_pause(q[i].poller);
			m[i].paused = true;
			break;
		case 3:
		case 4:
			spdk_poller_resume(q[i].poller);
			m[i].paused = false;
			break;
		case 5:
			memset(q[i].heard, 0, sizeof(q[i].heard));
			quiet_register(&q[i]);
			wrong += strcmp(q[i].heard, on ? "1" : "") != 0;
			m[i].registered = true;
			break;
		case 6:
			spdk_poller_unregister(&q[i].poller);
			quiet_start(&q[i], i % 2 == 0 ? 0 : MODEL_PERIOD);
			memset(&m[i], 0, sizeof(m[i]));
			break;
		default:
			break;
		}
		/* One turn in which what is timed comes to be due after it is set. */
		spdk_thread_poll(g_thread, 0, 0);
		for (i = 0; i < MODEL_POLLERS; i++) {
			before[i] = q[i].runs;
			memset(q[i].heard, 0, sizeof(q[i].heard));
		}
		fake_delay_us(MODEL_PERIOD);
		if (on) {
			/* Not to depend on real time. */
			thread_interrupt_kick(g_thread);
		}
		spdk_thread_poll(g_thread, 0, 0);
		any[0] = any[1] = false;
		for (i = 0; i < MODEL_POLLERS; i++) {
			called = !m[i].paused && !(on && m[i].registered);
			wrong += (q[i].runs - before[i] > 0) != called;
			any[i % 2] |= called && on;
		}
		wrong += g_thread->intr != NULL && (intr_timer_us(g_thread) > 0) != any[1];
		wrong += intr_ready(g_thread) != any[0];
	}
	CHECK_EQ(wrong, 0);
	for (i = 0; i < MODEL_POLLERS; i++) {
		spdk_poller_unregister(&q[i].poller);
	}
	interrupt_mode(false);
	end();
}

static const struct test_case g_cases[] = {
	TEST(not_called_in_interrupt_mode),
	TEST(without_a_callback_likewise),
	TEST(registered_in_interrupt_mode),
	TEST(paused),
	TEST(not_called_in_the_turn_that_resumes_it),
	TEST(still_listed),
	TEST(unregistered_by_callbacks),
	TEST(a_poller_asks_for_itself),
	TEST(a_poller_asks_for_itself_and_pauses),
	TEST(asking_for_one_that_is_gone),
	TEST(modes_change_in_a_poller),
	TEST(left_in_a_poller),
	TEST(exit_with_quiet_ones),
	TEST(on_its_thread_only),
	TEST(random_steps),
};
TEST_MAIN_WITH("thread/poller_interrupt", g_cases, setup, teardown)
