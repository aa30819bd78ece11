/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The version of SPDK whose public interface this tree follows. Our own version is in
 * calandria/version.h. */

#ifndef SPDK_VERSION_H
#define SPDK_VERSION_H

#include "calandria/version.h"

#define SPDK_VERSION_MAJOR  26
#define SPDK_VERSION_MINOR  5
#define SPDK_VERSION_PATCH  0
#define SPDK_VERSION_SUFFIX " (Calandria " CAL_VERSION_STRING ")"

/** A number that grows with the version, to compare against. */
#define SPDK_VERSION_NUM(major, minor, patch) (((major)*100 + (minor)) * 100 + (patch))
#define SPDK_VERSION                          SPDK_VERSION_NUM(SPDK_VERSION_MAJOR, SPDK_VERSION_MINOR, SPDK_VERSION_PATCH)

#define SPDK_VERSION_STRINGIFY_x(x) #x
#define SPDK_VERSION_STRINGIFY(x)   SPDK_VERSION_STRINGIFY_x(x)

#define SPDK_VERSION_MAJOR_STRING SPDK_VERSION_STRINGIFY(SPDK_VERSION_MAJOR)
#if SPDK_VERSION_MINOR < 10
#define SPDK_VERSION_MINOR_STRING ".0" SPDK_VERSION_STRINGIFY(SPDK_VERSION_MINOR)
#else
#define SPDK_VERSION_MINOR_STRING "." SPDK_VERSION_STRINGIFY(SPDK_VERSION_MINOR)
#endif
#if SPDK_VERSION_PATCH != 0
#define SPDK_VERSION_PATCH_STRING "." SPDK_VERSION_STRINGIFY(SPDK_VERSION_PATCH)
#else
#define SPDK_VERSION_PATCH_STRING ""
#endif

/** For people; what spdk_get_version answers. */
#define SPDK_VERSION_STRING                                                                    \
	"SPDK v" SPDK_VERSION_MAJOR_STRING SPDK_VERSION_MINOR_STRING SPDK_VERSION_PATCH_STRING \
		SPDK_VERSION_SUFFIX

#endif
