/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What is asked of one device. */

#include "core/env/env_pci_private.h"
#include "core/util/lock_file.h"

#include "spdk/log.h"
#include "spdk/string.h"

#define EXTENDED_BEGIN 0x100u
#define EXTENDED_END   0x1000u
#define CAPABILITY_DSN 3u

/* --- what it is ------------------------------------------------------------------------------- */

uint32_t
spdk_pci_device_get_domain(struct spdk_pci_device *dev)
{
	return dev->addr.domain;
}

uint8_t
spdk_pci_device_get_bus(struct spdk_pci_device *dev)
{
	return dev->addr.bus;
}

uint8_t
spdk_pci_device_get_dev(struct spdk_pci_device *dev)
{
	return dev->addr.dev;
}

uint8_t
spdk_pci_device_get_func(struct spdk_pci_device *dev)
{
	return dev->addr.func;
}

struct spdk_pci_addr
spdk_pci_device_get_addr(struct spdk_pci_device *dev)
{
	return dev->addr;
}

uint16_t
spdk_pci_device_get_vendor_id(struct spdk_pci_device *dev)
{
	return dev->id.vendor_id;
}

uint16_t
spdk_pci_device_get_device_id(struct spdk_pci_device *dev)
{
	return dev->id.device_id;
}

uint16_t
spdk_pci_device_get_subvendor_id(struct spdk_pci_device *dev)
{
	return dev->id.subvendor_id;
}

uint16_t
spdk_pci_device_get_subdevice_id(struct spdk_pci_device *dev)
{
	return dev->id.subdevice_id;
}

struct spdk_pci_id
spdk_pci_device_get_id(struct spdk_pci_device *dev)
{
	return dev->id;
}

int
spdk_pci_device_get_numa_id(struct spdk_pci_device *dev)
{
	return dev->numa_id;
}

const char *
spdk_pci_device_get_type(const struct spdk_pci_device *dev)
{
	return dev->type;
}

bool
spdk_pci_device_is_removed(struct spdk_pci_device *dev)
{
	return dev->internal.pending_removal;
}

/* --- registers and configuration space -------------------------------------------------------- */

int
spdk_pci_device_map_bar(struct spdk_pci_device *dev, uint32_t bar, void **mapped_addr,
                        uint64_t *phys_addr, uint64_t *size)
{
	return dev->map_bar(dev, bar, mapped_addr, phys_addr, size);
}

int
spdk_pci_device_unmap_bar(struct spdk_pci_device *dev, uint32_t bar, void *mapped_addr)
{
	return dev->unmap_bar(dev, bar, mapped_addr);
}

int
spdk_pci_device_cfg_read(struct spdk_pci_device *dev, void *buf, uint32_t len, uint32_t offset)
{
	return dev->cfg_read(dev, buf, len, offset) == 0 ? 0 : -1;
}

int
spdk_pci_device_cfg_write(struct spdk_pci_device *dev, void *buf, uint32_t len, uint32_t offset)
{
	return dev->cfg_write(dev, buf, len, offset) == 0 ? 0 : -1;
}

int
spdk_pci_device_cfg_read8(struct spdk_pci_device *dev, uint8_t *value, uint32_t offset)
{
	return spdk_pci_device_cfg_read(dev, value, sizeof(*value), offset);
}

int
spdk_pci_device_cfg_write8(struct spdk_pci_device *dev, uint8_t value, uint32_t offset)
{
	return spdk_pci_device_cfg_write(dev, &value, sizeof(value), offset);
}

int
spdk_pci_device_cfg_read16(struct spdk_pci_device *dev, uint16_t *value, uint32_t offset)
{
	return spdk_pci_device_cfg_read(dev, value, sizeof(*value), offset);
}

int
spdk_pci_device_cfg_write16(struct spdk_pci_device *dev, uint16_t value, uint32_t offset)
{
	return spdk_pci_device_cfg_write(dev, &value, sizeof(value), offset);
}

int
spdk_pci_device_cfg_read32(struct spdk_pci_device *dev, uint32_t *value, uint32_t offset)
{
	return spdk_pci_device_cfg_read(dev, value, sizeof(*value), offset);
}

int
spdk_pci_device_cfg_write32(struct spdk_pci_device *dev, uint32_t value, uint32_t offset)
{
	return spdk_pci_device_cfg_write(dev, &value, sizeof(value), offset);
}

int
spdk_pci_device_get_serial_number(struct spdk_pci_device *dev, char *sn, size_t len)
{
	uint32_t at = EXTENDED_BEGIN, header, low, high;
	unsigned steps = (EXTENDED_END - EXTENDED_BEGIN) / 8;

	if (len < 17) {
		return -1;
	}
	/* Each capability takes 8 bytes at least: a chain of more of them is a circle. */
	while (at >= EXTENDED_BEGIN && at < EXTENDED_END && steps-- > 0) {
		if (spdk_pci_device_cfg_read32(dev, &header, at) != 0 || header == 0 ||
		    header == UINT32_MAX) {
			return -1;
		}
		if ((header & 0xffff) == CAPABILITY_DSN) {
			if (spdk_pci_device_cfg_read32(dev, &low, at + 4) != 0 ||
			    spdk_pci_device_cfg_read32(dev, &high, at + 8) != 0) {
				return -1;
			}
			snprintf(sn, len, "%08x%08x", high, low);
			return 0;
		}
		at = header >> 20 & ~3u;
	}
	return -1;
}

/* --- claiming --------------------------------------------------------------------------------- */

/* SPDK's file and SPDK's kind of lock, but of the open file: it does not end when the process
 * closes another descriptor of the same file, and holds against the process itself. */
int
spdk_pci_device_claim(struct spdk_pci_device *dev)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int32_t holder = 0, pid = getpid();
	char path[PATH_MAX];
	int fd, rc;

	if (dev->internal.claim_fd >= 0) {
		return -EACCES;
	}
	snprintf(path, sizeof(path), "%s/spdk_pci_lock_%04x:%02x:%02x.%x", pci_lock_root(),
	         dev->addr.domain, dev->addr.bus, dev->addr.dev, dev->addr.func);
	fd = lock_file_open(path);
	if (fd < 0) {
		rc = fd;
		SPDK_ERRLOG("%s cannot be opened: %s\n", path, spdk_strerror(-rc));
		return rc;
	}
	if (fcntl(fd, F_OFD_SETLK, &lock) != 0) {
		rc = errno == EAGAIN || errno == EACCES ? -EACCES : -errno;
		if (pread(fd, &holder, sizeof(holder), 0) != sizeof(holder)) {
			holder = 0;
		}
		SPDK_ERRLOG("PCI device %04x:%02x:%02x.%x is claimed by process %d\n",
		            dev->addr.domain, dev->addr.bus, dev->addr.dev, dev->addr.func, holder);
		close(fd);
		return rc;
	}
	if (pwrite(fd, &pid, sizeof(pid), 0) != sizeof(pid)) {
		rc = -errno;
		close(fd);
		return rc;
	}
	dev->internal.claim_fd = fd;
	return 0;
}

void
spdk_pci_device_unclaim(struct spdk_pci_device *dev)
{
	if (dev->internal.claim_fd >= 0) {
		/* The file stays, as SPDK's does: removing it would let two claims in. */
		close(dev->internal.claim_fd);
		dev->internal.claim_fd = -1;
	}
}
