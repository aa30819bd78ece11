/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* `service restart NAME|all`: asks the primary, then watches the state file until each has a new
 * process that runs. */

#include <stdio.h>
#include <string.h>

#include "ctl/call.h"
#include "ctl/ctl.h"
#include "ctl/instance.h"
#include "ctl/json.h"
#include "ctl/latency.h"
#include "ctl/term.h"
#include "ctl/units.h"

static struct {
	uint64_t timeout_ms;
} opts = { .timeout_ms = 10000 };

struct watched {
	char name[sizeof(((struct cal_state_service *)0)->name)];
	int32_t old_pid;
	int32_t pid; /* of the new process, once it runs */
	double took_ms;
};

struct watch {
	struct watched services[CAL_STATE_MAX_SERVICES];
	unsigned num;
};

/* Remember the pids from before. `all` means the ones that are wanted. */
static void
watch_begin(struct watch *w, const struct cal_state_file *state, const char *which)
{
	bool all = strcmp(which, "all") == 0;
	unsigned i;

	w->num = 0;
	for (i = 0; i < ctl_instance_num_services(state); i++) {
		const struct cal_state_service *s = &state->services[i];

		if (all ? s->state == CAL_SERVICE_OFF : strcmp(s->name, which) != 0) {
			continue;
		}
		w->services[w->num] = (struct watched){ .old_pid = s->pid };
		snprintf(w->services[w->num].name, sizeof(w->services[w->num].name), "%s", s->name);
		w->num++;
	}
}

/* Returns how many are still to come. */
static unsigned
watch_look(struct watch *w, const struct cal_state_file *state, double passed_ms)
{
	unsigned missing = 0, i, k;

	for (i = 0; i < w->num; i++) {
		struct watched *one = &w->services[i];

		for (k = 0; k < ctl_instance_num_services(state) && one->pid == 0; k++) {
			const struct cal_state_service *s = &state->services[k];

			if (strcmp(s->name, one->name) == 0 && s->state == CAL_SERVICE_RUNNING &&
			    s->pid != 0 && s->pid != one->old_pid) {
				one->pid = s->pid;
				one->took_ms = passed_ms;
			}
		}
		missing += one->pid == 0;
	}
	return missing;
}

/* Is it the one from before that runs? */
static bool
is_running(const struct cal_state_file *state, const struct watched *one)
{
	unsigned k;

	for (k = 0; k < ctl_instance_num_services(state); k++) {
		const struct cal_state_service *s = &state->services[k];

		if (strcmp(s->name, one->name) == 0) {
			return s->state == CAL_SERVICE_RUNNING && s->pid == one->old_pid;
		}
	}
	return false;
}

static int
give_up(const struct ctl *ctl, const struct watch *w, const struct cal_state_file *state)
{
	unsigned i;

	ctl_progress_end();
	for (i = 0; i < w->num; i++) {
		if (w->services[i].pid == 0 && is_running(state, &w->services[i])) {
			ctl_error("%s was not replaced within %.3g s, pid %d goes on; `calctl -i "
			          "%d logs %s` may say why",
			          w->services[i].name, (double)opts.timeout_ms / 1000,
			          w->services[i].old_pid, ctl->instance, w->services[i].name);
		} else if (w->services[i].pid == 0) {
			ctl_error(
				"%s does not run after %.3g s; `calctl -i %d logs %s` may say why",
				w->services[i].name, (double)opts.timeout_ms / 1000, ctl->instance,
				w->services[i].name);
		}
	}
	return CTL_FAILED;
}

static int
watch_wait(const struct ctl *ctl, struct watch *w, uint64_t begin)
{
	struct cal_state_file state;
	double passed_ms;
	bool alive;
	char err[256];

	for (;;) {
		if (ctl_instance_read(ctl, &state, &alive, err, sizeof(err)) != 0 || !alive) {
			ctl_progress_end();
			ctl_error("the primary of instance %d is gone", ctl->instance);
			return CTL_NO_PRIMARY;
		}
		passed_ms = (double)(ctl_now_ns() - begin) / 1e6;
		if (watch_look(w, &state, passed_ms) == 0) {
			ctl_progress_end();
			return CTL_OK;
		}
		if (passed_ms >= (double)opts.timeout_ms) {
			return give_up(ctl, w, &state);
		}
		if (passed_ms >= 1000 && !ctl->json) {
			ctl_progress("waiting for the new process, %.1f s", passed_ms / 1000);
		}
		ctl_sleep_ms(1);
	}
}

static void
print(const struct ctl *ctl, const struct watch *w)
{
	struct json_object *array = json_object_new_array(), *item;
	unsigned i;

	for (i = 0; i < w->num; i++) {
		const struct watched *one = &w->services[i];

		if (!ctl->json) {
			printf("%s runs again after %s: pid %d, was %d\n", one->name,
			       ctl_units_latency(one->took_ms * 1000).s, one->pid, one->old_pid);
			continue;
		}
		item = json_object_new_object();
		ctl_json_put_str(item, "name", one->name);
		ctl_json_put(item, "pid", json_object_new_int(one->pid));
		ctl_json_put(item, "old_pid", json_object_new_int(one->old_pid));
		ctl_json_put(item, "took_ms", ctl_json_new_double(one->took_ms, 3));
		json_object_array_add(array, item);
	}
	if (ctl->json) {
		ctl_json_print_line(stdout, array);
	}
	json_object_put(array);
}

static int
run(struct ctl *ctl, int argc, char **argv)
{
	struct json_object *params, *result;
	struct cal_state_file state;
	struct watch watch;
	uint64_t begin;
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
	watch_begin(&watch, &state, argv[0]);
	params = json_object_new_object();
	ctl_json_put_str(params, "name", argv[0]);
	begin = ctl_now_ns();
	rc = ctl_call(ctl, "cal_service_restart", params, &result);
	json_object_put(params);
	if (rc != CTL_OK) {
		return rc;
	}
	json_object_put(result);
	rc = watch_wait(ctl, &watch, begin);
	if (rc == CTL_OK) {
		print(ctl, &watch);
	}
	return rc;
}

static const struct ctl_option options[] = {
	{ "timeout", 0, CTL_OPT_SECONDS, &opts.timeout_ms, "S",
	  "wait so long for the new process (default 10)" },
	{ 0 },
};

static struct ctl_command command = {
	.name = "service restart",
	.args = "NAME|all",
	.summary = "replace a service's process; I/O goes on",
	.details = "Waits until the new process runs and says how long that took. A new cal-rpcd\n"
		   "takes clients and requests over from the old one: they notice nothing.",
	.group = CTL_GROUP_INSTANCE,
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
CTL_COMMAND_REGISTER(command)
