#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""Restarts that somebody asks for: there is always one that serves and never two, and who asked is told
how it ended. Successors that die, hang, are silent or do not serve; a primary that stops, or is killed,
in the middle."""
import os
import random
import signal
import subprocess
import time

import primary as p
import service_common as c

SEED = int(os.environ.get("CAL_SEED", time.time_ns() % 100000))


def each_and_all(root):
    prim = c.start(root, 122)
    for name in c.NAMES:
        before = c.service(prim, name)
        rc, out, err = c.restart(prim, name=name)
        now = c.service(prim, name)
        p.check(rc == 0 and len(out) == 1, f"restart {name}: {rc} {err}")
        p.check(out[0]["name"] == name and out[0]["old_pid"] == before["pid"] and
                out[0]["pid"] == now["pid"] != before["pid"] and out[0]["took_ms"] < 2000 * c.SLACK,
                f"{name}: {out} {before} {now}")
        p.check(now["state"] == "running" and now["restarts"] == before["restarts"] + 1,
                f"it serves when the answer comes: {now}")
    before = c.services(prim)
    rc, out, err = c.restart(prim, name="all")
    p.check(rc == 0 and sorted(one["name"] for one in out) == sorted(c.NAMES), f"all: {out} {err}")
    p.check(all(one["old_pid"] == before[one["name"]]["pid"] for one in out), f"all: {out}")
    rc, out, err = c.calctl(prim, "service", "restart", "all")
    p.check(rc == 0 and len(out.splitlines()) == 3, f"a line each: {out} {err}")
    c.one_of_each(prim)
    # Through the service itself: the answer would wait for what waits for it.
    old = c.service(prim, "rpcd")["pid"]
    answer = prim.rpc_call("cal_service_restart", {"name": "rpcd"})
    p.check(answer["result"][0]["under_way"] is True, f"rpcd by rpcd: {answer}")
    c.wait_service(prim, "rpcd", 3, "is replaced",
                   lambda s: s["pid"] == answer["result"][0]["pid"] != old)
    answer = prim.rpc_call("cal_service_restart", {"name": "all"}, timeout=20)
    p.check([one["name"] for one in answer["result"]][-1] == "rpcd" and
            not any("error" in one for one in answer["result"]), f"all by rpcd: {answer}")
    # Who may write to the JSON-RPC socket may not therefore choose programs. Fails without the look
    # at the role in rpc_service_restart().
    answer = prim.rpc_call("cal_service_restart", {"name": "mond", "binary": "/bin/true"})
    p.check(answer["error"]["code"] == -13, f"--binary by JSON-RPC: {answer}")
    rc, _, err = c.calctl(prim, "service", "restart", "nobody")
    p.check(rc == 1 and "rpcd, confd, mond or all" in err, err)
    rc, out, err = c.restart(prim, "--binary", "bin/cal-mond", name="mond")
    p.check(rc == 1 and "begin with /" in err, err)
    c.one_of_each(prim)
    p.check(prim.stop()[0] == 0, "the primary stops in order")
    p.wait_for(lambda: not any(c.processes(root).values()), 2, "and leaves no process")


def bad_successors(root):
    """Whatever it does, the one before serves on, with no client refused. Each fails without its case in
    service_restart.c: the end of `next`, not_alive(), the look at `greeted`, -EBUSY."""
    prim = c.start(root, 123)
    before = c.service(prim, "rpcd")
    crowd = c.Crowd(prim, 2)
    # (Its child goes with it: fails without PIDFD_SIGNAL_PROCESS_GROUP in service_proc_kill().)
    sleeper = root.file("sleeper", f"#!/bin/bash\n(exec -a {root.path} sleep 100) &\nwait\n")
    os.chmod(sleeper, 0o755)
    for program, seconds, words in ((c.odd(root, "die"), 2, ("exit status 3", "odd: nothing can be done")),
                                    (c.odd(root, "stop"), 6, ("hangs",)),
                                    (sleeper, 5, ("hello",))):
        begin = time.monotonic()
        asking = subprocess.Popen([c.CALCTL, "-i", str(prim.instance), "service", "restart", "rpcd",
                                   "--binary", program], env=root.env(), text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if seconds > 4:
            time.sleep(1)
            rc, _, err = c.calctl(prim, "service", "restart", "rpcd")
            p.check(rc == 1 and "already" in err and "-16" in err, f"one at a time: {rc} {err}")
        out, err = asking.communicate(timeout=30)
        took = time.monotonic() - begin
        p.check(asking.returncode == 1 and all(word in err for word in words) and
                f"pid {before['pid']} serves on" in err, f"{program}: {err}")
        p.check(took < seconds * c.SLACK, f"{program}: after {took:.1f} s")
        now = c.service(prim, "rpcd")
        p.check(now["pid"] == before["pid"] and now["state"] == "running" and not now["binary"] and
                now["restarts"] == before["restarts"], f"{program}: {now}")
        c.one_of_each(prim)
    left = subprocess.run(["pgrep", "-f", f"^{root.path} 100"], capture_output=True, text=True).stdout
    p.check(left == "", f"the script's child is left: {left}")
    crowd.stop()
    p.check(prim.stop()[0] == 0, "the primary stops in order")


def hung_ones(root):
    """Whoever hangs is replaced all the same. Fails without is_silent() in not_alive() (the successor, which
    waits for it, is blamed), and without the look at `hung` in begin() (it takes five seconds)."""
    prim = c.start(root, 127)
    for shown in (False, True):
        old = c.service(prim, "rpcd")["pid"]
        os.kill(old, signal.SIGSTOP)
        if shown:
            c.wait_service(prim, "rpcd", 6, "is shown as hung", lambda s: s["state"] == "hung")
        begin = time.monotonic()
        rc, out, err = c.restart(prim)
        took = time.monotonic() - begin
        p.check(rc == 0 and out[0]["old_pid"] == old, f"restart of one that hangs: {err}")
        p.check(took < (2.5 if shown else 7) * c.SLACK, f"after {took:.1f} s")
        c.wait_running(prim, "rpcd")
        p.check("result" in prim.rpc_call("spdk_get_version"), "it answers")
        c.one_of_each(prim)
    p.check(prim.stop()[0] == 0, "the primary stops in order")


def one_that_never_serves(root):
    """It lives and does not take over: the old one goes for its sake, and comes back. Fails without
    service_restart_promoted() (nobody serves), and without `kept`."""
    prim = c.start(root, 124)
    old = c.service(prim, "mond")["pid"]
    rc, out, err = c.restart(prim, "--binary", c.odd(root, "wait"), name="mond")
    p.check(rc == 1 and "did not serve" in err, f"{rc} {out} {err}")
    now = c.wait_service(prim, "mond", 5, "serves again",
                         lambda s: s["state"] == "running" and s["pid"] != old)
    p.check(now["binary"] == "", f"by the program from before: {now}")
    c.one_of_each(prim)
    p.check(prim.stop()[0] == 0, "the primary stops in order")


def a_stop_in_the_middle(root):
    """A stop takes all along: stopped ones, one in an endless loop, a successor half way, and tells who
    waits. Fails without the SIGKILL of service_proc_overdue(), and without `next` in service_stop_all()."""
    prim = c.start(root, 125)
    rc, _, err = c.restart(prim, "--binary", c.odd(root, "loop"), name="mond")
    p.check(rc == 0, f"one that loops reports READY: {err}")
    asking = subprocess.Popen([c.CALCTL, "-i", str(prim.instance), "service", "restart", "rpcd",
                               "--binary", c.odd(root, "wait")], env=root.env(), text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    p.wait_for(lambda: len(c.processes(root)["rpcd"]) == 2, 3, "the successor is there")
    os.kill(c.service(prim, "confd")["pid"], signal.SIGSTOP)
    os.kill(c.service(prim, "rpcd")["pid"], signal.SIGSTOP)
    status, took = prim.stop()
    p.check(status == 0 and took < 4 * c.SLACK, f"status {status} after {took:.2f} s")
    left = c.processes(root)
    p.check(not any(left.values()), f"processes are left: {left}")
    _, err = asking.communicate(timeout=10)
    p.check(asking.returncode in (1, 3) and ("stop" in err or "went away" in err),
            f"{asking.returncode} {err}")
    p.check(not os.path.exists(prim.folder()), "and its folder is gone")


def killed_in_the_middle(root):
    """kill -9 of the primary at random instants of restarts: nothing of it disturbs the next one."""
    rng = random.Random(SEED)
    print(f"          (seed {SEED})")
    halfway = 0
    for i in range(8):
        prim = c.start(root, 126)
        asking = subprocess.Popen([c.CALCTL, "-i", "126", "service", "restart",
                                   rng.choice(c.NAMES + ("all",))], env=root.env(),
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.015, 0.09))
        halfway += any(len(pids) > 1 for pids in c.processes(root).values())
        prim.kill()
        asking.wait(10)
    prim = c.start(root, 126)
    c.one_of_each(prim, 6)
    p.check("result" in prim.rpc_call("spdk_get_version"), "it answers")
    rc, _, err = c.restart(prim, name="all")
    p.check(rc == 0, f"and its services can be restarted: {err}")
    print(f"          ({halfway} of 8 with a successor half way)")
    p.check(prim.stop()[0] == 0, "the primary stops in order")
    p.wait_for(lambda: not any(c.processes(root).values()), 2, "and leaves no process")


p.needs_hugepages(128)
p.main([each_and_all, bad_successors, hung_ones, one_that_never_serves, a_stop_in_the_middle,
        killed_in_the_middle])
