/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Logging. Where the lines of a reactor go, and that they never make it wait, is told in
 * core/util/log_internal.h. */

#ifndef SPDK_LOG_H
#define SPDK_LOG_H

#include "spdk/stdinc.h"
#include "spdk/assert.h"
#include "spdk/queue.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SPDK_LOG_DEPRECATION_EVERY_24H 86400
#define SPDK_LOG_DEPRECATION_ALWAYS    0

enum spdk_log_level {
	SPDK_LOG_DISABLED = -1,
	SPDK_LOG_ERROR,
	SPDK_LOG_WARN,
	SPDK_LOG_NOTICE,
	SPDK_LOG_INFO,
	SPDK_LOG_DEBUG,
};

/** An application's own log: called in place of ours, on the thread that logs. */
typedef void spdk_log_cb(int level, const char *file, const int line, const char *func,
                         const char *format, va_list args);
typedef void spdk_log_open_cb(void *ctx);
typedef void spdk_log_close_cb(void *ctx);

struct spdk_log_opts {
	size_t size; /* of this structure as the caller knows it */
	spdk_log_cb *log;
	spdk_log_open_cb *open;
	spdk_log_close_cb *close;
	void *user_ctx; /* for open and close */
};
SPDK_STATIC_ASSERT(sizeof(struct spdk_log_opts) == 40, "Incorrect size");

/** Have `log` called in place of ours; NULL for ours, which writes to stderr (and not to syslog:
 *  that may block, and what runs under systemd has its stderr in the journal). Lines before this
 *  call are not lost. Main thread. */
void spdk_log_open(spdk_log_cb *log);
void spdk_log_open_ext(struct spdk_log_opts *opts);
/** Back to ours. */
void spdk_log_close(void);

/** Whether lines begin with the time; they do by default. */
void spdk_log_enable_timestamps(bool value);

/** The two thresholds: lines above both are dropped; those up to the print level go to stderr. Both
 *  begin at SPDK_LOG_NOTICE. An application's own log gets what passes either. */
void spdk_log_set_level(enum spdk_log_level level);
enum spdk_log_level spdk_log_get_level(void);
void spdk_log_set_print_level(enum spdk_log_level level);
enum spdk_log_level spdk_log_get_print_level(void);

/** The syslog priority of a level, -1 for SPDK_LOG_DISABLED. */
int spdk_log_to_syslog_level(enum spdk_log_level level);

#ifdef DEBUG
#define SPDK_DEBUGLOG_FLAG_ENABLED(name) spdk_log_get_flag(name)
#else
#define SPDK_DEBUGLOG_FLAG_ENABLED(name) false
#endif

#define SPDK_NOTICELOG(...) spdk_log(SPDK_LOG_NOTICE, __FILE__, __LINE__, __func__, __VA_ARGS__)
#define SPDK_WARNLOG(...)   spdk_log(SPDK_LOG_WARN, __FILE__, __LINE__, __func__, __VA_ARGS__)
#define SPDK_ERRLOG(...)    spdk_log(SPDK_LOG_ERROR, __FILE__, __LINE__, __func__, __VA_ARGS__)
/** Without time, place and level. */
#define SPDK_PRINTF(...) spdk_log(SPDK_LOG_NOTICE, NULL, -1, NULL, __VA_ARGS__)
#define SPDK_INFOLOG(flag, ...)                                                             \
	do {                                                                                \
		extern struct spdk_log_flag SPDK_LOG_##flag;                                \
		if (SPDK_LOG_##flag.enabled) {                                              \
			spdk_log(SPDK_LOG_INFO, __FILE__, __LINE__, __func__, __VA_ARGS__); \
		}                                                                           \
	} while (0)

/** At most one line a second from each place of use; needs spdk/env.h. */
#define SPDK_ERRLOG_RATELIMIT(...)                                                          \
	do {                                                                                \
		static uint64_t last_tsc_, squashed_;                                       \
		uint64_t now_tsc_ = spdk_get_ticks();                                       \
		if (last_tsc_ == 0 || now_tsc_ > last_tsc_ + spdk_get_ticks_hz()) {         \
			last_tsc_ = now_tsc_;                                               \
			SPDK_ERRLOG(__VA_ARGS__);                                           \
			if (squashed_ > 0) {                                                \
				SPDK_ERRLOG("(%" PRIu64 " more of these were not shown)\n", \
				            squashed_);                                     \
				squashed_ = 0;                                              \
			}                                                                   \
		} else {                                                                    \
			squashed_++;                                                        \
		}                                                                           \
	} while (0)

#ifdef DEBUG
#define SPDK_DEBUGLOG(flag, ...)                                                             \
	do {                                                                                 \
		extern struct spdk_log_flag SPDK_LOG_##flag;                                 \
		if (SPDK_LOG_##flag.enabled) {                                               \
			spdk_log(SPDK_LOG_DEBUG, __FILE__, __LINE__, __func__, __VA_ARGS__); \
		}                                                                            \
	} while (0)
#define SPDK_LOGDUMP(flag, label, buf, len)                           \
	do {                                                          \
		extern struct spdk_log_flag SPDK_LOG_##flag;          \
		if (SPDK_LOG_##flag.enabled) {                        \
			spdk_log_dump(stderr, (label), (buf), (len)); \
		}                                                     \
	} while (0)
#else
#define SPDK_DEBUGLOG(...) \
	do {               \
	} while (0)
#define SPDK_LOGDUMP(...) \
	do {              \
	} while (0)
#endif

/** One line. `file` NULL: the text alone. A missing end of line is added. Any thread. */
void spdk_log(enum spdk_log_level level, const char *file, const int line, const char *func,
              const char *format, ...) __attribute__((__format__(__printf__, 5, 6)));
void spdk_vlog(enum spdk_log_level level, const char *file, const int line, const char *func,
               const char *format, va_list ap) __attribute__((__format__(__printf__, 5, 0)));

/** One line to a file, without a level. May block as the file does. */
void spdk_flog(FILE *fp, const char *file, const int line, const char *func, const char *format,
               ...) __attribute__((__format__(__printf__, 5, 6)));
void spdk_vflog(FILE *fp, const char *file, const int line, const char *func, const char *format,
                va_list ap) __attribute__((__format__(__printf__, 5, 0)));

/** The buffer in hexadecimal and as text, sixteen bytes a line. May block as the file does. */
void spdk_log_dump(FILE *fp, const char *label, const void *buf, size_t len);

/** A group of lines that can be switched on by name. */
struct spdk_log_flag {
	TAILQ_ENTRY(spdk_log_flag) tailq;
	const char *name;
	bool enabled;
};

/** Constructor time, once a name. */
void spdk_log_register_flag(const char *name, struct spdk_log_flag *flag);

#define SPDK_LOG_REGISTER_COMPONENT(flag)                                   \
	struct spdk_log_flag SPDK_LOG_##flag = {                            \
		.name = #flag,                                              \
		.enabled = false,                                           \
	};                                                                  \
	__attribute__((constructor)) static void register_flag_##flag(void) \
	{                                                                   \
		spdk_log_register_flag(#flag, &SPDK_LOG_##flag);            \
	}

/** In the order of their names; NULL at the end. */
struct spdk_log_flag *spdk_log_get_first_flag(void);
struct spdk_log_flag *spdk_log_get_next_flag(struct spdk_log_flag *flag);

/** Whether that flag exists and is on. */
bool spdk_log_get_flag(const char *flag);
/** Switch every flag that matches the name or fnmatch() pattern, "all" for all. Return 0, or
 *  -EINVAL when none matches. */
int spdk_log_set_flag(const char *flag);
int spdk_log_clear_flag(const char *flag);

/** A help text with the names of all flags. */
void spdk_log_usage(FILE *f, const char *log_arg);

/** Something that will go away: its use is counted, and logged at most once in a while. */
struct spdk_deprecation;

/** Returns 0, -EINVAL, -ENOMEM. */
int spdk_log_deprecation_register(const char *tag, const char *description,
                                  const char *remove_release, uint32_t rate_limit_seconds,
                                  struct spdk_deprecation **reg);

#define SPDK_LOG_DEPRECATION_REGISTER(tag, desc, release, rate)                         \
	struct spdk_deprecation *_deprecated_##tag;                                     \
	static void __attribute__((constructor)) _spdk_deprecation_register_##tag(void) \
	{                                                                               \
		int rc_ = spdk_log_deprecation_register(#tag, desc, release, rate,      \
		                                        &_deprecated_##tag);            \
		(void)rc_;                                                              \
		assert(rc_ == 0);                                                       \
	}

void spdk_log_deprecated(struct spdk_deprecation *deprecation, const char *file, uint32_t line,
                         const char *func);
#define SPDK_LOG_DEPRECATED(tag) \
	spdk_log_deprecated(_deprecated_##tag, __FILE__, __LINE__, __func__)

typedef int (*spdk_log_for_each_deprecation_fn)(void *ctx, struct spdk_deprecation *deprecation);
/** Until `fn` returns other than 0, which is returned. */
int spdk_log_for_each_deprecation(void *ctx, spdk_log_for_each_deprecation_fn fn);

const char *spdk_deprecation_get_tag(const struct spdk_deprecation *deprecation);
const char *spdk_deprecation_get_description(const struct spdk_deprecation *deprecation);
const char *spdk_deprecation_get_remove_release(const struct spdk_deprecation *deprecation);
uint64_t spdk_deprecation_get_hits(const struct spdk_deprecation *deprecation);

#ifdef __cplusplus
}
#endif
#endif
