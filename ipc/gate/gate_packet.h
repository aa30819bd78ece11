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

/** Start a packet of our highest version (a HELLO); everything else is zero. */
void gate_packet_init(struct gate_msg *msg, enum gate_msg_type type);
/** Start a packet of the version that was agreed upon. */
void gate_packet_init_abi(struct gate_msg *msg, enum gate_msg_type type, unsigned abi);

/** The version to speak with the sender of this HELLO: the highest that both know, or 0 when there
 *  is none. */
unsigned gate_packet_choose_abi(const struct gate_msg *hello);
/** The oldest version that the sender of this HELLO speaks. */
unsigned gate_packet_oldest_abi(const struct gate_msg *hello);
/** "version 3", "versions 3 to 4". */
void gate_packet_abi_text(char *text, size_t size, unsigned oldest, unsigned highest);

/** Send it with copies of `fds`. Returns 0, -EAGAIN when the peer does not read, -EPIPE or
 *  -ECONNRESET when it is gone, or another negative errno. */
int gate_packet_send(int fd, const struct gate_msg *msg, const int *fds, unsigned num_fds);

/** Ring the bell once. What the return value says may be ignored: -EAGAIN means that enough rings
 *  wait unread, and a peer that is gone is noticed elsewhere. */
int gate_packet_wake(int fd, unsigned abi);

/** Take one packet. Returns 1; 0 when the connection has ended; -EAGAIN when there is none; or
 *  another negative errno. */
int gate_packet_recv(int fd, struct gate_packet *packet);

/** Whether a packet is well-formed in version `abi`, the one that is spoken: 0, -EPROTO (odd in any
 *  version), -EPROTONOSUPPORT (of another version; msg.abi says which). */
int gate_packet_check(const struct gate_packet *packet, unsigned abi);
/** The same for a packet whose version does not matter: one whose layout never changes (HELLO,
 *  REFUSED). 0 or -EPROTO. */
int gate_packet_check_any(const struct gate_packet *packet);

/** Close what came with the packet and was not taken (set fds[i] to -1 to take it). */
void gate_packet_close_fds(struct gate_packet *packet);

/** Close a connection so that what was sent last is still read: unread input would turn it into a
 *  reset. */
void gate_packet_close(int fd);

#endif
