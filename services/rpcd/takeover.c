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
#include <unistd.h>

#define ANSWER_MS 2000
_Static_assert(RPCD_MAX_CONNS + RPCD_MAX_PARKED + HANDOVER_MAX_FDS < FRAMES_MAX_FDS,
               "what a predecessor has fits");
/* How long the end of the predecessor's process may come after that of its connection. */
#define EXIT_MS 200

struct takeover {
	int pidfd; /* of the predecessor */
	uv_poll_t poll;
	struct server *server;
	void (*done)(struct server *server, int status);
	struct frames_in in;
	struct frames_place seen;
	int lock_fd, unix_fd, tcp_fd;
	uint32_t flags; /* of the BEGIN frame */
	bool running;
	bool complete; /* all was seen, and we said so */
};

/* --- asking ----------------------------------------------------------------------------------- */

static void
takeover_free(struct takeover *takeover)
{
	frames_close(&takeover->in);
	if (takeover->pidfd >= 0) {
		close(takeover->pidfd);
	}
	free(takeover);
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
	if (send(takeover->in.fd, request, (size_t)len, MSG_NOSIGNAL) != len) {
		return -EPIPE;
	}
	while (takeover->in.bytes.len == 0 ||
	       (line = memchr(takeover->in.bytes.data, '\n', takeover->in.bytes.len)) == NULL) {
		n = frames_read(&takeover->in);
		if (n <= 0) {
			return n == 0 ? -ECONNRESET : n == -EAGAIN ? -ETIMEDOUT : (int)n;
		}
	}
	*line = '\0';
	rc = answer_status(takeover->in.bytes.data);
	takeover->in.used.at = (size_t)(line + 1 - takeover->in.bytes.data);
	return rc;
}

static int
take_begin(struct takeover *takeover)
{
	const int *fds = takeover->in.fds;
	struct handover_frame head;
	ssize_t n;
	int rc;

	while ((rc = frames_at(&takeover->in, &takeover->in.used, &head)) == 0) {
		n = frames_read(&takeover->in);
		if (n <= 0) {
			return n == 0 ? -ECONNRESET : (int)n;
		}
	}
	if (rc < 0 || head.type != HANDOVER_BEGIN ||
	    head.num_fds != ((head.flags & HANDOVER_TCP) != 0 ? 3 : 2)) {
		return -EPROTO;
	}
	takeover->flags = head.flags;
	takeover->lock_fd = fds[0];
	takeover->unix_fd = fds[1];
	takeover->tcp_fd = head.num_fds > 2 ? fds[2] : -1;
	frames_pass(&takeover->in.used, &head);
	takeover->seen = takeover->in.used;
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
	takeover->in.fd = handover_dial(path, ANSWER_MS, &takeover->pidfd);
	rc = takeover->in.fd == -EAGAIN ? -ETIMEDOUT
	     : takeover->in.fd < 0      ? takeover->in.fd
	                                : ask(takeover, primary_pid, instance, take);
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

	while ((rc = frames_at(&takeover->in, &takeover->seen, &head)) == 1) {
		if (head.type != (head.num_fds == 1 ? HANDOVER_CONN : HANDOVER_DONE)) {
			return -EPROTO;
		}
		frames_pass(&takeover->seen, &head);
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
	struct frames_place place = takeover->in.used;

	while (frames_at(&takeover->in, &place, &head) == 1 && head.type == HANDOVER_CONN) {
		frames_pass(&takeover->in.used, &head);
		handover_adopt(takeover->server, &head,
		               takeover->in.bytes.data + place.at + sizeof(head),
		               takeover->in.fds[place.fd]);
		place = takeover->in.used;
	}
	finish(takeover, 0);
}

/* Its connection has ended. Dead, it has left us what it had, unless it took it back before, or
 * ended in order and took the socket's name with it; alive, it goes on. */
static void
predecessor_left(struct takeover *takeover)
{
	const struct rpc_socket *sock = takeover->server->opts->socket;
	struct pollfd pfd = { .fd = takeover->pidfd, .events = POLLIN };
	bool is_dead = takeover->pidfd >= 0 && poll(&pfd, 1, EXIT_MS) == 1;

	fprintf(stderr, "cal-rpcd: the one before %s before it had handed over everything\n",
	        is_dead ? "died" : "broke off");
	if (is_dead && handover_stands(takeover->unix_fd, takeover->flags) &&
	    (sock == NULL || rpc_socket_is_current(sock))) {
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
		n = frames_read(&takeover->in);
		if (!takeover->complete) {
			rc = frames_look(takeover);
			takeover->complete = rc == 1;
		}
	} while (n > 0 && rc == 0);
	if (rc == 1) {
		(void)!send(takeover->in.fd, &ack, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	if (takeover->complete && takeover->in.bytes.len > takeover->seen.at) {
		frames_use(takeover); /* the one more byte can only be HANDOVER_GO */
	} else if (rc < 0 || (n <= 0 && n != -EAGAIN)) {
		predecessor_left(takeover);
	}
}

int
takeover_start(struct takeover *takeover, struct server *server,
               void (*done)(struct server *server, int status))
{
	int flags = fcntl(takeover->in.fd, F_GETFL), rc;

	fcntl(takeover->in.fd, F_SETFL, flags | O_NONBLOCK);
	rc = uv_poll_init(&server->loop, &takeover->poll, takeover->in.fd);
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
	if (rc == 0 && takeover->in.bytes.len > takeover->in.used.at) {
		on_predecessor(&takeover->poll, 0, UV_READABLE);
	}
	return rc;
}
