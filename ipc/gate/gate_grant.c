/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "calandria/stats.h"
#include "core/util/folder.h"
#include "ipc/gate/gate_internal.h"
#include "ipc/gate/gate_packet.h"
#include "ipc/link/link.h"
#include "spdk/log.h"

/* <instance>/link/<n>/, for a peer that runs as our own user. Another user's client makes itself
 * one elsewhere: who owns a folder may hold the locks of what is in it (getdents() into a page that
 * nobody gives), and then its removal waits, on this thread and at the next start. */
static int
private_dir_create(struct gate_conn *conn, uint64_t link_id)
{
	char name[32];
	int rc;

	rc = cal_instance_path(conn->private_dir, sizeof(conn->private_dir), g_gate.id,
	                       CAL_LINK_DIR);
	if (rc < 0) {
		goto fail;
	}
	if (mkdir(conn->private_dir, 0700) < 0 && errno != EEXIST) {
		rc = -errno;
		goto fail;
	}
	snprintf(name, sizeof(name), CAL_LINK_DIR "/%" PRIu64, link_id);
	rc = cal_instance_path(conn->private_dir, sizeof(conn->private_dir), g_gate.id, name);
	if (rc < 0) {
		goto fail;
	}
	if (mkdir(conn->private_dir, 0700) < 0) {
		rc = -errno;
		goto fail;
	}
	return 0;
fail:
	conn->private_dir[0] = '\0';
	return rc;
}

static int
grant_send(struct gate_conn *conn)
{
	struct gate_msg msg;
	int fds[GATE_MAX_FDS];
	unsigned num_fds = 0;
	int stats_fd, rc;

	gate_packet_init_abi(&msg, GATE_GRANT, conn->abi);
	msg.instance = (uint32_t)g_gate.id;
	msg.geometry = link_geometry(conn->link);
	snprintf(msg.text, sizeof(msg.text), "%s", conn->private_dir);
	rc = cal_instance_path(msg.template_dir, sizeof(msg.template_dir), g_gate.id,
	                       CAL_TEMPLATE_DIR);
	if (rc < 0) {
		return rc;
	}
	fds[num_fds++] = link_memfd(conn->link);
	fds[num_fds++] = link_bell(conn->link);
	stats_fd = cal_stats_fd();
	if (stats_fd >= 0) {
		fds[num_fds++] = stats_fd;
	}
	return gate_packet_send(conn->fd, &msg, fds, num_fds);
}

void
gate_grant_undo(struct gate_conn *conn)
{
	int rc;

	if (conn->link != NULL) {
		link_destroy(conn->link);
		conn->link = NULL;
	}
	if (conn->private_dir[0] != '\0') {
		rc = folder_remove(conn->private_dir);
		if (rc < 0) {
			SPDK_ERRLOG("%s (pid %d): cannot remove %s: %s\n", conn->name, conn->pid,
			            conn->private_dir, strerror(-rc));
		}
		conn->private_dir[0] = '\0';
	}
}

void
gate_grant(struct gate_conn *conn)
{
	uint64_t id = ++g_gate.last_link_id;
	int rc;

	rc = conn->uid == geteuid() ? private_dir_create(conn, id) : 0;
	if (rc < 0) {
		gate_conn_refuse(conn, -rc, "its folder link/%" PRIu64 " cannot be created: %s", id,
		                 strerror(-rc));
		return;
	}
	rc = link_create(&conn->link, id, conn->role, conn->name, conn->pid, conn->fd);
	if (rc < 0) {
		conn->link = NULL;
		gate_grant_undo(conn);
		gate_conn_refuse(conn, -rc, "its link cannot be created: %s", strerror(-rc));
		return;
	}
	link_speak(conn->link, conn->abi);
	rc = grant_send(conn);
	if (rc < 0) {
		gate_grant_undo(conn);
		gate_conn_refuse(conn, -rc, "its grant cannot be sent: %s", strerror(-rc));
		return;
	}
	conn->state = GATE_CONN_GRANTED;
	gate_conn_expect(conn);
}

void
gate_grant_mapped(struct gate_conn *conn)
{
	struct gate_msg msg;
	int rc;

	gate_conn_expected(conn);
	rc = link_hold(conn->link);
	if (rc == -EPERM) {
		gate_conn_refuse(conn, -rc, "it has not sealed its link's memory");
		return;
	}
	if (rc < 0) {
		gate_conn_refuse(conn, -rc, "its link's memory cannot be used: %s", strerror(-rc));
		return;
	}
	conn->state = GATE_CONN_LINKED;
	cal_stats_links()->granted++;
	g_gate.ops->link_up(g_gate.ctx, conn->link);
	gate_packet_init_abi(&msg, GATE_OPEN, conn->abi);
	msg.instance = (uint32_t)g_gate.id;
	if (gate_packet_send(conn->fd, &msg, NULL, 0) < 0) {
		gate_conn_end(conn);
	}
}
