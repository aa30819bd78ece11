#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""What plain DPDK secondaries do to their primary, and that ours do not.

Each hazard of core/env/README.md is tried twice: with a secondary that attaches over the empty
snapshot, where nothing may happen, and with one that attaches as DPDK does by itself, where the
harm must be seen. The second half proves that the first would notice.

CAL_HAZARD_KILLS (150) and CAL_HAZARD_PLAIN_KILLS (40) make it a longer run; CAL_HAZARD_SEED
repeats one."""
import fcntl
import hashlib
import os
import random
import select
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

BUILD = os.environ.get("CAL_BUILD", "build")
PRIMARY = os.path.join(BUILD, "tests/helpers/env_primary")
ATTACH = os.path.join(BUILD, "tests/helpers/env_attach")
KILLS = int(os.environ.get("CAL_HAZARD_KILLS", "150"))
PLAIN_KILLS = int(os.environ.get("CAL_HAZARD_PLAIN_KILLS", "40"))
SEED = int(os.environ.get("CAL_HAZARD_SEED", str(random.randrange(1 << 32))))
INSTANCE = 111
MEDIAN_LIMIT_MS = 100.0  # the aim is 30; this machine may be busy
HANG_S = 1.5             # what takes longer than this hangs
ANSWER_S = 20.0

failures = []


def check(ok, what):
    print(("ok      " if ok else "FAILED  ") + what, flush=True)
    if not ok:
        failures.append(what)


def read_line(proc, timeout):
    """One line of its stdout, None when it takes too long, "" at the end."""
    if not select.select([proc.stdout], [], [], timeout)[0]:
        return None
    return proc.stdout.readline().strip()


class Program:
    def __init__(self, argv, env, cpus=None):
        self.proc = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE, text=True, bufsize=1, env=env,
                                     preexec_fn=cpus and (lambda: os.sched_setaffinity(0, cpus)))

    def end(self, sig=None):
        """Its exit status. Without a signal it is asked to end by the end of its stdin."""
        if sig is not None:
            self.proc.send_signal(sig)
        try:
            self.proc.communicate(timeout=ANSWER_S)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.communicate()
        return self.proc.returncode


class Primary(Program):
    def __init__(self, place, plain, megabytes):
        self.dir = os.path.join(place.root, str(INSTANCE))
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir, mode=0o700)
        for name in os.listdir(place.huge):
            os.unlink(os.path.join(place.huge, name))
        argv = [PRIMARY, "-i", str(INSTANCE), "-s", str(megabytes), "--huge-dir", place.huge]
        super().__init__(argv + (["--plain"] if plain else []), place.env)
        line = read_line(self.proc, ANSWER_S)
        if not line or not line.startswith("ready"):
            self.proc.kill()
            sys.exit(f"the primary did not start: {line} {self.proc.stderr.read()}")
        self.start_ms = float(line.split()[1])

    def ask(self, command, timeout=ANSWER_S):
        """Its answer, or None when it hangs. After that nothing more can be asked."""
        self.proc.stdin.write(command + "\n")
        return read_line(self.proc, timeout)

    def files(self):
        """Every file of the instance, with a hash of what is in it."""
        found = {}
        for folder, _, names in os.walk(self.dir):
            for name in names:
                path = os.path.join(folder, name)
                if os.path.isfile(path):
                    with open(path, "rb") as f:
                        found[path] = hashlib.sha1(f.read()).hexdigest()
                else:
                    found[path] = "socket"
        return found


class Secondary(Program):
    """Ours has a private folder, as the gate would give it one, and remove it."""
    count = 0

    def __init__(self, place, primary, plain, cpus=None):
        Secondary.count += 1
        self.private = os.path.join(place.root, "link", str(Secondary.count))
        self.begin = time.monotonic()
        if plain:
            super().__init__([ATTACH, "--plain", primary.dir], place.env)
        else:
            os.makedirs(self.private, mode=0o700)
            super().__init__([ATTACH, os.path.join(primary.dir, "template"), self.private],
                             place.env, cpus)

    def attached_ms(self, timeout=ANSWER_S):
        """How long its attach took, None when it hangs."""
        line = read_line(self.proc, timeout)
        self.wall = time.monotonic() - self.begin
        if line is None:
            return None
        if not line.startswith("attached"):
            return float("inf")
        return float(line.split()[1])

    def end(self, sig=None):
        status = super().end(sig)
        shutil.rmtree(self.private, ignore_errors=True)
        return status

    def hugepages_kb(self):
        with open(f"/proc/{self.proc.pid}/status") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("HugetlbPages"))

    def threads(self):
        return [int(tid) for tid in os.listdir(f"/proc/{self.proc.pid}/task")]

    def inheritable(self):
        """Its descriptors beyond the standard ones that a program which it starts would get."""
        found = []
        for fd in os.listdir(f"/proc/{self.proc.pid}/fdinfo"):
            with open(f"/proc/{self.proc.pid}/fdinfo/{fd}") as f:
                flags = next(int(line.split()[1], 8) for line in f if line.startswith("flags"))
            if int(fd) > 2 and not flags & os.O_CLOEXEC:
                found.append(os.readlink(f"/proc/{self.proc.pid}/fd/{fd}"))
        return found


class Place:
    """A run root and a hugetlbfs of our own, in a mount namespace of our own: whoever else uses
    hugepages on this machine is not in our way, and nothing stays behind."""

    def __init__(self):
        self.root = tempfile.mkdtemp(prefix="cal-hazards-")
        self.huge = os.path.join(self.root, "huge")
        os.mkdir(self.huge)
        subprocess.run(["mount", "-t", "hugetlbfs", "none", self.huge], check=True)
        self.env = dict(os.environ, CALANDRIA_RUN_ROOT=self.root)

    def remove(self):
        subprocess.run(["umount", "-l", self.huge], check=False)
        shutil.rmtree(self.root, ignore_errors=True)


def kill_while_attaching(place, primary, plain, kills, rng):
    """Kill at random instants of the attach. Returns how many had not got to its end yet, and how
    many attaches hung in between."""
    probe = Secondary(place, primary, plain)
    probe.attached_ms()
    span = probe.wall
    probe.end()
    before_end = 0
    for _ in range(kills):
        victim = Secondary(place, primary, plain)
        time.sleep(rng.uniform(0, span * 1.1))
        victim.proc.kill()
        out, _ = victim.proc.communicate()
        before_end += "attached" not in out
        shutil.rmtree(victim.private, ignore_errors=True)
    return before_end


def try_ours(place, rng):
    primary = Primary(place, False, 256)
    heap, files = primary.ask("heap"), primary.files()
    print(f"        start of the environment {primary.start_ms:.1f} ms", flush=True)

    before_end = kill_while_attaching(place, primary, False, KILLS, rng)
    check(before_end >= KILLS // 4, f"{KILLS} killed, {before_end} of them before the attach's end")
    times = []
    for _ in range(21):
        secondary = Secondary(place, primary, False)
        times.append(secondary.attached_ms())
        secondary.end()
    check(None not in times, "attaches after the kills do not hang")
    median = statistics.median(t if t is not None else float("inf") for t in times)
    check(median <= MEDIAN_LIMIT_MS,
          f"attach takes {median:.1f} ms (median of {len(times)}, aim 30, limit {MEDIAN_LIMIT_MS:.0f})")

    last_cpu = {max(os.sched_getaffinity(0))}
    held = Secondary(place, primary, False, last_cpu)
    check(held.attached_ms() is not None, "a secondary stays attached")
    strays = [t for t in held.threads() if os.sched_getaffinity(t) != last_cpu]
    check(strays == [], f"none of its {len(held.threads())} threads leaves the CPU that it was given")
    check(held.inheritable() == [], f"all of its descriptors are close-on-exec: {held.inheritable()}")
    check(os.listdir(held.private) == [], "its private copy is removed already")
    check(held.hugepages_kb() == 0, "it maps no hugepage of the primary's")
    check(primary.files() == files, "files are as before while it is attached")
    held.proc.send_signal(signal.SIGSTOP)
    answer = primary.ask("alloc 100")
    check(answer is not None and answer.startswith("ok") and float(answer.split()[1]) < 500,
          f"with it stopped the primary allocates 100 MB: {answer} ms")
    halfway = []
    for _ in range(5):
        halfway.append(Secondary(place, primary, False))
        time.sleep(rng.uniform(0, held.wall))
        halfway[-1].proc.send_signal(signal.SIGSTOP)
    late = Secondary(place, primary, False)
    check(late.attached_ms(ANSWER_S) is not None, "nor do five that are stopped halfway hold up an attach")
    for secondary in halfway + [late, held]:
        secondary.end(signal.SIGKILL)

    with Lock(place.huge):
        locked = Secondary(place, primary, False)
        check(locked.attached_ms() is not None, "the hugepage folder's lock, held, blocks no attach")
        locked.end()

    check(primary.ask("heap") == heap, f"the primary's heap is as before: {heap}")
    check(primary.files() == files, "and so are its files")
    check(os.listdir(place.huge) == [], "no hugepage file is in the folder")
    primary.end(signal.SIGKILL)
    orphan = Secondary(place, primary, False)
    check(orphan.attached_ms() is not None, "a template whose primary is dead hangs nobody")
    check(orphan.hugepages_kb() == 0, "and keeps nothing of its memory")
    orphan.end()
    shutil.rmtree(os.path.join(primary.dir, "template"))
    orphan = Secondary(place, primary, False)
    line = read_line(orphan.proc, ANSWER_S)
    error = orphan.proc.stderr.readline().strip()
    check(line == "" and "No such file" in error, f"without a template: {error}")
    orphan.end()
    check(os.listdir(place.huge) == [], "nor is one after kill -9 of the primary")


class Lock:
    def __init__(self, path):
        self.path = path

    def __enter__(self):
        self.fd = os.open(self.path, os.O_RDONLY)
        fcntl.flock(self.fd, fcntl.LOCK_EX)

    def __exit__(self, *_):
        os.close(self.fd)


def try_plain(place, rng):
    primary = Primary(place, True, 64)
    before = primary.ask("heap").split()
    kill_while_attaching(place, primary, True, PLAIN_KILLS, rng)
    after = primary.ask("heap", HANG_S)
    if after is None:
        print("        a killed secondary took the primary's heap lock with it", flush=True)
    else:
        leaked = int(after.split()[1]) - int(before[1])
        check(leaked > 0, f"plain: {PLAIN_KILLS} kills leak {leaked / 1024:.0f} KB of the heap")
        sockets = [p for p in primary.files() if "mp_socket_" in p]
        print(f"        and leave {len(sockets)} sockets", flush=True)
    last = Secondary(place, primary, True)
    if last.attached_ms(2 * HANG_S) is None:
        print("        and a lock: attaching hangs now", flush=True)
    last.end(signal.SIGKILL)
    primary.end(signal.SIGKILL)

    primary = Primary(place, True, 64)
    held = Secondary(place, primary, True)
    check(held.attached_ms() is not None, "plain: a secondary attaches")
    check(held.hugepages_kb() > 0, f"plain: it maps {held.hugepages_kb()} KB of the primary's memory")
    held.proc.send_signal(signal.SIGSTOP)
    check(primary.ask("alloc 100", HANG_S) is None,
          f"plain: with it stopped the primary's allocation takes over {HANG_S} s")
    held.end(signal.SIGKILL)
    primary.end(signal.SIGKILL)

    primary = Primary(place, True, 64)
    with Lock(place.huge):
        locked = Secondary(place, primary, True)
        check(locked.attached_ms(HANG_S) is None, "plain: the hugepage folder's lock blocks an attach")
        locked.end(signal.SIGKILL)
    primary.end(signal.SIGKILL)
    orphan = Secondary(place, primary, True)
    orphan.attached_ms()
    check(orphan.hugepages_kb() > 0,
          f"plain: attaching to a dead primary works, and keeps {orphan.hugepages_kb()} KB of it")
    orphan.end(signal.SIGKILL)
    # What a primary leaves that is killed while it starts: the first word says it is not ready.
    with open(os.path.join(primary.dir, "dpdk/cal/config"), "r+b") as f:
        f.write(bytes(4))
    orphan = Secondary(place, primary, True)
    check(orphan.attached_ms(HANG_S) is None, "plain: attaching to one that died in its start hangs")
    orphan.end(signal.SIGKILL)


def main():
    if os.geteuid() != 0:
        print("needs root: it mounts a hugetlbfs of its own")
        return 77
    if os.environ.get("CAL_HAZARD_INSIDE") != "1":
        os.environ["CAL_HAZARD_INSIDE"] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable,
                              os.path.abspath(__file__)])
    with open("/proc/meminfo") as f:
        free = next(int(line.split()[1]) for line in f if line.startswith("HugePages_Free"))
    if free < 128:
        print(f"needs 256 MB of hugepages, {free} pages are free")
        return 77
    print(f"        CAL_HAZARD_SEED={SEED}", flush=True)
    rng = random.Random(SEED)
    place = Place()
    try:
        try_ours(place, rng)
        try_plain(place, rng)
    finally:
        place.remove()
    print(f"{len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
