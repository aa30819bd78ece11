/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Every public name of SPDK v26.05's spdk/init.h, with its type. */

#include "names.h"

#include "spdk/init.h"

FUNCTION(spdk_rpc_initialize, int(const char *, const struct spdk_rpc_opts *));
FUNCTION(spdk_rpc_finish, void(void));
FUNCTION(spdk_rpc_server_finish, void(const char *));
FUNCTION(spdk_rpc_server_pause, void(const char *));
FUNCTION(spdk_rpc_server_resume, void(const char *));
FUNCTION(spdk_subsystem_init, void(spdk_subsystem_init_fn, void *));
FUNCTION(spdk_subsystem_load_config, void(void *, ssize_t, spdk_subsystem_init_fn, void *, bool));
FUNCTION(spdk_subsystem_fini, void(spdk_subsystem_fini_fn, void *));
FUNCTION(spdk_subsystem_exists, bool(const char *));
FUNCTION(spdk_add_subsystem, void(struct spdk_subsystem *));
FUNCTION(spdk_add_subsystem_depend, void(struct spdk_subsystem_depend *));
FUNCTION(spdk_subsystem_init_next, void(int));
FUNCTION(spdk_subsystem_fini_next, void(void));

TYPE(spdk_subsystem_init_fn);
TYPE(spdk_subsystem_fini_fn);
TYPE(struct spdk_rpc_opts);
FIELD(struct spdk_rpc_opts, size, size_t);
FIELD(struct spdk_rpc_opts, log_file, FILE *);
FIELD(struct spdk_rpc_opts, log_level, enum spdk_log_level);
TYPE(struct spdk_subsystem);
FIELD(struct spdk_subsystem, name, const char *);
FIELD(struct spdk_subsystem_depend, name, const char *);
FIELD(struct spdk_subsystem_depend, depends_on, const char *);
