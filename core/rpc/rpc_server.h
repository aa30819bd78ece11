/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The RPC server of the primary: takes MessagePack requests from links on the app thread, calls the
 * handlers that SPDK_RPC_REGISTER() knows, sends what they write. Owner of every link between
 * link_up() and gate_link_done(). */

#ifndef CAL_CORE_RPC_SERVER_H
#define CAL_CORE_RPC_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "ipc/gate/gate_proto.h"

struct link;

/** Start serving: registers the poller. App thread. Returns 0 or a negative errno. */
int rpc_server_start(void);

/** Stop taking requests, let go of every link, unregister the poller; requests under way complete
 *  into nothing. App thread. `done` is called on the app thread when no handler is left that could
 *  still answer a link. */
void rpc_server_stop(void (*done)(void *ctx), void *ctx);

/** While paused, requests of links that are not confd's wait unread in their rings (SPDK's server
 *  pauses while a configuration is loaded). App thread. */
void rpc_server_pause(void);
void rpc_server_resume(void);

/** The two halves of a link's life, for struct gate_ops. Control pthread: they send a message to
 *  the app thread. */
void rpc_server_link_up(void *ctx, struct link *link);
void rpc_server_link_down(void *ctx, struct link *link);

#define RPC_ROLE(role) (1u << (role))
#define RPC_ROLES_ALL \
	(RPC_ROLE(GATE_ROLE_ADMIN) | RPC_ROLE(GATE_ROLE_SERVICE) | RPC_ROLE(GATE_ROLE_MONITOR))

/** Methods that only `roles` (a mask of 1 << enum gate_role) may call; without it every role but
 *  the monitor may. Constructor time. */
void rpc_method_set_roles(const char *method, uint32_t roles);

/** Beside SPDK_RPC_REGISTER(): this method only looks, monitors may call it too. */
#define RPC_OPEN_TO_MONITOR(method)                                            \
	static void __attribute__((constructor(1002))) rpc_open_##method(void) \
	{                                                                      \
		rpc_method_set_roles(#method, RPC_ROLES_ALL);                  \
	}

/** Call `fn` for each method, aliases too, that can be called in one of `states` (a mask of
 *  SPDK_RPC_STARTUP and SPDK_RPC_RUNTIME) and that --rpcs-allowed lets users see. Any thread once
 *  constructors have run. */
void rpc_method_walk(uint32_t states, void (*fn)(void *ctx, const char *name), void *ctx);

/** `--rpcs-allowed`: NULL-terminated list, copied; NULL for all. Main thread, before start. */
int rpc_server_set_allowlist(const char *const *methods);

#endif
