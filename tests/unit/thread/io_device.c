/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "tests/unit/fake_env.h"
#include "tests/unit/test.h"

#include "core/thread/thread_internal.h"
#include "spdk/log.h"
#include "spdk_internal/thread.h"

/* A device counts its channels and remembers its end. Its channels' context says which it is of. */
struct device {
	int created;
	int channels;
	int gone;
	int fail;
	struct device *child;
	struct spdk_thread *gone_on;
};

struct channel {
	struct device *dev;
	struct spdk_io_channel *child;
	struct spdk_thread *thread;
};

static struct spdk_thread *g_t[3];

static int
setup(void)
{
	int rc = spdk_thread_lib_init(NULL, 0);

	g_t[0] = fake_thread("zero");
	g_t[1] = fake_thread("one");
	g_t[2] = fake_thread("two");
	return rc;
}

static int
teardown(void)
{
	int i;

	for (i = 2; i >= 0; i--) {
		fake_thread_end(g_t[i]);
	}
	spdk_thread_lib_fini();
	return 0;
}

static int
channel_create(void *io_device, void *ctx_buf)
{
	struct device *dev = io_device;
	struct channel *ch = ctx_buf;

	CHECK(ch->dev == NULL && ch->child == NULL);
	if (dev->fail != 0) {
		return dev->fail;
	}
	ch->dev = dev;
	ch->thread = spdk_get_thread();
	if (dev->child != NULL) {
		ch->child = spdk_get_io_channel(dev->child);
		CHECK(ch->child != NULL);
	}
	dev->created++;
	dev->channels++;
	return 0;
}

static void
channel_destroy(void *io_device, void *ctx_buf)
{
	struct channel *ch = ctx_buf;

	CHECK(ch->dev == io_device);
	CHECK(ch->thread == spdk_get_thread());
	if (ch->child != NULL) {
		spdk_put_io_channel(ch->child);
	}
	ch->dev->channels--;
}

static void
device_gone(void *io_device)
{
	struct device *dev = io_device;

	dev->gone++;
	dev->gone_on = spdk_get_thread();
}

static void
device_start(struct device *dev, const char *name)
{
	spdk_io_device_register(dev, channel_create, channel_destroy, sizeof(struct channel), name);
}

static struct spdk_io_channel *
get_on(int thread, struct device *dev)
{
	spdk_set_thread(g_t[thread]);
	return spdk_get_io_channel(dev);
}

static void
put_on(int thread, struct spdk_io_channel *ch)
{
	spdk_set_thread(g_t[thread]);
	spdk_put_io_channel(ch);
}

static void
a_thread_has_one_channel_a_device(void)
{
	struct device a = { 0 }, b = { 0 };
	struct spdk_io_channel *ch, *other;

	spdk_set_thread(g_t[0]);
	device_start(&a, "a");
	device_start(&b, NULL);
	ch = get_on(0, &a);
	REQUIRE(ch != NULL);
	CHECK(spdk_get_io_channel(&a) == ch);
	CHECK(spdk_io_channel_ref(ch) == ch);
	CHECK_EQ(spdk_io_channel_get_ref_count(ch), 3);
	CHECK_EQ(a.created, 1);
	CHECK(spdk_io_channel_get_io_device(ch) == &a);
	CHECK_STR(spdk_io_channel_get_io_device_name(ch), "a");
	CHECK(spdk_io_channel_get_thread(ch) == g_t[0]);
	CHECK(spdk_io_channel_from_ctx(spdk_io_channel_get_ctx(ch)) == ch);
	CHECK((uint8_t *)spdk_io_channel_get_ctx(ch) ==
	      (uint8_t *)ch + SPDK_IO_CHANNEL_STRUCT_SIZE);
	other = get_on(1, &a);
	CHECK(other != NULL && other != ch);
	CHECK(get_on(0, &b) != ch);
	CHECK(spdk_thread_get_first_io_channel(g_t[0]) != NULL);
	CHECK(spdk_thread_get_next_io_channel(spdk_thread_get_first_io_channel(g_t[0])) != NULL);
	CHECK(spdk_thread_get_first_io_channel(g_t[2]) == NULL);
	put_on(0, ch);
	put_on(0, ch);
	fake_poll_all(g_t, 3);
	CHECK_EQ(a.channels, 2);
	put_on(0, ch);
	CHECK_EQ(a.channels, 2); /* by a message */
	put_on(1, other);
	fake_poll_all(g_t, 3);
	CHECK_EQ(a.channels, 0);
	put_on(0, spdk_thread_get_first_io_channel(g_t[0]));
	spdk_io_device_unregister(&a, device_gone);
	spdk_io_device_unregister(&b, NULL);
	fake_poll_all(g_t, 3);
	CHECK_EQ(a.gone, 1);
	CHECK(a.gone_on == g_t[0]);
	CHECK(get_on(0, &a) == NULL);
}

static void
a_channel_may_fail(void)
{
	struct device a = { .fail = -ENOMEM };

	spdk_set_thread(g_t[0]);
	device_start(&a, "a");
	CHECK(get_on(0, &a) == NULL);
	CHECK(spdk_thread_get_first_io_channel(g_t[0]) == NULL);
	a.fail = 0;
	put_on(0, get_on(0, &a));
	fake_poll_all(g_t, 3);
	CHECK_EQ(a.created, 1);
	spdk_io_device_unregister(&a, NULL);
}

static void
taken_again_before_it_goes(void)
{
	struct device a = { 0 };
	struct spdk_io_channel *ch;

	spdk_set_thread(g_t[0]);
	device_start(&a, "a");
	ch = get_on(0, &a);
	put_on(0, ch);
	CHECK(get_on(0, &a) == ch);
	fake_poll_all(g_t, 3);
	CHECK_EQ(a.channels, 1);
	put_on(0, ch);
	CHECK(get_on(0, &a) == ch);
	put_on(0, ch);
	fake_poll_all(g_t, 3);
	CHECK_EQ(a.channels, 0);
	CHECK_EQ(a.created, 1);
	spdk_io_device_unregister(&a, NULL);
}

static void
channels_nest(void)
{
	struct device c = { 0 }, b = { .child = &c }, a = { .child = &b };
	struct spdk_io_channel *ch;

	spdk_set_thread(g_t[0]);
	device_start(&a, "a");
	device_start(&b, "b");
	device_start(&c, "c");
	ch = get_on(0, &a);
	CHECK(a.channels == 1 && b.channels == 1 && c.channels == 1);
	put_on(0, ch);
	/* One level a turn. */
	spdk_thread_poll(g_t[0], 0, 0);
	CHECK(a.channels == 0 && b.channels == 1 && c.channels == 1);
	spdk_thread_poll(g_t[0], 0, 0);
	CHECK(b.channels == 0 && c.channels == 1);
	spdk_thread_poll(g_t[0], 0, 0);
	CHECK_EQ(c.channels, 0);
	spdk_io_device_unregister(&a, NULL);
	spdk_io_device_unregister(&b, NULL);
	spdk_io_device_unregister(&c, NULL);
}

static void
unregistration_waits_for_channels(void)
{
	struct device a = { 0 };
	struct spdk_io_channel *on0, *on1;

	spdk_set_thread(g_t[2]);
	device_start(&a, "a");
	on0 = get_on(0, &a);
	on1 = get_on(1, &a);
	spdk_set_thread(g_t[2]);
	spdk_io_device_unregister(&a, device_gone);
	spdk_io_device_unregister(&a, device_gone); /* refused */
	CHECK(get_on(0, &a) == NULL);
	fake_poll_all(g_t, 3);
	CHECK_EQ(a.gone, 0);
	put_on(0, on0);
	fake_poll_all(g_t, 3);
	CHECK_EQ(a.gone, 0);
	put_on(1, on1);
	fake_poll_all(g_t, 3);
	CHECK_EQ(a.gone, 1);
	CHECK(a.gone_on == g_t[2]);
	spdk_io_device_unregister(&a, device_gone); /* unknown by now */
	CHECK_EQ(a.gone, 1);
}

static void
a_thread_waits_for_what_it_is_owed(void)
{
	struct spdk_thread *thread = fake_thread("creditor");
	struct device a = { 0 };
	struct spdk_io_channel *ch;

	spdk_set_thread(thread);
	device_start(&a, "a");
	ch = get_on(0, &a);
	spdk_set_thread(thread);
	spdk_io_device_unregister(&a, device_gone);
	spdk_thread_exit(thread);
	spdk_thread_poll(thread, 0, 0);
	CHECK(!spdk_thread_is_exited(thread));
	put_on(0, ch);
	spdk_thread_poll(g_t[0], 0, 0);
	spdk_thread_poll(thread, 0, 0);
	CHECK_EQ(a.gone, 1);
	CHECK(spdk_thread_is_exited(thread));
	spdk_thread_destroy(thread);
}

static void
an_exiting_thread_waits_for_its_channels(void)
{
	struct spdk_thread *thread = fake_thread("leaver");
	struct spdk_io_channel *ch;
	struct device a = { 0 };

	spdk_set_thread(g_t[0]);
	device_start(&a, "a");
	spdk_set_thread(thread);
	ch = spdk_get_io_channel(&a);
	spdk_put_io_channel(ch);
	spdk_thread_exit(thread);
	CHECK(spdk_get_io_channel(&a) == ch); /* still allowed */
	spdk_thread_poll(thread, 0, 0);
	CHECK(!spdk_thread_is_exited(thread));
	spdk_set_thread(thread);
	spdk_put_io_channel(ch);
	spdk_thread_poll(thread, 0, 0);
	CHECK_EQ(a.channels, 0);
	CHECK(spdk_thread_is_exited(thread));
	spdk_thread_destroy(thread);
	spdk_set_thread(g_t[0]);
	spdk_io_device_unregister(&a, NULL);
}

static void
registered_twice_is_refused(void)
{
	struct device a = { 0 };

	spdk_set_thread(g_t[0]);
	device_start(&a, "a");
	device_start(&a, "again");
	put_on(0, get_on(0, &a));
	fake_poll_all(g_t, 3);
	CHECK_EQ(a.created, 1);
	spdk_io_device_unregister(&a, device_gone);
	fake_poll_all(g_t, 3);
	CHECK_EQ(a.gone, 1);
}

/* --- walks ------------------------------------------------------------------------------------ */

struct walk {
	int visits;
	int done;
	int status;
	int fail_at; /* visit that returns -EIO */
	bool hold;   /* continue later */
	struct spdk_io_channel_iter *held;
	struct spdk_thread *on[4];
};

static void
walk_visit(struct spdk_io_channel_iter *i)
{
	struct walk *walk = spdk_io_channel_iter_get_ctx(i);
	struct spdk_io_channel *ch = spdk_io_channel_iter_get_channel(i);
	struct channel *ctx = spdk_io_channel_get_ctx(ch);

	CHECK(spdk_io_channel_iter_get_io_device(i) == ctx->dev);
	CHECK(spdk_io_channel_get_thread(ch) == spdk_get_thread());
	walk->on[walk->visits++] = spdk_get_thread();
	if (walk->hold) {
		walk->held = i;
		return;
	}
	spdk_for_each_channel_continue(i, walk->visits == walk->fail_at ? -EIO : 0);
}

static void
walk_done(struct spdk_io_channel_iter *i, int status)
{
	struct walk *walk = spdk_io_channel_iter_get_ctx(i);

	walk->done++;
	walk->status = status;
	CHECK(spdk_get_thread() == g_t[0]);
}

static void
a_walk_visits_each_channel(void)
{
	struct spdk_io_channel *ch[3];
	struct walk walk = { 0 };
	struct device a = { 0 };
	int i;

	spdk_set_thread(g_t[0]);
	device_start(&a, "a");
	for (i = 0; i < 3; i++) {
		ch[i] = get_on(i, &a);
	}
	spdk_set_thread(g_t[0]);
	spdk_for_each_channel(&a, walk_visit, &walk, walk_done);
	CHECK_EQ(walk.visits, 0);
	fake_poll_all(g_t, 3);
	CHECK_EQ(walk.visits, 3);
	CHECK_EQ(walk.done, 1);
	CHECK_EQ(walk.status, 0);

	/* Stopped half-way. */
	memset(&walk, 0, sizeof(walk));
	walk.fail_at = 2;
	spdk_for_each_channel(&a, walk_visit, &walk, walk_done);
	fake_poll_all(g_t, 3);
	CHECK_EQ(walk.visits, 2);
	CHECK_EQ(walk.done, 1);
	CHECK_EQ(walk.status, -EIO);

	/* A channel that goes after the walk began, before it is reached. */
	memset(&walk, 0, sizeof(walk));
	put_on(1, ch[1]);
	spdk_set_thread(g_t[0]);
	spdk_for_each_channel(&a, walk_visit, &walk, walk_done);
	fake_poll_all(g_t, 3);
	CHECK_EQ(walk.visits, 2);
	CHECK_EQ(walk.done, 1);

	/* The one whose message is on its way. */
	memset(&walk, 0, sizeof(walk));
	put_on(0, ch[0]);
	spdk_set_thread(g_t[0]);
	spdk_for_each_channel(&a, walk_visit, &walk, NULL);
	fake_poll_all(g_t, 3);
	CHECK_EQ(walk.visits, 1);
	CHECK(walk.on[0] == g_t[2]);

	/* Without any channel, and without a device. */
	put_on(2, ch[2]);
	fake_poll_all(g_t, 3);
	memset(&walk, 0, sizeof(walk));
	spdk_set_thread(g_t[0]);
	spdk_for_each_channel(&a, walk_visit, &walk, walk_done);
	fake_poll_all(g_t, 3);
	CHECK_EQ(walk.visits, 0);
	CHECK_EQ(walk.done, 1);
	spdk_io_device_unregister(&a, NULL);
	spdk_for_each_channel(&a, walk_visit, &walk, walk_done);
	fake_poll_all(g_t, 3);
	CHECK_EQ(walk.done, 2);
	CHECK_EQ(walk.status, -ENODEV);
}

static void
continue_held(void *arg)
{
	spdk_for_each_channel_continue(arg, 0);
}

static void
unregistration_waits_for_a_walk(void)
{
	struct walk walk = { .hold = true };
	struct spdk_io_channel *ch;
	struct device a = { 0 };

	spdk_set_thread(g_t[0]);
	device_start(&a, "a");
	ch = get_on(1, &a);
	spdk_set_thread(g_t[0]);
	spdk_for_each_channel(&a, walk_visit, &walk, walk_done);
	fake_poll_all(g_t, 3);
	CHECK_EQ(walk.visits, 1);
	spdk_io_device_unregister(&a, device_gone);
	put_on(1, ch);
	fake_poll_all(g_t, 3);
	CHECK_EQ(a.channels, 0);
	CHECK_EQ(a.gone, 0);
	spdk_thread_send_msg(g_t[1], continue_held, walk.held);
	fake_poll_all(g_t, 3);
	CHECK_EQ(walk.done, 1);
	CHECK_EQ(a.gone, 1);
}

/* --- orders ----------------------------------------------------------------------------------- */

static char g_logged[4096];

static void
keep_log(int level, const char *file, const int line, const char *func, const char *format,
         va_list args)
{
	size_t used = strlen(g_logged);

	used += (size_t)snprintf(g_logged + used, sizeof(g_logged) - used, "%s: ", func);
	vsnprintf(g_logged + used, sizeof(g_logged) - used, format, args);
}

/* The log's text since; the log goes on as before. */
static bool
logged(const char *text)
{
	spdk_log_close();
	if (strstr(g_logged, text) != NULL) {
		return true;
	}
	fprintf(stderr, "wanted \"%s\", the log is: %s\n", text, g_logged);
	return false;
}

static void
log_begin(void)
{
	g_logged[0] = '\0';
	spdk_log_open(keep_log);
}

static int
create_at(void *io_device, void *ctx)
{
	*(void **)ctx = io_device;
	return 0;
}

static void
destroy_at(void *io_device, void *ctx)
{
	CHECK(*(void **)ctx == io_device);
}

static void
devices_are_in_order_of_address(void)
{
	/* Differences of more than 31, 32 and 63 bits. */
	static const uintptr_t keys[] = {
		0x8000000100000000u, 1,          0x7fffffff,         UINT64_MAX,
		0x100000000,         0x80000000, 0x7fffffffffffffff,
	};
	static const char *const lines[] = {
		"1 was not",
		"7fffffff was not",
		"80000000 was not",
		"100000000 was not",
		"7fffffffffffffff was not",
		"8000000100000000 was not",
		"ffffffffffffffff was not",
	};
	struct spdk_io_channel *ch[SPDK_COUNTOF(keys)];
	const char *at, *last = g_logged;
	char name[24];
	size_t i;

	spdk_set_thread(g_t[0]);
	for (i = 0; i < SPDK_COUNTOF(keys); i++) {
		snprintf(name, sizeof(name), "%lx", (unsigned long)keys[i]);
		spdk_io_device_register((void *)keys[i], create_at, destroy_at, sizeof(void *),
		                        name);
	}
	for (i = 0; i < SPDK_COUNTOF(keys); i++) {
		ch[i] = spdk_get_io_channel((void *)keys[i]);
		REQUIRE(ch[i] != NULL);
		CHECK(*(void **)spdk_io_channel_get_ctx(ch[i]) == (void *)keys[i]);
	}
	log_begin();
	io_device_report_left();
	spdk_log_close();
	for (i = 0; i < SPDK_COUNTOF(lines); i++) {
		at = strstr(last, lines[i]);
		REQUIRE(at != NULL);
		last = at;
	}
	for (i = 0; i < SPDK_COUNTOF(keys); i++) {
		spdk_put_io_channel(ch[i]);
		spdk_io_device_unregister((void *)keys[i], NULL);
	}
	fake_poll_all(g_t, 3);
}

static void
registered_anew_beside_the_old_one(void)
{
	struct device a = { 0 };
	struct spdk_io_channel *old, *new;

	spdk_set_thread(g_t[0]);
	device_start(&a, "old");
	old = get_on(0, &a);
	spdk_io_device_unregister(&a, device_gone);
	CHECK(get_on(0, &a) == NULL);
	device_start(&a, "new");
	new = get_on(0, &a);
	REQUIRE(new != NULL &&new != old);
	CHECK_STR(spdk_io_channel_get_io_device_name(old), "old");
	CHECK_STR(spdk_io_channel_get_io_device_name(new), "new");
	CHECK(spdk_io_channel_get_io_device(old) == spdk_io_channel_get_io_device(new));
	CHECK_EQ(a.channels, 2);
	/* The old one goes with its channel, the new one stays. */
	put_on(0, old);
	fake_poll_all(g_t, 3);
	CHECK_EQ(a.gone, 1);
	CHECK(get_on(0, &a) == new);
	put_on(0, new);
	put_on(0, new);
	spdk_io_device_unregister(&a, device_gone);
	fake_poll_all(g_t, 3);
	CHECK_EQ(a.gone, 2);
	CHECK_EQ(a.channels, 0);
}

static void
gone_and_start_again(void *io_device)
{
	struct device *dev = io_device;

	dev->gone++;
	if (dev->gone == 1) {
		device_start(dev, "again");
	}
}

static void
registered_anew_in_its_callback(void)
{
	struct device a = { 0 };

	spdk_set_thread(g_t[0]);
	device_start(&a, "first");
	spdk_io_device_unregister(&a, gone_and_start_again);
	CHECK_EQ(a.gone, 0); /* by a message */
	fake_poll_all(g_t, 3);
	CHECK_EQ(a.gone, 1);
	put_on(0, get_on(0, &a));
	spdk_io_device_unregister(&a, gone_and_start_again);
	fake_poll_all(g_t, 3);
	CHECK_EQ(a.gone, 2);
	CHECK_EQ(a.channels, 0);
}

static void
nothing_begins_at_a_device_that_goes(void)
{
	struct walk first = { .hold = true }, second = { 0 };
	struct spdk_io_channel *ch;
	struct device a = { 0 };

	spdk_set_thread(g_t[0]);
	device_start(&a, "going");
	ch = get_on(1, &a);
	spdk_set_thread(g_t[0]);
	spdk_for_each_channel(&a, walk_visit, &first, walk_done);
	fake_poll_all(g_t, 3);
	spdk_io_device_unregister(&a, device_gone);
	log_begin();
	CHECK(spdk_get_io_channel(&a) == NULL);
	CHECK(logged("spdk_get_io_channel: no I/O channel of device going ("));
	CHECK(logged(" on thread zero: it is being unregistered"));
	log_begin();
	device_start(&a, "again");
	CHECK(logged("spdk_io_device_register: thread zero cannot register I/O device again: "));
	CHECK(logged(" is registered already, as going"));
	log_begin();
	spdk_io_device_unregister(&a, device_gone);
	CHECK(logged("thread zero cannot unregister I/O device going ("));
	log_begin();
	spdk_for_each_channel(&a, walk_visit, &second, walk_done);
	CHECK(logged("thread zero cannot walk over the channels of I/O device going ("));
	fake_poll_all(g_t, 3);
	CHECK(second.done == 1 && second.status == -ENODEV && second.visits == 0);
	CHECK_EQ(a.gone, 0);
	/* What has a channel keeps it, and may take more references to it. */
	spdk_set_thread(g_t[1]);
	CHECK(spdk_io_channel_ref(ch) == ch);
	spdk_for_each_channel_continue(first.held, 0);
	put_on(1, ch);
	fake_poll_all(g_t, 3);
	CHECK_EQ(first.done, 1);
	CHECK_EQ(a.gone, 0);
	put_on(1, ch);
	fake_poll_all(g_t, 3);
	CHECK_EQ(a.gone, 1);
}

static void
visit_and_put(struct spdk_io_channel_iter *i)
{
	struct walk *walk = spdk_io_channel_iter_get_ctx(i);

	walk->visits++;
	spdk_put_io_channel(spdk_io_channel_iter_get_channel(i));
	walk->held = i;
}

static void
a_channel_goes_while_the_walk_stands_at_it(void)
{
	struct walk walk = { 0 };
	struct device a = { 0 };
	int i;

	spdk_set_thread(g_t[0]);
	device_start(&a, "a");
	for (i = 0; i < 3; i++) {
		get_on(i, &a);
	}
	spdk_set_thread(g_t[0]);
	spdk_for_each_channel(&a, visit_and_put, &walk, walk_done);
	for (i = 0; i < 3; i++) {
		fake_poll_all(g_t, 3);
		CHECK_EQ(walk.visits, i + 1);
		CHECK_EQ(a.channels, 2 - i);
		spdk_set_thread(g_t[i]);
		spdk_for_each_channel_continue(walk.held, 0);
	}
	spdk_set_thread(NULL);
	fake_poll_all(g_t, 3);
	CHECK_EQ(walk.done, 1);
	CHECK_EQ(walk.status, 0);
	spdk_set_thread(g_t[0]);
	spdk_io_device_unregister(&a, NULL);
}

static void
a_walk_visits_a_thread_that_exits(void)
{
	struct spdk_thread *leaver = fake_thread("leaver");
	struct spdk_io_channel *ch;
	struct walk walk = { .hold = true };
	struct device a = { 0 };

	spdk_set_thread(leaver);
	device_start(&a, "a");
	ch = spdk_get_io_channel(&a);
	spdk_thread_exit(leaver);
	spdk_set_thread(g_t[0]);
	spdk_for_each_channel(&a, walk_visit, &walk, walk_done);
	spdk_thread_poll(leaver, 0, 0);
	CHECK_EQ(walk.visits, 1);
	spdk_set_thread(leaver);
	spdk_put_io_channel(ch);
	spdk_thread_poll(leaver, 0, 0);
	CHECK_EQ(a.channels, 0);
	CHECK(!spdk_thread_is_exited(leaver)); /* the walk stands at it */
	spdk_for_each_channel_continue(walk.held, -EIO);
	spdk_thread_poll(leaver, 0, 0);
	CHECK(spdk_thread_is_exited(leaver));
	spdk_thread_destroy(leaver);
	fake_poll_all(g_t, 3);
	CHECK_EQ(walk.done, 1);
	CHECK_EQ(walk.status, -EIO);
	spdk_set_thread(g_t[0]);
	spdk_io_device_unregister(&a, NULL);
}

static void
a_nested_channel_may_fail(void)
{
	struct device b = { .fail = -ENOMEM }, a = { 0 };
	struct spdk_io_channel *ch;

	/* A failed channel leaves nothing, and its device can go; one that was there stays. */
	spdk_set_thread(g_t[0]);
	device_start(&a, "a");
	device_start(&b, "b");
	ch = get_on(0, &a);
	log_begin();
	CHECK(get_on(0, &b) == NULL);
	CHECK(logged("no I/O channel of device b ("));
	CHECK(logged(" on thread zero: its create callback failed: -12"));
	CHECK(spdk_thread_get_first_io_channel(g_t[0]) == ch);
	CHECK(spdk_thread_get_next_io_channel(ch) == NULL);
	spdk_io_device_unregister(&b, device_gone);
	fake_poll_all(g_t, 3);
	CHECK_EQ(b.gone, 1);
	put_on(0, ch);
	fake_poll_all(g_t, 3);
	spdk_io_device_unregister(&a, NULL);
}

static int
fail_and_unregister(void *io_device, void *ctx)
{
	spdk_io_device_unregister(io_device, device_gone);
	return -EIO;
}

static void
a_device_goes_in_its_own_create_callback(void)
{
	struct device a = { 0 };

	spdk_set_thread(g_t[0]);
	spdk_io_device_register(&a, fail_and_unregister, channel_destroy, 0, "a");
	CHECK(spdk_get_io_channel(&a) == NULL);
	CHECK_EQ(a.gone, 0);
	fake_poll_all(g_t, 3);
	CHECK_EQ(a.gone, 1);
}

static void
continue_elsewhere(void *arg)
{
	spdk_set_thread(g_t[2]);
	spdk_for_each_channel_continue(arg, 0);
}

static void
ref_elsewhere(void *arg)
{
	spdk_set_thread(g_t[2]);
	spdk_io_channel_ref(arg);
}

static void
register_off_thread(void *arg)
{
	spdk_set_thread(NULL);
	device_start(arg, "the_device");
}

static void
unregister_off_thread(void *arg)
{
	spdk_set_thread(NULL);
	spdk_io_device_unregister(arg, NULL);
}

static void
walk_off_thread(void *arg)
{
	spdk_set_thread(NULL);
	spdk_for_each_channel(arg, walk_visit, NULL, NULL);
}

static void
walk_threads_off_thread(void *arg)
{
	spdk_set_thread(NULL);
	spdk_for_each_thread(continue_held, NULL, NULL);
}

static void
the_wrong_thread_ends_the_process(void)
{
	struct walk walk = { .hold = true };
	struct device a = { 0 };
	struct spdk_io_channel *ch;

	spdk_set_thread(g_t[0]);
	device_start(&a, "the_device");
	ch = get_on(1, &a);
	spdk_set_thread(g_t[0]);
	spdk_for_each_channel(&a, walk_visit, &walk, walk_done);
	fake_poll_all(g_t, 3);
	CHECK(fake_aborts(continue_elsewhere, walk.held,
	                  "spdk_for_each_channel_continue: walk over channels of the_device ("));
	CHECK(fake_aborts(continue_elsewhere, walk.held, ") belongs to thread one ("));
	CHECK(fake_aborts(continue_elsewhere, walk.held, ") but was used on two ("));
	CHECK(fake_aborts(ref_elsewhere, ch, "spdk_io_channel_ref: I/O channel of the_device ("));
	CHECK(fake_aborts(ref_elsewhere, ch, ") belongs to thread one ("));
	CHECK(fake_aborts(register_off_thread, &walk, "spdk_io_device_register: the_device"));
	CHECK(fake_aborts(unregister_off_thread, &a, "spdk_io_device_unregister: I/O device"));
	CHECK(fake_aborts(walk_off_thread, &a, "spdk_for_each_channel: walk over channels"));
	CHECK(fake_aborts(walk_threads_off_thread, NULL, "spdk_for_each_thread: walk over"));
	spdk_set_thread(g_t[1]);
	spdk_for_each_channel_continue(walk.held, 0);
	put_on(1, ch);
	fake_poll_all(g_t, 3);
	spdk_io_device_unregister(&a, NULL);
}

static void
put_elsewhere(void *arg)
{
	put_on(1, arg);
}

static void
put_too_often(void *arg)
{
	put_on(0, arg);
	put_on(0, arg);
}

static void
misuse_ends_the_process(void)
{
	struct device a = { 0 };
	struct spdk_io_channel *ch;

	spdk_set_thread(g_t[0]);
	device_start(&a, "the_device");
	ch = get_on(0, &a);
	CHECK(fake_aborts(put_elsewhere, ch, "spdk_put_io_channel: I/O channel of the_device ("));
	CHECK(fake_aborts(put_elsewhere, ch, "belongs to thread zero ("));
	CHECK(fake_aborts(put_elsewhere, ch, "used on one ("));
	CHECK(fake_aborts(put_too_often, ch, "was put too often"));
	spdk_set_thread(NULL);
	CHECK(spdk_get_io_channel(&a) == NULL);
	put_on(0, ch);
	fake_poll_all(g_t, 3);
	spdk_io_device_unregister(&a, NULL);
}

static const struct test_case cases[] = {
	TEST(a_thread_has_one_channel_a_device),
	TEST(a_channel_may_fail),
	TEST(taken_again_before_it_goes),
	TEST(channels_nest),
	TEST(unregistration_waits_for_channels),
	TEST(a_thread_waits_for_what_it_is_owed),
	TEST(an_exiting_thread_waits_for_its_channels),
	TEST(registered_twice_is_refused),
	TEST(a_walk_visits_each_channel),
	TEST(unregistration_waits_for_a_walk),
	TEST(devices_are_in_order_of_address),
	TEST(registered_anew_beside_the_old_one),
	TEST(registered_anew_in_its_callback),
	TEST(nothing_begins_at_a_device_that_goes),
	TEST(a_channel_goes_while_the_walk_stands_at_it),
	TEST(a_walk_visits_a_thread_that_exits),
	TEST(a_nested_channel_may_fail),
	TEST(a_device_goes_in_its_own_create_callback),
	TEST(the_wrong_thread_ends_the_process),
	TEST(misuse_ends_the_process),
};

TEST_MAIN_WITH("thread/io_device", cases, setup, teardown)
