/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What a message sends to its own thread may run in the same turn of a reactor: when it does, and
 * what it must wait for. */

#include "tests/unit/reactor/fake_cores.h"
#include "tests/unit/test.h"

#include "core/reactor/reactor_internal.h"
#include "core/thread/chain.h"
#include "core/thread/thread_internal.h"

static const uint32_t g_two[] = { 0, 1 };

/* What a message does before it sends the next one, and whether that one may come in the same turn.
 */
struct deed {
	const char *name;
	void (*fn)(void);
	bool ends_chain;
};

static struct {
	const struct deed *deed;
	uint64_t turn; /* in which it was done */
	uint32_t lcore;
	struct spdk_poller *poller;
	int polled;
	int destroyed;
	int dev;
	bool done;
} g;

/* The reactor's, counted by itself. */
static uint64_t
turn_now(void)
{
	return thread_this_os.slot->iterations;
}

static int
polled(void *arg)
{
	g.polled++;
	return SPDK_POLLER_IDLE;
}

static int
channel_create(void *device, void *ctx)
{
	return 0;
}

static void
channel_destroy(void *device, void *ctx)
{
	g.destroyed++;
}

/* --- deeds ------------------------------------------------------------------------------------ */

static void
nothing(void)
{
}

static void
another(void *arg)
{
}

static void
send_another(void)
{
	spdk_thread_send_msg(spdk_get_thread(), another, NULL);
}

static void
register_active(void)
{
	g.poller = SPDK_POLLER_REGISTER(polled, NULL, 0);
}

static void
register_timed(void)
{
	g.poller = SPDK_POLLER_REGISTER(polled, NULL, 1000000);
}

static void
resume_it(void)
{
	register_timed();
	spdk_poller_pause(g.poller);
	spdk_poller_resume(g.poller);
}

static void
put_channel(void)
{
	spdk_io_device_register(&g.dev, channel_create, channel_destroy, 0, "dev");
	spdk_put_io_channel(spdk_get_io_channel(&g.dev));
	spdk_io_device_unregister(&g.dev, NULL);
	CHECK_EQ(g.destroyed, 0);
}

static void
exit_it(void)
{
	spdk_thread_exit(spdk_get_thread());
}

static void
enter_interrupt_mode(void)
{
	spdk_thread_set_interrupt_mode(true);
}

static void
mask_elsewhere(void)
{
	struct spdk_cpuset mask = { .cpus = { 0 } };

	spdk_cpuset_set_cpu(&mask, 1 - g.lcore, true);
	CHECK_EQ(spdk_thread_set_cpumask(&mask), 0);
}

static void
move_elsewhere(void)
{
	CHECK_EQ(reactor_thread_move(spdk_get_thread(), 1 - g.lcore), 0);
}

static const struct deed g_deeds[] = {
	{ "nothing", nothing, false },
	{ "send another message", send_another, false },
	{ "put a channel", put_channel, false },
	{ "register an active poller", register_active, true },
	{ "register a timed poller", register_timed, true },
	{ "resume a poller", resume_it, true },
	{ "exit", exit_it, true },
	{ "enter interrupt mode", enter_interrupt_mode, true },
	{ "change the mask", mask_elsewhere, true },
	{ "move", move_elsewhere, true },
	{ "say that it was much", thread_chain_ends, true },
};

/* --- the thread that does it ------------------------------------------------------------------ */

static void
next_message(void *arg)
{
	uint32_t lcore = reactor_get_lcore(reactor_current());
	bool same = lcore == g.lcore && turn_now() == g.turn;

	if (same == g.deed->ends_chain) {
		fprintf(stderr, "%s: the next message came in %s turn\n", g.deed->name,
		        same ? "the same" : "another");
	}
	CHECK(same != g.deed->ends_chain);
	CHECK_EQ(lcore != g.lcore, g.deed->fn == mask_elsewhere || g.deed->fn == move_elsewhere);
	CHECK_EQ(g.polled, g.deed->fn == register_active);
	CHECK_EQ(g.destroyed, g.deed->fn == put_channel);
	spdk_poller_unregister(&g.poller);
	spdk_thread_exit(spdk_get_thread());
	__atomic_store_n(&g.done, true, __ATOMIC_RELEASE);
}

static void
do_it(void *arg)
{
	g.lcore = reactor_get_lcore(reactor_current());
	g.turn = turn_now();
	g.deed->fn();
	spdk_thread_send_msg(spdk_get_thread(), next_message, NULL);
}

/* The first message that an OS thread sends to a queue makes its lane, which the turn under way
 * does not look at. */
static void
make_lane(void *arg)
{
	spdk_thread_send_msg(spdk_get_thread(), do_it, NULL);
}

static void
one_after_another(void *arg)
{
	const struct deed *deed = arg;

	if (deed == NULL || __atomic_load_n(&g.done, __ATOMIC_ACQUIRE)) {
		deed = deed == NULL ? g_deeds : deed + 1;
		if (deed == g_deeds + SPDK_COUNTOF(g_deeds)) {
			spdk_thread_exit(spdk_get_thread());
			reactors_stop();
			return;
		}
		memset(&g, 0, sizeof(g));
		g.deed = deed;
		spdk_thread_send_msg(spdk_thread_create(deed->name, NULL), make_lane, NULL);
	}
	spdk_thread_send_msg(spdk_get_thread(), one_after_another, (void *)(uintptr_t)deed);
}

static void
run(spdk_msg_fn body)
{
	struct spdk_cpuset main_only = { .cpus = { 0 } };
	struct spdk_thread *app;

	fake_cores(2, g_two);
	REQUIRE(reactors_init() == 0);
	spdk_cpuset_set_cpu(&main_only, g_two[0], true);
	app = spdk_thread_create("app_thread", &main_only);
	REQUIRE(app != NULL);
	spdk_thread_send_msg(app, body, NULL);
	CHECK_EQ(reactors_start(), 0);
	reactors_fini();
}

static void
what_a_message_does_ends_its_chain(void)
{
	run(one_after_another);
	CHECK(g.done && g.deed == &g_deeds[SPDK_COUNTOF(g_deeds) - 1]);
}

/* --- how long one is -------------------------------------------------------------------------- */

#define MESSAGES 200000

static struct {
	uint64_t turn;
	uint32_t in_turn;
	uint64_t period; /* of a poller beside it */
	uint32_t longest;
	uint32_t left;
	uint32_t polled;
	uint32_t events;
	bool heard;
	struct spdk_poller *poller;
} g_long;

static int
timed(void *arg)
{
	g_long.polled++;
	return SPDK_POLLER_IDLE;
}

static void
event_again(void *arg1, void *arg2)
{
	g_long.events++;
	if (g_long.left > 0) {
		spdk_event_call(
			spdk_event_allocate(spdk_env_get_main_core(), event_again, NULL, NULL));
	}
}

static void
heard(void *arg)
{
	g_long.heard = true;
	spdk_thread_exit(spdk_get_thread());
}

static void
forever(void *arg)
{
	if (turn_now() != g_long.turn) {
		g_long.turn = turn_now();
		g_long.in_turn = 0;
	}
	g_long.in_turn++;
	g_long.longest = spdk_max(g_long.longest, g_long.in_turn);
	if (--g_long.left > 0) {
		spdk_thread_send_msg(spdk_get_thread(), forever, NULL);
		return;
	}
	/* Nobody was kept from his own. */
	CHECK(g_long.polled > 0);
	CHECK(g_long.events > 100);
	CHECK(g_long.heard);
	spdk_poller_unregister(&g_long.poller);
	spdk_thread_exit(spdk_get_thread());
	reactors_stop();
}

static void
begin_forever(void *arg)
{
	g_long.left = MESSAGES;
	g_long.poller = SPDK_POLLER_REGISTER(timed, NULL, g_long.period);
	spdk_thread_send_msg(
		spdk_thread_create("neighbour", spdk_thread_get_cpumask(spdk_get_thread())), heard,
		NULL);
	event_again(NULL, NULL);
	forever(NULL);
}

static void
a_chain_without_end_is_no_turn_without_end(void)
{
	memset(&g_long, 0, sizeof(g_long));
	g_long.period = 1;
	run(begin_forever);
	CHECK_EQ(g_long.left, 0);
	CHECK_EQ(g_long.longest, THREAD_MSG_CHAIN);
}

/* With an active poller a turn is what was sent before it. */
static void
an_active_poller_is_called_between_two(void)
{
	memset(&g_long, 0, sizeof(g_long));
	g_long.period = 0;
	run(begin_forever);
	CHECK_EQ(g_long.left, 0);
	CHECK_EQ(g_long.longest, 1);
	CHECK(g_long.polled >= MESSAGES - 1);
}

static const struct test_case cases[] = {
	TEST(what_a_message_does_ends_its_chain),
	TEST(a_chain_without_end_is_no_turn_without_end),
	TEST(an_active_poller_is_called_between_two),
};

TEST_MAIN("reactor/chain", cases)
