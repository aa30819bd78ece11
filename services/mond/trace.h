/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Tracing with BPF: loads the poller probe's program, attaches it to the primary, pins its maps and
 * links below /sys/fs/bpf/calandria/<id>/. What is pinned goes on counting without us; whoever
 * comes next finds it there. All functions are for the monitor's main thread; each says in `err`,
 * in one sentence, what is wrong and what to do. */

#ifndef CAL_MOND_TRACE_H
#define CAL_MOND_TRACE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ipc/codec/codec.h"

struct trace_target {
	int instance;
	pid_t pid;           /* of the primary */
	int exe_fd;          /* of its program; negative: it could not be opened */
	uint64_t started_ns; /* of the primary, from its state file */
	uint64_t tsc_hz;
};

/** Start tracing pollers, or leave a trace that runs as it is. Returns 0, 1 if it ran already,
 *  -ENODEV without a BPF file system, -EPERM, -ENOENT when the primary has no such probe, … */
int trace_start(const struct trace_target *target, uint32_t min_us, uint32_t sample, char *err,
                size_t err_size);

/** Write what has been counted as an array of maps, the longest total time first. Returns 0 or
 *  -ENOENT when nothing is being traced. */
int trace_show(const struct trace_target *target, struct codec_buf *out, char *err,
               size_t err_size);

/** Remove the pins: the kernel detaches the probes. Returns 0, or -ENOENT when there are none. */
int trace_stop(int instance, char *err, size_t err_size);

/** The primary ends, or has died: remove its pins, and no next one's. */
void trace_drop(const struct trace_target *target);

/** Remove pins of this instance id that belong to another, dead primary. */
void trace_drop_stale(const struct trace_target *target);

#endif
