/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* `status`: reads the state file and the stats segment and asks nobody, so it answers for a primary
 * that hangs, that is stopped, or that crashed. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <x86intrin.h>

#include "calandria/stats.h"
#include "ctl/ctl.h"
#include "ctl/instance.h"
#include "ctl/json.h"
#include "ctl/latency.h"
#include "ctl/orphans.h"
#include "ctl/table.h"
#include "ctl/units.h"
#include "ctl/wait_state.h"

/* A reactor that has not begun an iteration for so long does not run, unless it sleeps. */
#define STALE_S   1.0
#define LASTING_S 0.01

static struct {
	const char *wait;
	uint64_t timeout_ms;
} opts = { .timeout_ms = 30000 };

/* What both outputs are made of. */
struct picture {
	int instance;
	bool alive;
	bool stopped_by_signal;
	double uptime_s; /* 0 when dead */
	struct cal_state_file state;
	struct cal_stats_view view;
	bool has_stats;
};

struct heartbeat {
	double age_s; /* negative: it has not begun yet */
	bool asleep;
	bool stale;
};

static double
seconds_since(uint64_t realtime_ns)
{
	struct timespec now;
	double age;

	clock_gettime(CLOCK_REALTIME, &now);
	age = (double)now.tv_sec + (double)now.tv_nsec / 1e9 - (double)realtime_ns / 1e9;
	return realtime_ns != 0 && age > 0 ? age : 0;
}

/* State T in /proc/PID/stat: SIGSTOP or a debugger. */
static bool
is_stopped(pid_t pid)
{
	char path[64], line[512], *paren;
	bool stopped = false;
	FILE *in;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	in = fopen(path, "re");
	if (in == NULL) {
		return false;
	}
	if (fgets(line, sizeof(line), in) != NULL && (paren = strrchr(line, ')')) != NULL) {
		stopped = paren[1] == ' ' && (paren[2] == 'T' || paren[2] == 't');
	}
	fclose(in);
	return stopped;
}

static int
picture_take(const struct ctl *ctl, struct picture *p, char *err, size_t err_size)
{
	int rc;

	memset(p, 0, sizeof(*p));
	p->instance = ctl->instance;
	rc = ctl_instance_read(ctl, &p->state, &p->alive, err, err_size);
	if (rc != 0) {
		return rc;
	}
	if (p->alive) {
		p->uptime_s = seconds_since(p->state.main.started_ns);
		p->stopped_by_signal = is_stopped(p->state.main.pid);
	}
	/* Before the env state there is none, and that is no error. */
	p->has_stats = cal_stats_open(ctl->instance, &p->view) == 0;
	return 0;
}

static void
picture_drop(struct picture *p)
{
	if (p->has_stats) {
		cal_stats_close(&p->view);
		p->has_stats = false;
	}
}

static struct heartbeat
heartbeat_of(const struct picture *p, const struct cal_stats_reactor *r)
{
	struct heartbeat h = { .age_s = -1 };
	uint64_t beat = __atomic_load_n(&r->heartbeat_tsc, __ATOMIC_RELAXED);
	uint64_t now = __rdtsc();

	if (beat == 0 || p->view.header->tsc_hz == 0) {
		return h;
	}
	h.age_s = now > beat ? (double)(now - beat) / (double)p->view.header->tsc_hz : 0;
	h.asleep =
		r->in_interrupt && r->running_what == CAL_RUNNING_NOTHING && r->running_thread == 0;
	h.stale = h.age_s >= STALE_S && !h.asleep;
	return h;
}

static const char *
running_name(uint32_t what)
{
	switch (what) {
	case CAL_RUNNING_POLLER:
		return "poller";
	case CAL_RUNNING_MESSAGE:
		return "message";
	case CAL_RUNNING_EVENT:
		return "event";
	case CAL_RUNNING_INTERRUPT:
		return "interrupt";
	default:
		return "nothing";
	}
}

static struct json_object *
reactors_json(const struct picture *p)
{
	struct json_object *array = json_object_new_array(), *item, *running;
	unsigned i;

	for (i = 0; p->has_stats && i < CAL_STATS_MAX_REACTORS; i++) {
		const struct cal_stats_reactor *r = &p->view.reactors[i];
		struct heartbeat h = heartbeat_of(p, r);
		char address[24];

		if (!r->in_use) {
			continue;
		}
		item = json_object_new_object();
		ctl_json_put_u64(item, "lcore", r->lcore);
		ctl_json_put(item, "tid", json_object_new_int(r->tid));
		ctl_json_put_u64(item, "threads", r->threads);
		ctl_json_put_u64(item, "busy", r->busy_tsc);
		ctl_json_put_u64(item, "idle", r->idle_tsc);
		ctl_json_put_u64(item, "iterations", r->iterations);
		ctl_json_put(item, "in_interrupt", json_object_new_boolean(r->in_interrupt));
		ctl_json_put(item, "heartbeat_age_ms",
		             h.age_s < 0 ? NULL : ctl_json_new_double(h.age_s * 1000, 3));
		ctl_json_put(item, "stale", json_object_new_boolean(h.stale));
		if (r->running_what != CAL_RUNNING_NOTHING) {
			snprintf(address, sizeof(address), "0x%" PRIx64, r->running_fn);
			running = json_object_new_object();
			ctl_json_put_str(running, "what", running_name(r->running_what));
			ctl_json_put_u64(running, "thread", r->running_thread);
			ctl_json_put_str(running, "function", address);
			ctl_json_put(item, "running", running);
		}
		json_object_array_add(array, item);
	}
	return array;
}

static struct json_object *
memory_json(const struct picture *p)
{
	struct json_object *memory = json_object_new_object();
	uint64_t total = 0, used = 0, allocs = 0;

	if (p->has_stats) {
		total = p->view.memory->heap_bytes;
		used = p->view.memory->heap_used_bytes;
		allocs = p->view.memory->heap_allocs;
	}
	ctl_json_put_u64(memory, "heap_bytes", total);
	ctl_json_put_u64(memory, "heap_free_bytes", total > used ? total - used : 0);
	ctl_json_put_u64(memory, "heap_allocs", allocs);
	return memory;
}

static void
describe_death(const struct cal_state_main *m, char *text, size_t size)
{
	snprintf(text, size, "it was %s%s%s%s", cal_run_state_name(m->state),
	         m->doing[0] != '\0' ? " (" : "", m->doing, m->doing[0] != '\0' ? ")" : "");
}

/* States that it was in before the present one, in their order. Returns the next after `state`. */
static uint32_t
next_passed(const struct cal_state_main *m, uint32_t state)
{
	do {
		state++;
	} while (state < CAL_RUN_NUM_STATES &&
	         (m->entered_mono_ns[state] == 0 || state == m->state));
	return state;
}

static struct json_object *
passed_json(const struct cal_state_main *m)
{
	struct json_object *array = json_object_new_array(), *item;
	uint32_t i;

	for (i = next_passed(m, CAL_RUN_NONE); i < CAL_RUN_NUM_STATES; i = next_passed(m, i)) {
		item = json_object_new_object();
		ctl_json_put_str(item, "state", cal_run_state_name(i));
		ctl_json_put_str(item, "since", ctl_units_time(m->entered_ns[i], true).s);
		ctl_json_put(item, "spent_s",
		             ctl_json_new_double((double)cal_state_spent_ns(m, i) / 1e9, 6));
		json_object_array_add(array, item);
	}
	return array;
}

static void
print_passed(const struct cal_state_main *m)
{
	const char *lead = "  passed    ";
	size_t column = 0, len;
	char text[64];
	uint32_t i;

	for (i = next_passed(m, CAL_RUN_NONE); i < CAL_RUN_NUM_STATES; i = next_passed(m, i)) {
		uint64_t ns = cal_state_spent_ns(m, i);

		snprintf(text, sizeof(text), "%s %s%s", cal_run_state_name(i),
		         ns < 1000000000u ? ctl_units_latency((double)ns / 1e3).s
		                          : ctl_units_duration((double)ns / 1e9).s,
		         next_passed(m, i) < CAL_RUN_NUM_STATES ? "," : "");
		len = strlen(text) + 1;
		if (column == 0 || column + len > 80) {
			printf("%s%s", column == 0 ? "" : "\n",
			       column == 0 ? lead : "            ");
			column = strlen(lead);
		}
		printf("%s%s", column > strlen(lead) ? " " : "", text);
		column += len;
	}
	printf("%s", column > 0 ? "\n" : "");
}

static void
print_json(const struct picture *p)
{
	const struct cal_state_main *m = &p->state.main;
	struct json_object *root = json_object_new_object();
	bool crashed = !p->alive && m->state != CAL_RUN_FAILED && m->state != CAL_RUN_STOPPED &&
	               m->state != CAL_RUN_NONE;
	char death[256], reason[512];

	/* A primary that died without saying so is what `failed` means to a script. */
	ctl_json_put_str(root, "state", crashed ? "failed" : cal_run_state_name(m->state));
	ctl_json_put(root, "since",
	             m->since_ns == 0
	                     ? NULL
	                     : json_object_new_string(ctl_units_time(m->since_ns, true).s));
	if (crashed) {
		describe_death(m, death, sizeof(death));
		snprintf(reason, sizeof(reason),
		         "the primary (pid %d) died without an orderly stop; %s", m->pid, death);
		ctl_json_put_str(root, "reason", reason);
		ctl_json_put_str(root, "last_state", cal_run_state_name(m->state));
	} else if (m->reason[0] != '\0') {
		ctl_json_put_str(root, "reason", m->reason);
	}
	if (p->alive) {
		ctl_json_put(root, "state_s",
		             ctl_json_new_double((double)cal_state_spent_ns(m, m->state) / 1e9, 3));
	}
	if (m->doing[0] != '\0') {
		ctl_json_put_str(root, "doing", m->doing);
	}
	if (m->doing[0] != '\0' && p->alive) {
		ctl_json_put(root, "doing_s",
		             ctl_json_new_double((double)cal_state_doing_ns(m) / 1e9, 3));
	}
	ctl_json_put(root, "passed", passed_json(m));
	ctl_json_put(root, "pid", json_object_new_int(m->pid));
	ctl_json_put(root, "alive", json_object_new_boolean(p->alive));
	ctl_json_put(root, "stopped_by_signal", json_object_new_boolean(p->stopped_by_signal));
	ctl_json_put(root, "instance", json_object_new_int(p->instance));
	ctl_json_put_str(root, "app", m->app_name);
	ctl_json_put_str(root, "version", m->version);
	ctl_json_put_str(root, "rpc_socket", m->rpc_socket);
	ctl_json_put(root, "uptime_s", ctl_json_new_double(p->uptime_s, 3));
	ctl_json_put(root, "memory", memory_json(p));
	ctl_json_put(root, "reactors", reactors_json(p));
	ctl_json_put(root, "services", ctl_services_json(p->instance, &p->state, p->alive));
	ctl_json_print_line(stdout, root);
	json_object_put(root);
}

/* The same shape when there is nothing to look at, for scripts that poll. */
static void
print_json_none(const struct ctl *ctl, const char *reason)
{
	struct picture p = { .instance = ctl->instance };

	p.state.main.state = CAL_RUN_NONE;
	snprintf(p.state.main.reason, sizeof(p.state.main.reason), "%s", reason);
	print_json(&p);
}

static enum ctl_colour
state_colour(uint32_t state)
{
	return state == CAL_RUN_RUNNING  ? CTL_GREEN
	       : state == CAL_RUN_FAILED ? CTL_RED
	                                 : CTL_YELLOW;
}

static void
print_head(const struct picture *p, const struct ctl_term *term)
{
	const struct cal_state_main *m = &p->state.main;
	enum ctl_colour colour = p->alive ? state_colour(m->state) : CTL_RED;
	bool failed_start = !p->alive && m->state == CAL_RUN_FAILED;
	char death[256];

	printf("Instance %d: %s%s%s", p->instance, ctl_term_begin(term, colour),
	       p->alive || failed_start ? cal_run_state_name(m->state) : "dead",
	       ctl_term_end(term, colour));
	if (p->alive) {
		printf(" for %s (since %s)\n",
		       ctl_units_duration((double)cal_state_spent_ns(m, m->state) / 1e9).s,
		       ctl_units_time(m->since_ns, false).s);
	} else if (failed_start) {
		printf(", at %s\n", ctl_units_time(m->since_ns, false).s);
	} else {
		describe_death(m, death, sizeof(death));
		printf(", %s\n", death);
	}
	printf("  process   %s %s, pid %d%s\n", m->app_name, m->version, m->pid,
	       p->alive ? "" : " (gone)");
	if (p->stopped_by_signal) {
		printf("  %snote%s      the process is stopped by a signal: `kill -CONT %d` lets "
		       "it go on\n",
		       ctl_term_begin(term, CTL_RED), ctl_term_end(term, CTL_RED), m->pid);
	}
	if (m->rpc_socket[0] != '\0') {
		printf("  JSON-RPC  %s\n", m->rpc_socket);
	}
	if (m->doing[0] != '\0' && p->alive) {
		printf("  doing     %s, for %s\n", m->doing,
		       ctl_units_duration((double)cal_state_doing_ns(m) / 1e9).s);
	}
	print_passed(m);
	if (m->reason[0] != '\0') {
		printf("  %s  %s\n", m->state == CAL_RUN_FAILED ? "reason  " : "error   ",
		       m->reason);
	}
	if (p->has_stats) {
		const struct cal_stats_memory *memory = p->view.memory;

		printf("  memory    %s, %s used (%s), %" PRIu64 " allocations\n",
		       ctl_units_bytes(memory->heap_bytes).s,
		       ctl_units_bytes(memory->heap_used_bytes).s,
		       ctl_units_percent((double)memory->heap_used_bytes,
		                         (double)memory->heap_bytes)
		               .s,
		       memory->heap_allocs);
	}
}

static void
add_reactor(struct ctl_table *table, const struct picture *p, const struct cal_stats_reactor *r)
{
	struct heartbeat h = heartbeat_of(p, r);
	const char *how = !p->alive     ? "dead"
	                  : h.age_s < 0 ? "starting"
	                  : h.stale     ? "STALE"
	                  : h.asleep    ? "asleep"
	                                : "ok";

	ctl_table_add(table, CTL_PLAIN, "%u", r->lcore);
	ctl_table_add(table, !p->alive || h.stale ? CTL_RED : CTL_GREEN, "%s", how);
	ctl_table_add(table, CTL_PLAIN, h.age_s < 0 ? "-" : "%s ago",
	              h.age_s < 1 ? ctl_units_latency(h.age_s * 1e6).s
	                          : ctl_units_duration(h.age_s).s);
	ctl_table_add(table, CTL_PLAIN, "%s", r->in_interrupt ? "interrupt" : "poll");
	ctl_table_add(
		table, CTL_PLAIN, "%s",
		ctl_units_percent((double)r->busy_tsc, (double)(r->busy_tsc + r->idle_tsc)).s);
	ctl_table_add(table, CTL_PLAIN, "%u", r->threads);
	ctl_table_add(table, CTL_PLAIN, "%d", r->tid);
	/* What has run for an instant only is different at every look. */
	if (r->running_what == CAL_RUNNING_NOTHING || (p->alive && h.age_s < LASTING_S)) {
		ctl_table_add(table, CTL_PLAIN, "-");
	} else {
		ctl_table_add(table, CTL_PLAIN, "%s of thread %" PRIu64 ", 0x%" PRIx64,
		              running_name(r->running_what), r->running_thread, r->running_fn);
	}
}

/* A dead one's services that stay. */
static void
print_left(const struct ctl *ctl, const struct picture *p)
{
	struct ctl_orphan orphans[CTL_MAX_ORPHANS];
	unsigned i, num = ctl_orphans_find(ctl, &p->state, orphans);

	if (num > 0) {
		printf("  left      ");
		for (i = 0; i < num; i++) {
			printf("%scal-%s (pid %d)", i > 0 ? ", " : "", orphans[i].name,
			       orphans[i].pid);
		}
		printf(": the next primary's take over, or `calctl -i %d stop` ends %s\n",
		       p->instance, num > 1 ? "them" : "it");
	}
	ctl_orphans_close(orphans, num);
}

static int
print_human(const struct ctl *ctl, const struct picture *p)
{
	static const struct ctl_column columns[] = {
		{ "REACTOR", .right = true },   { "STATE" },
		{ "HEARTBEAT", .right = true }, { "MODE" },
		{ "BUSY", .right = true },      { "THREADS", .right = true },
		{ "TID", .right = true },       { "RUNNING NOW", .elastic = true },
	};
	const struct ctl_term *term = ctl_term();
	struct ctl_table table;
	unsigned i, n = 0;

	print_head(p, term);
	if (!p->alive) {
		print_left(ctl, p);
	}
	ctl_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (i = 0; p->has_stats && i < CAL_STATS_MAX_REACTORS; i++) {
		if (p->view.reactors[i].in_use) {
			add_reactor(&table, p, &p->view.reactors[i]);
			n++;
		}
	}
	if (n > 0) {
		printf("\n");
		ctl_table_print(&table, stdout, term, 0);
	}
	ctl_table_free(&table);
	if (ctl_instance_num_services(&p->state) > 0) {
		printf("\n");
		ctl_services_print(stdout, term, p->instance, &p->state, p->alive);
	}
	return CTL_OK;
}

static int
run(struct ctl *ctl, int argc, char **argv)
{
	struct picture p;
	int rc, wanted = -1, waited = CTL_OK;
	char err[256];

	if (opts.wait != NULL) {
		wanted = ctl_wait_state_find(opts.wait);
		if (wanted < 0) {
			return CTL_USAGE;
		}
		waited = ctl_wait_state(ctl, (uint32_t)wanted, opts.timeout_ms);
		if (waited != CTL_OK && !ctl->json) {
			return waited;
		}
	}
	rc = picture_take(ctl, &p, err, sizeof(err));
	if (rc != 0) {
		if (ctl->json) {
			print_json_none(ctl, err);
		}
		if (waited != CTL_OK) {
			return waited;
		}
		if (rc == -ENOENT && wanted == CAL_RUN_STOPPED) {
			if (!ctl->json) {
				printf("Instance %d: stopped\n", ctl->instance);
			}
			return CTL_OK;
		}
		ctl_error("%s", err);
		return CTL_NO_PRIMARY;
	}
	if (ctl->json) {
		print_json(&p);
		rc = CTL_OK;
	} else {
		rc = print_human(ctl, &p);
	}
	if (waited != CTL_OK) {
		rc = waited;
	} else if (rc == CTL_OK && !p.alive && wanted != CAL_RUN_STOPPED &&
	           wanted != CAL_RUN_FAILED) {
		rc = CTL_NO_PRIMARY;
	}
	picture_drop(&p);
	return rc;
}

static const struct ctl_option options[] = {
	{ "wait", 0, CTL_OPT_STRING, &opts.wait, "STATE",
	  "first wait until it has reached this state: env,\nstartup_rpc, subsystem_init, config, "
	  "running,\n"
	  "stopping, stopped, failed" },
	{ "timeout", 0, CTL_OPT_SECONDS, &opts.timeout_ms, "S",
	  "for at most so long (default 30)" },
	{ 0 },
};

static struct ctl_command command = {
	.name = "status",
	.summary = "how an instance is, even if it hangs or has crashed",
	.details =
		"Reads the state file and the stats segment and asks nobody. A reactor that has\n"
		"not begun an iteration for a second and does not sleep is STALE. Of a primary\n"
		"that died it shows what it was doing; the exit status is then 3.\n"
		"\n"
		"--wait ends with 0 when the state is reached, or was on the way to a later one;\n"
		"with 1 when it cannot be reached any more or was not in time, and says why or\n"
		"what was going on; with 3 when no primary came. The instance need not be there\n"
		"yet, and one that is gone has stopped.",
	.group = CTL_GROUP_INSTANCE,
	.options = options,
	.run = run,
};
CTL_COMMAND_REGISTER(command)
