#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""The environment's start and end on real hugepages: it takes what it is told and no more, leaves
nothing, says in one sentence what is wrong."""
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile

BUILD = os.environ.get("CAL_BUILD", "build")
PRIMARY = os.path.join(BUILD, "tests/helpers/env_primary")
INSTANCE = 114
START_LIMIT_MS = 400.0  # the aim of the whole primary; this is its environment alone

failures = []


def check(ok, what):
    print(("ok      " if ok else "FAILED  ") + what, flush=True)
    if not ok:
        failures.append(what)


class Primary:
    def __init__(self, *args):
        self.proc = subprocess.Popen([PRIMARY, "-i", str(INSTANCE), *args], text=True, bufsize=1,
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE)
        self.line = self.proc.stdout.readline().strip()
        self.ready = self.line.startswith("ready")

    def ask(self, command):
        self.proc.stdin.write(command + "\n")
        return self.proc.stdout.readline().strip()

    def hugepages_kb(self):
        with open(f"/proc/{self.proc.pid}/status") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("HugetlbPages"))

    def end(self, kill=False):
        if kill:
            self.proc.kill()
        _, self.err = self.proc.communicate(timeout=20)
        return self.proc.returncode


def says(args, sentence, code=1):
    """The start fails with this in one line."""
    primary = Primary(*args)
    status = primary.end()
    lines = [l for l in primary.err.splitlines() if l]
    check(status == code and not primary.ready and len(lines) == 1 and sentence in lines[0],
          f"{' '.join(args)}: {lines}")


def huge_files(folder):
    return sorted(os.listdir(folder))


def start_and_end(root, huge):
    times = []
    for _ in range(5):
        primary = Primary("-s", "256", "--huge-dir", huge)
        check(primary.ready, f"start: {primary.line}")
        times.append(float(primary.line.split()[1]))
        taken = primary.hugepages_kb()
        check(taken == 256 * 1024, f"-s 256 takes {taken} KB of hugepages")
        check(huge_files(huge) == [], "none of their files stays in the folder")
        check(primary.end() == 0, "ends")
        check(not os.path.exists(os.path.join(root, str(INSTANCE))), "and removes its files")
    times.sort()
    check(times[2] <= START_LIMIT_MS, f"the environment starts in {times[2]:.1f} ms (median)")

    primary = Primary("-s", "33", "--huge-dir", huge)
    check(primary.hugepages_kb() == 34 * 1024, "an odd megabyte is rounded up to a page")
    answer = primary.ask("alloc 40")
    check(answer.startswith("failed"), f"more than that is not to be had: {answer} ms")
    check(primary.ask("alloc 30").startswith("ok"), "less is")
    check(primary.hugepages_kb() == 34 * 1024, "and the heap has not changed")
    primary.end(kill=True)
    check(huge_files(huge) == [], "kill -9 leaves no hugepage file")
    again = Primary("-s", "34", "--huge-dir", huge)
    check(again.ready, "a second start over the dead one's files")
    again.end()


def second_of_the_same_id(huge):
    # Who writes a template holds the instance's lock; this one has but EAL's, on a file that is there.
    first = Primary("-s", "32", "--huge-dir", huge, "--no-template")
    second = Primary("-s", "32", "--huge-dir", huge)
    check(not second.ready and second.end() == 1, "a second one of the same id is refused")
    check("DPDK's EAL did not start" in second.err, f"says why: {second.err.splitlines()[-1]}")
    check(first.ask("alloc 16").startswith("ok"), "the first one goes on")
    check(first.end() == 0, "and ends")


def bad_input(huge):
    cores = os.cpu_count()
    base = ["-s", "32", "--huge-dir", huge]
    says([*base, "-m", f"[{cores + 300}]"], f"core {cores + 300} does not exist")
    says([*base, "-m", "junk"], "cannot be read")
    says([*base, "-m", "0x1", "-p", "7"], "main core 7 is not one of the given cores")
    says([*base, "--iova", "x"], '"pa" or "va"')
    says(["-s", "33554432", "--huge-dir", huge], "33554432 MB are wanted (-s) but only")
    says(["-s", "32", "--huge-dir", "/proc"], "/proc is not on a mounted hugetlbfs")
    lock = os.open(huge, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    says(base, f"{huge} has been locked for 5 s by process {os.getpid()} (")
    os.close(lock)


def main():
    if os.geteuid() != 0:
        print("needs root: it mounts a hugetlbfs of its own")
        return 77
    if os.environ.get("CAL_ENV_START_INSIDE") != "1":
        os.environ["CAL_ENV_START_INSIDE"] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable,
                              os.path.abspath(__file__)])
    with open("/proc/meminfo") as f:
        free = next(int(line.split()[1]) for line in f if line.startswith("HugePages_Free"))
    if free < 160:
        print(f"needs 320 MB of hugepages, {free} pages are free")
        return 77
    root = tempfile.mkdtemp(prefix="cal-env-")
    huge = os.path.join(root, "huge")
    os.mkdir(huge)
    os.environ["CALANDRIA_RUN_ROOT"] = root
    try:
        subprocess.run(["mount", "-t", "hugetlbfs", "-o", "pagesize=2M", "none", huge], check=True)
        start_and_end(root, huge)
        second_of_the_same_id(huge)
        bad_input(huge)
        subprocess.run(["umount", "-a", "-t", "hugetlbfs"], check=False)
        says(["-s", "32"], "no hugetlbfs is mounted: run `scripts/setup.sh config`")
        primary = Primary("-s", "64", "--no-huge")
        check(primary.ready and primary.hugepages_kb() == 0, "--no-huge starts without hugepages")
        primary.end()
    finally:
        subprocess.run(["umount", "-l", huge], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(root, ignore_errors=True)
    print(f"{len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
