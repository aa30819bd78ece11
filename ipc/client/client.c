/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "calandria/state.h"
#include "core/util/systemd.h"
#include "ipc/client/client_internal.h"

#define DEFAULT_SPIN_US            50
#define DEFAULT_CONNECT_TIMEOUT_MS 1000

void
cal_client_opts_init(struct cal_client_opts *opts, size_t opts_size)
{
	struct cal_client_opts defaults = {
		.opts_size = opts_size,
		.name = "client",
		.spin_us = DEFAULT_SPIN_US,
		.connect_timeout_ms = DEFAULT_CONNECT_TIMEOUT_MS,
	};

	memcpy(opts, &defaults, opts_size < sizeof(defaults) ? opts_size : sizeof(defaults));
}

int
cal_client_open(const struct cal_client_opts *opts, struct cal_client **out, char *err,
                size_t err_size)
{
	int rc;

	rc = cal_client_connect(opts, out, err, err_size);
	if (rc < 0) {
		return rc;
	}
	rc = cal_client_attach(*out, (int)(*out)->connect_timeout_ms, err, err_size);
	if (rc < 0) {
		cal_client_close(*out);
		*out = NULL;
	}
	return rc;
}

void
cal_client_close(struct cal_client *client)
{
	struct client_out *out;

	if (client == NULL) {
		return;
	}
	if (client->status == 0) {
		client->status = -ECANCELED;
	}
	client_fail_pending(client, -ECANCELED);
	while ((out = STAILQ_FIRST(&client->queue)) != NULL) {
		STAILQ_REMOVE_HEAD(&client->queue, entry);
		free(out);
	}
	if (client->memory != NULL) {
		munmap(client->memory, client->memory_size);
	}
	if (client->bell >= 0) {
		close(client->bell);
	}
	if (client->stats_fd >= 0) {
		close(client->stats_fd);
	}
	close(client->fd);
	codec_buf_free(&client->encoded);
	free(client->in.data);
	free(client->call_in.data);
	free(client->pending);
	free(client);
}

enum gate_role
cal_client_role(const struct cal_client *client)
{
	return client->role;
}

int
cal_client_stats_fd(const struct cal_client *client)
{
	return client->stats_fd >= 0 ? client->stats_fd : -ENOENT;
}

bool
cal_client_is_backlogged(const struct cal_client *client)
{
	return !STAILQ_EMPTY(&client->queue);
}

pid_t
cal_client_primary_pid(const struct cal_client *client)
{
	return client->primary_pid;
}

int
cal_client_fd(const struct cal_client *client)
{
	return client->fd;
}

/* What a service says to its primary is what systemd wants to know, if that has started it. */
static void
client_tell_systemd(enum gate_report_code code, const char *text)
{
	if (code == GATE_REPORT_READY) {
		systemd_ready(text[0] != '\0' ? text : "ready");
	} else if (code == GATE_REPORT_FAILED) {
		(void)systemd_send(text, "%s", "");
	}
}

int
cal_client_report(struct cal_client *client, enum gate_report_code code, const char *text)
{
	struct gate_msg msg;
	int rc;

	gate_packet_init_abi(&msg, GATE_REPORT, client->abi);
	msg.code = code;
	msg.instance = (uint32_t)client->instance;
	snprintf(msg.name, sizeof(msg.name), "%s", client->name);
	snprintf(msg.text, sizeof(msg.text), "%s", text != NULL ? text : "");
	rc = gate_packet_send(client->fd, &msg, NULL, 0);
	client_tell_systemd(code, msg.text);
	return rc == -EPIPE ? -ECONNRESET : rc;
}

int
client_explain(char *err, size_t err_size, int rc, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(err, err_size, fmt, args);
	va_end(args);
	return rc;
}

int64_t
client_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t
client_deadline(int timeout_ms)
{
	return timeout_ms < 0 ? -1 : client_now_us() + (int64_t)timeout_ms * 1000;
}

int
client_time_left(int64_t deadline_us)
{
	int64_t left;

	if (deadline_us < 0) {
		return -1;
	}
	left = deadline_us - client_now_us();
	return left <= 0 ? 0 : (int)((left + 999) / 1000);
}

void
client_pong(struct cal_client *client)
{
	struct gate_msg msg;

	gate_packet_init_abi(&msg, GATE_PONG, client->abi);
	msg.instance = (uint32_t)client->instance;
	client->pong_due = gate_packet_send(client->fd, &msg, NULL, 0) == -EAGAIN;
}

int
client_poll(const struct cal_client *client, int64_t deadline_us)
{
	struct pollfd pfd = { .fd = client->fd, .events = POLLIN };
	int limit = systemd_interval_ms(), left, rc;

	do {
		systemd_alive();
		left = client_time_left(deadline_us);
		if (limit < 0 || (left >= 0 && left <= limit)) {
			return poll(&pfd, 1, left);
		}
		rc = poll(&pfd, 1, limit);
	} while (rc == 0);
	return rc;
}

int
client_next_packet(struct cal_client *client, int64_t deadline_us, struct gate_packet *packet)
{
	int rc, n;

	for (;;) {
		rc = gate_packet_recv(client->fd, packet);
		if (rc != -EAGAIN) {
			return rc == -ECONNRESET ? 0 : rc;
		}
		n = client_poll(client, deadline_us);
		if (n == 0) {
			return -ETIMEDOUT;
		}
		if (n < 0 && errno != EINTR) {
			return -errno;
		}
	}
}

void
client_primary_state(int instance, char *text, size_t size)
{
	struct cal_state_file file;
	bool alive;

	if (cal_state_read(instance, &file, &alive) < 0) {
		snprintf(text, size, "state unknown");
	} else if (!alive) {
		snprintf(text, size, "dead");
	} else {
		snprintf(text, size, "state %s%s%s", cal_run_state_name(file.main.state),
		         file.main.doing[0] != '\0' ? ": " : "", file.main.doing);
	}
}

int
client_buf_reserve(struct client_buf *buf, size_t len)
{
	size_t cap = buf->cap != 0 ? buf->cap : 4096;
	uint8_t *data;

	if (len <= buf->cap) {
		return 0;
	}
	while (cap < len) {
		cap *= 2;
	}
	data = realloc(buf->data, cap);
	if (data == NULL) {
		return -ENOMEM;
	}
	buf->data = data;
	buf->cap = cap;
	return 0;
}
