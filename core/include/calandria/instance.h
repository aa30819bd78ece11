/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Where the files of one running primary are: /run/calandria/<id>/ (0700).
 *
 *   lock              locked (F_OFD_SETLK) by the primary for its whole life, its pid inside
 *   state             struct cal_state_file, see calandria/state.h
 *   stats             struct cal_stats_header, see calandria/stats.h
 *   gate.sock         SOCK_SEQPACKET, see ipc/gate/gate_proto.h
 *   mond.sock         the monitor's own socket
 *   dpdk/             the primary's EAL runtime files (its RUNTIME_DIRECTORY is the folder above)
 *   template/         the empty snapshot that secondaries copy, see core/env/README.md
 *   link/<n>/         the private copy of one attached secondary, removed with its link
 *   log/<name>.log    what the services print
 *
 * The folder is removed on an orderly stop; after a crash it stays for post-mortem readers until
 * the next primary of the same id takes it over. */

#ifndef CALANDRIA_INSTANCE_H
#define CALANDRIA_INSTANCE_H

#include <stddef.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CAL_RUN_ROOT       "/run/calandria" /* $CALANDRIA_RUN_ROOT overrides it, for tests */
#define CAL_PATH_MAX       256
#define CAL_LOCK_NAME      "lock"
#define CAL_STATE_NAME     "state"
#define CAL_STATS_NAME     "stats"
#define CAL_GATE_NAME      "gate.sock"
#define CAL_MONITOR_SOCKET "mond.sock"
#define CAL_TEMPLATE_DIR   "template"
#define CAL_LINK_DIR       "link"
#define CAL_LOG_DIR        "log"
/* EAL's file prefix, hence the folder below dpdk/. */
#define CAL_EAL_PREFIX "cal"

/** Write the path of instance `id`'s file or folder `name` ("" for the instance's folder itself)
 *  to `buf`. Any thread. Returns 0 or -ENAMETOOLONG. */
int cal_instance_path(char *buf, size_t size, int id, const char *name);

/** Create the instance's folder if need be and take its lock. Whatever a dead predecessor left in
 *  the folder is removed (after the lock is held, never before), but the monitor's socket: whoever
 *  still serves it hands it over to the new primary's. Control or main thread, once.
 *  Returns the lock's descriptor (close-on-exec; keep it open for the process's life), -EBUSY when
 * a living primary holds it (*owner is its pid, 0 if unknown), or another negative errno. */
int cal_instance_claim(int id, pid_t *owner);

/** Remove the instance's folder and give the lock back. */
void cal_instance_release(int id, int lock_fd);

/** Let the members of group `gid` pass through the instance's folder, and read what is made
 * readable for them; (gid_t)-1: nobody but us, as a claim leaves it if nobody shared it before. For
 * who has claimed it, before anything is put into it. Needs CAP_CHOWN unless we are in the group.
 * Returns 0 or a negative errno. */
int cal_instance_share(int id, gid_t gid);

/** The mode for something in the instance's folder that we alone may use with `mode`: if the folder
 *  is shared, its group may read it, too, and enter it (what is created there belongs to the group
 * by itself). Any process. */
mode_t cal_instance_mode(int id, mode_t mode);

/** Whether a living primary holds the lock of instance `id`. Any thread, any process; asks nobody.
 *  Returns its pid, 0 when there is none, or a negative errno. */
pid_t cal_instance_owner(int id);

#ifdef __cplusplus
}
#endif
#endif
