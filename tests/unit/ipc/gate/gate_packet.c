/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Packets at the end of a connection. */

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc/gate/gate_packet.h"
#include "tests/unit/test.h"

static void
send_one(int fd, enum gate_msg_type type, const char *text)
{
	struct gate_msg msg;

	gate_packet_init_abi(&msg, type, CAL_ABI_VERSION);
	snprintf(msg.text, sizeof(msg.text), "%s", text);
	CHECK_EQ(gate_packet_send(fd, &msg, NULL, 0), 0);
}

/* A service's last word, or the primary's STOP, from a peer that has not read all that it was sent:
 * the kernel tells of that first. Fails without the look at ECONNRESET in gate_packet_recv(). */
static void
last_words_are_heard(void)
{
	struct gate_packet packet;
	int fds[2];

	REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0);
	send_one(fds[0], GATE_PONG, "");
	send_one(fds[1], GATE_PING, "");
	send_one(fds[1], GATE_STOP, "the application stops");
	close(fds[1]);
	CHECK_EQ(gate_packet_recv(fds[0], &packet), 1);
	CHECK_EQ(packet.msg.type, GATE_PING);
	CHECK_EQ(gate_packet_recv(fds[0], &packet), 1);
	CHECK_EQ(packet.msg.type, GATE_STOP);
	CHECK(strcmp(packet.msg.text, "the application stops") == 0);
	CHECK_EQ(gate_packet_recv(fds[0], &packet), 0);
	CHECK_EQ(gate_packet_recv(fds[0], &packet), 0);
	close(fds[0]);
}

static const struct test_case cases[] = {
	TEST(last_words_are_heard),
};

TEST_MAIN("ipc/gate_packet", cases)
