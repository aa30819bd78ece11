/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "services/mond/trace.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "poller.skel.h"
#include "services/mond/sdt.h"
#include "services/probes/poller.h"

#define BPFFS       "/sys/fs/bpf"
#define MAX_SITES   16
#define PATH_LEN    256
#define PIN_POLLERS "cal_pollers"
#define PIN_CLOCK   "cal_clock"
#define PIN_LINK    "cal_poller_run"

/* $CALANDRIA_BPFFS: for tests, and for machines that mount it elsewhere. */
static const char *
bpffs(void)
{
	const char *dir = getenv("CALANDRIA_BPFFS");

	return dir != NULL && dir[0] != '\0' ? dir : BPFFS;
}

static void
pin_path(char *path, int instance, const char *name)
{
	snprintf(path, PATH_LEN, "%s/calandria/%d%s%s", bpffs(), instance,
	         name[0] != '\0' ? "/" : "", name);
}

__attribute__((format(printf, 4, 5))) static int
fail(int rc, char *err, size_t err_size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(err, err_size, format, args);
	va_end(args);
	return rc;
}

static int
check_bpffs(char *err, size_t err_size)
{
	struct statfs fs;

	if (statfs(bpffs(), &fs) != 0 || fs.f_type != BPF_FS_MAGIC) {
		return fail(
			-ENODEV, err, err_size,
			"no BPF file system is mounted at %s, so a trace has nowhere to be pinned: "
			"run 'scripts/setup.sh config' as root",
			bpffs());
	}
	return 0;
}

static int
open_pinned(int instance, const char *name)
{
	char path[PATH_LEN];

	pin_path(path, instance, name);
	return bpf_obj_get(path);
}

static int
read_clock(int instance, struct poller_clock *clock)
{
	int fd = open_pinned(instance, PIN_CLOCK), rc;
	uint32_t zero = 0;

	if (fd < 0) {
		return -ENOENT;
	}
	rc = bpf_map_lookup_elem(fd, &zero, clock);
	close(fd);
	return rc;
}

/* Pins of a dead primary's: its probes fire no more, or, worse, the kernel attached them to a file
 * that a new primary runs too. */
static bool
pins_are_of(const struct trace_target *target)
{
	struct poller_clock clock;

	return read_clock(target->instance, &clock) == 0 &&
	       clock.primary_pid == (uint32_t)target->pid && clock.started_ns == target->started_ns;
}

static int
remove_pins(int instance)
{
	char path[PATH_LEN];
	int i, removed = 0;

	for (i = 0; i < MAX_SITES; i++) {
		char name[32];

		snprintf(name, sizeof(name), PIN_LINK "_%d", i);
		pin_path(path, instance, name);
		removed += unlink(path) == 0;
	}
	pin_path(path, instance, PIN_POLLERS);
	removed += unlink(path) == 0;
	pin_path(path, instance, PIN_CLOCK);
	removed += unlink(path) == 0;
	pin_path(path, instance, "");
	rmdir(path);
	/* The folder above is shared by all instances: the last one out removes it. */
	snprintf(path, sizeof(path), "%s/calandria", bpffs());
	rmdir(path);
	return removed;
}

void
trace_drop_stale(const struct trace_target *target)
{
	if (!pins_are_of(target)) {
		remove_pins(target->instance);
	}
}

void
trace_drop(const struct trace_target *target)
{
	if (pins_are_of(target)) {
		remove_pins(target->instance);
	}
}

static int
make_folder(int instance)
{
	char path[PATH_LEN];

	snprintf(path, sizeof(path), "%s/calandria", bpffs());
	if (mkdir(path, 0700) != 0 && errno != EEXIST) {
		return -errno;
	}
	pin_path(path, instance, "");
	if (mkdir(path, 0700) != 0 && errno != EEXIST) {
		return -errno;
	}
	return 0;
}

static int
attach_sites(struct poller *skel, const struct trace_target *target, const char *exe,
             const struct sdt_site *sites, int count)
{
	int i, rc;

	for (i = 0; i < count; i++) {
		struct bpf_uprobe_opts opts = {
			.sz = sizeof(opts),
			.ref_ctr_offset = sites[i].semaphore,
		};
		char path[PATH_LEN], name[32];
		struct bpf_link *link;

		link = bpf_program__attach_uprobe_opts(skel->progs.cal_poller_run, target->pid, exe,
		                                       sites[i].offset, &opts);
		if (link == NULL) {
			return -errno;
		}
		snprintf(name, sizeof(name), PIN_LINK "_%d", i);
		pin_path(path, target->instance, name);
		rc = bpf_link__pin(link, path);
		/* A pinned link lives on without its descriptor, an unpinned one ends with it. */
		bpf_link__destroy(link);
		if (rc != 0) {
			return rc;
		}
	}
	return 0;
}

static int
set_clock(struct poller *skel, const struct trace_target *target, uint32_t min_us, uint32_t sample)
{
	struct poller_clock clock = {
		.ns_per_tick_shifted =
			(unsigned long long)(((__uint128_t)1000000000u << 24) / target->tsc_hz),
		.started_ns = target->started_ns,
		.primary_pid = (uint32_t)target->pid,
		.min_us = min_us,
		.sample = sample,
	};
	uint32_t zero = 0;

	return bpf_map__update_elem(skel->maps.cal_clock, &zero, sizeof(zero), &clock,
	                            sizeof(clock), BPF_ANY);
}

int
trace_start(const struct trace_target *target, uint32_t min_us, uint32_t sample, char *err,
            size_t err_size)
{
	struct sdt_site sites[MAX_SITES];
	char exe[64], path[PATH_LEN];
	struct poller *skel;
	int count, rc;

	rc = check_bpffs(err, err_size);
	if (rc != 0) {
		return rc;
	}
	if (pins_are_of(target)) {
		return 1;
	}
	remove_pins(target->instance);

	snprintf(exe, sizeof(exe), "/proc/self/fd/%d", target->exe_fd);
	count = sdt_find(exe, "calandria", "poller_run", sites, MAX_SITES);
	if (count < 0) {
		return fail(count, err, err_size,
		            "the primary's program has no probe calandria:poller_run (%s): is it "
		            "linked "
		            "with this version of the library?",
		            strerror(-count));
	}
	skel = poller__open_and_load();
	if (skel == NULL) {
		rc = -errno;
		return fail(rc, err, err_size,
		            "the kernel refuses the BPF program (%s): tracing needs CAP_BPF and "
		            "CAP_PERFMON (or root) and a kernel with BTF",
		            strerror(-rc));
	}
	rc = make_folder(target->instance);
	if (rc == 0) {
		rc = set_clock(skel, target, min_us, sample);
	}
	if (rc == 0) {
		pin_path(path, target->instance, PIN_CLOCK);
		rc = bpf_map__pin(skel->maps.cal_clock, path);
	}
	if (rc == 0) {
		pin_path(path, target->instance, PIN_POLLERS);
		rc = bpf_map__pin(skel->maps.cal_pollers, path);
	}
	if (rc == 0) {
		rc = attach_sites(skel, target, exe, sites, count);
	}
	poller__destroy(skel);
	if (rc != 0) {
		remove_pins(target->instance);
		return fail(rc, err, err_size,
		            "the poller probe cannot be attached to process %d: %s",
		            (int)target->pid, strerror(-rc));
	}
	return 0;
}

int
trace_stop(int instance, char *err, size_t err_size)
{
	int rc = check_bpffs(err, err_size);

	if (rc != 0) {
		return rc;
	}
	if (remove_pins(instance) == 0) {
		return fail(-ENOENT, err, err_size, "nothing is being traced");
	}
	return 0;
}

/* --- show ------------------------------------------------------------------------------------- */

struct row {
	struct poller_key key;
	struct poller_stat stat;
};

static int
by_total_time(const void *a, const void *b)
{
	const struct row *ra = a, *rb = b;

	return (ra->stat.total_ns < rb->stat.total_ns) - (ra->stat.total_ns > rb->stat.total_ns);
}

/* The value below which `share` of the runs were: linear within the power of two that holds it. */
static double
percentile(const struct poller_stat *stat, double share)
{
	double want = share * (double)stat->count, seen = 0;
	int i;

	for (i = 0; i < POLLER_SLOTS; i++) {
		double here = (double)stat->ns_log2[i];

		if (here > 0 && seen + here >= want) {
			double low = i == 0 ? 0 : (double)(1ull << i),
			       high = (double)(1ull << (i + 1));
			double value = low + (high - low) * (want - seen) / here;

			return value < (double)stat->max_ns ? value : (double)stat->max_ns;
		}
		seen += here;
	}
	return (double)stat->max_ns;
}

static void
put_row(struct codec_buf *out, const struct row *row)
{
	int i, last = -1;

	codec_put_map(out, 10);
	codec_put_cstr(out, "thread");
	codec_put_str(out, row->stat.thread, strnlen(row->stat.thread, POLLER_NAME_LEN));
	codec_put_cstr(out, "name");
	codec_put_str(out, row->stat.poller, strnlen(row->stat.poller, POLLER_NAME_LEN));
	codec_put_cstr(out, "thread_id");
	codec_put_uint(out, row->key.thread_id);
	codec_put_cstr(out, "poller_id");
	codec_put_uint(out, row->key.poller_id);
	codec_put_cstr(out, "count");
	codec_put_uint(out, row->stat.count);
	codec_put_cstr(out, "total_ns");
	codec_put_uint(out, row->stat.total_ns);
	codec_put_cstr(out, "p50_ns");
	codec_put_uint(out, (uint64_t)percentile(&row->stat, 0.50));
	codec_put_cstr(out, "p99_ns");
	codec_put_uint(out, (uint64_t)percentile(&row->stat, 0.99));
	codec_put_cstr(out, "max_ns");
	codec_put_uint(out, row->stat.max_ns);
	codec_put_cstr(out, "ns_log2");
	for (i = 0; i < POLLER_SLOTS; i++) {
		last = row->stat.ns_log2[i] != 0 ? i : last;
	}
	codec_put_array(out, (uint32_t)(last + 1));
	for (i = 0; i <= last; i++) {
		codec_put_uint(out, row->stat.ns_log2[i]);
	}
}

int
trace_show(const struct trace_target *target, struct codec_buf *out, char *err, size_t err_size)
{
	size_t count = 0, room = 0, i;
	struct row *rows = NULL;
	struct poller_key key, *prev = NULL;
	int fd;

	if (!pins_are_of(target)) {
		return fail(-ENOENT, err, err_size,
		            "pollers are not being traced: 'calctl trace start pollers' does it");
	}
	fd = open_pinned(target->instance, PIN_POLLERS);
	if (fd < 0) {
		return fail(-ENOENT, err, err_size, "the trace's map is gone: start it again");
	}
	while (bpf_map_get_next_key(fd, prev, &key) == 0) {
		if (count == room) {
			struct row *more;

			room = room != 0 ? room * 2 : 64;
			more = realloc(rows, room * sizeof(*rows));
			if (more == NULL) {
				free(rows);
				close(fd);
				return fail(-ENOMEM, err, err_size, "out of memory");
			}
			rows = more;
		}
		rows[count].key = key;
		if (bpf_map_lookup_elem(fd, &key, &rows[count].stat) == 0) {
			count++;
		}
		prev = &key;
	}
	close(fd);
	if (count > 0) {
		qsort(rows, count, sizeof(*rows), by_total_time);
	}
	codec_put_array(out, (uint32_t)count);
	for (i = 0; i < count; i++) {
		put_row(out, &rows[i]);
	}
	free(rows);
	return 0;
}
