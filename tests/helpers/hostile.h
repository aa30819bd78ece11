/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* A link taken by hand, for the hostile helpers: with its descriptors still there, several in one
 * process, without EAL. What a program may do that does not use our library. */

#ifndef CAL_TESTS_HOSTILE_H
#define CAL_TESTS_HOSTILE_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "calandria/instance.h"
#include "ipc/client/client_ring.h"
#include "ipc/codec/codec.h"
#include "ipc/gate/gate_packet.h"
#include "ipc/link/layout.h"

struct raw {
	int fd;
	int memfd;
	int bell;
	int stats;
	uint8_t *memory;
	struct gate_geometry geometry;
	struct link_layout layout;
	struct client_ring ring;
	char error[512]; /* why there is none */
};

static inline int64_t
raw_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static inline void
raw_sleep_us(unsigned us)
{
	struct timespec ts = { .tv_sec = us / 1000000, .tv_nsec = (long)(us % 1000000) * 1000 };

	nanosleep(&ts, NULL);
}

static inline int
raw_connect(int instance)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0 ||
	    cal_instance_path(addr.sun_path, sizeof(addr.sun_path), instance, CAL_GATE_NAME) < 0 ||
	    connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		int rc = -errno;

		if (fd >= 0) {
			close(fd);
		}
		return rc;
	}
	return fd;
}

static inline void
raw_send(struct raw *raw, enum gate_msg_type type, const char *name)
{
	struct gate_msg msg;

	gate_packet_init(&msg, type);
	snprintf(msg.name, sizeof(msg.name), "%s", name);
	gate_packet_send(raw->fd, &msg, NULL, 0);
}

/* Wait for a packet of that type. */
static inline int
raw_expect(struct raw *raw, enum gate_msg_type type, struct gate_packet *packet)
{
	struct pollfd pfd = { .fd = raw->fd, .events = POLLIN };
	int rc;

	for (;;) {
		if (poll(&pfd, 1, 10000) <= 0) {
			return -ETIMEDOUT;
		}
		rc = gate_packet_recv(raw->fd, packet);
		if (rc <= 0) {
			return rc == 0 ? -ECONNRESET : rc;
		}
		if (packet->msg.type == type) {
			return 0;
		}
		gate_packet_close_fds(packet);
		if (packet->msg.type == GATE_REFUSED) {
			snprintf(raw->error, sizeof(raw->error), "%s", packet->msg.text);
			return -EACCES;
		}
	}
}

static inline void
raw_detach(struct raw *raw)
{
	if (raw->memory != NULL) {
		munmap(raw->memory, raw->geometry.link_size);
	}
	close(raw->fd);
	close(raw->memfd);
	close(raw->bell);
	close(raw->stats);
	*raw = (struct raw){ .fd = -1, .memfd = -1, .bell = -1, .stats = -1 };
}

/* Hello, attach, and take what is granted, up to the packet that says that we hold it. */
static inline int
raw_take_grant(int instance, const char *name, struct raw *raw)
{
	struct gate_packet packet;
	int rc;

	*raw = (struct raw){ .fd = -1, .memfd = -1, .bell = -1, .stats = -1 };
	raw->fd = raw_connect(instance);
	if (raw->fd < 0) {
		return raw->fd;
	}
	raw_send(raw, GATE_HELLO, name);
	rc = raw_expect(raw, GATE_WELCOME, &packet);
	if (rc == 0) {
		raw_send(raw, GATE_ATTACH, "");
		rc = raw_expect(raw, GATE_GRANT, &packet);
	}
	if (rc < 0 || packet.num_fds < 2) {
		goto fail;
	}
	raw->memfd = packet.fds[0];
	raw->bell = packet.fds[1];
	raw->stats = packet.num_fds > 2 ? packet.fds[2] : -1;
	raw->geometry = packet.msg.geometry;
	rc = link_layout_of(&raw->geometry, &raw->layout);
	if (rc < 0) {
		goto fail;
	}
	raw->memory = mmap(NULL, raw->geometry.link_size, PROT_READ | PROT_WRITE, MAP_SHARED,
	                   raw->memfd, 0);
	if (raw->memory == MAP_FAILED) {
		raw->memory = NULL;
		rc = -errno;
		goto fail;
	}
	rc = client_ring_init(&raw->ring, raw->memory, raw->geometry.link_size, &raw->geometry);
	if (rc == 0) {
		return 0;
	}
fail:
	if (raw->error[0] == '\0') {
		snprintf(raw->error, sizeof(raw->error), "%s", strerror(rc < 0 ? -rc : EPROTO));
	}
	char error[sizeof(raw->error)];

	memcpy(error, raw->error, sizeof(error));
	raw_detach(raw);
	memcpy(raw->error, error, sizeof(error));
	return rc < 0 ? rc : -EPROTO;
}

static inline int
raw_attach(int instance, const char *name, struct raw *raw)
{
	int rc = raw_take_grant(instance, name, raw);

#if CAL_ABI_VERSION >= 3
	struct gate_packet packet;

	if (rc == 0) {
		fcntl(raw->memfd, F_ADD_SEALS, LINK_SEALS_OF_CLIENT);
		raw_send(raw, GATE_MAPPED, "");
		rc = raw_expect(raw, GATE_OPEN, &packet);
		if (rc < 0) {
			raw_detach(raw);
		}
	}
#endif
	return rc;
}

/* Whether the primary has ended it. Takes what it has sent. */
static inline bool
raw_is_cut(struct raw *raw)
{
	struct gate_packet packet;
	int rc;

	do {
		rc = gate_packet_recv(raw->fd, &packet);
		gate_packet_close_fds(&packet);
	} while (rc == 1);
	return rc != -EAGAIN;
}

/* Push a whole request, if there is room. */
static inline bool
raw_push(struct raw *raw, const char *method, const void *params, size_t params_len)
{
	struct codec_buf buf;
	bool pushed;

	codec_buf_init(&buf);
	codec_put_request(&buf, 1, method, params, params_len);
	pushed = client_ring_push(&raw->ring, buf.data, buf.len) == buf.len;
	codec_buf_free(&buf);
	return pushed;
}

/* Let go of what is in the response ring, unread. */
static inline unsigned
raw_drop_responses(struct raw *raw)
{
	const void *data;
	unsigned n = 0;
	size_t len;
	bool more;

	while (client_ring_peek(&raw->ring, &data, &len, &more) > 0) {
		client_ring_release(&raw->ring);
		n += !more;
	}
	return n;
}

#endif
