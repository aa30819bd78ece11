# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""What start_terms.py and start_kills.py share: a start with a configuration and services, and looking at
what its end has left. Not a test (not executable)."""
import json
import os
import random
import signal
import time

import primary as p

SEED = int(os.environ.get("CAL_TEST_SEED", "0"), 0) or random.getrandbits(32)
SLACK = float(os.environ.get("CAL_TIME_SLACK", "1"))
STOP_S = 2.0
DEVICES = 200


def config(root):
    entries = [{"method": "bdev_malloc_create",
                "params": {"name": f"M{i}", "num_blocks": 256, "block_size": 512}}
               for i in range(DEVICES)]
    return root.file("config.json", json.dumps(
        {"subsystems": [{"subsystem": "bdev", "config": entries}]}))


def processes(root):
    """Of this run root: {pid: name}. A zombie has no environment."""
    wanted, found = f"CALANDRIA_RUN_ROOT={root.run}".encode(), {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                if wanted not in file.read().split(b"\0"):
                    continue
            with open(f"/proc/{pid}/comm") as file:
                found[int(pid)] = file.read().strip()
        except OSError:  # it has ended meanwhile, or is another user's
            pass
    return found


def nothing_is_left(root, prim, what):
    p.check(os.listdir(root.run) == [], f"{what}: run-time files stay: {left_files(root)}")
    p.check(os.listdir(root.locks) == [], f"{what}: core locks stay: {os.listdir(root.locks)}")
    for name in (prim.rpc, prim.rpc + ".lock"):
        p.check(not os.path.exists(name), f"{what}: {name} stays")
    p.check(not processes(root), f"{what}: processes stay: {processes(root)}")


def left_files(root):
    return [os.path.join(folder, name) for folder, _, names in os.walk(root.run) for name in names]


def free_hugepages():
    with open("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages") as file:
        return int(file.read())


def measure(root, path, instance):
    """How long a start takes until it runs, and a stop, in this place."""
    starts, stops = [], []
    for _ in range(3):
        prim = root.start("-c", path, instance=instance)
        starts.append(time.monotonic() - prim.begun)
        status, took = prim.stop()
        p.check(status == 0, prim.output())
        stops.append(took)
    return min(starts), min(stops)


def end_in_order(root, prim, what):
    """After a SIGTERM: exit status 0 in time and nothing left. One that comes before main() may find
    nobody who looks at it; then there has been nothing yet."""
    begin = time.monotonic()
    status = prim.proc.wait(20)
    took = time.monotonic() - begin
    p.check(status in (0, -signal.SIGTERM), f"{what}: status {status}: {prim.output()}")
    p.check(took < STOP_S * SLACK, f"{what}: it took {took:.2f} s: {prim.output()}")
    nothing_is_left(root, prim, f"{what} (status {status})")
    return status


def drop(root, prim):
    prim.stderr.close()
    root.primaries.remove(prim)
