/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* A device takes on the size that its file has now. The file is looked at on the control pthread; a
 * descriptor keeps the device for as long. */

#include "drivers/uring/uring.h"

#include "ipc/gate/control.h"
#include "spdk/env.h"
#include "spdk/log.h"
#include "spdk/string.h"

struct rescan {
	struct spdk_bdev_desc *desc;
	uint64_t size;
	int rc;
	uring_rescan_cb cb;
	void *arg;
};

static void
ignore_event(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
}

static int
resize(struct uring_disk *disk, uint64_t size)
{
	struct spdk_bdev *bdev = &disk->bdev;
	int rc;

	if (size == 0 || size % bdev->blocklen != 0) {
		SPDK_ERRLOG("%s: %s has %" PRIu64 " bytes now, which are no whole blocks of %u\n",
		            bdev->name, disk->filename, size, bdev->blocklen);
		return -EINVAL;
	}
	rc = spdk_bdev_notify_blockcnt_change(bdev, size / bdev->blocklen);
	if (rc == 0) {
		disk->file.size = size;
	} else {
		SPDK_ERRLOG("%s: it cannot take on the %" PRIu64 " bytes of %s: %s\n", bdev->name,
		            size, disk->filename, spdk_strerror(-rc));
	}
	return rc;
}

static void
looked(void *arg)
{
	struct rescan *rescan = arg;
	struct spdk_bdev *bdev = spdk_bdev_desc_get_bdev(rescan->desc);

	/* Closed before the change: this descriptor is no user that a smaller device would cheat.
	 * If the device is on its way out, it goes by a message to this thread, after us. */
	spdk_bdev_close(rescan->desc);
	if (rescan->rc == 0) {
		rescan->rc = resize(bdev->ctxt, rescan->size);
	}
	rescan->cb(rescan->arg, rescan->rc);
	free(rescan);
}

static void
look_on_control(void *arg)
{
	struct rescan *rescan = arg;
	struct uring_disk *disk = spdk_bdev_desc_get_bdev(rescan->desc)->ctxt;

	rescan->rc = uring_file_size_now(&disk->file, &rescan->size);
	spdk_thread_send_msg(spdk_thread_get_app_thread(), looked, rescan);
}

void
uring_disk_rescan(const char *name, uring_rescan_cb cb, void *arg)
{
	struct rescan *rescan = calloc(1, sizeof(*rescan));
	int rc;

	if (rescan == NULL) {
		cb(arg, -ENOMEM);
		return;
	}
	rescan->cb = cb;
	rescan->arg = arg;
	rc = spdk_bdev_open_ext(name, false, ignore_event, NULL, &rescan->desc);
	if (rc == 0) {
		rc = spdk_bdev_desc_get_bdev(rescan->desc)->module != &uring_module
		             ? -ENODEV
		             : control_post(look_on_control, rescan);
		if (rc == 0) {
			return;
		}
		spdk_bdev_close(rescan->desc);
	}
	cb(arg, rc);
	free(rescan);
}
