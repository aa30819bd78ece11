#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""Checks the protocol models here with spin: protocols.py [MODEL[/RUN] ...]

A model says in its first comment how it is run, a line a run:

    holds NAME: OPTIONS     spin must find nothing
    fails NAME: OPTIONS     a protection is taken out, and spin must find what it is for

OPTIONS are -D of the model and --ltl NAME (checked under weak fairness). What is found although nothing
should be is shown step by step.
"""
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
RUN = re.compile(r"^ \* (holds|fails) (\w+):(.*)$", re.M)


class Broken(Exception):
    """The model or the tools, not the protocol."""


def runs(model):
    with open(os.path.join(HERE, model + ".pml")) as file:
        text = file.read()
    return [(kind, name, options.split()) for kind, name, options in
            RUN.findall(text[:text.index("*/", text.index("*/") + 2)])]


def command(args, folder, limit=120):
    try:
        done = subprocess.run(args, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=limit, check=False)
    except FileNotFoundError:
        raise Broken(f"{args[0]} is not installed: run `make deps`") from None
    except subprocess.TimeoutExpired:
        raise Broken(f"{' '.join(args)}: no end after {limit} s") from None
    return done.returncode, done.stdout


def check(model, kind, options, folder):
    """Returns (what was found or "", states, the way to it)."""
    shutil.copy(os.path.join(HERE, model + ".pml"), folder)
    defines = [o for o in options if o.startswith("-D")]
    ltl = options[options.index("--ltl") + 1] if "--ltl" in options else None
    rc, out = command(["spin", *defines, "-a", model + ".pml"], folder)
    if rc or "rror" in out:
        raise Broken(f"{model}: spin: {out}")
    how = ["-DNFAIR=4"] if ltl else ["-DSAFETY"]
    rc, out = command(["gcc", "-O1" if kind == "holds" else "-O0", "-w", "-DCOLLAPSE", *how, "-o", "pan", "pan.c"], folder)
    if rc:
        raise Broken(f"{model}: gcc: {out}")
    depth = ["-m300000"]
    rc, out = command(["./pan", *depth, *(["-a", "-f", "-N", ltl] if ltl else [])], folder)
    states = re.search(r"(\d+) states, stored", out)
    errors = re.search(r"errors: (\d+)", out)
    if rc or not states or not errors or "max search depth too small" in out:
        raise Broken(f"{model}: pan: {out}")
    if int(errors.group(1)) == 0:
        if "Search not completed" in out:
            raise Broken(f"{model}: pan: {out}")
        return "", int(states.group(1)), ""
    found = re.search(r"^pan:\d+: (.*?) \(at depth", out, re.M).group(1)
    if re.search("array index|VECTORSZ|out of range", found):
        raise Broken(f"{model}: {found}")  # a fault of the model never counts as found
    _, way = command(["spin", *defines, "-t", "-p", "-g", *(["-N", ltl] if ltl else []),
                      model + ".pml"], folder)
    return found, int(states.group(1)), way


def one(job):
    model, kind, name, options = job
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="cal-model-") as folder:
        try:
            found, states, way = check(model, kind, options, folder)
        except Broken as why:
            return False, f"BROKEN   {model}/{name}", str(why)
    good = bool(found) == (kind == "fails")
    said = found or f"nothing found in {states} states"
    line = (f"{'ok      ' if good else 'FAILED  '} {model + '/' + name:<28} "
            f"{time.monotonic() - begin:5.2f} s  {said}")
    return good, line, way if found and kind == "holds" else ""


def main():
    models = sorted(f[:-4] for f in os.listdir(HERE) if f.endswith(".pml"))
    jobs = [(model, *run) for model in models for run in runs(model)
            if len(sys.argv) < 2 or {model, f"{model}/{run[1]}"} & set(sys.argv[1:])]
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for good, line, way in pool.map(one, jobs):
            bad += not good
            print(line, flush=True)
            if way:
                print("".join(f"    | {step}\n" for step in way.splitlines()[-400:]), end="")
    print(f"{len(jobs) - bad} as expected, {bad} not")
    return 1 if bad or not jobs else 0


if __name__ == "__main__":
    sys.exit(main())
