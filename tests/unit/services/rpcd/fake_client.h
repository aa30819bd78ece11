/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* A primary that is not there: what cal-rpcd calls of ipc/client, answered by a table in this
 * process. Requests are answered when cal_client_process() is called, in order; "hold" and
 * everything after a `g_fake.hold` wait for fake_release(). */

#ifndef CAL_TESTS_FAKE_CLIENT_H
#define CAL_TESTS_FAKE_CLIENT_H

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "ipc/client/client.h"
#include "ipc/codec/codec.h"

struct fake_request {
	struct fake_request *next;
	char *method;
	void *params;
	size_t params_len;
	cal_response_fn fn;
	void *ctx;
};

static struct {
	int fd;
	struct fake_request *first, **last;
	struct fake_request *held;
	_Atomic int status;  /* what cal_client_process() says: 0, -ESHUTDOWN, -ECONNRESET */
	_Atomic int release; /* answer what was held */
	_Atomic unsigned sent, answered, held_count;
	_Atomic unsigned armed;  /* how often a bell was asked for */
	_Atomic int closed;      /* the client was given up */
	unsigned window, queued; /* so many calls fit into the link; 0: any number */
	unsigned slow_us; /* each answer takes so long, and each look at the link finds one */
} g_fake;

static void
fake_init(void)
{
	memset(&g_fake, 0, sizeof(g_fake));
	g_fake.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	g_fake.last = &g_fake.first;
}

/* When the server has ended: until then the test pokes it. */
static void
fake_fini(void)
{
	close(g_fake.fd);
}

/* From the test's thread: have the server look. */
static void
fake_poke(void)
{
	uint64_t one = 1;

	if (write(g_fake.fd, &one, sizeof(one)) < 0) {
		abort();
	}
}

static void
fake_set_status(int status)
{
	atomic_store(&g_fake.status, status);
	fake_poke();
}

static inline void
fake_release(void)
{
	atomic_store(&g_fake.release, 1);
	fake_poke();
}

int
cal_client_send(struct cal_client *client, const char *method, const void *params,
                size_t params_len, cal_response_fn fn, void *ctx)
{
	struct fake_request *req;

	if (g_fake.status == -ECONNRESET) {
		return -ENOTCONN;
	}
	req = calloc(1, sizeof(*req));
	req->method = strdup(method);
	if (params_len > 0) {
		req->params = malloc(params_len);
		memcpy(req->params, params, params_len);
	}
	req->params_len = params_len;
	req->fn = fn;
	req->ctx = ctx;
	*g_fake.last = req;
	g_fake.last = &req->next;
	g_fake.queued++;
	atomic_fetch_add(&g_fake.sent, 1);
	return 0;
}

static void
fake_answer(struct fake_request *req, int status)
{
	struct cal_response response = { .status = status };
	struct codec_buf buf;
	bool error = false;
	char *big;

	codec_buf_init(&buf);
	if (strcmp(req->method, "echo") == 0) {
		if (req->params_len > 0) {
			codec_put_raw(&buf, req->params, req->params_len);
		} else {
			codec_put_cstr(&buf, "no params");
		}
	} else if (strcmp(req->method, "hold") == 0) {
		codec_put_bool(&buf, true);
	} else if (strcmp(req->method, "big") == 0) {
		big = malloc(1 << 20);
		memset(big, 'x', 1 << 20);
		codec_put_str(&buf, big, 1 << 20);
		free(big);
	} else if (strcmp(req->method, "fail") == 0) {
		error = true;
		codec_put_array(&buf, 2);
		codec_put_int(&buf, -19);
		codec_put_cstr(&buf, "No such device");
	} else {
		error = true;
		codec_put_array(&buf, 2);
		codec_put_int(&buf, -32601);
		codec_put_cstr(&buf, "Method not found");
	}
	if (status == 0 && error) {
		response.error = buf.data;
		response.error_len = buf.len;
	} else if (status == 0) {
		response.result = buf.data;
		response.result_len = buf.len;
	}
	req->fn(req->ctx, &response);
	atomic_fetch_add(&g_fake.answered, 1);
	codec_buf_free(&buf);
	free(req->params);
	free(req->method);
	free(req);
}

static void
fake_answer_all(struct fake_request *list, int status)
{
	struct fake_request *next;

	for (; list != NULL; list = next) {
		next = list->next;
		fake_answer(list, status);
	}
}

static void
fake_answer_held(int status)
{
	struct fake_request *held = g_fake.held;

	g_fake.held = NULL;
	fake_answer_all(held, status);
}

int
cal_client_process(struct cal_client *client)
{
	struct fake_request *req;
	uint64_t count;
	int answered = 0;

	if (read(g_fake.fd, &count, sizeof(count)) < 0 && errno != EAGAIN) {
		abort();
	}
	if (g_fake.status == -ECONNRESET) {
		fake_answer_held(-ECONNRESET);
	}
	while ((req = g_fake.first) != NULL && (g_fake.slow_us == 0 || answered == 0)) {
		if (g_fake.slow_us != 0) {
			usleep(g_fake.slow_us);
		}
		g_fake.queued--;
		g_fake.first = req->next;
		if (g_fake.first == NULL) {
			g_fake.last = &g_fake.first;
		}
		if (strcmp(req->method, "hold") == 0) {
			req->next = g_fake.held;
			g_fake.held = req;
			atomic_fetch_add(&g_fake.held_count, 1);
		} else {
			fake_answer(req, g_fake.status == -ECONNRESET ? -ECONNRESET : 0);
			answered++;
		}
	}
	if (atomic_exchange(&g_fake.release, 0) != 0) {
		fake_answer_held(0);
	}
	return g_fake.status != 0 ? g_fake.status : answered;
}

bool
cal_client_is_backlogged(const struct cal_client *client)
{
	return g_fake.window != 0 && g_fake.queued >= g_fake.window;
}

int
cal_client_fd(const struct cal_client *client)
{
	return g_fake.fd;
}

int
cal_client_arm(struct cal_client *client)
{
	atomic_fetch_add(&g_fake.armed, 1);
	return g_fake.first != NULL;
}

void
cal_client_close(struct cal_client *client)
{
	fake_answer_held(-ECANCELED);
	fake_answer_all(g_fake.first, -ECANCELED);
	g_fake.first = NULL;
	atomic_store(&g_fake.closed, 1);
}

#endif
