/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Everything to a successor, which has called mond_handover on our own socket: the listener, then
 * each connection with what was read of it and not answered and what it has not taken yet. Nothing
 * is under way for any of them, since every request is answered at once. They are kept, untouched,
 * until the successor has said that it has them all: if it dies, or is stuck, we go on. */

#include "services/mond/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* How long a successor may take to say that it has it all. */
#define ACK_MS 1000

static struct {
	bool under_way;
	unsigned closing; /* handles of the last one, until the loop has let go of them */
	const struct server_opts *opts;
	int fd, listener;
	uv_poll_t poll;
	uv_timer_t limit;
	struct frames_out frames, sent;
} g_handover;

/* --- the method ------------------------------------------------------------------------------- */

static bool
param_uint(const struct codec_envelope *request, const char *key, uint64_t *out)
{
	struct codec_cursor cur;
	struct codec_item item;

	if (codec_map_find(request->params.data, request->params.len, key, &cur) != 0) {
		return false;
	}
	item = codec_next(&cur);
	*out = item.u;
	return item.kind == CODEC_UINT;
}

bool
handover_answer(const struct server_opts *opts, int fd, const struct codec_envelope *request,
                struct codec_buf *out)
{
	uint64_t version, primary_pid = 0;
	int rc;

	if (!handover_peer_is_ours(fd)) {
		codec_put_error(out, request->id, -EACCES,
		                "only root and the monitor's own user may take this socket over");
		return false;
	}
	if (!param_uint(request, "version", &version) ||
	    !param_uint(request, "primary_pid", &primary_pid)) {
		codec_put_error(out, request->id, -32602, "version and primary_pid are needed");
		return false;
	}
	if (version != MOND_HANDOVER_VERSION) {
		codec_put_error(out, request->id, -EPROTONOSUPPORT,
		                "this monitor hands over by another version");
		return false;
	}
	rc = handover_is_under_way() || g_handover.closing > 0
	             ? -EAGAIN
	             : opts->may_hand_over((pid_t)primary_pid);
	if (rc != 0) {
		codec_put_error(out, request->id, rc,
		                rc == -EBUSY ? "this monitor's primary is another, and lives"
		                             : "this monitor is ending, or being taken over");
		return false;
	}
	codec_begin_result(out, request->id);
	codec_put_map(out, 1);
	codec_put_cstr(out, "version");
	codec_put_uint(out, MOND_HANDOVER_VERSION);
	return true;
}

/* --- its course ------------------------------------------------------------------------------- */

bool
handover_is_under_way(void)
{
	return g_handover.under_way;
}

static void
handle_closed(uv_handle_t *handle)
{
	g_handover.closing--;
}

void
handover_end(void)
{
	if (!g_handover.under_way) {
		return;
	}
	g_handover.under_way = false;
	g_handover.closing = 2;
	uv_close((uv_handle_t *)&g_handover.poll, handle_closed);
	uv_close((uv_handle_t *)&g_handover.limit, handle_closed);
	close(g_handover.fd);
	frames_free(&g_handover.frames);
	frames_free(&g_handover.sent);
}

static void
fail(const char *why)
{
	const struct server_opts *opts = g_handover.opts;

	fprintf(stderr, "cal-mond: not taken over (%s): going on\n", why);
	/* First, so that the successor never serves what we go on to use, though we die. */
	handover_mark(g_handover.listener);
	handover_end();
	server_resume();
	opts->handover_done(false);
}

static void
limit_over(uv_timer_t *timer)
{
	fail("the successor does not answer");
}

static void on_successor(uv_poll_t *poll, int status, int events);

static void
go_on(void)
{
	int rc = frames_send(g_handover.fd, &g_handover.frames, &g_handover.sent);

	if (rc != 0) {
		fail(strerror(-rc));
		return;
	}
	uv_poll_start(&g_handover.poll,
	              UV_READABLE | (STAILQ_EMPTY(&g_handover.frames) ? 0 : UV_WRITABLE),
	              on_successor);
}

static void
on_successor(uv_poll_t *poll, int status, int events)
{
	const struct server_opts *opts = g_handover.opts;
	const char go = HANDOVER_GO;
	char ack;
	ssize_t n;

	if (status == 0 && (events & UV_READABLE) == 0) {
		go_on();
		return;
	}
	n = recv(g_handover.fd, &ack, 1, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		return;
	}
	if (n == 1 && ack == HANDOVER_ACK && STAILQ_EMPTY(&g_handover.frames) &&
	    send(g_handover.fd, &go, 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1) {
		opts->handover_done(true);
	} else {
		fail("the successor has ended");
	}
}

static bool
queue(uint16_t type, const int *fd, const struct peer *peer)
{
	uint32_t flags = type == HANDOVER_BEGIN ? handover_marks(*fd) << HANDOVER_MARKS : 0;
	struct frame_out *frame = frame_new(type, flags, fd, fd != NULL ? 1 : 0);
	size_t left = peer != NULL ? peer->out.len - peer->written : 0;

	if (frame == NULL) {
		return false;
	}
	STAILQ_INSERT_TAIL(&g_handover.frames, frame, link);
	if (peer == NULL) {
		return true;
	}
	frame_head(frame)->in_len = (uint32_t)peer->have;
	frame_head(frame)->out_len = (uint32_t)left;
	return cal_text_append(&frame->text, (const char *)peer->in, peer->have) == 0 &&
	       (left == 0 ||
	        cal_text_append(&frame->text, peer->out.data + peer->written, left) == 0);
}

void
handover_begin(const struct server_opts *opts, int fd, int listener, struct peer *const *peers)
{
	bool ok;
	int i;

	if (uv_poll_init(opts->loop, &g_handover.poll, fd) != 0) {
		close(fd);
		server_resume();
		return;
	}
	uv_timer_init(opts->loop, &g_handover.limit);
	g_handover.opts = opts;
	g_handover.fd = fd;
	g_handover.listener = listener;
	g_handover.under_way = true;
	STAILQ_INIT(&g_handover.frames);
	STAILQ_INIT(&g_handover.sent);
	ok = queue(HANDOVER_BEGIN, &listener, NULL);
	for (i = 0; ok && i < MOND_MAX_CLIENTS; i++) {
		ok = peers[i] == NULL || queue(HANDOVER_CONN, &peers[i]->fd, peers[i]);
	}
	if (!ok || !queue(HANDOVER_DONE, NULL, NULL)) {
		fail("out of memory");
		return;
	}
	uv_timer_start(&g_handover.limit, limit_over, ACK_MS, 0);
	go_on();
}
