/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Aligned columns. */

#ifndef CAL_CTL_TABLE_H
#define CAL_CTL_TABLE_H

#include <stddef.h>

#include "ctl/term.h"

struct ctl_column {
	const char *title;
	bool right;   /* numbers */
	bool elastic; /* is cut first when the terminal is too narrow */
};

struct ctl_cell;

struct ctl_table {
	const struct ctl_column *columns;
	size_t num_columns;
	struct ctl_cell *cells;
	size_t num_cells;
	size_t cap;
	bool failed; /* out of memory */
};

/** `columns` is not copied. */
void ctl_table_init(struct ctl_table *table, const struct ctl_column *columns, size_t num_columns);

/** Fill the next cell, row by row. Control characters become '?'. Out of memory is remembered. */
void ctl_table_add(struct ctl_table *table, enum ctl_colour colour, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** Print head and rows; `indent` spaces first. On a terminal a line is at most its width.
 *  Returns 0 or -ENOMEM. */
int ctl_table_print(const struct ctl_table *table, FILE *out, const struct ctl_term *term,
                    unsigned indent);

void ctl_table_free(struct ctl_table *table);

/** Columns that `text` (UTF-8) takes, every character counted as one. */
size_t ctl_table_text_width(const char *text);

#endif
