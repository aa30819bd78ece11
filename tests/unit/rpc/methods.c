/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The methods that need no reactor, called through the server on the real thread library: a client
 * here asks in JSON and looks at JSON. */

#include "spdk/stdinc.h"
#include "spdk/env.h"
#include "spdk/event.h"
#include "spdk/init.h"
#include "spdk/thread.h"
#include "spdk/util.h"

#include "core/app/app_internal.h"
#include "core/app/subsystem.h"
#include "ipc/gate/gate.h"
#include "ipc/link/link.h"
#include "tests/unit/chain.h"
#include "tests/unit/test.h"

/* Linked in by name nowhere: they register themselves. */
#include "core/app/framework_rpc.c"
#include "core/rpc/methods_env.c"
#include "core/rpc/methods_log.c"
#include "core/rpc/methods_notify.c"
#include "core/rpc/methods_rpc.c"
#include "core/rpc/methods_thread.c"
#include "core/rpc/rpc_internal.h"

/* --- what they ask of others ------------------------------------------------------------------ */

static struct spdk_cpuset g_cores;
static app_init_fn g_init_fn;
static void *g_init_ctx;
static int g_init_rc;
static int g_signal;

uint64_t
spdk_get_ticks(void)
{
	static uint64_t ticks;

	return ++ticks;
}

uint64_t
spdk_get_ticks_hz(void)
{
	return 1000000;
}

const struct spdk_cpuset *
reactors_get_cpuset(void)
{
	return &g_cores;
}

int
app_framework_start_init(app_init_fn fn, void *ctx)
{
	g_init_fn = fn;
	g_init_ctx = ctx;
	return g_init_rc;
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
	CHECK_EQ(pid, getpid());
	g_signal = sig;
	return 0;
}

void
spdk_env_dpdk_dump_mem_stats(FILE *file)
{
	fprintf(file, "memory as EAL tells it\n");
}

static int g_control_rc;

int
control_post(void (*fn)(void *arg), void *arg)
{
	return g_control_rc != 0 ? g_control_rc
	                         : spdk_thread_send_msg(spdk_thread_get_app_thread(), fn, arg);
}

static void
write_config_one(struct spdk_json_write_ctx *w)
{
	spdk_json_write_array_begin(w);
	spdk_json_write_batch_begin(w);
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", "m");
	spdk_json_write_object_end(w);
	spdk_json_write_batch_end(w);
	spdk_json_write_array_end(w);
}

static struct spdk_subsystem g_one = { .name = "one", .write_config_json = write_config_one };
static struct spdk_subsystem g_two = { .name = "two" };
static struct spdk_subsystem_depend g_depend = { .name = "two", .depends_on = "one" };

struct spdk_subsystem *
subsystem_first(void)
{
	return &g_one;
}

struct spdk_subsystem *
subsystem_next(struct spdk_subsystem *subsystem)
{
	return subsystem == &g_one ? &g_two : NULL;
}

struct spdk_subsystem *
subsystem_find(const char *name)
{
	return strcmp(name, "one") == 0 ? &g_one : strcmp(name, "two") == 0 ? &g_two : NULL;
}

struct spdk_subsystem_depend *
subsystem_depend_next(const struct spdk_subsystem *subsystem, struct spdk_subsystem_depend *last)
{
	return subsystem == &g_two && last == NULL ? &g_depend : NULL;
}

/* --- one link --------------------------------------------------------------------------------- */

struct link {
	struct codec_buf in;
	bool waiting;
	void *out;
	size_t out_len;
	unsigned answers;
};

static struct link g_link;

int
link_recv(struct link *link, const void **msg, size_t *len)
{
	if (!link->waiting) {
		return 0;
	}
	link->waiting = false;
	*msg = link->in.data;
	*len = link->in.len;
	return 1;
}

int
link_send(struct link *link, struct codec_chain *response)
{
	free(link->out);
	link->out = chain_flatten(response, &link->out_len);
	link->answers++;
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
	return "test";
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
	printf("\n  killed: %s\n", reason);
	CU_FAIL("the link was killed");
	return 0;
}

/* --- asking ----------------------------------------------------------------------------------- */

static struct spdk_thread *g_threads[80];
static unsigned g_num_threads;
static char g_text[1 << 20];
static size_t g_text_len;

static void
poll_threads(unsigned rounds)
{
	unsigned i;

	while (rounds-- > 0) {
		for (i = 0; i < g_num_threads; i++) {
			spdk_thread_poll(g_threads[i], 0, 0);
		}
	}
}

static struct spdk_thread *
add_thread(const char *name)
{
	struct spdk_thread *thread = spdk_thread_create(name, NULL);

	if (thread == NULL) {
		abort(); /* called by the set-up, where nothing can be asserted */
	}
	g_threads[g_num_threads++] = thread;
	return thread;
}

static int
to_text(void *ctx, const void *data, size_t size)
{
	REQUIRE(g_text_len + size < sizeof(g_text));
	memcpy(g_text + g_text_len, data, size);
	g_text_len += size;
	g_text[g_text_len] = '\0';
	return 0;
}

/* The answer's error or result as JSON text in g_text. */
static void
answer_to_text(void)
{
	struct spdk_json_write_ctx *w = spdk_json_write_begin(to_text, NULL, 0);
	struct json_values_size size;
	struct spdk_json_val *values;
	struct codec_envelope env;
	struct codec_span *part;
	const char *why;
	char *text;

	REQUIRE(w != NULL && codec_parse(g_link.out, g_link.out_len, &env) == 0);
	part = env.error.len > 0 ? &env.error : &env.result;
	REQUIRE(json_values_measure(part->data, part->len, 1000000, &size, &why) == 0);
	values = calloc(size.num_values, sizeof(*values));
	text = malloc(size.text + 1);
	REQUIRE(values != NULL && text != NULL);
	json_values_fill(part->data, part->len, values, text);
	g_text_len = 0;
	spdk_json_write_val(w, values);
	CHECK_EQ(spdk_json_write_end(w), 0);
	free(values);
	free(text);
}

static void
ask(const char *method, const char *params)
{
	struct json_msgpack_writer w;
	struct codec_buf buf;

	codec_buf_init(&buf);
	if (params != NULL) {
		json_msgpack_writer_init(&w, &buf);
		REQUIRE(spdk_json_write_val_raw(&w.base, params, strlen(params)) == 0);
	}
	codec_buf_free(&g_link.in);
	codec_put_request(&g_link.in, 1, method, params != NULL ? buf.data : NULL, buf.len);
	codec_buf_free(&buf);
	g_link.waiting = true;
	g_link.answers = 0;
}

/* Ask, let everybody work until the answer is there. Returns it. */
static const char *
call(const char *method, const char *params)
{
	unsigned i;

	ask(method, params);
	for (i = 0; i < 1000 && g_link.answers == 0; i++) {
		poll_threads(1);
	}
	REQUIRE(g_link.answers == 1);
	answer_to_text();
	return g_text;
}

static int
nothing_to_do(void *arg)
{
	return SPDK_POLLER_IDLE;
}

static bool g_can_resched;
static int g_resched_rc;

static int
thread_op(struct spdk_thread *thread, enum spdk_thread_op op)
{
	return op == SPDK_THREAD_OP_RESCHED ? g_resched_rc : 0;
}

static bool
thread_op_supported(enum spdk_thread_op op)
{
	return op == SPDK_THREAD_OP_NEW || g_can_resched;
}

static int
start(void)
{
	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	spdk_log_set_level(SPDK_LOG_DISABLED);
	spdk_cpuset_set_cpu(&g_cores, 0, true);
	spdk_cpuset_set_cpu(&g_cores, 1, true);
	if (spdk_thread_lib_init_ext(thread_op, thread_op_supported, 0, 0) != 0) {
		return 1;
	}
	spdk_set_thread(add_thread("app_thread"));
	spdk_rpc_set_state(SPDK_RPC_RUNTIME);
	if (rpc_server_start() != 0) {
		return 1;
	}
	rpc_server_link_up(NULL, &g_link);
	spdk_set_thread(NULL);
	poll_threads(2);
	return 0;
}

static void
stopped(void *ctx)
{
}

static int
finish(void)
{
	unsigned i;

	spdk_set_thread(g_threads[0]);
	rpc_server_stop(stopped, NULL);
	for (i = g_num_threads; i-- > 0;) {
		spdk_set_thread(g_threads[i]);
		spdk_thread_exit(g_threads[i]);
		while (!spdk_thread_is_exited(g_threads[i])) {
			spdk_thread_poll(g_threads[i], 0, 0);
		}
		spdk_thread_destroy(g_threads[i]);
	}
	spdk_set_thread(NULL);
	spdk_thread_lib_fini();
	codec_buf_free(&g_link.in);
	free(g_link.out);
	return 0;
}

#define BEGINS(text, with) CHECK(strncmp(text, with, strlen(with)) == 0)

static unsigned
count(const char *text, const char *what)
{
	unsigned n = 0;

	for (; (text = strstr(text, what)) != NULL; text += strlen(what)) {
		n++;
	}
	return n;
}

/* --- cases ------------------------------------------------------------------------------------ */

static void
version_and_methods(void)
{
	BEGINS(call("spdk_get_version", NULL), "{\"version\":\"SPDK v");
	CHECK(strstr(g_text, "\"fields\":{\"major\":") != NULL);
	CHECK_STR(call("spdk_get_version", "{}"),
	          "[-32602,\"spdk_get_version method requires no parameters\"]");
	call("rpc_get_methods", NULL);
	CHECK_EQ(count(g_text, "\"framework_start_init\""), 1);
	CHECK_EQ(count(g_text, "\"thread_get_stats\""), 1);
	call("rpc_get_methods", "{\"current\":true,\"include_aliases\":false}");
	CHECK_EQ(count(g_text, "\"framework_start_init\""), 0);
	CHECK_EQ(count(g_text, "\"thread_get_stats\""), 1);
	spdk_rpc_set_state(SPDK_RPC_STARTUP);
	call("rpc_get_methods", "{\"current\":true}");
	CHECK_EQ(count(g_text, "\"framework_start_init\""), 1);
	CHECK_EQ(count(g_text, "\"thread_get_stats\""), 0);
	spdk_rpc_set_state(SPDK_RPC_RUNTIME);
	CHECK_STR(call("rpc_get_methods", "{\"currant\":true}"),
	          "[-32602,\"rpc_get_methods: \\\"currant\\\": no such parameter\"]");
}

SPDK_RPC_REGISTER_ALIAS_DEPRECATED(thread_get_stats, get_thread_stats)

static void
aliases_are_listed_on_demand(void)
{
	call("rpc_get_methods", NULL);
	CHECK_EQ(count(g_text, "\"get_thread_stats\""), 0);
	call("rpc_get_methods", "{\"current\":true}");
	CHECK_EQ(count(g_text, "\"get_thread_stats\""), 0);
	call("rpc_get_methods", "{\"include_aliases\":true}");
	CHECK_EQ(count(g_text, "\"get_thread_stats\""), 1);
	spdk_rpc_set_state(SPDK_RPC_STARTUP);
	call("rpc_get_methods", "{\"include_aliases\":true,\"current\":true}");
	CHECK_EQ(count(g_text, "\"get_thread_stats\""), 0);
	BEGINS(call("get_thread_stats", NULL), "[-1,\"Method may only be called after");
	spdk_rpc_set_state(SPDK_RPC_RUNTIME);
	BEGINS(call("get_thread_stats", NULL), "{\"tick_rate\":");
	CHECK_STR(call("get_thread_stats", "{\"x\":1}"),
	          "[-32602,\"get_thread_stats: \\\"x\\\": no such parameter, the method takes "
	          "none\"]");
}

static void
notifications(void)
{
	char name[16];
	unsigned i;

	CHECK_STR(call("notify_get_types", NULL), "[]");
	spdk_notify_type_register("came");
	spdk_notify_type_register("went");
	CHECK_STR(call("notify_get_types", NULL), "[\"came\",\"went\"]");
	CHECK_STR(call("notify_get_types", "{}"), "[-32602,\"No parameters required\"]");
	CHECK_STR(call("notify_get_notifications", NULL), "[]");
	CHECK_STR(call("notify_get_notifications", "{}"), "[]");
	for (i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		spdk_notify_send(i % 2 == 0 ? "came" : "went", name);
	}
	CHECK_STR(call("notify_get_notifications", "{\"id\":38}"),
	          "[{\"type\":\"came\",\"ctx\":\"n38\",\"id\":38},"
	          "{\"type\":\"went\",\"ctx\":\"n39\",\"id\":39}]");
	/* More than one visit writes, and exactly one's worth. */
	CHECK_EQ(count(call("notify_get_notifications", NULL), "\"ctx\""), 40);
	CHECK_EQ(count(call("notify_get_notifications", "{\"max\":16}"), "\"ctx\""), 16);
	CHECK_EQ(count(call("notify_get_notifications", "{\"max\":33,\"id\":2}"), "\"ctx\""), 33);
	CHECK(strstr(g_text, "\"id\":2}") != NULL && strstr(g_text, "\"id\":34}") != NULL);
	CHECK_STR(call("notify_get_notifications", "{\"id\":40}"), "[]");
	CHECK_STR(call("notify_get_notifications", "{\"max\":0}"), "[]");
	CHECK_STR(call("notify_get_notifications", "{\"max\":-1}"),
	          "[-32602,\"notify_get_notifications: \\\"max\\\": -1 is out of range (0 to "
	          "18446744073709551615)\"]");
	for (; i < 3000; i++) {
		spdk_notify_send("came", "more");
	}
	CHECK_EQ(count(call("notify_get_notifications", NULL), "\"ctx\""), 1024);
	CHECK(strstr(g_text, "\"id\":1976}") != NULL && strstr(g_text, "\"id\":2999}") != NULL);
}

/* Those who send go on while an answer is written: it ends all the same. */
static void
notifications_meanwhile(void)
{
	unsigned i;

	ask("notify_get_notifications", NULL);
	for (i = 0; i < 5000 && g_link.answers == 0; i++) {
		spdk_notify_send("came", "meanwhile");
		poll_threads(1);
	}
	REQUIRE(g_link.answers == 1);
	answer_to_text();
	CHECK_EQ(count(g_text, "\"ctx\""), 1024);
}

static void
memory(void)
{
	char folder[] = "/tmp/cal-test.XXXXXX", path[64], text[128] = "";
	FILE *file;

	REQUIRE(mkdtemp(folder) != NULL);
	setenv("TMPDIR", folder, 1);
	snprintf(path, sizeof(path), "%s/spdk_mem_dump.txt", folder);
	snprintf(text, sizeof(text), "{\"filename\":\"%s\"}", path);
	CHECK_STR(call("env_dpdk_get_mem_stats", NULL), text);
	file = fopen(path, "r");
	REQUIRE(file != NULL);
	CHECK(fgets(text, sizeof(text), file) != NULL);
	CHECK_STR(text, "memory as EAL tells it\n");
	fclose(file);
	unlink(path);
	rmdir(folder);
	BEGINS(call("env_dpdk_get_mem_stats", NULL),
	       "[-32603,\"The figures could not be written to /tmp/cal-test.");
	g_control_rc = -ESHUTDOWN;
	BEGINS(call("env_dpdk_get_mem_stats", NULL), "[-32603,\"");
	g_control_rc = 0;
	BEGINS(call("env_dpdk_get_mem_stats", "{}"), "[-32602,\"env_dpdk_get_mem_stats ");
	unsetenv("TMPDIR");
}

static void
log_methods(void)
{
	CHECK_STR(call("log_set_level", "{\"level\":\"INFO\"}"), "true");
	CHECK_STR(call("log_get_level", NULL), "\"INFO\"");
	CHECK_STR(call("log_get_print_level", NULL), "\"DISABLED\"");
	CHECK_STR(
		call("log_set_level", "{\"level\":\"info\"}"),
		"[-32603,\"log_set_level: \\\"level\\\": expected ERROR, WARNING, NOTICE, INFO or "
		"DEBUG, got 'info'\"]");
	CHECK_STR(call("log_set_level", NULL),
	          "[-32603,\"log_set_level: \\\"level\\\": required, but missing\"]");
	CHECK_STR(call("log_set_flag", "{\"flag\":\"no such flag\"}"),
	          "[-32602,\"invalid log flag\"]");
	BEGINS(call("log_get_flags", NULL), "{");
	CHECK_STR(call("log_get_flags", "[]"), "[-32602,\"log_get_flags requires no parameters\"]");
	CHECK_STR(call("log_get_flags", "{\"flag\":1}"),
	          "[-32602,\"log_get_flags: \\\"flag\\\": no such parameter, the method takes "
	          "none\"]");
	CHECK_STR(call("log_enable_timestamps", "{\"enabled\":true}"), "true");
	CHECK_STR(call("log_enable_timestamps", "{}"),
	          "[-32602,\"log_enable_timestamps: \\\"enabled\\\": required, but missing\"]");
	spdk_log_set_level(SPDK_LOG_DISABLED);
}

static void
subsystems(void)
{
	CHECK_STR(call("framework_get_subsystems", NULL),
	          "[{\"subsystem\":\"one\",\"depends_on\":[]},"
	          "{\"subsystem\":\"two\",\"depends_on\":[\"one\"]}]");
	CHECK_STR(call("framework_get_config", "{\"name\":\"one\"}"), "[{\"method\":\"m\"}]");
	CHECK_STR(call("framework_get_config", "{\"name\":\"one\",\"with_batches\":true}"),
	          "[[{\"method\":\"m\"}]]");
	CHECK_STR(call("framework_get_config", "{\"name\":\"two\"}"), "null");
	CHECK_STR(call("framework_get_config", "{\"name\":\"three\"}"),
	          "[-32602,\"Subsystem 'three' not found\"]");
	CHECK_STR(call("framework_get_config", NULL),
	          "[-32602,\"framework_get_config: \\\"name\\\": required, but missing\"]");
}

static void
start_and_end(void)
{
	CHECK_STR(call("framework_wait_init", "{\"anything\":1}"), "true");
	BEGINS(call("framework_start_init", NULL), "[-1,\"Method may only be called before");
	spdk_rpc_set_state(SPDK_RPC_STARTUP);
	ask("framework_start_init", NULL);
	poll_threads(4);
	CHECK_EQ(g_link.answers, 0);
	spdk_set_thread(g_threads[0]);
	g_init_fn(g_init_ctx, -ENODEV, "subsystem one failed");
	spdk_set_thread(NULL);
	CHECK_EQ(g_link.answers, 1);
	answer_to_text();
	CHECK_STR(g_text, "[-32603,\"framework_initialization failed: subsystem one failed\"]");
	g_init_rc = -EPERM;
	BEGINS(call("framework_start_init", NULL), "[-1,");
	g_init_rc = 0;
	BEGINS(call("framework_start_init", "{}"), "[-32602,");
	spdk_rpc_set_state(SPDK_RPC_RUNTIME);

	CHECK_STR(call("spdk_kill_instance", "{\"sig_name\":\"SIGTERM\"}"), "true");
	CHECK_EQ(g_signal, SIGTERM);
	g_signal = 0;
	BEGINS(call("spdk_kill_instance", "{\"sig_name\":\"15\"}"),
	       "[-32602,\"spdk_kill_instance: \\\"sig_name\\\": expected SIGINT, SIGTERM, ");
	CHECK_EQ(g_signal, 0);
}

static void
threads(void)
{
	struct spdk_poller *active[350], *timed[3];
	struct spdk_thread *many = add_thread("many");
	unsigned i, rounds = 0;

	spdk_set_thread(many);
	for (i = 0; i < SPDK_COUNTOF(active); i++) {
		active[i] = spdk_poller_register_named(nothing_to_do, NULL, 0, "active");
	}
	for (i = 0; i < SPDK_COUNTOF(timed); i++) {
		timed[i] = spdk_poller_register_named(nothing_to_do, NULL, 1000, "timed");
	}
	spdk_poller_pause(active[7]);
	spdk_set_thread(NULL);
	add_thread("few");
	poll_threads(3);

	call("thread_get_stats", NULL);
	BEGINS(g_text, "{\"tick_rate\":1000000,\"threads\":[{\"name\":\"app_thread\",\"id\":1,"
	               "\"cpumask\":\"");
	CHECK(strstr(g_text, "\"active_pollers_count\":349,\"timed_pollers_count\":3,"
	                     "\"paused_pollers_count\":1}") != NULL);
	CHECK_EQ(count(g_text, "\"busy\":"), 3);

	call("thread_get_pollers", NULL);
	CHECK_EQ(count(g_text, "\"name\":\"active\""), 350);
	CHECK_EQ(count(g_text, "\"name\":\"timed\""), 3);
	CHECK_EQ(count(g_text, "\"period_ticks\":1000}"), 3);
	CHECK_EQ(count(g_text, "\"state\":\"paused\""), 1);
	CHECK_EQ(count(g_text, "\"active_pollers\":["), 3);
	CHECK_EQ(count(g_text, "\"paused_pollers\":["), 3);

	/* The same, with the longest runs. */
	call("cal_thread_get_pollers", NULL);
	CHECK_EQ(count(g_text, "\"longest_turn_ticks\":"), 3);
	CHECK_EQ(count(g_text, "\"timed_turns\":61,\"active_pollers\":["), 3);
	CHECK(count(g_text, "\"run_count\":") >= 353);
	CHECK_EQ(count(g_text, ",\"longest_ticks\":"), count(g_text, "\"run_count\":"));
	CHECK_EQ(count(g_text, "\"period_ticks\":1000,\"longest_ticks\":"), 3);
	BEGINS(call("cal_thread_get_pollers", "{}"), "[-32602,");

	/* No visit writes more than its share: thirty rounds over the threads for 353 pollers. */
	ask("thread_get_pollers", NULL);
	while (g_link.answers == 0 && rounds < 200) {
		poll_threads(1);
		rounds++;
	}
	CHECK_EQ(g_link.answers, 1);
	CHECK(rounds >= 30);

	spdk_set_thread(many);
	for (i = 0; i < SPDK_COUNTOF(active); i++) {
		spdk_poller_unregister(&active[i]);
	}
	for (i = 0; i < SPDK_COUNTOF(timed); i++) {
		spdk_poller_unregister(&timed[i]);
	}
	spdk_set_thread(NULL);
	poll_threads(2);
	BEGINS(call("thread_get_pollers", "{}"), "[-32602,");
	BEGINS(call("thread_get_stats", "[]"), "[-32602,");
}

/* All that are asked while one pass over the threads is under way are answered by the next one. */
static void
who_waits_shares_a_pass(void)
{
	struct spdk_thread *many = add_thread("many");
	struct spdk_poller *pollers[350], *late;
	unsigned i, k, rounds, first;

	spdk_set_thread(many);
	for (i = 0; i < SPDK_COUNTOF(pollers); i++) {
		pollers[i] = spdk_poller_register_named(nothing_to_do, NULL, 0, "passed");
	}
	spdk_set_thread(NULL);
	poll_threads(2);
	ask("thread_get_pollers", NULL);
	for (first = 0; first < 500 && g_link.answers == 0; first++) {
		poll_threads(1);
	}
	CHECK(first >= 30);
	ask("thread_get_pollers", NULL);
	poll_threads(5);
	for (k = 0; k < 50; k++) {
		ask("thread_get_pollers", NULL);
		spdk_thread_poll(g_threads[0], 0, 0); /* the others do nothing meanwhile */
		CHECK_EQ(g_link.answers, 0);
	}
	spdk_set_thread(many);
	late = spdk_poller_register_named(nothing_to_do, NULL, 0, "late");
	spdk_set_thread(NULL);
	for (rounds = 5; rounds < 60 * first && g_link.answers < 51; rounds++) {
		poll_threads(1);
	}
	CHECK_EQ(g_link.answers, 51);
	/* Two passes, and copying three chunks for each of them. */
	CHECK(rounds < 2 * first + 100);
	answer_to_text();
	CHECK_EQ(count(g_text, "\"name\":\"passed\""), SPDK_COUNTOF(pollers));
	CHECK_EQ(count(g_text, "\"name\":\"late\""), 1);

	spdk_set_thread(many);
	for (i = 0; i < SPDK_COUNTOF(pollers); i++) {
		spdk_poller_unregister(&pollers[i]);
	}
	spdk_poller_unregister(&late);
	spdk_set_thread(NULL);
	poll_threads(2);
}

/* Nobody waits for a pass any more: it ends, and the next one begins. */
static void
asker_goes_away(void)
{
	unsigned i;

	ask("thread_get_stats", NULL);
	spdk_thread_poll(g_threads[0], 0, 0);
	ask("thread_get_pollers", NULL);
	spdk_thread_poll(g_threads[0], 0, 0);
	rpc_server_link_down(NULL, &g_link);
	for (i = 0; i < 3; i++) {
		spdk_thread_poll(g_threads[0], 0, 0);
	}
	spdk_set_thread(g_threads[0]);
	rpc_server_link_up(NULL, &g_link);
	spdk_set_thread(NULL);
	BEGINS(call("thread_get_stats", NULL), "{\"tick_rate\":");
	CHECK_EQ(g_link.answers, 1);
}

/* A thread that exits while it is half written leaves a whole object. */
static void
thread_exits_half_written(void)
{
	struct spdk_thread *gone = add_thread("gone");
	struct spdk_poller *pollers[250];
	unsigned i;

	spdk_set_thread(gone);
	for (i = 0; i < SPDK_COUNTOF(pollers); i++) {
		pollers[i] = spdk_poller_register_named(nothing_to_do, NULL, 0, "going");
	}
	spdk_set_thread(NULL);
	add_thread("after");
	ask("thread_get_pollers", NULL);
	/* Enough turns for the first visit, not for the second; then it goes. */
	poll_threads(2);
	for (i = 0; i < SPDK_COUNTOF(pollers); i++) {
		spdk_set_thread(gone);
		spdk_poller_unregister(&pollers[i]);
	}
	spdk_thread_exit(gone);
	spdk_set_thread(NULL);
	for (i = 0; i < 100 && g_link.answers == 0; i++) {
		poll_threads(1);
	}
	REQUIRE(g_link.answers == 1);
	answer_to_text();
	CHECK_EQ(count(g_text, "\"name\":\"going\""), 12);
	CHECK_EQ(count(g_text, "\"name\":\"after\""), 1);
	CHECK_EQ(count(g_text, "\"timed_pollers\":["), count(g_text, "\"active_pollers\":["));
	CHECK_EQ(count(g_text, "\"paused_pollers\":["), count(g_text, "\"active_pollers\":["));
}

static int
create_nothing(void *io_device, void *ctx)
{
	return 0;
}

static void
destroy_nothing(void *io_device, void *ctx)
{
}

static void
io_channels(void)
{
	struct spdk_io_channel *ch;
	int device;

	spdk_set_thread(g_threads[0]);
	spdk_io_device_register(&device, create_nothing, destroy_nothing, 8, "device");
	ch = spdk_get_io_channel(&device);
	REQUIRE(ch != NULL);
	spdk_set_thread(NULL);
	call("thread_get_io_channels", NULL);
	CHECK_EQ(count(g_text, "\"io_channels\":[{\"name\":\"device\",\"ref\":1}]"), 1);
	CHECK(count(g_text, "\"io_channels\":[]") >= 1);
	spdk_set_thread(g_threads[0]);
	spdk_put_io_channel(ch);
	spdk_io_device_unregister(&device, NULL);
	spdk_set_thread(NULL);
	poll_threads(3);
}

static void
cpumask(void)
{
	CHECK_STR(call("thread_set_cpumask", "{\"id\":99,\"cpumask\":\"1\"}"),
	          "[-32602,\"Thread 99 does not exist\"]");
	CHECK_STR(call("thread_set_cpumask", "{\"id\":1,\"cpumask\":\"zz\"}"),
	          "[-32603,\"Invalid cpumask zz\"]");
	CHECK_STR(call("thread_set_cpumask", "{\"id\":1,\"cpumask\":\"f0\"}"),
	          "[-32603,\"No CPU is selected from reactor mask 3\"]");
	CHECK_STR(call("thread_set_cpumask", "{\"id\":1}"),
	          "[-32602,\"thread_set_cpumask: \\\"cpumask\\\": required, but missing\"]");
	/* Nobody here can move threads. */
	CHECK_STR(call("thread_set_cpumask", "{\"id\":1,\"cpumask\":\"[1]\"}"),
	          "[-32603,\"Operation not supported\"]");
}

static bool
app_mask_is(const char *mask)
{
	char wanted[120];

	snprintf(wanted, sizeof(wanted), "{\"name\":\"app_thread\",\"id\":1,\"cpumask\":\"%s\",",
	         mask);
	call("thread_get_stats", NULL);
	return strstr(g_text, wanted) != NULL;
}

static void
cpumask_is_changed(void)
{
	struct spdk_thread *gone = add_thread("goes");
	char params[80];

	g_can_resched = true;
	CHECK_STR(call("thread_set_cpumask", "{\"id\":1,\"cpumask\":\"0x2\"}"), "true");
	CHECK(app_mask_is("2"));
	CHECK_STR(call("thread_set_cpumask", "{\"id\":1,\"cpumask\":\"[0-1]\"}"), "true");
	CHECK(app_mask_is("3"));
	/* Cores that are no reactors' are left out. */
	CHECK_STR(call("thread_set_cpumask", "{\"id\":1,\"cpumask\":\"[1,5-7]\"}"), "true");
	CHECK(app_mask_is("2"));
	/* What is refused changes nothing. */
	CHECK_STR(call("thread_set_cpumask", "{\"id\":1,\"cpumask\":\"0\"}"),
	          "[-32603,\"No CPU is selected from reactor mask 3\"]");
	CHECK_STR(call("thread_set_cpumask", "{\"id\":1,\"cpumask\":\"[0-\"}"),
	          "[-32603,\"Invalid cpumask [0-\"]");
	CHECK_STR(call("thread_set_cpumask", "{\"id\":1,\"cpumask\":\"\"}"),
	          "[-32603,\"Invalid cpumask \"]");
	BEGINS(call("thread_set_cpumask", "{\"cpumask\":\"1\"}"), "[-32602,");
	BEGINS(call("thread_set_cpumask", "{\"id\":\"1\",\"cpumask\":\"1\"}"), "[-32602,");
	BEGINS(call("thread_set_cpumask", "{\"id\":1,\"cpumask\":1}"), "[-32602,");
	BEGINS(call("thread_set_cpumask", "{\"id\":1,\"cpumask\":\"1\",\"x\":1}"), "[-32602,");
	BEGINS(call("thread_set_cpumask", NULL), "[-32602,");
	CHECK_STR(call("thread_set_cpumask", "{\"id\":0,\"cpumask\":\"1\"}"),
	          "[-32602,\"Thread 0 does not exist\"]");
	g_resched_rc = -EBUSY;
	CHECK_STR(call("thread_set_cpumask", "{\"id\":1,\"cpumask\":\"1\"}"),
	          "[-32603,\"Device or resource busy\"]");
	CHECK(app_mask_is("2"));
	g_resched_rc = 0;
	g_can_resched = false;

	/* One that is there, but is on its way out. */
	spdk_set_thread(gone);
	spdk_thread_exit(gone);
	spdk_set_thread(NULL);
	snprintf(params, sizeof(params), "{\"id\":%llu,\"cpumask\":\"1\"}",
	         (unsigned long long)spdk_thread_get_id(gone));
	BEGINS(call("thread_set_cpumask", params), "[-32602,\"Thread ");
}

/* More than SPDK's top can show (670 pollers): nothing here ends there. */
static void
many_threads_and_pollers(void)
{
	static struct spdk_poller *active[2000], *paused[60];
	struct spdk_thread *threads[60];
	char name[16];
	unsigned i;

	for (i = 0; i < SPDK_COUNTOF(threads); i++) {
		snprintf(name, sizeof(name), "thread%02u", i);
		threads[i] = add_thread(name);
		spdk_set_thread(threads[i]);
		paused[i] = spdk_poller_register_named(nothing_to_do, NULL, 500, "resting");
		spdk_poller_pause(paused[i]);
	}
	for (i = 0; i < SPDK_COUNTOF(active); i++) {
		active[i] = spdk_poller_register_named(nothing_to_do, NULL, 0, "working");
	}
	spdk_set_thread(NULL);
	poll_threads(2); /* a poller that waits to be paused is paused by now */

	call("thread_get_pollers", NULL);
	CHECK_EQ(count(g_text, "\"name\":\"resting\",\"id\":1,\"state\":\"paused\","
	                       "\"run_count\":0,\"busy_count\":0,\"period_ticks\":500}]}"),
	         60);
	CHECK_EQ(count(g_text, "{\"name\":\"working\",\"id\":"), 2000);
	CHECK(count(g_text, "\"state\":\"waiting\",\"run_count\":") >= 2000);
	for (i = 0; i < SPDK_COUNTOF(threads); i++) {
		snprintf(name, sizeof(name), "\"thread%02u\"", i);
		CHECK_EQ(count(g_text, name), 1);
	}
	call("thread_get_stats", NULL);
	CHECK_EQ(count(g_text, "\"active_pollers_count\":0,\"timed_pollers_count\":0,"
	                       "\"paused_pollers_count\":1}"),
	         59);
	CHECK_EQ(count(g_text, "\"active_pollers_count\":2000,\"timed_pollers_count\":0,"
	                       "\"paused_pollers_count\":1}"),
	         1);
	call("thread_get_io_channels", NULL);
	CHECK(count(g_text, "\"io_channels\":[]}") >= 60);
	BEGINS(call("thread_get_io_channels", "{}"), "[-32602,");

	for (i = 0; i < SPDK_COUNTOF(active); i++) {
		spdk_set_thread(threads[59]);
		spdk_poller_unregister(&active[i]);
	}
	for (i = 0; i < SPDK_COUNTOF(threads); i++) {
		spdk_set_thread(threads[i]);
		spdk_poller_unregister(&paused[i]);
	}
	spdk_set_thread(NULL);
	poll_threads(2);
}

static const struct test_case cases[] = {
	TEST(version_and_methods),
	TEST(aliases_are_listed_on_demand),
	TEST(notifications),
	TEST(notifications_meanwhile),
	TEST(memory),
	TEST(log_methods),
	TEST(subsystems),
	TEST(start_and_end),
	TEST(threads),
	TEST(who_waits_shares_a_pass),
	TEST(asker_goes_away),
	TEST(thread_exits_half_written),
	TEST(io_channels),
	TEST(cpumask),
	TEST(cpumask_is_changed),
	TEST(many_threads_and_pollers),
};
TEST_MAIN_WITH("rpc/methods", cases, start, finish)
