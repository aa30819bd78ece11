/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* links: client */

/* What death.c kills at every step: a client that connects, attaches, calls, takes a long answer,
 * leaves its bell armed, and detaches.
 *
 *   death_client ID          with the client library's calls
 *   death_client ID ring     one request and its answer straight through the rings, between marks
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/syscall.h>

#include "ipc/client/client_internal.h"
#include "ipc/link/layout.h"
#include "tests/helpers/death.h"

static void
mark(long what)
{
	syscall(DEATH_MARK_CALL, what);
}

static int
by_calls(struct cal_client *client)
{
	struct cal_response response;
	int rc;

	rc = cal_client_call(client, "spdk_get_version", NULL, 0, 10000, &response);
	if (rc == 0) {
		rc = cal_client_call(client, "rpc_get_methods", NULL, 0, 10000, &response);
	}
	if (rc == 0 && response.result_len < 2048) {
		return -1; /* not what is called long here */
	}
	/* Asleep before the answer is there, so that the primary rings. */
	client->spin_us = 0;
	return rc == 0 ? cal_client_call(client, "thread_get_stats", NULL, 0, 10000, &response)
	               : rc;
}

static int
by_ring(struct cal_client *client)
{
	struct client_ring *ring = &client->ring;
	static uint8_t copy[LINK_RESPONSE_SLOT_SIZE];
	struct codec_buf buf;
	const void *data;
	bool more = true;
	size_t len;
	int rc = 1;

	codec_buf_init(&buf);
	codec_put_request(&buf, 1, "spdk_get_version", NULL, 0);
	mark(DEATH_MARK_BEGIN);
	client_ring_push(ring, buf.data, buf.len);
	client_ring_must_wake(ring, LINK_ARM_MESSAGE);
	mark(DEATH_MARK_END);
	while (!client_ring_has_response(ring)) {
	}
	mark(DEATH_MARK_BEGIN);
	while (more && rc == 1) {
		rc = client_ring_peek(ring, &data, &len, &more);
		if (rc == 1) {
			memcpy(copy, data, len);
			client_ring_release(ring);
		}
	}
	client_ring_must_wake(ring, LINK_ARM_SPACE);
	mark(DEATH_MARK_END);
	codec_buf_free(&buf);
	return rc == 1 ? 0 : -1;
}

int
main(int argc, char **argv)
{
	struct cal_client_opts opts;
	struct cal_client *client;
	char err[512];
	int rc;

	if (argc < 2) {
		return 2;
	}
	cal_client_opts_init(&opts, sizeof(opts));
	opts.instance = atoi(argv[1]);
	opts.name = "death_client";
	opts.connect_timeout_ms = 5000;
	if (cal_client_open(&opts, &client, err, sizeof(err)) < 0) {
		fprintf(stderr, "%s\n", err);
		return 3;
	}
	mark(DEATH_MARK_ATTACHED);
	rc = argc > 2 && strcmp(argv[2], "ring") == 0 ? by_ring(client) : by_calls(client);
	cal_client_close(client);
	return rc == 0 ? 0 : 1;
}
