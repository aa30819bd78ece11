/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* json-c, as the subcommands use it: lenient reading of results, and printing. */

#ifndef CAL_CTL_JSON_H
#define CAL_CTL_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <json-c/json.h>

/** A member's value; 0, false, "" or NULL when there is none or it is of another type. */
uint64_t ctl_json_u64(struct json_object *object, const char *key);
double ctl_json_double(struct json_object *object, const char *key);
bool ctl_json_bool(struct json_object *object, const char *key);
const char *ctl_json_str(struct json_object *object, const char *key);
struct json_object *ctl_json_get(struct json_object *object, const char *key);

/** An array's length and elements; 0 and NULL for anything else. */
size_t ctl_json_len(struct json_object *array);
struct json_object *ctl_json_at(struct json_object *array, size_t index);

/** A number with `decimals` places, so that 0.1 does not print with 17 digits. */
struct json_object *ctl_json_new_double(double value, int decimals);

/** Add a member. `value` is the object's afterwards. */
void ctl_json_put(struct json_object *object, const char *key, struct json_object *value);
void ctl_json_put_str(struct json_object *object, const char *key, const char *value);
void ctl_json_put_u64(struct json_object *object, const char *key, uint64_t value);

/** Print on one line, or indented. */
void ctl_json_print_line(FILE *out, struct json_object *value);
void ctl_json_print_pretty(FILE *out, struct json_object *value);

/** Parse one JSON text (comments are allowed, as in configuration files). Returns 0, or -EINVAL
 *  with a sentence in `err` that has line and column. *out is NULL for null. */
int ctl_json_parse(const char *text, size_t len, struct json_object **out, char *err,
                   size_t err_size);

#endif
