/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "tests/unit/test.h"

#include "core/util/log_internal.h"
#include "spdk/log.h"
#include "spdk/util.h"

SPDK_LOG_REGISTER_COMPONENT(test_one)
SPDK_LOG_REGISTER_COMPONENT(test_two)
SPDK_LOG_REGISTER_COMPONENT(other)

/* stderr of the test goes into a file while it says something. */
static int g_saved, g_file;

static void
capture(void)
{
	FILE *tmp = tmpfile();

	REQUIRE(tmp != NULL);
	g_saved = dup(STDERR_FILENO);
	g_file = dup(fileno(tmp));
	dup2(g_file, STDERR_FILENO);
	fclose(tmp);
}

static char *
captured(void)
{
	static char text[1 << 20];
	ssize_t len;

	dup2(g_saved, STDERR_FILENO);
	close(g_saved);
	len = pread(g_file, text, sizeof(text) - 1, 0);
	text[len > 0 ? len : 0] = '\0';
	close(g_file);
	return text;
}

static void
lines_look_as_spdks(void)
{
	int year, month, day, hour, minute, second, used = 0, n;
	long us;
	char *text;

	capture();
	spdk_log(SPDK_LOG_ERROR, "/some/where/file.c", 42, "func", "text %d\n", 7);
	text = captured();
	n = sscanf(text, "[%d-%d-%d %d:%d:%d.%6ld] %n", &year, &month, &day, &hour, &minute,
	           &second, &us, &used);
	CHECK_EQ(n, 7);
	CHECK_EQ(used, 29);
	CHECK(year >= 2024 && month >= 1 && day >= 1);
	CHECK_STR(text + used, "file.c:  42:func: *ERROR*: text 7\n");

	capture();
	spdk_log_enable_timestamps(false);
	SPDK_NOTICELOG("no end of line");
	SPDK_PRINTF("bare");
	SPDK_PRINTF(" text\n");
	spdk_log_enable_timestamps(true);
	text = captured();
	CHECK(strncmp(text, "log.c:", 6) == 0);
	CHECK(strstr(text, ":lines_look_as_spdks: *NOTICE*: no end of line\nbare text\n") != NULL);
}

static void
a_long_line_is_cut(void)
{
	char big[2000], *text;

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	capture();
	spdk_log_enable_timestamps(false);
	SPDK_ERRLOG("%s\n", big);
	spdk_log_enable_timestamps(true);
	text = captured();
	CHECK_EQ(strlen(text), LOG_LINE_MAX);
	CHECK_STR(text + LOG_LINE_MAX - 4, "...\n");
}

static void
thresholds_hold(void)
{
	char *text;

	CHECK_EQ(spdk_log_get_level(), SPDK_LOG_NOTICE);
	CHECK_EQ(spdk_log_get_print_level(), SPDK_LOG_NOTICE);
	capture();
	spdk_log(SPDK_LOG_INFO, "f.c", 1, "f", "info\n");
	spdk_log(SPDK_LOG_DISABLED, "f.c", 1, "f", "disabled\n");
	spdk_log_set_print_level(SPDK_LOG_ERROR);
	SPDK_WARNLOG("warning\n");
	SPDK_ERRLOG("error\n");
	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	SPDK_ERRLOG("silent\n");
	spdk_log_set_print_level(SPDK_LOG_NOTICE);
	text = captured();
	CHECK(strstr(text, "*ERROR*: error\n") != NULL);
	CHECK(strstr(text, "info") == NULL && strstr(text, "disabled") == NULL);
	CHECK(strstr(text, "warning") == NULL && strstr(text, "silent") == NULL);
	CHECK_EQ(spdk_log_to_syslog_level(SPDK_LOG_WARN), LOG_WARNING);
	CHECK_EQ(spdk_log_to_syslog_level(SPDK_LOG_DISABLED), -1);
}

static void
flags_go_by_name_and_pattern(void)
{
	char *text;

	CHECK(!spdk_log_get_flag("test_one"));
	CHECK_EQ(spdk_log_set_flag("nosuch"), -EINVAL);
	CHECK_EQ(spdk_log_set_flag("test_*"), 0);
	CHECK(spdk_log_get_flag("test_one") && spdk_log_get_flag("TEST_TWO"));
	CHECK(!spdk_log_get_flag("other"));
	spdk_log_set_print_level(SPDK_LOG_INFO);
	capture();
	SPDK_INFOLOG(test_one, "said\n");
	SPDK_INFOLOG(other, "not said\n");
	text = captured();
	spdk_log_set_print_level(SPDK_LOG_NOTICE);
	CHECK(strstr(text, "*INFO*: said\n") != NULL && strstr(text, "not said") == NULL);
	CHECK_EQ(spdk_log_clear_flag("test_one"), 0);
	CHECK(!spdk_log_get_flag("test_one") && spdk_log_get_flag("test_two"));
	CHECK_EQ(spdk_log_set_flag("all"), 0);
	CHECK(spdk_log_get_flag("other"));
	CHECK_EQ(spdk_log_clear_flag("all"), 0);
	CHECK_STR(spdk_log_get_first_flag()->name, "other");
	CHECK_STR(spdk_log_get_next_flag(spdk_log_get_first_flag())->name, "test_one");
}

static char g_own[256];
static int g_opened;

static void
own_log(int level, const char *file, const int line, const char *func, const char *format,
        va_list args)
{
	int len = snprintf(g_own, sizeof(g_own), "%d %s ", level, func);

	vsnprintf(g_own + len, sizeof(g_own) - (size_t)len, format, args);
}

static void
own_open(void *ctx)
{
	*(int *)ctx += 1;
}

static void
own_close(void *ctx)
{
	*(int *)ctx -= 1;
}

static void
an_application_may_have_its_own(void)
{
	struct spdk_log_opts opts = { .size = sizeof(opts),
		                      .log = own_log,
		                      .open = own_open,
		                      .close = own_close,
		                      .user_ctx = &g_opened };

	spdk_log_open_ext(&opts);
	CHECK_EQ(g_opened, 1);
	SPDK_WARNLOG("hello %d", 3);
	CHECK_STR(g_own, "1 an_application_may_have_its_own hello 3");
	spdk_log_close();
	CHECK_EQ(g_opened, 0);
}

/* A writer that only remembers what it was asked. */
static void (*g_posted)(void *arg);
static int g_posts;

static int
remember(void (*fn)(void *arg), void *arg)
{
	g_posted = fn;
	g_posts++;
	return 0;
}

static void
deferred_lines_wait_for_their_writer(void)
{
	uint64_t lost = log_lost();
	char *text, *at;
	int i;

	log_set_writer(remember);
	capture();
	SPDK_NOTICELOG("at once\n");
	log_defer_on_this_thread(true);
	for (i = 0; i < 2000; i++) {
		SPDK_NOTICELOG("line %d.\n", i);
	}
	CHECK_EQ(g_posts, 1);
	text = captured();
	CHECK(strstr(text, "at once") != NULL && strstr(text, "line 0.") == NULL);
	CHECK_EQ(log_lost() - lost, 2000 - 1024);

	capture();
	g_posted(NULL);
	text = captured();
	for (i = 0, at = text; i < 1024; i++) {
		char wanted[16];

		snprintf(wanted, sizeof(wanted), "line %d.", i);
		at = strstr(at, wanted);
		REQUIRE(at != NULL);
	}
	CHECK(strstr(text, "line 1024.") == NULL);
	CHECK(strstr(at, "976 log lines were lost") != NULL);

	/* The next line asks for the writer again; without one, what waits comes out. */
	capture();
	SPDK_NOTICELOG("once more\n");
	CHECK_EQ(g_posts, 2);
	log_set_writer(NULL);
	SPDK_NOTICELOG("directly\n");
	text = captured();
	CHECK(strstr(text, "once more\n") != NULL && strstr(text, "directly\n") != NULL);
	CHECK(strstr(text, "lost") == NULL);
	log_defer_on_this_thread(false);
}

/* In a child: a line waits, then the process dies of a signal. */
static void
a_crash_writes_what_waits(void)
{
	static const int signals[] = { SIGABRT, SIGSEGV };
	int status = 0;
	size_t i;
	char *text;
	pid_t pid;

	for (i = 0; i < SPDK_COUNTOF(signals); i++) {
		capture();
		pid = fork();
		if (pid == 0) {
			struct rlimit no_core = { 0, 0 };

			setrlimit(RLIMIT_CORE, &no_core);
			signal(signals[i], SIG_DFL);
			log_crash_init();
			log_set_writer(remember);
			log_defer_on_this_thread(true);
			SPDK_ERRLOG("the reason\n");
			raise(signals[i]);
			raise(signals[i]); /* a real fault comes again by itself */
			_exit(0);
		}
		waitpid(pid, &status, 0);
		text = captured();
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == signals[i]);
		CHECK(strstr(text, "(just before the crash) log.c:") != NULL);
		CHECK(strstr(text, "*ERROR*: the reason\n") != NULL);
	}
}

#define PUTTERS 3
#define EACH    20000

static void *
put_many(void *arg)
{
	struct log_line line = { .len = 8 };
	uint32_t i, who = (uint32_t)(uintptr_t)arg;

	for (i = 0; i < EACH; i++) {
		memcpy(line.text, &who, 4);
		memcpy(line.text + 4, &i, 4);
		while (!log_ring_put(&line)) {
			sched_yield();
		}
	}
	return NULL;
}

static void
the_ring_keeps_each_putters_order(void)
{
	uint32_t next[PUTTERS] = { 0 }, who, number, got = 0, wrong = 0;
	pthread_t threads[PUTTERS];
	struct log_line line;
	uintptr_t i;

	for (i = 0; i < PUTTERS; i++) {
		REQUIRE(pthread_create(&threads[i], NULL, put_many, (void *)i) == 0);
	}
	while (got < PUTTERS * EACH) {
		if (!log_ring_get(&line)) {
			sched_yield();
			continue;
		}
		memcpy(&who, line.text, 4);
		memcpy(&number, line.text + 4, 4);
		wrong += line.len != 8 || who >= PUTTERS || number != next[who % PUTTERS]++;
		got++;
	}
	for (i = 0; i < PUTTERS; i++) {
		pthread_join(threads[i], NULL);
	}
	CHECK_EQ(wrong, 0);
	CHECK(!log_ring_get(&line));
}

SPDK_LOG_DEPRECATION_REGISTER(old_thing, "the old thing", "v99", 3600)
SPDK_LOG_DEPRECATION_REGISTER(older_thing, "the older thing", "v98", 1)

static int
stop_at(void *ctx, struct spdk_deprecation *dep)
{
	return dep == ctx ? 5 : 0;
}

static void
deprecations_that_were_not_said_are_counted(void)
{
	char *text;

	capture();
	SPDK_LOG_DEPRECATED(older_thing);
	SPDK_LOG_DEPRECATED(older_thing);
	SPDK_LOG_DEPRECATED(older_thing);
	text = captured();
	CHECK(strstr(text, "used 1 times") != NULL && strstr(text, "not told") == NULL);
	usleep(1050000);
	capture();
	SPDK_LOG_DEPRECATED(older_thing);
	text = captured();
	CHECK(strstr(text, "used 4 times") != NULL);
	CHECK(strstr(text, "older_thing: 2 uses before this one were not told") != NULL);
}

static void
deprecations_are_counted_and_said_rarely(void)
{
	struct spdk_deprecation *dep = _deprecated_old_thing, *new_dep;
	char *text;
	int i;

	REQUIRE(dep != NULL);
	capture();
	for (i = 0; i < 3; i++) {
		SPDK_LOG_DEPRECATED(old_thing);
	}
	text = captured();
	CHECK_EQ(spdk_deprecation_get_hits(dep), 3);
	text = strstr(text, "the old thing");
	CHECK(text != NULL && strstr(text + 1, "the old thing") == NULL);
	CHECK_STR(spdk_deprecation_get_tag(dep), "old_thing");
	CHECK_STR(spdk_deprecation_get_remove_release(dep), "v99");
	CHECK_STR(spdk_deprecation_get_description(dep), "the old thing");
	CHECK_EQ(spdk_log_for_each_deprecation(dep, stop_at), 5);
	CHECK_EQ(spdk_log_for_each_deprecation(NULL, stop_at), 0);
	CHECK_EQ(spdk_log_deprecation_register(NULL, "", "", 0, &new_dep), -EINVAL);
}

static const struct test_case cases[] = {
	TEST(lines_look_as_spdks),
	TEST(a_long_line_is_cut),
	TEST(thresholds_hold),
	TEST(flags_go_by_name_and_pattern),
	TEST(an_application_may_have_its_own),
	TEST(deferred_lines_wait_for_their_writer),
	TEST(a_crash_writes_what_waits),
	TEST(the_ring_keeps_each_putters_order),
	TEST(deprecations_that_were_not_said_are_counted),
	TEST(deprecations_are_counted_and_said_rarely),
};

TEST_MAIN("util/log", cases)
