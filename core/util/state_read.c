/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The reading end of the state file; the writer is core/app/state.c. */

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "calandria/instance.h"
#include "calandria/state.h"

#define NAME_OF(names_, i_) ((i_) < sizeof(names_) / sizeof((names_)[0]) ? (names_)[i_] : "unknown")
/* How long a living writer in the middle of a write is waited for. */
#define COPY_PATIENCE_NS (250ull * 1000 * 1000)
/* How often a file that does not exist is looked for. */
#define ABSENT_LOOK_MS   5u
#define TERMINATE(text_) ((text_)[sizeof(text_) - 1] = '\0')

const char *
cal_run_state_name(uint32_t state)
{
	static const char *const names[CAL_RUN_NUM_STATES] = {
		[CAL_RUN_NONE] = "none",
		[CAL_RUN_ENV] = "env",
		[CAL_RUN_STARTUP_RPC] = "startup_rpc",
		[CAL_RUN_SUBSYSTEM_INIT] = "subsystem_init",
		[CAL_RUN_CONFIG] = "config",
		[CAL_RUN_RUNNING] = "running",
		[CAL_RUN_STOPPING] = "stopping",
		[CAL_RUN_STOPPED] = "stopped",
		[CAL_RUN_FAILED] = "failed",
	};

	return NAME_OF(names, state);
}

const char *
cal_service_state_name(uint32_t state)
{
	static const char *const names[] = {
		[CAL_SERVICE_OFF] = "off",
		[CAL_SERVICE_STARTING] = "starting",
		[CAL_SERVICE_RUNNING] = "running",
		[CAL_SERVICE_BACKOFF] = "backoff",
		[CAL_SERVICE_STOPPING] = "stopping",
		[CAL_SERVICE_HUNG] = "hung",
		[CAL_SERVICE_CRASH_LOOP] = "crash_loop",
	};

	return NAME_OF(names, state);
}

static uint64_t
clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Copy a block under its sequence lock. A writer is done in well under a microsecond, unless it is
 * not on a CPU; one that died in the middle never is, and then the copy is taken as it is. Returns
 * the lock's number. */
static uint32_t
block_copy(const uint32_t *seq, void *dst, const void *src, size_t size, bool alive)
{
	const struct timespec pause = { .tv_nsec = 20000 };
	uint64_t until = clock_ns() + (alive ? COPY_PATIENCE_NS : 0);
	uint32_t before, after;

	for (;;) {
		/* Pairs with the release store that ends a write in core/app/state.c. */
		before = __atomic_load_n(seq, __ATOMIC_ACQUIRE);
		memcpy(dst, src, size);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		after = __atomic_load_n(seq, __ATOMIC_RELAXED);
		if ((before == after && (before & 1) == 0) || clock_ns() >= until) {
			return before;
		}
		nanosleep(&pause, NULL);
	}
}

static void
picture_clean(struct cal_state_file *out)
{
	uint32_t i;

	TERMINATE(out->main.app_name);
	TERMINATE(out->main.version);
	TERMINATE(out->main.doing);
	TERMINATE(out->main.reason);
	TERMINATE(out->main.rpc_socket);
	if (out->num_services > CAL_STATE_MAX_SERVICES) {
		out->num_services = CAL_STATE_MAX_SERVICES;
	}
	for (i = 0; i < CAL_STATE_MAX_SERVICES; i++) {
		TERMINATE(out->services[i].name);
		TERMINATE(out->services[i].metrics);
		TERMINATE(out->services[i].binary);
	}
}

static int
picture_take(const struct cal_state_file *file, struct cal_state_file *out, bool alive)
{
	if (__atomic_load_n(&file->magic, __ATOMIC_ACQUIRE) != CAL_STATE_MAGIC ||
	    file->version != CAL_STATE_VERSION || file->size != sizeof(*file)) {
		return -EPROTO;
	}
	memset(out, 0, sizeof(*out));
	out->magic = CAL_STATE_MAGIC;
	out->version = file->version;
	out->size = file->size;
	out->main_seq =
		block_copy(&file->main_seq, &out->main, &file->main, sizeof(out->main), alive);
	(void)block_copy(&file->services_seq, &out->num_services, &file->num_services,
	                 sizeof(*out) - offsetof(struct cal_state_file, num_services), alive);
	picture_clean(out);
	return 0;
}

/* NULL with an error in *rc when there is no such file, or it is no state file. */
static const struct cal_state_file *
file_map(int id, int *rc)
{
	void *map = MAP_FAILED;
	char path[CAL_PATH_MAX];
	struct stat st;
	int fd;

	*rc = cal_instance_path(path, sizeof(path), id, CAL_STATE_NAME);
	if (*rc != 0) {
		return NULL;
	}
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		*rc = errno == ENOTDIR ? -ENOENT : -errno;
		return NULL;
	}
	if (fstat(fd, &st) == 0 && (size_t)st.st_size < sizeof(struct cal_state_file)) {
		*rc = -EPROTO;
	} else {
		map = mmap(NULL, sizeof(struct cal_state_file), PROT_READ, MAP_SHARED, fd, 0);
		*rc = map == MAP_FAILED ? -errno : 0;
	}
	close(fd);
	return map != MAP_FAILED ? map : NULL;
}

static void
file_unmap(const struct cal_state_file *file)
{
	munmap((void *)(uintptr_t)file, sizeof(*file));
}

int
cal_state_read(int id, struct cal_state_file *out, bool *alive)
{
	const struct cal_state_file *file;
	pid_t owner = cal_instance_owner(id);
	int rc;

	*alive = false;
	file = file_map(id, &rc);
	if (file == NULL) {
		return rc;
	}
	rc = picture_take(file, out, owner > 0);
	file_unmap(file);
	if (rc == 0) {
		*alive = owner == out->main.pid;
	}
	return rc;
}

void
cal_state_wait(int id, const struct cal_state_file *seen, uint32_t timeout_ms)
{
	const struct cal_state_file *file;
	uint32_t ms = timeout_ms;
	struct timespec pause;
	int rc;

	file = file_map(id, &rc);
	if (file == NULL) {
		ms = ms < ABSENT_LOOK_MS ? ms : ABSENT_LOOK_MS;
		pause = (struct timespec){ .tv_nsec = (long)ms * 1000000 };
		if (seen == NULL) {
			nanosleep(&pause, NULL);
		}
		return;
	}
	/* The word moves before the wake-up (state_enter() of core/app/state.c), and the kernel
	 * looks at it once more before it sleeps: no change between the two is missed. */
	if (seen != NULL && file->main.pid == seen->main.pid) {
		pause.tv_sec = ms / 1000;
		pause.tv_nsec = (long)(ms % 1000) * 1000000;
		syscall(SYS_futex, &file->main_seq, FUTEX_WAIT, seen->main_seq, &pause, NULL, 0);
	}
	file_unmap(file);
}

uint64_t
cal_state_spent_ns(const struct cal_state_main *main, uint32_t state)
{
	uint64_t begin, end = 0, at;
	uint32_t i;

	if (state >= CAL_RUN_NUM_STATES || main->entered_mono_ns[state] == 0) {
		return 0;
	}
	begin = main->entered_mono_ns[state];
	for (i = 0; i < CAL_RUN_NUM_STATES && state != main->state; i++) {
		at = main->entered_mono_ns[i];
		if (i != state && at >= begin && (end == 0 || at < end)) {
			end = at;
		}
	}
	if (end == 0) {
		end = clock_ns();
	}
	return end > begin ? end - begin : 0;
}

uint64_t
cal_state_doing_ns(const struct cal_state_main *main)
{
	uint64_t now = clock_ns();

	return main->doing_mono_ns != 0 && now > main->doing_mono_ns ? now - main->doing_mono_ns
	                                                             : 0;
}
