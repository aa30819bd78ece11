/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What a service has around it, and is pretended: time, the state file of a primary that is gone,
 * and the loop's sleep, in place of which the script has its turn. */

#ifndef CAL_TESTS_FUZZ_SERVICE_WORLD_H
#define CAL_TESTS_FUZZ_SERVICE_WORLD_H

#include "tests/fuzz/fuzz.h"

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <uv.h>

#include "calandria/state.h"

#define WORLD_PREDECESSOR "/predecessor" /* whoever connects to it gets world.predecessor */
#define WORLD_SNDBUF      16384          /* so that an answer is often written in parts */

static struct {
	uint64_t ns;   /* CLOCK_MONOTONIC */
	uint8_t state; /* what the state file says */
	bool pred_is_dead;
	int predecessor;
	void (*each_turn)(void);
} g_world;

/* A clock that jumps: nothing here waits for a round trip's usual time. */
uint64_t
uv_hrtime(void)
{
	return g_world.ns += 1000000;
}

/* libuv's timers go by it. */
int
clock_gettime(clockid_t id, struct timespec *now)
{
	if (id != CLOCK_MONOTONIC && id != CLOCK_MONOTONIC_COARSE) {
		return (int)syscall(SYS_clock_gettime, id, now);
	}
	now->tv_sec = (time_t)(g_world.ns / 1000000000u);
	now->tv_nsec = (long)(g_world.ns % 1000000000u);
	return 0;
}

/* It never sleeps: a round of the loop, then it is the script's turn. */
int
uv_run(uv_loop_t *loop, uv_run_mode mode)
{
	static int (*real)(uv_loop_t *, uv_run_mode);
	int alive;

	if (real == NULL) {
		real = (int (*)(uv_loop_t *, uv_run_mode))dlsym(RTLD_NEXT, "uv_run");
		FUZZ_CHECK(real != NULL, "no uv_run");
	}
	do {
		g_world.each_turn();
		alive = real(loop, UV_RUN_NOWAIT);
	} while (alive != 0);
	return 0;
}

/* The only one that waits here is for the end of a predecessor. */
int
poll(struct pollfd *fds, nfds_t num, int timeout_ms)
{
	struct timespec none = { 0 };

	if (timeout_ms > 0) {
		return g_world.pred_is_dead ? 1 : 0;
	}
	return (int)syscall(SYS_ppoll, fds, num, timeout_ms < 0 ? NULL : &none, NULL, 0);
}

int
accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
	int size = WORLD_SNDBUF, new_fd = (int)syscall(SYS_accept4, fd, addr, len, flags);

	if (new_fd >= 0) {
		setsockopt(new_fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	}
	return new_fd;
}

int
connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	const struct sockaddr_un *un = (const struct sockaddr_un *)addr;

	if (addr->sa_family == AF_UNIX && len > sizeof(WORLD_PREDECESSOR) &&
	    strcmp(un->sun_path, WORLD_PREDECESSOR) == 0) {
		return dup3(g_world.predecessor, fd, O_CLOEXEC) < 0 ? -1 : 0;
	}
	return (int)syscall(SYS_connect, fd, addr, len);
}

int __wrap_cal_state_read(int id, struct cal_state_file *out, bool *alive);

int
__wrap_cal_state_read(int id, struct cal_state_file *out, bool *alive)
{
	uint8_t state = g_world.state;

	if (state < 2) {
		return state == 0 ? -ENOENT : -EPROTO;
	}
	memset(out, 0, sizeof(*out));
	*alive = (state & 0x80) != 0;
	out->main.pid = (state & 0x40) != 0 ? 0 : 4711; /* 0: as of the one that went away */
	out->main.state = state & 0x0f;
	out->main.since_ns = (state & 0x20) != 0 ? UINT64_MAX : 1700000000000000000u;
	if ((state & 0x10) != 0) {
		memset(out->main.doing, '"', sizeof(out->main.doing) - 1);
		memset(out->main.reason, '\\', sizeof(out->main.reason) - 1);
	}
	return 0;
}

#endif
