#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""bench_runtime runs, and its counts add up, on two cores and on one; and what against_spdk.py says of
given samples."""
import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile

BUILD = os.path.abspath(os.environ.get("CAL_BUILD", "build"))
PROGRAM = os.path.join(BUILD, "tests", "bench", "bench_runtime")
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "bench"))
import against_spdk  # noqa: E402

ONE_CORE = {"floor_call", "floor_rdtsc", "floor_ring_hop", "event_own_1", "event_own_32", "msg_own_1",
            "msg_own_32", "msg_poll_1", "msg_poll_32", "poller_active", "poller_1us", "poller_1ms",
            "poller_1ms_turn", "turn_1ms", "turn_timed", "turn", "turn_empty"}
TWO_CORES = {"floor_ring_trip", "floor_ring_stream", "event_cross", "msg_trip", "msg_stream_1k",
             "msg_stream_32k"}
# Differences of two measurements: on a machine that does other things they may be anything.
DIFFERENCES = {"poller_1ms", "poller_1ms_turn", "turn_empty"}


def bench(cpus, *args):
    with tempfile.TemporaryDirectory(prefix="cal-bench-") as root:
        done = subprocess.run(
            ["taskset", "-c", ",".join(map(str, cpus)), PROGRAM, "--no-services", "--runs", "2",
             "--window-ms", "2", "--disable-cpumask-locks", *args],
            env=dict(os.environ, CALANDRIA_RUN_ROOT=root), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, timeout=100, check=False)
    assert done.returncode == 0, f"exit {done.returncode}: {done.stderr}"
    return done.stdout


def check_figures(figures, expected):
    assert set(figures) == expected, set(figures) ^ expected
    for name, figure in figures.items():
        assert len(figure["ns"]) == 2, name
        assert name in DIFFERENCES or min(figure["ns"]) > 0, (name, figure)
        assert ("before" in figure) == (name in TWO_CORES), name


def test_runs():
    cpus = sorted(os.sched_getaffinity(0))[:2]
    if len(cpus) > 1:
        check_figures(json.loads(bench(cpus, "--samples-json")), ONE_CORE | TWO_CORES)
    check_figures(json.loads(bench(cpus[:1], "--samples-json")), ONE_CORE)
    text = bench(cpus[:1], "--only", "event_own_32")
    assert "own-core event, depth 32" in text and "depth 1 " not in text, text
    assert "left out" in text, text


def side(factor, distances=((115, 115),)):
    """Samples of every bounded figure: `factor` ns, at each of these distances three times."""
    figures = {}
    for name in list(against_spdk.BOUNDS) + ["floor_call", "floor_rdtsc"]:
        ns = 1.0 if name.startswith("floor") else factor
        one = {"ns": [ns] * 3 * len(distances)}
        if name in ("msg_trip", "msg_stream_1k", "msg_stream_32k"):
            one["before"] = [before for before, _ in distances for _ in range(3)]
            one["after"] = [after for _, after in distances for _ in range(3)]
        figures[name] = {"what": name, "runs": [one]}
    return figures


def judged(ours, theirs):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        status = against_spdk.judge((ours, theirs))
    return status, out.getvalue()


def changed(figures, name, **what):
    figures[name]["runs"][0].update(what)
    return figures


def test_verdicts():
    assert judged(side(1.0), side(2.0))[0] == 0
    status, text = judged(side(1.0), side(1.9))
    assert status == 1 and "6 bounds missed" in text and text.count("MISSED") == 6, text
    # Each bound by itself.
    for name, bound in against_spdk.BOUNDS.items():
        ours = changed(side(1.0), name, ns=[2.0 / (bound * 0.9)] * 3)
        assert judged(ours, side(2.0))[0] == 1, name
        ours = changed(side(1.0), name, ns=[2.0 / (bound * 1.01)] * 3)
        assert judged(ours, side(2.0))[0] == 0, name
    # As fast as SPDK, but for noise, is no slower; 4 % are.
    assert judged(changed(side(1.0), "msg_trip", ns=[2.05] * 3), side(2.0))[0] == 0
    assert judged(changed(side(1.0), "msg_trip", ns=[2.1] * 3), side(2.0))[0] == 1


def test_distances():
    # Near and far are compared each with its like; what moved in between is dropped.
    mixed = ((115, 115), (115, 520), (520, 520))
    ours = changed(side(1.0, mixed), "msg_trip", ns=[1.0] * 3 + [99.0] * 3 + [5.0] * 3)
    theirs = changed(side(2.0, mixed), "msg_trip", ns=[2.0] * 3 + [1.0] * 3 + [6.0] * 3)
    assert judged(ours, theirs)[0] == 0
    theirs = changed(theirs, "msg_trip", ns=[2.0] * 3 + [99.0] * 3 + [4.0] * 3)
    status, text = judged(ours, theirs)
    assert status == 1 and text.count("MISSED") == 1 and "[far]" in text, text
    # No distance in common: nothing can be said.
    status, text = judged(side(1.0), side(2.0, ((520, 520),)))
    assert status == 2 and "never had their CPUs" in text, text
    # Another machine for either: the same.
    assert judged(changed(side(1.0), "floor_call", ns=[1.5] * 3), side(2.0))[0] == 2
    # One CPU.
    one, two = side(1.0), side(2.0)
    for name in ("msg_trip", "msg_stream_1k", "msg_stream_32k"):
        del one[name], two[name]
    assert judged(one, two)[0] == 2


def main():
    test_verdicts()
    test_distances()
    test_runs()
    return 0


if __name__ == "__main__":
    sys.exit(main())
