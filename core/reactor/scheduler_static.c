/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* static: threads stay where they were placed, in turn. When another scheduler was used before,
 * each goes back to where it was first; options may say where else. */

#include "core/reactor/scheduler_internal.h"

#include "core/reactor/reactor_internal.h"
#include "spdk/json.h"
#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/util.h"

struct mapping {
	uint64_t thread_id;
	uint32_t lcore;
};

/* What the next round does, and only that one. On the scheduling reactor. */
static bool g_restore;
static struct mapping *g_mappings;
static size_t g_num_mappings;

static int
static_init(void)
{
	g_restore = spdk_scheduler_get() != NULL;
	/* Nothing to look at again and again. */
	spdk_scheduler_set_period(0);
	return 0;
}

static void
static_deinit(void)
{
	g_restore = false;
	free(g_mappings);
	g_mappings = NULL;
	g_num_mappings = 0;
}

static uint32_t
static_lcore(const struct spdk_scheduler_core_info *core, uint32_t index)
{
	const struct spdk_scheduler_thread_info *info = &core->thread_infos[index];
	const struct scheduler_facts *facts = scheduler_facts(core, index);
	size_t i;

	for (i = 0; i < g_num_mappings; i++) {
		if (g_mappings[i].thread_id == info->thread_id) {
			return g_mappings[i].lcore;
		}
	}
	return g_restore && facts != NULL ? facts->first_lcore : info->lcore;
}

static void
static_balance(struct spdk_scheduler_core_info *core_info, uint32_t count)
{
	uint32_t c, i;

	for (c = 0; c < count; c++) {
		/* Nobody puts cores to sleep any more; those that were started so remain. */
		if (!spdk_interrupt_mode_is_enabled()) {
			core_info[c].interrupt_mode = false;
		}
		for (i = 0; i < core_info[c].threads_count; i++) {
			core_info[c].thread_infos[i].lcore = static_lcore(&core_info[c], i);
		}
	}
	static_deinit();
}

/* "ID:CORE,ID:CORE". Returns how many, or a negative errno. */
static int
mappings_parse(const char *text, struct mapping **out)
{
	struct mapping *list = NULL, *more;
	unsigned long long id;
	unsigned long core;
	int n = 0;
	char *end;

	for (;; text = end + 1) {
		errno = 0;
		id = strtoull(text, &end, 10);
		if (errno != 0 || end == text || !isdigit((unsigned char)*text) || *end != ':') {
			break;
		}
		text = end + 1;
		core = strtoul(text, &end, 10);
		if (errno != 0 || end == text || !isdigit((unsigned char)*text) ||
		    (*end != ',' && *end != '\0') || core >= SPDK_CPUSET_SIZE ||
		    reactor_get((uint32_t)core) == NULL) {
			break;
		}
		more = realloc(list, (size_t)(n + 1) * sizeof(*list));
		if (more == NULL) {
			free(list);
			return -ENOMEM;
		}
		list = more;
		list[n++] = (struct mapping){ .thread_id = id, .lcore = (uint32_t)core };
		if (*end == '\0') {
			*out = list;
			return n;
		}
	}
	free(list);
	return -EINVAL;
}

static const struct spdk_json_object_decoder static_decoders[] = {
	{ "mappings", 0, spdk_json_decode_string, true },
};

static int
static_set_opts(const struct spdk_json_val *opts)
{
	struct mapping *list = NULL;
	char *text = NULL;
	int rc;

	if (opts == NULL) {
		return 0;
	}
	if (spdk_json_decode_object_relaxed(opts, static_decoders, SPDK_COUNTOF(static_decoders),
	                                    &text) != 0) {
		free(text);
		return -EINVAL;
	}
	if (text == NULL) {
		return 0;
	}
	rc = mappings_parse(text, &list);
	if (rc < 0) {
		SPDK_ERRLOG("mappings \"%s\" are not a list of THREAD_ID:CORE with cores of ours\n",
		            text);
		free(text);
		return rc;
	}
	free(text);
	free(g_mappings);
	g_mappings = list;
	g_num_mappings = (size_t)rc;
	scheduler_rearm(true);
	return 0;
}

struct spdk_scheduler scheduler_static = {
	.name = "static",
	.init = static_init,
	.deinit = static_deinit,
	.balance = static_balance,
	.set_opts = static_set_opts,
};
SPDK_SCHEDULER_REGISTER(scheduler_static)
