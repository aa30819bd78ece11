/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "spdk/log.h"

/* Seconds come from the monotonic clock: this room knows nothing of the environment's ticks. */
struct spdk_deprecation {
	char *tag;
	char *description;
	char *remove_release;
	uint32_t interval_s;
	int64_t last_said_s;
	uint64_t hits;
	uint64_t deferred; /* hits since then that were not told */
	TAILQ_ENTRY(spdk_deprecation) link;
};

static TAILQ_HEAD(, spdk_deprecation) g_deprecations = TAILQ_HEAD_INITIALIZER(g_deprecations);

int
spdk_log_deprecation_register(const char *tag, const char *description, const char *remove_release,
                              uint32_t rate_limit_seconds, struct spdk_deprecation **reg)
{
	struct spdk_deprecation *dep;

	if (tag == NULL || description == NULL || remove_release == NULL || reg == NULL) {
		return -EINVAL;
	}
	dep = calloc(1, sizeof(*dep));
	if (dep == NULL) {
		return -ENOMEM;
	}
	dep->tag = strdup(tag);
	dep->description = strdup(description);
	dep->remove_release = strdup(remove_release);
	dep->interval_s = rate_limit_seconds;
	dep->last_said_s = INT64_MIN / 2;
	if (dep->tag == NULL || dep->description == NULL || dep->remove_release == NULL) {
		free(dep->tag);
		free(dep->description);
		free(dep->remove_release);
		free(dep);
		return -ENOMEM;
	}
	TAILQ_INSERT_TAIL(&g_deprecations, dep, link);
	*reg = dep;
	return 0;
}

/* Whether it is time for a line, and of several threads that come at once this is the one. */
static bool
may_say(struct spdk_deprecation *dep)
{
	struct timespec now;
	int64_t last = __atomic_load_n(&dep->last_said_s, __ATOMIC_RELAXED);

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (dep->interval_s != 0 && now.tv_sec < last + (int64_t)dep->interval_s) {
		return false;
	}
	return __atomic_compare_exchange_n(&dep->last_said_s, &last, (int64_t)now.tv_sec, false,
	                                   __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

void
spdk_log_deprecated(struct spdk_deprecation *dep, const char *file, uint32_t line, const char *func)
{
	uint64_t hits, deferred;

	if (dep == NULL) {
		return;
	}
	hits = __atomic_add_fetch(&dep->hits, 1, __ATOMIC_RELAXED);
	if (!may_say(dep)) {
		__atomic_add_fetch(&dep->deferred, 1, __ATOMIC_RELAXED);
		return;
	}
	spdk_log(SPDK_LOG_WARN, file, (int)line, func,
	         "%s: deprecated feature %s to be removed in %s, used %" PRIu64 " times\n",
	         dep->tag, dep->description, dep->remove_release, hits);
	deferred = __atomic_exchange_n(&dep->deferred, 0, __ATOMIC_RELAXED);
	if (deferred != 0) {
		SPDK_WARNLOG("%s: %" PRIu64 " uses before this one were not told\n", dep->tag,
		             deferred);
	}
}

int
spdk_log_for_each_deprecation(void *ctx, spdk_log_for_each_deprecation_fn fn)
{
	struct spdk_deprecation *dep;
	int rc = 0;

	TAILQ_FOREACH (dep, &g_deprecations, link) {
		rc = fn(ctx, dep);
		if (rc != 0) {
			break;
		}
	}
	return rc;
}

const char *
spdk_deprecation_get_tag(const struct spdk_deprecation *deprecation)
{
	return deprecation->tag;
}

const char *
spdk_deprecation_get_description(const struct spdk_deprecation *deprecation)
{
	return deprecation->description;
}

const char *
spdk_deprecation_get_remove_release(const struct spdk_deprecation *deprecation)
{
	return deprecation->remove_release;
}

uint64_t
spdk_deprecation_get_hits(const struct spdk_deprecation *deprecation)
{
	return __atomic_load_n(&deprecation->hits, __ATOMIC_RELAXED);
}
