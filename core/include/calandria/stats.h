/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The stats segment: counters and "what is running now", written by their owners without atomics,
 * read by anybody without asking. A mapped file in the instance's folder; readers map it read-only.
 *
 * It describes itself: after the header stands a table of metrics, each with name, type, unit, the
 * offset of its first value, the distance between values and their number. A reader that knows a
 * name needs nothing else; the structures below are the same places for a reader in C. Layout
 * changes raise CAL_STATS_VERSION. It holds offsets, never pointers that a reader may follow. */

#ifndef CALANDRIA_STATS_H
#define CALANDRIA_STATS_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CAL_STATS_MAGIC        0x5453434cu /* "LCST" */
#define CAL_STATS_VERSION      1u
#define CAL_STATS_MAX_REACTORS 128
#define CAL_STATS_NAME_LEN     48

enum cal_stats_type { CAL_STATS_COUNTER = 0, CAL_STATS_GAUGE, CAL_STATS_TIMESTAMP, CAL_STATS_ID };
enum cal_stats_unit { CAL_STATS_NONE = 0, CAL_STATS_TICKS, CAL_STATS_BYTES, CAL_STATS_COUNT };

struct cal_stats_metric {
	char name[CAL_STATS_NAME_LEN]; /* "reactor.busy_tsc", "memory.heap_bytes", ... */
	uint8_t type;                  /* enum cal_stats_type */
	uint8_t unit;                  /* enum cal_stats_unit */
	uint16_t width;                /* bytes of one value: 4 or 8 */
	uint32_t offset;               /* of value 0, from the start of the segment */
	uint32_t stride;
	uint32_t count;
};

/* What a reactor is in the middle of. */
enum cal_stats_running {
	CAL_RUNNING_NOTHING = 0,
	CAL_RUNNING_POLLER,
	CAL_RUNNING_MESSAGE,
	CAL_RUNNING_EVENT,
	CAL_RUNNING_INTERRUPT, /* the handler of a descriptor */
};

/* One a reactor, indexed by slot, not by lcore. The first line is what changes with every
 * execution: two plain stores before (fn; what and poller in one). What = NOTHING is stored when a
 * row of pollers or messages is over, not after each. */
struct cal_stats_reactor {
	uint64_t running_fn;     /* address in the primary of the function that runs */
	uint32_t running_what;   /* enum cal_stats_running */
	uint32_t running_poller; /* low bits of the poller's id, 0 for none */
	uint64_t running_thread; /* spdk_thread id, 0 for none */
	uint64_t heartbeat_tsc;  /* TSC at the start of the iteration that runs */
	uint64_t iterations;
	uint64_t busy_tsc;
	uint64_t idle_tsc;
	uint32_t threads; /* lightweight threads on it now */
	uint32_t in_interrupt;

	uint32_t lcore;
	int32_t tid;            /* its OS thread */
	uint32_t in_use;        /* 0: the slot is empty */
	uint32_t message_depth; /* messages waiting, as of the last look */
	uint64_t events;        /* executed */
	uint64_t messages;      /* executed */
	uint64_t reserved[4];
} __attribute__((aligned(128)));
static_assert(sizeof(struct cal_stats_reactor) == 128, "shared layout");

struct cal_stats_memory {
	uint64_t heap_bytes;
	uint64_t heap_used_bytes;
	uint64_t heap_allocs; /* alive now */
	uint64_t reserved[5];
} __attribute__((aligned(64)));

struct cal_stats_links {
	uint64_t granted; /* since start */
	uint64_t ended;
	uint64_t closed_for_fault; /* of the ended: the peer broke the protocol */
	uint64_t requests;
	uint64_t reserved[4];
} __attribute__((aligned(64)));

struct cal_stats_header {
	uint32_t magic;
	uint32_t version;
	uint32_t header_size;
	uint32_t segment_size;
	uint64_t tsc_hz;
	uint32_t metrics_offset;
	uint32_t num_metrics;
	uint32_t reactors_offset; /* struct cal_stats_reactor[CAL_STATS_MAX_REACTORS] */
	uint32_t memory_offset;   /* struct cal_stats_memory */
	uint32_t links_offset;    /* struct cal_stats_links */
	uint32_t reserved[5];
};
static_assert(sizeof(struct cal_stats_header) == 64, "shared layout");

/* --- writers, in the primary ------------------------------------------------------------------ */

/** Create and map instance `id`'s segment. Main thread, once, before reactors exist. Returns 0 or a
 *  negative errno. */
int cal_stats_create(int id, uint64_t tsc_hz);
/** Unmap it; the file goes with the instance's folder. */
void cal_stats_destroy(void);
/** The blocks of the segment that was created. Before cal_stats_create() and in unit tests these
 *  are private memory of the same layout, so that writers need no check. */
struct cal_stats_reactor *cal_stats_reactor(uint32_t slot);
struct cal_stats_memory *cal_stats_memory(void);
struct cal_stats_links *cal_stats_links(void);
/** A descriptor of the segment opened O_RDONLY, to be granted to a secondary (owned by the
 *  segment, do not close), or -ENOENT. */
int cal_stats_fd(void);

/* --- readers, in any process ------------------------------------------------------------------ */

struct cal_stats_view {
	const struct cal_stats_header *header;
	const struct cal_stats_reactor *reactors;
	const struct cal_stats_memory *memory;
	const struct cal_stats_links *links;
	size_t size;
};

/** Map instance `id`'s segment read-only and check its header. Returns 0, -ENOENT, -EPROTO (another
 *  version or damaged), or another negative errno. */
int cal_stats_open(int id, struct cal_stats_view *view);
/** The same over a descriptor, such as one that the gate granted. It stays the caller's and may be
 *  closed at once. */
int cal_stats_open_fd(int fd, struct cal_stats_view *view);
void cal_stats_close(struct cal_stats_view *view);
/** Find a metric by name, NULL if there is none. */
const struct cal_stats_metric *cal_stats_find(const struct cal_stats_view *view, const char *name);
/** Value `index` of a metric, 0 when the index is out of range. */
uint64_t cal_stats_value(const struct cal_stats_view *view, const struct cal_stats_metric *metric,
                         uint32_t index);

#ifdef __cplusplus
}
#endif
#endif
