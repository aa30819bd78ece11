/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* One connection: hello, reports, attach, end. Whatever does not fit ends it, and nothing
 * else. */

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "calandria/stats.h"
#include "ipc/gate/control.h"
#include "ipc/gate/gate_internal.h"
#include "ipc/gate/gate_packet.h"
#include "spdk/log.h"

#define MAX_LAST_PACKETS 64
#define LOG_PERIOD_S     10

static void
conn_free(struct gate_conn *conn)
{
	gate_packet_close(conn->fd);
	TAILQ_REMOVE(&g_gate.conns, conn, entry);
	g_gate.num_conns--;
	free(conn);
}

/* Hear and say nothing more. */
static void
conn_unwatch(struct gate_conn *conn)
{
	bool greeted = conn->state != GATE_CONN_NEW;

	conn->state = GATE_CONN_ENDED;
	control_fd_del(conn->fd_watch);
	if (conn->pidfd >= 0) {
		control_fd_del(conn->pidfd_watch);
		close(conn->pidfd);
		conn->pidfd = -1;
	}
	gate_conn_expected(conn);
	/* The peer sees the end now, though the descriptor has to wait for the app thread. */
	shutdown(conn->fd, SHUT_RDWR);
	if (greeted) {
		g_gate.ops->peer(g_gate.ctx, conn->name, conn->pid, false);
	}
}

void
gate_conn_end(struct gate_conn *conn)
{
	bool served = conn->state == GATE_CONN_LINKED;

	if (conn->state == GATE_CONN_ENDED) {
		return;
	}
	conn_unwatch(conn);
	if (served) {
		g_gate.ops->link_down(g_gate.ctx, conn->link);
	} else {
		gate_grant_undo(conn);
		conn_free(conn);
	}
}

void
gate_conn_link_done(struct gate_conn *conn)
{
	if (conn->state != GATE_CONN_ENDED) {
		/* The app thread was first (it stops serving): link_down() has nothing to add. */
		conn_unwatch(conn);
	}
	gate_grant_undo(conn);
	cal_stats_links()->ended++;
	conn_free(conn);
}

bool
gate_conn_may_log(const struct gate_conn *conn)
{
	static unsigned lines, left_out;
	static time_t since;
	struct timespec now;

	if (conn->role == GATE_ROLE_ADMIN || conn->role == GATE_ROLE_SERVICE) {
		return true;
	}
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (since == 0 || now.tv_sec - since >= LOG_PERIOD_S) {
		if (left_out > 0) {
			SPDK_ERRLOG("%u more lines like the last ones about those who may only "
			            "look are left out\n",
			            left_out);
		}
		since = now.tv_sec;
		lines = left_out = 0;
	}
	if (lines < GATE_LOG_LINES) {
		lines++;
		return true;
	}
	left_out++;
	return false;
}

void
gate_conn_refuse(struct gate_conn *conn, int error, const char *fmt, ...)
{
	struct gate_msg msg;
	va_list args;

	gate_packet_init_abi(&msg, GATE_REFUSED, conn->abi);
	msg.code = (uint32_t)error;
	msg.instance = (uint32_t)g_gate.id;
	va_start(args, fmt);
	vsnprintf(msg.text, sizeof(msg.text), fmt, args);
	va_end(args);
	if (gate_conn_may_log(conn)) {
		SPDK_ERRLOG("%s (pid %d) refused: %s\n", conn->name, conn->pid, msg.text);
	}
	gate_packet_send(conn->fd, &msg, NULL, 0);
	gate_conn_end(conn);
}

static void
conn_fault(struct gate_conn *conn, const char *what)
{
	if (gate_conn_may_log(conn)) {
		SPDK_ERRLOG("%s (pid %d): %s; its connection is closed\n", conn->name, conn->pid,
		            what);
	}
	if (conn->state == GATE_CONN_LINKED) {
		cal_stats_links()->closed_for_fault++;
	}
	gate_conn_end(conn);
}

/* The peer's groups as they were when it connected. */
static bool
has_group(int fd, gid_t gid, gid_t want)
{
	gid_t few[32], *groups = few;
	socklen_t len = sizeof(few);
	bool found = gid == want;
	int rc;

	if (found) {
		return true;
	}
	rc = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len);
	if (rc < 0 && errno == ERANGE) {
		/* It has said how many there are: at most 65536. */
		groups = malloc(len);
		rc = groups != NULL ? getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) : -1;
	}
	for (size_t i = 0; rc == 0 && i < len / sizeof(groups[0]); i++) {
		found |= groups[i] == want;
	}
	if (groups != few) {
		free(groups);
	}
	return found;
}

static enum gate_role
role_of_peer(const struct gate_conn *conn)
{
	if (conn->service) {
		return GATE_ROLE_SERVICE;
	}
	if (conn->uid == 0 || conn->uid == geteuid()) {
		return GATE_ROLE_ADMIN;
	}
	return g_gate.group != (gid_t)-1 && has_group(conn->fd, conn->gid, g_gate.group)
	               ? GATE_ROLE_MONITOR
	               : GATE_ROLE_NONE;
}

static void on_report(struct gate_conn *conn, const struct gate_msg *msg);

/* A report may end connections. */
static bool
is_there(const struct gate_conn *conn)
{
	const struct gate_conn *c;

	TAILQ_FOREACH (c, &g_gate.conns, entry) {
		if (c == conn) {
			return conn->state != GATE_CONN_ENDED;
		}
	}
	return false;
}

/* The reports that an ended process has left, then its connection's end. Its end is told by another
 * descriptor than they, and why it gave up is the last of them. Bounded: a child of it may still
 * hold the connection and write. Nobody needs telling: a process may end. */
static void
process_ended(struct gate_conn *conn)
{
	struct gate_packet packet;
	unsigned n;

	for (n = 0; n < MAX_LAST_PACKETS && is_there(conn); n++) {
		if (conn->state == GATE_CONN_NEW || conn->role == GATE_ROLE_MONITOR ||
		    gate_packet_recv(conn->fd, &packet) <= 0) {
			break;
		}
		if (gate_packet_check(&packet, conn->abi) >= 0 && packet.num_fds == 0 &&
		    packet.msg.type == GATE_REPORT) {
			on_report(conn, &packet.msg);
		}
		gate_packet_close_fds(&packet);
	}
	if (is_there(conn)) {
		gate_conn_end(conn);
	}
}

void
gate_process_ended(pid_t pid)
{
	struct gate_conn *conn;

	TAILQ_FOREACH (conn, &g_gate.conns, entry) {
		if (conn->pid == pid && conn->state != GATE_CONN_ENDED) {
			process_ended(conn);
			return;
		}
	}
}

static void
on_pidfd(void *arg, uint32_t events)
{
	process_ended(arg);
}

/* Returns 0, or -ESRCH when it is gone already. */
static int
watch_process(struct gate_conn *conn)
{
	int rc;

	conn->pidfd = pidfd_open(conn->pid, 0);
	if (conn->pidfd < 0) {
		return -errno;
	}
	rc = control_fd_add(conn->pidfd, EPOLLIN, on_pidfd, conn, &conn->pidfd_watch);
	if (rc < 0) {
		close(conn->pidfd);
		conn->pidfd = -1;
	}
	return rc;
}

static void
copy_printable(char *to, size_t size, const char *from)
{
	size_t i;

	for (i = 0; i + 1 < size && from[i] != '\0'; i++) {
		to[i] = isprint((unsigned char)from[i]) ? from[i] : '?';
	}
	to[i] = '\0';
}

/* Who says hello by its name; a service has got its one from the supervisor, and has only now a
 * pid. */
static void
take_name(struct gate_conn *conn, const struct gate_packet *packet)
{
	if (conn->service) {
		conn->pid = packet->cred_pid;
	} else if (packet->msg.name[0] != '\0') {
		copy_printable(conn->name, sizeof(conn->name), packet->msg.name);
	}
}

/* There is no version that both of us speak. REFUSED goes out in the peer's, so that it reads it.
 */
static void
refuse_version(struct gate_conn *conn, const struct gate_packet *packet)
{
	const struct gate_msg *hello = &packet->msg;
	char theirs[32], ours[32], release[sizeof(hello->version)];

	take_name(conn, packet);
	copy_printable(release, sizeof(release), hello->version);
	gate_packet_abi_text(theirs, sizeof(theirs), gate_packet_oldest_abi(hello), hello->abi);
	gate_packet_abi_text(ours, sizeof(ours), CAL_ABI_OLDEST, CAL_ABI_VERSION);
	conn->abi = hello->abi;
	gate_conn_refuse(conn, EPROTONOSUPPORT,
	                 "%s (Calandria %s) speaks %s of the protocol, this primary (Calandria %s) "
	                 "%s: use programs of the same release",
	                 conn->name, release[0] != '\0' ? release : "of another release", theirs,
	                 CAL_VERSION_STRING, ours);
}

static void
on_hello(struct gate_conn *conn, const struct gate_packet *packet)
{
	char said[sizeof(packet->msg.name)];
	struct gate_msg reply;
	int rc;

	conn->abi = gate_packet_choose_abi(&packet->msg);
	take_name(conn, packet);
	/* As by a `--binary` of another service's program. */
	if (conn->service && strcmp(packet->msg.name, conn->name) != 0) {
		copy_printable(said, sizeof(said), packet->msg.name);
		gate_conn_refuse(conn, EINVAL,
		                 "this is the program of the service %s, and %s was to be started: "
		                 "name %s's program",
		                 said, conn->name, conn->name);
		return;
	}
	if (conn->role == GATE_ROLE_NONE) {
		gate_conn_refuse(conn, EACCES,
		                 "user %u may not attach: run as root or as user %u, or, to look, "
		                 "join the group of the primary's --gate-group",
		                 conn->uid, geteuid());
		return;
	}
	rc = watch_process(conn);
	if (rc == -ESRCH) {
		gate_conn_end(conn);
		return;
	}
	if (rc < 0) {
		gate_conn_refuse(conn, -rc, "its process cannot be watched: %s", strerror(-rc));
		return;
	}
	gate_conn_expected(conn);
	gate_packet_init_abi(&reply, GATE_WELCOME, conn->abi);
	reply.code = conn->role;
	reply.instance = (uint32_t)g_gate.id;
	snprintf(reply.version, sizeof(reply.version), "%s", CAL_VERSION_STRING);
	if (gate_packet_send(conn->fd, &reply, NULL, 0) < 0) {
		gate_conn_end(conn);
		return;
	}
	conn->state = GATE_CONN_GREETED;
	g_gate.ops->peer(g_gate.ctx, conn->name, conn->pid, true);
}

static void
on_attach(struct gate_conn *conn)
{
	if (g_gate.closed) {
		gate_conn_refuse(conn, ESHUTDOWN, "%s", g_gate.close_reason);
	} else if (g_gate.open) {
		gate_grant(conn);
	} else {
		conn->state = GATE_CONN_WAITING;
	}
}

static void
on_report(struct gate_conn *conn, const struct gate_msg *msg)
{
	char text[sizeof(msg->text)];

	if (conn->role == GATE_ROLE_MONITOR) {
		conn_fault(conn, "it reports as a service, and is none");
		return;
	}
	copy_printable(text, sizeof(text), msg->text);
	g_gate.ops->report(g_gate.ctx, conn->name, conn->pid, (enum gate_report_code)msg->code,
	                   text);
}

int
gate_conn_ping(struct gate_conn *conn)
{
	struct gate_msg msg;
	int rc;

	if (conn->pinged) {
		return -EALREADY;
	}
	gate_packet_init_abi(&msg, GATE_PING, conn->abi);
	msg.instance = (uint32_t)g_gate.id;
	rc = gate_packet_send(conn->fd, &msg, NULL, 0);
	conn->pinged = rc == 0;
	return rc;
}

static void
on_pong(struct gate_conn *conn)
{
	conn->pinged = false;
	if (g_gate.ops->alive != NULL) {
		g_gate.ops->alive(g_gate.ctx, conn->name, conn->pid);
	}
}

static void
on_packet(struct gate_conn *conn, const struct gate_packet *packet)
{
	bool greeted = conn->state != GATE_CONN_NEW;
	int rc = greeted ? gate_packet_check(packet, conn->abi) : gate_packet_check_any(packet);

	/* As long as its head is whole, whatever the rest: it may have had another form. */
	if (!greeted && packet->len >= offsetof(struct gate_msg, code) &&
	    packet->msg.magic == GATE_MAGIC && gate_packet_choose_abi(&packet->msg) == 0) {
		refuse_version(conn, packet);
		return;
	}
	if (rc < 0 || packet->num_fds > 0) {
		conn_fault(conn, rc < 0 ? "it sent a malformed packet"
		                        : "it sent a packet with descriptors");
		return;
	}
	switch (packet->msg.type) {
	case GATE_HELLO:
		if (conn->state == GATE_CONN_NEW) {
			on_hello(conn, packet);
			return;
		}
		break;
	case GATE_REPORT:
		if (greeted) {
			on_report(conn, &packet->msg);
			return;
		}
		break;
	case GATE_ATTACH:
		if (conn->state == GATE_CONN_GREETED) {
			on_attach(conn);
			return;
		}
		break;
	case GATE_MAPPED:
		if (conn->state == GATE_CONN_GRANTED) {
			gate_grant_mapped(conn);
			return;
		}
		break;
	case GATE_PONG:
		if (conn->pinged) {
			on_pong(conn);
			return;
		}
		break;
	default:
		break;
	}
	conn_fault(conn, "it sent a packet out of turn");
}

/* One packet a turn: it may end the connection, and the others are to have their turn. */
static void
on_readable(void *arg, uint32_t events)
{
	struct gate_conn *conn = arg;
	struct gate_packet packet;
	int rc;

	rc = gate_packet_recv(conn->fd, &packet);
	if (rc == -EAGAIN) {
		return;
	}
	if (rc <= 0) {
		gate_conn_end(conn);
		return;
	}
	on_packet(conn, &packet);
	gate_packet_close_fds(&packet);
}

static void
on_no_answer(void *arg)
{
	struct gate_conn *conn = arg;

	conn->answer_timer = NULL;
	conn_fault(conn, conn->state == GATE_CONN_GRANTED
	                         ? "it did not map the link that it was granted"
	                         : "it connected and did not say hello");
}

void
gate_conn_expect(struct gate_conn *conn)
{
	gate_conn_expected(conn);
	conn->answer_timer = control_timer_start(g_gate.answer_timeout_ms, on_no_answer, conn);
}

void
gate_conn_expected(struct gate_conn *conn)
{
	control_timer_cancel(conn->answer_timer);
	conn->answer_timer = NULL;
}

/* Whoever is no admin, whatever it has said: the other places are the admins'. */
static bool
is_monitor(const struct gate_conn *conn)
{
	return conn->role != GATE_ROLE_ADMIN && conn->role != GATE_ROLE_SERVICE;
}

static unsigned
num_monitors(void)
{
	struct gate_conn *conn;
	unsigned n = 0;

	TAILQ_FOREACH (conn, &g_gate.conns, entry) {
		n += is_monitor(conn);
	}
	return n;
}

int
gate_conn_start(int fd, const char *service)
{
	struct gate_conn *conn;
	struct ucred cred;
	socklen_t len = sizeof(cred);
	int rc, on = 1;

	conn = calloc(1, sizeof(*conn));
	if (conn == NULL) {
		close(fd);
		return -ENOMEM;
	}
	conn->fd = fd;
	conn->pidfd = -1;
	conn->abi = CAL_ABI_VERSION;
	conn->service = service != NULL;
	snprintf(conn->name, sizeof(conn->name), "%s", service != NULL ? service : "a process");
	if (service != NULL) {
		/* Who made a pair is its peer as far as SO_PEERCRED goes; the kernel tells who
		 * sends the hello. */
		conn->uid = geteuid();
		conn->gid = getegid();
		rc = setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
	} else {
		rc = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len);
		if (rc == 0) {
			conn->pid = cred.pid;
			conn->uid = cred.uid;
			conn->gid = cred.gid;
		}
	}
	conn->role = rc == 0 ? role_of_peer(conn) : GATE_ROLE_NONE;
	rc = rc < 0 ? -errno : control_fd_add(fd, EPOLLIN, on_readable, conn, &conn->fd_watch);
	if (rc < 0) {
		close(fd);
		free(conn);
		return rc;
	}
	TAILQ_INSERT_TAIL(&g_gate.conns, conn, entry);
	g_gate.num_conns++;
	if (service == NULL) {
		gate_conn_expect(conn);
		if (g_gate.num_conns > GATE_MAX_CONNECTIONS) {
			gate_conn_refuse(conn, EUSERS, "%u connections are open already",
			                 GATE_MAX_CONNECTIONS);
		} else if (is_monitor(conn) && num_monitors() > GATE_MAX_MONITORS) {
			gate_conn_refuse(
				conn, EUSERS,
				"%u connections of those who may only look are open already",
				GATE_MAX_MONITORS);
		}
	}
	return 0;
}
