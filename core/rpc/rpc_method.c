/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "spdk/log.h"
#include "spdk/rpc.h"
#include "spdk/string.h"

#include "core/rpc/rpc_internal.h"

#define NUM_BUCKETS 256

/* What the config service needs itself, whatever --rpcs-allowed says about its file. */
static const char *const g_config_methods[] = {
	"framework_get_config", "framework_get_subsystems", "framework_start_init",
	"framework_wait_init",  "rpc_get_methods",
};

SLIST_HEAD(rpc_method_list, rpc_method);

static struct rpc_method_list g_buckets[NUM_BUCKETS];
static struct rpc_method_list g_methods = SLIST_HEAD_INITIALIZER(g_methods);
static uint32_t g_state = SPDK_RPC_STARTUP;
static bool g_mistakes;
static char **g_allowlist;

static unsigned
bucket_of(const char *name, size_t len)
{
	uint32_t hash = 2166136261u;
	size_t i;

	for (i = 0; i < len; i++) {
		hash = (hash ^ (uint8_t)name[i]) * 16777619u;
	}
	return hash % NUM_BUCKETS;
}

static struct rpc_method *
find(const char *name, size_t len)
{
	struct rpc_method *m;

	SLIST_FOREACH (m, &g_buckets[bucket_of(name, len)], bucket) {
		if (strncmp(m->name, name, len) == 0 && m->name[len] == '\0') {
			return m;
		}
	}
	return NULL;
}

/* Find it or make a place for it; roles may be set before the method is registered. */
static struct rpc_method *
obtain(const char *name)
{
	size_t len = strlen(name);
	struct rpc_method *m = find(name, len);

	if (m == NULL) {
		m = calloc(1, sizeof(*m));
		if (m == NULL) {
			SPDK_ERRLOG("No memory to register the RPC method %s\n", name);
			g_mistakes = true;
			return NULL;
		}
		m->name = name;
		m->roles = RPC_ROLES_ALL & ~RPC_ROLE(GATE_ROLE_MONITOR);
		SLIST_INSERT_HEAD(&g_buckets[bucket_of(name, len)], m, bucket);
	}
	return m;
}

static struct rpc_method *
register_name(const char *name)
{
	struct rpc_method *m = obtain(name);

	if (m == NULL) {
		return NULL;
	}
	if (m->func != NULL) {
		SPDK_ERRLOG("Two RPC methods are named %s\n", name);
		g_mistakes = true;
		return NULL;
	}
	return m;
}

void
spdk_rpc_register_method(const char *method, spdk_rpc_method_handler func, uint32_t state_mask)
{
	struct rpc_method *m = register_name(method);

	if (m == NULL) {
		return;
	}
	m->func = func;
	m->state_mask = state_mask;
	SLIST_INSERT_HEAD(&g_methods, m, all);
}

void
spdk_rpc_register_alias_deprecated(const char *method, const char *alias)
{
	struct rpc_method *target = find(method, strlen(method));
	struct rpc_method *m;

	if (target == NULL || target->func == NULL) {
		SPDK_ERRLOG("The RPC alias %s is of the method %s, which does not exist\n", alias,
		            method);
		g_mistakes = true;
		return;
	}
	if (target->target != NULL) {
		SPDK_ERRLOG("The RPC alias %s is of %s, which is an alias itself\n", alias, method);
		g_mistakes = true;
		return;
	}
	m = register_name(alias);
	if (m == NULL) {
		return;
	}
	m->func = target->func;
	m->state_mask = target->state_mask;
	m->target = target;
	SLIST_INSERT_HEAD(&g_methods, m, all);
}

bool
spdk_rpc_verify_methods(void)
{
	return !g_mistakes;
}

void
rpc_method_set_roles(const char *method, uint32_t roles)
{
	struct rpc_method *m = obtain(method);

	if (m != NULL) {
		m->roles = roles;
	}
}

/* --- who may call what, when ------------------------------------------------------------------ */

static void
free_list(char **list)
{
	size_t i;

	for (i = 0; list != NULL && list[i] != NULL; i++) {
		free(list[i]);
	}
	free(list);
}

int
rpc_server_set_allowlist(const char *const *methods)
{
	char **copy = NULL;
	size_t i, n = 0;

	if (methods != NULL) {
		while (methods[n] != NULL) {
			n++;
		}
		copy = calloc(n + 1, sizeof(*copy));
		if (copy == NULL) {
			return -ENOMEM;
		}
		for (i = 0; i < n; i++) {
			copy[i] = strdup(methods[i]);
			if (copy[i] == NULL) {
				free_list(copy);
				return -ENOMEM;
			}
		}
	}
	free_list(g_allowlist);
	g_allowlist = copy;
	return 0;
}

void
spdk_rpc_set_allowlist(const char **rpc_allowlist)
{
	if (rpc_server_set_allowlist(rpc_allowlist) != 0) {
		SPDK_ERRLOG("No memory for the list of allowed RPC methods\n");
	}
}

static bool
listed(const char *name)
{
	size_t i;

	for (i = 0; g_allowlist[i] != NULL; i++) {
		if (strcmp(g_allowlist[i], name) == 0) {
			return true;
		}
	}
	return false;
}

bool
rpc_method_visible(const struct rpc_method *m)
{
	if (g_allowlist == NULL) {
		return true;
	}
	return listed(m->name) || (m->target != NULL && listed(m->target->name));
}

static bool
config_needs(const char *name)
{
	size_t i;

	for (i = 0; i < SPDK_COUNTOF(g_config_methods); i++) {
		if (strcmp(name, g_config_methods[i]) == 0) {
			return true;
		}
	}
	return strncmp(name, "cal_config_", strlen("cal_config_")) == 0;
}

struct rpc_method *
rpc_method_find(const struct rpc_caller *caller, const char *name, size_t len)
{
	struct rpc_method *m = find(name, len);

	if (m == NULL || m->func == NULL) {
		return NULL;
	}
	if (rpc_method_visible(m) || caller->monitor || (caller->config && config_needs(m->name))) {
		return m;
	}
	return NULL;
}

const char *
rpc_method_refused(const struct rpc_caller *caller, const struct rpc_method *m)
{
	const struct rpc_method *target = m->target != NULL ? m->target : m;

	if ((target->roles & RPC_ROLE(caller->role)) == 0) {
		return caller->role == GATE_ROLE_MONITOR ? RPC_MONITOR_REFUSED
		                                         : "Method is not for this caller.";
	}
	if ((target->state_mask & g_state) == g_state) {
		return NULL;
	}
	if (g_state == SPDK_RPC_STARTUP) {
		return "Method may only be called after framework is initialized using "
		       "framework_start_init RPC.";
	}
	return "Method may only be called before framework is initialized. Use --wait-for-rpc "
	       "command line parameter and then issue this RPC before the framework_start_init "
	       "RPC.";
}

int
spdk_rpc_is_method_allowed(const char *method, uint32_t state_mask)
{
	struct rpc_method *m = find(method, strlen(method));

	if (m == NULL || m->func == NULL) {
		return -ENOENT;
	}
	return (m->state_mask & state_mask) == 0 || !rpc_method_visible(m) ? -EPERM : 0;
}

int
spdk_rpc_get_method_state_mask(const char *method, uint32_t *state_mask)
{
	struct rpc_method *m = find(method, strlen(method));

	if (m == NULL || m->func == NULL) {
		return -ENOENT;
	}
	*state_mask = m->state_mask;
	return 0;
}

void
spdk_rpc_set_state(uint32_t state_mask)
{
	g_state = state_mask;
}

uint32_t
spdk_rpc_get_state(void)
{
	return g_state;
}

struct rpc_method *
rpc_method_first(void)
{
	return SLIST_FIRST(&g_methods);
}

struct rpc_method *
rpc_method_next(struct rpc_method *method)
{
	return SLIST_NEXT(method, all);
}

void
rpc_method_walk(uint32_t states, void (*fn)(void *ctx, const char *name), void *ctx)
{
	struct rpc_method *m;

	SLIST_FOREACH (m, &g_methods, all) {
		if ((m->state_mask & states) != 0 && rpc_method_visible(m)) {
			fn(ctx, m->name);
		}
	}
}

void
rpc_method_walk_hidden(void (*fn)(void *ctx, const char *name), void *ctx)
{
	struct rpc_method *m;

	SLIST_FOREACH (m, &g_methods, all) {
		if (!rpc_method_visible(m)) {
			fn(ctx, m->name);
		}
	}
}
