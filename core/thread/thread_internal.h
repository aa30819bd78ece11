/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What the files of this room share, and what the reactor needs of it. */

#ifndef CAL_CORE_THREAD_INTERNAL_H
#define CAL_CORE_THREAD_INTERNAL_H

#include "calandria/stats.h"
#include "core/thread/msg_queue.h"
#include "core/thread/poller_active.h"
#include "core/thread/poller_timers.h"
#include "spdk/thread.h"
#include "spdk/tree.h"

#define THREAD_NAME_MAX         256
#define THREAD_MSG_BATCH        8u  /* messages a turn, unless told otherwise */
#define THREAD_MSG_CHAIN        16u /* where there is nothing but messages */
#define THREAD_EXIT_TIMEOUT_S   5
#define THREAD_POST_MAX         4
#define THREAD_POLLED_BY_NOBODY UINT64_MAX

/* A message is two words: function and argument. */
#define THREAD_MSG_WORDS 2u

enum poller_state {
	POLLER_WAITING = 0,  /* or running: then it is thread->running */
	POLLER_UNREGISTERED, /* will be freed; not called any more */
	POLLER_PAUSING,      /* by itself: it is paused once it returns */
	POLLER_PAUSED,
};

struct spdk_poller {
	/* All that a call touches, in one cache line. */
	spdk_poller_fn fn;
	void *arg;
	uint64_t what; /* for the stats slot: CAL_RUNNING_POLLER, id */
	uint64_t run_count;
	uint64_t busy_count;
	struct timer_class *class; /* NULL: active */
	struct spdk_thread *thread;
	uint32_t place; /* in the array of active ones, in its class */
	uint32_t state; /* enum poller_state */

	TAILQ_ENTRY(spdk_poller) link; /* paused, or to be freed */
	uint64_t period;               /* ticks, 0: active */
	uint64_t id;
	uint64_t longest_tsc; /* of the calls that were timed */
	RB_ENTRY(spdk_poller) by_id;
	/* What spdk_poller_register_interrupt() was given. */
	TAILQ_ENTRY(spdk_poller) intr_link;
	spdk_poller_set_interrupt_mode_cb intr_cb;
	void *intr_arg;
	bool has_intr;
	bool quiet; /* not called in interrupt mode: in the list of these, with `link` */
	char name[];
} __attribute__((aligned(SPDK_CACHE_LINE_SIZE)));
SPDK_STATIC_ASSERT(offsetof(struct spdk_poller, link) == SPDK_CACHE_LINE_SIZE, "one cache line");
TAILQ_HEAD(poller_list, spdk_poller);
RB_HEAD(poller_tree, spdk_poller);

struct spdk_io_channel {
	struct spdk_thread *thread;
	struct io_device *dev;
	uint32_t ref;
	uint32_t destroy_ref; /* messages under way that will look whether to destroy it */
	spdk_io_channel_destroy_cb destroy_cb;
	RB_ENTRY(spdk_io_channel) node;
	/* The context buffer follows at SPDK_IO_CHANNEL_STRUCT_SIZE. */
};
SPDK_STATIC_ASSERT(sizeof(struct spdk_io_channel) <= SPDK_IO_CHANNEL_STRUCT_SIZE, "ABI");
RB_HEAD(io_channel_tree, spdk_io_channel);

enum thread_state {
	THREAD_RUNNING,
	THREAD_EXITING, /* asked to; still polled */
	THREAD_EXITED,
};

/* Walks (for_each.c) and devices (io_device.h), as a thread holds on to them. */
struct walk;
struct io_device;
TAILQ_HEAD(walk_list, walk);
TAILQ_HEAD(io_device_list, io_device);

struct thread_post {
	spdk_post_poller_fn fn;
	void *arg;
};

struct spdk_thread {
	struct msg_queue msgs;

	/* Everything up to the next remark belongs to who polls. */
	uint64_t last_tsc;
	/* Not beside another flag: one load of both could not be served from the store of this one
	 * that has only just been made, and would wait for it. */
	uint32_t in_poll;
	struct spdk_thread_stats stats;
	uint64_t longest_turn; /* ticks, of a turn in which something ran */
	struct poller_active active;
	struct poller_timers timed;
	struct spdk_poller *running;
	/* What a message or poller left to be done: the number of spinlocks held, and flags. */
	uint32_t after;
	bool interrupt; /* it is in interrupt mode */
	uint32_t num_posts;
	uint32_t active_watch; /* turns until calls are timed */
	uint32_t timed_watch;
	uint64_t timed_now; /* while timed pollers are run: the time of this turn, else 0 */
	struct poller_list paused;
	struct poller_list unregistered;
	struct poller_list quiet;      /* neither active nor armed, while in interrupt mode */
	struct poller_list with_intr;  /* all of spdk_poller_register_interrupt(), by intr_link */
	struct spdk_poller *intr_next; /* while that list is walked */
	struct thread_interrupt *intr; /* descriptors; made when first needed, and kept */
	struct thread_post posts[THREAD_POST_MAX];
	uint64_t next_poller_id;
	struct poller_tree pollers; /* all that are registered, for who looks at them */
	uint64_t exit_deadline;

	/* Read by others: relaxed atomics. */
	uint64_t polled_by; /* id of the OS thread that polled it last, or acted as it */
	int state;          /* enum thread_state */
	bool bound;
	spdk_msg_fn critical; /* also set by signal handlers */
	/* From here to `link`, and `msgs`, it stays from one thread to the next in the same memory:
	 * senders may look at it late. See thread_free(). */
	int wake_fd; /* eventfd that wakes it in interrupt mode, else -1 */
	int kept_fd; /* that eventfd, once it was made, else -1 */
	size_t ctx_size;

	/* Changed under the library's lock. */
	TAILQ_ENTRY(spdk_thread) link;
	struct io_channel_tree channels;
	struct walk_list begun;           /* walks begun here that have not come back */
	struct walk_list visitors;        /* walks that are on their way here, or stand here */
	struct io_device_list owed_to_it; /* devices whose unregister callback is owed here */

	/* Never changes. */
	uint64_t id;
	uint16_t trace_id;
	struct spdk_cpuset cpumask; /* by the thread itself */
	char name[THREAD_NAME_MAX];
	uint8_t ctx[] __attribute__((aligned(SPDK_CACHE_LINE_SIZE)));
};
TAILQ_HEAD(thread_list, spdk_thread);

/* --- per OS thread ---------------------------------------------------------------------------- */

struct thread_tls {
	struct spdk_thread *current;
	struct cal_stats_reactor *slot; /* where to leave what runs; never NULL once polled */
	struct msg_sender sender;
	uint64_t id; /* 0: none yet. Addresses are used again. */
};

/* The library is linked statically: the fast way to reach it is always possible. */
extern __thread struct thread_tls thread_this_os __attribute__((tls_model("initial-exec")));

/** Where the calling OS thread leaves what it runs. NULL: memory of its own. By the reactor. */
void thread_stats_slot_set(struct cal_stats_reactor *slot);

/* Others read the slot at any time: single stores, in any order. */
#define SLOT_SET(slot, field, value) __atomic_store_n(&(slot)->field, (value), __ATOMIC_RELAXED)

/* What runs and which poller it is are neighbours, and written as one. */
SPDK_STATIC_ASSERT(offsetof(struct cal_stats_reactor, running_what) % 8 == 0 &&
                           offsetof(struct cal_stats_reactor, running_poller) ==
                                   offsetof(struct cal_stats_reactor, running_what) + 4 &&
                           __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
                   "one word");
typedef uint64_t __attribute__((may_alias)) slot_word;

static inline uint64_t
slot_what(uint32_t what, uint32_t poller)
{
	return what | (uint64_t)poller << 32;
}

static inline void
slot_set_what(struct cal_stats_reactor *slot, uint64_t word)
{
	__atomic_store_n((slot_word *)(void *)&slot->running_what, word, __ATOMIC_RELAXED);
}

static inline void
slot_begin(struct cal_stats_reactor *slot, uint32_t what, uintptr_t fn, uint32_t poller)
{
	SLOT_SET(slot, running_fn, (uint64_t)fn);
	slot_set_what(slot, slot_what(what, poller));
}

static inline void
slot_end(struct cal_stats_reactor *slot)
{
	SLOT_SET(slot, running_what, CAL_RUNNING_NOTHING);
}

/* --- checks ----------------------------------------------------------------------------------- */

/** Log, flush the log, abort. */
void thread_fatal(const char *func, const char *format, ...)
	__attribute__((noreturn, format(printf, 2, 3)));

/** End the process unless the caller is on `expected`; `kind` and `name` say what object it is. */
void thread_wrong(const char *func, const char *kind, const char *name, const void *object,
                  const struct spdk_thread *expected) __attribute__((noreturn));

static inline void
thread_check(const char *func, const char *kind, const char *name, const void *object,
             const struct spdk_thread *expected)
{
	if (spdk_unlikely(thread_this_os.current != expected)) {
		thread_wrong(func, kind, name, object, expected);
	}
}

/** The current thread; off any thread the process ends. */
struct spdk_thread *thread_required(const char *func, const char *what);

/* Flags of thread->after; below them it counts spinlocks. */
#define AFTER_POSTS 0x80000000u /* handlers are to be called */
#define AFTER_SELF  0x40000000u /* the poller that runs was unregistered or paused */
#define AFTER_MOVED 0x20000000u /* the active pollers were moved */
#define AFTER_CHAIN 0x10000000u /* what the message sends to its own thread waits for a turn */
#define AFTER_LOCKS 0x0fffffffu

static inline uint32_t
thread_locks(const struct spdk_thread *thread)
{
	return thread->after & AFTER_LOCKS;
}

/** After a message or poller: no spinlock may be held. `name` is the poller's, "" without. */
void thread_locks_held(struct spdk_thread *thread, const char *what, const char *name, uintptr_t fn)
	__attribute__((noreturn));

static inline int
thread_state_get(const struct spdk_thread *thread)
{
	return __atomic_load_n(&thread->state, __ATOMIC_RELAXED);
}

/* --- the library's lock: threads, devices, channels ------------------------------------------- */

void thread_lib_lock(void);
void thread_lib_unlock(void);
/** Under the lock. */
extern struct thread_list thread_lib_threads;

/* --- the parts of a turn ---------------------------------------------------------------------- */

/** Become the OS thread that polls it, or acts as it. */
void thread_take_over(struct spdk_thread *thread);
/** Run the critical message that waits. */
void thread_run_critical(struct spdk_thread *thread, struct cal_stats_reactor *slot);
/** Run messages that wait, at most `max` (more than 0), of those sent before. `chain`: those
 * included that they send to their own thread, until one does something to the thread itself.
 * Returns how many ran. */
uint32_t thread_run_messages(struct spdk_thread *thread, struct cal_stats_reactor *slot,
                             uint32_t max, bool chain);

/** A message has changed what its thread does in a turn, or where: what it sends comes after that.
 */
static inline void
thread_end_chain(struct spdk_thread *thread)
{
	if (thread->in_poll && thread->running == NULL) {
		thread->after |= AFTER_CHAIN;
	}
}
/** Run active pollers, of which there are some, and timed ones, of which some are due. Return
 *  whether one was busy. */
bool pollers_run_active(struct spdk_thread *thread, struct cal_stats_reactor *slot);
bool pollers_run_timed(struct spdk_thread *thread, struct cal_stats_reactor *slot, uint64_t now);

/** Carry out what the running poller did to itself: unregister or pause. */
void poller_self_stop(struct spdk_thread *thread, struct spdk_poller *poller);

/** Free the pollers that were unregistered. */
void pollers_free_unregistered(struct spdk_thread *thread);

/** Make the thread the current one of an OS thread that may be new to it. Returns which was. */
struct spdk_thread *thread_turn_here(struct spdk_thread *thread);

/** Free all of them, whatever their state: the thread ends. */
void thread_free_pollers(struct spdk_thread *thread);

/** One turn of an exiting thread is over: become exited if nothing is held any more, or the time is
 *  up. */
void thread_exit_step(struct spdk_thread *thread, uint64_t now);
/** Set the state of a thread that ends with walks and devices that hold on to it: walks that stand
 *  at it go on to the next thread, its own come back to nobody, what it is owed is not paid, and
 *  devices hear of channels that it has left. Under the library's lock. */
void thread_let_go(struct spdk_thread *thread);
/** The parts of that. */
void walks_let_go(struct spdk_thread *thread);
void io_devices_let_go(struct spdk_thread *thread);
void io_channels_let_go(struct spdk_thread *thread);
/** What a walk is, and where, in words. Under the library's lock. */
void walk_describe(const struct walk *walk, char *text, size_t size);
/** The next in the list it was found in by way of its thread. */
struct walk *walk_next_begun(struct walk *walk);
struct walk *walk_next_visitor(struct walk *walk);

/** Log devices that nobody unregistered; under no lock, at the library's end. */
void io_device_report_left(void);
/** Log which devices wait for channels to be put before their unregistration ends, and on which
 *  threads those are. Any OS thread. */
void io_devices_report_pending(void);
/** Free the channels of a thread that ends with some left. Returns how many. */
uint32_t io_channel_free_all(struct spdk_thread *thread);

/* --- interrupt mode: interrupt.c, thread_interrupt.c, poller_interrupt.c ---------------------- */

/** spdk_thread_poll() of a thread in interrupt mode, or in its turn already. */
int thread_interrupt_poll(struct spdk_thread *thread, uint32_t max_msgs, uint64_t now);
/** Wake it from outside if it is in interrupt mode. Any thread, also in a signal handler; after
 *  what it is to see was stored with __ATOMIC_SEQ_CST. */
void thread_interrupt_wake(struct spdk_thread *thread);
/** Something has changed that the descriptors must follow: pollers, or that it is to exit. Its turn
 *  does so at its end; outside of one, it is woken for one. */
void thread_interrupt_changed(struct spdk_thread *thread);
/** Free the descriptors. The thread ends. */
void thread_interrupt_fini(struct spdk_thread *thread);
/** Make the group and the descriptors if there are none. Returns 0 or a negative errno. */
int thread_interrupt_init(struct spdk_thread *thread);
/** Take pollers with spdk_poller_register_interrupt() out of where they run from, but the one that
 *  runs. In interrupt mode. */
void pollers_quieten(struct spdk_thread *thread);
/** Interrupt mode begins: tell the callbacks. */
void pollers_interrupt_enter(struct spdk_thread *thread);
/** It is over: put those pollers back, and tell the callbacks. */
void pollers_interrupt_leave(struct spdk_thread *thread);
/** The next quiet poller, active (timed) or timed, behind `prev` or the first. */
struct spdk_poller *poller_quiet_next(const struct spdk_thread *thread,
                                      const struct spdk_poller *prev, bool timed);
/** The poller is unregistered. */
void poller_interrupt_forget(struct spdk_thread *thread, struct spdk_poller *poller);
/** Keep it among those that can be looked at (poller_info.c), or no longer. */
void poller_info_add(struct spdk_thread *thread, struct spdk_poller *poller);
void poller_info_remove(struct spdk_thread *thread, struct spdk_poller *poller);
/** Put a poller that is nowhere to where it runs from, and take it out. */
void poller_start(struct spdk_thread *thread, struct spdk_poller *poller);
void poller_stop(struct spdk_thread *thread, struct spdk_poller *poller);

/* --- for the reactor -------------------------------------------------------------------------- */

/** Undo spdk_interrupt_mode_enable(): an application that is started again says anew what it wants.
 *  When there are no threads. */
void thread_interrupt_mode_forget(void);
/** Put it into interrupt mode; any time, in its turn or outside, twice too. Its group is readable
 * at once and sets itself up in its first turn: nothing that waits is overlooked. By who polls it.
 *  Returns 0 or why there are no descriptors. */
int thread_interrupt_enter(struct spdk_thread *thread);
/** And back to being polled. Likewise. */
void thread_interrupt_leave(struct spdk_thread *thread);
bool thread_in_interrupt(const struct spdk_thread *thread);
/** In interrupt mode: make it ready, so that it has a turn soon and looks at everything. By who
 *  polls it, or takes it over from another reactor. */
void thread_interrupt_kick(struct spdk_thread *thread);
/** Messages that wait, about. By who polls it. */
uint64_t thread_msg_depth(const struct spdk_thread *thread);
/** Whether it was asked to exit and has not finished. */
bool thread_is_exiting(const struct spdk_thread *thread);

#endif
