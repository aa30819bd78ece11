/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "core/thread/thread_internal.h"

#define ROOM_MIN 8u

static int
fit(struct poller_active *active)
{
	uint32_t room = active->room != 0 ? active->room : ROOM_MIN;
	struct spdk_poller **slots;

	while (room < active->members * 2) {
		room *= 2;
	}
	/* Smaller only when the holes of a walk are not in the way. */
	while (room > ROOM_MIN && room / 8 >= active->members && room / 2 >= active->used) {
		room /= 2;
	}
	if (room == active->room) {
		return 0;
	}
	slots = realloc(active->slots, room * sizeof(struct spdk_poller *));
	if (slots == NULL) {
		return -ENOMEM;
	}
	active->slots = slots;
	active->room = room;
	return 0;
}

int
poller_active_join(struct poller_active *active)
{
	int rc;

	active->members++;
	rc = fit(active);
	if (rc != 0) {
		active->members--;
	}
	return rc;
}

void
poller_active_leave(struct poller_active *active)
{
	active->members--;
	/* Without memory for a smaller array the larger one stays. */
	fit(active);
}

static void
squeeze(struct poller_active *active)
{
	uint32_t at, to = 0;

	for (at = 0; at < active->used; at++) {
		if (active->slots[at] != NULL) {
			active->slots[to] = active->slots[at];
			active->slots[to]->place = to;
			to++;
		}
	}
	active->used = to;
	active->holes = 0;
}

bool
poller_active_add(struct poller_active *active, struct spdk_poller *poller)
{
	bool full = active->used == active->room;

	if (full) {
		squeeze(active);
	}
	poller->place = active->used++;
	active->slots[poller->place] = poller;
	return full;
}

void
poller_active_settle(struct poller_active *active)
{
	while (active->used > 0 && active->slots[active->used - 1] == NULL) {
		active->used--;
		active->holes--;
	}
	if (active->holes > active->used / 2) {
		squeeze(active);
	}
}

void
poller_active_remove(struct poller_active *active, struct spdk_poller *poller, bool in_walk)
{
	assert(active->slots[poller->place] == poller);
	active->slots[poller->place] = NULL;
	active->holes++;
	if (!in_walk) {
		poller_active_settle(active);
	}
}

struct spdk_poller *
poller_active_first(const struct poller_active *active)
{
	uint32_t at;

	for (at = 0; at < active->used; at++) {
		if (active->slots[at] != NULL) {
			return active->slots[at];
		}
	}
	return NULL;
}

struct spdk_poller *
poller_active_next(const struct poller_active *active, const struct spdk_poller *prev)
{
	uint32_t at;

	for (at = prev->place + 1; at < active->used; at++) {
		if (active->slots[at] != NULL) {
			return active->slots[at];
		}
	}
	return NULL;
}

void
poller_active_fini(struct poller_active *active)
{
	free(active->slots);
	memset(active, 0, sizeof(*active));
}
