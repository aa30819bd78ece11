/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* links: client */
/* libs: -lcap-ng */

/* Says what the services' sandboxes keep, a line each: `call SERVICE NAME` (SERVICE "all" for the
 * common ones), `capability SERVICE NAME`, `kills NAME`. For the comparison with
 * services/README.md. */

#include "services/sandbox/policy.c"

#include <cap-ng.h>
#include <stdio.h>

static void
say_calls(const char *service, const struct sandbox_call *calls)
{
	for (; calls->name != NULL; calls++) {
		printf("call %s %s\n", service, calls->name);
	}
}

static void
say_policy(const struct sandbox_policy *policy)
{
	const int *capability;

	for (capability = policy->capabilities; *capability >= 0; capability++) {
		printf("capability %s %s\n", policy->name,
		       capng_capability_to_name((unsigned)*capability));
	}
	say_calls(policy->name, policy->calls);
}

int
main(void)
{
	const char *const *name;

	say_calls("all", sandbox_common);
	say_policy(&sandbox_rpcd);
	say_policy(&sandbox_confd);
	say_policy(&sandbox_mond);
	for (name = sandbox_deadly; *name != NULL; name++) {
		printf("kills %s\n", *name);
	}
	return 0;
}
