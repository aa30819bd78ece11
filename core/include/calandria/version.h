/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The version of this tree, and the version of everything that two processes share. */

#ifndef CALANDRIA_VERSION_H
#define CALANDRIA_VERSION_H

#define CAL_VERSION_MAJOR  0
#define CAL_VERSION_MINOR  1
#define CAL_VERSION_PATCH  0
#define CAL_VERSION_STRING "0.1.0"

/* Raised whenever the gate's messages, the link's layout or the wire change in a way that an older
 * peer would misread. Peers with another number are refused at the gate with a sentence. */
#define CAL_ABI_VERSION 2u

#endif
