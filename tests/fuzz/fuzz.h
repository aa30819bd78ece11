/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What every fuzz target uses. A target is one file here: it defines LLVMFuzzerTestOneInput() and
 * checks what must hold with FUZZ_CHECK(); clang's libFuzzer drives it in `make fuzz`, main.c in
 * `make check`. What is under test may say on stderr what it likes: nobody reads it. */

#ifndef CAL_TESTS_FUZZ_H
#define CAL_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);
/* Structure-aware mutation, where a target has one. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
/* The driver's plain one. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* The driver's stderr, which stays when that of what is tested goes nowhere. */
static int g_fuzz_stderr = 2;

static void __attribute__((constructor)) fuzz_keep_stderr(void)
{
	g_fuzz_stderr = dup(2);
}

#define FUZZ_CHECK(cond, ...)                                                             \
	do {                                                                              \
		if (!(cond)) {                                                            \
			dprintf(g_fuzz_stderr, "%s:%d: %s: ", __FILE__, __LINE__, #cond); \
			dprintf(g_fuzz_stderr, __VA_ARGS__);                              \
			dprintf(g_fuzz_stderr, "\n");                                     \
			abort();                                                          \
		}                                                                         \
	} while (0)

/* An input that is read from its beginning; zeroes follow its end. */
struct fuzz_input {
	const uint8_t *p, *end;
};

static inline size_t
fuzz_left(const struct fuzz_input *in)
{
	return (size_t)(in->end - in->p);
}

static inline uint8_t
fuzz_byte(struct fuzz_input *in)
{
	return in->p < in->end ? *in->p++ : 0;
}

static inline uint32_t
fuzz_u32(struct fuzz_input *in)
{
	uint32_t value = fuzz_byte(in);

	value |= (uint32_t)fuzz_byte(in) << 8;
	value |= (uint32_t)fuzz_byte(in) << 16;
	return value | (uint32_t)fuzz_byte(in) << 24;
}

/* The lowest descriptor that is free: the same before and after, or something stayed open. */
static inline int
fuzz_lowest_fd(void)
{
	int fd = dup(g_fuzz_stderr);

	close(fd);
	return fd;
}

#endif
