/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/table.h"

#define GAP 2
/* An elastic column is not cut below this. */
#define MIN_ELASTIC 8

struct ctl_cell {
	char *text;
	enum ctl_colour colour;
};

void
ctl_table_init(struct ctl_table *table, const struct ctl_column *columns, size_t num_columns)
{
	memset(table, 0, sizeof(*table));
	table->columns = columns;
	table->num_columns = num_columns;
}

size_t
ctl_table_text_width(const char *text)
{
	size_t width = 0;

	for (; *text != '\0'; text++) {
		width += (*text & 0xc0) != 0x80;
	}
	return width;
}

/* Bytes of the first `width` characters. */
static size_t
bytes_of(const char *text, size_t width)
{
	size_t i;

	for (i = 0; text[i] != '\0'; i++) {
		if ((text[i] & 0xc0) != 0x80 && width-- == 0) {
			break;
		}
	}
	return i;
}

void
ctl_table_add(struct ctl_table *table, enum ctl_colour colour, const char *fmt, ...)
{
	va_list ap;
	char *text, *p;
	int rc;

	if (table->num_cells == table->cap) {
		size_t cap = table->cap == 0 ? 64 : 2 * table->cap;
		struct ctl_cell *cells = reallocarray(table->cells, cap, sizeof(*cells));

		if (cells == NULL) {
			table->failed = true;
			return;
		}
		table->cells = cells;
		table->cap = cap;
	}
	va_start(ap, fmt);
	rc = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (rc < 0) {
		table->failed = true;
		return;
	}
	/* Names come from elsewhere: they must not be able to drive the terminal. */
	for (p = text; *p != '\0'; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f) {
			*p = '?';
		}
	}
	table->cells[table->num_cells++] = (struct ctl_cell){ .text = text, .colour = colour };
}

static void
measure(const struct ctl_table *table, size_t *widths)
{
	size_t i, width;

	for (i = 0; i < table->num_columns; i++) {
		widths[i] = ctl_table_text_width(table->columns[i].title);
	}
	for (i = 0; i < table->num_cells; i++) {
		width = ctl_table_text_width(table->cells[i].text);
		if (width > widths[i % table->num_columns]) {
			widths[i % table->num_columns] = width;
		}
	}
}

/* Take what is too much from the widest elastic column, a character at a time. */
static void
fit(const struct ctl_table *table, size_t *widths, size_t limit)
{
	size_t i, total, widest;

	for (;;) {
		total = GAP * (table->num_columns - 1);
		widest = table->num_columns;
		for (i = 0; i < table->num_columns; i++) {
			total += widths[i];
			if (table->columns[i].elastic && widths[i] > MIN_ELASTIC &&
			    (widest == table->num_columns || widths[i] > widths[widest])) {
				widest = i;
			}
		}
		if (total <= limit || widest == table->num_columns) {
			return;
		}
		widths[widest]--;
	}
}

static void
print_cell(FILE *out, const struct ctl_term *term, const char *text, size_t width, bool right,
           bool last, enum ctl_colour colour)
{
	size_t text_width = ctl_table_text_width(text);
	size_t len = strlen(text), pad;
	const char *cut = "";

	if (text_width > width) {
		len = bytes_of(text, width - 1);
		cut = "…";
		text_width = width;
	}
	pad = width - text_width;
	if (right) {
		fprintf(out, "%*s", (int)pad, "");
	}
	fprintf(out, "%s%.*s%s%s", ctl_term_begin(term, colour), (int)len, text, cut,
	        ctl_term_end(term, colour));
	if (!last) {
		fprintf(out, "%*s", (int)(GAP + (right ? 0 : pad)), "");
	}
}

int
ctl_table_print(const struct ctl_table *table, FILE *out, const struct ctl_term *term,
                unsigned indent)
{
	size_t *widths, i, col;

	if (table->failed || table->num_columns == 0) {
		return -ENOMEM;
	}
	widths = calloc(table->num_columns, sizeof(*widths));
	if (widths == NULL) {
		return -ENOMEM;
	}
	measure(table, widths);
	if (term->width > indent) {
		fit(table, widths, term->width - indent);
	}
	fprintf(out, "%*s", (int)indent, "");
	for (col = 0; col < table->num_columns; col++) {
		print_cell(out, term, table->columns[col].title, widths[col],
		           table->columns[col].right, col + 1 == table->num_columns, CTL_BOLD);
	}
	fputc('\n', out);
	for (i = 0; i + table->num_columns <= table->num_cells; i += table->num_columns) {
		fprintf(out, "%*s", (int)indent, "");
		for (col = 0; col < table->num_columns; col++) {
			const struct ctl_cell *cell = &table->cells[i + col];

			print_cell(out, term, cell->text, widths[col], table->columns[col].right,
			           col + 1 == table->num_columns, cell->colour);
		}
		fputc('\n', out);
	}
	free(widths);
	return 0;
}

void
ctl_table_free(struct ctl_table *table)
{
	size_t i;

	for (i = 0; i < table->num_cells; i++) {
		free(table->cells[i].text);
	}
	free(table->cells);
	ctl_table_init(table, table->columns, table->num_columns);
}
