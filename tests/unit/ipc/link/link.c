/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Both ends of a link in one process: the primary's (ipc/link) and the client's ring calls. */
/* links: client */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "ipc/client/client_ring.h"
#include "ipc/link/layout.h"
#include "ipc/link/link.h"
#include "ipc/link/link_internal.h"
#include "tests/unit/chain.h"
#include "tests/unit/test.h"

struct pair {
	struct link *link;
	struct client_ring ring;
	int fds[2]; /* the gate connection: [0] the primary's, [1] the client's */
};

static void
pair_open(struct pair *pair)
{
	struct gate_geometry geometry;

	REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair->fds) == 0);
	REQUIRE(link_create(&pair->link, 7, GATE_ROLE_ADMIN, "tester", 42, pair->fds[0]) == 0);
	geometry = link_geometry(pair->link);
	REQUIRE(client_ring_init(&pair->ring, link_memory(pair->link), geometry.link_size,
	                         &geometry) == 0);
}

static void
pair_close(struct pair *pair)
{
	link_destroy(pair->link);
	close(pair->fds[0]);
	close(pair->fds[1]);
}

static struct link_layout
layout_of(const struct pair *pair)
{
	struct gate_geometry geometry = link_geometry(pair->link);
	struct link_layout layout;

	REQUIRE(link_layout_of(&geometry, &layout) == 0);
	return layout;
}

static struct rte_ring *
request_ring(const struct pair *pair)
{
	return (struct rte_ring *)((uint8_t *)link_memory(pair->link) +
	                           layout_of(pair).request_ring);
}

static struct rte_ring *
response_ring(const struct pair *pair)
{
	return (struct rte_ring *)((uint8_t *)link_memory(pair->link) +
	                           layout_of(pair).response_ring);
}

static unsigned
rings_of_the_bell(int fd)
{
	char packet[1024];
	unsigned n = 0;

	while (recv(fd, packet, sizeof(packet), MSG_DONTWAIT) == (ssize_t)GATE_WAKE_SIZE) {
		n++;
	}
	return n;
}

/* A message whose every byte follows from its number and length. */
static void
fill(uint8_t *msg, size_t len, uint32_t number)
{
	for (size_t i = 0; i < len; i++) {
		msg[i] = (uint8_t)((size_t)number * 31 + i * 7 + (i >> 8));
	}
}

static bool
is_filled(const uint8_t *msg, size_t len, uint32_t number)
{
	for (size_t i = 0; i < len; i++) {
		if (msg[i] != (uint8_t)((size_t)number * 31 + i * 7 + (i >> 8))) {
			return false;
		}
	}
	return true;
}

static uint8_t *
make(size_t len, uint32_t number)
{
	uint8_t *msg = malloc(len);

	REQUIRE(msg != NULL);
	fill(msg, len, number);
	return msg;
}

static size_t
client_take(struct client_ring *ring, uint8_t *out, size_t cap, bool *whole)
{
	const void *data;
	size_t len, total = 0;
	bool more = true;

	*whole = false;
	while (more && client_ring_peek(ring, &data, &len, &more) == 1) {
		REQUIRE(total + len <= cap);
		memcpy(out + total, data, len);
		client_ring_release(ring);
		total += len;
		*whole = !more;
	}
	return total;
}

static void
request_and_response(void)
{
	struct pair p;
	const void *msg;
	uint8_t buf[64];
	size_t len;
	bool whole;

	pair_open(&p);
	CHECK_EQ(link_id(p.link), 7);
	CHECK_EQ(link_role(p.link), GATE_ROLE_ADMIN);
	CHECK_STR(link_peer_name(p.link), "tester");
	CHECK_EQ(link_peer_pid(p.link), 42);
	CHECK_EQ(link_recv(p.link, &msg, &len), 0);
	CHECK_EQ(client_ring_push(&p.ring, "hello", 5), 5);
	REQUIRE(link_recv(p.link, &msg, &len) == 1);
	CHECK(len == 5 && memcmp(msg, "hello", 5) == 0);
	CHECK_EQ(link_recv(p.link, &msg, &len), 0);
	CHECK_EQ(send_flat(p.link, make(40, 3), 40), 0);
	CHECK(!link_has_backlog(p.link));
	CHECK(client_ring_has_response(&p.ring));
	CHECK_EQ(client_take(&p.ring, buf, sizeof(buf), &whole), 40);
	CHECK(whole && is_filled(buf, 40, 3));
	CHECK(!client_ring_has_response(&p.ring));
	CHECK_EQ(rings_of_the_bell(p.fds[1]), 0);
	pair_close(&p);
}

static void
full_request_ring(void)
{
	struct pair p;
	const void *msg;
	size_t len;
	unsigned n = 0;

	pair_open(&p);
	while (client_ring_push(&p.ring, "x", 1) == 1) {
		n++;
	}
	CHECK_EQ(n, LINK_NUM_SLOTS - 1);
	CHECK(!client_ring_has_space(&p.ring));
	CHECK_EQ(client_ring_arm(&p.ring, true), 0);
	CHECK_EQ(link_recv(p.link, &msg, &len), 1);
	CHECK_EQ(rings_of_the_bell(p.fds[1]), 1);
	CHECK(client_ring_has_space(&p.ring));
	CHECK_EQ(client_ring_push(&p.ring, "y", 1), 1);
	for (n = 0; link_recv(p.link, &msg, &len) == 1; n++) {
	}
	CHECK_EQ(n, LINK_NUM_SLOTS - 1);
	/* Armed for nothing any more: the bell rings once a sleep. */
	CHECK_EQ(rings_of_the_bell(p.fds[1]), 0);
	pair_close(&p);
}

static void
long_messages(void)
{
	struct pair p;
	const size_t big = LINK_MAX_REQUEST;
	uint8_t *out = make(big, 5), *in = malloc(8u << 20);
	size_t sent = 0, got = 0, len, part;
	const void *msg;
	bool whole = false;
	int rc = 0, calls = 0;

	pair_open(&p);
	while (rc == 0 || rc == 2) {
		while (sent < big && (part = client_ring_push(&p.ring, out + sent, big - sent))) {
			sent += part;
		}
		rc = link_recv(p.link, &msg, &len);
		calls++;
	}
	REQUIRE(rc == 1);
	CHECK(len == big && is_filled(msg, big, 5));
	/* It came in many short calls. */
	CHECK(calls >= (int)(big / LINK_MAX_BYTES_PER_CALL));
	free(out);

	CHECK_EQ(send_flat(p.link, make(8u << 20, 6), 8u << 20), 0);
	CHECK(link_has_backlog(p.link));
	while (!whole) {
		got += client_take(&p.ring, in + got, (8u << 20) - got, &whole);
		CHECK(link_flush(p.link, 40000) <= 40000 / (CODEC_CHUNK_SIZE - 16));
	}
	CHECK_EQ(got, 8u << 20);
	CHECK(is_filled(in, got, 6));
	CHECK(!link_has_backlog(p.link));
	free(in);
	pair_close(&p);
}

static void
limits(void)
{
	struct pair p;
	uint8_t slot[LINK_REQUEST_SLOT_SIZE] = { 1 };
	const void *msg;
	size_t len, sent = 0;
	int rc = 0, i;
	bool more;

	/* A request that never ends. */
	pair_open(&p);
	while (rc == 0 || rc == 2) {
		sent += client_ring_push(&p.ring, slot, sizeof(slot));
		/* Marked as going on by hand. */
		struct link_desc *descs = (struct link_desc *)(request_ring(&p) + 1);
		descs[(p.ring.request_position - 1) & (LINK_NUM_SLOTS - 1)].flags = LINK_DESC_MORE;
		rc = link_recv(p.link, &msg, &len);
	}
	CHECK_EQ(rc, -EMSGSIZE);
	CHECK_EQ(sent, LINK_MAX_REQUEST + sizeof(slot));
	CHECK_EQ(link_recv(p.link, &msg, &len), -EPROTO);
	CHECK_EQ(send_flat(p.link, make(1, 1), 1), -EPROTO);
	CHECK_EQ(link_arm(p.link, true), -EPROTO);
	pair_close(&p);

	/* A reader that does not read. */
	pair_open(&p);
	for (i = 0, rc = 0; rc == 0; i++) {
		rc = send_flat(p.link, make(4u << 20, 1), 4u << 20);
	}
	CHECK_EQ(rc, -ENOBUFS);
	CHECK(i >= 16 && i <= 18);
	CHECK(link_backlog(p.link) <= LINK_MAX_BACKLOG);
	/* Nothing of it goes to one that broke the layout. Fails without the check of `broken` in
	 * link_flush(). */
	CHECK_EQ(client_ring_push(&p.ring, "x", 1), 1);
	((struct link_desc *)(request_ring(&p) + 1))->len = 0;
	CHECK_EQ(link_recv(p.link, &msg, &len), -EPROTO);
	while (client_ring_peek(&p.ring, &msg, &len, &more) == 1) {
		client_ring_release(&p.ring);
	}
	CHECK_EQ(link_flush(p.link, CODEC_CHUNK_SIZE), 0);
	pair_close(&p);
}

/* What waits is counted by the memory that it holds, and a short answer holds little. */
static void
backlog_is_memory(void)
{
	uint8_t buf[LINK_RESPONSE_SLOT_SIZE];
	struct pair p;
	bool whole;
	unsigned i;

	pair_open(&p);
	for (i = 0; i < 1000; i++) {
		CHECK_EQ(send_flat(p.link, make(50 + i % 50, i), 50 + i % 50), 0);
	}
	/* A chunk's head counts: it is most of a short answer. Some of them are in slots. */
	CHECK(link_backlog(p.link) >= (1000ul - 64) * (64 + 50));
	CHECK(link_backlog(p.link) < 1000ul * (64 + 128));
	CHECK_EQ(send_flat(p.link, make(4000, 1000), 4000), 0);
	CHECK(link_backlog(p.link) > CODEC_CHUNK_SIZE);
	for (i = 0; i < 1000; i++) {
		CHECK_EQ(client_take(&p.ring, buf, sizeof(buf), &whole), 50 + i % 50);
		CHECK(whole && is_filled(buf, 50 + i % 50, i));
		link_flush(p.link, 200);
	}
	CHECK_EQ(client_take(&p.ring, buf, sizeof(buf), &whole), 4000);
	CHECK_EQ(link_backlog(p.link), 0);
	CHECK(!link_has_backlog(p.link));
	pair_close(&p);
}

static void
broken_descriptors(void)
{
	static const struct link_desc bad[] = {
		{ .len = LINK_REQUEST_SLOT_SIZE + 1 },
		{ .len = 0 },
		{ .len = UINT32_MAX },
		{ .len = 1, .flags = 2 },
		{ .len = 1, .slot = 1 },
		{ .len = 1, .slot = UINT32_MAX },
		{ .len = 1, .seq = 9 },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct pair p;
		const void *msg;
		size_t len;

		pair_open(&p);
		CHECK_EQ(client_ring_push(&p.ring, "x", 1), 1);
		*(struct link_desc *)(request_ring(&p) + 1) = bad[i];
		CHECK_EQ(link_recv(p.link, &msg, &len), -EPROTO);
		pair_close(&p);
	}
}

static void
broken_indices(void)
{
	static const uint32_t bad[] = { 0x80000000u, UINT32_MAX, LINK_NUM_SLOTS };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct pair p;
		const void *msg;
		size_t len;

		pair_open(&p);
		request_ring(&p)->prod.tail = bad[i];
		CHECK_EQ(link_arm(p.link, true), -EPROTO);
		CHECK_EQ(link_recv(p.link, &msg, &len), -EPROTO);
		pair_close(&p);

		pair_open(&p);
		/* One position back is a full ring's worth short of breaking the range. */
		response_ring(&p)->cons.tail = bad[i] == UINT32_MAX ? 1 : bad[i];
		CHECK_EQ(send_flat(p.link, make(1, 1), 1), -EPROTO);
		CHECK_EQ(link_flush(p.link, 10000), 0);
		CHECK_EQ(link_recv(p.link, &msg, &len), -EPROTO);
		pair_close(&p);
	}
}

/* What DPDK keeps in a ring beside the indices may say anything: we do not look. */
static void
ring_header_is_not_believed(void)
{
	struct pair p;
	const void *msg;
	size_t len;

	pair_open(&p);
	CHECK_EQ(client_ring_push(&p.ring, "abc", 3), 3);
	request_ring(&p)->size = request_ring(&p)->mask = request_ring(&p)->capacity = UINT32_MAX;
	response_ring(&p)->size = response_ring(&p)->mask = UINT32_MAX;
	memset(link_memory(p.link), 0xff, offsetof(struct link_header, client_armed));
	REQUIRE(link_recv(p.link, &msg, &len) == 1);
	CHECK(len == 3 && memcmp(msg, "abc", 3) == 0);
	CHECK_EQ(send_flat(p.link, make(100, 1), 100), 0);
	/* Neither when it says less, nor when it says that the tail may be anywhere: fails when
	 * requests_waiting() or responses_free() take the ring's mask in place of ours. */
	CHECK_EQ(client_ring_push(&p.ring, "def", 3), 3);
	request_ring(&p)->mask = response_ring(&p)->mask = 0;
	REQUIRE(link_recv(p.link, &msg, &len) == 1);
	CHECK_EQ(send_flat(p.link, make(100, 1), 100), 0);
	CHECK(!link_has_backlog(p.link));
	request_ring(&p)->mask = UINT32_MAX;
	request_ring(&p)->prod.tail = 2 + LINK_NUM_SLOTS;
	CHECK_EQ(link_recv(p.link, &msg, &len), -EPROTO);
	pair_close(&p);
}

/* What is looked at is a copy: fails when link_recv() gives the slot itself away, of one message or
 * of one in fragments. */
static void
message_is_a_copy(void)
{
	const size_t lens[] = { 1, 100, LINK_REQUEST_SLOT_SIZE, LINK_REQUEST_SLOT_SIZE + 1 };
	struct pair p;
	const void *msg;
	size_t len;

	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		uint8_t *out = make(lens[i], 3);
		struct link_layout layout;

		pair_open(&p);
		layout = layout_of(&p);
		for (size_t sent = 0; sent < lens[i];) {
			sent += client_ring_push(&p.ring, out + sent, lens[i] - sent);
		}
		REQUIRE(link_recv(p.link, &msg, &len) == 1);
		memset((uint8_t *)link_memory(p.link) + layout.request_slots, 0xa5,
		       layout.response_slots - layout.request_slots);
		CHECK(len == lens[i] && is_filled(msg, len, 3));
		pair_close(&p);
		free(out);
	}
}

/* The client's end does not believe everything either. */
static void
client_checks(void)
{
	struct pair p;
	struct client_ring other;
	struct gate_geometry g;
	const void *data;
	size_t len;
	bool more;

	pair_open(&p);
	g = link_geometry(p.link);
	CHECK_EQ(client_ring_init(&other, link_memory(p.link), g.link_size - 1, &g), -EPROTO);
	g.num_request_slots = 63;
	CHECK_EQ(client_ring_init(&other, link_memory(p.link), g.link_size, &g), -EPROTO);
	g.num_request_slots = 1u << 31;
	CHECK_EQ(client_ring_init(&other, link_memory(p.link), g.link_size, &g), -EPROTO);
	g = link_geometry(p.link);
	g.response_slot_size = 0;
	CHECK_EQ(client_ring_init(&other, link_memory(p.link), g.link_size, &g), -EPROTO);
	g = link_geometry(p.link);
	request_ring(&p)->mask = 1;
	CHECK_EQ(client_ring_init(&other, link_memory(p.link), g.link_size, &g), -EPROTO);

	CHECK_EQ(send_flat(p.link, make(1, 1), 1), 0);
	((struct link_desc *)(response_ring(&p) + 1))->len = LINK_RESPONSE_SLOT_SIZE + 1;
	CHECK_EQ(client_ring_peek(&p.ring, &data, &len, &more), -EPROTO);
	pair_close(&p);
}

static void
memory_is_sealed(void)
{
	struct pair p;
	int fd;

	pair_open(&p);
	fd = link_memfd(p.link);
	CHECK(ftruncate(fd, 0) < 0 && errno == EPERM);
	CHECK(ftruncate(fd, 1 << 30) < 0 && errno == EPERM);
	CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) < 0);
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	/* Once the peer has its mapping nobody gets another to write to. Fails without either of
	 * LINK_SEALS_OF_CLIENT: one that is set already may be set again until it is for good. */
	CHECK_EQ(link_hold(p.link), -EPERM);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, LINK_SEALS_OF_CLIENT), 0);
	CHECK_EQ(link_hold(p.link), 0);
	CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED &&
	      errno == EPERM);
	CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) < 0 && errno == EPERM);
	pair_close(&p);
}

/* Random lengths both ways, in random order, with rings that run full. */
static void
random_traffic(void)
{
	const size_t max_request = 20000, max_response = 100000;
	uint8_t *out = malloc(max_request), *in = malloc(max_response);
	size_t out_len = 0, out_sent = 0, in_len = 0;
	uint32_t sent = 0, received = 0, answered = 0, taken = 0;
	unsigned seed = 12345;
	struct pair p;

	pair_open(&p);
	while (taken < 20000) {
		const void *msg;
		size_t len;
		bool whole;

		switch (rand_r(&seed) % 4) {
		case 0:
			if (out_sent == out_len) {
				out_len = 1 + (size_t)rand_r(&seed) % max_request;
				if (rand_r(&seed) % 4 != 0) {
					out_len = 1 + out_len % 300;
				}
				out_sent = 0;
				fill(out, out_len, sent++);
			}
			out_sent += client_ring_push(&p.ring, out + out_sent, out_len - out_sent);
			break;
		case 1:
			if (received - answered < 100 && link_recv(p.link, &msg, &len) == 1) {
				CHECK(is_filled(msg, len, received));
				received++;
			}
			break;
		case 2:
			if (answered < received) {
				len = 1 + (size_t)rand_r(&seed) %
				                  (rand_r(&seed) % 4 ? 500 : max_response);
				CHECK_EQ(send_flat(p.link, make(len, answered), len), 0);
				answered++;
			}
			link_flush(p.link, (unsigned)rand_r(&seed) % 80000);
			break;
		default:
			in_len += client_take(&p.ring, in + in_len, max_response - in_len, &whole);
			if (whole) {
				CHECK(is_filled(in, in_len, taken));
				taken++;
				in_len = 0;
			}
			break;
		}
	}
	CHECK(sent >= received && received >= answered && answered >= taken);
	free(out);
	free(in);
	pair_close(&p);
}

/* --- a peer that writes where it wants -------------------------------------------------------- */

struct scribbler {
	uint8_t *memory;
	size_t size;
	atomic_bool stop;
};

/* Mostly where it hurts: the header, the rings and their descriptors. */
static void
scribble(uint8_t *memory, size_t size, unsigned *seed)
{
	size_t hot = sizeof(struct link_header) + 2 * (sizeof(struct rte_ring) + 1024);
	size_t at = (size_t)rand_r(seed) % (rand_r(seed) % 8 != 0 ? hot : size - 8);
	uint32_t value;

	switch (rand_r(seed) % 4) {
	case 0:
		value = (uint32_t)rand_r(seed) << 16 ^ (uint32_t)rand_r(seed);
		break;
	case 1:
		value = UINT32_MAX - (uint32_t)rand_r(seed) % 70;
		break;
	default:
		value = (uint32_t)rand_r(seed) % 70;
	}
	at &= ~(size_t)3;
	__atomic_store_n((uint32_t *)(memory + at), value, __ATOMIC_RELAXED);
}

#ifndef __SANITIZE_THREAD__ /* to which it would be one big race */
static void *
scribble_loop(void *arg)
{
	struct scribbler *s = arg;
	unsigned seed = 99;

	while (!atomic_load(&s->stop)) {
		scribble(s->memory, s->size, &seed);
	}
	return NULL;
}
#endif

/* What a client does to send a byte, without DPDK: its calls would follow the scribbles. */
static void
push_blindly(struct pair *p)
{
	struct rte_ring *ring = request_ring(p);
	uint32_t slot = p->ring.request_position & (LINK_NUM_SLOTS - 1);

	((struct link_desc *)(ring + 1))[slot] = (struct link_desc){
		.len = 1,
		.slot = slot,
		.seq = p->ring.request_position,
	};
	__atomic_store_n(&ring->prod.tail, ++p->ring.request_position, __ATOMIC_RELEASE);
}

/* One round: serve a link until it breaks, or for a while. Returns whether it broke. */
static bool
serve_scribbled(struct pair *p, unsigned *seed, bool own_scribbles)
{
	size_t size = link_geometry(p->link).link_size;

	for (int i = 0; i < 400; i++) {
		const void *msg;
		size_t len;
		int rc;

		if (own_scribbles) {
			scribble(link_memory(p->link), size, seed);
		}
		push_blindly(p);
		rc = link_recv(p->link, &msg, &len);
		if (rc < 0) {
			CHECK(rc == -EPROTO || rc == -EMSGSIZE);
			return true;
		}
		if (rc == 1) {
			CHECK(len > 0 && len <= LINK_MAX_REQUEST);
			/* Every byte of it is there to be read. */
			volatile uint8_t sum = 0;
			for (size_t b = 0; b < len; b++) {
				sum = (uint8_t)(sum + ((const uint8_t *)msg)[b]);
			}
			rc = send_flat(p->link, make(20000, 1), 20000);
			CHECK(rc == 0 || rc == -EPROTO || rc == -ENOBUFS);
		}
		link_flush(p->link, 3);
		link_arm(p->link, true);
	}
	return false;
}

static void
scribbles_between_calls(void)
{
	unsigned seed = 4711, broke = 0;

#ifdef __SANITIZE_THREAD__
	const unsigned rounds = 50; /* it is slow at this, and has nothing to find */
#else
	const unsigned rounds = 500;
#endif
	for (unsigned round = 0; round < rounds; round++) {
		struct pair p;

		pair_open(&p);
		broke += serve_scribbled(&p, &seed, true);
		pair_close(&p);
	}
	CHECK(broke > rounds / 20);
	printf("(%u links broken) ", broke);
}

static void
scribbles_meanwhile(void)
{
#ifdef __SANITIZE_THREAD__
	printf("(not under the thread sanitizer) ");
#else
	unsigned seed = 1, broke = 0;

	time_t end = time(NULL) + 3;

	for (int round = 0; round < 300 && time(NULL) < end; round++) {
		struct scribbler s = { 0 };
		pthread_t thread;
		struct pair p;

		pair_open(&p);
		/* The scribbler has a mapping of its own, as a peer has. */
		s.size = link_geometry(p.link).link_size;
		s.memory = mmap(NULL, s.size, PROT_READ | PROT_WRITE, MAP_SHARED,
		                link_memfd(p.link), 0);
		REQUIRE(s.memory != MAP_FAILED);
		REQUIRE(pthread_create(&thread, NULL, scribble_loop, &s) == 0);
		for (int i = 0; i < 50 && time(NULL) < end; i++) {
			if (serve_scribbled(&p, &seed, false)) {
				broke++;
				break;
			}
		}
		atomic_store(&s.stop, true);
		pthread_join(thread, NULL);
		munmap(s.memory, s.size);
		pair_close(&p);
	}
	CHECK(broke > 0);
	printf("(%u links broken) ", broke);
#endif
}

static const struct test_case cases[] = {
	TEST(request_and_response),    TEST(full_request_ring),
	TEST(long_messages),           TEST(limits),
	TEST(backlog_is_memory),       TEST(broken_descriptors),
	TEST(broken_indices),          TEST(ring_header_is_not_believed),
	TEST(client_checks),           TEST(memory_is_sealed),
	TEST(message_is_a_copy),       TEST(random_traffic),
	TEST(scribbles_between_calls), TEST(scribbles_meanwhile),
};

TEST_MAIN("ipc/link", cases)
