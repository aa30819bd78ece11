/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The buffer pools against a model, in a long random sequence, and under two OS threads that fight
 * for them. The seed is printed; $CAL_TEST_SEED repeats one (of the two OS threads only what they
 * want, not when). */

#include "tests/unit/thread/fake_iobuf.h"

#define STEPS 100000

static uint64_t g_seed;

static uint32_t
pick_of(uint64_t *state, uint32_t n)
{
	return (uint32_t)(spdk_rand_xorshift64(state) >> 16) % n;
}

static uint32_t
pick(uint32_t n)
{
	return pick_of(&g_seed, n);
}

static void
seed_begin(const char *what)
{
	const char *given = getenv("CAL_TEST_SEED");
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	g_seed = given != NULL ? strtoull(given, NULL, 0)
	                       : (uint64_t)now.tv_nsec * 2654435761u + (uint64_t)now.tv_sec;
	g_seed |= 1;
	printf("(%s: seed %llu) ", what, (unsigned long long)g_seed);
	fflush(stdout);
}

/* --- the model -------------------------------------------------------------------------------- */

#define CHANNELS 6 /* two a thread, of both modules */
#define REQUESTS 200

static const uint64_t g_lens[IOBUF_SIZES] = { SMALL, LARGE };
static const uint64_t g_counts[IOBUF_SIZES] = { SMALL_COUNT, LARGE_COUNT };

static struct model_channel {
	struct spdk_iobuf_channel ch;
	bool up;
	uint32_t cache[IOBUF_SIZES];
	uint32_t uses; /* requests that wait on it */
} g_channels[CHANNELS];

/* What waits on a thread for a buffer of one size, in order. */
struct line {
	struct request *of[REQUESTS];
	uint32_t count;
	uint32_t insert_at; /* in a callback: where the next one goes */
};
static struct line g_lines[NUM_THREADS][IOBUF_SIZES];

static struct request {
	struct spdk_iobuf_entry entry;
	enum { IDLE, WAITS, HOLDS } state;
	struct model_channel *ch;
	enum iobuf_size size;
	void *buf;
} g_requests[REQUESTS];

/* One of each size may be brought at a time, the one within the other. */
static bool g_in_callback[IOBUF_SIZES];
static uint32_t g_held[IOBUF_SIZES], g_waited;

static int
thread_of(const struct model_channel *ch)
{
	return (int)(ch - g_channels) / 2;
}

/* Nobody else has it. The first word says who does. */
static void
hold(struct request *r, void *buf)
{
	uint32_t i;

	for (i = 0; i < REQUESTS; i++) {
		CHECK(g_requests[i].state != HOLDS || g_requests[i].buf != buf);
	}
	CHECK(iobuf_node_of(buf, r->size) == 0);
	CHECK_EQ(((uintptr_t)buf - g_iobuf.pools[0][r->size].base) % g_lens[r->size], 0);
	memset(buf, 0xee, g_lens[r->size]);
	r->state = HOLDS;
	r->buf = buf;
	g_held[r->size]++;
}

static void act(int thread);

static void
model_granted(struct spdk_iobuf_entry *entry, void *buf)
{
	struct request *r = SPDK_CONTAINEROF(entry, struct request, entry);
	struct line *line = &g_lines[thread_of(r->ch)][r->size];
	enum iobuf_size size = r->size; /* it may be asked for anew meanwhile */
	uint32_t acts;

	CHECK(!g_in_callback[r->size]);
	CHECK(spdk_get_thread() == g_threads[thread_of(r->ch)]);
	CHECK_EQ(r->state, WAITS);
	/* Nobody is overtaken. */
	REQUIRE(line->count > 0 && line->of[0] == r);
	memmove(&line->of[0], &line->of[1], --line->count * sizeof(struct request *));
	line->insert_at = 0;
	r->ch->uses--;
	hold(r, buf);
	g_waited++;
	g_in_callback[size] = true;
	for (acts = pick(3); acts > 0; acts--) {
		act(thread_of(r->ch));
	}
	g_in_callback[size] = false;
}

static void
model_get(struct request *r, struct model_channel *ch)
{
	struct line *line;
	uint32_t at, cached;
	void *buf;

	r->ch = ch;
	r->size = pick(2) == 0 ? IOBUF_SMALL : IOBUF_LARGE;
	line = &g_lines[thread_of(ch)][r->size];
	cached = (r->size == IOBUF_SMALL ? &ch->ch.cache[0].small : &ch->ch.cache[0].large)
	                 ->cache_count;
	/* In its line before the call, as it may be granted as soon as it waits. */
	at = g_in_callback[r->size] ? line->insert_at : line->count;
	buf = spdk_iobuf_get(&ch->ch, g_lens[r->size] - pick(100), &r->entry, model_granted);
	if (buf != NULL) {
		/* From its own, or the line was empty, or it is its turn. */
		CHECK(cached > 0 || line->count == 0 || g_in_callback[r->size]);
		hold(r, buf);
		return;
	}
	CHECK_EQ(cached, 0);
	memmove(&line->of[at + 1], &line->of[at], (line->count - at) * sizeof(struct request *));
	line->of[at] = r;
	line->count++;
	line->insert_at = at + 1;
	r->state = WAITS;
	ch->uses++;
}

static void
model_put(struct request *r)
{
	void *buf = r->buf;

	r->state = IDLE;
	r->buf = NULL;
	g_held[r->size]--;
	spdk_iobuf_put(&r->ch->ch, buf, g_lens[r->size]);
}

static void
model_abort(struct request *r)
{
	struct line *line = &g_lines[thread_of(r->ch)][r->size];
	uint32_t at;

	for (at = 0; at < line->count && line->of[at] != r; at++) {
	}
	REQUIRE(at < line->count);
	memmove(&line->of[at], &line->of[at + 1], (--line->count - at) * sizeof(struct request *));
	line->insert_at -= at < line->insert_at;
	r->ch->uses--;
	r->state = IDLE;
	spdk_iobuf_entry_abort(&r->ch->ch, &r->entry, g_lens[r->size]);
}

/* Whether something of the channel is under way. */
static bool
channel_in_use(const struct model_channel *ch)
{
	uint32_t i;

	for (i = 0; i < REQUESTS; i++) {
		if (g_requests[i].state != IDLE && g_requests[i].ch == ch) {
			return true;
		}
	}
	return false;
}

static void
model_channel_toggle(struct model_channel *ch)
{
	uint32_t small = pick(4), large = pick(2);
	int rc;

	if (ch->up) {
		if (!channel_in_use(ch)) {
			spdk_iobuf_channel_fini(&ch->ch);
			ch->up = false;
		}
		return;
	}
	rc = iobuf_channel_try_init(&ch->ch, (ch - g_channels) % 2 == 0 ? "a" : "b", small, large);
	CHECK(rc == 0 || rc == -ENOMEM);
	ch->up = rc == 0;
}

/* Something at random on a thread. */
static void
act(int thread)
{
	struct request *r = &g_requests[pick(REQUESTS)];
	struct model_channel *ch = &g_channels[thread * 2 + (int)pick(2)];

	switch (r->state) {
	case IDLE:
		if (ch->up) {
			model_get(r, ch);
		}
		break;
	case WAITS:
		if (thread_of(r->ch) == thread && pick(4) == 0) {
			model_abort(r);
		}
		break;
	case HOLDS:
		if (thread_of(r->ch) == thread) {
			model_put(r);
		}
		break;
	}
}

static uint32_t
cached_in_all(enum iobuf_size size)
{
	uint32_t i, n = 0;

	for (i = 0; i < CHANNELS; i++) {
		if (g_channels[i].up) {
			n += size == IOBUF_SMALL ? g_channels[i].ch.cache[0].small.cache_count
			                         : g_channels[i].ch.cache[0].large.cache_count;
			CHECK(g_channels[i].ch.cache[0].small.cache_count <=
			      g_channels[i].ch.cache[0].small.cache_size);
		}
	}
	return n;
}

/* Once no message is under way: nothing is lost, and nobody waits beside a buffer. */
static void
model_check(void)
{
	uint32_t waiting, ring;
	int size, i;

	poll_all();
	for (size = 0; size < IOBUF_SIZES; size++) {
		ring = (uint32_t)spdk_ring_count(g_iobuf.pools[0][size].ring);
		CHECK_EQ(ring + g_held[size] + cached_in_all((enum iobuf_size)size),
		         g_counts[size]);
		waiting = 0;
		for (i = 0; i < NUM_THREADS; i++) {
			waiting += g_lines[i][size].count;
		}
		CHECK(waiting == 0 || ring == 0);
	}
}

static void
follows_its_model(void)
{
	uint32_t step, i;
	int thread;

	seed_begin("iobuf");
	memset(g_channels, 0, sizeof(g_channels));
	memset(g_requests, 0, sizeof(g_requests));
	memset(g_lines, 0, sizeof(g_lines));
	g_held[0] = g_held[1] = g_waited = 0;
	pools_up();
	for (step = 0; step < STEPS; step++) {
		thread = (int)pick(NUM_THREADS);
		on(thread);
		switch (pick(40)) {
		case 0:
			model_channel_toggle(&g_channels[thread * 2 + (int)pick(2)]);
			break;
		case 1:
		case 2:
			spdk_thread_poll(g_threads[thread], 0, 0);
			break;
		case 3:
			if (pick(10) == 0) {
				model_check();
			}
			break;
		default:
			act(thread);
			break;
		}
	}
	model_check();
	CHECK(g_waited > 1000);
	/* Those that wait may be granted while others are put: until all is quiet. */
	for (i = 0; i < REQUESTS; i++) {
		if (g_requests[i].state == WAITS) {
			on(thread_of(g_requests[i].ch));
			model_abort(&g_requests[i]);
		}
	}
	for (i = 0; i < REQUESTS; i++) {
		if (g_requests[i].state == HOLDS) {
			on(thread_of(g_requests[i].ch));
			model_put(&g_requests[i]);
		}
	}
	model_check();
	for (i = 0; i < CHANNELS; i++) {
		on((int)i / 2);
		if (g_channels[i].up) {
			CHECK_EQ(g_channels[i].uses, 0);
			spdk_iobuf_channel_fini(&g_channels[i].ch);
		}
	}
	pools_down();
}

/* --- two OS threads --------------------------------------------------------------------------- */

#define ACTORS  4
#define HANDS   8 /* requests of an actor, more than there are large buffers in all */
#define SHIFTS  40000
#define STUCK_S 60

static uint64_t g_wrong;
#define MUST(expr)                                                                 \
	do {                                                                       \
		if (!(expr)) {                                                     \
			__atomic_fetch_add(&g_wrong, 1, __ATOMIC_RELAXED);         \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #expr); \
		}                                                                  \
	} while (0)

struct hand {
	struct spdk_iobuf_entry entry;
	struct actor *actor;
	enum iobuf_size size;
	bool waits;
	uint64_t *buf;
};

static struct actor {
	struct spdk_thread *thread;
	struct spdk_poller *poller;
	struct spdk_iobuf_channel ch;
	struct hand hands[HANDS];
	uint64_t rand;
	uint32_t shifts, waits;
	bool done;
} g_actors[ACTORS];

static uint32_t g_done;

/* What is written must be there still when it is put. */
static void
hand_holds(struct hand *hand, void *buf)
{
	hand->buf = buf;
	hand->buf[0] = hand->buf[100] = (uintptr_t)hand;
}

static void
hand_granted(struct spdk_iobuf_entry *entry, void *buf)
{
	struct hand *hand = SPDK_CONTAINEROF(entry, struct hand, entry);

	MUST(spdk_get_thread() == hand->actor->thread);
	MUST(hand->waits);
	hand->waits = false;
	hand_holds(hand, buf);
}

static void
hand_act(struct hand *hand, bool take)
{
	struct actor *actor = hand->actor;
	void *buf;

	if (hand->waits) {
		if (pick_of(&actor->rand, 50) == 0) {
			hand->waits = false;
			spdk_iobuf_entry_abort(&actor->ch, &hand->entry, g_lens[hand->size]);
		}
	} else if (hand->buf != NULL) {
		MUST(hand->buf[0] == (uintptr_t)hand && hand->buf[100] == (uintptr_t)hand);
		buf = hand->buf;
		hand->buf = NULL;
		spdk_iobuf_put(&actor->ch, buf, g_lens[hand->size]);
	} else if (take) {
		hand->size = pick_of(&actor->rand, 4) == 0 ? IOBUF_SMALL : IOBUF_LARGE;
		buf = spdk_iobuf_get(&actor->ch, g_lens[hand->size], &hand->entry, hand_granted);
		if (buf != NULL) {
			hand_holds(hand, buf);
		} else {
			hand->waits = true;
			actor->waits++;
		}
	}
}

/* Works for its shifts, then puts what it holds and waits for what it has asked for. */
static int
actor_poll(void *arg)
{
	struct actor *actor = arg;
	struct hand *hand = &actor->hands[pick_of(&actor->rand, HANDS)];
	bool waits = false;
	uint32_t i;

	if (actor->shifts < SHIFTS) {
		actor->shifts++;
		hand_act(hand, true);
		return SPDK_POLLER_BUSY;
	}
	for (i = 0; i < HANDS; i++) {
		if (actor->hands[i].buf != NULL) {
			hand_act(&actor->hands[i], false);
		}
		waits |= actor->hands[i].waits;
	}
	if (waits) {
		return SPDK_POLLER_BUSY;
	}
	actor->done = true;
	spdk_iobuf_channel_fini(&actor->ch);
	spdk_poller_unregister(&actor->poller);
	__atomic_fetch_add(&g_done, 1, __ATOMIC_RELEASE);
	return SPDK_POLLER_BUSY;
}

static void *
os_thread(void *arg)
{
	struct actor *mine = arg;
	struct timespec begin, now;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	do {
		spdk_thread_poll(mine[0].thread, 0, 0);
		spdk_thread_poll(mine[1].thread, 0, 0);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (__atomic_load_n(&g_done, __ATOMIC_ACQUIRE) < ACTORS &&
	         now.tv_sec - begin.tv_sec < STUCK_S);
	return NULL;
}

static void
two_os_threads(void)
{
	pthread_t threads[2];
	uint32_t i, k, waits = 0;

	seed_begin("two threads");
	pools_up();
	memset(g_actors, 0, sizeof(g_actors));
	g_done = 0;
	for (i = 0; i < ACTORS; i++) {
		struct actor *actor = &g_actors[i];

		actor->thread = fake_thread("actor");
		actor->rand = g_seed * (i + 1) | 1;
		for (k = 0; k < HANDS; k++) {
			actor->hands[k].actor = actor;
		}
		spdk_set_thread(actor->thread);
		/* One keeps some for itself. */
		REQUIRE(spdk_iobuf_channel_init(&actor->ch, i == 0 ? "a" : "b", i == 0, i == 0) ==
		        0);
		actor->poller = SPDK_POLLER_REGISTER(actor_poll, actor, 0);
	}
	spdk_set_thread(NULL);
	for (i = 0; i < 2; i++) {
		REQUIRE(pthread_create(&threads[i], NULL, os_thread, &g_actors[(size_t)2 * i]) ==
		        0);
	}
	for (i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
	}
	/* If not, somebody waits for ever. */
	REQUIRE(g_done == ACTORS);
	CHECK_EQ(g_wrong, 0);
	for (i = 0; i < ACTORS; i++) {
		waits += g_actors[i].waits;
		fake_thread_end(g_actors[i].thread);
	}
	CHECK(waits > 100);
	pools_down();
}

static const struct test_case cases[] = {
	TEST(follows_its_model),
	TEST(two_os_threads),
};
TEST_MAIN("thread/iobuf_model", cases)
