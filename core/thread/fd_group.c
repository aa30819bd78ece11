/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Groups of descriptors over epoll(7).
 *
 * A nested group keeps its own epoll descriptor, which stands in its parent's like any other: what
 * is pending stays pending, what is added later needs nothing, and nesting costs one system call
 * however much is in the group. The price is one epoll_wait() a level when something is ready.
 *
 * Handlers change the group while its events are being handed out. So one that is removed meanwhile
 * is marked and kept until the last wait on this group has returned; its events are passed over.
 * Only this group's own waits can know its handlers: each epoll descriptor reports its own. */

#include "core/thread/fd_group.h"

#include "spdk/likely.h"
#include "spdk/log.h"
#include "spdk/queue.h"
#include "spdk/util.h"

#define FD_GROUP_BATCH 64

struct fd_handler {
	TAILQ_ENTRY(fd_handler) link;
	struct spdk_fd_group *child; /* NULL: a descriptor with a function */
	spdk_fd_fn fn;
	void *arg;
	int fd;
	uint32_t events;
	uint32_t fd_type;
	bool removed;
	char name[];
};
TAILQ_HEAD(fd_handler_list, fd_handler);

struct spdk_fd_group {
	int epfd;
	uint32_t count; /* handlers */
	uint32_t waits; /* that hand out events now */
	bool destroyed; /* by one of them */
	struct fd_handler_list handlers;
	struct fd_handler_list removed; /* to be freed when nobody hands out events */
	struct spdk_fd_group *parent;
	spdk_fd_group_wrapper_fn wrapper;
	void *wrapper_ctx;
	const struct fd_group_turn *turn;
	void *turn_ctx;
};

/* What the handler that runs on this OS thread is called for. */
static __thread const struct epoll_event *t_event;

void
spdk_fd_group_get_default_event_handler_opts(struct spdk_event_handler_opts *opts, size_t opts_size)
{
	if (opts == NULL || opts_size == 0) {
		SPDK_ERRLOG("options and their size must be given\n");
		return;
	}
#define SET(field_, value_)                                                            \
	if (offsetof(struct spdk_event_handler_opts, field_) + sizeof(opts->field_) <= \
	    opts_size) {                                                               \
		opts->field_ = (value_);                                               \
	}
	SET(opts_size, opts_size);
	SET(events, EPOLLIN);
	SET(fd_type, SPDK_FD_TYPE_DEFAULT);
#undef SET
}

int
spdk_fd_group_create(struct spdk_fd_group **_fgrp)
{
	struct spdk_fd_group *fgrp;
	int rc;

	if (_fgrp == NULL) {
		return -EINVAL;
	}
	fgrp = calloc(1, sizeof(*fgrp));
	if (fgrp == NULL) {
		return -ENOMEM;
	}
	TAILQ_INIT(&fgrp->handlers);
	TAILQ_INIT(&fgrp->removed);
	fgrp->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (fgrp->epfd < 0) {
		rc = -errno;
		free(fgrp);
		return rc;
	}
	*_fgrp = fgrp;
	return 0;
}

static void
handlers_free(struct fd_handler_list *list)
{
	struct fd_handler *handler;

	while ((handler = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, handler, link);
		free(handler);
	}
}

/* Free what had to wait for the last wait. */
static void
group_settle(struct spdk_fd_group *fgrp)
{
	if (fgrp->waits > 0) {
		return;
	}
	if (spdk_unlikely(!TAILQ_EMPTY(&fgrp->removed))) {
		handlers_free(&fgrp->removed);
	}
	if (spdk_unlikely(fgrp->destroyed)) {
		free(fgrp);
	}
}

static struct fd_handler *
handler_find(struct spdk_fd_group *fgrp, int fd)
{
	struct fd_handler *handler;

	TAILQ_FOREACH (handler, &fgrp->handlers, link) {
		if (handler->fd == fd) {
			return handler;
		}
	}
	return NULL;
}

/* Take a handler out of the lists; the descriptor is out of the epoll descriptor already. */
static void
handler_drop(struct spdk_fd_group *fgrp, struct fd_handler *handler)
{
	TAILQ_REMOVE(&fgrp->handlers, handler, link);
	fgrp->count--;
	handler->removed = true;
	TAILQ_INSERT_TAIL(&fgrp->removed, handler, link);
	group_settle(fgrp);
}

static int
handler_add(struct spdk_fd_group *fgrp, const struct fd_handler *like, const char *name)
{
	size_t name_size = strlen(name) + 1;
	struct fd_handler *handler = malloc(sizeof(*handler) + name_size), *stale;
	struct epoll_event event = { .events = like->events };
	int rc;

	if (handler == NULL) {
		return -ENOMEM;
	}
	*handler = *like;
	memcpy(handler->name, name, name_size);
	event.data.ptr = handler;
	if (epoll_ctl(fgrp->epfd, EPOLL_CTL_ADD, handler->fd, &event) != 0) {
		rc = -errno;
		free(handler);
		return rc;
	}
	/* The kernel takes a descriptor that is closed out of the group without a word; its number
	 * may come again. */
	stale = handler_find(fgrp, handler->fd);
	if (stale != NULL) {
		handler_drop(fgrp, stale);
	}
	TAILQ_INSERT_TAIL(&fgrp->handlers, handler, link);
	fgrp->count++;
	return 0;
}

static void
handler_remove(struct spdk_fd_group *fgrp, struct fd_handler *handler)
{
	if (epoll_ctl(fgrp->epfd, EPOLL_CTL_DEL, handler->fd, NULL) != 0 && errno != EBADF &&
	    errno != ENOENT) {
		SPDK_ERRLOG("descriptor %d (%s) cannot be taken out of its group: %s\n",
		            handler->fd, handler->name, strerror(errno));
	}
	handler_drop(fgrp, handler);
}

int
spdk_fd_group_add_ext(struct spdk_fd_group *fgrp, int efd, spdk_fd_fn fn, void *arg,
                      const char *name, struct spdk_event_handler_opts *_opts)
{
	struct spdk_event_handler_opts opts;
	struct fd_handler handler = { .fn = fn, .arg = arg, .fd = efd };

	if (fgrp == NULL || efd < 0 || fn == NULL || (_opts != NULL && _opts->opts_size == 0)) {
		return -EINVAL;
	}
	spdk_fd_group_get_default_event_handler_opts(&opts, sizeof(opts));
	if (_opts != NULL) {
		memcpy(&opts, _opts, spdk_min(_opts->opts_size, sizeof(opts)));
	}
	handler.events = opts.events;
	handler.fd_type = opts.fd_type;
	return handler_add(fgrp, &handler, name != NULL ? name : "");
}

int
spdk_fd_group_add_for_events(struct spdk_fd_group *fgrp, int efd, uint32_t events, spdk_fd_fn fn,
                             void *arg, const char *name)
{
	struct spdk_event_handler_opts opts;

	spdk_fd_group_get_default_event_handler_opts(&opts, sizeof(opts));
	opts.events = events;
	return spdk_fd_group_add_ext(fgrp, efd, fn, arg, name, &opts);
}

int
spdk_fd_group_add(struct spdk_fd_group *fgrp, int efd, spdk_fd_fn fn, void *arg, const char *name)
{
	return spdk_fd_group_add_ext(fgrp, efd, fn, arg, name, NULL);
}

void
spdk_fd_group_remove(struct spdk_fd_group *fgrp, int efd)
{
	struct fd_handler *handler = fgrp != NULL ? handler_find(fgrp, efd) : NULL;

	if (handler == NULL || handler->child != NULL) {
		SPDK_ERRLOG("descriptor %d is not in the group: it cannot be removed\n", efd);
		return;
	}
	handler_remove(fgrp, handler);
}

int
spdk_fd_group_event_modify(struct spdk_fd_group *fgrp, int efd, int event_types)
{
	struct fd_handler *handler = fgrp != NULL ? handler_find(fgrp, efd) : NULL;
	struct epoll_event event = { .events = (uint32_t)event_types };

	if (handler == NULL || handler->child != NULL) {
		return -EINVAL;
	}
	event.data.ptr = handler;
	if (epoll_ctl(fgrp->epfd, EPOLL_CTL_MOD, efd, &event) != 0) {
		return -errno;
	}
	handler->events = (uint32_t)event_types;
	return 0;
}

int
spdk_fd_group_nest(struct spdk_fd_group *parent, struct spdk_fd_group *child)
{
	struct fd_handler handler = { .child = child, .events = EPOLLIN };
	int rc;

	if (parent == NULL || child == NULL || parent == child || child->parent != NULL) {
		return -EINVAL;
	}
	handler.fd = child->epfd;
	rc = handler_add(parent, &handler, "nested group");
	if (rc == 0) {
		child->parent = parent;
	}
	return rc;
}

int
spdk_fd_group_unnest(struct spdk_fd_group *parent, struct spdk_fd_group *child)
{
	if (parent == NULL || child == NULL || child->parent != parent) {
		return -EINVAL;
	}
	handler_remove(parent, handler_find(parent, child->epfd));
	child->parent = NULL;
	return 0;
}

void
spdk_fd_group_destroy(struct spdk_fd_group *fgrp)
{
	struct fd_handler *handler;

	if (fgrp == NULL) {
		return;
	}
	if (fgrp->parent != NULL) {
		spdk_fd_group_unnest(fgrp->parent, fgrp);
	}
	while ((handler = TAILQ_FIRST(&fgrp->handlers)) != NULL) {
		if (handler->child != NULL) {
			spdk_fd_group_unnest(fgrp, handler->child);
			continue;
		}
		SPDK_ERRLOG("descriptor %d (%s) was still in a group that is destroyed\n",
		            handler->fd, handler->name);
		handler_remove(fgrp, handler);
	}
	close(fgrp->epfd);
	fgrp->epfd = -1;
	fgrp->destroyed = true;
	group_settle(fgrp);
}

int
spdk_fd_group_get_fd(struct spdk_fd_group *fgrp)
{
	return fgrp->epfd;
}

int
spdk_fd_group_set_wrapper(struct spdk_fd_group *fgrp, spdk_fd_group_wrapper_fn cb_fn, void *cb_ctx)
{
	if (fgrp == NULL) {
		return -EINVAL;
	}
	if (cb_fn != NULL && fgrp->wrapper != NULL) {
		return -EEXIST;
	}
	fgrp->wrapper = cb_fn;
	fgrp->wrapper_ctx = cb_ctx;
	return 0;
}

void
fd_group_set_turn(struct spdk_fd_group *fgrp, const struct fd_group_turn *turn, void *ctx)
{
	fgrp->turn = turn;
	fgrp->turn_ctx = ctx;
}

int
spdk_fd_group_get_epoll_event(struct epoll_event *event)
{
	if (event == NULL || t_event == NULL) {
		return -EINVAL;
	}
	*event = *t_event;
	return 0;
}

/* Reset an eventfd. Never blocks, whatever its flags: another handler may have read it since it was
 * reported. Returns whether there was anything. */
static bool
eventfd_drain(const struct fd_handler *handler)
{
	uint64_t value;
	struct iovec iov = { .iov_base = &value, .iov_len = sizeof(value) };
	ssize_t got;

	do {
		got = preadv2(handler->fd, &iov, 1, -1, RWF_NOWAIT);
		if (got < 0 && errno == EOPNOTSUPP) {
			got = read(handler->fd, &value, sizeof(value));
		}
	} while (got < 0 && errno == EINTR);
	if (got < 0 && errno != EAGAIN) {
		SPDK_ERRLOG("eventfd %d (%s) cannot be read: %s\n", handler->fd, handler->name,
		            strerror(errno));
	}
	return got > 0;
}

struct wrapped_call {
	const struct spdk_fd_group *fgrp;
	spdk_fd_fn fn;
	void *arg;
};

static int
call_wrapper(void *arg)
{
	struct wrapped_call *call = arg;

	return call->fgrp->wrapper(call->fgrp->wrapper_ctx, call->fn, call->arg);
}

/* Call by way of the wrappers from this group outwards, the outermost first. */
static int
call_from(const struct spdk_fd_group *fgrp, spdk_fd_fn fn, void *arg)
{
	struct wrapped_call call;

	while (fgrp != NULL && fgrp->wrapper == NULL) {
		fgrp = fgrp->parent;
	}
	if (fgrp == NULL) {
		return fn(arg);
	}
	call = (struct wrapped_call){ fgrp, fn, arg };
	return fgrp->parent != NULL ? call_from(fgrp->parent, call_wrapper, &call)
	                            : call_wrapper(&call);
}

/* Hand out one event. Returns how many handlers were called. */
static int
handler_call(struct spdk_fd_group *fgrp, const struct fd_handler *handler,
             const struct epoll_event *reported)
{
	const struct epoll_event *before = t_event;
	struct epoll_event event = { .events = reported->events, .data.fd = handler->fd };
	int rc;

	if (handler->removed) {
		return 0;
	}
	if (handler->child != NULL) {
		rc = spdk_fd_group_wait(handler->child, 0);
		return spdk_max(rc, 0);
	}
	/* What is waited for may have been changed since it was reported. */
	if ((reported->events & (handler->events | EPOLLERR | EPOLLHUP)) == 0) {
		return 0;
	}
	if (handler->fd_type == SPDK_FD_TYPE_EVENTFD && !eventfd_drain(handler)) {
		return 0;
	}
	t_event = &event;
	call_from(fgrp, handler->fn, handler->arg);
	t_event = before;
	return 1;
}

int
spdk_fd_group_wait(struct spdk_fd_group *fgrp, int timeout)
{
	struct epoll_event events[FD_GROUP_BATCH];
	int64_t left;
	int ready, i, called = 0;

	if (fgrp == NULL) {
		return -EINVAL;
	}
	if (fgrp->turn != NULL && fgrp->waits > 0) {
		return -EBUSY;
	}
	ready = epoll_wait(fgrp->epfd, events, FD_GROUP_BATCH, timeout);
	if (ready <= 0) {
		return ready == 0 ? 0 : -errno;
	}
	fgrp->waits++;
	if (fgrp->turn != NULL) {
		fgrp->turn->begin(fgrp->turn_ctx);
	}
	/* The kernel reports those that stay ready in turns: after as many events as there are
	 * handlers, each has been served. */
	for (left = fgrp->count; ready > 0;
	     ready = epoll_wait(fgrp->epfd, events, (int)spdk_min(left, FD_GROUP_BATCH), 0)) {
		for (i = 0; i < ready && !fgrp->destroyed; i++) {
			called += handler_call(fgrp, events[i].data.ptr, &events[i]);
		}
		left -= ready;
		if (ready < FD_GROUP_BATCH || left <= 0 || fgrp->destroyed) {
			break;
		}
	}
	if (fgrp->turn != NULL && !fgrp->destroyed) {
		fgrp->turn->end(fgrp->turn_ctx);
	}
	fgrp->waits--;
	group_settle(fgrp);
	return called;
}
