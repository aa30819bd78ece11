/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* links: client */

/* A client that stays attached and calls what it is told to, for tests/chaos/chaos.py. Each line
 * that it reads is a method and, behind a blank, its parameters as JSON; each that it writes is
 * {"us": so long it took, "result": …} or {"us": …, "code": …, "error": …}. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ipc/client/client.h"
#include "ipc/client/json.h"
#include "ipc/codec/codec.h"

static int64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void
answer(int64_t took, const struct cal_response *response)
{
	struct cal_text text = { 0 };
	struct codec_span message = { 0 };
	int code = 0;

	if (response->error != NULL) {
		codec_parse_error(response->error, response->error_len, &code, &message);
		cal_json_print_string(&text, (const char *)message.data, message.len);
		printf("{\"us\":%lld,\"code\":%d,\"error\":%.*s}\n", (long long)took, code,
		       (int)text.len, text.data);
	} else {
		cal_json_print(&text, response->result, response->result_len);
		printf("{\"us\":%lld,\"result\":%.*s}\n", (long long)took, (int)text.len,
		       text.data);
	}
	fflush(stdout);
	cal_text_free(&text);
}

int
main(int argc, char **argv)
{
	struct cal_client_opts opts;
	struct cal_client *client;
	struct cal_response response;
	char *line = NULL, *params, err[512] = "";
	size_t size = 0;
	ssize_t len;
	int64_t begin;
	int rc;

	if (argc < 2) {
		return 2;
	}
	cal_client_opts_init(&opts, sizeof(opts));
	opts.instance = atoi(argv[1]);
	opts.name = "chaos";
	if (cal_client_open(&opts, &client, err, sizeof(err)) != 0) {
		fprintf(stderr, "caller: %s\n", err);
		return 3;
	}
	printf("attached\n");
	fflush(stdout);
	while ((len = getline(&line, &size, stdin)) > 0) {
		struct codec_buf buf;

		codec_buf_init(&buf);
		line[len - 1] = '\0';
		params = strchr(line, ' ');
		if (params != NULL) {
			*params++ = '\0';
			if (cal_json_pack_text(&buf, params, strlen(params)) != 0) {
				return 2;
			}
		}
		begin = now_us();
		rc = cal_client_call(client, line, params != NULL ? buf.data : NULL, buf.len, 10000,
		                     &response);
		if (rc != 0) {
			fprintf(stderr, "caller: %s: %s\n", line, strerror(-rc));
			return 1;
		}
		answer(now_us() - begin, &response);
		codec_buf_free(&buf);
	}
	free(line);
	cal_client_close(client);
	return 0;
}
