#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""--state-dir and kills at random instants: a hundred times the primary, while several clients change
its configuration and cal-confd is killed now and then, too. Whatever was answered is there afterwards,
nothing is that was not asked for, and the file is never torn."""
import json
import os
import random
import signal
import time

import primary as p
from state_common import Client, bdevs, check_whole, compare

INSTANCE = 554
ROUNDS = int(os.environ.get("CAL_TEST_ROUNDS", "100"))
CLIENTS = 4
SEED = int(os.environ.get("CAL_TEST_SEED", "0"), 0) or random.getrandbits(32)


def kill_confd(prim):
    try:
        pid = prim.state()["services"]["confd"]["pid"]
        if pid > 0:
            os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def killed_primaries(root):
    rnd = random.Random(SEED)
    folder = root.file("state")
    os.mkdir(folder)
    path = os.path.join(folder, f"config.{INSTANCE}.json")
    sures, maybe, answered, confd_kills = [{} for _ in range(CLIENTS)], [], 0, 0
    for i in range(ROUNDS + 1):
        prim = root.start("--state-dir", folder, instance=INSTANCE)
        sure = {name: size for part in sures for name, size in part.items()}
        try:
            compare(bdevs(prim), sure, maybe)
        except p.Failure as error:
            raise p.Failure(f"CAL_TEST_SEED={SEED:#x}, round {i}: {error}") from error
        if i == ROUNDS:
            break
        for number, part in enumerate(sures):
            part.clear()
            part.update({n: s for n, s in sure.items() if n.startswith(f"C{number}.")})
        clients = [Client(prim, n, sures[n], random.Random(rnd.random())) for n in range(CLIENTS)]
        for client in clients:
            client.start()
        time.sleep(rnd.random() * 0.2)
        if rnd.random() < 0.3:
            kill_confd(prim)
            confd_kills += 1
            time.sleep(rnd.random() * 0.3)
        check_whole(path)
        prim.kill()
        for client in clients:
            client.going = False
            client.join()
            p.check(client.error is None, f"{client.error}")
        check_whole(path)
        answered += sum(client.answered for client in clients)
        maybe = [client.maybe for client in clients if client.maybe is not None]
        root.primaries.remove(prim)
    status, _ = prim.stop()
    p.check(status == 0, f"exit status {status}")
    print(f"          {answered} changes were answered, {confd_kills} times confd was killed too")
    p.check(answered > 3 * ROUNDS, f"only {answered} changes were answered")


def killed_confds(root):
    """Ten of them, at random instants: no call waits for longer than a restart takes."""
    rnd = random.Random(SEED)
    folder = root.file("state")
    os.mkdir(folder)
    path = os.path.join(folder, f"config.{INSTANCE}.json")
    prim = root.start("--state-dir", folder, instance=INSTANCE)
    clients = [Client(prim, n, {}, random.Random(rnd.random())) for n in range(CLIENTS)]
    for client in clients:
        client.start()
    for _ in range(10):
        time.sleep(rnd.random() * 0.5)
        kill_confd(prim)
        check_whole(path)
    for client in clients:
        client.going = False
        client.join()
        p.check(client.error is None and client.maybe is None, f"{client.error} {client.maybe}")
    slowest = max(client.slowest for client in clients)
    print(f"          {sum(c.answered for c in clients)} changes, the slowest took {slowest:.2f} s")
    p.check(slowest < 1.5, f"a change took {slowest:.2f} s")
    sure = {name: size for client in clients for name, size in client.sure.items()}
    p.check(bdevs(prim) == sure, "before the last kill")

    def all_kept():
        with open(path) as file:
            entries = json.load(file)["subsystems"][-1]["config"]
        return {e["params"]["name"] for e in entries if e["method"] == "bdev_null_create"} == \
            set(sure)
    p.wait_for(all_kept, 6, "everything to be kept")
    prim.kill()
    prim = root.start("--state-dir", folder, instance=INSTANCE)
    compare(bdevs(prim), sure, [])
    prim.stop()


p.needs_hugepages(128)
p.main([killed_primaries, killed_confds])
