/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/env/env_internal.h"
#include "ipc/client/client_internal.h"
#include "ipc/link/layout.h"

/* The primary opens a link at once; it is its control pthread's word. */
#define OPEN_TIMEOUT_MS 5000

/* Map what was granted, after a look at whether it is what the packet says. */
static int
map_grant(struct cal_client *client, struct gate_packet *packet, char *err, size_t err_size)
{
	const struct gate_geometry *geometry = &packet->msg.geometry;
	struct stat st;
	void *memory;
	int rc;

	if (packet->num_fds < 2 || fstat(packet->fds[0], &st) < 0 ||
	    (uint64_t)st.st_size < geometry->link_size || geometry->link_size == 0) {
		return client_explain(
			err, err_size, -EPROTO,
			"the primary with id %d granted a link without its memory or its bell",
			client->instance);
	}
	memory = mmap(NULL, geometry->link_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
	              packet->fds[0], 0);
	if (memory == MAP_FAILED) {
		return client_explain(err, err_size, -errno, "cannot map the link's memory: %s",
		                      strerror(errno));
	}
	/* Nobody else maps it to write to it from now on; without that the primary refuses us. */
	if (fcntl(packet->fds[0], F_ADD_SEALS, LINK_SEALS_OF_CLIENT) < 0) {
		rc = -errno;
		munmap(memory, geometry->link_size);
		return client_explain(err, err_size, rc, "cannot seal the link's memory: %s",
		                      strerror(-rc));
	}
	if (client_ring_init(&client->ring, memory, geometry->link_size, geometry) < 0) {
		munmap(memory, geometry->link_size);
		return client_explain(err, err_size, -EPROTO,
		                      "the primary with id %d granted a link of an unknown layout",
		                      client->instance);
	}
	/* What is in it is nobody's business who reads a core dump of ours. */
	madvise(memory, geometry->link_size, MADV_DONTDUMP);
	client->memory = memory;
	client->memory_size = geometry->link_size;
	client->bell = packet->fds[1];
	packet->fds[1] = -1;
	if (packet->num_fds > 2) {
		client->stats_fd = packet->fds[2];
		packet->fds[2] = -1;
	}
	return 0;
}

/* Tell the gate. Whether it is there is found when its answer is waited for. */
static int
ask(struct cal_client *client, enum gate_msg_type type, char *err, size_t err_size)
{
	struct gate_msg msg;
	int rc;

	gate_packet_init_abi(&msg, type, client->abi);
	msg.instance = (uint32_t)client->instance;
	rc = gate_packet_send(client->fd, &msg, NULL, 0);
	if (rc < 0 && rc != -EPIPE) {
		return client_explain(err, err_size, rc,
		                      "cannot ask the primary with id %d for a link: %s",
		                      client->instance, strerror(-rc));
	}
	return 0;
}

/* Wait for GRANT or OPEN. Returns 0 or a negative errno. */
static int
take_packet(struct cal_client *client, enum gate_msg_type type, int timeout_ms,
            struct gate_packet *packet, char *err, size_t err_size)
{
	int64_t deadline = client_deadline(timeout_ms);
	char state[192];
	int rc;

	for (;;) {
		rc = client_next_packet(client, deadline, packet);
		if (rc == -ETIMEDOUT) {
			client_primary_state(client->instance, state, sizeof(state));
			return client_explain(
				err, err_size, rc,
				"the primary with id %d is not ready to be attached to "
				"after %d ms (%s)",
				client->instance, timeout_ms, state);
		}
		if (rc <= 0) {
			client->status = -ECONNRESET;
			client_primary_state(client->instance, state, sizeof(state));
			return client_explain(err, err_size, -ECONNRESET,
			                      "the primary with id %d ended the connection (%s)",
			                      client->instance, state);
		}
		rc = gate_packet_check(packet, client->abi);
		if (rc < 0) {
			gate_packet_close_fds(packet);
			return client_explain(err, err_size, rc,
			                      "the primary with id %d sent a malformed packet",
			                      client->instance);
		}
		if (packet->msg.type == type) {
			return 0;
		}
		switch (packet->msg.type) {
		case GATE_PING:
			gate_packet_close_fds(packet);
			client_pong(client);
			break;
		case GATE_REFUSED:
			gate_packet_close_fds(packet);
			rc = packet->msg.code != 0 && packet->msg.code < 4096
			             ? -(int)packet->msg.code
			             : -EACCES;
			return client_explain(err, err_size, rc,
			                      "the primary with id %d refuses: %s",
			                      client->instance, packet->msg.text);
		case GATE_STOP:
			gate_packet_close_fds(packet);
			client->status = -ESHUTDOWN;
			return client_explain(err, err_size, -ESHUTDOWN,
			                      "the primary with id %d is stopping: %s",
			                      client->instance, packet->msg.text);
		default:
			gate_packet_close_fds(packet);
			break;
		}
	}
}

/* Ask for a link, map and seal its memory, and have it opened. */
static int
take_link(struct cal_client *client, int timeout_ms, struct gate_packet *grant, char *err,
          size_t err_size)
{
	struct gate_packet open;
	int rc;

	rc = ask(client, GATE_ATTACH, err, err_size);
	if (rc == 0) {
		rc = take_packet(client, GATE_GRANT, timeout_ms, grant, err, err_size);
	}
	if (rc < 0) {
		return rc;
	}
	rc = map_grant(client, grant, err, err_size);
	gate_packet_close_fds(grant);
	if (rc == 0) {
		rc = ask(client, GATE_MAPPED, err, err_size);
	}
	if (rc == 0) {
		rc = take_packet(client, GATE_OPEN, OPEN_TIMEOUT_MS, &open, err, err_size);
	}
	if (rc == 0) {
		gate_packet_close_fds(&open);
	}
	return rc;
}

/* We are another user than the primary, which makes no folder for us. What is put in it has no name
 * any more when this returns. */
static int
attach_in_own_folder(const char *template_dir, char *err, size_t err_size)
{
	char folder[] = "/tmp/calandria-XXXXXX";
	int rc;

	if (mkdtemp(folder) == NULL) {
		return client_explain(err, err_size, -errno, "cannot make a folder in /tmp: %s",
		                      strerror(errno));
	}
	rc = env_secondary_init(template_dir, folder, err, err_size);
	(void)rmdir(folder);
	return rc;
}

int
cal_client_attach(struct cal_client *client, int timeout_ms, char *err, size_t err_size)
{
	struct gate_packet packet;
	int rc;

	if (client->attached || client->memory != NULL) {
		return client_explain(err, err_size, -EALREADY, "attached already");
	}
	rc = take_link(client, timeout_ms, &packet, err, err_size);
	if (rc < 0) {
		return rc;
	}
	if (packet.msg.text[0] != '\0') {
		rc = env_secondary_init(packet.msg.template_dir, packet.msg.text, err, err_size);
	} else {
		rc = attach_in_own_folder(packet.msg.template_dir, err, err_size);
	}
	if (rc < 0) {
		return rc;
	}
	client->attached = true;
	return 0;
}

void
cal_client_forget_eal(void)
{
	env_secondary_fini();
}
