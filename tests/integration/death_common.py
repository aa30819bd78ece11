# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""What death_calls.py and death_instructions.py share: a primary with a client that calls all the time, and
tests/helpers/death beside it. Not a test (not executable)."""
import os
import re
import subprocess
import sys

import primary as p

HELPERS = os.path.join(os.environ.get("CAL_BUILD", "build"), "tests", "helpers")
# Of the median of all kills, and of each at the best of its tries. What the control pthread waits for a CPU is not
# counted (tests/helpers/death.c); the instance's folder is on a tmpfs, and all of it goes before other work.
LIMIT_US = (50 if os.environ.get("CAL_SAN") else 10) * 1000
TRIES = 6
ALL = "all" in sys.argv[1:]
INTERRUPT = "interrupt" in sys.argv[1:]
PARTS = [arg for arg in sys.argv[1:] if arg not in ("all", "interrupt")]  # default: all of them


class Deaths:
    def __init__(self, root, instance):
        self.root, self.instance = root, instance
        self.prim = root.start("--no-services", *(["--interrupt-mode"] if INTERRUPT else []), instance=instance)
        self.other = subprocess.Popen([os.path.join(HELPERS, "link_client"), str(instance), "calls"],
                                      env=root.env(), stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        root.at_end(self.close)
        p.check(self.other.stdout.readline() == "attached\n", "the other client does not attach")
        self.kills = 0

    def close(self):
        self.other.kill()
        self.other.communicate()

    def helper(self, *args):
        return os.path.join(HELPERS, args[0]), *args[1:]

    def death(self, options, program):
        done = subprocess.run([os.path.join(HELPERS, "death"), "-i", str(self.instance), "-p",
                               str(self.prim.pid), *map(str, options), "--", *program],
                              env=self.root.env(), stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=900, check=False)
        p.check(done.returncode in (0, 1) and not done.stderr, f"death: {done}")
        return done.stdout

    def steps(self, program, *options):
        """How many there are, and at which it is attached."""
        n, attached, _ = self.death(("-l", *options), program).split()
        return int(n), int(attached)

    def kill(self, what, program, *options):
        """Kill it at the steps; nothing stays, and nothing stays for long. Where it took longer than it
        may, the same step is tried again: what the code costs is there every time, what the machine's
        other work costs is not."""
        if PARTS and what not in PARTS:
            return
        times = {}
        out = self.death(options, program)
        p.check("stays" not in out, f"{what}: {out}")
        for step, _, took in re.findall(r"^(\d+) (\S+) (\d+)$", out, re.M):
            times[step] = int(took)
        p.check(times, f"{what}: it was never killed")
        median = sorted(times.values())[len(times) // 2]
        p.check(median <= LIMIT_US, f"{what}: after half of the kills it takes {median} us")
        again = [o for o in self.without_range(options)]
        for step in [s for s, took in times.items() if took > LIMIT_US]:
            tries = 1
            for _ in range(TRIES * 2):
                out = self.death((*again, "-f", step, "-t", step), program)
                p.check("stays" not in out, f"{what}: {out}")
                if out:  # this time it had as many steps
                    tries += 1
                    times[step] = min(times[step], int(out.split()[2]))
                if times[step] <= LIMIT_US or tries > TRIES:
                    break
            p.check(times[step] <= LIMIT_US or tries <= TRIES // 2, f"{what}: killed at step {step} "
                    f"everything is gone after {times[step]} us at the earliest of {tries} times")
        self.kills += len(times)
        ordered = sorted(times.values())
        print(f"  {what}: {len(times)} kills, everything gone after {ordered[len(times) // 2] / 1e3:.1f} ms "
              f"(median), {ordered[-1] / 1e3:.1f} (longest; tried again where over {LIMIT_US // 1000})", flush=True)

    @staticmethod
    def without_range(options):
        """The options that are not about which steps."""
        options = list(map(str, options))
        while options:
            if options[0] in ("-f", "-t", "-s"):
                options = options[2:]
            else:
                if options[0] in ("-S", "-w"):
                    yield options[0]
                    options = options[1:]
                yield options[0]
                options = options[1:]

    def run(self, *program, rc=0):
        done = subprocess.run(program, env=self.root.env(), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=30, check=False)
        p.check(done.returncode == rc, f"{program}: {done}")
        return done.stdout

    def traces(self):
        """What must be the same in the end: descriptors, memory, files."""
        status = self.run(os.path.join(p.BIN, "calctl"), "-i", str(self.instance), "--json", "status")
        with open(f"/proc/{self.prim.pid}/maps") as file:
            maps = sum("calandria-link" in line for line in file)
        return {"fds": len(os.listdir(f"/proc/{self.prim.pid}/fd")), "maps": maps,
                "heap": re.search(r'"heap_allocs": ?(\d+)', status).group(1),
                "files": sorted(os.path.join(folder, name) for folder, folders, names
                                in os.walk(self.root.run) for name in folders + names)}

    def same(self, before):
        try:
            p.wait_for(lambda: self.traces() == before, 2, "everything as before")
        except p.Failure:
            now = self.traces()
            raise p.Failure(f"not as before: {[(k, before[k], now[k]) for k in now if now[k] != before[k]]}")
        p.check(self.other.poll() is None, f"the other client ended: {self.other.returncode}")


def main(instance, case):
    for name in ("death", "death_client", "link_client"):
        p.check(os.path.exists(os.path.join(HELPERS, name)), f"{name} is not built")
    p.needs_hugepages(64)
    p.before_others()
    with p.Root(in_memory=True) as root:
        deaths = Deaths(root, instance)
        try:
            before = deaths.traces()
            case(deaths)
            deaths.same(before)
        except BaseException:
            print(deaths.prim.output()[-4000:])
            raise
        p.check(deaths.kills, f"nothing is called {PARTS}")
        print(f"{deaths.kills} kills, and nothing of them is left")
