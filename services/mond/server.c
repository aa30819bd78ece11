/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "services/mond/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ipc/client/monitor.h"

#define MAX_CLIENTS 32
#define MAX_REQUEST 65536u

struct peer {
	uv_pipe_t pipe;
	uint8_t in[4 + MAX_REQUEST];
	size_t have;
};

struct reply {
	uv_write_t req;
	uint8_t header[4];
	void *body;
};

static uv_pipe_t g_listener;
static server_handle_fn g_handle;
static struct peer *g_peers[MAX_CLIENTS];
static char g_path[256];

static void
peer_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void
peer_close(struct peer *peer)
{
	int i;

	for (i = 0; i < MAX_CLIENTS; i++) {
		if (g_peers[i] == peer) {
			g_peers[i] = NULL;
			uv_close((uv_handle_t *)&peer->pipe, peer_closed);
		}
	}
}

static void
reply_written(uv_write_t *req, int status)
{
	struct reply *reply = req->data;

	free(reply->body);
	free(reply);
}

static int
peer_reply(struct peer *peer, struct codec_buf *out)
{
	struct reply *reply = calloc(1, sizeof(*reply));
	uv_buf_t bufs[2];
	uint32_t size;
	size_t len;

	if (reply == NULL) {
		return -ENOMEM;
	}
	reply->body = codec_buf_take(out, &len);
	if (reply->body == NULL) {
		free(reply);
		return -ENOMEM;
	}
	size = (uint32_t)len;
	memcpy(reply->header, &size, sizeof(size));
	reply->req.data = reply;
	bufs[0] = uv_buf_init((char *)reply->header, sizeof(reply->header));
	bufs[1] = uv_buf_init(reply->body, (unsigned)len);
	if (uv_write(&reply->req, (uv_stream_t *)&peer->pipe, bufs, 2, reply_written) != 0) {
		free(reply->body);
		free(reply);
		return -EPIPE;
	}
	return 0;
}

/* Serve the whole messages that have arrived. A peer that sends anything else is cut off. */
static int
peer_serve(struct peer *peer)
{
	while (peer->have >= 4) {
		struct codec_envelope request;
		struct codec_buf out;
		uint32_t size;
		int rc;

		memcpy(&size, peer->in, sizeof(size));
		if (size > MAX_REQUEST) {
			return -EMSGSIZE;
		}
		if (peer->have < 4 + (size_t)size) {
			return 0;
		}
		if (codec_parse(peer->in + 4, size, &request) != 0 ||
		    request.type != CODEC_REQUEST) {
			return -EBADMSG;
		}
		codec_buf_init(&out);
		g_handle(&request, &out);
		rc = peer_reply(peer, &out);
		codec_buf_free(&out);
		if (rc != 0) {
			return rc;
		}
		peer->have -= 4 + (size_t)size;
		memmove(peer->in, peer->in + 4 + size, peer->have);
	}
	return 0;
}

static void
peer_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct peer *peer = handle->data;

	*buf = uv_buf_init((char *)peer->in + peer->have,
	                   (unsigned)(sizeof(peer->in) - peer->have));
}

static void
peer_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
	struct peer *peer = stream->data;

	if (got < 0) {
		peer_close(peer);
		return;
	}
	peer->have += (size_t)got;
	if (peer_serve(peer) != 0) {
		peer_close(peer);
	}
}

static void
accept_peer(uv_stream_t *listener, int status)
{
	struct peer *peer;
	int i;

	if (status != 0) {
		return;
	}
	peer = calloc(1, sizeof(*peer));
	if (peer == NULL) {
		return;
	}
	uv_pipe_init(listener->loop, &peer->pipe, 0);
	peer->pipe.data = peer;
	for (i = 0; i < MAX_CLIENTS && g_peers[i] != NULL; i++) {
	}
	if (uv_accept(listener, (uv_stream_t *)&peer->pipe) != 0 || i == MAX_CLIENTS) {
		uv_close((uv_handle_t *)&peer->pipe, peer_closed);
		return;
	}
	g_peers[i] = peer;
	uv_read_start((uv_stream_t *)&peer->pipe, peer_room, peer_read);
}

int
server_start(uv_loop_t *loop, const char *path, server_handle_fn handle)
{
	mode_t mask;
	int rc;

	if (strlen(path) >= sizeof(g_path)) {
		return -ENAMETOOLONG;
	}
	memcpy(g_path, path, strlen(path) + 1);
	g_handle = handle;
	rc = uv_pipe_init(loop, &g_listener, 0);
	if (rc != 0) {
		return rc;
	}
	/* The instance's lock says that no other monitor of a living primary serves this file. */
	unlink(path);
	mask = umask(0177);
	rc = uv_pipe_bind(&g_listener, path);
	umask(mask);
	if (rc == 0) {
		rc = uv_listen((uv_stream_t *)&g_listener, MAX_CLIENTS, accept_peer);
	}
	if (rc != 0) {
		uv_close((uv_handle_t *)&g_listener, NULL);
	}
	return rc;
}

void
server_stop(void)
{
	int i;

	for (i = 0; i < MAX_CLIENTS; i++) {
		if (g_peers[i] != NULL) {
			peer_close(g_peers[i]);
		}
	}
	uv_close((uv_handle_t *)&g_listener, NULL);
	unlink(g_path);
}
