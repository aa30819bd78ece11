/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What the files of the io_uring driver share.
 *
 *   file.c      the file below a device: opening it, what it can do          control pthread
 *   ring.c      one io_uring and how it is asked                             see each function
 *   io.c        one I/O: what goes into the ring, what a result means        pure
 *   channel.c   one thread's ring at work: submit, poll, drain               the channel's thread
 *   disk.c      devices: made, destroyed, described                          app thread
 *   rescan.c    devices: as large as their files again                       app thread
 *   uring_rpc.c the RPC methods                                              app thread */

#ifndef CAL_DRIVERS_URING_H
#define CAL_DRIVERS_URING_H

#include "spdk/stdinc.h"

#include <liburing.h>

#include "spdk/bdev_module.h"
#include "spdk/queue.h"
#include "spdk/thread.h"

#define URING_WHY_SIZE 256

/* --- file.c ----------------------------------------------------------------------------------- */

/* What was found out about a file. */
struct uring_probe {
	bool is_block_device;
	uint64_t size;          /* bytes */
	uint32_t logical_block; /* of a block device */
	bool direct;            /* opened with O_DIRECT, and it works */
	uint32_t offset_align;  /* that O_DIRECT asks of offsets and lengths; bytes */
	uint32_t memory_align;  /* and of addresses */
};

struct uring_file {
	int fd;
	bool direct;
	bool can_punch; /* holes can be made: unmap and write zeroes work */
	uint64_t size;
	uint32_t block_size;
	uint32_t align; /* of addresses, offsets and lengths, 1 when it does not matter */
};

/** Choose block size, O_DIRECT or not, and alignment. `block_size` is what the user wants, 0 when
 * he leaves it to us. Pure. Returns 0, or -EINVAL with a sentence in `why`. */
int uring_file_choose(const struct uring_probe *probe, uint32_t block_size, struct uring_file *file,
                      char *why);

/** Open and look at a file or block device. Blocks: control pthread. Returns 0, or a negative errno
 *  with a sentence in `why` (URING_WHY_SIZE bytes), which does not name the file. */
int uring_file_open(const char *filename, uint32_t block_size, struct uring_file *file, char *why);
void uring_file_close(struct uring_file *file);
/** How large the open file is now. Control pthread. Returns 0 or a negative errno. */
int uring_file_size_now(const struct uring_file *file, uint64_t *size);

/* --- ring.c ----------------------------------------------------------------------------------- */

/* Entries of the submission queue, which is what one poll can submit, and of the completion queue,
 * which bounds what is under way. */
#define URING_SQ_ENTRIES 256
#define URING_CQ_ENTRIES 1024

struct uring_ring {
	struct io_uring ring;
	/* The OS thread that asked last, by the address of a variable of its own; NULL: none. */
	const void *task;
	int eventfd; /* -1: not asked for yet */
	SLIST_ENTRY(uring_ring) link;
};

struct uring_result {
	void *io; /* as uring_io_prep() put it in */
	int res;
};

/** A ring with `fd` registered as file 0. May take its time: the control pthread makes them ahead.
 *  Returns 0 or a negative errno, -EOPNOTSUPP when the kernel's is too old. */
int uring_ring_create(int fd, struct uring_ring **out);
/** Nothing is under way on it. As uring_ring_create(). */
void uring_ring_destroy(struct uring_ring *ring);

/* The rest is for one thread at a time. */

/** An entry to be filled in, or NULL until the next uring_ring_submit(). */
struct io_uring_sqe *uring_ring_sqe(struct uring_ring *ring);
/** Hand over all filled entries. What the kernel had no room for stays for the next call. Returns
 * 0, or a negative errno that will not go away by itself. */
int uring_ring_submit(struct uring_ring *ring);
/** Whether entries still wait for that. */
bool uring_ring_pending(const struct uring_ring *ring);
/** Take at most `max` results; a system call only when the kernel has said that results wait for
 *  one. */
unsigned uring_ring_reap(struct uring_ring *ring, struct uring_result *results, unsigned max);
/** Whether the calling OS thread is another than the last time; `ring` is its own from now on. */
bool uring_ring_adopt(struct uring_ring *ring);
/** Whether results wait for an OS thread to enter the kernel. */
bool uring_ring_needs_entry(const struct uring_ring *ring);
/** An eventfd (the ring's) that is written to when a result arrives, while uring_ring_notify() has
 *  it so. Made at the first call, quiet. Returns it, or a negative errno. */
int uring_ring_eventfd(struct uring_ring *ring);
void uring_ring_notify(struct uring_ring *ring, bool on);

/** CPUs that the kernel's workers may run on: cpus that the control pthread itself may run on.
 *  Control pthread. */
void uring_ring_note_cpus(void);

/* --- io.c ------------------------------------------------------------------------------------- */

/* The driver's part of a spdk_bdev_io. */
struct uring_io {
	uint64_t done;    /* bytes */
	uint32_t epoch;   /* uring_channel.epoch at the last submission */
	uint8_t attempts; /* in vain, since something was last done */
	STAILQ_ENTRY(uring_io) link;
};

enum uring_verdict {
	URING_IO_DONE,
	URING_IO_AGAIN, /* submit what is left */
	URING_IO_FAILED,
};

/** Bytes that the I/O is about; 0 for a flush. */
uint64_t uring_io_length(const struct spdk_bdev_io *bdev_io);

/** Fill in an entry for what is left of the I/O, on registered file 0. `punch`: write zeroes by
 *  making a hole. Returns how many bytes the kernel may copy before it returns. */
uint64_t uring_io_prep(struct io_uring_sqe *sqe, const struct spdk_bdev_io *bdev_io,
                       struct uring_io *io, bool punch);

/** Take in a result. *res becomes the negative errno of a failed I/O. `align` as in uring_file.
 *  *punch is set when zeroes can only be written by making holes. */
enum uring_verdict uring_io_judge(const struct spdk_bdev_io *bdev_io, struct uring_io *io,
                                  uint32_t align, bool *punch, int *res);

/* --- channel.c -------------------------------------------------------------------------------- */

struct uring_disk {
	struct spdk_bdev bdev;
	char *filename;
	struct uring_file file;
	/* The file system cannot zero a range, but make a hole. Set once by any channel; relaxed:
	 * who has not seen it finds out for itself. */
	bool punch_for_zeroes;
	/* Rings that nobody uses; any thread. */
	pthread_spinlock_t lock;
	SLIST_HEAD(, uring_ring) spare;
};

/* An I/O channel's context; the io_device is the disk. */
int uring_channel_create(void *io_device, void *ctx);
void uring_channel_destroy(void *io_device, void *ctx);
size_t uring_channel_size(void);
void uring_channel_submit(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io);

/* --- disk.c ----------------------------------------------------------------------------------- */

extern struct spdk_bdev_module uring_module;

struct uring_options {
	char *name;
	char *filename;
	uint32_t block_size; /* 0: as the file has it */
	struct spdk_uuid uuid;
};

/** `rc` is 0, or a negative errno with a sentence in `why`, which is in the log already. */
typedef void (*uring_create_cb)(void *arg, int rc, const char *why);

/** Make a device; `cb` is called on the app thread, possibly before this returns. App thread. */
void uring_disk_create(const struct uring_options *options, uring_create_cb cb, void *arg);

typedef void (*uring_rescan_cb)(void *arg, int rc);
/** Give a device the size that its file has now. `cb` is called on the app thread, possibly before
 *  this returns, with 0, -ENODEV (none of ours), -EINVAL (empty, or not whole blocks), -EBUSY (it
 *  would shrink while it is open) or why the file could not be looked at. App thread. */
void uring_disk_rescan(const char *name, uring_rescan_cb cb, void *arg);

#endif
