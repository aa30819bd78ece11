/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* JSON values: a flat array that a parser filled, decoders that turn it into C, and a writer.
 *
 * The types, names and acceptance rules are SPDK's, so that its RPC handlers compile and behave the
 * same. In the runtime itself the text of these values never exists: the array is made of
 * MessagePack and the writer emits MessagePack (core/rpc/README.md). spdk_json_parse() and
 * spdk_json_write_begin() work on real JSON text and are there for applications.
 *
 * No function here blocks. A value array or a write context may be used by one thread at a time. */

#ifndef SPDK_JSON_H
#define SPDK_JSON_H

#include "spdk/stdinc.h"
#include "spdk/uuid.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bits, so that several types can be asked for at once. */
enum spdk_json_val_type {
	SPDK_JSON_VAL_INVALID = 0,
#define SPDK_JSON_VAL_ANY SPDK_JSON_VAL_INVALID
	SPDK_JSON_VAL_NULL = 1U << 1,
	SPDK_JSON_VAL_TRUE = 1U << 2,
	SPDK_JSON_VAL_FALSE = 1U << 3,
	SPDK_JSON_VAL_NUMBER = 1U << 4,
	SPDK_JSON_VAL_STRING = 1U << 5,
	SPDK_JSON_VAL_ARRAY_BEGIN = 1U << 6,
	SPDK_JSON_VAL_ARRAY_END = 1U << 7,
	SPDK_JSON_VAL_OBJECT_BEGIN = 1U << 8,
	SPDK_JSON_VAL_OBJECT_END = 1U << 9,
	SPDK_JSON_VAL_NAME = 1U << 10,
};

/* One value of the flat array. A container is its _BEGIN, everything in it, and its _END; in an
 * object every value follows its NAME. */
struct spdk_json_val {
	/* A string's or name's bytes (decoded, not terminated), a number's text; for everything
	 * else where it stood. */
	void *start;

	/* Of strings, names and numbers: bytes. Of a _BEGIN: how many array entries stand between
	 * it and its _END, those of nested containers included. */
	uint32_t len;

	enum spdk_json_val_type type;
};

/* --- parsing text ----------------------------------------------------------------------------- */

#define SPDK_JSON_PARSE_INVALID            -1 /* not JSON */
#define SPDK_JSON_PARSE_INCOMPLETE         -2 /* good so far, but it ends too early */
#define SPDK_JSON_PARSE_MAX_DEPTH_EXCEEDED -3 /* over 64 containers within one another */

/* Strings are decoded where they stand: the input changes and values point into it. Without this
 * flag a string that contains escapes keeps them. */
#define SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE 0x000000001
/* Take slash-star and double-slash comments for white space. */
#define SPDK_JSON_PARSE_FLAG_ALLOW_COMMENTS 0x000000002

/** Parse the one JSON value (UTF-8) at `json`, white space around it allowed.
 *  \param values filled with at most `num_values` entries; NULL to count only
 *  \param end set, if not NULL, to the byte behind the value (and behind white space after it)
 *  \return how many entries the value takes, also when that is more than `num_values`, or one of
 *  SPDK_JSON_PARSE_* above. */
ssize_t spdk_json_parse(void *json, size_t size, struct spdk_json_val *values, size_t num_values,
                        void **end, uint32_t flags);

/* --- decoding --------------------------------------------------------------------------------- */

/** Turn one value into C at `out`. Returns 0, anything else on failure. */
typedef int (*spdk_json_decode_fn)(const struct spdk_json_val *val, void *out);

struct spdk_json_object_decoder {
	const char *name;
	size_t offset; /* of the member in the structure at `out` */
	spdk_json_decode_fn decode_func;
	bool optional;
};

/** Decode an object into the structure at `out`. Refused: something that is no object, a member
 *  that no decoder names, a member twice, a missing one that is not optional, a value that its
 *  decode_func refuses. The reason is logged, or added to the error reply if this runs in an RPC
 *  handler. Members decoded before the failure keep their values: free them with
 *  spdk_json_free_object(). Returns 0, or non-zero on failure. */
int spdk_json_decode_object(const struct spdk_json_val *values,
                            const struct spdk_json_object_decoder *decoders, size_t num_decoders,
                            void *out);

/** The same, but members that no decoder names are passed over. */
int spdk_json_decode_object_relaxed(const struct spdk_json_val *values,
                                    const struct spdk_json_object_decoder *decoders,
                                    size_t num_decoders, void *out);

/** Decode every element of an array.
 *  \param out the first element's place, the next ones at `stride` bytes each (0: all at `out`)
 *  \param max_size more elements than this are refused
 *  \param out_size how many were decoded, also on failure
 *  \return 0, or -1 on failure. */
int spdk_json_decode_array(const struct spdk_json_val *values, spdk_json_decode_fn decode_func,
                           void *out, size_t max_size, size_t *out_size, size_t stride);

/* Decode functions. Integers take every number whose value is an integer in range, however it is
 * written (12340e-1 is 1234). A string is strdup()ed to the char pointer at `out`, whose former
 * string is freed; one with a NUL inside is refused. */
int spdk_json_decode_bool(const struct spdk_json_val *val, void *out);
int spdk_json_decode_uint8(const struct spdk_json_val *val, void *out);
int spdk_json_decode_uint16(const struct spdk_json_val *val, void *out);
int spdk_json_decode_int32(const struct spdk_json_val *val, void *out);
int spdk_json_decode_uint32(const struct spdk_json_val *val, void *out);
int spdk_json_decode_uint64(const struct spdk_json_val *val, void *out);
int spdk_json_decode_string(const struct spdk_json_val *val, void *out);
int spdk_json_decode_uuid(const struct spdk_json_val *val, void *out);

/** Free the strings that spdk_json_decode_string() left in `obj` and set them to NULL. */
void spdk_json_free_object(const struct spdk_json_object_decoder *decoders, size_t num_decoders,
                           void *obj);

/* --- looking at values ------------------------------------------------------------------------ */

/** How many array entries the value takes: 1, or those between _BEGIN and _END plus two. */
size_t spdk_json_val_len(const struct spdk_json_val *val);

/** Elements of an array, nested ones not counted; 0 for NULL and for what is no array. */
size_t spdk_json_array_count(const struct spdk_json_val *val);

/** Whether `val` is a string or a name and equals `str`. */
bool spdk_json_strequal(const struct spdk_json_val *val, const char *str);

/** Copy a string or name; free() it. NULL for other types, a NUL inside, or no memory. */
char *spdk_json_strdup(const struct spdk_json_val *val);

/* 0, -EINVAL (no number, no integer) or -ERANGE. */
int spdk_json_number_to_uint8(const struct spdk_json_val *val, uint8_t *num);
int spdk_json_number_to_uint16(const struct spdk_json_val *val, uint16_t *num);
int spdk_json_number_to_int32(const struct spdk_json_val *val, int32_t *num);
int spdk_json_number_to_uint32(const struct spdk_json_val *val, uint32_t *num);
int spdk_json_number_to_uint64(const struct spdk_json_val *val, uint64_t *num);

/** Look for a member of `object` (not of objects within it).
 *  \param key,val set, if not NULL, to the member's name and value
 *  \param type what the value must be: one or more types, or SPDK_JSON_VAL_ANY
 *  \return 0, -ENOENT no such member, -EDOM it is of another type, -EPROTOTYPE `object` is no
 *  object, -EINVAL `object` or `key_name` is NULL or the object is damaged. */
int spdk_json_find(struct spdk_json_val *object, const char *key_name, struct spdk_json_val **key,
                   struct spdk_json_val **val, enum spdk_json_val_type type);
/** spdk_json_find() for a string. */
int spdk_json_find_string(struct spdk_json_val *object, const char *key_name,
                          struct spdk_json_val **key, struct spdk_json_val **val);
/** spdk_json_find() for an array. */
int spdk_json_find_array(struct spdk_json_val *object, const char *key_name,
                         struct spdk_json_val **key, struct spdk_json_val **value);

/** The first member's name; NULL when there is none or `object` is no object. */
struct spdk_json_val *spdk_json_object_first(struct spdk_json_val *object);
/** The first element; NULL when there is none or `array_begin` is no array. */
struct spdk_json_val *spdk_json_array_first(struct spdk_json_val *array_begin);
/** From a member's name to the next one's, from an element to the next; NULL at the end. */
struct spdk_json_val *spdk_json_next(struct spdk_json_val *pos);

/* --- writing ---------------------------------------------------------------------------------- */

struct spdk_json_write_ctx;

#define SPDK_JSON_WRITE_FLAG_FORMATTED 0x00000001 /* line breaks, indented by two */
#define SPDK_JSON_WRITE_FLAG_FLATTEN_BATCHES \
	0x00000002 /* spdk_json_write_batch_*() write nothing */

/** Takes what was written, in pieces. Non-zero ends the writing with an error. */
typedef int (*spdk_json_write_cb)(void *cb_ctx, const void *data, size_t size);

/** Begin to write JSON text. Returns NULL when there is no memory. */
struct spdk_json_write_ctx *spdk_json_write_begin(spdk_json_write_cb write_cb, void *cb_ctx,
                                                  uint32_t flags);
/** Hand over what is left and free the context. Returns 0, or -1 when any write failed. */
int spdk_json_write_end(struct spdk_json_write_ctx *w);
/** Forget what has not been handed over, and the errors. */
void spdk_json_write_reset(struct spdk_json_write_ctx *w);
/** Set these flags too. */
void spdk_json_write_add_flags(struct spdk_json_write_ctx *w, uint32_t flags);

/* All of these return 0, or -1: no memory, a string that is not UTF-8, or a structure that can't
 * be written (a value without a name in an object, an end that fits nothing). After a failure every
 * later write fails too, so that only the end needs a check. */
int spdk_json_write_null(struct spdk_json_write_ctx *w);
int spdk_json_write_bool(struct spdk_json_write_ctx *w, bool val);
int spdk_json_write_uint8(struct spdk_json_write_ctx *w, uint8_t val);
int spdk_json_write_uint16(struct spdk_json_write_ctx *w, uint16_t val);
int spdk_json_write_int32(struct spdk_json_write_ctx *w, int32_t val);
int spdk_json_write_uint32(struct spdk_json_write_ctx *w, uint32_t val);
int spdk_json_write_int64(struct spdk_json_write_ctx *w, int64_t val);
int spdk_json_write_uint64(struct spdk_json_write_ctx *w, uint64_t val);
/** In an RPC reply a number beyond 64 bits becomes a double: MessagePack has no wider integers. */
int spdk_json_write_uint128(struct spdk_json_write_ctx *w, uint64_t low_val, uint64_t high_val);
int spdk_json_write_double(struct spdk_json_write_ctx *w, double val);
int spdk_json_write_string(struct spdk_json_write_ctx *w, const char *val);
int spdk_json_write_string_raw(struct spdk_json_write_ctx *w, const char *val, size_t len);
/** As a string of upper-case hexadecimal digits. */
int spdk_json_write_bytearray(struct spdk_json_write_ctx *w, const void *val, size_t len);
int spdk_json_write_uuid(struct spdk_json_write_ctx *w, const struct spdk_uuid *uuid);
/** A string of little-endian UTF-16 that ends with a zero … */
int spdk_json_write_string_utf16le(struct spdk_json_write_ctx *w, const uint16_t *val);
/** … or is `len` 16-bit units long. */
int spdk_json_write_string_utf16le_raw(struct spdk_json_write_ctx *w, const uint16_t *val,
                                       size_t len);
int spdk_json_write_string_fmt(struct spdk_json_write_ctx *w, const char *fmt, ...)
	__attribute__((__format__(__printf__, 2, 3)));
int spdk_json_write_string_fmt_v(struct spdk_json_write_ctx *w, const char *fmt, va_list args);

int spdk_json_write_array_begin(struct spdk_json_write_ctx *w);
int spdk_json_write_array_end(struct spdk_json_write_ctx *w);
/** An array of configuration entries that are to be sent as one batch. */
int spdk_json_write_batch_begin(struct spdk_json_write_ctx *w);
int spdk_json_write_batch_end(struct spdk_json_write_ctx *w);
int spdk_json_write_object_begin(struct spdk_json_write_ctx *w);
int spdk_json_write_object_end(struct spdk_json_write_ctx *w);
int spdk_json_write_name(struct spdk_json_write_ctx *w, const char *name);
int spdk_json_write_name_raw(struct spdk_json_write_ctx *w, const char *name, size_t len);

/** Write a parsed value, containers with all that is in them. */
int spdk_json_write_val(struct spdk_json_write_ctx *w, const struct spdk_json_val *val);
/** Write one value that is JSON text already. A text writer takes it as it is; in an RPC reply it
 * is parsed, and refused when it is not one whole value. */
int spdk_json_write_val_raw(struct spdk_json_write_ctx *w, const void *data, size_t len);

/* A name and its value. */
int spdk_json_write_named_null(struct spdk_json_write_ctx *w, const char *name);
int spdk_json_write_named_bool(struct spdk_json_write_ctx *w, const char *name, bool val);
int spdk_json_write_named_uint8(struct spdk_json_write_ctx *w, const char *name, uint8_t val);
int spdk_json_write_named_uint16(struct spdk_json_write_ctx *w, const char *name, uint16_t val);
int spdk_json_write_named_int32(struct spdk_json_write_ctx *w, const char *name, int32_t val);
int spdk_json_write_named_uint32(struct spdk_json_write_ctx *w, const char *name, uint32_t val);
int spdk_json_write_named_int64(struct spdk_json_write_ctx *w, const char *name, int64_t val);
int spdk_json_write_named_uint64(struct spdk_json_write_ctx *w, const char *name, uint64_t val);
int spdk_json_write_named_uint128(struct spdk_json_write_ctx *w, const char *name, uint64_t low_val,
                                  uint64_t high_val);
int spdk_json_write_named_double(struct spdk_json_write_ctx *w, const char *name, double val);
int spdk_json_write_named_string(struct spdk_json_write_ctx *w, const char *name, const char *val);
int spdk_json_write_named_string_fmt(struct spdk_json_write_ctx *w, const char *name,
                                     const char *fmt, ...)
	__attribute__((__format__(__printf__, 3, 4)));
int spdk_json_write_named_string_fmt_v(struct spdk_json_write_ctx *w, const char *name,
                                       const char *fmt, va_list args);
int spdk_json_write_named_bytearray(struct spdk_json_write_ctx *w, const char *name,
                                    const void *val, size_t len);
int spdk_json_write_named_uuid(struct spdk_json_write_ctx *w, const char *name,
                               const struct spdk_uuid *uuid);
int spdk_json_write_named_array_begin(struct spdk_json_write_ctx *w, const char *name);
int spdk_json_write_named_object_begin(struct spdk_json_write_ctx *w, const char *name);

#ifdef __cplusplus
}
#endif

#endif
