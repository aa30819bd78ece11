/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The server from link to handler and back, on links, a thread and a clock that are defined here.
 */

#include "spdk/stdinc.h"
#include "spdk/env.h"
#include "spdk/thread.h"
#include "spdk/util.h"

#include "core/rpc/rpc_internal.h"
#include "ipc/gate/gate.h"
#include "ipc/link/link.h"
#include "tests/unit/chain.h"
#include "tests/unit/test.h"

/* --- a thread and a clock --------------------------------------------------------------------- */

static uint64_t g_ticks;
static spdk_poller_fn g_poller;
static struct {
	spdk_msg_fn fn;
	void *ctx;
} g_msgs[64];
static unsigned g_num_msgs;

uint64_t
spdk_get_ticks(void)
{
	return g_ticks;
}

uint64_t
spdk_get_ticks_hz(void)
{
	return 1000000; /* a tick is a microsecond */
}

/* What executes is another thread than the one that serves. */
static bool g_elsewhere;

struct spdk_thread *
spdk_get_thread(void)
{
	return g_elsewhere ? NULL : (struct spdk_thread *)&g_msgs;
}

struct spdk_thread *
spdk_thread_get_app_thread(void)
{
	return (struct spdk_thread *)&g_msgs;
}

int
spdk_thread_send_msg(const struct spdk_thread *thread, spdk_msg_fn fn, void *ctx)
{
	REQUIRE(g_num_msgs < SPDK_COUNTOF(g_msgs));
	g_msgs[g_num_msgs].fn = fn;
	g_msgs[g_num_msgs++].ctx = ctx;
	return 0;
}

struct spdk_poller *
spdk_poller_register_named(spdk_poller_fn fn, void *arg, uint64_t period, const char *name)
{
	g_poller = fn;
	return (struct spdk_poller *)&g_poller;
}

void
spdk_poller_unregister(struct spdk_poller **poller)
{
	g_poller = NULL;
	*poller = NULL;
}

static bool g_rests;

void
spdk_poller_pause(struct spdk_poller *poller)
{
	CHECK(poller == (struct spdk_poller *)&g_poller);
	g_rests = true;
}

void
spdk_poller_resume(struct spdk_poller *poller)
{
	CHECK(poller == (struct spdk_poller *)&g_poller);
	g_rests = false;
}

/* It polls here; asleep it is in interrupt.c. */
void
spdk_poller_register_interrupt(struct spdk_poller *poller, spdk_poller_set_interrupt_mode_cb cb_fn,
                               void *cb_arg)
{
}

struct spdk_interrupt *
spdk_interrupt_register_for_events(int efd, uint32_t events, spdk_interrupt_fn fn, void *arg,
                                   const char *name)
{
	abort();
}

void
spdk_interrupt_unregister(struct spdk_interrupt **intr)
{
	abort();
}

static void
run_messages(void)
{
	unsigned i;

	for (i = 0; i < g_num_msgs; i++) {
		g_msgs[i].fn(g_msgs[i].ctx);
	}
	g_num_msgs = 0;
}

/* --- links ------------------------------------------------------------------------------------ */

struct message {
	void *data;
	size_t len;
};

struct link {
	const char *name;
	enum gate_role role;
	struct message in[2048], out[2048];
	unsigned num_in, next_in, num_out;
	int recv_rc; /* what link_recv() answers when `in` is empty */
	int send_rc;
	unsigned backlog;
	unsigned kills, dones;
	char reason[128];
	unsigned unkillable; /* so many times nobody can be told to end it */
};

int
link_recv(struct link *link, const void **msg, size_t *len)
{
	if (link->next_in == link->num_in) {
		return link->recv_rc;
	}
	*msg = link->in[link->next_in].data;
	*len = link->in[link->next_in++].len;
	return 1;
}

int
link_send(struct link *link, struct codec_chain *response)
{
	struct message *m = &link->out[link->num_out];

	if (link->send_rc != 0) {
		codec_chain_free(response);
		return link->send_rc;
	}
	REQUIRE(link->num_out < SPDK_COUNTOF(link->out));
	m->data = chain_flatten(response, &m->len);
	link->num_out++;
	return 0;
}

unsigned
link_flush(struct link *link, size_t max_bytes)
{
	unsigned n = spdk_min(link->backlog, (unsigned)(max_bytes / CODEC_CHUNK_SIZE));

	link->backlog -= n;
	return n;
}

size_t
link_backlog(const struct link *link)
{
	return link->backlog * (size_t)CODEC_CHUNK_SIZE;
}

bool
link_has_backlog(const struct link *link)
{
	return link->backlog > 0;
}

int
link_arm(struct link *link, bool wanted)
{
	abort();
}

int
link_bell(const struct link *link)
{
	abort();
}

enum gate_role
link_role(const struct link *link)
{
	return link->role;
}

const char *
link_peer_name(const struct link *link)
{
	return link->name;
}

pid_t
link_peer_pid(const struct link *link)
{
	return 4242;
}

void
gate_link_done(struct link *link)
{
	link->dones++;
}

int
gate_link_kill(struct link *link, const char *reason)
{
	if (link->unkillable > 0) {
		link->unkillable--;
		return -ENOMEM;
	}
	link->kills++;
	snprintf(link->reason, sizeof(link->reason), "%s", reason);
	return 0;
}

static void
link_empty(struct link *link)
{
	unsigned i;

	for (i = 0; i < link->num_in; i++) {
		free(link->in[i].data);
	}
	for (i = 0; i < link->num_out; i++) {
		free(link->out[i].data);
	}
	link->num_in = link->next_in = link->num_out = 0;
}

/* --- sample methods --------------------------------------------------------------------------- */

static struct spdk_jsonrpc_request *g_held[2000];
static unsigned g_num_held, g_calls;

static void
ping(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct spdk_json_write_ctx *w;

	g_calls++;
	if (params != NULL) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		                                 "ping requires no parameters");
		return;
	}
	w = spdk_jsonrpc_begin_result(request);
	spdk_json_write_string(w, "pong");
	spdk_jsonrpc_end_result(request, w);
}
SPDK_RPC_REGISTER("ping", ping, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)
SPDK_RPC_REGISTER_ALIAS_DEPRECATED(ping, old_ping)
RPC_OPEN_TO_MONITOR(ping)

static void
runtime_only(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	spdk_jsonrpc_send_bool_response(request, true);
}
SPDK_RPC_REGISTER("runtime_only", runtime_only, SPDK_RPC_RUNTIME)

static void
startup_only(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	spdk_jsonrpc_send_bool_response(request, true);
}
SPDK_RPC_REGISTER("startup_only", startup_only, SPDK_RPC_STARTUP)

static void
framework_wait_init(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	spdk_jsonrpc_send_bool_response(request, true);
}

static void
hold(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	REQUIRE(g_num_held < SPDK_COUNTOF(g_held));
	g_held[g_num_held++] = request;
}
SPDK_RPC_REGISTER("hold", hold, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)

static void
slow(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	g_ticks += 2;
	spdk_jsonrpc_send_bool_response(request, true);
}
SPDK_RPC_REGISTER("slow", slow, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)

static void
echo(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);

	if (params == NULL) {
		spdk_json_write_null(w);
	} else {
		spdk_json_write_val(w, params);
	}
	spdk_jsonrpc_end_result(request, w);
}
SPDK_RPC_REGISTER("echo", echo, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)

struct create {
	char *name;
	uint64_t num_blocks;
	uint32_t block_size;
	int32_t numa;
	bool flag;
};
static const struct spdk_json_object_decoder create_decoders[] = {
	{ "name", offsetof(struct create, name), spdk_json_decode_string, true },
	{ "num_blocks", offsetof(struct create, num_blocks), spdk_json_decode_uint64 },
	{ "block_size", offsetof(struct create, block_size), spdk_json_decode_uint32 },
	{ "numa", offsetof(struct create, numa), spdk_json_decode_int32, true },
	{ "flag", offsetof(struct create, flag), spdk_json_decode_bool, true },
};

static void
create(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct create req = { 0 };

	if (spdk_json_decode_object(params, create_decoders, SPDK_COUNTOF(create_decoders), &req)) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
		                                 "spdk_json_decode_object failed");
	} else if (req.num_blocks == 0) {
		spdk_jsonrpc_send_error_response_fmt(request, -EINVAL, "%s", strerror(EINVAL));
	} else {
		spdk_jsonrpc_send_bool_response(request, req.flag);
	}
	spdk_json_free_object(create_decoders, SPDK_COUNTOF(create_decoders), &req);
}
SPDK_RPC_REGISTER("create", create, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)

static void
unfinished(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);

	spdk_json_write_object_begin(w);
	spdk_jsonrpc_end_result(request, w);
}
SPDK_RPC_REGISTER("unfinished", unfinished, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)

static void
huge(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);
	static char text[1024 * 1024];
	unsigned i;

	memset(text, 'x', sizeof(text));
	spdk_json_write_array_begin(w);
	for (i = 0; i < 33; i++) {
		spdk_json_write_string_raw(w, text, sizeof(text));
	}
	spdk_json_write_array_end(w);
	spdk_jsonrpc_end_result(request, w);
}
SPDK_RPC_REGISTER("huge", huge, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)

static void
changed_its_mind(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);

	spdk_json_write_array_begin(w);
	spdk_jsonrpc_send_error_response(request, -ENODEV, strerror(ENODEV));
}
SPDK_RPC_REGISTER("changed_its_mind", changed_its_mind, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)

static void nothing(void *ctx);

static void
stop(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	spdk_jsonrpc_send_bool_response(request, true);
	rpc_server_stop(nothing, NULL);
}
SPDK_RPC_REGISTER("stop", stop, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)

/* --- asking and looking ----------------------------------------------------------------------- */

static struct link g_link, g_other;
static unsigned g_stopped, g_closed;

static void
nothing(void *ctx)
{
	g_stopped++;
}

static void
on_close(struct spdk_jsonrpc_server_conn *conn, void *arg)
{
	(*(unsigned *)arg)++;
}

static void
begin_link(struct link *link, const char *name, enum gate_role role)
{
	memset(link, 0, sizeof(*link));
	link->name = name;
	link->role = role;
	rpc_server_link_up(NULL, link);
	run_messages();
}

static void
begin(void)
{
	g_stopped = g_num_held = g_calls = 0;
	spdk_rpc_set_state(SPDK_RPC_RUNTIME);
	REQUIRE(rpc_server_start() == 0);
	begin_link(&g_link, "calctl", GATE_ROLE_ADMIN);
	memset(&g_other, 0, sizeof(g_other));
}

static void
end(void)
{
	rpc_server_stop(nothing, NULL);
	run_messages();
	CHECK_EQ(g_stopped, 1);
	CHECK_EQ(g_link.dones, 1);
	link_empty(&g_link);
	link_empty(&g_other);
}

static void
send_bytes(struct link *link, const void *bytes, size_t len)
{
	struct message *m = &link->in[link->num_in++];

	REQUIRE(link->num_in <= SPDK_COUNTOF(link->in));
	m->data = malloc(len == 0 ? 1 : len);
	m->len = len;
	memcpy(m->data, bytes, len);
}

static void
ask(struct link *link, uint32_t id, const char *method, const struct codec_buf *params)
{
	struct codec_buf buf;

	codec_buf_init(&buf);
	codec_put_request(&buf, id, method, params != NULL ? params->data : NULL,
	                  params != NULL ? params->len : 0);
	send_bytes(link, buf.data, buf.len);
	codec_buf_free(&buf);
}

/* The n-th answer of a link, taken apart. */
static struct codec_envelope
answer(struct link *link, unsigned n)
{
	struct codec_envelope env;

	REQUIRE(n < link->num_out);
	REQUIRE(codec_parse(link->out[n].data, link->out[n].len, &env) == 0);
	CHECK_EQ(env.type, CODEC_RESPONSE);
	return env;
}

static void
check_error(struct link *link, unsigned n, uint32_t id, int code, const char *message)
{
	struct codec_envelope env = answer(link, n);
	struct codec_span text;
	int got = 0;

	CHECK_EQ(env.id, id);
	REQUIRE(env.error.len > 0);
	REQUIRE(codec_parse_error(env.error.data, env.error.len, &got, &text) == 0);
	CHECK_EQ(got, code);
	if (text.len != strlen(message) || memcmp(text.data, message, text.len) != 0) {
		printf("\n  %.*s\n", (int)text.len, (const char *)text.data);
		CU_FAIL("another message");
	}
}

static void
check_bool(struct link *link, unsigned n, uint32_t id, bool value)
{
	struct codec_envelope env = answer(link, n);

	CHECK_EQ(env.id, id);
	CHECK_EQ(env.error.len, 0);
	CHECK_EQ(env.result.data[0], value ? 0xc3 : 0xc2);
}

/* Send one request without params and expect one error. */
static void
expect_error(struct link *link, const char *method, int code, const char *message)
{
	unsigned n = link->num_out;

	ask(link, 1000 + n, method, NULL);
	g_poller(NULL);
	REQUIRE(link->num_out == n + 1);
	check_error(link, n, 1000 + n, code, message);
}

static void
expect_true(struct link *link, const char *method)
{
	unsigned n = link->num_out;

	ask(link, 1000 + n, method, NULL);
	g_poller(NULL);
	REQUIRE(link->num_out == n + 1);
	check_bool(link, n, 1000 + n, true);
}

static const char *const too_early = "Method may only be called after framework is initialized "
				     "using framework_start_init RPC.";
static const char *const too_late = "Method may only be called before framework is initialized. "
				    "Use --wait-for-rpc command line parameter and then issue this "
				    "RPC before the framework_start_init RPC.";

/* --- cases ------------------------------------------------------------------------------------ */

static void
call_and_result(void)
{
	struct codec_envelope env;
	struct codec_buf params;

	begin();
	CHECK_EQ(g_poller(NULL), SPDK_POLLER_IDLE);
	ask(&g_link, 7, "ping", NULL);
	CHECK_EQ(g_poller(NULL), SPDK_POLLER_BUSY);
	env = answer(&g_link, 0);
	CHECK_EQ(env.id, 7);
	CHECK_EQ(env.error.len, 0);
	CHECK(env.result.len == 5 && memcmp(env.result.data, "\xa4pong", 5) == 0);

	codec_buf_init(&params);
	codec_put_map(&params, 2);
	codec_put_cstr(&params, "num_blocks");
	codec_put_uint(&params, 5);
	codec_put_cstr(&params, "block_size");
	codec_put_double(&params, 512.0);
	ask(&g_link, 8, "create", &params);
	ask(&g_link, 9, "ping", &params);
	g_poller(NULL);
	check_bool(&g_link, 1, 8, false);
	check_error(&g_link, 2, 9, -32602, "ping requires no parameters");
	codec_buf_free(&params);
	end();
}

static void
errors(void)
{
	struct codec_buf params;

	begin();
	expect_error(&g_link, "nonsense", -32601, "Method not found");
	expect_error(&g_link, "", -32601, "Method not found");
	expect_error(&g_link, "pin", -32601, "Method not found");
	expect_error(&g_link, "pingg", -32601, "Method not found");
	expect_error(&g_link, "create", -32603, "create: \"num_blocks\": required, but missing");
	expect_error(&g_link, "unfinished", -32603, "The result could not be written");
	expect_error(&g_link, "huge", -32603, "The result is larger than 32 MiB");
	expect_error(&g_link, "changed_its_mind", -ENODEV, "No such device");

	codec_buf_init(&params);
	codec_put_map(&params, 1);
	codec_put_cstr(&params, "num_blocks");
	codec_put_cstr(&params, "many");
	ask(&g_link, 20, "create", &params);
	codec_buf_free(&params);
	codec_put_cstr(&params, "text");
	ask(&g_link, 21, "ping", &params);
	codec_buf_free(&params);
	codec_put_array(&params, 0);
	ask(&g_link, 22, "create", &params);
	codec_buf_free(&params);
	codec_put_map(&params, 1);
	codec_put_nil(&params);
	codec_put_nil(&params);
	ask(&g_link, 23, "ping", &params);
	codec_buf_free(&params);
	codec_put_map(&params, 2);
	codec_put_cstr(&params, "num_blocks");
	codec_put_uint(&params, 0);
	codec_put_cstr(&params, "block_size");
	codec_put_uint(&params, 0);
	ask(&g_link, 24, "create", &params);
	codec_buf_free(&params);
	g_poller(NULL);
	check_error(&g_link, 8, 20, -32603,
	            "create: \"num_blocks\": expected unsigned integer, got string");
	check_error(&g_link, 9, 21, -32600, "Invalid request: params are an object, or nothing");
	check_error(&g_link, 10, 22, -32603,
	            "create: expected object with named parameters, got array");
	check_error(&g_link, 11, 23, -32600, "a name in params is no string");
	check_error(&g_link, 12, 24, -EINVAL, "Invalid argument");
	CHECK_EQ(g_link.kills, 0);
	end();
}

static void
too_many_values(void)
{
	struct codec_buf params;
	unsigned i, n;

	begin();
	for (n = RPC_MAX_VALUES - 2; n <= RPC_MAX_VALUES - 1; n++) {
		codec_buf_init(&params);
		codec_put_array(&params, n);
		for (i = 0; i < n; i++) {
			codec_put_nil(&params);
		}
		ask(&g_link, n, "echo", &params);
		codec_buf_free(&params);
	}
	g_poller(NULL);
	CHECK_EQ(answer(&g_link, 0).error.len, 0);
	check_error(&g_link, 1, RPC_MAX_VALUES - 1, -32600, "params contain too many values");
	end();
}

static void
states(void)
{
	uint32_t mask = 0;

	begin();
	spdk_rpc_set_state(SPDK_RPC_STARTUP);
	expect_true(&g_link, "startup_only");
	expect_error(&g_link, "runtime_only", -1, too_early);
	spdk_rpc_set_state(SPDK_RPC_RUNTIME);
	expect_true(&g_link, "runtime_only");
	expect_error(&g_link, "startup_only", -1, too_late);
	CHECK_EQ(spdk_rpc_get_state(), SPDK_RPC_RUNTIME);
	CHECK_EQ(spdk_rpc_is_method_allowed("runtime_only", SPDK_RPC_STARTUP), -EPERM);
	CHECK_EQ(spdk_rpc_is_method_allowed("runtime_only", SPDK_RPC_RUNTIME), 0);
	CHECK_EQ(spdk_rpc_is_method_allowed("ping", SPDK_RPC_STARTUP), 0);
	CHECK_EQ(spdk_rpc_is_method_allowed("nonsense", SPDK_RPC_RUNTIME), -ENOENT);
	CHECK_EQ(spdk_rpc_get_method_state_mask("ping", &mask), 0);
	CHECK_EQ(mask, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME);
	CHECK_EQ(spdk_rpc_get_method_state_mask("nonsense", &mask), -ENOENT);
	end();
}

static unsigned g_deprecated;

static void
count_deprecated(int level, const char *file, const int line, const char *func, const char *format,
                 va_list args)
{
	g_deprecated += level == SPDK_LOG_WARN && strstr(format, "is deprecated") != NULL;
}

static void
aliases(void)
{
	begin();
	g_deprecated = 0;
	spdk_log_set_level(SPDK_LOG_NOTICE);
	spdk_log_open(count_deprecated);
	ask(&g_link, 1, "old_ping", NULL);
	ask(&g_link, 2, "old_ping", NULL);
	g_poller(NULL);
	CHECK_EQ(g_calls, 2);
	CHECK_EQ(answer(&g_link, 1).error.len, 0);
	spdk_log_close();
	spdk_log_set_level(SPDK_LOG_DISABLED);
	CHECK_EQ(g_deprecated, 1); /* in the life of the process */
	end();
}

/* A monitor may call what is open to it, and cal-mond is one though it is a service; other services
 * may call everything. Fails without the check of m->roles in rpc_method_refused(), and without
 * mond's role in rpc_server_link_up(). */
static void
roles(void)
{
	begin();
	begin_link(&g_other, "mond", GATE_ROLE_SERVICE);
	expect_error(&g_other, "runtime_only", -1,
	             "Method changes something, and a monitor may only look: call it as root or as "
	             "the primary's user.");
	end();
	begin();
	begin_link(&g_other, "rpcd", GATE_ROLE_SERVICE);
	expect_true(&g_other, "runtime_only");
	end();
	begin();
	begin_link(&g_other, "top", GATE_ROLE_MONITOR);
	ask(&g_other, 1, "ping", NULL);
	g_poller(NULL);
	CHECK_EQ(answer(&g_other, 0).error.len, 0);
	ask(&g_other, 2, "old_ping", NULL);
	g_poller(NULL);
	CHECK_EQ(answer(&g_other, 1).error.len, 0);
	expect_error(&g_other, "runtime_only", -1,
	             "Method changes something, and a monitor may only look: call it as root or as "
	             "the primary's user.");
	expect_error(&g_other, "nonsense", -32601, "Method not found");
	expect_true(&g_link, "runtime_only");
	end();
}

static void
allowlist(void)
{
	const char *list[] = { "ping", NULL };

	begin();
	begin_link(&g_other, "confd", GATE_ROLE_SERVICE);
	spdk_rpc_set_allowlist(list);
	list[0] = "changed";
	expect_error(&g_link, "runtime_only", -32601, "Method not found");
	expect_error(&g_link, "framework_wait_init", -32601, "Method not found");
	expect_error(&g_other, "runtime_only", -32601, "Method not found");
	expect_true(&g_other, "framework_wait_init");
	ask(&g_link, 1, "old_ping", NULL);
	ask(&g_link, 1, "ping", NULL);
	g_poller(NULL);
	CHECK_EQ(g_calls, 2);
	CHECK_EQ(spdk_rpc_is_method_allowed("runtime_only", SPDK_RPC_RUNTIME), -EPERM);
	spdk_rpc_set_allowlist(NULL);
	expect_true(&g_link, "runtime_only");
	end();
}

static void
notifications(void)
{
	struct codec_buf buf;
	unsigned i;

	begin();
	for (i = 0; i < 3; i++) {
		codec_buf_init(&buf);
		codec_put_array(&buf, 3);
		codec_put_uint(&buf, CODEC_NOTIFICATION);
		codec_put_cstr(&buf, i == 0 ? "ping" : i == 1 ? "nonsense" : "create");
		if (i == 2) {
			codec_put_uint(&buf, 1);
		} else {
			codec_put_nil(&buf);
		}
		send_bytes(&g_link, buf.data, buf.len);
		codec_buf_free(&buf);
	}
	g_poller(NULL);
	CHECK_EQ(g_calls, 1);
	CHECK_EQ(g_link.num_out, 0);
	CHECK_EQ(g_link.kills, 0);
	end();
}

static void
answered_later(void)
{
	begin();
	ask(&g_link, 1, "hold", NULL);
	ask(&g_link, 2, "hold", NULL);
	g_poller(NULL);
	CHECK_EQ(g_link.num_out, 0);
	REQUIRE(g_num_held == 2);
	spdk_jsonrpc_send_bool_response(g_held[1], true);
	spdk_jsonrpc_send_error_response(g_held[0], -ETIMEDOUT, "too late");
	check_bool(&g_link, 0, 2, true);
	check_error(&g_link, 1, 1, -ETIMEDOUT, "too late");
	end();
}

/* Links are the app thread's: an answer from elsewhere goes there first. */
static void
answered_elsewhere(void)
{
	begin();
	ask(&g_link, 1, "hold", NULL);
	ask(&g_link, 2, "hold", NULL);
	ask(&g_link, 3, "hold", NULL);
	g_poller(NULL);
	REQUIRE(g_num_held == 3);
	g_elsewhere = true;
	spdk_jsonrpc_send_bool_response(g_held[1], true);
	spdk_jsonrpc_send_error_response(g_held[0], -ETIMEDOUT, "too late");
	g_elsewhere = false;
	CHECK_EQ(g_link.num_out, 0);
	run_messages();
	check_bool(&g_link, 0, 2, true);
	check_error(&g_link, 1, 1, -ETIMEDOUT, "too late");
	/* Answered there, and nobody is left to read it by then. */
	g_elsewhere = true;
	spdk_jsonrpc_send_bool_response(g_held[2], true);
	g_elsewhere = false;
	rpc_server_link_down(NULL, &g_link);
	run_messages();
	CHECK_EQ(g_link.dones, 1);
	end();
}

static void
link_ends_before_the_answer(void)
{
	struct spdk_jsonrpc_server_conn *conn;

	begin();
	ask(&g_link, 1, "hold", NULL);
	ask(&g_link, 2, "hold", NULL);
	g_poller(NULL);
	conn = spdk_jsonrpc_get_conn(g_held[0]);
	REQUIRE(conn != NULL);
	g_closed = 0;
	CHECK_EQ(spdk_jsonrpc_conn_del_close_cb(conn, on_close, &g_closed), -ENOENT);
	CHECK_EQ(spdk_jsonrpc_conn_add_close_cb(conn, on_close, &g_closed), 0);
	CHECK_EQ(spdk_jsonrpc_conn_add_close_cb(conn, on_close, &g_closed), -EEXIST);
	CHECK_EQ(spdk_jsonrpc_conn_add_close_cb(conn, on_close, NULL), -ENOSPC);
	rpc_server_link_down(NULL, &g_link);
	run_messages();
	CHECK_EQ(g_closed, 1);
	CHECK_EQ(g_link.dones, 1);
	CHECK(spdk_jsonrpc_get_conn(g_held[0]) == NULL);
	CHECK_EQ(spdk_jsonrpc_conn_add_close_cb(conn, on_close, NULL), -ENOTCONN);
	/* Both kinds of answer go nowhere. */
	spdk_jsonrpc_send_bool_response(g_held[0], true);
	spdk_jsonrpc_send_error_response(g_held[1], -EIO, "x");
	CHECK_EQ(g_link.num_out, 0);
	/* A second word of its end is of a link that we know nothing of. */
	rpc_server_link_down(NULL, &g_link);
	run_messages();
	end();
}

static void
stop_with_requests_under_way(void)
{
	begin();
	begin_link(&g_other, "rpcd", GATE_ROLE_SERVICE);
	g_other.backlog = 3;
	ask(&g_link, 1, "hold", NULL);
	ask(&g_link, 2, "stop", NULL);
	ask(&g_other, 1, "ping", NULL);
	ask(&g_link, 3, "ping", NULL);
	g_poller(NULL);
	CHECK(g_poller == NULL);
	CHECK_EQ(g_stopped, 0); /* not inside the handler */
	run_messages();
	CHECK_EQ(g_stopped, 1);
	CHECK_EQ(g_other.dones, 1);
	CHECK_EQ(g_other.backlog, 0);
	spdk_jsonrpc_send_bool_response(g_held[0], true);
	CHECK_EQ(g_link.num_out, 1);
	link_empty(&g_other);
	/* Who comes now is sent away. */
	begin_link(&g_other, "late", GATE_ROLE_ADMIN);
	CHECK_EQ(g_other.dones, 1);
	link_empty(&g_link);
	link_empty(&g_other);
}

static void
pause_and_resume(void)
{
	begin();
	begin_link(&g_other, "confd", GATE_ROLE_SERVICE);
	rpc_server_pause();
	ask(&g_link, 1, "ping", NULL);
	ask(&g_other, 1, "ping", NULL);
	g_poller(NULL);
	CHECK_EQ(g_link.num_out, 0);
	CHECK_EQ(g_other.num_out, 1);
	/* Replies that wait go out all the same. */
	g_link.backlog = 1;
	CHECK_EQ(g_poller(NULL), SPDK_POLLER_BUSY);
	CHECK_EQ(g_link.backlog, 0);
	rpc_server_resume();
	g_poller(NULL);
	CHECK_EQ(g_link.num_out, 1);
	end();
}

/* Five links ask a hundred times each while the server is paused; one of them ends meanwhile. What
 * the others asked is answered afterwards, each link's in the order of asking. */
static void
nothing_is_lost_in_a_pause(void)
{
	enum { LINKS = 5, REQUESTS = 100, ENDED = 3 };
	static struct link links[LINKS];
	unsigned i, n;

	begin();
	for (i = 0; i < LINKS; i++) {
		begin_link(&links[i], "client", GATE_ROLE_ADMIN);
	}
	rpc_server_pause();
	for (n = 0; n < REQUESTS; n++) {
		for (i = 0; i < LINKS; i++) {
			ask(&links[i], 1000 * i + n, n % 3 == 0 ? "slow" : "runtime_only", NULL);
		}
		CHECK_EQ(g_poller(NULL), SPDK_POLLER_IDLE);
	}
	rpc_server_link_down(NULL, &links[ENDED]);
	run_messages();
	CHECK_EQ(links[ENDED].dones, 1);
	/* A second pause before everything is served. */
	rpc_server_resume();
	g_poller(NULL);
	rpc_server_pause();
	CHECK_EQ(g_poller(NULL), SPDK_POLLER_IDLE);
	rpc_server_resume();
	while (g_poller(NULL) == SPDK_POLLER_BUSY) {
	}
	for (i = 0; i < LINKS; i++) {
		CHECK_EQ(links[i].num_out, i == ENDED ? 0 : REQUESTS);
		for (n = 0; n < links[i].num_out; n++) {
			check_bool(&links[i], n, 1000 * i + n, true);
		}
		CHECK_EQ(links[i].kills, 0);
	}
	end();
	for (i = 0; i < LINKS; i++) {
		CHECK_EQ(links[i].dones, 1);
		link_empty(&links[i]);
	}
}

static void
rests_without_links(void)
{
	g_stopped = 0;
	CHECK_EQ(rpc_server_start(), 0);
	CHECK(g_rests);
	begin_link(&g_link, "calctl", GATE_ROLE_ADMIN);
	CHECK(!g_rests);
	begin_link(&g_other, "rpcd", GATE_ROLE_SERVICE);
	rpc_server_link_down(NULL, &g_link);
	run_messages();
	CHECK(!g_rests);
	expect_true(&g_other, "runtime_only");
	rpc_server_link_down(NULL, &g_other);
	run_messages();
	CHECK(g_rests);
	begin_link(&g_link, "calctl", GATE_ROLE_ADMIN);
	CHECK(!g_rests);
	end();
}

static void
links_take_turns(void)
{
	unsigned i;

	begin();
	begin_link(&g_other, "rpcd", GATE_ROLE_SERVICE);
	for (i = 0; i < 100; i++) {
		ask(&g_link, i, "ping", NULL);
		ask(&g_other, i, "ping", NULL);
	}
	g_poller(NULL);
	CHECK_EQ(g_calls, 32);
	CHECK_EQ(g_link.num_out, 16);
	CHECK_EQ(g_other.num_out, 16);
	for (i = 0; i < 100; i++) {
		ask(&g_link, i, "slow", NULL);
	}
	while (g_link.next_in < 100) { /* the pings */
		g_poller(NULL);
	}
	/* 2 µs each where a poll has 4. */
	i = g_link.next_in;
	g_poller(NULL);
	CHECK_EQ(g_link.next_in - i, 2);
	end();
}

static void
peers_that_break_the_rules(void)
{
	static const struct {
		const char *bytes;
		size_t len;
	} bad[] = {
		{ "", 0 },
		{ "\xc1", 1 },
		{ "\x94\x01\x01\xc0\xc0", 5 }, /* a response */
		{ "\x94\x00\x01\xa4ping", 8 },
	};
	size_t i;

	begin();
	for (i = 0; i < SPDK_COUNTOF(bad); i++) {
		begin_link(&g_other, "bad", GATE_ROLE_ADMIN);
		send_bytes(&g_other, bad[i].bytes, bad[i].len);
		ask(&g_other, 1, "ping", NULL);
		g_poller(NULL);
		g_poller(NULL);
		CHECK_EQ(g_other.kills, 1);
		CHECK_STR(g_other.reason, "what it sent is no request");
		CHECK_EQ(g_other.num_out, 0); /* and it is not heard any more */
		rpc_server_link_down(NULL, &g_other);
		run_messages();
		CHECK_EQ(g_other.dones, 1);
		link_empty(&g_other);
	}
	begin_link(&g_other, "bad", GATE_ROLE_ADMIN);
	g_other.recv_rc = -EPROTO;
	g_poller(NULL);
	CHECK_STR(g_other.reason, "it broke the layout of its ring");
	rpc_server_link_down(NULL, &g_other);
	run_messages();
	begin_link(&g_other, "bad", GATE_ROLE_ADMIN);
	g_other.recv_rc = -EMSGSIZE;
	g_poller(NULL);
	CHECK_STR(g_other.reason, "its request is too large");
	rpc_server_link_down(NULL, &g_other);
	run_messages();
	begin_link(&g_other, "bad", GATE_ROLE_ADMIN);
	g_other.send_rc = -ENOBUFS;
	ask(&g_other, 1, "ping", NULL);
	ask(&g_other, 2, "ping", NULL);
	g_poller(NULL);
	CHECK_EQ(g_other.kills, 1);
	CHECK_STR(g_other.reason, "it does not read its responses");
	/* The others never notice. */
	expect_true(&g_link, "runtime_only");
	end();
}

static void
outstanding_limit(void)
{
	unsigned i;

	begin();
	for (i = 0; i < RPC_MAX_OUTSTANDING + 10; i++) {
		ask(&g_link, i, "hold", NULL);
	}
	for (i = 0; i < 100; i++) {
		g_poller(NULL);
	}
	CHECK_EQ(g_num_held, RPC_MAX_OUTSTANDING);
	spdk_jsonrpc_send_bool_response(g_held[0], true);
	g_poller(NULL);
	CHECK_EQ(g_num_held, RPC_MAX_OUTSTANDING + 1);
	for (i = 1; i < g_num_held; i++) {
		spdk_jsonrpc_send_bool_response(g_held[i], true);
		g_poller(NULL);
	}
	CHECK_EQ(g_num_held, RPC_MAX_OUTSTANDING + 10);
	end();
}

/* What requests under way hold of memory is bounded, too. Fails without rpc_conn_is_full()'s second
 * half. */
static void
outstanding_bytes_limit(void)
{
	enum { EACH = 64 << 10, MOST = RPC_ENOUGH_OUTSTANDING / EACH };
	static char text[EACH];
	struct codec_buf params;
	unsigned i;

	begin();
	memset(text, 'x', sizeof(text));
	codec_buf_init(&params);
	codec_put_array(&params, 1);
	codec_put_str(&params, text, sizeof(text));
	for (i = 0; i < 2 * MOST; i++) {
		ask(&g_link, i, "hold", &params);
	}
	codec_buf_free(&params);
	for (i = 0; i < 100; i++) {
		g_poller(NULL);
	}
	CHECK_EQ(g_num_held, MOST);
	spdk_jsonrpc_send_bool_response(g_held[0], true);
	g_poller(NULL);
	CHECK_EQ(g_num_held, MOST + 1);
	for (i = 1; i < g_num_held; i++) {
		spdk_jsonrpc_send_bool_response(g_held[i], true);
		g_poller(NULL);
	}
	CHECK_EQ(g_num_held, 2 * MOST);
	end();
}

static unsigned g_logged;
static bool g_logged_control;

static void
take_log(int level, const char *file, const int line, const char *func, const char *format,
         va_list args)
{
	char text[512];

	vsnprintf(text, sizeof(text), format, args);
	g_logged++;
	for (char *c = text; *c != '\0' && *c != '\n'; c++) {
		g_logged_control |= (unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e;
	}
	g_logged_control |= strchr(text, '\n') != NULL && strchr(text, '\n')[1] != '\0';
}

/* A peer writes neither what it likes into the log nor as much. Fails without log_refusal()'s
 * count, and without its look at each character. */
static void
refusals_in_the_log(void)
{
	struct codec_buf params;
	unsigned i;

	begin();
	codec_buf_init(&params);
	codec_put_uint(&params, 1);
	spdk_log_open(take_log);
	spdk_log_set_level(SPDK_LOG_ERROR);
	for (i = 0; i < 100; i++) {
		ask(&g_link, i, "a\n[2026-01-01] app: \033[2Jforged", &params);
		g_poller(NULL);
	}
	spdk_log_set_level(SPDK_LOG_DISABLED);
	spdk_log_close();
	codec_buf_free(&params);
	CHECK_EQ(g_logged, RPC_MAX_LOGGED_REFUSALS);
	CHECK(!g_logged_control);
	CHECK_EQ(g_link.num_out, 100);
	end();
}

/* Nor does a monitor that attaches again and again. Fails without monitors_may_log(), and without
 * its ten seconds. */
static void
refusals_of_monitors_in_the_log(void)
{
	struct codec_buf params;
	unsigned i, turn;

	codec_buf_init(&params);
	codec_put_uint(&params, 1);
	spdk_log_open(take_log);
	for (turn = 1; turn <= 2; turn++) {
		g_logged = 0;
		g_ticks += 11 * spdk_get_ticks_hz();
		for (i = 0; i < 5; i++) {
			begin();
			spdk_log_set_level(SPDK_LOG_ERROR);
			begin_link(&g_other, "top", GATE_ROLE_MONITOR);
			for (unsigned n = 0; n < 10; n++) {
				ask(&g_other, n, "nonsense", &params);
				g_poller(NULL);
			}
			CHECK_EQ(g_other.num_out, 10);
			spdk_log_set_level(SPDK_LOG_DISABLED);
			end();
		}
		CHECK_EQ(g_logged, RPC_MAX_LOGGED_REFUSALS);
	}
	spdk_log_close();
	codec_buf_free(&params);
}

/* A link that the gate cannot be told to end, for want of memory, is named to it in later polls
 * until it can, and once. Fails without conn_refusal_say() in conn_poll(). */
static void
refused_without_memory(void)
{
	begin();
	g_link.unkillable = 3;
	send_bytes(&g_link, "\x01", 1);
	g_poller(NULL);
	CHECK_EQ(g_link.kills, 0);
	for (unsigned i = 0; i < 3; i++) {
		g_poller(NULL);
	}
	CHECK_EQ(g_link.kills, 1);
	CHECK_STR(g_link.reason, "what it sent is no request");
	g_poller(NULL);
	CHECK_EQ(g_link.kills, 1);
	end();
}

static void
registration(void)
{
	struct rpc_method *m;
	unsigned pings = 0;

	for (m = rpc_method_first(); m != NULL; m = rpc_method_next(m)) {
		pings += strcmp(m->name, "ping") == 0;
	}
	CHECK_EQ(pings, 1);
	CHECK(spdk_rpc_verify_methods());
	CHECK_EQ(rpc_server_start(), 0);
	CHECK_EQ(rpc_server_start(), -EALREADY);
	rpc_server_stop(nothing, NULL);
	run_messages();
	/* Last: mistakes stay. */
	spdk_rpc_register_method("ping", ping, SPDK_RPC_RUNTIME);
	CHECK(!spdk_rpc_verify_methods());
	CHECK_EQ(rpc_server_start(), -EINVAL);
	spdk_rpc_register_alias_deprecated("nonsense", "alias_of_nothing");
	spdk_rpc_register_alias_deprecated("old_ping", "alias_of_alias");
	CHECK_EQ(spdk_rpc_is_method_allowed("alias_of_nothing", 3), -ENOENT);
	CHECK_EQ(spdk_rpc_is_method_allowed("alias_of_alias", 3), -ENOENT);
}

/* --- bytes that mean harm --------------------------------------------------------------------- */

static uint64_t g_seed;

static uint32_t
rnd(uint32_t n)
{
	g_seed ^= g_seed << 13;
	g_seed ^= g_seed >> 7;
	g_seed ^= g_seed << 17;
	return (uint32_t)(g_seed >> 33) % n;
}

static void
random_value(struct codec_buf *buf, unsigned depth)
{
	static const char *const names[] = {
		"name", "num_blocks", "block_size", "numa", "flag", "x"
	};
	uint32_t i, n;

	switch (rnd(depth > 0 ? 10 : 8)) {
	case 0:
		codec_put_nil(buf);
		break;
	case 1:
		codec_put_bool(buf, rnd(2));
		break;
	case 2:
	case 3:
		codec_put_uint(buf, (uint64_t)rnd(1u << 31) << rnd(33));
		break;
	case 4:
		codec_put_int(buf, -(int64_t)rnd(1u << 31));
		break;
	case 5:
		codec_put_double(buf, (double)rnd(100000) / (double)(1 + rnd(8)));
		break;
	case 6:
	case 7:
		codec_put_cstr(buf, names[rnd(SPDK_COUNTOF(names))]);
		break;
	case 8:
		n = rnd(6);
		codec_put_array(buf, n);
		for (i = 0; i < n; i++) {
			random_value(buf, depth - 1);
		}
		break;
	default:
		n = rnd(6);
		codec_put_map(buf, n);
		for (i = 0; i < n; i++) {
			codec_put_cstr(buf, names[rnd(SPDK_COUNTOF(names))]);
			random_value(buf, depth - 1);
		}
		break;
	}
}

static void
likely_params(struct codec_buf *buf)
{
	codec_put_map(buf, 3);
	codec_put_cstr(buf, "num_blocks");
	codec_put_uint(buf, rnd(100));
	codec_put_cstr(buf, "block_size");
	codec_put_uint(buf, 512);
	codec_put_cstr(buf, "name");
	codec_put_cstr(buf, "b");
}

/* Whatever comes, there is exactly one answer, or the link is refused. */
static void
hostile_requests(void)
{
	static const char *const methods[] = { "ping", "echo",     "create",       "create",
		                               "slow", "nonsense", "startup_only", "old_ping" };
	const char *given = getenv("CAL_TEST_SEED");
	unsigned round, answered = 0, refused = 0, silent = 0;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	g_seed = given != NULL ? strtoull(given, NULL, 0)
	                       : (uint64_t)now.tv_nsec * 2654435761u + (uint64_t)now.tv_sec;
	g_seed |= 1;
	printf("CAL_TEST_SEED=%#llx ", (unsigned long long)g_seed);
	fflush(stdout);
	begin();
	begin_link(&g_other, "fuzz", GATE_ROLE_ADMIN);
	for (round = 0; round < 100000; round++) {
		struct codec_buf buf, params;
		struct codec_envelope env;
		unsigned changes;
		bool parses;

		codec_buf_init(&buf);
		codec_buf_init(&params);
		if (rnd(3) == 0) {
			likely_params(&params);
		} else {
			random_value(&params, 3);
		}
		codec_put_request(&buf, rnd(1000), methods[rnd(SPDK_COUNTOF(methods))], params.data,
		                  params.len);
		for (changes = rnd(3); changes > 0; changes--) {
			buf.data[rnd((uint32_t)buf.len)] = (uint8_t)rnd(256);
		}
		if (rnd(20) == 0) {
			buf.len = rnd((uint32_t)buf.len);
		}
		parses = codec_parse(buf.data, buf.len, &env) == 0 && env.type != CODEC_RESPONSE;
		silent += parses && env.type == CODEC_NOTIFICATION;
		send_bytes(&g_other, buf.data, buf.len);
		g_poller(NULL);
		if (parses) {
			CHECK_EQ(g_other.kills, 0);
			CHECK_EQ(g_other.num_out, env.type == CODEC_REQUEST ? 1 : 0);
			answered += g_other.num_out;
			if (g_other.num_out == 1) {
				CHECK_EQ(answer(&g_other, 0).id, env.id);
			}
			link_empty(&g_other);
		} else {
			CHECK_EQ(g_other.kills, 1);
			CHECK_EQ(g_other.num_out, 0);
			refused++;
			rpc_server_link_down(NULL, &g_other);
			run_messages();
			CHECK_EQ(g_other.dones, 1);
			link_empty(&g_other);
			begin_link(&g_other, "fuzz", GATE_ROLE_ADMIN);
		}
		codec_buf_free(&buf);
		codec_buf_free(&params);
	}
	CHECK_EQ(answered + refused + silent, round);
	CHECK(answered > 10000 && refused > 1000);
	end();
}

static struct spdk_jsonrpc_request *g_kept;
static bool g_keep_it, g_heard_ok, g_heard_change;
static unsigned g_heard;
static char g_heard_error[64];
static int g_heard_code;

static bool
listener(struct spdk_jsonrpc_request *request, bool ok)
{
	g_heard++;
	g_heard_ok = ok;
	g_heard_change = rpc_request_may_change(request);
	g_heard_code = ok ? 0 : rpc_request_error(request, g_heard_error, sizeof(g_heard_error));
	g_kept = g_keep_it ? request : NULL;
	return g_keep_it;
}

static void
passes_on(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	rpc_request_pass_on(request, "create", params + 2);
}
SPDK_RPC_REGISTER("passes_on", passes_on, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)

static void
answers_are_heard_and_kept(void)
{
	begin();
	begin_link(&g_other, "confd", GATE_ROLE_SERVICE);
	rpc_server_set_answer_hook(listener);
	g_heard = 0;
	g_keep_it = false;
	expect_true(&g_link, "slow");
	CHECK(g_heard == 1 && g_heard_ok && g_heard_change);
	ask(&g_link, 2, "create", NULL);
	g_poller(NULL);
	CHECK(g_heard == 2 && !g_heard_ok && g_heard_code == -32603);
	expect_error(&g_link, "changed_its_mind", -ENODEV, "No such device");
	CHECK(g_heard_code == -ENODEV && strcmp(g_heard_error, "No such device") == 0);
	/* What the config service asks, and what everybody may look at, is no change. */
	expect_true(&g_other, "slow");
	CHECK(g_heard == 4 && !g_heard_change);
	ask(&g_link, 3, "old_ping", NULL);
	g_poller(NULL);
	CHECK(g_heard == 5 && g_heard_ok && !g_heard_change);

	/* Kept back, it goes when it is let go; or nowhere, when its link has ended. */
	g_keep_it = true;
	ask(&g_link, 70, "slow", NULL);
	g_poller(NULL);
	CHECK_EQ(g_link.num_out, 4);
	REQUIRE(g_kept != NULL);
	rpc_request_release(g_kept);
	check_bool(&g_link, 4, 70, true);
	ask(&g_other, 71, "slow", NULL);
	g_poller(NULL);
	CHECK_EQ(g_other.num_out, 1);
	rpc_server_link_down(NULL, &g_other);
	run_messages();
	rpc_request_release(g_kept);
	CHECK_EQ(g_other.num_out, 1);
	rpc_server_set_answer_hook(NULL);
	end();
}

/* { "inner": { … } }: the other method sees the inner object alone. */
static void
passed_on(void)
{
	struct codec_buf params;

	begin();
	codec_buf_init(&params);
	codec_put_map(&params, 1);
	codec_put_cstr(&params, "inner");
	codec_put_map(&params, 3);
	codec_put_cstr(&params, "num_blocks");
	codec_put_uint(&params, 1);
	codec_put_cstr(&params, "block_size");
	codec_put_uint(&params, 512);
	codec_put_cstr(&params, "flag");
	codec_put_bool(&params, true);
	ask(&g_link, 1, "passes_on", &params);
	g_poller(NULL);
	check_bool(&g_link, 0, 1, true);
	codec_buf_free(&params);
	end();
}

/* Log lines of a hundred thousand refusals would hide the result. */
static int
setup(void)
{
	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	spdk_log_set_level(SPDK_LOG_DISABLED);
	/* Its name is one that the config service may always call. */
	spdk_rpc_register_method("framework_wait_init", framework_wait_init,
	                         SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME);
	return 0;
}

static const struct test_case cases[] = {
	TEST(call_and_result),
	TEST(errors),
	TEST(too_many_values),
	TEST(states),
	TEST(aliases),
	TEST(roles),
	TEST(allowlist),
	TEST(notifications),
	TEST(answered_later),
	TEST(answered_elsewhere),
	TEST(link_ends_before_the_answer),
	TEST(stop_with_requests_under_way),
	TEST(pause_and_resume),
	TEST(nothing_is_lost_in_a_pause),
	TEST(rests_without_links),
	TEST(links_take_turns),
	TEST(peers_that_break_the_rules),
	TEST(outstanding_limit),
	TEST(outstanding_bytes_limit),
	TEST(refusals_in_the_log),
	TEST(refusals_of_monitors_in_the_log),
	TEST(refused_without_memory),
	TEST(hostile_requests),
	TEST(answers_are_heard_and_kept),
	TEST(passed_on),
	TEST(registration),
};
TEST_MAIN_WITH("rpc/server", cases, setup, NULL)
