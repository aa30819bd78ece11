/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The messages on gate.sock (SOCK_SEQPACKET, one struct gate_msg a packet, host byte order: both
 * ends are on one machine).
 *
 *   client                         primary
 *   HELLO(versions, name)    →
 *                            ←     WELCOME(version, role) | REFUSED(text), then close
 *   REPORT(code, text)       →                                (a service's: config checked, ready)
 *   ATTACH                   →
 *                            ←     GRANT(paths, geometry) + SCM_RIGHTS {link rw, bell, stats ro}
 *                                  | REFUSED(text)            (may come late: when the env is up)
 *   MAPPED                   →                                (it has mapped the link's memory and
 *                                                              sealed it: nobody maps it again)
 *                            ←     OPEN | REFUSED(text)
 *                            ←     WAKE                       (a doorbell, only when armed)
 *                            ←     PING                       (at any time after WELCOME)
 *   PONG                     →                                (one for each PING)
 *                            ←     STOP                       (an orderly stop: end now)
 *
 * A WAKE is only the packet's first GATE_WAKE_SIZE bytes: a reactor sends it. The other way the
 * bell is an eventfd, which wakes the reactor without the control pthread in between.
 * The connection is the link's life.
 *
 * Versions: a HELLO's abi is the highest that the client speaks, its code the oldest (0, as in
 * version 2: no other). WELCOME's abi is the one that is spoken from then on, the highest that both
 * know; every later packet of either end carries it. The first twelve bytes and the layout of
 * HELLO and REFUSED stay the same in every version, so that a peer with which there is none in
 * common can be told in a sentence: REFUSED carries the version of the HELLO then. */

#ifndef CAL_IPC_GATE_PROTO_H
#define CAL_IPC_GATE_PROTO_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "calandria/version.h"

#define GATE_MAGIC 0x4c414347u /* "GCAL" */

enum gate_msg_type {
	GATE_HELLO = 1,
	GATE_WELCOME,
	GATE_REFUSED,
	GATE_REPORT,
	GATE_ATTACH,
	GATE_GRANT,
	GATE_WAKE,
	GATE_STOP,
	GATE_MAPPED,
	GATE_OPEN,
	GATE_PING,
	GATE_PONG,
};

enum gate_role { GATE_ROLE_NONE = 0, GATE_ROLE_ADMIN, GATE_ROLE_SERVICE, GATE_ROLE_MONITOR };

/* What a service reports of itself. */
enum gate_report_code {
	GATE_REPORT_READY = 1, /* it serves (rpcd: its socket listens) */
	GATE_REPORT_CHECKED,   /* confd: the configuration is readable and well-formed */
	GATE_REPORT_FAILED,    /* it cannot do its work and never will; text says why */
	GATE_REPORT_METRICS,   /* mond: text is its URL */
};

struct gate_geometry {
	uint32_t link_size;         /* bytes of the link's shared memory */
	uint32_t request_slot_size; /* bytes of one message slot */
	uint32_t response_slot_size;
	uint32_t num_request_slots; /* a power of two, as is the next */
	uint32_t num_response_slots;
};

struct gate_msg {
	uint32_t magic;
	uint16_t abi;
	uint16_t type;
	uint32_t size; /* of this packet */
	uint32_t code; /* oldest version (HELLO), role (WELCOME), report code (REPORT), errno
	                  (REFUSED), otherwise 0 */
	int32_t pid;   /* sender's; the primary believes SO_PEERCRED, not this */
	uint32_t instance;
	char name[32];                 /* HELLO: who it is ("rpcd", "calctl") */
	char version[32];              /* HELLO, WELCOME: CAL_VERSION_STRING */
	struct gate_geometry geometry; /* GRANT */
	char text[512]; /* REFUSED, REPORT: a sentence; GRANT: the folder for the private copy, or
	                   "" for who is another user than the primary: it makes one itself */
	char template_dir[256]; /* GRANT */
};
static_assert(sizeof(struct gate_msg) == 24 + 64 + 20 + 512 + 256, "shared layout");
#define GATE_WAKE_SIZE offsetof(struct gate_msg, name)
static_assert(offsetof(struct gate_msg, size) == 8, "kept in every version");

#endif
