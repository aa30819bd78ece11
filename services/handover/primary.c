/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "calandria/state.h"
#include "services/handover/handover.h"

static void
time_print(uint64_t ns, char *buf, size_t size)
{
	time_t seconds = (time_t)(ns / 1000000000u);
	struct tm tm;

	if (gmtime_r(&seconds, &tm) == NULL || strftime(buf, size, "%F %T UTC", &tm) == 0) {
		snprintf(buf, size, "an unknown time");
	}
}

/* "running" or "subsystem_init (bdev)" */
static void
state_print(const struct cal_state_main *m, char *buf, size_t size)
{
	snprintf(buf, size, "%s%s%s%s", cal_run_state_name(m->state),
	         m->doing[0] != '\0' ? " (" : "", m->doing, m->doing[0] != '\0' ? ")" : "");
}

static void
explain_dead(int instance, const struct cal_state_main *m, const char *lost, char *buf, size_t size)
{
	char state[192], since[64];

	state_print(m, state, sizeof(state));
	time_print(m->since_ns, since, sizeof(since));
	switch (m->state) {
	case CAL_RUN_FAILED:
		snprintf(buf, size,
		         "The primary of instance %d (pid %d) failed to start, at %s: %s", instance,
		         m->pid, since, m->reason[0] != '\0' ? m->reason : "its log may say why");
		break;
	case CAL_RUN_STOPPED:
		snprintf(buf, size,
		         "The primary of instance %d (pid %d) stopped, at %s; start it again",
		         instance, m->pid, since);
		break;
	default:
		snprintf(
			buf, size,
			"The primary of instance %d (pid %d) crashed or was killed while %s (since "
			"%s), noticed at %s; start it again",
			instance, m->pid, state, since, lost);
		break;
	}
}

void
primary_explain(int instance, pid_t lost_pid, uint64_t lost_ns, char *buf, size_t size)
{
	char state[192], since[64], lost[64];
	struct cal_state_file file;
	bool alive;
	int rc;

	time_print(lost_ns, lost, sizeof(lost));
	rc = cal_state_read(instance, &file, &alive);
	if (rc == -ENOENT) {
		snprintf(buf, size,
		         "The primary of instance %d (pid %d) is gone since %s, and none has been "
		         "started or the last one stopped in order; start it again",
		         instance, (int)lost_pid, lost);
		return;
	}
	if (rc != 0) {
		snprintf(buf, size,
		         "The primary of instance %d (pid %d) is gone since %s, and its state "
		         "cannot be read: %s",
		         instance, (int)lost_pid, lost, strerror(-rc));
		return;
	}
	if (!alive) {
		explain_dead(instance, &file.main, lost, buf, size);
		return;
	}
	state_print(&file.main, state, sizeof(state));
	time_print(file.main.since_ns, since, sizeof(since));
	if (file.main.pid == lost_pid) {
		snprintf(buf, size,
		         "The primary of instance %d (pid %d) is ending, it was %s since %s",
		         instance, file.main.pid, state, since);
	} else {
		snprintf(buf, size,
		         "The primary of instance %d (pid %d) is gone since %s; a new one (pid %d) "
		         "is starting: %s since %s; try again",
		         instance, (int)lost_pid, lost, file.main.pid, state, since);
	}
}
