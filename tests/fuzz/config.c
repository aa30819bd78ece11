/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* A configuration file's bytes: cal-confd's reader, and its loader against a primary that answers
 * as the first bytes say. What is refused is refused with a place within the file; what is loaded
 * ends, and each entry is sent at most once. */

/* objs: services/confd */
/* libs: -ljson-c -luv */

#include "tests/fuzz/json_mutator.h"

#include <errno.h>
#include <json-c/json.h>

#include "ipc/client/client.h"
#include "ipc/client/json.h"
#include "services/confd/confd.h"

/* The primary's answers: one byte of the input each, the last ones again and again. */
static const uint8_t *g_script;
static size_t g_script_len, g_script_pos;
static struct codec_buf g_answer;
static unsigned g_calls;

static uint8_t
next_byte(void)
{
	return g_script_len > 0 ? g_script[g_script_pos++ % g_script_len] : 0;
}

static const char *
good_answer(const char *method)
{
#define HAS                                                                        \
	",\"session\":1,\"startup_methods\":[\"bdev_set_options\",\"both\"],"      \
	"\"runtime_methods\":[\"bdev_malloc_create\",\"both\",\"log_set_level\"]," \
	"\"hidden_methods\":[],\"subsystems\":[\"bdev\"]}"
	static const char *const begins[] = {
		"{\"phase\":\"startup\",\"startup_done\":0,\"runtime_done\":0" HAS,
		"{\"phase\":\"runtime\",\"startup_done\":1,\"runtime_done\":1,\"failed\":1,"
		"\"last_failed\":{\"phase\":\"runtime\",\"index\":0,\"code\":-17,"
		"\"message\":\"it exists\"}" HAS,
		"{\"phase\":\"startup\",\"startup_done\":0,\"runtime_done\":0,"
		"\"startup_methods\":[],\"runtime_methods\":[\"bdev_malloc_create\"],"
		"\"subsystems\":[]}",
		"{\"phase\":\"done\",\"kept\":3,\"digest\":\"0123\"" HAS,
	};

	if (strcmp(method, "cal_config_begin") == 0) {
		return begins[next_byte() % 4];
	}
	return "true";
}

/* What a broken or another primary might say. */
static const char *
odd_answer(uint8_t which)
{
	static const char *const odd[] = {
		"null",
		"{}",
		"[]",
		"[1,null,{}]",
		"\"x\"",
		"{\"phase\":5}",
		"{\"phase\":\"x\"}",
		"{\"phase\":\"runtime\",\"startup_done\":-1,\"runtime_done\":\"a\"}",
		"{\"phase\":\"startup\",\"startup_methods\":{},\"subsystems\":[null,5]}",
	};

	return odd[which % (sizeof(odd) / sizeof(odd[0]))];
}

/* Of what follows a load, or comes before it, which is not tried here. */
int
cal_client_wait(struct cal_client *client, int timeout_ms)
{
	return -ESHUTDOWN;
}

int
cal_client_process(struct cal_client *client)
{
	return -ESHUTDOWN;
}

int
cal_client_arm(struct cal_client *client)
{
	return 1;
}

int
cal_client_fd(const struct cal_client *client)
{
	return -1;
}

int
cal_client_call(struct cal_client *client, const char *method, const void *params,
                size_t params_len, int timeout_ms, struct cal_response *response)
{
	struct json_object *answer;
	uint8_t how = next_byte();

	g_calls++;
	FUZZ_CHECK(g_calls < 200000, "it calls for ever");
	FUZZ_CHECK(params_len == 0 || codec_value_len(params, params_len) == params_len,
	           "params of %s are not one value", method);
	memset(response, 0, sizeof(*response));
	codec_buf_free(&g_answer);
	codec_buf_init(&g_answer);
	switch (how) {
	case 0xff:
		return -ECONNRESET;
	case 0xfe:
		return -ESHUTDOWN;
	case 0xfd: /* an error that is none */
		codec_put_cstr(&g_answer, "x");
		response->error = g_answer.data;
		response->error_len = g_answer.len;
		return 0;
	case 0xfc: /* a result that is none */
		codec_put_map(&g_answer, 1);
		codec_put_uint(&g_answer, 1);
		codec_put_nil(&g_answer);
		response->result = g_answer.data;
		response->result_len = g_answer.len;
		return 0;
	}
	if (how >= 0xe0) {
		codec_put_array(&g_answer, 2);
		codec_put_int(&g_answer, how & 1 ? -EEXIST : how & 2 ? -1 : -32601);
		codec_put_cstr(&g_answer, "it went wrong %s%n");
		response->error = g_answer.data;
		response->error_len = g_answer.len;
		return 0;
	}
	answer = json_tokener_parse(how >= 0xd0 ? odd_answer(how) : good_answer(method));
	cal_json_pack(&g_answer, answer);
	json_object_put(answer);
	response->result = g_answer.data;
	response->result_len = g_answer.len;
	return 0;
}

/* "f.json:LINE:COLUMN: " or "f.json:LINE: ": within the file. */
static void
check_place(const char *err, const char *text, size_t len)
{
	unsigned line = 0, column = 0, lines = 1;
	const char *at = text, *end = text + len, *next;
	int n;

	FUZZ_CHECK(strncmp(err, "f.json", 6) == 0, "it does not say where: %s", err);
	n = sscanf(err, "f.json:%u:%u:", &line, &column);
	if (n < 1) {
		return;
	}
	for (; lines < line && (next = memchr(at, '\n', (size_t)(end - at))) != NULL; lines++) {
		at = next + 1;
	}
	FUZZ_CHECK(line == lines, "it has %u lines: %s", lines, err);
	next = memchr(at, '\n', (size_t)(end - at));
	next = next != NULL ? next : end;
	FUZZ_CHECK(n < 2 || (column >= 1 && column <= (size_t)(next - at) + 1),
	           "line %u has %zu bytes: %s", line, (size_t)(next - at), err);
}

static void
check_entries(const struct config *config, const char *text, size_t len)
{
	unsigned lines = 1, last = 0;
	size_t i;

	for (i = 0; i < len; i++) {
		lines += text[i] == '\n';
	}
	for (i = 0; i < config->num_entries; i++) {
		FUZZ_CHECK(config->entries[i].line >= last && config->entries[i].line <= lines &&
		                   config->entries[i].line > 0,
		           "entry %zu stands in line %u of %u", i, config->entries[i].line, lines);
		FUZZ_CHECK(config->entries[i].method != NULL &&
		                   config->entries[i].subsystem != NULL,
		           "entry %zu is nothing", i);
		last = config->entries[i].line;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct load_result result;
	struct load_opts opts = { false };
	struct config config;
	char err[512] = "", *text, *whole;
	size_t len;
	int rc;

	if (size < 4) {
		return 0;
	}
	opts.wait_for_rpc = (data[0] & 1) != 0;
	opts.ignore_init_errors = (data[0] & 2) != 0;
	g_script = data + 1;
	g_script_len = 1 + (data[0] >> 4) % 3;
	g_script_pos = g_calls = 0;
	data += 4;
	len = size - 4;
	text = malloc(len + 1);
	whole = malloc(len + 1);
	memcpy(text, data, len);
	memcpy(whole, data, len);
	text[len] = whole[len] = '\0';
	rc = config_parse(&config, "f.json", text, len, err, sizeof(err));
	FUZZ_CHECK(strnlen(err, sizeof(err)) < sizeof(err), "no end of the sentence");
	if (rc != 0) {
		FUZZ_CHECK(rc < 0 && err[0] != '\0', "refused without a word: %d", rc);
		check_place(err, whole, len);
	} else {
		check_entries(&config, whole, len);
		err[0] = '\0';
		rc = config_load(NULL, &config, &opts, &result, err, sizeof(err));
		FUZZ_CHECK(rc <= 0 && (rc != -ECANCELED || err[0] != '\0'),
		           "the start fails without a word");
		config_free(&config);
	}
	codec_buf_free(&g_answer);
	codec_buf_init(&g_answer);
	free(whole);
	free(text);
	return 0;
}

static const char *const g_names[] = {
	"subsystems", "subsystem", "config", "method", "params", "name", "num_blocks", NULL,
};

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	if (size < 4 || seed % 5 == 0) {
		return LLVMFuzzerMutate(data, size, max_size);
	}
	return 4 + json_mutate(data + 4, size - 4, max_size - 4, seed, g_names);
}
