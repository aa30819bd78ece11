/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* A guard in front of json-c. json-c builds the trees; but even when told to be strict it takes
 * NaN, "1." and lone surrogates, clamps integers that do not fit, lets the second of two equal
 * names win, and does not say where in a text a value stood. The scanner reads the same text first:
 * it finds where one value ends (so that a stream can be cut), says exactly what RFC 8259 and SPDK
 * refuse and at which byte, and reports the places of names and values.
 *
 * It is incremental: the caller keeps the text of one value in one buffer that grows, and every
 * byte is looked at once, however small the pieces. */

#ifndef CAL_IPC_CLIENT_JSON_SCAN_H
#define CAL_IPC_CLIENT_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CAL_JSON_MAX_DEPTH 64

enum cal_json_event_kind {
	CAL_JSON_SCALAR,
	CAL_JSON_OBJECT, /* its begin … */
	CAL_JSON_ARRAY,
	CAL_JSON_END,  /* … and the end of either */
	CAL_JSON_NAME, /* of an object's member */
};
struct cal_json_event {
	enum cal_json_event_kind kind;
	unsigned depth;    /* containers around it: 0 for the outermost value, and for its END */
	size_t start, end; /* bytes of the text; of containers their bracket alone */
	bool repeated;     /* NAME: this object has one of the same name already */
	bool has_nul;      /* NAME: there is a NUL in it, which json-c ends it at */
	bool out_of_range; /* SCALAR: an integer outside -2^63 … 2^64-1 */
};
typedef void (*cal_json_event_fn)(void *ctx, const struct cal_json_event *event);

struct cal_json_scan {
	cal_json_event_fn event; /* may be NULL */
	void *ctx;
	size_t max_values; /* names, scalars, and both ends of containers each count; 0: any number
	                    */
	bool comments;     /* take slash-star and slash-slash comments as white space */
	bool nul_names;    /* take names with a NUL in them */

	/* What failed, after -EBADMSG or -E2BIG: a phrase, and the offset of the byte. */
	const char *error;
	size_t error_offset;

	/* private */
	size_t pos, token;
	unsigned state, number, depth;
	uint64_t in_object; /* bit d: the container at depth d is an object */
	bool name, has_nul;
	uint64_t hash;
	size_t values;
	uint64_t *names; /* hashes of the names seen in the objects that are open */
	size_t num_names, cap_names;
	size_t first_name[CAL_JSON_MAX_DEPTH];
};

void cal_json_scan_init(struct cal_json_scan *scan, cal_json_event_fn event, void *ctx);
void cal_json_scan_free(struct cal_json_scan *scan);
/** Be ready for the next value, with the same settings. Its text starts at offset 0 again. */
void cal_json_scan_reset(struct cal_json_scan *scan);

/** Go on in `text`: the same bytes as last time and more, `len` in all. `last` says that no more
 *  will come. Returns 1 when a whole value has been seen (*end is the offset after it), 0 when more
 *  is needed or, with `last`, when there was nothing but white space (*end is how much of the text
 *  may be dropped: leading white space, only before the value has begun and only by calling
 *  cal_json_scan_reset() after it), -EBADMSG when it is not JSON, nested too deeply or cut short,
 *  -E2BIG when it has too many values, -ENOMEM. */
int cal_json_scan(struct cal_json_scan *scan, const char *text, size_t len, bool last, size_t *end);

/** Overwrite every comment in a text that was scanned with `comments` by blanks, leaving line
 *  breaks, so that json-c can parse it and offsets stay true. */
void cal_json_blank_comments(char *text, size_t len);

/** The line and column (both from 1, columns in bytes) of an offset. */
void cal_json_position(const char *text, size_t offset, unsigned *line, unsigned *column);

#endif
