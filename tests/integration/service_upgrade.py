#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""A cal-rpcd of another release takes over (and hands back) under clients that connect all the time;
one that has no version of the protocol in common is refused, and the one that serves serves on."""
import os
import shutil
import signal

import primary as p
import service_common as c


def upgrade(root, which):
    """Its cal-rpcd, in a folder that nobody else may change."""
    folder = root.file(which)
    os.mkdir(folder)
    return shutil.copy(os.path.join(c.BUILD, "tests/upgrade", which, "cal-rpcd"), folder)


def exe(pid):
    return os.readlink(f"/proc/{pid}/exe")


def taken_over(root):
    """Fails (refused connections) when the old one is ended first: begin_successor()."""
    newer = upgrade(root, "next")
    prim = c.start(root, 120)
    crowd = c.Crowd(prim)
    for i in range(6):
        before = c.service(prim, "rpcd")["pid"]
        path = [newer, "default", os.path.dirname(newer)][i % 3]
        rc, out, err = c.restart(prim, "--binary", path)
        p.check(rc == 0 and out[0]["old_pid"] == before, f"restart with {path}: {err}")
        now = c.service(prim, "rpcd")
        p.check(now["pid"] == out[0]["pid"] and now["pid"] != before and now["state"] == "running",
                f"it is shown: {now}")
        p.check((exe(now["pid"]) == newer) == (path != "default"), exe(now["pid"]))
        p.check(now["binary"] == ("" if path == "default" else newer), f"so is its program: {now}")
    asked, worst = crowd.stop()
    print(f"          ({asked} connections, 6 upgrades, the slowest answer {worst * 1e3:.0f} ms)")
    c.one_of_each(prim)
    # It took over, so later starts are of it, asked for or not.
    rc, out, err = c.restart(prim)
    p.check(rc == 0 and exe(out[0]["pid"]) == newer, f"a restart goes on with it: {err}")
    os.kill(out[0]["pid"], signal.SIGKILL)
    now = c.wait_service(prim, "rpcd", 3, "comes back",
                         lambda s: s["state"] == "running" and s["pid"] != out[0]["pid"])
    p.check(exe(now["pid"]) == newer, "so does one that was killed")
    rc, text, _ = c.calctl(prim, "service", "list")
    p.check(rc == 0 and f"rpcd is {newer}" in text, text)
    p.check(prim.stop()[0] == 0, "the primary stops in order")


def refused(root):
    """Fails without on_end()'s part for a successor, and without the gate's refusal."""
    apart = upgrade(root, "apart")
    prim = c.start(root, 121)
    before = c.service(prim, "rpcd")
    crowd = c.Crowd(prim, 2)
    rc, out, err = c.restart(prim, "--binary", apart)
    p.check(rc == 1 and out is None, f"it is refused: {rc} {out}")
    p.check("version" in err and "9.7.0-apart" in err and "serves on" in err,
            f"in a sentence with both releases: {err}")
    p.check("exit status" in err, f"and how it ended: {err}")
    now = c.service(prim, "rpcd")
    p.check(now["pid"] == before["pid"] and now["state"] == "running" and now["binary"] == "" and
            now["restarts"] == before["restarts"], f"nothing has changed: {now}")
    crowd.stop(10)
    rc, out, err = c.restart(prim)
    p.check(rc == 0 and exe(out[0]["pid"]) != apart, f"the next is of the old program: {err}")
    c.one_of_each(prim)
    p.check(prim.stop()[0] == 0, "the primary stops in order")


p.needs_hugepages(128)
p.main([taken_over, refused])
