/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* `service restart NAME|all`: asks the primary, which answers when the new process serves. `all` is
 * a call a service, so that each is told as soon as it is known. */

#include <stdio.h>
#include <string.h>

#include "ctl/call.h"
#include "ctl/ctl.h"
#include "ctl/instance.h"
#include "ctl/json.h"
#include "ctl/term.h"
#include "ctl/units.h"

#define METHOD "cal_service_restart"

static struct {
	uint64_t timeout_ms;
	const char *binary;
} opts = { .timeout_ms = 30000 };

static void
print_one(struct json_object *one)
{
	const char *name = ctl_json_str(one, "name");

	printf("%s runs again after %s: pid %d", name,
	       ctl_units_latency(json_object_get_double(json_object_object_get(one, "took_ms")) *
	                         1000)
	               .s,
	       (int)ctl_json_u64(one, "pid"));
	if (ctl_json_u64(one, "old_pid") != 0) {
		printf(", was %d\n", (int)ctl_json_u64(one, "old_pid"));
	} else {
		printf("; none ran before\n");
	}
	fflush(stdout);
}

/* What went wrong, beside the others in the array. */
static struct json_object *
failed_one(const char *name, int code, const char *message)
{
	struct json_object *one = json_object_new_object(), *error = json_object_new_object();

	ctl_json_put(error, "code", json_object_new_int(code));
	ctl_json_put_str(error, "message", message);
	ctl_json_put_str(one, "name", name);
	ctl_json_put(one, "error", error);
	return one;
}

static int
restart_one(struct ctl *ctl, const char *name, struct json_object *results)
{
	struct json_object *params = json_object_new_object(), *one;
	struct ctl_reply reply;
	int rc;

	ctl_json_put_str(params, "name", name);
	if (opts.binary != NULL) {
		ctl_json_put_str(params, "binary", opts.binary);
	}
	rc = ctl_call_reply(ctl, METHOD, params, opts.timeout_ms, &reply);
	json_object_put(params);
	if (rc != 0 || reply.is_error) {
		if (rc == 0) {
			json_object_array_add(results, failed_one(name, reply.code, reply.message));
		}
		return ctl_call_explain(ctl, METHOD, rc, &reply, opts.timeout_ms);
	}
	one = json_object_get(ctl_json_at(reply.result, 0));
	json_object_put(reply.result);
	if (one == NULL) {
		ctl_error(METHOD ": the answer cannot be read");
		return CTL_FAILED;
	}
	if (!ctl->json) {
		print_one(one);
	}
	json_object_array_add(results, one);
	return CTL_OK;
}

/* The services that are wanted, one after another; cal-rpcd last, as the primary does it. Those
 * that fail do not keep the others from their turn. */
static int
restart_all(struct ctl *ctl, const struct cal_state_file *state, struct json_object *results)
{
	int rc = CTL_OK, one_rc;
	unsigned i;

	for (i = ctl_instance_num_services(state); i-- > 0;) {
		if (state->services[i].state == CAL_SERVICE_OFF) {
			continue;
		}
		one_rc = restart_one(ctl, state->services[i].name, results);
		if (one_rc == CTL_NO_PRIMARY) {
			return one_rc;
		}
		if (one_rc != CTL_OK) {
			rc = one_rc;
		}
	}
	if (json_object_array_length(results) == 0 && rc == CTL_OK) {
		ctl_error("instance %d has no services of its own (--no-services)", ctl->instance);
		return CTL_FAILED;
	}
	return rc;
}

static int
run(struct ctl *ctl, int argc, char **argv)
{
	struct json_object *results;
	struct cal_state_file state;
	bool alive;
	char err[256];
	int rc;

	rc = ctl_attach(ctl);
	if (rc != CTL_OK) {
		return rc;
	}
	if (ctl_instance_read(ctl, &state, &alive, err, sizeof(err)) != 0) {
		ctl_error("%s", err);
		return CTL_NO_PRIMARY;
	}
	results = json_object_new_array();
	rc = strcmp(argv[0], "all") == 0 ? restart_all(ctl, &state, results)
	                                 : restart_one(ctl, argv[0], results);
	/* A single one that failed has said so on stderr. */
	if (ctl->json && (rc == CTL_OK || strcmp(argv[0], "all") == 0)) {
		ctl_json_print_line(stdout, results);
	}
	json_object_put(results);
	return rc;
}

static const struct ctl_option options[] = {
	{ "binary", 0, CTL_OPT_STRING, &opts.binary, "PATH",
	  "start this program (its whole path, or a folder with\nthe services' programs), and keep "
	  "to "
	  "it if it takes\nover; `default` goes back" },
	{ "timeout", 0, CTL_OPT_SECONDS, &opts.timeout_ms, "S",
	  "wait so long for the answer (default 30)" },
	{ 0 },
};

static struct ctl_command command = {
	.name = "service restart",
	.args = "NAME|all",
	.summary = "replace a service's process; I/O goes on",
	.details =
		"The new process is started first and takes over; then the one before is ended.\n"
		"If it cannot, that one goes on, and the command says why and exits with 1.\n"
		"`all` restarts one after another and reports each.\n"
		"\n"
		"--binary is for upgrades, and for admins only. Only root and the primary's user\n"
		"may be able to change that file and the folders above it. A program that took\n"
		"over is what later restarts start, too, and `service list` shows it;\n"
		"`--binary default` goes back to the one that was installed.",
	.group = CTL_GROUP_INSTANCE,
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
CTL_COMMAND_REGISTER(command)
