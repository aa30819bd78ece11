/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What an operator says about the JSON-RPC sockets, understood: by the primary, which refuses what
 * makes no sense before anything is built, and by cal-rpcd. Any thread. */

#ifndef CAL_CORE_UTIL_LISTEN_ADDR_H
#define CAL_CORE_UTIL_LISTEN_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/** Read [ADDR:]PORT: 8090, 10.0.0.1:8090, [::1]:8090; without ADDR it is 127.0.0.1. No names: what
 *  they mean may change. Returns 0, or -EINVAL with a phrase in `err` that says what is needed. */
int listen_addr_parse(const char *text, struct sockaddr_storage *addr, socklen_t *len, char *err,
                      size_t err_size);

/** Whether only this machine can reach the address. */
bool listen_addr_is_loopback(const struct sockaddr_storage *addr);

/** Read a file mode in octal, 0 to 777. Returns 0, or -EINVAL with a phrase in `err`. */
int socket_mode_parse(const char *text, unsigned *mode, char *err, size_t err_size);

#endif
