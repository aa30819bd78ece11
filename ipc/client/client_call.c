/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Requests out, responses in, and which belongs to which. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/client/client_internal.h"
#include "ipc/link/layout.h"
#include "ipc/link/link.h"

#define MAX_PENDING   65536 /* an index is the low 16 bits of an id */
#define MAX_QUEUE     (64u << 20)
#define MAX_RESPONSE  LINK_MAX_BACKLOG
#define KEEP_BUFFER   (1u << 20)
#define INDEX_MASK    (MAX_PENDING - 1)
#define GENERATION    MAX_PENDING
#define FIRST_PENDING 16

static int
pending_grow(struct cal_client *client)
{
	int32_t n = client->num_pending == 0 ? FIRST_PENDING : client->num_pending * 2, i;
	struct client_pending *pending;

	if (n > MAX_PENDING) {
		return -ENOBUFS;
	}
	pending = realloc(client->pending, (size_t)n * sizeof(*pending));
	if (pending == NULL) {
		return -ENOMEM;
	}
	for (i = n - 1; i >= client->num_pending; i--) {
		pending[i] = (struct client_pending){
			.id = (uint32_t)i,
			.next_free = client->first_free,
		};
		client->first_free = i;
	}
	client->pending = pending;
	client->num_pending = n;
	return 0;
}

static void
pending_free(struct cal_client *client, struct client_pending *pending)
{
	pending->used = false;
	pending->fn = NULL;
	pending->id += GENERATION;
	pending->next_free = client->first_free;
	client->first_free = (int32_t)(pending - client->pending);
}

static struct client_pending *
pending_find(struct cal_client *client, uint32_t id)
{
	uint32_t index = id & INDEX_MASK;

	if (index >= (uint32_t)client->num_pending || !client->pending[index].used ||
	    client->pending[index].id != id) {
		return NULL;
	}
	return &client->pending[index];
}

void
client_give_up(struct cal_client *client, uint32_t id)
{
	struct client_pending *pending = pending_find(client, id);

	if (pending != NULL) {
		pending->fn = NULL;
	}
}

void
client_fail_pending(struct cal_client *client, int status)
{
	struct cal_response response = { .status = status };

	/* By index: a callback may send, and so move the table. */
	for (int32_t i = 0; i < client->num_pending; i++) {
		cal_response_fn fn = client->pending[i].fn;
		void *ctx = client->pending[i].ctx;

		if (client->pending[i].used) {
			pending_free(client, &client->pending[i]);
			if (fn != NULL) {
				fn(ctx, &response);
			}
		}
	}
}

/* Put the message's next fragments into free slots; returns how many bytes went. */
static size_t
push_some(struct cal_client *client, const uint8_t *data, size_t len)
{
	size_t total = 0, n;

	while (total < len &&
	       (n = client_ring_push(&client->ring, data + total, len - total)) > 0) {
		total += n;
	}
	return total;
}

static void
wake_primary(struct cal_client *client, uint32_t reason)
{
	if (client_ring_must_wake(&client->ring, reason)) {
		client_ring_bell(client->bell);
	}
}

static int
queue_rest(struct cal_client *client, const uint8_t *data, size_t len)
{
	struct client_out *out;

	out = malloc(sizeof(*out) + len);
	if (out == NULL) {
		return -ENOMEM;
	}
	out->len = len;
	out->sent = 0;
	memcpy(out->data, data, len);
	client->queue_bytes += len;
	STAILQ_INSERT_TAIL(&client->queue, out, entry);
	return 0;
}

/* Hand the encoded request to the ring, or what does not fit to the queue. */
static int
dispatch(struct cal_client *client)
{
	const uint8_t *data = client->encoded.data;
	size_t len = client->encoded.len, sent = 0;
	int rc;

	if (!STAILQ_EMPTY(&client->queue) || !client_ring_has_space(&client->ring)) {
		return client->queue_bytes + len > MAX_QUEUE ? -ENOBUFS
		                                             : queue_rest(client, data, len);
	}
	sent = push_some(client, data, len);
	wake_primary(client, LINK_ARM_MESSAGE);
	if (sent == len) {
		return 0;
	}
	rc = queue_rest(client, data + sent, len - sent);
	if (rc < 0) {
		/* Half of it is on its way and the rest is lost: the link is of no use any more. */
		client->status = -ECONNRESET;
	}
	return rc;
}

int
client_send(struct cal_client *client, const char *method, const void *params, size_t params_len,
            cal_response_fn fn, void *ctx, uint32_t *id)
{
	struct client_pending *pending;
	int rc;

	if (!client->attached || client->status != 0) {
		return -ENOTCONN;
	}
	if (params_len > LINK_MAX_REQUEST) {
		return -EMSGSIZE;
	}
	if (client->first_free < 0) {
		rc = pending_grow(client);
		if (rc < 0) {
			return rc;
		}
	}
	pending = &client->pending[client->first_free];
	client->encoded.len = 0;
	client->encoded.failed = false;
	codec_put_request(&client->encoded, pending->id, method, params, params_len);
	if (client->encoded.failed) {
		return -ENOMEM;
	}
	if (client->encoded.len > LINK_MAX_REQUEST) {
		return -EMSGSIZE;
	}
	rc = dispatch(client);
	if (rc < 0) {
		return rc;
	}
	client->first_free = pending->next_free;
	pending->used = true;
	pending->fn = fn;
	pending->ctx = ctx;
	*id = pending->id;
	return 0;
}

int
cal_client_send(struct cal_client *client, const char *method, const void *params,
                size_t params_len, cal_response_fn fn, void *ctx)
{
	uint32_t id;

	return client_send(client, method, params, params_len, fn, ctx, &id);
}

static void
flush_queue(struct cal_client *client)
{
	struct client_out *out;
	size_t n, total = 0;

	while ((out = STAILQ_FIRST(&client->queue)) != NULL) {
		n = push_some(client, out->data + out->sent, out->len - out->sent);
		total += n;
		out->sent += n;
		client->queue_bytes -= n;
		if (out->sent < out->len) {
			break;
		}
		STAILQ_REMOVE_HEAD(&client->queue, entry);
		free(out);
	}
	if (total > 0) {
		wake_primary(client, LINK_ARM_MESSAGE);
	}
}

/* Put the next response together. Returns 1 when it is whole, 0 when more is to come, or a negative
 * errno. */
static int
take_response(struct cal_client *client)
{
	const void *data;
	size_t len;
	bool more = true, any = false;
	int rc = 0;

	while (more) {
		rc = client_ring_peek(&client->ring, &data, &len, &more);
		if (rc <= 0) {
			break;
		}
		if (client->in.len + len > MAX_RESPONSE) {
			return -EMSGSIZE;
		}
		rc = client_buf_reserve(&client->in, client->in.len + len);
		if (rc < 0) {
			return rc;
		}
		memcpy(client->in.data + client->in.len, data, len);
		client->in.len += len;
		client_ring_release(&client->ring);
		any = true;
	}
	if (any) {
		/* It may have a backlog for the slots that are free now. */
		wake_primary(client, LINK_ARM_SPACE);
	}
	return rc < 0 ? rc : !more;
}

/* Hand a whole response to who waits for it. Returns 1, 0 when nobody does, or -EPROTO. */
static int
deliver(struct cal_client *client, const struct client_buf *buf)
{
	struct cal_response response = { 0 };
	struct client_pending *pending;
	struct codec_envelope envelope;
	cal_response_fn fn;
	void *ctx;

	if (codec_parse(buf->data, buf->len, &envelope) < 0) {
		return -EPROTO;
	}
	if (envelope.type != CODEC_RESPONSE) {
		return 0;
	}
	pending = pending_find(client, envelope.id);
	if (pending == NULL) {
		return 0;
	}
	fn = pending->fn;
	ctx = pending->ctx;
	pending_free(client, pending);
	if (fn == NULL) {
		return 0;
	}
	if (envelope.error.len != 0) {
		response.error = envelope.error.data;
		response.error_len = envelope.error.len;
	} else {
		response.result = envelope.result.data;
		response.result_len = envelope.result.len;
	}
	fn(ctx, &response);
	return 1;
}

int
client_process_ring(struct cal_client *client)
{
	struct client_buf buf;
	int rc, delivered = 0;

	if (!client->attached) {
		return 0;
	}
	client_ring_disarm(&client->ring);
	for (;;) {
		rc = take_response(client);
		if (rc <= 0) {
			break;
		}
		/* The callback may call and so take responses itself: the buffer is ours meanwhile.
		 */
		buf = client->in;
		client->in = (struct client_buf){ 0 };
		rc = deliver(client, &buf);
		if (client->in.data == NULL && buf.cap <= KEEP_BUFFER) {
			buf.len = 0;
			client->in = buf;
		} else {
			free(buf.data);
		}
		if (rc < 0) {
			break;
		}
		delivered += rc;
	}
	if (rc < 0 && client->status == 0) {
		/* A primary that makes no sense is as good as gone. */
		client->status = -ECONNRESET;
	}
	if (client->status == 0 && !STAILQ_EMPTY(&client->queue)) {
		flush_queue(client);
	}
	return delivered;
}
