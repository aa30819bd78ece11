/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Removing folders that others may have written in: symbolic links are removed, not followed, and
 * the depth is bounded. May block; not on a reactor. */

#ifndef CAL_CORE_UTIL_FOLDER_H
#define CAL_CORE_UTIL_FOLDER_H

/** Remove what the folder open at `fd` holds, but not at its top what `keep` names (ends with NULL;
 *  NULL: everything). `fd` is closed. Goes on after an error. Returns 0 or the last negative errno.
 */
int folder_empty(int fd, const char *const *keep);

/** Remove the folder at `path` with all it holds. Returns 0, also when there is none, or a negative
 *  errno. */
int folder_remove(const char *path);

#endif
