/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "services/rpcd/rpcd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- notes ------------------------------------------------------------------------------------ */

void
frame_notes_reset(struct frame_notes *notes)
{
	notes->count = 0;
	notes->failed = notes->is_array = notes->is_object = false;
	notes->in_id = notes->in_params = false;
}

static struct request_note *
note_add(struct frame_notes *notes)
{
	struct request_note *grown;
	size_t cap;

	if (notes->count == notes->cap) {
		cap = notes->cap == 0 ? 16 : notes->cap * 2;
		grown = realloc(notes->notes, cap * sizeof(*grown));
		if (grown == NULL) {
			notes->failed = true;
			return NULL;
		}
		notes->notes = grown;
		notes->cap = cap;
	}
	memset(&notes->notes[notes->count], 0, sizeof(notes->notes[0]));
	return &notes->notes[notes->count++];
}

static bool
is_named(const struct frame_notes *notes, const struct cal_json_event *event, const char *quoted)
{
	size_t len = strlen(quoted);

	return event->end - event->start == len &&
	       memcmp(notes->text + event->start, quoted, len) == 0;
}

/* A name or a value directly in a request object. */
static void
note_member(struct frame_notes *notes, struct request_note *note,
            const struct cal_json_event *event)
{
	if (event->kind == CAL_JSON_NAME) {
		notes->in_id = is_named(notes, event, "\"id\"");
		notes->in_params = is_named(notes, event, "\"params\"");
		note->odd |= event->repeated || event->has_nul;
	} else if (notes->in_id && event->kind == CAL_JSON_SCALAR) {
		note->id_start = event->start;
		note->id_end = event->end;
	} else if (notes->in_params && event->kind == CAL_JSON_END) {
		note->params_end = event->end;
	} else if (notes->in_params) {
		note->params_start = event->start;
	}
}

void
frame_note(void *ctx, const struct cal_json_event *event)
{
	struct frame_notes *notes = ctx;
	unsigned level;

	if (notes->failed) {
		return;
	}
	if (event->depth == 0 && event->kind != CAL_JSON_END) {
		notes->is_array = event->kind == CAL_JSON_ARRAY;
		notes->is_object = event->kind == CAL_JSON_OBJECT;
	}
	/* The depth of a request: 0, or 1 in a batch. */
	level = notes->is_array ? 1 : 0;
	if (event->depth == level && event->kind != CAL_JSON_END) {
		note_add(notes);
		return;
	}
	if (event->depth > level) {
		notes->notes[notes->count - 1].has_nul |= event->has_nul;
	}
	if (event->depth == level + 1) {
		note_member(notes, &notes->notes[notes->count - 1], event);
	}
}

/* --- requests --------------------------------------------------------------------------------- */

struct request {
	struct json_object *jsonrpc, *method, *params, *id;
	bool has_jsonrpc, has_method, has_id;
	bool unknown; /* has a member that no request has */
};

static void
request_read(struct json_object *object, struct request *req)
{
	memset(req, 0, sizeof(*req));
	json_object_object_foreach(object, key, value)
	{
		if (strcmp(key, "jsonrpc") == 0) {
			req->jsonrpc = value;
			req->has_jsonrpc = true;
		} else if (strcmp(key, "method") == 0) {
			req->method = value;
			req->has_method = true;
		} else if (strcmp(key, "params") == 0) {
			req->params = value;
		} else if (strcmp(key, "id") == 0) {
			req->id = value;
			req->has_id = true;
		} else {
			req->unknown = true;
		}
	}
}

static bool
id_is_valid(struct json_object *id)
{
	switch (json_object_get_type(id)) {
	case json_type_null:
	case json_type_int:
	case json_type_double:
	case json_type_string:
		return true;
	default:
		return false;
	}
}

static bool
string_is(struct json_object *value, const char *expected)
{
	return json_object_is_type(value, json_type_string) &&
	       (size_t)json_object_get_string_len(value) == strlen(expected) &&
	       strcmp(json_object_get_string(value), expected) == 0;
}

static bool
request_is_valid(const struct request *req, const struct request_note *note)
{
	enum json_type params = json_object_get_type(req->params);

	if (note->has_nul && req->params != NULL && note->params_end <= note->params_start) {
		return false; /* json-c would end names at it: see pack_params() */
	}
	return (!req->has_jsonrpc || string_is(req->jsonrpc, "2.0")) &&
	       json_object_is_type(req->method, json_type_string) &&
	       (params == json_type_null || params == json_type_object ||
	        params == json_type_array);
}

/* Out of the text, because json-c has dropped names that stand twice and rounded or clamped
 * numbers: the method's decoder shall see what the client wrote. */
static int
pack_params(struct codec_buf *buf, const struct request *req, const struct request_note *note,
            const char *text)
{
	if (req->params == NULL) {
		return 0;
	}
	if (note->params_end <= note->params_start) { /* its name is spelt with escapes */
		return cal_json_pack(buf, req->params);
	}
	return cal_json_pack_text(buf, text + note->params_start,
	                          note->params_end - note->params_start);
}

static int
request_send(struct reply *reply, const struct request *req, const char *id, size_t id_len,
             const struct request_note *note, const char *text)
{
	static const char no_method[] = "Method not found", no_memory[] = "Out of memory";
	const char *method = json_object_get_string(req->method);
	struct codec_buf buf;
	int rc;

	if (strlen(method) != (size_t)json_object_get_string_len(req->method)) {
		return reply_error(reply, id, id_len, RPC_METHOD_NOT_FOUND, no_method,
		                   sizeof(no_method) - 1);
	}
	if (!reply->batch && strcmp(method, HANDOVER_METHOD) == 0 && !reply->conn->is_tcp) {
		return handover_request(reply, id, id_len, note->has_nul ? NULL : req->params);
	}
	codec_buf_init(&buf);
	rc = pack_params(&buf, req, note, text);
	if (rc == 0) {
		rc = call_start(reply, id, id_len, req->id == NULL, method,
		                buf.len > 0 ? buf.data : NULL, buf.len);
	} else {
		rc = reply_error(reply, id, id_len, RPC_INTERNAL_ERROR, no_memory,
		                 sizeof(no_memory) - 1);
	}
	codec_buf_free(&buf);
	return rc;
}

static int
request_handle(struct reply *reply, struct json_object *object, const struct request_note *note,
               const char *text)
{
	static const char invalid[] = "Invalid request";
	struct request req;
	const char *id = "null";
	size_t id_len = 4;

	if (!json_object_is_type(object, json_type_object)) {
		return reply_error(reply, id, id_len, RPC_INVALID_REQUEST, invalid,
		                   sizeof(invalid) - 1);
	}
	request_read(object, &req);
	if (req.unknown || note->odd || !req.has_method || !id_is_valid(req.id)) {
		return reply_error(reply, id, id_len, RPC_INVALID_REQUEST, invalid,
		                   sizeof(invalid) - 1);
	}
	if (req.id != NULL && note->id_end > note->id_start) {
		id = text + note->id_start;
		id_len = note->id_end - note->id_start;
	} else if (req.id != NULL) { /* its name is spelt with escapes */
		id = json_object_to_json_string_ext(req.id, JSON_C_TO_STRING_PLAIN);
		id_len = strlen(id);
	}
	if (!request_is_valid(&req, note)) {
		return reply_error(reply, id, id_len, RPC_INVALID_REQUEST, invalid,
		                   sizeof(invalid) - 1);
	}
	return request_send(reply, &req, id, id_len, note, text);
}

static int
value_handle(struct reply *reply, struct json_object *value, const struct frame_notes *notes,
             const char *text)
{
	size_t i, count;
	int rc = 0;

	if (!reply->batch) {
		return request_handle(reply, value, &notes->notes[0], text);
	}
	count = json_object_array_length(value);
	for (i = 0; rc == 0 && i < count; i++) {
		rc = request_handle(reply, json_object_array_get_idx(value, i), &notes->notes[i],
		                    text);
	}
	return rc;
}

int
frame_handle(struct conn *conn, const char *text, size_t len)
{
	const struct frame_notes *notes = &conn->notes;
	struct json_tokener *tokener;
	struct json_object *value;
	struct reply *reply;
	int rc;

	if (notes->failed) {
		return -ENOMEM;
	}
	if (!notes->is_object && (!notes->is_array || notes->count == 0)) {
		return frame_refuse(conn, RPC_INVALID_REQUEST, "Invalid request");
	}
	tokener = json_tokener_new_ex(CAL_JSON_MAX_DEPTH + 1);
	if (tokener == NULL) {
		return -ENOMEM;
	}
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	value = json_tokener_parse_ex(tokener, text, (int)len);
	json_tokener_free(tokener);
	if (value == NULL) {
		return -EBADMSG;
	}
	reply = reply_new(conn, notes->is_array);
	rc = reply == NULL ? -ENOMEM : value_handle(reply, value, notes, text);
	if (reply != NULL) {
		reply_part_done(reply);
	}
	json_object_put(value);
	return rc;
}

int
frame_refuse(struct conn *conn, int code, const char *message)
{
	struct reply *reply = reply_new(conn, false);
	int rc;

	if (reply == NULL) {
		return -ENOMEM;
	}
	rc = reply_error(reply, "null", 4, code, message, strlen(message));
	reply_part_done(reply);
	return rc;
}
