/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* A secondary's end: connect to a primary's gate, attach to it as a DPDK secondary process, call
 * methods. One client a process (EAL can be initialised only once); every call from one thread.
 *
 * Synchronous use (calctl):  open → cal_client_call()… → close.
 * In an event loop (services): open; watch cal_client_fd() for readability; call
 * cal_client_process() when it is readable and after sending; before going back to sleep call
 * cal_client_arm() until it returns 0. */

#ifndef CAL_IPC_CLIENT_CLIENT_H
#define CAL_IPC_CLIENT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ipc/gate/gate_proto.h"

struct cal_client;

struct cal_client_opts {
	size_t opts_size; /* sizeof(struct cal_client_opts) */
	int instance;
	const char *name; /* who we are, at most 31 bytes */
	unsigned spin_us; /* how long to spin for a response before sleeping; default 50; 0: sleep
	                     until the primary rings, at once */
	unsigned connect_timeout_ms; /* default 1000 */
};
void cal_client_opts_init(struct cal_client_opts *opts, size_t opts_size);

/** Connect to the gate and say hello. A service that was spawned by the primary uses the socket it
 *  inherited ($CAL_SERVICE_FD) in place of connecting. On failure `err` is one sentence for the
 *  user that says what is wrong and what to do (no primary, its state, refused: why). Returns 0,
 *  -ENOENT no such instance, -ECONNREFUSED it is dead, -EPROTONOSUPPORT another version, -EACCES,
 *  -ETIMEDOUT, or another negative errno. */
int cal_client_connect(const struct cal_client_opts *opts, struct cal_client **out, char *err,
                       size_t err_size);

/** A service tells the primary how it is. Needs no attach. */
int cal_client_report(struct cal_client *client, enum gate_report_code code, const char *text);

/** Ask for a link and initialise EAL as a secondary over a private copy of the primary's empty
 *  snapshot. Waits at most `timeout_ms` (-1: for ever) for a primary that is still starting.
 *  Returns 0 or a negative errno with a sentence in `err`. */
int cal_client_attach(struct cal_client *client, int timeout_ms, char *err, size_t err_size);

/** Connect and attach. */
int cal_client_open(const struct cal_client_opts *opts, struct cal_client **out, char *err,
                    size_t err_size);

/** Detach and free. Responses that are still to come never do; their callbacks are called with
 *  status -ECANCELED. Not from inside a callback. NULL is allowed. */
void cal_client_close(struct cal_client *client);

/** After cal_client_close(), in a process that goes on without a primary: give back what EAL mapped
 *  and its threads. The process cannot attach again (it could not before). */
void cal_client_forget_eal(void);

/** The role the primary gave us. */
enum gate_role cal_client_role(const struct cal_client *client);

/** A read-only descriptor of the primary's stats segment (the client's, do not close), or -ENOENT
 *  before the attach or when it has none. */
int cal_client_stats_fd(const struct cal_client *client);

/* A response. `status` is 0, or -ECONNRESET (primary gone) or -ECANCELED, and then there is nothing
 * else. Otherwise either `error` is set (MessagePack of [code, message]) or `result` is. The bytes
 * are valid during the callback. */
struct cal_response {
	int status;
	const void *error;
	size_t error_len;
	const void *result;
	size_t result_len;
};
typedef void (*cal_response_fn)(void *ctx, const struct cal_response *response);

/** Send a request. `params` is one MessagePack value (NULL for nil). A request that finds no free
 *  slot waits in the client and goes out from cal_client_process(). Returns 0, -EMSGSIZE (over
 *  1 MiB), -ENOTCONN (not attached, or the primary is gone), -ENOBUFS (more than 64 MiB wait). */
int cal_client_send(struct cal_client *client, const char *method, const void *params,
                    size_t params_len, cal_response_fn fn, void *ctx);

/** Whether requests wait for free slots: more of them would only wait, too. */
bool cal_client_is_backlogged(const struct cal_client *client);

/** The primary's process, as it said at the gate. */
pid_t cal_client_primary_pid(const struct cal_client *client);

/** Descriptor to watch for EPOLLIN: responses, a stop request, or the primary's end. */
int cal_client_fd(const struct cal_client *client);

/** Deliver what has arrived and send what waited. Returns how many responses were delivered, or
 *  -ECONNRESET when the primary is gone, or -ESHUTDOWN when it asked us to stop (an orderly stop;
 *  end the process). In both cases what had still arrived was delivered, and then all other
 *  callbacks were called with status -ECONNRESET. Not from inside a callback. */
int cal_client_process(struct cal_client *client);

/** Before sleeping on cal_client_fd(): ask to be woken. Returns 1 when something has arrived
 *  meanwhile (process again), 0 when it is safe to sleep. */
int cal_client_arm(struct cal_client *client);

/** Wait until something has arrived (spin briefly, arm, sleep; -1: for ever) and deliver it.
 * Returns 0, -ETIMEDOUT, or a negative errno as cal_client_process(). */
int cal_client_wait(struct cal_client *client, int timeout_ms);

/** Call and wait. *response points into the client, valid until the next call of it. Returns 0 (a
 *  response came: look whether it is an error), -ETIMEDOUT, or as cal_client_send(). Other
 *  callbacks may run inside. */
int cal_client_call(struct cal_client *client, const char *method, const void *params,
                    size_t params_len, int timeout_ms, struct cal_response *response);

#endif
