/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What it costs to turn JSON into MessagePack and back, in ns a byte of text: the best of many
 * runs.
 *
 *   bench_json [-n OBJECTS] [-r RUNS]
 *
 * on an answer like that of bdev_get_bdevs, and on a small request. No primary, no hugepages. */
/* links: client */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ipc/client/json.h"
#include "ipc/client/json_scan.h"

static const char *const g_types[] = { "read",       "write",      "unmap",        "flush",
	                               "reset",      "nvme_admin", "nvme_io",      "nvme_io_md",
	                               "compare",    "zcopy",      "write_zeroes", "zone_append",
	                               "seek_hole",  "seek_data",  "copy",         "abort",
	                               "nvme_iov_md" };

struct input {
	const char *name;
	const char *text;
	size_t len;
	struct codec_buf packed;
	struct json_object *tree;
};

static double
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void
must(int rc, const char *what)
{
	if (rc != 0) {
		fprintf(stderr, "bench_json: %s: %d\n", what, rc);
		exit(1);
	}
}

static void
put_bdev(struct cal_text *text, unsigned i)
{
	char line[512];
	size_t j;

	snprintf(line, sizeof(line),
	         "%s{\"name\":\"Null%u\",\"aliases\":[\"%08x-5d6e-4f00-9a3b-0123456789ab\"],"
	         "\"product_name\":\"Null disk\",\"block_size\":512,\"num_blocks\":%u,"
	         "\"uuid\":\"%08x-5d6e-4f00-9a3b-0123456789ab\",\"assigned_rate_limits\":{"
	         "\"rw_ios_per_sec\":0,\"rw_mbytes_per_sec\":0,\"r_mbytes_per_sec\":0,"
	         "\"w_mbytes_per_sec\":0},\"claimed\":false,\"zoned\":false,"
	         "\"supported_io_types\":{",
	         i > 0 ? "," : "", i, i * 2654435761u, 2048 + i, i * 2654435761u);
	must(cal_text_append_cstr(text, line), "text");
	for (j = 0; j < sizeof(g_types) / sizeof(g_types[0]); j++) {
		snprintf(line, sizeof(line), "%s\"%s\":%s", j > 0 ? "," : "", g_types[j],
		         j % 3 == 0 ? "true" : "false");
		must(cal_text_append_cstr(text, line), "text");
	}
	must(cal_text_append_cstr(text, "},\"driver_specific\":{}}"), "text");
}

static struct input
input_of(const char *name, const char *text, size_t len)
{
	struct input in = { name, text, len };
	struct json_tokener *tok = json_tokener_new();

	in.tree = json_tokener_parse_ex(tok, text, (int)len);
	json_tokener_free(tok);
	codec_buf_init(&in.packed);
	must(in.tree == NULL, "parse");
	must(cal_json_pack(&in.packed, in.tree), "pack");
	return in;
}

/* --- what is timed ---------------------------------------------------------------------------- */

static void
do_print(const struct input *in)
{
	struct cal_text text = { 0 };

	must(cal_json_print(&text, in->packed.data, in->packed.len), "print");
	cal_text_free(&text);
}

static void
do_walk(const struct input *in)
{
	must(codec_value_len(in->packed.data, in->packed.len) != in->packed.len, "walk");
}

static void
do_scan(const struct input *in)
{
	struct cal_json_scan scan;
	size_t end;

	cal_json_scan_init(&scan, NULL, NULL);
	must(cal_json_scan(&scan, in->text, in->len, true, &end) != 1, "scan");
	cal_json_scan_free(&scan);
}

static void
do_parse(const struct input *in)
{
	struct json_tokener *tok = json_tokener_new_ex(CAL_JSON_MAX_DEPTH + 1);
	struct json_object *tree;

	json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	tree = json_tokener_parse_ex(tok, in->text, (int)in->len);
	must(tree == NULL, "parse");
	json_object_put(tree);
	json_tokener_free(tok);
}

static void
do_pack(const struct input *in)
{
	struct codec_buf buf;

	codec_buf_init(&buf);
	must(cal_json_pack(&buf, in->tree), "pack");
	codec_buf_free(&buf);
}

static void
do_unpack(const struct input *in)
{
	struct json_object *tree;

	must(cal_json_unpack(in->packed.data, in->packed.len, &tree), "unpack");
	json_object_put(tree);
}

static void
do_copy(const struct input *in)
{
	char *copy = malloc(in->len);

	must(copy == NULL, "memory");
	memcpy(copy, in->text, in->len);
	*(volatile char *)copy;
	free(copy);
}

static const struct {
	const char *name;
	void (*fn)(const struct input *in);
} g_steps[] = {
	{ "MessagePack to text (cal_json_print)", do_print },
	{ "of that, checking it (codec_value_len)", do_walk },
	{ "text checked (cal_json_scan)", do_scan },
	{ "text to tree (json-c)", do_parse },
	{ "tree to MessagePack (cal_json_pack)", do_pack },
	{ "MessagePack to tree (cal_json_unpack)", do_unpack },
	{ "the text copied, for comparison", do_copy },
};

static double
best_of(const struct input *in, void (*fn)(const struct input *in), unsigned runs)
{
	unsigned i, j, times = in->len < 10000 ? 1000 : 1;
	double begin, took, best = 1e30;

	for (i = 0; i < runs; i++) {
		begin = now_ns();
		for (j = 0; j < times; j++) {
			fn(in);
		}
		took = (now_ns() - begin) / times;
		best = took < best ? took : best;
	}
	return best;
}

static void
measure(const struct input *in, unsigned runs)
{
	double ns;
	size_t i;

	printf("%s: %zu bytes, %zu as MessagePack\n", in->name, in->len, in->packed.len);
	for (i = 0; i < sizeof(g_steps) / sizeof(g_steps[0]); i++) {
		ns = best_of(in, g_steps[i].fn, runs);
		printf("  %-40s %8.3f ns a byte, %11.0f ns\n", g_steps[i].name,
		       ns / (double)in->len, ns);
	}
}

int
main(int argc, char **argv)
{
	static const char request[] =
		"{\"jsonrpc\":\"2.0\",\"method\":\"bdev_null_create\",\"id\":17,"
		"\"params\":{\"name\":\"Null12\",\"num_blocks\":20480,"
		"\"block_size\":512}}";
	unsigned i, objects = 1000, runs = 200;
	struct cal_text text = { 0 };
	struct input inputs[2];
	int opt;

	while ((opt = getopt(argc, argv, "n:r:")) != -1) {
		switch (opt) {
		case 'n':
			objects = (unsigned)atoi(optarg);
			break;
		case 'r':
			runs = (unsigned)atoi(optarg);
			break;
		default:
			return 2;
		}
	}
	must(cal_text_append_cstr(&text, "["), "text");
	for (i = 0; i < objects; i++) {
		put_bdev(&text, i);
	}
	must(cal_text_append_cstr(&text, "]"), "text");
	inputs[0] = input_of("a long answer", text.data, text.len);
	inputs[1] = input_of("a small request", request, sizeof(request) - 1);
	for (i = 0; i < 2; i++) {
		measure(&inputs[i], runs);
		codec_buf_free(&inputs[i].packed);
		json_object_put(inputs[i].tree);
	}
	cal_text_free(&text);
	return 0;
}
