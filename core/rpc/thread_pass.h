/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What lightweight threads report of themselves, each on itself. A thread may have thousands of
 * pollers, and writing them down must not stall it: a visit writes a dozen of them and looks at
 * some more, and as long as something is left the threads are visited again.
 *
 * One pass over the threads is under way at a time, since two would make two visits in one turn of
 * a thread. Who asks meanwhile waits for the next one, which answers all that asked for the same:
 * an answer never tells of a time before its question. App thread. */

#ifndef CAL_CORE_RPC_THREAD_PASS_H
#define CAL_CORE_RPC_THREAD_PASS_H

#include <stdbool.h>
#include <stdint.h>

struct spdk_json_write_ctx;
struct spdk_jsonrpc_request;
struct spdk_thread;

/* What is written of a thread: some members, then arrays of items, each of which is in one of them.
 * All of it is called on the thread. */
struct thread_view {
	/** `counts` are of the items of each group, if they are counted. */
	void (*write_thread)(struct spdk_json_write_ctx *w, struct spdk_thread *thread,
	                     const uint64_t *counts);
	const char *const *groups; /* names of the arrays, NULL-terminated */
	bool counts;               /* the items are counted, and not written */
	/** As thread_walk_poller(). */
	void *(*next)(struct spdk_thread *thread, uint64_t *position);
	unsigned (*group_of)(void *item);
	void (*write_item)(struct spdk_json_write_ctx *w, void *item);
};

/** Have a handler's request answered with {"tick_rate", "threads": […]}. */
void thread_pass_answer(struct spdk_jsonrpc_request *request, const struct thread_view *view);

#endif
