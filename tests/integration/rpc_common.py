# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""What the tests of JSON-RPC and of config loading share: a real primary with its services in a
private folder, and a client that speaks to its socket in raw bytes. Not a test."""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

BUILD = os.path.abspath(os.environ.get("CAL_BUILD", "build"))
CALANDRIA = os.path.join(BUILD, "bin/calandria")
CALCTL = os.path.join(BUILD, "bin/calctl")
SLOW = float(os.environ.get("CAL_TEST_SLOW", "1"))  # factor on every time limit, for valgrind

failures = []


def check(ok, what, detail=""):
    print(("ok      " if ok else "FAILED  ") + what + (f": {detail}" if detail and not ok else ""),
          flush=True)
    if not ok:
        failures.append(what)
    return ok


def finish():
    if failures:
        print(f"{len(failures)} failed")
    sys.exit(1 if failures else 0)


def end_services(run_root):
    """End the services of killed primaries of this run root: cal-rpcd outlives its primary."""
    root = f"CALANDRIA_RUN_ROOT={run_root}".encode()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm") as file:
                if not file.read().startswith("cal-"):
                    continue
            with open(f"/proc/{pid}/environ", "rb") as file:
                if root in file.read().split(b"\0"):
                    os.kill(int(pid), signal.SIGKILL)
        except OSError:  # it has ended meanwhile
            pass


def wait_until(fn, seconds, step=0.005):
    end = time.monotonic() + seconds * SLOW
    while time.monotonic() < end:
        value = fn()
        if value:
            return value
        time.sleep(step)
    return fn()


class Primary:
    """calandria, with its services, in a folder that goes with it."""

    def __init__(self, instance, args=(), mask=None, config=None, megabytes=64):
        self.instance = instance
        self.dir = tempfile.mkdtemp(prefix="cal-test.")
        self.socket = os.path.join(self.dir, "rpc.sock")
        self.env = dict(os.environ, CALANDRIA_RUN_ROOT=os.path.join(self.dir, "run"),
                        CALANDRIA_CPU_LOCK_DIR=self.dir, TMPDIR=self.dir)
        mask = mask or hex(1 << (max(os.sched_getaffinity(0))))
        argv = [CALANDRIA, "-m", mask, "-s", str(megabytes), "-i", str(instance), "-r", self.socket]
        if config is not None:
            self.config = os.path.join(self.dir, "config.json")
            with open(self.config, "w") as file:
                file.write(config if isinstance(config, str) else json.dumps(config, indent=2))
            argv += ["-c", self.config]
        self.log = open(os.path.join(self.dir, "primary.log"), "w+")
        self.argv = argv + list(args)
        self.start()

    def start(self):
        """Also again, after it has ended."""
        self.proc = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=self.log,
                                     stderr=subprocess.STDOUT, env=self.env)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if exc[0] is not None:
            print(self.logs())
        if self.proc.poll() is None:
            self.proc.terminate()
            try:
                self.proc.wait(10 * SLOW)
            except subprocess.TimeoutExpired:
                self.proc.kill()
                self.proc.wait()
        self.log.close()
        end_services(self.env["CALANDRIA_RUN_ROOT"])
        shutil.rmtree(self.dir, ignore_errors=True)

    def logs(self):
        text = self.output()
        folder = os.path.join(self.dir, "run", str(self.instance), "log")
        for name in os.listdir(folder) if os.path.isdir(folder) else ():
            with open(os.path.join(folder, name), errors="replace") as file:
                text += f"--- {name}\n{file.read()}"
        return text

    def service_log(self, name):
        try:
            with open(os.path.join(self.dir, "run", str(self.instance), "log", name + ".log"),
                      errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def output(self):
        self.log.flush()
        with open(self.log.name, errors="replace") as file:
            return file.read()

    def connect(self, seconds=10):
        """A client, as soon as somebody listens."""
        end = time.monotonic() + seconds * SLOW
        while True:
            try:
                return Client(self.socket)
            except (FileNotFoundError, ConnectionRefusedError):
                if self.proc.poll() is not None:
                    raise RuntimeError("the primary has ended:\n" + self.logs())
                if time.monotonic() > end:
                    raise RuntimeError("nobody listens:\n" + self.logs())
                time.sleep(0.005)

    def status(self):
        out = subprocess.run([CALCTL, "-i", str(self.instance), "--json", "status"], env=self.env,
                             capture_output=True, text=True)
        return json.loads(out.stdout) if out.returncode == 0 else None

    def service(self, name):
        """What `calctl status` says about it, or None."""
        status = self.status()
        for service in status["services"] if status else ():
            if service["name"] == name:
                return service
        return None

    def service_pid(self, name):
        service = self.service(name)
        return service["pid"] if service else 0

    def kill_service(self, name, sig=signal.SIGKILL):
        pid = self.service_pid(name)
        if pid:
            os.kill(pid, sig)
        return pid

    def wait_state(self, *states, seconds=10):
        def reached():
            status = self.status()
            return status["state"] if status and status["state"] in states else None
        return wait_until(reached, seconds)


class Client:
    """A connection in raw bytes; answers are lines."""

    def __init__(self, path, timeout=10):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(timeout * SLOW)
        self.buf = b""
        try:
            self.sock.connect(path)
        except OSError:
            self.sock.close()
            raise

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else data.encode())

    def line(self):
        """The next answer, b"" at the end of the connection."""
        while b"\n" not in self.buf:
            data = self.sock.recv(1 << 16)
            if not data:
                rest, self.buf = self.buf, b""
                return rest
            self.buf += data
        line, self.buf = self.buf.split(b"\n", 1)
        return line

    def at_end(self):
        """Whether nothing more comes and the connection was closed."""
        return self.line() == b""

    def call(self, method, params=None, id=1):
        request = {"jsonrpc": "2.0", "method": method, "id": id}
        if params is not None:
            request["params"] = params
        self.send(json.dumps(request))
        line = self.line()
        if not line:
            raise ConnectionError("closed without an answer")
        return json.loads(line)

    def result(self, method, params=None):
        answer = self.call(method, params)
        if "result" not in answer:
            raise RuntimeError(f"{method}: {answer}")
        return answer["result"]

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
