/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "services/sandbox/sandbox_internal.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Returns 1: go on; 0: run without; -EINVAL with a sentence. */
static int
is_wanted(char *err, size_t err_size)
{
	/* Not the environment's to say in a program with more rights than who started it. */
	const char *value = secure_getenv("CAL_SANDBOX");

	if (value == NULL || strcmp(value, "on") == 0) {
		return 1;
	}
	if (strcmp(value, "off") == 0) {
		return 0;
	}
	snprintf(err, err_size,
	         "CAL_SANDBOX is '%s': it takes 'off', to run without a sandbox, or 'on'", value);
	return -EINVAL;
}

static int
failed(const char *what, int rc, char *err, size_t err_size)
{
	snprintf(err, err_size,
	         "the sandbox cannot be entered (%s: %s): allow that to the service, or start it "
	         "with CAL_SANDBOX=off in its environment to run without",
	         what, strerror(-rc));
	return rc;
}

int
sandbox_drop(const struct sandbox_policy *policy, const char *folder, char *err, size_t err_size)
{
	const uint32_t deadly = SECCOMP_RET_KILL_PROCESS;
	int rc = is_wanted(err, err_size);

	if (rc <= 0) {
		if (rc == 0) {
			fprintf(stderr,
			        "%s: warning: CAL_SANDBOX=off: running without a sandbox, with all "
			        "capabilities and system calls\n",
			        policy->name);
		}
		return rc;
	}
	/* Now, while there is nothing that could not be left as it is. */
	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &deadly) != 0) {
		return failed("seccomp", -errno, err, err_size);
	}
	rc = sandbox_capabilities_drop(policy, folder);
	if (rc != 0) {
		return failed("capabilities", rc, err, err_size);
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
		return failed("no_new_privs", -errno, err, err_size);
	}
	return 0;
}

int
sandbox_enter(const struct sandbox_policy *policy, char *err, size_t err_size)
{
	int rc = is_wanted(err, err_size);

	if (rc > 0) {
		/* pthread_cancel() would load it when EAL is given back, and abort if it cannot. */
		(void)dlopen("libgcc_s.so.1", RTLD_NOW);
		rc = sandbox_filter_load(policy);
		rc = rc != 0 ? failed("seccomp filter", rc, err, err_size) : 0;
	}
	return rc;
}
