/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Between the files of the client. One thread. */

#ifndef CAL_IPC_CLIENT_INTERNAL_H
#define CAL_IPC_CLIENT_INTERNAL_H

#include <stdbool.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "ipc/client/client.h"
#include "ipc/client/client_ring.h"
#include "ipc/codec/codec.h"
#include "ipc/gate/gate_packet.h"

/* A request, or the rest of it, that waits for free slots. */
struct client_out {
	STAILQ_ENTRY(client_out) entry;
	size_t len;
	size_t sent;
	uint8_t data[];
};

/* A response that is awaited. Its index is the low half of the request's id; the high half counts
 * the uses of the place, so that a response that comes twice finds nobody. */
struct client_pending {
	cal_response_fn fn; /* NULL: nobody waits any more */
	void *ctx;
	uint32_t id;
	bool used;
	int32_t next_free;
};

struct client_buf {
	uint8_t *data;
	size_t len;
	size_t cap;
};

struct cal_client {
	int instance;
	char name[32];
	unsigned spin_us;
	unsigned connect_timeout_ms;
	int fd;
	pid_t primary_pid;
	enum gate_role role;
	unsigned abi;      /* what is spoken: the WELCOME said it */
	bool pong_due;     /* a PING is not answered yet */
	int64_t socket_us; /* when the socket was looked at last */
	int status; /* 0, -ESHUTDOWN (asked to stop) or -ECONNRESET (gone): what process() returns
	             */

	/* Once attached. */
	bool attached;
	void *memory;
	size_t memory_size;
	int bell; /* the primary's: rung when it sleeps */
	int stats_fd;
	struct client_ring ring;

	struct codec_buf encoded; /* the request that is being written */
	STAILQ_HEAD(client_outs, client_out) queue;
	size_t queue_bytes;
	struct client_buf in;      /* the response that is being put together */
	struct client_buf call_in; /* the one that cal_client_call() returned last */

	struct client_pending *pending;
	int32_t num_pending; /* places */
	int32_t first_free;  /* -1: none */
};

/** Write one sentence for the user and return `rc`. */
int client_explain(char *err, size_t err_size, int rc, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/** A point in time `timeout_ms` from now, for client_time_left(); negative: never. */
int64_t client_deadline(int timeout_ms);
/** Milliseconds left, rounded up, for poll(2): 0 when it is past, -1 for never. */
int client_time_left(int64_t deadline_us);
int64_t client_now_us(void);

/** poll() for the gate's connection until `deadline_us`, telling systemd meanwhile that we are
 * alive, if it has started us. Returns what poll() does. */
int client_poll(const struct cal_client *client, int64_t deadline_us);
/** Answer a PING, now or, if that does not go out, with the next look at the socket. */
void client_pong(struct cal_client *client);

/** Wait for a packet of the gate. Returns 1, 0 at the end of the connection, -ETIMEDOUT, or another
 *  negative errno. */
int client_next_packet(struct cal_client *client, int64_t deadline_us, struct gate_packet *packet);

/** "starting (subsystem_init: bdev)" and the like, from the state file. */
void client_primary_state(int instance, char *text, size_t size);

/** Take what the ring holds and send what waits; the socket is not looked at. Returns how many
 *  responses were delivered. */
int client_process_ring(struct cal_client *client);

/** Call every callback that waits. */
void client_fail_pending(struct cal_client *client, int status);

/** Send a request whose id is returned in *id, to give it up later. */
int client_send(struct cal_client *client, const char *method, const void *params,
                size_t params_len, cal_response_fn fn, void *ctx, uint32_t *id);
/** Nobody waits for this response any more. */
void client_give_up(struct cal_client *client, uint32_t id);

/** Make room for `len` bytes. Returns 0 or -ENOMEM. */
int client_buf_reserve(struct client_buf *buf, size_t len);

#endif
