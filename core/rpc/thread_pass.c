/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Passes over the threads, and those who wait for one. When it is over each of them becomes a walk
 * (rpc_walk.h) that copies what the pass has written. */

#include "core/rpc/thread_pass.h"

#include "spdk/env.h"
#include "spdk/queue.h"
#include "spdk/string.h"
#include "spdk/thread.h"

#include "core/rpc/rpc_internal.h"
#include "core/rpc/rpc_walk.h"
#include "core/thread/thread_walk.h"

/* Some 2 µs, either of writing or of finding what is to be written: see README.md. */
#define VISIT_ITEMS 12
#define VISIT_LOOKS 120
/* Askers whose walks are begun at a stretch. */
#define MAX_RELEASE 32

/* A request that is answered by a pass. */
struct asker {
	struct rpc_walk walk;
	struct spdk_jsonrpc_request *request;
	struct thread_pass *pass;
	const struct codec_chunk *at; /* of its result: to be copied next */
	TAILQ_ENTRY(asker) link;
};

struct thread_pass {
	const struct thread_view *view;
	TAILQ_HEAD(, asker) askers; /* they wait */
	unsigned num_askers;        /* those who copy, too */
	bool begun;
	bool unfinished; /* in this round a thread had more than a visit's worth */
	uint64_t done;   /* id of the last thread that is written; ids grow with time */
	/* The thread that is half written, if one is. */
	bool open;
	uint64_t open_id;
	unsigned group;
	uint64_t position; /* in the present group */
	uint64_t counts[POLLER_NUM_KINDS];
	/* What is written. */
	struct codec_buf buf;
	struct json_msgpack_writer writer;
	/* When it is over. */
	int rc;
	struct codec_chain result;
	TAILQ_ENTRY(thread_pass) link;
};

/* The first one is under way; of the others there is one a view. */
static TAILQ_HEAD(, thread_pass) g_passes = TAILQ_HEAD_INITIALIZER(g_passes);

/* --- on the threads --------------------------------------------------------------------------- */

static void
close_thread(struct thread_pass *pass)
{
	/* It may have exited in the middle: what is missing then is empty. */
	if (!pass->view->counts) {
		spdk_json_write_array_end(&pass->writer.base);
		for (pass->group++; pass->view->groups[pass->group] != NULL; pass->group++) {
			spdk_json_write_named_array_begin(&pass->writer.base,
			                                  pass->view->groups[pass->group]);
			spdk_json_write_array_end(&pass->writer.base);
		}
		spdk_json_write_object_end(&pass->writer.base);
	}
	pass->open = false;
	pass->done = pass->open_id;
}

static void
open_thread(struct thread_pass *pass, struct spdk_thread *thread)
{
	pass->open = true;
	pass->open_id = spdk_thread_get_id(thread);
	pass->group = 0;
	pass->position = 0;
	memset(pass->counts, 0, sizeof(pass->counts));
	if (!pass->view->counts) {
		spdk_json_write_object_begin(&pass->writer.base);
		pass->view->write_thread(&pass->writer.base, thread, pass->counts);
		spdk_json_write_named_array_begin(&pass->writer.base, pass->view->groups[0]);
	}
}

/* Write on where the last visit stopped. Returns whether the thread is done. */
static bool
write_groups(struct thread_pass *pass, struct spdk_thread *thread)
{
	const struct thread_view *view = pass->view;
	unsigned looks = VISIT_LOOKS, items = VISIT_ITEMS;
	void *item;

	for (; looks > 0 && items > 0; looks--) {
		item = view->next(thread, &pass->position);
		if (item != NULL) {
			if (view->group_of(item) == pass->group) {
				view->write_item(&pass->writer.base, item);
				items--;
			}
			continue;
		}
		if (view->groups[pass->group + 1] == NULL) {
			return true;
		}
		spdk_json_write_array_end(&pass->writer.base);
		pass->group++;
		pass->position = 0;
		spdk_json_write_named_array_begin(&pass->writer.base, view->groups[pass->group]);
	}
	return false;
}

/* Count on where the last visit stopped, and write the thread when all is counted. */
static bool
count_items(struct thread_pass *pass, struct spdk_thread *thread)
{
	unsigned looks = VISIT_LOOKS;
	void *item;

	while (looks-- > 0) {
		item = pass->view->next(thread, &pass->position);
		if (item == NULL) {
			spdk_json_write_object_begin(&pass->writer.base);
			pass->view->write_thread(&pass->writer.base, thread, pass->counts);
			spdk_json_write_object_end(&pass->writer.base);
			return true;
		}
		pass->counts[pass->view->group_of(item)]++;
	}
	return false;
}

static void
visit(void *ctx)
{
	struct thread_pass *pass = ctx;
	struct spdk_thread *thread = spdk_get_thread();
	uint64_t id = spdk_thread_get_id(thread);

	if (pass->unfinished || id <= pass->done) {
		return;
	}
	if (pass->open && pass->open_id != id) {
		close_thread(pass);
	}
	if (!pass->open) {
		open_thread(pass, thread);
	}
	if (pass->view->counts ? count_items(pass, thread) : write_groups(pass, thread)) {
		close_thread(pass);
	} else {
		pass->unfinished = true;
	}
}

/* --- who copies ------------------------------------------------------------------------------- */

static int
asker_step(struct rpc_walk *walk)
{
	struct asker *asker = SPDK_CONTAINEROF(walk, struct asker, walk);

	if (asker->pass->rc != 0) {
		return asker->pass->rc;
	}
	if (asker->at == NULL) {
		rpc_request_begin_copy(walk->request);
		asker->at = asker->pass->result.first;
	}
	codec_put_raw(&walk->request->buf, asker->at->data, asker->at->len);
	asker->at = asker->at->next;
	return asker->at != NULL ? RPC_WALK_MORE : RPC_WALK_DONE;
}

static void
asker_answer(struct rpc_walk *walk)
{
	rpc_request_end_copy(walk->request);
}

static void
asker_end(struct rpc_walk *walk)
{
	struct asker *asker = SPDK_CONTAINEROF(walk, struct asker, walk);
	struct thread_pass *pass = asker->pass;

	free(asker);
	if (--pass->num_askers == 0) {
		codec_chain_free(&pass->result);
		free(pass);
	}
}

static const struct rpc_walk_ops asker_ops = {
	.step = asker_step,
	.answer = asker_answer,
	.end = asker_end,
};

/* --- from thread to thread -------------------------------------------------------------------- */

static void round_done(void *ctx);

static void
pass_begin(struct thread_pass *pass)
{
	struct spdk_json_write_ctx *w = &pass->writer.base;

	pass->begun = true;
	codec_buf_init_chain(&pass->buf);
	json_msgpack_writer_init(&pass->writer, &pass->buf);
	spdk_json_write_object_begin(w);
	spdk_json_write_named_uint64(w, "tick_rate", spdk_get_ticks_hz());
	spdk_json_write_named_array_begin(w, "threads");
	spdk_for_each_thread(visit, pass, round_done);
}

static void
release(void *ctx)
{
	struct thread_pass *pass = ctx;
	struct asker *asker;
	unsigned n;

	for (n = 0; n < MAX_RELEASE && (asker = TAILQ_FIRST(&pass->askers)) != NULL; n++) {
		TAILQ_REMOVE(&pass->askers, asker, link);
		rpc_walk_queue(&asker->walk, &asker_ops, asker->request);
	}
	if (!TAILQ_EMPTY(&pass->askers)) {
		spdk_thread_send_msg(spdk_get_thread(), release, pass);
	}
}

/* Its askers free it. */
static void
pass_end(struct thread_pass *pass, int rc)
{
	if (rc == 0 && !json_msgpack_writer_done(&pass->writer)) {
		rc = -ENOMEM;
	}
	if (codec_buf_take_chain(&pass->buf, &pass->result) != 0) {
		rc = -ENOMEM;
	}
	pass->rc = rc;
	TAILQ_REMOVE(&g_passes, pass, link);
	release(pass);
	if (!TAILQ_EMPTY(&g_passes)) {
		pass_begin(TAILQ_FIRST(&g_passes));
	}
}

static bool
pass_is_awaited(const struct thread_pass *pass)
{
	const struct asker *asker;

	TAILQ_FOREACH (asker, &pass->askers, link) {
		if (rpc_request_is_awaited(asker->request)) {
			return true;
		}
	}
	return false;
}

static void
round_done(void *ctx)
{
	struct thread_pass *pass = ctx;

	if (!pass_is_awaited(pass)) {
		pass_end(pass, -ECANCELED);
		return;
	}
	if (pass->unfinished) {
		pass->unfinished = false;
		spdk_for_each_thread(visit, pass, round_done);
		return;
	}
	if (pass->open) {
		close_thread(pass);
	}
	spdk_json_write_array_end(&pass->writer.base);
	spdk_json_write_object_end(&pass->writer.base);
	pass_end(pass, 0);
}

/* --- who asks --------------------------------------------------------------------------------- */

/* The pass of this view that has not begun. */
static struct thread_pass *
pass_find(const struct thread_view *view)
{
	struct thread_pass *pass;

	TAILQ_FOREACH (pass, &g_passes, link) {
		if (!pass->begun && pass->view == view) {
			return pass;
		}
	}
	pass = calloc(1, sizeof(*pass));
	if (pass != NULL) {
		pass->view = view;
		TAILQ_INIT(&pass->askers);
		TAILQ_INSERT_TAIL(&g_passes, pass, link);
	}
	return pass;
}

void
thread_pass_answer(struct spdk_jsonrpc_request *request, const struct thread_view *view)
{
	struct asker *asker = calloc(1, sizeof(*asker));
	struct thread_pass *pass = asker != NULL ? pass_find(view) : NULL;

	if (pass == NULL) {
		free(asker);
		spdk_jsonrpc_send_error_response(request, -ENOMEM, spdk_strerror(ENOMEM));
		return;
	}
	asker->request = request;
	asker->pass = pass;
	pass->num_askers++;
	TAILQ_INSERT_TAIL(&pass->askers, asker, link);
	if (pass == TAILQ_FIRST(&g_passes)) {
		pass_begin(pass);
	}
}
