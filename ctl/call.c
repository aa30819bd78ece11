/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/call.h"
#include "ctl/json.h"
#include "ctl/latency.h"
#include "ctl/term.h"
#include "ipc/client/client.h"
#include "ipc/client/json.h"

/* A primary that is still before its env is up answers an attach when it is. */
#define ATTACH_TIMEOUT_MS 10000
#define WAIT_SLICE_MS     200
#define PROGRESS_AFTER_NS 1000000000u

/* One call under way. On the heap: a callback may come after we gave up waiting. */
struct call {
	bool done;
	bool abandoned;
	int rc;
	struct ctl_reply *reply;
};

int
ctl_attach(struct ctl *ctl)
{
	struct cal_client_opts opts;
	char err[512] = "";
	int rc;

	if (ctl->client != NULL) {
		return CTL_OK;
	}
	cal_client_opts_init(&opts, sizeof(opts));
	opts.instance = ctl->instance;
	opts.name = "calctl";
	rc = cal_client_connect(&opts, &ctl->client, err, sizeof(err));
	if (rc == 0) {
		rc = cal_client_attach(ctl->client, ATTACH_TIMEOUT_MS, err, sizeof(err));
		if (rc != 0) {
			ctl_detach(ctl);
		}
	} else {
		ctl->client = NULL;
	}
	if (rc != 0) {
		ctl_error("%s", err[0] != '\0' ? err : strerror(-rc));
		return CTL_NO_PRIMARY;
	}
	return CTL_OK;
}

void
ctl_detach(struct ctl *ctl)
{
	cal_client_close(ctl->client);
	ctl->client = NULL;
}

static void
read_error(struct ctl_reply *reply, const struct cal_response *response)
{
	struct codec_span message;
	size_t len;

	reply->is_error = true;
	if (codec_parse_error(response->error, response->error_len, &reply->code, &message) != 0) {
		reply->code = -EBADMSG;
		snprintf(reply->message, sizeof(reply->message), "an error that cannot be read");
		return;
	}
	len = message.len < sizeof(reply->message) ? message.len : sizeof(reply->message) - 1;
	memcpy(reply->message, message.data, len);
	reply->message[len] = '\0';
}

static void
on_response(void *ctx, const struct cal_response *response)
{
	struct call *call = ctx;

	if (call->abandoned) {
		free(call);
		return;
	}
	call->done = true;
	if (response->status != 0) {
		call->rc = response->status;
	} else if (response->error != NULL && response->error_len > 0) {
		read_error(call->reply, response);
	} else {
		call->rc = cal_json_unpack(response->result, response->result_len,
		                           &call->reply->result);
	}
}

static int
wait_done(struct ctl *ctl, const char *method, struct call *call, uint64_t timeout_ms)
{
	uint64_t begin = ctl_now_ns(), passed, left_ms;
	int rc = 0;

	while (!call->done) {
		passed = ctl_now_ns() - begin;
		if (passed >= timeout_ms * 1000000u) {
			rc = -ETIMEDOUT;
			break;
		}
		if (passed >= PROGRESS_AFTER_NS && !ctl->json) {
			ctl_progress("%s: waiting, %.1f s", method, (double)passed / 1e9);
		}
		left_ms = timeout_ms - passed / 1000000u;
		rc = cal_client_wait(ctl->client,
		                     (int)(left_ms < WAIT_SLICE_MS ? left_ms : WAIT_SLICE_MS));
		/* The end may come with our response: then that counts. */
		if (rc < 0 && rc != -ETIMEDOUT && rc != -EINTR) {
			break;
		}
	}
	ctl_progress_end();
	return call->done ? call->rc : rc;
}

int
ctl_call_reply(struct ctl *ctl, const char *method, struct json_object *params, uint64_t timeout_ms,
               struct ctl_reply *reply)
{
	struct call *call = calloc(1, sizeof(*call));
	struct codec_buf buf;
	void *bytes = NULL;
	size_t len = 0;
	int rc = 0;

	memset(reply, 0, sizeof(*reply));
	if (call == NULL) {
		return -ENOMEM;
	}
	call->reply = reply;
	if (params != NULL) {
		codec_buf_init(&buf);
		rc = cal_json_pack(&buf, params);
		bytes = codec_buf_take(&buf, &len);
		if (rc == 0 && bytes == NULL) {
			rc = -ENOMEM;
		}
	}
	if (rc == 0) {
		rc = cal_client_send(ctl->client, method, bytes, len, on_response, call);
	}
	free(bytes);
	if (rc != 0) {
		free(call);
		return rc;
	}
	rc = wait_done(ctl, method, call, timeout_ms);
	if (call->done) {
		free(call);
	} else {
		call->abandoned = true;
	}
	return rc;
}

static int
explain_error(struct ctl *ctl, const char *method, const struct ctl_reply *reply)
{
	const char *message = reply->message;
	struct json_object *error;
	size_t len = strlen(method);

	if (!ctl->json) {
		/* A refused parameter's message begins with the method. */
		if (strncmp(message, method, len) == 0 && strncmp(message + len, ": ", 2) == 0) {
			message += len + 2;
		}
		ctl_error("%s failed: %s (code %d)", method, message, reply->code);
		return CTL_FAILED;
	}
	error = json_object_new_object();
	ctl_json_put(error, "code", json_object_new_int(reply->code));
	ctl_json_put_str(error, "message", reply->message);
	ctl_json_put_str(error, "method", method);
	fflush(stdout);
	ctl_json_print_line(stderr, error);
	json_object_put(error);
	return CTL_FAILED;
}

int
ctl_call_explain(struct ctl *ctl, const char *method, int rc, const struct ctl_reply *reply,
                 uint64_t timeout_ms)
{
	switch (rc) {
	case 0:
		return reply->is_error ? explain_error(ctl, method, reply) : CTL_OK;
	case -ETIMEDOUT:
		ctl_error("%s: no answer within %.3g s; `calctl -i %d status` shows what the "
		          "primary is doing",
		          method, (double)timeout_ms / 1000, ctl->instance);
		return CTL_FAILED;
	case -ECONNRESET:
	case -ENOTCONN:
	case -ECANCELED:
		ctl_error("%s: the primary of instance %d went away before it answered", method,
		          ctl->instance);
		return CTL_NO_PRIMARY;
	case -ESHUTDOWN:
		ctl_error("%s: the primary of instance %d is stopping", method, ctl->instance);
		return CTL_NO_PRIMARY;
	case -EMSGSIZE:
		ctl_error("%s: the parameters are longer than the primary takes (1 MiB)", method);
		return CTL_FAILED;
	default:
		ctl_error("%s: %s", method, strerror(-rc));
		return CTL_FAILED;
	}
}

int
ctl_call(struct ctl *ctl, const char *method, struct json_object *params,
         struct json_object **result)
{
	struct ctl_reply reply;
	int rc;

	*result = NULL;
	rc = ctl_attach(ctl);
	if (rc != CTL_OK) {
		return rc;
	}
	rc = ctl_call_reply(ctl, method, params, CTL_CALL_TIMEOUT_MS, &reply);
	if (rc != 0 || reply.is_error) {
		return ctl_call_explain(ctl, method, rc, &reply, CTL_CALL_TIMEOUT_MS);
	}
	*result = reply.result;
	return CTL_OK;
}
