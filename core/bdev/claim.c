/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Claims: a module says that a device is its own to build upon, and who else may write. */

#include "bdev_internal.h"

const char *
spdk_bdev_claim_get_name(enum spdk_bdev_claim_type type)
{
	switch (type) {
	case SPDK_BDEV_CLAIM_NONE:
		return "not_claimed";
	case SPDK_BDEV_CLAIM_EXCL_WRITE:
		return "exclusive_write";
	case SPDK_BDEV_CLAIM_READ_MANY_WRITE_ONE:
		return "read_many_write_one";
	case SPDK_BDEV_CLAIM_READ_MANY_WRITE_NONE:
		return "read_many_write_none";
	case SPDK_BDEV_CLAIM_READ_MANY_WRITE_SHARED:
		return "read_many_write_shared";
	}
	return "invalid_claim";
}

void
spdk_bdev_claim_opts_init(struct spdk_bdev_claim_opts *opts, size_t size)
{
	memset(opts, 0, size);
	opts->opts_size = size;
}

bool
bdev_claim_allows_open(const struct spdk_bdev *bdev, bool write)
{
	return !write || bdev->internal.claim_type == SPDK_BDEV_CLAIM_NONE;
}

/* --- one exclusive claim, by module ----------------------------------------------------------- */

int
spdk_bdev_module_claim_bdev(struct spdk_bdev *bdev, struct spdk_bdev_desc *desc,
                            struct spdk_bdev_module *module)
{
	int rc = 0;

	spdk_spin_lock(&bdev->internal.spinlock);
	if (bdev->internal.claim_type != SPDK_BDEV_CLAIM_NONE) {
		rc = -EPERM;
	} else {
		bdev->internal.claim_type = SPDK_BDEV_CLAIM_EXCL_WRITE;
		bdev->internal.claim.v1.module = module;
		if (desc != NULL) {
			desc->write = true;
		}
	}
	spdk_spin_unlock(&bdev->internal.spinlock);
	if (rc != 0) {
		SPDK_ERRLOG("%s: cannot be claimed by %s: it is claimed already (%s)\n", bdev->name,
		            module->name, spdk_bdev_claim_get_name(bdev->internal.claim_type));
	}
	return rc;
}

void
spdk_bdev_module_release_bdev(struct spdk_bdev *bdev)
{
	spdk_spin_lock(&bdev->internal.spinlock);
	if (bdev->internal.claim_type == SPDK_BDEV_CLAIM_EXCL_WRITE) {
		bdev->internal.claim_type = SPDK_BDEV_CLAIM_NONE;
		bdev->internal.claim.v1.module = NULL;
	} else {
		SPDK_ERRLOG("%s: released, but it holds no exclusive claim\n", bdev->name);
	}
	spdk_spin_unlock(&bdev->internal.spinlock);
}

/* --- claims by descriptor --------------------------------------------------------------------- */

static bool
has_other_writer(const struct spdk_bdev_desc *desc)
{
	const struct spdk_bdev_desc *other;

	TAILQ_FOREACH (other, &desc->bdev->internal.open_descs, link) {
		if (other != desc && other->write) {
			return true;
		}
	}
	return false;
}

/* Whether the type, as the first claim or beside those there are, can be granted to `desc`. */
static int
claim_check(const struct spdk_bdev_desc *desc, enum spdk_bdev_claim_type type, uint64_t key)
{
	const struct spdk_bdev *bdev = desc->bdev;

	if (desc->claim != NULL) {
		return -EPERM;
	}
	if (bdev->internal.claim_type != SPDK_BDEV_CLAIM_NONE) {
		/* Only equal claims that allow many go together. */
		if (bdev->internal.claim_type != type ||
		    type == SPDK_BDEV_CLAIM_READ_MANY_WRITE_ONE) {
			return -EPERM;
		}
		if (type == SPDK_BDEV_CLAIM_READ_MANY_WRITE_SHARED &&
		    key != bdev->internal.claim.v2.key) {
			return -EPERM;
		}
	}
	switch (type) {
	case SPDK_BDEV_CLAIM_READ_MANY_WRITE_ONE:
		return has_other_writer(desc) ? -EPERM : 0;
	case SPDK_BDEV_CLAIM_READ_MANY_WRITE_NONE:
		if (desc->write) {
			return -EINVAL;
		}
		return has_other_writer(desc) ? -EPERM : 0;
	case SPDK_BDEV_CLAIM_READ_MANY_WRITE_SHARED:
		/* Whoever holds the same claim may write; before the first, nobody else. */
		return bdev->internal.claim_type == SPDK_BDEV_CLAIM_NONE && has_other_writer(desc)
		               ? -EPERM
		               : 0;
	default:
		return -EINVAL;
	}
}

static bool
opts_fit(enum spdk_bdev_claim_type type, uint64_t key)
{
	switch (type) {
	case SPDK_BDEV_CLAIM_READ_MANY_WRITE_ONE:
	case SPDK_BDEV_CLAIM_READ_MANY_WRITE_NONE:
		return key == 0;
	case SPDK_BDEV_CLAIM_READ_MANY_WRITE_SHARED:
		return key != 0;
	default:
		return false; /* exclusive claims are made without a descriptor */
	}
}

int
spdk_bdev_module_claim_bdev_desc(struct spdk_bdev_desc *desc, enum spdk_bdev_claim_type type,
                                 struct spdk_bdev_claim_opts *user_opts,
                                 struct spdk_bdev_module *module)
{
	struct spdk_bdev_claim_opts opts;
	struct spdk_bdev_module_claim *claim;
	struct spdk_bdev *bdev;
	int rc;

	if (desc == NULL || module == NULL) {
		return -EINVAL;
	}
	bdev = desc->bdev;
	spdk_bdev_claim_opts_init(&opts, sizeof(opts));
	if (user_opts != NULL) {
		if (user_opts->opts_size == 0) {
			return -EINVAL;
		}
		memcpy(&opts, user_opts, spdk_min(user_opts->opts_size, sizeof(opts)));
		opts.name[sizeof(opts.name) - 1] = '\0';
	}
	if (!opts_fit(type, opts.shared_claim_key)) {
		SPDK_ERRLOG("%s: a claim of type %s by %s %s\n", bdev->name,
		            spdk_bdev_claim_get_name(type), module->name,
		            type == SPDK_BDEV_CLAIM_READ_MANY_WRITE_SHARED ? "needs a key"
		                                                           : "is not to be had so");
		return -EINVAL;
	}
	claim = calloc(1, sizeof(*claim));
	if (claim == NULL) {
		return -ENOMEM;
	}
	claim->module = module;
	claim->desc = desc;
	memcpy(claim->name, opts.name, sizeof(claim->name));

	spdk_spin_lock(&bdev->internal.spinlock);
	rc = claim_check(desc, type, opts.shared_claim_key);
	if (rc == 0) {
		if (bdev->internal.claim_type == SPDK_BDEV_CLAIM_NONE) {
			bdev->internal.claim_type = type;
			TAILQ_INIT(&bdev->internal.claim.v2.claims);
			bdev->internal.claim.v2.key = opts.shared_claim_key;
		}
		TAILQ_INSERT_TAIL(&bdev->internal.claim.v2.claims, claim, link);
		desc->claim = claim;
		if (type != SPDK_BDEV_CLAIM_READ_MANY_WRITE_NONE) {
			desc->write = true;
		}
	}
	spdk_spin_unlock(&bdev->internal.spinlock);
	if (rc != 0) {
		SPDK_ERRLOG("%s: cannot be claimed by %s (%s): %s\n", bdev->name, module->name,
		            spdk_bdev_claim_get_name(type),
		            rc == -EPERM ? "it is claimed or open for writing elsewhere"
		                         : "the descriptor writes");
		free(claim);
	}
	return rc;
}

void
bdev_claim_release_desc_locked(struct spdk_bdev_desc *desc)
{
	struct spdk_bdev *bdev = desc->bdev;

	TAILQ_REMOVE(&bdev->internal.claim.v2.claims, desc->claim, link);
	free(desc->claim);
	desc->claim = NULL;
	if (TAILQ_EMPTY(&bdev->internal.claim.v2.claims)) {
		bdev->internal.claim_type = SPDK_BDEV_CLAIM_NONE;
		memset(&bdev->internal.claim, 0, sizeof(bdev->internal.claim));
	}
}
