// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, the Calandria authors

/* calandria:poller_run (thread id, poller id, thread name, poller name, function, ticks): a
 * histogram of run times for each poller. The primary decides which runs are worth a probe
 * (threshold, every N-th) and measures them itself, so this costs one trap per chosen run. */

#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>

#include "poller.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, struct poller_key);
	__type(value, struct poller_stat);
} cal_pollers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, unsigned int);
	__type(value, struct poller_clock);
} cal_clock SEC(".maps");

/* Too large for the 512 bytes of a BPF stack. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, unsigned int);
	__type(value, struct poller_stat);
} cal_scratch SEC(".maps");

static __always_inline unsigned int
log2_slot(unsigned long long v)
{
	unsigned int slot = 0;

	if (v >= 1ull << 32) {
		v >>= 32;
		slot += 32;
	}
	if (v >= 1u << 16) {
		v >>= 16;
		slot += 16;
	}
	if (v >= 1u << 8) {
		v >>= 8;
		slot += 8;
	}
	if (v >= 1u << 4) {
		v >>= 4;
		slot += 4;
	}
	if (v >= 1u << 2) {
		v >>= 2;
		slot += 2;
	}
	if (v >= 1u << 1) {
		slot += 1;
	}
	return slot < POLLER_SLOTS ? slot : POLLER_SLOTS - 1;
}

SEC("uprobe")
int
cal_poller_run(struct pt_regs *ctx)
{
	struct poller_key key = { .thread_id = ctx->rdi, .poller_id = ctx->rsi };
	unsigned int zero = 0, slot;
	struct poller_clock *clock = bpf_map_lookup_elem(&cal_clock, &zero);
	struct poller_stat *stat = bpf_map_lookup_elem(&cal_pollers, &key);
	unsigned long long ns;

	if (clock == 0) {
		return 0;
	}
	if (stat == 0) {
		stat = bpf_map_lookup_elem(&cal_scratch, &zero);
		if (stat == 0) {
			return 0;
		}
		/* The scratch element is only ever given names and function: its counters stay 0.
		 * What a longer name left behind must not show in a dump. */
		__builtin_memset(stat->thread, 0, sizeof(stat->thread));
		__builtin_memset(stat->poller, 0, sizeof(stat->poller));
		bpf_probe_read_user_str(stat->thread, sizeof(stat->thread), (void *)ctx->rdx);
		bpf_probe_read_user_str(stat->poller, sizeof(stat->poller), (void *)ctx->rcx);
		stat->fn = ctx->r8;
		bpf_map_update_elem(&cal_pollers, &key, stat, BPF_NOEXIST);
		stat = bpf_map_lookup_elem(&cal_pollers, &key);
		if (stat == 0) {
			return 0;
		}
	}
	ns = (ctx->r9 * clock->ns_per_tick_shifted) >> 24;
	slot = log2_slot(ns);
	/* A poller runs on one reactor at a time: nobody else writes this element. */
	stat->count++;
	stat->total_ns += ns;
	if (ns > stat->max_ns) {
		stat->max_ns = ns;
	}
	stat->ns_log2[slot]++;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
