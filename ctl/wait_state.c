/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/instance.h"
#include "ctl/latency.h"
#include "ctl/table.h"
#include "ctl/units.h"
#include "ctl/wait_state.h"

/* A primary that is killed wakes nobody: after so long look again, whatever the state file says. */
#define LOOK_AGAIN_MS 50u
/* A dead primary's file may be about to be taken over by one that has just been started. */
#define TAKE_OVER_MS 1000u

/* One look. */
struct look {
	int rc; /* of reading the state file */
	bool alive;
	struct cal_state_file state;
	char err[256];
};

enum verdict {
	PENDING,
	REACHED,
	NEVER,
};

int
ctl_wait_state_find(const char *name)
{
	int i;

	for (i = CAL_RUN_ENV; i < CAL_RUN_NUM_STATES; i++) {
		if (strcmp(cal_run_state_name((uint32_t)i), name) == 0) {
			return i;
		}
	}
	ctl_error("--wait: there is no state '%s'; there are env, startup_rpc, subsystem_init, "
	          "config, running, stopping, stopped, failed",
	          name);
	return -1;
}

/* Whether it was there, or has been further than that without it: `config` is left out by a start
 * that has none. */
static bool
has_passed(const struct cal_state_main *m, uint32_t wanted)
{
	uint32_t last = wanted == CAL_RUN_STOPPING ? CAL_RUN_STOPPING : CAL_RUN_RUNNING, i;

	for (i = wanted; i <= last; i++) {
		if (m->entered_ns[i] != 0) {
			return true;
		}
	}
	return false;
}

static enum verdict
judge(const struct look *look, uint32_t wanted)
{
	const struct cal_state_main *m = &look->state.main;
	bool is_over = !look->alive || m->state == CAL_RUN_STOPPED || m->state == CAL_RUN_FAILED;

	if (look->rc == -ENOENT) {
		/* An orderly stop leaves no file behind. */
		return wanted == CAL_RUN_STOPPED ? REACHED : NEVER;
	}
	if (look->rc != 0) {
		return NEVER;
	}
	switch (wanted) {
	case CAL_RUN_STOPPED:
		return !look->alive || m->state == CAL_RUN_STOPPED ? REACHED : PENDING;
	case CAL_RUN_FAILED:
		return !is_over ? PENDING : m->state != CAL_RUN_STOPPED ? REACHED : NEVER;
	case CAL_RUN_STOPPING:
		return has_passed(m, wanted) ? REACHED : is_over ? NEVER : PENDING;
	default:
		if (!is_over && has_passed(m, wanted)) {
			return REACHED;
		}
		return is_over || m->state == CAL_RUN_STOPPING ? NEVER : PENDING;
	}
}

static struct ctl_text
lasted(uint64_t ns)
{
	return ns < 1000000000u ? ctl_units_latency((double)ns / 1e3)
	                        : ctl_units_duration((double)ns / 1e9);
}

void
ctl_wait_state_describe(const struct cal_state_main *m, char *text, size_t size)
{
	const char *name = cal_run_state_name(m->state);
	struct ctl_text spent = lasted(cal_state_spent_ns(m, m->state));

	if (m->doing[0] == '\0') {
		snprintf(text, size, "%s for %s", name, spent.s);
	} else {
		snprintf(text, size, "%s for %s (%s, for %s)", name, spent.s, m->doing,
		         lasted(cal_state_doing_ns(m)).s);
	}
}

static int
say_never(const struct ctl *ctl, const struct look *look, uint32_t wanted)
{
	const struct cal_state_main *m = &look->state.main;
	const char *name = cal_run_state_name(wanted);

	if (look->rc == -ENOENT) {
		ctl_error("instance %d has stopped and will not be %s", ctl->instance, name);
		return CTL_FAILED;
	}
	if (look->rc != 0) {
		ctl_error("%s", look->err);
		return CTL_NO_PRIMARY;
	}
	if (m->state == CAL_RUN_FAILED) {
		ctl_error("instance %d failed to start and will not be %s: %s", ctl->instance, name,
		          m->reason);
	} else if (m->state == CAL_RUN_STOPPED || (look->alive && m->state == CAL_RUN_STOPPING)) {
		ctl_error("instance %d %s and will not be %s", ctl->instance,
		          m->state == CAL_RUN_STOPPED ? "has stopped" : "is stopping", name);
	} else {
		ctl_error("the primary of instance %d (pid %d) died and will not be %s; it was "
		          "%s%s%s%s",
		          ctl->instance, m->pid, name, cal_run_state_name(m->state),
		          m->doing[0] != '\0' ? " (" : "", m->doing,
		          m->doing[0] != '\0' ? ")" : "");
	}
	return CTL_FAILED;
}

static int
say_late(const struct ctl *ctl, const struct look *look, uint32_t wanted, uint64_t timeout_ms)
{
	char where[320];

	if (look->rc != 0 || !look->alive) {
		ctl_error("instance %d is not %s after %.3g s: no primary of it runs",
		          ctl->instance, cal_run_state_name(wanted), (double)timeout_ms / 1000);
		return CTL_NO_PRIMARY;
	}
	ctl_wait_state_describe(&look->state.main, where, sizeof(where));
	ctl_error("instance %d is not %s after %.3g s: it is %s", ctl->instance,
	          cal_run_state_name(wanted), (double)timeout_ms / 1000, where);
	return CTL_FAILED;
}

static void
sleep_for_news(const struct ctl *ctl, const struct look *look, uint64_t left_ms)
{
	uint32_t ms = left_ms < LOOK_AGAIN_MS ? (uint32_t)left_ms : LOOK_AGAIN_MS;

	if (look->rc == 0 && look->alive) {
		cal_state_wait(ctl->instance, &look->state, ms);
	} else {
		/* No primary, or none yet: see what is there now and then. */
		ctl_sleep_ms(left_ms < 5 ? (unsigned)left_ms : 5);
	}
}

int
ctl_wait_state(const struct ctl *ctl, uint32_t wanted, uint64_t timeout_ms)
{
	uint64_t begin = ctl_now_ns(), passed_ms;
	bool was_alive = false;
	enum verdict verdict;
	struct look look;

	for (;;) {
		look.alive = false;
		look.rc = ctl_instance_read(ctl, &look.state, &look.alive, look.err,
		                            sizeof(look.err));
		was_alive |= look.rc == 0 && look.alive;
		verdict = judge(&look, wanted);
		passed_ms = (ctl_now_ns() - begin) / 1000000u;
		/* Whom nobody has seen alive may be about to be started, or started again. */
		if (verdict == NEVER && !was_alive &&
		    (look.rc == -ENOENT || passed_ms < TAKE_OVER_MS)) {
			verdict = PENDING;
		}
		if (verdict != PENDING || passed_ms >= timeout_ms) {
			break;
		}
		if (passed_ms >= 1000 && !ctl->json) {
			ctl_progress("waiting for %s: %s, %.1f s", cal_run_state_name(wanted),
			             look.rc == 0 ? cal_run_state_name(look.state.main.state)
			                          : "not there",
			             (double)passed_ms / 1000);
		}
		sleep_for_news(ctl, &look, timeout_ms - passed_ms);
	}
	ctl_progress_end();
	switch (verdict) {
	case REACHED:
		return CTL_OK;
	case NEVER:
		return say_never(ctl, &look, wanted);
	default:
		return say_late(ctl, &look, wanted, timeout_ms);
	}
}
