/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* An application written against the public headers, for tests/integration/app_api.py. Its first
 * argument says what it does; what happens to it is printed, a line each. */

#include <getopt.h>
#include <pthread.h>
#include <signal.h>

#include "spdk/env.h"
#include "spdk/event.h"
#include "spdk/init.h"
#include "spdk/log.h"
#include "spdk/rpc.h"
#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk/util.h"

static struct {
	const char *mode;
	int starts;
	void *buffer;
	struct spdk_poller *poller;
} g;

static bool
is_mode(const char *mode)
{
	return strcmp(g.mode, mode) == 0;
}

/* --- two subsystems, one of which takes its time ---------------------------------------------- */

static int
slow_over(void *ctx)
{
	spdk_poller_unregister(&g.poller);
	printf("slow is up\n");
	spdk_subsystem_init_next(is_mode("fail-late") ? -ENXIO : 0);
	return SPDK_POLLER_BUSY;
}

static void
answer_elsewhere(void *ctx)
{
	spdk_subsystem_init_next(0);
	spdk_thread_exit(spdk_get_thread());
}

static void
slow_init(void)
{
	printf("slow begins\n");
	fflush(stdout);
	if (is_mode("never")) {
		return;
	} else if (is_mode("block")) {
		for (;;) {
			sleep(1);
		}
	} else if (is_mode("twice")) {
		spdk_subsystem_init_next(0);
		spdk_subsystem_init_next(-EIO);
		return;
	} else if (is_mode("elsewhere")) {
		spdk_thread_send_msg(spdk_thread_create("other", NULL), answer_elsewhere, NULL);
		return;
	}
	g.poller = SPDK_POLLER_REGISTER(slow_over, NULL, is_mode("linger") ? 500000 : 1000);
}

/* --- a method that takes its time ------------------------------------------------------------- */

struct wait_call {
	struct spdk_jsonrpc_request *request;
	struct spdk_poller *poller;
	TAILQ_ENTRY(wait_call) link;
};
static TAILQ_HEAD(wait_call_list, wait_call) g_waits = TAILQ_HEAD_INITIALIZER(g_waits);

static int
wait_over(void *ctx)
{
	struct wait_call *call = ctx;

	TAILQ_REMOVE(&g_waits, call, link);
	spdk_poller_unregister(&call->poller);
	spdk_jsonrpc_send_bool_response(call->request, true);
	free(call);
	return SPDK_POLLER_BUSY;
}

static void
rpc_wait(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	static const struct spdk_json_object_decoder decoders[] = {
		{ "ms", 0, spdk_json_decode_uint32 },
	};
	struct wait_call *call = calloc(1, sizeof(*call));
	uint32_t ms;

	if (call == NULL || spdk_json_decode_object(params, decoders, 1, &ms) != 0) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS, "ms");
		free(call);
		return;
	}
	printf("app_wait %u\n", ms);
	fflush(stdout);
	call->request = request;
	call->poller = SPDK_POLLER_REGISTER(wait_over, call, ms * 1000ull);
	TAILQ_INSERT_TAIL(&g_waits, call, link);
}
SPDK_RPC_REGISTER("app_wait", rpc_wait, SPDK_RPC_RUNTIME)

/* --- a thread that keeps a channel of what a subsystem unregisters, until it is told to exit ---
 */

static struct spdk_io_channel *g_held;

static int
channel_created(void *io_device, void *buf)
{
	return 0;
}

static void
channel_destroyed(void *io_device, void *buf)
{
}

static int
holder_poll(void *ctx)
{
	if (spdk_thread_is_running(spdk_get_thread())) {
		return SPDK_POLLER_IDLE;
	}
	spdk_put_io_channel(g_held);
	spdk_poller_unregister(&g.poller);
	return SPDK_POLLER_BUSY;
}

static void
hold(void *ctx)
{
	g_held = spdk_get_io_channel(&g_held);
	g.poller = SPDK_POLLER_REGISTER(holder_poll, NULL, 1000);
	spdk_app_stop(0);
}

static void
held_gone(void *io_device)
{
	printf("slow ends\n");
	spdk_subsystem_fini_next();
}

static void
slow_fini(void)
{
	struct wait_call *call;

	if (is_mode("hold")) {
		spdk_io_device_unregister(&g_held, held_gone);
		return;
	}

	while ((call = TAILQ_FIRST(&g_waits)) != NULL) {
		wait_over(call);
	}
	printf("slow ends\n");
	fflush(stdout);
	if (is_mode("fini-never")) {
		return;
	}
	while (is_mode("fini-block")) {
		sleep(1);
	}
	spdk_subsystem_fini_next();
}

static void
quick_init(void)
{
	printf("quick is up on %s\n", spdk_thread_get_name(spdk_get_thread()));
	spdk_subsystem_init_next(0);
}

static void
quick_fini(void)
{
	printf("quick ends on %s\n", spdk_thread_get_name(spdk_get_thread()));
	spdk_subsystem_fini_next();
}

static struct spdk_subsystem slow = { .name = "slow", .init = slow_init, .fini = slow_fini };
static struct spdk_subsystem quick = { .name = "quick", .init = quick_init, .fini = quick_fini };
SPDK_SUBSYSTEM_REGISTER(slow)
SPDK_SUBSYSTEM_REGISTER(quick)
SPDK_SUBSYSTEM_DEPEND(slow, quick)

/* --- the application -------------------------------------------------------------------------- */

static void
shutdown_asked(void)
{
	printf("shutdown_cb on %s\n", spdk_thread_get_name(spdk_get_thread()));
	fflush(stdout);
	/* Twice: the second one changes nothing. */
	spdk_app_stop(5);
	spdk_app_stop(6);
}

static void
stop_9(void *ctx)
{
	spdk_app_stop(9);
	spdk_thread_exit(spdk_get_thread());
}

static void *
stop_11(void *ctx)
{
	spdk_app_stop(11);
	return NULL;
}

static void
on_usr1(int signo)
{
	spdk_app_start_shutdown(); /* NOLINT(bugprone-signal-handler): its contract allows it */
}

static void
start(void *ctx)
{
	pthread_t pthread;

	g.starts++;
	printf("started on %s with %s, id %d\n", spdk_thread_get_name(spdk_get_thread()),
	       (const char *)ctx, spdk_app_get_shm_id());
	printf("cores %s\n", spdk_cpuset_fmt((struct spdk_cpuset *)spdk_app_get_core_mask()));
	fflush(stdout);
	g.buffer = spdk_dma_zmalloc(4096, 4096, NULL);
	if (is_mode("stop-7")) {
		spdk_app_stop(7);
	} else if (is_mode("hold")) {
		spdk_io_device_register(&g_held, channel_created, channel_destroyed, 0, "held");
		spdk_thread_send_msg(spdk_thread_create("holder", NULL), hold, NULL);
	} else if (is_mode("exit-app")) {
		spdk_thread_exit(spdk_get_thread());
	} else if (is_mode("shut-down")) {
		spdk_app_start_shutdown();
	} else if (is_mode("stop-thread")) {
		spdk_thread_send_msg(spdk_thread_create("other", NULL), stop_9, NULL);
	} else if (is_mode("stop-pthread")) {
		pthread_create(&pthread, NULL, stop_11, NULL);
		pthread_join(pthread, NULL);
	} else if (is_mode("stop-0") || is_mode("again") || is_mode("json")) {
		spdk_app_stop(0);
	}
}

static int
run(struct spdk_app_opts *opts)
{
	int rc;

	rc = spdk_app_start(opts, start, "ctx");
	printf("returned %d after %d start(s)\n", rc, g.starts);
	if (g.buffer != NULL) {
		/* What was allocated is there until spdk_app_fini(). */
		memset(g.buffer, 1, 4096);
		spdk_dma_free(g.buffer);
		g.buffer = NULL;
	}
	if (is_mode("stop-7")) {
		spdk_app_stop(1); /* too late: nothing is there to be stopped */
	}
	spdk_app_fini();
	return rc;
}

int
main(int argc, char **argv)
{
	static char json[] =
		"{\"subsystems\": [{\"subsystem\": \"quick\", \"config\": "
		"[{\"method\": \"log_set_level\", \"params\": {\"level\": \"ERROR\"}}]}]}";
	struct spdk_app_opts opts = {};

	if (argc < 2) {
		return 2;
	}
	g.mode = argv[1];
	spdk_app_opts_init(&opts, sizeof(opts));
	opts.name = "app";
	if (spdk_app_parse_args(argc - 1, argv + 1, &opts, NULL, NULL, NULL, NULL) !=
	    SPDK_APP_PARSE_ARGS_SUCCESS) {
		return 2;
	}
	if (is_mode("json")) {
		opts.json_data = json;
		opts.json_data_size = strlen(json);
	}
	if (is_mode("callback") || is_mode("shut-down")) {
		opts.shutdown_cb = shutdown_asked;
	}
	if (is_mode("own-signals")) {
		opts.disable_signal_handlers = true;
		signal(SIGUSR1, on_usr1);
	}
	if (is_mode("stop-early")) {
		spdk_app_stop(3);
		spdk_app_start_shutdown();
		spdk_app_fini();
		g.mode = "stop-0";
	}
	run(&opts);
	if (is_mode("again")) {
		/* The configuration service attaches to an EAL whose files are gone. */
		opts.json_data = json;
		opts.json_data_size = strlen(json);
		run(&opts);
		opts.mem_size = 128;
		run(&opts);
		opts.mem_size = 64;
		opts.shm_id = getpid() + 1;
		run(&opts);
		printf("log level %d\n", spdk_log_get_level());
	}
	if (is_mode("json")) {
		printf("log level %d\n", spdk_log_get_level());
	}
	return 0;
}
