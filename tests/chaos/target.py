# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""The primary under chaos: its devices, the verified I/O on them, the one client that is not killed,
and its services. Not a test (not executable)."""
import json
import os
import select
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
import primary as p  # noqa: E402  (tests/integration)

SERVICES = ("rpcd", "confd", "mond")
JOBS = ("Malloc0", "File0")
FILE_BYTES = 64 << 20
CALL_LIMIT_S = 10
MAX_JOBS = 64  # MAX_RUNNING of core/bdev/perf_rpc.c


class Hang(p.Failure):
    """Something that was waited for too long; what hung is in the text."""


def stacks(pid):
    """Where a process's threads are in the kernel, as far as we may see."""
    lines = []
    for tid in sorted(os.listdir(f"/proc/{pid}/task"), key=int):
        at = f"/proc/{pid}/task/{tid}"
        try:
            name, state = open(f"{at}/comm").read().strip(), ""
            for line in open(f"{at}/status"):
                if line.startswith("State:"):
                    state = line.split(None, 1)[1].strip()
            where = " < ".join(line.split("] ")[1].split("+")[0]
                               for line in open(f"{at}/stack").read().splitlines()[:6])
            lines.append(f"  {tid} {name}: {state}; {where}")
        except (OSError, IndexError):
            pass
    return "\n".join(lines)


class Caller:
    """tests/chaos/caller.c: attached from before the first kill until after the last."""

    def __init__(self, build, instance, env):
        self.proc = subprocess.Popen([os.path.join(build, "tests/chaos/caller"), str(instance)],
                                     env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.buffer = b""
        self.longest_us = 0
        if self.line(CALL_LIMIT_S) != b"attached":
            raise p.Failure("the client that stays cannot attach")

    def line(self, seconds):
        end = time.monotonic() + seconds
        while b"\n" not in self.buffer:
            if not select.select([self.proc.stdout], [], [], max(0, end - time.monotonic()))[0]:
                raise Hang(f"no answer within {seconds} s")
            piece = os.read(self.proc.stdout.fileno(), 1 << 20)
            if not piece:
                raise p.Failure("the client that stays has lost its link")
            self.buffer += piece
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line

    def call(self, method, params=None, fails=False):
        text = method if params is None else f"{method} {json.dumps(params)}"
        self.proc.stdin.write(text.encode() + b"\n")
        self.proc.stdin.flush()
        try:
            answer = json.loads(self.line(CALL_LIMIT_S))
        except Hang as hang:
            raise Hang(f"{method}: {hang}") from None
        self.longest_us = max(self.longest_us, answer["us"])
        if "error" in answer and not fails:
            raise p.Failure(f"{method}: {answer['error']}")
        return answer.get("result")

    def close(self):
        self.proc.stdin.close()
        self.proc.stdout.close()
        try:
            self.proc.wait(5)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()


class Target:
    def __init__(self, root, build, instance, mode, reactors, slack):
        self.root, self.build, self.slack = root, build, slack
        self.libexec = os.path.join(root.path, "libexec")
        state_dir = os.path.join(root.path, "state")
        os.mkdir(self.libexec)
        os.mkdir(state_dir)
        for name in SERVICES:
            self.mend(name)
        core = p.a_core()
        args = ["--state-dir", state_dir, *(["--interrupt-mode"] if mode == "interrupt" else [])]
        if reactors == 2:
            args += ["-m", "0x3"]
        self.prim = root.start(*args, instance=instance, mem=192, core=core,
                               CALANDRIA_LIBEXEC=self.libexec)
        if reactors == 1:  # ours and our victims' place is beside the reactor
            others = os.sched_getaffinity(0) - {core}
            os.sched_setaffinity(0, others or {core})
        self.env = root.env(CALANDRIA_LIBEXEC=self.libexec)
        self.calctl = [os.path.join(build, "bin/calctl"), "-i", str(instance)]
        self.victim = [os.path.join(build, "tests/chaos/victim"), str(instance)]
        self.file = root.file("file0")
        self.pid = self.prim.pid
        self.caller = Caller(build, instance, self.env)
        root.at_end(self.caller.close)
        self.jobs = {}

    def begin(self):
        """Devices, and I/O on two of them that goes on to the end."""
        with open(self.file, "wb") as file:
            file.truncate(FILE_BYTES)
        call = self.caller.call
        call("bdev_malloc_create", {"name": "Malloc0", "num_blocks": 32768, "block_size": 512})
        call("bdev_malloc_create", {"name": "Spare0", "num_blocks": 32768, "block_size": 512})
        call("bdev_malloc_create", {"name": "Spare1", "num_blocks": 32768, "block_size": 512})
        for number in range(100):  # for long answers
            call("bdev_null_create", {"name": f"Null{number}", "num_blocks": 1024,
                                      "block_size": 512})
        call("bdev_uring_create", {"name": "File0", "filename": self.file})
        for name in JOBS:
            self.jobs[name] = call("cal_perf_start", {
                "name": name, "workload": "randrw", "queue_depth": 8, "io_size": 4096,
                "time_ms": 86400000, "verify": True, "gaps": True})["id"]
        p.wait_for(lambda: all(call("cal_perf_get", {"id": job})["ios"] > 1000
                               for job in self.jobs.values()), 10, "I/O on all devices")

    def most_jobs(self):
        """Start as many jobs as can be beside ours, and end them."""
        ids = [self.caller.call("cal_perf_start", {"name": "Spare1", "workload": "randrw",
                                                   "queue_depth": 1, "time_ms": 60000})["id"]
               for _ in range(MAX_JOBS - len(self.jobs))]
        for number in ids:
            self.caller.call("cal_perf_stop", {"id": number})

    def slice(self):
        """{device: figures of its job since the last slice}"""
        return {name: self.caller.call("cal_perf_slice", {"id": job})
                for name, job in self.jobs.items()}

    def end(self):
        """Stop the I/O; {device: the last figures}."""
        return {name: self.caller.call("cal_perf_stop", {"id": job})
                for name, job in self.jobs.items()}

    def links_granted(self):
        """Since the start, from the stats segment (core/include/calandria/stats.h)."""
        with open(os.path.join(self.prim.folder(), "stats"), "rb") as file:
            raw = file.read(4096)
            offset, = struct.unpack_from("<I", raw, 40)
            file.seek(offset)
            return struct.unpack("<Q", file.read(8))[0]

    # --- the machine's part -----------------------------------------------------------------------

    def control_waited_us(self):
        """How long the control pthread could have run and did not, because others did."""
        total = 0
        for tid in os.listdir(f"/proc/{self.pid}/task"):
            with open(f"/proc/{self.pid}/task/{tid}/comm") as file:
                if "control" not in file.read():
                    continue
            with open(f"/proc/{self.pid}/task/{tid}/schedstat") as file:
                total += int(file.read().split()[1]) // 1000
        return total

    def attach(self, delay_us=0):
        """A clean client attaches: (ms that it took, ms of these without what the scheduler gave to
        others). `delay_us` is for the self-test."""
        waited = self.control_waited_us()
        with subprocess.Popen([*self.victim, "attach", str(delay_us)], env=self.env, stdout=subprocess.PIPE) as proc:
            try:
                out, _ = proc.communicate(timeout=CALL_LIMIT_S)
            except subprocess.TimeoutExpired:
                dump = stacks(proc.pid)
                proc.kill()
                raise Hang(f"a clean client's attach: no end after {CALL_LIMIT_S} s\n{dump}\n"
                           f"primary:\n{stacks(self.pid)}") from None
        if proc.returncode:
            raise p.Failure(f"a clean client could not attach: status {proc.returncode}")
        took, own = map(int, out.split())
        others = own + self.control_waited_us() - waited
        return took / 1000, max(took - others, 0) / 1000

    # --- services ---------------------------------------------------------------------------------

    def services(self):
        """{name: {pid, state, restarts}} as the state file has them."""
        state = self.prim.state()
        return state["services"] if state else {}

    def all_serve(self):
        services = self.services()
        return all(services.get(name, {}).get("state") == "running" for name in SERVICES)

    def service_processes(self, name):
        """All its processes, the one that takes over included."""
        found = []
        for tid in os.listdir(f"/proc/{self.pid}/task"):
            try:
                with open(f"/proc/{self.pid}/task/{tid}/children") as file:
                    children = file.read().split()
                for pid in children:
                    with open(f"/proc/{pid}/comm") as file:
                        if file.read().strip() == f"cal-{name}":
                            found.append(int(pid))
            except OSError:
                pass
        return found

    def spoil(self, name, kind):
        """From now on its program cannot be executed, or ends at once."""
        new = os.path.join(self.libexec, "new")
        with open(new, "wb") as file:
            file.write({"no format": b"\x7fELF nothing of the kind", "no loader": b"#!/nonexistent\n",
                        "ends": b"#!/bin/false\n"}[kind])
        os.chmod(new, 0o755)
        os.rename(new, os.path.join(self.libexec, f"cal-{name}"))

    def mend(self, name):
        new = os.path.join(self.libexec, "new")
        os.symlink(os.path.join(self.build, "bin", f"cal-{name}"), new)
        os.rename(new, os.path.join(self.libexec, f"cal-{name}"))
