/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "core/thread/thread_internal.h"

#include "spdk/log.h"

int
spdk_thread_send_msg(const struct spdk_thread *thread, spdk_msg_fn fn, void *ctx)
{
	uint64_t msg[THREAD_MSG_WORDS] = { (uintptr_t)fn, (uintptr_t)ctx };

	if (spdk_unlikely(thread_state_get(thread) == THREAD_EXITED)) {
		SPDK_ERRLOG("thread %s has exited: message %p is not sent\n", thread->name,
		            (void *)(uintptr_t)fn);
		return -EIO;
	}
	/* Sending changes the queue, which to the sender is no part of the thread. */
	msg_queue_push((struct msg_queue *)(uintptr_t)&thread->msgs, &thread_this_os.sender, msg,
	               THREAD_MSG_WORDS);
	return 0;
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

uint32_t
thread_run_messages(struct spdk_thread *thread, struct cal_stats_reactor *slot, uint32_t max)
{
	uint64_t batch[THREAD_MSG_MAX * THREAD_MSG_WORDS], *msg = batch;
	uint32_t count, i;

	/* All at once: what is sent during this turn waits for the next one. */
	count = msg_queue_pop(&thread->msgs, batch, spdk_min(max, THREAD_MSG_MAX),
	                      THREAD_MSG_WORDS);
	if (count == 0) {
		return 0;
	}
	for (i = 0; i < count; i++, msg += THREAD_MSG_WORDS) {
		slot_begin(slot, CAL_RUNNING_MESSAGE, (uintptr_t)msg[0], 0);
		((spdk_msg_fn)(uintptr_t)msg[0])((void *)(uintptr_t)msg[1]);
		if (spdk_unlikely(thread->after != 0)) {
			thread_locks_held(thread, "message", (uintptr_t)msg[0]);
		}
	}
	slot_end(slot);
	SLOT_SET(slot, messages, slot->messages + count);
	return count;
}
