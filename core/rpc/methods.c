/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "core/rpc/methods.h"

#include "core/rpc/json_internal.h"

bool
rpc_refuse_params(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params,
                  const char *message)
{
	if (params == NULL) {
		return false;
	}
	if (params->type == SPDK_JSON_VAL_OBJECT_BEGIN && params->len > 0) {
		json_note_name(&params[1], "no such parameter, the method takes none");
	}
	spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS, message);
	return true;
}

int
rpc_decode_word(const struct spdk_json_val *val, const char *const *words, size_t num_words)
{
	char list[128];
	size_t i, len = 0;

	for (i = 0; i < num_words; i++) {
		if (val->type == SPDK_JSON_VAL_STRING && spdk_json_strequal(val, words[i])) {
			return (int)i;
		}
	}
	for (i = 0; i < num_words && len < sizeof(list); i++) {
		const char *join = i == 0 ? "" : i + 1 < num_words ? ", " : " or ";

		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", join, words[i]);
	}
	if (val->type == SPDK_JSON_VAL_STRING) {
		json_note("expected %s, got '%.*s'", list, val->len > 40 ? 40 : (int)val->len,
		          (const char *)val->start);
	} else {
		json_note_mismatch(list, val);
	}
	return -1;
}
