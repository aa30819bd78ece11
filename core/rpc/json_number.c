/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Integers out of a number's text. Every way to write an integer counts: 1234.000, 1.2e1, 12340e-1.
 * The digits are taken as one row with a decimal point somewhere; what stands behind the point must
 * be zeros. Nothing is ever a floating-point number here, so that 2^64 - 1 stays exact. */

#include "core/rpc/json_internal.h"

/* Enough for every number whose digits matter; a longer exponent is no integer or out of range. */
#define EXPONENT_LIMIT 100000

struct number_text {
	bool negative;
	const char *digits; /* may contain the point */
	const char *digits_end;
	long point; /* of the digits, how many stand before the decimal point */
};

static const char *
skip_digits(const char *p, const char *end)
{
	while (p < end && *p >= '0' && *p <= '9') {
		p++;
	}
	return p;
}

static const char *
split_exponent(const char *p, const char *end, long *exponent)
{
	const char *begin;
	bool negative = false;
	long value = 0;

	p++; /* the e */
	if (p < end && (*p == '+' || *p == '-')) {
		negative = *p == '-';
		p++;
	}
	begin = p;
	for (; p < end && *p >= '0' && *p <= '9'; p++) {
		if (value < EXPONENT_LIMIT) {
			value = value * 10 + (*p - '0');
		}
	}
	*exponent = negative ? -value : value;
	return p == begin ? NULL : p;
}

static int
split(const char *p, const char *end, struct number_text *out)
{
	const char *mark;
	long exponent = 0;

	out->negative = p < end && *p == '-';
	p += out->negative;
	out->digits = p;
	p = skip_digits(p, end);
	if (p == out->digits) {
		return -EINVAL;
	}
	out->point = p - out->digits;
	if (p < end && *p == '.') {
		mark = ++p;
		p = skip_digits(p, end);
		if (p == mark) {
			return -EINVAL;
		}
	}
	out->digits_end = p;
	if (p < end && (*p == 'e' || *p == 'E')) {
		p = split_exponent(p, end, &exponent);
	}
	if (p != end) {
		return -EINVAL;
	}
	out->point += exponent;
	return 0;
}

int
json_integer_parse(const char *text, size_t len, struct json_integer *out)
{
	struct number_text n;
	uint64_t value = 0;
	const char *p;
	long place = 0;
	int rc;

	rc = split(text, text + len, &n);
	if (rc != 0) {
		return rc;
	}
	for (p = n.digits; p < n.digits_end; p++) {
		uint64_t digit = (uint64_t)(*p - '0');

		if (*p == '.') {
			continue;
		}
		if (place++ >= n.point) {
			if (digit != 0) {
				return -EINVAL;
			}
			continue;
		}
		if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
		    __builtin_add_overflow(value, digit, &value)) {
			return -ERANGE;
		}
	}
	for (; place < n.point && value != 0; place++) {
		if (__builtin_mul_overflow(value, (uint64_t)10, &value)) {
			return -ERANGE;
		}
	}
	out->negative = n.negative;
	out->magnitude = value;
	return 0;
}

/* The common part: an integer in [-below, above]. */
static int
number_to(const struct spdk_json_val *val, uint64_t below, uint64_t above, struct json_integer *out)
{
	int rc;

	if (val == NULL || val->type != SPDK_JSON_VAL_NUMBER) {
		return -EINVAL;
	}
	rc = json_integer_parse(val->start, val->len, out);
	/* As with SPDK -0 is no unsigned integer. */
	if (rc == 0 &&
	    (out->magnitude > (out->negative ? below : above) || (out->negative && below == 0))) {
		rc = -ERANGE;
	}
	return rc;
}

int
spdk_json_number_to_uint8(const struct spdk_json_val *val, uint8_t *num)
{
	struct json_integer i;
	int rc = number_to(val, 0, UINT8_MAX, &i);

	if (rc == 0) {
		*num = (uint8_t)i.magnitude;
	}
	return rc;
}

int
spdk_json_number_to_uint16(const struct spdk_json_val *val, uint16_t *num)
{
	struct json_integer i;
	int rc = number_to(val, 0, UINT16_MAX, &i);

	if (rc == 0) {
		*num = (uint16_t)i.magnitude;
	}
	return rc;
}

int
spdk_json_number_to_int32(const struct spdk_json_val *val, int32_t *num)
{
	struct json_integer i;
	int rc = number_to(val, (uint64_t)INT32_MAX + 1, INT32_MAX, &i);

	if (rc == 0) {
		*num = (int32_t)(i.negative ? -(int64_t)i.magnitude : (int64_t)i.magnitude);
	}
	return rc;
}

int
spdk_json_number_to_uint32(const struct spdk_json_val *val, uint32_t *num)
{
	struct json_integer i;
	int rc = number_to(val, 0, UINT32_MAX, &i);

	if (rc == 0) {
		*num = (uint32_t)i.magnitude;
	}
	return rc;
}

int
spdk_json_number_to_uint64(const struct spdk_json_val *val, uint64_t *num)
{
	struct json_integer i;
	int rc = number_to(val, 0, UINT64_MAX, &i);

	if (rc == 0) {
		*num = i.magnitude;
	}
	return rc;
}
