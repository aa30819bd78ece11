/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* links: client */

/* An attached client that behaves as told, for tests/integration/link_ends.py:
 *
 *   link_client ID idle       attaches, says "attached", waits
 *   link_client ID calls      … and calls spdk_get_version without pause
 *   link_client ID fork       … has a child that keeps all its descriptors, says the child's pid
 *   link_client ID flood      … sends requests and never reads an answer
 *   link_client ID hoard      … until as many answers wait for it as the primary keeps, and says
 * "hoarding" link_client ID scribble   … calls, and writes random words over the link's memory
 *   link_client ID latency N  … makes N calls and says the longest's microseconds, and for how many
 * it waited for a CPU meanwhile
 *
 * It ends with status 0 when the primary ends the link or asks it to stop. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ipc/client/client_internal.h"

static char g_err[512];

static void
sleep_ms(unsigned ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	nanosleep(&ts, NULL);
}

static int
idle(struct cal_client *client)
{
	int rc;

	do {
		rc = cal_client_wait(client, 60000);
	} while (rc == 0);
	return rc;
}

static int
calls(struct cal_client *client)
{
	struct cal_response response;
	int rc;

	do {
		rc = cal_client_call(client, "spdk_get_version", NULL, 0, 10000, &response);
	} while (rc == 0);
	return rc;
}

static int
with_child(struct cal_client *client)
{
	pid_t pid = fork();

	if (pid == 0) {
		sleep_ms(60000);
		_exit(0);
	}
	printf("%d\n", (int)pid);
	fflush(stdout);
	return idle(client);
}

/* Straight into the ring: the client itself would read the answers. */
static int
flood(struct cal_client *client)
{
	struct gate_packet packet;
	struct codec_buf buf;
	int rc;

	codec_buf_init(&buf);
	codec_put_request(&buf, 1, "rpc_get_methods", NULL, 0);
	do {
		while (client_ring_push(&client->ring, buf.data, buf.len) > 0) {
		}
		rc = gate_packet_recv(client->fd, &packet);
	} while (rc == -EAGAIN || rc == 1);
	codec_buf_free(&buf);
	return -ECONNRESET;
}

/* As many answers as the primary is willing to keep for us, and not one more: it lets us live. */
static int
hoard(struct cal_client *client)
{
	struct codec_buf buf;
	int idle_ms = 0;

	codec_buf_init(&buf);
	codec_put_request(&buf, 1, "rpc_get_methods", NULL, 0);
	while (idle_ms < 100) {
		idle_ms++;
		while (client_ring_push(&client->ring, buf.data, buf.len) > 0) {
			idle_ms = 0;
		}
		sleep_ms(1);
	}
	codec_buf_free(&buf);
	printf("hoarding\n");
	fflush(stdout);
	sleep_ms(60000);
	return 0;
}

static int
scribble(struct cal_client *client)
{
	unsigned seed = (unsigned)getpid();
	struct gate_packet packet;
	uint32_t *words = client->memory;
	int rc;

	do {
		/* The header, both rings, and the first descriptors. */
		words[(size_t)rand_r(&seed) % 1024] =
			(uint32_t)rand_r(&seed) >> (rand_r(&seed) % 31);
		rc = gate_packet_recv(client->fd, &packet);
	} while (rc == -EAGAIN || rc == 1);
	return -ECONNRESET;
}

static int
latency(struct cal_client *client, long n)
{
	struct cal_response response;
	int64_t longest = 0;
	int rc = 0;

	for (long i = 0; i < n && rc == 0; i++) {
		int64_t begin = client_now_us(), took;

		rc = cal_client_call(client, "spdk_get_version", NULL, 0, 10000, &response);
		took = client_now_us() - begin;
		longest = took > longest ? took : longest;
	}
	printf("%lld\n", (long long)longest);
	return rc;
}

int
main(int argc, char **argv)
{
	struct cal_client_opts opts;
	struct cal_client *client;
	const char *mode;
	int rc;

	if (argc < 3) {
		return 2;
	}
	mode = argv[2];
	cal_client_opts_init(&opts, sizeof(opts));
	opts.instance = atoi(argv[1]);
	opts.name = "link_client";
	rc = cal_client_open(&opts, &client, g_err, sizeof(g_err));
	if (rc < 0) {
		fprintf(stderr, "%s\n", g_err);
		return 3;
	}
	printf("attached\n");
	fflush(stdout);
	if (strcmp(mode, "idle") == 0) {
		rc = idle(client);
	} else if (strcmp(mode, "calls") == 0) {
		rc = calls(client);
	} else if (strcmp(mode, "fork") == 0) {
		rc = with_child(client);
	} else if (strcmp(mode, "flood") == 0) {
		rc = flood(client);
	} else if (strcmp(mode, "hoard") == 0) {
		rc = hoard(client);
	} else if (strcmp(mode, "scribble") == 0) {
		rc = scribble(client);
	} else if (strcmp(mode, "latency") == 0 && argc > 3) {
		rc = latency(client, atol(argv[3]));
	} else {
		return 2;
	}
	if (rc < 0 && rc != -ECONNRESET && rc != -ESHUTDOWN && rc != -ENOTCONN) {
		fprintf(stderr, "%s: %s\n", mode, strerror(-rc));
		return 1;
	}
	cal_client_close(client);
	return 0;
}
