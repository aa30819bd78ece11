/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Small things everybody needs: sizes, alignment, powers of two, I/O vectors. */

#ifndef SPDK_UTIL_H
#define SPDK_UTIL_H

#include "spdk/stdinc.h"
#include "spdk/fd.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SPDK_CACHE_LINE_SIZE 64

#define spdk_min(a, b) (((a) < (b)) ? (a) : (b))
#define spdk_max(a, b) (((a) > (b)) ? (a) : (b))

#define SPDK_COUNTOF(arr) (sizeof(arr) / sizeof((arr)[0]))

/** The object of `type` whose `member` stands at `ptr`. */
#define SPDK_CONTAINEROF(ptr, type, member) ((type *)((uintptr_t)(ptr)-offsetof(type, member)))

/** Bytes of *ptr up to the end of `member`. */
#define SPDK_SIZEOF(ptr, member)          (offsetof(__typeof__(*(ptr)), member) + sizeof((ptr)->member))
#define SPDK_SIZEOF_MEMBER(type, member)  (sizeof(((type *)0)->member))
#define SPDK_COUNTOF_MEMBER(type, member) (SPDK_COUNTOF(((type *)0)->member))

#define SPDK_SEC_TO_MSEC  1000ULL
#define SPDK_SEC_TO_USEC  1000000ULL
#define SPDK_SEC_TO_NSEC  1000000000ULL
#define SPDK_MSEC_TO_USEC 1000ULL

#define SPDK_CEIL_DIV(x, y) (((x) + (y)-1) / (y))

/** `align` is a power of two. */
#define SPDK_ALIGN_FLOOR(val, align) ((__typeof__(val))((val) & (~((__typeof__(val))((align)-1)))))
#define SPDK_ALIGN_CEIL(val, align)  SPDK_ALIGN_FLOOR(((val) + ((__typeof__(val))(align)-1)), align)

#define SPDK_BIT(n) (UINT64_C(1) << (n))

/** Whether an object that says its own size (in its member `size`, or given as third argument)
 *  is new enough to have `field`; and that field's value or a default. */
#define SPDK_FIELD_VALID(obj, field, ...) _SPDK_FIELD_VALID(obj, field, ##__VA_ARGS__, (obj)->size)
/* The size of a member that is a pointer is meant to be the pointer's. */
#define _SPDK_FIELD_VALID(obj, field, size, ...)          \
	((size) >= (offsetof(__typeof__(*(obj)), field) + \
	            sizeof((obj)->field))) /* NOLINT(bugprone-sizeof-expression) */
#define SPDK_GET_FIELD(obj, field, defval, ...) \
	_SPDK_GET_FIELD(obj, field, defval, ##__VA_ARGS__, (obj)->size)
#define _SPDK_GET_FIELD(obj, field, defval, size, ...) \
	(SPDK_FIELD_VALID(obj, field, size) ? (obj)->field : (defval))

/** Position of the highest set bit; 0 for 0. */
uint32_t spdk_u32log2(uint32_t x);
uint64_t spdk_u64log2(uint64_t x);

/** The power of two at or above `x`, which is at least 2. */
static inline uint32_t
spdk_align32pow2(uint32_t x)
{
	return 1u << (1 + spdk_u32log2(x - 1));
}

static inline uint64_t
spdk_align64pow2(uint64_t x)
{
	return 1ULL << (1 + spdk_u64log2(x - 1));
}

static inline bool
spdk_u32_is_pow2(uint32_t x)
{
	return x != 0 && (x & (x - 1)) == 0;
}

static inline bool
spdk_u64_is_pow2(uint64_t x)
{
	return x != 0 && (x & (x - 1)) == 0;
}

static inline uint64_t
spdk_divide_round_up(uint64_t num, uint64_t divisor)
{
	return (num + divisor - 1) / divisor;
}

static inline uint64_t
spdk_round_up(uint64_t num, uint64_t divisor)
{
	return divisor * spdk_divide_round_up(num, divisor);
}

/** Marsaglia's xorshift64: fast, not for secrets. The state is never 0. */
static inline uint64_t
spdk_rand_xorshift64(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	*state = x;
	return x;
}

/** A state to begin with, from rand(). */
static inline uint64_t
spdk_rand_xorshift64_seed(void)
{
	uint64_t seed = ((uint64_t)rand() << 32) | (uint64_t)rand();

	return seed != 0 ? seed : 1;
}

struct spdk_single_ioviter {
	struct iovec *iov;
	size_t iovcnt;
	size_t idx;
	size_t iov_len;
	uint8_t *iov_base;
};

/** Walks several I/O vectors side by side. For more than two give it SPDK_IOVITER_SIZE() bytes. */
struct spdk_ioviter {
	uint32_t count;
	union {
		struct spdk_single_ioviter iters_compat[2];
		struct spdk_single_ioviter iters[0];
	};
};

/** `count` is at least 2. */
#define SPDK_IOVITER_SIZE(count) \
	(sizeof(struct spdk_single_ioviter) * ((count)-2) + sizeof(struct spdk_ioviter))

/** Begin, and go on: each call gives the next stretch that lies in one element of every vector.
 *  Returns its length, 0 at the end. */
size_t spdk_ioviter_first(struct spdk_ioviter *iter, struct iovec *siov, size_t siovcnt,
                          struct iovec *diov, size_t diovcnt, void **src, void **dst);
size_t spdk_ioviter_firstv(struct spdk_ioviter *iter, uint32_t count, struct iovec **iov,
                           size_t *iovcnt, void **out);
size_t spdk_ioviter_next(struct spdk_ioviter *iter, void **src, void **dst);
size_t spdk_ioviter_nextv(struct spdk_ioviter *iter, void **out);

void spdk_iov_memset(struct iovec *iovs, int iovcnt, int c);

/** Make the first element describe one buffer. */
#define SPDK_IOV_ONE(piov, piovcnt, buf, buflen) \
	do {                                     \
		(piov)->iov_base = (buf);        \
		(piov)->iov_len = (buflen);      \
		*(piovcnt) = 1;                  \
	} while (0)

/** Copy until either vector ends; with spdk_iovmove() a source stretch may overlap its destination.
 *  Return the bytes copied. */
size_t spdk_iovcpy(struct iovec *siov, size_t siovcnt, struct iovec *diov, size_t diovcnt);
size_t spdk_iovmove(struct iovec *siov, size_t siovcnt, struct iovec *diov, size_t diovcnt);

/** A place in an I/O vector that moves on with each copy. */
struct spdk_iov_xfer {
	struct iovec *iovs;
	int iovcnt;
	int cur_iov_idx;
	size_t cur_iov_offset;
};

void spdk_iov_xfer_init(struct spdk_iov_xfer *ix, struct iovec *iovs, int iovcnt);
/** Copy and move on. Return the bytes copied. */
size_t spdk_iov_xfer_from_buf(struct spdk_iov_xfer *ix, const void *buf, size_t buf_len);
size_t spdk_iov_xfer_to_buf(struct spdk_iov_xfer *ix, const void *buf, size_t buf_len);

void spdk_copy_iovs_to_buf(void *buf, size_t buf_len, struct iovec *iovs, int iovcnt);
void spdk_copy_buf_to_iovs(struct iovec *iovs, int iovcnt, void *buf, size_t buf_len);

/** Serial number arithmetic of RFC 1982 with 32 bits. */
#define SPDK_SN32_CMPMAX (1U << (32 - 1))

static inline uint32_t
spdk_sn32_add(uint32_t s1, uint32_t s2)
{
	return (uint32_t)(s1 + s2);
}

static inline bool
spdk_sn32_lt(uint32_t s1, uint32_t s2)
{
	uint32_t ahead = s2 - s1;

	return ahead != 0 && ahead < SPDK_SN32_CMPMAX;
}

static inline bool
spdk_sn32_gt(uint32_t s1, uint32_t s2)
{
	return spdk_sn32_lt(s2, s1);
}

/** memset() of at most `data_size` bytes that the compiler does not take away: for secrets. */
static inline void
spdk_memset_s(void *data, size_t data_size, int ch, size_t count)
{
	volatile unsigned char *p = (volatile unsigned char *)data;
	size_t i;

	if (p == NULL) {
		return;
	}
	for (i = 0; i < spdk_min(count, data_size); i++) {
		p[i] = (unsigned char)ch;
	}
}

#ifdef __clang_analyzer__
/** Tell the analyser, which cannot look into a ring, that an array that was dequeued into holds
 *  pointers to something. */
#define SPDK_CLANG_ANALYZER_PREINIT_PTR_ARRAY(arr, arr_size, buf_size) \
	do {                                                           \
		static char dummy_buf_[buf_size];                      \
		int i_;                                                \
		for (i_ = 0; i_ < (int)(arr_size); i_++) {             \
			(arr)[i_] = (void *)dummy_buf_;                \
		}                                                      \
	} while (0)
#else
#define SPDK_CLANG_ANALYZER_PREINIT_PTR_ARRAY(arr, arr_size, buf_size)
#endif

#ifdef __cplusplus
}
#endif
#endif
