/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* An application with a framework of its own: a thread that it polls, its subsystems, and a
 * configuration that it applies itself. */

#include "spdk/stdinc.h"

#include "core/rpc/rpc_server.h"
#include "spdk/init.h"
#include "spdk/json.h"
#include "spdk/log.h"
#include "spdk/rpc.h"
#include "spdk/thread.h"
#include "tests/unit/fake_env.h"
#include "tests/unit/test.h"

static char g_trace[512];
static struct spdk_thread *g_thread;
static struct spdk_jsonrpc_request *g_pending;
static int g_rc, g_calls;

static void
trace(const char *what)
{
	strncat(g_trace, what, sizeof(g_trace) - strlen(g_trace) - 1);
}

/* --- a subsystem, and methods of all three kinds ---------------------------------------------- */

static void
sub_init(void)
{
	trace("(init)");
	spdk_subsystem_init_next(0);
}

static void
sub_fini(void)
{
	spdk_subsystem_fini_next();
}

static struct spdk_subsystem sub = { .name = "sub", .init = sub_init, .fini = sub_fini };
SPDK_SUBSYSTEM_REGISTER(sub)

static void
say(const char *kind, struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	static const struct spdk_json_object_decoder decoders[] = {
		{ "n", 0, spdk_json_decode_uint32 },
	};
	char text[32];
	uint32_t n = 0;

	if (params != NULL && spdk_json_decode_object(params, decoders, 1, &n) != 0) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS, "n");
		return;
	}
	snprintf(text, sizeof(text), " %s%u", kind, n);
	trace(text);
	spdk_jsonrpc_send_bool_response(request, true);
}

static void
start_method(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	say("start", request, params);
}
SPDK_RPC_REGISTER("t_start", start_method, SPDK_RPC_STARTUP)

static void
run_method(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	say("run", request, params);
}
SPDK_RPC_REGISTER("t_run", run_method, SPDK_RPC_RUNTIME)

static void
both_method(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	say("both", request, params);
}
SPDK_RPC_REGISTER("t_both", both_method, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)

static void
fail_method(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	trace(" fail");
	spdk_jsonrpc_send_error_response(request, -EEXIST, "there already");
}
SPDK_RPC_REGISTER("t_fail", fail_method, SPDK_RPC_RUNTIME)

static void
later_method(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	trace(" later");
	g_pending = request;
}
SPDK_RPC_REGISTER("t_later", later_method, SPDK_RPC_RUNTIME)

/* --- one load --------------------------------------------------------------------------------- */

static void
poll_all(void)
{
	int i;

	for (i = 0; i < 100; i++) {
		spdk_thread_poll(g_thread, 0, 0);
	}
	spdk_set_thread(g_thread);
}

static void
on_loaded(int rc, void *ctx)
{
	CHECK(ctx == &g_rc);
	CHECK(spdk_get_thread() == g_thread);
	g_rc = rc;
	g_calls++;
}

static void
load_begin(const char *text, ssize_t size, bool stop_on_error)
{
	/* Exactly as long, so that whoever reads on is seen; and gone as soon as it was handed
	 * over. */
	char *copy = malloc((size_t)size);

	memcpy(copy, text, (size_t)size);
	g_trace[0] = '\0';
	g_rc = -1000;
	g_calls = 0;
	spdk_subsystem_load_config(copy, size, on_loaded, &g_rc, stop_on_error);
	memset(copy, 'x', (size_t)size);
	free(copy);
}

static int
load(const char *text, bool stop_on_error)
{
	load_begin(text, (ssize_t)strlen(text), stop_on_error);
	CHECK_EQ(g_calls, 0); /* never from inside of the call */
	poll_all();
	CHECK_EQ(g_calls, 1);
	return g_rc;
}

#define CONFIG(entries_)  "{\"subsystems\": [{\"subsystem\": \"sub\", \"config\": [" entries_ "]}]}"
#define CALL(method_, n_) "{\"method\": \"" method_ "\", \"params\": {\"n\": " #n_ "}}"

static void
on_init(int rc, void *ctx)
{
	CHECK_EQ(rc, 0);
}

static void
on_fini(void *ctx)
{
}

/* As SPDK's own programs with a framework of theirs do it. */
static void
two_passes_around_the_init(void)
{
	static const char text[] = "// comments are allowed\n" CONFIG(
		CALL("t_run", 1) ", " CALL("t_start", 2) ", " CALL(
			"t_both", 3) ", {\"method\": \"t_run\"}, /* and here */ " CALL("t_run", 4));

	spdk_rpc_set_state(SPDK_RPC_STARTUP);
	CHECK_EQ(load(text, true), 0);
	CHECK_STR(g_trace, " start2 both3");
	spdk_subsystem_init(on_init, NULL);
	CHECK_STR(g_trace, " start2 both3(init)");
	spdk_rpc_set_state(SPDK_RPC_RUNTIME);
	CHECK_EQ(load(text, true), 0);
	CHECK_STR(g_trace, " run1 run0 run4");
	spdk_subsystem_fini(on_fini, NULL);
}

static void
an_answer_may_come_later(void)
{
	static const char text[] = CONFIG("{\"method\": \"t_later\"}, " CALL("t_run", 1));

	spdk_rpc_set_state(SPDK_RPC_RUNTIME);
	load_begin(text, (ssize_t)strlen(text), true);
	poll_all();
	CHECK_STR(g_trace, " later");
	CHECK_EQ(g_calls, 0);
	REQUIRE(g_pending != NULL);
	spdk_jsonrpc_send_bool_response(g_pending, true);
	poll_all();
	CHECK_STR(g_trace, " later run1");
	CHECK_EQ(g_calls, 1);
	CHECK_EQ(g_rc, 0);
}

static void
errors_stop_it_or_do_not(void)
{
	static const char text[] =
		CONFIG(CALL("t_run", 1) ", {\"method\": \"t_fail\"}, " CALL("t_run", 2));

	spdk_rpc_set_state(SPDK_RPC_RUNTIME);
	CHECK_EQ(load(text, true), -EINVAL);
	CHECK_STR(g_trace, " run1 fail");
	CHECK_EQ(load(text, false), 0);
	CHECK_STR(g_trace, " run1 fail run2");
	/* A parameter that is refused, likewise. */
	CHECK_EQ(load(CONFIG("{\"method\": \"t_run\", \"params\": {\"n\": \"x\"}}"), true),
	         -EINVAL);
	CHECK_EQ(load(CONFIG("{\"method\": \"t_run\", \"params\": {\"m\": 1}}"), true), -EINVAL);
	CHECK_STR(g_trace, "");
}

static void
batches_have_one_state(void)
{
	static const char text[] = CONFIG("[" CALL("t_both", 1) ", " CALL("t_run", 2) "], " CALL(
		"t_both", 3) ", [" CALL("t_start", 4) ", " CALL("t_both", 5) "], []");

	spdk_rpc_set_state(SPDK_RPC_STARTUP);
	CHECK_EQ(load(text, true), 0);
	CHECK_STR(g_trace, " both3 start4 both5");
	spdk_rpc_set_state(SPDK_RPC_RUNTIME);
	CHECK_EQ(load(text, true), 0);
	CHECK_STR(g_trace, " both1 run2");
	CHECK_EQ(load(CONFIG("[" CALL("t_start", 1) ", " CALL("t_run", 2) "]"), true), -EINVAL);
}

static void
what_is_not_linked_in_is_skipped(void)
{
	spdk_rpc_set_state(SPDK_RPC_RUNTIME);
	CHECK_EQ(load("{\"subsystems\": [{\"subsystem\": \"other\", \"config\": [{\"method\": "
	              "\"other_do\"}]}, {\"subsystem\": \"sub\", \"config\": [" CALL(
			      "t_run", 1) "]}, {\"subsystem\": \"sub\", \"config\": null}]}",
	              true),
	         0);
	CHECK_STR(g_trace, " run1");
	/* In one that is, it is a mistake, and nothing is called at all. */
	CHECK_EQ(load(CONFIG(CALL("t_run", 1) ", {\"method\": \"t_no_such\"}"), false), -ENOENT);
	CHECK_STR(g_trace, "");
}

static void
what_is_no_configuration_is_refused(void)
{
	static const char *const texts[] = {
		"{",
		"x",
		"[]",
		"{\"subsystems\": {}}",
		"{\"subsystems\": [1]}",
		"{\"subsystems\": [{}]}",
		"{\"subsystems\": [{\"subsystem\": \"sub\"}]}",
		"{\"subsystems\": [{\"subsystem\": \"sub\", \"config\": {}}]}",
		"{\"subsystems\": [{\"subsystem\": \"sub\", \"config\": [], \"more\": 1}]}",
		CONFIG("1"),
		CONFIG("{}"),
		CONFIG("[[" CALL("t_run", 1) "]]"),
		CONFIG("{\"method\": 1}"),
		CONFIG("{\"method\": \"t_run\", \"params\": []}"),
		CONFIG("{\"method\": \"t_run\", \"id\": 1}"),
	};
	size_t i;

	spdk_rpc_set_state(SPDK_RPC_RUNTIME);
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (load(texts[i], false) != -EINVAL) {
			printf("\n%s: %d\n", texts[i], g_rc);
			CHECK(false);
		}
		CHECK_STR(g_trace, "");
	}
	/* Nothing to do is no mistake; nor is a terminator that was counted. */
	CHECK_EQ(load("{}", true), 0);
	CHECK_EQ(load("{\"subsystems\": []}", true), 0);
	load_begin("{}", 3, true);
	poll_all();
	CHECK_EQ(g_rc, 0);
	g_calls = 0;
	spdk_subsystem_load_config(NULL, 1, on_loaded, &g_rc, true);
	CHECK_EQ(g_rc, -EINVAL);
	CHECK_EQ(g_calls, 1);
}

/* SPDK's other RPC servers: told that there is none, and where there is one. */
static void
servers_are_those_of_the_application(void)
{
	CHECK_EQ(spdk_rpc_initialize(NULL, NULL), -EINVAL);
	CHECK_EQ(spdk_rpc_initialize("/tmp/x.sock", NULL), -ENOTSUP);
	spdk_rpc_server_pause("/tmp/x.sock");
	spdk_rpc_server_resume("/tmp/x.sock");
	spdk_rpc_server_finish("/tmp/x.sock");
	spdk_rpc_finish();
}

static int
setup(void)
{
	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	if (spdk_thread_lib_init(NULL, 0) != 0) {
		return 1;
	}
	g_thread = fake_thread("app");
	spdk_set_thread(g_thread);
	return 0;
}

static int
teardown(void)
{
	fake_thread_end(g_thread);
	spdk_thread_lib_fini();
	return 0;
}

static const struct test_case cases[] = {
	TEST(two_passes_around_the_init),
	TEST(an_answer_may_come_later),
	TEST(errors_stop_it_or_do_not),
	TEST(batches_have_one_state),
	TEST(what_is_not_linked_in_is_skipped),
	TEST(what_is_no_configuration_is_refused),
	TEST(servers_are_those_of_the_application),
};
TEST_MAIN_WITH("load_config", cases, setup, teardown)
