/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What stands in a link's shared memory: a header, two rte_rings (single producer, single consumer,
 * 16-byte elements), and as many message slots a ring as it has elements. Position p of a ring (its
 * head and tail count from 0, modulo 2^32) owns slot p & (slots - 1), so a slot is free exactly
 * when the consumer's tail has passed it; a ring of 64 carries 63 messages at once.
 *
 * The creator (the primary) writes all of it once; afterwards it believes nothing here but the
 * peer's tail, after a range check, and what it copies out. Both ends compute the places from the
 * geometry in the GRANT: there is no offset in the memory that anyone would follow.
 *
 * Sizes: requests are small (most under 200 bytes, 4 KiB takes a bdev with all its options), so 63
 * of 4 KiB allow that many in flight in 256 KiB. Responses are what grows (bdev_get_bdevs of a
 * thousand devices is 1 MB): 63 of 16 KiB pass such a one in one turn of the ring, and need a page
 * walk of 1 MiB a link at most. Bigger slots would cost memory a link (1.3 MB now, 64 links at
 * most) and gain nothing: a 16 KiB copy is ten times what a slot's book-keeping costs. */

#ifndef CAL_IPC_LINK_LAYOUT_H
#define CAL_IPC_LINK_LAYOUT_H

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <fcntl.h>
#include <stdint.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>

#include "ipc/gate/gate_proto.h"

#define LINK_MAGIC              0x4b4c4143u /* "CALK" */
#define LINK_REQUEST_SLOT_SIZE  4096u
#define LINK_RESPONSE_SLOT_SIZE 16384u
#ifdef CAL_FUZZ_LIMITS /* make fuzz: they come round soon, and making a link is quick */
#define LINK_NUM_SLOTS 4u
#else
#define LINK_NUM_SLOTS 64u /* of either kind */
#endif

/* What the client seals its memory with when it has mapped it, before it says MAPPED: no new
 * writable mapping, no write(), no hole, for good. The primary only looks whether it is so. Setting
 * a seal takes the inode's lock, which a client can hold as long as it likes (a write() from a page
 * that its own userfaultfd or FUSE gives), and reading them takes none. */
#define LINK_SEALS_OF_CLIENT (F_SEAL_FUTURE_WRITE | F_SEAL_SEAL)

#define LINK_DESC_MORE 1u /* the message goes on in the next slot */

/* A ring's element. */
struct link_desc {
	uint32_t len; /* bytes in the slot */
	uint32_t flags;
	uint32_t slot; /* position & (slots - 1): redundant, and checked */
	uint32_t seq;  /* position: likewise */
};
static_assert(sizeof(struct link_desc) == 16, "ring element");

/* What the end that sleeps wants to be woken for. */
#define LINK_ARM_MESSAGE 1u /* the other one has published a request, or a response */
#define LINK_ARM_SPACE   2u /* the other one has freed a slot that we wait for */

struct link_header {
	uint32_t magic;
	uint32_t abi;
	struct gate_geometry geometry;
	uint8_t pad0[64 - 8 - sizeof(struct gate_geometry)];
	/* Set by the end that is about to sleep, cleared by it when it is up again or by the other
	 * one when it rings. Each in a line of its own. Partners: see ipc/README.md. */
	uint32_t client_armed;
	uint8_t pad1[60];
	uint32_t primary_armed;
	uint8_t pad2[60];
};
static_assert(offsetof(struct link_header, client_armed) == 64, "a line of its own");
static_assert(offsetof(struct link_header, primary_armed) == 128, "a line of its own");
static_assert(sizeof(struct link_header) == 192, "shared layout");

/* Where things are, from the start of the memory. */
struct link_layout {
	size_t request_ring;
	size_t response_ring;
	size_t request_slots;
	size_t response_slots;
	size_t size;
};

static inline int
link_layout_of(const struct gate_geometry *geometry, struct link_layout *out)
{
	const uint32_t max_slots = 1u << 16, max_slot_size = 1u << 20;
	size_t ring_bytes[2];

	if (!rte_is_power_of_2(geometry->num_request_slots) ||
	    !rte_is_power_of_2(geometry->num_response_slots) || geometry->num_request_slots < 2 ||
	    geometry->num_request_slots > max_slots || geometry->num_response_slots < 2 ||
	    geometry->num_response_slots > max_slots || geometry->request_slot_size % 64 != 0 ||
	    geometry->response_slot_size % 64 != 0 ||
	    geometry->request_slot_size - 1 >= max_slot_size ||
	    geometry->response_slot_size - 1 >= max_slot_size) {
		return -EINVAL;
	}
	ring_bytes[0] = (size_t)rte_ring_get_memsize_elem(sizeof(struct link_desc),
	                                                  geometry->num_request_slots);
	ring_bytes[1] = (size_t)rte_ring_get_memsize_elem(sizeof(struct link_desc),
	                                                  geometry->num_response_slots);
	out->request_ring = sizeof(struct link_header);
	out->response_ring = out->request_ring + ring_bytes[0];
	/* Slots on page borders: a page is written by one end only. */
	out->request_slots = RTE_ALIGN_CEIL(out->response_ring + ring_bytes[1], (size_t)4096);
	out->response_slots =
		out->request_slots +
		RTE_ALIGN_CEIL((size_t)geometry->num_request_slots * geometry->request_slot_size,
	                       (size_t)4096);
	out->size = out->response_slots + RTE_ALIGN_CEIL((size_t)geometry->num_response_slots *
	                                                         geometry->response_slot_size,
	                                                 (size_t)4096);
	return out->size <= UINT32_MAX ? 0 : -EINVAL;
}

#endif
