/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* JSON text and json-c objects ⇄ MessagePack, for the services and calctl. The primary never sees
 * JSON. Integers stay integers (-2^63 … 2^64-1), other numbers become float64. Nesting is bounded
 * by CODEC_MAX_DEPTH in both directions. No call here keeps state: any thread. */

#ifndef CAL_IPC_CLIENT_JSON_H
#define CAL_IPC_CLIENT_JSON_H

#include <stddef.h>
#include <json-c/json.h>

#include "ipc/codec/codec.h"

/** Append `value` (NULL is JSON null) to `buf`. NaN and infinities, which json-c has and JSON has
 *  not, become nil. Returns 0, -ENOMEM, or -E2BIG when it is nested too deeply (and then part of it
 *  may be in `buf`). */
int cal_json_pack(struct codec_buf *buf, struct json_object *value);

/** Append the one value at `text`, which cal_json_scan() has accepted (no comments). Names that
 *  stand twice are kept. A number whose value is an integer within 64 bits is one, however it is
 *  written (1e3, 2.0); others are float64, of which one that is no integer in the text never
 *  becomes one, and what is too large is the largest. Returns 0, -ENOMEM, or -EBADMSG for what the
 *  scanner would have refused (not all of it is noticed). */
int cal_json_pack_text(struct codec_buf *buf, const char *text, size_t len);

/** Build a json-c object of one MessagePack value. *out is NULL for nil. Strings that are not UTF-8
 *  get U+FFFD where they break. Returns 0, -EBADMSG (malformed, too deep, a key that is not a
 *  string or has a NUL in it), -ENOMEM. */
int cal_json_unpack(const void *value, size_t len, struct json_object **out);

/* A growing text buffer. Starts as all zeroes. */
struct cal_text {
	char *data; /* terminated when len > 0 */
	size_t len;
	size_t cap;
};
/** Print one MessagePack value as compact JSON text, without building a tree: what rpcd answers
 *  with. Strings that are not UTF-8 get U+FFFD where they break. Returns 0, -EBADMSG, -ENOMEM; on
 *  failure the text is as it was. */
int cal_json_print(struct cal_text *text, const void *value, size_t len);
/** Print `len` bytes as a JSON string, quotes and all. Returns 0 or -ENOMEM. */
int cal_json_print_string(struct cal_text *text, const char *bytes, size_t len);
/** Make room for `more` bytes behind what is there. Returns 0 or -ENOMEM. */
int cal_text_reserve(struct cal_text *text, size_t more);
int cal_text_append(struct cal_text *text, const char *bytes, size_t len);
int cal_text_append_cstr(struct cal_text *text, const char *str);
void cal_text_free(struct cal_text *text);

/** Length of the UTF-8 sequence at `p` (at most `len` > 0 bytes). When it is not one, *valid is
 *  false and the length is that of the bytes to replace with one U+FFFD (Unicode's "maximal
 *  subpart"). */
size_t cal_utf8_next(const unsigned char *p, size_t len, bool *valid);

#endif
