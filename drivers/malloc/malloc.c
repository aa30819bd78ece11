/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Every I/O is a copy that ends within submit_request(): there is nothing per channel, and what a
 * device is never changes.
 *
 * The memory is chunks of 1 MiB, not one piece. DPDK clears what it gets back, and holds the heap's
 * lock meanwhile: 30 ms for one piece of 170 MB, in which every reactor that wants memory waits.
 * And chunks are found where one piece is not. */

#include "drivers/malloc/malloc.h"

#include "core/bdev/module_rpc.h"
#include "ipc/gate/control.h"
#include "spdk/env.h"
#include "spdk/likely.h"
#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/util.h"

#define CHUNK_SIZE (1u << 20)
#define MAX_CHUNKS (1u << 28) /* of one device: more than any machine has */
/* What one unmap or write-zeroes may clear; the block layer cuts up longer ones, so that clearing a
 * whole device does not keep its reactor from everything else. */
#define CLEAR_SIZE (256u << 10)

struct memory {
	uint8_t **chunks; /* NULL for none */
	uint64_t num_chunks;
};

struct malloc_disk {
	struct spdk_bdev bdev;
	struct memory data;
	struct memory md; /* separate metadata */
	uint32_t optimal_io_boundary;
	int32_t numa_id;            /* that was asked for */
	struct spdk_thread *thread; /* that waits for the memory to be given back */
};

static uint32_t g_next_name;

/* --- I/O -------------------------------------------------------------------------------------- */

/* What stands at `offset`: *len bytes of it at most, as far as the chunk goes. */
static inline uint8_t *
memory_at(const struct memory *memory, uint64_t offset, size_t *len)
{
	size_t in_chunk = offset % CHUNK_SIZE;

	*len = spdk_min(*len, CHUNK_SIZE - in_chunk);
	return memory->chunks[offset / CHUNK_SIZE] + in_chunk;
}

static inline void
memory_copy(const struct memory *memory, uint64_t offset, uint8_t *buf, size_t len, bool write)
{
	size_t part;
	uint8_t *at;

	for (; len > 0; offset += part, buf += part, len -= part) {
		part = len;
		at = memory_at(memory, offset, &part);
		if (write) {
			memcpy(at, buf, part);
		} else {
			memcpy(buf, at, part);
		}
	}
}

static void
memory_clear(const struct memory *memory, uint64_t offset, size_t len)
{
	size_t part;
	uint8_t *at;

	for (; len > 0; offset += part, len -= part) {
		part = len;
		at = memory_at(memory, offset, &part);
		memset(at, 0, part);
	}
}

/* False when the vectors hold less than the blocks. */
static bool
copy_data(struct malloc_disk *disk, struct spdk_bdev_io *io, bool write)
{
	uint64_t offset = io->u.bdev.offset_blocks * disk->bdev.blocklen;
	size_t left = io->u.bdev.num_blocks * disk->bdev.blocklen;
	int i;

	for (i = 0; i < io->u.bdev.iovcnt && left > 0; i++) {
		struct iovec *iov = &io->u.bdev.iovs[i];
		size_t len = spdk_min(iov->iov_len, left);

		memory_copy(&disk->data, offset, iov->iov_base, len, write);
		offset += len;
		left -= len;
	}
	return left == 0;
}

static void
copy_md(struct malloc_disk *disk, struct spdk_bdev_io *io, bool write)
{
	memory_copy(&disk->md, io->u.bdev.offset_blocks * disk->bdev.md_len, io->u.bdev.md_buf,
	            io->u.bdev.num_blocks * disk->bdev.md_len, write);
}

static void
read_write(struct malloc_disk *disk, struct spdk_bdev_io *io, bool write)
{
	if (spdk_unlikely(!copy_data(disk, io, write))) {
		SPDK_ERRLOG("%s: the vectors of an I/O hold less than its %" PRIu64 " blocks\n",
		            disk->bdev.name, io->u.bdev.num_blocks);
		spdk_bdev_io_complete(io, SPDK_BDEV_IO_STATUS_FAILED);
		return;
	}
	if (disk->md.chunks != NULL && io->u.bdev.md_buf != NULL) {
		copy_md(disk, io, write);
	}
	spdk_bdev_io_complete(io, SPDK_BDEV_IO_STATUS_SUCCESS);
}

static void
got_buf(struct spdk_io_channel *ch, struct spdk_bdev_io *io, bool success)
{
	if (success) {
		read_write(io->bdev->ctxt, io, false);
	} else {
		spdk_bdev_io_complete(io, SPDK_BDEV_IO_STATUS_FAILED);
	}
}

static void
clear(struct malloc_disk *disk, struct spdk_bdev_io *io)
{
	memory_clear(&disk->data, io->u.bdev.offset_blocks * disk->bdev.blocklen,
	             io->u.bdev.num_blocks * disk->bdev.blocklen);
	if (disk->md.chunks != NULL) {
		memory_clear(&disk->md, io->u.bdev.offset_blocks * disk->bdev.md_len,
		             io->u.bdev.num_blocks * disk->bdev.md_len);
	}
	spdk_bdev_io_complete(io, SPDK_BDEV_IO_STATUS_SUCCESS);
}

static void
malloc_submit(struct spdk_io_channel *ch, struct spdk_bdev_io *io)
{
	struct malloc_disk *disk = io->bdev->ctxt;

	switch (io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
		if (spdk_unlikely(io->u.bdev.iovs[0].iov_base == NULL)) {
			spdk_bdev_io_get_buf(io, got_buf,
			                     io->u.bdev.num_blocks * disk->bdev.blocklen);
		} else {
			read_write(disk, io, false);
		}
		break;
	case SPDK_BDEV_IO_TYPE_WRITE:
		read_write(disk, io, true);
		break;
	case SPDK_BDEV_IO_TYPE_UNMAP:
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
		clear(disk, io);
		break;
	case SPDK_BDEV_IO_TYPE_FLUSH:
	case SPDK_BDEV_IO_TYPE_RESET:
		spdk_bdev_io_complete(io, SPDK_BDEV_IO_STATUS_SUCCESS);
		break;
	default:
		spdk_bdev_io_complete(io, SPDK_BDEV_IO_STATUS_FAILED);
		break;
	}
}

static bool
malloc_io_type_supported(void *ctx, enum spdk_bdev_io_type type)
{
	switch (type) {
	case SPDK_BDEV_IO_TYPE_READ:
	case SPDK_BDEV_IO_TYPE_WRITE:
	case SPDK_BDEV_IO_TYPE_UNMAP:
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
	case SPDK_BDEV_IO_TYPE_FLUSH:
	case SPDK_BDEV_IO_TYPE_RESET:
		return true;
	default:
		return false;
	}
}

static struct spdk_io_channel *
malloc_get_io_channel(void *ctx)
{
	return spdk_get_io_channel(&malloc_module);
}

/* --- life ------------------------------------------------------------------------------------- */

static void
memory_free(struct memory *memory)
{
	uint64_t i;

	for (i = 0; i < memory->num_chunks; i++) {
		spdk_free(memory->chunks[i]);
	}
	free(memory->chunks);
	memory->chunks = NULL;
	memory->num_chunks = 0;
}

static int
memory_get(struct memory *memory, uint64_t size, int32_t numa_id)
{
	uint64_t i, count = size / CHUNK_SIZE + (size % CHUNK_SIZE != 0);
	size_t len;

	if (count > MAX_CHUNKS) {
		return -ENOMEM;
	}
	memory->chunks = calloc(count, sizeof(*memory->chunks));
	if (memory->chunks == NULL) {
		return -ENOMEM;
	}
	for (i = 0; i < count; i++) {
		len = spdk_min(size - i * CHUNK_SIZE, CHUNK_SIZE);
		memory->chunks[i] = spdk_zmalloc(len, 4096, NULL, numa_id, SPDK_MALLOC_DMA);
		if (memory->chunks[i] == NULL) {
			return -ENOMEM;
		}
		memory->num_chunks++;
	}
	return 0;
}

static void
disk_free(struct malloc_disk *disk)
{
	memory_free(&disk->data);
	memory_free(&disk->md);
	free(disk->bdev.name);
	free(disk);
}

/* On the thread that destroys the device. Only now is it gone: whoever is told so may create the
 * next one in the same memory. */
static void
destruct_done(void *ctx)
{
	struct malloc_disk *disk = ctx;

	spdk_bdev_destruct_done(&disk->bdev, 0);
	disk_free(disk);
}

/* On the control pthread, because clearing a large device takes tens of milliseconds. */
static void
give_back(void *ctx)
{
	struct malloc_disk *disk = ctx;

	memory_free(&disk->data);
	memory_free(&disk->md);
	spdk_thread_send_msg(disk->thread, destruct_done, disk);
}

static void
give_back_unregistered(void *ctx)
{
	disk_free(ctx);
}

static int
malloc_destruct(void *ctx)
{
	struct malloc_disk *disk = ctx;

	disk->thread = spdk_get_thread();
	if (control_post(give_back, disk) == 0) {
		return 1;
	}
	disk_free(disk);
	return 0;
}

static void
malloc_write_config_json(struct spdk_bdev *bdev, struct spdk_json_write_ctx *w)
{
	const struct malloc_disk *disk = bdev->ctxt;

	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", "bdev_malloc_create");
	spdk_json_write_named_object_begin(w, "params");
	spdk_json_write_named_string(w, "name", bdev->name);
	spdk_json_write_named_uint64(w, "num_blocks", bdev->blockcnt);
	spdk_json_write_named_uint32(w, "block_size", spdk_bdev_get_data_block_size(bdev));
	spdk_json_write_named_uint32(w, "physical_block_size", bdev->phys_blocklen);
	spdk_json_write_named_uuid(w, "uuid", &bdev->uuid);
	spdk_json_write_named_uint32(w, "optimal_io_boundary", disk->optimal_io_boundary);
	spdk_json_write_named_uint32(w, "md_size", bdev->md_len);
	if (bdev->md_len != 0) {
		spdk_json_write_named_bool(w, "md_interleave", bdev->md_interleave);
	}
	spdk_json_write_named_uint32(w, "dif_type", bdev->dif_type);
	spdk_json_write_named_bool(w, "dif_is_head_of_md", bdev->dif_is_head_of_md);
	spdk_json_write_named_uint32(w, "dif_pi_format", bdev->dif_pi_format);
	if (disk->numa_id != SPDK_ENV_NUMA_ID_ANY) {
		spdk_json_write_named_int32(w, "numa_id", disk->numa_id);
	}
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
}

static const struct spdk_bdev_fn_table malloc_fn_table = {
	.destruct = malloc_destruct,
	.submit_request = malloc_submit,
	.io_type_supported = malloc_io_type_supported,
	.get_io_channel = malloc_get_io_channel,
	.write_config_json = malloc_write_config_json,
};

static void
disk_describe(struct malloc_disk *disk, const struct malloc_params *p)
{
	struct spdk_bdev *bdev = &disk->bdev;

	bdev->product_name = "Malloc disk";
	bdev->ctxt = disk;
	bdev->module = &malloc_module;
	bdev->fn_table = &malloc_fn_table;
	bdev->uuid = p->uuid;
	bdev->blockcnt = p->num_blocks;
	bdev->blocklen = p->block_size + (p->md_interleave ? p->md_size : 0);
	bdev->phys_blocklen = p->physical_block_size;
	bdev->md_len = p->md_size;
	bdev->md_interleave = p->md_interleave;
	bdev->dif_is_head_of_md = p->dif_is_head_of_md;
	bdev->dif_pi_format = (enum spdk_dif_pi_format)p->dif_pi_format;
	bdev->max_unmap = bdev->max_write_zeroes = spdk_max(CLEAR_SIZE / bdev->blocklen, 1u);
	bdev->max_unmap_segments = 1;
	disk->optimal_io_boundary = p->optimal_io_boundary;
	if (p->optimal_io_boundary != 0) {
		bdev->optimal_io_boundary = p->optimal_io_boundary;
		bdev->split_on_optimal_io_boundary = true;
	}
	disk->numa_id = p->numa_id;
}

/* Where its memory is: where it was asked for, or else where it happens to be. */
static void
disk_note_numa(struct malloc_disk *disk)
{
	int32_t id = disk->numa_id;

	if (id == SPDK_ENV_NUMA_ID_ANY) {
		id = spdk_mem_get_numa_id(disk->data.chunks[0], NULL);
	}
	if (id != SPDK_ENV_NUMA_ID_ANY) {
		disk->bdev.numa.id_valid = 1;
		disk->bdev.numa.id = id;
	}
}

static int
disk_get_memory(struct malloc_disk *disk, const struct malloc_params *p)
{
	uint64_t md = p->md_interleave ? 0 : p->num_blocks * p->md_size;
	int rc = memory_get(&disk->data, p->num_blocks * disk->bdev.blocklen, p->numa_id);

	if (rc == 0 && md != 0) {
		rc = memory_get(&disk->md, md, p->numa_id);
	}
	if (rc == 0) {
		disk_note_numa(disk);
	} else {
		SPDK_ERRLOG("bdev %s needs %" PRIu64
		            " MB of the primary's memory, and there is not so "
		            "much free: start it with more (-s)\n",
		            disk->bdev.name, malloc_megabytes(p));
	}
	return rc;
}

uint64_t
malloc_megabytes(const struct malloc_params *p)
{
	return (uint64_t)(((unsigned __int128)p->num_blocks * (p->block_size + p->md_size) >> 20) +
	                  1);
}

/* The next name that nobody has. */
static char *
auto_name(void)
{
	char *name = spdk_sprintf_alloc("Malloc%u", g_next_name);

	while (name != NULL && spdk_bdev_get_by_name(name) != NULL) {
		free(name);
		name = spdk_sprintf_alloc("Malloc%u", ++g_next_name);
	}
	return name;
}

int
malloc_create(const struct malloc_params *p, struct spdk_bdev **bdev)
{
	struct malloc_disk *disk;
	int rc;

	rc = bdev_check_format(p->name != NULL ? p->name : "Malloc", p->num_blocks, p->block_size,
	                       p->physical_block_size, p->md_size, p->dif_type);
	if (rc != 0) {
		return rc;
	}
	disk = calloc(1, sizeof(*disk));
	if (disk == NULL) {
		return -ENOMEM;
	}
	disk_describe(disk, p);
	disk->bdev.name = p->name != NULL ? strdup(p->name) : auto_name();
	if (disk->bdev.name == NULL) {
		free(disk);
		return -ENOMEM;
	}
	rc = disk_get_memory(disk, p);
	if (rc == 0) {
		rc = spdk_bdev_register(&disk->bdev);
	}
	if (rc != 0) {
		if (control_post(give_back_unregistered, disk) != 0) {
			disk_free(disk);
		}
		return rc;
	}
	/* A name is given out once, also when its device goes. */
	g_next_name += p->name == NULL;
	*bdev = &disk->bdev;
	return 0;
}

/* --- module ----------------------------------------------------------------------------------- */

static int
channel_create(void *io_device, void *ctx)
{
	return 0;
}

static void
channel_destroy(void *io_device, void *ctx)
{
}

static int
malloc_init(void)
{
	spdk_io_device_register(&malloc_module, channel_create, channel_destroy, 0, "bdev_malloc");
	return 0;
}

static void
malloc_fini_done(void *io_device)
{
	spdk_bdev_module_fini_done();
}

static void
malloc_fini(void)
{
	spdk_io_device_unregister(&malloc_module, malloc_fini_done);
}

struct spdk_bdev_module malloc_module = {
	.name = "malloc",
	.module_init = malloc_init,
	.module_fini = malloc_fini,
	.async_fini = true,
};
SPDK_BDEV_MODULE_REGISTER(malloc, &malloc_module)
