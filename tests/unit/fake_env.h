/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* An environment for unit tests: a clock that stands still until told, a tick a microsecond. */

#ifndef CAL_TESTS_UNIT_FAKE_ENV_H
#define CAL_TESTS_UNIT_FAKE_ENV_H

#include "spdk/env.h"
#include "spdk/thread.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t g_fake_ticks = 1;

uint64_t
spdk_get_ticks(void)
{
	return __atomic_load_n(&g_fake_ticks, __ATOMIC_RELAXED);
}

uint64_t
spdk_get_ticks_hz(void)
{
	return 1000000;
}

static inline void
fake_delay_us(uint64_t us)
{
	__atomic_fetch_add(&g_fake_ticks, us, __ATOMIC_RELAXED);
}

/* A thread made for a test, and its end. */
static inline struct spdk_thread *
fake_thread(const char *name)
{
	struct spdk_thread *thread = spdk_thread_create(name, NULL);

	if (thread == NULL) {
		abort();
	}
	return thread;
}

static inline void
fake_thread_end(struct spdk_thread *thread)
{
	spdk_set_thread(thread);
	spdk_thread_exit(thread);
	while (!spdk_thread_is_exited(thread)) {
		spdk_thread_poll(thread, 0, 0);
		fake_delay_us(1000);
	}
	spdk_thread_destroy(thread);
	spdk_set_thread(NULL);
}

/* Poll until nothing happens any more. */
static inline void
fake_poll_all(struct spdk_thread **threads, int n)
{
	bool busy = true;
	int i;

	while (busy) {
		busy = false;
		for (i = 0; i < n; i++) {
			busy |= spdk_thread_poll(threads[i], 0, 0) > 0;
		}
	}
}

/* Whether fn(arg) ends its process by abort(), and says `text` (NULL: anything) before. */
static inline bool
fake_aborts(void (*fn)(void *arg), void *arg, const char *text)
{
	char said[4096];
	size_t len = 0;
	ssize_t got;
	int pipe_fds[2], status;
	pid_t pid;

	if (pipe(pipe_fds) != 0) {
		return false;
	}
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		struct rlimit no_core = { 0, 0 };

		setrlimit(RLIMIT_CORE, &no_core);
		signal(SIGABRT, SIG_DFL);
		dup2(pipe_fds[1], STDERR_FILENO);
		close(pipe_fds[0]);
		fn(arg);
		_exit(0);
	}
	close(pipe_fds[1]);
	while (len < sizeof(said) - 1 &&
	       (got = read(pipe_fds[0], said + len, sizeof(said) - 1 - len)) > 0) {
		len += (size_t)got;
	}
	said[len] = '\0';
	close(pipe_fds[0]);
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		return false;
	}
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT) {
		fprintf(stderr, "no abort: status %x, it said: %s\n", (unsigned)status, said);
		return false;
	}
	if (text != NULL && strstr(said, text) == NULL) {
		fprintf(stderr, "wanted \"%s\", it said: %s\n", text, said);
		return false;
	}
	return true;
}

#endif
