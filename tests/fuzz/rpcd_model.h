/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What cal-rpcd owes a client for the bytes that it sent, by core/rpc's parser of JSON text, which
 * shares no line with the scanner that rpcd uses; and whether what it answered is that. */

#ifndef CAL_TESTS_FUZZ_RPCD_MODEL_H
#define CAL_TESTS_FUZZ_RPCD_MODEL_H

#include "tests/fuzz/fuzz.h"

#include <json-c/json.h>

#include "ipc/client/json.h"
#include "services/rpcd/rpcd.h"
#include "spdk/json.h"

/* One answer that is owed: to a request, a batch, or to something else. */
struct owed {
	unsigned at_least, at_most; /* objects in it */
	char *id;                   /* of a request in good form; NULL: not known */
	size_t id_len;
	bool batch, taken;
};

struct model {
	struct owed *owed;
	size_t num;
	/* Batches that came, and the answers in them: which is whose cannot be told. */
	unsigned batches, batched;
	/* From some byte on it is not known what is owed: more may come. */
	bool vague;
	size_t settled; /* so many of the first are taken */
};

static struct owed *
model_owe(struct model *model, unsigned at_least, unsigned at_most)
{
	struct owed *owed;

	if ((model->num & (model->num - 1)) == 0) { /* twice as many */
		model->owed = realloc(model->owed, (model->num + 1) * 2 * sizeof(*model->owed));
	}
	FUZZ_CHECK(model->owed != NULL, "no memory");
	owed = &model->owed[model->num++];
	memset(owed, 0, sizeof(*owed));
	owed->at_least = at_least;
	owed->at_most = at_most;
	return owed;
}

/* Whether a request is to be answered. One that is not in good form is; one without an id is only
 * if it fails. */
static bool
has_id(struct spdk_json_val *request, struct spdk_json_val **id)
{
	struct spdk_json_val *key;
	unsigned ids = 0, methods = 0, versions = 0, params = 0;
	bool odd = false, null = false;

	*id = NULL;
	for (key = spdk_json_object_first(request); key != NULL; key = spdk_json_next(key)) {
		struct spdk_json_val *value = key + 1;

		if (spdk_json_strequal(key, "id")) {
			*id = value;
			null = value->type == SPDK_JSON_VAL_NULL;
			odd |= ids++ > 0 ||
			       (value->type & (SPDK_JSON_VAL_STRING | SPDK_JSON_VAL_NULL |
			                       SPDK_JSON_VAL_NUMBER)) == 0;
		} else if (spdk_json_strequal(key, "method")) {
			odd |= methods++ > 0 || value->type != SPDK_JSON_VAL_STRING;
		} else if (spdk_json_strequal(key, "jsonrpc")) {
			odd |= versions++ > 0;
		} else {
			odd |= params++ > 0 || !spdk_json_strequal(key, "params");
		}
	}
	odd |= methods == 0;
	if (odd) {
		*id = NULL;
	}
	return odd || (ids > 0 && !null);
}

static void
owe_request(struct model *model, struct spdk_json_val *request, bool escapes)
{
	struct spdk_json_val *id = NULL;
	struct owed *owed;

	if (request->type != SPDK_JSON_VAL_OBJECT_BEGIN) {
		model_owe(model, 1, 1);
		return;
	}
	owed = model_owe(model, has_id(request, &id), 1);
	/* An id whose name is spelt with escapes comes back as json-c writes it. */
	if (id != NULL && id->type == SPDK_JSON_VAL_NUMBER && !escapes) {
		owed->id = malloc(id->len + 1);
		memcpy(owed->id, id->start, id->len);
		owed->id_len = id->len;
	}
}

static void
owe_batch(struct model *model, struct spdk_json_val *batch)
{
	struct spdk_json_val *request, *id;
	struct owed *owed = model_owe(model, 0, 0);

	owed->batch = true;
	for (request = spdk_json_array_first(batch); request != NULL;
	     request = spdk_json_next(request)) {
		owed->at_most++;
		owed->at_least +=
			request->type != SPDK_JSON_VAL_OBJECT_BEGIN || has_id(request, &id);
	}
	if (owed->at_most == 0) { /* an empty one is no request */
		owed->at_least = owed->at_most = 1;
		owed->batch = false;
	}
}

static bool
only_space(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n')) {
		p++;
	}
	return p == end;
}

static size_t
space_before(const char *p, const char *end)
{
	const char *begin = p;

	while (p < end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n')) {
		p++;
	}
	return (size_t)(p - begin);
}

/* The parser goes on over the white space behind a value. */
static const char *
value_end(const char *begin, const char *end)
{
	while (end > begin && only_space(end - 1, end)) {
		end--;
	}
	return end;
}

/* The values that stand in `text`, one after the other, until one is wrong. */
static void
model_build(struct model *model, char *text, size_t len)
{
	static struct spdk_json_val values[RPCD_MAX_VALUES + 1];
	static const char delimiters[] = "{[\"/,]}:";
	char *p = text, *end = text + len;
	bool escapes;
	void *next;
	ssize_t n;

	while (!only_space(p, end)) {
		p += space_before(p, end);
		n = spdk_json_parse(p, (size_t)(end - p), NULL, 0, &next, 0);
		if (n <= 0 || n > RPCD_MAX_VALUES || value_end(p, next) - p > RPCD_MAX_REQUEST) {
			model_owe(model, 1, 1); /* why it is refused */
			return;
		}
		if (*p != '{' && *p != '[' && *p != '"' && next < (void *)end &&
		    memchr(delimiters, *(char *)next, sizeof(delimiters) - 1) == NULL &&
		    (char *)next > p && !only_space((char *)next - 1, next)) {
			/* "01", "1_": two values, or none? */
			model_owe(model, 1, 1);
			model->vague = true;
			return;
		}
		escapes = memchr(p, '\\', (size_t)((char *)next - p)) != NULL;
		n = spdk_json_parse(p, (size_t)(end - p), values, RPCD_MAX_VALUES, &next,
		                    SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE);
		FUZZ_CHECK(n > 0, "parsed once, but not twice");
		if (values[0].type == SPDK_JSON_VAL_ARRAY_BEGIN) {
			owe_batch(model, values);
		} else {
			owe_request(model, values, escapes);
		}
		p = next;
	}
}

static void
model_free(struct model *model)
{
	size_t i;

	for (i = 0; i < model->num; i++) {
		free(model->owed[i].id);
	}
	free(model->owed);
}

/* --- what came -------------------------------------------------------------------------------- */

static void
check_object(struct json_object *object)
{
	struct json_object *jsonrpc, *error, *code, *message;
	bool has_result, has_error;

	FUZZ_CHECK(json_object_is_type(object, json_type_object) &&
	                   json_object_object_get_ex(object, "jsonrpc", &jsonrpc) &&
	                   json_object_object_get_ex(object, "id", NULL),
	           "no answer: %s", json_object_to_json_string(object));
	has_result = json_object_object_get_ex(object, "result", NULL);
	has_error = json_object_object_get_ex(object, "error", &error);
	FUZZ_CHECK(has_result != has_error && json_object_object_length(object) == 3,
	           "neither result nor error: %s", json_object_to_json_string(object));
	if (has_error) {
		FUZZ_CHECK(json_object_object_get_ex(error, "code", &code) &&
		                   json_object_is_type(code, json_type_int) &&
		                   json_object_object_get_ex(error, "message", &message) &&
		                   json_object_is_type(message, json_type_string),
		           "no error: %s", json_object_to_json_string(error));
	}
}

/* Find what this answers. Of those without a known id any will do. */
static void
settle(struct model *model, unsigned objects, bool batch, const char *line, size_t len)
{
	static const char head[] = "{\"jsonrpc\":\"2.0\",\"id\":";
	static const char nobody[] = "{\"jsonrpc\":\"2.0\",\"id\":null,";
	struct owed *owed, *any = NULL;
	size_t i;

	if (batch) {
		model->batches++;
		model->batched += objects;
		return;
	}
	while (model->settled < model->num &&
	       (model->owed[model->settled].taken || model->owed[model->settled].batch)) {
		model->settled++;
	}
	for (i = model->settled; i < model->num; i++) {
		owed = &model->owed[i];
		if (owed->taken || owed->batch) {
			continue;
		}
		if (owed->id != NULL && len > sizeof(head) + owed->id_len &&
		    memcmp(line + sizeof(head) - 1, owed->id, owed->id_len) == 0 &&
		    line[sizeof(head) - 1 + owed->id_len] == ',') {
			owed->taken = true;
			return;
		}
		/* One that may stay unanswered goes last. */
		if (owed->id == NULL && (any == NULL || any->at_least < owed->at_least)) {
			any = owed;
		}
		if (any != NULL && any->at_least > 0 &&
		    memcmp(line, nobody, sizeof(nobody) - 1) == 0) {
			break;
		}
	}
	if (any == NULL && model->vague) {
		return;
	}
	FUZZ_CHECK(any != NULL, "an answer that nobody waits for: %.*s", len > 500 ? 500 : (int)len,
	           line);
	any->taken = true;
}

static void
check_line(struct model *model, const char *line, size_t len)
{
	struct json_tokener *tokener;
	struct json_object *answer;
	size_t i, count = 1;
	bool batch;

	if (len > RPCD_MAX_OUTPUT && line[0] == '{') { /* "huge": it takes too long */
		settle(model, 1, false, line, len);
		return;
	}
	tokener = json_tokener_new_ex(200);
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	answer = json_tokener_parse_ex(tokener, line, (int)len);
	FUZZ_CHECK(json_tokener_get_error(tokener) == json_tokener_success &&
	                   json_tokener_get_parse_end(tokener) == len,
	           "answer is no JSON (%s): %.*s",
	           json_tokener_error_desc(json_tokener_get_error(tokener)),
	           len > 500 ? 500 : (int)len, line);
	json_tokener_free(tokener);
	batch = json_object_is_type(answer, json_type_array);
	if (batch) {
		count = json_object_array_length(answer);
		for (i = 0; i < count; i++) {
			check_object(json_object_array_get_idx(answer, i));
		}
	} else {
		check_object(answer);
	}
	settle(model, (unsigned)count, batch, line, len);
	json_object_put(answer);
}

static void
check_batches(const struct model *model, bool whole)
{
	unsigned batches = 0, some = 0, at_least = 0, at_most = 0;
	size_t i;

	for (i = 0; i < model->num; i++) {
		if (model->owed[i].batch) {
			batches++;
			some += model->owed[i].at_least > 0;
			at_least += model->owed[i].at_least;
			at_most += model->owed[i].at_most;
		}
	}
	if (model->vague) {
		return;
	}
	FUZZ_CHECK(model->batches <= batches && model->batched <= at_most &&
	                   (!whole || (model->batches >= some && model->batched >= at_least)),
	           "%u batches (%u answered: %u), %u to %u answers (came: %u)", batches, some,
	           model->batches, at_least, at_most, model->batched);
}

/** Check what came for what was sent. `whole`: the client listened until the end, and nothing ended
 *  before its time, so nothing may be missing. */
static void
model_check(const struct cal_text *sent, const struct cal_text *got, bool whole)
{
	struct model model = { 0 };
	char *text = malloc(sent->len + 1);
	const char *line = got->data, *end = got->len > 0 ? line + got->len : line, *next;
	size_t i;

	if (sent->len > 0) {
		memcpy(text, sent->data, sent->len);
	}
	model_build(&model, text, sent->len);
	for (; got->len > 0 && line < end; line = next + 1) {
		next = memchr(line, '\n', (size_t)(end - line));
		if (next == NULL) {
			FUZZ_CHECK(!whole, "half an answer: %.500s", line);
			break;
		}
		check_line(&model, line, (size_t)(next - line));
	}
	check_batches(&model, whole);
	for (i = 0; whole && i < model.num; i++) {
		FUZZ_CHECK(model.owed[i].batch || model.owed[i].taken ||
		                   model.owed[i].at_least == 0,
		           "request %zu of %zu has no answer; sent: %.*s; got: %.*s", i, model.num,
		           sent->len > 1000 ? 1000 : (int)sent->len, sent->data,
		           got->len > 1000 ? 1000 : (int)got->len, got->data);
	}
	model_free(&model);
	free(text);
}

#endif
