/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* To the gate and through hello; and, when it does not work, why. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "calandria/instance.h"
#include "calandria/state.h"
#include "ipc/client/client_internal.h"

#define RETRY_MS 5

/* The socket that the primary left us at our spawn. Taken once: our own children have none. */
static int
inherited_fd(int instance)
{
	const char *fd_text = getenv("CAL_SERVICE_FD");
	const char *instance_text = getenv("CAL_INSTANCE");
	int fd, type = 0, flags;
	socklen_t len = sizeof(type);

	if (fd_text == NULL || (instance_text != NULL && atoi(instance_text) != instance)) {
		return -1;
	}
	fd = atoi(fd_text);
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_SEQPACKET) {
		return -1;
	}
	unsetenv("CAL_SERVICE_FD");
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	flags = fcntl(fd, F_GETFL);
	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	return fd;
}

/* One try. Returns the socket or a negative errno. */
static int
try_connect(const struct sockaddr_un *addr)
{
	int fd, rc;

	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		return -errno;
	}
	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

/* Why nobody answers at instance `id`'s gate, when connecting failed with `rc`. */
static int
explain_failure(int id, int rc, const char *path, char *err, size_t err_size)
{
	struct cal_state_file file;
	char state[192];
	bool alive = false;
	int read_rc;

	read_rc = cal_state_read(id, &file, &alive);
	if (rc == -EACCES || rc == -EPERM || read_rc == -EACCES) {
		return client_explain(
			err, err_size, -EACCES,
			"no permission to use %s: run as root or as the primary's user, or, to "
			"look, as a member of its --gate-group",
			path);
	}
	if (rc != -ENOENT && rc != -ECONNREFUSED && rc != -EAGAIN) {
		return client_explain(err, err_size, rc, "cannot connect to %s: %s", path,
		                      strerror(-rc));
	}
	if (read_rc < 0 && cal_instance_owner(id) <= 0) {
		return client_explain(err, err_size, -ENOENT,
		                      "no primary with id %d is running (start one with `calandria "
		                      "-i %d -m 0x1`)",
		                      id, id);
	}
	if (read_rc == 0 && !alive) {
		return client_explain(err, err_size, -ECONNREFUSED,
		                      "the primary with id %d (pid %d) is dead, its last state was "
		                      "%s%s%s (start a new one with `calandria -i %d -m 0x1`)",
		                      id, file.main.pid, cal_run_state_name(file.main.state),
		                      file.main.reason[0] != '\0' ? ": " : "", file.main.reason,
		                      id);
	}
	client_primary_state(id, state, sizeof(state));
	return client_explain(err, err_size, rc == -ENOENT ? -EAGAIN : rc,
	                      "the primary with id %d does not answer at its gate (%s): try again, "
	                      "or look at its log",
	                      id, state);
}

static int
connect_gate(struct cal_client *client, int64_t deadline, char *err, size_t err_size)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd, rc;

	rc = cal_instance_path(addr.sun_path, sizeof(addr.sun_path), client->instance,
	                       CAL_GATE_NAME);
	if (rc < 0) {
		return client_explain(
			err, err_size, rc,
			"the path of the gate of instance %d is too long for a socket: "
			"set CALANDRIA_RUN_ROOT to a shorter one",
			client->instance);
	}
	for (;;) {
		fd = try_connect(&addr);
		if (fd >= 0) {
			return fd;
		}
		/* It may be about to listen, or have its hands full; a dead one will do neither. */
		if ((fd != -ENOENT && fd != -ECONNREFUSED && fd != -EAGAIN) ||
		    cal_instance_owner(client->instance) <= 0 || client_time_left(deadline) == 0) {
			return explain_failure(client->instance, fd, addr.sun_path, err, err_size);
		}
		poll(NULL, 0, RETRY_MS);
	}
}

static int
send_hello(struct cal_client *client)
{
	struct gate_msg msg;

	gate_packet_init(&msg, GATE_HELLO);
	msg.instance = (uint32_t)client->instance;
	snprintf(msg.name, sizeof(msg.name), "%s", client->name);
	snprintf(msg.version, sizeof(msg.version), "%s", CAL_VERSION_STRING);
	return gate_packet_send(client->fd, &msg, NULL, 0);
}

static int
take_welcome(struct cal_client *client, int64_t deadline, char *err, size_t err_size)
{
	struct gate_packet packet;
	char state[192], ours[32];
	int rc;

	rc = client_next_packet(client, deadline, &packet);
	if (rc == -ETIMEDOUT) {
		client_primary_state(client->instance, state, sizeof(state));
		return client_explain(err, err_size, rc,
		                      "the primary with id %d does not answer at its gate (%s): is "
		                      "it stopped?",
		                      client->instance, state);
	}
	if (rc <= 0) {
		return client_explain(err, err_size, rc < 0 ? rc : -ECONNREFUSED,
		                      "the primary with id %d closed the connection at its gate",
		                      client->instance);
	}
	gate_packet_close_fds(&packet);
	/* A REFUSED can be read in any version. Anything else is of one that both speak. */
	rc = gate_packet_check_any(&packet);
	if (rc < 0 || packet.msg.type != GATE_REFUSED) {
		rc = gate_packet_check(&packet, packet.msg.abi >= CAL_ABI_OLDEST &&
		                                                packet.msg.abi <= CAL_ABI_VERSION
		                                        ? packet.msg.abi
		                                        : CAL_ABI_VERSION);
	}
	if (rc == -EPROTONOSUPPORT) {
		gate_packet_abi_text(ours, sizeof(ours), CAL_ABI_OLDEST, CAL_ABI_VERSION);
		return client_explain(err, err_size, rc,
		                      "the primary with id %d speaks version %u of the protocol, "
		                      "%s (Calandria %s) %s: use programs of the same release",
		                      client->instance, packet.msg.abi, client->name,
		                      CAL_VERSION_STRING, ours);
	}
	if (rc == 0 && packet.msg.type == GATE_REFUSED) {
		rc = packet.msg.code != 0 && packet.msg.code < 4096 ? -(int)packet.msg.code
		                                                    : -EACCES;
		return client_explain(err, err_size, rc, "the primary with id %d refuses: %s",
		                      client->instance, packet.msg.text);
	}
	if (rc == 0 && packet.msg.type == GATE_STOP) {
		return client_explain(err, err_size, -ESHUTDOWN,
		                      "the primary with id %d is stopping: %s", client->instance,
		                      packet.msg.text);
	}
	if (rc < 0 || packet.msg.type != GATE_WELCOME || packet.msg.code > GATE_ROLE_MONITOR) {
		return client_explain(err, err_size, -EPROTO,
		                      "the primary with id %d does not answer as one at its gate",
		                      client->instance);
	}
	client->abi = packet.msg.abi;
	client->role = (enum gate_role)packet.msg.code;
	client->primary_pid = packet.msg.pid;
	return 0;
}

int
cal_client_connect(const struct cal_client_opts *user_opts, struct cal_client **out, char *err,
                   size_t err_size)
{
	struct cal_client_opts opts;
	struct cal_client *client;
	int64_t deadline;
	int rc;

	cal_client_opts_init(&opts, sizeof(opts));
	memcpy(&opts, user_opts,
	       user_opts->opts_size < sizeof(opts) ? user_opts->opts_size : sizeof(opts));
	client = calloc(1, sizeof(*client));
	if (client == NULL) {
		return client_explain(err, err_size, -ENOMEM, "out of memory");
	}
	client->instance = opts.instance;
	snprintf(client->name, sizeof(client->name), "%s", opts.name);
	client->spin_us = opts.spin_us;
	client->connect_timeout_ms = opts.connect_timeout_ms;
	client->abi = CAL_ABI_VERSION;
	client->bell = -1;
	client->stats_fd = -1;
	client->first_free = -1;
	STAILQ_INIT(&client->queue);
	codec_buf_init(&client->encoded);
	deadline = client_deadline((int)opts.connect_timeout_ms);

	client->fd = inherited_fd(opts.instance);
	if (client->fd < 0) {
		client->fd = connect_gate(client, deadline, err, err_size);
	}
	if (client->fd < 0) {
		rc = client->fd;
		goto fail;
	}
	rc = send_hello(client);
	if (rc < 0 && rc != -EPIPE) {
		client_explain(err, err_size, rc, "cannot say hello to the primary with id %d: %s",
		               client->instance, strerror(-rc));
		goto fail_hello;
	}
	rc = take_welcome(client, deadline, err, err_size);
	if (rc < 0) {
		goto fail_hello;
	}
	*out = client;
	return 0;

fail_hello:
	close(client->fd);
fail:
	free(client);
	return rc;
}
