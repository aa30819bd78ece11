/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What a memory-like driver is tested in: the real block layer on one thread, memory from malloc()
 * that can run out, a log that can be read, and JSON-RPC without a server. The test includes its
 * driver's _rpc.c, calls its handlers, and looks at g_answer. */

#ifndef CAL_TESTS_UNIT_DRIVERS_HOST_H
#define CAL_TESTS_UNIT_DRIVERS_HOST_H

#include "tests/unit/fake_env.h"
#include "tests/unit/test.h"

#include "core/bdev/module_rpc.h"
#include "spdk/bdev_module.h"
#include "spdk/log.h"
#include "spdk/util.h"

/* I/O that there can be at a time. */
#ifndef HOST_IO_POOL
#define HOST_IO_POOL 64
#endif

/* How its methods' names begin, and when they may be called. */
#ifndef HOST_METHODS
#define HOST_METHODS "bdev_"
#define HOST_STATES  SPDK_RPC_RUNTIME
#endif

static struct spdk_thread *g_app;

/* --- memory ----------------------------------------------------------------------------------- */

static int g_mem_left = -1; /* allocations until there is no more; -1 for never */
static int g_mem_used;      /* allocations not yet given back */
static int g_mem_numa_id;   /* of the last one */

void *
spdk_malloc(size_t size, size_t align, uint64_t *unused, int numa_id, uint32_t flags)
{
	void *buf;

	if (g_mem_left == 0 || size > (1u << 30)) {
		return NULL;
	}
	g_mem_left -= g_mem_left > 0;
	g_mem_numa_id = numa_id;
	buf = aligned_alloc(align, SPDK_ALIGN_CEIL(size, align));
	if (buf == NULL) {
		abort();
	}
	g_mem_used++;
	return memset(buf, 0xa5, size);
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
	g_mem_used -= buf != NULL;
	free(buf);
}

/* --- the log ---------------------------------------------------------------------------------- */

static char g_said[4096];

static void
said(int level, const char *file, const int line, const char *func, const char *format,
     va_list args)
{
	size_t len = strlen(g_said);

	vsnprintf(g_said + len, sizeof(g_said) - len, format, args);
}

/* Whether there was one line since the last call, and these words are in it. */
static inline bool
said_once(const char *what, const char *name)
{
	const char *end = strchr(g_said, '\n');
	bool good = end != NULL && end[1] == '\0' && strstr(g_said, what) != NULL &&
	            strstr(g_said, name) != NULL;

	if (!good) {
		fprintf(stderr, "wanted one line with \"%s\" and \"%s\", it said: %s\n", name, what,
		        g_said);
	}
	g_said[0] = '\0';
	return good;
}

/* --- answers ---------------------------------------------------------------------------------- */

static struct {
	unsigned count;
	int error; /* 0 for a result */
	char text[8192];
	size_t len;
} g_answer;

static int
to_text(void *ctx, const void *data, size_t size)
{
	if (g_answer.len + size >= sizeof(g_answer.text)) {
		return -1;
	}
	memcpy(g_answer.text + g_answer.len, data, size);
	g_answer.len += size;
	g_answer.text[g_answer.len] = '\0';
	return 0;
}

static struct spdk_json_write_ctx *
text_begin(void)
{
	struct spdk_json_write_ctx *w = spdk_json_write_begin(to_text, NULL, 0);

	REQUIRE(w != NULL);
	g_answer.len = 0;
	return w;
}

struct spdk_json_write_ctx *
spdk_jsonrpc_begin_result(struct spdk_jsonrpc_request *request)
{
	return text_begin();
}

void
spdk_jsonrpc_end_result(struct spdk_jsonrpc_request *request, struct spdk_json_write_ctx *w)
{
	REQUIRE(spdk_json_write_end(w) == 0);
	g_answer.count++;
}

void
spdk_jsonrpc_send_bool_response(struct spdk_jsonrpc_request *request, bool value)
{
	g_answer.count++;
	snprintf(g_answer.text, sizeof(g_answer.text), "%s", value ? "true" : "false");
}

void
spdk_jsonrpc_send_error_response(struct spdk_jsonrpc_request *request, int error, const char *msg)
{
	g_answer.count++;
	g_answer.error = error;
	snprintf(g_answer.text, sizeof(g_answer.text), "%s", msg);
}

void
spdk_jsonrpc_send_error_response_fmt(struct spdk_jsonrpc_request *request, int error,
                                     const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_answer.count++;
	g_answer.error = error;
	vsnprintf(g_answer.text, sizeof(g_answer.text), format, args);
	va_end(args);
}

void
spdk_rpc_register_method(const char *method, spdk_rpc_method_handler func, uint32_t state_mask)
{
	/* Before main(): nothing can be checked yet. */
	if (strncmp(method, HOST_METHODS, strlen(HOST_METHODS)) != 0 || func == NULL ||
	    (state_mask & ~(uint32_t)HOST_STATES) != 0) {
		abort();
	}
}

/* --- calls ------------------------------------------------------------------------------------ */

static inline void
settle(void)
{
	fake_poll_all(&g_app, 1);
	spdk_set_thread(g_app);
}

/* Values of a JSON text, which is changed; free() them. */
static struct spdk_json_val *
parse(char *text)
{
	ssize_t n = spdk_json_parse(text, strlen(text), NULL, 0, NULL, 0);
	struct spdk_json_val *values;

	REQUIRE(n > 0);
	values = calloc((size_t)n, sizeof(*values));
	REQUIRE(values != NULL);
	REQUIRE(spdk_json_parse(text, strlen(text), values, (size_t)n, NULL,
	                        SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE) == n);
	return values;
}

/* Returns the error; the answer's text is in g_answer. */
static int
call_values(spdk_rpc_method_handler method, const struct spdk_json_val *params)
{
	memset(&g_answer, 0, sizeof(g_answer));
	method(NULL, params);
	settle();
	CHECK_EQ(g_answer.count, 1);
	return g_answer.error;
}

static int
call(spdk_rpc_method_handler method, const char *params)
{
	char text[1024];
	struct spdk_json_val *values;
	int rc;

	/* The reader knows no single quotes: they spare the tests the backslashes. */
	snprintf(text, sizeof(text), "%s", params);
	for (char *c = text; *c != '\0'; c++) {
		*c = *c == '\'' ? '"' : *c;
	}
	values = parse(text);
	rc = call_values(method, values);
	free(values);
	return rc;
}

/* The device's saved configuration: the call that makes it, in g_answer.text. */
static void
config_of(struct spdk_bdev *bdev)
{
	struct spdk_json_write_ctx *w = text_begin();

	bdev->fn_table->write_config_json(bdev, w);
	REQUIRE(spdk_json_write_end(w) == 0);
}

/* Save a device, delete it, make it again from what was saved, and save that: the same. */
static inline void
config_round_trip(const char *name, const char *method, spdk_rpc_method_handler create,
                  spdk_rpc_method_handler delete)
{
	char before[sizeof(g_answer.text)], text[sizeof(g_answer.text)], del[256];
	struct spdk_json_val *values, *params;
	struct spdk_bdev *bdev = spdk_bdev_get_by_name(name);

	REQUIRE(bdev != NULL);
	config_of(bdev);
	memcpy(before, g_answer.text, sizeof(before));
	snprintf(del, sizeof(del), "{'name':'%s'}", name);
	CHECK_EQ(call(delete, del), 0);
	CHECK(spdk_bdev_get_by_name(name) == NULL);

	memcpy(text, before, sizeof(text));
	CHECK(strstr(text, method) != NULL);
	values = parse(text);
	REQUIRE(spdk_json_find(values, "params", NULL, &params, SPDK_JSON_VAL_OBJECT_BEGIN) == 0);
	CHECK_EQ(call_values(create, params), 0);
	free(values);
	bdev = spdk_bdev_get_by_name(name);
	REQUIRE(bdev != NULL);
	config_of(bdev);
	CHECK_STR(g_answer.text, before);
}

/* --- I/O -------------------------------------------------------------------------------------- */

static struct spdk_bdev_desc *g_desc;
static struct spdk_io_channel *g_ch;
static unsigned g_ios, g_good_ios, g_resize_events;

static void
on_event(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
	g_resize_events += type == SPDK_BDEV_EVENT_RESIZE;
}

static inline struct spdk_bdev *
device_open(const char *name)
{
	REQUIRE(spdk_bdev_open_ext(name, true, on_event, NULL, &g_desc) == 0);
	g_ch = spdk_bdev_get_io_channel(g_desc);
	REQUIRE(g_ch != NULL);
	return spdk_bdev_desc_get_bdev(g_desc);
}

static inline void
device_close(void)
{
	spdk_put_io_channel(g_ch);
	spdk_bdev_close(g_desc);
	settle();
}

static inline void
io_done(struct spdk_bdev_io *io, bool success, void *arg)
{
	g_ios++;
	g_good_ios += success;
	if (arg != NULL) { /* a read without a buffer */
		spdk_bdev_io_get_iovec(io, arg, &(int){ 0 });
	}
	spdk_bdev_free_io(io);
}

/* Given what a submission returned: wait for its end. True if it succeeded. */
static inline bool
io_ends(int rc)
{
	unsigned good = g_good_ios, ios = g_ios;

	REQUIRE(rc == 0);
	CHECK_EQ(g_ios, ios); /* not inside the submission */
	settle();
	CHECK_EQ(g_ios, ios + 1);
	return g_good_ios == good + 1;
}

/* --- start and end ---------------------------------------------------------------------------- */

static void
layer_up(void *ctx, int rc)
{
	*(bool *)ctx = rc == 0;
}

static void
layer_down(void *ctx)
{
	*(bool *)ctx = true;
}

static int
host_new_thread(struct spdk_thread *thread)
{
	g_app = thread;
	return 0;
}

static int
host_start(void)
{
	struct spdk_iobuf_opts pools;
	struct spdk_bdev_opts opts;
	bool up = false;

	spdk_log_open(said);
	if (spdk_thread_lib_init(host_new_thread, 0) != 0) {
		return 1;
	}
	fake_thread("app_thread");
	spdk_set_thread(g_app);
	spdk_bdev_get_opts(&opts, sizeof(opts));
	opts.bdev_io_pool_size = HOST_IO_POOL;
	opts.bdev_io_cache_size = 8;
	if (spdk_bdev_set_opts(&opts) != 0) {
		return 1;
	}
	spdk_iobuf_get_opts(&pools, sizeof(pools));
	pools.small_pool_count = 64;
	pools.large_pool_count = 8;
	if (spdk_iobuf_set_opts(&pools) != 0 || spdk_iobuf_initialize() != 0) {
		return 1;
	}
	spdk_bdev_initialize(layer_up, &up);
	settle();
	return up ? 0 : 1;
}

/* The end of everything, the devices that are left included, leaves nothing behind. */
static int
host_stop(void)
{
	bool down = false, freed = false;
	int i;

	spdk_bdev_finish(layer_down, &down);
	for (i = 0; i < 100 && !down; i++) {
		settle();
		fake_delay_us(1000);
	}
	spdk_iobuf_finish(layer_down, &freed);
	settle();
	if (!down || !freed || g_mem_used != 0) {
		fprintf(stderr, "\n%s, %d pieces of memory left\n", down ? "ended" : "no end",
		        g_mem_used);
		return 1;
	}
	spdk_set_thread(NULL);
	fake_thread_end(g_app);
	spdk_thread_lib_fini();
	spdk_log_close();
	return 0;
}

#endif
