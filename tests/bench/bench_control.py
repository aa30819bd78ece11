#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""What the control plane costs and what it does to I/O on the same reactor; with --spdk DIR also what
SPDK's costs, in turn with ours: its bdevperf is asked over the same kind of socket by the same client.

A round is windows of random reads (4 KiB, depth 32, a malloc bdev) without RPC and with each of the
loads in turn, A B A C A …; a load's p99.9 is compared with the mean of the two windows beside it, so
that what disturbs the machine for longer than a window hits both. The clients are closed loops in one
process, not on the reactor's CPU.

Exit 0: it ran, and every bound is met; 1: a bound is missed, or a run failed; 2: not every bound could
be looked at.
"""
import argparse
import glob
import json
import os
import re
import shlex
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

import against_spdk

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))
import primary as state_file  # noqa: E402

NUM_BDEVS = 1000
DEPTH, IO_SIZE = 32, 4096
# Name, method, connections.
LOADS = [("version_1", "spdk_get_version", 1), ("version_8", "spdk_get_version", 8),
         ("stats_8", "thread_get_stats", 8), ("bdevs_1", "bdev_get_bdevs", 1)]
IO_FIGURES = [("iops", "IOPS", 0), ("p50", "p50 us", 1), ("p99", "p99 us", 1),
              ("p99_9", "p99.9 us", 1), ("max", "max us", 0)]

P50_US = 80         # of one client
PER_S = 20000       # requests, of 8 clients
IO_RATIO = 1.2      # p99.9 with RPC / without
LOAD_S = 1.0        # from the start to running, with NUM_BDEVS in the file
# How much longer the app thread may be away than without RPC. The idle thread is away, too, when the
# machine interrupts it; so lengths that are exceeded equally often are compared: so many times an
# answer of bdev_get_bdevs, which is a hundred stretches and more.
STRETCH_US = 10
STRETCH_BEYOND = (0.25, 1, 4)
# On a machine that does other things, too, p99.9 of the windows without RPC differs more than CALM
# times; from DISTURBED on nothing can be said of what RPCs do to it.
CALM, DISTURBED = 1.5, 4
LIMIT_S = 30


class Failed(Exception):
    pass


def config_of(num_bdevs):
    entries = [{"method": "bdev_malloc_create",
                "params": {"name": "Malloc0", "num_blocks": 16384, "block_size": IO_SIZE}}]
    entries += [{"method": "bdev_null_create",
                 "params": {"name": f"Null{i}", "num_blocks": 2048, "block_size": 512}}
                for i in range(num_bdevs - 1)]
    return {"subsystems": [{"subsystem": "bdev", "config": entries}]}


def stolen_ms(cpu):
    """What the host has taken of a CPU; of many machines it is not told."""
    with open("/proc/stat", encoding="ascii") as file:
        for line in file:
            fields = line.split()
            if fields[0] == f"cpu{cpu}":
                return int(fields[8]) * 1000 / os.sysconf("SC_CLK_TCK")
    return 0.0


def wait_for(fn, what, proc=None):
    end = time.monotonic() + LIMIT_S
    while True:
        value = fn()
        if value is not None:
            return value
        if proc is not None and proc.poll() is not None:
            raise Failed(f"{what}: the process ended with {proc.returncode}")
        if time.monotonic() > end:
            raise Failed(f"{what}: not within {LIMIT_S} s")
        time.sleep(0.001)


class Connection:
    """JSON-RPC, an answer a line."""

    def __init__(self, path, proc):
        def dial():
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                sock.connect(path)
                return sock
            except OSError:
                sock.close()
                return None
        self.sock = wait_for(dial, path, proc)
        self.sock.settimeout(LIMIT_S)

    def send(self, method, params=None):
        request = {"jsonrpc": "2.0", "id": 1, "method": method}
        if params is not None:
            request["params"] = params
        self.sock.sendall(json.dumps(request).encode())

    def receive(self, method):
        data = b""
        while not data.endswith(b"\n"):
            piece = self.sock.recv(1 << 18)
            if not piece:
                raise Failed(f"{method}: the connection was closed")
            data += piece
        answer = json.loads(data)
        if "result" not in answer:
            raise Failed(f"{method}: {answer}")
        return answer["result"]

    def peer(self):
        """Who listens: the pid."""
        raw = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        return struct.unpack("iII", raw)[0]

    def call(self, method, params=None):
        self.send(method, params)
        return self.receive(method)

    def close(self):
        self.sock.close()


# --- the two sides -------------------------------------------------------------------------------

class Side:
    """A process under test, in a folder of its own. begin_io(), end_io(): one window."""

    def __init__(self, args, folder):
        self.args, self.folder = args, folder
        self.socket = os.path.join(folder, "rpc.sock")
        self.log = open(os.path.join(folder, "log"), "w+", encoding="utf-8", errors="replace")
        self.control = None
        config = os.path.join(folder, "config.json")
        with open(config, "w", encoding="utf-8") as file:
            json.dump(config_of(args.bdevs), file)
        self.config = config
        self.begun = time.time()
        self.proc = None
        self.pid = 0  # under --wrap not that of what was started

    def spawn(self, command, stdout, **env):
        self.begun = time.time()
        self.proc = subprocess.Popen([*shlex.split(self.args.wrap), *command], stdout=stdout,
                                     stderr=self.log, stdin=subprocess.DEVNULL, text=True,
                                     env=dict(os.environ, **env), start_new_session=True)

    def mask(self):
        return hex(1 << self.args.core)

    def output(self):
        self.log.seek(0)
        return self.log.read()[-3000:]

    def stop(self):
        if self.control is not None:
            self.control.close()
        if self.proc is not None:
            try:
                self.proc.poll() is None and os.kill(self.pid or self.proc.pid, signal.SIGTERM)
                self.proc.wait(LIMIT_S)
            except (subprocess.TimeoutExpired, ProcessLookupError):
                self.proc.kill()
                self.proc.wait()
            if self.proc.stdout is not None:
                self.proc.stdout.close()
        self.log.close()


class Ours(Side):
    PROGRAM = ("bin", "calandria")

    def start(self):
        """Start it; how long it took to be running."""
        run = os.path.join(self.folder, "run")
        program = os.path.join(self.args.build, *self.PROGRAM)
        self.spawn([program, "-m", self.mask(), "-s", "256", "-i", str(self.args.instance),
                    "-r", self.socket, "-c", self.config, "--disable-cpumask-locks"], self.log,
                   CALANDRIA_RUN_ROOT=run, CALANDRIA_LIBEXEC=os.path.join(self.args.build, "bin"))
        path = os.path.join(run, str(self.args.instance), "state")

        def running():
            try:
                with open(path, "rb") as file:
                    state = state_file.parse_state(file.read())
            except (OSError, state_file.struct.error):
                return None
            return state if state["state"] == "running" else None
        state = wait_for(running, "state running", self.proc)
        self.pid = state["pid"]
        self.control = Connection(self.socket, self.proc)
        return state["entered"][state_file.STATES.index("running")] / 1e9 - self.begun

    def begin_io(self):
        started = self.control.call("cal_perf_start", {
            "name": "Malloc0", "workload": "randread", "queue_depth": DEPTH, "io_size": IO_SIZE,
            "time_ms": self.args.window_ms})
        self.until = time.monotonic() + self.args.window_ms / 1000
        self.job = started["id"] if isinstance(started, dict) else started

    def end_io(self):
        # Nothing is asked before it is over: this would be a load, too.
        time.sleep(max(0.0, self.until - time.monotonic()))
        figures = wait_for(self.ended, "the end of the reads", self.proc)
        if figures["errors"] or not figures["ios"]:
            raise Failed(f"reads failed: {figures}")
        latency = figures["latency_us"]
        return {"iops": figures["iops"], "p50": latency["p50"], "p99": latency["p99"],
                "p99_9": latency["p99_9"], "max": latency["max"]}

    def ended(self):
        figures = self.control.call("cal_perf_get", {"id": self.job})
        return None if figures["running"] else figures


class Spdk(Side):
    SUMMARY = re.compile(r"\s*([0-9.]+)% :\s+([0-9.]+)us")

    def start(self):
        program = os.path.join(self.args.spdk, "build", "examples", "bdevperf")
        self.spawn([program, "-m", self.mask(), "-s", "256", "-i", str(self.args.instance),
                    "-r", self.socket, "-c", self.config, "-z", "-T", "Malloc0", "-q", str(DEPTH),
                    "-o", str(IO_SIZE), "-w", "randread", "-t", "1", "-l", "--iova-mode", "va",
                    "--disable-cpumask-locks"], subprocess.PIPE)
        self.control = Connection(self.socket, self.proc)
        self.pid = self.control.peer()
        self.control.call("framework_wait_init")
        return time.time() - self.begun

    def begin_io(self):
        self.control.send("perform_tests", {"time_in_sec": self.args.spdk_seconds})

    def end_io(self):
        job = self.control.receive("perform_tests")["results"][0]
        shares = {}
        # What it prints of a run ends with the shares of latency.
        while "99.90000" not in shares:
            line = self.proc.stdout.readline()
            if not line:
                raise Failed("bdevperf printed no latencies")
            found = self.SUMMARY.match(line)
            if found:
                shares[found[1]] = float(found[2])
        return {"iops": job["iops"], "p50": shares["50.00000"], "p99": shares["99.00000"],
                "p99_9": shares["99.90000"], "max": job["max_latency_us"]}


class Stretch(Ours):
    """An application with a poller that times how long the app thread is away."""
    PROGRAM = ("tests", "helpers", "stretch")

    def stretch(self, load):
        """The gaps of one window, and how many calls there were."""
        calls = 0
        if load:
            client = Client(self, *load)
            self.control.call("stretch_get")
            time.sleep(self.args.window_ms / 1000)
            gaps = self.control.call("stretch_get")
            calls = client.end()["calls"]
        else:
            self.control.call("stretch_get")
            time.sleep(self.args.window_ms / 1000)
            gaps = self.control.call("stretch_get")
        gaps["calls"] = calls
        return gaps


# --- measuring -----------------------------------------------------------------------------------

class Client:
    """bench_jsonrpc, from when every connection has had an answer."""

    def __init__(self, side, method, connections, keep=None):
        args = side.args
        command = [*shlex.split(args.wrap), "taskset", "-c", str(args.client_core),
                   os.path.join(args.build, "tests", "bench", "bench_jsonrpc"), "-r", side.socket,
                   "-m", method, "-c", str(connections), "-w", "-j",
                   *(["-a", keep] if keep else [])]
        self.proc = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE, text=True)
        if self.proc.stdout.readline() != "ready\n":
            raise Failed(f"{shlex.join(command)}: {self.proc.communicate()[1]}")

    def end(self):
        try:
            out, err = self.proc.communicate(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            out, err = self.proc.communicate()
        if self.proc.returncode:
            raise Failed(f"bench_jsonrpc: {err}")
        return json.loads(out)


def check_bdevs(path, wanted):
    with open(path, encoding="utf-8") as file:
        answer = json.load(file)  # raises ValueError for what is not JSON
    names = {bdev["name"] for bdev in answer.get("result", [])}
    if len(names) != wanted or len(answer["result"]) != wanted:
        raise Failed(f"bdev_get_bdevs told of {len(names)} bdevs, not of {wanted}")


def window(side, load, samples):
    """One window; with a load its calls are under way before it begins and after it ends."""
    name, method, connections = load or ("none", None, 0)
    keep = os.path.join(side.folder, "answer") if name == "bdevs_1" else None
    stolen = stolen_ms(side.args.core)
    client = Client(side, method, connections, keep) if load else None
    side.begin_io()
    io = side.end_io()
    calls = client.end() if client else None
    if keep:
        check_bdevs(keep, side.args.bdevs)
    samples.setdefault("stolen_ms", []).append(stolen_ms(side.args.core) - stolen)
    for figure, _, _ in IO_FIGURES:
        samples.setdefault(f"io_{name}_{figure}", []).append(io[figure])
    for figure in ("p50_us", "p99_us", "per_s", "bytes") if load else ():
        samples.setdefault(f"{name}_{figure}", []).append(calls[figure])
    return io["p99_9"]


def run_side(make, args, samples):
    with tempfile.TemporaryDirectory(prefix="cal-bench-") as folder:
        side = make(args, folder)
        try:
            samples.setdefault("load_s", []).append(side.start())
            window(side, None, {})  # caches, page tables, the CPU's clock
            before = window(side, None, samples)
            for _ in range(args.rounds):
                for load in LOADS:
                    during = window(side, load, samples)
                    after = window(side, None, samples)
                    ratio = during / ((before + after) / 2)
                    samples.setdefault(f"ratio_{load[0]}", []).append(ratio)
                    before = after
        except (Failed, OSError, ValueError, KeyError):
            print(side.output(), file=sys.stderr)
            raise
        finally:
            side.stop()


def run_stretch(args, samples):
    with tempfile.TemporaryDirectory(prefix="cal-bench-") as folder:
        side = Stretch(args, folder)
        try:
            side.start()
            for _ in range(args.rounds + 1):
                for name, load in (("idle", None), ("busy", ("bdev_get_bdevs", 1))):
                    samples.setdefault(f"stretch_{name}", []).append(side.stretch(load))
        except (Failed, OSError, ValueError, KeyError):
            print(side.output(), file=sys.stderr)
            raise
        finally:
            side.stop()


def run_floor(args, samples):
    """A bare echo by two processes on the clients' CPU: what of a round trip is the kernel's."""
    done = subprocess.run(
        [*shlex.split(args.wrap), "taskset", "-c", str(args.client_core),
         os.path.join(args.build, "tests", "bench", "bench_jsonrpc"), "-f", "-n", "150", "-j", "-t",
         str(args.window_ms / 1000)], stdout=subprocess.PIPE, text=True, check=True,
        timeout=LIMIT_S)
    for figure, value in json.loads(done.stdout).items():
        samples.setdefault(f"floor_{figure}", []).append(value)


def run_all(args):
    """The samples of each side, by figure."""
    ours, spdk = {}, {}
    for pair in range(args.pairs):
        turns = [(Ours, ours)] + ([(Spdk, spdk)] if args.spdk else [])
        for make, samples in turns[::-1] if pair % 2 else turns:
            run_side(make, args, samples)
        run_stretch(args, ours)
        run_floor(args, ours)
        print(f"pair {pair + 1} of {args.pairs}", file=sys.stderr, flush=True)
    return ours, spdk


# --- the figures ---------------------------------------------------------------------------------

class Report:
    def __init__(self, ours, spdk):
        self.sides = (ours, spdk)
        self.missed, self.unknown = [], []
        quiet = ours.get("io_none_p99_9") or [1]
        self.quiet = min(quiet), max(quiet)
        self.disturbed = self.quiet[1] > DISTURBED * self.quiet[0]
        print(f"{'':<46}{'ours':>9} {'min':>9} {'max':>9}  {'SPDK':>9} {'min':>9} {'max':>9}  ratio")

    def line(self, what, name, scale=1.0, digits=1, met=None, bound=None, of_io=False):
        """One figure of both sides; `met` judges our median. `of_io`: not on a disturbed machine."""
        texts, medians = [], []
        for samples in self.sides:
            values = [value * scale for value in samples.get(name, [])]
            if values:
                medians.append(statistics.median(values))
                texts.append(" ".join(f"{value:9.{digits}f}"
                                      for value in (medians[-1], min(values), max(values))))
            else:
                texts.append(" " * 29)
        ratio = f"{medians[1] / medians[0]:6.2f}" if len(medians) == 2 and medians[0] else " " * 6
        verdict = ""
        if met is not None:
            verdict = self.judge(what, met(medians[0]) if self.sides[0].get(name) else None, bound,
                                 of_io)
        print(f"{what:<46}{texts[0]}  {texts[1]} {ratio}  {verdict}".rstrip())

    def judge(self, what, met, bound, of_io=False):
        if met is None or (of_io and not met and self.disturbed):
            self.unknown.append(what)
            return f"not seen {bound}"
        if not met:
            self.missed.append(what)
        return f"{'met' if met else 'MISSED':<7} {bound}"

    def status(self):
        if self.missed:
            print(f"{len(self.missed)} bounds missed")
            return 1
        if self.unknown:
            print("not every bound could be looked at")
            return 2
        print("every bound is met")
        return 0


def exceeded(windows, per_s):
    """The length in us that so many gaps a second are longer than."""
    left = per_s * sum(one["seconds"] for one in windows)
    gaps = sorted((gap for one in windows for gap in one["gaps"]), reverse=True)
    for ns, count in gaps:
        left -= count
        if left < 0:
            return ns / 1000
    return 0.0


def show_stretch(report, ours):
    """How long the app thread was away, beside what the machine does by itself."""
    idle, busy = ours.get("stretch_idle", []), ours.get("stretch_busy", [])
    calls = sum(one["calls"] for one in busy)
    seconds = sum(one["seconds"] for one in busy)
    lengths = []
    for windows, text in ((idle, "no RPC"), (busy, "bdev_get_bdevs")) if calls and idle else ():
        rate = sum(one["long_gaps"] for one in windows) / sum(one["seconds"] for one in windows)
        longest = max(one["max_ns"] for one in windows) / 1000
        lengths.append([exceeded(windows, times * calls / seconds) for times in STRETCH_BEYOND])
        print(f"app thread away, {text}: {rate:.0f} times/s > {STRETCH_US} us, longest {longest:.0f} us; "
              + ", ".join(f"> {length:.1f} us {times} times an answer"
                          for length, times in zip(lengths[-1], STRETCH_BEYOND)))
    extra = max(b - a for a, b in zip(*lengths)) if lengths else None
    what = "away longer for bdev_get_bdevs by, us"
    verdict = report.judge(what, None if extra is None else extra <= STRETCH_US, f"<= {STRETCH_US}",
                           of_io=True)
    print(f"{what:<46}{'' if extra is None else f'{extra:9.1f}':<68}  {verdict}")


def judge(ours, spdk):
    report = Report(ours, spdk)
    report.line("floor: echo over a socketpair, p50 us", "floor_p50_us")
    report.line("floor: echo over a socketpair, p99 us", "floor_p99_us")
    report.line("1 client, spdk_get_version, p50 us", "version_1_p50_us",
                met=lambda value: value <= P50_US, bound=f"<= {P50_US} us")
    report.line("1 client, spdk_get_version, p99 us", "version_1_p99_us")
    report.line("8 clients, spdk_get_version, requests/s", "version_8_per_s", digits=0,
                met=lambda value: value >= PER_S, bound=f">= {PER_S}/s")
    report.line("8 clients, spdk_get_version, p50 us", "version_8_p50_us")
    report.line("8 clients, spdk_get_version, p99 us", "version_8_p99_us")
    report.line("8 clients, thread_get_stats, requests/s", "stats_8_per_s", digits=0)
    report.line("8 clients, thread_get_stats, p50 us", "stats_8_p50_us")
    report.line("1 client, bdev_get_bdevs, p50 ms", "bdevs_1_p50_us", scale=1e-3, digits=2)
    report.line("1 client, bdev_get_bdevs, answers/s", "bdevs_1_per_s", digits=0)
    report.line("bytes of its answer", "bdevs_1_bytes", digits=0)
    for name, text in [("none", "no RPC")] + [(name, f"{clients} x {method}")
                                             for name, method, clients in LOADS]:
        for figure, unit, digits in IO_FIGURES:
            report.line(f"I/O, {text}: {unit}", f"io_{name}_{figure}", digits=digits)
        if name != "none":
            report.line(f"I/O, {text}: p99.9 / no RPC", f"ratio_{name}", digits=2,
                        met=lambda value: value <= IO_RATIO, bound=f"<= {IO_RATIO} x",
                        of_io=True)
    report.line("from the start to running, s", "load_s", digits=3,
                met=lambda value: value < LOAD_S, bound=f"< {LOAD_S} s")
    show_stretch(report, ours)
    low, high = report.quiet
    if high > CALM * low:
        print(f"the machine was not calm: p99.9 without RPC was {low:.0f} to {high:.0f} us")
    print("taken by the host from the reactor's CPU, ms a window: " + ", ".join(
        f"{side} {statistics.mean(samples['stolen_ms']):.1f}"
        for side, samples in (("ours", ours), ("SPDK", spdk)) if "stolen_ms" in samples))
    return report.status()


def measure(args):
    # DPDK leaves its folder behind.
    folder = f"/var/run/dpdk/spdk{args.instance}"
    mine = bool(args.spdk) and not os.path.exists(folder)
    try:
        ours, spdk = run_all(args)
    except (Failed, OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
        print(f"bench_control.py: {error}")
        return 1
    finally:
        if mine:
            shutil.rmtree(folder, ignore_errors=True)
            for path in glob.glob(f"/dev/shm/*spdk*.{args.instance}"):
                os.unlink(path)
    if args.samples_json:
        print(json.dumps({"ours": ours, "spdk": spdk}))
        return 0
    status = judge(ours, spdk)
    if args.core == args.client_core:
        print("reactor and clients had one CPU between them: nothing of this says anything")
        return 2
    return status


def options():
    cpus = sorted(os.sched_getaffinity(0))
    ap = argparse.ArgumentParser(description=__doc__,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--spdk", default="", help="a built SPDK tree; without it ours alone is run")
    ap.add_argument("--build", default="build", help="our build folder")
    ap.add_argument("--pairs", type=int, default=3, help="processes of each side")
    ap.add_argument("--rounds", type=int, default=3, help="rounds of windows in each process")
    ap.add_argument("--window-ms", type=int, default=500, help="how long one of our windows is")
    ap.add_argument("--spdk-seconds", type=int, default=1, help="how long one of SPDK's is")
    ap.add_argument("--bdevs", type=int, default=NUM_BDEVS)
    ap.add_argument("--core", type=int, default=cpus[-1], help="the reactor's CPU")
    ap.add_argument("--client-core", type=int, default=cpus[0], help="the clients' CPU")
    ap.add_argument("--wrap", default="", help="a program to run each process under")
    ap.add_argument("--instance", type=int, default=190, help="instance id of both sides")
    ap.add_argument("--samples-json", action="store_true", help="print samples, judge nothing")
    args = ap.parse_args()
    if min(args.pairs, args.rounds, args.spdk_seconds, args.bdevs) < 1 or args.window_ms < 20:
        ap.error("--pairs, --rounds, --spdk-seconds, --bdevs are 1 or more, --window-ms 20")
    args.build = os.path.abspath(args.build)
    if args.spdk and not os.path.exists(os.path.join(args.spdk, "build", "examples", "bdevperf")):
        ap.error(f"{args.spdk} has no build/examples/bdevperf: make -C {args.spdk} "
                 "examples/bdev/bdevperf")
    return args


def main():
    args = options()
    machine = against_spdk.machine_of_tests()
    try:
        if not machine.config():
            return 1
        status = measure(args)
    finally:
        machine.reset()
    left = machine.leftovers()
    for trace in left:
        print("left behind: " + trace)
    return status or (1 if left else 0)


if __name__ == "__main__":
    sys.exit(main())
