/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* DPDK's ring calls in their C11 form, whose atomics a thread sanitizer understands; the code is
 * the same on x86. Slots are written between enqueue's start and finish, and read between
 * dequeue's. */
#define RTE_USE_C11_MEM_MODEL 1

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <rte_ring_peek.h>

#include "ipc/client/client_ring.h"
#include "ipc/link/layout.h"

static bool
ring_is(const struct rte_ring *ring, uint32_t num_slots)
{
	return ring->size == num_slots && ring->mask == num_slots - 1 &&
	       ring->capacity == num_slots - 1 && ring->prod.sync_type == RTE_RING_SYNC_ST &&
	       ring->cons.sync_type == RTE_RING_SYNC_ST;
}

int
client_ring_init(struct client_ring *ring, void *base, size_t size,
                 const struct gate_geometry *geometry)
{
	struct link_layout layout;
	uint8_t *bytes = base;

	if (link_layout_of(geometry, &layout) < 0 || layout.size != geometry->link_size ||
	    layout.size > size) {
		return -EPROTO;
	}
	memset(ring, 0, sizeof(*ring));
	ring->header = base;
	ring->geometry = *geometry;
	ring->requests = (struct rte_ring *)(bytes + layout.request_ring);
	ring->responses = (struct rte_ring *)(bytes + layout.response_ring);
	ring->request_slots = bytes + layout.request_slots;
	ring->response_slots = bytes + layout.response_slots;
	if (ring->header->magic != LINK_MAGIC || ring->header->abi < CAL_ABI_OLDEST ||
	    ring->header->abi > CAL_ABI_VERSION ||
	    memcmp(&ring->header->geometry, geometry, sizeof(*geometry)) != 0 ||
	    !ring_is(ring->requests, geometry->num_request_slots) ||
	    !ring_is(ring->responses, geometry->num_response_slots)) {
		return -EPROTO;
	}
	return 0;
}

size_t
client_ring_push(struct client_ring *ring, const void *data, size_t len)
{
	uint32_t slot = ring->request_position & (ring->geometry.num_request_slots - 1);
	size_t chunk =
		len < ring->geometry.request_slot_size ? len : ring->geometry.request_slot_size;
	struct link_desc desc = {
		.len = (uint32_t)chunk,
		.flags = chunk < len ? LINK_DESC_MORE : 0,
		.slot = slot,
		.seq = ring->request_position,
	};

	if (rte_ring_enqueue_bulk_elem_start(ring->requests, 1, NULL) == 0) {
		return 0;
	}
	memcpy(ring->request_slots + (size_t)slot * ring->geometry.request_slot_size, data, chunk);
	rte_ring_enqueue_elem_finish(ring->requests, &desc, sizeof(desc), 1);
	ring->request_position++;
	return chunk;
}

int
client_ring_peek(struct client_ring *ring, const void **data, size_t *len, bool *more)
{
	uint32_t slot = ring->response_position & (ring->geometry.num_response_slots - 1);
	struct link_desc desc;

	if (rte_ring_dequeue_bulk_elem_start(ring->responses, &desc, sizeof(desc), 1, NULL) == 0) {
		return 0;
	}
	if (desc.slot != slot || desc.seq != ring->response_position || desc.len == 0 ||
	    desc.len > ring->geometry.response_slot_size) {
		rte_ring_dequeue_elem_finish(ring->responses, 0);
		return -EPROTO;
	}
	*data = ring->response_slots + (size_t)slot * ring->geometry.response_slot_size;
	*len = desc.len;
	*more = (desc.flags & LINK_DESC_MORE) != 0;
	return 1;
}

void
client_ring_release(struct client_ring *ring)
{
	rte_ring_dequeue_elem_finish(ring->responses, 1);
	ring->response_position++;
}

bool
client_ring_has_response(const struct client_ring *ring)
{
	return __atomic_load_n(&ring->responses->prod.tail, __ATOMIC_ACQUIRE) !=
	       ring->response_position;
}

bool
client_ring_has_space(const struct client_ring *ring)
{
	return ring->request_position -
	               __atomic_load_n(&ring->requests->cons.tail, __ATOMIC_ACQUIRE) <
	       ring->geometry.num_request_slots - 1;
}

bool
client_ring_must_wake(struct client_ring *ring, uint32_t reason)
{
	/* Full fence between our publication and the look at the flag; partner: link_arm(). */
	rte_smp_mb();
	if ((__atomic_load_n(&ring->header->primary_armed, __ATOMIC_RELAXED) & reason) == 0) {
		return false;
	}
	__atomic_store_n(&ring->header->primary_armed, 0, __ATOMIC_RELAXED);
	return true;
}

void
client_ring_bell(int bell)
{
	uint64_t one = 1;
	/* It does not block, and fails only when nobody has looked for 2^64 rings. */
	ssize_t n = write(bell, &one, sizeof(one));

	(void)n;
}

int
client_ring_arm(struct client_ring *ring, bool want_space)
{
	uint32_t reasons = LINK_ARM_MESSAGE | (want_space ? LINK_ARM_SPACE : 0);

	__atomic_store_n(&ring->header->client_armed, reasons, __ATOMIC_RELAXED);
	ring->armed = true;
	/* Full fence between arming and the last look; partner: wake_client() in ipc/link. */
	rte_smp_mb();
	if (client_ring_has_response(ring) || (want_space && client_ring_has_space(ring))) {
		client_ring_disarm(ring);
		return 1;
	}
	return 0;
}

void
client_ring_disarm(struct client_ring *ring)
{
	if (ring->armed) {
		ring->armed = false;
		__atomic_store_n(&ring->header->client_armed, 0, __ATOMIC_RELAXED);
	}
}
