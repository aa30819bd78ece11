/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The one interrupt of a device bound to uio_pci_generic or igb_uio: /dev/uioN becomes readable,
 * and the kernel masks the line until somebody turns it on again. */

#include "core/env/env_pci_private.h"

#include "spdk/log.h"
#include "spdk/string.h"

#define COMMAND_OFFSET       4
#define COMMAND_INTX_DISABLE 0x400u

static int
uio_open(const struct spdk_pci_addr *addr)
{
	char path[PATH_MAX], name[NAME_MAX + 1] = "";
	struct dirent *file;
	int fd, rc;
	DIR *dir;

	rc = pci_native_path(addr, "uio", path, sizeof(path));
	if (rc != 0) {
		return rc;
	}
	dir = opendir(path);
	if (dir == NULL) {
		return -errno;
	}
	while (name[0] == '\0' && (file = readdir(dir)) != NULL) {
		if (strncmp(file->d_name, "uio", 3) == 0) {
			snprintf(name, sizeof(name), "%s", file->d_name);
		}
	}
	closedir(dir);
	if (name[0] == '\0') {
		return -ENODEV;
	}
	snprintf(path, sizeof(path), "%s/%s", pci_dev_root(), name);
	fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	return fd >= 0 ? fd : -errno;
}

static int
line_set(struct spdk_pci_device *dev, bool on)
{
	uint16_t command, wanted;

	if (spdk_pci_device_cfg_read16(dev, &command, COMMAND_OFFSET) != 0) {
		return -EIO;
	}
	wanted = (uint16_t)(on ? command & ~COMMAND_INTX_DISABLE : command | COMMAND_INTX_DISABLE);
	if (wanted != command && spdk_pci_device_cfg_write16(dev, wanted, COMMAND_OFFSET) != 0) {
		return -EIO;
	}
	return 0;
}

int
spdk_pci_device_enable_interrupt(struct spdk_pci_device *dev)
{
	struct pci_native *native = pci_native_of(dev);
	int fd, rc;

	if (native == NULL) {
		return -ENOTSUP;
	}
	if (native->interrupt_fd < 0) {
		fd = uio_open(&dev->addr);
		if (fd < 0) {
			SPDK_ERRLOG("PCI device %04x:%02x:%02x.%x has no interrupt for user space: "
			            "%s\n",
			            dev->addr.domain, dev->addr.bus, dev->addr.dev, dev->addr.func,
			            spdk_strerror(-fd));
			return fd;
		}
		native->interrupt_fd = fd;
	}
	rc = line_set(dev, true);
	if (rc != 0) {
		close(native->interrupt_fd);
		native->interrupt_fd = -1;
	}
	return rc;
}

int
spdk_pci_device_disable_interrupt(struct spdk_pci_device *dev)
{
	struct pci_native *native = pci_native_of(dev);
	int rc;

	if (native == NULL) {
		return -ENOTSUP;
	}
	if (native->interrupt_fd < 0) {
		return 0;
	}
	rc = line_set(dev, false);
	close(native->interrupt_fd);
	native->interrupt_fd = -1;
	return rc;
}

int
spdk_pci_device_get_interrupt_efd(struct spdk_pci_device *dev)
{
	struct pci_native *native = pci_native_of(dev);

	if (native == NULL) {
		return -ENOTSUP;
	}
	return native->interrupt_fd >= 0 ? native->interrupt_fd : -ENOENT;
}

int
spdk_pci_device_enable_interrupts(struct spdk_pci_device *dev, uint32_t efd_count)
{
	SPDK_ERRLOG("PCI device %04x:%02x:%02x.%x: %u interrupts need vfio-pci, which this version "
	            "does not use\n",
	            dev->addr.domain, dev->addr.bus, dev->addr.dev, dev->addr.func, efd_count);
	return -ENOTSUP;
}

int
spdk_pci_device_disable_interrupts(struct spdk_pci_device *dev)
{
	return -ENOTSUP;
}

int
spdk_pci_device_get_interrupt_efd_by_index(struct spdk_pci_device *dev, uint32_t index)
{
	return -ENOTSUP;
}
