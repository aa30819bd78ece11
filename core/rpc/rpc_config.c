/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "core/rpc/rpc_config.h"

static struct rpc_config_writer *g_writers;

void
rpc_config_writer_add(struct rpc_config_writer *writer)
{
	writer->next = g_writers;
	g_writers = writer;
}

const struct rpc_config_writer *
rpc_config_writer_find(void (*write_config_json)(struct spdk_json_write_ctx *w))
{
	const struct rpc_config_writer *writer = g_writers;

	while (writer != NULL && writer->instead_of != write_config_json) {
		writer = writer->next;
	}
	return writer;
}
