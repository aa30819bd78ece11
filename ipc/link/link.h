/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The primary's end of a link: a request ring in, a response ring out, in memory that the peer can
 * write at any time. Nothing that the peer writes is believed: geometry and our own indices are
 * private, the peer's index is read once and range-checked, a message is copied to private memory
 * before anybody looks at it. The secondary's end is ipc/client. The layout is ipc/link/layout.h.
 */

#ifndef CAL_IPC_LINK_LINK_H
#define CAL_IPC_LINK_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ipc/codec/chunk.h"
#include "ipc/gate/gate_proto.h"

/* A request longer than this closes the link; a response queue longer than that closes it too (a
 * reader that does not read). */
#define LINK_MAX_REQUEST (1u << 20)
#define LINK_MAX_BACKLOG (64u << 20)
/* Bytes that one call of link_recv() or link_send() copies at most, so that a long message costs
 * the reactor many short calls and not one long one: a chunk, some 3 µs (5 when the
 * slot is in the reader's cache). */
#define LINK_MAX_BYTES_PER_CALL 8192u

struct control_post;
struct link;

/* --- control pthread -------------------------------------------------------------------------- */

/** Create a link in fresh, sealed shared memory. `conn_fd` is the gate connection, used for
 *  doorbells (not owned). Returns 0 or a negative errno. */
int link_create(struct link **out, uint64_t id, enum gate_role role, const char *peer_name,
                pid_t peer_pid, int conn_fd);
/** The version that was agreed upon with the peer (CAL_ABI_VERSION until it is said). Before the
 *  GRANT. */
void link_speak(struct link *link, unsigned abi);
/** The peer says that it has mapped the memory and sealed it (LINK_SEALS_OF_CLIENT): nobody can map
 *  it writable again, write to it by a descriptor, or punch holes into it, whoever holds a
 *  descriptor of it. All of it is then in memory, also what the peer had punched before, and locked
 *  there if we may. Waits for nothing that the peer holds. Returns 0, or -EPERM when those seals
 * are not set, or another negative errno: the link is of no use then. */
int link_hold(struct link *link);
/** Unmap and free. Nobody may use the link any more. */
void link_destroy(struct link *link);
/** The shared memory's descriptor (owned by the link) and geometry, for the GRANT. */
int link_memfd(const struct link *link);
struct gate_geometry link_geometry(const struct link *link);

/* --- any thread ------------------------------------------------------------------------------- */

/** Memory for the post of gate_link_done(), which may not fail. */
struct control_post *link_last_post(struct link *link);
uint64_t link_id(const struct link *link); /* never reused within a primary's life */
enum gate_role link_role(const struct link *link);
const char *link_peer_name(const struct link *link);
pid_t link_peer_pid(const struct link *link);
/** The bell that the peer rings for a link_arm(): an eventfd (owned by the link). The peer holds it
 *  too and may do to it whatever one may do to an eventfd, so never read it (a peer that empties it
 *  first and clears O_NONBLOCK would block the reader): watch it edge-triggered, every ring is an
 *  edge, and one at the start means nothing. */
int link_bell(const struct link *link);

/* --- app thread: the one that polls it -------------------------------------------------------- */

/** Take the next whole request. *msg is private memory of the link, valid until the next call.
 *  Returns 1 with a message; 2 with a part of a long one, which is still being put together; 0
 *  with nothing; -EPROTO when the peer broke the layout (kill the link), -EMSGSIZE when a request
 * grew beyond LINK_MAX_REQUEST and -ENOMEM (likewise). Never blocks. */
int link_recv(struct link *link, const void **msg, size_t *len);

/** Queue a whole response, each chunk of which fits a slot. The chain is the link's from now on,
 *  also on error, and empty afterwards. The first chunk is written at once if there is a free slot
 *  and nothing waits, the rest by link_flush(). The peer is woken if it sleeps. Returns 0; -ENOBUFS
 *  when the backlog would hold more memory than LINK_MAX_BACKLOG, -EPROTO when the peer broke the
 *  layout, -ENOMEM (kill the link). Never blocks. */
int link_send(struct link *link, struct codec_chain *response);

/** Write what waits for free slots: one chunk, and more as long as all together are no more than
 *  `max_bytes`. Returns how many were written. */
unsigned link_flush(struct link *link, size_t max_bytes);

/** Bytes of memory that responses hold which wait for free slots. */
size_t link_backlog(const struct link *link);

/** Whether responses wait for free slots. */
bool link_has_backlog(const struct link *link);

/** Before an app thread in interrupt mode sleeps: ask for the bell to be rung when a request comes,
 *  if one is `wanted`, and when a slot becomes free, if responses wait for one. Returns 0; 1 when
 *  there is such work already (do not sleep); or -EPROTO when the peer broke the layout (kill the
 *  link). The peer rings once. link_recv() takes the wish back, link_send() does not: when that
 *  leaves something waiting, arm again. */
int link_arm(struct link *link, bool wanted);

#endif
