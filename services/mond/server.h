/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The monitor's own socket, mond.sock: MessagePack-RPC with a length before each message, for what
 * must be answered while reactors hang. One request at a time a connection. */

#ifndef CAL_MOND_SERVER_H
#define CAL_MOND_SERVER_H

#include <stddef.h>
#include <uv.h>

#include "ipc/codec/codec.h"

/** Handle one request: write a whole response message for it to `out`. Called on the loop. */
typedef void (*server_handle_fn)(const struct codec_envelope *request, struct codec_buf *out);

/** Listen on `path` (0600; a file that nobody serves is replaced). Returns 0 or a negative errno.
 */
int server_start(uv_loop_t *loop, const char *path, server_handle_fn handle);

/** Close the listener and every connection, and remove the file. */
void server_stop(void);

#endif
