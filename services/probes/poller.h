/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What the poller probe's BPF program and the monitor share. The map is pinned with its BTF, so
 * these names are what `bpftool map dump pinned …` prints. */

#ifndef CAL_PROBES_POLLER_H
#define CAL_PROBES_POLLER_H

#define POLLER_NAME_LEN 32
#define POLLER_SLOTS    40 /* log2 of nanoseconds: the last one holds 2^39 ns = 9 minutes and more */

struct poller_key {
	unsigned long long thread_id;
	unsigned long long poller_id;
};

struct poller_stat {
	char thread[POLLER_NAME_LEN];
	char poller[POLLER_NAME_LEN];
	unsigned long long fn;    /* address of the poller's function in the primary */
	unsigned long long count; /* runs seen: every one over the threshold, or every N-th */
	unsigned long long total_ns;
	unsigned long long max_ns;
	unsigned long long ns_log2[POLLER_SLOTS]; /* [i]: 2^i <= ns < 2^(i+1), [0] also 0 ns */
};

/* The one element of the array map "cal_clock": what turns the probe's ticks into nanoseconds, and
 * whose ticks they are, so that pins which outlived their primary are told from live ones. */
struct poller_clock {
	unsigned long long ns_per_tick_shifted; /* ns = ticks * this >> 24 */
	unsigned long long started_ns;          /* cal_state_main.started_ns of the primary */
	unsigned int primary_pid;
	unsigned int min_us; /* as asked for at the start; what counts is in the primary */
	unsigned int sample;
	unsigned int reserved;
};

#endif
