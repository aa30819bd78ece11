#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""Clients that do not read, that ask as fast as they can, that are stopped in the middle: the primary's
memory stays within a bound, no turn of the app thread becomes long, and another client gets its share.

The primary is tests/helpers/stretch.c, which measures how long its app thread is away. Times are taken on a
machine that others may use: a figure out of bounds is taken again, a few times, before it counts.

What this guards, and the unit test that fails when it is taken out (each was, and seen):
  rpc_server.c, the break after POLL_MAX_US       rpc/server links_take_turns, rpc/walk client_does_not_read
  rpc_server.c, POLL_MAX_WORKS                    rpc/server links_take_turns, rpc/interrupt a_crowd
  rpc_server.c, the list turned as it is served   rpc/server links_take_turns
  rpc_server.c, conn_has_enough() in conn_may_ask()   rpc/walk nothing_is_taken_from_who_does_not_read
  rpc_server.c, stall_poll()                      rpc/walk client_stops_reading
  rpc_internal.h, rpc_conn_is_full()              rpc/server outstanding_limit, outstanding_bytes_limit
  rpc_walk.c, WALKS_PER_LINK                      rpc/walk many_at_once
  link.c, LINK_MAX_BACKLOG, LINK_MAX_BYTES_PER_CALL   ipc/link/link limits, long_messages"""
import os
import signal
import time

import hostile_common as h
import primary as p

INSTANCE = 112
TRIES = 4
SLACK = float(os.environ.get("CAL_TIME_SLACK", "1")) * (8 if h.SANITIZED else 1)
CROWD = 10
# A poll takes 4 us and one more piece of work (rpc_server.c, POLL_MAX_US), which is a short request here, or
# the copy of a chunk. Without the budget it is 32 pieces.
P99_LIMIT_US = 8
P999_LIMIT_US = 15
# What one link may hold of memory: the shared memory, what waits to be read before nothing more is taken
# (RPC_ENOUGH_BACKLOG), requests under way (RPC_ENOUGH_OUTSTANDING, one more of 1 MiB, and one that is
# being put together), four answers that are being written, here of some 100 kB.
LINK_BOUND_KB = 1400 + (8 << 10) + (2 << 10) + (2 << 10) + 4 * 128
POOL_KB = 64 << 10  # of chunks, which is kept (rpc_server.c, POOL_MAX_CHUNKS)


def start(root):
    os.environ["CALANDRIA_LIBEXEC"] = p.BIN
    prim = root.start("--no-services", instance=INSTANCE,
                      program=os.path.join(h.HELPERS, "stretch"))
    return prim, h.Procs(root, INSTANCE)


def gaps(root, prim):
    """How long the app thread was away since the last look."""
    return h.ctl(root, prim, "rpc", "stretch_get")


def flood(procs, links, seconds, how, method):
    proc = procs.start("hostile_flood", links, seconds, how, method)
    line = proc.stdout.readline()
    p.check(line == "attached\n", f"{how} does not attach: {line}")
    return proc


def again(what, fn):
    """Until fn() gives a figure that is good: it returns (good, figure)."""
    for _ in range(TRIES):
        good, figure = fn()
        if good:
            return figure
    raise p.Failure(f"{what}: {figure}, {TRIES} times out of bounds")


def turns_stay_short(root):
    prim, procs = start(root)
    for how, method in (("read", "bdev_get_bdevs"), ("read", "spdk_get_version"),
                        ("never", "rpc_get_methods")):
        def look():
            gaps(root, prim)
            proc = flood(procs, CROWD, 1.5, how, method)
            time.sleep(1)
            figures = gaps(root, prim)
            out, _ = proc.communicate(timeout=30)
            p.check(proc.returncode == 0, f"{how}: {out}")
            p99, p999 = figures["p99_ns"] / 1000, figures["p999_ns"] / 1000
            return (p99 < P99_LIMIT_US * SLACK and p999 < P999_LIMIT_US * SLACK,
                    f"p99 {p99:.1f} us, p99.9 {p999:.1f} us")
        print(f"          app thread away beside {CROWD} links, {how} {method}: {again('away', look)}")
    status, _ = prim.stop()
    p.check(status == 0, f"the primary ended with {status}")


def shares_are_fair(root):
    """The app thread is what is scarce: a request of the crowd's costs it 20 times one of the witness's,
    and all rings are full. Each link has its turn, one request a turn."""
    prim, procs = start(root)

    def share():
        proc = flood(procs, CROWD, 2.5, "heavy", "spdk_get_version")
        time.sleep(0.2)
        witness = procs.witness(1.5, 32, wrap=("nice", "-n", "-10"))
        before = requests(root, prim)
        begin = time.monotonic()
        time.sleep(1.2)
        served = (requests(root, prim) - before) / (time.monotonic() - begin)
        report = h.verdict(witness, "a crowd")
        proc.communicate(timeout=30)
        mine = report["calls"] / 1.5
        return (mine >= 0.9 * served / (CROWD + 1),
                f"{mine:.0f} of {served:.0f} requests/s, {mine / served * 100:.1f} % "
                f"(a fair share is {100 / (CROWD + 1):.1f} %)")
    print(f"          beside {CROWD} links that ask as fast as they can: {again('its share', share)}")

    def latency():
        proc = flood(procs, CROWD, 2, "read", "spdk_get_version")
        report = h.verdict(procs.witness(1.5, wrap=("nice", "-n", "-10")), "a crowd")
        proc.communicate(timeout=30)
        return report["p99_us"] < 1000 * SLACK, report
    print(f"          one call after the other there: {again('its calls', latency)}")
    status, _ = prim.stop()
    p.check(status == 0, f"the primary ended with {status}")


def requests(root, prim):
    """Served so far, as the stats segment says."""
    with open(os.path.join(prim.folder(), "stats"), "rb") as f:
        raw = f.read()
    at = int.from_bytes(raw[40:44], "little")  # links_offset
    return int.from_bytes(raw[at + 24:at + 32], "little")


def memory_is_bounded(root):
    """Ten that never read, ten that ask as fast as they can, ten that are stopped in the middle."""
    prim, procs = start(root)
    before = h.status_kb(prim, "VmRSS")
    watch_fds = len(os.listdir(f"/proc/{prim.pid}/fd"))
    stopped = [flood(procs, CROWD // 2, 60, how, "rpc_get_methods") for how in ("never", "read")]
    time.sleep(0.1)
    for proc in stopped:
        proc.send_signal(signal.SIGSTOP)
    # It ends when all its links are closed: nothing more is taken from them at some time, and 2 to 4 s later.
    deaf = flood(procs, CROWD, 40, "never", "rpc_get_methods")
    big = flood(procs, CROWD, 7, "big", "spdk_get_version")
    witness = procs.witness(6)
    peak, end = 0, time.monotonic() + 5
    while time.monotonic() < end:
        peak = max(peak, h.status_kb(prim, "VmRSS"))
        time.sleep(0.01)
    report = h.verdict(witness, "slow clients")
    bound = (3 * CROWD + 1) * LINK_BOUND_KB
    print(f"          31 links: {peak - before} kB more at most (bound {bound}); beside them "
          f"{report['calls']} calls, p99 {report['p99_us']} us, longest {report['max_us']} us")
    p.check(h.SANITIZED or peak - before <= bound, f"{peak - before} kB more, the bound is {bound}")
    out, err = deaf.communicate(timeout=60)
    p.check(f'"cut": {CROWD}' in out, f"who never reads is not cut off: {out}{err}")
    big.communicate(timeout=30)
    lines = [l for l in prim.output().splitlines() if "does not read its responses" in l]
    p.check(len(lines) >= CROWD, f"not told for each: {lines}")
    for proc in stopped:
        proc.kill()
        proc.wait()
    p.wait_for(lambda: len(os.listdir(f"/proc/{prim.pid}/fd")) == watch_fds, 3, "all descriptors are closed")
    p.wait_for(lambda: h.SANITIZED or h.status_kb(prim, "VmRSS") - before <= POOL_KB + 16384, 3,
               f"memory is given back: {h.status_kb(prim, 'VmRSS') - before} kB more are left")
    print(f"          when they are gone {h.status_kb(prim, 'VmRSS') - before} kB more")
    status, _ = prim.stop()
    p.check(status == 0, f"the primary ended with {status}")


if __name__ == "__main__":
    p.needs_hugepages(64)
    p.main([turns_stay_short, shares_are_fair, memory_is_bounded])
