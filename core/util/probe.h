/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Static probes (USDT), provider "calandria".
 *
 * A probe site is one nop and a note in the ELF file that says where it is, where its arguments are
 * and which semaphore guards it. Two things differ from sys/sdt.h, which is why this is not it: the
 * arguments are always in rdi, rsi, rdx, rcx, r8, r9, so that a plain uprobe finds them without
 * decoding the note (the kernel can pin the link of a plain uprobe, not that of a USDT one); and a
 * site is only reached behind its semaphore, since working the arguments out is what costs.
 *
 *   PROBE_DEFINE_SEMAPHORE(poller_run);           once, in a .c file
 *   if (spdk_unlikely(PROBE_ENABLED(poller_run))) {
 *           PROBE6(poller_run, a, b, c, d, e, f);  each argument fits 64 bits
 *   }
 *
 * The kernel raises the semaphore by one per listener: it is written from outside, hence volatile.
 */

#ifndef CAL_CORE_UTIL_PROBE_H
#define CAL_CORE_UTIL_PROBE_H

#include <stdint.h>

#define PROBE_SEMAPHORE(name) calandria_##name##_semaphore

#define PROBE_DECLARE_SEMAPHORE(name) extern volatile uint16_t PROBE_SEMAPHORE(name)
#define PROBE_DEFINE_SEMAPHORE(name)   \
	PROBE_DECLARE_SEMAPHORE(name); \
	__attribute__((section(".probes"), used)) volatile uint16_t PROBE_SEMAPHORE(name) = 0

#define PROBE_ENABLED(name) (PROBE_SEMAPHORE(name) != 0)

/* The note's layout is systemtap's, version 3: three addresses, then provider, name and arguments
 * as strings. The base section lets a reader correct for prelinking. */
#define PROBE_NOTE(name, args)                                                  \
	"990: nop\n"                                                            \
	".pushsection .note.stapsdt,\"\",\"note\"\n"                            \
	".balign 4\n"                                                           \
	".4byte 992f-991f, 994f-993f, 3\n"                                      \
	"991: .asciz \"stapsdt\"\n"                                             \
	"992: .balign 4\n"                                                      \
	"993: .8byte 990b\n"                                                    \
	".8byte _.stapsdt.base\n"                                               \
	".8byte calandria_" #name "_semaphore\n"                                \
	".asciz \"calandria\"\n"                                                \
	".asciz \"" #name "\"\n"                                                \
	".asciz \"" args "\"\n"                                                 \
	"994: .balign 4\n"                                                      \
	".popsection\n"                                                         \
	".ifndef _.stapsdt.base\n"                                              \
	".pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n" \
	".weak _.stapsdt.base\n"                                                \
	".hidden _.stapsdt.base\n"                                              \
	"_.stapsdt.base: .space 1\n"                                            \
	".size _.stapsdt.base, 1\n"                                             \
	".popsection\n"                                                         \
	".endif\n"

#define PROBE6(name, a, b, c, d, e, f)                                                             \
	do {                                                                                       \
		register uint64_t probe_a_ __asm__("rdi") = (uint64_t)(a);                         \
		register uint64_t probe_b_ __asm__("rsi") = (uint64_t)(b);                         \
		register uint64_t probe_c_ __asm__("rdx") = (uint64_t)(c);                         \
		register uint64_t probe_d_ __asm__("rcx") = (uint64_t)(d);                         \
		register uint64_t probe_e_ __asm__("r8") = (uint64_t)(e);                          \
		register uint64_t probe_f_ __asm__("r9") = (uint64_t)(f);                          \
		__asm__ volatile(PROBE_NOTE(name, "8@%%rdi 8@%%rsi 8@%%rdx 8@%%rcx 8@%%r8 8@%%r9") \
		                 :                                                                 \
		                 : "r"(probe_a_), "r"(probe_b_), "r"(probe_c_), "r"(probe_d_),     \
		                   "r"(probe_e_), "r"(probe_f_)                                    \
		                 : "memory");                                                      \
	} while (0)

#endif
