/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What lies under spdk/json.h: the note of what a decoder refused, values made of MessagePack, and
 * the two backends of a write context (json_write_msgpack.c, json_write_text.c). */

#ifndef CAL_CORE_RPC_JSON_INTERNAL_H
#define CAL_CORE_RPC_JSON_INTERNAL_H

#include "spdk/json.h"
#include "spdk/util.h"

#include "ipc/codec/codec.h"

#define JSON_MAX_DEPTH 64

/* --- the note: which parameter was refused, and why ------------------------------------------- */

/* Each thread has one. Whoever finds the fault writes it; whoever is on the way out to the
 * outermost decoder puts the name of the member before it. */
struct json_note {
	bool set;
	char path[96];  /* names[3].size */
	char what[160]; /* expected string, got number */
};

/** Forget the note. */
void json_note_clear(void);
/** Note a fault unless one is noted already: the innermost says most. */
void json_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/** Note that the value is not what was expected: its type, and of a number or word what it is. */
void json_note_mismatch(const char *expected, const struct spdk_json_val *val);
/** Note that there is something wrong with a member whose name is the value `name`. */
void json_note_name(const struct spdk_json_val *name, const char *what);
/** Whose handler runs on this thread now; NULL for nobody's. Forgets the note. Nobody's faults are
 *  logged by the outermost decoder. */
void json_note_collect(const void *request);
/** Write `"path": what` to `buf`. Returns false when nothing is noted, or for another request. */
bool json_note_text(const void *request, char *buf, size_t size);

/* --- numbers ---------------------------------------------------------------------------------- */

/* The value of a number's text, if it is an integer of at most 64 bits. */
struct json_integer {
	bool negative;
	uint64_t magnitude;
};
/** Returns 0, -EINVAL when the text is no number or no integer, -ERANGE beyond 64 bits. */
int json_integer_parse(const char *text, size_t len, struct json_integer *out);

/* --- UTF-8 ------------------------------------------------------------------------------------ */

/** Decode the character at `p` (p < end). Returns its length, or 0 when it is not UTF-8. */
unsigned json_utf8_decode(const uint8_t *p, const uint8_t *end, uint32_t *codepoint);
/** Encode a code point. Returns how many bytes of `out` (at least 4) it took. */
unsigned json_utf8_encode(uint8_t *out, uint32_t codepoint);
bool json_utf8_valid(const void *bytes, size_t len);
/** Put a question mark for every byte of a string that is not UTF-8 and every control character. */
void json_utf8_clean(char *text);

/* --- values of MessagePack -------------------------------------------------------------------- */

/* What a MessagePack value takes as an array of values and the text that they point to. */
struct json_values_size {
	size_t num_values;
	size_t text;
};

/** Measure one whole value that codec_parse() has checked. Returns 0; -EINVAL with a sentence at
 *  *why when it has no counterpart in JSON: a key that is no string, a byte string, a string that
 *  is not UTF-8, infinity; -E2BIG over `max_values`. */
int json_values_measure(const void *value, size_t len, size_t max_values,
                        struct json_values_size *size, const char **why);

/** Fill `values` and `text`, of the sizes that were measured. Strings in `text` end with a NUL. */
void json_values_fill(const void *value, size_t len, struct spdk_json_val *values, char *text);

/* --- write contexts --------------------------------------------------------------------------- */

/* Every function returns 0 or -1. */
struct json_write_ops {
	int (*put_null)(struct spdk_json_write_ctx *w);
	int (*put_bool)(struct spdk_json_write_ctx *w, bool value);
	int (*put_int)(struct spdk_json_write_ctx *w, int64_t value);
	int (*put_uint)(struct spdk_json_write_ctx *w, uint64_t value);
	int (*put_uint128)(struct spdk_json_write_ctx *w, uint64_t low, uint64_t high);
	int (*put_double)(struct spdk_json_write_ctx *w, double value);
	int (*put_number)(struct spdk_json_write_ctx *w, const char *text, size_t len);
	int (*put_string)(struct spdk_json_write_ctx *w, const char *str, size_t len);
	int (*put_raw)(struct spdk_json_write_ctx *w, const void *json, size_t len);
	int (*put_name)(struct spdk_json_write_ctx *w, const char *name, size_t len);
	int (*begin)(struct spdk_json_write_ctx *w, bool object);
	int (*end)(struct spdk_json_write_ctx *w, bool object);
	void (*reset)(struct spdk_json_write_ctx *w);
	int (*finish)(struct spdk_json_write_ctx *w); /* and free, if it was allocated */
};

/* The head of every context; a backend's own follows it. */
struct spdk_json_write_ctx {
	const struct json_write_ops *ops;
	uint32_t flags;
	bool failed;
};

struct json_msgpack_level {
	uintptr_t place;
	uint32_t count;
	bool object;
	bool named; /* a name was written and its value is due */
};

struct json_msgpack_writer {
	struct spdk_json_write_ctx base;
	struct codec_buf *buf;
	size_t origin; /* where in it the value begins */
	unsigned depth;
	struct json_msgpack_level level[JSON_MAX_DEPTH];
};

/** Have `w` write values to `buf`. Level 0 is outside of everything and takes one value. */
void json_msgpack_writer_init(struct json_msgpack_writer *w, struct codec_buf *buf);
/** Whether exactly one whole value was written, without failure. */
bool json_msgpack_writer_done(const struct json_msgpack_writer *w);

#endif
