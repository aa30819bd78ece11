#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""cal-confd replaced while it keeps and while it loads: no change that was answered is lost, nobody waits
for long, no entry is repeated or left out; a successor that cannot take over changes nothing."""
import ctypes
import os
import random
import signal
import subprocess
import threading
import time

import primary as p
from config_common import config_text, outcome
from state_common import Client, bdevs, check_whole, compare

INSTANCE = 131
RESTARTS = 30
LOADS = 8
SEED = int(os.environ.get("CAL_TEST_SEED", "0"), 0) or random.getrandbits(32)
CALCTL = os.path.join(p.BIN, "calctl")


def restart(root, *args):
    done = subprocess.run([CALCTL, "-i", str(INSTANCE), "service", "restart", "confd", *args],
                          env=root.env(), text=True, timeout=30, capture_output=True, check=False)
    return done.returncode, done.stderr


def confd(prim):
    return prim.state()["services"]["confd"]


def children(prim):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as file:
                _, comm, state, parent = file.read().split()[:4]
            if comm == "(cal-confd)" and int(parent) == prim.pid and state != "Z":
                found.append(int(pid))
        except OSError:
            pass
    return found


def changes_go_on(root):
    """Fails when a successor takes the lock before it says that it is ready (confd->predecessor in
    read_config(), services/confd/main.c): the one before has it, so the restart fails. Without
    signals_put_off() in keep.c changes whose write is broken off wait for the next snapshot: they are
    late, not lost."""
    rnd = random.Random(SEED)
    folder = root.file("state")
    os.mkdir(folder)
    path = os.path.join(folder, f"config.{INSTANCE}.json")
    prim = root.start("--state-dir", folder, instance=INSTANCE)
    clients = [Client(prim, n, {}, random.Random(rnd.random())) for n in range(4)]
    for client in clients:
        client.start()
    pids = {confd(prim)["pid"]}
    for _ in range(RESTARTS):
        rc, err = restart(root)
        p.check(rc == 0, f"restart: {err}")
        pids.add(confd(prim)["pid"])
        check_whole(path)
        time.sleep(rnd.random() * 0.05)
    p.check(len(pids) == RESTARTS + 1, f"{len(pids)} processes for {RESTARTS} restarts")
    prim.kill()
    for client in clients:
        client.going = False
        client.join()
        p.check(client.error is None, f"{client.error}")
    p.check("not kept" not in prim.output(), "a change went out before it was kept")
    slowest = max(client.slowest for client in clients)
    print(f"          {sum(client.answered for client in clients)} changes, the slowest took "
          f"{slowest * 1000:.0f} ms")
    p.check(slowest < 0.9, f"a change took {slowest:.2f} s")
    sure = {name: size for client in clients for name, size in client.sure.items()}
    prim = root.start("--state-dir", folder, instance=INSTANCE)
    compare(bdevs(prim), sure, [client.maybe for client in clients if client.maybe is not None])
    prim.stop()


def a_load_goes_on(root):
    """Restarts that fall into a load: asked for before framework_start_init, since nobody is served
    while a configuration is loaded. Fails when the primary does not refuse the one before (p->session
    in core/app/config_rpc.c) or a successor begins anew (`applied` in services/confd/load.c)."""
    rnd = random.Random(SEED)
    path = root.file("c.json", config_text())
    prim = root.start("-c", path, instance=INSTANCE)
    want = outcome(prim)
    prim.stop()
    hits = 0
    for i in range(LOADS):
        prim = root.start("-c", path, "--wait-for-rpc", instance=INSTANCE, wait="startup_rpc")
        # In that state, too: the first pass has been made, the second waits.
        p.wait_for(lambda: os.path.exists(prim.rpc), 10, "a socket")
        p.wait_for(lambda: confd(prim)["state"] == "running", 10, "a confd")
        if i % 2:
            rc, err = restart(root)
            p.check(rc == 0, f"restart in startup_rpc: {err}")
        before = confd(prim)["pid"]
        done = []
        thread = threading.Thread(target=lambda: done.append(restart(root)))
        thread.start()
        p.wait_for(lambda: len(children(prim)) > 1, 3, "a successor")
        time.sleep(rnd.random() * 0.01)
        answer = prim.rpc_call("framework_start_init", timeout=30)
        p.check("result" in answer, f"{answer}")
        seen = p.wait_for(lambda: confd(prim)["pid"] not in (0, before) and prim.state(), 10,
                          "the successor")
        hits += seen["state"] == "config"
        prim.wait_state("running", 30)
        thread.join()
        got = outcome(prim)
        p.check(got == want, f"CAL_TEST_SEED={SEED:#x}, round {i}: {got} instead of {want}")
        status, _ = prim.stop()
        p.check(status == 0, f"exit status {status}")
        root.primaries.remove(prim)
    print(f"          {hits} of {LOADS} successors came into a load")


def one_that_cannot(root):
    """A successor that fails, or dies, before its word leaves the one before as it is. Fails when a folder
    that is gone is taken for one without a file (the first return of read_config() in
    services/confd/main.c): such a successor says that it could go on, and cannot."""
    folder = root.file("state")
    os.mkdir(folder)
    prim = root.start("--state-dir", folder, instance=INSTANCE)
    pid = confd(prim)["pid"]
    os.rename(folder, folder + ".away")
    rc, err = restart(root, "--timeout", "2")
    p.check(rc != 0, "a restart without the folder fails")
    p.check(confd(prim)["pid"] == pid and children(prim) == [pid], f"{confd(prim)}, {children(prim)}")
    os.rename(folder + ".away", folder)
    p.check("result" in prim.rpc_call("bdev_null_create", {"name": "N", "num_blocks": 8,
                                                           "block_size": 512}), "a change")
    p.check("N" in open(os.path.join(folder, f"config.{INSTANCE}.json")).read(), "it is kept")
    p.check("not kept" not in prim.output(), prim.output())
    for _ in range(5):
        thread = threading.Thread(target=restart, args=(root, "--timeout", "0.5"))
        thread.start()
        try:
            others = p.wait_for(lambda: [c for c in children(prim) if c != pid], 2, "a successor")
            os.kill(others[0], signal.SIGKILL)
        except (p.Failure, ProcessLookupError):
            pass
        thread.join()
    p.wait_for(lambda: children(prim) == [confd(prim)["pid"]], 3, "one process")
    prim.stop()


def ends_with_its_primary(root):
    """Also one that is stopped: the next primary's needs its lock. Fails without signals_die_with(). (Where
    init adopts it the kernel's SIGHUP to orphaned process groups does it, too; here we do.)"""
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
    folder = root.file("state")
    os.mkdir(folder)
    prim = root.start("--state-dir", folder, instance=INSTANCE)
    pid = confd(prim)["pid"]
    os.kill(pid, signal.SIGSTOP)
    prim.kill()
    p.wait_for(lambda: not os.path.exists(f"/proc/{pid}") or
               open(f"/proc/{pid}/stat").read().split()[2] == "Z", 1, "the end of a stopped one")
    prim = root.start("--state-dir", folder, instance=INSTANCE)
    p.check(time.monotonic() - prim.begun < 4, "the next start does not wait for it")
    prim.stop()


p.needs_hugepages(128)
p.main([changes_go_on, a_load_goes_on, one_that_cannot, ends_with_its_primary])
