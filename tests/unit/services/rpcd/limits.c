/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What one client may cost cal-rpcd, and the others: memory, calls under way, turns. */

/* libs: -ljson-c -luv */

#include "tests/unit/services/rpcd/serve.h"

#define MIB      (1u << 20)
#define BIG(id)  "{\"method\":\"big\",\"id\":" id "}"
#define BIG_LEN  (sizeof(OK("1", "\"\"")) - 1 + MIB)
#define HOLD     "{\"method\":\"hold\",\"id\":1}"
#define PAUSE_US 50000

/* The same text so many times, in one piece. */
static void
say_often(int fd, const char *text, unsigned times)
{
	struct cal_text all = { 0 };

	while (times-- > 0) {
		cal_text_append_cstr(&all, text);
	}
	put(fd, all.data, all.len);
	cal_text_free(&all);
}

/* Requests for long answers in one piece become calls only as far as what they bring may be owed:
 * of a method never seen some at once, of a known one one after the other. */
static void
long_answers_are_asked_for_in_turn(void)
{
	const unsigned total = 100, unknown = RPCD_MAX_OUTPUT / RPCD_ANSWER_UNKNOWN;
	unsigned sent;
	char *got;
	int fd;

	start();
	fd = dial();
	say_often(fd, BIG("1"), total);
	usleep(PAUSE_US);
	sent = atomic_load(&g_fake.sent);
	CHECK(sent >= 1 && sent <= unknown);
	got = get(fd, total * BIG_LEN, false);
	CHECK_EQ(strlen(got), total * BIG_LEN);
	free(got);
	close(fd);

	/* By now the method is known. The first answer is more than the client may be owed. */
	fd = dial();
	say_often(fd, BIG("1"), total);
	usleep(PAUSE_US);
	sent = atomic_load(&g_fake.sent) - total;
	CHECK(sent >= 1 && sent <= 2);
	got = get(fd, total * BIG_LEN, false);
	CHECK_EQ(strlen(got), total * BIG_LEN);
	free(got);
	CHECK_EQ(atomic_load(&g_fake.sent), 2 * total);
	close(fd);
	stop();
}

/* The answers of a batch have to be one text. When that gets too long, the rest is not called. */
static void
a_batch_is_as_long_as_it_may_be(void)
{
	struct cal_text batch = { 0 };
	unsigned i, results = 0, refused = 0;
	const char *p;
	char *got;
	int fd;

	start();
	fd = dial();
	say(fd, BIG("0"));
	free(get(fd, BIG_LEN, false));
	for (i = 0; i < 100; i++) {
		cal_text_append_cstr(&batch, i == 0 ? "[" BIG("1") : "," BIG("1"));
	}
	cal_text_append_cstr(&batch, "]{\"method\":\"echo\",\"id\":\"after\"}");
	put(fd, batch.data, batch.len);
	shutdown(fd, SHUT_WR);
	got = get(fd, 0, true);
	for (p = got; (p = strstr(p, "\"result\":\"xxx")) != NULL; p++) {
		results++;
	}
	for (p = got; (p = strstr(p, "Not called: the answers of this batch")) != NULL; p++) {
		refused++;
	}
	CHECK_EQ(results, RPCD_MAX_BATCH / MIB + (RPCD_MAX_BATCH % MIB == 0 ? 0 : 1));
	CHECK_EQ(results + refused, 100);
	CHECK_EQ(atomic_load(&g_fake.sent), 1 + results + 1);
	CHECK(strstr(got, "\"id\":\"after\"") != NULL);
	free(got);
	cal_text_free(&batch);
	close(fd);
	stop();
}

static void
requests_under_way(void)
{
	int fd, other;

	start();
	/* Learnt: its answers are short. */
	fd = dial();
	say(fd, HOLD);
	wait_for(&g_fake.held_count, 1);
	fake_release();
	expect(fd, OK("1", "true"));
	say_often(fd, HOLD, 300);
	wait_for(&g_fake.held_count, 1 + RPCD_MAX_REPLIES);
	usleep(PAUSE_US);
	CHECK_EQ(atomic_load(&g_fake.held_count), 1 + RPCD_MAX_REPLIES);
	/* That is a matter of one connection. */
	other = dial();
	say(other, "{\"method\":\"echo\",\"id\":2}");
	expect(other, OK("2", "\"no params\""));
	fake_release();
	wait_for(&g_fake.held_count, 301);
	fake_release();
	free(get(fd, 300 * strlen(OK("1", "true")), false));
	close(fd);
	close(other);
	stop();
}

/* A batch's calls wait as single ones do, and those that wait go with their client. */
static void
calls_of_a_batch(void)
{
	struct cal_text batch = { 0 };
	unsigned i;
	int fd;

	start();
	fd = dial();
	for (i = 0; i < 1000; i++) {
		cal_text_append_cstr(&batch, i == 0 ? "[" HOLD : "," HOLD);
	}
	cal_text_append_cstr(&batch, "]");
	put(fd, batch.data, batch.len);
	wait_for(&g_fake.held_count, RPCD_MAX_OUTPUT / RPCD_ANSWER_UNKNOWN);
	usleep(PAUSE_US);
	CHECK_EQ(atomic_load(&g_fake.sent), RPCD_MAX_OUTPUT / RPCD_ANSWER_UNKNOWN);
	close(fd);
	fd = dial();
	say(fd, "{\"method\":\"echo\",\"id\":2}");
	expect(fd, OK("2", "\"no params\""));
	CHECK_EQ(atomic_load(&g_fake.sent), RPCD_MAX_OUTPUT / RPCD_ANSWER_UNKNOWN + 1);
	close(fd);
	cal_text_free(&batch);
	stop();
}

/* While one floods a primary that is not fast, another's request is answered after a few of the
 * flood's: it gets its turn, both at being looked at and at the link. */
static void
a_flood_does_not_starve_others(void)
{
	const unsigned flood = 2000;
	unsigned before, i, worst = 0, after;
	int fd, other;

	start();
	g_fake.window = 8;
	g_fake.slow_us = 100;
	fd = dial();
	other = dial();
	say(other, "{\"method\":\"echo\",\"id\":1}");
	expect(other, OK("1", "\"no params\""));
	say_often(fd, "{\"method\":\"echo\",\"id\":1}", flood);
	while (atomic_load(&g_fake.answered) < 2) {
		usleep(100);
	}
	for (i = 0; i < 5; i++) {
		before = atomic_load(&g_fake.answered);
		say(other, "{\"method\":\"echo\",\"id\":1}");
		expect(other, OK("1", "\"no params\""));
		after = atomic_load(&g_fake.answered);
		worst = after - before > worst ? after - before : worst;
	}
	CHECK(after < flood / 2);
	CHECK(worst < 100);
	free(get(fd, flood * strlen(OK("1", "\"no params\"")), false));
	close(fd);
	close(other);
	stop();
}

static const struct test_case cases[] = {
	TEST(long_answers_are_asked_for_in_turn),
	TEST(a_batch_is_as_long_as_it_may_be),
	TEST(requests_under_way),
	TEST(calls_of_a_batch),
	TEST(a_flood_does_not_starve_others),
};
TEST_MAIN_WITH("services/rpcd/limits", cases, make_dir, remove_dir)
