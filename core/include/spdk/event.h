/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The application framework: options, start and stop, and events, which are functions called on a
 * core. */

#ifndef SPDK_EVENT_H
#define SPDK_EVENT_H

#include "spdk/stdinc.h"
#include "spdk/assert.h"
#include "spdk/cpuset.h"
#include "spdk/init.h"
#include "spdk/log.h"
#include "spdk/queue.h"
#include "spdk/thread.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef void (*spdk_event_fn)(void *arg1, void *arg2);
struct spdk_event;
struct spdk_poller;

typedef void (*spdk_app_shutdown_cb)(void);
typedef void (*spdk_sighandler_t)(int signal);

/** How an application starts. Begin with spdk_app_opts_init(); layout and defaults are SPDK's. */
struct spdk_app_opts {
	const char *name;
	const char *json_config_file;
	bool json_config_ignore_errors;
	uint8_t reserved17[7];
	const char *rpc_addr;     /* path of the RPC socket; NULL for no RPC */
	const char *reactor_mask; /* hexadecimal mask or "[list]" */
	const char *tpoint_group_mask;
	int shm_id; /* the instance's id, -1: the process id */
	uint8_t reserved52[4];
	spdk_app_shutdown_cb shutdown_cb;
	bool enable_coredump;
	uint8_t reserved65[3];
	int mem_channel;
	int main_core;
	int mem_size; /* MB, -1 for the default */
	bool no_pci;
	bool hugepage_single_segments;
	bool unlink_hugepage;
	bool no_huge;
	uint8_t reserved84[4];
	const char *hugedir;
	enum spdk_log_level print_level;
	uint8_t reserved100[4];
	size_t num_pci_addr;
	struct spdk_pci_addr *pci_blocked;
	struct spdk_pci_addr *pci_allowed;
	const char *iova_mode;
	bool delay_subsystem_init; /* --wait-for-rpc */
	uint8_t reserved137[7];
	uint64_t num_entries; /* trace entries a core */
	void *env_context;
	spdk_log_cb *log;
	uint64_t base_virtaddr;
	size_t opts_size; /* of this structure as the caller knows it; required */
	bool disable_signal_handlers;
	bool interrupt_mode;
	bool enforce_numa;
	uint8_t reserved187[1];
	uint32_t num_trace_threads;
	size_t msg_mempool_size;
	const char **rpc_allowlist; /* NULL-terminated, NULL for every method */
	const char *vf_token;
	const char *lcore_map;
	enum spdk_log_level rpc_log_level;
	FILE *rpc_log_file;
	void *json_data; /* in place of json_config_file */
	size_t json_data_size;
	bool disable_cpumask_locks;
} __attribute__((packed));
SPDK_STATIC_ASSERT(sizeof(struct spdk_app_opts) == 253, "Incorrect size");

/** Fill in the defaults. `opts_size` is sizeof(*opts). */
void spdk_app_opts_init(struct spdk_app_opts *opts, size_t opts_size);

/** Start everything and block until spdk_app_stop(); `start_fn(ctx)` runs on the app thread once
 * the configuration has been applied. Main thread. Returns 0, what spdk_app_stop() was given, or
 *  another value than 0 when the start failed (`start_fn` was not called then). */
int spdk_app_start(struct spdk_app_opts *opts_user, spdk_msg_fn start_fn, void *ctx);
/** The last thing after spdk_app_start() has returned. */
void spdk_app_fini(void);
/** What SIGINT and SIGTERM do: call the application's shutdown_cb, or stop. Any thread. */
void spdk_app_start_shutdown(void);
/** Stop; spdk_app_start() will return `rc`. App thread. */
void spdk_app_stop(int rc);

int spdk_app_get_shm_id(void);
/** Read a core mask and keep the cores that the application has. Returns 0 or -1. */
int spdk_app_parse_core_mask(const char *mask, struct spdk_cpuset *cpumask);
/** The cores that the application has. */
const struct spdk_cpuset *spdk_app_get_core_mask(void);

/** Letters that an application's own options cannot have. */
#define SPDK_APP_GETOPT_STRING "c:de:ghi:m:n:p:r:s:uvA:B:L:RW:"

enum spdk_app_parse_args_rvals {
	SPDK_APP_PARSE_ARGS_HELP = 0,
	SPDK_APP_PARSE_ARGS_SUCCESS = 1,
	SPDK_APP_PARSE_ARGS_FAIL = 2
};
typedef enum spdk_app_parse_args_rvals spdk_app_parse_args_rvals_t;

/** Read the command line into `opts`; letters of `getopt_str` and options of `app_long_opts` (each
 *  may be NULL) go to `parse`, which returns 0 for all well. */
spdk_app_parse_args_rvals_t spdk_app_parse_args(int argc, char **argv, struct spdk_app_opts *opts,
                                                const char *getopt_str,
                                                const struct option *app_long_opts,
                                                int (*parse)(int ch, char *arg),
                                                void (*usage)(void));
/** Print the options that every application has. After spdk_app_parse_args(). */
void spdk_app_usage(void);

/* --- events ----------------------------------------------------------------------------------- */

/** A call of `fn(arg1, arg2)` on the reactor of `lcore`, to be given to spdk_event_call(). NULL
 * when no reactor has that core, or without memory. */
struct spdk_event *spdk_event_allocate(uint32_t lcore, spdk_event_fn fn, void *arg1, void *arg2);
/** Have it called soon, after this returns; what one sender sends to one core arrives in that
 * order. Takes the event. Any thread; never blocks. */
void spdk_event_call(struct spdk_event *event);

/** Whether reactors count their context switches once a second. */
void spdk_framework_enable_context_switch_monitor(bool enabled);
bool spdk_framework_context_switch_monitor_enabled(void);

/** Set up SPDK's tracepoints as the options say. Returns 0 when they ask for none, -1 when they do:
 *  there are none here, `calctl trace` looks at pollers and messages. */
int spdk_app_setup_trace(struct spdk_app_opts *opts);

#ifdef __cplusplus
}
#endif
#endif
