/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* PCI devices: those of a /sys made of ordinary files, and those that a program hooks in. */

#include "tests/unit/test.h"

#include "core/env/env_pci_private.h"
#include "spdk/string.h"
#include "spdk/util.h"

#define NVME    "0000:01:00.0"
#define IOAT    "0000:02:00.0"
#define KERNELS "0000:03:00.0" /* an NVMe controller that the kernel drives */

static char g_root[] = "/tmp/cal-unit-pci-XXXXXX";
static uint64_t g_now = 1000;

/* The clock of spdk/env.h, so that two seconds pass at once. */
uint64_t
spdk_get_ticks(void)
{
	return g_now;
}

uint64_t
spdk_get_ticks_hz(void)
{
	return 1000;
}

/* --- the machine ------------------------------------------------------------------------------ */

__attribute__((format(printf, 2, 3))) static void
file_write(const char *text, const char *format, ...)
{
	char path[512];
	va_list ap;
	FILE *file;
	int n;

	n = snprintf(path, sizeof(path), "%s/", g_root);
	va_start(ap, format);
	vsnprintf(path + n, sizeof(path) - (size_t)n, format, ap);
	va_end(ap);
	file = fopen(path, "w");
	REQUIRE(file != NULL);
	REQUIRE(fputs(text, file) >= 0);
	REQUIRE(fclose(file) == 0);
}

static void run(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void
run(const char *format, ...)
{
	char command[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(command, sizeof(command), format, ap);
	va_end(ap);
	REQUIRE(system(command) == 0);
}

static void
bind_to(const char *bdf, const char *driver)
{
	run("ln -sfn ../../drivers/%s %s/bus/pci/devices/%s/driver", driver, g_root, bdf);
}

static void
device_make(const char *bdf, const char *vendor, const char *device, const char *class)
{
	char config[4096] = { 0 };
	char path[512];
	FILE *file;

	run("mkdir -p %s/bus/pci/devices/%s/uio/uio3", g_root, bdf);
	file_write(vendor, "bus/pci/devices/%s/vendor", bdf);
	file_write(device, "bus/pci/devices/%s/device", bdf);
	file_write(class, "bus/pci/devices/%s/class", bdf);
	file_write("0x1af4\n", "bus/pci/devices/%s/subsystem_vendor", bdf);
	file_write("0x1100\n", "bus/pci/devices/%s/subsystem_device", bdf);
	file_write("1\n", "bus/pci/devices/%s/numa_node", bdf);
	file_write("0x00000000febf0000 0x00000000febf1fff 0x0000000000140204\n"
	           "0x000000000000c000 0x000000000000c03f 0x0000000000040101\n"
	           "0x0000000000000000 0x0000000000000000 0x0000000000000000\n",
	           "bus/pci/devices/%s/resource", bdf);
	file_write("", "bus/pci/devices/%s/resource0", bdf);
	run("truncate -s 8192 %s/bus/pci/devices/%s/resource0", g_root, bdf);
	/* Two extended capabilities; the second one is the serial number. */
	memcpy(config + 0x100, (uint32_t[]){ 0x14000001 }, 4);
	memcpy(config + 0x140, (uint32_t[]){ 0x00010003, 0x89abcdef, 0x01234567 }, 12);
	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/config", g_root, bdf);
	file = fopen(path, "w");
	REQUIRE(file != NULL);
	REQUIRE(fwrite(config, sizeof(config), 1, file) == 1);
	REQUIRE(fclose(file) == 0);
	bind_to(bdf, "uio_pci_generic");
}

static int
setup(void)
{
	if (mkdtemp(g_root) == NULL) {
		return -1;
	}
	pci_native_set_roots(g_root, g_root, g_root);
	return 0;
}

static void
start(struct spdk_pci_addr *allowed, struct spdk_pci_addr *blocked, bool no_pci)
{
	struct spdk_env_opts opts = { .opts_size = sizeof(opts) };

	env_pci_stop();
	spdk_env_opts_init(&opts);
	opts.pci_allowed = allowed;
	opts.pci_blocked = blocked;
	opts.num_pci_addr = 1;
	opts.no_pci = no_pci;
	REQUIRE(env_pci_start(&opts) == 0);
}

/* Every case begins with the same machine, which nobody has looked at. */
static void
machine_start(void)
{
	run("rm -rf %s/*", g_root);
	device_make(NVME, "0x1b36\n", "0x0010\n", "0x010802\n");
	device_make(IOAT, "0x8086\n", "0x2021\n", "0x088000\n");
	device_make(KERNELS, "0x1b36\n", "0x0010\n", "0x010802\n");
	bind_to(KERNELS, "nvme");
	start(NULL, NULL, false);
}

static int
teardown(void)
{
	char command[128];

	env_pci_stop();
	snprintf(command, sizeof(command), "rm -rf %s", g_root);
	return system(command);
}

/* --- callbacks -------------------------------------------------------------------------------- */

static struct spdk_pci_device *g_dev;
static int g_answer;
static unsigned g_offered;

static int
on_device(void *ctx, struct spdk_pci_device *dev)
{
	CHECK(ctx == &g_offered);
	g_offered++;
	g_dev = dev;
	return g_answer;
}

static int
enumerate(struct spdk_pci_driver *driver, int answer)
{
	g_answer = answer;
	g_offered = 0;
	g_dev = NULL;
	return spdk_pci_enumerate(driver, on_device, &g_offered);
}

static struct spdk_pci_addr
addr_of(const char *bdf)
{
	struct spdk_pci_addr addr;

	REQUIRE(spdk_pci_addr_parse(&addr, bdf) == 0);
	return addr;
}

static int
attach(const char *bdf, struct spdk_pci_driver *driver)
{
	struct spdk_pci_addr addr = addr_of(bdf);

	g_offered = 0;
	g_answer = 0;
	return spdk_pci_device_attach(driver, on_device, &g_offered, &addr);
}

static unsigned g_each;

static void
on_each(void *ctx, struct spdk_pci_device *dev)
{
	CHECK(dev->type != NULL);
	g_each++;
}

/* --- cases ------------------------------------------------------------------------------------ */

static void
test_drivers(void)
{
	static const struct {
		const char *name;
		struct spdk_pci_driver *(*get)(void);
	} drivers[] = {
		{ "nvme", spdk_pci_nvme_get_driver },     { "vmd", spdk_pci_vmd_get_driver },
		{ "ioat", spdk_pci_ioat_get_driver },     { "idxd", spdk_pci_idxd_get_driver },
		{ "ae4dma", spdk_pci_ae4dma_get_driver }, { "virtio", spdk_pci_virtio_get_driver },
	};
	size_t i;

	for (i = 0; i < SPDK_COUNTOF(drivers); i++) {
		CHECK(drivers[i].get() != NULL);
		CHECK(spdk_pci_get_driver(drivers[i].name) == drivers[i].get());
	}
	CHECK(spdk_pci_get_driver("none") == NULL);
	/* A second one of the name changes nothing. */
	spdk_pci_driver_register("nvme", NULL, 0);
	CHECK(spdk_pci_nvme_get_driver()->ids != NULL);
}

static void
test_enumerate(void)
{
	struct spdk_pci_driver *nvme = spdk_pci_nvme_get_driver();
	struct spdk_pci_device *dev;

	machine_start();
	run("mv %s/bus %s/no-bus", g_root, g_root);
	CHECK_EQ(enumerate(nvme, 0), 0); /* a machine without PCI */
	CHECK_EQ(g_offered, 0);
	run("mv %s/no-bus %s/bus", g_root, g_root);

	/* Plugged in after the first look: offered two seconds later. */
	CHECK_EQ(enumerate(nvme, 0), 0);
	CHECK_EQ(g_offered, 0);
	g_now += 2000;
	CHECK_EQ(enumerate(nvme, 1), 0); /* not wanted */
	CHECK_EQ(g_offered, 1);
	CHECK(!g_dev->internal.attached);
	CHECK_EQ(enumerate(nvme, -1), -1); /* an error */
	CHECK_EQ(g_offered, 1);
	CHECK_EQ(enumerate(nvme, 0), 0);
	CHECK_EQ(g_offered, 1);
	REQUIRE(g_dev != NULL);
	dev = g_dev;
	CHECK(dev->internal.attached);
	g_each = 0;
	spdk_pci_for_each_device(NULL, on_each);
	CHECK_EQ(g_each, 1);
	/* The other driver's first look finds its device at once. */
	CHECK_EQ(enumerate(spdk_pci_ioat_get_driver(), 1), 0);
	CHECK_EQ(g_offered, 1);
	CHECK_EQ(spdk_pci_device_get_device_id(g_dev), 0x2021);
	/* Who is attached is not offered again. */
	CHECK_EQ(enumerate(nvme, 0), 0);
	CHECK_EQ(g_offered, 0);
	CHECK_EQ(attach(NVME, nvme), -1);
	/* The kernel's, another driver's, nobody's. */
	CHECK_EQ(attach(KERNELS, nvme), -1);
	CHECK_EQ(attach(IOAT, nvme), -1);
	CHECK_EQ(attach("0000:09:00.0", nvme), -1);
	CHECK_EQ(g_offered, 0);
	spdk_pci_device_detach(dev);
	CHECK_EQ(attach(NVME, nvme), 0);
	spdk_pci_device_detach(dev);
}

static struct spdk_pci_device *
nvme_attached(void)
{
	machine_start();
	return attach(NVME, spdk_pci_nvme_get_driver()) == 0 ? g_dev : NULL;
}

static void
test_device(void)
{
	struct spdk_pci_device *dev = nvme_attached();
	uint64_t phys, size;
	uint16_t command;
	uint32_t word;
	uint8_t byte;
	char sn[32];
	void *bar;

	REQUIRE(dev != NULL);
	CHECK_EQ(spdk_pci_device_get_domain(dev), 0);
	CHECK_EQ(spdk_pci_device_get_bus(dev), 1);
	CHECK_EQ(spdk_pci_device_get_dev(dev), 0);
	CHECK_EQ(spdk_pci_device_get_func(dev), 0);
	CHECK_EQ(spdk_pci_device_get_addr(dev).bus, 1);
	CHECK_EQ(spdk_pci_device_get_vendor_id(dev), 0x1b36);
	CHECK_EQ(spdk_pci_device_get_device_id(dev), 0x10);
	CHECK_EQ(spdk_pci_device_get_subvendor_id(dev), 0x1af4);
	CHECK_EQ(spdk_pci_device_get_subdevice_id(dev), 0x1100);
	CHECK_EQ(spdk_pci_device_get_id(dev).class_id, SPDK_PCI_CLASS_NVME);
	CHECK_EQ(spdk_pci_device_get_numa_id(dev), 1);
	CHECK_STR(spdk_pci_device_get_type(dev), "pci");
	CHECK(!spdk_pci_device_is_removed(dev));

	/* It may read and write memory. */
	CHECK_EQ(spdk_pci_device_cfg_read16(dev, &command, 4), 0);
	CHECK_EQ(command & 6, 6);
	CHECK_EQ(spdk_pci_device_cfg_write8(dev, 0x5a, 0x40), 0);
	CHECK_EQ(spdk_pci_device_cfg_write16(dev, 0x1234, 0x42), 0);
	CHECK_EQ(spdk_pci_device_cfg_read32(dev, &word, 0x40), 0);
	CHECK_EQ(word, 0x1234005a);
	CHECK_EQ(spdk_pci_device_cfg_write32(dev, 0xa1b2c3d4, 0x40), 0);
	CHECK_EQ(spdk_pci_device_cfg_read8(dev, &byte, 0x43), 0);
	CHECK_EQ(byte, 0xa1);
	CHECK_EQ(spdk_pci_device_cfg_read(dev, &word, 4, 4096), -1);
	CHECK_EQ(spdk_pci_device_get_serial_number(dev, sn, sizeof(sn)), 0);
	CHECK_STR(sn, "0123456789abcdef");
	CHECK_EQ(spdk_pci_device_get_serial_number(dev, sn, 16), -1);
	/* A chain in a circle, a chain that ends. */
	CHECK_EQ(spdk_pci_device_cfg_write32(dev, 0x10000001, 0x100), 0);
	CHECK_EQ(spdk_pci_device_get_serial_number(dev, sn, sizeof(sn)), -1);
	CHECK_EQ(spdk_pci_device_cfg_write32(dev, 0, 0x100), 0);
	CHECK_EQ(spdk_pci_device_get_serial_number(dev, sn, sizeof(sn)), -1);

	/* Registers: memory, I/O ports, none, no such number. */
	REQUIRE(spdk_pci_device_map_bar(dev, 0, &bar, &phys, &size) == 0);
	CHECK_EQ(phys, 0xfebf0000);
	CHECK_EQ(size, 8192);
	*(volatile uint32_t *)bar = 42;
	CHECK_EQ(spdk_pci_device_map_bar(dev, 1, &bar, &phys, &size), -ENODEV);
	CHECK_EQ(spdk_pci_device_map_bar(dev, 2, &bar, &phys, &size), -ENODEV);
	CHECK(spdk_pci_device_map_bar(dev, 5, &bar, &phys, &size) < 0);
	CHECK_EQ(spdk_pci_device_map_bar(dev, 6, &bar, &phys, &size), -EINVAL);
	REQUIRE(spdk_pci_device_map_bar(dev, 0, &bar, &phys, &size) == 0);
	CHECK_EQ(*(volatile uint32_t *)bar, 42);
	CHECK_EQ(spdk_pci_device_unmap_bar(dev, 0, (char *)bar + 1), -EINVAL);
	CHECK_EQ(spdk_pci_device_unmap_bar(dev, 0, bar), 0);
	CHECK_EQ(spdk_pci_device_unmap_bar(dev, 0, bar), -EINVAL);
	CHECK_EQ(spdk_pci_device_unmap_bar(dev, 6, bar), -EINVAL);
	CHECK_EQ(spdk_pci_device_map_bar(dev, 0, &bar, &phys, &size), 0); /* detach unmaps */
	spdk_pci_device_detach(dev);
}

static void
test_claim(void)
{
	struct spdk_pci_device *dev = nvme_attached();
	char path[512];
	int status;
	pid_t pid;

	REQUIRE(dev != NULL);
	CHECK_EQ(spdk_pci_device_claim(dev), 0);
	CHECK_EQ(spdk_pci_device_claim(dev), -EACCES);
	pid = fork();
	REQUIRE(pid >= 0);
	if (pid == 0) {
		/* As a process that never knew of the claim. */
		dev->internal.claim_fd = -1;
		_exit(spdk_pci_device_claim(dev) == -EACCES ? 0 : 1);
	}
	REQUIRE(waitpid(pid, &status, 0) == pid);
	CHECK_EQ(status, 0);
	snprintf(path, sizeof(path), "%s/spdk_pci_lock_" NVME, g_root);
	CHECK_EQ(access(path, F_OK), 0);
	spdk_pci_device_unclaim(dev);
	spdk_pci_device_unclaim(dev);
	CHECK_EQ(spdk_pci_device_claim(dev), 0);
	spdk_pci_device_detach(dev);
	CHECK_EQ(dev->internal.claim_fd, -1);
	/* No folder to put it in. */
	dev = nvme_attached();
	REQUIRE(dev != NULL);
	pci_native_set_roots(g_root, g_root, "/tmp/cal-there-is-no-such-folder");
	CHECK_EQ(spdk_pci_device_claim(dev), -ENOENT);
	pci_native_set_roots(g_root, g_root, g_root);
	spdk_pci_device_detach(dev);
}

static void
test_interrupt(void)
{
	struct spdk_pci_device *dev = nvme_attached();
	uint16_t command;

	REQUIRE(dev != NULL);
	CHECK_EQ(spdk_pci_device_get_interrupt_efd(dev), -ENOENT);
	CHECK_EQ(spdk_pci_device_enable_interrupt(dev), -ENOENT); /* no /dev/uio3 yet */
	file_write("", "uio3");
	CHECK_EQ(spdk_pci_device_cfg_write16(dev, 0x407, 4), 0);
	CHECK_EQ(spdk_pci_device_enable_interrupt(dev), 0);
	CHECK_EQ(spdk_pci_device_cfg_read16(dev, &command, 4), 0);
	CHECK_EQ(command, 0x7);
	CHECK(spdk_pci_device_get_interrupt_efd(dev) >= 0);
	CHECK_EQ(spdk_pci_device_enable_interrupt(dev), 0); /* after each interrupt */
	CHECK_EQ(spdk_pci_device_disable_interrupt(dev), 0);
	CHECK_EQ(spdk_pci_device_disable_interrupt(dev), 0);
	CHECK_EQ(spdk_pci_device_cfg_read16(dev, &command, 4), 0);
	CHECK_EQ(command, 0x407);
	CHECK_EQ(spdk_pci_device_get_interrupt_efd(dev), -ENOENT);
	CHECK_EQ(spdk_pci_device_enable_interrupts(dev, 2), -ENOTSUP);
	CHECK_EQ(spdk_pci_device_disable_interrupts(dev), -ENOTSUP);
	CHECK_EQ(spdk_pci_device_get_interrupt_efd_by_index(dev, 0), -ENOTSUP);
	CHECK_EQ(spdk_pci_device_enable_interrupt(dev), 0); /* detach turns it off */
	spdk_pci_device_detach(dev);
}

static void
test_removal(void)
{
	struct spdk_pci_driver *nvme = spdk_pci_nvme_get_driver();
	struct spdk_pci_device *dev = nvme_attached();

	REQUIRE(dev != NULL);
	CHECK_EQ(enumerate(nvme, 0), 0);
	run("mv %s/bus/pci/devices/" NVME " %s/gone", g_root, g_root);
	CHECK_EQ(enumerate(nvme, 0), 0);
	CHECK_EQ(g_offered, 0);
	CHECK(spdk_pci_device_is_removed(dev));
	g_each = 0;
	spdk_pci_for_each_device(NULL, on_each);
	CHECK_EQ(g_each, 0);
	spdk_pci_device_detach(dev);
	/* And back. */
	run("mv %s/gone %s/bus/pci/devices/" NVME, g_root, g_root);
	CHECK_EQ(enumerate(nvme, 0), 0);
	CHECK_EQ(g_offered, 0);
	g_now += 2000;
	CHECK_EQ(enumerate(nvme, 1), 0);
	CHECK_EQ(g_offered, 1);
	/* What nobody is attached to goes without a word; so does one that the kernel takes back.
	 */
	bind_to(NVME, "nvme");
	CHECK_EQ(enumerate(nvme, 1), 0);
	CHECK(pci_entry_find(&(struct spdk_pci_addr){ .bus = 1 }) == NULL);
}

static void
test_vfio(void)
{
	struct spdk_pci_driver *nvme = spdk_pci_nvme_get_driver();

	machine_start();
	bind_to(NVME, "vfio-pci");
	CHECK_EQ(attach(NVME, nvme), -1);
	CHECK_EQ(enumerate(nvme, 0), 0); /* the others are offered all the same */
	CHECK_EQ(g_offered, 0);
}

static void
test_lists(void)
{
	struct spdk_pci_addr addr = addr_of(NVME), other = addr_of("0000:05:00.0"), bad = { 0 };
	struct spdk_pci_driver *nvme = spdk_pci_nvme_get_driver();

	machine_start();
	start(NULL, &addr, false);
	CHECK_EQ(enumerate(nvme, 1), 0);
	CHECK_EQ(g_offered, 0);
	bad.dev = 32;
	CHECK_EQ(spdk_pci_device_allow(&bad), -EINVAL);
	CHECK_EQ(spdk_pci_device_allow(NULL), -EINVAL);
	CHECK_EQ(spdk_pci_device_allow(&addr), 0);
	CHECK_EQ(spdk_pci_device_allow(&addr), 0);
	CHECK_EQ(enumerate(nvme, 1), 0);
	g_now += 2000;
	CHECK_EQ(enumerate(nvme, 1), 0);
	CHECK_EQ(g_offered, 1);

	start(&other, NULL, false);
	CHECK_EQ(enumerate(nvme, 1), 0);
	CHECK_EQ(g_offered, 0);
	/* By its address, whatever the lists say. */
	CHECK_EQ(attach(NVME, nvme), 0);
	spdk_pci_device_detach(g_dev);

	start(NULL, NULL, true);
	CHECK_EQ(enumerate(nvme, 1), 0);
	CHECK_EQ(g_offered, 0);
	CHECK_EQ(attach(NVME, nvme), -1);
}

/* --- hooked in -------------------------------------------------------------------------------- */

static struct spdk_pci_device g_hooked;
static unsigned g_given_back;

static int
hooked_map(struct spdk_pci_device *dev, uint32_t bar, void **addr, uint64_t *phys, uint64_t *size)
{
	*addr = dev;
	*phys = 7;
	*size = sizeof(*dev);
	return 0;
}

static int
hooked_unmap(struct spdk_pci_device *dev, uint32_t bar, void *addr)
{
	return addr == dev ? 0 : -EINVAL;
}

static int
hooked_cfg(struct spdk_pci_device *dev, void *value, uint32_t len, uint32_t offset)
{
	return offset == 0 ? 0 : -EINVAL;
}

static int
provide(const struct spdk_pci_addr *addr)
{
	if (addr->domain != 0x20000) {
		return -ENODEV;
	}
	g_hooked.addr = *addr;
	return spdk_pci_hook_device(spdk_pci_vmd_get_driver(), &g_hooked);
}

static void
give_back(struct spdk_pci_device *dev)
{
	CHECK(dev == &g_hooked);
	g_given_back++;
	spdk_pci_unhook_device(dev);
}

static struct spdk_pci_device_provider g_provider = {
	.name = "unit",
	.attach_cb = provide,
	.detach_cb = give_back,
};
SPDK_PCI_REGISTER_DEVICE_PROVIDER(unit, &g_provider)

static void
test_hooked(void)
{
	struct spdk_pci_driver *vmd = spdk_pci_vmd_get_driver();
	struct spdk_pci_device other = { 0 };
	uint64_t phys, size;
	uint32_t word = 0;
	void *addr;

	machine_start();
	g_hooked = (struct spdk_pci_device){ .type = "unit" };
	CHECK_EQ(spdk_pci_hook_device(vmd, &g_hooked), -EINVAL);
	g_hooked.map_bar = hooked_map;
	g_hooked.unmap_bar = hooked_unmap;
	g_hooked.cfg_read = g_hooked.cfg_write = hooked_cfg;
	CHECK_EQ(spdk_pci_hook_device(NULL, &g_hooked), -EINVAL);
	g_hooked.addr = addr_of("30000:00:00.0");
	CHECK_EQ(spdk_pci_hook_device(vmd, &g_hooked), 0);
	other = g_hooked;
	CHECK_EQ(spdk_pci_hook_device(vmd, &other), -EEXIST);
	spdk_pci_unhook_device(&other); /* is not what is there */
	CHECK_EQ(enumerate(vmd, 1), 0);
	CHECK_EQ(g_offered, 1);
	CHECK(g_dev == &g_hooked);
	CHECK_EQ(spdk_pci_device_map_bar(g_dev, 0, &addr, &phys, &size), 0);
	CHECK_EQ(spdk_pci_device_unmap_bar(g_dev, 0, addr), 0);
	CHECK_EQ(spdk_pci_device_cfg_read32(g_dev, &word, 0), 0);
	CHECK_EQ(spdk_pci_device_cfg_read32(g_dev, &word, 1), -1);
	CHECK_EQ(spdk_pci_device_enable_interrupt(g_dev), -ENOTSUP);
	CHECK_EQ(spdk_pci_device_disable_interrupt(g_dev), -ENOTSUP);
	CHECK_EQ(spdk_pci_device_get_interrupt_efd(g_dev), -ENOTSUP);
	spdk_pci_unhook_device(&g_hooked);
	CHECK_EQ(attach("30000:00:00.0", vmd), -1);

	/* A provider makes one where it is asked to. */
	CHECK_EQ(attach("20000:00:00.0", vmd), 0);
	CHECK(g_dev == &g_hooked && g_hooked.internal.attached);
	spdk_pci_device_detach(&g_hooked);
	CHECK_EQ(g_given_back, 1);
	CHECK_EQ(attach("20000:00:00.0", spdk_pci_nvme_get_driver()), -1); /* not its driver */
	spdk_pci_unhook_device(&g_hooked);
}

/* --- events ----------------------------------------------------------------------------------- */

static int
parse(const char *text, size_t len, struct spdk_pci_event *event)
{
	return pci_event_parse(text, len, event);
}
#define PARSE(text) parse(text, sizeof(text), &event)

static void
test_events(void)
{
	struct spdk_pci_addr addr = addr_of("0000:81:00.0");
	struct spdk_pci_event event;
	char twice[8192];
	int fd;

	CHECK_EQ(PARSE("ACTION=add\0DEVPATH=/devices/pci0000:80/0000:80:01.0/0000:81:00.0/uio/uio0"
	               "\0SUBSYSTEM=uio"),
	         1);
	CHECK_EQ(event.action, SPDK_UEVENT_ADD);
	CHECK_EQ(spdk_pci_addr_compare(&event.traddr, &addr), 0);
	CHECK_EQ(PARSE("add@/x\0ACTION=remove\0DEVPATH=/devices/0000:81:00.0/uio/uio0\0"
	               "SUBSYSTEM=uio"),
	         1);
	CHECK_EQ(event.action, SPDK_UEVENT_REMOVE);
	CHECK_EQ(PARSE("ACTION=change\0DEVPATH=/0000:81:00.0/uio/uio0\0SUBSYSTEM=uio"), 0);
	CHECK_EQ(PARSE("ACTION=add\0DEVPATH=/uio/uio0\0SUBSYSTEM=uio"), -EINVAL);
	CHECK_EQ(PARSE("ACTION=add\0DEVPATH=/no/where\0SUBSYSTEM=uio"), -EINVAL);
	CHECK_EQ(PARSE("ACTION=add\0SUBSYSTEM=uio\0DEVPATH=/a-name-that-no-address-is-as-long-as-"
	               "this/uio/uio0"),
	         -EINVAL);
	CHECK_EQ(PARSE("ACTION=bind\0DRIVER=vfio-pci\0PCI_SLOT_NAME=0000:81:00.0"), 1);
	CHECK_EQ(event.action, SPDK_UEVENT_ADD);
	CHECK_EQ(spdk_pci_addr_compare(&event.traddr, &addr), 0);
	CHECK_EQ(PARSE("ACTION=bind\0DRIVER=vfio-pci\0PCI_SLOT_NAME=nowhere"), -EINVAL);
	CHECK_EQ(PARSE("ACTION=remove\0DRIVER=vfio-pci\0PCI_SLOT_NAME=0000:81:00.0"), 0);
	CHECK_EQ(PARSE("ACTION=add\0SUBSYSTEM=net"), 0);
	CHECK_EQ(PARSE(""), 0);
	memset(twice, 'x', sizeof(twice)); /* without an end */
	CHECK_EQ(pci_event_parse(twice, sizeof(twice), &event), 0);

	fd = spdk_pci_event_listen();
	REQUIRE(fd >= 0);
	CHECK_EQ(spdk_pci_get_event(fd, &event), 0);
	close(fd);
	CHECK_EQ(spdk_pci_get_event(fd, &event), -EBADF);
}

/* --- faults ----------------------------------------------------------------------------------- */

static unsigned g_faults_seen[2];

static void
on_fault(const void *addr, void *ctx)
{
	/* Put memory where the registers were. */
	*(unsigned *)ctx += 1;
	(void)mmap((void *)((uintptr_t)addr & ~4095ul), 4096, PROT_READ | PROT_WRITE,
	           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

static void
on_fault_too(const void *addr, void *ctx)
{
	*(unsigned *)ctx += 1;
}

static void
before(int signal)
{
}

static void
test_faults(void)
{
	struct sigaction mine = { .sa_handler = before }, now;
	volatile uint32_t *gone;
	char path[512];
	int fd;

	CHECK_EQ(sigaction(SIGBUS, &mine, NULL), 0);
	CHECK_EQ(spdk_pci_register_error_handler(NULL, NULL), -EINVAL);
	CHECK_EQ(spdk_pci_register_error_handler(on_fault, &g_faults_seen[0]), 0);
	CHECK_EQ(spdk_pci_register_error_handler(on_fault, NULL), -EEXIST);
	CHECK_EQ(spdk_pci_register_error_handler(on_fault_too, &g_faults_seen[1]), 0);
	/* A file that became shorter than its mapping faults as registers do that are gone. */
	file_write("", "short");
	snprintf(path, sizeof(path), "%s/short", g_root);
	fd = open(path, O_RDWR);
	REQUIRE(fd >= 0);
	gone = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	REQUIRE(gone != MAP_FAILED);
	close(fd);
	CHECK_EQ(gone[5], 0);
	CHECK_EQ(g_faults_seen[0], 1);
	CHECK_EQ(g_faults_seen[1], 1);
	spdk_pci_unregister_error_handler(on_fault);
	spdk_pci_unregister_error_handler(on_fault);
	spdk_pci_unregister_error_handler(NULL);
	CHECK_EQ(sigaction(SIGBUS, NULL, &now), 0);
	CHECK(now.sa_handler != before);
	/* A place is used again. */
	CHECK_EQ(spdk_pci_register_error_handler(on_fault, &g_faults_seen[0]), 0);
	spdk_pci_unregister_error_handler(on_fault);
	spdk_pci_unregister_error_handler(on_fault_too);
	CHECK_EQ(sigaction(SIGBUS, NULL, &now), 0);
	CHECK(now.sa_handler == before);
	munmap((void *)gone, 4096);
}

static const struct test_case g_cases[] = {
	TEST(test_drivers),   TEST(test_enumerate), TEST(test_device), TEST(test_claim),
	TEST(test_interrupt), TEST(test_removal),   TEST(test_vfio),   TEST(test_lists),
	TEST(test_hooked),    TEST(test_events),    TEST(test_faults),
};

TEST_MAIN_WITH("env/pci", g_cases, setup, teardown)
