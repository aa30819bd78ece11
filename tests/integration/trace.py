#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""Tracing pollers with BPF, on two reactors: what is counted, that it goes on while the monitor is killed,
that `bpftool` shows names, that nothing stays pinned, and one good sentence where there is no bpffs."""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

BIN = os.path.join(os.environ["CAL_BUILD"], "bin")
ROOT = tempfile.mkdtemp(prefix="cal-trace-")
ID = "57"
ENV = dict(os.environ, CALANDRIA_RUN_ROOT=ROOT)
PINS = f"/sys/fs/bpf/calandria/{ID}"


def ctl(*args, ok=True, env=None):
    done = subprocess.run([os.path.join(BIN, "calctl"), "-i", ID, *args], capture_output=True, text=True,
                          env=env or ENV, timeout=30, check=False)
    if ok and done.returncode:
        raise SystemExit(f"calctl {' '.join(args)}: exit {done.returncode}: {done.stderr}")
    return done


def check(what, condition, detail=""):
    print(("ok      " if condition else "WRONG   ") + what, "" if condition else detail, flush=True)
    if not condition:
        raise SystemExit(1)


def rows():
    return {(r["thread"], r["name"]): r for r in json.loads(ctl("--json", "trace", "show", "pollers").stdout)}


def mond_pid():
    services = json.loads(ctl("--json", "service", "list").stdout)
    return next(s["pid"] for s in services if s["name"] == "mond" and s["state"] in ("running", "starting", "backoff"))


def primary(extra_env=None):
    log = open(os.path.join(ROOT, "primary.log"), "ab")
    proc = subprocess.Popen([os.path.join(BIN, "calandria"), "-i", ID, "-m", "0x3", "-s", "64", "-u", "-r",
                             os.path.join(ROOT, "rpc.sock")], env=dict(ENV, **(extra_env or {})),
                            stdout=log, stderr=log)
    ctl("status", "--wait", "running", "--timeout", "20")
    return proc


def wait_for_monitor():
    end = time.monotonic() + 10
    while not os.path.exists(os.path.join(ROOT, ID, "mond.sock")):
        if time.monotonic() > end:
            raise SystemExit("cal-mond does not listen")
        time.sleep(0.02)


def stop(proc):
    proc.send_signal(signal.SIGTERM)
    proc.wait(10)


def main():
    proc = primary()
    try:
        wait_for_monitor()
        done = ctl("trace", "show", "pollers", ok=False)
        check("nothing is traced at first", done.returncode == 1 and "trace start" in done.stderr, done.stderr)
        done = ctl("trace", "start", "pollers", "--min-us", "10000", "--sample", "100", ok=False)
        if done.returncode and "refuses the BPF program" in done.stderr:
            print(done.stderr)
            return 77
        check("trace start", done.returncode == 0, done.stderr)
        time.sleep(0.5)
        first = rows()
        check("app_thread's pollers are seen", any(t == "app_thread" for t, _ in first), first)
        busiest = max(first.values(), key=lambda r: r["count"])
        check("counts and quantiles are sane", busiest["count"] > 100 and
              busiest["p50_ns"] <= busiest["p99_ns"] <= busiest["max_ns"] and
              sum(busiest["ns_log2"]) == busiest["count"], busiest)

        dump = subprocess.run(["bpftool", "map", "dump", "pinned", f"{PINS}/cal_pollers", "-j"],
                              capture_output=True, text=True, check=True).stdout
        named = [e["formatted"]["value"] for e in json.loads(dump)]
        check("bpftool prints named fields", all({"thread", "poller", "count", "ns_log2"} <= set(v) for v in named), dump[:300])

        os.kill(mond_pid(), signal.SIGKILL)
        time.sleep(0.3)
        dump2 = subprocess.run(["bpftool", "map", "dump", "pinned", f"{PINS}/cal_pollers", "-j"],
                               capture_output=True, text=True, check=True).stdout
        check("it goes on counting without the monitor",
              sum(e["formatted"]["value"]["count"] for e in json.loads(dump2)) >
              sum(v["count"] for v in named))
        wait_for_monitor()
        end = time.monotonic() + 10
        while ctl("trace", "show", "pollers", ok=False).returncode and time.monotonic() < end:
            time.sleep(0.05)
        again = rows()
        key = (busiest["thread"], busiest["name"])
        check("the next monitor finds it", again[key]["count"] > busiest["count"], again)

        ctl("trace", "stop")
        check("stop removes the pins", not os.path.exists(PINS))
        ctl("trace", "start", "pollers")
        check("and it can start again", os.path.exists(f"{PINS}/cal_pollers"))
        done = ctl("trace", "start", "messages", ok=False)
        check("an unknown kind is refused", done.returncode == 2 and "messages" in done.stderr, done.stderr)
    finally:
        stop(proc)
    time.sleep(0.3)
    check("an orderly stop removes the pins", not os.path.exists(PINS))

    proc = primary({"CALANDRIA_BPFFS": ROOT})
    try:
        wait_for_monitor()
        done = ctl("trace", "start", "pollers", ok=False)
        check("no bpffs: one sentence, exit 1", done.returncode == 1 and done.stderr.count("\n") == 1 and
              "setup.sh config" in done.stderr, done.stderr)
    finally:
        stop(proc)
    return 0


def cleanup():
    subprocess.run(["rm", "-rf", ROOT], check=False)


try:
    status = main()
finally:
    if os.path.exists(os.path.join(ROOT, "primary.log")):
        with open(os.path.join(ROOT, "primary.log"), encoding="utf-8", errors="replace") as text:
            print(text.read())
    cleanup()
sys.exit(status)
