/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* links: client */

/* Attaches as any client does and then tries to write what is not its own, for
 * tests/integration/isolation.py:
 *
 *   hostile_writes ID root|nocaps|nobody OTHER_PID
 *
 * It attaches as who it was started as, then stays so, gives up its capabilities, or becomes
 * another user. A line of JSON an attempt: how many places were tried, how many ended in SIGSEGV or
 * SIGBUS, how many in an errno (and the last one), and how many were written. Written is only what
 * the writer could read back; nothing that it can reach of other processes' memory is written in
 * earnest
 * (/proc/PID/mem is only opened), since the primary of the test is to live. */

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/capability.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <grp.h>
#include <rte_malloc.h>
#include <rte_memory.h>
#include <rte_memzone.h>
#include <rte_ring.h>

#include "ipc/client/client_internal.h"
#include "tests/helpers/hostile.h"

#define NOBODY 65534
#define PAGE   4096u
#define HUGE   (2u << 20)

static struct cal_client *g_client;
static struct raw g_raw; /* a second link of ours, with its descriptors */
static int g_instance;
static pid_t g_primary, g_other;

static struct {
	unsigned tried, segv, refused, wrote;
	int error;
} g_result;

static void
refused(int error)
{
	g_result.tried++;
	g_result.refused++;
	g_result.error = error;
}

static void
wrote(void)
{
	g_result.tried++;
	g_result.wrote++;
}

/* --- one write -------------------------------------------------------------------------------- */

static sigjmp_buf g_out;

static void
on_fault(int sig)
{
	siglongjmp(g_out, sig);
}

/* Put other bytes there, and what was there back. */
static void
poke(void *at)
{
	volatile uint64_t *word = at;

	if (sigsetjmp(g_out, 1) != 0) {
		g_result.tried++;
		g_result.segv++;
		return;
	}
	__atomic_xor_fetch(word, ~UINT64_C(0), __ATOMIC_RELAXED);
	__atomic_xor_fetch(word, ~UINT64_C(0), __ATOMIC_RELAXED);
	wrote();
}

/* Map it shared and writable, and write. */
static void
map_and_poke(int fd, size_t len)
{
	void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED) {
		refused(errno);
		return;
	}
	poke(at);
	munmap(at, len);
}

/* The same byte again. */
static void
write_by_call(int fd)
{
	char byte = 0;

	if (pread(fd, &byte, 1, 0) < 0 || pwrite(fd, &byte, 1, 0) != 1) {
		refused(errno);
	} else {
		wrote();
	}
}

static void
open_and_write(const char *path)
{
	int fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	/* What /proc shows as a descriptor is a link. */
	if (fd < 0 && errno == ELOOP) {
		fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	}
	if (fd < 0) {
		refused(errno);
		return;
	}
	map_and_poke(fd, PAGE);
	write_by_call(fd);
	close(fd);
}

/* --- hugepages and EAL's files ---------------------------------------------------------------- */

static int
poke_memseg_list(const struct rte_memseg_list *msl, void *arg)
{
	for (size_t at = 0; at < msl->len && at < 64ul * HUGE; at += HUGE) {
		poke((char *)msl->base_va + at);
	}
	return 0;
}

static void
hugepages_at_their_addresses(void)
{
	rte_memseg_list_walk(poke_memseg_list, NULL);
}

/* What stands there is a reservation of our own EAL's. */
static int
unprotect_memseg_list(const struct rte_memseg_list *msl, void *arg)
{
	if (mprotect(msl->base_va, HUGE, PROT_READ | PROT_WRITE) < 0) {
		refused(errno);
	} else {
		poke(msl->base_va);
	}
	return 0;
}

static void
hugepages_unprotected(void)
{
	rte_memseg_list_walk(unprotect_memseg_list, NULL);
}

struct mapping {
	uintptr_t begin, end;
	char perms[8];
	char dev[16];
	unsigned long inode;
	char path[256];
};

static bool
next_mapping(FILE *maps, struct mapping *m)
{
	char line[512];

	if (fgets(line, sizeof(line), maps) == NULL) {
		return false;
	}
	m->path[0] = '\0';
	return sscanf(line, "%lx-%lx %7s %*x %15s %lu %255[^\n]", &m->begin, &m->end, m->perms,
	              m->dev, &m->inode, m->path) >= 5;
}

static FILE *
open_maps(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	return fopen(path, "re");
}

/* Our copy of rte_mem_config. */
static struct mapping
config_of_ours(void)
{
	struct mapping m = { 0 };
	FILE *maps = open_maps(getpid());

	while (maps != NULL && next_mapping(maps, &m)) {
		if (strcmp(m.perms, "rw-s") == 0 && strstr(m.path, "/link/") != NULL &&
		    strstr(m.path, "/config") != NULL) {
			break;
		}
	}
	if (maps != NULL) {
		fclose(maps);
	}
	return m;
}

/* An allocation of EAL's in a child. It faults with locks in its hand, in memory that is ours and
 * our next child's: that is put back. */
static void
in_child(void *(*allocate)(void))
{
	struct mapping config = config_of_ours();
	size_t len = config.end - config.begin;
	void *copy = malloc(len);
	int status = 0;
	pid_t pid;

	if (copy == NULL) {
		return;
	}
	memcpy(copy, (void *)config.begin, len);
	pid = fork();
	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL);
		signal(SIGBUS, SIG_DFL);
		alarm(5);
		_exit(allocate() != NULL ? 1 : 0);
	}
	waitpid(pid, &status, 0);
	memcpy((void *)config.begin, copy, len);
	free(copy);
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGALRM) {
		g_result.tried++;
		g_result.segv++;
	} else if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		refused(ENOMEM);
	} else {
		wrote();
	}
}

static void *
allocate_malloc(void)
{
	return rte_malloc("hostile", 1 << 20, 64);
}

static void *
allocate_memzone(void)
{
	return (void *)(uintptr_t)rte_memzone_reserve("hostile", 1 << 16, SOCKET_ID_ANY, 0);
}

static void *
allocate_ring(void)
{
	return rte_ring_create("hostile", 64, SOCKET_ID_ANY, 0);
}

static void
allocations_from_the_heap(void)
{
	in_child(allocate_malloc);
	in_child(allocate_memzone);
	in_child(allocate_ring);
}

/* rte_mem_config and the lists are mapped writable: whatever of EAL's we hold, all of it is set to
 * ones, page by page, and put back. The test looks whether the primary's changed. */
static void
eal_files_of_ours(void)
{
	struct mapping m;
	FILE *maps = open_maps(getpid());

	while (maps != NULL && next_mapping(maps, &m)) {
		if (strcmp(m.perms, "rw-s") == 0 && strstr(m.path, "/link/") != NULL) {
			for (uintptr_t at = m.begin; at < m.end && at < m.begin + HUGE;
			     at += PAGE) {
				poke((void *)at);
			}
		}
	}
	if (maps != NULL) {
		fclose(maps);
	}
}

/* --- stats ------------------------------------------------------------------------------------ */

static size_t
size_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? (size_t)st.st_size : 0;
}

static void
stats_by_pointer(void)
{
	size_t len = size_of(g_raw.stats);
	char *at = mmap(NULL, len, PROT_READ, MAP_SHARED, g_raw.stats, 0);

	if (at == MAP_FAILED) {
		return;
	}
	for (size_t i = 0; i < len; i += PAGE) {
		poke(at + i);
	}
	if (mprotect(at, len, PROT_READ | PROT_WRITE) < 0) {
		refused(errno);
	} else {
		poke(at);
	}
	if (mmap(at, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, g_raw.stats, 0) ==
	    MAP_FAILED) {
		refused(errno);
	} else {
		poke(at);
	}
}

static void
stats_by_descriptor(void)
{
	map_and_poke(g_raw.stats, PAGE);
	write_by_call(g_raw.stats);
	if (ftruncate(g_raw.stats, 0) == 0 || fallocate(g_raw.stats, 0, 0, 1 << 20) == 0) {
		wrote();
	} else {
		refused(errno);
	}
	if (fcntl(g_raw.stats, F_SETFL, O_RDWR) == 0) { /* ignored, as documented */
		write_by_call(g_raw.stats);
	}
}

static void
stats_opened_again(void)
{
	char path[CAL_PATH_MAX];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", g_raw.stats);
	open_and_write(path);
	if (cal_instance_path(path, sizeof(path), g_instance, CAL_STATS_NAME) == 0) {
		open_and_write(path);
	}
}

/* --- links ------------------------------------------------------------------------------------ */

static ino_t
inode_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

static void
own_link_is_sealed(void)
{
	const int hole = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	char path[64];

	map_and_poke(g_raw.memfd, PAGE);
	write_by_call(g_raw.memfd);
	ftruncate(g_raw.memfd, 0) == 0 ? wrote() : refused(errno);
	ftruncate(g_raw.memfd, 1 << 30) == 0 ? wrote() : refused(errno);
	fallocate(g_raw.memfd, hole, 0, PAGE) == 0 ? wrote() : refused(errno);
	madvise(g_raw.memory, PAGE, MADV_REMOVE) == 0 ? wrote() : refused(errno);
	fcntl(g_raw.memfd, F_ADD_SEALS, F_SEAL_WRITE) == 0 ? wrote() : refused(errno);
	fcntl(g_raw.memfd, F_ADD_SEALS, F_SEAL_SHRINK) == 0 ? wrote() : refused(errno);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", g_raw.memfd);
	open_and_write(path);
}

/* By whatever numbers others have theirs. */
static void
other_links_by_number(void)
{
	ino_t mine = inode_of(g_raw.memfd);

	for (int fd = 0; fd < 4096; fd++) {
		if (fcntl(fd, F_GETFD) < 0) {
			refused(errno);
		} else if (inode_of(fd) != mine && fcntl(fd, F_GET_SEALS) > 0) {
			write_by_call(fd);
		}
	}
}

static bool
is_mapped_here(uintptr_t at)
{
	struct mapping m;
	FILE *maps = open_maps(getpid());
	bool is = false;

	while (maps != NULL && next_mapping(maps, &m)) {
		is |= at >= m.begin && at < m.end;
	}
	if (maps != NULL) {
		fclose(maps);
	}
	return is;
}

/* Where the primary and another client have links: the addresses, from when we still could see
 * them. */
static uintptr_t g_places[128];
static unsigned g_num_places;

static void
find_places(pid_t pid)
{
	struct mapping m;
	FILE *maps = open_maps(pid);

	while (maps != NULL && next_mapping(maps, &m)) {
		if (strstr(m.path, "calandria-link") != NULL && g_num_places < 128) {
			g_places[g_num_places++] = m.begin;
		}
	}
	if (maps != NULL) {
		fclose(maps);
	}
}

static void
other_links_by_pointer(void)
{
	for (unsigned i = 0; i < g_num_places; i++) {
		if (!is_mapped_here(g_places[i])) {
			poke((void *)g_places[i]);
		}
	}
}

static void
each_link_descriptor(pid_t pid, void (*fn)(pid_t pid, int number, const char *path))
{
	char folder[64], path[512], target[256];
	struct dirent *entry;
	DIR *dir;

	snprintf(folder, sizeof(folder), "/proc/%d/fd", (int)pid);
	dir = opendir(folder);
	if (dir == NULL) {
		refused(errno);
		return;
	}
	while ((entry = readdir(dir)) != NULL) {
		ssize_t n;

		if (entry->d_name[0] == '.') {
			continue;
		}
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		n = readlink(path, target, sizeof(target) - 1);
		if (n < 0) {
			refused(errno);
			continue;
		}
		target[n] = '\0';
		if (strstr(target, "calandria-link") != NULL) {
			fn(pid, atoi(entry->d_name), path);
		}
	}
	closedir(dir);
}

static void
try_path(pid_t pid, int number, const char *path)
{
	open_and_write(path);
}

static void
links_by_proc_fd(void)
{
	each_link_descriptor(g_primary, try_path);
	each_link_descriptor(g_other, try_path);
}

static void
try_getfd(pid_t pid, int number, const char *path)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	int fd = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);

	if (fd < 0) {
		refused(errno);
	} else {
		map_and_poke(fd, PAGE);
		write_by_call(fd);
		close(fd);
	}
	close(pidfd);
}

static void
links_by_pidfd(void)
{
	each_link_descriptor(g_primary, try_getfd);
}

/* --- what asks for the right to trace --------------------------------------------------------- */

static void
memory_by_proc_mem(void)
{
	const pid_t pids[] = { g_primary, g_other };
	char path[64];

	for (unsigned i = 0; i < 2; i++) {
		int fd;

		snprintf(path, sizeof(path), "/proc/%d/mem", (int)pids[i]);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0) {
			refused(errno);
		} else {
			wrote(); /* could */
			close(fd);
		}
	}
}

static void
memory_of_primary_by_call(void)
{
	uint64_t word = 0;
	struct iovec local = { &word, sizeof(word) };
	struct iovec remote = { (void *)(g_num_places > 0 ? g_places[0] : PAGE), sizeof(word) };

	/* What is read is the right to write. */
	if (process_vm_readv(g_primary, &local, 1, &remote, 1, 0) < 0) {
		refused(errno);
	} else {
		wrote();
	}
}

/* --- files ------------------------------------------------------------------------------------ */

static void
open_for_writing(const char *path)
{
	int fd = open(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0) {
		refused(errno);
	} else {
		wrote(); /* could */
		close(fd);
	}
}

static char g_files[64][CAL_PATH_MAX];
static unsigned g_num_files;

static int
on_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	if (S_ISREG(st->st_mode) && g_num_files < 64 && strlen(path) < CAL_PATH_MAX) {
		snprintf(g_files[g_num_files++], CAL_PATH_MAX, "%s", path);
	}
	return 0;
}

static void
files_of_the_instance(void)
{
	for (unsigned i = 0; i < g_num_files; i++) {
		open_for_writing(g_files[i]);
	}
}

/* --- who we are ------------------------------------------------------------------------------- */

static int
become(const char *who)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { 0 };

	if (strcmp(who, "root") == 0) {
		return 0;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		return -errno;
	}
	if (strcmp(who, "nobody") == 0 &&
	    (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
	     setresuid(NOBODY, NOBODY, NOBODY) < 0)) {
		return -errno;
	}
	if (syscall(SYS_capset, &header, none) < 0) {
		return -errno;
	}
	/* So that what is refused is not refused for our own /proc being somebody else's. */
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0 ? -errno : 0;
}

static const struct {
	const char *name;
	void (*fn)(void);
} g_attempts[] = {
	{ "hugepages_at_their_addresses", hugepages_at_their_addresses },
	{ "allocations_from_the_heap", allocations_from_the_heap },
	{ "eal_files_of_ours", eal_files_of_ours },
	{ "stats_by_pointer", stats_by_pointer },
	{ "stats_by_descriptor", stats_by_descriptor },
	{ "stats_opened_again", stats_opened_again },
	{ "own_link_is_sealed", own_link_is_sealed },
	{ "other_links_by_number", other_links_by_number },
	{ "other_links_by_pointer", other_links_by_pointer },
	{ "links_by_proc_fd", links_by_proc_fd },
	{ "links_by_pidfd", links_by_pidfd },
	{ "memory_by_proc_mem", memory_by_proc_mem },
	{ "memory_of_primary_by_call", memory_of_primary_by_call },
	{ "files_of_the_instance", files_of_the_instance },
	{ "hugepages_unprotected", hugepages_unprotected },
};

int
main(int argc, char **argv)
{
	struct cal_client_opts opts;
	char err[512], folder[CAL_PATH_MAX];
	int rc;

	if (argc < 4) {
		return 2;
	}
	g_instance = atoi(argv[1]);
	g_other = atoi(argv[3]);
	cal_client_opts_init(&opts, sizeof(opts));
	opts.instance = g_instance;
	opts.name = "hostile";
	if (cal_client_open(&opts, &g_client, err, sizeof(err)) < 0) {
		fprintf(stderr, "%s\n", err);
		return 3;
	}
	g_primary = cal_client_primary_pid(g_client);
	if (raw_attach(g_instance, "hostile", &g_raw) < 0) {
		fprintf(stderr, "%s\n", g_raw.error);
		return 3;
	}
	find_places(g_primary);
	find_places(g_other);
	if (cal_instance_path(folder, sizeof(folder), g_instance, "") == 0) {
		nftw(folder, on_file, 16, FTW_PHYS);
	}
	rc = become(argv[2]);
	if (rc < 0) {
		fprintf(stderr, "%s: %s\n", argv[2], strerror(-rc));
		return 3;
	}
	signal(SIGSEGV, on_fault);
	signal(SIGBUS, on_fault);
	for (size_t i = 0; i < sizeof(g_attempts) / sizeof(g_attempts[0]); i++) {
		memset(&g_result, 0, sizeof(g_result));
		g_attempts[i].fn();
		printf("{\"attempt\": \"%s\", \"tried\": %u, \"segv\": %u, \"refused\": %u, "
		       "\"wrote\": %u, \"errno\": \"%s\"}\n",
		       g_attempts[i].name, g_result.tried, g_result.segv, g_result.refused,
		       g_result.wrote, g_result.refused > 0 ? strerrorname_np(g_result.error) : "");
		fflush(stdout);
	}
	return 0;
}
