/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* spdk/init.h's RPC servers, of which there is one, in a process of its own: the one of the
 * application's rpc_addr. */

#include <errno.h>
#include <string.h>

#include "core/app/app_private.h"
#include "core/rpc/rpc_server.h"
#include "spdk/init.h"
#include "spdk/log.h"

int
spdk_rpc_initialize(const char *listen_addr, const struct spdk_rpc_opts *opts)
{
	if (listen_addr == NULL) {
		SPDK_ERRLOG("spdk_rpc_initialize() was called without an address\n");
		return -EINVAL;
	}
	SPDK_ERRLOG("JSON-RPC is not served on %s: have spdk_app_start() do it, which takes the "
	            "address in rpc_addr (-r)\n",
	            listen_addr);
	return -ENOTSUP;
}

void
spdk_rpc_finish(void)
{
}

void
spdk_rpc_server_finish(const char *listen_addr)
{
}

static bool
is_ours(const char *listen_addr)
{
	const char *ours = g_app.opts.rpc_addr;

	return g_app.thread != NULL && ours != NULL && listen_addr != NULL &&
	       strcmp(listen_addr, ours) == 0;
}

void
spdk_rpc_server_pause(const char *listen_addr)
{
	if (is_ours(listen_addr)) {
		rpc_server_pause();
	}
}

void
spdk_rpc_server_resume(const char *listen_addr)
{
	if (is_ours(listen_addr)) {
		rpc_server_resume();
	}
}
