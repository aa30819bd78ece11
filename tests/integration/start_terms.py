#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""SIGTERM at random instants of a start with a configuration and services, and of the stop that
follows: it stops in order, in time, and nothing is left."""
import os
import random
import signal
import time

import kill_common as k
import primary as p

INSTANCE = 610
ROUNDS = int(os.environ.get("CAL_TEST_ROUNDS", "200"))


def sigterm_at_random_instants(root):
    path, rnd = k.config(root), random.Random(k.SEED)
    start_s, stop_s = k.measure(root, path, INSTANCE)
    early, pages = 0, k.free_hugepages()
    for i in range(ROUNDS):
        what = f"CAL_TEST_SEED={k.SEED:#x}, round {i}"
        prim = root.start("-c", path, instance=INSTANCE, wait=None)
        time.sleep(rnd.uniform(0, 1.2 * start_s))
        prim.proc.send_signal(signal.SIGTERM)
        # Some are not content with one.
        for _ in range(rnd.choice((0, 0, 1, 2))):
            time.sleep(rnd.uniform(0, stop_s))
            prim.proc.send_signal(signal.SIGTERM)
        early += k.end_in_order(root, prim, what) != 0
        k.drop(root, prim)
    # Before main() there are some milliseconds only.
    p.check(early <= 3 + ROUNDS // 10, f"{early} of {ROUNDS} ended by the signal itself")
    p.wait_for(lambda: k.free_hugepages() >= pages, 5, "hugepages come back")
    print(f"          {ROUNDS} signals in starts of {start_s:.2f} s, {early} before main()")


if __name__ == "__main__":
    p.needs_hugepages(128)
    p.main([sigterm_at_random_instants])
