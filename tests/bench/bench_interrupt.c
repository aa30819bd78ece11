/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What it costs to be asleep, in an application of its own in interrupt mode:
 *   bench_interrupt [-N SAMPLES] [-P] [--interrupt-mode and whatever other flags]
 * prints what the process uses of a core while idle; what the machine takes to wake an OS thread on
 * that core by an eventfd, which is the floor of what follows; the time from spdk_thread_send_msg()
 * on an OS thread that is no reactor to the message's run on the app thread, which is asleep each
 * time; and the same of calls by a link's ring (bench_call as a child). -P leaves the reactors
 * polling, for comparison. */

#include "spdk/stdinc.h"

#include <semaphore.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "spdk/env.h"
#include "spdk/event.h"
#include "spdk/log.h"
#include "spdk/thread.h"

#define IDLE_S 3
/* Between two samples, so that whoever was woken is asleep again. */
#define PAUSE_NS 500000

static long g_samples = 4000;
static bool g_poll;
static const char *g_program;
static int g_status = 1;

static double
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static double
used_us(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
idle(void)
{
	double used, began;

	sleep(1); /* what the start has left to do */
	used = used_us();
	began = now_us();
	sleep(IDLE_S);
	printf("idle_core_percent=%.3f over %d s, all threads of the process\n",
	       (used_us() - used) / (now_us() - began) * 100, IDLE_S);
}

struct sample {
	double took;
	double sent;
	sem_t done;
};

static void
arrived(void *arg)
{
	struct sample *sample = arg;

	sample->took = now_us() - sample->sent;
	sem_post(&sample->done);
}

/* Percentiles of `g_samples` times from send(arg) to arrived(). */
static void
take(const char *name, const char *what, struct sample *sample, void (*send)(struct sample *))
{
	struct timespec pause = { .tv_nsec = PAUSE_NS };
	double *took = calloc((size_t)g_samples, sizeof(*took));
	long i;

	if (took == NULL) {
		return;
	}
	sem_init(&sample->done, 0, 0);
	for (i = 0; i < g_samples; i++) {
		nanosleep(&pause, NULL);
		sample->sent = now_us();
		send(sample);
		sem_wait(&sample->done);
		took[i] = sample->took;
	}
	qsort(took, (size_t)g_samples, sizeof(*took), compare);
	printf("%s p50=%.1f p99=%.1f max=%.1f n=%ld, %s\n", name, took[g_samples / 2],
	       took[g_samples * 99 / 100], took[g_samples - 1], g_samples, what);
	free(took);
}

/* --- the floor: nobody of ours in between ----------------------------------------------------- */

static struct {
	int fd;
	int inner;
	int outer;
	int stop;
} g_floor;

static void *
floor_wait(void *arg)
{
	struct epoll_event event;
	cpu_set_t cpus;

	/* Where the reactor is, which sleeps. */
	CPU_ZERO(&cpus);
	CPU_SET(spdk_env_get_main_core(), &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	while (true) {
		if (epoll_wait(g_floor.outer, &event, 1, -1) == 1 &&
		    epoll_wait(g_floor.inner, &event, 1, 0) == 1) {
			if (__atomic_load_n(&g_floor.stop, __ATOMIC_RELAXED)) {
				return NULL;
			}
			arrived(arg);
		}
	}
}

static void
floor_send(struct sample *sample)
{
	uint64_t one = 1;

	if (write(g_floor.fd, &one, sizeof(one)) < 0) {
		perror("eventfd");
	}
}

static void
floor_of_the_machine(void)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	struct sample sample;
	pthread_t thread;

	g_floor.fd = eventfd(0, EFD_CLOEXEC);
	g_floor.inner = epoll_create1(EPOLL_CLOEXEC);
	g_floor.outer = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_ctl(g_floor.inner, EPOLL_CTL_ADD, g_floor.fd, &event) == 0) {
		event.events = EPOLLIN;
		if (epoll_ctl(g_floor.outer, EPOLL_CTL_ADD, g_floor.inner, &event) == 0 &&
		    pthread_create(&thread, NULL, floor_wait, &sample) == 0) {
			take("floor_us", "one way, a bare eventfd in a group in a group", &sample,
			     floor_send);
			__atomic_store_n(&g_floor.stop, 1, __ATOMIC_RELAXED);
			floor_send(&sample);
			pthread_join(thread, NULL);
		}
	}
	close(g_floor.outer);
	close(g_floor.inner);
	close(g_floor.fd);
}

/* --- ours ------------------------------------------------------------------------------------- */

static void
message_send(struct sample *sample)
{
	spdk_thread_send_msg(spdk_thread_get_app_thread(), arrived, sample);
}

/* bench_call stands beside us. */
static int
ring_calls(const char *pause_us)
{
	char path[512], id[16], n[16];
	const char *slash = strrchr(g_program, '/');
	int status = -1;
	pid_t pid;

	snprintf(path, sizeof(path), "%.*sbench_call",
	         slash != NULL ? (int)(slash + 1 - g_program) : 0, g_program);
	snprintf(id, sizeof(id), "%d", spdk_app_get_shm_id());
	snprintf(n, sizeof(n), "%ld", g_samples);
	printf("ring calls, %s us apart: ", pause_us);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		execl(path, path, "-i", id, "-n", n, "-p", pause_us, (char *)NULL);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	return status;
}

static void
stop(void *arg)
{
	spdk_app_stop(0);
}

/* Who asks, and bench_call after it, is on another CPU than the reactor, if there is one: whether
 * they shared one would be chance, and wakes in a quarter of the time. */
static void
keep_off_the_reactor(void)
{
	cpu_set_t cpus;

	spdk_unaffinitize_thread();
	if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0 && CPU_COUNT(&cpus) > 1) {
		CPU_CLR(spdk_env_get_main_core(), &cpus);
		sched_setaffinity(0, sizeof(cpus), &cpus);
	}
}

static void *
measure(void *arg)
{
	struct sample sample;

	keep_off_the_reactor();
	idle();
	if (!g_poll) {
		floor_of_the_machine();
	}
	take("message_us", "one way, from another OS thread", &sample, message_send);
	g_status = ring_calls("0") != 0 || ring_calls("500") != 0;
	spdk_thread_send_msg(spdk_thread_get_app_thread(), stop, NULL);
	return NULL;
}

static void
start(void *arg)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, measure, NULL) != 0) {
		spdk_app_stop(-EAGAIN);
		return;
	}
	pthread_detach(thread);
}

static int
parse(int ch, char *arg)
{
	if (ch == 'N') {
		g_samples = atol(arg);
		return g_samples > 0 ? 0 : -EINVAL;
	}
	g_poll = ch == 'P';
	return 0;
}

static void
usage(void)
{
	printf(" -N SAMPLES\n -P      reactors poll\n");
}

int
main(int argc, char **argv)
{
	struct spdk_app_opts opts;
	int rc;

	g_program = argv[0];
	spdk_app_opts_init(&opts, sizeof(opts));
	opts.name = "bench_interrupt";
	opts.print_level = SPDK_LOG_WARN;
	opts.mem_size = 64;
	opts.rpc_addr = NULL;
	rc = spdk_app_parse_args(argc, argv, &opts, "N:P", NULL, parse, usage);
	if (rc != SPDK_APP_PARSE_ARGS_SUCCESS) {
		return rc == SPDK_APP_PARSE_ARGS_HELP ? 0 : 2;
	}
	opts.interrupt_mode = !g_poll;
	rc = spdk_app_start(&opts, start, NULL);
	spdk_app_fini();
	return rc != 0 ? 1 : g_status;
}
