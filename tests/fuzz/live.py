#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""Random and mutated JSON-RPC against a real primary and its cal-rpcd, on real sockets, while a
device is written and verified. $CAL_BUILD is the build, one with AddressSanitizer, too.

    live.py [--inputs N] [--seconds S] [--seed N] [-i ID]

Every method of METHODS.md that does not end the primary or this run, with parameters of the right
and of other types, single, in batches and pipelines, over many connections, Unix and TCP; texts cut anywhere,
bytes changed; clients that close their half, leave, reset, or do not read. An input is one JSON
value. What must hold:
  - what is in good form has exactly one answer with its id; everything else an answer or an end of
    the connection; all of it within 10 s;
  - primary and services are the same processes at the end, with as many descriptors, and no more
    memory than after the first tenth. cal-rpcd is replaced now and then (cal_service_restart), and
    hands over: nothing of the above may be lost by that;
  - I/O goes on without an error.
The last line says what was done. The seed is printed; --seed repeats the inputs.
"""
import argparse
import collections
import json
import os
import random
import re
import select
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
import methods as m  # pylint: disable=wrong-import-position
import rpc_common as rc  # pylint: disable=wrong-import-position

LIMIT_S = 10 * rc.SLOW
# They end the primary, a service or this run's own work; config steps are cal-confd's.
LEFT_OUT = {"spdk_kill_instance", "cal_service_restart", "cal_perf_stop", "log_set_print_level"}
# Each writes a file; may wait for ever: only where nothing hangs on the end of it.
SELDOM = {"env_dpdk_get_mem_stats": 0.02, "rpc_get_methods": 0.1, "cal_perf_start": 0.2}
NAMES = [f"Fz{i}" for i in range(8)] + ["", "x" * 300, "Fz0\n", "é"]
LOAD = "FuzzLoad"
EVENTFD = "anon_inode:[eventfd]"
MEMORY_MB = 24
if os.environ.get("CAL_SAN") == "asan":
    # AddressSanitizer keeps what was freed, up to 256 MB of it in each process if it is not told.
    QUARANTINE_MB = 16
    os.environ["ASAN_OPTIONS"] = ":".join(filter(None, [
        os.environ.get("ASAN_OPTIONS"), f"quarantine_size_mb={QUARANTINE_MB}"]))
    MEMORY_MB += 2 * QUARANTINE_MB  # with its red zones
RESTART_EVERY = 4000  # inputs


class Wrong(Exception):
    pass


class Stream:
    """One connection's worth of inputs: the bytes, and the ids that are owed an answer."""

    def __init__(self):
        self.data = b""
        self.owed = {}  # id as it is written: how many answers
        self.inputs = 0
        self.exact = True


class Inputs:
    def __init__(self, seed, live_methods):
        self.rng = random.Random(seed)
        documented = m.read_methods()
        self.methods = [(name, documented.get(name, [])) for name in sorted(live_methods) if name not in LEFT_OUT]
        self.next_id = 0

    def request(self, may_wait):
        rng = self.rng
        while True:
            name, params = rng.choice(self.methods)
            if rng.random() < SELDOM.get(name, 1):
                break
        values = m.params_of(rng, params, NAMES)
        if isinstance(values, dict):
            if values.get("timeout") and not may_wait:
                del values["timeout"]
            elif isinstance(values.get("timeout"), (int, float)):
                values["timeout"] = min(values["timeout"], 30)
            if name == "cal_perf_start":
                values["time_ms"] = rng.choice([1, 5, 20])
            if isinstance(values.get("filename"), str):
                values["filename"] = "/nonexistent/" + values["filename"].replace("\0", "")
        request = {"jsonrpc": "2.0", "method": name}
        if not (values == {} and rng.random() < 0.8):
            request["params"] = values
        return request

    def single(self, stream, may_wait=True):
        """A request in good form, owed one answer; seldom one without an id, or one that is wrong as a request."""
        rng = self.rng
        request = self.request(may_wait)
        dice = rng.random()
        stream.inputs += 1
        if dice < 0.03:
            return json.dumps(request)
        self.next_id += 1
        owed_id = rng.choice([str(self.next_id), f'"{self.next_id}"', f'"\\u00e9{self.next_id}"', f"-{self.next_id}"])
        text = json.dumps(request, ensure_ascii=rng.random() < 0.5)
        stream.owed[owed_id] = stream.owed.get(owed_id, 0) + 1
        return text[:-1] + f', "id": {owed_id}}}'

    def value(self, stream, may_wait=True):
        rng = self.rng
        if rng.random() < 0.05:
            return "[" + ",".join(self.single(stream, may_wait) for _ in range(rng.randint(1, 12))) + "]"
        return self.single(stream, may_wait)

    def good(self, count):
        stream = Stream()
        while stream.inputs < count:
            stream.data += self.value(stream).encode() + self.rng.choice([b"", b"\n", b" \r\n\t"])
        return stream

    def mutated(self, count):
        """Bytes changed: nothing but an end can be owed."""
        rng, stream = self.rng, Stream()
        stream.exact = False
        while stream.inputs < count:
            data = bytearray(self.value(stream, False).encode())
            for _ in range(rng.choice([0, 0, 1, 1, 2, 5])):
                self.mutate(data)
            stream.data += bytes(data)
        return stream

    def mutate(self, data):
        rng = self.rng
        at = rng.randrange(len(data) + 1)
        how = rng.randrange(6)
        if how == 0:
            data[at:at] = bytes([rng.randrange(256)])
        elif how == 1:
            del data[at:at + rng.randint(1, 9)]
        elif how == 2:
            data[at:at] = rng.choice([b"{", b"}", b"[", b"]", b'"', b",", b":", b"\\", b"\0", b"\\u0000", b"\\ud834",
                                      b"null", b"1e400", b"[" * 70, b"\xff", b"\xed\xa0\x80", b"/*"])
        elif how == 3 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif how == 4:
            data[at:at] = data[at:at + rng.randint(1, 200)]
        elif how == 5:
            data[at:] = b""


def answers_of(line):
    try:
        value = json.loads(line)
    except ValueError as err:
        raise Wrong(f"an answer is no JSON ({err}): {line[:300]!r}") from err
    for answer in value if isinstance(value, list) else [value]:
        if not isinstance(answer, dict) or answer.get("jsonrpc") != "2.0" or \
                ("result" in answer) == ("error" in answer) or "id" not in answer:
            raise Wrong(f"no answer: {line[:300]!r}")
        yield answer


class Talk:
    """A client at work on one stream."""

    def __init__(self, address, stream, rng):
        self.sock = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        self.sock.connect(address)
        self.sock.setblocking(False)
        self.stream, self.rng = stream, rng
        self.put, self.got = 0, b""
        self.begun = time.monotonic()
        self.shut = False
        self.closed = False
        self.half_close = not stream.exact or rng.random() < 0.3
        dice = rng.random()
        self.leave_at = rng.random() * len(stream.data) if dice < 0.05 else None
        self.reset = dice < 0.02
        self.piece = rng.choice([7, 64, 1000, 1 << 20, 1 << 20])
        self.answers = 0

    def fileno(self):
        return self.sock.fileno()

    def wants_to_write(self):
        return not self.shut and (self.put < len(self.stream.data) or self.half_close)

    def write(self):
        try:
            self.put += self.sock.send(self.stream.data[self.put:self.put + self.piece])
        except BlockingIOError:
            return
        except (BrokenPipeError, ConnectionResetError):
            if self.stream.exact:
                raise Wrong("the connection was closed in the middle of requests in good form") from None
            self.put = len(self.stream.data)
        if self.leave_at is not None and self.put >= self.leave_at:
            self.leave()
        elif self.put == len(self.stream.data) and self.half_close:
            try:
                self.sock.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            self.shut = True

    def leave(self):
        if self.reset:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()
        self.closed = True

    def read(self):
        try:
            data = self.sock.recv(1 << 18)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data = b""
        lines = (self.got + data).split(b"\n")
        self.got = lines.pop()
        owed = self.stream.owed
        for line in lines:
            for answer in answers_of(line):
                self.answers += 1
                text = self.spelt(answer["id"])
                if text in owed:
                    owed[text] -= 1
                    if owed[text] == 0:
                        del owed[text]
                elif self.stream.exact and answer["id"] is not None:
                    raise Wrong(f"an answer that nobody waits for: {line[:300]!r}")
        if not data:
            if self.stream.exact and owed:
                raise Wrong(f"the connection was closed, {len(owed)} requests have no answer: {sorted(owed)[:5]}")
            if self.got:
                raise Wrong(f"half an answer, then the end: {self.got[:300]!r}")
            self.leave()

    def is_over(self):
        """All was said and answered, and the connection's end is not waited for."""
        return not self.closed and self.stream.exact and not self.stream.owed and not self.half_close and \
            not self.wants_to_write()

    def spelt(self, value):
        for text in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
            if text in self.stream.owed:
                return text
        return json.dumps(value)

    def check_time(self, now):
        if now - self.begun > LIMIT_S:
            raise Wrong(f"neither an answer nor an end within {LIMIT_S:.0f} s: {len(self.stream.owed)} requests, "
                        f"{sorted(self.stream.owed)[:3]}, {self.put} of {len(self.stream.data)} bytes taken: "
                        f"{self.stream.data[:1500]!r}")


def fds(pid):
    """What its descriptors are, and how many of each."""
    kinds = collections.Counter()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            kinds[re.sub(r"\d+", "N", os.readlink(f"/proc/{pid}/fd/{fd}"))] += 1
        except OSError:
            pass
    return kinds


def rss_mb(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1]) / 1024


class Run:
    def __init__(self, primary, args):
        self.primary, self.args = primary, args
        self.admin = primary.connect()
        self.admin.result("log_set_print_level", {"level": "ERROR"})
        self.admin.result("bdev_malloc_create", {"name": LOAD, "num_blocks": 16384, "block_size": 512})
        self.start_io()
        # What is made at the first change of mode stays.
        core = max(os.sched_getaffinity(0))
        for enable in (True, False):
            self.admin.result("cal_reactor_set_interrupt_mode", {"lcore": core, "enable": enable})
        self.inputs = Inputs(args.seed, self.admin.result("rpc_get_methods", {"current": True}))
        self.done = self.answers = self.connections = 0
        self.before = None
        self.restarts = 0

    def start_io(self):
        job = self.admin.result("cal_perf_start", {"name": LOAD, "workload": "randrw", "queue_depth": 2, "io_size": 4096,
                                                   "time_ms": 3600000, "verify": True})
        self.job = job["id"] if isinstance(job, dict) else job

    def check_io(self):
        got = self.admin.result("cal_perf_get", {"id": self.job})
        if not got["running"] or got["errors"] or got["verify"]["mismatches"] or not got["ios"]:
            raise Wrong(f"I/O went wrong: {got}")
        return got["ios"]

    def services(self):
        return {s["name"]: (s["pid"], s["restarts"]) for s in self.admin.result("cal_service_list")}

    def clean_up(self):
        """As at the beginning: no devices but ours."""
        for _ in range(3):
            for bdev in self.admin.result("bdev_get_bdevs"):
                if bdev["name"] != LOAD:
                    kind = {"Malloc disk": "malloc", "Null disk": "null"}.get(bdev["product_name"], "uring")
                    self.admin.call(f"bdev_{kind}_delete", {"name": bdev["name"]})
        self.admin.result("log_set_print_level", {"level": "ERROR"})
        self.admin.call("framework_enable_cpumask_locks")
        self.admin.call("framework_set_scheduler", {"name": "static"})
        self.admin.call("cal_reactor_set_interrupt_mode", {"lcore": max(os.sched_getaffinity(0)), "enable": False})

    def heap(self):
        """Bytes that the primary has from DPDK's heap."""
        with open(self.admin.result("env_dpdk_get_mem_stats")["filename"], encoding="utf-8") as file:
            return sum(int(n) for n in re.findall(r"Alloc_size:(\d+)", file.read()))

    def figures(self):
        self.clean_up()
        pids = {"primary": self.primary.proc.pid, "rpcd": self.services()["rpcd"][0]}
        return {"heap": self.heap(), "services": self.services(),
                "threads": [t["name"] for t in self.admin.result("thread_get_stats")["threads"]],
                "fds": {name: fds(pid) for name, pid in pids.items()},
                "rss": {name: rss_mb(pid) for name, pid in pids.items()}}

    def check_restarts(self):
        """All of them were hand-overs that came to their end."""
        log = self.primary.service_log("rpcd")
        if "not taken over" in log:
            raise Wrong(f"a hand-over failed: {log[-2000:]}")

    def compare(self):
        rc.wait_until(lambda: self.figures()["fds"] == self.before["fds"], 5, 0.2)
        self.check_restarts()
        now, before = self.figures(), self.before
        for figures in (now, before):  # that one was replaced
            figures["services"].pop("rpcd")
        if now["services"] != before["services"]:
            raise Wrong(f"services were {before['services']} and are {now['services']}")
        if now["threads"] != before["threads"]:
            raise Wrong(f"threads were {before['threads']} and are {now['threads']}")
        # A thread's memory is used again, and keeps its eventfd from the first time that it slept.
        kept = before["fds"]["primary"][EVENTFD]
        if kept < now["fds"]["primary"][EVENTFD] <= kept + 8:
            now["fds"]["primary"][EVENTFD] = kept
        if now["fds"] != before["fds"]:
            raise Wrong("descriptors: " + "; ".join(
                f"{name} had {before['fds'][name] - kinds}, has {kinds - before['fds'][name]}"
                for name, kinds in now["fds"].items()))
        if now["heap"] != before["heap"]:
            raise Wrong(f"bytes of DPDK's heap: {before['heap']}, now {now['heap']}")
        for name, size in now["rss"].items():
            if size > before["rss"][name] + MEMORY_MB:
                raise Wrong(f"memory of {name}: {before['rss'][name]:.1f} MB, now {size:.1f} MB")
        return now

    def stretch(self, count):
        """Some streams at once, until all have ended."""
        rng, talks = self.inputs.rng, []
        for _ in range(rng.choice([1, 4, 8, 30])):
            many = rng.choice([1, 10, 100])
            stream = self.inputs.good(many) if rng.random() < 0.6 else self.inputs.mutated(min(many, 8))
            self.done += stream.inputs
            address = self.primary.socket if rng.random() < 0.7 else ("127.0.0.1", self.args.port)
            talks.append(Talk(address, stream, rng))
            if self.done >= count:
                break
        self.connections += len(talks)
        if self.done >= (self.restarts + 1) * RESTART_EVERY:
            self.restarts += 1
            self.admin.result("cal_service_restart", {"name": "rpcd"})
        try:
            self.pump(talks)
        finally:
            self.answers += sum(talk.answers for talk in talks)
            for talk in talks:
                talk.sock.close()

    @staticmethod
    def pump(talks):
        while talks:
            readable, writable, _ = select.select(talks, [t for t in talks if t.wants_to_write()], [], 1)
            for talk in writable:
                if not talk.closed:
                    talk.write()
            for talk in readable:
                if not talk.closed:
                    talk.read()
            now = time.monotonic()
            for talk in talks:
                if talk.is_over():
                    talk.leave()
                elif not talk.closed:
                    talk.check_time(now)
            talks = [talk for talk in talks if not talk.closed]

    def run(self):
        begin, ios = time.monotonic(), self.check_io()
        next_look = 0
        while self.done < self.args.inputs and not (self.args.seconds and time.monotonic() - begin > self.args.seconds):
            self.stretch(self.args.inputs)
            if self.primary.proc.poll() is not None:
                raise Wrong(f"the primary has ended with {self.primary.proc.returncode}")
            if self.done >= next_look:
                next_look = self.done + max(200, self.args.inputs // 100)
                self.check_io()
                self.clean_up()
            tenth = self.args.seconds and time.monotonic() - begin > self.args.seconds / 10
            if self.before is None and (tenth or self.done >= self.args.inputs // 10):
                self.before = self.figures()
        now = self.compare()
        took = time.monotonic() - begin
        ios = self.check_io() - ios
        return (f"{self.done} inputs over {self.connections} connections, {self.answers} answers, {self.restarts} hand-overs, "
                f"{took:.0f} s, "
                f"{ios} I/O verified, memory {now['rss']['primary']:.0f} MB (before: {self.before['rss']['primary']:.0f}), "
                f"rpcd {now['rss']['rpcd']:.1f} MB (before: {self.before['rss']['rpcd']:.1f})")


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--inputs", type=int, default=20000)
    ap.add_argument("--seconds", type=float, default=0)
    ap.add_argument("--seed", type=int, default=int(time.time()))
    ap.add_argument("-i", "--instance", type=int, default=0)
    args = ap.parse_args()
    print(f"seed {args.seed}", flush=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        args.port = probe.getsockname()[1]
    with rc.Primary(args.instance, args=("--rpc-tcp", str(args.port)), megabytes=128) as primary:
        if not primary.wait_state("running", seconds=20):
            print(primary.logs())
            return 1
        run = None
        try:
            run = Run(primary, args)
            said = run.run()
            primary.proc.terminate()
            if primary.proc.wait(10 * rc.SLOW) != 0:
                raise Wrong(f"the primary ended with {primary.proc.returncode}: {primary.logs()[-3000:]}")
        except (Wrong, OSError, RuntimeError, ConnectionError) as err:
            print(primary.logs()[-4000:])
            print(f"seed {args.seed}, after {run.done if run else 0} inputs: {err}")
            return 1
    print(said)
    return 0


if __name__ == "__main__":
    sys.exit(main())
