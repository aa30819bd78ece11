/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Chains: messages that a message sends to its own thread and that run in the same turn. A turn
 * counts them, it does not read the clock; so a message that does the work of many says so. */

#ifndef CAL_CORE_THREAD_CHAIN_H
#define CAL_CORE_THREAD_CHAIN_H

/** What the message that runs has sent or will send to its own thread waits for the next turn, so
 *  that the reactor's other threads come in between. On any thread; in a poller it does nothing. */
void thread_chain_ends(void);

#endif
