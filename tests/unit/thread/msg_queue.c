/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The queue below messages and events, by itself: lanes, chunks, MARKs, what is shared, sleep.
 * Senders are made up; where they must be OS threads, they are. */

#include "tests/unit/test.h"

#include "core/thread/msg_queue.h"
#include "core/thread/msg_shared.h"

#include <pthread.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>

#define CORES 4

static struct msg_queue g_q;
static struct msg_sender g_cores[CORES]; /* the last one has no lane */

/* Elements are a function that is none, who sent it and its number. */
#define ELEMENT 0x1000u

static struct {
	uint64_t next[8]; /* by who */
	uint64_t last_who;
	uint32_t count;
	uint32_t wrong;
	uint32_t stop_after; /* so many more, and then no more for now */
	bool resend;
} g_seen;

static void
send_from(uint32_t core, uint64_t who, uint64_t number)
{
	msg_queue_push(&g_q, &g_cores[core], g_q.words == 2 ? 2 : 3, ELEMENT, who << 32 | number,
	               number * 3);
}

static bool
see(void *ctx, uint64_t w0, uint64_t w1, uint64_t w2)
{
	uint64_t who = w1 >> 32, number = w1 & UINT32_MAX;

	g_seen.wrong +=
		w0 != ELEMENT || number != g_seen.next[who] || (g_q.words == 3 && w2 != number * 3);
	g_seen.next[who] = number + 1;
	g_seen.last_who = who;
	__atomic_store_n(&g_seen.count, g_seen.count + 1, __ATOMIC_RELAXED);
	if (g_seen.resend) {
		send_from(0, who, number + 1);
	}
	return g_seen.stop_after == 0 || --g_seen.stop_after > 0;
}

static uint32_t
run(uint32_t max, uint32_t own)
{
	struct msg_limit limit = { max, MSG_LANES, NULL };

	if (own < CORES) {
		limit = msg_limit_now(&g_q, max, &g_cores[own]);
	}
	return g_q.words == 2 ? msg_queue_run(&g_q, limit, 2, see, NULL)
	                      : msg_queue_run(&g_q, limit, 3, see, NULL);
}

#define NO_OWN UINT32_MAX

static void
begin(uint32_t words)
{
	uint32_t i;

	memset(&g_seen, 0, sizeof(g_seen));
	msg_queue_init(&g_q, words);
	for (i = 0; i < CORES; i++) {
		/* Indices from the end: real OS threads get theirs from the beginning. */
		g_cores[i] = (struct msg_sender){
			.index = i + 1 < CORES ? MSG_LANES - 1 - i : MSG_LANES,
			.registered = true,
		};
	}
}

static void
end(void)
{
	CHECK_EQ(g_seen.wrong, 0);
	CHECK_EQ(msg_queue_fini(&g_q), 0);
}

static void
empty(void)
{
	begin(2);
	CHECK(msg_queue_is_empty(&g_q));
	CHECK_EQ(run(8, NO_OWN), 0);
	CHECK_EQ(msg_queue_depth(&g_q), 0);
	send_from(0, 0, 0);
	CHECK(!msg_queue_is_empty(&g_q));
	CHECK_EQ(msg_queue_depth(&g_q), 1);
	CHECK_EQ(run(8, NO_OWN), 1);
	CHECK(msg_queue_is_empty(&g_q));
	end();
}

/* Through every place of the ring, the chunks and back, in bursts of all sizes. */
static void
order_in_a_lane(void)
{
	uint32_t words, burst, i;
	uint64_t sent, spilled;

	for (words = 2; words <= 3; words++) {
		begin(words);
		sent = 0;
		for (burst = 1; burst < 4000; burst += burst / 3 + 1) {
			for (i = 0; i < burst; i++) {
				send_from(0, 0, sent++);
			}
			/* A JUMP counts as one. */
			CHECK(msg_queue_depth(&g_q) - burst <= 1);
			while (run(burst % 7 + 1, NO_OWN) > 0) {
			}
			CHECK_EQ(g_seen.count, sent);
			CHECK_EQ(msg_queue_depth(&g_q), 0);
		}
		spilled = msg_queue_spilled(&g_q);
		CHECK(spilled > 3000 && spilled < sent);
		/* Back in the ring after a chunk at most. */
		for (i = 0; i < MSG_CHUNK_ROOM; i++) {
			send_from(0, 0, sent++);
			run(1, NO_OWN);
		}
		spilled = msg_queue_spilled(&g_q);
		for (i = 0; i < 10000; i++) {
			send_from(0, 0, sent++);
			run(1, NO_OWN);
		}
		CHECK_EQ(msg_queue_spilled(&g_q), spilled);
		CHECK_EQ(g_seen.count, sent);
		end();
	}
}

static void
so_many_and_no_more(void)
{
	uint64_t first;
	uint32_t i;

	begin(2);
	for (i = 0; i < 20; i++) {
		send_from(i % 2, i % 2, i / 2);
	}
	CHECK_EQ(run(5, NO_OWN), 5);
	first = g_seen.last_who;
	CHECK_EQ(g_seen.next[first], 5);
	/* The other lane begins, since the first one used up the room. */
	CHECK_EQ(run(1, NO_OWN), 1);
	CHECK_EQ(g_seen.last_who, 1 - first);
	g_seen.stop_after = 3;
	CHECK_EQ(run(100, NO_OWN), 3);
	g_seen.stop_after = 0;
	CHECK_EQ(run(100, NO_OWN), 11);
	end();
}

/* What is sent while elements are run waits, if it is the consumer's own. */
static void
up_to_what_was_sent(void)
{
	begin(2);
	g_seen.resend = true;
	send_from(0, 0, 0);
	/* The lane begins here: then it goes on without that, behind the MARK, or in the ring. */
	CHECK_EQ(run(8, 0), 1);
	CHECK_EQ(run(8, 0), 1);
	CHECK_EQ(run(8, 1), 8);
	CHECK_EQ(run(8, NO_OWN), 8);
	msg_sender_new_epoch(&g_cores[0]);
	g_seen.resend = false;
	send_from(0, 0, g_seen.next[0] + 1);
	g_seen.resend = true;
	/* One is there and one comes behind the MARK; what they send is not there yet. */
	CHECK_EQ(run(8, 0), 2);
	g_seen.resend = false;
	while (run(8, NO_OWN) > 0) {
	}
	/* The doubled sender is this test's doing. */
	g_seen.wrong = 0;
	end();
}

/* One sender that moves: what it sends afterwards waits for what it sent before. */
static void
order_over_lanes(void)
{
	uint32_t from, to, i;

	for (from = 0; from < CORES; from++) {
		for (to = 0; to < CORES; to++) {
			if (to == from) {
				continue;
			}
			begin(2);
			/* The lanes exist, so the order of their making does not matter. */
			for (i = 0; i < CORES; i++) {
				send_from(i, 1 + i, 0);
			}
			run(100, NO_OWN);
			for (i = 0; i < 10; i++) {
				send_from(from, 0, i);
			}
			msg_sender_new_epoch(&g_cores[to]);
			send_from(to, 0, 10);
			send_from(from, 1 + from, 1);
			send_from(to, 0, 11);
			while (run(3, NO_OWN) > 0) {
			}
			CHECK_EQ(g_seen.next[0], 12);
			CHECK_EQ(g_seen.next[1 + from], 2);
			end();
		}
	}
}

/* The sender is stopped where it goes on elsewhere, and has not said yet how much room is there. */
static void
order_while_a_lane_makes_room(void)
{
	struct msg_lane *lane;
	uint64_t *stop;
	uint32_t i;

	begin(2);
	for (i = 0; i < 100; i++) {
		send_from(0, 0, i);
	}
	msg_sender_new_epoch(&g_cores[1]);
	send_from(1, 0, 100);
	lane = g_q.lanes[g_cores[0].index];
	stop = lane->stop;
	lane->stop = lane->slots;
	while (run(3, NO_OWN) > 0) {
	}
	CHECK_EQ(g_seen.count, 101);
	lane->stop = stop;
	end();
}

/* There and back and on: MARKs in several lanes, the lower one first. */
static void
order_over_several_moves(void)
{
	uint64_t seed = 12345, sent[2] = { 0, 0 };
	uint32_t at[2] = { 0, 1 }, i, k, to;

	begin(3);
	for (i = 0; i < 100000; i++) {
		k = (uint32_t)(spdk_rand_xorshift64(&seed) >> 20) & 1;
		switch (spdk_rand_xorshift64(&seed) >> 20 & 7) {
		case 0:
			to = (uint32_t)(spdk_rand_xorshift64(&seed) >> 20) % CORES;
			if (to != at[k]) {
				msg_sender_new_epoch(&g_cores[to]);
				at[k] = to;
			}
			break;
		case 1:
		case 2:
			run(1 + (uint32_t)(spdk_rand_xorshift64(&seed) >> 20) % 5, NO_OWN);
			break;
		default:
			send_from(at[k], k, sent[k]++);
			break;
		}
	}
	/* None of it needs more turns than there are elements. */
	for (i = 0; !msg_queue_is_empty(&g_q) && i < 100000; i++) {
		run(8, NO_OWN);
	}
	CHECK_EQ(g_seen.next[0], sent[0]);
	CHECK_EQ(g_seen.next[1], sent[1]);
	end();
}

/* A lane, or what is shared, that is never empty holds up a MARK elsewhere only for what was in it.
 */
static void
nobody_starves(void)
{
	uint32_t busy, i;
	uint64_t sent;

	for (busy = 0; busy < CORES; busy += CORES - 1) {
		begin(2);
		for (sent = 0; sent < 100; sent++) {
			send_from(busy, 0, sent);
		}
		msg_sender_new_epoch(&g_cores[1]);
		send_from(1, 1, 0);
		for (i = 0; i < 1000 && g_seen.next[1] == 0; i++) {
			run(8, NO_OWN);
			while (sent < g_seen.next[0] + 100) {
				send_from(busy, 0, sent++);
			}
		}
		CHECK(i < 60);
		CHECK_EQ(g_seen.next[1], 1);
		/* And what is shared gets its turn beside lanes that are never empty. */
		send_from(CORES - 1 - busy, 2, 0);
		for (i = 0; i < 20 && g_seen.next[2] == 0; i++) {
			run(8, NO_OWN);
			while (sent < g_seen.next[0] + 100) {
				send_from(busy, 0, sent++);
			}
		}
		CHECK_EQ(g_seen.next[2], 1);
		while (run(8, NO_OWN) > 0) {
		}
		end();
	}
}

static void
thrown_away(void)
{
	uint32_t i;

	begin(2);
	for (i = 0; i < 3000; i++) {
		send_from(0, 0, i);
		send_from(CORES - 1, 1, i);
	}
	msg_sender_new_epoch(&g_cores[1]);
	send_from(1, 2, 0);
	CHECK_EQ(msg_queue_drop(&g_q), 6001);
	CHECK(msg_queue_is_empty(&g_q));
	send_from(0, 0, 0);
	send_from(1, 2, 0);
	CHECK_EQ(run(8, NO_OWN), 2);
	msg_sender_new_epoch(&g_cores[0]);
	send_from(0, 0, 1);
	send_from(CORES - 1, 1, 0);
	CHECK_EQ(msg_queue_fini(&g_q), 2);
	CHECK_EQ(g_seen.wrong, 0);
}

/* --- OS threads ------------------------------------------------------------------------------- */

#define MANY 80

static pthread_barrier_t g_barrier;
static uint32_t g_with_lane;

static void *
many_main(void *arg)
{
	static __thread struct msg_sender self = { .index = MSG_LANES };
	uint64_t i;

	msg_queue_push(&g_q, &self, 2, ELEMENT, (uintptr_t)arg << 32, 0);
	__atomic_fetch_add(&g_with_lane, self.index < MSG_LANES, __ATOMIC_RELAXED);
	pthread_barrier_wait(&g_barrier);
	for (i = 1; i < 100; i++) {
		msg_queue_push(&g_q, &self, 2, ELEMENT, (uintptr_t)arg << 32 | i, 0);
	}
	return NULL;
}

static uint64_t g_many_next[MANY];

static bool
see_many(void *ctx, uint64_t w0, uint64_t w1, uint64_t w2)
{
	g_seen.wrong += g_many_next[w1 >> 32]++ != (w1 & UINT32_MAX);
	g_seen.count++;
	return true;
}

static void
more_os_threads_than_lanes(void)
{
	struct msg_limit all = { UINT32_MAX, MSG_LANES, NULL };
	pthread_t threads[MANY];
	uintptr_t i;
	int round;

	begin(2);
	/* The second time they are other OS threads with the same indices. */
	for (round = 0; round < 2; round++) {
		g_with_lane = 0;
		memset(g_many_next, 0, sizeof(g_many_next));
		pthread_barrier_init(&g_barrier, NULL, MANY);
		for (i = 0; i < MANY; i++) {
			REQUIRE(pthread_create(&threads[i], NULL, many_main, (void *)i) == 0);
		}
		while (g_seen.count < (uint32_t)(round + 1) * MANY * 100) {
			all.left = 8;
			msg_queue_run(&g_q, all, 2, see_many, NULL);
		}
		for (i = 0; i < MANY; i++) {
			pthread_join(threads[i], NULL);
		}
		pthread_barrier_destroy(&g_barrier);
		CHECK_EQ(g_with_lane, MSG_LANES);
		CHECK(msg_queue_is_empty(&g_q));
	}
	end();
}

/* --- sleep ------------------------------------------------------------------------------------ */

static bool
is_readable(int fd)
{
	uint64_t value;

	return read(fd, &value, sizeof(value)) == sizeof(value);
}

static void
wakes_once(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	uint32_t core;

	for (core = 0; core < CORES; core += CORES - 1) {
		begin(2);
		if (!msg_queue_arm(&g_q, fd)) {
			printf("(no membarrier here) ");
			CHECK(test_under_valgrind());
			break;
		}
		CHECK(!is_readable(fd));
		send_from(core, 0, 0);
		CHECK(is_readable(fd));
		send_from(core, 0, 1);
		CHECK(!is_readable(fd));
		/* With something waiting it does not sleep. */
		CHECK(!msg_queue_arm(&g_q, fd));
		CHECK_EQ(run(8, NO_OWN), 2);
		CHECK(msg_queue_arm(&g_q, fd));
		msg_queue_disarm(&g_q);
		send_from(core, 0, 2);
		CHECK(!is_readable(fd));
		CHECK_EQ(run(8, NO_OWN), 1);
		end();
	}
	close(fd);
}

#define WAKES 20000u

static void *
waker_main(void *arg)
{
	static __thread struct msg_sender self = { .index = MSG_LANES };
	uint64_t i;

	for (i = 0; i < WAKES; i++) {
		msg_queue_push(&g_q, &self, 2, ELEMENT, i, 0);
		while (__atomic_load_n(&g_seen.count, __ATOMIC_RELAXED) + i % 3 < i) {
			sched_yield();
		}
	}
	return NULL;
}

/* The consumer sleeps whenever it may; a wake that gets lost leaves it asleep. */
static void
no_wake_is_lost(void)
{
	struct pollfd pfd = { .fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), .events = POLLIN };
	pthread_t waker;
	uint32_t sleeps = 0;

	begin(2);
	REQUIRE(pthread_create(&waker, NULL, waker_main, NULL) == 0);
	while (g_seen.count < WAKES) {
		if (run(8, NO_OWN) > 0 || !msg_queue_arm(&g_q, pfd.fd)) {
			continue;
		}
		REQUIRE(poll(&pfd, 1, 10000) == 1);
		is_readable(pfd.fd);
		msg_queue_disarm(&g_q);
		sleeps++;
	}
	pthread_join(waker, NULL);
	printf("(%u sleeps) ", sleeps);
	CHECK(sleeps > 10 || test_under_valgrind());
	close(pfd.fd);
	end();
}

static const struct test_case cases[] = {
	TEST(empty),
	TEST(order_in_a_lane),
	TEST(so_many_and_no_more),
	TEST(up_to_what_was_sent),
	TEST(order_over_lanes),
	TEST(order_while_a_lane_makes_room),
	TEST(order_over_several_moves),
	TEST(nobody_starves),
	TEST(thrown_away),
	TEST(more_os_threads_than_lanes),
	TEST(wakes_once),
	TEST(no_wake_is_lost),
};

TEST_MAIN("thread/msg_queue", cases)
