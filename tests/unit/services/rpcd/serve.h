/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The whole of cal-rpcd but its main(), in a thread, on a real socket, against a fake primary. */

#ifndef CAL_TESTS_SERVE_H
#define CAL_TESTS_SERVE_H

#include "services/rpcd/accept.c"
#include "services/rpcd/call.c"
#include "services/rpcd/conn.c"
#include "services/rpcd/handover.c"
#include "services/rpcd/nap.c"
#include "services/rpcd/primary.c"
#include "services/rpcd/request.c"
#include "services/rpcd/server.c"
#include "services/rpcd/socket.c"
#include "services/rpcd/takeover.c"

#include <pthread.h>
#include <sys/un.h>
#include <time.h>

#include "tests/unit/test.h"

#define RPCD_INSTANCE 7

static char g_dir[] = "/tmp/cal-rpcd-test.XXXXXX";
static char g_path[64];
static struct rpc_socket g_socket;
static pthread_t g_thread;
static int g_exit, g_tcp_fd = -1;
static bool g_handed_over;
static pid_t g_primary_pid; /* 0: dead as soon as its link is gone */
static _Atomic int g_ready, g_lost;

static void
on_ready(void *ctx, struct cal_client *client)
{
	atomic_store(&g_ready, 1);
}

static void
on_lost(void *ctx)
{
	atomic_store(&g_lost, 1);
}

static void
on_gone(void *ctx)
{
	rpc_socket_unlink(&g_socket);
}

static void *
serve(void *arg)
{
	char err[256];
	struct server_opts opts = {
		.instance = RPCD_INSTANCE,
		.client = (struct cal_client *)&g_fake,
		.primary_pid = g_primary_pid,
		.tcp_fd = g_tcp_fd,
		.socket = &g_socket,
		.ready = on_ready,
		.gone = on_gone,
		.lost = on_lost,
	};

	opts.unix_fd = rpc_socket_bind(&g_socket, err, sizeof(err));
	g_exit = server_run(&opts, &g_handed_over);
	return NULL;
}

static void
start(void)
{
	char err[256];

	fake_init();
	atomic_store(&g_ready, 0);
	atomic_store(&g_lost, 0);
	REQUIRE(rpc_socket_claim(&g_socket, g_path, 0600, err, sizeof(err)) == 0);
	REQUIRE(pthread_create(&g_thread, NULL, serve, NULL) == 0);
	while (!atomic_load(&g_ready)) {
		usleep(100);
	}
}

/* Wait for the server's end; its exit status. */
static int
joined(void)
{
	pthread_join(g_thread, NULL);
	fake_fini();
	if (g_handed_over) {
		rpc_socket_leave(&g_socket);
	} else {
		rpc_socket_release(&g_socket);
	}
	return g_exit;
}

static void
stop(void)
{
	fake_set_status(-ESHUTDOWN);
	CHECK_EQ(joined(), 0);
}

static int
dial(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(addr.sun_path, g_path, sizeof(g_path));
	REQUIRE(connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0);
	return fd;
}

#endif
