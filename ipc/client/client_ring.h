/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The secondary's end of a link's rings, by DPDK's ring API: no connection, no EAL, no allocation,
 * so that it can be tested alone. One thread. */

#ifndef CAL_IPC_CLIENT_RING_H
#define CAL_IPC_CLIENT_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipc/gate/gate_proto.h"

struct client_ring {
	struct link_header *header;
	struct rte_ring *requests;
	struct rte_ring *responses;
	uint8_t *request_slots;
	uint8_t *response_slots;
	struct gate_geometry geometry;
	uint32_t request_position;
	uint32_t response_position;
	bool armed;
};

/** Use the memory at `base`, `size` bytes, as a link of `geometry`. Returns 0, or -EPROTO when that
 *  is not what stands there. */
int client_ring_init(struct client_ring *ring, void *base, size_t size,
                     const struct gate_geometry *geometry);

/** Put as much of a request as fits one slot: returns the bytes taken, 0 when no slot is free. The
 *  fragment is marked as the last one when it takes all `len` bytes. */
size_t client_ring_push(struct client_ring *ring, const void *data, size_t len);

/** Look at the next fragment of a response. *data is in shared memory: copy it, then
 *  client_ring_release(). Returns 1, 0 when there is none, -EPROTO when the primary's bytes make no
 *  sense. */
int client_ring_peek(struct client_ring *ring, const void **data, size_t *len, bool *more);
void client_ring_release(struct client_ring *ring);

/** Whether peek() would find something. Costs one load. */
bool client_ring_has_response(const struct client_ring *ring);
/** Whether push() would find a slot. */
bool client_ring_has_space(const struct client_ring *ring);

/** After pushes (LINK_ARM_MESSAGE) and releases (LINK_ARM_SPACE): true when the primary sleeps and
 *  waits for that, and must be rung (once). */
bool client_ring_must_wake(struct client_ring *ring, uint32_t reason);
/** Ring the primary's bell. */
void client_ring_bell(int bell);

/** Before sleeping: ask to be woken for a response, and for a free request slot if `want_space`.
 *  Returns 1 when one of them is there already (not armed then), 0 when it is safe to sleep. */
int client_ring_arm(struct client_ring *ring, bool want_space);
/** Awake again. */
void client_ring_disarm(struct client_ring *ring);

#endif
