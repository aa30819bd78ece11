/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* `config load FILE`: what SPDK's load_config does. What may be called now is called in the file's
 * order, then framework_start_init where it may be, until nothing is left or nothing moves. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/call.h"
#include "ctl/ctl.h"
#include "ctl/file.h"
#include "ctl/json.h"
#include "ctl/latency.h"
#include "ctl/term.h"
#include "ctl/units.h"
#include "ipc/client/config_file.h"

#define START_INIT "framework_start_init"

struct load {
	struct ctl *ctl;
	struct config config;
	bool *done; /* of each entry */
	size_t called;
	bool started; /* START_INIT was called */
	uint64_t begin;
};

static int
get_methods(struct ctl *ctl, bool current, struct json_object **names)
{
	struct json_object *params = json_object_new_object();
	int rc;

	if (current) {
		ctl_json_put(params, "current", json_object_new_boolean(true));
	}
	ctl_json_put(params, "include_aliases", json_object_new_boolean(true));
	rc = ctl_call(ctl, "rpc_get_methods", params, names);
	json_object_put(params);
	return rc;
}

static bool
has_name(struct json_object *names, const char *name)
{
	size_t i;

	for (i = 0; i < ctl_json_len(names); i++) {
		const char *other = json_object_get_string(ctl_json_at(names, i));

		if (other != NULL && strcmp(other, name) == 0) {
			return true;
		}
	}
	return false;
}

/* A file with a method that does not exist is refused before anything of it is done. */
static int
check_known(const struct load *load)
{
	struct json_object *names;
	size_t i;
	int rc = get_methods(load->ctl, false, &names);

	for (i = 0; rc == CTL_OK && i < load->config.num_entries; i++) {
		const struct config_entry *e = &load->config.entries[i];

		if (!has_name(names, e->method)) {
			ctl_error("%s:%u: there is no method '%s' (subsystem '%s'); nothing was "
			          "called",
			          load->config.path, e->line, e->method, e->subsystem);
			rc = CTL_FAILED;
		}
	}
	json_object_put(names);
	return rc;
}

static int
call_failed(struct load *load, const struct config_entry *e, int rc, const struct ctl_reply *reply)
{
	size_t nr = (size_t)(e - load->config.entries) + 1;
	char where[512];

	ctl_progress_end();
	snprintf(where, sizeof(where), "%s:%u: %s (entry %zu of %zu)", load->config.path, e->line,
	         e->method, nr, load->config.num_entries);
	if (rc == 0 && !load->ctl->json) {
		ctl_error("%s failed: %s (code %d); %zu called before it", where, reply->message,
		          reply->code, load->called);
		return CTL_FAILED;
	}
	if (!load->ctl->json) {
		ctl_error("stopped at %s", where);
	}
	return ctl_call_explain(load->ctl, e->method, rc, reply, CTL_CALL_TIMEOUT_MS);
}

static int
call_entry(struct load *load, size_t index)
{
	const struct config_entry *e = &load->config.entries[index];
	struct ctl_reply reply;
	int rc;

	if (ctl_now_ns() - load->begin > 1000000000u && !load->ctl->json) {
		ctl_progress("%zu of %zu: %s", load->called + 1, load->config.num_entries,
		             e->method);
	}
	rc = ctl_call_reply(load->ctl, e->method, e->params, CTL_CALL_TIMEOUT_MS, &reply);
	if (rc != 0 || reply.is_error) {
		return call_failed(load, e, rc, &reply);
	}
	json_object_put(reply.result);
	load->done[index] = true;
	load->called++;
	return CTL_OK;
}

/* One round with the methods that may be called now. *moved: something was called. */
static int
round_of_calls(struct load *load, bool *moved)
{
	struct json_object *names, *result;
	size_t i;
	int rc = get_methods(load->ctl, true, &names);

	*moved = false;
	for (i = 0; rc == CTL_OK && i < load->config.num_entries; i++) {
		if (!load->done[i] && has_name(names, load->config.entries[i].method)) {
			rc = call_entry(load, i);
			*moved = true;
		}
	}
	if (rc == CTL_OK && has_name(names, START_INIT)) {
		rc = ctl_call(load->ctl, START_INIT, NULL, &result);
		if (rc == CTL_OK) {
			json_object_put(result);
			load->started = true;
			*moved = true;
		}
	}
	json_object_put(names);
	return rc;
}

static void
report(const struct load *load)
{
	size_t count = load->config.num_entries, skipped = count - load->called, i;
	double seconds = (double)(ctl_now_ns() - load->begin) / 1e9;
	struct json_object *root;

	ctl_progress_end();
	if (load->ctl->json) {
		root = json_object_new_object();
		ctl_json_put_str(root, "file", load->config.path);
		ctl_json_put_u64(root, "called", load->called);
		ctl_json_put_u64(root, "skipped", skipped);
		ctl_json_put(root, "started", json_object_new_boolean(load->started));
		ctl_json_put(root, "took_ms", ctl_json_new_double(seconds * 1000, 3));
		ctl_json_print_line(stdout, root);
		json_object_put(root);
	} else {
		printf("%s: %zu of %zu entries called%s in %s\n", load->config.path, load->called,
		       count, load->started ? ", framework started," : "",
		       ctl_units_duration(seconds).s);
	}
	for (i = 0; i < count; i++) {
		if (!load->done[i]) {
			ctl_error("%s:%u: skipped %s: the state that it can be called in is over",
			          load->config.path, load->config.entries[i].line,
			          load->config.entries[i].method);
		}
	}
}

static int
load_entries(struct load *load)
{
	bool moved = true;
	int rc = check_known(load);

	/* At least one round: a file without entries still starts the framework. */
	while (rc == CTL_OK && moved) {
		rc = round_of_calls(load, &moved);
		if (load->called == load->config.num_entries) {
			break;
		}
	}
	ctl_progress_end();
	return rc;
}

static int
read_file(struct load *load, const char *file)
{
	const char *path = strcmp(file, "-") == 0 ? "stdin" : file;
	char *text, err[1024];
	size_t len;

	if (ctl_file_read(file, &text, &len, err, sizeof(err)) != 0 ||
	    config_parse(&load->config, path, text, len, err, sizeof(err)) != 0) {
		ctl_error("%s", err);
		free(text);
		return CTL_FAILED;
	}
	free(text);
	if (load->config.no_subsystems) {
		ctl_error("%s: it has no 'subsystems': this is no configuration", path);
		return CTL_FAILED;
	}
	load->done = calloc(load->config.num_entries + 1, sizeof(*load->done));
	if (load->done == NULL) {
		ctl_error("out of memory");
		return CTL_FAILED;
	}
	return CTL_OK;
}

static int
run(struct ctl *ctl, int argc, char **argv)
{
	struct load load = { .ctl = ctl };
	int rc = read_file(&load, argc > 0 ? argv[0] : "-");

	if (rc == CTL_OK) {
		rc = ctl_attach(ctl);
	}
	load.begin = ctl_now_ns();
	if (rc == CTL_OK) {
		rc = load_entries(&load);
	}
	if (rc == CTL_OK) {
		report(&load);
	}
	free(load.done);
	config_free(&load.config);
	return rc;
}

static struct ctl_command command = {
	.name = "config load",
	.args = "[FILE]",
	.summary = "call what a configuration file lists",
	.details = "As SPDK's load_config: what may be called now, framework_start_init where the\n"
		   "primary waits for it, then the rest. The first failure ends it. Without FILE,\n"
		   "or with `-`, the configuration is read from stdin.",
	.group = CTL_GROUP_ACT,
	.max_args = 1,
	.run = run,
};
CTL_COMMAND_REGISTER(command)
