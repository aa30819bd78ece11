/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Two passes, as SPDK's: entries that are callable at start-up, framework_start_init, the others;
 * each pass in the order of the file. The primary keeps what was applied (cal_config_begin says
 * it), so a confd that follows a killed one goes on where that came to. An entry that was in
 * progress then is sent again; that its object exists already means that it had been applied. */

#include "services/confd/confd.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RPC_INVALID_STATE -1

enum pass { PASS_STARTUP, PASS_RUNTIME, PASS_SKIP };
static const char *const pass_names[] = { "startup", "runtime" };

struct loader {
	struct cal_client *client;
	const struct config *config;
	const struct load_opts *opts;
	enum pass *pass; /* of each entry */

	/* what cal_config_begin said */
	enum pass phase;
	bool done;
	uint64_t applied[2];
	char *in_flight;
	struct json_object *startup_methods, *subsystems; /* arrays, or NULL */

	/* of the last call */
	struct json_object *result;
	int error_code;
	char error[256];

	/* What was left out and does not fail the start: the first of them, and how many. */
	char notice[320];
	unsigned num_notices;

	char *err;
	size_t err_size;
};

/* --- calls ------------------------------------------------------------------------------------ */

/* Call with `params` (which are taken). Returns 0 with loader->result, 1 when the method answered
 * with an error (loader->error), or a negative errno: the link is of no use any more. */
static int
call(struct loader *loader, const char *method, struct json_object *params)
{
	struct cal_response response;
	struct codec_span message;
	struct codec_buf buf;
	const char *text;
	size_t own;
	int rc = 0;

	json_object_put(loader->result);
	loader->result = NULL;
	codec_buf_init(&buf);
	if (params != NULL) {
		rc = cal_json_pack(&buf, params);
		json_object_put(params);
	}
	if (rc == 0) {
		rc = cal_client_call(loader->client, method, buf.len > 0 ? buf.data : NULL, buf.len,
		                     -1, &response);
	}
	codec_buf_free(&buf);
	if (rc == 0 && response.status != 0) {
		rc = response.status;
	}
	if (rc != 0) {
		return rc;
	}
	if (response.error_len == 0) {
		return cal_json_unpack(response.result, response.result_len, &loader->result);
	}
	rc = codec_parse_error(response.error, response.error_len, &loader->error_code, &message);
	if (rc != 0) {
		return rc;
	}
	text = (const char *)message.data;
	/* A refused parameter's message begins with the method, which we say ourselves. */
	own = strlen(method) + 2;
	if (message.len > own && memcmp(text, method, own - 2) == 0 && text[own - 2] == ':') {
		text += own;
		message.len -= own;
	}
	snprintf(loader->error, sizeof(loader->error), "%.*s", (int)message.len, text);
	return 1;
}

/* The start fails: tell the primary, the log and the caller why. */
static int __attribute__((format(printf, 2, 3)))
fail_start(struct loader *loader, const char *fmt, ...)
{
	struct json_object *params = json_object_new_object();
	va_list args;
	int rc;

	va_start(args, fmt);
	vsnprintf(loader->err, loader->err_size, fmt, args);
	va_end(args);
	fprintf(stderr, "cal-confd: %s\n", loader->err);
	json_object_object_add(params, "error", json_object_new_string(loader->err));
	rc = call(loader, "cal_config_done", params);
	return rc < 0 ? rc : -ECANCELED;
}

/* Something was left out, the start goes on: told the log now, the primary at the end. */
static void __attribute__((format(printf, 2, 3))) note(struct loader *loader, const char *fmt, ...)
{
	char text[sizeof(loader->notice)];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	fprintf(stderr, "cal-confd: %s\n", text);
	if (loader->num_notices++ == 0) {
		memcpy(loader->notice, text, sizeof(text));
	}
}

static struct json_object *
done_params(const struct loader *loader)
{
	struct json_object *params = json_object_new_object();
	char text[sizeof(loader->notice) + 64];

	if (loader->num_notices > 0) {
		snprintf(text, sizeof(text), "%s", loader->notice);
		if (loader->num_notices > 1) {
			snprintf(text, sizeof(text), "%s (and %u more: calctl logs confd)",
			         loader->notice, loader->num_notices - 1);
		}
		json_object_object_add(params, "notice", json_object_new_string(text));
	}
	return params;
}

/* A call that is no entry of the file and must not fail. */
static int
call_own(struct loader *loader, const char *method, struct json_object *params)
{
	int rc = call(loader, method, params);

	if (rc == 1) {
		rc = fail_start(loader, "%s failed: %s (code %d)", method, loader->error,
		                loader->error_code);
	}
	return rc;
}

/* --- before the passes ------------------------------------------------------------------------ */

static uint64_t
get_count(struct json_object *object, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(object, key, &value) ? json_object_get_uint64(value) : 0;
}

static const char *
get_string(struct json_object *object, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(object, key, &value) ? json_object_get_string(value)
	                                                      : NULL;
}

static struct json_object *
get_array(struct json_object *object, const char *key)
{
	struct json_object *value;

	if (json_object_object_get_ex(object, key, &value) &&
	    json_object_is_type(value, json_type_array)) {
		return json_object_get(value);
	}
	return NULL;
}

static int
begin(struct loader *loader)
{
	struct json_object *params = json_object_new_object();
	const char *phase, *in_flight;
	int rc;

	json_object_object_add(params, "source", json_object_new_string(loader->config->path));
	rc = call_own(loader, "cal_config_begin", params);
	if (rc != 0) {
		return rc;
	}
	phase = get_string(loader->result, "phase");
	if (phase == NULL) {
		return fail_start(loader, "the primary does not say how far the configuration is");
	}
	loader->done = strcmp(phase, "done") == 0;
	loader->phase = strcmp(phase, "runtime") == 0 ? PASS_RUNTIME : PASS_STARTUP;
	loader->applied[PASS_STARTUP] = get_count(loader->result, "startup_done");
	loader->applied[PASS_RUNTIME] = get_count(loader->result, "runtime_done");
	in_flight = get_string(loader->result, "in_flight");
	loader->in_flight = in_flight == NULL ? NULL : strdup(in_flight);
	loader->startup_methods = get_array(loader->result, "startup_methods");
	loader->subsystems = get_array(loader->result, "subsystems");
	return 0;
}

static int
get_methods(struct loader *loader, bool current, struct json_object **out)
{
	struct json_object *params = json_object_new_object();
	int rc;

	json_object_object_add(params, "current", json_object_new_boolean(current));
	json_object_object_add(params, "include_aliases", json_object_new_boolean(true));
	rc = call_own(loader, "rpc_get_methods", params);
	if (rc == 0) {
		*out = json_object_get(loader->result);
	}
	return rc;
}

static bool
has_name(struct json_object *list, const char *name)
{
	size_t i, count = json_object_array_length(list);

	for (i = 0; i < count; i++) {
		if (strcmp(json_object_get_string(json_object_array_get_idx(list, i)), name) == 0) {
			return true;
		}
	}
	return false;
}

/* A method that nobody has is a mistake, unless its whole subsystem is not in this program: then
 * the file was written for a bigger one. */
static int
judge_unknown(struct loader *loader, size_t index)
{
	const struct config_entry *entry = &loader->config->entries[index];

	if (loader->subsystems == NULL || has_name(loader->subsystems, entry->subsystem)) {
		return fail_start(loader, "%s:%u: there is no RPC method '%s'",
		                  loader->config->path, entry->line, entry->method);
	}
	if (index == 0 || loader->pass[index - 1] != PASS_SKIP ||
	    strcmp(entry[-1].subsystem, entry->subsystem) != 0) {
		note(loader,
		     "%s:%u: subsystem '%s' is not in this program; entries that need it are "
		     "skipped",
		     loader->config->path, entry->line, entry->subsystem);
	}
	loader->pass[index] = PASS_SKIP;
	return 0;
}

/* A batch goes as a whole: with the first pass only if all of it can. */
static void
join_batches(struct loader *loader)
{
	const struct config_entry *entries = loader->config->entries;
	size_t i, j, end, count = loader->config->num_entries;
	bool runtime;

	for (i = 0; i < count; i = end) {
		runtime = loader->pass[i] == PASS_RUNTIME;
		for (end = i + 1;
		     end < count && entries[i].batch != 0 && entries[end].batch == entries[i].batch;
		     end++) {
			runtime |= loader->pass[end] == PASS_RUNTIME;
		}
		for (j = i; runtime && j < end; j++) {
			if (loader->pass[j] == PASS_STARTUP) {
				loader->pass[j] = PASS_RUNTIME;
			}
		}
	}
}

static int
sort_into_passes(struct loader *loader)
{
	struct json_object *all = NULL;
	const char *method;
	size_t i;
	int rc;

	loader->pass = calloc(loader->config->num_entries + 1, sizeof(*loader->pass));
	if (loader->pass == NULL) {
		return -ENOMEM;
	}
	rc = get_methods(loader, false, &all);
	if (rc == 0 && loader->startup_methods == NULL) {
		rc = loader->phase == PASS_STARTUP
		             ? get_methods(loader, true, &loader->startup_methods)
		             : fail_start(loader,
		                          "cannot go on with the configuration: the primary "
		                          "does not say what was callable at start-up");
	}
	for (i = 0; rc == 0 && i < loader->config->num_entries; i++) {
		method = loader->config->entries[i].method;
		if (!has_name(all, method)) {
			rc = judge_unknown(loader, i);
		} else {
			loader->pass[i] = has_name(loader->startup_methods, method) ? PASS_STARTUP
			                                                            : PASS_RUNTIME;
		}
	}
	json_object_put(all);
	if (rc == 0) {
		join_batches(loader);
	}
	return rc;
}

/* --- the passes ------------------------------------------------------------------------------- */

static struct json_object *
step_params(enum pass pass, uint64_t index)
{
	struct json_object *params = json_object_new_object();

	json_object_object_add(params, "phase", json_object_new_string(pass_names[pass]));
	json_object_object_add(params, "index", json_object_new_uint64(index));
	return params;
}

/* Returns 0 when the entry's error does not matter. */
static int
judge_error(struct loader *loader, const struct config_entry *entry, bool in_doubt)
{
	const char *path = loader->config->path;

	if (in_doubt && loader->error_code == -EEXIST) {
		fprintf(stderr, "cal-confd: %s:%u: %s had been applied before the restart\n", path,
		        entry->line, entry->method);
		return 0;
	}
	if (loader->opts->ignore_init_errors) {
		note(loader,
		     "%s:%u: %s failed: %s (code %d); going on, as --json-ignore-init-errors says",
		     path, entry->line, entry->method, loader->error, loader->error_code);
		return 0;
	}
	return fail_start(loader, "%s:%u: %s failed: %s (code %d)", path, entry->line,
	                  entry->method, loader->error, loader->error_code);
}

static int
apply(struct loader *loader, const struct config_entry *entry, enum pass pass, uint64_t index)
{
	struct json_object *params = step_params(pass, index);
	bool in_doubt = false;
	int rc;

	if (loader->in_flight != NULL) {
		in_doubt = strcmp(loader->in_flight, entry->method) == 0;
		free(loader->in_flight);
		loader->in_flight = NULL;
	}
	json_object_object_add(params, "method", json_object_new_string(entry->method));
	rc = call_own(loader, "cal_config_step", params);
	if (rc == 0) {
		rc = call(loader, entry->method, json_object_get(entry->params));
	}
	if (rc == 1) {
		rc = judge_error(loader, entry, in_doubt);
	}
	return rc == 0 ? call_own(loader, "cal_config_step_done", step_params(pass, index)) : rc;
}

static int
run_pass(struct loader *loader, enum pass pass)
{
	uint64_t index = 0;
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < loader->config->num_entries; i++) {
		if (loader->pass[i] != pass) {
			continue;
		}
		if (index >= loader->applied[pass]) {
			rc = apply(loader, &loader->config->entries[i], pass, index);
		}
		index++;
	}
	return rc;
}

static int
start_init(struct loader *loader)
{
	int rc;

	if (!loader->opts->wait_for_rpc) {
		rc = call(loader, "framework_start_init", NULL);
		if (rc <= 0) {
			return rc;
		}
		/* An earlier confd, or somebody over RPC, was faster: wait for the outcome. */
		if (loader->error_code != RPC_INVALID_STATE) {
			return fail_start(loader, "framework_start_init failed: %s (code %d)",
			                  loader->error, loader->error_code);
		}
	}
	return call_own(loader, "framework_wait_init", NULL);
}

static int
load(struct loader *loader)
{
	int rc = begin(loader);

	if (rc != 0 || loader->done) {
		return rc;
	}
	rc = sort_into_passes(loader);
	if (rc == 0 && loader->phase == PASS_STARTUP) {
		rc = run_pass(loader, PASS_STARTUP);
		if (rc == 0) {
			rc = start_init(loader);
		}
	}
	if (rc == 0) {
		rc = run_pass(loader, PASS_RUNTIME);
	}
	return rc == 0 ? call_own(loader, "cal_config_done", done_params(loader)) : rc;
}

int
config_load(struct cal_client *client, const struct config *config, const struct load_opts *opts,
            char *err, size_t err_size)
{
	struct loader loader = {
		.client = client,
		.config = config,
		.opts = opts,
		.err = err,
		.err_size = err_size,
	};
	int rc = load(&loader);

	json_object_put(loader.result);
	json_object_put(loader.startup_methods);
	json_object_put(loader.subsystems);
	free(loader.in_flight);
	free(loader.pass);
	return rc;
}
