/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* `stop` */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "calandria/instance.h"
#include "calandria/state.h"
#include "ctl/call.h"
#include "ctl/ctl.h"
#include "ctl/instance.h"
#include "ctl/json.h"
#include "ctl/latency.h"
#include "ctl/orphans.h"
#include "ctl/term.h"
#include "ctl/units.h"

#define KILL_METHOD "spdk_kill_instance"
#define SLICE_MS    100
/* JSON-RPC codes of a method that may not be called in the present state, and of one that the
 * primary has not, or that its --rpcs-allowed leaves out. */
#define WRONG_STATE (-1)
#define NO_METHOD   (-32601)

static struct {
	uint64_t timeout_ms;
} opts = { .timeout_ms = 30000 };

/* A pidfd means this process and no later one of the same pid. Returns it or a negative errno. */
static int
open_process(const struct ctl *ctl, pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (fd < 0) {
		return -errno;
	}
	if (cal_instance_owner(ctl->instance) != pid) {
		close(fd);
		return -ESRCH;
	}
	return fd;
}

/* Returns an exit status. */
static int
ask(struct ctl *ctl, int pidfd)
{
	struct json_object *params = json_object_new_object();
	struct ctl_reply reply;
	int rc;

	ctl_json_put_str(params, "sig_name", "SIGTERM");
	rc = ctl_call_reply(ctl, KILL_METHOD, params, opts.timeout_ms, &reply);
	json_object_put(params);
	ctl_detach(ctl);
	/* It may be gone before its answer has left. */
	if (rc == -ECONNRESET || rc == -ESHUTDOWN || rc == -ECANCELED) {
		return CTL_OK;
	}
	/* The method is for the running state, and not everybody's; the signal does the same in
	 * any, and the kernel says who may send it. */
	if (rc == 0 && reply.is_error && (reply.code == WRONG_STATE || reply.code == NO_METHOD) &&
	    syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, NULL, 0) == 0) {
		return CTL_OK;
	}
	json_object_put(reply.result);
	return ctl_call_explain(ctl, KILL_METHOD, rc, &reply, opts.timeout_ms);
}

static int
wait_gone(const struct ctl *ctl, int pidfd, pid_t pid, uint64_t begin)
{
	struct pollfd pfd = { .fd = pidfd, .events = POLLIN };
	struct cal_state_file state;
	uint64_t passed_ms = 0;
	bool alive;
	char err[256];

	while (poll(&pfd, 1, SLICE_MS) <= 0) {
		passed_ms = (ctl_now_ns() - begin) / 1000000u;
		if (passed_ms >= opts.timeout_ms) {
			ctl_progress_end();
			ctl_error(
				"the primary (pid %d) has not stopped after %.3g s; `calctl -i %d "
				"status` shows where it is, `kill -9 %d` ends it",
				pid, (double)opts.timeout_ms / 1000, ctl->instance, pid);
			return CTL_FAILED;
		}
		if (passed_ms >= 1000 && !ctl->json &&
		    ctl_instance_read(ctl, &state, &alive, err, sizeof(err)) == 0) {
			ctl_progress("%s%s%s, %.1f s", cal_run_state_name(state.main.state),
			             state.main.doing[0] != '\0' ? ": " : "", state.main.doing,
			             (double)passed_ms / 1000);
		}
	}
	ctl_progress_end();
	if (ctl_instance_read(ctl, &state, &alive, err, sizeof(err)) == 0 && !alive &&
	    state.main.pid == pid && state.main.state != CAL_RUN_STOPPED) {
		ctl_error("the primary (pid %d) ended, but not in order: it was %s%s%s%s", pid,
		          cal_run_state_name(state.main.state),
		          state.main.doing[0] != '\0' ? " (" : "", state.main.doing,
		          state.main.doing[0] != '\0' ? ")" : "");
		return CTL_FAILED;
	}
	return CTL_OK;
}

static void
report(const struct ctl *ctl, pid_t pid, double ms)
{
	struct json_object *root;

	if (!ctl->json) {
		printf("instance %d (pid %d) stopped in %s\n", ctl->instance, pid,
		       ctl_units_latency(ms * 1000).s);
		return;
	}
	root = json_object_new_object();
	ctl_json_put(root, "instance", json_object_new_int(ctl->instance));
	ctl_json_put(root, "pid", json_object_new_int(pid));
	ctl_json_put(root, "took_ms", ctl_json_new_double(ms, 3));
	ctl_json_print_line(stdout, root);
	json_object_put(root);
}

static void
report_orphans(const struct ctl *ctl, pid_t pid, const struct ctl_orphan *orphans, unsigned num)
{
	struct json_object *root, *ended, *item;
	unsigned i;

	if (!ctl->json) {
		printf("the primary of instance %d (pid %d) is dead; ended", ctl->instance, pid);
		for (i = 0; i < num; i++) {
			printf("%s cal-%s (pid %d)", i > 0 ? "," : "", orphans[i].name,
			       orphans[i].pid);
		}
		printf("\n");
		return;
	}
	root = json_object_new_object();
	ctl_json_put(root, "instance", json_object_new_int(ctl->instance));
	ctl_json_put(root, "pid", json_object_new_int(pid));
	ended = json_object_new_array();
	for (i = 0; i < num; i++) {
		item = json_object_new_object();
		ctl_json_put_str(item, "name", orphans[i].name);
		ctl_json_put(item, "pid", json_object_new_int(orphans[i].pid));
		json_object_array_add(ended, item);
	}
	ctl_json_put(root, "ended", ended);
	ctl_json_print_line(stdout, root);
	json_object_put(root);
}

/* What a dead primary has left running. Returns an exit status, -1 when there is nothing. */
static int
stop_orphans(const struct ctl *ctl)
{
	struct ctl_orphan orphans[CTL_MAX_ORPHANS];
	const struct ctl_orphan *which;
	struct cal_state_file state;
	unsigned num;
	bool alive;
	int rc;

	if (cal_state_read(ctl->instance, &state, &alive) != 0 || alive ||
	    cal_instance_owner(ctl->instance) > 0) {
		return -1;
	}
	num = ctl_orphans_find(ctl, &state, orphans);
	if (num == 0) {
		return -1;
	}
	rc = ctl_orphans_end(orphans, num, opts.timeout_ms, &which);
	if (rc == 0) {
		report_orphans(ctl, state.main.pid, orphans, num);
	} else {
		ctl_error("the primary of instance %d is dead, and cal-%s (pid %d) %s",
		          ctl->instance, which->name, which->pid,
		          rc == -ETIMEDOUT ? "has not ended: `kill -9` ends it"
		                           : "may not be ended by you: run as its user");
	}
	ctl_orphans_close(orphans, num);
	return rc == 0 ? CTL_OK : CTL_FAILED;
}

static int
run(struct ctl *ctl, int argc, char **argv)
{
	uint64_t begin;
	pid_t pid;
	int pidfd, rc;

	rc = stop_orphans(ctl);
	if (rc >= 0) {
		return rc;
	}
	rc = ctl_attach(ctl);
	if (rc != CTL_OK) {
		return rc;
	}
	pid = cal_instance_owner(ctl->instance);
	pidfd = pid > 0 ? open_process(ctl, pid) : -ESRCH;
	if (pidfd < 0) {
		ctl_error("the primary of instance %d cannot be watched: %s", ctl->instance,
		          strerror(-pidfd));
		return CTL_NO_PRIMARY;
	}
	begin = ctl_now_ns();
	rc = ask(ctl, pidfd);
	if (rc == CTL_OK) {
		rc = wait_gone(ctl, pidfd, pid, begin);
	}
	if (rc == CTL_OK) {
		report(ctl, pid, (double)(ctl_now_ns() - begin) / 1e6);
	}
	close(pidfd);
	return rc;
}

static const struct ctl_option options[] = {
	{ "timeout", 0, CTL_OPT_SECONDS, &opts.timeout_ms, "S", "wait so long (default 30)" },
	{ 0 },
};

static struct ctl_command command = {
	.name = "stop",
	.summary = "stop an instance in order and wait until it is gone",
	.details = "Of one whose primary is dead it ends what is left: cal-rpcd, which tells its\n"
		   "clients so until the next primary's takes over.",
	.group = CTL_GROUP_INSTANCE,
	.options = options,
	.run = run,
};
CTL_COMMAND_REGISTER(command)
