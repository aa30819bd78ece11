/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <time.h>
#include <unistd.h>

#include "ipc/gate/control.h"

#define MAX_EVENTS 32

struct control_fd {
	int fd;
	control_fd_fn fn;
	void *arg;
	SLIST_ENTRY(control_fd) deleted;
};

struct control_timer {
	TAILQ_ENTRY(control_timer) entry;
	uint64_t due_ms;
	void (*fn)(void *arg);
	void *arg;
};

/* What stands in g_posts while nobody takes posts. */
static struct control_post g_closed;

/* A stack that posters push to and the pthread takes whole; newest first. */
static struct control_post *g_posts = &g_closed;

static struct {
	pthread_t thread;
	bool started;
	bool stopping;
	int epfd;
	/* Kept for the process's life: a poster may be about to write to it when the loop ends. */
	int wakefd;
	struct control_post *last; /* the pthread's own posts after the others were shut out */
	struct control_post **last_tail;
	struct control_post
		*stop_post; /* allocated early: stopping cannot fail for want of memory */
	cpu_set_t cpus;     /* where the process may run at all */
	SLIST_HEAD(control_fds, control_fd) deleted;
	TAILQ_HEAD(control_timers, control_timer) timers; /* soonest first */
} g_control = {
	.epfd = -1,
	.wakefd = -1,
	.deleted = SLIST_HEAD_INITIALIZER(g_control.deleted),
	.last_tail = &g_control.last,
	.timers = TAILQ_HEAD_INITIALIZER(g_control.timers),
};

/* Set on the pthread itself: asking for its id would race with its own start. */
static __thread bool t_is_control;

static uint64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

bool
control_is_current(void)
{
	return t_is_control;
}

static int
post_push(struct control_post *post)
{
	struct control_post *head = __atomic_load_n(&g_posts, __ATOMIC_RELAXED);
	uint64_t one = 1;

	do {
		if (head == &g_closed) {
			return -ESHUTDOWN;
		}
		post->next = head;
		/* Release: fn and arg, and what they point at, before the post is seen; partner:
		 * the exchange in posts_take(). */
	} while (!__atomic_compare_exchange_n(&g_posts, &head, post, true, __ATOMIC_RELEASE,
	                                      __ATOMIC_RELAXED));
	if (head == NULL) {
		/* Only the first of a batch rings. The write cannot block; it can fail only when
		 * the counter is at its limit, and then it is readable. */
		ssize_t n = write(g_control.wakefd, &one, sizeof(one));
		(void)n;
	}
	return 0;
}

static int
post_in(struct control_post *post, void (*fn)(void *arg), void *arg)
{
	int rc;

	post->fn = fn;
	post->arg = arg;
	rc = post_push(post);
	if (rc < 0 && t_is_control) {
		/* What the last posts post runs too, before the pthread ends. */
		post->next = NULL;
		*g_control.last_tail = post;
		g_control.last_tail = &post->next;
		return 0;
	}
	return rc;
}

int
control_post(void (*fn)(void *arg), void *arg)
{
	struct control_post *post = calloc(1, sizeof(*post));
	int rc;

	if (post == NULL) {
		return -ENOMEM;
	}
	rc = post_in(post, fn, arg);
	if (rc < 0) {
		free(post);
	}
	return rc;
}

int
control_post_in(struct control_post *post, void (*fn)(void *arg), void *arg)
{
	post->lasting = true;
	return post_in(post, fn, arg);
}

struct call {
	int (*fn)(void *arg);
	void *arg;
	int rc;
	sem_t done;
};

static void
call_run(void *arg)
{
	struct call *call = arg;

	call->rc = call->fn(call->arg);
	sem_post(&call->done);
}

int
control_call(int (*fn)(void *arg), void *arg)
{
	struct call call = { .fn = fn, .arg = arg };
	int rc;

	sem_init(&call.done, 0, 0);
	rc = control_post(call_run, &call);
	if (rc == 0) {
		while (sem_wait(&call.done) < 0 && errno == EINTR) {
		}
		rc = call.rc;
	}
	sem_destroy(&call.done);
	return rc;
}

static void
post_run(struct control_post *post)
{
	bool ours = !post->lasting; /* one that is not may be freed by its fn */

	post->fn(post->arg);
	if (ours) {
		free(post);
	}
}

/* Run what was posted up to now, and leave `instead` in its place. */
static void
posts_run(struct control_post *instead)
{
	struct control_post *post = __atomic_exchange_n(&g_posts, instead, __ATOMIC_ACQUIRE);
	struct control_post *oldest = NULL, *next;

	for (; post != NULL; post = next) {
		next = post->next;
		post->next = oldest;
		oldest = post;
	}
	for (post = oldest; post != NULL; post = next) {
		next = post->next;
		post_run(post);
	}
}

/* Others' posts are refused from here on, however busily they post. */
static void
posts_finish(void)
{
	struct control_post *post;

	posts_run(&g_closed);
	while ((post = g_control.last) != NULL) {
		g_control.last = post->next;
		if (g_control.last == NULL) {
			g_control.last_tail = &g_control.last;
		}
		post_run(post);
	}
}

static void
on_wake(void *arg, uint32_t events)
{
	uint64_t count;
	ssize_t n = read(g_control.wakefd, &count, sizeof(count));

	(void)n;
}

static void
timers_run(void)
{
	struct control_timer *timer;
	uint64_t now = now_ms();
	void (*fn)(void *arg);
	void *arg;

	/* One look at the clock: a timer of 0 ms that starts itself again waits for the next turn.
	 */
	while ((timer = TAILQ_FIRST(&g_control.timers)) != NULL && timer->due_ms <= now) {
		TAILQ_REMOVE(&g_control.timers, timer, entry);
		fn = timer->fn;
		arg = timer->arg;
		free(timer);
		fn(arg);
	}
}

static int
next_timeout(void)
{
	struct control_timer *timer = TAILQ_FIRST(&g_control.timers);
	uint64_t now;

	if (timer == NULL) {
		return -1;
	}
	now = now_ms();
	if (timer->due_ms <= now) {
		return 0;
	}
	return timer->due_ms - now > 60000 ? 60000 : (int)(timer->due_ms - now);
}

static void
deleted_free(void)
{
	struct control_fd *cfd;

	while ((cfd = SLIST_FIRST(&g_control.deleted)) != NULL) {
		SLIST_REMOVE_HEAD(&g_control.deleted, deleted);
		free(cfd);
	}
}

static void *
control_loop(void *arg)
{
	struct epoll_event events[MAX_EVENTS];
	int i, n;

	t_is_control = true;
	while (!g_control.stopping) {
		n = epoll_wait(g_control.epfd, events, MAX_EVENTS, next_timeout());
		for (i = 0; i < n; i++) {
			struct control_fd *cfd = events[i].data.ptr;

			/* NULL: deleted by a callback of this batch. */
			if (cfd->fn != NULL) {
				cfd->fn(cfd->arg, events[i].events);
			}
		}
		deleted_free();
		timers_run();
		posts_run(NULL);
	}
	posts_finish();
	deleted_free();
	return NULL;
}

/* Every signal is blocked on the pthread: the application says where its signals go. */
static int
thread_create(void)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&g_control.thread, NULL, control_loop, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc == 0) {
		pthread_setname_np(g_control.thread, "cal-control");
	}
	return -rc;
}

static void
loop_end(void *arg)
{
	g_control.stopping = true;
}

int
control_start(void)
{
	static struct control_fd wake;
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = &wake };
	int rc;

	if (g_control.started) {
		return -EALREADY;
	}
	if (sched_getaffinity(0, sizeof(g_control.cpus), &g_control.cpus) < 0) {
		return -errno;
	}
	if (g_control.wakefd < 0) {
		g_control.wakefd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (g_control.wakefd < 0) {
			return -errno;
		}
	}
	g_control.stop_post = calloc(1, sizeof(*g_control.stop_post));
	if (g_control.stop_post == NULL) {
		return -ENOMEM;
	}
	g_control.stop_post->fn = loop_end;
	g_control.epfd = epoll_create1(EPOLL_CLOEXEC);
	if (g_control.epfd < 0) {
		rc = -errno;
		goto fail_epoll;
	}
	wake.fd = g_control.wakefd;
	wake.fn = on_wake;
	if (epoll_ctl(g_control.epfd, EPOLL_CTL_ADD, g_control.wakefd, &event) < 0) {
		rc = -errno;
		goto fail;
	}
	g_control.stopping = false;
	__atomic_store_n(&g_posts, NULL, __ATOMIC_RELEASE);
	rc = thread_create();
	if (rc < 0) {
		goto fail_thread;
	}
	g_control.started = true;
	return 0;

fail_thread:
	__atomic_store_n(&g_posts, &g_closed, __ATOMIC_RELEASE);
fail:
	close(g_control.epfd);
fail_epoll:
	free(g_control.stop_post);
	return rc;
}

int
control_avoid_cpus(const void *cpus, unsigned long size)
{
	cpu_set_t avoid, left;
	int cpu;

	if (!g_control.started) {
		return -ESRCH;
	}
	CPU_ZERO(&avoid);
	memcpy(&avoid, cpus, size < sizeof(avoid) ? size : sizeof(avoid));
	CPU_ZERO(&left);
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, &g_control.cpus) && !CPU_ISSET(cpu, &avoid)) {
			CPU_SET(cpu, &left);
		}
	}
	if (CPU_COUNT(&left) == 0) {
		left = g_control.cpus;
	}
	return -pthread_setaffinity_np(g_control.thread, sizeof(left), &left);
}

void
control_stop(void)
{
	struct control_timer *timer;

	if (!g_control.started) {
		return;
	}
	post_push(g_control.stop_post);
	pthread_join(g_control.thread, NULL);
	while ((timer = TAILQ_FIRST(&g_control.timers)) != NULL) {
		TAILQ_REMOVE(&g_control.timers, timer, entry);
		free(timer);
	}
	close(g_control.epfd);
	g_control.epfd = -1;
	g_control.started = false;
}

int
control_fd_add(int fd, uint32_t events, control_fd_fn fn, void *arg, struct control_fd **out)
{
	struct epoll_event event = { .events = events };
	struct control_fd *cfd = calloc(1, sizeof(*cfd));

	if (cfd == NULL) {
		return -ENOMEM;
	}
	cfd->fd = fd;
	cfd->fn = fn;
	cfd->arg = arg;
	event.data.ptr = cfd;
	if (epoll_ctl(g_control.epfd, EPOLL_CTL_ADD, fd, &event) < 0) {
		int rc = -errno;

		free(cfd);
		return rc;
	}
	*out = cfd;
	return 0;
}

void
control_fd_del(struct control_fd *cfd)
{
	epoll_ctl(g_control.epfd, EPOLL_CTL_DEL, cfd->fd, NULL);
	/* Events of it may stand in the batch that is being delivered. */
	cfd->fn = NULL;
	SLIST_INSERT_HEAD(&g_control.deleted, cfd, deleted);
}

struct control_timer *
control_timer_start(uint64_t ms, void (*fn)(void *arg), void *arg)
{
	struct control_timer *timer = calloc(1, sizeof(*timer)), *other;

	if (timer == NULL) {
		return NULL;
	}
	/* Rounded up: never early. */
	timer->due_ms = now_ms() + ms + (ms != 0);
	timer->fn = fn;
	timer->arg = arg;
	TAILQ_FOREACH_REVERSE(other, &g_control.timers, control_timers, entry)
	{
		if (other->due_ms <= timer->due_ms) {
			TAILQ_INSERT_AFTER(&g_control.timers, other, timer, entry);
			return timer;
		}
	}
	TAILQ_INSERT_HEAD(&g_control.timers, timer, entry);
	return timer;
}

void
control_timer_cancel(struct control_timer *timer)
{
	if (timer != NULL) {
		TAILQ_REMOVE(&g_control.timers, timer, entry);
		free(timer);
	}
}
