/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* libs: -Wl,--wrap=malloc,--wrap=calloc,--wrap=memfd_create,--wrap=ftruncate,--wrap=fcntl */
/* libs: -Wl,--wrap=mmap,--wrap=madvise,--wrap=mlock,--wrap=eventfd,--wrap=mkdir,--wrap=sendmsg */
/* libs: -Wl,--wrap=recvmsg,--wrap=accept4,--wrap=epoll_ctl,--wrap=syscall,--wrap=getsockopt */

/* Each call that the control pthread makes while a client comes, attaches and goes fails once, the
 * first, the second, and so on: nothing is left behind, somebody else's link stays, and the next
 * client is served. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "calandria/instance.h"
#include "calandria/stats.h"
#include "core/util/folder.h"
#include "ipc/gate/control.h"
#include "ipc/gate/gate.h"
#include "ipc/gate/gate_internal.h"
#include "ipc/gate/gate_packet.h"
#include "ipc/link/layout.h"
#include "ipc/link/link.h"
#include "spdk/log.h"
#include "tests/unit/test.h"

#define ID        7
#define MAX_CALLS 400

static char g_root[] = "/tmp/cal-faults-XXXXXX";

/* --- calls that fail -------------------------------------------------------------------------- */

static atomic_uint g_fail_at; /* the how-manieth call from now on fails, 0: none */
static atomic_uint g_calls;
static const char *_Atomic g_failed; /* which one that was */

static bool
fails(const char *name, int error)
{
	if (atomic_load(&g_fail_at) == 0 || !control_is_current() ||
	    atomic_fetch_add(&g_calls, 1) + 1 != atomic_load(&g_fail_at)) {
		return false;
	}
	atomic_store(&g_failed, name);
	errno = error;
	return true;
}

#define FAULT(type, name, error, failed, params, args) \
	type __real_##name params;                     \
	type __wrap_##name params;                     \
	type __wrap_##name params                      \
	{                                              \
		if (fails(#name, error)) {             \
			return failed;                 \
		}                                      \
		return __real_##name args;             \
	}

FAULT(void *, malloc, ENOMEM, NULL, (size_t size), (size))
FAULT(void *, calloc, ENOMEM, NULL, (size_t n, size_t size), (n, size))
FAULT(int, memfd_create, EMFILE, -1, (const char *name, unsigned flags), (name, flags))
FAULT(int, ftruncate, ENOSPC, -1, (int fd, off_t size), (fd, size))
FAULT(int, fcntl, ENOLCK, -1, (int fd, int cmd, long arg), (fd, cmd, arg))
FAULT(void *, mmap, ENOMEM, MAP_FAILED,
      (void *at, size_t len, int prot, int flags, int fd, off_t offset),
      (at, len, prot, flags, fd, offset))
FAULT(int, madvise, ENOMEM, -1, (void *at, size_t len, int advice), (at, len, advice))
FAULT(int, mlock, ENOMEM, -1, (const void *at, size_t len), (at, len))
FAULT(int, eventfd, EMFILE, -1, (unsigned count, int flags), (count, flags))
FAULT(int, mkdir, ENOSPC, -1, (const char *path, mode_t mode), (path, mode))
FAULT(ssize_t, sendmsg, ENOBUFS, -1, (int fd, const struct msghdr *msg, int flags),
      (fd, msg, flags))
FAULT(ssize_t, recvmsg, ENOMEM, -1, (int fd, struct msghdr *msg, int flags), (fd, msg, flags))
FAULT(int, accept4, ENFILE, -1, (int fd, struct sockaddr *addr, socklen_t *len, int flags),
      (fd, addr, len, flags))
FAULT(int, epoll_ctl, ENOSPC, -1, (int epfd, int op, int fd, struct epoll_event *event),
      (epfd, op, fd, event))
FAULT(long, syscall, EMFILE, -1, (long number, long a, long b), (number, a, b))
FAULT(int, getsockopt, ENOBUFS, -1, (int fd, int level, int name, void *value, socklen_t *len),
      (fd, level, name, value, len))

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
on_peer(void *ctx, const char *name, pid_t pid, bool connected)
{
}

static void
on_report(void *ctx, const char *name, pid_t pid, enum gate_report_code code, const char *text)
{
}

static const struct gate_ops g_ops = {
	.peer = on_peer,
	.report = on_report,
	.link_up = on_link_up,
	.link_down = on_link_down,
};

static int
do_begin(void *arg)
{
	int rc = gate_listen(ID, &g_ops, NULL);

	return rc == 0 ? gate_open() : rc;
}

static int
do_end(void *arg)
{
	gate_close("test over");
	return 0;
}

static int
do_fini(void *arg)
{
	gate_fini();
	return 0;
}

static int
do_num_conns(void *arg)
{
	return (int)g_gate.num_conns;
}

static bool
conns_come_to(int n)
{
	for (int i = 0; i < 2000; i++) {
		if (control_call(do_num_conns, NULL) == n) {
			return true;
		}
		poll(NULL, 0, 1);
	}
	return false;
}

/* --- a client --------------------------------------------------------------------------------- */

static bool
say(int fd, enum gate_msg_type type)
{
	struct gate_msg msg;

	gate_packet_init(&msg, type);
	return gate_packet_send(fd, &msg, NULL, 0) == 0;
}

static bool
take(int fd, struct gate_packet *packet, enum gate_msg_type type)
{
	struct pollfd waits = { .fd = fd, .events = POLLIN };

	return poll(&waits, 1, 2000) == 1 && gate_packet_recv(fd, packet) == 1 &&
	       packet->msg.type == type;
}

/* Returns the connection. Whether its link is open goes to *open. */
static int
attach(bool *open)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct gate_packet packet;
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	*open = false;
	cal_instance_path(addr.sun_path, sizeof(addr.sun_path), ID, CAL_GATE_NAME);
	REQUIRE(connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0);
	if (!say(fd, GATE_HELLO) || !take(fd, &packet, GATE_WELCOME) || !say(fd, GATE_ATTACH) ||
	    !take(fd, &packet, GATE_GRANT)) {
		return fd;
	}
	*open = fcntl(packet.fds[0], F_ADD_SEALS, LINK_SEALS_OF_CLIENT) == 0 &&
	        say(fd, GATE_MAPPED);
	gate_packet_close_fds(&packet);
	*open = *open && take(fd, &packet, GATE_OPEN);
	return fd;
}

/* --- what is left ----------------------------------------------------------------------------- */

struct traces {
	unsigned fds, folders, maps;
};

static unsigned
entries(const char *path)
{
	DIR *dir = opendir(path);
	unsigned n = 0;

	while (dir != NULL && readdir(dir) != NULL) {
		n++;
	}
	if (dir != NULL) {
		closedir(dir);
	}
	return n;
}

static struct traces
look(void)
{
	struct traces traces = { .fds = entries("/proc/self/fd") };
	FILE *maps = fopen("/proc/self/maps", "re");
	char path[CAL_PATH_MAX], line[512];

	cal_instance_path(path, sizeof(path), ID, CAL_LINK_DIR);
	traces.folders = entries(path);
	while (maps != NULL && fgets(line, sizeof(line), maps) != NULL) {
		traces.maps += strstr(line, "calandria-link") != NULL;
	}
	if (maps != NULL) {
		fclose(maps);
	}
	return traces;
}

/* --- the test --------------------------------------------------------------------------------- */

/* Fails without the closes on the error paths of gate_conn_start(), watch_process(), link_create()
 * and map_memory(), and when gate_link_done() needs memory; what is only memory the address
 * sanitizer tells. */
static void
each_call_fails(void)
{
	struct gate_packet packet;
	struct traces before, after;
	unsigned k, opened = 0, refused = 0;
	int witness, fd;
	bool open;

	REQUIRE(control_start() == 0);
	REQUIRE(control_call(do_begin, NULL) == 0);
	witness = attach(&open);
	REQUIRE(open);
	before = look();
	for (k = 1; k < MAX_CALLS; k++) {
		atomic_store(&g_failed, NULL);
		atomic_store(&g_calls, 0);
		atomic_store(&g_fail_at, k);
		fd = attach(&open);
		close(fd);
		/* Its end, too: until the gate has let go of it, or the call that fails was one of
		 * that. */
		(void)conns_come_to(1);
		atomic_store(&g_fail_at, 0);
		opened += open;
		refused += !open;
		CHECK(conns_come_to(1));
		after = look();
		if (memcmp(&before, &after, sizeof(before)) != 0) {
			printf("\n  %s() failed, the %uth call: descriptors %u -> %u, folders %u "
			       "-> %u, "
			       "links' memories %u -> %u\n",
			       atomic_load(&g_failed), k, before.fds, after.fds, before.folders,
			       after.folders, before.maps, after.maps);
			CU_FAIL("something is left");
			break;
		}
		CHECK_EQ(gate_packet_recv(witness, &packet), -EAGAIN);
		fd = attach(&open);
		CHECK(open);
		close(fd);
		CHECK(conns_come_to(1));
		if (atomic_load(&g_failed) == NULL) {
			break;
		}
	}
	printf("%u calls failed, %u clients were refused ", k - 1, refused);
	CHECK(k > 20 && k < MAX_CALLS);
	CHECK(refused > 10 && opened > 1);
	close(witness);
	CHECK(conns_come_to(0));
	control_call(do_end, NULL);
	control_call(do_fini, NULL);
	control_stop();
}

static void
no_log(int level, const char *file, const int line, const char *func, const char *format,
       va_list args)
{
}

static int
set_up(void)
{
	char path[CAL_PATH_MAX];

	test_needs_pidfd();
	if (mkdtemp(g_root) == NULL || setenv("CALANDRIA_RUN_ROOT", g_root, 1) != 0) {
		return -1;
	}
	spdk_log_open(no_log);
	cal_instance_path(path, sizeof(path), ID, "");
	return mkdir(path, 0700) < 0 || cal_stats_create(ID, 1000000000) < 0;
}

static int
tear_down(void)
{
	cal_stats_destroy();
	return folder_remove(g_root);
}

static const struct test_case cases[] = {
	TEST(each_call_fails),
};

TEST_MAIN_WITH("ipc/gate/faults", cases, set_up, tear_down)
