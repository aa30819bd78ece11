/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include <stdarg.h>

#include "spdk/log.h"

#include "core/rpc/json_internal.h"

static __thread struct json_note g_note;
static __thread const void *g_collector; /* the request whose handler decodes */
static __thread unsigned g_decoding;     /* nested spdk_json_decode_object() calls */

void
json_note_clear(void)
{
	g_note.set = false;
}

void
json_note_collect(const void *request)
{
	g_collector = request;
	json_note_clear();
}

void
json_note(const char *fmt, ...)
{
	va_list args;

	if (g_note.set) {
		return;
	}
	g_note.set = true;
	g_note.path[0] = '\0';
	va_start(args, fmt);
	vsnprintf(g_note.what, sizeof(g_note.what), fmt, args);
	va_end(args);
}

static void
note_print(char *buf, size_t size)
{
	if (g_note.path[0] == '\0') {
		snprintf(buf, size, "%s", g_note.what);
	} else {
		snprintf(buf, size, "\"%s\": %s", g_note.path, g_note.what);
	}
	/* Names and words come from the peer, and may have been cut within a character. */
	json_utf8_clean(buf);
}

bool
json_note_text(const void *request, char *buf, size_t size)
{
	if (!g_note.set || g_collector != request) {
		return false;
	}
	note_print(buf, size);
	return true;
}

/* Put what the fault lies in before the path so far. */
static void
note_within(const char *name, int name_len)
{
	char path[sizeof(g_note.path)];
	const char *join = g_note.path[0] == '\0' || g_note.path[0] == '[' ? "" : ".";

	if (snprintf(path, sizeof(path), "%.*s%s%s", name_len, name, join, g_note.path) >=
	    (int)sizeof(path)) {
		memcpy(path + sizeof(path) - 4, "...", 4);
	}
	memcpy(g_note.path, path, sizeof(path));
}

static const char *
type_name(const struct spdk_json_val *val)
{
	switch (val->type) {
	case SPDK_JSON_VAL_NULL:
		return "null";
	case SPDK_JSON_VAL_TRUE:
	case SPDK_JSON_VAL_FALSE:
		return "boolean";
	case SPDK_JSON_VAL_NUMBER:
		return "number";
	case SPDK_JSON_VAL_STRING:
	case SPDK_JSON_VAL_NAME:
		return "string";
	case SPDK_JSON_VAL_ARRAY_BEGIN:
		return "array";
	case SPDK_JSON_VAL_OBJECT_BEGIN:
		return "object";
	default:
		return "nothing";
	}
}

/* How much of a value a message quotes. */
#define QUOTED_MAX 40

void
json_note_mismatch(const char *expected, const struct spdk_json_val *val)
{
	if (val->type == SPDK_JSON_VAL_NUMBER) {
		json_note("expected %s, got %.*s", expected,
		          val->len > QUOTED_MAX ? QUOTED_MAX : (int)val->len,
		          (const char *)val->start);
	} else {
		json_note("expected %s, got %s", expected, type_name(val));
	}
}

void
json_note_name(const struct spdk_json_val *name, const char *what)
{
	json_note("%s", what);
	note_within(name->start, name->len > QUOTED_MAX ? QUOTED_MAX : (int)name->len);
}

/* --- objects and arrays ----------------------------------------------------------------------- */

static const struct spdk_json_object_decoder *
find_decoder(const struct spdk_json_val *name, const struct spdk_json_object_decoder *decoders,
             size_t num_decoders)
{
	size_t i;

	for (i = 0; i < num_decoders; i++) {
		if (spdk_json_strequal(name, decoders[i].name)) {
			return &decoders[i];
		}
	}
	return NULL;
}

static int
decode_member(const struct spdk_json_object_decoder *decoder, const struct spdk_json_val *val,
              void *out)
{
	int rc = decoder->decode_func(val, (char *)out + decoder->offset);

	if (rc == 0) {
		return 0;
	}
	if (!g_note.set && val->type == SPDK_JSON_VAL_STRING) {
		json_note("invalid value '%.*s'",
		          val->len > QUOTED_MAX ? QUOTED_MAX : (int)val->len,
		          (const char *)val->start);
	} else if (!g_note.set) {
		json_note("invalid value (%s)", type_name(val));
	}
	note_within(decoder->name, (int)strlen(decoder->name));
	return rc;
}

static int
check_required(const struct spdk_json_object_decoder *decoders, size_t num_decoders,
               const bool *seen)
{
	size_t i;

	for (i = 0; i < num_decoders; i++) {
		if (!decoders[i].optional && !seen[i]) {
			json_note("required, but missing");
			note_within(decoders[i].name, (int)strlen(decoders[i].name));
			return -1;
		}
	}
	return 0;
}

static int
decode_members(const struct spdk_json_val *object, const struct spdk_json_object_decoder *decoders,
               size_t num_decoders, void *out, bool relaxed, bool *seen)
{
	const struct spdk_json_val *name, *end = object + object->len + 1;
	int rc;

	for (name = object + 1; name < end; name += 1 + spdk_json_val_len(name + 1)) {
		const struct spdk_json_object_decoder *decoder;

		decoder = find_decoder(name, decoders, num_decoders);
		if (decoder == NULL) {
			if (relaxed) {
				continue;
			}
			json_note_name(name, "no such parameter");
			return -1;
		}
		if (seen[decoder - decoders]) {
			json_note("given twice");
			note_within(decoder->name, (int)strlen(decoder->name));
			return -1;
		}
		seen[decoder - decoders] = true;
		rc = decode_member(decoder, name + 1, out);
		if (rc != 0) {
			return rc;
		}
		/* It may have tried several things before one fitted. */
		json_note_clear();
	}
	return check_required(decoders, num_decoders, seen);
}

/* There is no object at all: name the first member that it should have had. */
static void
note_no_values(const struct spdk_json_object_decoder *decoders, size_t num_decoders)
{
	size_t i;

	for (i = 0; i < num_decoders; i++) {
		if (!decoders[i].optional) {
			json_note("required, but missing");
			note_within(decoders[i].name, (int)strlen(decoders[i].name));
			return;
		}
	}
	json_note("parameters are required, if only an empty object");
}

/* No request will tell of it. */
static void
log_note(void)
{
	char text[sizeof(g_note.path) + sizeof(g_note.what) + 8];

	note_print(text, sizeof(text));
	SPDK_ERRLOG("%s\n", text);
	json_note_clear();
}

static int
decode_object(const struct spdk_json_val *values, const struct spdk_json_object_decoder *decoders,
              size_t num_decoders, void *out, bool relaxed)
{
	bool few[64] = { false }, *seen = few;
	int rc = -1;

	if (g_decoding == 0) {
		json_note_clear();
	}
	if (num_decoders > sizeof(few)) {
		seen = calloc(num_decoders, sizeof(*seen));
		if (seen == NULL) {
			json_note("out of memory");
			return -1;
		}
	}
	g_decoding++;
	if (values == NULL) {
		note_no_values(decoders, num_decoders);
	} else if (values->type != SPDK_JSON_VAL_OBJECT_BEGIN) {
		json_note_mismatch(g_decoding == 1 ? "object with named parameters" : "object",
		                   values);
	} else {
		rc = decode_members(values, decoders, num_decoders, out, relaxed, seen);
	}
	g_decoding--;
	if (seen != few) {
		free(seen);
	}
	if (rc != 0 && g_decoding == 0 && g_collector == NULL) {
		log_note();
	}
	return rc;
}

int
spdk_json_decode_object(const struct spdk_json_val *values,
                        const struct spdk_json_object_decoder *decoders, size_t num_decoders,
                        void *out)
{
	return decode_object(values, decoders, num_decoders, out, false);
}

int
spdk_json_decode_object_relaxed(const struct spdk_json_val *values,
                                const struct spdk_json_object_decoder *decoders,
                                size_t num_decoders, void *out)
{
	return decode_object(values, decoders, num_decoders, out, true);
}

int
spdk_json_decode_array(const struct spdk_json_val *values, spdk_json_decode_fn decode_func,
                       void *out, size_t max_size, size_t *out_size, size_t stride)
{
	const struct spdk_json_val *val, *end;
	char *field = out, index[24];

	*out_size = 0;
	if (values == NULL || values->type != SPDK_JSON_VAL_ARRAY_BEGIN) {
		if (values != NULL) {
			json_note_mismatch("array", values);
		}
		return -1;
	}
	end = values + values->len + 1;
	for (val = values + 1; val < end; val += spdk_json_val_len(val)) {
		if (*out_size == max_size) {
			json_note("more than %zu elements", max_size);
			return -1;
		}
		if (decode_func(val, field) != 0) {
			json_note("invalid value (%s)", type_name(val));
			note_within(index, snprintf(index, sizeof(index), "[%zu]", *out_size));
			return -1;
		}
		field += stride;
		(*out_size)++;
	}
	return 0;
}

void
spdk_json_free_object(const struct spdk_json_object_decoder *decoders, size_t num_decoders,
                      void *obj)
{
	size_t i;

	for (i = 0; i < num_decoders; i++) {
		if (decoders[i].decode_func == spdk_json_decode_string) {
			char **str = (char **)((char *)obj + decoders[i].offset);

			free(*str);
			*str = NULL;
		}
	}
}

/* --- single values ---------------------------------------------------------------------------- */

int
spdk_json_decode_bool(const struct spdk_json_val *val, void *out)
{
	if (val->type != SPDK_JSON_VAL_TRUE && val->type != SPDK_JSON_VAL_FALSE) {
		json_note_mismatch("boolean", val);
		return -1;
	}
	*(bool *)out = val->type == SPDK_JSON_VAL_TRUE;
	return 0;
}

/* Note why an integer was refused, and pass the refusal on. */
static int
integer_result(const struct spdk_json_val *val, int rc, const char *expected, const char *range)
{
	if (rc == -ERANGE) {
		json_note("%.*s is out of range (%s)",
		          val->len > QUOTED_MAX ? QUOTED_MAX : (int)val->len,
		          (const char *)val->start, range);
	} else if (rc != 0) {
		json_note_mismatch(expected, val);
	}
	return rc;
}

int
spdk_json_decode_uint8(const struct spdk_json_val *val, void *out)
{
	return integer_result(val, spdk_json_number_to_uint8(val, out), "unsigned integer",
	                      "0 to 255");
}

int
spdk_json_decode_uint16(const struct spdk_json_val *val, void *out)
{
	return integer_result(val, spdk_json_number_to_uint16(val, out), "unsigned integer",
	                      "0 to 65535");
}

int
spdk_json_decode_int32(const struct spdk_json_val *val, void *out)
{
	return integer_result(val, spdk_json_number_to_int32(val, out), "integer",
	                      "-2147483648 to 2147483647");
}

int
spdk_json_decode_uint32(const struct spdk_json_val *val, void *out)
{
	return integer_result(val, spdk_json_number_to_uint32(val, out), "unsigned integer",
	                      "0 to 4294967295");
}

int
spdk_json_decode_uint64(const struct spdk_json_val *val, void *out)
{
	return integer_result(val, spdk_json_number_to_uint64(val, out), "unsigned integer",
	                      "0 to 18446744073709551615");
}

int
spdk_json_decode_string(const struct spdk_json_val *val, void *out)
{
	char **str = out, *copy;

	if (val->type != SPDK_JSON_VAL_STRING && val->type != SPDK_JSON_VAL_NAME) {
		json_note_mismatch("string", val);
		return -1;
	}
	copy = spdk_json_strdup(val);
	if (copy == NULL) {
		json_note("no memory, or a NUL in the string");
		return -1;
	}
	free(*str);
	*str = copy;
	return 0;
}

int
spdk_json_decode_uuid(const struct spdk_json_val *val, void *out)
{
	char *text;
	int rc;

	if (val->type != SPDK_JSON_VAL_STRING) {
		json_note_mismatch("UUID string", val);
		return -1;
	}
	text = spdk_json_strdup(val);
	if (text == NULL) {
		return -1;
	}
	rc = spdk_uuid_parse(out, text);
	if (rc != 0) {
		json_note("'%.60s' is not a UUID", text);
	}
	free(text);
	return rc == 0 ? 0 : -1;
}
