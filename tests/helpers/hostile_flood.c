/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* links: client */

/* Clients that ask as fast as they can, for tests/integration/slow_clients.py:
 *
 *   hostile_flood ID LINKS SECONDS read|never|heavy|big METHOD
 *
 * LINKS links of one process, whose request rings are kept full. `read`: answers are let go of at
 * once; `never`: they stay where they are; `big`: as read, each request 1 MiB long. A link that is
 * closed is not taken again. Says "attached", and at the end a line of JSON. */

#include "tests/helpers/hostile.h"

#define MAX_LINKS 60

static struct raw g_links[MAX_LINKS];
static unsigned long g_answers[MAX_LINKS];
static bool g_cut[MAX_LINKS];
static struct codec_buf g_request;
static size_t g_sent[MAX_LINKS]; /* of a request that did not fit */

static void
serve(unsigned i, bool reads)
{
	size_t n;

	while ((n = client_ring_push(&g_links[i].ring, g_request.data + g_sent[i],
	                             g_request.len - g_sent[i])) > 0) {
		g_sent[i] = (g_sent[i] + n) % g_request.len;
	}
	if (client_ring_must_wake(&g_links[i].ring, LINK_ARM_MESSAGE | LINK_ARM_SPACE)) {
		client_ring_bell(g_links[i].bell);
	}
	if (reads) {
		g_answers[i] += raw_drop_responses(&g_links[i]);
	}
}

static void
make_request(const char *kind, const char *method)
{
	static char text[(1 << 20) - 100];
	struct codec_buf params;

	codec_buf_init(&params);
	if (strcmp(kind, "big") == 0) {
		memset(text, 'x', sizeof(text));
		codec_put_array(&params, 1);
		codec_put_str(&params, text, sizeof(text));
	} else if (strcmp(kind, "heavy") == 0) {
		codec_put_array(&params, 3000);
		for (unsigned i = 0; i < 3000; i++) {
			codec_put_uint(&params, i % 100);
		}
	}
	codec_buf_init(&g_request);
	codec_put_request(&g_request, 1, method, params.len > 0 ? params.data : NULL, params.len);
	codec_buf_free(&params);
}

int
main(int argc, char **argv)
{
	unsigned n, cut = 0;
	unsigned long all = 0, least = ~0ul;
	int64_t end;

	if (argc < 6) {
		return 2;
	}
	n = (unsigned)atoi(argv[2]);
	n = n < MAX_LINKS ? n : MAX_LINKS;
	make_request(argv[4], argv[5]);
	for (unsigned i = 0; i < n; i++) {
		if (raw_attach(atoi(argv[1]), "flood", &g_links[i]) < 0) {
			fprintf(stderr, "does not attach: %s\n", g_links[i].error);
			return 3;
		}
	}
	printf("attached\n");
	fflush(stdout);
	end = raw_now_us() + (int64_t)(strtod(argv[3], NULL) * 1e6);
	for (unsigned turn = 0; cut < n && raw_now_us() < end; turn++) {
		for (unsigned i = 0; i < n; i++) {
			if (!g_cut[i]) {
				serve(i, strcmp(argv[4], "never") != 0);
			}
			if (turn % 64 == 0 && !g_cut[i]) {
				g_cut[i] = raw_is_cut(&g_links[i]);
				cut += g_cut[i];
			}
		}
	}
	for (unsigned i = 0; i < n; i++) {
		all += g_answers[i];
		least = g_answers[i] < least ? g_answers[i] : least;
	}
	printf("{\"answers\": %lu, \"least\": %lu, \"cut\": %u}\n", all, least, cut);
	return 0;
}
