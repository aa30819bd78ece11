#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""cal-confd killed at random instants of a load, fifty times: each entry is applied exactly once. The
entries are such that one that is repeated or left out fails the start or changes what comes of it."""
import os
import random
import signal
import time

import primary as p
from config_common import config_text, outcome

INSTANCE = 550
ROUNDS = 50
SEED = int(os.environ.get("CAL_TEST_SEED", "0"), 0) or random.getrandbits(32)


def confd_pid(prim):
    state = prim.state()
    service = state["services"].get("confd") if state and state["pid"] == prim.pid else None
    return service["pid"] if service else 0


def one_load(root, path, rnd, span):
    """A start with up to three kills; what came of it, and how many of them hit a load."""
    prim = root.start("-c", path, instance=INSTANCE, wait=None)
    hits, last = 0, 0
    for _ in range(3):
        pid = p.wait_for(lambda: confd_pid(prim) not in (0, last) and confd_pid(prim) or
                         prim.state_name() == "running" and -1, 15, "a confd")
        if pid == -1:
            break
        last = pid
        # Its attach takes a while: count from where it loads.
        if rnd.random() < 0.8:
            p.wait_for(lambda: prim.state_name() in ("config", "running") or
                       confd_pid(prim) != pid or prim.proc.poll() is not None, 15, "a load")
        time.sleep(rnd.random() * span)
        try:
            before = prim.state()
            os.kill(pid, signal.SIGKILL)
            hits += before["state"] == "config" and "(runtime " in before["doing"]
        except ProcessLookupError:
            pass
    prim.wait_state("running", 30)
    result = outcome(prim)
    status, _ = prim.stop()
    p.check(status == 0, f"exit status {status}")
    root.primaries.remove(prim)
    return result, hits


def every_entry_exactly_once(root):
    rnd = random.Random(SEED)
    path = root.file("c.json", config_text())
    prim = root.start("-c", path, instance=INSTANCE)
    want = outcome(prim)
    state = prim.state()
    entered = dict(zip(p.STATES, state["entered"]))
    span = max((entered["running"] - entered["config"]) / 1e9, 0.005)
    prim.stop()
    hits = 0
    for i in range(ROUNDS):
        got, n = one_load(root, path, rnd, span)
        hits += n
        p.check(got == want, f"CAL_TEST_SEED={SEED:#x}, round {i}: {got} instead of {want}")
    print(f"          {hits} of the kills hit a load, which takes {span * 1000:.0f} ms")
    p.check(hits >= ROUNDS // 5, f"only {hits} kills hit a load")


p.needs_hugepages(128)
p.main([every_entry_exactly_once])
