/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* `status --wait`: when a state is reached, and when it never will be. */

#ifndef CAL_CTL_WAIT_STATE_H
#define CAL_CTL_WAIT_STATE_H

#include <stdint.h>

#include "ctl/ctl.h"

/** The state of that name, or -1 after a sentence on stderr. */
int ctl_wait_state_find(const char *name);

/** Watch the state file until the instance has reached `wanted`. Returns CTL_OK; CTL_FAILED when it
 *  cannot be reached any more, or not within the time; CTL_NO_PRIMARY when the time is over and
 *  there is no primary. Other than CTL_OK come with a sentence on stderr. */
int ctl_wait_state(const struct ctl *ctl, uint32_t wanted, uint64_t timeout_ms);

/** "config for 2.1 s, in method x for 1.9 s": where a living primary is. */
void ctl_wait_state_describe(const struct cal_state_main *m, char *text, size_t size);

#endif
