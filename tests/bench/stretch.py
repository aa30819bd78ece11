#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""How long RPCs keep the app thread: tests/helpers/stretch.c, with clients and without, in turn.

  tests/bench/stretch.py [--bdevs 1000] [--seconds 2] [--rounds 3] [--link] [METHOD ...]

Prints the time between two runs of an active poller on the app thread. "switch" counts the gaps over
10 us in which the kernel gave the CPU to somebody else. What interrupts and the host take shows in
the idle lines only."""
import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
OVER_US = [3, 5, 7, 10, 15, 20, 50, 100]
METHODS = ["bdev_get_bdevs", "bdev_get_iostat", "framework_get_config:bdev", "thread_get_pollers",
           "rpc_get_methods"]


class Client:
    def __init__(self, path):
        end = time.monotonic() + 20
        while True:
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                self.sock.connect(path)
                return
            except OSError:
                self.sock.close()
                if time.monotonic() > end:
                    raise
                time.sleep(0.01)

    def call_raw(self, method, params=None):
        request = {"jsonrpc": "2.0", "id": 1, "method": method}
        if params is not None:
            request["params"] = params
        self.sock.sendall(json.dumps(request).encode())
        parts = []
        while True:
            data = self.sock.recv(1 << 18)
            if not data:
                raise ConnectionError("closed")
            parts.append(data)
            if data.endswith(b"\n"):
                return b"".join(parts)

    def call(self, method, params=None):
        answer = json.loads(self.call_raw(method, params))
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]


class App:
    def __init__(self, build, root, bdevs, core, instance):
        self.socket = os.path.join(root, "rpc.sock")
        self.instance = instance
        config = {"subsystems": [{"subsystem": "bdev", "config": [
            {"method": "bdev_null_create",
             "params": {"name": f"Null{i}", "num_blocks": 20480, "block_size": 512}}
            for i in range(bdevs)]}]}
        path = os.path.join(root, "config.json")
        with open(path, "w") as file:
            json.dump(config, file)
        self.env = dict(os.environ, CALANDRIA_RUN_ROOT=os.path.join(root, "run"),
                        CALANDRIA_LIBEXEC=os.path.join(build, "bin"))
        self.log = open(os.path.join(root, "log"), "w+")
        self.proc = subprocess.Popen(
            [os.path.join(build, "tests/helpers/stretch"), "-m", hex(1 << core), "-s", "256", "-i",
             str(instance), "-r", self.socket, "-c", path],
            env=self.env, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def end(self):
        self.proc.terminate()
        self.proc.wait(20)


def load_json(app, method, until):
    """A closed loop over JSON-RPC; returns how many calls."""
    name, _, argument = method.partition(":")
    client = Client(app.socket)
    params = {"name": argument} if argument else None
    calls = 0
    while time.monotonic() < until:
        answer = client.call_raw(name, params)
        if b'"error"' in answer[:100] or b'"error":{"code"' in answer[-300:]:
            raise RuntimeError(answer[:300])
        calls += 1
    return calls


def load_link(app, build, method, until):
    """The same over the ring itself."""
    calls = 0
    while time.monotonic() < until:
        subprocess.run([os.path.join(build, "tests/bench/bench_call"), "-i", str(app.instance),
                        "-m", method, "-n", "100"], env=app.env, check=True,
                       stdout=subprocess.DEVNULL)
        calls += 100
    return calls


def us(ns):
    return f"{ns / 1000:9.2f}"


def show(what, r, calls):
    over = " ".join(f"{o['gaps'] / r['seconds']:7.0f}" for o in r["over"])
    print(f"{what:26} {us(r['p50_ns'])} {us(r['p99_ns'])} {us(r['p999_ns'])} {us(r['p9999_ns'])}"
          f" {us(r['max_ns'])} {over} {r['long_switched'] / r['seconds']:7.0f}"
          f" {calls / r['seconds']:9.0f}", flush=True)


def measure(app, control, args, method):
    calls = 0
    control.call("stretch_get")
    until = time.monotonic() + args.seconds
    if method is None:
        time.sleep(args.seconds)
    elif args.link:
        calls = load_link(app, args.build, method, until)
    elif args.clients == 1:
        calls = load_json(app, method, until)
    else:
        counts = []
        threads = [threading.Thread(target=lambda: counts.append(load_json(app, method, until)))
                   for _ in range(args.clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        calls = sum(counts)
    return control.call("stretch_get"), calls


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=os.path.join(HERE, "../../build"))
    parser.add_argument("--bdevs", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--id", type=int, default=90)
    parser.add_argument("--link", action="store_true", help="over the ring, without cal-rpcd")
    parser.add_argument("--longest", action="store_true", help="show the longest gaps")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("methods", nargs="*", default=METHODS)
    args = parser.parse_args()
    args.build = os.path.abspath(args.build)
    with tempfile.TemporaryDirectory(prefix="cal-stretch.") as root:
        app = App(args.build, root, args.bdevs, args.core, args.id)
        rows = []
        try:
            control = Client(app.socket)
            control.call("framework_wait_init")
            if not args.json:
                print("us between two runs of the poller, and how many a second are longer than so"
                      " many us")
                print(f"{'':26} {'p50':>9} {'p99':>9} {'p99.9':>9} {'p99.99':>9} {'max':>9}"
                      + "".join(f" {'>' + str(us):>7}" for us in OVER_US)
                      + f" {'switch':>7} {'calls/s':>9}")
            for _ in range(args.rounds):
                for method in [None, *args.methods]:
                    r, calls = measure(app, control, args, method)
                    rows.append({"method": method or "idle", "calls": calls, **r})
                    if not args.json:
                        show(method or "idle", r, calls)
                    if args.longest:
                        for gap in sorted(r["longest"], key=lambda gap: -gap["ns"]):
                            print(f"{'':28} {us(gap['ns'])}: {gap['switches']} switches,"
                                  f" {gap['faults']} page faults")
        except Exception:
            app.log.flush()
            print(open(app.log.name).read()[-3000:], file=sys.stderr)
            raise
        finally:
            app.end()
        if args.json:
            print(json.dumps(rows))


if __name__ == "__main__":
    main()
