/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What the writer of the template (env_template.c, in the primary) and its reader (env_secondary.c)
 * agree on. */

#ifndef CAL_CORE_ENV_SNAPSHOT_H
#define CAL_CORE_ENV_SNAPSHOT_H

/* Files of a runtime folder, under EAL's names. */
#define SNAPSHOT_CONFIG        "config"
#define SNAPSHOT_MEMZONE       "fbarray_memzone"
#define SNAPSHOT_HUGEPAGE_INFO "hugepage_info"
#define SNAPSHOT_HUGEPAGE_DATA "hugepage_data"
#define SNAPSHOT_FBARRAY       "fbarray_" /* prefix of the lists of memory segments */

/* Stands in the template's hugepage_info where the primary's had its hugepage folder; each
 * secondary writes the path of an empty folder of its own over it. */
#define SNAPSHOT_HUGEDIR_MARK "/@hugepage-folder@"

/* Where the primary has no hugepages, or legacy ones, a secondary looks for this list of pages and
 * reads it to the first entry of length zero; so this many zeroes say that there are none. */
#define SNAPSHOT_HUGEPAGE_DATA_SIZE 65536

/* A sane size for each of these files; they are some hundred kilobytes long. */
#define SNAPSHOT_MAX_FILE (1u << 28)

#endif
