/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* One thread's ring at work. An I/O is put into the ring where it arrives; one system call a poll
 * hands over all that has come together; results are read from memory. Nothing else is done in
 * between, so a poll without I/O costs a comparison.
 *
 * When the thread moves to another reactor, what it has under way stays with the OS thread that
 * submitted it: that one has to enter the kernel for the result to appear. It does so at its next
 * interrupt; we do not rely on that (a core may run without a clock tick) and send it an event.
 *
 * In interrupt mode the same poll is made when there is reason: a message that the channel sends
 * its own thread when the first I/O of a batch arrives, and the ring's eventfd when a result has.
 * What can only be had by looking again (strays; a ring without eventfd) is looked for by a timed
 * poller while I/O is under way. */

#include "drivers/uring/uring.h"

#include <sys/syscall.h>

#include "spdk/env.h"
#include "spdk/event.h"
#include "spdk/likely.h"
#include "spdk/log.h"
#include "spdk/string.h"

#define REAP_BATCH 64
/* Without O_DIRECT the kernel copies while we wait for the system call to return. More than this a
 * poll is left to its workers; copying it takes about 100 us. */
#define INLINE_BYTES (512ul * 1024)
/* At most so often are the reactors asked to enter the kernel. */
#define KICK_PERIOD_US 100

struct uring_channel {
	struct uring_disk *disk;
	struct uring_ring *ring;
	struct spdk_poller *poller;
	struct spdk_poller *retry;   /* in interrupt mode; paused unless it is needed */
	struct spdk_interrupt *intr; /* in interrupt mode, NULL when it cannot be had */
	bool in_interrupt;
	bool poll_sent;     /* a message will poll */
	uint32_t under_way; /* I/O with us: in the ring, in the kernel, or in `redo` */
	uint32_t strays;    /* of these: submitted before the thread last moved */
	uint32_t epoch;     /* counts the moves */
	uint64_t next_kick; /* ticks */
	uint64_t inline_bytes;
	uint64_t errors;
	bool unsubmitted;
	bool refused; /* the kernel has refused what was submitted, and that was said */
	STAILQ_HEAD(, uring_io) redo;
	struct spdk_io_channel_iter *drain; /* a reset waits for us */
};

size_t
uring_channel_size(void)
{
	return sizeof(struct uring_channel);
}

/* --- rings ------------------------------------------------------------------------------------ */

static struct uring_ring *
spare_take(struct uring_disk *disk)
{
	struct uring_ring *ring;

	pthread_spin_lock(&disk->lock);
	ring = SLIST_FIRST(&disk->spare);
	if (ring != NULL) {
		SLIST_REMOVE_HEAD(&disk->spare, link);
	}
	pthread_spin_unlock(&disk->lock);
	return ring;
}

static void
spare_put(struct uring_disk *disk, struct uring_ring *ring)
{
	ring->task = NULL;
	pthread_spin_lock(&disk->lock);
	SLIST_INSERT_HEAD(&disk->spare, ring, link);
	pthread_spin_unlock(&disk->lock);
}

/* --- sleeping --------------------------------------------------------------------------------- */

static int channel_poll(void *arg);
static int channel_poll_once(struct uring_channel *ch);

static void
poll_message(void *arg)
{
	struct uring_channel *ch = arg;

	ch->poll_sent = false;
	if (ch->in_interrupt) {
		channel_poll_once(ch);
	}
}

/* Have a poll made after what happens now. There is I/O under way, so the message that destroys the
 * channel is yet to be sent: ours comes first. */
static void
poll_soon(struct uring_channel *ch)
{
	if (!ch->poll_sent) {
		ch->poll_sent = spdk_thread_send_msg(spdk_get_thread(), poll_message, ch) == 0;
	}
}

static int
result_arrived(void *arg)
{
	return channel_poll_once(arg);
}

static int
retry_poll(void *arg)
{
	return channel_poll_once(arg);
}

/* What remains to be done after a poll in interrupt mode, and how we will hear of it. */
static void
poll_again_when(struct uring_channel *ch, bool more)
{
	if (ch->under_way > 0 && (more || ch->unsubmitted || !STAILQ_EMPTY(&ch->redo))) {
		poll_soon(ch);
	}
	if (ch->under_way > 0 && (ch->strays > 0 || ch->intr == NULL)) {
		spdk_poller_resume(ch->retry);
	} else {
		spdk_poller_pause(ch->retry);
	}
}

static void
interrupt_enter(struct uring_channel *ch)
{
	struct spdk_event_handler_opts opts = {
		.opts_size = sizeof(opts),
		.events = SPDK_INTERRUPT_EVENT_IN,
		.fd_type = SPDK_FD_TYPE_EVENTFD,
	};
	int fd = uring_ring_eventfd(ch->ring);

	ch->in_interrupt = true;
	ch->intr = fd >= 0 ? spdk_interrupt_register_ext(fd, result_arrived, ch, "uring", &opts)
	                   : NULL;
	if (ch->intr != NULL) {
		uring_ring_notify(ch->ring, true);
	} else {
		SPDK_ERRLOG("%s: the kernel cannot tell when I/O is done: %s; it is looked for "
		            "every %d us\n",
		            ch->disk->bdev.name, spdk_strerror(fd < 0 ? -fd : ENOMEM),
		            KICK_PERIOD_US);
	}
	if (ch->under_way > 0) {
		/* Results that came before nobody was told of. */
		poll_soon(ch);
	}
}

static void
interrupt_leave(struct uring_channel *ch)
{
	ch->in_interrupt = false;
	if (ch->intr != NULL) {
		uring_ring_notify(ch->ring, false);
		spdk_interrupt_unregister(&ch->intr);
	}
	spdk_poller_pause(ch->retry);
}

static void
channel_mode(struct spdk_poller *poller, void *arg, bool interrupt_mode)
{
	struct uring_channel *ch = arg;

	if (interrupt_mode && !ch->in_interrupt) {
		interrupt_enter(ch);
	} else if (!interrupt_mode && ch->in_interrupt) {
		interrupt_leave(ch);
	}
}

/* --- a channel's life ------------------------------------------------------------------------- */

int
uring_channel_create(void *io_device, void *ctx)
{
	struct uring_disk *disk = io_device;
	struct uring_channel *ch = ctx;
	int rc;

	ch->disk = disk;
	STAILQ_INIT(&ch->redo);
	ch->ring = spare_take(disk);
	if (ch->ring == NULL) {
		/* More threads at once than there are reactors. It takes some 50 us. */
		rc = uring_ring_create(disk->file.fd, &ch->ring);
		if (rc != 0) {
			SPDK_ERRLOG("%s: no io_uring for another thread: %s\n", disk->bdev.name,
			            spdk_strerror(-rc));
			return rc;
		}
	}
	ch->poller = SPDK_POLLER_REGISTER(channel_poll, ch, 0);
	ch->retry = SPDK_POLLER_REGISTER(retry_poll, ch, KICK_PERIOD_US);
	if (ch->poller == NULL || ch->retry == NULL) {
		spdk_poller_unregister(&ch->poller);
		spdk_poller_unregister(&ch->retry);
		spare_put(disk, ch->ring);
		return -ENOMEM;
	}
	spdk_poller_pause(ch->retry);
	spdk_poller_register_interrupt(ch->poller, channel_mode, ch);
	return 0;
}

void
uring_channel_destroy(void *io_device, void *ctx)
{
	struct uring_channel *ch = ctx;

	if (ch->in_interrupt) {
		interrupt_leave(ch);
	}
	spdk_poller_unregister(&ch->poller);
	spdk_poller_unregister(&ch->retry);
	spare_put(io_device, ch->ring);
}

/* --- submitting ------------------------------------------------------------------------------- */

static bool
put_into_ring(struct uring_channel *ch, struct uring_io *io)
{
	struct io_uring_sqe *sqe = uring_ring_sqe(ch->ring);
	uint64_t bytes;

	if (spdk_unlikely(sqe == NULL)) {
		return false;
	}
	bytes = uring_io_prep(sqe, spdk_bdev_io_from_ctx(io), io,
	                      __atomic_load_n(&ch->disk->punch_for_zeroes, __ATOMIC_RELAXED));
	if (!ch->disk->file.direct && bytes > 0) {
		ch->inline_bytes += bytes;
		if (ch->inline_bytes > INLINE_BYTES) {
			sqe->flags |= IOSQE_ASYNC;
		}
	}
	ch->unsubmitted = true;
	if (spdk_unlikely(ch->in_interrupt)) {
		poll_soon(ch);
	}
	io->epoch = ch->epoch;
	return true;
}

static void
start(struct uring_channel *ch, struct spdk_bdev_io *bdev_io)
{
	struct uring_io *io = (struct uring_io *)bdev_io->driver_ctx;

	if (bdev_io->type != SPDK_BDEV_IO_TYPE_FLUSH &&
	    spdk_unlikely(uring_io_length(bdev_io) == 0)) {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
		return;
	}
	io->done = 0;
	io->attempts = 0;
	/* No more under way than there is room for results. */
	if (spdk_unlikely(ch->under_way >= URING_CQ_ENTRIES || !put_into_ring(ch, io))) {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_NOMEM);
		return;
	}
	ch->under_way++;
}

static void
buffer_ready(struct spdk_io_channel *io_ch, struct spdk_bdev_io *bdev_io, bool success)
{
	if (spdk_unlikely(!success)) {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
		return;
	}
	start(spdk_io_channel_get_ctx(io_ch), bdev_io);
}

/* A reset ends when nothing is under way any more: what the kernel has cannot be taken back. */
static void
drained(struct spdk_io_channel_iter *i, int status)
{
	spdk_bdev_io_complete(spdk_io_channel_iter_get_ctx(i), SPDK_BDEV_IO_STATUS_SUCCESS);
}

static void
drain(struct spdk_io_channel_iter *i)
{
	struct uring_channel *ch = spdk_io_channel_get_ctx(spdk_io_channel_iter_get_channel(i));

	if (ch->under_way == 0) {
		spdk_for_each_channel_continue(i, 0);
	} else {
		ch->drain = i;
	}
}

void
uring_channel_submit(struct spdk_io_channel *io_ch, struct spdk_bdev_io *bdev_io)
{
	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
	case SPDK_BDEV_IO_TYPE_WRITE:
		spdk_bdev_io_get_buf(bdev_io, buffer_ready, uring_io_length(bdev_io));
		break;
	case SPDK_BDEV_IO_TYPE_FLUSH:
	case SPDK_BDEV_IO_TYPE_UNMAP:
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
		start(spdk_io_channel_get_ctx(io_ch), bdev_io);
		break;
	case SPDK_BDEV_IO_TYPE_RESET:
		spdk_for_each_channel(spdk_io_channel_get_io_device(io_ch), drain, bdev_io,
		                      drained);
		break;
	default:
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
	}
}

/* --- polling ---------------------------------------------------------------------------------- */

static void
failed(struct uring_channel *ch, struct spdk_bdev_io *bdev_io, int rc)
{
	if (ch->errors++ == 0) {
		SPDK_ERRLOG("%s: %s of %" PRIu64 " blocks at %" PRIu64 " in %s failed: %s; further "
		            "errors of this thread are only counted, see bdev_get_iostat\n",
		            ch->disk->bdev.name, spdk_bdev_get_io_type_name(bdev_io->type),
		            bdev_io->u.bdev.num_blocks, bdev_io->u.bdev.offset_blocks,
		            ch->disk->filename, spdk_strerror(-rc));
	}
	spdk_bdev_io_complete_aio_status(bdev_io, rc);
}

static void
take_result(struct uring_channel *ch, struct uring_io *io, int res)
{
	struct spdk_bdev_io *bdev_io = spdk_bdev_io_from_ctx(io);
	bool punched = __atomic_load_n(&ch->disk->punch_for_zeroes, __ATOMIC_RELAXED);
	bool punch = punched;
	enum uring_verdict verdict;

	if (spdk_unlikely(io->epoch != ch->epoch)) {
		ch->strays--;
	}
	verdict = uring_io_judge(bdev_io, io, ch->disk->file.align, &punch, &res);
	if (spdk_unlikely(punch != punched)) {
		__atomic_store_n(&ch->disk->punch_for_zeroes, true, __ATOMIC_RELAXED);
	}
	if (spdk_unlikely(verdict == URING_IO_AGAIN)) {
		STAILQ_INSERT_TAIL(&ch->redo, io, link);
		return;
	}
	ch->under_way--;
	if (spdk_likely(verdict == URING_IO_DONE)) {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
	} else {
		failed(ch, bdev_io, res);
	}
}

static unsigned
reap(struct uring_channel *ch)
{
	struct uring_result results[REAP_BATCH];
	unsigned count = uring_ring_reap(ch->ring, results, REAP_BATCH);
	unsigned i;

	for (i = 0; i < count; i++) {
		take_result(ch, results[i].io, results[i].res);
	}
	return count;
}

static void
redo(struct uring_channel *ch)
{
	struct uring_io *io;

	while ((io = STAILQ_FIRST(&ch->redo)) != NULL) {
		STAILQ_REMOVE_HEAD(&ch->redo, link);
		if (!put_into_ring(ch, io)) {
			STAILQ_INSERT_HEAD(&ch->redo, io, link);
			return;
		}
	}
}

static void
submit(struct uring_channel *ch)
{
	int rc = uring_ring_submit(ch->ring);

	ch->inline_bytes = 0;
	ch->unsubmitted = uring_ring_pending(ch->ring);
	if (spdk_unlikely(rc != 0) && !ch->refused) {
		ch->refused = true;
		SPDK_ERRLOG(
			"%s: the kernel takes no I/O of this thread at present: %s; it is asked "
			"again and again\n",
			ch->disk->bdev.name, spdk_strerror(-rc));
	}
}

/* --- moving ----------------------------------------------------------------------------------- */

static void
enter_kernel(void *arg1, void *arg2)
{
	syscall(SYS_getppid);
}

/* Every reactor, because the thread may have moved more than once. */
static void
kick_reactors(struct uring_channel *ch)
{
	uint64_t now = spdk_get_ticks();
	struct spdk_event *event;
	uint32_t lcore;

	if (now < ch->next_kick) {
		return;
	}
	ch->next_kick = now + KICK_PERIOD_US * spdk_get_ticks_hz() / SPDK_SEC_TO_USEC;
	SPDK_ENV_FOREACH_CORE (lcore) {
		event = spdk_event_allocate(lcore, enter_kernel, NULL, NULL);
		if (event != NULL) {
			spdk_event_call(event);
		}
	}
}

/* What was put into the ring before the move, but not submitted, is counted among the strays too,
 * which at worst costs a few kicks. */
static void
moved(struct uring_channel *ch)
{
	struct uring_io *io;

	ch->epoch++;
	ch->strays = ch->under_way;
	STAILQ_FOREACH (io, &ch->redo, link) {
		ch->strays--;
	}
}

static unsigned
channel_turn(struct uring_channel *ch)
{
	unsigned count;

	if (spdk_unlikely(uring_ring_adopt(ch->ring))) {
		moved(ch);
	}
	if (spdk_unlikely(!STAILQ_EMPTY(&ch->redo))) {
		redo(ch);
	}
	count = reap(ch);
	if (ch->unsubmitted) {
		submit(ch);
		count += reap(ch);
	}
	if (spdk_unlikely(ch->strays > 0) && uring_ring_needs_entry(ch->ring)) {
		kick_reactors(ch);
	}
	if (spdk_unlikely(ch->drain != NULL) && ch->under_way == 0) {
		struct spdk_io_channel_iter *i = ch->drain;

		ch->drain = NULL;
		spdk_for_each_channel_continue(i, 0);
	}
	return count;
}

/* In interrupt mode. */
static int
channel_poll_once(struct uring_channel *ch)
{
	unsigned count = ch->under_way > 0 ? channel_turn(ch) : 0;

	poll_again_when(ch, count >= REAP_BATCH);
	return count > 0 ? SPDK_POLLER_BUSY : SPDK_POLLER_IDLE;
}

static int
channel_poll(void *arg)
{
	struct uring_channel *ch = arg;

	if (ch->under_way == 0) {
		return SPDK_POLLER_IDLE;
	}
	if (spdk_unlikely(ch->in_interrupt)) {
		/* Once, before it is left alone. */
		return channel_poll_once(ch);
	}
	return channel_turn(ch) > 0 ? SPDK_POLLER_BUSY : SPDK_POLLER_IDLE;
}
