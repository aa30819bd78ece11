# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""Who is killed, and how: kinds of victims, their signals, and a process to be killed at an instant.

Not a test (not executable)."""
import os
import signal
import time

FAULTS = ["SEGV", "ABRT", "BUS", "ILL", "FPE"]
SIGNALS = ["KILL"] * 6 + FAULTS + ["TERM", "INT", "HUP", "QUIT", "PIPE", "STOP", "STOP"]
GRACE_S = 0.5  # for a signal that was caught or is ignored; then SIGKILL
HANG_S = 10    # and nothing survives that for so long

CALCTL = [
    ["status"], ["--json", "status"], ["methods"], ["reactors"], ["threads"], ["pollers"],
    ["subsystems"], ["bdevs"], ["iostat"], ["service", "list"], ["logs", "rpcd"],
    ["rpc", "bdev_get_bdevs"], ["rpc", "bdev_get_iostat"], ["rpc", "thread_get_stats"],
    ["rpc", "framework_get_config", '{"name": "bdev"}'], ["rpc", "rpc_get_methods"],
    # Little I/O: what is done for them is no gap that a kill makes.
    ["perf", "Spare0", "-q", "2", "-t", "60"],
    ["perf", "Spare0", "-q", "2", "-t", "60", "--verify", "-w", "randrw"],
    ["trace", "start", "pollers"], ["trace", "stop"], ["trace", "show", "pollers"],
    ["config", "save", "SAVED"],
    ["service", "restart", "rpcd"], ["service", "restart", "mond"], ["service", "restart", "confd"],
    ["service", "restart", "all"],
]


class Kinds:
    """Draws victims: (name, argv, how long it lives at most, in seconds)."""

    def __init__(self, rnd, build, instance, rpc_socket, saved, oom):
        self.rnd, self.instance = rnd, str(instance)
        self.victim = os.path.join(build, "tests/chaos/victim")
        self.calctl = os.path.join(build, "bin/calctl")
        self.rpc_socket, self.saved, self.oom = rpc_socket, saved, oom
        # How often, of a hundred.
        self.weights = {"calls": 12, "long": 10, "flight": 10, "nap": 8, "hello": 6, "loop": 10,
                        "unread": 6, "child": 5, "jobs": 5, "oom": 2 if oom else 0, "json": 6,
                        "calctl": 20}
        self.names = list(self.weights)

    def draw(self, name=None):
        if name is None:
            name = self.rnd.choices(self.names, [self.weights[n] for n in self.names])[0]
        if name == "calctl":
            command = self.rnd.choice(CALCTL)
            argv = [self.calctl, "-i", self.instance,
                    *(self.saved if word == "SAVED" else word for word in command)]
            return "calctl " + command[0], argv, 0.06
        more = {"jobs": ["Spare1"], "oom": [self.oom], "json": [self.rpc_socket]}.get(name, [])
        return name, [self.victim, self.instance, name, *more], 0.08

    def when(self, life):
        """Any instant of its life; more often in its beginning, where so much happens."""
        draw = self.rnd.random()
        if draw < 0.08:
            return self.rnd.random() * 0.0015
        if draw < 0.45:
            return self.rnd.random() * 0.03
        return self.rnd.random() * life


class Victim:
    """A process of ours and what is still to happen to it."""

    def __init__(self, kind, argv, env, stderr):
        self.kind = kind
        self.begun = time.monotonic()
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        self.pid = os.posix_spawn(argv[0], argv, env, file_actions=[
            (os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, null, 1),
            (os.POSIX_SPAWN_DUP2, stderr, 2)], setpgroup=0,
            setsigdef=[signal.SIGPIPE])  # which Python ignores
        os.close(null)
        self.status = None
        self.signalled = None  # when the first signal was sent, on the killer's clock
        self.signal = None
        self.last = "KILL" if kind == "oom" else None  # the newest

    def send(self, name, now=0):
        if self.status is None:
            os.kill(self.pid, getattr(signal, "SIG" + name))
            self.last = name
            if self.signalled is None:
                self.signalled, self.signal = now, name

    def reap(self):
        """Whether it has ended."""
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status is not None


class OomGroup:
    """A memory cgroup with a small limit, version 1 or 2; None of `procs` when there can be none."""

    LIMIT = 48 << 20
    ROOT = "/sys/fs/cgroup"

    def __init__(self):
        self.procs = self.folder = None
        self.why = ""
        name = f"cal-chaos-{os.getpid()}"
        for base, limit in ((f"{self.ROOT}/memory", "memory.limit_in_bytes"),
                            (self.ROOT, "memory.max")):
            folder = os.path.join(base, name)
            try:
                os.mkdir(folder)
            except OSError as error:
                self.why = str(error)
                continue
            try:
                with open(os.path.join(folder, limit), "w", encoding="ascii") as file:
                    file.write(str(self.LIMIT))
                self.folder, self.procs = folder, os.path.join(folder, "cgroup.procs")
                self.set_quietly("memory.swap.max", "0")
                self.set_quietly("memory.swappiness", "0")
                return
            except OSError as error:
                self.why = str(error)
                os.rmdir(folder)

    def set_quietly(self, name, value):
        try:
            with open(os.path.join(self.folder, name), "w", encoding="ascii") as file:
                file.write(value)
        except OSError:
            pass

    def kills(self):
        """How many processes the kernel has killed in it."""
        for name in ("memory.oom_control", "memory.events"):
            try:
                with open(os.path.join(self.folder, name), encoding="ascii") as file:
                    for line in file:
                        key, value = line.split()
                        if key == "oom_kill":
                            return int(value)
            except OSError:
                pass
        return 0

    def close(self):
        for _ in range(100):
            try:
                if self.folder:
                    os.rmdir(self.folder)
                return
            except OSError:
                time.sleep(0.01)
