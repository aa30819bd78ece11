/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Memory barriers. The smp_ ones order normal memory between CPUs, the others device memory too. */

#ifndef SPDK_BARRIER_H
#define SPDK_BARRIER_H

#include "spdk/stdinc.h"

#define spdk_compiler_barrier() __asm__ volatile("" ::: "memory")

#if defined(__x86_64__)
#define spdk_rmb() __asm__ volatile("lfence" ::: "memory")
#define spdk_wmb() __asm__ volatile("sfence" ::: "memory")
#define spdk_mb()  __asm__ volatile("mfence" ::: "memory")
/* x86 keeps loads in order and stores in order: only store-load needs an instruction. */
#define spdk_smp_rmb() spdk_compiler_barrier()
#define spdk_smp_wmb() spdk_compiler_barrier()
#define spdk_smp_mb()  __atomic_thread_fence(__ATOMIC_SEQ_CST)
#elif defined(__aarch64__)
#define spdk_rmb()     __asm__ volatile("dsb ld" ::: "memory")
#define spdk_wmb()     __asm__ volatile("dsb st" ::: "memory")
#define spdk_mb()      __asm__ volatile("dsb sy" ::: "memory")
#define spdk_smp_rmb() __asm__ volatile("dmb ishld" ::: "memory")
#define spdk_smp_wmb() __asm__ volatile("dmb ishst" ::: "memory")
#define spdk_smp_mb()  __asm__ volatile("dmb ish" ::: "memory")
#else
#error "no memory barriers for this architecture"
#endif

/* Device memory is coherent on what we run on. */
#define spdk_ivdt_dcache(pdata) ((void)(pdata))

#endif
