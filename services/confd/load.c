/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Two passes, as SPDK's: entries that are callable at start-up, framework_start_init, the others;
 * each pass in the order of the file. An entry is one step (cal_config_step): the primary counts
 * and calls it in one go and remembers how the last one ended (cal_config_begin says it), so a
 * confd that follows a killed one goes on exactly where that came to. */

#include "services/confd/confd.h"

#include <errno.h>
#include <inttypes.h>
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
	uint64_t session;
	enum pass phase;
	bool done;
	uint64_t applied[2];
	/* The last step failed, and what an earlier confd made of that is not known. */
	bool last_failed;
	enum pass failed_pass;
	uint64_t failed_index;
	struct json_object *startup_methods, *runtime_methods, *hidden_methods, *subsystems;

	uint64_t failed; /* entries, also an earlier confd's */

	/* of the last call */
	struct json_object *result;
	struct confd_error error;

	/* What was left out and does not fail the start: the first of them, and how many. */
	char notice[320];
	unsigned num_notices;

	char *err;
	size_t err_size;
};

/* --- calls ------------------------------------------------------------------------------------ */

/* As confd_call(), with the answer in loader->result or loader->error. */
static int
call(struct loader *loader, const char *method, struct json_object *params)
{
	struct cal_response response;
	int rc;

	json_object_put(loader->result);
	loader->result = NULL;
	rc = confd_call(loader->client, method, params, &response, &loader->error);
	return rc == 0 ? cal_json_unpack(response.result, response.result_len, &loader->result)
	               : rc;
}

static struct json_object *
session_params(const struct loader *loader)
{
	struct json_object *params = json_object_new_object();

	json_object_object_add(params, "session", json_object_new_uint64(loader->session));
	return params;
}

/* The start fails with `code`: tell the primary, the log and the caller why. */
static int __attribute__((format(printf, 3, 4)))
fail_start(struct loader *loader, int code, const char *fmt, ...)
{
	struct json_object *params = session_params(loader);
	va_list args;
	int rc;

	va_start(args, fmt);
	vsnprintf(loader->err, loader->err_size, fmt, args);
	va_end(args);
	fprintf(stderr, "cal-confd: %s\n", loader->err);
	json_object_object_add(params, "error", json_object_new_string(loader->err));
	json_object_object_add(params, "code", json_object_new_int(code));
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

/* What was not applied is not in the next state file: the old one keeps a name. */
static void
set_aside(struct loader *loader, char *text, size_t size)
{
	char path[PATH_MAX];
	int rc = state_file_set_aside(loader->opts->set_aside, path, sizeof(path));

	if (rc == 0) {
		snprintf(text, size, "; the file stays as %s", path);
	} else {
		snprintf(text, size,
		         "; the file could not be saved beside (%s), and the next "
		         "change overwrites it",
		         strerror(-rc));
	}
	fprintf(stderr, "cal-confd: something was left out%s\n", text);
}

static struct json_object *
done_params(struct loader *loader)
{
	struct json_object *params = session_params(loader);
	char text[sizeof(loader->notice) + PATH_MAX + 128], aside[PATH_MAX + 64] = "",
									     more[64] = "";

	if (loader->num_notices == 0 && loader->failed > 0) {
		snprintf(loader->notice, sizeof(loader->notice),
		         "%" PRIu64 " entries of %s failed (calctl logs confd)", loader->failed,
		         loader->config->path);
	}
	if (loader->notice[0] == '\0') {
		return params;
	}
	if (loader->num_notices > 1) {
		snprintf(more, sizeof(more), " (and %u more: calctl logs confd)",
		         loader->num_notices - 1);
	}
	if (loader->opts->set_aside != NULL) {
		set_aside(loader, aside, sizeof(aside));
	}
	snprintf(text, sizeof(text), "%s%s%s", loader->notice, more, aside);
	json_object_object_add(params, "notice", json_object_new_string(text));
	return params;
}

/* A call that is no entry of the file and must not fail. */
static int
call_own(struct loader *loader, const char *method, struct json_object *params)
{
	int rc = call(loader, method, params);

	if (rc == 1) {
		rc = fail_start(loader, -EINVAL, "%s failed: %s (code %d)", method,
		                loader->error.text, loader->error.code);
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

static int
get_int(struct json_object *object, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(object, key, &value) ? json_object_get_int(value) : 0;
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

static void
read_last_failed(struct loader *loader)
{
	struct json_object *last;
	const char *text;

	if (!json_object_object_get_ex(loader->result, "last_failed", &last)) {
		return;
	}
	text = get_string(last, "phase");
	loader->last_failed = true;
	loader->failed_pass = text != NULL && strcmp(text, pass_names[PASS_RUNTIME]) == 0
	                              ? PASS_RUNTIME
	                              : PASS_STARTUP;
	loader->failed_index = get_count(last, "index");
	loader->error.code = get_int(last, "code");
	text = get_string(last, "message");
	snprintf(loader->error.text, sizeof(loader->error.text), "%s", text != NULL ? text : "");
}

static int
begin(struct loader *loader)
{
	struct json_object *params = json_object_new_object();
	const char *phase;
	int rc;

	json_object_object_add(params, "source", json_object_new_string(loader->config->path));
	if (loader->opts->notice != NULL) {
		json_object_object_add(params, "notice",
		                       json_object_new_string(loader->opts->notice));
	}
	rc = call_own(loader, "cal_config_begin", params);
	if (rc != 0) {
		return rc;
	}
	phase = get_string(loader->result, "phase");
	loader->session = get_count(loader->result, "session");
	loader->startup_methods = get_array(loader->result, "startup_methods");
	loader->runtime_methods = get_array(loader->result, "runtime_methods");
	loader->hidden_methods = get_array(loader->result, "hidden_methods");
	loader->subsystems = get_array(loader->result, "subsystems");
	if (phase == NULL || loader->startup_methods == NULL || loader->runtime_methods == NULL ||
	    loader->subsystems == NULL) {
		return fail_start(loader, -EINVAL,
		                  "the primary does not say how far the configuration is, and what "
		                  "it has for it");
	}
	loader->done = strcmp(phase, "done") == 0;
	loader->phase = strcmp(phase, "runtime") == 0 ? PASS_RUNTIME : PASS_STARTUP;
	loader->applied[PASS_STARTUP] = get_count(loader->result, "startup_done");
	loader->applied[PASS_RUNTIME] = get_count(loader->result, "runtime_done");
	loader->failed = get_count(loader->result, "failed");
	read_last_failed(loader);
	return 0;
}

static bool
has_name(struct json_object *list, const char *name)
{
	size_t i, count = list != NULL ? json_object_array_length(list) : 0;

	for (i = 0; i < count; i++) {
		if (strcmp(json_object_get_string(json_object_array_get_idx(list, i)), name) == 0) {
			return true;
		}
	}
	return false;
}

static const char *
advice(const struct loader *loader)
{
	return loader->opts->advice != NULL ? loader->opts->advice : "";
}

/* A method that nobody has is a mistake, unless its whole subsystem is not in this program: then
 * the file was written for a bigger one. */
static int
judge_unknown(struct loader *loader, size_t index)
{
	const struct config_entry *entry = &loader->config->entries[index];

	if (has_name(loader->hidden_methods, entry->method)) {
		return fail_start(loader, -EINVAL,
		                  "%s:%u: --rpcs-allowed does not allow '%s': allow it, or take it "
		                  "out of the file",
		                  loader->config->path, entry->line, entry->method);
	}
	if (has_name(loader->subsystems, entry->subsystem)) {
		return fail_start(loader, -ENOENT, "%s:%u: there is no RPC method '%s'%s",
		                  loader->config->path, entry->line, entry->method, advice(loader));
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

/* Entries `from` to `end` - 1, a batch or one entry, go together: with the first pass when all can,
 * with the second when all can then, and otherwise not at all. */
static int
sort_batch(struct loader *loader, size_t from, size_t end)
{
	const struct config_entry *entries = loader->config->entries, *early = NULL, *late = NULL;
	size_t i;

	for (i = from; i < end; i++) {
		if (loader->pass[i] == PASS_SKIP) {
			continue;
		}
		if (!has_name(loader->startup_methods, entries[i].method)) {
			late = &entries[i];
		} else if (!has_name(loader->runtime_methods, entries[i].method)) {
			early = &entries[i];
		}
	}
	if (early != NULL && late != NULL) {
		return fail_start(loader, -EINVAL,
		                  "%s:%u: this batch can be called at no time: %s (line %u) only "
		                  "before framework_start_init, %s (line %u) only after it",
		                  loader->config->path, entries[from].line, early->method,
		                  early->line, late->method, late->line);
	}
	for (i = from; i < end; i++) {
		if (loader->pass[i] != PASS_SKIP) {
			loader->pass[i] = late != NULL ? PASS_RUNTIME : PASS_STARTUP;
		}
	}
	return 0;
}

static int
sort_into_passes(struct loader *loader)
{
	const struct config_entry *entries = loader->config->entries;
	size_t i, end, count = loader->config->num_entries;
	int rc = 0;

	loader->pass = calloc(count + 1, sizeof(*loader->pass));
	if (loader->pass == NULL) {
		return -ENOMEM;
	}
	for (i = 0; rc == 0 && i < count; i++) {
		if (!has_name(loader->startup_methods, entries[i].method) &&
		    !has_name(loader->runtime_methods, entries[i].method)) {
			rc = judge_unknown(loader, i);
		}
	}
	for (i = 0; rc == 0 && i < count; i = end) {
		end = i + 1;
		while (end < count && entries[i].batch != 0 &&
		       entries[end].batch == entries[i].batch) {
			end++;
		}
		rc = sort_batch(loader, i, end);
	}
	return rc;
}

/* --- the passes ------------------------------------------------------------------------------- */

/* A refused parameter's message begins with the method, which we say ourselves. */
static const char *
error_of(const struct loader *loader, const struct config_entry *entry)
{
	size_t own = strlen(entry->method);

	return strncmp(loader->error.text, entry->method, own) == 0 &&
	                       strncmp(loader->error.text + own, ": ", 2) == 0
	               ? loader->error.text + own + 2
	               : loader->error.text;
}

/* Returns 0 when the entry's error (loader->error) does not matter. */
static int
judge_error(struct loader *loader, const struct config_entry *entry)
{
	const char *path = loader->config->path;

	if (loader->opts->ignore_init_errors) {
		note(loader,
		     "%s:%u: %s failed: %s (code %d); going on, as --json-ignore-init-errors says",
		     path, entry->line, entry->method, error_of(loader, entry), loader->error.code);
		return 0;
	}
	return fail_start(loader, -EINVAL, "%s:%u: %s failed: %s (code %d)%s", path, entry->line,
	                  entry->method, error_of(loader, entry), loader->error.code,
	                  advice(loader));
}

static int
apply(struct loader *loader, const struct config_entry *entry, enum pass pass, uint64_t index)
{
	struct json_object *params = session_params(loader);
	int rc;

	json_object_object_add(params, "phase", json_object_new_string(pass_names[pass]));
	json_object_object_add(params, "index", json_object_new_uint64(index));
	json_object_object_add(params, "method", json_object_new_string(entry->method));
	if (entry->params != NULL) {
		json_object_object_add(params, "params", json_object_get(entry->params));
	}
	rc = call(loader, "cal_config_step", params);
	if (rc == 1) {
		loader->failed++;
		rc = judge_error(loader, entry);
	}
	return rc;
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
		} else if (loader->last_failed && loader->failed_pass == pass &&
		           loader->failed_index == index) {
			rc = judge_error(loader, &loader->config->entries[i]);
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
		if (loader->error.code != RPC_INVALID_STATE) {
			return fail_start(loader, -EINVAL,
			                  "framework_start_init failed: %s (code %d)",
			                  loader->error.text, loader->error.code);
		}
	}
	return call_own(loader, "framework_wait_init", NULL);
}

static int
load(struct loader *loader, struct load_result *result)
{
	const char *digest;
	int rc = begin(loader);

	if (rc == 0) {
		digest = get_string(loader->result, "digest");
		snprintf(result->digest, sizeof(result->digest), "%s",
		         digest != NULL ? digest : "");
		result->kept = get_count(loader->result, "kept");
	}
	if (rc != 0 || loader->done) {
		return rc;
	}
	if (loader->opts->broken != NULL) {
		return fail_start(loader, -EINVAL, "%s", loader->opts->broken);
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
            struct load_result *result, char *err, size_t err_size)
{
	struct loader loader = {
		.client = client,
		.config = config,
		.opts = opts,
		.err = err,
		.err_size = err_size,
	};
	int rc;

	memset(result, 0, sizeof(*result));
	rc = load(&loader, result);

	json_object_put(loader.result);
	json_object_put(loader.startup_methods);
	json_object_put(loader.runtime_methods);
	json_object_put(loader.hidden_methods);
	json_object_put(loader.subsystems);
	free(loader.pass);
	return rc;
}
