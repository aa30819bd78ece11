# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""What the tests of the supervisor share. Not a test (not executable)."""
import json
import os
import shutil
import socket
import subprocess
import threading
import time

import primary as p

BUILD = os.path.abspath(os.environ.get("CAL_BUILD", "build"))
CALCTL = os.path.join(BUILD, "bin/calctl")
SLACK = {"asan": 4, "valgrind": 20}.get(os.environ.get("CAL_SAN", ""), 1)
NAMES = ("rpcd", "confd", "mond")


def calctl(prim, *args, timeout=60):
    out = subprocess.run([CALCTL, "-i", str(prim.instance), *args], env=prim.root.env(),
                         capture_output=True, text=True, timeout=timeout)
    return out.returncode, out.stdout, out.stderr


def restart(prim, *args, name="rpcd"):
    """`service restart`: (exit status, what --json says, stderr)."""
    rc, out, err = calctl(prim, "--json", "service", "restart", name, *args)
    return rc, json.loads(out) if out else None, err


def start(root, instance, **more):
    """A primary with all three services."""
    folder = root.file("state-dir")
    os.makedirs(folder, exist_ok=True)
    prim = root.start("--state-dir", folder, instance=instance, **more)
    wait_running(prim)
    return prim


def services(prim):
    state = prim.state()
    return state["services"] if state else {}


def service(prim, name):
    return services(prim).get(name)


def wait_service(prim, name, seconds, what, test):
    """Until `test` of what the state file says of it is true; that."""
    def look():
        one = service(prim, name)
        return one if one and test(one) else None
    return p.wait_for(look, seconds * SLACK, f"{name}: {what} ({service(prim, name)})")


def wait_running(prim, *names, seconds=8):
    for name in names or NAMES:
        wait_service(prim, name, seconds, "runs", lambda s: s["state"] == "running" and s["pid"])


def processes(root, names=NAMES):
    """pids of the services of this run root that have not ended, by name (of their first argument)."""
    found = {name: [] for name in names}
    mark = ("CALANDRIA_RUN_ROOT=" + root.run).encode()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                name = f.read().split(b"\0")[0].decode(errors="replace")
            if not name.startswith("cal-") or name[4:] not in names:
                continue
            with open(f"/proc/{pid}/environ", "rb") as f:
                if mark not in f.read().split(b"\0"):
                    continue
            with open(f"/proc/{pid}/stat") as f:
                if f.read().rsplit(")", 1)[1].split()[0] != "Z":
                    found[name[4:]].append(int(pid))
        except OSError:
            pass
    return found


def one_of_each(prim, seconds=3):
    """One process of each service, and it is the one that is listed."""
    def look():
        return processes(prim.root) == {n: [s["pid"]] for n, s in services(prim).items()}
    p.wait_for(look, seconds * SLACK, f"one process a service: {processes(prim.root)}, "
                                      f"{services(prim)}")


def odd(root, what):
    """A program of tests/helpers/service_odd.c."""
    path = root.file("odd-" + what)
    shutil.copy(os.path.join(BUILD, "tests/helpers/service_odd"), path)
    return path


class Connecting(threading.Thread):
    """Connects, asks, takes the answer, closes, and so on; counts what goes wrong."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path, self.stopping = path, False
        self.asked = self.refused = self.lost = 0
        self.worst = 0.0

    def run(self):
        while not self.stopping:
            begin = time.monotonic()
            self.asked += 1
            try:
                with socket.socket(socket.AF_UNIX) as s:
                    s.settimeout(5 * SLACK)
                    s.connect(self.path)
                    s.sendall(b'{"jsonrpc":"2.0","id":7,"method":"spdk_get_version"}')
                    answer = b""
                    while not answer.endswith(b"}\n") and b'"id":7' not in answer:
                        piece = s.recv(65536)
                        if not piece:
                            break
                        answer += piece
                    if b'"result"' not in answer:
                        self.lost += 1
            except (ConnectionRefusedError, FileNotFoundError):
                self.refused += 1
            except OSError:
                self.lost += 1
            self.worst = max(self.worst, time.monotonic() - begin)


class Crowd:
    def __init__(self, prim, count=4):
        self.all = [Connecting(prim.rpc) for _ in range(count)]
        for one in self.all:
            one.start()

    def stop(self, least=50):
        for one in self.all:
            one.stopping = True
        for one in self.all:
            one.join(10 * SLACK)
        asked, refused, lost = (sum(getattr(one, key) for one in self.all)
                                for key in ("asked", "refused", "lost"))
        p.check(not any(one.is_alive() for one in self.all), "the clients end")
        p.check(asked >= least, f"only {asked} requests were sent")
        p.check(refused == 0 and lost == 0,
                f"{refused} connections refused and {lost} requests lost of {asked}")
        return asked, max(one.worst for one in self.all)
