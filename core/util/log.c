/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "spdk/log.h"

#include "core/util/log_internal.h"
#include "spdk/util.h"

#define TIME_MAX 32

static const char *const g_level_names[] = {
	[SPDK_LOG_ERROR] = "ERROR", [SPDK_LOG_WARN] = "WARNING", [SPDK_LOG_NOTICE] = "NOTICE",
	[SPDK_LOG_INFO] = "INFO",   [SPDK_LOG_DEBUG] = "DEBUG",
};

/* Settings are plain words that any thread may read while one writes: relaxed is enough. */
static int g_log_level = SPDK_LOG_NOTICE;
static int g_print_level = SPDK_LOG_NOTICE;
static bool g_timestamps = true;
static struct spdk_log_opts g_own; /* the application's log, if it has one */
static log_post_fn g_post;
static bool g_post_pending;
static uint64_t g_lost, g_lost_said;
static __thread bool t_defer;

void
spdk_log_open_ext(struct spdk_log_opts *opts)
{
	g_own = (struct spdk_log_opts){ .size = sizeof(g_own) };
	if (opts != NULL) {
		g_own.log = SPDK_GET_FIELD(opts, log, NULL);
		g_own.open = SPDK_GET_FIELD(opts, open, NULL);
		g_own.close = SPDK_GET_FIELD(opts, close, NULL);
		g_own.user_ctx = SPDK_GET_FIELD(opts, user_ctx, NULL);
	}
	if (g_own.open != NULL) {
		g_own.open(g_own.user_ctx);
	}
}

void
spdk_log_open(spdk_log_cb *log)
{
	struct spdk_log_opts opts = { .size = sizeof(opts), .log = log };

	spdk_log_open_ext(&opts);
}

void
spdk_log_close(void)
{
	if (g_own.close != NULL) {
		g_own.close(g_own.user_ctx);
	}
	memset(&g_own, 0, sizeof(g_own));
}

void
spdk_log_enable_timestamps(bool value)
{
	__atomic_store_n(&g_timestamps, value, __ATOMIC_RELAXED);
}

void
spdk_log_set_level(enum spdk_log_level level)
{
	__atomic_store_n(&g_log_level, (int)level, __ATOMIC_RELAXED);
}

enum spdk_log_level
spdk_log_get_level(void)
{
	return (enum spdk_log_level)__atomic_load_n(&g_log_level, __ATOMIC_RELAXED);
}

void
spdk_log_set_print_level(enum spdk_log_level level)
{
	__atomic_store_n(&g_print_level, (int)level, __ATOMIC_RELAXED);
}

enum spdk_log_level
spdk_log_get_print_level(void)
{
	return (enum spdk_log_level)__atomic_load_n(&g_print_level, __ATOMIC_RELAXED);
}

int
spdk_log_to_syslog_level(enum spdk_log_level level)
{
	switch (level) {
	case SPDK_LOG_ERROR:
		return LOG_ERR;
	case SPDK_LOG_WARN:
		return LOG_WARNING;
	case SPDK_LOG_NOTICE:
		return LOG_NOTICE;
	case SPDK_LOG_INFO:
		return LOG_INFO;
	case SPDK_LOG_DEBUG:
		return LOG_DEBUG;
	default:
		return -1;
	}
}

/* "[2026-11-21 12:00:00.123456] ". The only part that needs the time zone, hence a lock of libc's:
 * never on a deferring thread. */
static size_t
format_time(char *buf, size_t size, const struct timespec *when)
{
	struct tm tm;
	size_t len;

	if (localtime_r(&when->tv_sec, &tm) == NULL) {
		return 0;
	}
	len = strftime(buf, size, "[%Y-%m-%d %H:%M:%S", &tm);
	len += (size_t)snprintf(buf + len, size - len, ".%06ld] ", when->tv_nsec / 1000);
	return len;
}

static void
write_all(const char *buf, size_t len)
{
	ssize_t done;

	while (len > 0) {
		done = write(STDERR_FILENO, buf, len);
		if (done < 0 && errno == EINTR) {
			continue;
		}
		if (done < 0 && errno == EAGAIN) {
			struct pollfd pfd = { .fd = STDERR_FILENO, .events = POLLOUT };

			poll(&pfd, 1, 1000);
			continue;
		}
		if (done <= 0) {
			return;
		}
		buf += done;
		len -= (size_t)done;
	}
}

/* One write() a line, so that lines of several threads do not mix. */
static void
write_line(const struct log_line *line)
{
	char buf[TIME_MAX + LOG_LINE_MAX];
	size_t len = line->timed ? format_time(buf, TIME_MAX, &line->time) : 0;

	memcpy(buf + len, line->text, line->len);
	write_all(buf, len + line->len);
}

static void
say_lost(void)
{
	uint64_t lost = __atomic_load_n(&g_lost, __ATOMIC_RELAXED);
	uint64_t said = __atomic_exchange_n(&g_lost_said, lost, __ATOMIC_RELAXED);
	struct log_line line = { .timed = true };

	if (lost > said) {
		clock_gettime(CLOCK_REALTIME, &line.time);
		line.len = (uint32_t)snprintf(line.text, sizeof(line.text),
		                              "*WARNING*: %" PRIu64
		                              " log lines were lost: they came faster than "
		                              "stderr takes them\n",
		                              lost - said);
		write_line(&line);
	}
}

void
log_flush(void)
{
	struct log_line line;

	while (log_ring_get(&line)) {
		write_line(&line);
	}
	say_lost();
}

static void
drain(void *arg)
{
	/* Cleared before looking: a line put from here on posts anew. Its partner is the exchange
	 * in line_defer(). */
	__atomic_store_n(&g_post_pending, false, __ATOMIC_SEQ_CST);
	log_flush();
}

uint64_t
log_lost(void)
{
	return __atomic_load_n(&g_lost, __ATOMIC_RELAXED);
}

void
log_set_writer(log_post_fn post)
{
	static bool at_exit;

	if (post == NULL) {
		__atomic_store_n(&g_post, NULL, __ATOMIC_RELEASE);
		__atomic_store_n(&g_post_pending, false, __ATOMIC_SEQ_CST);
		log_flush();
		return;
	}
	if (!at_exit) {
		at_exit = true;
		atexit(log_flush);
		log_crash_init();
	}
	__atomic_store_n(&g_post, post, __ATOMIC_RELEASE);
}

void
log_defer_on_this_thread(bool defer)
{
	t_defer = defer;
}

static void
line_defer(const struct log_line *line, log_post_fn post)
{
	if (!log_ring_put(line)) {
		__atomic_fetch_add(&g_lost, 1, __ATOMIC_RELAXED);
	}
	if (!__atomic_exchange_n(&g_post_pending, true, __ATOMIC_SEQ_CST) &&
	    post(drain, NULL) != 0) {
		/* Tried again with the next line. */
		__atomic_store_n(&g_post_pending, false, __ATOMIC_SEQ_CST);
	}
}

/* Put text behind what the line has; an end of line always fits and always ends it. */
static void
line_finish(struct log_line *line, int wanted, bool whole_line)
{
	size_t room = sizeof(line->text) - line->len;

	if (wanted < 0) {
		wanted = 0;
	}
	if ((size_t)wanted >= room) {
		line->len = sizeof(line->text);
		memcpy(&line->text[line->len - 4], "...\n", 4);
		return;
	}
	line->len += (uint32_t)wanted;
	if (whole_line && (line->len == 0 || line->text[line->len - 1] != '\n')) {
		line->text[line->len++] = '\n';
	}
}

static void
line_begin(struct log_line *line, const char *file, int linenum, const char *func,
           const char *level)
{
	const char *base;
	int len;

	line->len = 0;
	line->timed = false;
	if (file == NULL) {
		return;
	}
	base = strrchr(file, '/');
	base = base != NULL ? base + 1 : file;
	len = snprintf(line->text, sizeof(line->text), "%s:%4d:%s: %s%s%s", base, linenum,
	               func != NULL ? func : "?", level != NULL ? "*" : "",
	               level != NULL ? level : "", level != NULL ? "*: " : "");
	line->len = (uint32_t)spdk_min((size_t)spdk_max(len, 0), sizeof(line->text) / 2);
	line->timed = __atomic_load_n(&g_timestamps, __ATOMIC_RELAXED);
	if (line->timed) {
		clock_gettime(CLOCK_REALTIME, &line->time);
	}
}

void
spdk_vlog(enum spdk_log_level level, const char *file, const int line, const char *func,
          const char *format, va_list ap)
{
	log_post_fn post;
	struct log_line out;

	if (level <= SPDK_LOG_DISABLED || level > SPDK_LOG_DEBUG) {
		return;
	}
	if (g_own.log != NULL) {
		if (level <= spdk_log_get_level() || level <= spdk_log_get_print_level()) {
			g_own.log(level, file, line, func, format, ap);
		}
		return;
	}
	if (level > spdk_log_get_print_level()) {
		return;
	}
	line_begin(&out, file, line, func, g_level_names[level]);
	line_finish(&out, vsnprintf(out.text + out.len, sizeof(out.text) - out.len, format, ap),
	            file != NULL);
	post = t_defer ? __atomic_load_n(&g_post, __ATOMIC_ACQUIRE) : NULL;
	if (post != NULL) {
		line_defer(&out, post);
	} else {
		write_line(&out);
	}
}

void
spdk_log(enum spdk_log_level level, const char *file, const int line, const char *func,
         const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	spdk_vlog(level, file, line, func, format, ap);
	va_end(ap);
}

void
spdk_vflog(FILE *fp, const char *file, const int line, const char *func, const char *format,
           va_list ap)
{
	char when[TIME_MAX] = "";
	struct log_line out;

	line_begin(&out, file, line, func, NULL);
	line_finish(&out, vsnprintf(out.text + out.len, sizeof(out.text) - out.len, format, ap),
	            file != NULL);
	if (out.timed) {
		format_time(when, sizeof(when), &out.time);
	}
	fprintf(fp, "%s%.*s", when, (int)out.len, out.text);
	fflush(fp);
}

void
spdk_flog(FILE *fp, const char *file, const int line, const char *func, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	spdk_vflog(fp, file, line, func, format, ap);
	va_end(ap);
}

void
spdk_log_dump(FILE *fp, const char *label, const void *buf, size_t len)
{
	const uint8_t *bytes = buf;
	size_t at, i;

	fprintf(fp, "%s\n", label);
	for (at = 0; at < len; at += 16) {
		fprintf(fp, "%08zx", at);
		for (i = at; i < at + 16; i++) {
			if (i < len) {
				fprintf(fp, " %02x", bytes[i]);
			} else {
				fputs("   ", fp);
			}
		}
		fputs("   ", fp);
		for (i = at; i < at + 16 && i < len; i++) {
			fputc(isprint(bytes[i]) ? bytes[i] : '.', fp);
		}
		fputc('\n', fp);
	}
	fflush(fp);
}
