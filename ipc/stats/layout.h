/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The segment as this version of the primary writes it. Readers do not use this: they go by the
 * offsets in the header. */

#ifndef CAL_IPC_STATS_LAYOUT_H
#define CAL_IPC_STATS_LAYOUT_H

#include "calandria/stats.h"

#define STATS_NUM_METRICS 23

struct stats_segment {
	struct cal_stats_header header;
	struct cal_stats_metric metrics[STATS_NUM_METRICS];
	struct cal_stats_reactor reactors[CAL_STATS_MAX_REACTORS];
	struct cal_stats_memory memory;
	struct cal_stats_links links;
};
static_assert(sizeof(struct cal_stats_metric) == 64, "shared layout");
static_assert(sizeof(struct stats_segment) <= 5 * 4096ul, "the segment is five pages");

/** Fill in the header and the table of metrics; the values are left as they are. */
void stats_layout_describe(struct stats_segment *segment, uint64_t tsc_hz);

#endif
