/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The whole of cal-rpcd but its main(), in a thread, on a real socket, against a fake primary. */

/* libs: -ljson-c -luv */

#include "tests/unit/services/rpcd/fake_client.h"

#include "tests/unit/services/rpcd/serve.h"

#include <poll.h>
#include <pthread.h>
#include <sys/un.h>
#include <time.h>

#include "tests/unit/test.h"

struct exchange {
	const char *in, *out;
};
static const struct exchange rows[] = {
	/* results and errors */
	{ "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":1}", OK("1", "\"no params\"") },
	{ "{\"method\":\"echo\",\"id\":1,\"params\":{\"a\":[1,null,true]}}",
	  OK("1", "{\"a\":[1,null,true]}") },
	{ "{\"method\":\"echo\",\"id\":1,\"params\":[1,-1,1.5]}", OK("1", "[1,-1,1.5]") },
	{ "{\"method\":\"echo\",\"id\":1,\"params\":null}", OK("1", "\"no params\"") },
	{ "{\"method\":\"echo\",\"id\":1,\"params\":{}}", OK("1", "{}") },
	{ "{\"method\":\"fail\",\"id\":1}", ERR("1", "-19", "No such device") },
	{ "{\"method\":\"nope\",\"id\":1}", ERR("1", "-32601", "Method not found") },
	{ "{\"method\":\"ec\\u0000ho\",\"id\":1}", ERR("1", "-32601", "Method not found") },
	{ "{\"method\":\"echo\",\"id\":1,\"params\":{\"n\":18446744073709551615,\"m\":-"
	  "9223372036854775808}}",
	  OK("1", "{\"n\":18446744073709551615,\"m\":-9223372036854775808}") },
	/* a NUL in a name: one name more, not the end of it */
	{ "{\"method\":\"echo\",\"id\":1,\"params\":{\"a\":1,\"a\\u0000b\":2}}",
	  OK("1", "{\"a\":1,\"a\\u0000b\":2}") },
	{ "{\"method\":\"echo\",\"id\\u0000\":2,\"id\":1}", INVALID("null") },
	{ "{\"method\":\"echo\",\"id\":1,\"\\u0070arams\":{\"a\\u0000b\":2}}", INVALID("1") },
	/* the id as it was written */
	{ "{\"method\":\"echo\",\"id\":\"a\\\"\\u00e4\"}",
	  OK("\"a\\\"\\u00e4\"", "\"no params\"") },
	{ "{\"method\":\"echo\",\"id\":1.50}", OK("1.50", "\"no params\"") },
	{ "{\"method\":\"echo\",\"id\":-0}", OK("-0", "\"no params\"") },
	{ "{\"method\":\"echo\",\"id\":123456789012345678901234567890}",
	  OK("123456789012345678901234567890", "\"no params\"") },
	{ "{\"method\":\"echo\",\"\\u0069d\":\"x\"}", OK("\"x\"", "\"no params\"") },
	/* notifications: an error is answered all the same */
	{ "{\"method\":\"echo\"}", "" },
	{ "{\"method\":\"echo\",\"id\":null}", "" },
	{ "{\"method\":\"fail\"}", ERR("null", "-19", "No such device") },
	{ "{\"method\":\"fail\",\"id\":null}", ERR("null", "-19", "No such device") },
	/* no request */
	{ "{}", INVALID("null") },
	{ "1 ", INVALID("null") },
	{ "\"text\"", INVALID("null") },
	{ "null", INVALID("null") },
	{ "{\"id\":1}", INVALID("null") },
	{ "{\"jsonrpc\":\"2.0\",\"method\":1,\"id\":1}", INVALID("1") },
	{ "{\"jsonrpc\":\"1.0\",\"method\":\"echo\",\"id\":1}", INVALID("1") },
	{ "{\"jsonrpc\":2.0,\"method\":\"echo\",\"id\":1}", INVALID("1") },
	{ "{\"method\":\"echo\",\"id\":true}", INVALID("null") },
	{ "{\"method\":\"echo\",\"id\":{\"id\":1}}", INVALID("null") },
	{ "{\"method\":\"echo\",\"id\":[1]}", INVALID("null") },
	{ "{\"method\":\"echo\",\"id\":1,\"extra\":1}", INVALID("null") },
	{ "{\"method\":\"echo\",\"id\":1,\"id\":1}", INVALID("null") },
	{ "{\"method\":\"echo\",\"m\\u0065thod\":\"echo\",\"id\":1}", INVALID("null") },
	{ "{\"method\":\"echo\",\"id\":\"x\",\"params\":\"text\"}", INVALID("\"x\"") },
	{ "{\"method\":\"echo\",\"id\":1,\"params\":3}", INVALID("1") },
	/* what json-c would hide reaches the method as a name that stands there twice */
	{ "{\"method\":\"echo\",\"id\":1,\"params\":{\"a\":1,\"b\":2,\"a\":3}}",
	  OK("1", "{\"a\":1,\"b\":2,\"a\":3}") },
	{ "{\"method\":\"echo\",\"id\":1,\"params\":{\"o\":{\"a\":1,\"a\":2}}}",
	  OK("1", "{\"o\":{\"a\":1,\"a\":2}}") },
	{ "{\"method\":\"echo\",\"id\":1,\"params\":{\"n\":18446744073709551616}}",
	  OK("1", "{\"n\":1.8446744073709552e+19}") },
	/* batches */
	{ "[]", INVALID("null") },
	{ "[{\"method\":\"echo\",\"id\":1},{\"method\":\"echo\",\"id\":\"b\",\"params\":[2]}]",
	  "[{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"no "
	  "params\"},{\"jsonrpc\":\"2.0\",\"id\":\"b\",\"result\":[2]}]\n" },
	{ "[1]", "[{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,\"message\":"
	         "\"Invalid request\"}}]\n" },
	{ "[{\"method\":\"echo\"},{\"method\":\"echo\"}]", "" },
	{ "[{\"method\":\"echo\"},{\"method\":\"fail\"}]",
	  "[{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-19,\"message\":\"No such "
	  "device\"}}]\n" },
	{ "[{\"method\":\"echo\",\"id\":1,\"id\":2},{\"method\":\"echo\",\"id\":3,\"params\":{"
	  "\"a\":1,\"a\":2}}]",
	  "[{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,\"message\":\"Invalid "
	  "request\"}},"
	  "{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":{\"a\":1,\"a\":2}}]\n" },
	{ "{\"params\":[1e3,2.0,-0,9007199254740993.0,1.00000000000000000000001],\"method\":"
	  "\"echo\","
	  "\"id\":1}",
	  OK("1", "[1000,2,-0,9007199254740993,1.0000000000000002]") },
	{ "{\"id\":1,\"method\":\"echo\",\"params\":{\"params\":{\"id\":[{}]},\"id\":7}}",
	  OK("1", "{\"params\":{\"id\":[{}]},\"id\":7}") },
	{ "{\"id\":1,\"method\":\"echo\",\"p\\u0061rams\":{\"a\":5}}", OK("1", "{\"a\":5}") },
	{ "{\"id\":1,\"params\": [ ] ,\"method\":\"echo\"}", OK("1", "[]") },
	{ "[[{\"method\":\"echo\",\"id\":1}]]",
	  "[{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,\"message\":\"Invalid "
	  "request\"}}]\n" },
};
#define NUM_ROWS (sizeof(rows) / sizeof(rows[0]))
/* Answered after everything before it was. */
#define MARK_IN  "{\"method\":\"echo\",\"id\":\"mark\"}"
#define MARK_OUT OK("\"mark\"", "\"no params\"")

static void
every_row(void)
{
	char want[4096];
	size_t i;
	int fd;

	start();
	fd = dial();
	for (i = 0; i < NUM_ROWS; i++) {
		say(fd, rows[i].in);
		say(fd, MARK_IN);
		snprintf(want, sizeof(want), "%s%s", rows[i].out, MARK_OUT);
		expect(fd, want);
	}
	close(fd);
	stop();
}

/* All rows one after another, with and without white space, in pieces of every kind. */
static void
pipelined_in_pieces(void)
{
	static const size_t pieces[] = { 1, 2, 3, 7, 64, 1000, 100000 };
	struct cal_text in = { 0 }, out = { 0 };
	size_t i, sent, n;
	char *got;
	int fd;

	/* What is refused without asking the primary overtakes: only rows of one kind keep order.
	 */
	for (i = 0; i < NUM_ROWS; i++) {
		if (strstr(rows[i].out, "-32600") == NULL && strstr(rows[i].in, "u0000") == NULL) {
			cal_text_append_cstr(&in, rows[i].in);
			cal_text_append_cstr(&in, i % 2 == 0 ? "" : " \r\n\t");
			cal_text_append_cstr(&out, rows[i].out);
		}
	}
	start();
	for (i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		fd = dial();
		for (sent = 0; sent < in.len; sent += n) {
			n = in.len - sent < pieces[i] ? in.len - sent : pieces[i];
			put(fd, in.data + sent, n);
		}
		got = get(fd, out.len, false);
		CHECK_STR(got, out.data);
		free(got);
		close(fd);
	}
	stop();
	cal_text_free(&in);
	cal_text_free(&out);
}

static void
malformed_is_told_and_closed(void)
{
	static const char *const bad[] = {
		"}",
		"x",
		"{\"method\":'echo'}",
		"{\"method\":\"echo\",}",
		"/**/{}",
		"\xef\xbb\xbf{}",
		"{\"method\":\"echo\",\"params\":[NaN]}",
		"[1,2",
		"{\"a\":\"\xff\"}",
	};
	char deep[130], want[1024];
	size_t i;
	int fd;

	start();
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fd = dial();
		say(fd, MARK_IN);
		expect(fd, MARK_OUT);
		say(fd, bad[i]);
		if (strcmp(bad[i], "[1,2") == 0) {
			shutdown(fd, SHUT_WR); /* cut short */
		}
		expect(fd, PARSE "<EOF>");
		close(fd);
	}
	/* What came before it in the same piece is answered. */
	fd = dial();
	say(fd, MARK_IN "{]" MARK_IN);
	snprintf(want, sizeof(want), "%s%s<EOF>", PARSE, MARK_OUT);
	expect(fd, want);
	close(fd);

	fd = dial();
	memset(deep, '[', 64);
	memset(deep + 64, ']', 64);
	put(fd, deep, 128);
	expect(fd, "[{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,\"message\":"
	           "\"Invalid request\"}}]\n");
	memset(deep, '[', 65);
	put(fd, deep, 65);
	expect(fd, PARSE "<EOF>");
	close(fd);
	stop();
}

static void
limits_of_a_request(void)
{
	static const char head[] = "{\"method\":\"echo\",\"id\":1,\"params\":{\"a\":\"",
			  tail[] = "\"}}";
	size_t len = RPCD_MAX_REQUEST, fill = len - sizeof(head) - sizeof(tail) + 2;
	char *big = calloc(4, len), *got;
	struct cal_text batch = { 0 };
	unsigned i;
	int fd;

	start();
	fd = dial();
	memcpy(big, head, sizeof(head) - 1);
	memset(big + sizeof(head) - 1, 'x', 4 * len - sizeof(head));
	memcpy(big + sizeof(head) - 1 + fill, tail, sizeof(tail) - 1);
	put(fd, big, len);
	got = get(fd, strlen(OK("1", "{\"a\":\"\"}")) + fill, false);
	CHECK(strncmp(got, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"a\":\"xxx", 40) == 0);
	free(got);
	/* One byte more, and then far more than it reads: the answer arrives all the same. */
	memset(big + sizeof(head) - 1, 'x', 4 * len - sizeof(head));
	put(fd, big, 4 * len);
	expect(fd, ERR("null", "-32600", "The request is longer than 262144 bytes") "<EOF>");
	close(fd);

	fd = dial();
	for (i = 0; i < 1500; i++) {
		cal_text_append_cstr(&batch, i == 0 ? "[" : ",");
		cal_text_append_cstr(&batch, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\"}");
		if (i == 499) {
			put(fd, batch.data, batch.len);
			say(fd, "]");
			got = get(fd, 500 * (strlen(OK("1", "\"no params\""))) + 1, false);
			CHECK(got[0] == '[' && strcmp(got + strlen(got) - 3, "}]\n") == 0);
			free(got);
		}
	}
	put(fd, batch.data, batch.len);
	expect(fd, ERR("null", "-32600", "The request has more than 8192 JSON values") "<EOF>");
	close(fd);
	cal_text_free(&batch);
	free(big);
	stop();
}

static void
half_closed_client_gets_its_answers(void)
{
	int fd;

	start();
	fd = dial();
	say(fd, "{\"method\":\"hold\",\"id\":7}");
	shutdown(fd, SHUT_WR);
	wait_for(&g_fake.held_count, 1);
	fake_release();
	expect(fd, OK("7", "true") "<EOF>");
	close(fd);
	/* Nothing under way: closed at once. */
	fd = dial();
	shutdown(fd, SHUT_WR);
	expect(fd, "<EOF>");
	close(fd);
	/* A number at the end is complete by the end alone. */
	fd = dial();
	say(fd, " 12");
	shutdown(fd, SHUT_WR);
	expect(fd, INVALID("null") "<EOF>");
	close(fd);
	stop();
}

/* A call that is young is looked for by the server itself; the primary is asked for a bell, which
 * costs it more than an answer, only for one that takes long. */
static void
young_calls_need_no_bell(void)
{
	uint64_t begun;
	unsigned armed;
	int fd, i;

	start();
	fd = dial();
	say(fd, "{\"method\":\"hold\",\"id\":1}");
	wait_for(&g_fake.held_count, 1);
	begun = uv_hrtime();
	armed = atomic_load(&g_fake.armed);
	usleep(3000);
	/* On a machine with other things to do it may be old by now. */
	CHECK(atomic_load(&g_fake.armed) == armed || uv_hrtime() - begun > NAP_CALL_NS / 2);
	atomic_store(&g_fake.release, 1); /* and no bell */
	expect(fd, OK("1", "true"));

	say(fd, "{\"method\":\"hold\",\"id\":2}");
	wait_for(&g_fake.held_count, 2);
	armed = atomic_load(&g_fake.armed);
	for (i = 0; i < 5000 && atomic_load(&g_fake.armed) == armed; i++) {
		usleep(1000);
	}
	CHECK(atomic_load(&g_fake.armed) != armed);
	fake_release();
	expect(fd, OK("2", "true"));
	close(fd);
	stop();
}

static void
answers_out_of_order(void)
{
	int fd;

	start();
	fd = dial();
	say(fd,
	    "{\"method\":\"hold\",\"id\":1}[{\"method\":\"hold\",\"id\":2},{\"method\":\"echo\","
	    "\"id\":3}]" MARK_IN);
	expect(fd, MARK_OUT);
	fake_release();
	expect(fd, "[{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":\"no "
	           "params\"},{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":true}]\n" OK("1", "true"));
	close(fd);
	/* A client that goes away in between harms nobody. */
	fd = dial();
	say(fd, "{\"method\":\"hold\",\"id\":1}[{\"method\":\"hold\",\"id\":2}]");
	wait_for(&g_fake.held_count, 4);
	close(fd);
	usleep(20000);
	fake_release();
	fd = dial();
	say(fd, MARK_IN);
	expect(fd, MARK_OUT);
	close(fd);
	stop();
}

/* A client that reads nothing stops being read; the others are served; it loses nothing. */
static void
slow_reader_is_bounded(void)
{
	static const char ask[] = "{\"method\":\"big\",\"id\":1}";
	const unsigned total = 100;
	unsigned i;
	size_t want;
	char *got;
	int slow, other;

	start();
	slow = dial();
	/* Two answers are more than 1 MiB and what the socket holds: no request after them is
	 * taken. */
	for (i = 0; i < total; i++) {
		put(slow, ask, sizeof(ask) - 1);
		if (i < 2) {
			wait_for(&g_fake.answered, i + 1);
		}
	}
	usleep(50000);
	CHECK_EQ(atomic_load(&g_fake.sent), 2);
	other = dial();
	say(other, MARK_IN);
	expect(other, MARK_OUT);
	close(other);
	want = total * (sizeof(OK("1", "\"\"")) - 1 + (1u << 20));
	got = get(slow, want, false);
	CHECK_EQ(strlen(got), want);
	free(got);
	CHECK_EQ(atomic_load(&g_fake.sent), total + 1);
	close(slow);
	stop();
}

/* More requests than may be under way at once, in one piece, half-closed behind them. */
static void
many_in_one_piece(void)
{
	struct cal_text in = { 0 }, out = { 0 };
	char request[64], answer[96];
	unsigned i;
	char *got;
	int fd;

	for (i = 0; i < 3000; i++) {
		snprintf(request, sizeof(request), "{\"method\":\"echo\",\"id\":%u}", i);
		snprintf(answer, sizeof(answer), OK("%u", "\"no params\""), i);
		cal_text_append_cstr(&in, request);
		cal_text_append_cstr(&out, answer);
	}
	start();
	fd = dial();
	put(fd, in.data, in.len);
	shutdown(fd, SHUT_WR);
	cal_text_append_cstr(&out, "<EOF>");
	got = get(fd, 0, true);
	CHECK_STR(got, out.data);
	free(got);
	close(fd);
	cal_text_free(&in);
	cal_text_free(&out);
	stop();
}

static void
connection_limit(void)
{
	int fd[RPCD_MAX_CONNS + 2];
	struct pollfd poll_fd = { .events = POLLIN };
	unsigned i;

	start();
	for (i = 0; i < RPCD_MAX_CONNS; i++) {
		fd[i] = dial();
		say(fd[i], MARK_IN);
		expect(fd[i], MARK_OUT);
	}
	for (; i < RPCD_MAX_CONNS + 2; i++) {
		fd[i] = dial();
		say(fd[i], MARK_IN);
		poll_fd.fd = fd[i];
		CHECK_EQ(poll(&poll_fd, 1, 100), 0);
	}
	/* Slots that get free are theirs. */
	close(fd[0]);
	expect(fd[RPCD_MAX_CONNS], MARK_OUT);
	close(fd[1]);
	expect(fd[RPCD_MAX_CONNS + 1], MARK_OUT);
	for (i = 2; i < RPCD_MAX_CONNS + 2; i++) {
		close(fd[i]);
	}
	stop();
}

static void
primary_gone(void)
{
	static const char none[] = "The primary of instance 7 (pid 0) is gone since ";
	char *got;
	int fd, idle;

	start();
	fd = dial();
	idle = dial();
	say(fd, "{\"method\":\"hold\",\"id\":1}");
	wait_for(&g_fake.held_count, 1);
	fake_set_status(-ECONNRESET);
	expect(fd, ERR("1", "-32603",
	               "The primary process has ended; the outcome of this request is unknown"));
	/* Its memory was given back; the clients stay and are told why nothing works. */
	CHECK_EQ(atomic_load(&g_fake.closed), 1);
	CHECK_EQ(atomic_load(&g_lost), 1);
	say(idle, "{\"method\":\"echo\",\"id\":2}");
	got = get(idle, 170, false);
	CHECK(strstr(got, "{\"jsonrpc\":\"2.0\",\"id\":2,\"error\":{\"code\":-32603,") == got);
	CHECK(strstr(got, none) != NULL);
	free(got);
	/* A batch, a notification, what is no request, new clients: as ever. */
	say(fd, "[{\"method\":\"echo\"},{\"method\":\"echo\",\"id\":3},4]");
	got = get(fd, 500, false);
	CHECK(got[0] == '[' && strstr(got, "\"id\":null,\"error\":{\"code\":-32603") != NULL);
	CHECK(strstr(got, "\"id\":3,\"error\":{\"code\":-32603") != NULL);
	CHECK(strstr(got, "Invalid request") != NULL);
	free(got);
	say(fd, "{\"id\":5}");
	expect(fd, INVALID("null"));
	close(fd);
	fd = dial();
	say(fd, "{\"method\":\"echo\",\"id\":\"new\"}");
	got = get(fd, 170, false);
	CHECK(strstr(got, "\"id\":\"new\"") != NULL && strstr(got, none) != NULL);
	free(got);
	kill(getpid(), SIGTERM);
	expect(idle, "<EOF>");
	CHECK_EQ(joined(), 0);
	CHECK(access(g_path, F_OK) != 0);
	close(fd);
	close(idle);
}

/* One whose lock was removed has nothing that anybody could find or take over. */
static void
orphan_without_its_lock_ends(void)
{
	int fd;

	start();
	fd = dial();
	fake_set_status(-ECONNRESET);
	unlink(g_socket.lock_path);
	expect(fd, "<EOF>");
	CHECK_EQ(joined(), 0);
	close(fd);
}

/* The link is gone and the primary is not: it has cut us off, and another cal-rpcd is needed. */
static void
cut_off_by_a_living_primary(void)
{
	int fd;

	test_needs_pidfd();
	g_primary_pid = getpid();
	start();
	fd = dial();
	fake_set_status(-ECONNRESET);
	expect(fd, "<EOF>");
	CHECK_EQ(joined(), 1);
	g_primary_pid = 0;
	close(fd);
}

static void
primary_stops(void)
{
	int fd;

	start();
	fd = dial();
	say(fd, "{\"method\":\"hold\",\"id\":1}");
	wait_for(&g_fake.held_count, 1);
	/* What the primary answered before its stop still gets out. */
	atomic_store(&g_fake.release, 1);
	fake_set_status(-ESHUTDOWN);
	expect(fd, OK("1", "true") "<EOF>");
	CHECK_EQ(joined(), 0);
	CHECK(access(g_path, F_OK) != 0);
	CHECK(access(g_socket.lock_path, F_OK) != 0);
	close(fd);
}

static void
signal_finishes_what_is_under_way(void)
{
	struct timespec begin, end;
	int fd;

	start();
	fd = dial();
	say(fd, "{\"method\":\"hold\",\"id\":1}");
	wait_for(&g_fake.held_count, 1);
	kill(getpid(), SIGTERM);
	usleep(50000);
	fake_release();
	expect(fd, OK("1", "true") "<EOF>");
	CHECK_EQ(joined(), 0);
	close(fd);

	/* … but does not wait for ever. */
	start();
	fd = dial();
	say(fd, "{\"method\":\"hold\",\"id\":1}");
	wait_for(&g_fake.held_count, 1);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	kill(getpid(), SIGTERM);
	CHECK_EQ(joined(), 0);
	clock_gettime(CLOCK_MONOTONIC, &end);
	CHECK(end.tv_sec - begin.tv_sec <= 3);
	close(fd);
}

static void
socket_and_lock(void)
{
	struct rpc_socket other;
	char err[256] = "", long_path[200];
	struct stat st;
	int fd;

	start();
	CHECK(stat(g_path, &st) == 0 && S_ISSOCK(st.st_mode) && (st.st_mode & 0777) == 0600);
	CHECK(stat(g_socket.lock_path, &st) == 0 && (st.st_mode & 0777) == 0600);
	CHECK_EQ(rpc_socket_claim(&other, g_path, 0600, err, sizeof(err)), -EBUSY);
	CHECK(strstr(err, "another process serves") != NULL);
	stop();

	/* A stale socket gives way, a file does not. */
	CHECK(rpc_socket_claim(&other, g_path, 0600, err, sizeof(err)) == 0);
	fd = rpc_socket_bind(&other, err, sizeof(err));
	CHECK(fd >= 0);
	close(fd);
	fd = rpc_socket_bind(&other, err, sizeof(err));
	CHECK(fd >= 0);
	close(fd);
	unlink(g_path);
	fd = open(g_path, O_CREAT | O_WRONLY, 0600);
	CHECK(fd >= 0);
	close(fd);
	CHECK_EQ(rpc_socket_bind(&other, err, sizeof(err)), -EEXIST);
	CHECK(strstr(err, "is not a socket") != NULL);
	unlink(g_path);
	rpc_socket_release(&other);

	memset(long_path, 'x', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	CHECK_EQ(rpc_socket_claim(&other, long_path, 0600, err, sizeof(err)), -ENAMETOOLONG);
	CHECK_EQ(rpc_socket_claim(&other, "/nowhere/at/all", 0600, err, sizeof(err)), -ENOENT);
}

static const struct test_case cases[] = {
	TEST(every_row),
	TEST(pipelined_in_pieces),
	TEST(malformed_is_told_and_closed),
	TEST(limits_of_a_request),
	TEST(half_closed_client_gets_its_answers),
	TEST(young_calls_need_no_bell),
	TEST(answers_out_of_order),
	TEST(slow_reader_is_bounded),
	TEST(many_in_one_piece),
	TEST(connection_limit),
	TEST(primary_gone),
	TEST(orphan_without_its_lock_ends),
	TEST(cut_off_by_a_living_primary),
	TEST(primary_stops),
	TEST(signal_finishes_what_is_under_way),
	TEST(socket_and_lock),
};
TEST_MAIN_WITH("services/rpcd", cases, make_dir, remove_dir)
