/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "core/util/listen_addr.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
port_parse(const char *text, uint16_t *port)
{
	unsigned long value;
	char *end;

	if (!isdigit((unsigned char)text[0])) {
		return -EINVAL;
	}
	value = strtoul(text, &end, 10);
	if (*end != '\0' || end - text > 5 || value == 0 || value > 65535) {
		return -EINVAL;
	}
	*port = (uint16_t)value;
	return 0;
}

int
listen_addr_parse(const char *text, struct sockaddr_storage *addr, socklen_t *len, char *err,
                  size_t err_size)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)addr;
	struct sockaddr_in *in = (struct sockaddr_in *)addr;
	const char *colon = strrchr(text, ':'), *port_text = colon != NULL ? colon + 1 : text;
	size_t host_len = colon != NULL ? (size_t)(colon - text) : 0;
	char host[INET6_ADDRSTRLEN + 2] = "127.0.0.1";
	uint16_t port;

	memset(addr, 0, sizeof(*addr));
	if (port_parse(port_text, &port) != 0) {
		snprintf(err, err_size, "a port from 1 to 65535 is needed, as in 127.0.0.1:8090");
		return -EINVAL;
	}
	if (colon != NULL && host_len < sizeof(host)) {
		memcpy(host, text, host_len);
		host[host_len] = '\0';
	}
	if (host_len < sizeof(host) && inet_pton(AF_INET, host, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		*len = sizeof(*in);
		return 0;
	}
	if (host_len > 2 && host_len < sizeof(host) && host[0] == '[' &&
	    host[host_len - 1] == ']') {
		host[host_len - 1] = '\0';
		if (inet_pton(AF_INET6, host + 1, &in6->sin6_addr) == 1) {
			in6->sin6_family = AF_INET6;
			in6->sin6_port = htons(port);
			*len = sizeof(*in6);
			return 0;
		}
	}
	snprintf(err, err_size,
	         "an address in numbers is needed, as in 127.0.0.1:8090 or [::1]:8090");
	return -EINVAL;
}

bool
listen_addr_is_loopback(const struct sockaddr_storage *addr)
{
	if (addr->ss_family == AF_INET) {
		return ntohl(((const struct sockaddr_in *)addr)->sin_addr.s_addr) >> 24 == 127;
	}
	return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)addr)->sin6_addr);
}

int
socket_mode_parse(const char *text, unsigned *mode, char *err, size_t err_size)
{
	const char *c;

	*mode = 0;
	for (c = text; *c >= '0' && *c <= '7' && *mode <= 0777; c++) {
		*mode = *mode * 8 + (unsigned)(*c - '0');
	}
	if (c == text || *c != '\0' || *mode > 0777) {
		snprintf(err, err_size, "an octal mode from 0 to 777 is needed, as in 660");
		return -EINVAL;
	}
	return 0;
}
