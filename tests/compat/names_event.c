/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Every public name of SPDK v26.05's spdk/event.h and spdk/scheduler.h, with its type. */

#include "names.h"

#include "spdk/event.h"
#include "spdk/scheduler.h"

/* spdk/event.h */

FUNCTION(spdk_app_opts_init, void(struct spdk_app_opts *, size_t));
FUNCTION(spdk_app_start, int(struct spdk_app_opts *, spdk_msg_fn, void *));
FUNCTION(spdk_app_fini, void(void));
FUNCTION(spdk_app_start_shutdown, void(void));
FUNCTION(spdk_app_stop, void(int));
FUNCTION(spdk_app_get_shm_id, int(void));
FUNCTION(spdk_app_parse_core_mask, int(const char *, struct spdk_cpuset *));
FUNCTION(spdk_app_get_core_mask, const struct spdk_cpuset *(void));
FUNCTION(spdk_app_parse_args,
         spdk_app_parse_args_rvals_t(int, char **, struct spdk_app_opts *, const char *,
                                     const struct option *, int (*)(int, char *), void (*)(void)));
FUNCTION(spdk_app_usage, void(void));
FUNCTION(spdk_event_allocate, struct spdk_event *(uint32_t, spdk_event_fn, void *, void *));
FUNCTION(spdk_event_call, void(struct spdk_event *));
FUNCTION(spdk_framework_enable_context_switch_monitor, void(bool));
FUNCTION(spdk_framework_context_switch_monitor_enabled, bool(void));
FUNCTION(spdk_app_setup_trace, int(struct spdk_app_opts *));

TYPE(spdk_event_fn);
TYPE(spdk_app_shutdown_cb);
TYPE(spdk_sighandler_t);
TYPE(struct spdk_app_opts);
FIELD(struct spdk_app_opts, name, const char *);
FIELD(struct spdk_app_opts, json_config_file, const char *);
FIELD(struct spdk_app_opts, json_config_ignore_errors, bool);
FIELD(struct spdk_app_opts, rpc_addr, const char *);
FIELD(struct spdk_app_opts, reactor_mask, const char *);
FIELD(struct spdk_app_opts, tpoint_group_mask, const char *);
FIELD(struct spdk_app_opts, shm_id, int);
FIELD(struct spdk_app_opts, shutdown_cb, spdk_app_shutdown_cb);
FIELD(struct spdk_app_opts, enable_coredump, bool);
FIELD(struct spdk_app_opts, mem_channel, int);
FIELD(struct spdk_app_opts, main_core, int);
FIELD(struct spdk_app_opts, mem_size, int);
FIELD(struct spdk_app_opts, no_pci, bool);
FIELD(struct spdk_app_opts, hugepage_single_segments, bool);
FIELD(struct spdk_app_opts, unlink_hugepage, bool);
FIELD(struct spdk_app_opts, no_huge, bool);
FIELD(struct spdk_app_opts, hugedir, const char *);
FIELD(struct spdk_app_opts, print_level, enum spdk_log_level);
FIELD(struct spdk_app_opts, num_pci_addr, size_t);
FIELD(struct spdk_app_opts, pci_blocked, struct spdk_pci_addr *);
FIELD(struct spdk_app_opts, pci_allowed, struct spdk_pci_addr *);
FIELD(struct spdk_app_opts, iova_mode, const char *);
FIELD(struct spdk_app_opts, delay_subsystem_init, bool);
FIELD(struct spdk_app_opts, num_entries, uint64_t);
FIELD(struct spdk_app_opts, env_context, void *);
FIELD(struct spdk_app_opts, log, spdk_log_cb *);
FIELD(struct spdk_app_opts, base_virtaddr, uint64_t);
FIELD(struct spdk_app_opts, opts_size, size_t);
FIELD(struct spdk_app_opts, disable_signal_handlers, bool);
FIELD(struct spdk_app_opts, interrupt_mode, bool);
FIELD(struct spdk_app_opts, enforce_numa, bool);
FIELD(struct spdk_app_opts, num_trace_threads, uint32_t);
FIELD(struct spdk_app_opts, msg_mempool_size, size_t);
FIELD(struct spdk_app_opts, rpc_allowlist, const char **);
FIELD(struct spdk_app_opts, vf_token, const char *);
FIELD(struct spdk_app_opts, lcore_map, const char *);
FIELD(struct spdk_app_opts, rpc_log_level, enum spdk_log_level);
FIELD(struct spdk_app_opts, rpc_log_file, FILE *);
FIELD(struct spdk_app_opts, json_data, void *);
FIELD(struct spdk_app_opts, json_data_size, size_t);
FIELD(struct spdk_app_opts, disable_cpumask_locks, bool);
TYPE(spdk_app_parse_args_rvals_t);

VALUE(SPDK_APP_PARSE_ARGS_HELP);
VALUE(SPDK_APP_PARSE_ARGS_SUCCESS);
VALUE(SPDK_APP_PARSE_ARGS_FAIL);

#if !defined(SPDK_APP_GETOPT_STRING)
#error "a macro of spdk/event.h is missing"
#endif

/* spdk/scheduler.h */

FUNCTION(spdk_governor_set, int(const char *));
FUNCTION(spdk_governor_get, struct spdk_governor *(void));
FUNCTION(spdk_governor_register, void(struct spdk_governor *));
FUNCTION(spdk_scheduler_set, int(const char *));
FUNCTION(spdk_scheduler_get, struct spdk_scheduler *(void));
FUNCTION(spdk_scheduler_set_period, void(uint64_t));
FUNCTION(spdk_scheduler_get_period, uint64_t(void));
FUNCTION(spdk_scheduler_register, void(struct spdk_scheduler *));
FUNCTION(spdk_scheduler_get_scheduling_lcore, uint32_t(void));
FUNCTION(spdk_scheduler_set_scheduling_lcore, bool(uint32_t));

TYPE(struct spdk_governor_capabilities);
FIELD(struct spdk_governor_capabilities, priority, bool);
TYPE(struct spdk_governor);
FIELD(struct spdk_governor, name, const char *);
FIELD(struct spdk_governor, get_core_avail_freqs, uint32_t (*)(uint32_t, uint32_t *, uint32_t));
FIELD(struct spdk_governor, get_core_curr_freq, uint32_t (*)(uint32_t));
FIELD(struct spdk_governor, core_freq_up, int (*)(uint32_t));
FIELD(struct spdk_governor, core_freq_down, int (*)(uint32_t));
FIELD(struct spdk_governor, set_core_freq_max, int (*)(uint32_t));
FIELD(struct spdk_governor, set_core_freq_min, int (*)(uint32_t));
FIELD(struct spdk_governor, get_core_capabilities,
      int (*)(uint32_t, struct spdk_governor_capabilities *));
FIELD(struct spdk_governor, dump_info_json, int (*)(struct spdk_json_write_ctx *));
FIELD(struct spdk_governor, init, int (*)(void));
FIELD(struct spdk_governor, deinit, void (*)(void));
TYPE(struct spdk_scheduler_thread_info);
FIELD(struct spdk_scheduler_thread_info, lcore, uint32_t);
FIELD(struct spdk_scheduler_thread_info, thread_id, uint64_t);
FIELD(struct spdk_scheduler_thread_info, total_stats, struct spdk_thread_stats);
FIELD(struct spdk_scheduler_thread_info, current_stats, struct spdk_thread_stats);
TYPE(struct spdk_scheduler_core_info);
FIELD(struct spdk_scheduler_core_info, total_idle_tsc, uint64_t);
FIELD(struct spdk_scheduler_core_info, total_busy_tsc, uint64_t);
FIELD(struct spdk_scheduler_core_info, current_idle_tsc, uint64_t);
FIELD(struct spdk_scheduler_core_info, current_busy_tsc, uint64_t);
FIELD(struct spdk_scheduler_core_info, lcore, uint32_t);
FIELD(struct spdk_scheduler_core_info, threads_count, uint32_t);
FIELD(struct spdk_scheduler_core_info, interrupt_mode, bool);
FIELD(struct spdk_scheduler_core_info, thread_infos, struct spdk_scheduler_thread_info *);
FIELD(struct spdk_scheduler_core_info, isolated, bool);
TYPE(struct spdk_scheduler);
FIELD(struct spdk_scheduler, name, const char *);
FIELD(struct spdk_scheduler, init, int (*)(void));
FIELD(struct spdk_scheduler, deinit, void (*)(void));
FIELD(struct spdk_scheduler, balance, void (*)(struct spdk_scheduler_core_info *, uint32_t));
FIELD(struct spdk_scheduler, set_opts, int (*)(const struct spdk_json_val *));
FIELD(struct spdk_scheduler, get_opts, void (*)(struct spdk_json_write_ctx *));

#if !defined(SPDK_MAX_LCORE_FREQS) || !defined(SPDK_GOVERNOR_REGISTER) || \
	!defined(SPDK_SCHEDULER_REGISTER)
#error "a macro of spdk/scheduler.h is missing"
#endif
