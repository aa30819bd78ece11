#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""Answers over a thousand block devices: whole, whatever comes and goes meanwhile, and written bit by
bit, other work getting its turn in between (tests/helpers/turns.c counts turns, not time). And a
thousand devices in a configuration file."""
import collections
import os
import threading

import rpc_common as r

N = 1000
# How many objects are written without a turn in between. A visit is 4 us, which is 2 to 20 of them.
AT_A_STRETCH = 64

r.CALANDRIA = os.path.join(r.BUILD, "tests/helpers/turns")
os.environ["CALANDRIA_LIBEXEC"] = os.path.join(r.BUILD, "bin")


def stretches(turns):
    """The largest number of objects that share a turn."""
    return max(collections.Counter(turns).values())


def in_turns(client, what):
    bdevs = client.result("bdev_get_bdevs")
    r.check([b["name"] for b in bdevs] == [f"Turn{i}" for i in range(N)],
            f"{what}: bdev_get_bdevs lists all {N} in their order")
    turns = [b["driver_specific"]["turn"] for b in bdevs]
    r.check(stretches(turns) <= AT_A_STRETCH,
            f"{what}: bdev_get_bdevs lets others have their turn", stretches(turns))

    config = client.result("framework_get_config", {"name": "bdev"})
    ours = [c["params"] for c in config if c["method"] == "turns_create"]
    r.check([c["name"] for c in ours] == [f"Turn{i}" for i in range(N)],
            f"{what}: framework_get_config has all {N}")
    turns = [c["turn"] for c in ours]
    r.check(stretches(turns) <= AT_A_STRETCH,
            f"{what}: framework_get_config lets others have their turn", stretches(turns))

    stat = client.result("bdev_get_iostat")["bdevs"]
    r.check([b["name"] for b in stat] == [f"Turn{i}" for i in range(N)],
            f"{what}: bdev_get_iostat has all {N}")
    turns = [b["driver_specific"]["turn"] for b in stat]
    r.check(stretches(turns) <= AT_A_STRETCH,
            f"{what}: bdev_get_iostat lets others have their turn", stretches(turns))
    r.check(client.result("bdev_reset_iostat") is True, f"{what}: bdev_reset_iostat")


def with_names(client):
    names = [f"Turn{i}" for i in range(N - 1, -1, -1)]
    stat = client.result("bdev_get_iostat", {"names": names})["bdevs"]
    r.check([b["name"] for b in stat] == names, f"bdev_get_iostat of {N} names, as they were asked")
    answer = client.call("bdev_get_iostat", {"names": names + ["Nobody"]})
    r.check(answer.get("error", {}).get("code") == -19, "one name of them is nobody's", answer)


def come_and_go(p, client):
    """What is there all the time is listed, once; what is not is listed once at most."""
    stop = threading.Event()
    changes = []

    def change():
        with p.connect() as other:
            n = 0
            while not stop.is_set():
                gone = f"Turn{n * 7 % 500}"
                other.result("turns_delete", {"name": gone})
                other.result("turns_create", {"first": n * 7 % 500, "count": 1})
                n += 1
            changes.append(n)

    thread = threading.Thread(target=change)
    thread.start()
    stay = {f"Turn{i}" for i in range(500, N)}
    twice = missing = 0
    for i in range(60):
        if i % 2 == 0:
            names = [b["name"] for b in client.result("bdev_get_bdevs")]
        else:
            names = [c["params"]["name"]
                     for c in client.result("framework_get_config", {"name": "bdev"})
                     if c["method"] == "turns_create"]
        twice += len(names) != len(set(names))
        missing += not stay <= set(names)
    stop.set()
    thread.join()
    r.check(changes and changes[0] > 10, f"devices came and went meanwhile: {changes}")
    r.check(twice == 0, "no device is listed twice", twice)
    r.check(missing == 0, "no device is missing that was there all the time", missing)


def clients_go(p, client):
    """Clients that ask and go: their walks end, and the others' answers come."""
    for _ in range(50):
        other = p.connect()
        for _ in range(4):
            other.send(b'{"jsonrpc":"2.0","id":1,"method":"bdev_get_bdevs"}')
        other.close()
    r.check(len(client.result("bdev_get_bdevs")) == N, "the answer comes while others have gone")


def many_ask(p):
    clients = [p.connect() for _ in range(16)]
    for client in clients:
        for i in range(4):
            client.send(b'{"jsonrpc":"2.0","id":%d,"method":"bdev_get_bdevs"}' % i)
    whole = sum(line.count(b'"product_name"') == N
                for client in clients for line in [client.line() for _ in range(4)])
    r.check(whole == 64, "64 answers of 16 clients at once are whole", whole)
    for client in clients:
        client.close()


def loads():
    """1000 devices in a file, of two kinds, named as people do."""
    r.CALANDRIA = os.path.join(r.BUILD, "bin/calandria")
    calls = []
    for i in range(N):
        if i % 2:
            calls.append({"method": "bdev_null_create", "params": {
                "name": f"disk-{(i * 7919) % N:04}", "num_blocks": 2048, "block_size": 512}})
        else:
            calls.append({"method": "bdev_malloc_create", "params": {
                "name": f"Malloc{i}", "num_blocks": 8, "block_size": 512}})
    config = {"subsystems": [{"subsystem": "bdev", "config": calls}]}
    with r.Primary(521, config=config, megabytes=128) as p:
        p.wait_state("running", seconds=20)
        client = p.connect()
        r.check(len(client.result("bdev_get_bdevs")) == N, f"{N} devices of a file are there")
        client.close()


def main():
    with r.Primary(520) as p:
        with p.connect() as client:
            client.result("framework_wait_init")
            client.result("turns_create", {"first": 0, "count": N})
            in_turns(client, "polling")
            with_names(client)
            many_ask(p)
            clients_go(p, client)
            come_and_go(p, client)
    with r.Primary(520, args=["--interrupt-mode"]) as p:
        with p.connect() as client:
            client.result("framework_wait_init")
            client.result("turns_create", {"first": 0, "count": N})
            many_ask(p)
            in_turns(client, "interrupt mode")
    loads()
    r.finish()


if __name__ == "__main__":
    main()
