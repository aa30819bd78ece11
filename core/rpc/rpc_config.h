/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* How framework_get_config writes a subsystem whose configuration is too long for the one call that
 * SPDK's write_config_json() is: in steps, as a walk (rpc_walk.h). Registration is by constructor.
 */

#ifndef CAL_CORE_RPC_CONFIG_H
#define CAL_CORE_RPC_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

struct spdk_json_write_ctx;

struct rpc_config_writer {
	/** A subsystem with this function is written in steps: the same, all in all. */
	void (*instead_of)(struct spdk_json_write_ctx *w);
	/** NULL when there is no memory. */
	void *(*begin)(void);
	/** Write one object. Returns whether there is more. */
	bool (*step)(void *ctx, struct spdk_json_write_ctx *w);
	/** After the last step, or instead of it. */
	void (*end)(void *ctx);
	struct rpc_config_writer *next;
};

void rpc_config_writer_add(struct rpc_config_writer *writer);

/** NULL: it has to be called. */
const struct rpc_config_writer *
rpc_config_writer_find(void (*write_config_json)(struct spdk_json_write_ctx *w));

#define RPC_CONFIG_WRITER_REGISTER(writer)                                          \
	static void __attribute__((constructor)) rpc_config_register_##writer(void) \
	{                                                                           \
		rpc_config_writer_add(&(writer));                                   \
	}

#endif
