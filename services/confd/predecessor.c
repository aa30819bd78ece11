/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* A successor is started beside the one that loads and keeps. It gets everything ready, says so,
 * and goes on once that one has ended, which the supervisor sees to. */

#include "services/confd/confd.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "calandria/state.h"

/* How often a wait looks after the link even if nothing comes. */
#define LOOK_MS 500

static pid_t
parent_of(pid_t pid)
{
	char path[64], line[512], *after;
	int parent = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (file == NULL) {
		return 0;
	}
	/* "PID (NAME) STATE PPID", and a name may have anything in it. */
	if (fgets(line, sizeof(line), file) == NULL || (after = strrchr(line, ')')) == NULL ||
	    sscanf(after, ") %*c %d", &parent) != 1) {
		parent = 0;
	}
	fclose(file);
	return parent;
}

static bool
has_ended(int pidfd)
{
	struct pollfd pfd = { .fd = pidfd, .events = POLLIN };

	return poll(&pfd, 1, 0) != 0;
}

int
predecessor_find(int instance, pid_t primary)
{
	struct cal_state_file state;
	bool alive;
	int pidfd;
	pid_t pid;
	uint32_t i;

	if (cal_state_read(instance, &state, &alive) != 0 || state.main.pid != primary) {
		return -1;
	}
	for (i = 0; i < state.num_services && i < CAL_STATE_MAX_SERVICES; i++) {
		pid = state.services[i].pid;
		if (strcmp(state.services[i].name, "confd") != 0 || pid <= 0 || pid == getpid()) {
			continue;
		}
		pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
		if (pidfd < 0) {
			return -1;
		}
		/* What /proc says is about the process of the pidfd if that has not ended. */
		if (parent_of(pid) == primary && !has_ended(pidfd)) {
			return pidfd;
		}
		close(pidfd);
	}
	return -1;
}

int
predecessor_wait(struct cal_client *client, int pidfd)
{
	struct pollfd pfds[2] = {
		{ .fd = cal_client_fd(client), .events = POLLIN },
		{ .fd = pidfd, .events = POLLIN },
	};
	int rc;

	while (!has_ended(pidfd)) {
		rc = cal_client_process(client);
		if (rc < 0) {
			return rc;
		}
		if (cal_client_arm(client) == 0 && poll(pfds, 2, LOOK_MS) < 0 && errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}
