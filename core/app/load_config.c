/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* spdk_subsystem_load_config(): a configuration that an application with a framework of its own
 * applies in its own process. The whole text is looked at first; then its entries are called one
 * after another, each from a message of its own. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/app/subsystem.h"
#include "core/rpc/rpc_server.h"
#include "spdk/init.h"
#include "spdk/json.h"
#include "spdk/log.h"
#include "spdk/queue.h"
#include "spdk/rpc.h"
#include "spdk/thread.h"
#include "spdk/util.h"

struct entry {
	char *method;
	const struct spdk_json_val *params; /* NULL: none */
	STAILQ_ENTRY(entry) link;
};

struct load {
	char *text;
	struct spdk_json_val *values;
	STAILQ_HEAD(, entry) entries; /* still to be called */
	uint32_t state;
	bool stop_on_error;
	int rc;
	spdk_subsystem_init_fn fn;
	void *ctx;
};

/* --- what the text says ----------------------------------------------------------------------- */

static int
decode_value(const struct spdk_json_val *val, void *out)
{
	*(const struct spdk_json_val **)out = val;
	return 0;
}

struct subsystem_members {
	char *name;
	struct spdk_json_val *config;
};

static const struct spdk_json_object_decoder g_subsystem_decoders[] = {
	{ "subsystem", offsetof(struct subsystem_members, name), spdk_json_decode_string },
	{ "config", offsetof(struct subsystem_members, config), decode_value },
};

static const struct spdk_json_object_decoder g_entry_decoders[] = {
	{ "method", offsetof(struct entry, method), spdk_json_decode_string },
	{ "params", offsetof(struct entry, params), decode_value, true },
};

static void
entry_free(struct entry *entry)
{
	free(entry->method);
	free(entry);
}

static int
entry_read(const struct spdk_json_val *val, struct entry **out)
{
	struct entry *entry = calloc(1, sizeof(*entry));

	if (entry == NULL) {
		return -ENOMEM;
	}
	if (spdk_json_decode_object(val, g_entry_decoders, SPDK_COUNTOF(g_entry_decoders), entry) !=
	            0 ||
	    (entry->params != NULL && entry->params->type != SPDK_JSON_VAL_OBJECT_BEGIN)) {
		SPDK_ERRLOG("the configuration has an entry that is not {\"method\": NAME, "
		            "\"params\": {...}}\n");
		entry_free(entry);
		return -EINVAL;
	}
	*out = entry;
	return 0;
}

/* Narrow `states` to those in which the method can be called. Returns 0 or a negative errno. */
static int
states_of(const struct entry *entry, uint32_t *states)
{
	uint32_t mask;
	int rc;

	rc = spdk_rpc_get_method_state_mask(entry->method, &mask);
	*states &= rc == 0 ? mask : 0;
	return rc;
}

/* What can be called in both states is for the start. */
static bool
is_for_now(const struct load *load, uint32_t states)
{
	return load->state == SPDK_RPC_STARTUP ? (states & SPDK_RPC_STARTUP) != 0
	                                       : (states & SPDK_RPC_STARTUP) == 0;
}

/* One entry, or an array of entries, which are a batch and have one state. */
static int
entries_add(struct load *load, struct spdk_json_val *val, const char *subsystem)
{
	bool is_batch = val->type == SPDK_JSON_VAL_ARRAY_BEGIN;
	STAILQ_HEAD(, entry) batch = STAILQ_HEAD_INITIALIZER(batch);
	uint32_t states = SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME;
	struct entry *entry;
	int rc = 0;

	for (val = is_batch ? spdk_json_array_first(val) : val; val != NULL && rc == 0;
	     val = is_batch ? spdk_json_next(val) : NULL) {
		rc = entry_read(val, &entry);
		if (rc != 0) {
			break;
		}
		STAILQ_INSERT_TAIL(&batch, entry, link);
		rc = states_of(entry, &states);
		if (rc != 0 && !spdk_subsystem_exists(subsystem)) {
			SPDK_NOTICELOG("%s of the configuration is skipped: subsystem %s is not "
			               "linked in\n",
			               entry->method, subsystem);
			rc = states = 0;
			break;
		}
		if (rc != 0) {
			SPDK_ERRLOG("the configuration calls %s, and there is no such method\n",
			            entry->method);
			rc = -ENOENT;
		} else if (states == 0) {
			SPDK_ERRLOG("the configuration has a batch with %s, whose methods have no "
			            "state in common\n",
			            entry->method);
			rc = -EINVAL;
		}
	}
	while ((entry = STAILQ_FIRST(&batch)) != NULL) {
		STAILQ_REMOVE_HEAD(&batch, link);
		if (rc == 0 && states != 0 && is_for_now(load, states)) {
			STAILQ_INSERT_TAIL(&load->entries, entry, link);
		} else {
			entry_free(entry);
		}
	}
	return rc;
}

static int
subsystem_read(struct load *load, struct spdk_json_val *val)
{
	struct subsystem_members members = {};
	struct spdk_json_val *entry;
	int rc = 0;

	if (spdk_json_decode_object(val, g_subsystem_decoders, SPDK_COUNTOF(g_subsystem_decoders),
	                            &members) != 0 ||
	    (members.config->type != SPDK_JSON_VAL_ARRAY_BEGIN &&
	     members.config->type != SPDK_JSON_VAL_NULL)) {
		SPDK_ERRLOG("the configuration has a subsystem that is not {\"subsystem\": NAME, "
		            "\"config\": [...]}\n");
		free(members.name);
		return -EINVAL;
	}
	for (entry = spdk_json_array_first(members.config); entry != NULL && rc == 0;
	     entry = spdk_json_next(entry)) {
		rc = entries_add(load, entry, members.name);
	}
	free(members.name);
	return rc;
}

static int
text_read(struct load *load, size_t size)
{
	struct spdk_json_val *subsystems, *at;
	uint32_t flags = SPDK_JSON_PARSE_FLAG_ALLOW_COMMENTS;
	ssize_t n;
	int rc;

	/* Data that counts its terminator, as sizeof() of a literal does. */
	while (size > 0 && load->text[size - 1] == '\0') {
		size--;
	}
	n = spdk_json_parse(load->text, size, NULL, 0, NULL, flags);
	if (n <= 0) {
		SPDK_ERRLOG("the configuration is not JSON (error %zd)\n", n);
		return -EINVAL;
	}
	load->values = calloc((size_t)n, sizeof(*load->values));
	if (load->values == NULL) {
		return -ENOMEM;
	}
	n = spdk_json_parse(load->text, size, load->values, (size_t)n, NULL,
	                    flags | SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE);
	rc = n > 0 ? spdk_json_find_array(load->values, "subsystems", NULL, &subsystems) : -EINVAL;
	if (rc == -ENOENT) {
		SPDK_WARNLOG("the configuration has no \"subsystems\": nothing is called\n");
		return 0;
	}
	if (rc != 0) {
		SPDK_ERRLOG("the configuration is not {\"subsystems\": [...]}\n");
		return -EINVAL;
	}
	for (at = spdk_json_array_first(subsystems); at != NULL && rc == 0;
	     at = spdk_json_next(at)) {
		rc = subsystem_read(load, at);
	}
	return rc;
}

/* --- one call after another ------------------------------------------------------------------- */

static void load_step(void *arg);

static void
load_end(void *arg)
{
	struct load *load = arg;
	struct entry *entry;

	while ((entry = STAILQ_FIRST(&load->entries)) != NULL) {
		STAILQ_REMOVE_HEAD(&load->entries, link);
		entry_free(entry);
	}
	free(load->values);
	free(load->text);
	load->fn(load->rc, load->ctx);
	free(load);
}

static void
load_answer(void *arg, int code, const char *message)
{
	struct load *load = arg;
	struct entry *entry = STAILQ_FIRST(&load->entries);

	if (code != 0) {
		SPDK_ERRLOG("the configuration's %s failed: %s (%d)\n", entry->method, message,
		            code);
		load->rc = load->stop_on_error ? -EINVAL : load->rc;
	}
	STAILQ_REMOVE_HEAD(&load->entries, link);
	entry_free(entry);
	/* The handler that answers is still on the stack. */
	if (spdk_thread_send_msg(spdk_get_thread(), load_step, load) != 0) {
		SPDK_ERRLOG("the configuration is given up: its thread exits\n");
	}
}

static void
load_step(void *arg)
{
	struct load *load = arg;
	struct entry *entry = STAILQ_FIRST(&load->entries);
	int rc;

	if (load->rc == 0 && entry != NULL) {
		/* The answer may come before this returns. */
		rc = rpc_call_local(entry->method, entry->params, load_answer, load);
		if (rc == 0) {
			return;
		}
		load->rc = rc;
	}
	load_end(load);
}

void
spdk_subsystem_load_config(void *json, ssize_t json_size, spdk_subsystem_init_fn cb_fn,
                           void *cb_arg, bool stop_on_error)
{
	struct load *load = calloc(1, sizeof(*load));

	if (load == NULL || json == NULL || json_size <= 0) {
		SPDK_ERRLOG("spdk_subsystem_load_config() has no configuration, or no memory\n");
		free(load);
		cb_fn(load == NULL ? -ENOMEM : -EINVAL, cb_arg);
		return;
	}
	STAILQ_INIT(&load->entries);
	load->state = spdk_rpc_get_state();
	load->stop_on_error = stop_on_error;
	load->fn = cb_fn;
	load->ctx = cb_arg;
	load->text = malloc((size_t)json_size);
	load->rc = load->text != NULL ? rpc_server_prepare() : -ENOMEM;
	if (load->rc == 0) {
		memcpy(load->text, json, (size_t)json_size);
		load->rc = text_read(load, (size_t)json_size);
	}
	if (spdk_thread_send_msg(spdk_get_thread(), load_step, load) != 0) {
		load->rc = -ESHUTDOWN;
		load_end(load);
	}
}
