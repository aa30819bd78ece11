/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* links: client */

/* A service that is none, for the tests of the supervisor. It says hello and then does what the
 * name of its program ends in:
 *
 *   -loop   reports READY, and never listens again
 *   -wait   answers the primary, but never reports READY
 *   -stop   stops itself by SIGSTOP
 *   -kernel reports READY, hangs in the kernel for 17 s, goes on
 *   -die    says why, and exits with 3 */

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/client/client.h"

static const char *
what_to_do(void)
{
	static char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	const char *dash;

	path[n > 0 ? n : 0] = '\0';
	dash = strrchr(path, '-');
	return dash != NULL ? dash + 1 : "";
}

int
main(int argc, char **argv)
{
	/* "cal-rpcd", whatever its file is. */
	const char *name = argc > 0 ? strchr(argv[0], '-') : NULL;
	const char *instance = getenv("CAL_INSTANCE"), *what = what_to_do();
	struct cal_client_opts opts;
	struct cal_client *client;
	struct pollfd pfd;
	char err[512];

	cal_client_opts_init(&opts, sizeof(opts));
	opts.instance = instance != NULL ? atoi(instance) : 0;
	opts.name = name != NULL ? name + 1 : "odd";
	if (cal_client_connect(&opts, &client, err, sizeof(err)) != 0) {
		fprintf(stderr, "odd: %s\n", err);
		return 1;
	}
	if (strcmp(what, "loop") == 0) {
		cal_client_report(client, GATE_REPORT_READY, "");
		for (;;) {
			__asm__ volatile("pause");
		}
	}
	if (strcmp(what, "kernel") == 0) {
		cal_client_report(client, GATE_REPORT_READY, "");
		/* Who has called vfork() sleeps uninterruptibly until its child is gone. */
		if (vfork() == 0) {
			sleep(17);
			_exit(0);
		}
	}
	if (strcmp(what, "die") == 0) {
		fprintf(stderr, "odd: nothing can be done here\n");
		cal_client_close(client);
		return 3;
	}
	if (strcmp(what, "stop") == 0) {
		raise(SIGSTOP);
	}
	pfd.fd = cal_client_fd(client);
	pfd.events = POLLIN;
	while (poll(&pfd, 1, -1) >= 0) {
		if (cal_client_process(client) < 0) {
			break;
		}
	}
	cal_client_close(client);
	return 0;
}
