/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Asking the monitor, which answers while the primary's reactors hang: MessagePack-RPC on
 * mond.sock, a length of four bytes (host order) before each message. */

#ifndef CAL_IPC_CLIENT_MONITOR_H
#define CAL_IPC_CLIENT_MONITOR_H

#include <stddef.h>

#include "calandria/instance.h"
#include "ipc/codec/codec.h"

/** Call a method of instance `instance`'s monitor and wait for the answer. `params` is one
 * MessagePack value (NULL for nil). On 0, *reply holds the whole response message (free() it) and
 * *response its parts: an error or a result. Otherwise a negative errno and a sentence in `err`.
 * Any thread. */
int cal_monitor_call(int instance, const char *method, const void *params, size_t params_len,
                     int timeout_ms, void **reply, struct codec_envelope *response, char *err,
                     size_t err_size);

#endif
