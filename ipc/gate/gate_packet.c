/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include <errno.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "ipc/gate/gate_packet.h"

static_assert(CAL_ABI_OLDEST > 0 && CAL_ABI_OLDEST <= CAL_ABI_VERSION &&
                      CAL_ABI_VERSION <= UINT16_MAX,
              "a range of versions");

void
gate_packet_init_abi(struct gate_msg *msg, enum gate_msg_type type, unsigned abi)
{
	memset(msg, 0, sizeof(*msg));
	msg->magic = GATE_MAGIC;
	msg->abi = (uint16_t)abi;
	msg->type = type;
	msg->size = type == GATE_WAKE ? GATE_WAKE_SIZE : sizeof(*msg);
	msg->pid = getpid();
}

void
gate_packet_init(struct gate_msg *msg, enum gate_msg_type type)
{
	gate_packet_init_abi(msg, type, CAL_ABI_VERSION);
	if (type == GATE_HELLO) {
		msg->code = CAL_ABI_OLDEST;
	}
}

unsigned
gate_packet_oldest_abi(const struct gate_msg *hello)
{
	return hello->code > 0 && hello->code <= hello->abi ? hello->code : hello->abi;
}

unsigned
gate_packet_choose_abi(const struct gate_msg *hello)
{
	unsigned highest = hello->abi < CAL_ABI_VERSION ? hello->abi : CAL_ABI_VERSION;

	return highest >= CAL_ABI_OLDEST && highest >= gate_packet_oldest_abi(hello) ? highest : 0;
}

void
gate_packet_abi_text(char *text, size_t size, unsigned oldest, unsigned highest)
{
	if (oldest == highest) {
		snprintf(text, size, "version %u", highest);
	} else {
		snprintf(text, size, "versions %u to %u", oldest, highest);
	}
}

int
gate_packet_send(int fd, const struct gate_msg *msg, const int *fds, unsigned num_fds)
{
	alignas(struct cmsghdr) char control[CMSG_SPACE(GATE_MAX_FDS * sizeof(int))] = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)msg, .iov_len = msg->size };
	struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;
	ssize_t n;

	if (num_fds > GATE_MAX_FDS) {
		return -EINVAL;
	}
	if (num_fds > 0) {
		hdr.msg_control = control;
		hdr.msg_controllen = CMSG_SPACE(num_fds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&hdr);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(num_fds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, num_fds * sizeof(int));
	}
	do {
		n = sendmsg(fd, &hdr, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int
gate_packet_wake(int fd, unsigned abi)
{
	struct gate_msg msg = {
		.magic = GATE_MAGIC,
		.abi = (uint16_t)abi,
		.type = GATE_WAKE,
		.size = GATE_WAKE_SIZE,
	};

	return send(fd, &msg, GATE_WAKE_SIZE, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Sort the control messages. Descriptors that exceed our buffer never come into being: the kernel
 * drops them and sets MSG_CTRUNC. */
static void
take_control(struct gate_packet *packet, struct msghdr *hdr)
{
	struct cmsghdr *cmsg;
	struct ucred cred;

	for (cmsg = CMSG_FIRSTHDR(hdr); cmsg != NULL; cmsg = CMSG_NXTHDR(hdr, cmsg)) {
		size_t bytes = cmsg->cmsg_len - CMSG_LEN(0);

		if (cmsg->cmsg_level != SOL_SOCKET) {
			continue;
		}
		if (cmsg->cmsg_type == SCM_CREDENTIALS && bytes >= sizeof(cred)) {
			memcpy(&cred, CMSG_DATA(cmsg), sizeof(cred));
			packet->cred_pid = cred.pid;
			continue;
		}
		if (cmsg->cmsg_type != SCM_RIGHTS) {
			continue;
		}
		for (size_t at = 0; at + sizeof(int) <= bytes; at += sizeof(int)) {
			int fd;

			memcpy(&fd, CMSG_DATA(cmsg) + at, sizeof(fd));
			if (packet->num_fds < GATE_MAX_FDS) {
				packet->fds[packet->num_fds++] = fd;
			} else {
				/* Padding of the buffer leaves room for one more. */
				packet->truncated = true;
				close(fd);
			}
		}
	}
}

int
gate_packet_recv(int fd, struct gate_packet *packet)
{
	alignas(struct cmsghdr) char
		control[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(GATE_MAX_FDS * sizeof(int))];
	struct iovec iov = { .iov_base = &packet->msg, .iov_len = sizeof(packet->msg) };
	struct msghdr hdr = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	bool reset = false;
	ssize_t n;

	memset(packet, 0, sizeof(*packet));
	do {
		n = recvmsg(fd, &hdr, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		/* A peer that went with something of ours unread: the kernel says so once, and
		 * before what the peer sent last (a STOP, why it gives up), which is still there.
		 */
	} while (n < 0 && (errno == EINTR || (errno == ECONNRESET && !reset && (reset = true))));
	if (n < 0) {
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	}
	packet->len = (size_t)n;
	packet->truncated = (hdr.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
	take_control(packet, &hdr);
	if (n == 0) {
		gate_packet_close_fds(packet);
		return 0;
	}
	packet->msg.name[sizeof(packet->msg.name) - 1] = '\0';
	packet->msg.version[sizeof(packet->msg.version) - 1] = '\0';
	packet->msg.text[sizeof(packet->msg.text) - 1] = '\0';
	packet->msg.template_dir[sizeof(packet->msg.template_dir) - 1] = '\0';
	return 1;
}

int
gate_packet_check(const struct gate_packet *packet, unsigned abi)
{
	const struct gate_msg *msg = &packet->msg;

	if (packet->len < offsetof(struct gate_msg, code) || msg->magic != GATE_MAGIC) {
		return -EPROTO;
	}
	return msg->abi == abi ? gate_packet_check_any(packet) : -EPROTONOSUPPORT;
}

int
gate_packet_check_any(const struct gate_packet *packet)
{
	const struct gate_msg *msg = &packet->msg;

	if (packet->len < offsetof(struct gate_msg, code) || msg->magic != GATE_MAGIC) {
		return -EPROTO;
	}
	if (packet->truncated || msg->size != packet->len) {
		return -EPROTO;
	}
	return packet->len == (msg->type == GATE_WAKE ? GATE_WAKE_SIZE : sizeof(*msg)) ? 0
	                                                                               : -EPROTO;
}

void
gate_packet_close_fds(struct gate_packet *packet)
{
	for (unsigned i = 0; i < packet->num_fds; i++) {
		if (packet->fds[i] >= 0) {
			close(packet->fds[i]);
		}
	}
	packet->num_fds = 0;
}

void
gate_packet_close(int fd)
{
	struct gate_packet packet;

	/* After the shutdown nothing new arrives, so this ends. */
	shutdown(fd, SHUT_RDWR);
	while (gate_packet_recv(fd, &packet) > 0) {
		gate_packet_close_fds(&packet);
	}
	close(fd);
}
