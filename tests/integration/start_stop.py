#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""A primary starts, runs, stops and leaves nothing; and it starts again after every kind of end."""
import os
import signal
import socket
import subprocess
import time

import primary as p

# What issue 1 asks for; a shared machine gets some slack on top of what is measured without it.
START_LIMIT_S = 0.4
STOP_LIMIT_S = 0.2
SLACK = float(os.environ.get("CAL_TIME_SLACK", "2"))


def hugepage_files():
    try:
        return set(os.listdir("/dev/hugepages"))
    except FileNotFoundError:
        return set()


def nothing_left(root, primary):
    p.check(os.listdir(root.run) == [], f"run-time files stay: {os.listdir(root.run)}")
    p.check(os.listdir(root.locks) == [], f"core locks stay: {os.listdir(root.locks)}")
    for name in (primary.rpc, primary.rpc + ".lock"):
        p.check(not os.path.exists(name), f"{name} stays")


def service_pids(primary):
    return [s["pid"] for s in primary.state()["services"].values() if s["pid"]]


def is_gone(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] in "ZX"
    except FileNotFoundError:
        return True


def starts_and_stops_in_time(root):
    files = hugepage_files()
    prim = root.start(mem=256)
    running = time.monotonic() - prim.begun
    reply = prim.rpc_call("spdk_get_version")
    answering = time.monotonic() - prim.begun
    p.check("result" in reply, f"spdk_get_version: {reply}")
    p.check(prim.hugepage_kb() == 256 * 1024, f"-s 256 took {prim.hugepage_kb()} kB of hugepages")
    pids = service_pids(prim)
    p.check(len(pids) >= 1, "no service runs")
    status, took = prim.stop()
    print(f"          running after {running * 1000:.0f} ms, JSON-RPC answered after "
          f"{answering * 1000:.0f} ms, SIGTERM to exit {took * 1000:.0f} ms")
    p.check(status == 0, f"exit status {status}")
    p.check(answering <= START_LIMIT_S * SLACK, f"start took {answering:.3f} s")
    p.check(took <= STOP_LIMIT_S * SLACK, f"stop took {took:.3f} s")
    nothing_left(root, prim)
    p.check(hugepage_files() - files == set(), "hugepage files stay")
    p.check(all(is_gone(pid) for pid in pids), "services stay")


def states_are_passed_in_order(root):
    config = root.file("c.json", '{"subsystems": []}')
    prim = root.start("-c", config)
    entered = prim.state()["entered"]
    passed = ["env", "startup_rpc", "subsystem_init", "config", "running"]
    times = [entered[p.STATES.index(s)] for s in passed]
    p.check(all(times), f"a state was skipped: {dict(zip(passed, times))}")
    p.check(times == sorted(times), f"states out of order: {dict(zip(passed, times))}")
    prim.stop()
    nothing_left(root, prim)


def sigint_stops_too(root):
    prim = root.start()
    status, _ = prim.stop(signal.SIGINT)
    p.check(status == 0, f"exit status {status}")
    nothing_left(root, prim)


def a_second_signal_changes_nothing(root):
    prim = root.start()
    for _ in range(5):
        prim.proc.send_signal(signal.SIGTERM)
    p.check(prim.proc.wait(5) == 0, "exit status")
    nothing_left(root, prim)


def a_signal_during_the_start_stops_it(root):
    """At many instants of the start: it ends well, quickly, and leaves nothing."""
    for ms in range(0, 120, 8):
        prim = root.start(wait=None)
        time.sleep(ms / 1000)
        prim.proc.send_signal(signal.SIGTERM)
        status = prim.proc.wait(10)
        # Before its handlers are there the signal simply kills it.
        p.check(status in (0, -signal.SIGTERM), f"after {ms} ms: exit status {status}")
        if status == 0:
            nothing_left(root, prim)


def starts_again_after_kill_9(root):
    for _ in range(3):
        prim = root.start()
        pids = service_pids(prim)
        prim.kill()
        again = root.start()
        p.check("result" in again.rpc_call("spdk_get_version"), "no answer after the second start")
        p.wait_for(lambda: all(is_gone(pid) for pid in pids), 5, "the dead one's services end")
        status, _ = again.stop()
        p.check(status == 0, f"exit status {status}")
        nothing_left(root, again)


def stale_files_of_a_dead_primary_are_taken_over(root):
    """Worse than what a dead primary leaves: files, folders and links with the names of ours."""
    folder = os.path.join(root.run, "0")
    os.makedirs(os.path.join(folder, "link", "7"))
    os.makedirs(os.path.join(folder, "dpdk", "cal"))
    for name in ("state", "stats", "lock", "link/7/config", "dpdk/cal/config"):
        with open(os.path.join(folder, name), "w") as f:
            f.write("12345\n")
    precious = root.file("precious", "keep me")
    os.symlink(precious, os.path.join(folder, "template"))
    for path in (os.path.join(folder, "gate.sock"), os.path.join(root.path, "rpc0.sock")):
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(path)
    prim = root.start()
    p.check("result" in prim.rpc_call("spdk_get_version"), "no answer")
    prim.stop()
    nothing_left(root, prim)
    with open(precious) as f:
        p.check(f.read() == "keep me", "a link was followed")


def wait_for_rpc_waits(root):
    prim = root.start("--wait-for-rpc", wait="startup_rpc")
    p.wait_for(lambda: os.path.exists(prim.rpc), 5, "the JSON-RPC socket")
    reply = prim.rpc_call("bdev_get_bdevs")
    p.check(reply.get("error", {}).get("code") in (-1, -32601), f"a runtime method: {reply}")
    reply = prim.rpc_call("framework_start_init")
    p.check(reply.get("result") is True, f"framework_start_init: {reply}")
    prim.wait_state("running")
    reply = prim.rpc_call("framework_start_init")
    p.check(reply.get("error", {}).get("code") == -1, f"a second framework_start_init: {reply}")
    prim.stop()
    nothing_left(root, prim)


def initialised_is_told_before_running(root):
    """Everything is initialised, only `running` waits for the JSON-RPC socket: who asks for the
    former then hears it at once."""
    folder, go = root.file("libexec"), root.file("go")
    os.mkdir(folder)
    os.symlink(os.path.abspath(os.path.join(p.BIN, "cal-mond")), os.path.join(folder, "cal-mond"))
    rpcd = os.path.join(folder, "cal-rpcd")
    with open(rpcd, "w") as f:
        f.write(f"#!/bin/sh\nfor i in $(seq 200); do [ -e {go} ] || sleep 0.02; done\n"
                f"exec {os.path.abspath(p.BIN)}/cal-rpcd \"$@\"\n")
    os.chmod(rpcd, 0o755)
    prim = root.start(wait=None, CALANDRIA_LIBEXEC=folder)
    p.wait_for(lambda: (prim.state() or {}).get("doing") == "cal-rpcd starts", 5, "all but rpcd")
    done = subprocess.run([os.path.join(p.BIN, "calctl"), "rpc", "framework_wait_init"],
                          env=root.env(), capture_output=True, text=True, timeout=3)
    p.check(done.stdout.strip() == "true", f"framework_wait_init: {done.stdout}{done.stderr}")
    p.check(prim.state_name() == "subsystem_init", f"state {prim.state_name()}")
    root.file("go", "")
    prim.wait_state("running")
    prim.stop()
    nothing_left(root, prim)


def wait_for_rpc_can_be_stopped(root):
    prim = root.start("--wait-for-rpc", wait="startup_rpc")
    status, took = prim.stop()
    p.check(status == 0, f"exit status {status}")
    p.check(took <= STOP_LIMIT_S * SLACK + 0.1, f"stop took {took:.3f} s")
    nothing_left(root, prim)


def without_services(root):
    prim = root.start("--no-services")
    p.check(service_pids(prim) == [], "a service was started")
    p.check(not os.path.exists(prim.rpc), "a JSON-RPC socket")
    prim.stop()
    nothing_left(root, prim)


def without_rpc_server(root):
    prim = root.start("--no-rpc-server")
    p.check(not os.path.exists(prim.rpc), "a JSON-RPC socket")
    prim.stop()
    nothing_left(root, prim)


def services_come_back(root):
    prim = root.start("-c", root.file("c.json", '{"subsystems": []}'))
    for name in ("rpcd", "confd"):
        before = prim.state()["services"][name]["pid"]
        begin = time.monotonic()
        os.kill(before, signal.SIGKILL)

        def again():
            now = prim.state()["services"][name]
            return now["pid"] not in (0, before) and now["state"] == "running"
        p.wait_for(again, 3, f"{name} is back")
        print(f"          {name} is back after {(time.monotonic() - begin) * 1000:.0f} ms")
    p.check("result" in prim.rpc_call("spdk_get_version"), "no answer")
    p.check(prim.state_name() == "running", "the primary runs on")
    status, _ = prim.stop()
    p.check(status == 0, f"exit status {status}")
    nothing_left(root, prim)


def services_come_back_each_time(root):
    """Killed or restarted again and again: never is one out of service for more than a second, and
    none of it holds up the gate. (On a loaded machine, reaping at once made wait() spin in the
    kernel for 10 s, once in 30.)"""
    prim = root.start()
    names = ("rpcd", "mond")

    def pids():
        return {n: s["pid"] for n, s in prim.state()["services"].items()
                if n in names and s["pid"] and s["state"] == "running"}

    def again(what, end):
        before = pids()
        begin = time.monotonic()
        end(before)
        p.wait_for(lambda: len(pids()) == len(names) and not set(pids().values())
                   & set(before.values()), 20, f"services are back after {what}")
        p.check("result" in prim.rpc_call("spdk_get_version"), "no answer")
        took = time.monotonic() - begin
        p.check(took <= 1.0 * SLACK, f"back {took:.3f} s after {what}")
        return took

    def kill(before):
        for pid in before.values():
            os.kill(pid, signal.SIGKILL)

    def restart():
        """calctl waits until they run; the next restart finds them at the end of their start."""
        begin = time.monotonic()
        subprocess.run([os.path.join(p.BIN, "calctl"), "service", "restart", "all"], check=False,
                       env=root.env(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        took = time.monotonic() - begin
        p.check(took <= 1.0 * SLACK, f"restarted after {took:.3f} s")
        return took
    p.wait_for(lambda: len(pids()) == len(names), 5, "services run")
    worst = max(again("SIGKILL", kill) for _ in range(8))
    print(f"          killed 8 times, back after {worst * 1000:.0f} ms at most")
    worst = max(restart() for _ in range(60))
    p.check("result" in prim.rpc_call("spdk_get_version"), "no answer")
    print(f"          restarted 60 times, back after {worst * 1000:.0f} ms at most")

    def zombies():
        found = []
        for entry in os.listdir("/proc"):
            try:
                with open(f"/proc/{entry}/stat") as f:
                    fields = f.read().rsplit(")", 1)[1].split()
            except (OSError, IndexError):
                continue
            if fields[0] == "Z" and int(fields[1]) == prim.pid:
                found.append(entry)
        return found
    p.wait_for(lambda: not zombies(), 2, "the dead are reaped")
    status, _ = prim.stop()
    p.check(status == 0, f"exit status {status}")


def a_stopped_service_does_not_hold_up_the_end(root):
    prim = root.start()
    os.kill(service_pids(prim)[0], signal.SIGSTOP)
    status, took = prim.stop()
    p.check(status == 0, f"exit status {status}")
    p.check(took <= 1.0 * SLACK, f"stop took {took:.3f} s")
    p.check(os.listdir(root.run) == [], "run-time files stay")


if __name__ == "__main__":
    p.needs_hugepages(256)
    p.main([
        starts_and_stops_in_time, states_are_passed_in_order, sigint_stops_too,
        a_second_signal_changes_nothing, a_signal_during_the_start_stops_it,
        starts_again_after_kill_9, stale_files_of_a_dead_primary_are_taken_over,
        wait_for_rpc_waits, initialised_is_told_before_running, wait_for_rpc_can_be_stopped,
        without_services, without_rpc_server, services_come_back, services_come_back_each_time,
        a_stopped_service_does_not_hold_up_the_end,
    ])
