#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""Signals at random instants. SIGTERM during a start with a configuration and services, and during the
stop that follows: it stops in order, in time, and nothing is left. SIGKILL in a start and in a stop: the
next start of the same id works at once."""
import json
import os
import random
import signal
import time

import primary as p

INSTANCE = 610
TERM_ROUNDS = int(os.environ.get("CAL_TEST_ROUNDS", "200"))
KILL_ROUNDS = int(os.environ.get("CAL_TEST_ROUNDS", "100"))
SEED = int(os.environ.get("CAL_TEST_SEED", "0"), 0) or random.getrandbits(32)
STOP_S = 2.0
SLACK = float(os.environ.get("CAL_TIME_SLACK", "1"))
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


def measure(root, path):
    """How long a start takes until it runs, and a stop, in this place."""
    starts, stops = [], []
    for _ in range(3):
        prim = root.start("-c", path, instance=INSTANCE)
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


def sigterm_at_random_instants(root):
    path, rnd = config(root), random.Random(SEED)
    start_s, stop_s = measure(root, path)
    early, pages = 0, free_hugepages()
    for i in range(TERM_ROUNDS):
        what = f"CAL_TEST_SEED={SEED:#x}, round {i}"
        prim = root.start("-c", path, instance=INSTANCE, wait=None)
        time.sleep(rnd.uniform(0, 1.2 * start_s))
        prim.proc.send_signal(signal.SIGTERM)
        # Some are not content with one.
        for _ in range(rnd.choice((0, 0, 1, 2))):
            time.sleep(rnd.uniform(0, stop_s))
            prim.proc.send_signal(signal.SIGTERM)
        early += end_in_order(root, prim, what) != 0
        drop(root, prim)
    # Before main() there are some milliseconds only.
    p.check(early <= 3 + TERM_ROUNDS // 10, f"{early} of {TERM_ROUNDS} ended by the signal itself")
    p.wait_for(lambda: free_hugepages() >= pages, 5, "hugepages come back")
    print(f"          {TERM_ROUNDS} signals in starts of {start_s:.2f} s, {early} before main()")


def works_at_once(root, path, most_s, what):
    prim = root.start("-c", path, instance=INSTANCE, wait=None)
    prim.wait_state("running", 10)
    took = time.monotonic() - prim.begun
    p.check(took < most_s, f"{what}: the next start took {took:.2f} s, not {most_s:.2f}")
    devices = prim.rpc_call("bdev_get_bdevs")["result"]
    p.check(len(devices) == DEVICES, f"{what}: {len(devices)} devices")
    return prim


def sigkill_at_random_instants(root):
    path, rnd = config(root), random.Random(SEED)
    start_s, stop_s = measure(root, path)
    most_s, pages = (start_s + 0.5) * 2 * SLACK, free_hugepages()
    for i in range(max(KILL_ROUNDS // 2, 1)):
        what = f"CAL_TEST_SEED={SEED:#x}, round {i}"
        prim = root.start("-c", path, instance=INSTANCE, wait=None)
        time.sleep(rnd.uniform(0, 1.1 * start_s))
        prim.kill()
        drop(root, prim)
        prim = works_at_once(root, path, most_s, f"{what}, killed in its start")
        prim.proc.send_signal(signal.SIGTERM)
        time.sleep(rnd.uniform(0, 1.1 * stop_s))
        prim.kill()
        drop(root, prim)
        prim = works_at_once(root, path, most_s, f"{what}, killed in its stop")
        prim.proc.send_signal(signal.SIGTERM)
        p.check(end_in_order(root, prim, what) == 0, f"{what}: {prim.output()}")
        drop(root, prim)
    p.wait_for(lambda: free_hugepages() >= pages, 5, "hugepages come back")
    print(f"          {KILL_ROUNDS // 2} kills in starts of {start_s:.2f} s, as many in stops of "
          f"{stop_s:.2f} s")


if __name__ == "__main__":
    p.needs_hugepages(128)
    p.main([sigterm_at_random_instants, sigkill_at_random_instants])
