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
#include "ctl/entries.h"
#include "ctl/file.h"
#include "ctl/json.h"
#include "ctl/latency.h"
#include "ctl/term.h"
#include "ctl/units.h"

#define START_INIT "framework_start_init"

struct load {
	struct ctl *ctl;
	const char *file;
	struct ctl_entries entries;
	size_t called;
	bool started; /* START_INIT was called */
	uint64_t begin;
};

static int
get_methods(struct ctl *ctl, bool current, struct json_object **names)
{
	struct json_object *params = json_object_new_object();
	int rc;

	ctl_json_put(params, "include_aliases", json_object_new_boolean(false));
	if (current) {
		ctl_json_put(params, "current", json_object_new_boolean(true));
	}
	rc = ctl_call(ctl, "rpc_get_methods", params, names);
	json_object_put(params);
	return rc;
}

/* A file with a method that does not exist is refused before anything of it is done. */
static int
check_known(const struct load *load)
{
	struct json_object *names;
	size_t i;
	int rc = get_methods(load->ctl, false, &names);

	for (i = 0; rc == CTL_OK && i < load->entries.count; i++) {
		const struct ctl_entry *e = &load->entries.list[i];

		if (!ctl_entries_has_name(names, e->method)) {
			ctl_error(
				"%s: there is no method '%s' (subsystem '%s'); nothing was called",
				load->file, e->method, e->subsystem);
			rc = CTL_FAILED;
		}
	}
	json_object_put(names);
	return rc;
}

static int
call_entry(struct load *load, struct ctl_entry *e)
{
	struct json_object *result;
	int rc;

	if (ctl_now_ns() - load->begin > 1000000000u && !load->ctl->json) {
		ctl_progress("%zu of %zu: %s", load->called + 1, load->entries.count, e->method);
	}
	rc = ctl_call(load->ctl, e->method, e->params, &result);
	if (rc != CTL_OK) {
		ctl_error("%s: stopped at entry %zu of %zu, subsystem '%s': %s", load->file,
		          (size_t)(e - load->entries.list) + 1, load->entries.count, e->subsystem,
		          e->params != NULL ? json_object_to_json_string(e->params) : e->method);
		return rc;
	}
	json_object_put(result);
	e->done = true;
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
	for (i = 0; rc == CTL_OK && i < load->entries.count; i++) {
		struct ctl_entry *e = &load->entries.list[i];

		if (!e->done && ctl_entries_has_name(names, e->method)) {
			rc = call_entry(load, e);
			*moved = true;
		}
	}
	if (rc == CTL_OK && ctl_entries_has_name(names, START_INIT)) {
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
	size_t skipped = load->entries.count - load->called, i;
	double seconds = (double)(ctl_now_ns() - load->begin) / 1e9;
	struct json_object *root;

	ctl_progress_end();
	if (load->ctl->json) {
		root = json_object_new_object();
		ctl_json_put_str(root, "file", load->file);
		ctl_json_put_u64(root, "called", load->called);
		ctl_json_put_u64(root, "skipped", skipped);
		ctl_json_put(root, "started", json_object_new_boolean(load->started));
		ctl_json_put(root, "took_ms", ctl_json_new_double(seconds * 1000, 3));
		ctl_json_print_line(stdout, root);
		json_object_put(root);
	} else {
		printf("%s: %zu of %zu entries called%s in %s\n", load->file, load->called,
		       load->entries.count, load->started ? ", framework started," : "",
		       ctl_units_duration(seconds).s);
	}
	for (i = 0; i < load->entries.count; i++) {
		if (!load->entries.list[i].done) {
			ctl_error("skipped %s: the state that it can be called in is over",
			          load->entries.list[i].method);
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
		if (load->called == load->entries.count) {
			break;
		}
	}
	ctl_progress_end();
	return rc;
}

static int
run(struct ctl *ctl, int argc, char **argv)
{
	struct load load = { .ctl = ctl, .file = argv[0] };
	struct json_object *root;
	char *text, err[512];
	size_t len;
	int rc;

	if (ctl_file_read(argv[0], &text, &len, err, sizeof(err)) != 0) {
		ctl_error("%s", err);
		return CTL_FAILED;
	}
	rc = ctl_json_parse(text, len, &root, err, sizeof(err));
	free(text);
	if (rc == 0) {
		rc = ctl_entries_read(&load.entries, root, err, sizeof(err));
	}
	if (rc != 0) {
		ctl_error("%s: %s", argv[0], err);
		json_object_put(root);
		return CTL_FAILED;
	}
	rc = ctl_attach(ctl);
	load.begin = ctl_now_ns();
	if (rc == CTL_OK) {
		rc = load_entries(&load);
	}
	if (rc == CTL_OK) {
		report(&load);
	}
	ctl_entries_free(&load.entries);
	json_object_put(root);
	return rc;
}

static struct ctl_command command = {
	.name = "config load",
	.args = "FILE",
	.summary = "call what a configuration file lists",
	.details = "As SPDK's load_config: what may be called now, framework_start_init where the\n"
		   "primary waits for it, then the rest. The first failure ends it. `-` is stdin.",
	.group = CTL_GROUP_ACT,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
CTL_COMMAND_REGISTER(command)
