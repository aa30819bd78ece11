/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The two passes against a fake primary that writes down what it is asked. */

/* libs: -ljson-c */

#include "ipc/client/json.c"
#include "ipc/client/json_print.c"
#include "services/confd/call.c"
#include "services/confd/load.c"
#include "services/confd/state_file.c"

#include "tests/unit/test.h"

static struct {
	const char *begin; /* answer of cal_config_begin, as JSON */
	const char *fails; /* a method that answers with an error … */
	const char *says;  /* NULL: that it went wrong */
	int code;          /* … of this code */
	unsigned dies_at;  /* the link ends at the call of this number, from 1; 0: never */
	unsigned calls;
	char log[4096]; /* "method(params) " */
	struct codec_buf answer;
} g_fake;

static const char *
answer_text(const char *method)
{
	return strcmp(method, "cal_config_begin") == 0 ? g_fake.begin : "true";
}

/* A step fails when its method does. */
static bool
call_fails(const char *method, const char *params)
{
	char step[64];

	if (g_fake.fails == NULL) {
		return false;
	}
	snprintf(step, sizeof(step), "\"method\":\"%s\"", g_fake.fails);
	return strcmp(method, g_fake.fails) == 0 ||
	       (strcmp(method, "cal_config_step") == 0 && strstr(params, step) != NULL);
}

int
cal_client_process(struct cal_client *client)
{
	return -ESHUTDOWN;
}

int
cal_client_call(struct cal_client *client, const char *method, const void *params,
                size_t params_len, int timeout_ms, struct cal_response *response)
{
	struct json_object *answer;
	struct cal_text text = { 0 };
	size_t used = strlen(g_fake.log);

	if (++g_fake.calls == g_fake.dies_at) {
		return -ESHUTDOWN;
	}
	CHECK_EQ(timeout_ms, -1);
	cal_text_append_cstr(&text, "");
	if (params_len > 0) {
		CHECK_EQ(cal_json_print(&text, params, params_len), 0);
	}
	snprintf(g_fake.log + used, sizeof(g_fake.log) - used, "%s(%s) ", method, text.data);
	codec_buf_free(&g_fake.answer);
	codec_buf_init(&g_fake.answer);
	memset(response, 0, sizeof(*response));
	if (call_fails(method, text.data != NULL ? text.data : "")) {
		codec_put_array(&g_fake.answer, 2);
		codec_put_int(&g_fake.answer, g_fake.code);
		codec_put_cstr(&g_fake.answer, g_fake.says != NULL ? g_fake.says : "it went wrong");
		response->error = g_fake.answer.data;
		response->error_len = g_fake.answer.len;
	} else {
		answer = json_tokener_parse(answer_text(method));
		CHECK_EQ(cal_json_pack(&g_fake.answer, answer), 0);
		json_object_put(answer);
		response->result = g_fake.answer.data;
		response->result_len = g_fake.answer.len;
	}
	cal_text_free(&text);
	return 0;
}

static char g_err[512];
static struct load_opts g_opts;
static struct load_result g_result;

static void
reset(const char *begin)
{
	codec_buf_free(&g_fake.answer);
	memset(&g_fake, 0, sizeof(g_fake));
	memset(&g_opts, 0, sizeof(g_opts));
	g_err[0] = '\0';
	g_fake.begin = begin;
}

static int
run(struct config_entry *entries, size_t count)
{
	struct config config = { .path = "c.json", .entries = entries, .num_entries = count };

	return config_load(NULL, &config, &g_opts, &g_result, g_err, sizeof(g_err));
}

#define HAS                                                                              \
	",\"session\":3,\"startup_methods\":[\"st\",\"both\"],"                          \
	"\"runtime_methods\":[\"both\",\"rt\",\"rt2\"],\"hidden_methods\":[\"secret\"]," \
	"\"subsystems\":[\"a\",\"b\"]}"
#define FRESH "{\"phase\":\"startup\",\"startup_done\":0,\"runtime_done\":0" HAS
#define BEGIN "cal_config_begin({\"source\":\"c.json\"}) "
#define STEP_(phase, index, method, params)                                       \
	"cal_config_step({\"session\":3,\"phase\":\"" phase "\",\"index\":" index \
	",\"method\":\"" method "\"" params "}) "
#define STEP(phase, index, method) STEP_(phase, index, method, "")
#define DONE                       "cal_config_done({\"session\":3}) "

static void
two_passes_in_file_order(void)
{
	struct config_entry entries[] = {
		{ "a", "rt", NULL, 1, 0 },
		{ "a", "both", NULL, 2, 0 },
		{ "b", "rt2", NULL, 3, 0 },
		{ "b", "st", NULL, 4, 0 },
	};

	reset(FRESH);
	entries[1].params = json_tokener_parse("{\"x\":[1]}");
	CHECK_EQ(run(entries, 4), 0);
	CHECK_STR(g_fake.log,
	          BEGIN STEP_("startup", "0", "both", ",\"params\":{\"x\":[1]}") STEP(
			  "startup", "1", "st") "framework_start_init() " STEP("runtime", "0", "rt")
	                  STEP("runtime", "1", "rt2") DONE);
	json_object_put(entries[1].params);

	reset(FRESH);
	g_opts.wait_for_rpc = true;
	CHECK_EQ(run(entries + 2, 1), 0);
	CHECK_STR(g_fake.log, BEGIN "framework_wait_init() " STEP("runtime", "0", "rt2") DONE);
	reset(FRESH);
	CHECK_EQ(run(NULL, 0), 0);
	CHECK_STR(g_fake.log, BEGIN "framework_start_init() " DONE);
}

static void
a_batch_goes_as_a_whole(void)
{
	struct config_entry entries[] = {
		{ "a", "both", NULL, 1, 1 }, { "a", "rt", NULL, 2, 1 }, { "a", "both", NULL, 3, 2 },
		{ "a", "st", NULL, 4, 2 },   { "a", "rt", NULL, 5, 0 }, { "a", "both", NULL, 6, 0 },
	};

	reset(FRESH);
	CHECK_EQ(run(entries, 6), 0);
	CHECK_STR(g_fake.log, BEGIN STEP("startup", "0", "both") STEP("startup", "1", "st")
	                              STEP("startup", "2", "both") "framework_start_init() " STEP(
					      "runtime", "0", "both") STEP("runtime", "1", "rt")
	                                      STEP("runtime", "2", "rt") DONE);
}

static void
a_batch_that_no_state_allows(void)
{
	struct config_entry entries[] = {
		{ "a", "both", NULL, 1, 0 }, { "a", "st", NULL, 4, 1 }, { "x", "nope", NULL, 5, 1 },
		{ "a", "both", NULL, 6, 1 }, { "a", "rt", NULL, 7, 1 },
	};

	reset(FRESH);
	CHECK_EQ(run(entries, 5), -ECANCELED);
	CHECK_STR(g_err, "c.json:4: this batch can be called at no time: st (line 4) only before "
	                 "framework_start_init, rt (line 7) only after it");
	CHECK(strstr(g_fake.log, "cal_config_step") == NULL);
	CHECK(strstr(g_fake.log, "\"code\":-22})") != NULL);
	/* Without the one of them it is a batch of the other state; what is skipped has no say. */
	reset(FRESH);
	CHECK_EQ(run(entries, 4), 0);
	CHECK(strstr(g_fake.log, STEP("startup", "1", "st") STEP(
					 "startup", "2", "both") "framework_start_init()") != NULL);
}

static void
unknown_methods(void)
{
	struct config_entry entries[] = {
		{ "a", "both", NULL, 7, 0 },
		{ "x", "nope", NULL, 9, 0 },
		{ "x", "nope2", NULL, 10, 0 },
		{ "a", "rt", NULL, 11, 0 },
	};

	/* A subsystem that is not in this program is skipped … */
	reset(FRESH);
	CHECK_EQ(run(entries, 4), 0);
	CHECK_STR(g_fake.log,
	          BEGIN STEP("startup", "0", "both") "framework_start_init() " STEP(
			  "runtime", "0", "rt") "cal_config_done({\"session\":3,\"notice\":"
	                                        "\"c.json:9: subsystem 'x' is not in this program; "
	                                        "entries that need it are skipped\"}) ");
	/* … one that is must know its methods. */
	entries[1].subsystem = "b";
	reset(FRESH);
	CHECK_EQ(run(entries, 4), -ECANCELED);
	CHECK_STR(g_err, "c.json:9: there is no RPC method 'nope'");
	CHECK_STR(g_fake.log,
	          BEGIN "cal_config_done({\"session\":3,\"error\":\"c.json:9: there is no RPC "
	                "method 'nope'\",\"code\":-2}) ");
	/* --json-ignore-init-errors is about methods that fail. */
	reset(FRESH);
	g_opts.ignore_init_errors = true;
	CHECK_EQ(run(entries, 4), -ECANCELED);
	/* What the user hides himself is another mistake. */
	entries[1].method = "secret";
	reset(FRESH);
	CHECK_EQ(run(entries, 4), -ECANCELED);
	CHECK_STR(g_err, "c.json:9: --rpcs-allowed does not allow 'secret': allow it, or take it "
	                 "out of the file");
	CHECK(strstr(g_fake.log, "\"code\":-22})") != NULL);
}

static void
failing_methods(void)
{
	struct config_entry entries[] = {
		{ "a", "both", NULL, 3, 0 },
		{ "a", "rt", NULL, 5, 0 },
		{ "a", "rt2", NULL, 6, 0 },
	};

	reset(FRESH);
	g_fake.fails = "rt";
	g_fake.code = -22;
	CHECK_EQ(run(entries, 3), -ECANCELED);
	CHECK_STR(g_err, "c.json:5: rt failed: it went wrong (code -22)");
	CHECK(strstr(g_fake.log, "rt2") == NULL);
	CHECK(strstr(g_fake.log, "cal_config_done({\"session\":3,\"error\":\"c.json:5: rt failed: "
	                         "it went wrong (code -22)\",\"code\":-22})") != NULL);

	reset(FRESH);
	g_fake.fails = "rt";
	g_fake.code = -32603;
	g_fake.says = "rt: \"size\": required, but missing";
	CHECK_EQ(run(entries, 3), -ECANCELED);
	CHECK_STR(g_err, "c.json:5: rt failed: \"size\": required, but missing (code -32603)");

	reset(FRESH);
	g_fake.fails = "rt";
	g_fake.code = -17;
	CHECK_EQ(run(entries, 3), -ECANCELED);

	reset(FRESH);
	g_fake.fails = "rt";
	g_opts.ignore_init_errors = true;
	CHECK_EQ(run(entries, 3), 0);
	CHECK(strstr(g_fake.log,
	             STEP("runtime", "0", "rt") STEP(
			     "runtime", "1", "rt2") "cal_config_done({\"session\":3,\"notice\":\"c."
	                                            "json:5: rt failed: it "
	                                            "went wrong (code 0); going on, as "
	                                            "--json-ignore-init-errors says\"}) ") != NULL);

	reset(FRESH);
	g_fake.fails = "framework_start_init";
	g_fake.code = -32603;
	CHECK_EQ(run(entries, 3), -ECANCELED);
	CHECK_STR(g_err, "framework_start_init failed: it went wrong (code -32603)");
	/* Somebody else started it: wait for what comes of it. */
	reset(FRESH);
	g_fake.fails = "framework_start_init";
	g_fake.code = -1;
	CHECK_EQ(run(entries, 3), 0);
	CHECK(strstr(g_fake.log, "framework_start_init() framework_wait_init() ") != NULL);
}

#define LAST(phase, index)                                           \
	",\"last_failed\":{\"phase\":\"" phase "\",\"index\":" index \
	",\"code\":-19,\"message\":\"it went wrong before\"}"

static void
goes_on_where_another_came_to(void)
{
	struct config_entry entries[] = {
		{ "a", "both", NULL, 1, 0 },
		{ "a", "rt", NULL, 2, 0 },
		{ "a", "st", NULL, 3, 0 },
		{ "a", "rt2", NULL, 4, 0 },
	};

	reset("{\"phase\":\"startup\",\"startup_done\":1,\"runtime_done\":0" HAS);
	CHECK_EQ(run(entries, 4), 0);
	CHECK_STR(g_fake.log, BEGIN STEP("startup", "1", "st") "framework_start_init() " STEP(
				      "runtime", "0", "rt") STEP("runtime", "1", "rt2") DONE);
	reset("{\"phase\":\"runtime\",\"startup_done\":2,\"runtime_done\":1" HAS);
	CHECK_EQ(run(entries, 4), 0);
	CHECK_STR(g_fake.log, BEGIN STEP("runtime", "1", "rt2") DONE);
	reset("{\"phase\":\"done\",\"startup_done\":2,\"runtime_done\":2" HAS);
	CHECK_EQ(run(entries, 4), 0);
	CHECK_STR(g_fake.log, BEGIN);
	/* Not knowing what there is, it does not guess. */
	reset("{\"phase\":\"runtime\",\"runtime_done\":1}");
	CHECK_EQ(run(entries, 4), -ECANCELED);
}

/* The one before was killed between the answer and what it would have made of it. */
static void
judges_what_failed_before(void)
{
	struct config_entry entries[] = {
		{ "a", "both", NULL, 1, 0 },
		{ "a", "rt", NULL, 2, 0 },
		{ "a", "rt2", NULL, 4, 0 },
	};

	reset("{\"phase\":\"runtime\",\"startup_done\":1,\"runtime_done\":1" LAST("runtime", "0")
	              HAS);
	CHECK_EQ(run(entries, 3), -ECANCELED);
	CHECK_STR(g_err, "c.json:2: rt failed: it went wrong before (code -19)");
	CHECK(strstr(g_fake.log, "cal_config_step") == NULL);
	reset("{\"phase\":\"runtime\",\"startup_done\":1,\"runtime_done\":1" LAST("runtime", "0")
	              HAS);
	g_opts.ignore_init_errors = true;
	CHECK_EQ(run(entries, 3), 0);
	CHECK(strstr(g_fake.log, BEGIN STEP("runtime", "1", "rt2")) != NULL);
	CHECK(strstr(g_fake.log, "notice\":\"c.json:2: rt failed: it went wrong before") != NULL);
	reset("{\"phase\":\"startup\",\"startup_done\":1,\"runtime_done\":0" LAST("startup", "0")
	              HAS);
	CHECK_EQ(run(entries, 3), -ECANCELED);
	CHECK_STR(g_err, "c.json:1: both failed: it went wrong before (code -19)");
	/* Subsystems were started after it: it was passed over. */
	reset("{\"phase\":\"runtime\",\"startup_done\":1,\"runtime_done\":0" LAST("startup", "0")
	              HAS);
	CHECK_EQ(run(entries, 3), 0);
	CHECK_STR(g_fake.log, BEGIN STEP("runtime", "0", "rt") STEP("runtime", "1", "rt2") DONE);
}

static void
the_link_may_end_at_any_call(void)
{
	struct config_entry entries[] = { { "a", "both", NULL, 1, 0 }, { "a", "rt", NULL, 2, 0 } };
	unsigned total, i;

	reset(FRESH);
	CHECK_EQ(run(entries, 2), 0);
	total = g_fake.calls;
	CHECK_EQ(total, 5);
	for (i = 1; i <= total; i++) {
		reset(FRESH);
		g_fake.dies_at = i;
		CHECK_EQ(run(entries, 2), -ESHUTDOWN);
		CHECK_EQ(g_fake.calls, i);
	}
	reset(FRESH);
}

static const struct test_case cases[] = {
	TEST(two_passes_in_file_order),
	TEST(a_batch_goes_as_a_whole),
	TEST(a_batch_that_no_state_allows),
	TEST(unknown_methods),
	TEST(failing_methods),
	TEST(goes_on_where_another_came_to),
	TEST(judges_what_failed_before),
	TEST(the_link_may_end_at_any_call),
};
TEST_MAIN("services/confd/load", cases)
