/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The wire: MessagePack-RPC. [0, id, method, params], [1, id, error, result], [2, method, params];
 * error is nil or [code, message] with the JSON-RPC codes. Decoding never allocates, never trusts a
 * length, and never reads past the bytes it was given. */

#ifndef CAL_IPC_CODEC_CODEC_H
#define CAL_IPC_CODEC_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipc/codec/chunk.h"

#define CODEC_MAX_DEPTH 64 /* SPDK's limit on nesting */

enum codec_msg_type { CODEC_REQUEST = 0, CODEC_RESPONSE = 1, CODEC_NOTIFICATION = 2 };

/* A part of a message: `len` bytes at `data`, one whole MessagePack value (method: the bare string
 * bytes, not terminated). */
struct codec_span {
	const uint8_t *data;
	size_t len;
};

struct codec_envelope {
	enum codec_msg_type type;
	uint32_t id; /* not of a notification */
	struct codec_span method;
	struct codec_span params; /* of a request or notification */
	struct codec_span error;  /* of a response; len 0 for nil */
	struct codec_span result; /* of a response */
};

/** Check one whole message and find its parts. Everything in it is walked once: values are
 *  complete, nesting is within CODEC_MAX_DEPTH, no byte is left over. Any thread. Returns 0 or
 *  -EBADMSG. */
int codec_parse(const void *msg, size_t len, struct codec_envelope *out);

/** Length of the one value at `p`, at most `len` bytes; 0 when it is malformed, incomplete or too
 *  deep. */
size_t codec_value_len(const uint8_t *p, size_t len);

/* What MessagePack is written to: one growing piece of private memory, or a chain of chunks, where
 * growing copies nothing. In a chain a value's head is never cut in two, a string may be. */
struct codec_buf {
	uint8_t *data; /* of a chain: the last chunk's */
	size_t len;    /* bytes in it */
	size_t cap;
	bool failed; /* out of memory: every later write is ignored, codec_buf_take() says so */
	bool chained;
	struct codec_chain chain; /* its last chunk's len is not up to date */
	size_t before;            /* bytes in the chunks before the last one */
};
void codec_buf_init(struct codec_buf *buf);
void codec_buf_init_chain(struct codec_buf *buf);
/** Let go of what was written. The buffer is empty, and of the same kind, afterwards. */
void codec_buf_free(struct codec_buf *buf);
/** Bytes written so far. */
static inline size_t
codec_buf_size(const struct codec_buf *buf)
{
	return buf->before + buf->len;
}
/** Forget what was written beyond the first `size` bytes. */
void codec_buf_cut(struct codec_buf *buf, size_t size);
/** Give the bytes away (free() them); NULL when a write failed. The buffer is empty afterwards. Not
 *  of a chain. */
void *codec_buf_take(struct codec_buf *buf, size_t *len);
/** Give a chain away (codec_chain_free() it). Returns 0, or -ENOMEM when a write failed. The buffer
 *  is empty afterwards. */
int codec_buf_take_chain(struct codec_buf *buf, struct codec_chain *out);

void codec_put_nil(struct codec_buf *buf);
void codec_put_bool(struct codec_buf *buf, bool value);
void codec_put_uint(struct codec_buf *buf, uint64_t value);
void codec_put_int(struct codec_buf *buf, int64_t value);
void codec_put_double(struct codec_buf *buf, double value);
void codec_put_str(struct codec_buf *buf, const char *str, size_t len);
void codec_put_cstr(struct codec_buf *buf, const char *str);
void codec_put_raw(struct codec_buf *buf, const void *bytes, size_t len);
/** Containers whose size is known … */
void codec_put_array(struct codec_buf *buf, uint32_t count);
void codec_put_map(struct codec_buf *buf, uint32_t count);
/** … and ones whose size is patched in later: begin returns the place (an offset, in a chain an
 *  address), end writes the count. */
uintptr_t codec_begin_array(struct codec_buf *buf);
uintptr_t codec_begin_map(struct codec_buf *buf);
void codec_end(struct codec_buf *buf, uintptr_t place, uint32_t count);

/** Write a whole request; `params` NULL means nil. */
void codec_put_request(struct codec_buf *buf, uint32_t id, const char *method, const void *params,
                       size_t params_len);
/** Write [1, id, [code, message], nil]. */
void codec_put_error(struct codec_buf *buf, uint32_t id, int code, const char *message);
/** Write [1, id, nil, — and the caller writes one value after it. */
void codec_begin_result(struct codec_buf *buf, uint32_t id);

/** Read an error value: [code, message]. message is not terminated. Returns 0 or -EBADMSG. */
int codec_parse_error(const void *error, size_t len, int *code, struct codec_span *message);

/* A cursor over one value, for readers in the services and calctl. Containers are walked in
 * pre-order: codec_next() on a map or array goes inside; codec_skip() steps over the whole value.
 */
enum codec_kind {
	CODEC_NIL,
	CODEC_BOOL,
	CODEC_UINT,
	CODEC_INT,
	CODEC_DOUBLE,
	CODEC_STR,
	CODEC_BIN,
	CODEC_ARRAY,
	CODEC_MAP,
	CODEC_END
};
struct codec_item {
	enum codec_kind kind;
	union {
		bool b;
		uint64_t u;
		int64_t i; /* negative numbers only */
		double d;
		uint32_t count; /* elements, or pairs of a map */
		struct codec_span str;
	};
};
struct codec_cursor {
	const uint8_t *p;
	const uint8_t *end;
};
void codec_cursor_init(struct codec_cursor *cur, const void *value, size_t len);
/** Read one item; kind CODEC_END at the end or at malformed bytes. */
struct codec_item codec_next(struct codec_cursor *cur);
/** Step over one whole value. Returns 0 or -EBADMSG. */
int codec_skip(struct codec_cursor *cur);
/** In the map at `map`, find `key` and point `out` at its value. Returns 0 or -ENOENT. */
int codec_map_find(const void *map, size_t len, const char *key, struct codec_cursor *out);

#endif
