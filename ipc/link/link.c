/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The peer may write any byte of the shared memory at any instant. Therefore:
 *  - what we are (positions, masks, sizes, addresses) is kept in struct link_end, never re-read;
 *  - of the ring structures we read one word, the peer's tail, and only as a distance from our own
 *    position that must not exceed the ring;
 *  - a descriptor is loaded field by field, once, before it is checked;
 *  - a slot is copied to private memory, and only the copy is looked at.
 * DPDK's own ring calls are not used here: they re-read size and mask from shared memory. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ipc/gate/control.h"
#include "ipc/gate/gate_packet.h"
#include "ipc/link/layout.h"
#include "ipc/link/link.h"
#include "ipc/link/link_internal.h"
#include "spdk/log.h"

static_assert(CODEC_CHUNK_SIZE <= LINK_RESPONSE_SLOT_SIZE, "a chunk fits a slot");

/* A queued response up to this size is moved to memory of its own size: a peer that does not read
 * shall not hold a chunk for each short answer. */
#define SHORT_RESPONSE 2048u

/* Our private picture of one ring. */
struct link_end {
	struct rte_ring *ring; /* shared; only prod and cons are touched */
	struct link_desc *descs;
	uint8_t *slots;
	uint32_t slot_size;
	uint32_t mask;     /* also the capacity */
	uint32_t position; /* our side's head and tail */
};

struct link {
	uint64_t id;
	unsigned abi;
	enum gate_role role;
	char peer_name[32];
	pid_t peer_pid;
	int conn_fd;
	int memfd;
	int bell;

	void *memory;
	struct link_header *header; /* shared */
	struct gate_geometry geometry;
	struct link_end requests;
	struct link_end responses;
	bool broken; /* the peer's index left its range: nothing more is taken or written */
	bool armed;  /* primary_armed is set, as far as we know */

	uint8_t *in;
	size_t in_len;
	size_t in_cap;
	bool in_whole; /* the message in `in` was handed out */

	struct control_post last_post;

	struct codec_chain backlog; /* response after response */
	size_t backlog_bytes;       /* of memory */
};

static void
end_init(struct link_end *end, void *ring, void *slots, uint32_t num_slots, uint32_t slot_size)
{
	end->ring = ring;
	end->descs = (struct link_desc *)((struct rte_ring *)ring + 1);
	end->slots = slots;
	end->slot_size = slot_size;
	end->mask = num_slots - 1;
	end->position = 0;
}

static int
map_memory(struct link *link, const struct link_layout *layout)
{
	int rc;

	link->memfd = memfd_create("calandria-link", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (link->memfd < 0) {
		return -errno;
	}
	/* Sealed, or the peer could cut the file and have us fault on it. What it may not do once
	 * it has its mapping it seals itself: link_hold(). */
	if (ftruncate(link->memfd, (off_t)layout->size) < 0 ||
	    fcntl(link->memfd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0) {
		goto fail;
	}
	/* Populated here, on the control pthread, so that the reactor meets no page fault. */
	link->memory = mmap(NULL, layout->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
	                    link->memfd, 0);
	if (link->memory == MAP_FAILED) {
		goto fail;
	}
	madvise(link->memory, layout->size, MADV_DONTFORK);
	/* What clients send is nobody's business who reads a core dump. */
	madvise(link->memory, layout->size, MADV_DONTDUMP);
	return 0;
fail:
	rc = -errno;
	close(link->memfd);
	return rc;
}

/* Into memory, and locked there. What the peer punched before the seal comes back as zeroes. */
static int
memory_hold(struct link *link)
{
	static bool told;

	if (madvise(link->memory, link->geometry.link_size, MADV_POPULATE_WRITE) < 0) {
		return -errno;
	}
	if (mlock(link->memory, link->geometry.link_size) < 0 && !told) {
		told = true;
		SPDK_WARNLOG("links are not locked in memory (%s): raise LimitMEMLOCK, or a "
		             "reactor may wait for swapped pages\n",
		             strerror(errno));
	}
	return 0;
}

int
link_hold(struct link *link)
{
	int seals = fcntl(link->memfd, F_GET_SEALS);

	if (seals < 0) {
		return -errno;
	}
	return (seals & LINK_SEALS_OF_CLIENT) == LINK_SEALS_OF_CLIENT ? memory_hold(link) : -EPERM;
}

void
link_speak(struct link *link, unsigned abi)
{
	link->abi = abi;
	link->header->abi = abi;
}

int
link_create(struct link **out, uint64_t id, enum gate_role role, const char *peer_name,
            pid_t peer_pid, int conn_fd)
{
	struct link_layout layout;
	struct link *link;
	uint8_t *base;
	int rc;

	link = calloc(1, sizeof(*link));
	if (link == NULL) {
		return -ENOMEM;
	}
	link->id = id;
	link->role = role;
	snprintf(link->peer_name, sizeof(link->peer_name), "%s", peer_name);
	link->peer_pid = peer_pid;
	link->conn_fd = conn_fd;
	link->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (link->bell < 0) {
		rc = -errno;
		goto fail_bell;
	}
	link->geometry = (struct gate_geometry){
		.request_slot_size = LINK_REQUEST_SLOT_SIZE,
		.response_slot_size = LINK_RESPONSE_SLOT_SIZE,
		.num_request_slots = LINK_NUM_SLOTS,
		.num_response_slots = LINK_NUM_SLOTS,
	};
	rc = link_layout_of(&link->geometry, &layout);
	if (rc < 0) {
		goto fail_layout;
	}
	link->geometry.link_size = (uint32_t)layout.size;
	rc = map_memory(link, &layout);
	if (rc < 0) {
		goto fail_layout;
	}
	base = link->memory;
	rc = rte_ring_init((struct rte_ring *)(base + layout.request_ring), "request",
	                   LINK_NUM_SLOTS, RING_F_SP_ENQ | RING_F_SC_DEQ);
	if (rc == 0) {
		rc = rte_ring_init((struct rte_ring *)(base + layout.response_ring), "response",
		                   LINK_NUM_SLOTS, RING_F_SP_ENQ | RING_F_SC_DEQ);
	}
	if (rc < 0) {
		goto fail_ring;
	}
	end_init(&link->requests, base + layout.request_ring, base + layout.request_slots,
	         LINK_NUM_SLOTS, LINK_REQUEST_SLOT_SIZE);
	end_init(&link->responses, base + layout.response_ring, base + layout.response_slots,
	         LINK_NUM_SLOTS, LINK_RESPONSE_SLOT_SIZE);
	link->header = link->memory;
	link->header->magic = LINK_MAGIC;
	link_speak(link, CAL_ABI_VERSION);
	link->header->geometry = link->geometry;
	*out = link;
	return 0;

fail_ring:
	munmap(link->memory, layout.size);
	close(link->memfd);
fail_layout:
	close(link->bell);
fail_bell:
	free(link);
	return rc;
}

void
link_destroy(struct link *link)
{
	codec_chain_free(&link->backlog);
	free(link->in);
	munmap(link->memory, link->geometry.link_size);
	close(link->memfd);
	close(link->bell);
	free(link);
}

int
link_memfd(const struct link *link)
{
	return link->memfd;
}

struct gate_geometry
link_geometry(const struct link *link)
{
	return link->geometry;
}

void *
link_memory(const struct link *link)
{
	return link->memory;
}

struct control_post *
link_last_post(struct link *link)
{
	return &link->last_post;
}

uint64_t
link_id(const struct link *link)
{
	return link->id;
}

enum gate_role
link_role(const struct link *link)
{
	return link->role;
}

const char *
link_peer_name(const struct link *link)
{
	return link->peer_name;
}

pid_t
link_peer_pid(const struct link *link)
{
	return link->peer_pid;
}

int
link_bell(const struct link *link)
{
	return link->bell;
}

/* Ring, if the client sleeps for one of `reasons`. To be called after the publication it is about.
 * Clearing the flag spares a packet a message; it cannot lose a wake-up, because the packet that
 * follows is one. */
static void
wake_client(struct link *link, uint32_t reasons)
{
	/* Full fence between our publication and the look at the flag; the partner is the one
	 * between the client's arming and its last look at the rings. */
	rte_smp_mb();
	if ((__atomic_load_n(&link->header->client_armed, __ATOMIC_RELAXED) & reasons) != 0) {
		__atomic_store_n(&link->header->client_armed, 0, __ATOMIC_RELAXED);
		gate_packet_wake(link->conn_fd, link->abi);
	}
}

static void
disarm(struct link *link)
{
	if (link->armed) {
		link->armed = false;
		__atomic_store_n(&link->header->primary_armed, 0, __ATOMIC_RELAXED);
	}
}

/* How many elements the client has published and we have not taken, or -EPROTO. */
static int
requests_waiting(struct link *link)
{
	/* Acquire: what the client wrote before its tail, descriptors and slots, is visible. */
	uint32_t tail = __atomic_load_n(&link->requests.ring->prod.tail, __ATOMIC_ACQUIRE);
	uint32_t n = tail - link->requests.position;

	if (n > link->requests.mask) {
		link->broken = true;
		return -EPROTO;
	}
	return (int)n;
}

/* How many slots of the response ring are free, or -EPROTO. */
static int
responses_free(struct link *link)
{
	/* Acquire: the client has finished reading the slots that it gives back. */
	uint32_t tail = __atomic_load_n(&link->responses.ring->cons.tail, __ATOMIC_ACQUIRE);
	uint32_t used = link->responses.position - tail;

	if (used > link->responses.mask) {
		link->broken = true;
		return -EPROTO;
	}
	return (int)(link->responses.mask - used);
}

/* Two sizes: what fits into one slot, and the most there may be. Moving a growing message from size
 * to size would cost more than the untouched memory of the second does; it is kept, because giving
 * it back to the kernel takes longer than anything else here. */
static int
reserve(struct link *link, size_t more)
{
	size_t need = link->in_len + more, cap;
	uint8_t *in;

	if (need <= link->in_cap) {
		return 0;
	}
	cap = need <= LINK_REQUEST_SLOT_SIZE ? LINK_REQUEST_SLOT_SIZE : LINK_MAX_REQUEST;
	in = malloc(cap);
	if (in == NULL) {
		return -ENOMEM;
	}
	if (link->in_len > 0) {
		memcpy(in, link->in, link->in_len);
	}
	free(link->in);
	link->in = in;
	link->in_cap = cap;
	return 0;
}

/* Copy the next element's slot. Returns 1 when it ended a message, 0 when there is more to it, or a
 * negative errno. */
static int
take_fragment(struct link *link)
{
	struct link_end *end = &link->requests;
	uint32_t slot = end->position & end->mask;
	struct link_desc *shared = &end->descs[slot];
	struct link_desc desc = {
		.len = __atomic_load_n(&shared->len, __ATOMIC_RELAXED),
		.flags = __atomic_load_n(&shared->flags, __ATOMIC_RELAXED),
		.slot = __atomic_load_n(&shared->slot, __ATOMIC_RELAXED),
		.seq = __atomic_load_n(&shared->seq, __ATOMIC_RELAXED),
	};
	int rc;

	if (desc.len > end->slot_size || desc.len == 0 || (desc.flags & ~LINK_DESC_MORE) != 0 ||
	    desc.slot != slot || desc.seq != end->position) {
		return -EPROTO;
	}
	if (link->in_len + desc.len > LINK_MAX_REQUEST) {
		return -EMSGSIZE;
	}
	rc = reserve(link, desc.len);
	if (rc < 0) {
		return rc;
	}
	memcpy(link->in + link->in_len, end->slots + (size_t)slot * end->slot_size, desc.len);
	link->in_len += desc.len;
	end->position++;
	__atomic_store_n(&end->ring->cons.head, end->position, __ATOMIC_RELAXED);
	/* Release: our reads of the slot are done before the client may write it again. */
	__atomic_store_n(&end->ring->cons.tail, end->position, __ATOMIC_RELEASE);
	return (desc.flags & LINK_DESC_MORE) == 0;
}

int
link_recv(struct link *link, const void **msg, size_t *len)
{
	int waiting, taken, rc = 0;

	if (link->broken) {
		return -EPROTO;
	}
	disarm(link);
	if (link->in_whole) {
		link->in_whole = false;
		link->in_len = 0;
	}
	waiting = requests_waiting(link);
	if (waiting <= 0) {
		return waiting;
	}
	if (waiting > (int)(LINK_MAX_BYTES_PER_CALL / LINK_REQUEST_SLOT_SIZE)) {
		waiting = LINK_MAX_BYTES_PER_CALL / LINK_REQUEST_SLOT_SIZE;
	}
	for (taken = 0; taken < waiting && rc == 0; taken++) {
		rc = take_fragment(link);
	}
	if (rc < 0) {
		link->broken = true;
		return rc;
	}
	wake_client(link, LINK_ARM_SPACE);
	if (rc == 0) {
		return 2;
	}
	link->in_whole = true;
	*msg = link->in;
	*len = link->in_len;
	return 1;
}

/* Move chunks from the head of `chain` into free slots: one, and more as long as all together are
 * no more than `max_bytes`. *freed grows by the memory that was given back. Returns how many, or
 * -EPROTO. */
static int
write_chunks(struct link *link, struct codec_chain *chain, size_t max_bytes, size_t *freed)
{
	struct link_end *end = &link->responses;
	int room = responses_free(link), n;
	struct codec_chunk *chunk;
	size_t bytes = 0;

	if (room < 0) {
		return room;
	}
	for (n = 0; n < room && (chunk = chain->first) != NULL; n++) {
		uint32_t slot = end->position & end->mask;

		bytes += chunk->len;
		if (n > 0 && bytes > max_bytes) {
			break;
		}
		memcpy(end->slots + (size_t)slot * end->slot_size, chunk->data, chunk->len);
		end->descs[slot] = (struct link_desc){
			.len = chunk->len,
			.flags = chunk->more ? LINK_DESC_MORE : 0,
			.slot = slot,
			.seq = end->position,
		};
		end->position++;
		chain->first = chunk->next;
		chain->num_chunks--;
		*freed += codec_chunk_memory(chunk->room);
		codec_chunk_put(chunk);
	}
	if (chain->first == NULL) {
		chain->last = NULL;
		chain->pooled = true;
	}
	if (n > 0) {
		__atomic_store_n(&end->ring->prod.head, end->position, __ATOMIC_RELAXED);
		/* Release: slots and descriptors before the tail that shows them. */
		__atomic_store_n(&end->ring->prod.tail, end->position, __ATOMIC_RELEASE);
		wake_client(link, LINK_ARM_MESSAGE);
	}
	return n;
}

static int
make_small(struct codec_chain *chain)
{
	struct codec_chunk *chunk = chain->first, *small;

	small = codec_chunk_alloc(chunk->len);
	if (small == NULL) {
		return -ENOMEM;
	}
	small->len = chunk->len;
	memcpy(small->data, chunk->data, chunk->len);
	codec_chunk_put(chunk);
	chain->first = chain->last = small;
	chain->pooled = false;
	return 0;
}

static int
backlog_add(struct link *link, struct codec_chain *chain)
{
	size_t bytes = chain->num_chunks * codec_chunk_memory(CODEC_CHUNK_SIZE);
	int rc;

	if (chain->num_chunks == 1) {
		if (chain->first->len <= SHORT_RESPONSE) {
			rc = make_small(chain);
			if (rc < 0) {
				return rc;
			}
		}
		bytes = codec_chunk_memory(chain->first->room);
	}
	if (link->backlog_bytes + bytes > LINK_MAX_BACKLOG) {
		return -ENOBUFS;
	}
	link->backlog_bytes += bytes;
	if (link->backlog.first == NULL) {
		link->backlog = *chain;
	} else {
		link->backlog.last->next = chain->first;
		link->backlog.last = chain->last;
		link->backlog.num_chunks += chain->num_chunks;
		link->backlog.pooled &= chain->pooled;
	}
	*chain = (struct codec_chain){ .pooled = true };
	return 0;
}

int
link_send(struct link *link, struct codec_chain *response)
{
	size_t freed = 0;
	int rc = 0;

	if (link->broken) {
		rc = -EPROTO;
	} else if (link->backlog.first == NULL) {
		rc = write_chunks(link, response, 0, &freed);
	}
	if (rc >= 0 && response->first != NULL) {
		rc = backlog_add(link, response);
	}
	codec_chain_free(response);
	return rc < 0 ? rc : 0;
}

unsigned
link_flush(struct link *link, size_t max_bytes)
{
	size_t freed = 0;
	int n;

	if (link->broken || link->backlog.first == NULL) {
		return 0;
	}
	n = write_chunks(link, &link->backlog, max_bytes, &freed);
	link->backlog_bytes -= freed;
	return n > 0 ? (unsigned)n : 0;
}

size_t
link_backlog(const struct link *link)
{
	return link->backlog_bytes;
}

bool
link_has_backlog(const struct link *link)
{
	return link->backlog.first != NULL;
}

int
link_arm(struct link *link, bool wanted)
{
	int waiting, room = 0;
	uint32_t reasons;

	if (link->broken) {
		return -EPROTO;
	}
	reasons = (wanted ? LINK_ARM_MESSAGE : 0) | (link_has_backlog(link) ? LINK_ARM_SPACE : 0);
	__atomic_store_n(&link->header->primary_armed, reasons, __ATOMIC_RELAXED);
	link->armed = true;
	/* Full fence between arming and the last look; the partner is the client's, between its
	 * publication and its look at the flag. */
	rte_smp_mb();
	waiting = requests_waiting(link);
	if (link_has_backlog(link)) {
		room = responses_free(link);
	}
	if (waiting < 0 || room < 0) {
		disarm(link);
		return -EPROTO;
	}
	if ((wanted && waiting > 0) || room > 0) {
		disarm(link);
		return 1;
	}
	return 0;
}
