/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The part of the application that lives on the control pthread, and how its news reach the thread
 * that waits for them. */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "core/app/app_opts.h"
#include "core/app/app_private.h"
#include "core/reactor/reactor_internal.h"
#include "core/rpc/rpc_server.h"
#include "core/util/listen_addr.h"
#include "ipc/gate/control.h"
#include "ipc/gate/gate.h"
#include "spdk/log.h"

/* How long the configuration service may take to say that the file can be read. */
#define CHECK_TIMEOUT_S 10

static struct {
	pthread_mutex_t lock; /* main thread and control pthread; never a reactor */
	pthread_cond_t cond;
	struct app_note *kept[8];
	unsigned num_kept;
	bool interrupted;
	bool checked;
	bool failed;
	int failure_rc; /* of the start, then */
	char failure[APP_REASON_LEN];
	/* Where notes go; NULL: they are kept. Under the lock. */
	struct spdk_thread *thread;
	bool muted; /* any thread */

	int signal_fd;
	struct control_fd *signal_watch;
	bool control_runs;
	bool gate_listens;
	bool closing;
	sem_t services_gone;
} g_boot = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.signal_fd = -1,
};

/* --- notes ------------------------------------------------------------------------------------ */

/* Under the lock. */
static void
note_for_main(const struct app_note *note)
{
	switch (note->kind) {
	case APP_NOTE_SIGNAL:
		g_boot.interrupted = true;
		break;
	case APP_NOTE_CHECKED:
		g_boot.checked = true;
		break;
	case APP_NOTE_RPC_FAILED:
	case APP_NOTE_CONFIG_FAILED:
	case APP_NOTE_LATE:
		if (!g_boot.failed) {
			g_boot.failed = true;
			g_boot.failure_rc = note->rc;
			snprintf(g_boot.failure, sizeof(g_boot.failure), "%s", note->text);
		}
		break;
	case APP_NOTE_RPC_READY:
		break;
	}
	pthread_cond_signal(&g_boot.cond);
}

static void
note_send(enum app_note_kind kind, int rc, const char *text)
{
	struct app_note *note = calloc(1, sizeof(*note));

	if (note == NULL) {
		SPDK_ERRLOG("out of memory: lost word of a service or a signal\n");
		return;
	}
	note->kind = kind;
	note->rc = rc;
	snprintf(note->text, sizeof(note->text), "%s", text);
	pthread_mutex_lock(&g_boot.lock);
	if (g_boot.thread != NULL && !__atomic_load_n(&g_boot.muted, __ATOMIC_RELAXED)) {
		if (spdk_thread_send_msg(g_boot.thread, app_run_note, note) == 0) {
			note = NULL;
		} else if (kind == APP_NOTE_SIGNAL) {
			/* The application told it to exit: nobody is left to stop in order. */
			SPDK_ERRLOG("%s stops out of order: its app thread has exited\n",
			            g_app.opts.name);
			reactors_stop();
		}
	} else if (g_boot.thread == NULL) {
		note_for_main(note);
		if (g_boot.num_kept < sizeof(g_boot.kept) / sizeof(g_boot.kept[0])) {
			g_boot.kept[g_boot.num_kept++] = note;
			note = NULL;
		}
	}
	pthread_mutex_unlock(&g_boot.lock);
	free(note);
}

void
app_boot_handover(void)
{
	unsigned i;

	pthread_mutex_lock(&g_boot.lock);
	g_boot.thread = g_app.thread;
	for (i = 0; i < g_boot.num_kept; i++) {
		if (spdk_thread_send_msg(g_boot.thread, app_run_note, g_boot.kept[i]) != 0) {
			free(g_boot.kept[i]);
		}
	}
	g_boot.num_kept = 0;
	pthread_mutex_unlock(&g_boot.lock);
}

void
app_boot_mute(void)
{
	__atomic_store_n(&g_boot.muted, true, __ATOMIC_RELAXED);
}

bool
app_boot_is_interrupted(void)
{
	struct pollfd pfd = { .fd = g_boot.signal_fd, .events = POLLIN };
	bool interrupted;

	pthread_mutex_lock(&g_boot.lock);
	interrupted = g_boot.interrupted;
	pthread_mutex_unlock(&g_boot.lock);
	/* One that nobody has read yet. */
	return interrupted || poll(&pfd, 1, 0) > 0;
}

int
app_boot_wait_checked(void)
{
	struct timespec until;
	int rc = 0, timeout = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += CHECK_TIMEOUT_S;
	pthread_mutex_lock(&g_boot.lock);
	while (!g_boot.checked && !g_boot.failed && !g_boot.interrupted && timeout == 0 &&
	       g_app.has_config && !g_app.by_hand) {
		timeout = pthread_cond_timedwait(&g_boot.cond, &g_boot.lock, &until);
	}
	if (g_boot.interrupted) {
		rc = -ECANCELED;
	} else if (g_boot.failed) {
		snprintf(g_app.reason, sizeof(g_app.reason), "%s", g_boot.failure);
		rc = g_boot.failure_rc;
		app_deadline_heard();
	} else if (timeout != 0) {
		snprintf(g_app.reason, sizeof(g_app.reason),
		         "cal-confd did not say within %d s whether %s can be read: see its log",
		         CHECK_TIMEOUT_S,
		         g_app.config_path != NULL ? g_app.config_path : "what was kept");
		rc = -ETIMEDOUT;
	}
	pthread_mutex_unlock(&g_boot.lock);
	return rc;
}

/* --- what happens on the control pthread ------------------------------------------------------ */

static void
on_service_event(enum service_event event, const char *name, const char *text)
{
	bool is_config = strcmp(name, "confd") == 0;
	bool is_rpc = strcmp(name, "rpcd") == 0;

	switch (event) {
	case SERVICE_EVENT_READY:
		if (is_rpc) {
			note_send(APP_NOTE_RPC_READY, 0, "");
		}
		break;
	case SERVICE_EVENT_CHECKED:
		note_send(APP_NOTE_CHECKED, 0, "");
		break;
	case SERVICE_EVENT_FAILED:
	case SERVICE_EVENT_LOOP:
	case SERVICE_EVENT_NO_BINARY:
		if (is_config || is_rpc) {
			/* SPDK's: -EINVAL for the RPC socket and for what is in the configuration.
			 */
			note_send(is_config ? APP_NOTE_CONFIG_FAILED : APP_NOTE_RPC_FAILED,
			          is_rpc || event == SERVICE_EVENT_FAILED ? -EINVAL : 1, text);
		} else {
			SPDK_ERRLOG("%s\n", text);
		}
		break;
	}
}

static void
on_report(void *ctx, const char *name, pid_t pid, enum gate_report_code code, const char *text)
{
	service_report(name, pid, code, text);
}

static void
on_peer(void *ctx, const char *name, pid_t pid, bool connected)
{
	service_peer(name, pid, connected);
}

static void
on_alive(void *ctx, const char *name, pid_t pid)
{
	service_alive(name, pid);
}

static const struct gate_ops g_gate_ops = {
	.link_up = rpc_server_link_up,
	.link_down = rpc_server_link_down,
	.report = on_report,
	.peer = on_peer,
	.alive = on_alive,
};

/* --- signals ---------------------------------------------------------------------------------- */

bool
app_boot_signal(void)
{
	int saved = errno, fd = __atomic_load_n(&g_boot.signal_fd, __ATOMIC_RELAXED);
	uint64_t one = 1;
	bool told;

	/* All that a signal handler may do. The descriptor is non-blocking; a full counter means
	 * that a signal is waiting to be seen already. */
	told = fd >= 0 && (write(fd, &one, sizeof(one)) == sizeof(one) || errno == EAGAIN);
	errno = saved;
	return told;
}

static void
on_signal(int signo)
{
	(void)app_boot_signal();
}

static void
on_signal_fd(void *arg, uint32_t events)
{
	uint64_t count;

	if (read(g_boot.signal_fd, &count, sizeof(count)) == sizeof(count)) {
		note_send(APP_NOTE_SIGNAL, 0, "");
	}
}

static void
signals_set(void (*handler)(int), void (*pipe_handler)(int))
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	action.sa_handler = pipe_handler;
	sigaction(SIGPIPE, &action, NULL);
}

int
app_signals_up(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0) {
		return app_fail(-errno, "signals cannot be heard: %s", strerror(errno));
	}
	g_boot.interrupted = false; /* an earlier start's */
	__atomic_store_n(&g_boot.signal_fd, fd, __ATOMIC_RELAXED);
	if (!g_app.opts.disable_signal_handlers) {
		signals_set(on_signal, SIG_IGN);
	}
	return 0;
}

void
app_signals_down(void)
{
	int fd = g_boot.signal_fd;

	if (!g_app.opts.disable_signal_handlers) {
		signals_set(SIG_DFL, SIG_DFL);
	}
	/* In this order: a handler of the application's own may be about to write. */
	__atomic_store_n(&g_boot.signal_fd, -1, __ATOMIC_RELAXED);
	close(fd);
}

void
app_boot_tell_late(const char *text)
{
	note_send(APP_NOTE_LATE, -ETIMEDOUT, text);
}

/* --- up --------------------------------------------------------------------------------------- */

static int
boot_on_control(void *arg)
{
	int rc;

	rc = control_fd_add(g_boot.signal_fd, EPOLLIN, on_signal_fd, NULL, &g_boot.signal_watch);
	if (rc != 0) {
		return rc;
	}
	gate_share(g_app.gate_group);
	rc = gate_listen(g_app.id, &g_gate_ops, NULL);
	if (rc != 0) {
		return rc;
	}
	g_boot.gate_listens = true;
	rc = service_start_all();
	if (rc != 0) {
		return rc;
	}
	app_deadline_start();
	app_systemd_on_control();
	return 0;
}

static void
notes_reset(void)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&g_boot.cond, &attr);
	pthread_condattr_destroy(&attr);
	sem_init(&g_boot.services_gone, 0, 0);
	g_boot.thread = NULL;
	g_boot.interrupted = g_boot.checked = g_boot.failed = false;
	g_boot.muted = g_boot.closing = g_boot.gate_listens = false;
	g_boot.num_kept = 0;
}

/* What anybody who can connect may do is all there is. */
static void
warn_of_open_sockets(void)
{
	const char *tcp = app_args()->rpc_tcp, *mode = app_args()->rpc_socket_mode;
	struct sockaddr_storage addr;
	unsigned bits;
	socklen_t len;
	char err[128];

	if (tcp != NULL && listen_addr_parse(tcp, &addr, &len, err, sizeof(err)) == 0 &&
	    !listen_addr_is_loopback(&addr)) {
		SPDK_WARNLOG("JSON-RPC on TCP %s has no authentication, and is not only for this "
		             "machine: whoever reaches it controls %s\n",
		             tcp, g_app.opts.name);
	}
	if (mode != NULL && socket_mode_parse(mode, &bits, err, sizeof(err)) == 0 &&
	    (bits & 02) != 0) {
		SPDK_WARNLOG("the mode %s of the JSON-RPC socket lets every user of this machine "
		             "control %s\n",
		             mode, g_app.opts.name);
	}
}

int
app_boot(const cpu_set_t *reactors)
{
	struct service_opts service_opts = {
		.instance = g_app.id,
		.by_hand = g_app.by_hand,
		.rpc_socket = g_app.opts.rpc_addr,
		.rpc_socket_mode = app_args()->rpc_socket_mode,
		.rpc_tcp = app_args()->rpc_tcp,
		.config_file = g_app.config_path,
		.state_dir = g_app.state_dir,
		.wait_for_rpc = g_app.opts.delay_subsystem_init,
		.ignore_init_errors = g_app.opts.json_config_ignore_errors,
		.event = on_service_event,
	};
	int rc;

	notes_reset();
	warn_of_open_sockets();
	rc = service_init(&service_opts);
	if (rc == 0) {
		rc = control_start();
		g_boot.control_runs = rc == 0;
	}
	if (rc == 0) {
		rc = control_avoid_cpus(reactors, sizeof(*reactors));
	}
	if (rc == 0) {
		rc = control_call(boot_on_control, NULL);
	}
	if (rc != 0) {
		snprintf(g_app.reason, sizeof(g_app.reason),
		         "cannot listen for control processes in the instance's folder: %s%s",
		         strerror(-rc),
		         rc == -ENAMETOOLONG ? " (set CALANDRIA_RUN_ROOT to a shorter one)" : "");
		app_boot_fini();
		return rc;
	}
	return 0;
}

/* --- down ------------------------------------------------------------------------------------- */

struct close_request {
	char reason[128];
	void (*fn)(void *ctx);
	void *ctx;
};

static void
on_services_gone(void *ctx)
{
	sem_post(&g_boot.services_gone);
}

static void
close_on_control(void *arg)
{
	struct close_request *request = arg;

	g_boot.closing = true;
	gate_close(request->reason);
	/* Behind every link_down(): when it runs, the app thread has heard of all of them. */
	if (request->fn != NULL) {
		(void)spdk_thread_send_msg(g_app.thread, request->fn, request->ctx);
	}
	free(request);
	service_stop_all(on_services_gone, NULL);
}

void
app_boot_close(const char *reason, void (*fn)(void *ctx), void *ctx)
{
	struct close_request *request = calloc(1, sizeof(*request));

	if (request != NULL) {
		snprintf(request->reason, sizeof(request->reason), "%s", reason);
		request->fn = fn;
		request->ctx = ctx;
		if (control_post(close_on_control, request) == 0) {
			return;
		}
	}
	free(request);
	/* The gate stays open until the main thread takes it down. */
	SPDK_ERRLOG("out of memory: services end late\n");
	fn(ctx);
}

void
app_boot_abort(const char *reason, void (*done)(void *ctx))
{
	g_boot.closing = true;
	gate_close(reason);
	service_stop_all(done, NULL);
}

static int
finish_on_control(void *arg)
{
	struct close_request *request;

	app_deadline_cancel();
	if (!g_boot.closing) {
		request = calloc(1, sizeof(*request));
		if (request == NULL) {
			return -ENOMEM;
		}
		snprintf(request->reason, sizeof(request->reason), "the primary ends");
		close_on_control(request);
	}
	return 0;
}

static int
gate_fini_on_control(void *arg)
{
	gate_fini();
	return 0;
}

void
app_boot_finish(void)
{
	if (!g_boot.control_runs || !g_boot.gate_listens) {
		return;
	}
	if (control_call(finish_on_control, NULL) == 0) {
		while (sem_wait(&g_boot.services_gone) != 0 && errno == EINTR) {
		}
	}
	(void)control_call(gate_fini_on_control, NULL);
	g_boot.gate_listens = false;
}

static int
signals_unwatch(void *arg)
{
	if (g_boot.signal_watch != NULL) {
		control_fd_del(g_boot.signal_watch);
		g_boot.signal_watch = NULL;
	}
	app_systemd_off_control();
	return 0;
}

void
app_boot_fini(void)
{
	unsigned i;

	if (g_boot.control_runs) {
		(void)control_call(signals_unwatch, NULL);
		control_stop();
		g_boot.control_runs = false;
	}
	for (i = 0; i < g_boot.num_kept; i++) {
		free(g_boot.kept[i]);
	}
	g_boot.num_kept = 0;
	service_fini();
}
