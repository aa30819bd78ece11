/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Two filters, since libseccomp's rules name what is allowed and have one answer for the rest:
 *
 *   arguments  allows calls with the arguments that are kept; the rest fails with EPERM
 *   numbers    allows calls that are kept, whatever their arguments; deadly ones kill; the rest
 *              fails with ENOSYS
 *
 * The kernel asks both, and takes the stricter answer; of two errors that of the filter loaded
 * last. So a call that is not kept gives ENOSYS, a kept one with other arguments EPERM. Calls of
 * another ABI (i386, x32), whose numbers mean other things, kill. */

#include "services/sandbox/sandbox_internal.h"

#include <errno.h>
#include <seccomp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* In which thread a signal of ours arrives is our own matter, but it is to be ours. */
static const char *const to_itself[] = { "kill", "tgkill", "rt_tgsigqueueinfo", "rt_sigqueueinfo" };
#define NUM_TO_ITSELF (sizeof(to_itself) / sizeof(to_itself[0]))

/* Negative: not on this machine, or not known to this libseccomp. */
static int
number_of(const char *name)
{
	return seccomp_syscall_resolve_name(name);
}

/* A rule that is there already is one. */
static int
add(scmp_filter_ctx ctx, uint32_t action, int number, unsigned num_args,
    const struct scmp_arg_cmp *args)
{
	int rc = number < 0 ? 0 : seccomp_rule_add_array(ctx, action, number, num_args, args);

	return rc == -EEXIST ? 0 : rc;
}

static int
add_calls(scmp_filter_ctx ctx, const struct sandbox_call *calls, bool by_arguments)
{
	int rc = 0;

	for (; rc == 0 && calls->name != NULL; calls++) {
		struct scmp_arg_cmp arg = { calls->arg, SCMP_CMP_MASKED_EQ, calls->mask,
			                    calls->value };

		rc = add(ctx, SCMP_ACT_ALLOW, number_of(calls->name),
		         by_arguments && calls->mask != 0 ? 1 : 0, &arg);
	}
	return rc;
}

static bool
is_called(const struct sandbox_call *calls, const char *name)
{
	while (calls->name != NULL && strcmp(calls->name, name) != 0) {
		calls++;
	}
	return calls->name != NULL;
}

static bool
is_kept(const struct sandbox_policy *policy, const char *name)
{
	return is_called(sandbox_common, name) || is_called(policy->calls, name);
}

static int
add_to_itself(scmp_filter_ctx ctx, bool by_arguments)
{
	struct scmp_arg_cmp arg = { 0, SCMP_CMP_MASKED_EQ, 0xffffffffu, (uint32_t)getpid() };
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < NUM_TO_ITSELF; i++) {
		rc = add(ctx, SCMP_ACT_ALLOW, number_of(to_itself[i]), by_arguments ? 1 : 0, &arg);
	}
	return rc;
}

static int
fill(scmp_filter_ctx ctx, const struct sandbox_policy *policy, bool by_arguments)
{
	const char *const *name;
	int rc;

	rc = add_calls(ctx, sandbox_common, by_arguments);
	if (rc == 0) {
		rc = add_calls(ctx, policy->calls, by_arguments);
	}
	if (rc == 0) {
		rc = add_to_itself(ctx, by_arguments);
	}
	if (by_arguments) {
		/* The one that is still to come. */
		return rc != 0 ? rc : add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(seccomp), 0, NULL);
	}
	for (name = sandbox_deadly; rc == 0 && *name != NULL; name++) {
		if (!is_kept(policy, *name)) {
			rc = add(ctx, SCMP_ACT_KILL_PROCESS, number_of(*name), 0, NULL);
		}
	}
	return rc;
}

static int
load(const struct sandbox_policy *policy, uint32_t rest, bool by_arguments)
{
	scmp_filter_ctx ctx = seccomp_init(rest);
	int rc;

	if (ctx == NULL) {
		return -ENOMEM;
	}
	rc = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (rc == 0) {
		/* The kernel's errors, not -ECANCELED for all of them. */
		rc = seccomp_attr_set(ctx, SCMP_FLTATR_API_SYSRAWRC, 1);
	}
	if (rc == 0) {
		/* The threads of EAL, too. */
		rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	}
	if (rc == 0) {
		/* sandbox_drop() has done it. */
		rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0);
	}
	if (rc == 0) {
		rc = fill(ctx, policy, by_arguments);
	}
	if (rc == 0) {
		rc = seccomp_load(ctx);
	}
	seccomp_release(ctx);
	return rc;
}

int
sandbox_filter_load(const struct sandbox_policy *policy)
{
	int rc = load(policy, SCMP_ACT_ERRNO(EPERM), true);

	return rc != 0 ? rc : load(policy, SCMP_ACT_ERRNO(ENOSYS), false);
}
