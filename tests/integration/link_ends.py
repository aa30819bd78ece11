#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""However a client ends or misbehaves, its link goes and nothing of it stays in the primary.

Times are those from the kill() until its folder is gone, the process's own end among them, but for what the
control pthread waited for a CPU, which is the machine's. The instance's folder is on a tmpfs, and all of it goes
before the machine's other work.

Fails without gate_conn_end()'s link_down() or its gate_grant_undo() (killed_anywhere), link_down_on_app()'s
conn_end(), gate_grant_undo()'s folder_remove(), conn_unwatch()'s close() of the pidfd, and on_pidfd()'s
process_ended() (child_keeps_connection).
"""
import os
import random
import re
import signal
import subprocess
import time

import primary as p

INSTANCE = 121
CLIENT = os.path.join(os.environ.get("CAL_BUILD", "build"), "tests", "helpers", "link_client")
KILLS = 50
FREED_LIMIT_S = 0.050 if os.environ.get("CAL_SAN") else 0.010  # with a sanitizer's pages to free
TRIES = 5
MANY = 60  # of the 64 connections that there may be
LONGEST_CALL_US = 50000 if os.environ.get("CAL_SAN") else 2000  # of another client, in the best of the tries


class Clients:
    def __init__(self, root):
        self.root = root
        self.procs = []

    def start(self, *args, wait=True):
        proc = subprocess.Popen([CLIENT, str(INSTANCE), *args], env=self.root.env(),
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)
        self.procs.append(proc)
        if wait:
            line = proc.stdout.readline()
            if line != "attached\n":
                raise p.Failure(f"{args} did not attach: {line}{proc.stderr.read()}")
        return proc

    def close(self):
        for proc in self.procs:
            proc.kill()
            proc.wait()
            proc.stdout.close()
            proc.stderr.close()


def links(prim):
    try:
        return set(os.listdir(os.path.join(prim.folder(), "link")))
    except FileNotFoundError:
        return set()


def fds(prim):
    return len(os.listdir(f"/proc/{prim.pid}/fd"))


def mapped_links(prim):
    with open(f"/proc/{prim.pid}/maps") as f:
        return sum("calandria-link" in line for line in f)


def heap_allocs(root):
    out = subprocess.run([os.path.join(p.BIN, "calctl"), "-i", str(INSTANCE), "--json", "status"],
                         env=root.env(), capture_output=True, text=True, check=True)
    return int(re.search(r'"heap_allocs": ?(\d+)', out.stdout).group(1))


class Stopwatch:
    def __init__(self, prim):
        self.prim, self.waited, self.begin = prim, prim.waited_for_cpu(), time.monotonic()

    def seconds(self):
        """By the clock, and those of them that are ours."""
        took = time.monotonic() - self.begin
        return took, took - (self.prim.waited_for_cpu() - self.waited)


def wait_until_gone(prim, before):
    begin = time.monotonic()
    while not links(prim) <= before:
        if time.monotonic() - begin > 2:
            raise p.Failure(f"a link stays: {links(prim) - before}")
        time.sleep(0.0002)  # leave the CPU to those we wait for


def seconds_to_free(prim, proc, before):
    watch = Stopwatch(prim)
    proc.kill()
    wait_until_gone(prim, before)
    return watch.seconds()


def judge(what, times):
    clock, ours = (sorted(column) for column in zip(*times))
    n = len(times)
    print(f"{what}: gone after {ours[n // 2] * 1e3:.2f} ms (median of {n}), {ours[-1] * 1e3:.2f} (longest); "
          f"with waits for a CPU {clock[n // 2] * 1e3:.2f}, {clock[-1] * 1e3:.2f}", flush=True)
    p.check(ours[n // 2] < FREED_LIMIT_S, f"{what}: links stay too long")


class Watch:
    """What must be the same before and after."""

    def __init__(self, root, prim):
        self.root, self.prim = root, prim
        self.links, self.fds, self.maps = links(prim), fds(prim), mapped_links(prim)
        self.allocs = heap_allocs(root)

    def check(self, what):
        p.wait_for(lambda: links(self.prim) == self.links, 2, f"{what}: the folder's end")
        p.wait_for(lambda: fds(self.prim) == self.fds, 2,
                   f"{what}: {self.fds} descriptors before, {fds(self.prim)} after")
        p.check(mapped_links(self.prim) == self.maps, f"{what}: a link stays mapped")
        p.check(heap_allocs(self.root) == self.allocs,
                f"{what}: {self.allocs} allocations before, {heap_allocs(self.root)} after")


def killed_clients(root, prim, clients):
    watch, times = Watch(root, prim), []
    for i in range(KILLS):
        proc = clients.start("idle" if i % 2 else "calls")
        times.append(seconds_to_free(prim, proc, watch.links))
        proc.wait()
    judge("killed clients", times)
    watch.check("killed clients")


def killed_with_backlog(root, prim, clients):
    """As many answers wait for it as the primary keeps. The control pthread frees them: beside it calls are
    answered as ever."""
    watch, times, longest = Watch(root, prim), [], []
    # The machine takes the reactor's CPU away for some milliseconds now and then: not each time.
    while len(times) < TRIES or (len(times) < 4 * TRIES and min(longest) >= LONGEST_CALL_US):
        proc = clients.start("hoard")
        p.check(proc.stdout.readline() == "hoarding\n", "it hoards no answers")
        its = links(prim) - watch.links
        other = clients.start("latency", "50000")
        times.append(seconds_to_free(prim, proc, links(prim) - its))
        longest.append(int(other.stdout.readline()))
        p.check(other.wait(20) == 0, "calls beside the end of a link with a backlog fail")
        proc.wait()
    judge("with all the backlog that they may have", times)
    print(f"longest of the calls beside each of them: {longest} us")
    p.check(min(longest) < LONGEST_CALL_US, f"calls beside the end of a backlog take {longest} us")
    watch.check("clients with a backlog")


def killed_all_at_once(root, prim, clients):
    watch, times = Watch(root, prim), []
    for _ in range(3):
        procs = [clients.start("idle") for _ in range(MANY)]
        p.check(len(links(prim)) == len(watch.links) + MANY, f"{MANY} links")
        for proc in procs:
            proc.kill()
        for proc in procs:
            proc.wait()
        last = Stopwatch(prim)
        wait_until_gone(prim, watch.links)
        times.append(last.seconds())
    judge(f"{MANY} at once, from the end of the last process on", times)
    watch.check(f"{MANY} clients killed at once")


def killed_anywhere(root, prim, clients):
    """At random instants of connect, attach and calls."""
    watch = Watch(root, prim)
    for _ in range(KILLS):
        proc = clients.start("calls", wait=False)
        time.sleep(random.uniform(0, 0.020))
        proc.kill()
        proc.wait()
    watch.check("clients killed at random instants")


def child_keeps_connection(root, prim, clients):
    watch, times = Watch(root, prim), []
    for _ in range(TRIES):
        proc = clients.start("fork")
        child = int(proc.stdout.readline())
        try:
            times.append(seconds_to_free(prim, proc, watch.links))
            os.kill(child, 0)  # it lives
        finally:
            os.kill(child, signal.SIGKILL)
        proc.wait()
    judge("whose child keeps the connection", times)
    watch.check("a client whose child lives")


def misbehaving(root, prim, clients, mode, says):
    watch = Watch(root, prim)
    good = clients.start("calls")
    proc = clients.start(mode)
    status = proc.wait(30)
    p.check(status == 0, f"{mode} ended with {status}: {proc.stderr.read()}")
    line = [l for l in prim.output().splitlines() if f"(pid {proc.pid})" in l]
    p.check(len(line) == 1 and re.search(says, line[0]), f"{mode}: not one line {says}: {line}")
    p.check(good.poll() is None, f"{mode}: the other client ended too")
    good.kill()
    good.wait()
    watch.check(mode)


def stopped_client(root, prim, clients):
    """It neither runs nor ends: nobody waits for it."""
    watch = Watch(root, prim)
    proc = clients.start("calls")
    time.sleep(0.02)
    proc.send_signal(signal.SIGSTOP)
    other = clients.start("latency", "2000")
    longest = int(other.stdout.readline())
    p.check(other.wait(5) == 0, "calls beside a stopped client fail")
    print(f"longest of 2000 calls beside a stopped client: {longest} us")
    p.check(longest < 500000, f"a call beside a stopped client took {longest} us")
    proc.kill()
    watch.check("a stopped client")


def orderly_stop(root, prim, clients):
    idle, calls = clients.start("idle"), clients.start("calls")
    status, _ = prim.stop()
    p.check(status == 0, f"the primary ended with {status}: {prim.output()}")
    for proc in (idle, calls):
        p.check(proc.wait(2) == 0, f"a client did not end in order: {proc.stderr.read()}")


def main():
    if not os.path.exists(CLIENT):
        raise p.Failure(f"{CLIENT} is not built")
    p.before_others()
    with p.Root(in_memory=True) as root:
        prim = root.start("--no-services", instance=INSTANCE)
        clients = Clients(root)
        try:
            killed_clients(root, prim, clients)
            killed_with_backlog(root, prim, clients)
            killed_all_at_once(root, prim, clients)
            killed_anywhere(root, prim, clients)
            child_keeps_connection(root, prim, clients)
            misbehaving(root, prim, clients, "scribble", "its link is closed")
            misbehaving(root, prim, clients, "flood", "does not read|its link is closed")
            stopped_client(root, prim, clients)
            orderly_stop(root, prim, clients)
        finally:
            clients.close()


if __name__ == "__main__":
    p.needs_hugepages(64)
    main()
