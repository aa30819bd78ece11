/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* An application that gives its configuration from memory, for tests/integration/config_load.py and
 * state_dir.py: config_app DATA [options of every application]. DATA stands directly before a page
 * that cannot be read: whoever looks for a NUL behind it is killed. "nul:DATA" has one, and counts
 * it. */

#include <sys/mman.h>

#include "spdk/stdinc.h"
#include "spdk/bdev.h"
#include "spdk/bdev_module.h"
#include "spdk/event.h"
#include "spdk/rpc.h"
#include "spdk/thread.h"
#include "spdk/util.h"

/* --- a method that takes its time and must not be called twice -------------------------------- */

static struct spdk_poller *g_poller;
static unsigned g_counted;

static int
count_over(void *ctx)
{
	spdk_poller_unregister(&g_poller);
	spdk_jsonrpc_send_bool_response(ctx, true);
	return SPDK_POLLER_BUSY;
}

static void
rpc_count(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	static const struct spdk_json_object_decoder decoders[] = {
		{ "ms", 0, spdk_json_decode_uint32 },
	};
	uint32_t ms = 0;

	if (spdk_json_decode_object(params, decoders, SPDK_COUNTOF(decoders), &ms) != 0) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS, "ms");
		return;
	}
	printf("count %u\n", ++g_counted);
	fflush(stdout);
	g_poller = SPDK_POLLER_REGISTER(count_over, request, ms * 1000ull);
}
SPDK_RPC_REGISTER("app_count", rpc_count, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)

/* --- a device goes, and no method that changes something was called --------------------------- */

static void
rpc_get_rid_of(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	static const struct spdk_json_object_decoder decoders[] = {
		{ "name", 0, spdk_json_decode_string },
	};
	struct spdk_bdev *bdev;
	char *name = NULL;

	if (spdk_json_decode_object(params, decoders, SPDK_COUNTOF(decoders), &name) != 0 ||
	    (bdev = spdk_bdev_get_by_name(name)) == NULL) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		                                 "name");
	} else {
		spdk_bdev_unregister(bdev, NULL, NULL);
		spdk_jsonrpc_send_bool_response(request, true);
	}
	free(name);
}
SPDK_RPC_REGISTER("app_get_rid_of", rpc_get_rid_of, SPDK_RPC_RUNTIME)

/* --- the application -------------------------------------------------------------------------- */

static void
start(void *ctx)
{
	printf("started\n");
	fflush(stdout);
}

static char *
at_the_edge(const char *data, size_t len)
{
	size_t page = (size_t)getpagesize(), room = (len + page - 1) / page * page;
	char *map =
		mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED || mprotect(map + room, page, PROT_NONE) != 0) {
		return NULL;
	}
	memcpy(map + room - len, data, len);
	return map + room - len;
}

int
main(int argc, char **argv)
{
	struct spdk_app_opts opts = {};
	const char *data;
	int rc;

	if (argc < 2) {
		return 2;
	}
	spdk_app_opts_init(&opts, sizeof(opts));
	opts.name = "config_app";
	if (spdk_app_parse_args(argc - 1, argv + 1, &opts, NULL, NULL, NULL, NULL) !=
	    SPDK_APP_PARSE_ARGS_SUCCESS) {
		return 2;
	}
	data = argv[1];
	if (strcmp(data, "none") != 0) {
		bool nul = strncmp(data, "nul:", 4) == 0;

		data += nul ? 4 : 0;
		opts.json_data_size = strlen(data) + nul;
		opts.json_data = at_the_edge(data, opts.json_data_size);
	}
	rc = spdk_app_start(&opts, start, NULL);
	spdk_app_fini();
	printf("returned %d\n", rc);
	return rc == 0 ? 0 : 1;
}
