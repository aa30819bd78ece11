/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Tells helgrind of atomics, which it does not know: it sees in them plain loads and stores, and no
 * order. Included in front of everything by `make helgrind`, so that DPDK's inlined rings and the
 * macros of <stdatomic.h> are told of as well.
 *
 * Each atomic's object is taken out of the search for races (there are none: it is atomic). What is
 * written before a release of it is said to happen before what comes after an acquire of it. Fences
 * add no order, and need not: what they order here is atomic itself. */

#ifndef CAL_TESTS_UNIT_HELGRIND_H
#define CAL_TESTS_UNIT_HELGRIND_H

#include <semaphore.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <valgrind/helgrind.h>

#define HELGRIND_OUT_(p_) VALGRIND_HG_DISABLE_CHECKING((void *)(p_), sizeof(*(p_)))
#define HELGRIND_RELEASE_(p_, order_)                          \
	do {                                                   \
		HELGRIND_OUT_(p_);                             \
		if ((order_) >= __ATOMIC_RELEASE) {            \
			ANNOTATE_HAPPENS_BEFORE((void *)(p_)); \
		}                                              \
	} while (0)
#define HELGRIND_ACQUIRE_(p_, order_)                                               \
	do {                                                                        \
		if ((order_) != __ATOMIC_RELAXED && (order_) != __ATOMIC_RELEASE) { \
			ANNOTATE_HAPPENS_AFTER((void *)(p_));                       \
		}                                                                   \
	} while (0)

/* One that only loads. */
#define HELGRIND_LOAD_(p_, order_, load_)          \
	__extension__({                            \
		__auto_type hg_at_ = (p_);         \
		HELGRIND_OUT_(hg_at_);             \
		__auto_type hg_value_ = (load_);   \
		HELGRIND_ACQUIRE_(hg_at_, order_); \
		hg_value_;                         \
	})
#define HELGRIND_CHANGE_(p_, order_, change_)      \
	__extension__({                            \
		__auto_type hg_at_ = (p_);         \
		HELGRIND_RELEASE_(hg_at_, order_); \
		__auto_type hg_value_ = (change_); \
		HELGRIND_ACQUIRE_(hg_at_, order_); \
		hg_value_;                         \
	})

/* (A macro's own name within it is not replaced again.) */
#define __atomic_load_n(p_, o_) HELGRIND_LOAD_(p_, o_, __atomic_load_n(hg_at_, o_))
#define __atomic_load(p_, to_, o_)              \
	__extension__({                         \
		__auto_type hg_at_ = (p_);      \
		HELGRIND_OUT_(hg_at_);          \
		__atomic_load(hg_at_, to_, o_); \
		HELGRIND_ACQUIRE_(hg_at_, o_);  \
	})
#define __atomic_store_n(p_, v_, o_)              \
	__extension__({                           \
		__auto_type hg_at_ = (p_);        \
		HELGRIND_RELEASE_(hg_at_, o_);    \
		__atomic_store_n(hg_at_, v_, o_); \
	})
#define __atomic_store(p_, from_, o_)              \
	__extension__({                            \
		__auto_type hg_at_ = (p_);         \
		HELGRIND_RELEASE_(hg_at_, o_);     \
		__atomic_store(hg_at_, from_, o_); \
	})
#define __atomic_exchange_n(p_, v_, o_) \
	HELGRIND_CHANGE_(p_, o_, __atomic_exchange_n(hg_at_, v_, o_))
#define __atomic_exchange(p_, v_, to_, o_)              \
	__extension__({                                 \
		__auto_type hg_at_ = (p_);              \
		HELGRIND_RELEASE_(hg_at_, o_);          \
		__atomic_exchange(hg_at_, v_, to_, o_); \
		HELGRIND_ACQUIRE_(hg_at_, o_);          \
	})
#define __atomic_compare_exchange_n(p_, e_, v_, w_, o_, f_) \
	HELGRIND_CHANGE_(p_, o_, __atomic_compare_exchange_n(hg_at_, e_, v_, w_, o_, f_))
#define __atomic_compare_exchange(p_, e_, v_, w_, o_, f_) \
	HELGRIND_CHANGE_(p_, o_, __atomic_compare_exchange(hg_at_, e_, v_, w_, o_, f_))
#define __atomic_fetch_add(p_, v_, o_) HELGRIND_CHANGE_(p_, o_, __atomic_fetch_add(hg_at_, v_, o_))
#define __atomic_fetch_sub(p_, v_, o_) HELGRIND_CHANGE_(p_, o_, __atomic_fetch_sub(hg_at_, v_, o_))
#define __atomic_fetch_or(p_, v_, o_)  HELGRIND_CHANGE_(p_, o_, __atomic_fetch_or(hg_at_, v_, o_))
#define __atomic_fetch_and(p_, v_, o_) HELGRIND_CHANGE_(p_, o_, __atomic_fetch_and(hg_at_, v_, o_))
#define __atomic_add_fetch(p_, v_, o_) HELGRIND_CHANGE_(p_, o_, __atomic_add_fetch(hg_at_, v_, o_))
#define __atomic_sub_fetch(p_, v_, o_) HELGRIND_CHANGE_(p_, o_, __atomic_sub_fetch(hg_at_, v_, o_))

/* helgrind knows the order between sem_post() and sem_wait(), but not that sem_post() itself looks
 * at the semaphore no more once the other goes on: its stack frame may be used anew. */
#define sem_init(sem_, shared_, value_)             \
	__extension__({                             \
		sem_t *hg_sem_ = (sem_);            \
		HELGRIND_OUT_(hg_sem_);             \
		sem_init(hg_sem_, shared_, value_); \
	})

/* Valgrind 3.19 does not know pidfd_open(). A process's end is seen at its connection's, too; the
 * one test of what a pidfd alone tells is left out. */
static inline int
helgrind_pidfd_open(pid_t pid, unsigned flags)
{
	return eventfd(0, EFD_CLOEXEC | (int)flags);
}
#define pidfd_open helgrind_pidfd_open

#endif
