/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "services/handover/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define READ_SIZE 65536u

/* --- out -------------------------------------------------------------------------------------- */

void
frame_free(struct frame_out *frame)
{
	unsigned i;

	for (i = 0; frame->own_fds && i < frame->num_fds; i++) {
		close(frame->fds[i]);
	}
	cal_text_free(&frame->text);
	free(frame);
}

struct frame_out *
frame_new(uint16_t type, uint32_t flags, const int *fds, unsigned num_fds)
{
	struct handover_frame head = {
		.magic = HANDOVER_MAGIC,
		.type = type,
		.num_fds = (uint16_t)num_fds,
		.flags = flags,
	};
	struct frame_out *frame = calloc(1, sizeof(*frame));

	if (frame == NULL) {
		return NULL;
	}
	if (cal_text_append(&frame->text, (const char *)&head, sizeof(head)) != 0) {
		free(frame);
		return NULL;
	}
	if (num_fds > 0) {
		memcpy(frame->fds, fds, num_fds * sizeof(fds[0]));
	}
	frame->num_fds = num_fds;
	return frame;
}

struct handover_frame *
frame_head(struct frame_out *frame)
{
	return (struct handover_frame *)frame->text.data;
}

/* One try. Returns how many bytes were taken, or a negative errno. */
static ssize_t
frame_send(int fd, struct frame_out *frame)
{
	struct iovec iov = {
		.iov_base = frame->text.data + frame->sent,
		.iov_len = frame->text.len - frame->sent,
	};
	char control[CMSG_SPACE(sizeof(frame->fds))] = { 0 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;
	ssize_t n;

	if (frame->num_fds > 0 && !frame->fds_sent) {
		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(frame->num_fds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(frame->num_fds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), frame->fds, frame->num_fds * sizeof(int));
	}
	n = sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0) {
		return -errno;
	}
	frame->fds_sent = true;
	return n;
}

int
frames_send(int fd, struct frames_out *frames, struct frames_out *sent)
{
	struct frame_out *frame;
	ssize_t n;

	while ((frame = STAILQ_FIRST(frames)) != NULL) {
		n = frame_send(fd, frame);
		if (n == -EINTR) {
			continue;
		}
		if (n < 0) {
			return n == -EAGAIN ? 0 : (int)n;
		}
		frame->sent += (size_t)n;
		if (frame->sent == frame->text.len) {
			STAILQ_REMOVE_HEAD(frames, link);
			STAILQ_INSERT_TAIL(sent, frame, link);
		}
	}
	return 0;
}

void
frames_free(struct frames_out *frames)
{
	struct frame_out *frame;

	while ((frame = STAILQ_FIRST(frames)) != NULL) {
		STAILQ_REMOVE_HEAD(frames, link);
		frame_free(frame);
	}
}

/* --- in --------------------------------------------------------------------------------------- */

static void
fds_take(struct frames_in *in, struct msghdr *msg)
{
	struct cmsghdr *cmsg;
	size_t i, n;
	int fd;

	for (cmsg = CMSG_FIRSTHDR(msg); cmsg != NULL; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS) {
			continue;
		}
		n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(fd));
			if (in->num_fds < FRAMES_MAX_FDS) {
				in->fds[in->num_fds++] = fd;
			} else {
				close(fd);
			}
		}
	}
}

ssize_t
frames_read(struct frames_in *in)
{
	char bytes[READ_SIZE];
	struct iovec iov = { .iov_base = bytes, .iov_len = sizeof(bytes) };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(HANDOVER_MAX_FDS * sizeof(int))];
	} control;
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n;

	do {
		n = recvmsg(in->fd, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		return -errno;
	}
	fds_take(in, &msg);
	if ((msg.msg_flags & MSG_CTRUNC) != 0) {
		return -EMFILE;
	}
	return n > 0 && cal_text_append(&in->bytes, bytes, (size_t)n) != 0 ? -ENOMEM : n;
}

int
frames_at(const struct frames_in *in, const struct frames_place *place, struct handover_frame *head)
{
	size_t left = in->bytes.len - place->at;

	if (left < sizeof(*head)) {
		return 0;
	}
	memcpy(head, in->bytes.data + place->at, sizeof(*head));
	if (head->magic != HANDOVER_MAGIC || head->num_fds > HANDOVER_MAX_FDS) {
		return -EPROTO;
	}
	return left - sizeof(*head) >= (size_t)head->in_len + head->out_len &&
	       in->num_fds - place->fd >= head->num_fds;
}

void
frames_pass(struct frames_place *place, const struct handover_frame *head)
{
	place->at += sizeof(*head) + head->in_len + head->out_len;
	place->fd += head->num_fds;
}

void
frames_close(struct frames_in *in)
{
	while (in->used.fd < in->num_fds) {
		close(in->fds[in->used.fd++]);
	}
	if (in->fd >= 0) {
		close(in->fd);
		in->fd = -1;
	}
	cal_text_free(&in->bytes);
	in->num_fds = 0;
	in->used = (struct frames_place){ 0 }; /* there is nothing to be found any more */
}

/* --- who is asked, who asks ------------------------------------------------------------------- */

int
handover_dial(const char *path, unsigned timeout_ms, int *pidfd)
{
	struct timeval patience = { .tv_sec = timeout_ms / 1000,
		                    .tv_usec = (suseconds_t)(timeout_ms % 1000) * 1000 };
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct ucred cred;
	socklen_t len = sizeof(cred);
	int fd, rc;

	if (strlen(path) >= sizeof(addr.sun_path)) {
		return -ENAMETOOLONG;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return -errno;
	}
	memcpy(addr.sun_path, path, strlen(path) + 1);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	*pidfd = (int)syscall(SYS_pidfd_open, cred.pid, 0);
	return fd;
}

bool
handover_peer_is_ours(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 &&
	       (cred.uid == 0 || cred.uid == geteuid());
}

/* A listener's low-water mark means nothing to anybody, and is the socket's, not the descriptor's.
 * It counts from 1. */
unsigned
handover_marks(int listener)
{
	int marks = 1;
	socklen_t len = sizeof(marks);

	(void)getsockopt(listener, SOL_SOCKET, SO_RCVLOWAT, &marks, &len);
	return (unsigned)(marks - 1) & 0xffff;
}

void
handover_mark(int listener)
{
	int marks = (int)((handover_marks(listener) + 1) & 0xffff) + 1;

	(void)setsockopt(listener, SOL_SOCKET, SO_RCVLOWAT, &marks, sizeof(marks));
}

bool
handover_stands(int listener, uint32_t flags)
{
	return handover_marks(listener) == flags >> HANDOVER_MARKS;
}
