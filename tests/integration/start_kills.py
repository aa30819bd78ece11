#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""SIGKILL at random instants of starts and stops with a configuration and services: the next start of
the same id works at once, and its end leaves nothing."""
import os
import random
import signal
import time

import kill_common as k
import primary as p

INSTANCE = 611
ROUNDS = int(os.environ.get("CAL_TEST_ROUNDS", "100"))


def works_at_once(root, path, most_s, what):
    prim = root.start("-c", path, instance=INSTANCE, wait=None)
    prim.wait_state("running", 10)
    took = time.monotonic() - prim.begun
    p.check(took < most_s, f"{what}: the next start took {took:.2f} s, not {most_s:.2f}")
    devices = prim.rpc_call("bdev_get_bdevs")["result"]
    p.check(len(devices) == k.DEVICES, f"{what}: {len(devices)} devices")
    return prim


def sigkill_at_random_instants(root):
    path, rnd = k.config(root), random.Random(k.SEED)
    start_s, stop_s = k.measure(root, path, INSTANCE)
    most_s, pages = (start_s + 0.5) * 2 * k.SLACK, k.free_hugepages()
    for i in range(max(ROUNDS // 2, 1)):
        what = f"CAL_TEST_SEED={k.SEED:#x}, round {i}"
        prim = root.start("-c", path, instance=INSTANCE, wait=None)
        time.sleep(rnd.uniform(0, 1.1 * start_s))
        prim.kill()
        k.drop(root, prim)
        prim = works_at_once(root, path, most_s, f"{what}, killed in its start")
        prim.proc.send_signal(signal.SIGTERM)
        time.sleep(rnd.uniform(0, 1.1 * stop_s))
        prim.kill()
        k.drop(root, prim)
        prim = works_at_once(root, path, most_s, f"{what}, killed in its stop")
        prim.proc.send_signal(signal.SIGTERM)
        p.check(k.end_in_order(root, prim, what) == 0, f"{what}: {prim.output()}")
        k.drop(root, prim)
    p.wait_for(lambda: k.free_hugepages() >= pages, 5, "hugepages come back")
    print(f"          {ROUNDS // 2} kills in starts of {start_s:.2f} s, as many in stops of "
          f"{stop_s:.2f} s")


if __name__ == "__main__":
    p.needs_hugepages(128)
    p.main([sigkill_at_random_instants])
