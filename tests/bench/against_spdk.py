#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""Runs bench_runtime, with --spdk DIR against SPDK: the same source, built with the libraries of a
built SPDK tree, in turn with ours, a process a run. Takes what the machine must have before, gives it
back after.

Exit 0: it ran, and every bound is met; 1: a bound is missed, or a run failed; 2: nothing to compare.

Figures of two cores depend on where the host has put the two CPUs, which changes while this runs. So
each sample is sorted by the time of a bare cache line there and back, taken around it, and only
samples of like distance are compared; those that were near before and far after are dropped.
"""
import argparse
import glob
import importlib.machinery
import importlib.util
import json
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.join(HERE, "bench_runtime.c")
# How many times SPDK's cost ours may have at most: figure, factor. (What spdk_thread_poll() costs when it
# is called without the time is shown, not judged: nearly all of it is the two readings of the clock.)
BOUNDS = {
    "event_own_1": 2, "event_own_32": 2,
    "msg_own_1": 1.5, "msg_own_32": 1.5,
    "msg_trip": 1, "msg_stream_1k": 2, "msg_stream_32k": 2,
    "poller_active": 1, "poller_1us": 2, "poller_1ms": 2,
}
# "No slower" cannot be told from "as fast" more exactly than two runs of one program agree.
NOISE = 0.03
# A bare cache line there and back, up to so many ns: CPUs that share a core, a cache, or neither.
DISTANCES = [(85, "one core"), (250, "near"), (float("inf"), "far")]
ENOUGH = 3  # samples of a distance, of either side
LIMIT_S = 120


def machine_of_tests():
    """tests/run knows how to take what a primary needs and how to see what was left."""
    path = os.path.join(os.path.dirname(HERE), "run")
    loader = importlib.machinery.SourceFileLoader("tests_run", path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("tests_run", loader))
    loader.exec_module(module)
    return module.Machine()


def pkg_config(spdk, *args):
    path = os.path.join(spdk, "build", "lib", "pkgconfig")
    done = subprocess.run(["pkg-config", *args], text=True, capture_output=True, check=False,
                          env=dict(os.environ, PKG_CONFIG_PATH=path))
    if done.returncode:
        sys.exit(f"against_spdk.py: {spdk} is no built SPDK tree: {done.stderr.strip()}")
    return shlex.split(done.stdout)


def present(flags):
    """SPDK names DPDK libraries that older releases do not have: leave those out."""
    dirs = [flag[2:] for flag in flags if flag.startswith("-L")]
    return [flag for flag in flags if not flag.startswith("-lrte_") or
            any(glob.glob(f"{folder}/lib{flag[2:]}.*") for folder in dirs)]


def dpdk_includes(spdk, folders):
    """The headers that belong to the DPDK that SPDK was built with."""
    for folder in folders:
        for below in ("include", "include/dpdk"):
            path = os.path.join(os.path.dirname(folder), below)
            if os.path.exists(os.path.join(path, "rte_ring.h")):
                return ["-I", path]
    return pkg_config(spdk, "--cflags-only-I", "libdpdk")


def build_with_spdk(spdk, out):
    """As SPDK's own applications are built: -O2, for this CPU, its archives whole."""
    libs = present(pkg_config(spdk, "--libs", "spdk_event", "spdk_env_dpdk"))
    folders = [flag[2:] for flag in libs if flag.startswith("-L")]
    command = [
        *os.environ.get("CC", "gcc").split(), "-std=gnu11", "-O2", "-g", "-D_GNU_SOURCE", "-march=native",
        "-fno-strict-aliasing", "-fno-omit-frame-pointer", "-fPIC", "-pthread",
        "-include", "rte_config.h", "-I", os.path.join(spdk, "include"),
        *dpdk_includes(spdk, folders), SOURCE, "-o", out,
        *["-L" + folder for folder in folders], *["-Wl,-rpath," + folder for folder in folders],
        "-Wl,--no-as-needed,--whole-archive", *[flag for flag in libs if flag.startswith("-l")],
        "-Wl,--no-whole-archive,--as-needed",
        "-lnuma", "-lbsd", "-luuid", "-lssl", "-lcrypto", "-ldl", "-lm", "-lrt"]
    os.makedirs(os.path.dirname(out), exist_ok=True)
    if subprocess.run(command, check=False).returncode:
        sys.exit("against_spdk.py: bench_runtime cannot be built with SPDK: " + shlex.join(command))


def run(program, args, extra, stdout=subprocess.PIPE):
    """Its standard output, or None when it failed; its log only then."""
    command = [*shlex.split(args.wrap), program, "-i", str(args.instance), *extra, *args.rest]
    with tempfile.TemporaryDirectory(prefix="cal-bench-") as root:
        try:
            done = subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True,
                                  check=False, timeout=LIMIT_S, stdin=subprocess.DEVNULL,
                                  env=dict(os.environ, CALANDRIA_RUN_ROOT=root))
        except subprocess.TimeoutExpired:
            print(f"{program}: no end after {LIMIT_S} s: killed")
            return None
    if done.returncode:
        print(f"{shlex.join(command)}: exit {done.returncode}\n{done.stderr}")
        return None
    return done.stdout or ""


def run_pairs(ours, theirs, args):
    """The samples of all runs, figure by figure, of either side."""
    sides = ({}, {})
    programs = [(0, ours, ["--no-services"]), (1, theirs, ["--iova-mode", "va"])]
    for pair in range(args.pairs):
        # Who is first changes, so that neither gains by what drifts.
        for side, program, extra in programs[::-1] if pair % 2 else programs:
            out = run(program, args, [*extra, "--samples-json"])
            if out is None:
                return None
            for name, figure in json.loads(out).items():
                samples = sides[side].setdefault(name, {"what": figure["what"], "runs": []})
                samples["runs"].append(figure)
        print(f"pair {pair + 1} of {args.pairs}", file=sys.stderr, flush=True)
    return sides


def distance(line):
    return next(name for limit, name in DISTANCES if line <= limit)


def classes(figure):
    """{distance: [one median a run, ...]}; the distance of what needs one core is ""."""
    found = {}
    for one in figure["runs"]:
        sorted_out = {}
        if "before" not in one:
            sorted_out[""] = one["ns"]
        else:
            for ns, before, after in zip(one["ns"], one["before"], one["after"]):
                if distance(before) == distance(after):
                    sorted_out.setdefault(distance(before), []).append((ns, before))
        for name, samples in sorted_out.items():
            found.setdefault(name, []).extend(samples if name else [statistics.median(samples)])
    return found


def verdict(name, ratio):
    """What a figure's bound says of it: (met or no bound, text)."""
    bound = BOUNDS.get(name)
    if bound is None:
        return True, ""
    met = ratio >= (bound if bound != 1 else 1 - NOISE)
    return met, f"{'met' if met else 'MISSED':<7} {f'{bound} x' if bound != 1 else 'no slower'}"


def spread(values):
    return f"{statistics.median(values):9.1f} {min(values):9.1f} {max(values):9.1f}"


def compare(sides):
    """Print it side by side. The number of bounds that were missed, and of those nothing can be said
    of."""
    missed = unknown = 0
    print(f"{'ns':<52}{'ours':>9} {'min':>9} {'max':>9}  {'SPDK':>9} {'min':>9} {'max':>9}  ratio")
    for name, ours in sides[0].items():
        mine, other = classes(ours), classes(sides[1][name])
        compared = 0
        for place in mine:
            if place and min(len(mine[place]), len(other.get(place, []))) < ENOUGH:
                continue
            a, b = mine[place], other[place]
            line = ""
            if place:
                line = "  line " + " / ".join(
                    f"{statistics.median(floor for _, floor in side):.0f}" for side in (a, b))
                a, b = [ns for ns, _ in a], [ns for ns, _ in b]
            ratio = statistics.median(b) / statistics.median(a)
            met, text = verdict(name, ratio)
            missed += not met
            compared += 1
            label = ours["what"] + (f" [{place}]" if place else "")
            print(f"{label:<52}{spread(a)}  {spread(b)}  {ratio:5.2f}  {text}{line}")
        if not compared:
            print(f"{ours['what']:<52}the two sides never had their CPUs at the same distance")
            unknown += name in BOUNDS
    return missed, unknown


def judge(sides):
    missed, unknown = compare(sides)
    gone = sorted(set(BOUNDS) - set(sides[0]))
    if gone:
        print("not measured (one CPU, or --only): " + " ".join(gone))
    for name in {"floor_call", "floor_rdtsc"} & set(sides[0]):
        ours, theirs = (statistics.median(classes(side[name])[""]) for side in sides)
        if not 0.8 < theirs / ours < 1.25:
            print(f"the machine itself was not the same for both ({name} {ours:.1f} and "
                  f"{theirs:.1f} ns): run it again when nothing else runs")
            unknown += 1
    if missed:
        print(f"{missed} bounds missed")
        return 1
    if unknown or gone:
        print("not every bound could be looked at")
        return 2
    print("every bound is met")
    return 0


def measure(args):
    ours = os.path.join(args.build, "tests", "bench", "bench_runtime")
    if not args.spdk:
        return 0 if run(ours, args, ["--no-services"], stdout=None) is not None else 1
    theirs = ours + ".spdk"
    build_with_spdk(args.spdk, theirs)
    # DPDK leaves its folder behind.
    folder = f"/var/run/dpdk/spdk{args.instance}"
    mine = not os.path.exists(folder)
    try:
        sides = run_pairs(ours, theirs, args)
    finally:
        if mine:
            shutil.rmtree(folder, ignore_errors=True)
    return judge(sides) if sides else 1


def main():
    ap = argparse.ArgumentParser(description=__doc__,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--spdk", default="", help="a built SPDK tree; without it ours alone is run")
    ap.add_argument("--build", default="build", help="our build folder")
    ap.add_argument("--pairs", type=int, default=5, help="runs of each side")
    ap.add_argument("--wrap", default="",
                    help="a program to run each side under: 'chrt -f 10' on a machine that is busy")
    ap.add_argument("--instance", type=int, default=190, help="instance id of both sides")
    ap.add_argument("rest", nargs="*", help="options for both sides, after --")
    args = ap.parse_args()
    if args.pairs < 1:
        ap.error("--pairs is 1 or more")
    machine = machine_of_tests()
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
