/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Rounds of keeping against a fake primary: what is asked, written and said, and when. */

/* libs: -ljson-c */

#include "ipc/client/json.c"
#include "ipc/client/json_print.c"
#include "services/confd/call.c"
#include "services/confd/keep.c"
#include "services/confd/signals.c"

#include "tests/unit/test.h"

static struct {
	const uint64_t *changes;  /* what cal_config_changes answers in turn, then the end: 0 */
	bool begins_with_nothing; /* … but the first one is no end */
	uint64_t final;           /* which of them is the stop, 0 for none */
	const char *bdev_at_last; /* what the configuration is then, if another one */
	const char *bdev;         /* the configuration of that subsystem, as JSON */
	int write_rc;             /* of the next writes */
	unsigned fail_writes;     /* so many of them */
	unsigned writes, rests;
	char text[1024]; /* what was written last */
	char log[4096];  /* the cal_ methods */
	struct codec_buf answer;
} g_fake;

static const struct state_file g_file = { .path = "DIR/config.7.json" };

int
state_file_write(const struct state_file *file, const char *text, size_t len)
{
	CHECK(file == &g_file);
	CHECK_EQ(strlen(text), len);
	if (g_fake.fail_writes > 0) {
		g_fake.fail_writes--;
		return g_fake.write_rc;
	}
	g_fake.writes++;
	snprintf(g_fake.text, sizeof(g_fake.text), "%s", text);
	return 0;
}

/* The second that is waited is over at once. */
int
cal_client_wait(struct cal_client *client, int timeout_ms)
{
	CHECK(timeout_ms > 0 && timeout_ms <= 1000);
	g_fake.rests++;
	return -ETIMEDOUT;
}

/* What a call finds that comes after the end. */
static int g_ended;

int
cal_client_process(struct cal_client *client)
{
	return g_ended;
}

static struct json_object *
answer_of(const char *method, const char *params)
{
	char text[64];

	if (strcmp(method, "cal_config_changes") == 0) {
		bool final = *g_fake.changes != 0 && *g_fake.changes == g_fake.final;

		snprintf(text, sizeof(text), "{\"changes\":%" PRIu64 ",\"final\":%s}",
		         *g_fake.changes++, final ? "true" : "false");
		if (final && g_fake.bdev_at_last != NULL) {
			g_fake.bdev = g_fake.bdev_at_last;
		}
		g_fake.begins_with_nothing = false;
		return json_tokener_parse(text);
	}
	if (strcmp(method, "framework_get_subsystems") == 0) {
		return json_tokener_parse("[{\"subsystem\":\"scsi\"},{\"subsystem\":\"bdev\"}]");
	}
	if (strcmp(method, "framework_get_config") == 0) {
		return json_tokener_parse(strstr(params, "bdev") != NULL ? g_fake.bdev : "null");
	}
	return json_object_new_boolean(true);
}

int
cal_client_call(struct cal_client *client, const char *method, const void *params,
                size_t params_len, int timeout_ms, struct cal_response *response)
{
	struct cal_text text = { 0 };
	struct json_object *answer;
	size_t used = strlen(g_fake.log);

	cal_text_append_cstr(&text, "");
	if (params_len > 0) {
		CHECK_EQ(cal_json_print(&text, params, params_len), 0);
	}
	if (strncmp(method, "cal_", 4) == 0) {
		snprintf(g_fake.log + used, sizeof(g_fake.log) - used, "%s%s ", method, text.data);
	}
	memset(response, 0, sizeof(*response));
	if (strcmp(method, "cal_config_changes") == 0 && *g_fake.changes == 0 &&
	    !g_fake.begins_with_nothing) {
		cal_text_free(&text);
		return g_ended != 0 ? -ENOTCONN : -ESHUTDOWN;
	}
	codec_buf_free(&g_fake.answer);
	codec_buf_init(&g_fake.answer);
	answer = answer_of(method, text.data);
	CHECK_EQ(cal_json_pack(&g_fake.answer, answer), 0);
	json_object_put(answer);
	response->result = g_fake.answer.data;
	response->result_len = g_fake.answer.len;
	cal_text_free(&text);
	return 0;
}

static int
run(const uint64_t *changes, const struct load_result *loaded)
{
	char err[256];

	g_fake.changes = changes;
	g_fake.log[0] = '\0';
	g_fake.writes = g_fake.rests = 0;
	return config_keep(NULL, &g_file, loaded, err, sizeof(err));
}

#define ONE "[{\"method\":\"a\",\"params\":{\"x\":[1,2]}},{\"method\":\"b\"}]"

static void
first_round(void)
{
	static const uint64_t nothing[] = { 0, 0 }, one[] = { 0, 1, 2, 0, 0 }, some[] = { 4, 0, 0 };
	struct load_result fresh = { 0 };

	/* Nothing has changed since the load: nothing is written. */
	g_fake.bdev = ONE;
	g_fake.begins_with_nothing = true;
	CHECK_EQ(run(nothing, &fresh), -ESHUTDOWN);
	CHECK_EQ(g_fake.writes, 0);
	/* The first change is, whatever was there to be seen before it was counted; and the same
	 * content once more is not. */
	CHECK_EQ(run(one + 1, &fresh), -ESHUTDOWN);
	CHECK_EQ(g_fake.writes, 1);
	g_fake.begins_with_nothing = true;
	CHECK_EQ(run(one, &fresh), -ESHUTDOWN);
	CHECK_EQ(g_fake.writes, 1);
	CHECK(strstr(g_fake.log, "cal_config_changes{\"kept\":18446744073709551615} "
	                         "cal_config_kept{\"changes\":0,\"digest\":\"\"} "
	                         "cal_config_changes{\"kept\":0} "
	                         "cal_config_kept{\"changes\":1,\"digest\":\"") == g_fake.log);
	CHECK(strstr(g_fake.log, "cal_config_kept{\"changes\":2,") != NULL);

	/* Something had, before the load was over. */
	CHECK_EQ(run(some, &fresh), -ESHUTDOWN);
	CHECK_EQ(g_fake.writes, 1);
	CHECK_STR(g_fake.text, "{\n  \"subsystems\": [\n"
	                       "    { \"subsystem\": \"scsi\", \"config\": null },\n"
	                       "    { \"subsystem\": \"bdev\", \"config\": [\n"
	                       "      {\"method\":\"a\",\"params\":{\"x\":[1,2]}},\n"
	                       "      {\"method\":\"b\"}\n    ] }\n  ]\n}\n");
}

/* The last look counts as a change and is none: what has stayed as it was is not written. */
static void
stop(void)
{
	static const uint64_t unchanged[] = { 0, 1, 0, 0 }, changed[] = { 0, 1, 2, 0, 0 };
	struct load_result fresh = { 0 };

	g_fake.bdev = ONE;
	g_fake.bdev_at_last = NULL;
	g_fake.final = 1;
	g_fake.begins_with_nothing = true;
	CHECK_EQ(run(unchanged, &fresh), -ESHUTDOWN);
	CHECK_EQ(g_fake.writes, 0);
	/* A device has gone by itself. */
	g_fake.bdev_at_last = "[]";
	g_fake.begins_with_nothing = true;
	CHECK_EQ(run(unchanged, &fresh), -ESHUTDOWN);
	CHECK_EQ(g_fake.writes, 1);
	/* A counted change is written, even if it was made before the first look. */
	g_fake.bdev = ONE;
	g_fake.bdev_at_last = NULL;
	g_fake.final = 2;
	g_fake.begins_with_nothing = true;
	CHECK_EQ(run(changed, &fresh), -ESHUTDOWN);
	CHECK_EQ(g_fake.writes, 1);
	CHECK_EQ(run(changed + 2, &fresh), -ESHUTDOWN); /* it was all there was to be seen */
	CHECK_EQ(g_fake.writes, 1);
	g_fake.final = 0;
}

/* A confd that follows another one knows what that had written. */
static void
goes_on(void)
{
	static const uint64_t more[] = { 6, 0, 0 };
	struct load_result loaded = { .kept = 5, .digest = "0123456789abcdef" };

	g_fake.bdev = "[]";
	CHECK_EQ(run(more, &loaded), -ESHUTDOWN);
	CHECK(strstr(g_fake.log, "cal_config_changes{\"kept\":5} ") == g_fake.log);
	CHECK_EQ(g_fake.writes, 1);
	CHECK(strstr(g_fake.text, "\"bdev\", \"config\": [] }") != NULL);
}

static void
a_write_that_fails_is_tried_again(void)
{
	static const uint64_t changes[] = { 1, 2, 3, 3, 0, 0 };
	struct load_result loaded = { .kept = 0, .digest = "0123456789abcdef" };

	g_fake.bdev = ONE;
	g_fake.fail_writes = 2;
	g_fake.write_rc = -ENOSPC;
	CHECK_EQ(run(changes, &loaded), -ESHUTDOWN);
	CHECK_EQ(g_fake.writes, 1);
	CHECK(g_fake.rests == 2);
	CHECK(strstr(g_fake.log,
	             "cal_config_changes{\"kept\":0} cal_config_kept{\"changes\":1,\"error\":"
	             "\"cannot write DIR/config.7.json: No space left on device; it is tried again "
	             "every second\"} cal_config_changes{\"kept\":18446744073709551615} "
	             "cal_config_kept{\"changes\":2,\"error\":") == g_fake.log);
	CHECK(strstr(g_fake.log, "cal_config_kept{\"changes\":3,\"digest\":") != NULL);
	codec_buf_free(&g_fake.answer);
}

/* A STOP that came with the answer before: the call after it has no link any more, and how that
 * ended is our exit status. Fails without the look at ENOTCONN in confd_call(). */
static void
an_end_between_calls(void)
{
	static const uint64_t one[] = { 1, 0, 0 };
	struct load_result fresh = { 0 };

	g_fake.bdev = ONE;
	g_ended = -ESHUTDOWN;
	CHECK_EQ(run(one, &fresh), -ESHUTDOWN);
	g_ended = -ECONNRESET;
	CHECK_EQ(run(one, &fresh), -ECONNRESET);
	g_ended = 0;
}

static const struct test_case cases[] = { TEST(first_round), TEST(stop), TEST(goes_on),
	                                  TEST(a_write_that_fails_is_tried_again),
	                                  TEST(an_end_between_calls) };
TEST_MAIN("services/confd/keep", cases)
