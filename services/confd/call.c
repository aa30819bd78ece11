/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "services/confd/confd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int
confd_call(struct cal_client *client, const char *method, struct json_object *params,
           struct cal_response *response, struct confd_error *error)
{
	struct codec_span message;
	struct codec_buf buf;
	int rc = 0;

	codec_buf_init(&buf);
	if (params != NULL) {
		rc = cal_json_pack(&buf, params);
		json_object_put(params);
	}
	if (rc == 0) {
		rc = cal_client_call(client, method, buf.len > 0 ? buf.data : NULL, buf.len, -1,
		                     response);
	}
	codec_buf_free(&buf);
	if (rc == 0) {
		rc = response->status;
	}
	if (rc == -ENOTCONN) {
		/* The link ended with what came before this call: how, matters to our exit status.
		 */
		rc = cal_client_process(client);
		rc = rc < 0 ? rc : -ENOTCONN;
	}
	if (rc != 0 || response->error_len == 0) {
		return rc;
	}
	rc = codec_parse_error(response->error, response->error_len, &error->code, &message);
	if (rc != 0) {
		return rc;
	}
	snprintf(error->text, sizeof(error->text), "%.*s", (int)message.len,
	         (const char *)message.data);
	return 1;
}
