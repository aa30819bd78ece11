/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "ctl/units.h"

static struct ctl_text __attribute__((format(printf, 1, 2))) text(const char *fmt, ...)
{
	struct ctl_text t;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(t.s, sizeof(t.s), fmt, ap);
	va_end(ap);
	return t;
}

/* Decimals that make three digits; the limits are where printf would round up to a fourth. */
static int
decimals(double value)
{
	return value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
}

/* Divide by `base` until fewer than four digits are left; *unit is how often that was. */
static double
scale(double value, double base, unsigned max_unit, unsigned *unit)
{
	*unit = 0;
	while (value >= base - 0.5 && *unit < max_unit) {
		value /= base;
		(*unit)++;
	}
	return value;
}

static const char *const byte_units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };

struct ctl_text
ctl_units_bytes(uint64_t bytes)
{
	unsigned unit;
	double value = scale((double)bytes, 1024, 6, &unit);

	if (value == floor(value)) {
		return text("%.0f %s", value, byte_units[unit]);
	}
	return text("%.*f %s", decimals(value), value, byte_units[unit]);
}

struct ctl_text
ctl_units_bandwidth(double bytes_per_s)
{
	unsigned unit;
	double value = scale(bytes_per_s, 1024, 6, &unit);

	if (unit == 0) {
		return text("%.0f B/s", value);
	}
	return text("%.*f %s/s", decimals(value), value, byte_units[unit]);
}

struct ctl_text
ctl_units_count(double count)
{
	static const char *const units[] = { "", " k", " M", " G", " T", " P" };
	unsigned unit;
	double value = scale(count, 1000, 5, &unit);

	if (unit == 0) {
		return text("%.0f", value);
	}
	return text("%.*f%s", decimals(value), value, units[unit]);
}

struct ctl_text
ctl_units_latency(double us)
{
	static const char *const units[] = { "ns", "us", "ms", "s" };
	unsigned unit;
	double value;

	if (us < 0.9995) {
		return text("%.0f ns", us * 1000);
	}
	value = scale(us, 1000, 2, &unit);
	return text("%.*f %s", decimals(value), value, units[unit + 1]);
}

struct ctl_text
ctl_units_duration(double seconds)
{
	uint64_t s;

	if (seconds < 59.95) {
		return text("%.*f s", seconds < 9.995 ? 2 : 1, seconds);
	}
	s = (uint64_t)(seconds + 0.5);
	if (s < 3600) {
		return text("%" PRIu64 " min %02" PRIu64 " s", s / 60, s % 60);
	}
	if (s < 86400) {
		return text("%" PRIu64 " h %02" PRIu64 " min", s / 3600, s / 60 % 60);
	}
	return text("%" PRIu64 " d %02" PRIu64 " h", s / 86400, s / 3600 % 24);
}

struct ctl_text
ctl_units_ticks(uint64_t ticks, uint64_t hz)
{
	if (hz == 0) {
		return text("-");
	}
	if (ticks / hz == 0) {
		return ticks == 0 ? text("0 s")
		                  : ctl_units_latency((double)ticks * 1e6 / (double)hz);
	}
	return ctl_units_duration((double)ticks / (double)hz);
}

struct ctl_text
ctl_units_percent(double part, double whole)
{
	if (whole <= 0) {
		return text("-");
	}
	return text("%.1f %%", part * 100 / whole);
}

struct ctl_text
ctl_units_time(uint64_t ns, bool utc)
{
	time_t seconds = (time_t)(ns / 1000000000u);
	struct ctl_text local;
	char date[24];
	struct tm tm;

	if (!utc) {
		localtime_r(&seconds, &tm);
		strftime(local.s, sizeof(local.s), "%F %T", &tm);
		return local;
	}
	gmtime_r(&seconds, &tm);
	strftime(date, sizeof(date), "%FT%T", &tm);
	return text("%s.%03uZ", date, (unsigned)(ns / 1000000u % 1000));
}

int
ctl_units_parse_number(const char *arg, uint64_t *number)
{
	char *end;
	unsigned long long value;

	/* strtoull() takes signs and spaces: a number begins with a digit. */
	if (!isdigit((unsigned char)arg[0])) {
		return -EINVAL;
	}
	errno = 0;
	value = strtoull(arg, &end, 10);
	if (errno != 0 || *end != '\0') {
		return -EINVAL;
	}
	*number = value;
	return 0;
}

int
ctl_units_parse_size(const char *arg, uint64_t *bytes)
{
	static const char *const letters[] = { "k", "m", "g", "t" };
	unsigned shift = 0, i;
	uint64_t value;
	char *end;

	if (!isdigit((unsigned char)arg[0])) {
		return -EINVAL;
	}
	errno = 0;
	value = strtoull(arg, &end, 10);
	if (errno != 0) {
		return -EINVAL;
	}
	for (i = 0; i < 4; i++) {
		if (strncasecmp(end, letters[i], 1) == 0) {
			shift = 10 * (i + 1);
			end++;
			if (strcasecmp(end, "b") == 0 || strcasecmp(end, "ib") == 0) {
				end += strlen(end);
			}
			break;
		}
	}
	if (*end != '\0' || (shift != 0 && value >> (64 - shift) != 0)) {
		return -EINVAL;
	}
	*bytes = value << shift;
	return 0;
}

int
ctl_units_parse_seconds(const char *arg, uint64_t *ms)
{
	double value;
	char *end;

	if (!isdigit((unsigned char)arg[0]) && arg[0] != '.') {
		return -EINVAL;
	}
	value = strtod(arg, &end);
	/* A year is more than anybody waits, and far from every overflow. */
	if (end == arg || *end != '\0' || !(value >= 0 && value < 366.0 * 86400)) {
		return -EINVAL;
	}
	*ms = (uint64_t)(value * 1000 + 0.5);
	return 0;
}
