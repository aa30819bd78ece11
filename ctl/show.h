/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Subcommands that call one method and show its result as a table. */

#ifndef CAL_CTL_SHOW_H
#define CAL_CTL_SHOW_H

#include <json-c/json.h>

#include "ctl/ctl.h"
#include "ctl/table.h"

struct ctl_view {
	const char *method;
	const struct ctl_column *columns;
	size_t num_columns;
	/** Make the rows of the result. */
	void (*fill)(struct ctl_table *table, struct json_object *result);
	/** In place of a table without rows. */
	const char *empty;
};

/** Call the view's method; print the result itself with --json, the table without. Returns an exit
 *  status. */
int ctl_show(struct ctl *ctl, const struct ctl_view *view, struct json_object *params);

#endif
