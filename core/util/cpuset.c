/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "spdk/cpuset.h"

#include "spdk/util.h"

#define CPUSET_BYTES (SPDK_CPUSET_SIZE / 8)

struct spdk_cpuset *
spdk_cpuset_alloc(void)
{
	return calloc(1, sizeof(struct spdk_cpuset));
}

void
spdk_cpuset_free(struct spdk_cpuset *set)
{
	free(set);
}

bool
spdk_cpuset_equal(const struct spdk_cpuset *set1, const struct spdk_cpuset *set2)
{
	return memcmp(set1->cpus, set2->cpus, sizeof(set1->cpus)) == 0;
}

void
spdk_cpuset_copy(struct spdk_cpuset *dst, const struct spdk_cpuset *src)
{
	memmove(dst->cpus, src->cpus, sizeof(dst->cpus));
}

void
spdk_cpuset_and(struct spdk_cpuset *dst, const struct spdk_cpuset *src)
{
	unsigned i;

	for (i = 0; i < CPUSET_BYTES; i++) {
		dst->cpus[i] &= src->cpus[i];
	}
}

void
spdk_cpuset_or(struct spdk_cpuset *dst, const struct spdk_cpuset *src)
{
	unsigned i;

	for (i = 0; i < CPUSET_BYTES; i++) {
		dst->cpus[i] |= src->cpus[i];
	}
}

void
spdk_cpuset_xor(struct spdk_cpuset *dst, const struct spdk_cpuset *src)
{
	unsigned i;

	for (i = 0; i < CPUSET_BYTES; i++) {
		dst->cpus[i] ^= src->cpus[i];
	}
}

void
spdk_cpuset_negate(struct spdk_cpuset *set)
{
	unsigned i;

	for (i = 0; i < CPUSET_BYTES; i++) {
		set->cpus[i] = (uint8_t)~set->cpus[i];
	}
}

void
spdk_cpuset_zero(struct spdk_cpuset *set)
{
	memset(set->cpus, 0, sizeof(set->cpus));
}

void
spdk_cpuset_set_cpu(struct spdk_cpuset *set, uint32_t cpu, bool state)
{
	if (cpu >= SPDK_CPUSET_SIZE) {
		assert(false);
		return;
	}
	if (state) {
		set->cpus[cpu / 8] |= (uint8_t)(1u << (cpu % 8));
	} else {
		set->cpus[cpu / 8] &= (uint8_t) ~(1u << (cpu % 8));
	}
}

bool
spdk_cpuset_get_cpu(const struct spdk_cpuset *set, uint32_t cpu)
{
	return cpu < SPDK_CPUSET_SIZE && ((set->cpus[cpu / 8] >> (cpu % 8)) & 1) != 0;
}

void
spdk_cpuset_for_each_cpu(const struct spdk_cpuset *set, void (*fn)(void *ctx, uint32_t cpu),
                         void *ctx)
{
	uint32_t cpu;

	for (cpu = 0; cpu < SPDK_CPUSET_SIZE; cpu++) {
		if (spdk_cpuset_get_cpu(set, cpu)) {
			fn(ctx, cpu);
		}
	}
}

uint32_t
spdk_cpuset_count(const struct spdk_cpuset *set)
{
	uint32_t count = 0;
	unsigned i;

	for (i = 0; i < CPUSET_BYTES; i++) {
		count += (uint32_t)__builtin_popcount(set->cpus[i]);
	}
	return count;
}

const char *
spdk_cpuset_fmt(struct spdk_cpuset *set)
{
	static const char digits[] = "0123456789abcdef";
	unsigned nibble = SPDK_CPUSET_SIZE / 4, value;
	char *out = set->str;

	while (nibble-- > 0) {
		value = (unsigned)(set->cpus[nibble / 2] >> (nibble % 2 * 4)) & 0xf;
		if (value != 0 || out != set->str || nibble == 0) {
			*out++ = digits[value];
		}
	}
	*out = '\0';
	return set->str;
}

/* "[0,2-3]": p stands behind the opening bracket. */
static int
cpuset_parse_list(struct spdk_cpuset *set, const char *p)
{
	unsigned long first, last;
	char *end;

	while (true) {
		while (isblank((unsigned char)*p)) {
			p++;
		}
		if (!isdigit((unsigned char)*p)) {
			return -EINVAL;
		}
		first = last = strtoul(p, &end, 10);
		p = end;
		if (*p == '-') {
			if (!isdigit((unsigned char)p[1])) {
				return -EINVAL;
			}
			last = strtoul(p + 1, &end, 10);
			p = end;
		}
		if (last < first || last >= SPDK_CPUSET_SIZE) {
			return -EINVAL;
		}
		for (; first <= last; first++) {
			spdk_cpuset_set_cpu(set, (uint32_t)first, true);
		}
		while (isblank((unsigned char)*p)) {
			p++;
		}
		if (*p == ']') {
			/* Behind the bracket nothing but white space may stand. */
			for (p++; isspace((unsigned char)*p); p++) {
			}
			return *p == '\0' ? 0 : -EINVAL;
		}
		if (*p++ != ',') {
			return -EINVAL;
		}
	}
}

static int
cpuset_parse_hex(struct spdk_cpuset *set, const char *mask)
{
	size_t len = strlen(mask);
	unsigned nibble = 0, value;
	bool digits = false;
	char c;

	while (len > 0 && isspace((unsigned char)mask[len - 1])) {
		len--;
	}
	while (len-- > 0) {
		c = (char)tolower((unsigned char)mask[len]);
		if (c == ',') {
			continue;
		}
		if (!isxdigit((unsigned char)c)) {
			return -EINVAL;
		}
		digits = true;
		value = c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a') + 10;
		if (value != 0 && nibble >= SPDK_CPUSET_SIZE / 4) {
			return -EINVAL;
		}
		if (value != 0) {
			set->cpus[nibble / 2] |= (uint8_t)(value << (nibble % 2 * 4));
		}
		nibble++;
	}
	return digits ? 0 : -EINVAL;
}

int
spdk_cpuset_parse(struct spdk_cpuset *set, const char *mask)
{
	int rc;

	if (set == NULL || mask == NULL) {
		return -EINVAL;
	}
	spdk_cpuset_zero(set);
	while (isspace((unsigned char)*mask)) {
		mask++;
	}
	if (*mask == '[') {
		rc = cpuset_parse_list(set, mask + 1);
	} else {
		if (mask[0] == '0' && (mask[1] == 'x' || mask[1] == 'X')) {
			mask += 2;
		}
		rc = cpuset_parse_hex(set, mask);
	}
	if (rc != 0) {
		spdk_cpuset_zero(set);
	}
	return rc;
}
