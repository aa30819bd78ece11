/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "spdk/log.h"

static TAILQ_HEAD(, spdk_log_flag) g_log_flags = TAILQ_HEAD_INITIALIZER(g_log_flags);

static struct spdk_log_flag *
log_flag_find(const char *name)
{
	struct spdk_log_flag *flag;

	TAILQ_FOREACH (flag, &g_log_flags, tailq) {
		if (strcasecmp(name, flag->name) == 0) {
			return flag;
		}
	}
	return NULL;
}

void
spdk_log_register_flag(const char *name, struct spdk_log_flag *flag)
{
	struct spdk_log_flag *other;

	if (name == NULL || flag == NULL || log_flag_find(name) != NULL) {
		SPDK_ERRLOG("log flag %s cannot be registered: %s\n", name != NULL ? name : "NULL",
		            flag == NULL || name == NULL ? "no name or no flag"
		                                         : "there is one of that name");
		return;
	}
	TAILQ_FOREACH (other, &g_log_flags, tailq) {
		if (strcasecmp(other->name, name) > 0) {
			TAILQ_INSERT_BEFORE(other, flag, tailq);
			return;
		}
	}
	TAILQ_INSERT_TAIL(&g_log_flags, flag, tailq);
}

struct spdk_log_flag *
spdk_log_get_first_flag(void)
{
	return TAILQ_FIRST(&g_log_flags);
}

struct spdk_log_flag *
spdk_log_get_next_flag(struct spdk_log_flag *flag)
{
	return TAILQ_NEXT(flag, tailq);
}

bool
spdk_log_get_flag(const char *name)
{
	struct spdk_log_flag *flag = log_flag_find(name);

	return flag != NULL && flag->enabled;
}

static int
log_flags_switch(const char *pattern, bool on)
{
	struct spdk_log_flag *flag;
	int rc = -EINVAL;

	if (strcasecmp(pattern, "all") == 0) {
		pattern = "*";
		rc = 0;
	}
	TAILQ_FOREACH (flag, &g_log_flags, tailq) {
		if (fnmatch(pattern, flag->name, FNM_CASEFOLD) == 0) {
			flag->enabled = on;
			rc = 0;
		}
	}
	return rc;
}

int
spdk_log_set_flag(const char *flag)
{
	return log_flags_switch(flag, true);
}

int
spdk_log_clear_flag(const char *flag)
{
	return log_flags_switch(flag, false);
}

void
spdk_log_usage(FILE *f, const char *log_arg)
{
	struct spdk_log_flag *flag;
	int column;

	column = fprintf(f, " %s, --logflag <flag>    enable log flag (all", log_arg);
	TAILQ_FOREACH (flag, &g_log_flags, tailq) {
		if (column + 2 + (int)strlen(flag->name) > 98) {
			column = fprintf(f, ",\n%27s%s", "", flag->name) - 2;
		} else {
			column += fprintf(f, ", %s", flag->name);
		}
	}
	fprintf(f, ")\n");
}
