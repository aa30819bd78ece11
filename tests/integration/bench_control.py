#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""bench_control.py runs with short windows and has all figures; what it says of given samples."""
import contextlib
import importlib.util
import io
import json
import os
import subprocess
import sys
import tempfile

BUILD = os.path.abspath(os.environ.get("CAL_BUILD", "build"))
HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.join(os.path.dirname(HERE), "bench")
SCRIPT = os.path.join(FOLDER, "bench_control.py")
INSTANCE = 539
ROUNDS = 2

sys.path.insert(0, FOLDER)
spec = importlib.util.spec_from_file_location("control", SCRIPT)
control = importlib.util.module_from_spec(spec)
spec.loader.exec_module(control)

LOADS = [name for name, _, _ in control.LOADS]
IO = [figure for figure, _, _ in control.IO_FIGURES]


def test_runs():
    """A machine that has other things to do: only that every figure is there, and makes sense."""
    done = subprocess.run(
        [SCRIPT, "--build", BUILD, "--pairs", "1", "--rounds", str(ROUNDS), "--window-ms", "60",
         "--bdevs", "50", "--instance", str(INSTANCE), "--samples-json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"exit {done.returncode}: {done.stdout}{done.stderr}"
    samples = json.loads(done.stdout)["ours"]
    for name in LOADS:
        assert len(samples[f"ratio_{name}"]) == ROUNDS, name
        assert min(samples[f"ratio_{name}"]) > 0, name
        for figure in ("p50_us", "p99_us", "per_s", "bytes"):
            assert len(samples[f"{name}_{figure}"]) == ROUNDS, (name, figure)
            assert min(samples[f"{name}_{figure}"]) > 0, (name, figure)
    for name in [*LOADS, "none"]:
        windows = 1 + len(LOADS) * ROUNDS if name == "none" else ROUNDS
        for figure in IO:
            assert len(samples[f"io_{name}_{figure}"]) == windows, (name, figure)
            assert min(samples[f"io_{name}_{figure}"]) > 0, (name, figure)
        for low, high in (("p50", "p99"), ("p99", "p99_9"), ("p99_9", "max")):
            for a, b in zip(samples[f"io_{name}_{low}"], samples[f"io_{name}_{high}"]):
                assert a <= b, (name, low, a, high, b)
    assert min(samples["bdevs_1_bytes"]) > 50 * 500, samples["bdevs_1_bytes"]
    assert 0 < samples["load_s"][0] < 30, samples["load_s"]
    assert samples["floor_p50_us"][0] > 0
    for window in samples["stretch_busy"]:
        assert window["calls"] > 0 and window["max_ns"] > 0 and window["gaps"], window
    # A primary that is gone is a failure, not a figure.
    done = subprocess.run(
        [SCRIPT, "--build", "/nonexistent", "--pairs", "1", "--rounds", "1", "--instance",
         str(INSTANCE)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60,
        check=False)
    assert done.returncode == 1, (done.returncode, done.stdout, done.stderr)


def good():
    """Samples that meet every bound, just."""
    samples = {"load_s": [0.9] * 3, "stolen_ms": [0.0] * 3, "floor_p50_us": [8.0],
               "floor_p99_us": [9.0]}
    for name in LOADS:
        samples[f"ratio_{name}"] = [1.2, 1.0, 9.0]  # the median counts
        samples.update({f"{name}_{figure}": [80.0] * 3 for figure in ("p50_us", "p99_us", "bytes")})
        samples[f"{name}_per_s"] = [20000.0] * 3
    for name in [*LOADS, "none"]:
        samples.update({f"io_{name}_{figure}": [10.0] * 3 for figure in IO})
    # The machine makes long gaps, too: what is exceeded 25 times a second is 12 us and 22 us.
    gaps = {"max_ns": 3000000, "seconds": 1.0, "long_gaps": 5}
    samples["stretch_idle"] = [dict(gaps, calls=0, gaps=[[12000, 30], [3000000, 20]])] * 3
    samples["stretch_busy"] = [dict(gaps, calls=100,
                                    gaps=[[9000, 9999], [22000, 6], [3000000, 20]])] * 3
    return samples


def judged(ours, spdk=None):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        status = control.judge(ours, spdk or {})
    return status, out.getvalue()


def test_verdicts():
    status, text = judged(good())
    assert status == 0 and "every bound is met" in text and "MISSED" not in text, text
    status, text = judged(good(), good())
    assert status == 0 and "  1.00" in text, text
    wrong = [("version_1_p50_us", [81.0] * 3), ("version_8_per_s", [19999.0] * 3),
             ("load_s", [1.0] * 3)]
    wrong += [(f"ratio_{name}", [1.21, 1.21, 1.0]) for name in LOADS]
    wrong += [("stretch_busy", [dict(one, gaps=[[9000, 9999], [22100, 6], [3000000, 20]])
                                for one in good()["stretch_busy"]])]
    for name, values in wrong:
        status, text = judged(dict(good(), **{name: values}))
        assert status == 1 and text.count("MISSED") == 1 and "1 bounds missed" in text, (name, text)
        missing = good()
        del missing[name]
        status, text = judged(missing)
        assert status == 2 and text.count("not seen") == 1, (name, text)
    # What I/O suffers where it suffers without RPC, too, nobody can say; the rest can be seen.
    disturbed = dict(good(), io_none_p99_9=[10.0, 10.0, 41.0])
    assert judged(disturbed)[0] == 0
    for name, values in wrong:
        status, text = judged(dict(disturbed, **{name: values}))
        of_io = name.startswith(("ratio", "stretch"))
        assert status == (2 if of_io else 1) and "not calm" in text, (name, text)
    # A miss weighs more than what could not be seen.
    both = dict(good(), load_s=[2.0])
    del both["ratio_bdevs_1"]
    assert judged(both)[0] == 1


def test_answers_are_looked_at():
    path = os.path.join(tempfile.gettempdir(), f"cal-bench-answer-{os.getpid()}")
    for content, right in ((json.dumps({"result": [{"name": str(i)} for i in range(9)]}), True),
                           (json.dumps({"result": [{"name": str(i)} for i in range(8)]}), False),
                           (json.dumps({"result": [{"name": "0"}] * 9}), False),
                           ('{"result":[', False)):
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)
        try:
            control.check_bdevs(path, 9)
            assert right, content
        except (control.Failed, ValueError):
            assert not right, content
        finally:
            os.unlink(path)


def main():
    test_verdicts()
    test_answers_are_looked_at()
    test_runs()
    return 0


if __name__ == "__main__":
    sys.exit(main())
