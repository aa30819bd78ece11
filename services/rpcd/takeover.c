/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The successor's side of handover.c. */

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
	int lock_fd, unix_fd, tcp_fd;
	bool running;
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

static void
in_drop(struct takeover *takeover, size_t len)
{
	memmove(takeover->in.data, takeover->in.data + len, takeover->in.len - len);
	takeover->in.len -= len;
}

static int
fd_next(struct takeover *takeover)
{
	int fd = takeover->fds[0];

	takeover->num_fds--;
	memmove(takeover->fds, takeover->fds + 1, takeover->num_fds * sizeof(int));
	return fd;
}

/* The next frame, if it is there as a whole. Returns 1, 0, or -EPROTO. */
static int
frame_next(const struct takeover *takeover, struct handover_frame *head)
{
	if (takeover->in.len < sizeof(*head)) {
		return 0;
	}
	memcpy(head, takeover->in.data, sizeof(*head));
	if (head->magic != HANDOVER_MAGIC || head->num_fds > HANDOVER_MAX_FDS) {
		return -EPROTO;
	}
	return takeover->in.len - sizeof(*head) >= (size_t)head->in_len + head->out_len &&
	       takeover->num_fds >= head->num_fds;
}

/* --- asking ----------------------------------------------------------------------------------- */

static void
takeover_free(struct takeover *takeover)
{
	while (takeover->num_fds > 0) {
		close(fd_next(takeover));
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
	in_drop(takeover, (size_t)(line + 1 - takeover->in.data));
	return rc;
}

static int
take_begin(struct takeover *takeover)
{
	struct handover_frame head;
	ssize_t n;
	int rc;

	while ((rc = frame_next(takeover, &head)) == 0) {
		n = read_some(takeover);
		if (n <= 0) {
			return n == 0 ? -ECONNRESET : (int)n;
		}
	}
	if (rc < 0 || head.type != HANDOVER_BEGIN ||
	    head.num_fds != ((head.flags & HANDOVER_TCP) != 0 ? 3 : 2)) {
		return -EPROTO;
	}
	takeover->lock_fd = fd_next(takeover);
	takeover->unix_fd = fd_next(takeover);
	takeover->tcp_fd = head.num_fds > 2 ? fd_next(takeover) : -1;
	in_drop(takeover, sizeof(head) + head.in_len + head.out_len);
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

static int
take_conn(struct takeover *takeover, const struct handover_frame *head)
{
	const char *in = takeover->in.data + sizeof(*head), *out = in + head->in_len;
	bool is_tcp = (head->flags & HANDOVER_TCP) != 0;
	struct server *server = takeover->server;
	struct conn *conn;

	if (head->num_fds != 1) {
		return -EPROTO;
	}
	if ((head->flags & ~(uint32_t)HANDOVER_TCP) == 0 && head->in_len + head->out_len == 0) {
		accept_take(server, fd_next(takeover), is_tcp);
		return 0;
	}
	if (conn_open(server, fd_next(takeover), is_tcp, &conn) != 0) {
		return 0; /* closed: its client sees it */
	}
	conn->eof = (head->flags & HANDOVER_EOF) != 0;
	conn->refused = (head->flags & HANDOVER_REFUSED) != 0;
	if (conn_adopt(conn, in, head->in_len, out, head->out_len) != 0) {
		conn_close(conn);
	} else if ((head->flags & HANDOVER_SHUT) != 0) {
		conn_linger_on(conn);
	}
	return 0;
}

/* Returns 1 when it was the last one, 0, or a negative errno. */
static int
frames_take(struct takeover *takeover)
{
	struct handover_frame head;
	int rc;

	while ((rc = frame_next(takeover, &head)) == 1) {
		if (head.type == HANDOVER_DONE) {
			return 1;
		}
		rc = head.type == HANDOVER_CONN ? take_conn(takeover, &head) : -EPROTO;
		if (rc != 0) {
			return rc;
		}
		in_drop(takeover, sizeof(head) + head.in_len + head.out_len);
	}
	return rc;
}

/* Its connection has ended. Dead, it has left us what it had; alive, it goes on. */
static void
predecessor_left(struct takeover *takeover)
{
	struct pollfd pfd = { .fd = takeover->pidfd, .events = POLLIN };
	bool is_dead = takeover->pidfd < 0 || poll(&pfd, 1, EXIT_MS) == 1;

	fprintf(stderr, "cal-rpcd: the one before %s before it had handed over everything\n",
	        is_dead ? "died" : "broke off");
	finish(takeover, is_dead ? 0 : -ECANCELED);
}

static void
on_predecessor(uv_poll_t *poll, int status, int events)
{
	struct takeover *takeover = poll->data;
	const char ack = HANDOVER_ACK;
	ssize_t n;
	int rc;

	do {
		n = read_some(takeover);
		rc = frames_take(takeover);
	} while (n > 0 && rc == 0);
	if (rc == 1) {
		(void)!send(takeover->fd, &ack, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		finish(takeover, 0);
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
	if (rc == 0 && takeover->in.len > 0) {
		on_predecessor(&takeover->poll, 0, UV_READABLE);
	}
	return rc;
}
