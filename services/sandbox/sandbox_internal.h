/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#ifndef CAL_SERVICES_SANDBOX_INTERNAL_H
#define CAL_SERVICES_SANDBOX_INTERNAL_H

#include "services/sandbox/sandbox.h"

/* sandbox_drop() but for no_new_privs, the environment and the sentence. */
int sandbox_capabilities_drop(const struct sandbox_policy *policy, const char *folder);

/* sandbox_enter() but for these. */
int sandbox_filter_load(const struct sandbox_policy *policy);

#endif
