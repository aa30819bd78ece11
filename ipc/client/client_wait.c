/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Noticing what has arrived: by spinning on the ring, by naps, or asleep on the gate connection. To
 * be woken costs the primary's app thread a system call and an interrupt to another CPU, 20 µs and
 * more of a virtual machine's; so while a call is young nobody is asked to. */

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <rte_pause.h>

#include "core/util/systemd.h"
#include "ipc/client/client_internal.h"

/* Reading the clock costs as much as several looks at the ring. */
#define LOOKS_PER_CLOCK 16
/* A call is young for so long; a nap is a quarter of what it has taken, and at least, at most: */
#define YOUNG_US   50000
#define NAP_MIN_US 15
#define NAP_MAX_US 200
/* Who finds every response by spinning still looks at the socket so often: a STOP or a PING waits.
 */
#define SOCKET_US 100000

/* Take the bells, and a STOP or the end. */
static void
read_socket(struct cal_client *client)
{
	struct gate_packet packet;
	int rc;

	client->socket_us = client_now_us();
	if (client->pong_due) {
		client_pong(client);
	}
	while (client->status != -ECONNRESET) {
		rc = gate_packet_recv(client->fd, &packet);
		if (rc == -EAGAIN) {
			return;
		}
		gate_packet_close_fds(&packet);
		if (rc <= 0) {
			/* After a STOP the end is no news. */
			if (client->status == 0) {
				client->status = -ECONNRESET;
			}
			return;
		}
		if (gate_packet_check(&packet, client->abi) < 0) {
			continue;
		}
		if (packet.msg.type == GATE_STOP) {
			client->status = -ESHUTDOWN;
		} else if (packet.msg.type == GATE_PING) {
			client_pong(client);
		}
	}
}

/* What the ring still held has been delivered; nothing more will come. */
static int
finish(struct cal_client *client)
{
	if (client->status != 0) {
		client_fail_pending(client, -ECONNRESET);
	}
	return client->status;
}

int
cal_client_process(struct cal_client *client)
{
	int delivered;

	systemd_alive();
	/* The socket first: what the primary published before its end is seen after it. */
	read_socket(client);
	delivered = client_process_ring(client);
	return client->status != 0 ? finish(client) : delivered;
}

int
cal_client_arm(struct cal_client *client)
{
	if (!client->attached || client->status != 0) {
		return client->status != 0;
	}
	return client_ring_arm(&client->ring, !STAILQ_EMPTY(&client->queue));
}

/* Returns whether a response came within the time that spinning is worth. */
static bool
spin(struct cal_client *client, int64_t deadline)
{
	int64_t now = client_now_us(), end = now + client->spin_us;

	if (!client->attached || client->spin_us == 0) {
		return false;
	}
	if (now - client->socket_us > SOCKET_US) {
		read_socket(client);
	}
	if (deadline >= 0 && end > deadline) {
		end = deadline;
	}
	do {
		for (int i = 0; i < LOOKS_PER_CLOCK; i++) {
			if (client_ring_has_response(&client->ring)) {
				return true;
			}
			rte_pause();
		}
	} while (client_now_us() < end);
	return false;
}

/* One turn of waiting: returns how many responses were delivered, 0 for a bell without any,
 * -ETIMEDOUT or what process() returns. */
static int
wait_once(struct cal_client *client, int64_t deadline)
{
	int rc;

	if (client->status != 0) {
		return finish(client);
	}
	if (spin(client, deadline)) {
		rc = client_process_ring(client);
		return client->status != 0 ? finish(client) : rc;
	}
	if (cal_client_arm(client) == 0) {
		rc = client_poll(client, deadline);
		if (rc < 0 && errno != EINTR) {
			return -errno;
		}
		if (rc == 0) {
			if (client->attached) {
				client_ring_disarm(&client->ring);
			}
			return -ETIMEDOUT;
		}
	}
	return cal_client_process(client);
}

/* The same without asking for a bell, for a call that was made `waited` microseconds ago. */
static int
wait_young(struct cal_client *client, int64_t waited, int64_t deadline)
{
	struct pollfd pfd = { .fd = client->fd, .events = POLLIN };
	int64_t us = waited / 4 < NAP_MIN_US   ? NAP_MIN_US
	             : waited / 4 > NAP_MAX_US ? NAP_MAX_US
	                                       : waited / 4;
	struct timespec nap = { .tv_nsec = us * 1000 };
	int rc;

	if (client->status != 0) {
		return finish(client);
	}
	if (waited < client->spin_us && spin(client, deadline)) {
		rc = client_process_ring(client);
		return client->status != 0 ? finish(client) : rc;
	}
	if (ppoll(&pfd, 1, &nap, NULL) < 0 && errno != EINTR) {
		return -errno;
	}
	rc = cal_client_process(client);
	return rc == 0 && client_time_left(deadline) == 0 ? -ETIMEDOUT : rc;
}

int
cal_client_wait(struct cal_client *client, int timeout_ms)
{
	int64_t deadline = client_deadline(timeout_ms);
	int rc;

	do {
		rc = wait_once(client, deadline);
	} while (rc == 0);
	return rc < 0 ? rc : 0;
}

struct call {
	struct cal_client *client;
	struct cal_response response;
	bool done;
};

static void
on_call_response(void *ctx, const struct cal_response *response)
{
	struct call *call = ctx;
	struct client_buf *keep = &call->client->call_in;
	size_t len = response->error_len + response->result_len;

	call->done = true;
	call->response = *response;
	if (response->status != 0 || len == 0) {
		return;
	}
	if (client_buf_reserve(keep, len) < 0) {
		call->response = (struct cal_response){ .status = -ENOMEM };
		return;
	}
	if (response->error != NULL) {
		memcpy(keep->data, response->error, len);
		call->response.error = keep->data;
	} else {
		memcpy(keep->data, response->result, len);
		call->response.result = keep->data;
	}
}

int
cal_client_call(struct cal_client *client, const char *method, const void *params,
                size_t params_len, int timeout_ms, struct cal_response *response)
{
	struct call call = { .client = client };
	int64_t deadline = client_deadline(timeout_ms), begin = client_now_us(), waited;
	uint32_t id;
	int rc;

	rc = client_send(client, method, params, params_len, on_call_response, &call, &id);
	if (rc < 0) {
		return rc;
	}
	while (!call.done) {
		waited = client_now_us() - begin;
		rc = client->spin_us > 0 && waited < YOUNG_US ? wait_young(client, waited, deadline)
		                                              : wait_once(client, deadline);
		if (rc < 0 && !call.done) {
			client_give_up(client, id);
			return rc;
		}
	}
	if (call.response.status != 0) {
		/* Our own callback was called at the connection's end. */
		return client->status != 0 ? client->status : call.response.status;
	}
	*response = call.response;
	return 0;
}
