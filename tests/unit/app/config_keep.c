/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Whose answer waits, for what, and how long, with requests, pollers and a clock that are defined
 * here. */

#include "core/app/config_keep.c"

#include "tests/unit/test.h"

struct spdk_jsonrpc_request {
	bool changes, released;
	const char *params; /* "N" or "N D" or "N !": of cal_config_kept */
	uint64_t result;
	bool final; /* was said */
	bool answered, refused;
};

static uint64_t g_ticks;
static spdk_poller_fn g_look, g_watch;
static uint64_t g_events, g_events_seen;
static char g_error[256];
static unsigned g_finals;

uint64_t
spdk_get_ticks(void)
{
	return g_ticks;
}

uint64_t
spdk_get_ticks_hz(void)
{
	return 1000000;
}

struct spdk_thread *
spdk_get_thread(void)
{
	return NULL;
}

static bool g_defer;
static spdk_msg_fn g_deferred;

/* At once is late enough for most. */
int
spdk_thread_send_msg(const struct spdk_thread *thread, spdk_msg_fn fn, void *ctx)
{
	if (g_defer) {
		CHECK(g_deferred == NULL);
		g_deferred = fn;
	} else {
		fn(ctx);
	}
	return 0;
}

struct spdk_poller *
spdk_poller_register_named(spdk_poller_fn fn, void *arg, uint64_t period, const char *name)
{
	spdk_poller_fn *slot = period == LOOK_EVERY_US ? &g_look : &g_watch;

	CHECK(*slot == NULL);
	*slot = fn;
	return (struct spdk_poller *)slot;
}

void
spdk_poller_unregister(struct spdk_poller **poller)
{
	if (*poller != NULL) {
		*(spdk_poller_fn *)*poller = NULL;
		*poller = NULL;
	}
}

uint64_t
spdk_notify_foreach_event(uint64_t start, uint64_t max, spdk_notify_foreach_event_cb fn, void *ctx)
{
	uint64_t i;

	for (i = start; i < g_events; i++) {
		fn(i, NULL, ctx);
	}
	g_events_seen = g_events;
	return start < g_events ? g_events - start : 0;
}

void
app_state_error(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(g_error, sizeof(g_error), fmt, args);
	va_end(args);
}

bool
rpc_request_may_change(const struct spdk_jsonrpc_request *request)
{
	return request->changes;
}

const char *
rpc_request_method(const struct spdk_jsonrpc_request *request)
{
	return "method";
}

void
rpc_request_release(struct spdk_jsonrpc_request *request)
{
	CHECK(!request->released);
	request->released = true;
}

void
spdk_rpc_register_method(const char *method, spdk_rpc_method_handler func, uint32_t state_mask)
{
}

/* Params are a string here. */
int
spdk_json_decode_object(const struct spdk_json_val *values,
                        const struct spdk_json_object_decoder *decoders, size_t num_decoders,
                        void *out)
{
	const char *text = (const char *)values;
	struct kept_params *p = out;
	char *end;

	if (num_decoders == 1) {
		*(uint64_t *)out = strtoull(text, NULL, 10);
		return 0;
	}
	p->changes = strtoull(text, &end, 10);
	if (*end == ' ') {
		*(end[1] == '!' ? &p->error : &p->digest) = strdup(end + 1);
	}
	return 0;
}

/* Named by the decoders' table, which no-one here reads. */
int
spdk_json_decode_uint64(const struct spdk_json_val *val, void *out)
{
	return -ENOTSUP;
}

int
spdk_json_decode_string(const struct spdk_json_val *val, void *out)
{
	return -ENOTSUP;
}

static struct spdk_jsonrpc_request *g_answering;

struct spdk_json_write_ctx *
spdk_jsonrpc_begin_result(struct spdk_jsonrpc_request *request)
{
	g_answering = request;
	return NULL;
}

void
spdk_jsonrpc_end_result(struct spdk_jsonrpc_request *request, struct spdk_json_write_ctx *w)
{
	CHECK(!request->answered);
	request->answered = true;
	g_answering = NULL;
}

int
spdk_json_write_object_begin(struct spdk_json_write_ctx *w)
{
	return 0;
}

int
spdk_json_write_object_end(struct spdk_json_write_ctx *w)
{
	return 0;
}

int
spdk_json_write_named_string(struct spdk_json_write_ctx *w, const char *name, const char *val)
{
	return 0;
}

int
spdk_json_write_named_uint64(struct spdk_json_write_ctx *w, const char *name, uint64_t val)
{
	g_answering->result = val;
	return 0;
}

int
spdk_json_write_named_bool(struct spdk_json_write_ctx *w, const char *name, bool val)
{
	g_answering->final = val;
	return 0;
}

void
spdk_jsonrpc_send_bool_response(struct spdk_jsonrpc_request *request, bool value)
{
	request->answered = true;
}

void
spdk_jsonrpc_send_error_response(struct spdk_jsonrpc_request *request, int code, const char *msg)
{
	request->refused = true;
}

static void
final_came(void *ctx)
{
	g_finals++;
}

/* --- asking ----------------------------------------------------------------------------------- */

static void
begin(bool loaded)
{
	g_ticks = 1000;
	g_events = g_finals = 0;
	g_error[0] = '\0';
	config_keep_begin(true);
	if (loaded) {
		config_keep_loaded();
	}
}

static void
end(void)
{
	config_keep_stop();
	CHECK(g_look == NULL && g_watch == NULL);
}

static bool
change(struct spdk_jsonrpc_request *request)
{
	*request = (struct spdk_jsonrpc_request){ .changes = true };
	return config_keep_answer(request, true);
}

static void
listen_from(struct spdk_jsonrpc_request *request, const char *kept)
{
	*request = (struct spdk_jsonrpc_request){ 0 };
	rpc_config_changes(request, (const struct spdk_json_val *)kept);
}

static bool
kept(const char *params)
{
	struct spdk_jsonrpc_request request = { 0 };

	rpc_config_kept(&request, (const struct spdk_json_val *)params);
	CHECK(request.answered != request.refused);
	return request.answered;
}

/* --- cases ------------------------------------------------------------------------------------ */

static void
answers_wait_for_their_count(void)
{
	struct spdk_jsonrpc_request a, b, c, look_only = { 0 }, failed = { .changes = true },
					     service;

	begin(true);
	CHECK(!config_keep_answer(&look_only, true));
	CHECK(!config_keep_answer(&failed, false));
	listen_from(&service, "0");
	CHECK(!service.answered);
	CHECK(change(&a));
	CHECK(service.answered && service.result == 1);
	CHECK(change(&b));
	listen_from(&service, "1");
	CHECK(service.answered && service.result == 2);
	CHECK(kept("1 D"));
	CHECK(a.released && !b.released);
	CHECK(change(&c));
	CHECK(kept("3 D"));
	CHECK(b.released && c.released);
	CHECK(!kept("4 D")); /* there is none */
	CHECK(!kept("3"));
	g_look(NULL);
	CHECK(g_look == NULL);
	end();
}

static void
nobody_waits_for_long(void)
{
	struct spdk_jsonrpc_request a, b, c, d;

	begin(true);
	CHECK(change(&a));
	g_ticks += PATIENCE_US / 2;
	CHECK(change(&b));
	g_look(NULL);
	CHECK(!a.released);
	g_ticks += PATIENCE_US / 2 + 1;
	g_look(NULL);
	CHECK(a.released && b.released);
	CHECK(strstr(g_error, "not kept") != NULL);
	/* From now on not even that, until it works again. */
	CHECK(!change(&c));
	CHECK(kept("3 D"));
	CHECK_STR(g_error, "");
	CHECK(change(&d));
	/* A write that failed: it is said, the answer goes out. */
	CHECK(kept("4 !disk full"));
	CHECK(d.released);
	CHECK(strstr(g_error, "disk full") != NULL);
	CHECK(!change(&a));
	CHECK(kept("5 D"));
	CHECK_STR(g_error, "");
	end();
}

static void
before_the_load_nothing_waits(void)
{
	struct spdk_jsonrpc_request a, service;

	begin(false);
	CHECK(!change(&a));
	listen_from(&service, "0");
	CHECK(service.refused);
	config_keep_loaded();
	listen_from(&service, "0");
	CHECK(service.answered && service.result == 1);
	end();
}

static void
changes_without_a_method(void)
{
	struct spdk_jsonrpc_request service;

	begin(false);
	g_events = 7; /* of the load itself */
	config_keep_loaded();
	listen_from(&service, "0");
	g_watch(NULL);
	CHECK(!service.answered);
	g_events = 9;
	g_watch(NULL);
	CHECK(service.answered && service.result == 1);
	listen_from(&service, "1");
	g_watch(NULL);
	CHECK(!service.answered);
	end();
	CHECK(service.answered); /* its request is not kept for ever */
}

static void
the_last_snapshot(void)
{
	struct spdk_jsonrpc_request a, service;

	begin(true);
	CHECK(change(&a));
	listen_from(&service, "1");
	config_keep_final(final_came, NULL);
	CHECK(service.answered && service.result == 2 && service.final && g_finals == 0);
	CHECK(kept("1 D"));
	CHECK(a.released && g_finals == 0);
	CHECK(kept("2 D"));
	CHECK_EQ(g_finals, 1);
	CHECK(!change(&a));
	config_keep_final(final_came, NULL);
	CHECK_EQ(g_finals, 2); /* at once */
	end();

	/* Nobody takes it: the stop goes on after a second. */
	begin(true);
	config_keep_final(final_came, NULL);
	g_look(NULL);
	CHECK_EQ(g_finals, 0);
	g_ticks += PATIENCE_US + 1;
	g_look(NULL);
	CHECK_EQ(g_finals, 1);
	end();

	/* Before the load there is nothing to keep. */
	begin(false);
	config_keep_final(final_came, NULL);
	CHECK_EQ(g_finals, 1);
	end();
}

/* The stop closes the links next: no answer is left behind. */
static void
answers_go_out_before_the_stop_goes_on(void)
{
	struct spdk_jsonrpc_request many[3 * MAX_RELEASE];
	unsigned i, turns = 0;
	spdk_msg_fn fn;

	begin(true);
	for (i = 0; i < SPDK_COUNTOF(many); i++) {
		CHECK(change(&many[i]));
	}
	config_keep_final(final_came, NULL);
	g_defer = true;
	g_ticks += PATIENCE_US + 1;
	g_look(NULL);
	while (g_deferred != NULL) {
		CHECK(!many[SPDK_COUNTOF(many) - 1].released);
		CHECK_EQ(g_finals, 0);
		fn = g_deferred;
		g_deferred = NULL;
		fn(NULL);
		turns++;
	}
	g_defer = false;
	CHECK(turns >= 2);
	CHECK(many[SPDK_COUNTOF(many) - 1].released);
	CHECK_EQ(g_finals, 1);
	end();
	CHECK_EQ(g_finals, 1);
}

static void
many_go_out_together(void)
{
	struct spdk_jsonrpc_request many[100];
	unsigned i;

	begin(true);
	for (i = 0; i < 100; i++) {
		CHECK(change(&many[i]));
	}
	CHECK(kept("99 D"));
	for (i = 0; i < 100; i++) {
		CHECK(many[i].released == (i < 99));
	}
	config_keep_stop();
	CHECK(many[99].released);
}

static int
setup(void)
{
	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	spdk_log_set_level(SPDK_LOG_DISABLED);
	return 0;
}

static const struct test_case cases[] = {
	TEST(answers_wait_for_their_count),
	TEST(nobody_waits_for_long),
	TEST(before_the_load_nothing_waits),
	TEST(changes_without_a_method),
	TEST(the_last_snapshot),
	TEST(answers_go_out_before_the_stop_goes_on),
	TEST(many_go_out_together),
};
TEST_MAIN_WITH("app/config_keep", cases, setup, NULL)
