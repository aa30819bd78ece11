/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The whole of cal-rpcd but its main(), on real sockets and its own loop, against a fake primary;
 * once that is gone, without one; and once a client has asked for all of it (cal_rpcd_handover), a
 * second one that is given what the first gave away. An input is what clients send. The byte 0xff,
 * which no JSON has, begins a step (enum step): where the text is cut, which client goes on, what a
 * client or the primary does in between.
 *
 * What must hold is told by another parser, that of core/rpc: each whole request has exactly one
 * answer with its id, answers are JSON, and after them the connection ends. */

/* objs: services/rpcd services/handover */
/* libs: -ljson-c -luv -ldl -Wl,--wrap=cal_state_read */

#define PARCEL_MAX_IN (2 * RPCD_MAX_REQUEST + 65536)
#include "tests/fuzz/fake_primary.h"
#include "tests/fuzz/parcel.h"
#include "tests/fuzz/service_world.h"

#include <fcntl.h>
#include <json-c/json.h>
#include <signal.h>

#include "services/rpcd/rpcd.h"
#include "spdk/json.h"
#include "tests/fuzz/rpcd_model.h"

#define TCP_CLIENTS 8 /* from this one on they come by the second listener */
#define CROWD       16
#define MAX_CLIENTS (CROWD + RPCD_MAX_CONNS)
#define MAX_SENT    (RPCD_MAX_REQUEST * 5 / 4) /* of all clients, repetitions included */
#define MAX_REPEATS (5 * RPCD_MAX_REPLIES)     /* over what a client may have under way */
#define FILL        (RPCD_MAX_REQUEST / 16)
#define MAX_IDLE    3000 /* rounds of the loop without progress: it hangs */
#define MAX_RUNS    4    /* successors of successors */

enum step {
	STEP_CLIENT = 0x00, /* … 0x0f: that client goes on */
	STEP_CUT = 0x40,    /* what follows is sent in another piece */
	STEP_SHUT,          /* the client sends no more */
	STEP_CLOSE,         /* the client is gone */
	STEP_DEAF,          /* the client reads, or reads no longer */
	STEP_RELEASE,       /* the primary answers "hold" */
	STEP_REPEAT,        /* the last piece again, as often as the next byte says */
	STEP_FILL,          /* the next byte, a 16th of the longest request of it */
	STEP_STOP,          /* the primary stops … */
	STEP_DIE,           /* … or is gone */
	STEP_CROWD,         /* as many clients as are allowed, and some */
	STEP_STATE,         /* the next byte is the state of a primary that is gone */
	STEP_TIME,          /* the next byte: so many times 10 ms pass */
	STEP_SUCCESSOR,     /* the next byte: how successors behave (enum manners) */
	STEP_SPOIL,         /* in what a successor is given: where (two bytes), how (one) */
	STEP_REMOVED,       /* somebody has removed the socket's lock */
	STEP_LITERAL = 0xff,
};

enum manners {
	SUCCESSOR_SILENT = 1, /* never says that it has it all */
	SUCCESSOR_RUDE = 2,   /* says something else */
	SUCCESSOR_GONE = 4,   /* has gone as soon as something is given */
	PREDECESSOR_DIES = 8, /* a stream that breaks off does so because its sender died */
};

struct client {
	int fd;
	bool used, gone, shut, deaf, eof, reset;
	bool was_deaf;
	struct cal_text sent; /* what it has to send … */
	size_t put;           /* … and how much of it the socket has taken */
	struct cal_text got;
	bool at_line;         /* `got` ends with a whole line */
	struct parcel parcel; /* it was taken for a successor … */
	int said;             /* … and has said that it has it all: 1, or something else: 2 */
};

static struct client g_clients[MAX_CLIENTS];
static struct fuzz_input g_script;
static struct client *g_client; /* whose turn it is */
static size_t g_piece;          /* where its last piece begins */
static size_t g_total;
static unsigned g_repeats;
static bool g_over;   /* the script has ended */
static bool g_ending; /* so have the clients */
static unsigned g_idle;
static uint8_t g_manners;
static bool g_stopped;   /* before the script's end: requests stay unread */
static bool g_jumped;    /* time did: who does not have its answers yet may be cut off */
static bool g_lost_some; /* a successor that did not serve had connections */
static bool g_spoil;
static uint32_t g_spoil_at;
static uint8_t g_spoil_by;
static struct client *g_successor; /* it has said that it has it all */
static struct rpc_socket g_socket;
static struct sockaddr_un g_addr[2] = { { .sun_family = AF_UNIX }, { .sun_family = AF_UNIX } };
static socklen_t g_addr_len[2];

/* --- the clients ------------------------------------------------------------------------------ */

static struct client *
client_use(unsigned index)
{
	struct client *client = &g_clients[index];
	bool tcp = index >= TCP_CLIENTS && index < CROWD;

	if (!client->used) {
		client->at_line = true;
		client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		FUZZ_CHECK(client->fd >= 0, "no socket");
		client->used = true;
		if (connect(client->fd, (struct sockaddr *)&g_addr[tcp], g_addr_len[tcp]) != 0) {
			/* Nobody listens any more. */
			FUZZ_CHECK(g_fake.status != 0 || g_stopped || errno == EAGAIN,
			           "refused: %s", strerror(errno));
			client->gone = true;
			close(client->fd);
		}
	}
	return client;
}

/* One that was to be a successor, and is none, keeps no connections. */
static void
client_leave(struct client *client)
{
	if (client->used && !client->gone) {
		close(client->fd);
		client->gone = true;
		if (client != g_successor) {
			parcel_close_fds(&client->parcel);
		}
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

/* What is given away ends with the piece that says so. */
static void
client_succeed(struct client *client)
{
	static const char ack[] = { HANDOVER_ACK, 'x' };
	bool is_rude = (g_manners & SUCCESSOR_RUDE) != 0;

	parcel_parse(&client->parcel);
	if (client->parcel.go) {
		FUZZ_CHECK(g_successor == NULL && client->said == 1, "handed over to two");
		g_successor = client;
	} else if ((g_manners & SUCCESSOR_GONE) != 0) {
		client_leave(client);
	} else if (client->parcel.done && (g_manners & SUCCESSOR_SILENT) == 0 && !client->said) {
		client->said = 1 + is_rude;
		send(client->fd, &ack[is_rude], 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
}

/* Answers; and frames, the first of which comes with descriptors, perhaps behind an answer. */
static void
client_answers(struct client *client, struct parcel *come)
{
	struct piece *piece = &come->pieces[0];
	size_t len = piece->text.len, i;

	for (i = 0; piece->num_fds > 0; i++) {
		FUZZ_CHECK(i < len, "descriptors without a frame");
		if ((i == 0 ? client->at_line : piece->text.data[i - 1] == '\n') &&
		    piece->text.data[i] == 'L') { /* no answer begins so */
			parcel_add(&client->parcel, piece->text.data + i, len - i, piece->fds,
			           piece->num_fds);
			piece->num_fds = 0;
			len = i;
			break;
		}
	}
	if (len > 0) {
		cal_text_append(&client->got, piece->text.data, len);
		client->at_line = piece->text.data[len - 1] == '\n';
	}
	parcel_free(come);
	if (client->parcel.num > 0) {
		client_succeed(client);
	}
}

static bool
client_read(struct client *client)
{
	struct parcel come = { 0 };
	ssize_t n;

	if (!client->used || client->gone || client->eof || (client->deaf && !g_over)) {
		return false;
	}
	if (client->parcel.num > 0) {
		n = parcel_receive(&client->parcel, client->fd);
	} else {
		n = parcel_receive(&come, client->fd);
	}
	if (n > 0 && client->parcel.num > 0) {
		client_succeed(client);
		return true;
	}
	if (n > 0) {
		FUZZ_CHECK(come.pieces != NULL, "bytes came, and are nowhere");
		client_answers(client, &come);
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
	uint8_t fill[FILL];

	memset(fill, byte, sizeof(fill));
	say(fill, sizeof(fill));
}

static void
crowd(void)
{
	unsigned i;

	for (i = CROWD; i < MAX_CLIENTS; i++) {
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
		g_client->was_deaf = true;
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
		g_stopped = true;
		break;
	case STEP_DIE:
		g_fake.status = -ECONNRESET;
		break;
	case STEP_CROWD:
		crowd();
		break;
	case STEP_STATE:
		g_world.state = fuzz_byte(&g_script);
		return false;
	case STEP_TIME:
		g_world.ns += fuzz_byte(&g_script) * UINT64_C(10000000);
		g_jumped = true;
		break;
	case STEP_SUCCESSOR:
		g_manners = fuzz_byte(&g_script);
		g_world.pred_is_dead = (g_manners & PREDECESSOR_DIES) != 0;
		return false;
	case STEP_SPOIL:
		g_spoil = true;
		g_spoil_at = fuzz_byte(&g_script);
		g_spoil_at |= (uint32_t)fuzz_byte(&g_script) << 8;
		g_spoil_by = fuzz_byte(&g_script);
		return false;
	case STEP_REMOVED: /* one without a primary ends then */
		snprintf(g_socket.lock_path, sizeof(g_socket.lock_path), "/nonexistent");
		g_stopped = true;
		return false;
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

static bool
asks_for_all(const struct client *client)
{
	return client->sent.len > 0 && memmem(client->sent.data, client->sent.len, HANDOVER_METHOD,
	                                      strlen(HANDOVER_METHOD)) != NULL;
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
		/* One that asks for everything would be gone. */
		if (g_over && (g_idle > 30 || !asks_for_all(client))) {
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
		if (all_over && !g_ending && g_successor == NULL) {
			g_ending = busy = true;
			g_fake.status = g_fake.status == 0 ? -ESHUTDOWN : g_fake.status;
			raise(SIGTERM); /* in case that there is no primary */
		}
	}
	g_idle = busy ? 0 : g_idle + 1;
	/* Nobody moves: what happens next is a matter of time. */
	g_world.ns += g_idle > 20 ? 20000000 : 0;
	FUZZ_CHECK(g_idle < MAX_IDLE, "somebody waits for ever");
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

static int
listener(unsigned which)
{
	static unsigned number; /* the kernel may take a while to forget one that was in flight */
	struct sockaddr_un *addr = &g_addr[which];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	/* In the abstract name space: no file to clean up. */
	g_addr_len[which] = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1);
	g_addr_len[which] += (socklen_t)snprintf(addr->sun_path + 1, 64, "cal-fuzz-%d-%u",
	                                         (int)getpid(), number++);
	FUZZ_CHECK(fd >= 0 && bind(fd, (struct sockaddr *)addr, g_addr_len[which]) == 0 &&
	                   listen(fd, RPCD_BACKLOG) == 0,
	           "cannot listen: %s", strerror(errno));
	return fd;
}

/* Changes it, too, if that was asked for. */
static void
spoil(struct parcel *parcel)
{
	struct piece *piece;
	size_t at = g_spoil_at, i;

	if (parcel->num == 0) {
		return;
	}
	for (i = 0; i < parcel->num; i++) {
		piece = &parcel->pieces[i];
		if (at < piece->text.len) {
			break;
		}
		at -= piece->text.len;
	}
	if (i == parcel->num) { /* what is behind the last byte: a descriptor less */
		piece = &parcel->pieces[g_spoil_by % parcel->num];
		if (piece->num_fds > 0) {
			close(piece->fds[--piece->num_fds]);
		}
	} else if (g_spoil_by == 0) { /* it breaks off there */
		piece->text.len = at;
		while (++i < parcel->num) {
			parcel->pieces[i].text.len = 0;
		}
	} else {
		piece->text.data[at] ^= (char)g_spoil_by;
	}
}

/* What the first one gave away, in one socket, behind the answer to what the next one will ask.
 * Returns 0, or why the next one does not take over. */
static int
predecessor(struct client *client, struct takeover **takeover)
{
	static const char answer[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"version\":1}}\n";
	int ends[2], size = 4 << 20, rc;

	FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "no sockets");
	setsockopt(ends[1], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	if (g_spoil) {
		spoil(&client->parcel);
	}
	if (send(ends[1], answer, sizeof(answer) - 1, MSG_NOSIGNAL) < 0 ||
	    !parcel_send(&client->parcel, ends[1])) {
		g_spoil = true;
	}
	shutdown(ends[1], SHUT_WR);
	g_world.predecessor = ends[0];
	rc = takeover_ask(WORLD_PREDECESSOR, 0, 0, true, takeover);
	FUZZ_CHECK(rc == 0 || g_spoil, "not taken over: %d", rc);
	close(ends[0]);
	close(ends[1]);
	parcel_free(&client->parcel);
	return rc;
}

/* One cal-rpcd until its end. Returns whether another one is to take over. */
static bool
serve(struct server_opts *opts)
{
	bool handed_over, taking_over = opts->takeover != NULL;
	unsigned i;
	int rc;

	g_successor = NULL;
	g_fake.status = g_fake.status == -ECONNRESET ? 0 : g_fake.status; /* a new primary */
	rc = server_run(opts, &handed_over);
	FUZZ_CHECK(rc == 0 || (taking_over && g_spoil), "exit status %d", rc);
	for (i = 0; handed_over && i < MAX_CLIENTS; i++) { /* the last word may be unread */
		while (g_clients[i].said != 0 && client_read(&g_clients[i])) {
		}
	}
	FUZZ_CHECK(handed_over == (g_successor != NULL) || (handed_over && taking_over),
	           "handed over or not?");
	close(g_socket.lock_fd);
	opts->takeover = NULL;
	return g_successor != NULL && handed_over;
}

static bool
listens(int fd)
{
	socklen_t len = sizeof(int);
	int is = 0;

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is, &len) == 0 && is != 0;
}

/* The sockets are none: its process would end at once. */
static void
give_up(struct server_opts *opts)
{
	FUZZ_CHECK(g_spoil, "sockets that do not listen");
	g_lost_some = true;
	takeover_abort(opts->takeover);
	close(opts->unix_fd);
	close(g_socket.lock_fd);
	if (opts->tcp_fd >= 0) {
		close(opts->tcp_fd);
	}
}

static void
serve_all(void)
{
	struct server_opts opts = {
		.client = (struct cal_client *)&g_fake,
		.unix_fd = listener(0),
		.tcp_fd = listener(1),
		.socket = &g_socket,
		.ready = on_ready,
		.gone = nothing,
		.lost = nothing,
	};
	unsigned runs = 1;

	memset(&g_socket, 0, sizeof(g_socket));
	snprintf(g_socket.lock_path, sizeof(g_socket.lock_path), "/dev/null");
	g_socket.lock_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	g_client = client_use(0);
	while (serve(&opts)) {
		struct client *client = g_successor;

		client->reset = true; /* what it asked besides is nobody's */
		if (runs++ == MAX_RUNS || predecessor(client, &opts.takeover) != 0) {
			g_lost_some = true;
			break;
		}
		takeover_sockets(opts.takeover, &g_socket.lock_fd, &opts.unix_fd, &opts.tcp_fd);
		if (!listens(opts.unix_fd) || (opts.tcp_fd >= 0 && !listens(opts.tcp_fd))) {
			give_up(&opts);
			break;
		}
	}
}

static void
begin(const uint8_t *data, size_t size)
{
	memset(g_clients, 0, sizeof(g_clients));
	g_script = (struct fuzz_input){ data, data + size };
	g_piece = g_total = 0;
	g_idle = g_repeats = 0;
	g_over = g_ending = g_stopped = g_jumped = g_lost_some = g_spoil = false;
	g_manners = 0;
	g_world.state = 0;
	g_world.pred_is_dead = false;
	g_world.each_turn = turn;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = fuzz_lowest_fd();
	bool ended_early;
	unsigned i;

	begin(data, size);
	fake_begin();
	serve_all();
	/* The script's own STOP leaves requests unread, and a bad successor those that it had. */
	ended_early = !g_over || g_stopped || g_lost_some || g_spoil;
	for (i = 0; i < MAX_CLIENTS; i++) {
		ended_early |= g_clients[i].used && !g_clients[i].gone;
	}
	fake_end();
	for (i = 0; i < MAX_CLIENTS; i++) {
		struct client *client = &g_clients[i];

		if (client->used) {
			/* One that left, or was reset, may have missed some. */
			model_check(&client->sent, &client->got,
			            client->eof && !client->reset && !ended_early &&
			                    client->parcel.num == 0 &&
			                    !(g_jumped && (client->was_deaf ||
			                                   client->got.len > WORLD_SNDBUF)));
		}
		client_leave(client);
		cal_text_free(&client->sent);
		cal_text_free(&client->got);
		parcel_free(&client->parcel);
	}
	FUZZ_CHECK(fuzz_lowest_fd() == fd, "a descriptor stayed open");
	return 0;
}
