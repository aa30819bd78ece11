/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* `service list`: from the state file, asks nobody. */

#include "ctl/ctl.h"
#include "ctl/instance.h"
#include "ctl/json.h"
#include "ctl/orphans.h"

static int
run(struct ctl *ctl, int argc, char **argv)
{
	struct cal_state_file state;
	struct ctl_orphan orphans[CTL_MAX_ORPHANS];
	struct json_object *services;
	unsigned num;
	bool alive;
	char err[256];

	if (ctl_instance_read(ctl, &state, &alive, err, sizeof(err)) != 0) {
		ctl_error("%s", err);
		return CTL_NO_PRIMARY;
	}
	if (ctl->json) {
		services = ctl_services_json(ctl->instance, &state, alive);
		ctl_json_print_line(stdout, services);
		json_object_put(services);
	} else if (ctl_instance_num_services(&state) == 0) {
		printf("instance %d has no services of its own (--no-services)\n", ctl->instance);
	} else if (ctl_services_print(stdout, ctl_term(), ctl->instance, &state, alive) != 0) {
		ctl_error("out of memory");
		return CTL_FAILED;
	}
	if (!alive) {
		num = ctl_orphans_find(ctl, &state, orphans);
		if (num > 0) {
			ctl_error("the primary of instance %d (pid %d) is dead; cal-%s (pid %d) "
			          "still tells its clients so, until the next primary's takes "
			          "over or `calctl -i %d stop`",
			          ctl->instance, state.main.pid, orphans[0].name, orphans[0].pid,
			          ctl->instance);
		} else {
			ctl_error("the primary of instance %d (pid %d) is dead", ctl->instance,
			          state.main.pid);
		}
		ctl_orphans_close(orphans, num);
		return CTL_NO_PRIMARY;
	}
	return CTL_OK;
}

static struct ctl_command command = {
	.name = "service list",
	.summary = "its services: rpcd, confd, mond",
	.details =
		"Reads the state file and asks nobody. LAST END is how a service's previous\n"
		"process ended, or why it could not be started. A service in the state crash_loop\n"
		"ended five times in a row or more; one that is hung does not answer.",
	.group = CTL_GROUP_INSTANCE,
	.run = run,
};
CTL_COMMAND_REGISTER(command)
