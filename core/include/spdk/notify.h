/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Notifications: named kinds of events, and the last 1024 events that happened. Any thread. */

#ifndef SPDK_NOTIFY_H
#define SPDK_NOTIFY_H

#include "spdk/stdinc.h"
#include "spdk/json.h"
#include "spdk/queue.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SPDK_NOTIFY_MAX_NAME_SIZE 128
#define SPDK_NOTIFY_MAX_CTX_SIZE  128

struct spdk_notify_type;

struct spdk_notify_event {
	char type[SPDK_NOTIFY_MAX_NAME_SIZE];
	char ctx[SPDK_NOTIFY_MAX_CTX_SIZE];
};

/** Return non-zero to end the walk. The walk holds a lock: do not block, do not call back in here.
 */
typedef int (*spdk_notify_foreach_type_cb)(const struct spdk_notify_type *type, void *ctx);
typedef int (*spdk_notify_foreach_event_cb)(uint64_t idx, const struct spdk_notify_event *event,
                                            void *ctx);

/** Make a kind of event known. Registering a name again gives the same type. Returns NULL for an
 *  empty or over-long name or when memory is short. */
struct spdk_notify_type *spdk_notify_type_register(const char *type);
const char *spdk_notify_type_get_name(const struct spdk_notify_type *type);
void spdk_notify_foreach_type(spdk_notify_foreach_type_cb cb_fn, void *ctx);

/** Record an event (both strings are copied, and cut to fit). Returns its index: 0, 1, 2, … */
uint64_t spdk_notify_send(const char *type, const char *ctx);

/** Call `cb_fn` for at most `max` recorded events from index `start_idx` on. Indices that have
 *  already been overwritten are stepped over. Returns how many calls were made. */
uint64_t spdk_notify_foreach_event(uint64_t start_idx, uint64_t max,
                                   spdk_notify_foreach_event_cb cb_fn, void *ctx);

#ifdef __cplusplus
}
#endif
#endif
