/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Histograms of latencies (or anything) whose buckets grow with the value: 2^granularity linear
 * buckets for each power of two, so that the relative error is the same everywhere. A value's range
 * is its power of two (0 for the values below 2^granularity), its index the bits behind the
 * leading one. Layout and names are SPDK's: what it prints and we print can be compared. */

#ifndef _SPDK_HISTOGRAM_DATA_H_
#define _SPDK_HISTOGRAM_DATA_H_

#include "spdk/stdinc.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SPDK_HISTOGRAM_GRANULARITY_DEFAULT      7
#define SPDK_HISTOGRAM_GRANULARITY(h)           ((h)->granularity)
#define SPDK_HISTOGRAM_BUCKET_LSB(h)            (64 - SPDK_HISTOGRAM_GRANULARITY(h))
#define SPDK_HISTOGRAM_NUM_BUCKETS_PER_RANGE(h) (1ULL << SPDK_HISTOGRAM_GRANULARITY(h))
#define SPDK_HISTOGRAM_BUCKET_MASK(h)           (SPDK_HISTOGRAM_NUM_BUCKETS_PER_RANGE(h) - 1)
#define SPDK_HISTOGRAM_NUM_BUCKET_RANGES(h)     ((h)->max_range - (h)->min_range + 1)
#define SPDK_HISTOGRAM_NUM_BUCKETS(h) \
	(SPDK_HISTOGRAM_NUM_BUCKETS_PER_RANGE(h) * SPDK_HISTOGRAM_NUM_BUCKET_RANGES(h))

struct spdk_histogram_data {
	uint32_t granularity;
	uint32_t min_range;
	uint32_t max_range;
	uint64_t *bucket; /* range after range */
};

static inline uint64_t *
__spdk_histogram_get_bucket(const struct spdk_histogram_data *h, uint32_t range, uint32_t index)
{
	return &h->bucket[((uint64_t)(range - h->min_range) << SPDK_HISTOGRAM_GRANULARITY(h)) +
	                  index];
}

static inline uint64_t
__spdk_histogram_get_count(const struct spdk_histogram_data *h, uint32_t range, uint32_t index)
{
	return *__spdk_histogram_get_bucket(h, range, index);
}

static inline void
__spdk_histogram_increment(struct spdk_histogram_data *h, uint32_t range, uint32_t index)
{
	(*__spdk_histogram_get_bucket(h, range, index))++;
}

static inline void
spdk_histogram_data_reset(struct spdk_histogram_data *histogram)
{
	memset(histogram->bucket, 0, SPDK_HISTOGRAM_NUM_BUCKETS(histogram) * sizeof(uint64_t));
}

static inline uint32_t
__spdk_histogram_data_get_bucket_range(struct spdk_histogram_data *h, uint64_t datapoint)
{
	uint32_t leading_zeroes = datapoint > 0 ? (uint32_t)__builtin_clzll(datapoint) : 64;

	return leading_zeroes <= SPDK_HISTOGRAM_BUCKET_LSB(h)
	               ? SPDK_HISTOGRAM_BUCKET_LSB(h) - leading_zeroes
	               : 0;
}

static inline uint32_t
__spdk_histogram_data_get_bucket_index(struct spdk_histogram_data *h, uint64_t datapoint,
                                       uint32_t range)
{
	uint32_t shift = range == 0 ? 0 : range - 1;

	return (uint32_t)((datapoint >> shift) & SPDK_HISTOGRAM_BUCKET_MASK(h));
}

/** Count one value; values outside the histogram's span fall into its first or last bucket. */
static inline void
spdk_histogram_data_tally(struct spdk_histogram_data *histogram, uint64_t datapoint)
{
	uint32_t range = __spdk_histogram_data_get_bucket_range(histogram, datapoint);
	uint32_t index;

	if (range < histogram->min_range) {
		range = histogram->min_range;
		index = 0;
	} else if (range > histogram->max_range) {
		range = histogram->max_range;
		index = (uint32_t)SPDK_HISTOGRAM_NUM_BUCKETS_PER_RANGE(histogram) - 1;
	} else {
		index = __spdk_histogram_data_get_bucket_index(histogram, datapoint, range);
	}
	__spdk_histogram_increment(histogram, range, index);
}

/** The first value beyond a bucket, which is where the next one starts. */
static inline uint64_t
__spdk_histogram_data_get_bucket_start(const struct spdk_histogram_data *h, uint32_t range,
                                       uint32_t index)
{
	if (range == 0) {
		return (uint64_t)index + 1;
	}
	return (1ULL << (range + SPDK_HISTOGRAM_GRANULARITY(h) - 1)) +
	       (((uint64_t)index + 1) << (range - 1));
}

typedef void (*spdk_histogram_data_fn)(void *ctx, uint64_t start, uint64_t end, uint64_t count,
                                       uint64_t total, uint64_t so_far);

/** Call `fn` for every bucket in ascending order, empty ones included. */
static inline void
spdk_histogram_data_iterate(const struct spdk_histogram_data *histogram, spdk_histogram_data_fn fn,
                            void *ctx)
{
	uint64_t num = SPDK_HISTOGRAM_NUM_BUCKETS(histogram);
	uint64_t total = 0, so_far = 0, start, end = 0, i;

	for (i = 0; i < num; i++) {
		total += histogram->bucket[i];
	}
	for (i = 0; i < num; i++) {
		so_far += histogram->bucket[i];
		start = end;
		end = __spdk_histogram_data_get_bucket_start(
			histogram,
			histogram->min_range +
				(uint32_t)(i >> SPDK_HISTOGRAM_GRANULARITY(histogram)),
			(uint32_t)(i & SPDK_HISTOGRAM_BUCKET_MASK(histogram)));
		fn(ctx, start, end, histogram->bucket[i], total, so_far);
	}
}

/** Add `src` to `dst`. Returns 0, or -EINVAL when their buckets differ. */
static inline int
spdk_histogram_data_merge(const struct spdk_histogram_data *dst,
                          const struct spdk_histogram_data *src)
{
	uint64_t i;

	if (dst->granularity != src->granularity || dst->min_range != src->min_range ||
	    dst->max_range != src->max_range) {
		return -EINVAL;
	}
	for (i = 0; i < SPDK_HISTOGRAM_NUM_BUCKETS(dst); i++) {
		dst->bucket[i] += src->bucket[i];
	}
	return 0;
}

/** A histogram for values from min_val to below max_val; NULL without memory or if they are not in
 *  that order. */
static inline struct spdk_histogram_data *
spdk_histogram_data_alloc_sized_ext(uint32_t granularity, uint64_t min_val, uint64_t max_val)
{
	struct spdk_histogram_data *h;

	if (min_val >= max_val) {
		return NULL;
	}
	h = (struct spdk_histogram_data *)calloc(1, sizeof(*h));
	if (h == NULL) {
		return NULL;
	}
	h->granularity = granularity;
	h->min_range = __spdk_histogram_data_get_bucket_range(h, min_val);
	h->max_range = __spdk_histogram_data_get_bucket_range(h, max_val - 1);
	h->bucket = (uint64_t *)calloc(SPDK_HISTOGRAM_NUM_BUCKETS(h), sizeof(uint64_t));
	if (h->bucket == NULL) {
		free(h);
		return NULL;
	}
	return h;
}

static inline struct spdk_histogram_data *
spdk_histogram_data_alloc_sized(uint32_t granularity)
{
	return spdk_histogram_data_alloc_sized_ext(granularity, 0, UINT64_MAX);
}

static inline struct spdk_histogram_data *
spdk_histogram_data_alloc(void)
{
	return spdk_histogram_data_alloc_sized(SPDK_HISTOGRAM_GRANULARITY_DEFAULT);
}

/** NULL is allowed. */
static inline void
spdk_histogram_data_free(struct spdk_histogram_data *h)
{
	if (h != NULL) {
		free(h->bucket);
		free(h);
	}
}

/* --- at most so much ---------------------------------------------------------------------------
 */

/** How many values are at most as high as each of some borders. */
struct spdk_histogram_borders {
	uint64_t *borders; /* ascending, the caller's */
	size_t index;
	size_t num_borders_count; /* one more than borders: the last one is of all values */
	uint64_t border_count[0];
};

static inline void
__spdk_histogram_get_borders_count_cb(void *ctx, uint64_t start, uint64_t end, uint64_t count,
                                      uint64_t total, uint64_t so_far)
{
	struct spdk_histogram_borders *b = (struct spdk_histogram_borders *)ctx;

	/* A bucket counts for the first border that is not below its beginning; borders that are
	 * passed over have what the one before has. */
	while (b->index < b->num_borders_count - 1 && b->borders[b->index] < start) {
		b->border_count[b->index + 1] = b->border_count[b->index];
		b->index++;
	}
	b->border_count[b->index] = so_far;
}

/** Count for borders of spdk_histogram_get_borders_count_alloc_ctx(), once each. */
static inline void
spdk_histogram_get_borders_count(struct spdk_histogram_data *h, struct spdk_histogram_borders *ctx)
{
	spdk_histogram_data_iterate(h, __spdk_histogram_get_borders_count_cb, ctx);
}

/** NULL without borders or memory. */
static inline struct spdk_histogram_borders *
spdk_histogram_get_borders_count_alloc_ctx(uint64_t *borders, size_t num_borders)
{
	struct spdk_histogram_borders *b;

	if (num_borders == 0) {
		return NULL;
	}
	b = (struct spdk_histogram_borders *)calloc(1, sizeof(*b) + (num_borders + 1) *
	                                                                    sizeof(uint64_t));
	if (b != NULL) {
		b->borders = borders;
		b->num_borders_count = num_borders + 1;
	}
	return b;
}

static inline void
spdk_histogram_get_borders_count_free_ctx(struct spdk_histogram_borders *ctx)
{
	free(ctx);
}

#ifdef __cplusplus
}
#endif
#endif
