/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Descriptors that an application has a thread wait for in interrupt mode. They stand in the
 * thread's group; a group of the application's is nested in it. */

#include "core/thread/thread_interrupt.h"

#include "spdk/log.h"
#include "spdk/string.h"

struct spdk_interrupt {
	TAILQ_ENTRY(spdk_interrupt) link;
	struct spdk_thread *thread;
	struct spdk_fd_group *fgrp; /* NULL: a descriptor */
	int fd;
	bool dropped; /* its thread has exited */
	char name[];
};

/* The thread that is to have it, with a group. NULL, and a line in the log, if there is none. */
static struct spdk_thread *
interrupt_thread(const char *name)
{
	struct spdk_thread *thread = thread_this_os.current;
	int rc;

	if (thread == NULL) {
		SPDK_ERRLOG("interrupt %s cannot be registered: the caller is on no thread\n",
		            name);
		return NULL;
	}
	if (thread_state_get(thread) == THREAD_EXITED) {
		SPDK_ERRLOG("thread %s has exited: interrupt %s cannot be registered\n",
		            thread->name, name);
		return NULL;
	}
	rc = thread_interrupt_init(thread);
	if (rc != 0) {
		SPDK_ERRLOG("interrupt %s cannot be registered: thread %s can have no descriptors: "
		            "%s\n",
		            name, thread->name, spdk_strerror(-rc));
		return NULL;
	}
	return thread;
}

static struct spdk_interrupt *
interrupt_alloc(struct spdk_thread *thread, const char *name)
{
	size_t name_size = strlen(name) + 1;
	struct spdk_interrupt *intr = calloc(1, sizeof(*intr) + name_size);

	if (intr == NULL) {
		SPDK_ERRLOG("no memory for interrupt %s\n", name);
		return NULL;
	}
	memcpy(intr->name, name, name_size);
	intr->thread = thread;
	intr->fd = -1;
	return intr;
}

/* Enter it in the thread's list, or log and free it. */
static struct spdk_interrupt *
interrupt_enlist(struct spdk_interrupt *intr, int rc)
{
	if (rc != 0) {
		SPDK_ERRLOG("interrupt %s cannot be registered on thread %s: %s\n", intr->name,
		            intr->thread->name, spdk_strerror(-rc));
		free(intr);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&intr->thread->intr->interrupts, intr, link);
	return intr;
}

struct spdk_interrupt *
spdk_interrupt_register_ext(int efd, spdk_interrupt_fn fn, void *arg, const char *name,
                            struct spdk_event_handler_opts *opts)
{
	struct spdk_thread *thread;
	struct spdk_interrupt *intr;
	char address[24];

	if (name == NULL) {
		snprintf(address, sizeof(address), "%p", (void *)(uintptr_t)fn);
		name = address;
	}
	thread = interrupt_thread(name);
	intr = thread != NULL ? interrupt_alloc(thread, name) : NULL;
	if (intr == NULL) {
		return NULL;
	}
	intr->fd = efd;
	return interrupt_enlist(
		intr, spdk_fd_group_add_ext(thread->intr->fgrp, efd, fn, arg, name, opts));
}

struct spdk_interrupt *
spdk_interrupt_register_for_events(int efd, uint32_t events, spdk_interrupt_fn fn, void *arg,
                                   const char *name)
{
	struct spdk_event_handler_opts opts;

	spdk_fd_group_get_default_event_handler_opts(&opts, sizeof(opts));
	opts.events = events;
	return spdk_interrupt_register_ext(efd, fn, arg, name, &opts);
}

struct spdk_interrupt *
spdk_interrupt_register(int efd, spdk_interrupt_fn fn, void *arg, const char *name)
{
	return spdk_interrupt_register_ext(efd, fn, arg, name, NULL);
}

struct spdk_interrupt *
spdk_interrupt_register_fd_group(struct spdk_fd_group *fgrp, const char *name)
{
	struct spdk_thread *thread = interrupt_thread(name != NULL ? name : "of a group");
	struct spdk_interrupt *intr;

	intr = thread != NULL ? interrupt_alloc(thread, name != NULL ? name : "group") : NULL;
	if (intr == NULL) {
		return NULL;
	}
	intr->fgrp = fgrp;
	return interrupt_enlist(intr, spdk_fd_group_nest(thread->intr->fgrp, fgrp));
}

/* Wait for it no more. */
static void
interrupt_drop(struct spdk_interrupt *intr)
{
	if (intr->dropped) {
		return;
	}
	intr->dropped = true;
	if (intr->fgrp != NULL) {
		spdk_fd_group_unnest(intr->thread->intr->fgrp, intr->fgrp);
	} else {
		spdk_fd_group_remove(intr->thread->intr->fgrp, intr->fd);
	}
}

void
spdk_interrupt_unregister(struct spdk_interrupt **pintr)
{
	struct spdk_interrupt *intr = *pintr;

	if (intr == NULL) {
		return;
	}
	*pintr = NULL;
	thread_check(__func__, "interrupt", intr->name, intr, intr->thread);
	interrupt_drop(intr);
	TAILQ_REMOVE(&intr->thread->intr->interrupts, intr, link);
	free(intr);
}

int
spdk_interrupt_set_event_types(struct spdk_interrupt *intr,
                               enum spdk_interrupt_event_types event_types)
{
	thread_check(__func__, "interrupt", intr->name, intr, intr->thread);
	if (intr->fgrp != NULL) {
		return -EINVAL;
	}
	return spdk_fd_group_event_modify(intr->thread->intr->fgrp, intr->fd, (int)event_types);
}

struct spdk_interrupt *
interrupt_first(const struct spdk_thread *thread)
{
	return thread->intr != NULL ? TAILQ_FIRST(&thread->intr->interrupts) : NULL;
}

struct spdk_interrupt *
interrupt_next(struct spdk_interrupt *prev)
{
	return TAILQ_NEXT(prev, link);
}

const char *
interrupt_name(const struct spdk_interrupt *intr)
{
	return intr->name;
}

void
interrupts_drop(struct spdk_thread *thread)
{
	struct spdk_interrupt *intr;

	for (intr = interrupt_first(thread); intr != NULL; intr = interrupt_next(intr)) {
		interrupt_drop(intr);
	}
}

void
interrupts_free(struct spdk_thread *thread)
{
	struct interrupt_list *list = &thread->intr->interrupts;
	struct spdk_interrupt *intr;

	interrupts_drop(thread);
	while ((intr = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, intr, link);
		free(intr);
	}
}
