/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What the env_pci_*.c files share. */

#ifndef CAL_CORE_ENV_PCI_PRIVATE_H
#define CAL_CORE_ENV_PCI_PRIVATE_H

#include "spdk/stdinc.h"
#include "spdk/env.h"

#define PCI_BARS 6

struct spdk_pci_driver {
	const char *name;
	const struct spdk_pci_id *ids; /* ends with a vendor_id of 0 */
	uint32_t flags;
	bool scanned; /* what is found from now on was plugged in */
	TAILQ_ENTRY(spdk_pci_driver) link;
};

/** A device in the list, hooked in or found. */
struct pci_entry {
	struct spdk_pci_device *dev;
	uint64_t round;    /* of the enumeration that offered it last */
	uint64_t ready_at; /* ticks: not before that */
	bool present;      /* seen by the scan that runs */
	TAILQ_ENTRY(pci_entry) link;
};

/** A device that was found in /sys. */
struct pci_native {
	struct spdk_pci_device dev; /* first: its `type` is g_pci_native_type */
	struct pci_entry entry;
	int config_fd;
	struct {
		void *addr;
		uint64_t size;
	} bars[PCI_BARS];
	int interrupt_fd;
};

extern const char g_pci_native_type[];

/** NULL when the device was hooked in. */
static inline struct pci_native *
pci_native_of(struct spdk_pci_device *dev)
{
	return dev->type == g_pci_native_type ? (struct pci_native *)dev : NULL;
}

/* --- env_pci.c -------------------------------------------------------------------------------- */

/** Whether the driver's table has the device. */
bool pci_driver_matches(const struct spdk_pci_driver *driver, const struct spdk_pci_id *id);
/** The entry at an address, NULL when there is none. Under the lock of the list. */
struct pci_entry *pci_entry_find(const struct spdk_pci_addr *addr);
void pci_entry_add(struct pci_entry *entry);
void pci_entry_remove(struct pci_entry *entry);
struct pci_entry *pci_entry_next(struct pci_entry *entry);

/* --- env_pci_native.c: /sys ------------------------------------------------------------------- */

/** Where /sys, /dev and the claims' lock files are, for tests; NULL for the real ones. */
void pci_native_set_roots(const char *sys, const char *dev, const char *locks);
const char *pci_dev_root(void);
const char *pci_lock_root(void);
/** The device's folder in /sys. */
int pci_native_path(const struct spdk_pci_addr *addr, const char *name, char *buf, size_t size);

/** Bring the list up to date with the driver's devices at addresses that `allowed` lets through;
 *  `when` is when those that are new may be offered. Returns 0 or a negative errno. */
int pci_native_scan(struct spdk_pci_driver *driver, bool (*allowed)(const struct spdk_pci_addr *),
                    uint64_t when);
/** Enter the device at one address, if it is the driver's. Returns 0 or a negative errno. */
int pci_native_find(struct spdk_pci_driver *driver, const struct spdk_pci_addr *addr);
/** Open it, and let it be a bus master; before it is offered. Returns 0 or a negative errno. */
int pci_native_open(struct pci_native *native);
/** Undo all that was done with it. */
void pci_native_close(struct pci_native *native);
/** Free one that is neither attached nor in the list. */
void pci_native_free(struct pci_native *native);

/* --- env_pci_event.c -------------------------------------------------------------------------- */

/** Read a kernel's message of `len` bytes, strings one after another. Returns 1 for an event, 0 for
 *  nothing of interest, or -EINVAL. */
int pci_event_parse(const char *text, size_t len, struct spdk_pci_event *event);

/* --- env_pci.c: start and end ----------------------------------------------------------------- */

/** Take the options' lists over. Main thread. Returns 0 or -ENOMEM. */
int env_pci_start(const struct spdk_env_opts *opts);
void env_pci_stop(void);

#endif
