/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Round trips over the JSON-RPC socket of a primary (or of an SPDK application) that runs:
 *
 *   bench_jsonrpc [-r SOCKET] [-m METHOD] [-p PARAMS] [-c CONNECTIONS] [-d DEPTH]
 *                 [-t SECONDS | -w] [-a FILE] [-j]
 *
 * CONNECTIONS (1) closed loops with DEPTH (1) requests under way each, in one thread, for SECONDS
 * (1). Answers end with a line break; nothing else in them is looked at but whether the first one
 * of each connection is an error. -w measures until standard input ends instead and says "ready"
 * when every connection has had its first answer, -a keeps one answer, -j prints JSON.
 *
 *   bench_jsonrpc -f [-n BYTES] [-t SECONDS] [-j]
 *
 * is the floor: the same loop of BYTES (64) against a process that echoes them over a socketpair.
 */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "spdk/histogram_data.h"

#define MAX_CONNS  64u
#define MAX_DEPTH  256u
#define ANSWER_MAX (64u << 20)
#define ANSWER_MS  10000 /* the longest that an answer is waited for */

struct conn {
	int fd;
	uint64_t sent_at[MAX_DEPTH]; /* of what is under way, oldest at `oldest` */
	unsigned oldest;
	size_t bytes; /* of the answer that has begun to come */
};

struct options {
	const char *path, *method, *params, *answer_file;
	unsigned conns, depth, echo_bytes;
	double seconds;
	bool until_eof, json, floor;
};

static struct conn g_conns[MAX_CONNS];
static char g_request[4096];
static size_t g_request_len;
static char g_piece[1 << 20];

/* What is counted from the moment that everybody is warm. */
static struct spdk_histogram_data *g_took;
static uint64_t g_answers, g_bytes, g_sum_ns, g_max_ns;
static atomic_bool g_over; /* -w: standard input has ended */

static uint64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void
die(const char *what)
{
	fprintf(stderr, "bench_jsonrpc: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int
dial(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_sec = ANSWER_MS / 1000 };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) != 0 ||
	    strlen(path) >= sizeof(addr.sun_path)) {
		die("socket");
	}
	memcpy(addr.sun_path, path, strlen(path) + 1);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
		die(path);
	}
	return fd;
}

static void
ask(struct conn *conn, unsigned place)
{
	conn->sent_at[place] = now_ns();
	if (send(conn->fd, g_request, g_request_len, MSG_NOSIGNAL) != (ssize_t)g_request_len) {
		die("send");
	}
}

static ssize_t
receive(struct conn *conn, char *buf, size_t size)
{
	ssize_t n = recv(conn->fd, buf, size, 0);

	if (n == 0) {
		errno = ECONNRESET;
	}
	if (n <= 0) {
		die("no answer");
	}
	return n;
}

/* --- the first answer of each connection ------------------------------------------------------ */

static void
keep_answer(const char *path, const char *answer, size_t len)
{
	FILE *file = fopen(path, "w");

	if (file == NULL || fwrite(answer, 1, len, file) != len || fclose(file) != 0) {
		die(path);
	}
}

static void
warm_up(struct conn *conn, const char *answer_file)
{
	char *answer = malloc(ANSWER_MAX);
	size_t len = 0;

	if (answer == NULL) {
		die("memory");
	}
	ask(conn, 0);
	do {
		if (len == ANSWER_MAX) {
			errno = EMSGSIZE;
			die("the answer");
		}
		len += (size_t)receive(conn, answer + len, ANSWER_MAX - len);
	} while (answer[len - 1] != '\n');
	if (memmem(answer, len < 256 ? len : 256, "\"error\":", 8) != NULL) {
		fprintf(stderr, "bench_jsonrpc: %.*s", (int)len, answer);
		exit(1);
	}
	if (answer_file != NULL) {
		keep_answer(answer_file, answer, len);
	}
	free(answer);
}

/* --- the loop --------------------------------------------------------------------------------- */

static void
answered(struct conn *conn, unsigned depth)
{
	uint64_t took = now_ns() - conn->sent_at[conn->oldest];

	spdk_histogram_data_tally(g_took, took);
	g_sum_ns += took;
	g_max_ns = took > g_max_ns ? took : g_max_ns;
	g_answers++;
	g_bytes += conn->bytes;
	conn->bytes = 0;
	ask(conn, conn->oldest);
	conn->oldest = (conn->oldest + 1) % depth;
}

static void
take(struct conn *conn, unsigned depth)
{
	size_t len = (size_t)receive(conn, g_piece, sizeof(g_piece));
	const char *p = g_piece, *end = g_piece + len, *line;

	while (p < end) {
		line = memchr(p, '\n', (size_t)(end - p));
		if (line == NULL) {
			conn->bytes += (size_t)(end - p);
			return;
		}
		conn->bytes += (size_t)(line + 1 - p);
		p = line + 1;
		answered(conn, depth);
	}
}

static void *
wait_for_eof(void *arg)
{
	char byte;

	while (read(STDIN_FILENO, &byte, 1) > 0) {
	}
	atomic_store(&g_over, true);
	return NULL;
}

static bool
is_over(const struct options *opts, uint64_t end)
{
	return opts->until_eof ? atomic_load_explicit(&g_over, memory_order_relaxed)
	                       : now_ns() >= end;
}

/* Returns how long it was. */
static double
run(const struct options *opts)
{
	struct pollfd fds[MAX_CONNS];
	uint64_t begin = now_ns(), end = begin + (uint64_t)(opts->seconds * 1e9);
	unsigned i, j;

	for (i = 0; i < opts->conns; i++) {
		fds[i] = (struct pollfd){ .fd = g_conns[i].fd, .events = POLLIN };
		for (j = 0; j < opts->depth; j++) {
			ask(&g_conns[i], j);
		}
	}
	while (!is_over(opts, end)) {
		/* One connection: asleep in recv(), as a simple client is. */
		if (opts->conns == 1) {
			take(&g_conns[0], opts->depth);
			continue;
		}
		if (poll(fds, opts->conns, ANSWER_MS) <= 0) {
			errno = ETIMEDOUT;
			die("no answer");
		}
		for (i = 0; i < opts->conns; i++) {
			if (fds[i].revents != 0) {
				take(&g_conns[i], opts->depth);
			}
		}
	}
	return (double)(now_ns() - begin) / 1e9;
}

/* --- the floor -------------------------------------------------------------------------------- */

static pid_t
start_echo(unsigned bytes)
{
	int pair[2];
	ssize_t n;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
		die("socketpair");
	}
	pid = fork();
	if (pid < 0) {
		die("fork");
	}
	if (pid == 0) {
		close(pair[0]);
		while ((n = recv(pair[1], g_piece, sizeof(g_piece), 0)) > 0) {
			if (send(pair[1], g_piece, (size_t)n, MSG_NOSIGNAL) != n) {
				break;
			}
		}
		_exit(0);
	}
	close(pair[1]);
	g_conns[0].fd = pair[0];
	memset(g_request, 'x', bytes - 1);
	g_request[bytes - 1] = '\n';
	g_request_len = bytes;
	return pid;
}

/* --- the figures ------------------------------------------------------------------------------ */

struct share {
	double share;
	uint64_t ns;
};

static void
take_share(void *ctx, uint64_t start, uint64_t end, uint64_t count, uint64_t total, uint64_t so_far)
{
	struct share *share = ctx;

	if (share->ns == 0 && count > 0 && (double)so_far >= share->share * (double)total) {
		share->ns = end < g_max_ns ? end : g_max_ns;
	}
}

static double
took_us(double part)
{
	struct share share = { .share = part };

	spdk_histogram_data_iterate(g_took, take_share, &share);
	return (double)share.ns / 1e3;
}

static void
report(const struct options *opts, double seconds)
{
	double n = g_answers > 0 ? (double)g_answers : 1;
	const char *format =
		opts->json ? "{\"calls\":%llu,\"seconds\":%.6f,\"per_s\":%.1f,"
			     "\"p50_us\":%.2f,\"p99_us\":%.2f,\"p99_9_us\":%.2f,"
			     "\"max_us\":%.2f,\"avg_us\":%.2f,\"bytes\":%.1f}\n"
			   : "%llu round trips in %.3f s: %.0f/s, p50 %.1f us, p99 %.1f us, "
			     "p99.9 %.1f us, max %.1f us, avg %.1f us, %.1f bytes an answer\n";

	printf(format, (unsigned long long)g_answers, seconds, (double)g_answers / seconds,
	       took_us(0.5), took_us(0.99), took_us(0.999), (double)g_max_ns / 1e3,
	       (double)g_sum_ns / n / 1e3, (double)g_bytes / n);
}

static int
options_read(int argc, char **argv, struct options *opts)
{
	int opt;

	while ((opt = getopt(argc, argv, "r:m:p:c:d:t:wa:jfn:")) != -1) {
		switch (opt) {
		case 'r':
			opts->path = optarg;
			break;
		case 'm':
			opts->method = optarg;
			break;
		case 'p':
			opts->params = optarg;
			break;
		case 'c':
			opts->conns = (unsigned)atoi(optarg);
			break;
		case 'd':
			opts->depth = (unsigned)atoi(optarg);
			break;
		case 't':
			opts->seconds = atof(optarg);
			break;
		case 'w':
			opts->until_eof = true;
			break;
		case 'a':
			opts->answer_file = optarg;
			break;
		case 'j':
			opts->json = true;
			break;
		case 'f':
			opts->floor = true;
			break;
		case 'n':
			opts->echo_bytes = (unsigned)atoi(optarg);
			break;
		default:
			return -EINVAL;
		}
	}
	if (opts->conns < 1 || opts->conns > MAX_CONNS || opts->depth < 1 ||
	    opts->depth > MAX_DEPTH || opts->echo_bytes < 1 ||
	    opts->echo_bytes > sizeof(g_request) || opts->seconds <= 0) {
		fprintf(stderr, "bench_jsonrpc: 1-%u connections, depth 1-%u, 1-%zu bytes\n",
		        MAX_CONNS, MAX_DEPTH, sizeof(g_request));
		return -EINVAL;
	}
	return 0;
}

static void
connect_all(const struct options *opts)
{
	unsigned i;

	g_request_len = (size_t)snprintf(g_request, sizeof(g_request),
	                                 "{\"jsonrpc\":\"2.0\",\"method\":\"%s\",\"id\":1%s%s}",
	                                 opts->method, opts->params != NULL ? ",\"params\":" : "",
	                                 opts->params != NULL ? opts->params : "");
	if (g_request_len >= sizeof(g_request)) {
		errno = E2BIG;
		die("params");
	}
	for (i = 0; i < opts->conns; i++) {
		g_conns[i].fd = dial(opts->path);
		warm_up(&g_conns[i], i == 0 ? opts->answer_file : NULL);
	}
}

int
main(int argc, char **argv)
{
	struct options opts = {
		.path = "/var/tmp/spdk.sock",
		.method = "spdk_get_version",
		.conns = 1,
		.depth = 1,
		.echo_bytes = 64,
		.seconds = 1,
	};
	pthread_t waiter;
	pid_t echo = 0;
	double seconds;
	unsigned i;

	if (options_read(argc, argv, &opts) != 0) {
		return 2;
	}
	g_took = spdk_histogram_data_alloc();
	if (g_took == NULL) {
		die("memory");
	}
	if (opts.floor) {
		opts.conns = 1;
		echo = start_echo(opts.echo_bytes);
		warm_up(&g_conns[0], NULL);
	} else {
		connect_all(&opts);
	}
	if (opts.until_eof) {
		if (pthread_create(&waiter, NULL, wait_for_eof, NULL) != 0) {
			die("pthread_create");
		}
		pthread_detach(waiter);
		printf("ready\n");
		fflush(stdout);
	}
	seconds = run(&opts);
	report(&opts, seconds);
	for (i = 0; i < opts.conns; i++) {
		close(g_conns[i].fd);
	}
	if (echo > 0) {
		waitpid(echo, NULL, 0);
	}
	spdk_histogram_data_free(g_took);
	return 0;
}
