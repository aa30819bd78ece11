/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What several methods need. */

#ifndef CAL_CORE_RPC_METHODS_H
#define CAL_CORE_RPC_METHODS_H

#include "spdk/rpc.h"

/** Answer SPDK_JSONRPC_ERROR_INVALID_PARAMS with `message` if there are params. Returns whether it
 *  did. */
static inline bool
rpc_refuse_params(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params,
                  const char *message)
{
	if (params == NULL) {
		return false;
	}
	spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS, message);
	return true;
}

#endif
