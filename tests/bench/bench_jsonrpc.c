/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Round trips of spdk_get_version over the JSON-RPC socket of a primary that runs:
 *
 *   bench_jsonrpc [-r SOCKET] [-n ROUNDS] [-c CONNECTIONS] [-d DEPTH] [-m METHOD]
 *
 * First a closed loop on one connection (one request at a time) for the latency, then CONNECTIONS
 * (8) of them with DEPTH (1) requests under way each for the rate. */

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MAX_CONNS 64

static char g_request[512];
static size_t g_request_len;

static double
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
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
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof(addr.sun_path)) {
		die("socket");
	}
	memcpy(addr.sun_path, path, strlen(path) + 1);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
		die(path);
	}
	return fd;
}

static void
ask(int fd)
{
	if (send(fd, g_request, g_request_len, MSG_NOSIGNAL) != (ssize_t)g_request_len) {
		die("send");
	}
}

/* How many answers (they end with a line break) the next piece completes. */
static unsigned
take(int fd)
{
	char buf[65536];
	ssize_t i, n = recv(fd, buf, sizeof(buf), 0);
	unsigned lines = 0;

	if (n <= 0) {
		die("the connection ended");
	}
	if (memmem(buf, (size_t)n, "\"error\":", 8) != NULL) {
		fprintf(stderr, "bench_jsonrpc: %.*s", (int)n, buf);
		exit(1);
	}
	for (i = 0; i < n; i++) {
		lines += buf[i] == '\n';
	}
	return lines;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void
closed_loop(const char *path, unsigned rounds)
{
	double *took = calloc(rounds, sizeof(*took)), begin, sum = 0;
	int fd = dial(path);
	unsigned i;

	if (took == NULL) {
		die("memory");
	}
	for (i = 0; i < rounds / 10 + 1; i++) {
		ask(fd);
		while (take(fd) == 0) {
		}
	}
	for (i = 0; i < rounds; i++) {
		begin = now_us();
		ask(fd);
		while (take(fd) == 0) {
		}
		took[i] = now_us() - begin;
		sum += took[i];
	}
	qsort(took, rounds, sizeof(*took), compare);
	printf("closed loop, 1 connection: %u round trips, p50 %.1f us, p90 %.1f us, p99 %.1f us, "
	       "max %.0f us, avg %.1f us\n",
	       rounds, took[rounds / 2], took[rounds * 9 / 10], took[rounds * 99 / 100],
	       took[rounds - 1], sum / rounds);
	close(fd);
	free(took);
}

static void
rate(const char *path, unsigned conns, unsigned depth, unsigned rounds)
{
	struct pollfd fds[MAX_CONNS];
	unsigned i, j, done = 0, lines;
	double begin;

	for (i = 0; i < conns; i++) {
		fds[i].fd = dial(path);
		fds[i].events = POLLIN;
	}
	begin = now_us();
	for (i = 0; i < conns; i++) {
		for (j = 0; j < depth; j++) {
			ask(fds[i].fd);
		}
	}
	while (done < rounds) {
		if (poll(fds, conns, 5000) <= 0) {
			die("no answer for 5 s");
		}
		for (i = 0; i < conns; i++) {
			if (fds[i].revents == 0) {
				continue;
			}
			lines = take(fds[i].fd);
			done += lines;
			for (; lines > 0; lines--) {
				ask(fds[i].fd);
			}
		}
	}
	printf("%u connections, %u under way each: %.0f requests/s\n", conns, depth,
	       done / ((now_us() - begin) / 1e6));
	for (i = 0; i < conns; i++) {
		close(fds[i].fd);
	}
}

int
main(int argc, char **argv)
{
	const char *path = "/var/tmp/spdk.sock", *method = "spdk_get_version";
	unsigned rounds = 20000, conns = 8, depth = 1;
	int opt;

	while ((opt = getopt(argc, argv, "r:n:c:d:m:")) != -1) {
		switch (opt) {
		case 'r':
			path = optarg;
			break;
		case 'n':
			rounds = (unsigned)atoi(optarg);
			break;
		case 'c':
			conns = (unsigned)atoi(optarg);
			break;
		case 'd':
			depth = (unsigned)atoi(optarg);
			break;
		case 'm':
			method = optarg;
			break;
		default:
			return 2;
		}
	}
	if (rounds < 100 || conns < 1 || conns > MAX_CONNS || depth < 1 || depth > 256) {
		fprintf(stderr,
		        "bench_jsonrpc: 100 rounds or more, 1-64 connections, depth 1-256\n");
		return 2;
	}
	g_request_len =
		(size_t)snprintf(g_request, sizeof(g_request),
	                         "{\"jsonrpc\":\"2.0\",\"method\":\"%s\",\"id\":1}", method);
	closed_loop(path, rounds);
	rate(path, conns, depth, rounds * 2);
	return 0;
}
