/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* A cal-rpcd that takes over from one that is played by hand. (Two whole ones: tests/integration.)
 */

/* libs: -ljson-c -luv */

#include "tests/unit/services/rpcd/serve.h"

#include <signal.h>
#include <sys/wait.h>

static struct {
	int listen_fd, lock_fd, fd; /* the predecessor's: sockets, lock, to the successor */
	pid_t pid;                  /* of a process that listens for it; 0: we do */
} g_old;

static void *
succeed(void *arg)
{
	struct server_opts opts = {
		.instance = RPCD_INSTANCE,
		.client = (struct cal_client *)&g_fake,
		.tcp_fd = -1,
		.socket = &g_socket,
		.ready = on_ready,
		.gone = on_gone,
		.lost = on_lost,
	};
	int lock_fd, tcp_fd;

	REQUIRE(takeover_ask(g_path, RPCD_INSTANCE, 0, true, &opts.takeover) == 0);
	takeover_sockets(opts.takeover, &lock_fd, &opts.unix_fd, &tcp_fd);
	CHECK_EQ(tcp_fd, -1);
	rpc_socket_adopt(&g_socket, lock_fd, opts.unix_fd);
	g_exit = server_run(&opts, &g_handed_over);
	return NULL;
}

static void
frame(uint16_t type, uint32_t flags, const int *fds, unsigned num_fds, const char *in,
      const char *out)
{
	struct frame_out *frame = frame_new(type, flags, fds, num_fds);

	cal_text_append_cstr(&frame->text, in);
	cal_text_append_cstr(&frame->text, out);
	frame_head(frame)->in_len = (uint32_t)strlen(in);
	frame_head(frame)->out_len = (uint32_t)strlen(out);
	CHECK_EQ(frame_send(g_old.fd, frame), (ssize_t)frame->text.len);
	frame_free(frame);
}

/* Another process listens, and lives until it is told: the successor looks whether it does. */
static void
listen_elsewhere(void)
{
	g_old.pid = fork();
	if (g_old.pid == 0) {
		listen(g_old.listen_fd, RPCD_BACKLOG);
		for (;;) {
			pause();
		}
	}
	usleep(20000);
}

/* Everything up to the first frame. */
static void
begin(bool elsewhere)
{
	int fds[2];
	char err[256];
	char bytes[512];

	fake_init();
	atomic_store(&g_ready, 0);
	REQUIRE(rpc_socket_claim(&g_socket, g_path, 0600, err, sizeof(err)) == 0);
	g_old.lock_fd = g_socket.lock_fd;
	g_old.listen_fd = rpc_socket_bind(&g_socket, err, sizeof(err));
	REQUIRE(g_old.listen_fd >= 0);
	fcntl(g_old.listen_fd, F_SETFL, 0);
	g_old.pid = 0;
	if (elsewhere) {
		listen_elsewhere();
	}
	REQUIRE(pthread_create(&g_thread, NULL, succeed, NULL) == 0);
	g_old.fd = accept(g_old.listen_fd, NULL, NULL);
	REQUIRE(recv(g_old.fd, bytes, sizeof(bytes), 0) > 0);
	fcntl(g_old.listen_fd, F_SETFL, O_NONBLOCK);
	say(g_old.fd, OK("1", "{\"version\":1}"));
	fds[0] = g_old.lock_fd;
	fds[1] = g_old.listen_fd;
	frame(HANDOVER_BEGIN, 0, fds, 2, "", "");
}

/* What is the predecessor's is closed, and so is it. */
static void
end_old(void)
{
	close(g_old.listen_fd);
	close(g_old.lock_fd);
	close(g_old.fd);
}

static void
give(int *client, const char *in, const char *out)
{
	int pair[2];

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	frame(HANDOVER_CONN, 0, &pair[1], 1, in, out);
	close(pair[1]);
	*client = pair[0];
}

/* Nothing is read, written or accepted before the predecessor says so. */
static void
nothing_is_touched_before_the_word(void)
{
	int plain, half, knocks;
	char ack = 0, byte;

	begin(false);
	give(&plain, "", "");
	give(&half, "{\"method\":\"echo\"", "out\n");
	say(plain, "{\"method\":\"echo\",\"id\":1}");
	knocks = dial();
	say(knocks, "{\"method\":\"echo\",\"id\":3}");
	frame(HANDOVER_DONE, 0, NULL, 0, "", "");
	CHECK_EQ(recv(g_old.fd, &ack, 1, 0), 1);
	CHECK_EQ(ack, HANDOVER_ACK);
	usleep(20000);
	CHECK_EQ(recv(plain, &byte, 1, MSG_DONTWAIT), -1);
	CHECK_EQ(recv(half, &byte, 1, MSG_DONTWAIT), -1);
	CHECK_EQ(recv(knocks, &byte, 1, MSG_DONTWAIT), -1);
	CHECK_EQ(g_fake.sent, 0);
	CHECK(!atomic_load(&g_ready));
	say(g_old.fd, "G");
	end_old();
	expect(plain, OK("1", "\"no params\""));
	say(half, ",\"id\":2}");
	expect(half, "out\n" OK("2", "\"no params\""));
	expect(knocks, OK("3", "\"no params\""));
	CHECK(atomic_load(&g_ready));
	close(plain);
	close(half);
	close(knocks);
	stop();
}

/* Before the word it may have it all back, whatever came. */
static void
one_that_lives_goes_on(void)
{
	static const char said[] = "{\"method\":\"echo\",\"id\":1}";
	char got[64];
	int pair[2], complete;

	for (complete = 0; complete < 2; complete++) {
		begin(false);
		REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
		frame(HANDOVER_CONN, 0, &pair[1], 1, "", "");
		say(pair[0], said);
		if (complete) {
			frame(HANDOVER_DONE, 0, NULL, 0, "", "");
			CHECK_EQ(recv(g_old.fd, got, 1, 0), 1);
		}
		close(g_old.fd);
		pthread_join(g_thread, NULL);
		fake_fini();
		CHECK_EQ(g_exit, 1);
		CHECK(g_handed_over && !atomic_load(&g_ready));
		CHECK(access(g_path, F_OK) == 0);
		CHECK_EQ(recv(pair[1], got, sizeof(got), MSG_DONTWAIT), (ssize_t)strlen(said));
		close(pair[0]);
		close(pair[1]);
		close(g_old.listen_fd);
		rpc_socket_release(&g_socket); /* also the lock's descriptor that both had */
		close(g_old.lock_fd);
	}
}

/* One that dies has left what came as a whole; one that ended in order left no name to serve. */
static void
one_that_dies(void)
{
	int client, in_order;

	for (in_order = 0; in_order < 2; in_order++) {
		begin(true);
		give(&client, "{\"method\":\"echo\"", "");
		if (in_order) {
			unlink(g_path);
			unlink(g_socket.lock_path);
		}
		kill(g_old.pid, SIGKILL);
		end_old();
		waitpid(g_old.pid, NULL, 0);
		if (in_order) {
			expect(client, "<EOF>");
			CHECK_EQ(joined(), 1);
			CHECK(!atomic_load(&g_ready));
		} else {
			say(client, ",\"id\":2}");
			expect(client, OK("2", "\"no params\""));
			stop();
		}
		close(client);
	}
}

/* What it has taken back, and so used, is not served once more, though it then dies. Fails without
 * predecessor_left()'s look at handover_stands(). */
static void
one_that_took_it_back_and_dies(void)
{
	static const char half[] = "{\"method\":\"echo\"";
	int client;

	begin(true);
	give(&client, half, "an answer that it has written meanwhile");
	handover_mark(g_old.listen_fd);
	kill(g_old.pid, SIGKILL);
	end_old();
	waitpid(g_old.pid, NULL, 0);
	expect(client, "<EOF>");
	CHECK_EQ(joined(), 1);
	CHECK(!atomic_load(&g_ready));
	close(client);
	unlink(g_path);
	unlink(g_socket.lock_path);
}

static const struct test_case cases[] = {
	TEST(nothing_is_touched_before_the_word),
	TEST(one_that_lives_goes_on),
	TEST(one_that_dies),
	TEST(one_that_took_it_back_and_dies),
};
TEST_MAIN_WITH("services/rpcd/takeover", cases, make_dir, remove_dir)
