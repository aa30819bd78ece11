/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Drivers, the list of devices, and who is attached to which. DPDK's own PCI bus has no public
 * headers for drivers, and takes devices when EAL starts; ours are found when they are asked for.
 */

#include "core/env/env_pci_private.h"

#include "spdk/log.h"
#include "spdk/util.h"

#define HOTPLUG_DELAY_S 2

TAILQ_HEAD(driver_list, spdk_pci_driver);
TAILQ_HEAD(entry_list, pci_entry);
TAILQ_HEAD(provider_list, spdk_pci_device_provider);

static struct driver_list g_drivers = TAILQ_HEAD_INITIALIZER(g_drivers);
static struct provider_list g_providers = TAILQ_HEAD_INITIALIZER(g_providers);

struct address_list {
	struct spdk_pci_addr *addr;
	size_t count;
};

static struct {
	/* Recursive: callbacks attach, detach and hook in. */
	pthread_mutex_t lock;
	struct entry_list entries;
	uint64_t round;
	bool disabled; /* no_pci */
	bool only_allowed;
	struct address_list allowed; /* the user's, and spdk_pci_device_allow()'s */
	struct address_list blocked;
} g_pci = {
	.lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP,
	.entries = TAILQ_HEAD_INITIALIZER(g_pci.entries),
};

/* --- drivers and providers -------------------------------------------------------------------- */

void
spdk_pci_driver_register(const char *name, struct spdk_pci_id *id_table, uint32_t flags)
{
	struct spdk_pci_driver *driver;

	if (spdk_pci_get_driver(name) != NULL) {
		SPDK_ERRLOG("PCI driver %s is registered twice: the second one is not used\n",
		            name);
		return;
	}
	driver = calloc(1, sizeof(*driver));
	if (driver == NULL) {
		SPDK_ERRLOG("no memory for PCI driver %s\n", name);
		return;
	}
	driver->name = name;
	driver->ids = id_table;
	driver->flags = flags;
	TAILQ_INSERT_TAIL(&g_drivers, driver, link);
}

struct spdk_pci_driver *
spdk_pci_get_driver(const char *name)
{
	struct spdk_pci_driver *driver;

	TAILQ_FOREACH (driver, &g_drivers, link) {
		if (strcmp(driver->name, name) == 0) {
			return driver;
		}
	}
	return NULL;
}

bool
pci_driver_matches(const struct spdk_pci_driver *driver, const struct spdk_pci_id *id)
{
	const struct spdk_pci_id *want = driver->ids;

	for (; want != NULL && want->vendor_id != 0; want++) {
		if ((want->class_id == SPDK_PCI_CLASS_ANY_ID || want->class_id == id->class_id) &&
		    (want->vendor_id == SPDK_PCI_ANY_ID || want->vendor_id == id->vendor_id) &&
		    (want->device_id == SPDK_PCI_ANY_ID || want->device_id == id->device_id) &&
		    (want->subvendor_id == SPDK_PCI_ANY_ID ||
		     want->subvendor_id == id->subvendor_id) &&
		    (want->subdevice_id == SPDK_PCI_ANY_ID ||
		     want->subdevice_id == id->subdevice_id)) {
			return true;
		}
	}
	return false;
}

void
spdk_pci_register_device_provider(struct spdk_pci_device_provider *provider)
{
	TAILQ_INSERT_TAIL(&g_providers, provider, tailq);
}

/* --- which addresses -------------------------------------------------------------------------- */

static bool
list_has(const struct address_list *list, const struct spdk_pci_addr *addr)
{
	size_t i;

	for (i = 0; i < list->count; i++) {
		if (spdk_pci_addr_compare(&list->addr[i], addr) == 0) {
			return true;
		}
	}
	return false;
}

static int
list_add(struct address_list *list, const struct spdk_pci_addr *addr, size_t count)
{
	struct spdk_pci_addr *more;

	if (count == 0) {
		return 0;
	}
	more = realloc(list->addr, (list->count + count) * sizeof(*more));
	if (more == NULL) {
		return -ENOMEM;
	}
	memcpy(&more[list->count], addr, count * sizeof(*more));
	list->addr = more;
	list->count += count;
	return 0;
}

static bool
address_is_allowed(const struct spdk_pci_addr *addr)
{
	return list_has(&g_pci.allowed, addr) ||
	       (!g_pci.only_allowed && !list_has(&g_pci.blocked, addr));
}

int
spdk_pci_device_allow(struct spdk_pci_addr *pci_addr)
{
	int rc;

	if (pci_addr == NULL || pci_addr->dev > 0x1f || pci_addr->func > 7) {
		return -EINVAL;
	}
	pthread_mutex_lock(&g_pci.lock);
	rc = list_has(&g_pci.allowed, pci_addr) ? 0 : list_add(&g_pci.allowed, pci_addr, 1);
	pthread_mutex_unlock(&g_pci.lock);
	return rc;
}

int
env_pci_start(const struct spdk_env_opts *opts)
{
	int rc = 0;

	free(g_pci.allowed.addr);
	free(g_pci.blocked.addr);
	memset(&g_pci.allowed, 0, sizeof(g_pci.allowed));
	memset(&g_pci.blocked, 0, sizeof(g_pci.blocked));
	g_pci.disabled = opts->no_pci;
	g_pci.only_allowed = opts->pci_allowed != NULL && opts->num_pci_addr > 0;
	if (g_pci.only_allowed) {
		rc = list_add(&g_pci.allowed, opts->pci_allowed, opts->num_pci_addr);
	} else if (opts->pci_blocked != NULL) {
		rc = list_add(&g_pci.blocked, opts->pci_blocked, opts->num_pci_addr);
	}
	return rc;
}

/* --- the list of devices ---------------------------------------------------------------------- */

struct pci_entry *
pci_entry_find(const struct spdk_pci_addr *addr)
{
	struct pci_entry *entry;

	TAILQ_FOREACH (entry, &g_pci.entries, link) {
		if (spdk_pci_addr_compare(&entry->dev->addr, addr) == 0) {
			return entry;
		}
	}
	return NULL;
}

void
pci_entry_add(struct pci_entry *entry)
{
	TAILQ_INSERT_TAIL(&g_pci.entries, entry, link);
}

void
pci_entry_remove(struct pci_entry *entry)
{
	TAILQ_REMOVE(&g_pci.entries, entry, link);
}

struct pci_entry *
pci_entry_next(struct pci_entry *entry)
{
	return entry == NULL ? TAILQ_FIRST(&g_pci.entries) : TAILQ_NEXT(entry, link);
}

void
spdk_pci_for_each_device(void *ctx, void (*fn)(void *ctx, struct spdk_pci_device *dev))
{
	struct pci_entry *entry, *next;

	pthread_mutex_lock(&g_pci.lock);
	TAILQ_FOREACH_SAFE (entry, &g_pci.entries, link, next) {
		if (!entry->dev->internal.pending_removal) {
			fn(ctx, entry->dev);
		}
	}
	pthread_mutex_unlock(&g_pci.lock);
}

int
spdk_pci_hook_device(struct spdk_pci_driver *drv, struct spdk_pci_device *dev)
{
	struct pci_entry *entry;
	int rc = 0;

	if (drv == NULL || dev->map_bar == NULL || dev->unmap_bar == NULL ||
	    dev->cfg_read == NULL || dev->cfg_write == NULL) {
		return -EINVAL;
	}
	entry = calloc(1, sizeof(*entry));
	if (entry == NULL) {
		return -ENOMEM;
	}
	entry->dev = dev;
	pthread_mutex_lock(&g_pci.lock);
	if (pci_entry_find(&dev->addr) != NULL) {
		rc = -EEXIST;
		free(entry);
	} else {
		memset(&dev->internal, 0, sizeof(dev->internal));
		dev->internal.driver = drv;
		dev->internal.claim_fd = -1;
		pci_entry_add(entry);
	}
	pthread_mutex_unlock(&g_pci.lock);
	return rc;
}

void
spdk_pci_unhook_device(struct spdk_pci_device *dev)
{
	struct pci_entry *entry;

	pthread_mutex_lock(&g_pci.lock);
	entry = pci_entry_find(&dev->addr);
	if (entry != NULL && entry->dev == dev && pci_native_of(dev) == NULL) {
		assert(!dev->internal.attached);
		pci_entry_remove(entry);
		free(entry);
	}
	pthread_mutex_unlock(&g_pci.lock);
}

/* --- attaching -------------------------------------------------------------------------------- */

/* What `enum_cb` makes of it: 0 attached, 1 not wanted, below 0 an error. */
static int
entry_offer(struct pci_entry *entry, spdk_pci_enum_cb enum_cb, void *ctx)
{
	struct spdk_pci_device *dev = entry->dev;
	struct pci_native *native = pci_native_of(dev);
	int rc = 0;

	if (native != NULL) {
		rc = pci_native_open(native);
		if (rc != 0) {
			return rc == -ENOTSUP ? 1 : rc;
		}
	}
	rc = enum_cb(ctx, dev);
	if (rc == 0) {
		dev->internal.attached = true;
	} else if (native != NULL) {
		spdk_pci_device_unclaim(dev);
		pci_native_close(native);
	}
	return rc;
}

static bool
entry_is_free(const struct pci_entry *entry, const struct spdk_pci_driver *driver)
{
	return entry->dev->internal.driver == driver && !entry->dev->internal.attached &&
	       !entry->dev->internal.pending_removal;
}

/* One that this enumeration has not offered yet; the list may change while one is offered. */
static struct pci_entry *
entry_next_free(const struct spdk_pci_driver *driver, uint64_t round)
{
	struct pci_entry *entry;

	TAILQ_FOREACH (entry, &g_pci.entries, link) {
		if (entry_is_free(entry, driver) && entry->round != round &&
		    entry->ready_at <= spdk_get_ticks()) {
			return entry;
		}
	}
	return NULL;
}

int
spdk_pci_enumerate(struct spdk_pci_driver *driver, spdk_pci_enum_cb enum_cb, void *enum_ctx)
{
	struct pci_entry *entry;
	uint64_t round, when = 0;
	int rc = 0;

	pthread_mutex_lock(&g_pci.lock);
	if (!g_pci.disabled) {
		if (driver->scanned) {
			when = spdk_get_ticks() + HOTPLUG_DELAY_S * spdk_get_ticks_hz();
		}
		rc = pci_native_scan(driver, address_is_allowed, when);
		driver->scanned = true;
	}
	round = ++g_pci.round;
	while (rc >= 0 && (entry = entry_next_free(driver, round)) != NULL) {
		entry->round = round;
		rc = entry_offer(entry, enum_cb, enum_ctx);
	}
	pthread_mutex_unlock(&g_pci.lock);
	return rc < 0 ? -1 : 0;
}

static struct pci_entry *
entry_provide(struct spdk_pci_driver *driver, const struct spdk_pci_addr *addr)
{
	struct spdk_pci_device_provider *provider;

	if (!g_pci.disabled && pci_native_find(driver, addr) == 0) {
		return pci_entry_find(addr);
	}
	TAILQ_FOREACH (provider, &g_providers, tailq) {
		if (provider->attach_cb(addr) == 0) {
			return pci_entry_find(addr);
		}
	}
	return NULL;
}

int
spdk_pci_device_attach(struct spdk_pci_driver *driver, spdk_pci_enum_cb enum_cb, void *enum_ctx,
                       struct spdk_pci_addr *pci_address)
{
	struct pci_entry *entry;
	int rc = -1;

	pthread_mutex_lock(&g_pci.lock);
	entry = pci_entry_find(pci_address);
	if (entry == NULL) {
		entry = entry_provide(driver, pci_address);
	}
	if (entry != NULL && entry_is_free(entry, driver)) {
		rc = entry_offer(entry, enum_cb, enum_ctx) == 0 ? 0 : -1;
	}
	pthread_mutex_unlock(&g_pci.lock);
	return rc;
}

void
spdk_pci_device_detach(struct spdk_pci_device *device)
{
	struct pci_native *native = pci_native_of(device);
	struct spdk_pci_device_provider *provider;

	pthread_mutex_lock(&g_pci.lock);
	assert(device->internal.attached);
	spdk_pci_device_unclaim(device);
	device->internal.attached = false;
	if (native != NULL) {
		pci_native_close(native);
		if (device->internal.pending_removal) {
			pci_entry_remove(&native->entry);
			pci_native_free(native);
		}
	} else {
		TAILQ_FOREACH (provider, &g_providers, tailq) {
			if (device->type != NULL && strcmp(provider->name, device->type) == 0) {
				provider->detach_cb(device);
				break;
			}
		}
	}
	pthread_mutex_unlock(&g_pci.lock);
}

void
env_pci_stop(void)
{
	struct pci_entry *entry, *next;
	struct spdk_pci_driver *driver;
	struct pci_native *native;

	/* One that is attached still is in somebody's hands. */
	TAILQ_FOREACH_SAFE (entry, &g_pci.entries, link, next) {
		native = pci_native_of(entry->dev);
		if (native != NULL && !entry->dev->internal.attached) {
			pci_entry_remove(entry);
			pci_native_free(native);
		}
	}
	TAILQ_FOREACH (driver, &g_drivers, link) {
		driver->scanned = false;
	}
}
