/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The whole of cal-rpcd but its main(), on a real socket and its own loop, against a fake primary.
 * An input is what clients send. The byte 0xff, which no JSON has, begins a step (enum step):
 * where the text is cut, which client goes on, what a client or the primary does in between.
 *
 * What must hold is told by another parser, that of core/rpc: each whole request has exactly one
 * answer with its id, answers are JSON, and after them the connection ends. */

/* objs: services/rpcd */
/* libs: -ljson-c -luv */

#include "tests/fuzz/fake_primary.h"

#include <json-c/json.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "services/rpcd/rpcd.h"
#include "spdk/json.h"
#include "tests/fuzz/rpcd_model.h"

#define MAX_CLIENTS 80
#define MAX_SENT    (320u << 10) /* of all clients, repetitions included */
#define MAX_REPEATS 1200         /* over what rpcd lets a client have under way */
#define MAX_IDLE    30000        /* rounds of the loop without progress: it hangs */

enum step {
	STEP_CLIENT = 0x00, /* … 0x0f: that client goes on */
	STEP_CUT = 0x40,    /* what follows is sent in another piece */
	STEP_SHUT,          /* the client sends no more */
	STEP_CLOSE,         /* the client is gone */
	STEP_DEAF,          /* the client reads, or reads no longer */
	STEP_RELEASE,       /* the primary answers "hold" */
	STEP_REPEAT,        /* the last piece again, as often as the next byte says */
	STEP_FILL,          /* the next byte, 16 KiB of it */
	STEP_STOP,          /* the primary stops … */
	STEP_DIE,           /* … or is gone */
	STEP_CROWD,         /* as many clients as are allowed, and some */
	STEP_LITERAL = 0xff,
};

struct client {
	int fd;
	bool used, gone, shut, deaf, eof, reset;
	struct cal_text sent; /* what it has to send … */
	size_t put;           /* … and how much of it the socket has taken */
	struct cal_text got;
};

static struct client g_clients[MAX_CLIENTS];
static struct fuzz_input g_script;
static struct client *g_client; /* whose turn it is */
static size_t g_piece;          /* where its last piece begins */
static size_t g_total;
static unsigned g_repeats;
static bool g_over; /* the script has ended */
static unsigned g_idle;
static uint64_t g_time;
static struct sockaddr_un g_addr = { .sun_family = AF_UNIX };
static socklen_t g_addr_len;

/* A clock that jumps: nothing here waits for a round trip's usual time. */
uint64_t
uv_hrtime(void)
{
	return g_time += 100000000;
}

/* --- the clients ------------------------------------------------------------------------------ */

static struct client *
client_use(unsigned index)
{
	struct client *client = &g_clients[index];

	if (!client->used) {
		client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		FUZZ_CHECK(client->fd >= 0, "no socket");
		client->used = true;
		if (connect(client->fd, (struct sockaddr *)&g_addr, g_addr_len) != 0) {
			/* Nobody listens any more. */
			FUZZ_CHECK(g_fake.status != 0, "refused: %s", strerror(errno));
			client->gone = true;
			close(client->fd);
		}
	}
	return client;
}

static void
client_leave(struct client *client)
{
	if (client->used && !client->gone) {
		close(client->fd);
		client->gone = true;
	}
}

static bool
client_write(struct client *client)
{
	ssize_t n;

	if (!client->used || client->gone || client->eof || client->put == client->sent.len) {
		return false;
	}
	n = send(client->fd, client->sent.data + client->put, client->sent.len - client->put,
	         MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0 && errno != EAGAIN) { /* it was closed: nobody will want the rest */
		client->put = client->sent.len;
		client->reset = true;
	}
	client->put += n > 0 ? (size_t)n : 0;
	return n > 0;
}

static bool
client_read(struct client *client)
{
	static char buf[65536];
	ssize_t n;

	if (!client->used || client->gone || client->eof || (client->deaf && !g_over)) {
		return false;
	}
	n = recv(client->fd, buf, sizeof(buf), MSG_DONTWAIT);
	if (n > 0) {
		cal_text_append(&client->got, buf, (size_t)n);
		return true;
	}
	if (n == 0 || errno != EAGAIN) {
		client->reset |= n < 0;
		client->eof = true;
		return true;
	}
	return false;
}

static void
client_shut(struct client *client)
{
	if (client->used && !client->gone && !client->shut && client->put == client->sent.len) {
		shutdown(client->fd, SHUT_WR);
		client->shut = true;
	}
}

/* --- the script ------------------------------------------------------------------------------- */

static void
say(const uint8_t *bytes, size_t len)
{
	if (g_total + len <= MAX_SENT && !g_client->shut && !g_client->gone) {
		cal_text_append(&g_client->sent, (const char *)bytes, len);
		g_total += len;
	}
}

static void
say_again(unsigned times)
{
	size_t len = g_client->sent.len - g_piece;
	uint8_t *piece = malloc(len + 1);

	if (len > 0) {
		memcpy(piece, g_client->sent.data + g_piece, len);
	}
	while (len > 0 && times-- > 0 && g_repeats < MAX_REPEATS) {
		say(piece, len);
		g_repeats++;
	}
	free(piece);
}

static void
say_fill(uint8_t byte)
{
	uint8_t fill[16384];

	memset(fill, byte, sizeof(fill));
	say(fill, sizeof(fill));
}

static void
crowd(void)
{
	unsigned i;

	for (i = 16; i < MAX_CLIENTS; i++) {
		client_use(i);
	}
}

/* Do one step. Returns true when the loop is to have its turn. */
static bool
step(uint8_t what)
{
	switch (what) {
	case STEP_CUT:
		break;
	case STEP_SHUT:
		client_write(g_client);
		client_shut(g_client);
		break;
	case STEP_CLOSE:
		client_write(g_client);
		client_leave(g_client);
		break;
	case STEP_DEAF:
		g_client->deaf = !g_client->deaf;
		return false;
	case STEP_RELEASE:
		g_fake.release = true;
		break;
	case STEP_REPEAT:
		say_again(fuzz_byte(&g_script));
		return false;
	case STEP_FILL:
		say_fill(fuzz_byte(&g_script));
		return false;
	case STEP_STOP:
		g_fake.status = -ESHUTDOWN;
		break;
	case STEP_DIE:
		g_fake.status = -ECONNRESET;
		break;
	case STEP_CROWD:
		crowd();
		break;
	default:
		if (what < 16) {
			g_client = client_use(what);
			g_piece = g_client->sent.len;
			return false;
		}
		say(&what, 1);
		return false;
	}
	g_piece = g_client->sent.len;
	return true;
}

static void
script_go_on(void)
{
	const uint8_t *begin;

	while (fuzz_left(&g_script) > 0) {
		begin = g_script.p;
		while (g_script.p < g_script.end && *g_script.p != 0xff) {
			g_script.p++;
		}
		say(begin, (size_t)(g_script.p - begin));
		if (fuzz_left(&g_script) > 0) {
			g_script.p++;
			if (step(fuzz_byte(&g_script))) {
				return;
			}
		}
	}
	g_over = true;
}

/* Once the script has ended clients finish what they say, and listen until the end. */
static void
turn(void)
{
	bool busy = false, all_over = true;
	unsigned i;

	if (!g_over) {
		script_go_on();
		busy = true;
	}
	for (i = 0; i < MAX_CLIENTS; i++) {
		struct client *client = &g_clients[i];

		busy |= client_write(client);
		busy |= client_read(client);
		if (g_over) {
			client_shut(client);
		}
		if (client->eof && !client->gone) {
			client_leave(client);
			busy = true;
		}
		all_over &= !client->used || client->gone;
	}
	if (g_over) {
		g_fake.release = true;
		if (all_over && g_fake.status == 0) {
			g_fake.status = -ESHUTDOWN;
			busy = true;
		}
	}
	g_idle = busy ? 0 : g_idle + 1;
	FUZZ_CHECK(g_idle < MAX_IDLE || g_fake.status != 0, "a client waits for ever");
}

/* --- all of it -------------------------------------------------------------------------------- */

static void
nothing(void *ctx)
{
}

static void
on_ready(void *ctx, struct cal_client *client)
{
}

/* It would stay for ever, and the script's turns are the primary's. */
static void
on_lost(void *ctx)
{
	raise(SIGTERM);
}

static int
listener(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	/* In the abstract name space: no file to clean up. */
	g_addr_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1);
	g_addr_len += (socklen_t)snprintf(g_addr.sun_path + 1, 64, "cal-fuzz-%d", (int)getpid());
	FUZZ_CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&g_addr, g_addr_len) == 0 &&
	                   listen(fd, RPCD_BACKLOG) == 0,
	           "cannot listen: %s", strerror(errno));
	return fd;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct server_opts opts = {
		.client = (struct cal_client *)&g_fake,
		.tcp_fd = -1,
		.ready = on_ready,
		.gone = nothing,
		.lost = on_lost,
	};
	bool handed_over;
	int fd = fuzz_lowest_fd(), rc;
	bool ended_early, died = false;
	unsigned i;

	memset(g_clients, 0, sizeof(g_clients));
	g_script = (struct fuzz_input){ data, data + size };
	g_piece = g_total = 0;
	g_idle = g_repeats = 0;
	g_over = false;
	fake_begin(turn);
	opts.unix_fd = listener();
	g_client = client_use(0);
	rc = server_run(&opts, &handed_over);
	died = g_fake.status == -ECONNRESET;
	/* The script's own STOP leaves requests unread. */
	ended_early = died || !g_over;
	for (i = 0; i < MAX_CLIENTS; i++) {
		ended_early |= g_clients[i].used && !g_clients[i].gone;
	}
	FUZZ_CHECK(rc == 0, "exit status %d", rc);
	fake_end();
	for (i = 0; i < MAX_CLIENTS; i++) {
		struct client *client = &g_clients[i];

		if (client->used) {
			/* One that left, or was reset, may have missed some. */
			model_check(&client->sent, &client->got,
			            client->eof && !client->reset && !ended_early);
		}
		client_leave(client);
		cal_text_free(&client->sent);
		cal_text_free(&client->got);
	}
	FUZZ_CHECK(fuzz_lowest_fd() == fd, "a descriptor stayed open");
	return 0;
}
