/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "core/util/listen_addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/test.h"

/* "" for what is refused, otherwise the address as the kernel's functions print it. */
static const char *
parsed(const char *text)
{
	static char out[80];
	char host[INET6_ADDRSTRLEN], err[128] = "";
	struct sockaddr_storage addr;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&addr;
	struct sockaddr_in *in = (struct sockaddr_in *)&addr;
	socklen_t len;
	bool local;

	if (listen_addr_parse(text, &addr, &len, err, sizeof(err)) != 0) {
		CHECK(strstr(err, "is needed, as in") != NULL);
		return "";
	}
	local = listen_addr_is_loopback(&addr);
	if (addr.ss_family == AF_INET) {
		CHECK_EQ(len, sizeof(*in));
		inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
	} else {
		CHECK_EQ(len, sizeof(*in6));
		inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
	}
	snprintf(out, sizeof(out), "%s %u%s", host,
	         ntohs(addr.ss_family == AF_INET ? in->sin_port : in6->sin6_port),
	         local ? " local" : "");
	return out;
}

static void
addresses(void)
{
	static const char *const good[][2] = {
		{ "8090", "127.0.0.1 8090 local" },
		{ "1", "127.0.0.1 1 local" },
		{ "65535", "127.0.0.1 65535 local" },
		{ "127.8.9.10:80", "127.8.9.10 80 local" },
		{ "0.0.0.0:80", "0.0.0.0 80" },
		{ "192.168.1.2:5260", "192.168.1.2 5260" },
		{ "[::1]:80", "::1 80 local" },
		{ "[::]:80", ":: 80" },
		{ "[2001:db8::7]:443", "2001:db8::7 443" },
	};
	static const char *const bad[] = {
		"",
		":",
		"0",
		"65536",
		"-1",
		"+1",
		" 80",
		"80 ",
		"0x50",
		"000080",
		":80",
		"127.0.0.1",
		"127.0.0.1:",
		"127.0.0.1:0",
		"1.2.3:80",
		"1.2.3.4.5:80",
		"localhost:80",
		"::1:80",
		"[]:80",
		"[::1:80",
		"::1]:80",
		"[127.0.0.1]:80",
		"[::1]",
		"[::1]80",
		"[aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]:80",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		CHECK_STR(parsed(good[i][0]), good[i][1]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK_STR(parsed(bad[i]), "");
	}
}

static void
modes(void)
{
	static const char *const bad[] = { "",     "8",   "1000",
		                           "7777", "-1",  "0x1ff",
		                           "660 ", "rw-", "00000000000000000000000000000001777" };
	char err[128];
	unsigned mode;

	CHECK(socket_mode_parse("0", &mode, err, sizeof(err)) == 0 && mode == 0);
	CHECK(socket_mode_parse("660", &mode, err, sizeof(err)) == 0 && mode == 0660);
	CHECK(socket_mode_parse("0777", &mode, err, sizeof(err)) == 0 && mode == 0777);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK_EQ(socket_mode_parse(bad[i], &mode, err, sizeof(err)), -EINVAL);
	}
}

static const struct test_case cases[] = {
	TEST(addresses),
	TEST(modes),
};
TEST_MAIN("util/listen_addr", cases)
