/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The way back. Three things can happen to an I/O that a module ends:
 *
 *   NOMEM             it waits with others of that module's channel, in the order of submission,
 *                     and is tried again when enough other I/O has ended there
 *   inside submit     it is put on the thread's list of completions; one message delivers the whole
 *                     list, so a module that ends everything at once costs a message a batch
 *   otherwise         its user is called here
 */

#include "bdev_internal.h"

#include "core/thread/chain.h"

#define NOMEM_RETRY_US 1000
/* I/O that must have ended since the last NOMEM before it is worth trying again, if so much is
 * under way: it keeps a full device from being asked for every slot that comes free. */
#define NOMEM_HYSTERESIS UINT64_C(8)
/* Completions in one message that are as much as a turn should have. */
#define DELIVERED_MANY 4

static void
nomem_retry(struct bdev_shared *shared)
{
	struct spdk_bdev_io *io;

	if (shared->io_outstanding > shared->nomem_threshold) {
		return;
	}
	while ((io = TAILQ_FIRST(&shared->nomem)) != NULL) {
		TAILQ_REMOVE(&shared->nomem, io, internal.link);
		if (io->internal.status == SPDK_BDEV_IO_STATUS_NOMEM) {
			io->internal.status = SPDK_BDEV_IO_STATUS_PENDING;
			io->num_retries++;
		}
		bdev_io_to_module(io->internal.ch, io);
		if (io->internal.status == SPDK_BDEV_IO_STATUS_NOMEM) {
			return;
		}
	}
	spdk_poller_unregister(&shared->nomem_poller);
}

static int
nomem_poll(void *arg)
{
	nomem_retry(arg);
	return SPDK_POLLER_BUSY;
}

static void
nomem_poll_if_idle(struct bdev_shared *shared)
{
	if (shared->io_outstanding == 0 && shared->nomem_poller == NULL) {
		/* Nothing is under way here whose end could wake those that wait. */
		shared->nomem_poller = SPDK_POLLER_REGISTER(nomem_poll, shared, NOMEM_RETRY_US);
	}
}

static void
nomem_wait(struct bdev_shared *shared, struct spdk_bdev_io *io)
{
	struct spdk_bdev_io *other;

	/* Mostly the head: only a module that says NOMEM late gives them back in another order. */
	TAILQ_FOREACH (other, &shared->nomem, internal.link) {
		if (other->internal.submit_tsc >= io->internal.submit_tsc) {
			break;
		}
	}
	if (other != NULL) {
		TAILQ_INSERT_BEFORE(other, io, internal.link);
	} else {
		TAILQ_INSERT_TAIL(&shared->nomem, io, internal.link);
	}
	shared->nomem_threshold = shared->io_outstanding > 2 * NOMEM_HYSTERESIS
	                                  ? shared->io_outstanding - NOMEM_HYSTERESIS
	                                  : shared->io_outstanding / 2;
	nomem_poll_if_idle(shared);
}

void
bdev_io_finish(struct spdk_bdev_io *io)
{
	struct spdk_bdev_channel *ch = io->internal.ch;

	TAILQ_REMOVE(&ch->io_submitted, io, internal.ch_link);
	if (spdk_unlikely(io->internal.f.has_bounce)) {
		bdev_io_bounce_finish(io);
	}
	if (spdk_likely(!io->internal.f.child_io)) {
		bdev_stat_count(ch, io, spdk_get_ticks() - io->internal.submit_tsc);
	}
	io->internal.cb(io, io->internal.status == SPDK_BDEV_IO_STATUS_SUCCESS,
	                io->internal.caller_ctx);
}

/* What the module had, and has given back. */
static inline void
returned_from_module(struct spdk_bdev_io *io)
{
	struct spdk_bdev_channel *ch = io->internal.ch;
	struct bdev_shared *shared = ch->shared;

	ch->io_outstanding--;
	shared->io_outstanding--;
	if (spdk_unlikely(!TAILQ_EMPTY(&shared->nomem))) {
		nomem_retry(shared);
	}
	bdev_io_finish(io);
}

static void
deliver(void *arg)
{
	struct bdev_mgmt_channel *mgmt = arg;
	bdev_io_stailq_t batch = STAILQ_HEAD_INITIALIZER(batch);
	struct spdk_bdev_io *io;
	unsigned delivered = 0;

	/* What ends while we deliver goes into the next message: the thread's other work has its
	 * turn in between. */
	STAILQ_CONCAT(&batch, &mgmt->completed);
	while ((io = STAILQ_FIRST(&batch)) != NULL) {
		STAILQ_REMOVE_HEAD(&batch, internal.buf_link);
		if (io->internal.f.never_submitted) {
			bdev_io_finish(io);
		} else {
			returned_from_module(io);
		}
		delivered++;
	}
	/* 16 such messages a turn would be 16 times so many I/Os, which the other threads wait for.
	 */
	if (delivered >= DELIVERED_MANY) {
		thread_chain_ends();
	}
}

static inline void
deliver_later(struct spdk_bdev_io *io)
{
	struct bdev_mgmt_channel *mgmt = io->internal.ch->mgmt;
	bool first = STAILQ_EMPTY(&mgmt->completed);

	STAILQ_INSERT_TAIL(&mgmt->completed, io, internal.buf_link);
	if (first) {
		spdk_thread_send_msg(mgmt->thread, deliver, mgmt);
	}
}

void
bdev_io_defer(struct spdk_bdev_io *io, enum spdk_bdev_io_status status)
{
	io->internal.status = status;
	io->internal.f.never_submitted = 1;
	deliver_later(io);
}

void
spdk_bdev_io_complete(struct spdk_bdev_io *io, enum spdk_bdev_io_status status)
{
	struct spdk_bdev_channel *ch = io->internal.ch;

	if (spdk_unlikely(io->internal.status != SPDK_BDEV_IO_STATUS_PENDING)) {
		SPDK_ERRLOG("%s: module %s ended an I/O that had ended already\n", io->bdev->name,
		            io->bdev->module->name);
		abort();
	}
	if (spdk_unlikely(io->type == SPDK_BDEV_IO_TYPE_ABORT) &&
	    status == SPDK_BDEV_IO_STATUS_NOMEM) {
		/* Tried again it could meet another I/O in the place of the one that it meant. */
		status = SPDK_BDEV_IO_STATUS_FAILED;
	}
	io->internal.status = status;
	if (spdk_unlikely(status == SPDK_BDEV_IO_STATUS_NOMEM) &&
	    io->type != SPDK_BDEV_IO_TYPE_RESET) {
		ch->io_outstanding--;
		ch->shared->io_outstanding--;
		if (ch->flags != 0) {
			bdev_io_defer(io, SPDK_BDEV_IO_STATUS_ABORTED);
			if (!TAILQ_EMPTY(&ch->shared->nomem)) {
				/* Another device's: it was this I/O that they waited for. */
				nomem_poll_if_idle(ch->shared);
			}
		} else {
			nomem_wait(ch->shared, io);
		}
		return;
	}
	if (spdk_unlikely(io->type == SPDK_BDEV_IO_TYPE_RESET)) {
		bdev_reset_complete(io);
		return;
	}
	if (io->internal.f.in_submit_request) {
		deliver_later(io);
		return;
	}
	returned_from_module(io);
}
