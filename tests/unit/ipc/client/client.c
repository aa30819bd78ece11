/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The client against the real gate and links in the same process. EAL is left out: what
 * core/env does in a secondary is replaced here. */
/* links: client */

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "calandria/instance.h"
#include "core/env/env_internal.h"
#include "core/util/folder.h"
#include "ipc/client/client.h"
#include "ipc/client/client_internal.h"
#include "ipc/codec/codec.h"
#include "ipc/gate/control.h"
#include "ipc/gate/gate.h"
#include "ipc/gate/gate_packet.h"
#include "ipc/link/layout.h"
#include "ipc/link/link.h"
#include "spdk/log.h"
#include "tests/unit/test.h"

#define ID 6

static char g_root[] = "/tmp/cal-client-XXXXXX";

/* --- in place of core/env/env_secondary.c ----------------------------------------------------- */

int __wrap_rte_service_init(void);
int __wrap_rte_service_start_with_defaults(void);
void __wrap_rte_service_finalize(void);

int
__wrap_rte_service_init(void)
{
	return 0;
}

int
__wrap_rte_service_start_with_defaults(void)
{
	return 0;
}

void
__wrap_rte_service_finalize(void)
{
}

static int g_env_rc;

void
env_secondary_fini(void)
{
}

int
env_secondary_init(const char *template_dir, const char *private_dir, char *err, size_t err_size)
{
	struct stat st;

	CHECK(strstr(template_dir, "/6/template") != NULL);
	CHECK(stat(private_dir, &st) == 0 && S_ISDIR(st.st_mode));
	if (g_env_rc < 0) {
		snprintf(err, err_size, "no environment today");
	}
	return g_env_rc;
}

/* --- a primary -------------------------------------------------------------------------------- */

static struct link *_Atomic g_link;
static atomic_bool g_serve_end;
static atomic_bool g_deaf; /* takes requests and answers none */
static atomic_bool g_mad;  /* answers what is no response */
static pthread_t g_server;

static void
answer(struct link *link, const void *msg, size_t len)
{
	struct codec_envelope request;
	struct codec_chain out;
	struct codec_buf buf;

	if (codec_parse(msg, len, &request) < 0) {
		gate_link_kill(link, "nonsense");
		return;
	}
	codec_buf_init_chain(&buf);
	if (atomic_load(&g_mad)) {
		codec_put_raw(&buf, "\xc1\xc1\xc1", 3);
	} else if (request.method.len == 5 && memcmp(request.method.data, "error", 5) == 0) {
		codec_put_error(&buf, request.id, -32601, "Method not found");
	} else if (request.method.len == 3 && memcmp(request.method.data, "big", 3) == 0) {
		char *text = calloc(1, 8u << 20);

		codec_begin_result(&buf, request.id);
		codec_put_str(&buf, text, 8u << 20);
		free(text);
	} else {
		codec_begin_result(&buf, request.id);
		codec_put_raw(&buf, request.params.data, request.params.len);
	}
	if (codec_buf_take_chain(&buf, &out) == 0) {
		link_send(link, &out);
	}
}

/* The app thread. */
static void *
serve(void *arg)
{
	while (!atomic_load(&g_serve_end)) {
		struct link *link = atomic_load(&g_link);
		const void *msg;
		size_t len;
		unsigned n = 0;
		int rc;

		while (link != NULL && link == atomic_load(&g_link) && n < 20 &&
		       (rc = link_recv(link, &msg, &len)) > 0) {
			n++;
			if (rc == 1 && !atomic_load(&g_deaf)) {
				answer(link, msg, len);
			}
		}
		if (link != NULL && link_flush(link, (size_t)16 * CODEC_CHUNK_SIZE) + n == 0) {
			usleep(20);
		} else if (link == NULL) {
			usleep(200);
		}
	}
	return NULL;
}

static void
on_link_up(void *ctx, struct link *link)
{
	atomic_store(&g_link, link);
}

static void
stop_serving(void)
{
	if (!atomic_exchange(&g_serve_end, true)) {
		pthread_join(g_server, NULL);
	}
}

static void
on_link_down(void *ctx, struct link *link)
{
	/* The server may be using it: it has to be joined before the link may go. */
	stop_serving();
	atomic_store(&g_link, NULL);
	gate_link_done(link);
}

static enum gate_report_code _Atomic g_report;

static void
on_report(void *ctx, const char *name, pid_t pid, enum gate_report_code code, const char *text)
{
	atomic_store(&g_report, code);
}

static void
on_peer(void *ctx, const char *name, pid_t pid, bool connected)
{
}

static unsigned _Atomic g_alive;

static void
on_alive(void *ctx, const char *name, pid_t pid)
{
	CHECK_STR(name, "tester");
	CHECK_EQ(pid, getpid());
	atomic_fetch_add(&g_alive, 1);
}

static const struct gate_ops g_ops = {
	.alive = on_alive,
	.link_up = on_link_up,
	.link_down = on_link_down,
	.report = on_report,
	.peer = on_peer,
};

static int
do_listen(void *arg)
{
	return gate_listen(ID, &g_ops, NULL);
}

static int
do_open(void *arg)
{
	return gate_open();
}

static int
do_ping(void *arg)
{
	return gate_ping(getpid());
}

static int
do_close(void *arg)
{
	gate_close("enough");
	return 0;
}

static int
do_fini(void *arg)
{
	gate_fini();
	return 0;
}

static int
do_num_links(void *arg)
{
	return (int)gate_num_links();
}

static void
primary_start(bool open)
{
	atomic_store(&g_serve_end, false);
	atomic_store(&g_deaf, false);
	atomic_store(&g_mad, false);
	g_env_rc = 0;
	REQUIRE(control_start() == 0);
	REQUIRE(control_call(do_listen, NULL) == 0);
	if (open) {
		REQUIRE(control_call(do_open, NULL) == 0);
	}
	REQUIRE(pthread_create(&g_server, NULL, serve, NULL) == 0);
	/* Once more: who sets it to join the server comes after g_server was written. */
	atomic_store(&g_serve_end, false);
}

static void
primary_stop(void)
{
	control_call(do_close, NULL);
	while (control_call(do_num_links, NULL) != 0) {
		usleep(1000);
	}
	stop_serving();
	control_call(do_fini, NULL);
	control_stop();
}

static void
opts_for(struct cal_client_opts *opts)
{
	cal_client_opts_init(opts, sizeof(*opts));
	opts->instance = ID;
	opts->name = "tester";
	opts->connect_timeout_ms = 1000;
}

static struct cal_client *
attached_client(unsigned spin_us)
{
	struct cal_client_opts opts;
	struct cal_client *client = NULL;
	char err[256] = "";

	opts_for(&opts);
	opts.spin_us = spin_us;
	CHECK_EQ(cal_client_open(&opts, &client, err, sizeof(err)), 0);
	CHECK_STR(err, "");
	REQUIRE(client != NULL);
	return client;
}

/* --- connecting ------------------------------------------------------------------------------- */

static void
expect_failure(int rc, const char *text)
{
	struct cal_client_opts opts;
	struct cal_client *client = NULL;
	char err[256] = "";

	opts_for(&opts);
	opts.connect_timeout_ms = 100;
	CHECK_EQ(cal_client_connect(&opts, &client, err, sizeof(err)), rc);
	CHECK(client == NULL);
	if (strstr(err, text) == NULL) {
		CU_FAIL("another sentence");
		printf("\n    \"%s\"\n", err);
	}
}

static int
fake_gate(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	cal_instance_path(addr.sun_path, sizeof(addr.sun_path), ID, CAL_GATE_NAME);
	unlink(addr.sun_path);
	REQUIRE(bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 && listen(fd, 5) == 0);
	return fd;
}

struct fake {
	int listen_fd;
	struct gate_msg reply;
	size_t len;
};

static void *
answer_hello(void *arg)
{
	struct fake *fake = arg;
	struct gate_msg msg;
	int fd = accept(fake->listen_fd, NULL, NULL);

	CU_ASSERT(recv(fd, &msg, sizeof(msg), 0) == sizeof(msg) && msg.type == GATE_HELLO);
	if (fake->len > 0) {
		send(fd, &fake->reply, fake->len, 0);
	}
	close(fd);
	return NULL;
}

static void
failing_to_connect(void)
{
	char path[CAL_PATH_MAX];
	struct fake fake = { .len = 0 };
	pthread_t thread;
	pid_t owner;
	int lock, fd;

	expect_failure(-ENOENT, "no primary with id 6 is running (start one with `calandria -i 6");
	lock = cal_instance_claim(ID, &owner);
	REQUIRE(lock >= 0);
	expect_failure(-EAGAIN, "does not answer at its gate (state unknown)");

	/* Somebody listens, and says nothing. */
	fd = fake_gate();
	expect_failure(-ETIMEDOUT, "is it stopped?");
	close(fd);

	/* … or hangs up, or talks in tongues. */
	static const struct {
		size_t len;
		int type, abi, rc;
		uint32_t code;
		const char *text;
	} fakes[] = {
		{ 0, 0, 0, -ECONNREFUSED, 0, "closed the connection" },
		{ sizeof(struct gate_msg), GATE_WELCOME, 99, -EPROTONOSUPPORT, 0, "version 99 of" },
		{ 40, GATE_WELCOME, 99, -EPROTONOSUPPORT, 0, "same release" },
		{ sizeof(struct gate_msg), GATE_REFUSED, 99, -EUSERS, EUSERS, "refuses: so" },
		{ 40, GATE_WELCOME, 0, -EPROTO, 0, "does not answer as one" },
		{ sizeof(struct gate_msg), GATE_GRANT, 0, -EPROTO, 0, "does not answer as one" },
		{ sizeof(struct gate_msg), GATE_WELCOME, 0, -EPROTO, 99, "does not answer as one" },
		{ sizeof(struct gate_msg), GATE_REFUSED, 0, -EUSERS, EUSERS, "refuses: so" },
		{ sizeof(struct gate_msg), GATE_REFUSED, 0, -EACCES, UINT32_MAX, "refuses: so" },
		{ sizeof(struct gate_msg), GATE_STOP, 0, -ESHUTDOWN, 0, "is stopping: so" },
	};
	fake.listen_fd = fake_gate();
	for (size_t i = 0; i < sizeof(fakes) / sizeof(fakes[0]); i++) {
		gate_packet_init(&fake.reply, (enum gate_msg_type)fakes[i].type);
		fake.reply.abi = fakes[i].abi != 0 ? (uint16_t)fakes[i].abi : CAL_ABI_VERSION;
		fake.reply.code = fakes[i].code;
		memcpy(fake.reply.text, "so", 3);
		fake.len = fakes[i].len;
		REQUIRE(pthread_create(&thread, NULL, answer_hello, &fake) == 0);
		expect_failure(fakes[i].rc, fakes[i].text);
		pthread_join(thread, NULL);
	}
	close(fake.listen_fd);
	expect_failure(-ECONNREFUSED, "does not answer");
	cal_instance_path(path, sizeof(path), ID, CAL_GATE_NAME);
	unlink(path);
	cal_instance_release(ID, lock);
	expect_failure(-ENOENT, "no primary with id 6 is running");
}

static void
attaching(void)
{
	char path[CAL_PATH_MAX], err[256] = "";
	struct cal_client_opts opts;
	struct cal_client *client;

	cal_instance_path(path, sizeof(path), ID, "");
	REQUIRE(mkdir(path, 0700) == 0);
	primary_start(false);
	opts_for(&opts);
	REQUIRE(cal_client_connect(&opts, &client, err, sizeof(err)) == 0);
	CHECK_EQ(cal_client_role(client), GATE_ROLE_ADMIN);
	CHECK_EQ(cal_client_stats_fd(client), -ENOENT);
	CHECK_EQ(cal_client_report(client, GATE_REPORT_CHECKED, NULL), 0);
	CHECK_EQ(cal_client_send(client, "echo", NULL, 0, NULL, NULL), -ENOTCONN);
	CHECK_EQ(cal_client_process(client), 0);
	CHECK_EQ(cal_client_arm(client), 0);
	CHECK_EQ(cal_client_wait(client, 10), -ETIMEDOUT);
	CHECK_EQ(cal_client_attach(client, 50, err, sizeof(err)), -ETIMEDOUT);
	CHECK(strstr(err, "not ready to be attached to after 50 ms") != NULL);
	CHECK_EQ(atomic_load(&g_report), GATE_REPORT_CHECKED);
	cal_client_close(client);
	cal_client_close(NULL);

	control_call(do_open, NULL);
	g_env_rc = -ENODEV;
	CHECK_EQ(cal_client_open(&opts, &client, err, sizeof(err)), -ENODEV);
	CHECK_STR(err, "no environment today");
	CHECK(client == NULL);
	primary_stop();

	primary_start(true);
	control_call(do_close, NULL);
	CHECK_EQ(cal_client_open(&opts, &client, err, sizeof(err)), -ESHUTDOWN);
	CHECK(strstr(err, "refuses: enough") != NULL);
	primary_stop();
}

static void
inherited_socket(void)
{
	struct fake fake = { .len = sizeof(fake.reply) };
	struct cal_client_opts opts;
	struct cal_client *client;
	struct gate_msg msg;
	char text[16], err[256];
	int fds[2];

	REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0);
	snprintf(text, sizeof(text), "%d", fds[1]);
	setenv("CAL_SERVICE_FD", text, 1);
	setenv("CAL_INSTANCE", "7", 1);
	expect_failure(-ENOENT, "no primary"); /* it is another instance's */
	setenv("CAL_INSTANCE", "6", 1);
	gate_packet_init(&fake.reply, GATE_WELCOME);
	fake.reply.code = GATE_ROLE_SERVICE;
	CHECK_EQ(gate_packet_send(fds[0], &fake.reply, NULL, 0), 0);
	opts_for(&opts);
	REQUIRE(cal_client_connect(&opts, &client, err, sizeof(err)) == 0);
	CHECK_EQ(cal_client_role(client), GATE_ROLE_SERVICE);
	CHECK_EQ(cal_client_fd(client), fds[1]);
	CHECK(recv(fds[0], &msg, sizeof(msg), 0) == sizeof(msg) && msg.type == GATE_HELLO);
	CHECK_STR(msg.name, "tester");
	CHECK(getenv("CAL_SERVICE_FD") == NULL);
	cal_client_close(client);
	close(fds[0]);
	unsetenv("CAL_INSTANCE");
}

struct waiting {
	struct cal_client *client;
	int rc;
};

static void *
wait_for_grant(void *arg)
{
	struct waiting *waiting = arg;
	char err[256];

	waiting->rc = cal_client_attach(waiting->client, 200, err, sizeof(err));
	return NULL;
}

static bool
answers(unsigned n)
{
	for (int i = 0; i < 2000 && atomic_load(&g_alive) != n; i++) {
		usleep(1000);
	}
	return atomic_load(&g_alive) == n;
}

/* A PING is answered from process(), from wait(), from a call that takes long, from calls whose
 * answers spinning always finds, and while a link is waited for. Each fails without client_pong()
 * in read_socket(), the call by spinning without the look at the socket in spin(), the last without
 * GATE_PING in take_packet(). */
static void
signs_of_life(void)
{
	struct cal_client_opts opts;
	struct cal_response response;
	struct waiting waiting;
	struct cal_client *client;
	char err[256] = "";
	pthread_t thread;
	int64_t end;

	atomic_store(&g_alive, 0);
	primary_start(false);
	opts_for(&opts);
	REQUIRE(cal_client_connect(&opts, &client, err, sizeof(err)) == 0);
	CHECK_EQ(control_call(do_ping, NULL), 0);
	usleep(20000);
	CHECK_EQ(atomic_load(&g_alive), 0);
	CHECK_EQ(control_call(do_ping, NULL), -EALREADY);
	CHECK_EQ(cal_client_process(client), 0);
	CHECK(answers(1));
	CHECK_EQ(control_call(do_ping, NULL), 0);
	CHECK_EQ(cal_client_wait(client, 10), -ETIMEDOUT);
	CHECK(answers(2));
	waiting.client = client;
	REQUIRE(pthread_create(&thread, NULL, wait_for_grant, &waiting) == 0);
	CHECK_EQ(control_call(do_ping, NULL), 0);
	CHECK(answers(3));
	pthread_join(thread, NULL);
	CHECK_EQ(waiting.rc, -ETIMEDOUT);
	cal_client_close(client);

	control_call(do_open, NULL);
	client = attached_client(1000000);
	atomic_store(&g_deaf, true);
	CHECK_EQ(control_call(do_ping, NULL), 0);
	CHECK_EQ(cal_client_call(client, "echo", NULL, 0, 100, &response), -ETIMEDOUT);
	CHECK(answers(4));
	atomic_store(&g_deaf, false);
	CHECK_EQ(control_call(do_ping, NULL), 0);
	end = client_now_us() + 300000;
	while (client_now_us() < end) {
		REQUIRE(cal_client_call(client, "echo", NULL, 0, 2000, &response) == 0);
	}
	CHECK(answers(5));
	cal_client_close(client);
	primary_stop();
}

/* --- calling ---------------------------------------------------------------------------------- */

static void
calls(void)
{
	static const unsigned spins[] = { 0, 50 };

	for (int i = 0; i < 2; i++) {
		struct cal_response response;
		struct codec_span message;
		struct cal_client *client;
		int code;

		primary_start(true);
		client = attached_client(spins[i]);
		for (int n = 0; n < 500; n++) {
			uint8_t params[1] = { (uint8_t)(n & 0x7f) };

			REQUIRE(cal_client_call(client, "echo", params, 1, 2000, &response) == 0);
			CHECK(response.status == 0 && response.error == NULL);
			CHECK(response.result_len == 1 &&
			      *(const uint8_t *)response.result == params[0]);
		}
		CHECK_EQ(cal_client_call(client, "error", NULL, 0, 2000, &response), 0);
		CHECK(response.result == NULL);
		CHECK_EQ(codec_parse_error(response.error, response.error_len, &code, &message), 0);
		CHECK_EQ(code, -32601);
		CHECK_EQ(cal_client_call(client, "big", NULL, 0, 5000, &response), 0);
		CHECK(response.result_len > (8u << 20));

		/* Nobody answers; and the answer that comes late finds nobody. */
		atomic_store(&g_deaf, true);
		CHECK_EQ(cal_client_call(client, "echo", NULL, 0, 20, &response), -ETIMEDOUT);
		atomic_store(&g_deaf, false);
		CHECK_EQ(cal_client_call(client, "echo", NULL, 0, 2000, &response), 0);
		cal_client_close(client);
		primary_stop();
	}
}

static struct {
	struct cal_client *client;
	_Atomic bool over, seen;
} g_watch;

static void *
watch_arming(void *arg)
{
	while (!atomic_load(&g_watch.over)) {
		if (__atomic_load_n(&g_watch.client->ring.header->client_armed, __ATOMIC_RELAXED) !=
		    0) {
			atomic_store(&g_watch.seen, true);
		}
	}
	return NULL;
}

/* Whether a bell was asked for in a call that is not answered. */
static bool
arms(struct cal_client *client, int timeout_ms)
{
	struct cal_response response;
	pthread_t thread;

	g_watch.client = client;
	atomic_store(&g_watch.over, false);
	atomic_store(&g_watch.seen, false);
	REQUIRE(pthread_create(&thread, NULL, watch_arming, NULL) == 0);
	CHECK_EQ(cal_client_call(client, "echo", NULL, 0, timeout_ms, &response), -ETIMEDOUT);
	atomic_store(&g_watch.over, true);
	pthread_join(thread, NULL);
	return atomic_load(&g_watch.seen);
}

/* It costs the primary more than an answer does. */
static void
young_calls_need_no_bell(void)
{
	struct cal_client *client;

	primary_start(true);
	client = attached_client(50);
	atomic_store(&g_deaf, true);
	CHECK(!arms(client, 20));
	CHECK(arms(client, 200));
	cal_client_close(client);
	primary_stop();

	/* Unless asked to. */
	atomic_store(&g_deaf, false);
	primary_start(true);
	client = attached_client(0);
	atomic_store(&g_deaf, true);
	CHECK(arms(client, 20));
	atomic_store(&g_deaf, false);
	cal_client_close(client);
	primary_stop();
}

static void
long_requests(void)
{
	size_t max = LINK_MAX_REQUEST;
	struct cal_response response;
	struct cal_client *client;
	struct codec_buf params;
	char *text = calloc(1, max);

	primary_start(true);
	client = attached_client(50);
	codec_buf_init(&params);
	codec_put_str(&params, text, max - 100);
	CHECK_EQ(cal_client_call(client, "echo", params.data, params.len, 5000, &response), 0);
	CHECK(response.result_len == params.len &&
	      memcmp(response.result, params.data, params.len) == 0);
	codec_put_str(&params, text, 200);
	CHECK_EQ(cal_client_call(client, "echo", params.data, params.len, 5000, &response),
	         -EMSGSIZE);
	codec_buf_free(&params);
	free(text);
	cal_client_close(client);
	primary_stop();
}

struct counter {
	unsigned answered, failed, disorder;
	int status;
	struct cal_client *client; /* set: the callback calls too */
};

static void
count_response(void *ctx, const struct cal_response *response)
{
	struct counter *counter = ctx;
	struct codec_cursor cursor;
	struct cal_response inner;
	struct codec_item item;

	if (response->status != 0) {
		counter->failed++;
		counter->status = response->status;
		if (counter->client != NULL) {
			CHECK_EQ(cal_client_send(counter->client, "echo", NULL, 0, count_response,
			                         ctx),
			         -ENOTCONN);
		}
		return;
	}
	codec_cursor_init(&cursor, response->result, response->result_len);
	item = codec_next(&cursor);
	counter->disorder += item.kind != CODEC_UINT || item.u != counter->answered;
	counter->answered++;
	if (counter->client != NULL && counter->answered % 100 == 0) {
		struct cal_client *client = counter->client;

		counter->client = NULL;
		CHECK_EQ(cal_client_call(client, "error", NULL, 0, 2000, &inner), 0);
		CHECK(inner.error_len > 0);
		counter->client = client;
	}
	/* Ours is still what it was. */
	codec_cursor_init(&cursor, response->result, response->result_len);
	CHECK(codec_next(&cursor).kind == CODEC_UINT);
}

static int
send_number(struct cal_client *client, uint64_t number, struct counter *counter)
{
	struct codec_buf params;
	int rc;

	codec_buf_init(&params);
	codec_put_uint(&params, number);
	rc = cal_client_send(client, "echo", params.data, params.len, count_response, counter);
	codec_buf_free(&params);
	return rc;
}

/* Many more requests than slots, in an event loop as services have one. */
static void
pipelines(void)
{
	struct counter counter = { 0 };
	struct cal_client *client;
	struct pollfd pfd = { .events = POLLIN };

	primary_start(true);
	client = attached_client(50);
	pfd.fd = cal_client_fd(client);
	for (unsigned i = 0; i < 5000; i++) {
		CHECK_EQ(send_number(client, i, &counter), 0);
	}
	while (counter.answered < 5000) {
		CHECK(cal_client_process(client) >= 0);
		if (counter.answered < 5000 && cal_client_arm(client) == 0) {
			REQUIRE(poll(&pfd, 1, 5000) == 1);
		}
	}
	CHECK_EQ(counter.disorder, 0);

	/* … and with calls inside the callbacks. */
	counter = (struct counter){ .client = client };
	for (unsigned i = 0; i < 1000; i++) {
		CHECK_EQ(send_number(client, i, &counter), 0);
	}
	while (counter.answered < 1000) {
		REQUIRE(cal_client_wait(client, 5000) == 0);
	}
	CHECK_EQ(counter.failed, 0);
	cal_client_close(client);
	primary_stop();
}

/* --- ends ------------------------------------------------------------------------------------- */

static void
primary_asks_to_stop(void)
{
	struct counter counter = { 0 };
	struct cal_response response;
	struct cal_client *client;
	char err[64];

	primary_start(true);
	client = attached_client(50);
	CHECK_EQ(cal_client_call(client, "echo", NULL, 0, 2000, &response), 0);
	atomic_store(&g_deaf, true);
	counter.client = client;
	for (unsigned i = 0; i < 100; i++) {
		CHECK_EQ(send_number(client, i, &counter), 0);
	}
	control_call(do_close, NULL);
	CHECK_EQ(cal_client_wait(client, 2000), -ESHUTDOWN);
	CHECK_EQ(counter.failed, 100);
	CHECK_EQ(counter.status, -ECONNRESET);
	CHECK_EQ(cal_client_process(client), -ESHUTDOWN);
	CHECK_EQ(cal_client_arm(client), 1);
	CHECK_EQ(cal_client_call(client, "echo", NULL, 0, 2000, &response), -ENOTCONN);
	CHECK_EQ(cal_client_attach(client, 0, err, sizeof(err)), -EALREADY);
	cal_client_close(client);
	primary_stop();
}

static void
primary_goes(void)
{
	struct counter counter = { 0 };
	struct cal_response response;
	struct cal_client *client;

	primary_start(true);
	client = attached_client(50);
	atomic_store(&g_deaf, true);
	CHECK_EQ(send_number(client, 1, &counter), 0);
	gate_link_kill(atomic_load(&g_link), "as a test");
	CHECK_EQ(cal_client_call(client, "echo", NULL, 0, 2000, &response), -ECONNRESET);
	CHECK_EQ(counter.failed, 1);
	CHECK_EQ(cal_client_process(client), -ECONNRESET);
	cal_client_close(client);
	primary_stop();

	/* One that answers nonsense is as good as gone. */
	primary_start(true);
	client = attached_client(50);
	atomic_store(&g_mad, true);
	CHECK_EQ(cal_client_call(client, "echo", NULL, 0, 2000, &response), -ECONNRESET);
	cal_client_close(client);
	primary_stop();
}

static void
closing_cancels(void)
{
	struct counter counter = { 0 };
	struct cal_client *client;

	primary_start(true);
	client = attached_client(50);
	atomic_store(&g_deaf, true);
	for (unsigned i = 0; i < 200; i++) {
		CHECK_EQ(send_number(client, i, &counter), 0);
	}
	counter.client = client;
	cal_client_close(client);
	CHECK_EQ(counter.failed, 200);
	CHECK_EQ(counter.status, -ECANCELED);
	primary_stop();
}

static void
log_nothing(int level, const char *file, const int line, const char *func, const char *format,
            va_list args)
{
}

static int
set_up(void)
{
	test_needs_pidfd();
	spdk_log_open(log_nothing);
	return mkdtemp(g_root) == NULL || setenv("CALANDRIA_RUN_ROOT", g_root, 1) < 0;
}

static int
tear_down(void)
{
	return folder_remove(g_root);
}

static const struct test_case cases[] = {
	TEST(failing_to_connect),
	TEST(inherited_socket),
	TEST(attaching),
	TEST(signs_of_life),
	TEST(calls),
	TEST(young_calls_need_no_bell),
	TEST(long_requests),
	TEST(pipelines),
	TEST(primary_asks_to_stop),
	TEST(primary_goes),
	TEST(closing_cancels),
};

TEST_MAIN_WITH("ipc/client", cases, set_up, tear_down)
