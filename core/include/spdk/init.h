/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Subsystems: what an application is put together from at start. Names and semantics are those of
 * SPDK's header of the same name. */

#ifndef SPDK_INIT_H
#define SPDK_INIT_H

#include "spdk/stdinc.h"

#include "spdk/assert.h"
#include "spdk/log.h"
#include "spdk/queue.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Where JSON-RPC is served unless the application says otherwise. */
#define SPDK_DEFAULT_RPC_ADDR "/var/tmp/spdk.sock"

struct spdk_json_write_ctx;

/* --- RPC servers ------------------------------------------------------------------------------ */

struct spdk_rpc_opts {
	size_t size; /* of this structure as the caller knows it */
	FILE *log_file;
	enum spdk_log_level log_level;
};
SPDK_STATIC_ASSERT(sizeof(struct spdk_rpc_opts) == 24, "Incorrect size");

/** Serve JSON-RPC on a socket. Not here: it is a process of its own that does (cal-rpcd), and
 *  spdk_app_start() starts it for the socket in the options' rpc_addr. \return -ENOTSUP, -EINVAL
 *  without an address. */
int spdk_rpc_initialize(const char *listen_addr, const struct spdk_rpc_opts *opts);
/** End what spdk_rpc_initialize() started, which is nothing; the socket of spdk_app_start() goes
 *  with the application. */
void spdk_rpc_finish(void);
void spdk_rpc_server_finish(const char *listen_addr);
/** Let requests of the socket in rpc_addr wait, and go on. None is lost. App thread. */
void spdk_rpc_server_pause(const char *listen_addr);
void spdk_rpc_server_resume(const char *listen_addr);

/* --- subsystems ------------------------------------------------------------------------------- */

/** A part of the application with a start, an end and a configuration. Registered by constructor,
 *  lives for ever. */
struct spdk_subsystem {
	const char *name;
	/** Bring it up; answer, now or later, with spdk_subsystem_init_next(). NULL: nothing to do.
	 */
	void (*init)(void);
	/** Take it down; answer, now or later, with spdk_subsystem_fini_next(). NULL: nothing to
	 * do. */
	void (*fini)(void);
	/** Write the methods that recreate its present state, as one array. NULL: it has none (the
	 *  saved configuration then holds a null). */
	void (*write_config_json)(struct spdk_json_write_ctx *w);
	TAILQ_ENTRY(spdk_subsystem) tailq;
};

/** Subsystem `name` is initialised after `depends_on`, and finalised before it. */
struct spdk_subsystem_depend {
	const char *name;
	const char *depends_on;
	TAILQ_ENTRY(spdk_subsystem_depend) tailq;
};

/** Add to the registry; used through the macros below, at constructor time. */
void spdk_add_subsystem(struct spdk_subsystem *subsystem);
void spdk_add_subsystem_depend(struct spdk_subsystem_depend *depend);

/** A subsystem's init() is done: 0, or a negative errno, which ends the initialisation and is
 *  handed to whoever asked for it. Once for each init(); from any thread, the walk goes on where it
 *  began. */
void spdk_subsystem_init_next(int rc);

/** A subsystem's fini() is done. As spdk_subsystem_init_next(). */
void spdk_subsystem_fini_next(void);

typedef void (*spdk_subsystem_init_fn)(int rc, void *ctx);
typedef void (*spdk_subsystem_fini_fn)(void *ctx);

/** Initialise every registered subsystem, one after another, each after what it depends on. App
 *  thread. `cb_fn` gets 0, or the first error: a subsystem's own, -ENOENT (a dependency that is not
 *  linked in), -ELOOP (a cycle), -EALREADY (an earlier call is under way). */
void spdk_subsystem_init(spdk_subsystem_init_fn cb_fn, void *cb_arg);

/** Finalise the subsystems that are up, in reverse. App thread. One that failed to initialise is
 *  not finalised. */
void spdk_subsystem_fini(spdk_subsystem_fini_fn cb_fn, void *cb_arg);

/** Apply a JSON configuration in the application itself, for one that has a framework of its own;
 *  spdk_app_start() has the configuration service do it. Only what is callable in the present RPC
 *  state (spdk_rpc_set_state()) is called: in SPDK_RPC_STARTUP the entries of the start, in
 *  SPDK_RPC_RUNTIME all others, in the order of the file. Comments are allowed, `json` is copied.
 * App thread; it reads the text on it. `cb_fn` is called later, on it: with 0; -EINVAL, the text or
 * its structure is wrong, or an entry failed and `stop_on_error`; -ENOENT, a method that nobody has
 * in a subsystem that is linked in; -ENOMEM. */
void spdk_subsystem_load_config(void *json, ssize_t json_size, spdk_subsystem_init_fn cb_fn,
                                void *cb_arg, bool stop_on_error);

/** Whether a subsystem of that name is linked in. */
bool spdk_subsystem_exists(const char *name);

#define SPDK_SUBSYSTEM_REGISTER(_name)                                  \
	__attribute__((constructor)) static void _name##_register(void) \
	{                                                               \
		spdk_add_subsystem(&_name);                             \
	}

#define SPDK_SUBSYSTEM_DEPEND(_name, _depends_on)                                            \
	static struct spdk_subsystem_depend __subsystem_##_name##_depend_on##_depends_on = { \
		.name = #_name,                                                              \
		.depends_on = #_depends_on,                                                  \
	};                                                                                   \
	__attribute__((constructor)) static void _name##_depend_on##_depends_on(void)        \
	{                                                                                    \
		spdk_add_subsystem_depend(&__subsystem_##_name##_depend_on##_depends_on);    \
	}

#ifdef __cplusplus
}
#endif
#endif
