/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Groups of descriptors that are waited for together, by epoll(7): what interrupt mode is made of.
 *
 * A group belongs to whoever waits for it: all functions on it, and on groups nested in it, are
 * called by one OS thread at a time. Errors are negative errnos. A handler may add, remove, nest,
 * unnest and destroy anything, itself included; a handler that was removed is not called any more,
 * not even for an event that was under way. */

#ifndef SPDK_FD_GROUP_H
#define SPDK_FD_GROUP_H

#include "spdk/stdinc.h"
#include "spdk/assert.h"

#ifdef __cplusplus
extern "C" {
#endif

enum spdk_fd_type {
	SPDK_FD_TYPE_DEFAULT = 0x0,
	SPDK_FD_TYPE_EVENTFD = 0x1, /* an eventfd: read before its handler is called */
};

struct spdk_event_handler_opts {
	size_t opts_size; /* of this structure as the caller knows it */
	uint32_t events;
	uint32_t fd_type; /* enum spdk_fd_type */
};
SPDK_STATIC_ASSERT(sizeof(struct spdk_event_handler_opts) == 16, "Incorrect size");

/** Handler of a descriptor. Returns 0 for nothing done, more for events handled, or a negative
 *  errno. */
typedef int (*spdk_fd_fn)(void *ctx);

struct spdk_fd_group;

/** Fill in the defaults, as far as `opts_size` reaches: SPDK_INTERRUPT_EVENT_IN and
 *  SPDK_FD_TYPE_DEFAULT. */
void spdk_fd_group_get_default_event_handler_opts(struct spdk_event_handler_opts *opts,
                                                  size_t opts_size);

/** Make an empty group. Returns 0, -EINVAL, -ENOMEM, or why there is no epoll descriptor. */
int spdk_fd_group_create(struct spdk_fd_group **fgrp);

/** Free a group from which everything has been removed; what is left is named in the log and goes.
 *  NULL is allowed. */
void spdk_fd_group_destroy(struct spdk_fd_group *fgrp);

/** Wait until something is ready, at most `timeout` milliseconds (-1: for ever, 0: not at all), and
 *  call the handlers, those of nested groups included. Returns how many were called, 0 if time ran
 *  out, -EINTR if a signal came first, -EINVAL, or -EBUSY for the group of an spdk_thread in whose
 *  turn it is called. */
int spdk_fd_group_wait(struct spdk_fd_group *fgrp, int timeout);

/** The group's epoll descriptor, nested or not: it is readable while something in the group is
 *  ready. */
int spdk_fd_group_get_fd(struct spdk_fd_group *fgrp);

/** Have the parent's spdk_fd_group_wait() serve the child, too, with whatever is in it now or
 * later. Returns 0, -EINVAL if the child is in a group already, -ELOOP for a circle or more than
 * five levels, -ENOMEM. The child may still be waited for by itself. */
int spdk_fd_group_nest(struct spdk_fd_group *parent, struct spdk_fd_group *child);

/** Undo it. Returns 0, or -EINVAL if the child is not in this parent. */
int spdk_fd_group_unnest(struct spdk_fd_group *parent, struct spdk_fd_group *child);

/** Call `fn(arg)` in spdk_fd_group_wait() whenever `efd` is readable. The name (copied, NULL: none)
 *  is for logs. Returns 0, -EINVAL for a negative descriptor or no function, -EEXIST, -EBADF,
 *  -EPERM for a file that cannot be waited for, -ENOMEM, -ENOSPC. */
int spdk_fd_group_add(struct spdk_fd_group *fgrp, int efd, spdk_fd_fn fn, void *arg,
                      const char *name);

/** The same for any of `events`, a mask of enum spdk_interrupt_event_types. */
int spdk_fd_group_add_for_events(struct spdk_fd_group *fgrp, int efd, uint32_t events,
                                 spdk_fd_fn fn, void *arg, const char *name);

/** The same with options, of which `opts_size` must be set; NULL: the defaults. An eventfd
 *  (SPDK_FD_TYPE_EVENTFD) is read before its handler is called, which is not called if somebody
 *  else has read it in between. */
int spdk_fd_group_add_ext(struct spdk_fd_group *fgrp, int efd, spdk_fd_fn fn, void *arg,
                          const char *name, struct spdk_event_handler_opts *opts);

/** Named after the function. */
#define SPDK_FD_GROUP_ADD(fgrp, efd, fn, arg) spdk_fd_group_add(fgrp, efd, fn, arg, #fn)
#define SPDK_FD_GROUP_ADD_EXT(fgrp, efd, fn, arg, opts) \
	spdk_fd_group_add_ext(fgrp, efd, fn, arg, #fn, opts)

/** Cease to wait for a descriptor, before it is closed. One that is not in the group is named in
 *  the log. */
void spdk_fd_group_remove(struct spdk_fd_group *fgrp, int efd);

/** Wait for other events of a descriptor, a mask of enum spdk_interrupt_event_types. Returns 0,
 *  -EINVAL if it is not in the group, or why epoll refuses (-EBADF: it was closed). */
int spdk_fd_group_event_modify(struct spdk_fd_group *fgrp, int efd, int event_types);

struct epoll_event;
/** In a handler: the event that it is called for. Returns 0, or -EINVAL outside of one. */
int spdk_fd_group_get_epoll_event(struct epoll_event *event);

/** Calls cb_fn(cb_ctx) and returns what it returned. */
typedef int (*spdk_fd_group_wrapper_fn)(void *wrapper_ctx, spdk_fd_fn cb_fn, void *cb_ctx);

/** Have every handler of the group, and of groups nested in it, called by way of `cb_fn`; with a
 *  wrapper on several levels, the outermost calls the next. NULL: no wrapper any more. Returns 0,
 *  -EINVAL, or -EEXIST if there is one. */
int spdk_fd_group_set_wrapper(struct spdk_fd_group *fgrp, spdk_fd_group_wrapper_fn cb_fn,
                              void *cb_ctx);

#ifdef __cplusplus
}
#endif
#endif
