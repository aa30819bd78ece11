/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "ipc/client/monitor.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "calandria/instance.h"

#define MAX_REPLY (64u << 20)

static int
connect_monitor(int instance, int timeout_ms)
{
	struct timeval limit = { .tv_sec = timeout_ms / 1000,
		                 .tv_usec = (suseconds_t)(timeout_ms % 1000) * 1000 };
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char path[CAL_PATH_MAX];
	int fd, rc;

	rc = cal_instance_path(path, sizeof(path), instance, CAL_MONITOR_SOCKET);
	if (rc != 0 || strlen(path) >= sizeof(addr.sun_path)) {
		return -ENAMETOOLONG;
	}
	memcpy(addr.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return -errno;
	}
	/* Either direction may take that long: a monitor that is stopped must not hold its caller.
	 */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) != 0 ||
	    connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

static int
send_all(int fd, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	while (len > 0) {
		ssize_t sent = send(fd, at, len, MSG_NOSIGNAL);

		if (sent < 0) {
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		}
		at += sent;
		len -= (size_t)sent;
	}
	return 0;
}

static int
recv_all(int fd, void *bytes, size_t len)
{
	uint8_t *at = bytes;

	while (len > 0) {
		ssize_t got = recv(fd, at, len, 0);

		if (got <= 0) {
			return got == 0 ? -ECONNRESET : errno == EAGAIN ? -ETIMEDOUT : -errno;
		}
		at += got;
		len -= (size_t)got;
	}
	return 0;
}

static int
exchange(int fd, struct codec_buf *request, void **reply, size_t *reply_len)
{
	uint32_t size = (uint32_t)request->len;
	void *body;
	int rc;

	rc = send_all(fd, &size, sizeof(size));
	if (rc == 0) {
		rc = send_all(fd, request->data, request->len);
	}
	if (rc == 0) {
		rc = recv_all(fd, &size, sizeof(size));
	}
	if (rc != 0) {
		return rc;
	}
	if (size > MAX_REPLY) {
		return -EMSGSIZE;
	}
	body = malloc(size != 0 ? size : 1);
	if (body == NULL) {
		return -ENOMEM;
	}
	rc = recv_all(fd, body, size);
	if (rc != 0) {
		free(body);
		return rc;
	}
	*reply = body;
	*reply_len = size;
	return 0;
}

int
cal_monitor_call(int instance, const char *method, const void *params, size_t params_len,
                 int timeout_ms, void **reply, struct codec_envelope *response, char *err,
                 size_t err_size)
{
	struct codec_buf request;
	size_t len = 0;
	int fd, rc;

	fd = connect_monitor(instance, timeout_ms);
	if (fd < 0) {
		snprintf(
			err, err_size,
			fd == -ENOENT || fd == -ECONNREFUSED
				? "no monitor serves instance %d (%s): is the primary running, "
				  "and cal-mond with it?"
			: fd == -EACCES
				? "the monitor of instance %d cannot be reached (%s): run as root, "
				  "as the primary's user, or as a member of its --gate-group"
				: "the monitor of instance %d cannot be reached: %s",
			instance, strerror(-fd));
		return fd;
	}
	codec_buf_init(&request);
	codec_put_request(&request, 1, method, params, params_len);
	rc = request.failed ? -ENOMEM : exchange(fd, &request, reply, &len);
	codec_buf_free(&request);
	close(fd);
	if (rc == 0) {
		rc = codec_parse(*reply, len, response);
		if (rc == 0 && response->type != CODEC_RESPONSE) {
			rc = -EBADMSG;
		}
		if (rc != 0) {
			free(*reply);
			*reply = NULL;
		}
	}
	if (rc != 0) {
		snprintf(err, err_size,
		         "the monitor of instance %d does not answer (%s): `calctl -i %d service "
		         "list` says how it is",
		         instance, strerror(-rc), instance);
	}
	return rc;
}
