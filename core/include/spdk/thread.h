/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Lightweight threads: messages, pollers, I/O devices and channels, spinlocks. Names, signatures
 * and behaviour are SPDK's; core/thread/README.md tells how they are made.
 *
 * "On the thread" below means: called from one of its messages or pollers (or between
 * spdk_set_thread() calls). A call that must be made on the thread and is not ends the process with
 * a line that names function, object, actual and expected thread. */

#ifndef SPDK_THREAD_H_
#define SPDK_THREAD_H_

#include "spdk/stdinc.h"
#include "spdk/assert.h"
#include "spdk/config.h"
#include "spdk/cpuset.h"
#include "spdk/env.h"
#include "spdk/fd_group.h"
#include "spdk/likely.h"
#include "spdk/queue.h"
#include "spdk/util.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What a poller returns. Anything above IDLE counts as busy; IDLE and negative values do not. */
enum spdk_thread_poller_rc {
	SPDK_POLLER_IDLE,
	SPDK_POLLER_BUSY,
};

struct spdk_thread;
struct spdk_poller;
struct spdk_io_channel;
struct spdk_io_channel_iter;

/** Poll this thread from now on. Other than 0 makes spdk_thread_create() fail. */
typedef int (*spdk_new_thread_fn)(struct spdk_thread *thread);

/** What the library asks of whoever runs the threads. */
enum spdk_thread_op {
	SPDK_THREAD_OP_NEW,     /* poll this thread from now on */
	SPDK_THREAD_OP_RESCHED, /* its cpumask has changed: place it again */
};

typedef int (*spdk_thread_op_fn)(struct spdk_thread *thread, enum spdk_thread_op op);
typedef bool (*spdk_thread_op_supported_fn)(enum spdk_thread_op op);

typedef void (*spdk_msg_fn)(void *ctx);
typedef void (*spdk_thread_pass_msg)(spdk_msg_fn fn, void *ctx, void *thread_ctx);
typedef int (*spdk_poller_fn)(void *ctx);
typedef void (*spdk_poller_set_interrupt_mode_cb)(struct spdk_poller *poller, void *cb_arg,
                                                  bool interrupt_mode);

/** Called on the thread of the new channel with its context buffer, zeroed. Other than 0 makes
 *  spdk_get_io_channel() fail. */
typedef int (*spdk_io_channel_create_cb)(void *io_device, void *ctx_buf);
/** Called on the channel's thread before the buffer goes. */
typedef void (*spdk_io_channel_destroy_cb)(void *io_device, void *ctx_buf);
/** Called with what was registered, on the thread that unregistered it. */
typedef void (*spdk_io_device_unregister_cb)(void *io_device);
/** Called on the channel's thread: see spdk_for_each_channel(). */
typedef void (*spdk_channel_msg)(struct spdk_io_channel_iter *i);
typedef void (*spdk_channel_for_each_cpl)(struct spdk_io_channel_iter *i, int status);

/** Where a channel's context buffer stands behind the channel. */
#define SPDK_IO_CHANNEL_STRUCT_SIZE 96

/* Our messages travel in the queues themselves: there is no pool that these would size. */
#define SPDK_MSG_MEMPOOL_CACHE_SIZE   1024
#define SPDK_DEFAULT_MSG_MEMPOOL_SIZE (262144 - 1)

/* --- the library ------------------------------------------------------------------------------ */

/** Start the library; `new_thread_fn` (NULL allowed) is called for every thread created, which the
 *  caller polls from then on; each thread gets `ctx_sz` bytes for the caller. Main thread. Returns
 *  0, or -EALREADY. */
int spdk_thread_lib_init(spdk_new_thread_fn new_thread_fn, size_t ctx_sz);

/** The same with operations: both functions or neither. `msg_mempool_size` is accepted for the sake
 *  of SPDK's callers. Returns 0, -EINVAL, or -EALREADY. */
int spdk_thread_lib_init_ext(spdk_thread_op_fn thread_op_fn,
                             spdk_thread_op_supported_fn thread_op_supported_fn, size_t ctx_sz,
                             size_t msg_mempool_size);

/** Stop it; threads and devices that still exist are named in the log. Main thread. */
void spdk_thread_lib_fini(void);

/* --- threads ---------------------------------------------------------------------------------- */

/** Create a thread. `name` is copied, NULL gives it its address for a name; `cpumask` (NULL: every
 *  core) is copied too. The first thread is the app thread. Any thread. Returns NULL without memory
 *  or when whoever runs the threads refuses. */
struct spdk_thread *spdk_thread_create(const char *name, const struct spdk_cpuset *cpumask);

/** The first thread created, NULL before, and when it has gone. Any thread. */
struct spdk_thread *spdk_thread_get_app_thread(void);
/** NULL asks for the current thread; false off any. Any thread. */
bool spdk_thread_is_app_thread(struct spdk_thread *thread);

/** Make the calling OS thread act as if it executed `thread`; NULL for none. While nobody else
 * does: it must not be polled meanwhile. */
void spdk_set_thread(struct spdk_thread *thread);
/** The thread that executes, NULL outside of any. */
struct spdk_thread *spdk_get_thread(void);

/** While bound, a thread stays on its core, whatever the scheduler, or its own mask, says. Any
 *  thread. */
void spdk_thread_bind(struct spdk_thread *thread, bool bind);
bool spdk_thread_is_bound(struct spdk_thread *thread);

/** Ask the thread to end: it is polled on until its pollers are unregistered, its channels are put,
 *  its walks have come back and those of others have left it, the unregister callbacks that it is
 *  owed have been called and its messages are done. After five seconds it ends without that, and
 * the log names what it held. Until then it can do all it could before. Once more is allowed and
 *  changes nothing. On the thread. For the app thread last (otherwise the log names who was not
 *  asked). Always 0. */
int spdk_thread_exit(struct spdk_thread *thread);
/** True once the exit is complete. */
bool spdk_thread_is_exited(struct spdk_thread *thread);
/** True until spdk_thread_exit(). */
bool spdk_thread_is_running(struct spdk_thread *thread);
/** Free an exited thread; one that has not exited is left alone, with a line in the log. By who
 *  polls it. */
void spdk_thread_destroy(struct spdk_thread *thread);

/** The bytes that belong to who polls it, NULL when it asked for none; and back. Any thread. */
void *spdk_thread_get_ctx(struct spdk_thread *thread);
struct spdk_thread *spdk_thread_get_from_ctx(void *ctx);

/** Where it may run. On the thread, or by who polls it. */
struct spdk_cpuset *spdk_thread_get_cpumask(struct spdk_thread *thread);
/** Change the current thread's mask and have it placed again. Returns 0, -ENOTSUP when who runs the
 *  threads cannot, -EINVAL off any thread or for an empty mask, or what who runs them answers; the
 *  mask is changed only if it returns 0. */
int spdk_thread_set_cpumask(struct spdk_cpuset *cpumask);

/** One turn: at most `max_msgs` messages (0: 8) of those that wait when it begins, every active
 *  poller, the timed pollers that are due. `now` is the time in ticks, 0: read it. Returns 1 if a
 *  message ran or a poller was busy, 0 if not; 0 too for an exited thread, and from within its own
 *  turn. By who polls it. */
int spdk_thread_poll(struct spdk_thread *thread, uint32_t max_msgs, uint64_t now);

/** When its next timed poller is due: ticks from now (0: none, or it is due already). By who polls
 *  it. */
uint64_t spdk_thread_next_poller_expiration(struct spdk_thread *thread);
/** Other than 0 if it has pollers without a period that are not paused. By who polls it. */
int spdk_thread_has_active_pollers(struct spdk_thread *thread);
/** Active, timed or paused ones. By who polls it. */
bool spdk_thread_has_pollers(struct spdk_thread *thread);
/** No message waits and no active poller has to be called. By who polls it. */
bool spdk_thread_is_idle(struct spdk_thread *thread);

/** Threads that are not destroyed. Any thread. */
uint32_t spdk_thread_get_count(void);
/** As long as the thread is. Any thread. */
const char *spdk_thread_get_name(const struct spdk_thread *thread);
/** A number that no other thread has or had. Any thread. */
uint64_t spdk_thread_get_id(const struct spdk_thread *thread);
/** NULL when there is none (any more). Any thread; it may go as soon as this returns. */
struct spdk_thread *spdk_thread_get_by_id(uint64_t id);

/** Ticks spent in turns in which something, or nothing, was done. */
struct spdk_thread_stats {
	uint64_t busy_tsc;
	uint64_t idle_tsc;
};

/** Of the current thread. Returns 0, or -EINVAL off any thread. */
int spdk_thread_get_stats(struct spdk_thread_stats *stats);
/** When its last turn ended, in ticks; when it began, if nothing was called in it. NULL asks for
 * the current thread. By who polls it. */
uint64_t spdk_thread_get_last_tsc(struct spdk_thread *thread);
/** A number that no other thread has, 1 to 65535; that of a thread that has gone is given out
 * again, late. (0 if there are more threads than numbers.) Any thread. */
uint16_t spdk_thread_get_trace_id(struct spdk_thread *thread);

/* --- messages --------------------------------------------------------------------------------- */

/** Have `fn(ctx)` called on `thread`, after this returns. What one sender sends to one thread
 *  arrives in that order. A message to its own thread comes after the turn, unless a reactor runs
 *  the thread: there it may be the next one of the turn. Any thread; never blocks, never fails for
 *  want of room: 0, or -EIO when the thread has exited. Without memory the process ends. */
int spdk_thread_send_msg(const struct spdk_thread *thread, spdk_msg_fn fn, void *ctx);

/** The same for a signal handler, before all other messages, with ctx NULL. Returns 0, or -EIO
 *  while another one waits or once the thread has exited. */
int spdk_thread_send_critical_msg(struct spdk_thread *thread, spdk_msg_fn fn);

/** Call at once if on that thread already, otherwise send. */
static inline int
spdk_thread_exec_msg(const struct spdk_thread *thread, spdk_msg_fn fn, void *ctx)
{
	assert(thread != NULL);
	if (spdk_get_thread() == thread) {
		fn(ctx);
		return 0;
	}
	return spdk_thread_send_msg(thread, fn, ctx);
}

/** Call `fn(ctx)` on every running thread, one after another, then `cpl(ctx)` (NULL allowed) on the
 *  calling one, which waits for that if it exits. Threads created meanwhile are visited too, those
 *  that are exiting are not, unless the walk was on its way there. On a thread. */
void spdk_for_each_thread(spdk_msg_fn fn, void *ctx, spdk_msg_fn cpl);

/* --- pollers ---------------------------------------------------------------------------------- */

/** Have `fn(arg)` called on the current thread every so many microseconds, 0: every turn. NULL on
 *  an exited thread or without memory. On a thread. */
struct spdk_poller *spdk_poller_register(spdk_poller_fn fn, void *arg,
                                         uint64_t period_microseconds);
/** With a name, which is copied. */
struct spdk_poller *spdk_poller_register_named(spdk_poller_fn fn, void *arg,
                                               uint64_t period_microseconds, const char *name);
#define SPDK_POLLER_REGISTER(fn, arg, period_microseconds) \
	spdk_poller_register_named(fn, arg, period_microseconds, #fn)

/** Never call it again; *ppoller becomes NULL; NULL in it is allowed. On its thread, from anywhere
 *  there, itself included. */
void spdk_poller_unregister(struct spdk_poller **ppoller);

/** Do not call it until resumed. On its thread. Pausing twice and resuming what runs is allowed. A
 *  resumed timed poller waits for a whole period. */
void spdk_poller_pause(struct spdk_poller *poller);
void spdk_poller_resume(struct spdk_poller *poller);

/** Say that the poller need not be called in interrupt mode, since what it looks at has a
 * descriptor (spdk_interrupt_register()): there `cb_fn` (NULL: nothing to do) is called when its
 * thread goes into interrupt mode (true) or comes back (false), paused or not, and at once if the
 * thread is in interrupt mode now. Given again, it replaces what was given before. On its thread.
 */
void spdk_poller_register_interrupt(struct spdk_poller *poller,
                                    spdk_poller_set_interrupt_mode_cb cb_fn, void *cb_arg);

typedef void (*spdk_post_poller_fn)(void *fn_arg);
/** Have `fn(fn_arg)` called once, when the poller that runs has returned. In a poller. */
void spdk_thread_register_post_poller_handler(spdk_post_poller_fn fn, void *fn_arg);

/* --- I/O devices and channels ----------------------------------------------------------------- */

/** Make any pointer an I/O device: each thread that asks gets a channel with `ctx_size` bytes of
 * its own. `name` is copied, NULL: the address. Registering the same pointer twice is refused and
 *  logged, as is the want of memory. On a thread. */
void spdk_io_device_register(void *io_device, spdk_io_channel_create_cb create_cb,
                             spdk_io_channel_destroy_cb destroy_cb, uint32_t ctx_size,
                             const char *name);

/** No new channels and walks from now on; once all are gone, `unregister_cb` (NULL allowed) is
 * called on the calling thread, by a message. The pointer can be registered anew once no walk is
 * under way, though channels of the old device may still exist. On a thread. */
void spdk_io_device_unregister(void *io_device, spdk_io_device_unregister_cb unregister_cb);

/** The current thread's channel, made at the first call, with one more reference. NULL when there
 *  is no such device, it is being unregistered, its create callback failed, without memory, on an
 *  exited thread, or off any thread. */
struct spdk_io_channel *spdk_get_io_channel(void *io_device);
/** One more reference to a channel of the current thread, which is returned. */
struct spdk_io_channel *spdk_io_channel_ref(struct spdk_io_channel *ch);
/** Give a reference back; the last one destroys the channel by a message to the same thread, unless
 *  there is a new one by then. On its thread. */
void spdk_put_io_channel(struct spdk_io_channel *ch);

/** The channel's own bytes, and back. Any thread. */
static inline void *
spdk_io_channel_get_ctx(struct spdk_io_channel *ch)
{
	if (spdk_unlikely(ch == NULL)) {
		assert(false);
		return NULL;
	}
	return (uint8_t *)ch + SPDK_IO_CHANNEL_STRUCT_SIZE;
}

struct spdk_io_channel *spdk_io_channel_from_ctx(void *ctx);
/** Whose it is, and of which device; also once the device is being unregistered. Any thread. */
struct spdk_thread *spdk_io_channel_get_thread(struct spdk_io_channel *ch);
void *spdk_io_channel_get_io_device(struct spdk_io_channel *ch);

/** Call `fn` for each channel of the device on the channel's thread, one after another; each call
 *  must lead to spdk_for_each_channel_continue(), at once or later on the same thread, with other
 *  than 0 to stop. Then `cpl` (NULL allowed) on the calling thread with that status; -ENODEV when
 *  there is no such device or it is being unregistered. A thread does not finish exiting while a
 *  walk stands at it, or one that it began is under way. On a thread. */
void spdk_for_each_channel(void *io_device, spdk_channel_msg fn, void *ctx,
                           spdk_channel_for_each_cpl cpl);
/** On the thread where the walk stands; the process ends elsewhere. */
void spdk_for_each_channel_continue(struct spdk_io_channel_iter *i, int status);
/** What was walked over, the channel where the walk stands (NULL in `cpl`), what the caller gave.
 */
void *spdk_io_channel_iter_get_io_device(struct spdk_io_channel_iter *i);
struct spdk_io_channel *spdk_io_channel_iter_get_channel(struct spdk_io_channel_iter *i);
void *spdk_io_channel_iter_get_ctx(struct spdk_io_channel_iter *i);

/* --- interrupt mode --------------------------------------------------------------------------- */

/* In interrupt mode a thread is not called all the time: whoever runs it waits for its descriptor,
 * and spdk_thread_poll() serves what is ready without waiting. Messages, timed pollers, and the
 * descriptors registered here make it ready; as long as it has active pollers without
 * spdk_poller_register_interrupt(), it is always ready. A thread may enter and leave interrupt mode
 * at any time, also where spdk_interrupt_mode_enable() was not called. */

/** Have reactors, and threads created from now on, begin in interrupt mode. Before there are
 *  threads: 0, later -EBUSY. Calling it again is allowed. */
int spdk_interrupt_mode_enable(void);
/** Whether that was called. Any thread. */
bool spdk_interrupt_mode_is_enabled(void);

/** Put the current thread into interrupt mode or back. In a poller it takes effect at once for the
 *  callbacks of spdk_poller_register_interrupt(). If there are no descriptors left, that is logged
 *  and the thread goes on polling. On a thread. */
void spdk_thread_set_interrupt_mode(bool enable_interrupt);

/** A descriptor that is readable while the thread has something to do in interrupt mode; negative
 *  if it cannot be made. Made at the first call: by who polls the thread. */
int spdk_thread_get_interrupt_fd(struct spdk_thread *thread);
/** The group behind it, to be nested into one's own; NULL if it cannot be made. */
struct spdk_fd_group *spdk_thread_get_interrupt_fd_group(struct spdk_thread *thread);

struct spdk_interrupt;

/** Returns more than 0 if there was work, 0 if there was none, or a negative errno. */
typedef int (*spdk_interrupt_fn)(void *ctx);

/* The kernel's bits, named. */
enum spdk_interrupt_event_types {
	SPDK_INTERRUPT_EVENT_IN = EPOLLIN,
	SPDK_INTERRUPT_EVENT_OUT = EPOLLOUT,
	SPDK_INTERRUPT_EVENT_ET = EPOLLET,
};

/** While the current thread is in interrupt mode, call `fn(arg)` on it whenever `efd` is readable.
 *  The name is copied; NULL: the function's address. Returns NULL when spdk_fd_group_add_ext()
 *  would fail or the thread has exited, which is logged. On a thread. */
struct spdk_interrupt *spdk_interrupt_register(int efd, spdk_interrupt_fn fn, void *arg,
                                               const char *name);
/** The same for any of `events`, a mask of enum spdk_interrupt_event_types. */
struct spdk_interrupt *spdk_interrupt_register_for_events(int efd, uint32_t events,
                                                          spdk_interrupt_fn fn, void *arg,
                                                          const char *name);
/** The same with options: spdk_fd_group_add_ext(). */
struct spdk_interrupt *spdk_interrupt_register_ext(int efd, spdk_interrupt_fn fn, void *arg,
                                                   const char *name,
                                                   struct spdk_event_handler_opts *opts);
/** The same for all that is in the group, now or later; its handlers run on the thread. */
struct spdk_interrupt *spdk_interrupt_register_fd_group(struct spdk_fd_group *fgrp,
                                                        const char *name);

#define SPDK_INTERRUPT_REGISTER(efd, fn, arg) spdk_interrupt_register(efd, fn, arg, #fn)
#define SPDK_INTERRUPT_REGISTER_FOR_EVENTS(efd, events, fn, arg) \
	spdk_interrupt_register_for_events(efd, events, fn, arg, #fn)
#define SPDK_INTERRUPT_REGISTER_EXT(efd, fn, arg, opts) \
	spdk_interrupt_register_ext(efd, fn, arg, #fn, opts)

/** Undo it, before the descriptor is closed, and set the pointer to NULL; NULL in it is allowed.
 *  Also from its own function. On its thread. */
void spdk_interrupt_unregister(struct spdk_interrupt **pintr);

/** Wait for other events. Returns 0, -EINVAL for a group, or a negative errno. On its thread. */
int spdk_interrupt_set_event_types(struct spdk_interrupt *intr,
                                   enum spdk_interrupt_event_types event_types);

/* --- spinlocks -------------------------------------------------------------------------------- */

/** A spinlock that knows its rules and ends the process when one is broken: taken on a thread only,
 *  not twice, released by who took it, before the message or poller returns (the thread may go on
 *  elsewhere), destroyed when free. */
struct spdk_spinlock {
	pthread_spinlock_t spinlock;
	struct spdk_thread *thread; /* the holder */
	struct spdk_spinlock_internal *internal;
	bool initialized;
	bool destroyed;
};

/** Before it is used, and after. Any thread. */
void spdk_spin_init(struct spdk_spinlock *sspin);
void spdk_spin_destroy(struct spdk_spinlock *sspin);
/** Waits by spinning. On a thread. */
void spdk_spin_lock(struct spdk_spinlock *sspin);
void spdk_spin_unlock(struct spdk_spinlock *sspin);
/** Whether the current thread holds it. On a thread. */
bool spdk_spin_held(struct spdk_spinlock *sspin);

/* --- buffers ---------------------------------------------------------------------------------- */

/** Pools of buffers that devices can reach, in two sizes, shared by every module and thread. A
 *  module registers by name and has a channel on each thread that asks for buffers; a channel keeps
 *  some for itself, and a request that finds none waits in line for the next one to be put. */
struct spdk_iobuf_opts {
	uint64_t small_pool_count; /* buffers, at least 64 */
	uint64_t large_pool_count; /* at least 8 */
	uint32_t small_bufsize;    /* bytes each, at least 4096 */
	uint32_t large_bufsize;    /* at least 8192 and no less than small_bufsize */
	size_t opts_size;          /* as the caller knows the structure */
	uint8_t enable_numa;       /* pools of these sizes on every NUMA node */
};

/** How requests were answered, those of channels that have ended included. */
struct spdk_iobuf_pool_stats {
	uint32_t cache_size; /* buffers that channels keep for themselves */
	uint64_t cache;      /* taken from these */
	uint64_t main;       /* taken from the pool that all share */
	uint64_t retry;      /* had to wait */
};

struct spdk_iobuf_module_stats {
	struct spdk_iobuf_pool_stats small_pool;
	struct spdk_iobuf_pool_stats large_pool;
	const char *module;
};

struct spdk_iobuf_entry;
typedef void (*spdk_iobuf_get_cb)(struct spdk_iobuf_entry *entry, void *buf);

/** Stands in a request that may have to wait for a buffer. */
struct spdk_iobuf_entry {
	spdk_iobuf_get_cb cb_fn;
	const void *module;
	STAILQ_ENTRY(spdk_iobuf_entry) stailq;
};

/** The first bytes of a buffer that nobody has. */
struct spdk_iobuf_buffer {
	STAILQ_ENTRY(spdk_iobuf_buffer) stailq;
};

typedef STAILQ_HEAD(, spdk_iobuf_entry) spdk_iobuf_entry_stailq_t;
typedef STAILQ_HEAD(, spdk_iobuf_buffer) spdk_iobuf_buffer_stailq_t;

struct spdk_iobuf_pool_cache {
	struct spdk_ring *pool;           /* what all share */
	spdk_iobuf_buffer_stailq_t cache; /* what the channel keeps */
	uint32_t cache_count;
	uint32_t cache_size;
	spdk_iobuf_entry_stailq_t *queue; /* who waits on this thread, whatever the module */
	uint32_t bufsize;
	struct spdk_iobuf_pool_stats stats;
};

struct spdk_iobuf_node_cache {
	struct spdk_iobuf_pool_cache small;
	struct spdk_iobuf_pool_cache large;
};

/* NUMA nodes that a build has room for; the library's and the application's must be the same. */
#ifndef SPDK_CONFIG_MAX_NUMA_NODES
#define SPDK_CONFIG_MAX_NUMA_NODES 1
#endif

struct spdk_iobuf_channel {
	const void *module;
	struct spdk_io_channel *parent;
	struct spdk_iobuf_node_cache cache[SPDK_CONFIG_MAX_NUMA_NODES];
};

/** Make the pools. Without options of the caller's they take a quarter of the environment's memory
 *  at most. On a thread. Returns 0, -EALREADY, or -ENOMEM after having logged what to do. */
int spdk_iobuf_initialize(void);

typedef void (*spdk_iobuf_finish_cb)(void *cb_arg);
/** Free the pools, once every channel is gone, forget the modules, then call back on the calling
 *  thread. Who has not given back what he took is named in the log. On a thread. */
void spdk_iobuf_finish(spdk_iobuf_finish_cb cb_fn, void *cb_arg);

/** What spdk_iobuf_initialize() will do; pools that exist stay as they are. Fields beyond opts_size
 *  take their default values. Returns 0; -EINVAL; or -ENOMEM if the environment is up and has not
 *  so much memory. */
int spdk_iobuf_set_opts(const struct spdk_iobuf_opts *opts);
/** What the pools are, or what they will be if they do not exist yet. */
void spdk_iobuf_get_opts(struct spdk_iobuf_opts *opts, size_t opts_size);

/** Let a module have channels. Any thread. Returns 0, -EEXIST or -ENOMEM. */
int spdk_iobuf_register_module(const char *name);
/** Any thread. Returns 0, -ENOENT, or -EBUSY while it has channels. */
int spdk_iobuf_unregister_module(const char *name);

/** A channel for the current thread that keeps so many buffers for itself, taken at once. Returns
 *  0; -ENODEV (no such module, or no pools); or -ENOMEM when so many are not left. */
int spdk_iobuf_channel_init(struct spdk_iobuf_channel *ch, const char *name,
                            uint32_t small_cache_size, uint32_t large_cache_size);
/** On its thread. A request that still waits is forgotten, with a line in the log. */
void spdk_iobuf_channel_fini(struct spdk_iobuf_channel *ch);

typedef int (*spdk_iobuf_for_each_entry_fn)(struct spdk_iobuf_channel *ch,
                                            struct spdk_iobuf_entry *entry, void *ctx);
/** Call `cb_fn` for each request that waits on the channel until one call returns other than 0;
 *  that is returned. It may abort the entry that it is called with. On the channel's thread. */
int spdk_iobuf_for_each_entry(struct spdk_iobuf_channel *ch, spdk_iobuf_for_each_entry_fn cb_fn,
                              void *cb_ctx);
/** Wait no longer; `len` is what was asked for. The callback is not called. On its thread. */
void spdk_iobuf_entry_abort(struct spdk_iobuf_channel *ch, struct spdk_iobuf_entry *entry,
                            uint64_t len);

/** A buffer of at least `len` bytes (at most large_bufsize: beyond that the answer is NULL and an
 *  error in the log). NULL if there is none; with an `entry`, that waits in line behind all others
 *  of the thread, and `cb_fn` brings the buffer, during a put or from a message. What is asked for
 *  within such a callback comes before those who wait already. On the channel's thread. */
void *spdk_iobuf_get(struct spdk_iobuf_channel *ch, uint64_t len, struct spdk_iobuf_entry *entry,
                     spdk_iobuf_get_cb cb_fn);
/** Give it back: to the first who waits on this thread, or to the channel's own, or to a thread
 *  where somebody waits, or to the pool. `len` as it was asked for. On the channel's thread. */
void spdk_iobuf_put(struct spdk_iobuf_channel *ch, void *buf, uint64_t len);

/** `modules` and what it points to are gone after the callback. */
typedef void (*spdk_iobuf_get_stats_cb)(struct spdk_iobuf_module_stats *modules,
                                        uint32_t num_modules, void *cb_arg);
/** Add up every module's channels, then call back on the calling thread. On a thread. Returns 0,
 *  -ENODEV without pools, or -ENOMEM. */
int spdk_iobuf_get_stats(spdk_iobuf_get_stats_cb cb_fn, void *cb_arg);

#ifdef __cplusplus
}
#endif
#endif
