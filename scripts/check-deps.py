#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""Proves that dependencies point one way.

Every #include of a file of ours is an arrow from the includer's room to the included file's. ALLOWED
says, for each room, which others it may see; anything else is an error, and so is an #include of a
DPDK header outside the rooms that know DPDK.
"""
import os
import re
import subprocess
import sys

# Public headers live in one folder; this is the room that each belongs to.
PUBLIC = {
    "thread": ["spdk/thread.h", "spdk_internal/thread.h", "spdk/fd_group.h"],
    "reactor": ["spdk/scheduler.h", "spdk_internal/event.h"],
    "env": ["spdk/env.h", "spdk/env_dpdk.h", "spdk/memory.h", "spdk/barrier.h", "spdk_internal/usdt.h"],
    "rpc": ["spdk/rpc.h", "spdk/json.h", "spdk/jsonrpc.h"],
    "app": ["spdk/init.h", "spdk_internal/init.h"],
    "bdev": ["spdk/bdev.h", "spdk/bdev_module.h", "spdk/bdev_zone.h"],
    "stats": ["calandria/stats.h"],
}
# spdk/event.h declares both the events of reactors and the application framework.
# A scheduler takes and tells its options as JSON values.
SHARED = {"spdk/event.h": {"reactor", "app"}, "spdk/json.h": {"rpc", "reactor"}}

UTIL = {"util"}
ENV = UTIL | {"env", "stats"}
ALLOWED = {
    "util": UTIL,
    "stats": ENV,
    "env": ENV,
    "thread": ENV | {"thread"},
    "reactor": ENV | {"thread", "reactor"},
    "codec": UTIL | {"codec"},
    "gate": ENV | {"gate", "link", "codec"},
    "link": ENV | {"gate", "link", "codec"},
    "client": ENV | {"gate", "link", "codec", "client"},
    "rpc": ENV | {"thread", "reactor", "rpc", "gate", "link", "codec"},
    "app": ENV | {"thread", "reactor", "rpc", "app", "gate"},
    # Block devices are subsystems with RPC methods; files are opened on the control pthread.
    "bdev": ENV | {"thread", "reactor", "rpc", "app", "bdev", "control"},
    "drivers": ENV | {"thread", "rpc", "app", "bdev", "drivers", "control"},
    "services": UTIL | {"stats", "codec", "client", "gate-proto", "services"},
    "ctl": UTIL | {"stats", "codec", "client", "gate-proto", "ctl"},
}
# Parts of a room that more may see than the room itself.
OPEN_PARTS = {"ipc/gate/control.h": "control", "ipc/gate/gate_proto.h": "gate-proto"}
DPDK_ROOMS = {"env", "thread", "reactor", "link", "client", "stats"}


def room_of(path):
    parts = path.split("/")
    if path.startswith("core/include/"):
        name = path[len("core/include/"):]
        for room, headers in PUBLIC.items():
            if name in headers:
                return room
        return "util"
    if parts[0] in ("core", "ipc") and len(parts) > 2:
        return parts[1]
    return parts[0]


def main():
    files = subprocess.run(["git", "ls-files", "*.c", "*.h"], capture_output=True, text=True, check=True)
    bad = 0
    for path in files.stdout.split():
        room = room_of(path)
        if room not in ALLOWED or path.startswith("tests/"):
            continue
        with open(path, encoding="utf-8") as source:
            for number, line in enumerate(source, 1):
                found = re.match(r'\s*#\s*include\s+[<"]([^>"]+)[>"]', line)
                if not found:
                    continue
                name = found.group(1)
                where = f"{path}:{number}"
                if name.startswith("rte_") and room not in DPDK_ROOMS:
                    print(f"{where}: {name}: only {', '.join(sorted(DPDK_ROOMS))} know DPDK")
                    bad += 1
                    continue
                for candidate in (name, "core/include/" + name,
                                  os.path.normpath(os.path.join(os.path.dirname(path), name))):
                    if os.path.isfile(candidate):
                        break
                else:
                    continue
                target = room_of(candidate)
                targets = SHARED.get(name, {target})
                part = OPEN_PARTS.get(candidate)
                if not (targets & ALLOWED[room]) and not (part and part in ALLOWED[room]) \
                        and os.path.dirname(candidate) != os.path.dirname(path):
                    print(f"{where}: {room} may not see {name} ({target})")
                    bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
