/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* After the load, with --state-dir: be told that something changed, ask every subsystem for its
 * configuration, write it, say up to which change it is kept. All changes that come meanwhile go
 * into the next round together. */

#include "services/confd/confd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* How long after a write that failed the next one is tried. */
#define RETRY_MS 1000
/* A count that is nobody's: the answer comes at once. */
#define ASK_NOW UINT64_MAX

struct keeper {
	struct cal_client *client;
	const struct state_file *file;
	uint64_t changes;          /* what the snapshot has at least */
	bool final;                /* the last of them is the stop */
	struct cal_text text;      /* the snapshot */
	char digest[24], kept[24]; /* of it, and of what is kept ("": not known) */
	char untouched[24];        /* of it as it was when nothing had changed */
	bool failing;
	struct confd_error error;
};

/* --- the snapshot ----------------------------------------------------------------------------- */

/* One entry a line: a mistake has a place, and versions can be compared. */
static int
print_config(struct cal_text *text, const void *value, size_t len)
{
	struct codec_cursor cur;
	struct codec_item list;
	uint32_t i;
	int rc = 0;

	codec_cursor_init(&cur, value, len);
	list = codec_next(&cur);
	if (list.kind == CODEC_NIL) {
		return cal_text_append_cstr(text, "null");
	}
	if (list.kind != CODEC_ARRAY) {
		return -EBADMSG;
	}
	rc = cal_text_append_cstr(text, "[");
	for (i = 0; rc == 0 && i < list.count; i++) {
		const uint8_t *entry = cur.p;

		rc = codec_skip(&cur);
		if (rc == 0) {
			rc = cal_text_append_cstr(text, i == 0 ? "\n      " : ",\n      ");
		}
		if (rc == 0) {
			rc = cal_json_print(text, entry, (size_t)(cur.p - entry));
		}
	}
	return rc == 0 ? cal_text_append_cstr(text, list.count > 0 ? "\n    ]" : "]") : rc;
}

static int
add_subsystem(struct keeper *k, const char *name, bool first)
{
	struct json_object *params = json_object_new_object();
	struct cal_response response;
	int rc;

	json_object_object_add(params, "name", json_object_new_string(name));
	rc = confd_call(k->client, "framework_get_config", params, &response, &k->error);
	if (rc == 0) {
		rc = cal_text_append_cstr(&k->text, first ? "\n    { \"subsystem\": "
		                                          : ",\n    { \"subsystem\": ");
	}
	if (rc == 0) {
		rc = cal_json_print_string(&k->text, name, strlen(name));
	}
	if (rc == 0) {
		rc = cal_text_append_cstr(&k->text, ", \"config\": ");
	}
	if (rc == 0) {
		rc = print_config(&k->text, response.result, response.result_len);
	}
	return rc == 0 ? cal_text_append_cstr(&k->text, " }") : rc;
}

/* FNV-1a: to know whether it is what it was. */
static void
digest_of(const struct cal_text *text, char *digest, size_t size)
{
	uint64_t hash = 0xcbf29ce484222325u;
	size_t i;

	for (i = 0; i < text->len; i++) {
		hash = (hash ^ (uint8_t)text->data[i]) * 0x100000001b3u;
	}
	snprintf(digest, size, "%016" PRIx64, hash);
}

/* Returns 0, 1 with k->error, or a negative errno. */
static int
snapshot(struct keeper *k)
{
	struct json_object *subsystems = NULL, *name;
	struct cal_response response;
	size_t i;
	int rc;

	k->text.len = 0;
	rc = confd_call(k->client, "framework_get_subsystems", NULL, &response, &k->error);
	if (rc == 0) {
		rc = cal_json_unpack(response.result, response.result_len, &subsystems);
	}
	if (rc == 0) {
		rc = cal_text_append_cstr(&k->text, "{\n  \"subsystems\": [");
	}
	for (i = 0; rc == 0 && i < json_object_array_length(subsystems); i++) {
		if (json_object_object_get_ex(json_object_array_get_idx(subsystems, i), "subsystem",
		                              &name)) {
			rc = add_subsystem(k, json_object_get_string(name), i == 0);
		}
	}
	json_object_put(subsystems);
	if (rc == 0) {
		rc = cal_text_append_cstr(&k->text, "\n  ]\n}\n");
	}
	if (rc == 0) {
		digest_of(&k->text, k->digest, sizeof(k->digest));
	}
	return rc;
}

/* --- rounds ----------------------------------------------------------------------------------- */

static int
tell(struct keeper *k, const char *key, const char *value)
{
	struct json_object *params = json_object_new_object();
	struct cal_response response;
	int rc;

	json_object_object_add(params, "changes", json_object_new_uint64(k->changes));
	json_object_object_add(params, key, json_object_new_string(value));
	rc = confd_call(k->client, "cal_config_kept", params, &response, &k->error);
	if (rc == 1) {
		fprintf(stderr, "cal-confd: cal_config_kept: %s\n", k->error.text);
		rc = 0;
	}
	return rc;
}

static int
tell_failure(struct keeper *k, const char *what, const char *why)
{
	char text[sizeof(k->file->path) + 256];

	snprintf(text, sizeof(text), "%s %s: %s; it is tried again every second", what,
	         k->file->path, why);
	if (!k->failing) {
		fprintf(stderr, "cal-confd: %s\n", text);
	}
	k->failing = true;
	return tell(k, "error", text);
}

static bool
link_ended(int rc)
{
	return rc == -ESHUTDOWN || rc == -ECONNRESET || rc == -ENOTCONN || rc == -ECANCELED;
}

/* What the start came from is not copied before something changes, counted or (a device that went
 * by itself) not. Once a change is counted, this says nothing: the change may have been made before
 * the first look. */
static bool
is_untouched(struct keeper *k)
{
	if (k->kept[0] != '\0' || k->changes > (k->final ? 1 : 0)) {
		return false;
	}
	if (k->untouched[0] == '\0') {
		memcpy(k->untouched, k->digest, sizeof(k->untouched));
	}
	return strcmp(k->untouched, k->digest) == 0;
}

/* Take a snapshot and have it on the disk. Returns 0, or the link's end. */
static int
keep_once(struct keeper *k)
{
	int rc = snapshot(k);

	if (rc != 0) {
		if (link_ended(rc)) {
			return rc;
		}
		return tell_failure(k, "the configuration cannot be taken for",
		                    rc == 1 ? k->error.text : strerror(-rc));
	}
	if (is_untouched(k)) {
		return tell(k, "digest", "");
	}
	if (strcmp(k->digest, k->kept) != 0) {
		rc = state_file_write(k->file, k->text.data, k->text.len);
		if (rc != 0) {
			return tell_failure(k, "cannot write", strerror(-rc));
		}
	}
	if (k->failing) {
		fprintf(stderr, "cal-confd: changes are kept in %s again\n", k->file->path);
		k->failing = false;
	}
	memcpy(k->kept, k->digest, sizeof(k->kept));
	return tell(k, "digest", k->digest);
}

/* Wait until the count is another one than `known`. */
static int
next_change(struct keeper *k, uint64_t known)
{
	struct json_object *params = json_object_new_object(), *answer = NULL, *value;
	struct cal_response response;
	int rc;

	json_object_object_add(params, "kept", json_object_new_uint64(known));
	rc = confd_call(k->client, "cal_config_changes", params, &response, &k->error);
	if (rc == 0) {
		rc = cal_json_unpack(response.result, response.result_len, &answer);
	}
	if (rc == 0 && json_object_object_get_ex(answer, "changes", &value)) {
		k->changes = json_object_get_uint64(value);
	}
	if (rc == 0 && json_object_object_get_ex(answer, "final", &value)) {
		k->final = json_object_get_boolean(value);
	}
	json_object_put(answer);
	return rc;
}

static uint64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* Returns 0, or the link's end. */
static int
rest(struct cal_client *client, uint64_t ms)
{
	uint64_t end = now_ms() + ms, now;
	int rc = 0;

	while (rc == 0 && (now = now_ms()) < end) {
		rc = cal_client_wait(client, (int)(end - now));
	}
	return rc == -ETIMEDOUT ? 0 : rc;
}

int
config_keep(struct cal_client *client, const struct state_file *file,
            const struct load_result *loaded, char *err, size_t err_size)
{
	struct keeper k = { .client = client, .file = file };
	uint64_t known = loaded->digest[0] != '\0' ? loaded->kept : ASK_NOW;
	int rc;

	snprintf(k.kept, sizeof(k.kept), "%s", loaded->digest);
	do {
		rc = next_change(&k, known);
		if (rc == 0) {
			signals_put_off();
			rc = keep_once(&k);
			signals_allow();
		}
		known = k.changes;
		if (rc == 0 && k.failing) {
			known = ASK_NOW;
			rc = rest(client, RETRY_MS);
		}
	} while (rc == 0);
	if (rc == 1) {
		/* The last snapshot was taken: what is left is to be there. */
		snprintf(err, err_size, "%s", k.error.text);
		rc = -ECANCELED;
	}
	cal_text_free(&k.text);
	return rc;
}
