/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* cal-mond: the monitor. It has a link to the primary like the other services, but what it answers
 * it takes from the state file, the stats segment and its BPF maps, so that it goes on answering
 * while reactors hang. When the primary dies it keeps its socket and says so to whoever asks, until
 * the next primary's monitor takes over. */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "calandria/instance.h"
#include "calandria/state.h"
#include "calandria/stats.h"
#include "calandria/version.h"
#include "core/util/systemd.h"
#include "ipc/client/client.h"
#include "ipc/client/monitor.h"
#include "services/mond/server.h"
#include "services/mond/trace.h"
#include "services/sandbox/sandbox.h"

/* Without these a trace of a busy reactor would be all probe: 10^7 runs a second at a microsecond.
 */
#define DEFAULT_MIN_US 50
#define DEFAULT_SAMPLE 4096
/* A primary whose link is gone has this long to be seen dead: its connections are closed a little
 * before it is. */
#define DYING_MS 200
/* How often one without a primary looks whether it is dead, and whether the socket is still its. */
#define DYING_STEP_MS 10
#define ORPHAN_MS     1000
/* One that serves may be on its way out. */
#define WAIT_MS  1500
#define RETRY_MS 20

#define RPC_INTERNAL_ERROR -32603

static struct {
	int instance;
	struct cal_client *client; /* NULL: the primary is gone */
	pid_t primary_pid;
	int primary_pidfd;
	uint64_t lost_ns;  /* CLOCK_REALTIME */
	uint64_t lost_ms;  /* uv_now() */
	bool primary_died; /* it was seen */
	struct trace_target target;
	char path[CAL_PATH_MAX];
	struct takeover takeover;
	uv_loop_t loop;
	uv_poll_t gate;
	uv_prepare_t before_sleep;
	uv_timer_t alive;
	uv_timer_t orphan;
	uv_signal_t term;
	uv_signal_t intr;
	bool stop_asked; /* by a signal, while a successor takes over */
	bool ending;
	int status;
} g = { .primary_pidfd = -1 };

/* --- the end ---------------------------------------------------------------------------------- */

static void
end(int status, bool handed_over)
{
	if (g.ending) {
		return;
	}
	g.ending = true;
	g.status = status;
	server_stop(!handed_over);
	if (g.client != NULL) {
		uv_close((uv_handle_t *)&g.gate, NULL);
	}
	uv_close((uv_handle_t *)&g.before_sleep, NULL);
	uv_close((uv_handle_t *)&g.alive, NULL);
	uv_close((uv_handle_t *)&g.orphan, NULL);
	uv_close((uv_handle_t *)&g.term, NULL);
	uv_close((uv_handle_t *)&g.intr, NULL);
}

static void
got_signal(uv_signal_t *handle, int signum)
{
	if (handover_is_under_way()) {
		/* Half of it is a successor's by now. */
		g.stop_asked = true;
	} else {
		end(0, false);
	}
}

static void
handover_done(bool handed_over)
{
	if (handed_over) {
		end(0, true);
	} else if (g.stop_asked) {
		end(0, false);
	}
}

/* --- the primary's death ---------------------------------------------------------------------- */

static bool
primary_is_dead(void)
{
	struct pollfd pfd = { .fd = g.primary_pidfd, .events = POLLIN };

	return g.primary_pidfd < 0 ? g.client == NULL : poll(&pfd, 1, 0) == 1;
}

static int
may_hand_over(pid_t primary_pid)
{
	if (g.ending) {
		return -EAGAIN;
	}
	return primary_pid != g.primary_pid && !primary_is_dead() ? -EBUSY : 0;
}

static void
orphan_look(uv_timer_t *timer)
{
	if (handover_is_under_way()) {
		return;
	}
	if (!g.primary_died && primary_is_dead()) {
		/* A trace that nobody can show any more is not left attached. */
		g.primary_died = true;
		trace_drop(&g.target);
		uv_timer_set_repeat(timer, ORPHAN_MS);
		uv_timer_again(timer);
	}
	if (!g.primary_died && uv_now(&g.loop) - g.lost_ms > DYING_MS) {
		/* It has cut us off. A new process may be better at it. */
		fprintf(stderr, "cal-mond: the primary has ended the link; ending too\n");
		end(1, false);
	} else if (g.primary_died && !server_name_is_ours()) {
		fprintf(stderr,
		        "cal-mond: %s is not ours any more, and the primary is gone: ending\n",
		        g.path);
		end(0, false);
	}
}

/* Nothing of the primary's memory may stay with us: it would not be free before we end. */
static void
link_lost(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	g.lost_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	fprintf(stderr, "cal-mond: the primary process has ended; requests are answered with its "
	                "state until another's cal-mond takes over\n");
	uv_close((uv_handle_t *)&g.gate, NULL);
	cal_client_close(g.client);
	g.client = NULL;
	cal_client_forget_eal();
	if (g.target.exe_fd >= 0) {
		close(g.target.exe_fd);
		g.target.exe_fd = -1;
	}
	uv_update_time(&g.loop);
	g.lost_ms = uv_now(&g.loop);
	uv_timer_start(&g.orphan, orphan_look, DYING_STEP_MS, DYING_STEP_MS);
}

/* --- the link --------------------------------------------------------------------------------- */

static void
process_link(void)
{
	int rc = cal_client_process(g.client);

	if (rc == -ESHUTDOWN) {
		trace_drop(&g.target);
		end(0, false);
	} else if (rc < 0) {
		link_lost();
	}
}

static void
gate_readable(uv_poll_t *poll, int status, int events)
{
	process_link();
}

static void
arm_before_sleep(uv_prepare_t *prepare)
{
	while (!g.ending && g.client != NULL && cal_client_arm(g.client) == 1) {
		process_link();
	}
}

/* Also without a primary. */
static void
tell_alive(uv_timer_t *timer)
{
	systemd_alive();
}

/* --- requests --------------------------------------------------------------------------------- */

static void
option_set(void *ctx, const struct cal_response *response)
{
	struct codec_span text;
	int code;

	if (response->status == 0 && response->error != NULL &&
	    codec_parse_error(response->error, response->error_len, &code, &text) == 0) {
		fprintf(stderr, "cal-mond: cal_trace_set_options: %d: %.*s\n", code, (int)text.len,
		        (const char *)text.data);
	}
}

/* The primary's thresholds go over the link and are not waited for: a reactor that hangs takes them
 * when it comes back, and meanwhile the old ones hold. */
static int
send_options(uint32_t min_us, uint32_t sample)
{
	struct codec_buf params;
	int rc;

	codec_buf_init(&params);
	codec_put_map(&params, 2);
	codec_put_cstr(&params, "min_us");
	codec_put_uint(&params, min_us);
	codec_put_cstr(&params, "sample");
	codec_put_uint(&params, sample);
	rc = params.failed ? -ENOMEM
	                   : cal_client_send(g.client, "cal_trace_set_options", params.data,
	                                     params.len, option_set, NULL);
	codec_buf_free(&params);
	return rc;
}

static int
param_u32(const struct codec_envelope *request, const char *key, uint32_t fallback, uint32_t *out)
{
	struct codec_cursor cur;
	struct codec_item item;

	*out = fallback;
	if (codec_map_find(request->params.data, request->params.len, key, &cur) != 0) {
		return 0;
	}
	item = codec_next(&cur);
	if (item.kind != CODEC_UINT || item.u > UINT32_MAX) {
		return -EINVAL;
	}
	*out = (uint32_t)item.u;
	return 0;
}

static bool
param_is(const struct codec_envelope *request, const char *key, const char *value)
{
	struct codec_cursor cur;
	struct codec_item item;

	if (codec_map_find(request->params.data, request->params.len, key, &cur) != 0) {
		return false;
	}
	item = codec_next(&cur);
	return item.kind == CODEC_STR && item.str.len == strlen(value) &&
	       memcmp(item.str.data, value, item.str.len) == 0;
}

static bool
method_is(const struct codec_envelope *request, const char *name)
{
	return request->method.len == strlen(name) &&
	       memcmp(request->method.data, name, request->method.len) == 0;
}

static void
handle_start(const struct codec_envelope *request, struct codec_buf *out)
{
	uint32_t min_us, sample;
	char err[512];
	int rc;

	if (param_u32(request, "min_us", DEFAULT_MIN_US, &min_us) != 0 ||
	    param_u32(request, "sample", DEFAULT_SAMPLE, &sample) != 0 || sample == 0) {
		codec_put_error(out, request->id, -32602,
		                "min_us takes microseconds, sample a number from 1 (every run)");
		return;
	}
	rc = trace_start(&g.target, min_us, sample, err, sizeof(err));
	if (rc < 0) {
		codec_put_error(out, request->id, rc, err);
		return;
	}
	rc = send_options(min_us, sample);
	if (rc != 0) {
		codec_put_error(out, request->id, rc, "the primary's thresholds cannot be set");
		return;
	}
	codec_begin_result(out, request->id);
	codec_put_map(out, 2);
	codec_put_cstr(out, "min_us");
	codec_put_uint(out, min_us);
	codec_put_cstr(out, "sample");
	codec_put_uint(out, sample);
}

static void
handle_request(const struct codec_envelope *request, struct codec_buf *out)
{
	bool start = method_is(request, "trace_start"), stop = method_is(request, "trace_stop");
	struct codec_buf rows;
	char err[768];
	int rc;

	if (g.client == NULL) {
		primary_explain(g.instance, g.primary_pid, g.lost_ns, err, sizeof(err));
		codec_put_error(out, request->id, RPC_INTERNAL_ERROR, err);
	} else if (!start && !stop && !method_is(request, "trace_show")) {
		codec_put_error(out, request->id, -32601, "Method not found");
	} else if (!stop && !param_is(request, "what", "pollers")) {
		codec_put_error(out, request->id, -32602, "what can be traced: pollers");
	} else if (start) {
		handle_start(request, out);
	} else if (stop) {
		rc = trace_stop(g.instance, err, sizeof(err));
		if (rc != 0) {
			codec_put_error(out, request->id, rc, err);
			return;
		}
		codec_begin_result(out, request->id);
		codec_put_bool(out, true);
	} else {
		codec_buf_init(&rows);
		rc = trace_show(&g.target, &rows, err, sizeof(err));
		if (rc != 0 || rows.failed) {
			codec_put_error(out, request->id, rc != 0 ? rc : -ENOMEM,
			                rc != 0 ? err : "out of memory");
		} else {
			codec_begin_result(out, request->id);
			codec_put_raw(out, rows.data, rows.len);
		}
		codec_buf_free(&rows);
	}
}

/* --- start ------------------------------------------------------------------------------------ */

static int
find_target(char *err, size_t err_size)
{
	struct cal_state_file *state = calloc(1, sizeof(*state));
	struct cal_stats_view view;
	bool alive = false;
	int rc;

	if (state == NULL) {
		return -ENOMEM;
	}
	rc = cal_state_read(g.instance, state, &alive);
	if (rc == 0) {
		rc = cal_stats_open(g.instance, &view);
	}
	if (rc != 0) {
		snprintf(err, err_size, "the state of instance %d cannot be read: %s", g.instance,
		         strerror(-rc));
		free(state);
		return rc;
	}
	g.target.instance = g.instance;
	g.target.pid = state->main.pid;
	g.target.started_ns = state->main.started_ns;
	g.target.tsc_hz = view.header->tsc_hz;
	cal_stats_close(&view);
	free(state);
	return 0;
}

/* The primary's program is opened while we may: later that would take CAP_SYS_PTRACE, since the
 * primary has more capabilities than we keep. */
static int
drop(char *err, size_t err_size)
{
	char exe[64];
	int rc;

	snprintf(exe, sizeof(exe), "/proc/%d/exe", (int)cal_client_primary_pid(g.client));
	g.target.exe_fd = open(exe, O_RDONLY | O_CLOEXEC);
	rc = sandbox_drop(&sandbox_mond, NULL, err, err_size);
	if (rc != 0) {
		cal_client_report(g.client, GATE_REPORT_FAILED, err);
	}
	return rc;
}

static int
attach(char *err, size_t err_size)
{
	struct cal_client_opts opts;
	int rc;

	cal_client_opts_init(&opts, sizeof(opts));
	opts.instance = g.instance;
	opts.name = "mond";
	rc = cal_client_connect(&opts, &g.client, err, err_size);
	if (rc == 0) {
		rc = drop(err, err_size);
	}
	if (rc == 0) {
		rc = cal_client_attach(g.client, -1, err, err_size);
	}
	if (rc == 0) {
		rc = find_target(err, err_size);
	}
	if (rc == 0) {
		g.primary_pid = cal_client_primary_pid(g.client);
		g.primary_pidfd = (int)syscall(SYS_pidfd_open, g.primary_pid, 0);
	}
	return rc;
}

/* The socket: from the one that serves it, or a new one in its place. One that is stopped, or that
 * speaks of hand-overs otherwise, is not waited for: the name is all that it loses, and without a
 * primary it ends when it sees that. Returns the listening descriptor or a negative errno. */
static int
acquire(char *err, size_t err_size)
{
	uint64_t until = uv_hrtime() + WAIT_MS * 1000000ull;
	int rc;

	for (;;) {
		rc = takeover_ask(&g.takeover, g.path, g.primary_pid);
		if (rc != -EAGAIN || uv_hrtime() > until) {
			break;
		}
		poll(NULL, 0, RETRY_MS);
	}
	if (rc == 0) {
		return g.takeover.listener;
	}
	if (rc == -EBUSY || rc == -ECANCELED) {
		snprintf(err, err_size, "%s is served by another cal-mond%s: stop that one", g.path,
		         rc == -EBUSY ? ", whose primary lives" : ", which does not hand it over");
		return rc;
	}
	if (rc != -ENOENT && rc != -ECONNREFUSED) {
		fprintf(stderr,
		        "cal-mond: whoever serves %s does not hand it over (%s): replaced\n",
		        g.path, strerror(-rc));
	}
	rc = server_bind(g.path, cal_instance_mode(g.instance, 0600) != 0600);
	if (rc < 0) {
		snprintf(err, err_size, "cannot listen on %s: %s", g.path, strerror(-rc));
	}
	return rc;
}

static void
handles_init(void)
{
	uv_poll_init(&g.loop, &g.gate, cal_client_fd(g.client));
	uv_poll_start(&g.gate, UV_READABLE, gate_readable);
	uv_prepare_init(&g.loop, &g.before_sleep);
	uv_prepare_start(&g.before_sleep, arm_before_sleep);
	uv_timer_init(&g.loop, &g.orphan);
	uv_timer_init(&g.loop, &g.alive);
	if (systemd_is_open()) {
		uv_timer_start(&g.alive, tell_alive, 0, (uint64_t)systemd_interval_ms());
	}
	uv_signal_init(&g.loop, &g.term);
	uv_signal_start(&g.term, got_signal, SIGTERM);
	uv_signal_init(&g.loop, &g.intr);
	uv_signal_start(&g.intr, got_signal, SIGINT);
}

static int
serve(char *err, size_t err_size)
{
	const struct server_opts opts = {
		.loop = &g.loop,
		.path = g.path,
		.handle = handle_request,
		.may_hand_over = may_hand_over,
		.handover_done = handover_done,
	};
	sigset_t signals;
	int fd, rc;

	cal_instance_path(g.path, sizeof(g.path), g.instance, CAL_MONITOR_SOCKET);
	/* From the moment at which the other one's sockets are ours a signal is for the loop. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	fd = acquire(err, err_size);
	if (fd < 0) {
		return fd;
	}
	rc = uv_loop_init(&g.loop);
	if (rc == 0) {
		rc = server_start(&opts, fd);
	}
	if (rc != 0) {
		snprintf(err, err_size, "cannot serve %s: %s", g.path, strerror(-rc));
		return rc;
	}
	handles_init();
	sigprocmask(SIG_UNBLOCK, &signals, NULL);
	rc = sandbox_enter(&sandbox_mond, err, err_size);
	if (rc != 0) {
		cal_client_report(g.client, GATE_REPORT_FAILED, err);
		return rc;
	}
	takeover_use(&g.takeover);
	trace_drop_stale(&g.target);
	cal_client_report(g.client, GATE_REPORT_READY, g.path);
	uv_run(&g.loop, UV_RUN_DEFAULT);
	uv_loop_close(&g.loop);
	return 0;
}

static void
usage(FILE *out)
{
	fprintf(out,
	        "cal-mond -i ID\n"
	        "  The monitor of a running primary: traces pollers with BPF for 'calctl trace'.\n"
	        "  -i, --instance ID  the primary's id (default 0)\n"
	        "  -h, --help         this text\n"
	        "  -v, --version      the version\n");
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "instance", required_argument, NULL, 'i' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	char err[768] = "", *rest;
	int opt, rc;

	while ((opt = getopt_long(argc, argv, "i:hv", options, NULL)) != -1) {
		switch (opt) {
		case 'i':
			g.instance = (int)strtol(optarg, &rest, 10);
			if (rest == optarg || *rest != '\0' || g.instance < 0) {
				fprintf(stderr, "cal-mond: -i takes a number, not '%s'\n", optarg);
				return 2;
			}
			break;
		case 'h':
			usage(stdout);
			return 0;
		case 'v':
			printf("cal-mond %s\n", CAL_VERSION_STRING);
			return 0;
		default:
			fprintf(stderr, "cal-mond: see 'cal-mond --help'\n");
			return 2;
		}
	}
	signal(SIGPIPE, SIG_IGN);
	/* The kernel's to one that is stopped when its primary dies. */
	signal(SIGHUP, SIG_IGN);
	(void)systemd_open();
	rc = attach(err, sizeof(err));
	if (rc == 0) {
		rc = serve(err, sizeof(err));
	}
	if (rc != 0) {
		fprintf(stderr, "cal-mond: %s\n", err);
	}
	cal_client_close(g.client);
	return rc == 0 ? g.status : 1;
}
