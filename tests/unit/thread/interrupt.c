/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "tests/unit/fake_env.h"
#include "tests/unit/test.h"
#include "tests/unit/thread/interrupt.h"

static struct spdk_thread *g_thread;

struct source {
	struct spdk_interrupt *intr;
	int fd;
	int calls;
	int rc;
	bool keep; /* leave it readable */
	void (*act)(struct source *self);
	struct source *other;
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
	g_thread = fake_thread("interrupts");
	spdk_set_thread(g_thread);
	spdk_thread_set_interrupt_mode(true);
	REQUIRE(intr_settle(g_thread) >= 0);
}

static void
end(void)
{
	fake_thread_end(g_thread);
}

static int
turn(void)
{
	return spdk_thread_poll(g_thread, 0, 0);
}

static int
on_interrupt(void *arg)
{
	struct source *source = arg;
	uint64_t value;

	CHECK(spdk_get_thread() == g_thread);
	CHECK_EQ(thread_this_os.slot->running_what, CAL_RUNNING_INTERRUPT);
	CHECK_EQ(thread_this_os.slot->running_fn, (uint64_t)(uintptr_t)on_interrupt);
	CHECK_EQ(thread_this_os.slot->running_thread, spdk_thread_get_id(g_thread));
	source->calls++;
	if (!source->keep && read(source->fd, &value, sizeof(value)) != sizeof(value)) {
		CHECK(false);
	}
	if (source->act != NULL) {
		source->act(source);
	}
	return source->rc;
}

static void
source_open(struct source *source)
{
	memset(source, 0, sizeof(*source));
	source->fd = intr_eventfd();
	REQUIRE(source->fd >= 0);
}

static void
source_register(struct source *source)
{
	source_open(source);
	source->intr = SPDK_INTERRUPT_REGISTER(source->fd, on_interrupt, source);
	REQUIRE(source->intr != NULL);
}

static void
source_close(struct source *source)
{
	spdk_interrupt_unregister(&source->intr);
	CHECK(source->intr == NULL);
	close(source->fd);
}

static void
called_on_its_thread(void)
{
	struct source a;

	begin();
	source_register(&a);
	CHECK(!intr_ready(g_thread));
	spdk_set_thread(NULL);
	intr_fire(a.fd);
	CHECK(intr_ready(g_thread));
	CHECK_EQ(turn(), 0);
	CHECK_EQ(a.calls, 1);
	CHECK(spdk_get_thread() == NULL);
	CHECK_EQ(thread_this_os.slot->running_what, CAL_RUNNING_NOTHING);
	CHECK_EQ(thread_this_os.slot->running_thread, 0);
	CHECK(!intr_ready(g_thread));
	/* Busy is who says so. */
	a.rc = 1;
	intr_fire(a.fd);
	CHECK_EQ(turn(), 1);
	a.rc = -EIO;
	intr_fire(a.fd);
	CHECK_EQ(turn(), 0);
	CHECK_EQ(a.calls, 3);
	spdk_set_thread(g_thread);
	source_close(&a);
	end();
}

static void
only_in_interrupt_mode(void)
{
	struct source a;

	begin();
	spdk_thread_set_interrupt_mode(false);
	source_register(&a);
	intr_fire(a.fd);
	turn();
	CHECK_EQ(a.calls, 0);
	spdk_thread_set_interrupt_mode(true);
	turn();
	CHECK_EQ(a.calls, 1);
	source_close(&a);
	end();
}

static void
other_events(void)
{
	struct source a;

	begin();
	source_open(&a);
	a.keep = true;
	a.intr = SPDK_INTERRUPT_REGISTER_FOR_EVENTS(a.fd, SPDK_INTERRUPT_EVENT_OUT, on_interrupt,
	                                            &a);
	REQUIRE(a.intr != NULL);
	turn();
	CHECK_EQ(a.calls, 1);
	CHECK_EQ(spdk_interrupt_set_event_types(a.intr, SPDK_INTERRUPT_EVENT_IN), 0);
	turn();
	CHECK_EQ(a.calls, 1);
	intr_fire(a.fd);
	turn();
	turn();
	CHECK_EQ(a.calls, 3);
	CHECK_EQ(spdk_interrupt_set_event_types(
			 a.intr, (enum spdk_interrupt_event_types)(SPDK_INTERRUPT_EVENT_IN |
	                                                           SPDK_INTERRUPT_EVENT_ET)),
	         0);
	turn();
	turn();
	CHECK_EQ(a.calls, 4);
	source_close(&a);
	end();
}

static void
with_options(void)
{
	struct spdk_event_handler_opts opts;
	struct source a;

	begin();
	source_open(&a);
	a.keep = true;
	spdk_fd_group_get_default_event_handler_opts(&opts, sizeof(opts));
	opts.fd_type = SPDK_FD_TYPE_EVENTFD;
	a.intr = SPDK_INTERRUPT_REGISTER_EXT(a.fd, on_interrupt, &a, &opts);
	REQUIRE(a.intr != NULL);
	intr_fire(a.fd);
	turn();
	turn();
	CHECK_EQ(a.calls, 1);
	source_close(&a);
	end();
}

static void
a_group(void)
{
	struct spdk_fd_group *fgrp;
	struct spdk_interrupt *intr;
	struct source a, b;

	begin();
	source_open(&a);
	source_open(&b);
	REQUIRE(spdk_fd_group_create(&fgrp) == 0);
	CHECK_EQ(SPDK_FD_GROUP_ADD(fgrp, a.fd, on_interrupt, &a), 0);
	intr_fire(a.fd);
	intr = spdk_interrupt_register_fd_group(fgrp, "group");
	REQUIRE(intr != NULL);
	CHECK(spdk_interrupt_register_fd_group(fgrp, NULL) == NULL);
	CHECK_EQ(SPDK_FD_GROUP_ADD(fgrp, b.fd, on_interrupt, &b), 0);
	intr_fire(b.fd);
	b.rc = 1;
	spdk_set_thread(NULL);
	CHECK_EQ(turn(), 1);
	spdk_set_thread(g_thread);
	CHECK_EQ(a.calls, 1);
	CHECK_EQ(b.calls, 1);
	CHECK_EQ(spdk_interrupt_set_event_types(intr, SPDK_INTERRUPT_EVENT_IN), -EINVAL);
	spdk_interrupt_unregister(&intr);
	intr_fire(b.fd);
	CHECK(!intr_ready(g_thread));
	turn();
	CHECK_EQ(b.calls, 1);
	spdk_fd_group_remove(fgrp, a.fd);
	spdk_fd_group_remove(fgrp, b.fd);
	spdk_fd_group_destroy(fgrp);
	close(a.fd);
	close(b.fd);
	end();
}

static void
unregister_self(struct source *self)
{
	source_close(self);
	memset(self, 0xee, sizeof(*self));
	self->rc = 1;
	self->calls = -1;
}

static void
unregister_other(struct source *self)
{
	if (self->other != NULL) {
		source_close(self->other);
		self->other->other = NULL;
		self->other = NULL;
	}
}

static void
unregistered_by_handlers(void)
{
	struct source a, b;

	begin();
	source_register(&a);
	a.act = unregister_self;
	intr_fire(a.fd);
	CHECK_EQ(turn(), 1);
	CHECK_EQ(a.calls, -1);
	turn();
	CHECK_EQ(a.calls, -1);

	source_register(&a);
	source_register(&b);
	a.act = b.act = unregister_other;
	a.other = &b;
	b.other = &a;
	intr_fire(a.fd);
	intr_fire(b.fd);
	turn();
	turn();
	CHECK_EQ(a.calls + b.calls, 1);
	if (a.intr != NULL) {
		source_close(&a);
	} else {
		source_close(&b);
	}
	spdk_interrupt_unregister(&a.intr); /* NULL */
	end();
}

static void
refused(void)
{
	struct source a;
	int closed;

	begin();
	source_register(&a);
	closed = dup(a.fd);
	close(closed);
	CHECK(spdk_interrupt_register(a.fd, on_interrupt, &a, "again") == NULL);
	CHECK(spdk_interrupt_register(-1, on_interrupt, &a, "none") == NULL);
	CHECK(spdk_interrupt_register(closed, on_interrupt, &a, NULL) == NULL);
	CHECK(spdk_interrupt_register(a.fd, NULL, &a, NULL) == NULL);
	CHECK(spdk_interrupt_register_fd_group(NULL, "none") == NULL);
	CHECK(spdk_interrupt_register_fd_group(spdk_thread_get_interrupt_fd_group(g_thread),
	                                       "itself") == NULL);
	source_close(&a);
	source_open(&a);
	spdk_set_thread(NULL);
	CHECK(spdk_interrupt_register(a.fd, on_interrupt, &a, "off") == NULL);
	CHECK(spdk_interrupt_register_fd_group(NULL, NULL) == NULL);
	spdk_set_thread(g_thread);
	spdk_thread_exit(g_thread);
	/* Until it has exited it can do all that it could. */
	a.intr = spdk_interrupt_register(a.fd, on_interrupt, &a, "exiting");
	CHECK(a.intr != NULL);
	spdk_interrupt_unregister(&a.intr);
	turn();
	CHECK(spdk_thread_is_exited(g_thread));
	CHECK(spdk_interrupt_register(a.fd, on_interrupt, &a, "exited") == NULL);
	close(a.fd);
	spdk_thread_destroy(g_thread);
}

static void
an_exit_waits_for_them(void)
{
	struct source a;

	begin();
	source_register(&a);
	spdk_thread_exit(g_thread);
	turn();
	turn();
	CHECK(!spdk_thread_is_exited(g_thread));
	intr_fire(a.fd);
	turn();
	CHECK_EQ(a.calls, 1);
	source_close(&a);
	turn();
	CHECK(spdk_thread_is_exited(g_thread));
	spdk_thread_destroy(g_thread);
	spdk_set_thread(NULL);
}

static int
count_only(void *arg)
{
	((struct source *)arg)->calls++;
	return 0;
}

static void
exit_in_vain(void *arg)
{
	struct spdk_fd_group *fgrp;
	struct source a, b;

	begin();
	source_register(&a);
	source_open(&b);
	spdk_fd_group_create(&fgrp);
	SPDK_FD_GROUP_ADD(fgrp, b.fd, count_only, &b);
	spdk_interrupt_register_fd_group(fgrp, "left_behind");
	spdk_thread_exit(g_thread);
	fake_delay_us(5000000);
	turn();
	/* They are called no more. */
	intr_fire(a.fd);
	intr_fire(b.fd);
	if (!spdk_thread_is_exited(g_thread) || intr_ready(g_thread) || turn() != 0 ||
	    spdk_fd_group_wait(spdk_thread_get_interrupt_fd_group(g_thread), 0) != 0 ||
	    a.calls + b.calls != 0) {
		fprintf(stderr, "still called\n");
		_exit(1);
	}
	/* Unregistered late. */
	spdk_interrupt_unregister(&a.intr);
	spdk_thread_destroy(g_thread);
	/* The group is its owner's again. */
	if (spdk_fd_group_wait(fgrp, 0) == 1 && b.calls == 1) {
		abort();
	}
}

static void
those_left_are_named(void)
{
	CHECK(fake_aborts(exit_in_vain, NULL, "interrupts not unregistered"));
	CHECK(fake_aborts(exit_in_vain, NULL, "on_interrupt"));
	CHECK(fake_aborts(exit_in_vain, NULL, "left_behind"));
}

static void
unregister_off_thread(void *arg)
{
	struct source *a = arg;

	spdk_set_thread(NULL);
	spdk_interrupt_unregister(&a->intr);
}

static void
modify_off_thread(void *arg)
{
	struct source *a = arg;

	spdk_set_thread(NULL);
	spdk_interrupt_set_event_types(a->intr, SPDK_INTERRUPT_EVENT_IN);
}

static struct spdk_spinlock g_spin;

static void
keep_a_lock(struct source *self)
{
	spdk_spin_lock(&g_spin);
}

static void
fire_one_that_keeps_a_lock(void *arg)
{
	struct source *a = arg;

	a->act = keep_a_lock;
	intr_fire(a->fd);
	turn();
}

static void
rules_that_end_the_process(void)
{
	struct source a;

	begin();
	source_register(&a);
	spdk_spin_init(&g_spin);
	CHECK(fake_aborts(unregister_off_thread, &a, "spdk_interrupt_unregister"));
	CHECK(fake_aborts(modify_off_thread, &a, "spdk_interrupt_set_event_types"));
	CHECK(fake_aborts(fire_one_that_keeps_a_lock, &a, "interrupt"));
	spdk_spin_destroy(&g_spin);
	source_close(&a);
	end();
}

static const struct test_case g_cases[] = {
	TEST(called_on_its_thread),
	TEST(only_in_interrupt_mode),
	TEST(other_events),
	TEST(with_options),
	TEST(a_group),
	TEST(unregistered_by_handlers),
	TEST(refused),
	TEST(an_exit_waits_for_them),
	TEST(those_left_are_named),
	TEST(rules_that_end_the_process),
};
TEST_MAIN_WITH("thread/interrupt", g_cases, setup, teardown)
