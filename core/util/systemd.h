/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What systemd wants to be told by a service of Type=notify: datagrams of lines NAME=VALUE to the
 * socket that $NOTIFY_SOCKET names, sd_notify(3). Not libsystemd's, which would come with its
 * compressors and libgcrypt into every program that is linked with the runtime, for one sendmsg().
 */

#ifndef CAL_CORE_UTIL_SYSTEMD_H
#define CAL_CORE_UTIL_SYSTEMD_H

#include <stdbool.h>

/** Take $NOTIFY_SOCKET (a path, or '@' and an abstract name) and $WATCHDOG_USEC, if they are meant
 *  for this process. Once, before there are other threads. Returns 0, -ENOENT when nobody wants to
 *  be told, -EINVAL for a name that is none, or another negative errno. */
int systemd_open(void);
void systemd_close(void);
bool systemd_is_open(void);

/** Send one datagram, never waiting for anybody: what finds the receiver's queue full is lost.
 * `fmt` makes the lines before STATUS= ("" for none, otherwise each with its newline), `status` is
 * what it says (NULL: nothing), on one line whatever is in it. Any thread; a reactor has better
 * things to do. Returns 0, -ENOTCONN without systemd_open(), -EAGAIN, or another negative errno. */
int systemd_send(const char *status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** A service is there for its callers: READY=1, what it says of itself, and that it is the main
 *  process now (a successor is not the one that systemd started). From then on systemd_alive() is
 *  what the watchdog waits for. One thread. */
void systemd_ready(const char *status);

/** To be called by an event loop, as often as it likes and at least every systemd_interval_ms():
 *  tells, as often as is needed, that the loop goes round. Before READY that the start takes time.
 *  One thread. */
void systemd_alive(void);

/** After how many milliseconds systemd_alive() is due; -1: never, nobody listens. */
int systemd_interval_ms(void);

#endif
