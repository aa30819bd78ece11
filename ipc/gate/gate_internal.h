/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Between the files of the gate. All of it is the control pthread's. */

#ifndef CAL_IPC_GATE_INTERNAL_H
#define CAL_IPC_GATE_INTERNAL_H

#include <stdbool.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "calandria/instance.h"
#include "ipc/gate/gate.h"

#define GATE_MAX_CONNECTIONS   64
#define GATE_MAX_MONITORS      32   /* of them, of peers that are no admins, greeted or not */
#define GATE_ANSWER_TIMEOUT_MS 5000 /* for a hello, and for MAPPED */

/* So many lines in ten seconds about peers that are no admins. */
#define GATE_LOG_LINES 20

struct control_fd;
struct control_timer;
struct gate_packet;

enum gate_conn_state {
	GATE_CONN_NEW,     /* has not said hello */
	GATE_CONN_GREETED, /* may report and attach */
	GATE_CONN_WAITING, /* has asked to attach, before gate_open() */
	GATE_CONN_GRANTED, /* has been granted a link, and has not mapped it; the app thread knows
	                      nothing of it */
	GATE_CONN_LINKED,  /* has it: the app thread serves it */
	GATE_CONN_ENDED,   /* is gone; the app thread still holds its link */
};

struct gate_conn {
	TAILQ_ENTRY(gate_conn) entry;
	enum gate_conn_state state;
	enum gate_role role;
	bool service; /* its socket was inherited; the name was given by the supervisor */
	bool pinged;  /* a PING waits for its PONG */
	unsigned abi; /* what is spoken; ours until the hello */
	char name[32];
	pid_t pid; /* 0 until it is known */
	uid_t uid;
	gid_t gid;
	int fd; /* stays open until the link is done: the app thread rings on it */
	int pidfd;
	struct control_fd *fd_watch;
	struct control_fd *pidfd_watch;
	struct control_timer *answer_timer; /* runs until its hello, and until MAPPED */
	struct link *link;
	char private_dir[CAL_PATH_MAX]; /* "" without one */
};

struct gate {
	int id;
	gid_t group; /* whose members may look, (gid_t)-1: nobody */
	const struct gate_ops *ops;
	void *ctx;
	int listen_fd;
	struct control_fd *listen_watch;
	struct control_timer *listen_timer; /* runs while we are out of descriptors */
	bool open;
	bool closed;
	char close_reason[128];
	uint64_t last_link_id;
	uint64_t answer_timeout_ms; /* shorter in tests */
	unsigned num_conns;         /* the ended ones too */
	TAILQ_HEAD(gate_conns, gate_conn) conns;
};

extern struct gate g_gate;

/* gate_conn.c */

/** Take a connected socket (ours from now on, closed on failure). `service` NULL: somebody who
 *  knocked, with the peer's uid, gid and pid from the kernel. */
int gate_conn_start(int fd, const char *service);
/** Its end, for whatever reason: nothing is read any more, link_down() is called if it has a link,
 *  and it is freed unless it has. */
void gate_conn_end(struct gate_conn *conn);
/** Send REFUSED with an errno and a sentence, log it, end. */
void gate_conn_refuse(struct gate_conn *conn, int error, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/** Send a PING, if none waits for its PONG. */
int gate_conn_ping(struct gate_conn *conn);
/** It has to answer within answer_timeout_ms, or it is closed; the last such demand is over. */
void gate_conn_expect(struct gate_conn *conn);
void gate_conn_expected(struct gate_conn *conn);
/** Whether another line about it may be logged: what an unprivileged peer does, as often as it
 * likes, shall not fill the log. */
bool gate_conn_may_log(const struct gate_conn *conn);
/** The app thread has let go of its link. */
void gate_conn_link_done(struct gate_conn *conn);

/* gate_grant.c */

/** It has mapped the memory and sealed it: have the app thread serve it. */
void gate_grant_mapped(struct gate_conn *conn);
/** Create the link and the folder of a connection that asked to attach, and send both. On failure
 *  the connection is refused and ended. */
void gate_grant(struct gate_conn *conn);
/** Free the link and remove the folder. */
void gate_grant_undo(struct gate_conn *conn);

#endif
