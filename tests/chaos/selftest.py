#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""Each check of chaos.py can fail: a short run in which everything that it looks for is done on purpose,
and a victim that does not end."""
import collections
import os
import random
import subprocess
import sys
import time

import chaos
import killer
import target as t
import traces
import victims as v

LEFT = f"/dev/shm/cal-chaos-left-{os.getpid()}"
DEVICES = 200  # of which each takes some memory; each waits for the state file
RSS_LIMIT_KB = 128
# What cannot be brought about from outside of a primary is compared by hand below.
MUST_FAIL = {
    "no I/O error", "no wrong byte", "p99.99 of the gaps", "longest gap", "attach",
    "services are back", "services are well", "same heap", "same descriptors", "same mappings",
    "same files of the instance", "same files elsewhere", "same processes", "same memory",
    "a JSON-RPC client is answered", "an orderly end",
}


class Harm:
    def __init__(self):
        self.job = None
        self.strays = []

    def __call__(self, run, when):
        call = run.target.caller.call
        if when == "before kills":
            # 16 MiB at once: milliseconds in which the reactor does nothing else.
            self.job = call("cal_perf_start", {"name": "Spare0", "workload": "write", "time_ms": 60000,
                                               "io_size": 16 << 20})
        elif when == "before quiet":
            call("cal_perf_stop", self.job)
        else:
            self.leave(run)

    def leave(self, run):
        target = run.target
        self.spoil_file(target)
        for number in range(DEVICES):
            target.caller.call("bdev_null_create", {"name": f"Left{number}", "num_blocks": 8,
                                                    "block_size": 512})
        target.caller.call("bdev_malloc_create", {"name": "Left", "num_blocks": 2048,
                                                  "block_size": 512})
        for path in (LEFT, os.path.join(target.prim.folder(), "left")):
            with open(path, "w", encoding="ascii"):
                pass
        nap = [*target.victim, "nap"]  # two links, for cal-rpcd has none any more
        for argv in (nap, nap, ["/bin/sleep", "100"]):
            self.strays.append(subprocess.Popen(argv, env=target.env))
        target.spoil("rpcd", "ends")
        os.kill(target.services()["rpcd"]["pid"], 9)
        time.sleep(0.3)

    def spoil_file(self, target):
        """A wrong byte in each block, and then no blocks."""
        with open(target.file, "r+b", buffering=0) as file:
            for block in range(0, chaos.t.FILE_BYTES, 4096):
                file.seek(block + 100)
                file.write(b"!")
        time.sleep(0.3)
        os.truncate(target.file, 4096)
        time.sleep(0.3)

    def undo(self):
        for proc in self.strays:
            proc.kill()
            proc.wait()
        if os.path.exists(LEFT):
            os.unlink(LEFT)


def every_check_fails():
    chaos.SLICE_S, chaos.ATTACHES, chaos.SETTLE_S, chaos.BACK_LIMIT_S, chaos.TRIES = 1, 1, 1, 0, 1
    traces.RSS_LIMIT_KB = RSS_LIMIT_KB
    args = chaos.parse(["-n", "60", "--instance", "151"])
    report, harm = chaos.Report(), Harm()
    try:
        chaos.run(args, report, harm)
    finally:
        harm.undo()
    wanted = MUST_FAIL if args.limits else MUST_FAIL - {"p99.99 of the gaps", "longest gap", "attach"}
    held = sorted(wanted - set(report.failed()))
    for name in held:
        print(f"FAILED: \"{name}\" says that all is well")
    return not held


class NoTarget:
    env = dict(os.environ)

    def services(self):
        return {}


def one_that_does_not_end_is_a_hang():
    v.HANG_S, v.GRACE_S = 0.5, 0.1
    kinds = v.Kinds(random.Random(1), "/", 0, "", "", None)
    kinds.draw = lambda name=None: ("sleep", ["/bin/sleep", "100"], 0.05)
    one = killer.Killer(NoTarget(), kinds, random.Random(1), 2)
    one.restrict([])
    send = v.Victim.send

    def send_nothing(self, name, now=0):
        self.signalled, self.signal, self.last = self.signalled or now, name, name

    v.Victim.send = send_nothing
    try:
        one.run(0.5, 100)
    except t.Hang as hang:
        print(f"as it must: {str(hang).splitlines()[0]}")
        return True
    finally:
        v.Victim.send = send
        one.kill_all()
    print("FAILED: a victim that does not end is no hang")
    return False


def differences_are_found():
    a, b = (traces.Snapshot.__new__(traces.Snapshot) for _ in range(2))
    a.parts = {"threads": collections.Counter(control=1)}
    b.parts = {"threads": collections.Counter(control=1, worker=1)}
    found = b.differences(a)["threads"] == ["worker: 0 -> 1"] and \
        a.differences(b)["threads"] == ["worker: 1 -> 0"] and not a.differences(a)["threads"]
    if not found:
        print("FAILED: a thread more or less is not seen")
    return found


chaos.p.needs_hugepages(256)
sys.exit(0 if all([differences_are_found(), one_that_does_not_end_is_a_hang(), every_check_fails()]) else 1)
