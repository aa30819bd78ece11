/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "tests/unit/fake_env.h"
#include "tests/unit/test.h"

#include "core/thread/thread_internal.h"
#include "spdk/log.h"

static int g_op_rc, g_new_calls, g_resched_calls;
static bool g_can_resched;

static int g_resched_rc;

static int
op(struct spdk_thread *thread, enum spdk_thread_op what)
{
	if (what == SPDK_THREAD_OP_NEW) {
		g_new_calls++;
		return g_op_rc;
	}
	g_resched_calls++;
	return g_resched_rc;
}

static bool
op_supported(enum spdk_thread_op what)
{
	return what == SPDK_THREAD_OP_NEW || g_can_resched;
}

static int
new_thread(struct spdk_thread *thread)
{
	g_new_calls++;
	return g_op_rc;
}

static void
ignore(void *arg)
{
}

static void
set_true(void *arg)
{
	*(bool *)arg = true;
}

static void
is_created_as_the_owner_of_cores_allows(void)
{
	struct spdk_thread *thread;

	CHECK_EQ(spdk_thread_lib_init_ext(op, NULL, 0, 0), -EINVAL);
	CHECK_EQ(spdk_thread_lib_init(new_thread, 0), 0);
	CHECK_EQ(spdk_thread_lib_init(new_thread, 0), -EALREADY);
	g_new_calls = 0;
	g_op_rc = -EBUSY;
	CHECK(spdk_thread_create("no", NULL) == NULL);
	CHECK_EQ(spdk_thread_get_count(), 0);
	CHECK(spdk_thread_get_app_thread() == NULL);
	g_op_rc = 0;
	thread = spdk_thread_create("yes", NULL);
	REQUIRE(thread != NULL);
	CHECK_EQ(g_new_calls, 2);
	fake_thread_end(thread);
	spdk_thread_lib_fini();

	CHECK_EQ(spdk_thread_lib_init_ext(op, op_supported, 0, 0), 0);
	thread = spdk_thread_create("yes", NULL);
	CHECK_EQ(g_new_calls, 3);
	fake_thread_end(thread);
	spdk_thread_lib_fini();
}

static void
has_a_name_an_id_and_bytes(void)
{
	struct spdk_thread *a, *b;
	uint8_t *ctx;
	int i;

	spdk_thread_lib_init(NULL, 40);
	CHECK(spdk_get_thread() == NULL);
	CHECK(!spdk_thread_is_app_thread(NULL));
	a = fake_thread("first");
	b = fake_thread(NULL);
	CHECK_STR(spdk_thread_get_name(a), "first");
	CHECK(spdk_thread_get_name(b)[0] != '\0');
	CHECK(spdk_thread_get_id(a) != spdk_thread_get_id(b));
	CHECK(spdk_thread_get_by_id(spdk_thread_get_id(b)) == b);
	CHECK(spdk_thread_get_by_id(UINT64_MAX) == NULL);
	CHECK_EQ(spdk_thread_get_count(), 2);
	CHECK(spdk_thread_get_app_thread() == a);
	CHECK(spdk_thread_is_app_thread(a) && !spdk_thread_is_app_thread(b));
	ctx = spdk_thread_get_ctx(b);
	for (i = 0; i < 40; i++) {
		CHECK_EQ(ctx[i], 0);
		ctx[i] = 1;
	}
	CHECK(spdk_thread_get_from_ctx(ctx) == b);
	CHECK(!spdk_thread_is_bound(b));
	spdk_thread_bind(b, true);
	CHECK(spdk_thread_is_bound(b));
	fake_thread_end(b);
	fake_thread_end(a);
	CHECK(spdk_thread_get_app_thread() == NULL);
	spdk_thread_lib_fini();
}

static void
its_mask_can_be_changed_on_it(void)
{
	struct spdk_cpuset mask = { .cpus = { 0 } };
	struct spdk_thread *thread;

	g_can_resched = false;
	spdk_thread_lib_init_ext(op, op_supported, 0, 0);
	thread = fake_thread("masked");
	CHECK_EQ(spdk_cpuset_count(spdk_thread_get_cpumask(thread)), SPDK_CPUSET_SIZE);
	spdk_cpuset_set_cpu(&mask, 5, true);
	CHECK_EQ(spdk_thread_set_cpumask(&mask), -EINVAL);
	spdk_set_thread(thread);
	CHECK_EQ(spdk_thread_set_cpumask(&mask), -ENOTSUP);
	g_can_resched = true;
	CHECK_EQ(spdk_thread_set_cpumask(&mask), 0);
	CHECK_EQ(g_resched_calls, 1);
	CHECK(spdk_cpuset_equal(spdk_thread_get_cpumask(thread), &mask));
	fake_thread_end(thread);
	spdk_thread_lib_fini();
}

static void
exits_once_its_messages_are_done(void)
{
	bool before = false, after = false;
	struct spdk_thread *thread;

	spdk_thread_lib_init(NULL, 0);
	thread = fake_thread("leaver");
	spdk_set_thread(thread);
	spdk_thread_send_msg(thread, set_true, &before);
	CHECK(spdk_thread_is_running(thread));
	CHECK_EQ(spdk_thread_exit(thread), 0);
	CHECK_EQ(spdk_thread_exit(thread), 0);
	CHECK(!spdk_thread_is_running(thread) && !spdk_thread_is_exited(thread));
	CHECK_EQ(spdk_thread_send_msg(thread, set_true, &after), 0);
	spdk_thread_destroy(thread); /* refused: it has not exited */
	spdk_thread_poll(thread, 0, 0);
	CHECK(before && after);
	CHECK(spdk_thread_is_exited(thread));
	CHECK_EQ(spdk_thread_send_msg(thread, set_true, &after), -EIO);
	CHECK(spdk_poller_register(NULL, NULL, 0) == NULL);
	CHECK_EQ(spdk_thread_poll(thread, 0, 0), 0);
	spdk_thread_destroy(thread);
	CHECK(spdk_get_thread() == NULL);
	spdk_thread_lib_fini();
}

static int
idle(void *arg)
{
	(*(int *)arg)++;
	return 0;
}

static void
exits_once_its_pollers_are_gone(void)
{
	struct spdk_poller *one, *two, *three;
	struct spdk_thread *thread;
	int runs = 0;

	spdk_thread_lib_init(NULL, 0);
	thread = fake_thread("leaver");
	spdk_set_thread(thread);
	one = SPDK_POLLER_REGISTER(idle, &runs, 0);
	two = SPDK_POLLER_REGISTER(idle, &runs, 1000);
	three = SPDK_POLLER_REGISTER(idle, &runs, 0);
	spdk_poller_pause(three);
	spdk_thread_exit(thread);
	spdk_thread_poll(thread, 0, 0);
	CHECK(!spdk_thread_is_exited(thread));
	CHECK_EQ(runs, 1); /* it lives on until then */
	spdk_poller_unregister(&one);
	spdk_thread_poll(thread, 0, 0);
	CHECK(!spdk_thread_is_exited(thread));
	spdk_poller_unregister(&two);
	spdk_thread_poll(thread, 0, 0);
	CHECK(!spdk_thread_is_exited(thread));
	spdk_poller_unregister(&three);
	spdk_thread_poll(thread, 0, 0);
	CHECK(spdk_thread_is_exited(thread));
	spdk_thread_destroy(thread);
	spdk_thread_lib_fini();
}

static char g_logged[4096];

static void
keep_log(int level, const char *file, const int line, const char *func, const char *format,
         va_list args)
{
	size_t used = strlen(g_logged);

	vsnprintf(g_logged + used, sizeof(g_logged) - used, format, args);
}

static void
exits_in_any_case_after_five_seconds(void)
{
	struct spdk_thread *thread;
	struct spdk_poller *poller;
	int runs = 0;

	g_logged[0] = '\0';
	spdk_log_open(keep_log);
	spdk_thread_lib_init(NULL, 0);
	thread = fake_thread("stubborn");
	spdk_set_thread(thread);
	poller = SPDK_POLLER_REGISTER(idle, &runs, 0);
	(void)poller;
	spdk_thread_exit(thread);
	fake_delay_us(4999999);
	spdk_thread_poll(thread, 0, 0);
	CHECK(!spdk_thread_is_exited(thread));
	fake_delay_us(1);
	spdk_thread_poll(thread, 0, 0);
	CHECK(spdk_thread_is_exited(thread));
	CHECK(strstr(g_logged, "thread stubborn did not finish") != NULL);
	CHECK(strstr(g_logged, "stubborn ends with 1 pollers not unregistered: idle") != NULL);
	spdk_thread_destroy(thread); /* frees the poller */
	spdk_thread_lib_fini();
	spdk_log_close();
}

static void
what_is_left_at_the_end_is_named(void)
{
	struct spdk_thread *thread;
	int device;

	g_logged[0] = '\0';
	spdk_log_open(keep_log);
	spdk_thread_lib_init(NULL, 0);
	thread = fake_thread("forgotten");
	spdk_set_thread(thread);
	spdk_io_device_register(&device, NULL, NULL, 0, "left_device");
	spdk_thread_lib_fini();
	CHECK(strstr(g_logged, "thread forgotten was not destroyed") != NULL);
	CHECK(strstr(g_logged, "left_device was not unregistered") != NULL);
	spdk_io_device_unregister(&device, NULL);
	fake_thread_end(thread);
	spdk_log_close();
	spdk_thread_lib_fini();
}

static void
exit_from_elsewhere(void *arg)
{
	spdk_set_thread(fake_thread("elsewhere"));
	spdk_thread_exit(arg);
}

static void
exit_is_called_on_the_thread(void)
{
	struct spdk_thread *thread;

	spdk_thread_lib_init(NULL, 0);
	thread = fake_thread("victim");
	spdk_thread_send_msg(thread, ignore, NULL);
	CHECK(fake_aborts(exit_from_elsewhere, thread, "spdk_thread_exit: thread victim ("));
	fake_thread_end(thread);
	spdk_thread_lib_fini();
}

static void
a_mask_that_cannot_be_had_is_not_taken(void)
{
	struct spdk_cpuset mask = { .cpus = { 0 } }, none = { .cpus = { 0 } };
	struct spdk_thread *thread;

	g_can_resched = true;
	spdk_thread_lib_init_ext(op, op_supported, 0, 0);
	thread = fake_thread("masked");
	spdk_set_thread(thread);
	spdk_cpuset_set_cpu(&mask, 5, true);
	g_resched_rc = -EBUSY;
	CHECK_EQ(spdk_thread_set_cpumask(&mask), -EBUSY);
	CHECK_EQ(spdk_cpuset_count(spdk_thread_get_cpumask(thread)), SPDK_CPUSET_SIZE);
	g_resched_rc = 0;
	CHECK_EQ(spdk_thread_set_cpumask(&none), -EINVAL);
	CHECK_EQ(spdk_thread_set_cpumask(NULL), -EINVAL);
	CHECK_EQ(spdk_cpuset_count(spdk_thread_get_cpumask(thread)), SPDK_CPUSET_SIZE);
	fake_thread_end(thread);
	/* The mask given at creation is copied. */
	thread = spdk_thread_create("masked", &mask);
	spdk_cpuset_zero(&mask);
	CHECK(spdk_cpuset_get_cpu(spdk_thread_get_cpumask(thread), 5));
	CHECK_EQ(spdk_cpuset_count(spdk_thread_get_cpumask(thread)), 1);
	fake_thread_end(thread);
	spdk_thread_lib_fini();
}

static void
trace_ids_are_its_own(void)
{
	struct spdk_thread *a, *b;
	uint32_t i, last;

	spdk_thread_lib_init(NULL, 0);
	a = fake_thread("stays");
	CHECK(spdk_thread_get_trace_id(a) != 0);
	last = spdk_thread_get_trace_id(a);
	/* More than there are numbers: they are given again, never that of one that lives, and
	 * the last one of all last. */
	for (i = 0; i < (test_under_valgrind() ? 100 : 70000); i++) {
		b = fake_thread("goes");
		REQUIRE(spdk_thread_get_trace_id(b) != 0);
		REQUIRE(spdk_thread_get_trace_id(b) != spdk_thread_get_trace_id(a));
		REQUIRE(spdk_thread_get_trace_id(b) != last);
		last = spdk_thread_get_trace_id(b);
		fake_thread_end(b);
	}
	fake_thread_end(a);
	spdk_thread_lib_fini();
}

static void
is_found_by_id_until_it_is_destroyed(void)
{
	struct spdk_thread *thread, *other;
	uint64_t id;

	spdk_thread_lib_init(NULL, 0);
	thread = fake_thread("found");
	id = spdk_thread_get_id(thread);
	CHECK(id != 0);
	CHECK(spdk_thread_get_by_id(0) == NULL);
	spdk_set_thread(thread);
	spdk_thread_exit(thread);
	CHECK(spdk_thread_get_by_id(id) == thread);
	spdk_thread_poll(thread, 0, 0);
	CHECK(spdk_thread_get_by_id(id) == thread);
	spdk_thread_destroy(thread);
	CHECK(spdk_thread_get_by_id(id) == NULL);
	CHECK_EQ(spdk_thread_get_count(), 0);
	other = fake_thread("other");
	CHECK(spdk_thread_get_id(other) != id);
	fake_thread_end(other);
	spdk_thread_lib_fini();
}

static void
critical_nothing(void *arg)
{
}

static void
says_whether_it_has_anything_to_do(void)
{
	struct spdk_poller *active, *timed;
	struct spdk_thread *thread;
	int runs = 0;

	spdk_thread_lib_init(NULL, 0);
	thread = fake_thread("asked");
	spdk_set_thread(thread);
	CHECK(spdk_thread_is_idle(thread) && !spdk_thread_has_pollers(thread));
	timed = SPDK_POLLER_REGISTER(idle, &runs, 100);
	CHECK(spdk_thread_is_idle(thread) && spdk_thread_has_pollers(thread));
	CHECK_EQ(spdk_thread_has_active_pollers(thread), 0);
	CHECK_EQ(spdk_thread_next_poller_expiration(thread), 100);
	fake_delay_us(60);
	CHECK_EQ(spdk_thread_next_poller_expiration(thread), 40);
	fake_delay_us(60);
	CHECK_EQ(spdk_thread_next_poller_expiration(thread), 0);
	active = SPDK_POLLER_REGISTER(idle, &runs, 0);
	CHECK(!spdk_thread_is_idle(thread));
	CHECK_EQ(spdk_thread_has_active_pollers(thread), 1);
	spdk_poller_pause(active);
	spdk_poller_unregister(&timed);
	spdk_thread_poll(thread, 0, 0);
	CHECK_EQ(spdk_thread_has_active_pollers(thread), 0);
	CHECK(spdk_thread_is_idle(thread) && spdk_thread_has_pollers(thread));
	CHECK_EQ(spdk_thread_next_poller_expiration(thread), 0);
	spdk_poller_unregister(&active);
	CHECK(!spdk_thread_has_pollers(thread));
	spdk_thread_send_msg(thread, ignore, NULL);
	CHECK(!spdk_thread_is_idle(thread));
	spdk_thread_poll(thread, 0, 0);
	CHECK(spdk_thread_is_idle(thread));
	spdk_thread_send_critical_msg(thread, critical_nothing);
	CHECK(!spdk_thread_is_idle(thread));
	spdk_thread_poll(thread, 0, 0);
	CHECK(spdk_thread_is_idle(thread));
	fake_thread_end(thread);
	spdk_thread_lib_fini();
}

static void
count_up(void *arg)
{
	(*(int *)arg)++;
}

/* A sender may look at a thread's queue when it is destroyed already: the memory is kept. */
static void
in_the_memory_of_an_earlier_one(void)
{
	struct spdk_thread *before, *thread;
	struct spdk_poller *poller;
	uint8_t *ctx;
	int i, seen = 0;

	spdk_log_open(keep_log);
	spdk_thread_lib_init(NULL, 40);
	before = fake_thread("before");
	memset(spdk_thread_get_ctx(before), 1, 40);
	spdk_thread_bind(before, true);
	spdk_set_thread(before);
	poller = SPDK_POLLER_REGISTER(idle, &seen, 0);
	(void)poller;
	spdk_thread_exit(before);
	for (i = 0; i < 5000; i++) {
		spdk_thread_send_msg(before, count_up, &seen);
	}
	CHECK(msg_queue_spilled(&before->msgs) > 0);
	fake_delay_us(5000000);
	spdk_thread_poll(before, 1, 0);
	REQUIRE(spdk_thread_is_exited(before));
	spdk_thread_destroy(before);
	seen = 0;
	/* Who looked at its state just before it exited may send something still. */
	g_logged[0] = '\0';
	msg_queue_push(&before->msgs, &thread_this_os.sender, THREAD_MSG_WORDS, (uintptr_t)count_up,
	               (uintptr_t)&seen, 0);
	/* It is as new. */
	thread = fake_thread("thread");
	CHECK(thread == before);
	CHECK(strstr(g_logged, "1 messages came to thread before after its end") != NULL);
	CHECK_STR(spdk_thread_get_name(thread), "thread");
	CHECK(spdk_thread_is_running(thread) && !spdk_thread_is_bound(thread));
	CHECK(spdk_thread_is_idle(thread) && !spdk_thread_has_pollers(thread));
	CHECK_EQ(thread_msg_depth(thread), 0);
	for (ctx = spdk_thread_get_ctx(thread), i = 0; i < 40; i++) {
		CHECK_EQ(ctx[i], 0);
	}
	CHECK_EQ(spdk_thread_poll(thread, 0, 0), 0);
	CHECK_EQ(seen, 0);
	for (i = 0; i < 5000; i++) {
		spdk_thread_send_msg(thread, count_up, &seen);
	}
	fake_poll_all(&thread, 1);
	CHECK_EQ(seen, 5000);
	fake_thread_end(thread);
	spdk_thread_lib_fini();
	/* Not that of one with other needs. */
	spdk_thread_lib_init(NULL, 4000);
	thread = fake_thread("large");
	memset(spdk_thread_get_ctx(thread), 1, 4000);
	fake_thread_end(thread);
	spdk_thread_lib_fini();
	spdk_log_close();
}

static void
knows_when_its_last_turn_ended(void)
{
	struct spdk_thread_stats stats;
	struct spdk_thread *thread;
	uint64_t begin;

	spdk_thread_lib_init(NULL, 0);
	begin = spdk_get_ticks();
	thread = fake_thread("timed");
	CHECK_EQ(spdk_thread_get_last_tsc(thread), begin);
	fake_delay_us(500);
	spdk_thread_poll(thread, 0, 0);
	CHECK_EQ(spdk_thread_get_last_tsc(thread), begin + 500);
	spdk_thread_poll(thread, 0, begin + 777); /* told, not read */
	CHECK_EQ(spdk_thread_get_last_tsc(thread), begin + 777);
	CHECK_EQ(spdk_thread_get_stats(&stats), -EINVAL); /* on no thread */
	spdk_set_thread(thread);
	CHECK_EQ(spdk_thread_get_last_tsc(NULL), begin + 777);
	CHECK_EQ(spdk_thread_get_stats(NULL), -EINVAL);
	CHECK_EQ(spdk_thread_get_stats(&stats), 0);
	CHECK_EQ(stats.busy_tsc, 0);
	fake_thread_end(thread);
	spdk_thread_lib_fini();
}

static const struct test_case cases[] = {
	TEST(is_created_as_the_owner_of_cores_allows), TEST(has_a_name_an_id_and_bytes),
	TEST(its_mask_can_be_changed_on_it),           TEST(exits_once_its_messages_are_done),
	TEST(exits_once_its_pollers_are_gone),         TEST(exits_in_any_case_after_five_seconds),
	TEST(what_is_left_at_the_end_is_named),        TEST(exit_is_called_on_the_thread),
	TEST(a_mask_that_cannot_be_had_is_not_taken),  TEST(trace_ids_are_its_own),
	TEST(is_found_by_id_until_it_is_destroyed),    TEST(says_whether_it_has_anything_to_do),
	TEST(knows_when_its_last_turn_ended),          TEST(in_the_memory_of_an_earlier_one),
};

TEST_MAIN("thread/life", cases)
