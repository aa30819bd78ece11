/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Where the static probes of a program are: reads the SDT notes of its ELF file. libbpf can attach
 * to them by itself, but the link that gives cannot be pinned (-EINVAL, measured with libbpf 1.1);
 * a plain uprobe with the semaphore's offset can. */

#ifndef CAL_MOND_SDT_H
#define CAL_MOND_SDT_H

#include <stddef.h>
#include <stdint.h>

struct sdt_site {
	uint64_t offset;    /* of the probe's nop, in the file */
	uint64_t semaphore; /* of its semaphore, in the file; 0: it has none */
};

/** Find the sites of probe `provider`:`name` in the ELF file `path`, at most `max`. Returns how
 * many there are, -ENOENT when the file has no such probe, -ENOEXEC when it is not an ELF file that
 * can be read, or another negative errno. */
int sdt_find(const char *path, const char *provider, const char *name, struct sdt_site *sites,
             size_t max);

#endif
