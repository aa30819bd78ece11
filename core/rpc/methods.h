/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What several methods need. */

#ifndef CAL_CORE_RPC_METHODS_H
#define CAL_CORE_RPC_METHODS_H

#include "spdk/rpc.h"

/** Answer SPDK_JSONRPC_ERROR_INVALID_PARAMS if there are params: with `message`, or with the name
 *  of the first parameter. Returns whether it did. */
bool rpc_refuse_params(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params,
                       const char *message);

/** For the decoder of a parameter that is one of several words, exactly as they are spelt. Returns
 *  the index of `val` in `words`, or -1; the words are in the error then. */
int rpc_decode_word(const struct spdk_json_val *val, const char *const *words, size_t num_words);

#endif
