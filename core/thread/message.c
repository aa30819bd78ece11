/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "core/thread/thread_internal.h"

#include "spdk/log.h"

int
spdk_thread_send_msg(const struct spdk_thread *thread, spdk_msg_fn fn, void *ctx)
{
	struct thread_msg msg = { fn, ctx };

	if (spdk_unlikely(thread_state_get(thread) == THREAD_EXITED)) {
		SPDK_ERRLOG("thread %s has exited: message %p is not sent\n", thread->name,
		            (void *)(uintptr_t)fn);
		return -EIO;
	}
	/* Sending changes the queue, which to the sender is no part of the thread. */
	msg_queue_push((struct msg_queue *)(uintptr_t)&thread->msgs, &msg, sizeof(msg),
	               thread_token());
	return 0;
}

int
spdk_thread_send_critical_msg(struct spdk_thread *thread, spdk_msg_fn fn)
{
	spdk_msg_fn none = NULL;

	if (thread_state_get(thread) == THREAD_EXITED) {
		return -EIO;
	}
	/* A lock-free word is all that a signal handler may touch. */
	return __atomic_compare_exchange_n(&thread->critical, &none, fn, false, __ATOMIC_RELEASE,
	                                   __ATOMIC_RELAXED)
	               ? 0
	               : -EIO;
}

uint32_t
thread_run_messages(struct spdk_thread *thread, struct cal_stats_reactor *slot, uint32_t max)
{
	struct thread_msg batch[THREAD_MSG_BATCH];
	uint32_t done = 0, count, i;

	while (done < max) {
		/* What is sent during this turn waits for the next one. */
		count = msg_queue_pop(&thread->msgs, batch, spdk_min(max - done, THREAD_MSG_BATCH),
		                      done == 0);
		if (count == 0) {
			break;
		}
		for (i = 0; i < count; i++) {
			slot_begin(slot, CAL_RUNNING_MESSAGE, (uintptr_t)batch[i].fn, 0);
			batch[i].fn(batch[i].arg);
			slot_end(slot);
			if (spdk_unlikely(thread->after != 0)) {
				thread_locks_held(thread, "message", (uintptr_t)batch[i].fn);
			}
		}
		done += count;
	}
	if (done > 0) {
		SLOT_SET(slot, messages, slot->messages + done);
	}
	return done;
}
