/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The monitor's own socket, mond.sock: MessagePack-RPC with a length before each message, for what
 * must be answered while reactors hang. One request at a time a connection.
 *
 *   server.c     connections
 *   handover.c   everything to a successor
 *   takeover.c   the successor's side */

#ifndef CAL_MOND_SERVER_H
#define CAL_MOND_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "ipc/codec/codec.h"
#include "services/handover/handover.h"

#define MOND_MAX_CLIENTS 32
#define MOND_MAX_REQUEST 65536u
#define MOND_BACKLOG     512

struct peer {
	uv_poll_t poll;
	int fd;
	uint8_t in[4 + MOND_MAX_REQUEST];
	size_t have;
	struct cal_text out; /* nothing is read before it is written */
	size_t written;
	uint64_t active; /* uv_now() */
};

struct server_opts {
	uv_loop_t *loop;
	const char *path;
	/* Handle one request: write a whole response message for it to `out`. */
	void (*handle)(const struct codec_envelope *request, struct codec_buf *out);
	/* May a successor that works for the primary of that pid have all of it? 0, -EBUSY (ours
	 * is another, and lives), -EAGAIN (ending). */
	int (*may_hand_over)(pid_t primary_pid);
	/* A successor has it all (the socket's name is its own now), or it has not. */
	void (*handover_done)(bool handed_over);
};

/** Make the socket `path` (0600, or 0660 in a folder that is `shared`), which listens when it gets
 * its name; a file that is there is replaced in the same step. Returns its descriptor or a negative
 * errno. */
int server_bind(const char *path, bool shared);

/** Serve the listening socket `fd` (owned). Returns 0 or a negative errno. */
int server_start(const struct server_opts *opts, int fd);
/** Serve a connection (owned, also on failure) that a predecessor had, with what it had read and
 *  not answered, and what it had still to write. */
void server_adopt(int fd, const char *in, size_t in_len, const char *out, size_t out_len);
/** Whether the path still names our socket. */
bool server_name_is_ours(void);
/** Close the listener and every connection, and remove the file if asked to and it is ours. */
void server_stop(bool remove_name);

/* --- handover.c ------------------------------------------------------------------------------- */

#define MOND_HANDOVER_METHOD  "mond_handover"
#define MOND_HANDOVER_VERSION 1

/** Answer that method. Returns whether the one that asks takes over once it has its answer. */
bool handover_answer(const struct server_opts *opts, int fd, const struct codec_envelope *request,
                     struct codec_buf *out);
/** Give the listener and all connections over `fd` (owned). They must be left alone until
 *  opts->handover_done is called, and are as they were if that says no. */
void handover_begin(const struct server_opts *opts, int fd, int listener,
                    struct peer *const *peers);
bool handover_is_under_way(void);
/** The loop ends. */
void handover_end(void);

/** For handover.c: go on after a successor that did not take over. */
void server_resume(void);

/* --- takeover.c ------------------------------------------------------------------------------- */

struct takeover {
	struct frames_in in;
	int pidfd; /* of the predecessor */
	int listener;
	uint32_t flags; /* of the BEGIN frame */
};
/** Have whoever serves `path` give it to us, who work for `primary_pid`. Blocks for at most some
 *  seconds. Returns 0 (it is all ours: server_start(takeover->listener), takeover_use()); -ENOENT,
 *  -ECONNREFUSED: nobody serves; -EBUSY it serves another primary, which lives; -EAGAIN it is
 *  ending; -ECANCELED it goes on serving; another negative errno: it is of no use. */
int takeover_ask(struct takeover *takeover, const char *path, pid_t primary_pid);
/** Serve the connections that came. */
void takeover_use(struct takeover *takeover);

#endif
