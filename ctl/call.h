/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Calls of methods in the primary. The first one attaches. */

#ifndef CAL_CTL_CALL_H
#define CAL_CTL_CALL_H

#include <stdbool.h>
#include <stdint.h>
#include <json-c/json.h>

#include "ctl/ctl.h"

#define CTL_CALL_TIMEOUT_MS 30000

/** Attach to the primary, if not done yet. Returns an exit status; what is wrong has been printed.
 */
int ctl_attach(struct ctl *ctl);
/** Detach; the client is gone afterwards. */
void ctl_detach(struct ctl *ctl);

struct ctl_reply {
	bool is_error; /* the method failed: code and message */
	int code;
	char message[512];
	struct json_object *result; /* the caller's; NULL is null */
};

/** Call `method` and wait. `params` (NULL: none) stays the caller's. Shows a progress line after a
 *  second. Returns 0 when a reply came (look whether it is an error), or a negative errno:
 * -ETIMEDOUT, -ECONNRESET the primary is gone, -ESHUTDOWN it is stopping, or as cal_client_send().
 * Needs ctl_attach(). */
int ctl_call_reply(struct ctl *ctl, const char *method, struct json_object *params,
                   uint64_t timeout_ms, struct ctl_reply *reply);

/** The same for the many that want only the result: attaches, prints every failure, returns an
 *  exit status. */
int ctl_call(struct ctl *ctl, const char *method, struct json_object *params,
             struct json_object **result);

/** Print what ctl_call_reply() came to when it is a failure. Returns the exit status. */
int ctl_call_explain(struct ctl *ctl, const char *method, int rc, const struct ctl_reply *reply,
                     uint64_t timeout_ms);

#endif
