#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""Clients that scribble over their links, go on after their end, pass on what they were granted, set odd
flags on it, or never say what they should: each loses its link, or keeps it, and nothing else happens.
Beside them a client compares each of its answers, and verified I/O runs. After each the primary's
descriptors, threads, heap, memory and files are what they were before.

What these guard, and the unit test that fails when it is taken out (each was, and seen):
  link.c, ranges of the peer's two tails        ipc/link/link broken_indices, scribbles_meanwhile
  link.c, length, flags, slot and number of a descriptor   ipc/link/link broken_descriptors
  link.c, a descriptor and a slot are read once ipc/link/link message_is_a_copy, scribbles_meanwhile
  link.c, LINK_MAX_REQUEST                      ipc/link/link limits
  link.c, our own geometry                      ipc/link/link ring_header_is_not_believed
  link.c, seals                                 ipc/link/link memory_is_sealed, ipc/gate/gate sealed_links
  gate_packet.c, MSG_DONTWAIT                   ipc/link/wake deaf_client, bell_only_when_armed
  gate_packet.c, descriptors nobody asked for   ipc/gate/gate odd_packets
  gate_conn.c, time limits of hello and MAPPED  ipc/gate/gate silent_connections, half_attached
  gate_conn.c, pidfd, number of connections     ipc/gate/gate child_keeps_connection, crowds
  rpc_server.c, bell edge-triggered, nesting    rpc/interrupt rings_and_is_answered, who_uses_up_the_ways
  json_read_msgpack.c, number of values         rpc/server too_many_values
  stats/writer.c, read-only descriptor, mode    stats/segment test_granted_descriptor_...
  env_template.c, empty lists, names removed    env/api test_template

$CAL_HOSTILE_S (20) is how long the links are scribbled over; $CAL_TEST_SEED repeats a run."""
import json
import os
import random
import signal
import time

import hostile_common as h
import primary as p

INSTANCE = 111
SECONDS = float(os.environ.get("CAL_HOSTILE_S", "20"))
SEED = os.environ.setdefault("CAL_TEST_SEED", str(random.getrandbits(32)))
SLACK = float(os.environ.get("CAL_TIME_SLACK", "3")) * (4 if h.SANITIZED else 1)
# Of a call of the well-behaved client, which shares its CPU with the hostile ones.
P99_LIMIT_US = 20000
KINDS = ("everything", "indices", "descriptors", "payload", "not believed")


class Scene:
    """A primary with one scenario after the other."""

    def __init__(self, root, *args):
        self.root = root
        self.prim = root.start("--no-services", *args, instance=INSTANCE)
        self.procs = h.Procs(root, INSTANCE)
        h.ctl(root, self.prim, "rpc", "bdev_malloc_create",
              '{"name": "M", "num_blocks": 8192, "block_size": 512}')
        self.io = h.VerifiedIo(root, self.prim, "M")
        self.procs.run("hostile", "scribble", 1)  # what is allocated once is allocated
        self.procs.run("hostile", "deaf")
        self.procs.run("hostile", "endless")
        time.sleep(0.1)

    def run(self, name, fn):
        watch = h.Watch(self.root, self.prim)
        witness = self.procs.witness(SECONDS if name == "scribble" else 1)
        said = fn(self)
        report = h.verdict(witness, name, timeout=SECONDS + 60)
        grown = watch.check(name)
        p.check(report["p99_us"] < P99_LIMIT_US * SLACK, f"{name}: calls beside it took {report}")
        print(f"          {name}: {said}; beside it {report['calls']} calls, p50 {report['p50_us']} us, "
              f"p99 {report['p99_us']} us, longest {report['max_us']} us; {grown:+} kB", flush=True)

    def cut(self, pid):
        """The lines that say that a link of that process was closed."""
        return [l for l in self.prim.output().splitlines() if f"(pid {pid})" in l and "is closed" in l]

    def end(self):
        report = self.io.report()
        status, _ = self.prim.stop()
        p.check(status == 0, f"the primary ended with {status}")
        print(f"          {report['ios']} I/Os meanwhile, none failed, none wrong")


def scribble(s):
    said, = s.procs.run("hostile", "scribble", SECONDS, timeout=SECONDS + 60)
    p.check(said["refused"] == 0, f"a new link was refused: {said}")
    p.check(said["mute"] == 0, f"the primary believes what it must not: {said}")
    for kind, links, cut in zip(KINDS, said["links"], said["cut"]):
        p.check(links > 0, f"no link with {kind} scribbled over")
        p.check(cut == 0 if kind == "not believed" else cut > 0, f"{kind}: {said}")
    closed = sum("its link is closed" in line for line in s.prim.output().splitlines())
    p.check(closed >= sum(said["cut"]), f"{sum(said['cut'])} links were cut, {closed} are in the log")
    return f"links {said['links']}, of which cut off {said['cut']}"


def after_close(s):
    for _ in range(3):
        s.procs.run("hostile", "after_close")
    return "3 times"


def with_child(s):
    proc = s.procs.start("hostile", "with_child")
    proc.stdout.readline()
    time.sleep(0.2)
    proc.kill()
    return "its parent was killed"


def handing_over(s):
    proc = s.procs.start("hostile", "handing_over")
    line = proc.stdout.readline()
    p.check('"map": "EPERM"' in line, f"another process maps the link that it was handed: {line}")
    time.sleep(0.2)
    proc.kill()
    return "the other process cannot map the link"


def odd_flags(s):
    own, answers = s.procs.run("hostile", "odd_flags", s.prim.pid)
    p.check(answers["answers"] > 100, f"its link was cut: {own} {answers}")
    return f"{answers['answers']} answers all the same"


def half_closed(s):
    for how in (0, 1, 2):
        s.procs.run("hostile", "half_closed", how)
    return "either half, and both"


def bell_full(s):
    said, = s.procs.run("hostile", "bell_full")
    return said


def deaf(s):
    said, = s.procs.run("hostile", "deaf")
    p.check(said["answers"] > 100, f"{said}")
    return said


def descriptors(s):
    said, = s.procs.run("hostile", "descriptors", 20000)
    return said


def silent(s):
    """Some never say hello, one takes a grant and never says that it has mapped it. All are sent away after
    5 s; who is in goes on."""
    unmapped = s.procs.start("hostile", "never_mapped")
    crowd = s.procs.start("hostile", "silent", 64)
    crowd.stdout.readline()
    for proc in (unmapped, crowd):
        out, err = proc.communicate(timeout=30)
        said = json.loads(out.splitlines()[-1])
        p.check(proc.returncode == 0 and said["seconds"] < 5.5 + SLACK, f"they stay: {said} {err}")
        p.check(said.get("closed", 64) == 64 and said.get("answers", 0) == 0, f"{said}")
    return "64 that say nothing, one that does not map"


def changing(s):
    said, = s.procs.run("hostile", "changing", 2)
    p.check(said["requests"] > 1000, f"{said}")
    return said


def endless(s):
    proc = s.procs.start("hostile", "endless")
    out, err = proc.communicate(timeout=20)
    p.check(proc.returncode == 0, f"{out}{err}")
    p.check("too large" in "".join(s.cut(proc.pid)), f"it was not cut off for its request: {s.cut(proc.pid)}")
    return out.strip()


SCENES = [scribble, after_close, with_child, handing_over, odd_flags, half_closed, bell_full, deaf,
          descriptors, silent, changing, endless]


def polling(root):
    scene = Scene(root)
    for fn in SCENES:
        scene.run(fn.__name__, fn)
    scene.end()


def in_interrupt_mode(root):
    """What concerns the bell."""
    scene = Scene(root, "--interrupt-mode")
    for fn in (odd_flags, bell_full, deaf, half_closed, after_close):
        scene.run(fn.__name__, fn)
    scene.end()


if __name__ == "__main__":
    p.needs_hugepages(64)
    print(f"        CAL_TEST_SEED={SEED}", flush=True)
    p.main([polling, in_interrupt_mode])
