/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Every public name of SPDK v26.05's spdk/thread.h, with its type. */

#include "names.h"

#include "spdk/thread.h"
#include "spdk_internal/thread.h"
#include "spdk/fd_group.h"

/* spdk/thread.h */

FUNCTION(spdk_poller_register_interrupt,
         void(struct spdk_poller *, spdk_poller_set_interrupt_mode_cb, void *));
FUNCTION(spdk_thread_lib_init, int(spdk_new_thread_fn, size_t));
FUNCTION(spdk_thread_lib_init_ext,
         int(spdk_thread_op_fn, spdk_thread_op_supported_fn, size_t, size_t));
FUNCTION(spdk_thread_lib_fini, void(void));
FUNCTION(spdk_thread_create, struct spdk_thread *(const char *, const struct spdk_cpuset *));
FUNCTION(spdk_thread_get_app_thread, struct spdk_thread *(void));
FUNCTION(spdk_thread_is_app_thread, bool(struct spdk_thread *));
FUNCTION(spdk_set_thread, void(struct spdk_thread *));
FUNCTION(spdk_thread_bind, void(struct spdk_thread *, bool));
FUNCTION(spdk_thread_is_bound, bool(struct spdk_thread *));
FUNCTION(spdk_thread_exit, int(struct spdk_thread *));
FUNCTION(spdk_thread_is_exited, bool(struct spdk_thread *));
FUNCTION(spdk_thread_is_running, bool(struct spdk_thread *));
FUNCTION(spdk_thread_destroy, void(struct spdk_thread *));
FUNCTION(spdk_thread_get_ctx, void *(struct spdk_thread *));
FUNCTION(spdk_thread_get_cpumask, struct spdk_cpuset *(struct spdk_thread *));
FUNCTION(spdk_thread_set_cpumask, int(struct spdk_cpuset *));
FUNCTION(spdk_thread_get_from_ctx, struct spdk_thread *(void *));
FUNCTION(spdk_thread_poll, int(struct spdk_thread *, uint32_t, uint64_t));
FUNCTION(spdk_thread_next_poller_expiration, uint64_t(struct spdk_thread *));
FUNCTION(spdk_thread_has_active_pollers, int(struct spdk_thread *));
FUNCTION(spdk_thread_has_pollers, bool(struct spdk_thread *));
FUNCTION(spdk_thread_is_idle, bool(struct spdk_thread *));
FUNCTION(spdk_thread_get_count, uint32_t(void));
FUNCTION(spdk_get_thread, struct spdk_thread *(void));
FUNCTION(spdk_thread_get_name, const char *(const struct spdk_thread *));
FUNCTION(spdk_thread_get_id, uint64_t(const struct spdk_thread *));
FUNCTION(spdk_thread_get_by_id, struct spdk_thread *(uint64_t));
FUNCTION(spdk_thread_get_stats, int(struct spdk_thread_stats *));
FUNCTION(spdk_thread_get_last_tsc, uint64_t(struct spdk_thread *));
FUNCTION(spdk_thread_send_msg, int(const struct spdk_thread *, spdk_msg_fn, void *));
FUNCTION(spdk_thread_send_critical_msg, int(struct spdk_thread *, spdk_msg_fn));
FUNCTION(spdk_thread_exec_msg, int(const struct spdk_thread *, spdk_msg_fn, void *));
FUNCTION(spdk_for_each_thread, void(spdk_msg_fn, void *, spdk_msg_fn));
FUNCTION(spdk_thread_set_interrupt_mode, void(bool));
FUNCTION(spdk_thread_get_trace_id, uint16_t(struct spdk_thread *));
FUNCTION(spdk_poller_register, struct spdk_poller *(spdk_poller_fn, void *, uint64_t));
FUNCTION(spdk_poller_register_named,
         struct spdk_poller *(spdk_poller_fn, void *, uint64_t, const char *));
FUNCTION(spdk_poller_unregister, void(struct spdk_poller **));
FUNCTION(spdk_poller_pause, void(struct spdk_poller *));
FUNCTION(spdk_poller_resume, void(struct spdk_poller *));
FUNCTION(spdk_io_device_register, void(void *, spdk_io_channel_create_cb,
                                       spdk_io_channel_destroy_cb, uint32_t, const char *));
FUNCTION(spdk_io_device_unregister, void(void *, spdk_io_device_unregister_cb));
FUNCTION(spdk_get_io_channel, struct spdk_io_channel *(void *));
FUNCTION(spdk_put_io_channel, void(struct spdk_io_channel *));
FUNCTION(spdk_io_channel_ref, struct spdk_io_channel *(struct spdk_io_channel *));
FUNCTION(spdk_io_channel_get_ctx, void *(struct spdk_io_channel *));
FUNCTION(spdk_io_channel_from_ctx, struct spdk_io_channel *(void *));
FUNCTION(spdk_io_channel_get_thread, struct spdk_thread *(struct spdk_io_channel *));
FUNCTION(spdk_for_each_channel, void(void *, spdk_channel_msg, void *, spdk_channel_for_each_cpl));
FUNCTION(spdk_io_channel_iter_get_io_device, void *(struct spdk_io_channel_iter *));
FUNCTION(spdk_io_channel_iter_get_channel, struct spdk_io_channel *(struct spdk_io_channel_iter *));
FUNCTION(spdk_io_channel_iter_get_ctx, void *(struct spdk_io_channel_iter *));
FUNCTION(spdk_io_channel_get_io_device, void *(struct spdk_io_channel *));
FUNCTION(spdk_for_each_channel_continue, void(struct spdk_io_channel_iter *, int));
FUNCTION(spdk_interrupt_register,
         struct spdk_interrupt *(int, spdk_interrupt_fn, void *, const char *));
FUNCTION(spdk_interrupt_register_for_events,
         struct spdk_interrupt *(int, uint32_t, spdk_interrupt_fn, void *, const char *));
FUNCTION(spdk_interrupt_register_ext,
         struct spdk_interrupt *(int, spdk_interrupt_fn, void *, const char *,
                                 struct spdk_event_handler_opts *));
FUNCTION(spdk_interrupt_register_fd_group,
         struct spdk_interrupt *(struct spdk_fd_group *, const char *));
FUNCTION(spdk_interrupt_unregister, void(struct spdk_interrupt **));
FUNCTION(spdk_interrupt_set_event_types,
         int(struct spdk_interrupt *, enum spdk_interrupt_event_types));
FUNCTION(spdk_thread_get_interrupt_fd, int(struct spdk_thread *));
FUNCTION(spdk_thread_get_interrupt_fd_group, struct spdk_fd_group *(struct spdk_thread *));
FUNCTION(spdk_interrupt_mode_enable, int(void));
FUNCTION(spdk_interrupt_mode_is_enabled, bool(void));
FUNCTION(spdk_spin_init, void(struct spdk_spinlock *));
FUNCTION(spdk_spin_destroy, void(struct spdk_spinlock *));
FUNCTION(spdk_spin_lock, void(struct spdk_spinlock *));
FUNCTION(spdk_spin_unlock, void(struct spdk_spinlock *));
FUNCTION(spdk_spin_held, bool(struct spdk_spinlock *));
FUNCTION(spdk_iobuf_initialize, int(void));
FUNCTION(spdk_iobuf_finish, void(spdk_iobuf_finish_cb, void *));
FUNCTION(spdk_iobuf_set_opts, int(const struct spdk_iobuf_opts *));
FUNCTION(spdk_iobuf_get_opts, void(struct spdk_iobuf_opts *, size_t));
FUNCTION(spdk_iobuf_register_module, int(const char *));
FUNCTION(spdk_iobuf_unregister_module, int(const char *));
FUNCTION(spdk_iobuf_channel_init,
         int(struct spdk_iobuf_channel *, const char *, uint32_t, uint32_t));
FUNCTION(spdk_iobuf_channel_fini, void(struct spdk_iobuf_channel *));
FUNCTION(spdk_iobuf_for_each_entry,
         int(struct spdk_iobuf_channel *, spdk_iobuf_for_each_entry_fn, void *));
FUNCTION(spdk_iobuf_entry_abort,
         void(struct spdk_iobuf_channel *, struct spdk_iobuf_entry *, uint64_t));
FUNCTION(spdk_iobuf_get, void *(struct spdk_iobuf_channel *, uint64_t, struct spdk_iobuf_entry *,
                                spdk_iobuf_get_cb));
FUNCTION(spdk_iobuf_put, void(struct spdk_iobuf_channel *, void *, uint64_t));
FUNCTION(spdk_iobuf_get_stats, int(spdk_iobuf_get_stats_cb, void *));
FUNCTION(spdk_thread_register_post_poller_handler, void(spdk_post_poller_fn, void *));

TYPE(spdk_new_thread_fn);
TYPE(spdk_thread_op_fn);
TYPE(spdk_thread_op_supported_fn);
TYPE(spdk_msg_fn);
TYPE(spdk_thread_pass_msg);
TYPE(spdk_poller_fn);
TYPE(spdk_poller_set_interrupt_mode_cb);
TYPE(spdk_io_channel_create_cb);
TYPE(spdk_io_channel_destroy_cb);
TYPE(spdk_io_device_unregister_cb);
TYPE(spdk_channel_msg);
TYPE(spdk_channel_for_each_cpl);
TYPE(struct spdk_thread_stats);
FIELD(struct spdk_thread_stats, busy_tsc, uint64_t);
FIELD(struct spdk_thread_stats, idle_tsc, uint64_t);
TYPE(spdk_interrupt_fn);
TYPE(struct spdk_spinlock);
FIELD(struct spdk_spinlock, spinlock, pthread_spinlock_t);
FIELD(struct spdk_spinlock, thread, struct spdk_thread *);
FIELD(struct spdk_spinlock, internal, struct spdk_spinlock_internal *);
FIELD(struct spdk_spinlock, initialized, bool);
FIELD(struct spdk_spinlock, destroyed, bool);
TYPE(struct spdk_iobuf_opts);
FIELD(struct spdk_iobuf_opts, small_pool_count, uint64_t);
FIELD(struct spdk_iobuf_opts, large_pool_count, uint64_t);
FIELD(struct spdk_iobuf_opts, small_bufsize, uint32_t);
FIELD(struct spdk_iobuf_opts, large_bufsize, uint32_t);
FIELD(struct spdk_iobuf_opts, opts_size, size_t);
FIELD(struct spdk_iobuf_opts, enable_numa, uint8_t);
TYPE(struct spdk_iobuf_pool_stats);
FIELD(struct spdk_iobuf_pool_stats, cache_size, uint32_t);
FIELD(struct spdk_iobuf_pool_stats, cache, uint64_t);
FIELD(struct spdk_iobuf_pool_stats, main, uint64_t);
FIELD(struct spdk_iobuf_pool_stats, retry, uint64_t);
TYPE(struct spdk_iobuf_module_stats);
FIELD(struct spdk_iobuf_module_stats, small_pool, struct spdk_iobuf_pool_stats);
FIELD(struct spdk_iobuf_module_stats, large_pool, struct spdk_iobuf_pool_stats);
FIELD(struct spdk_iobuf_module_stats, module, const char *);
TYPE(spdk_iobuf_get_cb);
TYPE(struct spdk_iobuf_entry);
FIELD(struct spdk_iobuf_entry, cb_fn, spdk_iobuf_get_cb);
FIELD(struct spdk_iobuf_entry, module, const void *);
TYPE(struct spdk_iobuf_buffer);
TYPE(spdk_iobuf_entry_stailq_t);
TYPE(spdk_iobuf_buffer_stailq_t);
TYPE(struct spdk_iobuf_pool_cache);
FIELD(struct spdk_iobuf_pool_cache, pool, struct spdk_ring *);
FIELD(struct spdk_iobuf_pool_cache, cache, spdk_iobuf_buffer_stailq_t);
FIELD(struct spdk_iobuf_pool_cache, cache_count, uint32_t);
FIELD(struct spdk_iobuf_pool_cache, cache_size, uint32_t);
FIELD(struct spdk_iobuf_pool_cache, queue, spdk_iobuf_entry_stailq_t *);
FIELD(struct spdk_iobuf_pool_cache, bufsize, uint32_t);
FIELD(struct spdk_iobuf_pool_cache, stats, struct spdk_iobuf_pool_stats);
TYPE(struct spdk_iobuf_node_cache);
FIELD(struct spdk_iobuf_node_cache, small, struct spdk_iobuf_pool_cache);
FIELD(struct spdk_iobuf_node_cache, large, struct spdk_iobuf_pool_cache);
TYPE(struct spdk_iobuf_channel);
FIELD(struct spdk_iobuf_channel, module, const void *);
FIELD(struct spdk_iobuf_channel, parent, struct spdk_io_channel *);
FIELD(struct spdk_iobuf_channel, cache, struct spdk_iobuf_node_cache[1]);
TYPE(spdk_iobuf_finish_cb);
TYPE(spdk_iobuf_for_each_entry_fn);
TYPE(spdk_iobuf_get_stats_cb);
TYPE(spdk_post_poller_fn);

VALUE(SPDK_POLLER_IDLE);
VALUE(SPDK_POLLER_BUSY);
VALUE(SPDK_THREAD_OP_NEW);
VALUE(SPDK_THREAD_OP_RESCHED);
VALUE(SPDK_INTERRUPT_EVENT_IN);
VALUE(SPDK_INTERRUPT_EVENT_OUT);
VALUE(SPDK_INTERRUPT_EVENT_ET);

#if !defined(SPDK_IO_CHANNEL_STRUCT_SIZE) || !defined(SPDK_MSG_MEMPOOL_CACHE_SIZE) ||        \
	!defined(SPDK_DEFAULT_MSG_MEMPOOL_SIZE) || !defined(SPDK_POLLER_REGISTER) ||         \
	!defined(SPDK_INTERRUPT_REGISTER) || !defined(SPDK_INTERRUPT_REGISTER_FOR_EVENTS) || \
	!defined(SPDK_INTERRUPT_REGISTER_EXT) || !defined(SPDK_CONFIG_MAX_NUMA_NODES)
#error "a macro of spdk/thread.h is missing"
#endif

/* spdk_internal/thread.h */

FUNCTION(spdk_poller_get_name, const char *(struct spdk_poller *));
FUNCTION(spdk_poller_get_id, uint64_t(struct spdk_poller *));
FUNCTION(spdk_poller_get_state_str, const char *(struct spdk_poller *));
FUNCTION(spdk_poller_get_period_ticks, uint64_t(struct spdk_poller *));
FUNCTION(spdk_poller_get_stats, void(struct spdk_poller *, struct spdk_poller_stats *));
FUNCTION(spdk_io_channel_get_io_device_name, const char *(struct spdk_io_channel *));
FUNCTION(spdk_io_channel_get_ref_count, int(struct spdk_io_channel *));
FUNCTION(spdk_io_device_get_name, const char *(struct io_device *));
FUNCTION(spdk_thread_get_first_active_poller, struct spdk_poller *(struct spdk_thread *));
FUNCTION(spdk_thread_get_next_active_poller, struct spdk_poller *(struct spdk_poller *));
FUNCTION(spdk_thread_get_first_timed_poller, struct spdk_poller *(struct spdk_thread *));
FUNCTION(spdk_thread_get_next_timed_poller, struct spdk_poller *(struct spdk_poller *));
FUNCTION(spdk_thread_get_first_paused_poller, struct spdk_poller *(struct spdk_thread *));
FUNCTION(spdk_thread_get_next_paused_poller, struct spdk_poller *(struct spdk_poller *));
FUNCTION(spdk_thread_get_first_io_channel, struct spdk_io_channel *(struct spdk_thread *));
FUNCTION(spdk_thread_get_next_io_channel, struct spdk_io_channel *(struct spdk_io_channel *));

TYPE(struct spdk_poller_stats);
FIELD(struct spdk_poller_stats, run_count, uint64_t);
FIELD(struct spdk_poller_stats, busy_count, uint64_t);

/* spdk/fd_group.h */

FUNCTION(spdk_fd_group_get_default_event_handler_opts,
         void(struct spdk_event_handler_opts *, size_t));
FUNCTION(spdk_fd_group_create, int(struct spdk_fd_group **));
FUNCTION(spdk_fd_group_destroy, void(struct spdk_fd_group *));
FUNCTION(spdk_fd_group_wait, int(struct spdk_fd_group *, int));
FUNCTION(spdk_fd_group_get_fd, int(struct spdk_fd_group *));
FUNCTION(spdk_fd_group_nest, int(struct spdk_fd_group *, struct spdk_fd_group *));
FUNCTION(spdk_fd_group_unnest, int(struct spdk_fd_group *, struct spdk_fd_group *));
FUNCTION(spdk_fd_group_add, int(struct spdk_fd_group *, int, spdk_fd_fn, void *, const char *));
FUNCTION(spdk_fd_group_add_for_events,
         int(struct spdk_fd_group *, int, uint32_t, spdk_fd_fn, void *, const char *));
FUNCTION(spdk_fd_group_add_ext, int(struct spdk_fd_group *, int, spdk_fd_fn, void *, const char *,
                                    struct spdk_event_handler_opts *));
FUNCTION(spdk_fd_group_remove, void(struct spdk_fd_group *, int));
FUNCTION(spdk_fd_group_event_modify, int(struct spdk_fd_group *, int, int));
FUNCTION(spdk_fd_group_get_epoll_event, int(struct epoll_event *));
FUNCTION(spdk_fd_group_set_wrapper, int(struct spdk_fd_group *, spdk_fd_group_wrapper_fn, void *));

TYPE(struct spdk_event_handler_opts);
FIELD(struct spdk_event_handler_opts, opts_size, size_t);
FIELD(struct spdk_event_handler_opts, events, uint32_t);
FIELD(struct spdk_event_handler_opts, fd_type, uint32_t);
TYPE(spdk_fd_fn);
TYPE(spdk_fd_group_wrapper_fn);

VALUE(SPDK_FD_TYPE_DEFAULT);
VALUE(SPDK_FD_TYPE_EVENTFD);

#if !defined(SPDK_FD_GROUP_ADD) || !defined(SPDK_FD_GROUP_ADD_EXT)
#error "a macro of spdk/fd_group.h is missing"
#endif
