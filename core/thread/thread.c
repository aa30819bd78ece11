/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Life of a thread: created, polled, asked to exit, exited, destroyed. */

#include "core/thread/thread_turn.h"

#include "spdk/log.h"
#include "core/util/log_internal.h"

struct thread_list thread_lib_threads = TAILQ_HEAD_INITIALIZER(thread_lib_threads);
__thread struct thread_tls thread_this_os = { .sender.index = MSG_LANES };

/* Memory of threads that were destroyed, oldest first. Under the lock. */
static struct thread_list g_spare = TAILQ_HEAD_INITIALIZER(g_spare);
static pthread_mutex_t g_lock = PTHREAD_MUTEX_INITIALIZER;
static struct spdk_thread *g_app_thread;
static uint32_t g_num_threads;
static uint64_t g_next_id = 1;
static bool g_initialized;
static size_t g_ctx_size;
static spdk_new_thread_fn g_new_thread_fn;
static spdk_thread_op_fn g_op_fn;
static spdk_thread_op_supported_fn g_op_supported_fn;

void
thread_lib_lock(void)
{
	pthread_mutex_lock(&g_lock);
}

void
thread_lib_unlock(void)
{
	pthread_mutex_unlock(&g_lock);
}

static int
lib_init(spdk_new_thread_fn new_thread_fn, spdk_thread_op_fn op_fn,
         spdk_thread_op_supported_fn op_supported_fn, size_t ctx_size)
{
	if (g_initialized) {
		SPDK_ERRLOG("the threading library is initialized already\n");
		return -EALREADY;
	}
	g_new_thread_fn = new_thread_fn;
	g_op_fn = op_fn;
	g_op_supported_fn = op_supported_fn;
	g_ctx_size = ctx_size;
	g_initialized = true;
	return 0;
}

int
spdk_thread_lib_init(spdk_new_thread_fn new_thread_fn, size_t ctx_sz)
{
	return lib_init(new_thread_fn, NULL, NULL, ctx_sz);
}

int
spdk_thread_lib_init_ext(spdk_thread_op_fn thread_op_fn,
                         spdk_thread_op_supported_fn thread_op_supported_fn, size_t ctx_sz,
                         size_t msg_mempool_size)
{
	if ((thread_op_fn == NULL) != (thread_op_supported_fn == NULL)) {
		SPDK_ERRLOG("the two functions for thread operations must be given together\n");
		return -EINVAL;
	}
	return lib_init(NULL, thread_op_fn, thread_op_supported_fn, ctx_sz);
}

static void
spare_free_all(void)
{
	struct spdk_thread *thread;

	while ((thread = TAILQ_FIRST(&g_spare)) != NULL) {
		TAILQ_REMOVE(&g_spare, thread, link);
		msg_queue_fini(&thread->msgs);
		if (thread->kept_fd >= 0) {
			close(thread->kept_fd);
		}
		free(thread);
	}
}

void
spdk_thread_lib_fini(void)
{
	struct spdk_thread *thread;

	thread_lib_lock();
	TAILQ_FOREACH (thread, &thread_lib_threads, link) {
		SPDK_ERRLOG("thread %s was not destroyed before the library's end\n", thread->name);
	}
	spare_free_all();
	thread_lib_unlock();
	io_device_report_left();
	g_app_thread = NULL;
	g_new_thread_fn = NULL;
	g_op_fn = NULL;
	g_op_supported_fn = NULL;
	g_ctx_size = 0;
	g_initialized = false;
}

static bool
op_supported(enum spdk_thread_op op)
{
	return g_op_supported_fn != NULL && g_op_supported_fn(op);
}

/* The memory is kept for a later thread, with its queue and wake descriptor as they are. A sender
 * looks at them after its message can be seen, and that message may be what made the thread exit
 * and be destroyed: so what it looks at must go on being a queue, and that descriptor. The worst
 * that comes of it is that the next thread is woken for nothing. */
static void
thread_free(struct spdk_thread *thread)
{
	uint32_t channels, msgs;

	thread_lib_lock();
	/* One that could not be placed has been in the list, and walks may have found it. */
	thread_let_go(thread);
	TAILQ_REMOVE(&thread_lib_threads, thread, link);
	g_num_threads--;
	if (g_app_thread == thread) {
		__atomic_store_n(&g_app_thread, NULL, __ATOMIC_RELEASE);
	}
	thread_lib_unlock();
	thread_free_pollers(thread);
	thread_interrupt_fini(thread);
	channels = io_channel_free_all(thread);
	msgs = msg_queue_drop(&thread->msgs);
	if (channels > 0 || msgs > 0) {
		SPDK_ERRLOG("thread %s ended with %u channels and %u messages left\n", thread->name,
		            channels, msgs);
	}
	thread_lib_lock();
	TAILQ_INSERT_TAIL(&g_spare, thread, link);
	thread_lib_unlock();
}

static struct spdk_thread *
memory_new(size_t size)
{
	struct spdk_thread *thread = aligned_alloc(SPDK_CACHE_LINE_SIZE, size);

	if (thread != NULL) {
		memset(thread, 0, size);
		msg_queue_init(&thread->msgs, THREAD_MSG_WORDS);
		thread->wake_fd = thread->kept_fd = -1;
		thread->ctx_size = g_ctx_size;
	}
	return thread;
}

/* Memory of an earlier thread, zeroed but for what late senders may look at; NULL if there is none.
 */
static struct spdk_thread *
memory_again(size_t size)
{
	const size_t msgs = sizeof(struct msg_queue);
	const size_t kept = offsetof(struct spdk_thread, wake_fd);
	const size_t rest = offsetof(struct spdk_thread, link);
	struct spdk_thread *thread;
	uint32_t left;
	uint8_t *bytes;

	thread_lib_lock();
	thread = TAILQ_FIRST(&g_spare);
	/* The size can differ only after spdk_thread_lib_fini() with threads left. */
	if (thread != NULL && thread->ctx_size == g_ctx_size) {
		TAILQ_REMOVE(&g_spare, thread, link);
	} else {
		thread = NULL;
	}
	thread_lib_unlock();
	if (thread != NULL) {
		/* Sent by who had looked at its state just before it exited. */
		left = msg_queue_drop(&thread->msgs);
		if (left > 0) {
			SPDK_ERRLOG("%u messages came to thread %s after its end\n", left,
			            thread->name);
		}
		bytes = (uint8_t *)thread;
		memset(bytes + msgs, 0, kept - msgs);
		memset(bytes + rest, 0, size - rest);
	}
	return thread;
}

static struct spdk_thread *
thread_alloc(const char *name, const struct spdk_cpuset *cpumask)
{
	size_t size = SPDK_ALIGN_CEIL(sizeof(struct spdk_thread) + g_ctx_size,
	                              (size_t)SPDK_CACHE_LINE_SIZE);
	struct spdk_thread *thread = memory_again(size);

	if (thread == NULL) {
		thread = memory_new(size);
	}
	if (thread == NULL) {
		return NULL;
	}
	TAILQ_INIT(&thread->paused);
	TAILQ_INIT(&thread->unregistered);
	TAILQ_INIT(&thread->quiet);
	TAILQ_INIT(&thread->with_intr);
	RB_INIT(&thread->channels);
	RB_INIT(&thread->pollers);
	TAILQ_INIT(&thread->begun);
	TAILQ_INIT(&thread->visitors);
	TAILQ_INIT(&thread->owed_to_it);
	thread->next_poller_id = 1;
	thread->polled_by = THREAD_POLLED_BY_NOBODY;
	thread->last_tsc = spdk_get_ticks();
	if (cpumask != NULL) {
		spdk_cpuset_copy(&thread->cpumask, cpumask);
	} else {
		spdk_cpuset_negate(&thread->cpumask);
	}
	if (name != NULL) {
		snprintf(thread->name, sizeof(thread->name), "%s", name);
	} else {
		snprintf(thread->name, sizeof(thread->name), "%p", (void *)thread);
	}
	return thread;
}

/* 16 bits, so ids of threads that have gone are given out again, as late as possible. Under the
 * lock. */
static uint16_t
trace_id_new(void)
{
	static uint16_t last;
	const struct spdk_thread *thread;
	uint32_t tries;

	for (tries = 0; tries < UINT16_MAX; tries++) {
		last = last == UINT16_MAX ? 1 : last + 1;
		TAILQ_FOREACH (thread, &thread_lib_threads, link) {
			if (thread->trace_id == last) {
				break;
			}
		}
		if (thread == NULL) {
			return last;
		}
	}
	return 0;
}

struct spdk_thread *
spdk_thread_create(const char *name, const struct spdk_cpuset *cpumask)
{
	struct spdk_thread *thread = thread_alloc(name, cpumask);
	const char *why = "be placed on a core";
	bool first = false;
	int rc = 0;

	if (thread == NULL) {
		SPDK_ERRLOG("no memory for thread %s\n", name != NULL ? name : "");
		return NULL;
	}
	thread_lib_lock();
	thread->id = g_next_id++;
	thread->trace_id = trace_id_new();
	TAILQ_INSERT_TAIL(&thread_lib_threads, thread, link);
	g_num_threads++;
	if (g_app_thread == NULL) {
		__atomic_store_n(&g_app_thread, thread, __ATOMIC_RELEASE);
		first = true;
	}
	thread_lib_unlock();

	if (spdk_interrupt_mode_is_enabled()) {
		rc = thread_interrupt_enter(thread);
	}
	if (rc != 0) {
		why = "be given the descriptors of interrupt mode";
	} else if (g_new_thread_fn != NULL) {
		rc = g_new_thread_fn(thread);
	} else if (op_supported(SPDK_THREAD_OP_NEW)) {
		rc = g_op_fn(thread, SPDK_THREAD_OP_NEW);
	}
	if (rc != 0) {
		SPDK_ERRLOG("thread %s could not %s: %d%s\n", thread->name, why, rc,
		            first ? "; it would have been the app thread" : "");
		thread_free(thread);
		return NULL;
	}
	return thread;
}

struct spdk_thread *
spdk_thread_get_app_thread(void)
{
	return __atomic_load_n(&g_app_thread, __ATOMIC_ACQUIRE);
}

bool
spdk_thread_is_app_thread(struct spdk_thread *thread)
{
	if (thread == NULL) {
		thread = thread_this_os.current;
	}
	return thread != NULL && thread == spdk_thread_get_app_thread();
}

void
spdk_set_thread(struct spdk_thread *thread)
{
	if (thread != NULL) {
		thread_be_polled_here(thread);
	}
	thread_this_os.current = thread;
}

struct spdk_thread *
spdk_get_thread(void)
{
	return thread_this_os.current;
}

void
spdk_thread_destroy(struct spdk_thread *thread)
{
	if (thread_state_get(thread) != THREAD_EXITED) {
		SPDK_ERRLOG("thread %s cannot be destroyed: it has not exited\n", thread->name);
		return;
	}
	if (thread_this_os.current == thread) {
		thread_this_os.current = NULL;
	}
	thread_free(thread);
}

/* This OS thread takes the thread over from another one: what it sends from here must not overtake
 * what it has sent from there. */
void
thread_take_over(struct spdk_thread *thread)
{
	static uint64_t last_id;

	if (thread_this_os.id == 0) {
		thread_this_os.id = __atomic_add_fetch(&last_id, 1, __ATOMIC_RELAXED);
	}
	if (thread_this_os.slot == NULL) {
		thread_stats_slot_set(NULL);
	}
	if (__atomic_load_n(&thread->polled_by, __ATOMIC_RELAXED) != THREAD_POLLED_BY_NOBODY) {
		msg_sender_new_epoch(&thread_this_os.sender);
	}
	__atomic_store_n(&thread->polled_by, thread_this_os.id, __ATOMIC_RELAXED);
}

void
thread_run_critical(struct spdk_thread *thread, struct cal_stats_reactor *slot)
{
	/* Partner of the release in spdk_thread_send_critical_msg(). */
	spdk_msg_fn fn = __atomic_exchange_n(&thread->critical, NULL, __ATOMIC_ACQUIRE);

	slot_begin(slot, CAL_RUNNING_MESSAGE, (uintptr_t)fn, 0);
	fn(NULL);
	slot_end(slot);
	if (spdk_unlikely(thread_locks(thread) != 0)) {
		thread_locks_held(thread, "critical message", "", (uintptr_t)fn);
	}
}

struct spdk_thread *
thread_turn_here(struct spdk_thread *thread)
{
	struct spdk_thread *before = thread_this_os.current;

	thread_be_polled_here(thread);
	thread_this_os.current = thread;
	return before;
}

int
spdk_thread_poll(struct spdk_thread *thread, uint32_t max_msgs, uint64_t now)
{
	return thread_turn(thread, max_msgs != 0 ? max_msgs : THREAD_MSG_BATCH,
	                   now != 0 ? now : spdk_get_ticks(), false);
}

uint32_t
spdk_thread_get_count(void)
{
	uint32_t count;

	thread_lib_lock();
	count = g_num_threads;
	thread_lib_unlock();
	return count;
}

struct spdk_thread *
spdk_thread_get_by_id(uint64_t id)
{
	struct spdk_thread *thread;

	thread_lib_lock();
	TAILQ_FOREACH (thread, &thread_lib_threads, link) {
		if (thread->id == id) {
			break;
		}
	}
	thread_lib_unlock();
	return thread;
}

int
spdk_thread_set_cpumask(struct spdk_cpuset *cpumask)
{
	struct spdk_thread *thread = thread_this_os.current;
	struct spdk_cpuset before;
	int rc;

	if (thread == NULL) {
		SPDK_ERRLOG("a CPU mask can be set only on the thread that it is for\n");
		return -EINVAL;
	}
	if (cpumask == NULL || spdk_cpuset_count(cpumask) == 0) {
		SPDK_ERRLOG("thread %s: a CPU mask must have a core\n", thread->name);
		return -EINVAL;
	}
	if (!op_supported(SPDK_THREAD_OP_RESCHED)) {
		SPDK_ERRLOG("thread %s keeps its CPU mask: who polls it cannot move threads\n",
		            thread->name);
		return -ENOTSUP;
	}
	spdk_cpuset_copy(&before, &thread->cpumask);
	spdk_cpuset_copy(&thread->cpumask, cpumask);
	thread_end_chain(thread);
	rc = g_op_fn(thread, SPDK_THREAD_OP_RESCHED);
	if (rc != 0) {
		spdk_cpuset_copy(&thread->cpumask, &before);
		SPDK_ERRLOG("thread %s keeps its CPU mask: it could not be placed again: %d\n",
		            thread->name, rc);
	}
	return rc;
}

SPDK_LOG_REGISTER_COMPONENT(thread)
