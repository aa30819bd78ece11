/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "services/mond/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static struct {
	struct server_opts opts;
	uv_poll_t poll;
	int fd;
	dev_t dev; /* of the name */
	ino_t ino;
	struct peer *peers[MOND_MAX_CLIENTS];
} g_server = { .fd = -1 };

static void on_peer(uv_poll_t *poll, int status, int events);

static void
peer_freed(uv_handle_t *handle)
{
	struct peer *peer = handle->data;

	cal_text_free(&peer->out);
	free(peer);
}

/* The descriptor is the caller's. */
static int
peer_release(struct peer *peer)
{
	int i;

	for (i = 0; i < MOND_MAX_CLIENTS; i++) {
		if (g_server.peers[i] == peer) {
			g_server.peers[i] = NULL;
		}
	}
	uv_close((uv_handle_t *)&peer->poll, peer_freed);
	return peer->fd;
}

static void
peer_close(struct peer *peer)
{
	close(peer_release(peer));
}

static void
peer_watch(struct peer *peer)
{
	if (!handover_is_under_way()) {
		uv_poll_start(&peer->poll, peer->out.len > 0 ? UV_WRITABLE : UV_READABLE, on_peer);
	}
}

static int
peer_write(struct peer *peer)
{
	ssize_t n;

	while (peer->written < peer->out.len) {
		n = send(peer->fd, peer->out.data + peer->written, peer->out.len - peer->written,
		         MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return errno == EAGAIN ? 0 : -errno;
		}
		peer->written += (size_t)n;
	}
	cal_text_free(&peer->out);
	peer->written = 0;
	return 0;
}

static int
peer_reply(struct peer *peer, const struct codec_buf *out)
{
	uint32_t size = (uint32_t)out->len;
	int rc = out->failed ? -ENOMEM : 0;

	if (rc == 0) {
		rc = cal_text_append(&peer->out, (const char *)&size, sizeof(size));
	}
	if (rc == 0) {
		rc = cal_text_append(&peer->out, (const char *)out->data, out->len);
	}
	return rc == 0 ? peer_write(peer) : rc;
}

static bool
asks_for_handover(const struct codec_envelope *request)
{
	return request->method.len == strlen(MOND_HANDOVER_METHOD) &&
	       memcmp(request->method.data, MOND_HANDOVER_METHOD, request->method.len) == 0;
}

/* Returns 1 when the peer is our successor and has its answer, 0, or a negative errno. */
static int
peer_answer(struct peer *peer, const struct codec_envelope *request)
{
	struct codec_buf out;
	bool takes_us = false;
	int rc;

	codec_buf_init(&out);
	if (asks_for_handover(request)) {
		takes_us = handover_answer(&g_server.opts, peer->fd, request, &out);
	} else {
		g_server.opts.handle(request, &out);
	}
	rc = peer_reply(peer, &out);
	codec_buf_free(&out);
	if (rc == 0 && takes_us) {
		/* Frames follow a whole answer: who leaves no room for it is no successor. */
		return peer->out.len == 0 ? 1 : -EPROTO;
	}
	return rc;
}

/* Serve the whole messages that have arrived. One that sends anything else is cut off. */
static int
peer_serve(struct peer *peer)
{
	while (peer->have >= 4 && peer->out.len == 0) {
		struct codec_envelope request;
		uint32_t size;
		int rc;

		memcpy(&size, peer->in, sizeof(size));
		if (size > MOND_MAX_REQUEST) {
			return -EMSGSIZE;
		}
		if (peer->have < 4 + (size_t)size) {
			return 0;
		}
		if (codec_parse(peer->in + 4, size, &request) != 0 ||
		    request.type != CODEC_REQUEST) {
			return -EBADMSG;
		}
		rc = peer_answer(peer, &request);
		if (rc != 0) {
			return rc;
		}
		peer->have -= 4 + (size_t)size;
		memmove(peer->in, peer->in + 4 + size, peer->have);
	}
	return 0;
}

static void
give_away(int successor)
{
	int i;

	uv_poll_stop(&g_server.poll);
	for (i = 0; i < MOND_MAX_CLIENTS; i++) {
		if (g_server.peers[i] != NULL) {
			uv_poll_stop(&g_server.peers[i]->poll);
		}
	}
	handover_begin(&g_server.opts, successor, g_server.fd, g_server.peers);
}

static void
peer_go_on(struct peer *peer)
{
	int rc = peer_serve(peer);

	if (rc == 1) {
		give_away(peer_release(peer));
	} else if (rc != 0) {
		peer_close(peer);
	} else {
		peer_watch(peer);
	}
}

static void
on_peer(uv_poll_t *poll, int status, int events)
{
	struct peer *peer = poll->data;
	ssize_t got;

	peer->active = uv_now(g_server.opts.loop);
	if (peer->out.len > 0) {
		if (peer_write(peer) != 0) {
			peer_close(peer);
			return;
		}
	} else {
		got = recv(peer->fd, peer->in + peer->have, sizeof(peer->in) - peer->have,
		           MSG_DONTWAIT);
		if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
			return;
		}
		if (got <= 0) {
			peer_close(peer);
			return;
		}
		peer->have += (size_t)got;
	}
	peer_go_on(peer);
}

/* With every place taken, whoever has been silent for longest goes. */
static int
free_place(void)
{
	int i, oldest = 0;

	for (i = 0; i < MOND_MAX_CLIENTS; i++) {
		if (g_server.peers[i] == NULL) {
			return i;
		}
		if (g_server.peers[i]->active < g_server.peers[oldest]->active) {
			oldest = i;
		}
	}
	peer_close(g_server.peers[oldest]);
	return oldest;
}

static struct peer *
peer_add(int fd)
{
	struct peer *peer = calloc(1, sizeof(*peer));
	int place;

	if (peer == NULL || uv_poll_init(g_server.opts.loop, &peer->poll, fd) != 0) {
		free(peer);
		close(fd);
		return NULL;
	}
	place = free_place();
	peer->fd = fd;
	peer->poll.data = peer;
	peer->active = uv_now(g_server.opts.loop);
	g_server.peers[place] = peer;
	return peer;
}

void
server_adopt(int fd, const char *in, size_t in_len, const char *out, size_t out_len)
{
	struct peer *peer = peer_add(fd);

	if (peer == NULL) {
		return;
	}
	if (in_len > sizeof(peer->in) || cal_text_append(&peer->out, out, out_len) != 0) {
		peer_close(peer);
		return;
	}
	memcpy(peer->in, in, in_len);
	peer->have = in_len;
	peer_go_on(peer);
}

static void
on_knock(uv_poll_t *poll, int status, int events)
{
	struct peer *peer;
	int fd = accept4(g_server.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) {
		return; /* it went away again, or there is no descriptor: later */
	}
	peer = peer_add(fd);
	if (peer != NULL) {
		peer_watch(peer);
	}
}

/* --- the name --------------------------------------------------------------------------------- */

int
server_bind(const char *path, bool shared)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	mode_t mask;
	int fd, rc;

	if (snprintf(addr.sun_path, sizeof(addr.sun_path), "%s.new", path) >=
	    (int)sizeof(addr.sun_path)) {
		return -ENAMETOOLONG;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		return -errno;
	}
	unlink(addr.sun_path);
	mask = umask(shared ? 0117 : 0177);
	rc = bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 ? 0 : -errno;
	umask(mask);
	/* One that has a name and does not listen yet refuses. */
	if (rc == 0 && (listen(fd, MOND_BACKLOG) != 0 || rename(addr.sun_path, path) != 0)) {
		rc = -errno;
		unlink(addr.sun_path);
	}
	if (rc != 0) {
		close(fd);
	}
	return rc == 0 ? fd : rc;
}

bool
server_name_is_ours(void)
{
	struct stat st;

	return stat(g_server.opts.path, &st) == 0 && st.st_dev == g_server.dev &&
	       st.st_ino == g_server.ino;
}

/* --- beginning and end ------------------------------------------------------------------------ */

void
server_resume(void)
{
	int i;

	/* Those who knock see who listened last: not the successor's pid. */
	(void)listen(g_server.fd, MOND_BACKLOG);
	uv_poll_start(&g_server.poll, UV_READABLE, on_knock);
	for (i = 0; i < MOND_MAX_CLIENTS; i++) {
		if (g_server.peers[i] != NULL) {
			peer_watch(g_server.peers[i]);
		}
	}
}

int
server_start(const struct server_opts *opts, int fd)
{
	struct stat st;
	int rc;

	g_server.opts = *opts;
	rc = uv_poll_init(opts->loop, &g_server.poll, fd);
	if (rc != 0) {
		close(fd);
		return rc;
	}
	g_server.fd = fd;
	if (stat(opts->path, &st) == 0) {
		g_server.dev = st.st_dev;
		g_server.ino = st.st_ino;
	}
	server_resume();
	return 0;
}

void
server_stop(bool remove_name)
{
	int i;

	handover_end();
	if (remove_name && server_name_is_ours()) {
		unlink(g_server.opts.path);
	}
	for (i = 0; i < MOND_MAX_CLIENTS; i++) {
		if (g_server.peers[i] != NULL) {
			peer_close(g_server.peers[i]);
		}
	}
	uv_close((uv_handle_t *)&g_server.poll, NULL);
	close(g_server.fd);
	g_server.fd = -1;
}
