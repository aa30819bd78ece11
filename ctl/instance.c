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
		         "no permission to look at instance %d; try as root or as its user",
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

struct json_object *
ctl_services_json(const struct cal_state_file *state, bool alive)
{
	struct json_object *array = json_object_new_array(), *item;
	unsigned i;

	for (i = 0; i < ctl_instance_num_services(state); i++) {
		const struct cal_state_service *s = &state->services[i];

		item = json_object_new_object();
		ctl_json_put_str(item, "name", s->name);
		ctl_json_put(item, "pid", json_object_new_int(alive ? s->pid : 0));
		ctl_json_put_str(item, "state",
		                 cal_service_state_name(alive ? s->state : CAL_SERVICE_OFF));
		ctl_json_put_u64(item, "restarts", s->restarts);
		if (s->metrics[0] != '\0' && alive) {
			ctl_json_put_str(item, "metrics", s->metrics);
		}
		json_object_array_add(array, item);
	}
	return array;
}

static struct ctl_text
last_end(int status)
{
	struct ctl_text text = { "-" };

	if (WIFSIGNALED(status)) {
		const char *name = sigabbrev_np(WTERMSIG(status));

		snprintf(text.s, sizeof(text.s), "SIG%s", name != NULL ? name : "?");
	} else if (status != 0) {
		snprintf(text.s, sizeof(text.s), "exit %d", WEXITSTATUS(status));
	}
	return text;
}

static void
add_service(struct ctl_table *table, const struct cal_state_service *s, bool alive)
{
	uint32_t state = alive ? s->state : CAL_SERVICE_OFF;
	enum ctl_colour colour = state == CAL_SERVICE_RUNNING   ? CTL_GREEN
	                         : state == CAL_SERVICE_BACKOFF ? CTL_RED
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
	ctl_table_add(table, CTL_PLAIN, "%s", last_end(s->last_status).s);
	ctl_table_add(table, CTL_PLAIN, "%s", alive && s->metrics[0] != '\0' ? s->metrics : "-");
}

int
ctl_services_print(FILE *out, const struct ctl_term *term, const struct cal_state_file *state,
                   bool alive)
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
	return rc;
}
