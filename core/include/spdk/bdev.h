/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Block devices, seen from above: find one by name, open a descriptor, get a channel for this
 * thread, submit I/O. Names, fields and meanings are SPDK's (include/spdk/bdev.h of v26.05); what a
 * driver sees is in spdk/bdev_module.h.
 *
 * Threads: a descriptor is closed on the thread that opened it; its event callback runs there. A
 * channel and the I/O on it belong to the thread that got the channel. Everything else may be
 * called on any spdk_thread unless it says otherwise.
 *
 * Units: "blocks" are logical blocks of the device; the functions without _blocks take bytes and
 * answer -EINVAL when these are not whole blocks. */

#ifndef SPDK_BDEV_H_
#define SPDK_BDEV_H_

#include "spdk/stdinc.h"

#include "spdk/assert.h"
#include "spdk/dif.h"
#include "spdk/dma.h"
#include "spdk/json.h"
#include "spdk/nvme_spec.h"
#include "spdk/queue.h"
#include "spdk/scsi_spec.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SPDK_BDEV_SMALL_BUF_MAX_SIZE 8192
#define SPDK_BDEV_LARGE_BUF_MAX_SIZE 65536

#define SPDK_BDEV_MAX_INTERLEAVED_MD_SIZE 64
/* Room for `x` bytes of 512-byte blocks with the most metadata that a block may carry. */
#define SPDK_BDEV_BUF_SIZE_WITH_MD(x) (((x) / 512) * (512 + SPDK_BDEV_MAX_INTERLEAVED_MD_SIZE))

enum spdk_bdev_event_type {
	SPDK_BDEV_EVENT_REMOVE, /* going away: close the descriptor as soon as you can */
	SPDK_BDEV_EVENT_RESIZE,
	SPDK_BDEV_EVENT_MEDIA_MANAGEMENT,
};

struct spdk_bdev_media_event {
	uint64_t offset;
	uint64_t num_blocks;
};

struct spdk_bdev;
struct spdk_bdev_desc;
struct spdk_bdev_io;
struct spdk_bdev_fn_table;
struct spdk_io_channel;
struct spdk_json_write_ctx;
struct spdk_memory_domain;
struct spdk_accel_sequence;
struct spdk_uuid;

typedef void (*spdk_bdev_remove_cb_t)(void *remove_ctx);
typedef void (*spdk_bdev_event_cb_t)(enum spdk_bdev_event_type type, struct spdk_bdev *bdev,
                                     void *event_ctx);

enum spdk_bdev_status {
	SPDK_BDEV_STATUS_INVALID,
	SPDK_BDEV_STATUS_READY,
	SPDK_BDEV_STATUS_UNREGISTERING, /* descriptors are being closed; no new ones */
	SPDK_BDEV_STATUS_REMOVING,      /* the module is destroying it */
};

enum spdk_bdev_io_type {
	SPDK_BDEV_IO_TYPE_INVALID = 0,
	SPDK_BDEV_IO_TYPE_READ,
	SPDK_BDEV_IO_TYPE_WRITE,
	SPDK_BDEV_IO_TYPE_UNMAP,
	SPDK_BDEV_IO_TYPE_FLUSH,
	SPDK_BDEV_IO_TYPE_RESET,
	SPDK_BDEV_IO_TYPE_NVME_ADMIN,
	SPDK_BDEV_IO_TYPE_NVME_IO,
	SPDK_BDEV_IO_TYPE_NVME_IO_MD,
	SPDK_BDEV_IO_TYPE_WRITE_ZEROES,
	SPDK_BDEV_IO_TYPE_ZCOPY,
	SPDK_BDEV_IO_TYPE_GET_ZONE_INFO,
	SPDK_BDEV_IO_TYPE_ZONE_MANAGEMENT,
	SPDK_BDEV_IO_TYPE_ZONE_APPEND,
	SPDK_BDEV_IO_TYPE_COMPARE,
	SPDK_BDEV_IO_TYPE_COMPARE_AND_WRITE,
	SPDK_BDEV_IO_TYPE_ABORT,
	SPDK_BDEV_IO_TYPE_SEEK_HOLE,
	SPDK_BDEV_IO_TYPE_SEEK_DATA,
	SPDK_BDEV_IO_TYPE_COPY,
	SPDK_BDEV_IO_TYPE_NVME_IOV_MD,
	SPDK_BDEV_IO_TYPE_NVME_NSSR,
	SPDK_BDEV_IO_TYPE_WRITE_UNCORRECTABLE,
	SPDK_BDEV_NUM_IO_TYPES /* how many there are, the invalid one counted */
};

enum spdk_bdev_qos_rate_limit_type {
	SPDK_BDEV_QOS_RW_IOPS_RATE_LIMIT = 0,
	SPDK_BDEV_QOS_RW_BPS_RATE_LIMIT,
	SPDK_BDEV_QOS_R_BPS_RATE_LIMIT,
	SPDK_BDEV_QOS_W_BPS_RATE_LIMIT,
	SPDK_BDEV_QOS_NUM_RATE_LIMIT_TYPES,
};

/** An I/O has ended, on the thread that submitted it. The callee owns `bdev_io` and gives it back
 *  with spdk_bdev_free_io(); until then its status and vectors may be looked at. */
typedef void (*spdk_bdev_io_completion_cb)(struct spdk_bdev_io *bdev_io, bool success,
                                           void *cb_arg);

/* --- options, start and end ------------------------------------------------------------------- */

struct spdk_bdev_opts {
	uint32_t bdev_io_pool_size;  /* spdk_bdev_io objects in all */
	uint32_t bdev_io_cache_size; /* of these, kept by each thread */
	bool bdev_auto_examine;      /* show new devices to virtual device modules */
	uint8_t reserved9[7];
	size_t opts_size; /* as the caller knows the structure */
	uint32_t iobuf_small_cache_size;
	uint32_t iobuf_large_cache_size;
} __attribute__((packed));
SPDK_STATIC_ASSERT(sizeof(struct spdk_bdev_opts) == 32, "layout shared with applications");

/** Fill in the options in force. `opts_size` is the caller's sizeof. */
void spdk_bdev_get_opts(struct spdk_bdev_opts *opts, size_t opts_size);

/** Set options; before spdk_bdev_initialize(). Returns 0 or -EINVAL (opts_size 0, or a pool too
 *  small for the caches of the app thread and every reactor's). */
int spdk_bdev_set_opts(struct spdk_bdev_opts *opts);

typedef void (*spdk_bdev_init_cb)(void *cb_arg, int rc);
typedef void (*spdk_bdev_fini_cb)(void *cb_arg);

/** Bring up the block layer and every registered module. App thread; `cb_fn` is called there. */
void spdk_bdev_initialize(spdk_bdev_init_cb cb_fn, void *cb_arg);
/** Unregister every device and finish every module. App thread; `cb_fn` is called there. */
void spdk_bdev_finish(spdk_bdev_fini_cb cb_fn, void *cb_arg);

/** Write the RPC calls that bring about the present configuration, as an array. App thread. */
void spdk_bdev_subsystem_config_json(struct spdk_json_write_ctx *w);

typedef void (*spdk_bdev_wait_for_examine_cb)(void *arg);
/** Call `cb_fn` on this thread once no module is examining a device. Returns 0 or -ENOMEM. */
int spdk_bdev_wait_for_examine(spdk_bdev_wait_for_examine_cb cb_fn, void *cb_arg);
/** Show the device `name` to the modules although bdev_auto_examine is off; a device not there yet
 *  is examined when it is registered. App thread. Returns 0, -EINVAL while bdev_auto_examine is on,
 *  -EEXIST when it has been asked for already, or -ENOMEM. */
int spdk_bdev_examine(const char *name);

/* --- finding devices -------------------------------------------------------------------------- */

/** By name or alias; NULL if there is none. The pointer is safe only while the device cannot go
 *  away: prefer spdk_bdev_open_ext(). */
struct spdk_bdev *spdk_bdev_get_by_name(const char *bdev_name);

/** Walk all devices, or those that nobody has claimed ("leaf"). App thread. */
struct spdk_bdev *spdk_bdev_first(void);
struct spdk_bdev *spdk_bdev_next(struct spdk_bdev *prev);
struct spdk_bdev *spdk_bdev_first_leaf(void);
struct spdk_bdev *spdk_bdev_next_leaf(struct spdk_bdev *prev);

/** Called with the device held open; non-zero ends the walk and is returned. */
typedef int (*spdk_for_each_bdev_fn)(void *ctx, struct spdk_bdev *bdev);
int spdk_for_each_bdev(void *ctx, spdk_for_each_bdev_fn fn);
int spdk_for_each_bdev_leaf(void *ctx, spdk_for_each_bdev_fn fn);
/** As spdk_for_each_bdev() for the named ones; -ENODEV at the first that does not exist. */
int spdk_for_each_bdev_by_name(void *ctx, spdk_for_each_bdev_fn fn, const char **names,
                               size_t count);

/* --- descriptors ------------------------------------------------------------------------------ */

struct spdk_bdev_open_opts {
	size_t size;
	bool hide_metadata; /* not supported: refused with -ENOTSUP on a device with metadata */
};
SPDK_STATIC_ASSERT(sizeof(struct spdk_bdev_open_opts) == 16, "layout shared with applications");

void spdk_bdev_open_opts_init(struct spdk_bdev_open_opts *opts, size_t opts_size);

/** Open for reading, or for reading and writing. `event_cb` is required. Returns 0, -EINVAL (no
 *  callback, not on an spdk_thread), -ENODEV (no such device, or it is going away), -EPERM (writing
 *  to a device that a module has claimed), -ENOMEM. */
int spdk_bdev_open_ext(const char *bdev_name, bool write, spdk_bdev_event_cb_t event_cb,
                       void *event_ctx, struct spdk_bdev_desc **desc);
int spdk_bdev_open_ext_v2(const char *bdev_name, bool write, spdk_bdev_event_cb_t event_cb,
                          void *event_ctx, struct spdk_bdev_open_opts *opts,
                          struct spdk_bdev_desc **desc);

typedef void (*spdk_bdev_open_async_cb_t)(struct spdk_bdev_desc *desc, int rc, void *cb_arg);
struct spdk_bdev_open_async_opts {
	size_t size;
	uint64_t timeout_ms; /* how long to wait for the device to appear; 0: do not wait */
};
SPDK_STATIC_ASSERT(sizeof(struct spdk_bdev_open_async_opts) == 16,
                   "layout shared with applications");

/** Open, waiting for the device to appear. `open_cb` gets the descriptor, or NULL and -ETIMEDOUT or
 *  an error of spdk_bdev_open_ext(). Returns 0 when `open_cb` will be called. */
int spdk_bdev_open_async(const char *bdev_name, bool write, spdk_bdev_event_cb_t event_cb,
                         void *event_ctx, struct spdk_bdev_open_async_opts *opts,
                         spdk_bdev_open_async_cb_t open_cb, void *open_cb_arg);

/** Close, on the thread that opened. All channels got through it must have been put, and the I/O on
 *  them must have ended. Claims made through it are released. */
void spdk_bdev_close(struct spdk_bdev_desc *desc);

struct spdk_bdev *spdk_bdev_desc_get_bdev(struct spdk_bdev_desc *desc);
uint32_t spdk_bdev_desc_get_block_size(struct spdk_bdev_desc *desc);
uint32_t spdk_bdev_desc_get_md_size(struct spdk_bdev_desc *desc);
bool spdk_bdev_desc_is_md_interleaved(struct spdk_bdev_desc *desc);
bool spdk_bdev_desc_is_md_separate(struct spdk_bdev_desc *desc);
enum spdk_dif_type spdk_bdev_desc_get_dif_type(struct spdk_bdev_desc *desc);
enum spdk_dif_pi_format spdk_bdev_desc_get_dif_pi_format(struct spdk_bdev_desc *desc);
bool spdk_bdev_desc_is_dif_head_of_md(struct spdk_bdev_desc *desc);
bool spdk_bdev_desc_is_dif_check_enabled(struct spdk_bdev_desc *desc,
                                         enum spdk_dif_check_type check_type);
bool spdk_bdev_desc_hide_metadata(struct spdk_bdev_desc *desc);

/** The module's own view of the device (spdk_bdev_fn_table.get_module_ctx), or NULL. */
void *spdk_bdev_get_module_ctx(struct spdk_bdev_desc *desc);

/* --- properties ------------------------------------------------------------------------------- */

const char *spdk_bdev_get_name(const struct spdk_bdev *bdev);
const char *spdk_bdev_get_product_name(const struct spdk_bdev *bdev);
const char *spdk_bdev_get_module_name(const struct spdk_bdev *bdev);
const struct spdk_uuid *spdk_bdev_get_uuid(const struct spdk_bdev *bdev);
/** NUMA node, SPDK_ENV_NUMA_ID_ANY (-1) when the module did not say. */
int32_t spdk_bdev_get_numa_id(struct spdk_bdev *bdev);
uint32_t
spdk_bdev_get_block_size(const struct spdk_bdev *bdev); /* bytes, interleaved md included */
uint64_t spdk_bdev_get_num_blocks(const struct spdk_bdev *bdev);
uint32_t spdk_bdev_get_write_unit_size(const struct spdk_bdev *bdev); /* blocks */
uint32_t spdk_bdev_get_data_block_size(const struct spdk_bdev *bdev); /* bytes without metadata */
uint32_t spdk_bdev_get_physical_block_size(const struct spdk_bdev *bdev);
uint32_t spdk_bdev_get_preferred_write_alignment(const struct spdk_bdev *bdev);
uint32_t spdk_bdev_get_preferred_write_granularity(const struct spdk_bdev *bdev);
uint32_t spdk_bdev_get_optimal_write_size(const struct spdk_bdev *bdev);
uint32_t spdk_bdev_get_preferred_unmap_alignment(const struct spdk_bdev *bdev);
uint32_t spdk_bdev_get_preferred_unmap_granularity(const struct spdk_bdev *bdev);
uint32_t spdk_bdev_get_optimal_io_boundary(const struct spdk_bdev *bdev); /* blocks, 0: none */
uint32_t spdk_bdev_get_max_copy(const struct spdk_bdev *bdev);
uint16_t spdk_bdev_get_acwu(const struct spdk_bdev *bdev);
/** Bytes that a buffer should be aligned to; one that is not is copied. At least 1. */
size_t spdk_bdev_get_buf_align(const struct spdk_bdev *bdev);
bool spdk_bdev_has_write_cache(const struct spdk_bdev *bdev);
bool spdk_bdev_is_zoned(const struct spdk_bdev *bdev);
uint32_t spdk_bdev_get_md_size(const struct spdk_bdev *bdev);
bool spdk_bdev_is_md_interleaved(const struct spdk_bdev *bdev);
bool spdk_bdev_is_md_separate(const struct spdk_bdev *bdev);
enum spdk_dif_type spdk_bdev_get_dif_type(const struct spdk_bdev *bdev);
enum spdk_dif_pi_format spdk_bdev_get_dif_pi_format(const struct spdk_bdev *bdev);
bool spdk_bdev_is_dif_head_of_md(const struct spdk_bdev *bdev);
bool spdk_bdev_is_dif_check_enabled(const struct spdk_bdev *bdev,
                                    enum spdk_dif_check_type check_type);

bool spdk_bdev_io_type_supported(struct spdk_bdev *bdev, enum spdk_bdev_io_type io_type);
/** "read", "write_zeroes", …; NULL for a number that is no type. */
const char *spdk_bdev_get_io_type_name(enum spdk_bdev_io_type io_type);
/** The type of that name, or -1. */
int spdk_bdev_get_io_type(const char *io_type_string);

/** "rw_ios_per_sec", …; NULL for a number that is no limit. */
const char *spdk_bdev_get_qos_rpc_type(enum spdk_bdev_qos_rate_limit_type type);

union spdk_bdev_nvme_ctratt {
	uint32_t raw;
	struct {
		uint32_t reserved : 16;
		uint32_t mem : 1;
		uint32_t reserved1 : 2;
		uint32_t fdps : 1;
		uint32_t reserved2 : 12;
	} bits;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_bdev_nvme_ctratt) == 4, "one dword");
union spdk_bdev_nvme_ctratt spdk_bdev_get_nvme_ctratt(struct spdk_bdev *bdev);
uint32_t spdk_bdev_get_nvme_nsid(struct spdk_bdev *bdev);
enum spdk_nvme_csi spdk_bdev_get_nvme_csi(const struct spdk_bdev *bdev);

/** Write the module's part of the device's description. Returns 0 or the module's error. */
int spdk_bdev_dump_info_json(struct spdk_bdev *bdev, struct spdk_json_write_ctx *w);

/* --- I/O -------------------------------------------------------------------------------------- */

/** A channel of the device for this thread; give it back with spdk_put_io_channel(). NULL when the
 *  module could not make one. */
struct spdk_io_channel *spdk_bdev_get_io_channel(struct spdk_bdev_desc *desc);

/* Submitting. All return 0 when the callback will be called (never from inside the submitting
 * call), and otherwise, with the callback not to be called:
 *   -ENOMEM   no spdk_bdev_io is free: try again from spdk_bdev_queue_io_wait()
 *   -EINVAL   beyond the end, not whole blocks, or no blocks where these are needed
 *   -EBADF    a writing operation on a descriptor opened for reading
 *   -ENOTSUP  the device cannot do this
 * Buffers and iovec arrays stay the caller's and must live until the callback. A read with a NULL
 * buffer gets one from the device: spdk_bdev_io_get_iovec(). */
int spdk_bdev_read(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf,
                   uint64_t offset, uint64_t nbytes, spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_read_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf,
                          uint64_t offset_blocks, uint64_t num_blocks,
                          spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_read_blocks_with_md(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                                  void *buf, void *md, uint64_t offset_blocks, uint64_t num_blocks,
                                  spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_readv(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, struct iovec *iov,
                    int iovcnt, uint64_t offset, uint64_t nbytes, spdk_bdev_io_completion_cb cb,
                    void *cb_arg);
int spdk_bdev_readv_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                           struct iovec *iov, int iovcnt, uint64_t offset_blocks,
                           uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_readv_blocks_with_md(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                                   struct iovec *iov, int iovcnt, void *md, uint64_t offset_blocks,
                                   uint64_t num_blocks, spdk_bdev_io_completion_cb cb,
                                   void *cb_arg);
int spdk_bdev_write(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf,
                    uint64_t offset, uint64_t nbytes, spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_write_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf,
                           uint64_t offset_blocks, uint64_t num_blocks,
                           spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_write_blocks_with_md(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                                   void *buf, void *md, uint64_t offset_blocks, uint64_t num_blocks,
                                   spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_writev(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, struct iovec *iov,
                     int iovcnt, uint64_t offset, uint64_t len, spdk_bdev_io_completion_cb cb,
                     void *cb_arg);
int spdk_bdev_writev_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                            struct iovec *iov, int iovcnt, uint64_t offset_blocks,
                            uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_writev_blocks_with_md(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                                    struct iovec *iov, int iovcnt, void *md, uint64_t offset_blocks,
                                    uint64_t num_blocks, spdk_bdev_io_completion_cb cb,
                                    void *cb_arg);

union spdk_bdev_nvme_cdw12 {
	uint32_t raw;
	struct {
		uint32_t reserved : 20;
		uint32_t dtype : 4;
		uint32_t reserved2 : 8;
	} write;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_bdev_nvme_cdw12) == 4, "one dword");
union spdk_bdev_nvme_cdw13 {
	uint32_t raw;
	struct {
		uint32_t reserved : 16;
		uint32_t dspec : 16;
	} write;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_bdev_nvme_cdw13) == 4, "one dword");

struct spdk_bdev_ext_io_opts {
	size_t size; /* as the caller knows the structure */
	struct spdk_memory_domain *memory_domain;
	void *memory_domain_ctx;
	void *metadata;
	struct spdk_accel_sequence *accel_sequence;
	uint32_t dif_check_flags_exclude_mask;
	union spdk_bdev_nvme_cdw12 nvme_cdw12;
	union spdk_bdev_nvme_cdw13 nvme_cdw13;
} __attribute__((packed));
SPDK_STATIC_ASSERT(sizeof(struct spdk_bdev_ext_io_opts) == 52, "layout shared with applications");

/** With options (NULL allowed). A memory domain or an accel sequence is -ENOTSUP. */
int spdk_bdev_readv_blocks_ext(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                               struct iovec *iov, int iovcnt, uint64_t offset_blocks,
                               uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg,
                               struct spdk_bdev_ext_io_opts *opts);
int spdk_bdev_writev_blocks_ext(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                                struct iovec *iov, int iovcnt, uint64_t offset_blocks,
                                uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg,
                                struct spdk_bdev_ext_io_opts *opts);

/** On a device that cannot write zeroes itself, zeroes are written. */
int spdk_bdev_write_zeroes(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, uint64_t offset,
                           uint64_t len, spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_write_zeroes_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                                  uint64_t offset_blocks, uint64_t num_blocks,
                                  spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_unmap(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, uint64_t offset,
                    uint64_t nbytes, spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_unmap_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                           uint64_t offset_blocks, uint64_t num_blocks,
                           spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_flush(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, uint64_t offset,
                    uint64_t length, spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_flush_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                           uint64_t offset_blocks, uint64_t num_blocks,
                           spdk_bdev_io_completion_cb cb, void *cb_arg);

/** Reset the device. I/O that waits in the block layer is aborted, on every thread, and so is what
 *  is submitted until the reset has ended. A reset asked for during a reset ends with it. */
int spdk_bdev_reset(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                    spdk_bdev_io_completion_cb cb, void *cb_arg);

/* What not every device can do: -ENOTSUP if this one cannot (spdk_bdev_io_type_supported()).
 * Nothing is emulated. */
int spdk_bdev_compare_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf,
                             uint64_t offset_blocks, uint64_t num_blocks,
                             spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_compare_blocks_with_md(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                                     void *buf, void *md, uint64_t offset_blocks,
                                     uint64_t num_blocks, spdk_bdev_io_completion_cb cb,
                                     void *cb_arg);
int spdk_bdev_comparev_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                              struct iovec *iov, int iovcnt, uint64_t offset_blocks,
                              uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_comparev_blocks_with_md(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                                      struct iovec *iov, int iovcnt, void *md,
                                      uint64_t offset_blocks, uint64_t num_blocks,
                                      spdk_bdev_io_completion_cb cb, void *cb_arg);
/** Write if what is there equals the first vectors, in one step. At most spdk_bdev_get_acwu()
 *  blocks. */
int spdk_bdev_comparev_and_writev_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                                         struct iovec *compare_iov, int compare_iovcnt,
                                         struct iovec *write_iov, int write_iovcnt,
                                         uint64_t offset_blocks, uint64_t num_blocks,
                                         spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_copy_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                          uint64_t dst_offset_blocks, uint64_t src_offset_blocks,
                          uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_write_uncorrectable_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                                         uint64_t offset_blocks, uint64_t num_blocks,
                                         spdk_bdev_io_completion_cb cb, void *cb_arg);

/** Look from `offset_blocks` on for data, or for a hole; in the callback
 *  spdk_bdev_io_get_seek_offset() says where, UINT64_MAX for nowhere. A device that has no holes
 *  answers without being asked. */
int spdk_bdev_seek_data(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                        uint64_t offset_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_seek_hole(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                        uint64_t offset_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg);
uint64_t spdk_bdev_io_get_seek_offset(const struct spdk_bdev_io *bdev_io);

/** Get the device's own buffer for these blocks, with their data in it if `populate`; in the
 *  callback spdk_bdev_io_get_iovec() says where. The I/O stays the user's until … */
int spdk_bdev_zcopy_start(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                          struct iovec *iov, int iovcnt, uint64_t offset_blocks,
                          uint64_t num_blocks, bool populate, spdk_bdev_io_completion_cb cb,
                          void *cb_arg);
/** … he gives the buffer back with the same I/O, to be written if `commit`. -EINVAL if the I/O is
 * not the result of spdk_bdev_zcopy_start(). */
int spdk_bdev_zcopy_end(struct spdk_bdev_io *bdev_io, bool commit, spdk_bdev_io_completion_cb cb,
                        void *cb_arg);

/** Abort every I/O on this channel that was submitted with `bio_cb_arg` (not NULL: -EINVAL). Each
 *  ends by its own callback. Succeeds if there was one, and all could be aborted. */
int spdk_bdev_abort(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *bio_cb_arg,
                    spdk_bdev_io_completion_cb cb, void *cb_arg);

/* NVMe commands as they are, on a descriptor opened for writing (-EBADF). The device fills in the
 * data pointer and the namespace. */
int spdk_bdev_nvme_admin_passthru(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                                  const struct spdk_nvme_cmd *cmd, void *buf, size_t nbytes,
                                  spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_nvme_io_passthru(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                               const struct spdk_nvme_cmd *cmd, void *buf, size_t nbytes,
                               spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_nvme_io_passthru_md(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                                  const struct spdk_nvme_cmd *cmd, void *buf, size_t nbytes,
                                  void *md_buf, size_t md_len, spdk_bdev_io_completion_cb cb,
                                  void *cb_arg);
int spdk_bdev_nvme_iov_passthru_md(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                                   const struct spdk_nvme_cmd *cmd, struct iovec *iov, int iovcnt,
                                   size_t nbytes, void *md_buf, size_t md_len,
                                   spdk_bdev_io_completion_cb cb, void *cb_arg);
/** NVM subsystem reset. */
int spdk_bdev_nvme_nssr(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                        spdk_bdev_io_completion_cb cb, void *cb_arg);

/** Kinds of memory that the device reaches by itself: how many there are; the first `array_size`
 * are written to the array. Or -EINVAL. */
int spdk_bdev_get_memory_domain_types(struct spdk_bdev *bdev, enum spdk_dma_device_type *types,
                                      uint32_t array_size);
int spdk_bdev_get_memory_domains(struct spdk_bdev *bdev, struct spdk_memory_domain **domains,
                                 int array_size);

/** Give back an I/O whose callback has been called. On the thread of the channel. */
void spdk_bdev_free_io(struct spdk_bdev_io *bdev_io);

typedef void (*spdk_bdev_io_wait_cb)(void *cb_arg);
struct spdk_bdev_io_wait_entry {
	struct spdk_bdev *bdev;
	spdk_bdev_io_wait_cb cb_fn;
	void *cb_arg;
	bool dep_unblock; /* goes before those without it: other I/O depends on this one */
	uint8_t pad[7];
	TAILQ_ENTRY(spdk_bdev_io_wait_entry) link;
};

/** After -ENOMEM: have entry->cb_fn called on this thread once an spdk_bdev_io is free, in order of
 *  asking. Returns 0, or -EINVAL (entry->bdev is another device, or one is free already). */
int spdk_bdev_queue_io_wait(struct spdk_bdev *bdev, struct spdk_io_channel *ch,
                            struct spdk_bdev_io_wait_entry *entry);

/* --- what became of an I/O: in its callback --------------------------------------------------- */

/** The status as an NVMe, SCSI or AIO one, translated if the device reported in another language.
 */
void spdk_bdev_io_get_nvme_status(const struct spdk_bdev_io *bdev_io, uint32_t *cdw0, int *sct,
                                  int *sc);
void spdk_bdev_io_get_nvme_fused_status(const struct spdk_bdev_io *bdev_io, uint32_t *cdw0,
                                        int *first_sct, int *first_sc, int *second_sct,
                                        int *second_sc);
void spdk_bdev_io_get_scsi_status(const struct spdk_bdev_io *bdev_io, int *sc, int *sk, int *asc,
                                  int *ascq);
void spdk_bdev_io_get_aio_status(const struct spdk_bdev_io *bdev_io, int *aio_result);
void spdk_bdev_io_get_iovec(struct spdk_bdev_io *bdev_io, struct iovec **iovp, int *iovcntp);
void *spdk_bdev_io_get_md_buf(struct spdk_bdev_io *bdev_io);
void *spdk_bdev_io_get_cb_arg(struct spdk_bdev_io *bdev_io);
uint32_t spdk_bdev_io_get_block_size(struct spdk_bdev_io *bdev_io);
bool spdk_bdev_io_hide_metadata(struct spdk_bdev_io *bdev_io);

/* --- statistics ------------------------------------------------------------------------------- */

struct spdk_bdev_io_error_stat;

struct spdk_bdev_io_stat {
	uint64_t bytes_read;
	uint64_t num_read_ops;
	uint64_t bytes_written;
	uint64_t num_write_ops;
	uint64_t bytes_unmapped;
	uint64_t num_unmap_ops;
	uint64_t bytes_copied;
	uint64_t num_copy_ops;
	/* TSC ticks from submission to completion: the sum, the longest, the shortest (UINT64_MAX
	 * before the first). */
	uint64_t read_latency_ticks;
	uint64_t max_read_latency_ticks;
	uint64_t min_read_latency_ticks;
	uint64_t write_latency_ticks;
	uint64_t max_write_latency_ticks;
	uint64_t min_write_latency_ticks;
	uint64_t unmap_latency_ticks;
	uint64_t max_unmap_latency_ticks;
	uint64_t min_unmap_latency_ticks;
	uint64_t copy_latency_ticks;
	uint64_t max_copy_latency_ticks;
	uint64_t min_copy_latency_ticks;
	uint64_t ticks_rate;
	struct spdk_bdev_io_error_stat *io_error; /* NULL: not wanted */
};

enum spdk_bdev_reset_stat_mode {
	SPDK_BDEV_RESET_STAT_ALL,
	SPDK_BDEV_RESET_STAT_MAXMIN,
	SPDK_BDEV_RESET_STAT_ERROR,
	SPDK_BDEV_RESET_STAT_NONE,
};

/** Of one channel, on its thread. */
void spdk_bdev_get_io_stat(struct spdk_bdev *bdev, struct spdk_io_channel *ch,
                           struct spdk_bdev_io_stat *stat,
                           enum spdk_bdev_reset_stat_mode reset_mode);

typedef void (*spdk_bdev_get_device_stat_cb)(struct spdk_bdev *bdev, struct spdk_bdev_io_stat *stat,
                                             void *cb_arg, int rc);
/** Of the device: all channels that exist and all that have existed. Keep a descriptor open until
 *  `cb`, which runs on this thread. */
void spdk_bdev_get_device_stat(struct spdk_bdev *bdev, struct spdk_bdev_io_stat *stat,
                               enum spdk_bdev_reset_stat_mode reset_mode,
                               spdk_bdev_get_device_stat_cb cb, void *cb_arg);

/* --- walking channels ------------------------------------------------------------------------- */

struct spdk_bdev_channel_iter;
/** On each channel's thread; go on with spdk_bdev_for_each_channel_continue(). */
typedef void (*spdk_bdev_for_each_channel_msg)(struct spdk_bdev_channel_iter *i,
                                               struct spdk_bdev *bdev, struct spdk_io_channel *ch,
                                               void *ctx);
typedef void (*spdk_bdev_for_each_channel_done)(struct spdk_bdev *bdev, void *ctx, int status);
void spdk_bdev_for_each_channel_continue(struct spdk_bdev_channel_iter *i, int status);
void spdk_bdev_for_each_channel(struct spdk_bdev *bdev, spdk_bdev_for_each_channel_msg fn,
                                void *ctx, spdk_bdev_for_each_channel_done cpl);

#ifdef __cplusplus
}
#endif
#endif
