/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include <stdio.h>

#include "ctl/call.h"
#include "ctl/json.h"
#include "ctl/show.h"

static int
print_table(const struct ctl_view *view, struct json_object *result)
{
	struct ctl_table table;
	int rc = 0;

	ctl_table_init(&table, view->columns, view->num_columns);
	view->fill(&table, result);
	if (table.num_cells == 0 && !table.failed && view->empty != NULL) {
		printf("%s\n", view->empty);
	} else {
		rc = ctl_table_print(&table, stdout, ctl_term(), 0);
	}
	ctl_table_free(&table);
	return rc;
}

int
ctl_show(struct ctl *ctl, const struct ctl_view *view, struct json_object *params)
{
	struct json_object *result;
	int rc = ctl_call(ctl, view->method, params, &result);

	if (rc != CTL_OK) {
		return rc;
	}
	if (ctl->json) {
		ctl_json_print_line(stdout, result);
	} else if (print_table(view, result) != 0) {
		ctl_error("out of memory");
		rc = CTL_FAILED;
	}
	json_object_put(result);
	return rc;
}
