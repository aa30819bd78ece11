/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* A program that runs threads by itself, without reactors, as SPDK's examples/thread does:
 * everything in spdk/thread.h does what the header says. Argument: a core mask. */

#include "spdk/stdinc.h"
#include "spdk/env.h"
#include "spdk/fd_group.h"
#include "spdk/thread.h"

#include "expect.h"

static struct spdk_thread *g_app, *g_other;

static void
run_until(bool *done)
{
	int turns;

	for (turns = 0; turns < 1000000 && !*done; turns++) {
		spdk_thread_poll(g_app, 0, 0);
		spdk_thread_poll(g_other, 0, 0);
	}
	EXPECT(*done);
}

/* --- threads ---------------------------------------------------------------------------------- */

static unsigned g_new, g_resched;

static int
on_op(struct spdk_thread *thread, enum spdk_thread_op op)
{
	*(op == SPDK_THREAD_OP_NEW ? &g_new : &g_resched) += 1;
	return 0;
}

static bool
op_is_supported(enum spdk_thread_op op)
{
	return op == SPDK_THREAD_OP_NEW || op == SPDK_THREAD_OP_RESCHED;
}

static void
use_threads(void)
{
	struct spdk_thread_stats stats;
	struct spdk_cpuset mask;

	EXPECT(spdk_get_thread() == NULL && spdk_thread_get_app_thread() == NULL);
	EXPECT(spdk_thread_lib_init_ext(on_op, op_is_supported, 24,
	                                SPDK_DEFAULT_MSG_MEMPOOL_SIZE) == 0);
	spdk_cpuset_zero(&mask);
	spdk_cpuset_set_cpu(&mask, spdk_env_get_main_core(), true);
	g_app = spdk_thread_create("first", &mask);
	g_other = spdk_thread_create(NULL, NULL);
	EXPECT(g_app != NULL && g_other != NULL && g_new == 2);
	EXPECT(spdk_thread_get_count() == 2);
	EXPECT(spdk_thread_get_app_thread() == g_app && spdk_thread_is_app_thread(g_app));
	EXPECT(!spdk_thread_is_app_thread(g_other));
	EXPECT(strcmp(spdk_thread_get_name(g_app), "first") == 0);
	EXPECT(spdk_thread_get_by_id(spdk_thread_get_id(g_other)) == g_other);
	EXPECT(spdk_thread_get_by_id(12345) == NULL);
	EXPECT(spdk_thread_get_from_ctx(spdk_thread_get_ctx(g_app)) == g_app);
	EXPECT(spdk_cpuset_equal(spdk_thread_get_cpumask(g_app), &mask));
	EXPECT(spdk_thread_is_running(g_app) && !spdk_thread_is_exited(g_app));
	spdk_thread_bind(g_app, true);
	EXPECT(spdk_thread_is_bound(g_app) && !spdk_thread_is_bound(g_other));
	spdk_thread_bind(g_app, false);

	EXPECT(spdk_thread_set_cpumask(&mask) == -EINVAL &&
	       spdk_thread_get_stats(&stats) == -EINVAL);
	spdk_set_thread(g_other);
	EXPECT(spdk_get_thread() == g_other);
	EXPECT(spdk_thread_set_cpumask(&mask) == 0 && g_resched == 1);
	EXPECT(spdk_thread_get_stats(&stats) == 0);
	(void)spdk_thread_get_trace_id(g_other);
	spdk_set_thread(g_app);
	spdk_thread_poll(g_other, 0, 0);
	EXPECT(spdk_thread_get_last_tsc(g_other) <= spdk_get_ticks());
}

/* --- messages --------------------------------------------------------------------------------- */

#define MESSAGES 1000000 /* SPDK's pool has 262143 */

static unsigned g_count, g_visited;
static bool g_done;

static void
counts(void *arg)
{
	EXPECT(g_count == (uintptr_t)arg);
	g_count++;
}

static void
critical(void *arg)
{
	EXPECT(arg == NULL && g_count == 0);
	g_done = true;
}

static void
visit(void *arg)
{
	g_visited++;
}

static void
set_done(void *arg)
{
	EXPECT(spdk_get_thread() == g_app);
	*(bool *)arg = true;
}

static void
use_messages(void)
{
	uintptr_t i;

	EXPECT(spdk_thread_is_idle(g_other));
	for (i = 0; i < MESSAGES; i++) {
		EXPECT(spdk_thread_send_msg(g_other, counts, (void *)i) == 0);
	}
	EXPECT(!spdk_thread_is_idle(g_other) && g_count == 0);
	EXPECT(spdk_thread_send_critical_msg(g_other, critical) == 0);
	EXPECT(spdk_thread_send_critical_msg(g_other, critical) == -EIO);
	EXPECT(spdk_thread_poll(g_other, 5, 0) == 1 && g_done && g_count == 5);
	while (g_count < MESSAGES) {
		EXPECT(spdk_thread_poll(g_other, 0, 0) == 1);
	}
	EXPECT(spdk_thread_poll(g_other, 0, 0) == 0);
	g_done = false;
	EXPECT(spdk_thread_exec_msg(g_app, set_done, &g_done) == 0 && g_done);
}

static void
use_for_each(void)
{
	bool done = false;

	g_visited = 0;
	spdk_for_each_thread(visit, &done, set_done);
	run_until(&done);
	EXPECT(g_visited == 2);
}

/* --- pollers ---------------------------------------------------------------------------------- */

static unsigned g_active, g_timed, g_posts;
static struct spdk_poller *g_pollers[3];

static void
posted(void *arg)
{
	EXPECT(arg == &g_posts);
	g_posts++;
}

static int
active(void *arg)
{
	if (++g_active == 1) {
		spdk_thread_register_post_poller_handler(posted, &g_posts);
	}
	EXPECT(g_active == 1 || g_posts == 1);
	return g_active % 2 ? SPDK_POLLER_BUSY : -1; /* a negative one goes on, too */
}

static int
timed(void *arg)
{
	g_timed++;
	return SPDK_POLLER_IDLE;
}

static int
once(void *arg)
{
	spdk_poller_unregister(&g_pollers[2]);
	*(bool *)arg = true;
	return SPDK_POLLER_BUSY;
}

static void
mode_is(struct spdk_poller *poller, void *arg, bool interrupt_mode)
{
	*(int *)arg = interrupt_mode;
}

static void
use_pollers(void)
{
	bool done = false;
	unsigned n;

	EXPECT(!spdk_thread_has_pollers(g_app) && !spdk_thread_has_active_pollers(g_app));
	EXPECT(spdk_thread_next_poller_expiration(g_app) == 0);
	g_pollers[0] = spdk_poller_register(active, NULL, 0);
	g_pollers[1] = SPDK_POLLER_REGISTER(timed, NULL, 1000);
	g_pollers[2] = spdk_poller_register_named(once, &done, 0, "once");
	EXPECT(g_pollers[0] != NULL && g_pollers[1] != NULL && g_pollers[2] != NULL);
	EXPECT(spdk_thread_has_pollers(g_app) && spdk_thread_has_active_pollers(g_app));
	run_until(&done);
	EXPECT(g_pollers[2] == NULL && g_active > 0);
	EXPECT(spdk_thread_next_poller_expiration(g_app) <= spdk_get_ticks_hz());
	spdk_delay_us(2000);
	spdk_thread_poll(g_app, 0, 0);
	spdk_thread_poll(g_app, 0, 0);
	EXPECT(g_timed >= 1);
	spdk_poller_pause(g_pollers[0]);
	spdk_poller_pause(g_pollers[0]);
	spdk_thread_poll(g_app, 0, 0);
	n = g_active;
	spdk_thread_poll(g_app, 0, 0);
	EXPECT(g_active == n && spdk_thread_has_pollers(g_app));
	spdk_poller_resume(g_pollers[0]);
	spdk_thread_poll(g_app, 0, 0);
	spdk_thread_poll(g_app, 0, 0);
	EXPECT(g_active > n);
	spdk_poller_unregister(&g_pollers[0]);
	spdk_poller_unregister(&g_pollers[1]);
	spdk_poller_unregister(&g_pollers[1]);
	EXPECT(g_pollers[0] == NULL && !spdk_thread_has_pollers(g_app));
}

/* --- I/O devices ------------------------------------------------------------------------------ */

static int g_device; /* its address is the device */
static int g_channels;
static bool g_refuse;

static int
channel_make(void *device, void *ctx)
{
	EXPECT(device == &g_device && *(int *)ctx == 0);
	if (g_refuse) {
		return -1;
	}
	*(int *)ctx = 5;
	g_channels++;
	return 0;
}

static void
channel_end(void *device, void *ctx)
{
	EXPECT(*(int *)ctx == 5);
	g_channels--;
}

static void
on_channel(struct spdk_io_channel_iter *i)
{
	struct spdk_io_channel *channel = spdk_io_channel_iter_get_channel(i);

	EXPECT(spdk_io_channel_iter_get_io_device(i) == &g_device);
	EXPECT(spdk_io_channel_get_thread(channel) == spdk_get_thread());
	g_visited++;
	spdk_for_each_channel_continue(i, 0);
}

static void
channels_done(struct spdk_io_channel_iter *i, int status)
{
	EXPECT(status == 0);
	*(bool *)spdk_io_channel_iter_get_ctx(i) = true;
}

static bool g_unregistered;

static void
on_unregistered(void *device)
{
	EXPECT(g_channels == 0);
	g_unregistered = true;
}

static void
use_channels(void)
{
	struct spdk_io_channel *channel, *again;
	bool done = false;

	EXPECT(spdk_get_io_channel(&g_device) == NULL);
	spdk_io_device_register(&g_device, channel_make, channel_end, sizeof(int), "device");
	g_refuse = true;
	EXPECT(spdk_get_io_channel(&g_device) == NULL);
	g_refuse = false;
	channel = spdk_get_io_channel(&g_device);
	again = spdk_get_io_channel(&g_device);
	EXPECT(channel != NULL && channel == again && spdk_io_channel_ref(channel) == channel);
	EXPECT(*(int *)spdk_io_channel_get_ctx(channel) == 5);
	EXPECT(spdk_io_channel_from_ctx(spdk_io_channel_get_ctx(channel)) == channel);
	EXPECT(spdk_io_channel_get_io_device(channel) == &g_device);
	g_visited = 0;
	spdk_for_each_channel(&g_device, on_channel, &done, channels_done);
	run_until(&done);
	EXPECT(g_visited == 1);
	spdk_put_io_channel(channel);
	spdk_put_io_channel(channel);
	spdk_io_device_unregister(&g_device, on_unregistered);
	spdk_thread_poll(g_app, 0, 0);
	EXPECT(!g_unregistered);
	spdk_put_io_channel(channel);
	run_until(&g_unregistered);
}

/* --- locks, interrupts, buffers ----------------------------------------------------------------
 */

static void
use_spinlocks(void)
{
	struct spdk_spinlock lock;

	spdk_spin_init(&lock);
	spdk_spin_lock(&lock);
	EXPECT(spdk_spin_held(&lock));
	spdk_spin_unlock(&lock);
	EXPECT(!spdk_spin_held(&lock));
	spdk_spin_destroy(&lock);
}

static int
on_event(void *arg)
{
	uint64_t value;

	if (read(*(int *)arg, &value, sizeof(value)) == sizeof(value)) {
		g_visited++;
	}
	return 1;
}

static void
use_interrupts(void)
{
	struct spdk_event_handler_opts opts;
	struct spdk_interrupt *intr[3];
	int fds[3], mode = -1, i, n = 0;
	struct spdk_poller *poller;
	uint64_t one = 1;

	EXPECT(!spdk_interrupt_mode_is_enabled());
	EXPECT(spdk_thread_get_interrupt_fd(g_app) >= 0);
	EXPECT(spdk_thread_get_interrupt_fd_group(g_app) != NULL);
	poller = spdk_poller_register(timed, NULL, 0);
	spdk_poller_register_interrupt(poller, mode_is, &mode);
	spdk_thread_set_interrupt_mode(true);
	EXPECT(mode == 1);
	for (i = 0; i < 3; i++) {
		fds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		EXPECT(fds[i] >= 0);
	}
	spdk_fd_group_get_default_event_handler_opts(&opts, sizeof(opts));
	intr[0] = SPDK_INTERRUPT_REGISTER(fds[0], on_event, &fds[0]);
	intr[1] = SPDK_INTERRUPT_REGISTER_FOR_EVENTS(fds[1], SPDK_INTERRUPT_EVENT_IN, on_event,
	                                             &fds[1]);
	intr[2] = SPDK_INTERRUPT_REGISTER_EXT(fds[2], on_event, &fds[2], &opts);
	EXPECT(intr[0] != NULL && intr[1] != NULL && intr[2] != NULL);
	EXPECT(spdk_interrupt_set_event_types(intr[0], SPDK_INTERRUPT_EVENT_IN) == 0);
	g_visited = 0;
	for (i = 0; i < 3; i++) {
		EXPECT(write(fds[i], &one, sizeof(one)) == sizeof(one));
	}
	for (i = 0; i < 100 && g_visited < 3; i++) {
		n = spdk_fd_group_wait(spdk_thread_get_interrupt_fd_group(g_app), 10);
		EXPECT(n >= 0);
		spdk_set_thread(g_app);
	}
	EXPECT(g_visited == 3);
	for (i = 0; i < 3; i++) {
		spdk_interrupt_unregister(&intr[i]);
		EXPECT(intr[i] == NULL);
		close(fds[i]);
	}
	spdk_thread_set_interrupt_mode(false);
	EXPECT(mode == 0);
	spdk_poller_unregister(&poller);
	EXPECT(spdk_interrupt_mode_enable() != 0); /* threads exist already */
}

struct request {
	struct spdk_iobuf_entry entry;
	void *buf;
};

static void
got_buffer(struct spdk_iobuf_entry *entry, void *buf)
{
	((struct request *)entry)->buf = buf;
}

static int
entry_count(struct spdk_iobuf_channel *ch, struct spdk_iobuf_entry *entry, void *ctx)
{
	++*(unsigned *)ctx;
	return 0;
}

static void
got_stats(struct spdk_iobuf_module_stats *modules, uint32_t count, void *arg)
{
	EXPECT(count == 1 && strcmp(modules[0].module, "compat") == 0);
	EXPECT(modules[0].small_pool.retry >= 1);
	*(bool *)arg = true;
}

static void
use_iobuf(void)
{
	struct spdk_iobuf_opts opts;
	struct spdk_iobuf_channel ch;
	struct request first = {}, second = {};
	void *bufs[64], *large;
	unsigned i, waiting = 0;
	bool done = false;

	spdk_iobuf_get_opts(&opts, sizeof(opts));
	opts.small_pool_count = 64;
	opts.large_pool_count = 8;
	opts.small_bufsize = 4096;
	opts.large_bufsize = 65536;
	EXPECT(spdk_iobuf_set_opts(&opts) == 0 && spdk_iobuf_initialize() == 0);
	EXPECT(spdk_iobuf_channel_init(&ch, "compat", 8, 1) == -ENODEV);
	EXPECT(spdk_iobuf_register_module("compat") == 0);
	EXPECT(spdk_iobuf_channel_init(&ch, "compat", 8, 1) == 0);
	large = spdk_iobuf_get(&ch, 50000, NULL, NULL);
	EXPECT(large != NULL);
	for (i = 0; i < 64; i++) {
		bufs[i] = spdk_iobuf_get(&ch, 4096, NULL, NULL);
		EXPECT(bufs[i] != NULL);
	}
	/* Empty: wait in line. */
	EXPECT(spdk_iobuf_get(&ch, 4096, &first.entry, got_buffer) == NULL);
	EXPECT(spdk_iobuf_get(&ch, 4096, &second.entry, got_buffer) == NULL);
	EXPECT(spdk_iobuf_for_each_entry(&ch, entry_count, &waiting) == 0 && waiting == 2);
	spdk_iobuf_entry_abort(&ch, &second.entry, 4096);
	spdk_iobuf_put(&ch, bufs[0], 4096);
	EXPECT(first.buf == bufs[0] && second.buf == NULL);
	EXPECT(spdk_iobuf_get_stats(got_stats, &done) == 0);
	run_until(&done);
	for (i = 0; i < 64; i++) {
		spdk_iobuf_put(&ch, bufs[i], 4096);
	}
	spdk_iobuf_put(&ch, large, 50000);
	spdk_iobuf_channel_fini(&ch);
	EXPECT(spdk_iobuf_unregister_module("compat") == 0);
	done = false;
	spdk_iobuf_finish(set_done, &done);
	run_until(&done);
}

/* --- the end ---------------------------------------------------------------------------------- */

static void
use_exit(void)
{
	struct spdk_thread *threads[] = { g_other, g_app };
	int i;

	for (i = 0; i < 2; i++) {
		spdk_set_thread(threads[i]);
		EXPECT(spdk_thread_exit(threads[i]) == 0 && !spdk_thread_is_running(threads[i]));
		while (!spdk_thread_is_exited(threads[i])) {
			spdk_thread_poll(threads[i], 0, 0);
		}
		spdk_set_thread(NULL);
		spdk_thread_destroy(threads[i]);
	}
	EXPECT(spdk_thread_get_count() == 0);
	spdk_thread_lib_fini();
	EXPECT(spdk_thread_lib_init(NULL, 0) == 0);
	spdk_thread_lib_fini();
}

int
main(int argc, char **argv)
{
	struct spdk_env_opts opts;

	opts.opts_size = sizeof(opts);
	spdk_env_opts_init(&opts);
	opts.name = "use_thread";
	opts.core_mask = argv[1];
	opts.mem_size = 64;
	EXPECT(spdk_env_init(&opts) == 0);
	use_threads();
	use_messages();
	use_for_each();
	use_pollers();
	use_channels();
	use_spinlocks();
	use_interrupts();
	use_iobuf();
	use_exit();
	spdk_env_fini();
	printf("threads are as the header says\n");
	return 0;
}
