/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Devices in /sys/bus/pci/devices: what they are, their configuration space and their registers, by
 * the files that the kernel has for them. That is all there is to uio_pci_generic and igb_uio; a
 * device bound to vfio-pci answers to VFIO only, which is not here yet. */

#include "core/env/env_pci_private.h"

#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/util.h"

#define COMMAND_OFFSET    4
#define COMMAND_MEMORY    0x2u
#define COMMAND_MASTER    0x4u
#define RESOURCE_MEMORY   0x200u /* IORESOURCE_MEM */
#define RESOURCE_PREFETCH 0x2000u

const char g_pci_native_type[] = "pci";

static const char *g_sys = "/sys";
static const char *g_dev = "/dev";
static const char *g_locks = "/var/tmp";

void
pci_native_set_roots(const char *sys, const char *dev, const char *locks)
{
	g_sys = sys != NULL ? sys : "/sys";
	g_dev = dev != NULL ? dev : "/dev";
	g_locks = locks != NULL ? locks : "/var/tmp";
}

const char *
pci_dev_root(void)
{
	return g_dev;
}

const char *
pci_lock_root(void)
{
	return g_locks;
}

int
pci_native_path(const struct spdk_pci_addr *addr, const char *name, char *buf, size_t size)
{
	int n = snprintf(buf, size, "%s/bus/pci/devices/%04x:%02x:%02x.%x/%s", g_sys, addr->domain,
	                 addr->bus, addr->dev, addr->func, name);

	return n > 0 && (size_t)n < size ? 0 : -ENAMETOOLONG;
}

/* --- configuration space ---------------------------------------------------------------------- */

static int
native_cfg_read(struct spdk_pci_device *dev, void *value, uint32_t len, uint32_t offset)
{
	struct pci_native *native = (struct pci_native *)dev;

	return pread(native->config_fd, value, len, offset) == (ssize_t)len ? 0 : -1;
}

static int
native_cfg_write(struct spdk_pci_device *dev, void *value, uint32_t len, uint32_t offset)
{
	struct pci_native *native = (struct pci_native *)dev;

	return pwrite(native->config_fd, value, len, offset) == (ssize_t)len ? 0 : -1;
}

/* --- registers -------------------------------------------------------------------------------- */

/* Line `bar` of the file "resource": begin, end, flags. */
static int
resource_read(const struct spdk_pci_addr *addr, uint32_t bar, uint64_t *begin, uint64_t *size,
              uint64_t *flags)
{
	char path[PATH_MAX], line[128];
	uint64_t end = 0;
	uint32_t i;
	FILE *file;
	int rc;

	rc = pci_native_path(addr, "resource", path, sizeof(path));
	if (rc != 0) {
		return rc;
	}
	file = fopen(path, "re");
	if (file == NULL) {
		return -errno;
	}
	rc = -EINVAL;
	for (i = 0; i <= bar && fgets(line, sizeof(line), file) != NULL; i++) {
		if (i == bar &&
		    sscanf(line, "%" SCNx64 " %" SCNx64 " %" SCNx64, begin, &end, flags) == 3) {
			rc = 0;
		}
	}
	fclose(file);
	if (rc == 0 && (*flags & RESOURCE_MEMORY) == 0) {
		return -ENODEV;
	}
	*size = rc == 0 && end >= *begin ? end - *begin + 1 : 0;
	return rc;
}

static int
resource_map(struct pci_native *native, uint32_t bar, uint64_t size, bool combine)
{
	char name[32], path[PATH_MAX];
	void *addr;
	int fd, rc;

	snprintf(name, sizeof(name), "resource%u%s", bar, combine ? "_wc" : "");
	rc = pci_native_path(&native->dev.addr, name, path, sizeof(path));
	if (rc != 0) {
		return rc;
	}
	fd = open(path, O_RDWR | O_SYNC | O_CLOEXEC);
	if (fd < 0) {
		return -errno;
	}
	addr = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	rc = addr == MAP_FAILED ? -errno : 0;
	close(fd);
	if (rc == 0) {
		native->bars[bar].addr = addr;
		native->bars[bar].size = size;
	}
	return rc;
}

static int
native_map_bar(struct spdk_pci_device *dev, uint32_t bar, void **mapped_addr, uint64_t *phys_addr,
               uint64_t *size)
{
	struct pci_native *native = (struct pci_native *)dev;
	uint64_t begin = 0, length = 0, flags = 0;
	bool combine;
	int rc;

	if (bar >= PCI_BARS) {
		return -EINVAL;
	}
	rc = resource_read(&dev->addr, bar, &begin, &length, &flags);
	if (rc != 0) {
		return rc;
	}
	if (native->bars[bar].addr == NULL) {
		combine = (dev->internal.driver->flags & SPDK_PCI_DRIVER_WC_ACTIVATE) != 0 &&
		          (flags & RESOURCE_PREFETCH) != 0;
		rc = resource_map(native, bar, length, combine);
		if (rc == -ENOENT && combine) {
			rc = resource_map(native, bar, length, false);
		}
	}
	if (rc != 0) {
		SPDK_ERRLOG("BAR %u of PCI device %04x:%02x:%02x.%x cannot be mapped: %s\n", bar,
		            dev->addr.domain, dev->addr.bus, dev->addr.dev, dev->addr.func,
		            spdk_strerror(-rc));
		return rc;
	}
	*mapped_addr = native->bars[bar].addr;
	*phys_addr = begin;
	*size = length;
	return 0;
}

static int
native_unmap_bar(struct spdk_pci_device *dev, uint32_t bar, void *addr)
{
	struct pci_native *native = (struct pci_native *)dev;

	if (bar >= PCI_BARS || native->bars[bar].addr == NULL || native->bars[bar].addr != addr) {
		return -EINVAL;
	}
	munmap(native->bars[bar].addr, native->bars[bar].size);
	native->bars[bar].addr = NULL;
	return 0;
}

/* --- opening ---------------------------------------------------------------------------------- */

/* The kernel's driver, "" for none. */
static void
kernel_driver(const struct spdk_pci_addr *addr, char *name, size_t size)
{
	char path[PATH_MAX], target[PATH_MAX];
	ssize_t n = -1;

	name[0] = '\0';
	if (pci_native_path(addr, "driver", path, sizeof(path)) == 0) {
		n = readlink(path, target, sizeof(target) - 1);
	}
	if (n > 0) {
		target[n] = '\0';
		snprintf(name, size, "%s", basename(target));
	}
}

static bool
is_for_user_space(const struct spdk_pci_addr *addr)
{
	char name[64];

	kernel_driver(addr, name, sizeof(name));
	return strcmp(name, "uio_pci_generic") == 0 || strcmp(name, "igb_uio") == 0 ||
	       strcmp(name, "vfio-pci") == 0;
}

int
pci_native_open(struct pci_native *native)
{
	struct spdk_pci_addr *addr = &native->dev.addr;
	char path[PATH_MAX], name[64];
	uint16_t command;
	int rc;

	kernel_driver(addr, name, sizeof(name));
	if (strcmp(name, "vfio-pci") == 0) {
		SPDK_ERRLOG("PCI device %04x:%02x:%02x.%x is bound to vfio-pci, which this version "
		            "does not use: bind it to uio_pci_generic\n",
		            addr->domain, addr->bus, addr->dev, addr->func);
		return -ENOTSUP;
	}
	rc = pci_native_path(addr, "config", path, sizeof(path));
	if (rc != 0) {
		return rc;
	}
	native->config_fd = open(path, O_RDWR | O_CLOEXEC);
	if (native->config_fd < 0) {
		rc = -errno;
	} else if ((native->dev.internal.driver->flags & SPDK_PCI_DRIVER_NEED_MAPPING) != 0) {
		/* The kernel's driver left it without leave to read and write memory. */
		rc = native_cfg_read(&native->dev, &command, sizeof(command), COMMAND_OFFSET);
		command |= COMMAND_MEMORY | COMMAND_MASTER;
		if (rc == 0) {
			rc = native_cfg_write(&native->dev, &command, sizeof(command),
			                      COMMAND_OFFSET);
		}
		rc = rc != 0 ? -EIO : 0;
	}
	if (rc != 0) {
		SPDK_ERRLOG("PCI device %04x:%02x:%02x.%x cannot be opened: %s\n", addr->domain,
		            addr->bus, addr->dev, addr->func, spdk_strerror(-rc));
		pci_native_close(native);
	}
	return rc;
}

void
pci_native_close(struct pci_native *native)
{
	uint32_t bar;

	for (bar = 0; bar < PCI_BARS; bar++) {
		native_unmap_bar(&native->dev, bar, native->bars[bar].addr);
	}
	if (native->interrupt_fd >= 0) {
		spdk_pci_device_disable_interrupt(&native->dev);
	}
	if (native->config_fd >= 0) {
		close(native->config_fd);
		native->config_fd = -1;
	}
}

void
pci_native_free(struct pci_native *native)
{
	free(native);
}

/* --- finding ---------------------------------------------------------------------------------- */

static int
attribute_read(const struct spdk_pci_addr *addr, const char *name, long *value)
{
	char path[PATH_MAX], text[32];
	ssize_t n;
	int fd, rc;

	rc = pci_native_path(addr, name, path, sizeof(path));
	if (rc != 0) {
		return rc;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return -errno;
	}
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0) {
		return -EIO;
	}
	text[n] = '\0';
	*value = strtol(text, NULL, 0);
	return 0;
}

static int
identity_read(const struct spdk_pci_addr *addr, struct spdk_pci_id *id, int *node)
{
	long vendor = 0, device = 0, subvendor = 0, subdevice = 0, class_id = 0, numa = -1;
	int rc;

	rc = attribute_read(addr, "vendor", &vendor);
	rc = rc != 0 ? rc : attribute_read(addr, "device", &device);
	rc = rc != 0 ? rc : attribute_read(addr, "class", &class_id);
	if (rc != 0) {
		return rc;
	}
	attribute_read(addr, "subsystem_vendor", &subvendor);
	attribute_read(addr, "subsystem_device", &subdevice);
	attribute_read(addr, "numa_node", &numa);
	id->vendor_id = (uint16_t)vendor;
	id->device_id = (uint16_t)device;
	id->subvendor_id = (uint16_t)subvendor;
	id->subdevice_id = (uint16_t)subdevice;
	id->class_id = (uint32_t)class_id & 0xffffff;
	*node = (int)numa;
	return 0;
}

static int
native_add(struct spdk_pci_driver *driver, const struct spdk_pci_addr *addr, uint64_t ready_at)
{
	struct pci_native *native;
	struct spdk_pci_id id;
	int node, rc;

	rc = identity_read(addr, &id, &node);
	if (rc != 0 || !pci_driver_matches(driver, &id)) {
		return rc != 0 ? rc : -ENODEV;
	}
	if ((driver->flags & SPDK_PCI_DRIVER_NEED_MAPPING) != 0 && !is_for_user_space(addr)) {
		return -ENODEV;
	}
	native = calloc(1, sizeof(*native));
	if (native == NULL) {
		return -ENOMEM;
	}
	native->config_fd = native->interrupt_fd = -1;
	native->dev = (struct spdk_pci_device){
		.addr = *addr,
		.id = id,
		.numa_id = node,
		.type = g_pci_native_type,
		.map_bar = native_map_bar,
		.unmap_bar = native_unmap_bar,
		.cfg_read = native_cfg_read,
		.cfg_write = native_cfg_write,
		.internal = { .driver = driver, .claim_fd = -1 },
	};
	native->dev.dev_handle = native;
	native->entry.dev = &native->dev;
	native->entry.present = true;
	native->entry.ready_at = ready_at;
	pci_entry_add(&native->entry);
	return 0;
}

int
pci_native_find(struct spdk_pci_driver *driver, const struct spdk_pci_addr *addr)
{
	return native_add(driver, addr, 0);
}

static bool
entry_is_there(const struct pci_entry *entry)
{
	const struct spdk_pci_driver *driver = entry->dev->internal.driver;
	char path[PATH_MAX];

	return pci_native_path(&entry->dev->addr, "vendor", path, sizeof(path)) == 0 &&
	       access(path, F_OK) == 0 &&
	       ((driver->flags & SPDK_PCI_DRIVER_NEED_MAPPING) == 0 ||
	        is_for_user_space(&entry->dev->addr));
}

/* Devices that were pulled out, or given back to the kernel. */
static void
gone_remove(void)
{
	struct pci_entry *entry, *next;
	struct pci_native *native;

	for (entry = pci_entry_next(NULL); entry != NULL; entry = next) {
		next = pci_entry_next(entry);
		native = pci_native_of(entry->dev);
		if (native == NULL || entry_is_there(entry)) {
			continue;
		}
		if (entry->dev->internal.attached) {
			entry->dev->internal.pending_removal = true;
		} else {
			pci_entry_remove(entry);
			pci_native_free(native);
		}
	}
}

int
pci_native_scan(struct spdk_pci_driver *driver, bool (*allowed)(const struct spdk_pci_addr *),
                uint64_t when)
{
	struct spdk_pci_addr addr;
	char path[PATH_MAX];
	struct dirent *file;
	int rc = 0;
	DIR *dir;

	gone_remove();
	snprintf(path, sizeof(path), "%s/bus/pci/devices", g_sys);
	dir = opendir(path);
	if (dir == NULL) {
		/* A machine without PCI has no devices. */
		return errno == ENOENT ? 0 : -errno;
	}
	while (rc != -ENOMEM && (file = readdir(dir)) != NULL) {
		if (spdk_pci_addr_parse(&addr, file->d_name) == 0 && allowed(&addr) &&
		    pci_entry_find(&addr) == NULL) {
			rc = native_add(driver, &addr, when);
		}
	}
	closedir(dir);
	return rc == -ENOMEM ? rc : 0;
}
