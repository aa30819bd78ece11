/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The one place that knows how a ring is set up.
 *
 * COOP_TASKRUN and TASKRUN_FLAG: a completion does not interrupt the reactor on its core; it is
 * there when the reactor next enters the kernel for whatever reason, an interrupt included, and a
 * flag in the ring says that one waits. Reaping is reading memory.
 *
 * Not SINGLE_ISSUER and DEFER_TASKRUN: with these a ring belongs to one OS thread for good, but an
 * spdk_thread moves to another reactor with its channels at any time. Nor would they help: they
 * need a system call for every look at the completions. Measured on ext4 with O_DIRECT, 4 KiB
 * random reads (2-core virtual machine, Linux 6.18): 24.9 k IOPS at queue depth 1 against 24.1 k,
 * and 93 k against 95 k at 128; a tight loop then entered the kernel 72 and 30 times an I/O in
 * place of 1 and 0.01 times.
 *
 * A reactor that sleeps is woken by the eventfd, and, in its system call, for a completion that
 * waits for it to enter the kernel. */

#include "drivers/uring/uring.h"

#include <sched.h>
#include <sys/eventfd.h>

#include "spdk/likely.h"

/* Its address tells OS threads apart; its value, whether the workers of this one are placed. */
static __thread bool t_workers_placed;

/* Written by the control pthread before the first ring exists. */
static cpu_set_t g_worker_cpus;

void
uring_ring_note_cpus(void)
{
	cpu_set_t cpus;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0) {
		g_worker_cpus = cpus;
	}
}

static int
init(struct io_uring *ring, unsigned flags)
{
	struct io_uring_params params = {
		.flags = flags | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
		.cq_entries = URING_CQ_ENTRIES,
	};

	return io_uring_queue_init_params(URING_SQ_ENTRIES, ring, &params);
}

static bool
knows_all_operations(struct io_uring *ring)
{
	struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
	bool all;

	if (probe == NULL) {
		return false;
	}
	all = io_uring_opcode_supported(probe, IORING_OP_READ) &&
	      io_uring_opcode_supported(probe, IORING_OP_WRITE) &&
	      io_uring_opcode_supported(probe, IORING_OP_FALLOCATE);
	io_uring_free_probe(probe);
	return all;
}

int
uring_ring_create(int fd, struct uring_ring **out)
{
	struct uring_ring *ring = calloc(1, sizeof(*ring));
	int rc;

	if (ring == NULL) {
		return -ENOMEM;
	}
	ring->eventfd = -1;
	rc = init(&ring->ring, IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG);
	if (rc == -EINVAL) {
		rc = init(&ring->ring, 0); /* before Linux 5.19 */
	}
	if (rc != 0) {
		free(ring);
		return rc;
	}
	rc = knows_all_operations(&ring->ring) ? io_uring_register_files(&ring->ring, &fd, 1)
	                                       : -EOPNOTSUPP;
	if (rc != 0) {
		uring_ring_destroy(ring);
		return rc;
	}
	*out = ring;
	return 0;
}

void
uring_ring_destroy(struct uring_ring *ring)
{
	io_uring_queue_exit(&ring->ring);
	if (ring->eventfd >= 0) {
		close(ring->eventfd);
	}
	free(ring);
}

struct io_uring_sqe *
uring_ring_sqe(struct uring_ring *ring)
{
	return io_uring_get_sqe(&ring->ring);
}

int
uring_ring_submit(struct uring_ring *ring)
{
	int rc = io_uring_submit(&ring->ring);

	if (spdk_likely(rc >= 0) || rc == -EAGAIN || rc == -EBUSY || rc == -EINTR) {
		return 0;
	}
	return rc;
}

bool
uring_ring_pending(const struct uring_ring *ring)
{
	return io_uring_sq_ready(&ring->ring) > 0;
}

unsigned
uring_ring_reap(struct uring_ring *ring, struct uring_result *results, unsigned max)
{
	struct io_uring_cqe *cqes[64];
	unsigned count, i;

	count = io_uring_peek_batch_cqe(&ring->ring, cqes, spdk_min(max, SPDK_COUNTOF(cqes)));
	for (i = 0; i < count; i++) {
		results[i].io = io_uring_cqe_get_data(cqes[i]);
		results[i].res = cqes[i]->res;
	}
	io_uring_cq_advance(&ring->ring, count);
	return count;
}

bool
uring_ring_needs_entry(const struct uring_ring *ring)
{
	return (__atomic_load_n(ring->ring.sq.kflags, __ATOMIC_RELAXED) & IORING_SQ_TASKRUN) != 0;
}

int
uring_ring_eventfd(struct uring_ring *ring)
{
	int fd, rc;

	if (ring->eventfd >= 0) {
		return ring->eventfd;
	}
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0) {
		return -errno;
	}
	rc = io_uring_register_eventfd(&ring->ring, fd);
	if (rc != 0) {
		close(fd);
		return rc;
	}
	ring->eventfd = fd;
	uring_ring_notify(ring, false);
	return fd;
}

void
uring_ring_notify(struct uring_ring *ring, bool on)
{
	/* Kernels before 5.8 know no way to switch it off: a few writes too many. */
	(void)io_uring_cq_eventfd_toggle(&ring->ring, on);
}

/* What cannot be done at once is done by worker threads that the kernel keeps for each OS thread
 * that submits. They may run on every CPU, the reactor's too, unless told otherwise before the
 * first of them exists; and they can be told once the OS thread has a place to keep that.
 * Registering the ring's descriptor makes the place (Linux 5.18), and is undone at once because it
 * would bind the ring to this OS thread. A failure costs some speed and is not worth a word. */
static void
place_workers(struct uring_ring *ring)
{
	t_workers_placed = true;
	if (CPU_COUNT(&g_worker_cpus) > 0 && io_uring_register_ring_fd(&ring->ring) == 1) {
		io_uring_unregister_ring_fd(&ring->ring);
		io_uring_register_iowq_aff(&ring->ring, sizeof(g_worker_cpus), &g_worker_cpus);
	}
}

bool
uring_ring_adopt(struct uring_ring *ring)
{
	if (spdk_likely(ring->task == &t_workers_placed)) {
		return false;
	}
	ring->task = &t_workers_placed;
	if (!t_workers_placed) {
		place_workers(ring);
	}
	return true;
}
