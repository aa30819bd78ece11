/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The RPC server of the primary: takes MessagePack requests from links on the app thread, calls the
 * handlers that SPDK_RPC_REGISTER() knows, sends what they write. Owner of every link between
 * link_up() and gate_link_done(). */

#ifndef CAL_CORE_RPC_SERVER_H
#define CAL_CORE_RPC_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipc/gate/gate_proto.h"

struct link;
struct spdk_json_val;
struct spdk_jsonrpc_request;

/** Get the memory that replies are written to, and touch it. Main thread, before reactors run. May
 * be called again. Returns 0 or -ENOMEM. */
int rpc_server_prepare(void);

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

/** For a method that is open to monitors and takes a parameter by which it changes something:
 * whether the caller may only look. Then the request is answered with an error that says so. App
 * thread. */
bool rpc_request_refuse_monitor(struct spdk_jsonrpc_request *req);

/** Call `fn` for each method, aliases too, that can be called in one of `states` (a mask of
 *  SPDK_RPC_STARTUP and SPDK_RPC_RUNTIME) and that --rpcs-allowed lets users see. Any thread once
 *  constructors have run. */
void rpc_method_walk(uint32_t states, void (*fn)(void *ctx, const char *name), void *ctx);

/** The same for all that --rpcs-allowed hides, whatever their states. */
void rpc_method_walk_hidden(void (*fn)(void *ctx, const char *name), void *ctx);

/* --- for who keeps count of what was changed (core/app); app thread --------------------------- */

/** Hears of every answer before it leaves: `ok` when it is a result. Returns true to keep the
 *  request back: rpc_request_release() then sends its answer, or ends it. One listener; NULL for
 *  none. */
typedef bool (*rpc_answer_fn)(struct spdk_jsonrpc_request *request, bool ok);
void rpc_server_set_answer_hook(rpc_answer_fn fn);
void rpc_request_release(struct spdk_jsonrpc_request *request);

/** Whether its method may have changed the configuration, and a user asked for it: not the config
 *  service, not what a monitor may call, nothing of ours (cal_) and nothing that is called a get.
 */
bool rpc_request_may_change(const struct spdk_jsonrpc_request *request);
const char *rpc_request_method(const struct spdk_jsonrpc_request *request);
/** Who asks: its role, and the process at the gate (cal-rpcd for those who ask through it; 0:
 * nobody).
 */
enum gate_role rpc_request_role(const struct spdk_jsonrpc_request *request);
int32_t rpc_request_pid(const struct spdk_jsonrpc_request *request);
/** Of an answer that is not ok: its code, and its message in `msg`. */
int rpc_request_error(const struct spdk_jsonrpc_request *request, char *msg, size_t size);

/** Whether anybody still waits for its answer. A handler that takes its time may look. */
bool rpc_request_is_awaited(const struct spdk_jsonrpc_request *request);

/** The link that a request came by, as something to compare with what rpc_server_watch_links()
 * says; NULL: none, or it is cal-rpcd's, whose users come and go without it and stay when it is
 * replaced. */
const void *rpc_request_link(const struct spdk_jsonrpc_request *request);

/** Hear of every link that has ended, for what belongs to who asked for it. App thread. */
struct rpc_link_watch {
	void (*gone)(const void *link);
	struct rpc_link_watch *next;
};
void rpc_server_watch_links(struct rpc_link_watch *watch);

/** From inside a handler: have another method answer in its place. `params` (NULL: none) are a part
 *  of this request's own. States, roles and --rpcs-allowed hold for it as for any. */
void rpc_request_pass_on(struct spdk_jsonrpc_request *request, const char *method,
                         const struct spdk_json_val *params);

/** Call a method from inside of the process, as an admin would: states and --rpcs-allowed hold. The
 *  `params` (NULL: none) must last until `done` is called, which may be at once: with 0, or with
 * the code and message of the error. App thread, after rpc_server_prepare(). Returns 0 or -ENOMEM.
 */
typedef void (*rpc_local_fn)(void *ctx, int code, const char *message);
int rpc_call_local(const char *method, const struct spdk_json_val *params, rpc_local_fn done,
                   void *ctx);

/** `--rpcs-allowed`: NULL-terminated list, copied; NULL for all. Main thread, before start. */
int rpc_server_set_allowlist(const char *const *methods);

#endif
