/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* dynamic: few cores for what is to be done, the others asleep. Where threads go is decided in
 * scheduler_plan.c; here its picture is drawn from what was measured, and the answer given back. */

#include "core/reactor/scheduler_internal.h"
#include "core/reactor/scheduler_plan.h"

#include "spdk/json.h"
#include "spdk/log.h"
#include "spdk/util.h"

#define GOVERNOR "dpdk_governor"

struct dynamic_opts {
	uint8_t load_limit; /* percent, all three */
	uint8_t core_limit;
	uint8_t core_busy;
};

/* On the scheduling reactor. Options outlive a change of the scheduler and back. */
static struct {
	struct dynamic_opts opts;
	bool first; /* what is measured reaches back to times before */
	bool said_no_governor;
	struct plan_core *cores;
	uint32_t room_cores;
	struct plan_thread *threads;
	uint32_t room_threads;
} g_dynamic = {
	.opts = { .load_limit = 20, .core_limit = 80, .core_busy = 95 },
};

static int
dynamic_init(void)
{
	if (spdk_scheduler_get_period() == 0) {
		spdk_scheduler_set_period(SCHEDULER_DEFAULT_PERIOD_US);
	}
	g_dynamic.first = true;
	/* Nothing depends on it. */
	if (spdk_governor_set(GOVERNOR) != 0 && !g_dynamic.said_no_governor) {
		g_dynamic.said_no_governor = true;
		SPDK_NOTICELOG("the dynamic scheduler leaves the cores' frequencies alone: "
		               "governor " GOVERNOR " cannot be used\n");
	}
	return 0;
}

static void
dynamic_deinit(void)
{
	spdk_governor_set(NULL);
	free(g_dynamic.cores);
	free(g_dynamic.threads);
	g_dynamic.cores = NULL;
	g_dynamic.threads = NULL;
	g_dynamic.room_cores = g_dynamic.room_threads = 0;
}

/* --- from what was measured to a plan --------------------------------------------------------- */

static int
make_room(uint32_t cores, uint32_t threads)
{
	void *list;

	if (cores > g_dynamic.room_cores) {
		list = realloc(g_dynamic.cores, cores * sizeof(*g_dynamic.cores));
		if (list == NULL) {
			return -ENOMEM;
		}
		g_dynamic.cores = list;
		g_dynamic.room_cores = cores;
	}
	if (threads > g_dynamic.room_threads) {
		list = realloc(g_dynamic.threads, threads * sizeof(*g_dynamic.threads));
		if (list == NULL) {
			return -ENOMEM;
		}
		g_dynamic.threads = list;
		g_dynamic.room_threads = threads;
	}
	return 0;
}

/* How long it was measured: the cores tell nearly the same, unless they slept. */
static uint64_t
measured_ticks(const struct spdk_scheduler_core_info *info, uint32_t count)
{
	uint64_t ticks, most = 0;
	uint32_t c;

	for (c = 0; c < count; c++) {
		ticks = info[c].current_busy_tsc + info[c].current_idle_tsc;
		most = spdk_max(most, ticks);
	}
	return most;
}

static uint32_t
load_of(uint64_t busy, uint64_t ticks)
{
	/* Since the start of a server: more than fits 64 bits when multiplied. */
	return busy >= ticks ? PLAN_CORE : (uint32_t)((double)busy * PLAN_CORE / (double)ticks);
}

static void
fill_core(struct plan *plan, uint32_t index, const struct spdk_scheduler_core_info *info,
          uint64_t ticks)
{
	static const struct spdk_cpuset anywhere = { .cpus = { [0 ... SPDK_CPUSET_SIZE / 8 - 1] =
		                                                       0xff } };
	struct plan_core *core = &plan->cores[index];
	const struct scheduler_facts *facts;
	uint64_t of_threads = 0;
	uint32_t i;

	for (i = 0; i < info->threads_count; i++) {
		facts = scheduler_facts(info, i);
		plan->threads[plan->num_threads++] = (struct plan_thread){
			.id = info->thread_infos[i].thread_id,
			.core = index,
			.load = load_of(info->thread_infos[i].current_stats.busy_tsc, ticks),
			.bound = facts != NULL && facts->bound,
			.mask = facts != NULL ? &facts->cpumask : &anywhere,
		};
		of_threads += info->thread_infos[i].current_stats.busy_tsc;
	}
	*core = (struct plan_core){ .lcore = info->lcore, .isolated = info->isolated };
	/* Events, and threads that are ending. In the first round also all that have ended or gone
	 * elsewhere, ever. */
	if (!g_dynamic.first && info->current_busy_tsc > of_threads) {
		core->base = load_of(info->current_busy_tsc - of_threads, ticks);
	}
}

/* --- and back --------------------------------------------------------------------------------- */

static void
write_back(const struct plan *plan, struct spdk_scheduler_core_info *info)
{
	uint32_t c, i, n = 0;

	for (c = 0; c < plan->num_cores; c++) {
		for (i = 0; i < info[c].threads_count; i++) {
			info[c].thread_infos[i].lcore = plan->cores[plan->threads[n++].core].lcore;
		}
		/* Who started the reactors in interrupt mode wants them there. */
		if (!info[c].isolated && !spdk_interrupt_mode_is_enabled()) {
			info[c].interrupt_mode = c != plan->home && plan->cores[c].threads == 0;
		}
	}
}

/* The scheduling core's frequency follows its load while it has all the work; the others' stays. */
static void
set_frequency(const struct plan *plan)
{
	struct spdk_governor *governor = spdk_governor_get();
	const struct plan_core *home = &plan->cores[plan->home];
	bool active_here = false;
	uint32_t i;
	int rc;

	if (governor == NULL) {
		return;
	}
	for (i = 0; i < plan->num_threads; i++) {
		if (plan->threads[i].active && plan->threads[i].core != plan->home) {
			rc = governor->set_core_freq_max(home->lcore);
			goto done;
		}
		active_here |= plan->threads[i].active;
	}
	if (home->load > PLAN_CORE / 2) {
		rc = governor->core_freq_up(home->lcore);
	} else {
		rc = active_here ? 0 : governor->core_freq_down(home->lcore);
	}
done:
	if (rc < 0) {
		SPDK_ERRLOG("governor %s cannot set the frequency of core %u: %d\n", governor->name,
		            home->lcore, rc);
	}
}

static void
dynamic_balance(struct spdk_scheduler_core_info *core_info, uint32_t count)
{
	const struct dynamic_opts *opts = &g_dynamic.opts;
	uint32_t home = spdk_scheduler_get_scheduling_lcore();
	uint64_t ticks = measured_ticks(core_info, count);
	uint32_t c, threads = 0;
	struct plan plan;

	for (c = 0; c < count; c++) {
		threads += core_info[c].threads_count;
	}
	if (ticks == 0) {
		return;
	}
	if (make_room(count, threads) != 0) {
		SPDK_ERRLOG("no memory to schedule %u threads: they stay where they are\n",
		            threads);
		return;
	}
	plan = (struct plan){
		.cores = g_dynamic.cores,
		.num_cores = count,
		.threads = g_dynamic.threads,
		.home = UINT32_MAX,
		.limits = { .load = opts->load_limit * (PLAN_CORE / 100),
		            .core = opts->core_limit * (PLAN_CORE / 100),
		            .busy = opts->core_busy * (PLAN_CORE / 100) },
	};
	for (c = 0; c < count; c++) {
		fill_core(&plan, c, &core_info[c], ticks);
		if (core_info[c].lcore == home) {
			plan.home = c;
		}
	}
	if (plan.home == UINT32_MAX) {
		return;
	}
	plan_make(&plan);
	g_dynamic.first = false;
	write_back(&plan, core_info);
	set_frequency(&plan);
}

/* --- options ---------------------------------------------------------------------------------- */

static const struct spdk_json_object_decoder dynamic_decoders[] = {
	{ "load_limit", offsetof(struct dynamic_opts, load_limit), spdk_json_decode_uint8, true },
	{ "core_limit", offsetof(struct dynamic_opts, core_limit), spdk_json_decode_uint8, true },
	{ "core_busy", offsetof(struct dynamic_opts, core_busy), spdk_json_decode_uint8, true },
};

static int
dynamic_set_opts(const struct spdk_json_val *val)
{
	struct dynamic_opts opts = g_dynamic.opts;

	if (val == NULL) {
		return 0;
	}
	if (spdk_json_decode_object_relaxed(val, dynamic_decoders, SPDK_COUNTOF(dynamic_decoders),
	                                    &opts) != 0) {
		return -EINVAL;
	}
	if (opts.load_limit > 100 || opts.core_limit > 100 || opts.core_busy > 100) {
		SPDK_ERRLOG("load_limit (%u), core_limit (%u) and core_busy (%u) are percentages: "
		            "0 to 100\n",
		            opts.load_limit, opts.core_limit, opts.core_busy);
		return -EINVAL;
	}
	g_dynamic.opts = opts;
	scheduler_rearm(true);
	return 0;
}

static void
dynamic_get_opts(struct spdk_json_write_ctx *w)
{
	spdk_json_write_named_uint8(w, "load_limit", g_dynamic.opts.load_limit);
	spdk_json_write_named_uint8(w, "core_limit", g_dynamic.opts.core_limit);
	spdk_json_write_named_uint8(w, "core_busy", g_dynamic.opts.core_busy);
}

struct spdk_scheduler scheduler_dynamic = {
	.name = "dynamic",
	.init = dynamic_init,
	.deinit = dynamic_deinit,
	.balance = dynamic_balance,
	.set_opts = dynamic_set_opts,
	.get_opts = dynamic_get_opts,
};
SPDK_SCHEDULER_REGISTER(scheduler_dynamic)
