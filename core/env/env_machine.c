/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "core/env/env_private.h"

#include <sys/sysmacros.h>

static const char *g_sys = "/sys";
static const char *g_proc = "/proc";

void
env_machine_set_roots(const char *sys, const char *proc)
{
	g_sys = sys != NULL ? sys : "/sys";
	g_proc = proc != NULL ? proc : "/proc";
}

/* Read a small file whole; "" when there is none. */
__attribute__((format(printf, 3, 4))) static int
text_read(char *buf, size_t size, const char *format, ...)
{
	char path[512];
	va_list ap;
	ssize_t n;
	int fd;

	va_start(ap, format);
	vsnprintf(path, sizeof(path), format, ap);
	va_end(ap);
	buf[0] = '\0';
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return -errno;
	}
	n = read(fd, buf, size - 1);
	close(fd);
	if (n < 0) {
		return -EIO;
	}
	buf[n] = '\0';
	return 0;
}

int
env_machine_cpus(const char *which, cpu_set_t *out)
{
	char text[1024];
	int rc = text_read(text, sizeof(text), "%s/devices/system/cpu/%s", g_sys, which);

	return rc != 0 ? rc : env_cpu_list_parse(text, out);
}

int
env_machine_node_cpus(unsigned node, cpu_set_t *out)
{
	char text[1024];
	int rc =
		text_read(text, sizeof(text), "%s/devices/system/node/node%u/cpulist", g_sys, node);

	return rc != 0 ? rc : env_cpu_list_parse(text, out);
}

unsigned
env_machine_node_of(unsigned cpu)
{
	cpu_set_t cpus;
	unsigned node;

	for (node = 0; node < ENV_MAX_NODES; node++) {
		if (env_machine_node_cpus(node, &cpus) == 0 && CPU_ISSET(cpu, &cpus)) {
			return node;
		}
	}
	return 0;
}

int
env_machine_siblings(unsigned cpu, cpu_set_t *out)
{
	char text[1024];
	int rc = text_read(text, sizeof(text),
	                   "%s/devices/system/cpu/cpu%u/topology/thread_siblings_list", g_sys, cpu);

	return rc != 0 ? rc : env_cpu_list_parse(text, out);
}

static uint64_t
counter_read(const char *folder, uint64_t page_size, const char *name)
{
	char text[64];

	if (text_read(text, sizeof(text), "%s/hugepages-%" PRIu64 "kB/%s", folder, page_size / 1024,
	              name) != 0) {
		return 0;
	}
	return strtoull(text, NULL, 10);
}

/* What a new process can have: free, not promised to anybody, and what the kernel may make. */
static uint64_t
pages_free(uint64_t page_size)
{
	char folder[512];
	uint64_t num_free, reserved, surplus, overcommit;

	snprintf(folder, sizeof(folder), "%s/kernel/mm/hugepages", g_sys);
	num_free = counter_read(folder, page_size, "free_hugepages");
	reserved = counter_read(folder, page_size, "resv_hugepages");
	surplus = counter_read(folder, page_size, "surplus_hugepages");
	overcommit = counter_read(folder, page_size, "nr_overcommit_hugepages");
	num_free -= reserved < num_free ? reserved : num_free;
	return num_free + (overcommit > surplus ? overcommit - surplus : 0);
}

uint64_t
env_machine_node_free(unsigned node, uint64_t page_size)
{
	char folder[512];

	snprintf(folder, sizeof(folder), "%s/devices/system/node/node%u/hugepages", g_sys, node);
	return access(folder, F_OK) == 0 ? counter_read(folder, page_size, "free_hugepages")
	                                 : pages_free(page_size);
}

uint64_t
env_machine_pages_reserved(void)
{
	char folder[512], sub[512];
	struct dirent *entry;
	uint64_t kb, sum = 0;
	DIR *dir;

	snprintf(folder, sizeof(folder), "%s/kernel/mm/hugepages", g_sys);
	dir = opendir(folder);
	if (dir == NULL) {
		return 0;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (sscanf(entry->d_name, "hugepages-%" SCNu64 "kB", &kb) == 1) {
			snprintf(sub, sizeof(sub), "%s", folder);
			sum += counter_read(sub, kb * 1024, "nr_hugepages") +
			       counter_read(sub, kb * 1024, "nr_overcommit_hugepages");
		}
	}
	closedir(dir);
	return sum;
}

static uint64_t
default_page_size(void)
{
	char text[8192];
	char *at;

	text_read(text, sizeof(text), "%s/meminfo", g_proc);
	at = strstr(text, "Hugepagesize:");
	return at != NULL ? strtoull(at + strlen("Hugepagesize:"), NULL, 10) * 1024 : 0;
}

/* pagesize=2M among the mount's options, or the machine's default. */
static uint64_t
mount_page_size(const char *options)
{
	const char *at = strstr(options, "pagesize=");
	uint64_t size;
	char *unit;

	if (at == NULL) {
		return default_page_size();
	}
	size = strtoull(at + strlen("pagesize="), &unit, 10);
	switch (*unit) {
	case 'G':
		return size << 30;
	case 'M':
		return size << 20;
	case 'K':
		return size << 10;
	default:
		return size;
	}
}

int
env_machine_hugedirs(struct env_hugedir *out, int max)
{
	char path[512], line[1024], dir[ENV_PATH_MAX], type[64], options[512];
	char folder[512];
	int count = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/mounts", g_proc);
	snprintf(folder, sizeof(folder), "%s/kernel/mm/hugepages", g_sys);
	f = fopen(path, "re");
	if (f == NULL) {
		return -errno;
	}
	while (count < max && fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "%*s %255s %63s %511s", dir, type, options) != 3 ||
		    strcmp(type, "hugetlbfs") != 0) {
			continue;
		}
		memset(&out[count], 0, sizeof(out[count]));
		snprintf(out[count].path, sizeof(out[count].path), "%s", dir);
		out[count].page_size = mount_page_size(options);
		if (out[count].page_size == 0) {
			continue;
		}
		out[count].num_pages = counter_read(folder, out[count].page_size, "nr_hugepages");
		out[count].num_free = pages_free(out[count].page_size);
		count++;
	}
	fclose(f);
	return count;
}

pid_t
env_machine_flock_holder(int fd, char *name, size_t size)
{
	char path[512], line[256], kind[32];
	unsigned long long inode;
	unsigned maj, min;
	struct stat st;
	pid_t holder = 0;
	int pid;
	FILE *f;

	snprintf(name, size, "?");
	snprintf(path, sizeof(path), "%s/locks", g_proc);
	f = fopen(path, "re");
	if (f == NULL) {
		return 0;
	}
	if (fstat(fd, &st) == 0) {
		while (holder == 0 && fgets(line, sizeof(line), f) != NULL) {
			if (sscanf(line, "%*d: %31s %*s %*s %d %x:%x:%llu", kind, &pid, &maj, &min,
			           &inode) == 5 &&
			    strcmp(kind, "FLOCK") == 0 && inode == st.st_ino &&
			    makedev(maj, min) == st.st_dev && pid > 0) {
				holder = pid;
			}
		}
	}
	fclose(f);
	if (holder != 0 && text_read(line, sizeof(line), "%s/%d/comm", g_proc, holder) == 0) {
		line[strcspn(line, "\n")] = '\0';
		snprintf(name, size, "%s", line);
	}
	return holder;
}
