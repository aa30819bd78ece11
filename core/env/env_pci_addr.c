/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "core/env/env_private.h"

int
spdk_pci_addr_compare(const struct spdk_pci_addr *a1, const struct spdk_pci_addr *a2)
{
	uint64_t v1, v2;

	v1 = (uint64_t)a1->domain << 24 | (uint64_t)a1->bus << 16 | (uint64_t)a1->dev << 8 |
	     a1->func;
	v2 = (uint64_t)a2->domain << 24 | (uint64_t)a2->bus << 16 | (uint64_t)a2->dev << 8 |
	     a2->func;
	return (v1 > v2) - (v1 < v2);
}

/* Up to four numbers, hexadecimal but for the last, each followed by ':' or '.'. */
int
spdk_pci_addr_parse(struct spdk_pci_addr *addr, const char *bdf)
{
	static const unsigned long max[4] = { UINT32_MAX, 0xff, 0x1f, 7 };
	unsigned long value[4] = { 0 };
	unsigned count = 0, i;
	const char *p = bdf;
	char *end;

	if (addr == NULL || bdf == NULL) {
		return -EINVAL;
	}
	while (count < 4) {
		if (!isxdigit((unsigned char)*p)) {
			return -EINVAL;
		}
		errno = 0;
		value[count++] = strtoul(p, &end, 16);
		if (errno != 0) {
			return -EINVAL;
		}
		p = end;
		if (*p == '\0') {
			break;
		}
		if (*p != ':' && *p != '.') {
			return -EINVAL;
		}
		p++;
	}
	/* "bus:dev" and "bus:dev.func" have no domain; a function that is left out is 0. */
	if (count < 2 || *p != '\0') {
		return -EINVAL;
	}
	if (count < 4) {
		memmove(&value[1], &value[0], 3 * sizeof(value[0]));
		value[0] = 0;
		if (count == 2) {
			value[3] = 0;
		}
	}
	for (i = 0; i < 4; i++) {
		if (value[i] > max[i]) {
			return -EINVAL;
		}
	}
	addr->domain = (uint32_t)value[0];
	addr->bus = (uint8_t)value[1];
	addr->dev = (uint8_t)value[2];
	addr->func = (uint8_t)value[3];
	return 0;
}

int
spdk_pci_addr_fmt(char *bdf, size_t sz, const struct spdk_pci_addr *addr)
{
	int n = snprintf(bdf, sz, "%04x:%02x:%02x.%x", addr->domain, addr->bus, addr->dev,
	                 addr->func);

	return n > 0 && (size_t)n < sz ? 0 : -ENOSPC;
}
