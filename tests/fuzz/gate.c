/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Packets on gate.sock and to a service's connection, by some peers at once, against the gate on
 * its control pthread: of any type, length and content, with descriptors, before and after a hello,
 * and ends in between.
 *
 * What must hold: a connection is greeted, refused or closed, a bad packet ends it, and when all
 * have gone nothing stays: no connection, link, folder or descriptor. */

#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "calandria/instance.h"
#include "calandria/stats.h"
#include "core/util/folder.h"
#include "ipc/gate/control.h"
#include "ipc/gate/gate.h"
#include "ipc/gate/gate_internal.h"
#include "ipc/gate/gate_packet.h"
#include "ipc/link/layout.h"
#include "spdk/log.h"

#define ID          5
#define NUM_PEERS   3
#define MAX_STEPS   64
#define MAX_WAIT_MS 5000

enum step {
	STEP_PEER,   /* which one goes on */
	STEP_HELLO,  /* a good one */
	STEP_ATTACH, /* likewise */
	STEP_REPORT, /* likewise; a code */
	STEP_MSG,    /* a packet of our version: type, then the rest of its head and some text */
	STEP_FIELD,  /* a good hello but for one word: where, what (four) */
	STEP_BYTES,  /* length (two, modulo), and these bytes */
	STEP_FDS,    /* so many descriptors with the next packet */
	STEP_CLOSE,
	STEP_WAIT,    /* until the control pthread has seen all of this */
	STEP_RESTART, /* the gate ends all links, and opens again */
	STEP_MAPPED,  /* a good one, perhaps once more */
	STEP_PING,    /* the gate asks for a sign of life */
	STEP_PONG,    /* a good one, perhaps unasked */
	STEP_SERVICE, /* it is a service that the supervisor has started */
	STEP_NUM,
};

struct peer {
	int fd; /* -1: has none */
	unsigned fds;
};

static char g_root[] = "/tmp/cal-fuzz-gate-XXXXXX";
static struct peer g_peers[NUM_PEERS];

/* --- the gate --------------------------------------------------------------------------------- */

static void
on_link_up(void *ctx, struct link *link)
{
}

static void
on_link_down(void *ctx, struct link *link)
{
	gate_link_done(link);
}

static void
on_report(void *ctx, const char *name, pid_t pid, enum gate_report_code code, const char *text)
{
	FUZZ_CHECK(strlen(name) < 32 && strlen(text) < 512, "a string without its end");
}

static void
on_peer(void *ctx, const char *name, pid_t pid, bool connected)
{
	FUZZ_CHECK(strlen(name) < 32, "a string without its end");
}

static void
on_alive(void *ctx, const char *name, pid_t pid)
{
	FUZZ_CHECK(strlen(name) < 32 && pid == getpid(), "a sign of life of %d", (int)pid);
}

static const struct gate_ops g_ops = { on_link_up, on_link_down, on_report, on_peer, on_alive };

static int
do_listen(void *arg)
{
	int rc = gate_listen(ID, &g_ops, NULL);

	return rc == 0 ? gate_open() : rc;
}

static int
do_close(void *arg)
{
	gate_close("the test restarts it");
	return 0;
}

static int
do_ping(void *arg)
{
	return gate_ping(getpid());
}

static int
do_pair(void *arg)
{
	struct peer *peer = arg;

	return gate_service_pair("fuzz", &peer->fd);
}

static int
do_fini(void *arg)
{
	gate_fini();
	return 0;
}

static int
do_count(void *arg)
{
	return (int)g_gate.num_conns;
}

/* None three times in a row: one that has not been accepted yet is, in a round of the loop. */
static void
wait_for_none(void)
{
	int i, none = 0;

	for (i = 0; i < MAX_WAIT_MS && none < 3; i++) {
		none = control_call(do_count, NULL) == 0 ? none + 1 : 0;
		poll(NULL, 0, i < 20 ? 0 : 1);
	}
	FUZZ_CHECK(none == 3, "a connection stays");
}

/* --- the peers -------------------------------------------------------------------------------- */

static void
knock(struct peer *peer)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	if (peer->fd < 0) {
		peer->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		cal_instance_path(addr.sun_path, sizeof(addr.sun_path), ID, CAL_GATE_NAME);
		FUZZ_CHECK(connect(peer->fd, (struct sockaddr *)&addr, sizeof(addr)) == 0,
		           "nobody listens: %s", strerror(errno));
	}
}

static void
leave(struct peer *peer)
{
	if (peer->fd >= 0) {
		close(peer->fd);
		peer->fd = -1;
	}
	peer->fds = 0;
}

/* Bytes as one packet, with as many descriptors as were asked for. */
static void
say(struct peer *peer, const void *bytes, size_t len)
{
	char control[CMSG_SPACE(8 * sizeof(int))] = { 0 };
	struct iovec iov = { (void *)(uintptr_t)bytes, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *head;
	unsigned i;
	int fds[8];

	knock(peer);
	if (peer->fds > 0) {
		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(peer->fds * sizeof(int));
		head = CMSG_FIRSTHDR(&msg);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(peer->fds * sizeof(int));
		for (i = 0; i < peer->fds; i++) {
			fds[i] = peer->fd;
		}
		memcpy(CMSG_DATA(head), fds, peer->fds * sizeof(int));
		peer->fds = 0;
	}
	(void)sendmsg(peer->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void
say_msg(struct peer *peer, enum gate_msg_type type, uint32_t code, struct fuzz_input *in)
{
	struct gate_msg msg;
	size_t len;

	gate_packet_init(&msg, type);
	msg.code = code;
	msg.pid = getpid();
	snprintf(msg.name, sizeof(msg.name), "fuzz");
	if (in != NULL) {
		len = fuzz_left(in) < 24 ? fuzz_left(in) : 24;
		memcpy(msg.name, in->p, len);
		memset(msg.text, len > 0 ? in->p[0] : 0, sizeof(msg.text));
		in->p += len;
	}
	say(peer, &msg, sizeof(msg));
}

static void
say_field(struct peer *peer, struct fuzz_input *in)
{
	struct gate_msg msg;
	size_t at = fuzz_byte(in);
	uint32_t word = fuzz_u32(in);

	gate_packet_init(&msg, GATE_HELLO);
	snprintf(msg.name, sizeof(msg.name), "fuzz");
	memcpy((uint8_t *)&msg + at * 4 % (sizeof(msg) - 3), &word, sizeof(word));
	say(peer, &msg, sizeof(msg));
}

static void
say_bytes(struct peer *peer, struct fuzz_input *in)
{
	static uint8_t bytes[2 * sizeof(struct gate_msg)];
	size_t len = fuzz_byte(in), have;

	len = (len | (size_t)fuzz_byte(in) << 8) % sizeof(bytes);
	have = len < fuzz_left(in) ? len : fuzz_left(in);
	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes, in->p, have);
	in->p += have;
	if (len > 0) { /* nothing is its end */
		say(peer, bytes, len);
	}
}

/* What comes is a packet in good form, or the end. */
static void
listen_to(struct peer *peer)
{
	struct gate_packet packet;
	int rc = -EAGAIN;

	while (peer->fd >= 0 && (rc = gate_packet_recv(peer->fd, &packet)) == 1) {
		FUZZ_CHECK(packet.len == GATE_WAKE_SIZE || gate_packet_check_any(&packet) == 0,
		           "the gate sent %zu odd bytes", packet.len);
		FUZZ_CHECK(packet.msg.type == GATE_WELCOME || packet.msg.type == GATE_REFUSED ||
		                   packet.msg.type == GATE_GRANT || packet.msg.type == GATE_WAKE ||
		                   packet.msg.type == GATE_STOP || packet.msg.type == GATE_OPEN ||
		                   packet.msg.type == GATE_PING,
		           "the gate says %u", packet.msg.type);
		FUZZ_CHECK(packet.msg.type != GATE_REFUSED || packet.msg.text[0] != '\0',
		           "refused without a word");
		if (packet.msg.type == GATE_GRANT && packet.num_fds > 0) {
			fcntl(packet.fds[0], F_ADD_SEALS, LINK_SEALS_OF_CLIENT);
		}
		gate_packet_close_fds(&packet);
	}
	if (rc != -EAGAIN) {
		leave(peer);
	}
}

static void
restart(void)
{
	unsigned i;

	control_call(do_close, NULL);
	for (i = 0; i < NUM_PEERS; i++) {
		leave(&g_peers[i]);
	}
	wait_for_none();
	control_call(do_fini, NULL);
	FUZZ_CHECK(control_call(do_listen, NULL) == 0, "it does not listen again");
}

static struct peer *
step(struct peer *peer, struct fuzz_input *in)
{
	switch (fuzz_byte(in) % STEP_NUM) {
	case STEP_PEER:
		return &g_peers[fuzz_byte(in) % NUM_PEERS];
	case STEP_HELLO:
		say_msg(peer, GATE_HELLO, 0, NULL);
		break;
	case STEP_ATTACH:
		say_msg(peer, GATE_ATTACH, 0, NULL);
		break;
	case STEP_MAPPED:
		say_msg(peer, GATE_MAPPED, 0, NULL);
		break;
	case STEP_PONG:
		say_msg(peer, GATE_PONG, 0, NULL);
		break;
	case STEP_PING:
		control_call(do_ping, NULL);
		break;
	case STEP_SERVICE:
		leave(peer);
		FUZZ_CHECK(control_call(do_pair, peer) == 0, "no pair");
		break;
	case STEP_REPORT:
		say_msg(peer, GATE_REPORT, fuzz_byte(in), NULL);
		break;
	case STEP_MSG:
		say_msg(peer, (enum gate_msg_type)fuzz_byte(in), fuzz_byte(in), in);
		break;
	case STEP_FIELD:
		say_field(peer, in);
		break;
	case STEP_BYTES:
		say_bytes(peer, in);
		break;
	case STEP_FDS:
		peer->fds = fuzz_byte(in) % 9;
		break;
	case STEP_CLOSE:
		leave(peer);
		break;
	case STEP_WAIT:
		control_call(do_count, NULL);
		listen_to(peer);
		break;
	case STEP_RESTART:
		restart();
		break;
	}
	return peer;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, data + size };
	struct peer *peer = &g_peers[0];
	int fd = fuzz_lowest_fd();
	unsigned i;

	for (i = 0; i < MAX_STEPS && fuzz_left(&in) > 0; i++) {
		peer = step(peer, &in);
	}
	for (i = 0; i < NUM_PEERS; i++) {
		listen_to(&g_peers[i]);
		leave(&g_peers[i]);
	}
	wait_for_none();
	FUZZ_CHECK(fuzz_lowest_fd() == fd, "a descriptor stayed open");
	return 0;
}

/* --- before all of them, and after ------------------------------------------------------------ */

static void
say_nothing(int level, const char *file, const int line, const char *func, const char *format,
            va_list args)
{
}

static void
remove_root(void)
{
	control_call(do_close, NULL);
	control_call(do_fini, NULL);
	control_stop();
	cal_stats_destroy();
	folder_remove(g_root);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char path[CAL_PATH_MAX];
	unsigned i;

	FUZZ_CHECK(mkdtemp(g_root) != NULL && setenv("CALANDRIA_RUN_ROOT", g_root, 1) == 0,
	           "no folder");
	cal_instance_path(path, sizeof(path), ID, "");
	FUZZ_CHECK(mkdir(path, 0700) == 0, "no folder");
	spdk_log_open(say_nothing);
	FUZZ_CHECK(cal_stats_create(ID, 1000000000) >= 0, "no stats segment");
	FUZZ_CHECK(control_start() == 0 && control_call(do_listen, NULL) == 0, "no gate");
	for (i = 0; i < NUM_PEERS; i++) {
		g_peers[i].fd = -1;
	}
	atexit(remove_root);
	return 0;
}
