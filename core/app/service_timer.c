/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The supervisor's timers: one timerfd, got before anything runs, and a list of what is due. They
 * are what a back-off waits by when memory or descriptors have run out, so they need neither. */

#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "core/app/service_private.h"

static struct {
	int fd;
	struct control_fd *watch;
	TAILQ_HEAD(service_timers, service_timer) timers; /* soonest first */
} g_timers = {
	.fd = -1,
	.timers = TAILQ_HEAD_INITIALIZER(g_timers.timers),
};

uint64_t
service_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t
service_now_ms(void)
{
	return service_now_us() / 1000;
}

/* By the clock's own time: one that is past fires at once. */
static void
arm(void)
{
	const struct service_timer *first = TAILQ_FIRST(&g_timers.timers);
	struct itimerspec when = {};

	if (first != NULL) {
		when.it_value.tv_sec = (time_t)(first->due_ms / 1000);
		when.it_value.tv_nsec = (long)(first->due_ms % 1000) * 1000000;
	}
	(void)timerfd_settime(g_timers.fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static void
on_time(void *arg, uint32_t events)
{
	struct service_timer *timer;
	uint64_t count, now = service_now_ms();

	(void)!read(g_timers.fd, &count, sizeof(count));
	while ((timer = TAILQ_FIRST(&g_timers.timers)) != NULL && timer->due_ms <= now) {
		TAILQ_REMOVE(&g_timers.timers, timer, link);
		timer->due_ms = 0;
		/* It may free what the timer is part of. */
		timer->fn(timer->arg);
	}
	arm();
}

int
service_timers_open(void)
{
	g_timers.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	return g_timers.fd < 0 ? -errno : 0;
}

int
service_timers_watch(void)
{
	return control_fd_add(g_timers.fd, EPOLLIN, on_time, NULL, &g_timers.watch);
}

void
service_timers_close(void)
{
	struct service_timer *timer;

	while ((timer = TAILQ_FIRST(&g_timers.timers)) != NULL) {
		TAILQ_REMOVE(&g_timers.timers, timer, link);
		timer->due_ms = 0;
	}
	if (g_timers.watch != NULL) {
		control_fd_del(g_timers.watch);
		g_timers.watch = NULL;
	}
	if (g_timers.fd >= 0) {
		close(g_timers.fd);
		g_timers.fd = -1;
	}
}

void
service_timer_set(struct service_timer *timer, uint64_t ms, void (*fn)(void *arg), void *arg)
{
	struct service_timer *after;

	if (service_timer_is_set(timer)) {
		TAILQ_REMOVE(&g_timers.timers, timer, link);
	}
	/* Rounded up: never early. */
	timer->due_ms = service_now_ms() + ms + 1;
	timer->fn = fn;
	timer->arg = arg;
	TAILQ_FOREACH (after, &g_timers.timers, link) {
		if (after->due_ms > timer->due_ms) {
			break;
		}
	}
	if (after != NULL) {
		TAILQ_INSERT_BEFORE(after, timer, link);
	} else {
		TAILQ_INSERT_TAIL(&g_timers.timers, timer, link);
	}
	arm();
}

void
service_timer_clear(struct service_timer *timer)
{
	if (service_timer_is_set(timer)) {
		TAILQ_REMOVE(&g_timers.timers, timer, link);
		timer->due_ms = 0;
	}
}

bool
service_timer_is_set(const struct service_timer *timer)
{
	return timer->due_ms != 0;
}
