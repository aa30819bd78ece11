/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* JSON text and json-c objects ⇄ MessagePack, for the services and calctl. The primary never sees
 * JSON. Integers stay integers (-2^63 … 2^64-1), other numbers become float64. */

#ifndef CAL_IPC_CLIENT_JSON_H
#define CAL_IPC_CLIENT_JSON_H

#include <stddef.h>
#include <json-c/json.h>

#include "ipc/codec/codec.h"

/** Append `value` (NULL is JSON null) to `buf`. Returns 0 or -ENOMEM. */
int cal_json_pack(struct codec_buf *buf, struct json_object *value);

/** Build a json-c object of one MessagePack value. *out is NULL for nil. Returns 0, -EBADMSG,
 *  -ENOMEM. */
int cal_json_unpack(const void *value, size_t len, struct json_object **out);

/* A growing text buffer. */
struct cal_text {
	char *data; /* terminated when len > 0 */
	size_t len;
	size_t cap;
};
/** Print one MessagePack value as compact JSON text, without building a tree: what rpcd answers
 *  with. Strings that are not UTF-8 get U+FFFD where they break. Returns 0, -EBADMSG, -ENOMEM. */
int cal_json_print(struct cal_text *text, const void *value, size_t len);
int cal_text_append(struct cal_text *text, const char *bytes, size_t len);
void cal_text_free(struct cal_text *text);

#endif
