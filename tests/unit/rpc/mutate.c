/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Every method that is linked here, with params made of its own decoders: each member of about the
 * right type, of a wrong one, left out, twice, and bytes changed in what came of it. Whatever it
 * is, there is exactly one answer. The server, the thread library and the block layer are real; the
 * link, the clock, memory and the application's start are not. */

/* objs: core/rpc core/bdev core/app/framework_rpc.c drivers/malloc drivers/null */
/* libs: -Wl,--wrap=spdk_json_decode_object,--wrap=spdk_json_decode_object_relaxed */

#include "spdk/stdinc.h"

#include "core/app/app_internal.h"
#include "core/rpc/rpc_internal.h"
#include "ipc/gate/control.h"
#include "ipc/gate/gate.h"
#include "ipc/link/link.h"
#include "spdk/bdev_module.h"
#include "spdk/env_dpdk.h"
#include "spdk/log.h"
#include "spdk/thread.h"
#include "spdk/util.h"
#include "tests/unit/fake_env.h"
#include "tests/unit/chain.h"
#include "tests/unit/seed.h"
#include "tests/unit/test.h"

#define MAX_METHODS 128
#define MAX_ROUNDS  20000 /* until an answer is there */
#define MEMORY      (32u << 20)

static struct spdk_thread *g_app;

/* --- what is pretended ------------------------------------------------------------------------ */

static size_t g_mem_used;

void *
spdk_malloc(size_t size, size_t align, uint64_t *unused, int numa_id, uint32_t flags)
{
	size_t *block;

	align = align < 64 ? 64 : align;
	if (align > 4096 || size > MEMORY || g_mem_used + size > MEMORY) {
		return NULL;
	}
	block = aligned_alloc(align, align + SPDK_ALIGN_CEIL(size, align));
	if (block == NULL) {
		abort();
	}
	block[0] = size;
	((size_t *)((uint8_t *)block + align))[-1] = align;
	g_mem_used += size;
	return (uint8_t *)block + align;
}

void *
spdk_zmalloc(size_t size, size_t align, uint64_t *unused, int numa_id, uint32_t flags)
{
	void *buf = spdk_malloc(size, align, unused, numa_id, flags);

	return buf != NULL ? memset(buf, 0, size) : NULL;
}

void
spdk_free(void *buf)
{
	uint8_t *block;

	if (buf != NULL) {
		block = (uint8_t *)buf - ((size_t *)buf)[-1];
		g_mem_used -= *(size_t *)block;
		free(block);
	}
}

void
spdk_env_dpdk_dump_mem_stats(FILE *file)
{
	fprintf(file, "no memory\n");
}

int
control_post(void (*fn)(void *arg), void *arg)
{
	return spdk_thread_send_msg(g_app, fn, arg);
}

int
app_framework_start_init(app_init_fn fn, void *ctx)
{
	fn(ctx, 0, NULL);
	return 0;
}

int
app_framework_wait_init(app_init_fn fn, void *ctx)
{
	fn(ctx, 0, NULL);
	return 0;
}

int
kill(pid_t pid, int sig)
{
	return 0;
}

/* --- the link --------------------------------------------------------------------------------- */

struct link {
	const void *in;
	size_t in_len;
	unsigned answers, kills;
	uint32_t id;
	bool is_error;
};

static struct link g_link;

int
link_recv(struct link *link, const void **msg, size_t *len)
{
	if (link->in == NULL) {
		return 0;
	}
	*msg = link->in;
	*len = link->in_len;
	link->in = NULL;
	return 1;
}

static void
take_answer(struct link *link, const void *msg, size_t len)
{
	struct codec_envelope env;
	struct codec_span text;
	int code = 0;

	REQUIRE(codec_parse(msg, len, &env) == 0 && env.type == CODEC_RESPONSE);
	link->answers++;
	link->id = env.id;
	link->is_error = env.error.len > 0;
	if (link->is_error) {
		REQUIRE(codec_parse_error(env.error.data, env.error.len, &code, &text) == 0);
		CHECK(code != 0 && text.len > 0 && json_utf8_valid(text.data, text.len));
	}
}

int
link_send(struct link *link, struct codec_chain *response)
{
	size_t len;
	void *msg = chain_flatten(response, &len);

	REQUIRE(msg != NULL);
	take_answer(link, msg, len);
	free(msg);
	return 0;
}

unsigned
link_flush(struct link *link, size_t max_bytes)
{
	return 0;
}

size_t
link_backlog(const struct link *link)
{
	return 0;
}

bool
link_has_backlog(const struct link *link)
{
	return false;
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
	return GATE_ROLE_ADMIN;
}

const char *
link_peer_name(const struct link *link)
{
	return "mutate";
}

pid_t
link_peer_pid(const struct link *link)
{
	return 1;
}

void
gate_link_done(struct link *link)
{
}

int
gate_link_kill(struct link *link, const char *reason)
{
	link->kills++;
	return 0;
}

/* --- what the methods decode ------------------------------------------------------------------ */

struct learned {
	const char *name;
	const struct spdk_json_object_decoder *decoders;
	size_t count;
};

static struct learned g_methods[MAX_METHODS], *g_current;
static unsigned g_results, g_errors;
static unsigned g_num_methods;

int __real_spdk_json_decode_object(const struct spdk_json_val *values,
                                   const struct spdk_json_object_decoder *decoders, size_t count,
                                   void *out);
int __wrap_spdk_json_decode_object(const struct spdk_json_val *values,
                                   const struct spdk_json_object_decoder *decoders, size_t count,
                                   void *out);
int __real_spdk_json_decode_object_relaxed(const struct spdk_json_val *values,
                                           const struct spdk_json_object_decoder *decoders,
                                           size_t count, void *out);
int __wrap_spdk_json_decode_object_relaxed(const struct spdk_json_val *values,
                                           const struct spdk_json_object_decoder *decoders,
                                           size_t count, void *out);

/* The outermost of a call comes first; of several, the one with most members is remembered. */
static void
learn(const struct spdk_json_object_decoder *decoders, size_t count)
{
	if (g_current != NULL && count > g_current->count) {
		g_current->decoders = decoders;
		g_current->count = count;
	}
}

int
__wrap_spdk_json_decode_object(const struct spdk_json_val *values,
                               const struct spdk_json_object_decoder *decoders, size_t count,
                               void *out)
{
	learn(decoders, count);
	return __real_spdk_json_decode_object(values, decoders, count, out);
}

int
__wrap_spdk_json_decode_object_relaxed(const struct spdk_json_val *values,
                                       const struct spdk_json_object_decoder *decoders,
                                       size_t count, void *out)
{
	learn(decoders, count);
	return __real_spdk_json_decode_object_relaxed(values, decoders, count, out);
}

/* --- params ----------------------------------------------------------------------------------- */

static void
put_number(struct codec_buf *buf)
{
	static const uint64_t edge[] = {
		0,         1,          2,
		3,         7,          8,
		64,        100,        255,
		256,       511,        512,
		513,       1024,       4096,
		65535,     65536,      131072,
		INT32_MAX, UINT32_MAX, (uint64_t)UINT32_MAX + 1,
		INT64_MAX, UINT64_MAX,
	};

	switch (pick(30)) {
	case 0:
		codec_put_int(buf, -(int64_t)(1 + edge[pick(20)]));
		break;
	case 1:
		codec_put_double(buf, (double)edge[pick(SPDK_COUNTOF(edge))] / 4);
		break;
	case 2:
		codec_put_double(buf, pick(2) == 0 ? 1e300 : -5e-324);
		break;
	default:
		codec_put_uint(buf, edge[pick(SPDK_COUNTOF(edge))]);
		break;
	}
}

static void
put_string(struct codec_buf *buf)
{
	static const char *const word[] = {
		"M0",
		"M1",
		"N0",
		"N1",
		"Malloc0",
		"",
		"all",
		"none",
		"0x1",
		"[0]",
		"1",
		"zz",
		"ERROR",
		"DEBUG",
		"error",
		"maxmin",
		"bdev",
		"iobuf",
		"static",
		"dynamic",
		"SIGTERM",
		"SIG",
		"thread",
		"0:0,1:1",
		"read",
		"randrw",
		"\xe2\x82\xac",
		"*",
		"x\ny",
		"app_thread",
		"11111111-2222-3333-4444-555555555555",
		"{}",
	};
	char text[300];
	uint32_t len;

	switch (pick(60)) {
	case 0:
	case 1:
	case 2:
		len = pick(sizeof(text));
		memset(text, 'a' + (int)pick(26), sizeof(text));
		codec_put_str(buf, text, len);
		break;
	case 3:
		codec_put_str(buf, "a\0b", 3);
		break;
	case 4:
		codec_put_str(buf, "\xff\xfe", 2); /* not UTF-8 */
		break;
	default:
		codec_put_cstr(buf, word[pick(SPDK_COUNTOF(word))]);
		break;
	}
}

static void
put_any(struct codec_buf *buf, unsigned depth)
{
	uint32_t i, n;

	switch (pick(depth == 0 ? 5 : 7)) {
	case 0:
		codec_put_nil(buf);
		break;
	case 1:
		codec_put_bool(buf, pick(2) == 0);
		break;
	case 2:
	case 3:
		put_number(buf);
		break;
	case 4:
		put_string(buf);
		break;
	case 5:
		n = pick(4);
		codec_put_array(buf, n);
		for (i = 0; i < n; i++) {
			put_any(buf, depth - 1);
		}
		break;
	default:
		n = pick(3);
		codec_put_map(buf, n);
		for (i = 0; i < n; i++) {
			codec_put_cstr(buf, i == 0 ? "name" : "size");
			put_any(buf, depth - 1);
		}
		break;
	}
}

static void
put_fitting(struct codec_buf *buf, const struct spdk_json_object_decoder *decoder)
{
	spdk_json_decode_fn fn = decoder->decode_func;

	if (strcmp(decoder->name, "timeout") == 0) {
		codec_put_uint(buf, pick(20)); /* or it would wait as long as it is told to */
	} else if (pick(20) == 0) {
		put_any(buf, 2);
	} else if (fn == spdk_json_decode_bool) {
		codec_put_bool(buf, pick(2) == 0);
	} else if (fn == spdk_json_decode_string || fn == spdk_json_decode_uuid) {
		put_string(buf);
	} else if (fn == spdk_json_decode_uint8 || fn == spdk_json_decode_uint16 ||
	           fn == spdk_json_decode_uint32 || fn == spdk_json_decode_int32 ||
	           fn == spdk_json_decode_uint64) {
		put_number(buf);
	} else {
		pick(3) == 0 ? put_any(buf, 2) : put_string(buf);
	}
}

static void
put_params(struct codec_buf *buf, const struct learned *method)
{
	size_t place, i;
	uint32_t count = 0;

	if (pick(16) == 0) {
		put_any(buf, 3);
		return;
	}
	if (pick(method->count == 0 ? 2 : 50) == 0) {
		codec_put_nil(buf);
		return;
	}
	place = codec_begin_map(buf);
	for (i = 0; i < method->count; i++) {
		const struct spdk_json_object_decoder *decoder = &method->decoders[i];
		uint32_t times = pick(decoder->optional ? 3 : 20) == 0 ? 0 : pick(40) == 0 ? 2 : 1;

		for (count += times; times > 0; times--) {
			codec_put_cstr(buf, decoder->name);
			put_fitting(buf, decoder);
		}
	}
	if (pick(30) == 0) {
		codec_put_cstr(buf, "unknown");
		put_any(buf, 2);
		count++;
	}
	codec_end(buf, place, count);
}

/* --- asking ----------------------------------------------------------------------------------- */

static void
poll_once(void)
{
	spdk_thread_poll(g_app, 0, 0);
	fake_delay_us(10);
}

static void
link_down(void)
{
	rpc_server_link_down(NULL, &g_link);
	poll_once();
}

static void
link_up(void)
{
	memset(&g_link, 0, sizeof(g_link));
	rpc_server_link_up(NULL, &g_link);
	poll_once();
}

/* Whether the request may wait for what never happens. */
static bool
may_wait(const struct learned *method)
{
	return strcmp(method->name, "bdev_get_bdevs") == 0;
}

/* What was asked is answered once. Returns whether it was well-formed. */
static bool
ask(const struct learned *method, struct codec_buf *request)
{
	struct codec_envelope env;
	unsigned rounds;
	bool good =
		codec_parse(request->data, request->len, &env) == 0 && env.type == CODEC_REQUEST;

	g_link.answers = 0;
	g_link.in = request->data;
	g_link.in_len = request->len;
	for (rounds = 0; rounds < MAX_ROUNDS && g_link.answers == 0 && g_link.kills == 0;
	     rounds++) {
		poll_once();
		if (!good && rounds > 3) {
			break;
		}
		if (may_wait(method) && rounds > 5000) {
			break; /* it completes into nothing */
		}
	}
	if (good && !may_wait(method) && g_link.answers != 1) {
		printf("\n  %s: %u answers\n", method->name, g_link.answers);
		CU_FAIL("not one answer");
	}
	if (good && g_link.answers == 1) {
		CHECK_EQ(g_link.id, env.id);
		g_results += !g_link.is_error;
		g_errors += g_link.is_error;
		poll_once();
		CHECK_EQ(g_link.answers, 1);
	}
	if (!good || g_link.answers == 0 || g_link.kills > 0) {
		link_down();
		link_up();
	}
	return good;
}

static void
ask_empty(struct learned *method)
{
	struct codec_buf request;
	const uint8_t empty = 0x80;

	codec_buf_init(&request);
	codec_put_request(&request, 1, method->name, &empty, 1);
	g_current = method;
	ask(method, &request);
	g_current = NULL;
	codec_buf_free(&request);
}

static void
ask_mutated(struct learned *method, unsigned *wrong_form)
{
	struct codec_buf params, request;
	unsigned changes;

	codec_buf_init(&params);
	codec_buf_init(&request);
	put_params(&params, method);
	codec_put_request(&request, pick(1000), method->name, params.data, params.len);
	changes = pick(4) == 0 ? 1 + pick(2) : 0;
	while (changes-- > 0) {
		request.data[request.len - 1 - pick((uint32_t)params.len)] = (uint8_t)pick(256);
	}
	g_current = method;
	*wrong_form += !ask(method, &request);
	g_current = NULL;
	codec_buf_free(&params);
	codec_buf_free(&request);
}

static void
unregistered(void *ctx, int rc)
{
}

static void
remove_devices(void)
{
	struct spdk_bdev *bdev;
	unsigned rounds;

	while ((bdev = spdk_bdev_first()) != NULL) {
		spdk_bdev_unregister(bdev, unregistered, NULL);
		for (rounds = 0; rounds < 100 && spdk_bdev_first() == bdev; rounds++) {
			poll_once();
		}
		REQUIRE(spdk_bdev_first() != bdev);
	}
}

/* --- cases ------------------------------------------------------------------------------------ */

static void
collect(void *ctx, const char *name)
{
	/* It starts jobs on reactors, of which there are none. */
	if (strcmp(name, "cal_perf_start") != 0) {
		REQUIRE(g_num_methods < MAX_METHODS);
		g_methods[g_num_methods++].name = name;
	}
}

static void
every_method(void)
{
	const char *rounds = getenv("CAL_TEST_ROUNDS");
	unsigned n = rounds != NULL ? (unsigned)atoi(rounds) : 100000, i, with = 0, wrong_form = 0;
	size_t used;

	seed_begin("mutate");
	rpc_method_walk(SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME, collect, NULL);
	CHECK(g_num_methods > 40);
	for (i = 0; i < g_num_methods; i++) {
		spdk_rpc_set_state(SPDK_RPC_RUNTIME);
		ask_empty(&g_methods[i]);
		spdk_rpc_set_state(SPDK_RPC_STARTUP);
		ask_empty(&g_methods[i]);
		with += g_methods[i].decoders != NULL;
	}
	CHECK(with > 20);
	remove_devices();
	used = g_mem_used;
	for (i = 0; i < n; i++) {
		spdk_rpc_set_state(pick(10) == 0 ? SPDK_RPC_STARTUP : SPDK_RPC_RUNTIME);
		ask_mutated(&g_methods[pick(g_num_methods)], &wrong_form);
		if (i % 1000 == 999) {
			remove_devices();
		}
	}
	remove_devices();
	for (i = 0; i < 100; i++) {
		poll_once();
	}
	CHECK(wrong_form < n / 4 && g_results > n / 20 && g_errors > n / 4);
	printf("(%u methods, %u with params: %u results, %u errors, %u no request) ", g_num_methods,
	       with, g_results, g_errors, wrong_form);
	CHECK_EQ(g_mem_used, used);
}

/* --- before and after ------------------------------------------------------------------------- */

static int
new_thread(struct spdk_thread *thread)
{
	g_app = g_app == NULL ? thread : g_app;
	return 0;
}

/* A hundred thousand lines would hide the result; levels are changed on the way. */
static void
say_nothing(int level, const char *file, const int line, const char *func, const char *format,
            va_list args)
{
}

static void
set_flag(void *ctx, int rc)
{
	*(bool *)ctx = rc == 0;
}

static void
stopped(void *ctx)
{
	*(bool *)ctx = true;
}

static int
setup(void)
{
	struct spdk_iobuf_opts pools;
	struct spdk_bdev_opts opts;
	bool up = false;
	int i;

	setenv("TMPDIR", "/nowhere", 1); /* env_dpdk_get_mem_stats leaves no file */
	spdk_log_open(say_nothing);
	if (spdk_thread_lib_init(new_thread, 0) != 0) {
		return 1;
	}
	fake_thread("app_thread");
	spdk_set_thread(g_app);
	spdk_bdev_get_opts(&opts, sizeof(opts));
	opts.bdev_io_pool_size = 64;
	opts.bdev_io_cache_size = 8;
	spdk_iobuf_get_opts(&pools, sizeof(pools));
	pools.small_pool_count = 64;
	pools.large_pool_count = 8;
	if (spdk_bdev_set_opts(&opts) != 0 || spdk_iobuf_set_opts(&pools) != 0 ||
	    spdk_iobuf_initialize() != 0 || rpc_server_start() != 0) {
		return 1;
	}
	spdk_bdev_initialize(set_flag, &up);
	for (i = 0; i < 100; i++) {
		poll_once();
	}
	link_up();
	return up ? 0 : 1;
}

static void
pools_gone(void *ctx)
{
	*(bool *)ctx = true;
}

static void
layer_down(void *ctx)
{
	*(bool *)ctx = true;
}

static int
cleanup(void)
{
	bool server = false, layer = false, pools = false;
	int i;

	rpc_server_stop(stopped, &server);
	spdk_bdev_finish(layer_down, &layer);
	for (i = 0; i < 1000 && !(server && layer); i++) {
		poll_once();
	}
	spdk_iobuf_finish(pools_gone, &pools);
	for (i = 0; i < 1000 && !pools; i++) {
		poll_once();
	}
	fake_thread_end(g_app);
	spdk_thread_lib_fini();
	return server && layer && pools ? 0 : 1;
}

static const struct test_case cases[] = {
	TEST(every_method),
};
TEST_MAIN_WITH("rpc/mutate", cases, setup, cleanup)
