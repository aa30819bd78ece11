/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* A service's end is read at once, its zombie is reaped a little later.
 *
 * A pidfd becomes readable as soon as the last other thread is unhashed, while that thread may
 * still be on its way out of the kernel, taking its entries out of /proc. wait() takes the leader's
 * out and spins in the kernel until the thread is through (shrink_dcache_parent()). Measured on
 * Linux 6.18 with two busy CPUs: one restart in 10 to 60 kept this pthread spinning for more than
 * 10 s, and with it the gate and every other service. Nobody needs the zombie gone at once. */

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/app/service.h"
#include "ipc/gate/control.h"
#include "spdk/queue.h"

#define REAP_DELAY_MS 300

struct corpse {
	int pidfd;
	TAILQ_ENTRY(corpse) link;
};

static TAILQ_HEAD(corpse_list, corpse) g_corpses = TAILQ_HEAD_INITIALIZER(g_corpses);

int
service_end_status(int pidfd, int *status)
{
	siginfo_t info = { .si_pid = 0 };

	*status = 0;
	if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG | WNOWAIT) != 0) {
		/* An application may reap its children itself: then the status is unknown. */
		return errno == EINTR ? -EAGAIN : 0;
	}
	if (info.si_pid == 0) {
		return -EAGAIN;
	}
	if (info.si_code == CLD_EXITED) {
		*status = W_EXITCODE(info.si_status, 0);
	} else {
		*status = info.si_status | (info.si_code == CLD_DUMPED ? WCOREFLAG : 0);
	}
	return 0;
}

static void
reap(struct corpse *corpse)
{
	siginfo_t info;

	TAILQ_REMOVE(&g_corpses, corpse, link);
	(void)waitid(P_PIDFD, (id_t)corpse->pidfd, &info, WEXITED | WNOHANG);
	close(corpse->pidfd);
	free(corpse);
}

static void
reap_one(void *arg)
{
	reap(arg);
}

void
service_reap_later(int pidfd)
{
	struct corpse *corpse = malloc(sizeof(*corpse));
	siginfo_t info;

	if (corpse == NULL) {
		(void)waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG);
		close(pidfd);
		return;
	}
	corpse->pidfd = pidfd;
	TAILQ_INSERT_TAIL(&g_corpses, corpse, link);
	if (control_timer_start(REAP_DELAY_MS, reap_one, corpse) == NULL) {
		reap(corpse);
	}
}

void
service_reap_all(void)
{
	struct corpse *corpse, *next;

	/* (In the form of a queue that is emptied from its head, the analyzer sees a use after
	 * free: it does not know that the head changes.) */
	TAILQ_FOREACH_SAFE (corpse, &g_corpses, link, next) {
		reap(corpse);
	}
}
