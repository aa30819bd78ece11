/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* links: client */

/* Clients to be killed by tests/chaos/chaos.py, at any instant of what they do here:
 *
 *   victim ID calls          short calls without pause
 *   victim ID long           calls with long answers
 *   victim ID flight         hundreds of calls under way
 *   victim ID nap            calls now and then, asleep in between
 *   victim ID hello          connections without a link, one after the other
 *   victim ID loop           attach, call, detach, and the program anew
 *   victim ID unread         sends requests and never looks for answers
 *   victim ID child          has a child that keeps the connection for a while
 *   victim ID jobs DEVICE    starts jobs of the load generator
 *   victim ID oom PROCS      enters the memory cgroup of this cgroup.procs, attaches, allocates
 *   victim ID json SOCKET    JSON-RPC clients of cal-rpcd
 *
 * None of them ends by itself, except that the primary stops or refuses. One that is not killed:
 *
 *   victim ID attach [US]    attaches (after US microseconds, which count), says how many
 * microseconds that took, and how many of these it was kept from running by other processes */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "ipc/client/client.h"
#include "ipc/client/json.h"
#include "ipc/codec/codec.h"

#define FLIGHT 300

static const char *const short_methods[] = { "spdk_get_version", "framework_get_reactors",
	                                     "rpc_get_methods", "log_get_level" };
static const char *const long_methods[] = { "bdev_get_bdevs", "rpc_get_methods",
	                                    "thread_get_pollers", "bdev_get_iostat",
	                                    "framework_get_config" };
static char **g_argv;
static unsigned g_seed;

static void
sleep_us(unsigned us)
{
	struct timespec ts = { .tv_sec = us / 1000000, .tv_nsec = (long)(us % 1000000) * 1000 };

	nanosleep(&ts, NULL);
}

static unsigned
pick(unsigned n)
{
	return (unsigned)rand_r(&g_seed) % n;
}

static int
open_client(unsigned spin_us, bool attach, struct cal_client **client)
{
	struct cal_client_opts opts;
	char err[512] = "";
	int rc;

	cal_client_opts_init(&opts, sizeof(opts));
	opts.instance = atoi(g_argv[1]);
	opts.name = "victim";
	opts.spin_us = spin_us;
	rc = cal_client_connect(&opts, client, err, sizeof(err));
	if (rc == 0 && attach) {
		rc = cal_client_attach(*client, 10000, err, sizeof(err));
	}
	if (rc != 0) {
		fprintf(stderr, "%s: %s\n", g_argv[2], err);
		exit(3);
	}
	return rc;
}

/* Parameters of JSON text. Returns their length. */
static size_t
pack(const char *json, uint8_t *out, size_t size)
{
	struct codec_buf buf;
	size_t len = 0;

	codec_buf_init(&buf);
	if (cal_json_pack_text(&buf, json, strlen(json)) == 0 && buf.len <= size) {
		len = buf.len;
		memcpy(out, buf.data, len);
	}
	codec_buf_free(&buf);
	return len;
}

static int
call(struct cal_client *client, const char *method)
{
	struct cal_response response;
	uint8_t params[64];
	size_t len = 0;

	if (strcmp(method, "framework_get_config") == 0) {
		len = pack("{\"name\":\"bdev\"}", params, sizeof(params));
	}
	return cal_client_call(client, method, len > 0 ? params : NULL, len, 10000, &response);
}

#define CALL_ONE_OF(client, methods) \
	call(client, (methods)[pick(sizeof(methods) / sizeof((methods)[0]))])

static int
nap(struct cal_client *client)
{
	sleep_us(pick(3000));
	return CALL_ONE_OF(client, short_methods);
}

static int
calls(struct cal_client *client)
{
	return CALL_ONE_OF(client, short_methods);
}

static int
long_calls(struct cal_client *client)
{
	return CALL_ONE_OF(client, long_methods);
}

static unsigned g_flying;

static void
landed(void *ctx, const struct cal_response *response)
{
	g_flying--;
}

static int
flight(struct cal_client *client)
{
	const char *method = pick(20) == 0 ? "bdev_get_bdevs" : "spdk_get_version";

	while (g_flying < FLIGHT) {
		if (cal_client_send(client, method, NULL, 0, landed, NULL) != 0) {
			return -EIO;
		}
		g_flying++;
	}
	return cal_client_wait(client, 10000);
}

/* The gate may cut it off: that it does not read is its fault. */
static int
unread(struct cal_client *client)
{
	if (!cal_client_is_backlogged(client)) {
		cal_client_send(client, "rpc_get_methods", NULL, 0, landed, NULL);
	} else {
		sleep_us(1000);
	}
	return 0;
}

static int
with_child(struct cal_client *client)
{
	static bool forked;

	if (!forked) {
		forked = true;
		if (fork() == 0) {
			sleep_us(300000);
			_exit(0);
		}
	}
	return CALL_ONE_OF(client, short_methods);
}

/* Few and little ones: the I/O that they do is not what a kill does to others'. */
static int
jobs(struct cal_client *client)
{
	static unsigned started;
	struct cal_response response;
	uint8_t params[256];
	char text[200];
	size_t len;
	int rc;

	snprintf(text, sizeof(text),
	         "{\"name\":\"%s\",\"workload\":\"randrw\",\"queue_depth\":1,\"time_ms\":60000}",
	         g_argv[3]);
	len = pack(text, params, sizeof(params));
	rc = started++ < 3
	             ? cal_client_call(client, "cal_perf_start", params, len, 10000, &response)
	             : 0;
	sleep_us(pick(20000));
	return rc;
}

static int
oom(struct cal_client *client)
{
	static unsigned turns;
	char *more;

	if (turns++ < 50) {
		return CALL_ONE_OF(client, short_methods);
	}
	more = malloc(1 << 20);
	if (more != NULL) {
		memset(more, (int)pick(256), 1 << 20);
	}
	return more != NULL ? 0 : -ENOMEM;
}

static void
enter_cgroup(const char *procs)
{
	char text[16];
	int fd = open(procs, O_WRONLY | O_CLOEXEC);
	int len = snprintf(text, sizeof(text), "%d", (int)getpid());

	if (fd < 0 || write(fd, text, (size_t)len) != len) {
		fprintf(stderr, "oom: %s: %s\n", procs, strerror(errno));
		exit(3);
	}
	close(fd);
}

/* --- without a link --------------------------------------------------------------------------- */

static void
hello(void)
{
	struct cal_client *client;

	for (;;) {
		open_client(50, false, &client);
		sleep_us(pick(500));
		cal_client_close(client);
	}
}

static void
loop(void)
{
	struct cal_client *client;
	unsigned i, n = pick(10);

	open_client(50, true, &client);
	for (i = 0; i < n; i++) {
		CALL_ONE_OF(client, short_methods);
	}
	cal_client_close(client);
	execv("/proc/self/exe", g_argv);
	exit(4);
}

static void
json(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char request[160], answer[4096];
	int fd, len;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	for (;; close(fd)) {
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		/* cal-rpcd is a victim, too: it may be away. */
		if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
			sleep_us(2000);
			continue;
		}
		for (;;) {
			len = snprintf(request, sizeof(request),
			               "{\"jsonrpc\":\"2.0\",\"id\":%u,\"method\":\"%s\"}",
			               pick(1000), long_methods[pick(4)]);
			/* Sometimes a part, sometimes gone before the answer. */
			if (send(fd, request, pick(10) == 0 ? pick((unsigned)len) : (size_t)len,
			         MSG_NOSIGNAL) <= 0 ||
			    pick(8) == 0 || recv(fd, answer, sizeof(answer), 0) <= 0) {
				break;
			}
		}
	}
}

/* --- one that is not killed ------------------------------------------------------------------- */

static int64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* How long this thread could have run and did not, because others did. */
static long long
waited_ns(void)
{
	long long ran = 0, waited = 0;
	FILE *f = fopen("/proc/thread-self/schedstat", "re");

	if (f != NULL) {
		if (fscanf(f, "%lld %lld", &ran, &waited) != 2) {
			waited = 0;
		}
		fclose(f);
	}
	return waited;
}

static int
attach(void)
{
	long long waited = waited_ns();
	struct cal_client *client;
	int64_t begin = now_ns();

	if (g_argv[3] != NULL) {
		sleep_us((unsigned)atoi(g_argv[3]));
	}
	open_client(50, true, &client);
	printf("%lld %lld\n", (long long)(now_ns() - begin) / 1000, (waited_ns() - waited) / 1000);
	fflush(stdout);
	cal_client_close(client);
	return 0;
}

static const struct mode {
	const char *name;
	int (*step)(struct cal_client *client);
	unsigned spin_us;
} modes[] = {
	{ "calls", calls, 50 }, { "long", long_calls, 50 }, { "flight", flight, 50 },
	{ "nap", nap, 0 },      { "unread", unread, 50 },   { "child", with_child, 0 },
	{ "jobs", jobs, 50 },   { "oom", oom, 50 },
};

int
main(int argc, char **argv)
{
	struct cal_client *client;
	const char *mode;
	size_t i;
	int rc;

	if (argc < 3) {
		return 2;
	}
	/* Nobody else would end us. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	mode = argv[2];
	g_argv = argv;
	g_seed = (unsigned)getpid() ^ (unsigned)now_ns();
	if (strcmp(mode, "attach") == 0) {
		return attach();
	} else if (strcmp(mode, "hello") == 0) {
		hello();
	} else if (strcmp(mode, "loop") == 0) {
		loop();
	} else if (strcmp(mode, "json") == 0 && argc > 3) {
		json(argv[3]);
	} else if (strcmp(mode, "oom") == 0 && argc > 3) {
		enter_cgroup(argv[3]);
	}
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(modes[i].name, mode) == 0) {
			open_client(modes[i].spin_us, true, &client);
			do {
				rc = modes[i].step(client);
			} while (rc == 0);
			fprintf(stderr, "%s: %s\n", mode, strerror(-rc));
			return 1;
		}
	}
	return 2;
}
