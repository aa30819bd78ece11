/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "ipc/client/config_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/client/json_scan.h"

#define MAX_FILE (64u << 20)

struct offsets {
	size_t *list;
	size_t num, cap;
};

/* What the scanner saw: where the subsystems and entries stand, in the order of the file, which is
 * the order of the tree. */
struct places {
	struct offsets subsystems, entries;
	const char *text;
	bool in_subsystems, in_config; /* the last name at these levels */
	bool in_batch;
	bool failed;
	const char *mistake; /* good JSON, but json-c would hide it */
	size_t mistake_offset;
};

struct parser {
	struct config *config;
	struct places places;
	const char *path;
	const char *text;
	size_t next_subsystem, next_entry;
	size_t counted; /* up to here there are so many lines */
	unsigned lines;
	size_t cap_entries;
	unsigned batches;
	char *err;
	size_t err_size;
};

/* --- the text --------------------------------------------------------------------------------- */

static void
place_add(struct places *places, struct offsets *offsets, size_t offset)
{
	size_t cap, *grown;

	if (offsets->num == offsets->cap) {
		cap = offsets->cap == 0 ? 64 : offsets->cap * 2;
		grown = realloc(offsets->list, cap * sizeof(*grown));
		if (grown == NULL) {
			places->failed = true;
			return;
		}
		offsets->list = grown;
		offsets->cap = cap;
	}
	offsets->list[offsets->num++] = offset;
}

static void
note_mistake(struct places *places, size_t offset, const char *mistake)
{
	if (places->mistake == NULL) {
		places->mistake = mistake;
		places->mistake_offset = offset;
	}
}

static bool
name_is(const struct places *places, const struct cal_json_event *event, const char *name)
{
	const char *text = places->text + event->start;
	size_t len = event->end - event->start;
	struct json_tokener *tokener;
	struct json_object *spelt;
	bool same;

	if (memchr(text, '\\', len) == NULL) {
		return len == strlen(name) + 2 && memcmp(text + 1, name, len - 2) == 0;
	}
	/* With escapes in it: the tree that is built later has it without. */
	tokener = json_tokener_new();
	spelt = tokener == NULL ? NULL : json_tokener_parse_ex(tokener, text, (int)len);
	same = spelt != NULL && strcmp(json_object_get_string(spelt), name) == 0;
	json_object_put(spelt);
	if (tokener != NULL) {
		json_tokener_free(tokener);
	}
	return same;
}

/* { "subsystems": [ { "subsystem": …, "config": [ ENTRY or [ ENTRY … ] … ] } … ] } */
static void
note_place(void *ctx, const struct cal_json_event *event)
{
	struct places *places = ctx;

	if (event->kind == CAL_JSON_NAME) {
		if (event->depth == 1) {
			places->in_subsystems = name_is(places, event, "subsystems");
		} else if (event->depth == 3) {
			places->in_config = name_is(places, event, "config");
		}
		if (event->repeated) {
			note_mistake(places, event->start, "this name stands in its object twice");
		}
	} else if (event->kind == CAL_JSON_OBJECT && places->in_subsystems) {
		if (event->depth == 2) {
			places->in_config = false;
			place_add(places, &places->subsystems, event->start);
		} else if (places->in_config && event->depth == (places->in_batch ? 5 : 4)) {
			place_add(places, &places->entries, event->start);
		}
	} else if (event->kind == CAL_JSON_ARRAY && event->depth == 4) {
		places->in_batch = true;
	} else if (event->kind == CAL_JSON_END && event->depth == 4) {
		places->in_batch = false;
	} else if (event->out_of_range) {
		note_mistake(places, event->start, "this integer does not fit into 64 bits");
	}
}

static int
mistake_at(struct parser *parser, size_t offset, const char *what)
{
	unsigned line, column;

	cal_json_position(parser->text, offset, &line, &column);
	snprintf(parser->err, parser->err_size, "%s:%u:%u: %s", parser->path, line, column, what);
	return -EBADMSG;
}

/* Syntax: everything that json-c would let pass, or not say the place of. */
static int
check_text(struct parser *parser, size_t len)
{
	const char *text = parser->text;
	struct cal_json_scan scan;
	size_t end, rest;
	int rc;

	parser->places.text = text;
	cal_json_scan_init(&scan, note_place, &parser->places);
	scan.comments = true;
	rc = cal_json_scan(&scan, text, len, true, &end);
	if (rc == 0) {
		rc = mistake_at(parser, len, "there is no configuration in this file");
	} else if (rc == -EBADMSG) {
		mistake_at(parser, scan.error_offset, scan.error);
	} else if (rc == 1) {
		scan.event = NULL;
		cal_json_scan_reset(&scan);
		rc = cal_json_scan(&scan, text + end, len - end, true, &rest);
		if (rc != 0) {
			rc = mistake_at(parser, end,
			                "something follows the end of the configuration");
		}
	}
	cal_json_scan_free(&scan);
	if (rc == 0 && parser->places.failed) {
		rc = -ENOMEM;
	}
	if (rc == 0 && parser->places.mistake != NULL) {
		rc = mistake_at(parser, parser->places.mistake_offset, parser->places.mistake);
	}
	return rc;
}

/* --- the structure ---------------------------------------------------------------------------- */

/* Places are asked for in the order of the file: count on from the last one. */
static unsigned
line_of(struct parser *parser, const struct offsets *offsets, size_t index)
{
	size_t offset;

	if (index >= offsets->num) {
		return 0;
	}
	offset = offsets->list[index];
	for (; parser->counted < offset; parser->counted++) {
		parser->lines += parser->text[parser->counted] == '\n';
	}
	return parser->lines + 1;
}

static int __attribute__((format(printf, 3, 4)))
bad_structure(struct parser *parser, unsigned line, const char *fmt, ...)
{
	va_list args;
	int n;

	n = line == 0 ? snprintf(parser->err, parser->err_size, "%s: ", parser->path)
	              : snprintf(parser->err, parser->err_size, "%s:%u: ", parser->path, line);
	va_start(args, fmt);
	if (n >= 0 && (size_t)n < parser->err_size) {
		vsnprintf(parser->err + n, parser->err_size - (size_t)n, fmt, args);
	}
	va_end(args);
	return -EINVAL;
}

static int
entry_add(struct parser *parser, const struct config_entry *entry)
{
	struct config *config = parser->config;
	struct config_entry *grown;
	size_t cap;

	if (config->num_entries == parser->cap_entries) {
		cap = parser->cap_entries == 0 ? 64 : parser->cap_entries * 2;
		grown = realloc(config->entries, cap * sizeof(*grown));
		if (grown == NULL) {
			return -ENOMEM;
		}
		config->entries = grown;
		parser->cap_entries = cap;
	}
	config->entries[config->num_entries++] = *entry;
	return 0;
}

static int
parse_entry(struct parser *parser, const char *subsystem, struct json_object *value, unsigned batch)
{
	struct config_entry entry = { .subsystem = subsystem, .batch = batch };

	entry.line = line_of(parser, &parser->places.entries, parser->next_entry);
	if (!json_object_is_type(value, json_type_object)) {
		return bad_structure(parser, 0,
		                     "an entry of subsystem '%s' is neither an object with "
		                     "'method' and 'params' nor an array of such objects",
		                     subsystem);
	}
	parser->next_entry++;
	json_object_object_foreach(value, key, member)
	{
		if (strcmp(key, "method") == 0) {
			if (!json_object_is_type(member, json_type_string)) {
				return bad_structure(parser, entry.line,
				                     "'method' must be a string");
			}
			entry.method = json_object_get_string(member);
		} else if (strcmp(key, "params") == 0) {
			if (member != NULL && !json_object_is_type(member, json_type_object)) {
				return bad_structure(parser, entry.line,
				                     "'params' must be an object");
			}
			entry.params = member;
		} else {
			return bad_structure(parser, entry.line,
			                     "an entry has 'method' and 'params' only, not '%s'",
			                     key);
		}
	}
	if (entry.method == NULL) {
		return bad_structure(parser, entry.line, "this entry has no 'method'");
	}
	return entry_add(parser, &entry);
}

static int
parse_entries(struct parser *parser, const char *subsystem, struct json_object *list, bool nested)
{
	struct json_object *value;
	unsigned batch = nested ? ++parser->batches : 0;
	size_t i, count = json_object_array_length(list);
	int rc = 0;

	for (i = 0; rc == 0 && i < count; i++) {
		value = json_object_array_get_idx(list, i);
		if (!nested && json_object_is_type(value, json_type_array)) {
			rc = parse_entries(parser, subsystem, value, true);
		} else {
			rc = parse_entry(parser, subsystem, value, batch);
		}
	}
	return rc;
}

static int
parse_subsystem(struct parser *parser, struct json_object *value)
{
	struct json_object *list = NULL;
	const char *name = NULL;
	bool has_config = false;
	unsigned line = line_of(parser, &parser->places.subsystems, parser->next_subsystem);

	if (!json_object_is_type(value, json_type_object)) {
		return bad_structure(parser, 0,
		                     "an element of 'subsystems' is not an object with "
		                     "'subsystem' and 'config'");
	}
	parser->next_subsystem++;
	json_object_object_foreach(value, key, member)
	{
		if (strcmp(key, "subsystem") == 0) {
			if (!json_object_is_type(member, json_type_string)) {
				return bad_structure(parser, line, "'subsystem' must be a string");
			}
			name = json_object_get_string(member);
		} else if (strcmp(key, "config") == 0) {
			has_config = true;
			list = member;
		} else {
			return bad_structure(
				parser, line,
				"a subsystem has 'subsystem' and 'config' only, not '%s'", key);
		}
	}
	if (name == NULL || !has_config) {
		return bad_structure(parser, line, "this subsystem has no '%s'",
		                     name == NULL ? "subsystem" : "config");
	}
	if (list != NULL && !json_object_is_type(list, json_type_array)) {
		return bad_structure(parser, line,
		                     "'config' of subsystem '%s' must be an array or null", name);
	}
	return list == NULL ? 0 : parse_entries(parser, name, list, false);
}

static int
parse_root(struct parser *parser)
{
	struct json_object *root = parser->config->root, *list;
	size_t i, count;
	int rc = 0;

	if (!json_object_is_type(root, json_type_object)) {
		return bad_structure(parser, 1, "the configuration must be an object");
	}
	if (!json_object_object_get_ex(root, "subsystems", &list)) {
		parser->config->no_subsystems = true;
		return 0;
	}
	if (!json_object_is_type(list, json_type_array)) {
		return bad_structure(parser, 0, "'subsystems' must be an array");
	}
	count = json_object_array_length(list);
	for (i = 0; rc == 0 && i < count; i++) {
		rc = parse_subsystem(parser, json_object_array_get_idx(list, i));
	}
	return rc;
}

static int
build_tree(struct parser *parser, char *text, size_t len)
{
	struct config *config = parser->config;
	struct json_tokener *tokener = json_tokener_new_ex(CAL_JSON_MAX_DEPTH + 1);

	config->path = strdup(parser->path);
	if (tokener == NULL || config->path == NULL) {
		if (tokener != NULL) {
			json_tokener_free(tokener);
		}
		return -ENOMEM;
	}
	cal_json_blank_comments(text, len);
	/* With its terminator: a number or word ends only there. */
	config->root = json_tokener_parse_ex(tokener, text, (int)len + 1);
	json_tokener_free(tokener);
	return 0;
}

int
config_parse(struct config *config, const char *path, char *text, size_t len, char *err,
             size_t err_size)
{
	struct parser parser = {
		.config = config, .path = path, .text = text, .err = err, .err_size = err_size
	};
	int rc;

	memset(config, 0, sizeof(*config));
	rc = check_text(&parser, len);
	if (rc == 0) {
		rc = build_tree(&parser, text, len);
	}
	if (rc == 0) {
		rc = parse_root(&parser);
	}
	if (rc == -ENOMEM) {
		snprintf(err, err_size, "%s: out of memory", path);
	}
	free(parser.places.subsystems.list);
	free(parser.places.entries.list);
	if (rc != 0) {
		config_free(config);
	}
	return rc;
}

/* --- the file --------------------------------------------------------------------------------- */

static int
read_all(int fd, char **text, size_t *len)
{
	size_t cap = 65536;
	ssize_t n;
	char *grown;

	*text = malloc(cap + 1);
	*len = 0;
	while (*text != NULL) {
		n = read(fd, *text + *len, cap - *len);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n <= 0) {
			(*text)[*len] = '\0';
			return n == 0 ? 0 : -errno;
		}
		*len += (size_t)n;
		if (*len > MAX_FILE) {
			return -EFBIG;
		}
		if (*len == cap) {
			cap *= 2;
			grown = realloc(*text, cap + 1);
			if (grown == NULL) {
				return -ENOMEM;
			}
			*text = grown;
		}
	}
	return -ENOMEM;
}

int
config_read(struct config *config, const char *path, const char *advice, char *err, size_t err_size)
{
	char *text = NULL;
	size_t len = 0;
	int fd, rc;

	memset(config, 0, sizeof(*config));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	rc = fd < 0 ? -errno : read_all(fd, &text, &len);
	if (fd >= 0) {
		close(fd);
	}
	if (rc != 0 || text == NULL) {
		snprintf(err, err_size, "cannot read the configuration %s: %s; %s", path,
		         strerror(-rc), advice);
	} else {
		rc = config_parse(config, path, text, len, err, err_size);
		if (rc != 0) {
			size_t used = strnlen(err, err_size);

			snprintf(err + used, err_size - used, "; %s", advice);
		}
	}
	free(text);
	return rc;
}

void
config_free(struct config *config)
{
	json_object_put(config->root);
	free(config->entries);
	free(config->path);
	memset(config, 0, sizeof(*config));
}
