/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Sets of up to 1024 CPUs. */

#ifndef SPDK_CPUSET_H
#define SPDK_CPUSET_H

#include "spdk/stdinc.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SPDK_CPUSET_SIZE 1024

struct spdk_cpuset {
	char str[SPDK_CPUSET_SIZE / 4 + 1]; /* where spdk_cpuset_fmt() writes */
	uint8_t cpus[SPDK_CPUSET_SIZE / 8];
};

/** A new, empty set, to be given to spdk_cpuset_free(); NULL without memory. */
struct spdk_cpuset *spdk_cpuset_alloc(void);
void spdk_cpuset_free(struct spdk_cpuset *set);

bool spdk_cpuset_equal(const struct spdk_cpuset *set1, const struct spdk_cpuset *set2);
void spdk_cpuset_copy(struct spdk_cpuset *dst, const struct spdk_cpuset *src);

/** dst = dst OP src */
void spdk_cpuset_and(struct spdk_cpuset *dst, const struct spdk_cpuset *src);
void spdk_cpuset_or(struct spdk_cpuset *dst, const struct spdk_cpuset *src);
void spdk_cpuset_xor(struct spdk_cpuset *dst, const struct spdk_cpuset *src);

void spdk_cpuset_negate(struct spdk_cpuset *set);
void spdk_cpuset_zero(struct spdk_cpuset *set);

/** Put `cpu` (below SPDK_CPUSET_SIZE) into the set or take it out. */
void spdk_cpuset_set_cpu(struct spdk_cpuset *set, uint32_t cpu, bool state);
/** False for a CPU of SPDK_CPUSET_SIZE and above. */
bool spdk_cpuset_get_cpu(const struct spdk_cpuset *set, uint32_t cpu);

/** Call `fn` for each CPU of the set, in ascending order. */
void spdk_cpuset_for_each_cpu(const struct spdk_cpuset *set, void (*fn)(void *ctx, uint32_t cpu),
                              void *ctx);

uint32_t spdk_cpuset_count(const struct spdk_cpuset *set);

/** The set in hexadecimal, lower case, without leading zeroes or 0x. The string lives in the set
 *  and changes with the next call. */
const char *spdk_cpuset_fmt(struct spdk_cpuset *set);

/** Read a set: hexadecimal digits (0x allowed, commas ignored as the kernel prints them), or a list
 *  of CPUs and ranges in brackets, "[0,2-3]". Returns 0, -EINVAL for anything else, -ENOMEM. The
 *  set is empty after an error. */
int spdk_cpuset_parse(struct spdk_cpuset *set, const char *mask);

#ifdef __cplusplus
}
#endif
#endif
