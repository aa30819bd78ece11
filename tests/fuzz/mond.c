/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* cal-mond's socket on its own loop, with clients that say what the input has them say, and what
 * follows when one of them takes all of it over (mond_handover): a second one is given what the
 * first gave away, whole, cut off or changed. An input that begins with MODE_FRAMES is what a
 * hostile predecessor sends: an answer and frames, of any length, order and descriptors.
 *
 * What must hold: a request in good form has one answer, in its turn, also across hand-overs,
 * whether or not they succeed; one that is not costs its connection at most; no descriptor stays
 * open. */

/* objs: services/mond/server.c services/mond/handover.c services/mond/takeover.c */
/* objs: services/handover */
/* libs: -luv -ldl -Wl,--wrap=cal_state_read */

#include "services/mond/server.h"
#define PARCEL_MAX_IN (4 + MOND_MAX_REQUEST)
#include "tests/fuzz/parcel.h"
#include "tests/fuzz/service_world.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#define SOME          6 /* clients that do what they are told */
#define MAX_CLIENTS   (SOME + MOND_MAX_CLIENTS)
#define MAX_CALLS     200          /* of a client */
#define MAX_ANSWERS   (1u << 20)   /* bytes, of all */
#define MAX_SENT      (256u << 10) /* likewise */
#define MAX_IDLE      3000         /* rounds of the loop without progress: it hangs */
#define PATIENCE      30           /* rounds until a client gives up being handed over to */
#define MAX_RUNS      4            /* successors of successors */
#define MODE_FRAMES   0xfe
#define FRAMES_ROUNDS 8

enum step {
	STEP_CLIENT,  /* which one goes on */
	STEP_CALL,    /* a good request; so many KiB are answered */
	STEP_ASK,     /* it asks for all of it; what is wrong with that (enum asked) */
	STEP_BYTES,   /* length, and these bytes */
	STEP_PART,    /* all but so many bytes of what it has to say go out, then the loop's turn */
	STEP_TURN,    /* all of it, and the loop's turn */
	STEP_DEAF,    /* it reads, or reads no longer */
	STEP_SHUT,    /* it sends no more */
	STEP_CLOSE,   /* it is gone */
	STEP_CROWD,   /* as many as have a place, and some */
	STEP_TIME,    /* so many times 10 ms pass */
	STEP_MANNERS, /* how successors behave (enum manners) */
	STEP_SPOIL,   /* in what a successor is given: where (two bytes), how (one) */
	STEP_MAY,     /* whether it hands over: yes, -EBUSY, -EAGAIN */
	STEP_STOP,    /* a signal */
	STEP_NUM,
};

enum asked { ASKED_WELL, ASKED_VERSION, ASKED_NOTHING, ASKED_NUM };

enum manners {
	SUCCESSOR_SILENT = 1, /* never says that it has it all */
	SUCCESSOR_RUDE = 2,   /* says something else */
	SUCCESSOR_GONE = 4,   /* has gone as soon as something is given */
	PREDECESSOR_DIES = 8, /* a stream that breaks off does so because its sender died */
	NAME_IS_GONE = 16,    /* the socket has another's name by then */
};

struct client {
	int fd;
	bool used, gone, shut, deaf, eof;
	bool odd; /* it said what is no request, or has asked for all of it */
	struct cal_text sent;
	size_t put;
	struct cal_text got;
	size_t parsed;
	unsigned asked, answered;
	bool granted;
	struct parcel parcel; /* what came after that */
	int said;             /* it has it all: 1; something else: 2 */
};

static struct client g_clients[MAX_CLIENTS], *g_client, *g_successor;
static struct fuzz_input g_script;
static size_t g_hold, g_sent, g_answers;
static bool g_over, g_ending, g_ended_early, g_handed_over, g_stop_asked, g_spoil;
static uint32_t g_spoil_at;
static uint8_t g_spoil_by, g_manners;
static int g_may;
static unsigned g_idle, g_rounds;
static struct sockaddr_un g_addr = { .sun_family = AF_UNIX };
static socklen_t g_addr_len;
static uv_loop_t g_loop;

/* The socket's name, which has no file. It goes with NAME_IS_GONE while a predecessor is asked. */
int
stat(const char *path, struct stat *st)
{
	static ino_t number;

	if (strcmp(path, WORLD_PREDECESSOR) != 0) {
		return fstatat(AT_FDCWD, path, st, 0);
	}
	memset(st, 0, sizeof(*st));
	st->st_ino = (g_manners & NAME_IS_GONE) != 0 ? ++number : 0;
	return 0;
}

/* --- what cal-mond's main() is for the socket --------------------------------------------------
 */

static void
end(void)
{
	if (!g_ending) {
		g_ending = true;
		server_stop(false);
	}
}

static void
stop(void)
{
	if (handover_is_under_way()) {
		g_stop_asked = true;
	} else {
		end();
	}
}

static void
handle(const struct codec_envelope *request, struct codec_buf *out)
{
	static const char fill[1024];
	struct codec_cursor cur;
	struct codec_item item;
	uint64_t i, kib = 0;

	codec_cursor_init(&cur, request->params.data, request->params.len);
	item = codec_next(&cur);
	if (item.kind == CODEC_UINT && item.u <= UINT8_MAX && g_answers < MAX_ANSWERS) {
		kib = item.u;
		g_answers += kib * sizeof(fill);
	}
	codec_begin_result(out, request->id);
	codec_put_array(out, (uint32_t)kib);
	for (i = 0; i < kib; i++) {
		codec_put_str(out, fill, sizeof(fill));
	}
}

static int
may_hand_over(pid_t primary_pid)
{
	return g_ending ? -EAGAIN : g_may;
}

static void
handover_done(bool handed_over)
{
	g_handed_over |= handed_over;
	if (handed_over || g_stop_asked) {
		end();
	}
}

/* --- the clients ------------------------------------------------------------------------------ */

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

static struct client *
client_use(unsigned index)
{
	struct client *client = &g_clients[index];

	if (!client->used) {
		client->used = true;
		client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		FUZZ_CHECK(client->fd >= 0, "no socket");
		if (connect(client->fd, (struct sockaddr *)&g_addr, g_addr_len) != 0) {
			FUZZ_CHECK(g_ending || g_spoil, "refused: %s", strerror(errno));
			client_leave(client);
		}
	}
	return client;
}

static bool
client_write(struct client *client, size_t hold)
{
	size_t left = client->sent.len - client->put;
	ssize_t n;

	if (!client->used || client->gone || client->eof || left <= hold) {
		return false;
	}
	n = send(client->fd, client->sent.data + client->put, left - hold,
	         MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0 && errno != EAGAIN) { /* it was closed: nobody will want the rest */
		client->put = client->sent.len;
	}
	client->put += n > 0 ? (size_t)n : 0;
	return n > 0;
}

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
		(void)send(client->fd, &ack[is_rude], 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
}

/* One answer. Only a hand-over's is a map. */
static void
client_answer(struct client *client, const uint8_t *bytes, size_t len)
{
	struct codec_envelope answer;
	struct codec_cursor cur;

	FUZZ_CHECK(codec_parse(bytes, len, &answer) == 0 && answer.type == CODEC_RESPONSE,
	           "%zu bytes that are no answer", len);
	client->answered++;
	FUZZ_CHECK(client->odd || g_spoil || answer.id == client->answered, "answer %u has id %u",
	           client->answered, answer.id);
	FUZZ_CHECK(client->odd || g_spoil || client->answered <= client->asked,
	           "%u answers to %u requests", client->answered, client->asked);
	if (answer.error.len == 0) {
		codec_cursor_init(&cur, answer.result.data, answer.result.len);
		client->granted = codec_next(&cur).kind == CODEC_MAP;
	}
}

static bool
client_read(struct client *client)
{
	struct parcel come = { 0 };
	struct piece *piece;
	uint32_t size;
	ssize_t n;

	if (!client->used || client->gone || client->eof || (client->deaf && !g_over)) {
		return false;
	}
	n = parcel_receive(client->granted ? &client->parcel : &come, client->fd);
	if (n <= 0) {
		client->eof = n == 0 || errno != EAGAIN;
		return client->eof;
	}
	if (come.num > 0) {
		piece = &come.pieces[0];
		cal_text_append(&client->got, piece->text.data, piece->text.len);
		while (!client->granted && client->got.len - client->parsed >= sizeof(size)) {
			memcpy(&size, client->got.data + client->parsed, sizeof(size));
			if (client->got.len - client->parsed - sizeof(size) < size) {
				break;
			}
			client_answer(client,
			              (uint8_t *)client->got.data + client->parsed + sizeof(size),
			              size);
			client->parsed += sizeof(size) + size;
		}
		if (client->granted && client->got.len > client->parsed) {
			parcel_add(&client->parcel, client->got.data + client->parsed,
			           client->got.len - client->parsed, piece->fds, piece->num_fds);
			piece->num_fds = 0;
		}
		FUZZ_CHECK(piece->num_fds == 0, "descriptors without a frame");
		parcel_free(&come);
	}
	if (client->parcel.num > 0) {
		client_succeed(client);
	}
	return true;
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
say(const void *bytes, size_t len)
{
	if (g_sent + len <= MAX_SENT && !g_client->shut && !g_client->gone) {
		cal_text_append(&g_client->sent, bytes, len);
		g_sent += len;
	}
}

static void
say_request(const char *method, const struct codec_buf *params)
{
	struct codec_buf request;
	uint32_t size;

	codec_buf_init(&request);
	codec_put_request(&request, g_client->asked + 1, method, params->data, params->len);
	size = (uint32_t)request.len;
	if (g_client->asked < MAX_CALLS && g_sent + size + sizeof(size) <= MAX_SENT &&
	    !g_client->shut && !g_client->gone) {
		g_client->asked++;
		say(&size, sizeof(size));
		say(request.data, request.len);
	}
	codec_buf_free(&request);
}

static void
say_call(uint8_t kib)
{
	struct codec_buf params;

	codec_buf_init(&params);
	codec_put_uint(&params, kib);
	say_request("trace_show", &params);
	codec_buf_free(&params);
}

static void
say_ask(uint8_t how)
{
	struct codec_buf params;

	codec_buf_init(&params);
	codec_put_map(&params, how == ASKED_NOTHING ? 1 : 2);
	codec_put_cstr(&params, "version");
	codec_put_uint(&params, MOND_HANDOVER_VERSION + (how == ASKED_VERSION));
	if (how != ASKED_NOTHING) {
		codec_put_cstr(&params, "primary_pid");
		codec_put_uint(&params, 1);
	}
	say_request(MOND_HANDOVER_METHOD, &params);
	codec_buf_free(&params);
	/* Behind it there may be anything. */
	g_client->odd |= how == ASKED_WELL;
}

static void
say_bytes(void)
{
	size_t len = fuzz_byte(&g_script);

	len = len < fuzz_left(&g_script) ? len : fuzz_left(&g_script);
	g_client->odd = true;
	say(g_script.p, len);
	g_script.p += len;
}

static void
crowd(void)
{
	unsigned i;

	for (i = 0; i < MAX_CLIENTS; i++) {
		client_use(i);
	}
	g_ended_early = true; /* whoever was silent for longest is cut off */
}

/* Do one step. Returns true when the loop is to have its turn. */
static bool
step(uint8_t what)
{
	static const int may[] = { 0, -EBUSY, -EAGAIN };

	g_hold = 0;
	switch (what) {
	case STEP_CLIENT:
		g_client = client_use(fuzz_byte(&g_script) % SOME);
		return false;
	case STEP_CALL:
		say_call(fuzz_byte(&g_script));
		return false;
	case STEP_ASK:
		say_ask(fuzz_byte(&g_script) % ASKED_NUM);
		return false;
	case STEP_BYTES:
		say_bytes();
		return false;
	case STEP_PART:
		g_hold = fuzz_byte(&g_script);
		return true;
	case STEP_DEAF:
		g_client->deaf = !g_client->deaf;
		return false;
	case STEP_SHUT:
		client_write(g_client, 0);
		client_shut(g_client);
		return true;
	case STEP_CLOSE:
		client_write(g_client, 0);
		client_leave(g_client);
		return true;
	case STEP_CROWD:
		crowd();
		return true;
	case STEP_TIME:
		g_world.ns += fuzz_byte(&g_script) * UINT64_C(10000000);
		return true;
	case STEP_MANNERS:
		g_manners = fuzz_byte(&g_script);
		g_world.pred_is_dead = (g_manners & PREDECESSOR_DIES) != 0;
		return false;
	case STEP_SPOIL:
		g_spoil = true;
		g_spoil_at = fuzz_byte(&g_script);
		g_spoil_at |= (uint32_t)fuzz_byte(&g_script) << 8;
		g_spoil_by = fuzz_byte(&g_script);
		return false;
	case STEP_MAY:
		g_may = may[fuzz_byte(&g_script) % 3];
		return false;
	case STEP_STOP:
		g_ended_early = true;
		stop();
		return true;
	default:
		return true;
	}
}

static bool
client_turn(struct client *client)
{
	bool busy;

	busy = client_write(client, client == g_client ? g_hold : 0);
	busy |= client_read(client);
	if (g_over && (!client->granted || g_idle > PATIENCE)) {
		client_shut(client);
	}
	if (client->eof && !client->gone) {
		client_leave(client);
		busy = true;
	}
	return busy;
}

/* Once the script has ended clients finish what they say, and listen until the end. */
static void
turn(void)
{
	bool busy = !g_over, all_over = true;
	unsigned i;

	while (!g_over && !step(fuzz_byte(&g_script) % STEP_NUM)) {
		g_over = fuzz_left(&g_script) == 0;
	}
	g_over |= fuzz_left(&g_script) == 0;
	for (i = 0; i < MAX_CLIENTS; i++) {
		busy |= client_turn(&g_clients[i]);
		all_over &= !g_clients[i].used || g_clients[i].gone;
	}
	if (g_over && all_over && !g_handed_over) {
		stop();
	}
	g_hold = 0;
	g_idle = busy ? 0 : g_idle + 1;
	/* Nobody moves: what happens next is a matter of time. */
	g_world.ns += g_idle > 20 ? 20000000 : 0;
	FUZZ_CHECK(g_idle < MAX_IDLE, "somebody waits for ever");
}

/* --- one, and its successors ------------------------------------------------------------------ */

static int
listener(void)
{
	static unsigned number; /* the kernel may take a while to forget one that was in flight */
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	/* In the abstract name space: no file to clean up. */
	g_addr_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1);
	g_addr_len += (socklen_t)snprintf(g_addr.sun_path + 1, 64, "cal-fuzz-mond-%d-%u",
	                                  (int)getpid(), number++);
	FUZZ_CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&g_addr, g_addr_len) == 0 &&
	                   listen(fd, MOND_BACKLOG) == 0,
	           "cannot listen: %s", strerror(errno));
	return fd;
}

static void
serve(int fd, struct takeover *takeover)
{
	const struct server_opts opts = {
		.loop = &g_loop,
		.path = WORLD_PREDECESSOR,
		.handle = handle,
		.may_hand_over = may_hand_over,
		.handover_done = handover_done,
	};

	g_ending = g_handed_over = g_stop_asked = false;
	g_successor = NULL;
	FUZZ_CHECK(uv_loop_init(&g_loop) == 0 && server_start(&opts, fd) == 0, "it cannot serve");
	if (takeover != NULL) {
		takeover_use(takeover);
	}
	uv_run(&g_loop, UV_RUN_DEFAULT);
	FUZZ_CHECK(g_ending && uv_loop_close(&g_loop) == 0, "its loop ends too early");
}

/* Changes what a successor is given. */
static void
spoil(struct parcel *parcel)
{
	struct piece *piece;
	size_t at = g_spoil_at, i;

	for (i = 0; i < parcel->num && at >= parcel->pieces[i].text.len; i++) {
		at -= parcel->pieces[i].text.len;
	}
	if (i == parcel->num) { /* what is behind the last byte: a descriptor less */
		piece = &parcel->pieces[g_spoil_by % parcel->num];
		if (piece->num_fds > 0) {
			close(piece->fds[--piece->num_fds]);
		}
	} else if (g_spoil_by == 0) { /* it breaks off there */
		parcel->pieces[i].text.len = at;
		while (++i < parcel->num) {
			parcel->pieces[i].text.len = 0;
		}
	} else {
		parcel->pieces[i].text.data[at] ^= (char)g_spoil_by;
	}
}

/* Ask one that has said all that it will. */
static int
ask(const struct parcel *parcel, const void *answer, size_t len, struct takeover *takeover)
{
	int ends[2], size = 4 << 20, rc;

	FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "no sockets");
	setsockopt(ends[1], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	if ((len > 0 && send(ends[1], answer, len, MSG_NOSIGNAL) < 0) ||
	    !parcel_send(parcel, ends[1])) {
		g_spoil = true;
	}
	shutdown(ends[1], SHUT_WR);
	g_world.predecessor = ends[0];
	rc = takeover_ask(takeover, WORLD_PREDECESSOR, 1);
	close(ends[0]);
	close(ends[1]);
	return rc;
}

static int
ask_next(struct parcel *parcel, struct takeover *takeover)
{
	struct codec_buf answer;
	uint32_t size;
	char bytes[64];
	int rc;

	codec_buf_init(&answer);
	codec_begin_result(&answer, 1);
	codec_put_map(&answer, 0);
	size = (uint32_t)answer.len;
	memcpy(bytes, &size, sizeof(size));
	memcpy(bytes + sizeof(size), answer.data, answer.len);
	codec_buf_free(&answer);
	if (g_spoil && parcel->num > 0) {
		spoil(parcel);
	}
	rc = ask(parcel, bytes, sizeof(size) + size, takeover);
	parcel_free(parcel);
	return rc;
}

static void
serve_all(void)
{
	struct takeover takeover;
	unsigned runs = 1;
	int rc, fd = listener();

	g_client = client_use(0);
	serve(fd, NULL);
	while (g_handed_over) {
		unsigned i;

		for (i = 0; i < MAX_CLIENTS; i++) { /* the last word may be unread */
			while (g_clients[i].said == 1 && client_read(&g_clients[i])) {
			}
		}
		/* It has gone since, with all that it was given. */
		if (g_successor == NULL || runs++ == MAX_RUNS) {
			g_ended_early = true;
			return;
		}
		rc = ask_next(&g_successor->parcel, &takeover);
		FUZZ_CHECK(rc == 0 || g_spoil, "not taken over: %d", rc);
		if (rc != 0) {
			g_ended_early = true;
			return;
		}
		serve(takeover.listener, &takeover);
	}
}

static void
run_script(void)
{
	unsigned i;

	g_world.each_turn = turn;
	serve_all();
	for (i = 0; i < MAX_CLIENTS; i++) {
		struct client *client = &g_clients[i];
		bool all = client->eof && client->shut && !client->odd;

		FUZZ_CHECK(!all || g_ended_early || g_spoil || client->answered == client->asked,
		           "client %u has %u answers to %u requests", i, client->answered,
		           client->asked);
		client_leave(client);
		cal_text_free(&client->sent);
		cal_text_free(&client->got);
		parcel_free(&client->parcel);
	}
}

/* --- a predecessor that sends anything -------------------------------------------------------- */

static int
some_fd(uint8_t kind)
{
	int ends[2];

	switch (kind % 4) {
	case 0:
		return listener();
	case 1: /* somebody who has gone */
		FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "none");
		close(ends[1]);
		return ends[0];
	case 2:
		return eventfd(0, EFD_CLOEXEC);
	default:
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	}
}

/* A piece: what it is (raw, or a frame), how many descriptors, of which kind; then of a frame its
 * type, how many it says, both lengths; then a length and bytes. */
static void
some_piece(struct parcel *parcel)
{
	static const uint32_t lengths[] = {
		0, 1, 4, 64, UINT32_MAX, UINT32_MAX - 19, 1u << 31, 4 + MOND_MAX_REQUEST
	};
	struct handover_frame head = { .magic = HANDOVER_MAGIC };
	uint8_t what = fuzz_byte(&g_script), word;
	unsigned num_fds = what >> 1 & 3, i;
	char bytes[sizeof(head) + UINT8_MAX];
	size_t len, at = 0;
	int fds[PIECE_FDS];

	for (i = 0; i < num_fds; i++) {
		fds[i] = some_fd(what >> 3);
		FUZZ_CHECK(fds[i] >= 0, "no descriptor");
	}
	if ((what & 1) != 0) {
		word = fuzz_byte(&g_script);
		head.type = word & 3;
		head.num_fds = word >> 2 & 7;
		head.flags = (uint32_t)(word >> 5) << HANDOVER_MARKS;
		word = fuzz_byte(&g_script);
		head.in_len = lengths[word & 7];
		head.out_len = lengths[word >> 3 & 7];
		memcpy(bytes, &head, sizeof(head));
		at = sizeof(head);
	}
	len = fuzz_byte(&g_script);
	len = len < fuzz_left(&g_script) ? len : fuzz_left(&g_script);
	memcpy(bytes + at, g_script.p, len);
	g_script.p += len;
	if (at + len == 0) { /* nothing carries descriptors */
		bytes[at++] = 0;
	}
	parcel_add(parcel, bytes, at + len, fds, num_fds);
}

static void
turn_frames(void)
{
	if (++g_rounds == FRAMES_ROUNDS) {
		stop();
	}
	FUZZ_CHECK(g_rounds < MAX_IDLE, "it does not end");
	g_world.ns += 200000000;
}

static void
run_frames(void)
{
	/* [1, 1, nil, {}] */
	static const uint8_t answer[] = { 5, 0, 0, 0, 0x94, 1, 1, 0xc0, 0x80 };
	struct parcel parcel = { 0 };
	struct takeover takeover;
	bool answers;

	fuzz_byte(&g_script); /* MODE_FRAMES */
	g_manners = fuzz_byte(&g_script);
	answers = (g_manners & 1) == 0;
	g_world.pred_is_dead = (g_manners & PREDECESSOR_DIES) != 0;
	g_world.each_turn = turn_frames;
	while (fuzz_left(&g_script) > 0) {
		some_piece(&parcel);
	}
	if (ask(&parcel, answer, answers ? sizeof(answer) : 0, &takeover) == 0) {
		FUZZ_CHECK(takeover.listener >= 0, "taken over without a listener");
		serve(takeover.listener, &takeover);
	}
	parcel_free(&parcel);
}

/* --- all of it -------------------------------------------------------------------------------- */

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = fuzz_lowest_fd();

	memset(g_clients, 0, sizeof(g_clients));
	g_script = (struct fuzz_input){ data, data + size };
	g_hold = g_sent = g_answers = 0;
	g_over = g_ended_early = g_spoil = false;
	g_manners = 0;
	g_may = 0;
	g_idle = g_rounds = 0;
	g_world.pred_is_dead = false;
	if (size > 0 && data[0] == MODE_FRAMES) {
		run_frames();
	} else {
		run_script();
	}
	FUZZ_CHECK(fuzz_lowest_fd() == fd, "a descriptor stayed open");
	return 0;
}
