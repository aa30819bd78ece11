/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Sending and taking the packets of gate_proto.h, for both ends. Nothing here blocks; sockets are
 * non-blocking or are treated so. */

#ifndef CAL_IPC_GATE_PACKET_H
#define CAL_IPC_GATE_PACKET_H

#include <stdbool.h>
#include <sys/types.h>

#include "ipc/gate/gate_proto.h"

#define GATE_MAX_FDS 3 /* a GRANT's: link, bell, stats */

/* What has arrived. The strings in msg are terminated, the rest is as the peer sent it. */
struct gate_packet {
	struct gate_msg msg;
	size_t len; /* bytes that arrived, at most sizeof(msg) */
	int fds[GATE_MAX_FDS];
	unsigned num_fds; /* the receiver's to close: gate_packet_close_fds() */
	bool truncated;   /* it was longer, or brought more descriptors than anybody may send */
	pid_t cred_pid;   /* the sender as the kernel knows it, 0 without SO_PASSCRED */
};

/** Start a packet of our version; everything else is zero. */
void gate_packet_init(struct gate_msg *msg, enum gate_msg_type type);

/** Send it with copies of `fds`. Returns 0, -EAGAIN when the peer does not read, -EPIPE or
 *  -ECONNRESET when it is gone, or another negative errno. */
int gate_packet_send(int fd, const struct gate_msg *msg, const int *fds, unsigned num_fds);

/** Ring the bell once. What the return value says may be ignored: -EAGAIN means that enough rings
 *  wait unread, and a peer that is gone is noticed elsewhere. */
int gate_packet_wake(int fd);

/** Take one packet. Returns 1; 0 when the connection has ended; -EAGAIN when there is none; or
 *  another negative errno. */
int gate_packet_recv(int fd, struct gate_packet *packet);

/** Whether a packet is well-formed: 0, -EPROTO (odd in any version), -EPROTONOSUPPORT (of another
 *  version; msg.abi says which). */
int gate_packet_check(const struct gate_packet *packet);

/** Close what came with the packet and was not taken (set fds[i] to -1 to take it). */
void gate_packet_close_fds(struct gate_packet *packet);

/** Close a connection so that what was sent last is still read: unread input would turn it into a
 *  reset. */
void gate_packet_close(int fd);

#endif
