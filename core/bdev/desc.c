/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Descriptors: who has a device open, and how it learns what happens to the device. */

#include "bdev_internal.h"
#include "spdk/notify.h"

/* --- events ----------------------------------------------------------------------------------- */

struct event_msg {
	struct spdk_bdev_desc *desc;
	enum spdk_bdev_event_type type;
};

static void
desc_unref(struct spdk_bdev_desc *desc)
{
	if (__atomic_sub_fetch(&desc->refs, 1, __ATOMIC_ACQ_REL) == 0) {
		free(desc);
	}
}

static void
event_deliver(void *arg)
{
	struct event_msg *msg = arg;
	struct spdk_bdev_desc *desc = msg->desc;

	if (!desc->closed) {
		desc->event_cb(msg->type, desc->bdev, desc->event_ctx);
	}
	free(msg);
	desc_unref(desc);
}

void
bdev_notify_descs_locked(struct spdk_bdev *bdev, enum spdk_bdev_event_type type)
{
	struct spdk_bdev_desc *desc;
	struct event_msg *msg;

	TAILQ_FOREACH (desc, &bdev->internal.open_descs, link) {
		msg = malloc(sizeof(*msg));
		if (msg == NULL) {
			SPDK_ERRLOG("%s: out of memory: a user does not learn of event %d\n",
			            bdev->name, type);
			continue;
		}
		msg->desc = desc;
		msg->type = type;
		__atomic_add_fetch(&desc->refs, 1, __ATOMIC_RELAXED);
		spdk_thread_send_msg(desc->thread, event_deliver, msg);
	}
}

int
spdk_bdev_notify_blockcnt_change(struct spdk_bdev *bdev, uint64_t size)
{
	int rc = 0;

	if (size == bdev->blockcnt) {
		return 0;
	}
	spdk_spin_lock(&bdev->internal.spinlock);
	if (size < bdev->blockcnt && !TAILQ_EMPTY(&bdev->internal.open_descs)) {
		rc = -EBUSY;
	} else {
		bdev->blockcnt = size;
		bdev_notify_descs_locked(bdev, SPDK_BDEV_EVENT_RESIZE);
	}
	spdk_spin_unlock(&bdev->internal.spinlock);
	if (rc == 0) {
		spdk_notify_send("bdev_resize", bdev->name);
	}
	return rc;
}

/* --- opening ---------------------------------------------------------------------------------- */

void
spdk_bdev_open_opts_init(struct spdk_bdev_open_opts *opts, size_t opts_size)
{
	memset(opts, 0, opts_size);
	opts->size = opts_size;
}

/* Find and open in one go, so that the device cannot go in between. */
static int
open_locked(struct spdk_bdev_desc *desc, const char *bdev_name)
{
	struct spdk_bdev *bdev = bdev_find(bdev_name);
	int rc = 0;

	if (bdev == NULL) {
		return -ENODEV;
	}
	spdk_spin_lock(&bdev->internal.spinlock);
	if (bdev->internal.status != SPDK_BDEV_STATUS_READY) {
		rc = -ENODEV;
	} else if (!bdev_claim_allows_open(bdev, desc->write)) {
		rc = -EPERM;
	} else {
		desc->bdev = bdev;
		TAILQ_INSERT_TAIL(&bdev->internal.open_descs, desc, link);
	}
	spdk_spin_unlock(&bdev->internal.spinlock);
	return rc;
}

int
spdk_bdev_open_ext_v2(const char *bdev_name, bool write, spdk_bdev_event_cb_t event_cb,
                      void *event_ctx, struct spdk_bdev_open_opts *opts,
                      struct spdk_bdev_desc **out)
{
	struct spdk_bdev_desc *desc;
	int rc;

	if (bdev_name == NULL || event_cb == NULL || spdk_get_thread() == NULL) {
		SPDK_ERRLOG("%s: opening needs a name, an event callback and an spdk_thread\n",
		            bdev_name != NULL ? bdev_name : "(none)");
		return -EINVAL;
	}
	desc = calloc(1, sizeof(*desc));
	if (desc == NULL) {
		return -ENOMEM;
	}
	desc->write = write;
	desc->thread = spdk_get_thread();
	desc->event_cb = event_cb;
	desc->event_ctx = event_ctx;
	desc->refs = 1;
	spdk_spin_lock(&g_bdev_mgr.spinlock);
	rc = open_locked(desc, bdev_name);
	spdk_spin_unlock(&g_bdev_mgr.spinlock);
	if (rc != 0) {
		free(desc);
		return rc;
	}
	if (opts != NULL && SPDK_FIELD_VALID(opts, hide_metadata) && opts->hide_metadata &&
	    desc->bdev->md_len != 0) {
		SPDK_ERRLOG("%s: metadata cannot be hidden\n", bdev_name);
		spdk_bdev_close(desc);
		return -ENOTSUP;
	}
	*out = desc;
	return 0;
}

int
spdk_bdev_open_ext(const char *bdev_name, bool write, spdk_bdev_event_cb_t event_cb,
                   void *event_ctx, struct spdk_bdev_desc **desc)
{
	return spdk_bdev_open_ext_v2(bdev_name, write, event_cb, event_ctx, NULL, desc);
}

void
spdk_bdev_close(struct spdk_bdev_desc *desc)
{
	struct spdk_bdev *bdev = desc->bdev;
	bool last;

	if (spdk_get_thread() != desc->thread) {
		SPDK_ERRLOG("%s: a descriptor opened on thread %s is closed on %s\n", bdev->name,
		            spdk_thread_get_name(desc->thread),
		            spdk_get_thread() ? spdk_thread_get_name(spdk_get_thread()) : "none");
		abort();
	}
	spdk_spin_lock(&bdev->internal.spinlock);
	if (desc->claim != NULL) {
		bdev_claim_release_desc_locked(desc);
	}
	TAILQ_REMOVE(&bdev->internal.open_descs, desc, link);
	desc->closed = true;
	last = bdev->internal.swept && TAILQ_EMPTY(&bdev->internal.open_descs);
	spdk_spin_unlock(&bdev->internal.spinlock);
	if (last) {
		bdev_destruct(bdev);
	}
	desc_unref(desc);
}

/* --- opening what is not there yet ------------------------------------------------------------ */

#define OPEN_ASYNC_POLL_US 10000
/* Thirty days: more would not fit the clock of a fast machine in ticks times a thousand. */
#define OPEN_ASYNC_MAX_MS UINT64_C(2592000000)

struct open_async {
	char *name;
	bool write;
	spdk_bdev_event_cb_t event_cb;
	void *event_ctx;
	spdk_bdev_open_async_cb_t cb;
	void *cb_arg;
	uint64_t deadline;
	struct spdk_poller *poller;
};

static int
open_async_poll(void *arg)
{
	struct open_async *req = arg;
	struct spdk_bdev_desc *desc = NULL;
	int rc;

	rc = bdev_is_finishing() ? -ENODEV
	                         : spdk_bdev_open_ext(req->name, req->write, req->event_cb,
	                                              req->event_ctx, &desc);
	if (rc == -ENODEV && !bdev_is_finishing()) {
		if (spdk_get_ticks() < req->deadline) {
			return SPDK_POLLER_IDLE;
		}
		rc = -ETIMEDOUT;
	}
	spdk_poller_unregister(&req->poller);
	req->cb(desc, rc, req->cb_arg);
	free(req->name);
	free(req);
	return SPDK_POLLER_BUSY;
}

static void
open_async_first(void *arg)
{
	struct open_async *req = arg;

	req->poller = SPDK_POLLER_REGISTER(open_async_poll, req, OPEN_ASYNC_POLL_US);
	open_async_poll(req);
}

int
spdk_bdev_open_async(const char *bdev_name, bool write, spdk_bdev_event_cb_t event_cb,
                     void *event_ctx, struct spdk_bdev_open_async_opts *opts,
                     spdk_bdev_open_async_cb_t open_cb, void *open_cb_arg)
{
	uint64_t timeout_ms = 0;
	struct open_async *req;

	if (bdev_name == NULL || event_cb == NULL || open_cb == NULL || spdk_get_thread() == NULL ||
	    (opts != NULL && opts->size == 0)) {
		return -EINVAL;
	}
	if (opts != NULL) {
		timeout_ms = SPDK_GET_FIELD(opts, timeout_ms, 0);
	}
	req = calloc(1, sizeof(*req));
	if (req == NULL) {
		return -ENOMEM;
	}
	req->name = strdup(bdev_name);
	if (req->name == NULL) {
		free(req);
		return -ENOMEM;
	}
	req->write = write;
	req->event_cb = event_cb;
	req->event_ctx = event_ctx;
	req->cb = open_cb;
	req->cb_arg = open_cb_arg;
	timeout_ms = spdk_min(timeout_ms, OPEN_ASYNC_MAX_MS);
	req->deadline = spdk_get_ticks() + timeout_ms * spdk_get_ticks_hz() / 1000;
	spdk_thread_send_msg(spdk_get_thread(), open_async_first, req);
	return 0;
}

/* --- what a descriptor says ------------------------------------------------------------------- */

struct spdk_bdev *
spdk_bdev_desc_get_bdev(struct spdk_bdev_desc *desc)
{
	return desc->bdev;
}

uint32_t
spdk_bdev_desc_get_block_size(struct spdk_bdev_desc *desc)
{
	return desc->bdev->blocklen;
}

uint32_t
spdk_bdev_desc_get_md_size(struct spdk_bdev_desc *desc)
{
	return spdk_bdev_get_md_size(desc->bdev);
}

bool
spdk_bdev_desc_is_md_interleaved(struct spdk_bdev_desc *desc)
{
	return spdk_bdev_is_md_interleaved(desc->bdev);
}

bool
spdk_bdev_desc_is_md_separate(struct spdk_bdev_desc *desc)
{
	return spdk_bdev_is_md_separate(desc->bdev);
}

enum spdk_dif_type
spdk_bdev_desc_get_dif_type(struct spdk_bdev_desc *desc)
{
	return spdk_bdev_get_dif_type(desc->bdev);
}

enum spdk_dif_pi_format
spdk_bdev_desc_get_dif_pi_format(struct spdk_bdev_desc *desc)
{
	return spdk_bdev_get_dif_pi_format(desc->bdev);
}

bool
spdk_bdev_desc_is_dif_head_of_md(struct spdk_bdev_desc *desc)
{
	return spdk_bdev_is_dif_head_of_md(desc->bdev);
}

bool
spdk_bdev_desc_is_dif_check_enabled(struct spdk_bdev_desc *desc, enum spdk_dif_check_type type)
{
	return spdk_bdev_is_dif_check_enabled(desc->bdev, type);
}

bool
spdk_bdev_desc_hide_metadata(struct spdk_bdev_desc *desc)
{
	return false;
}

void *
spdk_bdev_get_module_ctx(struct spdk_bdev_desc *desc)
{
	struct spdk_bdev *bdev = desc->bdev;

	return bdev->fn_table->get_module_ctx != NULL ? bdev->fn_table->get_module_ctx(bdev->ctxt)
	                                              : NULL;
}
