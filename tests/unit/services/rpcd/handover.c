/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What cal-rpcd gives to a successor, read by hand. (Two whole ones: tests/integration.) */

/* libs: -ljson-c -luv */

#include "tests/unit/services/rpcd/serve.h"

#define HOLD "{\"method\":\"hold\",\"id\":7}"

struct given {
	struct handover_frame head;
	struct cal_text in, out;
	int fd;
};

/* The next frame, waited for. */
static struct given
next(struct takeover *takeover)
{
	struct given given = { .fd = -1 };
	const char *bytes;

	while (frames_at(&takeover->in, &takeover->in.used, &given.head) == 0) {
		REQUIRE(frames_read(&takeover->in) > 0);
	}
	bytes = takeover->in.bytes.data + takeover->in.used.at + sizeof(given.head);
	cal_text_append(&given.in, bytes, given.head.in_len);
	cal_text_append(&given.out, bytes + given.head.in_len, given.head.out_len);
	if (given.head.num_fds > 0) {
		given.fd = takeover->in.fds[takeover->in.used.fd];
	}
	frames_pass(&takeover->in.used, &given.head);
	return given;
}

static void
drop(struct given *given)
{
	cal_text_free(&given->in);
	cal_text_free(&given->out);
	if (given->fd >= 0) {
		close(given->fd);
	}
}

static struct takeover *
take(void)
{
	struct takeover *takeover = NULL;

	CHECK_EQ(takeover_ask(g_path, RPCD_INSTANCE, 0, false, NULL), 0);
	REQUIRE(takeover_ask(g_path, RPCD_INSTANCE, 0, true, &takeover) == 0);
	return takeover;
}

/* Whether the two descriptors are of one file. */
static bool
same(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_ino == y.st_ino &&
	       x.st_dev == y.st_dev;
}

/* Say that all of it has come, and hear that it may be served. */
static void
commit(struct takeover *takeover)
{
	char go = 0;

	CHECK_EQ(send(takeover->in.fd, "A", 1, MSG_NOSIGNAL), 1);
	CHECK_EQ(recv(takeover->in.fd, &go, 1, 0), 1);
	CHECK_EQ(go, HANDOVER_GO);
}

static void
sockets_drop(struct takeover *takeover)
{
	close(takeover->lock_fd);
	close(takeover->unix_fd);
}

static pid_t
peer_of(int fd)
{
	struct ucred cred = { 0 };
	socklen_t len = sizeof(cred);

	CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len), 0);
	return cred.pid;
}

static void
everything_is_given(void)
{
	int half, busy, ended, slow;
	struct takeover *takeover;
	struct given given;
	char *got, byte;

	start();
	half = dial();
	busy = dial();
	ended = dial();
	slow = dial();
	say(half, "{\"method\":\"ec");
	say(ended, HOLD);
	shutdown(ended, SHUT_WR);
	wait_for(&g_fake.held_count, 1);
	say(slow, "{\"method\":\"big\",\"id\":1}{\"method\":\"big\",\"id\":2}"
	          "{\"method\":\"echo\",\"id\":3}");
	wait_for(&g_fake.answered, 3);
	say(busy, HOLD);
	wait_for(&g_fake.held_count, 2);

	takeover = take();
	CHECK(same(takeover->lock_fd, g_socket.lock_fd));
	CHECK_EQ(takeover->tcp_fd, -1);
	/* Nothing under way: at once, with what was read and what was not written. */
	given = next(takeover);
	CHECK_EQ(given.head.type, HANDOVER_CONN);
	CHECK_EQ(given.head.flags, 0);
	CHECK_STR(given.in.data, "{\"method\":\"ec");
	CHECK_EQ(given.head.out_len, 0);
	drop(&given);
	given = next(takeover);
	CHECK(given.head.out_len > 1u << 20 && given.head.out_len < 2u << 20);
	got = get(slow, 2 * (strlen(OK("1", "\"\"")) + (1u << 20)) + 40 - given.head.out_len,
	          false);
	CHECK(strncmp(got, "{\"jsonrpc\":\"2.0\",\"id\":", 22) == 0);
	free(got);
	drop(&given);
	close(slow);
	/* The others as soon as they are answered. */
	fake_release();
	expect(busy, OK("7", "true"));
	expect(ended, OK("7", "true") "<EOF>");
	given = next(takeover);
	CHECK_EQ(given.head.type, HANDOVER_CONN);
	drop(&given);
	given = next(takeover);
	CHECK_EQ(given.head.type, HANDOVER_DONE);
	drop(&given);
	usleep(20000);
	CHECK_EQ(recv(half, &byte, 1, MSG_DONTWAIT), -1); /* the old one has it, too */
	commit(takeover);
	CHECK_EQ(joined(), 0);
	CHECK(g_handed_over);
	expect(half, "<EOF>"); /* that was its last descriptor */
	/* Socket and lock are the successor's now. */
	CHECK(access(g_path, F_OK) == 0);
	sockets_drop(takeover);
	takeover_abort(takeover);
	snprintf(g_socket.lock_path, sizeof(g_socket.lock_path), "%s.lock", g_path);
	unlink(g_path);
	unlink(g_socket.lock_path);
	close(half);
	close(busy);
	close(ended);
}

/* The successor dies: whom it was sent is served on, whom it was not, and whoever comes. */
static void
a_successor_that_dies(void)
{
	struct takeover *takeover;
	struct given given;
	int fd, busy, half, behind, late;
	size_t len;
	char *got;

	start();
	half = dial();
	say(half, "{\"method\":\"ec");
	behind = dial();
	say(behind, "{\"method\":\"big\",\"id\":1}{\"method\":\"echo\",\"id\":3}");
	wait_for(&g_fake.answered, 2);
	busy = dial();
	say(busy, HOLD "{\"method\":\"ec");
	wait_for(&g_fake.held_count, 1);
	takeover = take();
	fd = dial(); /* waits in the backlog */
	say(fd, "{\"method\":\"echo\",\"id\":1}");
	given = next(takeover);
	CHECK_STR(given.in.data, "{\"method\":\"ec");
	drop(&given);
	given = next(takeover);
	CHECK(given.head.out_len > 0);
	drop(&given);
	sockets_drop(takeover);
	takeover_abort(takeover);
	expect(fd, OK("1", "\"no params\""));
	say(half, "ho\",\"id\":5}");
	expect(half, OK("5", "\"no params\""));
	len = strlen(OK("1", "\"\"")) + (1u << 20);
	got = get(behind, len + strlen(OK("3", "\"no params\"")), false);
	CHECK_STR(got + len, OK("3", "\"no params\""));
	free(got);
	late = dial(); /* its peer is again who serves */
	CHECK_EQ(peer_of(late), getpid());
	close(late);
	close(half);
	close(behind);
	fake_release();
	expect(busy, OK("7", "true"));
	say(busy, "ho\",\"id\":2}");
	expect(busy, OK("2", "\"no params\""));
	close(fd);
	close(busy);
	stop();
}

/* A signal while everything is going over: no half of it is left without a name. */
static void
a_signal_in_between(void)
{
	struct takeover *takeover;
	struct given given;
	int fd, dying;

	for (dying = 0; dying < 2; dying++) {
		start();
		fd = dial();
		say(fd, HOLD);
		wait_for(&g_fake.held_count, 1);
		takeover = take();
		usleep(20000);
		kill(getpid(), SIGTERM);
		/* Nobody waits for the call any more. */
		expect(fd, ERR("7", "-32603",
		               "The RPC service is being replaced, and this request took too "
		               "long; its outcome is unknown"));
		given = next(takeover);
		CHECK_EQ(given.head.type, HANDOVER_CONN);
		drop(&given);
		CHECK(access(g_path, F_OK) == 0);
		if (dying) {
			sockets_drop(takeover);
			takeover_abort(takeover);
			CHECK_EQ(joined(), 0);
			CHECK(!g_handed_over && access(g_path, F_OK) != 0);
		} else {
			given = next(takeover);
			CHECK_EQ(given.head.type, HANDOVER_DONE);
			drop(&given);
			commit(takeover);
			CHECK_EQ(joined(), 0);
			CHECK(g_handed_over && access(g_path, F_OK) == 0);
			sockets_drop(takeover);
			takeover_abort(takeover);
			unlink(g_path);
			snprintf(g_socket.lock_path, sizeof(g_socket.lock_path), "%s.lock", g_path);
			unlink(g_socket.lock_path);
		}
		close(fd);
	}
}

/* One that says nothing when it has it all does not keep the socket from its clients, and can see
 * that it has lost it. Fails without handover_fail()'s mark. */
static void
a_successor_that_is_stuck(void)
{
	struct takeover *takeover;
	int fd;

	start();
	takeover = take();
	CHECK(handover_stands(takeover->unix_fd, takeover->flags));
	fd = dial();
	say(fd, "{\"method\":\"echo\",\"id\":1}");
	expect(fd, OK("1", "\"no params\""));
	CHECK(!handover_stands(takeover->unix_fd, takeover->flags));
	sockets_drop(takeover);
	takeover_abort(takeover);
	close(fd);
	stop();
}

/* A call that takes too long is answered, and its connection goes along. */
static void
too_long_a_call(void)
{
	struct takeover *takeover;
	struct given given;
	int fd;

	start();
	fd = dial();
	say(fd, HOLD);
	wait_for(&g_fake.held_count, 1);
	takeover = take();
	given = next(takeover);
	CHECK_EQ(given.head.type, HANDOVER_CONN);
	expect(fd, ERR("7", "-32603",
	               "The RPC service is being replaced, and this request took too long; its "
	               "outcome is unknown"));
	say(fd, "x");
	drop(&given);
	given = next(takeover);
	CHECK_EQ(given.head.type, HANDOVER_DONE);
	commit(takeover);
	CHECK_EQ(joined(), 0);
	sockets_drop(takeover);
	takeover_abort(takeover);
	drop(&given);
	close(fd);
	snprintf(g_socket.lock_path, sizeof(g_socket.lock_path), "%s.lock", g_path);
	unlink(g_path);
	unlink(g_socket.lock_path);
}

static void
who_is_refused(void)
{
	static const char *const asked[][2] = {
		{ "{}", "a version is needed" },
		{ "[1]", "a version is needed" },
		{ "{\"version\":\"1\"}", "a version is needed" },
		{ "{\"version\":2,\"take\":true}", "hands over by version 1, not by version 2" },
		{ "{\"version\":1,\"primary_pid\":5,\"take\":true}",
		  "serves the primary of pid 0, which lives" },
	};
	char text[256], *got;
	int fd;

	start();
	fd = dial();
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		snprintf(text, sizeof(text),
		         "{\"method\":\"cal_rpcd_handover\",\"id\":1,\"params\":%s}", asked[i][0]);
		say(fd, text);
		got = get(fd, 60, false);
		CHECK(strstr(got, "\"error\"") != NULL && strstr(got, asked[i][1]) != NULL);
		free(got);
	}
	/* In a batch it is a method that nobody has. */
	say(fd, "[{\"method\":\"cal_rpcd_handover\",\"id\":1}]");
	expect(fd, "[{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32601,\"message\":\"Method "
	           "not found\"}}]\n");
	close(fd);
	stop();

	/* Without a primary anybody's successor is welcome; one of another version sees us go. */
	start();
	fd = dial();
	fake_set_status(-ECONNRESET);
	while (!atomic_load(&g_lost)) {
		usleep(1000);
	}
	CHECK_EQ(takeover_ask(g_path, 99, 12345, false, NULL), 0);
	say(fd,
	    "{\"method\":\"cal_rpcd_handover\",\"id\":1,\"params\":{\"version\":2,\"take\":true}}");
	expect(fd, ERR("1", "-93",
	               "this cal-rpcd hands over by version 1, not by version 2: wait for its "
	               "end") "<EOF>");
	CHECK_EQ(joined(), 0);
	CHECK(access(g_path, F_OK) != 0);
	close(fd);
}

static const struct test_case cases[] = {
	TEST(everything_is_given),       TEST(a_successor_that_dies), TEST(a_signal_in_between),
	TEST(a_successor_that_is_stuck), TEST(too_long_a_call),       TEST(who_is_refused),
};
TEST_MAIN_WITH("services/rpcd/handover", cases, make_dir, remove_dir)
