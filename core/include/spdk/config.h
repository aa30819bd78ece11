/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What SPDK's ./configure would have written, as far as programs ask: which parts there are, and
 * their limits. What is not defined is not there. */

#ifndef SPDK_CONFIG_H
#define SPDK_CONFIG_H

/* A path in SPDK, whose last part names the environment: ours is DPDK's, too. */
#define SPDK_CONFIG_ENV core / env / env_dpdk

#define SPDK_CONFIG_MAX_LCORES     128
#define SPDK_CONFIG_MAX_NUMA_NODES 1

#define SPDK_CONFIG_URING 1
#define SPDK_CONFIG_USDT  1

#define SPDK_CONFIG_HAVE_ARC4RANDOM         1
#define SPDK_CONFIG_HAVE_EXECINFO_H         1
#define SPDK_CONFIG_HAVE_LIBBSD             1
#define SPDK_CONFIG_HAVE_LIBUUID            1
#define SPDK_CONFIG_HAVE_UUID_GENERATE_SHA1 1

#endif
