/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "core/thread/thread_internal.h"

static struct spdk_thread *
spin_check(const char *func, struct spdk_spinlock *sspin)
{
	struct spdk_thread *thread = thread_this_os.current;

	if (spdk_unlikely(thread == NULL)) {
		thread_fatal(func,
		             "spinlock %p must be used on a thread, and was used outside of any",
		             (void *)sspin);
	}
	if (spdk_unlikely(!sspin->initialized || sspin->destroyed)) {
		thread_fatal(func, "spinlock %p %s", (void *)sspin,
		             sspin->destroyed ? "was destroyed" : "was never initialized");
	}
	return thread;
}

void
spdk_spin_init(struct spdk_spinlock *sspin)
{
	int rc;

	memset(sspin, 0, sizeof(*sspin));
	rc = pthread_spin_init(&sspin->spinlock, PTHREAD_PROCESS_PRIVATE);
	if (rc != 0) {
		thread_fatal(__func__, "spinlock %p cannot be initialized: %d", (void *)sspin, rc);
	}
	sspin->initialized = true;
}

void
spdk_spin_destroy(struct spdk_spinlock *sspin)
{
	struct spdk_thread *holder = __atomic_load_n(&sspin->thread, __ATOMIC_RELAXED);

	if (!sspin->initialized || sspin->destroyed || holder != NULL) {
		thread_fatal(__func__, "spinlock %p %s%s", (void *)sspin,
		             holder != NULL     ? "is held by thread "
		             : sspin->destroyed ? "was destroyed before"
		                                : "was never initialized",
		             holder != NULL ? holder->name : "");
	}
	pthread_spin_destroy(&sspin->spinlock);
	sspin->destroyed = true;
}

void
spdk_spin_lock(struct spdk_spinlock *sspin)
{
	struct spdk_thread *thread = spin_check(__func__, sspin);

	/* Only this thread can have written its own name there. */
	if (spdk_unlikely(__atomic_load_n(&sspin->thread, __ATOMIC_RELAXED) == thread)) {
		thread_fatal(__func__, "spinlock %p is held by this thread, %s, already",
		             (void *)sspin, thread->name);
	}
	pthread_spin_lock(&sspin->spinlock);
	__atomic_store_n(&sspin->thread, thread, __ATOMIC_RELAXED);
	thread->after++;
}

void
spdk_spin_unlock(struct spdk_spinlock *sspin)
{
	struct spdk_thread *thread = spin_check(__func__, sspin);
	struct spdk_thread *holder = __atomic_load_n(&sspin->thread, __ATOMIC_RELAXED);

	if (spdk_unlikely(holder != thread)) {
		thread_fatal(__func__, "spinlock %p is unlocked by thread %s but held by %s",
		             (void *)sspin, thread->name, holder != NULL ? holder->name : "nobody");
	}
	thread->after--;
	__atomic_store_n(&sspin->thread, NULL, __ATOMIC_RELAXED);
	pthread_spin_unlock(&sspin->spinlock);
}

bool
spdk_spin_held(struct spdk_spinlock *sspin)
{
	return __atomic_load_n(&sspin->thread, __ATOMIC_RELAXED) ==
	       thread_required(__func__, "spinlock");
}
