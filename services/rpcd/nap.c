/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Waiting for an answer that takes longer than spinning is worth. To be woken costs the primary's
 * app thread a system call and an interrupt to another CPU, 20 µs and more of a virtual machine's;
 * so as long as the call is young, our own timer wakes us, and nobody is asked to. */

#include "services/rpcd/rpcd.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/* A nap is a quarter of what the call has taken so far, and at least, at most: */
#define NAP_MIN_NS 15000u
#define NAP_MAX_NS 200000u
/* What takes longer than this costs a wake-up that nobody notices. */
#define NAP_CALL_NS 50000000u

static void
nap_over(uv_poll_t *poll, int status, int events)
{
	struct nap *nap = poll->data;
	uint64_t times;
	ssize_t n = read(nap->fd, &times, sizeof(times));

	(void)n; /* the prepare hook is next, whatever it says */
}

int
nap_init(struct nap *nap, uv_loop_t *loop)
{
	int rc;

	nap->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (nap->fd < 0) {
		return -errno;
	}
	rc = uv_poll_init(loop, &nap->poll, nap->fd);
	if (rc != 0) {
		close(nap->fd);
		return rc;
	}
	nap->poll.data = nap;
	return uv_poll_start(&nap->poll, UV_READABLE, nap_over);
}

static void
nap_closed(uv_handle_t *handle)
{
	struct nap *nap = handle->data;

	close(nap->fd);
}

void
nap_close(struct nap *nap)
{
	uv_close((uv_handle_t *)&nap->poll, nap_closed);
}

bool
nap_begin(struct nap *nap, uint64_t waited_ns)
{
	struct itimerspec timer = { 0 };

	if (waited_ns > NAP_CALL_NS) {
		return false;
	}
	waited_ns /= 4;
	timer.it_value.tv_nsec = waited_ns < NAP_MIN_NS   ? NAP_MIN_NS
	                         : waited_ns > NAP_MAX_NS ? NAP_MAX_NS
	                                                  : (long)waited_ns;
	return timerfd_settime(nap->fd, 0, &timer, NULL) == 0;
}
