/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What services share that outlive their primary, and hand over what they serve to a successor.
 *
 *   frame.c     what goes over the successor's connection: bytes with descriptors
 *   primary.c   in which state a primary is that does not answer any more
 *
 * The successor connects to the very socket that it is to serve and asks for it by a request in
 * that socket's own language. After the answer come frames; it touches nothing of what they bring
 * until it has said one byte (it has them all) and has been told one byte (it may serve). Until
 * that the one before keeps everything: if the successor dies, or is stuck, it goes on. */

#ifndef CAL_SERVICES_HANDOVER_H
#define CAL_SERVICES_HANDOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "ipc/client/json.h"

/* --- frames ----------------------------------------------------------------------------------- */

enum { HANDOVER_BEGIN = 1, HANDOVER_CONN, HANDOVER_DONE };
enum {
	HANDOVER_TCP = 1, /* BEGIN: there is a TCP listener; CONN: it is a TCP connection */
	HANDOVER_EOF = 2,
	HANDOVER_REFUSED = 4,
	HANDOVER_SHUT = 8,
};
#define HANDOVER_MAGIC   0x4f48434cu /* "LCHO" */
#define HANDOVER_MAX_FDS 3           /* of a frame: lock, Unix and TCP listener */
#define HANDOVER_ACK     'A'
#define HANDOVER_GO      'G'
struct handover_frame {
	uint32_t magic;
	uint16_t type;
	uint16_t num_fds; /* that come with its first byte */
	uint32_t flags;
	uint32_t in_len;  /* bytes that follow: read and not yet used … */
	uint32_t out_len; /* … then those that are still to be written */
};

/* One that is sent, or was. */
struct frame_out {
	STAILQ_ENTRY(frame_out) link;
	int fds[HANDOVER_MAX_FDS];
	unsigned num_fds;
	bool own_fds; /* closed with the frame */
	bool fds_sent;
	struct cal_text text; /* the frame's head and what follows it */
	size_t sent;
};
STAILQ_HEAD(frames_out, frame_out);

/** A frame without its bytes yet. NULL: out of memory. */
struct frame_out *frame_new(uint16_t type, uint32_t flags, const int *fds, unsigned num_fds);
void frame_free(struct frame_out *frame);
struct handover_frame *frame_head(struct frame_out *frame);
/** Send what the socket takes; whole ones go to `sent`. Returns 0 or a negative errno. */
int frames_send(int fd, struct frames_out *frames, struct frames_out *sent);
void frames_free(struct frames_out *frames);

/* Where in the bytes and descriptors that came. */
struct frames_place {
	size_t at;
	unsigned fd;
};
#define FRAMES_MAX_FDS 144
struct frames_in {
	int fd;
	struct cal_text bytes;
	/* Descriptors in the order of their coming; a frame says how many are its own. */
	int fds[FRAMES_MAX_FDS];
	unsigned num_fds;
	struct frames_place used;
};
/** Read once. Returns how many bytes came, 0 at the end, or a negative errno. */
ssize_t frames_read(struct frames_in *in);
/** The frame at `place`, if it is there as a whole. Returns 1, 0, or -EPROTO. */
int frames_at(const struct frames_in *in, const struct frames_place *place,
              struct handover_frame *head);
void frames_pass(struct frames_place *place, const struct handover_frame *head);
/** Close descriptors that nobody used, and the connection. */
void frames_close(struct frames_in *in);

/** What one that takes back what it has sent does before it uses any of it: a mark on its Unix
 * listener, which the successor shares. That one sees the connection end, and perhaps its
 * predecessor dead; by the mark it knows that what it was sent has been used. */
void handover_mark(int listener);
/** How many marks there are; in the BEGIN frame's flags, from HANDOVER_MARKS on, how many there
 * were. */
unsigned handover_marks(int listener);
#define HANDOVER_MARKS 16
/** Whether none has come since the BEGIN frame of these flags. */
bool handover_stands(int listener, uint32_t flags);

/** Connect to who serves `path`; what is sent and received there takes `timeout_ms` at most.
 *  *pidfd gets its process, -1 if it cannot be had. Returns the connection or a negative errno. */
int handover_dial(const char *path, unsigned timeout_ms, int *pidfd);
/** Whether the other end of `fd` may take over what we serve: root, or our user. */
bool handover_peer_is_ours(int fd);

/* --- primary.c -------------------------------------------------------------------------------- */

/** One sentence for clients: in which state the primary of `instance` is, after the one of
 *  `lost_pid` went away at `lost_ns` (CLOCK_REALTIME). Reads the state file. */
void primary_explain(int instance, pid_t lost_pid, uint64_t lost_ns, char *buf, size_t size);

#endif
