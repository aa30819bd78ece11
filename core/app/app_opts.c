/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "core/app/app_opts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "spdk/event.h"
#include "spdk/log.h"

/* What SPDK's options say; tracepoints there are none. */
#define DEFAULT_TRACE_ENTRIES 32768

static struct app_args g_args;

struct app_args *
app_args(void)
{
	return &g_args;
}

static void
opts_default(struct spdk_app_opts *opts)
{
	memset(opts, 0, sizeof(*opts));
	opts->opts_size = sizeof(*opts);
	opts->rpc_addr = SPDK_DEFAULT_RPC_ADDR;
	opts->shm_id = -1;
	opts->enable_coredump = true;
	opts->mem_channel = -1;
	opts->main_core = -1;
	opts->mem_size = -1;
	opts->print_level = SPDK_LOG_INFO;
	opts->base_virtaddr = 0x200000000000ull;
	opts->num_entries = DEFAULT_TRACE_ENTRIES;
	opts->rpc_log_level = SPDK_LOG_DISABLED;
}

/* A caller built against an older header has a shorter structure: what lies beyond its end is left
 * alone. A longer one holds options that we do not know; they are not looked at. */
void
spdk_app_opts_init(struct spdk_app_opts *opts, size_t opts_size)
{
	struct spdk_app_opts defaults;

	if (opts == NULL || opts_size == 0) {
		SPDK_ERRLOG("spdk_app_opts_init() needs a structure and its size\n");
		return;
	}
	opts_default(&defaults);
	memset(opts, 0, opts_size);
	memcpy(opts, &defaults, opts_size < sizeof(defaults) ? opts_size : sizeof(defaults));
	/* In one that is too short to hold its own size, that has no place. */
	if (opts_size >= offsetof(struct spdk_app_opts, opts_size) + sizeof(opts->opts_size)) {
		opts->opts_size = opts_size;
	}
}

#define FIELD(name_)                                                                              \
	{                                                                                         \
		offsetof(struct spdk_app_opts, name_), sizeof(((struct spdk_app_opts *)0)->name_) \
	}

/* NOLINTBEGIN(bugprone-sizeof-expression): pointers are meant */
static const struct field {
	size_t at;
	size_t size;
} g_fields[] = {
	FIELD(name),
	FIELD(json_config_file),
	FIELD(json_config_ignore_errors),
	FIELD(rpc_addr),
	FIELD(reactor_mask),
	FIELD(tpoint_group_mask),
	FIELD(shm_id),
	FIELD(shutdown_cb),
	FIELD(enable_coredump),
	FIELD(mem_channel),
	FIELD(main_core),
	FIELD(mem_size),
	FIELD(no_pci),
	FIELD(hugepage_single_segments),
	FIELD(unlink_hugepage),
	FIELD(no_huge),
	FIELD(hugedir),
	FIELD(print_level),
	FIELD(num_pci_addr),
	FIELD(pci_blocked),
	FIELD(pci_allowed),
	FIELD(iova_mode),
	FIELD(delay_subsystem_init),
	FIELD(num_entries),
	FIELD(env_context),
	FIELD(log),
	FIELD(base_virtaddr),
	FIELD(disable_signal_handlers),
	FIELD(interrupt_mode),
	FIELD(enforce_numa),
	FIELD(num_trace_threads),
	FIELD(msg_mempool_size),
	FIELD(rpc_allowlist),
	FIELD(vf_token),
	FIELD(lcore_map),
	FIELD(rpc_log_level),
	FIELD(rpc_log_file),
	FIELD(json_data),
	FIELD(json_data_size),
	FIELD(disable_cpumask_locks),
};
/* NOLINTEND(bugprone-sizeof-expression) */

/* Fields that end within `size`: half a field is none. */
static void
opts_copy(struct spdk_app_opts *opts, const struct spdk_app_opts *user, size_t size)
{
	size_t i;

	for (i = 0; i < sizeof(g_fields) / sizeof(g_fields[0]); i++) {
		const struct field *f = &g_fields[i];

		if (f->at + f->size <= size) {
			memcpy((char *)opts + f->at, (const char *)user + f->at, f->size);
		}
	}
}

static int
check_rpc(const struct spdk_app_opts *opts, char *err, size_t err_size)
{
	size_t max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;

	if (opts->rpc_addr == NULL || strlen(opts->rpc_addr) <= max) {
		return 0;
	}
	snprintf(err, err_size,
	         "the RPC socket's path has %zu bytes, and a socket address holds %zu: use a "
	         "shorter one (-r)",
	         strlen(opts->rpc_addr), max);
	return -EINVAL;
}

static int
check_combinations(const struct spdk_app_opts *opts, char *err, size_t err_size)
{
	const char *why = NULL;
	int rc = 1;

	if (opts->name == NULL) {
		why = "the application has no name: set opts.name";
	} else if (opts->json_config_file != NULL && opts->json_data != NULL) {
		why = "a configuration file and configuration data were both given: use one";
	} else if (opts->reactor_mask != NULL && opts->lcore_map != NULL) {
		why = "a core mask and an lcore map were both given: use one";
	} else if (opts->json_data != NULL && opts->json_data_size == 0) {
		why = "configuration data of no length was given: set json_data_size";
		rc = -EINVAL;
	} else if (opts->delay_subsystem_init && opts->rpc_addr == NULL) {
		why = "--wait-for-rpc waits for an RPC, and --no-rpc-server allows none: drop one "
		      "of them";
	} else if (opts->num_pci_addr > 0 && opts->pci_allowed != NULL &&
	           opts->pci_blocked != NULL) {
		why = "PCI addresses are both allowed (-A) and blocked (-B): use one of them";
	} else if (opts->tpoint_group_mask != NULL) {
		why = "tracepoint groups (-e) are not available in this version: start without it";
	}
	if (why != NULL) {
		snprintf(err, err_size, "%s", why);
		return rc;
	}
	return check_rpc(opts, err, err_size);
}

static void
opts_complete(struct spdk_app_opts *opts)
{
	if (opts->name[0] == '\0') {
		opts->name = program_invocation_short_name;
	}
	if (opts->shm_id < 0) {
		opts->shm_id = -1;
	}
	if (opts->mem_size <= 0) {
		opts->mem_size = APP_DEFAULT_MEM_MB;
	}
	if (opts->rpc_addr != NULL && opts->rpc_addr[0] == '\0') {
		opts->rpc_addr = NULL;
	}
	if (opts->reactor_mask == NULL && opts->lcore_map == NULL) {
		opts->reactor_mask = "0x1";
	}
}

int
app_opts_take(struct spdk_app_opts *opts, const struct spdk_app_opts *user, char *err,
              size_t err_size)
{
	size_t size;
	int rc;

	if (user == NULL) {
		snprintf(err, err_size,
		         "spdk_app_start() was called without options: fill in a spdk_app_opts");
		return 1;
	}
	size = user->opts_size;
	if (size == 0) {
		snprintf(err, err_size,
		         "opts_size is 0: call spdk_app_opts_init(&opts, sizeof(opts)) first");
		return 1;
	}
	opts_default(opts);
	opts_copy(opts, user, size);

	rc = check_combinations(opts, err, err_size);
	if (rc == 0) {
		opts_complete(opts);
	}
	return rc;
}

int
spdk_app_setup_trace(struct spdk_app_opts *opts)
{
	if (opts == NULL || opts->tpoint_group_mask == NULL) {
		return opts != NULL ? 0 : -1;
	}
	SPDK_ERRLOG("tracepoints (%s) are not available: use `calctl trace`\n",
	            opts->tpoint_group_mask);
	return -1;
}
