/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* A bounded queue of log lines without locks: each slot carries a sequence number that says whose
 * turn it is. Slot i is free for the put at position p (p mod size = i) when its number is p, and
 * filled for the get at p when it is p + 1. A putter that is preempted in the middle holds up the
 * getter, never another putter. */

#include "core/util/log_internal.h"

#include "spdk/stdinc.h"

#define LOG_RING_SIZE 1024u

struct log_slot {
	/* Stored with release by who has filled or emptied the slot; its partner is the acquire
	 * load of who wants to do the other. It orders the line itself. Offset by the slot's index,
	 * so that all zeroes is an empty ring. */
	uint32_t turn;
	struct log_line line;
};

static struct log_slot g_ring[LOG_RING_SIZE];
static uint32_t g_put __attribute__((aligned(64)));
static uint32_t g_get __attribute__((aligned(64)));

/* Move `*pos` on if the slot there is in the state `lap` (0: free, 1: filled); NULL if it is not.
 */
static struct log_slot *
ring_claim(uint32_t *pos, uint32_t lap, uint32_t *claimed)
{
	uint32_t at = __atomic_load_n(pos, __ATOMIC_RELAXED);
	struct log_slot *slot;
	int32_t ahead;

	while (true) {
		slot = &g_ring[at % LOG_RING_SIZE];
		ahead = (int32_t)(__atomic_load_n(&slot->turn, __ATOMIC_ACQUIRE) +
		                  at % LOG_RING_SIZE - (at + lap));
		if (ahead < 0) {
			return NULL;
		}
		if (ahead > 0) {
			at = __atomic_load_n(pos, __ATOMIC_RELAXED);
		} else if (__atomic_compare_exchange_n(pos, &at, at + 1, true, __ATOMIC_RELAXED,
		                                       __ATOMIC_RELAXED)) {
			*claimed = at;
			return slot;
		}
	}
}

bool
log_ring_put(const struct log_line *line)
{
	struct log_slot *slot;
	uint32_t at;

	slot = ring_claim(&g_put, 0, &at);
	if (slot == NULL) {
		return false;
	}
	memcpy(&slot->line, line, offsetof(struct log_line, text) + line->len);
	__atomic_store_n(&slot->turn, at + 1 - at % LOG_RING_SIZE, __ATOMIC_RELEASE);
	return true;
}

bool
log_ring_get(struct log_line *line)
{
	struct log_slot *slot;
	uint32_t at;

	slot = ring_claim(&g_get, 1, &at);
	if (slot == NULL) {
		return false;
	}
	memcpy(line, &slot->line, offsetof(struct log_line, text) + slot->line.len);
	__atomic_store_n(&slot->turn, at + LOG_RING_SIZE - at % LOG_RING_SIZE, __ATOMIC_RELEASE);
	return true;
}
