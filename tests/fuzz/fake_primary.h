/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* A primary that is not there: what cal-rpcd calls of ipc/client. How a call is answered is in its
 * method's name, so that the input chooses. */

#ifndef CAL_TESTS_FUZZ_FAKE_PRIMARY_H
#define CAL_TESTS_FUZZ_FAKE_PRIMARY_H

#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/queue.h>

#include "ipc/client/client.h"
#include "ipc/codec/codec.h"
#include "services/rpcd/rpcd.h"

struct fake_call {
	TAILQ_ENTRY(fake_call) link;
	char *method;
	void *params;
	size_t params_len;
	cal_response_fn fn;
	void *ctx;
	bool held; /* until fake_release() or the end */
};

static struct {
	int fd;
	TAILQ_HEAD(, fake_call) calls;
	unsigned open;
	unsigned huge_budget;
	unsigned budget; /* elements that long answers still may have: no input takes for ever */
	bool release;
	int status; /* what cal_client_process() answers: 0, -ESHUTDOWN, -ECONNRESET */
} g_fake;

static void
fake_begin(void)
{
	memset(&g_fake, 0, sizeof(g_fake));
	TAILQ_INIT(&g_fake.calls);
	g_fake.budget = RPCD_MAX_OUTPUT / 350;
	g_fake.huge_budget = 3;
	/* Never readable: the loop does not sleep, and processes the link each time. */
	g_fake.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	FUZZ_CHECK(g_fake.fd >= 0, "no eventfd");
}

static void
fake_end(void)
{
	FUZZ_CHECK(g_fake.open == 0, "%u calls were forgotten", g_fake.open);
	close(g_fake.fd);
}

static void
put_long(struct codec_buf *buf, unsigned elements)
{
	unsigned i;

	elements = elements < g_fake.budget ? elements : 1;
	g_fake.budget -= elements < g_fake.budget ? elements : g_fake.budget;
	codec_put_array(buf, elements);
	for (i = 0; i < elements; i++) {
		codec_put_map(buf, 2);
		codec_put_cstr(buf, "name");
		codec_put_cstr(buf, "Malloc\n\"0\"");
		codec_put_cstr(buf, "num_blocks");
		codec_put_uint(buf, (uint64_t)i << 40);
	}
}

/* A string: as long, but quickly printed. */
static void
put_huge(struct codec_buf *buf)
{
	static char huge[RPCD_MAX_OUTPUT / 6 * 7];

	if (huge[0] == '\0') {
		memset(huge, 'h', sizeof(huge));
		huge[1000] = '\n';
	}
	codec_put_str(buf, huge, g_fake.huge_budget > 0 ? sizeof(huge) : 1);
	g_fake.huge_budget -= g_fake.huge_budget > 0;
}

static void
put_error(struct codec_buf *buf, int code, const char *message)
{
	codec_put_array(buf, 2);
	codec_put_int(buf, code);
	codec_put_cstr(buf, message);
}

/* Writes an answer; true if it is an error. */
static bool
put_answer(struct codec_buf *buf, const struct fake_call *call)
{
	const char *method = call->method;

	if (strcmp(method, "echo") == 0 || strcmp(method, "hold") == 0) {
		if (call->params_len > 0) {
			codec_put_raw(buf, call->params, call->params_len);
		} else {
			codec_put_nil(buf);
		}
	} else if (strcmp(method, "long") == 0) {
		put_long(buf, RPCD_MAX_OUTPUT / 10000);
	} else if (strcmp(method, "huge") == 0) {
		put_huge(buf); /* more than rpcd keeps for one client at a time */
	} else if (strcmp(method, "not_utf8") == 0) {
		codec_put_str(buf, "\xff\xfe\xed\xa0\x80 \0\x01\x7f", 9);
	} else if (strcmp(method, "numbers") == 0) {
		codec_put_array(buf, 4);
		codec_put_double(buf, 0.0 / 0.0);
		codec_put_double(buf, 1e308 * 10);
		codec_put_uint(buf, UINT64_MAX);
		codec_put_int(buf, INT64_MIN);
	} else if (strcmp(method, "odd_map") == 0) { /* JSON has no such names */
		codec_put_map(buf, 1);
		codec_put_uint(buf, 1);
		codec_put_nil(buf);
	} else if (strcmp(method, "odd_error") == 0) {
		codec_put_cstr(buf, "no pair");
		return true;
	} else if (strcmp(method, "long_error") == 0) {
		char message[3000];

		memset(message, '"', sizeof(message));
		message[sizeof(message) - 1] = '\0';
		put_error(buf, INT32_MIN, message);
		return true;
	} else if (strcmp(method, "fail") == 0) {
		put_error(buf, -19, "No such device");
		return true;
	} else if (strlen(method) % 2 == 0) {
		codec_put_bool(buf, true);
	} else {
		put_error(buf, -32601, "Method not found");
		return true;
	}
	return false;
}

static void
fake_answer(struct fake_call *call, int status)
{
	struct cal_response response = { .status = status };
	struct codec_buf buf;

	codec_buf_init(&buf);
	if (status == 0 && put_answer(&buf, call)) {
		response.error = buf.data;
		response.error_len = buf.len;
	} else if (status == 0) {
		response.result = buf.data;
		response.result_len = buf.len;
	}
	call->fn(call->ctx, &response);
	g_fake.open--;
	codec_buf_free(&buf);
	free(call->params);
	free(call->method);
	free(call);
}

static void
fake_answer_all(int status, bool held)
{
	struct fake_call *call, *next;

	for (call = TAILQ_FIRST(&g_fake.calls); call != NULL; call = next) {
		next = TAILQ_NEXT(call, link);
		if (held || !call->held) {
			TAILQ_REMOVE(&g_fake.calls, call, link);
			fake_answer(call, status);
		}
	}
}

int
cal_client_send(struct cal_client *client, const char *method, const void *params,
                size_t params_len, cal_response_fn fn, void *ctx)
{
	struct fake_call *call;

	if (g_fake.status != 0) {
		return -ENOTCONN;
	}
	FUZZ_CHECK(params_len == 0 || codec_value_len(params, params_len) == params_len,
	           "params are not one MessagePack value");
	if (strcmp(method, "no_slots") == 0) {
		return -ENOBUFS;
	}
	if (strcmp(method, "too_long") == 0) {
		return -EMSGSIZE;
	}
	call = calloc(1, sizeof(*call));
	call->method = strdup(method);
	if (params_len > 0) {
		call->params = malloc(params_len);
		memcpy(call->params, params, params_len);
	}
	call->params_len = params_len;
	call->fn = fn;
	call->ctx = ctx;
	call->held = strcmp(method, "hold") == 0;
	TAILQ_INSERT_TAIL(&g_fake.calls, call, link);
	g_fake.open++;
	return 0;
}

int
cal_client_process(struct cal_client *client)
{
	fake_answer_all(0, g_fake.release);
	g_fake.release = false;
	if (g_fake.status != 0) { /* that is all that ever comes */
		fake_answer_all(-ECONNRESET, true);
		return g_fake.status;
	}
	return 0;
}

bool
cal_client_is_backlogged(const struct cal_client *client)
{
	return false;
}

int
cal_client_fd(const struct cal_client *client)
{
	return g_fake.fd;
}

int
cal_client_arm(struct cal_client *client)
{
	return 0;
}

void
cal_client_close(struct cal_client *client)
{
	fake_answer_all(-ECANCELED, true);
}

#endif
