/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* A link whose peer writes what it likes where it likes: words over the header, the rings'
 * indices, descriptors and slots, between the primary's calls. ipc/link stays within its bounds,
 * never takes a message that is too long, and once the layout is broken it says so for good. */

#include "tests/fuzz/link_end.h"

#include <errno.h>

#include "ipc/codec/chunk.h"
#include "ipc/codec/codec.h"
#include "ipc/link/layout.h"

enum step {
	STEP_RECV,
	STEP_SEND,  /* a response: two bytes, in units of 16 */
	STEP_FLUSH, /* so many KiB */
	STEP_ARM,   /* for a message too, or for space only */
	STEP_PUSH,  /* the client sends: two bytes of length */
	STEP_PART,  /* … of a message of which more is to come */
	STEP_TAKE,  /* the client takes */
	STEP_WORD,  /* where (three bytes), what (four) */
	STEP_INDEX, /* which one, what (four): a ring's head or tail */
	STEP_NUDGE, /* which one, by how much (one): likewise */
	STEP_DESC,  /* which one, which field, what (four) */
	STEP_NUM,
};

static struct link_pair g_pair;
static struct link_layout g_layout;
static bool g_broken; /* it said so */
static size_t g_sent;

static uint8_t *
memory(void)
{
	return link_memory(g_pair.link);
}

static struct rte_ring *
ring(bool response)
{
	return (struct rte_ring *)(memory() +
	                           (response ? g_layout.response_ring : g_layout.request_ring));
}

static uint32_t *
index_of(uint8_t which)
{
	struct rte_ring *r = ring((which & 4) != 0);

	switch (which & 3) {
	case 0:
		return (uint32_t *)&r->prod.head;
	case 1:
		return (uint32_t *)&r->prod.tail;
	case 2:
		return (uint32_t *)&r->cons.head;
	default:
		return (uint32_t *)&r->cons.tail;
	}
}

static void
recv_one(void)
{
	const uint8_t *bytes;
	const void *msg = NULL;
	size_t len = 0, i;
	unsigned sum = 0;
	int rc = link_recv(g_pair.link, &msg, &len);

	FUZZ_CHECK(!g_broken || rc == -EPROTO, "broken, but it goes on: %d", rc);
	if (rc == 1) {
		FUZZ_CHECK(len > 0 && len <= LINK_MAX_REQUEST, "%zu bytes", len);
		bytes = msg;
		for (i = 0; i < len; i += 61) { /* a sanitizer sees what is not there */
			sum += bytes[i];
		}
		FUZZ_CHECK(sum != 1u << 31, "never");
	} else {
		FUZZ_CHECK(rc == 0 || rc == 2 || rc == -EPROTO || rc == -EMSGSIZE, "%d", rc);
		g_broken |= rc < 0;
	}
}

static void
send_one(size_t len)
{
	struct codec_chain chain;
	struct codec_buf buf;
	size_t i;
	int rc;

	/* No input takes for ever; what is over LINK_MAX_BACKLOG is the unit test's. */
	g_sent += len;
	if (g_sent > (4u << 20)) {
		return;
	}
	codec_buf_init_chain(&buf);
	codec_put_array(&buf, (uint32_t)(len / 64 + 1));
	for (i = 0; i <= len / 64; i++) {
		codec_put_str(&buf, "0123456789012345678901234567890123456789012345678901234567890",
		              62);
	}
	FUZZ_CHECK(codec_buf_take_chain(&buf, &chain) == 0, "no memory");
	rc = link_send(g_pair.link, &chain);
	FUZZ_CHECK(rc == 0 || rc == -EPROTO || rc == -ENOBUFS, "%d", rc);
	FUZZ_CHECK(!g_broken || rc != 0, "broken, but it sends");
	g_broken |= rc == -EPROTO;
	FUZZ_CHECK(link_backlog(g_pair.link) <= LINK_MAX_BACKLOG, "%zu bytes wait",
	           link_backlog(g_pair.link));
}

static void
push(struct fuzz_input *in, bool part)
{
	uint8_t bytes[LINK_REQUEST_SLOT_SIZE + 1];
	size_t len = fuzz_byte(in);

	len |= (size_t)fuzz_byte(in) << 8;
	len = len % sizeof(bytes);
	memset(bytes, 0xc0, sizeof(bytes));
	/* A piece of a longer message fills its slot. */
	client_ring_push(&g_pair.ring, bytes, part ? sizeof(bytes) : len);
}

static void
take(void)
{
	const void *data;
	size_t len;
	bool more;

	if (client_ring_peek(&g_pair.ring, &data, &len, &more) == 1) {
		client_ring_release(&g_pair.ring);
	}
}

static void
put_word(uint8_t *at, uint32_t word)
{
	memcpy(at, &word, sizeof(word));
}

static void
step(struct fuzz_input *in)
{
	uint8_t what = fuzz_byte(in) % STEP_NUM, which;
	size_t at;
	int rc;

	switch (what) {
	case STEP_RECV:
		recv_one();
		break;
	case STEP_SEND:
		at = fuzz_byte(in);
		send_one((at | (size_t)fuzz_byte(in) << 8) * 16);
		break;
	case STEP_FLUSH:
		link_flush(g_pair.link, (size_t)fuzz_byte(in) << 10);
		break;
	case STEP_ARM:
		rc = link_arm(g_pair.link, (fuzz_byte(in) & 1) != 0);
		FUZZ_CHECK(rc == 0 || rc == 1 || rc == -EPROTO, "%d", rc);
		FUZZ_CHECK(!g_broken || rc == -EPROTO, "broken, but it arms: %d", rc);
		g_broken |= rc < 0;
		break;
	case STEP_PUSH:
	case STEP_PART:
		push(in, what == STEP_PART);
		break;
	case STEP_TAKE:
		take();
		break;
	case STEP_WORD:
		at = fuzz_byte(in);
		at |= (size_t)fuzz_byte(in) << 8;
		at |= (size_t)fuzz_byte(in) << 16;
		put_word(memory() + at % (g_layout.size - 4), fuzz_u32(in));
		break;
	case STEP_INDEX:
		which = fuzz_byte(in);
		*index_of(which) = fuzz_u32(in);
		break;
	case STEP_NUDGE:
		which = fuzz_byte(in);
		*index_of(which) += (uint32_t)(int32_t)(int8_t)fuzz_byte(in);
		break;
	case STEP_DESC:
		which = fuzz_byte(in);
		at = (which & 0x80 ? g_layout.response_ring : g_layout.request_ring) +
		     sizeof(struct rte_ring) + (which & 63) * sizeof(struct link_desc);
		which = fuzz_byte(in);
		put_word(memory() + at + (size_t)(which & 3) * 4, fuzz_u32(in));
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, data + size };
	struct gate_geometry geometry;
	int fd = fuzz_lowest_fd();
	unsigned steps = 0;

	link_pair_open(&g_pair, GATE_ROLE_ADMIN, "fuzz");
	geometry = link_geometry(g_pair.link);
	FUZZ_CHECK(link_layout_of(&geometry, &g_layout) == 0, "no layout");
	g_broken = false;
	g_sent = 0;
	while (fuzz_left(&in) > 0 && steps++ < 1000) {
		step(&in);
	}
	recv_one();
	link_destroy(g_pair.link);
	link_pair_close(&g_pair);
	FUZZ_CHECK(fuzz_lowest_fd() == fd, "a descriptor stayed open");
	return 0;
}
