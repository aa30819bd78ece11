/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "ipc/stats/layout.h"

#include <string.h>

struct field {
	const char *name;
	uint8_t type;
	uint8_t unit;
	uint16_t width;
	uint32_t offset; /* within its block */
};

#define FIELD(block_, struct_, name_, type_, unit_)                                           \
	{                                                                                     \
		block_ "." #name_, CAL_STATS_##type_, CAL_STATS_##unit_,                      \
			sizeof(((struct struct_ *)0)->name_), offsetof(struct struct_, name_) \
	}

#define REACTOR(name_, type_, unit_) FIELD("reactor", cal_stats_reactor, name_, type_, unit_)
static const struct field g_reactor_fields[] = {
	REACTOR(running_fn, ID, NONE),
	REACTOR(running_what, ID, NONE),
	REACTOR(running_poller, ID, NONE),
	REACTOR(running_thread, ID, NONE),
	REACTOR(heartbeat_tsc, TIMESTAMP, TICKS),
	REACTOR(iterations, COUNTER, COUNT),
	REACTOR(busy_tsc, COUNTER, TICKS),
	REACTOR(idle_tsc, COUNTER, TICKS),
	REACTOR(threads, GAUGE, COUNT),
	REACTOR(in_interrupt, GAUGE, NONE),
	REACTOR(lcore, ID, NONE),
	REACTOR(tid, ID, NONE),
	REACTOR(in_use, GAUGE, NONE),
	REACTOR(message_depth, GAUGE, COUNT),
	REACTOR(events, COUNTER, COUNT),
	REACTOR(messages, COUNTER, COUNT),
};

#define MEMORY(name_, type_, unit_) FIELD("memory", cal_stats_memory, name_, type_, unit_)
static const struct field g_memory_fields[] = {
	MEMORY(heap_bytes, GAUGE, BYTES),
	MEMORY(heap_used_bytes, GAUGE, BYTES),
	MEMORY(heap_allocs, GAUGE, COUNT),
};

#define LINKS(name_, type_, unit_) FIELD("links", cal_stats_links, name_, type_, unit_)
static const struct field g_links_fields[] = {
	LINKS(granted, COUNTER, COUNT),
	LINKS(ended, COUNTER, COUNT),
	LINKS(closed_for_fault, COUNTER, COUNT),
	LINKS(requests, COUNTER, COUNT),
};

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))
static_assert(COUNT_OF(g_reactor_fields) + COUNT_OF(g_memory_fields) + COUNT_OF(g_links_fields) ==
                      STATS_NUM_METRICS,
              "the table has a place for every field");

static struct cal_stats_metric *
metrics_put(struct cal_stats_metric *metric, const struct field *fields, size_t num_fields,
            uint32_t block_offset, uint32_t stride, uint32_t count)
{
	size_t i;

	for (i = 0; i < num_fields; i++, metric++) {
		memset(metric, 0, sizeof(*metric));
		strncpy(metric->name, fields[i].name, sizeof(metric->name) - 1);
		metric->type = fields[i].type;
		metric->unit = fields[i].unit;
		metric->width = fields[i].width;
		metric->offset = block_offset + fields[i].offset;
		metric->stride = stride;
		metric->count = count;
	}
	return metric;
}

void
stats_layout_describe(struct stats_segment *segment, uint64_t tsc_hz)
{
	struct cal_stats_header *header = &segment->header;
	struct cal_stats_metric *metric = segment->metrics;

	header->version = CAL_STATS_VERSION;
	header->header_size = sizeof(*header);
	header->segment_size = sizeof(*segment);
	header->tsc_hz = tsc_hz;
	header->metrics_offset = offsetof(struct stats_segment, metrics);
	header->num_metrics = STATS_NUM_METRICS;
	header->reactors_offset = offsetof(struct stats_segment, reactors);
	header->memory_offset = offsetof(struct stats_segment, memory);
	header->links_offset = offsetof(struct stats_segment, links);

	metric = metrics_put(metric, g_reactor_fields, COUNT_OF(g_reactor_fields),
	                     header->reactors_offset, sizeof(struct cal_stats_reactor),
	                     CAL_STATS_MAX_REACTORS);
	metric = metrics_put(metric, g_memory_fields, COUNT_OF(g_memory_fields),
	                     header->memory_offset, sizeof(struct cal_stats_memory), 1);
	metrics_put(metric, g_links_fields, COUNT_OF(g_links_fields), header->links_offset,
	            sizeof(struct cal_stats_links), 1);
	header->magic = CAL_STATS_MAGIC;
}
