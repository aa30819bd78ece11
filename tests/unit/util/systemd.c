/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What is sent, to a real datagram socket in systemd's place. */

#include "core/util/systemd.h"

#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "tests/unit/test.h"

static char g_name[108]; /* as in $NOTIFY_SOCKET */

/* Listens under g_name and says so in the environment. */
static int
listener(bool abstract)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	const char *tmp = getenv("TMPDIR");
	socklen_t len;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	snprintf(g_name, sizeof(g_name), "%s/cal-notify-%d",
	         abstract ? "@" : (tmp != NULL ? tmp : "/tmp"), (int)getpid());
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(g_name));
	memcpy(addr.sun_path, g_name, strlen(g_name));
	if (abstract) {
		addr.sun_path[0] = '\0';
	} else {
		unlink(g_name);
		len++;
	}
	REQUIRE(fd >= 0);
	REQUIRE(bind(fd, (struct sockaddr *)&addr, len) == 0);
	setenv("NOTIFY_SOCKET", g_name, 1);
	return fd;
}

static void
done(int fd)
{
	systemd_close();
	close(fd);
	if (g_name[0] == '/') {
		unlink(g_name);
	}
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

/* The next datagram, "" for none. */
static const char *
told(int fd)
{
	static char text[2048];
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void
nobody_wants_to_know(void)
{
	char longest[200];

	unsetenv("NOTIFY_SOCKET");
	CHECK_EQ(systemd_open(), -ENOENT);
	CHECK(!systemd_is_open());
	CHECK_EQ(systemd_send("x", "READY=1\n"), -ENOTCONN);
	CHECK_EQ(systemd_interval_ms(), -1);
	systemd_ready("x");
	systemd_alive();
	setenv("NOTIFY_SOCKET", "", 1);
	CHECK_EQ(systemd_open(), -ENOENT);
	setenv("NOTIFY_SOCKET", "relative", 1);
	CHECK_EQ(systemd_open(), -EINVAL);
	setenv("NOTIFY_SOCKET", "@", 1);
	CHECK_EQ(systemd_open(), -EINVAL);
	memset(longest, 'x', sizeof(longest) - 1);
	longest[0] = '/';
	longest[sizeof(longest) - 1] = '\0';
	setenv("NOTIFY_SOCKET", longest, 1);
	CHECK_EQ(systemd_open(), -EINVAL);
	unsetenv("NOTIFY_SOCKET");
}

static void
both_kinds_of_names(void)
{
	for (int abstract = 0; abstract < 2; abstract++) {
		int fd = listener(abstract);

		CHECK_EQ(systemd_open(), 0);
		CHECK_EQ(systemd_send("all is well", "READY=1\nERRNO=%d\n", 5), 0);
		CHECK_STR(told(fd), "READY=1\nERRNO=5\nSTATUS=all is well");
		CHECK_EQ(systemd_send(NULL, "STOPPING=1\n"), 0);
		CHECK_STR(told(fd), "STOPPING=1\n");
		CHECK_STR(told(fd), "");
		done(fd);
	}
}

/* Fails without the loop over newlines in put_status(). */
static void
a_status_stays_one_line(void)
{
	char longest[3000];
	int fd = listener(true);

	CHECK_EQ(systemd_open(), 0);
	CHECK_EQ(systemd_send("a\nMAINPID=1\n", "%s", ""), 0);
	CHECK_STR(told(fd), "STATUS=a MAINPID=1 ");
	memset(longest, 'y', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	CHECK_EQ(systemd_send(longest, "READY=1\n"), 0);
	CHECK(strncmp(told(fd), "READY=1\nSTATUS=yyy", 18) == 0);
	CHECK_EQ(systemd_send(NULL, "%s", longest), -EMSGSIZE);
	done(fd);
}

/* Fails (by SIGALRM) without MSG_DONTWAIT and SOCK_NONBLOCK in systemd.c: a receiver that does not
 * receive holds nobody up. */
static void
never_waits(void)
{
	int fd = listener(true), sent = 0;

	CHECK_EQ(systemd_open(), 0);
	alarm(10);
	while (sent < 100000 && systemd_send("x", "%s", "") == 0) {
		sent++;
	}
	alarm(0);
	CHECK(sent > 0 && sent < 100000);
	CHECK_EQ(systemd_send("x", "%s", ""), -EAGAIN);
	CHECK_STR(told(fd), "STATUS=x");
	CHECK_EQ(systemd_send("y", "%s", ""), 0);
	done(fd);
	/* And one that has gone is no reason to end. */
	fd = listener(true);
	CHECK_EQ(systemd_open(), 0);
	close(fd);
	CHECK_EQ(systemd_send("x", "%s", ""), -ECONNREFUSED);
	fd = listener(true);
	CHECK_EQ(systemd_send("x", "%s", ""), 0);
	CHECK_STR(told(fd), "STATUS=x");
	done(fd);
}

static void
sleep_ms(long ms)
{
	const struct timespec ts = { .tv_nsec = ms * 1000000 };

	nanosleep(&ts, NULL);
}

static void
alive_as_often_as_needed(void)
{
	char pid[16], text[64];
	int fd = listener(true);

	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("WATCHDOG_USEC", "80000", 1);
	setenv("WATCHDOG_PID", pid, 1);
	CHECK_EQ(systemd_open(), 0);
	CHECK_EQ(systemd_interval_ms(), 20);
	systemd_alive();
	systemd_alive();
	CHECK(strncmp(told(fd), "EXTEND_TIMEOUT_USEC=", 20) == 0);
	CHECK_STR(told(fd), "");
	systemd_ready("serves");
	snprintf(text, sizeof(text), "READY=1\nMAINPID=%s\nSTATUS=serves", pid);
	CHECK_STR(told(fd), text);
	for (int i = 0; i < 3; i++) {
		sleep_ms(25);
		systemd_alive();
		CHECK_STR(told(fd), "WATCHDOG=1\n");
		CHECK_STR(told(fd), "");
	}
	/* A time that is another process's: a successor's, who has to tell all the same. */
	setenv("WATCHDOG_PID", "1", 1);
	CHECK_EQ(systemd_open(), 0);
	CHECK_EQ(systemd_interval_ms(), 3000);
	setenv("WATCHDOG_PID", pid, 1);
	setenv("WATCHDOG_USEC", "60000000", 1);
	CHECK_EQ(systemd_open(), 0);
	CHECK_EQ(systemd_interval_ms(), 3000);
	done(fd);
}

static const struct test_case cases[] = {
	TEST(nobody_wants_to_know), TEST(both_kinds_of_names),      TEST(a_status_stays_one_line),
	TEST(never_waits),          TEST(alive_as_often_as_needed),
};
TEST_MAIN("util/systemd", cases)
