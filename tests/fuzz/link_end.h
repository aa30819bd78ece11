/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Both ends of a real link in one process: ipc/link's and the client's ring calls. */

#ifndef CAL_TESTS_FUZZ_LINK_END_H
#define CAL_TESTS_FUZZ_LINK_END_H

#include "tests/fuzz/fuzz.h"

#include <sys/socket.h>

#include "ipc/client/client_ring.h"
#include "ipc/gate/gate_proto.h"
#include "ipc/link/link.h"
#include "ipc/link/link_internal.h"

struct link_pair {
	struct link *link;
	struct client_ring ring;
	int fds[2]; /* the gate's connection: [0] is the primary's */
};

static inline void
link_pair_open(struct link_pair *pair, enum gate_role role, const char *name)
{
	struct gate_geometry geometry;
	int rc = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair->fds);

	FUZZ_CHECK(rc == 0 && link_create(&pair->link, 7, role, name, 42, pair->fds[0]) == 0,
	           "no link");
	geometry = link_geometry(pair->link);
	FUZZ_CHECK(client_ring_init(&pair->ring, link_memory(pair->link), geometry.link_size,
	                            &geometry) == 0,
	           "the client's end refuses the primary's");
}

/* The client's end; the primary's has been let go of, or not yet. */
static inline void
link_pair_close(struct link_pair *pair)
{
	close(pair->fds[0]);
	close(pair->fds[1]);
}

#endif
