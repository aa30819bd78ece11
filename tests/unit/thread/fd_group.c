/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "tests/unit/test.h"

#include "core/thread/fd_group.h"
#include "spdk/thread.h"
#include "spdk/util.h"

#include <sys/time.h>

#define MANY 150 /* more than one epoll_wait() reports */

/* An eventfd with a handler that counts, and does something besides. */
struct source {
	struct spdk_fd_group *fgrp;
	int fd;
	int calls;
	int rc;
	uint32_t seen; /* events of the last call */
	bool keep;     /* leave it readable */
	void (*act)(struct source *self);
	struct source *other;
};

static struct spdk_fd_group *
group(void)
{
	struct spdk_fd_group *fgrp = NULL;

	REQUIRE(spdk_fd_group_create(&fgrp) == 0);
	return fgrp;
}

static uint64_t
value_of(int fd)
{
	uint64_t value = 0;

	return read(fd, &value, sizeof(value)) == sizeof(value) ? value : 0;
}

static void
fire(const struct source *source)
{
	uint64_t one = 1;

	CHECK_EQ(write(source->fd, &one, sizeof(one)), sizeof(one));
}

static int
on_event(void *arg)
{
	struct source *source = arg;
	struct epoll_event event = { 0 };

	source->calls++;
	CHECK_EQ(spdk_fd_group_get_epoll_event(&event), 0);
	CHECK_EQ(event.data.fd, source->fd);
	source->seen = event.events;
	if (!source->keep) {
		value_of(source->fd);
	}
	if (source->act != NULL) {
		source->act(source);
	}
	return source->rc;
}

static void
source_open(struct source *source, struct spdk_fd_group *fgrp)
{
	memset(source, 0, sizeof(*source));
	source->fgrp = fgrp;
	source->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	REQUIRE(source->fd >= 0);
	REQUIRE(SPDK_FD_GROUP_ADD(fgrp, source->fd, on_event, source) == 0);
}

static void
source_close(struct source *source)
{
	spdk_fd_group_remove(source->fgrp, source->fd);
	close(source->fd);
}

static void
called_when_ready(void)
{
	struct spdk_fd_group *fgrp = group();
	struct source a, b;

	source_open(&a, fgrp);
	source_open(&b, fgrp);
	CHECK_EQ(spdk_fd_group_wait(fgrp, 0), 0);
	CHECK_EQ(spdk_fd_group_wait(fgrp, 1), 0);
	fire(&b);
	CHECK_EQ(spdk_fd_group_wait(fgrp, -1), 1);
	CHECK_EQ(a.calls, 0);
	CHECK_EQ(b.calls, 1);
	CHECK_EQ(b.seen, EPOLLIN);
	/* What a handler returns is not for the one who waits. */
	a.rc = -EIO;
	b.rc = 17;
	fire(&a);
	fire(&b);
	CHECK_EQ(spdk_fd_group_wait(fgrp, 0), 2);
	CHECK_EQ(spdk_fd_group_wait(fgrp, 0), 0);
	source_close(&a);
	source_close(&b);
	spdk_fd_group_destroy(fgrp);
}

static void
readable_while_something_is_ready(void)
{
	struct spdk_fd_group *fgrp = group();
	struct pollfd pfd = { .fd = spdk_fd_group_get_fd(fgrp), .events = POLLIN };
	struct source a;

	source_open(&a, fgrp);
	CHECK_EQ(poll(&pfd, 1, 0), 0);
	fire(&a);
	CHECK_EQ(poll(&pfd, 1, 0), 1);
	CHECK_EQ(spdk_fd_group_wait(fgrp, 0), 1);
	CHECK_EQ(poll(&pfd, 1, 0), 0);
	source_close(&a);
	spdk_fd_group_destroy(fgrp);
}

static void
all_of_many_in_one_wait(void)
{
	struct spdk_fd_group *fgrp = group();
	static struct source many[MANY];
	int i, missed = 0;

	for (i = 0; i < MANY; i++) {
		source_open(&many[i], fgrp);
		many[i].keep = true; /* ready ones that stay so must not crowd out the rest */
		fire(&many[i]);
	}
	CHECK_EQ(spdk_fd_group_wait(fgrp, 0), MANY);
	for (i = 0; i < MANY; i++) {
		missed += many[i].calls != 1;
		source_close(&many[i]);
	}
	CHECK_EQ(missed, 0);
	spdk_fd_group_destroy(fgrp);
}

static void
refusals(void)
{
	struct spdk_fd_group *fgrp = group();
	struct spdk_event_handler_opts opts = { .opts_size = 0 };
	struct epoll_event event;
	struct source a;
	FILE *file = tmpfile();
	int closed = dup(0);

	source_open(&a, fgrp);
	close(closed);
	CHECK_EQ(spdk_fd_group_create(NULL), -EINVAL);
	CHECK_EQ(spdk_fd_group_add(fgrp, -1, on_event, &a, "x"), -EINVAL);
	CHECK_EQ(spdk_fd_group_add(fgrp, a.fd, NULL, &a, "x"), -EINVAL);
	CHECK_EQ(spdk_fd_group_add(NULL, a.fd, on_event, &a, "x"), -EINVAL);
	CHECK_EQ(spdk_fd_group_add_ext(fgrp, a.fd, on_event, &a, "x", &opts), -EINVAL);
	CHECK_EQ(spdk_fd_group_add(fgrp, a.fd, on_event, &a, "x"), -EEXIST);
	CHECK_EQ(spdk_fd_group_add(fgrp, closed, on_event, &a, "x"), -EBADF);
	REQUIRE(file != NULL);
	CHECK_EQ(spdk_fd_group_add(fgrp, fileno(file), on_event, &a, NULL), -EPERM);
	fclose(file);
	CHECK_EQ(spdk_fd_group_event_modify(fgrp, closed, EPOLLIN), -EINVAL);
	CHECK_EQ(spdk_fd_group_event_modify(NULL, a.fd, EPOLLIN), -EINVAL);
	spdk_fd_group_remove(fgrp, closed); /* says so, and goes on */
	CHECK_EQ(spdk_fd_group_wait(NULL, 0), -EINVAL);
	CHECK_EQ(spdk_fd_group_get_epoll_event(&event), -EINVAL);
	/* None of it has harmed the one that is there. */
	fire(&a);
	CHECK_EQ(spdk_fd_group_wait(fgrp, 0), 1);
	CHECK_EQ(spdk_fd_group_get_epoll_event(&event), -EINVAL);
	source_close(&a);
	spdk_fd_group_destroy(fgrp);
	spdk_fd_group_destroy(NULL);
}

static void
no_descriptor_left(void)
{
	struct spdk_fd_group *fgrp;
	struct rlimit old, none;

	REQUIRE(getrlimit(RLIMIT_NOFILE, &old) == 0);
	none = old;
	none.rlim_cur = 0;
	REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
	CHECK_EQ(spdk_fd_group_create(&fgrp), -EMFILE);
	setrlimit(RLIMIT_NOFILE, &old);
}

static void
on_signal(int sig)
{
}

static void
a_signal_ends_a_wait(void)
{
	struct spdk_fd_group *fgrp = group();
	struct itimerval timer = { .it_value.tv_usec = 5000 };
	struct sigaction nothing = { .sa_handler = on_signal }, old;

	sigaction(SIGALRM, &nothing, &old);
	setitimer(ITIMER_REAL, &timer, NULL);
	CHECK_EQ(spdk_fd_group_wait(fgrp, 5000), -EINTR);
	sigaction(SIGALRM, &old, NULL);
	spdk_fd_group_destroy(fgrp);
}

static void
options(void)
{
	struct spdk_event_handler_opts opts;

	memset(&opts, 0x55, sizeof(opts));
	spdk_fd_group_get_default_event_handler_opts(&opts, sizeof(opts));
	CHECK_EQ(opts.opts_size, sizeof(opts));
	CHECK_EQ(opts.events, SPDK_INTERRUPT_EVENT_IN);
	CHECK_EQ(opts.fd_type, SPDK_FD_TYPE_DEFAULT);
	/* A caller of an earlier time knows fewer fields. */
	memset(&opts, 0x55, sizeof(opts));
	spdk_fd_group_get_default_event_handler_opts(
		&opts, offsetof(struct spdk_event_handler_opts, fd_type));
	CHECK_EQ(opts.events, SPDK_INTERRUPT_EVENT_IN);
	CHECK_EQ(opts.fd_type, 0x55555555);
	spdk_fd_group_get_default_event_handler_opts(NULL, sizeof(opts));
}

static int
count_only(void *arg)
{
	(*(int *)arg)++;
	return 1;
}

static void
short_options_leave_the_rest_to_defaults(void)
{
	struct spdk_fd_group *fgrp = group();
	struct spdk_event_handler_opts opts = {
		.opts_size = offsetof(struct spdk_event_handler_opts, fd_type),
		.events = EPOLLIN,
		.fd_type = SPDK_FD_TYPE_EVENTFD,
	};
	int fd = eventfd(3, EFD_NONBLOCK), calls = 0;

	CHECK_EQ(SPDK_FD_GROUP_ADD_EXT(fgrp, fd, count_only, &calls, &opts), 0);
	CHECK_EQ(spdk_fd_group_wait(fgrp, 0), 1);
	CHECK_EQ(value_of(fd), 3);
	spdk_fd_group_remove(fgrp, fd);
	close(fd);
	spdk_fd_group_destroy(fgrp);
}

static int
eventfd_was_read(void *arg)
{
	CHECK_EQ(value_of(*(int *)arg), 0);
	return 0;
}

static void
an_eventfd_is_read_first(void)
{
	struct spdk_fd_group *fgrp = group();
	struct spdk_event_handler_opts opts;
	int fd = eventfd(7, EFD_NONBLOCK);

	spdk_fd_group_get_default_event_handler_opts(&opts, sizeof(opts));
	opts.fd_type = SPDK_FD_TYPE_EVENTFD;
	CHECK_EQ(SPDK_FD_GROUP_ADD_EXT(fgrp, fd, eventfd_was_read, &fd, &opts), 0);
	CHECK_EQ(spdk_fd_group_wait(fgrp, 0), 1);
	CHECK_EQ(spdk_fd_group_wait(fgrp, 0), 0);
	spdk_fd_group_remove(fgrp, fd);
	close(fd);
	spdk_fd_group_destroy(fgrp);
}

struct pair {
	int fd[2];
	int calls;
};

static int
read_both(void *arg)
{
	struct pair *pair = arg;
	struct pollfd pfd[2] = { { pair->fd[0], POLLIN, 0 }, { pair->fd[1], POLLIN, 0 } };
	int i;

	pair->calls++;
	poll(pfd, 2, 0);
	for (i = 0; i < 2; i++) {
		if (pfd[i].revents != 0) {
			value_of(pair->fd[i]);
		}
	}
	return 0;
}

/* Blocking ones: the second is reported and then emptied by the first one's handler. */
static void
an_eventfd_that_others_have_read_blocks_nobody(void)
{
	struct spdk_fd_group *fgrp = group();
	struct spdk_event_handler_opts opts;
	struct pair pair = { .fd = { eventfd(1, 0), eventfd(1, 0) } };
	int i;

	spdk_fd_group_get_default_event_handler_opts(&opts, sizeof(opts));
	opts.fd_type = SPDK_FD_TYPE_EVENTFD;
	for (i = 0; i < 2; i++) {
		CHECK_EQ(spdk_fd_group_add_ext(fgrp, pair.fd[i], read_both, &pair, "", &opts), 0);
	}
	CHECK_EQ(spdk_fd_group_wait(fgrp, 0), 1);
	CHECK_EQ(pair.calls, 1);
	for (i = 0; i < 2; i++) {
		spdk_fd_group_remove(fgrp, pair.fd[i]);
		close(pair.fd[i]);
	}
	spdk_fd_group_destroy(fgrp);
}

static void
ask_for_out_only(struct source *self)
{
	CHECK_EQ(spdk_fd_group_event_modify(self->other->fgrp, self->other->fd, 0), 0);
}

static void
other_events(void)
{
	struct spdk_fd_group *fgrp = group();
	struct source a, b;

	source_open(&a, fgrp);
	CHECK_EQ(spdk_fd_group_event_modify(fgrp, a.fd, EPOLLOUT), 0);
	fire(&a);
	CHECK_EQ(spdk_fd_group_wait(fgrp, 0), 1);
	CHECK_EQ(a.seen, EPOLLOUT);
	CHECK_EQ(spdk_fd_group_event_modify(fgrp, a.fd, EPOLLIN | EPOLLOUT), 0);
	fire(&a);
	CHECK_EQ(spdk_fd_group_wait(fgrp, 0), 1);
	CHECK_EQ(a.seen, EPOLLIN | EPOLLOUT);
	CHECK_EQ(spdk_fd_group_event_modify(fgrp, a.fd, SPDK_INTERRUPT_EVENT_IN), 0);
	CHECK_EQ(spdk_fd_group_wait(fgrp, 0), 0);
	/* Reported, and no longer wanted when its turn comes. */
	source_open(&b, fgrp);
	a.other = &b;
	b.other = &a;
	a.act = b.act = ask_for_out_only;
	a.calls = 0;
	fire(&a);
	fire(&b);
	CHECK_EQ(spdk_fd_group_wait(fgrp, 0), 1);
	CHECK_EQ(a.calls + b.calls, 1);
	source_close(&a);
	source_close(&b);
	spdk_fd_group_destroy(fgrp);
}

static void
only_the_edge(void)
{
	struct spdk_fd_group *fgrp = group();
	int fd = eventfd(1, EFD_NONBLOCK), calls = 0;

	CHECK_EQ(spdk_fd_group_add_for_events(fgrp, fd,
	                                      SPDK_INTERRUPT_EVENT_IN | SPDK_INTERRUPT_EVENT_ET,
	                                      count_only, &calls, "edge"),
	         0);
	CHECK_EQ(spdk_fd_group_wait(fgrp, 0), 1);
	CHECK_EQ(spdk_fd_group_wait(fgrp, 0), 0);
	spdk_fd_group_remove(fgrp, fd);
	close(fd);
	spdk_fd_group_destroy(fgrp);
}

/* --- changes by handlers ---------------------------------------------------------------------- */

static void
remove_self(struct source *self)
{
	source_close(self);
}

static void
remove_other(struct source *self)
{
	if (self->other->fd >= 0) {
		source_close(self->other);
		/* Not to be looked at again. */
		memset(self->other, 0xee, sizeof(*self->other));
		self->other->fd = -1;
		self->other->calls = 0;
	}
}

static void
a_handler_removes_itself(void)
{
	struct spdk_fd_group *fgrp = group();
	struct source a;

	source_open(&a, fgrp);
	a.act = remove_self;
	a.keep = true;
	fire(&a);
	CHECK_EQ(spdk_fd_group_wait(fgrp, 0), 1);
	CHECK_EQ(spdk_fd_group_wait(fgrp, 0), 0);
	CHECK_EQ(a.calls, 1);
	spdk_fd_group_destroy(fgrp);
}

static void
a_handler_removes_another_that_is_ready(void)
{
	struct spdk_fd_group *fgrp = group();
	struct source a, b;

	source_open(&a, fgrp);
	source_open(&b, fgrp);
	a.other = &b;
	b.other = &a;
	a.act = b.act = remove_other;
	fire(&a);
	fire(&b);
	CHECK_EQ(spdk_fd_group_wait(fgrp, 0), 1);
	CHECK_EQ(a.calls + b.calls, 1);
	source_close(a.fd >= 0 ? &a : &b);
	spdk_fd_group_destroy(fgrp);
}

static void
replace_other(struct source *self)
{
	struct spdk_fd_group *fgrp = self->fgrp;
	struct source *other = self->other;
	int fd = other->fd;

	spdk_fd_group_remove(fgrp, fd);
	memset(other, 0, sizeof(*other));
	other->fgrp = fgrp;
	other->fd = fd;
	CHECK_EQ(SPDK_FD_GROUP_ADD(fgrp, fd, on_event, other), 0);
	self->act = NULL;
}

/* The event was reported for the one that is gone; the new one has its own. */
static void
removed_and_added_again_in_one_wait(void)
{
	struct spdk_fd_group *fgrp = group();
	struct source a, b;

	source_open(&a, fgrp);
	source_open(&b, fgrp);
	a.other = &b;
	b.other = &a;
	a.act = b.act = replace_other;
	fire(&a);
	fire(&b);
	CHECK_EQ(spdk_fd_group_wait(fgrp, 0), 1);
	CHECK_EQ(a.calls + b.calls, 1);
	CHECK_EQ(spdk_fd_group_wait(fgrp, 0), 1);
	CHECK_EQ(a.calls + b.calls, 2);
	source_close(&a);
	source_close(&b);
	spdk_fd_group_destroy(fgrp);
}

static void
wait_again(struct source *self)
{
	self->act = self->other->act = NULL;
	CHECK_EQ(spdk_fd_group_wait(self->fgrp, 0), 1);
}

static void
a_handler_waits(void)
{
	struct spdk_fd_group *fgrp = group();
	struct source a, b;

	source_open(&a, fgrp);
	source_open(&b, fgrp);
	a.act = b.act = wait_again;
	a.other = &b;
	b.other = &a;
	fire(&a);
	fire(&b);
	/* Reported to both waits, but read by the inner one's handler. */
	CHECK(spdk_fd_group_wait(fgrp, 0) >= 1);
	CHECK(a.calls >= 1 && b.calls >= 1);
	CHECK_EQ(spdk_fd_group_wait(fgrp, 0), 0);
	source_close(&a);
	source_close(&b);
	spdk_fd_group_destroy(fgrp);
}

static void
destroy_all(struct source *self)
{
	struct spdk_fd_group *fgrp = self->fgrp;

	source_close(self->other);
	source_close(self);
	spdk_fd_group_destroy(fgrp);
}

static void
a_handler_destroys_the_group(void)
{
	struct spdk_fd_group *fgrp = group();
	struct source a, b;

	source_open(&a, fgrp);
	source_open(&b, fgrp);
	a.other = &b;
	b.other = &a;
	a.act = b.act = destroy_all;
	fire(&a);
	fire(&b);
	CHECK_EQ(spdk_fd_group_wait(fgrp, 0), 1);
	CHECK_EQ(a.calls + b.calls, 1);
}

static void
a_closed_descriptor_makes_room_for_its_number(void)
{
	struct spdk_fd_group *fgrp = group();
	struct source a, b;

	source_open(&a, fgrp);
	close(a.fd); /* and not removed, which it should have been */
	source_open(&b, fgrp);
	CHECK_EQ(a.fd, b.fd);
	fire(&b);
	CHECK_EQ(spdk_fd_group_wait(fgrp, 0), 1);
	CHECK_EQ(a.calls, 0);
	CHECK_EQ(b.calls, 1);
	source_close(&b);
	fflush(stderr);
	spdk_fd_group_remove(fgrp, b.fd); /* nothing left under that number */
	spdk_fd_group_destroy(fgrp);
}

static void
removed_after_closing(void)
{
	struct spdk_fd_group *fgrp = group();
	struct source a;

	source_open(&a, fgrp);
	close(a.fd);
	spdk_fd_group_remove(fgrp, a.fd);
	CHECK_EQ(spdk_fd_group_wait(fgrp, 0), 0);
	spdk_fd_group_destroy(fgrp);
}

/* --- nesting ---------------------------------------------------------------------------------- */

static void
nested(void)
{
	struct spdk_fd_group *parent = group(), *child = group(), *grandchild = group();
	struct source p, c, g, late;

	source_open(&p, parent);
	source_open(&c, child);
	source_open(&g, grandchild);
	fire(&c); /* pending already */
	fire(&g);
	CHECK_EQ(spdk_fd_group_nest(child, grandchild), 0);
	CHECK_EQ(spdk_fd_group_nest(parent, child), 0);
	fire(&p);
	CHECK_EQ(spdk_fd_group_wait(parent, -1), 3);
	CHECK_EQ(p.calls + c.calls + g.calls, 3);
	CHECK_EQ(spdk_fd_group_wait(parent, 0), 0);

	/* Added after nesting. */
	source_open(&late, grandchild);
	fire(&late);
	CHECK_EQ(spdk_fd_group_wait(parent, -1), 1);
	CHECK_EQ(late.calls, 1);
	/* The child by itself. */
	fire(&late);
	fire(&p);
	CHECK_EQ(spdk_fd_group_wait(child, 0), 1);
	CHECK_EQ(late.calls, 2);
	CHECK_EQ(spdk_fd_group_wait(parent, 0), 1);
	source_close(&late);

	CHECK_EQ(spdk_fd_group_unnest(parent, child), 0);
	fire(&p);
	fire(&c);
	fire(&g);
	CHECK_EQ(spdk_fd_group_wait(parent, 0), 1);
	CHECK_EQ(spdk_fd_group_wait(child, 0), 2);
	CHECK_EQ(spdk_fd_group_unnest(child, grandchild), 0);
	source_close(&p);
	source_close(&c);
	source_close(&g);
	spdk_fd_group_destroy(parent);
	spdk_fd_group_destroy(child);
	spdk_fd_group_destroy(grandchild);
}

static void
nesting_refused(void)
{
	struct spdk_fd_group *a = group(), *b = group(), *c = group();

	CHECK_EQ(spdk_fd_group_nest(NULL, a), -EINVAL);
	CHECK_EQ(spdk_fd_group_nest(a, NULL), -EINVAL);
	CHECK_EQ(spdk_fd_group_nest(a, a), -EINVAL);
	CHECK_EQ(spdk_fd_group_unnest(a, b), -EINVAL);
	CHECK_EQ(spdk_fd_group_unnest(NULL, b), -EINVAL);
	CHECK_EQ(spdk_fd_group_unnest(a, NULL), -EINVAL);
	CHECK_EQ(spdk_fd_group_nest(a, b), 0);
	CHECK_EQ(spdk_fd_group_nest(a, b), -EINVAL);
	CHECK_EQ(spdk_fd_group_nest(c, b), -EINVAL);
	CHECK_EQ(spdk_fd_group_unnest(c, b), -EINVAL);
	CHECK_EQ(spdk_fd_group_nest(b, a), -ELOOP);
	/* A nested group is no descriptor of the application's. */
	spdk_fd_group_remove(a, spdk_fd_group_get_fd(b));
	CHECK_EQ(spdk_fd_group_event_modify(a, spdk_fd_group_get_fd(b), 0), -EINVAL);
	CHECK_EQ(spdk_fd_group_unnest(a, b), 0);
	CHECK_EQ(spdk_fd_group_unnest(a, b), -EINVAL);
	CHECK_EQ(spdk_fd_group_nest(b, a), 0);
	/* Whoever goes first. */
	spdk_fd_group_destroy(b);
	CHECK_EQ(spdk_fd_group_nest(c, a), 0);
	spdk_fd_group_destroy(a);
	CHECK_EQ(spdk_fd_group_wait(c, 0), 0);
	spdk_fd_group_destroy(c);
}

static void
five_levels(void)
{
	struct spdk_fd_group *level[6];
	struct source deep;
	int i;

	for (i = 0; i < 6; i++) {
		level[i] = group();
	}
	for (i = 0; i < 4; i++) {
		CHECK_EQ(spdk_fd_group_nest(level[i], level[i + 1]), 0);
	}
	CHECK_EQ(spdk_fd_group_nest(level[4], level[5]), -ELOOP);
	source_open(&deep, level[4]);
	fire(&deep);
	CHECK_EQ(spdk_fd_group_wait(level[0], -1), 1);
	source_close(&deep);
	for (i = 5; i >= 0; i--) {
		spdk_fd_group_destroy(level[i]);
	}
}

static struct spdk_fd_group *g_parent, *g_child;

static void
unnest_child(struct source *self)
{
	spdk_fd_group_unnest(g_parent, g_child);
}

static void
destroy_child(struct source *self)
{
	source_close(self->other);
	spdk_fd_group_destroy(g_child);
}

/* The child has been reported to the parent when it is taken away. */
static void
taken_away_while_ready(void (*act)(struct source *), bool gone)
{
	struct source p, c;

	g_parent = group();
	g_child = group();
	source_open(&p, g_parent);
	source_open(&c, g_child);
	p.act = act;
	p.other = &c;
	fire(&p); /* ready first, so reported first */
	CHECK_EQ(spdk_fd_group_nest(g_parent, g_child), 0);
	fire(&c);
	CHECK_EQ(spdk_fd_group_wait(g_parent, 0), 1);
	CHECK_EQ(c.calls, 0);
	if (!gone) {
		CHECK_EQ(spdk_fd_group_wait(g_child, 0), 1);
		source_close(&c);
		spdk_fd_group_destroy(g_child);
	}
	source_close(&p);
	spdk_fd_group_destroy(g_parent);
}

static void
child_unnested_while_ready(void)
{
	taken_away_while_ready(unnest_child, false);
}

static void
child_destroyed_while_ready(void)
{
	taken_away_while_ready(destroy_child, true);
}

static void
destroy_child_from_inside(struct source *self)
{
	source_close(self);
	spdk_fd_group_destroy(g_child);
}

static void
child_destroyed_from_inside(void)
{
	struct source c;

	g_parent = group();
	g_child = group();
	source_open(&c, g_child);
	c.act = destroy_child_from_inside;
	CHECK_EQ(spdk_fd_group_nest(g_parent, g_child), 0);
	fire(&c);
	CHECK_EQ(spdk_fd_group_wait(g_parent, 0), 1);
	CHECK_EQ(spdk_fd_group_wait(g_parent, 0), 0);
	spdk_fd_group_destroy(g_parent);
}

/* --- wrappers and turns ----------------------------------------------------------------------- */

static char g_trace[64];

static void
say(const char *what)
{
	size_t len = strlen(g_trace);

	snprintf(g_trace + len, sizeof(g_trace) - len, "%s", what);
}

static int
wrap(void *ctx, spdk_fd_fn fn, void *arg)
{
	int rc;

	say(ctx);
	say("(");
	rc = fn(arg);
	say(")");
	return rc;
}

static void
wrappers(void)
{
	struct spdk_fd_group *parent = group(), *middle = group(), *child = group();
	struct source p, c;
	char outer[] = "o", inner[] = "i";

	source_open(&p, parent);
	source_open(&c, child);
	CHECK_EQ(spdk_fd_group_nest(parent, middle), 0);
	CHECK_EQ(spdk_fd_group_nest(middle, child), 0);
	CHECK_EQ(spdk_fd_group_set_wrapper(NULL, wrap, NULL), -EINVAL);
	CHECK_EQ(spdk_fd_group_set_wrapper(parent, wrap, outer), 0);
	CHECK_EQ(spdk_fd_group_set_wrapper(parent, wrap, outer), -EEXIST);
	fire(&p);
	spdk_fd_group_wait(parent, 0);
	CHECK_STR(g_trace, "o()");
	g_trace[0] = '\0';
	fire(&c);
	spdk_fd_group_wait(parent, 0);
	CHECK_STR(g_trace, "o()");
	g_trace[0] = '\0';
	CHECK_EQ(spdk_fd_group_set_wrapper(child, wrap, inner), 0);
	fire(&c);
	spdk_fd_group_wait(parent, 0);
	CHECK_STR(g_trace, "o(i())");
	g_trace[0] = '\0';
	CHECK_EQ(spdk_fd_group_set_wrapper(parent, NULL, NULL), 0);
	fire(&c);
	spdk_fd_group_wait(child, 0);
	CHECK_STR(g_trace, "i()");
	CHECK_EQ(c.calls, 3);
	source_close(&p);
	source_close(&c);
	spdk_fd_group_destroy(parent);
	spdk_fd_group_destroy(middle);
	spdk_fd_group_destroy(child);
}

static void
turn_begin(void *ctx)
{
	say("<");
}

static void
turn_end(void *ctx)
{
	say(">");
}

static void
not_in_a_turn(struct source *self)
{
	say("x");
	CHECK_EQ(spdk_fd_group_wait(self->fgrp, 0), -EBUSY);
}

static void
turns(void)
{
	static const struct fd_group_turn turn = { turn_begin, turn_end };
	struct spdk_fd_group *parent = group(), *child = group();
	struct source a, b;

	g_trace[0] = '\0';
	source_open(&a, child);
	source_open(&b, child);
	a.act = b.act = not_in_a_turn;
	fd_group_set_turn(child, &turn, NULL);
	CHECK_EQ(spdk_fd_group_nest(parent, child), 0);
	CHECK_EQ(spdk_fd_group_wait(parent, 0), 0);
	CHECK_EQ(spdk_fd_group_wait(child, 0), 0);
	CHECK_STR(g_trace, "");
	fire(&a);
	fire(&b);
	CHECK_EQ(spdk_fd_group_wait(parent, 0), 2);
	CHECK_STR(g_trace, "<xx>");
	fire(&a);
	CHECK_EQ(spdk_fd_group_wait(child, 0), 1);
	CHECK_STR(g_trace, "<xx><x>");
	source_close(&a);
	source_close(&b);
	spdk_fd_group_destroy(parent);
	spdk_fd_group_destroy(child);
}

static const struct test_case g_cases[] = {
	TEST(called_when_ready),
	TEST(readable_while_something_is_ready),
	TEST(all_of_many_in_one_wait),
	TEST(refusals),
	TEST(no_descriptor_left),
	TEST(a_signal_ends_a_wait),
	TEST(options),
	TEST(short_options_leave_the_rest_to_defaults),
	TEST(an_eventfd_is_read_first),
	TEST(an_eventfd_that_others_have_read_blocks_nobody),
	TEST(other_events),
	TEST(only_the_edge),
	TEST(a_handler_removes_itself),
	TEST(a_handler_removes_another_that_is_ready),
	TEST(removed_and_added_again_in_one_wait),
	TEST(a_handler_waits),
	TEST(a_handler_destroys_the_group),
	TEST(a_closed_descriptor_makes_room_for_its_number),
	TEST(removed_after_closing),
	TEST(nested),
	TEST(nesting_refused),
	TEST(five_levels),
	TEST(child_unnested_while_ready),
	TEST(child_destroyed_while_ready),
	TEST(child_destroyed_from_inside),
	TEST(wrappers),
	TEST(turns),
};
TEST_MAIN("thread/fd_group", g_cases)
