/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The gate with its real control pthread and real sockets; the peers are this test or its children,
 * the app thread is a list of links. */
/* links: client */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "calandria/instance.h"
#include "calandria/stats.h"
#include "core/util/folder.h"
#include "ipc/client/client_ring.h"
#include "ipc/gate/control.h"
#include "ipc/gate/gate.h"
#include "ipc/gate/gate_internal.h"
#include "ipc/gate/gate_packet.h"
#include "ipc/link/layout.h"
#include "ipc/link/link.h"
#include "ipc/link/link_internal.h"
#include "spdk/log.h"
#include "tests/unit/chain.h"
#include "tests/unit/test.h"

#define ID 5

static char g_root[] = "/tmp/cal-gate-XXXXXX";

/* --- what the gate tells ---------------------------------------------------------------------- */

static pthread_mutex_t g_lock = PTHREAD_MUTEX_INITIALIZER;
static char g_log[8192];

static struct seen {
	struct link *link; /* the last one that came up, and whose it is */
	pid_t link_pid;
	enum gate_role link_role;
	char link_name[32];
	unsigned ups, downs, peers_up, peers_down, reports, alive;
	char name[32];
	pid_t pid;
	int code;
	char text[512];
} g_seen;

static atomic_bool g_hold; /* do not answer link_down() */

static void
log_line(int level, const char *file, const int line, const char *func, const char *format,
         va_list args)
{
	pthread_mutex_lock(&g_lock);
	size_t len = strlen(g_log);

	vsnprintf(g_log + len, sizeof(g_log) - len, format, args);
	pthread_mutex_unlock(&g_lock);
}

static bool
logged(const char *text)
{
	bool found;

	pthread_mutex_lock(&g_lock);
	found = strstr(g_log, text) != NULL;
	pthread_mutex_unlock(&g_lock);
	return found;
}

static unsigned
logged_lines(void)
{
	unsigned n = 0;

	pthread_mutex_lock(&g_lock);
	for (const char *p = g_log; *p != '\0'; p++) {
		n += *p == '\n';
	}
	pthread_mutex_unlock(&g_lock);
	return n;
}

static void
on_link_up(void *ctx, struct link *link)
{
	pthread_mutex_lock(&g_lock);
	g_seen.link = link;
	g_seen.link_pid = link_peer_pid(link);
	g_seen.link_role = link_role(link);
	snprintf(g_seen.link_name, sizeof(g_seen.link_name), "%s", link_peer_name(link));
	g_seen.ups++;
	pthread_mutex_unlock(&g_lock);
}

static void
on_link_down(void *ctx, struct link *link)
{
	pthread_mutex_lock(&g_lock);
	g_seen.downs++;
	pthread_mutex_unlock(&g_lock);
	if (!atomic_load(&g_hold)) {
		gate_link_done(link);
	}
}

static void
on_report(void *ctx, const char *name, pid_t pid, enum gate_report_code code, const char *text)
{
	pthread_mutex_lock(&g_lock);
	g_seen.reports++;
	g_seen.code = code;
	snprintf(g_seen.text, sizeof(g_seen.text), "%s", text);
	pthread_mutex_unlock(&g_lock);
}

static void
on_peer(void *ctx, const char *name, pid_t pid, bool connected)
{
	pthread_mutex_lock(&g_lock);
	if (connected) {
		g_seen.peers_up++;
	} else {
		g_seen.peers_down++;
	}
	snprintf(g_seen.name, sizeof(g_seen.name), "%s", name);
	g_seen.pid = pid;
	pthread_mutex_unlock(&g_lock);
}

static void
on_alive(void *ctx, const char *name, pid_t pid)
{
	pthread_mutex_lock(&g_lock);
	g_seen.alive++;
	snprintf(g_seen.name, sizeof(g_seen.name), "%s", name);
	g_seen.pid = pid;
	pthread_mutex_unlock(&g_lock);
}

static const struct gate_ops g_ops = {
	.link_up = on_link_up,
	.link_down = on_link_down,
	.report = on_report,
	.peer = on_peer,
	.alive = on_alive,
};

static unsigned
seen(const unsigned *counter)
{
	unsigned n;

	pthread_mutex_lock(&g_lock);
	n = *counter;
	pthread_mutex_unlock(&g_lock);
	return n;
}

static struct seen
look(void)
{
	struct seen copy;

	pthread_mutex_lock(&g_lock);
	copy = g_seen;
	pthread_mutex_unlock(&g_lock);
	return copy;
}

static uint64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* Whether the counter reaches `n` within two seconds. */
static bool
comes_to(const unsigned *counter, unsigned n)
{
	uint64_t end = now_us() + 2000000;

	while (seen(counter) != n && now_us() < end) {
		poll(NULL, 0, 1);
	}
	return seen(counter) == n;
}

static unsigned
open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(dir) != NULL) {
		n++;
	}
	closedir(dir);
	return n;
}

static unsigned
link_folders(void)
{
	char path[CAL_PATH_MAX];
	struct dirent *entry;
	unsigned n = 0;
	DIR *dir;

	cal_instance_path(path, sizeof(path), ID, CAL_LINK_DIR);
	dir = opendir(path);
	if (dir == NULL) {
		return 0;
	}
	while ((entry = readdir(dir)) != NULL) {
		n += entry->d_name[0] != '.';
	}
	closedir(dir);
	return n;
}

/* --- the gate's side -------------------------------------------------------------------------- */

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
do_close(void *arg)
{
	gate_close(arg);
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

static int
do_ping(void *arg)
{
	return gate_ping(*(pid_t *)arg);
}

static int
do_pair(void *arg)
{
	return gate_service_pair("rpcd", arg);
}

static int
do_stats(void *arg)
{
	*(struct cal_stats_links *)arg = *cal_stats_links();
	return 0;
}

static struct cal_stats_links
stats_now(void)
{
	struct cal_stats_links now = { 0 };

	CHECK_EQ(control_call(do_stats, &now), 0);
	return now;
}

static unsigned
num_links(void)
{
	return (unsigned)control_call(do_num_links, NULL);
}

static bool
links_come_to(unsigned n)
{
	uint64_t end = now_us() + 2000000;

	while (num_links() != n && now_us() < end) {
		poll(NULL, 0, 1);
	}
	return num_links() == n;
}

static void
begin(bool open)
{
	memset(&g_seen, 0, sizeof(g_seen));
	atomic_store(&g_hold, false);
	g_log[0] = '\0';
	REQUIRE(control_start() == 0);
	REQUIRE(control_call(do_listen, NULL) == 0);
	if (open) {
		REQUIRE(control_call(do_open, NULL) == 0);
	}
}

static void
end(void)
{
	char path[CAL_PATH_MAX];

	control_call(do_close, (void *)(uintptr_t) "test over");
	CHECK(links_come_to(0));
	control_call(do_fini, NULL);
	control_stop();
	cal_instance_path(path, sizeof(path), ID, CAL_GATE_NAME);
	CHECK(access(path, F_OK) < 0);
	CHECK_EQ(link_folders(), 0);
}

/* --- the peers' side -------------------------------------------------------------------------- */

static int
knock(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	cal_instance_path(addr.sun_path, sizeof(addr.sun_path), ID, CAL_GATE_NAME);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int
take(int fd, struct gate_packet *packet, int timeout_ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, timeout_ms) == 1 ? gate_packet_recv(fd, packet) : -ETIMEDOUT;
}

static int
say(int fd, enum gate_msg_type type, const char *name)
{
	struct gate_msg msg;

	gate_packet_init(&msg, type);
	snprintf(msg.name, sizeof(msg.name), "%s", name);
	return gate_packet_send(fd, &msg, NULL, 0);
}

/* Connect and say hello; -1 when that is not answered with WELCOME. */
static int
enter(const char *name)
{
	struct gate_packet packet;
	int fd = knock();

	if (fd >= 0 && (say(fd, GATE_HELLO, name) < 0 || take(fd, &packet, 2000) != 1 ||
	                packet.msg.type != GATE_WELCOME)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* As far as the grant. */
static int
enter_and_ask(struct gate_packet *grant)
{
	int fd = enter("tester");

	if (fd >= 0 && (say(fd, GATE_ATTACH, "") < 0 || take(fd, grant, 2000) != 1 ||
	                grant->msg.type != GATE_GRANT)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Seal it and say that it is mapped (which nobody can check); whether the link is opened then. */
static bool
opened(int fd, const struct gate_packet *grant)
{
	struct gate_packet packet;

	return fcntl(grant->fds[0], F_ADD_SEALS, LINK_SEALS_OF_CLIENT) == 0 &&
	       say(fd, GATE_MAPPED, "") == 0 && take(fd, &packet, 2000) == 1 &&
	       gate_packet_check(&packet, CAL_ABI_VERSION) == 0 && packet.msg.type == GATE_OPEN;
}

static int
enter_and_attach(struct gate_packet *grant)
{
	int fd = enter_and_ask(grant);

	if (fd >= 0 && !opened(fd, grant)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Whether the mapping at `at` has that flag: dd, it stays out of core dumps; lo, it is locked. */
static bool
has_flag(const void *at, const char *flag)
{
	FILE *smaps = fopen("/proc/self/smaps", "re");
	unsigned long begin, end;
	bool here = false, found = false;
	char line[512];

	while (fgets(line, sizeof(line), smaps) != NULL) {
		if (sscanf(line, "%lx-%lx ", &begin, &end) == 2) {
			here = begin <= (uintptr_t)at && (uintptr_t)at < end;
		} else if (here && strncmp(line, "VmFlags:", 8) == 0) {
			found = strstr(line, flag) != NULL;
		}
	}
	fclose(smaps);
	return found;
}

static bool
is_ended(int fd)
{
	struct gate_packet packet;
	int rc = take(fd, &packet, 2000);

	return rc == 0 || rc == -ECONNRESET;
}

/* --- cases ------------------------------------------------------------------------------------ */

static void
hello(void)
{
	struct gate_packet packet;
	char path[CAL_PATH_MAX];
	struct stat st;
	int fd;

	begin(false);
	cal_instance_path(path, sizeof(path), ID, CAL_GATE_NAME);
	CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600 && S_ISSOCK(st.st_mode));
	CHECK_EQ(control_call(do_listen, NULL), -EALREADY);
	fd = knock();
	REQUIRE(fd >= 0);
	CHECK_EQ(say(fd, GATE_HELLO,
	             "che\x01"
	             "ck"),
	         0);
	REQUIRE(take(fd, &packet, 2000) == 1);
	CHECK_EQ(gate_packet_check(&packet, CAL_ABI_VERSION), 0);
	CHECK_EQ(packet.msg.type, GATE_WELCOME);
	CHECK_EQ(packet.msg.code, GATE_ROLE_ADMIN);
	CHECK_EQ(packet.msg.instance, ID);
	CHECK_EQ(packet.msg.pid, getpid());
	CHECK_STR(packet.msg.version, CAL_VERSION_STRING);
	CHECK(comes_to(&g_seen.peers_up, 1));
	CHECK_STR(look().name, "che?ck");
	CHECK_EQ(look().pid, getpid());
	close(fd);
	CHECK(comes_to(&g_seen.peers_down, 1));
	CHECK_EQ(logged_lines(), 0);
	end();
}

/* HELLOs of another version, shorter and longer than ours: both versions are told, in the sender's.
 * Fails without refuse_version(). */
static void
other_versions(void)
{
	static const size_t lengths[] = { 12, 100, sizeof(struct gate_msg), 3000 };

	begin(true);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct gate_msg *msg = calloc(1, 3000);
		struct gate_packet packet;
		char want[64];
		int fd = knock();

		gate_packet_init(msg, GATE_HELLO);
		msg->abi = 77;
		msg->code = 77;
		msg->size = (uint32_t)lengths[i];
		memcpy(msg->name, "old", 4);
		CHECK_EQ(send(fd, msg, lengths[i], 0), (ssize_t)lengths[i]);
		REQUIRE(take(fd, &packet, 2000) == 1);
		CHECK_EQ(gate_packet_check(&packet, 77), 0);
		CHECK_EQ(packet.msg.type, GATE_REFUSED);
		CHECK_EQ(packet.msg.code, EPROTONOSUPPORT);
		CHECK(strstr(packet.msg.text, "version 77") != NULL);
		snprintf(want, sizeof(want), "version %u", CAL_ABI_VERSION);
		CHECK(strstr(packet.msg.text, want) != NULL);
		CHECK(is_ended(fd));
		close(fd);
		free(msg);
	}
	CHECK_EQ(logged_lines(), 4);
	CHECK(logged("old (pid "));
	CHECK(logged("a process (pid "));
	end();
}

/* What is spoken is the highest version that both know; without one both ranges are told. Fails
 * without either comparison in gate_packet_choose_abi(), and without conn->abi in any of the gate's
 * packets. */
static void
negotiated_versions(void)
{
	static const struct {
		unsigned oldest, highest; /* of the client, from ours */
		unsigned spoken;          /* 0: refused, saying: */
		const char *theirs;
	} cases[] = {
		{ CAL_ABI_VERSION, CAL_ABI_VERSION, CAL_ABI_VERSION, NULL },
		{ 1, CAL_ABI_VERSION, CAL_ABI_VERSION, NULL },
		{ CAL_ABI_VERSION, CAL_ABI_VERSION + 1, CAL_ABI_VERSION, NULL },
		{ 1, UINT16_MAX, CAL_ABI_VERSION, NULL },
		{ 0, CAL_ABI_VERSION, CAL_ABI_VERSION, NULL },
		{ CAL_ABI_VERSION + 1, CAL_ABI_VERSION, CAL_ABI_VERSION, NULL }, /* nonsense */
		{ 0, 2, 0, "speaks version 2 of the protocol" },                 /* as it was */
		{ 1, CAL_ABI_OLDEST - 1, 0, "speaks versions 1 to 2 of" },
		{ 0, CAL_ABI_VERSION + 1, 0, "speaks version 4 of" },
		{ CAL_ABI_VERSION + 1, CAL_ABI_VERSION + 4, 0, "speaks versions 4 to 7 of" },
	};

	begin(true);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct gate_packet packet;
		struct gate_msg msg;
		int fd = knock();

		gate_packet_init_abi(&msg, GATE_HELLO, cases[i].highest);
		msg.code = cases[i].oldest;
		snprintf(msg.name, sizeof(msg.name), "other");
		snprintf(msg.version, sizeof(msg.version), "9.8.7");
		CHECK_EQ(gate_packet_send(fd, &msg, NULL, 0), 0);
		REQUIRE(take(fd, &packet, 2000) == 1);
		if (cases[i].spoken != 0) {
			CHECK_EQ(packet.msg.type, GATE_WELCOME);
			CHECK_EQ(gate_packet_check(&packet, cases[i].spoken), 0);
			gate_packet_init_abi(&msg, GATE_ATTACH, cases[i].spoken);
			CHECK_EQ(gate_packet_send(fd, &msg, NULL, 0), 0);
			REQUIRE(take(fd, &packet, 2000) == 1);
			CHECK_EQ(packet.msg.type, GATE_GRANT);
			CHECK_EQ(gate_packet_check(&packet, cases[i].spoken), 0);
			gate_packet_close_fds(&packet);
			/* Another one than was agreed upon is no version any more. */
			gate_packet_init_abi(&msg, GATE_MAPPED, cases[i].spoken + 1);
			CHECK_EQ(gate_packet_send(fd, &msg, NULL, 0), 0);
		} else {
			CHECK_EQ(packet.msg.type, GATE_REFUSED);
			CHECK_EQ(packet.msg.code, EPROTONOSUPPORT);
			CHECK_EQ(packet.msg.abi, cases[i].highest);
			CHECK(strstr(packet.msg.text, cases[i].theirs) != NULL);
			CHECK(strstr(packet.msg.text, "other (Calandria 9.8.7) speaks") != NULL);
			CHECK(strstr(packet.msg.text, "this primary (Calandria " CAL_VERSION_STRING
			                              ") version ") != NULL);
			CHECK(strstr(packet.msg.text, "use programs of the same release") != NULL);
		}
		CHECK(is_ended(fd));
		close(fd);
	}
	CHECK_EQ(logged_lines(), sizeof(cases) / sizeof(cases[0]));
	end();
}

struct odd {
	const char *what;
	size_t len;     /* 0: a whole packet */
	uint32_t magic; /* 0: the right one */
	uint32_t size;  /* 0: the right one */
	unsigned fds;
	uint16_t type;
	bool after_hello;
};

static bool
send_odd(int fd, const struct odd *odd)
{
	union {
		char bytes[CMSG_SPACE(50 * sizeof(int))];
		struct cmsghdr align;
	} control;
	char packet[4096] = { 0 };
	struct gate_msg msg;
	struct iovec iov = { .iov_base = packet };
	struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1 };

	gate_packet_init(&msg, odd->type);
	iov.iov_len = odd->len != 0 ? odd->len : msg.size;
	if (odd->magic != 0) {
		msg.magic = odd->magic;
	}
	if (odd->size != 0) {
		msg.size = odd->size;
	}
	memcpy(packet, &msg, sizeof(msg));
	if (odd->fds > 0) {
		struct cmsghdr *cmsg;

		memset(&control, 0, sizeof(control));
		hdr.msg_control = control.bytes;
		hdr.msg_controllen = CMSG_SPACE(odd->fds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&hdr);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(odd->fds * sizeof(int));
		memset(CMSG_DATA(cmsg), 0, odd->fds * sizeof(int)); /* stdin, often */
	}
	return sendmsg(fd, &hdr, MSG_NOSIGNAL) >= 0;
}

static void
odd_packets(void)
{
	static const struct odd odds[] = {
		{ .what = "one byte", .len = 1, .type = GATE_HELLO },
		{ .what = "eleven bytes", .len = 11, .type = GATE_HELLO },
		{ .what = "half a packet", .len = 400, .type = GATE_HELLO },
		{ .what = "half a packet that says so",
		  .len = 400,
		  .size = 400,
		  .type = GATE_HELLO },
		{ .what = "too long", .len = sizeof(struct gate_msg) + 1, .type = GATE_HELLO },
		{ .what = "much too long", .len = 4096, .type = GATE_HELLO },
		{ .what = "wrong magic", .magic = 1, .type = GATE_HELLO },
		{ .what = "wrong size", .size = 5, .type = GATE_HELLO },
		{ .what = "no type", .type = 0 },
		{ .what = "unknown type", .type = 999 },
		{ .what = "attach before hello", .type = GATE_ATTACH },
		{ .what = "report before hello", .type = GATE_REPORT },
		{ .what = "bell before hello", .type = GATE_WAKE },
		{ .what = "hello with a descriptor", .type = GATE_HELLO, .fds = 1 },
		{ .what = "hello with three", .type = GATE_HELLO, .fds = 3 },
		{ .what = "hello with fifty", .type = GATE_HELLO, .fds = 50 },
		{ .what = "mapped before hello", .type = GATE_MAPPED },
		{ .what = "pong before hello", .type = GATE_PONG },
		{ .what = "hello twice", .type = GATE_HELLO, .after_hello = true },
		{ .what = "mapped without a grant", .type = GATE_MAPPED, .after_hello = true },
		{ .what = "a pong that nobody asked for", .type = GATE_PONG, .after_hello = true },
		{ .what = "open, which is the primary's", .type = GATE_OPEN, .after_hello = true },
		{ .what = "a grant", .type = GATE_GRANT, .after_hello = true },
		{ .what = "a bell, which is the primary's",
		  .type = GATE_WAKE,
		  .after_hello = true },
		{ .what = "attach with descriptors",
		  .type = GATE_ATTACH,
		  .after_hello = true,
		  .fds = 2 },
		{ .what = "long bell",
		  .len = sizeof(struct gate_msg),
		  .type = GATE_WAKE,
		  .after_hello = true },
	};
	const unsigned n = sizeof(odds) / sizeof(odds[0]);
	unsigned before;
	int good;

	begin(true);
	good = enter("good");
	REQUIRE(good >= 0);
	before = open_fds();
	for (unsigned i = 0; i < n; i++) {
		int fd = odds[i].after_hello ? enter("odd") : knock();

		REQUIRE(fd >= 0);
		REQUIRE(send_odd(fd, &odds[i]));
		if (!is_ended(fd)) {
			CU_FAIL("not closed");
			printf("(%s) ", odds[i].what);
		}
		close(fd);
	}
	/* An empty packet is an end like any other: no line about it. */
	CHECK_EQ(logged_lines(), n);
	CHECK_EQ(control_call(do_num_links, NULL), 0);
	CHECK_EQ(open_fds(), before);
	/* The others did not notice. */
	CHECK_EQ(say(good, GATE_REPORT, ""), 0);
	CHECK(comes_to(&g_seen.reports, 1));
	close(good);
	end();
}

static void
send_with_fds(int fd, const void *bytes, size_t len, unsigned num_fds)
{
	union {
		char bytes[CMSG_SPACE(50 * sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = len };
	struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;

	hdr.msg_control = control.bytes;
	hdr.msg_controllen = CMSG_SPACE(num_fds * sizeof(int));
	cmsg = CMSG_FIRSTHDR(&hdr);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(num_fds * sizeof(int));
	memset(CMSG_DATA(cmsg), 0, num_fds * sizeof(int));
	CHECK_EQ(sendmsg(fd, &hdr, 0), (ssize_t)len);
}

/* What gate_packet_recv() makes of odd ones, without a gate. Fails without the strings' ends,
 * without MSG_CMSG_CLOEXEC, without the flags' becoming `truncated`, without close() of a
 * descriptor too many, and without gate_packet_close_fds() for an empty packet. */
static void
packets_as_they_come(void)
{
	struct gate_packet packet;
	unsigned before;
	struct gate_msg msg;
	char longer[sizeof(msg) + 8];
	int fds[2];

	REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
	before = open_fds();
	for (unsigned num = 1; num <= 50; num++) {
		gate_packet_init(&msg, GATE_HELLO);
		send_with_fds(fds[0], &msg, sizeof(msg), num);
		REQUIRE(gate_packet_recv(fds[1], &packet) == 1);
		CHECK(packet.num_fds <= GATE_MAX_FDS);
		CHECK_EQ(packet.truncated, num > GATE_MAX_FDS);
		CHECK_EQ(gate_packet_check_any(&packet), num > GATE_MAX_FDS ? -EPROTO : 0);
		for (unsigned i = 0; i < packet.num_fds; i++) {
			CHECK(fcntl(packet.fds[i], F_GETFD) & FD_CLOEXEC);
		}
		gate_packet_close_fds(&packet);
		CHECK_EQ(open_fds(), before);
	}
	send_with_fds(fds[0], "", 0, 3);
	CHECK_EQ(gate_packet_recv(fds[1], &packet), 0);
	CHECK_EQ(open_fds(), before);

	memset(longer, 'x', sizeof(longer));
	gate_packet_init(&msg, GATE_HELLO);
	memset(msg.name, 'n', sizeof(msg.name));
	memset(msg.version, 'v', sizeof(msg.version));
	memset(msg.text, 't', sizeof(msg.text));
	memset(msg.template_dir, 'd', sizeof(msg.template_dir));
	memcpy(longer, &msg, sizeof(msg));
	CHECK_EQ(send(fds[0], longer, sizeof(longer), 0), (ssize_t)sizeof(longer));
	REQUIRE(gate_packet_recv(fds[1], &packet) == 1);
	CHECK(packet.truncated);
	CHECK_EQ(gate_packet_check_any(&packet), -EPROTO);
	CHECK_EQ(strnlen(packet.msg.name, sizeof(msg.name)), sizeof(msg.name) - 1);
	CHECK_EQ(strnlen(packet.msg.version, sizeof(msg.version)), sizeof(msg.version) - 1);
	CHECK_EQ(strnlen(packet.msg.text, sizeof(msg.text)), sizeof(msg.text) - 1);
	CHECK_EQ(strnlen(packet.msg.template_dir, sizeof(msg.template_dir)),
	         sizeof(msg.template_dir) - 1);
	close(fds[0]);
	close(fds[1]);
}

static void
attach(void)
{
	struct cal_stats_links before = *cal_stats_links();
	struct gate_packet grant = { 0 }, packet;
	struct client_ring ring;
	unsigned fds_before, num;
	char file[600];
	const void *msg;
	void *memory;
	struct pollfd bell = { .events = POLLIN };
	struct stat st;
	size_t len;
	int fd, n;

	begin(false);
	fds_before = open_fds();
	fd = enter("tester");
	REQUIRE(fd >= 0);
	CHECK_EQ(say(fd, GATE_ATTACH, ""), 0);
	/* It waits for the environment. */
	CHECK_EQ(take(fd, &grant, 50), -ETIMEDOUT);
	CHECK_EQ(num_links(), 0);
	CHECK_EQ(control_call(do_open, NULL), 0);
	REQUIRE(take(fd, &grant, 2000) == 1);
	REQUIRE(grant.msg.type == GATE_GRANT && grant.num_fds == 3);
	CHECK_EQ(num_links(), 1);
	/* Nobody serves it until it is sealed. */
	memory = mmap(NULL, grant.msg.geometry.link_size, PROT_READ | PROT_WRITE, MAP_SHARED,
	              grant.fds[0], 0);
	REQUIRE(memory != MAP_FAILED);
	CHECK_EQ(seen(&g_seen.ups), 0);
	CHECK(opened(fd, &grant));
	REQUIRE(comes_to(&g_seen.ups, 1));
	CHECK_EQ(look().link_role, GATE_ROLE_ADMIN);
	CHECK_STR(look().link_name, "tester");
	CHECK(strncmp(grant.msg.template_dir, g_root, strlen(g_root)) == 0);
	CHECK(stat(grant.msg.text, &st) == 0 && S_ISDIR(st.st_mode) && (st.st_mode & 0777) == 0700);
	CHECK_EQ(link_folders(), 1);

	/* The link may be written, the stats may not; all go at exec. */
	CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, grant.fds[2], 0) == MAP_FAILED);
	for (n = 0; n < 3; n++) {
		CHECK(fcntl(grant.fds[n], F_GETFD) & FD_CLOEXEC);
	}
	REQUIRE(client_ring_init(&ring, memory, grant.msg.geometry.link_size,
	                         &grant.msg.geometry) == 0);
	CHECK_EQ(client_ring_push(&ring, "question", 8), 8);
	CHECK_EQ(link_recv(look().link, &msg, &len), 1);
	CHECK_EQ(client_ring_arm(&ring, false), 0);
	CHECK_EQ(send_flat(look().link, strdup("answer"), 6), 0);
	REQUIRE(take(fd, &packet, 2000) == 1);
	CHECK_EQ(packet.msg.type, GATE_WAKE);
	CHECK(client_ring_has_response(&ring));

	/* The bell the other way. */
	bell.fd = link_bell(look().link);
	CHECK_EQ(poll(&bell, 1, 0), 0);
	client_ring_bell(grant.fds[1]);
	CHECK_EQ(poll(&bell, 1, 0), 1);

	/* Whatever the client leaves in its folder goes with the link. */
	snprintf(file, sizeof(file), "%s/a", grant.msg.text);
	CHECK_EQ(mkdir(file, 0), 0);
	snprintf(file, sizeof(file), "%s/passwd", grant.msg.text);
	CHECK_EQ(symlink("/etc/passwd", file), 0);
	munmap(memory, grant.msg.geometry.link_size);
	gate_packet_close_fds(&grant);

	/* The app thread takes its time: until then the link and the descriptor stay. */
	atomic_store(&g_hold, true);
	num = link_folders();
	close(fd);
	CHECK(comes_to(&g_seen.downs, 1));
	CHECK_EQ(num_links(), 1);
	CHECK_EQ(link_folders(), num);
	CHECK_EQ(send_flat(look().link, strdup("into nothing"), 12), 0);
	atomic_store(&g_hold, false);
	gate_link_done(look().link);
	CHECK(links_come_to(0));
	CHECK_EQ(link_folders(), 0);
	CHECK_EQ(access("/etc/passwd", F_OK), 0);
	CHECK_EQ(open_fds(), fds_before);
	CHECK_EQ(stats_now().granted, before.granted + 1);
	CHECK_EQ(stats_now().ended, before.ended + 1);
	CHECK_EQ(stats_now().closed_for_fault, before.closed_for_fault);
	end();
}

/* Whether the page at `at` is in memory without anybody's touching it now. */
static bool
resident(void *at)
{
	unsigned char there = 0;

	return mincore(at, 4096, &there) == 0 && (there & 1) != 0;
}

/* Once the link is open its memory can be written by the mapping that is there and by nothing else.
 * Fails without F_SEAL_FUTURE_WRITE (every check but the last three) or F_SEAL_SEAL in layout.h,
 * F_SEAL_SHRINK or F_SEAL_GROW in link.c, without mlock(), without MADV_DONTDUMP, and, under a
 * sanitizer, whose mlock() does nothing, without MADV_POPULATE_WRITE (holes): elsewhere each of the
 * two fills them.
 */
static void
sealed_links(void)
{
	struct gate_packet grant = { 0 };
	size_t size;
	uint8_t *memory, *read_only, *theirs;
	char path[64];
	int fd, again;

	begin(true);
	fd = enter_and_ask(&grant);
	REQUIRE(fd >= 0);
	size = grant.msg.geometry.link_size;
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, grant.fds[0], 0);
	REQUIRE(memory != MAP_FAILED);
	/* A hole in time: the primary fills it before anybody uses the link. */
	CHECK_EQ(madvise(memory + size - 4096, 4096, MADV_REMOVE), 0);
	CHECK(opened(fd, &grant));
	REQUIRE(comes_to(&g_seen.ups, 1));
	theirs = link_memory(look().link);
	CHECK(resident(theirs + size - 4096));

	memory[size - 1] = 0x5a;
	CHECK_EQ(theirs[size - 1], 0x5a);

	CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, grant.fds[0], 0) == MAP_FAILED);
	read_only = mmap(NULL, 4096, PROT_READ, MAP_SHARED, grant.fds[0], 0);
	REQUIRE(read_only != MAP_FAILED);
	CHECK(mprotect(read_only, 4096, PROT_READ | PROT_WRITE) < 0);
	munmap(read_only, 4096);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", grant.fds[0]);
	again = open(path, O_RDWR | O_CLOEXEC);
	CHECK(again < 0 ||
	      mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, again, 0) == MAP_FAILED);
	CHECK(again < 0 || pwrite(again, "x", 1, 0) < 0);
	CHECK(pwrite(grant.fds[0], "x", 1, 0) < 0);
	CHECK(madvise(memory, 4096, MADV_REMOVE) < 0);
	CHECK(fallocate(grant.fds[0], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) < 0);
	CHECK(ftruncate(grant.fds[0], 0) < 0);
	CHECK(ftruncate(grant.fds[0], (off_t)size * 2) < 0);
	CHECK(fcntl(grant.fds[0], F_ADD_SEALS, F_SEAL_WRITE) < 0);
	if (again >= 0) {
		close(again);
	}
	CHECK(has_flag(theirs, " dd"));
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__) /* their mlock() does nothing \
                                                                     */
	CHECK(geteuid() != 0 || has_flag(theirs, " lo"));
#endif
	munmap(memory, size);
	gate_packet_close_fds(&grant);
	atomic_store(&g_hold, true);
	close(fd);
	CHECK(comes_to(&g_seen.downs, 1));
	gate_link_done(look().link);
	CHECK(links_come_to(0));
	end();
}

/* Who has not sealed its link is refused, and nothing serves it: with no seal, with one of the two,
 * or with one that keeps the other from being set. Fails without the look at the seals in
 * link_hold(). */
static void
unsealed_links(void)
{
	static const int seals[] = { 0, F_SEAL_FUTURE_WRITE, F_SEAL_SEAL };
	struct gate_packet grant = { 0 }, packet;
	unsigned fds_before;
	int fd;

	begin(true);
	fds_before = open_fds();
	for (size_t i = 0; i < sizeof(seals) / sizeof(seals[0]); i++) {
		fd = enter_and_ask(&grant);
		REQUIRE(fd >= 0);
		CHECK_EQ(fcntl(grant.fds[0], F_ADD_SEALS, seals[i]), 0);
		CHECK_EQ(say(fd, GATE_MAPPED, ""), 0);
		REQUIRE(take(fd, &packet, 2000) == 1);
		CHECK_EQ(packet.msg.type, GATE_REFUSED);
		CHECK_EQ(packet.msg.code, EPERM);
		CHECK(strstr(packet.msg.text, "has not sealed its link's memory") != NULL);
		CHECK(is_ended(fd));
		close(fd);
		gate_packet_close_fds(&grant);
		CHECK(links_come_to(0));
	}
	CHECK_EQ(seen(&g_seen.ups), 0);
	CHECK_EQ(open_fds(), fds_before);
	CHECK_EQ(link_folders(), 0);
	end();
}

struct holder {
	int uffd;
	int memfd;
	uint8_t *page; /* who reads it waits until we give it */
	pthread_t thread;
};

static void *
hold_inode(void *arg)
{
	struct holder *holder = arg;
	ssize_t n = write(holder->memfd, holder->page, 1);

	(void)n;
	return NULL;
}

static bool
holder_begin(struct holder *holder, int memfd)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct pollfd waits = { .events = POLLIN };

	holder->memfd = memfd;
	holder->uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (holder->uffd < 0) {
		return false;
	}
	holder->page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	range.range.start = (uintptr_t)holder->page;
	range.range.len = 4096;
	REQUIRE(holder->page != MAP_FAILED && ioctl(holder->uffd, UFFDIO_API, &api) == 0 &&
	        ioctl(holder->uffd, UFFDIO_REGISTER, &range) == 0);
	REQUIRE(pthread_create(&holder->thread, NULL, hold_inode, holder) == 0);
	waits.fd = holder->uffd;
	/* It waits within write(), unless the seals are looked at before the page is. */
	poll(&waits, 1, 500);
	return true;
}

static void
holder_end(struct holder *holder)
{
	struct uffdio_zeropage zero = { .range = { (uintptr_t)holder->page, 4096 } };

	ioctl(holder->uffd, UFFDIO_ZEROPAGE, &zero);
	pthread_join(holder->thread, NULL);
	munmap(holder->page, 4096);
	close(holder->uffd);
}

/* A client that holds its memory's inode for as long as it likes, by a write() from a page that
 * nobody gives, holds nobody else: not while it attaches, sealed or not, and not when it ends. The
 * gate fails it by hanging when it sets a seal itself. Left out where userfaultfd() is not allowed.
 */
static void
inode_is_held(void)
{
	struct gate_packet grant = { 0 }, packet;
	struct holder holder;
	int fd, other;

	begin(true);
	for (int sealed = 0; sealed < 2; sealed++) {
		fd = enter_and_ask(&grant);
		REQUIRE(fd >= 0);
		if (sealed) {
			CHECK_EQ(fcntl(grant.fds[0], F_ADD_SEALS, LINK_SEALS_OF_CLIENT), 0);
		}
		if (!holder_begin(&holder, grant.fds[0])) {
			printf("userfaultfd(): %s; inode_is_held left out\n", strerror(errno));
			close(fd);
			break;
		}
		CHECK_EQ(say(fd, GATE_MAPPED, ""), 0);
		CHECK(take(fd, &packet, 2000) == 1 &&
		      packet.msg.type == (sealed ? GATE_OPEN : GATE_REFUSED));
		other = enter("other");
		CHECK(other >= 0);
		close(fd);
		CHECK(links_come_to(0));
		holder_end(&holder);
		gate_packet_close_fds(&grant);
		close(other);
	}
	CHECK(links_come_to(0));
	end();
}

/* MAPPED twice, ATTACH twice, ATTACH once more in place of MAPPED: the connection ends, and the
 * link of who had one. Fails without the checks of conn->state in on_packet(). */
static void
repeated_steps(void)
{
	static const struct {
		bool open;
		enum gate_msg_type again;
	} cases[] = {
		{ true, GATE_MAPPED },
		{ true, GATE_ATTACH },
		{ false, GATE_ATTACH },
	};
	struct gate_packet grant;
	unsigned fds_before, ups = 0;

	begin(true);
	fds_before = open_fds();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int fd = enter_and_ask(&grant);

		REQUIRE(fd >= 0);
		if (cases[i].open) {
			CHECK(opened(fd, &grant));
			CHECK(comes_to(&g_seen.ups, ++ups));
		}
		CHECK_EQ(say(fd, cases[i].again, ""), 0);
		CHECK(is_ended(fd));
		CHECK(links_come_to(0));
		gate_packet_close_fds(&grant);
		close(fd);
	}
	CHECK_EQ(seen(&g_seen.ups), ups);
	CHECK(comes_to(&g_seen.downs, ups));
	CHECK_EQ(logged_lines(), sizeof(cases) / sizeof(cases[0]));
	CHECK_EQ(open_fds(), fds_before);
	CHECK_EQ(link_folders(), 0);
	end();
}

/* One ends, is killed, or is never heard of again between grant and MAPPED. The last fails without
 * gate_conn_expect() in gate_grant(). */
static void
half_attached(void)
{
	struct cal_stats_links before = *cal_stats_links();
	struct gate_packet grant;
	unsigned fds_before;
	int fd;

	g_gate.answer_timeout_ms = 50;
	begin(true);
	fds_before = open_fds();
	fd = enter_and_ask(&grant);
	REQUIRE(fd >= 0);
	gate_packet_close_fds(&grant);
	CHECK_EQ(num_links(), 1);
	close(fd);
	CHECK(links_come_to(0));
	CHECK_EQ(logged_lines(), 0);

	fd = enter_and_ask(&grant);
	REQUIRE(fd >= 0);
	gate_packet_close_fds(&grant);
	CHECK(is_ended(fd));
	close(fd);
	CHECK(links_come_to(0));
	CHECK(logged("it did not map the link that it was granted"));
	CHECK_EQ(logged_lines(), 1);
	/* The app thread never heard of them. */
	CHECK_EQ(seen(&g_seen.ups), 0);
	CHECK_EQ(seen(&g_seen.downs), 0);
	CHECK_EQ(stats_now().granted, before.granted);
	CHECK_EQ(stats_now().ended, before.ended);
	CHECK_EQ(open_fds(), fds_before);
	CHECK_EQ(link_folders(), 0);

	/* In time, and left in peace then. */
	fd = enter_and_attach(&grant);
	REQUIRE(fd >= 0);
	gate_packet_close_fds(&grant);
	poll(NULL, 0, 100);
	CHECK_EQ(num_links(), 1);
	/* A stop finds one at this stage. */
	fds_before = (unsigned)fd;
	fd = enter_and_ask(&grant);
	REQUIRE(fd >= 0);
	gate_packet_close_fds(&grant);
	end();
	close(fd);
	close((int)fds_before);
	g_gate.answer_timeout_ms = GATE_ANSWER_TIMEOUT_MS;
}

/* A sign of life is asked for and given, one at a time. That a PONG nobody asked for ends the
 * connection is in odd_packets(), which fails without conn->pinged. */
static void
pings(void)
{
	struct gate_packet packet;
	pid_t me = getpid(), nobody = 1;
	int fd, stranger;

	begin(true);
	CHECK_EQ(control_call(do_ping, &me), -ENOENT);
	stranger = knock();
	REQUIRE(stranger >= 0);
	poll(NULL, 0, 5);
	CHECK_EQ(control_call(do_ping, &me), -ENOENT);
	fd = enter("pinged");
	REQUIRE(fd >= 0);
	for (unsigned i = 1; i <= 3; i++) {
		CHECK_EQ(control_call(do_ping, &me), 0);
		CHECK_EQ(control_call(do_ping, &me), -EALREADY);
		REQUIRE(take(fd, &packet, 2000) == 1);
		CHECK_EQ(packet.msg.type, GATE_PING);
		CHECK_EQ(seen(&g_seen.alive), i - 1);
		CHECK_EQ(say(fd, GATE_PONG, ""), 0);
		CHECK(comes_to(&g_seen.alive, i));
		CHECK_STR(look().name, "pinged");
		CHECK_EQ(look().pid, me);
	}
	CHECK_EQ(control_call(do_ping, &nobody), -ENOENT);
	CHECK_EQ(logged_lines(), 0);
	/* It answers twice. */
	CHECK_EQ(control_call(do_ping, &me), 0);
	CHECK_EQ(say(fd, GATE_PONG, ""), 0);
	CHECK_EQ(say(fd, GATE_PONG, ""), 0);
	CHECK(comes_to(&g_seen.peers_down, 1));
	CHECK_EQ(seen(&g_seen.alive), 4);
	CHECK(logged("out of turn"));
	close(fd);
	close(stranger);
	end();
}

/* A client that is killed, fifty times. (How long it takes is for make chaos to judge: here the
 * kernel may have a sanitizer's memory to take down, on CPUs that do other things.) */
static void
killed_clients(void)
{
	unsigned fds_before, slow = 0;
	uint64_t longest = 0;

	begin(true);
	fds_before = open_fds();
	for (unsigned i = 1; i <= 50; i++) {
		struct gate_packet grant;
		uint64_t at;
		pid_t pid = fork();

		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			(void)(enter_and_attach(&grant) >= 0);
			for (;;) {
				pause();
			}
		}
		REQUIRE(comes_to(&g_seen.ups, i));
		CHECK_EQ(look().link_pid, pid);
		at = now_us();
		kill(pid, SIGKILL);
		while (num_links() != 0 && now_us() - at < 5000000) {
		}
		at = now_us() - at;
		longest = at > longest ? at : longest;
		slow += at > 500000;
		CHECK(comes_to(&g_seen.downs, i));
		waitpid(pid, NULL, 0);
	}
	printf("(longest %u us) ", (unsigned)longest);
	CHECK_EQ(num_links(), 0);
	CHECK(slow <= 5);
	CHECK_EQ(open_fds(), fds_before);
	CHECK_EQ(link_folders(), 0);
	CHECK_EQ(logged_lines(), 0);
	end();
}

/* The client dies, a child of it holds on to the connection. */
static void
child_keeps_connection(void)
{
	int pipe_fds[2];
	pid_t pid, child = 0;

	if (!test_has_pidfd()) {
		return; /* nothing else would tell */
	}
	begin(true);
	REQUIRE(pipe(pipe_fds) == 0);
	pid = fork();
	if (pid == 0) {
		struct gate_packet grant;

		(void)(enter_and_attach(&grant) >= 0);
		child = fork();
		if (child == 0) {
			prctl(PR_SET_PDEATHSIG, 0);
			for (;;) {
				pause();
			}
		}
		(void)(write(pipe_fds[1], &child, sizeof(child)) > 0);
		for (;;) {
			pause();
		}
	}
	REQUIRE(read(pipe_fds[0], &child, sizeof(child)) == sizeof(child));
	REQUIRE(comes_to(&g_seen.ups, 1));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	CHECK(comes_to(&g_seen.downs, 1));
	CHECK_EQ(kill(child, 0), 0); /* it lives, and the link is gone */
	CHECK(links_come_to(0));
	kill(child, SIGKILL);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	end();
}

static void
service(void)
{
	struct gate_packet packet;
	unsigned fds_before;
	int child_fd = -1;
	pid_t pid;

	begin(true);
	fds_before = open_fds();
	REQUIRE(control_call(do_pair, &child_fd) == 0);
	CHECK(fcntl(child_fd, F_GETFD) & FD_CLOEXEC);
	pid = fork();
	if (pid == 0) {
		struct gate_packet packet;
		struct gate_msg msg;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		say(child_fd, GATE_HELLO, "rpcd");
		if (take(child_fd, &packet, 2000) != 1 || packet.msg.code != GATE_ROLE_SERVICE) {
			_exit(1);
		}
		gate_packet_init(&msg, GATE_REPORT);
		msg.code = GATE_REPORT_FAILED;
		snprintf(msg.text, sizeof(msg.text), "line 3, column 7:\na comma");
		gate_packet_send(child_fd, &msg, NULL, 0);
		say(child_fd, GATE_ATTACH, "");
		(void)(take(child_fd, &packet, 2000) == 1 && opened(child_fd, &packet));
		for (;;) {
			pause();
		}
	}
	close(child_fd);
	CHECK(comes_to(&g_seen.ups, 1));
	/* Its name is the supervisor's word, its pid the kernel's. */
	CHECK_STR(look().name, "rpcd");
	CHECK_EQ(look().pid, pid);
	CHECK_EQ(look().link_role, GATE_ROLE_SERVICE);
	CHECK_EQ(seen(&g_seen.reports), 1);
	CHECK_EQ(look().code, GATE_REPORT_FAILED);
	CHECK_STR(look().text, "line 3, column 7:?a comma");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	CHECK(comes_to(&g_seen.peers_down, 1));
	CHECK(links_come_to(0));
	CHECK_EQ(open_fds(), fds_before);

	/* Another service's program. Fails without the comparison of names in on_hello(). */
	REQUIRE(control_call(do_pair, &child_fd) == 0);
	say(child_fd, GATE_HELLO,
	    "con\x01"
	    "fd");
	CHECK(take(child_fd, &packet, 2000) == 1 && packet.msg.type == GATE_REFUSED);
	CHECK_STR(packet.msg.text, "this is the program of the service con?fd, and rpcd was to be "
	                           "started: name rpcd's program");
	CHECK_EQ(seen(&g_seen.peers_up), 1);
	close(child_fd);

	/* One that never says a word. */
	REQUIRE(control_call(do_pair, &child_fd) == 0);
	close(child_fd);
	CHECK_EQ(control_call(do_num_links, NULL), 0);
	CHECK_EQ(open_fds(), fds_before);
	end();
}

static void
closing(void)
{
	struct gate_packet packet;
	int greeted, waiting, linked, late;

	begin(false);
	waiting = enter("waiting");
	CHECK_EQ(say(waiting, GATE_ATTACH, ""), 0);
	greeted = enter("greeted");
	control_call(do_close, (void *)(uintptr_t) "the disk is on fire");
	REQUIRE(take(waiting, &packet, 2000) == 1);
	CHECK_EQ(packet.msg.type, GATE_STOP);
	CHECK_STR(packet.msg.text, "the disk is on fire");
	CHECK(is_ended(waiting));
	REQUIRE(take(greeted, &packet, 2000) == 1);
	CHECK_EQ(packet.msg.type, GATE_STOP);
	CHECK(is_ended(greeted));
	/* Who comes late is told why. */
	late = enter("late");
	REQUIRE(late >= 0);
	CHECK_EQ(say(late, GATE_ATTACH, ""), 0);
	REQUIRE(take(late, &packet, 2000) == 1);
	CHECK_EQ(packet.msg.type, GATE_REFUSED);
	CHECK_EQ(packet.msg.code, ESHUTDOWN);
	CHECK_STR(packet.msg.text, "the disk is on fire");
	CHECK(is_ended(late));
	close(waiting);
	close(greeted);
	close(late);
	end();

	begin(true);
	linked = enter_and_attach(&packet);
	REQUIRE(linked >= 0);
	gate_packet_close_fds(&packet);
	CHECK(comes_to(&g_seen.ups, 1));
	/* A packet that nobody reads must not turn the STOP into a reset. */
	atomic_store(&g_hold, true);
	CHECK_EQ(say(linked, GATE_REPORT, ""), 0);
	control_call(do_close, (void *)(uintptr_t) "bye");
	CHECK(comes_to(&g_seen.downs, 1));
	(void)say(linked, GATE_REPORT, "");
	gate_link_done(look().link);
	CHECK(links_come_to(0));
	REQUIRE(take(linked, &packet, 2000) == 1);
	CHECK_EQ(packet.msg.type, GATE_STOP);
	CHECK(is_ended(linked));
	close(linked);
	end();
}

static void
killed_links(void)
{
	struct cal_stats_links before = *cal_stats_links();
	struct gate_packet packet;
	struct link *link;
	int fd;

	begin(true);
	fd = enter_and_attach(&packet);
	REQUIRE(fd >= 0);
	gate_packet_close_fds(&packet);
	CHECK(comes_to(&g_seen.ups, 1));
	link = look().link;
	atomic_store(&g_hold, true);
	/* However often it is said. */
	gate_link_kill(link, "it does not read");
	gate_link_kill(link, "it does not read");
	CHECK(comes_to(&g_seen.downs, 1));
	CHECK(is_ended(fd));
	gate_link_kill(link, "it does not read");
	gate_link_done(link);
	CHECK(links_come_to(0));
	CHECK_EQ(logged_lines(), 1);
	CHECK(logged("tester (pid "));
	CHECK(logged("it does not read"));
	CHECK_EQ(stats_now().closed_for_fault, before.closed_for_fault + 1);
	close(fd);

	/* The app thread lets go first: no link_down() any more. */
	atomic_store(&g_hold, false);
	fd = enter_and_attach(&packet);
	REQUIRE(fd >= 0);
	gate_packet_close_fds(&packet);
	CHECK(comes_to(&g_seen.ups, 2));
	gate_link_done(look().link);
	CHECK(links_come_to(0));
	CHECK(is_ended(fd));
	CHECK_EQ(seen(&g_seen.downs), 1);
	close(fd);
	end();
}

static void
crowds(void)
{
	int fds[GATE_MAX_CONNECTIONS], fd, i;
	struct gate_packet packet;
	unsigned fds_before;

	begin(true);
	fds_before = open_fds();
	for (i = 0; i < GATE_MAX_CONNECTIONS; i++) {
		fds[i] = enter("crowd");
		REQUIRE(fds[i] >= 0);
	}
	fd = knock();
	say(fd, GATE_HELLO, "one too many");
	REQUIRE(take(fd, &packet, 2000) == 1);
	CHECK_EQ(packet.msg.type, GATE_REFUSED);
	CHECK(strstr(packet.msg.text, "64 connections") != NULL);
	CHECK(is_ended(fd));
	close(fd);
	for (i = 0; i < GATE_MAX_CONNECTIONS; i++) {
		close(fds[i]);
	}
	CHECK(comes_to(&g_seen.peers_down, GATE_MAX_CONNECTIONS));
	CHECK_EQ(open_fds(), fds_before);
	fd = enter("next");
	CHECK(fd >= 0);
	close(fd);
	end();
}

/* In a child of another user: what it is told when it says hello, attaches, and then reports. */
static int
as_member(gid_t group, char what[64])
{
	struct gate_packet packet;
	int fds[2], status = 0;
	pid_t pid;

	REQUIRE(pipe(fds) == 0);
	pid = fork();
	if (pid == 0) {
		int fd;

		snprintf(what, 64, "cannot connect");
		if (setgroups(group != 0, &group) == 0 && setgid(5001) == 0 && setuid(5001) == 0) {
			fd = enter("member");
			if (fd >= 0) {
				say(fd, GATE_ATTACH, "");
				if (take(fd, &packet, 2000) != 1 || packet.msg.type != GATE_GRANT ||
				    packet.msg.text[0] != '\0') {
					snprintf(what, 64, "granted a folder");
				} else {
					say(fd, GATE_REPORT, "");
					snprintf(what, 64, "%s",
					         is_ended(fd) ? "closed" : "listened to");
				}
			} else {
				fd = knock();
				if (fd >= 0 && say(fd, GATE_HELLO, "") == 0 &&
				    take(fd, &packet, 2000) == 1) {
					snprintf(what, 64, "%.63s", packet.msg.text);
				}
			}
		}
		_exit(write(fds[1], what, 64) != 64);
	}
	REQUIRE(read(fds[0], what, 64) == 64);
	waitpid(pid, &status, 0);
	close(fds[0]);
	close(fds[1]);
	return status;
}

/* A member of the group is let in and is no service; who is in no such group is not, by the
 * socket's mode and, were that wider, by the gate. Fails without the role in role_of_peer(), the
 * group in has_group(), the check of the role in on_report(), the look at the uid in gate_grant().
 */
static void
members(void)
{
	char path[CAL_PATH_MAX], what[64];

	if (geteuid() != 0) {
		return; /* nobody else can be somebody else */
	}
	CHECK_EQ(chmod(g_root, 0711), 0);
	CHECK_EQ(cal_instance_share(ID, 4242), 0);
	gate_share(4242);
	begin(true);
	CHECK_EQ(as_member(4242, what), 0);
	CHECK_STR(what, "closed");
	CHECK_EQ(link_folders(), 0);
	CHECK(logged("it reports as a service, and is none"));
	CHECK_EQ(seen(&g_seen.reports), 0);
	CHECK_EQ(as_member(4243, what), 0);
	CHECK_STR(what, "cannot connect");
	cal_instance_path(path, sizeof(path), ID, CAL_GATE_NAME);
	CHECK_EQ(chmod(path, 0666), 0);
	cal_instance_path(path, sizeof(path), ID, "");
	CHECK_EQ(chmod(path, 0711), 0);
	CHECK_EQ(as_member(4243, what), 0);
	CHECK(strncmp(what, "user 5001 may not attach", 24) == 0);
	end();
	gate_share((gid_t)-1);
	CHECK_EQ(cal_instance_share(ID, (gid_t)-1), 0);
}

static void
silent_connections(void)
{
	int fd, talker;

	g_gate.answer_timeout_ms = 50;
	begin(true);
	talker = enter("talker");
	fd = knock();
	CHECK(is_ended(fd));
	CHECK(logged("did not say hello"));
	close(fd);
	/* Hello was in time. */
	CHECK_EQ(say(talker, GATE_REPORT, ""), 0);
	CHECK(comes_to(&g_seen.reports, 1));
	close(talker);
	end();
	g_gate.answer_timeout_ms = GATE_ANSWER_TIMEOUT_MS;
}

static int
set_up(void)
{
	char path[CAL_PATH_MAX];

	test_needs_pidfd();

	if (mkdtemp(g_root) == NULL || setenv("CALANDRIA_RUN_ROOT", g_root, 1) < 0) {
		return -1;
	}
	cal_instance_path(path, sizeof(path), ID, "");
	spdk_log_open(log_line);
	return mkdir(path, 0700) < 0 || cal_stats_create(ID, 1000000000) < 0;
}

static int
tear_down(void)
{
	cal_stats_destroy();
	return folder_remove(g_root);
}

static const struct test_case cases[] = {
	TEST(hello),
	TEST(other_versions),
	TEST(negotiated_versions),
	TEST(odd_packets),
	TEST(packets_as_they_come),
	TEST(attach),
	TEST(sealed_links),
	TEST(unsealed_links),
	TEST(inode_is_held),
	TEST(repeated_steps),
	TEST(half_attached),
	TEST(pings),
	TEST(killed_clients),
	TEST(child_keeps_connection),
	TEST(service),
	TEST(closing),
	TEST(killed_links),
	TEST(crowds),
	TEST(silent_connections),
	TEST(members),
};

TEST_MAIN_WITH("ipc/gate", cases, set_up, tear_down)
