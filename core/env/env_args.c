/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "core/env/env_private.h"

#include "calandria/instance.h"

void
env_args_add(struct env_args *args, const char *format, ...)
{
	char *arg = NULL;
	va_list ap;
	int n;

	if (args->argc >= ENV_MAX_ARGS) {
		args->failed = true;
		return;
	}
	va_start(ap, format);
	n = vasprintf(&arg, format, ap);
	va_end(ap);
	if (n < 0) {
		args->failed = true;
		return;
	}
	args->argv[args->argc++] = arg;
	args->argv[args->argc] = NULL;
}

void
env_args_free(struct env_args *args)
{
	int i;

	for (i = 0; i < args->argc; i++) {
		free(args->argv[i]);
	}
	memset(args, 0, sizeof(*args));
}

/* The heap is what it is told to be, for good: a primary that asked for more later would have to
 * wait for its secondaries (and the kernel), and a page that went back could go to somebody else.
 */
static void
memory_add(struct env_args *args, const struct spdk_env_opts *opts, const struct env_plan *plan)
{
	char list[ENV_MAX_NODES * 12] = "";
	size_t len = 0;
	unsigned node;

	if (opts->no_huge) {
		env_args_add(args, "--no-huge");
		env_args_add(args, "-m");
		env_args_add(args, "%u", plan->total_mb);
		return;
	}
	for (node = 0; node < plan->num_nodes; node++) {
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%u", node ? "," : "",
		                        plan->mem_mb[node]);
	}
	env_args_add(args, "--socket-mem=%s", list);
	env_args_add(args, "--socket-limit=%s", list);
	env_args_add(args, "--huge-unlink=always");
	env_args_add(args, "--huge-dir=%s", plan->hugedir.path);
}

static void
pci_add(struct env_args *args, const struct spdk_env_opts *opts)
{
	const struct spdk_pci_addr *list =
		opts->pci_allowed != NULL ? opts->pci_allowed : opts->pci_blocked;
	char bdf[32];
	size_t i;

	if (opts->no_pci) {
		env_args_add(args, "--no-pci");
		return;
	}
	for (i = 0; list != NULL && i < opts->num_pci_addr; i++) {
		if (spdk_pci_addr_fmt(bdf, sizeof(bdf), &list[i]) == 0) {
			env_args_add(args, "%s=%s",
			             list == opts->pci_allowed ? "--allow" : "--block", bdf);
		}
	}
	if (opts->vf_token != NULL) {
		env_args_add(args, "--vfio-vf-token=%s", opts->vf_token);
	}
}

static void
context_add(struct env_args *args, const char *context)
{
	char *copy, *word, *rest;

	copy = strdup(context);
	if (copy == NULL) {
		args->failed = true;
		return;
	}
	for (word = strtok_r(copy, " \t", &rest); word != NULL;
	     word = strtok_r(NULL, " \t", &rest)) {
		env_args_add(args, "%s", word);
	}
	free(copy);
}

int
env_args_build(struct env_args *args, const struct spdk_env_opts *opts, const struct env_plan *plan,
               bool debug)
{
	char cores[1024];
	int rc;

	memset(args, 0, sizeof(*args));
	rc = env_cpu_list_format(&plan->lcores, cores, sizeof(cores));
	if (rc != 0) {
		return rc;
	}
	env_args_add(args, "%s", opts->name != NULL ? opts->name : "calandria");
	env_args_add(args, "--proc-type=primary");
	env_args_add(args, "--file-prefix=%s", CAL_EAL_PREFIX);
	env_args_add(args, "--lcores=%s", opts->lcore_map != NULL ? opts->lcore_map : cores);
	env_args_add(args, "--main-lcore=%u", plan->main_core);
	memory_add(args, opts, plan);
	env_args_add(args, "--base-virtaddr=0x%" PRIx64, opts->base_virtaddr);
	env_args_add(args, "--no-telemetry");
	/* What is above an error is chatter to whoever does not debug. */
	env_args_add(args, "--log-level=*:%s", debug ? "debug" : "error");
	if (opts->mem_channel > 0) {
		env_args_add(args, "-n");
		env_args_add(args, "%d", opts->mem_channel);
	}
	if (opts->iova_mode != NULL) {
		env_args_add(args, "--iova-mode=%s", opts->iova_mode);
	}
	pci_add(args, opts);
	if (opts->env_context != NULL) {
		context_add(args, opts->env_context);
	}
	if (args->failed) {
		rc = args->argc >= ENV_MAX_ARGS ? -E2BIG : -ENOMEM;
		env_args_free(args);
	}
	return rc;
}
