/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* env_dpdk_get_mem_stats: where EAL's memory is, in a file for people and for SPDK's
 * dpdk_mem_info.py. The control pthread gathers it into memory first, because EAL prints while it
 * holds locks that an allocation on a reactor needs, and a file may take its time. */

#include <fcntl.h>
#include <stdio.h>

#include "spdk/env_dpdk.h"
#include "spdk/log.h"
#include "spdk/rpc.h"
#include "spdk/string.h"
#include "spdk/thread.h"

#include "core/rpc/methods.h"
#include "ipc/gate/control.h"

#define DUMP_NAME "spdk_mem_dump.txt"

struct mem_dump {
	struct spdk_jsonrpc_request *request;
	int rc;
	char path[PATH_MAX];
};

static int
write_all(int fd, const char *text, size_t len)
{
	ssize_t n;

	while (len > 0) {
		n = write(fd, text, len);
		if (n < 0 && errno != EINTR) {
			return -errno;
		}
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

/* The folder is everybody's: what another user has put under our name is replaced, never written
 * to. */
static int
replace_file(const char *path, const char *text, size_t len)
{
	char tmp[PATH_MAX];
	int fd, rc;

	if (snprintf(tmp, sizeof(tmp), "%s.XXXXXX", path) >= (int)sizeof(tmp)) {
		return -ENAMETOOLONG;
	}
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0) {
		return -errno;
	}
	rc = write_all(fd, text, len);
	close(fd);
	if (rc == 0 && rename(tmp, path) != 0) {
		rc = -errno;
	}
	if (rc != 0) {
		unlink(tmp);
	}
	return rc;
}

static int
dump(struct mem_dump *d)
{
	const char *folder = getenv("TMPDIR");
	char *text = NULL;
	size_t len = 0;
	FILE *memory;
	int rc;

	if (folder == NULL || folder[0] != '/') {
		folder = "/tmp";
	}
	if (snprintf(d->path, sizeof(d->path), "%s/" DUMP_NAME, folder) >= (int)sizeof(d->path)) {
		return -ENAMETOOLONG;
	}
	memory = open_memstream(&text, &len);
	if (memory == NULL) {
		return -errno;
	}
	spdk_env_dpdk_dump_mem_stats(memory);
	rc = fclose(memory) != 0 ? -ENOMEM : replace_file(d->path, text, len);
	free(text);
	return rc;
}

static void
dump_done(void *arg)
{
	struct mem_dump *d = arg;
	struct spdk_json_write_ctx *w;

	if (d->rc != 0) {
		spdk_jsonrpc_send_error_response_fmt(d->request, SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
		                                     "The figures could not be written to %s: %s",
		                                     d->path, spdk_strerror(-d->rc));
	} else {
		w = spdk_jsonrpc_begin_result(d->request);
		spdk_json_write_object_begin(w);
		spdk_json_write_named_string(w, "filename", d->path);
		spdk_json_write_object_end(w);
		spdk_jsonrpc_end_result(d->request, w);
	}
	free(d);
}

static void
dump_on_control(void *arg)
{
	struct spdk_thread *app = spdk_thread_get_app_thread();
	struct mem_dump *d = arg;

	d->rc = dump(d);
	if (app == NULL || spdk_thread_send_msg(app, dump_done, d) != 0) {
		free(d); /* the end of the application; whoever waited is gone too */
	}
}

static void
env_dpdk_get_mem_stats(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct mem_dump *d;
	int rc;

	if (rpc_refuse_params(request, params,
	                      "env_dpdk_get_mem_stats doesn't require any parameters")) {
		return;
	}
	d = calloc(1, sizeof(*d));
	rc = d == NULL ? -ENOMEM : 0;
	if (rc == 0) {
		d->request = request;
		rc = control_post(dump_on_control, d);
	}
	if (rc != 0) {
		free(d);
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
		                                 spdk_strerror(-rc));
	}
}
SPDK_RPC_REGISTER("env_dpdk_get_mem_stats", env_dpdk_get_mem_stats, SPDK_RPC_RUNTIME)
