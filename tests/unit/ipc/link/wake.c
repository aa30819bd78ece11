/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The wake protocol: two threads that sleep whenever they may. A lost wake-up ends in a time-out.
 */
/* links: client */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc/client/client_ring.h"
#include "ipc/gate/gate_packet.h"
#include "ipc/link/layout.h"
#include "ipc/link/link.h"
#include "ipc/link/link_internal.h"
#include "tests/unit/chain.h"
#include "tests/unit/test.h"

#define REQUESTS 30000

struct ends {
	struct link *link;
	struct client_ring ring;
	int fds[2];
	int epfd;
	unsigned served;
	unsigned primary_sleeps;
	unsigned client_sleeps;
	bool lost;
};

static int
sleep_on(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	struct gate_packet packet;

	if (poll(&pfd, 1, 5000) != 1) {
		return -ETIMEDOUT;
	}
	while (gate_packet_recv(fd, &packet) == 1) {
		CU_ASSERT(packet.msg.type == GATE_WAKE &&
		          gate_packet_check(&packet, CAL_ABI_VERSION) == 0);
	}
	return 0;
}

/* As a reactor does it: never read, every ring is an edge. */
static int
sleep_on_bell(int epfd)
{
	struct epoll_event event;

	return epoll_wait(epfd, &event, 1, 5000) == 1 ? 0 : -ETIMEDOUT;
}

/* Answers each request with its own number, a little longer now and then. */
static void *
primary(void *arg)
{
	struct ends *e = arg;

	while (e->served < REQUESTS) {
		const void *msg;
		size_t len;

		while (link_recv(e->link, &msg, &len) == 1) {
			size_t out_len = e->served % 97 == 0 ? 40000 : len;
			uint8_t *out = calloc(1, out_len);

			memcpy(out, msg, len < out_len ? len : out_len);
			send_flat(e->link, out, out_len);
			e->served++;
		}
		link_flush(e->link, 100ul * CODEC_CHUNK_SIZE);
		if (link_arm(e->link, true) == 0) {
			e->primary_sleeps++;
			if (e->served < REQUESTS && sleep_on_bell(e->epfd) < 0) {
				e->lost = true;
				return NULL;
			}
		}
	}
	while (link_has_backlog(e->link)) {
		link_flush(e->link, 100ul * CODEC_CHUNK_SIZE);
	}
	return NULL;
}

/* Keeps a varying number of requests under way; checks that answers come in order. */
static void
client(struct ends *e)
{
	uint32_t sent = 0, taken = 0, depth, number = 0;
	bool first = true, more;
	unsigned seed = 5;
	const void *data;
	size_t len;

	while (taken < REQUESTS && !e->lost) {
		bool stuck = false;

		depth = 1 + (uint32_t)rand_r(&seed) % 100;
		while (sent < REQUESTS && sent - taken < depth && !stuck) {
			stuck = client_ring_push(&e->ring, &sent, sizeof(sent)) == 0;
			sent += !stuck;
		}
		if (client_ring_must_wake(&e->ring, LINK_ARM_MESSAGE)) {
			client_ring_bell(link_bell(e->link));
		}
		while (client_ring_peek(&e->ring, &data, &len, &more) == 1) {
			if (first) {
				memcpy(&number, data, sizeof(number));
				CHECK_EQ(number, taken);
			}
			client_ring_release(&e->ring);
			first = !more;
			taken += !more;
		}
		if (client_ring_must_wake(&e->ring, LINK_ARM_SPACE)) {
			client_ring_bell(link_bell(e->link));
		}
		if (taken < sent && client_ring_arm(&e->ring, stuck) == 0) {
			e->client_sleeps++;
			if (sleep_on(e->fds[1]) < 0) {
				e->lost = true;
			}
			client_ring_disarm(&e->ring);
		}
	}
}

static void
nobody_oversleeps(void)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	struct gate_geometry geometry;
	struct ends e = { 0 };
	pthread_t thread;

	REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, e.fds) == 0);
	REQUIRE(link_create(&e.link, 1, GATE_ROLE_ADMIN, "t", 1, e.fds[0]) == 0);
	geometry = link_geometry(e.link);
	REQUIRE(client_ring_init(&e.ring, link_memory(e.link), geometry.link_size, &geometry) == 0);
	e.epfd = epoll_create1(EPOLL_CLOEXEC);
	REQUIRE(epoll_ctl(e.epfd, EPOLL_CTL_ADD, link_bell(e.link), &event) == 0);
	REQUIRE(pthread_create(&thread, NULL, primary, &e) == 0);
	client(&e);
	pthread_join(thread, NULL);
	CHECK(!e.lost);
	CHECK_EQ(e.served, REQUESTS);
	/* Both slept, or nothing was tested. */
	CHECK(e.primary_sleeps > 10 && e.client_sleeps > 10);
	printf("(%u + %u sleeps) ", e.primary_sleeps, e.client_sleeps);
	close(e.epfd);
	link_destroy(e.link);
	close(e.fds[0]);
	close(e.fds[1]);
}

/* The bell is only rung for who asked, and only once. */
static void
bell_only_when_armed(void)
{
	struct gate_geometry geometry;
	struct gate_packet packet;
	struct ends e = { 0 };
	const void *msg;
	size_t len;

	REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, e.fds) == 0);
	REQUIRE(link_create(&e.link, 1, GATE_ROLE_ADMIN, "t", 1, e.fds[0]) == 0);
	geometry = link_geometry(e.link);
	REQUIRE(client_ring_init(&e.ring, link_memory(e.link), geometry.link_size, &geometry) == 0);

	CHECK_EQ(send_flat(e.link, calloc(1, 1), 1), 0);
	CHECK_EQ(gate_packet_recv(e.fds[1], &packet), -EAGAIN);
	CHECK_EQ(client_ring_arm(&e.ring, false), 1); /* something is there already */
	CHECK_EQ(client_ring_peek(&e.ring, &msg, &len, &(bool){ false }), 1);
	client_ring_release(&e.ring);
	CHECK_EQ(client_ring_arm(&e.ring, false), 0);
	CHECK_EQ(send_flat(e.link, calloc(1, 1), 1), 0);
	CHECK_EQ(send_flat(e.link, calloc(1, 1), 1), 0);
	CHECK_EQ(gate_packet_recv(e.fds[1], &packet), 1);
	CHECK_EQ(packet.msg.type, GATE_WAKE);
	CHECK_EQ(gate_packet_recv(e.fds[1], &packet), -EAGAIN);
	client_ring_disarm(&e.ring);

	CHECK(!client_ring_must_wake(&e.ring, LINK_ARM_MESSAGE));
	CHECK_EQ(link_arm(e.link, true), 0);
	CHECK_EQ(client_ring_push(&e.ring, "x", 1), 1);
	CHECK(client_ring_must_wake(&e.ring, LINK_ARM_MESSAGE));
	CHECK(!client_ring_must_wake(&e.ring, LINK_ARM_MESSAGE));
	CHECK_EQ(link_arm(e.link, true), 1);
	CHECK_EQ(link_recv(e.link, &msg, &len), 1);
	CHECK(!client_ring_must_wake(&e.ring, LINK_ARM_MESSAGE));

	/* An answer in between takes nothing back; requests that nobody wants yet do not count. */
	CHECK_EQ(link_arm(e.link, true), 0);
	CHECK_EQ(send_flat(e.link, calloc(1, 1), 1), 0);
	CHECK_EQ(client_ring_push(&e.ring, "x", 1), 1);
	CHECK(client_ring_must_wake(&e.ring, LINK_ARM_MESSAGE));
	CHECK_EQ(link_arm(e.link, false), 0);
	CHECK_EQ(client_ring_push(&e.ring, "x", 1), 1);
	CHECK(!client_ring_must_wake(&e.ring, LINK_ARM_MESSAGE));
	/* Free slots are only waited for if a response needs one. */
	CHECK(!client_ring_must_wake(&e.ring, LINK_ARM_SPACE));
	CHECK_EQ(send_flat(e.link, calloc(1, 2u << 20), 2u << 20), 0);
	link_flush(e.link, 1000ul * CODEC_CHUNK_SIZE);
	CHECK(link_has_backlog(e.link));
	CHECK_EQ(link_arm(e.link, false), 0);
	CHECK(!client_ring_must_wake(&e.ring, LINK_ARM_MESSAGE));
	CHECK(client_ring_must_wake(&e.ring, LINK_ARM_SPACE));
	CHECK(!client_ring_must_wake(&e.ring, LINK_ARM_SPACE));
	CHECK_EQ(client_ring_peek(&e.ring, &msg, &len, &(bool){ false }), 1);
	client_ring_release(&e.ring);
	CHECK_EQ(link_arm(e.link, false), 1);
	link_destroy(e.link);
	close(e.fds[0]);
	close(e.fds[1]);
}

/* A client that wants to be woken and never reads its connection, nor lets go of it in order: the
 * primary neither waits for it nor is signalled. The socket blocks on purpose, which the gate's do
 * not. Fails (hangs) without MSG_DONTWAIT in gate_packet_wake(), or in gate_packet_send(), and
 * (ends by SIGPIPE) without MSG_NOSIGNAL in either. */
static void
deaf_client(void)
{
	struct gate_geometry geometry;
	struct ends e = { 0 };
	struct gate_msg stop;
	const void *msg;
	size_t len;
	int rc = 0;

	REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, e.fds) == 0);
	REQUIRE(link_create(&e.link, 1, GATE_ROLE_ADMIN, "t", 1, e.fds[0]) == 0);
	geometry = link_geometry(e.link);
	REQUIRE(client_ring_init(&e.ring, link_memory(e.link), geometry.link_size, &geometry) == 0);
	for (unsigned i = 0; i < 20000; i++) {
		e.ring.header->client_armed = LINK_ARM_MESSAGE | LINK_ARM_SPACE;
		CHECK_EQ(send_flat(e.link, calloc(1, 1), 1), 0);
		CHECK_EQ(client_ring_peek(&e.ring, &msg, &len, &(bool){ false }), 1);
		client_ring_release(&e.ring);
	}
	gate_packet_init(&stop, GATE_STOP);
	for (unsigned i = 0; i < 20000 && rc == 0; i++) {
		rc = gate_packet_send(e.fds[0], &stop, NULL, 0);
	}
	CHECK_EQ(rc, -EAGAIN);
	close(e.fds[1]);
	/* The first one is told of what was left unread, the next ones that nobody is there. */
	for (unsigned i = 0; i < 3; i++) {
		e.ring.header->client_armed = LINK_ARM_MESSAGE;
		CHECK_EQ(send_flat(e.link, calloc(1, 1), 1), 0);
	}
	CHECK_EQ(gate_packet_send(e.fds[0], &stop, NULL, 0), -EPIPE);
	link_destroy(e.link);
	close(e.fds[0]);
}

static const struct test_case cases[] = {
	TEST(deaf_client),
	TEST(bell_only_when_armed),
	TEST(nobody_oversleeps),
};

TEST_MAIN("ipc/wake", cases)
