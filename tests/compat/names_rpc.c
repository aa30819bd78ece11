/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Every public name of SPDK v26.05's json.h and notify.h, and of rpc.h and jsonrpc.h what handlers
 * use (core/README.md says what is not there). */

#include "names.h"

#include "spdk/json.h"
#include "spdk/jsonrpc.h"
#include "spdk/notify.h"
#include "spdk/rpc.h"

VALUE(SPDK_JSON_VAL_INVALID);
VALUE(SPDK_JSON_VAL_ANY);
VALUE(SPDK_JSON_VAL_NULL);
VALUE(SPDK_JSON_VAL_TRUE);
VALUE(SPDK_JSON_VAL_FALSE);
VALUE(SPDK_JSON_VAL_NUMBER);
VALUE(SPDK_JSON_VAL_STRING);
VALUE(SPDK_JSON_VAL_ARRAY_BEGIN);
VALUE(SPDK_JSON_VAL_ARRAY_END);
VALUE(SPDK_JSON_VAL_OBJECT_BEGIN);
VALUE(SPDK_JSON_VAL_OBJECT_END);
VALUE(SPDK_JSON_VAL_NAME);
VALUE(SPDK_JSON_PARSE_INVALID);
VALUE(SPDK_JSON_PARSE_INCOMPLETE);
VALUE(SPDK_JSON_PARSE_MAX_DEPTH_EXCEEDED);
VALUE(SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE);
VALUE(SPDK_JSON_PARSE_FLAG_ALLOW_COMMENTS);
VALUE(SPDK_JSON_WRITE_FLAG_FORMATTED);
VALUE(SPDK_JSON_WRITE_FLAG_FLATTEN_BATCHES);
VALUE(SPDK_JSONRPC_ERROR_PARSE_ERROR);
VALUE(SPDK_JSONRPC_ERROR_INVALID_REQUEST);
VALUE(SPDK_JSONRPC_ERROR_METHOD_NOT_FOUND);
VALUE(SPDK_JSONRPC_ERROR_INVALID_PARAMS);
VALUE(SPDK_JSONRPC_ERROR_INTERNAL_ERROR);
VALUE(SPDK_JSONRPC_ERROR_INVALID_STATE);
VALUE(SPDK_RPC_STARTUP);
VALUE(SPDK_RPC_RUNTIME);
VALUE(SPDK_NOTIFY_MAX_NAME_SIZE);
VALUE(SPDK_NOTIFY_MAX_CTX_SIZE);

TYPE(struct spdk_json_write_ctx);
TYPE(struct spdk_jsonrpc_request);
TYPE(struct spdk_jsonrpc_server_conn);
TYPE(struct spdk_notify_type);
FIELD(struct spdk_json_val, start, void *);
FIELD(struct spdk_json_val, len, uint32_t);
FIELD(struct spdk_json_val, type, enum spdk_json_val_type);
FIELD(struct spdk_json_object_decoder, name, const char *);
FIELD(struct spdk_json_object_decoder, offset, size_t);
FIELD(struct spdk_json_object_decoder, decode_func, spdk_json_decode_fn);
FIELD(struct spdk_json_object_decoder, optional, bool);
FIELD(struct spdk_notify_event, type, char[128]);
FIELD(struct spdk_notify_event, ctx, char[128]);

static int
decode(const struct spdk_json_val *val, void *out)
{
	return 0;
}
static int
write_some(void *cb_ctx, const void *data, size_t size)
{
	return 0;
}
static int
type(const struct spdk_notify_type *t, void *ctx)
{
	return 0;
}
static int
event(uint64_t idx, const struct spdk_notify_event *e, void *ctx)
{
	return 0;
}
static void
closed(struct spdk_jsonrpc_server_conn *conn, void *arg)
{
}
static void
handle(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
}
static spdk_json_decode_fn decode_is __attribute__((used)) = decode;
static spdk_json_write_cb write_is __attribute__((used)) = write_some;
static spdk_notify_foreach_type_cb type_is __attribute__((used)) = type;
static spdk_notify_foreach_event_cb event_is __attribute__((used)) = event;
static spdk_jsonrpc_conn_closed_fn closed_is __attribute__((used)) = closed;
static spdk_rpc_method_handler handle_is __attribute__((used)) = handle;
SPDK_RPC_REGISTER("compat_method", handle, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)
SPDK_RPC_REGISTER_ALIAS_DEPRECATED(compat_method, compat_alias)

/* spdk/json.h */
FUNCTION(spdk_json_parse,
         ssize_t(void *, size_t, struct spdk_json_val *, size_t, void **, uint32_t));
FUNCTION(spdk_json_decode_object, int(const struct spdk_json_val *,
                                      const struct spdk_json_object_decoder *, size_t, void *));
FUNCTION(spdk_json_decode_object_relaxed,
         int(const struct spdk_json_val *, const struct spdk_json_object_decoder *, size_t,
             void *));
FUNCTION(spdk_json_decode_array,
         int(const struct spdk_json_val *, spdk_json_decode_fn, void *, size_t, size_t *, size_t));
FUNCTION(spdk_json_decode_bool, int(const struct spdk_json_val *, void *));
FUNCTION(spdk_json_decode_uint8, int(const struct spdk_json_val *, void *));
FUNCTION(spdk_json_decode_uint16, int(const struct spdk_json_val *, void *));
FUNCTION(spdk_json_decode_int32, int(const struct spdk_json_val *, void *));
FUNCTION(spdk_json_decode_uint32, int(const struct spdk_json_val *, void *));
FUNCTION(spdk_json_decode_uint64, int(const struct spdk_json_val *, void *));
FUNCTION(spdk_json_decode_string, int(const struct spdk_json_val *, void *));
FUNCTION(spdk_json_decode_uuid, int(const struct spdk_json_val *, void *));
FUNCTION(spdk_json_free_object, void(const struct spdk_json_object_decoder *, size_t, void *));
FUNCTION(spdk_json_val_len, size_t(const struct spdk_json_val *));
FUNCTION(spdk_json_array_count, size_t(const struct spdk_json_val *));
FUNCTION(spdk_json_strequal, bool(const struct spdk_json_val *, const char *));
FUNCTION(spdk_json_strdup, char *(const struct spdk_json_val *));
FUNCTION(spdk_json_number_to_uint8, int(const struct spdk_json_val *, uint8_t *));
FUNCTION(spdk_json_number_to_uint16, int(const struct spdk_json_val *, uint16_t *));
FUNCTION(spdk_json_number_to_int32, int(const struct spdk_json_val *, int32_t *));
FUNCTION(spdk_json_number_to_uint32, int(const struct spdk_json_val *, uint32_t *));
FUNCTION(spdk_json_number_to_uint64, int(const struct spdk_json_val *, uint64_t *));
FUNCTION(spdk_json_write_begin, struct spdk_json_write_ctx *(spdk_json_write_cb, void *, uint32_t));
FUNCTION(spdk_json_write_end, int(struct spdk_json_write_ctx *));
FUNCTION(spdk_json_write_reset, void(struct spdk_json_write_ctx *));
FUNCTION(spdk_json_write_add_flags, void(struct spdk_json_write_ctx *, uint32_t));
FUNCTION(spdk_json_write_null, int(struct spdk_json_write_ctx *));
FUNCTION(spdk_json_write_bool, int(struct spdk_json_write_ctx *, bool));
FUNCTION(spdk_json_write_uint8, int(struct spdk_json_write_ctx *, uint8_t));
FUNCTION(spdk_json_write_uint16, int(struct spdk_json_write_ctx *, uint16_t));
FUNCTION(spdk_json_write_int32, int(struct spdk_json_write_ctx *, int32_t));
FUNCTION(spdk_json_write_uint32, int(struct spdk_json_write_ctx *, uint32_t));
FUNCTION(spdk_json_write_int64, int(struct spdk_json_write_ctx *, int64_t));
FUNCTION(spdk_json_write_uint64, int(struct spdk_json_write_ctx *, uint64_t));
FUNCTION(spdk_json_write_uint128, int(struct spdk_json_write_ctx *, uint64_t, uint64_t));
FUNCTION(spdk_json_write_double, int(struct spdk_json_write_ctx *, double));
FUNCTION(spdk_json_write_string, int(struct spdk_json_write_ctx *, const char *));
FUNCTION(spdk_json_write_string_raw, int(struct spdk_json_write_ctx *, const char *, size_t));
FUNCTION(spdk_json_write_bytearray, int(struct spdk_json_write_ctx *, const void *, size_t));
FUNCTION(spdk_json_write_uuid, int(struct spdk_json_write_ctx *, const struct spdk_uuid *));
FUNCTION(spdk_json_write_string_utf16le, int(struct spdk_json_write_ctx *, const uint16_t *));
FUNCTION(spdk_json_write_string_utf16le_raw,
         int(struct spdk_json_write_ctx *, const uint16_t *, size_t));
FUNCTION(spdk_json_write_string_fmt, int(struct spdk_json_write_ctx *, const char *, ...));
FUNCTION(spdk_json_write_string_fmt_v, int(struct spdk_json_write_ctx *, const char *, va_list));
FUNCTION(spdk_json_write_array_begin, int(struct spdk_json_write_ctx *));
FUNCTION(spdk_json_write_array_end, int(struct spdk_json_write_ctx *));
FUNCTION(spdk_json_write_batch_begin, int(struct spdk_json_write_ctx *));
FUNCTION(spdk_json_write_batch_end, int(struct spdk_json_write_ctx *));
FUNCTION(spdk_json_write_object_begin, int(struct spdk_json_write_ctx *));
FUNCTION(spdk_json_write_object_end, int(struct spdk_json_write_ctx *));
FUNCTION(spdk_json_write_name, int(struct spdk_json_write_ctx *, const char *));
FUNCTION(spdk_json_write_name_raw, int(struct spdk_json_write_ctx *, const char *, size_t));
FUNCTION(spdk_json_write_val, int(struct spdk_json_write_ctx *, const struct spdk_json_val *));
FUNCTION(spdk_json_write_val_raw, int(struct spdk_json_write_ctx *, const void *, size_t));
FUNCTION(spdk_json_write_named_null, int(struct spdk_json_write_ctx *, const char *));
FUNCTION(spdk_json_write_named_bool, int(struct spdk_json_write_ctx *, const char *, bool));
FUNCTION(spdk_json_write_named_uint8, int(struct spdk_json_write_ctx *, const char *, uint8_t));
FUNCTION(spdk_json_write_named_uint16, int(struct spdk_json_write_ctx *, const char *, uint16_t));
FUNCTION(spdk_json_write_named_int32, int(struct spdk_json_write_ctx *, const char *, int32_t));
FUNCTION(spdk_json_write_named_uint32, int(struct spdk_json_write_ctx *, const char *, uint32_t));
FUNCTION(spdk_json_write_named_int64, int(struct spdk_json_write_ctx *, const char *, int64_t));
FUNCTION(spdk_json_write_named_uint64, int(struct spdk_json_write_ctx *, const char *, uint64_t));
FUNCTION(spdk_json_write_named_uint128,
         int(struct spdk_json_write_ctx *, const char *, uint64_t, uint64_t));
FUNCTION(spdk_json_write_named_double, int(struct spdk_json_write_ctx *, const char *, double));
FUNCTION(spdk_json_write_named_string,
         int(struct spdk_json_write_ctx *, const char *, const char *));
FUNCTION(spdk_json_write_named_string_fmt,
         int(struct spdk_json_write_ctx *, const char *, const char *, ...));
FUNCTION(spdk_json_write_named_string_fmt_v,
         int(struct spdk_json_write_ctx *, const char *, const char *, va_list));
FUNCTION(spdk_json_write_named_bytearray,
         int(struct spdk_json_write_ctx *, const char *, const void *, size_t));
FUNCTION(spdk_json_write_named_uuid,
         int(struct spdk_json_write_ctx *, const char *, const struct spdk_uuid *));
FUNCTION(spdk_json_write_named_array_begin, int(struct spdk_json_write_ctx *, const char *));
FUNCTION(spdk_json_write_named_object_begin, int(struct spdk_json_write_ctx *, const char *));
FUNCTION(spdk_json_find, int(struct spdk_json_val *, const char *, struct spdk_json_val **,
                             struct spdk_json_val **, enum spdk_json_val_type));
FUNCTION(spdk_json_find_string, int(struct spdk_json_val *, const char *, struct spdk_json_val **,
                                    struct spdk_json_val **));
FUNCTION(spdk_json_find_array, int(struct spdk_json_val *, const char *, struct spdk_json_val **,
                                   struct spdk_json_val **));
FUNCTION(spdk_json_object_first, struct spdk_json_val *(struct spdk_json_val *));
FUNCTION(spdk_json_array_first, struct spdk_json_val *(struct spdk_json_val *));
FUNCTION(spdk_json_next, struct spdk_json_val *(struct spdk_json_val *));

/* spdk/jsonrpc.h */
FUNCTION(spdk_jsonrpc_get_conn, struct spdk_jsonrpc_server_conn *(struct spdk_jsonrpc_request *));
FUNCTION(spdk_jsonrpc_conn_add_close_cb,
         int(struct spdk_jsonrpc_server_conn *, spdk_jsonrpc_conn_closed_fn, void *));
FUNCTION(spdk_jsonrpc_conn_del_close_cb,
         int(struct spdk_jsonrpc_server_conn *, spdk_jsonrpc_conn_closed_fn, void *));
FUNCTION(spdk_jsonrpc_begin_result, struct spdk_json_write_ctx *(struct spdk_jsonrpc_request *));
FUNCTION(spdk_jsonrpc_end_result,
         void(struct spdk_jsonrpc_request *, struct spdk_json_write_ctx *));
FUNCTION(spdk_jsonrpc_send_bool_response, void(struct spdk_jsonrpc_request *, bool));
FUNCTION(spdk_jsonrpc_send_error_response, void(struct spdk_jsonrpc_request *, int, const char *));
FUNCTION(spdk_jsonrpc_send_error_response_fmt,
         void(struct spdk_jsonrpc_request *, int, const char *, ...));

/* spdk/rpc.h */
FUNCTION(spdk_rpc_verify_methods, bool(void));
FUNCTION(spdk_rpc_register_method, void(const char *, spdk_rpc_method_handler, uint32_t));
FUNCTION(spdk_rpc_register_alias_deprecated, void(const char *, const char *));
FUNCTION(spdk_rpc_is_method_allowed, int(const char *, uint32_t));
FUNCTION(spdk_rpc_get_method_state_mask, int(const char *, uint32_t *));
FUNCTION(spdk_rpc_set_state, void(uint32_t));
FUNCTION(spdk_rpc_get_state, uint32_t(void));
FUNCTION(spdk_rpc_set_allowlist, void(const char **));

/* spdk/notify.h */
FUNCTION(spdk_notify_type_register, struct spdk_notify_type *(const char *));
FUNCTION(spdk_notify_type_get_name, const char *(const struct spdk_notify_type *));
FUNCTION(spdk_notify_foreach_type, void(spdk_notify_foreach_type_cb, void *));
FUNCTION(spdk_notify_send, uint64_t(const char *, const char *));
FUNCTION(spdk_notify_foreach_event,
         uint64_t(uint64_t, uint64_t, spdk_notify_foreach_event_cb, void *));
