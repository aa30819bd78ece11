/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "calandria/instance.h"
#include "ctl/instance.h"
#include "ctl/json.h"
#include "ctl/table.h"
#include "ctl/units.h"

/* Append ", 3" for every instance that runs. */
static void
list_running(char *text, size_t size)
{
	char root[CAL_PATH_MAX];
	struct dirent *entry;
	size_t len = 0;
	uint64_t id;
	DIR *dir;

	text[0] = '\0';
	if (cal_instance_path(root, sizeof(root), 0, "") != 0) {
		return;
	}
	for (len = strlen(root); len > 0 && root[len - 1] == '/'; len--) {
		root[len - 1] = '\0';
	}
	if (strrchr(root, '/') == NULL) {
		return;
	}
	*strrchr(root, '/') = '\0';
	dir = opendir(root);
	if (dir == NULL) {
		return;
	}
	for (len = 0; (entry = readdir(dir)) != NULL;) {
		if (ctl_units_parse_number(entry->d_name, &id) == 0 && id <= INT32_MAX &&
		    cal_instance_owner((int)id) > 0 && len + 16 < size) {
			len += (size_t)snprintf(text + len, size - len, "%s%d", len ? ", " : "",
			                        (int)id);
		}
	}
	closedir(dir);
}

int
ctl_instance_read(const struct ctl *ctl, struct cal_state_file *state, bool *alive, char *err,
                  size_t err_size)
{
	char running[128];
	int rc = cal_state_read(ctl->instance, state, alive);

	switch (rc) {
	case 0:
		break;
	case -ENOENT:
		list_running(running, sizeof(running));
		if (running[0] != '\0') {
			snprintf(err, err_size,
			         "no primary of instance %d runs; choose another with -i (running: "
			         "%s)",
			         ctl->instance, running);
		} else {
			snprintf(err, err_size,
			         "no primary of instance %d runs; start one with `calandria -i %d`",
			         ctl->instance, ctl->instance);
		}
		break;
	case -EACCES:
		snprintf(err, err_size,
		         "no permission to look at instance %d; try as root, as its user, or as a "
		         "member of its --gate-group",
		         ctl->instance);
		break;
	case -EPROTO:
		snprintf(err, err_size,
		         "the state file of instance %d is of another version; use its calctl",
		         ctl->instance);
		break;
	default:
		snprintf(err, err_size, "cannot read the state of instance %d: %s", ctl->instance,
		         strerror(-rc));
	}
	return rc;
}

unsigned
ctl_instance_num_services(const struct cal_state_file *state)
{
	return state->num_services < CAL_STATE_MAX_SERVICES ? state->num_services
	                                                    : CAL_STATE_MAX_SERVICES;
}

/* How its last process ended, or why there was none. */
static struct ctl_text
last_end(const struct cal_state_service *s)
{
	struct ctl_text text = { "-" };
	const char *name;

	if (s->start_error != 0) {
		name = strerrorname_np(s->start_error);
		snprintf(text.s, sizeof(text.s), "start %s", name != NULL ? name : "failed");
	} else if (WIFSIGNALED(s->last_status)) {
		name = sigabbrev_np(WTERMSIG(s->last_status));
		snprintf(text.s, sizeof(text.s), "SIG%s", name != NULL ? name : "?");
	} else if (s->last_status != 0) {
		snprintf(text.s, sizeof(text.s), "exit %d", WEXITSTATUS(s->last_status));
	}
	return text;
}

static bool
log_path(int instance, const struct cal_state_service *s, char *path, size_t size)
{
	char rel[32];

	snprintf(rel, sizeof(rel), "%s/%.15s.log", CAL_LOG_DIR, s->name);
	return s->since_ns != 0 && cal_instance_path(path, size, instance, rel) == 0;
}

struct json_object *
ctl_services_json(int instance, const struct cal_state_file *state, bool alive)
{
	struct json_object *array = json_object_new_array(), *item;
	char path[CAL_PATH_MAX];
	unsigned i;

	for (i = 0; i < ctl_instance_num_services(state); i++) {
		const struct cal_state_service *s = &state->services[i];

		item = json_object_new_object();
		ctl_json_put_str(item, "name", s->name);
		ctl_json_put(item, "pid", json_object_new_int(alive ? s->pid : 0));
		ctl_json_put_str(item, "state",
		                 cal_service_state_name(alive ? s->state : CAL_SERVICE_OFF));
		ctl_json_put_u64(item, "restarts", s->restarts);
		ctl_json_put_u64(item, "ends_in_row", s->ends_in_row);
		if (s->last_status != 0 || s->start_error != 0) {
			ctl_json_put_str(item, "last_end", last_end(s).s);
		}
		if (log_path(instance, s, path, sizeof(path))) {
			ctl_json_put_str(item, "log", path);
		}
		if (s->binary[0] != '\0') {
			ctl_json_put_str(item, "binary", s->binary);
		}
		if (s->metrics[0] != '\0' && alive) {
			ctl_json_put_str(item, "metrics", s->metrics);
		}
		json_object_array_add(array, item);
	}
	return array;
}

static void
add_service(struct ctl_table *table, const struct cal_state_service *s, bool alive)
{
	uint32_t state = alive ? s->state : CAL_SERVICE_OFF;
	bool is_bad = state == CAL_SERVICE_BACKOFF || state == CAL_SERVICE_HUNG ||
	              state == CAL_SERVICE_CRASH_LOOP;
	enum ctl_colour colour = state == CAL_SERVICE_RUNNING ? CTL_GREEN
	                         : is_bad                     ? CTL_RED
	                                                      : CTL_YELLOW;
	struct timespec now;
	double age;

	clock_gettime(CLOCK_REALTIME, &now);
	age = (double)now.tv_sec + (double)now.tv_nsec / 1e9 - (double)s->since_ns / 1e9;
	ctl_table_add(table, CTL_PLAIN, "%s", s->name);
	ctl_table_add(table, colour, "%s", cal_service_state_name(state));
	ctl_table_add(table, CTL_PLAIN, alive && s->pid > 0 ? "%d" : "-", s->pid);
	ctl_table_add(table, CTL_PLAIN, "%s",
	              alive && s->since_ns != 0 && age >= 0 ? ctl_units_duration(age).s : "-");
	ctl_table_add(table, CTL_PLAIN, "%u", s->restarts);
	ctl_table_add(table, CTL_PLAIN, "%s", last_end(s).s);
	ctl_table_add(table, CTL_PLAIN, "%s", alive && s->metrics[0] != '\0' ? s->metrics : "-");
}

/* What has no place in the table. */
static void
print_notes(FILE *out, int instance, const struct cal_state_service *s)
{
	char path[CAL_PATH_MAX];

	if (s->binary[0] != '\0') {
		fprintf(out, "  %s is %s (`service restart %s --binary default` goes back)\n",
		        s->name, s->binary, s->name);
	}
	if (s->state == CAL_SERVICE_HUNG) {
		fprintf(out,
		        "  %s does not answer the primary; it is killed and started again unless a "
		        "debugger holds it\n",
		        s->name);
	}
	if ((s->state == CAL_SERVICE_CRASH_LOOP || s->state == CAL_SERVICE_BACKOFF) &&
	    log_path(instance, s, path, sizeof(path))) {
		fprintf(out, "  %s ended %u time%s in a row, last: %s; see %s\n", s->name,
		        s->ends_in_row, s->ends_in_row == 1 ? "" : "s", last_end(s).s, path);
	}
}

int
ctl_services_print(FILE *out, const struct ctl_term *term, int instance,
                   const struct cal_state_file *state, bool alive)
{
	static const struct ctl_column columns[] = {
		{ "SERVICE" },
		{ "STATE" },
		{ "PID", .right = true },
		{ "FOR", .right = true },
		{ "RESTARTS", .right = true },
		{ "LAST END" },
		{ "METRICS", .elastic = true },
	};
	struct ctl_table table;
	unsigned i;
	int rc;

	ctl_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (i = 0; i < ctl_instance_num_services(state); i++) {
		add_service(&table, &state->services[i], alive);
	}
	rc = ctl_table_print(&table, out, term, 0);
	ctl_table_free(&table);
	for (i = 0; i < ctl_instance_num_services(state) && alive; i++) {
		print_notes(out, instance, &state->services[i]);
	}
	return rc;
}
