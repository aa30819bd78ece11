/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What the block layer speaks of NVMe: the command it passes through and the status it reports
 * (NVM Express Base Specification 2.0, sections 3.3.3 and 4.2.3), under SPDK's names. */

#ifndef SPDK_NVME_SPEC_H
#define SPDK_NVME_SPEC_H

#include "spdk/stdinc.h"
#include "spdk/assert.h"

#ifdef __cplusplus
extern "C" {
#endif

enum spdk_nvme_csi {
	SPDK_NVME_CSI_NVM = 0x0,
	SPDK_NVME_CSI_KV = 0x1,
	SPDK_NVME_CSI_ZNS = 0x2,
};

enum spdk_nvme_status_code_type {
	SPDK_NVME_SCT_GENERIC = 0x0,
	SPDK_NVME_SCT_COMMAND_SPECIFIC = 0x1,
	SPDK_NVME_SCT_MEDIA_ERROR = 0x2,
	SPDK_NVME_SCT_PATH = 0x3,
	SPDK_NVME_SCT_VENDOR_SPECIFIC = 0x7,
};

enum spdk_nvme_generic_command_status_code {
	SPDK_NVME_SC_SUCCESS = 0x00,
	SPDK_NVME_SC_INVALID_OPCODE = 0x01,
	SPDK_NVME_SC_INVALID_FIELD = 0x02,
	SPDK_NVME_SC_INTERNAL_DEVICE_ERROR = 0x06,
	SPDK_NVME_SC_ABORTED_BY_REQUEST = 0x07,
	SPDK_NVME_SC_ABORTED_MISSING_FUSED = 0x0a,
	SPDK_NVME_SC_LBA_OUT_OF_RANGE = 0x80,
	SPDK_NVME_SC_CAPACITY_EXCEEDED = 0x81,
};

enum spdk_nvme_media_error_status_code {
	SPDK_NVME_SC_WRITE_FAULTS = 0x80,
	SPDK_NVME_SC_UNRECOVERED_READ_ERROR = 0x81,
	SPDK_NVME_SC_COMPARE_FAILURE = 0x85,
};

struct spdk_nvme_cmd {
	/* dword 0 */
	uint16_t opc : 8;
	uint16_t fuse : 2;
	uint16_t rsvd1 : 4;
	uint16_t psdt : 2;
	uint16_t cid;
	/* dwords 1 to 5 */
	uint32_t nsid;
	uint32_t cdw2;
	uint32_t cdw3;
	uint64_t mptr;
	/* dwords 6 to 9: the data pointer */
	union {
		struct {
			uint64_t prp1;
			uint64_t prp2;
		} prp;
	} dptr;
	uint32_t cdw10;
	uint32_t cdw11;
	uint32_t cdw12;
	uint32_t cdw13;
	uint32_t cdw14;
	uint32_t cdw15;
};
SPDK_STATIC_ASSERT(sizeof(struct spdk_nvme_cmd) == 64, "a submission queue entry has 64 bytes");

#ifdef __cplusplus
}
#endif
#endif
