/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "core/rpc/json_internal.h"

static bool
is_container(const struct spdk_json_val *val)
{
	return val->type == SPDK_JSON_VAL_ARRAY_BEGIN || val->type == SPDK_JSON_VAL_OBJECT_BEGIN;
}

static bool
is_text(const struct spdk_json_val *val)
{
	return val->type == SPDK_JSON_VAL_STRING || val->type == SPDK_JSON_VAL_NAME;
}

size_t
spdk_json_val_len(const struct spdk_json_val *val)
{
	if (val == NULL) {
		return 0;
	}
	return is_container(val) ? (size_t)val->len + 2 : 1;
}

size_t
spdk_json_array_count(const struct spdk_json_val *val)
{
	size_t i, count = 0;

	if (val == NULL || val->type != SPDK_JSON_VAL_ARRAY_BEGIN) {
		return 0;
	}
	for (i = 0; i < val->len; i += spdk_json_val_len(&val[i + 1])) {
		count++;
	}
	return count;
}

bool
spdk_json_strequal(const struct spdk_json_val *val, const char *str)
{
	size_t len = strlen(str);

	return is_text(val) && val->len == len && memcmp(val->start, str, len) == 0;
}

char *
spdk_json_strdup(const struct spdk_json_val *val)
{
	char *copy;

	if (!is_text(val) || memchr(val->start, '\0', val->len) != NULL) {
		return NULL;
	}
	copy = malloc((size_t)val->len + 1);
	if (copy != NULL) {
		memcpy(copy, val->start, val->len);
		copy[val->len] = '\0';
	}
	return copy;
}

int
spdk_json_find(struct spdk_json_val *object, const char *key_name, struct spdk_json_val **key,
               struct spdk_json_val **val, enum spdk_json_val_type type)
{
	struct spdk_json_val *name, *found = NULL;

	if (object == NULL || key_name == NULL) {
		return -EINVAL;
	}
	if (object->type != SPDK_JSON_VAL_OBJECT_BEGIN) {
		return -EPROTOTYPE;
	}
	for (name = spdk_json_object_first(object); name != NULL; name = spdk_json_next(name)) {
		if (name->type != SPDK_JSON_VAL_NAME) {
			return -EINVAL;
		}
		if (!spdk_json_strequal(name, key_name)) {
			continue;
		}
		if (found != NULL) {
			return -EINVAL; /* which of the two? */
		}
		if (type != SPDK_JSON_VAL_ANY && (name[1].type & type) == 0) {
			return -EDOM;
		}
		found = name;
	}
	if (found == NULL) {
		return -ENOENT;
	}
	if (key != NULL) {
		*key = found;
	}
	if (val != NULL) {
		*val = found + 1;
	}
	return 0;
}

int
spdk_json_find_string(struct spdk_json_val *object, const char *key_name,
                      struct spdk_json_val **key, struct spdk_json_val **val)
{
	return spdk_json_find(object, key_name, key, val, SPDK_JSON_VAL_STRING);
}

int
spdk_json_find_array(struct spdk_json_val *object, const char *key_name, struct spdk_json_val **key,
                     struct spdk_json_val **value)
{
	return spdk_json_find(object, key_name, key, value, SPDK_JSON_VAL_ARRAY_BEGIN);
}

static struct spdk_json_val *
first_in(struct spdk_json_val *container, enum spdk_json_val_type begin)
{
	if (container == NULL || container->type != begin || container->len == 0) {
		return NULL;
	}
	return container + 1;
}

struct spdk_json_val *
spdk_json_object_first(struct spdk_json_val *object)
{
	return first_in(object, SPDK_JSON_VAL_OBJECT_BEGIN);
}

struct spdk_json_val *
spdk_json_array_first(struct spdk_json_val *array_begin)
{
	return first_in(array_begin, SPDK_JSON_VAL_ARRAY_BEGIN);
}

struct spdk_json_val *
spdk_json_next(struct spdk_json_val *pos)
{
	if (pos == NULL) {
		return NULL;
	}
	if (pos->type == SPDK_JSON_VAL_NAME) {
		pos++;
	}
	pos += spdk_json_val_len(pos);
	if (pos->type == SPDK_JSON_VAL_ARRAY_END || pos->type == SPDK_JSON_VAL_OBJECT_END) {
		return NULL;
	}
	return pos;
}
