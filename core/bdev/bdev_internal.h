/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What the files of the block layer share. See README.md for how they fit together.
 *
 *   struct bdev_mgr             one: devices, names, modules, options, the pool of spdk_bdev_io
 *   struct bdev_mgmt_channel    one a thread: its cache of spdk_bdev_io, its iobuf channel, its
 *                               waiters, the completions to be delivered
 *   struct bdev_shared          one a (thread, module channel): I/O under way, I/O that met NOMEM
 *   struct spdk_bdev_channel    one a (thread, device): state and statistics
 */

#ifndef CAL_BDEV_INTERNAL_H
#define CAL_BDEV_INTERNAL_H

#include "spdk/stdinc.h"

#include "spdk/bdev.h"
#include "spdk/bdev_module.h"
#include "spdk/env.h"
#include "spdk/likely.h"
#include "spdk/log.h"
#include "spdk/queue.h"
#include "spdk/thread.h"
#include "spdk/tree.h"
#include "spdk/util.h"

#define BDEV_NUM_IO_TYPES     (SPDK_BDEV_IO_TYPE_WRITE_UNCORRECTABLE + 1)
#define BDEV_NUM_ERROR_STATUS (-SPDK_MIN_BDEV_IO_STATUS)
/* Most I/O that one unmap, write-zeroes or emulated write-zeroes is worked on by at a time. */
#define BDEV_SPLIT_BATCH   8
#define BDEV_ZERO_BUF_SIZE (256u << 10)
#define BDEV_BUF_ALIGN     4096 /* of the pools' buffers */
#define BDEV_IOBUF_NAME    "bdev"
/* Unless the options say otherwise. */
#define BDEV_IOBUF_SMALL_CACHE 128
#define BDEV_IOBUF_LARGE_CACHE 16

struct spdk_bdev_io_error_stat {
	uint32_t error_status[BDEV_NUM_ERROR_STATUS]; /* index: -status - 1 */
};

RB_HEAD(bdev_name_tree, spdk_bdev_name);
TAILQ_HEAD(bdev_tailq, spdk_bdev);
TAILQ_HEAD(bdev_module_tailq, spdk_bdev_module);
TAILQ_HEAD(bdev_wait_tailq, spdk_bdev_io_wait_entry);

struct bdev_mgr {
	/* Protects the two lists of devices and every device's way in and out. Taken before a
	 * device's own lock, never after it. Never held across a callback. */
	struct spdk_spinlock spinlock;
	struct bdev_tailq bdevs; /* in order of registration */
	uint64_t last_number;    /* of the newest device there ever was */
	LIST_HEAD(, bdev_cursor) cursors;
	struct bdev_name_tree names;
	struct bdev_module_tailq modules;
	struct spdk_bdev_opts opts;
	void *zero_buf;   /* BDEV_ZERO_BUF_SIZE */
	bool initialized; /* app thread */
	bool finishing;   /* the end has begun; set by the app thread, looked at by all */
};
extern struct bdev_mgr g_bdev_mgr;

static inline bool
bdev_is_finishing(void)
{
	return __atomic_load_n(&g_bdev_mgr.finishing, __ATOMIC_RELAXED);
}

struct bdev_mgmt_channel {
	bdev_io_stailq_t free;
	uint32_t num_free;
	/* For the pieces of split I/O when there is no other, so that a thread whose every object
	 * is a split I/O waiting for a piece still gets on, a piece at a time. */
	struct spdk_bdev_io *spare;
	bool spare_free;
	bdev_io_stailq_t completed; /* ended inside submit_request(): delivered by a message */
	struct spdk_thread *thread;
	struct bdev_wait_tailq waiters;
	TAILQ_HEAD(, bdev_shared) shared;
	struct spdk_iobuf_channel iobuf;
	bdev_io_tailq_t long_waiters; /* for buffers from the heap */
	struct spdk_poller *long_poller;
};

struct bdev_shared {
	struct bdev_mgmt_channel *mgmt;
	struct spdk_io_channel *module_ch;
	uint64_t io_outstanding; /* handed to the module */
	bdev_io_tailq_t nomem;   /* in order of submission */
	uint64_t nomem_threshold;
	struct spdk_poller *nomem_poller;
	uint32_t refs;
	TAILQ_ENTRY(bdev_shared) link;
};

#define BDEV_CH_RESET_IN_PROGRESS 0x1u

struct examine_name;

struct spdk_bdev_channel {
	struct spdk_bdev *bdev;
	struct spdk_io_channel *module_ch;
	struct bdev_mgmt_channel *mgmt;
	struct bdev_shared *shared;
	uint32_t flags;
	uint64_t io_outstanding;
	bdev_io_tailq_t io_submitted; /* with the module or waiting; oldest first */
	struct spdk_bdev_io_stat stat;
	struct spdk_bdev_io_error_stat error_stat;
	struct spdk_io_channel *mgmt_io_ch;
};

struct spdk_bdev_desc {
	struct spdk_bdev *bdev;
	bool write;
	struct spdk_thread *thread;
	spdk_bdev_event_cb_t event_cb;
	void *event_ctx;
	struct spdk_bdev_module_claim *claim;
	/* Under bdev->internal.spinlock while open: */
	TAILQ_ENTRY(spdk_bdev_desc) link;
	/* Messages on their way that name this descriptor. Counted up by anybody under the bdev's
	 * lock, down on `thread`; atomic because the bdev may be gone by then. */
	uint32_t refs;
	bool closed; /* `thread` only */
};

/* Of the io_device that stands for a device: must differ from the module's own, which is often the
 * device's address. */
static inline void *
bdev_io_device(struct spdk_bdev *bdev)
{
	return (char *)bdev + 1;
}
static inline struct spdk_bdev *
bdev_from_io_device(void *io_device)
{
	return (struct spdk_bdev *)((char *)io_device - 1);
}

static inline bool
bdev_type_supported(const struct spdk_bdev *bdev, enum spdk_bdev_io_type type)
{
	return (bdev->io_type_supported >> type) & 1;
}

/* Not beyond the end, nor so long that the sum wraps around. */
static inline bool
bdev_range_is_valid(const struct spdk_bdev *bdev, uint64_t offset_blocks, uint64_t num_blocks)
{
	return offset_blocks + num_blocks >= offset_blocks &&
	       offset_blocks + num_blocks <= bdev->blockcnt;
}

/* Metadata of its own needs a device that keeps it apart, and a place for the data. */
static inline int
bdev_md_check(const struct spdk_bdev_desc *desc, const void *md, bool has_data)
{
	if (md == NULL) {
		return 0;
	}
	return spdk_bdev_is_md_separate(desc->bdev) && has_data ? 0 : -EINVAL;
}

/* --- registry.c: g_bdev_mgr.spinlock is held where it says so --------------------------------- */
struct spdk_bdev *bdev_find(const char *name); /* locked */
int bdev_name_add(struct spdk_bdev_name *entry, struct spdk_bdev *bdev, const char *name);
void bdev_name_del(struct spdk_bdev_name *entry);
void bdev_name_del_locked(struct spdk_bdev_name *entry);

/* --- cursor.c --------------------------------------------------------------------------------- */
/* A walk over the devices that were there when it began. */
struct bdev_cursor {
	struct spdk_bdev *next;
	uint64_t last_number;
	LIST_ENTRY(bdev_cursor) link;
};
void bdev_cursor_begin(struct bdev_cursor *cursor);
/** The next device that can be opened; NULL at the end. It stays until the caller, who is on the
 * app thread, returns to his thread. */
struct spdk_bdev *bdev_cursor_next(struct bdev_cursor *cursor);
void bdev_cursor_end(struct bdev_cursor *cursor);
/** Before a device leaves the list. g_bdev_mgr.spinlock is held. */
void bdev_cursors_leave_locked(struct spdk_bdev *bdev);

/* --- unregister.c ----------------------------------------------------------------------------- */
/** The device is swept and its last descriptor is closed: nobody but us knows it now. Once. */
void bdev_destruct(struct spdk_bdev *bdev);
/** Devices whose unregistration has begun and not ended. */
uint32_t bdev_unregistrations(void);

/* --- desc.c ----------------------------------------------------------------------------------- */
/** Tell every descriptor, each on its thread. bdev->internal.spinlock is held. */
void bdev_notify_descs_locked(struct spdk_bdev *bdev, enum spdk_bdev_event_type type);

/* --- claim.c ---------------------------------------------------------------------------------- */
/** Both locks of the bdev are held. */
bool bdev_claim_allows_open(const struct spdk_bdev *bdev, bool write);
void bdev_claim_release_desc_locked(struct spdk_bdev_desc *desc);

/* --- channel.c -------------------------------------------------------------------------------- */
int bdev_channel_create(void *io_device, void *ctx);
void bdev_channel_destroy(void *io_device, void *ctx);
int bdev_mgmt_channel_create(void *io_device, void *ctx);
void bdev_mgmt_channel_destroy(void *io_device, void *ctx);
/** End what waits in this channel (NOMEM, buffers) with ABORTED. */
void bdev_channel_abort_queued(struct spdk_bdev_channel *ch);

/* --- io_pool.c -------------------------------------------------------------------------------- */
int bdev_io_pool_create(uint32_t count, uint32_t cache_size, size_t ctx_size);
void bdev_io_pool_destroy(void);
/** Objects that no thread has, for the tests of the pool. */
uint32_t bdev_io_pool_available(void);
int bdev_io_cache_fill(struct bdev_mgmt_channel *mgmt);
void bdev_io_cache_drain(struct bdev_mgmt_channel *mgmt);
/** NULL when there is none. The object's fields are as its last user left them. */
struct spdk_bdev_io *bdev_io_get(struct bdev_mgmt_channel *mgmt);
/** The same for a piece of a split I/O. */
struct spdk_bdev_io *bdev_io_get_child(struct bdev_mgmt_channel *mgmt);
/** After a bdev_io_get_child() in vain: wait for one, before the users do. */
void bdev_io_wait_child(struct bdev_mgmt_channel *mgmt, struct spdk_bdev_io_wait_entry *entry);

/* --- io_submit.c ------------------------------------------------------------------------------ */
/** Set everything up that does not depend on the type. */
static inline void
bdev_io_init(struct spdk_bdev_io *io, struct spdk_bdev_channel *ch, struct spdk_bdev_desc *desc,
             enum spdk_bdev_io_type type, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	io->bdev = ch->bdev;
	io->type = type;
	io->num_retries = 0;
	io->internal.ch = ch;
	io->internal.desc = desc;
	io->internal.cb = cb;
	io->internal.caller_ctx = cb_arg;
	io->internal.status = SPDK_BDEV_IO_STATUS_PENDING;
	io->internal.f.raw = 0;
	io->internal.f.in_use = 1;
}
static inline void
bdev_io_init_block(struct spdk_bdev_io *io, struct iovec *iovs, int iovcnt, void *md,
                   uint64_t offset_blocks, uint64_t num_blocks)
{
	struct spdk_bdev_io_block_params *p = &io->u.bdev;

	p->iovs = iovs;
	p->iovcnt = iovcnt;
	p->dif_check_flags = io->bdev->dif_check_flags;
	p->num_blocks = num_blocks;
	p->offset_blocks = offset_blocks;
	p->md_buf = md;
	p->memory_domain = NULL;
	p->memory_domain_ctx = NULL;
	p->accel_sequence = NULL;
	p->nvme_cdw12.raw = 0;
	p->nvme_cdw13.raw = 0;
}
/** Submit, splitting where the device asks for it. */
void bdev_io_submit(struct spdk_bdev_io *io);
/** Submit as it is. */
void bdev_io_submit_whole(struct spdk_bdev_io *io);
/** Hand to the module. */
void bdev_io_to_module(struct spdk_bdev_channel *ch, struct spdk_bdev_io *io);

/* --- io_split.c ------------------------------------------------------------------------------- */
bool bdev_io_should_split(const struct spdk_bdev_io *io);
/** The I/O is in io_submitted already. */
void bdev_io_split(struct spdk_bdev_io *io);
/** Whether reads or writes of the device can ever need a split. */
bool bdev_splits_rw(const struct spdk_bdev *bdev);

/* --- io_complete.c ---------------------------------------------------------------------------- */
/** Count, undo the buffer and call the user. The module is done with it; not inside a submit. */
void bdev_io_finish(struct spdk_bdev_io *io);
/** End an I/O that the module does not have, by the message that delivers completions. */
void bdev_io_defer(struct spdk_bdev_io *io, enum spdk_bdev_io_status status);

/* --- io_buf.c --------------------------------------------------------------------------------- */
/** The thread's channel of the buffer pools. Returns 0, or a negative errno after having logged
 * why.
 */
int bdev_buf_channel_init(struct bdev_mgmt_channel *mgmt);
void bdev_buf_channel_fini(struct bdev_mgmt_channel *mgmt);
/** Move the I/O of a channel that waits for a buffer to a list: it waits no more. */
void bdev_buf_waiters_take(struct spdk_bdev_channel *ch, bdev_io_tailq_t *taken);
/** Before the user's callback: copy a read back to the user's vectors and put these in place. */
void bdev_io_bounce_finish(struct spdk_bdev_io *io);
/** Give the buffer back. */
void bdev_io_buf_put(struct spdk_bdev_io *io);

/* --- reset.c ---------------------------------------------------------------------------------- */
void bdev_reset_complete(struct spdk_bdev_io *io);

/* --- stat.c ----------------------------------------------------------------------------------- */
struct spdk_bdev_io_stat *bdev_stat_alloc(void);
void bdev_stat_free(struct spdk_bdev_io_stat *stat);
void bdev_stat_init(struct spdk_bdev_io_stat *stat, struct spdk_bdev_io_error_stat *errors);
void bdev_stat_count(struct spdk_bdev_channel *ch, const struct spdk_bdev_io *io, uint64_t ticks);

/* --- module.c --------------------------------------------------------------------------------- */
/** Show a device that has just been registered to the modules. App thread. */
void bdev_examine_new(struct spdk_bdev *bdev);
/** Forget the names of spdk_bdev_examine(). */
void bdev_examine_forget_all(void);
/** Write the call that gives the name after `entry` (NULL: the first) again, and return it; NULL at
 *  the end. Names stay until bdev_examine_forget_all(). */
const struct examine_name *bdev_examine_config_next(const struct examine_name *entry,
                                                    struct spdk_json_write_ctx *w);
void bdev_module_action_begin(struct spdk_bdev_module *module);
/** Whether some module is in the middle of an init or an examination. */
bool bdev_modules_busy(void);

/* --- init.c ----------------------------------------------------------------------------------- */
/** Go on with the start if every module is up. A message to the app thread. */
void bdev_init_check(void *unused);

/* --- rpc.c ------------------------------------------------------------------------------------ */
/** Write the one big object that bdev_get_bdevs answers for a device. */
void bdev_rpc_dump(struct spdk_json_write_ctx *w, struct spdk_bdev *bdev);

#endif
