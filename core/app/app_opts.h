/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What spdk_app_start() works with: its caller's options, checked and completed. */

#ifndef CAL_CORE_APP_OPTS_H
#define CAL_CORE_APP_OPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spdk_app_opts;

/** How much memory an application gets that does not say (megabytes). Growing on demand, SPDK's
 *  default, is what would make every attached process take part in an allocation. */
#define APP_DEFAULT_MEM_MB 256

/** Copy what the caller's structure holds of `user` (its opts_size) over the defaults, and check
 *  everything that can be checked without building anything. `err` gets one sentence. Returns 0, or
 *  what spdk_app_start() is to return: as SPDK's, -EINVAL for what is wrong with the RPC socket or
 *  with json_data, 1 for everything else. */
int app_opts_take(struct spdk_app_opts *opts, const struct spdk_app_opts *user, char *err,
                  size_t err_size);

/** What SPDK's structure has no room for; set by spdk_app_parse_args(), used by the next
 *  spdk_app_start(). */
struct app_args {
	bool no_services;            /* --no-services: systemd, or a person, starts the services */
	const char *rpc_tcp;         /* --rpc-tcp: [ADDR:]PORT, checked; NULL: none */
	const char *rpc_socket_mode; /* --rpc-socket-mode: octal, checked; NULL: cal-rpcd's own */
	uint64_t init_timeout_ms;    /* --init-timeout; 0: a start may take as long as it likes */
	const char *gate_group;      /* --gate-group: whose members may look; NULL: nobody */
	const char *state_dir; /* --state-dir; NULL: changes of the configuration are not kept */
};
struct app_args *app_args(void);

#endif
