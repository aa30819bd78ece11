/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The successor's side of handover.c. What comes is kept, untouched, until the predecessor has
 * given it all up: until then it may go on with it. */

#include "services/rpcd/rpcd.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_S  2
#define READ_SIZE 65536u
#define MAX_FDS   (RPCD_MAX_CONNS + RPCD_MAX_PARKED + 16)
/* How long the end of the predecessor's process may come after that of its connection. */
#define EXIT_MS 200

/* Where in the bytes and descriptors that came. */
struct place {
	size_t at;
	unsigned fd;
};

struct takeover {
	int fd;
	int pidfd; /* of the predecessor */
	uv_poll_t poll;
	struct server *server;
	void (*done)(struct server *server, int status);
	struct cal_text in;
	/* Descriptors in the order of their coming; a frame says how many are its own. */
	int fds[MAX_FDS];
	unsigned num_fds;
	struct place seen, used;
	int lock_fd, unix_fd, tcp_fd;
	bool running;
	bool complete; /* all was seen, and we said so */
};

static void
fds_take(struct takeover *takeover, struct msghdr *msg)
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
			if (takeover->num_fds < MAX_FDS) {
				takeover->fds[takeover->num_fds++] = fd;
			} else {
				close(fd);
			}
		}
	}
}

/* Returns how many bytes came, 0 at the end, or a negative errno. */
static ssize_t
read_some(struct takeover *takeover)
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
		n = recvmsg(takeover->fd, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		return -errno;
	}
	fds_take(takeover, &msg);
	if ((msg.msg_flags & MSG_CTRUNC) != 0) {
		return -EMFILE;
	}
	return n > 0 && cal_text_append(&takeover->in, bytes, (size_t)n) != 0 ? -ENOMEM : n;
}

/* The frame at `place`, if it is there as a whole. Returns 1, 0, or -EPROTO. */
static int
frame_at(const struct takeover *takeover, const struct place *place, struct handover_frame *head)
{
	size_t left = takeover->in.len - place->at;

	if (left < sizeof(*head)) {
		return 0;
	}
	memcpy(head, takeover->in.data + place->at, sizeof(*head));
	if (head->magic != HANDOVER_MAGIC || head->num_fds > HANDOVER_MAX_FDS) {
		return -EPROTO;
	}
	return left - sizeof(*head) >= (size_t)head->in_len + head->out_len &&
	       takeover->num_fds - place->fd >= head->num_fds;
}

static void
place_pass(struct place *place, const struct handover_frame *head)
{
	place->at += sizeof(*head) + head->in_len + head->out_len;
	place->fd += head->num_fds;
}

/* --- asking ----------------------------------------------------------------------------------- */

static void
takeover_free(struct takeover *takeover)
{
	while (takeover->used.fd < takeover->num_fds) {
		close(takeover->fds[takeover->used.fd++]);
	}
	if (takeover->fd >= 0) {
		close(takeover->fd);
	}
	if (takeover->pidfd >= 0) {
		close(takeover->pidfd);
	}
	cal_text_free(&takeover->in);
	free(takeover);
}

static int
dial_holder(const char *path, int *pidfd)
{
	struct timeval patience = { .tv_sec = ANSWER_S };
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct ucred cred;
	socklen_t len = sizeof(cred);
	int fd, rc;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return -errno;
	}
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
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

/* What an error's code means to us. */
static int
answer_status(const char *line)
{
	struct json_object *answer = json_tokener_parse(line), *error, *code, *result;
	int rc = -EPROTO;

	if (json_object_object_get_ex(answer, "error", &error) &&
	    json_object_object_get_ex(error, "code", &code)) {
		rc = json_object_get_int(code);
		/* Whoever does not know the method, or does not want us, keeps the socket. */
		rc = rc == -EAGAIN || rc == -EPROTONOSUPPORT ? rc : -EBUSY;
	} else if (json_object_object_get_ex(answer, "result", &result)) {
		rc = 0;
	}
	json_object_put(answer);
	return rc;
}

static int
ask(struct takeover *takeover, pid_t primary_pid, int instance, bool take)
{
	char request[256], *line = NULL;
	ssize_t n;
	int len, rc;

	len = snprintf(request, sizeof(request),
	               "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"" HANDOVER_METHOD
	               "\",\"params\":{\"version\":%d,\"instance\":%d,\"primary_pid\":%d,"
	               "\"take\":%s}}\n",
	               HANDOVER_VERSION, instance, (int)primary_pid, take ? "true" : "false");
	if (send(takeover->fd, request, (size_t)len, MSG_NOSIGNAL) != len) {
		return -EPIPE;
	}
	while (takeover->in.len == 0 ||
	       (line = memchr(takeover->in.data, '\n', takeover->in.len)) == NULL) {
		n = read_some(takeover);
		if (n <= 0) {
			return n == 0 ? -ECONNRESET : (int)n;
		}
	}
	*line = '\0';
	rc = answer_status(takeover->in.data);
	takeover->used.at = (size_t)(line + 1 - takeover->in.data);
	return rc;
}

static int
take_begin(struct takeover *takeover)
{
	const int *fds = takeover->fds;
	struct handover_frame head;
	ssize_t n;
	int rc;

	while ((rc = frame_at(takeover, &takeover->used, &head)) == 0) {
		n = read_some(takeover);
		if (n <= 0) {
			return n == 0 ? -ECONNRESET : (int)n;
		}
	}
	if (rc < 0 || head.type != HANDOVER_BEGIN ||
	    head.num_fds != ((head.flags & HANDOVER_TCP) != 0 ? 3 : 2)) {
		return -EPROTO;
	}
	takeover->lock_fd = fds[0];
	takeover->unix_fd = fds[1];
	takeover->tcp_fd = head.num_fds > 2 ? fds[2] : -1;
	place_pass(&takeover->used, &head);
	takeover->seen = takeover->used;
	return 0;
}

int
takeover_ask(const char *path, int instance, pid_t primary_pid, bool take, struct takeover **out)
{
	struct takeover *takeover = calloc(1, sizeof(*takeover));
	int rc;

	if (takeover == NULL) {
		return -ENOMEM;
	}
	takeover->pidfd = -1;
	takeover->fd = dial_holder(path, &takeover->pidfd);
	rc = takeover->fd < 0 ? takeover->fd : ask(takeover, primary_pid, instance, take);
	if (rc == 0 && take) {
		rc = take_begin(takeover);
	}
	if (rc != 0 || !take) {
		takeover_free(takeover);
		return rc;
	}
	*out = takeover;
	return 0;
}

void
takeover_sockets(struct takeover *takeover, int *lock_fd, int *unix_fd, int *tcp_fd)
{
	*lock_fd = takeover->lock_fd;
	*unix_fd = takeover->unix_fd;
	*tcp_fd = takeover->tcp_fd;
}

/* --- in the loop ------------------------------------------------------------------------------ */

static void
takeover_handle_closed(uv_handle_t *handle)
{
	takeover_free(handle->data);
}

void
takeover_abort(struct takeover *takeover)
{
	if (takeover == NULL) {
		return;
	}
	if (takeover->running) {
		takeover->running = false;
		uv_close((uv_handle_t *)&takeover->poll, takeover_handle_closed);
	} else {
		takeover_free(takeover);
	}
}

static void
finish(struct takeover *takeover, int status)
{
	struct server *server = takeover->server;

	server->takeover = NULL;
	takeover->done(server, status);
	takeover_abort(takeover);
}

/* Returns 1 when the last frame is there, 0, or a negative errno. */
static int
frames_look(struct takeover *takeover)
{
	struct handover_frame head;
	int rc;

	while ((rc = frame_at(takeover, &takeover->seen, &head)) == 1) {
		if (head.type != (head.num_fds == 1 ? HANDOVER_CONN : HANDOVER_DONE)) {
			return -EPROTO;
		}
		place_pass(&takeover->seen, &head);
		if (head.type == HANDOVER_DONE) {
			return 1;
		}
	}
	return rc;
}

/* All connections that came as a whole are ours. */
static void
frames_use(struct takeover *takeover)
{
	struct handover_frame head;
	struct place place = takeover->used;

	while (frame_at(takeover, &place, &head) == 1 && head.type == HANDOVER_CONN) {
		place_pass(&takeover->used, &head);
		handover_adopt(takeover->server, &head, takeover->in.data + place.at + sizeof(head),
		               takeover->fds[place.fd]);
		place = takeover->used;
	}
	finish(takeover, 0);
}

/* Its connection has ended. Dead, it has left us what it had, unless it ended in order and took the
 * socket's name with it; alive, it goes on. */
static void
predecessor_left(struct takeover *takeover)
{
	const struct rpc_socket *sock = takeover->server->opts->socket;
	struct pollfd pfd = { .fd = takeover->pidfd, .events = POLLIN };
	bool is_dead = takeover->pidfd >= 0 && poll(&pfd, 1, EXIT_MS) == 1;

	fprintf(stderr, "cal-rpcd: the one before %s before it had handed over everything\n",
	        is_dead ? "died" : "broke off");
	if (is_dead && (sock == NULL || rpc_socket_is_current(sock))) {
		frames_use(takeover);
	} else {
		finish(takeover, -ECANCELED);
	}
}

static void
on_predecessor(uv_poll_t *poll, int status, int events)
{
	struct takeover *takeover = poll->data;
	const char ack = HANDOVER_ACK;
	ssize_t n;
	int rc = 0;

	do {
		n = read_some(takeover);
		if (!takeover->complete) {
			rc = frames_look(takeover);
			takeover->complete = rc == 1;
		}
	} while (n > 0 && rc == 0);
	if (rc == 1) {
		(void)!send(takeover->fd, &ack, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	if (takeover->complete && takeover->in.len > takeover->seen.at) {
		frames_use(takeover); /* the one more byte can only be HANDOVER_GO */
	} else if (rc < 0 || (n <= 0 && n != -EAGAIN)) {
		predecessor_left(takeover);
	}
}

int
takeover_start(struct takeover *takeover, struct server *server,
               void (*done)(struct server *server, int status))
{
	int flags = fcntl(takeover->fd, F_GETFL), rc;

	fcntl(takeover->fd, F_SETFL, flags | O_NONBLOCK);
	rc = uv_poll_init(&server->loop, &takeover->poll, takeover->fd);
	if (rc != 0) {
		return rc;
	}
	takeover->server = server;
	takeover->done = done;
	takeover->running = true;
	takeover->poll.data = takeover;
	server->takeover = takeover;
	rc = uv_poll_start(&takeover->poll, UV_READABLE, on_predecessor);
	/* Some of it may have come with the beginning. */
	if (rc == 0 && takeover->in.len > takeover->used.at) {
		on_predecessor(&takeover->poll, 0, UV_READABLE);
	}
	return rc;
}
