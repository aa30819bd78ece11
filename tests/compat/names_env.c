/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Every public name of SPDK v26.05's spdk/env.h and spdk/env_dpdk.h, with its type. */

#include "names.h"

#include "spdk/env.h"
#include "spdk/env_dpdk.h"
#include "spdk/pci_ids.h"
#include "spdk/memory.h"

/* spdk/env.h */

FUNCTION(spdk_malloc, void *(size_t, size_t, uint64_t *, int, uint32_t));
FUNCTION(spdk_zmalloc, void *(size_t, size_t, uint64_t *, int, uint32_t));
FUNCTION(spdk_realloc, void *(void *, size_t, size_t));
FUNCTION(spdk_free, void(void *));
FUNCTION(spdk_env_opts_init, void(struct spdk_env_opts *));
FUNCTION(spdk_env_init, int(const struct spdk_env_opts *));
FUNCTION(spdk_env_fini, void(void));
FUNCTION(spdk_dma_malloc, void *(size_t, size_t, uint64_t *));
FUNCTION(spdk_dma_malloc_socket, void *(size_t, size_t, uint64_t *, int));
FUNCTION(spdk_dma_zmalloc, void *(size_t, size_t, uint64_t *));
FUNCTION(spdk_dma_zmalloc_socket, void *(size_t, size_t, uint64_t *, int));
FUNCTION(spdk_dma_realloc, void *(void *, size_t, size_t, uint64_t *));
FUNCTION(spdk_dma_free, void(void *));
FUNCTION(spdk_memzone_reserve, void *(const char *, size_t, int, unsigned int));
FUNCTION(spdk_memzone_reserve_aligned,
         void *(const char *, size_t, int, unsigned int, unsigned int));
FUNCTION(spdk_memzone_lookup, void *(const char *));
FUNCTION(spdk_memzone_free, int(const char *));
FUNCTION(spdk_memzone_dump, void(FILE *));
FUNCTION(spdk_mempool_create, struct spdk_mempool *(const char *, size_t, size_t, size_t, int));
FUNCTION(spdk_mempool_create_ctor, struct spdk_mempool *(const char *, size_t, size_t, size_t, int,
                                                         spdk_mempool_obj_cb_t *, void *));
FUNCTION(spdk_mempool_get_name, char *(struct spdk_mempool *));
FUNCTION(spdk_mempool_free, void(struct spdk_mempool *));
FUNCTION(spdk_mempool_get, void *(struct spdk_mempool *));
FUNCTION(spdk_mempool_get_bulk, int(struct spdk_mempool *, void **, size_t));
FUNCTION(spdk_mempool_put, void(struct spdk_mempool *, void *));
FUNCTION(spdk_mempool_put_bulk, void(struct spdk_mempool *, void **, size_t));
FUNCTION(spdk_mempool_count, size_t(const struct spdk_mempool *));
FUNCTION(spdk_mempool_obj_iter, uint32_t(struct spdk_mempool *, spdk_mempool_obj_cb_t *, void *));
FUNCTION(spdk_mempool_mem_iter, uint32_t(struct spdk_mempool *, spdk_mempool_mem_cb_t *, void *));
FUNCTION(spdk_mempool_lookup, struct spdk_mempool *(const char *));
FUNCTION(spdk_env_get_core_count, uint32_t(void));
FUNCTION(spdk_env_get_current_core, uint32_t(void));
FUNCTION(spdk_env_get_main_core, uint32_t(void));
FUNCTION(spdk_env_get_first_core, uint32_t(void));
FUNCTION(spdk_env_get_last_core, uint32_t(void));
FUNCTION(spdk_env_get_next_core, uint32_t(uint32_t));
FUNCTION(spdk_env_get_numa_id, int32_t(uint32_t));
FUNCTION(spdk_env_get_first_numa_id, int32_t(void));
FUNCTION(spdk_env_get_last_numa_id, int32_t(void));
FUNCTION(spdk_env_get_next_numa_id, int32_t(int32_t));
FUNCTION(spdk_env_get_cpuset, void(struct spdk_cpuset *));
FUNCTION(spdk_env_core_get_smt_cpuset, bool(struct spdk_cpuset *, uint32_t));
FUNCTION(spdk_env_thread_launch_pinned, int(uint32_t, thread_start_fn, void *));
FUNCTION(spdk_env_thread_wait_all, void(void));
FUNCTION(spdk_process_is_primary, bool(void));
FUNCTION(spdk_get_ticks, uint64_t(void));
FUNCTION(spdk_get_ticks_hz, uint64_t(void));
FUNCTION(spdk_delay_us, void(unsigned int));
FUNCTION(spdk_pause, void(void));
FUNCTION(spdk_ring_create, struct spdk_ring *(enum spdk_ring_type, size_t, int));
FUNCTION(spdk_ring_free, void(struct spdk_ring *));
FUNCTION(spdk_ring_count, size_t(struct spdk_ring *));
FUNCTION(spdk_ring_enqueue, size_t(struct spdk_ring *, void **, size_t, size_t *));
FUNCTION(spdk_ring_dequeue, size_t(struct spdk_ring *, void **, size_t));
FUNCTION(spdk_iommu_is_enabled, bool(void));
FUNCTION(spdk_vtophys, uint64_t(const void *, uint64_t *));
FUNCTION(spdk_pci_driver_register, void(const char *, struct spdk_pci_id *, uint32_t));
FUNCTION(spdk_pci_vmd_get_driver, struct spdk_pci_driver *(void));
FUNCTION(spdk_pci_ioat_get_driver, struct spdk_pci_driver *(void));
FUNCTION(spdk_pci_idxd_get_driver, struct spdk_pci_driver *(void));
FUNCTION(spdk_pci_ae4dma_get_driver, struct spdk_pci_driver *(void));
FUNCTION(spdk_pci_virtio_get_driver, struct spdk_pci_driver *(void));
FUNCTION(spdk_pci_get_driver, struct spdk_pci_driver *(const char *));
FUNCTION(spdk_pci_nvme_get_driver, struct spdk_pci_driver *(void));
FUNCTION(spdk_pci_enumerate, int(struct spdk_pci_driver *, spdk_pci_enum_cb, void *));
FUNCTION(spdk_pci_for_each_device, void(void *, void (*)(void *, struct spdk_pci_device *)));
FUNCTION(spdk_pci_device_map_bar,
         int(struct spdk_pci_device *, uint32_t, void **, uint64_t *, uint64_t *));
FUNCTION(spdk_pci_device_unmap_bar, int(struct spdk_pci_device *, uint32_t, void *));
FUNCTION(spdk_pci_device_enable_interrupt, int(struct spdk_pci_device *));
FUNCTION(spdk_pci_device_disable_interrupt, int(struct spdk_pci_device *));
FUNCTION(spdk_pci_device_get_interrupt_efd, int(struct spdk_pci_device *));
FUNCTION(spdk_pci_device_enable_interrupts, int(struct spdk_pci_device *, uint32_t));
FUNCTION(spdk_pci_device_disable_interrupts, int(struct spdk_pci_device *));
FUNCTION(spdk_pci_device_get_interrupt_efd_by_index, int(struct spdk_pci_device *, uint32_t));
FUNCTION(spdk_pci_device_get_domain, uint32_t(struct spdk_pci_device *));
FUNCTION(spdk_pci_device_get_bus, uint8_t(struct spdk_pci_device *));
FUNCTION(spdk_pci_device_get_dev, uint8_t(struct spdk_pci_device *));
FUNCTION(spdk_pci_device_get_func, uint8_t(struct spdk_pci_device *));
FUNCTION(spdk_pci_device_get_addr, struct spdk_pci_addr(struct spdk_pci_device *));
FUNCTION(spdk_pci_device_get_vendor_id, uint16_t(struct spdk_pci_device *));
FUNCTION(spdk_pci_device_get_device_id, uint16_t(struct spdk_pci_device *));
FUNCTION(spdk_pci_device_get_subvendor_id, uint16_t(struct spdk_pci_device *));
FUNCTION(spdk_pci_device_get_subdevice_id, uint16_t(struct spdk_pci_device *));
FUNCTION(spdk_pci_device_get_id, struct spdk_pci_id(struct spdk_pci_device *));
FUNCTION(spdk_pci_device_get_numa_id, int(struct spdk_pci_device *));
FUNCTION(spdk_pci_device_get_serial_number, int(struct spdk_pci_device *, char *, size_t));
FUNCTION(spdk_pci_device_claim, int(struct spdk_pci_device *));
FUNCTION(spdk_pci_device_unclaim, void(struct spdk_pci_device *));
FUNCTION(spdk_pci_device_detach, void(struct spdk_pci_device *));
FUNCTION(spdk_pci_device_attach,
         int(struct spdk_pci_driver *, spdk_pci_enum_cb, void *, struct spdk_pci_addr *));
FUNCTION(spdk_pci_device_allow, int(struct spdk_pci_addr *));
FUNCTION(spdk_pci_device_cfg_read, int(struct spdk_pci_device *, void *, uint32_t, uint32_t));
FUNCTION(spdk_pci_device_cfg_write, int(struct spdk_pci_device *, void *, uint32_t, uint32_t));
FUNCTION(spdk_pci_device_cfg_read8, int(struct spdk_pci_device *, uint8_t *, uint32_t));
FUNCTION(spdk_pci_device_cfg_write8, int(struct spdk_pci_device *, uint8_t, uint32_t));
FUNCTION(spdk_pci_device_cfg_read16, int(struct spdk_pci_device *, uint16_t *, uint32_t));
FUNCTION(spdk_pci_device_cfg_write16, int(struct spdk_pci_device *, uint16_t, uint32_t));
FUNCTION(spdk_pci_device_cfg_read32, int(struct spdk_pci_device *, uint32_t *, uint32_t));
FUNCTION(spdk_pci_device_cfg_write32, int(struct spdk_pci_device *, uint32_t, uint32_t));
FUNCTION(spdk_pci_device_is_removed, bool(struct spdk_pci_device *));
FUNCTION(spdk_pci_addr_compare, int(const struct spdk_pci_addr *, const struct spdk_pci_addr *));
FUNCTION(spdk_pci_addr_parse, int(struct spdk_pci_addr *, const char *));
FUNCTION(spdk_pci_addr_fmt, int(char *, size_t, const struct spdk_pci_addr *));
FUNCTION(spdk_pci_hook_device, int(struct spdk_pci_driver *, struct spdk_pci_device *));
FUNCTION(spdk_pci_unhook_device, void(struct spdk_pci_device *));
FUNCTION(spdk_pci_device_get_type, const char *(const struct spdk_pci_device *));
FUNCTION(spdk_pci_register_device_provider, void(struct spdk_pci_device_provider *));
FUNCTION(spdk_unaffinitize_thread, void(void));
FUNCTION(spdk_call_unaffinitized, void *(void *(*)(void *), void *));
FUNCTION(spdk_mem_map_alloc,
         struct spdk_mem_map *(uint64_t, const struct spdk_mem_map_ops *, void *));
FUNCTION(spdk_mem_map_free, void(struct spdk_mem_map **));
FUNCTION(spdk_mem_map_set_translation, int(struct spdk_mem_map *, uint64_t, uint64_t, uint64_t));
FUNCTION(spdk_mem_map_clear_translation, int(struct spdk_mem_map *, uint64_t, uint64_t));
FUNCTION(spdk_mem_map_translate, uint64_t(const struct spdk_mem_map *, uint64_t, uint64_t *));
FUNCTION(spdk_mem_register, int(void *, size_t));
FUNCTION(spdk_mem_unregister, int(void *, size_t));
FUNCTION(spdk_mem_reserve, int(void *, size_t));
FUNCTION(spdk_mem_get_numa_id, int32_t(const void *, uint64_t *));
FUNCTION(spdk_mem_get_fd_and_offset, int(void *, uint64_t *));
FUNCTION(spdk_pci_event_listen, int(void));
FUNCTION(spdk_pci_get_event, int(int, struct spdk_pci_event *));
FUNCTION(spdk_pci_register_error_handler, int(spdk_pci_error_handler, void *));
FUNCTION(spdk_pci_unregister_error_handler, void(spdk_pci_error_handler));
FUNCTION(spdk_get_tid, int(void));

TYPE(struct spdk_env_opts);
FIELD(struct spdk_env_opts, name, const char *);
FIELD(struct spdk_env_opts, core_mask, const char *);
FIELD(struct spdk_env_opts, lcore_map, const char *);
FIELD(struct spdk_env_opts, shm_id, int);
FIELD(struct spdk_env_opts, mem_channel, int);
FIELD(struct spdk_env_opts, main_core, int);
FIELD(struct spdk_env_opts, mem_size, int);
FIELD(struct spdk_env_opts, no_pci, bool);
FIELD(struct spdk_env_opts, hugepage_single_segments, bool);
FIELD(struct spdk_env_opts, unlink_hugepage, bool);
FIELD(struct spdk_env_opts, no_huge, bool);
FIELD(struct spdk_env_opts, num_pci_addr, size_t);
FIELD(struct spdk_env_opts, hugedir, const char *);
FIELD(struct spdk_env_opts, pci_blocked, struct spdk_pci_addr *);
FIELD(struct spdk_env_opts, pci_allowed, struct spdk_pci_addr *);
FIELD(struct spdk_env_opts, iova_mode, const char *);
FIELD(struct spdk_env_opts, base_virtaddr, uint64_t);
FIELD(struct spdk_env_opts, env_context, void *);
FIELD(struct spdk_env_opts, vf_token, const char *);
FIELD(struct spdk_env_opts, opts_size, size_t);
FIELD(struct spdk_env_opts, enforce_numa, bool);
TYPE(spdk_mempool_obj_cb_t);
TYPE(spdk_mempool_mem_cb_t);
TYPE(thread_start_fn);
TYPE(struct spdk_pci_addr);
FIELD(struct spdk_pci_addr, domain, uint32_t);
FIELD(struct spdk_pci_addr, bus, uint8_t);
FIELD(struct spdk_pci_addr, dev, uint8_t);
FIELD(struct spdk_pci_addr, func, uint8_t);
TYPE(struct spdk_pci_id);
FIELD(struct spdk_pci_id, class_id, uint32_t);
FIELD(struct spdk_pci_id, vendor_id, uint16_t);
FIELD(struct spdk_pci_id, device_id, uint16_t);
FIELD(struct spdk_pci_id, subvendor_id, uint16_t);
FIELD(struct spdk_pci_id, subdevice_id, uint16_t);
TYPE(struct spdk_pci_device);
FIELD(struct spdk_pci_device, parent, struct spdk_pci_device *);
FIELD(struct spdk_pci_device, dev_handle, void *);
FIELD(struct spdk_pci_device, addr, struct spdk_pci_addr);
FIELD(struct spdk_pci_device, id, struct spdk_pci_id);
MEMBER(struct spdk_pci_device, numa_id);
MEMBER(struct spdk_pci_device, socket_id);
FIELD(struct spdk_pci_device, type, const char *);
FIELD(struct spdk_pci_device, map_bar,
      int (*)(struct spdk_pci_device *, uint32_t, void **, uint64_t *, uint64_t *));
FIELD(struct spdk_pci_device, unmap_bar, int (*)(struct spdk_pci_device *, uint32_t, void *));
FIELD(struct spdk_pci_device, cfg_read,
      int (*)(struct spdk_pci_device *, void *, uint32_t, uint32_t));
FIELD(struct spdk_pci_device, cfg_write,
      int (*)(struct spdk_pci_device *, void *, uint32_t, uint32_t));
TYPE(spdk_pci_enum_cb);
TYPE(struct spdk_pci_device_provider);
FIELD(struct spdk_pci_device_provider, name, const char *);
FIELD(struct spdk_pci_device_provider, attach_cb, int (*)(const struct spdk_pci_addr *));
FIELD(struct spdk_pci_device_provider, detach_cb, void (*)(struct spdk_pci_device *));
TYPE(spdk_mem_map_notify_cb);
TYPE(spdk_mem_map_contiguous_translations);
TYPE(struct spdk_mem_map_ops);
FIELD(struct spdk_mem_map_ops, notify_cb, spdk_mem_map_notify_cb);
FIELD(struct spdk_mem_map_ops, are_contiguous, spdk_mem_map_contiguous_translations);
TYPE(struct spdk_pci_event);
FIELD(struct spdk_pci_event, action, enum spdk_pci_event_type);
FIELD(struct spdk_pci_event, traddr, struct spdk_pci_addr);
TYPE(spdk_pci_error_handler);

VALUE(SPDK_RING_TYPE_SP_SC);
VALUE(SPDK_RING_TYPE_MP_SC);
VALUE(SPDK_RING_TYPE_MP_MC);
VALUE(SPDK_MEM_MAP_NOTIFY_REGISTER);
VALUE(SPDK_MEM_MAP_NOTIFY_UNREGISTER);
VALUE(SPDK_UEVENT_ADD);
VALUE(SPDK_UEVENT_REMOVE);

#if !defined(SPDK_ENV_NUMA_ID_ANY) || !defined(SPDK_ENV_SOCKET_ID_ANY) ||                  \
	!defined(SPDK_ENV_LCORE_ID_ANY) || !defined(SPDK_MALLOC_DMA) ||                    \
	!defined(SPDK_MALLOC_SHARE) || !defined(SPDK_MAX_MEMZONE_NAME_LEN) ||              \
	!defined(SPDK_MAX_MEMPOOL_NAME_LEN) || !defined(SPDK_MEMZONE_NO_IOVA_CONTIG) ||    \
	!defined(SPDK_MEMPOOL_DEFAULT_CACHE_SIZE) || !defined(SPDK_ENV_FOREACH_CORE) ||    \
	!defined(SPDK_ENV_FOREACH_NUMA_ID) || !defined(SPDK_VTOPHYS_ERROR) ||              \
	!defined(SPDK_PCI_DRIVER_NEED_MAPPING) || !defined(SPDK_PCI_DRIVER_WC_ACTIVATE) || \
	!defined(SPDK_PCI_DEVICE) || !defined(SPDK_PCI_DRIVER_REGISTER) ||                 \
	!defined(SPDK_PCI_REGISTER_DEVICE_PROVIDER)
#error "a macro of spdk/env.h is missing"
#endif

/* spdk/env_dpdk.h */

FUNCTION(spdk_env_dpdk_post_init, int(bool));
FUNCTION(spdk_env_dpdk_post_fini, void(void));
FUNCTION(spdk_env_dpdk_external_init, bool(void));
FUNCTION(spdk_env_dpdk_dump_mem_stats, void(FILE *));
FUNCTION(spdk_env_dpdk_get_mem_stats, int(struct spdk_env_dpdk_mem_stats *, uint32_t));

TYPE(struct spdk_env_dpdk_mem_stats);
FIELD(struct spdk_env_dpdk_mem_stats, heap_totalsz_bytes, uint64_t);
FIELD(struct spdk_env_dpdk_mem_stats, heap_freesz_bytes, uint64_t);
FIELD(struct spdk_env_dpdk_mem_stats, greatest_free_size, uint64_t);
FIELD(struct spdk_env_dpdk_mem_stats, heap_allocsz_bytes, uint64_t);
FIELD(struct spdk_env_dpdk_mem_stats, free_count, uint32_t);
FIELD(struct spdk_env_dpdk_mem_stats, alloc_count, uint32_t);

/* spdk/pci_ids.h */

#if !defined(SPDK_PCI_IDS) || !defined(SPDK_PCI_ANY_ID) || !defined(SPDK_PCI_VID_INTEL) ||         \
	!defined(SPDK_PCI_VID_AMD) || !defined(SPDK_PCI_VID_MEMBLAZE) ||                           \
	!defined(SPDK_PCI_VID_SAMSUNG) || !defined(SPDK_PCI_VID_VIRTUALBOX) ||                     \
	!defined(SPDK_PCI_VID_VIRTIO) || !defined(SPDK_PCI_VID_CNEXLABS) ||                        \
	!defined(SPDK_PCI_VID_VMWARE) || !defined(SPDK_PCI_VID_REDHAT) ||                          \
	!defined(SPDK_PCI_VID_NUTANIX) || !defined(SPDK_PCI_VID_HUAWEI) ||                         \
	!defined(SPDK_PCI_VID_MICROSOFT) || !defined(SPDK_PCI_VID_MICRON) ||                       \
	!defined(SPDK_PCI_CLASS_ANY_ID) || !defined(SPDK_PCI_CLASS_NVME) ||                        \
	!defined(PCI_DEVICE_ID_INTEL_DSA) || !defined(PCI_DEVICE_ID_INTEL_DSA3) ||                 \
	!defined(PCI_DEVICE_ID_INTEL_IAA) || !defined(PCI_DEVICE_ID_INTEL_IAA3) ||                 \
	!defined(PCI_DEVICE_ID_INTEL_IOAT_SNB0) || !defined(PCI_DEVICE_ID_INTEL_IOAT_SNB1) ||      \
	!defined(PCI_DEVICE_ID_INTEL_IOAT_SNB2) || !defined(PCI_DEVICE_ID_INTEL_IOAT_SNB3) ||      \
	!defined(PCI_DEVICE_ID_INTEL_IOAT_SNB4) || !defined(PCI_DEVICE_ID_INTEL_IOAT_SNB5) ||      \
	!defined(PCI_DEVICE_ID_INTEL_IOAT_SNB6) || !defined(PCI_DEVICE_ID_INTEL_IOAT_SNB7) ||      \
	!defined(PCI_DEVICE_ID_INTEL_IOAT_SNB8) || !defined(PCI_DEVICE_ID_INTEL_IOAT_SNB9) ||      \
	!defined(PCI_DEVICE_ID_INTEL_IOAT_IVB0) || !defined(PCI_DEVICE_ID_INTEL_IOAT_IVB1) ||      \
	!defined(PCI_DEVICE_ID_INTEL_IOAT_IVB2) || !defined(PCI_DEVICE_ID_INTEL_IOAT_IVB3) ||      \
	!defined(PCI_DEVICE_ID_INTEL_IOAT_IVB4) || !defined(PCI_DEVICE_ID_INTEL_IOAT_IVB5) ||      \
	!defined(PCI_DEVICE_ID_INTEL_IOAT_IVB6) || !defined(PCI_DEVICE_ID_INTEL_IOAT_IVB7) ||      \
	!defined(PCI_DEVICE_ID_INTEL_IOAT_IVB8) || !defined(PCI_DEVICE_ID_INTEL_IOAT_IVB9) ||      \
	!defined(PCI_DEVICE_ID_INTEL_IOAT_HSW0) || !defined(PCI_DEVICE_ID_INTEL_IOAT_HSW1) ||      \
	!defined(PCI_DEVICE_ID_INTEL_IOAT_HSW2) || !defined(PCI_DEVICE_ID_INTEL_IOAT_HSW3) ||      \
	!defined(PCI_DEVICE_ID_INTEL_IOAT_HSW4) || !defined(PCI_DEVICE_ID_INTEL_IOAT_HSW5) ||      \
	!defined(PCI_DEVICE_ID_INTEL_IOAT_HSW6) || !defined(PCI_DEVICE_ID_INTEL_IOAT_HSW7) ||      \
	!defined(PCI_DEVICE_ID_INTEL_IOAT_HSW8) || !defined(PCI_DEVICE_ID_INTEL_IOAT_HSW9) ||      \
	!defined(PCI_DEVICE_ID_INTEL_IOAT_BWD0) || !defined(PCI_DEVICE_ID_INTEL_IOAT_BWD1) ||      \
	!defined(PCI_DEVICE_ID_INTEL_IOAT_BWD2) || !defined(PCI_DEVICE_ID_INTEL_IOAT_BWD3) ||      \
	!defined(PCI_DEVICE_ID_INTEL_IOAT_BDXDE0) || !defined(PCI_DEVICE_ID_INTEL_IOAT_BDXDE1) ||  \
	!defined(PCI_DEVICE_ID_INTEL_IOAT_BDXDE2) || !defined(PCI_DEVICE_ID_INTEL_IOAT_BDXDE3) ||  \
	!defined(PCI_DEVICE_ID_INTEL_IOAT_BDX0) || !defined(PCI_DEVICE_ID_INTEL_IOAT_BDX1) ||      \
	!defined(PCI_DEVICE_ID_INTEL_IOAT_BDX2) || !defined(PCI_DEVICE_ID_INTEL_IOAT_BDX3) ||      \
	!defined(PCI_DEVICE_ID_INTEL_IOAT_BDX4) || !defined(PCI_DEVICE_ID_INTEL_IOAT_BDX5) ||      \
	!defined(PCI_DEVICE_ID_INTEL_IOAT_BDX6) || !defined(PCI_DEVICE_ID_INTEL_IOAT_BDX7) ||      \
	!defined(PCI_DEVICE_ID_INTEL_IOAT_BDX8) || !defined(PCI_DEVICE_ID_INTEL_IOAT_BDX9) ||      \
	!defined(PCI_DEVICE_ID_INTEL_IOAT_SKX) || !defined(PCI_DEVICE_ID_INTEL_IOAT_ICX) ||        \
	!defined(PCI_DEVICE_ID_VIRTIO_BLK_LEGACY) || !defined(PCI_DEVICE_ID_VIRTIO_SCSI_LEGACY) || \
	!defined(PCI_DEVICE_ID_VIRTIO_BLK_MODERN) || !defined(PCI_DEVICE_ID_VIRTIO_SCSI_MODERN) || \
	!defined(PCI_DEVICE_ID_VIRTIO_FS) || !defined(PCI_DEVICE_ID_VIRTIO_VHOST_USER) ||          \
	!defined(PCI_DEVICE_ID_INTEL_VMD_SKX) || !defined(PCI_DEVICE_ID_INTEL_VMD_ICX) ||          \
	!defined(PCI_ROOT_PORT_A_INTEL_SKX) || !defined(PCI_ROOT_PORT_B_INTEL_SKX) ||              \
	!defined(PCI_ROOT_PORT_C_INTEL_SKX) || !defined(PCI_ROOT_PORT_D_INTEL_SKX) ||              \
	!defined(PCI_ROOT_PORT_A_INTEL_ICX) || !defined(PCI_ROOT_PORT_B_INTEL_ICX) ||              \
	!defined(PCI_ROOT_PORT_C_INTEL_ICX) || !defined(PCI_ROOT_PORT_D_INTEL_ICX) ||              \
	!defined(PCI_DEVICE_ID_AMD_AE4DMA_3E) || !defined(PCI_DEVICE_ID_AMD_AE4DMA_4E)
#error "a macro of spdk/pci_ids.h is missing"
#endif

/* spdk/memory.h */

#if !defined(VFIO_ENABLED) || !defined(SHIFT_2MB) || !defined(VALUE_2MB) || !defined(MASK_2MB) ||  \
	!defined(SHIFT_4KB) || !defined(VALUE_4KB) || !defined(MASK_4KB) || !defined(FLOOR_2MB) || \
	!defined(CEIL_2MB)
#error "a macro of spdk/memory.h is missing"
#endif
