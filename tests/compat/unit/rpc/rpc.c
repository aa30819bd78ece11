/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* For SPDK's rpc_ut.c: our method table and our handlers, called as that test calls SPDK's. It puts
 * methods of its own straight into SPDK's list, so that list is brought into our table first. */

#include "core/rpc/methods_rpc.c"
#include "core/rpc/rpc_method.c"

#include "spdk/util.h"

#include <sys/un.h>

struct spdk_rpc_method {
	const char *name;
	spdk_rpc_method_handler func;
	SLIST_ENTRY(spdk_rpc_method) slist;
	uint32_t state_mask;
	bool is_deprecated;
	struct spdk_rpc_method *is_alias_of;
	bool deprecation_warning_printed;
};

static SLIST_HEAD(, spdk_rpc_method) g_rpc_methods = SLIST_HEAD_INITIALIZER(g_rpc_methods);
#define g_rpc_state g_state

/* Only their first lines are reached: this test has no params that are more than a type. */
bool
rpc_refuse_params(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params,
                  const char *message)
{
	if (params != NULL) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		                                 message);
	}
	return params != NULL;
}

static struct rpc_method g_theirs[2];

static void
add(struct rpc_method *m, const struct spdk_rpc_method *theirs, struct rpc_method *target)
{
	m->name = theirs->name != NULL ? theirs->name : "";
	m->func = target != NULL ? target->func : theirs->func;
	if (m->func == NULL) {
		m->func = rpc_get_methods; /* anything: it is not called */
	}
	m->state_mask = theirs->state_mask;
	m->roles = RPC_ROLES_ALL;
	m->target = target;
	SLIST_INSERT_HEAD(&g_buckets[bucket_of(m->name, strlen(m->name))], m, bucket);
	SLIST_INSERT_HEAD(&g_methods, m, all);
}

static void
take(struct rpc_method *m)
{
	SLIST_REMOVE(&g_buckets[bucket_of(m->name, strlen(m->name))], m, rpc_method, bucket);
	SLIST_REMOVE(&g_methods, m, rpc_method, all);
}

/* Make what is in SPDK's list known to ours. */
static void
bring(void)
{
	const struct spdk_rpc_method *first = SLIST_FIRST(&g_rpc_methods);
	unsigned i;

	for (i = 0; i < SPDK_COUNTOF(g_theirs); i++) {
		if (g_theirs[i].name != NULL) {
			take(&g_theirs[i]);
			memset(&g_theirs[i], 0, sizeof(g_theirs[i]));
		}
	}
	if (first != NULL && first->is_alias_of != NULL) {
		add(&g_theirs[1], first->is_alias_of, NULL);
		add(&g_theirs[0], first, &g_theirs[1]);
	} else if (first != NULL) {
		add(&g_theirs[0], first, NULL);
	}
}

static void
jsonrpc_handler(struct spdk_jsonrpc_request *request, const struct spdk_json_val *method,
                const struct spdk_json_val *params)
{
	struct rpc_caller caller = { .role = GATE_ROLE_ADMIN };
	struct rpc_method *m = NULL;
	const char *refused;

	bring();
	if (method->type == SPDK_JSON_VAL_STRING) {
		m = rpc_method_find(&caller, method->start, method->len);
	}
	if (m == NULL) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_METHOD_NOT_FOUND,
		                                 "Method not found");
		return;
	}
	refused = rpc_method_refused(&caller, m);
	if (refused != NULL) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_STATE,
		                                 refused);
		return;
	}
	m->func(request, params);
}

static void
rpc_rpc_get_methods(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	bring();
	rpc_get_methods(request, params);
}

static void
rpc_spdk_get_version(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	spdk_get_version(request, params);
}

static int
is_method_allowed(const char *method, uint32_t state_mask)
{
	bring();
	return spdk_rpc_is_method_allowed(method, state_mask);
}
#define spdk_rpc_is_method_allowed is_method_allowed

static int
get_method_state_mask(const char *method, uint32_t *state_mask)
{
	bring();
	return spdk_rpc_get_method_state_mask(method, state_mask);
}
#define spdk_rpc_get_method_state_mask get_method_state_mask

/* The socket is cal-rpcd's: these two of its tests are compiled and not run. */
struct spdk_jsonrpc_server;
typedef void (*spdk_jsonrpc_handle_request_fn)(struct spdk_jsonrpc_request *request,
                                               const struct spdk_json_val *method,
                                               const struct spdk_json_val *params);
struct spdk_rpc_server {
	struct sockaddr_un listen_addr_unix;
	char lock_path[sizeof(((struct sockaddr_un *)0)->sun_path) + sizeof(".lock")];
	struct spdk_jsonrpc_server *jsonrpc_server;
};

static struct spdk_rpc_server *
spdk_rpc_server_listen(const char *listen_addr)
{
	return NULL;
}

static void
spdk_rpc_server_close(struct spdk_rpc_server *server)
{
}
