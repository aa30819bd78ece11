/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "services/rpcd/rpcd.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/util/listen_addr.h"
#include "core/util/lock_file.h"

int
rpc_socket_claim(struct rpc_socket *sock, const char *path, unsigned mode, char *err,
                 size_t err_size)
{
	int fd, rc;

	memset(sock, 0, sizeof(*sock));
	sock->lock_fd = -1;
	sock->mode = mode;
	if (path[0] == '\0' || strlen(path) >= sizeof(sock->path)) {
		snprintf(err, err_size, "the socket's path must have 1 to %zu bytes: '%s'",
		         sizeof(sock->path) - 1, path);
		return -ENAMETOOLONG;
	}
	memcpy(sock->path, path, strlen(path) + 1);
	snprintf(sock->lock_path, sizeof(sock->lock_path), "%s.lock", path);
	if (snprintf(sock->staged_path, sizeof(sock->staged_path), "%s.new", path) >=
	    (int)sizeof(sock->staged_path)) {
		sock->staged_path[0] = '\0';
	}
	for (;;) {
		fd = lock_file_open(sock->lock_path);
		if (fd < 0) {
			rc = fd;
			snprintf(err, err_size,
			         "cannot open %s: %s; choose another socket with -r or repair that",
			         sock->lock_path, strerror(-rc));
			return rc;
		}
		if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
			rc = errno == EWOULDBLOCK ? -EBUSY : -errno;
			snprintf(err, err_size,
			         "another process serves %s (it holds %s); stop it or choose "
			         "another socket with -r",
			         path, sock->lock_path);
			close(fd);
			return rc;
		}
		if (lock_file_is_current(fd, sock->lock_path)) {
			/* Not before: a signal handler removes what it finds here. */
			sock->lock_fd = fd;
			return 0;
		}
		close(fd);
	}
}

/* A socket that exists but does not listen yet refuses: it gets its name when it does. The name of
 * a predecessor that was killed is taken over in the same step. A path without room for the suffix
 * is bound as it is. */
static int
bind_and_listen(int fd, const struct rpc_socket *sock)
{
	const char *name = sock->staged_path[0] != '\0' ? sock->staged_path : sock->path;
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	mode_t mask;
	int rc;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", name);
	unlink(name);
	mask = umask(~sock->mode & 0777);
	rc = bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 ? 0 : -errno;
	umask(mask);
	if (rc == 0 && (listen(fd, RPCD_BACKLOG) != 0 ||
	                (name != sock->path && rename(name, sock->path) != 0))) {
		rc = -errno;
		unlink(name);
	}
	return rc;
}

int
rpc_socket_bind(struct rpc_socket *sock, char *err, size_t err_size)
{
	struct stat st;
	int fd, rc;

	if (lstat(sock->path, &st) == 0 && !S_ISSOCK(st.st_mode)) {
		snprintf(
			err, err_size,
			"%s exists and is not a socket; remove it or choose another socket with -r",
			sock->path);
		return -EEXIST;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	rc = fd < 0 ? -errno : 0;
	if (rc == 0) {
		/* Before it is, for a signal in between; the lock says that the name is ours. */
		sock->bound = true;
		rc = bind_and_listen(fd, sock);
	}
	if (rc != 0) {
		sock->bound = false;
		snprintf(err, err_size, "cannot make the socket %s: %s", sock->path, strerror(-rc));
		if (fd >= 0) {
			close(fd);
		}
		return rc;
	}
	return fd;
}

/* Of the socket that the name is, not of what somebody may have put in its place. */
static void
change_mode(const struct rpc_socket *sock)
{
	int fd = open(sock->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	char path[32];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fd < 0 || fstat(fd, &st) != 0) {
		fprintf(stderr, "cal-rpcd: cannot look at %s: %s\n", sock->path, strerror(errno));
	} else if (!S_ISSOCK(st.st_mode) || st.st_uid != geteuid()) {
		fprintf(stderr, "cal-rpcd: %s is not our socket any more: its mode stays\n",
		        sock->path);
	} else if (chmod(path, sock->mode) != 0) {
		fprintf(stderr, "cal-rpcd: cannot change the mode of %s: %s\n", sock->path,
		        strerror(errno));
	}
	if (fd >= 0) {
		close(fd);
	}
}

void
rpc_socket_adopt(struct rpc_socket *sock, int lock_fd, int listen_fd)
{
	sock->lock_fd = lock_fd;
	sock->bound = true;
	change_mode(sock);
}

bool
rpc_socket_is_current(const struct rpc_socket *sock)
{
	return lock_file_is_current(sock->lock_fd, sock->lock_path);
}

/* Somebody has put another lock in its place, and made the socket anew. */
static bool
is_replaced(const struct rpc_socket *sock)
{
	struct stat st;

	return stat(sock->lock_path, &st) == 0 && !rpc_socket_is_current(sock);
}

void
rpc_socket_sign(const struct rpc_socket *sock, pid_t primary_pid)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%10d %10d\n", (int)getpid(), (int)primary_pid);

	(void)!pwrite(sock->lock_fd, text, (size_t)len, 0);
}

bool
rpc_socket_abandon(const char *path, pid_t primary_pid)
{
	char lock_path[128], text[32] = "";
	int fd, holder = 0, primary = 0;
	bool is_left;

	snprintf(lock_path, sizeof(lock_path), "%s.lock", path);
	fd = open(lock_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) {
		return false;
	}
	(void)!pread(fd, text, sizeof(text) - 1, 0);
	is_left = sscanf(text, "%d %d", &holder, &primary) == 2 && primary > 0 &&
	          primary != primary_pid && kill(primary, 0) != 0 && errno == ESRCH &&
	          lock_file_is_current(fd, lock_path) && unlink(lock_path) == 0;
	close(fd);
	if (is_left) {
		fprintf(stderr,
		        "cal-rpcd: the one of pid %d does not hand over %s, and its primary is "
		        "dead: left behind\n",
		        holder, path);
	}
	return is_left;
}

void
rpc_socket_unlink(struct rpc_socket *sock)
{
	if (sock->bound && is_replaced(sock)) {
		sock->bound = false;
	}
	if (sock->bound) {
		unlink(sock->path);
		if (sock->staged_path[0] != '\0') {
			unlink(sock->staged_path);
		}
		sock->bound = false;
	}
}

void
rpc_socket_release(struct rpc_socket *sock)
{
	rpc_socket_unlink(sock);
	if (sock->lock_fd >= 0) {
		if (!is_replaced(sock)) {
			unlink(sock->lock_path);
		}
		close(sock->lock_fd);
		sock->lock_fd = -1;
	}
}

void
rpc_socket_leave(struct rpc_socket *sock)
{
	if (sock->lock_fd >= 0) {
		close(sock->lock_fd);
	}
	sock->lock_fd = -1;
	sock->bound = false;
}

/* --- TCP -------------------------------------------------------------------------------------- */

int
rpc_tcp_bind(const char *text, char *err, size_t err_size)
{
	struct sockaddr_storage addr;
	socklen_t len;
	char why[128];
	int fd, rc, on = 1;

	if (listen_addr_parse(text, &addr, &len, why, sizeof(why)) != 0) {
		snprintf(err, err_size, "--rpc-tcp %s: %s", text, why);
		return -EINVAL;
	}
	fd = socket(addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	rc = fd < 0 ? -errno : 0;
	if (rc == 0) {
		/* Not kept from its port by connections of a killed one that the kernel still
		 * waits for; and [::] leaves IPv4 to others. */
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		if (addr.ss_family == AF_INET6) {
			setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
		}
		rc = bind(fd, (struct sockaddr *)&addr, len) == 0 ? 0 : -errno;
	}
	if (rc != 0) {
		snprintf(err, err_size,
		         "cannot listen on TCP %s: %s; choose another address with --rpc-tcp", text,
		         strerror(-rc));
		if (fd >= 0) {
			close(fd);
		}
		return rc;
	}
	return fd;
}

bool
rpc_tcp_is(int fd, const char *text)
{
	struct sockaddr_storage wanted, bound;
	socklen_t len, bound_len = sizeof(bound);
	char why[128];

	memset(&bound, 0, sizeof(bound));
	return listen_addr_parse(text, &wanted, &len, why, sizeof(why)) == 0 &&
	       getsockname(fd, (struct sockaddr *)&bound, &bound_len) == 0 && bound_len == len &&
	       memcmp(&wanted, &bound, len) == 0;
}
