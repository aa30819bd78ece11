/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The version of this tree, and the version of everything that two processes share. */

#ifndef CALANDRIA_VERSION_H
#define CALANDRIA_VERSION_H

#define CAL_VERSION_MAJOR 0
#define CAL_VERSION_MINOR 1
#define CAL_VERSION_PATCH 0
#ifndef CAL_VERSION_STRING
#define CAL_VERSION_STRING "0.1.0"
#endif

/* Raised whenever the gate's messages, the link's layout or the wire change in a way that an older
 * peer would misread. CAL_ABI_OLDEST is the oldest that this tree can still speak. Two processes
 * speak the highest that both know; the gate refuses a peer with none in common by a sentence that
 * names both ranges. Both may be given with -D: a build that differs in its version.
 * 3: MAPPED, OPEN, PING, PONG; negotiated versions. */
#ifndef CAL_ABI_VERSION
#define CAL_ABI_VERSION 3u
#endif
#ifndef CAL_ABI_OLDEST
#define CAL_ABI_OLDEST 3u
#endif

#endif
