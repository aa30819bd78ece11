/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "core/app/state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "calandria/instance.h"
#include "calandria/version.h"
#include "core/app/app_internal.h"

static struct cal_state_file g_private;
static struct cal_state_file *g_file = &g_private;
static void (*g_observer)(void);
static bool g_ended; /* the main block has its last content */

static uint64_t
clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Sequence lock, writer's half; the reader's is in cal_state_read() and state_copy_services(). The
 * release fence after the odd store keeps what follows from being seen before it; the release store
 * of the even number keeps what precedes from being seen after it. */
static void
seq_begin(uint32_t *seq)
{
	__atomic_store_n(seq, __atomic_load_n(seq, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

static void
seq_end(uint32_t *seq)
{
	__atomic_store_n(seq, __atomic_load_n(seq, __ATOMIC_RELAXED) + 1, __ATOMIC_RELEASE);
}

/* The main block has one writer after another, and at the very end perhaps two: whoever hung until
 * it was given up, and state_end(). So its number is a lock, too. Nobody but state_end() waits for
 * it. Returns whether to write. */
static bool
main_begin(void)
{
	uint32_t before = __atomic_load_n(&g_file->main_seq, __ATOMIC_RELAXED);

	if ((before & 1) != 0 ||
	    !__atomic_compare_exchange_n(&g_file->main_seq, &before, before + 1, false,
	                                 __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
		return false;
	}
	__atomic_thread_fence(__ATOMIC_RELEASE);
	if (__atomic_load_n(&g_ended, __ATOMIC_SEQ_CST)) {
		seq_end(&g_file->main_seq);
		return false;
	}
	return true;
}

static void
main_begin_last(void)
{
	const struct timespec pause = { .tv_nsec = 100000 };
	uint32_t before;
	int tries;

	__atomic_store_n(&g_ended, true, __ATOMIC_SEQ_CST);
	/* A write in progress goes on as soon as its thread has a CPU. */
	for (tries = 0; tries < 1000; tries++) {
		before = __atomic_load_n(&g_file->main_seq, __ATOMIC_RELAXED) & ~1u;
		if (__atomic_compare_exchange_n(&g_file->main_seq, &before, before + 1, false,
		                                __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
			break;
		}
		nanosleep(&pause, NULL);
	}
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

int
state_create(int id, const char *app_name)
{
	char path[CAL_PATH_MAX], next[CAL_PATH_MAX];
	struct cal_state_file *file;
	int fd, rc;

	rc = cal_instance_path(path, sizeof(path), id, CAL_STATE_NAME);
	if (rc == 0) {
		rc = cal_instance_path(next, sizeof(next), id, CAL_STATE_NAME ".new");
	}
	if (rc != 0) {
		return rc;
	}
	/* Others only read it. */
	unlink(next);
	fd = open(next, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, cal_instance_mode(id, 0400));
	if (fd < 0) {
		return -errno;
	}
	/* Allocated now: a full file system is an error here, not a SIGBUS later. */
	rc = -posix_fallocate(fd, 0, sizeof(*file));
	if (rc != 0) {
		close(fd);
		return rc;
	}
	file = mmap(NULL, sizeof(*file), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	rc = file == MAP_FAILED ? -errno : 0;
	close(fd);
	if (rc != 0) {
		return rc;
	}
	file->version = CAL_STATE_VERSION;
	file->size = sizeof(*file);
	file->main.pid = getpid();
	file->main.started_ns = clock_ns(CLOCK_REALTIME);
	snprintf(file->main.app_name, sizeof(file->main.app_name), "%s", app_name);
	snprintf(file->main.version, sizeof(file->main.version), "%s", CAL_VERSION_STRING);
	file->magic = CAL_STATE_MAGIC;
	/* It gets its name when it is whole: half of one would seem to be of another version. */
	if (rename(next, path) != 0) {
		rc = -errno;
		munmap(file, sizeof(*file));
		return rc;
	}
	g_file = file;
	return 0;
}

void
state_destroy(void)
{
	if (g_file != &g_private) {
		munmap(g_file, sizeof(*g_file));
	}
	memset(&g_private, 0, sizeof(g_private));
	g_file = &g_private;
	g_ended = false;
}

/* In a write. */
static void
put_state(struct cal_state_main *m, enum cal_run_state state)
{
	m->since_ns = clock_ns(CLOCK_REALTIME);
	m->entered_ns[state] = m->since_ns;
	m->entered_mono_ns[state] = clock_ns(CLOCK_MONOTONIC);
	m->doing[0] = '\0';
	m->doing_mono_ns = 0;
	__atomic_store_n(&m->state, state, __ATOMIC_RELAXED);
}

static void
put_reason(struct cal_state_main *m, const char *text)
{
	snprintf(m->reason, sizeof(m->reason), "%s", text);
}

static void
wake_waiters(void)
{
	/* Once a state, a few times a life: a system call that never waits. */
	if (g_file != &g_private) {
		syscall(SYS_futex, &g_file->main_seq, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
	}
}

/* The state is another one. */
static void
tell(void)
{
	wake_waiters();
	if (g_observer != NULL) {
		g_observer();
	}
}

void
state_set_observer(void (*fn)(void))
{
	g_observer = fn;
}

void
state_enter(enum cal_run_state state)
{
	if (main_begin()) {
		put_state(&g_file->main, state);
		seq_end(&g_file->main_seq);
		tell();
	}
}

void
state_end(const char *text)
{
	main_begin_last();
	put_state(&g_file->main, CAL_RUN_FAILED);
	put_reason(&g_file->main, text);
	seq_end(&g_file->main_seq);
	tell();
}

enum cal_run_state
state_now(void)
{
	return __atomic_load_n(&g_file->main.state, __ATOMIC_RELAXED);
}

enum cal_run_state
app_state(void)
{
	return state_now();
}

void
state_set_rpc_socket(const char *path)
{
	if (main_begin()) {
		snprintf(g_file->main.rpc_socket, sizeof(g_file->main.rpc_socket), "%s",
		         path != NULL ? path : "");
		seq_end(&g_file->main_seq);
	}
}

void
state_set_doing(const char *fmt, va_list args)
{
	char text[sizeof(g_file->main.doing)] = "";
	uint64_t now;

	/* Nothing but the copy inside the lock. */
	vsnprintf(text, sizeof(text), fmt, args);
	now = text[0] != '\0' ? clock_ns(CLOCK_MONOTONIC) : 0;
	if (main_begin()) {
		g_file->main.doing_mono_ns = now;
		memcpy(g_file->main.doing, text, sizeof(text));
		seq_end(&g_file->main_seq);
	}
}

void
state_set_reason(const char *text)
{
	if (main_begin()) {
		put_reason(&g_file->main, text);
		seq_end(&g_file->main_seq);
	}
}

void
app_state_doing(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	state_set_doing(fmt, args);
	va_end(args);
}

void
app_state_error(const char *fmt, ...)
{
	char text[sizeof(g_file->main.reason)];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	state_set_reason(text);
}

/* A copy of what another thread of the process may write or read meanwhile: word by word, for which
 * the sequence lock's fences hold. */
static void
words_copy(struct cal_state_service *to, const struct cal_state_service *from, size_t size)
{
	uint64_t *dst = (uint64_t *)to;
	const uint64_t *src = (const uint64_t *)from;
	size_t i;

	for (i = 0; i < size / sizeof(*dst); i++) {
		__atomic_store_n(&dst[i], __atomic_load_n(&src[i], __ATOMIC_RELAXED),
		                 __ATOMIC_RELAXED);
	}
}

void
state_publish_services(const struct cal_state_service *services, uint32_t n)
{
	if (n > CAL_STATE_MAX_SERVICES) {
		n = CAL_STATE_MAX_SERVICES;
	}
	seq_begin(&g_file->services_seq);
	words_copy(g_file->services, services, n * sizeof(*services));
	__atomic_store_n(&g_file->num_services, n, __ATOMIC_RELAXED);
	seq_end(&g_file->services_seq);
}

uint32_t
state_copy_services(struct cal_state_service *out, uint32_t max)
{
	struct cal_state_service copy[CAL_STATE_MAX_SERVICES];
	uint32_t before, after, n;
	int tries;

	/* The control pthread may be scheduled away in the middle of a write; a reactor does not
	 * wait for it. A mixed copy is then still made of whole, terminated entries. */
	for (tries = 0; tries < 100; tries++) {
		before = __atomic_load_n(&g_file->services_seq, __ATOMIC_ACQUIRE);
		n = __atomic_load_n(&g_file->num_services, __ATOMIC_RELAXED);
		words_copy(copy, g_file->services, sizeof(copy));
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		after = __atomic_load_n(&g_file->services_seq, __ATOMIC_RELAXED);
		if (before == after && (before & 1) == 0) {
			break;
		}
	}
	if (n > max) {
		n = max;
	}
	memcpy(out, copy, n * sizeof(*out));
	return n;
}
