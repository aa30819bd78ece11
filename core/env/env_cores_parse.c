/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "core/env/env_private.h"

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int
mask_parse(const char *text, cpu_set_t *out)
{
	size_t len = strlen(text), i;
	unsigned bit;
	int digit;

	for (i = 0; i < len; i++) {
		digit = hex_digit(text[len - 1 - i]);
		if (digit < 0) {
			return -EINVAL;
		}
		for (bit = 0; bit < 4; bit++) {
			if ((digit >> bit & 1) == 0) {
				continue;
			}
			if (i * 4 + bit >= CPU_SETSIZE) {
				return -EINVAL;
			}
			CPU_SET(i * 4 + bit, out);
		}
	}
	return 0;
}

/* A number, or -1; *p moves behind it. */
static long
number_parse(const char **p)
{
	char *end;
	long value;

	if (!isdigit((unsigned char)**p)) {
		return -1;
	}
	value = strtol(*p, &end, 10);
	if (value >= CPU_SETSIZE) {
		return -1;
	}
	*p = end;
	return value;
}

/* "2" or "2-5", added to `out`. */
static int
range_parse(const char **p, cpu_set_t *out)
{
	long first, last;

	first = last = number_parse(p);
	if (first < 0) {
		return -EINVAL;
	}
	if (**p == '-') {
		(*p)++;
		last = number_parse(p);
		if (last < first) {
			return -EINVAL;
		}
	}
	for (; first <= last; first++) {
		CPU_SET((size_t)first, out);
	}
	return 0;
}

static int
list_parse(const char **p, cpu_set_t *out)
{
	int rc = range_parse(p, out);

	while (rc == 0 && **p == ',') {
		(*p)++;
		rc = range_parse(p, out);
	}
	return rc;
}

int
env_cpu_list_parse(const char *text, cpu_set_t *out)
{
	CPU_ZERO(out);
	text += strspn(text, " \t\n");
	if (*text == '\0') {
		return 0;
	}
	if (list_parse(&text, out) != 0) {
		return -EINVAL;
	}
	return text[strspn(text, " \t\n")] == '\0' ? 0 : -EINVAL;
}

int
env_cores_parse(const char *text, cpu_set_t *out)
{
	char list[1024];
	size_t len = strlen(text);
	int rc;

	CPU_ZERO(out);
	if (text[0] == '[') {
		if (len < 3 || len >= sizeof(list) || text[len - 1] != ']') {
			return -EINVAL;
		}
		memcpy(list, text + 1, len - 2);
		list[len - 2] = '\0';
		rc = env_cpu_list_parse(list, out);
	} else if (strncasecmp(text, "0x", 2) == 0) {
		rc = mask_parse(text + 2, out);
	} else if (strpbrk(text, ",-") != NULL) {
		rc = env_cpu_list_parse(text, out);
	} else {
		rc = mask_parse(text, out);
	}
	if (rc == 0 && CPU_COUNT(out) == 0) {
		rc = -EINVAL;
	}
	return rc;
}

/* "3", "3-5" or "(3,5-7)". */
static int
group_parse(const char **p, cpu_set_t *out)
{
	CPU_ZERO(out);
	if (**p != '(') {
		return range_parse(p, out);
	}
	(*p)++;
	if (list_parse(p, out) != 0 || **p != ')') {
		return -EINVAL;
	}
	(*p)++;
	return 0;
}

int
env_lcore_map_parse(const char *text, cpu_set_t *lcores, cpu_set_t *cpus)
{
	cpu_set_t left, right, both;
	const char *p = text;

	CPU_ZERO(lcores);
	CPU_ZERO(cpus);
	for (;;) {
		if (group_parse(&p, &left) != 0) {
			return -EINVAL;
		}
		right = left;
		if (*p == '@') {
			p++;
			if (group_parse(&p, &right) != 0) {
				return -EINVAL;
			}
		}
		CPU_AND(&both, lcores, &left);
		if (CPU_COUNT(&both) != 0) {
			return -EINVAL;
		}
		CPU_OR(lcores, lcores, &left);
		CPU_OR(cpus, cpus, &right);
		if (*p == '\0') {
			return 0;
		}
		if (*p++ != ',') {
			return -EINVAL;
		}
	}
}

int
env_cpu_list_format(const cpu_set_t *set, char *buf, size_t size)
{
	size_t cpu, last, len = 0;
	int n;

	buf[0] = '\0';
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, set)) {
			continue;
		}
		for (last = cpu; last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, set); last++) {
		}
		n = last == cpu ? snprintf(buf + len, size - len, "%s%zu", len ? "," : "", cpu)
		                : snprintf(buf + len, size - len, "%s%zu-%zu", len ? "," : "", cpu,
		                           last);
		if (n < 0 || (size_t)n >= size - len) {
			return -ENAMETOOLONG;
		}
		len += (size_t)n;
		cpu = last;
	}
	return 0;
}
