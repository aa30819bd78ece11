/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What a service's successor is sent, kept as it came: pieces of bytes with descriptors, so that a
 * second service can be given it, all of it or something else. Who includes this says how many
 * bytes read and not used a connection may have: PARCEL_MAX_IN. */

#ifndef CAL_TESTS_FUZZ_PARCEL_H
#define CAL_TESTS_FUZZ_PARCEL_H

#include "tests/fuzz/fuzz.h"

#include <sys/socket.h>

#include "ipc/client/json.h"
#include "services/handover/handover.h"

#define PIECE_FDS 4 /* one more than a frame has */

struct piece {
	struct cal_text text;
	int fds[PIECE_FDS];
	unsigned num_fds;
};

struct parcel {
	struct piece *pieces;
	size_t num;
	struct cal_text text; /* all of them */
	size_t parsed;
	bool done; /* its last frame has come … */
	bool go;   /* … and the word that its receiver may serve */
};

/** One piece more. The descriptors are the parcel's. */
static void
parcel_add(struct parcel *parcel, const char *bytes, size_t len, const int *fds, unsigned num_fds)
{
	struct piece *piece;

	parcel->pieces = realloc(parcel->pieces, (parcel->num + 1) * sizeof(*parcel->pieces));
	FUZZ_CHECK(parcel->pieces != NULL, "no memory");
	piece = &parcel->pieces[parcel->num++];
	memset(piece, 0, sizeof(*piece));
	cal_text_append(&piece->text, bytes, len);
	cal_text_append(&parcel->text, bytes, len);
	FUZZ_CHECK(num_fds <= PIECE_FDS, "%u descriptors at once", num_fds);
	memcpy(piece->fds, fds, num_fds * sizeof(fds[0]));
	piece->num_fds = num_fds;
}

/** Look at the frames that are there as a whole. */
static void
parcel_parse(struct parcel *parcel)
{
	struct handover_frame head;
	size_t left;

	for (;;) {
		left = parcel->text.len - parcel->parsed;
		if (parcel->done) {
			FUZZ_CHECK(left == 0 || (left == 1 &&
			                         parcel->text.data[parcel->parsed] == HANDOVER_GO),
			           "more than the last frame");
			parcel->go = left == 1;
			return;
		}
		if (left < sizeof(head)) {
			return;
		}
		memcpy(&head, parcel->text.data + parcel->parsed, sizeof(head));
		FUZZ_CHECK(head.magic == HANDOVER_MAGIC && head.num_fds <= HANDOVER_MAX_FDS &&
		                   head.in_len <= PARCEL_MAX_IN,
		           "no frame: %x %u", head.magic, head.num_fds);
		if (left - sizeof(head) < (size_t)head.in_len + head.out_len) {
			return;
		}
		parcel->done = head.type == HANDOVER_DONE;
		parcel->parsed += sizeof(head) + head.in_len + head.out_len;
	}
}

/** Receive what is there. Returns as recvmsg(): 0 at the end, -1 with errno. */
static ssize_t
parcel_receive(struct parcel *parcel, int fd)
{
	static char bytes[65536];
	struct iovec iov = { .iov_base = bytes, .iov_len = sizeof(bytes) };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(PIECE_FDS * sizeof(int))];
	} control;
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *cmsg;
	int fds[PIECE_FDS];
	unsigned num_fds = 0;

	if (n <= 0) {
		return n;
	}
	cmsg = CMSG_FIRSTHDR(&msg);
	if (cmsg != NULL) {
		num_fds = (unsigned)((cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(cmsg), num_fds * sizeof(int));
	}
	parcel_add(parcel, bytes, (size_t)n, fds, num_fds);
	return n;
}

/** Send it over `fd`, as much as it takes. Returns whether that was all. */
static bool
parcel_send(const struct parcel *parcel, int fd)
{
	size_t i;

	for (i = 0; i < parcel->num; i++) {
		const struct piece *piece = &parcel->pieces[i];
		char control[CMSG_SPACE(PIECE_FDS * sizeof(int))] = { 0 };
		struct iovec iov = { .iov_base = piece->text.data, .iov_len = piece->text.len };
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
		struct cmsghdr *cmsg;

		if (piece->num_fds > 0) {
			msg.msg_control = control;
			msg.msg_controllen = CMSG_SPACE(piece->num_fds * sizeof(int));
			cmsg = CMSG_FIRSTHDR(&msg);
			cmsg->cmsg_level = SOL_SOCKET;
			cmsg->cmsg_type = SCM_RIGHTS;
			cmsg->cmsg_len = CMSG_LEN(piece->num_fds * sizeof(int));
			memcpy(CMSG_DATA(cmsg), piece->fds, piece->num_fds * sizeof(int));
		}
		if (piece->text.len > 0 &&
		    sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)piece->text.len) {
			return false;
		}
	}
	return true;
}

static void
parcel_close_fds(struct parcel *parcel)
{
	size_t i;

	for (i = 0; i < parcel->num; i++) {
		while (parcel->pieces[i].num_fds > 0) {
			close(parcel->pieces[i].fds[--parcel->pieces[i].num_fds]);
		}
	}
}

static void
parcel_free(struct parcel *parcel)
{
	size_t i;

	parcel_close_fds(parcel);
	for (i = 0; i < parcel->num; i++) {
		cal_text_free(&parcel->pieces[i].text);
	}
	free(parcel->pieces);
	cal_text_free(&parcel->text);
	memset(parcel, 0, sizeof(*parcel));
}

#endif
