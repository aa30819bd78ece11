/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The end of a thread: everything it waits for, in every order, and what is said and done when it
 * has waited in vain. */

#include "tests/unit/fake_env.h"
#include "tests/unit/test.h"

#include "core/thread/thread_internal.h"
#include "spdk/log.h"

static struct spdk_thread *g_app, *g_helper;
static char g_logged[16384];

static void
keep_log(int level, const char *file, const int line, const char *func, const char *format,
         va_list args)
{
	size_t used = strlen(g_logged);

	vsnprintf(g_logged + used, sizeof(g_logged) - used, format, args);
}

static void
log_begin(void)
{
	g_logged[0] = '\0';
	spdk_log_open(keep_log);
}

static bool
logged(const char *text)
{
	if (strstr(g_logged, text) != NULL) {
		return true;
	}
	fprintf(stderr, "wanted \"%s\", the log is: %s\n", text, g_logged);
	return false;
}

static int
setup(void)
{
	int rc = spdk_thread_lib_init(NULL, 0);

	g_app = fake_thread("app");
	g_helper = fake_thread("helper");
	return rc;
}

static int
teardown(void)
{
	fake_thread_end(g_helper);
	fake_thread_end(g_app);
	spdk_thread_lib_fini();
	return 0;
}

static void
poll_all(struct spdk_thread *leaver)
{
	struct spdk_thread *threads[] = { g_app, g_helper, leaver };
	int i;

	/* Active pollers are never at rest. */
	for (i = 0; i < 8; i++) {
		spdk_thread_poll(threads[0], 0, 0);
		spdk_thread_poll(threads[1], 0, 0);
		spdk_thread_poll(threads[2], 0, 0);
	}
}

static int
idle(void *arg)
{
	return 0;
}

static int
channel_create(void *io_device, void *ctx)
{
	return 0;
}

static void
channel_destroy(void *io_device, void *ctx)
{
}

static void
device_start(void *key, const char *name)
{
	spdk_io_device_register(key, channel_create, channel_destroy, 0, name);
}

static void
count(void *arg)
{
	(*(int *)arg)++;
}

/* --- every order ------------------------------------------------------------------------------ */

/* What a leaving thread holds, each released by one call. */
enum hold {
	HOLD_ACTIVE, /* pollers */
	HOLD_PAUSED,
	HOLD_CHANNEL,
	HOLD_OWED,    /* a device whose last channel is the helper's */
	HOLD_BEGUN,   /* a walk that stands at the helper */
	HOLD_VISITOR, /* a walk of the helper's that stands at the thread, its channel gone */
	HOLDS,
	/* Not held, but done at some point of the order: */
	EXIT = HOLDS,
	STEPS,
};

static struct leaver {
	struct spdk_thread *thread;
	struct spdk_poller *active, *paused;
	struct spdk_io_channel *ch, *owed_ch, *begun_ch, *visitor_ch;
	struct spdk_io_channel_iter *begun, *visitor;
	int device, owed, begun_dev, visitor_dev; /* keys */
	int walks_done, owed_done;
} g_leaver;

static void
visit_and_hold(struct spdk_io_channel_iter *i)
{
	*(struct spdk_io_channel_iter **)spdk_io_channel_iter_get_ctx(i) = i;
}

static void
walk_done(struct spdk_io_channel_iter *i, int status)
{
	CHECK_EQ(status, 0);
	g_leaver.walks_done++;
}

static void
owed_done(void *key)
{
	CHECK(spdk_get_thread() == g_leaver.thread);
	g_leaver.owed_done++;
}

static void
leaver_begin(void)
{
	struct leaver *l = &g_leaver;

	memset(l, 0, sizeof(*l));
	l->thread = fake_thread("leaver");
	spdk_set_thread(l->thread);
	l->active = SPDK_POLLER_REGISTER(idle, NULL, 0);
	l->paused = SPDK_POLLER_REGISTER(idle, NULL, 10);
	spdk_poller_pause(l->paused);
	device_start(&l->device, "device");
	device_start(&l->owed, "owed");
	device_start(&l->begun_dev, "begun");
	device_start(&l->visitor_dev, "visitor");
	l->ch = spdk_get_io_channel(&l->device);
	l->visitor_ch = spdk_get_io_channel(&l->visitor_dev);
	spdk_set_thread(g_helper);
	l->owed_ch = spdk_get_io_channel(&l->owed);
	l->begun_ch = spdk_get_io_channel(&l->begun_dev);
	spdk_for_each_channel(&l->visitor_dev, visit_and_hold, &l->visitor, walk_done);
	spdk_set_thread(l->thread);
	spdk_for_each_channel(&l->begun_dev, visit_and_hold, &l->begun, walk_done);
	spdk_io_device_unregister(&l->owed, owed_done);
	spdk_set_thread(NULL);
	poll_all(l->thread);
	REQUIRE(l->begun != NULL && l->visitor != NULL);
	spdk_set_thread(l->thread);
	spdk_put_io_channel(l->visitor_ch);
	spdk_set_thread(NULL);
	poll_all(l->thread);
}

static void
leaver_step(int step)
{
	struct leaver *l = &g_leaver;

	spdk_set_thread(step == HOLD_OWED || step == HOLD_BEGUN ? g_helper : l->thread);
	switch (step) {
	case HOLD_ACTIVE:
		spdk_poller_unregister(&l->active);
		break;
	case HOLD_PAUSED:
		spdk_poller_unregister(&l->paused);
		break;
	case HOLD_CHANNEL:
		spdk_put_io_channel(l->ch);
		break;
	case HOLD_OWED:
		spdk_put_io_channel(l->owed_ch);
		break;
	case HOLD_BEGUN:
		spdk_for_each_channel_continue(l->begun, 0);
		break;
	case HOLD_VISITOR:
		spdk_for_each_channel_continue(l->visitor, 0);
		break;
	case EXIT:
		spdk_thread_exit(l->thread);
		break;
	}
	spdk_set_thread(NULL);
	poll_all(l->thread);
}

static void
leaver_end(void)
{
	struct leaver *l = &g_leaver;

	CHECK_EQ(l->walks_done, 2);
	CHECK_EQ(l->owed_done, 1);
	spdk_thread_destroy(l->thread);
	spdk_set_thread(g_helper);
	spdk_put_io_channel(l->begun_ch);
	spdk_io_device_unregister(&l->device, NULL);
	spdk_io_device_unregister(&l->begun_dev, NULL);
	spdk_io_device_unregister(&l->visitor_dev, NULL);
	spdk_set_thread(NULL);
	poll_all(g_app);
}

static int g_orders;

/* All orders of what is in `left`, depth first. */
static void
try_orders(int *order, int done)
{
	int i, j, swap;

	if (done < STEPS) {
		for (i = done; i < STEPS; i++) {
			swap = order[done];
			order[done] = order[i];
			order[i] = swap;
			try_orders(order, done + 1);
			order[i] = order[done];
			order[done] = swap;
		}
		return;
	}
	g_orders++;
	leaver_begin();
	for (j = 0; j < STEPS; j++) {
		CHECK(!spdk_thread_is_exited(g_leaver.thread));
		leaver_step(order[j]);
	}
	/* Not before the last of them, whichever it is, and then at once. */
	REQUIRE(spdk_thread_is_exited(g_leaver.thread));
	leaver_end();
}

static void
waits_for_everything_in_every_order(void)
{
	int order[STEPS], i;

	for (i = 0; i < STEPS; i++) {
		order[i] = i;
	}
	g_orders = 0;
	if (test_under_valgrind()) {
		leaver_begin();
		for (i = 0; i < STEPS; i++) {
			leaver_step(i);
		}
		leaver_end();
		return;
	}
	try_orders(order, 0);
	CHECK_EQ(g_orders, 5040);
}

/* --- messages --------------------------------------------------------------------------------- */

static void
send_again(void *arg)
{
	int *left = arg;

	if (--*left > 0) {
		spdk_thread_send_msg(spdk_get_thread(), send_again, left);
	}
}

static void
waits_for_messages_also_those_sent_while_it_exits(void)
{
	struct spdk_thread *thread = fake_thread("leaver");
	int left = 100, turns = 0, seen = 0;

	spdk_set_thread(thread);
	spdk_thread_send_msg(thread, send_again, &left);
	spdk_thread_exit(thread);
	spdk_set_thread(NULL);
	while (!spdk_thread_is_exited(thread)) {
		if (turns++ == 50) {
			CHECK_EQ(spdk_thread_send_msg(thread, count, &seen), 0);
		}
		spdk_thread_poll(thread, 0, 0);
	}
	CHECK_EQ(left, 0);
	CHECK_EQ(seen, 1);
	CHECK(turns >= 100);
	spdk_thread_destroy(thread);
}

static bool g_critical;

static void
critical(void *arg)
{
	g_critical = true;
}

static void
exited_takes_no_messages(void)
{
	struct spdk_thread *thread = fake_thread("leaver");
	int seen = 0;

	spdk_set_thread(thread);
	spdk_thread_exit(thread);
	CHECK_EQ(spdk_thread_send_critical_msg(thread, critical), 0);
	spdk_set_thread(NULL);
	g_critical = false;
	spdk_thread_poll(thread, 0, 0);
	CHECK(g_critical);
	CHECK(spdk_thread_is_exited(thread));
	log_begin();
	CHECK_EQ(spdk_thread_send_msg(thread, count, &seen), -EIO);
	CHECK(logged("thread leaver has exited"));
	spdk_log_close();
	CHECK_EQ(spdk_thread_send_critical_msg(thread, critical), -EIO);
	CHECK(spdk_thread_get_by_id(spdk_thread_get_id(thread)) == thread);
	spdk_set_thread(thread);
	CHECK(SPDK_POLLER_REGISTER(idle, NULL, 0) == NULL);
	CHECK(spdk_get_io_channel(&seen) == NULL);
	CHECK_EQ(spdk_thread_exit(thread), 0);
	spdk_set_thread(NULL);
	CHECK(spdk_thread_is_exited(thread));
	spdk_thread_destroy(thread);
	CHECK_EQ(seen, 0);
}

/* --- out of time ------------------------------------------------------------------------------ */

static struct spdk_thread *
stubborn_begin(void)
{
	struct spdk_thread *thread = fake_thread("stubborn");

	log_begin();
	spdk_set_thread(thread);
	return thread;
}

/* Up to the last microsecond it goes on. */
static void
stubborn_end(struct spdk_thread *thread)
{
	fake_delay_us(4999999);
	spdk_thread_poll(thread, 0, 0);
	CHECK(!spdk_thread_is_exited(thread));
	fake_delay_us(1);
	spdk_thread_poll(thread, 0, 0);
	CHECK(spdk_thread_is_exited(thread));
	spdk_log_close();
	CHECK(logged("thread stubborn did not finish within 5 s of spdk_thread_exit()"));
	spdk_set_thread(NULL);
}

static void
names_each_poller(void)
{
	struct spdk_thread *thread = stubborn_begin();

	spdk_poller_register_named(idle, NULL, 0, "first");
	spdk_poller_register_named(idle, NULL, 1000, "second");
	spdk_poller_pause(spdk_poller_register_named(idle, NULL, 1000, "third"));
	spdk_thread_exit(thread);
	stubborn_end(thread);
	CHECK(logged("stubborn ends with 3 pollers not unregistered: first, second (timed), "
	             "third (paused)"));
	spdk_thread_destroy(thread);
}

static void
names_so_many_and_counts_the_rest(void)
{
	struct spdk_thread *thread = stubborn_begin();
	char name[300];
	int i;

	for (i = 0; i < 30; i++) {
		snprintf(name, sizeof(name), "number%02d", i);
		spdk_poller_register_named(idle, NULL, 1000, name);
	}
	spdk_thread_exit(thread);
	stubborn_end(thread);
	CHECK(logged("stubborn ends with 30 pollers not unregistered: "));
	CHECK(logged(" and 22 more\n"));
	spdk_thread_destroy(thread);

	/* Names that fill a line. */
	thread = stubborn_begin();
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	for (i = 0; i < 10; i++) {
		spdk_poller_register_named(idle, NULL, 1000, name);
	}
	spdk_thread_exit(thread);
	stubborn_end(thread);
	CHECK(logged("stubborn ends with 10 pollers not unregistered: xxx"));
	CHECK(logged(" and 8 more\n"));
	spdk_thread_destroy(thread);
}

static void
names_each_channel_and_frees_it(void)
{
	struct spdk_thread *thread = stubborn_begin();
	int a, b, done = g_leaver.walks_done;
	void *visited = NULL;

	device_start(&a, "disk_a");
	device_start(&b, "disk_b");
	spdk_get_io_channel(&a);
	spdk_get_io_channel(&a);
	spdk_get_io_channel(&b);
	spdk_thread_exit(thread);
	stubborn_end(thread);
	CHECK(logged("stubborn ends with 2 I/O channels not put: "));
	CHECK(logged("disk_a (2 references)"));
	CHECK(logged("disk_b (1 references)"));
	/* A walk does not go there any more; the device can go once the thread is destroyed. */
	spdk_set_thread(g_helper);
	spdk_for_each_channel(&a, visit_and_hold, &visited, walk_done);
	spdk_io_device_unregister(&a, NULL);
	spdk_io_device_unregister(&b, NULL);
	spdk_set_thread(NULL);
	poll_all(g_app);
	CHECK(visited == NULL);
	CHECK_EQ(g_leaver.walks_done, done + 1);
	log_begin();
	spdk_thread_destroy(thread);
	spdk_log_close();
	CHECK(logged("thread stubborn ended with 2 channels and 0 messages left"));
}

static void
names_each_device_it_waits_for(void)
{
	struct spdk_thread *thread = stubborn_begin();
	struct spdk_io_channel *ch;
	int a, b, keep = g_leaver.owed_done;

	device_start(&a, "disk_a");
	device_start(&b, "disk_b");
	spdk_set_thread(g_helper);
	ch = spdk_get_io_channel(&a);
	spdk_set_thread(thread);
	spdk_io_device_unregister(&a, owed_done);
	spdk_thread_exit(thread);
	stubborn_end(thread);
	CHECK(logged("1 I/O devices whose unregistration is pending: disk_a (1 channels, 0 walks "
	             "left)"));
	spdk_thread_destroy(thread);
	/* The device goes nevertheless, and nobody is told. */
	spdk_set_thread(g_helper);
	spdk_put_io_channel(ch);
	spdk_io_device_unregister(&b, NULL);
	spdk_set_thread(NULL);
	poll_all(g_app);
	CHECK_EQ(g_leaver.owed_done, keep);
}

static void
a_device_is_gone_while_the_message_waits(void)
{
	struct spdk_thread *thread = stubborn_begin();
	int a, seen = 0, keep = g_leaver.owed_done;

	/* The callback's message comes too late in the queue; the device is freed (ASan sees). */
	device_start(&a, "disk_a");
	spdk_thread_exit(thread);
	fake_delay_us(5000000);
	spdk_thread_send_msg(thread, count, &seen);
	spdk_io_device_unregister(&a, owed_done);
	spdk_thread_poll(thread, 1, 0);
	CHECK(spdk_thread_is_exited(thread));
	CHECK_EQ(seen, 1);
	spdk_thread_destroy(thread);
	spdk_log_close();
	CHECK_EQ(g_leaver.owed_done, keep);
	spdk_set_thread(NULL);
}

static void
names_its_walks_and_they_end(void)
{
	struct spdk_io_channel_iter *held = NULL;
	struct spdk_thread *thread = stubborn_begin();
	struct spdk_io_channel *ch;
	int a, done = 0, keep = g_leaver.walks_done;

	device_start(&a, "disk_a");
	spdk_set_thread(g_helper);
	ch = spdk_get_io_channel(&a);
	spdk_set_thread(thread);
	spdk_for_each_channel(&a, visit_and_hold, &held, walk_done);
	spdk_for_each_thread(count, &done, count);
	spdk_thread_poll(g_helper, 0, 0);
	REQUIRE(held != NULL);
	spdk_thread_exit(thread);
	stubborn_end(thread);
	CHECK(logged("stubborn ends with 2 walks that have not come back: over channels of disk_a, "
	             "begun by stubborn, now at helper, over threads, begun by stubborn, now at "
	             "app"));
	spdk_thread_destroy(thread);
	/* They stop where they are, and nobody is told. */
	spdk_set_thread(g_helper);
	spdk_for_each_channel_continue(held, 0);
	spdk_put_io_channel(ch);
	spdk_io_device_unregister(&a, NULL);
	spdk_set_thread(NULL);
	poll_all(g_app);
	CHECK_EQ(g_leaver.walks_done, keep);
	CHECK_EQ(done, 1); /* at the first thread, whose message was on its way */
}

static void
names_walks_that_stand_at_it_and_they_go_on(void)
{
	struct spdk_io_channel_iter *held = NULL;
	struct spdk_thread *thread = stubborn_begin(), *behind = fake_thread("behind");
	struct spdk_io_channel *ch;
	int a, keep = g_leaver.walks_done;

	device_start(&a, "disk_a");
	spdk_get_io_channel(&a);
	spdk_set_thread(behind);
	ch = spdk_get_io_channel(&a);
	spdk_set_thread(g_helper);
	spdk_for_each_channel(&a, visit_and_hold, &held, walk_done);
	spdk_thread_poll(thread, 0, 0);
	REQUIRE(held != NULL);
	held = NULL;
	spdk_set_thread(thread);
	spdk_thread_exit(thread);
	stubborn_end(thread);
	CHECK(logged("1 walks that were not continued: over channels of disk_a, begun by helper, "
	             "now at stubborn"));
	spdk_thread_destroy(thread);
	spdk_thread_poll(behind, 0, 0);
	REQUIRE(held != NULL);
	spdk_set_thread(behind);
	spdk_for_each_channel_continue(held, 0);
	spdk_put_io_channel(ch);
	spdk_io_device_unregister(&a, NULL);
	spdk_set_thread(NULL);
	poll_all(behind);
	CHECK_EQ(g_leaver.walks_done, keep + 1);
	fake_thread_end(behind);
}

static void
names_the_number_of_messages(void)
{
	struct spdk_thread *thread = stubborn_begin();
	int left = 1000000;

	spdk_thread_send_msg(thread, send_again, &left);
	spdk_thread_exit(thread);
	stubborn_end(thread);
	CHECK(logged("ends now, with 1 messages"));
	log_begin();
	spdk_thread_destroy(thread);
	spdk_log_close();
	CHECK(logged("thread stubborn ended with 0 channels and 1 messages left"));
}

static void
asked_twice_the_first_counts(void)
{
	struct spdk_thread *thread = stubborn_begin();

	SPDK_POLLER_REGISTER(idle, NULL, 0);
	CHECK_EQ(spdk_thread_exit(thread), 0);
	fake_delay_us(3000000);
	CHECK_EQ(spdk_thread_exit(thread), 0);
	fake_delay_us(2000000);
	spdk_thread_poll(thread, 0, 0);
	CHECK(spdk_thread_is_exited(thread));
	spdk_log_close();
	spdk_thread_destroy(thread);
}

/* --- others ----------------------------------------------------------------------------------- */

static void
the_app_thread_goes_last(void)
{
	struct spdk_thread *app, *other;

	/* A library of its own. */
	teardown();
	spdk_thread_lib_init(NULL, 0);
	app = fake_thread("first");
	other = fake_thread("second");
	log_begin();
	spdk_set_thread(app);
	spdk_thread_exit(app);
	spdk_log_close();
	CHECK(logged("the app thread, first, exits before 1 other threads were asked to; it should "
	             "go last: second"));
	/* It is said, and that is all. */
	spdk_thread_poll(app, 0, 0);
	CHECK(spdk_thread_is_exited(app));
	spdk_thread_destroy(app);
	CHECK(spdk_thread_get_app_thread() == NULL);
	fake_thread_end(other);
	log_begin();
	app = fake_thread("first");
	CHECK(spdk_thread_is_app_thread(app));
	other = fake_thread("second");
	spdk_set_thread(other);
	spdk_thread_exit(other);
	spdk_set_thread(app);
	spdk_thread_exit(app);
	spdk_log_close();
	CHECK_STR(g_logged, "");
	fake_thread_end(other);
	fake_thread_end(app);
	spdk_thread_lib_fini();
	setup();
}

/* One that cannot be placed has been in the list of threads, and a walk has found it. */
static int
refuse(struct spdk_thread *thread)
{
	if (strcmp(spdk_thread_get_name(thread), "refused") != 0) {
		return 0;
	}
	spdk_thread_poll(spdk_thread_get_app_thread(), 0, 0); /* from there it goes on to here */
	CHECK(!TAILQ_EMPTY(&thread->visitors));
	return -EBUSY;
}

static void
a_walk_survives_a_thread_that_is_refused(void)
{
	struct spdk_thread *app;
	int visits = 0;

	teardown();
	spdk_thread_lib_init(refuse, 0);
	app = fake_thread("app");
	spdk_set_thread(app);
	spdk_for_each_thread(count, &visits, count);
	CHECK(spdk_thread_create("refused", NULL) == NULL);
	spdk_set_thread(NULL);
	CHECK_EQ(visits, 1);
	spdk_thread_poll(app, 0, 0);
	CHECK_EQ(visits, 2);
	fake_thread_end(app);
	spdk_thread_lib_fini();
	setup();
}

static const struct test_case cases[] = {
	TEST(waits_for_everything_in_every_order),
	TEST(waits_for_messages_also_those_sent_while_it_exits),
	TEST(exited_takes_no_messages),
	TEST(names_each_poller),
	TEST(names_so_many_and_counts_the_rest),
	TEST(names_each_channel_and_frees_it),
	TEST(names_each_device_it_waits_for),
	TEST(a_device_is_gone_while_the_message_waits),
	TEST(names_its_walks_and_they_end),
	TEST(names_walks_that_stand_at_it_and_they_go_on),
	TEST(names_the_number_of_messages),
	TEST(asked_twice_the_first_counts),
	TEST(the_app_thread_goes_last),
	TEST(a_walk_survives_a_thread_that_is_refused),
};

TEST_MAIN_WITH("thread/exit", cases, setup, teardown)
