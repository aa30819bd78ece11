/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/file.h"
#include "ctl/json.h"

/* SPDK's limit on nesting, which the primary has too. */
#define MAX_DEPTH 64

struct json_object *
ctl_json_get(struct json_object *object, const char *key)
{
	struct json_object *value;

	if (!json_object_is_type(object, json_type_object) ||
	    !json_object_object_get_ex(object, key, &value)) {
		return NULL;
	}
	return value;
}

uint64_t
ctl_json_u64(struct json_object *object, const char *key)
{
	struct json_object *value = ctl_json_get(object, key);

	return json_object_is_type(value, json_type_int) ||
	                       json_object_is_type(value, json_type_double)
	               ? json_object_get_uint64(value)
	               : 0;
}

double
ctl_json_double(struct json_object *object, const char *key)
{
	struct json_object *value = ctl_json_get(object, key);

	return json_object_is_type(value, json_type_int) ||
	                       json_object_is_type(value, json_type_double)
	               ? json_object_get_double(value)
	               : 0;
}

bool
ctl_json_bool(struct json_object *object, const char *key)
{
	struct json_object *value = ctl_json_get(object, key);

	return json_object_is_type(value, json_type_boolean) && json_object_get_boolean(value);
}

const char *
ctl_json_str(struct json_object *object, const char *key)
{
	struct json_object *value = ctl_json_get(object, key);

	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

size_t
ctl_json_len(struct json_object *array)
{
	return json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
}

struct json_object *
ctl_json_at(struct json_object *array, size_t index)
{
	return index < ctl_json_len(array) ? json_object_array_get_idx(array, index) : NULL;
}

struct json_object *
ctl_json_new_double(double value, int decimals)
{
	char text[64];

	if (!isfinite(value)) {
		value = 0;
	}
	snprintf(text, sizeof(text), "%.*f", decimals, value);
	return json_object_new_double_s(value, text);
}

void
ctl_json_put(struct json_object *object, const char *key, struct json_object *value)
{
	json_object_object_add(object, key, value);
}

void
ctl_json_put_str(struct json_object *object, const char *key, const char *value)
{
	json_object_object_add(object, key, json_object_new_string(value));
}

void
ctl_json_put_u64(struct json_object *object, const char *key, uint64_t value)
{
	json_object_object_add(object, key, json_object_new_uint64(value));
}

void
ctl_json_print_line(FILE *out, struct json_object *value)
{
	fprintf(out, "%s\n",
	        json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN |
	                                                      JSON_C_TO_STRING_NOSLASHESCAPE));
}

static void
print_scalar(FILE *out, struct json_object *value)
{
	fputs(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN |
	                                                    JSON_C_TO_STRING_NOSLASHESCAPE),
	      out);
}

static void print_indented(FILE *out, struct json_object *value, int depth);

static void
print_members(FILE *out, struct json_object *object, int depth)
{
	const char *separator = "{\n";

	json_object_object_foreach(object, key, value)
	{
		struct json_object *name = json_object_new_string(key);

		fprintf(out, "%s%*s", separator, 2 * (depth + 1), "");
		print_scalar(out, name);
		fputs(": ", out);
		print_indented(out, value, depth + 1);
		json_object_put(name);
		separator = ",\n";
	}
	fprintf(out, "\n%*s}", 2 * depth, "");
}

/* As Python prints with an indent of 2, which is what SPDK's tools print; json-c breaks the line in
 * empty containers. */
static void
print_indented(FILE *out, struct json_object *value, int depth)
{
	size_t i;

	if (ctl_json_len(value) > 0) {
		for (i = 0; i < ctl_json_len(value); i++) {
			fprintf(out, "%s%*s", i == 0 ? "[\n" : ",\n", 2 * (depth + 1), "");
			print_indented(out, ctl_json_at(value, i), depth + 1);
		}
		fprintf(out, "\n%*s]", 2 * depth, "");
	} else if (json_object_is_type(value, json_type_object) &&
	           json_object_object_length(value) > 0) {
		print_members(out, value, depth);
	} else {
		print_scalar(out, value);
	}
}

void
ctl_json_print_pretty(FILE *out, struct json_object *value)
{
	print_indented(out, value, 0);
	fputc('\n', out);
}

static void
describe_place(const char *text, size_t offset, const char *what, char *err, size_t err_size)
{
	size_t line = 1, column = 1, i;

	for (i = 0; i < offset; i++) {
		column++;
		if (text[i] == '\n') {
			line++;
			column = 1;
		}
	}
	snprintf(err, err_size, "line %zu, column %zu: %s", line, column, what);
}

int
ctl_json_parse(const char *text, size_t len, struct json_object **out, char *err, size_t err_size)
{
	struct json_tokener *tokener;
	enum json_tokener_error error;
	size_t end;
	int rc = -EINVAL;

	*out = NULL;
	if (len > CTL_FILE_MAX) {
		snprintf(err, err_size, "more than %u MiB of JSON", CTL_FILE_MAX >> 20);
		return rc;
	}
	tokener = json_tokener_new_ex(MAX_DEPTH);
	if (tokener == NULL) {
		snprintf(err, err_size, "out of memory");
		return -ENOMEM;
	}
	*out = json_tokener_parse_ex(tokener, text, (int)len);
	error = json_tokener_get_error(tokener);
	end = json_tokener_get_parse_end(tokener);
	if (error == json_tokener_continue) {
		/* A bare number or word is only known to be over when something follows it. */
		*out = json_tokener_parse_ex(tokener, "", 1);
		error = json_tokener_get_error(tokener);
		end = len;
		if (error != json_tokener_success) {
			error = json_tokener_error_parse_eof;
		}
	}
	if (error != json_tokener_success) {
		describe_place(text, end, json_tokener_error_desc(error), err, err_size);
	} else if (end + strspn(text + end, " \t\r\n") < len) {
		describe_place(text, end + strspn(text + end, " \t\r\n"),
		               "something follows the end of the JSON value", err, err_size);
		json_object_put(*out);
		*out = NULL;
	} else {
		rc = 0;
	}
	json_tokener_free(tokener);
	return rc;
}
