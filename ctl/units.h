/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Numbers as people read them. Each returns its text by value, to be used inside one printf(). */

#ifndef CAL_CTL_UNITS_H
#define CAL_CTL_UNITS_H

#include <stdbool.h>
#include <stdint.h>

struct ctl_text {
	char s[32];
};

/** "512 B", "64 MiB", "1.46 GiB": three digits, none after the point when it is exact. */
struct ctl_text ctl_units_bytes(uint64_t bytes);
/** "0 B/s", "1.61 GiB/s". */
struct ctl_text ctl_units_bandwidth(double bytes_per_s);
/** "87", "4.12 k", "1.30 M": a count or a rate, in powers of 1000. */
struct ctl_text ctl_units_count(double count);
/** "412 ns", "7.30 us", "1.20 ms", "3.40 s". */
struct ctl_text ctl_units_latency(double us);
/** "0.21 s", "12.4 s", "3 min 20 s", "2 h 05 min", "3 d 04 h". */
struct ctl_text ctl_units_duration(double seconds);
/** Ticks of a clock of `hz` as a duration; "-" without a clock. */
struct ctl_text ctl_units_ticks(uint64_t ticks, uint64_t hz);
/** "0.0 %", "99.7 %"; "-" when the whole is 0. */
struct ctl_text ctl_units_percent(double part, double whole);
/** CLOCK_REALTIME nanoseconds as local "2026-01-31 12:00:07", or in UTC "2026-01-31T11:00:07.123Z".
 */
struct ctl_text ctl_units_time(uint64_t ns, bool utc);

/** Parse "4096", "4k", "4KiB", "1M", "2G" (powers of 1024). Returns 0 or -EINVAL. */
int ctl_units_parse_size(const char *text, uint64_t *bytes);
/** Parse "10" or "0.5" (seconds) to milliseconds. Returns 0 or -EINVAL. */
int ctl_units_parse_seconds(const char *text, uint64_t *ms);
/** Parse a decimal number. Returns 0 or -EINVAL. */
int ctl_units_parse_number(const char *text, uint64_t *number);

#endif
