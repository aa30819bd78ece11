/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Bytes on a link, and what the primary does with them: both ends of a real link, the RPC server,
 * its methods and those of block devices on the real thread library; memory, clock, control pthread
 * and the application's start are pretended.
 *
 * An input is a row of items. JSON text is a request: {"method":…,"params":…}, sent as MessagePack
 * (anything else that is JSON is sent as it is). A byte below 9 is a step (enum step).
 *
 * What must hold: a request in good form has exactly one answer; anything else costs the link. */

/* objs: core/rpc core/bdev core/app/framework_rpc.c drivers/malloc drivers/null */
/* libs: -ljson-c */

#include "tests/fuzz/json_mutator.h"
#include "tests/fuzz/link_end.h"

#include <json-c/json.h>

#include "core/app/app_internal.h"
#include "core/app/subsystem.h"
#include "core/rpc/rpc_server.h"
#include "ipc/client/json.h"
#include "ipc/gate/control.h"
#include "ipc/gate/gate.h"
#include "spdk/bdev_module.h"
#include "spdk/env_dpdk.h"
#include "spdk/log.h"
#include "spdk/rpc.h"
#include "spdk/thread.h"
#include "tests/unit/fake_env.h"

#define MAX_REQUESTS 256  /* of one input */
#define MAX_ROUNDS   3000 /* until something is done */
#define MAX_IDLE     400  /* rounds in which no answer comes: there will be none */
#define MAX_WAIT_MS  1000 /* that a request may ask to wait for */
#define MEMORY       (4u << 20)

enum step {
	STEP_RAW,     /* two bytes of length, and a message */
	STEP_POLL,    /* so many rounds */
	STEP_SPOIL,   /* in the next message: where (two bytes), and what to change there */
	STEP_END,     /* the client is gone */
	STEP_NOTICE,  /* the next request wants no answer */
	STEP_STATE,   /* at start-up, or running */
	STEP_PAUSE,   /* … and again to go on */
	STEP_MONITOR, /* the client may only look */
	STEP_CONFD,   /* the client is the configuration service */
};

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
	FUZZ_CHECK(block != NULL, "no memory");
	block[0] = size;
	block[1] = align;
	g_mem_used += size;
	/* Where it begins is known from the word before it. */
	*(size_t *)((uint8_t *)block + align - sizeof(size_t)) = align;
	block[0] = size;
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

/* env_dpdk_get_mem_stats's. */
void
spdk_env_dpdk_dump_mem_stats(FILE *file)
{
	fprintf(file, "no memory\n");
}

static struct spdk_thread *g_app;

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

/* spdk_kill_instance's. */
int
kill(pid_t pid, int sig)
{
	return 0;
}

/* --- the link --------------------------------------------------------------------------------- */

static struct link_pair g_pair;
static bool g_open, g_done, g_killed;
static enum gate_role g_role = GATE_ROLE_ADMIN;
static const char *g_client = "fuzz";

void
gate_link_done(struct link *link)
{
	FUZZ_CHECK(link == g_pair.link && !g_done, "let go of twice");
	g_done = true;
	link_destroy(link);
}

int
gate_link_kill(struct link *link, const char *reason)
{
	FUZZ_CHECK(link == g_pair.link && !g_done, "killed when it had ended");
	g_killed = true;
	return 0;
}

/* --- requests and answers --------------------------------------------------------------------- */

static unsigned g_answers[MAX_REQUESTS]; /* by id */
static bool g_owed[MAX_REQUESTS];
static bool g_asked[MAX_REQUESTS];
static bool g_waits[MAX_REQUESTS]; /* it may ask for a device to be waited for */
static unsigned g_next_id, g_num_ids;
static unsigned g_slots_taken;
static bool g_in_startup, g_paused, g_notice;
static bool g_say; /* $CAL_FUZZ_SAY: print the answers */
static bool g_spoil;
static uint32_t g_spoil_at;
static uint8_t g_spoil_by;
static uint8_t *g_got; /* of the answer that is coming */
static size_t g_got_len;

static void
answer_check(const uint8_t *msg, size_t len)
{
	struct codec_envelope env;
	struct cal_text text = { 0 };
	struct codec_span message;
	int code;

	FUZZ_CHECK(codec_parse(msg, len, &env) == 0 && env.type == CODEC_RESPONSE,
	           "no answer: %zu bytes", len);
	if (env.error.len > 0) {
		FUZZ_CHECK(codec_parse_error(env.error.data, env.error.len, &code, &message) == 0,
		           "no error");
		FUZZ_CHECK(code != 0, "an error without a code: %.*s", (int)message.len,
		           (const char *)message.data);
	} else {
		FUZZ_CHECK(cal_json_print(&text, env.result.data, env.result.len) == 0,
		           "a result that is no JSON");
	}
	if (g_say) {
		if (env.error.len > 0) {
			cal_json_print(&text, env.error.data, env.error.len);
		}
		dprintf(g_fuzz_stderr, "%u: %.300s\n", env.id, text.data);
	}
	cal_text_free(&text);
	/* Raw messages may carry any id. */
	if (env.id < MAX_REQUESTS) {
		g_answers[env.id]++;
	}
}

static void
take_answers(void)
{
	const void *data;
	size_t len;
	bool more;
	int rc;

	while (!g_done && (rc = client_ring_peek(&g_pair.ring, &data, &len, &more)) != 0) {
		FUZZ_CHECK(rc == 1, "the primary broke its ring");
		g_got = realloc(g_got, g_got_len + len);
		memcpy(g_got + g_got_len, data, len);
		g_got_len += len;
		g_slots_taken++;
		client_ring_release(&g_pair.ring);
		if (!more) {
			answer_check(g_got, g_got_len);
			g_got_len = 0;
		}
	}
}

static void
poll_once(void)
{
	spdk_thread_poll(g_app, 0, 0);
	fake_delay_us(10);
	if (g_open) {
		take_answers();
	}
}

static void
link_open(void)
{
	if (!g_open) {
		g_open = true;
		g_done = g_killed = false;
		g_got_len = 0;
		link_pair_open(&g_pair, g_role, g_client);
		rpc_server_link_up(NULL, g_pair.link);
		poll_once();
	}
}

/* What is under way for it completes into nothing. */
static void
link_end(void)
{
	if (g_open) {
		rpc_server_link_down(NULL, g_pair.link);
		while (!g_done) {
			poll_once();
		}
		link_pair_close(&g_pair);
		g_open = false;
		memset(g_owed, 0, sizeof(g_owed));
	}
}

static void
send_message(const uint8_t *msg, size_t len)
{
	size_t put = 0;
	unsigned rounds = 0;

	link_open();
	while (put < len && !g_killed) {
		put += client_ring_push(&g_pair.ring, msg + put, len - put);
		if (put < len) { /* no slot is free */
			poll_once();
			if (++rounds == (g_paused ? 20 : MAX_ROUNDS)) {
				FUZZ_CHECK(g_paused, "a request that is not taken");
				link_end();
				return;
			}
		}
	}
}

/* Send it, changed if that was the last step; note what it is owed. */
static void
send_changed(uint8_t *msg, size_t len)
{
	struct codec_envelope env;

	if (len == 0) {
		return;
	}
	if (g_spoil) {
		msg[g_spoil_at % len] ^= g_spoil_by;
		g_spoil = false;
	}
	if (codec_parse(msg, len, &env) == 0 && env.type == CODEC_REQUEST &&
	    env.id < MAX_REQUESTS) {
		/* Of those with the same id none is counted. */
		g_num_ids = env.id >= g_num_ids ? env.id + 1 : g_num_ids;
		g_owed[env.id] = !g_asked[env.id];
		g_asked[env.id] = true;
	}
	send_message(msg, len);
}

/* Methods that go round by reactors, of which there are none here (live.py has some). */
static bool
needs_reactors(struct json_object *method)
{
	const char *name = json_object_get_string(method);

	return name != NULL && strcmp(name, "cal_perf_start") == 0;
}

/* A request that waits for a device for days would stay for as many inputs. The first few do. */
static void
shorten_wait(struct json_object *params)
{
	static unsigned left_long;
	struct json_object *timeout;
	int64_t ms;

	if (!json_object_object_get_ex(params, "timeout", &timeout)) {
		return;
	}
	ms = json_object_get_int64(timeout); /* the largest one for what is larger */
	if (ms <= MAX_WAIT_MS || left_long++ < 4) {
		return;
	}
	if (json_object_is_type(timeout, json_type_int)) {
		json_object_set_int64(timeout, ms % MAX_WAIT_MS);
	} else if (json_object_is_type(timeout, json_type_double)) {
		json_object_set_double(timeout, MAX_WAIT_MS);
	}
}

static void
send_value(struct json_object *value)
{
	struct json_object *method, *params = NULL;
	struct codec_buf buf, packed;

	if (g_next_id >= MAX_REQUESTS ||
	    (json_object_object_get_ex(value, "method", &method) && needs_reactors(method))) {
		return;
	}
	codec_buf_init(&buf);
	codec_buf_init(&packed);
	if (json_object_object_get_ex(value, "method", &method) &&
	    json_object_is_type(method, json_type_string)) {
		json_object_object_get_ex(value, "params", &params);
		g_waits[g_next_id] = strcmp(json_object_get_string(method), "bdev_get_bdevs") == 0;
		if (g_waits[g_next_id]) {
			shorten_wait(params);
		}
		if (cal_json_pack(&packed, params) == 0) {
			codec_put_request(&buf, g_next_id, json_object_get_string(method),
			                  packed.data, packed.len);
			if (g_notice) { /* [2, method, params] */
				codec_buf_free(&buf);
				codec_buf_init(&buf);
				codec_put_array(&buf, 3);
				codec_put_uint(&buf, 2);
				codec_put_cstr(&buf, json_object_get_string(method));
				codec_put_raw(&buf, packed.data, packed.len);
				g_notice = false;
			}
		}
	} else if (value != NULL) {
		cal_json_pack(&buf, value);
	}
	if (buf.len > 0) {
		send_changed(buf.data, buf.len);
		g_next_id++;
	}
	codec_buf_free(&packed);
	codec_buf_free(&buf);
}

static void
send_json(const uint8_t *text, size_t len)
{
	struct json_tokener *tokener = json_tokener_new_ex(CODEC_MAX_DEPTH + 8);
	struct json_object *value;
	size_t taken;

	while (len > 0 && !g_killed) {
		json_tokener_reset(tokener);
		value = json_tokener_parse_ex(tokener, (const char *)text, (int)len);
		taken = json_tokener_get_parse_end(tokener);
		if (value == NULL || taken == 0) {
			taken = 1; /* whatever this is: after it there may be more */
		}
		send_value(value);
		json_object_put(value);
		text += taken;
		len -= taken;
	}
	json_tokener_free(tokener);
}

static void
step(struct fuzz_input *in, uint8_t what)
{
	size_t len;
	unsigned i;

	switch (what) {
	case STEP_RAW:
		len = fuzz_byte(in);
		len |= (size_t)fuzz_byte(in) << 8;
		len = len < fuzz_left(in) ? len : fuzz_left(in);
		{
			uint8_t *msg = malloc(len + 1);

			memcpy(msg, in->p, len);
			in->p += len;
			send_changed(msg, len);
			free(msg);
		}
		break;
	case STEP_POLL:
		for (i = fuzz_byte(in); i > 0; i--) {
			poll_once();
		}
		break;
	case STEP_SPOIL:
		g_spoil_at = fuzz_byte(in);
		g_spoil_at |= (uint32_t)fuzz_byte(in) << 8;
		g_spoil_by = fuzz_byte(in);
		g_spoil = true;
		break;
	case STEP_END:
		link_end();
		break;
	case STEP_NOTICE:
		g_notice = true;
		break;
	case STEP_STATE:
		g_in_startup = !g_in_startup;
		spdk_rpc_set_state(g_in_startup ? SPDK_RPC_STARTUP : SPDK_RPC_RUNTIME);
		break;
	case STEP_PAUSE:
		g_paused = !g_paused;
		g_paused ? rpc_server_pause() : rpc_server_resume();
		break;
	case STEP_MONITOR:
	case STEP_CONFD:
		link_end();
		g_role = what == STEP_MONITOR ? GATE_ROLE_MONITOR : GATE_ROLE_SERVICE;
		g_client = what == STEP_MONITOR ? "fuzz" : "confd";
		break;
	}
}

/* --- one input -------------------------------------------------------------------------------- */

static bool
all_answered(bool but_those_that_wait)
{
	unsigned i;

	for (i = 0; i < g_num_ids; i++) {
		FUZZ_CHECK(g_answers[i] <= 1 || !g_owed[i], "request %u: %u answers", i,
		           g_answers[i]);
		if (g_owed[i] && g_answers[i] == 0 && !(but_those_that_wait && g_waits[i])) {
			return false;
		}
	}
	return true;
}

/* The first rounds are as quick as a reactor's, then time flies. */
static void
wait_for_answers(void)
{
	unsigned idle, slots;

	for (idle = 0; idle < MAX_IDLE && !g_killed && !all_answered(false); idle++) {
		slots = g_slots_taken;
		poll_once();
		if (g_slots_taken != slots) {
			idle = 0;
		} else if (idle > 50) {
			fake_delay_us(MAX_WAIT_MS * 1000 / 300);
		}
	}
}

static void
unregistered(void *ctx, int rc)
{
}

/* As it was before. */
static void
clean_up(void)
{
	struct spdk_bdev *bdev;
	unsigned i;

	link_end();
	free(g_got);
	g_got = NULL;
	for (i = 0; i < MAX_ROUNDS && (bdev = spdk_bdev_first()) != NULL; i++) {
		spdk_bdev_unregister(bdev, unregistered, NULL);
		poll_once();
	}
	FUZZ_CHECK(spdk_bdev_first() == NULL, "a device that cannot be removed");
	fake_delay_us(MAX_WAIT_MS * 1000ull);
	for (i = 0; i < 8; i++) {
		poll_once();
	}
	spdk_log_set_level(SPDK_LOG_NOTICE);
	spdk_log_set_print_level(SPDK_LOG_NOTICE);
}

static void
begin(void)
{
	memset(g_answers, 0, sizeof(g_answers));
	memset(g_owed, 0, sizeof(g_owed));
	memset(g_waits, 0, sizeof(g_waits));
	memset(g_asked, 0, sizeof(g_asked));
	g_next_id = g_num_ids = 0;
	g_spoil = g_notice = false;
	if (g_in_startup) {
		step(NULL, STEP_STATE);
	}
	g_role = GATE_ROLE_ADMIN;
	g_client = "fuzz";
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, data + size };
	const uint8_t *text;
	size_t used = g_mem_used;
	int fd;

	begin();
	fd = fuzz_lowest_fd();
	link_open();
	while (fuzz_left(&in) > 0 && g_next_id < MAX_REQUESTS) {
		text = in.p;
		while (in.p<in.end && * in.p> STEP_CONFD) {
			in.p++;
		}
		if (in.p > text) {
			send_json(text, (size_t)(in.p - text));
		}
		if (fuzz_left(&in) > 0) {
			step(&in, fuzz_byte(&in));
		}
		if (g_killed) { /* it stays so until its end */
			link_end();
		}
	}
	if (g_paused) {
		step(&in, STEP_PAUSE);
	}
	wait_for_answers();
	/* What still waits for a device completes into nothing. */
	FUZZ_CHECK(g_killed || all_answered(true), "no answer");
	clean_up();
	FUZZ_CHECK(g_mem_used == used, "%zu bytes of memory were not given back",
	           g_mem_used - used);
	FUZZ_CHECK(fuzz_lowest_fd() == fd, "a descriptor stayed open");
	return 0;
}

/* --- before all of them ----------------------------------------------------------------------- */

static int
new_thread(struct spdk_thread *thread)
{
	g_app = g_app == NULL ? thread : g_app;
	return 0;
}

static void
layer_up(void *ctx, int rc)
{
	*(bool *)ctx = rc == 0;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct spdk_iobuf_opts pools;
	struct spdk_bdev_opts opts;
	bool up = false;
	int i;

	g_say = getenv("CAL_FUZZ_SAY") != NULL;
	setenv("TMPDIR", "/nowhere", 1); /* env_dpdk_get_mem_stats leaves no file */
	spdk_log_open(NULL);
	spdk_log_set_print_level(SPDK_LOG_NOTICE);
	FUZZ_CHECK(spdk_thread_lib_init(new_thread, 0) == 0, "no threads");
	fake_thread("app_thread");
	spdk_set_thread(g_app);
	spdk_bdev_get_opts(&opts, sizeof(opts));
	opts.bdev_io_pool_size = 64;
	opts.bdev_io_cache_size = 8;
	FUZZ_CHECK(spdk_bdev_set_opts(&opts) == 0, "no options");
	spdk_iobuf_get_opts(&pools, sizeof(pools));
	pools.small_pool_count = 64;
	pools.large_pool_count = 8;
	FUZZ_CHECK(spdk_iobuf_set_opts(&pools) == 0 && spdk_iobuf_initialize() == 0, "no pools");
	spdk_bdev_initialize(layer_up, &up);
	spdk_rpc_set_state(SPDK_RPC_RUNTIME);
	FUZZ_CHECK(rpc_server_start() == 0, "no server");
	for (i = 0; i < 100; i++) {
		poll_once();
	}
	FUZZ_CHECK(up, "no block layer");
	return 0;
}

/* As in METHODS.md. */
static const char *const g_names[] = {
	"bdev_auto_examine",
	"bdev_io_cache_size",
	"bdev_io_pool_size",
	"block_size",
	"core_busy",
	"core_limit",
	"cpumask",
	"current",
	"dif_is_head_of_md",
	"dif_pi_format",
	"dif_type",
	"enable",
	"enable_numa",
	"enabled",
	"error",
	"filename",
	"flag",
	"id",
	"include_aliases",
	"index",
	"io_size",
	"iobuf_large_cache_size",
	"iobuf_small_cache_size",
	"isolated_core_mask",
	"large_bufsize",
	"large_pool_count",
	"lcore",
	"level",
	"load_limit",
	"mappings",
	"md_interleave",
	"md_size",
	"method",
	"min_us",
	"mode",
	"name",
	"names",
	"new_size",
	"notice",
	"num_blocks",
	"numa_id",
	"optimal_io_boundary",
	"optimal_write_size",
	"per_channel",
	"period",
	"phase",
	"physical_block_size",
	"preferred_unmap_alignment",
	"preferred_unmap_granularity",
	"preferred_write_alignment",
	"preferred_write_granularity",
	"queue_depth",
	"reset_mode",
	"rwmixread",
	"sample",
	"scheduling_core",
	"sig_name",
	"small_bufsize",
	"small_pool_count",
	"source",
	"time_ms",
	"timeout",
	"uuid",
	"verify",
	"with_batches",
	"workload",
	"method",
	"params",
	NULL,
};

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	return json_mutate(data, size, max_size, seed, g_names);
}
