/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The instance's state file, as the subcommands that ask nobody use it. */

#ifndef CAL_CTL_INSTANCE_H
#define CAL_CTL_INSTANCE_H

#include <stdbool.h>
#include <stdio.h>
#include <json-c/json.h>

#include "calandria/state.h"
#include "ctl/ctl.h"
#include "ctl/term.h"

/** Read the state file. Returns 0 or a negative errno, with a sentence in `err`: what is the matter
 *  and which instances run instead. */
int ctl_instance_read(const struct ctl *ctl, struct cal_state_file *state, bool *alive, char *err,
                      size_t err_size);

/** How many of the services in the file may be looked at. */
unsigned ctl_instance_num_services(const struct cal_state_file *state);

/** The `services` array of `status` and `service list`. Of a dead primary (`alive` false) services
 *  have no pid and are off. */
struct json_object *ctl_services_json(int instance, const struct cal_state_file *state, bool alive);

/** The same as a table, with a line below for each that is in trouble, or runs a chosen program. */
int ctl_services_print(FILE *out, const struct ctl_term *term, int instance,
                       const struct cal_state_file *state, bool alive);

#endif
