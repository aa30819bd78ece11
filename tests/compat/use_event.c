/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* An application on several reactors: events to its own core and to others arrive in order and
 * never at once, threads go where they are told, and it may be stopped from anywhere. -x says from
 * where: start    its start function event    an event on another core thread   a poller of a
 * thread on another core twice    the start function, then an event with another value threads
 * while threads of its own still run, which nobody told to exit signal   spdk_app_start_shutdown()
 * and its callback It ends with status 0 if spdk_app_start() returned what was asked for. */

#include "spdk/stdinc.h"
#include "spdk/env.h"
#include "spdk/event.h"
#include "spdk/thread.h"

#include "expect.h"

#define EVENTS 100000 /* more than SPDK's pool of events */

static const char *g_from = "start";
static uint32_t g_other;

static void
stop(int rc)
{
	printf("stops on core %u\n", spdk_env_get_current_core());
	spdk_app_stop(rc);
}

static void
stop_event(void *arg1, void *arg2)
{
	EXPECT(spdk_env_get_current_core() == g_other);
	stop((int)(intptr_t)arg1);
}

static int
stop_poller(void *arg)
{
	EXPECT(spdk_env_get_current_core() == g_other);
	spdk_poller_unregister(arg);
	stop(7);
	spdk_thread_exit(spdk_get_thread());
	return SPDK_POLLER_BUSY;
}

static void
thread_begin(void *arg)
{
	static struct spdk_poller *poller;

	EXPECT(spdk_thread_get_cpumask(spdk_get_thread()) != NULL);
	poller = SPDK_POLLER_REGISTER(stop_poller, &poller, 1000);
}

static int
nothing(void *arg)
{
	return SPDK_POLLER_IDLE;
}

static void
lazy_begin(void *arg)
{
	EXPECT(SPDK_POLLER_REGISTER(nothing, NULL, 0) != NULL);
}

static struct spdk_thread *
thread_on(uint32_t core, spdk_msg_fn fn)
{
	struct spdk_thread *thread;
	struct spdk_cpuset mask;

	spdk_cpuset_zero(&mask);
	spdk_cpuset_set_cpu(&mask, core, true);
	thread = spdk_thread_create("mine", &mask);
	EXPECT(thread != NULL && spdk_thread_send_msg(thread, fn, NULL) == 0);
	return thread;
}

static void
now_stop(void)
{
	if (strcmp(g_from, "start") == 0) {
		stop(7);
	} else if (strcmp(g_from, "twice") == 0) {
		stop(7);
		spdk_event_call(spdk_event_allocate(g_other, stop_event, (void *)9, NULL));
	} else if (strcmp(g_from, "event") == 0) {
		spdk_event_call(spdk_event_allocate(g_other, stop_event, (void *)7, NULL));
	} else if (strcmp(g_from, "thread") == 0) {
		thread_on(g_other, thread_begin);
	} else if (strcmp(g_from, "threads") == 0) {
		thread_on(g_other, lazy_begin);
		thread_on(spdk_env_get_main_core(), lazy_begin);
		stop(7);
	} else {
		spdk_app_start_shutdown();
	}
}

static void
on_shutdown(void)
{
	EXPECT(strcmp(g_from, "signal") == 0);
	stop(7);
}

/* --- events ----------------------------------------------------------------------------------- */

static uintptr_t g_next[2];

static void
in_order(void *arg1, void *arg2)
{
	uintptr_t *next = arg2;

	EXPECT((uintptr_t)arg1 == *next);
	++*next;
}

static void
own_are_done(void *arg1, void *arg2)
{
	/* This core sent it, so it comes behind those that this core sent before. */
	EXPECT(g_next[0] == EVENTS);
	now_stop();
}

static void
back_home(void *arg1, void *arg2)
{
	uint32_t here = spdk_env_get_current_core();

	EXPECT(here == spdk_env_get_main_core());
	spdk_event_call(spdk_event_allocate(here, own_are_done, NULL, NULL));
}

static void
other_is_done(void *arg1, void *arg2)
{
	EXPECT(g_next[1] == EVENTS && spdk_env_get_current_core() == g_other);
	spdk_event_call(spdk_event_allocate(spdk_env_get_main_core(), back_home, NULL, NULL));
}

static void
events_send(void)
{
	struct spdk_event *event;
	uintptr_t i;

	/* Where no reactor is. */
	EXPECT(spdk_event_allocate(1000, in_order, NULL, NULL) == NULL);
	EXPECT(spdk_event_allocate(UINT32_MAX, in_order, NULL, NULL) == NULL);
	for (i = 0; i < EVENTS; i++) {
		event = spdk_event_allocate(spdk_env_get_current_core(), in_order, (void *)i,
		                            &g_next[0]);
		EXPECT(event != NULL);
		spdk_event_call(event);
		event = spdk_event_allocate(g_other, in_order, (void *)i, &g_next[1]);
		EXPECT(event != NULL);
		spdk_event_call(event);
	}
	/* Never called while its sender runs. */
	EXPECT(g_next[0] == 0);
	spdk_event_call(spdk_event_allocate(g_other, other_is_done, NULL, NULL));
}

static void
start(void *ctx)
{
	struct spdk_cpuset mask;

	EXPECT(ctx == &g_from);
	EXPECT(spdk_thread_is_app_thread(NULL));
	EXPECT(spdk_app_get_shm_id() >= 0);
	EXPECT(spdk_cpuset_count(spdk_app_get_core_mask()) == spdk_env_get_core_count());
	EXPECT(spdk_app_parse_core_mask("0xffff", &mask) == 0);
	EXPECT(spdk_cpuset_equal(&mask, spdk_app_get_core_mask()));
	EXPECT(spdk_app_parse_core_mask("nonsense", &mask) < 0);
	spdk_framework_enable_context_switch_monitor(true);
	EXPECT(spdk_framework_context_switch_monitor_enabled());
	spdk_framework_enable_context_switch_monitor(false);
	EXPECT(!spdk_framework_context_switch_monitor_enabled());
	g_other = spdk_env_get_last_core();
	events_send();
}

static int
parse(int ch, char *arg)
{
	if (ch != 'x') {
		return -EINVAL;
	}
	g_from = arg;
	return 0;
}

static void
usage(void)
{
	printf(" -x WHERE    stop from there\n");
}

int
main(int argc, char **argv)
{
	struct spdk_app_opts opts = {};
	int rc;

	spdk_app_opts_init(&opts, sizeof(opts));
	opts.name = "use_event";
	opts.rpc_addr = NULL;
	opts.shutdown_cb = on_shutdown;
	rc = spdk_app_parse_args(argc, argv, &opts, "x:", NULL, parse, usage);
	if (rc != SPDK_APP_PARSE_ARGS_SUCCESS) {
		return rc == SPDK_APP_PARSE_ARGS_HELP ? 0 : 1;
	}
	EXPECT(spdk_app_setup_trace(&opts) == 0);
	rc = spdk_app_start(&opts, start, &g_from);
	spdk_app_fini();
	printf("returned %d\n", rc);
	return rc == 7 ? 0 : 1;
}
