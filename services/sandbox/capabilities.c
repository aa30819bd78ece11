/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "services/sandbox/sandbox_internal.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/securebits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Root's own way to capabilities: off, and it stays off. */
#define SECUREBITS                                                                               \
	(SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |                         \
	 SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE | \
	 SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)

static bool
has(capng_type_t set, int capability)
{
	return capng_have_capability(set, (unsigned)capability) > 0;
}

static bool
keeps(const struct sandbox_policy *policy, bool dac_override, int capability)
{
	const int *kept = policy->capabilities;

	while (*kept >= 0 && *kept != capability) {
		kept++;
	}
	return *kept >= 0 || (dac_override && capability == CAP_DAC_OVERRIDE);
}

/* Whether `folder` can be written to only by who may write everywhere. The answer is the kernel's,
 * to one without that capability. */
static bool
needs_dac_override(const char *folder)
{
	bool needs;

	if (folder == NULL || !has(CAPNG_EFFECTIVE, CAP_DAC_OVERRIDE)) {
		return false;
	}
	capng_update(CAPNG_DROP, CAPNG_EFFECTIVE, CAP_DAC_OVERRIDE);
	capng_update(CAPNG_DROP, CAPNG_EFFECTIVE, CAP_DAC_READ_SEARCH);
	needs = capng_apply(CAPNG_SELECT_CAPS) == 0 &&
	        faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) != 0 && errno == EACCES;
	capng_get_caps_process();
	return needs;
}

/* What libcap-ng was asked for is what the kernel has now. */
static bool
only_kept_are_left(const struct sandbox_policy *policy, bool dac_override, bool bounding)
{
	int cap;

	if (capng_get_caps_process() != 0) {
		return false;
	}
	for (cap = 0; cap <= CAP_LAST_CAP; cap++) {
		bool kept = keeps(policy, dac_override, cap);

		if ((!kept && (has(CAPNG_EFFECTIVE, cap) || has(CAPNG_PERMITTED, cap))) ||
		    has(CAPNG_INHERITABLE, cap) || (bounding && has(CAPNG_BOUNDING_SET, cap)) ||
		    has(CAPNG_AMBIENT, cap)) {
			return false;
		}
	}
	return true;
}

int
sandbox_capabilities_drop(const struct sandbox_policy *policy, const char *folder)
{
	bool wanted[CAP_LAST_CAP + 1], dac_override, may_limit;
	int cap;

	if (capng_get_caps_process() != 0) {
		return -ENOSYS;
	}
	dac_override = needs_dac_override(folder);
	if (dac_override) {
		fprintf(stderr,
		        "%s: %s belongs to somebody else: keeping CAP_DAC_OVERRIDE to write "
		        "there\n",
		        policy->name, folder);
	}
	may_limit = has(CAPNG_PERMITTED, CAP_SETPCAP);
	if (may_limit) {
		/* needs_dac_override() may have left some ineffective. */
		capng_update(CAPNG_ADD, CAPNG_EFFECTIVE, CAP_SETPCAP);
		if (capng_apply(CAPNG_SELECT_CAPS) != 0 ||
		    prctl(PR_SET_SECUREBITS, SECUREBITS, 0, 0, 0) != 0) {
			return -EPERM;
		}
	}
	for (cap = 0; cap <= CAP_LAST_CAP; cap++) {
		wanted[cap] = keeps(policy, dac_override, cap) && has(CAPNG_PERMITTED, cap);
	}
	capng_clear(CAPNG_SELECT_ALL);
	for (cap = 0; cap <= CAP_LAST_CAP; cap++) {
		if (wanted[cap]) {
			capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, (unsigned)cap);
		}
	}
	/* Who may not limit what an executed program could get needs not: see no_new_privs. */
	(void)capng_apply(may_limit ? CAPNG_SELECT_ALL : CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT);
	return only_kept_are_left(policy, dac_override, may_limit) ? 0 : -EPERM;
}
