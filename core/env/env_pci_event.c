/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What the kernel tells of devices: messages on a netlink socket, and SIGBUS for registers that are
 * no more. */

#include "core/env/env_pci_private.h"

#include <linux/netlink.h>

#include "spdk/log.h"
#include "spdk/string.h"

#define UEVENT_MAX   4096
#define UEVENT_SPACE (1024 * 1024) /* of the socket: they come in swarms */

/* --- messages --------------------------------------------------------------------------------- */

static bool
begins_with(const char *text, const char *what)
{
	return strncmp(text, what, strlen(what)) == 0;
}

/* ".../0000:81:00.0/uio/uio0": what stands before "/uio/". */
static int
address_of_uio(const char *devpath, struct spdk_pci_addr *addr)
{
	const char *end = strstr(devpath, "/uio/"), *begin = end;
	char bdf[32];

	while (begin != NULL && begin > devpath && begin[-1] != '/') {
		begin--;
	}
	if (begin == NULL || (size_t)(end - begin) >= sizeof(bdf)) {
		return -EINVAL;
	}
	snprintf(bdf, sizeof(bdf), "%.*s", (int)(end - begin), begin);
	return spdk_pci_addr_parse(addr, bdf);
}

static int
address_of_slot(const char *slot, struct spdk_pci_addr *addr)
{
	char bdf[32];

	snprintf(bdf, sizeof(bdf), "%.*s", (int)strcspn(slot, " \n"), slot);
	return spdk_pci_addr_parse(addr, bdf);
}

int
pci_event_parse(const char *text, size_t len, struct spdk_pci_event *event)
{
	const char *action = "", *devpath = "", *subsystem = "", *driver = "", *slot = "", *p;

	for (p = text; p < text + len; p += strnlen(p, (size_t)(text + len - p)) + 1) {
		if (begins_with(p, "ACTION=")) {
			action = p + strlen("ACTION=");
		} else if (begins_with(p, "DEVPATH=")) {
			devpath = p + strlen("DEVPATH=");
		} else if (begins_with(p, "SUBSYSTEM=")) {
			subsystem = p + strlen("SUBSYSTEM=");
		} else if (begins_with(p, "DRIVER=")) {
			driver = p + strlen("DRIVER=");
		} else if (begins_with(p, "PCI_SLOT_NAME=")) {
			slot = p + strlen("PCI_SLOT_NAME=");
		}
	}
	/* A uio device comes and goes; a VFIO device is announced as the binding of its driver, and
	 * its end is asked for otherwise. */
	if (begins_with(subsystem, "uio")) {
		if (!begins_with(action, "add") && !begins_with(action, "remove")) {
			return 0;
		}
		event->action = begins_with(action, "add") ? SPDK_UEVENT_ADD : SPDK_UEVENT_REMOVE;
		return address_of_uio(devpath, &event->traddr) == 0 ? 1 : -EINVAL;
	}
	if (begins_with(driver, "vfio-pci") && begins_with(action, "bind")) {
		event->action = SPDK_UEVENT_ADD;
		return address_of_slot(slot, &event->traddr) == 0 ? 1 : -EINVAL;
	}
	return 0;
}

int
spdk_pci_event_listen(void)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int fd, rc, space = UEVENT_SPACE;

	fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
	if (fd < 0) {
		rc = -errno;
		SPDK_ERRLOG("the kernel's device events cannot be listened to: %s\n",
		            spdk_strerror(-rc));
		return rc;
	}
	/* Beyond the machine's limit only as root; what there is by default does otherwise. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &space, sizeof(space)) != 0) {
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &space, sizeof(space));
	}
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
		rc = -errno;
		SPDK_ERRLOG("the kernel's device events cannot be listened to: %s\n",
		            spdk_strerror(-rc));
		close(fd);
		return rc;
	}
	return fd;
}

int
spdk_pci_get_event(int fd, struct spdk_pci_event *event)
{
	struct sockaddr_nl from = { 0 };
	char text[UEVENT_MAX];
	socklen_t from_len;
	ssize_t n;
	int rc = 0;

	/* Those of other devices are passed over, so that 0 means that nothing waits. */
	while (rc == 0) {
		from_len = sizeof(from);
		n = recvfrom(fd, text, sizeof(text) - 1, MSG_DONTWAIT, (struct sockaddr *)&from,
		             &from_len);
		if (n < 0) {
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		}
		if (n == 0) {
			return 0;
		}
		text[n] = '\0';
		/* Only the kernel's own have no sender. */
		if (from_len != sizeof(from) || from.nl_pid == 0) {
			memset(event, 0, sizeof(*event));
			rc = pci_event_parse(text, (size_t)n, event);
		}
	}
	return rc;
}

/* --- faults ----------------------------------------------------------------------------------- */

struct fault_handler {
	spdk_pci_error_handler fn; /* NULL: free */
	void *ctx;
	struct fault_handler *next;
};

/* Walked by a signal handler: entries are published whole, and never freed. */
static struct fault_handler *g_faults;
static pthread_mutex_t g_faults_lock = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction g_before;
static unsigned g_fault_count;

static void
on_sigbus(int signal, siginfo_t *info, void *context)
{
	struct fault_handler *fault = __atomic_load_n(&g_faults, __ATOMIC_ACQUIRE);
	spdk_pci_error_handler fn;

	for (; fault != NULL; fault = fault->next) {
		fn = __atomic_load_n(&fault->fn, __ATOMIC_ACQUIRE);
		if (fn != NULL) {
			fn(info->si_addr, fault->ctx);
		}
	}
}

int
spdk_pci_register_error_handler(spdk_pci_error_handler sighandler, void *ctx)
{
	struct sigaction ours = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };
	struct fault_handler *fault, *place = NULL;
	int rc = 0;

	if (sighandler == NULL) {
		return -EINVAL;
	}
	pthread_mutex_lock(&g_faults_lock);
	for (fault = g_faults; fault != NULL; fault = fault->next) {
		rc = fault->fn == sighandler ? -EEXIST : rc;
		place = fault->fn == NULL ? fault : place;
	}
	if (rc == 0 && place == NULL) {
		place = calloc(1, sizeof(*place));
		if (place != NULL) {
			place->next = g_faults;
			__atomic_store_n(&g_faults, place, __ATOMIC_RELEASE);
		} else {
			rc = -ENOMEM;
		}
	}
	if (rc == 0 && g_fault_count == 0 && sigaction(SIGBUS, &ours, &g_before) != 0) {
		rc = -errno;
	}
	if (rc == 0) {
		g_fault_count++;
		place->ctx = ctx;
		__atomic_store_n(&place->fn, sighandler, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&g_faults_lock);
	return rc;
}

void
spdk_pci_unregister_error_handler(spdk_pci_error_handler sighandler)
{
	struct fault_handler *fault;

	if (sighandler == NULL) {
		return;
	}
	pthread_mutex_lock(&g_faults_lock);
	for (fault = g_faults; fault != NULL; fault = fault->next) {
		if (fault->fn == sighandler) {
			__atomic_store_n(&fault->fn, NULL, __ATOMIC_RELEASE);
			if (--g_fault_count == 0) {
				sigaction(SIGBUS, &g_before, NULL);
			}
			break;
		}
	}
	pthread_mutex_unlock(&g_faults_lock);
}
