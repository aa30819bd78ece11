/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The successor's side of handover.c. All of it is over in some milliseconds, or in some seconds
 * when the other one hangs, and there is nobody to serve meanwhile: so it blocks. */

#include "services/mond/server.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define ANSWER_MS 2000
/* How long the end of the predecessor's process may come after that of its connection. */
#define EXIT_MS 200

static int
send_request(int fd, pid_t primary_pid)
{
	struct codec_buf params, request;
	uint32_t size;
	int rc = 0;

	codec_buf_init(&params);
	codec_buf_init(&request);
	codec_put_map(&params, 2);
	codec_put_cstr(&params, "version");
	codec_put_uint(&params, MOND_HANDOVER_VERSION);
	codec_put_cstr(&params, "primary_pid");
	codec_put_uint(&params, (uint64_t)primary_pid);
	codec_put_request(&request, 1, MOND_HANDOVER_METHOD, params.data, params.len);
	size = (uint32_t)request.len;
	if (params.failed || request.failed) {
		rc = -ENOMEM;
	} else if (send(fd, &size, sizeof(size), MSG_NOSIGNAL | MSG_MORE) != sizeof(size) ||
	           send(fd, request.data, request.len, MSG_NOSIGNAL) != (ssize_t)request.len) {
		rc = -EPIPE;
	}
	codec_buf_free(&request);
	codec_buf_free(&params);
	return rc;
}

/* Returns 0 or a negative errno, which is not one of an answer's. */
static int
read_more(struct frames_in *in)
{
	ssize_t n = frames_read(in);

	if (n > 0) {
		return 0;
	}
	return n == 0 ? -ECONNRESET : n == -EAGAIN ? -ETIMEDOUT : (int)n;
}

/* Returns 0, or the error that was answered. */
static int
read_answer(struct frames_in *in)
{
	struct codec_envelope response;
	struct codec_span text;
	uint32_t size = 0;
	int rc = 0, code;

	while (in->bytes.len < sizeof(size) || in->bytes.len < sizeof(size) + size) {
		rc = read_more(in);
		if (rc != 0) {
			return rc;
		}
		if (in->bytes.len >= sizeof(size)) {
			memcpy(&size, in->bytes.data, sizeof(size));
		}
		if (size > MOND_MAX_REQUEST) {
			return -EPROTO;
		}
	}
	in->used.at = sizeof(size) + size;
	if (codec_parse((const uint8_t *)in->bytes.data + sizeof(size), size, &response) != 0 ||
	    response.type != CODEC_RESPONSE) {
		return -EPROTO;
	}
	if (response.error.len > 0) {
		rc = codec_parse_error(response.error.data, response.error.len, &code, &text);
		return rc != 0 || (code != -EBUSY && code != -EAGAIN) ? -EPROTONOSUPPORT : code;
	}
	return 0;
}

static bool
listens(int fd)
{
	socklen_t len = sizeof(int);
	int is = 0;

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is, &len) == 0 && is != 0;
}

/* Everything up to the last frame. */
static int
read_frames(struct takeover *takeover)
{
	struct frames_in *in = &takeover->in;
	struct frames_place place = in->used;
	struct handover_frame head;
	const char ack = HANDOVER_ACK;
	bool begun = false;
	int rc;

	do {
		while ((rc = frames_at(in, &place, &head)) == 0) {
			rc = read_more(in);
			if (rc != 0) {
				return rc;
			}
		}
		if (rc < 0 || head.num_fds != (head.type == HANDOVER_DONE ? 0 : 1) ||
		    (head.type == HANDOVER_BEGIN) == begun) {
			return -EPROTO;
		}
		if (!begun) {
			if (!listens(in->fds[place.fd])) {
				return -EPROTO;
			}
			begun = true;
			takeover->listener = in->fds[place.fd];
			takeover->flags = head.flags;
			frames_pass(&in->used, &head);
		}
		frames_pass(&place, &head);
	} while (head.type != HANDOVER_DONE);
	if (send(in->fd, &ack, 1, MSG_NOSIGNAL) != 1) {
		return -ECONNRESET;
	}
	while (in->bytes.len == place.at) {
		rc = read_more(in);
		if (rc != 0) {
			return rc;
		}
	}
	return 0; /* the one more byte can only be HANDOVER_GO */
}

/* It has begun, and not come to its end. Dead, the predecessor has left us what came, unless it
 * took the name with it; alive, it goes on. */
static int
broken_off(struct takeover *takeover, const char *path, const struct stat *before)
{
	struct pollfd pfd = { .fd = takeover->pidfd, .events = POLLIN };
	bool is_dead = takeover->pidfd >= 0 && poll(&pfd, 1, EXIT_MS) == 1;
	struct stat st;

	fprintf(stderr, "cal-mond: the one before %s before it had handed over everything\n",
	        is_dead ? "died" : "broke off");
	if (!is_dead) {
		return -ECANCELED;
	}
	if (takeover->listener >= 0 && !handover_stands(takeover->listener, takeover->flags)) {
		return -ECONNREFUSED; /* it had taken all of it back and used it */
	}
	return takeover->listener >= 0 && stat(path, &st) == 0 && st.st_ino == before->st_ino &&
	                       st.st_dev == before->st_dev
	               ? 0
	               : -ECONNREFUSED;
}

int
takeover_ask(struct takeover *takeover, const char *path, pid_t primary_pid)
{
	struct stat before = { 0 };
	int rc;

	memset(takeover, 0, sizeof(*takeover));
	takeover->pidfd = takeover->listener = -1;
	(void)stat(path, &before);
	takeover->in.fd = handover_dial(path, ANSWER_MS, &takeover->pidfd);
	rc = takeover->in.fd < 0 ? takeover->in.fd : send_request(takeover->in.fd, primary_pid);
	/* Without a place in its backlog for so long it is as good as without an answer. */
	rc = rc == -EAGAIN ? -ETIMEDOUT : rc;
	if (rc == 0) {
		rc = read_answer(&takeover->in);
	}
	if (rc == 0) {
		rc = read_frames(takeover);
		if (rc != 0) {
			rc = broken_off(takeover, path, &before);
		}
	}
	if (rc != 0 && takeover->listener >= 0) {
		close(takeover->listener);
	}
	if (takeover->pidfd >= 0) {
		close(takeover->pidfd);
	}
	if (rc != 0) {
		frames_close(&takeover->in);
	}
	return rc;
}

void
takeover_use(struct takeover *takeover)
{
	struct frames_in *in = &takeover->in;
	struct frames_place place = in->used;
	struct handover_frame head;
	const char *bytes;

	/* One that has died may have sent nonsense last. */
	while (frames_at(in, &place, &head) == 1 && head.type == HANDOVER_CONN &&
	       head.num_fds == 1) {
		frames_pass(&in->used, &head);
		bytes = in->bytes.data + place.at + sizeof(head);
		server_adopt(in->fds[place.fd], bytes, head.in_len, bytes + head.in_len,
		             head.out_len);
		place = in->used;
	}
	frames_close(in);
}
