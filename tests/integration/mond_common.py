# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""A client of mond.sock, and looking at what a service process holds. Not a test (not executable)."""
import os
import socket
import struct
import threading
import time


def pack(value):
    """MessagePack of what requests are made of."""
    if value is None:
        return b"\xc0"
    if isinstance(value, int):
        return bytes([value]) if 0 <= value < 128 else b"\xce" + struct.pack(">I", value)
    if isinstance(value, str):
        raw = value.encode()
        return (bytes([0xa0 | len(raw)]) if len(raw) < 32 else b"\xd9" + bytes([len(raw)])) + raw
    if isinstance(value, dict):
        return bytes([0x80 | len(value)]) + b"".join(pack(k) + pack(v) for k, v in value.items())
    return bytes([0x90 | len(value)]) + b"".join(pack(v) for v in value)


def request(method, params=None):
    body = pack([0, 1, method, params])
    return struct.pack("=I", len(body)) + body


class Monitor:
    """A connection to mond.sock. Answers come as they are: MessagePack, names and sentences in it can
    be looked for."""

    def __init__(self, path, timeout=10):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(timeout)
        try:
            self.sock.connect(path)
        except OSError:
            self.sock.close()
            raise

    def exactly(self, n):
        data = b""
        while len(data) < n:
            piece = self.sock.recv(n - len(data))
            if not piece:
                raise ConnectionError("the monitor closed the connection")
            data += piece
        return data

    def answer(self):
        return self.exactly(struct.unpack("=I", self.exactly(4))[0])

    def call(self, method, params=None):
        self.sock.sendall(request(method, params))
        return self.answer()

    def show(self):
        return self.call("trace_show", {"what": "pollers"})

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


class Knocker(threading.Thread):
    """Connects anew for each request, in a loop; what went wrong is kept."""

    def __init__(self, path, pause=0.0):
        super().__init__(daemon=True)
        self.path, self.pause = path, pause
        self.stopping, self.answers, self.problems, self.slowest = False, 0, [], 0.0
        self.last = b""

    def run(self):
        while not self.stopping:
            begin = time.monotonic()
            try:
                with Monitor(self.path) as monitor:
                    self.last = monitor.show()
                self.answers += 1
            except OSError as error:
                self.problems.append(repr(error))
            self.slowest = max(self.slowest, time.monotonic() - begin)
            time.sleep(self.pause)

    def stop(self):
        self.stopping = True
        self.join(15)


class Stayer(Knocker):
    """The same on one connection, now and then in two pieces."""

    def run(self):
        try:
            with Monitor(self.path) as monitor:
                while not self.stopping:
                    begin = time.monotonic()
                    data = request("trace_show", {"what": "pollers"})
                    cut = self.answers % len(data)
                    monitor.sock.sendall(data[:cut])
                    time.sleep(0.0005)
                    monitor.sock.sendall(data[cut:])
                    self.last = monitor.answer()
                    self.answers += 1
                    self.slowest = max(self.slowest, time.monotonic() - begin)
                    time.sleep(self.pause)
        except OSError as error:
            self.problems.append(repr(error))


def mappings(pid):
    """The lines of /proc/PID/maps."""
    with open(f"/proc/{pid}/maps") as file:
        return file.read().splitlines()


def descriptors(pid):
    """{number: what it is} of a process."""
    found = {}
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            found[int(name)] = os.readlink(f"/proc/{pid}/fd/{name}")
        except OSError:
            pass
    return found


def of_a_primary(pid, run):
    """What process `pid` still has of a primary in the run root `run`: memory of links and stats,
    EAL's files and hugepages, the gate. Its own log and its own socket are not."""
    left = [line for line in mappings(pid)
            if run in line or "memfd:" in line or "huge" in line.lower()]
    for fd, what in descriptors(pid).items():
        if "memfd:" in what or "huge" in what.lower() or \
                run in what and not what.endswith((".log", ".log (deleted)", ".sock")):
            left.append(f"fd {fd}: {what}")
    return left
