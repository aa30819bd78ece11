/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* An application for tests/integration/iobuf.py, with one method more: app_read {name, blocks,
 * count} submits so many reads without a buffer at once, and answers how many were good. */

#include "spdk/bdev.h"
#include "spdk/event.h"
#include "spdk/rpc.h"
#include "spdk/string.h"
#include "spdk/util.h"

struct reading {
	struct spdk_jsonrpc_request *request;
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch;
	char *name;
	uint32_t blocks;
	uint32_t count;
	uint32_t under_way;
	uint32_t good;
};

static void
reading_end(struct reading *r)
{
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(r->request);

	spdk_json_write_uint32(w, r->good);
	spdk_jsonrpc_end_result(r->request, w);
	spdk_put_io_channel(r->ch);
	spdk_bdev_close(r->desc);
	free(r->name);
	free(r);
}

static void
read_done(struct spdk_bdev_io *io, bool success, void *arg)
{
	struct reading *r = arg;
	struct iovec *iovs;
	int count;

	spdk_bdev_io_get_iovec(io, &iovs, &count);
	r->good += success && count == 1 && iovs[0].iov_base != NULL;
	spdk_bdev_free_io(io);
	if (--r->under_way == 0) {
		reading_end(r);
	}
}

static void
event(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
}

static void
refuse(struct reading *r, int rc)
{
	spdk_jsonrpc_send_error_response(r->request, rc, spdk_strerror(-rc));
	free(r->name);
	free(r);
}

static void
app_read(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	static const struct spdk_json_object_decoder decoders[] = {
		{ "name", offsetof(struct reading, name), spdk_json_decode_string },
		{ "blocks", offsetof(struct reading, blocks), spdk_json_decode_uint32 },
		{ "count", offsetof(struct reading, count), spdk_json_decode_uint32 },
	};
	struct reading *r = calloc(1, sizeof(*r));
	uint32_t i;
	int rc;

	if (r == NULL) {
		abort();
	}
	r->request = request;
	if (spdk_json_decode_object(params, decoders, SPDK_COUNTOF(decoders), r) != 0) {
		refuse(r, -EINVAL);
		return;
	}
	rc = spdk_bdev_open_ext(r->name, false, event, NULL, &r->desc);
	if (rc != 0) {
		refuse(r, rc);
		return;
	}
	r->ch = spdk_bdev_get_io_channel(r->desc);
	if (r->ch == NULL) {
		spdk_bdev_close(r->desc);
		refuse(r, -ENOMEM);
		return;
	}
	/* One more than there are, so that the end is not before the last submission. */
	r->under_way = 1;
	for (i = 0; i < r->count; i++) {
		rc = spdk_bdev_read_blocks(r->desc, r->ch, NULL, 0, r->blocks, read_done, r);
		r->under_way += rc == 0;
	}
	if (--r->under_way == 0) {
		reading_end(r);
	}
}
SPDK_RPC_REGISTER("app_read", app_read, SPDK_RPC_RUNTIME)

static void
start(void *ctx)
{
}

int
main(int argc, char **argv)
{
	struct spdk_app_opts opts = {};
	int rc;

	spdk_app_opts_init(&opts, sizeof(opts));
	opts.name = "iobuf_app";
	if (spdk_app_parse_args(argc, argv, &opts, NULL, NULL, NULL, NULL) !=
	    SPDK_APP_PARSE_ARGS_SUCCESS) {
		return 2;
	}
	rc = spdk_app_start(&opts, start, NULL);
	spdk_app_fini();
	return rc;
}
