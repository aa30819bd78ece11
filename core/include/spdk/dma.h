/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Kinds of memory that a device can be asked to reach. Names and values are SPDK's. */

#ifndef SPDK_DMA_H
#define SPDK_DMA_H

#include "spdk/stdinc.h"

#ifdef __cplusplus
extern "C" {
#endif

enum spdk_dma_device_type {
	SPDK_DMA_DEVICE_TYPE_RDMA,
	SPDK_DMA_DEVICE_TYPE_DMA,
	SPDK_DMA_DEVICE_TYPE_ACCEL,
	SPDK_DMA_DEVICE_VENDOR_SPECIFIC_TYPE_START = 1000,
	SPDK_DMA_DEVICE_VENDOR_SPECIFIC_TYPE_END = SPDK_DMA_DEVICE_VENDOR_SPECIFIC_TYPE_START + 999,
};

struct spdk_memory_domain;

#ifdef __cplusplus
}
#endif
#endif
