/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Block devices, seen from below: what a driver ("module") provides and what it may call. Names,
 * fields and meanings are SPDK's (include/spdk/bdev_module.h of v26.05); the order of the fields of
 * struct spdk_bdev_io is ours, so that an I/O touches few cache lines.
 *
 * A module is a struct spdk_bdev_module registered by SPDK_BDEV_MODULE_REGISTER(); a device is a
 * struct spdk_bdev that the module fills in and registers; I/O comes to its submit_request() on the
 * thread that submitted it and ends by spdk_bdev_io_complete() on that same thread. Completing
 * inside submit_request() is fine: the caller sees it later. */

#ifndef SPDK_BDEV_MODULE_H
#define SPDK_BDEV_MODULE_H

#include "spdk/stdinc.h"

#include "spdk/bdev.h"
#include "spdk/bdev_zone.h"
#include "spdk/log.h"
#include "spdk/queue.h"
#include "spdk/scsi_spec.h"
#include "spdk/thread.h"
#include "spdk/tree.h"
#include "spdk/util.h"
#include "spdk/uuid.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SPDK_BDEV_CLAIM_NAME_LEN 32

/* A good reset_io_drain_timeout for devices that share one below them. */
#define SPDK_BDEV_RESET_IO_DRAIN_RECOMMENDED_VALUE 5

struct spdk_bdev_module {
	/* Required. Returns 0 or a negative errno, which fails the start. */
	int (*module_init)(void);
	/* All optional from here on. */
	void (*init_complete)(void); /* every module is up */
	/* The end begins: let go of claims that no virtual device of yours stands for. */
	void (*fini_start)(void);
	void (*module_fini)(void); /* every device is gone */
	/* Write the RPC calls that module-wide options and multi-device constructors need; what one
	 * device needs may be here or in its write_config_json, not in both. */
	int (*config_json)(struct spdk_json_write_ctx *w);

	const char *name;

	/* Bytes of spdk_bdev_io.driver_ctx that the module needs. */
	int (*get_ctx_size)(void);

	/* A device has appeared. examine_config decides at once and does no I/O; examine_disk may
	 * do I/O and take its time. Each ends with spdk_bdev_module_examine_done(). */
	void (*examine_config)(struct spdk_bdev *bdev);
	void (*examine_disk)(struct spdk_bdev *bdev);

	bool async_init;       /* ends with spdk_bdev_module_init_done() */
	bool async_fini;       /* ends with spdk_bdev_module_fini_done() */
	bool async_fini_start; /* ends with spdk_bdev_module_fini_start_done() */

	struct __bdev_module_internal_fields {
		uint32_t action_in_progress; /* inits and examinations under way; atomic */
		TAILQ_ENTRY(spdk_bdev_module) tailq;
	} internal;
};

enum spdk_bdev_claim_type {
	SPDK_BDEV_CLAIM_NONE = 0,
	SPDK_BDEV_CLAIM_EXCL_WRITE, /* what spdk_bdev_module_claim_bdev() makes */
	/* The claiming descriptor is the only writer; anybody may read. */
	SPDK_BDEV_CLAIM_READ_MANY_WRITE_ONE,
	/* Nobody writes. */
	SPDK_BDEV_CLAIM_READ_MANY_WRITE_NONE,
	/* Writers that present the same key; a read-only descriptor becomes a writing one. */
	SPDK_BDEV_CLAIM_READ_MANY_WRITE_SHARED,
};

struct spdk_bdev_claim_opts {
	size_t opts_size;
	char name[SPDK_BDEV_CLAIM_NAME_LEN]; /* for messages; may be empty */
	uint64_t shared_claim_key;           /* not 0, for READ_MANY_WRITE_SHARED */
};
SPDK_STATIC_ASSERT(sizeof(struct spdk_bdev_claim_opts) == 48, "layout shared with modules");

/** "not_claimed", "exclusive_write", "read_many_write_one", "read_many_write_none",
 *  "read_many_write_shared", or "invalid_claim". */
const char *spdk_bdev_claim_get_name(enum spdk_bdev_claim_type claim_type);
void spdk_bdev_claim_opts_init(struct spdk_bdev_claim_opts *opts, size_t size);

/** Claim through a descriptor; closing it releases the claim. Returns 0, -EPERM (conflict with
 *  another claim or writer; SPDK's page says -EBUSY, its code and tests -EPERM), -EINVAL (options
 * that the type needs, or cannot have), -ENOMEM. */
int spdk_bdev_module_claim_bdev_desc(struct spdk_bdev_desc *desc, enum spdk_bdev_claim_type type,
                                     struct spdk_bdev_claim_opts *opts,
                                     struct spdk_bdev_module *module);
/** Claim exclusively; `desc`, if given, becomes a writing one. Returns 0 or -EPERM. */
int spdk_bdev_module_claim_bdev(struct spdk_bdev *bdev, struct spdk_bdev_desc *desc,
                                struct spdk_bdev_module *module);
void spdk_bdev_module_release_bdev(struct spdk_bdev *bdev);

#ifndef __SPDK_BDEV_MODULE_ONLY

typedef void (*spdk_bdev_unregister_cb)(void *cb_arg, int rc);

struct spdk_bdev_fn_table {
	/* Free the device. 0: done; negative: failed; 1: ends with spdk_bdev_destruct_done(). */
	int (*destruct)(void *ctx);
	void (*submit_request)(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io);
	bool (*io_type_supported)(void *ctx, enum spdk_bdev_io_type type);
	struct spdk_io_channel *(*get_io_channel)(void *ctx);
	/* All optional from here on. Write one name and value into the open object. */
	int (*dump_info_json)(void *ctx, struct spdk_json_write_ctx *w);
	/* Write whole {method, params} objects that create the device again. */
	void (*write_config_json)(struct spdk_bdev *bdev, struct spdk_json_write_ctx *w);
	uint64_t (*get_spin_time)(struct spdk_io_channel *ch);
	void *(*get_module_ctx)(void *ctx);
	int (*get_memory_domains)(void *ctx, struct spdk_memory_domain **domains, int array_size);
	int (*get_memory_domain_types)(void *ctx, enum spdk_dma_device_type *types,
	                               uint32_t array_size);
	void (*reset_device_stat)(void *ctx);
	void (*dump_device_stat_json)(void *ctx, struct spdk_json_write_ctx *w);
	bool (*accel_sequence_supported)(void *ctx, enum spdk_bdev_io_type type);
};

enum spdk_bdev_io_status {
	SPDK_BDEV_IO_STATUS_AIO_ERROR = -8,
	SPDK_BDEV_IO_STATUS_ABORTED = -7,
	SPDK_BDEV_IO_STATUS_FIRST_FUSED_FAILED = -6,
	SPDK_BDEV_IO_STATUS_MISCOMPARE = -5,
	/* Out of something: try again when other I/O on this channel has ended. Not for a reset. */
	SPDK_BDEV_IO_STATUS_NOMEM = -4,
	SPDK_BDEV_IO_STATUS_SCSI_ERROR = -3,
	SPDK_BDEV_IO_STATUS_NVME_ERROR = -2,
	SPDK_BDEV_IO_STATUS_FAILED = -1,
	SPDK_BDEV_IO_STATUS_PENDING = 0,
	SPDK_BDEV_IO_STATUS_SUCCESS = 1,
	SPDK_MIN_BDEV_IO_STATUS = SPDK_BDEV_IO_STATUS_AIO_ERROR,
};
typedef enum spdk_bdev_io_status spdk_bdev_io_status_t;

struct spdk_bdev_name {
	char *name;
	struct spdk_bdev *bdev;
	RB_ENTRY(spdk_bdev_name) node;
};

struct spdk_bdev_alias {
	struct spdk_bdev_name alias;
	TAILQ_ENTRY(spdk_bdev_alias) tailq;
};

struct spdk_bdev_module_claim {
	struct spdk_bdev_module *module;
	struct spdk_bdev_desc *desc;
	char name[SPDK_BDEV_CLAIM_NAME_LEN];
	TAILQ_ENTRY(spdk_bdev_module_claim) link;
};

typedef TAILQ_HEAD(, spdk_bdev_io) bdev_io_tailq_t;
typedef STAILQ_HEAD(, spdk_bdev_io) bdev_io_stailq_t;

struct spdk_bdev {
	/* --- filled in by the module before spdk_bdev_register() --- */
	void *ctxt; /* handed to the functions of fn_table */
	char *name;
	TAILQ_HEAD(spdk_bdev_aliases_list, spdk_bdev_alias) aliases;
	char *product_name;
	int write_cache;
	uint32_t blocklen;          /* bytes of a logical block, interleaved metadata included */
	uint32_t phys_blocklen;     /* bytes; 0 means blocklen */
	uint32_t io_type_supported; /* bits 1 << enum spdk_bdev_io_type; by spdk_bdev_register() */
	uint64_t blockcnt;
	struct {
		/* Split writes at write_unit_size; goes before the next for writes. */
		uint32_t split_on_write_unit : 1;
		/* Split reads and writes at optimal_io_boundary. */
		uint32_t split_on_optimal_io_boundary : 1;
		uint32_t md_interleave : 1;
		uint32_t dif_is_head_of_md : 1;
		uint32_t zoned : 1;
		uint32_t media_events : 1;
		uint32_t memory_domains_supported : 1;
		uint32_t reserved : 25;
	};
	uint32_t write_unit_size;   /* blocks; 0 means 1 */
	uint16_t acwu;              /* blocks; 0 means 1 */
	uint8_t required_alignment; /* buffers: 2^n bytes, 0 for none; see spdk_bdev_io_get_buf() */
	uint8_t reserved1;
	uint32_t optimal_io_boundary; /* blocks from here on, 0 for "does not say" */
	uint32_t preferred_write_alignment;
	uint32_t preferred_write_granularity;
	uint32_t optimal_write_size;
	uint32_t preferred_unmap_alignment;
	uint32_t preferred_unmap_granularity;
	/* Limits of one I/O; longer ones are split. Both of these or neither: */
	uint32_t max_segment_size; /* bytes */
	uint32_t max_num_segments;
	uint32_t max_unmap; /* blocks of one segment */
	uint32_t max_unmap_segments;
	uint32_t max_write_zeroes; /* blocks */
	uint32_t max_copy;         /* blocks */
	uint32_t max_rw_size;      /* blocks */
	struct spdk_uuid uuid;     /* all zeroes: one is made up */
	uint32_t md_len;           /* bytes of metadata a block */
	uint8_t reserved2[4];
	enum spdk_dif_type dif_type;
	enum spdk_dif_pi_format dif_pi_format;
	uint8_t reserved3[4];
	uint32_t dif_check_flags;
	uint8_t reserved4[8];
	uint64_t zone_size; /* blocks */
	uint32_t max_zone_append_size;
	uint32_t max_open_zones;
	uint32_t max_active_zones;
	uint32_t optimal_open_zones;
	uint8_t reserved6[4];
	union spdk_bdev_nvme_ctratt ctratt;
	uint32_t nsid;
	enum spdk_nvme_csi csi;
	/* Seconds that a reset waits for I/O to end by itself (and is then left out); 0: it does
	 * not wait. */
	uint16_t reset_io_drain_timeout;
	uint8_t reserved7[2];
	struct {
		uint32_t id_valid : 1;
		int32_t id : 31;
	} numa;
	uint32_t accel_sequence_supported;
	struct spdk_bdev_module *module;
	const struct spdk_bdev_fn_table *fn_table;

	/* --- the block layer's own --- */
	struct __bdev_internal_fields {
		struct spdk_spinlock spinlock; /* status, claims, open_descs, resets */
		enum spdk_bdev_status status;
		bool split_rw;   /* some limit above asks that reads or writes be looked at */
		uint64_t number; /* the n-th device that was registered */

		enum spdk_bdev_claim_type claim_type;
		union __bdev_internal_claim {
			struct __bdev_internal_claim_v1 {
				struct spdk_bdev_module *module;
			} v1;
			struct __bdev_internal_claim_v2 {
				TAILQ_HEAD(v2_claims, spdk_bdev_module_claim) claims;
				uint64_t key;
			} v2;
		} claim;

		spdk_bdev_unregister_cb unregister_cb;
		void *unregister_ctx;
		struct spdk_thread *unregister_td;
		bool swept; /* being unregistered, and no I/O waits in a channel any more */

		TAILQ_HEAD(, spdk_bdev_desc) open_descs;
		TAILQ_ENTRY(spdk_bdev) link;

		struct spdk_bdev_io *reset_in_progress;
		bool reset_thawing;            /* of the one in progress: the module is done */
		bdev_io_tailq_t queued_resets; /* to end with it, or, if it thaws, to come next */
		bdev_io_tailq_t ended_resets;  /* to be answered when it has thawed */

		struct spdk_bdev_io_stat *stat; /* of channels that are gone */
		struct spdk_bdev_name bdev_name;
	} internal;
};

typedef void (*spdk_bdev_io_get_buf_cb)(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io,
                                        bool success);

/* Vectors that the pieces of one split I/O share. */
#define SPDK_BDEV_IO_NUM_CHILD_IOV 32

struct spdk_bdev_io_block_params {
	struct iovec *iovs;
	int iovcnt;
	uint32_t dif_check_flags;
	uint64_t num_blocks;
	uint64_t offset_blocks;
	void *md_buf; /* separate metadata, NULL for none */
	struct spdk_memory_domain *memory_domain;
	void *memory_domain_ctx;
	struct spdk_accel_sequence *accel_sequence;
	union spdk_bdev_nvme_cdw12 nvme_cdw12;
	union spdk_bdev_nvme_cdw13 nvme_cdw13;
	struct iovec *fused_iovs; /* compare-and-write: what is written */
	int fused_iovcnt;
	struct {
		uint8_t populate : 1;
		uint8_t commit : 1;
		uint8_t start : 1;
	} zcopy;
	struct {
		void *bio_cb_arg;
	} abort;
	struct {
		uint64_t offset;
	} seek;
	struct {
		uint64_t src_offset_blocks;
	} copy;
};

struct spdk_bdev_io_reset_params {
	struct spdk_io_channel *ch_ref;
	struct {
		struct spdk_poller *poller;
		uint64_t stop_time_tsc;
	} wait_poller;
};

struct spdk_bdev_io_abort_params {
	struct spdk_bdev_io *bio_to_abort;
};

struct spdk_bdev_io_nvme_passthru_params {
	struct spdk_nvme_cmd cmd;
	struct iovec *iovs;
	int iovcnt;
	void *buf;
	size_t nbytes;
	void *md_buf;
	size_t md_len;
};

struct spdk_bdev_io_zone_mgmt_params {
	uint64_t zone_id;
	uint32_t num_zones;
	enum spdk_bdev_zone_action zone_action;
	void *buf;
};

struct spdk_bdev_channel;

/* The block layer's own, what every I/O touches first. */
struct spdk_bdev_io_internal_fields {
	struct spdk_bdev_channel *ch;
	struct spdk_bdev_desc *desc;
	spdk_bdev_io_completion_cb cb;
	void *caller_ctx;
	uint64_t submit_tsc;
	TAILQ_ENTRY(spdk_bdev_io) ch_link;   /* spdk_bdev_channel.io_submitted */
	STAILQ_ENTRY(spdk_bdev_io) buf_link; /* free list, or completions to be delivered */
	int8_t status;                       /* enum spdk_bdev_io_status */
	union {
		struct {
			uint8_t in_submit_request : 1;
			uint8_t has_buf : 1;         /* buf.ptr is ours to give back */
			uint8_t has_bounce : 1;      /* the user's vectors are in bounce */
			uint8_t split : 1;           /* split.* is in use */
			uint8_t child_io : 1;        /* a piece of a split I/O */
			uint8_t in_use : 1;          /* with its user: not to be freed twice */
			uint8_t never_submitted : 1; /* the module has not seen it */
			uint8_t abort_seen : 1;      /* the abort under way has dealt with it */
		};
		uint8_t raw;
	} f;

	/* Colder. */
	TAILQ_ENTRY(spdk_bdev_io) link; /* NOMEM list, waits for long buffers, or queued resets */
	union {
		struct {
			uint32_t cdw0;
			uint8_t sct;
			uint8_t sc;
		} nvme;
		struct {
			uint8_t sc;
			uint8_t sk;
			uint8_t asc;
			uint8_t ascq;
		} scsi;
		int aio_result;
	} error;
	struct {
		uint64_t remaining_num_blocks;
		uint64_t current_offset_blocks;
		uint32_t outstanding;
		bool in_caller; /* the user is still submitting: do not call him yet */
		bool failed;    /* of an abort: some I/O could not be aborted */
	} split;
	struct {
		void *ptr;
		uint64_t len;
	} buf;
	struct {
		struct iovec iov;
		struct iovec *orig_iovs;
		int orig_iovcnt;
	} bounce;
	spdk_bdev_io_get_buf_cb get_buf_cb;
	spdk_bdev_io_completion_cb part_cb; /* of spdk_bdev_part_submit_request_ext() */
	struct spdk_iobuf_entry iobuf;
	struct spdk_bdev_io_wait_entry waitq_entry;
};

struct spdk_bdev_io {
	struct spdk_bdev *bdev;
	uint8_t type; /* enum spdk_bdev_io_type */
	uint8_t reserved0;
	uint16_t num_retries; /* after NOMEM */
	uint32_t reserved1;
	struct iovec iov; /* for I/O with a single buffer */
	union {
		struct spdk_bdev_io_block_params bdev;
		struct spdk_bdev_io_reset_params reset;
		struct spdk_bdev_io_abort_params abort;
		struct spdk_bdev_io_nvme_passthru_params nvme_passthru;
		struct spdk_bdev_io_zone_mgmt_params zone_mgmt;
	} u;
	struct spdk_bdev_io_internal_fields internal;
	struct iovec child_iov[SPDK_BDEV_IO_NUM_CHILD_IOV];

	/* The module's own, get_ctx_size() bytes. */
	uint8_t driver_ctx[0] __attribute__((aligned(SPDK_CACHE_LINE_SIZE)));
};
SPDK_STATIC_ASSERT(offsetof(struct spdk_bdev_io, driver_ctx) % SPDK_CACHE_LINE_SIZE == 0,
                   "a module's context begins a cache line");

static inline struct spdk_bdev_io *
spdk_bdev_io_from_ctx(void *ctx)
{
	return SPDK_CONTAINEROF(ctx, struct spdk_bdev_io, driver_ctx);
}

/** Register a device. App thread. Returns 0, -EINVAL (no name, no module, no functions, or limits
 *  that contradict each other), -EEXIST (name or alias taken), -ENOMEM. */
int spdk_bdev_register(struct spdk_bdev *bdev);

/** Begin to unregister: every descriptor gets SPDK_BDEV_EVENT_REMOVE; when the last is closed the
 *  module's destruct() is called, then `cb_fn` (NULL allowed) on this thread with its result, or
 *  -EBUSY at once when the device is being unregistered already. */
void spdk_bdev_unregister(struct spdk_bdev *bdev, spdk_bdev_unregister_cb cb_fn, void *cb_arg);
/** The same by name, if `module` registered it. Returns 0, or -ENODEV with `cb_fn` not called. */
int spdk_bdev_unregister_by_name(const char *bdev_name, struct spdk_bdev_module *module,
                                 spdk_bdev_unregister_cb cb_fn, void *cb_arg);
/** A destruct() that returned 1 has ended. Any spdk_thread. */
void spdk_bdev_destruct_done(struct spdk_bdev *bdev, int bdeverrno);

/** The number of blocks has changed; descriptors are told. Returns 0, or -EBUSY when it would
 *  shrink while it is open. App thread. */
int spdk_bdev_notify_blockcnt_change(struct spdk_bdev *bdev, uint64_t size);

void spdk_bdev_module_examine_done(struct spdk_bdev_module *module);
void spdk_bdev_module_init_done(struct spdk_bdev_module *module);
void spdk_bdev_module_fini_done(void);
void spdk_bdev_module_fini_start_done(void);

/** Returns 0, -EINVAL (empty), -EEXIST (taken by any device), -ENOMEM. */
int spdk_bdev_alias_add(struct spdk_bdev *bdev, const char *alias);
/** Returns 0 or -ENOENT. */
int spdk_bdev_alias_del(struct spdk_bdev *bdev, const char *alias);
void spdk_bdev_alias_del_all(struct spdk_bdev *bdev);
const struct spdk_bdev_aliases_list *spdk_bdev_get_aliases(const struct spdk_bdev *bdev);

/** Make sure that a read or write has a buffer that the device can use, then call `cb`, at once or
 *  when a buffer is free: one of `len` bytes is provided when the user gave none (at most
 *  large_bufsize of spdk_iobuf_get_opts(): more is success = false), and a copy stands in for one
 *  that is not aligned to required_alignment. On the I/O's thread. */
void spdk_bdev_io_get_buf(struct spdk_bdev_io *bdev_io, spdk_bdev_io_get_buf_cb cb, uint64_t len);
/** Have the first vector of the I/O be `len` bytes at the first place of `buf` that is aligned as
 * the device requires; `buf` has room for that. */
void spdk_bdev_io_set_buf(struct spdk_bdev_io *bdev_io, void *buf, size_t len);
void spdk_bdev_io_set_md_buf(struct spdk_bdev_io *bdev_io, void *md_buf, size_t len);

/** End an I/O, on its thread. */
void spdk_bdev_io_complete(struct spdk_bdev_io *bdev_io, enum spdk_bdev_io_status status);

/** Note a status in the device's language and return ours for it; with "complete", end the I/O. */
enum spdk_bdev_io_status spdk_bdev_io_set_nvme_status(struct spdk_bdev_io *bdev_io, uint32_t cdw0,
                                                      int sct, int sc);
void spdk_bdev_io_complete_nvme_status(struct spdk_bdev_io *bdev_io, uint32_t cdw0, int sct,
                                       int sc);
enum spdk_bdev_io_status spdk_bdev_io_set_scsi_status(struct spdk_bdev_io *bdev_io,
                                                      enum spdk_scsi_status sc,
                                                      enum spdk_scsi_sense sk, uint8_t asc,
                                                      uint8_t ascq);
void spdk_bdev_io_complete_scsi_status(struct spdk_bdev_io *bdev_io, enum spdk_scsi_status sc,
                                       enum spdk_scsi_sense sk, uint8_t asc, uint8_t ascq);
enum spdk_bdev_io_status spdk_bdev_io_set_aio_status(struct spdk_bdev_io *bdev_io, int aio_result);
void spdk_bdev_io_complete_aio_status(struct spdk_bdev_io *bdev_io, int aio_result);
enum spdk_bdev_io_status spdk_bdev_io_set_base_io_status(struct spdk_bdev_io *bdev_io,
                                                         const struct spdk_bdev_io *base_io);
void spdk_bdev_io_complete_base_io_status(struct spdk_bdev_io *bdev_io,
                                          const struct spdk_bdev_io *base_io);

struct spdk_thread *spdk_bdev_io_get_thread(struct spdk_bdev_io *bdev_io);
/** The module's channel that the I/O is on. */
struct spdk_io_channel *spdk_bdev_io_get_io_channel(struct spdk_bdev_io *bdev_io);
uint64_t spdk_bdev_io_get_submit_tsc(struct spdk_bdev_io *bdev_io);

/** The NVMe status of an I/O as a SCSI one. */
void spdk_scsi_nvme_translate(const struct spdk_bdev_io *bdev_io, int *sc, int *sk, int *asc,
                              int *ascq);

/* --- parts: devices that are ranges of one base device ---------------------------------------- */

struct spdk_bdev_part_base;
typedef void (*spdk_bdev_part_base_free_fn)(void *ctx);

/** One part. The module allocates it by malloc() or calloc(), zeroed; spdk_bdev_part_free() frees
 *  it. The functions of the module's table get it as their ctx. */
struct spdk_bdev_part {
	TAILQ_ENTRY(spdk_bdev_part) tailq; /* the module's list of all its parts */
	struct bdev_part_internal_fields {
		struct spdk_bdev bdev;
		struct spdk_bdev_part_base *base;
		uint64_t offset_blocks;
	} internal;
};

/** Begins the module's own structure for a part's channel. */
struct spdk_bdev_part_channel {
	struct spdk_bdev_part *part;
	struct spdk_io_channel *base_ch;
};

typedef TAILQ_HEAD(bdev_part_tailq, spdk_bdev_part) SPDK_BDEV_PART_TAILQ;

/** Open the device `bdev_name` to make parts of it. App thread.
 *  \param remove_cb called with the base when its device is being removed; required
 *  \param fn_table of the parts; get_io_channel and io_type_supported are filled in here
 *  \param tailq where the parts are kept
 *  \param free_fn called with `ctx` when the base is freed; NULL allowed
 *  \param channel_size of the module's structure that begins with spdk_bdev_part_channel
 *  \param ch_create_cb,ch_destroy_cb for what else is in that structure; NULL allowed
 *  \return 0, -EINVAL, -ENOMEM, or an error of spdk_bdev_open_ext(); `ctx` is not freed then. */
int spdk_bdev_part_base_construct_ext(const char *bdev_name, spdk_bdev_remove_cb_t remove_cb,
                                      struct spdk_bdev_module *module,
                                      struct spdk_bdev_fn_table *fn_table,
                                      struct bdev_part_tailq *tailq,
                                      spdk_bdev_part_base_free_fn free_fn, void *ctx,
                                      uint32_t channel_size, spdk_io_channel_create_cb ch_create_cb,
                                      spdk_io_channel_destroy_cb ch_destroy_cb,
                                      struct spdk_bdev_part_base **base);
/** Close the device and free the base. For a base without parts: otherwise the last part to go does
 *  it. */
void spdk_bdev_part_base_free(struct spdk_bdev_part_base *base);
/** Unregister every part of this base that is on `tailq`. */
void spdk_bdev_part_base_hotremove(struct spdk_bdev_part_base *part_base,
                                   struct bdev_part_tailq *tailq);
struct spdk_bdev *spdk_bdev_part_base_get_bdev(struct spdk_bdev_part_base *part_base);
const char *spdk_bdev_part_base_get_bdev_name(struct spdk_bdev_part_base *part_base);
struct spdk_bdev_desc *spdk_bdev_part_base_get_desc(struct spdk_bdev_part_base *part_base);
struct bdev_part_tailq *spdk_bdev_part_base_get_tailq(struct spdk_bdev_part_base *part_base);
void *spdk_bdev_part_base_get_ctx(struct spdk_bdev_part_base *part_base);

struct spdk_bdev_part_construct_opts {
	uint64_t opts_size;
	struct spdk_uuid uuid; /* all zeroes: one that follows from the base's and the range */
};
SPDK_STATIC_ASSERT(sizeof(struct spdk_bdev_part_construct_opts) == 24,
                   "layout shared with modules");
void spdk_bdev_part_construct_opts_init(struct spdk_bdev_part_construct_opts *opts, uint64_t size);

/** Register a device of these blocks of the base. Both names are copied. The first part claims the
 *  base's device for the module. App thread. Returns 0, or -1 (claimed by another, not within the
 *  device, name taken): `part` and the base stay the caller's. */
int spdk_bdev_part_construct(struct spdk_bdev_part *part, struct spdk_bdev_part_base *base,
                             char *name, uint64_t offset_blocks, uint64_t num_blocks,
                             char *product_name);
int spdk_bdev_part_construct_ext(struct spdk_bdev_part *part, struct spdk_bdev_part_base *base,
                                 char *name, uint64_t offset_blocks, uint64_t num_blocks,
                                 char *product_name,
                                 const struct spdk_bdev_part_construct_opts *opts);
/** For the module's destruct(). Returns 1: spdk_bdev_destruct_done() is called when it is done. */
int spdk_bdev_part_free(struct spdk_bdev_part *part);
struct spdk_bdev *spdk_bdev_part_get_bdev(struct spdk_bdev_part *part);
struct spdk_bdev_part_base *spdk_bdev_part_get_base(struct spdk_bdev_part *part);
struct spdk_bdev *spdk_bdev_part_get_base_bdev(struct spdk_bdev_part *part);
uint64_t spdk_bdev_part_get_offset_blocks(struct spdk_bdev_part *part);

/** Hand a part's I/O to the base's device. Returns 0, or the submission's negative errno with the
 *  I/O not ended. With `cb` (called with the part's I/O and no argument) the caller ends the I/O
 *  himself. */
int spdk_bdev_part_submit_request(struct spdk_bdev_part_channel *ch, struct spdk_bdev_io *bdev_io);
int spdk_bdev_part_submit_request_ext(struct spdk_bdev_part_channel *ch,
                                      struct spdk_bdev_io *bdev_io, spdk_bdev_io_completion_cb cb);

/* --- looking at a device's I/O; the device must stay registered meanwhile --------------------- */

typedef int (*spdk_bdev_io_fn)(void *ctx, struct spdk_bdev_io *bdev_io);
typedef void (*spdk_bdev_for_each_io_cb)(void *ctx, int rc);
/** Call `fn` for each I/O under way, on its thread, until it answers other than 0; then `cb` with
 *  that, here. */
void spdk_bdev_for_each_bdev_io(struct spdk_bdev *bdev, void *ctx, spdk_bdev_io_fn fn,
                                spdk_bdev_for_each_io_cb cb);

typedef void (*spdk_bdev_get_current_qd_cb)(struct spdk_bdev *bdev, uint64_t current_qd,
                                            void *cb_arg, int rc);
/** How many I/O the module has, added up over the threads. */
void spdk_bdev_get_current_qd(struct spdk_bdev *bdev, spdk_bdev_get_current_qd_cb cb_fn,
                              void *cb_arg);

void spdk_bdev_module_list_add(struct spdk_bdev_module *bdev_module);
struct spdk_bdev_module *spdk_bdev_module_list_find(const char *name);

void spdk_bdev_add_io_stat(struct spdk_bdev_io_stat *total, struct spdk_bdev_io_stat *add);
void spdk_bdev_dump_io_stat_json(struct spdk_bdev_io_stat *stat, struct spdk_json_write_ctx *w);
void spdk_bdev_reset_io_stat(struct spdk_bdev_io_stat *stat, enum spdk_bdev_reset_stat_mode mode);

#define SPDK_BDEV_MODULE_REGISTER(name, module)                                          \
	static void __attribute__((constructor)) _spdk_bdev_module_register_##name(void) \
	{                                                                                \
		spdk_bdev_module_list_add(module);                                       \
	}

#endif /* __SPDK_BDEV_MODULE_ONLY */

#ifdef __cplusplus
}
#endif
#endif
