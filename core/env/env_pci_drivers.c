/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The devices of the drivers that every program may ask for. */

#include "core/env/env_pci_private.h"

#define INTEL(device)                                                             \
	{                                                                         \
		SPDK_PCI_DEVICE(SPDK_PCI_VID_INTEL, PCI_DEVICE_ID_INTEL_##device) \
	}
#define AMD(device)                                                           \
	{                                                                     \
		SPDK_PCI_DEVICE(SPDK_PCI_VID_AMD, PCI_DEVICE_ID_AMD_##device) \
	}
#define VIRTIO(device)                                                              \
	{                                                                           \
		SPDK_PCI_DEVICE(SPDK_PCI_VID_VIRTIO, PCI_DEVICE_ID_VIRTIO_##device) \
	}

static struct spdk_pci_id g_nvme[] = {
	{
		.class_id = SPDK_PCI_CLASS_NVME,
		.vendor_id = SPDK_PCI_ANY_ID,
		.device_id = SPDK_PCI_ANY_ID,
		.subvendor_id = SPDK_PCI_ANY_ID,
		.subdevice_id = SPDK_PCI_ANY_ID,
	},
	{},
};

static struct spdk_pci_id g_vmd[] = { INTEL(VMD_SKX), INTEL(VMD_ICX), {} };

static struct spdk_pci_id g_idxd[] = {
	INTEL(DSA), INTEL(DSA3), INTEL(IAA), INTEL(IAA3), {},
};

static struct spdk_pci_id g_ioat[] = {
	INTEL(IOAT_SNB0),   INTEL(IOAT_SNB1),   INTEL(IOAT_SNB2),
	INTEL(IOAT_SNB3),   INTEL(IOAT_SNB4),   INTEL(IOAT_SNB5),
	INTEL(IOAT_SNB6),   INTEL(IOAT_SNB7),   INTEL(IOAT_SNB8),
	INTEL(IOAT_SNB9),   INTEL(IOAT_IVB0),   INTEL(IOAT_IVB1),
	INTEL(IOAT_IVB2),   INTEL(IOAT_IVB3),   INTEL(IOAT_IVB4),
	INTEL(IOAT_IVB5),   INTEL(IOAT_IVB6),   INTEL(IOAT_IVB7),
	INTEL(IOAT_IVB8),   INTEL(IOAT_IVB9),   INTEL(IOAT_HSW0),
	INTEL(IOAT_HSW1),   INTEL(IOAT_HSW2),   INTEL(IOAT_HSW3),
	INTEL(IOAT_HSW4),   INTEL(IOAT_HSW5),   INTEL(IOAT_HSW6),
	INTEL(IOAT_HSW7),   INTEL(IOAT_HSW8),   INTEL(IOAT_HSW9),
	INTEL(IOAT_BWD0),   INTEL(IOAT_BWD1),   INTEL(IOAT_BWD2),
	INTEL(IOAT_BWD3),   INTEL(IOAT_BDXDE0), INTEL(IOAT_BDXDE1),
	INTEL(IOAT_BDXDE2), INTEL(IOAT_BDXDE3), INTEL(IOAT_BDX0),
	INTEL(IOAT_BDX1),   INTEL(IOAT_BDX2),   INTEL(IOAT_BDX3),
	INTEL(IOAT_BDX4),   INTEL(IOAT_BDX5),   INTEL(IOAT_BDX6),
	INTEL(IOAT_BDX7),   INTEL(IOAT_BDX8),   INTEL(IOAT_BDX9),
	INTEL(IOAT_SKX),    INTEL(IOAT_ICX),    {},
};

static struct spdk_pci_id g_ae4dma[] = { AMD(AE4DMA_3E), AMD(AE4DMA_4E), {} };

static struct spdk_pci_id g_virtio[] = {
	VIRTIO(BLK_LEGACY),
	VIRTIO(SCSI_LEGACY),
	VIRTIO(BLK_MODERN),
	VIRTIO(SCSI_MODERN),
	VIRTIO(FS),
	VIRTIO(VHOST_USER),
	{},
};

SPDK_PCI_DRIVER_REGISTER(nvme, g_nvme, SPDK_PCI_DRIVER_NEED_MAPPING | SPDK_PCI_DRIVER_WC_ACTIVATE)
SPDK_PCI_DRIVER_REGISTER(vmd, g_vmd, SPDK_PCI_DRIVER_NEED_MAPPING | SPDK_PCI_DRIVER_WC_ACTIVATE)
SPDK_PCI_DRIVER_REGISTER(ioat, g_ioat, SPDK_PCI_DRIVER_NEED_MAPPING)
SPDK_PCI_DRIVER_REGISTER(idxd, g_idxd, SPDK_PCI_DRIVER_NEED_MAPPING)
SPDK_PCI_DRIVER_REGISTER(ae4dma, g_ae4dma, SPDK_PCI_DRIVER_NEED_MAPPING)
SPDK_PCI_DRIVER_REGISTER(virtio, g_virtio,
                         SPDK_PCI_DRIVER_NEED_MAPPING | SPDK_PCI_DRIVER_WC_ACTIVATE)

#define DRIVER_GETTER(name)                                        \
	struct spdk_pci_driver *spdk_pci_##name##_get_driver(void) \
	{                                                          \
		return spdk_pci_get_driver(#name);                 \
	}

DRIVER_GETTER(nvme)
DRIVER_GETTER(vmd)
DRIVER_GETTER(ioat)
DRIVER_GETTER(idxd)
DRIVER_GETTER(ae4dma)
DRIVER_GETTER(virtio)
