/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* RPC methods: registration, the states in which they may be called, and who may call them.
 * Registration is by constructor; everything else is for the app thread. */

#ifndef SPDK_RPC_H
#define SPDK_RPC_H

#include "spdk/stdinc.h"

#include "spdk/jsonrpc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* States, and the states in which a method may be called: before or after the subsystems are up. */
#define SPDK_RPC_STARTUP 0x1
#define SPDK_RPC_RUNTIME 0x2

/** A method's code. It answers `request` now or later, see spdk/jsonrpc.h. `params` is NULL when
 *  there are none, otherwise an object or an array; it lives until the request is answered. */
typedef void (*spdk_rpc_method_handler)(struct spdk_jsonrpc_request *request,
                                        const struct spdk_json_val *params);

/** Add a method. Constructor or main thread, before the server starts. Mistakes are remembered and
 *  told by spdk_rpc_verify_methods(). `method` must live for ever. */
void spdk_rpc_register_method(const char *method, spdk_rpc_method_handler func,
                              uint32_t state_mask);

/** Add an old name of a method. It works, warns once, and is listed only on demand. */
void spdk_rpc_register_alias_deprecated(const char *method, const char *alias);

/** Whether everything that was registered makes sense: no name twice, every alias of a method that
 *  exists and is no alias itself. What does not is logged. */
bool spdk_rpc_verify_methods(void);

/** \return 0 when `method` may be called in one of the states of `state_mask`, -EPERM when not,
 *  -ENOENT when there is no such method. */
int spdk_rpc_is_method_allowed(const char *method, uint32_t state_mask);

/** The states of a method. \return 0, or -ENOENT. */
int spdk_rpc_get_method_state_mask(const char *method, uint32_t *state_mask);

/* Methods come before aliases whatever the order of the object files: an alias looks its method up.
 */
#define SPDK_RPC_REGISTER(method, func, state_mask)                              \
	static void __attribute__((constructor(1000))) rpc_register_##func(void) \
	{                                                                        \
		spdk_rpc_register_method(method, func, state_mask);              \
	}

#define SPDK_RPC_REGISTER_ALIAS_DEPRECATED(method, alias)                         \
	static void __attribute__((constructor(1001))) rpc_register_##alias(void) \
	{                                                                         \
		spdk_rpc_register_alias_deprecated(#method, #alias);              \
	}

/** The state the server is in; SPDK_RPC_STARTUP at first. */
void spdk_rpc_set_state(uint32_t state_mask);
uint32_t spdk_rpc_get_state(void);

/** Only these methods (NULL-terminated, copied) exist for users; NULL for all. */
void spdk_rpc_set_allowlist(const char **rpc_allowlist);

#ifdef __cplusplus
}
#endif

#endif
