/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The whole of cal-rpcd but its main(), in a thread, on a real socket, against a fake primary. */

#ifndef CAL_TESTS_SERVE_H
#define CAL_TESTS_SERVE_H

#include "tests/unit/services/rpcd/fake_client.h"

#include "ipc/client/json.c"
#include "ipc/client/json_print.c"
#include "ipc/client/json_scan.c"
#include "ipc/client/json_text.c"
#include "services/handover/frame.c"
#include "services/handover/primary.c"
#include "services/rpcd/accept.c"
#include "services/rpcd/call.c"
#include "services/rpcd/conn.c"
#include "services/rpcd/handover.c"
#include "services/rpcd/nap.c"
#include "services/rpcd/request.c"
#include "services/rpcd/server.c"
#include "services/rpcd/socket.c"
#include "services/rpcd/takeover.c"

#include <poll.h>
#include <pthread.h>
#include <sys/un.h>
#include <time.h>

#include "tests/unit/test.h"

#define RPCD_INSTANCE 7

#define OK(id, result) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"result\":" result "}\n"
#define ERR(id, code, message)                                                                   \
	"{\"jsonrpc\":\"2.0\",\"id\":" id ",\"error\":{\"code\":" code ",\"message\":\"" message \
	"\"}}\n"
#define INVALID(id) ERR(id, "-32600", "Invalid request")
#define PARSE       ERR("null", "-32700", "Parse error")

#define SILENCE_MS 10000

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

static inline void
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

static void
put(int fd, const char *text, size_t len)
{
	ssize_t n;

	for (; len > 0; text += n, len -= (size_t)n) {
		n = send(fd, text, len, MSG_NOSIGNAL);
		if (n < 0) {
			return; /* closed on us: the test looks at what it answered */
		}
	}
}

static void
say(int fd, const char *text)
{
	put(fd, text, strlen(text));
}

/* What comes until `expected` bytes are there, the end, or too long a silence (then "…" ends it,
 * and "<EOF>" stands for the end). */
static char *
get(int fd, size_t expected, bool to_the_end)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	struct cal_text text = { 0 };
	char buf[65536];
	ssize_t n;

	cal_text_append(&text, "", 0);
	while (to_the_end || text.len < expected) {
		if (poll(&poll_fd, 1, SILENCE_MS) != 1) {
			cal_text_append_cstr(&text, "...");
			break;
		}
		n = recv(fd, buf, sizeof(buf), 0);
		if (n <= 0) {
			cal_text_append_cstr(&text, n == 0 ? "<EOF>" : "<RESET>");
			break;
		}
		cal_text_append(&text, buf, (size_t)n);
	}
	return text.data;
}

static void
expect(int fd, const char *expected)
{
	char *got = get(fd, strlen(expected), strstr(expected, "<EOF>") != NULL);

	if (strcmp(got, expected) != 0) {
		fprintf(stderr, "\n    got  %.300s\n    want %.300s\n", got, expected);
	}
	CHECK_STR(got, expected);
	free(got);
}

static inline void
wait_for(_Atomic unsigned *value, unsigned expected)
{
	int i;

	for (i = 0; i < 5000 && atomic_load(value) != expected; i++) {
		usleep(1000);
	}
	CHECK_EQ(atomic_load(value), expected);
}

static int
make_dir(void)
{
	if (mkdtemp(g_dir) == NULL) {
		return 1;
	}
	snprintf(g_path, sizeof(g_path), "%s/rpc.sock", g_dir);
	setenv("CALANDRIA_RUN_ROOT", g_dir, 1);
	return 0;
}

static int
remove_dir(void)
{
	return rmdir(g_dir); /* and so proves that nothing was left in it */
}

#endif
