# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""What hostile.py and slow_clients.py share: well-behaved clients and I/O beside hostile ones, and what of
the primary's must be the same after as before. Not a test (not executable)."""
import json
import os
import re
import subprocess
import time

import primary as p

HELPERS = os.path.join(os.environ.get("CAL_BUILD", "build"), "tests", "helpers")
CALCTL = os.path.join(p.BIN, "calctl")
SANITIZED = bool(os.environ.get("CAL_SAN"))
# Memory that a primary may have more after: malloc() keeps what it gave back. Under AddressSanitizer what
# was freed stays for a while.
RSS_SLACK_KB = 1 << 20 if SANITIZED else 1024


def status_kb(prim, key):
    with open(f"/proc/{prim.pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith(key + ":"))


def ctl(root, prim, *args):
    done = subprocess.run([CALCTL, "-i", str(prim.instance), "--json", *args], env=root.env(), text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    p.check(done.returncode == 0, f"calctl {args}: {done}")
    return json.loads(done.stdout)


class Watch:
    """What must be the same before and after."""

    def __init__(self, root, prim):
        self.root, self.prim = root, prim
        self.now = self.look()
        self.rss = status_kb(prim, "VmRSS")

    def look(self):
        proc = f"/proc/{self.prim.pid}"
        fds = []
        for number in os.listdir(proc + "/fd"):
            try:
                fds.append(re.sub(r"\d+", "N", os.readlink(f"{proc}/fd/{number}")))
            except FileNotFoundError:
                pass
        threads = []
        for task in os.listdir(proc + "/task"):
            try:
                with open(f"{proc}/task/{task}/comm") as f:
                    threads.append(f.read().strip())
            except FileNotFoundError:
                pass
        files = {}
        for folder, folders, names in os.walk(self.prim.folder()):
            for name in folders + names:
                path = os.path.join(folder, name)
                if "/log/" not in path:
                    files[path] = oct(os.lstat(path).st_mode)
        with open(proc + "/maps") as f:
            mapped = sum("calandria-link" in line for line in f)
        return {"descriptors": sorted(fds), "threads": sorted(threads), "files": files,
                "mapped links": mapped, "hugepages": self.prim.hugepage_kb(),
                "allocations": self.allocs()}

    def allocs(self):
        out = subprocess.run([CALCTL, "-i", str(self.prim.instance), "--json", "status"],
                             env=self.root.env(), capture_output=True, text=True, check=True)
        return json.loads(out.stdout)["memory"]["heap_allocs"]

    def check(self, what):
        end = time.monotonic() + 3
        while True:
            try:
                now = self.look()
            except FileNotFoundError:  # a folder went while we looked
                continue
            differ = [key for key in now if now[key] != self.now[key]]
            if not differ or time.monotonic() > end:
                break
            time.sleep(0.02)
        p.check(not differ, f"{what}: not as before: " + "; ".join(
            f"{key}: {self.now[key]} then {now[key]}" for key in differ))
        p.check(self.prim.proc.poll() is None, f"{what}: the primary ended")
        grown = status_kb(self.prim, "VmRSS") - self.rss
        p.check(grown <= RSS_SLACK_KB, f"{what}: the primary has {grown} kB more than before")
        return grown


class Procs:
    """Helpers, ended with the test."""

    def __init__(self, root, instance):
        self.root, self.instance, self.procs = root, instance, []
        root.at_end(self.close)

    def start(self, program, *args, wrap=()):
        proc = subprocess.Popen([*wrap, os.path.join(HELPERS, program), str(self.instance), *map(str, args)],
                                env=self.root.env(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)
        self.procs.append(proc)
        return proc

    def run(self, program, *args, timeout=60, status=0):
        """Its lines of JSON."""
        proc = self.start(program, *args)
        out, err = proc.communicate(timeout=timeout)
        p.check(proc.returncode == status, f"{program} {args} ended with {proc.returncode}: {out}{err}")
        return [json.loads(line) for line in out.splitlines() if line.startswith("{")]

    def witness(self, seconds, *args, wrap=()):
        proc = self.start("hostile_witness", seconds, *args, wrap=wrap)
        line = proc.stdout.readline()
        p.check(line == "attached\n", f"a well-behaved client does not attach: {line}")
        return proc

    def close(self):
        for proc in self.procs:
            proc.kill()
            proc.wait()
            proc.stdout.close()
            proc.stderr.close()


def verdict(proc, what, timeout=60):
    """What a witness has seen: every answer came and was right."""
    out, err = proc.communicate(timeout=timeout)
    p.check(proc.returncode == 0, f"{what}: a well-behaved client ended with {proc.returncode}: {out}{err}")
    report = json.loads(out.splitlines()[-1])
    p.check(report["calls"] > 0 and report["wrong"] == 0, f"{what}: wrong answers: {report}")
    return report


class VerifiedIo:
    """calctl perf --verify on a bdev, until it is asked for its report."""

    def __init__(self, root, prim, bdev):
        self.proc = subprocess.Popen([CALCTL, "-i", str(prim.instance), "--json", "perf", bdev, "-w",
                                      "randrw", "-q", "4", "-o", "4k", "-t", "600", "--verify"],
                                     env=root.env(), text=True, stdin=subprocess.DEVNULL,
                                     stdout=subprocess.PIPE)
        root.at_end(lambda: (self.proc.kill(), self.proc.wait()))
        p.wait_for(lambda: any("perf" in t["name"] for r in ctl(root, prim, "rpc", "framework_get_reactors")
                               ["reactors"] for t in r["lw_threads"]), 5, "the I/O has begun")

    def report(self):
        self.proc.send_signal(2)
        out, _ = self.proc.communicate(timeout=20)
        p.check(out, f"calctl perf ended with {self.proc.returncode} and no report")
        report = json.loads(out)
        p.check(report["errors"] == 0 and report["verify"]["mismatches"] == 0 and
                report["verify"]["checked"] > 1000, f"I/O meanwhile: {report}")
        return report
