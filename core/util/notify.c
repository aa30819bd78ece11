/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "spdk/notify.h"

#include <pthread.h>
#include "spdk/util.h"

#define NUM_EVENTS 1024

struct spdk_notify_type {
	char name[SPDK_NOTIFY_MAX_NAME_SIZE];
	TAILQ_ENTRY(spdk_notify_type) link;
};

static struct {
	/* Held for a copy of 256 bytes, or a walk of short callbacks. */
	pthread_mutex_t lock;
	TAILQ_HEAD(, spdk_notify_type) types;
	struct spdk_notify_event events[NUM_EVENTS];
	uint64_t next;
} g_notify = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.types = TAILQ_HEAD_INITIALIZER(g_notify.types),
};

struct spdk_notify_type *
spdk_notify_type_register(const char *name)
{
	struct spdk_notify_type *type;

	if (name == NULL || name[0] == '\0' || strlen(name) >= SPDK_NOTIFY_MAX_NAME_SIZE) {
		return NULL;
	}
	pthread_mutex_lock(&g_notify.lock);
	TAILQ_FOREACH (type, &g_notify.types, link) {
		if (strcmp(type->name, name) == 0) {
			break;
		}
	}
	if (type == NULL) {
		type = calloc(1, sizeof(*type));
		if (type != NULL) {
			snprintf(type->name, sizeof(type->name), "%s", name);
			TAILQ_INSERT_TAIL(&g_notify.types, type, link);
		}
	}
	pthread_mutex_unlock(&g_notify.lock);
	return type;
}

const char *
spdk_notify_type_get_name(const struct spdk_notify_type *type)
{
	return type->name;
}

void
spdk_notify_foreach_type(spdk_notify_foreach_type_cb cb_fn, void *ctx)
{
	struct spdk_notify_type *type;

	pthread_mutex_lock(&g_notify.lock);
	TAILQ_FOREACH (type, &g_notify.types, link) {
		if (cb_fn(type, ctx) != 0) {
			break;
		}
	}
	pthread_mutex_unlock(&g_notify.lock);
}

/* What does not fit is cut between two characters of UTF-8: a part of one could not be told in
 * JSON. */
static void
copy_cut(char *out, size_t size, const char *text)
{
	size_t len = strlen(text);

	if (len >= size) {
		len = size - 1;
		while (len > 0 && (text[len] & 0xc0) == 0x80) {
			len--;
		}
	}
	memcpy(out, text, len);
	out[len] = '\0';
}

uint64_t
spdk_notify_send(const char *type, const char *ctx)
{
	struct spdk_notify_event *event;
	uint64_t index;

	pthread_mutex_lock(&g_notify.lock);
	index = g_notify.next++;
	event = &g_notify.events[index % NUM_EVENTS];
	copy_cut(event->type, sizeof(event->type), type);
	copy_cut(event->ctx, sizeof(event->ctx), ctx);
	pthread_mutex_unlock(&g_notify.lock);
	return index;
}

uint64_t
spdk_notify_foreach_event(uint64_t start_idx, uint64_t max, spdk_notify_foreach_event_cb cb_fn,
                          void *ctx)
{
	uint64_t index, calls = 0;

	pthread_mutex_lock(&g_notify.lock);
	index = g_notify.next > NUM_EVENTS ? spdk_max(start_idx, g_notify.next - NUM_EVENTS)
	                                   : start_idx;
	for (; index < g_notify.next && calls < max; index++) {
		calls++;
		if (cb_fn(index, &g_notify.events[index % NUM_EVENTS], ctx) != 0) {
			break;
		}
	}
	pthread_mutex_unlock(&g_notify.lock);
	return calls;
}
