/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "core/thread/thread_internal.h"

#include "core/thread/chain.h"
#include "spdk/log.h"

/* What spdk_thread_send_msg() seldom does is done by others, so that it needs no frame. */
static __attribute__((noinline)) int
refuse(const struct spdk_thread *thread, spdk_msg_fn fn)
{
	SPDK_ERRLOG("thread %s has exited: message %p is not sent\n", thread->name,
	            (void *)(uintptr_t)fn);
	return -EIO;
}

static __attribute__((noinline)) int
send_slow(struct msg_queue *q, spdk_msg_fn fn, void *ctx)
{
	msg_queue_push_slow(q, &thread_this_os.sender, (uintptr_t)fn, (uintptr_t)ctx, 0);
	return 0;
}

static __attribute__((noinline)) int
wake(struct msg_queue *q)
{
	msg_queue_wake(q);
	return 0;
}

int
spdk_thread_send_msg(const struct spdk_thread *thread, spdk_msg_fn fn, void *ctx)
{
	/* Sending changes the queue, which to the sender is no part of the thread. */
	struct msg_queue *q = (struct msg_queue *)(uintptr_t)&thread->msgs;

	if (spdk_unlikely(thread_state_get(thread) == THREAD_EXITED)) {
		return refuse(thread, fn);
	}
	if (spdk_unlikely(!msg_queue_try_push(q, &thread_this_os.sender, THREAD_MSG_WORDS,
	                                      (uintptr_t)fn, (uintptr_t)ctx, 0))) {
		return send_slow(q, fn, ctx);
	}
	return spdk_unlikely(msg_queue_is_armed(q)) ? wake(q) : 0;
}

int
spdk_thread_send_critical_msg(struct spdk_thread *thread, spdk_msg_fn fn)
{
	spdk_msg_fn none = NULL;

	if (thread_state_get(thread) == THREAD_EXITED) {
		return -EIO;
	}
	/* A lock-free word, and write(), are all that a signal handler may touch. */
	if (!__atomic_compare_exchange_n(&thread->critical, &none, fn, false, __ATOMIC_SEQ_CST,
	                                 __ATOMIC_RELAXED)) {
		return -EIO;
	}
	thread_interrupt_wake(thread);
	return 0;
}

void
thread_chain_ends(void)
{
	struct spdk_thread *thread = thread_this_os.current;

	if (thread != NULL) {
		thread_end_chain(thread);
	}
}

struct run_ctx {
	struct spdk_thread *thread;
	struct cal_stats_reactor *slot;
	bool chain;
};

/* Whether the turn goes on after a message that left something to be done. */
static __attribute__((noinline)) bool
after_message(struct run_ctx *run, uintptr_t fn)
{
	if (thread_locks(run->thread) != 0) {
		thread_locks_held(run->thread, "message", "", fn);
	}
	run->thread->after &= ~AFTER_CHAIN;
	return !run->chain;
}

static inline bool
run_message(void *arg, uint64_t fn, uint64_t ctx, uint64_t none)
{
	struct run_ctx *run = arg;

	slot_begin(run->slot, CAL_RUNNING_MESSAGE, (uintptr_t)fn, 0);
	((spdk_msg_fn)(uintptr_t)fn)((void *)(uintptr_t)ctx);
	return spdk_likely(run->thread->after == 0) || after_message(run, (uintptr_t)fn);
}

uint32_t
thread_run_messages(struct spdk_thread *thread, struct cal_stats_reactor *slot, uint32_t max,
                    bool chain)
{
	struct run_ctx run = { thread, slot, chain };
	struct msg_limit limit = { max, MSG_LANES, NULL };
	uint32_t count;

	if (!chain) {
		limit = msg_limit_now(&thread->msgs, max, &thread_this_os.sender);
	}
	count = msg_queue_run(&thread->msgs, limit, THREAD_MSG_WORDS, run_message, &run);
	slot_end(slot);
	SLOT_SET(slot, messages, slot->messages + count);
	return count;
}
