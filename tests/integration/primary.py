# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""What integration tests share: a primary in a run root of its own, and looking at it from outside.

Not a test (not executable). Tests import it from their own folder.
"""
import atexit
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

import rpc_common

BIN = os.path.join(os.environ.get("CAL_BUILD", "build"), "bin")
STATES = ["none", "env", "startup_rpc", "subsystem_init", "config", "running", "stopping",
          "stopped", "failed"]
# core/include/calandria/state.h
MAIN = struct.Struct("<iIQQ9Q9QQ64s32s128s256s108s")
MAIN_OFFSET = 16
SERVICES_COUNT_OFFSET = MAIN_OFFSET + (MAIN.size + 7) // 8 * 8 + 4
SERVICES_OFFSET = SERVICES_COUNT_OFFSET + 4
EXIT_LATE = -110 & 0xff  # of a start that --init-timeout ended
SERVICE = struct.Struct("<16siIIiQ88sIi224s")
SERVICE_STATES = ["off", "starting", "running", "backoff", "stopping", "hung", "crash_loop"]


def text(raw):
    return raw.split(b"\0", 1)[0].decode()


def a_core():
    """A CPU for a busy reactor: the last one that we may use, far from where tests run."""
    return max(os.sched_getaffinity(0))


def parse_state(raw):
    """The bytes of a state file."""
    m = MAIN.unpack_from(raw, MAIN_OFFSET)
    n, = struct.unpack_from("<I", raw, SERVICES_COUNT_OFFSET)
    services = {}
    for i in range(n):
        s = SERVICE.unpack_from(raw, SERVICES_OFFSET + i * SERVICE.size)
        services[text(s[0])] = {"pid": s[1], "state": SERVICE_STATES[s[2]], "restarts": s[3],
                             "status": s[4], "ends": s[7], "error": s[8], "binary": text(s[9])}
    return {"pid": m[0], "state": STATES[m[1]], "entered": m[4:13], "doing": text(m[25]),
            "reason": text(m[26]), "services": services}


class Failure(Exception):
    pass


def check(condition, what):
    if not condition:
        raise Failure(what)


def wait_for(fn, seconds, what):
    end = time.monotonic() + seconds
    while True:
        value = fn()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"not within {seconds} s: {what}")
        time.sleep(0.002)


def own_signals():
    """More of a primary's environment: left to itself AddressSanitizer takes a SIGSEGV that somebody sends for
    one of its findings, and ends the process with status 1."""
    return {"ASAN_OPTIONS": ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "handle_segv=0"]))}


MEMORY = "/dev/shm"


class Root:
    """A private $CALANDRIA_RUN_ROOT (and folder for files), removed at the end. With `in_memory` it is on a
    tmpfs, as /run is: a disk's rmdir() of one folder was seen to take 7 ms, and up to 26."""

    def __init__(self, in_memory=False):
        self.path = tempfile.mkdtemp(prefix="cal-test-")
        self.run = os.path.join(self.path, "run")
        self.locks = os.path.join(self.path, "locks")
        if in_memory and os.access(MEMORY, os.W_OK):
            self.run = tempfile.mkdtemp(prefix="cal-test-", dir=MEMORY)
        else:
            os.mkdir(self.run)
        os.mkdir(self.locks)
        self.primaries = []
        self.ends = []

    def at_end(self, fn):
        """What else is to be undone."""
        self.ends.append(fn)

    def env(self, **more):
        return dict(os.environ, CALANDRIA_RUN_ROOT=self.run, CALANDRIA_CPU_LOCK_DIR=self.locks,
                    TMPDIR=self.path, **more)

    def file(self, name, content=None):
        path = os.path.join(self.path, name)
        if content is not None:
            with open(path, "w") as f:
                f.write(content)
        return path

    def start(self, *args, instance=0, mem=64, core=None, wait="running", program=None, **more):
        primary = Primary(self, instance, args, mem, a_core() if core is None else core, more, program)
        self.primaries.append(primary)
        if wait:
            primary.wait_state(wait)
        return primary

    def run_to_end(self, *args, timeout=30, program=None, **more):
        """Run calandria with exactly these arguments; (exit status, stdout, stderr)."""
        proc = subprocess.run([program or os.path.join(BIN, "calandria"), *args],
                              env=self.env(**more), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout)
        return proc.returncode, proc.stdout.decode(), proc.stderr.decode()

    def close(self):
        for primary in self.primaries:
            primary.kill()
        rpc_common.end_services(self.run)  # of killed ones: cal-rpcd outlives its primary
        for fn in self.ends:
            fn()
        shutil.rmtree(self.path, ignore_errors=True)
        shutil.rmtree(self.run, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


class Primary:
    def __init__(self, root, instance, args, mem, core, more, program=None):
        self.root, self.instance = root, instance
        self.rpc = os.path.join(root.path, f"rpc{instance}.sock")
        self.stderr = open(root.file(f"stderr{instance}.{time.monotonic_ns()}"), "w+b")
        self.begun = time.monotonic()
        self.proc = subprocess.Popen(
            [program or os.path.join(BIN, "calandria"), "-m", hex(1 << core), "-s", str(mem), "-i",
             str(instance), "-r", self.rpc, *args],
            env=root.env(**more), stdin=subprocess.DEVNULL, stdout=self.stderr,
            stderr=self.stderr)
        self.pid = self.proc.pid

    def folder(self):
        return os.path.join(self.root.run, str(self.instance))

    def output(self):
        self.stderr.seek(0)
        return self.stderr.read().decode(errors="replace")

    def state(self):
        """The state file's main block and services, or None."""
        try:
            with open(os.path.join(self.folder(), "state"), "rb") as f:
                raw = f.read()
        except FileNotFoundError:
            return None
        if len(raw) < SERVICES_OFFSET or raw[:4] != b"LCTS":
            return None
        return parse_state(raw)

    def state_name(self):
        state = self.state()
        return state["state"] if state and state["pid"] == self.pid else None

    def wait_state(self, name, seconds=15):
        def there():
            if self.state_name() == name:
                return True
            if self.proc.poll() is not None:
                raise Failure(f"the primary ended with {self.proc.returncode} before it was "
                              f"{name}: {self.output()}")
            return False
        wait_for(there, seconds, f"state {name}")

    def rpc_call(self, method, params=None, timeout=5):
        """One JSON-RPC call on a connection of its own; the whole reply."""
        request = {"jsonrpc": "2.0", "id": 1, "method": method}
        if params is not None:
            request["params"] = params
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(timeout)
            s.connect(self.rpc)
            s.sendall(json.dumps(request).encode())
            data = b""
            while True:
                piece = s.recv(65536)
                if not piece:
                    raise Failure(f"{method}: the connection was closed without a reply")
                data += piece
                try:
                    return json.loads(data)
                except ValueError:
                    continue

    def hugepage_kb(self):
        with open(f"/proc/{self.pid}/status") as f:
            for line in f:
                if line.startswith("HugetlbPages:"):
                    return int(line.split()[1])
        raise Failure("the kernel does not say HugetlbPages")

    def waited_for_cpu(self):
        """Seconds for which its control pthread could have run and had no CPU. (Of a reactor, which never
        sleeps, the kernel counts them when they are over, and nobody can tell when they began.)"""
        for task in os.listdir(f"/proc/{self.pid}/task"):
            folder = f"/proc/{self.pid}/task/{task}"
            with open(f"{folder}/comm") as comm:
                name = comm.read().strip()
            if name == "cal-control":
                with open(f"{folder}/schedstat") as stat:
                    return int(stat.read().split()[1]) / 1e9
        raise Failure("no control pthread")

    def stop(self, sig=signal.SIGTERM, seconds=10):
        """Stop in order; (exit status, seconds it took)."""
        begin = time.monotonic()
        self.proc.send_signal(sig)
        status = self.proc.wait(seconds)
        return status, time.monotonic() - begin

    def kill(self):
        if self.proc.poll() is None:
            self.proc.kill()
            self.proc.wait()


def needs_hugepages(mb):
    free = 0
    try:
        with open("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages") as f:
            free = int(f.read()) * 2
    except FileNotFoundError:
        pass
    if free < mb:
        print(f"{mb} MB of free 2 MB hugepages are needed, there are {free}: "
              "run scripts/setup.sh config")
        sys.exit(77)


def before_others():
    """What this test starts goes before the machine's other work, if we may: the session's autogroup gets the
    highest priority until the end."""
    try:
        with open("/proc/self/autogroup") as file:
            nice = file.read().split()[-1]
        with open("/proc/self/autogroup", "w") as file:
            file.write("-20")
    except OSError:
        return

    def as_before():
        with open("/proc/self/autogroup", "w") as file:
            file.write(nice)
    atexit.register(as_before)


def main(cases):
    """Run the cases (functions that take a Root), or the ones named on the command line."""
    chosen = [c for c in cases if len(sys.argv) < 2 or c.__name__ in sys.argv[1:]]
    failed = 0
    for case in chosen:
        begin = time.monotonic()
        with Root() as root:
            try:
                case(root)
                print(f"  ok      {case.__name__} ({time.monotonic() - begin:.2f} s)", flush=True)
            except (Failure, subprocess.TimeoutExpired, OSError) as error:
                failed += 1
                print(f"  FAILED  {case.__name__}: {error}")
                for primary in root.primaries:
                    print("".join(f"          | {line}\n"
                                  for line in primary.output().splitlines()), end="")
    if not chosen:
        print("no such case")
    sys.exit(1 if failed or not chosen else 0)
