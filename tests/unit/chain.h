/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Chains of chunks from bytes in one piece, and back. */

#ifndef CAL_TESTS_CHAIN_H
#define CAL_TESTS_CHAIN_H

#include <stdlib.h>
#include <string.h>

#include "ipc/codec/codec.h"

/* Takes `msg`, which was malloc()ed. */
static inline struct codec_chain
chain_of(void *msg, size_t len)
{
	struct codec_chain chain;
	struct codec_buf buf;

	codec_buf_init_chain(&buf);
	codec_put_raw(&buf, msg, len);
	free(msg);
	if (codec_buf_take_chain(&buf, &chain) != 0) {
		abort();
	}
	return chain;
}

/* Ends the chain; the bytes are to be free()d. A chain that is not what it says is the end. */
static inline void *
chain_flatten(struct codec_chain *chain, size_t *len)
{
	struct codec_chunk *chunk;
	uint32_t num = 0;
	uint8_t *msg;

	*len = 0;
	for (chunk = chain->first; chunk != NULL; chunk = chunk->next) {
		if (chunk->len == 0 || chunk->len > chunk->room ||
		    chunk->more != (chunk->next != NULL) ||
		    (chunk->next == NULL && chunk != chain->last)) {
			abort();
		}
		*len += chunk->len;
		num++;
	}
	msg = malloc(*len + 1);
	if (msg == NULL || num != chain->num_chunks) {
		abort();
	}
	*len = 0;
	for (chunk = chain->first; chunk != NULL; chunk = chunk->next) {
		memcpy(msg + *len, chunk->data, chunk->len);
		*len += chunk->len;
	}
	codec_chain_free(chain);
	return msg;
}

/* Takes `msg`, which was malloc()ed. */
#define send_flat(link, msg, len)                               \
	({                                                      \
		struct codec_chain chain_ = chain_of(msg, len); \
		int rc_ = link_send(link, &chain_);             \
		CHECK(chain_.first == NULL);                    \
		rc_;                                            \
	})

#endif
